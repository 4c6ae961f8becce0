"""Windows in bytes and the steps made of them: against an enumeration by definition, and the same for every tokenizer."""

import pickle
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

import bpe_lab
from bpe_lab import sample
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.shards import Shards, ShardSplit, encode_split, write_shards
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.objectives import OBJECTIVES, canonical, extra_ids, longest_row
from bpe_lab_model.rows import by_padded_size
from bpe_lab_model.windows import IGNORE, Batch, Step, TokenWindows, Window, WindowIndex, step_windows, steps

EOS = 9


class Document(NamedTuple):
    ids: list[int]
    ends: list[int]
    n_bytes: int


def document(lengths: Sequence[int], n_lost: int = 0) -> Document:
    """Return a document of tokens of these lengths; `n_lost` bytes at its end are in none, as with a tokenizer that loses text."""
    ends = list(accumulate(lengths))
    return Document([i % EOS for i in range(len(ends))], ends, (ends[-1] if ends else 0) + n_lost)


def split_of(documents: Sequence[Document]) -> ShardSplit:
    flat = [n for d in documents for n in np.diff([0, *d.ends]).tolist()]
    return ShardSplit(
        "train",
        np.array([i for d in documents for i in d.ids], np.uint16),
        np.array([e for d in documents for e in d.ends], np.uint32),
        np.array([0, *accumulate(len(d.ids) for d in documents)], np.uint64),
        np.array([0, *accumulate(d.n_bytes for d in documents)], np.uint64),
        np.array([hash((tuple(d.ids), d.n_bytes)) % 2**64 for d in documents], np.uint64),
        np.zeros(len(documents), np.uint16),
        ("",),
        EOS,
        EOS + 1,
        max([*flat, *(d.n_bytes - [0, 0, *d.ends][-2] for d in documents)]),  # the last token reaches to the end
        "",
    )


def rows_by_definition(d: Document, context: int, stride: int, evaluation: bool) -> list[tuple[list[int], list[int]]]:
    """Enumerate the windows of a document from the definition: the slow, obvious twin."""
    begins = [*[0, *d.ends][: len(d.ids)], d.n_bytes]
    tokens = [*d.ids, EOS]
    rows, scored, start = [], set(), 0
    while True:
        is_last = start + context >= d.n_bytes
        held = [j for j, begin in enumerate(begins) if start <= begin and (begin < start + context or is_last)]
        new = [j for j in held if not (evaluation and j in scored)]
        scored.update(held)
        if new:
            inputs = [EOS if j == 0 else tokens[j - 1] for j in held]
            rows.append((inputs, [tokens[j] if j in new else IGNORE for j in held]))
        if is_last:
            return rows
        start += stride


# Tokens of no byte are the escapes of jamo units; of one or two the parts of a syllable; a long one is a word.
lengths = st.lists(st.sampled_from([0, 1, 1, 1, 2, 2, 3, 3, 6, 17]), max_size=25)
documents = st.builds(document, lengths, st.sampled_from([0, 0, 0, 5]))
corpora = st.lists(documents, min_size=1, max_size=6)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int]:
    context = draw(st.integers(1, 24))
    return context, draw(st.integers(1, context))


@settings(max_examples=150, deadline=None)
@given(corpora, shapes(), st.booleans())
@example([document([1, 1, 6], 5)], (6, 6), False)
def test_windows_are_those_of_the_definition(corpus: list[Document], shape: tuple[int, int], evaluation: bool) -> None:
    index = WindowIndex(split_of(corpus), None, *shape, evaluation=evaluation)
    wanted = [row for d in corpus for row in rows_by_definition(d, *shape, evaluation)]
    found = [tuple(part.tolist() for part in index.row(i)) for i in range(len(index))]
    assert found == wanted
    if evaluation:
        scored = [t for _, targets in found for t in targets if t != IGNORE]
        assert len(scored) == sum(len(d.ids) + 1 for d in corpus)
    assert index.bytes_of().sum() == sum(d.n_bytes for d in corpus)
    grouped = [(index.gather(windows), numbers) for numbers, windows in index.groups(max_tokens=40)]
    assert sum(int((targets != IGNORE).sum()) for (_, targets), _ in grouped) == sum(
        t != IGNORE for _, targets in wanted for t in targets
    )
    assert all(inputs.size <= 40 or len(inputs) == 1 for (inputs, _), _ in grouped)


def test_a_korean_sentence_by_hand() -> None:
    """사과나무 is 12 bytes: 사과 (6), 나 (3), 무 (3). Windows of 8 bytes: [0, 8) holds 사과 and 나, [8, 16) holds 무 and the end.

    With a stride of 4 bytes: [0, 8), then [4, 12), which reaches the end, so the end of text belongs to it.
    """
    split = split_of([Document([1, 2, 3], [6, 9, 12], 12)])
    index = WindowIndex(split, None, 8)
    assert [index.window(i) for i in range(len(index))] == [Window(0, 0, 2, 0), Window(0, 2, 4, 0)]
    assert [tuple(map(list, index.row(i))) for i in range(2)] == [([EOS, 1], [1, 2]), ([2, 3], [3, EOS])]
    assert index.bytes_of().tolist() == [8, 4]
    index = WindowIndex(split, None, 8, evaluation=True)
    assert index.stride_bytes == 4 and [index.window(i) for i in range(len(index))] == [
        Window(0, 0, 2, 0),
        Window(0, 1, 4, 1),
    ]
    assert [tuple(map(list, index.row(i))) for i in range(2)] == [([EOS, 1], [1, 2]), ([1, 2, 3], [IGNORE, 3, EOS])]


def test_short_and_empty_documents_are_one_row() -> None:
    index = WindowIndex(split_of([document([]), document([3, 3])]), None, 6)
    assert [tuple(map(list, index.row(i))) for i in range(len(index))] == [([EOS], [EOS]), ([EOS, 0, 1], [0, 1, EOS])]


def test_an_index_holds_no_object_a_window() -> None:
    """200,000 documents, 400,000 windows: the index has 16 bytes a document (and some as much again while it is made)."""
    n = 200_000
    zeros = np.zeros(n, np.uint64)
    split = ShardSplit(
        "train", np.empty(0, np.uint16), np.empty(0, np.uint32), np.zeros(n + 1, np.uint64),
        np.arange(n + 1, dtype=np.uint64) * np.uint64(200), zeros, zeros.astype(np.uint16), ("",), EOS, EOS + 1, 1, "",
    )  # fmt: skip
    tracemalloc.start()
    index = WindowIndex(split, None, 100)
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index) == 2 * n and size < 17 * n and peak < 64 * n


@pytest.mark.parametrize(("context", "stride"), [(0, None), (8, 0), (8, 9)])
def test_wrong_shapes(context: int, stride: int | None) -> None:
    with pytest.raises(ArgumentError, match="must be"):
        WindowIndex(split_of([document([1])]), None, context, stride)


# -- steps

TEXTS = [d.text.encode() for d in sample.documents("ko")[:40]] + [b"", b"x", "가".encode()]


@pytest.fixture(scope="module")
def arms() -> list[ShardSplit]:
    """The same text by four tokenizers, one of them of jamo, whose tokens have no bytes at times."""
    texts = [t.decode() for t in TEXTS]
    makes: list[dict[str, Any]] = [
        {"vocab_size": 257},
        {"vocab_size": 900},
        {"vocab_size": 500, "unit": "jamo:nfd-alias"},
        {"vocab_size": 2000, "unit": "syllable:seen=2"},
    ]
    return [encode_split(Ours(str(i), bpe_lab.train(texts=texts, **make)), TEXTS) for i, make in enumerate(makes)]


def run(split: ShardSplit, context: int = 100, stride: int | None = None, **options: Any) -> list[Step]:
    options = {"bytes_per_step": 3000, "seed": 1, "epochs": 1.5, "max_tokens": 512} | options
    return list(steps(WindowIndex(split, None, context, stride), **options))


def rows_of(batch: Batch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return inputs and targets of each row without padding, packed rows taken apart."""
    found = []
    segments = torch.zeros_like(batch.inputs) if batch.segments is None else batch.segments
    for inputs, targets, segment in zip(batch.inputs, batch.targets, segments, strict=True):
        for s in segment.unique().tolist():
            scored = (segment == s) & (targets != IGNORE)
            end = int(scored.nonzero().max()) + 1 if scored.any() else 0
            here = (segment == s) & (torch.arange(len(inputs)) < end)
            if end:
                found.append((tuple(inputs[here].tolist()), tuple(targets[here].tolist())))
    return found


def rows_of_step(step: Step) -> Counter[Any]:
    return Counter(row for batch in step.batches for row in rows_of(batch))


def test_every_tokenizer_sees_the_same_bytes_in_the_same_step(arms: list[ShardSplit]) -> None:
    seen = []
    for split in arms:
        index = WindowIndex(split, None, 100)
        each = []
        for chosen in step_windows(index, 3000, 1, 0, 100_000):
            document, k = index.places(chosen.numbers)
            each.append((document.tolist(), (k * 100).tolist(), index.bytes_of(chosen.numbers).tolist()))
        seen.append(
            (
                each,
                [(step.n_bytes, step.epoch, step.bytes_seen) for step in run(split, epochs=None, total_bytes=100_000)],
            )
        )
    assert all(one == seen[0] for one in seen[1:])
    assert len(seen[0][0]) > 25


def test_an_epoch_is_every_window_once(arms: list[ShardSplit]) -> None:
    for split in arms:
        found = sum((rows_of_step(step) for step in run(split, epochs=1)), Counter())
        index = WindowIndex(split, None, 100)
        wanted = Counter(tuple(tuple(part.tolist()) for part in index.row(i)) for i in range(len(index)))
        # Windows without bytes that come last in the order belong to the first step of the next epoch.
        missing = wanted - found
        assert not found - wanted and set(missing) <= {((split.eos,), (split.eos,))}
        assert sum(step.n_targets for step in run(split, epochs=1)) == sum(len(t) * n for (_, t), n in found.items())


def test_epochs_and_seeds_differ_and_the_order_of_documents_does_not_matter(arms: list[ShardSplit]) -> None:
    first, other = run(arms[1], epochs=1), run(arms[1], epochs=1, seed=2)
    second = run(arms[1], epochs=2)[len(first) :]
    assert rows_of_step(first[0]) != rows_of_step(other[0]) and rows_of_step(first[0]) != rows_of_step(second[1])
    candidate = Ours("x", bpe_lab.train(texts=[t.decode() for t in TEXTS], vocab_size=900))
    turned = run(encode_split(candidate, TEXTS[::-1]), epochs=1)
    assert [rows_of_step(step) for step in turned] == [rows_of_step(step) for step in first]


def test_steps_are_full_and_batches_bounded(arms: list[ShardSplit]) -> None:
    found = run(arms[2], epochs=None, total_bytes=50_000)
    assert all(3000 <= step.n_bytes < 3100 for step in found[:-1]) and 50_000 <= found[-1].bytes_seen < 50_100
    for step in found:
        assert step.n_bytes == sum(batch.n_bytes for batch in step.batches)
        assert step.n_targets == sum(batch.n_targets for batch in step.batches)
        for batch in step.batches:
            B, T = batch.inputs.shape
            assert B * T <= 512 or B == 1
            padding = (batch.targets == IGNORE).int()
            assert (padding.diff(dim=1) >= 0).all() and (padding[:, 0] == 0).all()


same = dict.fromkeys(("inputs", "targets", "segments", "positions", "prefix"))


def assert_equal(a: list[Step], b: list[Step]) -> None:
    assert [(s.n_bytes, s.n_targets, s.epoch, s.bytes_seen) for s in a] == [
        (s.n_bytes, s.n_targets, s.epoch, s.bytes_seen) for s in b
    ]
    for x, y in zip(a, b, strict=True):
        for one, two in zip(x.batches, y.batches, strict=True):
            for name in same:
                p, q = getattr(one, name), getattr(two, name)
                assert (p is None and q is None) or torch.equal(p, q), name


@pytest.mark.parametrize("objective", ["clm", "mlm", "seq2seq:spans"])
@pytest.mark.parametrize("stride", [None, 40])
def test_a_run_that_is_resumed_goes_on_as_it_would_have(
    arms: list[ShardSplit], objective: str, stride: int | None
) -> None:
    whole = run(arms[1], stride=stride, epochs=2.3, objective=objective)
    for cut in (0, 3, len(whole) // 2, len(whole) - 2):
        rest = run(arms[1], stride=stride, epochs=2.3, objective=objective, start_bytes=whole[cut].bytes_seen)
        assert_equal(rest, whole[cut + 1 :])


@settings(max_examples=60, deadline=None)
@given(corpora.filter(lambda c: any(d.n_bytes for d in c)), shapes(), st.integers(1, 60), st.data())
def test_any_run_can_be_resumed_anywhere(
    corpus: list[Document], shape: tuple[int, int], size: int, data: st.DataObject
) -> None:
    """Empty documents, tokens longer than a window and steps over several epochs included."""
    index = WindowIndex(split_of(corpus), None, *shape)
    whole = list(steps(index, size, 0, total_bytes=3 * index.n_bytes))
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert_equal(
        list(steps(index, size, 0, total_bytes=3 * index.n_bytes, start_bytes=whole[cut].bytes_seen)), whole[cut + 1 :]
    )


@pytest.mark.parametrize("objective", ["clm", "mlm", "seq2seq:shuffle"])
@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_out_what_one_process_would_see(arms: list[ShardSplit], world: int, objective: str) -> None:
    alone = run(arms[1], objective=objective)
    ranks = [run(arms[1], objective=objective, rank=rank, world=world) for rank in range(world)]
    for step, *shares in zip(alone, *ranks, strict=True):
        assert all(
            (s.n_bytes, s.n_targets, s.bytes_seen) == (step.n_bytes, step.n_targets, step.bytes_seen) for s in shares
        )
        assert sum((rows_of_step(s) for s in shares), Counter()) == rows_of_step(step)
        assert sum(b.n_bytes for s in shares for b in s.batches) == step.n_bytes
        n_tokens = [sum(b.inputs.numel() for b in s.batches) for s in shares]
        assert max(n_tokens) < 2 * min(n_tokens)


@pytest.mark.parametrize("objective", ["clm", "mlm"])
def test_packing_changes_no_row(arms: list[ShardSplit], objective: str) -> None:
    plain = run(arms[1], context=300, objective=objective)
    packed = run(arms[1], context=300, objective=objective, pack=True)
    assert [rows_of_step(s) for s in packed] == [rows_of_step(s) for s in plain]
    assert [s.n_targets for s in packed] == [s.n_targets for s in plain]
    for batch in (b for s in packed for b in s.batches):
        assert batch.segments is not None and batch.positions is not None
        begins = torch.cat([torch.ones_like(batch.segments[:, :1]), batch.segments.diff(dim=1)], 1) > 0
        assert (batch.positions[begins] == 0).all()
        assert (batch.positions.diff(dim=1)[~begins[:, 1:]] == 1).all()


def cheapest(lengths: list[int], max_tokens: int, cost: int) -> int:
    """The cost of the best cut, by trying every first group."""
    if not lengths:
        return 0
    sizes = [n for n in range(1, len(lengths) + 1) if n == 1 or lengths[0] * n <= max_tokens]
    return min(lengths[0] * n + cost + cheapest(lengths[n:], max_tokens, cost) for n in sizes)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9), st.integers(1, 200), st.integers(1, 100))
def test_rows_are_cut_into_the_cheapest_batches(lengths: list[int], max_tokens: int, cost: int) -> None:
    lengths.sort(reverse=True)
    groups = list(by_padded_size(np.array(lengths), max_tokens, cost))
    assert [i for group in groups for i in range(len(lengths))[group]] == list(range(len(lengths)))
    found = [lengths[group] for group in groups]
    assert all(len(rows) == 1 or rows[0] * len(rows) <= max_tokens for rows in found)
    assert sum(rows[0] * len(rows) + cost for rows in found) == cheapest(lengths, max_tokens, cost)


def test_short_rows_are_not_padded_to_long_ones() -> None:
    """By hand, 96 places a batch: 2 x 240 + 96 and 30 x 15 + 96 are 1,122; all 32 rows in one are 7,776."""
    assert list(by_padded_size(np.array([240] * 2 + [15] * 30), 8192, 96)) == [slice(0, 2), slice(2, 32)]


def test_packing_saves_room_where_documents_are_short() -> None:
    """Lines of 1 to 40 bytes: in few batches, padded to the longest of each, they take a third more."""
    split = split_of([document([1] * n) for n in range(1, 41)] * 3)
    n_places = {}
    for pack in (False, True):
        found = list(
            steps(WindowIndex(split, None, 64), 1000, 0, epochs=1, max_tokens=2048, pack=pack, batch_cost=2048)
        )
        n_places[pack] = sum(b.inputs.numel() for s in found for b in s.batches)
        assert sum(s.n_targets for s in found) == 3 * sum(range(2, 42))
    assert n_places[True] < 0.75 * n_places[False]


def test_what_steps_refuse(arms: list[ShardSplit]) -> None:
    index = WindowIndex(arms[0], None, 100)
    ok: dict[str, Any] = {"bytes_per_step": 3000, "seed": 0, "epochs": 1}
    for wrong, message in (
        ({"bytes_per_step": 0}, "bytes_per_step must be at least 1, got 0"),
        ({"rank": 2, "world": 2}, "rank must be from 0 to 1, got 2"),
        ({"total_bytes": 5}, "one of total_bytes and epochs"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"start_bytes": -1}, "start_bytes must be at least 0"),
        ({"start_bytes": 1}, "1 bytes into its epoch, where no window does"),
        ({"objective": "seq2seq", "pack": True}, "rows of seq2seq cannot be packed"),
        ({"objective": "bert"}, "no objective 'bert'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            next(steps(index, **(ok | wrong)))
    with pytest.raises(CorpusError, match="0 bytes of text"):
        next(steps(WindowIndex(split_of([document([])]), None, 8), 5, 0, epochs=1))


# -- a Dataset


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> ShardSplit:
    tokenizer = bpe_lab.train(texts=[t.decode() for t in TEXTS], vocab_size=900)
    folder = tmp_path_factory.mktemp("shards") / "s"
    write_shards(folder, Ours("x", tokenizer), {"train": TEXTS})
    return Shards.open(folder).split("train")


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_data_loader_with_workers_gives_what_the_dataset_gives(on_disk: ShardSplit, objective: str) -> None:
    windows = TokenWindows(on_disk, context_bytes=80, stride_bytes=60, objective=objective, seed=3)
    loader = DataLoader(windows, 16, num_workers=2, collate_fn=TokenWindows.collate)
    for start, batch in islice(zip(range(0, len(windows), 16), loader, strict=False), 5):
        wanted = TokenWindows.collate([windows[i] for i in range(start, start + 16)])
        assert torch.equal(batch.inputs, wanted.inputs) and torch.equal(batch.targets, wanted.targets)
        assert (batch.prefix is not None) == objective.startswith("seq2seq")
        assert int(batch.inputs.max()) < on_disk.vocab_size + extra_ids(objective)
        assert batch.inputs.shape[1] <= longest_row(objective, 80)


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name.startswith("seq2seq")])
def test_no_place_of_a_batch_sees_the_text_it_is_to_restore(on_disk: ShardSplit, objective: str) -> None:
    """The leak test from shards to hidden states: a prefix longer by one would show the first token to its place."""
    windows = TokenWindows(on_disk, context_bytes=24, objective=objective)
    of_dataset = TokenWindows.collate([windows[i] for i in range(3)])
    of_steps = next(steps(windows.index, 200, 0, epochs=1, objective=objective)).batches[0]
    rows = on_disk.vocab_size + extra_ids(objective)
    model = GPT(Config(rows, longest_row(objective, 24), 2, 2, 16, mask="prefix", init_std=0.5)).eval()
    for batch in (of_dataset, of_steps):
        assert batch.prefix is not None
        with torch.no_grad():
            before = model(batch.inputs, prefix=batch.prefix)
            for place in range(batch.inputs.shape[1] - 1):
                if (asked := batch.targets[:, place] != IGNORE).any():
                    changed = batch.inputs.clone()
                    changed[:, place + 1] = (changed[:, place + 1] + 1) % rows
                    after = model(changed, prefix=batch.prefix)
                    assert torch.equal(after[asked, : place + 1], before[asked, : place + 1]), place


def test_padding_that_could_be_read_both_ways_is_set_apart(on_disk: ShardSplit) -> None:
    windows = TokenWindows(on_disk, context_bytes=80, objective="mlm")
    rows = [windows[i] for i in range(8)]
    batch = TokenWindows.collate(rows)
    assert batch.segments is not None and batch.segments.max() == 1
    assert (batch.segments == 0).sum(dim=1).tolist() == [len(row["inputs"]) for row in rows]


def test_a_dataset_is_small_and_new_every_epoch(on_disk: ShardSplit) -> None:
    windows = TokenWindows(on_disk, context_bytes=80, objective="mlm")
    assert len(pickle.dumps(windows)) < 20_000
    before = windows[5]["inputs"]
    assert torch.equal(before, windows[5]["inputs"])
    windows.set_epoch(1)
    assert not torch.equal(before, windows[5]["inputs"])
    with pytest.raises(IndexError):
        windows[len(windows)]


def test_steps_and_dataset_damage_alike(on_disk: ShardSplit) -> None:
    index = WindowIndex(on_disk, None, 80)
    windows = TokenWindows(on_disk, context_bytes=80, objective="seq2seq:delete", seed=4)
    wanted = Counter(tuple(windows[i]["inputs"].tolist()) for i in range(len(windows)))
    found = Counter(
        row[0]
        for step in steps(index, 3000, 4, epochs=1, objective="seq2seq:delete")
        for b in step.batches
        for row in rows_of(b)
    )
    assert sum((wanted - found).values()) <= 1 and not found - wanted


def test_names_of_objectives() -> None:
    assert [canonical(name) for name in ("clm", "seq2seq")] == ["clm", "seq2seq:spans"]


def test_no_folder_is_named(on_disk: ShardSplit, tmp_path: Path) -> None:
    assert on_disk.folder is not None and pickle.loads(pickle.dumps(on_disk)).folder == on_disk.folder
