//! What a process checks, opens and listens to before anything else.

use std::io;

use config::Config;
use entity::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::error::CommandError;
use crate::launch::Services;
use crate::settings;

/// The services and what leads to them.
pub(super) fn services() -> Services {
    let mut registry = Registry::default();
    actors::register(&mut registry);
    Services { registry, routes: actors::routes(), channels: actors::channels() }
}

/// Checks what only a start would find otherwise.
pub(super) fn check(config: &Config) -> Result<(), CommandError> {
    filter(config)?;
    settings::apply(&config.settings, &mut services().registry.settings)?;
    Ok(())
}

pub(super) fn filter(config: &Config) -> Result<EnvFilter, CommandError> {
    let refused = |error: ParseError| {
        let (filter, error) = (config.log.clone(), error.to_string());
        CommandError::Log { filter, error }
    };
    EnvFilter::try_new(&config.log).map_err(refused)
}

/// Comes when somebody wants the process to stop.
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}
