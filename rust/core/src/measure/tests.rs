//! Known answers, worked out by hand. The slow twin of the whole counter is Python's (tests/metrics_twin.py).

use super::columns::COLUMNS;
use super::*;

/// Counts one document with the given token ends, ids 0, 1, 2 ...
fn count(text: &[u8], ends: &[u64], kinds: Vec<Kind>, is_jamo: bool) -> Measure {
    let ids: Vec<u32> = (0..ends.len() as u32).collect();
    let mut measure = Measure::new(ends.len().max(1), kinds, is_jamo, None).unwrap();
    let tokens = Tokens { ids: &ids, ends, offsets: &[0, ends.len() as u64] };
    measure.add(&[text], tokens, 1).unwrap();
    measure
}

fn value(measure: &Measure, name: &str) -> u64 {
    measure.rows()[COLUMNS.iter().position(|c| c == name).unwrap()]
}

/// Every named count, and nothing else out of `among`, is what it should be.
fn check(measure: &Measure, want: &[(&str, u64)]) {
    for (name, n) in want {
        assert_eq!(value(measure, name), *n, "{name}");
    }
}

/// "나는 한국인 abc.": 나 0..3, 는 3..6, space 6, 한 7..10, 국 10..13, 인 13..16, space 16, abc 17..20, . 20.
/// Tokens: [나는] [ 한] [국|first two bytes] [국's last byte + 인] [ abc] [.]
#[test]
fn bytes_by_hand() {
    let measure = count("나는 한국인 abc.".as_bytes(), &[6, 10, 12, 16, 20, 21], Vec::new(), false);
    let want = [
        ("bytes", 21),
        ("chars", 11),
        ("syllables", 5),
        ("eojeol", 3),
        ("tokens", 6),
        // [나는] fills its eojeol; [ 한] is one character; two tokens cut 국; [ abc] is part of the eojeol "abc."; [.] is other.
        ("emitted_whole_word", 1),
        ("emitted_one_char", 1),
        ("emitted_fragment", 2),
        ("emitted_part_word", 1),
        ("emitted_other", 1),
        ("emitted_several_words", 0),
        ("emitted_jamo_fragment", 0),
        ("broken_chars", 1),
        ("broken_syllables", 1),
        // Only [국's first two bytes] lies inside a character.
        ("fallback_chars", 1),
        ("fallback_syllables", 1),
        ("fallback_eojeol", 1),
        // 나는 is one token, the others are two or more.
        ("eojeol_one_token", 1),
        ("eojeol_cut", 2),
        ("tokens_base", 0),
        ("tokens_outside", 0),
        ("chars_hangul", 5),
        ("bytes_hangul", 15),
        ("tokens_hangul", 4),
        ("broken_hangul", 1),
        ("fallback_hangul", 1),
        ("chars_latin", 3),
        ("tokens_latin", 1),
        ("chars_punctuation", 1),
        ("tokens_punctuation", 1),
        ("chars_other", 2),
        ("bytes_other", 2),
        ("tokens_other", 0),
    ];
    check(&measure, &want);
}

/// 한 as ㅎ|ㅏ|ㄴ, 국 as 구|ㄱ, 가 as ㄱ|ㅏ (the vowel owns two bytes): ends 1, 2, 3, 5, 6, 7, 9. 漢 in bytes: 10, 12.
#[test]
fn jamo_by_hand() {
    let text = "한국가漢".as_bytes();
    let measure = count(text, &[1, 2, 3, 5, 6, 7, 9, 10, 12], Vec::new(), true);
    let want = [
        ("tokens", 9),
        ("emitted_jamo_fragment", 7),
        ("emitted_fragment", 2),
        ("broken_syllables", 3),
        ("broken_chars", 4),
        ("fallback_syllables", 3),
        ("fallback_hanja", 1),
        ("eojeol_cut", 1),
        // Kinds unknown: a token of one byte of a cut character, where that is no syllable of a jamo unit.
        ("tokens_base", 1),
        ("base_hanja", 1),
    ];
    check(&measure, &want);
    // The same ends by a byte tokenizer are fragments of code points.
    let measure = count(text, &[1, 2, 3, 5, 6, 7, 9, 10, 12], Vec::new(), false);
    check(&measure, &[("emitted_jamo_fragment", 0), ("emitted_fragment", 9), ("tokens_base", 6)]);
}

/// A superword [ 할 수] [ 있다], and white space: " 할 수 있다\n\n" with [ 할 수] [ 있다] [\n\n]; and the space alone.
#[test]
fn words_by_hand() {
    let text = " 할 수 있다\n\n".as_bytes();
    let measure = count(text, &[8, 15, 17], Vec::new(), false);
    let want = [
        ("eojeol", 3),
        ("eojeol_one_token", 3),
        ("emitted_several_words", 1),
        ("emitted_whole_word", 1),
        ("emitted_other", 1),
        ("tokens_outside", 1),
    ];
    check(&measure, &want);
    // [ ][할][ 수][ ][있다][\n\n]: the space alone belongs to the eojeol behind it, which then is two tokens.
    let measure = count(text, &[1, 4, 8, 9, 15, 17], Vec::new(), false);
    let want = [
        ("eojeol_one_token", 1),
        ("eojeol_cut", 2),
        ("tokens_outside", 1),
        ("emitted_one_char", 2),
        ("emitted_whole_word", 1),
        ("emitted_other", 3),
    ];
    check(&measure, &want);
}

/// 학 교 in NFD: ㅎㅏㄱ is bytes 0..9, ㄱㅛ 9..15. Tokens [ㅎㅏ][ㄱ][ㄱㅛ]: the first syllable is cut, the second is not;
/// no code point is.
#[test]
fn conjoining_by_hand() {
    let measure = count("\u{1112}\u{1161}\u{11A8}\u{1100}\u{116D}".as_bytes(), &[6, 9, 15], Vec::new(), false);
    let want = [
        ("syllables", 0),
        ("conjoining", 2),
        ("broken_conjoining", 1),
        ("broken_chars", 0),
        ("chars_hangul", 5),
        ("emitted_part_word", 2),
        ("emitted_one_char", 1),
    ];
    check(&measure, &want);
    // Onsets alone and codas alone are no syllables; two onsets and a vowel are one.
    let measure = count("\u{1100}\u{11A8} \u{1100}\u{1100}\u{119E}".as_bytes(), &[16], Vec::new(), false);
    check(&measure, &[("conjoining", 1), ("broken_conjoining", 0)]);
}

/// Bytes that are no UTF-8 are characters of their own that nothing can cut, written by the safety net.
#[test]
fn bad_bytes_by_hand() {
    let measure =
        count(b"a\xFF\xEA\xB0 b", &[1, 2, 4, 6], vec![Kind::OneChar, Kind::Byte, Kind::Fragment, Kind::OneChar], false);
    let want = [
        ("chars", 6),
        ("broken_chars", 0),
        ("fallback_chars", 3),
        ("emitted_fragment", 2),
        ("tokens_base", 1),
        ("base_other", 1),
        ("eojeol", 2),
        ("fallback_eojeol", 1),
        ("chars_other", 4),
    ];
    check(&measure, &want);
}

/// Empty tokens are tokens of nothing: before, between and after.
#[test]
fn empty_tokens() {
    let measure = count("가나".as_bytes(), &[0, 3, 3, 6, 6], Vec::new(), false);
    check(&measure, &[("tokens", 5), ("emitted_empty", 3), ("emitted_one_char", 2), ("tokens_outside", 3)]);
    let measure = count(b"", &[0], Vec::new(), false);
    check(&measure, &[("tokens", 1), ("emitted_empty", 1), ("eojeol", 0)]);
    check(&count(b"", &[], Vec::new(), false), &[("tokens", 0)]);
}

/// Training: 나 three times, 너 twice, 그 once; all are among the first thousand. 우리 was never seen.
#[test]
fn bands_by_hand() {
    let bands = Arc::new(WordBands::from_documents(&["나 너 나 그".as_bytes(), "나 너".as_bytes()]));
    let (text, ends) = ("나 우리".as_bytes(), [3, 5, 7, 10]);
    let mut measure = Measure::new(4, Vec::new(), false, Some(bands)).unwrap();
    measure.add(&[text], Tokens { ids: &[0, 1, 2, 3], ends: &ends, offsets: &[0, 4] }, 1).unwrap();
    let want = [
        ("eojeol_top1k", 1),
        ("tokens_top1k", 1),
        ("one_token_top1k", 1),
        ("syllables_top1k", 1),
        ("eojeol_unseen", 1),
        ("tokens_unseen", 3),
        ("one_token_unseen", 0),
        ("syllables_unseen", 2),
        ("broken_syllables_unseen", 1),
        ("fallback_unseen", 1),
        ("eojeol_rarer", 0),
    ];
    check(&measure, &want);
}

#[test]
fn ranks_become_bands() {
    let words: Vec<String> = (0..100_002).map(|i| format!("w{i:06}")).collect();
    let bands = WordBands::from_documents(&[words.join(" ").as_bytes()]);
    let rows = [(0, 0), (999, 0), (1_000, 1), (9_999, 1), (10_000, 2), (99_999, 2), (100_000, 3), (100_001, 3)];
    for (rank, band) in rows {
        assert_eq!(bands.band(words[rank].as_bytes()), band, "{rank}");
    }
    assert_eq!((bands.band(b"none"), bands.n_types()), (4, 100_002));
}

/// Word types by first occurrence, with and without a space: 나 occurs three times, twice as one token.
#[test]
fn types_by_hand() {
    let measure = count("나 나 너 나".as_bytes(), &[3, 7, 8, 11, 12, 15], Vec::new(), false);
    let words: Vec<_> = measure.words().collect();
    assert_eq!(words, [("나".as_bytes(), 3, 2), ("너".as_bytes(), 1, 0)]);
}

/// 3,000 tokens of one byte over two documents: windows of 1,024 bytes, the third not full.
#[test]
fn windows_by_hand() {
    let (first, second) = ("a ".repeat(1000), "b".repeat(1000));
    let ends: Vec<u64> = (1..=2000).chain(1..=1000).collect();
    let ids = vec![0; 3000];
    for n_threads in [1, 2] {
        let mut measure = Measure::new(1, Vec::new(), false, None).unwrap();
        let tokens = Tokens { ids: &ids, ends: &ends, offsets: &[0, 2000, 3000] };
        measure.add(&[first.as_bytes(), second.as_bytes()], tokens, n_threads).unwrap();
        // The second window: 976 tokens of the first document (488 eojeol) and 48 of the second (its only eojeol).
        assert_eq!(measure.windows(), [[1024, 0, 512], [1024, 0, 489]]);
    }
}

#[test]
fn kinds_by_hand() {
    let rows: &[(&[u8], Kind)] = &[
        (b"\xEA", Kind::Byte),
        (b"\xEA\xB0", Kind::Fragment),
        ("가\u{AC00}".as_bytes(), Kind::PartWord),
        (b"\x80\xEA\xB0\x80", Kind::Fragment),
        (b" \xEA", Kind::Fragment),
        (b"a", Kind::OneChar),
        (" 가".as_bytes(), Kind::OneChar),
        (" 사과".as_bytes(), Kind::WholeWord),
        ("사과".as_bytes(), Kind::PartWord),
        ("\n사과".as_bytes(), Kind::PartWord),
        ("할 수".as_bytes(), Kind::SeveralWords),
        (" 할 수".as_bytes(), Kind::SeveralWords),
        (b"   ", Kind::Other),
        (b".\n\n", Kind::Other),
        ("😀".as_bytes(), Kind::Other),
        (b"", Kind::Other),
        ("ㅋㅋ".as_bytes(), Kind::PartWord),
        ("(한국".as_bytes(), Kind::PartWord),
    ];
    for (bytes, want) in rows {
        assert_eq!(kind_of_bytes(bytes), *want, "{bytes:x?}");
    }
    assert!((0..10).all(|n| Kind::from_number(n).unwrap() as u8 == n));
    assert_eq!(Kind::from_number(10).unwrap_err().to_string(), "10 is no kind of token: they go from 0 to 9");
}

#[test]
fn anatomy_by_hand() {
    let ksx1001 = ['가', '각'].into_iter().collect();
    let tokens: &[(&[u8], Kind)] = &[
        ("가".as_bytes(), Kind::OneChar),
        ("뷁".as_bytes(), Kind::OneChar),
        (" 각".as_bytes(), Kind::OneChar),
        ("사과".as_bytes(), Kind::PartWord),
        (" 사과".as_bytes(), Kind::WholeWord),
        ("3월".as_bytes(), Kind::PartWord),
        ("  가".as_bytes(), Kind::OneChar),
        ("ㅋㅋ".as_bytes(), Kind::PartWord),
        ("漢".as_bytes(), Kind::OneChar),
        (" 漢".as_bytes(), Kind::OneChar),
        (b"\xEA", Kind::Byte),
        (b" \xEA\xB0", Kind::Fragment),
        (b"<|endoftext|>", Kind::Hole),
        ("\u{1100}".as_bytes(), Kind::Jamo),
        ("가\u{1100}".as_bytes(), Kind::JamoFragment),
        ("\u{FEFF}출장".as_bytes(), Kind::PartWord),
    ];
    let got = anatomy(tokens.iter().map(|&(bytes, kind)| (kind, bytes)), &ksx1001);
    let want = Anatomy {
        tokens: 15,
        with_hangul: 9,
        one_syllable: 2,
        space_syllable: 1,
        several_syllables: 3,
        hangul_mixed: 3,
        jamo_bearing: 1,
        code_point_fragments: 2,
        jamo_fragments: 2,
        atomic_syllables: 2,
        atomic_ksx1001: 1,
        atomic_ideographs: 1,
        kinds: [0, 1, 1, 1, 6, 4, 1, 0, 0, 1],
        // "3월" begins with a digit, the last token with a mark of byte order.
        scripts: [9, 2, 0, 1, 0, 0, 1],
    };
    assert_eq!(got, want);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut measure = Measure::new(2, Vec::new(), false, None).unwrap();
    let mut add = |documents: &[&[u8]], ids: &[u32], ends: &[u64], offsets: &[u64]| {
        measure.add(documents, Tokens { ids, ends, offsets }, 1).unwrap_err().to_string()
    };
    let rows = [
        (add(&[b"ab"], &[0], &[2], &[0]), "1 documents need 2 offsets from 0 to 1"),
        (add(&[b"ab"], &[0], &[1], &[0, 1]), "the tokens of document 0 do not tile it: 2 bytes, last end 1"),
        (
            add(&[b"ab"], &[0, 1, 1], &[2, 1, 2], &[0, 3]),
            "the tokens of document 0 do not tile it: 2 bytes, last end 2",
        ),
        (
            add(&[b"", b"a", b""], &[0], &[1], &[0, 1, 0, 1]),
            "the tokens of document 0 do not tile it: 0 bytes, last end 1",
        ),
        (add(&[b"a"], &[2], &[1], &[0, 1]), "id 2 stands in the text, but there are 2 ids"),
        (add(&[b"a"], &[], &[1], &[0, 1]), "every token needs an id and an end, got 0 ids, 1 ends"),
    ];
    for (got, want) in rows {
        assert_eq!(got, want);
    }
    let e = Measure::new(2, vec![Kind::Hole], false, None).unwrap_err();
    assert_eq!(e.to_string(), "2 ids need 2 kinds or none, got 1");
}

/// A text of several kinds and random ends: what must always hold.
#[derive(Debug, Clone)]
struct Case {
    documents: Vec<Vec<u8>>,
    ends: Vec<u64>,
    offsets: Vec<u64>,
}

fn cases() -> impl proptest::strategy::Strategy<Value = Case> {
    use proptest::prelude::*;
    const FRAGMENTS: [&str; 15] = [
        "가",
        "힣나다",
        " ",
        "\n",
        "a",
        "Bc",
        "1",
        ".",
        "漢",
        "あ",
        "ㅋㅋ",
        "\u{1100}\u{1161}\u{11A8}",
        "😀",
        "\u{3000}",
        "é",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(&FRAGMENTS[..]).prop_map(|s| s.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..4),
    ];
    let document = proptest::collection::vec(piece, 0..12).prop_map(|p| p.concat());
    let seeds = proptest::collection::vec(any::<u64>(), 1..40);
    (proptest::collection::vec(document, 1..6), seeds).prop_map(|(documents, seeds)| {
        let (mut ends, mut offsets, mut steps) = (Vec::new(), vec![0], seeds.into_iter().chain([3]).cycle());
        for document in &documents {
            let mut at = 0;
            while at < document.len() as u64 {
                at = (at + steps.next().unwrap_or(1) % 6).min(document.len() as u64);
                ends.push(at);
            }
            offsets.push(ends.len() as u64);
        }
        Case { documents, ends, offsets }
    })
}

proptest::proptest! {
    /// Sums that must agree, and the same counts for any number of threads and calls.
    #[test]
    fn sums_agree(case in cases()) {
        let documents: Vec<&[u8]> = case.documents.iter().map(|d| &d[..]).collect();
        let ids: Vec<u32> = (0..case.ends.len() as u32).map(|i| i % 7).collect();
        let bands = Arc::new(WordBands::from_documents(&documents[..1]));
        let tokens = Tokens { ids: &ids, ends: &case.ends, offsets: &case.offsets };
        let mut whole = Measure::new(7, Vec::new(), false, Some(Arc::clone(&bands))).unwrap();
        whole.add(&documents, tokens, 1).unwrap();
        let total = whole.blocks(1);
        let sum = |names: &[String]| names.iter().map(|n| total[COLUMNS.iter().position(|c| c == n).unwrap()]).sum::<u64>();
        let of = |name: &str| sum(&[name.to_string()]);
        let scripts = |what: &str| sum(&crate::hangul::Script::ALL.map(|s| format!("{what}_{}", s.name())));
        let banded = |what: &str| sum(&BAND_NAMES.map(|b| format!("{what}_{b}")));
        let kinds = ["empty", "fragment", "jamo_fragment", "one_char", "part_word", "whole_word", "several_words", "other"];
        proptest::prop_assert_eq!(sum(&kinds.map(|k| format!("emitted_{k}"))), of("tokens"));
        for (what, name) in [("chars", "chars"), ("bytes", "bytes"), ("broken", "broken_chars"), ("fallback", "fallback_chars"), ("base", "tokens_base")] {
            proptest::prop_assert_eq!(scripts(what), of(name));
        }
        proptest::prop_assert_eq!(of("eojeol_one_token") + of("eojeol_cut"), of("eojeol"));
        for (what, name) in [("eojeol", "eojeol"), ("one_token", "eojeol_one_token"), ("syllables", "syllables"), ("broken_syllables", "broken_syllables"), ("fallback", "fallback_eojeol")] {
            proptest::prop_assert_eq!(banded(what), of(name));
        }
        proptest::prop_assert_eq!(banded("tokens") + of("tokens_outside"), of("tokens"));
        proptest::prop_assert_eq!(whole.group_counts().iter().sum::<u64>(), of("tokens"));
        proptest::prop_assert_eq!(whole.words().map(|w| w.1).sum::<u64>(), of("eojeol"));
        proptest::prop_assert_eq!(whole.words().map(|w| w.2).sum::<u64>(), of("eojeol_one_token"));

        let mut parts = Measure::new(7, Vec::new(), false, Some(bands)).unwrap();
        for i in 0..documents.len() {
            let range = case.offsets[i] as usize..case.offsets[i + 1] as usize;
            let tokens = Tokens { ids: &ids[range.clone()], ends: &case.ends[range.clone()], offsets: &[0, range.len() as u64] };
            parts.add(&documents[i..=i], tokens, 1).unwrap();
        }
        proptest::prop_assert_eq!(parts.rows(), whole.rows());
        proptest::prop_assert_eq!(parts.group_counts(), whole.group_counts());
        proptest::prop_assert_eq!(parts.words().collect::<Vec<_>>(), whole.words().collect::<Vec<_>>());
    }
}
