"""The small parts of the command line: what is typed, what is shown, how documents are cut."""

import argparse
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpe_lab import ArgumentError, Progress, count_pieces
from bpe_lab.cli import arguments
from bpe_lab.cli.fitting import Column, fitting
from bpe_lab.cli.progress import Pace, describe
from bpe_lab.cli.terminal import amount, duration
from bpe_lab.cli.tokenview import separated, wrapped
from bpe_lab.corpus import Block
from bpe_lab.documents import cuts_for, split
from bpe_lab.visible import visible


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("32000", 32_000),
        ("32k", 32_000),
        ("32K", 32_000),
        ("32Ki", 32_768),
        ("8ki", 8_192),
        ("1.5M", 1_500_000),
        ("0.5Ki", 512),
        ("32,000", 32_000),
        ("32_000", 32_000),
        ("2G", 2_000_000_000),
    ],
)
def test_sizes(typed: str, meant: int) -> None:
    assert arguments.size(typed) == meant


@pytest.mark.parametrize("typed", ["", "k", "32x", "-1", "1.5", "0.0001k", "1e3", "３", "32 k k", "0x10", "nan"])
def test_no_sizes(typed: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        arguments.size(typed)


def test_special_ids() -> None:
    assert arguments.special_id("<|a=b|>=7") == ("<|a=b|>", 7)
    for typed in ("a", "=1", "a=", "a=x", "a=-1"):
        with pytest.raises(argparse.ArgumentTypeError):
            arguments.special_id(typed)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("sylable", r"unknown unit \"sylable\" \(one of: byte,"),
        ("jamo:alias", "unknown options .*alias.*for example jamo:filler:nfd-alias"),
        ("syllable:seen=0", "for example syllable:seen=5"),
        ("byte:filler", "unit byte has no options"),
    ],
)
def test_no_units(typed: str, told: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        arguments.unit(typed)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("사과".encode(), "사과"),
        ("사과".encode()[:4], r"사\xEA"),
        (b" a\tb\n", r" a\tb\n"),
        (b"\\n", r"\\n"),
        (b"\x00\x1b\x7f", r"\x00\x1B\x7F"),
        ("\xa0\u200d\u202e".encode(), r"\u00A0\u200D\u202E"),
        (b"\xa0", r"\xA0"),
        ("\U000e0001".encode(), r"\U000E0001"),
        ("👩‍🌾".encode(), r"👩\u200D🌾"),
        (b"\xed\xa0\x80", r"\xED\xA0\x80"),
        ("\u1112\u1161\u11ab글".encode(), "⟨ㅎㅏ-ㄴ⟩글"),
        ("\u11ab\u1112\u1161".encode(), "⟨-ㄴㅎㅏ⟩"),
        ("⟨ㅎ⟩".encode(), r"\u27E8ㅎ\u27E9"),
        ("\u115f\u1161\u3164".encode(), r"\u115F⟨ㅏ⟩\u3164"),
        ("e\u0301 q\u0301\u0301".encode(), r"e\u0301 q́́"),
        ("\u0301 \u0301\n\u0301".encode(), r"\u0301 \u0301\n\u0301"),
        ("❤\ufe0f".encode(), r"❤\uFE0F"),
        ("ไทย กำลัง".encode(), "ไทย กำลัง"),
    ],
)
def test_visible(data: bytes, shown: str) -> None:
    assert visible(data) == shown


@given(st.lists(st.binary(max_size=6), min_size=2, max_size=2, unique=True))
def test_different_bytes_look_different(pair: list[bytes]) -> None:
    assert visible(pair[0]) != visible(pair[1])
    assert all(visible(data).isprintable() for data in pair)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=30), st.integers(1, 40))
def test_wrapped_lines_hold_all_tokens(tokens: list[bytes], width: int) -> None:
    from rich.cells import cell_len

    lines = list(wrapped(tokens, width))
    assert [token for _, line in lines for token in line] == tokens
    assert [start for start, _ in lines] == [sum(len(line) for _, line in lines[:i]) for i in range(len(lines))]
    assert all(cell_len(separated(line, breaks=False)) < width or len(line) == 1 for _, line in lines)


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (1234, "1.23 kB"), (99_960_000, "100 MB"), (3.2e12, "3.2 TB")],
)
def test_amounts(n_bytes: int, shown: str) -> None:
    assert amount(n_bytes) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.01, "10 ms"), (1.25, "1.2 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (7300, "2 h 01 min")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize("width", [36, 60, 71, 79, 80, 81, 100])
def test_a_table_cuts_no_number(width: int) -> None:
    """At 80 columns rich cut the last column: two columns of words may break, and it shrank one below its words."""
    from io import StringIO

    from rich.console import Console

    columns: list[Column] = [
        ("tokenizer", "left"),
        ("bits /byte", "right"),
        ("beside the base", "right"),
        ("how sure", "left"),
        ("bits inside a syllable", "right"),
        ("seconds", "right"),
    ]
    row = ["byte 1,024", "3.424 [3.306, 3.563]", "-5.7 % [-6.5, -4.9]", "the base", "2.014", "19.008"]
    console = Console(file=StringIO(), width=width)
    table = fitting(columns, [row], console)
    with console.capture() as captured:
        console.print(table)
    text = captured.get()
    for cell, (_, side) in list(zip(row, columns, strict=True))[: len(table.columns)]:
        assert cell in text if side == "right" else all(word in text for word in cell.split())
    assert max(map(len, text.splitlines())) <= width


def test_progress_in_words() -> None:
    pace = Pace()
    describe(Progress("count", 0, 100_000_000, 0, 0, 0, 0.0), pace)
    line = describe(Progress("count", 50_000_000, 100_000_000, 12_345, 0, 0, 1.0), pace)
    assert line.startswith("counting 50 MB/100 MB, 50 MB/s, 12.3k pieces, 0:01 left, peak ")
    assert len(line) < 73
    pace = Pace()
    describe(Progress("merge", 0, None, 5, 1_000, 32_000, 0.0), pace)
    line = describe(Progress("merge", 0, None, 5, 2_000, 32_000, 0.5), pace)
    assert line.startswith("merging 2,000/32,000 tokens, 2k/s, 0:15 left")


# -- documents, as the core cuts them

HOWS = ("file", "line", "blank-line", "separator:--", r"separator:\n\n", r"separator:\x61", "prefix:# ", "prefix:가")
_ALPHABET = [b"a", b"-", b"--", b"\n", b"\n\n", b"# ", b" ", b"\t\n", b"\r\n", b"\r", b"\xea\xb0", "가".encode()]
_TEXTS = st.lists(st.sampled_from(_ALPHABET), max_size=30).map(b"".join)


def _split(text: bytes, how: str, block_bytes: int) -> list[bytes]:
    blocks = [Block(text[i : i + block_bytes], ends=False) for i in range(0, len(text), block_bytes)]
    return list(split([*blocks, Block(b"", ends=True)], cuts_for(how)))


@given(_TEXTS, st.sampled_from(HOWS), st.integers(1, 40))
def test_documents_do_not_depend_on_blocks(text: bytes, how: str, block_bytes: int) -> None:
    documents = _split(text, how, block_bytes)
    assert b"".join(documents) == text and b"" not in documents
    assert documents == _split(text, how, max(1, len(text)))


@pytest.mark.parametrize("how", HOWS)
def test_documents_are_those_of_the_core(how: str, tmp_path: Path) -> None:
    """With pattern `none` a piece is a document, so counting gives the core's documents."""
    path = tmp_path / "a.txt"
    found: list[bytes] = []
    texts: list[bytes] = []

    @example("a--a\n\n# a\n가\n".encode())  # splits, however documents are told apart
    @given(_TEXTS.filter(bool))
    def same(text: bytes) -> None:
        path.write_bytes(text)
        counts = count_pieces(path, pattern="none", documents=how, threads=1)
        mine = _split(text, how, 1 << 20)
        assert sorted(set(mine)) == [piece for piece, _ in counts.items()]
        assert len(mine) == counts.total_weight
        found.extend(mine)
        texts.append(text)

    same()
    assert how == "file" or len(found) > len(texts)


@pytest.mark.parametrize(
    "how", ["", "lines", "separator:", "prefix:", "separator", "file:x", r"prefix:\n", r"separator:\q", "separator:\\"]
)
def test_no_such_documents(how: str) -> None:
    with pytest.raises(ArgumentError):
        cuts_for(how)
