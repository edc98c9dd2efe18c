//! The command line.

use std::collections::BTreeSet;
use std::env::{args_os, current_exe};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::ChaosError;
use crate::fault::Fault;
use crate::faults::FAULTS;
use crate::report::Row;
use crate::run::{self, Plan};
use crate::wires;

/// Lets things go wrong around real processes of roost, under load, and checks what is left.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  chaos list
  chaos run --fault fsync,full
  chaos run --minutes 60 --report report.md";

#[derive(Debug, Subcommand)]
enum Command {
    /// Lets things go wrong, each of them once; exits with 1 when something does not hold, or nothing can be done here.
    Run(Run),
    /// Says what can go wrong, and what of it this machine cannot do.
    List,
}

#[derive(Args, Debug)]
struct Run {
    /// What is to go wrong, by name, with commas between [default: all]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    fault: Vec<String>,
    /// Goes on for so long, with any of it.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    minutes: u64,
    /// Where to write what came of it, as Markdown.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// What all choices follow from [default: one by chance]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// The program [default: `roost` next to this one]
    #[arg(long, value_name = "FILE")]
    roost: Option<PathBuf>,
    /// Where nodes store what they store. What is left is of faults that found something.
    #[arg(long, value_name = "DIR", default_value = "target/chaos")]
    folder: PathBuf,
}

impl Cli {
    /// Does what the command line says. Yields whether all held that must.
    ///
    /// # Errors
    ///
    /// [`ChaosError`]
    pub fn run(self) -> Result<bool, ChaosError> {
        // Networks and file systems of one's own: not everything needs them, and nothing minds.
        if !wires::is_here() && wires::possible().is_ok() {
            let program = current_exe().map_err(ChaosError::io("this program"))?;
            let arguments: Vec<_> = args_os().skip(1).collect();
            return Err(wires::enter(&program, &arguments));
        }
        match self.command {
            Command::Run(run) => run.run(),
            Command::List => list().map(|()| true),
        }
    }
}

impl Run {
    fn run(self) -> Result<bool, ChaosError> {
        let plan = self.plan()?;
        let (stop, stopped) = watch::channel(false);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(ChaosError::io("threads"))?;
        let entered = runtime.enter();
        let of = |kind| signal(kind).map_err(ChaosError::io("signals"));
        let (mut interrupt, mut terminate) =
            (of(SignalKind::interrupt())?, of(SignalKind::terminate())?);
        drop(entered);
        let mut work = tokio::task::JoinSet::new();
        work.spawn_on(
            async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                stop.send_replace(true);
            },
            runtime.handle(),
        );
        eprintln!("chaos: seed {}", plan.seed);
        let mut tell = |row: &Row| eprintln!("{row}");
        let report = run::run(&plan, &stopped, &mut tell)?;
        say(&report.to_string())?;
        if let Some(file) = &self.report {
            let named = ChaosError::io(file.display().to_string());
            fs::write(file, report.to_string()).map_err(named)?;
        }
        let is_sound = report.violations().next().is_none();
        if !is_sound {
            eprintln!("chaos: what is left of it is in {}", plan.folder.display());
        }
        if !report.has_happened() {
            eprintln!("chaos: this machine can do none of it, so nothing is proven");
        }
        Ok(is_sound && report.has_happened())
    }

    fn plan(&self) -> Result<Plan, ChaosError> {
        let known: BTreeSet<_> = FAULTS.iter().map(|it| it.name).collect();
        if let Some(unknown) = self.fault.iter().find(|it| !known.contains(it.as_str())) {
            return Err(ChaosError::broken(format!("there is no fault {unknown}: see chaos list")));
        }
        let is_wanted = |it: &&&'static Fault| {
            self.fault.is_empty() || self.fault.iter().any(|name| name == it.name)
        };
        let faults = FAULTS.iter().filter(is_wanted).copied().collect();
        let beside = || Ok(current_exe()?.with_file_name("roost"));
        let roost = self.roost.clone().map_or_else(beside, Ok);
        let roost = roost.and_then(|it: PathBuf| it.canonicalize());
        let roost = roost.map_err(ChaosError::io("the program roost (see --roost)"))?;
        let named = || ChaosError::io(self.folder.display().to_string());
        fs::create_dir_all(&self.folder).map_err(named())?;
        let folder = self.folder.canonicalize().map_err(named())?;
        let lasting = Duration::from_secs(60 * self.minutes);
        let seed = self.seed.unwrap_or_else(|| std::process::id().into());
        Ok(Plan { roost, folder, faults, lasting, seed })
    }
}

fn list() -> Result<(), ChaosError> {
    for fault in FAULTS {
        let can = match (fault.possible)() {
            Ok(()) => String::new(),
            Err(why) => format!(" (SKIP: {why})"),
        };
        say(&format!("{:12} {}{can}\n", fault.name, fault.about))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<(), ChaosError> {
    io::stdout().write_all(text.as_bytes()).map_err(ChaosError::io("the output"))
}
