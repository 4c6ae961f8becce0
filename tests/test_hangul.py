"""Hangul of texts: composing beside Unicode's own tables, counts worked out by hand."""

import unicodedata
from dataclasses import astuple, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpe_lab import _core, hangul
from bpe_lab.errors import ArgumentError, TextError

SYLLABLES = "".join(map(chr, range(0xAC00, 0xD7A4)))

# Letters of Hangul of every kind, old ones, a tone mark, and neighbours that must not compose.
MIXED = st.text(
    st.one_of(
        st.sampled_from(
            "가각힣힝ㄱㅏㅋ\u1100\u1112\u1113\u115f\u1160\u1161\u1175\u11a7\u11a8\u11c2\u11c3\ua960\ud7cb\uffa1a ."
        ),
        st.characters(min_codepoint=0x1100, max_codepoint=0x11FF),
        st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    ),
    max_size=30,
)


def test_every_syllable_as_unicode_has_it() -> None:
    assert len(SYLLABLES) == hangul.N_SYLLABLES
    assert hangul.decompose(SYLLABLES) == unicodedata.normalize("NFD", SYLLABLES)
    assert hangul.compose(unicodedata.normalize("NFD", SYLLABLES)) == SYLLABLES
    for char in SYLLABLES[::97]:
        jamo = hangul.jamo(char)
        assert jamo is not None and hangul.syllable(*jamo) == char and hangul.kind(char) == "syllable"


@given(MIXED)
def test_text_of_hangul_as_unicode_has_it(text: str) -> None:
    """NFD and NFC of Python, which change only Hangul here."""
    assert hangul.decompose(text) == unicodedata.normalize("NFD", text)
    assert hangul.compose(text) == unicodedata.normalize("NFC", text)


def test_letters_as_the_names_of_unicode_have_them() -> None:
    """Every modern conjoining jamo, by the name of its compatibility letter."""
    for code in [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]:
        name = unicodedata.name(chr(code)).split(" ", 2)[2]
        assert hangul.letters(chr(code)) == unicodedata.lookup(f"HANGUL LETTER {name}"), hex(code)
    assert hangul.letters("값은 é") == "ㄱㅏㅄㅇㅡㄴ é"


def test_nothing_else_changes() -> None:
    for text in ("é", "e\u0301", "ﬁ", "Å", "漢字", "ㄱㅏ", "ｱ\uffa1", "\ud800가"):
        assert hangul.compose(text) == text
    assert hangul.decompose("é가") == "é\u1100\u1161"
    assert hangul.decompose("\ud800") == "\ud800"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_kinds_as_the_names_of_unicode_have_them(text: str) -> None:
    for char in text:
        name = unicodedata.name(char, "")
        assert (hangul.kind(char) == "none") == (not name.startswith(("HANGUL", "HALFWIDTH HANGUL")) or _is_mark(name))


def _is_mark(name: str) -> bool:
    """Tell the two tone marks of old Hangul, which are no letters."""
    return "TONE MARK" in name


def test_counts_by_hand() -> None:
    """값은: ㄱㅏㅄ ㅇㅡㄴ, 6 jamo and 2 codas; ㅋ; U+1100; an old onset; 字; a1!; a no-break space parts eojeol."""
    counts = hangul.count("값은 ㅋ\u1100\u1113字\xa0a1!")
    assert astuple(counts)[:10] == (3 * 6 + 1 + 2 + 3, 11, 0, 3, 2, 6, 2, 1, 1, 1)
    assert list(counts.chars_by_script.values()) == [5, 1, 1, 1, 0, 1, 2]
    assert counts.bytes_by_script == {
        "hangul": 15, "hanja": 3, "latin": 1, "digits": 1, "kana": 0, "punctuation": 1, "other": 3
    }  # fmt: skip
    assert (hangul.count(b"\xea\xb0 \xff").n_invalid_bytes, hangul.count(b"\xea\xb0 \xff").n_eojeol) == (3, 2)


def test_counts_stand_under_their_names() -> None:
    assert tuple(field.name for field in fields(hangul.Counts))[:10] == _core.HANGUL_COUNTS


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_counts_beside_python(text: str) -> None:
    counts, data = hangul.count(text), text.encode()
    nfd = unicodedata.normalize("NFD", "".join(c for c in text if "가" <= c <= "힣"))
    assert (counts.n_chars, counts.n_bytes, counts.n_jamo) == (len(text), len(data), len(nfd))
    assert sum(counts.chars_by_script.values()) == len(text)
    # str.split also splits at four separators of information, which are no White_Space.
    if not set(text) & set("\x1c\x1d\x1e\x1f"):
        assert [data[a:b].decode() for a, b in hangul.eojeols(data)] == text.split()
        assert counts.n_eojeol == len(text.split())


def test_refused() -> None:
    for wrong in ("", "가나", "\ud800"):
        with pytest.raises(ArgumentError, match="one character was expected"):
            hangul.jamo(wrong)
    for numbers in ((19, 0, 0), (0, 21, 0), (0, 0, 28), (-1, 0, 0), (300, 0, 0)):
        with pytest.raises(ArgumentError, match="0-18, 0-20, 0-27"):
            hangul.syllable(*numbers)
    with pytest.raises(TextError, match="lone surrogate"):
        hangul.count("\ud800")


def test_examples() -> None:
    import doctest

    results = doctest.testmod(hangul)
    assert results.attempted >= 12 and results.failed == 0
