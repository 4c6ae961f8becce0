"""Rows to batches and steps: the order of training, which is the same for every tokenizer, and a Dataset for those who
want one.

A step is filled with whole windows until it has so many bytes of text. Which windows, and in which order, is decided by
the seed, the epoch, the document's content and the place in it, never by tokens: so two tokenizers see the same bytes
in the same step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError
from bpe_lab.shards import ShardSplit
from bpe_lab_model.objectives import Objective, Row, canonical, draws_of
from bpe_lab_model.rows import BATCH_COST, IGNORE, Ints, Window, WindowIndex, Windows, by_padded_size, check_text

__all__ = ["IGNORE", "Batch", "Step", "TokenWindows", "Window", "WindowIndex", "steps"]


@dataclass
class Batch:
    """Rows for one forward pass, padded on the right."""

    inputs: Tensor
    """(B, T) int64."""
    targets: Tensor
    """(B, T) int64, IGNORE where nothing is scored."""
    segments: Tensor | None = None
    """(B, T) int64: which packed row a position belongs to; attention stays within. None where each row stands
    alone."""
    positions: Tensor | None = None
    """(B, T) int64, beginning at 0 in each segment; None where they simply count."""
    prefix: Tensor | None = None
    """(B,) int64: how many positions from the first on see each other both ways."""
    n_bytes: int = 0
    """Bytes of text that its rows own."""

    def to(self, device: Any) -> "Batch":
        """Return the batch on a device."""
        moved = {name: getattr(self, name) for name in ("inputs", "targets", "segments", "positions", "prefix")}
        moved = {name: t if t is None else t.to(device, non_blocking=True) for name, t in moved.items()}
        return Batch(**moved, n_bytes=self.n_bytes)

    @property
    def n_targets(self) -> int:
        """Scored targets."""
        return int((self.targets != IGNORE).sum())


@dataclass
class Step:
    """What one update of the parameters is made from. The counts are those of all ranks."""

    batches: list[Batch]
    """Those of this rank; none where the step has fewer rows than there are ranks."""
    n_bytes: int
    """Bytes of text."""
    n_targets: int
    """Scored targets, ends of text included."""
    epoch: int
    """From 0: that of the first window."""
    bytes_seen: int
    """After this step, since the beginning of training: what `start_bytes` takes."""


def steps(
    index: WindowIndex,
    bytes_per_step: int,
    seed: int,
    *,
    total_bytes: int | None = None,
    epochs: float | None = None,
    start_bytes: int = 0,
    rank: int = 0,
    world: int = 1,
    max_tokens: int = 8192,
    pack: bool = False,
    objective: str = "clm",
    batch_cost: int = BATCH_COST,
) -> Iterator[Step]:
    """Yield the steps of a training run.

    Windows go in whole, so a step has up to a window more than `bytes_per_step`; the run ends with the step that
    reaches the end. An epoch that is over is followed by the next within a step. Ranks share out the rows of each step,
    so that together they see what one process would.

    Args:
        total_bytes: how much text to see; or
        epochs: how often to see all of it.
        start_bytes: a `bytes_seen` of an earlier run: the steps that follow are those that followed there, bit for bit.
        max_tokens: places of a batch, padding included; a single longer row is a batch of its own.
        pack: put short rows behind each other instead of padding them; not with `seq2seq`, whose rows have a prefix.
        objective: see `objectives`; what is damaged is decided by seed, epoch and window.
        batch_cost: what a batch costs beside its places, in places: rows of like length share one where that pays.

    Cost: 24 bytes of memory a window; a sort of all windows an epoch.
    """
    check_text(index)
    _check(bytes_per_step=bytes_per_step, world=world, max_tokens=max_tokens, batch_cost=batch_cost)
    if seed < 0:
        raise ArgumentError(f"seed must be at least 0, got {seed}")
    if not 0 <= rank < world:
        raise ArgumentError(f"rank must be from 0 to {world - 1}, got {rank}")
    if (total_bytes is None) == (epochs is None):
        raise ArgumentError("one of total_bytes and epochs must be given")
    total = round(float(epochs or 0) * index.n_bytes) if total_bytes is None else total_bytes
    rows = _Rows(index, Objective(canonical(objective), index.split.vocab_size), seed, (max_tokens, batch_cost), pack)
    seen = start_bytes
    for chosen in step_windows(index, bytes_per_step, seed, start_bytes, total):
        n_bytes = int(index.bytes_of(chosen.numbers).sum())
        windows = index.windows(chosen.numbers)
        scored = np.flatnonzero(windows.n_scored > 0)
        order = scored[np.argsort(-windows.n_tokens[scored], kind="stable")]
        mine = order[rank::world]
        batches = list(rows.batches(chosen.take(mine), windows.take(mine)))
        seen += n_bytes
        yield Step(batches, n_bytes, rows.n_targets(windows.take(scored)), int(chosen.epochs[0]), seen)


def _check(**numbers: int) -> None:
    for name, n in numbers.items():
        if n < 1:
            raise ArgumentError(f"{name} must be at least 1, got {n}")


@dataclass(frozen=True)
class Placed:
    """Placed windows, and the epoch in which each is met."""

    numbers: Ints
    """See `WindowIndex.places`."""
    epochs: Ints

    def take(self, places: Ints) -> "Placed":
        """Return some of them."""
        return Placed(self.numbers[places], self.epochs[places])


def step_windows(index: WindowIndex, bytes_per_step: int, seed: int, start_bytes: int, total: int) -> Iterator[Placed]:
    """Yield the windows of each step of `steps`, in order. Looks at no token."""
    if start_bytes < 0:
        raise ArgumentError(f"start_bytes must be at least 0, got {start_bytes}")
    per_epoch, seen = index.n_bytes, start_bytes
    # Windows without bytes (empty documents) stand behind the byte where a step ended, so they belong to the next one.
    epoch = max(0, -(-start_bytes // per_epoch) - 1)
    order, ends = _epoch(index, seed, epoch)
    at = _place_after(ends, start_bytes - epoch * per_epoch)
    while seen < total:
        wanted = min(seen + bytes_per_step, total)
        parts: list[Placed] = []
        while seen < wanted:
            if at == len(order):
                epoch, at = epoch + 1, 0
                order, ends = _epoch(index, seed, epoch)
            stop = min(int(np.searchsorted(ends, wanted - epoch * per_epoch)) + 1, len(order))
            parts.append(Placed(order[at:stop], np.full(stop - at, epoch)))
            at, seen = stop, epoch * per_epoch + int(ends[stop - 1])
        yield Placed(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "epochs")))


def _epoch(index: WindowIndex, seed: int, epoch: int) -> tuple[Ints, Ints]:
    """Return the windows of an epoch in order, and the bytes up to the end of each."""
    order = epoch_order(index, seed, epoch)
    return order, np.cumsum(index.bytes_of()[order])


def _place_after(ends: Ints, n_bytes: int) -> int:
    """Return how many windows of an epoch `n_bytes` are.

    Raises:
        ArgumentError: a window would be cut.
    """
    if n_bytes == 0:
        return 0
    at = int(np.searchsorted(ends, n_bytes))
    if at == len(ends) or ends[at] != n_bytes:
        raise ArgumentError(
            f"start_bytes ends {n_bytes} bytes into its epoch, where no window does",
            "give a Step's bytes_seen of the same run",
        )
    return at + 1


def epoch_order(index: WindowIndex, seed: int, epoch: int) -> Ints:
    """Return the placed windows of an epoch in order: by a hash of seed, epoch, the document's content and the place in
    it.

    Windows of one document are spread over the epoch, or a long document would be a step of its own. Equal documents
    keep their order.
    """
    document, k = index.places()
    with np.errstate(over="ignore"):
        key = _mixed(np.asarray(index.split.hashes)[document] + _mixed(k.astype(np.uint64) + _salt(seed, epoch)))
    return np.argsort(key, kind="stable")


def _salt(seed: int, epoch: int) -> np.uint64:
    drawn = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    return cast(np.uint64, drawn[0])


def _mixed(x: Any) -> Any:
    """Mix 64 bits: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Rows:
    """Makes batches of windows."""

    def __init__(
        self, index: WindowIndex, objective: Objective, seed: int, limits: tuple[int, int], pack: bool
    ) -> None:
        """`limits` are the places that a batch may have, and what it costs beside them."""
        if pack and objective.name.startswith("seq2seq"):
            raise ArgumentError("rows of seq2seq cannot be packed: each has a prefix of its own", "leave out pack")
        self._index = index
        self._objective = objective
        self._seed = seed
        self._limits = limits
        self._pack = pack

    def n_targets(self, windows: Windows) -> int:
        """Return how many targets the windows have."""
        n_tokens = self._index.n_tokens_of(windows.document)
        return int(self._objective.n_targets(windows.n_scored, windows.last - np.minimum(windows.last, n_tokens)).sum())

    def batches(self, chosen: Placed, windows: Windows) -> Iterator[Batch]:
        """Yield batches of windows that are sorted by length, the longest first."""
        if not len(windows):
            return
        if self._objective.name == "clm" and not self._pack:
            yield from self._plain(chosen, windows)
            return
        rows, sizes = list(self.made(chosen, windows)), self._index.bytes_of(chosen.numbers)
        yield from (self._packed if self._pack else self._padded)(rows, sizes)

    def _plain(self, chosen: Placed, windows: Windows) -> Iterator[Batch]:
        """Yield batches of what the index gathers at once: no Python a row."""
        sizes = self._index.bytes_of(chosen.numbers)
        for part in by_padded_size(windows.n_tokens, *self._limits):
            inputs, targets = self._index.gather(windows.take(np.arange(len(windows))[part]))
            yield Batch(torch.from_numpy(inputs), torch.from_numpy(targets), n_bytes=int(sizes[part].sum()))

    def made(self, chosen: Placed, windows: Windows) -> Iterator[Row]:
        """Yield the row of each window."""
        _, k = self._index.places(chosen.numbers)
        inputs, targets = self._index.gather(windows)
        keys = zip(chosen.epochs.tolist(), self._index.split.hashes[windows.document].tolist(), k.tolist(), strict=True)
        for row, (key, n) in enumerate(zip(keys, windows.n_tokens.tolist(), strict=True)):
            draws = draws_of(self._seed, *key)
            yield self._objective.row(inputs[row, :n], targets[row, :n], self._index.eos, draws)

    def _padded(self, rows: Sequence[Row], sizes: Ints) -> Iterator[Batch]:
        lengths = np.array([len(row.inputs) for row in rows])
        order = np.argsort(-lengths, kind="stable")
        for part in by_padded_size(lengths[order], *self._limits):
            places = order[part].tolist()
            batch = padded([rows[i] for i in places], self._index.eos)
            batch.n_bytes = int(sizes[places].sum())
            yield batch

    def _packed(self, rows: Sequence[Row], sizes: Ints) -> Iterator[Batch]:
        """Yield batches of packed rows, each as long as a window can be."""
        lengths = [len(row.inputs) for row in rows]
        capacity = max(lengths[0], min(self._index.context_bytes + 1, self._limits[0]))
        bins = pack_lengths(lengths, capacity)
        capacity = max(sum(lengths[i] for i in places) for places in bins)
        n_rows = max(1, self._limits[0] // capacity)
        for start in range(0, len(bins), n_rows):
            group = bins[start : start + n_rows]
            packed = [pack_rows([rows[i] for i in places], capacity, self._index.eos) for places in group]
            inputs, targets, segments, positions = (
                torch.from_numpy(np.stack(part)) for part in zip(*packed, strict=True)
            )
            n_bytes = int(sizes[[i for places in group for i in places]].sum())
            yield Batch(inputs, targets, segments, positions, n_bytes=n_bytes)


def padded(rows: Sequence[Row], eos: int) -> Batch:
    """Return rows as one batch, padded on the right with the end of text, whose targets are ignored.

    Rows that score a part of their places (mlm) are read both ways, so their padding is a segment of its own.
    """
    shape = (len(rows), max(len(row.inputs) for row in rows))
    inputs, targets = np.full(shape, eos, np.int64), np.full(shape, IGNORE, np.int64)  # (B, T)
    for i, row in enumerate(rows):
        inputs[i, : len(row.inputs)], targets[i, : len(row.targets)] = row.inputs, row.targets
    prefix = np.array([row.prefix for row in rows], np.int64)  # (B,)
    lengths = np.array([[len(row.inputs)] for row in rows])  # (B, 1)
    two_way = not prefix.any() and any((row.targets == IGNORE).any() for row in rows)
    return Batch(
        torch.from_numpy(inputs),
        torch.from_numpy(targets),
        segments=torch.from_numpy(1 * (np.arange(shape[1]) >= lengths)) if two_way else None,  # (B, T)
        prefix=torch.from_numpy(prefix) if prefix.any() else None,
    )


def pack_lengths(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Return which rows share a packed row: first fit over lengths that fall.

    At most 11/9 of the fewest possible rows (Johnson 1973).
    """
    bins: list[list[int]] = []
    room: list[int] = []
    for i, n in enumerate(lengths):
        at = next((b for b, left in enumerate(room) if left >= n), None)
        if at is None:
            bins.append([])
            room.append(capacity)
            at = len(bins) - 1
        bins[at].append(i)
        room[at] -= n
    return bins


def pack_rows(rows: Sequence[Row], capacity: int, eos: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return inputs, targets, segments and positions of rows put behind each other.

    What is left over is a segment of its own.
    """
    lengths = [len(row.inputs) for row in rows]
    lengths.append(capacity - sum(lengths))
    rest = np.full(lengths[-1], eos, np.int64)
    inputs = np.concatenate([*(row.inputs for row in rows), rest])
    targets = np.concatenate([*(row.targets for row in rows), np.full_like(rest, IGNORE)])
    segments = np.repeat(np.arange(len(lengths)), lengths)
    positions = np.concatenate([np.arange(n) for n in lengths])
    return inputs, targets, segments, positions


class TokenWindows(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The windows of a split as a plain map-style Dataset, for a DataLoader with `collate_fn=TokenWindows.collate`.

    For learning and for loops of one's own; `steps` gives the order that comparisons need. It pickles as the name of
    its folder, so workers map the files themselves.

    >>> windows = TokenWindows(shards.split("train"), context_bytes=64, objective="mlm")  # doctest: +SKIP
    >>> loader = DataLoader(windows, 8, shuffle=True, collate_fn=TokenWindows.collate)    # doctest: +SKIP

    Args:
        split: the text.
        eos: by default the split's.
        context_bytes: of text in a window.
        stride_bytes: from window to window; less than the context lets them overlap.
        objective: one of `objectives.OBJECTIVES`. All but clm use ids behind the vocabulary (`objectives.extra_ids`).
        seed: of what is damaged, together with the window and `set_epoch`.
    """

    def __init__(
        self,
        split: ShardSplit,
        eos: int | None = None,
        context_bytes: int = 1024,
        stride_bytes: int | None = None,
        objective: str = "clm",
        seed: int = 0,
    ) -> None:
        self.index = WindowIndex(split, eos, context_bytes, stride_bytes)
        self._objective = Objective(canonical(objective), split.vocab_size)
        self._seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Have other places damaged from now on; call it before the DataLoader starts its workers."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        """Return inputs (T,), targets (T,) and, with seq2seq, prefix ()."""
        one = Placed(np.array([self.index.number(i)]), np.array([self.epoch]))
        rows = _Rows(self.index, self._objective, self._seed, (1, 1), False)
        row = next(rows.made(one, self.index.windows(one.numbers)))
        found = {"inputs": torch.from_numpy(row.inputs), "targets": torch.from_numpy(row.targets)}
        return found | ({"prefix": torch.tensor(row.prefix)} if row.prefix else {})

    @staticmethod
    def collate(rows: Sequence[dict[str, Tensor]]) -> Batch:
        """Return rows as one batch, padded on the right with id 0, whose targets are ignored."""
        return padded(
            [Row(row["inputs"].numpy(), row["targets"].numpy(), int(row.get("prefix", 0))) for row in rows], eos=0
        )
