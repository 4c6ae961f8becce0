//! Times training from counts. Not a benchmark suite: one run, one line.
//!
//! COUNTS is a file of records `u32 length, u64 weight, bytes` (little-endian). MERGES_OUT gets a line a merge: both
//! sides in hexadecimal, the count, the tokens left. CHAR_SAFE in the environment takes the unit `byte-char`.

use bpe_lab_core::TokenId;
use bpe_lab_core::count::PieceCounts;
use bpe_lab_core::merges::{Merges, Rule};
use bpe_lab_core::train::{Learned, TieBreak, TrainOptions, train};
use bpe_lab_core::unit::Unit;
use bpe_lab_core::vocab::Vocab;
use std::io::Write;
use std::time::{Duration, Instant};

type AnyResult<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> AnyResult<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, counts, n_ids, more @ ..] = &args[..] else {
        return Err("usage: train_speed COUNTS N_IDS [hf|rustbpe] [MERGES_OUT]".into());
    };
    let counts = read_counts(counts)?;
    let options = TrainOptions {
        n_ids: n_ids.parse()?,
        unit: if std::env::var_os("CHAR_SAFE").is_some() { Unit::ByteChar } else { Unit::Byte },
        tie: if more.first().is_some_and(|tie| tie == "rustbpe") { TieBreak::RustBpe } else { TieBreak::Hf },
        min_frequency: 1,
        max_token_bytes: None,
    };
    println!("{} pieces, peak before {} MB", counts.len(), peak_mb());
    let (start, mut last, mut gap) = (Instant::now(), Instant::now(), Duration::ZERO);
    let learned = train(&counts, &options, &mut |_| {
        gap = gap.max(last.elapsed());
        last = Instant::now();
        true
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let last = learned.steps.last().map_or(0, |step| step.count);
    println!(
        "{} merges, {seconds:.3} s, peak {} MB, longest gap {gap:?}, last count {last}, {:?}",
        learned.steps.len(),
        peak_mb(),
        learned.stop
    );
    if let Some(path) = more.get(1) {
        write_merges(&learned, path)?;
    }
    Ok(())
}

fn read_counts(path: &str) -> AnyResult<PieceCounts> {
    let file = std::fs::read(path)?;
    let (mut counts, mut rest) = (PieceCounts::new(), &file[..]);
    while let [a, b, c, d, tail @ ..] = rest {
        let n = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        let weight = u64::from_le_bytes(tail[..8].try_into()?);
        counts.add(&tail[8..8 + n], weight)?;
        rest = &tail[8 + n..];
    }
    Ok(counts)
}

fn write_merges(learned: &Learned, path: &str) -> AnyResult<()> {
    let merges = learned.steps.iter().map(|step| step.merge).collect();
    let vocab = Vocab::derive(&Merges::new(learned.base_ids.clone(), Rule::Pairs(merges))?)?;
    let hex = |id: TokenId| -> String {
        vocab.spelling(id).unwrap_or_default().iter().map(|symbol| format!("{:02x}", symbol.0)).collect()
    };
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for step in &learned.steps {
        writeln!(out, "{} {} {} {}", hex(step.merge.left), hex(step.merge.right), step.count, step.n_tokens)?;
    }
    Ok(())
}

/// The most memory this process has held, in MB of 10^6 bytes; 0 where the system does not say.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
    kib * 1024 / 1_000_000
}
