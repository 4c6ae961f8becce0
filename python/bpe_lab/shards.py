"""Token shards: a text as ids and byte ends on disk, memory-mapped, for training and scoring a language model.

A folder of flat arrays and a manifest (docs/shards.md). Documents go in once, through a candidate of `compare`, in
batches of bounded memory; they come out as numpy arrays. Cuts no windows, knows no model and no torch.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, cast

from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError
from bpe_lab.holdout import split_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpe_lab.compare.candidates import Candidate

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")
FORMAT = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.bpe"
END_OF_TEXT = "<|endoftext|>"

BATCH_BYTES = 8_000_000
"""Text that is encoded at a time; some thirty times as much memory is used while it is."""

_MOST_DOCUMENT_BYTES = 2**32 - 1
_MOST_DOMAINS = 2**16


class Labelled(NamedTuple):
    """A document, where it goes, and what kind of text it is."""

    text: bytes
    split: Split = "train"
    domain: str = ""


@dataclass(frozen=True)
class ShardSplit:
    """The documents of one side as arrays. Document d has tokens `token_offsets[d]` to `token_offsets[d + 1]`.

    `ids` hold no end of text. `ends` are byte ends within the document: they never fall. Offsets begin with 0.
    """

    name: Split
    ids: "NDArray[Any]" = field(repr=False)
    """uint16 or uint32, [n_tokens]."""
    ends: "NDArray[np.uint32]" = field(repr=False)
    """[n_tokens]. The last of a document is its length, unless the tokenizer loses text."""
    token_offsets: "NDArray[np.uint64]" = field(repr=False)
    """[n_documents + 1]."""
    byte_offsets: "NDArray[np.uint64]" = field(repr=False)
    """[n_documents + 1]; from the text, never from ids."""
    hashes: "NDArray[np.uint64]" = field(repr=False)
    """[n_documents]: of the content (`holdout.split_hashes`), the same for every tokenizer."""
    domain_of: "NDArray[np.uint16]" = field(repr=False)
    """[n_documents]: places in `domains`."""
    domains: tuple[str, ...]
    eos: int
    vocab_size: int
    """Rows that a model needs: the tokenizer's ids, and one more where it has no end of text."""
    max_token_bytes: int
    """Of the longest token, or of the longest document that became none."""
    text_sha256: str
    """Of the documents one after another."""
    folder: Path | None = None
    """Where it was opened from; None where it is in memory alone."""

    @property
    def n_documents(self) -> int:
        """How many documents."""
        return len(self.hashes)

    @property
    def n_tokens(self) -> int:
        """How many tokens, ends of text not counted."""
        return len(self.ids)

    @property
    def n_bytes(self) -> int:
        """Bytes of text."""
        return int(self.byte_offsets[-1])

    def __reduce__(self) -> "tuple[Any, ...]":
        """Pickle as the name of the folder, so that a worker maps the same files anew."""
        if self.folder is None:
            return _rebuilt, ({name: getattr(self, name) for name in self.__dataclass_fields__},)
        return _reopened, (self.folder, self.name)


def _rebuilt(values: dict[str, Any]) -> ShardSplit:
    return ShardSplit(**values)


def _reopened(folder: Path, name: Split) -> ShardSplit:
    return Shards.open(folder).split(name)


@dataclass(frozen=True)
class Shards:
    """An opened folder of shards."""

    folder: Path
    manifest: dict[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: str | os.PathLike[str], *, verify: bool = False) -> "Shards":
        """Open a folder that `write_shards` wrote. Reads the manifest and the sizes of files; with `verify` every byte.

        Raises:
            FileError: the folder or a file of it is missing. FormatError: it holds no shards, was cut short, is of a
                newer format, or (`verify`) a file is not as it was written.
        """
        place = Path(folder)
        manifest = _read_manifest(place)
        for name, about in manifest["files"].items():
            _check_size(place / name, about["bytes"])
            if verify and _sha256_of(place / name) != about["sha256"]:
                raise FormatError(f"{place / name} is not as it was written: its SHA-256 differs", _AGAIN)
        return cls(place, manifest)

    @property
    def fingerprint(self) -> str:
        """Of the tokenizer."""
        return cast(str, self.manifest["tokenizer"]["fingerprint"])

    @property
    def name(self) -> str:
        """What the tokenizer is called."""
        return cast(str, self.manifest["tokenizer"]["name"])

    @property
    def eos(self) -> int:
        """The id that ends a document: the tokenizer's own, or the model's."""
        return cast(int, self.manifest["eos_id"])

    @property
    def vocab_size(self) -> int:
        """Rows that a model needs."""
        return cast(int, self.manifest["vocab_size"])

    @property
    def domains(self) -> tuple[str, ...]:
        """Kinds of text, in the order of their numbers."""
        return tuple(self.manifest["domains"])

    @property
    def lossy(self) -> bool:
        """Whether the tokenizer lost text: such an arm is not ranked."""
        return cast(bool, self.manifest["lossy"])

    @property
    def tokenizer_path(self) -> Path | None:
        """The tokenizer's own file, where it is one of bpe-lab's."""
        return self.folder / TOKENIZER if TOKENIZER in self.manifest["files"] else None

    def load_candidate(self) -> "Candidate":
        """Load the tokenizer from its copy.

        Raises:
            FileError: another library's tokenizer, of which there is no copy.
        """
        from bpe_lab.compare.candidates import Ours
        from bpe_lab.tokenizer import Tokenizer

        if self.tokenizer_path is None:
            raise FileError(f"{self.folder} holds no copy of the tokenizer {self.name}", "name it with -t")
        return Ours(self.name, Tokenizer.load(self.tokenizer_path))

    def split(self, name: Split) -> ShardSplit:
        """Map the arrays of one side.

        Raises:
            CorpusError: no document is there.
        """
        about = self.manifest["splits"].get(name)
        if about is None:
            raise ArgumentError(f"shards have no split {name!r}", f"there are {', '.join(SPLITS)}")
        if not about["n_documents"]:
            hint = "write the shards again with --hold-out 10%" if name == "validation" else "write them from more text"
            raise CorpusError(f"{self.folder} holds 0 documents of {name}", hint)
        kinds = _dtypes(self.vocab_size)
        arrays = {array: self._map(name, array, kind) for array, kind in kinds.items()}
        return ShardSplit(
            name,
            **arrays,
            domains=self.domains,
            eos=self.eos,
            vocab_size=self.vocab_size,
            max_token_bytes=about["max_token_bytes"],
            text_sha256=about["text_sha256"],
            folder=self.folder,
        )

    def _map(self, split: Split, array: str, kind: str) -> "NDArray[Any]":
        import numpy as np

        path = self.folder / _file_name(split, array, kind)
        if not path.stat().st_size:
            return np.empty(0, np.dtype(f"<{kind}"))
        # As a plain array: slices of numpy's memmap class cost ten times as much.
        return np.asarray(np.memmap(path, dtype=np.dtype(f"<{kind}"), mode="r"))

    def require(self, fingerprint: str) -> "Shards":
        """Return the shards if this tokenizer made them.

        Raises:
            FormatError: another one did.
        """
        if fingerprint != self.fingerprint:
            raise FormatError(
                f"{self.folder} was made by tokenizer {self.name} ({self.fingerprint[:12]}), not by {fingerprint[:12]}",
                "write shards with this tokenizer: bpe-lab shards SOURCE ... -t TOKENIZER -o FOLDER",
            )
        return self


_AGAIN = "write the shards again with bpe-lab shards"


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest if it is one that this version reads."""
    if not folder.is_dir():
        raise FileError(f"{folder} is no folder of shards: there is no such folder", "make one with bpe-lab shards")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError(f"the folder {folder} holds no shards: {MANIFEST} is missing", _AGAIN) from None
    except OSError as e:
        raise FileError(f"cannot read {folder / MANIFEST}: {e.strerror}", "check its permissions") from e
    except ValueError as e:
        raise FormatError(f"{folder / MANIFEST} is no JSON: it is damaged", _AGAIN) from e
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int):
        raise FormatError(f"{folder / MANIFEST} is no manifest of shards", _AGAIN)
    if version > FORMAT:
        raise FormatError(f"{folder} is of format {version}; this version reads up to {FORMAT}", "update bpe-lab")
    return cast("dict[str, Any]", manifest)


def _check_size(path: Path, n_bytes: int) -> None:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        raise FileError(f"{path} is missing", _AGAIN) from None
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}", "check its permissions") from e
    if found != n_bytes:
        raise FormatError(f"{path} has {found} bytes instead of {n_bytes}: it is not whole", _AGAIN)


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}", "check that it is complete and readable") from e
    return digest.hexdigest()


def _dtypes(vocab_size: int) -> dict[str, str]:
    """Return the arrays of a split and the little-endian type of each."""
    return {
        "ids": "u2" if vocab_size <= 1 << 16 else "u4",
        "ends": "u4",
        "token_offsets": "u8",
        "byte_offsets": "u8",
        "hashes": "u8",
        "domain_of": "u2",
    }


def _file_name(split: Split, array: str, kind: str) -> str:
    """Return the name of an array's file, such as `train.ids.u16`."""
    return f"{split}.{array}.u{8 * int(kind[1:])}"


# -- writing

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
        _swap(temporary, target)
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
    target = Path(os.path.realpath(folder))
    parent = target.parent
    if not parent.is_dir():
        raise FileError(f"the folder {parent} does not exist", "create it first")
    if not os.access(parent, os.W_OK):
        raise FileError(f"cannot write into the folder {parent}", "choose another with -o")
    if not target.exists():
        return target
    if not target.is_dir():
        raise FileError(f"{target} is a file, and shards are a folder", "choose another name")
    holds_shards, is_empty = (target / MANIFEST).is_file(), not any(target.iterdir())
    if not holds_shards and not is_empty:
        raise FileError(f"{target} exists already and holds other things than shards", "choose another name")
    if holds_shards and not force:
        raise FileError(f"{target} exists already", "choose another name, or overwrite it with --force (force=True)")
    return target


def _swap(temporary: Path, target: Path) -> None:
    """Put the finished folder in its place; where that fails put back what stood there."""
    os.chmod(temporary, 0o777 & ~_umask())
    if not target.exists():
        temporary.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".old", dir=target.parent))
    target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


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
        files[TOKENIZER] = {"bytes": (place / TOKENIZER).stat().st_size, "sha256": _sha256_of(place / TOKENIZER)}
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
    _put_synced(place / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
    _sync_folder(place)


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
            array: stack.enter_context(_Growing(place / _file_name(split, array, kind), kind))
            for array, kind in _dtypes(vocab_size).items()
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


def _put_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())


def _sync_folder(place: Path) -> None:
    """Sync the names in a folder; where the system cannot, the files themselves are synced."""
    with contextlib.suppress(OSError):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


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
        batch.ids.astype(_dtypes(vocab_size)["ids"]),
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
