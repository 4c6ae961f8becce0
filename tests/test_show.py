"""Tokens in their text: what a token holds of each character, worked out by hand, and beside the text itself."""

import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpe_lab import Tokenizer
from bpe_lab.show import TokenView, view


def cut(text: bytes, *ends: int, unit: str = "byte") -> TokenView:
    """Return the view of a text whose tokens end where they are told to."""
    spans = list(zip([0, *ends], ends, strict=False))
    fake: Any = SimpleNamespace(unit=unit, encode=lambda *_, **__: list(range(len(ends))), spans=lambda *_, **__: spans)
    return view(fake, text)


@pytest.mark.parametrize(
    ("text", "ends", "unit", "shown"),
    [
        ("사과", (1, 3, 6), "byte", "⟨사:1/3⟩|⟨사:2-3/3⟩|과"),
        # A token that ends one syllable and begins the next, and one that holds a whole one between two parts.
        ("사과", (2, 5, 6), "byte", "⟨사:1-2/3⟩|⟨사:3/3⟩⟨과:1-2/3⟩|⟨과:3/3⟩"),
        ("사과가", (2, 8, 9), "byte", "⟨사:1-2/3⟩|⟨사:3/3⟩과⟨가:1-2/3⟩|⟨가:3/3⟩"),
        # Jamo: ㄱ ㅏ ㅄ own a byte each; of 가 the vowel owns two, or the filler the last.
        ("값", (1, 2, 3), "jamo", "⟨값:ㄱ⟩|⟨값:ㅏ⟩|⟨값:ㅄ⟩"),
        ("가값", (1, 5, 6), "jamo-char", "⟨가:ㄱ⟩|⟨가:ㅏ⟩⟨값:ㄱㅏ⟩|⟨값:ㅄ⟩"),
        ("가", (2, 3), "jamo:filler", "⟨가:ㄱㅏ⟩|⟨가:∅⟩"),
        ("漢", (1, 3), "jamo", "⟨漢:1/3⟩|⟨漢:2-3/3⟩"),
        # Other characters; a joiner; a conjoining onset; a token without bytes; bytes that are no UTF-8.
        ("é😀", (1, 4, 6), "byte", "⟨é:1/2⟩|⟨é:2/2⟩⟨😀:1-2/4⟩|⟨😀:3-4/4⟩"),
        ("a\u200d", (2, 4), "byte", r"a⟨\u200D:1/3⟩|⟨\u200D:2-3/3⟩"),
        ("\u1112", (1, 3), "byte", "⟨ㅎ:1/3⟩|⟨ㅎ:2-3/3⟩"),
        ("가", (0, 3, 3), "jamo", "⟨⟩|가|⟨⟩"),
        (b"\xea\xb0\xff", (1, 3), "byte", r"\xEA|\xB0\xFF"),
        ("", (), "byte", ""),
    ],
)
def test_shown_by_hand(text: str | bytes, ends: tuple[int, ...], unit: str, shown: str) -> None:
    assert str(cut(text.encode() if isinstance(text, str) else text, *ends, unit=unit)) == shown


def test_counts_by_hand() -> None:
    """값이 3개 é: of three syllables 이 is cut twice; 3개 lies in one token with its space; é is cut."""
    shown = cut("값이 3개 é".encode(), 4, 5, 6, 11, 13, 14)
    assert str(shown) == "값⟨이:1/3⟩|⟨이:2/3⟩|⟨이:3/3⟩| 3개| ⟨é:1/2⟩|⟨é:2/2⟩"
    assert shown.summary == (
        "6 tokens, 7 characters, 14 bytes, 2.33 bytes a token, 1 of 3 syllables broken, 1 other character broken, "
        "1 of 3 eojeol in one token"
    )
    assert [token.n_chars for token in shown.tokens] == [1, 0, 0, 3, 1, 0]
    assert [token.n_syllables for token in shown.tokens] == [1, 0, 0, 1, 0, 0]
    assert [token.jamo for token in shown.tokens] == ["ㄱㅏㅄ", "", "", "ㄱㅐ", "", ""]
    assert [token.char_span for token in shown.tokens] == [(0, 2), (1, 2), (1, 2), (2, 5), (5, 7), (6, 7)]


def test_jamo_of_every_kind() -> None:
    shown = cut("값ㅋ\u1100\u11b9a가".encode(), 14, 16, unit="jamo")
    assert [token.jamo for token in shown.tokens] == ["ㄱㅏㅄㅋㄱㅄㄱ", "ㅏ"]


@pytest.mark.parametrize(
    ("ends", "n"), [((3, 6, 10), 1), ((3, 6, 7, 10), 0), ((6, 10), 2), ((7, 10), 1), ((8, 10), 1), ((10,), 2)]
)
def test_eojeol_in_one_token(ends: tuple[int, ...], n: int) -> None:
    """사과 가: the second word counts with its space. One token over both words holds each of them."""
    assert cut("사과 가".encode(), *ends).n_one_token_eojeol == n


@given(st.text(max_size=12), st.lists(st.integers(0, 40), max_size=8), st.sampled_from(["byte", "jamo"]))
def test_parts_hold_the_text(text: str, cuts: list[int], unit: str) -> None:
    """Every character is shown whole in one token, or its parts in several tile its bytes."""
    data = text.encode("utf-8", "replace")
    shown = cut(data, *sorted({min(c, len(data)) for c in cuts} | {len(data)}), unit=unit)
    held: dict[int, list[tuple[int, int, int]]] = {}
    for token in shown.tokens:
        for part in token.cuts:
            held.setdefault(part.place, []).append((part.first, part.end, part.n_bytes))
    for place, parts in held.items():
        assert [first for first, _, _ in parts] == [0, *(end for _, end, _ in parts[:-1])]
        assert parts[-1][1] == parts[-1][2] == len(data.decode()[place].encode())
    whole = b"".join(token.whole for token in shown.tokens).decode()
    assert whole == "".join(char for place, char in enumerate(data.decode()) if place not in held)
    assert b"".join(token.data for token in shown.tokens) == data
    assert shown.n_broken_chars == len(held)


def test_a_real_tokenizer(small: Tokenizer) -> None:
    text = "값을 치렀다 " + unicodedata.normalize("NFD", "값") + " 뷁"
    shown = small.show(text)
    assert [token.span for token in shown.tokens] == small.spans(text)
    assert [token.char_span for token in shown.tokens] == small.spans(text, "chars")
    assert str(shown).isprintable() and "⟨뷁:" in str(shown)
    assert 'style="color:#b00000"' in shown._repr_html_()


def test_examples() -> None:
    import doctest

    from bpe_lab import on_demand, show, visible

    for module, least in ((show, 2), (visible, 2), (on_demand, 1)):
        results = doctest.testmod(module)
        assert results.attempted >= least and results.failed == 0
