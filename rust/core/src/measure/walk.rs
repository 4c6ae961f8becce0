//! One document in one pass: characters come in order, and the tokens that end on the way are closed and counted.
//!
//! A token is judged where it stands, from its two ends: by the characters that it holds whole or in part, and by the
//! eojeol that it begins, fills or crosses.

use super::chars::{Char, Conjoining, each_char, is_white_or_end, with_space};
use super::columns::*;
use super::words::Types;
use super::{Facts, WINDOW_TOKENS};
use crate::hangul::Script;

/// Windows of [`WINDOW_TOKENS`] tokens over all documents of a part.
pub(super) struct Windows<'a> {
    sums: &'a mut Vec<[u64; 3]>,
    /// Tokens since the first window began.
    n_tokens: u64,
    /// Where the present window begins in this document.
    start: usize,
}

impl<'a> Windows<'a> {
    pub fn at(sums: &'a mut Vec<[u64; 3]>, n_tokens: u64) -> Self {
        sums.resize(sums.len().max((n_tokens / WINDOW_TOKENS) as usize + 1), [0; 3]);
        Self { sums, n_tokens, start: 0 }
    }

    /// Adds to the window that the open token stands in.
    #[inline]
    fn add(&mut self, what: usize, n: u64) {
        if let Some(window) = self.sums.last_mut() {
            window[what] += n;
        }
    }

    /// A token ends at byte `end`.
    #[inline]
    fn token(&mut self, end: usize) {
        self.n_tokens += 1;
        if self.n_tokens.is_multiple_of(WINDOW_TOKENS) {
            self.add(0, (end - self.start) as u64);
            self.start = end;
            self.sums.push([0; 3]);
        }
    }
}

/// The token that is not closed yet.
struct Open {
    start: usize,
    /// Characters that are no white space, whole or in part.
    n_dark: u32,
    /// The eojeol it touches.
    n_words: u32,
    /// The last of them, by number in the document, from 1.
    last_word: u32,
    /// Whether it holds the first character of an eojeol.
    begins_word: bool,
    /// Whether the last character that it touches is white space.
    ends_white: bool,
    /// Whether it holds part of a character.
    cuts: bool,
    /// Whether one of those is cut between bytes, not between jamo, or is a byte that is no UTF-8.
    cuts_bytes: bool,
    /// The script of its strongest character, and how strong that is.
    script: Script,
    strength: u8,
}

impl Open {
    fn at(start: usize) -> Self {
        Self {
            start,
            n_dark: 0,
            n_words: 0,
            last_word: 0,
            begins_word: false,
            ends_white: false,
            cuts: false,
            cuts_bytes: false,
            script: Script::Other,
            strength: 0,
        }
    }
}

/// An eojeol that has not ended yet.
#[derive(Default)]
struct Word {
    start: usize,
    n_tokens: u64,
    n_syllables: u64,
    n_broken: u64,
    fallback: bool,
}

/// A syllable of conjoining jamo that has not ended yet: L+ V+ T*.
struct Cluster {
    start: usize,
    last: Conjoining,
}

pub(super) struct Walk<'a> {
    facts: &'a Facts,
    text: &'a [u8],
    ids: &'a [u32],
    ends: &'a [u64],
    row: &'a mut [u64],
    types: &'a mut Types,
    windows: Windows<'a>,
    /// The open token, by number in the document.
    token: usize,
    open: Open,
    /// The last two different places where a token ended; 0 before any did.
    last_cuts: [usize; 2],
    word: Option<Word>,
    n_words: u32,
    cluster: Option<Cluster>,
    /// Where a token of nothing but white space ended whose last byte is U+0020.
    space_end: usize,
}

impl<'a> Walk<'a> {
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        facts: &'a Facts,
        text: &'a [u8],
        ids: &'a [u32],
        ends: &'a [u64],
        row: &'a mut [u64],
        types: &'a mut Types,
        windows: Windows<'a>,
    ) -> Self {
        Self {
            facts,
            text,
            ids,
            ends,
            row,
            types,
            windows,
            token: 0,
            open: Open::at(0),
            last_cuts: [0; 2],
            word: None,
            n_words: 0,
            cluster: None,
            space_end: usize::MAX,
        }
    }

    /// Counts the document.
    pub fn run(mut self) {
        let text = self.text;
        each_char(text, |c| self.character(c));
        self.end_word(text.len());
        self.end_cluster(text.len());
        while self.token < self.ends.len() {
            self.close(text.len());
        }
        let rest = (text.len() - self.windows.start) as u64;
        self.windows.add(0, rest);
        self.row[BYTES] += text.len() as u64;
        self.row[TOKENS] += self.ids.len() as u64;
    }

    #[inline]
    fn character(&mut self, c: Char) {
        if c.is_white {
            self.end_word(c.start);
        }
        self.cluster_until(&c);
        // Empty tokens end here too, before this character.
        while self.ends.get(self.token).is_some_and(|&end| end as usize == c.start) {
            self.close(c.start);
        }
        if !c.is_white && self.word.is_none() {
            self.begin_word(c.start);
        }
        self.windows.add(1, u64::from(c.is_syllable));
        let (is_broken, falls_back) = self.tokens_of(&c);
        self.count_character(&c, is_broken, falls_back || c.is_bad);
    }

    /// Goes through the tokens that hold the character; whether an edge cuts it, and whether a token lies inside it.
    #[inline]
    fn tokens_of(&mut self, c: &Char) -> (bool, bool) {
        let (mut from, mut inside) = (c.start, false);
        loop {
            // Tokens tile the document, so there is one for every byte.
            let end = self.ends.get(self.token).map_or(self.text.len(), |&end| end as usize);
            let to = end.min(c.end);
            if to > from {
                let is_whole = from == c.start && to == c.end;
                self.touch(c, is_whole);
                inside |= !is_whole && self.open.start >= c.start && end <= c.end;
            }
            if end > c.end {
                return (from > c.start, inside);
            }
            self.close(end);
            if end == c.end {
                return (from > c.start, inside);
            }
            from = end;
        }
    }

    /// The open token holds `c`, or part of it.
    #[inline]
    fn touch(&mut self, c: &Char, is_whole: bool) {
        let open = &mut self.open;
        open.ends_white = c.is_white;
        if !is_whole || c.is_bad {
            open.cuts = true;
            open.cuts_bytes |= !(self.facts.is_jamo && c.is_syllable);
        }
        if c.strength() > open.strength {
            (open.strength, open.script) = (c.strength(), c.script);
        }
        if c.is_white {
            return;
        }
        if let Some(word) = &mut self.word {
            if open.n_dark == 0 {
                word.n_tokens += 1;
            }
            open.begins_word |= word.start == c.start && open.start <= c.start;
        }
        open.n_dark += 1;
        if open.last_word != self.n_words {
            open.last_word = self.n_words;
            open.n_words += 1;
        }
    }

    /// The open token ends at byte `end`.
    #[inline]
    fn close(&mut self, end: usize) {
        let open = std::mem::replace(&mut self.open, Open::at(end));
        let id = self.ids[self.token] as usize;
        self.token += 1;
        self.windows.token(end);
        if end != self.last_cuts[1] {
            self.last_cuts = [self.last_cuts[1], end];
        }
        let kind = self.kind_of(&open, end);
        self.row[kind] += 1;
        self.row[of_script(open.script, S_TOKENS)] += 1;
        let is_base = match self.facts.kinds.get(id) {
            Some(kind) => kind.is_base(),
            None => end - open.start == 1 && open.cuts_bytes,
        };
        if is_base {
            self.row[TOKENS_BASE] += 1;
            self.row[of_script(open.script, S_BASE)] += 1;
        }
        if open.n_dark == 0 {
            self.row[TOKENS_OUTSIDE] += 1;
            if end > open.start && self.text[end - 1] == b' ' {
                self.space_end = end;
            }
        }
    }

    /// The column of what the token is.
    #[inline]
    fn kind_of(&self, open: &Open, end: usize) -> usize {
        if end == open.start {
            return TOKENS_EMPTY;
        }
        if open.cuts {
            return if open.cuts_bytes { TOKENS_FRAGMENT } else { TOKENS_JAMO };
        }
        match (open.strength, open.n_dark, open.n_words) {
            (0 | 1, ..) => TOKENS_OTHER,
            (_, 1, _) => TOKENS_ONE_CHAR,
            (_, _, 1) => {
                let ends_word = open.ends_white || is_white_or_end(self.text, end);
                if open.begins_word && ends_word { TOKENS_WHOLE_WORD } else { TOKENS_PART_WORD }
            }
            _ => TOKENS_SEVERAL_WORDS,
        }
    }

    #[inline]
    fn count_character(&mut self, c: &Char, is_broken: bool, falls_back: bool) {
        let (broken, fallback) = (u64::from(is_broken), u64::from(falls_back));
        self.row[CHARS] += 1;
        self.row[BROKEN_CHARS] += broken;
        self.row[FALLBACK_CHARS] += fallback;
        self.row[of_script(c.script, S_CHARS)] += 1;
        self.row[of_script(c.script, S_BYTES)] += (c.end - c.start) as u64;
        self.row[of_script(c.script, S_BROKEN)] += broken;
        self.row[of_script(c.script, S_FALLBACK)] += fallback;
        let syllable = u64::from(c.is_syllable);
        self.row[SYLLABLES] += syllable;
        self.row[BROKEN_SYLLABLES] += syllable & broken;
        self.row[FALLBACK_SYLLABLES] += syllable & fallback;
        if let Some(word) = self.word.as_mut().filter(|_| !c.is_white) {
            word.n_syllables += syllable;
            word.n_broken += syllable & broken;
            word.fallback |= falls_back;
        }
    }

    fn begin_word(&mut self, start: usize) {
        self.n_words += 1;
        self.windows.add(2, 1);
        // A token that is the space before it, and no other eojeol's, is part of how it is written.
        let own_space = u64::from(self.space_end == start);
        self.row[TOKENS_OUTSIDE] -= own_space;
        self.word = Some(Word { start, n_tokens: own_space, ..Word::default() });
    }

    /// The eojeol, where one is open, ends before byte `end`.
    fn end_word(&mut self, end: usize) {
        let Some(word) = self.word.take() else { return };
        let one_token = !self.is_cut(with_space(self.text, word.start), end);
        self.row[EOJEOL] += 1;
        self.row[ONE_TOKEN] += u64::from(one_token);
        self.row[CUT] += u64::from(!one_token);
        self.row[FALLBACK_EOJEOL] += u64::from(word.fallback);
        let bands = self.facts.bands.as_deref();
        let band = self.types.count(&self.text[word.start..end], one_token, bands);
        if bands.is_some() {
            self.row[of_band(band, B_EOJEOL)] += 1;
            self.row[of_band(band, B_TOKENS)] += word.n_tokens;
            self.row[of_band(band, B_ONE_TOKEN)] += u64::from(one_token);
            self.row[of_band(band, B_SYLLABLES)] += word.n_syllables;
            self.row[of_band(band, B_BROKEN)] += word.n_broken;
            self.row[of_band(band, B_FALLBACK)] += u64::from(word.fallback);
        }
    }

    /// Whether a token ends strictly inside `start..end`; no token may have ended behind `end` yet.
    #[inline]
    fn is_cut(&self, start: usize, end: usize) -> bool {
        let [before, last] = self.last_cuts;
        let inside = if last == end { before } else { last };
        inside > start
    }

    /// Carries the syllable of conjoining jamo up to `c`.
    #[inline]
    fn cluster_until(&mut self, c: &Char) {
        use Conjoining::{Coda, Onset, Vowel};
        let last = self.cluster.as_ref().map(|cluster| cluster.last);
        match (last, c.conjoining) {
            (None, None | Some(Vowel | Coda)) => {}
            (Some(Onset), Some(next @ (Onset | Vowel)))
            | (Some(Vowel), Some(next @ (Vowel | Coda)))
            | (Some(Coda), Some(next @ Coda)) => {
                if let Some(cluster) = &mut self.cluster {
                    cluster.last = next;
                }
            }
            (_, next) => {
                self.end_cluster(c.start);
                self.cluster = next.filter(|&n| n == Onset).map(|onset| Cluster { start: c.start, last: onset });
            }
        }
    }

    /// The syllable of conjoining jamo, where one is open, ends before byte `end`. Onsets alone are none.
    fn end_cluster(&mut self, end: usize) {
        let Some(cluster) = self.cluster.take().filter(|c| c.last != Conjoining::Onset) else { return };
        self.row[CONJOINING] += 1;
        self.row[BROKEN_CONJOINING] += u64::from(self.is_cut(cluster.start, end));
    }
}
