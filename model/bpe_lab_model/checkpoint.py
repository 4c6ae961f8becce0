"""Checkpoints: a folder with the model, the optimizer, what was going on, and the tokenizer. Never a pickle.

    steps/000001000000/       by bytes seen
        model.safetensors     weights
        optimizer.safetensors the two moments of every weight; of the newest checkpoint alone
        state.json            format, configuration, place in the training, SHA-256 of every file and of itself
        tokenizer.bpe         a copy, where the tokenizer is bpe-lab's own
    latest -> steps/...

A folder appears whole or not at all: it is written beside its place, synced, and renamed. Random generators are not
saved, since a step's random numbers follow from the seed and the bytes seen. Trains nothing.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import nn

from bpe_lab.errors import ArgumentError, FileError, FormatError
from bpe_lab.writing import check_folder, swap_folder, sync_folder, write_synced
from bpe_lab_model.gpt import GPT, Config

FORMAT = 1
MODEL, OPTIMIZER, STATE, TOKENIZER = "model.safetensors", "optimizer.safetensors", "state.json", "tokenizer.bpe"
LATEST, STEPS = "latest", "steps"
_PART = ".part"


@dataclass(frozen=True)
class Checkpoint:
    """What `load` read."""

    folder: Path
    model: GPT
    state: dict[str, Any]
    """What `save` was given as state, and `versions`, `files`."""

    @property
    def config(self) -> Config:
        """The model's configuration."""
        return self.model.config

    @property
    def fingerprint(self) -> str:
        """Of the tokenizer that the model was trained with; empty where that was not said."""
        return str(self.state.get("tokenizer", {}).get("fingerprint", ""))

    @property
    def tokenizer_path(self) -> Path | None:
        """The tokenizer's file; None where the tokenizer is another library's."""
        return self.folder / TOKENIZER if TOKENIZER in self.state["files"] else None

    def restore(self, optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
        """Give `optimizer`, made for `model`, the moments it had.

        Raises:
            FormatError: they are not there, damaged, or of another model.
        """
        tensors = _read_tensors(self.folder, OPTIMIZER, self.state["files"])
        for name, parameter in ((name, p) for name, p in model.named_parameters() if p.requires_grad):
            found = {key: tensors.get(f"{key}.{name}") for key in ("exp_avg", "exp_avg_sq", "step")}
            if any(tensor is None for tensor in found.values()):
                raise FormatError(f"{self.folder / OPTIMIZER} has no moments of {name}", "train this run again")
            optimizer.state[parameter] = {
                key: tensor.to(parameter.device) if tensor.dim() else _step(optimizer, parameter, tensor)
                for key, tensor in found.items()
                if tensor is not None
            }


def _step(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Return the count of steps where the optimizer keeps it: a fused one beside the parameter, another on the CPU."""
    return count.to(parameter.device if optimizer.param_groups[0].get("fused") else "cpu")


def save(
    folder: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    state: Mapping[str, Any],
    tokenizer: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
) -> Path:
    """Write a checkpoint and return its folder. `model.config` says how to build the model again.

    Raises:
        FileError: the folder is there and `force` is not given, it holds other things than a checkpoint, or writing
            failed; what stood there before stands.
    """
    files = {MODEL: tensors_to({name: tensor.contiguous() for name, tensor in model.state_dict().items()})}
    if optimizer is not None:
        files[OPTIMIZER] = tensors_to(_moments(model, optimizer))
    if tokenizer is not None:
        files[TOKENIZER] = Path(tokenizer).read_bytes()
    whole = {
        **state,
        "format": FORMAT,
        "config": json.loads(_config(model).to_json()),
        "versions": versions(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    whole["sha256"] = _digest(whole)
    files[STATE] = json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"
    return _write_folder(Path(folder), files, force)


def load(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> Checkpoint:
    """Read a checkpoint: its folder, or the folder of a run, of which the latest is read.

    Raises:
        FileError: there is none.
        FormatError: it is damaged (every byte is covered by a SHA-256), or of a newer format.
    """
    place = newest(Path(folder)) or Path(folder)
    if not (place / STATE).is_file():
        raise FileError(f"{place} holds no checkpoint", "give the folder of a run, or one of its steps/")
    state = _read_state(place / STATE)
    try:
        model = GPT(Config.from_json(json.dumps(state["config"])))
        model.load_state_dict(_read_tensors(place, MODEL, state["files"]))
    except RuntimeError as e:
        raise FormatError(f"{place / MODEL} does not fit its configuration: {e}", "train this run again") from None
    if TOKENIZER in state["files"]:
        _read_checked(place, TOKENIZER, state["files"])
    return Checkpoint(place.resolve(), model.to(device), state)


def _config(model: nn.Module) -> Config:
    config = model.config
    if not isinstance(config, Config):
        raise ArgumentError(f"a checkpoint wants a model with a Config, got {type(config).__name__}")
    return config


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise FormatError(f"{path} is damaged", "take an older checkpoint") from None
    newest = state.get("format") if isinstance(state, dict) else None
    if isinstance(newest, int) and newest > FORMAT:
        raise FormatError(f"{path} is of format {newest}; this version reads up to {FORMAT}", "update bpe-lab-model")
    if newest is None or state.pop("sha256", None) != _digest(state):
        raise FormatError(f"{path} is damaged: its SHA-256 is another", "take an older checkpoint")
    return dict(state)


def _digest(state: Mapping[str, Any]) -> str:
    text = json.dumps({**state}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _read_checked(folder: Path, name: str, files: Mapping[str, str]) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError:
        raise FormatError(f"the checkpoint {folder} has no {name}", _instead_of(name)) from None
    if hashlib.sha256(data).hexdigest() != files.get(name):
        raise FormatError(f"{folder / name} is damaged: {len(data):,} bytes with another SHA-256", _instead_of(name))
    return data


def _instead_of(name: str) -> str:
    if name == OPTIMIZER:  # only the newest has one, so there is none to fall back on
        return "training cannot go on from here: begin anew (--force); the model itself can be scored and sampled"
    return "score or sample an older one of steps/"


def _read_tensors(folder: Path, name: str, files: Mapping[str, str]) -> dict[str, torch.Tensor]:
    try:
        return tensors_from(_read_checked(folder, name, files))
    except SafetensorError as e:
        raise FormatError(f"{folder / name} is no safetensors file: {e}", "take an older checkpoint") from None


def _moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the optimizer's tensors by the names of the parameters."""
    return {
        f"{key}.{name}": torch.as_tensor(value).contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }


def versions() -> dict[str, str]:
    """Return the versions of what decides a run."""
    import numpy

    import bpe_lab

    return {"bpe-lab": bpe_lab.__version__, "torch": torch.__version__, "numpy": numpy.__version__}


# A run's folder: checkpoints by bytes seen, and a link to the newest.


def keep(
    run: Path,
    n_bytes: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Any],
    tokenizer: Path | None,
    keep_last: int | None = None,
) -> Path:
    """Write the checkpoint after `n_bytes` into a run's folder, point `latest` at it, then thin out the older ones.

    Older ones lose their optimizer, and all but the `keep_last` newest go (None: none goes).

    Raises:
        FileError: writing failed; the older ones and `latest` stand as they were.
    """
    steps = run / STEPS
    try:
        steps.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise FileError(f"cannot make the folder {steps}: {e.strerror or e}", "choose another with -o") from e
    written = save(steps / f"{n_bytes:012d}", model, optimizer, state, tokenizer, force=True)
    _point(run / LATEST, written)
    _thin_out(steps, written, keep_last)
    return written


def newest(run: Path) -> Path | None:
    """Return the newest checkpoint of a run's folder, or None.

    Without the link, which a copy may leave out and a process killed after its first save does, it is the last of
    steps/: what stands there under its number is whole.
    """
    if (run / LATEST).is_dir():
        return run / LATEST
    found = [path.parent for path in (run / STEPS).glob(f"*/{STATE}") if path.parent.name.isdigit()]
    return max(found, key=lambda path: path.name, default=None)


def make_place(run: Path) -> None:
    """Make a run's folder and see that it can be written; take away what a killed process left unfinished.

    Raises:
        FileError: it cannot be written: better known now than after hours of training.
    """
    try:
        (run / STEPS).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run):
            pass
    except OSError as e:
        raise FileError(f"cannot write into the folder {run}: {e.strerror or e}", "choose another with -o") from e
    for left in (*(run / STEPS).glob(f".*{_PART}"), *(run / STEPS).glob(".*.old")):
        shutil.rmtree(left, ignore_errors=True)
    (run / f".{LATEST}{_PART}").unlink(missing_ok=True)


def _point(link: Path, target: Path) -> None:
    """Let `link` lead to `target`; at any moment it leads to the old or to the new one."""
    fresh = link.with_name(f".{link.name}{_PART}")
    try:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        fresh.symlink_to(target.relative_to(link.parent), target_is_directory=True)
        os.replace(fresh, link)
        sync_folder(link.parent)
    except OSError as e:
        raise FileError(f"cannot point {link} at {target.name}: {e.strerror or e}", "the old one stands") from e


def _thin_out(steps: Path, newest: Path, keep_last: int | None) -> None:
    older = sorted(folder for folder in steps.iterdir() if folder.name.isdigit() and folder.name < newest.name)
    for folder in older:
        with contextlib.suppress(OSError):
            (folder / OPTIMIZER).unlink()
    for folder in older[: -(keep_last - 1) or None] if keep_last else []:
        shutil.rmtree(folder, ignore_errors=True)


def check_target(folder: str | os.PathLike[str], force: bool) -> Path:
    """Return the folder if a checkpoint may be written there; call it before long work.

    With `force` a checkpoint is replaced. Nothing else ever is: not a run with its steps, and no file.

    Raises:
        FileError: with what to do instead.
    """
    return check_folder(folder, force, "a checkpoint", _holds_one)


def _holds_one(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return STATE in names and names <= {STATE, MODEL, OPTIMIZER, TOKENIZER}


def _write_folder(folder: Path, files: Mapping[str, bytes], force: bool) -> Path:
    """Write a folder beside its place, sync it, rename it there. A folder in the way is put back where that fails."""
    target = check_target(folder, force)
    part = None
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=_PART, dir=target.absolute().parent))
        for name, data in files.items():
            write_synced(part / name, data)
        sync_folder(part)
        swap_folder(part, target)
        sync_folder(target.absolute().parent)
    except OSError as e:
        raise FileError(
            f"cannot write the checkpoint {target}: {e.strerror or e}", "what was saved before stands as it was"
        ) from e
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return folder
