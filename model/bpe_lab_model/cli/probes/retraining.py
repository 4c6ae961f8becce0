"""The command that trains a run again so that it keeps checkpoints, which a probe over stages needs."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bpe_lab_model.checkpoint import Checkpoint

_PRESET = "cpu-nano"
"""What `lm train` takes where nothing is typed."""
_SHAPE = {
    "n_layers": "--layers",
    "n_heads": "--heads",
    "d_model": "--width",
    "context_bytes": "--context",
    "position": "--position",
    "norm": "--norm",
    "feed_forward": "--feed-forward",
}
_TRAINING = {
    "total_bytes": "--bytes",
    "bytes_per_step": "--batch-bytes",
    "stride_bytes": "--stride",
    "lr": "--lr",
    "schedule": "--schedule",
    "warmup_share": "--warmup",
    "decay_share": "--decay",
    "weight_decay": "--weight-decay",
    "clip": "--clip",
    "seed": "--seed",
    "objective": "--objective",
    "max_tokens": "--max-tokens",
}

_BEFORE = {"came_from": "--from", "new_rows": "--new-rows"}


def command(
    loaded: "Checkpoint", shards: str, run: str, save_every: int, before: Mapping[str, str] | None = None
) -> str:
    """Return the command that trains the run of a checkpoint again and saves every so many bytes.

    `before` is what the run went on from, as `neighbours.continued` gives it: the shape is that model's then, and what
    is usual is what it was trained with, so all settings are named.
    """
    from bpe_lab_model.presets import preset

    config, settings = vars(loaded.config), dict(loaded.state.get("settings", {}))
    usual = preset(_PRESET)
    if settings.get("context_bytes"):
        config = {
            **config,
            "context_bytes": settings["context_bytes"],
        }  # lm train adds to it
    words = ["bpe-lab", "lm", "train", shards, "-o", run]
    if before:
        words += [word for name, value in before.items() for word in (_BEFORE[name], value)]
        words += _changed(_TRAINING, settings, {})
    else:
        words += _changed(_SHAPE, config, vars(usual.config(config["vocab_size"])))
        words += _changed(_TRAINING, settings, vars(usual.settings()))
    if not config["tied"] and not before:
        words += ["--head", "free"]
    if config["dropout_residual"]:
        words += ["--dropout", f"{config['dropout_residual']:g}"]
    return shlex.join([*words, "--save-every", str(save_every)])


def _changed(flags: dict[str, str], values: dict[str, Any], usual: dict[str, Any]) -> list[str]:
    """Return flags with values for what is not as usual."""
    found = {flag: values.get(name) for name, flag in flags.items() if values.get(name) != usual.get(name)}
    return [word for flag, value in found.items() if value is not None for word in (flag, f"{value}")]
