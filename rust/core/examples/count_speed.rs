//! How fast files are counted, and in how much memory: `count_speed PATTERN DOCUMENTS THREADS FILE...`.
//!
//! The files count as one corpus, each as one file, read in blocks of 1 MiB. Prints three runs, then what the counts
//! are and how long it takes to sort, write and read them; the peak is the process's, so run it anew for each figure.

use bpe_lab_core::Result;
use bpe_lab_core::count::PieceCounts;
use bpe_lab_core::ingest::{Counter, Documents, Sample, SampleBySize, Stats};
use bpe_lab_core::pretokenize::Pattern;
use std::io::Read;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pattern, documents, threads, files @ ..] = &arguments[..] else {
        eprintln!("usage: count_speed PATTERN DOCUMENTS THREADS FILE...");
        std::process::exit(2);
    };
    let pattern = Pattern::from_name(pattern)?;
    let documents = Documents::parse(documents)?;
    let threads = threads.parse().unwrap_or(1);
    let mut counts = PieceCounts::new();
    for run in 1..=3 {
        let start = Instant::now();
        drop(std::mem::take(&mut counts));
        let (whole, stats) = count(&pattern, &documents, threads, files)?;
        let seconds = start.elapsed().as_secs_f64();
        let megabytes = stats.pushed_bytes as f64 / 1e6;
        println!("run {run}: {seconds:.3} s, {:.0} MB/s, {} documents", megabytes / seconds, stats.n_documents);
        println!("  peak {} MB", peak_bytes() / 1_000_000);
        counts = whole;
    }
    println!("{} distinct pieces of {}", counts.len(), counts.total_weight());
    files_of_counts(&counts)?;
    first_pass(&documents, files)
}

fn count(pattern: &Pattern, documents: &Documents, threads: usize, files: &[String]) -> Result<(PieceCounts, Stats)> {
    let mut counter = Counter::new(pattern.clone(), documents.clone(), Sample::All, threads)?;
    for file in files {
        read_blocks(file, |block| counter.push(block))?;
        counter.end_of_file()?;
    }
    let stats = counter.stats();
    Ok((counter.finish()?, stats))
}

fn read_blocks(file: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut file = std::fs::File::open(file)?;
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            n => take(&block[..n])?,
        }
    }
}

fn files_of_counts(counts: &PieceCounts) -> Result<()> {
    let start = Instant::now();
    let n = counts.sorted().len();
    println!("sort {n}: {:.3} s", start.elapsed().as_secs_f64());
    let mut file = Vec::new();
    let start = Instant::now();
    counts.write_to(&mut file)?;
    println!("write {} bytes: {:.3} s", file.len(), start.elapsed().as_secs_f64());
    let start = Instant::now();
    let back = PieceCounts::read_from(&mut &file[..])?;
    println!("read {} pieces: {:.3} s", back.len(), start.elapsed().as_secs_f64());
    Ok(())
}

fn first_pass(documents: &Documents, files: &[String]) -> Result<()> {
    let start = Instant::now();
    let mut pass = SampleBySize::new(documents, 1 << 20, 0)?;
    for file in files {
        read_blocks(file, |block| pass.push(block))?;
        pass.end_of_file()?;
    }
    match pass.finish() {
        Ok(sized) => println!("first pass to {} bytes: {:.3} s", sized.size_bytes, start.elapsed().as_secs_f64()),
        Err(e) => println!("no sample by size: {e}"),
    }
    Ok(())
}

/// The highest resident size so far; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
