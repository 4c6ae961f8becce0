//! Pieces of the named patterns 64 bytes at a time: where a piece begins is a Boolean term over the class masks.
//!
//! A block begins where a piece begins, and the next one at the last beginning that this one decides, so nothing is carried
//! over. What the masks cannot decide (a run that reaches over the block, the end of the text, code points beyond the
//! masks) is left to the pattern's `piece_end`, which is also the oracle of this module.
//!
//! The idea of deciding pieces by shifted class masks is that of simdjson (Langdale and Lemire, arXiv 1902.08318).

use super::bits::Bits;
use super::contraction::{any_case_contraction, lower_contraction};
use crate::raw::Lanes;

/// Bytes that are scanned piece by piece after a block that decided nothing, so that text of long pieces or rare
/// code points does not pay for a block at every piece.
const PATIENCE: usize = 32;

/// A pattern that can be cut by blocks.
pub(super) trait BlockPattern {
    /// The end of the piece that begins at `pos`.
    fn piece_end(text: &[u8], pos: usize) -> usize;

    /// Where pieces begin among the 64 bytes from `pos` on, where one begins: bit i for byte `pos + i`. A set bit is a
    /// beginning; bits after the last one set are undecided. Bit 0 may be set or not. `None` near the end of the text.
    fn starts<L: Lanes>(text: &[u8], pos: usize) -> Option<u64>;
}

/// [`Pattern::scan`](super::Pattern::scan) of a pattern that can be cut by blocks.
#[inline(always)]
pub(super) fn scan<L: Lanes, P: BlockPattern>(text: &[u8], start: usize, limit: usize, ends: &mut Vec<usize>) -> usize {
    let (mut pos, mut left) = (start, limit);
    while pos < text.len() && left > 0 {
        let starts = P::starts::<L>(text, pos).unwrap_or(0) & !1;
        if starts == 0 {
            let until = pos.saturating_add(PATIENCE).min(text.len());
            while pos < until && left > 0 {
                pos = P::piece_end(text, pos);
                ends.push(pos);
                left -= 1;
            }
            continue;
        }
        left = push_bits(starts, pos, left, ends);
        if let Some(&last) = ends.last() {
            pos = last;
        }
    }
    pos
}

/// Appends `base` + i for the lowest `left` set bits i; returns how many more were allowed.
#[inline(always)]
fn push_bits(mut bits: u64, base: usize, left: usize, ends: &mut Vec<usize>) -> usize {
    let (n, before) = ((bits.count_ones() as usize).min(left), ends.len());
    // Eight at a time whether there are so many or not: one branch for most blocks, and a copy of fixed size.
    for _ in 0..n.div_ceil(8) {
        ends.extend_from_slice(&std::array::from_fn::<_, 8, _>(|_| {
            let end = base + bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            end
        }));
    }
    ends.truncate(before + n);
    left - n
}

/// The indices of the bits that are set, lowest first.
fn each(mut bits: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let i = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (i < 64).then_some(i)
    })
}

/// The bits of `run` that follow a bit of `seeds` in the same gapless run; `seeds` is a subset of `run`, and included.
///
/// The sum carries from the lowest seed of a run to the bit after the run and clears what lies between, other seeds
/// excepted.
#[inline(always)]
fn flood(run: u64, seeds: u64) -> u64 {
    run & !run.wrapping_add(seeds) | seeds
}

/// `len` bits from bit `at` on, as far as a block reaches.
#[inline(always)]
fn span(at: u32, len: u32) -> u64 {
    ((1u64 << len) - 1) << at
}

/// GPT-2.
pub(super) struct Gpt2;

impl BlockPattern for Gpt2 {
    #[inline(always)]
    fn piece_end(text: &[u8], pos: usize) -> usize {
        super::gpt2::piece_end(text, pos)
    }

    #[inline(always)]
    fn starts<L: Lanes>(text: &[u8], pos: usize) -> Option<u64> {
        let mut bits = Bits::of::<L, false>(text, pos)?;
        let candidates = bits.apostrophe & !((bits.other | bits.space) << 1);
        let contractions = take_leading_contractions(&mut bits, candidates, |at| lower_contraction(text, pos + at));
        let white = bits.space | bits.blank | bits.line_break;
        // A run begins where its class does, unless a space before it does.
        let begins = |run: u64| run & !(run << 1);
        let dark = (begins(bits.caseless) | begins(bits.number) | begins(bits.other)) & !(bits.space << 1);
        Some(dark | contractions | begins(white) | run_ends(white, bits.len))
    }
}

/// The last bits of the runs of `mask`, as far as `len` bits tell: whether the last of them ends a run is not known.
#[inline(always)]
fn run_ends(mask: u64, len: u32) -> u64 {
    mask & !(mask >> 1) & !1u64.checked_shl(len.wrapping_sub(1)).unwrap_or(0)
}

/// Takes the contractions at `candidates` out of `other` and of the letters, so that what follows begins anew; returns
/// where they begin.
#[inline(always)]
fn take_leading_contractions(bits: &mut Bits, candidates: u64, length_at: impl Fn(usize) -> usize) -> u64 {
    let mut found = 0;
    for at in each(candidates) {
        let len = length_at(at as usize);
        if len > 0 {
            found |= 1 << at;
            take(bits, span(at, len as u32));
        }
    }
    found
}

#[inline(always)]
fn take(bits: &mut Bits, bytes: u64) {
    for mask in [&mut bits.other, &mut bits.caseless, &mut bits.upper, &mut bits.lower] {
        *mask &= !bytes;
    }
}

/// cl100k and Llama 3: they differ only at the end of a text, where no block is.
pub(super) struct Cl100k<const LLAMA3: bool>;

impl<const LLAMA3: bool> BlockPattern for Cl100k<LLAMA3> {
    #[inline(always)]
    fn piece_end(text: &[u8], pos: usize) -> usize {
        if LLAMA3 { super::cl100k::llama3_piece_end(text, pos) } else { super::cl100k::piece_end(text, pos) }
    }

    #[inline(always)]
    fn starts<L: Lanes>(text: &[u8], pos: usize) -> Option<u64> {
        let mut bits = Bits::of::<L, false>(text, pos)?;
        let candidates = bits.apostrophe & !((bits.other | bits.space) << 1);
        let contractions = take_leading_contractions(&mut bits, candidates, |at| any_case_contraction(text, pos + at));
        let trailing = flood(bits.line_break, bits.line_break & bits.other << 1);
        let others = Others::of(bits.other, &bits);
        let white = White::of(&bits, trailing);
        let words = bits.caseless & !((bits.caseless | white.leads | others.single_leads) << 1);
        Some(words | contractions | numbers(bits.number) | others.starts | white.starts)
    }
}

/// o200k.
pub(super) struct O200k;

impl BlockPattern for O200k {
    #[inline(always)]
    fn piece_end(text: &[u8], pos: usize) -> usize {
        super::o200k::piece_end(text, pos)
    }

    #[inline(always)]
    fn starts<L: Lanes>(text: &[u8], pos: usize) -> Option<u64> {
        let mut bits = Bits::of::<L, true>(text, pos)?;
        take_trailing_contractions(&mut bits, text, pos);
        let trailing = flood(bits.line_break | bits.slash, bits.line_break & bits.other << 1);
        let others = Others::of(bits.other & !trailing, &bits);
        let white = White::of(&bits, trailing);
        let letters = bits.upper | bits.lower | bits.caseless;
        let words = letters & !((letters | white.leads | others.single_leads) << 1);
        Some(words | inner_words(&bits, letters) | numbers(bits.number) | others.starts | white.starts)
    }
}

/// Takes the contractions that follow a letter out of `other` and of the letters: they end their word, and what follows
/// begins anew. In order, since a contraction's own letters are followed by none.
#[inline(always)]
fn take_trailing_contractions(bits: &mut Bits, text: &[u8], pos: usize) {
    for at in each(bits.apostrophe & (bits.upper | bits.lower | bits.caseless) << 1) {
        let letters = bits.upper | bits.lower | bits.caseless;
        let len = any_case_contraction(text, pos + at as usize);
        if len > 0 && letters << 1 >> at & 1 == 1 {
            take(bits, span(at, len as u32));
        }
    }
}

/// Where pieces begin inside a run of letters: `[UC]*[lC]+|[UC]+[lC]*` with U upper case, l lower case, C without case.
#[inline(always)]
fn inner_words(bits: &Bits, letters: u64) -> u64 {
    // Past its first l a piece takes no U.
    let past_lower = flood(bits.lower | bits.caseless, bits.lower);
    let mut starts = bits.upper & past_lower << 1;
    // Before any l, the Us after a C go with it only if a C or an l follows them.
    for at in each(bits.upper & (bits.caseless & !past_lower) << 1) {
        let after = at + (!(bits.upper >> at)).trailing_zeros();
        if after < bits.len && letters >> after & 1 == 0 {
            starts |= 1 << at;
        }
    }
    starts
}

/// Runs of `[^\s\p{L}\p{N}]`.
struct Others {
    starts: u64,
    /// All bytes of the code points that begin a piece: a letter right after one belongs to it.
    single_leads: u64,
}

impl Others {
    #[inline(always)]
    fn of(other: u64, bits: &Bits) -> Self {
        let starts = other & !((other | bits.space) << 1);
        let tails = bits.other_tail & other;
        Self { starts, single_leads: starts | flood(tails, starts << 1 & tails) }
    }
}

/// Runs of white space, less the line breaks that belong to others before them: `\s*[\r\n]+|\s+(?!\S)|\s`.
struct White {
    starts: u64,
    /// White space that leads a word where a letter follows.
    leads: u64,
}

impl White {
    #[inline(always)]
    fn of(bits: &Bits, trailing: u64) -> Self {
        let leads = bits.space | bits.blank;
        let white = (leads | bits.line_break) & !trailing;
        let mut starts = white & !(white << 1) | leads & run_ends(white, bits.len);
        // White space after a line break begins a piece if no line break follows in the run.
        for at in each(leads & (bits.line_break & !trailing) << 1) {
            let after = at + (!(leads >> at)).trailing_zeros();
            if after < bits.len && bits.line_break >> after & 1 == 0 {
                starts |= 1 << at;
            }
        }
        Self { starts, leads }
    }
}

/// Numbers by threes from where their run begins.
#[inline(always)]
fn numbers(number: u64) -> u64 {
    let mut begins = number & !(number << 1);
    let mut starts = begins;
    let four = number & number << 1 & number << 2 & number << 3;
    while begins != 0 {
        begins = begins << 3 & four;
        starts |= begins;
    }
    starts
}
