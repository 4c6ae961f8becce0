"""Run records: what is written is read again, what is damaged is refused, and equal runs have equal keys."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpe_lab.errors import FormatError
from bpe_lab.runs import SCHEMA, Point, RunRecord, key_of, read_records, write_record
from fake_runs import arm, fake_records, record, scored

RECORD = fake_records(seeds=1)[0]


def read_again(found: RunRecord) -> RunRecord:
    return RunRecord.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    every = fake_records(seeds=2, budgets=(1000, 2000))
    for i, found in enumerate(every):
        write_record(tmp_path, f"run-{i:02}", found)
    again = read_records(tmp_path)
    assert again == every and [a.key for a in again] == [e.key for e in every]
    assert again[0].scored and again[0].scored.bpb == every[0].scored.bpb  # type: ignore[union-attr]


def test_a_later_record_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    write_record(tmp_path, "a", RECORD)
    write_record(tmp_path, "a", replace(RECORD, seed=7))
    assert [r.seed for r in read_records(tmp_path)] == [7]
    assert [path.name for path in tmp_path.iterdir()] == ["a.run.json"], "nothing half-written is left"


def test_a_diverged_run_is_a_record_too(tmp_path: Path) -> None:
    bad = replace(RECORD.curve[0], train_nats=math.nan)
    write_record(tmp_path, "a", replace(RECORD, scored=None, status="diverged", curve=(bad,), note="NaN"))
    (again,) = read_records(tmp_path)
    assert again.scored is None and again.status == "diverged" and math.isnan(again.curve[0].train_nats)


def test_bits_per_byte_are_sums_over_sums() -> None:
    """8 bits in 2 bytes and 4 bits in 4 bytes: 12/6, and not the mean of 4 and 1."""
    assert scored([8, 4], [2, 4]).bpb == pytest.approx(2.0)


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda data: data.pop(key)


@pytest.mark.parametrize(
    "spoil",
    [
        _without("arm"),
        _without("curve"),
        _without("scored"),
        _without("seed"),
        lambda data: data["arm"].pop("name"),
        lambda data: data["arm"].update(colour="red"),
        lambda data: data.update(arm="byte"),
        lambda data: data["curve"].append(None),
        lambda data: data["curve"][0].pop("lr"),
        lambda data: data["scored"].pop("nats"),
        lambda data: data["scored"]["nats"].pop(),
        lambda data: data["scored"]["nats"].__setitem__(0, None),
        lambda data: data["scored"].update(by_syllable=[1]),
        lambda data: data.update(bytes="x"),
        lambda data: data["curve"][0].update(seconds="x"),
    ],
)
def test_a_damaged_record_is_refused_by_name(tmp_path: Path, spoil: Callable[[Any], Any]) -> None:
    data = json.loads(json.dumps(RECORD.to_json()))
    spoil(data)
    (tmp_path / "x.run.json").write_text(json.dumps(data), "utf-8")
    with pytest.raises(FormatError, match=r"x\.run\.json: a damaged run record") as told:
        read_records(tmp_path)
    assert told.value.hint == "train this run again"


@pytest.mark.parametrize("data", [None, [], {}, {"schema": "1"}, {"schema": SCHEMA + 1}])
def test_another_schema_is_refused(data: Any) -> None:
    with pytest.raises(FormatError, match="schema"):
        RunRecord.from_json(data)


def test_what_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cut.run.json").write_text(json.dumps(RECORD.to_json())[:100], "utf-8")
    with pytest.raises(FormatError, match=r"cut\.run\.json is no JSON"):
        read_records(tmp_path)


def test_keys_that_a_later_version_adds_are_let_through() -> None:
    data = RECORD.to_json() | {"weather": "fine"}
    assert RunRecord.from_json(data) == RECORD


def test_other_files_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("{", "utf-8")
    assert read_records(tmp_path) == []


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"preset": "study"},
        {"match": "flops"},
        {"budget_bytes": 1},
        {"arm": arm("jamo")},
        {"corpus": {}},
        {"model": {}},
        {"training": {}},
    ],
)
def test_what_decides_a_run_decides_its_key(change: dict[str, Any]) -> None:
    assert replace(RECORD, **change).key != RECORD.key


def test_what_came_out_does_not() -> None:
    changed = replace(RECORD, seconds=1.0, scored=None, curve=(), memory_bytes=0, machine={}, versions={})
    assert changed.key == RECORD.key


def test_a_key_is_the_same_before_and_after_the_disk() -> None:
    """Tuples, numbers of numpy, floats as keys and read-only mappings are lists, numbers, text and objects on disk."""
    training = MappingProxyType({"lr": np.float64(0.002), "probed": {0.5: 3.1, 1.0: 3.0}, "betas": (0.9, 0.95)})
    found = replace(RECORD, training=training, model=MappingProxyType({"d_model": np.int64(64)}))
    assert read_again(found).key == found.key


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.floats(allow_nan=False) | st.none(), max_size=4))
def test_the_order_of_keys_changes_no_key(values: dict[str, Any]) -> None:
    assert key_of(values) == key_of(dict(reversed(values.items())))


def test_what_no_json_holds_is_refused_where_it_is_made() -> None:
    with pytest.raises(TypeError, match="cannot hold set"):
        key_of({1, 2})
    with pytest.raises(TypeError, match=r"cannot hold \w*Path"):
        record(arm(), 0, None, training={"folder": Path("x")}).to_json()


def test_points_keep_what_they_hold() -> None:
    point = Point(1, 2, 3.0, 4.0, 5.0, 6, 0.1, 2.5)
    assert read_again(replace(RECORD, curve=(point,))).curve == (point,)
