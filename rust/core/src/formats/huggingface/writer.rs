//! A tokenizer to the text of `tokenizer.json`.

use super::byte_level::{is_misread, to_text};
use crate::formats::alone::{Alone, Joins};
use crate::formats::{check_bytes_only, regex_text};
use crate::merges::{Merge, Rule};
use crate::pretokenize::Pattern;
use crate::tokenizer::{Special, Tokenizer};
use crate::{Error, Pair, Result, TokenId};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The text of `tokenizer.json`.
///
/// Specials stand among `added_tokens` and in the model's vocabulary, so that ids with holes stay right. Merges are
/// written as lists: as strings, one that begins with `#version` would be dropped.
///
/// # Errors
/// `Unsupported`, with the reason, where `tokenizers` could not give the same ids: a base alphabet other than bytes, a
/// user's regex that its engine may read in another way or that can match nothing, a special that its decoder would
/// take for other bytes.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    check_bytes_only(tokenizer, "tokenizer.json")?;
    let texts = token_texts(tokenizer);
    check_specials(tokenizer, &texts)?;
    let vocab = vocab(tokenizer, &texts);
    let (pairs, ignore_merges) = pairs(tokenizer);
    let text = |id: TokenId| texts[id.0 as usize].as_str();
    let merges: Vec<Value> = pairs.iter().map(|pair| Value::from([text(pair.left), text(pair.right)])).collect();
    let added: Vec<Value> = tokenizer.specials().iter().map(added_token).collect();
    let mut file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer(tokenizer.pattern())?,
        "post_processor": null,
        "decoder": byte_level(),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": ignore_merges,
            "vocab": null,
            "merges": null,
        },
    });
    // Moved in: json! would copy 200,000 entries.
    file["model"]["vocab"] = Value::Object(vocab);
    file["model"]["merges"] = Value::Array(merges);
    Ok(format!("{file:#}\n").into_bytes())
}

/// The text of the `tokenizer_config.json` beside it, for `AutoTokenizer`.
///
/// The class is `PreTrainedTokenizerFast`: any other puts parts of its own into the tokenizer. A special called
/// `<|endoftext|>`, `</s>`, `<eos>` or `<|end_of_text|>` is given as end, `<s>`, `<bos>` or `<|begin_of_text|>` as
/// beginning of text. No `model_max_length`: without one nothing is truncated.
pub fn tokenizer_config_json(tokenizer: &Tokenizer) -> Vec<u8> {
    let mut config = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": false,
    });
    let named = |names: &[&str]| {
        names.iter().find(|name| tokenizer.specials().iter().any(|s| s.text == **name)).map(|name| json!(name))
    };
    let roles = [
        ("eos_token", named(&["<|endoftext|>", "</s>", "<eos>", "<|end_of_text|>"])),
        ("bos_token", named(&["<s>", "<bos>", "<|begin_of_text|>"])),
    ];
    for (role, name) in roles {
        if let Some(name) = name {
            config[role] = name;
        }
    }
    format!("{config:#}\n").into_bytes()
}

/// The text of every token, by id; empty for holes.
fn token_texts(tokenizer: &Tokenizer) -> Vec<String> {
    let decoder = tokenizer.decoder();
    let mut texts = vec![String::new(); tokenizer.n_ids()];
    for (id, _) in tokenizer.vocab().iter() {
        texts[id.0 as usize] = to_text(decoder.bytes(id.0).unwrap_or_default());
    }
    texts
}

fn check_specials(tokenizer: &Tokenizer, texts: &[String]) -> Result<()> {
    let specials = tokenizer.specials();
    if specials.is_empty() {
        return Ok(());
    }
    let texts: HashSet<&str> = texts.iter().map(String::as_str).collect();
    for special in specials {
        if texts.contains(special.text.as_str()) {
            return Err(Error::unsupported(format!(
                "special token {:?} is written as tokenizer.json writes a token of the vocabulary",
                special.text
            )));
        }
        if is_misread(&special.text) {
            return Err(Error::unsupported(format!(
                "special token {:?} is made of characters that Hugging Face's decoder takes for other bytes",
                special.text
            ))
            .hint("give it a text with an ASCII space or bracket"));
        }
    }
    Ok(())
}

/// Texts and ids, specials too, by id.
fn vocab(tokenizer: &Tokenizer, texts: &[String]) -> Map<String, Value> {
    let tokens = tokenizer.vocab().iter().map(|(id, _)| (id, texts[id.0 as usize].as_str()));
    let mut all: Vec<_> = tokens.chain(tokenizer.specials().iter().map(|s| (s.id, s.text.as_str()))).collect();
    all.sort_unstable();
    all.into_iter().map(|(id, text)| (text.to_owned(), json!(id.0))).collect()
}

/// Pairs in the order in which they merge, and whether a piece that is a token stays whole.
fn pairs(tokenizer: &Tokenizer) -> (Vec<Pair>, bool) {
    match tokenizer.merges().rule() {
        Rule::Pairs(list) => (first_of_each(list), false),
        Rule::Ranks(_) => (made_pairs(tokenizer), true),
    }
}

/// Listed pairs; of equal ones only the first counts here, but the last does there.
fn first_of_each(list: &[Merge]) -> Vec<Pair> {
    let mut seen = HashSet::with_capacity(list.len());
    list.iter().map(|m| Pair::new(m.left, m.right)).filter(|pair| seen.insert(*pair)).collect()
}

/// For every token that merging by ranks ever makes, in rank order, the two parts it is made from.
fn made_pairs(tokenizer: &Tokenizer) -> Vec<Pair> {
    let (merges, vocab) = (tokenizer.merges(), tokenizer.vocab());
    let mut alone = Alone::new(Joins::of(merges, vocab), merges.base_ids());
    let mut made: Vec<(u32, Pair)> = vocab
        .iter()
        .filter_map(|(_, spelling)| {
            let ending = alone.merge(spelling);
            ending.last.filter(|_| ending.n_parts == 1)
        })
        .collect();
    made.sort_unstable();
    made.into_iter().map(|(_, pair)| pair).collect()
}

fn added_token(special: &Special) -> Value {
    json!({
        "id": special.id.0,
        "content": special.text,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": true,
    })
}

fn byte_level() -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false })
}

fn pre_tokenizer(pattern: &Pattern) -> Result<Value> {
    let Some(regex) = pattern.hf_regex() else { return Ok(byte_level()) };
    if pattern.name().is_none() {
        regex_text::check_same_in_oniguruma(regex)?;
        if matches!(regex_text::min_len(regex), None | Some(0)) {
            return Err(Error::unsupported(format!("the regex {regex:?} can match nothing, or it cannot be told")));
        }
    }
    let split = json!({ "type": "Split", "pattern": { "Regex": regex }, "behavior": "Isolated", "invert": false });
    Ok(json!({ "type": "Sequence", "pretokenizers": [split, byte_level()] }))
}
