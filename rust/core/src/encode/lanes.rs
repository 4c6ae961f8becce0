//! Several short pieces merged in turns.
//!
//! A merge needs two ranks that the merge before it asked for, and the table of pairs is larger than the nearest
//! caches: one piece alone waits for memory at every merge. So pieces take turns; each asks, and looks at the answers
//! when the others have had their turn. Deriving the pairs of o200k takes 67 ms so, and 94 one token at a time; a new
//! Korean piece costs a quarter less.

use super::merge::Short;
use super::pairs::PairTable;

/// Pieces that take turns: enough to wait for none, few enough to stay near (17 KB).
const LANES: usize = 32;

/// See the module.
#[derive(Default)]
pub(super) struct Lanes {
    lanes: Vec<Short>,
    /// Lanes that have merges left.
    busy: [u8; LANES],
}

impl Lanes {
    /// Merges jobs `0..n_jobs`: `load` puts one into a [`Short`] and says whether it found the ranks as well, `done`
    /// takes it out. Both see the jobs in order.
    #[inline(always)]
    pub(super) fn run(
        &mut self,
        pairs: &PairTable,
        n_jobs: usize,
        mut load: impl FnMut(usize, &mut Short) -> Ranks,
        mut done: impl FnMut(usize, &Short),
    ) {
        self.lanes.resize_with(LANES, Short::default);
        for first in (0..n_jobs).step_by(LANES) {
            let n = LANES.min(n_jobs - first);
            let mut n_busy = 0;
            for (at, lane) in self.lanes[..n].iter_mut().enumerate() {
                let ranks = load(first + at, lane);
                self.busy[n_busy] = at as u8;
                n_busy += usize::from(ranks == Ranks::Open);
                if ranks == Ranks::Open {
                    lane.prefetch_loaded(pairs);
                }
            }
            for &at in &self.busy[..n_busy] {
                self.lanes[usize::from(at)].rank_loaded(pairs);
            }
            n_busy = 0;
            for (at, lane) in self.lanes[..n].iter_mut().enumerate() {
                self.busy[n_busy] = at as u8;
                n_busy += usize::from(lane.step_and_ask(pairs));
            }
            while n_busy > 0 {
                let mut n_left = 0;
                for n in 0..n_busy {
                    let at = self.busy[n];
                    let lane = &mut self.lanes[usize::from(at)];
                    lane.settle(pairs);
                    self.busy[n_left] = at;
                    n_left += usize::from(lane.step_and_ask(pairs));
                }
                n_busy = n_left;
            }
            self.lanes[..n].iter().enumerate().for_each(|(at, lane)| done(first + at, lane));
        }
    }
}

/// Whether a lane's first ranks are known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ranks {
    Known,
    Open,
}
