"""The program as a process of its own: pipes, signals, terminals, time to start."""

import contextlib
import json
import math
import os
import pty
import random
import re
import resource
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
def test_pipe_gives_the_bytes_back(tokenizer: Path, data: bytes) -> None:
    assert run("decode", "-t", tokenizer, data=run("encode", "-t", tokenizer, data=data).stdout).stdout == data


@pytest.mark.parametrize("options", [("--documents", "line"), ("--json",), ("--npy", "-"), ("--raw", "u16", "-")])
def test_every_form_pipes(tokenizer: Path, options: tuple[str, ...]) -> None:
    data = random.Random(1).randbytes(300_000) + "가나다 abc\n".encode() * 30_000
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
    for argv in (("inspect", "사과", "-t", tokenizer), ("compare", "--lang", "ja"), ("train", "missing")):
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
    assert "npy ids would be printed on the terminal" in shown


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


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with text that takes seconds to count and its counts, which take seconds to merge."""
    folder = tmp_path_factory.mktemp("big")
    text = _big_corpus(folder, 20)
    assert run("count", text, "-o", folder / "big.counts").returncode == 0
    return folder


@pytest.mark.parametrize("stage", ["counting", "loading", "merging"])
@pytest.mark.parametrize(
    ("number", "word", "code"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)]
)
def test_interrupt(big: Path, stage: str, number: signal.Signals, word: str, code: int) -> None:
    """Ctrl-C ends a training within 200 ms with one line and leaves nothing behind. The best of two tries counts."""
    source = {"counting": "big.txt", "loading": "big.counts", "merging": "big.counts"}[stage]
    seconds = [_interrupted(big, source, stage, number, f"{word}, nothing was written\n", code) for _ in range(2)]
    assert min(seconds) < 0.2, seconds


def _interrupted(folder: Path, source: str, stage: str, number: signal.Signals, talk: str, code: int) -> float:
    """Interrupt a training while it is in `stage`; return how long it took to end."""
    argv = ["train", source, "--vocab", "2M", "-o", "out.bpe"]
    before = sorted(folder.iterdir())
    program = subprocess.Popen([*PROGRAM, *argv], stderr=subprocess.PIPE, cwd=folder, env=_env())
    _let_run(program, {"counting": 0.4, "loading": 0.4, "merging": 1.5}[stage])
    assert program.poll() is None, "it ended before it could be interrupted: the corpus is too small"
    started = time.monotonic()
    program.send_signal(number)
    _, said = program.communicate(timeout=30)
    seconds = time.monotonic() - started
    assert (said.decode(), program.returncode) == (talk, code)
    assert sorted(folder.iterdir()) == before
    return seconds


def _let_run(program: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait until the program has worked for so long, on a busy machine too: there the first moment, which is Python's
    own, takes many times as long as on a free one."""
    deadline = time.monotonic() + 20
    time.sleep(seconds)
    while program.poll() is None and time.monotonic() < deadline and _cpu_seconds(program.pid) < seconds:
        time.sleep(0.02)


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a process; infinite where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_output_leaves_no_part(tokenizer: Path, tmp_path: Path, number: signal.Signals) -> None:
    """A file that was being written when the signal came is not there, in part or whole."""
    argv = [*PROGRAM, "encode", "-t", str(tokenizer), "--documents", "line", "-o", "ids.txt"]
    program = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=_env())
    assert program.stdin is not None
    deadline = time.monotonic() + 30
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
    program.send_signal(number)
    _, talk = program.communicate(timeout=30)
    assert talk.decode().endswith(", nothing was written\n") and len(talk.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_interrupted_encoding_of_one_large_document(tokenizer: Path, tmp_path: Path) -> None:
    """One call into the core that takes long, while a file is open."""
    (tmp_path / "a.txt").write_bytes(random.Random(5).randbytes(1_000_000) * 64)
    argv = [*PROGRAM, "encode", "-t", str(tokenizer), "--in", "a.txt", "--threads", "1", "--npy", "ids.npy"]
    program = subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=tmp_path, env=_env())
    while len(list(tmp_path.iterdir())) < 2:
        time.sleep(0.01)
    time.sleep(0.3)
    started = time.monotonic()
    program.send_signal(signal.SIGINT)
    _, talk = program.communicate(timeout=30)
    assert time.monotonic() - started < 1
    assert talk.decode() == "interrupted, nothing was written\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(tokenizer: Path, closed: str) -> None:
    for words, code in ((f"vocab {tokenizer}", 0), (f"inspect a -t {tokenizer} --json", 0), ("train missing", 3)):
        done = subprocess.run(
            f"exec {' '.join(PROGRAM)} {words} {closed}", shell=True, capture_output=True, env=_env(), timeout=60
        )
        assert done.returncode == code, done.stderr.decode()


def test_output_through_a_link(tokenizer: Path, tmp_path: Path) -> None:
    """A link stays a link: what it points at is written."""
    (tmp_path / "real.npy").write_bytes(b"old")
    (tmp_path / "link.npy").symlink_to("real.npy")
    assert run("encode", "a", "-t", tokenizer, "--npy", "link.npy", "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "link.npy").is_symlink() and (tmp_path / "real.npy").read_bytes().startswith(b"\x93NUMPY")


# -- time to start


@pytest.mark.parametrize("argv", [("--help",), ("train", "--help")])
def test_help_is_quick(argv: tuple[str, ...]) -> None:
    """250 ms of processor time, which a busy machine does not change; the best of five."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run(*argv).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.25


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bpe_lab.cli import main; main(['train', '--help']);"
        "print([m for m in ('numpy', 'rich', 'zstandard', 'shtab') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.stderr.decode().strip() == "[]"
