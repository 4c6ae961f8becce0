"""A tiny text as shards, and tiny models of it, for the tests of training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import bpe_lab
from bpe_lab import sample
from bpe_lab.cli.app import main
from bpe_lab.compare.candidates import Ours
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.presets import PRESETS
from bpe_lab_model.training import Settings, Trainer

PRESET = PRESETS["demo"].but(
    name="tiny",
    n_layers=1,
    n_heads=2,
    d_model=16,
    context_bytes=64,
    bytes_an_arm=12_000,
    bytes_per_step=512,
    lr=4e-2,
    budgets=(0.5, 1.0),
    n_seeds=2,
    validation_bytes=2_000,
    probing_bytes=1_500,
)
"""Seconds for a whole grid."""

TEXTS = [d.text.encode()[:700].decode(errors="ignore").encode() for d in sample.documents("ko")[:12]]
"""About 8 kB."""


def shards(folder: Path, vocab: int = 320, n_texts: int = 12) -> Shards:
    """Write shards of the first `n_texts` texts, two of them for validation."""
    candidate = Ours("small", bpe_lab.train(texts=[t.decode() for t in TEXTS[:n_texts]], vocab_size=vocab))
    return write_shards(folder, candidate, {"train": TEXTS[2:n_texts], "validation": TEXTS[:2]})


def model(of: Shards, **config: Any) -> GPT:
    """Return a model that has just been made."""
    shape = {"context_bytes": 96, "n_layers": 1, "n_heads": 2, "d_model": 16, "dropout_residual": 0.1, **config}
    config = Config(**{"vocab_size": of.vocab_size, **shape})
    keys = embedding_keys(of.load_candidate(), of.vocab_size)
    return GPT(config, keys + [b"s:extra%d" % i for i in range(config.vocab_size - len(keys))])


SETTINGS = Settings(total_bytes=6000, bytes_per_step=600, lr=1e-2, warmup_share=0.1)


def trainer(of: Shards, folder: Path | None = None, *, shape: dict[str, Any] | None = None, **given: Any) -> Trainer:
    """Return a trainer of a new model; settings and arguments of the trainer go by their names."""
    names = set(vars(SETTINGS))
    settings = replace(SETTINGS, **{name: value for name, value in given.items() if name in names})
    rest = {name: value for name, value in given.items() if name not in names}
    return Trainer(model(of, **shape or {}), of, settings, folder, **rest)


def weights(of: Trainer) -> dict[str, torch.Tensor]:
    """Return copies of weights and of the optimizer's moments."""
    found = {name: p.detach().clone() for name, p in of.model.named_parameters()}
    for name, p in of.model.named_parameters():
        found |= {f"{key}.{name}": torch.as_tensor(v).clone() for key, v in of.optimizer.state[p].items()}
    return found


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    """Tell whether all tensors are the same bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def lm_train(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run `bpe-lab lm train` with these words; return its exit code, data and talk."""
    code = main(["lm", "train", *map(str, words)])
    return code, *capsys.readouterr()
