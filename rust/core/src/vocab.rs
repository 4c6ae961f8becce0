//! Id to spelling, derived from the merges. Checks on the way that the merges are sound.
//!
//! Knows no text: what a spelling means in bytes is the unit's business.

use crate::merges::{Merges, Rule, check_id};
use crate::symbol::MAX_IDS;
use crate::{Error, Result, Symbol, TokenId};

/// The spelling of every id. Ids may have holes (published vocabularies do).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocab {
    /// All spellings, one after another.
    arena: Vec<Symbol>,
    /// Where id's spelling lies in the arena; `(0, 0)` for a hole.
    spans: Vec<(u32, u32)>,
    /// Ids that spell something.
    n_tokens: usize,
}

impl Vocab {
    /// Spells out every token of `merges`.
    ///
    /// # Errors
    /// A format error naming the first id, merge or token that breaks an invariant of [`Merges`].
    pub fn derive(merges: &Merges) -> Result<Self> {
        let mut vocab = Self { arena: Vec::new(), spans: Vec::new(), n_tokens: 0 };
        for (symbol, &id) in merges.base_ids().iter().enumerate() {
            vocab.insert(id, &[Symbol(symbol as u32)]).map_err(|e| e.within(format_args!("base symbol {symbol}")))?;
        }
        match merges.rule() {
            Rule::Pairs(list) => vocab.insert_merges(list)?,
            Rule::Ranks(tokens) => {
                for (rank, token) in tokens.iter().enumerate() {
                    vocab
                        .insert_ranked(merges, token.id, &token.spelling)
                        .map_err(|e| e.within(format_args!("token {rank}")))?;
                }
            }
        }
        Ok(vocab)
    }

    fn insert_merges(&mut self, list: &[crate::merges::Merge]) -> Result<()> {
        let mut spelled = Vec::new();
        for (rank, merge) in list.iter().enumerate() {
            spelled.clear();
            for side in [merge.left, merge.right] {
                let part = self.spelling(side).ok_or_else(|| {
                    Error::format(format!(
                        "merge {rank} uses id {}, which no earlier merge or base symbol makes",
                        side.0
                    ))
                })?;
                spelled.extend_from_slice(part);
            }
            match self.spelling(merge.result) {
                Some(old) if old == spelled.as_slice() => {}
                Some(_) => {
                    return Err(Error::format(format!(
                        "merge {rank} gives id {}, which already spells something else",
                        merge.result.0
                    )));
                }
                None => self.insert(merge.result, &spelled).map_err(|e| e.within(format_args!("merge {rank}")))?,
            }
        }
        Ok(())
    }

    fn insert_ranked(&mut self, merges: &Merges, id: TokenId, spelling: &[Symbol]) -> Result<()> {
        match spelling {
            [] => Err(Error::format(format!("id {} spells nothing", id.0))),
            [one] if merges.base_ids().get(one.0 as usize) == Some(&id) => Ok(()),
            _ => self.insert(id, spelling),
        }
    }

    /// Adds a token; the id must be free.
    fn insert(&mut self, id: TokenId, spelling: &[Symbol]) -> Result<()> {
        check_id(u64::from(id.0))?;
        let at = id.0 as usize;
        if at >= self.spans.len() {
            self.spans.resize(at + 1, (0, 0));
        }
        if self.spans[at].1 != 0 {
            return Err(Error::format(format!("id {at} is given twice")));
        }
        let (start, len) = (self.arena.len(), spelling.len());
        let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(len)) else {
            return Err(Error::format("the vocabulary spells more than 4 Gi symbols"));
        };
        self.arena.extend_from_slice(spelling);
        self.spans[at] = (start, len);
        self.n_tokens += 1;
        Ok(())
    }

    /// What `id` spells; `None` for a hole or an id out of range.
    #[inline]
    pub fn spelling(&self, id: TokenId) -> Option<&[Symbol]> {
        let &(start, len) = self.spans.get(id.0 as usize)?;
        (len != 0).then(|| &self.arena[start as usize..][..len as usize])
    }

    /// One more than the highest id; at most [`MAX_IDS`].
    pub fn n_ids(&self) -> usize {
        debug_assert!(self.spans.len() <= MAX_IDS);
        self.spans.len()
    }

    /// How many ids spell something; [`n_ids`](Self::n_ids) less the holes.
    pub fn n_tokens(&self) -> usize {
        self.n_tokens
    }

    /// All tokens, by id.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, &[Symbol])> {
        (0..self.spans.len()).filter_map(|i| {
            let id = TokenId(i as u32);
            Some((id, self.spelling(id)?))
        })
    }
}
