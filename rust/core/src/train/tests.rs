use super::fast::Tuning;
use super::*;
use crate::merges::{Merges, Rule};
use crate::vocab::Vocab;
use crate::{ErrorKind, Pair};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn counts_of<'a>(pieces: impl IntoIterator<Item = (&'a [u8], u64)>) -> PieceCounts {
    let mut counts = PieceCounts::new();
    pieces
        .into_iter()
        .filter(|(piece, _)| !piece.is_empty())
        .for_each(|(piece, weight)| counts.add(piece, weight).unwrap());
    counts
}

fn options(n_merges: usize) -> TrainOptions {
    TrainOptions { n_ids: 256 + n_merges, unit: Unit::Byte, tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None }
}

fn learn(counts: &PieceCounts, options: &TrainOptions) -> Learned {
    train(counts, options, &mut |_| true).unwrap()
}

/// Learns with another tuning and cell width than `train` would take.
fn learn_tuned<C: corpus::Cell>(counts: &PieceCounts, options: &TrainOptions, tuning: Tuning) -> Learned {
    let mut ask = |_| true;
    let mut watch = Watch::new(&mut ask, Progress { n_ids: 0, n_ids_wanted: 0 });
    fast::train::<C>(counts, options, options.base_ids().unwrap(), tuning, &mut watch).unwrap()
}

fn vocab_of(learned: &Learned) -> Vocab {
    let pairs = learned.steps.iter().map(|step| step.merge).collect();
    Vocab::derive(&Merges::new(learned.base_ids.clone(), Rule::Pairs(pairs)).unwrap()).unwrap()
}

fn bytes_of(vocab: &Vocab, id: TokenId) -> Vec<u8> {
    vocab.spelling(id).unwrap().iter().map(|symbol| symbol.0 as u8).collect()
}

/// Few letters and long runs make ties, overlaps and pairs that spell the same.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let letters = |letters: &[u8], n| prop::collection::vec(prop::sample::select(letters.to_vec()), 0..n);
    prop_oneof![
        4 => letters(b"aab", 24),
        2 => letters(b"abcde", 12),
        2 => prop::collection::vec(prop::sample::select(vec!["가", "각", "나", "ㅋ", "\u{1100}\u{1161}", "a", " "]), 0..8)
            .prop_map(|parts| parts.concat().into_bytes()),
        1 => (0..40usize).prop_map(|n| vec![b'a'; n]),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

pub(super) fn some_counts() -> impl Strategy<Value = PieceCounts> {
    let weight = prop_oneof![8 => 1..6u64, 1 => Just(0), 1 => 1..3000u64, 1 => (1u64 << 33)..(1 << 40)];
    prop::collection::vec((piece(), weight), 0..24)
        .prop_map(|pieces| counts_of(pieces.iter().map(|(piece, weight)| (&piece[..], *weight))))
}

const UNITS: &[&str] = &["byte", "byte-char", "syllable", "jamo", "jamo-char", "jamo-char:filler:compat:nfd-alias"];

prop_compose! {
    pub(super) fn some_options()(
        n_merges in 0..90usize,
        unit in prop::sample::select(UNITS),
        raw: bool,
        min_frequency in prop_oneof![3 => Just(1u64), 1 => 1..20u64],
        max_token_bytes in prop_oneof![3 => Just(None), 1 => (1..9usize).prop_map(Some)],
    ) -> TrainOptions {
        let unit = Unit::from_name(unit).unwrap();
        TrainOptions {
            n_ids: unit.n_base() + n_merges,
            unit,
            tie: if raw { TieBreak::RustBpe } else { TieBreak::Hf },
            min_frequency,
            max_token_bytes,
        }
    }
}

/// From "hold everything" to "count anew for each count that occurs".
pub(super) const BARS: [fast::Bar; 3] =
    [|_, _, _| 1, |_, steps, _| steps.last().map_or(9, |step| step.count / 2), |_, _, _| u64::MAX];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn fast_equals_naive(
        counts in some_counts(),
        options in some_options(),
        wide: bool,
        bar in prop::sample::select(&BARS[..]),
        n_counted in prop_oneof![Just(4), Just(1 << 14)],
        n_kept in prop_oneof![Just(0), Just(1 << 14)],
    ) {
        let tuning = Tuning { bar, limits: census::Limits { n_counted, n_kept } };
        let learn = if wide { learn_tuned::<u32> } else { learn_tuned::<u16> };
        prop_assert_eq!(learn(&counts, &options, tuning), naive::train(&counts, &options).unwrap());
    }

    /// Words apart and walls between them are the same; and no learned token spans a mark wherever it was counted.
    #[test]
    fn marks_are_walls(
        pieces in prop::collection::vec((piece(), any::<u64>(), 1..6u64), 0..24),
        options in some_options(),
    ) {
        let mut counts = PieceCounts::new();
        for (piece, seed, weight) in pieces.iter().filter(|(piece, ..)| !piece.is_empty()) {
            let marks: Vec<u32> = (1..piece.len() as u32).filter(|at| seed >> (at % 64) & 1 == 1).collect();
            counts.add_marked(piece, &marks, *weight).unwrap();
        }
        let learned = learn(&counts, &options);
        prop_assert_eq!(&learned, &naive::train(&counts, &options).unwrap());
        // Parts are pieces of their own where a cut among symbols is one among bytes.
        if !options.unit.is_bytewise() {
            return Ok(());
        }
        let mut parts = PieceCounts::new();
        for record in counts.records() {
            let (mut symbols, mut cuts) = (Vec::new(), Vec::new());
            options.unit.cut_symbols_into(record.piece, record.marks.iter(), &mut symbols, &mut cuts);
            let mut start = 0;
            for end in cuts.into_iter().chain([record.piece.len()]) {
                parts.add(&record.piece[start..end], record.weight).unwrap();
                start = end;
            }
        }
        prop_assert_eq!(learned.steps, learn(&parts, &options).steps);
    }

    #[test]
    fn every_merge_is_a_new_token(counts in some_counts(), options in some_options()) {
        let learned = learn(&counts, &options);
        let vocab = vocab_of(&learned);
        let spellings: std::collections::HashSet<_> = vocab.iter().map(|(_, spelling)| spelling).collect();
        prop_assert_eq!(spellings.len(), options.unit.n_base() + learned.steps.len());
    }

    /// Replays the merges word by word and counts each pair just before it merges.
    #[test]
    fn counts_and_tokens_hold_when_replayed(counts in some_counts(), options in some_options()) {
        let learned = learn(&counts, &options);
        let mut words: Vec<(Vec<TokenId>, u64)> = counts
            .iter()
            .map(|(piece, weight)| {
                let mut symbols = Vec::new();
                options.unit.symbols_into(piece, &mut symbols);
                (symbols.iter().map(|s| learned.base_ids[s.0 as usize]).collect(), weight)
            })
            .collect();
        for step in &learned.steps {
            let Merge { left, right, result } = step.merge;
            let in_word = |ids: &[TokenId]| ids.windows(2).filter(|two| *two == [left, right]).count() as u64;
            prop_assert_eq!(words.iter().map(|(ids, weight)| in_word(ids) * weight).sum::<u64>(), step.count);
            for (ids, _) in &mut words {
                let mut i = 0;
                while i + 1 < ids.len() {
                    if ids[i..i + 2] == [left, right] {
                        ids.splice(i..i + 2, [result]);
                    }
                    i += 1;
                }
            }
            let n_tokens: u64 = words.iter().map(|(ids, weight)| ids.len() as u64 * weight).sum();
            prop_assert_eq!(n_tokens, step.n_tokens);
        }
    }
}

/// Letters that come in no order: a linear congruential generator's high bits.
fn letters(n: usize, n_letters: u64) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n_letters
    };
    (0..n).map(|_| b'a'.wrapping_add(next() as u8)).collect()
}

/// Longer than the blocks in which cells, positions and neighbours are walked.
#[test]
fn long_pieces_equal_naive() {
    for piece in [letters(150_000, 2), letters(150_000, 26), vec![b'a'; 150_001]] {
        let counts = counts_of([(&piece[..], 3), (b"abc", 7)]);
        assert_eq!(learn(&counts, &options(6)), naive::train(&counts, &options(6)).unwrap());
    }
}

/// The watch is asked once per 2^17 units of work, so it measures work: a run to the end must cost each cell a bounded
/// number of them, however long the piece.
#[test]
fn one_long_piece_costs_work_in_proportion() {
    let n = 1 << 21;
    for (piece, most_a_cell) in [(vec![b'a'; n], 30), (letters(n, 3), 60), (letters(n, 200), 60)] {
        let mut n_asked = 0;
        let counts = counts_of([(&piece[..], 1)]);
        let learned = train(&counts, &options(3000), &mut |_| {
            n_asked += 1;
            true
        });
        assert!(learned.is_ok());
        let work_a_cell = (n_asked << 17) / n;
        assert!((5..most_a_cell).contains(&work_a_cell), "{work_a_cell} units of work a cell");
    }
}

#[test]
fn a_run_halves() {
    let learned = learn(&counts_of([(&vec![b'a'; 1 << 12][..], 1)]), &options(100));
    let halves: Vec<(u64, u64)> = (0..12).map(|k| ((4096 >> k) - 1, 4096 >> (k + 1))).collect();
    assert_eq!(learned.steps.iter().map(|step| (step.count, step.n_tokens)).collect::<Vec<_>>(), halves);
    assert_eq!(learned.stop, Stop::NoPairs);
}

#[test]
fn merges_by_hand() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/merges_by_hand.json"));
    let vector: Value = serde_json::from_str(text).unwrap();
    let rows = |key: &str| vector[key].as_array().unwrap().clone();
    let pieces = rows("pieces");
    let counts = counts_of(pieces.iter().map(|row| (row[0].as_str().unwrap().as_bytes(), row[1].as_u64().unwrap())));
    for (tie, key) in [(TieBreak::Hf, "steps_hf"), (TieBreak::RustBpe, "steps_rustbpe")] {
        let steps = rows(key);
        let options = TrainOptions { tie, ..options(steps.len()) };
        for learned in [learn(&counts, &options), naive::train(&counts, &options).unwrap()] {
            assert_eq!(learned.n_tokens_before, vector["n_tokens_before"].as_u64().unwrap());
            assert_eq!(as_rows(&learned), steps);
        }
    }
}

/// Steps as the vector writes them.
fn as_rows(learned: &Learned) -> Vec<Value> {
    let vocab = vocab_of(learned);
    let hex = |id| bytes_of(&vocab, id).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let row = |(rank, step): (usize, &Step)| {
        let (left, right) = (hex(step.merge.left), hex(step.merge.right));
        serde_json::json!({
            "rank": rank, "left": left, "right": right, "count": step.count, "n_tokens": step.n_tokens
        })
    };
    learned.steps.iter().enumerate().map(row).collect()
}

#[test]
fn ends() {
    let counts = counts_of([(&b"abab"[..], 3), (b"ab", 1), (b"x", 9)]);
    let rare = |min_frequency| learn(&counts, &TrainOptions { min_frequency, ..options(9) }).stop;
    assert_eq!(learn(&counts, &options(0)).stop, Stop::Full);
    assert_eq!(learn(&counts, &options(1)).stop, Stop::Full);
    assert_eq!(learn(&counts, &options(9)).stop, Stop::NoPairs);
    assert_eq!(rare(8), Stop::TooRare(7));
    assert_eq!(rare(4), Stop::TooRare(3));
    assert_eq!(learn(&PieceCounts::new(), &options(9)).stop, Stop::NoPairs);
}

#[test]
fn wrong_arguments_say_both_numbers() {
    let good = options(1);
    let rows = [
        (
            TrainOptions { n_ids: 255, ..good.clone() },
            "n_ids must be at least 256 (one id per base symbol of unit byte), got 255",
        ),
        (
            TrainOptions { unit: Unit::from_name("syllable").unwrap(), ..good.clone() },
            "n_ids must be at least 2606 (one id per base symbol of unit syllable), got 257",
        ),
        (
            TrainOptions { unit: Unit::from_name("syllable:seen=2").unwrap(), ..good.clone() },
            "unit syllable:seen=2 has to see the counts first",
        ),
        (TrainOptions { n_ids: 2_097_153, ..good.clone() }, "n_ids must be at most 2097152, got 2097153"),
        (TrainOptions { min_frequency: 0, ..good.clone() }, "min_frequency must be at least 1, got 0"),
    ];
    for (options, message) in rows {
        let errors = [
            train(&PieceCounts::new(), &options, &mut |_| true).unwrap_err(),
            naive::train(&PieceCounts::new(), &options).unwrap_err(),
        ];
        for e in errors {
            assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Argument, message));
        }
    }
}

#[test]
fn weights_may_fill_64_bits_and_no_more() {
    let half = u64::MAX / 2;
    let mut full = counts_of([(&b"ab"[..], half)]);
    assert_eq!(learn(&full, &options(1)).steps[0].count, half);
    // Counts hold no more bytes than 64 bits can count, so no unit whose symbols are bytes can have more symbols.
    assert!(full.add(b"cd", 1).is_err());
}

#[test]
fn the_watch_ends_it() {
    let piece = letters(1 << 20, 26);
    let counts = counts_of([(&piece[..], 1)]);
    for last in [1, 2, 20, 50] {
        let mut n_asked = 0;
        let e = train(&counts, &options(1000), &mut |progress| {
            assert_eq!(progress.n_ids_wanted, 1256);
            n_asked += 1;
            n_asked < last
        });
        assert_eq!(e.unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(n_asked, last);
    }
}

proptest! {
    #[test]
    fn a_table_is_a_map(keys in prop::collection::vec((0..60u32, 0..60u32), 0..3000), salt: u64) {
        let (mut table, mut map) = (pairs::Table::new(salt), HashMap::new());
        for (left, right) in keys {
            table.entry(pairs::key(left, right)).count += 1;
            *map.entry(Pair::new(TokenId(left), TokenId(right)).key()).or_insert(0u64) += 1;
        }
        prop_assert_eq!(table.len(), map.len());
        prop_assert!(map.iter().all(|(key, n)| table.get(*key).is_some_and(|entry| entry.count == *n)));
        prop_assert!(table.iter().all(|entry| map.contains_key(&entry.key)));
        prop_assert!(table.get(pairs::key(60, 0)).is_none());
        table.clear();
        prop_assert!(table.iter().next().is_none() && map.keys().all(|key| table.get(*key).is_none()));
    }
}
