"""The program as a process of its own: pipes, signals, terminals, time to start."""

import contextlib
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "bpe_lab"]


def run(*argv: object, data: bytes = b"", cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *map(str, argv)], input=data, capture_output=True, cwd=cwd, env=_env(**env), timeout=120
    )


def _env(**env: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return kept | {"TERM": "xterm-256color", "COLUMNS": "80"} | env


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "ko.bpe"
    done = run(
        "train",
        "-",
        "--vocab",
        "400",
        "-o",
        path,
        data="사과나무에 사과가 열렸다. 나무 아래 사람이 있다.\n".encode() * 3,
    )
    assert done.returncode == 0, done.stderr.decode()
    return path


# -- pipes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\x00",
        "사과나무\r\n".encode(),
        b"\xef\xbb\xbfbom",
        b"\xff\xfe\xed\xa0\x80\n\n\n",
        random.Random(1).randbytes(300_000),
        "가나다 abc\n".encode() * 30_000,
    ],
    ids=lambda data: f"{data[:8]!r}-{len(data)}",
)
@pytest.mark.parametrize("options", [(), ("--documents", "line"), ("--json",), ("--npy", "-"), ("--raw", "u16", "-")])
def test_pipe_gives_the_bytes_back(tokenizer: Path, data: bytes, options: tuple[str, ...]) -> None:
    encoded = run("encode", "-t", tokenizer, *options, data=data)
    assert encoded.returncode == 0, encoded.stderr.decode()
    back = ("--raw", "u16", "-") if "--raw" in options else ()
    decoded = run("decode", "-t", tokenizer, *back, data=encoded.stdout)
    assert decoded.returncode == 0, decoded.stderr.decode()
    assert decoded.stdout == data


def test_real_pipe(tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(random.Random(2).randbytes(100_000))
    program = " ".join(PROGRAM)
    command = f"{program} encode -t {tokenizer} < a.txt | {program} decode -t {tokenizer} > b.txt"
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "b.txt").read_bytes()


def test_arguments_may_be_no_utf8(tokenizer: Path) -> None:
    encoded = subprocess.run(
        [*map(os.fsencode, PROGRAM), b"encode", b"\xff\xec\x82", b"-t", os.fsencode(tokenizer)],
        capture_output=True,
        timeout=120,
    )
    assert run("decode", "-t", tokenizer, data=encoded.stdout).stdout == b"\xff\xec\x82"


def test_train_count_and_inspect_read_stdin(tokenizer: Path, tmp_path: Path) -> None:
    text = "사과 나무\n".encode()
    assert run("count", "-", "--tsv", "-o", "-", data=text).stdout.decode().splitlines()[0].endswith("\t1")
    assert run("train", "-", "--vocab", "260", data=text, cwd=tmp_path).returncode == 0
    assert (tmp_path / "stdin-260.bpe").exists()
    assert run("inspect", "-t", tokenizer, data=text).stdout.startswith("사".encode())


@pytest.mark.parametrize("command", [("vocab", "T"), ("encode", "-t", "T", "--documents", "line", "--in", "big.txt")])
def test_reader_that_goes_away(tokenizer: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "big.txt").write_bytes("사과 나무\n".encode() * 200_000)
    argv = [str(tokenizer) if word == "T" else word for word in command]
    program = subprocess.Popen(
        [*PROGRAM, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=_env()
    )
    assert program.stdout is not None and program.stderr is not None
    program.stdout.read(10)
    program.stdout.close()
    talk = program.stderr.read().decode()
    assert program.wait(60) == 0 and "error" not in talk and "Traceback" not in talk


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_at_stdout(tokenizer: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, "vocab", str(tokenizer)], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 3
    assert [line for line in done.stderr.decode().splitlines() if line.startswith("error: No space left on device")]
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "en_US.ISO-8859-1"])
def test_any_locale(tokenizer: Path, locale: str) -> None:
    done = run("inspect", "--json", "-t", tokenizer, data="사과".encode(), LC_ALL=locale, PYTHONUTF8="0")
    assert json.loads(done.stdout)["text"] == "사과"
    shown = run("inspect", "-t", tokenizer, data="사과".encode(), LC_ALL=locale, PYTHONIOENCODING="ascii")
    assert shown.returncode == 0 and rb"\uc0ac" in shown.stdout


# -- colour


def test_no_colour_in_a_pipe(tokenizer: Path) -> None:
    for argv in (("inspect", "사과", "-t", tokenizer), ("demo", "--vocab", "400"), ("train", "missing")):
        done = run(*argv)
        assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "env", "coloured"),
    [
        ((), {}, True),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        ((), {"TERM": "dumb"}, False),
        (("--color", "never"), {}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_on_a_terminal(tokenizer: Path, options: tuple[str, ...], env: dict[str, str], coloured: bool) -> None:
    shown = _on_a_terminal("inspect", "사과나무", "-t", str(tokenizer), *options, **env)
    assert ("\x1b[" in shown) == coloured


def test_bytes_do_not_go_to_a_terminal(tokenizer: Path) -> None:
    shown = _on_a_terminal("encode", "a", "-t", str(tokenizer), "--npy", "-")
    assert "error: npy ids would be printed on the terminal" in shown


def test_bar_on_a_terminal(tmp_path: Path) -> None:
    big = _big_corpus(tmp_path, 12)
    shown = _on_a_terminal("train", str(big), "--vocab", "4000", "-o", str(tmp_path / "x.bpe"))
    assert "counting" in shown and "wrote" in shown
    assert _last_screen_line(shown).startswith("wrote ")


def _on_a_terminal(*argv: str, **env: str) -> str:
    """Run with standard output and error on a terminal of 80 columns; return what it showed."""
    master, slave = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(master, 1 << 16):
                shown.append(data)

    reader = threading.Thread(target=read)
    program = subprocess.Popen([*PROGRAM, *argv], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=_env(**env))
    os.close(slave)
    reader.start()
    program.wait(120)
    reader.join(10)
    os.close(master)
    return b"".join(shown).decode()


def _last_screen_line(shown: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return plain.replace("\r", "\n").rstrip("\n").rsplit("\n", 1)[-1]


# -- signals


def _big_corpus(folder: Path, mb: int) -> Path:
    """Text in which merges take long: many different pieces."""
    rng = random.Random(3)
    syllables = [chr(0xAC00 + rng.randrange(11_172)) for _ in range(3_000)]
    path = folder / "big.txt"
    with path.open("w", encoding="utf-8") as f:
        for _ in range(mb):
            words = ("".join(rng.choices(syllables, k=rng.randint(2, 6))) for _ in range(1_000_000 // 13))
            f.write(" ".join(words) + "\n")
    return path


@pytest.mark.parametrize("stage", ["counting", "merging"])
def test_interrupt(tmp_path: Path, stage: str) -> None:
    """Ctrl-C ends a training within 200 ms with one line, and leaves nothing behind."""
    big = _big_corpus(tmp_path, 30)
    argv = ["train", str(big), "--vocab", "2M", "-o", "out.bpe"]
    if stage == "merging":
        assert run("count", big, "-o", "big.counts", cwd=tmp_path).returncode == 0
        argv[1] = "big.counts"
    before = sorted(tmp_path.iterdir())
    program = subprocess.Popen([*PROGRAM, *argv], stderr=subprocess.PIPE, cwd=tmp_path, env=_env())
    time.sleep(_seconds_until_busy(stage))
    assert program.poll() is None, "it ended before it could be interrupted: the corpus is too small"
    started = time.monotonic()
    program.send_signal(signal.SIGINT)
    _, talk = program.communicate(timeout=30)
    seconds = time.monotonic() - started
    assert talk.decode() == "interrupted, nothing was written\n"
    assert program.returncode == 130
    assert sorted(tmp_path.iterdir()) == before
    assert seconds < float(os.environ.get("BPE_LAB_INTERRUPT_SECONDS", "0.2"))


def _seconds_until_busy(stage: str) -> float:
    return 0.4 if stage == "counting" else 1.5


# -- time to start


@pytest.mark.parametrize("argv", [("--help",), ("train", "--help")])
def test_help_is_quick(argv: tuple[str, ...]) -> None:
    """250 ms; the best of five, since the machine may be busy."""
    times = []
    for _ in range(5):
        started = time.monotonic()
        assert run(*argv).returncode == 0
        times.append(time.monotonic() - started)
    assert min(times) < 0.25


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bpe_lab.cli import main; main(['train', '--help']);"
        "print([m for m in ('numpy', 'rich', 'zstandard', 'shtab') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.stderr.decode().strip() == "[]"
