"""Lets a virtual environment use the PyTorch that another Python has, so that `make` need not download it again.

    .venv/bin/python model/borrow_torch.py python3 constraints.txt > .venv/constraints.txt

Puts links to torch and the libraries of its GPU (the gigabytes) into a folder that the environment searches
last, and writes the constraints out with torch's pin moved to the version that is there. Where none is there, says how
large PyTorch is. Installs nothing, and takes nothing else from the other Python: its other packages stay unseen.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

OLDEST = (2, 5)
"""What model/pyproject.toml asks for."""
LARGE = """\
installing PyTorch for the companion model. It is large: with CUDA 2 GB to download and 4.7 GB on disk.
  the build for CPUs takes 0.8 GB: stop here and run PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make ...
  without the companion model: make ... MODEL=0"""

_IS_THERE = """\
from importlib.metadata import version
from importlib.util import find_spec
if find_spec("torch"):
    print(version("torch"))
"""
_WORKS = f"import sys, torch\nassert sys.implementation.cache_tag == {sys.implementation.cache_tag!r}\n{_IS_THERE}"
_PATHS = """\
from importlib.metadata import distributions
for package in distributions():
    name = (package.name or "").lower().replace("_", "-")
    if name == "torch" or name.startswith(("nvidia-", "cuda-", "triton", "pytorch-triton")):
        for top in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            print(package.locate_file(top))
"""


def main(python: str, constraints: Path) -> None:
    """Find torch here or in `python`, and print the constraints that keep it."""
    pinned = constraints.read_text(encoding="utf-8")
    found = recent(said_by(sys.executable, _IS_THERE))
    if not found and recent(said_by(python, _WORKS)):
        borrow([Path(line) for line in said_by(python, _PATHS).splitlines()])
        found = recent(said_by(sys.executable, _IS_THERE))
    print(f"PyTorch {found} is here already: taking it" if found else LARGE, file=sys.stderr)
    print(re.sub(r"(?m)^torch==.*$", f"torch=={found}", pinned) if found else pinned, end="")


def recent(version: str) -> str:
    """Return a version of torch, or nothing where it is too old."""
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    return version.strip() if numbers >= OLDEST else ""


def said_by(python: str, program: str) -> str:
    """Return what a short program prints in another Python; nothing where it fails."""
    done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def borrow(paths: list[Path]) -> None:
    """Link paths into a folder of this environment.

    Not into site-packages: there a later `pip install torch` would write through the links into the other Python.
    """
    folder = Path(sys.prefix) / "borrowed"
    folder.mkdir(exist_ok=True)
    for path in paths:
        here = folder / path.name
        here.unlink(missing_ok=True)
        here.symlink_to(path)
    Path(sysconfig.get_path("purelib"), "borrowed.pth").write_text(f"{folder}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
