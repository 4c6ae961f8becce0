r"""Hangul: syllables to jamo and back, what a code point is, and counts of a text. All of it computed in the core.

>>> from bpe_lab import hangul
>>> hangul.letters("값은 ㅋㅋ")
'ㄱㅏㅄㅇㅡㄴ ㅋㅋ'
>>> hangul.compose(hangul.decompose("값은")) == "값은"
True
>>> hangul.count("값은 ㅋㅋ").n_syllables
2

`compose` and `decompose` are Unicode's NFC and NFD of Hangul and change nothing else, so `é` stays as it is. Knows no
tokenizer; nothing here normalises text on its way to one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from bpe_lab import _core
from bpe_lab.errors import ArgumentError

__all__ = [
    "N_SYLLABLES",
    "SCRIPTS",
    "Counts",
    "Jamo",
    "Kind",
    "compose",
    "count",
    "decompose",
    "eojeols",
    "jamo",
    "kind",
    "letters",
    "script",
    "syllable",
]

N_SYLLABLES = 11_172
"""Precomposed syllables: U+AC00 (가) to U+D7A3 (힣)."""

SCRIPTS: tuple[str, ...] = _core.SCRIPT_NAMES
"""Scripts in the order of tables: Hangul, hanja, Latin, digits, kana, punctuation (with symbols), other."""

Kind = Literal["syllable", "onset", "vowel", "coda", "compatibility", "other", "none"]


class Jamo(NamedTuple):
    """The parts of a syllable by number."""

    onset: int
    """0 (ㄱ) to 18 (ㅎ)."""
    vowel: int
    """0 (ㅏ) to 20 (ㅣ)."""
    coda: int
    """0 for none, 1 (ㄱ) to 27 (ㅎ)."""


@dataclass(frozen=True)
class Counts:
    """What a text holds; counts of texts add up."""

    n_bytes: int
    n_chars: int
    """Code points; a byte that is no UTF-8 counts as one."""
    n_invalid_bytes: int
    n_eojeol: int
    """Maximal runs of code points that are not White_Space, punctuation included."""
    n_syllables: int
    """Precomposed syllables."""
    n_jamo: int
    """Onsets, vowels and codas of the precomposed syllables."""
    n_codas: int
    """Precomposed syllables with a coda."""
    n_conjoining: int
    """Modern conjoining jamo, with which NFD writes."""
    n_compatibility: int
    """Modern compatibility letters: ㅋ, ㅠ."""
    n_other_hangul: int
    """Old letters, half-width letters, fillers."""
    chars_by_script: dict[str, int]
    bytes_by_script: dict[str, int]


def jamo(char: str) -> Jamo | None:
    """Return the jamo of a precomposed syllable, None for any other character.

    >>> jamo("각")
    Jamo(onset=0, vowel=0, coda=1)
    """
    found = _core.hangul_jamo(_one(char))
    return None if found is None else Jamo(*found)


def syllable(onset: int, vowel: int, coda: int = 0) -> str:
    """Return the precomposed syllable of its jamo.

    >>> syllable(18, 0, 4)
    '한'

    Raises:
        ArgumentError: a number is out of range.
    """
    numbers = (onset, vowel, coda)
    found = _core.hangul_syllable(*numbers) if all(0 <= n < 256 for n in numbers) else None
    if found is None:
        raise ArgumentError(f"onset, vowel, coda must lie in 0-18, 0-20, 0-27, got {onset}, {vowel}, {coda}")
    return found


def kind(char: str) -> Kind:
    r"""Return what a character is to Hangul; `other` are old and half-width letters and fillers.

    >>> [kind(c) for c in "가ㅋ\u1100a"]
    ['syllable', 'compatibility', 'onset', 'none']
    """
    return cast(Kind, _core.hangul_kind(_one(char)))


def script(char: str) -> str:
    """Return the script of a character, one of `SCRIPTS`.

    >>> [script(c) for c in "글字aㅋ7!"]
    ['hangul', 'hanja', 'latin', 'hangul', 'digits', 'punctuation']
    """
    return _core.hangul_script(_one(char))


def decompose(text: str) -> str:
    """Return `text` with every precomposed syllable as two or three conjoining jamo: NFD of Hangul.

    >>> [f"{ord(c):04X}" for c in decompose("값")]
    ['1100', '1161', '11B9']
    """
    return _through(_core.hangul_decompose, text)


def compose(text: str) -> str:
    r"""Return `text` with onset + vowel (+ coda), and open syllable + coda, as precomposed syllables: NFC of Hangul.

    It undoes `decompose` on every text without conjoining jamo. Compatibility letters do not compose.

    >>> compose("\u1112\u1161\u11ab 하\u11ab ㅎㅏㄴ")
    '한 한 ㅎㅏㄴ'
    """
    return _through(_core.hangul_compose, text)


def letters(text: str) -> str:
    """Return `text` with syllables and conjoining jamo as compatibility letters, for reading. It cannot be undone.

    >>> letters("값은")
    'ㄱㅏㅄㅇㅡㄴ'
    """
    return _through(_core.hangul_letters, text)


def count(text: str | bytes) -> Counts:
    """Return the counts of `text`, in one pass.

    >>> counts = count("사과가 3개!")
    >>> counts.n_eojeol, counts.n_syllables, counts.n_jamo, counts.chars_by_script["digits"]
    (2, 4, 8, 1)

    Raises:
        TextError: a lone surrogate.
    """
    values, chars, sizes = _core.hangul_counts(text)
    named: dict[str, Any] = dict(zip(_core.HANGUL_COUNTS, values, strict=True))
    named["chars_by_script"] = dict(zip(SCRIPTS, chars, strict=True))
    named["bytes_by_script"] = dict(zip(SCRIPTS, sizes, strict=True))
    return Counts(**named)


def eojeols(text: str | bytes) -> list[tuple[int, int]]:
    """Return where each eojeol of `text` begins and ends, in bytes of UTF-8: maximal runs of what is not White_Space.

    >>> eojeols("사과가 열렸다.")
    [(0, 9), (10, 20)]
    """
    return _core.hangul_eojeols(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


def _one(char: str) -> str:
    if len(char) != 1 or 0xD800 <= ord(char) < 0xE000:
        raise ArgumentError(f"one character was expected, got {char!r}")
    return char


def _through(change: Callable[[bytes], bytes], text: str) -> str:
    """Pass `text` through the core as bytes; a lone surrogate comes out as it went in."""
    return change(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
