//! The C library's source of entropy, replaced.

use std::cell::Cell;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// Sets the seed of this thread. The hash maps of a thread are seeded once: begin a thread for each
/// simulation, and call this first.
pub fn seed(seed: u64) {
    SEED.set(seed);
}

fn next() -> u64 {
    let seed = SEED.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    SEED.set(seed);
    let mut z = seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fills `buffer`, as the C library's function of this name does.
///
/// # Safety
///
/// `buffer` is valid for writes of `length` bytes.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    for at in 0..length {
        let byte = next().to_le_bytes()[0];
        // SAFETY: the caller owns `length` bytes from `buffer` on, and `at` is below.
        unsafe { buffer.add(at).write(byte) };
    }
    length.cast_signed()
}
