//! Id to spelling, derived from the merges. Checks on the way that the merges are sound.
//!
//! Knows no text: what a spelling means in bytes is the unit's business.

use crate::merges::{Merge, Merges, RankedToken, Rule, check_id};
use crate::seeded::Seed;
use crate::symbol::MAX_IDS;
use crate::{Error, Result, Symbol, TokenId};

/// All spellings together hold at most this many symbols, counted once for every merge that makes them.
///
/// o200k spells 1.4 million. The bound is there for hostile files: thirty merges that each double the token before
/// would otherwise ask for 4 GiB.
pub const MAX_SPELLED: usize = 1 << 26;

/// The spelling of every id. Ids may have holes (published vocabularies do).
#[derive(Clone, Debug)]
pub struct Vocab {
    /// All spellings, one after another.
    arena: Vec<Symbol>,
    /// Where id's spelling lies in the arena; `(0, 0)` for a hole.
    spans: Vec<(u32, u32)>,
    /// Ids that spell something.
    n_tokens: usize,
    /// From spelling to id.
    index: SpellingIndex,
}

/// What can only be checked by spelling the tokens out.
impl Merges {
    /// Takes the id of every base symbol (`base_ids[symbol]`) and the rule.
    ///
    /// # Errors
    /// A format error that names the first merge or token that breaks an invariant.
    pub fn new(base_ids: Vec<TokenId>, rule: Rule) -> Result<Self> {
        let merges = Self::unchecked(base_ids, rule);
        Vocab::derive(&merges)?;
        Ok(merges)
    }

    /// Adds tokens that no listed merge makes: published vocabularies hold some. They decode and keep their id; no text
    /// is ever encoded to them. With [`Rule::Ranks`] such tokens are ranked, so the list stays empty there.
    ///
    /// # Errors
    /// A format error naming the first token whose id or spelling is taken, or that comes with ranks.
    pub fn with_unmade(self, tokens: Vec<RankedToken>) -> Result<Self> {
        let merges = self.with_unmade_unchecked(tokens);
        Vocab::derive(&merges)?;
        Ok(merges)
    }
}

impl PartialEq for Vocab {
    fn eq(&self, other: &Self) -> bool {
        self.n_tokens == other.n_tokens && self.iter().eq(other.iter())
    }
}

impl Eq for Vocab {}

impl Vocab {
    /// Spells out every token of `merges`. Linear in the spellings (about 20 ms for 200,000 tokens).
    ///
    /// # Errors
    /// A format error naming the first id, merge or token that breaks an invariant of [`Merges`], or spellings that
    /// come to more than [`MAX_SPELLED`] symbols; that is found before memory is taken for them.
    pub fn derive(merges: &Merges) -> Result<Self> {
        let n_spelled = n_spelled(merges)?;
        let mut vocab = Self {
            arena: Vec::with_capacity(n_spelled),
            spans: Vec::new(),
            n_tokens: 0,
            index: SpellingIndex::default(),
        };
        for (symbol, &id) in merges.base_ids().iter().enumerate() {
            vocab.insert(id, &[Symbol(symbol as u32)]).map_err(|e| e.within(format_args!("base symbol {symbol}")))?;
        }
        match merges.rule() {
            Rule::Pairs(list) => {
                vocab.insert_merges(list)?;
                vocab.insert_unmade(merges)?;
            }
            Rule::Ranks(tokens) => vocab.insert_ranked(merges, tokens)?,
        }
        vocab.build_index()?;
        Ok(vocab)
    }

    fn insert_merges(&mut self, list: &[Merge]) -> Result<()> {
        for (rank, merge) in list.iter().enumerate() {
            let (left, right) = (self.part(rank, merge.left)?, self.part(rank, merge.right)?);
            if let Some(old) = self.spelling(merge.result) {
                let (left, right) = (&self.arena[left], &self.arena[right]);
                if old.len() != left.len() + right.len() || !old.starts_with(left) || !old.ends_with(right) {
                    return Err(Error::format(format!(
                        "merge {rank} gives id {}, which already spells something else",
                        merge.result.0
                    )));
                }
                continue;
            }
            let start = self.arena.len();
            self.arena.extend_from_within(left);
            self.arena.extend_from_within(right);
            self.claim(merge.result, start).map_err(|e| e.within(format_args!("merge {rank}")))?;
        }
        Ok(())
    }

    /// Where the spelling of one side of merge `rank` lies.
    fn part(&self, rank: usize, id: TokenId) -> Result<std::ops::Range<usize>> {
        match self.spans.get(id.0 as usize) {
            Some(&(start, len)) if len != 0 => Ok(start as usize..start as usize + len as usize),
            _ => Err(Error::format(format!(
                "merge {rank} uses id {}, which no earlier merge or base symbol makes",
                id.0
            ))),
        }
    }

    fn insert_ranked(&mut self, merges: &Merges, tokens: &[RankedToken]) -> Result<()> {
        if !merges.unmade().is_empty() {
            return Err(Error::format("tokens that no merge makes go with listed merges, not with ranks"));
        }
        let mut base_seen = vec![false; merges.base_ids().len()];
        for (rank, token) in tokens.iter().enumerate() {
            self.insert_ranked_token(merges, token, &mut base_seen)
                .map_err(|e| e.within(format_args!("token {rank}")))?;
        }
        Ok(())
    }

    fn insert_ranked_token(&mut self, merges: &Merges, token: &RankedToken, base_seen: &mut [bool]) -> Result<()> {
        match token.spelling.as_slice() {
            [one] if merges.base_ids().get(one.0 as usize) == Some(&token.id) => {
                match std::mem::replace(&mut base_seen[one.0 as usize], true) {
                    true => Err(Error::format(format!("base symbol {} is ranked twice", one.0))),
                    false => Ok(()),
                }
            }
            _ => self.insert_spelled(merges, token),
        }
    }

    fn insert_unmade(&mut self, merges: &Merges) -> Result<()> {
        for token in merges.unmade() {
            self.insert_spelled(merges, token).map_err(|e| e.within("token that no merge makes"))?;
        }
        Ok(())
    }

    fn insert_spelled(&mut self, merges: &Merges, token: &RankedToken) -> Result<()> {
        let n_base = merges.base_ids().len();
        match token.spelling.iter().find(|s| s.0 as usize >= n_base) {
            _ if token.spelling.is_empty() => Err(Error::format(format!("id {} spells nothing", token.id.0))),
            Some(symbol) => Err(Error::format(format!(
                "id {} is spelled with symbol {}, but the base alphabet has {n_base}",
                token.id.0, symbol.0
            ))),
            None => self.insert(token.id, &token.spelling),
        }
    }

    /// Adds a token; the id must be free.
    fn insert(&mut self, id: TokenId, spelling: &[Symbol]) -> Result<()> {
        let start = self.arena.len();
        self.arena.extend_from_slice(spelling);
        self.claim(id, start)
    }

    /// Gives `id` what the arena holds from `start` on; the id must be free.
    fn claim(&mut self, id: TokenId, start: usize) -> Result<()> {
        check_id(u64::from(id.0))?;
        let at = id.0 as usize;
        if at >= self.spans.len() {
            self.spans.resize(at + 1, (0, 0));
        }
        if self.spans[at].1 != 0 {
            return Err(Error::format(format!("id {at} is given twice")));
        }
        // Both fit: the arena is bounded by MAX_SPELLED.
        self.spans[at] = (start as u32, (self.arena.len() - start) as u32);
        self.n_tokens += 1;
        Ok(())
    }

    fn build_index(&mut self) -> Result<()> {
        let mut index = SpellingIndex::for_at_most(self.n_tokens);
        for (id, spelling) in self.iter() {
            if let Err(other) = index.insert(spelling, id.0, |other| self.known(other)) {
                let spelling = shown(spelling);
                return Err(Error::format(format!("ids {other} and {} spell the same ({spelling})", id.0)));
            }
        }
        self.index = index;
        Ok(())
    }

    /// The spelling of an id that the index holds.
    fn known(&self, id: u32) -> &[Symbol] {
        self.spelling(TokenId(id)).unwrap_or_default()
    }

    /// What `id` spells; `None` for a hole or an id out of range.
    #[inline]
    pub fn spelling(&self, id: TokenId) -> Option<&[Symbol]> {
        let &(start, len) = self.spans.get(id.0 as usize)?;
        (len != 0).then(|| &self.arena[start as usize..][..len as usize])
    }

    /// The id that spells `spelling`; there is at most one. One hash and, nearly always, one comparison.
    pub fn id_of(&self, spelling: &[Symbol]) -> Option<TokenId> {
        self.index.get(spelling, |other| self.known(other)).map(TokenId)
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

/// From spelling to a number, for spellings that lie elsewhere: open addressing, at most half full.
///
/// A slot holds the high half of the hash beside the number, so that a spelling is looked at only where it is nearly
/// certain to be the one: elsewhere a lookup touches one cache line.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpellingIndex {
    /// High half of the hash, and a number plus one; 0 where free. A power of two of them, or none.
    slots: Vec<(u32, u32)>,
    seed: Seed,
}

impl SpellingIndex {
    /// Room for `n` spellings.
    pub fn for_at_most(n: usize) -> Self {
        Self { slots: vec![(0, 0); (n * 2).next_power_of_two()], seed: Seed::default() }
    }

    /// Puts `spelling` in with `number`, or gives the number that it already has. `known` spells a number.
    pub fn insert<'a>(
        &mut self,
        spelling: &[Symbol],
        number: u32,
        known: impl Fn(u32) -> &'a [Symbol],
    ) -> std::result::Result<(), u32> {
        let hash = self.seed.of_symbols(spelling);
        let slot = self.slot(hash, spelling, known);
        match self.slots[slot].1 {
            0 => self.slots[slot] = ((hash >> 32) as u32, number + 1),
            other => return Err(other - 1),
        }
        Ok(())
    }

    /// The number of `spelling`.
    #[inline]
    pub fn get<'a>(&self, spelling: &[Symbol], known: impl Fn(u32) -> &'a [Symbol]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let slot = self.slot(self.seed.of_symbols(spelling), spelling, known);
        self.slots[slot].1.checked_sub(1)
    }

    /// The slot that holds `spelling`, or the free one where it would go.
    #[inline]
    fn slot<'a>(&self, hash: u64, spelling: &[Symbol], known: impl Fn(u32) -> &'a [Symbol]) -> usize {
        let (mask, high) = (self.slots.len() - 1, (hash >> 32) as u32);
        let mut slot = hash as usize & mask;
        // Ends: at most half of the slots are taken.
        loop {
            match self.slots[slot] {
                (_, 0) => return slot,
                (other, number) if other == high && known(number - 1) == spelling => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

/// How many symbols all spellings need, found from lengths alone. Unknown parts count nothing: they are reported later.
fn n_spelled(merges: &Merges) -> Result<usize> {
    let mut total = merges.base_ids().len();
    match merges.rule() {
        Rule::Ranks(tokens) => total += tokens.iter().map(|t| t.spelling.len()).sum::<usize>(),
        Rule::Pairs(list) if list.len() > MAX_IDS => {
            return Err(Error::format(format!("{} merges are too many: at most {MAX_IDS}", list.len())));
        }
        Rule::Pairs(list) => {
            let mut lens: Vec<u32> = Vec::new();
            merges.base_ids().iter().try_for_each(|&id| set_len(&mut lens, id, 1))?;
            for (rank, merge) in list.iter().enumerate() {
                let len = |id: TokenId| lens.get(id.0 as usize).copied().unwrap_or(0);
                let joint = len(merge.left) + len(merge.right);
                total += joint as usize;
                check_spelled(total).map_err(|e| e.within(format_args!("merge {rank}")))?;
                set_len(&mut lens, merge.result, joint).map_err(|e| e.within(format_args!("merge {rank}")))?;
            }
        }
    }
    total += merges.unmade().iter().map(|t| t.spelling.len()).sum::<usize>();
    check_spelled(total).map(|()| total)
}

fn set_len(lens: &mut Vec<u32>, id: TokenId, len: u32) -> Result<()> {
    let at = check_id(u64::from(id.0))?.0 as usize;
    if at >= lens.len() {
        lens.resize(at + 1, 0);
    }
    lens[at] = len;
    Ok(())
}

fn check_spelled(total: usize) -> Result<()> {
    if total <= MAX_SPELLED {
        return Ok(());
    }
    Err(Error::format(format!("the tokens spell more than {MAX_SPELLED} symbols"))
        .hint("no real vocabulary does; the file is damaged or hostile"))
}

/// A spelling for messages: bytes as text where they are, the rest by number; long ones cut.
fn shown(spelling: &[Symbol]) -> String {
    const LONGEST: usize = 40;
    let head: Vec<u8> = spelling.iter().take(LONGEST).map_while(|s| u8::try_from(s.0).ok()).collect();
    let tail = if head.len() < spelling.len() { "…" } else { "" };
    format!("\"{}\"{tail}", head.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merges::ByteOrder;
    use proptest::prelude::*;

    fn merge(left: u32, right: u32, result: u32) -> Merge {
        Merge { left: TokenId(left), right: TokenId(right), result: TokenId(result) }
    }

    fn derive(list: Vec<Merge>) -> Result<Vocab> {
        Vocab::derive(&Merges::unchecked(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(list)))
    }

    fn symbols(bytes: &[u8]) -> Vec<Symbol> {
        bytes.iter().map(|&b| Symbol(b.into())).collect()
    }

    #[test]
    fn spells_merges_and_finds_them() {
        let (a, b) = (u32::from(b'a'), u32::from(b'b'));
        let vocab = derive(vec![merge(a, b, 300), merge(300, a, 301), merge(b, a, 302), merge(a, 302, 301)]).unwrap();
        assert_eq!((vocab.n_ids(), vocab.n_tokens()), (303, 259));
        assert_eq!(vocab.spelling(TokenId(301)), Some(symbols(b"aba").as_slice()));
        assert_eq!(vocab.id_of(&symbols(b"aba")), Some(TokenId(301)));
        assert_eq!((vocab.id_of(&symbols(b"abb")), vocab.id_of(&[])), (None, None));
        assert_eq!((vocab.spelling(TokenId(299)), vocab.spelling(TokenId(u32::MAX))), (None, None));
    }

    #[test]
    fn unsound_merges_are_named() {
        let rows = [
            (vec![(1, 400, 300)], "merge 0 uses id 400, which no earlier merge or base symbol makes"),
            (vec![(1, 2, 300), (1, 3, 300)], "merge 1 gives id 300, which already spells something else"),
            (vec![(1, 2, 5)], "merge 0 gives id 5, which already spells something else"),
            (vec![(1, 2, 300), (1, 2, 301)], "ids 300 and 301 spell the same (\"\\x01\\x02\")"),
            (vec![(1, 2, MAX_IDS as u32)], "merge 0: token id 2097152 is too large: ids must stay below 2097152"),
        ];
        for (list, want) in rows {
            let list = list.into_iter().map(|(l, r, t)| merge(l, r, t)).collect();
            assert_eq!(derive(list).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn doubling_merges_are_refused_early() {
        let list = (0..40).map(|i| if i == 0 { merge(0, 0, 256) } else { merge(255 + i, 255 + i, 256 + i) }).collect();
        let start = std::time::Instant::now();
        assert_eq!(derive(list).unwrap_err().to_string(), "merge 24: the tokens spell more than 67108864 symbols");
        assert!(start.elapsed().as_millis() < 200);
        // The same token made again and again would cost its length each time.
        let again = (0..24).map(|i| if i == 0 { merge(0, 0, 256) } else { merge(255 + i, 255 + i, 256 + i) });
        let again = again.chain(std::iter::repeat_n(merge(278, 278, 279), 1000)).collect();
        assert!(derive(again).unwrap_err().to_string().starts_with("merge 25: the tokens spell more than"));
    }

    #[test]
    fn unmade_tokens_keep_their_ids() {
        let unmade = |id, bytes: &[u8]| RankedToken { id: TokenId(id), spelling: symbols(bytes) };
        let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![merge(1, 2, 256)])).unwrap();
        let good = merges.clone().with_unmade(vec![unmade(258, b"xyz")]).unwrap();
        assert_eq!(Vocab::derive(&good).unwrap().id_of(&symbols(b"xyz")), Some(TokenId(258)));
        for (token, want) in [
            (unmade(256, b"xyz"), "token that no merge makes: id 256 is given twice"),
            (unmade(258, b"\x01\x02"), "ids 256 and 258 spell the same (\"\\x01\\x02\")"),
            (unmade(258, b""), "token that no merge makes: id 258 spells nothing"),
            (
                RankedToken { id: TokenId(258), spelling: vec![Symbol(256)] },
                "token that no merge makes: id 258 is spelled with symbol 256, but the base alphabet has 256",
            ),
        ] {
            assert_eq!(merges.clone().with_unmade(vec![token]).unwrap_err().to_string(), want);
        }
    }

    proptest! {
        /// The index against a walk over all tokens.
        #[test]
        fn id_of_agrees_with_search(
            tokens in proptest::collection::btree_set(proptest::collection::vec(97u32..100, 2..5), 0..40),
            query in proptest::collection::vec(97u32..100, 0..5),
        ) {
            let ranked = tokens.iter().enumerate().map(|(i, t)| RankedToken {
                id: TokenId(256 + 3 * i as u32),
                spelling: t.iter().map(|&s| Symbol(s)).collect(),
            });
            let vocab =
                Vocab::derive(&Merges::unchecked(ByteOrder::Raw.ids().to_vec(), Rule::Ranks(ranked.collect()))).unwrap();
            let query: Vec<Symbol> = query.into_iter().map(Symbol).collect();
            let found = vocab.iter().find(|(_, s)| *s == query.as_slice()).map(|(id, _)| id);
            prop_assert_eq!(vocab.id_of(&query), found);
        }
    }
}
