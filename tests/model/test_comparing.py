"""`bpe-lab lm compare`: what is typed, what is trained of it, and what comes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from small import PRESET

from bpe_lab.cli import main
from bpe_lab.cli.interrupts import Terminated
from bpe_lab.compare.output import validate
from bpe_lab_model import presets, probing
from bpe_lab_model.cli import comparing
from bpe_lab_model.presets import PRESETS
from bpe_lab_model.workers import Crew

TINY = PRESET.but(bytes_an_arm=8_000, budgets=(1.0,), n_seeds=1, validation_bytes=3_000, sizes=(400,))


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A preset of seconds under the name of one, one learning rate, and no cache of the user's."""
    monkeypatch.setattr(presets, "PRESETS", {**PRESETS, "demo": TINY, "cpu-nano": TINY})
    monkeypatch.setattr(probing, "wanted", lambda found: () if found else (1.0,))
    monkeypatch.setenv("BPE_LAB_CACHE", str(tmp_path / "cache"))


REVIEWS = "".join(f"정말 재미있게 봤어요. {i}번째 보는데도 눈물이 나네요ㅠㅠ 별점 {i % 5}점!\n" for i in range(400))
DOCS = "".join(
    f"# 제{i}장\n이 문서는 설정 {i}번을 설명한다. 값을 바꾸면 프로그램을 다시 시작해야 한다.\n" for i in range(100)
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    reviews, docs = tmp_path / "reviews.txt", tmp_path / "docs.txt"
    reviews.write_text(REVIEWS, encoding="utf-8")
    docs.write_text(DOCS, encoding="utf-8")
    return reviews, docs


def lm(*words: object) -> int:
    return main(["lm", "compare", "--jobs", "1", "--threads", "1", *map(str, words)])


TWO = ("--tokenizers", "unit=byte,vocab=400", "unit=jamo,vocab=400")


def test_a_comparison_by_loss(files: tuple[Path, Path], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    reviews, docs = files
    out = tmp_path / "out"
    words = ("--domain", f"reviews={reviews}:line", f"docs={docs}:prefix:# ", *TWO, "--seeds", 2, "--out", out)
    assert lm(*words, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert validate(data) == [] and data["loss"]["available"]
    assert [c["loss"]["status"] for c in data["candidates"]] == ["ok", "ok"]
    assert {"reviews", "docs"} <= {word for c in data["candidates"] for word in json.dumps(c["loss"]).split('"')}
    assert data["made_by"]["command"] == (
        "bpe-lab lm compare --lang ko --domain reviews=reviews.txt:line 'docs=docs.txt:prefix:# '"
        " --tokenizers unit=byte,vocab=400 unit=jamo,vocab=400 --preset cpu-nano --seeds 2"
    )
    assert {path.name for path in out.iterdir()} >= {"comparison.json", "comparison.csv", "comparison.md", "runs"}
    assert len(list((out / "runs").glob("*.run.json"))) == 4

    monkeypatch.setattr(Crew, "run", lambda self, works, *_: None if not works else pytest.fail("trained again"))
    assert lm(*words, "--force", "--speak", "ko") == 0
    shown = capsys.readouterr()
    assert shown.out.count("6. 글자보다 작은 조각이") == 1 and "지금 학습하는 모델" not in shown.out
    assert "언어 모델의 손실" in shown.out and "4 runs: 2 tokenizers x 2 seeds x 1 budget" in shown.err


def test_the_embedded_sample_says_that_it_proves_nothing(capsys: Any, tmp_path: Path) -> None:
    assert lm("--markdown", "--runs", tmp_path / "runs") == 0
    text = capsys.readouterr().out
    assert "no evidence" in text and "byte 400" in text and "jamo 400" in text and "byte-char 400" in text
    assert list((tmp_path / "runs").glob("*.run.json"))


def test_a_plan_trains_nothing_and_keeps_nothing(files: tuple[Path, Path], tmp_path: Path, capsys: Any) -> None:
    words = ("--corpus", files[0], "--documents", "line", *TWO, "--dry-run", "--runs", tmp_path / "runs")
    assert lm(*words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "tokens/KB",
        "T",
        "tokens",
        "a",
        "seed",
        "block",
        "embedding",
        "FLOPs",
        "time",
        "tokenizer",
    ]
    assert len(lines) == 4 and lines[-1].startswith("about ")
    assert not (tmp_path / "runs").exists()
    assert lm(*words, "--json") == 0
    plan = json.loads(capsys.readouterr().out)["dry_run"]
    assert [arm["n_ids"] for arm in plan["arms"]] == [400, 400]
    assert plan["flops"] == pytest.approx(sum(arm["flops"] for arm in plan["arms"])) and plan["seconds"] > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--preset", "huge"), "no preset is called 'huge'"),
        (("--seeds", "0"), "--seeds must be at least 1, got 0"),
        (("--budgets", "1,x"), "must be numbers, as in 1,2,4"),
        (("--budgets", "0"), "must be numbers above 0"),
        (("--budgets", "0.0001"), "at least ten steps"),
        (("--match", "time"), "invalid choice: 'time'"),
        (("--domain", "a.txt"), "--domain must be NAME=FILE"),
        (("--domain", "a=no-such.txt"), "no-such.txt"),
        (("--domain", "a=x.txt", "--corpus", "x.txt"), "--domain names the files of the corpus itself"),
        (("--tokenizers", "unit=byte,vocab=400"), "between two tokenizers or more, got 1"),
        (("--tokenizers", "unit=byte,vocab=400", "unit=char,vocab=300,closed=true"), "here are 1; "),
        (("--tokenizers", "unit=byte,vocab=400", "nothing.json"), "nothing.json"),
        (("--match", "flops"), "equal FLOPs are read off between budgets"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], says: str, capsys: Any, tmp_path: Path) -> None:
    assert lm(*words, "--runs", tmp_path / "runs") != 0
    assert says in capsys.readouterr().err
    assert not list(tmp_path.glob("runs/*.run.json"))


def test_default_tokenizers_suit_the_size() -> None:
    assert comparing.default_tokenizers("ko", (8_000,)) == [
        *(f"unit={unit},vocab=8000" for unit in ("byte", "byte-char", "jamo", "syllable")),
        "unit=byte,vocab=16000",
    ]
    assert comparing.default_tokenizers("fr", (8_000, 9_000)) == [
        f"unit={unit},vocab={size}" for size in (8000, 9000) for unit in ("byte", "byte-char")
    ]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, Terminated])
@pytest.mark.parametrize("more", [(), ("--no-cache",)])
def test_who_is_stopped_learns_that_it_goes_on(
    ending: type[BaseException], more: tuple[str, ...], tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    def stop(*_: object) -> None:
        raise ending

    monkeypatch.setattr(Crew, "run", stop)
    assert lm(*TWO, "--runs", tmp_path / "runs", *more) == (130 if ending is KeyboardInterrupt else 143)
    said = capsys.readouterr().err
    assert ("the same command goes on" in said) == (more == ()) and ("nothing was written" in said) == (more != ())


def test_equal_flops_of_one_budget_are_refused_before_the_texts_are_read(capsys: Any) -> None:
    assert lm("--match", "flops", "--corpus", "no-such.txt") == 2
    assert "one is too few" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a=x.txt", ("a", "x.txt", None)),
        ("a=x.txt:line", ("a", "x.txt", "line")),
        ("a=x.txt:prefix:## ", ("a", "x.txt", "prefix:## ")),
        ("a=x.txt:separator:a=b:c", ("a", "x.txt", "separator:a=b:c")),
        ("a=c:x.txt", ("a", "c:x.txt", None)),
    ],
)
def test_a_domain_names_a_file_and_how_it_is_cut(text: str, read: tuple[str, str, str | None]) -> None:
    assert comparing._domain(text) == read
