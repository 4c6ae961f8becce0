//! Asks the caller every few milliseconds whether to go on. Counts work instead of reading a clock.

use super::Progress;
use crate::{Error, Result};

/// Pieces of work (a cell walked, an occurrence merged) between two questions. One costs 2 to 100 ns, so a question
/// comes every 0.3 to 13 ms.
const STRIDE: usize = 1 << 17;

/// The caller's question and the work done since it was last put.
pub(super) struct Watch<'a> {
    ask: &'a mut dyn FnMut(Progress) -> bool,
    progress: Progress,
    work: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(ask: &'a mut dyn FnMut(Progress) -> bool, progress: Progress) -> Self {
        Self { ask, progress, work: 0 }
    }

    /// Notes how many ids there are, for the next question.
    pub(super) fn reached(&mut self, n_ids: usize) {
        self.progress.n_ids = n_ids;
    }

    /// Notes `work` done. Callers with more than [`STRIDE`] to do call once a block.
    ///
    /// # Errors
    /// Interrupted, where the caller says so.
    #[inline]
    pub(super) fn spend(&mut self, work: usize) -> Result<()> {
        self.work += work;
        if self.work < STRIDE {
            return Ok(());
        }
        self.work = 0;
        if (self.ask)(self.progress) { Ok(()) } else { Err(Error::interrupted()) }
    }
}
