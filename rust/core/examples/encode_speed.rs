//! How fast pieces become ids: MB/s, ns a piece and hit rate, for text that is new to the cache and for text that is not.
//!
//! ```text
//! cargo run --release --example encode_speed -- o200k_base.tiktoken text.txt [pieces.bin ids.bin]
//! ```
//!
//! `pieces.bin` holds where documents and pieces end, so that the cut is exact and the ids can be compared with another
//! program's: u64 n_documents, n_pieces; u64 end of each document in bytes, in pieces, in ids; u32 end of each piece
//! within its document. `ids.bin` holds u32 ids. All little-endian. Without them text is cut into documents of 2 KB at
//! line ends and into pieces before white space and between letters and the rest: near enough to time, not to compare.

use base64::{Engine, engine::general_purpose::STANDARD};
use bpe_lab_core::encode::{Encoder, Scratch};
use bpe_lab_core::merges::{Merges, RankedToken, Rule};
use bpe_lab_core::unit::Unit;
use bpe_lab_core::vocab::Vocab;
use bpe_lab_core::{Symbol, TokenId};
use std::time::{Duration, Instant};

/// A clock that stands still while other programs have the core, where the system has one (Linux).
struct Clock {
    start: Instant,
    on_core: Option<Duration>,
}

impl Clock {
    fn start() -> Self {
        Self { on_core: on_core(), start: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        let wall = self.start.elapsed();
        match (self.on_core, on_core()) {
            (Some(before), Some(now)) => now - before,
            _ => wall,
        }
    }
}

/// Time that this thread has had so far. The kernel brings the number up to date when the thread yields.
fn on_core() -> Option<Duration> {
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(stat.split(' ').next()?.parse().ok()?))
}

/// Bytes of a slice; every slice is text that the scratch has not seen.
const SLICE: usize = 5_000_000;
/// Every slice is timed so many times, each time with a scratch that has only seen the slices before; the fastest counts.
const PASSES: usize = 4;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Document {
    begin: usize,
    end: usize,
    /// Relative to `begin`.
    ends: Vec<usize>,
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [vocab, text, rest @ ..] = args.as_slice() else {
        return Err("usage: encode_speed VOCAB.tiktoken (--long | TEXT [PIECES.bin IDS.bin])".into());
    };
    let encoder = load(vocab)?;
    if text == "--long" {
        run_long(&encoder);
        return Ok(());
    }
    let text = std::fs::read(text)?;
    let (documents, ids) = match rest {
        [pieces, ids] => (read_documents(&std::fs::read(pieces)?)?, words(&std::fs::read(ids)?)),
        _ => (cut(&text), Vec::new()),
    };
    run(&encoder, &text, &documents, &ids)
}

fn load(path: &str) -> Result<Encoder> {
    let file = std::fs::read(path)?;
    let start = Clock::start();
    let mut tokens = Vec::new();
    for line in file.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let mut fields = line.split(|&b| b == b' ');
        let spelling = STANDARD.decode(fields.next().ok_or("no token")?)?;
        let id = std::str::from_utf8(fields.next().ok_or("no rank")?)?.parse()?;
        tokens.push(RankedToken { id: TokenId(id), spelling: spelling.iter().map(|&b| Symbol(b.into())).collect() });
    }
    let mut base_ids = vec![TokenId(0); 256];
    for token in tokens.iter().filter(|t| t.spelling.len() == 1) {
        base_ids[token.spelling[0].0 as usize] = token.id;
    }
    let parsed = start.elapsed();
    let merges = Merges::new(base_ids, Rule::Ranks(tokens))?;
    let checked = start.elapsed();
    let vocab = Vocab::derive(&merges)?;
    let derived = start.elapsed();
    let encoder = Encoder::new(&Unit::Byte, &merges, &vocab)?;
    let done = start.elapsed();
    println!(
        "load: parse {:.1?}, Merges::new {:.1?}, Vocab::derive {:.1?}, Encoder::new {:.1?}, in all {done:.1?}",
        parsed,
        checked - parsed,
        derived - checked,
        done - derived
    );
    Ok(encoder)
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|w| u32::from_le_bytes(*w)).collect()
}

fn read_documents(bytes: &[u8]) -> Result<Vec<Document>> {
    let longs: Vec<usize> = bytes.as_chunks().0.iter().map(|w| u64::from_le_bytes(*w) as usize).collect();
    let &[n_documents, n_pieces, ..] = longs.as_slice() else { return Err("no header".into()) };
    let (byte_ends, piece_ends) = (&longs[2..][..n_documents], &longs[2 + n_documents..][..n_documents]);
    let ends = words(&bytes[8 * (2 + 3 * n_documents)..]);
    assert_eq!(ends.len(), n_pieces);
    let (mut begin, mut first) = (0, 0);
    let mut documents = Vec::new();
    for (&end, &last) in byte_ends.iter().zip(piece_ends) {
        documents.push(Document { begin, end, ends: ends[first..last].iter().map(|&e| e as usize).collect() });
        (begin, first) = (end, last);
    }
    Ok(documents)
}

/// Documents of 2 KB and pieces, roughly.
fn cut(text: &[u8]) -> Vec<Document> {
    let class = |b: u8| match b {
        b'0'..=b'9' => 1,
        b' ' | b'\n' | b'\r' | b'\t' => 2,
        b if b.is_ascii_punctuation() => 3,
        _ => 0,
    };
    let mut documents = Vec::new();
    let mut begin = 0;
    while begin < text.len() {
        let least = (begin + 2000).min(text.len());
        let end = text[least..].iter().position(|&b| b == b'\n').map_or(text.len(), |at| least + at + 1);
        let document = &text[begin..end];
        let starts = (1..document.len()).filter(|&i| {
            let (a, b) = (document[i - 1], document[i]);
            class(a) != class(b) && a != b' '
        });
        documents.push(Document { begin, end, ends: starts.chain([document.len()]).collect() });
        begin = end;
    }
    documents
}

#[derive(Default)]
struct Timed {
    bytes: usize,
    pieces: usize,
    new: u64,
    ids: usize,
    time: Duration,
}

impl Timed {
    fn sum(all: &[Self]) -> Self {
        all.iter().fold(Self::default(), |sum, t| Self {
            bytes: sum.bytes + t.bytes,
            pieces: sum.pieces + t.pieces,
            new: sum.new + t.new,
            ids: sum.ids + t.ids,
            time: sum.time + t.time,
        })
    }

    fn line(&self, name: &str) -> String {
        format!(
            "{name:<18} {:6.1} MB/s {:6.1} ns/piece, {:5.2} bytes/piece {:5.2} ids/piece, {:5.2} % new",
            self.bytes as f64 / self.time.as_secs_f64() / 1e6,
            self.time.as_nanos() as f64 / self.pieces as f64,
            self.bytes as f64 / self.pieces as f64,
            self.ids as f64 / self.pieces as f64,
            self.new as f64 / self.pieces as f64 * 100.0,
        )
    }
}

fn encode(encoder: &Encoder, text: &[u8], slice: &[Document], scratch: &mut Scratch, out: &mut Vec<u32>) -> Timed {
    out.clear();
    let n_new = scratch.n_new_pieces();
    let start = Clock::start();
    for d in slice {
        encoder.encode_pieces(&text[d.begin..d.end], 0, &d.ends, scratch, out);
    }
    Timed {
        time: start.elapsed(),
        new: scratch.n_new_pieces() - n_new,
        bytes: slice.iter().map(|d| d.end - d.begin).sum(),
        pieces: slice.iter().map(|d| d.ends.len()).sum(),
        ids: out.len(),
    }
}

fn run(encoder: &Encoder, text: &[u8], documents: &[Document], ids: &[u32]) -> Result<()> {
    let slices: Vec<&[Document]> = documents.chunk_by(|a, b| a.begin / SLICE == b.begin / SLICE).collect();
    let mut best: Vec<Timed> = Vec::new();
    let mut warm = Vec::new();
    let mut out = Vec::with_capacity(SLICE);
    for pass in 0..PASSES {
        let mut scratch = Scratch::default();
        let mut compared = 0;
        for (n, slice) in slices.iter().enumerate() {
            let timed = encode(encoder, text, slice, &mut scratch, &mut out);
            if !ids.is_empty() && ids.get(compared..compared + out.len()) != Some(&out) {
                return Err(format!("ids of slice {n} differ").into());
            }
            compared += out.len();
            match best.get_mut(n) {
                Some(old) => old.time = old.time.min(timed.time),
                None => best.push(timed),
            }
        }
        // The last slice may be short; the one before is not, and it is not all in the nearest cache.
        let again = slices[slices.len().saturating_sub(2)];
        (0..3).for_each(|_| warm.push(encode(encoder, text, again, &mut scratch, &mut out)));
        if pass == 0 {
            println!("cache {} KB", scratch.cache_bytes() / 1024);
        }
    }
    println!("{}", best[0].line("cold, first 5 MB"));
    for later in best.iter().skip(1) {
        println!("{}", later.line("fresh"));
    }
    let fresh = Timed::sum(&best[slices.len().min(3) - 1..]);
    println!("{}", fresh.line("fresh, after 10 MB"));
    if let Some(fastest) = warm.iter().min_by_key(|t| t.time) {
        println!("{}", fastest.line("warm"));
        let [slow, fast] = [&fresh, fastest].map(|t| t.time.as_nanos() as f64 / t.pieces as f64);
        let [more, less] = [&fresh, fastest].map(|t| t.new as f64 / t.pieces as f64);
        println!("a new piece costs {:.0} ns more than another", (slow - fast) / (more - less));
    }
    println!("{}", if ids.is_empty() { "ids not compared" } else { "all ids equal" });
    Ok(())
}

/// One piece of 16 MB of each kind.
fn run_long(encoder: &Encoder) {
    const LEN: usize = 16 << 20;
    let mut state = 1u64;
    let mut random = move |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (((state >> 33) * n) >> 31) as u32
    };
    let hangul: String = (0..LEN / 3).filter_map(|_| char::from_u32(0xAC00 + random(11_172))).collect();
    let kinds = [
        ("a", vec![b'a'; LEN]),
        ("spaces", vec![b' '; LEN]),
        ("letters", (0..LEN).map(|_| b'a' + random(26) as u8).collect()),
        ("bytes", (0..LEN).map(|_| random(256) as u8).collect()),
        ("hangul", hangul.into_bytes()),
    ];
    for (name, piece) in kinds {
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        let start = Clock::start();
        encoder.encode_pieces(&piece, 0, &[piece.len()], &mut scratch, &mut out);
        let nanos = start.elapsed().as_nanos() as f64 / piece.len() as f64;
        println!("16 MB piece of {name:<8} {nanos:6.1} ns/byte, {} ids", out.len());
    }
}
