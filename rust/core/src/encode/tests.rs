//! Every path against [`Naive`], on vocabularies small enough that everything happens.

use super::long::Long;
use super::merge::{Bytes, Ids, Merger};
use super::naive::Naive;
use super::*;
use crate::Symbol;
use crate::merges::{ByteOrder, Merge, RankedToken, Rule};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// A tokenizer over bytes and its two encoders.
struct Case {
    merges: Merges,
    vocab: Vocab,
    encoder: Encoder,
}

impl Case {
    fn new(base_ids: &[TokenId], rule: Rule) -> Self {
        let merges = Merges::new(base_ids.to_vec(), rule).unwrap();
        let vocab = Vocab::derive(&merges).unwrap();
        let encoder = Encoder::new(&Unit::Byte, &merges, &vocab).unwrap();
        Self { merges, vocab, encoder }
    }

    fn pairs(list: Vec<Merge>) -> Self {
        Self::new(&ByteOrder::Gpt2.ids(), Rule::Pairs(list))
    }

    /// Tokens in rank order, each once; ids begin after the bytes and skip one in three.
    fn ranks(spellings: &[Vec<u8>]) -> Self {
        let mut seen = HashSet::new();
        let tokens =
            spellings.iter().filter(|spelling| seen.insert(*spelling)).zip(0..).map(|(spelling, rank)| RankedToken {
                id: TokenId(256 + rank + rank / 2),
                spelling: spelling.iter().map(|&b| Symbol(b.into())).collect(),
            });
        Self::new(&ByteOrder::Raw.ids(), Rule::Ranks(tokens.collect()))
    }

    fn naive(&self) -> Naive<'_> {
        Naive::new(&Unit::Byte, &self.merges, &self.vocab)
    }

    fn encode(&self, pieces: &[Vec<u8>], scratch: &mut Scratch) -> Vec<u32> {
        let (text, ends) = tile(pieces);
        let mut out = vec![7];
        self.encoder.encode_pieces(&text, 1, &ends, scratch, &mut out);
        assert_eq!(self.encoder.count_pieces(&text, 1, &ends, scratch), out.len() as u64 - 1);
        assert_eq!(out.remove(0), 7);
        out
    }

    fn check(&self, pieces: &[Vec<u8>], scratch: &mut Scratch) {
        let naive = self.naive();
        let mut known = HashMap::new();
        let ids = pieces.iter().flat_map(|p| known.entry(p).or_insert_with(|| naive.encode(p)).clone());
        let want: Vec<u32> = ids.map(|id| id.0).collect();
        // Twice: the second time out of the cache, and cut into blocks elsewhere.
        for turn in 0..2 {
            let got = self.encode(pieces, scratch);
            assert_eq!(got, want, "turn {turn}, {pieces:x?}");
        }
    }
}

/// One byte, then the pieces; where they end.
fn tile(pieces: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let mut text = vec![b'x'];
    let ends = pieces.iter().map(|piece| {
        text.extend_from_slice(piece);
        text.len()
    });
    let ends = ends.collect();
    (text, ends)
}

/// Learns merges the obvious way: count pairs, merge the most frequent, begin again.
fn train(text: &[u8], n_merges: usize) -> Vec<Merge> {
    let ids = ByteOrder::Gpt2.ids();
    let mut text: Vec<TokenId> = text.iter().map(|&b| ids[usize::from(b)]).collect();
    let mut list = Vec::new();
    for n in 0..n_merges {
        let mut counts = std::collections::BTreeMap::new();
        text.windows(2).for_each(|p| *counts.entry((p[0], p[1])).or_insert(0) += 1);
        let Some((&(left, right), _)) = counts.iter().max_by_key(|&(_, n)| n) else { break };
        let merge = Merge { left, right, result: TokenId(256 + n as u32) };
        let mut at = 0;
        while at + 1 < text.len() {
            if (text[at], text[at + 1]) == (left, right) {
                text.splice(at..at + 2, [merge.result]);
            }
            at += 1;
        }
        list.push(merge);
    }
    list
}

/// Merges of any two ids so far, listed twice or spelling an old token now and then: `choices` say which.
/// A token of a hundred bytes and more is not merged again.
fn any_merges(alphabet: &[u8], choices: &[(usize, usize)]) -> Vec<Merge> {
    let mut tokens: Vec<(TokenId, Vec<u8>)> =
        alphabet.iter().map(|&b| (ByteOrder::Gpt2.ids()[usize::from(b)], vec![b])).collect();
    let mut known: HashMap<Vec<u8>, TokenId> = tokens.iter().map(|(id, spelling)| (spelling.clone(), *id)).collect();
    let mut list = Vec::new();
    for &(left, right) in choices {
        let (left, right) = (&tokens[left % tokens.len()], &tokens[right % tokens.len()]);
        let spelling = [left.1.as_slice(), &right.1].concat();
        let new = TokenId(256 + list.len() as u32);
        let result = *known.entry(spelling.clone()).or_insert(new);
        list.push(Merge { left: left.0, right: right.0, result });
        if result == new && spelling.len() < 100 {
            tokens.push((result, spelling));
        }
    }
    list
}

const ALPHABET: &[u8] = &[0, b'a', b'b', 0xEA];

/// Characters of one to four bytes that share bytes, and parts of characters.
const CHARACTERS: &[&[u8]] = &[
    b" ",
    b" ",
    b"a",
    b"b",
    "가".as_bytes(),
    "각".as_bytes(),
    "간".as_bytes(),
    "걀".as_bytes(),
    "낀".as_bytes(),
    "뀀".as_bytes(),
    "д".as_bytes(),
    "а".as_bytes(),
    "р".as_bytes(),
    "😀".as_bytes(),
    b"\xEA",
    b"\xB0",
    b"\xEA\xB0",
    b"\xD0",
];

fn characters(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(CHARACTERS), len).prop_map(|parts| parts.concat())
}

/// The spellings that `merges` make, in order, as ranks have them.
fn spellings(case: &Case) -> Vec<Vec<u8>> {
    let made = case.vocab.iter().filter(|(id, _)| id.0 >= 256);
    made.map(|(_, symbols)| symbols.iter().map(|s| s.0 as u8).collect()).collect()
}

fn text(len: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(ALPHABET), len)
}

/// Pieces with repetitions, of all sorts of lengths, empty ones too.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = prop_oneof![4 => text(0..6), 4 => text(6..40), 1 => text(40..300), 1 => Just(vec![b'a'; 77])];
    let some = proptest::collection::vec(piece, 1..12);
    (some, proptest::collection::vec(0..100usize, 0..200))
        .prop_map(|(some, order)| order.iter().map(|&i| some[i % some.len()].clone()).chain(some.clone()).collect())
}

/// A default scratch, or one whose cache has one set a table.
fn scratch() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1 << 10), Just(1 << 20)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn trained_pairs(sample in text(0..400), n in 0..60usize, pieces in pieces(), bytes in scratch()) {
        Case::pairs(train(&sample, n)).check(&pieces, &mut Scratch::with_cache_bytes(bytes));
    }

    #[test]
    fn any_pairs(
        choices in proptest::collection::vec((0..1000usize, 0..1000usize), 0..60),
        pieces in pieces(),
        bytes in scratch(),
    ) {
        Case::pairs(any_merges(ALPHABET, &choices)).check(&pieces, &mut Scratch::with_cache_bytes(bytes));
    }

    #[test]
    fn any_ranks(spellings in proptest::collection::vec(text(2..9), 0..80), pieces in pieces(), bytes in scratch()) {
        let case = Case::ranks(&spellings);
        let mut scratch = Scratch::with_cache_bytes(bytes);
        case.check(&pieces, &mut scratch);
        case.check(&spellings, &mut scratch);
    }

    #[test]
    fn trained_ranks(sample in text(0..400), n in 0..60usize, order in 0..3usize, pieces in pieces()) {
        let learned = Case::pairs(train(&sample, n));
        let mut spellings = spellings(&learned);
        match order {
            0 => {}
            1 => spellings.reverse(),
            _ => spellings.sort(),
        }
        Case::ranks(&spellings).check(&pieces, &mut Scratch::default());
    }

    #[test]
    fn characters_as_first_symbols(
        sample in characters(0..300),
        n in 0..120usize,
        some in proptest::collection::vec(characters(0..40), 1..30),
        long in characters(100..300),
    ) {
        let (mut pieces, mut scratch) = (some, Scratch::default());
        pieces.push(long);
        let learned = Case::pairs(train(&sample, n));
        prop_assert!(learned.encoder.rules.has_atoms());
        learned.check(&pieces, &mut scratch);
        let ranked = Case::ranks(&spellings(&learned));
        prop_assert!(ranked.encoder.rules.has_atoms());
        ranked.check(&pieces, &mut scratch);
    }

    #[test]
    fn characters_under_any_pairs(
        choices in proptest::collection::vec((0..1000usize, 0..1000usize), 0..60),
        pieces in proptest::collection::vec(characters(0..40), 1..30),
    ) {
        Case::pairs(any_merges(&[b' ', 0xEA, 0xB0, 0x80, 0x81, 0xB1], &choices)).check(&pieces, &mut Scratch::default());
    }

    #[test]
    fn steps_are_those_of_the_twin(
        spellings in proptest::collection::vec(text(2..9), 0..80),
        choices in proptest::collection::vec((0..1000usize, 0..1000usize), 0..60),
        piece in text(0..60),
    ) {
        for case in [Case::ranks(&spellings), Case::pairs(any_merges(ALPHABET, &choices))] {
            prop_assert_eq!(case.encoder.steps(&piece), case.naive().steps(&piece));
        }
    }

    #[test]
    fn all_loops_agree(
        choices in proptest::collection::vec((0..1000usize, 0..1000usize), 0..60),
        piece in text(0..3000),
        cut in 0..256usize,
    ) {
        let case = Case::pairs(any_merges(ALPHABET, &choices));
        let byte_ids = case.encoder.rules.byte_ids().unwrap();
        let pairs = &case.encoder.rules.pairs;
        for bytes in [&piece[..], &piece[..cut.min(piece.len())], &piece[..(cut % 33).min(piece.len())]] {
            let source = Bytes { bytes, byte_ids, atoms: None };
            let ids: Vec<u32> = bytes.iter().map(|&b| byte_ids[usize::from(b)].0).collect();
            let want = merge::tests::by_heap(pairs, &source);
            for got in merge::tests::by_each(pairs, &source).into_iter().chain(merge::tests::by_each(pairs, &Ids(&ids))) {
                prop_assert_eq!(&got, &want);
            }
            let mut out = vec![5];
            Long::default().run(pairs, &mut Merger::default(), &source, &mut out);
            let want: Vec<u32> = [5].into_iter().chain(want.iter().map(|&(_, id)| id)).collect();
            prop_assert_eq!(out, want);
        }
    }
}

/// Units other than bytes, and their merges as trained on some pieces or drawn at random.
mod of_units {
    use super::*;

    /// Every symbol that Hangul may be made of, in words of a few syllables.
    fn words(n: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
        const PARTS: &[&str] = &[
            "가",
            "각",
            "간",
            "나",
            "낙",
            "난",
            "갸",
            "갹",
            "값",
            "닭",
            "힣",
            "ㅋ",
            " ",
            "a",
            ".",
            "漢",
            "é",
            "\u{1100}\u{1161}",
            "\u{1100}\u{1161}\u{11A8}",
            "\u{1102}\u{1161}\u{11AB}",
            "\u{1161}",
            "\u{11A8}",
        ];
        let word = proptest::collection::vec(proptest::sample::select(PARTS), 0..12);
        let long = proptest::collection::vec(proptest::sample::select(PARTS), 100..140);
        let word = prop_oneof![12 => word, 1 => long].prop_map(|parts| parts.concat().into_bytes());
        proptest::collection::vec(word, n)
    }

    const NAMES: &[&str] = &[
        "byte-char",
        "syllable",
        "syllable:all",
        "jamo",
        "jamo:filler",
        "jamo:compat:nfd-alias",
        "jamo:filler:compat:nfd-alias",
        "jamo-char",
        "jamo-char:filler",
    ];

    fn check(unit: &Unit, merges: &Merges, pieces: &[Vec<u8>]) -> bool {
        let vocab = Vocab::derive(merges).unwrap();
        let encoder = Encoder::new(unit, merges, &vocab).unwrap();
        let naive = Naive::new(unit, merges, &vocab);
        let want: Vec<u32> = pieces.iter().flat_map(|p| naive.encode(p)).map(|id| id.0).collect();
        let (text, ends) = tile(pieces);
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        for _ in 0..2 {
            out.clear();
            encoder.encode_pieces(&text, 1, &ends, &mut scratch, &mut out);
            assert_eq!(out, want, "{} {pieces:x?}", unit.name());
        }
        for piece in pieces.iter().take(3) {
            assert_eq!(encoder.steps(piece), naive.steps(piece));
        }
        encoder.rules.has_syllables()
    }

    /// Learns merges the obvious way, one word at a time.
    fn grown(unit: &Unit, words: &[Vec<u8>], n_merges: usize) -> Vec<Merge> {
        let mut words: Vec<Vec<TokenId>> = words
            .iter()
            .map(|word| {
                let mut symbols = Vec::new();
                unit.symbols_into(word, &mut symbols);
                symbols.iter().map(|s| TokenId(s.0)).collect()
            })
            .collect();
        let mut list = Vec::new();
        for n in 0..n_merges {
            let mut counts = std::collections::BTreeMap::new();
            words.iter().flat_map(|w| w.windows(2)).for_each(|p| *counts.entry((p[0], p[1])).or_insert(0) += 1);
            let Some((&(left, right), _)) = counts.iter().max_by_key(|&(_, n)| n) else { break };
            let merge = Merge { left, right, result: TokenId((unit.n_base() + n) as u32) };
            for word in &mut words {
                let mut at = 0;
                while at + 1 < word.len() {
                    if (word[at], word[at + 1]) == (left, right) {
                        word.splice(at..at + 2, [merge.result]);
                    }
                    at += 1;
                }
            }
            list.push(merge);
        }
        list
    }

    /// Merges of any two tokens so far, over the symbols of `pieces`; most are not grown.
    fn any_merges(unit: &Unit, pieces: &[Vec<u8>], base: &[TokenId], choices: &[(usize, usize)]) -> Vec<Merge> {
        let mut symbols = Vec::new();
        pieces.iter().for_each(|p| unit.symbols_into(p, &mut symbols));
        symbols.sort_unstable();
        symbols.dedup();
        let mut tokens: Vec<(TokenId, Vec<Symbol>)> = symbols.iter().map(|&s| (base[s.0 as usize], vec![s])).collect();
        let mut list: Vec<Merge> = Vec::new();
        for &(left, right) in choices.iter().filter(|_| !symbols.is_empty()) {
            let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
            let spelling = [left.1, right.1].concat();
            let old = tokens.iter().find(|t| t.1 == spelling).map(|t| t.0);
            let result = old.unwrap_or(TokenId((base.len() + list.len()) as u32));
            list.push(Merge { left: left.0, right: right.0, result });
            if old.is_none() {
                tokens.push((result, spelling));
            }
        }
        list
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn trained(training in words(0..30), n in 0..120usize, pieces in words(1..20)) {
            for name in NAMES {
                let unit = Unit::from_name(name).unwrap();
                let base: Vec<TokenId> = (0..unit.n_base() as u32).map(TokenId).collect();
                let merges = Merges::new(base, Rule::Pairs(grown(&unit, &training, n))).unwrap();
                let has = check(&unit, &merges, &[pieces.clone(), training.clone()].concat());
                prop_assert_eq!(has, name.starts_with("jamo"));
            }
        }

        #[test]
        fn any(choices in proptest::collection::vec((0..1000usize, 0..1000usize), 0..40), pieces in words(1..20)) {
            for name in NAMES {
                let unit = Unit::from_name(name).unwrap();
                let base: Vec<TokenId> = (0..unit.n_base() as u32).map(TokenId).collect();
                let list = any_merges(&unit, &pieces, &base, &choices);
                check(&unit, &Merges::new(base, Rule::Pairs(list)).unwrap(), &pieces);
            }
        }
    }
}

#[test]
fn every_length() {
    let sample: Vec<u8> = (0..4000usize).map(|i| ALPHABET[(i * i / 7 + i / 3) % 4]).collect();
    let case = Case::pairs(train(&sample, 80));
    let all: Vec<Vec<u8>> = (0..200).map(|n| sample[n..2 * n].to_vec()).collect();
    case.check(&all, &mut Scratch::default());
    let runs: Vec<Vec<u8>> = (0..200).map(|n| vec![b'a'; n]).collect();
    case.check(&runs, &mut Scratch::default());
    for n in [1000, 2000, 4000] {
        case.check(&[sample[..n].to_vec(), vec![0; n]], &mut Scratch::default());
    }
}

#[test]
fn a_token_longer_than_any_window() {
    // a, aa, aaaa, ... 4,096 of them: nothing shows where the run ends until its end.
    let mut list = Vec::new();
    let mut side = ByteOrder::Gpt2.ids()[usize::from(b'a')];
    for n in 0..12 {
        let result = TokenId(256 + n);
        list.push(Merge { left: side, right: side, result });
        side = result;
    }
    let case = Case::pairs(list);
    for n in [255, 256, 257, 4096, 8191, 10_000] {
        case.check(&[vec![b'a'; n]], &mut Scratch::default());
    }
}

#[test]
fn a_token_longer_than_any_overlap() {
    // Doublings to 2^17 and some odd tokens, also after text that shares none of it and before text that does.
    let a = ByteOrder::Gpt2.ids()[usize::from(b'a')];
    let mut list = Vec::new();
    let mut side = a;
    for n in 0..17 {
        let result = TokenId(256 + n);
        list.push(Merge { left: side, right: side, result });
        side = result;
    }
    // Three a, of pairs and a single one; then six.
    for (n, (left, right)) in [(TokenId(256), a), (TokenId(273), TokenId(273))].into_iter().enumerate() {
        list.push(Merge { left, right, result: TokenId(273 + n as u32) });
    }
    let case = Case::pairs(list);
    let (pairs, byte_ids) = (&case.encoder.rules.pairs, case.encoder.rules.byte_ids().unwrap());
    let run = |n: usize| vec![b'a'; n];
    for bytes in [run(200_003), [run(263), b"b".repeat(9), run(150_001), b"ba".repeat(20_000)].concat()] {
        let source = Bytes { bytes: &bytes, byte_ids, atoms: None };
        let want: Vec<u32> = merge::tests::by_heap(pairs, &source).iter().map(|&(_, id)| id).collect();
        let mut out = Vec::new();
        Long::default().run(pairs, &mut Merger::default(), &source, &mut out);
        assert!(out == want);
    }
}

#[test]
fn ranks_that_fall_while_merging() {
    // No training gives this list: abc is first made of ab and c, which never meet, since bc merges before ab. What
    // makes it is the last merge, and then it merges on by lower ranks.
    const LIST: [[&[u8]; 2]; 7] =
        [[b"b", b"c"], [b"a", b"b"], [b"ab", b"c"], [b"abc", b"d"], [b"d", b"abc"], [b"dabc", b"d"], [b"a", b"bc"]];
    let spellings: Vec<Vec<u8>> = LIST.iter().map(|sides| sides.concat()).collect();
    let id = |spelling: &[u8]| match spelling {
        [byte] => ByteOrder::Raw.ids()[usize::from(*byte)],
        _ => TokenId(256 + spellings.iter().position(|s| s == spelling).unwrap() as u32),
    };
    let merge =
        |[left, right]: [&[u8]; 2]| Merge { left: id(left), right: id(right), result: id(&[left, right].concat()) };
    let pairs = Case::new(&ByteOrder::Raw.ids(), Rule::Pairs(LIST.map(merge).to_vec()));
    let ranks = Case::ranks(&spellings.iter().rev().cloned().collect::<Vec<_>>());
    let text: Vec<u8> = (0..4000usize).map(|i| b"dabcabcd"[(i + i * i / 900) % 8]).collect();
    let steps: Vec<u32> = pairs.encoder.steps(&text[..50]).iter().filter_map(|step| step.0).collect();
    assert!(!steps.is_sorted(), "{steps:?}");
    for case in [pairs, ranks] {
        let (pairs, byte_ids) = (&case.encoder.rules.pairs, case.encoder.rules.byte_ids().unwrap());
        let source = Bytes { bytes: &text, byte_ids, atoms: None };
        let want = merge::tests::by_heap(pairs, &source);
        assert_eq!(want.iter().map(|&(_, id)| TokenId(id)).collect::<Vec<_>>(), case.naive().encode(&text));
        assert!(merge::tests::by_each(pairs, &source).iter().all(|got| *got == want));
    }
}

#[test]
fn dominoes_that_fall_from_the_right() {
    // Each pair has a lower rank than the pair on its left, so that the last symbol decides about the first.
    let n = 200u8;
    let ids = ByteOrder::Raw.ids();
    let list = (0..n - 1).rev().zip(0..).map(|(b, rank)| Merge {
        left: ids[usize::from(b)],
        right: ids[usize::from(b) + 1],
        result: TokenId(256 + rank),
    });
    let case = Case::new(&ids, Rule::Pairs(list.collect()));
    for n in [198, 199, 200] {
        let chain: Vec<u8> = (0..n).collect();
        case.check(&[chain.clone(), [vec![201; 300], chain.clone(), chain].concat()], &mut Scratch::default());
    }
}

#[test]
fn a_scratch_serves_one_encoder_after_another() {
    let (one, two) = (Case::ranks(&[b"ab".to_vec()]), Case::ranks(&[b"bc".to_vec()]));
    let mut scratch = Scratch::default();
    for case in [&one, &two, &one] {
        case.check(&[b"abc".to_vec()], &mut scratch);
    }
}

#[test]
fn many_pieces_grow_the_cache_within_its_bound() {
    let case = Case::pairs(train(b"0123456789 0123 012", 12));
    let pieces: Vec<Vec<u8>> = (0..30_000).map(|n| format!(" {}", n * n).into_bytes()).collect();
    let bound = 256 << 10;
    let (mut bounded, mut free) = (Scratch::with_cache_bytes(bound), Scratch::default());
    case.check(&pieces, &mut bounded);
    case.check(&pieces, &mut free);
    assert!(bounded.cache_bytes() <= bound);
    assert!((bound + 1..=48 << 20).contains(&free.cache_bytes()));
}

#[test]
fn encoders_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Encoder>();
}

#[test]
fn unit_and_merges_must_fit() {
    let merges = Merges::new(ByteOrder::Raw.ids()[..255].to_vec(), Rule::Pairs(Vec::new())).unwrap();
    let vocab = Vocab::derive(&merges).unwrap();
    let e = Encoder::new(&Unit::Byte, &merges, &vocab).err().unwrap();
    assert_eq!(e.to_string(), "the unit has 256 base symbols, the merges give ids to 255");

    let token = RankedToken { id: TokenId(256), spelling: vec![Symbol(97), Symbol(256)] };
    let e = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Ranks(vec![token])).unwrap_err();
    assert_eq!(e.to_string(), "token 0: id 256 is spelled with symbol 256, but the base alphabet has 256");
}
