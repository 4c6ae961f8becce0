//! A counted piece to the words that training merges in: one, or one for each part between its cut marks.
//!
//! No merge crosses a mark, so the parts never see each other: training on them apart is training on the piece with the
//! marks as walls. (`naive` keeps the walls instead.)

use crate::Symbol;
use crate::count::Record;
use crate::unit::Unit;

/// Buffers for the words of one piece after another.
#[derive(Default)]
pub(super) struct Words {
    symbols: Vec<Symbol>,
    cuts: Vec<usize>,
}

impl Words {
    /// The symbols of each word of `record`, from left to right; none is empty.
    #[inline]
    pub(super) fn of<'a>(&'a mut self, unit: &Unit, record: &Record) -> impl Iterator<Item = &'a [Symbol]> {
        let Self { symbols, cuts } = self;
        symbols.clear();
        cuts.clear();
        if record.marks.is_empty() {
            unit.symbols_into(record.piece, symbols);
        } else {
            unit.cut_symbols_into(record.piece, record.marks.iter(), symbols, cuts);
        }
        let ends = cuts.iter().copied().chain([symbols.len()]);
        ends.scan(0, |start, end| Some(&symbols[std::mem::replace(start, end)..end]))
    }
}
