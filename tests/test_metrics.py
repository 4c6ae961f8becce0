"""Metrics: known answers by hand for each, the slow twin of the counter, published figures, intervals."""

import math
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import metrics_twin as twin
from bpe_lab import ArgumentError, FormatError, TokenError, Tokenizer, _core
from bpe_lab.metrics import (
    BANDS,
    KINDS,
    METRICS,
    OLD_HANGUL,
    SCRIPTS,
    TRANSFORMS,
    Estimate,
    Measurement,
    cut_alike,
    gini,
    kinds_of,
    ksx1001_syllables,
    occurrences_while_merging,
    paired,
    premium_documents,
    renyi_efficiency,
    renyi_entropy,
    vocabulary_anatomy,
)
from texts import BAD_BYTES, FRAGMENTS

Ends = list[list[int]]


def arrays(ends: Ends) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return ends and offsets as the core takes them."""
    flat = np.array([e for document in ends for e in document], dtype=np.uint64)
    offsets = np.cumsum([0, *map(len, ends)], dtype=np.uint64)
    return flat, offsets


def measure(
    documents: list[bytes],
    ends: Ends,
    *,
    ids: list[int] | None = None,
    kinds: bytes = b"",
    is_jamo: bool = False,
    bands: "_core.WordBands | None" = None,
    n_ids: int = 8,
    anatomy: dict[str, int] | None = None,
    merges: "NDArray[np.uint32] | None" = None,
) -> Measurement:
    flat, offsets = arrays(ends)
    counter = _core.Measure(n_ids, kinds, is_jamo, bands)
    numbers = np.array(ids if ids is not None else [i % n_ids for i in range(len(flat))], dtype=np.uint32)
    counter.add(documents, numbers, flat, offsets)
    return Measurement.of(counter, n_ids, anatomy, merges)


def scripts() -> Measurement:
    """가漢 a1 あ.Я, cut 가|漢's first byte|the other two| a|1| |あ.|Я.

    Bytes: 가 0..3, 漢 3..6, space 6, a 7, 1 8, space 9, あ 10..13, . 13, Я 14..16. 8 tokens, 9 characters, 3 eojeol.
    Base symbols, kinds being unknown: one byte of a character, 漢's first.
    """
    return measure(["가漢 a1 あ.Я".encode()], [[3, 4, 6, 8, 9, 10, 14, 16]])


def bands() -> Measurement:
    """Training ranks w000000 to w100001 in order; measured: one word of each band and one unseen, cut

    w000000| w001000| w01|0000| w100000| 새's first two bytes|its last|말
    """
    training = _core.WordBands.from_documents([" ".join(f"w{i:06}" for i in range(100_002)).encode()])
    text = "w000000 w001000 w010000 w100000 새말".encode()
    return measure([text], [[7, 15, 19, 23, 31, 34, 35, 38]], bands=training)


def documents() -> Measurement:
    """가나 three times, as 6, 2 and 1 tokens. Ordered, the middle one is p50 and the last one p95 and p99."""
    return measure(["가나".encode()] * 3, [[1, 2, 3, 4, 5, 6], [3, 6], [6]])


def windows() -> Measurement:
    """Three windows of 1,024 tokens: 512 times 가 and a space (2,048 bytes), 1,024 times a, and 가 again; then one token."""
    spaced = [e for i in range(512) for e in (4 * i + 3, 4 * i + 4)]
    texts = ["가 ".encode() * 512, b"a" * 1024, "가 ".encode() * 512, b"b"]
    return measure(texts, [spaced, list(range(1, 1025)), spaced, [1]])


def words() -> Measurement:
    """나 three times, twice as one token; 너 never; 할 수 in one superword each: STRR = (2/3 + 0 + 1 + 1)/4."""
    text = "나 나 너 나 할 수".encode()
    # 나 0..3, 나 4..7, 너 8..11, 나 12..15, 할 16..19, 수 20..23
    return measure([text], [[3, 7, 8, 11, 12, 15, 23]])


def distribution() -> Measurement:
    """Ids 2, 4, 5 out of 8 occur twice, once and once: p = 1/2, 1/4, 1/4.

    H_1 = 1.5. H_2.5 = log2(2^-2.5 + 2 * 2^-5)/-1.5. H_3 = log2(1/8 + 2/64)/-2. Declared log2 8 = 3, observed log2 3.
    """
    return measure([b"abcd"], [[1, 2, 3, 4]], ids=[2, 2, 4, 5])


def merging() -> Measurement:
    """Ids a b c ab abc, merges a b -> ab and ab c -> abc, emitted: abc abc c.

    While merging: abc 2, ab 2, c 1 + 2 = 3, a 2, b 2. a, b and ab are only made into more: 3 of 8. IoS: a 2/2, b 2/2,
    ab 2/2, c 2/3: three reach 0.9.
    """
    table = np.array([[0, 1, 3], [3, 2, 4]], dtype=np.uint32)
    return measure([b"abcabcc"], [[3, 6, 7]], ids=[4, 4, 2], merges=table)


def conjoining() -> Measurement:
    """학교 in NFD, ㅎㅏㄱ 0..9 and ㄱㅛ 9..15, as [ㅎㅏ][ㄱ][ㄱㅛ]: the first syllable is cut."""
    return measure([unicodedata.normalize("NFD", "학교").encode()], [[6, 9, 15]])


def jamo() -> Measurement:
    """한국 as ㅎ|ㅏ|ㄴ구|ㄱ, jamo owning a byte each: all four tokens hold part of a syllable."""
    return measure(["한국".encode()], [[1, 2, 5, 6]], is_jamo=True)


VOCABULARY = ["가", " 각", "사과", " 사과", "3월", "ㅋㅋ", "漢", " 할 수", "...", " of", "あ", "Я"]


def vocabulary() -> Measurement:
    """The tokens above, 뷁, and one byte and one cut character: 15. No jamo unit, so no jamo fragments.

    One character: 가, " 각", 漢, あ, Я, 뷁. Part of a word: 사과, 3월, ㅋㅋ. Whole word: " 사과", " of". Several: " 할 수".
    Other: "...". By strongest character: Hangul 가 각 사과 사과 ㅋㅋ 할수 뷁 (7), digits 3월, Latin of, and so on.
    """
    vocab = [t.encode() for t in [*VOCABULARY, "뷁"]] + [b"\xea", b"\xea\xb0"]
    pairs = list(enumerate(vocab))
    return measure([b"a"], [[1]], n_ids=15, anatomy=vocabulary_anatomy(pairs, kinds_of(pairs, 15)))


KNOWN: list[tuple[Callable[[], Measurement], dict[str, float]]] = [
    (
        scripts,
        {
            "bytes_per_token": 16 / 8,
            "tokens_per_byte": 8 / 16,
            "chars_per_token": 9 / 8,
            "tokens_per_char": 8 / 9,
            "fertility": 8 / 3,
            "tokens_per_syllable": 8 / 1,
            "one_token_eojeol": 0,
            "pcw": 1,
            "strr": 0,
            "broken_chars": 1 / 9,
            "broken_syllables": 0,
            "fallback_chars": 1 / 9,
            "fallback_syllables": 0,
            "fallback_eojeol": 1 / 3,
            "base_symbol_tokens": 1 / 8,
            # 가, " a", 1 and Я; 漢 in two; the space; あ. is part of あ.Я.
            "emitted_one_char": 4 / 8,
            "emitted_fragment": 2 / 8,
            "emitted_other": 1 / 8,
            "emitted_part_word": 1 / 8,
            "emitted_whole_word": 0,
            **{f"char_share_{s}": 1 / 9 for s in SCRIPTS[:-1]},
            "char_share_other": 3 / 9,
            "tokens_per_char_hangul": 1,
            "tokens_per_char_hanja": 2,
            "tokens_per_char_latin": 1,
            "tokens_per_char_digits": 1,
            "tokens_per_char_kana": 1,
            "tokens_per_char_punctuation": 0,
            "tokens_per_char_other": 2 / 3,
            "bytes_per_token_hangul": 3,
            "bytes_per_token_hanja": 3 / 2,
            "bytes_per_token_latin": 1,
            "bytes_per_token_digits": 1,
            "bytes_per_token_kana": 3,
            "bytes_per_token_punctuation": math.nan,
            "bytes_per_token_other": 4 / 2,
            **{f"broken_{s}": float(s == "hanja") for s in SCRIPTS},
            **{f"fallback_{s}": float(s == "hanja") for s in SCRIPTS},
            **{f"base_tokens_{s}": 1 / 2 if s == "hanja" else 0 for s in SCRIPTS if s != "punctuation"},
            "base_tokens_punctuation": math.nan,
        },
    ),
    (
        bands,
        {
            **{f"band_share_{b}": 1 / 5 for b in BANDS},
            "band_fertility_top1k": 1,
            "band_fertility_1k_10k": 1,
            "band_fertility_10k_100k": 2,
            "band_fertility_rarer": 1,
            "band_fertility_unseen": 3,
            "band_one_token_top1k": 1,
            "band_one_token_1k_10k": 1,
            "band_one_token_10k_100k": 0,
            "band_one_token_rarer": 1,
            "band_one_token_unseen": 0,
            **{f"band_broken_{b}": 1 / 2 if b == "unseen" else math.nan for b in BANDS},
            **{f"band_fallback_{b}": float(b == "unseen") for b in BANDS},
        },
    ),
    (
        documents,
        {
            "bytes_per_token_p50": 3,
            "bytes_per_token_p95": 6,
            "bytes_per_token_p99": 6,
            "tokens_per_byte_p50": 1 / 3,
            "tokens_per_byte_p95": 1,
            "tokens_per_byte_p99": 1,
            "chars_per_token_p50": 1,
            "chars_per_token_p95": 2,
            "chars_per_token_p99": 2,
            "tokens_per_char_p50": 1,
            "tokens_per_char_p95": 3,
            "tokens_per_char_p99": 3,
            "fertility_p50": 2,
            "fertility_p95": 6,
            "fertility_p99": 6,
            "tokens_per_syllable_p50": 1,
            "tokens_per_syllable_p95": 3,
            "tokens_per_syllable_p99": 3,
        },
    ),
    (
        windows,
        {
            "context_bytes_p50": 2048,
            "context_bytes_p5": 1024,
            "context_syllables_p50": 512,
            "context_syllables_p5": 0,
            "context_eojeol_p50": 512,
            "context_eojeol_p5": 1,
        },
    ),
    (words, {"strr": (2 / 3 + 0 + 1 + 1) / 4, "one_token_eojeol": 4 / 6, "pcw": 2 / 6, "emitted_several_words": 1 / 7}),
    (
        distribution,
        {
            "renyi_1": 1.5 / 3,
            "renyi_1_observed": 1.5 / math.log2(3),
            "renyi_2_5": math.log2(2**-2.5 + 2 * 2**-5) / -1.5 / 3,
            "renyi_2_5_observed": math.log2(2**-2.5 + 2 * 2**-5) / -1.5 / math.log2(3),
            "renyi_3": math.log2(1 / 8 + 2 / 64) / -2 / 3,
            "renyi_3_observed": math.log2(1 / 8 + 2 / 64) / -2 / math.log2(3),
            "vocab_used": 3 / 8,
            "vocab_unused": 5 / 8,
            "vocab_rare": 3 / 8,
            "vocab_intermediate": math.nan,
        },
    ),
    (merging, {"vocab_intermediate": 3 / 8, "vocab_ios_90": 3 / 8, "vocab_used": 2 / 8}),
    (conjoining, {"broken_conjoining": 1 / 2, "broken_chars": 0, "tokens_per_syllable": math.nan}),
    (
        jamo,
        {
            "emitted_jamo_fragment": 1,
            "emitted_fragment": 0,
            "broken_syllables": 1,
            "fallback_syllables": 1,
            "base_symbol_tokens": 0,
        },
    ),
    (
        vocabulary,
        {
            "vocab_fragment": 2 / 15,
            "vocab_jamo_fragment": 0,
            "vocab_one_char": 6 / 15,
            "vocab_part_word": 3 / 15,
            "vocab_whole_word": 2 / 15,
            "vocab_several_words": 1 / 15,
            "vocab_other": 1 / 15,
            "vocab_script_hangul": 7 / 15,
            "vocab_script_hanja": 1 / 15,
            "vocab_script_latin": 1 / 15,
            "vocab_script_digits": 1 / 15,
            "vocab_script_kana": 1 / 15,
            "vocab_script_punctuation": 1 / 15,
            "vocab_script_other": 1 / 15,
            # 가, 뷁; " 각"; 사과, " 사과", " 할 수"; 3월
            "vocab_with_hangul": 7,
            "vocab_one_syllable": 2,
            "vocab_space_syllable": 1,
            "vocab_several_syllables": 3,
            "vocab_hangul_mixed": 1,
            "vocab_jamo_bearing": 1,
            "vocab_code_point_fragments": 2,
            "vocab_jamo_fragments": 0,
            # 뷁 is none of KS X 1001's.
            "vocab_atomic_syllables": 2,
            "vocab_atomic_ksx1001": 1,
            "vocab_atomic_ideographs": 1,
            "vocab_code_point_fragments_share": 2 / 15,
            "vocab_jamo_fragments_share": 0,
        },
    ),
]


@pytest.mark.parametrize(("make", "want"), KNOWN, ids=lambda x: x.__name__ if callable(x) else "")
def test_known_answers(make: Callable[[], Measurement], want: dict[str, float]) -> None:
    measurement = make()
    got = {name: measurement.value(name) for name in want}
    assert got == pytest.approx(want, nan_ok=True)


def test_every_metric_of_one_measurement_has_a_known_answer() -> None:
    known = {name for _, want in KNOWN for name in want}
    assert {n for n, m in METRICS.items() if m.reads not in ("pair", "several", "given")} == known


def test_metrics_of_pairs_by_hand() -> None:
    """Two lines: 4 and 2 tokens against 1 and 2, 12 and 6 bytes against 3 and 6: 6/3 = 2 and 18/9 = 2."""
    korean = measure(["가나다라".encode(), "가나".encode()], [[3, 6, 9, 12], [3, 6]])
    english = measure([b"abc", b"abcdef"], [[3], [3, 6]])
    for name in (n for n, m in METRICS.items() if m.reads == "pair"):
        assert paired(korean, english, name).value == 2, name
    assert paired(korean, english, "tokens_per_byte").value == pytest.approx(6 / 18 - 3 / 9)
    assert paired(korean, english, "chars_per_token", how="ratio").value == pytest.approx((6 / 6) / (9 / 3))
    with pytest.raises(ArgumentError, match="got 2 and 1"):
        paired(korean, words(), "premium")


def test_gini_by_hand() -> None:
    """1, 2, 3: |differences| sum to 2 * (1 + 2 + 1) = 8, over 2 * 9 * 2 = 36."""
    assert gini([1, 2, 3]) == pytest.approx(8 / 36)
    assert gini([5, 5]) == 0
    assert math.isnan(gini([]))


def test_entropies() -> None:
    assert renyi_entropy([1, 1, 1, 1, 0], 3) == pytest.approx(2)
    assert renyi_entropy([7, 0], 1) == 0
    assert renyi_efficiency([1, 1], 2.5, 4) == pytest.approx(0.5)
    assert math.isnan(renyi_efficiency([3], 1, 1)) and math.isnan(renyi_entropy([], 1))


def test_ios_by_hand() -> None:
    """a a -> aa, emitted aa 3 and a 4: a stood 4 + 2 * 3 = 10 times; IoS 3/10."""
    total, ios = occurrences_while_merging(np.array([4, 3], dtype=np.uint64), np.array([[0, 0, 1]], dtype=np.uint32))
    assert (total.tolist(), ios.tolist()) == ([10, 3], [0.3, 0.0])


# The counter against its twin.

letters = st.sampled_from([*FRAGMENTS, *OLD_HANGUL[0].split(), "각ㅋ漢あЯ1.", "\u1100\u1161\u11a8", "\uffa1", "\u11a8"])
# What this Python knows: the twin's regex may have newer tables than the core, which give unassigned characters a script.
assigned = st.characters(codec="utf-8", exclude_categories=["Cn"])
piece = st.one_of(letters.map(str.encode), st.text(assigned, max_size=3).map(str.encode), st.sampled_from(BAD_BYTES))
document = st.lists(piece, max_size=10).map(b"".join)


@st.composite
def cut_documents(draw: st.DrawFn) -> tuple[list[bytes], Ends]:
    texts = draw(st.lists(document, min_size=1, max_size=4))
    ends = []
    for text in texts:
        inner = draw(st.lists(st.integers(0, len(text)), max_size=12 + len(text) // 2))
        ends.append(sorted([*inner, len(text)]) if text else sorted(inner))
    return texts, ends


KIND_BYTES = bytes([0, 1, 2, 3, 4, 5, 9])


@settings(max_examples=300, deadline=None)
@given(cut_documents(), st.booleans(), st.booleans(), st.booleans())
def test_the_counter_is_its_twin(case: tuple[list[bytes], Ends], is_jamo: bool, known: bool, banded: bool) -> None:
    texts, ends = case
    flat, offsets = arrays(ends)
    ids = [i % 7 for i in range(len(flat))]
    kinds = KIND_BYTES if known else b""
    training = texts[:1] if banded else None
    counter = _core.Measure(7, kinds, is_jamo, _core.WordBands.from_documents(training) if training else None)
    counter.add(texts, np.array(ids, dtype=np.uint32), flat, offsets, 2)
    got = counter.counts()
    bands_of = twin.bands_of(training) if training else None
    for i, text in enumerate(texts):
        mine = ids[int(offsets[i]) : int(offsets[i + 1])]
        want = twin.count(text, mine, ends[i], kinds, is_jamo, bands_of)
        assert {n: int(x) for n, x in zip(counter.columns, got[i], strict=True) if x} == {
            n: x for n, x in want.items() if x
        }
    types = twin.words(list(zip(texts, ends, strict=True)))
    assert counter.word_types() == list(types)
    assert counter.words().tolist() == list(types.values())
    assert counter.token_counts().tolist() == np.bincount(ids, minlength=7).tolist()
    assert counter.blocks(1)[0].tolist() == got.sum(axis=0).tolist()
    assert all(counter.column(n).tolist() == got[:, i].tolist() for i, n in enumerate(counter.columns))


@settings(max_examples=100, deadline=None)
@given(cut_documents(), st.integers(0, 2**32))
def test_alike_is_its_twin(case: tuple[list[bytes], Ends], seed: int) -> None:
    texts, ends = case
    rng = np.random.default_rng(seed)
    other = [
        [e for e in document if e == len(text) or rng.random() < 0.5]
        for text, document in zip(texts, ends, strict=True)
    ]
    n_eojeol = n_alike = 0
    for text, a, b in zip(texts, ends, other, strict=True):
        for start, end in twin.eojeol(twin.characters(text)):
            first = start - (text[max(start - 1, 0) : start] == b" ")
            n_eojeol += 1
            n_alike += {e for e in a if first < e < end} == {e for e in b if first < e < end}
    got = cut_alike(texts, arrays(ends), arrays(other), n_resamples=10)
    assert got.share.value == pytest.approx(n_alike / n_eojeol if n_eojeol else math.nan, nan_ok=True)


def test_alike_by_hand() -> None:
    """그는 학교에, cut 그는| 학교|에 and 그는| |학교에: 그는 alike, 학교에 not. Three times, so it leads."""
    text = "그는 학교에".encode()
    got = cut_alike([text] * 3, arrays([[6, 13, 16]] * 3), arrays([[6, 7, 16]] * 3))
    assert got.share.value == 0.5
    (found,) = got.different
    assert (found.word, found.count, found.n_different) == ("학교에", 3, 3)
    assert (found.a, found.b) == (("학교", "에"), (" ", "학교에"))


# Changed texts against their twins.


@given(st.text(), st.integers(0, 2**64 - 1), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_changed_texts_are_their_twins(text: str, seed: int, rate: float) -> None:
    data = [text.encode(), ("가각 ㅋㅋ뷁 한국어를 쓴다" + text).encode()]
    texts = [d.decode() for d in data]
    nfd = ["".join(unicodedata.normalize("NFD", c) if "가" <= c <= "힣" else c for c in t) for t in texts]
    runs = [re.sub(r"([ㅋㅎㅠㅜ])\1+", lambda m: m[1] * (2 * len(m[0]) + 1), t) for t in texts]
    assert _core.hangul_to_nfd(data) == [t.encode() for t in nfd]
    assert _core.without_spaces(data) == [t.replace(" ", "").encode() for t in texts]
    assert _core.lengthen_runs(data) == [t.encode() for t in runs]
    assert _core.with_typos(data, rate, seed) == [
        twin.with_typos(t, rate, seed, i).encode() for i, t in enumerate(texts)
    ]


def test_every_robustness_ratio_has_its_text() -> None:
    assert set(TRANSFORMS) == {n for n, m in METRICS.items() if m.group == "robustness" and m.reads == "pair"}
    for change in TRANSFORMS.values():
        assert len(change(["한국어 ㅋㅋ".encode(), b""])) == 2
    assert all(any("\u1100" <= c <= "\u11ff" for c in line) for line in OLD_HANGUL)
    assert all(unicodedata.is_normalized("NFC", line) for line in OLD_HANGUL)


def test_premium_documents() -> None:
    assert premium_documents(["가\n".encode(), b"a", b"b\r\n"]) == [" 가".encode(), b" a", b" b"]


def test_ksx1001() -> None:
    found = ksx1001_syllables()
    assert (len(found), found[0], found[-1], len(set(found))) == (2350, "가", "힝", 2350)
    assert "뷁" not in found and "똠" not in found


# Intervals.


def many(n: int, seed: int = 0) -> Measurement:
    """Return `n` documents of 1 to 8 syllables, cut at random."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, n)
    ends = [sorted({*rng.integers(1, 3 * s + 1, 3).tolist(), 3 * int(s)}) for s in sizes]
    return measure([("가" * int(s)).encode() for s in sizes], ends)


def test_the_bootstrap_agrees_with_the_delta_method() -> None:
    """Var(sum t/sum b) is about sum (t - r b)^2/(sum b)^2; 1.96 standard deviations each way."""
    m = many(900)
    t, b = (m.documents[:, i].astype(float) for i in (4, 0))
    r = t.sum() / b.sum()
    half = 1.96 * ((t - r * b) ** 2).sum() ** 0.5 / b.sum()
    got = m.interval("tokens_per_byte")
    assert got.value == pytest.approx(r)
    assert got.low == pytest.approx(r - half, abs=0.15 * half)
    assert got.high == pytest.approx(r + half, abs=0.15 * half)


def test_blocks_of_documents_give_the_same_width() -> None:
    """5,000 documents stand in 1,667 blocks of 3: values are equal, the width within a tenth of the delta method's."""
    m = many(5000)
    assert len(m.blocks) == 1667
    t, b = (m.documents[:, i].astype(float) for i in (4, 0))
    r = t.sum() / b.sum()
    half = 1.96 * ((t - r * b) ** 2).sum() ** 0.5 / b.sum()
    got = m.interval("tokens_per_byte")
    assert got.low is not None and got.high is not None
    assert got.value == pytest.approx(r)
    assert (got.high - got.low) / 2 == pytest.approx(half, rel=0.1)


def test_every_interval_holds_its_value() -> None:
    m = many(300)
    for name in m.names():
        e = m.interval(name)
        assert e.low is None or e.low <= e.value, name
        assert e.high is None or e.value <= e.high, name


def test_documents_alike_leave_no_doubt() -> None:
    m = measure(["가나".encode()] * 40, [[3, 6]] * 40, ids=[0, 1] * 40)
    for name in ("fertility", "bytes_per_token", "broken_syllables", "renyi_1"):
        e = m.interval(name)
        assert e.low == pytest.approx(e.value) and e.high == pytest.approx(e.value), name


def test_pairs_share_their_draws() -> None:
    m = many(200)
    same = paired(m, m, "fertility")
    assert (same.value, same.low, same.high) == (0, 0, 0) and not same.clear_of_zero
    other = many(200, seed=1)
    apart = paired(m, other, "tokens_per_byte")
    a, b = m.interval("tokens_per_byte"), other.interval("tokens_per_byte")
    assert apart.value == pytest.approx(a.value - b.value)
    assert paired(m, other, "tokens_per_byte", seed=0) == paired(m, other, "tokens_per_byte", seed=0)
    ratio = paired(m, other, "premium")
    assert ratio.low is not None and ratio.high is not None and ratio.low < ratio.value < ratio.high
    assert paired(m, m, "renyi_2_5") == Estimate(0, 0, 0)
    assert paired(m, m, "strr").low == 0


def test_a_quantile_lies_between_its_order_statistics() -> None:
    """100 documents: p50 has rank 50; 1.96 * 5 ranks each way are ranks 40 and 60 (int(50 - 9.8), int(50 + 9.8) + 1)."""
    texts = [b"a" * (i + 1) for i in range(100)]
    m = measure(texts, [[i + 1] for i in range(100)])
    assert m.interval("bytes_per_token_p50") == Estimate(50, 40, 60)
    assert m.interval("bytes_per_token_p99").high is None


# Storage and refusals.


def test_a_measurement_comes_back() -> None:
    m = merging()
    again = Measurement.from_bytes(m.to_bytes())
    assert again.names() == m.names()
    assert [again.interval(n) for n in m.names()] == [m.interval(n) for n in m.names()]
    for damaged in (b"", m.to_bytes()[:100], b"PK\x03\x04"):
        with pytest.raises(FormatError):
            Measurement.from_bytes(damaged)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="document 0 do not tile"):
        measure([b"abc"], [[2]])
    with pytest.raises(TokenError, match="id 9 stands in the text"):
        measure([b"abc"], [[3]], ids=[9])
    with pytest.raises(ArgumentError, match="10 is no kind"):
        _core.Measure(1, bytes([10]), False)
    with pytest.raises(ArgumentError, match="no metric is called 'speed'"):
        words().value("speed")
    with pytest.raises(ArgumentError, match=r"use paired\(a, b, name\)"):
        words().value("premium")
    with pytest.raises(ArgumentError, match="level must lie between 0 and 1"):
        words().interval("fertility", level=95)
    with pytest.raises(TokenError, match="the vocabulary holds id 3"):
        kinds_of([(3, b"a")], 3)


def test_nothing_at_all_is_measured_too() -> None:
    for empty in (measure([], []), measure([b""], [[]])):
        assert math.isnan(empty.value("fertility")) and math.isnan(empty.value("strr"))
        assert empty.interval("fertility") == empty.interval("fertility") or math.isnan(
            empty.interval("fertility").value
        )
        empty.names()


def test_estimates_as_json() -> None:
    assert Estimate(math.nan, 1.0, math.inf).to_json() == {"value": None, "low": 1.0, "high": None}
    assert Estimate(0.5, 0.1, 0.9).clear_of_zero and not Estimate(0.5, -0.1, 0.9).clear_of_zero


def test_the_table() -> None:
    columns = set(_core.Measure.columns)
    for name, metric in METRICS.items():
        assert name == metric.name and metric.title_en and metric.title_ko and metric.formula and metric.source
        if metric.reads in ("counts", "documents", "pair"):
            assert {*metric.numerator, *metric.denominator} <= columns, name
    assert len(columns) == len(_core.Measure.columns)
    assert {f"emitted_{kind}" for kind in KINDS} < columns
    assert {f"chars_{script}" for script in SCRIPTS} < columns
    assert _core.WordBands.names == BANDS


def test_the_page_has_an_entry_for_every_metric() -> None:
    page = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    suffix = rf"_({'|'.join([*SCRIPTS, *BANDS, *KINDS, 'p5', 'p50', 'p95', 'p99'])})$"
    stem = {n: re.sub(suffix, "", n) for n in METRICS}
    family = {n for n, s in stem.items() if s not in (n, "vocab", "emitted") and (f"`{s}`" in page or f"`{s}_" in page)}
    missing = [n for n in METRICS if f"`{n}`" not in page and n not in family]
    assert not missing


# Real tokenizers and published figures.


def cuts(
    tokenizer: Tokenizer, documents: list[bytes]
) -> tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]]:
    """Return ids, ends and offsets of a byte-wise tokenizer."""
    ids, offsets = tokenizer.encode_batch(documents)
    size = np.zeros(tokenizer.n_ids, dtype=np.uint64)
    for id, token in tokenizer.vocab():
        size[id] = len(token)
    ends = np.cumsum(size[ids], dtype=np.uint64)
    before = np.concatenate([np.zeros(1, dtype=np.uint64), ends])[offsets[:-1].astype(np.int64)]
    return ids, ends - np.repeat(before, np.diff(offsets).astype(np.int64)), offsets


def measured(tokenizer: Tokenizer, documents: list[bytes]) -> Measurement:
    counter = _core.Measure(tokenizer.n_ids, tokenizer.token_kinds(), False)
    counter.add(documents, *cuts(tokenizer, documents))
    kinds = tokenizer.token_kinds()
    return Measurement.of(
        counter, tokenizer.n_tokens, vocabulary_anatomy(tokenizer.vocab(), kinds), tokenizer.merge_table()
    )


def test_kinds_of_our_own(small: Tokenizer) -> None:
    """Every id by its bytes; specials are 0. The foreign way says the same where specials are left out."""
    kinds = small.token_kinds()
    specials = set(small.special_tokens.values())
    ordinary = [(id, token) for id, token in small.vocab() if id not in specials]
    assert kinds == kinds_of(ordinary, small.n_ids)
    assert {kinds[id] for id in specials} == {0}
    assert sum(k == 1 for k in kinds) == 128  # the bytes from 0x80 on
    anatomy = vocabulary_anatomy(small.vocab(), kinds)
    assert anatomy["tokens"] == len(ordinary)


def test_sums_over_a_real_text(small: Tokenizer) -> None:
    """Emitted kinds and merges agree with what the tokenizer itself says."""
    texts = ["한국어 문장을 읽고 씁니다. 값이 3,000원이라니ㅋㅋ\n".encode(), b"The first snow fell last night.\n"]
    m = measured(small, texts)
    assert m.total("tokens") == sum(len(small.encode(t)) for t in texts)
    assert m.total("bytes") == sum(map(len, texts))
    assert sum(m.value(f"emitted_{kind}") for kind in KINDS) == pytest.approx(1)
    assert m.value("vocab_used") + m.value("vocab_unused") == pytest.approx(1)
    assert 0 < m.value("vocab_intermediate") < 1


@pytest.mark.parametrize(
    ("name", "tokens", "byte_premium"), [("r50k_base", "5.07", "1.20"), ("cl100k_base", "2.38", "1.20")]
)
def test_flores_premiums_as_published(
    data: Path, published: Callable[[str], Tokenizer], name: str, tokens: str, byte_premium: str
) -> None:
    def side(language: str) -> Measurement:
        files = [data / "flores" / f"{language}.{part}" for part in ("dev", "devtest")]
        lines = [line for file in files for line in file.read_bytes().splitlines(keepends=True)]
        assert len(lines) == 2009
        return measured(published(name), premium_documents(lines))

    korean, english = side("kor_Hang"), side("eng_Latn")
    got = paired(korean, english, "premium")
    assert f"{got.value:.2f}" == tokens
    assert f"{paired(korean, english, 'byte_premium').value:.2f}" == byte_premium
    assert got.low is not None and got.high is not None and got.low < got.value < got.high


@pytest.mark.parametrize(
    ("name", "with_hangul", "one", "space_one", "several"),
    [("r50k_base", 0, 0, 0, 0), ("cl100k_base", 281, 129, 90, 62), ("o200k_base", 2352, 677, 443, 1219)],
)
def test_hangul_in_published_vocabularies(
    published: Callable[[str], Tokenizer], name: str, with_hangul: int, one: int, space_one: int, several: int
) -> None:
    tokenizer = published(name)
    found = vocabulary_anatomy(tokenizer.vocab(), tokenizer.token_kinds())
    got = [found[k] for k in ("with_hangul", "one_syllable", "space_syllable", "several_syllables", "hangul_mixed")]
    assert got == [with_hangul, one, space_one, several, with_hangul - one - space_one - several]
    assert found["atomic_ksx1001"] == found["atomic_syllables"] == one


def test_the_example_of_the_words_page(published: Callable[[str], Tokenizer]) -> None:
    text = "나는 밥을 먹고 잤다ㅋㅋ.".encode()
    tokenizer = published("o200k_base")
    ids, ends, _ = cuts(tokenizer, [text])
    assert ends.tolist() == [6, 9, 10, 13, 17, 20, 23, 24, 27, 33, 34] and len(ids) == 11
    m = measured(tokenizer, [text])
    want = {"bytes": 34, "chars": 14, "syllables": 8, "eojeol": 4, "broken_syllables": 2, "fallback_syllables": 2}
    want |= {"emitted_whole_word": 1, "emitted_fragment": 4, "emitted_one_char": 4, "emitted_part_word": 1}
    want |= {"emitted_other": 1, "tokens_base": 2, "eojeol_one_token": 1, "tokens": 11}
    assert {name: m.total(name) for name in want} == want
    pieces = [text[a:b].decode() for a, b in pairwise([0, *_core.Pattern.named("o200k").split(text).tolist()])]
    assert pieces == ["나는", " 밥을", " 먹고", " 잤다ㅋㅋ", "."]
