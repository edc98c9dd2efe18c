//! Stored and sent bytes: the same check as that of all services.

#[path = "../../../../actors/tests/wire/golden.rs"]
mod golden;

use golden::{Sample, check};
use guide::polls;

macro_rules! samples {
    ($($type:path: $json:expr,)+) => { vec![$(Sample::of::<$type>($json),)+] };
}

#[test]
fn polls_are_stored_as_ever() {
    check("polls", &polls());
}

include!("wire/samples.rs");
