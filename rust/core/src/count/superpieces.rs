//! The second table of counts: superpieces of the same text, where superwords are to be learned.
//!
//! It is counts like the first, without meta-data and without a second table of its own. Counts with it and counts
//! without it do not add up, except where one side holds nothing: a sum over half of a corpus would be wrong silently.

use super::{PieceCounts, SUPERWORDS};
use crate::{Error, Result};

impl PieceCounts {
    /// Counts of superpieces, where they were counted too.
    pub fn superpieces(&self) -> Option<&Self> {
        self.superpieces.as_deref()
    }

    /// Takes `superpieces` for the second table, in place of what stood there, and `pattern` for the name of the pattern
    /// that cut them. Of `superpieces` only pieces and weights count.
    pub fn set_superpieces(&mut self, superpieces: Self, pattern: &str) {
        self.set_meta(SUPERWORDS, pattern);
        self.superpieces = Some(Box::new(superpieces.bare()));
    }

    /// Without meta-data and second table.
    pub(super) fn bare(mut self) -> Self {
        self.meta.clear();
        self.superpieces = None;
        self
    }

    /// The totals of the second table once `other` is added; `None` where neither side has one.
    pub(super) fn joint_superpieces(&self, other: &Self) -> Result<Option<(u64, u64)>> {
        match (&self.superpieces, &other.superpieces) {
            (None, None) => Ok(None),
            (Some(mine), Some(theirs)) => mine.raised_totals(theirs.total_weight, Some(theirs.total_bytes)).map(Some),
            (Some(only), None) if other.is_empty() => Ok(Some((only.total_weight, only.total_bytes))),
            (None, Some(only)) if self.is_empty() => Ok(Some((only.total_weight, only.total_bytes))),
            _ => Err(Error::argument("counts with superpieces and counts without do not add up")
                .hint("count every part with --superword, or none")),
        }
    }
}

#[cfg(test)]
mod tests;
