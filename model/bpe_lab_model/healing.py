"""Prompt-boundary healing: which tokens may stand across a prompt's end, so that a model goes on as in training.

A prompt that is encoded as it stands ends with a token boundary, and in training a token often crossed that place:
where 습니다 is a token, a model has hardly ever seen 니다 follow 습. So a prompt is taken as bytes, and every row of
tokens that spells it counts: a *cover* is a beginning of the prompt, cut as it is in a longer text, and one token that
begins with all the rest (Phan et al. 2024, arXiv 2410.09303). Covers exclude each other, so the model's probabilities
of them are those of the ways to go on, and the next token is drawn among them. Exact where the model gives no
probability to rows that the tokenizer never makes. What is called token healing elsewhere backs up one token, and
misses the covers that begin before it.

Tokens are compared by the symbols they spell: bytes, and with a unit `jamo` onsets, vowels and codas, since there a
token has no bytes of its own. A prompt that breaks off inside a decomposed syllable, under `nfd-alias`, is gone on with
by bytes. Knows no model.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpe_lab.compare.candidates import Candidate
from bpe_lab.errors import BpeLabError
from bpe_lab.tokenizer import Tokenizer, pattern_from

Ids = NDArray[np.int64]

_FIRST_SYLLABLE, _N_VOWELS, _N_CODAS = 0xAC00, 21, 28
"""Codas with the empty one."""
_LONGEST = 128
"""Symbols of a prompt that one token is looked for to cover; longer tokens are runs of spaces and the like."""


class Cover(NamedTuple):
    """Ways to spell a prompt: `before`, then one of `tokens`."""

    before: list[int]
    tokens: Ids
    """At least one."""
    n_symbols: int
    """Of the prompt, that each of `tokens` begins with."""


class Fit(Enum):
    """How a string of symbols agrees with the bytes that must come."""

    NO = 0
    OPEN = 1
    """It agrees, and what follows it can still break that."""
    DONE = 2


@dataclass(frozen=True)
class Rest:
    """What must hold after the whole characters of a prompt. Symbols are as `Jamo` has them."""

    data: bytes = b""
    """The beginning of a character that the prompt breaks off in."""
    is_open: bool = False
    """The prompt ends in onset and vowel: a coda would make another syllable of them."""
    jamo: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Symbol -> (`L`, `V` or `T`, index); a filler is the coda 0."""
    has_filler: bool = False
    """Onset and vowel are a syllable with a coda or a filler only."""
    others: Mapping[str, bytes] = field(default_factory=dict)
    """Symbol -> the bytes of the character that it is."""

    def fit(self, more: str) -> Fit:
        """Tell how symbols after the prompt's whole characters agree with it."""
        if self.is_open and more and self._is(more[0], "T"):
            return Fit.NO
        if not self.data:
            return Fit.OPEN if self.is_open and not more else Fit.DONE
        if not more:
            return Fit.OPEN
        if more[0] <= "\xff":
            return self._fit_bytes(more)
        if self._is(more[0], "L"):
            return self._fit_syllable(more)
        return Fit.DONE if self.others.get(more[0], b"").startswith(self.data) else Fit.NO

    def _is(self, symbol: str, kind: str) -> bool:
        return symbol in self.jamo and self.jamo[symbol][0] == kind

    def _fit_bytes(self, more: str) -> Fit:
        found = more[: len(self.data)]
        if any(symbol > "\xff" for symbol in found) or not self.data.startswith(found.encode("latin-1")):
            return Fit.NO
        return Fit.DONE if len(found) == len(self.data) else Fit.OPEN

    def _fit_syllable(self, more: str) -> Fit:
        """Compare the syllables that L, L V, or L V T can become with the code points that the bytes can."""
        first, n = _FIRST_SYLLABLE + self.jamo[more[0]][1] * _N_VOWELS * _N_CODAS, _N_VOWELS * _N_CODAS
        if len(more) > 1:
            if not self._is(more[1], "V"):
                return Fit.NO
            first, n = first + self.jamo[more[1]][1] * _N_CODAS, _N_CODAS
        if len(more) > 2:
            if self.has_filler and not self._is(more[2], "T"):
                return Fit.NO
            first, n = first + (self.jamo[more[2]][1] if self._is(more[2], "T") else 0), 1
        low, high = _code_points(self.data)
        if first > high or first + n - 1 < low:
            return Fit.NO
        return Fit.DONE if n == 1 else Fit.OPEN


_SHORTEST = {2: 0x80, 3: 0x800, 4: 0x10000}
"""The first code point that needs so many bytes."""


def _code_points(start: bytes) -> tuple[int, int]:
    """Return the first and last code point whose UTF-8 begins with `start`, of one to three bytes."""
    length = 2 if start[0] < 0xE0 else 3 if start[0] < 0xF0 else 4
    value = start[0] & (0x7F >> length)
    for byte in start[1:]:
        value = value << 6 | byte & 0x3F
    shift = 6 * (length - len(start))
    return max(value << shift, _SHORTEST[length]), (value + 1 << shift) - 1


def split_tail(data: bytes) -> tuple[bytes, bytes]:
    r"""Return whole characters, and the beginning of one that `data` breaks off in.

    >>> split_tail("나무".encode()[:-1]) == ("나".encode(), b"\xeb\xac")
    True
    """
    for n in range(1, min(3, len(data)) + 1):
        byte = data[-n]
        if byte & 0xC0 == 0x80:
            continue
        needed = 1 if byte < 0xC2 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF5 else 1
        if n < needed and _may_begin(data[-n:]):
            return data[:-n], data[-n:]
        break
    return data, b""


def _may_begin(start: bytes) -> bool:
    """Tell whether a character can begin so: E0, ED, F0 and F4 bound their second byte."""
    try:
        start.decode()
    except UnicodeDecodeError as e:
        return e.reason == "unexpected end of data"
    return False


class Healer:
    """The tables of one tokenizer. Making one costs about 1 µs a token (3 with a unit `jamo`); a prompt some 100 µs.

    Args:
        candidate: any tokenizer. Of one that other software runs, or that asks an analyser, the boundaries are those
            that it makes of the prompt's beginnings.
    """

    def __init__(self, candidate: Candidate) -> None:
        ours = candidate.tokenizer
        self._candidate = candidate
        self._tokenizer = ours if ours and ours.analyser is None else None
        self._jamo = Jamo(self._tokenizer) if self._tokenizer and candidate.is_jamo else None
        special = set(ours.special_tokens.values()) if ours else set()
        self.spelling = {id: s for id, s in self._spelled() if s and id not in special}
        """Of each token, its symbols; special tokens have none."""
        ordered = sorted((s, id) for id, s in self.spelling.items())
        self._sorted = [s for s, _ in ordered]
        self._ids = np.array([id for _, id in ordered], np.int64)
        self._longest = min(max(map(len, self._sorted), default=0), _LONGEST)
        self._merges = _merges(self._tokenizer, self.spelling) if self._tokenizer else {}

    def _spelled(self) -> Iterable[tuple[int, str]]:
        if self._jamo:
            return self._jamo.spelling.items()
        return ((id, data.decode("latin-1")) for id, data in self._candidate.vocab())

    def covers(self, prompt: bytes) -> tuple[list[Cover], Rest]:
        """Return every cover of a prompt of at least a byte, and what must still hold after it.

        Empty where the vocabulary cannot spell the prompt (a closed one): then there is nothing to heal.
        """
        whole, tail = split_tail(prompt)
        completed = whole + _completion(tail) if tail else whole
        pieces = list(self._pieces(whole if self._jamo else prompt, completed))
        symbols = "".join(piece.symbols for piece in pieces)
        rest = self._jamo.rest(symbols[-1:], tail) if self._jamo else Rest()
        found = []
        for at in range(max(0, len(symbols) - self._longest), len(symbols) + bool(rest.data)):
            tokens = self._beginning_with(symbols[at:], rest)
            if len(tokens) and (before := self._before(pieces, at)) is not None:
                found.append(Cover(before, tokens, len(symbols) - at))
        return found, rest

    def after(self, cover: Cover, id: int, rest: Rest) -> str | None:
        """Return the symbols of `id` behind the prompt where what follows them is still bound, else None."""
        more = self.spelling[id][cover.n_symbols :]
        return more if rest.fit(more) is Fit.OPEN else None

    def fitting(self, more: str, rest: Rest) -> dict[int, str | None]:
        """Return the tokens that may follow `more`, each with what `after` says of it. Cost: all tokens are tried."""
        fits = ((id, more + spelled, rest.fit(more + spelled)) for id, spelled in self.spelling.items())
        return {id: together if fit is Fit.OPEN else None for id, together, fit in fits if fit is not Fit.NO}

    def _beginning_with(self, start: str, rest: Rest) -> Ids:
        """Return the tokens that begin with `start` and then agree with `rest`."""
        low = bisect_left(self._sorted, start)
        high = bisect_left(self._sorted, start + chr(0x10FFFF), low)
        ids = self._ids[low:high]
        if rest.data or rest.is_open:
            fits = [rest.fit(spelled[len(start) :]) is not Fit.NO for spelled in self._sorted[low:high]]
            ids = ids[np.array(fits, bool)]
        return np.sort(ids)

    def _pieces(self, data: bytes, completed: bytes) -> "Iterator[_Piece]":
        """Yield the last pieces of `data`, enough for the longest token.

        They are cut as those of `completed`, where the character that a prompt breaks off in is whole: alone, its bytes
        would be a piece of their own, which they are in no text.
        """
        if not self._tokenizer:
            yield _Piece([], data.decode("latin-1"))
            return
        ends = pattern_from(self._tokenizer.pattern).split(completed).tolist()
        starts = [start for start in [0, *ends[:-1]] if start < len(data)]
        first = max(len(starts) - 1, 0)
        while first and len(data) - starts[first] < self._longest * _MOST_BYTES:
            first -= 1
        # Of the whole, since a look-ahead decides where spaces are cut. A piece begins where a token does.
        ids, ids_ends, _ = self._tokenizer.encode_batch_ends([completed], threads=1)
        for start, end in pairwise([*starts[first:], len(data)]):
            before = ids[: np.searchsorted(ids_ends, start, "right")].tolist() if start else []
            base = self._tokenizer.encode(data[start:end], dropout=1.0)
            yield _Piece(before, "".join(self.spelling[id] for id in base), base)

    def _before(self, pieces: "Sequence[_Piece]", at: int) -> list[int] | None:
        """Return the tokens up to symbol `at`, as they are in a text that goes on; None where none is cut there."""
        if not self._tokenizer:
            return _encoded(self._candidate, pieces[0].symbols[:at].encode("latin-1"))
        piece = _Piece([], "")
        for piece in pieces:
            if at <= len(piece.symbols):
                break
            at -= len(piece.symbols)
        n_ids, n_symbols = 0, 0
        while n_symbols < at:
            n_symbols += len(self.spelling[piece.base[n_ids]])
            n_ids += 1
        if n_symbols > at:
            return None
        return piece.before + merged(piece.base[:n_ids], self._merges)


_MOST_BYTES = 3
"""A symbol has at most so many bytes: an atom, or the onset whose syllable has three."""


class _Piece(NamedTuple):
    """A piece of a prompt."""

    before: list[int]
    """The tokens of the prompt before it."""
    symbols: str
    base: Sequence[int] = ()
    """The ids of its base symbols; a syllable that is one has three bytes in `symbols`."""


Merges = Mapping[tuple[int, int], tuple[int, int]]
"""Pair -> rank, result."""


class _ByRank(dict[tuple[int, int], tuple[int, int]]):
    """The merges of a tokenizer that joins any neighbours whose bytes are a token; found as they are asked for."""

    def __init__(self, spelling: Mapping[int, str]) -> None:
        super().__init__()
        self._spelling = spelling
        self._id_of = {spelled: id for id, spelled in spelling.items()}

    def get(self, pair: tuple[int, int], default: object = None) -> tuple[int, int] | None:  # type: ignore[override]
        """Return rank and result of a pair."""
        id = self._id_of.get(self._spelling[pair[0]] + self._spelling[pair[1]])
        return None if id is None else (id, id)


def _merges(tokenizer: Tokenizer, spelling: Mapping[int, str]) -> Merges:
    if tokenizer.rule == "ranks":
        return _ByRank(spelling)
    rows = tokenizer.merge_table().tolist()
    return {(left, right): (rank, result) for rank, (left, right, result) in reversed(list(enumerate(rows)))}


def merged(ids: Sequence[int], merges: Merges) -> list[int]:
    """Return `ids` merged: the pair of lowest rank first, of its occurrences the leftmost.

    The beginning of a piece that ends where one of its tokens ends is merged as it is within the piece.
    """
    ids = list(ids)
    while True:
        found = [(*made, at) for at, pair in enumerate(pairwise(ids)) if (made := merges.get(pair))]
        if not found:
            return ids
        _, result, at = min(found, key=lambda merge: (merge[0], merge[2]))
        ids[at : at + 2] = [result]


def _encoded(candidate: Candidate, start: bytes) -> list[int] | None:
    """Return the tokens of a prompt's beginning, None where they do not spell it."""
    if not start:
        return []
    try:
        ids = candidate.encode_ends([start], 1)[0].tolist()
        return ids if candidate.decode(ids) == start else None
    except BpeLabError:
        return None


def _completion(tail: bytes) -> bytes:
    """Return a character that begins with `tail`: a syllable, else a letter, else any."""
    low, high = _code_points(tail)
    chars = [chr(code) for code in range(low, min(high, low + 0xFFF) + 1) if not 0xD800 <= code < 0xE000]
    possible = [char for char in chars if char.encode().startswith(tail)]
    syllable = next((char for char in possible if "가" <= char <= "힣"), None)
    return (syllable or next(filter(str.isalpha, possible), None) or possible[0]).encode()


class Jamo:
    """The symbols of a tokenizer with a unit `jamo`, each a character: bytes to U+00FF, others by id above that."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._symbols: dict[int, str] = {tokenizer.encode(bytes([b]), dropout=1.0)[0]: chr(b) for b in range(256)}
        rows = tokenizer.merge_table().tolist()
        made = {result for _, _, result in rows} | set(tokenizer.special_tokens.values())
        for id, _ in tokenizer.vocab():
            if id not in made:
                self._symbols.setdefault(id, chr(0x100 + id))
        self._has_filler = len(tokenizer.encode("가", dropout=1.0)) == 3
        self._roles = self._find_roles(tokenizer)
        others = ((id, s) for id, s in self._symbols.items() if s > "\xff" and s not in self._roles)
        self._others = {symbol: tokenizer.token_bytes(id) for id, symbol in others}
        self.spelling = dict(self._symbols)
        """Of each token, its symbols."""
        for left, right, result in rows:
            self.spelling.setdefault(result, self.spelling[left] + self.spelling[right])

    def _find_roles(self, tokenizer: Tokenizer) -> dict[str, tuple[str, int]]:
        """Take syllables apart to learn which symbol is which onset, vowel and coda."""
        steps = {"L": _N_VOWELS * _N_CODAS, "V": _N_CODAS, "T": 1}
        roles = {}
        for place, (kind, n) in enumerate({"L": 19, "V": _N_VOWELS, "T": _N_CODAS}.items()):
            for index in range(1 if kind == "T" and not self._has_filler else 0, n):
                syllable = chr(_FIRST_SYLLABLE + index * steps[kind])
                roles[self._symbols[tokenizer.encode(syllable, dropout=1.0)[place]]] = (kind, index)
        return roles

    def rest(self, last: str, tail: bytes) -> Rest:
        """Return what must hold after a prompt whose last whole character ends in the symbol `last`."""
        is_open = not self._has_filler and self._roles.get(last, ("", 0))[0] == "V"
        return Rest(tail, is_open, self._roles, self._has_filler, self._others)
