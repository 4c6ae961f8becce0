use super::*;
use crate::ErrorKind;
use crate::merges::{ByteOrder, Merge, Merges, RankedToken, Rule};
use crate::pretokenize::Pattern;
use crate::tokenizer::samples::{learned, pick_pairs, random_pairs, random_ranks, tokenizer};
use crate::tokenizer::{Special, SpecialRule, Tokenizer, Workspace};
use crate::unit::Unit;
use crate::{Symbol, TokenId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn encode(tokenizer: &Tokenizer, text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode_into(text, &SpecialRule::default(), &mut Workspace::new(), &mut ids).unwrap();
    ids
}

fn json_of(tokenizer: &Tokenizer) -> Value {
    serde_json::from_slice(&write(tokenizer).unwrap()).unwrap()
}

fn read_json(value: &Value) -> crate::Result<Tokenizer> {
    read(value.to_string().as_bytes())
}

fn spelled(id: u32, text: &str) -> RankedToken {
    RankedToken { id: TokenId(id), spelling: text.bytes().map(|b| Symbol(b.into())).collect() }
}

/// A file of the 256 bytes by value and these merges of byte characters, with `ignore_merges` or not.
fn sample(merges: &[(&str, &str)], more_tokens: &[&str], ignore_merges: bool) -> Value {
    let none = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![])).unwrap();
    let bare = Tokenizer::new(Unit::Byte, Pattern::from_name("none").unwrap(), none, vec![], Map::new()).unwrap();
    let mut file = json_of(&bare);
    let model = &mut file["model"];
    model["ignore_merges"] = json!(ignore_merges);
    let results = merges.iter().map(|(l, r)| format!("{l}{r}"));
    for text in results.chain(more_tokens.iter().map(|t| (*t).to_owned())) {
        let vocab = model["vocab"].as_object_mut().unwrap();
        let id = vocab.len();
        vocab.entry(text).or_insert(json!(id));
    }
    model["merges"] = merges.iter().map(|(l, r)| json!([l, r])).collect();
    file
}

/// What `tokenizers` does with a piece, from its description: `vocab` first where merges are ignored, else the listed
/// pair of lowest place, leftmost of equals, again and again.
fn like_huggingface(file: &Value, piece: &[u8]) -> Vec<u64> {
    let model = &file["model"];
    let text = byte_level::to_text(piece);
    if model["ignore_merges"] == true && model["vocab"].get(&text).is_some() {
        return vec![model["vocab"][&text].as_u64().unwrap()];
    }
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    let place = |l: &str, r: &str| model["merges"].as_array().unwrap().iter().position(|m| m[0] == l && m[1] == r);
    while let Some((_, at)) =
        (1..parts.len()).filter_map(|i| place(&parts[i - 1], &parts[i]).map(|place| (place, i))).min()
    {
        let right = parts.remove(at);
        parts[at - 1] += &right;
    }
    parts.iter().map(|p| model["vocab"][p].as_u64().unwrap()).collect()
}

fn check_like_huggingface(file: &Value, tokenizer: &Tokenizer, texts: &[&[u8]]) {
    for text in texts {
        let ours: Vec<u64> = encode(tokenizer, text).into_iter().map(u64::from).collect();
        assert_eq!(ours, like_huggingface(file, text), "{}", text.escape_ascii());
    }
}

#[test]
fn layout() {
    let file = json_of(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
    let pre = &file["pre_tokenizer"]["pretokenizers"];
    assert_eq!(pre[0]["type"], "Split");
    assert_eq!(pre[0]["behavior"], "Isolated");
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    assert_eq!((&pre[1], &file["decoder"]), (&byte_level, &byte_level));
    let model = &file["model"];
    assert_eq!((&model["ignore_merges"], &model["merges"][3]), (&json!(false), &json!(["Ġ", "lo"])));
    assert_eq!(model["vocab"]["<|endless|>"], file["added_tokens"][1]["id"]);
    assert!(file["normalizer"].is_null() && file["post_processor"].is_null());
    assert_eq!(json_of(&tokenizer(learned(ByteOrder::Raw), "none"))["pre_tokenizer"], byte_level);
}

#[test]
fn config_names_the_roles() {
    let special = |text: &str, id| Special { text: text.into(), id: TokenId(id) };
    let with = |specials| {
        let t = Tokenizer::new(
            Unit::Byte,
            Pattern::from_name("gpt2").unwrap(),
            learned(ByteOrder::Raw),
            specials,
            Map::new(),
        );
        serde_json::from_slice::<Value>(&tokenizer_config_json(&t.unwrap())).unwrap()
    };
    let bare = json!({"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false});
    assert_eq!(with(vec![special("<pad>", 900)]), bare);
    let both = with(vec![special("<s>", 900), special("<|endoftext|>", 901)]);
    assert_eq!((&both["eos_token"], &both["bos_token"]), (&json!("<|endoftext|>"), &json!("<s>")));
}

#[test]
fn specials_that_would_be_misread_are_refused() {
    let with = |text: &str| {
        let specials = vec![Special { text: text.into(), id: TokenId(900) }];
        let t = Tokenizer::new(
            Unit::Byte,
            Pattern::from_name("gpt2").unwrap(),
            learned(ByteOrder::Gpt2),
            specials,
            Map::new(),
        );
        write(&t.unwrap())
    };
    for (text, want) in [
        ("lo", "special token \"lo\" is written as tokenizer.json writes a token of the vocabulary"),
        ("Ġlo", "special token \"Ġlo\" is written as tokenizer.json writes a token of the vocabulary"),
        ("Ā", "special token \"Ā\" is written as tokenizer.json writes a token of the vocabulary"),
        ("éé", "special token \"éé\" is made of characters that Hugging Face's decoder takes for other bytes"),
    ] {
        let e = with(text).unwrap_err();
        assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Unsupported, want));
    }
    with("<｜끝｜>").unwrap();
    with("<é é>").unwrap();
}

#[test]
fn patterns_survive() {
    for name in ["gpt2", "cl100k", "o200k", "none"] {
        let back = read(&write(&tokenizer(learned(ByteOrder::Gpt2), name)).unwrap()).unwrap();
        assert_eq!(back.pattern().name(), Some(name));
    }
    let custom = |regex| {
        let pattern = Pattern::from_regex(regex).unwrap();
        Tokenizer::new(Unit::Byte, pattern, learned(ByteOrder::Gpt2), vec![], Map::new()).unwrap()
    };
    let back = read(&write(&custom(r"[0-9]+| ?\p{L}+")).unwrap()).unwrap();
    assert_eq!((back.pattern().name(), back.pattern().hf_regex()), (None, Some(r"[0-9]+| ?\p{L}+")));
    for (regex, want) in [
        (r"\w+", "the regex part \"\\\\w\" may mean something else to Hugging Face's regex engine"),
        (r"x*", "the regex \"x*\" can match nothing, or it cannot be told"),
    ] {
        assert_eq!(write(&custom(regex)).unwrap_err().to_string(), want);
    }
    // What GPT-2's own file has.
    let mut file = json_of(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
    file["pre_tokenizer"] = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    file["post_processor"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false});
    file["decoder"] = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true});
    assert_eq!(read_json(&file).unwrap().pattern().name(), Some("gpt2"));
}

#[test]
fn parts_that_change_ids_are_refused_by_name() {
    let rows = [
        ("/normalizer", json!({"type": "NFC"}), "normalizer: NFC"),
        ("/truncation", json!({"max_length": 5}), "truncation: \"{\\\"max_length\\\":5}\""),
        ("/post_processor", json!({"type": "TemplateProcessing"}), "post_processor: TemplateProcessing"),
        ("/decoder", json!(null), "decoder: none (tokens joined by spaces)"),
        ("/decoder", json!({"type": "Metaspace"}), "decoder: Metaspace"),
        ("/pre_tokenizer", json!(null), "pre_tokenizer: none"),
        ("/pre_tokenizer", json!({"type": "Whitespace"}), "pre_tokenizer: Whitespace"),
        ("/pre_tokenizer", json!({"type": "ByteLevel"}), "pre_tokenizer.add_prefix_space: a space put before the text"),
        ("/pre_tokenizer/pretokenizers/0/type", json!("Digits"), "pre_tokenizer.pretokenizers[0]: Digits"),
        (
            "/pre_tokenizer/pretokenizers/0/behavior",
            json!("Removed"),
            "pre_tokenizer.pretokenizers[0].behavior: Removed",
        ),
        ("/pre_tokenizer/pretokenizers/0/invert", json!(true), "pre_tokenizer.pretokenizers[0].invert: true"),
        (
            "/pre_tokenizer/pretokenizers/0/pattern",
            json!({"String": " "}),
            "pre_tokenizer.pretokenizers[0].pattern: a pattern other than Regex",
        ),
        (
            "/pre_tokenizer/pretokenizers/0/pattern/Regex",
            json!("x*"),
            "pre_tokenizer.pretokenizers[0].pattern.Regex: a regex that can match nothing",
        ),
        (
            "/pre_tokenizer/pretokenizers/1/use_regex",
            json!(true),
            "pre_tokenizer.pretokenizers[1].use_regex: a second regex after Split",
        ),
        ("/model/type", json!("Unigram"), "model.type: Unigram"),
        ("/model/dropout", json!(0.1), "model.dropout: \"0.1\""),
        ("/model/end_of_word_suffix", json!("</w>"), "model.end_of_word_suffix: \"\\\"</w>\\\"\""),
        ("/model/continuing_subword_prefix", json!("##"), "model.continuing_subword_prefix: \"\\\"##\\\"\""),
        ("/model/byte_fallback", json!(true), "model.byte_fallback: \"true\""),
        (
            "/added_tokens/0/special",
            json!(false),
            "added_tokens[0]: added token \"<|end\", made from plain text since it is not special,",
        ),
        ("/added_tokens/1/lstrip", json!(true), "added_tokens[1].lstrip: true (added token \"<|endless|>\")"),
        (
            "/added_tokens/1/normalized",
            json!(true),
            "added_tokens: \"<|end\" and \"<|endless|>\", which differ in \"normalized\" and may overlap,",
        ),
    ];
    for (at, value, want) in rows {
        let mut file = json_of(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
        *file.pointer_mut(at).unwrap() = value;
        let e = read_json(&file).unwrap_err();
        let want = format!("{want} is not reproduced by bpe-lab, so ids would differ");
        assert_eq!((e.kind(), e.to_string()), (ErrorKind::Unsupported, want));
    }
}

#[test]
fn files_that_are_not_what_they_claim_are_refused() {
    let rows = [
        ("/model/vocab", json!([]), "model.vocab must be an object, got \"[]\""),
        ("/model/vocab/!", json!(-1), "model.vocab[\"!\"] must be a token id, got \"-1\""),
        ("/model/vocab/!", json!("x"), "model.vocab[\"!\"] must be a token id, got \"\\\"x\\\"\""),
        ("/model/vocab/!", json!(1e300), "model.vocab[\"!\"] must be a token id, got \"1e+300\""),
        (
            "/model/vocab/!",
            json!(99_999_999_999u64),
            "model.vocab[\"!\"]: token id 99999999999 is too large: ids must stay below 2097152",
        ),
        ("/model/vocab/!", json!(1), "model.vocab: \"!\" and \"\\\"\" have the same id 1"),
        ("/model/merges/0", json!("er"), "model.merges[0] must be two tokens, got \"\\\"er\\\"\""),
        ("/model/merges/0", json!("e r x"), "model.merges[0] must be two tokens, got \"\\\"e r x\\\"\""),
        ("/model/merges/0", json!(["e"]), "model.merges[0] must be two tokens, got \"[\\\"e\\\"]\""),
        ("/model/merges/0", json!(7), "model.merges[0] must be two tokens, got \"7\""),
        ("/model/merges/0", json!(["e", "zz"]), "model.merges[0]: \"zz\" is not in model.vocab"),
        ("/model/merges/0", json!(["z", "q"]), "model.merges[0]: \"zq\" is not in model.vocab"),
        ("/model/merges/1", json!(["e", "r"]), "model.merges[1]: this pair was listed before"),
        ("/model/merges", json!({}), "model.merges must be a list, got \"{}\""),
        (
            "/added_tokens/0/id",
            json!(900),
            "added_tokens[0]: added token \"<|end\" says id 900, but Hugging Face would give it 291",
        ),
        ("/added_tokens/0/id", json!("900"), "added_tokens[0].id must be a whole number, got \"\\\"900\\\"\""),
        ("/added_tokens/0/content", json!(null), "added_tokens[0].content is missing"),
        ("/added_tokens/0/content", json!(""), "added_tokens[0]: an added token with empty content"),
        ("/added_tokens/0", json!(3), "added_tokens[0] must be an object, got \"3\""),
        ("/model", json!(null), "model is missing"),
        ("/model/ignore_merges", json!("no"), "model.ignore_merges must be true or false, got \"\\\"no\\\"\""),
        ("", json!([1]), "the file must be an object, got \"[1]\""),
    ];
    for (at, value, want) in rows {
        let mut file = json_of(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
        *file.pointer_mut(at).unwrap() = value;
        let e = read_json(&file).unwrap_err();
        assert_eq!((e.kind(), e.to_string().as_str()), (ErrorKind::Format, want));
    }
    assert_eq!(read(b"{\"a\": [").unwrap_err().to_string(), "not JSON: EOF while parsing a list at line 1 column 7");
    assert_eq!(read("[".repeat(100_000).as_bytes()).unwrap_err().kind(), ErrorKind::Format);
}

#[test]
fn odd_vocabularies_are_refused() {
    let mut file = sample(&[], &[], false);
    file["model"]["vocab"].as_object_mut().unwrap().remove("Ġ");
    let e = read_json(&file).unwrap_err();
    assert!(e.to_string().starts_with("model.vocab: a vocabulary without 1 of the 256 bytes (0x20)"), "{e}");
    for (more, want) in [("", "model.vocab: a token is empty"), (" ", "ids 32 and 256 spell the same (\" \")")] {
        assert_eq!(read_json(&sample(&[], &[more], false)).unwrap_err().to_string(), want);
    }
    let special = |text: &str, id: u64| json!([{"id": id, "content": text, "special": true, "normalized": false}]);
    let mut file = sample(&[("a", "b"), ("ab", "c")], &[], false);
    file["added_tokens"] = special("ab", 256);
    let e = read_json(&file).unwrap_err();
    assert!(e.to_string().starts_with("model.merges[0]: a merge of added token \"ab\""), "{e}");
    file["added_tokens"] = special("a", 97);
    let e = read_json(&file).unwrap_err();
    assert!(e.to_string().starts_with("added_tokens: \"a\", which is a byte of the vocabulary too,"), "{e}");
    // Outside the model's vocabulary Hugging Face numbers on from its size.
    file["added_tokens"] = special("<end>", 258);
    assert_eq!(read_json(&file).unwrap().specials()[0].id, TokenId(258));
    file["added_tokens"] = json!([special("<a>", 258)[0], special("<b>", 259)[0]]);
    assert_eq!(read_json(&file).unwrap().specials()[1].id, TokenId(259));
    // Releases differ in what comes after a special that has a high number in the vocabulary.
    file["model"]["vocab"]["<a>"] = json!(300);
    file["added_tokens"] = json!([special("<a>", 300)[0], special("<b>", 301)[0]]);
    let e = read_json(&file).unwrap_err();
    let want = "added_tokens[1]: added token \"<b>\" says id 301, but Hugging Face would give it a number of its own";
    assert_eq!(e.to_string(), want);
}

#[test]
fn merges_written_as_strings() {
    let mut file = sample(&[("a", "b"), ("ab", "c")], &[], false);
    file["model"]["merges"] = json!(["#version: 0.2", "a b", "#version x", "ab c"]);
    let t = read_json(&file).unwrap();
    assert_eq!(encode(&t, b"abcab"), [257, 256]);
}

#[test]
fn tokens_that_no_merge_makes_keep_their_ids() {
    let file = sample(&[("a", "b")], &["xyz", "ab한", "Ġq"], false);
    let t = read_json(&file).unwrap();
    assert_eq!(t.merges().unmade(), [spelled(257, "xyz"), spelled(258, "ab한"), spelled(259, " q")]);
    assert_eq!(encode(&t, b"xyz q"), [120, 121, 122, 32, 113]);
    assert_eq!(t.token_bytes(258).unwrap(), "ab한".as_bytes());
    let back = read(&write(&t).unwrap());
    // Written in byte characters now; the same bytes, the same id.
    assert_eq!(back.unwrap().merges(), t.merges());
}

#[test]
fn dead_merges_of_later_parts_are_left_out() {
    // What `transformers` derives from rank files: every split of a token, whether or not its parts come before.
    let all = [("a", "b"), ("b", "c"), ("a", "bc"), ("ab", "c")];
    let early = [("a", "b"), ("a", "bc"), ("ab", "c"), ("b", "c")];
    for (list, n) in [(all, 4), (early, 3)] {
        let file = sample(&list, &[], false);
        let t = read_json(&file).unwrap();
        assert_eq!(t.merges().pairs().len(), n);
        check_like_huggingface(&file, &t, &[b"abc", b"bcabcab", b"bc", b"aabbcc"]);
    }
    // Alone, ba becomes b + aa? No: here a merge does use a part that only a later merge makes.
    let e = read_json(&sample(&[("ab", "c"), ("a", "b")], &[], false)).unwrap_err();
    assert!(
        e.to_string().starts_with("model.merges[0]: making id 256 of a token that only a later merge makes"),
        "{e}"
    );
}

#[test]
fn ignored_merges_become_ranks_where_that_is_exact() {
    let file = sample(&[("a", "b"), ("ab", "c")], &["xyz"], true);
    let t = read_json(&file).unwrap();
    assert!(matches!(t.merges().rule(), Rule::Ranks(_)));
    check_like_huggingface(&file, &t, &[b"xyz", b"xyzx", b"abcab", b"ab", b"c"]);
    // Alone, "xy" stays x + y, but ranks would join them wherever they meet.
    let e = read_json(&sample(&[("a", "b")], &["xy"], true)).unwrap_err();
    assert!(
        e.to_string().starts_with("model.ignore_merges: true with a token (\"xy\") whose two parts no merge joins"),
        "{e}"
    );
    let e = read_json(&sample(&[("a", "b")], &["x y"], true)).unwrap_err();
    assert!(e.to_string().starts_with("model.vocab: token \"x y\", which is not written in byte characters,"), "{e}");
}

#[test]
fn equal_pairs_are_written_once() {
    let merge = Merge { left: TokenId(97), right: TokenId(98), result: TokenId(256) };
    let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![merge, merge])).unwrap();
    assert_eq!(json_of(&tokenizer(merges, "gpt2"))["model"]["merges"], json!([["a", "b"]]));
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[abc \u{AC00}\u{AC01}]{0,14}", 12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn pairs_are_written_exactly(picks in random_pairs(), texts in texts()) {
        let t = tokenizer(pick_pairs(ByteOrder::Gpt2, &picks, 2), "none");
        let file = json_of(&t);
        let back = read_json(&file).unwrap();
        prop_assert_eq!(back.merges(), t.merges());
        prop_assert_eq!(back.specials(), t.specials());
        for text in &texts {
            check_like_huggingface(&file, &t, &[text.as_bytes()]);
        }
    }

    #[test]
    fn ranks_are_written_exactly(merges in random_ranks(), texts in texts()) {
        let t = tokenizer(merges, "none");
        let file = json_of(&t);
        let tokens: Vec<Vec<u8>> = t.vocab().iter().map(|(id, _)| t.token_bytes(id.0).unwrap()).collect();
        let tokens = tokens.iter().map(Vec::as_slice).filter(|token| token.len() > 1);
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).chain(tokens).collect();
        check_like_huggingface(&file, &t, &texts);
        let back = read_json(&file).unwrap();
        for text in texts {
            prop_assert_eq!(encode(&back, text), encode(&t, text));
        }
    }

    /// Any list of splits, in any order, with tokens that nothing makes: read exactly or refused.
    #[test]
    fn what_is_read_encodes_alike(
        splits in proptest::collection::vec(("[ab]{1,3}", "[ab]{1,3}"), 0..8),
        more in proptest::collection::vec("[abc]{2,4}", 0..3),
        ignore_merges: bool,
        texts in proptest::collection::vec("[abc]{0,9}", 10),
    ) {
        let mut splits = splits;
        splits.dedup();
        let list: Vec<(&str, &str)> = splits.iter().map(|(l, r)| (l.as_str(), r.as_str())).collect();
        let parts: Vec<&str> = list.iter().flat_map(|(l, r)| [*l, *r]).filter(|p| p.len() > 1).collect();
        let more: Vec<&str> = more.iter().map(String::as_str).chain(parts).collect();
        let file = sample(&list, &more, ignore_merges);
        if let Ok(t) = read_json(&file) {
            let tokens = file["model"]["vocab"].as_object().unwrap().keys().filter(|k| k.is_ascii());
            let texts: Vec<&[u8]> = texts.iter().chain(tokens).map(String::as_bytes).collect();
            check_like_huggingface(&file, &t, &texts);
        }
    }

    /// Total: a value of any sort in any place.
    #[test]
    fn any_value_anywhere(place in 0usize..400, kind in 0usize..8) {
        let mut file = json_of(&tokenizer(learned(ByteOrder::Gpt2), "gpt2"));
        let mut left = place;
        replace_nth(&mut file, &mut left, &[json!(null), json!(true), json!(-1), json!(1e99), json!("x"), json!([]), json!({}), json!([["a", "b"]])][kind]);
        let _ = read_json(&file);
    }
}

/// Puts `new` in the place of the value with number `left` in reading order.
fn replace_nth(value: &mut Value, left: &mut usize, new: &Value) {
    if *left == 0 {
        *value = new.clone();
    }
    let Some(n) = left.checked_sub(1) else {
        *left = usize::MAX;
        return;
    };
    *left = n;
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| replace_nth(v, left, new)),
        Value::Array(list) => list.iter_mut().for_each(|v| replace_nth(v, left, new)),
        _ => {}
    }
}
