"""A model goes on with a text: token by token, whole characters as they come, beginning with the prompt's exact bytes.

    speaker = Speaker(model, candidate)
    text = speaker.generate("오늘 날씨가", Options(n_bytes=300, sampling=Sampling(temperature=0.8)))
    print(text.opening, *(step.text for step in text), sep="")

A document begins after the end of text of the one before, as in training, and ends with its own. Where the model has
seen C bytes of text, its context, `beyond` says what comes:

- `rolling`: the oldest tokens leave the cache one after the other, and positions go on. It costs nothing, but what
  stays has seen what left, which never was so in training. Not for learned positions.
- `left`: the last C / 2 bytes are read anew, as a window of a document that begins there. A reading each C / 2 bytes.
- `right`: the end of the prompt is cropped to leave room, and the text ends at C.
- `stop`: the text ends at C, and a prompt of C bytes is an error.

Chooses nothing itself (`sampling`), knows no spellings (`healing`), and trains nothing.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from bpe_lab.compare.candidates import Candidate, Ours
from bpe_lab.errors import ArgumentError
from bpe_lab.shards import end_of_text
from bpe_lab.tokenizer import Tokenizer
from bpe_lab_model.cache import Cache
from bpe_lab_model.gpt import GPT
from bpe_lab_model.healing import Cover, Healer, Rest, split_tail
from bpe_lab_model.positions import Learned
from bpe_lab_model.sampling import PLAINLY, Sampling, choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

Beyond = Literal["rolling", "left", "right", "stop"]


class Choice(NamedTuple):
    """A token that could have been next."""

    id: int
    model: float
    """Its probability by the model."""
    drawn: float
    """Its probability after temperature, top-k and top-p."""


class Step(NamedTuple):
    """A token that was said."""

    id: int
    probability: float
    """Of the draw: `drawn` of the choice taken."""
    taken: Choice
    candidates: list[Choice]
    """The heaviest by the model, the heaviest first."""
    text: str
    """Characters that are whole now and were not before. After the prompt."""
    n_prompt_symbols: int = 0
    """How many symbols of the prompt this token spells: healing; 0 else. Symbols are bytes, or jamo (`healing`)."""


@dataclass(frozen=True)
class Options:
    """How a text is made."""

    n_bytes: int | None = 300
    """Stop when so many bytes have come; None: only `n_tokens` counts."""
    n_tokens: int | None = None
    """Stop after so many tokens."""
    sampling: Sampling = PLAINLY
    seed: int = 0
    cache: bool = True
    """Keep keys and values; without, each token reads the whole context again. The text is the same."""
    beyond: Beyond = "rolling"
    heal: bool = True
    """Let a token cross the end of the prompt."""
    stops: bool = True
    """End with the end of text; else a new document follows."""
    n_candidates: int = 5

    def __post_init__(self) -> None:
        if self.n_bytes is None and self.n_tokens is None:
            raise ArgumentError("neither n_bytes nor n_tokens is given: the text would not end", "give one of them")
        for name in ("n_bytes", "n_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name} must be at least 1, got {value}")
        if self.beyond not in get_args(Beyond):
            raise ArgumentError(f"beyond must be one of {', '.join(get_args(Beyond))}, got {self.beyond!r}")
        if not 0 <= self.seed < 1 << 63:
            raise ArgumentError(f"seed must be from 0 to {(1 << 63) - 1}, got {self.seed}")


PLAIN = Options()


class Speaker:
    """A model with its tokenizer, ready to speak. Puts the model into evaluation: no dropout.

    Raises:
        ArgumentError: the model was made for another vocabulary, or sees the future (mask `two-way`).
    """

    def __init__(self, model: GPT, source: Candidate | Tokenizer) -> None:
        self.model = model.eval()
        self.candidate: Candidate = Ours("tokenizer", source) if isinstance(source, Tokenizer) else source
        self.eos, _ = end_of_text(self.candidate)
        n = model.config.vocab_size
        if n != max(self.candidate.n_ids, self.eos + 1):
            raise ArgumentError(
                f"the model has {n} tokens, the tokenizer {self.candidate.n_ids}, end of text is {self.eos}",
                "take the tokenizer that the model was trained with",
            )
        if model.config.mask == "two-way":
            raise ArgumentError("a model that sees both ways cannot go on with a text", "train one with a causal mask")
        self.healer = Healer(self.candidate)
        sayable = torch.zeros(n, dtype=torch.bool)
        sayable[[*self.healer.spelling, self.eos]] = True
        self.sayable = sayable.to(self.device)  # (V,)
        """Tokens that text is made of, and the end of text: no holes, no other special tokens."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.embedding.device

    @property
    def context_bytes(self) -> int:
        """C: bytes of text that the model was trained to see."""
        return self.model.config.context_bytes

    def generate(self, prompt: str | bytes = "", options: Options = PLAIN) -> "Generation":
        """Return a text that begins with `prompt`.

        Raises:
            ArgumentError: the prompt is longer than `beyond` allows, or the model cannot go beyond its context.
        """
        return Generation(self, prompt.encode() if isinstance(prompt, str) else bytes(prompt), options)

    def encode(self, data: bytes) -> list[int]:
        """Return the ids of a text."""
        ids: list[int] = self.candidate.encode_ends([data], 1)[0].tolist()
        return ids


def generate(
    model: GPT,
    source: Candidate | Tokenizer,
    prompt: str | bytes = "",
    *,
    n_bytes: int | None = 300,
    n_tokens: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    cache: bool = True,
    beyond: Beyond = "rolling",
    heal: bool = True,
) -> "Generation":
    """Return a text of `model` that begins with `prompt`; see `Options`. For many texts keep a `Speaker`."""
    sampling = Sampling(temperature, top_k, top_p)
    options = Options(n_bytes, n_tokens, sampling, seed, cache, beyond, heal)
    return Speaker(model, source).generate(prompt, options)


class Generation:
    """A text in the making: an iterator of `Step`."""

    def __init__(self, speaker: Speaker, prompt: bytes, options: Options) -> None:
        self._speaker, self._options = speaker, options
        self.prompt = _fitted(prompt, speaker, options)
        """What is gone on with: the prompt, cropped with `beyond="right"`."""
        self._generator = torch.Generator().manual_seed(options.seed)
        self._context = Context(speaker, options)
        self._spoken = _Spoken(speaker.candidate)
        self._bound: tuple[str, Rest] | None = None
        self.ids: list[int] = []
        """All tokens, the prompt's included."""
        self.n_new_tokens = 0
        self.ended = False
        """Whether the last token was the end of text."""
        self.finished = False
        """Whether no token comes any more."""
        self._covers: tuple[list[Cover], Rest] = ([], Rest())
        if options.heal and self.prompt:
            self._covers = speaker.healer.covers(self.prompt)
        if self._covers[0]:
            shown = split_tail(self.prompt)[0]
        else:
            self._read(speaker.encode(self.prompt))
            shown = split_tail(self.data)[0]
        self.opening = shown.decode(errors="replace")
        """The prompt's whole characters: what stands before the first step's text."""
        self._spoken.start_text(len(shown))

    @property
    def data(self) -> bytes:
        """The bytes of the text so far, prompt included; without what a further token could still change."""
        return bytes(self._spoken.data)

    @property
    def new_bytes(self) -> bytes:
        """The bytes after the prompt."""
        return self.data[len(self.prompt) :]

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values that are held now; 0 without a cache."""
        return self._context.cache_bytes

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        if self.finished or not self._context.has_room:
            raise StopIteration
        with torch.inference_mode():
            step = self._heal(*self._covers) if self._covers[0] else self._step()
        return step._replace(text=self._said(step.id))

    def _step(self) -> Step:
        logits = self._context.logits
        allowed = self._speaker.sayable
        fitting: dict[int, str | None] = {}
        if self._bound is not None:
            fitting = self._speaker.healer.fitting(*self._bound)
            allowed = torch.zeros_like(allowed)
            allowed[list(fitting)] = True
            allowed[self._speaker.eos] = not self._bound[1].data
        masked = logits.masked_fill(~allowed, -torch.inf)  # (V,)
        _, taken, choices = self._choose(masked, np.arange(len(masked)))
        id = taken.id
        if self._bound is not None:
            more = fitting.get(id)
            self._bound = None if more is None else (more, self._bound[1])
        self._take(id)
        return Step(id, taken.drawn, taken, choices, "")

    def _heal(self, covers: list[Cover], rest: Rest) -> Step:
        """Take one of the covers of the prompt by their probability."""
        self._covers = ([], rest)
        scores = self._context.scores(covers)  # as many as the covers have tokens
        tokens = np.concatenate([cover.tokens for cover in covers])
        cover_of = np.repeat(np.arange(len(covers)), [len(cover.tokens) for cover in covers])
        place, taken, choices = self._choose(scores, tokens)
        cover, id = covers[cover_of[place]], taken.id
        more = self._speaker.healer.after(cover, id, rest)
        self._bound = None if more is None else (more, rest)
        self._read(cover.before)
        self._take(id)
        return Step(id, taken.drawn, taken, choices, "", cover.n_symbols)

    def _choose(self, scores: Tensor, ids: "NDArray[np.int64]") -> tuple[int, Choice, list[Choice]]:
        """Return the place of the one taken among `scores`, itself, and the heaviest ones."""
        places, probabilities = choose(scores[None], self._options.sampling, self._generator)
        model, drawn = scores.double().softmax(-1), probabilities[0]
        best = scores.topk(min(self._options.n_candidates, len(scores))).indices.tolist()
        made = [Choice(int(ids[at]), float(model[at]), float(drawn[at])) for at in (int(places[0]), *best)]
        return int(places[0]), made[0], [choice for choice in made[1:] if choice.model > 0]

    def _read(self, ids: Sequence[int]) -> None:
        """Let the model read tokens that are not new."""
        self.ids += ids
        self._context.read([(id, self._spoken.push(id)) for id in ids])

    def _take(self, id: int) -> None:
        """Add the new token; whether to go on is settled before it is read."""
        options = self._options
        self.n_new_tokens += 1
        self.ids.append(id)
        self.ended = id == self._speaker.eos
        size = 0 if self.ended else self._spoken.push(id)
        enough = len(self._spoken.data) - len(self.prompt) >= (options.n_bytes or np.inf)
        # A token that spells nothing (a stray filler) must not go on for ever.
        most = options.n_tokens or 4 * (options.n_bytes or 0) + 64
        self.finished = (self.ended and options.stops) or enough or self.n_new_tokens >= most
        if self.ended and not self.finished:
            self._context.restart()
        elif not self.finished:
            self._context.read([(id, size)])
            self.finished = not self._context.has_room

    def _said(self, id: int) -> str:
        """Return the characters that the last token made whole; at the end also what waits."""
        if self.ended:
            return self._spoken.finish(broken=True)
        return self._spoken.text() + (self._spoken.finish(broken=False) if self.finished else "")


def _fitted(prompt: bytes, speaker: Speaker, options: Options) -> bytes:
    """Return the prompt, cropped where `beyond` says so.

    Raises:
        ArgumentError: it does not fit.
    """
    C, n_new = speaker.context_bytes, options.n_bytes or options.n_tokens or 0
    if options.beyond == "rolling":
        _check_rolling(speaker, len(prompt) + (options.n_bytes or 0))
    if options.beyond == "right" and len(prompt) + n_new > C:
        return split_tail(prompt[: max(C - n_new, C // 2)])[0]
    if options.beyond == "stop" and len(prompt) >= C:
        raise ArgumentError(
            f"the prompt has {len(prompt):,} bytes, the model's context {C:,}",
            "shorten it, or drop its beginning (left) or its end (right)",
        )
    return prompt


def _check_rolling(speaker: Speaker, n_bytes: int) -> None:
    """Refuse to go beyond a table of positions."""
    C, position = speaker.context_bytes, speaker.model.config.position
    if n_bytes > C and isinstance(speaker.model.position, Learned):
        raise ArgumentError(
            f"a text of {n_bytes:,} bytes goes beyond the {C:,} for which this model learned positions ({position})",
            "read the last half anew with --truncate left, or make a shorter text",
        )


class Context:
    """What the model sees of a text: the token before it and the tokens of its last C bytes, and what it says of them.

    `logits` (V,) are those after the last token.
    """

    def __init__(self, speaker: Speaker, options: Options) -> None:
        self._speaker, self._model = speaker, speaker.model
        self._beyond, self._is_cached = options.beyond, options.cache
        self.restart()

    def restart(self) -> None:
        """Begin a document."""
        self._tokens, self._sizes = [self._speaker.eos], [0]
        self._cache: Cache | None = None
        self._n_read = 0
        self._logits: Tensor | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the text that is seen: of all tokens but the first, which stands before it."""
        return sum(self._sizes[1:])

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values."""
        return self._cache.size_bytes if self._cache is not None and self._is_cached else 0

    @property
    def has_room(self) -> bool:
        """Whether a token may begin here, or what is oldest can go."""
        return self._beyond in ("rolling", "left") or not self._is_full

    @property
    def _is_full(self) -> bool:
        # A token that spells nothing takes a position and no bytes: learned tables end with C + 1.
        C = self._speaker.context_bytes
        return self.n_bytes >= C or len(self._tokens) > C

    def read(self, tokens: Sequence[tuple[int, int]]) -> None:
        """Add (id, bytes) of tokens; the model reads them when it is asked for logits."""
        for id, size in tokens:
            self._tokens.append(id)
            self._sizes.append(size)
            self._logits = None
            if self._is_full:
                self._let_go()

    def _let_go(self) -> None:
        """Drop the oldest tokens."""
        if self._beyond == "rolling":
            _check_rolling(self._speaker, self.n_bytes + 1)
            self._drop(until=self._speaker.context_bytes - 1)
        elif self._beyond == "left":
            self._drop(until=self._speaker.context_bytes // 2)
            self._forget()

    def _drop(self, until: int) -> None:
        n, left = 0, self.n_bytes
        while left > until or len(self._tokens) - n > self._speaker.context_bytes:
            n += 1
            left -= self._sizes[n]
        del self._tokens[:n], self._sizes[:n]
        n_cached = min(n, self._n_read)
        self._n_read -= n_cached
        if self._cache is not None:
            self._cache.crop_left(n_cached)

    def _forget(self) -> None:
        self._cache, self._n_read = None, 0

    @property
    def logits(self) -> Tensor:
        """What the model says of the next token, (V,) fp32. Without a cache it reads everything again."""
        if self._logits is None:
            if not self._is_cached:
                self._forget()
            elif self._cache is None:
                self._cache = Cache()
            unread = torch.tensor([self._tokens[self._n_read :]], device=self._speaker.device)  # (1, T)
            hidden = self._model(unread, cache=self._cache)  # (1, T, d)
            self._n_read = len(self._tokens)
            self._logits = self._model.logits(hidden[0, -1])  # (V,)
        return self._logits

    def scores(self, covers: Sequence[Cover]) -> Tensor:
        """Return the log-probability of each cover with each of its tokens, one after the other, up to a constant.

        Reads the beginnings side by side; what they share counts for none of them.
        """
        rows = [[*self._tokens, *cover.before] for cover in covers]
        n_shared = next((i for i, ids in enumerate(zip(*rows, strict=False)) if len(set(ids)) > 1), min(map(len, rows)))
        n_seen = self._speaker.context_bytes
        start = min(max(0, max(map(len, rows)) - n_seen), n_shared - 1)
        length = max(map(len, rows)) - start
        inputs = torch.full((len(rows), length), self._speaker.eos, device=self._speaker.device)  # (n, T)
        for row, ids in zip(inputs, rows, strict=True):
            row[: len(ids) - start] = torch.tensor(ids[start:], device=row.device)
        hidden = self._model(inputs)[:, n_shared - 1 - start :]  # (n, T', d), the first of them the last shared token's
        scores = []
        for states, ids, cover in zip(hidden, rows, covers, strict=True):
            own = ids[n_shared:]
            logits = self._model.logits(states[: len(own) + 1])  # (1 + own, V)
            logits = logits.masked_fill(~self._speaker.sayable, -torch.inf).double().log_softmax(-1)
            spent = sum(float(logits[at, id]) for at, id in enumerate(own))
            scores.append(spent + logits[-1, torch.from_numpy(cover.tokens).to(logits.device)])
        return torch.cat(scores)


class _Spoken:
    """Tokens to bytes that stand fast, and those to whole characters."""

    def __init__(self, candidate: Candidate) -> None:
        self.data = bytearray()
        self._candidate = candidate
        self._ids: list[int] = []
        self._stream = candidate.tokenizer.stream() if candidate.tokenizer else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._n_told = 0

    def push(self, id: int) -> int:
        """Take a token and return how many bytes have come to stand fast."""
        before = len(self.data)
        if self._stream is not None:
            self.data += self._stream.read([id])
        else:
            self._ids.append(id)
            self.data[:] = self._candidate.decode(self._ids)
        return len(self.data) - before

    def start_text(self, n_told: int) -> None:
        """Give characters after the first `n_told` bytes from now on."""
        self._n_told = n_told

    def text(self) -> str:
        """Return the characters that have become whole since the last call."""
        new = bytes(self.data[self._n_told :])
        self._n_told = max(self._n_told, len(self.data))
        return self._decoder.decode(new)

    def finish(self, broken: bool) -> str:
        """Return what waits: a syllable that could have had a coda, and if `broken` U+FFFD for a broken character.

        The stream can go on with a new document.
        """
        if self._stream is not None and self._candidate.tokenizer is not None:
            self.data += self._stream.end()
            self._stream = self._candidate.tokenizer.stream()
        text = self.text() + (self._decoder.decode(b"", final=True) if broken else "")
        self._decoder.reset()
        return text
