//! Figures of a cluster that is started for them, and gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// How long a bench may take to start its cluster, and to end, in looks: far above what is usual, for
/// the machine that runs this has other things to do as well.
const LOOKS_MAX: usize = 2_400;

/// What each case of `durable` tells.
const METRICS: [&str; 7] =
    ["rate", "p50_ms", "p99_ms", "p999_ms", "errors", "cpu_us_per_op", "stolen"];

/// A bench that runs. It ends with the test.
struct Bench {
    process: Child,
    /// Where it has its temporary files.
    folder: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    bench: String,
    metric: String,
    value: f64,
    unit: String,
    #[serde(default)]
    case: String,
}

impl Bench {
    /// One that measures durable commands, with a folder of this name for its temporary files.
    fn durable(name: &str, arguments: &[&str]) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run left is of no use.
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).expect("it is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.args(["bench", "durable", "--spawn", "1", "--shards", "2"]).args(arguments);
        command.env("TMPDIR", &folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { process: command.spawn().expect("it starts"), folder }
    }

    /// What it has in the folder.
    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.folder).expect("it is ours");
        files.map(|it| it.expect("it is ours").path()).collect()
    }

    /// The command lines of processes that it has started: they name their data, which is in the folder.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.display().to_string();
        let all = fs::read_dir("/proc").expect("this is Linux").filter_map(Result::ok);
        // One may end while it is looked at.
        let told = all.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
        let told = told.map(|it| String::from_utf8_lossy(&it).replace('\0', " "));
        told.filter(|it| it.contains(&folder)).collect()
    }

    /// Waits until so many of them are there.
    fn wait_for_processes(&self, count: usize) {
        for _ in 0..LOOKS_MAX {
            if self.processes().len() >= count {
                return;
            }
            sleep(LOOK);
        }
        panic!("there are only {:?}", self.processes());
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status();
        assert!(kill.expect("kill is there").success());
    }

    /// Waits until it has ended; yields how, and what it has said on both streams.
    fn end(&mut self) -> (ExitStatus, String, String) {
        for _ in 0..LOOKS_MAX {
            if let Some(status) = self.process.try_wait().expect("it is ours") {
                let (mut out, mut error) = (String::new(), String::new());
                let Child { stdout, stderr, .. } = &mut self.process;
                stdout.take().expect("it is piped").read_to_string(&mut out).expect("UTF-8");
                stderr.take().expect("it is piped").read_to_string(&mut error).expect("UTF-8");
                return (status, out, error);
            }
            sleep(LOOK);
        }
        panic!("it does not end");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Ok(None) = self.process.try_wait() {
                self.signal("TERM");
                self.process.wait().expect("it ends");
            }
        } else {
            fs::remove_dir_all(&self.folder).expect("it is ours");
        }
    }
}

#[test]
fn a_bench_prints_a_line_of_json_per_figure_and_tells_routings_apart() {
    let arguments = ["--seconds", "3", "--rate", "50", "--json"];
    let mut bench = Bench::durable("bench-json", &arguments);
    let (status, out, error) = bench.end();
    assert!(status.success(), "{status}: {error}");
    assert_eq!(error, "", "programs have no use for progress, and nothing went wrong");
    let mut cases: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for line in out.lines() {
        let figure: Figure = serde_json::from_str(line).expect(line);
        let unit = match figure.metric.as_str() {
            "rate" => "1/s",
            "errors" => "1",
            "cpu_us_per_op" => "us",
            "stolen" => "%",
            _ => "ms",
        };
        assert_eq!((&*figure.bench, &*figure.unit), ("durable", unit), "{line}");
        cases.entry(figure.case).or_default().insert(figure.metric, figure.value);
    }
    let of_all = cases.remove("").expect("what was stolen is told of the whole run as well");
    assert_eq!(of_all.keys().collect::<Vec<_>>(), ["stolen"]);
    let names: Vec<_> = cases.keys().map(String::as_str).collect();
    assert_eq!(names, ["http leader 64", "http random 64"]);
    for (case, figures) in cases {
        let metrics: BTreeSet<_> = figures.keys().map(String::as_str).collect();
        assert_eq!(metrics, BTreeSet::from(METRICS), "{case}");
        let ordered = ["p50_ms", "p99_ms", "p999_ms"].map(|it| figures[it]);
        assert!(0.0 < ordered[0] && ordered.is_sorted(), "{case}: {ordered:?}");
        // A machine that is busy answers some of it earlier or later. Without a rate it would be thousands.
        assert!((20.0..=80.0).contains(&figures["rate"]), "{case}: {}", figures["rate"]);
        assert!(figures["errors"].abs() < f64::EPSILON, "{case}: {}", figures["errors"]);
    }
    assert_eq!((bench.files(), bench.processes()), (vec![], vec![]));
}

#[test]
fn a_bench_that_is_stopped_leaves_neither_processes_nor_files() {
    // `roost dev` alone while it starts; its node as well, some time after that node has begun to serve.
    let cases = [("INT", 130, 1, Duration::ZERO), ("TERM", 143, 2, Duration::from_secs(3))];
    for (signal, code, processes, later) in cases {
        let mut bench = Bench::durable(&format!("bench-{signal}"), &["--seconds", "600"]);
        bench.wait_for_processes(processes);
        sleep(later);
        assert_eq!(bench.files().len(), 1, "{signal}");
        bench.signal(signal);
        let (status, out, error) = bench.end();
        assert_eq!((status.code(), &*out, &*error), (Some(code), "", ""), "{signal}");
        assert_eq!((bench.files(), bench.processes()), (vec![], vec![]), "{signal}");
    }
}
