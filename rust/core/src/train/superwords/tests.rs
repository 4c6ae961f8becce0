use super::super::census::Limits;
use super::super::tests::{BARS, counts_of, some_options};
use super::super::{Step, Stop, TieBreak, naive, train};
use super::*;
use crate::merges::{Merge, Merges, Rule};
use crate::unit::Unit;
use crate::vocab::Vocab;
use proptest::prelude::*;

/// Sentences of words that share letters, with their pieces: a space begins a piece.
fn text_counts() -> impl Strategy<Value = PieceCounts> {
    let word = prop::sample::select(vec!["a", "ab", "aab", "b", "가", "각나", "bc", "aaaa", "", "."]);
    let sentence = (prop::collection::vec(word, 1..12), 1..5u64);
    prop::collection::vec(sentence, 1..8).prop_map(|sentences| {
        let (mut counts, mut superpieces) = (PieceCounts::new(), PieceCounts::new());
        for (words, weight) in sentences {
            let sentence = words.join(" ");
            let starts = sentence.char_indices().filter(|&(at, c)| at > 0 && c == ' ').map(|(at, _)| at);
            let cuts: Vec<usize> = [0].into_iter().chain(starts).chain([sentence.len()]).collect();
            for two in cuts.windows(2).filter(|two| two[0] < two[1]) {
                counts.add(&sentence.as_bytes()[two[0]..two[1]], weight).unwrap();
            }
            if !sentence.is_empty() {
                superpieces.add(sentence.as_bytes(), weight).unwrap();
            }
        }
        counts.set_superpieces(superpieces, "by space");
        counts
    })
}

/// Two tables that need not be of one text.
fn any_counts() -> impl Strategy<Value = PieceCounts> {
    use super::super::tests::some_counts;
    let apart = (some_counts(), some_counts()).prop_map(|(mut counts, superpieces)| {
        counts.set_superpieces(superpieces, "any");
        counts
    });
    prop_oneof![2 => text_counts(), 1 => apart]
}

prop_compose! {
    fn options_and_superwords()(options in some_options(), first: prop::sample::Index, max_spaces in 1..4usize)
        -> (TrainOptions, Superwords) {
        let n_base = options.unit.n_base();
        let n_ids_first = n_base + first.index(options.n_ids - n_base + 1);
        (options, Superwords { n_ids_first, max_spaces })
    }
}

fn learn_tuned<C: Cell>(counts: &PieceCounts, options: &TrainOptions, how: Superwords, tuning: Tuning) -> TwoStages {
    let mut ask = |_| true;
    let mut watch = Watch::new(&mut ask, Progress { n_ids: 0, n_ids_wanted: 0 });
    two_stages::<C>(counts, options, how, tuning, &mut watch).unwrap()
}

fn vocab_of(learned: &Learned) -> Vocab {
    let pairs = learned.steps.iter().map(|step| step.merge).collect();
    Vocab::derive(&Merges::new(learned.base_ids.clone(), Rule::Pairs(pairs)).unwrap()).unwrap()
}

fn n_spaces_of(vocab: &Vocab, id: TokenId) -> usize {
    vocab.spelling(id).unwrap().iter().filter(|symbol| symbol.0 == 0x20).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The twin looks for an id to reuse, so that this also shows that there is none.
    #[test]
    fn fast_equals_naive(
        counts in any_counts(),
        (options, how) in options_and_superwords(),
        wide: bool,
        bar in prop::sample::select(&BARS[..]),
        n_kept in prop_oneof![Just(0), Just(1 << 14)],
    ) {
        let tuning = Tuning { bar, limits: Limits { n_counted: 1 << 14, n_kept } };
        let learn = if wide { learn_tuned::<u32> } else { learn_tuned::<u16> };
        prop_assert_eq!(learn(&counts, &options, how, tuning), naive::train_superwords(&counts, &options, how).unwrap());
    }

    #[test]
    fn every_merge_is_a_new_token_and_spaces_are_bounded(
        counts in any_counts(),
        (options, how) in options_and_superwords(),
    ) {
        let two = train_superwords(&counts, &options, how, &mut |_| true).unwrap();
        let vocab = vocab_of(&two.learned);
        let n_base = options.unit.n_base();
        prop_assert_eq!(vocab.n_tokens(), n_base + two.learned.steps.len());
        prop_assert!(two.learned.steps.iter().zip(n_base as u32..).all(|(step, id)| step.merge.result == TokenId(id)));
        let mut second = two.learned.steps[two.n_steps_first..].iter();
        prop_assert!(second.all(|step| n_spaces_of(&vocab, step.merge.result) <= how.max_spaces));
    }

    /// Stage one is training as ever. Where it does not run out, a stage two that never begins leaves it at that.
    #[test]
    fn stage_one_is_plain_training(counts in text_counts(), (options, how) in options_and_superwords()) {
        let two = train_superwords(&counts, &options, how, &mut |_| true).unwrap();
        let first = train(&counts, &TrainOptions { n_ids: how.n_ids_first, ..options.clone() }, &mut |_| true).unwrap();
        prop_assert_eq!(&two.learned.steps[..two.n_steps_first], &first.steps[..]);
        prop_assert_eq!(two.learned.n_tokens_before, first.n_tokens_before);
        let all = Superwords { n_ids_first: options.n_ids, ..how };
        let two = train_superwords(&counts, &options, all, &mut |_| true).unwrap();
        let plain = train(&counts, &options, &mut |_| true).unwrap();
        prop_assert_eq!(&two.learned.steps[..two.n_steps_first], &plain.steps[..]);
        prop_assert!(plain.stop != Stop::Full || two.learned == plain);
    }
}

/// Longer than a chunk, and than the blocks in which cells are walked.
#[test]
fn long_superpieces_equal_naive() {
    let word = |n: usize| [&b" abab"[..], b" aab", b" b", b"aaa"][n * n / 7 % 4];
    let long: Vec<u8> = (0..60_000).flat_map(word).copied().collect();
    let run = vec![b'a'; 1_100_000];
    let mut counts = counts_of([(&b" abab"[..], 9), (b" aab", 7), (b"aaa", 5), (b"aaaa", 3)]);
    counts.set_superpieces(counts_of([(&long[..], 2), (&run, 1), (b"ab ab", 3)]), "any");
    let options =
        TrainOptions { n_ids: 266, unit: Unit::Byte, tie: TieBreak::RustBpe, min_frequency: 1, max_token_bytes: None };
    let how = Superwords { n_ids_first: 261, max_spaces: 4 };
    let two = train_superwords(&counts, &options, how, &mut |_| true).unwrap();
    assert_eq!(two, naive::train_superwords(&counts, &options, how).unwrap());
    assert_eq!((two.n_steps_first, two.learned.steps.len()), (5, 10));
}

/// 5 x "비 온다" and 3 x "눈 온다" as letters: "b on" and "n on", with pieces b, n and " on". Stage one: o+n 8 times (o has
/// the smallest id of the two), then ␣+on 8 times. Stage two, over b ␣on (5) and n ␣on (3): b+␣on 5 times, n+␣on 3 times.
#[test]
fn by_hand() {
    let mut counts = counts_of([(&b"b"[..], 5), (b"n", 3), (b" on", 8)]);
    counts.set_superpieces(counts_of([(&b"b on"[..], 5), (b"n on", 3)]), "any");
    let options =
        TrainOptions { n_ids: 300, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None };
    let how = Superwords { n_ids_first: 258, max_spaces: 1 };
    let two = train_superwords(&counts, &options, how, &mut |_| true).unwrap();
    let [b, n, o, space] = [65, 77, 78, 220].map(TokenId);
    let step = |left, right, result, count, n_tokens| Step {
        merge: Merge { left, right, result: TokenId(result) },
        count,
        n_tokens,
    };
    let want = [
        step(o, n, 256, 8, 24),
        step(space, TokenId(256), 257, 8, 16),
        step(b, TokenId(257), 258, 5, 11),
        step(n, TokenId(257), 259, 3, 8),
    ];
    assert_eq!(two.learned.steps, want);
    assert_eq!((two.n_steps_first, two.n_tokens_between, two.learned.n_tokens_before), (2, 16, 32));
}

#[test]
fn refusals() {
    let options =
        TrainOptions { n_ids: 300, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None };
    let mut counts = counts_of([(&b"ab"[..], 1)]);
    let fails = |counts: &PieceCounts, n_ids_first, max_spaces| {
        let how = Superwords { n_ids_first, max_spaces };
        let e = train_superwords(counts, &options, how, &mut |_| true).unwrap_err();
        assert_eq!(naive::train_superwords(counts, &options, how).unwrap_err().to_string(), e.to_string());
        e.to_string()
    };
    assert_eq!(fails(&counts, 280, 4), "superwords are learned from superpieces, and these counts hold none");
    counts.set_superpieces(counts_of([(&b"ab"[..], 1)]), "any");
    for first in [255, 301] {
        let want =
            format!("superwords must begin between 256 ids (the base symbols of unit byte) and 300 (all), got {first}");
        assert_eq!(fails(&counts, first, 4), want);
    }
    assert_eq!(fails(&counts, 280, 0), "superwords must be allowed at least 1 space, got 0");
}

#[test]
fn stops_when_asked() {
    let mut counts = counts_of([(&b"ab"[..], 1)]);
    counts.set_superpieces(counts_of([(&vec![b'a'; 400_000][..], 1)]), "any");
    let options =
        TrainOptions { n_ids: 300, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None };
    let how = Superwords { n_ids_first: 280, max_spaces: 4 };
    let e = train_superwords(&counts, &options, how, &mut |_| false).unwrap_err();
    assert_eq!(e.kind(), crate::ErrorKind::Interrupted);
}
