//! How fast the named patterns cut files into pieces, on one core, and whether their regexes agree.
//!
//! ```text
//! cargo run --release -p bpe-lab-core --example scan_speed -- FILE...           # MB/s, best of 5
//! cargo run --release -p bpe-lab-core --example scan_speed -- --regex FILE...   # the same of the regex twins
//! cargo run --release -p bpe-lab-core --example scan_speed -- --check FILE...   # every end against the regex twin
//! cargo run --release -p bpe-lab-core --example scan_speed -- --ends NAME FILE  # ends as little-endian u64 to stdout
//! ```
//!
//! MB/s on a shared Xeon with two cores, best of several runs; one piece at a time (what machines other than x86-64 run)
//! in brackets:
//!
//! | | gpt2 | cl100k | o200k |
//! |---|---|---|---|
//! | ko_reviews, AVX2 | 1,227 (292) | 1,110 (299) | 1,092 (306) |
//! | ko_docs, AVX2 | 1,299 (283) | 1,139 (286) | 1,147 (268) |
//! | en_docs, AVX2 | 1,780 (257) | 1,530 (253) | 1,565 (212) |
//! | the regexes, first 8 MB of each | 16-22 | 18-32 | 29-64 |

use bpe_lab_core::Result;
use bpe_lab_core::pretokenize::Pattern;
use std::io::Write;
use std::time::Instant;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--ends", name, file] => write_ends(name, file),
        ["--regex", files @ ..] => files.iter().try_for_each(|file| each_pattern(file, time_regex)),
        ["--check", files @ ..] => files.iter().try_for_each(|file| each_pattern(file, check)),
        files => files.iter().try_for_each(|file| each_pattern(file, time)),
    }
}

fn each_pattern(file: &str, act: fn(&Pattern, &[u8]) -> Result<String>) -> Result<()> {
    let text = std::fs::read(file)?;
    print!("{file} {} bytes:", text.len());
    for name in Pattern::NAMES.iter().filter(|name| **name != "none") {
        print!("  {name} {}", act(&Pattern::from_name(name)?, &text)?);
        std::io::stdout().flush()?;
    }
    println!();
    Ok(())
}

/// In blocks of 64 KiB pieces, as a caller would that uses them up at once.
fn time(pattern: &Pattern, text: &[u8]) -> Result<String> {
    let mut ends = Vec::with_capacity(1 << 16);
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let begun = Instant::now();
        let mut start = 0;
        while start < text.len() {
            ends.clear();
            start = pattern.scan(text, start, 1 << 16, &mut ends)?;
        }
        best = best.min(begun.elapsed().as_secs_f64());
    }
    Ok(format!("{:.0} MB/s", text.len() as f64 / best / 1e6))
}

fn time_regex(pattern: &Pattern, text: &[u8]) -> Result<String> {
    pattern.regex_twin()?.map_or(Ok("has no regex".to_owned()), |twin| time(&twin, text))
}

fn check(pattern: &Pattern, text: &[u8]) -> Result<String> {
    let (mut ends, mut expected) = (Vec::new(), Vec::new());
    pattern.split(text, &mut ends)?;
    let Some(twin) = pattern.regex_twin()? else { return Ok("has no regex".to_owned()) };
    twin.split(text, &mut expected)?;
    Ok(match ends.iter().zip(&expected).find(|(a, b)| a != b) {
        None if ends.len() == expected.len() => format!("{} pieces agree", ends.len()),
        at => format!("DIFFERS: first at {at:?}"),
    })
}

fn write_ends(name: &str, file: &str) -> Result<()> {
    let mut ends = Vec::new();
    Pattern::from_name(name)?.split(&std::fs::read(file)?, &mut ends)?;
    let bytes: Vec<u8> = ends.iter().flat_map(|&end| (end as u64).to_le_bytes()).collect();
    Ok(std::io::stdout().write_all(&bytes)?)
}
