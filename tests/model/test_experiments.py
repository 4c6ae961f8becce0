"""The table of experiments holds together, every row runs at preset smoke, and verdicts follow from records."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bpe_lab import sample
from bpe_lab.cli import main
from bpe_lab.compare.texts import Texts
from bpe_lab.downstream import RunProgress
from bpe_lab.errors import ArgumentError, CorpusError, FormatError
from bpe_lab.runs import Arm as TokenizerOf
from bpe_lab.runs import RunRecord, Scored
from bpe_lab_model.experiments import corpora, results, runner, summing, verdicts
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure, Said, found
from bpe_lab_model.experiments.table import experiment, experiments
from bpe_lab_model.experiments.values import value_of
from bpe_lab_model.presets import preset
from bpe_lab_model.training import Settings

ROWS = experiments()

NEEDS_MORE_TEXT = {"sample.copied"}
"""Columns with no value at preset smoke: its models write no 20 characters."""


def said(text: str) -> Said:
    return {"en": text, "ko": text}


# -- the table


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_everything_in_both_languages(name: str) -> None:
    row = ROWS[name]
    claims, columns, figures = row.claims, row.columns, row.figures
    words = [row.question, *(c.said for c in claims), *(c.title for c in columns), *(f.title for f in figures)]
    words += [axis for figure in figures for axis in (figure.x_title, figure.y_title)]
    words += [row.note] if row.note else []
    assert claims and columns and figures and row.questions and 0 < row.minutes <= 10
    for word in words:
        assert set(word) == {"en", "ko"} and all(word.values()), word
    assert any("가" <= char <= "힣" for char in row.question["ko"])
    assert all(1 <= number <= 34 for number in row.questions)


@pytest.mark.parametrize("name", ROWS)
def test_a_row_names_what_is_there(name: str) -> None:
    row = ROWS[name]
    names = [arm.name for arm in row.arms]
    assert len(set(names)) == len(names) >= 1
    for claim in row.claims:
        assert claim.value or {claim.arm, claim.base} <= set(names), claim
        assert set(claim.among) <= set(names), claim
        assert claim.budget is None or all(
            claim.budget in (row.arm(side).budgets or row.budgets) for side in (claim.arm, claim.base) if side
        )
    functions = [claim.value for claim in row.claims] + [figure.points for figure in row.figures]
    functions += [name for arm in row.arms for name in (arm.task, *arm.measures)]
    functions += [column.value for column in row.columns]
    for function in filter(None, functions):
        assert callable(found(function)), function


@pytest.mark.parametrize("name", ROWS)
def test_what_arms_change_can_be_changed(name: str) -> None:
    known = {f.name for f in fields(Settings)}
    for arm in ROWS[name].arms:
        assert set(arm.training) <= known, arm
        preset("study").config(512, **arm.model)


def test_an_unknown_experiment_is_told_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match=r"no experiment is called 'inti'"):
        experiment("inti")


@pytest.mark.parametrize("name", ROWS)
def test_every_row_runs_at_smoke(name: str, tmp_path: Path) -> None:
    order = order_of(ROWS[name], tmp_path)
    found = runner.run(order)
    assert found.name == name and len(found.findings) >= len(ROWS[name].claims)
    arms = {cell.arm for cell in found.cells}
    assert arms == {arm.name for arm in ROWS[name].arms}
    for column in found.columns:
        if column["key"] in NEEDS_MORE_TEXT:
            continue
        assert any(cell.values[column["key"]] is not None for cell in found.cells), f"nothing in {column['key']}"
    for figure in found.figures:
        assert figure["rows"], f"{figure['title']['en']} has no points"
    assert results.read(tmp_path) == [results.Result.from_json(found.to_json())]


# -- the runner


ROW = Experiment(
    "try",
    (15,),
    said("does it matter?"),
    (Claim(said("zeros are worse"), "zeros", "normal", expected="higher"),),
    (Arm("normal", model={"init": "normal"}), Arm("zeros", model={"init": "zeros"}, probes=False)),
    (Column("bpb", said("BPB")), Column("status", said("status"))),
    (Figure("line", said("curve"), "budget", "bpb", said("bytes"), said("BPB"), "arm"),),
    budgets=(0.25, 1.0),
)


def short_documents() -> corpora.Corpus:
    """Paragraphs of two registers: the little that preset smoke scores then holds some of both."""
    sizes = corpora.of_sample("ko").domains[:2]
    found = {
        paragraph.encode(): document.register
        for document in sample.documents("ko")
        if document.register in sizes
        for paragraph in document.text.split("\n")
        if 20 < len(paragraph.encode()) < 300
    }
    return corpora.of_documents("paragraphs", Texts("paragraphs", list(found)), found)


def order_of(row: Experiment, folder: Path, **changes: Any) -> runner.Order:
    return replace(runner.Order(row, preset("smoke"), short_documents(), folder), **changes)


@pytest.fixture
def heard() -> tuple[list[str], Callable[[RunProgress], None]]:
    names: list[str] = []

    def watch(progress: RunProgress) -> None:
        if progress.what and progress.what not in names:
            names.append(progress.what)

    return names, watch


def test_what_is_done_is_not_done_again(tmp_path: Path, heard: Any) -> None:
    names, watch = heard
    first = runner.run(order_of(ROW, tmp_path, progress=watch))
    assert len(names) >= 5  # three learning rates and two arms
    names.clear()
    again = runner.run(order_of(ROW, tmp_path, progress=watch))
    assert not names and again.cells == first.cells
    changed = replace(ROW, arms=(ROW.arms[0], replace(ROW.arms[1], model={"init": "zeros", "norm": "none"})))
    runner.run(order_of(changed, tmp_path, progress=watch))
    assert names == ["try, zeros, seed 0"]


def test_a_result_does_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    alone = runner.run(order_of(ROW, tmp_path / "one"))
    together = runner.run(order_of(ROW, tmp_path / "two", n_jobs=2))
    assert [cell.values for cell in alone.cells] == [cell.values for cell in together.cells]


def test_arms_without_a_tokenizer_take_each_that_is_asked_for(tmp_path: Path) -> None:
    row = replace(ROW, budgets=(1.0,), arms=(*ROW.arms[:1], replace(ROW.arms[1], tokenizer="unit=byte,vocab=300")))
    two = ("unit=byte,vocab=300", "unit=byte,vocab=400")
    found = runner.run(order_of(row, tmp_path, tokenizers=two))
    assert sorted((cell.arm, cell.tokenizer) for cell in found.cells) == [
        ("normal", two[0]),
        ("normal", two[1]),
        ("zeros", two[0]),
    ]
    assert {finding.tokenizer for finding in found.findings} == set(two)


def test_divergence_is_a_result(tmp_path: Path) -> None:
    arms = (ROW.arms[0], Arm("wild", training={"lr": 1e30, "clip": 0.0}, probes=False))
    claim = Claim(said("wild is better"), "wild", "normal")
    found = runner.run(order_of(replace(ROW, arms=arms, claims=(claim,), budgets=(1.0,)), tmp_path))
    wild = next(cell for cell in found.cells if cell.arm == "wild")
    assert wild.n_diverged == 1 and wild.values["bpb"] is None and wild.values["status"] == "diverged"
    assert found.findings[0].verdict == "leans against"


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    runner.run(order_of(ROW, tmp_path))
    victim = next((tmp_path / "try").glob("zeros*.run.json"))
    victim.write_text("{")
    with pytest.raises(FormatError, match=victim.name):
        runner.run(order_of(ROW, tmp_path))


def test_a_second_domain_must_be_there(tmp_path: Path) -> None:
    corpus = corpora.of_sample("ko")
    one = replace(corpus, domains=corpus.domains[:1])
    row = replace(ROW, arms=(replace(ROW.arms[0], text="2"),), claims=())
    with pytest.raises(CorpusError, match="needs 2 domains"):
        runner.run(order_of(row, tmp_path, corpus=one))


def test_one_document_is_told_what_this_command_can_do_about_it() -> None:
    with pytest.raises(CorpusError) as told:
        corpora.of_documents("one", Texts("one", [b"one"]))
    assert told.value.hint and "--documents" in told.value.hint and "--eval" not in told.value.hint


@pytest.mark.parametrize("taken", ["out", "out/try"])
def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("mine")
    with pytest.raises(ArgumentError, match="is a file"):
        runner.run(order_of(ROW, tmp_path / "out"))


def test_a_share_of_text_is_what_is_trained_on(tmp_path: Path) -> None:
    shelf = runner.Shelf(short_documents(), preset("smoke"), tmp_path, runner.Cache(None))
    train, _ = shelf.texts(Arm("little", text_share=0.25), 8_000, probe=False)
    assert 0 < train.n_bytes <= 2_000


# -- verdicts


def record(seed: int, value: float | None, documents: int = 20, **measures: Any) -> RunRecord:
    """A record whose documents all have `value` bits per byte."""
    nats = tuple(10 * math.log(2) * (value or 0) * (1 + 0.001 * i) for i in range(documents))
    scored = None if value is None else Scored(nats, (10,) * documents, (5,) * documents)
    tokenizer = TokenizerOf("t", "unit=byte", "f", "byte", 300)
    status = "diverged" if value is None else "ok"
    return RunRecord(
        tokenizer, seed, "smoke", "bytes", 100, {}, {}, {"key": "k"}, 100, 50, 1.0, 1.0, 1, (), scored,
        status=status, measures=measures,
    )  # fmt: skip


def judged(claim: Claim, **arms: Mapping[int, float | None]) -> results.Finding:
    row = replace(ROW, claims=(claim,), arms=tuple(Arm(name) for name in arms))
    records = {(name, 1.0): {seed: record(seed, v) for seed, v in by_seed.items()} for name, by_seed in arms.items()}
    return verdicts.findings(row, records)[0]


def seeds(base: float, n: int, spread: float = 0.001) -> dict[int, float | None]:
    return {seed: base + spread * math.sin(seed + base) for seed in range(n)}


LOWER = Claim(said("a is better"), "a", "b")


@pytest.mark.parametrize(
    ("a", "n", "verdict"),
    [(1.9, 5, "supported"), (1.9, 3, "leans towards"), (2.1, 5, "contradicted"), (2.1, 3, "leans against")],
)
def test_a_verdict_needs_five_seeds(a: float, n: int, verdict: str) -> None:
    finding = judged(LOWER, a=seeds(a, n), b=seeds(2.0, n))
    assert finding.verdict == verdict and finding.n_seeds == n and finding.effect
    assert finding.effect["value"] == pytest.approx(a - 2.0, abs=0.03)


def test_what_is_not_resolved_says_how_many_seeds_would() -> None:
    finding = judged(LOWER, a=seeds(2.0, 5, 0.05), b={seed: 2.0 + 0.05 * math.cos(seed) for seed in range(5)})
    assert finding.verdict == "not resolved" and finding.seeds_needed is not None and finding.seeds_needed > 5


def scored(*nats: float) -> Scored:
    """Documents of 10 bytes; nats are bits per byte."""
    return Scored(tuple(10 * math.log(2) * x for x in nats), (10,) * len(nats), (5,) * len(nats))


def test_what_the_documents_leave_open_more_seeds_do_not_tell() -> None:
    # Every seed says -0.05 +- 0.002, but half of the documents say -0.25 and half +0.15.
    a = {seed: replace(record(seed, 2.0), scored=scored(*(1.75 + 0.001 * seed, 2.15) * 10)) for seed in range(5)}
    b = {seed: replace(record(seed, 2.0), scored=scored(*[2.0] * 20)) for seed in range(5)}
    row = replace(ROW, claims=(LOWER,), arms=(Arm("a"), Arm("b")))
    finding = verdicts.findings(row, {("a", 1.0): a, ("b", 1.0): b})[0]
    assert finding.verdict == "not resolved" and finding.seeds_needed is None
    # A half width of 0.2 x 1.96 / sqrt 20 = 0.088 about 0.05: 20 x (0.088 / 0.05)^2 = 61 documents.
    assert finding.documents_needed is not None and 40 <= finding.documents_needed <= 90


def test_seeds_that_would_tell_sameness_are_counted_from_the_margin() -> None:
    # Differences -0.02, 0, 0.02, 0.04, 0.06: mean 0.02, s = 0.0316, 0.06 inside the margin of 0.08. With n seeds and
    # t(0.975) + t(0.8): ((2.447 + 0.906) x 0.0316 / 0.06)^2 = 3.1, so the least that is more than five.
    same = replace(LOWER, expected="same", margin=0.04)
    finding = judged(same, a={n: 1.98 + 0.02 * n for n in range(5)}, b=dict.fromkeys(range(5), 2.0))
    assert finding.verdict == "supported" and finding.seeds_needed is None
    # 0.01 inside a margin of 0.03: ((1.987 + 0.846) x 0.0316 / 0.01)^2 = 80.
    near = judged(replace(same, margin=0.015), a={n: 1.98 + 0.02 * n for n in range(5)}, b=dict.fromkeys(range(5), 2.0))
    assert near.verdict == "not resolved" and near.seeds_needed == pytest.approx(81, abs=2)


def test_one_seed_resolves_nothing() -> None:
    assert judged(LOWER, a=seeds(1.0, 1), b=seeds(2.0, 1)).verdict == "not resolved"


@pytest.mark.parametrize(
    ("a", "spread", "verdict"),
    [(2.001, 0.001, "supported"), (2.2, 0.001, "contradicted"), (2.02, 0.05, "not resolved")],
)
def test_sameness_is_an_interval_within_the_margin(a: float, spread: float, verdict: str) -> None:
    same = replace(LOWER, expected="same", margin=0.01)
    assert judged(same, a=seeds(a, 5, spread), b=seeds(2.0, 5)).verdict == verdict


def test_what_always_diverges_is_worse() -> None:
    nothing: dict[int, float | None] = dict.fromkeys(range(5))
    finding = judged(LOWER, a=nothing, b=seeds(2.0, 5))
    assert finding.verdict == "contradicted" and finding.note and "diverged" in finding.note["en"]


def test_what_diverges_in_some_seeds_is_told() -> None:
    finding = judged(LOWER, a={**seeds(1.9, 5), 1: None, 3: None}, b=seeds(2.0, 5))
    assert finding.verdict == "leans towards" and finding.n_seeds == 3 and finding.note
    assert finding.note["en"] == "left out, as they diverged: 2 of 5 seeds of a"


def test_divergence_decides_nothing_but_the_loss_and_is_told() -> None:
    speed = replace(LOWER, column="bytes_per_second_of_nothing")
    finding = judged(speed, a=dict.fromkeys(range(5)), b=seeds(2.0, 5))
    assert finding.verdict == "not resolved" and finding.note == {
        "en": "a diverged in every seed",
        "ko": "a 쪽은 모든 시드에서 발산했다",
    }


def test_arithmetic_needs_one_seed_and_no_interval() -> None:
    exact = replace(LOWER, exact=True)
    finding = judged(exact, a=seeds(1.0, 1), b=seeds(2.0, 1))
    assert finding.verdict == "supported" and finding.effect and finding.effect["low"] is None


def test_values_of_a_record() -> None:
    assert [value_of(record(0, bits), "diverged") for bits in (2.0, None)] == [0.0, 1.0]
    one = replace(record(0, 2.0), training={"lr": 0.5}, measures={"ranks": {"table": 7}, "bad": math.nan})
    assert value_of(one, "ranks.table") == 7 and value_of(one, "lr") == 0.5 and value_of(one, "status") == "ok"
    assert value_of(one, "bad") is None and value_of(one, "nothing") is None
    assert value_of(one, "bpb") == pytest.approx(2.0 * (1 + 0.001 * 9.5))
    assert value_of(one, "bytes_per_s") == 100.0


@pytest.mark.parametrize(("kind", "points"), [("line", [(510.0, 3.0)]), ("scatter", [(500.0, 2.0), (520.0, 4.0)])])
def test_a_line_over_a_measured_x_has_one_point_an_arm(kind: Any, points: list[tuple[float, float]]) -> None:
    by_seed = {0: record(0, 2.0, x=500.0, y=2.0), 1: record(1, 2.0, x=520.0, y=4.0)}
    figure = Figure(kind, said("loss"), x="x", y="y", x_title=said("x"), y_title=said("y"))
    order: Any = SimpleNamespace(preset=preset("smoke"))
    drawn = summing._figure(figure, {"": {("a", 1.0): by_seed}}, order)["rows"]
    assert [(row["x"], row["y"]) for row in drawn] == points


def test_a_column_may_be_made_of_all_records_of_a_seed() -> None:
    """Zeros end at 3.0; `a` goes from 4.0 at 50 kB to 2.0 at 200 kB, so it is there in the middle: 100 kB."""
    at = {0.25: 50_000, 1.0: 200_000}
    runs = {
        (arm, budget): {0: replace(record(0, bits), label=arm, budget_bytes=at[budget])}
        for arm, budget, bits in (("a", 0.25, 4.0), ("a", 1.0, 2.0), ("zeros, own head", 1.0, 3.0))
    }
    column = Column("until", said("bytes"), "bytes", value="geometry:bytes_until_zeros")
    assert summing._across(column, runs, "a", 0.25) is None, "it belongs to the largest budget"
    value = summing._across(column, runs, "a", 1.0)
    assert isinstance(value, Mapping) and value["value"] == pytest.approx(100_000)


# -- results


def test_a_newer_or_damaged_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="schema 99"):
        results.Result.from_json({"schema": 99})
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / results.RESULT).write_text("[")
    with pytest.raises(FormatError, match="init/result"):
        results.read(tmp_path)


def test_a_run_that_is_stopped_says_what_it_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stopped(order: runner.Order) -> results.Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", stopped)
    assert main(["lm", "experiments", "run", "lookup", "--preset", "smoke", "--out", str(tmp_path)]) == 130
    said = capfd.readouterr().err
    assert "the same command goes on from here" in said and "nothing was written" not in said
