"""Fine-tuning to answer: pairs of prompt and answer, the loss on the answer and its end of text alone.

    ids of the prompt | ids of the answer | end of text
      no targets           targets           target

Prompt and answer are encoded apart, so that a token never crosses from one to the other and what is learned is what a
model is asked later: prompts are read, answers said. A pair is a window of its own. Training is `tuning.tune`, scores
are of `bpb.losses` and `generate`; this file knows which tokens are the answer's.
"""

import copy
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.runs import Scored
from bpe_lab.shards import Shards, ShardSplit, write_shards
from bpe_lab_model import bpb, checkpoint, tuning
from bpe_lab_model.generate import Options, Speaker
from bpe_lab_model.gpt import GPT
from bpe_lab_model.pairs import Pairs
from bpe_lab_model.rows import Ints, WindowIndex, Windows
from bpe_lab_model.sampling import GREEDY
from bpe_lab_model.training import Report
from bpe_lab_model.tuning import Effort, Tuned

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

KEY = "instruct"
"""Where a checkpoint's state says what it was tuned on."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


class AnswerIndex(WindowIndex):
    """Windows of pairs, of which the answer and the end of text alone are scored.

    Takes a split whose documents are prompt, answer, prompt, answer, and so on (`paired`).
    """

    def __init__(self, split: ShardSplit, eos: int, context_bytes: int) -> None:
        joined, self.n_prompt_tokens = paired(split)
        super().__init__(joined, eos, context_bytes)

    def windows(self, numbers: NDArray[Any]) -> Windows:
        """Return the tokens of placed windows; what belongs to prompts is not scored."""
        windows = super().windows(numbers)
        n_prompt = np.clip(self.n_prompt_tokens[windows.document] - windows.first, 0, windows.n_tokens)
        return replace(windows, skip=np.maximum(windows.skip, n_prompt))


def paired(split: ShardSplit) -> tuple[ShardSplit, Ints]:
    """Return documents 2k and 2k + 1 as one, for each k, and how many tokens the first of both has."""
    tokens, size = split.token_offsets.astype(np.int64), split.byte_offsets.astype(np.int64)
    n_tokens, n_bytes = np.diff(tokens), np.diff(size)
    before = np.zeros(len(n_tokens), np.int64)
    before[1::2] = n_bytes[::2]
    with np.errstate(over="ignore"):
        hashes = np.asarray(split.hashes[::2]) * _MIX + np.asarray(split.hashes[1::2])
    joined = replace(
        split,
        ends=(split.ends + np.repeat(before, n_tokens)).astype(np.uint32),
        token_offsets=split.token_offsets[::2],
        byte_offsets=split.byte_offsets[::2],
        hashes=hashes,
        domain_of=split.domain_of[::2],
        folder=None,
    )
    return joined, n_tokens[::2]


def write_pairs(folder: Path, candidate: "Candidate", train: Pairs, test: Pairs) -> Shards:
    """Write both sides as shards, each prompt and each answer a document."""
    return write_shards(folder, candidate, {"train": _flat(train), "validation": _flat(test)})


def _flat(pairs: Pairs) -> list[bytes]:
    return [text for pair in zip(pairs.prompts, pairs.answers, strict=True) for text in pair]


# -- scores


class Answered(NamedTuple):
    """How a model answers the held-out prompts, after so many bytes of tuning."""

    bytes: int
    bpb: float
    """Bits per byte of the answers, ends of text counted, given their prompts."""
    exact: float
    """Share of answers that greedy decoding gives byte for byte, and then ends."""
    said: tuple[str, ...] = ()
    """The beginnings of some of them."""


def answer_scores(model: GPT, split: ShardSplit, max_tokens: int = 8192) -> Scored:
    """Return the nats and bytes of each answer, given its prompt; `split` is as for `AnswerIndex`.

    Bytes are those of the answers alone; nats are those of their tokens and of their ends of text.
    """
    joined, n_prompt = paired(split)
    nats = bpb.losses(model, joined, split.eos, model.config.context_bytes, max_tokens=max_tokens)
    offsets = joined.token_offsets.astype(np.int64)
    slots = offsets + np.arange(len(offsets))  # an end of text behind each pair
    sums = np.add.reduceat(nats, np.stack([slots[:-1], slots[:-1] + n_prompt], 1).ravel())[1::2]
    n_tokens = np.diff(offsets) - n_prompt + 1
    n_bytes = np.diff(split.byte_offsets.astype(np.int64))[1::2]
    return Scored(tuple(sums.tolist()), tuple(n_bytes.tolist()), tuple(n_tokens.tolist()))


def answers_exactly(speaker: Speaker, prompt: bytes, answer: bytes) -> tuple[bool, bytes]:
    """Tell whether greedy decoding says the answer and ends; return what it said, up to the first wrong byte.

    Bytes are compared, not tokens: a text may be said in other tokens than the tokenizer's.
    """
    options = Options(n_bytes=len(answer) + 1, sampling=GREEDY, beyond="stop", heal=False, n_candidates=1)
    text = speaker.generate(prompt, options)
    for _ in text:
        if not answer.startswith(text.new_bytes):
            return False, text.new_bytes
    return text.ended and text.new_bytes == answer, text.new_bytes


def answered(
    model: GPT, candidate: "Candidate", shards: Shards, test: Pairs, n_bytes: int, most_exact: int, shown: int = 0
) -> Answered:
    """Score the held-out pairs; at most the first `most_exact` of them are asked for word by word."""
    scored = answer_scores(model, shards.split("validation"))
    was_training, speaker = model.training, Speaker(model, candidate)
    pairs = list(zip(test.prompts, test.answers, strict=True))[:most_exact]
    hits = [answers_exactly(speaker, prompt, answer)[0] for prompt, answer in pairs]
    said = tuple(_said(speaker, prompt, 2 * len(answer)) for prompt, answer in pairs[:shown])
    model.train(was_training)
    return Answered(n_bytes, scored.bpb, sum(hits) / len(hits), said)


def _said(speaker: Speaker, prompt: bytes, n_bytes: int) -> str:
    text = speaker.generate(prompt, Options(n_bytes=n_bytes, sampling=GREEDY, beyond="stop", heal=False))
    return "".join(step.text for step in text)


# -- tuning


@dataclass(frozen=True)
class Outcome:
    """What tuning one model came to."""

    before: Answered
    after: Answered
    by_epoch: tuple[tuple[int, float], ...]
    """Bytes seen (prompts included) and bits per byte of the held-out answers."""
    tuned: Tuned
    n_train: int
    n_test: int
    context_bytes: int
    n_too_long: int
    """Pairs left out because they are not shorter than the model's context."""


def tune(
    start: GPT,
    candidate: "Candidate",
    train: Pairs,
    test: Pairs,
    effort: Effort,
    *,
    most_exact: int = 100,
    shown: int = 0,
    report: Report | None = None,
) -> tuple[Outcome, GPT]:
    """Tune a copy of a model on pairs, and score it on others before, while and after.

    Raises:
        ArgumentError: the model sees the future, or is of another vocabulary.
        CorpusError: no pair fits into the model's context. DivergedError: training diverged.
    """
    model = copy.deepcopy(start)
    _check(model)
    kept = [pairs.within(model.config.context_bytes - 1) for pairs in (train, test)]
    if not all(map(len, kept)):
        raise CorpusError(
            f"{train.name} has no pair on one side that is shorter than the model's {model.config.context_bytes} bytes",
            "take shorter pairs, or a model with a longer context",
        )
    n_too_long = len(train) + len(test) - sum(map(len, kept))
    with tempfile.TemporaryDirectory() as folder:
        shards = write_pairs(Path(folder) / "shards", candidate, *kept)
        held = shards.split("validation")
        before = answered(model, candidate, shards, kept[1], 0, most_exact, shown)
        done = tuning.tune(
            model,
            shards,
            _answers,
            effort,
            report=report,
            evaluate=lambda model: answer_scores(model, held, effort.max_tokens).bpb,
        )
        after = answered(model, candidate, shards, kept[1], done.bytes, most_exact, shown)
    curve = [(point.bytes, point.validation_bpb) for point in done.curve if point.validation_bpb is not None]
    by_epoch = ((0, before.bpb), *((n, bits) for n, bits in curve if n < done.bytes), (done.bytes, after.bpb))
    return Outcome(
        before, after, by_epoch, done, len(kept[0]), len(kept[1]), model.config.context_bytes, n_too_long
    ), model


def _answers(shards: Shards, context_bytes: int) -> AnswerIndex:
    return AnswerIndex(shards.split("train"), shards.eos, context_bytes)


def _check(model: GPT) -> None:
    if model.config.mask != "causal":
        raise ArgumentError(
            f"a model with the mask {model.config.mask!r} does not go on with a text",
            "take one that was trained with --objective clm",
        )


def save(
    folder: Path, model: GPT, fingerprint: str, tokenizer: Path | None, about: dict[str, Any], *, force: bool = False
) -> Path:
    """Write a tuned model as an ordinary checkpoint, which `lm sample` and `lm score` read.

    Raises:
        FileError: the folder is there and `force` is not given, or writing failed.
    """
    state = {KEY: about, "tokenizer": {"fingerprint": fingerprint, "vocab_size": model.config.vocab_size}}
    return checkpoint.save(folder, model, None, state, tokenizer, force=force)
