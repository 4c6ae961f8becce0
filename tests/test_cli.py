"""Every command, called in this process: what it prints, what it writes, what it refuses. Rows where there are many."""

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpe_lab import PieceCounts, Tokenizer, sample
from bpe_lab.cli import arguments, main
from bpe_lab.cli.app import build_parser
from bpe_lab.cli.exits import MEANINGS, Exit
from bpe_lab.counts import MAGIC


@dataclass(frozen=True)
class Outcome:
    """What one run of the program gave."""

    code: int
    data: bytes
    talk: str

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.data)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the program in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*argv: object) -> Outcome:
        capfdbinary.readouterr()
        code = main([os.fspath(a) if isinstance(a, Path) else str(a) for a in argv])
        data, talk = capfdbinary.readouterr()
        return Outcome(code, data, talk.decode())

    return call


@pytest.fixture(scope="session")
def korean() -> str:
    return "".join(d.text for d in sample.documents("ko", "news"))


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, korean: str) -> Path:
    """A small tokenizer's file; no test writes it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    corpus = folder / "corpus.txt"
    corpus.write_text(korean, encoding="utf-8")
    assert main(["train", str(corpus), "--vocab", "400", "-o", str(folder / "ko.bpe"), "-q"]) == 0
    return folder / "ko.bpe"


@pytest.fixture
def corpus(tmp_path: Path, korean: str) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(korean, encoding="utf-8")
    return path


# -- train


def test_train_says_where_it_wrote(run: Run, corpus: Path) -> None:
    done = run("train", "corpus.txt", "--vocab", "300")
    assert done.code == 0 and done.data == b""
    assert "wrote corpus-300.bpe (" in done.talk and "300 tokens" in done.talk
    assert Tokenizer.load("corpus-300.bpe").n_tokens == 300


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("-", "stdin-32000.bpe"),
        ("a/news.jsonl.gz", "news-32000.bpe"),
        ("a/*.txt", "corpus-32000.bpe"),
        ("part-*.txt.zst", "part-32000.bpe"),
        ("all.counts", "all-32000.bpe"),
        ("folder/", "folder-32000.bpe"),
        ("v1.5.txt", "v1.5-32000.bpe"),
    ],
)
def test_default_name(source: str, name: str) -> None:
    from bpe_lab.cli.training import default_out

    assert default_out(source, 32_000) == name


def test_train_refuses_before_working(run: Run, corpus: Path) -> None:
    Path("corpus-300.bpe").write_text("mine")
    done = run("train", "corpus.txt", "--vocab", "300")
    assert done.code == Exit.INPUT and "counted" not in done.talk
    assert done.talk.startswith("error: corpus-300.bpe exists already\nhint: ") and "--force" in done.talk
    assert Path("corpus-300.bpe").read_text() == "mine"
    assert run("train", "corpus.txt", "--vocab", "300", "--force").code == 0


def test_train_never_overwrites_its_source(run: Run, corpus: Path, korean: str) -> None:
    done = run("train", "corpus.txt", "--vocab", "300", "-o", "corpus.txt", "--force")
    assert done.code == Exit.USAGE and "one of the inputs" in done.talk
    assert corpus.read_text(encoding="utf-8") == korean


def test_train_trace(run: Run) -> None:
    Path("a.txt").write_text("사과사과사과 사람", encoding="utf-8")
    lines = run("train", "a.txt", "--vocab", "263", "--trace", "2", "--pattern", "none").text.splitlines()
    assert lines[0].split() == ["rank", "count", "tokens", "left", "pair", "as", "bytes", "pair", "as", "text"]
    assert len(lines) == 3
    assert lines[1].split()[:2] == ["0", "4"] and "EC + 82" in lines[1] and r'"\xEC" + "\x82"' in lines[1]


def test_train_json(run: Run, corpus: Path) -> None:
    done = run("train", "corpus.txt", "--vocab", "300", "--json", "--trace", "3")
    report = done.json
    assert (report["schema"], report["command"], report["tokens"], report["reason"]) == (1, "train", 300, None)
    assert report["files"] == ["corpus-300.bpe"]
    assert len(report["trace"]) == 3 and report["tokens_in_corpus"]["before"] == corpus.stat().st_size


def test_merges_run_out(run: Run) -> None:
    Path("a.txt").write_text("abab")
    done = run("train", "a.txt", "--vocab", "32k")
    assert done.code == 0 and Path("a-32000.bpe").exists()
    assert "warning: the vocabulary has 259 tokens instead of 32000: no pair is left to merge" in done.talk
    strict = run("train", "a.txt", "--vocab", "32k", "--strict-vocab", "-o", "b.bpe")
    assert strict.code == Exit.STRICT_VOCABULARY and not Path("b.bpe").exists()
    assert "error: the vocabulary has 259 tokens instead of 32000" in strict.talk


def test_special_tokens(run: Run) -> None:
    Path("a.txt").write_text("ab")
    for options, expected in [
        ((), ["<|endoftext|>"]),
        (("--special", "<a>", "--special", "<b>"), ["<|endoftext|>", "<a>", "<b>"]),
        (("--no-special",), []),
        (("--no-special", "--special", "<a>"), ["<a>"]),
    ]:
        assert run("train", "a.txt", "--vocab", "260", "-o", "a.bpe", "--force", *options).code == 0
        assert list(Tokenizer.load("a.bpe").special_tokens) == expected


def test_byte_order_marks_are_reported(run: Run) -> None:
    import gzip

    Path("a.txt").write_bytes(b"\xef\xbb\xbfab")
    Path("b.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfab"))
    Path("c.txt").write_bytes(b"ab")
    done = run("count", "a.txt", "b.txt.gz", "c.txt", "-o", "-", "--tsv")
    assert "2 files with a byte order mark in front, kept as text: a.txt, b.txt.gz\n" in done.talk
    assert done.text.splitlines()[-1].startswith("\ufeff")


def test_options_between_sources(run: Run) -> None:
    Path("a.txt").write_text("ab")
    Path("b.txt").write_text("cd")
    assert run("train", "a.txt", "--vocab", "260", "b.txt").code == 0
    assert Tokenizer.load("a-260.bpe").token_id("cd") is not None


def test_train_from_counts_is_the_same(run: Run, corpus: Path, korean: str) -> None:
    half = korean.index("\n", len(korean) // 2) + 1
    Path("1.txt").write_text(korean[:half], encoding="utf-8")
    Path("2.txt").write_text(korean[half:], encoding="utf-8")
    for part in ("1", "2"):
        assert run("count", f"{part}.txt", "-o", f"{part}.counts").code == 0
    assert run("merge-counts", "1.counts", "2.counts", "-o", "all.counts").code == 0
    assert run("train", "1.txt", "2.txt", "--vocab", "300", "-o", "text.bpe").code == 0
    for sources in (["all.counts"], ["1.counts", "2.counts"], ["1.txt", "2.counts"]):
        assert run("train", *sources, "--vocab", "300", "-o", "counts.bpe", "--force").code == 0
        assert Tokenizer.load("counts.bpe") == Tokenizer.load("text.bpe")


def test_two_column_counts(run: Run) -> None:
    Path("words.tsv").write_text("사과\t5\n나무\t3\n", encoding="utf-8")
    done = run("train", "--counts", "words.tsv", "--vocab", "260", "--pattern", "gpt2")
    assert done.code == 0 and "8 pieces, 2 distinct" in done.talk
    assert Tokenizer.load("words-260.bpe").pattern == "gpt2"


def test_counts_of_another_pattern(run: Run) -> None:
    Path("a.txt").write_text("ab cd")
    run("count", "a.txt", "-o", "a.counts", "--pattern", "gpt2")
    assert run("train", "a.counts", "--vocab", "260").code == 0
    assert Tokenizer.load("a-260.bpe").pattern == "gpt2"
    done = run("train", "a.counts", "--vocab", "260", "--pattern", "o200k", "--force")
    assert done.code == Exit.USAGE and "'gpt2'" in done.talk and "'o200k'" in done.talk


def test_counts_as_text(run: Run) -> None:
    Path("a.txt").write_text("가 가 나")
    assert run("count", "a.txt", "--tsv", "-o", "-").text.splitlines() == [" 가\t1", " 나\t1", "가\t1"]
    assert run("count", "a.txt", "--tsv", "-o", "a.tsv").code == 0
    assert run("merge-counts", "a.tsv", "a.tsv", "-o", "b.tsv", "--tsv").code == 0
    assert Path("b.tsv").read_text(encoding="utf-8").splitlines() == [" 가\t2", " 나\t2", "가\t2"]


def test_count_json(run: Run) -> None:
    Path("a.txt").write_text("a a")
    done = run("count", "a.txt", "-o", "a.counts", "--json").json
    assert done == {
        "schema": 1,
        "command": "count",
        "file": "a.counts",
        "pieces": {"distinct": 2, "total": 2, "bytes": 3},
    }


@pytest.mark.parametrize(
    ("out", "files"),
    [
        ("x.bpe", {"x.bpe"}),
        ("x.json", {"x.json"}),
        ("hf/", {"hf/tokenizer.json", "hf/tokenizer_config.json"}),
        ("x.tiktoken", {"x.tiktoken", "x_tiktoken.py"}),
    ],
)
def test_train_writes_the_format_of_the_name(run: Run, corpus: Path, out: str, files: set[str]) -> None:
    assert run("train", "corpus.txt", "--vocab", "300", "-o", out).code == 0
    found = {str(p.relative_to(corpus.parent)) for p in corpus.parent.rglob("*") if p.is_file()} - {"corpus.txt"}
    assert found == files
    again = run("train", "corpus.txt", "--vocab", "300", "-o", out)
    assert again.code == Exit.INPUT and "exists already" in again.talk and "counted" not in again.talk


def test_work_is_kept_where_the_format_refuses(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bpe_lab import UnsupportedError

    save = Tokenizer.save

    def refusing(self: Tokenizer, path: Any, *, format: Any = None, force: bool = False) -> list[Path]:
        if format == "tiktoken":
            raise UnsupportedError("ranks would merge other pairs")
        return save(self, path, format=format, force=force)

    monkeypatch.setattr(Tokenizer, "save", refusing)
    done = run("train", "corpus.txt", "--vocab", "300", "-o", "x.tiktoken")
    assert done.code == Exit.UNSUPPORTED and "kept as x.bpe instead of x.tiktoken" in done.talk
    assert Tokenizer.load("x.bpe").n_tokens == 300


def test_out_to_stdout(run: Run, corpus: Path, tokenizer: Path) -> None:
    done = run("train", "corpus.txt", "--vocab", "400", "-o", "-")
    assert done.code == 0
    Path("piped.bpe").write_bytes(done.data)
    assert Tokenizer.load("piped.bpe") == Tokenizer.load(tokenizer)


# -- encode and decode


def test_encode_texts(run: Run, tokenizer: Path) -> None:
    done = run("encode", "사과나무", "", "b c", "-t", tokenizer)
    expected = [Tokenizer.load(tokenizer).encode(text) for text in ("사과나무", "", "b c")]
    assert [list(map(int, line.split())) for line in done.text.splitlines()] == expected


def test_encode_takes_text_after_options(run: Run, tokenizer: Path) -> None:
    assert run("encode", "-t", tokenizer, "사과").data == run("encode", "사과", "-t", tokenizer).data
    assert run("encode", "-t", tokenizer, "--", "-x").data == run("encode", "-t", tokenizer, "--", "-x").data != b""


def test_encode_json(run: Run, tokenizer: Path) -> None:
    done = run("encode", "사과", "나무", "-t", tokenizer, "--json").json
    loaded = Tokenizer.load(tokenizer)
    assert (done["schema"], done["command"]) == (1, "encode")
    assert done["documents"] == [loaded.encode("사과"), loaded.encode("나무")]
    assert done["tokenizer"]["fingerprint"] == loaded.fingerprint
    assert run("encode", "--in", _empty(), "-t", tokenizer, "--json").json["documents"] == []


def _empty() -> str:
    Path("empty.txt").write_bytes(b"")
    return "empty.txt"


def test_encode_files(run: Run, tokenizer: Path) -> None:
    text = "첫 줄\n둘째 줄\n\n끝"
    Path("a.txt").write_text(text, encoding="utf-8")
    loaded = Tokenizer.load(tokenizer)
    lines = [loaded.encode(line) for line in text.splitlines(keepends=True)]
    flat = [i for line in lines for i in line]
    options = ("--in", "a.txt", "--documents", "line", "-t", tokenizer)
    assert run("encode", *options, "--npy", "ids.npy", "--offsets", "offsets.npy").code == 0
    assert np.load("ids.npy").dtype == np.uint32 and np.load("ids.npy").tolist() == flat
    assert np.load("offsets.npy").tolist() == np.cumsum([0, *map(len, lines)]).tolist()
    for kind, dtype in (("u16", "<u2"), ("u32", "<u4")):
        assert run("encode", *options, "--raw", kind, f"ids.{kind}").code == 0
        assert np.fromfile(f"ids.{kind}", dtype).tolist() == flat
    assert run("encode", *options, "-o", "ids.txt").code == 0
    assert len(Path("ids.txt").read_text().splitlines()) == len(lines)
    for arguments_ in (
        ("--in", "ids.npy"),
        ("--in", "ids.txt"),
        ("--raw", "u16", "ids.u16"),
        ("--raw", "u32", "ids.u32"),
    ):
        assert run("decode", *arguments_, "-t", tokenizer).text == text


@pytest.mark.parametrize(
    "form", ["[1, 2, 65]", "[[1], [2, 65]]", '{"documents": [[1, 2], [65]]}', "1 2\n65\n", "1\t2\r\n65"]
)
def test_decode_forms(run: Run, tokenizer: Path, form: str) -> None:
    Path("ids").write_text(form)
    assert run("decode", "--in", "ids", "-t", tokenizer).data == run("decode", "1", "2", "65", "-t", tokenizer).data


def test_long_ids_file(run: Run, tokenizer: Path, tmp_path: Path) -> None:
    """Numbers that lie across the borders of what is read at once."""
    ids = [i % 300 for i in range(700_000)]
    Path("ids").write_text(" ".join(map(str, ids)))
    assert run("decode", "--in", "ids", "-t", tokenizer).data == Tokenizer.load(tokenizer).decode_bytes(ids)


def test_special_only_on_request(run: Run, tokenizer: Path) -> None:
    special = Tokenizer.load(tokenizer).special_tokens["<|endoftext|>"]
    assert str(special) not in run("encode", "<|endoftext|>", "-t", tokenizer).text.split()
    assert run("encode", "<|endoftext|>", "-t", tokenizer, "--allow-special").text == f"{special}\n"
    assert run("decode", special, "-t", tokenizer).text == "<|endoftext|>"


# -- inspect and vocab


def test_inspect(run: Run, tokenizer: Path) -> None:
    done = run("inspect", "사과 뷁|\n끝\u200d", "-t", tokenizer)
    view, table, summary = done.text.strip().split("\n\n")
    assert "\x1b" not in done.text and view.replace("|", "").startswith("사과")
    assert "⟨뷁:1/3⟩|⟨뷁:2/3⟩|⟨뷁:3/3⟩|" in view and "||" in view and "\u200d" not in view
    rows = table.splitlines()
    assert rows[0].split() == ["index", "id", "bytes", "chars", "syllables", "jamo", "hex", "text"]
    ids = [int(row.split()[1]) for row in rows[1:]]
    assert Tokenizer.load(tokenizer).decode(ids) == "사과 뷁|\n끝\u200d"
    n = len(ids)
    assert summary == (
        f"{n} tokens, 8 characters, 18 bytes, {18 / n:.2f} bytes a token, 2 of 4 syllables broken, "
        "1 other character broken, 0 of 3 eojeol in one token"
    )


@pytest.mark.parametrize(
    ("columns", "header"),
    [(80, ["index", "id", "bytes", "chars", "syllables", "jamo", "hex", "text"]),
     (66, ["index", "id", "bytes", "chars", "syllables", "jamo", "text"]),
     (40, ["0", '"사"'])],
)  # fmt: skip
def test_inspect_fits_the_terminal(
    run: Run, tokenizer: Path, monkeypatch: pytest.MonkeyPatch, columns: int, header: list[str]
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", str(columns))
    done = run("inspect", "사과나무에 뷁뷁뷁 사과\u200d가 😀 열렸다", "-t", tokenizer)
    lines = done.text.splitlines()
    assert max(map(cell_len, lines)) <= columns
    table = lines[lines.index("") + 1 :]
    assert table[0].split() == header


def test_inspect_of_nothing(run: Run, tokenizer: Path) -> None:
    assert run("inspect", "", "-t", tokenizer).text == "0 tokens, 0 characters, 0 bytes\n"


def test_inspect_columns_stand_under_each_other(run: Run, tokenizer: Path) -> None:
    """Hangul takes two cells a letter; the text begins in the same cell of every row."""
    from rich.cells import cell_len

    rows = run("inspect", "사과 a 값 뷁", "-t", tokenizer).text.split("\n\n")[1].splitlines()
    starts = {cell_len(row[: row.index('"')]) for row in rows[1:]}
    assert starts == {cell_len(rows[0][: rows[0].index("text")])}


def test_inspect_json(run: Run, tokenizer: Path) -> None:
    text = "사과 뷁 apple"
    done = run("inspect", text, "-t", tokenizer, "--json", "--steps").json
    loaded = Tokenizer.load(tokenizer)
    assert (done["schema"], done["command"], done["text"]) == (1, "inspect", text)
    tokens = done["tokens"]
    assert [t["id"] for t in tokens] == loaded.encode(text)
    assert [(t["start"], t["end"]) for t in tokens] == loaded.spans(text)
    assert [(t["char_start"], t["char_end"]) for t in tokens] == loaded.spans(text, "chars")
    assert b"".join(bytes.fromhex(t["bytes"]) for t in tokens) == text.encode()
    assert [piece[-1]["tokens"] for piece in done["pieces"]]
    assert (tokens[0]["shown"], tokens[0]["n_syllables"], tokens[0]["jamo"]) == ("사", 1, "ㅅㅏ")
    cuts = [cut for t in tokens for cut in t["cuts"]]
    assert [cut["char"] for cut in cuts] == ["뷁"] * len(cuts) and {cut["place"] for cut in cuts} == {3}
    assert cuts[0]["first"] == 0 and cuts[-1]["end"] == cuts[-1]["of"] == 3
    assert done["summary"]["n_broken_syllables"] == 1 and done["summary"]["n_syllables"] == 3
    assert (done["summary"]["n_eojeol"], done["summary"]["n_tokens"]) == (3, len(tokens))


def test_inspect_steps(run: Run) -> None:
    """The merges of three apples, worked out by hand: EC+82, then +AC, +EA, +B3, +BC."""
    Path("a.txt").write_text("사과 사과 사과", encoding="utf-8")
    run("train", "a.txt", "--vocab", "262", "-o", "a.bpe", "--pattern", "none", "--documents", "separator: ")
    done = run("inspect", "--steps", "사과", "-t", "a.bpe")
    steps = done.text.split("\n\n")[1].splitlines()
    assert steps[0].split() == ["rank", "piece", "0"]
    assert steps[1].strip() == r"\xEC|\x82|\xAC|\xEA|\xB3|\xBC"
    assert all(step.split()[0].isdigit() for step in steps[2:])


def test_colour_on_request(run: Run, tokenizer: Path) -> None:
    plain, coloured = (
        run("inspect", "사과", "-t", tokenizer),
        run("inspect", "사과", "-t", tokenizer, "--color", "always"),
    )
    assert b"\x1b[" not in plain.data and "\x1b[" not in plain.talk
    assert b"\x1b[" in coloured.data
    failed = run("inspect", "사과", "-t", "missing", "--color", "always")
    assert failed.talk.startswith("\x1b[1;31merror:\x1b[0m missing")


def test_vocab(run: Run, tokenizer: Path) -> None:
    done = run("vocab", tokenizer)
    rows = done.text.splitlines()
    assert rows[0].split() == ["id", "bytes", "kind", "text"] and len(rows) == 401
    assert rows[-1].split() == ["399", "13", "special", '"<|endoftext|>"']
    assert len(run("vocab", tokenizer, "--limit", "5").text.splitlines()) == 6
    assert "400 tokens, 1 special, unit byte, pattern o200k" in done.talk


def test_vocab_of_jamo(run: Run, corpus: Path) -> None:
    """256 bytes, 67 jamo, filler, escape, closer, then merges: what has no bytes has a name, and ids are told apart."""
    run("train", "corpus.txt", "--vocab", "340", "--unit", "jamo:filler:nfd-alias", "-o", "jamo.bpe")
    rows = [row.split() for row in run("vocab", "jamo.bpe").text.splitlines()[1:]]
    assert [row[2] for row in rows[:340]] == ["byte"] * 256 + ["symbol"] * 70 + ["merge"] * 13 + ["special"]
    assert [row[1:] for row in rows[322:326]] == [
        ["3", "symbol", '"⟨-ㅎ⟩"'],
        ["0", "symbol", r'"\{filler}"'],
        ["0", "symbol", r'"\{escape}"'],
        ["0", "symbol", r'"\{closer}"'],
    ]
    found = run("vocab", "jamo.bpe", "--json").json["vocabulary"]
    assert found[323]["name"] == "filler" and "name" not in found[322]
    same = run("vocab", "jamo.bpe", "--diff", "jamo.bpe", "--json").json
    assert same["counts"][0]["tokens"] == 340 and not same["other_id"]


def test_vocab_find(run: Run, tokenizer: Path) -> None:
    done = run("vocab", tokenizer, "--find", "다", "--json").json
    assert (done["schema"], done["command"]) == (1, "vocab")
    assert done["found"] == len(done["vocabulary"]) > 0
    assert all("다".encode().hex() in entry["bytes"] for entry in done["vocabulary"])


def test_vocab_diff(run: Run, tokenizer: Path, corpus: Path) -> None:
    run("train", "corpus.txt", "--vocab", "390", "-o", "small.bpe")
    done = run("vocab", tokenizer, "--diff", "small.bpe", "--json").json
    counts = {row["what"]: row["tokens"] for row in done["counts"]}
    assert counts == {
        "same bytes, same id": 389,
        "same bytes, other id": 1,
        "only here": 10,
        "only there": 0,
    }
    assert done["other_id"][0]["id"] == 399 and done["other_id"][0]["id_there"] == 389
    text = run("vocab", tokenizer, "--diff", "small.bpe", "--limit", "3").text
    assert "only here, the first 3 of 10:" in text and "same bytes, other id:" in text
    same = run("vocab", tokenizer, "--diff", tokenizer).text
    assert "only here" in same and "first" not in same


# -- export and import


@pytest.mark.parametrize(
    ("out", "form"), [("x.json", "hf"), ("hf/", "hf"), ("x.tiktoken", "tiktoken"), ("y.bpe", "native")]
)
def test_export_and_import(run: Run, tokenizer: Path, out: str, form: str) -> None:
    done = run("export", tokenizer, "-o", out, "--json")
    assert done.code == 0 and done.json["format"] == form and all(Path(f).exists() for f in done.json["files"])
    ranks = ["--pattern", "o200k", "--special", "<|endoftext|>=399"] if form == "tiktoken" else []
    assert run("import", out, "-o", "back.bpe", *ranks).code == 0
    text = "사과나무에 사과가 열렸다<|endoftext|>"
    back, loaded = Tokenizer.load("back.bpe"), Tokenizer.load(tokenizer)
    assert back.encode(text, allowed_special="all") == loaded.encode(text, allowed_special="all")


def test_export_refuses_a_taken_name(run: Run, tokenizer: Path) -> None:
    Path("hf").mkdir()
    Path("hf/tokenizer.json").write_text("mine")
    done = run("export", tokenizer, "-o", "hf")
    assert done.code == Exit.INPUT and "exists already" in done.talk
    assert Path("hf/tokenizer.json").read_text() == "mine"


def test_failed_export_leaves_no_folder(run: Run, tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> list[Path]:
        raise OSError(28, "No space left on device", "new/tokenizer.json")

    monkeypatch.setattr(Tokenizer, "save", failing)
    done = run("export", tokenizer, "-o", "new/")
    assert done.code == Exit.INPUT and done.talk == "error: new/tokenizer.json: No space left on device\n"
    assert not Path("new").exists()


# -- what is refused, and how


@dataclass(frozen=True)
class Refused:
    argv: list[str]
    code: int
    says: str
    hint: str | None = None


REFUSED = [
    Refused(["trian"], 2, "there is no command 'trian'", "did you mean train?"),
    Refused(["frobnicate"], 2, "there is no command 'frobnicate'", "see bpe-lab --help"),
    Refused(["train", "a.txt", "--vocb", "3"], 2, "bpe-lab train does not know '--vocb'", "did you mean --vocab?"),
    Refused(["train"], 2, "nothing to read", "name files, folders or globs, or - for standard input"),
    Refused(
        ["train", "a.txt", "--vocab", "32x"], 2, "argument --vocab: not a number: '32x' (write 32000, 32k or 32Ki)"
    ),
    Refused(["train", "a.txt", "--vocab", "200"], 2, "--vocab must be at least 257 (256 bytes and 1 special), got 200"),
    Refused(["train", "a.txt", "--vocab", "3Mi"], 2, "--vocab must be at most 2097152, got 3145728"),
    Refused(["train", "a.txt", "--pattern", "o201k"], 2, "no pattern is called 'o201k'"),
    Refused(["train", "a.txt", "--pattern", "gpt2", "--regex", "x"], 2, "not allowed with argument --pattern"),
    Refused(["train", "a.txt", "--regex", "("], 2, ""),
    Refused(["train", "a.txt", "--sample", "2"], 2, "sample must be a fraction"),
    Refused(["train", "a.txt", "--documents", "word"], 2, "there is no --documents 'word'"),
    Refused(["train", "a.txt", "--threads", "0"], 2, "argument --threads: must be at least 1, got 0"),
    Refused(["train", "a.txt", "--special", ""], 2, "a special token is empty"),
    Refused(["train", "a.txt", "-o", "-", "--json"], 2, "both want standard output"),
    Refused(["train", "a.txt", "-o", "-", "--trace", "3"], 2, "both want standard output"),
    Refused(["train", "missing.txt"], 3, "missing.txt does not exist"),
    Refused(["train", "empty.txt"], 3, "the corpus is empty"),
    Refused(["train", "a.txt", "-o", "no/where.bpe"], 3, "/no does not exist"),
    Refused(["train", "a.txt", "-o", "folder/x/"], 3, "/folder does not exist"),
    Refused(["train", "a.txt", "--force", "-o", os.devnull], 3, f"{os.devnull} is no plain file"),
    Refused(["encode", "a", "-t", "T", "--force", "--npy", os.devnull], 3, f"{os.devnull} is no plain file"),
    Refused(["train", "broken.counts"], 3, "broken.counts: "),
    Refused(["count", "a.txt"], 2, "the following arguments are required: -o/--out"),
    Refused(["count", "a.txt", "-o", "a.txt"], 3, "a.txt exists already"),
    Refused(["merge-counts", "-o", "x"], 2, "nothing to add up"),
    Refused(["merge-counts", "missing", "-o", "x"], 3, "cannot read missing"),
    Refused(["encode", "a"], 2, "which tokenizer? none was given"),
    Refused(["encode", "a", "-t", "missing.bpe"], 3, "missing.bpe does not exist"),
    Refused(["encode", "a", "-t", "a.txt"], 3, "a.txt: not a tokenizer file"),
    Refused(["encode", "a", "--in", "a.txt", "-t", "T"], 2, "both a text and --in were given"),
    Refused(["encode", "--in", "missing", "-t", "T"], 3, "missing does not exist"),
    Refused(["encode", "a", "-t", "T", "--raw", "u8", "x"], 2, "--raw must be u16 or u32, got 'u8'"),
    Refused(["encode", "a", "-t", "T", "--npy", "x", "-o", "y"], 2, "-o is for ids as text or JSON"),
    Refused(["encode", "a", "-t", "T", "--npy", "x", "--offsets", "x"], 2, "ids and --offsets go to the same place"),
    Refused(["encode", "a", "-t", "T", "--npy", "a.txt"], 3, "a.txt exists already"),
    Refused(["encode", "a", "-t", "T", "--documents", "prefix:"], 2, "--documents prefix needs bytes after a colon"),
    Refused(["encode", "-t", "T", "-x"], 2, "does not know '-x'"),
    Refused(["decode", "3", "x7", "-t", "T"], 3, "'x7' is not a token id"),
    Refused(["decode", "99999", "-t", "T"], 3, "99999"),
    Refused(["decode", "-t", "T", "--in", "a.txt"], 3, "a.txt, line 1: 'ab' is not a token id"),
    Refused(["decode", "-t", "T", "--in", "lines.ids"], 3, "lines.ids, line 3: '3.5' is not a token id"),
    Refused(["decode", "-t", "T", "--in", "half.json"], 3, "half.json: not JSON"),
    Refused(["decode", "-t", "T", "--in", "float.json"], 3, "float.json, document 0: '1.5' is not a token id"),
    Refused(["decode", "-t", "T", "--in", "broken.npy"], 3, "broken.npy: damaged .npy data"),
    Refused(["decode", "-t", "T", "--raw", "u32", "a.txt"], 3, "a.txt: not a whole number of u32 ids"),
    Refused(["decode", "3", "-t", "T", "--in", "a.txt"], 2, "ids were given in more than one way"),
    Refused(["inspect", "a", "b", "-t", "T"], 2, "one text was expected, got 2"),
    Refused(["inspect", "a", "-t", "T", "--steps", "--allow-special"], 2, "--steps shows merges"),
    Refused(["vocab"], 2, "the following arguments are required: TOKENIZER"),
    Refused(["vocab", "T", "--limit", "0"], 2, "argument --limit: must be at least 1, got 0"),
    Refused(["vocab", "T", "--find", ""], 2, "--find needs something to look for"),
    Refused(["vocab", "T", "--diff", "missing.bpe"], 3, "missing.bpe does not exist"),
    Refused(["export", "T"], 2, "the following arguments are required: -o/--out"),
    Refused(["export", "T", "-o", "a.txt"], 3, "a.txt exists already"),
    Refused(["import", "x.tiktoken", "-o", "y.bpe"], 2, "a rank file does not say how text is cut"),
    Refused(["import", "x.tiktoken", "-o", "y.bpe", "--special", "a"], 2, "must be TOKEN=ID"),
    Refused(["import", "T", "-o", "y.bpe", "--special", "a=1", "--special", "b=1"], 2, "the same token or the same id"),
    Refused(["completion", "fish"], 2, "invalid choice: 'fish'"),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: " ".join(row.argv))
def test_refused(run: Run, tokenizer: Path, row: Refused) -> None:
    Path("a.txt").write_text("ab cd")
    Path("empty.txt").write_bytes(b"")
    Path("broken.counts").write_bytes(MAGIC + b" and then nothing of the kind")
    Path("lines.ids").write_text("1\n2\n3.5\n")
    Path("half.json").write_text("[1, 2")
    Path("float.json").write_text("[1, 1.5]")
    Path("broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    Path("x.tiktoken").write_bytes(b"IQ== 0\nIg== 1\n")
    before = {p: p.read_bytes() for p in Path().iterdir()}
    done = run(*[str(tokenizer) if word == "T" else word for word in row.argv])
    assert (done.code, done.data) == (row.code, b"")
    first, *rest = done.talk.splitlines()
    assert first.startswith("error: ") and row.says in first
    assert row.hint is None or rest == [f"hint: {row.hint}"]
    assert "Traceback" not in done.talk and len(rest) <= 1 and all(line.startswith("hint: ") for line in rest)
    assert {p: p.read_bytes() for p in Path().iterdir()} == before


def test_raw_u16_needs_small_ids() -> None:
    from bpe_lab import ArgumentError
    from bpe_lab.cli.idstream import check_raw

    check_raw("u16", 65_536)
    with pytest.raises(ArgumentError, match="u16 holds ids below 65,536, and this tokenizer has 65,537"):
        check_raw("u16", 65_537)


def test_inside_errors_are_ours(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> PieceCounts:
        raise RuntimeError("a bug")

    monkeypatch.setattr("bpe_lab.training.count_pieces", broken)
    done = run("train", "corpus.txt")
    assert done.code == Exit.INTERNAL and "Traceback" not in done.talk
    assert done.talk.startswith("error: something inside bpe-lab went wrong: RuntimeError: a bug\nhint: ")
    assert "Traceback" in run("train", "corpus.txt", "--debug").talk


def test_interrupt_in_this_process(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> PieceCounts:
        raise KeyboardInterrupt

    monkeypatch.setattr("bpe_lab.training.count_pieces", interrupted)
    done = run("train", "corpus.txt")
    assert (done.code, done.talk) == (130, "interrupted, nothing was written\n")


# -- the help


def _commands() -> dict[str, Any]:
    """Return bpe-lab's own commands, without those of other packages."""
    actions = build_parser(["train"])._subparsers._group_actions  # type: ignore[union-attr]
    return dict(actions[0].choices)  # type: ignore[arg-type]


def test_commands_are_listed() -> None:
    assert tuple(_commands()) == arguments.COMMANDS


@pytest.mark.parametrize("command", arguments.COMMANDS)
def test_help(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0 and done.talk == ""
    assert f"usage: bpe-lab {command}" in done.text
    assert "\n  bpe-lab " in done.text.split("example", 1)[1]
    assert all(f"{code:3}  {meaning}" in done.text for code, meaning in MEANINGS.items())
    assert max(map(len, done.text.splitlines())) <= 100


def test_examples_parse() -> None:
    """Every example in a help page is a command line that the parser takes."""
    for command in _commands().values():
        for line in command.epilog.split("exit codes:")[0].strip().splitlines()[1:]:
            words = shlex.shlex(line, posix=True, punctuation_chars="|<>")
            words.whitespace_split = True
            argv = list(takewhile(lambda word: word not in {"|", "<", ">"}, words))
            assert argv[0] == "bpe-lab" and build_parser().parse_args(argv[1:]).command == argv[1]


def test_no_command(run: Run) -> None:
    done = run()
    assert (done.code, done.data) == (Exit.USAGE, b"") and "usage: bpe-lab" in done.talk


def test_version(run: Run) -> None:
    from bpe_lab import __version__

    assert run("--version").text == f"bpe-lab {__version__}\n"


def test_completion(run: Run) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed (pip install 'bpe-lab[completion]')")
    for shell in ("bash", "zsh"):
        done = run("completion", shell)
        assert done.code == 0 and "merge-counts" in done.text


def test_completion_without_shtab(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    done = run("completion", "bash")
    assert done.code == Exit.UNSUPPORTED and "bpe-lab[completion]" in done.talk


def test_the_page_of_exit_codes() -> None:
    page = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in page.replace("`", "")


def test_a_command_of_another_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr("bpe_lab.cli.plugins._found", lambda group: [])
    ended = run("lm", "compare")
    assert ended.code == 2 and "there is no command 'lm'" in ended.talk and "pip install bpe-lab-model" in ended.talk
