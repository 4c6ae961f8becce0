//! Small tokenizers for tests.

use super::{Special, Tokenizer};
use crate::merges::{ByteOrder, Merge, Merges, RankedToken, Rule};
use crate::pretokenize::Pattern;
use crate::unit::Unit;
use crate::{Symbol, TokenId};
use proptest::prelude::*;
use serde_json::{Map, json};

/// Text with words, spaces, several scripts and bytes that are no UTF-8.
pub fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        "[abc]{1,6}".prop_map(String::into_bytes),
        " [abc]{1,6}".prop_map(String::into_bytes),
        "[ \n\t]{1,3}".prop_map(String::into_bytes),
        "[가각사과]{1,3}".prop_map(String::into_bytes),
        "<\\|(end|endless|x)\\|?>".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..4),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Merges of random pairs of what there is so far, over a few bytes; a result that is spelled already is reused.
pub fn random_pairs() -> impl Strategy<Value = Vec<(usize, usize)>> {
    proptest::collection::vec((0usize..64, 0usize..64), 0..40)
}

/// The merges that [`random_pairs`] picks. Ids count up from 256 in steps of `step`.
pub fn pick_pairs(order: ByteOrder, picks: &[(usize, usize)], step: u32) -> Merges {
    let base = order.ids();
    let mut spelled: Vec<(TokenId, Vec<u8>)> =
        b"abc \xEA\xB0\x80\x81".iter().map(|&b| (base[usize::from(b)], vec![b])).collect();
    let mut list: Vec<Merge> = Vec::new();
    for (left, right) in picks {
        let (left, right) = (&spelled[left % spelled.len()], &spelled[right % spelled.len()]);
        let joint = [left.1.clone(), right.1.clone()].concat();
        let (left, right) = (left.0, right.0);
        if joint.len() > 12 || list.iter().any(|m| (m.left, m.right) == (left, right)) {
            continue;
        }
        let known = spelled.iter().find(|(_, s)| *s == joint).map(|(id, _)| *id);
        let result = known.unwrap_or(TokenId(256 + step * (spelled.len() as u32 - 8)));
        if known.is_none() {
            spelled.push((result, joint));
        }
        list.push(Merge { left, right, result });
    }
    Merges::new(base.to_vec(), Rule::Pairs(list)).unwrap()
}

/// Random spellings as ranks, in an order of no meaning; base bytes first.
pub fn random_ranks() -> impl Strategy<Value = Merges> {
    let spelling = proptest::collection::vec(proptest::sample::select(b"abc ".as_slice()), 2..6);
    proptest::collection::hash_set(spelling, 0..30).prop_map(|tokens| {
        let base = (0..=255u8).map(|b| vec![b]);
        let tokens = base.chain(tokens).enumerate().map(|(i, t)| RankedToken {
            id: TokenId(i as u32),
            spelling: t.iter().map(|&b| Symbol(b.into())).collect(),
        });
        Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Ranks(tokens.collect())).unwrap()
    })
}

/// Merges as BPE learns them from a few words: every tokenizer of this shape can be written in every format.
pub fn learned(order: ByteOrder) -> Merges {
    let base = order.ids();
    let mut words: Vec<Vec<TokenId>> =
        [" low", " lower", " lowest", " newer", " wider", " 사과", " 사람", "사과나무", "\r\n\t\\"]
            .iter()
            .map(|w| w.bytes().map(|b| base[usize::from(b)]).collect())
            .collect();
    let mut list: Vec<Merge> = Vec::new();
    for result in (256..).map(TokenId) {
        let mut counts = std::collections::BTreeMap::new();
        words.iter().flat_map(|w| w.windows(2)).for_each(|w| *counts.entry((w[0], w[1])).or_insert(0) += 1);
        let Some((&(left, right), _)) = counts.iter().max_by_key(|(pair, n)| (**n, std::cmp::Reverse(**pair))) else {
            return Merges::new(base.to_vec(), Rule::Pairs(list)).unwrap();
        };
        list.push(Merge { left, right, result });
        for word in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if (word[at], word[at + 1]) == (left, right) {
                    word.splice(at..at + 2, [result]);
                }
                at += 1;
            }
        }
    }
    unreachable!()
}

/// `merges` under the pattern `name`, with two specials, one the beginning of the other.
pub fn tokenizer(merges: Merges, name: &str) -> Tokenizer {
    let n = crate::vocab::Vocab::derive(&merges).unwrap().n_ids() as u32;
    let special = |text: &str, id| Special { text: text.to_owned(), id: TokenId(id) };
    let specials = vec![special("<|endless|>", n + 2), special("<|end", n)];
    let provenance = Map::from_iter([("corpus".to_owned(), json!({ "name": "words", "bytes": 77 }))]);
    Tokenizer::new(Unit::Byte, Pattern::from_name(name).unwrap(), merges, specials, provenance).unwrap()
}
