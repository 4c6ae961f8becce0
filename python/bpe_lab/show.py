"""The tokens of one text: where they lie in it, and where they cut its characters. In print and in a notebook.

Everything comes from byte offsets, so it works for any tokenizer. The command line colours its own.
"""

import html
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from bpe_lab import hangul
from bpe_lab.visible import CLOSE, OPEN, visible

if TYPE_CHECKING:
    from bpe_lab.tokenizer import Specials, Tokenizer

_EXAMPLE = "사과나무에 사과가 열렸다. An apple tree bore apples."
_COLOURS = ("#ffd7d7", "#d7ecd9", "#d9e4ff", "#fff0c2", "#ecd9f5")
_CUT_COLOUR = "#b00000"


class Cut(NamedTuple):
    """The part that one token holds of a character of which another token holds the rest."""

    char: str
    place: int
    """Which character of the text it is, from 0."""
    first: int
    """The first of the character's bytes that the token holds, from 0."""
    end: int
    """One past the last of them."""
    n_bytes: int
    letters: str
    """Where the unit is jamo: the letters that the token holds, ∅ for a filler; else empty."""

    @property
    def is_syllable(self) -> bool:
        """Tell whether the character is a precomposed syllable."""
        return hangul.kind(self.char) == "syllable"

    def __str__(self) -> str:
        """Write the character and what the token holds of it: ⟨사:1/3⟩ is the first of three bytes."""
        held = str(self.end) if self.end == self.first + 1 else f"{self.first + 1}-{self.end}"
        name = visible(self.char.encode()).strip(OPEN + CLOSE)
        return f"{OPEN}{name}:{self.letters or f'{held}/{self.n_bytes}'}{CLOSE}"


@dataclass(frozen=True)
class ShownToken:
    """One token of a text: a cut at its head, whole characters, a cut at its tail; each of them may be missing."""

    index: int
    id: int
    data: bytes
    """The bytes of the text that it owns."""
    span: tuple[int, int]
    """Bytes of the text; the spans tile it."""
    char_span: tuple[int, int]
    """Characters that the token holds a part of, so that neighbours may overlap."""
    head: Cut | None
    whole: bytes
    tail: Cut | None

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The characters of which it holds a part only."""
        return tuple(cut for cut in (self.head, self.tail) if cut)

    @property
    def parts(self) -> Iterator[tuple[str, bool]]:
        """What is shown of it, in order, and whether that is a cut."""
        for part, is_cut in ((self.head, True), (self.whole, False), (self.tail, True)):
            if part:
                yield visible(part) if isinstance(part, bytes) else str(part), is_cut

    @property
    def n_chars(self) -> int:
        """Whole characters; a byte that belongs to none counts as one."""
        return self.char_span[1] - self.char_span[0] - len(self.cuts)

    @property
    def n_syllables(self) -> int:
        """Whole precomposed syllables."""
        return sum(hangul.kind(char) == "syllable" for char in _chars(self.whole))

    @property
    def jamo(self) -> str:
        """Its letters of Hangul, those of whole syllables included; of a cut syllable only where the unit is jamo."""
        held = "".join(c for c in _chars(self.whole) if hangul.kind(c) not in ("none", "other"))
        return f"{self.head.letters if self.head else ''}{hangul.letters(held)}{self.tail.letters if self.tail else ''}"

    def __str__(self) -> str:
        """Write the token so that a cut is seen at once; a token without bytes is ⟨⟩."""
        return "".join(text for text, _ in self.parts) or OPEN + CLOSE


@dataclass(frozen=True)
class TokenView:
    """The tokens of a text, to be printed or shown in a notebook, and what they come to."""

    data: bytes
    tokens: Sequence[ShownToken]

    @cached_property
    def n_chars(self) -> int:
        """Characters; a byte that belongs to none counts as one."""
        return sum(1 for _ in _chars(self.data))

    @cached_property
    def n_syllables(self) -> int:
        """Precomposed syllables."""
        return sum(hangul.kind(char) == "syllable" for char in _chars(self.data) if "가" <= char <= "힣")

    @cached_property
    def n_broken_syllables(self) -> int:
        """Precomposed syllables that lie in more than one token."""
        return len({cut.place for token in self.tokens for cut in token.cuts if cut.is_syllable})

    @cached_property
    def n_broken_chars(self) -> int:
        """Characters, syllables included, that lie in more than one token."""
        return len({cut.place for token in self.tokens for cut in token.cuts})

    @cached_property
    def n_eojeol(self) -> int:
        """Words between white space, punctuation included."""
        return len(self._eojeols)

    @cached_property
    def n_one_token_eojeol(self) -> int:
        """Eojeol that lie in one token, together with one space before them where there is one."""
        ends = [token.span[1] for token in self.tokens]
        spaced = ((start - self.data[:start].endswith(b" "), end) for start, end in self._eojeols)
        return sum(bisect_right(ends, start) == bisect_left(ends, end) for start, end in spaced)

    @cached_property
    def _eojeols(self) -> list[tuple[int, int]]:
        return hangul.eojeols(self.data)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of the text over its tokens; NaN for an empty text."""
        return len(self.data) / len(self.tokens) if self.tokens else float("nan")

    @property
    def summary(self) -> str:
        """What the tokens come to: facts with commas between them."""
        parts = [_number(len(self.tokens), "token"), _number(self.n_chars, "character")]
        parts.append(_number(len(self.data), "byte"))
        if self.tokens:
            parts.append(f"{self.bytes_per_token:.2f} bytes a token")
        if self.n_syllables:
            parts.append(f"{self.n_broken_syllables:,} of {_number(self.n_syllables, 'syllable')} broken")
        if others := self.n_broken_chars - self.n_broken_syllables:
            parts.append(f"{_number(others, 'other character')} broken")
        if self.n_eojeol:
            parts.append(f"{self.n_one_token_eojeol:,} of {self.n_eojeol:,} eojeol in one token")
        return ", ".join(parts)

    def __str__(self) -> str:
        """Write the tokens with bars between them."""
        return "|".join(map(str, self.tokens))

    def _repr_html_(self) -> str:
        """Colour the tokens; id and bytes show under the pointer, cut characters in red."""
        spans = "".join(map(_html_token, self.tokens))
        style = "font-family:monospace;line-height:1.7"
        return f'<div style="{style}">{spans}</div><small>{html.escape(self.summary)}</small>'


def view(tokenizer: "Tokenizer", text: bytes, allowed_special: "Specials" = ()) -> TokenView:
    """Return the tokens of `text` for showing.

    >>> from bpe_lab import train
    >>> tokenizer = train(texts=["사과 사과"], vocab_size=260)
    >>> print(tokenizer.show("사과가"))
    ⟨사:1-2/3⟩|⟨사:3/3⟩⟨과:1/3⟩|⟨과:2-3/3⟩|⟨가:1/3⟩|⟨가:2/3⟩|⟨가:3/3⟩
    """
    ids = tokenizer.encode(text, allowed_special=allowed_special)
    spans = tokenizer.spans(text, allowed_special=allowed_special)
    return TokenView(text, tuple(tokens_at(text, ids, spans, is_jamo=tokenizer.unit.startswith("jamo"))))


def tokens_at(
    text: bytes, ids: Sequence[int], spans: Sequence[tuple[int, int]], *, is_jamo: bool
) -> Iterator[ShownToken]:
    """Yield tokens that lie at `spans` of a text, whatever made them; `is_jamo`: they may cut syllables by jamo."""
    chars = _Characters(text, is_jamo)
    for i, (id, span) in enumerate(zip(ids, spans, strict=True)):
        yield chars.token(i, id, span)


def html_of_tokenizer(tokenizer: "Tokenizer") -> str:
    """Return what a notebook shows for a tokenizer: what it is, and a sentence cut by it."""
    return f"<p>{html.escape(repr(tokenizer))}</p>{view(tokenizer, _EXAMPLE.encode())._repr_html_()}"


class _Characters:
    """The characters of a text by byte."""

    def __init__(self, data: bytes, is_jamo: bool) -> None:
        self._data = data
        self._is_jamo = is_jamo
        self._starts = [*_starts(data), len(data)]

    def token(self, index: int, id: int, span: tuple[int, int]) -> ShownToken:
        """Return the token of `span` with the characters that it holds and those that it cuts."""
        start, end = span
        first, last = bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)
        if start == end:
            first = last = bisect_left(self._starts, start)
        head = self._cut(first, start, end) if start < end else None
        tail = self._cut(last - 1, start, end) if last - 1 > first or (start < end and not head) else None
        whole_start = self._starts[first + 1] if head else start
        whole_end = self._starts[last - 1] if tail else end
        whole = self._data[whole_start : max(whole_start, whole_end)]
        return ShownToken(index, id, self._data[start:end], span, (first, last), head, whole, tail)

    def _cut(self, place: int, start: int, end: int) -> Cut | None:
        """Return what the bytes from `start` to `end` hold of a character; None where they hold all of it."""
        char_start, char_end = self._starts[place], self._starts[place + 1]
        if start <= char_start and char_end <= end:
            return None
        char = self._data[char_start:char_end].decode()
        first, stop = max(start, char_start) - char_start, min(end, char_end) - char_start
        letters = _held_letters(char, first, stop) if self._is_jamo else ""
        return Cut(char, place, first, stop, char_end - char_start, letters)


def _held_letters(char: str, first: int, end: int) -> str:
    """Return the letters of a syllable that bytes `first` to `end` own: one each; where there is no coda, ∅ the last.

    The vowel of a syllable without coda owns its last byte as well, unless a filler does: then a cut falls between.

    >>> _held_letters("값", 0, 2), _held_letters("가", 1, 3), _held_letters("가", 2, 3), _held_letters("漢", 0, 1)
    ('ㄱㅏ', 'ㅏ', '∅', '')
    """
    if hangul.kind(char) != "syllable":
        return ""
    letters = hangul.letters(char)
    return letters[first:end] or "∅"


def _chars(data: bytes) -> Iterator[str]:
    """Yield characters; a byte that belongs to none comes as U+FFFD."""
    for char in data.decode("utf-8", "surrogateescape"):
        yield char if not "\ud800" <= char < "\ue000" else "\ufffd"


def _starts(data: bytes) -> Iterator[int]:
    """Yield the byte at which each character begins; a byte that belongs to none counts as one."""
    at = 0
    for char in data.decode("utf-8", "surrogateescape"):
        yield at
        at += len(char.encode("utf-8", "surrogateescape"))


def _html_token(token: ShownToken) -> str:
    def part(text: str, is_cut: bool) -> str:
        shown = html.escape(text)
        return f'<b style="color:{_CUT_COLOUR}">{shown}</b>' if is_cut else shown

    inner = "".join(part(*p) for p in token.parts) or OPEN + CLOSE
    title = f"id {token.id}, bytes {token.span[0]}-{token.span[1]}"
    style = f"background:{_COLOURS[token.index % len(_COLOURS)]};color:#111;white-space:pre-wrap"
    return f'<span title="{title}" style="{style}">{inner}</span>'


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
