//! A hash over everything that happened.

use std::fmt;

use entity::Time;

/// A rolling hash of 128 bits over every event and every output.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace {
    lanes: [u64; 2],
    /// Whether everything is also printed.
    is_printed: bool,
}

const MULTIPLIERS: [u64; 2] = [0x0000_0100_0000_01B3, 0xC6A4_A793_5BD1_E995];

impl Trace {
    /// Nothing has happened.
    pub fn new(is_printed: bool) -> Self {
        Self { lanes: [0xCBF2_9CE4_8422_2325, 0x2545_F491_4F6C_DD1D], is_printed }
    }

    /// Something happens.
    pub fn note(&mut self, now: Time, what: &str, numbers: &[u64], bytes: &[u8]) {
        self.number(now.0);
        self.bytes(what.as_bytes());
        for number in numbers {
            self.number(*number);
        }
        self.bytes(bytes);
        if self.is_printed {
            print(now, what, numbers, bytes, self);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.number(u64::from_le_bytes(word));
        }
    }

    fn number(&mut self, number: u64) {
        for (lane, multiplier) in self.lanes.iter_mut().zip(MULTIPLIERS) {
            *lane = (*lane ^ number).wrapping_mul(multiplier).rotate_left(29);
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.lanes[0], self.lanes[1])
    }
}

#[expect(clippy::print_stdout, reason = "whoever asks for a trace wants to read it")]
fn print(now: Time, what: &str, numbers: &[u64], bytes: &[u8], trace: &Trace) {
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().filter(char::is_ascii_graphic).take(40).collect();
    println!("{now} {what} {numbers:?} {}B {text} {trace}", bytes.len());
}
