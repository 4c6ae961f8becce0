"""The loss of language models in a comparison: what is said, and that it is no more than the runs say."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from bpe_lab.cli import comparing, main, plugins
from bpe_lab.cli.exits import Exit
from bpe_lab.compare import answers, choice, downstream, loss, output, presets, studies
from bpe_lab.compare.cache import Cache
from bpe_lab.compare.plan import EVAL, Plan, both
from bpe_lab.compare.texts import Texts
from bpe_lab.compare.wording import Case
from bpe_lab.downstream import Request, RunProgress, Target
from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.metrics import METRICS
from bpe_lab.runs import Arm, RunRecord
from fake_runs import arm, fake_records, record, scored

TRAIN = Texts("train", ["나는 밥을 먹었다. 너는 물을 마셨다.".encode(), "우리는 밥을 먹고 물을 마신다.".encode()] * 4)
HELD = Texts("held", [f"나는 물을 마셨다. {i}번째 글.".encode() for i in range(12)])
RECIPES = ("unit=byte,vocab=280", "unit=byte,vocab=300", "unit=byte-char,vocab=300", "no-such-tokenizer")


def plan_of(recipes: Sequence[str] = RECIPES, **more: Any) -> Plan:
    return Plan("ko", both("tiny"), TRAIN, {EVAL: HELD}, (studies.main([], [], recipes, None),), **more)


def arm_of(request: Request, i: int) -> Arm:
    c = request.candidates[i]
    return Arm(request.name_of(c), request.recipe_of(c), c.fingerprint, c.unit, c.n_ids)


def trainer(bits: Sequence[Sequence[float]], seeds: int = 5, inside: float = 1.0, **more: Any) -> downstream.Train:
    """Return what makes records of arms whose bits a byte at each budget are given; seeds lie 0.001 apart."""

    def train(request: Request) -> list[RunRecord]:
        found = []
        for i, of_arm in enumerate(bits):
            for seed in range(seeds):
                for k, bpb in enumerate(of_arm):
                    sizes = [len(document) for document in request.validation.documents]
                    totals = [n * (bpb + 0.001 * seed * (i + 1)) for n in sizes]
                    places = {"first": (100.0, 50.0), "second": (100.0, inside), "third": (100.0, inside * seed)}
                    of = scored(totals, sizes, by_syllable=places)
                    found.append(record(arm_of(request, i), seed, of, 100_000 * (k + 1), preset=request.preset, **more))
        return found

    return train


@dataclasses.dataclass
class Found:
    """A comparison with models, and what it is made of."""

    case: Case
    data: dict[str, Any]

    @property
    def models(self) -> loss.Models:
        assert self.case.models
        return self.case.models


@pytest.fixture(scope="module")
def measured() -> tuple[Plan, output.Measured]:
    plan = plan_of()
    return plan, output.measure(plan)


@pytest.fixture
def compared(measured: tuple[Plan, output.Measured], tmp_path: Path) -> Callable[..., Found]:
    plan, found = measured

    def call(train: downstream.Train, preset: str = "cpu-nano", target: Target | None = None, **more: Any) -> Found:
        changed = dataclasses.replace(plan, **more)
        for result in found.results.all:
            result.given.clear()
            found.results._known.clear()
        wanted = downstream.Wanted(preset, tmp_path, target=target or Target())
        models = downstream.train_models(changed, found.results, found.make, train, wanted)
        data = output.comparison(changed, found.results, 1.0, models).to_json()
        return Found(Case(changed, found.results, {}, models), data)

    return call


LOWER = ((2.3,), (2.2,), (2.32,))
"""Byte 280, byte 300, byte-char 300."""


# -- the data


def test_without_models_the_columns_are_there_and_empty_with_the_command(
    measured: tuple[Plan, output.Measured],
) -> None:
    plan, found = measured
    data = output.comparison(plan, found.results, 1.0).to_json()
    assert output.validate(data) == []
    table = next(t for t in data["tables"] if t["id"] == "loss")
    keys = [column["key"] for column in table["columns"]]
    assert set(loss.COLUMNS) <= set(keys) and {"verdict", "seeds", "round_trip"} <= set(keys)
    assert [row["name"] for row in table["rows"]] == ["byte 280", "byte 300", "byte-char 300"]
    assert all(row.get(key) is None for row in table["rows"] for key in loss.COLUMNS if key != "bytes_per_token")
    assert data["loss"] == {"available": False, "command": "bpe-lab lm compare --lang ko", "install": loss.INSTALL}
    assert all(c["loss"] is None for c in data["candidates"])


def test_with_models_the_json_is_schema_1_and_every_column_is_filled(compared: Callable[..., Found]) -> None:
    data = compared(trainer(LOWER)).data
    assert output.validate(data) == [] and data["loss"]["available"]
    table = next(t for t in data["tables"] if t["id"] == "loss")
    for row in table["rows"]:
        empty = {key for key in loss.COLUMNS if row.get(key) is None}
        assert empty == (set() if row["name"] != "byte 280" else {"bpb_difference", "bpb_p"})
    assert set(loss.COLUMNS) <= set(data["metrics"])
    main = next(t for t in data["tables"] if t["id"] == "main")
    shown = {row["name"]: row.get("bits_per_byte") for row in main["rows"]}
    assert shown["byte 300"]["value"] == pytest.approx(2.204) and shown["no-such-tokenizer"] is None
    of = next(c for c in data["candidates"] if c["name"] == "byte 300")["loss"]
    assert of["values"]["bits_per_byte"] == shown["byte 300"] and of["difference"]["verdict"] == "resolved"


def test_records_are_kept_without_what_they_hold_by_document(compared: Callable[..., Found]) -> None:
    data = compared(trainer(LOWER, seeds=2)).data
    kept = data["loss"]["records"]
    assert len(kept) == 6 and all("curve" not in r and isinstance(r["scored"]["nats"], float) for r in kept)
    assert all(len(r["key"]) == 64 for r in kept)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda d: d["loss"].pop("budgets"), "loss: budgets is missing"),
        (lambda d: d["loss"].update(base="c99"), "base c99"),
        (lambda d: d["loss"].update(notice=None), "loss: notice"),
        (lambda d: d["loss"].update(available=False), "loss without runs"),
        (lambda d: d["candidates"][1]["loss"]["difference"].update(verdict="sure"), "verdict sure"),
        (lambda d: d["candidates"][0]["loss"]["values"].update(odd=1), "metric odd"),
    ],
)
def test_validate_finds(compared: Callable[..., Found], spoil: Callable[[Any], Any], fault: str) -> None:
    data = json.loads(json.dumps(compared(trainer(LOWER)).data))
    spoil(data)
    assert any(fault in found for found in output.validate(data)), output.validate(data)


def test_memory_of_the_target_is_counted(compared: Callable[..., Found]) -> None:
    """2 x 2 layers x 8 x 1 byte = 32 bytes a token; the fixture scores n // 3 + 1 tokens of n bytes."""
    found = compared(trainer(LOWER), target=Target(2, 8, 1))
    n_bytes = [len(document) for document in HELD.documents]
    tokens = sum(n // 3 + 1 for n in n_bytes)
    cell = next(c["loss"]["values"]["cache_mb_per_kb"]["value"] for c in found.data["candidates"] if c["loss"])
    assert cell == pytest.approx(32 * 1000 * tokens / sum(n_bytes) / 1e6)
    assert "2 layers of d 8 at 1 bytes" in found.data["loss"]["notice"]["en"]


def test_bits_inside_a_syllable_by_hand(compared: Callable[..., Found]) -> None:
    """Nats at bytes 2 and 3 of 100 syllables: 1 + seed; over seeds 0..4 the mean is 3, so 3/ln 2/100 bits each."""
    found = compared(trainer(LOWER))
    value = loss.inside_a_syllable(found.models.losses.ranked()[0])
    assert value and value.value == pytest.approx(3 / 0.6931471805599453 / 100) and value.low is not None


def test_what_diverged_or_loses_text_is_a_row_that_says_so(compared: Callable[..., Found]) -> None:
    def train(request: Request) -> list[RunRecord]:
        good = trainer(LOWER)(request)
        first = [
            dataclasses.replace(r, status="diverged", scored=None, note="NaN") for r in good if "280" in r.arm.name
        ]
        last = [dataclasses.replace(r, status="lossy", note="1 document") for r in good if "char" in r.arm.name]
        return first + [r for r in good if r.arm.name == "byte 300"] + last

    data = compared(train).data
    rows = {row["name"]: row for row in next(t for t in data["tables"] if t["id"] == "loss")["rows"]}
    assert rows["byte 280"]["status"] == "diverged" and "NaN" in rows["byte 280"]["note"]["en"]
    assert "발산" in rows["byte 280"]["note"]["ko"] and rows["byte 280"].get("bits_per_byte") is None
    assert rows["byte-char 300"]["round_trip"]["en"] == "no" and rows["byte-char 300"]["ranked"] is False
    last = data["summary"][-1]
    assert last["strength"] == "unresolved" and "byte 300 stands alone" in last["en"]
    assert output.validate(data) == []


def test_tables_and_figures_of_several_budgets(compared: Callable[..., Found]) -> None:
    data = compared(trainer([(2.5, 2.3), (2.4, 2.2), (2.6, 2.4)])).data
    tables = {table["id"]: table for table in data["tables"]}
    assert len(tables["loss-budgets"]["rows"]) == 6
    assert {row["work"]["en"] for row in tables["loss-equal"]["rows"]} == {"FLOPs", "seconds"}
    outside = [row for row in tables["loss-equal"]["rows"] if row["verdict"]["en"] == "outside"]
    assert all("bits_per_byte" not in row for row in outside)
    figures = {figure["id"]: figure for figure in data["figures"] if figure.get("section") == "loss"}
    assert list(figures) == ["loss-bytes", "loss-flops", "loss-seconds"]
    assert figures["loss-bytes"]["kind"] == "band" and len(figures["loss-bytes"]["rows"]) == 6
    assert compared(trainer(LOWER)).data["figures"][-1]["kind"] == "line", "one budget has no band"


def test_eight_arms_have_rank_correlations(tmp_path: Path) -> None:
    plan = plan_of([f"unit=byte,vocab={270 + 3 * i}" for i in range(8)])
    found = output.measure(plan)

    def train(request: Request) -> list[RunRecord]:
        return trainer([(2.0 + 0.01 * i,) for i in range(8)], seeds=2)(request)

    models = downstream.train_models(plan, found.results, found.make, train, downstream.Wanted("study", tmp_path))
    data = output.comparison(plan, found.results, 1.0, models).to_json()
    rows = next(t for t in data["tables"] if t["id"] == "spearman")["rows"]
    by_key = {row["key"]: row["rho"] for row in rows}
    assert by_key["tokens_per_byte"]["value"] < -0.95 and by_key["tokens_per_byte"]["high"] < 0
    assert by_key["bytes_per_token"]["value"] == pytest.approx(-by_key["tokens_per_byte"]["value"])
    assert all(METRICS[key].group != "loss" for key in by_key)
    scatter = next(f for f in data["figures"] if f["id"] == "spearman-tokens-per-byte")
    assert scatter["kind"] == "scatter" and len(scatter["rows"]) == 8 and "-0.99 [" in scatter["caption"]["en"]
    assert output.validate(data) == []


# -- what is said


def summary(found: Found) -> dict[str, Any]:
    return choice.summary(found.case)[-1]


CURVES = ((2.5, 2.3), (2.4, 2.2), (2.6, 2.4))


def test_the_lowest_is_set_beside_the_base(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer(CURVES)))
    assert line["strength"] == "clear" and line["loss"]
    assert line["en"].startswith("In loss, byte 300 lies below byte 280 in 200,000 bytes of training: 2.204")
    assert "-4.3 %" in line["en"] and "(resolved, 5 seeds)" in line["en"] and "가려짐, 시드 5개" in line["ko"]


def test_the_sentence_follows_the_numbers(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer([(2.3, 2.1), (2.4, 2.2), (2.6, 2.4)])))
    assert "none lies below byte 280" in line["en"] and "the nearest, byte 300, has +4.9 %" in line["en"]


@pytest.mark.parametrize(("seeds", "strength", "word"), [(5, "clear", "resolved"), (3, "leans", "leans, 3 seeds")])
def test_below_five_seeds_it_leans(compared: Callable[..., Found], seeds: int, strength: str, word: str) -> None:
    line = summary(compared(trainer(CURVES, seeds=seeds)))
    assert line["strength"] == strength and word in line["en"]


@pytest.mark.parametrize(("seeds", "en", "ko"), [(1, "one seed each", "시드 1개"), (3, "3 seeds each", "시드 3개")])
def test_the_notice_counts_in_words(compared: Callable[..., Found], seeds: int, en: str, ko: str) -> None:
    told = compared(trainer(LOWER, seeds=seeds)).data["loss"]["notice"]
    assert en in told["en"] and f"저마다 {ko}," in told["ko"]


def test_one_budget_crowns_nobody(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer(LOWER)))
    assert line["strength"] == "leans" and "One budget crowns nobody" in line["en"]
    assert "우열을 정할 수 없다" in line["ko"]


def test_the_embedded_sample_is_never_clear(compared: Callable[..., Found]) -> None:
    found = compared(trainer(CURVES), notice=presets.NOTICE)
    assert summary(found)["strength"] == "leans" and "proves nothing" in found.data["loss"]["notice"]["en"]
    assert "proves nothing" not in compared(trainer(CURVES)).data["loss"]["notice"]["en"]
    assert "증명되는 것은 없다" in compared(trainer(CURVES), preset="demo").data["loss"]["notice"]["ko"]


def test_an_order_that_changes_with_the_budget_is_told(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer([(2.3, 2.3), (2.4, 2.2), (2.6, 2.4)])))
    assert line["strength"] == "leans" and "order changes with the budget: byte 300" in line["en"]


def test_what_is_not_resolved_is_not_said(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer([(2.3, 2.1), (2.3, 2.0999), (2.6, 2.4)], seeds=2)))
    assert line["strength"] == "unresolved" and "do not tell" in line["en"] and "lies below" not in line["en"]
    assert "not resolved" in line["en"] and "가릴 수 없음" in line["ko"]


def test_equal_flops_are_told_as_such(compared: Callable[..., Found]) -> None:
    line = summary(compared(trainer(((2.5, 2.3, 2.2), (2.4, 2.2, 2.1), (2.6, 2.4, 2.3)), match="flops")))
    assert "FLOPs of training" in line["en"]


def answer(found: Found, n: int) -> dict[str, Any]:
    return answers.answers(found.case)[n - 1]


def test_whole_words_are_answered_by_two_sizes(compared: Callable[..., Found]) -> None:
    lower, higher = (answer(compared(trainer(bits)), 4) for bits in (LOWER, ((2.2,), (2.3,), (2.3,))))
    assert "In loss: from byte 280 to byte 300" in lower["loss"]["en"] and "-4.3 %" in lower["loss"]["en"]
    assert "+4.6 %" in higher["loss"]["en"] and lower["needs"] is None
    assert lower["loss"]["en"] in lower["answer"]["en"] and "손실(byte 280 → byte 300)" in lower["answer"]["ko"]


def test_whole_words_without_two_sizes_stay_open(compared: Callable[..., Found]) -> None:
    open_ = answer(compared(trainer([(2.3,), (2.2,)]), downstream=(RECIPES[1], RECIPES[2])), 4)
    assert open_["loss"] is None and "no two sizes" in open_["needs"]["what"]["en"]


def test_inside_a_syllable_is_answered_by_its_interval(compared: Callable[..., Found]) -> None:
    yes = answer(compared(trainer(LOWER, inside=10.0)), 6)
    assert yes["answer"]["en"].count("Yes, by these models (resolved, 5 seeds)") == 1 and yes["needs"] is None
    none = answer(compared(trainer(LOWER, inside=0.0)), 6)
    assert "Not resolved by these models" in none["answer"]["en"] and "가릴 수 없다" in none["answer"]["ko"]
    leaning = answer(compared(trainer(LOWER, seeds=2, inside=0.0)), 6)
    assert "Yes" not in leaning["answer"]["en"]
    assert {f["metric"] for f in yes["figures"]} == {"bits_inside_syllable", "bits_per_byte"}


def test_only_questions_4_and_6_need_a_loss(compared: Callable[..., Found]) -> None:
    found = compared(trainer(LOWER))
    assert [q["n"] for q in answers.answers(found.case) if q["loss"]] == [4, 6]
    assert not any(q["needs"] for q in answers.answers(found.case))


# -- what is asked of the model


def test_a_request_holds_names_recipes_and_texts(measured: tuple[Plan, output.Measured], tmp_path: Path) -> None:
    plan, found = measured
    asked: list[Request] = []

    def train(request: Request) -> list[RunRecord]:
        asked.append(request)
        return trainer(LOWER)(request)

    text = Texts("less", TRAIN.documents[:2])
    plan = dataclasses.replace(plan, model_text=text, domains=("a", "b") * 6)
    wanted = downstream.Wanted("study", tmp_path, seeds=4, budgets=(1, 2))
    downstream.train_models(plan, found.results, found.make, train, wanted)
    (request,) = asked
    assert [request.name_of(c) for c in request.candidates] == ["byte 280", "byte 300", "byte-char 300"]
    assert [request.recipe_of(c) for c in request.candidates] == list(RECIPES[:3])
    assert (request.train, request.validation, request.domains) == (text, HELD, ("a", "b") * 6)
    assert (request.preset, request.seeds, request.budgets, request.match) == ("study", 4, (1, 2), "bytes")


def test_one_tokenizer_is_compared_with_nothing(tmp_path: Path) -> None:
    plan = plan_of(RECIPES[:1])
    found = output.measure(plan)
    with pytest.raises(ArgumentError, match="two lossless tokenizers or more, here are 1"):
        downstream.train_models(plan, found.results, found.make, trainer(LOWER), downstream.Wanted("demo", tmp_path))


def test_models_of_the_sample_are_scored_on_a_fifth_that_nothing_was_trained_on() -> None:
    plan = presets.plan_of(presets.Wishes("ko"))
    assert plan.model_text and plan.domains
    held = plan.texts[EVAL]
    assert held.n_documents >= (held.n_documents + plan.model_text.n_documents) / 5
    assert not set(held.documents) & (set(plan.model_text.documents) | set(plan.train.documents))
    assert len(plan.domains) == held.n_documents and len(set(plan.domains)) == 10


@pytest.mark.parametrize("lang", presets.SAMPLE_PRESETS)
def test_what_gets_a_model_is_part_of_the_comparison(lang: str) -> None:
    for embedded in (True, False):
        preset = presets.preset(lang, embedded)
        main = studies.main(preset.units, preset.sizes, preset.more, None)
        assert set(preset.downstream) <= {entry.recipe for entry in main.entries}
        assert len(preset.downstream) >= 3 or lang == "en"


# -- the command


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded sample with one unit in two sizes."""
    recipes = ("unit=byte,vocab=280", "unit=byte,vocab=300")
    preset = presets.Preset(("byte",), (280, 300), downstream=recipes)
    monkeypatch.setitem(presets.SAMPLE_PRESETS, "ko", preset)  # type: ignore[misc]


class Trainer:
    """Stands in for the companion model, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.error: BaseException | None = None

    def __call__(self, request: Request) -> list[RunRecord]:
        self.asked.append(request)
        if request.progress:
            request.progress(RunProgress(0, 4, "byte 280, seed 0", 0.5, 65.0, 2.75))
        if self.error:
            raise self.error
        arms = [arm_of(request, i) for i in range(len(request.candidates))]
        return fake_records(arms, n_documents=len(request.validation.documents), preset=request.preset)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    made = Trainer()
    monkeypatch.setattr(plugins, "has_downstream", lambda: True)
    monkeypatch.setattr(plugins, "downstream", lambda: made)
    return made


Compare = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: what is tested here comes after the measuring."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compare(
    quick: None, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Compare:
    """Run `bpe-lab compare` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in (("CACHE", cache), ("VOCAB", tmp_path)):
        monkeypatch.setenv(f"BPE_LAB_{name}", str(value))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(comparing, "_can_report", lambda: False)

    def call(*argv: str) -> tuple[int, str, str]:
        code = main(["compare", *argv])
        data, talk = capfdbinary.readouterr()
        return code, data.decode(), talk.decode()

    return call


def test_metrics_are_shown_first_then_the_loss(compare: Compare, model: Trainer) -> None:
    code, data, talk = compare("--lang", "ko")
    assert code == 0 and model.asked[0].preset == "demo"
    words = (
        "What to choose",
        "Main table",
        "9. ",
        "Loss of a language model",
        "It proves nothing",
        "What the loss answers",
    )
    places = [data.index(word) for word in words]
    assert places == sorted(places)
    assert "below, from models trained now" in data and "too few tokenizers, 2 of the 8" in data
    assert "--no-downstream: none" in talk and "pip install" not in talk


@pytest.mark.parametrize("columns", ["40", "80", "120"])
@pytest.mark.parametrize("speak", ["en", "ko"])
def test_the_loss_fits_the_terminal(
    compare: Compare, model: Trainer, monkeypatch: pytest.MonkeyPatch, columns: str, speak: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    _, data, _ = compare("--speak", speak)
    assert max(map(cell_len, data.splitlines())) <= int(columns) and "…" not in data
    head = {"en": "Loss of a language", "ko": "언어 모델의 손실"}[speak]
    table = data[data.index(head) :]
    row = next(line for line in table.splitlines() if line.strip().startswith("byte 300"))
    assert ("[" in row) == (columns != "40") and "%" in row


@pytest.mark.parametrize(
    "argv",
    [
        ("--no-downstream",),
        ("--tokenizers", "unit=byte,vocab=280", "unit=byte,vocab=300"),
        ("--corpus", "a.txt", "--documents", "line"),
        ("--lang", "en"),
    ],
)
def test_who_asks_for_more_or_less_is_not_kept_waiting(compare: Compare, model: Trainer, argv: tuple[str, ...]) -> None:
    Path("a.txt").write_text("나는 밥을 먹었다.\n너는 물을 마셨다.\n우리는 잔다.\n" * 9, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "ko", presets.Preset(("byte",), (280,)))  # type: ignore[misc]
        patch.setitem(presets.SAMPLE_PRESETS, "en", presets.Preset(("byte",), (280,)))  # type: ignore[misc]
        code, _, talk = compare(*argv)
    assert code == 0 and model.asked == []
    assert ("--downstream cpu-nano" in talk) == (argv != ("--no-downstream",))


def test_a_corpus_gets_models_where_they_are_asked_for(compare: Compare, model: Trainer) -> None:
    Path("a.txt").write_text("".join(f"나는 밥을 {i}번 먹었다.\n" for i in range(60)), "utf-8")
    argv = ("--corpus", "a.txt", "--documents", "line", "--tokenizers", "unit=byte,vocab=270", "unit=byte,vocab=280")
    code, data, _ = compare(*argv, "--downstream", "cpu-nano", "--json")
    found = json.loads(data)
    assert code == 0 and found["loss"]["preset"] == "cpu-nano" and output.validate(found) == []
    (request,) = model.asked
    assert not set(request.train.documents) & set(request.validation.documents) and request.domains is None


def test_files_of_eval_are_kinds_of_text(compare: Compare, model: Trainer) -> None:
    for name in ("a", "b", "c"):
        Path(f"{name}.txt").write_text("".join(f"{name} 밥을 {i}번 먹었다.\n" for i in range(20)), "utf-8")
    argv = ("--corpus", "a.txt", "--eval", "b.txt", "c.txt", "--documents", "line", "--downstream", "study")
    assert compare(*argv, "--tokenizers", "unit=byte,vocab=270", "unit=byte,vocab=280")[0] == 0
    assert model.asked[0].domains == ("b.txt",) * 20 + ("c.txt",) * 20


def test_without_the_model_it_says_how_to_get_it(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "has_downstream", lambda: False)
    code, data, talk = compare()
    assert code == 0 and "bpe-lab lm compare --lang ko" in " ".join(data.split())
    assert f"the loss columns take the companion model: {loss.INSTALL}" in talk
    code, data, talk = compare("--downstream", "demo")
    assert code != 0 and data == "" and "not installed" in talk and loss.INSTALL in talk


def test_files_hold_both(compare: Compare, model: Trainer) -> None:
    code, _, _ = compare("--out", "result")
    found = json.loads(Path("result/comparison.json").read_text("utf-8"))
    assert code == 0 and found["loss"]["available"] and output.validate(found) == []
    table = Path("result/comparison.csv").read_text("utf-8")
    assert table.count(",bits_per_byte,") == 2 and table.count(",train_flops,") == 2
    assert "## Loss of a language model" in Path("result/comparison.md").read_text("utf-8")
    assert model.asked[0].folder.resolve() == Path("result/runs").resolve()


def test_json_is_one_object_and_comes_last(compare: Compare, model: Trainer) -> None:
    code, data, talk = compare("--json")
    assert code == 0 and json.loads(data)["loss"]["available"] and "warning" not in talk


def test_runs_are_kept_for_the_next_call(compare: Compare, model: Trainer) -> None:
    compare()
    compare()
    first, second = model.asked
    assert first.folder == second.folder and first.resume and first.folder.is_dir()
    compare("--no-cache")
    third = model.asked[2]
    assert not third.resume and third.folder != first.folder and not third.folder.exists()


def test_a_demonstration_that_fails_costs_its_columns_alone(compare: Compare, model: Trainer) -> None:
    model.error = CorpusError("no text is left", "give more")
    code, data, talk = compare("--out", "result")
    assert code == 0 and "Main table" in data and "warning: no loss: no text is left" in talk and "give more" in talk
    assert not json.loads(Path("result/comparison.json").read_text("utf-8"))["loss"]["available"]


@pytest.mark.parametrize(
    ("error", "code"), [(CorpusError("no text is left"), Exit.INPUT), (RuntimeError("x"), Exit.INTERNAL)]
)
def test_models_that_were_asked_for_and_fail_are_an_error_after_the_files(
    compare: Compare, model: Trainer, error: Exception, code: int
) -> None:
    model.error = error
    found, _, talk = compare("--downstream", "demo", "--out", "result")
    assert found == code and "error:" in talk and Path("result/comparison.json").exists()


@pytest.mark.parametrize("more", [(), ("--no-cache",)])
def test_ctrl_c_ends_it(compare: Compare, model: Trainer, more: tuple[str, ...]) -> None:
    model.error = KeyboardInterrupt()
    code, data, talk = compare(*more)
    assert code == 130 and "Main table" in data
    assert ("the same command goes on" in talk) == (more == ())


# -- what is kept


def test_folders_of_the_cache_are_shown_cleared_and_evicted(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit_bytes=1000)
    old = cache.folder_of("a" * 64, "runs")
    (old / "x.run.json").write_bytes(b"x" * 600)
    assert [(entry.kind, entry.n_bytes) for entry in cache.entries()] == [("runs", 600)]
    new = cache.folder_of("b" * 64, "runs")
    (new / "x.run.json").write_bytes(b"x" * 600)
    assert cache.folder_of("b" * 64, "runs") == new and not old.exists() and (new / "x.run.json").exists()
    assert cache.clear() == (1, 600) and cache.entries() == [] and not new.exists()


def test_arms_of_another_grid_are_left_out(measured: tuple[Plan, output.Measured]) -> None:
    plan, found = measured
    chosen = downstream.arms(plan, found.results)
    known = [Arm(r.entry.name, r.entry.recipe, r.fingerprint, r.unit, r.n_ids) for r in chosen]
    models = downstream.summarised(plan, found.results, fake_records([*known, arm("jamo")]))
    assert [a.name for a in models.losses.arms] == ["byte 280", "byte 300", "byte-char 300"]
