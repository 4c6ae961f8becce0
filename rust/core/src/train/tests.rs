use super::*;
use proptest::prelude::*;

fn counts_of(pieces: &[(&[u8], u64)]) -> PieceCounts {
    let mut counts = PieceCounts::new();
    pieces
        .iter()
        .filter(|(piece, _)| !piece.is_empty())
        .for_each(|(piece, weight)| counts.add(piece, *weight).unwrap());
    counts
}

fn options(n_ids: usize) -> TrainOptions {
    TrainOptions { n_ids, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None }
}

fn learn(counts: &PieceCounts, options: &TrainOptions) -> Learned {
    train(counts, options, &mut |_| true).unwrap()
}

/// Few letters and long runs make ties, overlaps and ids that are reached twice.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(b"aab".to_vec()), 0..24),
        2 => prop::collection::vec(prop::sample::select(b"abcde".to_vec()), 0..12),
        2 => prop::collection::vec(prop::sample::select(vec!["가", "각", "나", "a", " "]), 0..8)
            .prop_map(|parts| parts.concat().into_bytes()),
        1 => (0..40usize).prop_map(|n| vec![b'a'; n]),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 1..6u64, 1 => Just(0), 1 => 1..3000u64, 1 => (1u64 << 33)..(1 << 40)]
}

prop_compose! {
    fn some_options()(
        n_merges in 0..90usize,
        char_safe: bool,
        raw: bool,
        min_frequency in prop_oneof![3 => Just(1u64), 1 => 1..20u64],
        max_token_bytes in prop_oneof![3 => Just(None), 1 => (0..9usize).prop_map(Some)],
    ) -> TrainOptions {
        TrainOptions {
            n_ids: 256 + n_merges,
            unit: if char_safe { Unit::ByteChar } else { Unit::Byte },
            tie: if raw { TieBreak::RustBpe } else { TieBreak::Hf },
            min_frequency,
            max_token_bytes,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn fast_equals_naive(
        pieces in prop::collection::vec((piece(), weight()), 0..24),
        options in some_options(),
        wide: bool,
    ) {
        let mut counts = PieceCounts::new();
        pieces.iter().filter(|(piece, _)| !piece.is_empty()).for_each(|(piece, weight)| counts.add(piece, *weight).unwrap());
        let slow = naive::train(&counts, &options).unwrap();
        let mut ask = |_| true;
        let mut watch = Watch::new(&mut ask, Progress { n_ids: 0, n_ids_wanted: 0 });
        let base_ids = options.base_ids().unwrap();
        let fast = if wide {
            fast::train::<u32>(&counts, &options, base_ids, &mut watch)
        } else {
            fast::train::<u16>(&counts, &options, base_ids, &mut watch)
        };
        prop_assert_eq!(slow, fast.unwrap());
    }
}
