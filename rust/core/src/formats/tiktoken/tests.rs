use super::*;
use crate::ErrorKind;
use crate::merges::{ByteOrder, Merge};
use crate::tokenizer::samples::{learned, pick_pairs, random_pairs, random_ranks, tokenizer};
use crate::tokenizer::{SpecialRule, Workspace};
use proptest::prelude::*;

fn named(name: &str) -> Pattern {
    Pattern::from_name(name).unwrap()
}

/// A rank file of the 256 bytes, and `more` lines.
fn file(more: &str) -> Vec<u8> {
    let base = (0..=255u8).map(|b| format!("{} {b}\n", BASE64.encode([b])));
    (base.collect::<String>() + more).into_bytes()
}

fn encode(tokenizer: &Tokenizer, text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode_into(text, &SpecialRule::default(), &mut Workspace::new(), &mut ids).unwrap();
    ids
}

fn merge(left: u32, right: u32, result: u32) -> Merge {
    Merge { left: TokenId(left), right: TokenId(right), result: TokenId(result) }
}

fn pairs(list: &[(u32, u32, u32)]) -> Merges {
    let list = list.iter().map(|&(l, r, t)| merge(l, r, t)).collect();
    Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(list)).unwrap()
}

#[test]
fn reads_ranks_with_blank_lines_in_any_order() {
    let t = read(&file("\nYWJj 300\n\r\nYWI= 256\r\n\n"), named("gpt2"), vec![]).unwrap();
    assert_eq!((t.n_ids(), t.n_tokens()), (301, 258));
    assert_eq!(encode(&t, b"abc ab"), [300, 32, 256]);
    let Rule::Ranks(tokens) = t.merges().rule() else { panic!("not ranks") };
    assert!(tokens.is_sorted_by_key(|t| t.id));
}

#[test]
fn wrong_lines_are_named() {
    let rows: &[(Vec<u8>, &str)] = &[
        (file("YWI="), "line 257: \"YWI=\" is no base64, space and rank"),
        (file("Y?I= 256"), "line 257: \"Y?I=\" is no base64: Invalid symbol 63, offset 1."),
        (file("YWI 256"), "line 257: \"YWI\" is no base64: Invalid padding"),
        (file(" 256"), "line 257: \"256\" is no base64, space and rank"),
        (file("YWI= x"), "line 257: \"x\" is no rank"),
        (file("YWI= -1"), "line 257: \"-1\" is no rank"),
        (file("YWI= 256 7"), "line 257: \"256 7\" is no rank"),
        (file("YWI= 2097152"), "line 257: token id 2097152 is too large: ids must stay below 2097152"),
        (
            file("YWI= 99999999999999999999999"),
            "line 257: token id 18446744073709551615 is too large: ids must stay below 2097152",
        ),
        (file("YWI= 256\n\nYWI= 300"), "line 259: token \"ab\" was given in line 257"),
        (file("QQ== 300"), "line 257: token \"A\" was given in line 66"),
        (file("YWI= 65"), "line 257: rank 65 was given in line 66"),
        (vec![], "the rank file holds no tokens"),
        (b"\n \n".to_vec(), "the rank file holds no tokens"),
        (
            b"QQ== 0".to_vec(),
            "255 of the 256 bytes have no rank: 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07 and 247 more",
        ),
    ];
    for (bytes, want) in rows {
        let e = read(bytes, named("gpt2"), vec![]).unwrap_err();
        assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Format, *want));
    }
    let specials = vec![Special { text: "<e>".into(), id: TokenId(7) }];
    let e = read(&file(""), named("gpt2"), specials).unwrap_err();
    assert_eq!(e.to_string(), "special token \"<e>\" has id 7, which a token of the vocabulary has");
}

#[test]
fn learned_merges_are_written() {
    for order in [ByteOrder::Gpt2, ByteOrder::Raw] {
        let t = tokenizer(learned(order), "gpt2");
        let written = write(&t).unwrap();
        let back = read(&written, named("gpt2"), vec![]).unwrap();
        for text in ["lower newest 사과나무 사람 wider\r\n\t\\ lowlowest", " ererer사사과과", "x"] {
            assert_eq!(encode(&back, text.as_bytes()), encode(&t, text.as_bytes()));
        }
        assert_eq!(write(&back).unwrap(), written);
    }
}

#[test]
fn what_ranks_would_change_is_refused() {
    let (a, b, c, d) = (97, 98, 99, 100);
    let rows = [
        // abc is spelled by ab + c, but alone it becomes a + bc.
        (
            pairs(&[(b, c, 256), (a, b, 257), (257, c, 258)]),
            "token 258 (\"abc\") merged alone becomes 2 tokens, but tiktoken would make it one",
        ),
        // abcd becomes ab + cd, never joined.
        (
            pairs(&[(a, b, 256), (c, d, 257), (b, c, 258), (258, d, 259), (a, 259, 260)]),
            "token 259 (\"bcd\") merged alone becomes 2 tokens, but tiktoken would make it one",
        ),
        (
            pairs(&[(a, b, 257), (c, d, 256)]),
            "token 257 (\"ab\") merges before token 256 (\"cd\"), but a rank file merges in the order of ids",
        ),
    ];
    for (merges, want) in rows {
        let t = tokenizer(merges, "gpt2");
        for e in [write(&t).unwrap_err(), write_python(&t, "x", "x.tiktoken").unwrap_err()] {
            assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Unsupported, want));
            assert_eq!(e.next_step(), Some("write tokenizer.json instead"));
        }
    }
    let unmade = RankedToken { id: TokenId(300), spelling: vec![Symbol(1), Symbol(2), Symbol(3)] };
    let e = write(&tokenizer(pairs(&[]).with_unmade(vec![unmade]).unwrap(), "gpt2")).unwrap_err();
    assert!(e.to_string().starts_with("token 300 (\"\\u{1}\\u{2}\\u{3}\") merged alone becomes 3 tokens"), "{e}");
}

#[test]
fn a_dead_merge_does_no_harm() {
    // (a, bc) is listed for abc too, but ab merges first, so abc is only ever made of ab + c.
    let merges = pairs(&[(97, 98, 256), (98, 99, 257), (97, 257, 258), (256, 99, 258)]);
    let t = tokenizer(merges, "none");
    let back = read(&write(&t).unwrap(), named("none"), vec![]).unwrap();
    for text in [b"abc".as_slice(), b"abcabcbcab", b"aabcc"] {
        assert_eq!(encode(&back, text), encode(&t, text));
    }
}

#[test]
fn ranks_in_another_order_than_ids_are_refused() {
    let t = read(&file("YWI= 256\nY2Q= 257\n"), named("gpt2"), vec![]).unwrap();
    let Rule::Ranks(mut tokens) = t.merges().rule().clone() else { panic!("not ranks") };
    tokens.swap(256, 257);
    let swapped = Merges::new(t.merges().base_ids().to_vec(), Rule::Ranks(tokens)).unwrap();
    let e = write(&tokenizer(swapped, "gpt2")).unwrap_err();
    assert_eq!(
        e.to_string(),
        "token 257 (\"cd\") merges before token 256 (\"ab\"), but a rank file merges in the order of ids"
    );
}

#[test]
fn python_module() {
    let special = |text: &str, id| Special { text: text.into(), id: TokenId(id) };
    let with = |pattern: Pattern, specials| read(&file(""), pattern, specials).unwrap();
    let t = with(named("none"), vec![special("<|end \"of\" 글|>", 300), special("<\n>", 301)]);
    let text = write_python(&t, "mine", "mine.tiktoken").unwrap();
    assert!(text.contains("PATTERN = \"(?s:.+)\"\n"), "{text}");
    assert!(
        text.contains("SPECIAL_TOKENS = {\n    \"<|end \\\"of\\\" 글|>\": 300,\n    \"<\\n>\": 301,\n}\n"),
        "{text}"
    );
    assert!(text.contains("/ \"mine.tiktoken\").read_bytes()") && text.contains("    name=\"mine\",\n"), "{text}");
    for (pattern, specials, file, want) in [
        (named("gpt2"), vec![], "a/b", "rank file name \"a/b\" must be a name without folders"),
        (
            named("gpt2"),
            vec![special("<|end", 300), special("<|end|>", 301)],
            "f",
            "special token \"<|end|>\" begins with special token \"<|end\", and tiktoken takes either",
        ),
        (
            Pattern::from_regex("x*").unwrap(),
            vec![],
            "f",
            "the regex \"x*\" can match nothing, which tiktoken's loop cannot take",
        ),
        (Pattern::from_regex(r"(a)\1").unwrap(), vec![], "f", "the regex \"(a)\\\\1\" names or refers to groups"),
    ] {
        let e = write_python(&with(pattern, specials), "x", file).unwrap_err();
        assert_eq!(e.to_string(), want);
    }
    let custom = write_python(&with(Pattern::from_regex("[0-9]+|b").unwrap(), vec![]), "x", "f").unwrap();
    assert!(custom.contains("PATTERN = \"(?:[0-9]+|b)|(?>(?:(?![0-9]+|b)(?s:.))+)\"\n"), "{custom}");
}

/// The pieces that tiktoken makes: the matches, the rest dropped.
fn matches(regex: &str, text: &str) -> Vec<String> {
    let regex = fancy_regex::Regex::new(regex).unwrap();
    regex.find_iter(text).map(|m| m.unwrap().as_str().to_owned()).collect()
}

fn pieces(pattern: &Pattern, text: &str) -> Vec<String> {
    let mut ends = Vec::new();
    pattern.split(text.as_bytes(), &mut ends).unwrap();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, &end)| text[start..end].to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A user's regex in the form for tiktoken cuts as it does here, gaps and all.
    #[test]
    fn a_regex_with_gaps_cuts_alike(which in 0usize..5, text in "[ab1\n가 ]{0,20}") {
        let regex = ["[0-9]+|b", r"a+(?!b)", r"(?<=a)b|1\s", r"\p{Hangul}| (?=a)", r"(?>a|ab)1"][which];
        let pattern = Pattern::from_regex(regex).unwrap();
        prop_assert_eq!(matches(&pattern_text(&pattern).unwrap(), &text), pieces(&pattern, &text));
    }

    /// Whatever is written gives the same ids when it is read as ranks.
    #[test]
    fn what_is_written_encodes_alike(picks in random_pairs(), texts in proptest::collection::vec("[abc \u{AC00}\u{AC01}]{0,14}", 12)) {
        let t = tokenizer(pick_pairs(ByteOrder::Raw, &picks, 1), "none");
        if let Ok(written) = write(&t) {
            let back = read(&written, named("none"), vec![]).unwrap();
            for text in texts {
                prop_assert_eq!(encode(&back, text.as_bytes()), encode(&t, text.as_bytes()), "{}", text);
            }
        }
    }

    #[test]
    fn ranks_round_trip(merges in random_ranks()) {
        let t = tokenizer(merges, "gpt2");
        let back = read(&write(&t).unwrap(), named("gpt2"), t.specials().to_vec()).unwrap();
        prop_assert_eq!(back.merges(), t.merges());
    }

    /// Total.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(proptest::sample::select(b"YWI=Q 0123\n\r\xFF".as_slice()), 0..60)) {
        let _ = read(&bytes, named("gpt2"), vec![]);
        let _ = super::super::detect(&bytes);
    }
}

/// Of 120 tokenizers with up to five merges, mostly over two letters, many are refused and would give other ids on a
/// short text; of those that are written none does.
#[test]
fn refusals_are_not_idle() {
    let texts: Vec<Vec<u8>> = (1..=6u32)
        .flat_map(|n| (0..1 << n).map(move |bits| (0..n).map(|i| b'a' + (bits >> i & 1) as u8).collect()))
        .collect();
    let (mut n_written, mut n_refused) = (0, 0);
    let mut state = 1u64;
    let mut pick = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        [0, 1, 8, 9, 10, 11][(state >> 33) as usize % 6]
    };
    for _ in 0..120 {
        let picks: Vec<(usize, usize)> = (0..5).map(|_| (pick(), pick())).collect();
        let merges = pick_pairs(ByteOrder::Raw, &picks, 1);
        let t = tokenizer(merges, "none");
        let list = t.merges().pairs();
        let Ok(ranks) = read(&ids_as_ranks(&t), named("none"), vec![]) else { continue };
        let differs = texts.iter().any(|text| encode(&ranks, text) != encode(&t, text));
        match write(&t) {
            Ok(_) => {
                assert!(!differs, "{list:?}");
                n_written += 1;
            }
            Err(_) => n_refused += usize::from(differs),
        }
    }
    assert!(n_written > 15 && n_refused > 5, "{n_written} {n_refused}");
}

/// The rank file that would be written if nothing were checked.
fn ids_as_ranks(t: &Tokenizer) -> Vec<u8> {
    let line = |(id, _): (TokenId, _)| format!("{} {}\n", BASE64.encode(bytes_of(t, id)), id.0);
    t.vocab().iter().map(line).collect::<String>().into_bytes()
}
