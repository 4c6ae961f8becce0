"""Opened token shards: a text as ids and byte ends on disk, memory-mapped, for training and scoring a language model.

A folder of flat arrays and a manifest (docs/shards.md). Writes nothing, cuts no windows, knows no model and no torch.
"""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpe_lab.compare.candidates import Candidate

Split = Literal["train", "validation"]
SPLITS: tuple[Split, ...] = ("train", "validation")
FORMAT = 1
MANIFEST = "manifest.json"
TOKENIZER = "tokenizer.bpe"

VERIFIED_BYTES = 1_000_000_000
"""Shards up to this size are checked byte for byte before they are used, which takes a second."""


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
            if verify and sha256_of(place / name) != about["sha256"]:
                raise FormatError(f"{place / name} is not as it was written: its SHA-256 differs", _AGAIN)
        return cls(place, manifest)

    @classmethod
    def open_checked(cls, folder: str | os.PathLike[str]) -> "Shards":
        """Open a folder and check every byte of it, where that takes a second: up to VERIFIED_BYTES; else sizes.

        Raises:
            FileError, FormatError: as `open`.
        """
        shards = cls.open(folder)
        size = sum(about["bytes"] for about in shards.manifest["files"].values())
        return cls.open(folder, verify=True) if size <= VERIFIED_BYTES else shards

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
        kinds = dtypes(self.vocab_size)
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

        path = self.folder / file_name(split, array, kind)
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
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise FileError(f"{folder} is no folder of shards: {why}", "make one with bpe-lab shards")
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


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as f:
            while block := f.read(1 << 20):
                digest.update(block)
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}", "check that it is complete and readable") from e
    return digest.hexdigest()


def dtypes(vocab_size: int) -> dict[str, str]:
    """Return the arrays of a split and the little-endian type of each."""
    return {
        "ids": "u2" if vocab_size <= 1 << 16 else "u4",
        "ends": "u4",
        "token_offsets": "u8",
        "byte_offsets": "u8",
        "hashes": "u8",
        "domain_of": "u2",
    }


def file_name(split: Split, array: str, kind: str) -> str:
    """Return the name of an array's file, such as `train.ids.u16`."""
    return f"{split}.{array}.u{8 * int(kind[1:])}"
