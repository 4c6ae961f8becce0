"""The training loop: steps of whole windows, gradients of the mean over a whole step, AdamW, a schedule in bytes.

    for each step of the text:              the same text in the same step for every tokenizer
        for each batch of the step:         as many padded tokens as memory allows
            loss = sum of nats / targets of the whole step; backward
        add up over ranks, clip, AdamW

Since the sums run over the whole step, its gradient does not depend on how it is cut into batches or spread over ranks.
All gradients are views of one flat buffer, so adding up over ranks, the norm and the clipping are one call each; this
takes the place of DistributedDataParallel, which wants one backward pass per step and rank. A step's random numbers
follow from the seed and the bytes seen, so there is no generator to save, and a resumed run equals a straight one bit
for bit. Scores nothing (`bpb`), chooses no learning rate (`probing`).
"""

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import torch

from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError
from bpe_lab.runs import Point
from bpe_lab.shards import Shards
from bpe_lab_model import checkpoint, cost, devices, optim
from bpe_lab_model.checkpoint import Checkpoint
from bpe_lab_model.devices import ALONE, World
from bpe_lab_model.gpt import GPT
from bpe_lab_model.interrupts import uninterrupted
from bpe_lab_model.memory import keep_freed
from bpe_lab_model.objectives import extra_ids
from bpe_lab_model.prefetch import ahead
from bpe_lab_model.progress import Log, Meter, Progress
from bpe_lab_model.rows import BATCH_COST
from bpe_lab_model.windows import IGNORE, Batch, Step, WindowIndex, steps

_POINTS = 200
"""Of a curve, at most."""

_GPU_BATCH_COST = 2048
"""What a batch costs a GPU beside its places, in places: some thousand launches of kernels. Estimated, not measured."""

_SANE_RATE = 0.01
"""Where a larger learning rate failed, no larger one is proposed."""

Report = Callable[[Progress], None]
Evaluate = Callable[[GPT], float]
"""Returns bits per byte of the validation text."""


@dataclass(frozen=True)
class Settings:
    """How to train. Amounts are bytes of text, so that they mean the same for every tokenizer."""

    total_bytes: int
    """May be more than the training text has: then it is read several times, in another order each."""
    lr: float = 1e-3
    bytes_per_step: int = 16_384
    context_bytes: int | None = None
    """Text that a training window spans; by default the model's context. Less than that for `seq2seq`, whose rows are
    twice as long (`objectives.longest_row`)."""
    stride_bytes: int | None = None
    """From the start of a training window to the next; by default the model's context, so that they do not overlap."""
    schedule: optim.Kind = "wsd"
    warmup_share: float = 0.05
    """Of `total_bytes`. A branch for another budget keeps the warm-up of its trunk."""
    decay_share: float = 0.25
    """Of the budget, with `wsd`."""
    decay_shape: optim.Shape = "linear"
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    clip: float = 1.0
    """Longest gradient; 0 clips nothing."""
    seed: int = 0
    """Fixes the order of documents, what an objective hides, and dropout. The model's own seed fixes its start."""
    objective: str = "clm"
    """`clm`, `mlm`, `seq2seq:spans|delete|shuffle`; only clm gives bits per byte."""
    precision: devices.Precision = "auto"
    compile: bool = False
    max_tokens: int = 8192
    """Padded tokens of a batch: a bound on memory that does not change the result beyond rounding."""
    pack: bool = False
    """Several documents in one row, without attention between them."""
    eval_every_bytes: int | None = None
    save_every_bytes: int | None = None
    keep_last: int | None = None
    """How many checkpoints stay; None: all (older ones keep the model alone)."""

    def __post_init__(self) -> None:
        if self.total_bytes < self.bytes_per_step or self.bytes_per_step < 1:
            raise ArgumentError(
                f"{self.total_bytes:,} bytes are less than one step of {self.bytes_per_step:,}",
                "train on more bytes or take smaller steps",
            )
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ArgumentError(f"the learning rate must be above 0, got {self.lr}")
        if self.clip < 0 or self.weight_decay < 0:
            raise ArgumentError(f"clip and weight decay must not be negative, got {self.clip} and {self.weight_decay}")

    def scheduled(self) -> optim.Schedule:
        """Return the schedule in bytes."""
        total = self.total_bytes
        warmup, decay = round(self.warmup_share * total), round(self.decay_share * total)
        return optim.Schedule(self.schedule, total, warmup, decay, self.decay_shape)


@dataclass(frozen=True)
class Trained:
    """What training did so far."""

    status: Literal["ok", "diverged", "stopped"]
    bytes: int
    tokens: int
    flops: float
    seconds: float
    """Of the steps alone: neither of scoring nor of saving."""
    memory_bytes: int
    steps: int
    epochs: float
    """How often the training text was read."""
    curve: tuple[Point, ...]
    note: str = ""
    """Why it diverged and what to do."""
    hint: str = ""


class Trainer:
    """Trains a model on shards, from wherever it stands.

    >>> trainer = Trainer(model, shards, Settings(total_bytes=1_000_000))   # doctest: +SKIP
    >>> trainer.run().status                                                # doctest: +SKIP
    'ok'

    One trunk for several budgets, each with its own decay; the trunk is not disturbed:

    >>> for budget in (1_000_000, 2_000_000, 4_000_000):                    # doctest: +SKIP
    ...     branch = trainer.branch(budget)
    ...     branch.run(), branch.model
    """

    def __init__(
        self,
        model: GPT,
        shards: Shards,
        settings: Settings,
        folder: Path | None = None,
        report: Report | None = None,
        *,
        evaluate: Evaluate | None = None,
        device: str | None = None,
        world: World = ALONE,
    ) -> None:
        """Put the model on the device.

        Args:
            model: trained in place.
            shards: the text, in ids of the tokenizer.
            settings: how.
            folder: where checkpoints and `log.jsonl` go; None: nowhere.
            report: called after every step, on the first rank.
            evaluate: gives the validation BPB at every `eval_every_bytes`.
            device: by default a GPU where there is one.
            world: this process among those that train together.

        Raises:
            ArgumentError: the shards' vocabulary is larger than the model's.
            CorpusError: there is nothing to train on.
            UnsupportedError: the device is not there.
        """
        _check(model, shards, settings.objective)
        self.device = devices.device(device)
        self.model, self.shards, self.settings = model.to(self.device), shards, settings
        self.folder, self.report, self.evaluate, self.world = folder, report, evaluate, world
        self.schedule = settings.scheduled()
        self.dtype = devices.dtype(self.device, settings.precision)
        betas = (settings.beta1, settings.beta2)
        self.optimizer = optim.adamw(model, settings.lr, settings.weight_decay, betas)
        self.meter = Meter()
        self.status: Literal["ok", "diverged", "stopped"] = "ok"
        self.note = self.hint = ""
        self._gradients = _flat_gradients(model)
        if settings.compile:  # blocks alone: they are alike, so one compilation serves all of them
            for block in model.blocks:
                block.compile(dynamic=True)
        self._log = Log(folder) if folder is not None and world.is_first else None
        self._fixed_flops, self._flops_per_place = _flops(model)

    def run(self) -> Trained:
        """Train to the end of the schedule, save, and say what was done.

        Raises:
            FileError: the last checkpoint could not be written; the one before stands.
            KeyboardInterrupt: on Ctrl-C, after saving the last finished step (and likewise for other ways to be ended).
        """
        self._guarded(None)
        if self.status == "ok":
            if self.meter.pending_bytes:
                self.meter.mark()
            self.save()
        return self.trained()

    def run_to(self, n_bytes: int) -> Trained:
        """Take every step whose middle lies before `n_bytes` of text."""
        self._guarded(n_bytes)
        return self.trained()

    def branch(self, total_bytes: int, folder: Path | None = None) -> "Trainer":
        """Run on to where the decay of a budget begins, and return a trainer of its own that goes on from there.

        What it trains is a copy: this trunk stays as it is, and may run on to where a larger budget leaves it.

        Raises:
            ArgumentError: the trunk is past that place already; budgets must ascend.
        """
        self.run_to(self.aim(total_bytes))
        return self._fork(folder)

    def aim(self, total_bytes: int) -> int:
        """Take the schedule of a budget, and return at how many bytes its decay begins: where `branch` leaves.

        Raises:
            ArgumentError: this trainer is past that place already.
        """
        decay = round(self.settings.decay_share * total_bytes)
        schedule = replace(self.schedule, total_bytes=total_bytes, decay_bytes=decay)
        # A step is taken where its middle lies before the place, and is whole windows: it may end so far behind it.
        passed = self.meter.bytes - self.settings.bytes_per_step
        if passed >= schedule.decay_starts and self.meter.bytes > self.schedule.warmup_bytes:
            raise ArgumentError(
                f"the decay of {total_bytes:,} bytes begins at {schedule.decay_starts:,}, "
                f"and the trunk is at {self.meter.bytes:,}",
                "branch in ascending order",
            )
        self.schedule = schedule
        return schedule.decay_starts

    def _fork(self, folder: Path | None) -> "Trainer":
        """Return a trainer with copies of all that training changes."""
        other = Trainer(
            copy.deepcopy(self.model),
            self.shards,
            replace(self.settings, total_bytes=self.schedule.total_bytes),
            folder,
            self.report,
            evaluate=self.evaluate,
            device=str(self.device),
            world=self.world,
        )
        other.optimizer.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        other.schedule, other.meter = self.schedule, copy.deepcopy(self.meter)
        other.status, other.note, other.hint = self.status, self.note, self.hint
        return other

    def trained(self) -> Trained:
        """Return what was done so far."""
        m = self.meter
        epochs = m.bytes / self.shards.split("train").n_bytes
        memory = devices.peak_memory_bytes(self.device)
        curve = tuple(m.curve)
        return Trained(
            self.status, m.bytes, m.tokens, m.flops, m.seconds, memory, m.steps, epochs, curve, self.note, self.hint
        )

    def gradient(self, step: Step) -> torch.Tensor:
        """Return the gradient of a step's mean loss at the weights as they are, all parameters in one row: (n,).

        Neither clipped nor followed; dropout is on, as in training.
        """
        self._backward(step)
        self.world.add_up(self._gradients)
        return self._gradients.clone()

    # The loop.

    def _guarded(self, until: int | None) -> None:
        """Run the loop with its own random numbers, and save what is finished where somebody ends it."""
        if self.device.type == "cpu":
            keep_freed()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            try:
                self._loop(until)
            except BaseException as e:
                if not isinstance(e, Exception):  # Ctrl-C, SIGTERM
                    self.status = "stopped"
                    self.save()
                raise

    def _loop(self, until: int | None) -> None:
        if self.status == "diverged":
            return
        self.status = "ok"
        for step in self._steps():
            middle = self.meter.bytes + step.n_bytes / 2
            if until is not None and middle >= until:
                return
            if not self._take(step, self.settings.lr * self.schedule.factor(middle)):
                return
            self._between_steps(step)

    def _take(self, step: Step, lr: float) -> bool:
        """Take one step; False where it would spoil the weights. Ctrl-C comes before anything changes or after all."""
        started = time.perf_counter()
        torch.manual_seed(_step_seed(self.settings.seed, self.meter.bytes, self.world.rank))
        sums = self._backward(step)
        with uninterrupted():
            self.world.add_up(self._gradients)
            length = torch.linalg.vector_norm(self._gradients)
            nats, places, squares, norm = torch.cat((self.world.add_up(sums), length.double()[None])).tolist()
            if not (math.isfinite(nats) and math.isfinite(norm)):
                self._diverge(nats, norm, lr)
                return False
            if self.settings.clip and norm > self.settings.clip:
                self._gradients.mul_(self.settings.clip / norm)
            optim.set_rate(self.optimizer, lr)
            self.optimizer.step()
            flops = places * self._fixed_flops + squares * self._flops_per_place
            seconds = time.perf_counter() - started
            self.meter.add(step.n_bytes, step.n_targets, flops, seconds, nats, norm, lr)
            if self.meter.pending_bytes >= self.schedule.total_bytes / _POINTS:
                self.meter.mark()
        return True

    def _backward(self, step: Step) -> torch.Tensor:
        """Fill this rank's gradients of the step's mean loss; return its nats, and sum and squares of lengths.  (3,)"""
        self.model.train()
        self._gradients.zero_()
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)  # (3,)
        for batch in step.batches:
            with devices.autocast(self.device, self.dtype):
                loss = self.model.loss(_placed(batch, self.device))  # ()
            (loss / step.n_targets).backward()  # type: ignore[no-untyped-call]
            sums[0] += loss.detach()
            sums[1:] += _lengths(batch).to(self.device)
        return sums

    def _diverge(self, nats: float, norm: float, lr: float) -> None:
        what, value = ("the loss", nats) if not math.isfinite(nats) else ("the gradient", norm)
        warmup, clip = self.settings.warmup_share, min(self.settings.clip or 1.0, 0.5)
        gentler = min(self.settings.lr / 3, _SANE_RATE)
        self.status = "diverged"
        self.note = f"{what} became {value} after {self.meter.bytes:,} bytes, at a learning rate of {lr:.3g}"
        self.hint = (
            f"try --lr {gentler:.2g}, a longer warm-up (now {warmup:.0%} of the bytes) or --clip {clip}; "
            "checkpoints hold no step of it"
        )

    def _between_steps(self, step: Step) -> None:
        """Score, save, log and report, each where it is time to."""
        settings, meter = self.settings, self.meter
        if self.evaluate and _crossed(settings.eval_every_bytes, meter.bytes, step.n_bytes):
            meter.mark(self.evaluate(self.model))
        if not self.world.is_first:
            return
        row = meter.row(self.schedule.total_bytes, step.epoch, self.peak_flops())
        warnings = [_tried(self._log.add, row)] if self._log else []
        if _crossed(settings.save_every_bytes, meter.bytes, step.n_bytes):
            warnings.append(_tried(self.save))
        if self.report:
            self.report(replace(row, warning="; ".join(filter(None, warnings))))

    def peak_flops(self) -> float:
        """Return the FLOP/s of the whole world that MFU is a share of."""
        return devices.peak_flops(self.device, self.dtype)[0] * self.world.size

    def _steps(self) -> Iterator[Step]:
        s = self.settings
        context = s.context_bytes or self.model.config.context_bytes
        index = WindowIndex(self.shards.split("train"), self.shards.eos, context, s.stride_bytes)
        found = steps(
            index,
            s.bytes_per_step,
            s.seed,
            total_bytes=self.schedule.total_bytes,
            start_bytes=self.meter.bytes,
            rank=self.world.rank,
            world=self.world.size,
            max_tokens=s.max_tokens,
            pack=s.pack,
            objective=s.objective,
            batch_cost=BATCH_COST if self.device.type == "cpu" else _GPU_BATCH_COST,
        )
        return found if self.device.type == "cpu" else ahead(found)

    # Saving and going on.

    def save(self) -> Path | None:
        """Write a checkpoint of the last finished step; None without a folder or a step, or on other ranks.

        Raises:
            FileError: writing failed; what was saved before stands.
        """
        if self.folder is None or not self.world.is_first or not self.meter.steps:
            return None
        tokenizer, keep_last = self.shards.tokenizer_path, self.settings.keep_last
        with uninterrupted():
            return checkpoint.keep(
                self.folder, self.meter.bytes, self.model, self.optimizer, self.state(), tokenizer, keep_last
            )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside tensors."""
        return {
            "settings": asdict(self.settings),
            "schedule": asdict(self.schedule),
            "progress": self.meter.to_json(),
            "tokenizer": _tokenizer_of(self.shards),
            "corpus_sha256": self.shards.manifest["corpus_sha256"],
            "machine": devices.machine(self.device),
            "world": self.world.size,
        }

    def resume(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint: bit for bit as without the break, on the same machine and number of ranks.

        Raises:
            FormatError: it was trained with another tokenizer, on another text, or with other settings.
        """
        _refuse_other(saved, self)
        self.model.load_state_dict(saved.model.state_dict())
        saved.restore(self.optimizer, self.model)
        self.meter = Meter.from_json(saved.state["progress"])
        self.schedule = optim.Schedule(**saved.state["schedule"])
        if self._log:
            self._log.cut(self.meter.bytes)


def _tried(write: Callable[..., object], *args: object) -> str:
    """Write, or return a warning: what was trained is worth more than its log, and the next save tries again."""
    try:
        write(*args)
    except FileError as e:
        return f"{e.message} ({e.hint}); training goes on"
    return ""


def settings_from(state: dict[str, Any]) -> Settings:
    """Return the settings that a checkpoint was trained with."""
    known = {f.name for f in fields(Settings)}
    return Settings(**{name: value for name, value in state["settings"].items() if name in known})


def _tokenizer_of(shards: Shards) -> dict[str, Any]:
    return {"fingerprint": shards.fingerprint, "vocab_size": shards.vocab_size, "eos": shards.eos}


def _check(model: GPT, shards: Shards, objective: str) -> None:
    n_ids = shards.vocab_size + extra_ids(objective)
    if n_ids > model.config.vocab_size:
        raise ArgumentError(
            f"the shards have {n_ids:,} ids, the model {model.config.vocab_size:,}",
            f"make the model with vocab_size {n_ids}",
        )
    if shards.split("train").n_bytes == 0:
        raise CorpusError("the shards hold no text to train on", "hold out less")


def refuse_other_tokenizer(saved: Checkpoint, shards: Shards) -> None:
    """Raise FormatError where a checkpoint and shards are of two tokenizers."""
    if saved.fingerprint != shards.fingerprint:
        raise FormatError(
            f"the checkpoint is of tokenizer {saved.fingerprint[:12]}, the shards of {shards.fingerprint[:12]}",
            "give the shards it was trained on",
        )


_MAY_DIFFER = {"max_tokens", "eval_every_bytes", "save_every_bytes", "keep_last", "compile"}
"""Settings that change no result beyond rounding."""


def _refuse_other(saved: Checkpoint, trainer: Trainer) -> None:
    state, shards = saved.state, trainer.shards
    refuse_other_tokenizer(saved, shards)
    if state.get("corpus_sha256") != shards.manifest["corpus_sha256"]:
        raise FormatError("the shards hold another text than the one trained on", "give the shards it was trained on")
    if saved.config != trainer.model.config:
        raise FormatError("the checkpoint is of a model of another shape", "leave out the options of the model")
    now = asdict(trainer.settings)
    other = sorted(
        name for name, value in state["settings"].items() if name not in _MAY_DIFFER and now.get(name) != value
    )
    if other:
        told = ", ".join(f"{name} {state['settings'][name]} (now {now.get(name)})" for name in other)
        raise FormatError(f"the checkpoint was trained with {told}", "leave those options out, or start a new run")


def _flat_gradients(model: torch.nn.Module) -> torch.Tensor:
    """Return one buffer of which every parameter's gradient is a view."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    flat = torch.zeros(sum(p.numel() for p in parameters), device=parameters[0].device)
    start = 0
    for p in parameters:
        p.grad = flat[start : start + p.numel()].view_as(p)
        start += p.numel()
    return flat


def _flops(model: GPT) -> tuple[float, float]:
    """Return training FLOPs per token, and what each place of its row adds to that."""
    fixed = cost.flops_per_token(model.config, 0)
    return fixed, cost.flops_per_token(model.config, 1) - fixed


def _lengths(batch: Batch) -> torch.Tensor:
    """Return the sum of the lengths of rows and of their squares, without padding.  (2,)"""
    scored = batch.targets != IGNORE  # (B, T)
    if batch.positions is None:
        counted = torch.arange(1, scored.shape[1] + 1) * scored  # (B, T)
        lengths = counted.amax(1)  # (B,)
        return torch.stack((lengths.sum(), (lengths**2).sum())).double()
    # Packed: the squares of 1 ... n grow by 1, 3, 5, ...
    return torch.stack((scored.sum(), (2 * batch.positions[scored] + 1).sum())).double()


def _placed(batch: Batch, device: torch.device) -> Batch:
    """Return the batch on the device; towards a GPU from pinned memory, without waiting for the copy."""
    if device.type == "cpu":
        return batch
    found = {f.name: getattr(batch, f.name) for f in fields(batch)}
    pinned = {name: value.pin_memory() for name, value in found.items() if isinstance(value, torch.Tensor)}
    return Batch(**found | pinned).to(device)


def _step_seed(seed: int, n_bytes: int, rank: int) -> int:
    """Return the seed of a step's dropout."""
    return int.from_bytes(hashlib.sha256(f"step {seed} {n_bytes} {rank}".encode()).digest()[:8], "little")


def _crossed(every: int | None, n_bytes: int, n_new: int) -> bool:
    """Tell whether the last `n_new` of `n_bytes` bytes went over a multiple of `every`."""
    return every is not None and n_bytes // every > (n_bytes - n_new) // every
