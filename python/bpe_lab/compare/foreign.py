"""Tokenizers that other libraries run: any `tokenizer.json` that bpe-lab refuses, and SentencePiece models.

Where each token ends in the text's bytes is derived without decoding a token by itself, which would turn a part of a
character into U+FFFD:

1. The vocabulary says which bytes a token writes. Where those of a document's tokens, one after another, are the
   document (or a space and the document), they end where they end. This is so for byte-level vocabularies and those
   with byte fallback, unless the library changed the text.
2. Else the library's own offsets say which characters a token was made from; it ends with the last of them, and what
   lies between two tokens goes to the second. Tokens that share characters are told apart by the bytes they write
   where these are the text's, else the first takes all.

Other libraries take text, not bytes: a byte that belongs to no character reaches them as U+FFFD and is lost.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from bpe_lab.compare.candidates import Kind, Loss, fingerprint_of, round_trip_loss
from bpe_lab.compare.codepoints import code_points, lengths_in_bytes
from bpe_lab.documents import batches
from bpe_lab.errors import UnsupportedError
from bpe_lab.metrics import kinds_of
from bpe_lab.tokenizer import Tokenizer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Places = NDArray[np.uint64]
    Spans = NDArray[np.int64]

T = TypeVar("T")

_BATCH_BYTES = 2_000_000
_SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Foreign:
    """What tokenizers of other libraries share; the ways in and out are the subclasses'. Satisfies `Candidate`."""

    kind: Kind = "loaded"
    is_jamo = False
    tokenizer: Tokenizer | None = None

    def __init__(self, name: str, unit: str, spelling: Mapping[int, bytes], special: Mapping[int, bytes]) -> None:
        self.name = name
        self.unit = unit
        self.n_tokens = len(spelling) + len(special)
        self.n_ids = max([*spelling, *special], default=-1) + 1
        self.fingerprint = ""
        self.loss: Loss | None = None
        self._special = dict(special)
        self._spelling = [b""] * self.n_ids
        for id, token in spelling.items():
            self._spelling[id] = token
        self._own = sorted(spelling.items())

    @property
    def lossy(self) -> bool:
        """Whether `examine` found a loss."""
        return self.loss is not None

    def encode_ends(self, documents: Sequence[bytes], threads: int | None = None) -> "tuple[Ids, Places, Places]":
        """Encode by the other library; see `Candidate`. A document that it drops altogether has no token.

        `threads` is the library's own affair.
        """
        import numpy as np

        ids: list[Ids] = []
        ends: list[Places] = []
        for batch in batches(documents, _BATCH_BYTES):
            for found, where in self._encode_batch(batch):
                ids.append(found)
                ends.append(where)
        offsets = np.zeros(len(documents) + 1, np.uint64)
        np.cumsum([len(each) for each in ids], out=offsets[1:])
        if not ids:
            return np.zeros(0, np.uint32), np.zeros(0, np.uint64), offsets
        return np.concatenate(ids), np.concatenate(ends), offsets

    def find_loss(self, documents: Sequence[bytes], ids: "Ids", offsets: "Places") -> Loss | None:
        """Return what a round trip loses."""
        return round_trip_loss(documents, self.decode_batch(ids, offsets))

    def decode(self, ids: "Sequence[int] | Ids") -> bytes:
        """Return what the library makes of the ids."""
        return self._called("decode", lambda: self._decode([[int(i) for i in ids]]))[0]

    def decode_batch(self, ids: "Ids", offsets: "Places") -> list[bytes]:
        """Return what the library makes of each document's ids."""
        places = [int(at) for at in offsets]
        each = [ids[start:end].tolist() for start, end in pairwise(places)]
        return self._called("decode", lambda: self._decode(each))

    def vocab(self) -> list[tuple[int, bytes]]:
        """Return (id, bytes that the token writes) of every token; of a special one its name."""
        return sorted([*self._own, *self._special.items()])

    def kinds(self) -> bytes:
        """Return what each id is by the bytes that it writes."""
        return kinds_of(self._own, self.n_ids)

    def _ids(self, texts: list[str]) -> "list[Ids]":
        raise NotImplementedError

    def _spans(self, text: str) -> "tuple[Ids, Spans]":
        """Return ids, and [n_tokens, 2] where each begins and ends in characters."""
        raise NotImplementedError

    def _decode(self, documents: list[list[int]]) -> list[bytes]:
        raise NotImplementedError

    def _called(self, what: str, call: Callable[[], T]) -> T:
        """Call the library; whatever it raises is an error of this candidate."""
        try:
            return call()
        except Exception as e:
            raise UnsupportedError(f"{self.name} cannot {what}: {e or type(e).__name__}") from e

    def _encode_batch(self, batch: list[bytes]) -> "Iterator[tuple[Ids, Places]]":
        texts = [as_text(document) for document in batch]
        for document, text, ids in zip(batch, texts, self._called("encode", lambda: self._ids(texts)), strict=True):
            ends = self._exact(document, ids)
            if ends is None:
                ids, spans = self._called("encode", partial(self._spans, text))
                ends = ends_from_spans(document, spans, [self._spelling[i] for i in ids.tolist()])
            yield ids, ends

    def _exact(self, document: bytes, ids: "Ids") -> "Places | None":
        """Return the ends where the tokens' bytes are the document, or a space and the document; else None."""
        import numpy as np

        tokens = [self._spelling[i] for i in ids.tolist()]
        written = b"".join(tokens)
        lead = len(written) - len(document)
        if not (written == document or (lead == 1 and written == b" " + document)):
            return None
        ends = np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens)))
        return np.maximum(ends - lead, 0).astype(np.uint64)


def as_text(document: bytes) -> str:
    """Return a document as a library takes it: each byte that belongs to no character is U+FFFD."""
    try:
        return document.decode()
    except UnicodeDecodeError:
        return _SURROGATE.sub("\ufffd", document.decode("utf-8", "surrogateescape"))


def char_starts(document: bytes) -> "Spans":
    """Return the byte at which each character of `as_text(document)` begins, and the length behind the last."""
    import numpy as np

    data = np.frombuffer(document, np.uint8)
    try:
        document.decode()
        starts = np.flatnonzero((data & 0xC0) != 0x80)
    except UnicodeDecodeError:
        lengths = lengths_in_bytes(code_points(document))
        starts = np.cumsum(lengths) - lengths
    return np.append(starts, len(document)).astype(np.int64)


def ends_from_spans(document: bytes, spans: "Spans", tokens: Sequence[bytes]) -> "Places":
    """Return where tokens end that the library says were made from characters `spans` [n_tokens, 2].

    Never falls; the last end is the document's length. `tokens` are the bytes that each writes.
    """
    import numpy as np

    if not len(spans):
        return np.zeros(0, np.uint64)
    starts_of_chars = char_starts(document)
    clipped = np.clip(spans, 0, len(starts_of_chars) - 1)
    starts, ends = starts_of_chars[clipped[:, 0]], np.maximum.accumulate(starts_of_chars[clipped[:, 1]])
    shared = np.zeros(len(ends), bool)  # this token and the next were made from the same characters, or it from none
    shared[:-1] = (starts[1:] < ends[:-1]) | (ends[:-1] <= starts[:-1])
    for first, last in _runs(shared):
        begin = int(ends[first - 1]) if first else 0
        begin = max(begin, min(int(starts[first]), int(ends[last])))
        if b"".join(tokens[first : last + 1]) == document[begin : int(ends[last])]:
            ends[first : last + 1] = begin + np.cumsum([len(token) for token in tokens[first : last + 1]])
    ends[-1] = len(document)
    return ends.astype(np.uint64)


def _runs(shared: "NDArray[np.bool_]") -> Iterator[tuple[int, int]]:
    """Yield the first and last index of each run of tokens that share characters."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], shared, [False]]).astype(np.int8)))
    for first, behind in edges.reshape(-1, 2).tolist():
        yield first, min(behind, len(shared) - 1)


class HuggingFace(Foreign):
    """A `tokenizer.json`, run by the library `tokenizers`. Special tokens in the text are text."""

    def __init__(self, name: str, data: bytes) -> None:
        import json

        import tokenizers

        self._library = tokenizers.Tokenizer.from_buffer(data)
        self._library.no_truncation()
        self._library.no_padding()
        self._library.encode_special_tokens = True
        said = json.loads(data)
        added = {int(token["id"]): token for token in said.get("added_tokens") or []}
        spell = _spelling_of(said)
        vocab = {id: token for token, id in self._library.get_vocab(with_added_tokens=True).items()}
        special = {id: vocab[id].encode() for id, token in added.items() if token.get("special") and id in vocab}
        spelling = {id: t.encode() if id in added else spell(t) for id, t in vocab.items() if id not in special}
        super().__init__(name, _unit_of(said), spelling, special)
        self.fingerprint = fingerprint_of(b"tokenizers", tokenizers.__version__.encode(), data)

    def _ids(self, texts: list[str]) -> "list[Ids]":
        import numpy as np

        found = self._library.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(each.ids, np.uint32) for each in found]

    def _spans(self, text: str) -> "tuple[Ids, Spans]":
        import numpy as np

        found = self._library.encode(text, add_special_tokens=False)
        return np.array(found.ids, np.uint32), np.array(found.offsets, np.int64).reshape(-1, 2)

    def _decode(self, documents: list[list[int]]) -> list[bytes]:
        return [text.encode() for text in self._library.decode_batch(documents, skip_special_tokens=False)]


def _parts(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a part of a tokenizer.json and all parts of it that are sequences."""
    if isinstance(part, Mapping):
        yield part
        for inner in ("decoders", "pretokenizers", "normalizers"):
            for each in part.get(inner) or []:
                yield from _parts(each)


def _types(said: Mapping[str, Any]) -> set[str]:
    return {str(part.get("type")) for key in ("decoder", "pre_tokenizer") for part in _parts(said.get(key))}


def _unit_of(said: Mapping[str, Any]) -> str:
    if "ByteLevel" in _types(said):
        return "byte"
    return "codepoint+byte" if said["model"].get("byte_fallback") else "codepoint"


def _spelling_of(said: Mapping[str, Any]) -> Any:
    """Return the function from a token of this tokenizer.json to the bytes that it writes into the text."""
    if "ByteLevel" in _types(said):
        byte_of = {char: byte for byte, char in byte_characters().items()}
        return lambda token: (
            bytes(byte_of[char] for char in token) if all(char in byte_of for char in token) else token.encode()
        )
    prefix = said["model"].get("continuing_subword_prefix") or ""
    fallback = bool(said["model"].get("byte_fallback"))

    def spell(token: str) -> bytes:
        if fallback and (found := _BYTE.fullmatch(token)):
            return bytes.fromhex(found[1])
        return (token.removeprefix(prefix) if prefix else token).replace(_SPACE, " ").encode()

    return spell


def byte_characters() -> dict[int, str]:
    """Return the character that stands for each byte in byte-level vocabularies (GPT-2's table).

    >>> byte_characters()[0x41], byte_characters()[0x20]
    ('A', 'Ġ')
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + n) for n, byte in enumerate(others)}


class SentencePiece(Foreign):
    """A SentencePiece model, run by the library `sentencepiece`."""

    def __init__(self, name: str, data: bytes) -> None:
        import sentencepiece

        self._library: Any = sentencepiece.SentencePieceProcessor(model_proto=data)
        spelling: dict[int, bytes] = {}
        special: dict[int, bytes] = {}
        for id in range(self._library.get_piece_size()):
            piece = self._library.id_to_piece(id)
            if self._library.is_control(id) or self._library.is_unknown(id) or self._library.is_unused(id):
                special[id] = piece.encode()
            else:
                spelling[id] = _piece_bytes(piece, self._library.is_byte(id))
        has_bytes = any(self._library.is_byte(id) for id in spelling)
        super().__init__(name, "codepoint+byte" if has_bytes else "codepoint", spelling, special)
        self.fingerprint = fingerprint_of(b"sentencepiece", sentencepiece.__version__.encode(), data)

    def _ids(self, texts: list[str]) -> "list[Ids]":
        import numpy as np

        return [each.astype(np.uint32) for each in self._library.encode(texts, return_type="numpy")]

    def _spans(self, text: str) -> "tuple[Ids, Spans]":
        import numpy as np

        found = self._library.encode(text, return_type="offset_mapping")
        return np.array(found["ids"], np.uint32), np.array(found["offsets"], np.int64).reshape(-1, 2)

    def _decode(self, documents: list[list[int]]) -> list[bytes]:
        return [self._library.decode(ids).encode() for ids in documents]


def _piece_bytes(piece: str, is_byte: bool) -> bytes:
    found = _BYTE.fullmatch(piece) if is_byte else None
    return bytes.fromhex(found[1]) if found else piece.replace(_SPACE, " ").encode()
