//! bpe-lab's own file: text, small, diffable, with magic, version, provenance and checksum.
//!
//! ```text
//! bpe-lab tokenizer 1
//! {                                   one JSON object: unit, pattern, rule, byte order, specials, counts, provenance
//!   …
//! }
//! 256<TAB>i<TAB>n                     a merge (rule pairs): id, left, right
//! 300<TAB>xyz                         a token that no merge makes; with rule ranks every token, in rank order
//! sha256 <64 hex digits>              over all bytes before this line
//! ```
//!
//! Tokens are written as text. `\t`, `\n`, `\r` and `\\` are escaped so, and as `\xHH` every byte that is not UTF-8, is
//! part of a character without a visible form, or is a space at a token's end. A base symbol above 255 is the character
//! that it is, or the syllable that it spells with the symbols after it; a jamo that is in none is `\{ᄀ}` (the conjoining
//! letter), other symbols have names (`\{filler}`), and any may be `\{N}`.
//! Nothing is compressed and nothing is computed: what is read is what stands there, checked.

use super::shown;
use crate::merges::{ByteOrder, Merge, Merges, RankedToken, Rule, check_id};
use crate::pretokenize::{Pattern, UNICODE_VERSION};
use crate::tokenizer::{Analyser, Special, Tokenizer};
use crate::unit::{Unit, Written};
use crate::vocab::SpellingIndex;
use crate::{Error, Result, Symbol, TokenId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// How every file begins.
pub(super) const MAGIC: &[u8] = b"bpe-lab tokenizer ";
/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;
/// How the last line begins.
const SUM: &[u8] = b"sha256 ";

/// The file's bytes. Equal tokenizers give equal bytes.
pub fn write(tokenizer: &Tokenizer) -> Vec<u8> {
    write_with(tokenizer, tokenizer.provenance().clone())
}

/// Everything that decides ids: the file's bytes without the provenance. Tokenizers that differ only in where they come
/// from give equal bytes.
pub fn identity(tokenizer: &Tokenizer) -> Vec<u8> {
    write_with(tokenizer, Map::new())
}

fn write_with(tokenizer: &Tokenizer, provenance: Map<String, Value>) -> Vec<u8> {
    let header = Value::Object(header(tokenizer, provenance));
    let mut text = format!("bpe-lab tokenizer {VERSION}\n{header:#}\n");
    let vocab = tokenizer.vocab();
    let spelled = |text: &mut String, id| {
        text.push('\t');
        escape(tokenizer.unit(), vocab.spelling(id).unwrap_or_default(), text);
    };
    match tokenizer.merges().rule() {
        Rule::Pairs(list) => {
            for merge in list {
                push_id(&mut text, merge.result);
                spelled(&mut text, merge.left);
                spelled(&mut text, merge.right);
                text.push('\n');
            }
        }
        Rule::Ranks(tokens) => write_tokens(tokenizer.unit(), tokens, &mut text),
    }
    write_tokens(tokenizer.unit(), tokenizer.merges().unmade(), &mut text);
    let sum = hex(&Sha256::digest(text.as_bytes()));
    text.extend(["sha256 ", &sum, "\n"]);
    text.into_bytes()
}

fn write_tokens(unit: &Unit, tokens: &[RankedToken], text: &mut String) {
    for token in tokens {
        push_id(text, token.id);
        text.push('\t');
        escape(unit, &token.spelling, text);
        text.push('\n');
    }
}

fn push_id(text: &mut String, id: TokenId) {
    let _ = write!(text, "{}", id.0); // writing to a String cannot fail
}

fn header(tokenizer: &Tokenizer, provenance: Map<String, Value>) -> Map<String, Value> {
    let merges = tokenizer.merges();
    let pattern = match (tokenizer.pattern().name(), tokenizer.pattern().tiktoken_regex()) {
        (Some(name), _) => json!({ "name": name }),
        (None, regex) => json!({ "regex": regex }),
    };
    let (rule, n_merges, n_tokens) = match merges.rule() {
        Rule::Pairs(list) => ("pairs", list.len(), merges.unmade().len()),
        Rule::Ranks(tokens) => ("ranks", 0, tokens.len()),
    };
    let specials: Vec<Value> = tokenizer.specials().iter().map(|s| json!({ "text": s.text, "id": s.id.0 })).collect();
    let fields = [
        ("unit", json!(tokenizer.unit().name())),
        ("atoms", json!(tokenizer.unit().listed_atoms())),
        ("pattern", pattern),
        ("rule", json!(rule)),
        ("byte_order", byte_order(merges.base_ids())),
        ("unicode", json!(UNICODE_VERSION)),
        ("specials", json!(specials)),
        ("counts", json!({ "merges": n_merges, "tokens": n_tokens })),
        ("provenance", Value::Object(provenance)),
    ];
    let is_there = |(name, value): &(&str, Value)| *name != "atoms" || !value.is_null();
    let morphemes = tokenizer.analyser().map(|a| ("morphemes", json!({ "analyser": a.name, "version": a.version })));
    fields.into_iter().filter(is_there).chain(morphemes).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The name of the order where it has one, else the id of every base symbol. Symbols above 255 have their own number in
/// both named orders.
fn byte_order(base_ids: &[TokenId]) -> Value {
    let named = |order: &ByteOrder| ids_in(*order, base_ids.len()).eq(base_ids.iter().copied());
    match [ByteOrder::Gpt2, ByteOrder::Raw].into_iter().find(named) {
        Some(order) => json!(order.name()),
        None => json!(base_ids.iter().map(|id| id.0).collect::<Vec<_>>()),
    }
}

fn ids_in(order: ByteOrder, n_base: usize) -> impl Iterator<Item = TokenId> {
    order.ids().into_iter().chain((256..n_base as u32).map(TokenId))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// Appends the text of a token.
fn escape(unit: &Unit, spelling: &[Symbol], text: &mut String) {
    for written in unit.written(spelling) {
        match written {
            Written::Bytes(symbols) => escape_byte_symbols(unit, symbols, text),
            Written::Text(c) => text.push(c),
            Written::Named(name) => text.extend(["\\{", &name, "}"]),
            Written::Number(symbol) => _ = write!(text, "\\{{{}}}", symbol.0),
        }
    }
    if text.ends_with(' ') {
        text.pop();
        text.push_str("\\x20"); // editors and diffs eat spaces at the end of a line
    }
}

/// As text where the unit makes the same symbols of it, else byte for byte: a syllable that is an atom, spelled as bytes.
fn escape_byte_symbols(unit: &Unit, symbols: &[Symbol], text: &mut String) {
    let bytes: Vec<u8> = symbols.iter().map(|s| s.0 as u8).collect();
    let mut again = Vec::with_capacity(symbols.len());
    unit.symbols_into(&bytes, &mut again);
    if again == symbols {
        escape_bytes(&bytes, text);
    } else {
        escape_all(&bytes, text);
    }
}

fn escape_all(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02X}");
    }
}

fn escape_bytes(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\t' => text.push_str("\\t"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\\' => text.push_str("\\\\"),
                c if has_no_form(c) => escape_all(c.encode_utf8(&mut [0; 4]).as_bytes(), text),
                c => text.push(c),
            }
        }
        escape_all(chunk.invalid(), text);
    }
}

/// Controls, line and paragraph separators, zero-width and direction marks: what an editor hides or acts on.
fn has_no_form(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Reads a file's bytes.
///
/// Nothing is allocated for what a file only claims: memory is bounded by the file's size and
/// [`MAX_SPELLED`](crate::vocab::MAX_SPELLED). 200,000 merges take about 0.1 s.
///
/// ```
/// use bpe_lab_core::formats::native;
/// use bpe_lab_core::{Error, merges::*, pretokenize::Pattern, tokenizer::Tokenizer, unit::Unit};
/// let merges = Merges::new(ByteOrder::Raw.ids().to_vec(), Rule::Pairs(vec![]))?;
/// let bytes = Tokenizer::new(Unit::Byte, Pattern::from_name("gpt2")?, merges, vec![], Default::default())?;
/// let file = native::write(&bytes);
/// assert!(file.starts_with(b"bpe-lab tokenizer 1\n{\n  \"unit\": \"byte\",\n"));
/// assert_eq!(native::read(&file)?.n_ids(), 256);
/// let cut = native::read(&file[..file.len() - 9]).unwrap_err();
/// assert_eq!(cut.to_string(), "line 17: the file ends without its checksum line: it is truncated");
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// A format error with the line and, where there is one, the next step: not a bpe-lab file, written by a newer version,
/// truncated, changed (every bit counts), or inconsistent.
pub fn read(bytes: &[u8]) -> Result<Tokenizer> {
    check_magic(bytes)?;
    let content = check_sum(bytes)?;
    let (header, body, first_line) = split_header(content)?;
    let fields = Header::read(header)?;
    let body = Body::read(body, first_line, &fields)?;
    let merges = Merges::unchecked(fields.base_ids, body.rule).with_unmade_unchecked(body.unmade);
    Tokenizer::new(fields.unit, fields.pattern, merges, fields.specials, fields.provenance)
        .map(|tokenizer| tokenizer.with_analyser(fields.analyser))
        .map_err(|e| Error::format(e.to_string()))
}

fn check_magic(bytes: &[u8]) -> Result<()> {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let Some(version) = line.strip_prefix(MAGIC) else {
        let e = Error::format("line 1: not a bpe-lab tokenizer: it does not begin with \"bpe-lab tokenizer\"");
        return Err(match super::detect(bytes) {
            Some(super::Format::HuggingFace) => e.hint("this looks like a tokenizer.json: import it as huggingface"),
            Some(super::Format::Tiktoken) => e.hint("this looks like a rank file: import it as tiktoken"),
            _ if bytes.is_empty() => e.hint("the file is empty"),
            _ => e,
        });
    };
    if version.ends_with(b"\r") {
        return Err(Error::format("line 1: the line endings were changed to CRLF")
            .hint("take the original file; with git, mark it `-text` in .gitattributes"));
    }
    match std::str::from_utf8(version).ok().and_then(|v| v.parse::<u32>().ok()) {
        Some(VERSION) => Ok(()),
        Some(newer) if newer > VERSION => {
            Err(Error::format(format!("line 1: format version {newer} is newer than {VERSION}, the newest known here"))
                .hint("upgrade bpe-lab"))
        }
        _ => Err(Error::format(format!("line 1: {} is no format version", shown(version)))),
    }
}

/// All before the last line, which must be their checksum.
fn check_sum(bytes: &[u8]) -> Result<&[u8]> {
    let n_lines = 1 + memchr::memchr_iter(b'\n', bytes).count();
    let truncated = || {
        Error::format(format!("line {n_lines}: the file ends without its checksum line: it is truncated"))
            .hint("copy or download it again")
    };
    let text = bytes.strip_suffix(b"\n").ok_or_else(truncated)?;
    let start = memchr::memrchr(b'\n', text).map_or(0, |i| i + 1);
    let claimed = text[start..].strip_prefix(SUM).ok_or_else(truncated)?;
    let content = &bytes[..start];
    let sum = hex(&Sha256::digest(content));
    if claimed == sum.as_bytes() {
        return Ok(content);
    }
    let message = format!(
        "line {}: the checksum does not fit: the file says {}, its bytes give {sum}",
        n_lines - 1,
        shown(claimed)
    );
    Err(Error::format(message).hint("the file was damaged or edited; take the original"))
}

/// The header's text, the lines after it, and the number of the first of them.
fn split_header(content: &[u8]) -> Result<(&[u8], &[u8], usize)> {
    let start = memchr::memchr(b'\n', content).map_or(content.len(), |i| i + 1);
    let rest = &content[start..];
    // Only the outermost brace stands at the beginning of a line.
    let end = memchr::memmem::find(rest, b"\n}\n")
        .map(|i| i + 3)
        .ok_or_else(|| Error::format("line 2: the header has no end: a line that is \"}\""))?;
    let first_line = 2 + memchr::memchr_iter(b'\n', &rest[..end]).count();
    Ok((&rest[..end], &rest[end..], first_line))
}

/// What the header says, read.
struct Header {
    unit: Unit,
    pattern: Pattern,
    has_ranks: bool,
    base_ids: Vec<TokenId>,
    specials: Vec<Special>,
    n_merges: u64,
    n_tokens: u64,
    provenance: Map<String, Value>,
    analyser: Option<Analyser>,
}

impl Header {
    fn read(text: &[u8]) -> Result<Self> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|e| Error::format(format!("line {}: the header is no JSON: {e}", e.line() + 1)))?;
        let Value::Object(mut fields) = value else {
            return Err(Error::format("line 2: the header is no JSON object"));
        };
        let mut take =
            |name: &str| fields.remove(name).ok_or_else(|| Error::format(format!("header: field {name:?} is missing")));
        let unit = Unit::from_name(str_of(&take("unit")?, "unit")?).map_err(newer)?;
        let unit = if unit.is_resolved() { unit } else { unit.with_atoms(str_of(&take("atoms")?, "atoms")?)? };
        let pattern = pattern_of(&take("pattern")?)?;
        let has_ranks = has_ranks(str_of(&take("rule")?, "rule")?)?;
        let base_ids = base_ids_of(&take("byte_order")?, &unit)?;
        str_of(&take("unicode")?, "unicode")?;
        let specials = specials_of(&take("specials")?)?;
        let mut counts = object_of(take("counts")?, "counts")?;
        let mut count = |name: &str| {
            let value = counts.remove(name).unwrap_or_default();
            value.as_u64().ok_or_else(|| wrong(&format!("counts.{name}"), "a number", &value))
        };
        let (n_merges, n_tokens) = (count("merges")?, count("tokens")?);
        let provenance = object_of(take("provenance")?, "provenance")?;
        let analyser = fields.remove("morphemes").map(|value| analyser_of(&value)).transpose()?;
        if let Some(name) = fields.keys().chain(counts.keys()).next() {
            return Err(Error::format(format!("header: field {name:?} is not known to version {VERSION}")));
        }
        Ok(Self { unit, pattern, has_ranks, base_ids, specials, n_merges, n_tokens, provenance, analyser })
    }
}

/// A name that this program does not know, in a file of a version that it does.
fn newer(e: Error) -> Error {
    Error::format(format!("header: {e}")).hint("a newer bpe-lab may know it: upgrade bpe-lab")
}

fn wrong(field: &str, want: &str, value: &Value) -> Error {
    let given = shown(value.to_string().as_bytes());
    Error::format(format!("header: field {field:?} must be {want}, got {given}"))
}

fn str_of<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong(field, "a string", value))
}

fn object_of(value: Value, field: &str) -> Result<Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(wrong(field, "an object", &other)),
    }
}

fn pattern_of(value: &Value) -> Result<Pattern> {
    let only = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
    match only {
        Some((key, Value::String(name))) if key == "name" => Pattern::from_name(name).map_err(newer),
        Some((key, Value::String(regex))) if key == "regex" => {
            Pattern::from_regex(regex).map_err(|e| Error::format(format!("header: field \"pattern\": {e}")))
        }
        _ => Err(wrong("pattern", "{\"name\": …} or {\"regex\": …}", value)),
    }
}

fn has_ranks(rule: &str) -> Result<bool> {
    match rule {
        "pairs" => Ok(false),
        "ranks" => Ok(true),
        _ => Err(newer(Error::format(format!("unknown rule {rule:?}")))),
    }
}

fn base_ids_of(value: &Value, unit: &Unit) -> Result<Vec<TokenId>> {
    let named = [ByteOrder::Gpt2, ByteOrder::Raw].into_iter().find(|order| value.as_str() == Some(order.name()));
    let ids: Vec<TokenId> = match (named, value) {
        (Some(order), _) => ids_in(order, unit.n_base()).collect(),
        (None, Value::Array(ids)) => {
            let id = |v: &Value| check_id(v.as_u64().ok_or_else(|| wrong("byte_order", "names or ids", v))?);
            ids.iter().map(id).collect::<Result<_>>()?
        }
        (None, Value::String(name)) => return Err(newer(Error::format(format!("unknown byte order {name:?}")))),
        (None, other) => return Err(wrong("byte_order", "a name or a list of ids", other)),
    };
    if ids.len() != unit.n_base() {
        let (n, name) = (unit.n_base(), unit.name());
        return Err(Error::format(format!(
            "header: field \"byte_order\" has {} ids, unit {name} needs {n}",
            ids.len()
        )));
    }
    Ok(ids)
}

fn specials_of(value: &Value) -> Result<Vec<Special>> {
    let list = value.as_array().ok_or_else(|| wrong("specials", "a list", value))?;
    let special = |v: &Value| {
        let parts = v.as_object().filter(|map| map.len() == 2);
        match (parts.and_then(|m| m.get("text")?.as_str()), parts.and_then(|m| m.get("id")?.as_u64())) {
            (Some(text), Some(id)) => Ok(Special { text: text.to_owned(), id: check_id(id)? }),
            _ => Err(wrong("specials", "objects with text and id", v)),
        }
    };
    list.iter().map(special).collect()
}

fn analyser_of(value: &Value) -> Result<Analyser> {
    let parts = value.as_object().filter(|map| map.len() == 2);
    let text = |name: &str| Some(parts?.get(name)?.as_str()?.to_owned());
    match (text("analyser"), text("version")) {
        (Some(name), Some(version)) => Ok(Analyser { name, version }),
        _ => Err(wrong("morphemes", "an object with analyser and version", value)),
    }
}

/// The lines of merges and tokens, read.
struct Body {
    rule: Rule,
    unmade: Vec<RankedToken>,
}

impl Body {
    fn read(body: &[u8], first_line: usize, header: &Header) -> Result<Self> {
        let lines = Lines::read(body, first_line, &header.unit)?;
        let (n_merges, n_tokens) = lines.counts();
        for (name, claimed, found) in [("merges", header.n_merges, n_merges), ("tokens", header.n_tokens, n_tokens)] {
            if claimed != found {
                return Err(Error::format(format!("the header counts {claimed} {name}, the lines hold {found}")));
            }
        }
        if header.has_ranks {
            if let Some(merge) = lines.entries.iter().find(|e| e.middle != e.start) {
                return Err(Error::format(format!("line {}: a merge in a file of rule \"ranks\"", merge.line)));
            }
            let tokens = lines.entries.iter().map(|e| lines.token(e)).collect();
            return Ok(Self { rule: Rule::Ranks(tokens), unmade: Vec::new() });
        }
        lines.pairs(&header.base_ids, &header.unit)
    }
}

/// One line: a merge of two spellings, or a token.
struct Entry {
    line: usize,
    id: TokenId,
    /// Where the spelling lies in the arena; `start == middle` for a token, else the left part ends at `middle`.
    start: u32,
    middle: u32,
    end: u32,
}

struct Lines {
    entries: Vec<Entry>,
    arena: Vec<Symbol>,
}

impl Lines {
    fn read(body: &[u8], first_line: usize, unit: &Unit) -> Result<Self> {
        let n_lines = memchr::memchr_iter(b'\n', body).count();
        let mut lines = Self { entries: Vec::with_capacity(n_lines), arena: Vec::with_capacity(body.len() / 4) };
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        if body.is_empty() {
            return Ok(lines);
        }
        for (at, line) in body.split(|&b| b == b'\n').enumerate() {
            let line_number = first_line + at;
            lines.read_line(line, line_number, unit).map_err(|e| e.within(format_args!("line {line_number}")))?;
        }
        Ok(lines)
    }

    fn read_line(&mut self, text: &[u8], line: usize, unit: &Unit) -> Result<()> {
        let mut columns = text.split(|&b| b == b'\t');
        let id = read_id(columns.next().unwrap_or_default())?;
        let (first, second) = match (columns.next(), columns.next(), columns.next()) {
            (Some(first), second, None) => (first, second),
            _ => return Err(Error::format("a line has two columns (id, token) or three (id, left, right)")),
        };
        let start = self.arena.len();
        unescape(first, unit, &mut self.arena)?;
        let mut middle = start;
        if let Some(second) = second {
            middle = self.arena.len();
            unescape(second, unit, &mut self.arena)?;
        }
        if self.arena.len() > crate::vocab::MAX_SPELLED {
            return Err(Error::format(format!("the tokens spell more than {} symbols", crate::vocab::MAX_SPELLED)));
        }
        if self.arena.len() == start || middle == self.arena.len() || (second.is_some() && middle == start) {
            return Err(Error::format("a token is empty"));
        }
        let (start, middle, end) = (start as u32, middle as u32, self.arena.len() as u32);
        self.entries.push(Entry { line, id, start, middle, end });
        Ok(())
    }

    /// Lines that are merges, and lines that are tokens.
    fn counts(&self) -> (u64, u64) {
        let n_merges = self.entries.iter().filter(|e| e.middle != e.start).count();
        (n_merges as u64, (self.entries.len() - n_merges) as u64)
    }

    fn spelling(&self, entry: &Entry) -> &[Symbol] {
        &self.arena[entry.start as usize..entry.end as usize]
    }

    fn token(&self, entry: &Entry) -> RankedToken {
        RankedToken { id: entry.id, spelling: self.spelling(entry).to_vec() }
    }

    /// Merges, whose parts must be base symbols or stand on earlier lines, then tokens that no merge makes.
    fn pairs(&self, base_ids: &[TokenId], unit: &Unit) -> Result<Body> {
        let n_base = base_ids.len() as u32;
        let base: Vec<Symbol> = (0..n_base).map(Symbol).collect();
        // Numbers in the index: base symbols, then entries.
        let known = |number: u32| match number.checked_sub(n_base) {
            None => &base[number as usize..][..1],
            Some(entry) => self.spelling(&self.entries[entry as usize]),
        };
        let id_of = |number: u32| match number.checked_sub(n_base) {
            None => base_ids[number as usize],
            Some(entry) => self.entries[entry as usize].id,
        };
        let mut index = SpellingIndex::for_at_most(base.len() + self.entries.len());
        (0..n_base).for_each(|symbol| _ = index.insert(known(symbol), symbol, known));
        let (mut list, mut unmade) = (Vec::with_capacity(self.entries.len()), Vec::new());
        for (at, entry) in self.entries.iter().enumerate() {
            let within = |e: Error| e.within(format_args!("line {}", entry.line));
            if entry.middle == entry.start {
                unmade.push(self.token(entry));
            } else if !unmade.is_empty() {
                return Err(within(Error::format("a merge after tokens that no merge makes")));
            } else {
                let part = |range: std::ops::Range<u32>| {
                    let spelling = &self.arena[range.start as usize..range.end as usize];
                    let number = index.get(spelling, known).ok_or_else(|| unknown_part(unit, spelling))?;
                    Ok(id_of(number))
                };
                let left = part(entry.start..entry.middle).map_err(within)?;
                let right = part(entry.middle..entry.end).map_err(within)?;
                list.push(Merge { left, right, result: entry.id });
            }
            if let Err(other) = index.insert(self.spelling(entry), n_base + at as u32, known)
                && (id_of(other) != entry.id || entry.middle == entry.start)
            {
                let (id, other) = (entry.id.0, id_of(other).0);
                return Err(within(Error::format(format!("id {id} spells the same as id {other}"))));
            }
        }
        Ok(Body { rule: Rule::Pairs(list), unmade })
    }
}

fn unknown_part(unit: &Unit, spelling: &[Symbol]) -> Error {
    let mut text = String::new();
    escape(unit, spelling, &mut text);
    Error::format(format!("a merge of {text:?}, which is no base symbol and no result of an earlier line"))
}

fn read_id(text: &[u8]) -> Result<TokenId> {
    let is_canonical =
        text.len() <= 10 && text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || !text.starts_with(b"0"));
    let number = std::str::from_utf8(text).ok().filter(|_| is_canonical).and_then(|t| t.parse::<u64>().ok());
    check_id(number.ok_or_else(|| Error::format(format!("{} is no token id", shown(text))))?)
}

/// Appends the symbols of a token's text.
fn unescape(text: &[u8], unit: &Unit, out: &mut Vec<Symbol>) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let (literal, escaped) = rest.split_at(memchr::memchr(b'\\', rest).unwrap_or(rest.len()));
        unit.symbols_into(literal, out);
        let Some((_, escaped)) = escaped.split_first() else { break };
        let (symbol, after) = unescape_one(escaped, unit)?;
        if symbol as usize >= unit.n_base() {
            let n_base = unit.n_base();
            return Err(Error::format(format!("symbol {symbol} is outside the base alphabet of {n_base}")));
        }
        out.push(Symbol(symbol));
        rest = after;
    }
    Ok(())
}

/// The symbol of what follows a backslash, and the rest.
fn unescape_one<'a>(text: &'a [u8], unit: &Unit) -> Result<(u32, &'a [u8])> {
    let bad = || Error::format(format!("\"\\{}\" is no escape", text[..text.len().min(4)].escape_ascii()));
    let (&kind, rest) = text.split_first().ok_or_else(bad)?;
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
        u32::from_str_radix(digits, radix).ok()
    };
    match kind {
        b't' => Ok((9, rest)),
        b'n' => Ok((10, rest)),
        b'r' => Ok((13, rest)),
        b'\\' => Ok((92, rest)),
        b'x' => {
            let (digits, rest) = rest.split_at_checked(2).ok_or_else(bad)?;
            Ok((number(digits, 16).ok_or_else(bad)?, rest))
        }
        b'{' => {
            let end = memchr::memchr(b'}', rest).filter(|&end| end <= 10).ok_or_else(bad)?;
            let named = || unit.named(std::str::from_utf8(&rest[..end]).ok()?).map(|symbol| symbol.0);
            Ok((number(&rest[..end], 10).or_else(named).ok_or_else(bad)?, &rest[end + 1..]))
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests;
