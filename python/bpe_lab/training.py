"""Corpus to tokenizer: count the pieces, learn the merges.

Counting and learning happen in the core; this reads the files, keeps the books and makes the options agree.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bpe_lab import _core, holdout
from bpe_lab._core import Learned, PieceCounts
from bpe_lab.corpus import STDIN, Block, ReadFrom, Source, find_files, read_blocks, size_bytes
from bpe_lab.documents import cuts_for
from bpe_lab.documents import documents as documents_of_files
from bpe_lab.documents import split as cut
from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.superwords import Superwords, check_counted
from bpe_lab.tokenizer import Tokenizer, pattern_from

DEFAULT_SPECIAL_TOKENS = ("<|endoftext|>",)
"""Every tokenizer has these unless told otherwise."""

AT = ("train", "train+infer")
"""When morphemes are edges: in training only, or whenever the tokenizer encodes too."""

_SIZES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Progress(NamedTuple):
    """How far the work has come. Sizes are bytes on disk; `n_bytes_total` is None for standard input."""

    stage: str
    """`hash` (first pass of a sample by size), `count`, `merge`; or `encode`, when shards are written."""
    n_bytes: int
    n_bytes_total: int | None
    n_pieces: int
    n_ids: int
    n_ids_wanted: int
    seconds: float


Watch = Callable[[Progress], None]


class Sampling(NamedTuple):
    """Which documents are taken: a fraction of them, or as many as fill `size_bytes`; by content hash."""

    fraction: float | None = None
    size_bytes: int | None = None
    seed: int = 0

    @classmethod
    def parse(cls, text: str | float | None, seed: int = 0) -> "Sampling":
        """Read `0.1` (a fraction; 1 means everything) or `100MB` (a size, units of 1000; `MiB` of 1024).

        Raises:
            ArgumentError: it is neither, or out of range.
        """
        check_numbers(sample_seed=seed)
        if text is None:
            return cls(seed=seed)
        found = re.fullmatch(r"\s*([0-9.]+)\s*([a-z]*)\s*", str(text).lower())
        try:
            value, suffix = (float(found[1]), found[2]) if found else (0.0, "?")
        except ValueError:
            value, suffix = 0.0, "?"
        if suffix in _SIZES and value > 0:
            return cls(size_bytes=int(value * _SIZES[suffix]), seed=seed)
        if suffix or not 0 < value <= 1:
            raise ArgumentError(
                f"sample must be a fraction above 0 and up to 1, or a size such as 100MB, got {text!r}",
                "0.1 takes a tenth of the documents, 100MB takes documents until 100 MB are full",
            )
        return cls(fraction=None if value == 1 else value, seed=seed)

    def describe(self) -> str | None:
        """Return the sample in words for the books, None where everything is taken."""
        if self.size_bytes is not None:
            return f"{self.size_bytes} bytes, seed {self.seed}"
        return f"{self.fraction:g}, seed {self.seed}" if self.fraction is not None else None


HOLD_OUT = "hold_out"
"""The key of the books that says what was held out."""


class HeldOut(NamedTuple):
    """The documents that are left out: those whose `holdout.split_hashes` lie below."""

    share: float
    below: int

    @classmethod
    def of_files(cls, paths: Sequence[Path], documents: str, field: str, share: str | float) -> "HeldOut":
        """Find the border for the documents of files; reads a few dozen documents, all only where there are few.

        Raises:
            CorpusError: the files are one document.
        """
        value = holdout.parse_share(share)
        if Path(STDIN) in paths:
            return cls(value, holdout.wanted_border(value))
        hashes = holdout.split_hashes(documents_of_files(paths, documents, field))
        return cls(value, holdout.border(hashes, value, "the corpus"))

    @classmethod
    def of_texts(cls, texts: Sequence[bytes], documents: str, share: str | float) -> "HeldOut":
        """Find the border for texts in memory."""
        found = cut((Block(text, ends=True) for text in texts), cuts_for(documents))
        value = holdout.parse_share(share)
        return cls(value, holdout.border(holdout.split_hashes(found), value, "the corpus"))

    def check(self, stats: dict[str, int]) -> None:
        """Refuse what only the end of standard input shows: that a side is empty.

        Raises:
            CorpusError: no document was held out, or all were.
        """
        n_held_out, n_documents = stats["n_documents_held_out"], stats["n_documents"]
        if n_documents and not 0 < n_held_out < n_documents:
            raise CorpusError(
                f"{self.share:.6g} of the documents of standard input were to be held out: "
                f"that took {n_held_out} of {n_documents}",
                "say what a document is with --documents, or write the text to a file first",
            )

    def __str__(self) -> str:
        """Write the books' line."""
        return f"{self.share * 100:.6g}%, hash below {self.below}"


class CountedFile(NamedTuple):
    """What the books say about one input: its name, bytes of text read, and their SHA-256."""

    name: str
    n_bytes: int
    sha256: str


def default_threads() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_pieces(
    source: Source | Sequence[Source],
    *,
    pattern: str = "o200k",
    documents: str = "file",
    field: str = "text",
    sample: str | float | None = None,
    sample_seed: int = 0,
    hold_out: str | float | None = None,
    threads: int | None = None,
    morphemes: str | None = None,
    superword: bool = False,
    progress: Watch | None = None,
) -> PieceCounts:
    """Count the pieces of files, in parallel and streaming: a block of text is held at a time, never the text.

    The same counts come out for any number of threads, any chunking and any order of the files.

    Args:
        source: files, folders, globs, `-` for standard input, one or several; .txt, .jsonl, .gz, .zst.
        pattern: `o200k`, `cl100k`, `gpt2`, `none`, or a regular expression.
        documents: `file`, `line`, `blank-line`, `separator:STR` or `prefix:STR`; no piece crosses a document.
        field: the field of a .jsonl row that holds its text; each row is a document at least.
        sample: `0.1` or `"100MB"` takes whole documents by content hash.
        sample_seed: another seed takes other documents.
        hold_out: `"10%"` leaves out the documents that `bpe-lab shards --hold-out 10%` puts into validation; `sample`
            then takes of the rest.
        threads: all processors by default.
        morphemes: `mecab` or `kiwi`: pieces are cut where this analyser sees morphemes meet, and no merge will cross a
            cut. Needs the extra `ko`; a hundred times slower than counting.
        superword: count superpieces too (pieces joined up to the end of the sentence or line), which superwords are
            learned from. They take about as much memory as the text.
        progress: called with a `Progress` about ten times a second.

    Raises:
        UnsupportedError: the analyser is not installed.
        CorpusError: there is no text, or a sample or a held-out part was asked of a corpus that is one document.
        FileError: a file cannot be read. ArgumentError: an argument is out of bounds.
    """
    sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    paths = find_files(sources)
    sampling = Sampling.parse(sample, sample_seed)
    reading = _Reading(paths, field, progress)
    held_out = None if hold_out is None else HeldOut.of_files(paths, documents, field, hold_out)
    below = _threshold(reading, documents, sampling, held_out)
    counter = _counter(
        pattern, documents, sampling, below, checked_threads(threads), morphemes, superword, reading, held_out
    )
    files = [reading.push_all("count", path, counter) for path in paths]
    if held_out:
        held_out.check(counter.stats)
    counts: PieceCounts = counter.finish()
    if not len(counts):
        raise CorpusError("the corpus is empty: 0 bytes of text", "check the input files")
    _keep_books(counts, files, sampling)
    if held_out:
        counts.set_header(HOLD_OUT, str(held_out))
    return counts


def _threshold(reading: "_Reading", documents: str, sampling: Sampling, held_out: HeldOut | None) -> int | None:
    """Make the first pass of a sample by size: the hash below which documents are taken."""
    if sampling.size_bytes is None:
        return None
    if Path(STDIN) in reading.paths:
        raise ArgumentError(
            "a sample by size needs two passes, and standard input can be read once",
            "sample by a fraction, or write the text to a file first",
        )
    sampler = _core.SampleBySize(documents, sampling.size_bytes, sampling.seed, held_out.below if held_out else None)
    for path in reading.paths:
        reading.push_all("hash", path, sampler)
    return sampler.finish()


def refuse_both(morphemes: str, superword: bool) -> None:
    """Refuse superwords beside morphemes.

    Raises:
        ArgumentError: both are asked for.
    """
    if superword:
        raise ArgumentError(
            f"superwords join what morphemes={morphemes} keeps apart: a tokenizer has one or the other",
            "leave out superword, or leave out morphemes",
        )


def _counter(
    pattern: str,
    documents: str,
    sampling: Sampling,
    below: int | None,
    n_threads: int,
    morphemes: str | None,
    superword: bool = False,
    reading: "_Reading | None" = None,
    held_out: HeldOut | None = None,
) -> Any:
    """Return the counter that is meant: the core's, or one with an analyser before it."""
    chosen, sample = pattern_from(pattern), (sampling.fraction, below, sampling.seed)
    hold_out_below = held_out.below if held_out else None
    if morphemes is None:
        return _core.Counter(chosen, documents, n_threads, *sample, superword, hold_out_below)
    refuse_both(morphemes, superword)
    from bpe_lab.morphemes import load
    from bpe_lab.morphemes.counting import MorphemeCounter

    analyser = load(morphemes)
    marked = _core.MarkedCounter(chosen, documents, analyser.described, *sample, hold_out_below)
    counter = MorphemeCounter(analyser, marked)
    if reading is not None:
        counter.tell = lambda: reading.tell("count", counter)
    return counter


class _Reading:
    """Reads files into a counter and tells how far it is."""

    def __init__(self, paths: list[Path], field: str, progress: Watch | None) -> None:
        self.paths = paths
        self._field = field
        self._progress = progress
        self._total = size_bytes(paths)
        self._started = time.monotonic()
        self._told = 0.0
        self._read = {"hash": ReadFrom(), "count": ReadFrom()}

    def push_all(self, stage: str, path: Path, sink: Any) -> CountedFile:
        """Push every block of `path` into `sink` and return what was read."""
        import hashlib

        digest, n_bytes = hashlib.sha256(), 0
        for block in read_blocks(path, self._field, self._read[stage]):
            n_bytes += len(block.data)
            digest.update(block.data)
            _push(sink, block)
            self.tell(stage, sink)
        return CountedFile("standard input" if path == Path(STDIN) else path.name, n_bytes, digest.hexdigest())

    def tell(self, stage: str, sink: Any) -> None:
        """Tell how far it is, ten times a second at most."""
        now = time.monotonic()
        if self._progress is None or now - self._told < 0.1:
            return
        self._told = now
        n_pieces = sink.stats["n_pieces"] if stage == "count" else 0
        # What an analyser was handed and has not seen counts as not read.
        n_bytes = max(0, self._read[stage].n_bytes - getattr(sink, "n_waiting", 0))
        self._progress(Progress(stage, n_bytes, self._total, n_pieces, 0, 0, now - self._started))


def _push(sink: Any, block: Block) -> None:
    if block.data:
        sink.push(block.data)
    if block.ends:
        sink.end_of_file()


def checked_threads(threads: int | None) -> int:
    """Return the number of threads meant: all processors for None, else from 1 to 1024."""
    if threads is None:
        return default_threads()
    if not 1 <= threads <= 1024:
        raise ArgumentError(f"threads must be between 1 and 1024, got {threads}")
    return threads


def _keep_books(counts: PieceCounts, files: list[CountedFile], sampling: Sampling) -> None:
    """Write into the counts what they were made of: a line a file, sorted, so that their order does not show."""
    counts.set_header("corpus", "\n".join(sorted({f"{f.sha256} {f.n_bytes} {f.name}" for f in files})))
    if described := sampling.describe():
        counts.set_header("sample", described)


def learn(
    counts: PieceCounts,
    vocab_size: int,
    *,
    pattern: str | None = None,
    unit: str = "byte",
    tie: str = "hf",
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    special_tokens: Sequence[str] = DEFAULT_SPECIAL_TOKENS,
    superword: str | int | None = None,
    strict_vocab: bool = False,
    at: str = "train",
    progress: Watch | None = None,
) -> tuple[Tokenizer, Learned]:
    """Learn merges from counts and give the tokenizer, and beside it how the learning went.

    `vocab_size` counts everything: base symbols, merges that make a new token, special tokens. `Learned` tells each
    merge with its count (`trace`), the tokens left in the corpus, and why learning stopped. No merge crosses a cut mark
    of the counts; with `at="train+infer"` no token ever will, since encoding asks the analyser that made the marks.

    With `superword` (see `train`) the counts must hold superpieces (`count_pieces(superword=True)`), and the
    tokenizer's pattern is the superword variant of the one that the pieces were cut with.

    Raises:
        ArgumentError: `vocab_size` is below the base alphabet, or the pattern is not the one the pieces were cut with;
            superwords begin outside the base alphabet to `vocab_size`, or the counts hold no superpieces.
        CorpusError: there are no pieces; or `strict_vocab` is set and the merges ran out before `vocab_size`.
    """
    if not len(counts):
        raise CorpusError("there are no pieces to learn from", "count a corpus first")
    check_numbers(vocab_size=vocab_size, min_frequency=min_frequency, max_token_bytes=max_token_bytes)
    chosen = _pattern_of(counts, pattern)
    analyser = _analyser_of(counts, at)
    specials = _checked_specials(special_tokens)
    alphabet = _core.Unit.named(unit)
    cut_by, stages = pattern_from(chosen), None if superword is None else Superwords.parse(superword)
    alphabet.check(cut_by)
    resolved = alphabet.resolve(counts)
    _check_size(vocab_size, resolved, len(specials))
    if stages is not None:
        stages.check(vocab_size, resolved.n_base + len(specials), alphabet.name)
        cut_by = cut_by.superword()
        check_counted(counts, cut_by.name)
    started = time.monotonic()

    def watch(n_ids: int, n_ids_wanted: int) -> None:
        if progress is not None:
            passed = time.monotonic() - started
            progress(Progress("merge", 0, None, len(counts), n_ids, n_ids_wanted, passed))

    second = None if stages is None else (stages.first - len(specials), stages.max_spaces)
    n_ids = vocab_size - len(specials)
    learned = _core.train(counts, n_ids, alphabet.name, tie, min_frequency, max_token_bytes, watch, second)
    if strict_vocab and learned.n_ids + len(specials) < vocab_size:
        limits = (min_frequency, max_token_bytes)
        raise CorpusError(*short_vocabulary(learned, learned.n_ids + len(specials), vocab_size, *limits))
    import json

    options: dict[str, object] = {
        "vocab_size": vocab_size,
        "tie": tie,
        "min_frequency": min_frequency,
        "max_token_bytes": max_token_bytes,
    }
    if stages is not None:
        options["superword"] = str(stages)
    tokenizer = learned.tokenizer(cut_by, specials, json.dumps(books_of(counts, options, at)), analyser)
    return Tokenizer(tokenizer), learned


def check_numbers(**numbers: int | None) -> None:
    """Refuse what is no whole number from 0 that 63 bits hold; None is left to its meaning."""
    for name, value in numbers.items():
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise ArgumentError(f"{name} must be a whole number, got {value!r}")
        if not 0 <= value < 1 << 63:
            raise ArgumentError(f"{name} must be from 0 to {(1 << 63) - 1}, got {value}")


def _check_size(vocab_size: int, unit: _core.Unit, n_special: int) -> None:
    """Refuse a vocabulary that does not hold the base alphabet."""
    least = unit.n_base + n_special
    if vocab_size < least:
        raise ArgumentError(
            f"vocab_size must be at least {least} for unit {unit.name} "
            f"({unit.n_base} base symbols and {n_special} special tokens), got {vocab_size}",
            "ask for more, or take a unit with fewer base symbols",
        )


def _checked_specials(special_tokens: Sequence[str]) -> list[str]:
    """Return the special tokens, each once."""
    if isinstance(special_tokens, str):
        raise ArgumentError(f"special_tokens must be a list of texts, got the text {special_tokens!r}", "put it in []")
    for text in special_tokens:
        if not isinstance(text, str):
            raise ArgumentError(f"a special token must be str, got {type(text).__name__}")
        _utf8(text)
    return list(dict.fromkeys(special_tokens))


def short_vocabulary(
    learned: Learned, n_tokens: int, vocab_size: int, min_frequency: int, max_token_bytes: int | None
) -> tuple[str, str]:
    """Return the message and the hint for a vocabulary that stayed smaller than asked."""
    kind, count = learned.stop
    reason = (
        f"the commonest pair left stands {count} times, below the least frequency of {min_frequency}"
        if kind == "too-rare"
        else f"no pair is left whose token has at most {max_token_bytes} bytes"
        if max_token_bytes is not None
        else "no pair is left to merge"
    )
    message = f"the vocabulary has {n_tokens} tokens instead of {vocab_size}: {reason}"
    if kind == "too-rare":
        return message, "use more text or a smaller vocabulary, or lower --min-frequency (min_frequency)"
    if max_token_bytes is not None:
        return message, "raise --max-token-bytes (max_token_bytes), or ask for a smaller vocabulary"
    return message, "use more text or a smaller vocabulary"


def _pattern_of(counts: PieceCounts, pattern: str | None) -> str:
    """Return the pattern that the pieces were cut with, which the one asked for must be."""
    recorded = counts.header.get("pattern")
    if pattern is not None and recorded is not None and recorded_form(pattern) != recorded:
        raise ArgumentError(
            f"the pieces were cut with pattern {recorded!r}, not {pattern!r}",
            "leave the pattern out, or count again with the other one",
        )
    return pattern or (recorded or "o200k").removeprefix("regex:")


def recorded_form(pattern: str) -> str:
    """Return a pattern as the books of counts name it."""
    chosen = pattern_from(pattern)
    return chosen.name or f"regex:{chosen.tiktoken_regex}"


def _analyser_of(counts: PieceCounts, at: str) -> tuple[str, str] | None:
    """Return name and version of the analyser that encoding asks, None where it asks none."""
    if at not in AT:
        raise ArgumentError(f"unknown at {at!r}", f"one of: {', '.join(AT)}")
    found = counts.header.get("morphemes", "").splitlines()
    if at == "train":
        return None
    if len(found) != 1:
        how = "were not cut at morphemes" if not found else f"were cut by several analysers: {'; '.join(found)}"
        raise ArgumentError(f"at {at!r} needs the analyser that cut the pieces, and they {how}", "give morphemes")
    name, _, version = found[0].partition(" ")
    return name, version


def _check_morphemes(counts: PieceCounts, morphemes: str | None) -> None:
    """Refuse counts that were not cut by the analyser asked for."""
    found = counts.header.get("morphemes", "")
    if morphemes is not None and found.partition(" ")[0] != morphemes:
        how = f"by {found}" if found else "without an analyser"
        raise ArgumentError(f"the pieces were counted {how}, not by {morphemes}", "count the text again with morphemes")


def books_of(counts: PieceCounts, options: dict[str, object], at: str) -> dict[str, object]:
    """Return what a tokenizer's file says of where it came from."""
    header = counts.header
    lines = (line.split(" ", 2) for line in header.get("corpus", "").splitlines())
    corpus = [{"name": name, "bytes": int(n_bytes), "sha256": digest} for digest, n_bytes, name in lines]
    books: dict[str, object] = {"program": f"bpe-lab {_core.__version__}", "corpus": corpus}
    books |= {key: header[key] for key in ("documents", "sample", HOLD_OUT) if header.get(key, "all") != "all"}
    if found := header.get("morphemes"):
        books["morphemes"] = {"analyser": found, "at": at}
    books["pieces"] = {"distinct": len(counts), "total": counts.total_weight, "bytes": counts.total_bytes}
    return books | {"options": options}


def train(
    source: Source | Sequence[Source] | PieceCounts | None = None,
    vocab_size: int = 32_000,
    *,
    texts: Iterable[str | bytes] | None = None,
    pattern: str | None = None,
    unit: str = "byte",
    tie: str = "hf",
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    special_tokens: Sequence[str] = DEFAULT_SPECIAL_TOKENS,
    documents: str = "file",
    field: str = "text",
    sample: str | float | None = None,
    sample_seed: int = 0,
    hold_out: str | float | None = None,
    threads: int | None = None,
    superword: str | int | None = None,
    strict_vocab: bool = False,
    morphemes: str | None = None,
    at: str = "train",
    progress: Watch | None = None,
) -> Tokenizer:
    """Train a tokenizer on files, on counts, or on texts in memory.

    Args:
        source: files, folders, globs (see `count_pieces`), or `PieceCounts`.
        vocab_size: ids in all, specials included.
        texts: documents in memory instead of `source`; each is one file to `documents`.
        pattern: `o200k` (default), `cl100k`, `gpt2`, `none`, or a regular expression.
        unit: `byte`; `byte-char`: tokens are whole characters or the beginning of one; `syllable[:all|:seen=K]`;
            `jamo` or `jamo-char` with `:filler`, `:compat`, `:nfd-alias` (docs/units.md).
        tie: which of equally frequent pairs merges first: `hf` or `rustbpe`.
        min_frequency: a pair rarer than this never merges.
        max_token_bytes: no token is longer.
        special_tokens: get the last ids.
        documents, field, sample, sample_seed, hold_out, threads: see `count_pieces`.
        superword: `6k:4` learns within pieces up to 6,000 ids (specials included) and from there on across them, up to
            the end of the sentence or line, tokens of at most 4 spaces (SuperBPE, arXiv 2503.13423). `6k` means `6k:4`.
        strict_vocab: make it an error when the merges run out before `vocab_size`; else the smaller one is given.
        morphemes: `mecab` or `kiwi`: no merge crosses the edge of a morpheme that this analyser finds (extra `ko`).
        at: `train`, or `train+infer`: the analyser is asked again whenever the tokenizer encodes.
        progress: called with a `Progress` about ten times a second.

    >>> tokenizer = train(texts=["사과나무 사과 사람"] * 3, vocab_size=265)
    >>> tokenizer.decode(tokenizer.encode("사과나무"))
    '사과나무'

    Raises:
        BpeLabError: see `count_pieces` and `learn`.
    """
    if (source is None) == (texts is None):
        raise ArgumentError("give either a source (files, counts) or texts")
    if isinstance(texts, (str, bytes)):
        raise ArgumentError(f"texts must be a list of texts, got one {type(texts).__name__}", "put it in []")
    if superword is not None:
        Superwords.parse(superword).check(vocab_size)
    if isinstance(source, PieceCounts):
        if hold_out is not None:
            raise ArgumentError("counts cannot be held out of", "count with hold_out")
        counts = source
        _check_morphemes(counts, morphemes)
    elif texts is not None:
        cut_by, has_second = pattern or "o200k", superword is not None
        counts = count_texts(texts, cut_by, documents, sample, sample_seed, threads, hold_out, morphemes, has_second)
    else:
        assert source is not None
        counts = count_pieces(
            source,
            pattern=pattern or "o200k",
            documents=documents,
            field=field,
            sample=sample,
            sample_seed=sample_seed,
            hold_out=hold_out,
            threads=threads,
            morphemes=morphemes,
            superword=superword is not None,
            progress=progress,
        )
    tokenizer, _ = learn(
        counts,
        vocab_size,
        pattern=pattern,
        unit=unit,
        tie=tie,
        min_frequency=min_frequency,
        max_token_bytes=max_token_bytes,
        special_tokens=special_tokens,
        superword=superword,
        strict_vocab=strict_vocab,
        at=at,
        progress=progress,
    )
    return tokenizer


def count_texts(
    texts: Iterable[str | bytes],
    pattern: str,
    documents: str = "file",
    sample: str | float | None = None,
    sample_seed: int = 0,
    threads: int | None = None,
    hold_out: str | float | None = None,
    morphemes: str | None = None,
    superword: bool = False,
) -> PieceCounts:
    """Count the pieces of texts in memory; see `count_pieces`.

    Raises:
        ArgumentError: a text holds a lone surrogate, or a sample by size is asked for.
    """
    if isinstance(texts, (str, bytes)):
        raise ArgumentError(f"texts must be a list of texts, got one {type(texts).__name__}", "put it in []")
    sampling = Sampling.parse(sample, sample_seed)
    if sampling.size_bytes is not None:
        raise ArgumentError("texts in memory can be sampled by a fraction only", "write them to a file first")
    given: Iterable[bytes] = map(_utf8, texts)
    held_out = None
    if hold_out is not None:
        whole = list(given)
        given, held_out = whole, HeldOut.of_texts(whole, documents, hold_out)
    n_threads = checked_threads(threads)
    counter = _counter(pattern, documents, sampling, None, n_threads, morphemes, superword, held_out=held_out)
    for text in given:
        _push(counter, Block(text, ends=True))
    counts: PieceCounts = counter.finish()
    if held_out:
        counts.set_header(HOLD_OUT, str(held_out))
    return counts


def _utf8(text: str | bytes) -> bytes:
    if not isinstance(text, (str, bytes, bytearray, memoryview)):
        raise ArgumentError(f"a text must be str or bytes, got {type(text).__name__}")
    try:
        return text.encode() if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as e:
        raise ArgumentError(f"a text holds a lone surrogate at character {e.start}", "mend it, or give bytes") from e
