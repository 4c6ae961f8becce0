"""Whatever can be measured: a candidate gives ids and byte ends for documents, knows its vocabulary, and decodes.

Ours stand here; those that other libraries run in `foreign`, closed vocabularies in `closed`; `trained` makes them of
recipes. Nothing raises out of `load_candidate` but what was typed wrongly: what is not on this machine is `Missing`,
what is broken `Failed`.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from bpe_lab import _core
from bpe_lab.compare.recipe import Loaded, Recipe, parse_tokenizer
from bpe_lab.errors import ArgumentError, BpeLabError, FileError, FormatError, UnsupportedError
from bpe_lab.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Places = NDArray[np.uint64]

Kind = Literal["trained", "loaded", "closed"]


@dataclass(frozen=True)
class Loss:
    """What a round trip over a text did not bring back."""

    n_documents: int
    """Documents that came back changed."""
    before: str
    """The text around the first difference, as it was."""
    after: str
    """What came back there."""
    share_eojeol: float | None = None
    """Share of eojeol that are lost or have lost a character; known for closed vocabularies."""
    share_chars: float | None = None
    """Share of characters that are lost; known for closed vocabularies."""
    ends_eojeol: tuple[float | None, float | None] = (None, None)
    """The interval of `share_eojeol` over documents."""
    ends_chars: tuple[float | None, float | None] = (None, None)
    """The interval of `share_chars`."""


class Candidate(Protocol):
    """A tokenizer as a comparison sees it. Immutable but for `loss`, which `examine` sets."""

    name: str
    kind: Kind
    unit: str
    """The unit's canonical text; `unknown` where another library tokenizes in a way of its own."""
    n_ids: int
    """One more than the highest id."""
    n_tokens: int
    """How many tokens there are."""
    is_jamo: bool
    fingerprint: str
    """SHA-256 over what decides ids: equal ones give equal results, so results are kept under it."""
    tokenizer: Tokenizer | None
    """The tokenizer, where it is ours."""
    loss: Loss | None
    """What the text lost in the round trip that `examine` made; None before, and where nothing was lost."""

    @property
    def lossy(self) -> bool:
        """Whether something was lost, or must be: such a candidate is not ranked."""

    def encode_ends(self, documents: Sequence[bytes], threads: int | None = None) -> "tuple[Ids, Places, Places]":
        """Return ids [n_tokens], the byte end of each token within its document, and offsets [n_documents + 1].

        Ends tile each document: they never fall, and the last one is the document's length. Where another library
        changes the text first, a token reaches as far as the last byte of the text that it was made from.
        """

    def find_loss(self, documents: Sequence[bytes], ids: "Ids", offsets: "Places") -> "Loss | None":
        """Return what is lost of documents that became these ids, None where nothing is."""

    def decode(self, ids: "Sequence[int] | Ids") -> bytes:
        """Return what the ids say, as exactly as it can be said."""

    def decode_batch(self, ids: "Ids", offsets: "Places") -> list[bytes]:
        """Return the bytes of each document."""

    def vocab(self) -> list[tuple[int, bytes]]:
        """Return (id, bytes) of every token that text can become, and of special tokens."""

    def kinds(self) -> bytes:
        """Return what each id is, one byte an id (docs/words.md)."""


@dataclass(frozen=True)
class Missing:
    """A candidate that is not on this machine."""

    name: str
    reason: str
    hint: str | None = None
    """How to get it."""
    status: Literal["missing"] = "missing"


@dataclass(frozen=True)
class Failed:
    """A candidate that is here and does not work."""

    name: str
    reason: str
    hint: str | None = None
    status: Literal["failed"] = "failed"


class Encoded(NamedTuple):
    """What a candidate made of documents."""

    ids: "Ids"
    ends: "Places"
    offsets: "Places"
    seconds: float


class Ours:
    """A tokenizer of bpe-lab, trained or loaded. Lossless by construction, and `examine` checks it all the same."""

    def __init__(self, name: str, tokenizer: Tokenizer, kind: Kind = "loaded") -> None:
        self.name = name
        self.kind = kind
        self.tokenizer: Tokenizer | None = tokenizer
        self.unit = tokenizer.unit
        self.n_ids = tokenizer.n_ids
        self.n_tokens = tokenizer.n_tokens
        self.is_jamo = tokenizer.unit.startswith("jamo")
        self.fingerprint = tokenizer.fingerprint
        self.loss: Loss | None = None
        self._ours = tokenizer

    @property
    def lossy(self) -> bool:
        """Whether `examine` found a loss."""
        return self.loss is not None

    def encode_ends(self, documents: Sequence[bytes], threads: int | None = None) -> "tuple[Ids, Places, Places]":
        """Encode in the core; see `Candidate`."""
        return self._ours.encode_batch_ends(documents, threads=threads)

    def find_loss(self, documents: Sequence[bytes], ids: "Ids", offsets: "Places") -> Loss | None:
        """Return what a round trip loses."""
        return round_trip_loss(documents, self.decode_batch(ids, offsets))

    def decode(self, ids: "Sequence[int] | Ids") -> bytes:
        """Return the bytes of the ids."""
        return self._ours.decode_bytes(ids)

    def decode_batch(self, ids: "Ids", offsets: "Places") -> list[bytes]:
        """Return each document's bytes."""
        return self._ours.decode_batch(ids, offsets)

    def vocab(self) -> list[tuple[int, bytes]]:
        """Return (id, bytes) of every token."""
        return self._ours.vocab()

    def kinds(self) -> bytes:
        """Return what each id is, from the core."""
        return self._ours.token_kinds()


def examine(candidate: Candidate, documents: Sequence[bytes], threads: int | None = None) -> Encoded:
    """Encode documents, decode them again, and set `candidate.loss` to what did not come back.

    Cost: an encoding, a decoding and a comparison of bytes.
    """
    started = time.perf_counter()
    ids, ends, offsets = candidate.encode_ends(documents, threads)
    seconds = time.perf_counter() - started
    candidate.loss = candidate.find_loss(documents, ids, offsets)
    return Encoded(ids, ends, offsets, seconds)


def round_trip_loss(documents: Sequence[bytes], back: Sequence[bytes]) -> Loss | None:
    """Compare documents with what came back; None where nothing was lost."""
    changed = [(was, now) for was, now in zip(documents, back, strict=True) if was != now]
    if not changed:
        return None
    before, after = _around_difference(*min(changed, key=lambda pair: len(pair[0])))
    return Loss(len(changed), before, after)


_SHOWN_BYTES = 24


def _around_difference(was: bytes, now: bytes) -> tuple[str, str]:
    """Return both texts from a little before the first difference to a little after it."""
    at = next((i for i, (a, b) in enumerate(zip(was, now, strict=False)) if a != b), min(len(was), len(now)))
    while 0 < at < len(was) and was[at] & 0xC0 == 0x80:
        at -= 1
    start = max(0, at - _SHOWN_BYTES // 2)
    return tuple(_readable(text[start : at + _SHOWN_BYTES]) for text in (was, now))  # type: ignore[return-value]


def _readable(data: bytes) -> str:
    """Return bytes as text without the halves of characters at both ends."""
    start = next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
    return data[start:].decode("utf-8", "ignore")


def load_candidate(text: str | Loaded, vocab_dir: Path | None = None) -> "Candidate | Missing | Failed":
    """Load what a word of `--tokenizers` names: a file of any format, a folder, or a published vocabulary.

    What bpe-lab can reproduce it runs itself; another `tokenizer.json` and SentencePiece models are run by their own
    libraries (extra `interop`).

    Args:
        text: see `recipe.parse_tokenizer`. A recipe is trained, by `trained.Trainer`.
        vocab_dir: a folder of rank files, looked into before `BPE_LAB_VOCAB` and tiktoken's cache.

    Raises:
        ArgumentError: it is a recipe, or wrongly typed. Nothing else is raised.
    """
    spec = parse_tokenizer(text) if isinstance(text, str) else text
    if isinstance(spec, Recipe):
        raise ArgumentError(f"{text!r} is a recipe: it is trained, not loaded", "give a file or a published name")
    try:
        return _load(spec, vocab_dir)
    except ImportError as e:
        return Missing(spec.title, f"it needs the package {e.name}", "pip install 'bpe-lab[interop]'")
    except FileError as e:
        return Missing(spec.title, e.message, e.hint)
    except BpeLabError as e:
        return Failed(spec.title, e.message, e.hint)
    except Exception as e:
        return Failed(spec.title, f"{type(e).__name__}: {e}")


_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model")


def _load(spec: Loaded, vocab_dir: Path | None) -> Candidate:
    from bpe_lab.interop.huggingface import cached_folder
    from bpe_lab.interop.published import PUBLISHED, find_ranks
    from bpe_lab.interop.tiktoken import load_ranks

    if spec.file in PUBLISHED and not Path(spec.file).exists():
        core = load_ranks(find_ranks(spec.file, vocab_dir), spec.file, spec.pattern, None)
        return Ours(spec.title, Tokenizer(core))
    path = _tokenizer_file(cached_folder(spec.file, _TOKENIZER_FILES) or Path(spec.file))
    if path.suffix == ".model" and _core.detect_format(_beginning(path)) is None:
        from bpe_lab.compare.foreign import SentencePiece

        try:
            return SentencePiece(spec.title, path.read_bytes())
        except RuntimeError as e:
            raise FormatError(f"{path} is no SentencePiece model", "name a model that sentencepiece wrote") from e
    try:
        return Ours(spec.title, Tokenizer.load(path, pattern=spec.pattern))
    except UnsupportedError:
        if _core.detect_format(path.read_bytes()) != "hf":
            raise
    from bpe_lab.compare.foreign import HuggingFace

    return HuggingFace(spec.title, path.read_bytes())


def _tokenizer_file(path: Path) -> Path:
    """Return the tokenizer's file, in a folder the first that is there."""
    if not path.is_dir():
        return path
    for name in _TOKENIZER_FILES:
        if (path / name).is_file():
            return path / name
    raise FormatError(f"the folder {path} holds no tokenizer", f"looked for: {', '.join(_TOKENIZER_FILES)}")


def _beginning(path: Path, n_bytes: int = 1 << 20) -> bytes:
    try:
        with path.open("rb") as f:
            return f.read(n_bytes)
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}", "check the spelling") from e


def fingerprint_of(*parts: bytes) -> str:
    """Return the SHA-256 of parts, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
