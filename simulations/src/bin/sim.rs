//! Runs simulated clusters: `sim run --seed 7 --trace`, `sim run --seeds 0..1000 --jobs 2`.
#![expect(clippy::print_stdout, reason = "its output is what it is run for")]

use std::ops::Range;
use std::panic::set_hook;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use clap::{Args, Parser};
use simulations::sweep::{Summary, seed};

/// Runs simulated clusters, each from one seed.
#[derive(Parser)]
enum Sim {
    /// Runs one seed, or one after the other.
    Run(Run),
    /// Runs one seed.
    Smoke {
        /// Which one.
        #[arg(long)]
        seed: u64,
    },
}

/// What to run.
#[derive(Args)]
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
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    // Handlers that panic are caught, and so is a world that does: its report says why.
    set_hook(Box::new(|_| {}));
    let is_clean = match Sim::parse() {
        Sim::Smoke { seed } => one(seed, false),
        Sim::Run(Run { seed: Some(seed), trace, .. }) => one(seed, trace),
        Sim::Run(run) => {
            let seeds = run.seeds.clone().unwrap_or_default();
            if run.jobs > 1 { share(&run, &seeds) } else { sweep(seeds, run.minutes) }
        }
    };
    ExitCode::from(u8::from(!is_clean))
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let (from, to) = text.split_once("..").ok_or("expected a range, as 0..1000 is")?;
    Ok(number(from)?..number(to)?)
}

/// Runs one seed, and tells whether nothing was wrong.
fn one(number: u64, is_printed: bool) -> bool {
    let report = seed(number, is_printed);
    println!("{report}");
    report.violation.is_none()
}

/// Runs seeds one after the other, and tells whether nothing was wrong.
fn sweep(seeds: Range<u64>, minutes: Option<u64>) -> bool {
    let is_over = timer(minutes);
    let mut summary = Summary::default();
    for number in seeds {
        let report = seed(number, false);
        summary.add(&report);
        if report.violation.is_some() {
            println!("{report}");
        }
        if is_over() {
            break;
        }
    }
    println!("{summary}");
    summary.violations == 0
}

#[expect(clippy::disallowed_methods, reason = "a person's time is limited; no seed sees it")]
fn timer(minutes: Option<u64>) -> impl Fn() -> bool {
    let started = Instant::now();
    let lasting = minutes.map(Duration::from_mins);
    move || lasting.is_some_and(|lasting| started.elapsed() >= lasting)
}

/// Shares seeds among processes, and tells whether nothing was wrong.
fn share(run: &Run, seeds: &Range<u64>) -> bool {
    let each = (seeds.end - seeds.start).div_ceil(run.jobs);
    let parts = (0..run.jobs).map(|job| {
        let from = seeds.start + job * each;
        from..(from + each).min(seeds.end)
    });
    let children = parts.map(|part| process(part, run.minutes));
    let children: io::Result<Vec<_>> = children.collect();
    let children = children.expect("processes can be started");
    let end = |child: Child| child.wait_with_output().expect("it ends");
    children.into_iter().map(end).fold(true, |is_clean, output| {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        is_clean && output.status.success()
    })
}

fn process(seeds: Range<u64>, minutes: Option<u64>) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["run", "--seeds", &format!("{}..{}", seeds.start, seeds.end)]);
    if let Some(minutes) = minutes {
        command.args(["--minutes", &minutes.to_string()]);
    }
    command.stdout(Stdio::piped()).spawn()
}
