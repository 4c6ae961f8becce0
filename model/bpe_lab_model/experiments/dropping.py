"""BPE-dropout in training: every epoch reads the same text in another segmentation (Provilkov et al. 2020,
arXiv 1910.13267).

The shards of the arm stay as they are; each epoch of the training side has other ids over the same documents and bytes,
in memory. So steps hold the same text, in the same order, as those of an arm without it. What is scored is cut without
dropout. Trains through `training.Trainer`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bpe_lab.compare.candidates import Candidate
from bpe_lab.errors import UnsupportedError
from bpe_lab.shards import Shards, ShardSplit, Split
from bpe_lab.tokenizer import Tokenizer
from bpe_lab_model.experiments.tasks import Job, Outcome, Say, finish, new_trunk
from bpe_lab_model.training import Trainer

PROBABILITY = 0.1
"""Of a merge to be left out: what its authors advise."""


def train(job: Job, say: Say) -> Iterator[Outcome]:
    """Train as `tasks.train`, each epoch on a segmentation of its own. Option: `dropout` (0.1)."""
    candidate = job.candidate()
    shards = Shards.open(job.shards)
    text = Segmented(shards, _tokenizer(candidate), float(job.options.get("dropout", PROBABILITY)), job.seed)
    trunk = new_trunk(job, say, shards=text.epoch(0))
    for budget in job.budgets:
        run_through(trunk, text, trunk.aim(budget))
        branch = trunk.branch(budget)
        run_through(branch, text, budget)
        yield finish(job, budget, branch, branch.run(), candidate)


def _tokenizer(candidate: Candidate) -> Tokenizer:
    if candidate.tokenizer is None or candidate.is_jamo:
        raise UnsupportedError(
            f"{candidate.name} cannot drop merges here: a token of it has no bytes of its own, or another library cuts",
            "take one of bpe-lab's with unit=byte, byte-char or syllable",
        )
    return candidate.tokenizer


def run_through(trainer: Trainer, text: "Segmented", until: int) -> None:
    """Run to `until` bytes, with another segmentation from epoch to epoch.

    A step across the border of two epochs belongs to that in which its middle lies, all of it.
    """
    half_step = trainer.settings.bytes_per_step // 2
    first = (trainer.meter.bytes + half_step) // text.n_bytes
    for epoch in range(first, -(-until // text.n_bytes)):
        trainer.shards = text.epoch(epoch)
        trainer.run_to(min(until, (epoch + 1) * text.n_bytes))


@dataclass(frozen=True)
class Segmented:
    """A training text of which every epoch is cut in another way. Equal seeds and epochs give equal ids."""

    shards: Shards
    tokenizer: Tokenizer
    dropout: float
    seed: int

    @cached_property
    def _split(self) -> ShardSplit:
        return self.shards.split("train")

    @property
    def n_bytes(self) -> int:
        """Of one epoch."""
        return self._split.n_bytes

    @cached_property
    def _texts(self) -> list[bytes]:
        split = self._split
        return self.tokenizer.decode_batch(np.asarray(split.ids, np.uint32), np.asarray(split.token_offsets))

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        """Bytes of each id."""
        found = np.zeros(self.tokenizer.n_ids, np.int64)
        for id, spelling in self.tokenizer.vocab():
            found[id] = len(spelling)
        return found

    def epoch(self, number: int) -> "Epoch":
        """Return the shards as they are in one epoch, from 0.

        Cost: an encoding of the text, at about 7 MB/s.
        """
        seed = self.seed * 1_000_003 + number
        ids, offsets = self.tokenizer.encode_batch(self._texts, dropout=self.dropout, seed=seed, threads=1)
        lengths = self._lengths[ids]
        reached = np.concatenate([[0], np.cumsum(lengths)])  # (n_tokens + 1,) over all documents
        n_tokens_of = np.diff(offsets).astype(np.int64)
        ends = reached[1:] - np.repeat(reached[offsets[:-1].astype(np.int64)], n_tokens_of)
        split = replace(
            self._split,
            ids=ids.astype(self._split.ids.dtype),
            ends=ends.astype(np.uint32),
            token_offsets=offsets.astype(np.uint64),
            max_token_bytes=max(self._split.max_token_bytes, int(lengths.max(initial=0))),
            folder=None,
        )
        return Epoch(self.shards.folder, self.shards.manifest, split)


@dataclass(frozen=True)
class Epoch(Shards):
    """Shards whose training side is that of one epoch."""

    train: ShardSplit

    def split(self, name: Split) -> ShardSplit:
        """Return a side: validation as it was written."""
        return self.train if name == "train" else super().split(name)
