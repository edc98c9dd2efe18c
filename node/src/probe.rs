//! What operators measure a running cluster with: entities that keep one small value each.

use entity::kind::Kind;
use entity::route::{Method, Of, Route};
use entity::{Caller, Command, Context, Entity, Handle, Query, data, refusals};

/// Longest value of a probe, in bytes.
pub const VALUE_BYTES_MAX: usize = 4_096;

/// The family of probes, by their numbers.
#[derive(Debug)]
pub enum Probes {}

impl Kind for Probes {
    const NAME: &'static str = "node.probe";
    const TAG: u16 = 60_001;
    type Key = u64;
    type Commands = (WriteProbe,);
    type Queries = (ReadProbe,);
}

/// Where operators find this.
pub fn routes() -> Vec<Route> {
    let (path, of) = ("/v1/operator/probes/{number}", Of::Path("number"));
    vec![
        Route::command::<WriteProbe>(Method::Put, path, of).operator(),
        Route::query::<ReadProbe>(path, of).operator(),
    ]
}

/// A probe.
#[data]
#[derive(Default)]
pub struct Probe {
    writes: u64,
    value: String,
}

impl Entity for Probe {
    type Kind = Probes;
    type Tables = ();
}

/// What is in a probe.
#[data]
pub struct ProbeView {
    /// How often it was written. A write that was repeated under its name counts once.
    pub writes: u64,
    /// What was written last.
    pub value: String,
}

/// Why a probe does nothing.
#[data]
pub enum ProbeError {
    /// Only operators may.
    Forbidden,
    /// The value is too long.
    TooLong,
}

refusals! { ProbeError {
    Forbidden => 403 "forbidden" "Only operators may do this.",
    TooLong => 422 "probe_too_long" "A probe keeps at most {VALUE_BYTES_MAX} bytes.",
} }

/// Writes a value, and counts it.
#[data]
pub struct WriteProbe {
    /// At most [`VALUE_BYTES_MAX`] bytes.
    pub value: String,
}

impl Command for WriteProbe {
    type Kind = Probes;
    const TAG: u16 = 1;
    type Reply = u64;
    type Error = ProbeError;
}

impl Handle<WriteProbe> for Probe {
    fn handle(&mut self, write: WriteProbe, cx: &mut Context<'_, Self>) -> Result<u64, ProbeError> {
        if *cx.caller() != Caller::Operator {
            return Err(ProbeError::Forbidden);
        }
        if write.value.len() > VALUE_BYTES_MAX {
            return Err(ProbeError::TooLong);
        }
        self.writes += 1;
        self.value = write.value;
        Ok(self.writes)
    }
}

/// Asks what is in a probe.
#[data]
pub struct ReadProbe {}

impl Query for ReadProbe {
    type Kind = Probes;
    const TAG: u16 = 1;
    type Reply = ProbeView;
    type Error = ProbeError;
}

impl entity::Answer<ReadProbe> for Probe {
    fn answer(&self, _: ReadProbe, cx: &Context<'_, Self>) -> Result<ProbeView, ProbeError> {
        if *cx.caller() != Caller::Operator {
            return Err(ProbeError::Forbidden);
        }
        Ok(ProbeView { writes: self.writes, value: self.value.clone() })
    }
}
