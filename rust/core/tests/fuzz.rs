//! Random damage to files and texts, for as long as `BPE_LAB_FUZZ_SECONDS` says: nothing may panic, hang or be believed.
//!
//! `make fuzz` runs these; `cargo test` leaves them out (`#[ignore]`) but for the short runs at the end. Mutations are
//! drawn from a fixed generator, so a failure names a seed that shows it again. No coverage guidance.

use bpe_lab_core::count::PieceCounts;
use bpe_lab_core::formats::{huggingface, native, tiktoken};
use bpe_lab_core::merges::{ByteOrder, Merge, Merges, Rule};
use bpe_lab_core::pretokenize::Pattern;
use bpe_lab_core::tokenizer::{Special, SpecialRule, Tokenizer, Workspace};
use bpe_lab_core::unit::Unit;
use bpe_lab_core::{Result, TokenId};
use std::time::{Duration, Instant};

/// SplitMix64 (Steele, Lea, Flood 2014): enough to draw mutations.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A few changes: bytes flipped, set, removed, doubled, cut off, numbers made large.
    fn mutate(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = data.to_vec();
        for _ in 0..=self.below(4) {
            let (at, n) = (self.below(out.len()), self.below(16));
            match self.below(7) {
                0 => out.truncate(at),
                1 => drop(out.drain(at..(at + n).min(out.len()))),
                2 => {
                    let part = out[at..(at + n).min(out.len())].to_vec();
                    out.splice(at..at, part);
                }
                3 => out.splice(at..at, *b"99999999999999999999").for_each(drop),
                4 => out.splice(at..at, (0..n).map(|_| self.next() as u8)).for_each(drop),
                5 if at < out.len() => out[at] = self.next() as u8,
                _ if at < out.len() => out[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        out
    }
}

/// Calls `case` with fresh draws until the time is over, and says how often.
fn until_over(name: &str, seconds: f64, mut case: impl FnMut(&mut Draw)) {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut n = 0u64;
    while Instant::now() < end {
        case(&mut Draw(n));
        n += 1;
    }
    assert!(n > 0, "{name} ran no case");
}

fn seconds() -> f64 {
    std::env::var("BPE_LAB_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(60.0)
}

fn sample() -> Tokenizer {
    let base = ByteOrder::Gpt2.ids();
    let merge = |l: u32, r: u32, id: u32| Merge { left: TokenId(l), right: TokenId(r), result: TokenId(id) };
    let (s, a, g) = (base[0xec].0, base[0x82].0, base[0xac].0);
    let list = vec![merge(s, a, 256), merge(256, g, 257), merge(257, 257, 258), merge(64, 65, 259)];
    let specials = vec![Special { text: "<|endoftext|>".into(), id: TokenId(260) }];
    let pattern = Pattern::from_name("o200k").unwrap();
    let merges = Merges::new(base.to_vec(), Rule::Pairs(list)).unwrap();
    Tokenizer::new(Unit::Byte, pattern, merges, specials, Default::default()).unwrap()
}

/// What was read from damaged bytes must still be a tokenizer that loses nothing.
fn still_sound(read: Result<Tokenizer>) {
    let Ok(tokenizer) = read else { return };
    let text = "사과 사과나무 ab\u{1112}\u{119e} \n\n<|endoftext|>".as_bytes();
    let (mut ids, mut back) = (Vec::new(), Vec::new());
    let encoded = tokenizer.encode_into(text, &SpecialRule::default(), &mut Workspace::default(), &mut ids);
    if encoded.is_ok() {
        tokenizer.decode_into(&ids, &mut back).unwrap();
        assert_eq!(back, text);
    }
}

fn native_files(seconds: f64) {
    let file = native::write(&sample());
    until_over("native", seconds, |draw| {
        let data = draw.mutate(&file);
        let read = native::read(&data);
        assert!(read.is_err() || data == file, "a damaged file was believed");
    });
}

fn huggingface_files(seconds: f64) {
    let file = huggingface::write(&sample()).unwrap();
    until_over("huggingface", seconds, |draw| still_sound(huggingface::read(&draw.mutate(&file))));
}

fn rank_files(seconds: f64) {
    let file = tiktoken::write(&sample()).unwrap();
    let pattern = Pattern::from_name("gpt2").unwrap();
    until_over("ranks", seconds, |draw| still_sound(tiktoken::read(&draw.mutate(&file), pattern.clone(), vec![])));
}

fn count_files(seconds: f64) {
    let mut counts = PieceCounts::new();
    for (i, piece) in ["사과", " 사과나무", "a", "ab", "\n\n", " the"].iter().enumerate() {
        counts.add(piece.as_bytes(), 1 << (7 * i)).unwrap();
    }
    let (mut file, mut text) = (Vec::new(), Vec::new());
    counts.write_to(&mut file).unwrap();
    counts.write_tsv(&mut text).unwrap();
    until_over("counts", seconds, |draw| {
        let data = draw.mutate(&file);
        if PieceCounts::read_from(&mut &data[..]).is_ok() {
            assert!(data == file || !data.starts_with(&file[..8]), "a damaged file was believed");
        }
        let _ = PieceCounts::read_from(&mut &draw.mutate(&text)[..]);
    });
}

fn texts(seconds: f64) {
    let tokenizers: Vec<Tokenizer> = ["gpt2", "cl100k", "o200k", "none"]
        .iter()
        .map(|name| {
            let t = sample();
            let pattern = Pattern::from_name(name).unwrap();
            Tokenizer::new(Unit::Byte, pattern, t.merges().clone(), vec![], Default::default()).unwrap()
        })
        .collect();
    let text = "It's 사과나무에 ㅋㅋㅋ 12345! \u{a0}\r\n\r\n  x\u{301}\u{17f}'S // 漢字 🍎\u{200d}👩 <|endoftext|>\t\t"
        .repeat(3);
    let mut workspace = Workspace::default();
    until_over("texts", seconds, |draw| {
        let data = draw.mutate(text.as_bytes());
        for tokenizer in &tokenizers {
            let (mut ids, mut back) = (Vec::new(), Vec::new());
            tokenizer.encode_into(&data, &SpecialRule::default(), &mut workspace, &mut ids).unwrap();
            tokenizer.decode_into(&ids, &mut back).unwrap();
            assert_eq!(back, data);
        }
    });
}

macro_rules! fuzz {
    ($($name:ident: $run:ident),*) => { $(
        #[test]
        #[ignore = "long: make fuzz"]
        fn $name() {
            $run(seconds());
        }
    )* };
}

fuzz!(
    fuzz_native: native_files,
    fuzz_huggingface: huggingface_files,
    fuzz_ranks: rank_files,
    fuzz_counts: count_files,
    fuzz_texts: texts
);

#[test]
fn a_second_of_each() {
    for run in [native_files, huggingface_files, rank_files, count_files, texts] {
        run(1.0);
    }
}
