"""A text to its edges, by one of the analysers known by name. Decides what the analyser gets to see.

An analyser sees one line at a time, without its ending; of a line longer than `MAX_CHARS` parts that end at white
space where they can; of text that is not UTF-8 the runs that are. What has no Hangul syllable has no edges and is not
analysed. So edges depend on the line alone, and equal lines are analysed once.
"""

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType

from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab.morphemes.surface import WHITE_SPACE, Span, byte_edges

NAMES = ("mecab", "kiwi")
"""The analysers there are."""

MAX_CHARS = 4096
"""The longest text that an analyser gets: the time for one without spaces grows faster than its length."""

_MAX_CACHED_CHARS = 1 << 22
_HANGUL = re.compile("[가-힣]")
# Bytes that are no UTF-8, as Python stands in for them, and NUL, at which MeCab stops.
_BREAKS = re.compile("[\udc80-\udcff\0]+")


class Analyser:
    """Finds the edges of texts. Safe with threads; remembers the lines it has seen, up to some 50 MB.

    >>> load("mecab").edges("나는 학교에 간다")  # doctest: +SKIP
    [3, 13]
    """

    def __init__(self, name: str, version: str, analyse: Callable[[list[str]], Iterable[list[Span]]]) -> None:
        self.name = name
        self.version = version
        """Packages and their versions: another version may find other edges."""
        self._analyse = analyse
        self._known: dict[str, list[int]] = {}
        self._n_known_chars = 0

    @property
    def described(self) -> str:
        """Name and version in one line, as counts and books keep it."""
        return f"{self.name} {self.version}"

    def edges(self, text: str | bytes) -> list[int]:
        """Return where morphemes meet inside the words of `text`: byte offsets of its UTF-8, ascending.

        Never at the beginning, at the end or beside white space. One inside a syllable's three bytes is a place among
        its jamo: +1 behind the onset, +2 before the coda.
        """
        data = text.encode() if isinstance(text, str) else text
        parts = list(_parts(data))
        self._learn({part for _, part in parts})
        return [offset + edge for offset, part in parts for edge in self._known[part]]

    def _learn(self, texts: set[str]) -> None:
        """Analyse what is not known yet."""
        if self._n_known_chars > _MAX_CACHED_CHARS:
            self._known, self._n_known_chars = {}, 0
        new = sorted(text for text in texts if text not in self._known)
        for text, spans in zip(new, self._analyse(new) if new else (), strict=True):
            self._known[text] = byte_edges(text, spans)
            self._n_known_chars += len(text)


def _parts(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield what is to be analysed, with the byte where it begins."""
    offset = 0
    for line in data.split(b"\n"):
        for start, run in _runs(line):
            for at, part in _chunks(run):
                if _HANGUL.search(part):
                    yield offset + start + at, part
        offset += len(line) + 1


def _runs(line: bytes) -> Iterator[tuple[int, str]]:
    """Yield the runs of UTF-8 in a line, with the byte where each begins."""
    text = line.decode("utf-8", "surrogateescape")
    if not _BREAKS.search(text):
        yield 0, text
        return
    at, start = 0, 0
    for found in _BREAKS.finditer(text):
        run = text[start : found.start()]
        yield at, run
        at += len(run.encode()) + len(found[0])  # one byte for each of what broke it
        start = found.end()
    yield at, text[start:]


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield parts of at most `MAX_CHARS` characters, cut behind white space where there is any."""
    start = at = 0
    while len(text) - start > MAX_CHARS:
        end = start + MAX_CHARS
        end = next((i for i in range(end, start, -1) if text[i - 1] in WHITE_SPACE), end)
        yield at, text[start:end]
        at += len(text[start:end].encode())
        start = end
    yield at, text[start:] if start else text


def load(name: str) -> Analyser:
    """Return the analyser called `name`; once for each process, since some have threads that a fork does not copy.

    Raises:
        ArgumentError: there is none of that name.
        UnsupportedError: its package is missing; the hint says how to get it.
    """
    return _load(name, os.getpid())


@functools.cache
def _load(name: str, _process: int) -> Analyser:
    described = installed(name)
    try:
        return Analyser(name, described, _backend(name).make())
    except ImportError as e:
        raise _missing(name) from e


def installed(name: str) -> str:
    """Return the version of the analyser called `name`, without loading it.

    Raises:
        ArgumentError, UnsupportedError: as `load`.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return ", ".join(f"{package} {version(package)}" for package in _backend(name).PACKAGES)
    except PackageNotFoundError as e:
        raise _missing(name) from e


def _backend(name: str) -> ModuleType:
    if name not in NAMES:
        raise ArgumentError(f"unknown analyser {name!r}", f"one of: {', '.join(NAMES)}")
    return import_module(f"bpe_lab.morphemes.{name}")


def _missing(name: str) -> UnsupportedError:
    package = _backend(name).PACKAGES[0]
    return UnsupportedError(
        f"morphemes by {name} need the package {package}, which is not installed",
        f"pip install 'bpe-lab[ko]', or pip install {package}",
    )
