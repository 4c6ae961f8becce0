r"""Gold morphemes: sentences of words, each with the morphemes that it is made of, and where their edges fall.

Two files are read, either compressed (.xz, .gz) or not:

- `surface<TAB>m1+m2`, a word a line, an empty line after each sentence, `##` before a comment. A plus that is part of a
  morpheme is written `\+`, a backslash `\\`.
- KLUE-DP (`INDEX WORD_FORM LEMMA ...` between tabs, `##` before a comment), where LEMMA has morphemes between spaces.

    눈물을	눈물+을
    흘렸다.	흘리+었+다+.

docs/morphology.md gives the rule by which edges fall. No tokenizer is known here.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bpe_lab import _core
from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PLUS = re.compile(r"((?:[^+\\]|\\.)+)(?:\+|\Z)", re.S)
_TAG = re.compile(r"/[A-Z]{2,4}\Z")
_KLUE_COLUMNS = 6


class GoldWord(NamedTuple):
    """An eojeol and its morphemes, which need not spell it: 봤다 is 보 + 았 + 다."""

    surface: str
    morphemes: tuple[str, ...]


@dataclass(frozen=True)
class Gold:
    """Sentences of gold words, and their edges as byte offsets.

    A sentence's text is its surfaces with one space between them.

    >>> gold = Gold.of([[GoldWord("공정한", ("공정", "하", "ㄴ")), GoldWord("봤다", ("보", "았", "다"))]])
    >>> gold.documents[0].decode(), gold.edges.tolist(), gold.n_lost.tolist()
    ('공정한 봤다', [6, 8, 13], [1])
    """

    sentences: tuple[tuple[GoldWord, ...], ...]

    @classmethod
    def of(cls, sentences: Iterable[Iterable[GoldWord]]) -> "Gold":
        """Return the gold of `sentences`.

        Raises:
            ArgumentError: a surface that is empty or holds white space.
        """
        made = tuple(tuple(sentence) for sentence in sentences)
        for word in (word for sentence in made for word in sentence):
            if word.surface.split() != [word.surface]:
                raise ArgumentError(f"{word.surface!r} is no eojeol", "a surface is a word without white space")
        return cls(made)

    @cached_property
    def documents(self) -> list[bytes]:
        """The text of each sentence: what a tokenizer is given."""
        return [" ".join(word.surface for word in sentence).encode() for sentence in self.sentences]

    @cached_property
    def _found(self) -> list[list[int | None]]:
        """For each sentence its edges as bytes of its text, None where one is lost."""
        return [list(_sentence_edges(sentence)) for sentence in self.sentences]

    @cached_property
    def edges(self) -> "NDArray[np.uint64]":
        """Edges that are not lost, sentence after sentence: bytes of the sentence's text."""
        import numpy as np

        return np.array([edge for found in self._found for edge in found if edge is not None], dtype=np.uint64)

    @cached_property
    def offsets(self) -> "NDArray[np.uint64]":
        """Sentence i has `edges[offsets[i]:offsets[i + 1]]`."""
        import numpy as np

        n = (sum(edge is not None for edge in found) for found in self._found)
        return np.array([0, *accumulate(n)], dtype=np.uint64)

    @cached_property
    def n_lost(self) -> "NDArray[np.uint64]":
        """How many edges of each sentence are lost to fusion."""
        import numpy as np

        return np.array([found.count(None) for found in self._found], dtype=np.uint64)

    @property
    def n_edges(self) -> int:
        """All edges between the morphemes of a word, the lost ones included."""
        return sum(map(len, self._found))


def align(surface: str, morphemes: Iterable[str]) -> list[int | None]:
    """Return for each edge between `morphemes` its byte in `surface`, None where it is lost.

    Inside a syllable the onset owns the first byte, the vowel the second (and the third where there is no coda), the
    coda the third.

    >>> align("공정한", ["공정", "하", "ㄴ"]), align("봤다", ["보", "았", "다"])
    ([6, 8], [None, 3])
    """
    return _core.align_morphemes(surface, list(morphemes))


def _sentence_edges(sentence: Iterable[GoldWord]) -> Iterator[int | None]:
    start = 0
    for word in sentence:
        for edge in align(word.surface, word.morphemes):
            yield None if edge is None else start + edge
        start += len(word.surface.encode()) + 1


def read_gold(path: str | os.PathLike[str]) -> Gold:
    """Read a gold file of either kind; the first line that is no comment tells which.

    Raises:
        FileError: it cannot be read. FormatError: a line is no row; the message gives it. CorpusError: it has no word.
    """
    name = os.fspath(path)
    lines = _text(Path(path)).split("\n")
    first = next((line for line in lines if line.strip() and not _is_comment(line)), "")
    row = _klue_word if first.count("\t") >= _KLUE_COLUMNS - 1 else _word
    sentences: list[list[GoldWord]] = [[]]
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\r")
        if not line.strip():
            sentences.append([])
        elif not _is_comment(line):
            sentences[-1].append(row(line, f"{name}, line {number}"))
    return _checked(Gold.of(s for s in sentences if s), name)


def _is_comment(line: str) -> bool:
    """Tell a comment from a word such as #1: it has two signs, or no tab."""
    return line.startswith("##") or (line.startswith("#") and "\t" not in line)


def _checked(gold: Gold, name: str) -> Gold:
    """Refuse a file without words, and one whose morphemes carry tags."""
    parts = [part for sentence in gold.sentences for word in sentence for part in word.morphemes]
    if not parts:
        raise CorpusError(f"{name} holds no word", "a word a line: surface, a tab, its morphemes with + between them")
    if 2 * sum(_TAG.search(part) is not None for part in parts) > len(parts):
        raise FormatError(f"{name} has tags in its morphemes: {parts[0]}", "write the morphemes alone: 먹+었+다")
    return gold


def _word(line: str, where: str) -> GoldWord:
    r"""Return the word of a `surface<TAB>m1+m2` line.

    >>> _word("C++은\tC\\+\\++은", "line 1")
    GoldWord(surface='C++은', morphemes=('C++', '은'))
    """
    surface, tab, rest = line.partition("\t")
    morphemes = tuple(re.sub(r"\\(.)", r"\1", part) for part in _PLUS.findall(rest))
    if not tab or not morphemes or surface.split() != [surface]:
        raise FormatError(f"{where}: no row: {line!r}", "surface, a tab, its morphemes with + between them")
    return GoldWord(surface, morphemes)


def _klue_word(line: str, where: str) -> GoldWord:
    columns = line.split("\t")
    if len(columns) < _KLUE_COLUMNS or columns[1].split() != [columns[1]] or not columns[2]:
        raise FormatError(f"{where}: no row of KLUE-DP: {line!r}", "INDEX, WORD_FORM, LEMMA, POS, HEAD, DEPREL")
    return GoldWord(columns[1], tuple(part for part in columns[2].split(" ") if part))


def _text(path: Path) -> str:
    import gzip
    import lzma

    opener = {".xz": lzma.decompress, ".gz": gzip.decompress}.get(path.suffix, bytes)
    try:
        return opener(path.read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise FormatError(f"{path}: no UTF-8 at byte {e.start}", "save it as UTF-8") from e
    except (OSError, EOFError, lzma.LZMAError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise FileError(f"cannot read {path}: {reason}", "check that the file is complete and readable") from e
