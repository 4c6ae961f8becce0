use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// The obvious twin.
type Model = BTreeMap<Vec<u8>, u64>;

fn counts_of<'a>(pieces: impl IntoIterator<Item = (&'a [u8], u64)>) -> PieceCounts {
    let mut counts = PieceCounts::new();
    for (piece, weight) in pieces {
        counts.add(piece, weight).unwrap();
    }
    counts
}

fn model_of(counts: &PieceCounts) -> Model {
    let model: Model = counts.iter().map(|(p, w)| (p.to_vec(), w)).collect();
    assert_eq!(model.len(), counts.len(), "a piece comes twice");
    model
}

fn written(counts: &PieceCounts) -> Vec<u8> {
    let mut out = Vec::new();
    counts.write_to(&mut out).unwrap();
    out
}

fn read(bytes: &[u8]) -> Result<PieceCounts> {
    PieceCounts::read_from(&mut &bytes[..])
}

/// Pieces that often share prefixes, end in NULs, or differ behind the 8th, 16th or 256th byte.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let small = vec(prop_oneof![Just(0u8), Just(b'a'), any::<u8>()], 1..6);
    (prop_oneof![Just(0usize), 6usize..20, 250usize..262], small).prop_map(|(n, tail)| {
        let mut piece = vec![b'x'; n];
        piece.extend(tail);
        piece
    })
}

fn weight() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 1u64..4, 1 => (1u64 << 32) - 2..(1 << 32) + 2, 1 => 1u64..1 << 48]
}

fn adds() -> impl Strategy<Value = Vec<(Vec<u8>, u64)>> {
    vec((piece(), weight()), 0..60)
}

proptest! {
    #[test]
    fn table_is_a_map(adds in adds()) {
        let mut model = Model::new();
        for (piece, weight) in &adds {
            *model.entry(piece.clone()).or_default() += weight;
        }
        let counts = counts_of(adds.iter().map(|(p, w)| (&p[..], *w)));
        prop_assert_eq!(model_of(&counts), model.clone());
        prop_assert_eq!(counts.len(), model.len());
        prop_assert_eq!(counts.total_weight(), model.values().sum::<u64>());
        prop_assert_eq!(counts.total_bytes(), model.iter().map(|(p, w)| p.len() as u64 * w).sum::<u64>());
        let sorted: Vec<_> = model.iter().map(|(p, &w)| (&p[..], w)).collect();
        prop_assert_eq!(counts.sorted(), sorted);
    }

    #[test]
    fn absorb_and_sum_add(a in adds(), b in adds()) {
        let a = counts_of(a.iter().map(|(p, w)| (&p[..], *w)));
        let b = counts_of(b.iter().map(|(p, w)| (&p[..], *w)));
        let mut ab = a.clone();
        ab.absorb(&b).unwrap();
        let mut ba = b.clone();
        ba.absorb(&a).unwrap();
        let mut model = model_of(&a);
        for (piece, weight) in model_of(&b) {
            *model.entry(piece).or_default() += weight;
        }
        prop_assert_eq!(model_of(&ab), model);
        prop_assert_eq!(ab.sorted(), ba.sorted());
        let merged = PieceCounts::sum(vec![a, b.clone(), b.clone()], 3).unwrap();
        ab.absorb(&b).unwrap();
        prop_assert_eq!(merged.sorted(), ab.sorted());
        prop_assert_eq!(merged.total_bytes(), ab.total_bytes());
    }

    #[test]
    fn spans_are_adds(pieces in vec(piece(), 0..100)) {
        let text = pieces.concat();
        let ends: Vec<usize> = pieces.iter().scan(0, |at, p| { *at += p.len(); Some(*at) }).collect();
        let mut counts = PieceCounts::new();
        counts.add_spans(&text, 0, &ends).unwrap();
        let twin = counts_of(pieces.iter().map(|p| (&p[..], 1)));
        prop_assert_eq!(counts.sorted(), twin.sorted());
        prop_assert_eq!(counts.total_bytes(), text.len() as u64);
    }

    #[test]
    fn file_gives_back_what_was_written(adds in adds(), meta: BTreeMap<String, String>) {
        let mut counts = counts_of(adds.iter().map(|(p, w)| (&p[..], *w)));
        for (key, value) in &meta {
            counts.set_meta(key, value);
        }
        let bytes = written(&counts);
        let back = read(&bytes).unwrap();
        prop_assert_eq!(back.sorted(), counts.sorted());
        prop_assert_eq!(back.meta(), &meta);
        let mut shuffled = counts_of(adds.iter().rev().map(|(p, w)| (&p[..], *w)));
        shuffled.meta = meta;
        prop_assert_eq!(written(&shuffled), bytes);
    }

    #[test]
    fn text_gives_back_what_was_written(adds in adds()) {
        let counts = counts_of(adds.iter().map(|(p, w)| (&p[..], *w)));
        prop_assume!(!counts.is_empty());
        let mut out = Vec::new();
        counts.write_tsv(&mut out).unwrap();
        prop_assert!(std::str::from_utf8(&out).is_ok());
        let back = read(&out).unwrap();
        prop_assert_eq!(back.sorted(), counts.sorted());
    }

    #[test]
    fn garbage_is_an_error_or_text(bytes: Vec<u8>) {
        drop(read(&bytes));
        drop(read(&[&file::MAGIC[..], &[1, 0, 0, 0], &bytes].concat()));
    }
}

/// Enough pieces for tags of 32 bits to collide (a dozen pairs) and for the table to grow many times.
#[test]
fn many_pieces_with_colliding_hashes() {
    let mut counts = PieceCounts::new();
    let mut state = 1u64;
    let mut model = std::collections::HashMap::new();
    for i in 0..400_000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let piece = (state >> 20) % 300_000;
        let text = format!("{piece}{}", if piece.is_multiple_of(7) { "-and-a-long-tail" } else { "" });
        counts.add(text.as_bytes(), i).unwrap();
        if i > 0 {
            *model.entry(text.into_bytes()).or_insert(0) += i;
        }
    }
    assert_eq!(counts.len(), model.len());
    assert!(counts.iter().all(|(p, w)| model.get(p) == Some(&w)));
    assert!(counts.iter_sorted().is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn large_pieces_lie_among_small_ones() {
    let large: Vec<Vec<u8>> = [1 << 18, (1 << 20) - 8, 3 << 20].iter().map(|&n| vec![b'z'; n]).collect();
    let mut counts = PieceCounts::new();
    for round in 0..2 {
        for i in 0..30_000u32 {
            counts.add(format!("a piece with the number {i}").as_bytes(), 1).unwrap();
            if i % 10_000 == 7 {
                counts.add(&large[i as usize / 10_000], 1 << 33).unwrap();
            }
        }
        assert_eq!(counts.len(), 30_003, "round {round}");
    }
    let sorted = counts.sorted();
    assert_eq!(sorted[30_002], (&large[2][..], 1 << 34));
    assert_eq!(sorted[30_000], (&large[0][..], 1 << 34));
    assert_eq!(read(&written(&counts)).unwrap().sorted(), sorted);
}

#[test]
fn sums_beyond_64_bits_are_errors_and_change_nothing() {
    let mut counts = counts_of([(&b"a"[..], u64::MAX - 1)]);
    for (piece, weight) in [(&b"a"[..], 2), (b"b", 2), (b"long", 1)] {
        let e = counts.add(piece, weight).unwrap_err();
        assert!(e.to_string().contains("18446744073709551615"), "{e}");
    }
    assert!(counts.add(b"ab", u64::MAX / 2 + 1).is_err());
    assert!(counts.absorb(&counts.clone()).is_err());
    assert!(counts.add_spans(b"abc", 0, &[1, 2, 3]).is_err());
    assert_eq!(counts.sorted(), [(&b"a"[..], u64::MAX - 1)]);
    counts.add(b"a", 1).unwrap();
    assert_eq!(counts.sorted(), [(&b"a"[..], u64::MAX)]);
    assert_eq!(read(&written(&counts)).unwrap().total_weight(), u64::MAX);
}

#[test]
fn wrong_adds() {
    let mut counts = PieceCounts::new();
    assert_eq!(counts.add(b"", 1).unwrap_err().to_string(), "a piece has 1 to 4294967295 bytes, got 0");
    counts.add(b"a", 0).unwrap();
    for ends in [&[0][..], &[2, 2], &[3, 1], &[4]] {
        assert!(counts.add_spans(b"abc", 0, ends).is_err(), "{ends:?}");
    }
    assert!(counts.is_empty() && counts.sorted().is_empty());
}

#[test]
fn meta_of_sums() {
    let with = |pairs: &[(&str, &str)]| {
        let mut counts = PieceCounts::new();
        pairs.iter().for_each(|(k, v)| counts.set_meta(*k, *v));
        counts
    };
    let mut a = with(&[("pattern", "o200k"), ("source", "b.txt"), ("documents", "line")]);
    a.absorb(&with(&[("source", "a.txt"), ("documents", "line"), ("sample", "all")])).unwrap();
    a.absorb(&with(&[("pattern", "o200k"), ("source", "a.txt\nc.txt")])).unwrap();
    let meta: Vec<_> = a.meta().iter().map(|(k, v)| (&k[..], &v[..])).collect();
    assert_eq!(
        meta,
        [("documents", "line"), ("pattern", "o200k"), ("sample", "all"), ("source", "a.txt\nb.txt\nc.txt")]
    );
    let e = a.absorb(&with(&[("pattern", "gpt2")])).unwrap_err();
    assert_eq!(e.to_string(), "counts of pattern o200k and of pattern gpt2 do not add up");
    assert!(PieceCounts::sum(vec![a, with(&[("pattern", "gpt2")])], 1).is_err());
}

fn example() -> PieceCounts {
    let mut counts = counts_of([
        (&b" the"[..], 300),
        (b" then", 2),
        (b"a", 1 << 40),
        ("한국".as_bytes(), 7),
        ("한글".as_bytes(), 1),
        (&[b'w'; 300], 1),
        (&[b'w'; 301], 1),
    ]);
    counts.set_meta(PATTERN, "o200k");
    counts
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = written(&example());
    for n in 0..bytes.len() {
        let e = read(&bytes[..n]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Format, "{n}: {e}");
    }
    read(&bytes).unwrap();
    let e = read(&[&bytes[..], b"x"].concat()).unwrap_err();
    assert!(e.to_string().contains("follows its checksum"), "{e}");
}

#[test]
fn every_flip_is_an_error() {
    let bytes = written(&example());
    for i in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut wrong = bytes.clone();
            wrong[i] ^= flip;
            let e = read(&wrong).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Format, "{i} ^ {flip}: {e}");
        }
    }
}

/// A file with these parts behind the magic and a right checksum.
fn signed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [&file::MAGIC[..], &parts.concat()].concat();
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

#[test]
fn wrong_files_with_a_right_checksum() {
    let header = br#"{"meta":{},"n_pieces":1,"total_weight":1}"#;
    let length = (header.len() as u32).to_le_bytes();
    let file = |body: &[u8]| signed(&[&[1, 0, 0, 0], &length, header, body]);
    assert_eq!(read(&file(b"\x01\0\x01\0\x01a\x01\0")).unwrap().sorted(), [(&b"a"[..], 1)]);
    let rows: [(&str, Vec<u8>, &str); 16] = [
        ("newer version", signed(&[&[2, 0, 0, 0]]), "has version 2, this program reads version 1"),
        ("superwords", file(b"\x02\0\x01\0\x01a\x01\0"), "section of kind 2"),
        ("unknown flag", file(b"\x01\x02\x01\0\x01a\x01\0"), "flags 0x02"),
        ("third section", file(b"\x01\0\x01\0\x01a\x01\x03"), "section of kind 3"),
        ("superwords twice", file(b"\x01\0\x01\0\x01a\x01\x02\0\0\x02\0\0\0"), "section of kind 2"),
        ("superwords with flags", file(b"\x01\0\x01\0\x01a\x01\x02\x01\0\0"), "flags 0x01"),
        ("superwords untold", file(b"\x01\0\x01\0\x01a\x01\x02\0\0\0"), "tells of no superpieces, it has some"),
        ("no header", signed(&[&[1, 0, 0, 0], &[0; 4]]), "not JSON"),
        ("huge header", signed(&[&[1, 0, 0, 0], &[0xff; 4], b"{}"]), "ends early"),
        ("meta of numbers", signed(&[&[1, 0, 0, 0], &[14, 0, 0, 0], br#"{"meta":{"a":1"#, b"}}"]), "not JSON"),
        ("huge n", file(b"\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\x01a\x01\0"), "ends early"),
        ("huge length", file(b"\x01\0\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\x7fa\x01\0"), "ends early"),
        ("overlong number", file(b"\x01\0\x81\0\0\x01a\x01\0"), "too many digits"),
        ("shares too much", file(b"\x01\0\x01\x01\x01a\x01\0"), "shares more"),
        ("out of order", file(b"\x01\0\x02\0\x01b\x01\0\x01a\x01\0"), "out of order"),
        (
            "other total",
            file(b"\x01\0\x01\0\x01a\x02\0"),
            "header tells of 1 pieces of weight 1, it holds 1 of weight 2",
        ),
    ];
    for (name, bytes, part) in rows {
        let e = read(&bytes).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Format, "{name}");
        assert!(e.to_string().contains(part) && e.next_step().is_some(), "{name}: {e}");
    }
}

#[test]
fn text_files_as_others_write_them() {
    let text = b"a\t1\n\n b\xff\t2\r\na\t4\nx\ty\t3\n\\x41\\t\\\\\t5";
    let counts = read(text).unwrap();
    assert_eq!(counts.sorted(), [(&b" b\xff"[..], 2), (b"A\t\\", 5), (b"a", 5), (b"x\ty", 3)]);
    assert!(counts.meta().is_empty());
}

#[test]
fn wrong_text_files() {
    for (line, part) in [
        ("abc", "no TAB"),
        ("abc 12", "no TAB"),
        ("a\t0", "whole number"),
        ("a\t-1", "whole number"),
        ("a\t+1", "whole number"),
        ("a\t1.5", "whole number"),
        ("a\t", "whole number"),
        ("a\t18446744073709551616", "whole number"),
        ("\t3", "1 to 4294967295 bytes"),
        ("a\\q\t3", "unknown escape"),
        ("z\t18446744073709551615", "add up"),
    ] {
        let e = read(format!("fine\t1\n\n{line}\n").as_bytes()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Format, "{line}");
        assert!(e.to_string().starts_with("line 3 of the counts, \""), "{e}");
        assert!(e.to_string().contains(part) && e.next_step().is_some(), "{line}: {e}");
    }
    assert!(read(b"").unwrap_err().to_string().contains("empty"));
}

#[test]
fn order_does_not_recurse_on_common_prefixes() {
    let long = vec![b'a'; 3 << 20];
    let counts = counts_of([(&long[..], 1), (&long[1..], 1), (&long[2..], 1)]);
    let lengths: Vec<_> = counts.iter_sorted().map(|(p, _)| p.len()).collect();
    assert_eq!(lengths, [(3 << 20) - 2, (3 << 20) - 1, 3 << 20]);
}

/// Marks of every kind for a piece: none, one, all.
fn marks_of(piece: &[u8], seed: u64) -> Vec<u32> {
    (1..piece.len() as u32).filter(|at| seed >> (at % 64) & 1 == 1).collect()
}

fn marked_adds() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u32>, u64)>> {
    let seed = prop_oneof![2 => Just(0u64), 1 => Just(2), 1 => any::<u64>()];
    vec((piece(), seed, weight()).prop_map(|(p, s, w)| (p.clone(), marks_of(&p, s), w)), 0..60)
}

fn marked_counts(adds: &[(Vec<u8>, Vec<u32>, u64)]) -> PieceCounts {
    let mut counts = PieceCounts::new();
    adds.iter().for_each(|(piece, marks, weight)| counts.add_marked(piece, marks, *weight).unwrap());
    counts
}

type MarkedModel = BTreeMap<(Vec<u8>, Vec<u32>), u64>;

fn marked_model(adds: &[(Vec<u8>, Vec<u32>, u64)]) -> MarkedModel {
    let mut model = MarkedModel::new();
    adds.iter().for_each(|(piece, marks, weight)| *model.entry((piece.clone(), marks.clone())).or_default() += weight);
    model
}

/// Piece, marks, weight.
type Listed = ((Vec<u8>, Vec<u32>), u64);

fn listed(counts: &PieceCounts) -> Vec<Listed> {
    let records = counts.records_sorted();
    records.map(|r| ((r.piece.to_vec(), r.marks.iter().map(|m| m as u32).collect()), r.weight)).collect()
}

proptest! {
    /// Records are a map from (piece, marks), in canonical order, and add up like one.
    #[test]
    fn marked_records_are_a_map(a in marked_adds(), b in marked_adds()) {
        let (mut sum, more) = (marked_counts(&a), marked_counts(&b));
        prop_assert_eq!(listed(&sum), marked_model(&a).into_iter().collect::<Vec<_>>());
        let merged = PieceCounts::sum(vec![sum.clone(), more.clone()], 2).unwrap();
        sum.absorb(&more).unwrap();
        let all = marked_model(&[&a[..], &b].concat());
        prop_assert_eq!(sum.len(), all.len());
        prop_assert_eq!(sum.total_bytes(), all.iter().map(|((p, _), w)| p.len() as u64 * w).sum::<u64>());
        prop_assert_eq!(listed(&sum), all.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(listed(&merged), listed(&sum));
    }

    #[test]
    fn files_and_text_give_marks_back(adds in marked_adds()) {
        let counts = marked_counts(&adds);
        prop_assume!(!counts.is_empty());
        let bytes = written(&counts);
        prop_assert_eq!(listed(&read(&bytes).unwrap()), listed(&counts));
        prop_assert_eq!(written(&marked_counts(&adds.iter().rev().cloned().collect::<Vec<_>>())), bytes);
        let mut text = Vec::new();
        counts.write_tsv(&mut text).unwrap();
        prop_assert!(std::str::from_utf8(&text).is_ok());
        prop_assert_eq!(listed(&read(&text).unwrap()), listed(&counts));
    }
}

/// By hand: flag 1, and behind each weight the number of marks and their distances.
#[test]
fn a_file_with_marks_byte_by_byte() {
    let mut counts = counts_of([(&b"abc"[..], 3)]);
    counts.add_marked(b"abc", &[1, 2], 1).unwrap();
    counts.add_marked(b"abc", &[2], 2).unwrap();
    let bytes = written(&counts);
    let header = br#"{"meta":{},"n_pieces":3,"total_weight":6}"#;
    let body = b"\x01\x01\x03\0\x03abc\x03\0\x03\0\x01\x02\x01\x01\x03\0\x02\x01\x02\0";
    assert_eq!(bytes, signed(&[&[1, 0, 0, 0], &(header.len() as u32).to_le_bytes(), header, body]));
    let mut text = Vec::new();
    counts.write_tsv(&mut text).unwrap();
    assert_eq!(text, b"abc\t3\na\\|b\\|c\t1\nab\\|c\t2\n");
    for n in 0..bytes.len() {
        assert_eq!(read(&bytes[..n]).unwrap_err().kind(), ErrorKind::Format, "{n}");
    }
}

#[test]
fn wrong_marks() {
    let mut counts = PieceCounts::new();
    for marks in [&[0][..], &[3], &[2, 1], &[1, 1], &[9]] {
        let e = counts.add_marked(b"abc", marks, 1).unwrap_err();
        assert!(e.to_string().contains("not inside a piece of 3 bytes"), "{e}");
    }
    assert!(counts.is_empty());
    let header = br#"{"meta":{},"n_pieces":1,"total_weight":1}"#;
    let length = (header.len() as u32).to_le_bytes();
    let rows: [(&[u8], &str); 5] = [
        (b"\x01\x01\x01\0\x02ab\x01\0\0", "should have cut marks and none has"),
        (b"\x01\x01\x01\0\x02ab\x01\x01\x02\0", "not inside a piece"),
        (b"\x01\x01\x01\0\x02ab\x01\x01\0\0", "not inside a piece"),
        (b"\x01\x01\x02\0\x02ab\x01\x01\x01\x02\0\x01\x01\x01\0", "out of order"),
        (b"\x01\x01\x01\0\x02ab\x01\x01\xff\xff\xff\xff\xff\x01\0", "passes the longest piece"),
    ];
    for (body, part) in rows {
        let e = read(&signed(&[&[1, 0, 0, 0], &length, header, body])).unwrap_err();
        assert!(e.to_string().contains(part) && e.kind() == ErrorKind::Format, "{e}");
    }
    for line in ["\\|ab\t1", "ab\\|\t1", "a\\|\\|b\t1"] {
        assert!(read(line.as_bytes()).unwrap_err().to_string().contains("cut mark"), "{line}");
    }
    // A backslash that stands for itself, before a bar that does too.
    assert_eq!(listed(&read(b"a\\\\|b\t1").unwrap()), [((b"a\\|b".to_vec(), vec![]), 1)]);
}
