//! The whole tokenizer: pattern, unit, merges and specials behind one door. Knows no files.
//!
//! | file | what it does |
//! |---|---|
//! | `specials` | finds special tokens in text |
//! | `batch` | spreads documents over threads |
//! | `edges` | encodes with places that no token may cross, and says who finds them |
//! | `extend` | the same tokenizer with more merges |
//! | `spans` | byte ends of tokens to characters |

mod batch;
mod edges;
mod extend;
mod spans;
mod specials;

pub use edges::Analyser;
pub use extend::Growth;
pub use spans::char_spans_into;
pub use specials::{Special, SpecialRule};

use crate::decode::Decoder;
use crate::encode::{Dropout, Drops, Encoder, Scratch};
use crate::ingest::content_hash;
use crate::merges::{Merges, check_id};
use crate::pretokenize::Pattern;
use crate::unit::Unit;
use crate::vocab::Vocab;
use crate::{Error, ErrorKind, Result, TokenId};
use specials::{Finder, FinderCache};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// So many pieces are cut before they are encoded: memory does not grow with the text.
const BLOCK_PIECES: usize = 4096;

/// Buffers and the piece cache of one caller, for any number of calls. Never shared; bounded.
#[derive(Default)]
pub struct Workspace {
    scratch: Scratch,
    /// Ends of the pieces of the block in work.
    ends: Vec<usize>,
}

impl Workspace {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Pattern, unit, merges, specials, and everything derived from them. Immutable; share it.
///
/// Invariants, checked by [`Tokenizer::new`]: the merges name every base symbol of the unit; specials have texts and
/// ids of their own, ids that no token has, and texts that are not empty.
///
/// ```
/// use bpe_lab_core::merges::{ByteOrder, Merge, Merges, Rule};
/// use bpe_lab_core::tokenizer::{Special, SpecialRule, Tokenizer, Workspace};
/// use bpe_lab_core::{Error, TokenId, pretokenize::Pattern, unit::Unit};
/// let merge = |left: u8, right: u8, id| Merge { left: TokenId(left.into()), right: TokenId(right.into()), result: TokenId(id) };
/// let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![merge(b'o', b'w', 256)]))?;
/// let end = Special { text: "<end>".into(), id: TokenId(257) };
/// let pattern = Pattern::from_name("gpt2")?;
/// let tokenizer = Tokenizer::new(Unit::Byte, pattern, merges, vec![end], Default::default())?;
///
/// let rule = SpecialRule { allowed: vec![0], refused: vec![] };
/// let mut ids = Vec::new();
/// tokenizer.encode_into(b"low<end>", &rule, &mut Workspace::new(), &mut ids)?;
/// assert_eq!(ids, [108, 256, 257]);
/// let mut bytes = Vec::new();
/// tokenizer.decode_into(&ids, &mut bytes)?;
/// assert_eq!(bytes, b"low<end>");
/// # Ok::<(), Error>(())
/// ```
pub struct Tokenizer {
    unit: Unit,
    pattern: Pattern,
    merges: Merges,
    vocab: Vocab,
    /// By id.
    specials: Vec<Special>,
    provenance: serde_json::Map<String, serde_json::Value>,
    encoder: Encoder,
    decoder: Decoder,
    finders: FinderCache,
    /// Who finds the edges that texts are to be encoded with; `None` where none are needed.
    analyser: Option<Analyser>,
}

impl Tokenizer {
    /// Puts a tokenizer together and derives its tables. `provenance` is a JSON object (or empty) kept as it is.
    ///
    /// # Errors
    /// A format error where the merges are unsound (see [`Merges`]), an argument error where a special is empty, given
    /// twice, has an id of the vocabulary or one of [`MAX_IDS`](crate::symbol::MAX_IDS) or more.
    pub fn new(
        unit: Unit,
        pattern: Pattern,
        merges: Merges,
        mut specials: Vec<Special>,
        provenance: serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self> {
        let (n_base, n_given) = (unit.n_base(), merges.base_ids().len());
        if n_base != n_given {
            return Err(Error::format(format!(
                "unit {} has {n_base} base symbols, but {n_given} have ids",
                unit.name()
            )));
        }
        check_pattern(&unit, &pattern)?;
        let vocab = Vocab::derive(&merges)?;
        specials.sort_by_key(|s| s.id);
        check_specials(&vocab, &specials)?;
        let encoder = Encoder::new(&unit, &merges, &vocab)?;
        let bytes: Vec<(u32, &[u8])> = specials.iter().map(|s| (s.id.0, s.text.as_bytes())).collect();
        let decoder = Decoder::new(&unit, &vocab, &bytes)?;
        let finders = FinderCache::default();
        Ok(Self { unit, pattern, merges, vocab, specials, provenance, encoder, decoder, finders, analyser: None })
    }

    /// The base alphabet.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// How text is cut.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The merges.
    pub fn merges(&self) -> &Merges {
        &self.merges
    }

    /// Spellings by id, without the specials.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// Specials, by id.
    pub fn specials(&self) -> &[Special] {
        &self.specials
    }

    /// Where it came from.
    pub fn provenance(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.provenance
    }

    /// One more than the highest id, specials counted.
    pub fn n_ids(&self) -> usize {
        self.decoder.n_ids()
    }

    /// Tokens with a spelling, and specials.
    pub fn n_tokens(&self) -> usize {
        self.vocab.n_tokens() + self.specials.len()
    }

    /// The bytes that one id decodes to standing alone. With a unit `jamo` a jamo that is in no syllable is its conjoining
    /// code point there, and its symbols without one (filler, escape, closer) are nothing.
    ///
    /// # Errors
    /// A token error naming the id and the bound.
    pub fn token_bytes(&self, id: u32) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.decoder.decode_into(&[id], &mut bytes)?;
        Ok(bytes)
    }

    /// The id of the token that spells the text `bytes`, or of the special written so.
    pub fn token_id(&self, bytes: &[u8]) -> Option<u32> {
        let mut symbols = Vec::with_capacity(bytes.len());
        self.unit.symbols_into(bytes, &mut symbols);
        let special = || self.specials.iter().find(|s| s.text.as_bytes() == bytes).map(|s| s.id);
        self.vocab.id_of(&symbols).or_else(special).map(|id| id.0)
    }

    /// The encoder's tables.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The decoder's table.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Appends the ids of one document. Nothing is appended on an error.
    ///
    /// Where specials stand in the text and `rule` names them, the text before and after is cut into pieces on its own,
    /// as tiktoken and Hugging Face do. Of several specials that begin at one place the longest counts.
    ///
    /// # Errors
    /// A refused special in the text (kind `Text`), a rule that names no special, or a user's regex that hits its limit.
    pub fn encode_into(
        &self,
        text: &[u8],
        rule: &SpecialRule,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let finder = self.finders.get(&self.specials, rule)?;
        self.encode_slice(Slice::whole(text), finder.as_deref(), workspace, out)
    }

    /// As [`encode_into`](Self::encode_into), with merges dropped at random: for training on many segmentations, at a
    /// twentieth of the speed.
    ///
    /// `text` must be a whole document: chance comes from the seed and from all its bytes.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into).
    pub fn encode_dropping_into(
        &self,
        text: &[u8],
        rule: &SpecialRule,
        dropout: Dropout,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let finder = self.finders.get(&self.specials, rule)?;
        let slice = Slice { drops: drops_of(dropout, text), ..Slice::whole(text) };
        self.encode_slice(slice, finder.as_deref(), workspace, out)
    }

    /// How many ids [`encode_into`](Self::encode_into) would give. Memory does not grow with the text.
    ///
    /// # Errors
    /// As [`encode_into`](Self::encode_into).
    pub fn count(&self, text: &[u8], rule: &SpecialRule, workspace: &mut Workspace) -> Result<u64> {
        let finder = self.finders.get(&self.specials, rule)?;
        self.count_slice(Slice::whole(text), finder.as_deref(), workspace)
    }

    fn encode_slice(
        &self,
        slice: Slice<'_>,
        finder: Option<&Finder>,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let before = out.len();
        self.walk(slice, finder, workspace, out, &mut |_| ()).inspect_err(|_| out.truncate(before))
    }

    fn count_slice(&self, slice: Slice<'_>, finder: Option<&Finder>, workspace: &mut Workspace) -> Result<u64> {
        let (mut n, mut ids) = (0, Vec::new());
        self.walk(slice, finder, workspace, &mut ids, &mut |ids| {
            n += ids.len() as u64;
            ids.clear();
        })?;
        Ok(n)
    }

    /// Appends the ids of `slice`, calling `after_block` whenever a block of pieces or a special is done.
    fn walk(
        &self,
        slice: Slice<'_>,
        finder: Option<&Finder>,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
        after_block: &mut dyn FnMut(&mut Vec<u32>),
    ) -> Result<()> {
        let mut start = 0;
        while let Some(found) = finder.and_then(|f| f.find(slice.text, start)) {
            if found.is_refused {
                return Err(self.refused(found.special, slice.offset + found.start));
            }
            self.walk_plain(slice.part(start..found.start), workspace, out, after_block)?;
            out.push(self.specials[found.special].id.0);
            after_block(out);
            start = found.end;
        }
        self.walk_plain(slice.part(start..slice.text.len()), workspace, out, after_block)
    }

    /// As [`walk`](Self::walk), where no special stands in the way.
    fn walk_plain(
        &self,
        Slice { text, offset, drops }: Slice<'_>,
        workspace: &mut Workspace,
        out: &mut Vec<u32>,
        after_block: &mut dyn FnMut(&mut Vec<u32>),
    ) -> Result<()> {
        let mut start = 0;
        while start < text.len() {
            workspace.ends.clear();
            let end = self.pattern.scan(text, start, BLOCK_PIECES, &mut workspace.ends)?;
            if end <= start {
                return Err(Error::unsupported(format!("the pattern gives no piece at byte {start}")));
            }
            let Workspace { scratch, ends } = workspace;
            match drops {
                None => self.encoder.encode_pieces(text, start, ends, scratch, out),
                Some(drops) => {
                    self.encoder.encode_pieces_dropping(&self.vocab, drops, offset, text, start, ends, scratch, out);
                }
            }
            after_block(out);
            start = end;
        }
        Ok(())
    }

    fn refused(&self, special: usize, at: usize) -> Error {
        let message = format!("special token {:?} stands in the text at byte {at}", self.specials[special].text);
        Error::new(ErrorKind::Text, message).hint("allow it to make it one id, or have it encoded as plain text")
    }

    /// Appends the bytes of `ids`. Nothing is appended on an error.
    ///
    /// # Errors
    /// A token error naming the first id that the vocabulary does not hold, its position and the range.
    pub fn decode_into(&self, ids: &[u32], out: &mut Vec<u8>) -> Result<()> {
        self.decoder.decode_into(ids, out)
    }

    /// The bytes of each document of a batch; the inverse of [`encode_batch`](Self::encode_batch).
    ///
    /// # Errors
    /// An argument error unless `offsets` begins with 0, never falls, and ends at the number of ids; a token error as
    /// [`decode_into`](Self::decode_into).
    pub fn decode_batch(&self, ids: &[u32], offsets: &[u64]) -> Result<Vec<Vec<u8>>> {
        let tiles = offsets.first() == Some(&0) && offsets.is_sorted() && offsets.last() == Some(&(ids.len() as u64));
        if !tiles {
            let message = format!("offsets must begin with 0, never fall, and end at the number of ids, {}", ids.len());
            return Err(Error::argument(message).hint("pass ids and offsets as encode_batch gave them"));
        }
        let documents = offsets.windows(2).map(|w| &ids[w[0] as usize..w[1] as usize]);
        documents
            .map(|ids| {
                let mut out = Vec::new();
                self.decode_into(ids, &mut out).map(|()| out)
            })
            .collect()
    }

    /// Appends the end of each token's bytes in the decoded text, counted from 0. For characters instead of bytes hand
    /// them to [`char_spans_into`].
    ///
    /// # Errors
    /// As [`decode_into`](Self::decode_into).
    pub fn ends_into(&self, ids: &[u32], ends: &mut Vec<u64>) -> Result<()> {
        self.decoder.ends_into(ids, ends)
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("unit", &self.unit)
            .field("pattern", &self.pattern)
            .field("n_ids", &self.n_ids())
            .field("specials", &self.specials)
            .finish_non_exhaustive()
    }
}

/// Part of a document, where in it the part begins, and the chance by which merges are dropped in that document.
#[derive(Clone, Copy)]
struct Slice<'a> {
    text: &'a [u8],
    offset: usize,
    drops: Option<Drops>,
}

impl<'a> Slice<'a> {
    fn whole(text: &'a [u8]) -> Self {
        Self { text, offset: 0, drops: None }
    }

    fn part(self, range: Range<usize>) -> Self {
        Self { text: &self.text[range.clone()], offset: self.offset + range.start, ..self }
    }
}

/// The chance of one document.
fn drops_of(dropout: Dropout, document: &[u8]) -> Option<Drops> {
    dropout.of_document(content_hash(document, dropout.seed()))
}

/// Fails unless `unit` is exact however `pattern` cuts text.
///
/// All units are, but those with `nfd-alias` need that no cut separates a run of conjoining jamo from a precomposed
/// syllable right after it (see `unit::jamo`). Named patterns never cut there: both are of class Lo, and between two
/// letters they cut only before an upper-case letter or a letter after a contraction, which is ASCII; `none` cuts
/// nowhere. What a user's regex does is not known.
///
/// # Errors
/// `Unsupported` for a unit with `nfd-alias` and a user's regex.
pub fn check_pattern(unit: &Unit, pattern: &Pattern) -> Result<()> {
    if !unit.needs_runs_whole() || pattern.name().is_some() {
        return Ok(());
    }
    let message = format!(
        "unit {} needs a named pattern: a regular expression may cut between conjoining jamo and a syllable",
        unit.name()
    );
    Err(Error::unsupported(message).hint(format!("take pattern {}, or leave nfd-alias out", Pattern::NAMES.join(", "))))
}

fn check_specials(vocab: &Vocab, specials: &[Special]) -> Result<()> {
    let (mut texts, mut ids) = (HashSet::new(), HashSet::new());
    for Special { text, id } in specials {
        if text.is_empty() {
            return Err(Error::argument(format!("the special token with id {} has an empty text", id.0)));
        }
        check_id(u64::from(id.0)).map_err(|e| e.within(format_args!("special token {text:?}")))?;
        if !texts.insert(text) {
            return Err(Error::argument(format!("special token {text:?} is given twice")));
        }
        if !ids.insert(id) {
            return Err(Error::argument(format!("special token {text:?} has id {}, as another special has", id.0)));
        }
        if vocab.spelling(TokenId(id.0)).is_some() {
            return Err(Error::argument(format!(
                "special token {text:?} has id {}, which a token of the vocabulary has",
                id.0
            ))
            .hint(format!("ids from {} on are free", vocab.n_ids())));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
