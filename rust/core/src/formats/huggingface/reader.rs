//! The text of a `tokenizer.json` to a tokenizer: what bpe-lab reproduces is taken, everything else refused by name.

use super::byte_level::{is_misread, to_bytes, to_text};
use super::json::{Node, brief, refused, wrong};
use crate::formats::alone::{Alone, Ending, Joins};
use crate::formats::{listed, regex_text, shown};
use crate::merges::{Merge, Merges, RankedToken, Rule, check_id};
use crate::pretokenize::Pattern;
use crate::tokenizer::{Special, Tokenizer};
use crate::unit::Unit;
use crate::{Error, Pair, Result, Symbol, TokenId};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// Reads the text of a `tokenizer.json`. About 0.6 s for 200,000 tokens.
///
/// # Errors
/// `Unsupported` names the part (normalizer, model type, pre-tokenizer, …) that bpe-lab would not reproduce; a format
/// error says where the file is not what it claims to be.
pub fn read(bytes: &[u8]) -> Result<Tokenizer> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|e| Error::format(format!("not JSON: {e}")))?;
    let root = Node::new("", &value)?;
    check_surroundings(&root)?;
    let pattern = pattern(&root)?;
    let model = root.node("model")?;
    check_model(&model)?;
    let ids = ids(&model)?;
    let added = AddedTokens::read(&root, &ids)?;
    let tokens = Tokens::new(&ids, &added)?;
    let list = merges(&model, &ids, &tokens)?;
    let merges = if model.flag("ignore_merges", false)? { tokens.by_ranks(&list)? } else { tokens.by_pairs(list)? };
    let provenance = Map::from_iter([("imported_from".to_owned(), json!("a Hugging Face tokenizer.json"))]);
    Tokenizer::new(Unit::Byte, pattern, merges, added.specials, provenance).map_err(|e| Error::format(e.to_string()))
}

/// What stands around model and pre-tokenizer must not change ids or decoded bytes.
fn check_surroundings(root: &Node<'_>) -> Result<()> {
    for part in ["normalizer", "truncation", "padding"] {
        root.neutral(part, |_| false)?;
    }
    root.neutral("post_processor", is_byte_level)
        .map_err(|e| e.hint("ids without special tokens around them are unaffected: set \"post_processor\" to null"))?;
    match root.get("decoder") {
        Some(value) if is_byte_level(value) => Ok(()),
        Some(value) => Err(refused("decoder", &brief(value))),
        None => Err(refused("decoder", "none (tokens joined by spaces)")),
    }
}

/// Whether `part` is `ByteLevel`, or a sequence of nothing else. Its offsets may be trimmed: ids are the same.
fn is_byte_level(part: &Value) -> bool {
    let inner = |name: &str| part.get(name).and_then(Value::as_array).is_some_and(|all| all.iter().all(is_byte_level));
    match part.get("type").and_then(Value::as_str) {
        Some("ByteLevel") => true,
        Some("Sequence") => inner("processors") || inner("decoders"),
        _ => false,
    }
}

fn pattern(root: &Node<'_>) -> Result<Pattern> {
    if root.get("pre_tokenizer").is_none() {
        return Err(refused("pre_tokenizer", "none"));
    }
    let node = root.node("pre_tokenizer")?;
    let parts = if node.type_name() == "Sequence" { node.nodes("pretokenizers")? } else { vec![node] };
    match parts.as_slice() {
        [last] => match byte_level(last)? {
            true => Pattern::from_name("gpt2"),
            false => Pattern::from_name("none"),
        },
        [split, last] => {
            let pattern = split_pattern(split)?;
            if byte_level(last)? {
                return Err(refused(&format!("{}.use_regex", last.path), "a second regex after Split"));
            }
            Ok(pattern)
        }
        _ => Err(refused("pre_tokenizer", &format!("a sequence of {}", parts.len()))),
    }
}

/// Whether `node`, which must be `ByteLevel`, cuts by GPT-2's regex.
fn byte_level(node: &Node<'_>) -> Result<bool> {
    if node.type_name() != "ByteLevel" {
        return Err(refused(&node.path, node.type_name()));
    }
    // Both are on where they are not given.
    if node.flag("add_prefix_space", true)? {
        return Err(refused(&format!("{}.add_prefix_space", node.path), "a space put before the text"));
    }
    node.flag("use_regex", true)
}

fn split_pattern(node: &Node<'_>) -> Result<Pattern> {
    if node.type_name() != "Split" {
        return Err(refused(&node.path, node.type_name()));
    }
    let behavior = node.str("behavior")?;
    if behavior != "Isolated" {
        return Err(refused(&format!("{}.behavior", node.path), behavior));
    }
    if node.flag("invert", false)? {
        return Err(refused(&format!("{}.invert", node.path), "true"));
    }
    let pattern = node.node("pattern")?;
    if pattern.get("Regex").is_none() {
        return Err(refused(&pattern.path, "a pattern other than Regex"));
    }
    let regex = pattern.str("Regex")?;
    let path = format!("{}.Regex", pattern.path);
    let pattern = Pattern::from_hf_regex(regex).map_err(|e| e.within(&path))?;
    if pattern.name().is_none() {
        regex_text::check_same_in_oniguruma(regex).map_err(|e| e.within(&path))?;
        if matches!(regex_text::min_len(regex), None | Some(0)) {
            return Err(refused(&path, "a regex that can match nothing"));
        }
    }
    Ok(pattern)
}

fn check_model(model: &Node<'_>) -> Result<()> {
    // Old files name no type; vocabulary and merges tell.
    if !matches!(model.type_name(), "BPE" | "") {
        return Err(refused("model.type", model.type_name()));
    }
    model.neutral("dropout", |v| v.as_f64() == Some(0.0))?;
    model.neutral("continuing_subword_prefix", |v| v.as_str() == Some(""))?;
    model.neutral("end_of_word_suffix", |v| v.as_str() == Some(""))?;
    model.neutral("byte_fallback", |v| v.as_bool() == Some(false))
    // unk_token and fuse_unk never count: all 256 bytes are in the vocabulary, which is checked.
}

/// The model's vocabulary: texts and ids.
fn ids<'a>(model: &Node<'a>) -> Result<HashMap<&'a str, TokenId>> {
    let map = model.map("vocab")?;
    let (mut ids, mut seen) = (HashMap::with_capacity(map.len()), HashMap::with_capacity(map.len()));
    for (text, id) in map {
        let path = || format!("model.vocab[{}]", shown(text.as_bytes()));
        let id =
            check_id(id.as_u64().ok_or_else(|| wrong(&path(), "a token id", id))?).map_err(|e| e.within(path()))?;
        if let Some(other) = seen.insert(id, text) {
            return Err(Error::format(format!(
                "model.vocab: {} and {} have the same id {}",
                shown(other.as_bytes()),
                shown(text.as_bytes()),
                id.0
            )));
        }
        ids.insert(text.as_str(), id);
    }
    Ok(ids)
}

/// Added tokens, all of which must be such that they are specials here.
struct AddedTokens {
    specials: Vec<Special>,
}

impl AddedTokens {
    fn read(root: &Node<'_>, ids: &HashMap<&str, TokenId>) -> Result<Self> {
        let (mut specials, mut sets): (Vec<Special>, [Vec<&str>; 2]) = (Vec::new(), [Vec::new(), Vec::new()]);
        let mut texts = HashSet::new();
        let mut numbering = Numbering { ids, n_new: 0, has_high: false };
        for node in root.nodes("added_tokens")? {
            let (text, id) = (node.str("content")?, check_id(node.number("id")?).map_err(|e| e.within(&node.path))?);
            check_flags(&node, text)?;
            if !texts.insert(text) {
                return Err(Error::format(format!("{}: added token {text:?} is given twice", node.path)));
            }
            numbering.check(&node, text, id)?;
            sets[usize::from(node.flag("normalized", true)?)].push(text);
            specials.push(Special { text: text.to_owned(), id });
        }
        check_two_searches(&sets)?;
        Ok(Self { specials })
    }
}

fn check_flags(node: &Node<'_>, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::format(format!("{}: an added token with empty content", node.path)));
    }
    if !node.flag("special", false)? {
        return Err(refused(
            &node.path,
            &format!("added token {text:?}, made from plain text since it is not special,"),
        )
        .hint("set its \"special\" to true if text may hold it unread"));
    }
    for flag in ["single_word", "lstrip", "rstrip"] {
        if node.flag(flag, false)? {
            return Err(refused(&format!("{}.{flag}", node.path), &format!("true (added token {text:?})")));
        }
    }
    if is_misread(text) {
        return Err(refused(&node.path, &format!("added token {text:?}, which its decoder takes for other bytes,")));
    }
    Ok(())
}

/// How Hugging Face numbers added tokens: by the vocabulary, or else on from the vocabulary's size; a file's id that
/// differs is only warned of. Whether it goes on from specials inside the vocabulary has changed between releases, so
/// that is refused.
struct Numbering<'a> {
    ids: &'a HashMap<&'a str, TokenId>,
    /// Added tokens so far that the vocabulary does not hold.
    n_new: u32,
    /// Whether one so far has an id of the vocabulary's size or more.
    has_high: bool,
}

impl Numbering<'_> {
    /// Fails unless the added token `text` really gets `id`.
    fn check(&mut self, node: &Node<'_>, text: &str, id: TokenId) -> Result<()> {
        let n_known = self.ids.len() as u32;
        let real = match self.ids.get(text) {
            Some(&known) => Some(known),
            None if self.has_high => None,
            None => Some(TokenId(n_known + self.n_new)),
        };
        if real != Some(id) {
            let given = real.map_or("a number of its own".to_owned(), |real| real.0.to_string());
            return Err(Error::format(format!(
                "{}: added token {text:?} says id {}, but Hugging Face would give it {given}",
                node.path, id.0
            ))
            .hint("put it into model.vocab with its id"));
        }
        match self.ids.contains_key(text) {
            true => self.has_high |= id.0 >= n_known,
            false => self.n_new += 1,
        }
        Ok(())
    }
}

/// Tokens of which `normalized` is false are searched first, the others in what is left. That is one search, as here,
/// where no token of one set can overlap one of the other.
fn check_two_searches([first, second]: &[Vec<&str>; 2]) -> Result<()> {
    const MOST: usize = 100_000; // real files have a few dozen
    if first.len().saturating_mul(second.len()) > MOST {
        return Err(refused("added_tokens", "so many tokens that differ in \"normalized\""));
    }
    for a in first {
        for b in second {
            if may_overlap(a, b) {
                return Err(refused(
                    "added_tokens",
                    &format!("{a:?} and {b:?}, which differ in \"normalized\" and may overlap,"),
                ));
            }
        }
    }
    Ok(())
}

fn may_overlap(a: &str, b: &str) -> bool {
    let ends_as_begins =
        |a: &str, b: &str| (1..=a.len().min(b.len())).any(|n| a.as_bytes().ends_with(&b.as_bytes()[..n]));
    a.contains(b) || b.contains(a) || ends_as_begins(a, b) || ends_as_begins(b, a)
}

/// The model's tokens without the specials.
struct Tokens {
    base_ids: Vec<TokenId>,
    /// All other tokens, by id; none is empty.
    longer: Vec<RankedToken>,
    /// A token that is not written in byte characters: no text is ever made of it.
    foreign: Option<String>,
}

impl Tokens {
    fn new(ids: &HashMap<&str, TokenId>, added: &AddedTokens) -> Result<Self> {
        let specials: HashSet<&str> = added.specials.iter().map(|s| s.text.as_str()).collect();
        let base = |b: u8| ids.get(to_text(&[b]).as_str()).copied();
        let missing: Vec<String> = (0..=255).filter(|&b| base(b).is_none()).map(|b| format!("0x{b:02X}")).collect();
        if !missing.is_empty() {
            let n = missing.len();
            return Err(refused(
                "model.vocab",
                &format!("a vocabulary without {n} of the 256 bytes ({})", listed(&missing)),
            ));
        }
        let base_ids: Vec<TokenId> = (0..=255).filter_map(base).collect();
        let (mut foreign, mut longer): (_, Vec<RankedToken>) = (None, Vec::with_capacity(ids.len()));
        for (&text, &id) in ids.iter().filter(|(text, _)| !specials.contains(*text)) {
            if text.is_empty() {
                return Err(Error::format("model.vocab: a token is empty"));
            }
            let bytes = to_bytes(text).unwrap_or_else(|| {
                foreign = Some(text.to_owned()); // it decodes to its own bytes
                text.as_bytes().to_vec()
            });
            if bytes.len() != 1 || !base_ids.contains(&id) {
                longer.push(RankedToken { id, spelling: bytes.into_iter().map(|b| Symbol(b.into())).collect() });
            }
        }
        longer.sort_unstable_by_key(|token| token.id);
        match specials.iter().find(|text| to_bytes(text).is_some_and(|bytes| bytes.len() == 1)) {
            Some(text) => Err(refused("added_tokens", &format!("{text:?}, which is a byte of the vocabulary too,"))),
            None => Ok(Self { base_ids, longer, foreign }),
        }
    }

    /// The file's merges as they are, if each one's parts exist before it; else without those that never apply.
    fn by_pairs(self, list: Vec<Merge>) -> Result<Merges> {
        let list = match self.first_early_merge(&list) {
            None => list,
            Some(_) => self.without_dead(&list)?,
        };
        let made: HashSet<TokenId> = list.iter().map(|m| m.result).collect();
        let unmade = self.longer.into_iter().filter(|token| !made.contains(&token.id)).collect();
        Ok(Merges::unchecked(self.base_ids, Rule::Pairs(list)).with_unmade_unchecked(unmade))
    }

    /// The first merge of a part that no base symbol is and no earlier merge makes.
    fn first_early_merge(&self, list: &[Merge]) -> Option<usize> {
        let mut made: HashSet<TokenId> = self.base_ids.iter().copied().collect();
        list.iter().position(|merge| {
            let is_early = !made.contains(&merge.left) || !made.contains(&merge.right);
            made.insert(merge.result);
            is_early
        })
    }

    /// Merges that apply somewhere: for every token the one that makes it when its spelling is merged alone.
    fn without_dead(&self, list: &[Merge]) -> Result<Vec<Merge>> {
        let made = self.endings(list).into_iter().zip(&self.longer);
        let mut kept: Vec<(u32, Merge)> = made
            .filter(|(ending, _)| ending.n_parts == 1)
            .filter_map(|(ending, token)| {
                let (rank, Pair { left, right }) = ending.last?;
                Some((rank, Merge { left, right, result: token.id }))
            })
            .collect();
        kept.sort_unstable_by_key(|(rank, _)| *rank);
        let merges: Vec<Merge> = kept.iter().map(|(_, merge)| *merge).collect();
        match self.first_early_merge(&merges) {
            None => Ok(merges),
            Some(at) => Err(refused(
                &format!("model.merges[{}]", kept[at].0),
                &format!("making id {} of a token that only a later merge makes", merges[at].result.0),
            )),
        }
    }

    /// How the spelling of every longer token ends when it is merged alone by `list`.
    fn endings(&self, list: &[Merge]) -> Vec<Ending> {
        let mut alone = Alone::new(Joins::listed(list), &self.base_ids);
        self.longer.iter().map(|token| alone.merge(&token.spelling)).collect()
    }

    /// The tokens in the order of the merges that make them, those that none makes last (or in the order of ids, where
    /// that is the same), if ranks in this order are proven to give the same ids as `list` with `ignore_merges`.
    fn by_ranks(self, list: &[Merge]) -> Result<Merges> {
        if let Some(text) = &self.foreign {
            return Err(refused("model.vocab", &format!("token {text:?}, which is not written in byte characters,")));
        }
        let endings = self.endings(list);
        let two_parts = endings.iter().zip(&self.longer).find(|(ending, _)| ending.n_parts == 2);
        if let Some((_, token)) = two_parts {
            let spelled: Vec<u8> = token.spelling.iter().map(|s| s.0 as u8).collect();
            return Err(refused(
                "model.ignore_merges",
                &format!("true with a token ({}) whose two parts no merge joins", shown(&spelled)),
            ));
        }
        let place = |ending: &Ending| ending.last.filter(|_| ending.n_parts == 1).map_or(u32::MAX, |(rank, _)| rank);
        let made = endings.iter().filter(|ending| ending.n_parts == 1);
        let is_by_id = made.map(place).is_sorted();
        let mut longer: Vec<(u32, RankedToken)> = endings.iter().map(place).zip(self.longer).collect();
        if !is_by_id {
            longer.sort_by_key(|(place, _)| *place);
        }
        let base = self.base_ids.iter().enumerate();
        let base = base.map(|(b, &id)| RankedToken { id, spelling: vec![Symbol(b as u32)] });
        let mut tokens: Vec<RankedToken> = base.chain(longer.into_iter().map(|(_, token)| token)).collect();
        if is_by_id {
            tokens.sort_by_key(|token| token.id);
        }
        Ok(Merges::unchecked(self.base_ids, Rule::Ranks(tokens)))
    }
}

fn merges(model: &Node<'_>, ids: &HashMap<&str, TokenId>, tokens: &Tokens) -> Result<Vec<Merge>> {
    if model.get("merges").is_none() {
        return Err(Error::format("model.merges is missing").hint("the file is cut or was edited"));
    }
    let values = model.list("merges")?;
    let mut is_known = vec![false; crate::symbol::MAX_IDS];
    tokens.base_ids.iter().chain(tokens.longer.iter().map(|t| &t.id)).for_each(|id| is_known[id.0 as usize] = true);
    let (mut list, mut seen) = (Vec::with_capacity(values.len()), HashSet::with_capacity(values.len()));
    let mut joint = String::new();
    for (at, value) in values.iter().enumerate() {
        let Some((left, right)) = sides(value, at)? else { continue };
        joint.clear();
        joint.extend([left, right]);
        let id = |text: &str| match ids.get(text) {
            Some(&id) if is_known[id.0 as usize] => Ok(id),
            Some(_) => Err(refused(&format!("model.merges[{at}]"), &format!("a merge of added token {text:?}"))),
            None => Err(Error::format(format!("model.merges[{at}]: {} is not in model.vocab", shown(text.as_bytes())))),
        };
        let merge = Merge { left: id(left)?, right: id(right)?, result: id(&joint)? };
        if !seen.insert((merge.left, merge.right)) {
            return Err(Error::format(format!("model.merges[{at}]: this pair was listed before")));
        }
        list.push(merge);
    }
    Ok(list)
}

/// Both sides of a merge, written as `"a b"` or `["a", "b"]`; `None` for a string that Hugging Face takes for a header.
fn sides(value: &Value, at: usize) -> Result<Option<(&str, &str)>> {
    let sides = match value {
        Value::String(text) if text.starts_with("#version") => return Ok(None),
        Value::String(text) => text.split_once(' ').filter(|(_, right)| !right.contains(' ')),
        Value::Array(two) => match two.as_slice() {
            [Value::String(left), Value::String(right)] => Some((left.as_str(), right.as_str())),
            _ => None,
        },
        _ => None,
    };
    let sides = sides.filter(|(left, right)| !left.is_empty() && !right.is_empty());
    sides.map(Some).ok_or_else(|| wrong(&format!("model.merges[{at}]"), "two tokens", value))
}
