//! What a worker gets at a time: many small documents, or a part of a large one. Decides which documents are taken.

use super::choice::Choice;
use crate::Result;
use crate::pretokenize::Pattern;

/// Bytes after which a batch goes to a worker. It stays in a core's L2 from the copy to the count; at 256 KiB the hand
/// over costs nothing that can be measured.
pub(super) const BATCH_BYTES: usize = 1 << 18;

/// Text and where it may be scanned on its own.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Ends of the segments that tile `bytes`: documents, and parts of documents that end where a piece does.
    pub(super) ends: Vec<usize>,
    /// Batches before this one.
    pub(super) number: u64,
}

impl Batch {
    /// Empties it for the next use, and lets go of a buffer that a huge document has blown up.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * BATCH_BYTES);
        self.ends.clear();
    }
}

/// Collects documents into batches.
#[derive(Debug)]
pub(super) struct Filler {
    /// Tells where a large document can be cut.
    pattern: Pattern,
    pub(super) choice: Choice,
    /// Closed segments of less than [`BATCH_BYTES`], and the open document as far as it was not handed on.
    batch: Batch,
    /// Empty; the next batch.
    spare: Batch,
    /// Bytes of the open document at which a cut is sought. Doubles while there is none, so that seeking stays linear.
    cut_at: usize,
    pub(super) n_documents: u64,
    pub(super) n_taken: u64,
    pub(super) taken_bytes: u64,
}

/// Takes a full batch and gives an empty one.
pub(super) type Submit<'a> = dyn FnMut(Batch) -> Result<Batch> + 'a;

impl Filler {
    pub(super) fn new(pattern: Pattern, choice: Choice) -> Self {
        let (batch, spare) = (Batch::default(), Batch::default());
        Self { pattern, choice, batch, spare, cut_at: BATCH_BYTES, n_documents: 0, n_taken: 0, taken_bytes: 0 }
    }

    /// Takes the next bytes of the current document; `ends` says that they are its last.
    pub(super) fn add(&mut self, bytes: &[u8], ends: bool, submit: &mut Submit) -> Result<()> {
        if self.choice.takes_all() {
            self.append(bytes, submit)?;
            return if ends { self.end_taken(submit) } else { Ok(()) };
        }
        // A document that comes in one part is judged where it lies, one in many parts when it is whole.
        if ends && self.batch.bytes.len() == self.open_start() {
            if self.choice.takes(bytes) {
                self.append(bytes, submit)?;
                return self.end_taken(submit);
            }
        } else {
            self.batch.bytes.extend_from_slice(bytes);
            if !ends {
                return Ok(());
            }
            let start = self.open_start();
            if self.choice.takes(&self.batch.bytes[start..]) {
                self.taken_bytes += (self.batch.bytes.len() - start) as u64;
                return self.end_taken(submit);
            }
            self.batch.bytes.truncate(start);
        }
        self.n_documents += 1;
        Ok(())
    }

    /// Where the open document begins in the batch.
    fn open_start(&self) -> usize {
        self.batch.ends.last().copied().unwrap_or(0)
    }

    /// Adds to the open document, which is taken; hands on what is cut off it.
    fn append(&mut self, mut bytes: &[u8], submit: &mut Submit) -> Result<()> {
        self.taken_bytes += bytes.len() as u64;
        loop {
            let open = self.batch.bytes.len() - self.open_start();
            let (front, rest) = bytes.split_at(bytes.len().min(self.cut_at - open));
            self.batch.bytes.extend_from_slice(front);
            if open + front.len() < self.cut_at {
                return Ok(());
            }
            self.cut_open_document(submit)?;
            bytes = rest;
        }
    }

    /// Hands on the open document up to its last safe cut; keeps all of it where there is none.
    fn cut_open_document(&mut self, submit: &mut Submit) -> Result<()> {
        let start = self.open_start();
        let open = &self.batch.bytes[start..];
        let kept = match self.pattern.last_safe_cut(open).filter(|&cut| 0 < cut && cut < open.len()) {
            Some(cut) => {
                self.batch.ends.push(start + cut);
                let kept = open.len() - cut;
                self.hand_on(submit)?;
                kept
            }
            None => open.len(),
        };
        self.cut_at = (2 * kept).max(BATCH_BYTES);
        Ok(())
    }

    fn end_taken(&mut self, submit: &mut Submit) -> Result<()> {
        self.n_documents += 1;
        self.n_taken += 1;
        self.cut_at = BATCH_BYTES;
        self.batch.ends.push(self.batch.bytes.len());
        if self.batch.bytes.len() >= BATCH_BYTES { self.hand_on(submit) } else { Ok(()) }
    }

    /// Hands on all segments and keeps what is open.
    pub(super) fn hand_on(&mut self, submit: &mut Submit) -> Result<()> {
        let end = self.open_start();
        if end == 0 {
            return Ok(());
        }
        let mut full = std::mem::replace(&mut self.batch, std::mem::take(&mut self.spare));
        self.batch.number = full.number + 1;
        self.batch.bytes.extend_from_slice(&full.bytes[end..]);
        full.bytes.truncate(end);
        self.spare = submit(full)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    /// What is handed on when `document` comes in blocks of `step` bytes.
    fn batches(pattern: &str, document: &[u8], step: usize) -> Vec<Batch> {
        let mut filler = Filler::new(Pattern::from_name(pattern).unwrap(), Choice::new(Sample::All).unwrap());
        let mut all = Vec::new();
        let mut submit = |batch| {
            all.push(batch);
            Ok(Batch::default())
        };
        for block in document.chunks(step) {
            filler.add(block, false, &mut submit).unwrap();
        }
        filler.add(&[], true, &mut submit).unwrap();
        filler.hand_on(&mut submit).unwrap();
        assert_eq!((filler.n_taken, filler.taken_bytes), (1, document.len() as u64));
        all
    }

    #[test]
    fn a_large_document_is_cut_where_pieces_begin() {
        let document = b"some words that make up a large document".repeat(50_000);
        for step in [1 << 30, 100_000, 4_099] {
            let parts = batches("gpt2", &document, step);
            assert!(parts.len() >= 7 && parts.iter().all(|b| b.bytes.len() <= BATCH_BYTES), "{}", parts.len());
            assert!(parts[1..].iter().all(|b| b.bytes[0] == b' ' && b.ends == [b.bytes.len()]));
            assert!(parts.iter().map(|b| b.number).eq(0..parts.len() as u64));
            assert_eq!(parts.iter().flat_map(|b| b.bytes.clone()).collect::<Vec<u8>>(), document);
        }
    }

    #[test]
    fn a_document_without_cuts_stays_whole() {
        let document = b"some words".repeat(100_000);
        let parts = batches("none", &document, 10_000);
        assert_eq!(parts.len(), 1);
        assert_eq!((&parts[0].bytes, &parts[0].ends[..]), (&document, &[1_000_000][..]));
    }
}
