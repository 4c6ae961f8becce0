use super::*;
use crate::hangul::{FIRST, N_SYLLABLES};
use proptest::prelude::*;

/// Every unit with every option.
fn all() -> Vec<Unit> {
    let mut names: Vec<String> = ["byte", "byte-char", "syllable", "syllable:all"].map(str::to_owned).to_vec();
    for base in ["jamo", "jamo-char"] {
        for options in 0..8 {
            let on = |bit: u32, text: &'static str| if options >> bit & 1 == 1 { text } else { "" };
            names.push(format!("{base}{}{}{}", on(0, ":filler"), on(1, ":compat"), on(2, ":nfd-alias")));
        }
    }
    let seen = Unit::from_name("syllable:seen=2").unwrap().resolve([("가각뷁".as_bytes(), 2)].into_iter());
    names.iter().map(|name| Unit::from_name(name).unwrap()).chain([seen]).collect()
}

fn symbols_of(unit: &Unit, bytes: &[u8]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    unit.symbols_into(bytes, &mut symbols);
    symbols
}

fn bytes_of(unit: &Unit, symbols: &[Symbol]) -> Vec<u8> {
    let mut bytes = Vec::new();
    unit.bytes_into(symbols, &mut bytes);
    bytes
}

/// Text rich in everything that a unit may stumble over.
fn rich() -> impl Strategy<Value = Vec<u8>> {
    let code = |first: u32, last: u32| (first..=last).prop_filter_map("surrogate", char::from_u32);
    let one = |c: char| c.to_string().into_bytes();
    let part = prop_oneof![
        4 => code(FIRST, FIRST + N_SYLLABLES - 1).prop_map(one),
        4 => code(0x1100, 0x1112).prop_map(one),
        4 => code(0x1161, 0x1175).prop_map(one),
        3 => code(0x11A7, 0x11C2).prop_map(one),
        2 => code(0x3130, 0x3164).prop_map(one),
        1 => code(0x1100, 0x11FF).prop_map(one),
        1 => code(0xA960, 0xA97C).prop_map(one),
        1 => code(0xD7B0, 0xD7FB).prop_map(one),
        1 => code(0xFFA0, 0xFFDC).prop_map(one),
        1 => Just("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}".as_bytes().to_vec()),
        1 => Just("漢 a🍎\n".as_bytes().to_vec()),
        2 => Just(b" ".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 1..3),
        1 => Just("한".as_bytes()[..2].to_vec()),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn names_round_trip() {
    for unit in all() {
        assert_eq!(Unit::from_name(&unit.name()).unwrap().name(), unit.name());
    }
    assert!(Unit::NAMES.iter().all(|name| Unit::from_name(name).unwrap().name() == *name));
    assert_eq!(Unit::from_name("syllable:ksx1001").unwrap(), Unit::from_name("syllable").unwrap());
    for (name, message) in [
        ("bytes", "unknown unit \"bytes\""),
        ("byte:x", "unit byte has no options, got \"x\""),
        ("jamo:compat:filler", "unknown options \"compat:filler\" of a jamo unit"),
        ("jamo:filler:filler", "option \"filler\" of a jamo unit is given twice"),
        ("jamo:", "unknown options \"\" of a jamo unit"),
        ("syllable:seen=0", "seen must be a count of at least 1, got \"seen=0\""),
        ("syllable:some", "unknown options \"some\" of unit syllable"),
    ] {
        assert_eq!(Unit::from_name(name).unwrap_err().to_string(), message);
    }
}

#[test]
fn sizes_of_base_alphabets() {
    for (name, n) in [
        ("byte", 256),
        ("syllable", 2606),
        ("syllable:all", 11_428),
        ("jamo", 323),
        ("jamo:filler", 324),
        ("jamo:compat", 374),
        ("jamo:filler:compat:nfd-alias", 377),
    ] {
        assert_eq!(Unit::from_name(name).unwrap().n_base(), n, "{name}");
    }
}

/// 강ㅋ각 by hand: ㄱ onset 0, ㅏ vowel 0, ㅇ coda 21, ㄱ coda 1; symbols L 256.., V 275.., T 296.. (coda 1 first).
#[test]
fn symbols_by_hand() {
    let numbers = |name: &str, text: &str| -> Vec<u32> {
        symbols_of(&Unit::from_name(name).unwrap(), text.as_bytes()).iter().map(|s| s.0).collect()
    };
    assert_eq!(numbers("jamo", "강가"), [256, 275, 316, 256, 275]);
    assert_eq!(numbers("jamo:filler", "강가"), [256, 275, 316, 256, 275, 323]);
    assert_eq!(numbers("jamo", "ㅋ"), [0xE3, 0x85, 0x8B]);
    // ㅋ is U+314B, the 26th of the letters; L begins after 51 of them.
    assert_eq!(numbers("jamo:compat", "ㅋ가"), [256 + 26, 307, 326]);
    // A run of two, then a precomposed syllable: E 323, C 324.
    assert_eq!(
        numbers("jamo:nfd-alias", "\u{1100}\u{1161}\u{11BC}\u{1100}\u{1161}가"),
        [323, 256, 275, 316, 256, 275, 324, 256, 275]
    );
    assert_eq!(numbers("jamo:nfd-alias", "\u{1100}\u{1161} 가"), [323, 256, 275, 32, 256, 275]);
    assert_eq!(numbers("jamo:nfd-alias", "\u{1100}"), [0xE1, 0x84, 0x80]);
    assert_eq!(numbers("jamo:nfd-alias", "a \u{1100}\u{1161}"), [97, 323, 32, 256, 275]);
    // 가 is the first of the standard, 힝 the last: it has no 힣.
    assert_eq!(numbers("syllable", "가힝"), [256, 256 + 2349]);
    assert_eq!(numbers("syllable", "힣"), [0xED, 0x9E, 0xA3]);
    assert_eq!(numbers("syllable:all", "힣"), [11_427]);
}

#[test]
fn strays_are_conjoining_code_points() {
    let unit = Unit::from_name("jamo:filler:nfd-alias").unwrap();
    for (symbols, want) in [
        (&[256, 275][..], "\u{1100}\u{1161}"),
        (&[256, 275, 323], "가"),
        (&[275, 296], "\u{1161}\u{11A8}"),
        (&[256, 256, 275, 296], "\u{1100}각"),
        (&[323, 324, 325], ""),
        (&[324, 256, 275, 323, 325, 256, 275, 296], "\u{1100}\u{1161}각"),
        (&[324, 256, 97, 256, 275, 296], "\u{1100}a각"),
        (&[324, 32, 256, 275, 323, 32, 256, 275, 323], " \u{1100}\u{1161} 가"),
    ] {
        let symbols: Vec<Symbol> = symbols.iter().map(|&s| Symbol(s)).collect();
        assert_eq!(bytes_of(&unit, &symbols), want.as_bytes());
    }
}

#[test]
fn what_may_merge() {
    let rows = [
        ("jamo-char", "강", true),
        ("jamo-char", "강가", true),
        ("jamo-char", "a강", true),
        ("syllable", "a강", true),
        ("byte-char", "a강", true),
        ("jamo-char:filler", "강가", true),
    ];
    for (name, text, want) in rows {
        let unit = Unit::from_name(name).unwrap();
        assert_eq!(unit.allows(&symbols_of(&unit, text.as_bytes())), want, "{name} {text}");
    }
    // [L], [L V], never a tail, never whole and part.
    let numbered = |name: &str, symbols: &[u32]| {
        let symbols: Vec<Symbol> = symbols.iter().map(|&s| Symbol(s)).collect();
        Unit::from_name(name).unwrap().allows(&symbols)
    };
    for (name, symbols, want) in [
        ("jamo-char", &[256, 275][..], true),
        ("jamo-char", &[275, 296], false),
        ("jamo-char", &[296, 256], false),
        ("jamo-char", &[256, 275, 296, 256], false),
        ("jamo-char", &[256, 275, 256, 275], true),
        ("jamo-char:filler", &[256, 275, 256, 275], false),
        ("jamo-char:filler", &[256, 275], true),
        ("jamo-char:filler", &[256, 275, 323, 256, 275, 296], true),
        ("jamo-char:filler", &[32, 256, 275], false),
        ("jamo-char", &[0xEC, 256], false),
        ("jamo-char", &[256, 275, 0xEC], false),
        ("jamo-char", &[0xEC, 0x82], true),
        ("jamo-char:nfd-alias", &[323, 256, 275], true),
        ("jamo-char:nfd-alias", &[323, 256], false),
        ("jamo", &[296, 256], true),
        ("syllable", &[256, 0xEC], false),
        ("syllable", &[0xEC, 0x82], true),
        ("syllable", &[32, 0xEC, 0x82], false),
        ("syllable", &[300, 32, 256], true),
    ] {
        assert_eq!(numbered(name, symbols), want, "{name} {symbols:?}");
    }
}

#[test]
fn every_syllable_in_every_form_comes_back() {
    let nfd = |n: u32| {
        let coda = n % 28;
        let mut text: String =
            [0x1100 + n / 588, 0x1161 + n % 588 / 28].into_iter().filter_map(char::from_u32).collect();
        text.extend((coda > 0).then(|| char::from_u32(0x11A7 + coda).unwrap()));
        text
    };
    for unit in all() {
        for n in 0..N_SYLLABLES {
            let nfc = char::from_u32(FIRST + n).unwrap();
            let text = format!("{nfc}{}{nfc}", nfd(n));
            assert_eq!(bytes_of(&unit, &symbols_of(&unit, text.as_bytes())), text.as_bytes(), "{unit:?}");
        }
    }
}

#[test]
fn length_in_symbols() {
    // 4 syllables, one with a coda, a space and a letter: (13 + 1) bytes - 4 + 1.
    let text = "사과나무 밭a";
    let (n_bytes, n_syllables, n_codas) = (text.len(), 5, 1);
    assert_eq!(n_bytes, 17);
    assert_eq!(symbols_of(&Unit::from_name("jamo").unwrap(), text.as_bytes()).len(), n_bytes - n_syllables + n_codas);
    assert_eq!(symbols_of(&Unit::from_name("jamo:filler").unwrap(), text.as_bytes()).len(), n_bytes);
}

#[test]
fn atoms_are_listed_and_read_back() {
    let seen = Unit::from_name("syllable:seen=2").unwrap();
    assert!(!seen.is_resolved() && Unit::Byte.is_resolved());
    let unit = seen.resolve([("나가가".as_bytes(), 1), (b"\xEA\xB0", 9)].into_iter());
    assert_eq!((unit.listed_atoms(), unit.n_base()), (Some("가".to_owned()), 257));
    assert_eq!(seen.with_atoms("가").unwrap(), unit);
    assert_ne!(seen, unit);
    for (atoms, message) in [
        ("나가", "the atoms are not in the order of their code points, each once"),
        ("가가", "the atoms are not in the order of their code points, each once"),
        ("가a", "atom 'a' is no precomposed syllable"),
    ] {
        assert_eq!(seen.with_atoms(atoms).unwrap_err().to_string(), message);
    }
    assert!(Unit::Byte.with_atoms("가").is_err() && Unit::from_name("syllable").unwrap().with_atoms("가").is_err());
}

proptest! {

    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_unit_is_exact_and_equals_its_twin(bytes in rich(), cut in 0usize..40) {
        for unit in all() {
            let symbols = symbols_of(&unit, &bytes);
            let twin: Vec<Symbol> = naive::symbols(&unit, &bytes).into_iter().map(|(s, _)| s).collect();
            prop_assert_eq!(&symbols, &twin, "{:?}", unit);
            prop_assert!(symbols.len() <= bytes.len());
            prop_assert!(symbols.iter().all(|s| (s.0 as usize) < unit.n_base()));
            prop_assert_eq!(&bytes_of(&unit, &symbols), &bytes, "{:?}", unit);
            if !unit.needs_runs_whole() {
                prop_assert_eq!(unit.n_bytes(&symbols), bytes.len(), "{:?}", unit);
            }
            // Cut anywhere, both sides on their own.
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            if !unit.needs_runs_whole() {
                let both = [symbols_of(&unit, left), symbols_of(&unit, right)].concat();
                prop_assert_eq!(&bytes_of(&unit, &both), &bytes, "{:?} {}", unit, cut);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases().min(20_000)))]

    #[test]
    fn any_symbols_decode_as_the_twin_does(numbers in proptest::collection::vec(any::<u32>(), 0..20)) {
        for unit in all() {
            let first = if matches!(unit, Unit::Jamo(_)) { 240 } else { 0 };
            let symbols: Vec<Symbol> =
                numbers.iter().map(|n| Symbol(first + n % (unit.n_base() as u32 - first))).collect();
            prop_assert_eq!(bytes_of(&unit, &symbols), naive::bytes(&unit, &symbols), "{:?} {:?}", unit, symbols);
        }
    }

    /// What is written for people gives the symbols back.
    #[test]
    fn written_symbols_come_back(numbers in proptest::collection::vec(any::<u32>(), 0..12), text in rich()) {
        for unit in all() {
            let random = numbers.iter().map(|n| Symbol(n % unit.n_base() as u32));
            let symbols: Vec<Symbol> = random.chain(symbols_of(&unit, &text)).collect();
            let mut back = Vec::new();
            for written in unit.written(&symbols) {
                match written {
                    Written::Bytes(bytes) => back.extend_from_slice(bytes),
                    Written::Text(c) => back.extend(symbols_of(&unit, c.to_string().as_bytes())),
                    Written::Named(name) => back.push(unit.named(&name).unwrap()),
                    Written::Number(symbol) => back.push(symbol),
                }
            }
            prop_assert_eq!(&back, &symbols, "{:?}", unit);
        }
    }
}

fn cases() -> u32 {
    std::env::var("BPE_LAB_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}
