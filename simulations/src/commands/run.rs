//! One seed after another.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use probe::Mutant;

use super::{arguments, jobs};
use crate::case::{Case, Realm};
use crate::scenario::Scenario;
use crate::tally::Tally;

/// Runs one seed after another, and prints those that find something.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Run {
    /// Which world: executors or nodes. Both, if none is named.
    #[arg(long, value_parser = arguments::realm)]
    world: Option<Realm>,
    /// Seeds from the first one to before the second one.
    #[arg(long, value_parser = arguments::range, default_value = "0..1000000000")]
    seeds: Range<u64>,
    /// Ends after this time even if seeds are left.
    #[arg(long)]
    minutes: Option<u64>,
    /// Processes that share the seeds.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// What all seeds are narrowed to: a file.
    #[arg(long)]
    scenario: Option<PathBuf>,
    /// Runs this workload and no other, instead of those that the seed chooses.
    #[arg(long, value_parser = arguments::workload)]
    workload: Option<&'static str>,
    /// Breaks something on purpose.
    #[arg(long, value_parser = arguments::mutant)]
    mutant: Option<Mutant>,
    /// Three nodes, four shards, a minute of calls, and the faults of the seed: for figures.
    #[arg(long)]
    usual: bool,
    /// So many nodes instead.
    #[arg(long, requires = "usual", value_parser = clap::value_parser!(u32).range(1..=7))]
    nodes: Option<u32>,
    /// Prints a line for each seed, whatever it finds.
    #[arg(long)]
    all: bool,
    /// Prints how much of what happened, how often each rare state was reached, and how often each
    /// point of the program fired.
    #[arg(long)]
    table: bool,
    /// Fails when one of them never was: for sweeps of a thousand seeds and more.
    #[arg(long)]
    complete: bool,
}

impl Run {
    /// Does it, and yields whether nothing was wrong.
    ///
    /// # Errors
    ///
    /// When a process cannot be started.
    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    pub fn run(&self) -> io::Result<bool> {
        let mut tally = Tally::default();
        let mut is_clean = true;
        if self.jobs <= 1 {
            is_clean = self.sweep(&mut tally)?;
        } else {
            for (text, was_clean) in jobs::run(self.shares())? {
                is_clean &= was_clean;
                text.lines().filter(|line| !tally.read(line)).for_each(|line| println!("{line}"));
            }
        }
        if self.table {
            print!("{tally}");
        }
        let missing = if self.complete { tally.missing() } else { Vec::new() };
        if !missing.is_empty() {
            println!("never: {}", missing.join(", "));
        }
        Ok(is_clean && missing.is_empty())
    }

    #[expect(clippy::print_stdout, reason = "its output is what it is run for")]
    fn sweep(&self, tally: &mut Tally) -> io::Result<bool> {
        let is_over = timer(self.minutes);
        let (mut count, mut wrong) = (0, 0);
        let scenario = self.scenario.as_deref().map(Scenario::read).transpose()?;
        let mut scenario = scenario.unwrap_or_default();
        scenario.choose(self.workload);
        scenario.nodes = self.nodes.or(scenario.nodes);
        let named = scenario.world.as_deref().and_then(Realm::of);
        let realms = self.world.or(named).map_or_else(|| Realm::ALL.to_vec(), |it| vec![it]);
        for seed in self.seeds.clone() {
            for realm in &realms {
                let case = Case {
                    scenario: scenario.clone(),
                    mutant: self.mutant,
                    is_usual: self.usual,
                    ..Case::new(*realm, seed)
                };
                let ran = case.run();
                tally.add(*realm, &ran);
                if ran.finding.is_some() {
                    wrong += 1;
                    println!("{}\n  repeat: {case}{} --trace", ran.line, self.narrowed());
                } else if self.all {
                    println!("{}", ran.line);
                }
            }
            count += 1;
            if is_over() {
                break;
            }
        }
        println!("seeds {count} violations {wrong}");
        Ok(wrong == 0)
    }

    /// How a seed of it is narrowed, on the command line.
    fn narrowed(&self) -> String {
        let scenario = self.scenario.as_ref();
        let file = scenario.map(|it| format!(" --scenario {}", it.display()));
        let workload = self.workload.map(|it| format!(" --workload {it}"));
        let nodes = self.nodes.map(|it| format!(" --nodes {it}"));
        file.into_iter().chain(workload).chain(nodes).collect()
    }

    fn shares(&self) -> Vec<Vec<String>> {
        let each = (self.seeds.end - self.seeds.start).div_ceil(self.jobs);
        let share = |job: u64| {
            let from = self.seeds.start + job * each;
            let seeds = format!("{from}..{}", (from + each).min(self.seeds.end));
            let mut line = vec!["run".to_owned(), "--seeds".to_owned(), seeds];
            let mut put = |name: &str, value: Option<String>| {
                if let Some(value) = value {
                    line.extend([name.to_owned(), value]);
                }
            };
            put("--world", self.world.map(|it| it.name().to_owned()));
            put("--minutes", self.minutes.map(|it| it.to_string()));
            put("--scenario", self.scenario.as_ref().map(|it| it.display().to_string()));
            put("--workload", self.workload.map(str::to_owned));
            put("--mutant", self.mutant.map(|it| it.name().to_owned()));
            put("--nodes", self.nodes.map(|it| it.to_string()));
            line.extend(self.usual.then(|| "--usual".to_owned()));
            line.extend(self.all.then(|| "--all".to_owned()));
            line.push("--table".to_owned());
            line
        };
        (0..self.jobs).map(share).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a person's time is limited; no seed sees it")]
fn timer(minutes: Option<u64>) -> impl Fn() -> bool {
    let started = Instant::now();
    let lasting = minutes.map(Duration::from_mins);
    move || lasting.is_some_and(|lasting| started.elapsed() >= lasting)
}
