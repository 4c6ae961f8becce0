"""Documents to token shards, once, through a candidate of `compare`, in batches of bounded memory: whole or not at all.

What comes out is opened by `reading`; in memory alone by `encode_split`. Knows no model and no torch.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError
from bpe_lab.holdout import split_hashes
from bpe_lab.shards.reading import (
    FORMAT,
    MANIFEST,
    SPLITS,
    TOKENIZER,
    Shards,
    ShardSplit,
    Split,
    dtypes,
    file_name,
    sha256_of,
)
from bpe_lab.writing import check_folder, check_folder_of, swap_folder, sync_folder, write_synced

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpe_lab.compare.candidates import Candidate

END_OF_TEXT = "<|endoftext|>"

BATCH_BYTES = 8_000_000
"""Text of a split that is encoded at a time. 100 MB of text in lines peak at 240 MB of memory, as 1 GB would."""

_MOST_DOCUMENT_BYTES = 2**32 - 1
_MOST_DOMAINS = 2**16


class Labelled(NamedTuple):
    """A document, where it goes, and what kind of text it is."""

    text: bytes
    split: Split = "train"
    domain: str = ""


Watch = Callable[[int, int], object]
"""Called with bytes and documents done."""


def write_shards(
    folder: str | os.PathLike[str],
    candidate: "Candidate",
    texts: Mapping[Split, Sequence[bytes]],
    *,
    domains: Mapping[Split, Sequence[str]] | None = None,
    force: bool = False,
    threads: int | None = None,
) -> Shards:
    """Encode documents that are in memory and write them to a folder; see `write_labelled`.

    Args:
        texts: the documents of each split, in the order that they get.
        domains: the kind of each document, as many as there are documents.
    """
    return write_labelled(folder, candidate, _labelled(texts, domains or {}), force=force, threads=threads)


def _labelled(texts: Mapping[Split, Sequence[bytes]], domains: Mapping[Split, Sequence[str]]) -> Iterator[Labelled]:
    for split, documents in texts.items():
        kinds = domains.get(split) or [""] * len(documents)
        if len(kinds) != len(documents):
            raise ArgumentError(f"{len(documents)} documents of {split} and {len(kinds)} domains", "give one for each")
        for document, kind in zip(documents, kinds, strict=True):
            yield Labelled(document, split, kind)


def write_labelled(
    folder: str | os.PathLike[str],
    candidate: "Candidate",
    documents: Iterable[Labelled],
    *,
    force: bool = False,
    threads: int | None = None,
    source: Mapping[str, Any] | None = None,
    progress: Watch | None = None,
) -> Shards:
    """Encode a stream of documents and write them to a folder: all of it, or nothing.

    Writes into a temporary folder beside, syncs it, and renames it; where anything fails, that one is gone and what
    stood at `folder` is as it was. Memory is bounded by `BATCH_BYTES` a split and by the longest document.

    Args:
        candidate: what encodes; `compare.candidates.load_candidate` makes one of a file or a name.
        force: replace shards that are there. Nothing else is ever replaced.
        source: what the manifest says under `source`: where the text came from.

    Raises:
        FileError: the folder is taken, or cannot be written (disk full). CorpusError: there is no document.
        FormatError: the tokenizer's byte ends do not tile a document, so that bits per byte would be wrong.
    """
    target = check_target(folder, force)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.absolute().parent))
    try:
        _write_folder(temporary, candidate, documents, threads, dict(source or {}), progress)
        swap_folder(temporary, target)
    except OSError as e:
        if isinstance(e, FileError):
            raise
        raise FileError(
            f"cannot write {target}: {e.strerror or e}", "nothing was changed; free space and try again"
        ) from e
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Shards.open(target)


def check_target(folder: str | os.PathLike[str], force: bool) -> Path:
    """Return the folder if shards may be written there; call it before long work.

    Raises:
        FileError: with what to do instead.
    """
    check_folder_of(Path(os.path.realpath(folder)))
    return check_folder(folder, force, "shards", lambda place: (place / MANIFEST).is_file(), "are")


def _write_folder(
    place: Path,
    candidate: "Candidate",
    documents: Iterable[Labelled],
    threads: int | None,
    source: dict[str, Any],
    progress: Watch | None,
) -> None:
    """Write every file, the manifest last."""
    eos, own = end_of_text(candidate)
    vocab_size = max(candidate.n_ids, eos + 1)
    encoder = _Encoder(candidate, threads)
    with contextlib.ExitStack() as stack:
        sides = {split: _Side(place, split, vocab_size, stack) for split in SPLITS}
        corpus = hashlib.sha256()
        for split, batch in _batches(documents, corpus, progress):
            sides[split].add(encoder.encode(batch))
        files = {name: about for side in sides.values() for name, about in side.finish().items()}
    if not any(side.n_documents for side in sides.values()):
        raise CorpusError("there is no document to write shards of", "check the sources")
    if candidate.tokenizer is not None:
        candidate.tokenizer.save(place / TOKENIZER, format="native")
        files[TOKENIZER] = {"bytes": (place / TOKENIZER).stat().st_size, "sha256": sha256_of(place / TOKENIZER)}
    manifest = {
        "format": FORMAT,
        "tokenizer": _about(candidate),
        "vocab_size": vocab_size,
        "eos_id": eos,
        "has_own_eos": own,
        "lossy": encoder.lossy,
        "loss": encoder.loss,
        "domains": encoder.domains,
        "splits": {split: side.about(encoder.domains) for split, side in sides.items()},
        "corpus_sha256": corpus.hexdigest(),
        "source": source,
        "versions": _versions(),
        "files": files,
    }
    write_synced(place / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
    with contextlib.suppress(OSError):  # where names cannot be synced, the files themselves are
        sync_folder(place)


def end_of_text(candidate: "Candidate") -> tuple[int, bool]:
    """Return the id that ends a document, and whether it is the tokenizer's own: one more id where it has none."""
    specials = candidate.tokenizer.special_tokens if candidate.tokenizer is not None else {}
    own = specials.get(END_OF_TEXT)
    return (candidate.n_ids, False) if own is None else (own, True)


def _about(candidate: "Candidate") -> dict[str, Any]:
    return {
        "name": candidate.name,
        "recipe": candidate.name,
        "kind": candidate.kind,
        "fingerprint": candidate.fingerprint,
        "unit": candidate.unit,
        "n_ids": candidate.n_ids,
        "n_tokens": candidate.n_tokens,
    }


def _versions() -> dict[str, str]:
    from bpe_lab import __version__, _core

    return {"bpe-lab": __version__, "core": _core.__version__, "unicode": _core.UNICODE_VERSION}


def _batches(
    documents: Iterable[Labelled], corpus: Any, progress: Watch | None
) -> Iterator[tuple[Split, list[Labelled]]]:
    """Yield batches of one split each, and tell how far it is; `corpus` hashes what passes."""
    waiting: dict[Split, list[Labelled]] = {split: [] for split in SPLITS}
    sizes = dict.fromkeys(SPLITS, 0)
    n_bytes = n_documents = 0
    for document in documents:
        corpus.update(document.text)
        waiting[document.split].append(document)
        # A document counts for 64 bytes more than it has, or a million empty ones would wait for ever.
        sizes[document.split] += len(document.text) + 64
        n_bytes, n_documents = n_bytes + len(document.text), n_documents + 1
        if sizes[document.split] >= BATCH_BYTES:
            yield document.split, waiting[document.split]
            waiting[document.split], sizes[document.split] = [], 0
            if progress:
                progress(n_bytes, n_documents)
    for split, batch in waiting.items():
        if batch:
            yield split, batch


class _Batch(NamedTuple):
    """Documents as arrays, offsets from 0."""

    ids: "NDArray[np.uint32]"
    ends: "NDArray[np.uint64]"
    n_tokens_of: "NDArray[np.uint64]"
    n_bytes_of: "NDArray[np.uint64]"
    hashes: "NDArray[np.uint64]"
    domain_of: "NDArray[np.uint16]"
    texts: list[bytes]


class _Encoder:
    """Encodes batches, checks them, and remembers what was lost and which domains there are."""

    def __init__(self, candidate: "Candidate", threads: int | None) -> None:
        self._candidate = candidate
        self._threads = threads
        self._places: dict[str, int] = {}
        self._n_lost = 0
        self.loss: dict[str, Any] | None = None
        """The first thing that was lost."""
        self._n_before = 0

    @property
    def lossy(self) -> bool:
        """Whether anything was lost, or must be."""
        return self.loss is not None or self._candidate.lossy

    @property
    def domains(self) -> list[str]:
        """The domains by number."""
        return list(self._places)

    def encode(self, batch: Sequence[Labelled]) -> _Batch:
        """Encode, and check that byte ends tile every document."""
        import numpy as np

        texts = [document.text for document in batch]
        if (longest := max(map(len, texts))) > _MOST_DOCUMENT_BYTES:
            raise CorpusError(f"a document of {longest} bytes; shards hold up to {_MOST_DOCUMENT_BYTES}", _CUT)
        ids, ends, offsets = self._candidate.encode_ends(texts, self._threads)
        self._note_loss(texts, ids, offsets)
        n_bytes_of = np.fromiter(map(len, texts), np.uint64, len(texts))
        _check_tiling(ends, offsets, n_bytes_of, self._n_before, self._candidate)
        if len(ids) and int(ids.max()) >= self._candidate.n_ids:
            raise FormatError(
                f"{self._candidate.name} gave the id {ids.max()}, and has ids below {self._candidate.n_ids}"
            )
        self._n_before += len(texts)
        places = [self._place(document.domain) for document in batch]
        return _Batch(
            ids,
            ends,
            np.diff(offsets),
            n_bytes_of,
            np.fromiter(split_hashes(texts), np.uint64, len(texts)),
            np.array(places, np.uint16),
            texts,
        )

    def _place(self, domain: str) -> int:
        if domain not in self._places and len(self._places) == _MOST_DOMAINS:
            raise ArgumentError(f"more than {_MOST_DOMAINS} domains", "give several documents one domain")
        return self._places.setdefault(domain, len(self._places))

    def _note_loss(self, texts: list[bytes], ids: "NDArray[np.uint32]", offsets: "NDArray[np.uint64]") -> None:
        loss = self._candidate.find_loss(texts, ids, offsets)
        if loss is not None and loss.n_documents:
            self.loss = self.loss or {"n_documents": 0, "before": loss.before, "after": loss.after}
            self.loss["n_documents"] += loss.n_documents


_CUT = "cut it into documents with --documents"


def _check_tiling(
    ends: "NDArray[np.uint64]",
    offsets: "NDArray[np.uint64]",
    n_bytes_of: "NDArray[np.uint64]",
    n_before: int,
    candidate: "Candidate",
) -> None:
    """Hold the tokens' bytes against the document's: they must sum to it, or every figure in bits per byte is wrong."""
    import numpy as np

    filled = np.flatnonzero(np.diff(offsets))
    lasts = offsets[1:][filled] - np.uint64(1)
    wrong = filled[ends[lasts.astype(np.int64)] != n_bytes_of[filled]]
    if len(wrong):
        at = int(wrong[0])
        found = int(ends[int(offsets[at + 1]) - 1])
        raise FormatError(
            f"{candidate.name}: tokens of document {n_before + at} cover {found} of its {int(n_bytes_of[at])} bytes",
            "this tokenizer cannot be scored in bits per byte",
        )
    falls = np.flatnonzero(ends[1:] < ends[:-1]) + 1
    if len(np.setdiff1d(falls, offsets.astype(np.int64))):
        raise FormatError(f"{candidate.name}: byte ends of tokens fall within a document", "report this")


def token_bytes_most(ends: "NDArray[Any]", n_tokens_of: "NDArray[Any]", n_bytes_of: "NDArray[Any]") -> int:
    """Return the bytes of the longest token, or of the longest document that became none (its text is lost)."""
    import numpy as np

    lost = int(n_bytes_of[n_tokens_of == 0].max(initial=0))
    if not len(ends):
        return lost
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1]
    firsts = np.cumsum(n_tokens_of)[:-1].astype(np.int64)
    starts[firsts[firsts < len(ends)]] = 0
    return max(lost, int((ends - starts).max()))


class _Side:
    """The files of one split while they are written."""

    def __init__(self, place: Path, split: Split, vocab_size: int, stack: contextlib.ExitStack) -> None:
        self._files = {
            array: stack.enter_context(_Growing(place / file_name(split, array, kind), kind))
            for array, kind in dtypes(vocab_size).items()
        }
        self.n_documents = 0
        self._n_tokens = self._n_bytes = self._max_token_bytes = 0
        self._text = hashlib.sha256()
        self._of_domain: dict[int, list[int]] = {}
        for name in ("token_offsets", "byte_offsets"):
            self._files[name].add_numbers([0])

    def add(self, batch: _Batch) -> None:
        """Append a batch."""
        import numpy as np

        files = self._files
        files["ids"].add(batch.ids)
        files["ends"].add(batch.ends)
        files["token_offsets"].add(np.cumsum(batch.n_tokens_of) + np.uint64(self._n_tokens))
        files["byte_offsets"].add(np.cumsum(batch.n_bytes_of) + np.uint64(self._n_bytes))
        files["hashes"].add(batch.hashes)
        files["domain_of"].add(batch.domain_of)
        self.n_documents += len(batch.hashes)
        self._n_tokens += len(batch.ids)
        self._n_bytes += int(batch.n_bytes_of.sum())
        self._max_token_bytes = max(
            self._max_token_bytes, token_bytes_most(batch.ends, batch.n_tokens_of, batch.n_bytes_of)
        )
        for text in batch.texts:
            self._text.update(text)
        self._count_domains(batch)

    def _count_domains(self, batch: _Batch) -> None:
        import numpy as np

        for place in np.unique(batch.domain_of).tolist():
            of = batch.domain_of == place
            found = self._of_domain.setdefault(place, [0, 0, 0])
            for i, n in enumerate((of.sum(), batch.n_bytes_of[of].sum(), batch.n_tokens_of[of].sum())):
                found[i] += int(n)

    def finish(self) -> dict[str, dict[str, Any]]:
        """Sync the files and return what the manifest says of them."""
        return {file.path.name: file.finish() for file in self._files.values()}

    def about(self, domains: Sequence[str]) -> dict[str, Any]:
        """Return what the manifest says of the split."""
        names = ("n_documents", "n_bytes", "n_tokens")
        return {
            "n_documents": self.n_documents,
            "n_bytes": self._n_bytes,
            "n_tokens": self._n_tokens,
            "max_token_bytes": self._max_token_bytes,
            "text_sha256": self._text.hexdigest(),
            "domains": {domains[at]: dict(zip(names, ns, strict=True)) for at, ns in sorted(self._of_domain.items())},
        }


class _Growing:
    """A file of numbers that grows; knows its size and SHA-256."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self._kind = kind
        self._digest = hashlib.sha256()
        self._n_bytes = 0
        self._file: IO[bytes] = path.open("wb")

    def __enter__(self) -> "_Growing":
        return self

    def __exit__(self, *_: object) -> None:
        # What is still in the buffer may not fit on the disk: that was told by the write before.
        with contextlib.suppress(OSError):
            self._file.close()

    def add(self, numbers: "NDArray[Any]") -> None:
        """Append numbers as little-endian."""
        import numpy as np

        data = np.ascontiguousarray(numbers, np.dtype(f"<{self._kind}")).data.cast("B") if len(numbers) else b""
        self._file.write(data)
        self._digest.update(data)
        self._n_bytes += len(data)

    def add_numbers(self, numbers: Sequence[int]) -> None:
        """Append a few numbers."""
        import numpy as np

        self.add(np.array(numbers, np.dtype(f"<{self._kind}")))

    def finish(self) -> dict[str, Any]:
        """Sync, close, and tell."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return {"bytes": self._n_bytes, "sha256": self._digest.hexdigest()}


# -- in memory


def encode_split(
    candidate: "Candidate",
    texts: Sequence[bytes],
    *,
    name: Split = "train",
    domains: Sequence[str] | None = None,
    threads: int | None = None,
) -> ShardSplit:
    """Return documents as a split without writing anything: for tests, small texts and a look at what a model gets.

    Raises:
        CorpusError: there is no document. FormatError: byte ends do not tile a document.
    """
    import numpy as np

    if not texts:
        raise CorpusError("there is no document to encode", "give at least one")
    eos, _ = end_of_text(candidate)
    encoder = _Encoder(candidate, threads)
    batch = encoder.encode(list(_labelled({name: texts}, {name: domains} if domains else {})))
    vocab_size = max(candidate.n_ids, eos + 1)
    digest = hashlib.sha256(b"".join(texts))
    return ShardSplit(
        name,
        batch.ids.astype(dtypes(vocab_size)["ids"]),
        batch.ends.astype(np.uint32),
        np.concatenate([[0], np.cumsum(batch.n_tokens_of)]).astype(np.uint64),
        np.concatenate([[0], np.cumsum(batch.n_bytes_of)]).astype(np.uint64),
        batch.hashes,
        batch.domain_of,
        tuple(encoder.domains),
        eos,
        vocab_size,
        token_bytes_most(batch.ends, batch.n_tokens_of, batch.n_bytes_of),
        digest.hexdigest(),
    )
