"""The tokenizer as Python sees it: text in, ids out, and back. The work is done in the core, without the GIL.

    >>> from bpe_lab import train
    >>> tokenizer = train(texts=["사과나무에 사과가 열렸다"], vocab_size=280)
    >>> ids = tokenizer.encode("사과")
    >>> tokenizer.decode(ids)
    '사과'

Opens no file itself: `interop` does.
"""

import os
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from bpe_lab import _core
from bpe_lab._core import StreamDecoder
from bpe_lab.errors import ArgumentError, TextError
from bpe_lab.morphemes.guided import GuidedTokenizer, guided, unguided

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpe_lab.show import TokenView

Text = str | bytes | bytearray | memoryview
Specials = Collection[str] | Literal["all"]
Errors = Literal["strict", "replace"]

MAX_STEPS_BYTES = 1000
"""The longest piece whose steps are given."""


class Step(NamedTuple):
    """One state of a piece while it merges: the rank of the merge just made (None at the start) and the tokens."""

    rank: int | None
    tokens: list[bytes]


def pattern_from(text: str) -> _core.Pattern:
    """Return the named pattern `text`, or the regular expression that it is.

    Raises:
        ArgumentError: it is neither a name nor a regular expression that can be used.
    """
    if text in _core.PATTERN_NAMES or text in _core.SUPERWORD_PATTERN_NAMES:
        return _core.Pattern.named(text)
    if text.isidentifier():
        raise ArgumentError(f"unknown pattern {text!r}", f"one of {', '.join(_core.PATTERN_NAMES)}, or a regex")
    return _core.Pattern.regex(text)


class Tokenizer:
    """Byte-level BPE, immutable: safe with threads, after fork and in pickles.

    Make one with `bpe_lab.train` or `Tokenizer.load`. Any bytes encode, and `decode_bytes(encode(b)) == b`.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _core.Tokenizer) -> None:
        self._core = guided(core)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        pattern: str | None = None,
        special_tokens: dict[str, int] | None = None,
    ) -> "Tokenizer":
        """Load a tokenizer file of any known format, or a published one by name.

        Args:
            path: bpe-lab's own file, a `tokenizer.json` or its folder, a tiktoken rank file, or a name such as
                `o200k_base`, which is looked for without network in `BPE_LAB_VOCAB` and in tiktoken's cache.
            pattern: for a rank file of no known name: `o200k`, `cl100k`, `gpt2`, `none` or a regex.
            special_tokens: for a rank file: text -> id; by default those of a known name, else none.

        Raises:
            FileError: there is no such file, or the name is not on this machine; the hint says how to get it.
            FormatError, UnsupportedError: the file is damaged, newer, or does what bpe-lab would not reproduce.
        """
        from bpe_lab.interop import load

        return cls(load(path, pattern, special_tokens))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: Literal["native", "hf", "tiktoken"] | None = None,
        force: bool = False,
    ) -> list[Path]:
        """Write the tokenizer and return the files written.

        Args:
            path: `*.json` or a folder means `hf`, `*.tiktoken` means `tiktoken`, anything else bpe-lab's own file.
            format: overrules the name.
            force: overwrite.

        Raises:
            UnsupportedError: the format cannot hold this tokenizer faithfully; the reason is given.
            FileError: the file is there, or cannot be written.
        """
        from bpe_lab.interop import save

        return save(self._core, path, format, force)

    def encode(
        self,
        text: Text,
        *,
        allowed_special: Specials = (),
        disallowed_special: Specials = (),
        errors: Errors = "strict",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> list[int]:
        """Return the ids of `text`.

        Special tokens in the text are plain text unless they are in `allowed_special` (a collection, or "all");
        those in `disallowed_special` make the call fail. A lone surrogate is an error, or with `errors="replace"`
        becomes U+FFFD.

        With `dropout` (BPE-dropout, Provilkov et al. 2020, arXiv 1910.13267) every merge is left out with that
        probability at each step, so that a model sees one text cut in many ways: 0 drops nothing, 1 gives base
        symbols, 0.1 is usual in training. Whatever is dropped, the ids decode to the text. The same text, `seed` and
        `dropout` give the same ids; a new seed for each epoch gives others. A twentieth of the usual speed: 7 MB/s.

        Raises:
            TextError: a disallowed special token or a lone surrogate stands in the text.
            ArgumentError: `dropout` is not from 0 to 1, or `seed` is negative or above 2^64 - 1.
        """
        rule = self._rule(allowed_special, disallowed_special)
        return self._core.encode(_readable(text, errors), *rule, _dropout(dropout, seed))

    def encode_array(
        self,
        text: Text,
        *,
        allowed_special: Specials = (),
        disallowed_special: Specials = (),
        errors: Errors = "strict",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> "NDArray[np.uint32]":
        """Return the ids of `text` as one array, without a Python int per token. Else as `encode`."""
        _numpy()
        rule = self._rule(allowed_special, disallowed_special)
        return self._core.encode_array(_readable(text, errors), *rule, _dropout(dropout, seed))

    def encode_batch(
        self,
        documents: Sequence[Text],
        *,
        threads: int | None = None,
        allowed_special: Specials = (),
        disallowed_special: Specials = (),
        errors: Errors = "strict",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> "tuple[NDArray[np.uint32], NDArray[np.uint64]]":
        """Encode documents in parallel: `ids[offsets[i]:offsets[i + 1]]` are document i's.

        With `dropout` a document gets the ids that `encode` gives it, whatever stands beside it.

        Returns:
            ids: uint32, [n_tokens]. offsets: uint64, [n_documents + 1]. The same for any number of threads.
        """
        batch = self._batch(documents, threads, allowed_special, disallowed_special, errors)
        return self._core.encode_batch(*batch, _dropout(dropout, seed))

    def encode_batch_ends(
        self,
        documents: Sequence[Text],
        *,
        threads: int | None = None,
        allowed_special: Specials = (),
        disallowed_special: Specials = (),
        errors: Errors = "strict",
    ) -> "tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint64]]":
        """Encode documents as `encode_batch`, and tell where each token ends.

        Returns:
            ids: uint32, [n_tokens]. ends: uint64, [n_tokens], in bytes from the beginning of the token's document: they
            never fall, and the last of a document is its length. offsets: uint64, [n_documents + 1].

        >>> from bpe_lab import train
        >>> tokenizer = train(texts=["각각"], vocab_size=324, unit="jamo")
        >>> tokenizer.encode_batch_ends(["각가", "a"])[1].tolist()
        [1, 2, 3, 4, 6, 1]
        """
        return self._core.encode_batch_ends(
            *self._batch(documents, threads, allowed_special, disallowed_special, errors)
        )

    def _batch(
        self, documents: Sequence[Text], threads: int | None, allowed: Specials, refused: Specials, errors: Errors
    ) -> tuple[list[Text], tuple[str, ...], tuple[str, ...], int]:
        """Return what the core takes for a batch."""
        from bpe_lab.training import checked_threads

        _numpy()
        n_threads = checked_threads(threads)
        if isinstance(documents, (str, bytes, bytearray, memoryview)):
            raise ArgumentError(f"documents must be a list of texts, got one {type(documents).__name__}", "use encode")
        texts = list(documents) if errors == "strict" else [_readable(d, errors) for d in documents]
        return texts, *self._rule(allowed, refused), n_threads

    def count(
        self,
        text: Text,
        *,
        allowed_special: Specials = (),
        disallowed_special: Specials = (),
        errors: Errors = "strict",
    ) -> int:
        """Return the number of tokens of `text`. Else as `encode`."""
        return self._core.count(_readable(text, errors), *self._rule(allowed_special, disallowed_special))

    def tokens(self, text: Text, *, allowed_special: Specials = ()) -> list[bytes]:
        """Return the bytes of each token of `text`; joined they are the text.

        With a unit `jamo` these are the bytes that a token owns there, which may be a part of a syllable's three; what
        it is standing alone says `token_bytes`.
        """
        _numpy()
        data = _utf8(text, "strict")
        ids = self._core.encode_array(data, *self._rule(allowed_special, ()))
        return [data[start:end] for start, end in pairwise([0, *self._core.byte_ends(ids).tolist()])]

    def spans(
        self, text: Text, unit: Literal["bytes", "chars"] = "bytes", *, allowed_special: Specials = ()
    ) -> list[tuple[int, int]]:
        """Return where each token of `text` begins and ends.

        In bytes the spans tile the text: of a syllable whose jamo lie in several tokens, onset, vowel and coda have one
        byte each, a vowel without coda two (docs/units.md). In characters a token that holds a part of a character
        covers that character, so neighbours may overlap (as in Hugging Face's offsets).
        """
        if unit not in ("bytes", "chars"):
            raise ArgumentError(f"unit must be 'bytes' or 'chars', got {unit!r}")
        _numpy()
        data = _utf8(text, "strict")
        ids = self._core.encode_array(data, *self._rule(allowed_special, ()))
        if unit == "chars":
            return self._core.char_spans(data, ids)
        ends = self._core.byte_ends(ids).tolist()
        return list(pairwise([0, *ends]))

    def steps(self, text: Text) -> list[list[Step]]:
        """Return for each piece of `text` its states merge by merge: first its base symbols, last its tokens.

        Raises:
            ArgumentError: a piece is longer than `MAX_STEPS_BYTES`: its states grow with the square of its length.
        """
        _numpy()
        data = _utf8(text, "strict")
        ends = [0, *self._core.pattern.split(data).tolist()]
        longest = max((end - start for start, end in pairwise(ends)), default=0)
        if longest > MAX_STEPS_BYTES:
            raise ArgumentError(
                f"a piece of {longest} bytes has too many steps to show; the longest may have {MAX_STEPS_BYTES} bytes",
                "take a shorter text, or look at its tokens alone",
            )
        token = self._core.token_bytes
        if isinstance(self._core, GuidedTokenizer):
            pieces = self._core.piece_steps(data)
        else:
            pieces = [self._core.steps(data[start:end]) for start, end in pairwise(ends)]
        return [[Step(rank, [token(i) for i in ids]) for rank, ids in states] for states in pieces]

    def show(self, text: Text) -> "TokenView":
        """Return the tokens of `text` to look at: coloured in a notebook, with bars between them in print."""
        from bpe_lab.show import view

        return view(self, _utf8(text, "strict"))

    def decode(self, ids: "Sequence[int] | NDArray[Any]", *, errors: str = "replace") -> str:
        """Return the text of `ids`; `errors` is what `bytes.decode` does with bytes that are no UTF-8.

        Raises:
            TokenError: an id that the vocabulary does not hold.
        """
        return self.decode_bytes(ids).decode(errors=errors)

    def decode_bytes(self, ids: "Sequence[int] | NDArray[Any]") -> bytes:
        """Return the bytes of `ids`, exactly.

        Raises:
            TokenError: an id that the vocabulary does not hold.
        """
        return self._core.decode_bytes(ids)

    def decode_batch(self, ids: "NDArray[np.uint32]", offsets: "NDArray[np.uint64]") -> list[bytes]:
        """Return each document's bytes; the inverse of `encode_batch`.

        Raises:
            ArgumentError: offsets that fall, or reach beyond `ids`. TokenError: an unknown id.
        """
        return self._core.decode_batch(ids, offsets)

    def stream(self) -> StreamDecoder:
        """Return a decoder that takes ids as they come and gives whole characters only.

        With a unit `jamo` without filler, a syllable without coda comes out with the next id, or with `finish`.
        """
        return StreamDecoder(unguided(self._core))

    @property
    def n_ids(self) -> int:
        """One more than the highest id, specials included: the rows an embedding needs."""
        return self._core.n_ids

    @property
    def n_tokens(self) -> int:
        """How many tokens there are, specials included; `n_ids` less the holes."""
        return self._core.n_tokens

    @property
    def n_merges(self) -> int:
        """How many merges are listed; 0 where ranks rule."""
        return self._core.n_merges

    @property
    def unit(self) -> str:
        """The base alphabet with its options, such as `byte`, `syllable:all` or `jamo:filler` (docs/units.md)."""
        return self._core.unit

    @property
    def atoms(self) -> str:
        """The characters that are base symbols, by code point: chosen syllables, or compatibility letters."""
        return self._core.atoms

    @property
    def n_base(self) -> int:
        """How many base symbols there are: 256 bytes, and what the unit adds."""
        return self._core.n_base

    @property
    def pattern(self) -> str:
        """How text is cut into pieces: a name, or a regular expression."""
        pattern = self._core.pattern
        return pattern.name or cast(str, pattern.tiktoken_regex)

    @property
    def analyser(self) -> tuple[str, str] | None:
        """Name and version of the analyser whose morphemes no token crosses, where encoding asks one, else None.

        Trained with `at="train+infer"`. Encoding loads the analyser when it is first needed, and fails with the command
        that installs it where it is missing; decoding needs none.
        """
        return self._core.analyser

    @property
    def rule(self) -> str:
        """How it merges: `pairs` (only listed pairs) or `ranks` (any neighbours whose bytes are a token)."""
        return self._core.rule

    @property
    def special_tokens(self) -> dict[str, int]:
        """Text -> id of the tokens that are never made from text unless asked."""
        return self._core.special_tokens

    @property
    def provenance(self) -> dict[str, Any]:
        """Where it came from: corpus, options, versions. Empty for tokenizers made elsewhere."""
        import json

        return cast("dict[str, Any]", json.loads(self._core.provenance_json))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides ids: equal fingerprints encode alike. Ignores the provenance."""
        import hashlib

        return hashlib.sha256(self._core.identity()).hexdigest()

    def vocab(self) -> list[tuple[int, bytes]]:
        """Return all tokens as (id, bytes), by id, specials included; bytes as `token_bytes` gives them."""
        return self._core.vocab()

    def token_kinds(self) -> bytes:
        """Return what each token is by its spelling, one number an id (docs/words.md); holes and specials are 0.

        1 a byte below a character, 2 bytes that are no UTF-8, 3 jamo that are no whole syllables, 4 one character,
        5 part of a word, 6 the same after a space, 7 several words, 8 only white space or punctuation, 9 one jamo.
        """
        return _core.token_kinds(unguided(self._core))

    def merge_table(self) -> "NDArray[np.uint32]":
        """Return the listed merges as rows of ids (left, right, result), in order; no rows where ranks rule."""
        return _core.merge_table(unguided(self._core))

    def token_bytes(self, id: int) -> bytes:
        """Return the bytes that one id decodes to standing alone.

        With a unit `jamo`, a jamo that is in no syllable is its conjoining letter there, a filler or escape nothing.

        Raises:
            TokenError: the vocabulary does not hold it.
        """
        return self._core.token_bytes(id)

    def token_id(self, token: str | bytes) -> int | None:
        """Return the id of the token that is `token`, None where there is none."""
        return self._core.token_id(_utf8(token, "strict"))

    def __len__(self) -> int:
        """Return `n_ids`."""
        return self._core.n_ids

    def __eq__(self, other: object) -> bool:
        """Tell whether both give the same ids for every text."""
        if not isinstance(other, Tokenizer):
            return NotImplemented
        return self._core is other._core or self._core.identity() == other._core.identity()

    def __hash__(self) -> int:
        """Hash by fingerprint."""
        return hash(self.fingerprint)

    def __reduce__(self) -> "tuple[Any, tuple[bytes]]":
        """Pickle as the native file: small, and the same bytes for the same tokenizer."""
        return _unpickle, (self._core.to_native(),)

    def __repr__(self) -> str:
        """Tell the size and the choices."""
        pattern = self._core.pattern.name or "regex"
        return f"<Tokenizer {self.n_tokens:,} tokens, unit {self.unit}, pattern {pattern}, by {self.rule}>"

    def _repr_html_(self) -> str:
        """Show the tokens of a short example in a notebook."""
        from bpe_lab.show import html_of_tokenizer

        return html_of_tokenizer(self)

    def _rule(self, allowed: Specials, refused: Specials) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Resolve what is typed to the specials that are made and those that are refused."""
        if not allowed and not refused:
            return (), ()
        every = self.special_tokens
        made = tuple(every) if allowed == "all" else tuple(allowed)
        if unknown := [text for text in made if text not in every]:
            raise ArgumentError(f"{unknown[0]!r} is no special token of this tokenizer", f"it has {list(every)}")
        return made, tuple(t for t in every if t not in made) if refused == "all" else tuple(refused)


def _numpy() -> None:
    """Import numpy before the core needs it: an interrupt in the middle of that import is then Python's to handle."""
    import numpy  # noqa: F401


def _dropout(probability: float, seed: int) -> tuple[float, int] | None:
    """Return what the core takes; None where nothing is dropped, which is the fast way."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 64:
        raise ArgumentError(f"seed must be a whole number from 0 to {(1 << 64) - 1}, got {seed!r}")
    if not isinstance(probability, (int, float)):
        raise ArgumentError(f"dropout must be a number, got {probability!r}", "0.1 is usual; 0 drops nothing")
    return None if probability == 0 else (probability, seed)


def _unpickle(data: bytes) -> Tokenizer:
    return Tokenizer(_core.Tokenizer.from_native(data))


def _readable(text: Text, errors: Errors) -> Text:
    """Return `text` as the core takes it: as it is, unless lone surrogates are to be replaced."""
    if errors == "strict" or not isinstance(text, str):
        return text
    return _utf8(text, errors)


def _utf8(text: Text, errors: Errors) -> bytes:
    """Return the bytes of `text`; with `replace` surrogate pairs become characters and lone ones U+FFFD."""
    if not isinstance(text, str):
        return bytes(text)
    try:
        return text.encode()
    except UnicodeEncodeError as e:
        if errors == "replace":
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        message = f"the text holds a lone surrogate ({text[e.start]!r}) at character {e.start}"
        raise TextError(message, 'mend the text, or pass errors="replace"') from e
