//! Where documents end. Cuts a stream of blocks, byte for byte; keeps no text and knows no pieces or samples.

use crate::count::{escape, unescape};
use crate::{Error, Result};
use memchr::memmem::Finder;
use std::fmt;
use std::str::FromStr;

/// Where one document ends and the next begins.
///
/// Documents tile the text: one after another they are the input, byte for byte. An end of file ends a document under
/// every rule, and no document is empty.
///
/// ```
/// use bpe_lab_core::ingest::Documents;
/// assert_eq!(Documents::parse(r"separator:\n---\n")?, Documents::Separator(b"\n---\n".to_vec()));
/// assert_eq!(Documents::Prefix(b"# ".to_vec()).to_string(), "prefix:# ");
/// # Ok::<(), bpe_lab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Documents {
    /// A file (or whatever [`Counter::end_of_file`](super::Counter::end_of_file) ends) is one document.
    #[default]
    File,
    /// A line, with its ending, which is LF or CR LF.
    Line,
    /// A paragraph: ends after a run of blank lines, which it keeps. A line is blank if it is only its ending.
    BlankLine,
    /// Ends after each occurrence of these bytes, which it keeps. Occurrences are sought from left to right and do not
    /// overlap.
    Separator(Vec<u8>),
    /// A new document begins at each line that starts with these bytes, which hold no LF.
    Prefix(Vec<u8>),
}

const FORMS: &str = "file, line, blank-line, separator:STR, prefix:STR";

impl Documents {
    /// Reads the command line's form: `file`, `line`, `blank-line`, `separator:STR` or `prefix:STR`, where STR may use
    /// the escapes `\n`, `\r`, `\t`, `\\` and `\xHH`.
    ///
    /// # Errors
    /// Another form, an empty STR, an unknown escape, a line feed in a prefix.
    pub fn parse(form: &str) -> Result<Self> {
        let (name, value) = match form.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (form, None),
        };
        let bytes = |value: &str| unescape(value.as_bytes()).map_err(|e| e.within(format!("documents {form}")));
        let documents = match (name, value) {
            ("file", None) => Self::File,
            ("line", None) => Self::Line,
            ("blank-line", None) => Self::BlankLine,
            ("separator", Some(value)) => Self::Separator(bytes(value)?),
            ("prefix", Some(value)) => Self::Prefix(bytes(value)?),
            ("separator" | "prefix", None) => {
                return Err(Error::argument(format!("documents {name} needs bytes, as in {name}:STR")));
            }
            _ => return Err(Error::argument(format!("unknown documents \"{form}\"; there are {FORMS}"))),
        };
        documents.check()?;
        Ok(documents)
    }

    /// Refuses what no text could be cut by.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Separator(bytes) | Self::Prefix(bytes) if bytes.is_empty() => {
                Err(Error::argument("the separator or prefix of documents needs at least 1 byte, got 0"))
            }
            Self::Prefix(bytes) if bytes.contains(&b'\n') => {
                Err(Error::argument(format!("documents {self}: a line cannot start with bytes that hold a line feed"))
                    .hint("use separator:STR, or a prefix without \\n"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Documents {
    /// The form that [`parse`](Documents::parse) reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = match self {
            Self::File => return f.write_str("file"),
            Self::Line => return f.write_str("line"),
            Self::BlankLine => return f.write_str("blank-line"),
            Self::Separator(bytes) => ("separator", bytes),
            Self::Prefix(bytes) => ("prefix", bytes),
        };
        let mut text = String::new();
        escape(bytes, &mut text);
        write!(f, "{name}:{text}")
    }
}

impl FromStr for Documents {
    type Err = Error;

    fn from_str(form: &str) -> Result<Self> {
        Self::parse(form)
    }
}

/// What a [`Splitter`] hands out: bytes of the current document, and whether the document ends with them. The bytes
/// may be empty where only the end was still open.
type Sink<'a> = dyn FnMut(&[u8], bool) -> Result<()> + 'a;

/// Cuts blocks into documents as they come. Between blocks it keeps no more than the rule's own bytes.
#[derive(Debug)]
pub(super) struct Splitter {
    rule: Rule,
    /// Whether a document has begun: bytes of it were handed out.
    open: bool,
}

#[derive(Debug)]
enum Rule {
    File,
    Line,
    BlankLine(BlankLines),
    Separator(Separators),
    Prefix(Prefixes),
}

impl Splitter {
    /// A splitter at the start of a file.
    pub(super) fn new(documents: &Documents) -> Result<Self> {
        documents.check()?;
        let rule = match documents {
            Documents::File => Rule::File,
            Documents::Line => Rule::Line,
            Documents::BlankLine => Rule::BlankLine(BlankLines::default()),
            Documents::Separator(bytes) => Rule::Separator(Separators::new(bytes)),
            Documents::Prefix(bytes) => Rule::Prefix(Prefixes::new(bytes)),
        };
        Ok(Self { rule, open: false })
    }

    /// Cuts the next block of the file.
    pub(super) fn push(&mut self, block: &[u8], sink: &mut Sink) -> Result<()> {
        if block.is_empty() {
            return Ok(());
        }
        let mut out = Out { sink, open: &mut self.open };
        match &mut self.rule {
            Rule::File => out.part(block),
            Rule::Line => push_lines(block, &mut out),
            Rule::BlankLine(state) => state.push(block, &mut out),
            Rule::Separator(state) => state.push(block, &mut out),
            Rule::Prefix(state) => state.push(block, &mut out),
        }
    }

    /// Ends the file and the document that is open. The next block begins a new file.
    pub(super) fn end_of_file(&mut self, sink: &mut Sink) -> Result<()> {
        let mut out = Out { sink, open: &mut self.open };
        match &mut self.rule {
            Rule::File | Rule::Line => (),
            Rule::BlankLine(state) => std::mem::take(state).end(&mut out)?,
            Rule::Separator(state) => state.tail.clear(),
            Rule::Prefix(state) => state.end(&mut out)?,
        }
        out.end()
    }
}

/// The sink, and whether a document is open there.
struct Out<'a, 'b> {
    sink: &'a mut Sink<'b>,
    open: &'a mut bool,
}

impl Out<'_, '_> {
    /// More of the current document.
    fn part(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        *self.open = true;
        (self.sink)(bytes, false)
    }

    /// The rest of the current document, at least 1 byte.
    #[inline]
    fn last(&mut self, bytes: &[u8]) -> Result<()> {
        *self.open = false;
        (self.sink)(bytes, true)
    }

    /// Ends the document if one is open.
    fn end(&mut self) -> Result<()> {
        if *self.open { self.last(&[]) } else { Ok(()) }
    }

    /// Ends the document with `bytes`, which may be none.
    fn cut(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() { self.end() } else { self.last(bytes) }
    }
}

fn push_lines(block: &[u8], out: &mut Out) -> Result<()> {
    let mut start = 0;
    for at in memchr::memchr_iter(b'\n', block) {
        out.last(&block[start..=at])?;
        start = at + 1;
    }
    out.part(&block[start..])
}

/// Paragraphs: a cut lies between a blank line and a line that is not.
#[derive(Debug)]
struct BlankLines {
    /// At the first byte of a line, or behind a CR that is the first byte.
    line_start: bool,
    /// That line comes after a blank one.
    after_blank: bool,
    /// The first byte of the line is a CR that was not handed out: whether the line is blank is open.
    held_cr: bool,
}

impl Default for BlankLines {
    fn default() -> Self {
        Self { line_start: true, after_blank: false, held_cr: false }
    }
}

impl BlankLines {
    fn push(&mut self, block: &[u8], out: &mut Out) -> Result<()> {
        // Bytes before `start` are handed out, lines before `at` are understood.
        let (mut start, mut at) = (0, 0);
        if self.held_cr {
            at = self.resolve_cr(block, out)?;
        }
        while at < block.len() {
            if self.line_start {
                match &block[at..] {
                    [b'\r'] => {
                        self.held_cr = true;
                        return out.part(&block[start..at]);
                    }
                    [b'\n', ..] | [b'\r', b'\n', ..] => self.after_blank = true,
                    _ => {
                        if std::mem::take(&mut self.after_blank) {
                            out.cut(&block[start..at])?;
                            start = at;
                        }
                    }
                }
            }
            let end = memchr::memchr(b'\n', &block[at..]);
            self.line_start = end.is_some();
            at = end.map_or(block.len(), |n| at + n + 1);
        }
        out.part(&block[start..])
    }

    /// Hands out the held CR now that the byte after it is known, and gives how far lines of `block` are understood.
    fn resolve_cr(&mut self, block: &[u8], out: &mut Out) -> Result<usize> {
        self.held_cr = false;
        if block.first() == Some(&b'\n') {
            self.after_blank = true;
            out.part(b"\r")?;
            return Ok(1);
        }
        if std::mem::take(&mut self.after_blank) {
            out.cut(&[])?;
        }
        self.line_start = false;
        out.part(b"\r")?;
        Ok(0)
    }

    /// A CR at the end of a file is a line that is not blank.
    fn end(mut self, out: &mut Out) -> Result<()> {
        if self.held_cr {
            self.resolve_cr(&[], out)?;
        }
        Ok(())
    }
}

/// A cut lies behind each occurrence of the separator.
#[derive(Debug)]
struct Separators {
    finder: Finder<'static>,
    /// The last bytes of the current document, fewer than the separator has: where one may have begun.
    tail: Vec<u8>,
}

impl Separators {
    fn new(separator: &[u8]) -> Self {
        Self { finder: Finder::new(separator).into_owned(), tail: Vec::new() }
    }

    fn push(&mut self, block: &[u8], out: &mut Out) -> Result<()> {
        let n = self.finder.needle().len();
        let mut start = 0;
        if let Some(end) = self.end_across(block) {
            out.last(&block[..end])?;
            self.tail.clear();
            start = end;
        }
        while let Some(found) = self.finder.find(&block[start..]) {
            let end = start + found + n;
            out.last(&block[start..end])?;
            self.tail.clear();
            start = end;
        }
        self.remember(&block[start..]);
        out.part(&block[start..])
    }

    /// Where in `block` the first separator that began in the tail ends.
    fn end_across(&self, block: &[u8]) -> Option<usize> {
        let seam = self.tail.len();
        let n = self.finder.needle().len();
        let window = [&self.tail, &block[..block.len().min(n - 1)]].concat();
        self.finder.find(&window).filter(|&at| at < seam).map(|at| at + n - seam)
    }

    fn remember(&mut self, rest: &[u8]) {
        let keep = self.finder.needle().len() - 1;
        self.tail.extend_from_slice(&rest[rest.len().saturating_sub(keep)..]);
        self.tail.drain(..self.tail.len().saturating_sub(keep));
    }
}

/// A cut lies before each line that starts with the prefix.
#[derive(Debug)]
struct Prefixes {
    /// A line feed and the prefix. The line feed is the only one, so occurrences do not overlap.
    finder: Finder<'static>,
    /// The last bytes of the file so far are the first `matched` ones of that. But for the line feed they are not
    /// handed out: what document they belong to is open.
    matched: usize,
}

impl Prefixes {
    fn new(prefix: &[u8]) -> Self {
        let needle = [b"\n", prefix].concat();
        Self { finder: Finder::new(&needle).into_owned(), matched: 0 }
    }

    fn push(&mut self, block: &[u8], out: &mut Out) -> Result<()> {
        let needle = self.finder.needle();
        if self.matched > 0 {
            let wanted = &needle[self.matched..];
            if block.len() < wanted.len() && wanted.starts_with(block) {
                self.matched += block.len();
                return Ok(());
            }
            if block.starts_with(wanted) {
                out.end()?;
            }
            out.part(&needle[1..self.matched])?;
        }
        let mut start = 0;
        while let Some(found) = self.finder.find(&block[start..]) {
            out.last(&block[start..=start + found])?;
            // The prefix itself is handed out by the next turn: no line feed in it, so nothing is found there.
            start += found + 1;
        }
        self.matched = partial_match(&block[start..], needle);
        let held = self.matched.saturating_sub(1);
        out.part(&block[start..block.len() - held])
    }

    /// What is held starts a line, but the line ends before the prefix does.
    fn end(&mut self, out: &mut Out) -> Result<()> {
        let matched = std::mem::take(&mut self.matched).max(1);
        out.part(&self.finder.needle()[1..matched])
    }
}

/// The length of the proper prefix of `needle` that `text` ends in. `needle` has its only line feed in front.
fn partial_match(text: &[u8], needle: &[u8]) -> usize {
    let window = &text[text.len().saturating_sub(needle.len() - 1)..];
    match memchr::memrchr(b'\n', window) {
        Some(at) if needle.starts_with(&window[at..]) => window.len() - at,
        _ => 0,
    }
}

/// The slow, obvious twin of [`Splitter`]: the documents of a whole file.
#[cfg(test)]
pub(super) fn split_whole<'a>(documents: &Documents, text: &'a [u8]) -> Vec<&'a [u8]> {
    let is_blank = |line: &[u8]| line == b"\n" || line == b"\r\n";
    let lines: Vec<&[u8]> = text.split_inclusive(|&b| b == b'\n').collect();
    let mut cuts = vec![0, text.len()];
    let mut at = 0;
    for (i, line) in lines.iter().enumerate() {
        let begins = match documents {
            Documents::Line => true,
            Documents::BlankLine => i > 0 && is_blank(lines[i - 1]) && !is_blank(line),
            Documents::Prefix(prefix) => line.starts_with(prefix),
            _ => false,
        };
        cuts.extend(begins.then_some(at));
        at += line.len();
    }
    if let Documents::Separator(separator) = documents {
        cuts.extend(memchr::memmem::find_iter(text, separator).map(|at| at + separator.len()));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// What the splitter makes of blocks, which are one file.
    fn split_blocks(documents: &Documents, blocks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new(documents).unwrap();
        let (mut all, mut current) = (Vec::new(), Vec::new());
        let mut sink = |bytes: &[u8], ends: bool| {
            current.extend_from_slice(bytes);
            if ends {
                all.push(std::mem::take(&mut current));
            }
            Ok(())
        };
        for block in blocks {
            splitter.push(block, &mut sink).unwrap();
        }
        splitter.end_of_file(&mut sink).unwrap();
        splitter.end_of_file(&mut sink).unwrap();
        assert!(current.is_empty(), "bytes are left behind the last end");
        all
    }

    fn documents() -> impl Strategy<Value = Documents> {
        let bytes = |set: &'static [u8]| vec(proptest::sample::select(set), 1..5);
        prop_oneof![
            1 => Just(Documents::File),
            1 => Just(Documents::Line),
            2 => Just(Documents::BlankLine),
            3 => bytes(b"a#\n").prop_map(Documents::Separator),
            3 => bytes(b"a#\r").prop_map(Documents::Prefix),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn splitter_is_split_whole(
            documents in documents(),
            text in vec(proptest::sample::select(&b"a#\n\r\n"[..]), 0..40),
            cuts in vec(0usize..40, 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let blocks: Vec<&[u8]> = cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            let split = split_blocks(&documents, &blocks);
            prop_assert_eq!(&split, &split_whole(&documents, &text));
            prop_assert_eq!(split.concat(), text);
        }

        #[test]
        fn parse_undoes_display(documents in documents()) {
            prop_assert_eq!(Documents::parse(&documents.to_string()).unwrap(), documents);
        }
    }

    #[test]
    fn documents_by_rule() {
        let rows: [(&str, &str, &[&str]); 9] = [
            ("file", "a\n\nb\n", &["a\n\nb\n"]),
            ("line", "a\r\n\nb", &["a\r\n", "\n", "b"]),
            ("blank-line", "a\nb\n\n\r\n\nc\n \nd\n\n", &["a\nb\n\n\r\n\n", "c\n \nd\n\n"]),
            ("blank-line", "\n\na\n\n\rb", &["\n\n", "a\n\n", "\rb"]),
            ("separator:aa", "aaaaab", &["aa", "aa", "ab"]),
            ("separator:\\n--\\n", "a\n--\nb\n--\n--\n", &["a\n--\n", "b\n--\n", "--\n"]),
            ("prefix:# ", "x\n# a\n#b\n# c# d\n", &["x\n", "# a\n#b\n", "# c# d\n"]),
            ("prefix:#", "#\n#\n\n", &["#\n", "#\n\n"]),
            ("prefix:#", "", &[]),
        ];
        for (form, text, wanted) in rows {
            let split = split_blocks(&Documents::parse(form).unwrap(), &[text.as_bytes()]);
            let split: Vec<&str> = split.iter().map(|d| std::str::from_utf8(d).unwrap()).collect();
            assert_eq!(split, wanted, "{form}");
        }
    }

    #[test]
    fn wrong_forms() {
        for (form, part) in [
            ("lines", "unknown documents \"lines\"; there are file, line"),
            ("", "unknown documents"),
            ("line:x", "unknown documents"),
            ("separator", "separator:STR"),
            ("separator:", "at least 1 byte"),
            ("prefix:", "at least 1 byte"),
            ("prefix:a\\nb", "line feed"),
            ("separator:\\q", "unknown escape"),
        ] {
            let e = Documents::parse(form).unwrap_err();
            assert!(e.to_string().contains(part), "{form}: {e}");
        }
    }
}
