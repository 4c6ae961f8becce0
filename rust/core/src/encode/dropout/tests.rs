use super::*;
use crate::TokenId;
use crate::encode::naive::Naive;
use crate::merges::{ByteOrder, Merge, RankedToken};
use crate::unit::Unit;
use proptest::prelude::*;

fn encoder(rule: Rule) -> (Merges, Vocab, Encoder) {
    let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), rule).unwrap();
    let vocab = Vocab::derive(&merges).unwrap();
    let encoder = Encoder::new(&Unit::Byte, &merges, &vocab).unwrap();
    (merges, vocab, encoder)
}

fn symbols(bytes: &[u8]) -> Vec<Symbol> {
    bytes.iter().map(|&b| Symbol(b.into())).collect()
}

/// Random merges over a few letters; a result that is spelled already is reused.
fn any_pairs() -> impl Strategy<Value = Rule> {
    proptest::collection::vec((0..1000usize, 0..1000usize), 0..30).prop_map(|picks| {
        let mut tokens: Vec<(u32, Vec<u8>)> = b"abc".iter().map(|&b| (u32::from(b), vec![b])).collect();
        let mut list: Vec<Merge> = Vec::new();
        for (left, right) in picks {
            let (left, right) = (tokens[left % tokens.len()].clone(), tokens[right % tokens.len()].clone());
            let joint = [left.1, right.1].concat();
            if joint.len() > 12 {
                continue;
            }
            let known = tokens.iter().find(|token| token.1 == joint).map(|token| token.0);
            let result = known.unwrap_or(256 + list.len() as u32);
            list.push(Merge { left: TokenId(left.0), right: TokenId(right.0), result: TokenId(result) });
            if known.is_none() {
                tokens.push((result, joint));
            }
        }
        Rule::Pairs(list)
    })
}

/// Random spellings as ranks, bytes among them, ids not in rank order; some are made by no merging.
fn any_ranks() -> impl Strategy<Value = Rule> {
    let spelling = proptest::collection::vec(proptest::sample::select(b"abc".as_slice()), 2..7);
    proptest::collection::hash_set(spelling, 0..40).prop_map(|tokens| {
        let token = |id: u32, bytes: &[u8]| RankedToken { id: TokenId(id), spelling: symbols(bytes) };
        let base = (0..=255u8).map(|b| token(b.into(), &[b]));
        let made = tokens.iter().enumerate().map(|(i, t)| token(256 + (i as u32 ^ 1), t));
        Rule::Ranks(base.chain(made).collect())
    })
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let piece = |len| proptest::collection::vec(proptest::sample::select(b"abc".as_slice()), len);
    proptest::collection::vec(prop_oneof![4 => piece(1..8), 2 => piece(8..60)], 0..8)
}

fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), Just(0.1), Just(0.5), 0.0..1.0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fast_equals_naive(
        rule in prop_oneof![any_pairs(), any_ranks()],
        pieces in pieces(),
        p in probability(),
        key: u64,
        offset in 0..1_000_000usize,
    ) {
        let (merges, vocab, encoder) = encoder(rule);
        let naive = Naive::new(&Unit::Byte, &merges, &vocab);
        let text = pieces.concat();
        let ends: Vec<usize> = pieces.iter().scan(0, |end, p| { *end += p.len(); Some(*end) }).collect();
        let (mut want, mut got, mut plain, mut scratch) = (vec![], vec![], vec![], Scratch::default());
        encoder.encode_pieces(&text, 0, &ends, &mut scratch, &mut plain);
        let Some(drops) = Dropout::new(p, 0).unwrap().of_document(key) else {
            prop_assert_eq!(p, 0.0);
            return Ok(());
        };
        encoder.encode_pieces_dropping(&vocab, drops, offset, &text, 0, &ends, &mut scratch, &mut got);
        for (piece, end) in pieces.iter().zip(&ends) {
            want.extend(naive.encode_dropping(piece, &mut drops.draws(offset + end - piece.len())).iter().map(|id| id.0));
        }
        prop_assert_eq!(&got, &want);
        let spelled: Vec<Symbol> = got.iter().flat_map(|&id| vocab.spelling(TokenId(id)).unwrap().to_vec()).collect();
        prop_assert_eq!(spelled, symbols(&text));
        prop_assert!(p < 1.0 || got.len() == text.len());
    }

    /// A threshold of 0 is never handed on, but the loop would be the plain one.
    #[test]
    fn no_drops_is_the_plain_loop(rule in prop_oneof![any_pairs(), any_ranks()], pieces in pieces()) {
        let (_, vocab, encoder) = encoder(rule);
        let text = pieces.concat();
        let ends: Vec<usize> = pieces.iter().scan(0, |end, p| { *end += p.len(); Some(*end) }).collect();
        let (mut plain, mut got, mut scratch) = (vec![], vec![], Scratch::default());
        encoder.encode_pieces(&text, 0, &ends, &mut scratch, &mut plain);
        let drops = Drops { threshold: 0, key: 1 };
        encoder.encode_pieces_dropping(&vocab, drops, 0, &text, 0, &ends, &mut scratch, &mut got);
        prop_assert_eq!(got, plain);
    }
}

/// ab, then abc of ab and c: abc comes out with (1-p)^2, ab c with p (1-p), a b c with p, as worked out by hand: the first
/// step has one occurrence, and so has the second.
#[test]
fn shares_are_those_worked_out_by_hand() {
    const N: usize = 40_000;
    let ab = Merge { left: TokenId(97), right: TokenId(98), result: TokenId(256) };
    let abc = Merge { left: TokenId(256), right: TokenId(99), result: TokenId(257) };
    let (_, vocab, encoder) = encoder(Rule::Pairs(vec![ab, abc]));
    let text = b"abc".repeat(N);
    let ends: Vec<usize> = (1..=N).map(|n| 3 * n).collect();
    for p in [0.1, 0.5, 0.9] {
        for key in 0..3 {
            let drops = Dropout::new(p, 0).unwrap().of_document(key).unwrap();
            let mut ids = Vec::new();
            encoder.encode_pieces_dropping(&vocab, drops, 0, &text, 0, &ends, &mut Scratch::default(), &mut ids);
            let share = |id| ids.iter().filter(|&&i| i == id).count() as f64 / N as f64;
            for (id, want) in [(257, (1.0 - p) * (1.0 - p)), (256, p * (1.0 - p)), (97, p)] {
                // Five deviations of a share of N draws: a wrong formula is off by 0.05 or more, chance by at most 0.0125.
                let bound = 5.0 * (want * (1.0 - want) / N as f64).sqrt();
                assert!((share(id) - want).abs() < bound, "p {p}, key {key}, id {id}: {} for {want}", share(id));
            }
        }
    }
}

/// Neighbouring pieces, documents and keys must not drop together.
#[test]
fn draws_of_neighbours_do_not_hang_together() {
    const N: usize = 20_000;
    let first = |key: u64, offset: usize| {
        let drops = Dropout::new(0.5, 0).unwrap().of_document(key).unwrap();
        drops.draws(offset)()
    };
    let alike = |pairs: &dyn Fn(usize) -> (bool, bool)| (0..N).filter(|&n| pairs(n).0 == pairs(n).1).count() as f64;
    for share in [
        alike(&|n| (first(7, n), first(7, n + 1))) / N as f64,
        alike(&|n| (first(n as u64, 0), first(n as u64 + 1, 0))) / N as f64,
        alike(&|n| (first(n as u64, n), first(n as u64, n + 4))) / N as f64,
    ] {
        // Half of 20,000 throws, with a deviation of 0.0035.
        assert!((share - 0.5).abs() < 0.0177, "{share}");
    }
}

#[test]
fn probabilities_out_of_bounds() {
    for p in [-0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        let e = Dropout::new(p, 0).unwrap_err();
        assert_eq!(e.to_string(), format!("dropout must be a probability from 0 to 1, got {p}"));
    }
    assert!(Dropout::new(0.0, 3).unwrap().of_document(1).is_none());
}

/// A long piece takes time in proportion to its length: quadratic would be minutes.
#[test]
fn a_long_piece() {
    let list = (0..12).map(|n| {
        let side = TokenId(if n == 0 { 97 } else { 255 + n });
        Merge { left: side, right: side, result: TokenId(256 + n) }
    });
    let (_, vocab, encoder) = encoder(Rule::Pairs(list.collect()));
    let text = vec![b'a'; 300_000];
    let drops = Dropout::new(0.5, 0).unwrap().of_document(1).unwrap();
    let mut ids = Vec::new();
    encoder.encode_pieces_dropping(&vocab, drops, 0, &text, 0, &[text.len()], &mut Scratch::default(), &mut ids);
    let n_bytes: usize = ids.iter().map(|&id| vocab.spelling(TokenId(id)).unwrap().len()).sum();
    assert_eq!(n_bytes, text.len());
    assert!((74..150_000).contains(&ids.len()), "{}", ids.len());
}
