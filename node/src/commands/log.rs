//! What the process logs, and how.

use std::{fmt, io};

use config::{Config, LogFormat};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, format};
use tracing_subscriber::registry::LookupSpan;

use super::error::CommandError;
use super::process::filter;

/// Logs to the standard error stream what the configuration says. Every line names the node: the logs of
/// all nodes can be read as one.
pub(super) fn log(config: &Config, node: &str) -> Result<(), CommandError> {
    let log = tracing_subscriber::fmt().with_env_filter(filter(config)?);
    let log = log.with_ansi(false).with_writer(io::stderr);
    let node = node.to_owned();
    match config.log_format {
        LogFormat::Text => {
            let start = format!("{node} ");
            log.event_format(Named { start, replaces: "", inner: format() }).init();
        }
        LogFormat::Json => {
            let inner = format().json().flatten_event(true);
            let start = format!("{{\"node\":{},", serde_json::Value::from(node));
            let named = Named { start, replaces: "{", inner };
            log.fmt_fields(JsonFields::new()).event_format(named).init();
        }
    }
    Ok(())
}

/// Lines that begin with the name of the node.
struct Named<F> {
    /// How each begins.
    start: String,
    /// What it says instead of.
    replaces: &'static str,
    inner: F,
}

impl<F, S, N> FormatEvent<S, N> for Named<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner.format_event(cx, Writer::new(&mut line), event)?;
        let rest = line.strip_prefix(self.replaces).unwrap_or(&line);
        write!(writer, "{}{rest}", self.start)
    }
}
