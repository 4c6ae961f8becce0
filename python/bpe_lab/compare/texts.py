"""Texts to train on and to measure on: documents in memory, where they come from, and which of them are drawn.

Draws and splits go by a hash of a document's content, so they depend neither on the order of the files nor on other
documents, and equal documents stay together. Knows no tokenizer.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bpe_lab.corpus import Source, find_files
from bpe_lab.documents import documents as read_documents
from bpe_lab.errors import ArgumentError, CorpusError


@dataclass(frozen=True)
class Texts:
    """Documents under a name."""

    name: str
    documents: tuple[bytes, ...] = field(repr=False)

    @property
    def n_bytes(self) -> int:
        """Bytes of all documents."""
        return sum(map(len, self.documents))

    @property
    def n_documents(self) -> int:
        """How many documents."""
        return len(self.documents)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the documents one after another: for one plain file, that of the file."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(document)
        return digest.hexdigest()

    @cached_property
    def content_key(self) -> str:
        """SHA-256 of the documents and where they end: what results are kept under."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(len(document).to_bytes(8, "little"))
            digest.update(document)
        return digest.hexdigest()


@dataclass(frozen=True)
class ParallelTexts:
    """Lines in several languages that say the same, line by line, without their line endings."""

    name: str
    languages: tuple[str, ...]
    lines: tuple[tuple[bytes, ...], ...] = field(repr=False)
    """One tuple of lines a language; all are equally long."""

    @property
    def n_lines(self) -> int:
        """Lines of each language."""
        return len(self.lines[0])


SAMPLE = "sample:"


def read_texts(
    sources: Source | Sequence[Source], documents: str = "file", text_field: str = "text", name: str | None = None
) -> Texts:
    """Read files, folders, globs, `sample:ko` or data sets (`dataset:json?data_files=x.jsonl`) into memory.

    Args:
        sources: one or several.
        documents: `file`, `line`, `blank-line`, `separator:STR` or `prefix:STR`.
        text_field: the field of a row that holds its text.
        name: what it is called; else the sources.

    Raises:
        FileError, CorpusError: a source cannot be read, or there is no text.
    """
    given = [sources] if isinstance(sources, str) or not isinstance(sources, Sequence) else list(sources)
    found: list[bytes] = []
    for source in given:
        found += _read(str(source), documents, text_field)
    if not found:
        raise CorpusError(f"{', '.join(map(str, given))} holds no text", "check the input files")
    return Texts(name or "+".join(map(str, given)), tuple(found))


def _read(source: str, documents: str, text_field: str) -> Iterable[bytes]:
    if source.startswith(SAMPLE):
        return _sample_documents(source.removeprefix(SAMPLE))
    return read_documents(find_files([source]), documents, text_field)


def _sample_documents(lang: str) -> list[bytes]:
    from bpe_lab import sample

    found = [d.text.encode() for d in sample.documents(lang)]
    if not found:
        raise ArgumentError(f"the embedded sample has no {lang!r}", "there are sample:ko, sample:en and sample:code")
    return found


def sample_pairs() -> ParallelTexts:
    """Return the embedded sample's sentences in Korean and English."""
    from bpe_lab import sample

    pairs = sample.parallel()
    return ParallelTexts(
        "sample", ("ko", "en"), (tuple(p.ko.encode() for p in pairs), tuple(p.en.encode() for p in pairs))
    )


def split(texts: Texts, eval_share: float = 0.1, seed: int = 0) -> tuple[Texts, Texts]:
    """Return documents to train on and documents to measure on, by content hash.

    Raises:
        CorpusError: one side would be empty.
    """
    below = int(eval_share * 2**64)
    train, held = [], []
    for document in texts.documents:
        (held if content_hash(document, "split", seed) < below else train).append(document)
    return Texts(f"{texts.name} (train)", tuple(train)), Texts(f"{texts.name} (eval)", tuple(held))


def content_hash(document: bytes, purpose: str, seed: int) -> int:
    """Return 64 bits of BLAKE2b of a document; other purposes and seeds give unrelated ones."""
    key = f"{purpose} {seed}".encode()
    return int.from_bytes(hashlib.blake2b(document, digest_size=8, key=key).digest(), "little")
