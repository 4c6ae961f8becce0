//! Long pieces, window by window, in time that does not grow with the piece.
//!
//! Definitions. `BPE(s)` is the merge loop's result on the string of symbols `s`, alone. Two tokens `t`, `u` are
//! *compatible* when `BPE(tu) = t u`, and `t` is *sound* when `BPE(t) = t`.
//!
//! Corollary 1. Tokens that are sound and neighbour by neighbour compatible are `BPE` of what they spell. For look at
//! the first merge across one of their ends, between `t` and `u`. Nothing crossed the outer ends of `tu` before, so the
//! loop did inside `tu` what it does on `tu` alone, and there it never crosses. Conversely any two neighbours in
//! `BPE(s)` are compatible, by the same argument.
//!
//! Corollary 2. If `BPE(s[..b])` and `BPE(s[a..c])`, with `a < b < c`, share one token at one place, then the tokens of
//! the first up to it and those of the second from it on are `BPE(s[..c])`.
//!
//! Algorithm. Keep `BPE(s[..b])`. Take a window from the start `a` of one of its last tokens to some `c > b`, run the
//! loop on it, and splice at the first shared token. Where none is shared, begin further left; in the end `a` is 0 and
//! there is nothing to splice. One shared token is enough, so an overlap of [`OVERLAP`] symbols nearly always is, and
//! where it was not (tokens longer than that), it stays doubled for the next windows. An overlap of [`KEPT`] symbols that
//! shares none is a sign of a token that goes on and on: then everything so far and [`GROWTH`] times as much is one
//! window. A piece of 16 million `a`, with a token as long, is looked at 1.6 times in all.
//!
//! Both rules are covered: the argument only needs that the loop's choice inside a span does not depend on what stands
//! outside. It holds for the merge loop, not for the rule that a piece which is a token needs no merging.

use super::merge::{Merger, Source};
use super::pairs::PairTable;

/// Symbols by which windows overlap.
const OVERLAP: usize = 32;
/// Symbols of a window: as many as the loop over minima of minima takes.
const WINDOW: usize = 256;
/// Starts of tokens that are kept, and the most symbols by which windows overlap; what lies further left is not looked at
/// again unless everything is.
const KEPT: usize = 1 << 16;
/// By how much a window that begins at 0 passes what is covered, where no overlap is long enough. Bounds the memory by the
/// length of the token instead of the piece.
const GROWTH: usize = 8;

/// Buffers of [`Long::run`].
#[derive(Default)]
pub(super) struct Long {
    /// Tokens of the prefix so far: where each begins.
    starts: Vec<usize>,
    /// Tokens of the window: where each begins, and its id.
    window: Vec<(usize, u32)>,
}

impl Long {
    /// Appends the ids of `source` to `out`.
    pub(super) fn run(&mut self, pairs: &PairTable, merger: &mut Merger, source: &impl Source, out: &mut Vec<u32>) {
        let base = out.len();
        let (mut covered, mut overlap) = (0, OVERLAP);
        self.starts.clear();
        while covered < source.len() {
            let kept = self.restart(covered, overlap);
            let from = kept.map_or(0, |k| self.starts[k]);
            let growth = if overlap > KEPT { GROWTH } else { 2 };
            let to = window_end(from, covered, growth).min(source.len());
            self.window.clear();
            merger.run(pairs, &source.part(from, to), |at, id| self.window.push((from + at, id)));
            let shared = match kept {
                Some(kept) => self.shared(kept, out),
                None => Some((0, 0)),
            };
            let Some((old, new)) = shared else {
                overlap *= 2;
                continue;
            };
            let keep = if kept.is_some() { out.len() - (self.starts.len() - old) } else { base };
            self.splice(old, new, keep, out);
            (covered, overlap) = (to, (overlap / 2).max(OVERLAP));
        }
        self.window.shrink_to(2 * KEPT);
    }

    /// The last kept token that begins `overlap` symbols before `covered` or more; `None` where that is the very first, or
    /// further left than what is kept.
    fn restart(&self, covered: usize, overlap: usize) -> Option<usize> {
        if overlap > KEPT {
            return None;
        }
        let limit = covered.saturating_sub(overlap);
        let after = self.starts.partition_point(|&start| start <= limit);
        after.checked_sub(1).filter(|&k| self.starts[k] > 0)
    }

    /// The first token that the prefix, from its kept token `old` on, has in common with the window: its number in
    /// both.
    fn shared(&self, mut old: usize, out: &[u32]) -> Option<(usize, usize)> {
        let ids = &out[out.len() - self.starts.len()..];
        let mut new = 0;
        while let (Some(&start), Some(&(window_start, id))) = (self.starts.get(old), self.window.get(new)) {
            if (start, ids[old]) == (window_start, id) {
                return Some((old, new));
            }
            old += usize::from(start <= window_start);
            new += usize::from(window_start <= start);
        }
        None
    }

    /// Puts the window's tokens from `new` on in the place of the prefix's from `old` on, where `out` holds `keep` ids.
    fn splice(&mut self, old: usize, new: usize, keep: usize, out: &mut Vec<u32>) {
        self.starts.truncate(old);
        out.truncate(keep);
        let tokens = &self.window[new..];
        out.extend(tokens.iter().map(|&(_, id)| id));
        let last = &tokens[tokens.len().saturating_sub(2 * KEPT)..];
        if last.len() < tokens.len() {
            self.starts.clear();
        }
        self.starts.extend(last.iter().map(|&(start, _)| start));
        if self.starts.len() > 2 * KEPT {
            self.starts.drain(..KEPT);
        }
    }
}

/// Where the window that begins at `from` ends: at least as far beyond `covered` as it begins before, so that the work
/// stays in proportion to the progress.
fn window_end(from: usize, covered: usize, growth: usize) -> usize {
    (from + WINDOW).max(from.saturating_add((covered - from).saturating_mul(growth)))
}
