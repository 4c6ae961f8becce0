//! x86-64: vector registers, chosen by what the processor can do, and prefetching. All `unsafe` code of the crate.
//!
//! Why registers: the vector instructions of `std::arch` are safe only where the compiler knows that the processor has
//! them, which for AVX2 is known when the program runs. What is promised there is one thing, and it is checked in
//! [`with_widest_lanes`]; the register types are named nowhere else, so no one can make one without that check. The safe
//! twin is `Portable`, with which both types are compared.
//!
//! Why prefetching: the tables of an encoder are larger than the caches, and safe Rust has no word for it. The safe twin is
//! to do nothing, which is what other machines do.

#![allow(unsafe_code)]

use super::{BLOCK, Lanes, Task};
use std::arch::x86_64::*;

/// Asks for the memory of `items[at]`. Changes nothing but when it arrives; any `at` will do.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T], at: usize) {
    // SAFETY: a prefetch has no effect that a program can see, and faults at no address. SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(items.as_ptr().wrapping_add(at).cast()) }
}

/// Does `task` with the widest registers at hand.
#[inline(always)]
pub(crate) fn with_widest_lanes<T: Task>(task: T) -> T::Output {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has the features that `with_avx2` is compiled for.
        return unsafe { with_avx2(task) };
    }
    task.run::<Sse2>()
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn with_avx2<T: Task>(task: T) -> T::Output {
    task.run::<Avx2>()
}

/// Four registers of 16 bytes. Every x86-64 processor has SSE2.
struct Sse2([__m128i; 4]);

/// Two registers of 32 bytes. Made only inside [`with_avx2`], and in tests after the same check.
struct Avx2([__m256i; 2]);

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
    use super::super::Portable;
    use super::*;

    /// Every byte at every place of a block, through every compare.
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
