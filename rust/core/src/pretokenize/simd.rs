//! The block scanner on vector registers, chosen by what the processor can do. The only `unsafe` code of the scanners.
//!
//! Why: the vector instructions of `std::arch` are safe only where the compiler knows that the processor has them, which
//! for AVX2 is known when the program runs. What is promised there is one thing, and it is checked in [`scan`]. The safe
//! twin is `Portable` of the masks, with which each type below is compared.

#![allow(unsafe_code)]

use super::bits::{BLOCK, Lanes};
use super::blocks::{self, BlockPattern};
use std::arch::x86_64::*;

/// [`blocks::scan`] with the widest registers at hand.
pub(super) fn scan<P: BlockPattern>(text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has the features that `scan_avx2` is compiled for.
        return unsafe { scan_avx2::<P>(text, start, limit, ends) };
    }
    blocks::scan::<Sse2, P>(text, start, limit, ends)
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2<P: BlockPattern>(text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
    blocks::scan::<Avx2, P>(text, start, limit, ends)
}

/// Four registers of 16 bytes. Every x86-64 processor has SSE2.
pub(super) struct Sse2([__m128i; 4]);

/// Two registers of 32 bytes. Made only inside `scan_avx2`, and in tests after the same check.
pub(super) struct Avx2([__m256i; 2]);

/// The compares, from the instructions of one register width.
macro_rules! lanes {
    ($lanes:ident, $register:ty, $size:literal, $mask:ty, $indices:tt, $load:ident, $set:ident, $equal:ident,
     $min:ident, $sub:ident, $or:ident, $movemask:ident) => {
        impl Lanes for $lanes {
            #[inline(always)]
            fn load(block: &[u8; BLOCK]) -> Self {
                // SAFETY: the instructions are there (see the type); the addresses lie `$size` or more bytes before the
                // end of the block.
                unsafe { lanes!(@load $lanes, $register, $size, $load, block, $indices) }
            }

            #[inline(always)]
            fn equal(&self, byte: u8) -> u64 {
                // SAFETY: the instructions are there (see the type).
                unsafe {
                    let wanted = $set(byte as i8);
                    lanes!(@mask self, $size, $mask, $movemask, v, $equal(v, wanted), $indices)
                }
            }

            #[inline(always)]
            fn between(&self, first: u8, last: u8) -> u64 {
                // SAFETY: the instructions are there (see the type).
                unsafe {
                    let (low, width) = ($set(first as i8), $set((last - first) as i8));
                    lanes!(@mask self, $size, $mask, $movemask, v, {
                        let above = $sub(v, low);
                        $equal($min(above, width), above)
                    }, $indices)
                }
            }

            #[inline(always)]
            fn letters(&self) -> u64 {
                // SAFETY: the instructions are there (see the type).
                unsafe {
                    let (case, low, width) = ($set(0x20), $set(b'a' as i8), $set((b'z' - b'a') as i8));
                    lanes!(@mask self, $size, $mask, $movemask, v, {
                        let above = $sub($or(v, case), low);
                        $equal($min(above, width), above)
                    }, $indices)
                }
            }

            #[inline(always)]
            fn non_ascii(&self) -> u64 {
                // SAFETY: the instructions are there (see the type).
                unsafe { lanes!(@mask self, $size, $mask, $movemask, v, v, $indices) }
            }
        }
    };
    (@load $lanes:ident, $register:ty, $size:literal, $load:ident, $block:ident, [$($i:literal)*]) => {
        $lanes([$($load($block.as_ptr().add($size * $i).cast::<$register>())),*])
    };
    (@mask $self:ident, $size:literal, $mask:ty, $movemask:ident, $v:ident, $test:expr, [$($i:literal)*]) => {
        0 $(| {
            let $v = $self.0[$i];
            u64::from($movemask($test) as $mask) << ($size * $i)
        })*
    };
}

lanes!(
    Sse2, __m128i, 16, u16, [0 1 2 3], _mm_loadu_si128, _mm_set1_epi8, _mm_cmpeq_epi8, _mm_min_epu8, _mm_sub_epi8,
    _mm_or_si128, _mm_movemask_epi8
);
lanes!(
    Avx2, __m256i, 32, u32, [0 1], _mm256_loadu_si256, _mm256_set1_epi8, _mm256_cmpeq_epi8, _mm256_min_epu8,
    _mm256_sub_epi8, _mm256_or_si256, _mm256_movemask_epi8
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretokenize::bits::Portable;

    /// Every byte at every place of a block, in all masks that scanners ask for and some more.
    fn agrees_with_portable<L: Lanes>() {
        for shift in 0..=255u8 {
            let block: [u8; BLOCK] = std::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(shift));
            let (fast, slow) = (L::load(&block), Portable::load(&block));
            assert_eq!(fast.letters(), slow.letters());
            assert_eq!(fast.non_ascii(), slow.non_ascii());
            for byte in 0..=255 {
                assert_eq!(fast.equal(byte), slow.equal(byte));
                for last in [byte, byte.saturating_add(7), byte.saturating_add(25), 255] {
                    assert_eq!(fast.between(byte, last), slow.between(byte, last));
                }
            }
        }
    }

    #[test]
    fn registers_agree_with_single_bytes() {
        agrees_with_portable::<Sse2>();
        if is_x86_feature_detected!("avx2") {
            agrees_with_portable::<Avx2>();
        } else {
            println!("skipped: this processor has no AVX2");
        }
    }
}
