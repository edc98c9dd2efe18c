//! Runs simulated clusters: `sim run --seed 7 --trace`, `sim run --seeds 0..1000 --jobs 2`.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

use std::fmt::Display;
use std::ops::Range;
use std::panic::set_hook;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use clap::{Args, Parser};
use cluster::mutant::Mutant;
use simulations::workloads::catalogue::NAMES;
use simulations::{nodes, world};
use tracing_subscriber::EnvFilter;

/// Runs simulated clusters, each from one seed.
#[derive(Parser)]
enum Sim {
    /// Executors over ledgers in memory: thousands of seeds an hour, all faults of a ledger.
    Run(Run),
    /// Whole nodes: Raft, log, executors, over simulated disks, clocks and network.
    Smoke(Run),
}

/// What to run.
#[derive(Args, Clone)]
struct Run {
    /// One seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
    seed: Option<u64>,
    /// Seeds from the first one to before the second one, as in `0..1000`.
    #[arg(long, value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Ends after this time even if seeds are left.
    #[arg(long)]
    minutes: Option<u64>,
    /// Processes that share the seeds.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Prints everything that happens in a single seed.
    #[arg(long, conflicts_with = "seeds")]
    trace: bool,
    /// Three nodes, four shards, a minute of calls, and the faults of the seed: for figures.
    #[arg(long, conflicts_with = "jobs")]
    usual: bool,
    /// Breaks something on purpose: fence, replies, gap, refusal, barrier, changes, skipped or doubled.
    #[arg(long, value_parser = mutant, conflicts_with = "jobs")]
    mutant: Option<Mutant>,
    /// Runs this workload and no other, instead of those that the seed chooses.
    #[arg(long, value_parser = workload)]
    workload: Option<&'static str>,
    /// Prints what the program logs, as in `runtime=debug` or `info`.
    #[arg(long)]
    log: Option<EnvFilter>,
}

impl Run {
    fn choose(&self, workloads: &mut Vec<&'static str>) {
        if let Some(workload) = self.workload {
            *workloads = vec![workload];
        }
    }

    /// A report, with the line that repeats it.
    fn repeatable(&self, report: &impl Display) -> String {
        let report = report.to_string();
        match self.workload {
            Some(workload) => {
                report.replace(" --seed ", &format!(" --workload {workload} --seed "))
            }
            None => report,
        }
    }
}

/// A kind of world.
#[derive(Clone, Copy)]
struct World {
    /// The subcommand that runs it.
    name: &'static str,
    /// Runs a seed: what came of it, and whether nothing was wrong.
    one: fn(u64, &Run) -> (String, bool),
}

const EXECUTORS: World = World {
    name: "run",
    one: |number, how| {
        let mut plan = world::plan::Plan::new(number);
        plan.knobs.mutant = how.mutant;
        how.choose(&mut plan.workloads);
        let report = world::run::run(plan, how.trace);
        (how.repeatable(&report), report.violation.is_none())
    },
};

const NODES: World = World {
    name: "smoke",
    one: |number, how| {
        let of = if how.usual { nodes::plan::Plan::usual } else { nodes::plan::Plan::new };
        let mut plan = of(number);
        plan.break_by(how.mutant);
        how.choose(&mut plan.workloads);
        let report = nodes::run::run(plan, how.trace);
        (how.repeatable(&report), report.violation.is_none())
    },
};

fn main() -> ExitCode {
    // Handlers that panic are caught, and so is a world that does: its report says why.
    set_hook(Box::new(|_| {}));
    let (world, run) = match Sim::parse() {
        Sim::Run(run) => (EXECUTORS, run),
        Sim::Smoke(run) => (NODES, run),
    };
    if let Some(filter) = &run.log {
        let filter = filter.clone();
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false).init();
    }
    let is_clean = if let Some(seed) = run.seed {
        let (report, is_clean) = (world.one)(seed, &run);
        println!("{report}");
        is_clean
    } else {
        let seeds = run.seeds.clone().unwrap_or_default();
        if run.jobs > 1 { share(world, &run, &seeds) } else { sweep(world, seeds, &run) }
    };
    ExitCode::from(u8::from(!is_clean))
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let (from, to) = text.split_once("..").ok_or("expected a range, as 0..1000 is")?;
    Ok(number(from)?..number(to)?)
}

fn mutant(text: &str) -> Result<Mutant, String> {
    let named = |it: &Mutant| format!("{it:?}").to_lowercase().contains(text);
    Mutant::ALL.into_iter().find(named).ok_or_else(|| format!("one of {:?}", Mutant::ALL))
}

fn workload(text: &str) -> Result<&'static str, String> {
    NAMES.into_iter().find(|it| *it == text).ok_or_else(|| format!("one of {}", NAMES.join(", ")))
}

/// Runs seeds one after the other, and tells whether nothing was wrong.
fn sweep(world: World, seeds: Range<u64>, run: &Run) -> bool {
    let is_over = timer(run.minutes);
    let (mut count, mut wrong) = (0, 0);
    for number in seeds {
        let (report, is_clean) = (world.one)(number, run);
        count += 1;
        if !is_clean {
            wrong += 1;
            println!("{report}");
        }
        if is_over() {
            break;
        }
    }
    println!("seeds {count} violations {wrong}");
    wrong == 0
}

#[expect(clippy::disallowed_methods, reason = "a person's time is limited; no seed sees it")]
fn timer(minutes: Option<u64>) -> impl Fn() -> bool {
    let started = Instant::now();
    let lasting = minutes.map(Duration::from_mins);
    move || lasting.is_some_and(|lasting| started.elapsed() >= lasting)
}

/// Shares seeds among processes, and tells whether nothing was wrong.
fn share(world: World, run: &Run, seeds: &Range<u64>) -> bool {
    let each = (seeds.end - seeds.start).div_ceil(run.jobs);
    let parts = (0..run.jobs).map(|job| {
        let from = seeds.start + job * each;
        from..(from + each).min(seeds.end)
    });
    let children = parts.map(|part| process(world, part, run));
    let children: io::Result<Vec<_>> = children.collect();
    let children = children.expect("processes can be started");
    let end = |child: Child| child.wait_with_output().expect("it ends");
    children.into_iter().map(end).fold(true, |is_clean, output| {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        is_clean && output.status.success()
    })
}

fn process(world: World, seeds: Range<u64>, run: &Run) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args([world.name, "--seeds", &format!("{}..{}", seeds.start, seeds.end)]);
    if let Some(workload) = run.workload {
        command.args(["--workload", workload]);
    }
    if let Some(minutes) = run.minutes {
        command.args(["--minutes", &minutes.to_string()]);
    }
    command.stdout(Stdio::piped()).spawn()
}
