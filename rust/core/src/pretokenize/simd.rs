//! The block scanner on the widest vector registers of the processor. No vector code here: that is [`crate::raw`]'s.

use super::blocks::{self, BlockPattern};
use crate::raw::{Lanes, Task, with_widest_lanes};
use std::marker::PhantomData;

/// [`blocks::scan`] with the widest registers at hand.
pub(super) fn scan<P: BlockPattern>(text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
    with_widest_lanes(Scan::<P> { text, start, limit, ends, pattern: PhantomData })
}

/// The arguments of [`blocks::scan`].
struct Scan<'a, P> {
    text: &'a [u8],
    start: usize,
    limit: usize,
    ends: &'a mut Vec<usize>,
    pattern: PhantomData<P>,
}

impl<P: BlockPattern> Task for Scan<'_, P> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes>(self) -> usize {
        blocks::scan::<L, P>(self.text, self.start, self.limit, self.ends)
    }
}
