use super::*;
use crate::ErrorKind;
use proptest::collection::vec;
use proptest::prelude::*;

/// What a counter is to give, from the definitions: each file, each document of it, each piece of that.
fn count_whole(
    pattern: &Pattern,
    documents: &Documents,
    sample: Sample,
    held_out: u64,
    files: &[Vec<u8>],
) -> PieceCounts {
    let mut counts = PieceCounts::new();
    for document in files.iter().flat_map(|f| documents::split_whole(documents, f)) {
        let kept = split_hash(document, 0) >= held_out;
        let taken = kept && sample.threshold().unwrap().is_none_or(|(t, seed)| content_hash(document, seed) < t);
        let (mut start, mut ends) = (0, Vec::new());
        pattern.split(document, &mut ends).unwrap();
        for end in ends.into_iter().filter(|_| taken) {
            counts.add(&document[start..end], 1).unwrap();
            start = end;
        }
    }
    counts
}

/// What a counter gives for files in blocks of `step` bytes.
fn counted(counter: Counter, files: &[Vec<u8>], step: usize) -> Result<PieceCounts> {
    let mut counter = counter;
    for file in files {
        for block in file.chunks(step) {
            counter.push(block)?;
        }
        counter.end_of_file()?;
    }
    counter.finish()
}

fn named(name: &str) -> Pattern {
    Pattern::from_name(name).unwrap()
}

/// Words, lines, blank lines and marks; large enough in a few cases for documents to be cut into parts.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => "[a-c]{1,3}".prop_map(String::into_bytes),
        8 => Just(b" ".to_vec()),
        3 => Just("한국 ".as_bytes().to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n\n# ".to_vec()),
        1 => Just(vec![0xff, b'\r']),
    ];
    (vec(word, 0..60), prop_oneof![9 => Just(1usize), 1 => 3_000usize..9_000])
        .prop_map(|(words, times)| words.concat().repeat(times))
}

fn any_documents() -> impl Strategy<Value = Documents> {
    const FORMS: [&str; 5] = ["file", "line", "blank-line", "separator:b ", "prefix:# "];
    proptest::sample::select(&FORMS[..]).prop_map(|form| Documents::parse(form).unwrap())
}

fn any_sample() -> impl Strategy<Value = Sample> {
    prop_oneof![
        3 => Just(Sample::All),
        1 => (0.2f64..0.9, 0u64..3).prop_map(|(fraction, seed)| Sample::Fraction { fraction, seed }),
        1 => (1u64..u64::MAX).prop_map(|threshold| Sample::Below { threshold, seed: 7 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn counter_is_count_whole(
        files in vec(text(), 0..4),
        pattern in proptest::sample::select(&["gpt2", "none"][..]).prop_map(named),
        documents in any_documents(),
        sample in any_sample(),
        held_out in prop_oneof![Just(0u64), 1u64..u64::MAX],
        step in prop_oneof![1usize..9, 1usize..2_000, Just(usize::MAX)],
        threads in proptest::sample::select(&[1usize, 2, 4][..]),
    ) {
        // One byte at a time through megabytes shows nothing more than through kilobytes.
        let step = if files.iter().any(|f| f.len() > 1 << 16) { step.max(1_000) } else { step };
        let twin = count_whole(&pattern, &documents, sample, held_out, &files);
        let counter = Counter::new(pattern.clone(), documents.clone(), sample, threads).unwrap();
        let counter = if held_out > 0 { counter.holding_out(held_out) } else { counter };
        match counted(counter, &files, step) {
            Ok(counts) => {
                prop_assert_eq!(counts.sorted(), twin.sorted());
                prop_assert_eq!(counts.total_bytes(), twin.total_bytes());
            }
            Err(e) => {
                prop_assert_eq!(e.kind(), ErrorKind::Corpus);
                let n_documents: usize = files.iter().map(|f| documents::split_whole(&documents, f).len()).sum();
                prop_assert!(twin.is_empty() || n_documents < 2);
            }
        }
    }

    #[test]
    fn order_of_files_does_not_show(mut files in vec(text(), 2..5), sample in any_sample()) {
        let run = |files: &[Vec<u8>]| {
            let counter = Counter::new(named("gpt2"), Documents::Line, sample, 2).unwrap();
            let mut file = Vec::new();
            counted(counter, files, 777).map(|c| c.write_to(&mut file)).map(|_| file)
        };
        let first = run(&files).ok();
        files.reverse();
        prop_assert_eq!(first, run(&files).ok());
    }

    #[test]
    fn sample_by_size_takes_what_it_says(
        text in text(),
        percent in 1u64..100,
        step in 1usize..5_000,
        held_out in prop_oneof![Just(0u64), 1u64..u64::MAX / 2],
    ) {
        prop_assume!(text.len() > 100);
        let size = text.len() as u64 * percent / 100;
        let mut pass = SampleBySize::new(&Documents::Line, size, 3).unwrap().holding_out(held_out);
        text.chunks(step).for_each(|b| pass.push(b).unwrap());
        let Ok(sized) = pass.finish() else { return Ok(()) };
        let counter = Counter::new(named("none"), Documents::Line, sized.sample, 2).unwrap();
        let mut counter = counter.holding_out(held_out);
        counter.push(&text).unwrap();
        counter.end_of_file().unwrap();
        prop_assert_eq!(counter.stats().n_taken, sized.n_documents);
        let counts = counter.finish().unwrap();
        prop_assert_eq!(counts.total_bytes(), sized.size_bytes);
        prop_assert!(sized.size_bytes >= size);
        let last_group = counts.iter().map(|(piece, n)| piece.len() as u64 * n).max().unwrap_or(0);
        prop_assert!(sized.size_bytes - size < last_group);
    }
}

#[test]
fn stats_and_meta() {
    let mut counter = Counter::new(named("o200k"), Documents::Line, Sample::All, 1).unwrap();
    for file in ["\u{feff}a\r\n", "b\n\u{feff}", "\u{feff}", ""] {
        file.as_bytes().chunks(1).for_each(|b| counter.push(b).unwrap());
        counter.end_of_file().unwrap();
    }
    let stats = counter.stats();
    assert_eq!((stats.n_boms, stats.n_documents, stats.n_taken), (2, 4, 4));
    assert_eq!((stats.pushed_bytes, stats.taken_bytes), (14, 14));
    let counts = counter.finish().unwrap();
    assert_eq!(counts.total_bytes(), 14);
    let meta: Vec<_> = counts.meta().iter().map(|(k, v)| (&k[..], &v[..])).collect();
    assert_eq!(meta, [("documents", "line"), ("pattern", "o200k"), ("sample", "all")]);
}

#[test]
fn a_sample_of_one_document_is_an_error() {
    for threads in [1, 2] {
        let sample = Sample::Fraction { fraction: 0.5, seed: 0 };
        let mut counter = Counter::new(named("none"), Documents::File, sample, threads).unwrap();
        counter.push(b"all one\ndocument\n").unwrap();
        let e = counter.finish().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corpus);
        assert!(e.to_string().contains("has 1; it needs at least 2"), "{e}");
        assert!(e.next_step().unwrap().contains("--documents"));
    }
}

#[test]
fn wrong_arguments() {
    let new = |documents, sample, threads| Counter::new(named("none"), documents, sample, threads).err().unwrap();
    let fraction = |fraction| Sample::Fraction { fraction, seed: 0 };
    assert!(new(Documents::File, Sample::All, 0).to_string().contains("from 1 to 4096, got 0"));
    for wrong in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
        assert!(new(Documents::Line, fraction(wrong), 1).to_string().contains("between 0 and 1"), "{wrong}");
    }
    assert!(new(Documents::Separator(Vec::new()), Sample::All, 1).to_string().contains("at least 1 byte"));
}

/// A regex that passes fancy-regex's back-tracking limit on a run of a's.
const EXPLOSIVE: &str = r"(a|a|a)*(?=c)(?!b)";

#[test]
fn an_error_in_a_worker_comes_out() {
    let text = [b"fine words\n".repeat(50_000), b"a".repeat(60), b"\n".repeat(3)].concat();
    for threads in [1, 2, 4] {
        let pattern = Pattern::from_regex(EXPLOSIVE).unwrap();
        let counter = Counter::new(pattern, Documents::Line, Sample::All, threads).unwrap();
        let e = counted(counter, std::slice::from_ref(&text), 10_000).unwrap_err();
        assert!(e.to_string().starts_with("cutting \"aaaa"), "{e}");
    }
}

#[test]
fn nothing_goes_on_after_an_error() {
    for threads in [1, 2] {
        let pattern = Pattern::from_regex(EXPLOSIVE).unwrap();
        let mut counter = Counter::new(pattern, Documents::Line, Sample::All, threads).unwrap();
        let line = [b"a".repeat(60), b"\n".to_vec()].concat().repeat(10_000);
        let failed = (0..1_000).any(|_| counter.push(&line).is_err());
        assert!(failed);
        assert!(counter.push(b"more").unwrap_err().to_string().contains("earlier error"));
        assert!(counter.finish().unwrap_err().to_string().contains("earlier error"));
    }
}

#[test]
fn dropping_a_counter_stops_its_threads() {
    let line = b"some words to count \n".repeat(100_000);
    let mut counter = Counter::new(named("gpt2"), Documents::Line, Sample::All, 2).unwrap();
    for _ in 0..3 {
        counter.push(&line).unwrap();
    }
    let start = std::time::Instant::now();
    drop(counter);
    assert!(start.elapsed().as_secs_f64() < 1.0);
}

#[test]
fn a_huge_document_without_safe_cuts_is_one_piece() {
    let text = vec![b'a'; 3 << 20];
    for threads in [1, 2] {
        let counter = Counter::new(named("none"), Documents::File, Sample::All, threads).unwrap();
        let counts = counted(counter, &[text.clone(), b"b".to_vec()], 100_000).unwrap();
        assert_eq!(counts.sorted(), [(&text[..], 1), (b"b", 1)]);
    }
}

#[test]
fn a_large_document_counts_as_a_whole() {
    let text = "단어 나열 \n and words\n\n".as_bytes().repeat(60_000);
    let twin = count_whole(&named("gpt2"), &Documents::File, Sample::All, 0, std::slice::from_ref(&text));
    for (threads, step) in [(1, 1 << 30), (2, 65_536), (4, 999)] {
        let counter = Counter::new(named("gpt2"), Documents::File, Sample::All, threads).unwrap();
        let counts = counted(counter, std::slice::from_ref(&text), step).unwrap();
        assert_eq!(counts.sorted(), twin.sorted());
    }
}

#[test]
fn counters_may_cross_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Counter>();
    is_shared::<PieceCounts>();
    is_shared::<SampleBySize>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Both tables are those of counting each alone, whatever the threads, blocks and files.
    #[test]
    fn superwords_are_counted_beside_pieces(
        files in vec(text(), 0..4),
        documents in any_documents(),
        step in prop_oneof![1usize..2_000, Just(usize::MAX)],
        threads in 1usize..4,
    ) {
        let step = if files.iter().any(|f| f.len() > 1 << 16) { step.max(1_000) } else { step };
        let count = |pattern: &str| count_whole(&named(pattern), &documents, Sample::All, 0, &files);
        let counter = Counter::with_superwords(named("gpt2"), documents.clone(), Sample::All, threads).unwrap();
        let counts = counted(counter, &files, step).unwrap();
        let (by_piece, by_superpiece) = (count("gpt2"), count("gpt2+superword"));
        prop_assert_eq!(counts.sorted(), by_piece.sorted());
        let superpieces = counts.superpieces().unwrap();
        prop_assert_eq!(superpieces.sorted(), by_superpiece.sorted());
        prop_assert_eq!(superpieces.total_bytes(), counts.total_bytes());
        prop_assert_eq!(counts.meta().get(crate::count::SUPERWORDS).map(String::as_str), Some("gpt2+superword"));
    }
}

#[test]
fn a_large_document_is_cut_at_walls() {
    let document = "비가 온다. 우산을 폈다.\n".repeat(40_000).into_bytes();
    let mut counter = Counter::with_superwords(named("o200k"), Documents::File, Sample::All, 3).unwrap();
    counter.push(&document).unwrap();
    let counts = counter.finish().unwrap();
    let want = [(" 우산을 폈다.\n".as_bytes(), 40_000), ("비가 온다.".as_bytes(), 40_000)];
    assert_eq!(counts.superpieces().unwrap().sorted(), want);
    assert!(Counter::with_superwords(named("none"), Documents::File, Sample::All, 3).is_err());
}
