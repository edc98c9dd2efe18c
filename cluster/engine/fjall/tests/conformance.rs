//! The engine in fjall keeps what every engine promises.

mod folder;

use engine::Engine;
use engine::conformance::{self, Bench};
use engine_fjall::{FjallEngine, Options};
use folder::Folder;

struct Fjall {
    engine: Option<FjallEngine>,
    folder: Folder,
    options: Options,
}

impl Fjall {
    fn new() -> Self {
        let options = Options { memory_bytes: 1 << 20, free_bytes_min: 0, files_max: 100, turn: 0 };
        let folder = Folder::new();
        let engine = FjallEngine::open(&folder.path, options).expect("an empty folder opens");
        Self { engine: Some(engine), folder, options }
    }

    fn open(&mut self) {
        let engine = FjallEngine::open(&self.folder.path, self.options);
        self.engine = Some(engine.expect("a folder opens again"));
    }
}

impl Bench for Fjall {
    fn engine(&self) -> &dyn Engine {
        self.engine.as_ref().expect("it runs")
    }

    fn reopen(&mut self) {
        self.engine = None;
        self.open();
    }

    fn crash(&mut self) {
        self.engine.take().expect("it runs").abandon();
        self.open();
    }
}

#[test]
fn fjall_conforms() {
    conformance::run(Fjall::new);
}
