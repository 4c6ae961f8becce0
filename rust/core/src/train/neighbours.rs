//! What stands beside the occurrences of the pair being merged, summed in dense arrays: so the table of pairs is
//! touched once per distinct neighbour and not once per occurrence.

/// Sums of one neighbour on one side.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    pub(super) weight: u64,
    /// Occurrences without weights.
    pub(super) n: u32,
    /// Where the next position of the new pair goes, or [`NOWHERE`].
    next: u32,
}

/// The new pair is too rare to have positions.
const NOWHERE: u32 = u32::MAX;

const ZERO: Sum = Sum { weight: 0, n: 0, next: NOWHERE };

/// The neighbours of one side.
pub(super) struct Side {
    /// By id, the edge included; zero but for those in `seen`.
    sums: Vec<Sum>,
    seen: Vec<u32>,
    edge: u32,
}

impl Side {
    /// For ids below `edge`, and the edge itself.
    pub(super) fn new(edge: u32) -> Self {
        Self { sums: vec![ZERO; edge as usize + 1], seen: Vec::new(), edge }
    }

    /// Meets `id`, which may be the edge: adding that too spares a branch that no processor foresees.
    #[inline]
    pub(super) fn add(&mut self, id: u32, weight: u64) {
        let sum = &mut self.sums[id as usize];
        if sum.n == 0 {
            self.seen.push(id);
        }
        sum.n += 1;
        sum.weight += weight;
    }

    #[inline]
    pub(super) fn sum(&self, id: u32) -> Sum {
        self.sums[id as usize]
    }

    /// The distinct neighbours, in the order they were first met, without the edge.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Sum)> {
        self.seen.iter().filter(|id| **id != self.edge).map(|id| (*id, self.sum(*id)))
    }

    /// Asks for each distinct neighbour where the positions of its new pair go, if anywhere.
    pub(super) fn place(&mut self, mut ask: impl FnMut(u32, Sum) -> Option<usize>) {
        for &id in self.seen.iter().filter(|id| **id != self.edge) {
            let sum = &mut self.sums[id as usize];
            sum.next = ask(id, *sum).map_or(NOWHERE, |next| next as u32);
        }
    }

    /// The place for one more position of the pair with `id`, if it has places at all.
    #[inline]
    pub(super) fn take_next(&mut self, id: u32) -> Option<usize> {
        let next = &mut self.sums[id as usize].next;
        if *next == NOWHERE {
            return None;
        }
        *next += 1;
        Some(*next as usize - 1)
    }

    pub(super) fn clear(&mut self) {
        for id in self.seen.drain(..) {
            self.sums[id as usize] = ZERO;
        }
    }
}
