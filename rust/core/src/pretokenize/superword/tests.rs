use crate::pretokenize::Pattern;
use crate::pretokenize::twin::any_texts;
use proptest::prelude::*;
use std::sync::LazyLock;

fn split(pattern: &Pattern, text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    pattern.split(text, &mut ends).unwrap();
    ends
}

fn patterns() -> impl Iterator<Item = (Pattern, Pattern)> {
    super::ALL
        .iter()
        .map(|(named, name)| (Pattern::from_name(named.name()).unwrap(), Pattern::from_name(name).unwrap()))
}

#[test]
fn rows() {
    let rows: &[(&str, &str, &[&str])] = &[
        ("o200k", "", &[]),
        ("o200k", "오늘은 비가 온다. 내일은 갠다.", &["오늘은 비가 온다.", " 내일은 갠다."]),
        ("o200k", "첫째 줄\n둘째 줄\r\n\r\n셋째", &["첫째 줄\n", "둘째 줄\r\n\r\n", "셋째"]),
        ("o200k", "정말?! 그래…  응", &["정말?!", " 그래…", "  응"]),
        ("o200k", "3.14는 원주율이다.그렇다", &["3.14는 원주율이다.그렇다"]),
        ("o200k", "今日は晴れ。　明日は雨。です", &["今日は晴れ。", "　明日は雨。です"]),
        // The pieces are `.\n/` and `\n  \n`: no wall inside.
        ("o200k", "a.\n/b\n  \n c", &["a.\n/b\n  \n", " c"]),
        ("o200k", "a. \n b", &["a.", " \n", " b"]),
        ("gpt2", "a\r\nb\rc\n\nd", &["a\r\n", "b\r", "c\n", "\n", "d"]),
        ("cl100k", "He said \"no.\" Then", &["He said \"no.\" Then"]),
    ];
    for (base, text, want) in rows {
        let pattern = Pattern::from_name(base).unwrap().superword().unwrap();
        let starts = std::iter::once(0).chain(split(&pattern, text.as_bytes()));
        let got: Vec<&str> =
            starts.zip(split(&pattern, text.as_bytes())).map(|(start, end)| &text[start..end]).collect();
        assert_eq!(got, *want, "{base}: {text:?}");
    }
}

#[test]
fn names_and_refusals() {
    for (base, superword) in patterns() {
        assert_eq!(superword.name().unwrap(), format!("{}+superword", base.name().unwrap()));
        assert_eq!(base.superword().unwrap().name(), superword.name());
        assert_eq!(superword.superword().unwrap().name(), superword.name());
        let known = |regex: Option<&str>| Pattern::recognize(regex.unwrap()).and_then(|p| p.name());
        assert_eq!(known(superword.tiktoken_regex()), superword.name());
        let hf = Pattern::from_hf_regex(superword.hf_regex().unwrap()).unwrap();
        assert_eq!(split(&hf, b"a. b\n12345 c  "), split(&superword, b"a. b\n12345 c  "));
    }
    let cl100k = Pattern::from_name("cl100k+superword").unwrap();
    assert!(Pattern::from_hf_regex(cl100k.tiktoken_regex().unwrap()).is_err(), "Oniguruma reads {{1,3}}+ otherwise");
    let e = Pattern::from_name("none").unwrap().superword().unwrap_err();
    assert_eq!(e.to_string(), "pattern none has no superpieces: its pieces are whole documents already");
    assert!(Pattern::from_regex(r"\w+").unwrap().superword().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn agrees_with_its_regex(text in any_texts()) {
        static TWINS: LazyLock<Vec<Pattern>> =
            LazyLock::new(|| patterns().map(|(_, superword)| superword.regex_twin().unwrap().unwrap()).collect());
        for ((base, superword), twin) in patterns().zip(TWINS.iter()) {
            let ends = split(&superword, &text);
            prop_assert_eq!(&ends, &split(twin, &text), "{:?}", superword.name());
            let pieces = split(&base, &text);
            prop_assert!(ends.iter().all(|end| pieces.contains(end)));
        }
    }

    #[test]
    fn limits_and_new_beginnings_change_nothing(text in any_texts(), limit in 1..5usize) {
        for (_, superword) in patterns() {
            let whole = split(&superword, &text);
            let (mut ends, mut start) = (vec![3], 0);
            while start < text.len() {
                let before = ends.len();
                start = superword.scan(&text, start, limit, &mut ends).unwrap();
                prop_assert!(ends.len() > before && ends.len() - before <= limit);
            }
            prop_assert_eq!(&ends[1..], &whole[..]);
        }
    }

    #[test]
    fn safe_cuts_are_safe(before in any_texts(), text in any_texts(), after in any_texts()) {
        for (_, superword) in patterns() {
            let Some(cut) = superword.last_safe_cut(&text) else { continue };
            let all = [&before[..], &text, &after].concat();
            let at = before.len() + cut;
            let (left, right) = all.split_at(at);
            let apart: Vec<usize> =
                split(&superword, left).into_iter().chain(split(&superword, right).iter().map(|end| at + end)).collect();
            prop_assert_eq!(split(&superword, &all), apart);
        }
    }
}

#[test]
fn plain_text_has_safe_cuts() {
    let text = "오늘은 비가 온다. 내일은 갠다.\n모레는 모른다.\n".repeat(3);
    let (_, o200k) = patterns().last().unwrap();
    assert!(o200k.last_safe_cut(text.as_bytes()).unwrap() + 40 > text.len());
    assert_eq!(o200k.last_safe_cut("띄어쓰기만 있는 글".as_bytes()), None);
}
