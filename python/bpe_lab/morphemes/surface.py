"""What an analyser says about a text, as edges: byte offsets where a morpheme begins or ends inside a word.

Surface cuts only: a morpheme whose letters are not those of the text gives no edge of its own. Calls no analyser.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

WHITE_SPACE = frozenset(map(chr, [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029]))
WHITE_SPACE |= frozenset("\u202f\u205f\u3000")
"""Unicode's White_Space, which `str.isspace` is not quite."""

_FIRST, _LAST, _N_CODAS = "가", "힣", 28


class Span(NamedTuple):
    """Characters `start` to `end` of a text, and the forms of the morphemes that they are, one or several."""

    start: int
    end: int
    forms: tuple[str, ...]


class Place(NamedTuple):
    """A place in a text: before character `char`, or inside it behind the onset (1) or before the coda (2)."""

    char: int
    inner: int


def byte_edges(text: str, spans: Iterable[Span]) -> list[int]:
    """Return the edges of `spans` in bytes of UTF-8, ascending.

    An edge lies where a span begins or ends, between two characters that are not white space, and where the forms of
    one span meet inside it. A place inside a syllable counts from its first byte: +1 behind the onset, +2 before the
    coda.

    >>> byte_edges("나는 간다", [Span(0, 1, ("나",)), Span(1, 2, ("는",)), Span(3, 5, ("가", "\u11ab다"))])
    [3, 9]
    """
    places = set(_places(text, spans))
    if not places:
        return []
    starts = [0, *accumulate(len(c.encode()) for c in text)]
    return sorted(starts[place.char] + place.inner for place in places)


def _places(text: str, spans: Iterable[Span]) -> Iterator[Place]:
    for start, end, forms in spans:
        for at in (start, end):
            if 0 < at < len(text) and text[at] not in WHITE_SPACE and text[at - 1] not in WHITE_SPACE:
                yield Place(at, 0)
        if len(forms) > 1:
            for char, inner in places_inside(text[start:end], forms):
                yield Place(start + char, inner)


def places_inside(surface: str, forms: Sequence[str]) -> set[Place]:
    """Return where `forms` meet inside `surface`, as far as the letters show it.

    Where the forms' jamo, one after the other, are the surface's, all places where they meet: 간다 is 가 + ㄴ다 and is
    cut before the coda of 간. Otherwise some are fused (했 is 하 + 었): then the forms that stand unchanged at the
    beginning and at the end are cut off, between syllables only, and the rest stays whole.

    >>> places_inside("간다", ["가", "\u11ab다"])
    {Place(char=0, inner=2)}
    >>> places_inside("걸은", ["걷", "은"]), places_inside("했", ["하", "었"])
    ({Place(char=1, inner=0)}, set())
    """
    letters = unicodedata.normalize("NFD", surface)
    spelled = [unicodedata.normalize("NFD", form) for form in forms]
    place_at = _place_of_letters(surface)
    if "".join(spelled) == letters:
        meet = set(accumulate(map(len, spelled))) - {len(letters), 0}
        return {place_at[at] for at in meet if at in place_at}
    left, right = _unchanged(letters, spelled)
    return {place_at[at] for at in (*left, *right) if at in place_at and place_at[at].inner == 0}


def _unchanged(letters: str, forms: list[str]) -> tuple[list[int], list[int]]:
    """Return the ends of the forms that `letters` begins with, and the starts of those that it ends with."""
    ends, at = [], 0
    for form in forms[:-1]:
        if not letters.startswith(form, at) or at + len(form) >= len(letters):
            break
        at += len(form)
        ends.append(at)
    starts, end = [], len(letters)
    for form in reversed(forms[len(ends) + 1 :]):
        if not letters.endswith(form, at, end) or end - len(form) <= at:
            break
        end -= len(form)
        starts.append(end)
    return ends, starts


def _place_of_letters(surface: str) -> dict[int, Place]:
    """Return for each number of letters (canonical decomposition) before a place in `surface` the place."""
    places, n = {}, 0
    for at, char in enumerate(surface):
        places[n] = Place(at, 0)
        if _FIRST <= char <= _LAST:
            places[n + 1] = Place(at, 1)
            has_coda = (ord(char) - ord(_FIRST)) % _N_CODAS > 0
            if has_coda:
                places[n + 2] = Place(at, 2)
            n += 2 + has_coda
        else:
            n += len(unicodedata.normalize("NFD", char))
    return places
