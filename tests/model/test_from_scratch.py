"""docs/from-scratch.md: its commands run, in its order, the training at a size of seconds; what it shows is what comes out."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bpe_lab.cli import main

DOCS = Path(__file__).parents[2] / "docs"
PAGE, KOREAN = DOCS / "from-scratch.md", DOCS / "from-scratch.ko.md"
SEVEN = ["count", "train", "inspect", "shards", "lm train", "lm eval", "lm sample"]
SMALLER = {
    "-o run/ --epochs 8": "-o run/ --bytes 8KB --layers 1 --heads 2 --width 32",
    "run/ shards/": "run/ shards/ --context 128",
}
"""What the test changes: nothing before the training, whose figures would be others."""

N_EXACT = 5
"""The making of the text, and the commands whose output has no figure of the model."""


def shown(page: Path) -> list[tuple[str, list[str]]]:
    """Return each command of a page with the lines that stand under it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def masked(text: str) -> set[str]:
    """Return lines without what a clock says."""
    return set(re.sub(r"in [0-9.]+ (ms|s)\b( \([^)]*\))?", "in TIME", text).splitlines()) | {"…", ""}


def test_both_languages_show_the_same() -> None:
    assert shown(PAGE) == shown(KOREAN)


def test_there_are_seven_commands() -> None:
    commands = [command for command, _ in shown(PAGE) if command.startswith("bpe-lab ")]
    assert [re.match(r"bpe-lab ((lm )?\w+)", command)[1] for command in commands] == SEVEN  # type: ignore[index]


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    used = set()
    for i, (command, lines) in enumerate(shown(PAGE)):
        for large, small in SMALLER.items():
            if large in command:
                used.add(large)
                command = command.replace(large, small)
        program, *argv = shlex.split(command)
        if program == "python3":
            subprocess.run([sys.executable, *argv], check=True, timeout=60)
        else:
            assert main(argv) == 0, f"{command}\n{capfd.readouterr().err}"
        out, talk = capfd.readouterr()
        if i < N_EXACT:
            assert masked("\n".join(lines)) <= masked(out + talk), command
        else:
            assert out, command
    assert used == set(SMALLER)
