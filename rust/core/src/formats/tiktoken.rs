//! tiktoken's rank files, and the small Python module that tells tiktoken the rest.
//!
//! A rank file holds tokens and ranks, one `base64 SPACE rank` a line; a token's rank is its id. Pattern and specials
//! stand nowhere in it: the reader is told, the writer gives them in [`write_python`].
//!
//! **When a rank file can be written.** tiktoken merges by ranks. A tokenizer that does so too is written as it is,
//! where ranks and ids have one order. One that merges listed pairs is written if
//!
//! 1. every token's spelling, merged alone by the listed pairs, becomes that token, and
//! 2. in the order of their ids, tokens are made by ever later merges.
//!
//! Then both rules make the same merges on every piece: it is corollary 2 of the lemma in `formats/alone.rs`
//! (docs/formats.md), whose first condition is 1 and whose second is that any pair which spells a token has that
//! token's rank. tiktoken's short cut, a piece that is a token as a whole, gives what merging gives, by 1. Ranks of
//! single bytes are never compared, so they may lie anywhere.

use super::alone::{Alone, Joins};
use super::{check_bytes_only, listed, regex_text, shown};
use crate::merges::{Merges, RankedToken, Rule, check_id};
use crate::pretokenize::Pattern;
use crate::tokenizer::{Special, Tokenizer};
use crate::unit::Unit;
use crate::{Error, Result, Symbol, TokenId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, json};
use std::collections::HashMap;

/// The rank file's bytes. Under a second for 200,000 tokens, most of it the proof.
///
/// # Errors
/// `Unsupported`, with the reason, unless it is proven that ranks give the same ids as this tokenizer's rule.
pub fn write(tokenizer: &Tokenizer) -> Result<Vec<u8>> {
    check_bytes_only(tokenizer, "a rank file")?;
    check_ranks(tokenizer)?;
    let (mut out, mut bytes, mut text) = (Vec::new(), Vec::new(), String::new());
    for (id, spelling) in tokenizer.vocab().iter() {
        bytes.clear();
        tokenizer.unit().bytes_into(spelling, &mut bytes);
        text.clear();
        BASE64.encode_string(&bytes, &mut text);
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(format!(" {}\n", id.0).as_bytes());
    }
    Ok(out)
}

/// Fails unless merging by ranks, with ids as ranks, is proven to give this tokenizer's ids.
fn check_ranks(tokenizer: &Tokenizer) -> Result<()> {
    match tokenizer.merges().rule() {
        Rule::Ranks(tokens) => {
            let made: Vec<&RankedToken> = tokens.iter().filter(|t| t.spelling.len() > 1).collect();
            match made.windows(2).find(|two| two[0].id > two[1].id) {
                Some(two) => Err(out_of_order(tokenizer, two[0].id, two[1].id)),
                None => Ok(()),
            }
        }
        Rule::Pairs(_) => check_pairs(tokenizer),
    }
}

fn check_pairs(tokenizer: &Tokenizer) -> Result<()> {
    let (merges, vocab) = (tokenizer.merges(), tokenizer.vocab());
    let mut alone = Alone::new(Joins::of(merges, vocab), merges.base_ids());
    let mut before: Option<(u32, TokenId)> = None;
    for (id, spelling) in vocab.iter().filter(|(_, spelling)| spelling.len() > 1) {
        let ending = alone.merge(spelling);
        let Some((place, _)) = ending.last.filter(|_| ending.n_parts == 1) else {
            return Err(Error::unsupported(format!(
                "token {} ({}) merged alone becomes {} tokens, but tiktoken would make it one",
                id.0,
                shown(&bytes_of(tokenizer, id)),
                ending.n_parts
            ))
            .hint("write tokenizer.json instead"));
        };
        if let Some((_, other)) = before.filter(|&(earlier, _)| earlier > place) {
            return Err(out_of_order(tokenizer, id, other));
        }
        before = Some((place, id));
    }
    Ok(())
}

fn bytes_of(tokenizer: &Tokenizer, id: TokenId) -> Vec<u8> {
    tokenizer.decoder().bytes(id.0).unwrap_or_default().to_vec()
}

fn out_of_order(tokenizer: &Tokenizer, first: TokenId, second: TokenId) -> Error {
    Error::unsupported(format!(
        "token {} ({}) merges before token {} ({}), but a rank file merges in the order of ids",
        first.0,
        shown(&bytes_of(tokenizer, first)),
        second.0,
        shown(&bytes_of(tokenizer, second)),
    ))
    .hint("write tokenizer.json instead")
}

/// A Python module that makes the `tiktoken.Encoding`: it holds pattern and specials, and loads the rank file that lies
/// beside it (`rank_file_name`, a name without folders). It reaches for no network. `name` is the encoding's name; the
/// module's variable is `encoding`.
///
/// # Errors
/// As [`write()`]; and `Unsupported` for a regex that can match nothing or refers to its own groups, and for a special
/// whose text begins with another's (tiktoken takes either).
pub fn write_python(tokenizer: &Tokenizer, name: &str, rank_file_name: &str) -> Result<String> {
    check_bytes_only(tokenizer, "a rank file")?;
    check_ranks(tokenizer)?;
    check_specials(tokenizer.specials())?;
    if rank_file_name.is_empty() || rank_file_name.contains(['/', '\\', '\0']) {
        return Err(Error::argument(format!("rank file name {rank_file_name:?} must be a name without folders")));
    }
    let specials: Map<_, _> = tokenizer.specials().iter().map(|s| (s.text.clone(), json!(s.id.0))).collect();
    // A JSON string is a Python string: the escapes that serde_json writes mean the same in both.
    let [name, file, pattern] =
        [name, rank_file_name, &pattern_text(tokenizer.pattern())?].map(|s| json!(s).to_string());
    let specials = specials.iter().map(|(text, id)| format!("    {}: {id},\n", json!(text))).collect::<String>();
    Ok(format!(
        r#""""A tiktoken encoding, written by bpe-lab. Loads the rank file beside it; needs no network."""

import base64
from pathlib import Path

import tiktoken

PATTERN = {pattern}

SPECIAL_TOKENS = {{
{specials}}}


def _load_ranks() -> dict[bytes, int]:
    lines = (Path(__file__).resolve().parent / {file}).read_bytes().splitlines()
    return {{base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}}


encoding = tiktoken.Encoding(
    name={name},
    pat_str=PATTERN,
    mergeable_ranks=_load_ranks(),
    special_tokens=SPECIAL_TOKENS,
)
"#
    ))
}

/// The regex under which tiktoken cuts as `pattern` does, given that tiktoken drops what its regex does not match.
///
/// Named patterns match every character. Pattern `none` is one match of everything. A user's regex R becomes
/// `(?:R)|(?>(?:(?!R)(?s:.))+)`: where R matches, the first side matches the same; where it does not, the second takes
/// all characters up to the next place where R matches, which is the piece that bpe-lab makes of a gap. Nothing is left
/// out, since R never matches nothing.
fn pattern_text(pattern: &Pattern) -> Result<String> {
    let Some(regex) = pattern.tiktoken_regex() else { return Ok("(?s:.+)".to_owned()) };
    if pattern.name().is_some() {
        return Ok(regex.to_owned());
    }
    regex_text::check_no_references(regex)?;
    match regex_text::min_len(regex) {
        Some(1..) => Ok(format!("(?:{regex})|(?>(?:(?!{regex})(?s:.))+)")),
        Some(0) => {
            Err(Error::unsupported(format!("the regex {regex:?} can match nothing, which tiktoken's loop cannot take")))
        }
        None => Err(Error::unsupported(format!("it cannot be told whether the regex {regex:?} can match nothing"))),
    }
}

/// Fails where one special's text begins with another's: tiktoken's search has no order among them.
fn check_specials(specials: &[Special]) -> Result<()> {
    let mut texts: Vec<&str> = specials.iter().map(|s| s.text.as_str()).collect();
    texts.sort_unstable();
    match texts.windows(2).find(|two| two[1].starts_with(two[0])) {
        Some(two) => Err(Error::unsupported(format!(
            "special token {:?} begins with special token {:?}, and tiktoken takes either",
            two[1], two[0]
        ))),
        None => Ok(()),
    }
}

/// Reads a rank file's bytes, as a tokenizer that merges by ranks. About 30 ms of parsing for 200,000 tokens.
///
/// # Errors
/// A format error with the line: no base64, no rank, a rank too large, a token or rank given twice; or the bytes that
/// have no rank, without which some text could not be encoded.
pub fn read(bytes: &[u8], pattern: Pattern, specials: Vec<Special>) -> Result<Tokenizer> {
    let tokens = parse(bytes)?;
    let base_ids = base_ids(&tokens)?;
    let provenance = Map::from_iter([("imported_from".to_owned(), json!("a tiktoken rank file"))]);
    Tokenizer::new(Unit::Byte, pattern, Merges::unchecked(base_ids, Rule::Ranks(tokens)), specials, provenance)
        // The vocabulary names ids; the file's reader wants lines, and is worth a second look.
        .map_err(|e| token_twice(bytes).unwrap_or(e))
}

/// Whether `line` looks like one of a rank file.
pub(super) fn is_rank_line(line: &[u8]) -> bool {
    matches!(parse_line(line, &mut Vec::new()), Ok(Some(_)))
}

/// Tokens in the order of their ranks.
fn parse(bytes: &[u8]) -> Result<Vec<RankedToken>> {
    let (mut tokens, mut token): (Vec<RankedToken>, _) = (Vec::new(), Vec::new());
    let mut lines_of: Vec<u32> = Vec::new();
    for (at, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let within = |e: Error| e.within(format_args!("line {}", at + 1));
        token.clear();
        let Some(id) = parse_line(line, &mut token).map_err(within)? else { continue };
        let rank = id.0 as usize;
        if rank >= lines_of.len() {
            lines_of.resize(rank + 1, 0);
        }
        if lines_of[rank] != 0 {
            return Err(within(Error::format(format!("rank {rank} was given in line {}", lines_of[rank]))));
        }
        lines_of[rank] = at as u32 + 1;
        tokens.push(RankedToken { id, spelling: token.iter().map(|&b| Symbol(b.into())).collect() });
    }
    tokens.sort_by_key(|t| t.id);
    Ok(tokens)
}

/// The rank of one line; its token's bytes go to `token`. `None` for a blank line.
fn parse_line(line: &[u8], token: &mut Vec<u8>) -> Result<Option<TokenId>> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let space = memchr::memchr(b' ', line)
        .ok_or_else(|| Error::format(format!("{} is no base64, space and rank", shown(line))))?;
    let (text, rank) = (&line[..space], &line[space + 1..]);
    BASE64.decode_vec(text, token).map_err(|e| Error::format(format!("{} is no base64: {e}", shown(text))))?;
    if token.is_empty() {
        return Err(Error::format("the token is empty"));
    }
    let is_number = !rank.is_empty() && rank.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(rank).ok().filter(|_| is_number);
    let number = number.ok_or_else(|| Error::format(format!("{} is no rank", shown(rank))))?;
    // Digits only, so the one way to fail is to be too large.
    check_id(number.parse().unwrap_or(u64::MAX)).map(Some)
}

fn base_ids(tokens: &[RankedToken]) -> Result<Vec<TokenId>> {
    if tokens.is_empty() {
        return Err(Error::format("the rank file holds no tokens"));
    }
    let mut ids = [None; 256];
    for token in tokens {
        if let [one] = token.spelling.as_slice() {
            ids[one.0 as usize] = Some(token.id);
        }
    }
    let missing: Vec<String> = (0..256).filter(|&b| ids[b].is_none()).map(|b| format!("0x{b:02X}")).collect();
    if !missing.is_empty() {
        return Err(Error::format(format!("{} of the 256 bytes have no rank: {}", missing.len(), listed(&missing)))
            .hint("text with these bytes could not be encoded; the file may be truncated"));
    }
    Ok(ids.into_iter().flatten().collect())
}

/// The error for the first line whose token an earlier line has.
fn token_twice(bytes: &[u8]) -> Option<Error> {
    let mut seen = HashMap::new();
    bytes.split(|&b| b == b'\n').enumerate().find_map(|(at, line)| {
        let mut token = Vec::new();
        parse_line(line, &mut token).ok()??;
        let text = shown(&token);
        let earlier = seen.insert(token, at + 1)?;
        Some(Error::format(format!("line {}: token {text} was given in line {earlier}", at + 1)))
    })
}

#[cfg(test)]
mod tests;
