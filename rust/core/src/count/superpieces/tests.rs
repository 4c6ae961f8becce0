use crate::count::{PATTERN, PieceCounts};
use proptest::collection::vec;
use proptest::prelude::*;

fn counts_of(pieces: &[(Vec<u8>, u64)]) -> PieceCounts {
    let mut counts = PieceCounts::new();
    pieces.iter().for_each(|(piece, weight)| counts.add(piece, *weight).unwrap());
    counts.set_meta(PATTERN, "o200k");
    counts
}

fn two(pieces: &[(Vec<u8>, u64)], superpieces: &[(Vec<u8>, u64)]) -> PieceCounts {
    let mut counts = counts_of(pieces);
    counts.set_superpieces(counts_of(superpieces), "o200k+superword");
    counts
}

fn written(counts: &PieceCounts) -> Vec<u8> {
    let mut out = Vec::new();
    counts.write_to(&mut out).unwrap();
    out
}

fn pieces() -> impl Strategy<Value = Vec<(Vec<u8>, u64)>> {
    vec((vec(prop_oneof![Just(b'a'), Just(b' '), any::<u8>()], 1..9), 1..5u64), 1..12)
}

proptest! {
    /// Both tables, whatever the split: by absorbing, by summing on threads, and through files.
    #[test]
    fn a_sum_does_not_show_how_it_was_split(
        parts in vec((pieces(), pieces()), 1..5),
        n_threads in 1..4usize,
    ) {
        let (all_pieces, all_superpieces): (Vec<_>, Vec<_>) = parts.iter().cloned().unzip();
        let whole = written(&two(&all_pieces.concat(), &all_superpieces.concat()));
        let mut absorbed = PieceCounts::new();
        for (pieces, superpieces) in &parts {
            let file = written(&two(pieces, superpieces));
            absorbed.absorb(&PieceCounts::read_from(&mut &file[..]).unwrap()).unwrap();
        }
        prop_assert_eq!(&written(&absorbed), &whole);
        let counts = parts.iter().map(|(pieces, superpieces)| two(pieces, superpieces)).collect();
        prop_assert_eq!(&written(&PieceCounts::sum(counts, n_threads).unwrap()), &whole);
        let back = PieceCounts::read_from(&mut &whole[..]).unwrap();
        prop_assert_eq!(back.superpieces().unwrap().total_bytes(), absorbed.superpieces().unwrap().total_bytes());
        prop_assert_eq!(written(&back), whole);
    }
}

#[test]
fn damage_to_the_second_table_shows() {
    let bytes = written(&two(&[(b"ab".to_vec(), 2)], &[(b"ab ab".to_vec(), 1), (b"ab ac".to_vec(), 3)]));
    for at in 0..bytes.len() {
        assert!(PieceCounts::read_from(&mut &bytes[..at]).is_err());
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert!(PieceCounts::read_from(&mut &wrong[..]).is_err(), "{at}");
    }
}

#[test]
fn with_and_without_do_not_add_up() {
    let (with, without) = (two(&[(b"a".to_vec(), 1)], &[(b"a".to_vec(), 1)]), counts_of(&[(b"a".to_vec(), 1)]));
    for (one, other) in [(&with, &without), (&without, &with)] {
        let mut sum = one.clone();
        let e = sum.absorb(other).unwrap_err();
        assert_eq!(e.to_string(), "counts with superpieces and counts without do not add up");
        assert_eq!(written(&sum), written(one), "nothing is added");
        assert!(PieceCounts::sum(vec![one.clone(), other.clone()], 2).is_err());
        // Nothing counted goes with both.
        let mut sum = PieceCounts::new();
        sum.absorb(one).unwrap();
        sum.absorb(&PieceCounts::new()).unwrap();
        assert_eq!(written(&sum), written(one));
    }
    let plain = written(&without);
    assert!(!String::from_utf8_lossy(&plain).contains("superpieces"), "a file without the table is as before");
}
