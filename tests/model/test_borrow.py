"""`make` takes a PyTorch that is already there: model/borrow_torch.py in a bare environment, beside this Python that has one."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

MODEL = Path(__file__).parents[2] / "model"
CONSTRAINTS = "numpy==2.4.6\ntorch==99.0\nnetworkx==3.6.1\n"


def borrow(environment: Path, python: str) -> tuple[str, str]:
    constraints = environment.parent / "constraints.txt"
    constraints.write_text(CONSTRAINTS)
    inside = environment / "bin" / "python"
    done = subprocess.run(
        [inside, MODEL / "borrow_torch.py", python, constraints], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr


def has(environment: Path, package: str) -> bool:
    done = subprocess.run(
        [environment / "bin" / "python", "-c", f"from importlib.metadata import version; version('{package}')"]
    )
    return done.returncode == 0


def test_takes_torch_and_nothing_else(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare)
    pins, said = borrow(bare, sys.executable)
    assert pins == CONSTRAINTS.replace("99.0", version("torch")) and "is here already" in said
    assert has(bare, "torch") and not has(bare, "safetensors")
    assert (bare / "borrowed" / "torch").is_symlink()
    assert borrow(bare, "/bin/false") == (pins, said), "the second time it is in the environment itself"


def test_says_how_large_torch_is_where_there_is_none(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare)
    pins, said = borrow(bare, str(bare / "bin" / "python"))
    assert pins == CONSTRAINTS
    assert "4.7 GB" in said and "0.8 GB" in said and "MODEL=0" in said
