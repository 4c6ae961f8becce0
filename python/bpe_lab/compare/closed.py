"""Closed vocabularies, there to be compared with: words or characters, and `<unk>` for everything else.

A vocabulary of V holds `<unk>` (id 0) and the V - 1 commonest eojeol, or code points, of the training text; of equally
common ones the lower bytes come first. They lose text by construction and stand outside the core's units.

- `word`: a token is an eojeol, and the white space before it belongs to it; what white space it was is lost. White
  space at the end of a document goes to the last token; a document of nothing else is one `<unk>`.
- `char`: a token is a code point, white space included. A byte that belongs to none is `<unk>`.
"""

import base64
import heapq
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from bpe_lab import _core
from bpe_lab.compare.candidates import Kind, Loss, fingerprint_of
from bpe_lab.compare.codepoints import N_CODE_POINTS, WHITE_SPACE, code_points, is_bad_byte, is_white, lengths_in_bytes
from bpe_lab.compare.counted import Counting, count_documents
from bpe_lab.documents import batches
from bpe_lab.metrics import kinds_of, resampling
from bpe_lab.tokenizer import Tokenizer, pattern_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.uint32]
    Places = NDArray[np.uint64]
    Indices = NDArray[np.int64]

UNKNOWN = b"<unk>"
WORDS = r"\S+|\s+"
"""The pattern that cuts text into eojeol and the white space between them."""

_BATCH_BYTES = 4_000_000
_LONGEST_EXAMPLE = 20


class Cut(NamedTuple):
    """Documents one after another, each followed by a line feed, and where their characters and eojeol lie."""

    data: bytes
    codes: "NDArray[np.uint32]"
    starts: "Indices"
    """The byte at which each code point begins, and the length behind the last."""
    separators: "Indices"
    """Of each document, the index of the code point behind it."""
    white: "NDArray[np.bool_]"
    words: "Indices"
    """[n_words, 2]: first code point of each eojeol and the one behind it."""


def cut(documents: Sequence[bytes]) -> Cut:
    """Find characters and eojeol. A line feed between documents keeps them apart."""
    import numpy as np

    data = b"".join(document + b"\n" for document in documents)
    codes = code_points(data)
    lengths = lengths_in_bytes(codes)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ends = np.cumsum([len(document) + 1 for document in documents], dtype=np.int64)
    white = is_white(codes)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], white]).astype(np.int8)))
    return Cut(data, codes, starts, np.searchsorted(starts, ends - 1), white, edges.reshape(-1, 2))


class Closed:
    """A closed vocabulary. Satisfies `Candidate`; always lossy."""

    kind: Kind = "closed"
    is_jamo = False
    lossy = True
    tokenizer: Tokenizer | None = None

    def __init__(self, name: str, unit: str, tokens: Sequence[bytes]) -> None:
        """Take the tokens, the commonest first, without `<unk>`."""
        self.name = name
        self.unit = unit
        self.tokens = [UNKNOWN, *tokens]
        self.n_ids = self.n_tokens = len(self.tokens)
        self.fingerprint = fingerprint_of(b"closed", unit.encode(), *self.tokens)
        self.loss: Loss | None = None

    def encode_ends(self, documents: Sequence[bytes], threads: int | None = None) -> "tuple[Ids, Places, Places]":
        """Return ids, ends and offsets; see `Candidate`. 10 to 30 MB/s."""
        import numpy as np

        ids, ends, counts = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint64)], [np.zeros(1, np.int64)]
        for batch in batches(documents, _BATCH_BYTES):
            found, places, n_tokens = self._encode(cut(batch), threads)
            ids.append(found.astype(np.uint32))
            ends.append(places.astype(np.uint64))
            counts.append(n_tokens)
        return np.concatenate(ids), np.concatenate(ends), np.cumsum(np.concatenate(counts)).astype(np.uint64)

    def decode(self, ids: "Sequence[int] | Ids") -> bytes:
        """Return the tokens one after another, words with a space between them."""
        return (b" " if self.unit == "word" else b"").join(self.tokens[int(id)] for id in ids)

    def decode_batch(self, ids: "Ids", offsets: "Places") -> list[bytes]:
        """Return what each document's ids say."""
        places = offsets.tolist()
        return [self.decode(ids[start:end]) for start, end in pairwise(places)]

    def vocab(self) -> list[tuple[int, bytes]]:
        """Return (id, bytes) of every token, `<unk>` included."""
        return list(enumerate(self.tokens))

    def kinds(self) -> bytes:
        """Return what each id is; a word is taken with the space before it, `<unk>` as a special token."""
        lead = b" " if self.unit == "word" else b""
        return kinds_of([(id, lead + token) for id, token in enumerate(self.tokens) if id], self.n_ids)

    def find_loss(self, documents: Sequence[bytes], ids: "Ids", offsets: "Places") -> Loss:
        """Return what `<unk>` swallows of a text: shares of its eojeol and of its characters that are not white."""
        total, n_before = _Lost(), 0
        for batch in batches(documents, _BATCH_BYTES):
            found, n_now = cut(batch), n_before + len(batch)
            total.add(found, self._unknown(found, ids[int(offsets[n_before]) : int(offsets[n_now])]))
            n_before = n_now
        return total.loss()

    def _encode(self, found: Cut, threads: int | None) -> "tuple[Ids, Indices, Indices]":
        raise NotImplementedError

    def _unknown(self, found: Cut, ids: "Ids") -> "NDArray[np.bool_]":
        """Tell of each code point whether it became `<unk>`, `ids` being those of the documents."""
        raise NotImplementedError


class ClosedCharacters(Closed):
    """Code points and `<unk>`."""

    def __init__(self, name: str, tokens: Sequence[bytes]) -> None:
        import numpy as np

        super().__init__(name, "char", tokens)
        self._id_of = np.zeros(N_CODE_POINTS, np.uint32)
        self._id_of[[ord(token.decode()) for token in tokens]] = np.arange(1, self.n_ids)

    def _encode(self, found: Cut, threads: int | None) -> "tuple[Ids, Indices, Indices]":
        import numpy as np

        inside = _inside(found)
        before = np.concatenate([[-1], found.separators[:-1]])
        counts = found.separators - before - 1
        ends = found.starts[1:][inside] - np.repeat(found.starts[before + 1], counts)
        return self._id_of[found.codes[inside]], ends, counts

    def _unknown(self, found: Cut, ids: "Ids") -> "NDArray[np.bool_]":
        import numpy as np

        unknown = np.zeros(len(found.codes), bool)
        unknown[_inside(found)] = ids == 0
        return unknown


class ClosedWords(Closed):
    """Eojeol and `<unk>`. The core looks words up: as tokens of a rank file, which takes a piece whole if it can."""

    def __init__(self, name: str, tokens: Sequence[bytes]) -> None:
        import numpy as np

        super().__init__(name, "word", tokens)
        longer = [(id, token) for id, token in enumerate(tokens, start=1) if len(token) > 1]
        ranked = [bytes([byte]) for byte in range(256)] + [token for _, token in longer]
        lines = (b"%s %d" % (base64.b64encode(token), rank) for rank, token in enumerate(ranked))
        self._lookup = Tokenizer(_core.Tokenizer.from_tiktoken(b"\n".join(lines), pattern_from(WORDS), {}))
        self._id_of_rank = np.zeros(len(ranked), np.uint32)
        self._id_of_rank[256:] = [id for id, _ in longer]
        for id, token in enumerate(tokens, start=1):
            if len(token) == 1:
                self._id_of_rank[token[0]] = id

    def _encode(self, found: Cut, threads: int | None) -> "tuple[Ids, Indices, Indices]":
        import numpy as np

        begins, lengths, counts = _documents(found)
        n_tokens = np.maximum(counts, lengths > 0)
        ids, ends = np.zeros((2, n_tokens.sum()), np.int64)
        of_words = np.ones(len(ids), bool)
        of_words[_wordless(counts, lengths)] = False
        ids[of_words] = self._word_ids(found, threads)
        ends[of_words] = found.starts[found.words[:, 1]] - np.repeat(begins, counts)
        ends[np.cumsum(n_tokens)[n_tokens > 0] - 1] = lengths[n_tokens > 0]
        return ids.astype(np.uint32), ends, n_tokens

    def _word_ids(self, found: Cut, threads: int | None) -> "Ids":
        """Return the id of each eojeol: of the token that is all of it, else `<unk>`."""
        import numpy as np

        ranks, _ = self._lookup.encode_batch([found.data], threads=threads)
        ends = self._lookup._core.byte_ends(ranks).astype(np.int64)
        at = np.searchsorted(ends, found.starts[found.words[:, 1]])
        starts = np.where(at > 0, ends[at - 1], 0) if len(ends) else ends
        whole = starts == found.starts[found.words[:, 0]]
        return np.where(whole, self._id_of_rank[ranks[at]], 0).astype(np.uint32)

    def _unknown(self, found: Cut, ids: "Ids") -> "NDArray[np.bool_]":
        import numpy as np

        _, lengths, counts = _documents(found)
        unknown = np.delete(ids, _wordless(counts, lengths)) == 0
        change = np.zeros(len(found.codes) + 1, np.int8)
        change[found.words[unknown, 0]] += 1
        change[found.words[unknown, 1]] -= 1
        return np.cumsum(change[:-1]).astype(bool)


def _inside(found: Cut) -> "NDArray[np.bool_]":
    """Tell which code points are the documents' own."""
    import numpy as np

    inside = np.ones(len(found.codes), bool)
    inside[found.separators] = False
    return inside


def _documents(found: Cut) -> "tuple[Indices, Indices, Indices]":
    """Return where each document begins in bytes, how long it is, and how many eojeol it has."""
    import numpy as np

    begins = found.starts[np.concatenate([[0], found.separators[:-1] + 1])]
    document = np.searchsorted(found.separators, found.words[:, 0])
    counts = np.bincount(document, minlength=len(found.separators))
    return begins, found.starts[found.separators] - begins, counts


def _wordless(counts: "Indices", lengths: "Indices") -> "Indices":
    """Return the index of each token that stands for a document of white space alone."""
    import numpy as np

    n_tokens = np.maximum(counts, lengths > 0)
    found: Indices = np.cumsum(n_tokens)[(counts == 0) & (lengths > 0)] - 1
    return found


class _Lost:
    """Sums what is lost over batches, and keeps the first example."""

    def __init__(self) -> None:
        self.n_documents = 0
        self.counts: list[NDArray[np.int64]] = []
        """For each batch, a row a document: eojeol, those of them lost, characters, those of them lost."""
        self.example: tuple[str, str] | None = None

    def add(self, found: Cut, unknown: "NDArray[np.bool_]") -> None:
        """Add one batch; `unknown` tells of each code point whether it is lost."""
        import numpy as np

        lost = unknown & ~found.white
        n_before = np.concatenate([[0], np.cumsum(lost)])
        in_word = n_before[found.words[:, 1]] > n_before[found.words[:, 0]]
        of_words = np.searchsorted(found.separators, found.words[:, 0])
        of_chars = (np.searchsorted(found.separators, np.flatnonzero(chosen)) for chosen in (~found.white, lost))
        n = len(found.separators)
        columns = [np.bincount(at, minlength=n) for at in (of_words, of_words[in_word], *of_chars)]
        self.counts.append(np.column_stack(columns))
        self.n_documents += len(np.unique(np.searchsorted(found.separators, np.flatnonzero(lost))))
        brief = in_word & (found.words[:, 1] - found.words[:, 0] <= _LONGEST_EXAMPLE)
        if self.example is None and brief.any():
            self.example = _example(found, unknown, int(np.argmax(brief)))

    def loss(self) -> Loss:
        """Return the sums as shares, with their intervals over documents."""
        import numpy as np

        counts = np.concatenate([np.zeros((1, 4), np.int64), *self.counts])[bool(self.counts) :]
        sums = counts.sum(axis=0)
        words, chars = (float(sums[i + 1] / max(sums[i], 1)) for i in (0, 2))
        ends = [resampling.ratio_interval(counts[:, i + 1].astype("f8"), counts[:, i].astype("f8")) for i in (0, 2)]
        return Loss(self.n_documents, *(self.example or ("", "")), words, chars, *ends)


def _example(found: Cut, unknown: "NDArray[np.bool_]", word: int) -> tuple[str, str]:
    """Return an eojeol and what is left of it."""
    first, behind = found.words[word].tolist()
    before, after = "", ""
    for at in range(first, behind):
        char = "\ufffd" if is_bad_byte(found.codes[at : at + 1])[0] else chr(int(found.codes[at]))
        before += char
        joins = unknown[at] and after.endswith("<unk>") and unknown[first:behind].all()
        after += "" if joins else "<unk>" if unknown[at] else char
    return before, after


def train_closed(
    name: str, unit: str, vocab_size: int, documents: Sequence[bytes], threads: int | None = None
) -> Closed:
    """Return the closed vocabulary of a training text: `<unk>` and its `vocab_size` - 1 commonest words or characters.

    Args:
        name: what it is called.
        unit: `word` or `char`.
        vocab_size: ids in all; fewer where the text has fewer different ones.
        documents: the training text.
        threads: for counting words.
    """
    if unit == "char":
        return ClosedCharacters(name, _common(_characters(documents), vocab_size - 1))
    return ClosedWords(name, _common(_words(documents, threads), vocab_size - 1))


def _common(counted: Iterator[tuple[bytes, int]], n: int) -> list[bytes]:
    return [token for token, _ in heapq.nsmallest(n, counted, key=lambda pair: (-pair[1], pair[0]))]


def _words(documents: Sequence[bytes], threads: int | None) -> Iterator[tuple[bytes, int]]:
    for piece, n in count_documents(documents, Counting(WORDS), threads).items():
        if ord(piece[:4].decode("utf-8", "surrogateescape")[0]) not in WHITE_SPACE:
            yield piece, n


def _characters(documents: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    import numpy as np

    counts = np.zeros(N_CODE_POINTS, np.int64)
    for batch in batches(documents, _BATCH_BYTES):
        found = cut(batch)
        counts += np.bincount(found.codes, minlength=N_CODE_POINTS)
        counts[0x0A] -= len(batch)
    counts[0xD800:0xE000] = 0
    for code in np.flatnonzero(counts).tolist():
        yield chr(code).encode(), int(counts[code])


def from_bytes(name: str, data: bytes) -> Closed:
    """Return the vocabulary that `to_bytes` wrote."""
    import json

    said: Any = json.loads(data)
    tokens = [base64.b64decode(token) for token in said["tokens"]]
    return (ClosedCharacters if said["unit"] == "char" else ClosedWords)(name, tokens)


def to_bytes(closed: Closed) -> bytes:
    """Return a vocabulary as bytes."""
    import json

    tokens = [base64.b64encode(token).decode() for token in closed.tokens[1:]]
    return json.dumps({"unit": closed.unit, "tokens": tokens}).encode()
