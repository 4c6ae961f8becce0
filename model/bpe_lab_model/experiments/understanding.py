"""What a model is good for after training with some objective: telling kinds of text apart, restoring, going on.

Tasks train as `tasks.train` does, or not at all, and then tune the model to name the domain of short snippets
(`classify`). Measures ask a trained model for hidden tokens and for continuations, each in the way in which its
objective reads a text.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bpe_lab.errors import CorpusError
from bpe_lab.holdout import content_hashes
from bpe_lab.shards import Shards, ShardSplit
from bpe_lab_model import bpb, classify, probing, quality
from bpe_lab_model.experiments.tasks import Finished, Job, Outcome, Say, finish, new_model, train_branches
from bpe_lab_model.gpt import GPT
from bpe_lab_model.healing import Healer
from bpe_lab_model.labelled import Labelled
from bpe_lab_model.lora import LoRA
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.objectives import draws_of, n_damaged
from bpe_lab_model.rows import Ints, WindowIndex
from bpe_lab_model.sampling import PLAINLY, choose
from bpe_lab_model.training import Report, Trainer

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

Tell = Callable[[float], None]
"""Called with the share of a tuning that is done; a model is tuned several times."""

OPTIONS: Mapping[str, Any] = {
    "snippet_bytes": 32,
    "n_train": 200,
    "n_judge": 200,
    "n_test": 600,
    "n_labels": 4,
    "tune_epochs": 8,
    "tune_step_bytes": 512,
    "tune_lr": 3e-3,
    "rank": 0,
    "frozen": False,
    "reads": "",
    "restored_bytes": 8000,
    "n_samples": 12,
    "prompt_bytes": 30,
    "sample_bytes": 120,
}
"""What the tasks and measures take from `Job.options`, with defaults. `rank` above 0 tunes by adapters, `frozen` the
layer over labels alone; `reads` is `decoder` or `encoder`, empty for what the mask suggests."""

RATE_STEP = 3.0
"""Between learning rates that are tried for tuning."""


def understand(job: Job, say: Say) -> Iterator[Outcome]:
    """Train as the arm says, then tune a copy to name the domain of snippets."""
    candidate = job.candidate()
    bits = 0.0

    def training(share: float, now: float) -> None:
        nonlocal bits
        bits = now
        say(share / 2, bits)

    for budget, trainer, trained in train_branches(job, training):
        figures: dict[str, Any] = {}
        if trained.status == "ok":
            figures = named(job, trainer.model, candidate, lambda share: say((1 + share) / 2, bits))
        yield finish(job, budget, trainer, trained, candidate, figures)


def understand_untrained(job: Job, say: Say) -> Iterator[Outcome]:
    """Tune a model that was trained on nothing: what the tuning alone teaches."""
    candidate, shards = job.candidate(), Shards.open(job.shards)
    trainer = Trainer(new_model(job, candidate), shards, job.settings())
    figures = named(job, trainer.model, candidate, lambda share: say(share, 0.0))
    yield finish(job, max(job.budgets), trainer, trainer.trained(), candidate, figures)


# -- telling domains apart


def named(job: Job, model: GPT, candidate: "Candidate", tell: Tell) -> dict[str, Any]:
    """Tune copies of a model to name the domain of snippets of the training text; ask about the validation text's.

    Several learning rates are tried; the one with the fewest nats on other snippets of the training text counts. A
    model with a causal mask is read at its last place, any other both ways, unless `reads` says otherwise.
    """
    options = {**OPTIONS, **job.options}
    learned, judge, asked = labelled(job, candidate, options)
    arm = classify.Arm(job.arm.name, candidate, model, "training")
    plan = classify.Plan(
        encoder=(options["reads"] or ("decoder" if model.config.mask == "causal" else "encoder")) == "encoder",
        epochs=options["tune_epochs"],
        n_seeds=1,
        first_seed=job.seed,
        bytes_per_step=options["tune_step_bytes"],
        adapters=LoRA(options["rank"]) if options["rank"] else None,
        frozen=options["frozen"],
    )
    found = _best(arm, plan, (learned, judge, asked), options["tune_lr"], tell)
    if found is None:
        return {"tuning": "diverged"}
    lr, outcome = found
    right, nats = outcome.said[0] == outcome.truth, outcome.label_nats
    assert nats is not None
    (tuned,) = outcome.tuned
    return {
        "accuracy": float(right[len(judge) :].mean()),
        "label_bits": float(nats[0, len(judge) :].mean()) / math.log(2),
        "chance": 1 / len(outcome.labels),
        "tune_lr": lr,
        "mflops_per_text": outcome.flops_per_text / 1e6,
        "ms_per_text": 1e3 * outcome.seconds_per_text,
        "n_trainable": tuned.n_trainable,
        "trained_share": tuned.n_trainable / tuned.n_parameters,
        "optimizer_bytes": tuned.optimizer_bytes,
        "tune_memory_bytes": tuned.memory_bytes,
        "tune_seconds": tuned.seconds,
        "n_labelled": len(learned),
        "n_asked": len(asked),
    }


def _best(
    arm: classify.Arm, plan: classify.Plan, sides: tuple[Labelled, Labelled, Labelled], middle: float, tell: Tell
) -> tuple[float, classify.Outcome] | None:
    """Return the learning rate with the fewest nats on the judging snippets, and what came of it; None: all diverged.

    Three are tried, a factor of 3 apart, and more where the best lies at an edge (`probing.wanted`). The judging
    snippets come first in what the outcome was asked about.
    """
    learned, judge, asked = sides
    both = Labelled("judged by, asked about", judge.texts + asked.texts, judge.labels + asked.labels)
    nats: dict[float, float | None] = {}
    outcomes: dict[float, classify.Outcome] = {}
    while wanted := probing.wanted(nats):
        for factor in wanted:
            try:
                tried = replace(plan, lr=_rate_of(factor, middle))
                outcomes[factor], _ = classify.tune(arm, learned, both, tried, _watch(tell))
                nats[factor] = float(outcomes[factor].label_nats[0, : len(judge)].mean())  # type: ignore[index]
            except DivergedError:
                nats[factor] = None
    best = probing.best(nats)
    return None if best is None else (_rate_of(best, middle), outcomes[best])


def _rate_of(factor: float, middle: float) -> float:
    """Return the learning rate that a factor of `probing`, a power of 2, stands for: as many steps of 3."""
    return float(middle * RATE_STEP ** math.log2(factor))


def _watch(tell: Tell) -> Report:
    return lambda row: tell(min(1.0, row.bytes / row.total_bytes))


def labelled(job: Job, candidate: "Candidate", options: Mapping[str, Any]) -> tuple[Labelled, Labelled, Labelled]:
    """Return snippets to learn from, to choose a learning rate on, and to be asked about.

    The first two are of the training text and drawn by the seed, the last of the validation text, the same for all
    seeds; where that has one domain only (a text that is too small), a fifth of the training text's snippets, by their
    hash. As many of each domain everywhere; no snippet stands twice.

    Raises:
        CorpusError: fewer than two domains have snippets on both sides.
    """
    shards, size = Shards.open(job.shards), options["snippet_bytes"]
    asked = _by_domain(shards.split("validation"), candidate, size)
    learned = _by_domain(shards.split("train"), candidate, size)
    if len(_kinds(learned, asked)) < 2:
        asked = {name: [text for text in texts if _is_fifth(text)] for name, texts in learned.items()}
    known = {text for texts in asked.values() for text in texts}
    learned = {name: [text for text in texts if text not in known] for name, texts in learned.items()}
    kinds = sorted(_kinds(learned, asked)[: options["n_labels"]])
    if len(kinds) < 2:
        raise CorpusError(
            f"this experiment tells domains apart, and of {len(learned)} in the text {len(kinds)} have snippets of "
            f"{size} bytes on both sides",
            "give several with --domain talk=talk.txt:line docs=docs.txt",
        )
    n, drawn = options["n_train"], _ordered(learned, kinds, job.seed)
    share = n / (n + options["n_judge"])
    parts = {name: max(1, min(n // len(kinds), round(share * len(texts)))) for name, texts in drawn.items()}
    first = {name: texts[: min(parts.values())] for name, texts in drawn.items()}
    rest = {name: texts[min(parts.values()) :] for name, texts in drawn.items()}
    return (
        _balanced("learned from", first, n),
        _balanced("judged by", rest, options["n_judge"]),
        _balanced("asked about", _ordered(asked, kinds, 0), options["n_test"]),
    )


_LEAST = 4
"""Snippets of a domain on either side."""


def _kinds(learned: Mapping[str, Sequence[bytes]], asked: Mapping[str, Sequence[bytes]]) -> list[str]:
    """Return the domains that have snippets on both sides, those with the most first."""
    both = [name for name in asked if min(len(asked[name]), len(learned.get(name, ()))) >= _LEAST]
    return sorted(both, key=lambda name: (-min(len(asked[name]), len(learned[name])), name))


def _is_fifth(text: bytes) -> bool:
    return next(content_hashes([text], "asked", 0)) < 2**64 // 5


def _by_domain(split: ShardSplit, candidate: "Candidate", n_bytes: int) -> dict[str, list[bytes]]:
    """Return the different snippets of each domain; those of two domains are left out."""
    documents = bpb.decoded(split, candidate) or []
    of: dict[bytes, set[str]] = {}
    for document, domain in zip(documents, split.domain_of.tolist(), strict=True):
        for text in snippets(document, n_bytes):
            of.setdefault(text, set()).add(split.domains[domain])
    found: dict[str, list[bytes]] = {}
    for text, names in of.items():
        if len(names) == 1:
            found.setdefault(min(names), []).append(text)
    return found


def snippets(document: bytes, n_bytes: int) -> Iterator[bytes]:
    """Yield a document's words in groups of at most `n_bytes` and at least half of that, a space between words.

    Spaces and line breaks would tell a review from a manual without a word being read, so all are one space.

    >>> [text.decode() for text in snippets("오늘은  날씨가 참\\n좋다".encode(), 20)]
    ['오늘은 날씨가']
    """
    words: list[bytes] = []
    for word in [*document.split(), b" " * n_bytes]:
        if words and len(b" ".join([*words, word])) > n_bytes:
            text = b" ".join(words)
            if n_bytes / 2 <= len(text) <= n_bytes:
                yield text
            words = []
        words.append(word)


def _ordered(texts: Mapping[str, Sequence[bytes]], kinds: Sequence[str], seed: int) -> dict[str, list[bytes]]:
    """Return the texts of some domains, the lowest hash first."""
    hashed = {name: zip(content_hashes(texts[name], "snippets", seed), texts[name], strict=True) for name in kinds}
    return {name: [text for _, text in sorted(pairs)] for name, pairs in hashed.items()}


def _balanced(name: str, texts: Mapping[str, Sequence[bytes]], n: int) -> Labelled:
    """Return the first texts of each label, as many of each, at most `n` in all."""
    each = min(n // len(texts), *map(len, texts.values()))
    found = [(text, label) for label, those in texts.items() for text in those[:each]]
    return Labelled(name, tuple(text for text, _ in found), tuple(label for _, label in found))


# -- how an objective reads a text


@dataclass(frozen=True)
class Reader:
    """A model, and where its objective puts what it reads and what it says."""

    model: GPT
    objective: str
    vocab_size: int
    """Of the tokenizer, end of text included; ids of the objective follow."""
    eos: int

    @classmethod
    def of(cls, done: Finished) -> "Reader":
        """Return the reader of a trained model."""
        return cls(done.model, done.trainer.settings.objective, done.shards.vocab_size, done.shards.eos)

    def restored(self, tokens: Ints, before: Ints, hidden: Ints) -> Ints:
        """Return what the model says stands at the places `hidden` of a window, the likeliest each time.

        `clm` sees the text before each place, `mlm` the text with masks in those places, `seq2seq` the text with a
        mark in place of each run of them and, of the text itself, what stands before.
        """
        logits = self._at(*self._damaged(tokens, before, hidden))  # (T, V)
        found: Ints = logits[-len(tokens) :][torch.from_numpy(hidden)].argmax(-1).cpu().numpy()
        return found

    def _damaged(self, tokens: Ints, before: Ints, hidden: Ints) -> tuple[Ints, int]:
        """Return the inputs of a damaged window, whose last places are those of the window, and the prefix."""
        if self.objective == "clm":
            return before, 0
        lost = np.zeros(len(tokens), bool)
        lost[hidden] = True
        if self.objective == "mlm":
            return np.where(lost, self.vocab_size, tokens), 0
        is_text = tokens != self.eos
        first = lost & ~np.concatenate([[False], lost[:-1]])
        source = np.where(lost, self.vocab_size + 1, tokens)[is_text & (~lost | first)]
        return np.concatenate([source, [self.vocab_size], tokens[:-1]]), len(source) + 1

    def next(self, prompt: Sequence[int], more: Sequence[int]) -> Tensor:
        """Return the logits of what comes after a prompt and what was said: (V,).

        `mlm` is asked for a mask behind the text, `seq2seq` for the text behind a prompt that ends in a mark.
        """
        text = [*prompt, *more]
        if self.objective == "clm":
            return self._at(np.array([self.eos, *text]), 0)[-1]
        if self.objective == "mlm":
            return self._at(np.array([*text, self.vocab_size]), 0)[-1]
        source = [*prompt, self.vocab_size + 1, self.vocab_size]
        return self._at(np.array([*source, *text]), len(source))[-1]

    def _at(self, inputs: Ints, prefix: int) -> Tensor:
        """Return the logits of one row: (T, V)."""
        device = self.model.embedding.device
        rows = torch.from_numpy(np.asarray(inputs, np.int64))[None].to(device)  # (1, T)
        seen = torch.tensor([prefix], device=device) if self.model.config.mask == "prefix" else None
        return self.model.logits(self.model(rows, prefix=seen)[0])


# -- measures


@torch.inference_mode()
def restored(done: Finished) -> dict[str, Any]:
    """Return the share of hidden bytes that a model restores: 15 % of the tokens of validation text, drawn alike.

    Bytes, so that a long token that is hit counts for more. Which tokens are hidden follows from the text alone.
    """
    options = {**OPTIONS, **done.job.options}
    split, model = done.shards.split("validation"), done.model.eval()
    reader, index = Reader.of(done), WindowIndex(split, done.shards.eos, max(1, model.config.context_bytes // 2))
    n_hit = n_hidden = n_seen = 0
    for number in np.argsort(split.hashes[index.places()[0]], kind="stable"):
        if n_seen >= options["restored_bytes"]:
            break
        hit, hidden = _restored_of(reader, index, int(number))
        n_hit, n_hidden, n_seen = n_hit + hit, n_hidden + hidden, n_seen + int(index.bytes_of(np.array([number]))[0])
    return {"restored": n_hit / n_hidden if n_hidden else None, "restored_of_bytes": n_hidden}


def _restored_of(reader: Reader, index: WindowIndex, number: int) -> tuple[int, int]:
    """Return how many hidden bytes of a placed window were restored, and of how many."""
    split, windows = index.split, index.windows(np.array([number]))
    document, k = (int(part[0]) for part in index.places(np.array([number])))
    inputs, targets = (part[0] for part in index.gather(windows))
    n = len(targets) - int(len(targets) > 0 and targets[-1] == reader.eos)
    if not n:
        return 0, 0
    draws = draws_of(0, 0, int(split.hashes[document]), k)
    hidden = np.sort(draws.choice(n, n_damaged(n), replace=False))
    base, first = int(split.token_offsets[document]), int(windows.first[0])
    ends = split.ends[base : base + first + n].astype(np.int64)
    widths = np.diff(ends, prepend=0)[first:][hidden]
    said = reader.restored(targets, inputs, hidden)
    return int(widths[said == targets[hidden]].sum()), int(widths.sum())


@torch.inference_mode()
def continued(done: Finished) -> dict[str, Any]:
    """Return what is to be said of continuations of validation documents, drawn at temperature 1 (`quality`).

    `known_words`: the share of their whole eojeol that stand somewhere in the training or validation text.
    """
    options = {**OPTIONS, **done.job.options}
    done.model.eval()
    sides = [bpb.decoded(done.shards.split(side), done.candidate) or [] for side in ("validation", "train")]
    asked = sorted(zip(content_hashes(sides[0], "prompts", 0), sides[0], strict=True))[: options["n_samples"]]
    said = [
        _continued(done, _cut(document, options["prompt_bytes"]), options["sample_bytes"], seed)
        for seed, (_, document) in enumerate(asked)
    ]
    texts = [data.decode(errors="replace") for data in said]
    broken = np.array([quality.broken_characters(data) for data in said]).sum(0)
    copies = quality.Copies(texts)
    copies.look(document.decode(errors="replace") for document in sides[1])
    shares = [share for text in texts if (share := copies.share(text)) is not None]
    return {
        "sample": {
            "invalid_utf8": float(broken[0] / max(1, broken[1])),
            "distinct_2": quality.distinct_2(texts),
            "copied": sum(shares) / len(shares) if shares else None,
            "known_words": known_words(
                texts, {w for side in sides for d in side for w in d.decode(errors="replace").split()}
            ),
            "n_bytes": sum(map(len, said)),
            "first": texts[0] if texts else "",
        }
    }


def _continued(done: Finished, prompt: bytes, n_bytes: int, seed: int) -> bytes:
    """Return what a model says after a prompt: bytes that stand fast, until an end of text or `n_bytes` of them."""
    reader, candidate = Reader.of(done), done.candidate
    ids = candidate.encode_ends([prompt], 1)[0].tolist()
    allowed = torch.zeros(done.model.config.vocab_size, dtype=torch.bool, device=done.model.embedding.device)
    allowed[[*Healer(candidate).spelling, reader.eos]] = True
    draws = torch.Generator().manual_seed(seed)
    more: list[int] = []
    for _ in range(n_bytes):
        scores = reader.next(ids, more).masked_fill(~allowed, -torch.inf)  # (V,)
        drawn = int(choose(scores[None], PLAINLY, draws)[0][0])
        if drawn == reader.eos:
            break
        more.append(drawn)
        if len(candidate.decode(more)) >= n_bytes:
            break
    return bytes(candidate.decode(more))


def _cut(document: bytes, n_bytes: int) -> bytes:
    return document[:n_bytes].decode(errors="ignore").encode()


def known_words(texts: Sequence[str], known: set[str]) -> float | None:
    """Return the share of whole eojeol of texts that are `known`; the first and the last of a text may be cut.

    >>> known_words(["는 바다가 좋다", "다 나물은 싫다가 산"], {"바다가", "나물은"})
    0.6666666666666666
    """
    words = [word for text in texts for word in text.split()[1:-1]]
    return sum(word in known for word in words) / len(words) if words else None
