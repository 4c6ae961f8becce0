"""A RunRecord of a run: what was trained on what, for `compare`; and back from its file. Trains and scores nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.compare.texts import Texts
from bpe_lab.errors import BpeLabError, FormatError
from bpe_lab.runs import Arm, RunRecord, Scored
from bpe_lab.shards import Shards
from bpe_lab_model import checkpoint, cost, devices
from bpe_lab_model.gpt import Config

if TYPE_CHECKING:
    from bpe_lab_model.training import Trained, Trainer


def record(
    trainer: "Trainer",
    trained: "Trained",
    scored: Scored | None,
    *,
    preset: str,
    match: str = "bytes",
    training: Mapping[str, Any] | None = None,
    decoding: Mapping[str, float] | None = None,
) -> RunRecord:
    """Return the record of what `trainer` did.

    Args:
        trainer: after its run.
        trained: what its run returned.
        scored: of the validation text; None where the run diverged or there is none.
        preset: what the run was called.
        match: what was held equal to others.
        training: more entries of `RunRecord.training`, such as `lr_factor` and `probed`.
        decoding: see `RunRecord.decoding`.
    """
    settings, shards = trainer.settings, trainer.shards
    status = trained.status if trained.status == "diverged" else "lossy" if shards.lossy else "ok"
    return RunRecord(
        arm=arm(shards),
        seed=settings.seed,
        preset=preset,
        match=match,
        budget_bytes=trainer.schedule.total_bytes,
        corpus=corpus(shards) | {"epochs": round(trained.epochs, 3)},
        model=model(trainer.model.config),
        training={**_training(trainer, trained), **(training or {})},
        **done(trained),
        memory_bytes=trained.memory_bytes,
        scored=scored,
        decoding=decoding or {},
        status=status,
        note=trained.note,
        machine=devices.machine(trainer.device),
        versions=checkpoint.versions(),
    )


def kept(path: Path, key: str) -> RunRecord | None:
    """Return the record in a file, None where there is none.

    Args:
        path: the file.
        key: what `training["key"]` must be.

    Raises:
        FormatError: it is damaged, or the record of another run; the message names the file.
    """
    if not path.is_file():
        return None
    try:
        found = RunRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as e:  # FormatError, no JSON, no UTF-8
        reason = e.message if isinstance(e, BpeLabError) else "it is no JSON"
        raise FormatError(f"{path.name}: {reason}", "take the file away, and the run is done again") from None
    if found.training.get("key") != key:
        raise FormatError(f"{path.name} is the record of another run", "take the file away, and the run is done again")
    return found


def arm(shards: Shards) -> Arm:
    """Return the tokenizer of the shards."""
    about = shards.manifest["tokenizer"]
    return Arm(about["name"], about["recipe"], about["fingerprint"], about["unit"], about["n_ids"])


def corpus(shards: Shards) -> dict[str, Any]:
    """Return which text the shards hold."""
    sides = shards.manifest["splits"]
    return {
        f"{side}_{key}": sides[side][about]
        for side in ("train", "validation")
        for key, about in (("sha256", "text_sha256"), ("bytes", "n_bytes"))
    }


def done(trained: "Trained | None") -> dict[str, Any]:
    """Return what a record says of the work: bytes, tokens, FLOPs, seconds, curve; nothing done where nothing was."""
    if trained is None:
        return {"bytes": 0, "tokens": 0, "flops": 0.0, "seconds": 0.0, "curve": ()}
    return {name: getattr(trained, name) for name in ("bytes", "tokens", "flops", "seconds", "curve")}


def texts(train: Texts, validation: Texts) -> dict[str, Any]:
    """Return what a record says of texts in memory."""
    return {
        "train_sha256": train.content_key,
        "validation_sha256": validation.content_key,
        "train_bytes": train.n_bytes,
        "validation_bytes": validation.n_bytes,
        "train_documents": train.n_documents,
        "validation_documents": validation.n_documents,
    }


def model(config: Config) -> dict[str, Any]:
    """Return the configuration and the numbers of parameters."""
    counted = cost.parameters(config)
    return {
        **vars(config),
        "n_block": counted["block"],
        "n_embedding": counted["embedding"],
        "n_positions": counted["positions"],
        "n_head": counted["head"],
        "n_parameters": counted["total"],
    }


def _training(trainer: "Trainer", trained: "Trained") -> dict[str, Any]:
    s = trainer.settings
    schedule = {name: value for name, value in vars(trainer.schedule).items() if name != "total_bytes"}
    return {
        "lr": s.lr,
        "bytes_per_step": s.bytes_per_step,
        "context_bytes": trainer.model.config.context_bytes,
        "stride_bytes": s.stride_bytes,
        "schedule": schedule,
        "weight_decay": s.weight_decay,
        "betas": [s.beta1, s.beta2],
        "clip": s.clip,
        "objective": s.objective,
        "precision": str(trainer.dtype).removeprefix("torch."),
        "steps": trained.steps,
    }
