"""The embedded sample is natural text of the size promised: no templates, labelled, translated line by line."""

import lzma
from collections import Counter

import pytest

from bpe_lab import sample

# Measured on 199,608 bytes of real Korean: FLORES-200 (dev + devtest), film reviews (NSMC), KLUE-DP sentences.
#                     repeated 20-grams   unique eojeol   xz ratio
#   FLORES-200              0.008 %          62.0 %        0.340
#   film reviews            0.033 %          64.3 %        0.359
#   KLUE-DP                 0.054 %          63.8 %        0.356
#   technical docs         17.0   %          30.1 %        0.218   (what filled-in templates look like)
REPEATED_20_GRAMS = (0.0, 0.0006)
UNIQUE_EOJEOL = (0.58, 0.68)
XZ_RATIO = (0.33, 0.40)

KOREAN_REGISTERS = {"news", "formal", "chat", "tech", "letter", "recipe", "essay", "dialogue", "hanja", "old"}


def korean() -> str:
    return "\n".join(d.text for d in sample.documents("ko"))


def share_of_repeats(text: str, n: int = 20) -> float:
    grams = Counter(text[i : i + n] for i in range(len(text) - n + 1))
    return sum(c - 1 for c in grams.values()) / grams.total()


def test_korean_is_large_enough_and_in_every_register() -> None:
    documents = sample.documents("ko")
    assert sum(len(d.text.encode()) for d in documents) >= 100_000
    assert {d.register for d in documents} == KOREAN_REGISTERS
    assert min(Counter(d.register for d in documents).values()) >= 8


def test_korean_reads_like_prose_and_not_like_templates() -> None:
    text = korean()
    eojeol = text.split()
    xz = len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)) / len(text.encode())
    assert REPEATED_20_GRAMS[0] <= share_of_repeats(text) <= REPEATED_20_GRAMS[1]
    assert UNIQUE_EOJEOL[0] <= len(set(eojeol)) / len(eojeol) <= UNIQUE_EOJEOL[1]
    assert XZ_RATIO[0] <= xz <= XZ_RATIO[1]


def test_a_template_would_be_caught() -> None:
    filled = "".join(
        f"{place}에서 {thing}을 하루 종일 구경하고 돌아왔습니다.\n" for place in "가나다" for thing in "마바사"
    )
    assert share_of_repeats(filled) > REPEATED_20_GRAMS[1]


@pytest.mark.parametrize(
    ("register", "characters"),
    [
        ("chat", "ㅋㅠㅎㅇ"),
        ("hanja", "人書年"),
        ("old", "\u1112\u119e"),  # conjoining jamo: old Hangul has no precomposed form
        ("tech", "aZ09"),
    ],
)
def test_registers_hold_what_they_are_there_for(register: str, characters: str) -> None:
    text = "".join(d.text for d in sample.documents("ko", register))
    assert all(c in text for c in characters)


def test_pairs_are_two_languages_line_by_line() -> None:
    pairs = sample.parallel()
    assert len(pairs) >= 200
    assert len({p.id for p in pairs}) == len({p.ko for p in pairs}) == len({p.en for p in pairs}) == len(pairs)
    assert {p.register for p in pairs} <= KOREAN_REGISTERS
    for pair in pairs:
        assert any("가" <= c <= "힣" for c in pair.ko), pair
        assert not any("가" <= c <= "힣" for c in pair.en), pair


def test_english_and_code_are_there() -> None:
    assert sum(len(d.text) for d in sample.documents("en")) > 15_000
    assert sum(len(d.text) for d in sample.documents("code")) > 10_000


def test_ids_are_unique_and_texts_are_clean() -> None:
    documents = sample.documents()
    assert len({(d.lang, d.id) for d in documents}) == len(documents)
    for d in documents:
        assert d.text.endswith("\n") and "\r" not in d.text and "\ufffd" not in d.text, d.id


def test_the_notice_says_what_it_is() -> None:
    assert "no evidence" in sample.NOTICE
