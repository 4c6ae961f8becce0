//! Blocks of bytes with edges to counted pieces with cut marks, on the caller's thread.
//!
//! The pattern cuts pieces as always; an edge strictly inside a piece becomes its cut mark. Where edges come from (a
//! morphological analyser, which is a hundred times slower than counting) is not known here, and threads would not help.

use super::choice::Choice;
use super::documents::{Documents, Splitter};
use super::sample::{self, Sample};
use super::{DOCUMENTS, SAMPLE, Stats, failed_before, name_of};
use crate::count::{MORPHEMES, PATTERN, PieceCounts};
use crate::pretokenize::Pattern;
use crate::{Error, Result};
use std::collections::VecDeque;

/// Bytes of an open document after which what can be cut off is counted.
const CUT_BYTES: usize = 1 << 20;
/// Pieces scanned before they are counted.
const SCAN_LIMIT: usize = 2048;

/// Counts pieces of what is pushed, cut at edges.
///
/// The counts are the same whatever the cuts between blocks and the order of files. Memory as for
/// [`Counter`](super::Counter) on one thread: documents larger than a block are counted in parts, except under a sample,
/// a held-out part and with patterns that have no safe cuts.
///
/// ```
/// use bpe_lab_core::ingest::{Documents, MarkedCounter, Sample};
/// use bpe_lab_core::pretokenize::Pattern;
/// let pattern = Pattern::from_name("o200k")?;
/// let mut counter = MarkedCounter::new(pattern, Documents::File, Sample::All, "by hand".into())?;
/// counter.push("학교에 간다".as_bytes(), &[6])?; // 학교|에
/// let counts = counter.finish()?;
/// let records: Vec<_> = counts.records_sorted().map(|r| (r.piece, r.marks.iter().collect::<Vec<_>>())).collect();
/// assert_eq!(records, [(" 간다".as_bytes(), vec![]), ("학교에".as_bytes(), vec![6])]);
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
pub struct MarkedCounter {
    splitter: Splitter,
    open: Open,
    sample: Sample,
    pushed_bytes: u64,
    /// An error was given out: the counts are not whole.
    failed: bool,
    meta: [(&'static str, String); 4],
}

impl MarkedCounter {
    /// A counter; `analyser` says in the meta-data where edges come from.
    ///
    /// # Errors
    /// A fraction, separator or prefix out of bounds.
    pub fn new(pattern: Pattern, documents: Documents, sample: Sample, analyser: String) -> Result<Self> {
        let meta = [
            (PATTERN, name_of(&pattern)),
            (DOCUMENTS, documents.to_string()),
            (SAMPLE, sample.to_string()),
            (MORPHEMES, analyser),
        ];
        let splitter = Splitter::new(&documents)?;
        let open = Open::new(pattern, Choice::new(sample)?);
        Ok(Self { splitter, open, sample, pushed_bytes: 0, failed: false, meta })
    }

    /// As [`Counter::holding_out`](super::Counter::holding_out).
    #[must_use]
    pub fn holding_out(mut self, below: u64) -> Self {
        self.open.choice.hold_out(below);
        self
    }

    /// Hands over the next block of the current file, cut anywhere, and the edges in it: offsets from its first byte,
    /// ascending, below its length.
    ///
    /// # Errors
    /// Edges that do not ascend or lie outside; a user's regex that passes its limit, after which nothing more can be
    /// counted.
    pub fn push(&mut self, block: &[u8], edges: &[u64]) -> Result<()> {
        let ascend = edges.windows(2).all(|two| two[0] < two[1]);
        if !ascend || edges.last().is_some_and(|&last| last >= block.len() as u64) {
            let n = block.len();
            return Err(Error::argument(format!("the edges of a block must ascend and stay below its {n} bytes")));
        }
        let start = self.pushed_bytes;
        self.open.edges.extend(edges.iter().map(|edge| start + edge));
        self.pushed_bytes += block.len() as u64;
        self.drive(|splitter, sink| splitter.push(block, sink))
    }

    /// Ends the current file, and with it the document.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn end_of_file(&mut self) -> Result<()> {
        self.drive(|splitter, sink| splitter.end_of_file(sink))
    }

    fn drive(
        &mut self,
        step: impl FnOnce(&mut Splitter, &mut dyn FnMut(&[u8], bool) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        if self.failed {
            return Err(failed_before());
        }
        let Self { splitter, open, .. } = self;
        let done = step(splitter, &mut |bytes, ends| open.add(bytes, ends));
        self.failed = done.is_err();
        done
    }

    /// How far it is.
    pub fn stats(&self) -> Stats {
        Stats {
            pushed_bytes: self.pushed_bytes,
            n_held_out: self.open.choice.n_held_out,
            n_pieces_at_most: self.open.counts.len(),
            ..self.open.stats
        }
    }

    /// Ends the last file and gives the counts, with pattern, documents, sample and analyser in their meta-data.
    ///
    /// # Errors
    /// As [`Counter::finish`](super::Counter::finish).
    pub fn finish(mut self) -> Result<PieceCounts> {
        self.end_of_file()?;
        let stats = self.open.stats;
        sample::check_taken(self.sample, stats.n_documents, stats.n_taken)?;
        let mut counts = self.open.counts;
        self.meta.into_iter().for_each(|(key, value)| counts.set_meta(key, value));
        Ok(counts)
    }
}

/// The open document and what was counted before it.
struct Open {
    pattern: Pattern,
    choice: Choice,
    /// Bytes of the document that are not counted yet.
    bytes: Vec<u8>,
    /// Where in all that was pushed they begin.
    start: u64,
    /// Edges from there on, counted like it; ascending.
    edges: VecDeque<u64>,
    /// Bytes at which a cut is sought. Doubles while there is none, so that seeking stays linear.
    cut_at: usize,
    counts: PieceCounts,
    stats: Stats,
}

impl Open {
    fn new(pattern: Pattern, choice: Choice) -> Self {
        let (counts, stats) = (PieceCounts::new(), Stats::default());
        Self { pattern, choice, bytes: Vec::new(), start: 0, edges: VecDeque::new(), cut_at: CUT_BYTES, counts, stats }
    }

    /// More of the document; `ends` says that these are its last bytes.
    fn add(&mut self, bytes: &[u8], ends: bool) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        if ends {
            self.stats.n_documents += 1;
            if self.choice.takes(&self.bytes) {
                self.stats.n_taken += 1;
                self.count(self.bytes.len())?;
            }
            self.drop_front(self.bytes.len());
            self.cut_at = CUT_BYTES;
        } else if self.choice.takes_all() && self.bytes.len() >= self.cut_at {
            let cut = self.pattern.last_safe_cut(&self.bytes).unwrap_or(0);
            self.count(cut)?;
            self.drop_front(cut);
            self.cut_at = (2 * self.bytes.len()).max(CUT_BYTES);
        }
        Ok(())
    }

    fn drop_front(&mut self, n: usize) {
        self.bytes.drain(..n);
        self.start += n as u64;
        let behind = self.edges.partition_point(|&edge| edge < self.start);
        self.edges.drain(..behind);
    }

    /// Counts the pieces of the first `n` bytes.
    fn count(&mut self, n: usize) -> Result<()> {
        let Self { pattern, bytes, start, edges, counts, .. } = self;
        let text = &bytes[..n];
        let mut edges = edges.iter().map(|&edge| (edge - *start) as usize).peekable();
        let (mut at, mut ends, mut marks) = (0, Vec::new(), Vec::new());
        while at < n {
            ends.clear();
            let end = pattern.scan(text, at, SCAN_LIMIT, &mut ends)?;
            let (mut piece_start, mut plain_start, mut plain) = (at, at, 0);
            for (i, &piece_end) in ends.iter().enumerate() {
                marks.clear();
                while let Some(edge) = edges.next_if(|&edge| edge < piece_end) {
                    if edge > piece_start {
                        marks.push((edge - piece_start) as u32);
                    }
                }
                if !marks.is_empty() {
                    counts.add_spans(text, plain_start, &ends[plain..i])?;
                    counts.add_marked(&text[piece_start..piece_end], &marks, 1)?;
                    (plain_start, plain) = (piece_end, i + 1);
                }
                piece_start = piece_end;
            }
            counts.add_spans(text, plain_start, &ends[plain..])?;
            at = end;
        }
        self.stats.taken_bytes += n as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Model = BTreeMap<(Vec<u8>, Vec<usize>), u64>;

    /// The obvious twin: documents are lines, pieces by `split`, each edge looked up for each piece.
    fn twin(text: &[u8], edges: &[u64], pattern: &Pattern) -> Model {
        let (mut model, mut line_start) = (Model::new(), 0);
        for line in text.split_inclusive(|&b| b == b'\n') {
            let (mut ends, mut start) = (Vec::new(), 0);
            pattern.split(line, &mut ends).unwrap();
            for end in ends {
                let inside = |at: usize| at > line_start + start && at < line_start + end;
                let marks = edges.iter().map(|&e| e as usize).filter(|&at| inside(at));
                let marks = marks.map(|at| at - line_start - start).collect();
                *model.entry((line[start..end].to_vec(), marks)).or_default() += 1;
                start = end;
            }
            line_start += line.len();
        }
        model
    }

    fn counted(text: &[u8], edges: &[u64], step: usize, pattern: &Pattern) -> PieceCounts {
        let mut counter = MarkedCounter::new(pattern.clone(), Documents::Line, Sample::All, "hand".into()).unwrap();
        let mut start = 0;
        for block in text.chunks(step) {
            let inside = |e: &&u64| (start..start + block.len() as u64).contains(*e);
            let edges: Vec<u64> = edges.iter().filter(inside).map(|e| e - start).collect();
            counter.push(block, &edges).unwrap();
            start += block.len() as u64;
        }
        assert_eq!(counter.stats().pushed_bytes, text.len() as u64);
        counter.finish().unwrap()
    }

    fn model_of(counts: &PieceCounts) -> Model {
        counts.records().map(|r| ((r.piece.to_vec(), r.marks.iter().collect()), r.weight)).collect()
    }

    proptest! {
        #[test]
        fn edges_become_marks(
            text in "[가-힣a-c1 \n,.]{0,40}",
            seed: u64,
            step in 1..9usize,
            name in prop::sample::select(vec!["o200k", "gpt2", "none"]),
        ) {
            let pattern = Pattern::from_name(name).unwrap();
            let text = text.as_bytes();
            let edges: Vec<u64> = (0..text.len() as u64).filter(|at| seed >> (at % 64) & 1 == 1).collect();
            let counts = counted(text, &edges, step, &pattern);
            prop_assert_eq!(model_of(&counts), twin(text, &edges, &pattern));
            prop_assert_eq!(counts.total_bytes(), text.len() as u64);
        }
    }

    /// A document of 3 MB comes in blocks: it is counted in parts, and as if it were whole.
    #[test]
    fn large_documents_are_counted_in_parts() {
        let text = "나는 학교에 간다 ".repeat(100_000).into_bytes();
        let edges: Vec<u64> = (0..100_000).flat_map(|i| [3, 13].map(|at| i * 24 + at)).collect();
        let pattern = Pattern::from_name("o200k").unwrap();
        let mut counter = MarkedCounter::new(pattern, Documents::File, Sample::All, "hand".into()).unwrap();
        for (i, block) in text.chunks(500_000).enumerate() {
            let start = i as u64 * 500_000;
            let inside = edges.iter().filter(|&&e| (start..start + block.len() as u64).contains(&e));
            counter.push(block, &inside.map(|e| e - start).collect::<Vec<_>>()).unwrap();
            assert!(counter.open.bytes.len() < 2 << 20);
        }
        let counts = counter.finish().unwrap();
        let row = |piece: &str, marks: &[usize], n| ((piece.as_bytes().to_vec(), marks.to_vec()), n);
        let want = [
            row("나는", &[3], 1),
            row(" 나는", &[4], 99_999),
            row(" 학교에", &[7], 100_000),
            row(" 간다", &[], 100_000),
            row(" ", &[], 1),
        ];
        assert_eq!(model_of(&counts), Model::from(want));
        assert_eq!(counts.meta()[MORPHEMES], "hand");
    }

    #[test]
    fn samples_take_the_documents_that_the_counter_takes() {
        let text: String = (0..400).map(|i| format!("문서 {i}번은 짧다\n")).collect();
        let sample = Sample::Fraction { fraction: 0.3, seed: 7 };
        let pattern = Pattern::from_name("o200k").unwrap();
        let mut plain = super::super::Counter::new(pattern.clone(), Documents::Line, sample, 1).unwrap();
        let mut marked = MarkedCounter::new(pattern, Documents::Line, sample, "none".into()).unwrap();
        for block in text.as_bytes().chunks(37) {
            plain.push(block).unwrap();
            marked.push(block, &[]).unwrap();
        }
        assert_eq!(marked.stats().n_documents, 400);
        assert_eq!(marked.finish().unwrap().sorted(), plain.finish().unwrap().sorted());
    }

    #[test]
    fn what_is_held_out_is_what_the_counter_holds_out() {
        let text: String = (0..400).map(|i| format!("문서 {i}번은 짧다\n")).collect();
        let pattern = Pattern::from_name("o200k").unwrap();
        let plain = super::super::Counter::new(pattern.clone(), Documents::Line, Sample::All, 1).unwrap();
        let marked = MarkedCounter::new(pattern, Documents::Line, Sample::All, "none".into()).unwrap();
        let (mut plain, mut marked) = (plain.holding_out(u64::MAX / 4), marked.holding_out(u64::MAX / 4));
        for block in text.as_bytes().chunks(37) {
            plain.push(block).unwrap();
            marked.push(block, &[]).unwrap();
        }
        let (a, b) = (plain.stats(), marked.stats());
        assert_eq!((a.n_held_out, a.n_taken), (b.n_held_out, b.n_taken));
        assert!((50..150).contains(&a.n_held_out) && a.n_held_out + a.n_taken == 400);
        assert_eq!(marked.finish().unwrap().sorted(), plain.finish().unwrap().sorted());
    }

    #[test]
    fn wrong_edges() {
        let pattern = Pattern::from_name("o200k").unwrap();
        let mut counter = MarkedCounter::new(pattern, Documents::File, Sample::All, "hand".into()).unwrap();
        for edges in [&[3][..], &[1, 1], &[2, 1]] {
            let e = counter.push(b"abc", edges).unwrap_err();
            assert_eq!(e.to_string(), "the edges of a block must ascend and stay below its 3 bytes");
        }
    }
}
