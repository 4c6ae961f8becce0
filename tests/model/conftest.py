"""What the companion model's tests share. Without torch none of them is collected, and `test_installed.py` says why."""

import gc
import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

MISSING = [name for name in ("torch", "safetensors", "bpe_lab_model") if find_spec(name) is None]
UNWANTED = os.environ.get("BPE_LAB_MODEL") == "0"
"""Set by `make test MODEL=0`."""
LEFT_OUT = UNWANTED or bool(MISSING)
collect_ignore_glob = ["test_[!i]*.py", "test_i[!n]*.py"] if LEFT_OUT else []


@pytest.fixture(scope="session", autouse=True)
def frozen() -> Iterator[None]:
    """Let collections of garbage skip what was imported: each job of a grid or an experiment begins with a whole one."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Run on one thread: tests share the machine, and small products gain nothing."""
    if not LEFT_OUT:
        import torch

        torch.set_num_threads(1)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the command also where the package is on the path and not installed."""
    from bpe_lab.cli import plugins
    from bpe_lab_model import cli

    monkeypatch.setattr(plugins, "add_to", lambda commands, argv: cli.add_to(commands))
