//! How an input becomes another one.

use crate::chance::Chance;

/// Most changes that are made at once.
const CHANGES_MAX: usize = 6;

/// Numbers at which something often changes.
const EDGES: [u64; 12] = [
    0,
    1,
    2,
    16,
    127,
    255,
    256,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];

/// Makes a few changes; `other` is another input. The result is not longer than `bytes_max`.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], bytes_max: usize, chance: &mut Chance) {
    for _ in 0..=chance.below(CHANGES_MAX) {
        change(input, other, chance);
    }
    input.truncate(bytes_max);
}

fn change(input: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    let at = chance.below(input.len());
    match chance.below(10) {
        0 => flip(input, at, chance),
        1 => set(input, at, chance.byte()),
        2 => input.insert(at, chance.byte()),
        3 => drop(input.drain(at..at + length(input, at, chance))),
        4 => number(input, at, chance),
        5 => nudge(input, at, chance),
        6 => repeat(input, at, chance),
        7 => copy_within(input, at, chance),
        8 => splice(input, at, other, chance),
        _ => digit(input, at, chance),
    }
}

/// Some of what is there from `at` on, short pieces more often than long ones.
fn length(of: &[u8], at: usize, chance: &mut Chance) -> usize {
    let left = of.len().saturating_sub(at);
    let most = 1 << chance.below(10);
    chance.below(left.min(most) + 1)
}

fn flip(input: &mut [u8], at: usize, chance: &mut Chance) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
}

fn set(input: &mut [u8], at: usize, to: u8) {
    if let Some(byte) = input.get_mut(at) {
        *byte = to;
    }
}

/// Writes a number of some width over what is there: an edge, or the length of something.
fn number(input: &mut [u8], at: usize, chance: &mut Chance) {
    let edge = chance.pick(&EDGES).copied().unwrap_or_default();
    let number = if chance.below(3) == 0 { input.len() as u64 } else { edge };
    let width = 1 << chance.below(4);
    let mut bytes = number.to_le_bytes();
    if chance.below(4) == 0 {
        bytes[..width].reverse();
    }
    for (to, from) in input.iter_mut().skip(at).zip(&bytes[..width]) {
        *to = *from;
    }
}

/// Makes a byte a little larger or smaller.
fn nudge(input: &mut [u8], at: usize, chance: &mut Chance) {
    if let Some(byte) = input.get_mut(at) {
        *byte = byte.wrapping_add(chance.byte() % 17).wrapping_sub(8);
    }
}

/// Repeats a piece.
fn repeat(input: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    let piece = input[at..at + length(input, at, chance)].to_vec();
    let pieces = piece.repeat(1 + chance.below(8));
    input.splice(at..at, pieces);
}

/// Writes a piece over another place.
fn copy_within(input: &mut [u8], at: usize, chance: &mut Chance) {
    let count = length(input, at, chance);
    let to = chance.below(input.len() - count + 1);
    input.copy_within(at..at + count, to);
}

/// Puts a piece of another input in.
fn splice(input: &mut Vec<u8>, at: usize, other: &[u8], chance: &mut Chance) {
    let from = chance.below(other.len());
    let piece = &other[from..from + length(other, from, chance)];
    let gone = if chance.below(2) == 0 { 0 } else { length(input, at, chance) };
    input.splice(at..at + gone, piece.iter().copied());
}

/// Makes a digit another one, or puts more behind it.
fn digit(input: &mut Vec<u8>, at: usize, chance: &mut Chance) {
    let digit = b'0' + chance.byte() % 10;
    match input.iter().skip(at).position(u8::is_ascii_digit) {
        Some(found) if chance.below(2) == 0 => input[at + found] = digit,
        Some(found) => drop(input.splice(at + found..at + found, [digit; 9])),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_may_change_and_no_length_is_exceeded() {
        let (first, other) = (b"0123456789".to_vec(), b"abc");
        let (mut changed, mut longest) = ([false; 10], 0);
        let mut chance = Chance::of(1);
        for _ in 0..10_000 {
            let mut input = first.clone();
            mutate(&mut input, other, 20, &mut chance);
            longest = longest.max(input.len());
            for (at, was_changed) in changed.iter_mut().enumerate() {
                *was_changed |= input.get(at) != first.get(at);
            }
        }
        assert_eq!((changed, longest), ([true; 10], 20));
    }

    #[test]
    fn nothing_can_become_something() {
        let mut input = Vec::new();
        let mut chance = Chance::of(1);
        while input.len() < 3 {
            mutate(&mut input, &[], 100, &mut chance);
        }
    }
}
