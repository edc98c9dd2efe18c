//! Work that is shared among processes.

use std::process::{Child, Command, Stdio};
use std::{env, io};

/// Runs this program once with each of these arguments, all at the same time. Yields what each printed,
/// and whether it ended well.
///
/// # Errors
///
/// When a process cannot be started.
pub fn run(arguments: Vec<Vec<String>>) -> io::Result<Vec<(String, bool)>> {
    let program = env::current_exe()?;
    let start = |arguments: Vec<String>| {
        Command::new(&program).args(arguments).stdout(Stdio::piped()).spawn()
    };
    let children: io::Result<Vec<Child>> = arguments.into_iter().map(start).collect();
    let end = |child: Child| {
        let output = child.wait_with_output()?;
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success()))
    };
    children?.into_iter().map(end).collect()
}

/// Shares things among so many jobs, in turn.
pub fn shared<T>(things: impl IntoIterator<Item = T>, jobs: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..jobs.max(1)).map(|_| Vec::new()).collect();
    for (turn, thing) in things.into_iter().enumerate() {
        let share = turn % shares.len();
        shares[share].push(thing);
    }
    shares.retain(|it| !it.is_empty());
    shares
}
