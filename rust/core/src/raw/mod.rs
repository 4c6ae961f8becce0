//! What safe Rust cannot say: vector registers chosen at run time, and asking for memory ahead of its use.
//!
//! Knows nothing of patterns, encoders or any other module. All `unsafe` code of the crate is in `x86`; what it offers is
//! safe to use, and other machines do without.

#[cfg(any(test, target_arch = "x86_64"))]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
pub(crate) use lanes::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use lanes::Task;
#[cfg(any(test, target_arch = "x86_64"))]
pub(crate) use lanes::{BLOCK, Lanes};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{prefetch, with_widest_lanes};

/// Asks for the memory of `items[at]`: here nothing, since there is no safe way.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn prefetch<T>(_items: &[T], _at: usize) {}
