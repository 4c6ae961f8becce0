"""Texts to train on and to measure on: documents in memory, where they come from, and which of them are drawn.

Draws and splits go by a hash of a document's content, so they depend neither on the order of the files nor on the
other documents, and equal documents stay together. Knows no tokenizer.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from bpe_lab import holdout
from bpe_lab.compare import dataset
from bpe_lab.compare.recipe import Recipe
from bpe_lab.corpus import Block, ReadFrom, Source, find_files, read_blocks
from bpe_lab.documents import Cuts, cuts_for
from bpe_lab.documents import documents as documents_of_files
from bpe_lab.documents import split as cut
from bpe_lab.errors import ArgumentError, CorpusError

SAMPLE = "sample:"
"""How the name of a part of the embedded sample begins."""

_SAMPLE_HINT = "there are sample:ko, sample:en and sample:code"


@dataclass(frozen=True)
class Texts:
    """Documents under a name."""

    name: str
    documents: list[bytes] = field(repr=False)
    _orders: dict[tuple[str, int], list[bytes]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
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
        """SHA-256 of the documents with their lengths: what results are kept under."""
        digest = hashlib.sha256()
        for document in self.documents:
            digest.update(struct.pack("<Q", len(document)))
            digest.update(document)
        return digest.hexdigest()

    def by_hash(self, purpose: str, seed: int) -> list[bytes]:
        """Return the documents in the order of their content hash, equal ones side by side. Kept, for many draws."""
        key = (purpose, seed)
        if key not in self._orders:
            hashes = holdout.content_hashes(self.documents, purpose, seed)
            self._orders[key] = [document for _, document in sorted(zip(hashes, self.documents, strict=True))]
        return self._orders[key]


@dataclass(frozen=True)
class ParallelTexts:
    """Lines in several languages that say the same, line by line, without their line endings."""

    name: str
    languages: tuple[str, ...]
    lines: tuple[list[bytes], ...] = field(repr=False)
    """The lines of each language; all are equally many."""

    @property
    def n_lines(self) -> int:
        """Lines of each language."""
        return len(self.lines[0])

    def texts(self, language: str, lead: bytes = b" ") -> Texts:
        """Return one language, a line a document, each after `lead`: premiums are published with one space there."""
        lines = self.lines[self.languages.index(language)]
        return Texts(f"{self.name}: {language}", [lead + line for line in lines])


def read_texts(
    sources: Source | Sequence[Source], documents: str = "file", text_field: str = "text", name: str | None = None
) -> Texts:
    """Read files, folders, globs, `sample:ko` or data sets (`dataset:json?data_files=x.jsonl`) into memory.

    Args:
        sources: one or several. A file that is reached twice is taken once.
        documents: `file`, `line`, `blank-line`, `separator:STR` or `prefix:STR`. A row of a .jsonl file or of a data
            set ends a document; the documents of the embedded sample stand as they are.
        text_field: the field of a row that holds its text.
        name: what it is called; else the sources.

    Raises:
        FileError, CorpusError: a source cannot be read, or there is no text.
        UnsupportedError: a data set, and the package `datasets` is not installed.
    """
    given = as_list(sources)
    found = list(stream(given, documents, text_field))
    if not found:
        raise CorpusError(f"{', '.join(map(str, given))} holds no text", "check the input files")
    return Texts(name or "+".join(_short_name(source) for source in given), found)


def as_list(sources: Source | Sequence[Source]) -> list[Source]:
    """Return one or several sources as a list."""
    return [sources] if isinstance(sources, str) or not isinstance(sources, Sequence) else list(sources)


def stream(
    sources: Sequence[Source], documents: str = "file", text_field: str = "text", progress: ReadFrom | None = None
) -> Iterator[bytes]:
    """Yield the documents that `read_texts` reads, without holding them. What was typed wrongly is raised at once."""
    cuts = cuts_for(documents)
    named = [source for source in sources if isinstance(source, str) and source.startswith((SAMPLE, dataset.PREFIX))]
    paths = [source for source in sources if source not in named]
    files = find_files(paths) if paths or not named else []
    return chain(
        *(_stream_named(source, cuts, text_field) for source in named),
        documents_of_files(files, documents, text_field, progress),
    )


def _stream_named(source: str, cuts: Cuts, text_field: str) -> Iterable[bytes]:
    if source.startswith(SAMPLE):
        return _sample_documents(source.removeprefix(SAMPLE))
    return cut(_blocks(dataset.read_rows(source, text_field)), cuts)


def _blocks(rows: Iterable[bytes]) -> Iterator[Block]:
    return (Block(row, ends=True) for row in rows)


def _short_name(source: Source) -> str:
    """Return a source as tables call it: a file without its folder."""
    text = str(source)
    return text if text.startswith((SAMPLE, dataset.PREFIX)) else Path(text).name or text


def _sample_documents(lang: str) -> list[bytes]:
    from bpe_lab import sample

    found = [d.text.encode() for d in sample.documents(lang)]
    if not found:
        raise ArgumentError(f"the embedded sample has no {lang!r}", _SAMPLE_HINT)
    return found


# -- parallel text


def read_parallel(sources: Sequence[str], languages: Sequence[str] | None = None) -> ParallelTexts:
    """Read line-aligned files, one source a language; `a.dev+a.devtest` is read as one. `sample` is the embedded one.

    Args:
        sources: at least two, or `["sample"]`.
        languages: their names; else those that the file names tell (`kor_Hang.dev`, `x.ko`, `ko.txt`).

    Raises:
        CorpusError: the sources differ in their number of lines. FileError: one cannot be read.
        ArgumentError: fewer than two sources, or two of one language.
    """
    if list(sources) == ["sample"]:
        return sample_pairs()
    if len(sources) < 2:
        raise ArgumentError(f"parallel text needs two sources or more, got {len(sources)}", "one file a language")
    named = tuple(languages or (language_of(source) for source in sources))
    if len(set(named)) < len(named) or len(named) != len(sources):
        raise ArgumentError(f"each source of a parallel text needs a language of its own, got {', '.join(named)}")
    lines = tuple(_lines(source) for source in sources)
    if len({len(each) for each in lines}) > 1:
        counted = ", ".join(f"{source} has {len(each)}" for source, each in zip(sources, lines, strict=True))
        raise CorpusError(f"parallel texts must have equally many lines: {counted}", "line n must say the same in all")
    if not lines[0]:
        raise CorpusError(f"{', '.join(sources)}: no lines")
    return ParallelTexts("/".join(_joined_name(source) for source in sources), named, lines)


def _joined_name(source: str) -> str:
    """Return `a.dev+a.devtest` without folders."""
    return "+".join(map(_short_name, source.split("+")))


def sample_pairs() -> ParallelTexts:
    """Return the embedded sample's sentences in Korean and English."""
    from bpe_lab import sample

    pairs = sample.parallel()
    return ParallelTexts("sample", ("ko", "en"), ([p.ko.encode() for p in pairs], [p.en.encode() for p in pairs]))


_FLORES = {"kor": "ko", "eng": "en", "jpn": "ja", "zho": "zh"}


def language_of(source: str) -> str:
    """Return the language that a file name tells, else the name.

    >>> language_of("flores/kor_Hang.dev"), language_of("news.en"), language_of("ko.txt"), language_of("abc.txt")
    ('ko', 'en', 'ko', 'abc.txt')
    """
    name = Path(source.partition("+")[0]).name
    if name[:3] in _FLORES and name[3:4] == "_":
        return _FLORES[name[:3]]
    parts = [part for part in name.split(".") if len(part) == 2 and part.isalpha() and part.islower()]
    return parts[-1] if parts else name


def _lines(source: str) -> list[bytes]:
    """Return the lines of a file, or of files joined by `+`, without line feed and carriage return at their ends."""
    text = b""
    for path in source.split("+"):
        part = b"".join(block.data for file in find_files([path]) for block in read_blocks(file))
        text += part if part.endswith(b"\n") or not part else part + b"\n"
    return [line.removesuffix(b"\r") for line in text.split(b"\n")[:-1]]


# -- draws and splits


def split(texts: Texts, eval_share: float = 0.1, seed: int = 0) -> tuple[Texts, Texts]:
    """Return documents to train on and documents to measure on, about `eval_share` of them.

    A document goes to the side that its own content says (`holdout`), so more documents move none, and equal ones go
    together. Where that leaves a side empty, the document nearest to the border crosses it.

    Raises:
        CorpusError: there are not two different documents. ArgumentError: a share that is not between 0 and 1.
    """
    hashes = list(holdout.split_hashes(texts.documents, seed))
    border = holdout.border(hashes, eval_share, texts.name, "give a text to measure on with --eval")
    return (
        Texts(f"{texts.name} (train)", [d for d, h in zip(texts.documents, hashes, strict=True) if h >= border]),
        Texts(f"{texts.name} (eval)", [d for d, h in zip(texts.documents, hashes, strict=True) if h < border]),
    )


def without(texts: Texts, others: Texts) -> Texts:
    """Return the documents that do not stand in `others`, so that nothing measured on was trained on."""
    seen = set(others.documents)
    return Texts(texts.name, [document for document in texts.documents if document not in seen])


def draw(texts: Texts, part: str, seed: int = 0) -> Texts:
    """Draw whole documents until `10%` of the bytes, or `100000B`, are reached; the document that does so is taken.

    Documents come in the order of their content hash under `seed`, so the draws of one seed lie in each other: 1% in
    3% in 10%. Equal documents are taken together. Never empty.

    Raises:
        ArgumentError: `part` is no part. CorpusError: more bytes are asked than there are.
    """
    part_read = Recipe(sample=part).sample
    if part_read is None:
        return texts
    wanted = _bytes_wanted(part_read, texts)
    return Texts(f"{texts.name} ({part_read})", _fill(texts.by_hash("sample", seed), wanted))


def _bytes_wanted(part: str, texts: Texts) -> float:
    if part.endswith("%"):
        return texts.n_bytes * float(part[:-1]) / 100
    if int(part[:-1]) > texts.n_bytes:
        raise CorpusError(f"a sample of {part[:-1]} bytes of {texts.name}, which has {texts.n_bytes}", "take less")
    return int(part[:-1])


def _fill(ordered: Sequence[bytes], n_bytes: float) -> list[bytes]:
    """Return documents from the first on until they have `n_bytes`; the last one's equals go with it."""
    taken: list[bytes] = []
    total = 0
    for document in ordered:
        if total >= n_bytes and document != taken[-1]:
            break
        taken.append(document)
        total += len(document)
    return taken


Shares = Mapping[str, int] | Sequence[tuple[str, int]]


def mix(sources: Mapping[str, Texts], shares: Shares, n_bytes: int | None = None, seed: int = 0) -> Texts:
    """Draw a text of `n_bytes` that has a share of each source, by bytes of whole documents.

    Each source gives documents in the order of their hash until its share is reached, so two mixes of one seed differ
    only in how far they go. `None` takes as much as the scarcest source allows.

    Raises:
        CorpusError: a source has too little text. ArgumentError: a source that is not there.
    """
    parts = dict(Recipe(mix=tuple(dict(shares).items())).mix)
    limit = largest_mix(sources, parts)
    if n_bytes is not None and n_bytes > limit:
        scarce = min(parts, key=lambda name: sources[name].n_bytes / parts[name])
        need = n_bytes * parts[scarce] // sum(parts.values())
        raise CorpusError(
            f"a mix of {n_bytes} bytes needs {need} bytes of {scarce}, which has {sources[scarce].n_bytes}",
            f"at most size={limit}, or give more text of {scarce}",
        )
    total = limit if n_bytes is None else n_bytes
    drawn: list[bytes] = []
    for name, share in parts.items():
        drawn += _fill(sources[name].by_hash("mix", seed), total * share / sum(parts.values()))
    return Texts("/".join(f"{name}:{share}" for name, share in parts.items()), drawn)


def largest_mix(sources: Mapping[str, Texts], shares: Shares) -> int:
    """Return the bytes of the largest text that can have these shares."""
    parts = dict(Recipe(mix=tuple(dict(shares).items())).mix)
    if unknown := [name for name in parts if name not in sources]:
        raise ArgumentError(f"the mix names {unknown[0]!r}, which is no source; there are: {', '.join(sources)}")
    return min(sources[name].n_bytes * sum(parts.values()) // share for name, share in parts.items() if share)


def training_text(recipe: Recipe, texts: Texts, sources: Mapping[str, Texts] | None = None) -> Texts:
    """Return what `recipe` is trained on: its own `train` files or else `texts`, then its `mix`, then its `sample`.

    Args:
        recipe: whose `train`, `documents`, `mix`, `size`, `sample` and `seed` count.
        texts: the text of the comparison.
        sources: what the names in `mix` mean; a name that is not there is read, first as `sample:NAME`, else as a file.
    """
    found = read_texts(recipe.train, recipe.documents or "file") if recipe.train else texts
    if recipe.mix:
        given = sources or {}
        found = mix(
            {name: given[name] if name in given else _source(name, recipe) for name, _ in recipe.mix},
            recipe.mix,
            recipe.size,
            recipe.seed,
        )
    return draw(found, recipe.sample, recipe.seed) if recipe.sample else found


def _source(name: str, recipe: Recipe) -> Texts:
    known = name in ("ko", "en", "code") and not Path(name).exists()
    return read_texts(SAMPLE + name if known else name, recipe.documents or "file")
