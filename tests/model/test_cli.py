"""The companion model on the command line: what starts without torch, how fast help is, and that its examples parse."""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import takewhile

import pytest

from bpe_lab.cli import main
from bpe_lab.cli.app import build_parser
from bpe_lab.cli.exits import MEANINGS

MOST_SECONDS = 0.25
"""Of processor time over a bare interpreter, as `bpe-lab --help` has."""


def _commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Yield each command under a parser, those that hold others too."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _commands(inner, (*path, name))


def _lm() -> dict[tuple[str, ...], argparse.ArgumentParser]:
    (action,) = (a for a in build_parser(["lm"])._actions if isinstance(a, argparse._SubParsersAction))
    return dict(_commands(action.choices["lm"], ("lm",)))


COMMANDS = _lm()
LEAVES = [path for path in COMMANDS if path != ("lm",)]


def test_commands_are_there() -> None:
    assert {path[1] for path in LEAVES} >= {"train", "eval", "batch", "sample", "finetune"}


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help(path: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == 0
    shown = capfd.readouterr().out
    assert f"usage: bpe-lab {' '.join(path)}" in shown
    assert "\n  bpe-lab " in shown.split("example", 1)[1]
    assert all(f"{code:3}  {meaning}" in shown for code, meaning in MEANINGS.items())
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_examples_parse(path: tuple[str, ...]) -> None:
    """Every example in a help page is a command line that the parser takes."""
    for line in str(COMMANDS[path].epilog).split("exit codes:")[0].strip().splitlines()[1:]:
        words = shlex.shlex(line, posix=True, punctuation_chars="|<>")
        words.whitespace_split = True
        argv = list(takewhile(lambda word: word not in {"|", "<", ">"}, words))
        if argv[0] == "torchrun":
            argv = argv[argv.index("bpe_lab") :]
        assert argv[0] in ("bpe-lab", "bpe_lab")
        assert build_parser(argv[1:]).parse_args(argv[1:]).command == "lm"


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["train", "--help"], ["lm", "--help"], *([*path, "--help"] for path in LEAVES)],
    ids=" ".join,
)
def test_no_help_imports_torch(words: list[str]) -> None:
    code = (
        "import sys; from bpe_lab.cli import main; code = main(sys.argv[1:]); "
        "sys.exit(code or bool({'torch', 'numpy', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_training_a_tokenizer_imports_no_torch(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("train")
    (folder / "a.txt").write_text("사과나무에 사과가 열렸다", encoding="utf-8")
    code = (
        "import sys; from bpe_lab.cli import main; code = main(sys.argv[1:]); sys.exit(code or 'torch' in sys.modules)"
    )
    words = ["train", "a.txt", "--vocab", "260", "-q"]
    assert subprocess.run([sys.executable, "-c", code, *words], cwd=folder, timeout=60).returncode == 0


def test_help_is_quick() -> None:
    """Processor time, which a busy machine changes little; the best of five."""
    bare = min(_processor_seconds("-c", "pass") for _ in range(5))
    helped = min(_processor_seconds("-m", "bpe_lab", "lm", "--help") for _ in range(5))
    assert helped - bare <= MOST_SECONDS


def _processor_seconds(*argv: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, *argv], check=True, capture_output=True, timeout=60)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_without_torch_a_command_says_what_is_missing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpe_lab_model.cli.app._has_torch", lambda: False)
    started = time.monotonic()
    assert main(["lm", "finetune", "classify"]) == 4
    assert main(["lm", "train", "shards/", "-o", "run/"]) == 4
    talk = capfd.readouterr().err
    assert talk.count("error: the companion model needs PyTorch") == 2 and "hint: pip install torch" in talk
    assert time.monotonic() - started < 10
