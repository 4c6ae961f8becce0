//! White space as the patterns cut it: the run, its last code point, its last line break.
//!
//! All patterns hand the last code point of a run to what follows (`\s+(?!\S)`); they differ in line breaks and in the
//! end of the text.

use super::classes::{Class, class_at};

/// A maximal run of white space.
pub(super) struct WhiteRun {
    /// Where it ends.
    pub end: usize,
    /// Where its last code point begins.
    pub last: usize,
    /// The end of its last `\r` or `\n`, if it holds one.
    pub after_break: Option<usize>,
}

impl WhiteRun {
    /// The run from `pos` on; at least one code point of white space must stand there.
    pub fn at(text: &[u8], pos: usize) -> Self {
        let mut run = Self { end: pos, last: pos, after_break: None };
        while run.end < text.len() {
            let (class, len) = class_at(text, run.end);
            if !class.is_white() {
                break;
            }
            run.last = run.end;
            run.end += len;
            if class == Class::Break {
                run.after_break = Some(run.end);
            }
        }
        run
    }

    /// `\s+(?!\S)|\s`, the run beginning at `pos`: all of it at the end of the text, all but the last code point
    /// elsewhere, the last code point where it stands alone.
    pub fn end_before_last(&self, text: &[u8], pos: usize) -> usize {
        if self.end == text.len() || self.last == pos { self.end } else { self.last }
    }
}
