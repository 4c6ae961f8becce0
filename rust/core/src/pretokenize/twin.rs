//! Tests only: every scanner against its regex, on strings drawn from representatives of every class.

use super::{Kind, Named, Pattern, blocks, recognize, scan_with};
use crate::pretokenize::custom::Custom;
use crate::raw::Portable;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const PATTERNS: [Named; 4] = [Named::Gpt2, Named::Cl100k, Named::Llama3, Named::O200k];

/// Pieces of text that meet every branch of every pattern; drawn with equal weight.
const ATOMS: &[&[u8]] = &[
    b"a",
    b"b",
    b"s",
    b"t",
    b"d",
    b"m",
    b"l",
    b"v",
    b"r",
    b"e",
    b"A",
    b"B",
    b"S",
    b"T",
    b"L",
    b"V",
    b"R",
    b"E",
    b"ll",
    b"ve",
    b"LL",
    b"Re",
    b"'",
    b"'",
    b"'s",
    b"'S",
    b"'ll",
    b"'vE",
    b"/",
    b"//",
    b"!",
    b"\"",
    b"-",
    b"\x00",
    b"\x1C",
    b"\x7F",
    b" ",
    b" ",
    b" ",
    b"  ",
    b"\t",
    b"\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"\x0B",
    b"\x0C",
    b"0",
    b"1",
    b"23",
    b"456",
    b"7890",
    b"the",
    b"Word",
    b"WORD",
    b"fooBar",
    b"aaaaaaaaaaaaaaaa",
    b"                ",
    "ſ".as_bytes(),
    "K".as_bytes(),
    "é".as_bytes(),
    "É".as_bytes(),
    "ß".as_bytes(),
    "ǅ".as_bytes(),
    "ʰ".as_bytes(),
    "ª".as_bytes(),
    "я".as_bytes(),
    "Я".as_bytes(),
    "א".as_bytes(),
    "ك".as_bytes(),
    "ก".as_bytes(),
    "𝐀".as_bytes(),
    "𝐚".as_bytes(),
    "𠀀".as_bytes(),
    "\u{301}".as_bytes(),
    "\u{903}".as_bytes(),
    "\u{20DD}".as_bytes(),
    "가".as_bytes(),
    "힣".as_bytes(),
    "사과".as_bytes(),
    "ㅋ".as_bytes(),
    "ㅋㅋㅋ".as_bytes(),
    "ㄱ".as_bytes(),
    "ㄿ".as_bytes(),
    "ㅿ".as_bytes(),
    "ㆎ".as_bytes(),
    "\u{318F}".as_bytes(),
    "\u{3130}".as_bytes(),
    "ᄀ".as_bytes(),
    "ᅡ".as_bytes(),
    "\u{D7A4}".as_bytes(),
    "\u{D7B0}".as_bytes(),
    "\u{ABFF}".as_bytes(),
    "中".as_bytes(),
    "一".as_bytes(),
    "\u{9FFF}".as_bytes(),
    "\u{4DFF}".as_bytes(),
    "㐀".as_bytes(),
    "ぁ".as_bytes(),
    "\u{3040}".as_bytes(),
    "ん".as_bytes(),
    "\u{3099}".as_bytes(),
    "゛".as_bytes(),
    "カ".as_bytes(),
    "・".as_bytes(),
    "ー".as_bytes(),
    "、".as_bytes(),
    "。".as_bytes(),
    "々".as_bytes(),
    "〇".as_bytes(),
    "²".as_bytes(),
    "Ⅷ".as_bytes(),
    "٣".as_bytes(),
    "①".as_bytes(),
    "𝟗".as_bytes(),
    "\u{85}".as_bytes(),
    "\u{A0}".as_bytes(),
    "\u{3000}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{2009}".as_bytes(),
    "\u{1680}".as_bytes(),
    "\u{200B}".as_bytes(),
    "·".as_bytes(),
    "…".as_bytes(),
    "“".as_bytes(),
    "’".as_bytes(),
    "，".as_bytes(),
    "🍎".as_bytes(),
    "👩\u{200D}🚀".as_bytes(),
    "❤\u{FE0F}".as_bytes(),
    "\u{378}".as_bytes(),
    "\u{E000}".as_bytes(),
    "\u{10FFFF}".as_bytes(),
    "\u{FFFD}".as_bytes(),
    "\u{FEFF}".as_bytes(),
    b"\x80",
    b"\xBF",
    b"\xC0",
    b"\xC0\x80",
    b"\xC5",
    b"\xE3",
    b"\xE3\x81",
    b"\xEA",
    b"\xEB\x80",
    b"\xED\xA0",
    b"\xED\xA0\x80",
    b"\xF0\x9F\x8D",
    b"\xF4\x90\x80\x80",
    b"\xF5",
    b"\xFF",
];

/// Strings of up to `max` atoms.
fn texts(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(ATOMS), 0..=max).prop_map(|atoms| atoms.concat())
}

/// Strings whose atoms come from a few only, so that long runs and their ends are met.
fn narrow_texts(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(ATOMS), 1..=4).prop_flat_map(move |few| {
        prop::collection::vec(prop::sample::select(few), 0..=max).prop_map(|atoms| atoms.concat())
    })
}

pub(super) fn any_texts() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => texts(12), 2 => texts(80), 2 => narrow_texts(12), 2 => narrow_texts(100)]
}

fn pattern(named: Named) -> Pattern {
    Pattern(Kind::Named(named))
}

fn split(pattern: &Pattern, text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    pattern.split(text, &mut ends).unwrap();
    ends
}

/// Runs `test` on `BPE_LAB_CASES` texts, or on `cases` where that is not set. Fixed seed: a failure comes back.
fn check(cases: u32, test: impl Fn(Vec<u8>) -> Result<(), TestCaseError>) {
    let cases = std::env::var("BPE_LAB_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        prop::test_runner::TestRng::deterministic_rng(prop::test_runner::RngAlgorithm::ChaCha),
    );
    if let Err(e) = runner.run(&any_texts(), test) {
        panic!("{e}");
    }
}

fn agrees_with_its_regex(named: Named) {
    let (fast, twin) = (pattern(named), pattern(named).regex_twin().unwrap().unwrap());
    check(6_000, |text| {
        prop_assert_eq!(split(&fast, &text), split(&twin, &text));
        Ok(())
    });
}

#[test]
fn gpt2_agrees_with_its_regex() {
    agrees_with_its_regex(Named::Gpt2);
}

#[test]
fn cl100k_agrees_with_its_regex() {
    agrees_with_its_regex(Named::Cl100k);
}

#[test]
fn llama3_agrees_with_its_regex() {
    agrees_with_its_regex(Named::Llama3);
}

#[test]
fn o200k_agrees_with_its_regex() {
    agrees_with_its_regex(Named::O200k);
}

/// The block scanner without vector code.
fn portable_scan(named: Named) -> fn(&[u8], usize, usize, &mut Vec<usize>) -> usize {
    match named {
        Named::Gpt2 => blocks::scan::<Portable, blocks::Gpt2>,
        Named::Cl100k => blocks::scan::<Portable, blocks::Cl100k<false>>,
        Named::Llama3 => blocks::scan::<Portable, blocks::Cl100k<true>>,
        Named::O200k => blocks::scan::<Portable, blocks::O200k>,
        Named::None => unreachable!("pattern none has no blocks"),
    }
}

#[test]
fn blocks_agree_with_single_pieces() {
    check(20_000, |text| {
        for named in PATTERNS {
            let (mut pieces, mut portable) = (Vec::new(), Vec::new());
            named.scan_pieces(&text, 0, usize::MAX, &mut pieces);
            prop_assert_eq!(split(&pattern(named), &text), &pieces[..], "{:?}", named);
            portable_scan(named)(&text, 0, usize::MAX, &mut portable);
            prop_assert_eq!(portable, pieces, "{:?} without vectors", named);
        }
        Ok(())
    });
}

#[test]
fn limits_do_not_show() {
    check(3_000, |text| {
        for named in PATTERNS {
            let all = split(&pattern(named), &text);
            for limit in [1, 3, 7] {
                let (mut ends, mut start) = (Vec::new(), 0);
                while start < text.len() {
                    let before = ends.len();
                    let end = pattern(named).scan(&text, start, limit, &mut ends).unwrap();
                    prop_assert!(end > start && ends.last() == Some(&end));
                    prop_assert!(ends.len() - before <= limit);
                    start = end;
                }
                prop_assert_eq!(&ends, &all, "{:?} by {}", named, limit);
            }
        }
        Ok(())
    });
}

#[test]
fn texts_cut_at_a_safe_place_give_the_same_pieces() {
    check(20_000, |text| {
        // Thirds stand for what came before, the bytes at hand and what comes after.
        let (from, to) = (text.len() / 3, text.len() * 2 / 3);
        for named in PATTERNS {
            let pattern = pattern(named);
            let Some(cut) = pattern.last_safe_cut(&text[from..to]).map(|cut| from + cut) else { continue };
            let mut parts = split(&pattern, &text[..cut]);
            parts.extend(split(&pattern, &text[cut..]).iter().map(|end| cut + end));
            prop_assert_eq!(parts, split(&pattern, &text), "{:?} at {}", named, cut);
        }
        Ok(())
    });
}

#[test]
fn safe_cuts_are_found() {
    let pattern = pattern(Named::O200k);
    let rows: &[(&[u8], Option<usize>)] = &[
        (b"", None),
        (b"a", None),
        (b" ab", None),
        (b"a b c", Some(3)),
        (b"a  ", Some(1)),
        (b"ab\ncd", Some(3)),
        (b"ab\n", Some(2)),
        (b"!\n", None),
        (b"!\n/", None),
        (b"! \nab", Some(1)),
        (b"ab12cd", Some(4)),
        ("中文。\n中".as_bytes(), Some(10)),
        ("中文。\n".as_bytes(), None),
        (b"\x80 a", None),
        (b"!\n\xE4\xB8", None),
    ];
    for (text, want) in rows {
        assert_eq!(pattern.last_safe_cut(text), *want, "{text:x?}");
    }
    assert_eq!(Pattern::from_name("none").unwrap().last_safe_cut(b"a b"), None);
    assert_eq!(Pattern::from_regex("a+").unwrap().last_safe_cut(b"a b"), None);
}

#[test]
fn recognized_texts_cut_like_their_scanner() {
    let mut known: Vec<(&str, Named)> = recognize::KNOWN.to_vec();
    known.extend(PATTERNS.iter().map(|&named| (named.hf_regex().unwrap(), named)));
    for (regex, named) in known {
        assert_eq!(Pattern::recognize(regex).unwrap().name(), Some(named.name()));
        let custom = Pattern(Kind::Custom(std::sync::Arc::new(Custom::new(regex).unwrap())));
        check(2_000, |text| {
            prop_assert_eq!(split(&custom, &text), split(&pattern(named), &text), "{}", regex);
            Ok(())
        });
    }
}

#[test]
fn hugging_face_texts() {
    for named in PATTERNS {
        assert_eq!(Pattern::from_hf_regex(named.hf_regex().unwrap()).unwrap().name(), Some(named.name()));
    }
    let e = Pattern::from_hf_regex(Named::Cl100k.tiktoken_regex().unwrap()).unwrap_err();
    assert_eq!(e.kind(), crate::ErrorKind::Unsupported, "{e}");
    assert!(e.to_string().contains("a possessive interval (a repeated one to Oniguruma) at byte 58"), "{e}");
    assert_eq!(split(&Pattern::from_hf_regex(r"\p{N}").unwrap(), b"a12"), [1, 2, 3]);
}

#[test]
fn names() {
    for name in Pattern::NAMES {
        let pattern = Pattern::from_name(name).unwrap();
        assert_eq!(pattern.name(), Some(*name));
        for regex in [pattern.tiktoken_regex(), pattern.hf_regex()].into_iter().flatten() {
            assert_eq!(Pattern::from_regex(regex).unwrap().name(), Some(*name));
        }
    }
    let e = Pattern::from_name("gpt4").unwrap_err();
    assert_eq!(e.to_string(), "unknown pattern \"gpt4\"");
    assert_eq!(e.next_step(), Some("one of: gpt2, cl100k, llama3, o200k, none; or give a regular expression"));
    assert_eq!(Pattern::from_regex("[a-z]+").unwrap().name(), None);
    assert_eq!(split(&Pattern::from_name("none").unwrap(), b"a b"), [3]);
    assert_eq!(split(&Pattern::from_name("none").unwrap(), b""), [0usize; 0]);
}

/// What no test above would point at by name.
#[test]
fn rows() {
    let rows: &[(Named, &str, &[&str])] = &[
        (Named::Gpt2, "I'll  go\n\n", &["I", "'ll", " ", " go", "\n\n"]),
        (Named::Gpt2, "a\n b", &["a", "\n", " b"]),
        (Named::Gpt2, "it'S", &["it", "'", "S"]),
        (Named::Cl100k, "it'ſt", &["it", "'ſ", "t"]),
        (Named::Cl100k, "1234!\n\n x", &["123", "4", "!\n\n", " x"]),
        (Named::Cl100k, "a\n  ", &["a", "\n  "]),
        (Named::Llama3, "a\n  ", &["a", "\n", "  "]),
        (Named::O200k, "a\n  ", &["a", "\n", "  "]),
        (Named::O200k, "don'ts", &["don't", "s"]),
        (Named::O200k, "fooBARbaz", &["foo", "BARbaz"]),
        (Named::O200k, "사과AB ", &["사과", "AB", " "]),
        (Named::O200k, "사과Ab", &["사과Ab"]),
        (Named::O200k, "a사과AB", &["a사과", "AB"]),
        (Named::O200k, "x/\n/y", &["x", "/\n/", "y"]),
        (Named::O200k, "\u{301}AB", &["\u{301}", "AB"]),
        (Named::O200k, "\u{301}Ab", &["\u{301}Ab"]),
        (Named::O200k, "A\u{301}B!", &["A\u{301}", "B", "!"]),
    ];
    for (named, text, want) in rows {
        let ends = split(&pattern(*named), text.as_bytes());
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let pieces: Vec<&str> = starts.zip(&ends).map(|(start, &end)| &text[start..end]).collect();
        assert_eq!(pieces, *want, "{named:?}");
    }
}

/// A megabyte of one thing takes milliseconds a pattern; quadratic time would take minutes.
#[test]
fn a_huge_run_takes_linear_time() {
    let atoms: [&[u8]; 16] = [
        b"a",
        b"A",
        b" ",
        b"\n",
        b"\t",
        b"1",
        b"'",
        b"!",
        b"/",
        b"\x80",
        "\u{301}".as_bytes(),
        "가".as_bytes(),
        "\u{3000}".as_bytes(),
        "中A".as_bytes(),
        b"'s",
        b"\n ",
    ];
    let begun = std::time::Instant::now();
    for atom in atoms {
        let text = atom.repeat((1 << 20) / atom.len());
        let turned = [b"\n", &text[..], b"x"].concat();
        for named in PATTERNS {
            for text in [&text, &turned] {
                assert_eq!(split(&pattern(named), text).last(), Some(&text.len()));
            }
        }
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn scan_with_keeps_to_its_limit() {
    let mut ends = Vec::new();
    assert_eq!(scan_with(|_, pos| pos + 1, b"abc", 1, 1, &mut ends), 2);
    assert_eq!(scan_with(|_, pos| pos + 1, b"abc", 2, 9, &mut ends), 3);
    assert_eq!(ends, [2, 3]);
}
