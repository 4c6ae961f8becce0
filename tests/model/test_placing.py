"""Loss by place in long texts: which pieces, what is summed, where a learned table ends, and what claims make of it."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import PRESET, model, shards
from tests.fake_runs import arm as fake_arm
from tests.fake_runs import record as fake_record
from tests.fake_runs import scored as fake_scored

from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards
from bpe_lab.shards.reading import ShardSplit
from bpe_lab_model import bpb
from bpe_lab_model.experiments import placing
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.experiments.table import experiment
from bpe_lab_model.experiments.tasks import Finished, Job

C = 32


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("placing") / "shards")


def split_of(*documents: list[int], domain_of: list[int] | None = None, n_domains: int = 1) -> ShardSplit:
    """Return documents of tokens that are so many bytes long; the ids count on through all of them."""
    lengths = [len(document) for document in documents]
    sizes = [sum(document) for document in documents]
    return ShardSplit(
        "validation",
        np.arange(sum(lengths), dtype=np.uint16),
        np.concatenate([np.cumsum(document) for document in documents]).astype(np.uint32),
        np.cumsum([0, *lengths]).astype(np.uint64),
        np.cumsum([0, *sizes]).astype(np.uint64),
        np.arange(len(documents), dtype=np.uint64),
        np.array(domain_of or [0] * len(documents), np.uint16),
        domains=tuple(f"domain{i}" for i in range(n_domains)),
        eos=1000,
        vocab_size=1001,
        max_token_bytes=max(max(document) for document in documents),
        text_sha256="",
    )


def documents_of(split: ShardSplit) -> list[list[int]]:
    """Return the ids of each document."""
    offsets = split.token_offsets.astype(int).tolist()
    return [split.ids[a:b].tolist() for a, b in pairwise(offsets)]


# -- long texts


def test_pieces_end_with_a_token_and_second_ones_come_after_all_first_ones() -> None:
    # Pieces of at most 6 bytes. Document 0 has ends 2 4 6 | 9 12: tokens 0-2 are 6 bytes, tokens 3-4 are 6 more.
    # Document 1 has ends 4 8: token 5 is 4 bytes and token 6 would make it 8; the 4 bytes left are no piece.
    texts = placing.long_texts(split_of([2, 2, 2, 3, 3], [4, 4]), 6, 100)
    assert texts is not None
    assert documents_of(texts) == [[0, 1, 2], [5], [3, 4]]
    assert texts.byte_offsets.tolist() == [0, 6, 10, 16]
    assert texts.ends.tolist() == [2, 4, 6, 4, 3, 6]


def test_short_documents_of_one_domain_are_joined_and_others_kept_apart() -> None:
    split = split_of([2, 2], [3], [2, 2], [3], domain_of=[0, 1, 0, 1], n_domains=2)
    texts = placing.long_texts(split, 8, 100)
    assert texts is not None
    assert documents_of(texts) == [[0, 1, 3, 4]]  # 8 bytes of domain 0; the 6 of domain 1 are too few
    assert texts.ends.tolist() == [2, 4, 6, 8]


def test_too_little_text_is_no_text_and_too_much_is_cut() -> None:
    assert placing.long_texts(split_of([2, 2]), 5, 100) is None
    some = placing.long_texts(split_of([2] * 50), 10, 31)
    assert some is not None and some.n_documents == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=40), min_size=1, max_size=6),
    st.integers(9, 60),
)
def test_pieces_are_runs_of_the_text_within_the_limit(documents: list[list[int]], n_bytes: int) -> None:
    split = split_of(*documents)
    texts = placing.long_texts(split, n_bytes, 10**6)
    if texts is None:
        assert sum(map(sum, documents)) < n_bytes
        return
    bpb.Layout.of(texts)  # refuses tokens that do not tile their document
    sizes = np.diff(texts.byte_offsets.astype(int))
    assert sizes.max() <= n_bytes and sizes.min() > n_bytes - split.max_token_bytes
    found = documents_of(texts)
    assert all(ids == list(range(ids[0], ids[-1] + 1)) for ids in found)
    every = [id for ids in found for id in ids]
    assert len(every) == len(set(every))


def test_what_a_table_has_places_for() -> None:
    cut = placing.shortened(split_of([2, 2, 2], [5, 1]), 2)
    assert documents_of(cut) == [[0, 1], [3, 4]]
    assert cut.byte_offsets.tolist() == [0, 4, 10]


# -- what is summed


def test_bits_per_byte_of_a_stretch_by_hand() -> None:
    # Two texts of 8 bytes, tokens of 4 and 2 bytes. Nats by slot, end of text last: (1, 2 | 9) and (3, 4, 5, 6 | 9).
    # Bytes 0-4 hold tokens 1 | 3, 4: 8 nats over 8 bytes; bytes 4-8 hold 2 | 5, 6: 13 nats over 8 bytes.
    split = split_of([4, 4], [2, 2, 2, 2])
    spent = placing._Spent(split, np.array([1.0, 2, 9, 3, 4, 5, 6, 9]))
    assert spent.bpb(0, 4) == pytest.approx(8 / (8 * math.log(2)))
    assert spent.bpb(4, 8) == pytest.approx(13 / (8 * math.log(2)))
    assert spent.bpb(4, 13) is None


def finished(text: Shards, options: dict[str, Any] | None = None, **shape: Any) -> Finished:
    """Return an untrained model as a measure sees one."""
    made = model(text, **{"context_bytes": C, "init_std": 0.5, "d_model": 32, **shape})
    arm = Arm("tried", options=options or {})
    job = Job("positions", arm, PRESET, 0, 1e-3, (1000, 2000), Path(), made.config, Path(), arm.options)
    return Finished(job, 2000, made, None, text, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("position", ["rope", "sinusoidal", "alibi", "relative", "none"])
def test_within_the_training_length_reading_on_and_windows_are_the_same(text: Shards, position: str) -> None:
    found = placing.by_position(finished(text, position=position))
    assert found["reach"] == 4.0
    assert found["excess"]["first"] == pytest.approx(0, abs=1e-4)
    assert found["excess"]["inside"] == pytest.approx(0, abs=1e-4)
    assert abs(found["excess"]["far"]) > 1e-4
    assert found["places"][0][0] == 1 / 16 and found["places"][-1][0] == 3.75
    assert all(read is not None and window is not None for _, read, window in found["places"])


def test_a_learned_table_ends_where_its_tokens_reach(text: Shards) -> None:
    found = placing.by_position(finished(text, position="learned"))
    assert 1 < found["reach"] < 4
    assert found["read"]["inside"] is not None and found["read"]["far"] is None and found["excess"]["far"] is None
    assert found["window"]["far"] is not None
    reads = [read for _, read, _ in found["places"]]
    assert None in reads and all(read is None for read in reads[reads.index(None) :])


def test_a_model_that_knows_nothing_spends_as_much_everywhere(text: Shards) -> None:
    # Zeros in the table and a tied head: all logits are 0, a token costs log2(V) bits wherever it stands.
    looked_at = finished(text, init="zeros", position="rope")
    found = placing.by_position(looked_at)
    texts = placing.long_texts(text.split("validation"), 4 * C, placing.LONG_BYTES)
    assert texts is not None
    starts = bpb.Layout.of(texts).starts
    is_token = starts < np.repeat(np.diff(texts.byte_offsets.astype(int)), np.diff(texts.token_offsets.astype(int)) + 1)
    n_tokens = int(((starts >= C) & (starts < 2 * C) & is_token).sum())
    bits = math.log2(looked_at.model.config.vocab_size) * n_tokens / (C * texts.n_documents)
    assert found["read"]["next"] == pytest.approx(bits) == found["window"]["next"]


def test_places_stand_at_the_largest_budget_alone(text: Shards) -> None:
    assert "places" not in placing.by_position(replace(finished(text), budget=1000))


def test_shorter_texts_by_an_option_and_none_where_there_is_too_little(text: Shards) -> None:
    found = placing.by_position(finished(text, {"lengths": 2}))
    assert found["reach"] == 2.0 and set(found["read"]) == {"first", "inside", "next"}
    assert placing.by_position(finished(text, {"lengths": 2000})) == {}


def test_a_model_is_left_as_it_was(text: Shards) -> None:
    looked_at = finished(text, position="learned")
    before = {name: p.detach().clone() for name, p in looked_at.model.named_parameters()}
    placing.by_position(looked_at)
    assert all(torch.equal(p, before[name]) for name, p in looked_at.model.named_parameters())
    assert looked_at.model.training


# -- claims and figures


def record(label: str, bits: float = 2.0, **more: Any) -> RunRecord:
    return fake_record(fake_arm(), 0, fake_scored([bits * 100], [100]), label=label, **more)


def test_parameters_beside_twice_those_of_adding() -> None:
    # 500 beside 2 x 200: 500 / 400 - 1 = 0.25.
    records = {
        ("added", 1.0): record("added", model={"n_parameters": 200}),
        ("concat-wide", 0.5): record("concat-wide", model={"n_parameters": 500}),
    }
    assert placing.doubling(records) == pytest.approx(0.25)
    assert placing.doubling({}) is None


def test_equal_arithmetic_is_read_off_between_budgets() -> None:
    # Adding has 4 bits at 1e9 FLOPs and 1 bit at 4e9. At 2e9, half of the way in logarithms, a straight line in
    # logarithms has sqrt(4 x 1) = 2 bits; the wide model has 2.5 there, so it is 0.5 worse. At 8e9 nothing is known.
    records = {
        ("added", 0.5): record("added", 4.0, flops=1e9),
        ("added", 2.0): record("added", 1.0, flops=4e9),
        ("concat-wide", 0.5): record("concat-wide", 2.5, flops=2e9),
        ("concat-wide", 1.0): record("concat-wide", 1.5, flops=8e9),
    }
    assert placing.wide_at_equal_flops(records) == pytest.approx(0.5)
    assert placing.wide_at_equal_flops({k: r for k, r in records.items() if k[0] == "added"}) is None


def test_the_lag_of_learned_positions_over_budgets() -> None:
    # It is 0.5 at the smallest budget and 0.2 at the largest: 0.3 less.
    bits = {("rope", 0.25): 3.0, ("learned", 0.25): 3.5, ("rope", 1.0): 2.0, ("learned", 1.0): 2.2}
    records = {key: record(key[0], value) for key, value in bits.items()}
    assert placing.learned_catching_up(records) == pytest.approx(-0.3)
    assert placing.learned_catching_up({k: r for k, r in records.items() if k[1] == 1.0}) is None


def test_reading_on_of_rotary_positions_at_the_largest_budget() -> None:
    records = {
        ("rope", 0.25): record("rope", measures={"excess": {"far": 9.0}}),
        ("rope", 1.0): record("rope", measures={"excess": {"far": 0.25}}),
    }
    assert placing.rope_far(records) == 0.25


def test_points_of_figures() -> None:
    one = record("learned", measures={"places": [[0.5, 2.0, 1.5], [3.75, None, 1.5]]})
    assert placing.read_points(one) == [(0.5, 2.0, "learned"), (3.75, None, "learned")]
    assert placing.excess_points(one) == [(0.5, 0.5, "learned"), (3.75, None, "learned")]


def test_the_rows_name_every_scheme_and_both_ways_to_join() -> None:
    schemes = {arm.model["position"] for name in ("positions", "add-or-concat") for arm in experiment(name).arms}
    assert schemes == {
        "learned", "sinusoidal", "rope", "alibi", "relative", "none", "concat-split", "concat-wide",
    }  # fmt: skip
