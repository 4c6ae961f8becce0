use super::*;
use crate::ErrorKind;
use crate::tokenizer::samples::{learned, pick_pairs, random_pairs, random_ranks, tokenizer};
use proptest::prelude::*;

/// Everything that a file holds, in a form that compares.
fn parts(t: &Tokenizer) -> impl PartialEq + std::fmt::Debug {
    let pattern = (t.pattern().name(), t.pattern().tiktoken_regex().map(str::to_owned));
    (t.unit().clone(), pattern, t.merges().clone(), t.specials().to_vec(), t.provenance().clone())
}

/// `content` with the checksum that fits.
fn summed(content: &str) -> Vec<u8> {
    format!("{content}sha256 {}\n", hex(&Sha256::digest(content))).into_bytes()
}

/// The sample's file without its last line, with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let file = String::from_utf8(write(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"))).unwrap();
    let content = &file[..file.rfind("sha256 ").unwrap()];
    assert!(content.contains(from), "{from:?} is not in the file");
    summed(&content.replacen(from, to, 1))
}

#[test]
fn layout() {
    let file = String::from_utf8(write(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"))).unwrap();
    let mut lines = file.lines();
    assert_eq!(lines.next(), Some("bpe-lab tokenizer 1"));
    let body: Vec<&str> = file.split("\n}\n").nth(1).unwrap().lines().collect();
    assert_eq!(body[..5], ["256\te\tr", "257\tl\to", "258\t\\xEC\t\\x82", "259\t\\x20\tlo", "260\t\\xEC\\x82\t\\xAC"]);
    assert_eq!(body[20..23], ["276\t\\n\t\\t\\\\", "277\t\\r\t\\n\\t\\\\", "278\t\\x20\tnew"]);
    assert_eq!(body[25..27], ["281\t사\t과", "282\t low\ter"]);
    assert!(file.contains("\"specials\": [\n    {\n      \"text\": \"<|end\",\n      \"id\": "));
    assert!(body[body.len() - 1].starts_with("sha256 "));
}

#[test]
fn any_byte_missing_or_changed_is_seen() {
    let file = write(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
    for n in 0..file.len() {
        let e = read(&file[..n]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Format, "cut to {n} bytes: {e}");
    }
    let mut copy = file.clone();
    for at in 0..file.len() {
        for flip in [0x01, 0x20, 0x80] {
            copy[at] ^= flip;
            let e = read(&copy).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Format, "byte {at} ^ {flip:#x}: {e}");
            copy[at] = file[at];
        }
    }
    let mut longer = file.clone();
    longer.push(b'\n');
    read(&longer).unwrap_err();
    read(&file).unwrap();
}

#[test]
fn what_is_no_tokenizer_is_told() {
    let file = write(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
    let crlf = String::from_utf8(file.clone()).unwrap().replace('\n', "\r\n");
    let newer = String::from_utf8(file.clone()).unwrap().replacen("tokenizer 1\n", "tokenizer 2\n", 1);
    let magic = "line 1: not a bpe-lab tokenizer: it does not begin with \"bpe-lab tokenizer\"";
    let rows: &[(&[u8], &str, Option<&str>)] = &[
        (b"", magic, Some("the file is empty")),
        (b"{\"model\": {}}", magic, Some("this looks like a tokenizer.json: import it as huggingface")),
        (b"IQ== 0\nIg== 1\n", magic, Some("this looks like a rank file: import it as tiktoken")),
        (b"PK\x03\x04", magic, None),
        (newer.as_bytes(), "line 1: format version 2 is newer than 1, the newest known here", Some("upgrade bpe-lab")),
        (b"bpe-lab tokenizer one\n", "line 1: \"one\" is no format version", None),
        (
            crlf.as_bytes(),
            "line 1: the line endings were changed to CRLF",
            Some("take the original file; with git, mark it `-text` in .gitattributes"),
        ),
        (
            &file[..file.len() - 80],
            "line 65: the file ends without its checksum line: it is truncated",
            Some("copy or download it again"),
        ),
    ];
    for (bytes, message, hint) in rows {
        let e = read(bytes).unwrap_err();
        assert_eq!((e.to_string().as_str(), e.next_step()), (*message, *hint));
    }
}

#[test]
fn an_inconsistent_file_is_refused_by_line() {
    let rows = [
        (
            "256\te\tr",
            "256\te\tno",
            "line 31: a merge of \"no\", which is no base symbol and no result of an earlier line",
        ),
        ("256\te\tr", "256\te\t", "line 31: a token is empty"),
        ("256\te\tr", "256\t\tr", "line 31: a token is empty"),
        ("256\te\tr", "256", "line 31: a line has two columns (id, token) or three (id, left, right)"),
        ("256\te\tr", "256\ta\tb\tc", "line 31: a line has two columns (id, token) or three (id, left, right)"),
        ("256\te\tr", "0256\te\tr", "line 31: \"0256\" is no token id"),
        ("256\te\tr", "-1\te\tr", "line 31: \"-1\" is no token id"),
        ("256\te\tr", "99999999999\te\tr", "line 31: \"99999999999\" is no token id"),
        ("256\te\tr", "2097152\te\tr", "line 31: token id 2097152 is too large: ids must stay below 2097152"),
        ("256\te\tr", "256\te\\q", "line 31: \"\\q\" is no escape"),
        ("256\te\tr", "256\te\\x+1", "line 31: \"\\x+1\" is no escape"),
        ("256\te\tr", "256\te\\{256}", "line 31: symbol 256 is outside the base alphabet of 256"),
        ("257\tl\to", "257\te\tr", "line 32: id 257 spells the same as id 256"),
        ("257\tl\to", "256\tl\to", "merge 1 gives id 256, which already spells something else"),
        ("257\tl\to", "257\tzz", "the header counts 35 merges, the lines hold 34"),
        (
            "\"merges\": 35",
            "\"merges\": 18446744073709551615",
            "the header counts 18446744073709551615 merges, the lines hold 35",
        ),
        ("\"merges\": 35", "\"merges\": -1", "header: field \"counts.merges\" must be a number, got \"-1\""),
        ("\"unit\": \"byte\"", "\"unit\": \"bit\"", "header: unknown unit \"bit\""),
        ("\"unit\": \"byte\"", "\"unit\": 8", "header: field \"unit\" must be a string, got \"8\""),
        ("\"unit\": \"byte\",", "", "header: field \"unit\" is missing"),
        ("\"unit\": \"byte\",", "\"unit\": \"byte\", \"more\": 1,", "header: field \"more\" is not known to version 1"),
        ("\"name\": \"gpt2\"", "\"name\": \"gpt9\"", "header: unknown pattern \"gpt9\""),
        ("\"rule\": \"pairs\"", "\"rule\": \"luck\"", "header: unknown rule \"luck\""),
        ("\"rule\": \"pairs\"", "\"rule\": \"ranks\"", "line 31: a merge in a file of rule \"ranks\""),
        ("\"byte_order\": \"gpt2\"", "\"byte_order\": \"odd\"", "header: unknown byte order \"odd\""),
        (
            "\"byte_order\": \"gpt2\"",
            "\"byte_order\": [1]",
            "header: field \"byte_order\" has 1 ids, unit byte needs 256",
        ),
        (
            "\"unit\": \"byte\",",
            "\"unit\": \"byte\"",
            "line 4: the header is no JSON: expected `,` or `}` at line 3 column 3",
        ),
        ("\"id\": 291", "\"id\": 290", "special token \"<|end\" has id 290, which a token of the vocabulary has"),
        (
            "\"id\": 291",
            "\"id\": -4",
            "header: field \"specials\" must be objects with text and id, got \"{\\\"text\\\":\\\"<|end\\\",\\\"id\\\":-4}\"",
        ),
    ];
    for (from, to, want) in rows {
        let e = read(&changed(from, to)).unwrap_err();
        assert_eq!(e.to_string(), want);
        assert_eq!(e.kind(), ErrorKind::Format);
    }
    let late = String::from_utf8(changed("257\tl\to", "257\tzz")).unwrap();
    let late = late.replace("\"merges\": 35", "\"merges\": 34").replace("\"tokens\": 0", "\"tokens\": 1");
    let e = read(&summed(&late[..late.rfind("sha256").unwrap()])).unwrap_err();
    assert_eq!(e.to_string(), "line 33: a merge after tokens that no merge makes");
    assert_eq!(read(&summed("bpe-lab tokenizer 1\n")).unwrap_err().kind(), ErrorKind::Format);
}

#[test]
fn doubling_tokens_are_refused_in_time() {
    // Spelled out, 17 doublings are a quarter of a megabyte; the bound needs a file of 64 MB to be passed.
    let mut body = String::new();
    let start = std::time::Instant::now();
    for i in 0..17 {
        let side = "a".repeat(1 << i);
        body += &format!("{}\t{side}\t{side}\n", 256 + i);
    }
    let file = summed(&format!(
        "bpe-lab tokenizer 1\n{{\n\"unit\": \"byte\", \"pattern\": {{\"name\": \"none\"}}, \"rule\": \"pairs\", \"byte_order\": \"raw\",\n\
         \"unicode\": \"1\", \"specials\": [], \"counts\": {{\"merges\": 17, \"tokens\": 0}}, \"provenance\": {{}}\n}}\n{body}"
    ));
    assert_eq!(read(&file).unwrap().vocab().n_ids(), 273);
    assert!(start.elapsed().as_secs_f64() < 2.0);
}

#[test]
fn tokens_are_readable_and_exact() {
    for (bytes, want) in [
        ("사과".as_bytes(), "사과"),
        (b" a b ", " a b\\x20"),
        (b"\t\r\n\\", "\\t\\r\\n\\\\"),
        (b"\\x41", "\\\\x41"),
        (b"\0\x7F", "\\x00\\x7F"),
        (b"\xEC\x82", "\\xEC\\x82"),
        ("\u{2028}\u{85}\u{FEFF}\u{A0}".as_bytes(), "\\xE2\\x80\\xA8\\xC2\\x85\\xEF\\xBB\\xBF\u{A0}"),
    ] {
        let symbols: Vec<Symbol> = bytes.iter().map(|&b| Symbol(b.into())).collect();
        let mut text = String::new();
        escape(&Unit::Byte, &symbols, &mut text);
        assert_eq!(text, want);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn escapes_round_trip(symbols in proptest::collection::vec(prop_oneof![0u32..256, 97u32..100, 256u32..3000], 0..12)) {
        for name in ["byte", "syllable", "syllable:all", "jamo", "jamo:filler:compat:nfd-alias"] {
            let unit = Unit::from_name(name).unwrap();
            let symbols: Vec<Symbol> = symbols.iter().map(|s| Symbol(s % unit.n_base() as u32)).collect();
            let (mut text, mut back) = (String::new(), Vec::new());
            escape(&unit, &symbols, &mut text);
            unescape(text.as_bytes(), &unit, &mut back).unwrap();
            prop_assert_eq!(&back, &symbols);
            prop_assert!(!text.ends_with(' ') && !text.contains(['\n', '\t', '\r']));
        }
    }

    #[test]
    fn pairs_round_trip(picks in random_pairs(), raw: bool, step in 1u32..4, unmade: bool) {
        let mut merges = pick_pairs(if raw { ByteOrder::Raw } else { ByteOrder::Gpt2 }, &picks, step);
        if unmade {
            let token = |id, text: &[u8]| RankedToken { id: TokenId(id), spelling: text.iter().map(|&b| Symbol(b.into())).collect() };
            merges = merges.with_unmade(vec![token(7000, b"xyz"), token(6000, b"\xFF\n")]).unwrap();
        }
        let tokenizer = tokenizer(merges, "o200k");
        let file = write(&tokenizer);
        let back = read(&file).unwrap();
        prop_assert!(parts(&back) == parts(&tokenizer));
        prop_assert_eq!(write(&back), file);
    }

    #[test]
    fn ranks_round_trip(merges in random_ranks()) {
        let tokenizer = tokenizer(merges, "none");
        let back = read(&write(&tokenizer)).unwrap();
        prop_assert!(parts(&back) == parts(&tokenizer));
    }

    /// A file of odd order, bytes in an order of its own.
    #[test]
    fn any_base_ids_round_trip(shift in 0usize..256) {
        let mut base: Vec<TokenId> = (0..256).map(TokenId).collect();
        base.rotate_left(shift);
        let merge = Merge { left: base[97], right: base[98], result: TokenId(1000) };
        let tokenizer = tokenizer(Merges::new(base, Rule::Pairs(vec![merge])).unwrap(), "gpt2");
        prop_assert!(parts(&read(&write(&tokenizer)).unwrap()) == parts(&tokenizer));
    }

    /// Total: whatever a rightly summed file holds, it is read or refused.
    #[test]
    fn any_lines(lines in proptest::collection::vec("[0-9]{1,3}(\t[ab\\\\x6]{0,3}){1,3}", 0..6)) {
        let mut content = String::from_utf8(changed("256\t", "256\t")).unwrap();
        content.truncate(content.rfind("\n}\n").unwrap() + 3);
        let content = content.replace("\"merges\": 35", &format!("\"merges\": {}", lines.len())) + &lines.join("\n") + "\n";
        let _ = read(&summed(&content));
    }
}

#[test]
fn an_analyser_is_kept_and_named_where_formats_have_none() {
    let plain = tokenizer(learned(ByteOrder::Gpt2), "gpt2");
    let without = write(&plain);
    let analyser = Analyser { name: "mecab".into(), version: "python-mecab-ko 1.3.7".into() };
    let with = plain.with_analyser(Some(analyser.clone()));
    let file = write(&with);
    let text = String::from_utf8(file.clone()).unwrap();
    assert!(
        text.contains("\"morphemes\": {\n    \"analyser\": \"mecab\",\n    \"version\": \"python-mecab-ko 1.3.7\"\n")
    );
    let read = read(&file).unwrap();
    assert_eq!(read.analyser(), Some(&analyser));
    assert_ne!(identity(&read), identity(&super::read(&without).unwrap()));
    assert_eq!(write(&read.with_analyser(None)), without);
    for refused in [crate::formats::tiktoken::write(&with).err(), crate::formats::huggingface::write(&with).err()] {
        let e = refused.unwrap();
        assert!(e.to_string().contains("the morphemes that mecab (python-mecab-ko 1.3.7) finds"), "{e}");
        assert!(e.next_step().unwrap().contains("--at train"), "{e}");
    }
    let field = "{\n    \"analyser\": \"mecab\",\n    \"version\": \"python-mecab-ko 1.3.7\"\n  }";
    let content = &text[..text.rfind("sha256 ").unwrap()];
    for wrong in ["\"mecab\"", "{\"analyser\": \"mecab\"}", "{\"analyser\": 1, \"version\": \"2\"}"] {
        let e = super::read(&summed(&content.replace(field, wrong))).unwrap_err();
        assert!(e.to_string().contains("\"morphemes\" must be an object"), "{e}");
    }
}
