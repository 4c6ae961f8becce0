"""Fine-tuning to classify: a trunk and a linear layer over labels, its accuracy with an interval, and what it costs.

    window of text -> trunk -> decoder: the last place; encoder: the mean of all places -> label

The trunk comes from a checkpoint or starts from scratch. A text longer than the context is several windows: in training
each of them has the text's label, in prediction the windows' log-probabilities are averaged, weighted by their bytes.
Training is `tuning.tune`; this file gives it other targets and another loss.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from bpe_lab.downstream.student import quantile
from bpe_lab.errors import ArgumentError, FormatError
from bpe_lab.shards import Shards, ShardSplit, encode_split, write_shards
from bpe_lab_model import checkpoint, cost, tuning
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.labelled import Labelled
from bpe_lab_model.lora import LoRA
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.rows import IGNORE, Ints, Row, WindowIndex, Windows
from bpe_lab_model.training import Report
from bpe_lab_model.tuning import Effort, Tuned
from bpe_lab_model.windows import Batch

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

Floats = NDArray[np.float64]
KEY = "classifier"
"""Where a checkpoint's state keeps labels and the layer over them."""


class LabelIndex(WindowIndex):
    """Windows whose last place has the text's label as target, and whose other places have none.

    The domain of a document is its label.
    """

    def windows(self, numbers: NDArray[Any]) -> Windows:
        """Return the tokens of placed windows; of each the last alone is scored."""
        windows = super().windows(numbers)
        return replace(windows, skip=np.maximum(windows.n_tokens - 1, 0))

    def gather(self, windows: Windows) -> Row:
        """Return rows and the label at the last place of each: (B, T) each."""
        inputs, targets = super().gather(windows)
        targets[targets != IGNORE] = self.split.domain_of[windows.document]
        return inputs, targets


class Classifier(GPT):
    """A trunk and a linear layer over labels, which starts at zero: all labels are equally likely at first.

    With a two-way mask it is an encoder and the layer reads the mean of all places, else the last place.
    """

    def __init__(self, config: Config, labels: Sequence[str], token_bytes: Sequence[bytes] | None = None) -> None:
        super().__init__(config, token_bytes)
        self.labels = tuple(labels)
        self.classes = nn.Linear(self.head_weight.shape[1], len(labels))
        nn.init.zeros_(self.classes.weight)
        nn.init.zeros_(self.classes.bias)
        if self.head is not None:
            self.head.requires_grad_(False)  # predicts tokens; nothing here asks it

    @property
    def is_encoder(self) -> bool:
        """Whether every place sees all others."""
        return self.config.mask == "two-way"

    @property
    def n_trainable(self) -> int:
        """Parameters that training changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def classify(self, batch: Batch) -> Tensor:
        """Return the log-probability of each label for each row: (B, n_labels)."""
        is_last = batch.targets != IGNORE  # (B, T)
        is_text = is_last.flip(1).cumsum(1).flip(1)  # (B, T)
        padded = self.is_encoder and not bool(is_text.all())
        hidden = self(batch.inputs, segments=is_text if padded else None)  # (B, T, d)
        read = is_text if self.is_encoder else is_last  # (B, T)
        pooled = (hidden.float() * read[..., None]).sum(1) / read.sum(1, keepdim=True)  # (B, d)
        return F.log_softmax(self.classes(pooled).float(), -1)  # (B, n_labels)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of nats over rows."""
        return F.nll_loss(self.classify(batch), batch.targets.max(1).values, reduction="sum").double()

    def flops(self, n_tokens: int) -> float:
        """Return the floating-point operations that classifying a row of so many tokens takes."""
        width = self.head_weight.shape[1]
        per_token = cost.flops_per_token(self.config, n_tokens, training=False) - 2 * self.config.vocab_rows * width
        return n_tokens * per_token + 2 * width * len(self.labels)


@dataclass(frozen=True)
class Arm:
    """A tokenizer, and the model to go on from; without one, the shape of a model that starts from scratch."""

    name: str
    candidate: "Candidate"
    start: GPT | Config
    came_from: str = "scratch"


@dataclass(frozen=True)
class Plan:
    """How each arm is tuned."""

    encoder: bool = False
    epochs: float = 10
    n_seeds: int = 3
    lr: float = 1e-3
    bytes_per_step: int = 8192
    max_tokens: int = 8192
    first_seed: int = 0
    adapters: LoRA | None = None
    """None trains all of the model."""
    frozen: bool = False
    """The layer over labels alone is trained."""

    def effort(self, seed: int) -> Effort:
        """Return how the model of a seed is tuned."""
        return Effort(self.epochs, self.lr, self.bytes_per_step, self.max_tokens, seed, self.adapters, self.frozen)


@dataclass(frozen=True)
class Outcome:
    """What one arm came to, over all seeds on the same held-out texts."""

    arm: str
    came_from: str
    pooling: str
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    """Label of each held-out text, [n]."""
    said: NDArray[np.int64]
    """What each seed's model said, [n_seeds, n]."""
    majority: int
    """The label that most training texts have."""
    n_trained_on: int
    n_trainable: int
    n_tokens: int
    """Of the held-out texts, ends included."""
    flops_per_text: float
    seconds_per_text: float
    """The least of all seeds, on this machine."""
    seconds: float
    """Of training, all seeds."""
    label_nats: Floats | None = None
    """What each seed's model spends on the label of each held-out text, [n_seeds, n]."""
    tuned: tuple[Tuned, ...] = ()
    """What training took, by seed."""

    @property
    def accuracies(self) -> list[float]:
        """Share of held-out texts that each seed's model gets right."""
        return [float(x) for x in (self.said == self.truth).mean(1)]

    @property
    def accuracy(self) -> float:
        """Their mean."""
        return mean(self.accuracies)

    @property
    def majority_accuracy(self) -> float:
        """What always saying the most frequent label of the training texts gets right."""
        return float((self.truth == self.majority).mean())

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 %: over texts (Wilson) or over seeds (Student's t), whichever is wider."""
        return wider(wilson(self.accuracy, len(self.truth)), over_seeds(self.accuracies))

    @property
    def confusion(self) -> NDArray[np.int64]:
        """How often each label (row) was taken for each (column), all seeds together: (n_labels, n_labels)."""
        counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        np.add.at(counts, (np.broadcast_to(self.truth, self.said.shape), self.said), 1)
        return counts


def wilson(share: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `n`.

    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n); unlike p +- z sqrt(p(1-p)/n) it stays within 0 and 1 and
    has a width at 0 and 1 (Wilson 1927).

    >>> [round(x, 3) for x in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = share + z * z / (2 * n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def over_seeds(accuracies: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean over seeds, within 0 and 1; one seed tells nothing and has no width."""
    n, middle = len(accuracies), mean(accuracies)
    half = quantile((1 + level) / 2, n - 1) * stdev(accuracies) / n**0.5 if n > 1 else 0.0
    return max(0.0, middle - half), min(1.0, middle + half)


def wider(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """Return the wider of two intervals."""
    return a if a[1] - a[0] >= b[1] - b[0] else b


def tune(
    arm: Arm, train: Labelled, test: Labelled, plan: Plan, report: Report | None = None
) -> tuple[Outcome, Classifier]:
    """Tune one model a seed and ask each about the held-out texts; return what came out, and the first seed's model.

    Raises:
        ArgumentError: a checkpoint whose positions cannot be read both ways, or a vocabulary of another size.
        DivergedError: training diverged.
    """
    labels = train.kinds
    with tempfile.TemporaryDirectory() as folder:
        shards = _shards(Path(folder) / "shards", arm.candidate, train, test)
        held = shards.split("validation")
        truth = np.array([labels.index(label) for label in test.labels])
        models, taken, logs, times = [], [], [], []
        for seed in range(plan.first_seed, plan.first_seed + plan.n_seeds):
            model, tuned = _tuned(arm, shards, labels, plan, seed, report)
            started = time.perf_counter()
            logs.append(_checked(predict(model, held, plan.max_tokens)))
            times.append(time.perf_counter() - started)
            models.append(model)
            taken.append(tuned)
        outcome = Outcome(
            arm=arm.name,
            came_from=arm.came_from,
            pooling="encoder" if plan.encoder else "decoder",
            labels=labels,
            truth=truth,
            said=np.stack([found.argmax(1) for found in logs]),
            majority=labels.index(Counter(train.labels).most_common(1)[0][0]),
            n_trained_on=len(train),
            n_trainable=taken[0].n_trainable,
            n_tokens=held.n_tokens + held.n_documents,
            flops_per_text=_flops(models[0], held) / len(test),
            seconds_per_text=min(times) / len(test),
            seconds=sum(tuned.seconds for tuned in taken),
            label_nats=np.stack([_label_nats(found, truth) for found in logs]),
            tuned=tuple(taken),
        )
    return outcome, models[0]


def _checked(logs: Floats) -> Floats:
    """Return a model's answers; a last step that diverges leaves no loss to see it by, only answers that are none.

    Raises:
        DivergedError: one of them is no number.
    """
    if not np.isfinite(logs).all():
        raise DivergedError("training diverged, what the model answers is no number", "take a smaller --lr")
    return logs


def _shards(folder: Path, candidate: "Candidate", train: Labelled, test: Labelled) -> Shards:
    """Write both sides, with labels as domains; those of the training come first in the order of `kinds`."""
    texts, labels = list(train.texts), list(train.labels)
    order = sorted(range(len(texts)), key=labels.__getitem__)  # so that domains are numbered as `kinds` are
    return write_shards(
        folder,
        candidate,
        {"train": [texts[i] for i in order], "validation": test.texts},
        domains={"train": [labels[i] for i in order], "validation": test.labels},
    )


def _label_nats(logs: Floats, truth: NDArray[np.int64]) -> Floats:
    """Return the nats of the true labels, (n,); windows' mean log-probabilities are scaled to sum to 1 first."""
    found: Floats = np.logaddexp.reduce(logs, axis=1) - logs[np.arange(len(truth)), truth]
    return found


def _tuned(
    arm: Arm, shards: Shards, labels: tuple[str, ...], plan: Plan, seed: int, report: Report | None
) -> tuple[Classifier, Tuned]:
    """Return a tuned model and what that took."""
    torch.manual_seed(seed)
    model = _model(arm, shards, labels, plan.encoder, seed)
    return model, tuning.tune(model, shards, _labels, plan.effort(seed), unfrozen=("classes",), report=report)


def _labels(shards: Shards, context_bytes: int) -> LabelIndex:
    return LabelIndex(shards.split("train"), shards.eos, context_bytes)


def _model(arm: Arm, shards: Shards, labels: tuple[str, ...], encoder: bool, seed: int) -> Classifier:
    start = arm.start
    if isinstance(start, Config):
        config = replace(start, vocab_size=shards.vocab_size, seed=seed, mask="two-way" if encoder else "causal")
        return Classifier(config, labels, embedding_keys(arm.candidate, shards.vocab_size))
    if start.config.vocab_size < shards.vocab_size:
        raise ArgumentError(
            f"{arm.name} has {shards.vocab_size:,} ids, the checkpoint {start.config.vocab_size:,}",
            "give the tokenizer that it was trained with",
        )
    config = replace(start.config, mask="two-way" if encoder else start.config.mask)
    model = Classifier(config, labels)
    try:
        model.load_state_dict(start.state_dict(), strict=False)
    except RuntimeError:
        raise ArgumentError(
            f"{arm.came_from} has {config.position} positions of one direction: an encoder cannot go on from it",
            "leave --encoder out, or start from scratch",
        ) from None
    return model


@torch.no_grad()
def predict(model: Classifier, split: ShardSplit, max_tokens: int = 8192) -> Floats:
    """Return the mean log-probability of each label over the windows of each text, weighted by bytes: (n, n_labels)."""
    model.eval()
    index = LabelIndex(split, split.eos, model.config.context_bytes)
    device = model.embedding.device
    logs = np.zeros((split.n_documents, len(model.labels)))  # (n, n_labels)
    for numbers, windows in index.groups(max_tokens):
        inputs, targets = (torch.from_numpy(part).to(device) for part in index.gather(windows))
        found = model.classify(Batch(inputs, targets)).double().cpu().numpy()  # (B, n_labels)
        np.add.at(logs, windows.document, found * index.bytes_of(numbers)[:, None])
    n_bytes: Ints = np.diff(split.byte_offsets).astype(np.int64)  # (n,)
    return logs / n_bytes[:, None]


def _flops(model: Classifier, split: ShardSplit) -> float:
    index = LabelIndex(split, split.eos, model.config.context_bytes)
    lengths: Ints = np.concatenate([windows.n_tokens for _, windows in index.groups()])
    return sum(model.flops(int(n)) * count for n, count in Counter(lengths.tolist()).items())


def label(model: Classifier, candidate: "Candidate", texts: Sequence[bytes]) -> list[tuple[str, float]]:
    """Return the likeliest label of each text and its probability, from the mean log-probability of its windows."""
    logs = predict(model, encode_split(candidate, texts))
    shares = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
    return [(model.labels[best], float(row[best])) for row, best in zip(shares, shares.argmax(1), strict=True)]


# A tuned model on disk is a checkpoint of its trunk, whose state holds the labels and the layer over them.


def save(folder: Path, model: Classifier, arm: Arm, tokenizer: Path | None, *, force: bool = False) -> Path:
    """Write a tuned model.

    Raises:
        FileError: the folder is there and `force` is not given, or writing failed.
    """
    trunk = GPT(model.config)
    trunk.load_state_dict({name: t for name, t in model.state_dict().items() if not name.startswith("classes.")})
    layer = {name: p.detach().cpu().tolist() for name, p in model.classes.named_parameters()}
    state = {
        KEY: {"labels": list(model.labels), **layer},
        "tokenizer": {"fingerprint": arm.candidate.fingerprint, "vocab_size": model.config.vocab_size},
    }
    return checkpoint.save(folder, trunk, None, state, tokenizer, force=force)


def classifier_of(saved: checkpoint.Checkpoint) -> Classifier:
    """Return the tuned model of a checkpoint.

    Raises:
        FormatError: it is of a model that was not tuned to classify.
    """
    kept = saved.state.get(KEY)
    if kept is None:
        raise FormatError(
            f"{saved.folder} classifies nothing", "make one with bpe-lab lm finetune classify ... -o FOLDER"
        )
    model = Classifier(saved.config, kept["labels"])
    layer = {f"classes.{name}": torch.tensor(kept[name]) for name in ("weight", "bias")}
    model.load_state_dict({**saved.model.state_dict(), **layer})
    return model
