//! A decoder, and how it is tried.

use crate::hunt;

/// A decoder that sees bytes of others.
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) name: &'static str,
    pub(crate) seeds: Vec<Vec<u8>>,
    pub(crate) bytes_max: usize,
    pub(crate) growth: usize,
}

/// A target; its name is that of its file in `simulations/fuzz/corpus`.
pub fn target(name: &'static str) -> Target {
    Target { name, seeds: Vec::new(), bytes_max: 4_096, growth: 64 }
}

impl Target {
    /// Inputs to begin with, beside those of its file: what is understood, and cases at the edge.
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        self.seeds.extend(seeds.into_iter().map(|it| it.as_ref().to_vec()));
        self
    }

    /// Most bytes of an input. 4096 unless said otherwise.
    #[must_use]
    pub fn bytes_max(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Most bytes of memory that may be held at one moment for each byte of input, beside 64 KiB. 64
    /// unless said otherwise.
    #[must_use]
    pub fn growth(mut self, growth: usize) -> Self {
        self.growth = growth;
        self
    }

    /// Tries inputs: for as many seconds as `ROOST_FUZZ_SECONDS` says, others each time; without it
    /// the same few thousand each time.
    ///
    /// # Panics
    ///
    /// With the input, when `check` panics, takes long, or holds too much memory.
    pub fn run(self, check: impl Fn(&[u8])) {
        if let Err(failure) = hunt::hunt(&self, &check) {
            panic!("{failure}");
        }
    }
}
