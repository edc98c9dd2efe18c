//! Hybrid logical time.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use crate::Key;

/// A moment: microseconds since 1970-01-01T00:00:00Z, as a hybrid logical clock gives them.
///
/// A record's time is above that of every record of its shard before it and of every message it
/// applies, so "later" is never contradicted by a clock. In JSON it is RFC 3339.
#[derive(
    Copy,
    Default,
    Ord,
    PartialOrd,
    Hash,
    Clone,
    Debug,
    Eq,
    PartialEq,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// The end of what a text can say: the last microsecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Ends at [`Time::MAX`].
    fn add(self, lasting: Duration) -> Self {
        let micros = u64::try_from(lasting.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros)).min(Self::MAX)
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    /// Ends at zero.
    fn sub(self, lasting: Duration) -> Self {
        let micros = u64::try_from(lasting.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }
}

impl Key for Time {
    fn encode(&self, to: &mut Vec<u8>) {
        self.0.encode(to);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        u64::decode(from).map(Self)
    }
}

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let seconds = self.0 % DAY / SECOND;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let micros = self.0 % SECOND;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Counts in years that begin in March, so that a leap day is the last day of its year.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468;
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let (cycle, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + carry, month, day)
}

/// The text is no moment: expected RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoTime;

impl fmt::Display for NoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a time such as 2026-01-31T12:00:00.000000Z")
    }
}

impl std::error::Error for NoTime {}

impl FromStr for Time {
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        let number = |range: std::ops::Range<usize>| -> Result<u64, NoTime> {
            let digits = text.get(range).ok_or(NoTime)?;
            digits.bytes().all(|it| it.is_ascii_digit()).then_some(()).ok_or(NoTime)?;
            digits.parse().or(Err(NoTime))
        };
        let wanted = (number(0..4)?, number(5..7)?, number(8..10)?);
        let clock = (number(11..13)? * 60 + number(14..16)?) * 60 + number(17..19)?;
        let micros = number(20..26)?;
        let time = Self(day_of(wanted).ok_or(NoTime)? * DAY + clock * SECOND + micros);
        // Whatever was out of range or out of place prints differently.
        (time.to_string() == text).then_some(time).ok_or(NoTime)
    }
}

/// The day of a date. [`date`] is monotonic: search it.
fn day_of(wanted: (u64, u64, u64)) -> Option<u64> {
    let last = Time::MAX.0 / DAY;
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = u64::midpoint(low, high);
        if date(middle) < wanted { low = middle + 1 } else { high = middle }
    }
    (date(low) == wanted).then_some(low)
}

crate::refusal::text_in_json!(Time, {"type": "string", "format": "date-time"});
crate::data::standard!(Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_735_689_599_999_999, "2024-12-31T23:59:59.999999Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (Time::MAX.0, "9999-12-31T23:59:59.999999Z"),
        ];
        for (micros, text) in cases {
            assert_eq!(Time(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(Time(micros)));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let cases = [
            "",
            "2024-01-01",
            "2023-02-29T00:00:00.000000Z",
            "2024-01-01T24:00:00.000000Z",
            "2024-01-01 00:00:00.000000Z",
            "2024-01-01T00:00:00.000000+00:00",
            "+024-01-01T00:00:00.000000Z",
            "한글-01-01T00:00:00.000000Z",
        ];
        for text in cases {
            assert_eq!(text.parse::<Time>(), Err(NoTime), "{text}");
        }
    }
}
