//! Chance that everybody can compute again.

/// The number at place `row` (from 0) of the `SplitMix64` sequence that begins with `seed`.
///
/// `SplitMix64` (Steele, Lea, Flood 2014) adds the golden ratio to its state and mixes it, so any
/// place of the sequence can be computed without those before it:
///
/// ```
/// use node::import::draw::split_mix_64;
/// let first_three = [0, 1, 2].map(|row| split_mix_64(1234567, row));
/// let known = [6457827717110365317, 3203168211198807973, 9817491932198370423];
/// assert_eq!(first_three, known);
/// ```
pub fn split_mix_64(seed: u64, row: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut bits = seed.wrapping_add(GOLDEN.wrapping_mul(row.wrapping_add(1)));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Which of `people` (sorted by their numbers) writes the post in row `row` (from 0).
///
/// # Panics
///
/// When there are no people.
pub fn author(seed: u64, row: u64, people: usize) -> usize {
    let people = people as u64;
    usize::try_from(split_mix_64(seed, row) % people).expect("smaller than a count in memory")
}
