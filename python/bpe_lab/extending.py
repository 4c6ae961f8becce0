"""A vocabulary that grows: merges learned on new text stand behind those of a tokenizer, which keeps its ids.

    >>> from bpe_lab import train
    >>> base = train(texts=["the cat sat on the mat"], vocab_size=262)
    >>> more = extend(base, texts=["사과와 바나나"], vocab_size="+3")
    >>> more.encode("the cat") == base.encode("the cat"), more.n_tokens
    (True, 265)

The pieces of the new text are encoded by the old tokenizer before any pair is counted (docs/algorithm.md). Trains no
tokenizer from its beginning: `training` does.
"""

import os
import time
from collections.abc import Iterable, Sequence

from bpe_lab import _core
from bpe_lab._core import Learned, PieceCounts
from bpe_lab.corpus import Source
from bpe_lab.errors import ArgumentError, CorpusError, UnsupportedError
from bpe_lab.tokenizer import Tokenizer
from bpe_lab.training import (
    Progress,
    Watch,
    books_of,
    check_numbers,
    count_pieces,
    count_texts,
    recorded_form,
    short_vocabulary,
)

MOST_IDS = 1 << 21
"""The core's limit; checked here too, because the core sees the number only after the counting."""


def extend(
    base: Tokenizer | str | os.PathLike[str],
    source: Source | Sequence[Source] | PieceCounts | None = None,
    vocab_size: int | str = "+8000",
    *,
    texts: Iterable[str | bytes] | None = None,
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    documents: str = "file",
    field: str = "text",
    sample: str | float | None = None,
    sample_seed: int = 0,
    hold_out: str | float | None = None,
    threads: int | None = None,
    strict_vocab: bool = False,
    progress: Watch | None = None,
) -> Tokenizer:
    """Return `base` with merges learned on other text behind its own.

    Every old id keeps its bytes, special tokens included; new ids follow the highest old one. Text that no new merge
    touches is encoded as before.

    Args:
        base: a tokenizer, or a file or published name that `Tokenizer.load` takes.
        source: files, folders, globs (see `count_pieces`), or `PieceCounts` cut by the pattern of `base`.
        vocab_size: `"+8000"` for 8,000 new tokens, or how many there are to be in all.
        texts: documents in memory instead of `source`.
        min_frequency, max_token_bytes: limits of what is new.
        documents, field, sample, sample_seed, hold_out, threads: see `count_pieces`.
        strict_vocab: make it an error when the merges run out; else fewer are added.
        progress: called with a `Progress` about ten times a second.

    Raises:
        ArgumentError: `vocab_size` leaves nothing to add; counts that were cut by another pattern.
        UnsupportedError: `base` cannot grow: it learned superwords, or it asks an analyser where morphemes meet.
        BpeLabError: see `count_pieces`.
    """
    if (source is None) == (texts is None):
        raise ArgumentError("give either a source (files, counts) or texts")
    old = base if isinstance(base, Tokenizer) else Tokenizer.load(base)
    n_new_tokens(old, vocab_size)
    pattern = growing_pattern(old)
    if isinstance(source, PieceCounts):
        if hold_out is not None:
            raise ArgumentError("counts cannot be held out of", "count with hold_out")
        counts = source
    elif texts is not None:
        counts = count_texts(texts, pattern, documents, sample, sample_seed, threads, hold_out)
    else:
        assert source is not None
        counts = count_pieces(
            source,
            pattern=pattern,
            documents=documents,
            field=field,
            sample=sample,
            sample_seed=sample_seed,
            hold_out=hold_out,
            threads=threads,
            progress=progress,
        )
    return learn_more(
        old,
        counts,
        vocab_size,
        min_frequency=min_frequency,
        max_token_bytes=max_token_bytes,
        strict_vocab=strict_vocab,
        progress=progress,
    )[0]


def learn_more(
    base: Tokenizer,
    counts: PieceCounts,
    vocab_size: int | str,
    *,
    min_frequency: int = 1,
    max_token_bytes: int | None = None,
    strict_vocab: bool = False,
    progress: Watch | None = None,
) -> tuple[Tokenizer, Learned]:
    """Learn merges behind those of `base` from counts; return the tokenizer, and beside it how the learning went.

    Raises:
        CorpusError: there are no pieces; or `strict_vocab` is set and the merges ran out. ArgumentError,
        UnsupportedError: see `extend`.
    """
    if not len(counts):
        raise CorpusError("there are no pieces to learn from", "count a corpus first")
    check_numbers(min_frequency=min_frequency, max_token_bytes=max_token_bytes)
    n_new, pattern = n_new_tokens(base, vocab_size), growing_pattern(base)
    recorded = counts.header.get("pattern")
    if recorded is not None and recorded != recorded_form(pattern):
        raise ArgumentError(
            f"the pieces were cut with pattern {recorded!r}, and the tokenizer that grows cuts with {pattern!r}",
            "count the text again with the tokenizer's pattern",
        )
    wanted = base.n_tokens + n_new
    options: dict[str, object] = {
        "vocab_size": wanted,
        "min_frequency": min_frequency,
        "max_token_bytes": max_token_bytes,
    }
    books = books_of(counts, options, "train")
    books["extends"] = {"fingerprint": base.fingerprint, "tokens": base.n_tokens, "provenance": base.provenance}
    started = time.monotonic()

    def watch(n_ids: int, n_ids_wanted: int) -> None:
        if progress is not None:
            progress(Progress("merge", 0, None, len(counts), n_ids, n_ids_wanted, time.monotonic() - started))

    import json

    core, learned = _core.extend(base._core, counts, n_new, min_frequency, max_token_bytes, json.dumps(books), watch)
    made = Tokenizer(core)
    if strict_vocab and made.n_tokens < wanted:
        raise CorpusError(*short_vocabulary(learned, made.n_tokens, wanted, min_frequency, max_token_bytes))
    return made, learned


def n_new_tokens(base: Tokenizer, vocab_size: int | str) -> int:
    """Return how many tokens `vocab_size` adds to `base`.

    >>> from bpe_lab import train
    >>> base = train(texts=["가나다"], vocab_size=260)
    >>> n_new_tokens(base, "+40"), n_new_tokens(base, 300)
    (40, 40)

    Raises:
        ArgumentError: it adds none, or is neither `+N` nor a number.
    """
    added = isinstance(vocab_size, str) and vocab_size.startswith("+")
    digits = vocab_size[1:] if isinstance(vocab_size, str) and added else vocab_size
    if isinstance(digits, str):
        if not digits.isdecimal():
            raise ArgumentError(f"vocab_size must be +N or a number, got {vocab_size!r}", "+8000 adds 8,000 tokens")
        digits = int(digits)
    check_numbers(vocab_size=digits)
    n_new = digits if added else digits - base.n_tokens
    if n_new < 1:
        told = "+0" if added else f"{digits}, and there are {base.n_tokens}"
        raise ArgumentError(f"the vocabulary would not grow: got {told}", f"+8000, or a number above {base.n_tokens}")
    if base.n_ids + n_new > MOST_IDS:
        raise ArgumentError(f"ids must be at most {MOST_IDS}, and there would be {base.n_ids + n_new}", "ask for fewer")
    return n_new


def growing_pattern(base: Tokenizer) -> str:
    """Return the pattern that cuts text for `base` to grow on.

    Raises:
        UnsupportedError: `base` cannot grow.
    """
    if base.analyser is not None:
        raise UnsupportedError(
            f"a tokenizer that asks {base.analyser[0]} where morphemes meet cannot grow",
            "train it anew on all the text",
        )
    if base.pattern in _core.SUPERWORD_PATTERN_NAMES:
        raise UnsupportedError(
            f"a tokenizer of superwords (pattern {base.pattern}) cannot grow: it was learned in two stages",
            "train it anew on all the text, with --superword",
        )
    return base.pattern


def same_unit(base: Tokenizer, unit: str | None) -> None:
    """Refuse a unit that is not what `base` has.

    Raises:
        ArgumentError: it is another.
    """
    if unit is not None and unit != base.unit:
        raise ArgumentError(f"the tokenizer that grows is of unit {base.unit}, not {unit}", "leave out --unit")
