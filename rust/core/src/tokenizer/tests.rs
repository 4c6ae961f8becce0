use super::samples::{any_text, learned, pick_pairs, random_pairs, tokenizer};
use super::*;
use crate::merges::ByteOrder;
use proptest::prelude::*;
use serde_json::Map;

fn encode(tokenizer: &Tokenizer, text: &[u8], rule: &SpecialRule) -> Result<Vec<u32>> {
    let mut ids = Vec::new();
    tokenizer.encode_into(text, rule, &mut Workspace::new(), &mut ids)?;
    Ok(ids)
}

fn workspaces(n: usize) -> Vec<Workspace> {
    (0..n).map(|_| Workspace::new()).collect()
}

fn rule(allowed: &[usize], refused: &[usize]) -> SpecialRule {
    SpecialRule { allowed: allowed.to_vec(), refused: refused.to_vec() }
}

fn text_of(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| String::from_utf8_lossy(&tokenizer.token_bytes(id).unwrap()).into_owned()).collect()
}

#[test]
fn specials_by_rule() {
    let tokenizer = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    assert_eq!(tokenizer.specials()[0].text, "<|end", "specials stand in the order of their ids");
    let text = b" lower<|endless|> lower<|end|>";
    let rows: &[(SpecialRule, &[&str])] = &[
        (
            rule(&[], &[]),
            &[
                " lower", "<", "|", "e", "n", "d", "l", "e", "s", "s", "|", ">", " lower", "<", "|", "e", "n", "d",
                "|", ">",
            ],
        ),
        (rule(&[0, 1], &[]), &[" lower", "<|endless|>", " lower", "<|end", "|", ">"]),
        (rule(&[0], &[]), &[" lower", "<|end", "l", "e", "s", "s", "|", ">", " lower", "<|end", "|", ">"]),
    ];
    for (rule, want) in rows {
        let ids = encode(&tokenizer, text, rule).unwrap();
        let parts = text_of(&tokenizer, &ids);
        // Merges inside the plain parts are the encoder's business.
        let whole: Vec<&str> = parts.iter().map(String::as_str).filter(|t| t.len() > 4 || t.starts_with('<')).collect();
        let want: Vec<&str> = want.iter().copied().filter(|t| t.len() > 4 || t.starts_with('<')).collect();
        assert_eq!(whole, want);
        assert_eq!(parts.concat().as_bytes(), text);
    }
    let e = encode(&tokenizer, text, &rule(&[0], &[1])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Text);
    assert_eq!(e.to_string(), "special token \"<|endless|>\" stands in the text at byte 6");
    // The longer one is found first, so the refused shorter one is not there at all.
    encode(&tokenizer, b"<|endless|>", &rule(&[1], &[0])).unwrap();
}

#[test]
fn wrong_rules_are_refused() {
    let tokenizer = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    for (rule, want) in [
        (rule(&[2], &[]), "there is no special 2: the tokenizer has 2"),
        (rule(&[0], &[0]), "special token \"<|end\" is named twice in the rule"),
    ] {
        assert_eq!(encode(&tokenizer, b"x", &rule).unwrap_err().to_string(), want);
    }
    let e = tokenizer.encode_batch(&[b"x"], &SpecialRule::default(), &mut []).unwrap_err();
    assert_eq!(e.to_string(), "encoding needs at least one workspace, got none");
}

#[test]
fn specials_are_checked() {
    let special = |text: &str, id| Special { text: text.to_owned(), id: TokenId(id) };
    for (specials, want) in [
        (vec![special("", 900)], "the special token with id 900 has an empty text"),
        (vec![special("<a>", 900), special("<a>", 901)], "special token \"<a>\" is given twice"),
        (vec![special("<a>", 900), special("<b>", 900)], "special token \"<b>\" has id 900, as another special has"),
        (vec![special("<a>", 17)], "special token \"<a>\" has id 17, which a token of the vocabulary has"),
        (
            vec![special("<a>", 1 << 21)],
            "special token \"<a>\": token id 2097152 is too large: ids must stay below 2097152",
        ),
    ] {
        let (pattern, merges) = (Pattern::from_name("gpt2").unwrap(), learned(ByteOrder::Raw));
        let e = Tokenizer::new(Unit::Byte, pattern, merges, specials, Map::new()).unwrap_err();
        assert_eq!(e.to_string(), want);
    }
    let merges = Merges::new(vec![TokenId(0)], crate::merges::Rule::Pairs(vec![])).unwrap();
    let e = Tokenizer::new(Unit::Byte, Pattern::from_name("none").unwrap(), merges, vec![], Map::new()).unwrap_err();
    assert_eq!(e.to_string(), "unit byte has 256 base symbols, but 1 have ids");
}

#[test]
fn looking_up_tokens() {
    let tokenizer = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    let n = tokenizer.n_ids() as u32;
    assert_eq!(tokenizer.n_tokens(), n as usize - 1, "one hole between the specials");
    for (id, bytes) in [(0, b"!".as_slice()), (n - 1, b"<|endless|>"), (n - 3, b"<|end")] {
        assert_eq!(tokenizer.token_bytes(id).unwrap(), bytes);
        assert_eq!(tokenizer.token_id(bytes), Some(id));
    }
    assert_eq!(tokenizer.token_id(b"no such token"), None);
    assert_eq!(tokenizer.token_id(b""), None);
    assert_eq!(tokenizer.token_bytes(n - 2).unwrap_err().kind(), ErrorKind::Token);
    assert_eq!(tokenizer.token_bytes(n).unwrap_err().kind(), ErrorKind::Token);
}

#[test]
fn one_large_document_is_spread_and_stays_the_same() {
    let tokenizer = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    let plain = " lower newer 사과 lowest wider".repeat(6000);
    let mut rare = plain.clone();
    (1..4).for_each(|i| rare.insert_str(40_000 * i / 35 * 35, "<|endless|>"));
    let dense = "lower<|endless|> 사과<|end".repeat(9000);
    for (i, text) in [&plain, &rare, &dense].into_iter().enumerate() {
        for rule in [rule(&[], &[]), rule(&[0, 1], &[])] {
            let documents = [&text.as_bytes()[..text.len() / 3 / 35 * 35], b"", text.as_bytes()];
            let want = tokenizer.encode_batch(&documents, &rule, &mut workspaces(1)).unwrap();
            for n in [2, 5] {
                let got = tokenizer.encode_batch(&documents, &rule, &mut workspaces(n)).unwrap();
                assert!(got == want, "text {i}, {n} threads");
                let counts = tokenizer.count_batch(&documents, &rule, &mut workspaces(n)).unwrap();
                assert!(counts.iter().copied().eq(want.1.windows(2).map(|w| w[1] - w[0])));
            }
        }
    }
}

#[test]
fn large_documents_are_cut() {
    let pattern = Pattern::from_name("gpt2").unwrap();
    let text = " lower newer".repeat(50_000);
    let whole = batch::cuts(text.as_bytes(), &pattern, None, 1 << 16);
    assert!(whole.len() >= 8, "{whole:?}");
    assert!(batch::cuts(text.as_bytes(), &Pattern::from_name("none").unwrap(), None, 1 << 16).is_empty());
    let one_word = "x".repeat(500_000) + &text;
    let after = batch::cuts(one_word.as_bytes(), &pattern, None, 1 << 16);
    assert!(after.len() >= 8 && after[0] >= 500_000, "{after:?}");
}

#[test]
fn the_first_document_that_fails_is_named() {
    let tokenizer = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    let good = " lower".repeat(3000);
    let bad = format!("{good}<|endless|>");
    let long_bad = good.repeat(10) + &bad;
    let documents: Vec<&[u8]> = (0..40)
        .map(|i| if i % 13 == 7 { if i == 7 { long_bad.as_bytes() } else { bad.as_bytes() } } else { good.as_bytes() })
        .collect();
    for n in [1, 2, 5] {
        let e = tokenizer.encode_batch(&documents, &rule(&[], &[1]), &mut workspaces(n)).unwrap_err();
        assert_eq!(e.to_string(), "document 7: special token \"<|endless|>\" stands in the text at byte 198000");
        assert_eq!(e.kind(), ErrorKind::Text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_gives_the_text_back(picks in random_pairs(), text in any_text(), pattern in 0usize..3, allowed: bool) {
        let tokenizer = tokenizer(pick_pairs(ByteOrder::Gpt2, &picks, 1), ["gpt2", "o200k", "none"][pattern]);
        let rule = if allowed { rule(&[1, 0], &[]) } else { rule(&[], &[]) };
        let ids = encode(&tokenizer, &text, &rule).unwrap();
        let (mut back, mut ends) = (Vec::new(), Vec::new());
        tokenizer.decode_into(&ids, &mut back).unwrap();
        tokenizer.decoder().ends_into(&ids, &mut ends).unwrap();
        prop_assert_eq!(&back, &text);
        prop_assert_eq!(ends.last().copied().unwrap_or(0), text.len() as u64);
        prop_assert_eq!(tokenizer.count(&text, &rule, &mut Workspace::new()).unwrap(), ids.len() as u64);
    }

    /// A document is its parts between specials, encoded each on its own; the longest special at a place counts.
    #[test]
    fn specials_cut_the_text(text in any_text()) {
        let tokenizer = tokenizer(learned(ByteOrder::Raw), "gpt2");
        let mut want = Vec::new();
        let mut plain_start = 0;
        let mut at = 0;
        while at < text.len() {
            let here = (0..2).rev().find(|&i| text[at..].starts_with(tokenizer.specials()[i].text.as_bytes()));
            let Some(special) = here else { at += 1; continue };
            want.extend(encode(&tokenizer, &text[plain_start..at], &rule(&[], &[])).unwrap());
            want.push(tokenizer.specials()[special].id.0);
            at += tokenizer.specials()[special].text.len();
            plain_start = at;
        }
        want.extend(encode(&tokenizer, &text[plain_start..], &rule(&[], &[])).unwrap());
        prop_assert_eq!(encode(&tokenizer, &text, &rule(&[0, 1], &[])).unwrap(), want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The same ids for a document alone and among others, on any number of threads, cut or not; and they decode.
    #[test]
    fn dropping_depends_on_seed_and_document_only(
        picks in random_pairs(),
        texts in proptest::collection::vec(any_text(), 1..6),
        n_times in 1..4000usize,
        seed in 0..3u64,
        probability in 0.05..0.95f64,
        special: bool,
    ) {
        let tokenizer = tokenizer(pick_pairs(ByteOrder::Raw, &picks, 1), "gpt2");
        let dropout = Dropout::new(probability, seed).unwrap();
        let rule = if special { rule(&[0, 1], &[]) } else { rule(&[], &[]) };
        let long = texts.concat().repeat(n_times);
        let documents: Vec<&[u8]> = texts.iter().map(Vec::as_slice).chain([&long[..]]).collect();
        let (ids, offsets) = tokenizer.encode_batch_dropping(&documents, &rule, dropout, &mut workspaces(1)).unwrap();
        let threaded = tokenizer.encode_batch_dropping(&documents, &rule, dropout, &mut workspaces(3)).unwrap();
        prop_assert_eq!(&(ids.clone(), offsets.clone()), &threaded);
        for (document, range) in documents.iter().zip(offsets.windows(2)) {
            let (mut alone, mut back) = (vec![], vec![]);
            tokenizer.encode_dropping_into(document, &rule, dropout, &mut Workspace::new(), &mut alone).unwrap();
            prop_assert_eq!(&alone, &ids[range[0] as usize..range[1] as usize]);
            tokenizer.decode_into(&alone, &mut back).unwrap();
            prop_assert_eq!(&back, document);
        }
        let none = Dropout::new(0.0, seed).unwrap();
        let plain = tokenizer.encode_batch(&documents, &rule, &mut workspaces(2)).unwrap();
        prop_assert_eq!(tokenizer.encode_batch_dropping(&documents, &rule, none, &mut workspaces(2)).unwrap(), plain);
    }
}

/// Units that are not bytes: what comes back, and who owns which byte.
mod of_units {
    use super::*;
    use crate::count::PieceCounts;
    use crate::train::{TieBreak, TrainOptions, train};
    use crate::unit::naive;

    fn trained(name: &str, pattern: &str) -> Tokenizer {
        let texts = [
            "사과 사과나무 각각 값",
            " \u{1109}\u{1161}\u{1100}\u{116A} \u{1100}\u{1161}\u{11A8}가",
            "ㅋㅋㅋ 漢字",
            "abc abc",
        ];
        let pattern = Pattern::from_name(pattern).unwrap();
        let mut counts = PieceCounts::new();
        for text in texts {
            let mut ends = Vec::new();
            pattern.split(text.as_bytes(), &mut ends).unwrap();
            counts.add_spans(text.as_bytes(), 0, &ends).unwrap();
        }
        let unit = Unit::from_name(name).unwrap().resolve(counts.iter());
        let n_ids = unit.n_base() + 40;
        let options =
            TrainOptions { n_ids, unit: unit.clone(), tie: TieBreak::Hf, min_frequency: 1, max_token_bytes: None };
        let learned = train(&counts, &options, &mut |_| true).unwrap();
        let special = Special { text: "<|end|>".to_owned(), id: TokenId(learned.n_ids() as u32) };
        let list = learned.steps.iter().map(|s| s.merge).collect();
        let merges = Merges::new(learned.base_ids, crate::merges::Rule::Pairs(list)).unwrap();
        Tokenizer::new(unit, pattern, merges, vec![special], Map::new()).unwrap()
    }

    fn text() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: &[&[u8]] = &[
            "사과".as_bytes(),
            "각".as_bytes(),
            "가".as_bytes(),
            "값".as_bytes(),
            "ㅋㅋ".as_bytes(),
            b" ",
            b" ",
            b"abc",
            b"<|end|>",
            "\u{1109}\u{1161}\u{1100}\u{116A}".as_bytes(),
            "\u{1100}\u{1161}\u{11A8}".as_bytes(),
            "\u{1100}".as_bytes(),
            "\u{1161}".as_bytes(),
            "\u{11A8}".as_bytes(),
            "\u{1112}\u{119E}".as_bytes(),
            "漢".as_bytes(),
            b"\xEA",
            b"\xB0\x80",
            b"\xFF",
            b"\n",
        ];
        proptest::collection::vec(proptest::sample::select(PARTS), 0..16).prop_map(|parts| parts.concat())
    }

    /// Where the tokens of `text` end, by the twin: each token has so many symbols of each piece.
    fn ends_by_twin(tokenizer: &Tokenizer, text: &[u8], rule: &SpecialRule) -> Vec<u64> {
        let finder = tokenizer.finders.get(tokenizer.specials(), rule).unwrap();
        let (mut owned, mut start) = (Vec::new(), 0);
        while start < text.len() {
            let found = finder.as_deref().and_then(|f| f.find(text, start));
            let gap = &text[start..found.as_ref().map_or(text.len(), |f| f.start)];
            let mut ends = Vec::new();
            tokenizer.pattern().split(gap, &mut ends).unwrap();
            let mut from = 0;
            for end in ends {
                owned.extend(naive::symbols(tokenizer.unit(), &gap[from..end]).into_iter().map(|(_, n)| n as u64));
                from = end;
            }
            owned.extend(found.iter().map(|f| (f.end - f.start) as u64));
            start = found.map_or(text.len(), |f| f.end);
        }
        let (mut at, mut end) = (0, 0);
        let ids = encode(tokenizer, text, rule).unwrap();
        let of = |&id: &u32| {
            let n = tokenizer.vocab().spelling(TokenId(id)).map_or(1, <[_]>::len);
            end += owned[at..at + n].iter().sum::<u64>();
            at += n;
            end
        };
        ids.iter().map(of).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn round_trips_spans_and_streams(documents in proptest::collection::vec(text(), 0..4)) {
            for (name, pattern) in [
                ("byte", "gpt2"), ("syllable:seen=2", "o200k"), ("syllable:all", "none"), ("jamo", "o200k"), ("jamo", "none"),
                ("jamo:filler:compat", "gpt2"), ("jamo:nfd-alias", "cl100k"), ("jamo:filler:compat:nfd-alias", "none"),
                ("jamo:nfd-alias", "llama3"), ("jamo-char:nfd-alias", "gpt2"), ("jamo-char:filler", "o200k"),
            ] {
                let tokenizer = trained(name, pattern);
                let slices: Vec<&[u8]> = documents.iter().map(AsRef::as_ref).collect();
                let rule = rule(&[0], &[]);
                let (ids, ends, offsets) = tokenizer.encode_batch_ends(&slices, &rule, &mut workspaces(2)).unwrap();
                prop_assert_eq!(tokenizer.decode_batch(&ids, &offsets).unwrap(), documents.clone(), "{} {}", name, pattern);
                for (document, of) in documents.iter().zip(offsets.windows(2)) {
                    let of = of[0] as usize..of[1] as usize;
                    prop_assert_eq!(&ends[of.clone()], ends_by_twin(&tokenizer, document, &rule), "{} {}", name, pattern);
                    let (mut stream, mut text) = (crate::decode::StreamDecoder::new(), String::new());
                    for id in &ids[of] {
                        text += &stream.push(tokenizer.decoder(), &[*id]).unwrap();
                    }
                    text += &stream.finish(tokenizer.decoder());
                    prop_assert_eq!(text, String::from_utf8_lossy(document));
                }
            }
        }

        /// Ids that no text gives decode too, and their spans tile what they decode to.
        #[test]
        fn any_ids_decode(numbers in proptest::collection::vec(any::<u32>(), 0..20)) {
            for name in ["jamo", "jamo:filler:compat:nfd-alias", "jamo:nfd-alias", "syllable:all"] {
                let tokenizer = trained(name, "gpt2");
                let n = tokenizer.n_ids() as u32;
                let ids: Vec<u32> = numbers.iter().map(|i| if i % 3 == 0 { i % n } else { n - 1 - i % 120 }).collect();
                let (mut bytes, mut ends, mut symbols) = (Vec::new(), Vec::new(), Vec::new());
                tokenizer.decode_into(&ids, &mut bytes).unwrap();
                tokenizer.ends_into(&ids, &mut ends).unwrap();
                for &id in &ids {
                    match tokenizer.vocab().spelling(TokenId(id)) {
                        Some(spelling) => symbols.extend_from_slice(spelling),
                        None => symbols.extend(b"<|end|>".iter().map(|&b| crate::Symbol(b.into()))),
                    }
                }
                prop_assert_eq!(&bytes, &naive::bytes(tokenizer.unit(), &symbols));
                prop_assert!(ends.is_sorted());
                prop_assert_eq!(ends.last().copied().unwrap_or(0), bytes.len() as u64, "{} {:?}", name, symbols);
                prop_assert_eq!(tokenizer.decoder().n_bytes(&ids).unwrap(), bytes.len());
            }
        }

        /// No named pattern cuts between a run of conjoining jamo and a syllable, which `nfd-alias` rests on.
        #[test]
        fn runs_stay_whole(text in text()) {
            for name in Pattern::NAMES {
                let mut ends = Vec::new();
                Pattern::from_name(name).unwrap().split(&text, &mut ends).unwrap();
                for end in ends {
                    let is_jamo = String::from_utf8_lossy(&text[..end]).ends_with(|c| matches!(c, '\u{1100}'..='\u{11FF}'));
                    let is_syllable = String::from_utf8_lossy(&text[end..]).starts_with(crate::hangul::is_syllable);
                    prop_assert!(!(is_jamo && is_syllable), "{}", name);
                }
            }
        }
    }

    #[test]
    fn a_regex_and_the_alias_are_refused() {
        let pattern = Pattern::from_regex(r"\p{L}").unwrap();
        let unit = Unit::from_name("jamo:nfd-alias").unwrap();
        let e = check_pattern(&unit, &pattern).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unsupported);
        check_pattern(&Unit::from_name("jamo:filler:compat").unwrap(), &pattern).unwrap();
        let merges = Merges::new((0..unit.n_base() as u32).map(TokenId).collect(), crate::merges::Rule::Pairs(vec![]));
        assert!(Tokenizer::new(unit, pattern, merges.unwrap(), vec![], Map::new()).is_err());
    }
}
