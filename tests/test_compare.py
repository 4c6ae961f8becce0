"""A comparison: what it runs, what it says, and that it says no more than its intervals."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bpe_lab import Tokenizer, sample, train
from bpe_lab.cli import comparing, main, plugins
from bpe_lab.cli.exits import Exit
from bpe_lab.compare import answers, choice, output, phrases, presets, studies, wording
from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, Failed, Missing, Ours
from bpe_lab.compare.keeping import Keeper
from bpe_lab.compare.plan import EVAL, SENTENCES, Entry, Plan, both, parallel
from bpe_lab.compare.run import Progress, Result, Results, maker, run
from bpe_lab.compare.texts import Texts
from bpe_lab.errors import ArgumentError
from bpe_lab.metrics import METRICS, CutDifferently, Estimate

TRAIN = Texts("train", ["나는 밥을 먹었다. 너는 물을 마셨다.".encode(), "우리는 밥을 먹고 물을 마신다.".encode()] * 4)
HELD = Texts("held", ["나는 물을 마셨다.".encode(), "너는 빵을 굽는다.".encode(), "漢字 몇 자와 뷁.".encode()])


# -- a plan of a few small tokenizers


def tiny(*studies_: studies.Study, **more: Any) -> Plan:
    texts = {EVAL: HELD, SENTENCES: Texts("sentences", ["밥을 먹는다".encode()])}
    texts |= {studies.TOGETHER: HELD, studies.held("a"): HELD, studies.held("b"): HELD}
    return Plan("ko", both("tiny"), TRAIN, texts, studies_, **more)


def measured(plan: Plan, **kept: Any) -> Results:
    cache = kept.get("cache", Cache(None))
    return run(plan, maker(plan, cache), Keeper(cache, plan.train), kept.get("progress"))


@pytest.fixture(scope="module")
def small() -> output.Comparison:
    """A comparison that has a row of every kind: good, failed, missing, closed."""
    main = studies.main(["byte", "byte-char"], [280, 300], ["unit=syllable,vocab=300", "no-such-tokenizer"], None)
    others = studies.closed(20), studies.samples("unit=byte,vocab=300", (30.0,))
    sets = studies.train_sets("unit=byte,vocab=290", ["a", "b"], None)
    half = {"a": Texts("a", TRAIN.documents[::2]), "b": Texts("b", TRAIN.documents[1::2])}
    return output.compare(tiny(main, *others, sets, sources=half))


def test_a_broken_or_missing_tokenizer_is_a_row_and_stops_nothing(small: output.Comparison) -> None:
    by_name = {c["name"]: c for c in small.to_json()["candidates"]}
    assert by_name["byte 300"]["status"] == "ok" and by_name["byte 300"]["values"]
    low, absent = by_name["syllable 300"], by_name["no-such-tokenizer"]
    assert low["status"] == "failed" and "300" in low["note"]["en"] and not low["values"] and not low["ranked"]
    assert absent["status"] in ("missing", "failed") and absent["note"]["en"] and not absent["ranked"]


def test_closed_vocabularies_are_lossy_and_not_ranked(small: output.Comparison) -> None:
    data = small.to_json()
    closed = [c for c in data["candidates"] if c["kind"] == "closed"]
    assert len(closed) == 2 and all(c["status"] == "lossy" and not c["ranked"] for c in closed)
    rows = next(t["rows"] for t in data["tables"] if t["id"] == "closed")
    assert all(row["unk_eojeol"]["value"] > 0 for row in rows)


def test_what_unk_loses_has_an_interval() -> None:
    """Half of 20 documents lose one of their two eojeol: a quarter, and a resample moves it."""
    held = Texts("held", [("밥 물" if i % 2 else "밥 뷁").encode() for i in range(20)])
    closed = Texts("train", ["밥 물".encode()])
    plan = dataclasses.replace(tiny(studies.closed(4)), train=closed, texts={EVAL: held})
    results = measured(plan)
    word, char = (results.value(r, "unk_eojeol") for r in results.all)
    assert word and char and word.value == char.value == 0.25
    assert word.low is not None and word.high is not None and 0.1 < word.low < 0.25 < word.high < 0.4


def test_each_recipe_is_made_once_however_many_studies_have_it() -> None:
    main = studies.main(["byte"], [300], ["unit=byte,vocab=300"], None)
    samples = studies.samples("unit=byte,vocab=300", (100.0,))
    jobs = tiny(main, samples).jobs()
    assert [job.entry.recipe for job in jobs] == ["unit=byte,vocab=300"]


def test_progress_counts_to_the_end() -> None:
    told: list[Progress] = []
    measured(tiny(studies.main(["byte"], [280, 300], [], None)), progress=told.append)
    assert [(p.n_done, p.n_jobs) for p in told] == [(0, 2), (1, 2), (2, 2)]


def test_an_interrupt_is_no_row() -> None:
    def interrupted(entry: Entry) -> Candidate | Missing | Failed:
        raise KeyboardInterrupt

    plan = tiny(studies.main(["byte"], [300], [], None))
    with pytest.raises(KeyboardInterrupt):
        run(plan, interrupted, Keeper(Cache(None), TRAIN))


class Counting(Ours):
    """Counts how often it encodes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__("counting", tokenizer)
        self.n_encoded = 0

    def encode_ends(self, documents: Any, threads: int | None = None) -> Any:
        self.n_encoded += 1
        return super().encode_ends(documents, threads)


def test_what_was_measured_is_kept_and_speed_is_not(tmp_path: Path) -> None:
    candidate = Counting(train(texts=TRAIN.documents, vocab_size=300))
    plan = tiny(studies.main([], [], ["x"], None))
    first = run(plan, lambda entry: candidate, Keeper(Cache(tmp_path), TRAIN))
    n_encoded = candidate.n_encoded
    assert n_encoded > 0
    again = run(plan, lambda entry: candidate, Keeper(Cache(tmp_path), TRAIN))
    assert candidate.n_encoded == n_encoded
    values = [[r.value(r.all[0], name) for name in METRICS] for r in (first, again)]
    assert values[0] == values[1] and any(values[0])
    assert again.all[0].cost and again.all[0].cost.encode_mb_per_s is None
    assert again.all[0].cuts[SENTENCES].of(0).tolist() == first.all[0].cuts[SENTENCES].of(0).tolist()


class Swallowing(Ours):
    """Loses a character, as a tokenizer that normalises does."""

    def decode_batch(self, ids: Any, offsets: Any) -> list[bytes]:
        return [document.replace("漢".encode(), b"") for document in super().decode_batch(ids, offsets)]


def test_a_loss_is_told_with_the_place_and_not_ranked() -> None:
    candidate = Swallowing("lossy", train(texts=TRAIN.documents, vocab_size=300))
    plan = tiny(studies.main(["byte"], [300], ["x"], None))
    make = maker(plan, Cache(None))
    results = run(plan, lambda e: candidate if e.recipe == "x" else make(e), Keeper(Cache(None), TRAIN))
    lossy = results.all[1]
    assert lossy.status == "lossy" and lossy.note and "漢字" in lossy.note["en"]
    case = wording.Case(plan, results, {})
    assert [result.entry.name for result, _ in choice.comparable(case)] == ["byte 300"]


# -- the data


def test_the_json_is_schema_1(small: output.Comparison) -> None:
    assert output.validate(small.to_json()) == []


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda d: d.pop("loss"), "loss is missing"),
        (lambda d: d.update(schema=2), "schema 2"),
        (lambda d: d["candidates"][0].update(status="fine"), "status fine"),
        (lambda d: d["candidates"][0]["values"].update(odd=1), "metric odd"),
        (lambda d: d["figures"][0].update(kind="pie"), "kind pie"),
        (lambda d: d["figures"][0]["rows"].append({"x": 1}), "{'x': 1}"),
        (lambda d: d["summary"].append({"en": "a", "ko": "", "strength": "clear"}), "summary"),
        (lambda d: d["explorer"]["candidates"].append("c99"), "c99"),
        (lambda d: d["candidates"][0].update(cost=float("nan")), "no JSON"),
    ],
)
def test_validate_finds(small: output.Comparison, spoil: Callable[[Any], Any], fault: str) -> None:
    data = json.loads(json.dumps(small.to_json()))
    spoil(data)
    assert any(fault in found for found in output.validate(data)), output.validate(data)


def test_equal_runs_give_equal_data_but_for_time(small: output.Comparison) -> None:
    plan = tiny(studies.main(["byte", "byte-char"], [280, 300], [], None))
    one, two = (_timeless(output.compare(dataclasses.replace(plan, threads=n)).to_json()) for n in (1, 2))
    assert one == two


def _timeless(data: dict[str, Any]) -> str:
    data["made_by"].pop("seconds")
    for candidate in data["candidates"]:
        candidate.pop("cost")
    data["tables"] = [table for table in data["tables"] if table["id"] != "cost"]
    return json.dumps(data, sort_keys=True)


def test_csv_has_a_line_a_value(small: output.Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(small.to_csv())))
    data = small.to_json()
    assert len(rows) == sum(max(1, len(c["values"])) for c in data["candidates"])
    byte = next(c for c in data["candidates"] if c["name"] == "byte 300")
    row = next(r for r in rows if r["candidate"] == byte["id"] and r["metric"] == "tokens_per_byte")
    assert float(row["value"]) == byte["values"]["tokens_per_byte"]["value"]


def test_markdown_escapes_what_would_be_markup(small: output.Comparison) -> None:
    text = small.to_markdown("ko")
    assert "word 20 \\<unk\\>" in text and "|---|" in text and "\n## 9. " in text
    table = [line for line in text.splitlines() if line.startswith("| byte 300")]
    assert table and all(line.count(" | ") == table[0].count(" | ") for line in table[:1])


def test_explorer_cuts_tile_their_sentences(small: output.Comparison) -> None:
    found = small.to_json()["explorer"]
    assert found["candidates"]
    for cuts in found["cuts"].values():
        for sentence, ends in zip(found["sentences"], cuts, strict=True):
            assert ends == sorted(ends) and ends[-1] == len(sentence["text"].encode())


def test_explorer_has_tables_for_typing_where_the_page_can_follow(small: output.Comparison) -> None:
    found = small.to_json()["explorer"]
    assert list(found["typing"]) == found["candidates"]
    byte = found["typing"][found["candidates"][0]]
    assert byte["unit"] == "byte" and len(byte["merges"]) == 2 * (280 - 257)


# -- studies, worked out by hand


@pytest.mark.parametrize(("n", "known"), [(9, False), (10, True)])
def test_no_interval_over_too_few_documents(n: int, known: bool) -> None:
    held = Texts("held", [text * (i + 1) for i, text in enumerate([HELD.documents[i % 3] for i in range(n)])])
    plan = tiny(studies.main(["byte"], [280, 300], [], None))
    results = measured(dataclasses.replace(plan, texts=dict(plan.texts) | {EVAL: held}))
    value = results.value(results.all[0], "fertility")
    gap = results.relative(results.all[1], results.all[0], "fertility")
    assert value and gap and value.value > 0 and (value.low is not None) == known == (gap.low is not None)


def test_gini_where_there_are_more_than_two_languages() -> None:
    """Bytes alone (257 ids): 3, 1 and 1 tokens; sum |ci-cj| = 8, mean 5/3, so 8 / (2 * 9 * 5/3) = 4/15."""
    texts = {parallel(lang): Texts(lang, [text.encode()]) for lang, text in (("ko", "가"), ("en", "a"), ("fi", "b"))}
    study = studies.main([], [], ["unit=byte,vocab=257"], ("ko", "en", "fi"))
    plan = tiny(study, languages=("ko", "en", "fi"))
    results = measured(dataclasses.replace(plan, texts=dict(plan.texts) | texts))
    found = results.all[0]
    assert results.value(found, "gini").value == pytest.approx(4 / 15)  # type: ignore[union-attr]
    assert results.value(found, "premium").value == 3  # type: ignore[union-attr]


def test_the_loss_column_is_there_and_empty(small: output.Comparison) -> None:
    main = next(t for t in small.to_json()["tables"] if t["id"] == "main")
    assert main["columns"][-2]["key"] == "bits_per_byte" and not any(r.get("bits_per_byte") for r in main["rows"])


def test_samples_know_the_smallest_that_is_enough() -> None:
    """Worst draws of 30 % need 0.4 % more, those of 10 % need 0.6 %: 30 % is the smallest within 0.5 %."""
    study = studies.samples("unit=byte,vocab=300", (10.0, 30.0))
    found = [Result(f"c{i}", e, "samples", tokens=frozenset({b"ab"})) for i, e in enumerate(study.entries)]
    more = {10.0: 0.006, 30.0: 0.004, 100.0: 0.0}
    results = Given(tiny(study), found, {}, lambda a, b, name: Estimate(more[float(a.entry.x)], -1, 1))
    facts = study.show(results, study, results.plan).facts
    assert facts["enough"] == 30.0 and len(study.entries) == 3 + 3 + 1
    said = answers.enough_text(wording.Case(results.plan, results, {"samples": facts})).says
    assert "0.5 % of the full text: 30 %." in said["en"] and "가장 작은 표본: 30 %." in said["ko"]


def test_no_sample_is_enough() -> None:
    study = studies.samples("unit=byte,vocab=300", (30.0,))
    found = [Result(f"c{i}", e, "samples") for i, e in enumerate(study.entries)]
    results = Given(tiny(study), found, {}, lambda a, b, name: Estimate(0.02 if float(a.entry.x) < 100 else 0.0))
    said = answers.enough_text(
        wording.Case(results.plan, results, {"samples": study.show(results, study, results.plan).facts})
    )
    assert "No smaller sample that was tried" in said.says["en"]


def test_one_draw_has_no_band() -> None:
    study = studies.samples("unit=byte,vocab=300", (30.0,))
    found = [Result(f"c{i}", e, "samples") for i, e in enumerate(study.entries)]
    results = Given(tiny(study), found, {}, lambda a, b, name: Estimate(0.02, 0.01, 0.03))
    part, full = study.show(results, study, results.plan).tables[0]["rows"]
    assert part["tokens_per_byte"]["low"] == 0.25 and full["tokens_per_byte"]["low"] is None
    assert full["most_more"] == {"value": 0.0, "low": None, "high": None}
    assert output.cell_text(3.0, "en", "%") == "3 %"


def test_one_recipe_is_no_choice() -> None:
    first = choice.summary(case_of({"byte 300": {}}))[0]
    assert first["strength"] == "unresolved" and "two recipes of one vocabulary size" in first["en"]


def test_few_documents_are_told() -> None:
    told = [line["en"] for line in choice.summary(case_of(tokens(0.30, 0.25)))]
    assert any(line.startswith("Measured on 3 documents, too few for intervals (they take 10)") for line in told)


def test_units_cut_no_hanja_and_old_hangul_is_told() -> None:
    none = Estimate(6.0)
    plan = tiny(studies.main(["byte"], [300], [], None))
    found = [Result(f"c{i}", e, "main") for i, e in enumerate(plan.studies[0].entries)]
    results = Given(plan, found, {}, lambda a, b, name: None)
    results.value = lambda result, name: none if name == "old_hangul" else None  # type: ignore[method-assign]
    says = answers.other_scripts(wording.Case(plan, results, {})).says
    assert "holds no Hanja" in says["en"] and "old Hangul: byte 300: 6.00" in says["en"] and "한자가 없다" in says["ko"]


def test_what_was_not_measured_names_the_option() -> None:
    plan = tiny()
    found = answers.answers(wording.Case(plan, Results(plan, []), {}))
    for n, option in ((3, "--parallel"), (5, "--samples"), (8, "--train-sets")):
        assert option in found[n - 1]["answer"]["en"] and option in found[n - 1]["answer"]["ko"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Estimate(0.023, 0.018, 0.029), "2.3 % [1.8, 2.9] more"),
        (Estimate(-0.268, -0.282, -0.251), "26.8 % [25.1, 28.2] fewer"),
        (Estimate(-0.01, -0.03, 0.01), "1.0 % [-3.0, +1.0] fewer"),
        (Estimate(0.01), "1.0 % more"),
    ],
)
def test_more_or_fewer(value: Estimate, said: str) -> None:
    assert wording.more(value)["en"] == said


def test_mix_is_placed_by_the_share_of_the_first_language() -> None:
    study = studies.mix("unit=byte,vocab=300", ["ko:1/en:99", "ko:1/en:1"], 1000, ("ko", "en"))
    assert [e.x for e in study.entries] == [1.0, 50.0]
    assert study.entries[0].recipe == "unit=byte,vocab=300,mix=ko:1/en:99,size=1000"


@pytest.mark.parametrize(
    ("text", "name", "x"),
    [
        ("unit=jamo,vocab=8k", "jamo 8,000", 8000),
        ("unit=jamo,vocab=4096,superword=3k:4", "jamo 4,096 superword=3000", 4096),
        ("unit=byte,vocab=8k,name=mine", "mine", 8000),
        ("o200k_base", "o200k_base", ""),
    ],
)
def test_entry_of(text: str, name: str, x: float | str) -> None:
    entry = studies.entry_of(text)
    assert (entry.recipe, entry.name, entry.x) == (text, name, x)


# -- answers: change the numbers, and the sentence changes


class Given(Results):
    """Results whose values are given."""

    def __init__(
        self,
        plan: Plan,
        results: list[Result],
        values: Mapping[str, Mapping[str, Estimate]],
        gap: Callable[[Result, Result, str], Estimate | None],
    ) -> None:
        for result in results:
            result.on.setdefault(EVAL, None)  # type: ignore[arg-type]
        super().__init__(plan, results)
        self._given, self._gap = values, gap

    def value(self, result: Result, name: str) -> Estimate | None:
        return self._given.get(result.entry.name, {}).get(name, Estimate(0.25, 0.24, 0.26))

    def relative(self, result: Result, other: Result, name: str) -> Estimate | None:
        return self._gap(result, other, name)

    def difference(self, result: Result, other: Result, name: str) -> Estimate | None:
        return self._gap(result, other, name)


def case_of(
    values: Mapping[str, Mapping[str, Estimate]],
    gap: Callable[[Result, Result, str], Estimate | None] = lambda a, b, name: Estimate(0.02, 0.01, 0.03),
    **more: Any,
) -> wording.Case:
    main = studies.main([name.rpartition(" ")[0] for name in values], [300], [], ("ko", "en"))
    plan = tiny(main, languages=("ko", "en"), **more)
    found = [Result(f"c{i}", e, "main", kind="trained") for i, e in enumerate(main.entries)]
    return wording.Case(plan, Given(plan, found, values, gap), {})


def tokens(byte: float, jamo: float, broken: tuple[float, float] = (0.1, 0.1)) -> dict[str, dict[str, Estimate]]:
    return {
        f"{unit} 300": {"tokens_per_byte": Estimate(t), "broken_syllables": Estimate(b)}
        for unit, t, b in zip(("byte", "jamo"), (byte, jamo), broken, strict=True)
    }


def test_choice_is_clear_where_the_interval_is() -> None:
    first = choice.summary(case_of(tokens(0.30, 0.25)))[0]
    assert first["strength"] == "clear" and first["en"].startswith("Choose jamo 300: of those trained here")
    assert "byte 300" in first["en"] and "고를 것: jamo 300." in first["ko"]


def test_choice_follows_the_numbers() -> None:
    assert "Choose byte 300" in choice.summary(case_of(tokens(0.25, 0.30)))[0]["en"]


def test_overlapping_interval_resolves_nothing() -> None:
    first = choice.summary(case_of(tokens(0.30, 0.25), lambda a, b, name: Estimate(0.02, -0.01, 0.05)))[0]
    assert first["strength"] == "unresolved" and "does not tell jamo 300 from byte 300" in first["en"]
    assert "가릴 수 없다" in first["ko"] and "Choose jamo" not in first["en"]


def test_among_equals_the_one_that_breaks_fewer_syllables() -> None:
    def gap(a: Result, b: Result, name: str) -> Estimate:
        return Estimate(0.004, 0.003, 0.005) if name == "tokens_per_byte" else Estimate(-0.05, -0.06, -0.04)

    first = choice.summary(case_of(tokens(0.251, 0.25, (0.02, 0.07)), gap))[0]
    assert "Choose byte 300: about as few tokens as jamo 300 (+0.4 %" in first["en"]
    assert "2.0 % against 7.0 % (a sure" in first["en"] and first["strength"] == "clear"


def test_fewer_broken_syllables_decide_only_where_they_are_sure() -> None:
    first = choice.summary(case_of(tokens(0.251, 0.25, (0.02, 0.07)), lambda a, b, name: Estimate(-0.001, -0.1, 0.1)))[
        0
    ]
    assert "does not tell jamo 300 from byte 300" in first["en"] and first["strength"] == "unresolved"


def test_the_embedded_sample_is_never_clear_about_what_to_choose() -> None:
    first = choice.summary(case_of(tokens(0.30, 0.25), notice=presets.NOTICE))[0]
    assert first["strength"] == "leans"


@pytest.mark.parametrize(
    ("value", "en", "ko"),
    [
        (Estimate(2.4, 2.3, 2.5), "Finer, in more tokens than the same sentences in English", "더 잘게 잘린다"),
        (
            Estimate(0.8, 0.7, 0.9),
            "Not finer, in fewer tokens than the same sentences in English",
            "더 잘게 잘리지 않고",
        ),
        (Estimate(1.0, 0.9, 1.1), "Not resolved on these sentences", "가릴 수 없는 것"),
        (Estimate(2.4), "Not resolved on these sentences", "가릴 수 없는 것"),
    ],
)
def test_premium_goes_by_its_interval(value: Estimate, en: str, ko: str) -> None:
    says = answers.premium(case_of({"byte 300": {"premium": value}})).says
    assert en in says["en"] and ko in says["ko"]


@pytest.mark.parametrize(("high", "word"), [(0.9, "Yes"), (1.0, "Not resolved")])
def test_cut_differently_goes_by_its_interval(high: float, word: str) -> None:
    differing = CutDifferently(" 밥을", 3, 3, (" 밥", "을"), (" 밥을",))
    facts = {"alike": Estimate(0.8, 0.7, high), "different": (differing,), "shared": 0.5, "names": ("a", "b")}
    case = dataclasses.replace(case_of({"byte 300": {}}), facts={"train-sets": facts})
    says = answers.cut_differently(case).says["en"]
    assert says.startswith(word) and "80.0 % [70.0" in says and "밥을" in says


@pytest.mark.parametrize("key", phrases.PHRASES)
def test_both_languages_hold_the_same_figures(key: str) -> None:
    en, ko = (sorted(set(re.findall(r"{(\w+)}", phrases.PHRASES[key][lang]))) for lang in ("en", "ko"))
    assert en == ko and re.search("[가-힣]", phrases.PHRASES[key]["ko"])


def test_every_number_that_moves_moves_its_sentence() -> None:
    """Every question of a measured case quotes its metric."""
    moved = {
        "band_fertility_unseen": 2,
        "premium": 3,
        "broken_syllables": 6,
        "fallback_chars": 7,
        "tokens_per_char_hanja": 9,
    }
    for name, n in moved.items():
        said = [
            answers.answers(case_of({"byte 300": {name: Estimate(x, x - 0.01, x + 0.01)}}))[n - 1]["answer"]["en"]
            for x in (0.31, 0.62)
        ]
        assert said[0] != said[1] and ("0.31" in said[0] or "31.0" in said[0]), name


def test_what_needs_a_model_says_so_and_names_the_command() -> None:
    found = answers.answers(case_of(tokens(0.3, 0.25)))
    needing = {question["n"] for question in found if question["needs"]}
    assert len(found) == 9 and needing == {4, 6}
    assert all(q["needs"]["command"] == "bpe-lab lm compare --lang ko" for q in found if q["needs"])


def test_what_was_not_measured_is_not_answered() -> None:
    plan = tiny()
    found = answers.answers(wording.Case(plan, Results(plan, []), {}))
    assert all("not measured" in q["answer"]["en"] for q in found)


# -- the embedded sample and the command


def test_the_sample_is_split_by_register_and_nothing_is_in_both() -> None:
    train_on, held = presets.sample_texts("ko")
    assert not set(train_on.documents) & set(held.documents)
    registers = {d.register for d in sample.documents("ko") if d.text.encode() in set(held.documents)}
    assert registers == {d.register for d in sample.documents("ko")}


def test_every_embedded_language_runs() -> None:
    for lang in presets.SAMPLE_PRESETS:
        plan = presets.plan_of(presets.Wishes(lang))
        assert len(plan.texts[EVAL].documents) >= 2 and not set(plan.train.documents) & set(plan.texts[EVAL].documents)
        assert plan.jobs()


def test_no_embedded_sample_of_other_languages() -> None:
    with pytest.raises(ArgumentError, match="the embedded sample has no 'ja'"):
        presets.plan_of(presets.Wishes("ja"))


@pytest.fixture(scope="module")
def quick(monkeypatch_module: pytest.MonkeyPatch) -> None:
    """The embedded sample with one unit, one size and few studies."""
    preset = presets.Preset(("byte",), (300,), ("no-such-file.json",), (100.0,), ("ko:1/en:1",))
    monkeypatch_module.setitem(presets.SAMPLE_PRESETS, "ko", preset)  # type: ignore[misc]


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


Compare = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def compare(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Compare:
    """Run `bpe-lab compare` in an empty folder with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BPE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BPE_LAB_VOCAB", str(tmp_path))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    monkeypatch.setattr(plugins, "has_downstream", lambda: False)

    def call(*argv: str) -> tuple[int, bytes, str]:
        code = main(["compare", *argv])
        data, talk = capfdbinary.readouterr()
        return code, data, talk.decode()

    return call


@pytest.mark.parametrize(("columns", "speak"), [("80", "en"), ("120", "en"), ("80", "ko"), ("40", "en"), ("40", "ko")])
def test_terminal_fits_and_needs_no_colour(
    compare: Compare, monkeypatch: pytest.MonkeyPatch, columns: str, speak: str
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", columns)
    code, data, talk = compare("--lang", "ko", "--speak", speak)
    lines = data.decode().splitlines()
    assert code == 0 and b"\x1b" not in data and "hint: --out" in talk
    assert max(map(cell_len, lines)) <= int(columns)
    assert "…" not in data.decode()
    text = " ".join(data.decode().split())
    assert text.index("bpe-lab lm") < text.index(presets.NOTICE[speak][:20]), "the summary comes first"
    row = next(line for line in lines if line.strip().startswith("byte 300"))
    assert re.search(r"0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]" if columns != "40" else r"0\.\d{3} ", row)
    for word in ("1. ", "9. ", "bpe-lab lm compare --lang ko", "no-such-file.json", "<unk>", " 100 % "):
        assert word in text


def test_gpt_family_is_told_how_to_get(compare: Compare) -> None:
    data = json.loads(compare("--json", "-q")[1])
    missing = {c["name"]: c["note"]["en"] for c in data["candidates"] if c["status"] == "missing"}
    assert set(presets.PUBLISHED) <= set(missing) and "tiktoken" in missing["cl100k_base"]


def test_out_writes_every_form_and_overwrites_nothing(compare: Compare) -> None:
    code, _, talk = compare("--out", "result")
    assert code == 0
    assert output.validate(json.loads(Path("result/comparison.json").read_text("utf-8"))) == []
    assert Path("result/comparison.csv").exists() and Path("result/comparison.md").exists()
    assert ("report: " in talk) == Path("result/report.html").exists()
    code, _, talk = compare("--out", "result")
    assert code == Exit.INPUT and "exists" in talk
    assert compare("--out", "result", "--force")[0] == 0


def test_csv_and_markdown_go_to_standard_output(compare: Compare) -> None:
    assert compare("--csv")[1].startswith(b"candidate,name,recipe")
    assert compare("--markdown", "--speak", "ko")[1].decode().startswith("# 한국어 토크나이저")


def test_own_text_recipes_and_train_sets(compare: Compare) -> None:
    Path("a.txt").write_text("나는 밥을 먹었다.\n너는 물을 마셨다.\n우리는 잔다.\n" * 9, "utf-8")
    Path("b.txt").write_text("밥은 먹고 다니냐.\n물은 셀프다.\n나는 간다.\n" * 9, "utf-8")
    argv = ("--corpus", "a.txt", "--documents", "line", "--eval", "b.txt", "--train-sets", "a.txt", "b.txt")
    code, data, _ = compare(*argv, "--tokenizers", "unit=byte,vocab=270", "--json")
    found = json.loads(data)
    assert (
        code == 0
        and found["notice"] is None
        and found["made_by"]["command"].endswith("unit=byte,vocab=270 --train-sets a.txt b.txt")
    )
    assert [(c["study"], c["status"]) for c in found["candidates"]] == [("main", "ok"), *[("train-sets", "ok")] * 2]
    assert {"train-sets", "cut-differently"} <= {t["id"] for t in found["tables"]}


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--lang", "ja"), "the embedded sample has no 'ja'"),
        (("--tokenizers", "unit=jamoo,vocab=8k"), "no unit 'jamoo'"),
        (("--samples", "10"), "percents"),
        (("--mix", "ko"), "mix=ko"),
        (("--mix", "ko:1/en:1", "--corpus", "a.txt"), "needs --parallel"),
        (("--source", "ko.txt"), "--source must be NAME=FILE"),
        (("--train-sets", "a.txt"), "--train-sets compares two texts or more"),
        (("--parallel", "a.ko"), "two sources or more"),
    ],
)
def test_refused_before_any_work(compare: Compare, argv: tuple[str, ...], says: str) -> None:
    code, _, talk = compare(*argv)
    assert code in (Exit.USAGE, Exit.INPUT) and says in talk


def test_percents() -> None:
    assert comparing.percents("1%,100%") == (1.0, 100.0)
    for wrong in ("1", "0%", "101%", "x%"):
        with pytest.raises(Exception, match="percents"):
            comparing.percents(wrong)


def test_superwords_are_compared_with_the_same_recipe_without() -> None:
    main = studies.main(["byte"], [300], ["unit=byte,vocab=300,superword=280:4,name=byte superwords"], None)
    plan = tiny(main)
    found = [Result(f"c{i}", e, "main") for i, e in enumerate(main.entries)]
    case = wording.Case(plan, Given(plan, found, {}, lambda a, b, name: Estimate(-0.06, -0.07, -0.05)), {})
    says = answers.whole_words(case).says if len(case.ladder()) > 1 else answers._superwords(case)
    assert says and "byte superwords: -6.0 % [-7.0, -5.0], a sure difference" in says["en"]
