//! Limits of the gateway that simulations make small.

/// What [`Knobs::recovered_max`] is for clients.
pub(super) const RECOVERED_MAX: usize = 1_000;
const OUTBOX_BYTES_MAX: usize = 1024 * 1024;

/// Limits of the gateway that simulations make small.
#[derive(Clone, Copy, Debug)]
pub struct Knobs {
    /// Most items that a client which comes back gets at once. Whoever has missed more begins anew.
    pub recovered_max: usize,
    /// Most bytes that wait for a connection: whoever reads so slowly comes back and catches up.
    pub outbox_bytes_max: usize,
}

impl Default for Knobs {
    fn default() -> Self {
        Self { recovered_max: RECOVERED_MAX, outbox_bytes_max: OUTBOX_BYTES_MAX }
    }
}
