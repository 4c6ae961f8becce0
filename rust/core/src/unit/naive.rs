//! Units the obvious way: text character by character, symbols by looking at what stands there.
//!
//! For tests and for reading. [`Unit::symbols_into`], [`Unit::bytes_into`] and the spans of
//! [`Decoder`](crate::decode::Decoder) must give the same.

use super::jamo::{Jamo, Part};
use super::{Syllables, Unit};
use crate::Symbol;
use crate::hangul::{Jamo as Letters, Kind, compose, decompose, kind};

/// The symbols of `bytes`, each with how many of the bytes it owns.
pub fn symbols(unit: &Unit, bytes: &[u8]) -> Vec<(Symbol, usize)> {
    let items: Vec<Item> = items(bytes);
    match unit {
        Unit::Byte | Unit::ByteChar => bytes.iter().map(|&b| byte(b)).collect(),
        Unit::Syllable(syllables) => items.iter().flat_map(|item| of_syllables(syllables, item)).collect(),
        Unit::Jamo(jamo) => of_jamo(*jamo, &items),
    }
}

/// The bytes that `symbols` spell.
pub fn bytes(unit: &Unit, symbols: &[Symbol]) -> Vec<u8> {
    match unit {
        Unit::Byte | Unit::ByteChar => symbols.iter().map(|s| s.0 as u8).collect(),
        Unit::Syllable(syllables) => {
            let atoms = syllables.atoms();
            let one = |s: &Symbol| match s.0.checked_sub(256) {
                None => vec![s.0 as u8],
                Some(n) => atoms[n as usize].to_string().into_bytes(),
            };
            symbols.iter().flat_map(one).collect()
        }
        Unit::Jamo(jamo) => {
            let parts: Vec<Part> = symbols.iter().map(|s| jamo.part(*s)).collect();
            jamo_bytes(jamo.name().contains(":filler"), &parts)
        }
    }
}

/// A character, or a byte that belongs to none.
enum Item {
    Char(char),
    Bad(u8),
}

fn items(bytes: &[u8]) -> Vec<Item> {
    let of_chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let good: Vec<Item> = chunk.valid().chars().map(Item::Char).collect();
        good.into_iter().chain(chunk.invalid().iter().copied().map(Item::Bad)).collect::<Vec<_>>()
    };
    bytes.utf8_chunks().flat_map(of_chunk).collect()
}

fn byte(b: u8) -> (Symbol, usize) {
    (Symbol(b.into()), 1)
}

fn as_bytes(item: &Item) -> Vec<(Symbol, usize)> {
    match item {
        Item::Char(c) => c.to_string().bytes().map(byte).collect(),
        Item::Bad(b) => vec![byte(*b)],
    }
}

fn of_syllables(syllables: &Syllables, item: &Item) -> Vec<(Symbol, usize)> {
    match item {
        Item::Char(c) => match syllables.atoms().binary_search(c).ok() {
            Some(n) => vec![(Symbol(256 + n as u32), 3)],
            None => as_bytes(item),
        },
        Item::Bad(_) => as_bytes(item),
    }
}

fn of_jamo(jamo: Jamo, items: &[Item]) -> Vec<(Symbol, usize)> {
    let name = jamo.name();
    let [has_filler, has_compat, has_alias] = [":filler", ":compat", ":nfd-alias"].map(|o| name.contains(o));
    let symbol = |part| jamo.symbol(part).unwrap_or_default();
    let mut out = Vec::new();
    let (mut at, mut in_run) = (0, false);
    while at < items.len() {
        let kind_at = |at: usize| match items.get(at) {
            Some(Item::Char(c)) => kind(*c),
            _ => Kind::None,
        };
        match (&items[at], kind_at(at), kind_at(at + 1), kind_at(at + 2)) {
            (Item::Char(c), Kind::Syllable, ..) => {
                if in_run {
                    // The last byte of the run is the closer's.
                    if let Some((_, owned)) = out.last_mut() {
                        *owned -= 1;
                    }
                    out.push((symbol(Part::Closer), 1));
                    in_run = false;
                }
                if let Some(letters) = decompose(*c) {
                    let owned = if letters.coda == 0 && !has_filler { &[1, 2][..] } else { &[1, 1, 1] };
                    out.extend(parts(letters, has_filler).into_iter().map(symbol).zip(owned.iter().copied()));
                }
                at += 1;
            }
            (_, Kind::Onset(onset), Kind::Vowel(vowel), next) if has_alias => {
                let coda = if let Kind::Coda(n) = next { n } else { 0 };
                let mut owned = if coda == 0 && has_filler { vec![3, 1, 2] } else { vec![3, 3, 3] };
                if !in_run {
                    // The escape comes before a space, and has one byte of both together.
                    let is_spaced = at > 0 && matches!(items[at - 1], Item::Char(' '));
                    let place = out.len() - usize::from(is_spaced);
                    out.insert(place, (symbol(Part::Escape), 1));
                    owned[0] -= 1;
                }
                let parts = parts(Letters { onset, vowel, coda }, has_filler);
                out.extend(parts.into_iter().map(symbol).zip(owned));
                at += if coda == 0 { 2 } else { 3 };
                in_run = true;
            }
            (Item::Char(c), Kind::Compatibility, ..) if has_compat => {
                out.push((symbol(Part::Letter(*c)), 3));
                at += 1;
                in_run = false;
            }
            (item, ..) => {
                out.extend(as_bytes(item));
                at += 1;
                in_run = false;
            }
        }
    }
    out
}

fn parts(letters: Letters, has_filler: bool) -> Vec<Part> {
    let end = match letters.coda {
        0 if has_filler => Some(Part::Filler),
        0 => None,
        n => Some(Part::T(n)),
    };
    [Part::L(letters.onset), Part::V(letters.vowel)].into_iter().chain(end).collect()
}

fn jamo_bytes(has_filler: bool, mut parts: &[Part]) -> Vec<u8> {
    let (mut out, mut in_run, mut was_escape) = (Vec::new(), false, false);
    while let [first, ..] = parts {
        let whole = |onset: &u8, vowel: &u8, coda: &u8| {
            compose(Letters { onset: *onset, vowel: *vowel, coda: *coda }).map(|c| c.to_string().into_bytes())
        };
        let (bytes, n) = match parts {
            [Part::L(l), Part::V(v), Part::T(t), ..] if !in_run => (whole(l, v, t), 3),
            [Part::L(l), Part::V(v), Part::Filler, ..] if !in_run => (whole(l, v, &0), 3),
            [Part::L(l), Part::V(v), ..] if !in_run && !has_filler => (whole(l, v, &0), 2),
            [Part::Byte(b), ..] => (Some(vec![*b]), 1),
            [Part::Letter(c), ..] => (Some(c.to_string().into_bytes()), 1),
            _ => (first.conjoining().map(|c| c.to_string().into_bytes()), 1),
        };
        match first {
            Part::Escape => in_run = true,
            Part::Byte(b' ') if was_escape => {}
            Part::Closer | Part::Byte(_) | Part::Letter(_) => in_run = false,
            _ => {}
        }
        was_escape = *first == Part::Escape;
        out.extend(bytes.unwrap_or_default());
        parts = &parts[n..];
    }
    out
}
