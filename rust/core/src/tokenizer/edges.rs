//! Encoding with edges: places in the text that no token may cross, on top of those where the pattern cuts.
//!
//! What `train+infer` needs. Where edges come from is not known here.

use super::{BLOCK_PIECES, SpecialRule, Tokenizer, Workspace};
use crate::{Error, Result, Symbol, TokenId};

/// The morphological analyser that finds a tokenizer's edges. Known by name only: it runs outside this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analyser {
    /// Under which the caller knows it: `mecab`, `kiwi`.
    pub name: String,
    /// Packages and versions; another one may find other edges.
    pub version: String,
}

/// Every state of a string of symbols while it merges, with the rank of the merge just made.
type States = Vec<(Option<u32>, Vec<TokenId>)>;

/// Buffers for pieces with edges.
#[derive(Default)]
struct Cut {
    symbols: Vec<Symbol>,
    cuts: Vec<usize>,
}

impl Cut {
    /// The strings of symbols between the edges inside a piece; an edge where no symbol ends is ignored.
    fn parts(&mut self, tokenizer: &Tokenizer, piece: &[u8], marks: impl Iterator<Item = usize>) -> Vec<&[Symbol]> {
        self.symbols.clear();
        tokenizer.unit.cut_symbols_into(piece, marks, &mut self.symbols, &mut self.cuts);
        let (mut start, ends) = (0, self.cuts.iter().copied().chain([self.symbols.len()]));
        ends.map(|end| &self.symbols[std::mem::replace(&mut start, end)..end]).collect()
    }
}

/// The text, its edges, and the ids so far.
struct Walk<'a> {
    tokenizer: &'a Tokenizer,
    text: &'a [u8],
    edges: &'a [u64],
    cut: Cut,
}

impl Tokenizer {
    /// The same tokenizer, to be used with the edges that `analyser` finds.
    ///
    /// [`encode_into`](Self::encode_into) goes on encoding without edges: whoever has the analyser calls
    /// [`encode_with_edges_into`](Self::encode_with_edges_into).
    #[must_use]
    pub fn with_analyser(mut self, analyser: Option<Analyser>) -> Self {
        self.analyser = analyser;
        self
    }

    /// Who finds the edges that texts are to be encoded with.
    pub fn analyser(&self) -> Option<&Analyser> {
        self.analyser.as_ref()
    }

    /// As [`encode_into`](Self::encode_into), but no token crosses an edge: a byte offset of the text.
    ///
    /// Edges ascend and are at most the text's length. One inside a precomposed syllable means a place among its jamo,
    /// +1 behind the onset and +2 before the coda; one that the unit cannot make, because no symbol ends there, is
    /// ignored. Decoding gives the text whatever the edges. Pieces without edges cost what they always do, others about
    /// ten times as much.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into), and an argument error where edges do not ascend or pass the end.
    pub fn encode_with_edges_into(
        &self,
        text: &[u8],
        edges: &[u64],
        rule: &SpecialRule,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        check(text, edges)?;
        let finder = self.finders.get(&self.specials, rule)?;
        let mut walk = Walk { tokenizer: self, text, edges, cut: Cut::default() };
        let (mut ids, mut start) = (Vec::new(), 0);
        while let Some(found) = finder.as_deref().and_then(|f| f.find(text, start)) {
            if found.is_refused {
                return Err(self.refused(found.special, found.start));
            }
            walk.plain(start, found.start, workspace, &mut ids)?;
            ids.push(self.specials[found.special].id.0);
            start = found.end;
        }
        walk.plain(start, text.len(), workspace, &mut ids)?;
        out.append(&mut ids);
        Ok(())
    }

    /// For each piece of `text` between edges, every state while it merges; see
    /// [`Encoder::steps`](crate::encode::Encoder::steps).
    ///
    /// # Errors
    /// As [`encode_with_edges_into`](Self::encode_with_edges_into).
    pub fn steps_with_edges(&self, text: &[u8], edges: &[u64]) -> Result<Vec<States>> {
        check(text, edges)?;
        let (mut ends, mut states, mut cut, mut start) = (Vec::new(), Vec::new(), Cut::default(), 0);
        self.pattern.split(text, &mut ends)?;
        for end in ends {
            let parts = cut.parts(self, &text[start..end], inside(edges, start, end));
            states.extend(parts.into_iter().map(|symbols| self.encoder.steps_of_symbols(symbols)));
            start = end;
        }
        Ok(states)
    }
}

impl Walk<'_> {
    /// Appends the ids of `text[start..end]`, where no special stands.
    fn plain(&mut self, start: usize, end: usize, workspace: &mut Workspace, out: &mut Vec<u32>) -> Result<()> {
        let (text, mut at) = (&self.text[start..end], 0);
        while at < text.len() {
            workspace.ends.clear();
            let next = self.tokenizer.pattern.scan(text, at, BLOCK_PIECES, &mut workspace.ends)?;
            if next <= at {
                return Err(Error::unsupported(format!("the pattern gives no piece at byte {}", start + at)));
            }
            self.block(text, start, at, workspace, out);
            at = next;
        }
        Ok(())
    }

    /// Appends the ids of the pieces from `at` on that end at the workspace's ends; `text` begins at `offset`.
    fn block(&mut self, text: &[u8], offset: usize, at: usize, workspace: &mut Workspace, out: &mut Vec<u32>) {
        let Workspace { scratch, ends } = workspace;
        let encoder = &self.tokenizer.encoder;
        // Pieces from the n-th on are uncut and not encoded yet; they begin at `plain`.
        let (mut piece_start, mut plain, mut n) = (at, at, 0);
        for (i, &end) in ends.iter().enumerate() {
            let mut marks = inside(self.edges, offset + piece_start, offset + end).peekable();
            if marks.peek().is_some() {
                encoder.encode_pieces(text, plain, &ends[n..i], scratch, out);
                for symbols in self.cut.parts(self.tokenizer, &text[piece_start..end], marks) {
                    encoder.encode_symbols(symbols, scratch, out);
                }
                (plain, n) = (end, i + 1);
            }
            piece_start = end;
        }
        encoder.encode_pieces(text, plain, &ends[n..], scratch, out);
    }
}

/// The edges strictly between `start` and `end`, counted from `start`.
fn inside(edges: &[u64], start: usize, end: usize) -> impl Iterator<Item = usize> {
    let from = edges.partition_point(|&edge| edge <= start as u64);
    edges[from..].iter().map(|&edge| edge as usize).take_while(move |&edge| edge < end).map(move |edge| edge - start)
}

fn check(text: &[u8], edges: &[u64]) -> Result<()> {
    let ascend = edges.windows(2).all(|two| two[0] < two[1]);
    if ascend && edges.last().is_none_or(|&last| last <= text.len() as u64) {
        return Ok(());
    }
    let n = text.len();
    Err(Error::argument(format!("edges must ascend and lie within the text's {n} bytes")))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{any_text, learned, pick_pairs, random_pairs, tokenizer};
    use super::*;
    use crate::encode::naive::Naive;
    use crate::merges::ByteOrder;
    use proptest::prelude::*;

    /// Where characters begin; a byte that is no UTF-8 is one.
    fn char_starts(text: &[u8]) -> Vec<usize> {
        let mut starts = Vec::new();
        for chunk in text.utf8_chunks() {
            let at = chunk.valid().as_ptr() as usize - text.as_ptr() as usize;
            starts.extend(chunk.valid().char_indices().map(|(i, _)| at + i));
            starts.extend((0..chunk.invalid().len()).map(|i| at + chunk.valid().len() + i));
        }
        starts
    }

    /// The obvious twin: pieces, then parts between edges, each merged alone by the naive encoder.
    fn twin(tokenizer: &Tokenizer, text: &[u8], edges: &[usize]) -> Vec<u32> {
        let naive = Naive::new(tokenizer.unit(), tokenizer.merges(), tokenizer.vocab());
        let (mut ends, mut ids, mut start) = (Vec::new(), Vec::new(), 0);
        tokenizer.pattern().split(text, &mut ends).unwrap();
        ends.extend(edges);
        ends.sort_unstable();
        ends.dedup();
        for end in ends {
            ids.extend(naive.encode(&text[start..end]).iter().map(|id| id.0));
            start = end;
        }
        ids
    }

    proptest! {
        #[test]
        fn no_token_crosses_an_edge(text in any_text(), picks in random_pairs(), seed: u64, gpt2: bool) {
            let merges = if seed & 1 == 1 { learned(ByteOrder::Raw) } else { pick_pairs(ByteOrder::Raw, &picks, 1) };
            let tokenizer = tokenizer(merges, if gpt2 { "gpt2" } else { "none" });
            let edges: Vec<u64> = (0..=text.len() as u64).filter(|at| seed >> (at % 64) & 1 == 1).collect();
            let starts = char_starts(&text);
            let between: Vec<usize> =
                edges.iter().map(|&e| e as usize).filter(|e| *e > 0 && starts.contains(e)).collect();
            let mut ids = Vec::new();
            let (rule, mut workspace) = (SpecialRule::default(), Workspace::new());
            tokenizer.encode_with_edges_into(&text, &edges, &rule, &mut workspace, &mut ids).unwrap();
            prop_assert_eq!(&ids, &twin(&tokenizer, &text, &between));
            let steps = tokenizer.steps_with_edges(&text, &edges).unwrap();
            let last: Vec<u32> = steps.iter().flat_map(|s| s.last().unwrap().1.iter().map(|id| id.0)).collect();
            prop_assert_eq!(&ids, &last);
            let (mut back, mut ends) = (Vec::new(), Vec::new());
            tokenizer.decode_into(&ids, &mut back).unwrap();
            prop_assert_eq!(&back, &text);
            tokenizer.ends_into(&ids, &mut ends).unwrap();
            prop_assert!(between.iter().all(|&edge| ends.contains(&(edge as u64))));
        }

        #[test]
        fn without_edges_as_ever(text in any_text()) {
            let tokenizer = tokenizer(learned(ByteOrder::Raw), "gpt2");
            let rule = SpecialRule { allowed: vec![0, 1], refused: vec![] };
            let (mut ids, mut plain, mut workspace) = (Vec::new(), Vec::new(), Workspace::new());
            tokenizer.encode_with_edges_into(&text, &[], &rule, &mut workspace, &mut ids).unwrap();
            tokenizer.encode_into(&text, &rule, &mut workspace, &mut plain).unwrap();
            prop_assert_eq!(ids, plain);
        }
    }

    #[test]
    fn edges_around_specials_and_wrong_ones() {
        let tokenizer = tokenizer(learned(ByteOrder::Raw), "gpt2");
        let rule = SpecialRule { allowed: vec![0], refused: vec![1] };
        let mut workspace = Workspace::new();
        let mut encode = |text: &[u8], edges: &[u64]| {
            let mut ids = vec![7];
            let done = tokenizer.encode_with_edges_into(text, edges, &rule, &mut workspace, &mut ids);
            done.map(|()| ids.iter().map(|&id| tokenizer.token_bytes(id).unwrap()).collect::<Vec<_>>())
        };
        // An edge inside a special does nothing, one behind it is counted from the text's beginning.
        let tokens = encode(b" lower<|end lower", &[4, 8, 14]).unwrap();
        assert_eq!(tokens[1..].concat(), b" lower<|end lower");
        assert!(tokens.contains(&b"<|end".to_vec()) && !tokens.contains(&b" lower".to_vec()));
        let ends = tokens[1..].iter().scan(0, |at, t| {
            *at += t.len();
            Some(*at)
        });
        let ends: Vec<usize> = ends.collect();
        assert!(ends.contains(&4) && ends.contains(&11) && ends.contains(&14), "{ends:?}");
        assert!(encode(b"<|endless|>", &[]).unwrap_err().to_string().contains("stands in the text at byte 0"));
        for edges in [&[3][..], &[1, 1], &[2, 1]] {
            let e = encode(b"ab", edges).unwrap_err();
            assert_eq!(e.to_string(), "edges must ascend and lie within the text's 2 bytes");
        }
    }
}
