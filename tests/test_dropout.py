"""BPE-dropout: seeded, exact to decode, and dropping as often as it says."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import FULL
from tests.texts import byte_strings

from bpe_lab import ArgumentError, Tokenizer, sample, train
from bpe_lab.cli import main

KOREAN = "어제 산 사과나무에 벌써 꽃이 피었습니다. 내년에는 사과를 따 먹을 수 있을까요?"


def expected(merges: dict[tuple[int, int], tuple[int, int]], ids: list[int], p: float, rng: random.Random) -> list[int]:
    """Algorithm 1 of the paper, one merge a step, by the definition: draw for every occurrence at every step."""
    while True:
        found = [(*merges[pair], at) for at, pair in enumerate(pairwise(ids)) if pair in merges]
        kept = [occurrence for occurrence in found if rng.random() >= p]
        if not kept:
            return ids
        _, result, at = min(kept, key=lambda o: (o[0], o[2]))
        ids = [*ids[:at], result, *ids[at + 2 :]]


def test_the_distribution_is_that_of_the_paper_s_algorithm() -> None:
    """How often a word comes out in each of its cuts: here and by the definition, each with its own chance."""
    tokenizer = train(texts=["abcab" * 9 + "bcab" * 5 + "cab" * 3], vocab_size=261, pattern="none")
    by_id = [(a, b) for a, b in tokenizer._core.merges()]
    merges = {pair: (rank, 256 + rank) for rank, pair in enumerate(by_id)}
    base = [tokenizer.token_id(c) or 0 for c in "abcab"]
    n, rng = 40_000 if FULL else 8_000, random.Random(0)
    for p in (0.1, 0.5):
        theirs = Counter(tuple(expected(merges, base, p, rng)) for _ in range(n))
        ours = Counter(tuple(tokenizer.encode("abcab", dropout=p, seed=seed)) for seed in range(n))
        for cut in theirs.keys() | ours.keys():
            share = (theirs[cut] + ours[cut]) / (2 * n)
            bound = 5 * (2 * share * (1 - share) / n) ** 0.5  # five deviations of the difference of two shares
            assert abs(theirs[cut] - ours[cut]) / n <= bound, (p, cut, theirs[cut], ours[cut])


def test_the_ends_of_the_scale(small: Tokenizer) -> None:
    assert small.encode(KOREAN, dropout=0, seed=5) == small.encode(KOREAN)
    assert small.tokens(KOREAN) != [bytes([b]) for b in KOREAN.encode()]
    assert [small.token_bytes(i) for i in small.encode(KOREAN, dropout=1)] == [bytes([b]) for b in KOREAN.encode()]
    lengths = [len(small.encode(KOREAN * 20, dropout=p)) for p in (0, 0.1, 0.3, 0.6, 0.9, 1)]
    assert lengths == sorted(lengths) and len(set(lengths)) == 6


@pytest.mark.parametrize("name", ["trained", "o200k_base"])
def test_every_cut_decodes(name: str, request: pytest.FixtureRequest) -> None:
    tokenizer = (
        request.getfixturevalue("small") if name == "trained" else request.getfixturevalue("published")("o200k_base")
    )
    for seed, data in enumerate(byte_strings(20_000 if FULL else 1_000, seed=3)):
        ids = tokenizer.encode(data, dropout=(seed % 10) / 10, seed=seed)
        assert tokenizer.decode_bytes(ids) == data


def test_ranks_merge_whatever_spells_a_token(published: Callable[[str], Tokenizer]) -> None:
    """Where ranks rule, neighbours that spell a token merge, though no undisturbed encoding puts them side by side."""
    o200k = published("o200k_base")
    spelled = {token: i for i, token in o200k.vocab()}
    met = 0
    for seed in range(300):
        for piece in (" 안녕하세요", " internationalization", " 사과나무"):
            ids = o200k.encode(piece, dropout=0.3, seed=seed)
            met += ids != o200k.encode(piece)
            assert all(spelled[o200k.token_bytes(i)] == i for i in ids)
    assert met > 300


def test_a_document_is_cut_alike_wherever_it_stands(small: Tokenizer) -> None:
    texts = [d.text for d in sample.documents("ko")] + [KOREAN * 3000, "", KOREAN]
    ids, offsets = small.encode_batch(texts, dropout=0.1, seed=7, threads=1)
    for threads in (2, 5):
        again = small.encode_batch(texts, dropout=0.1, seed=7, threads=threads)
        assert np.array_equal(again[0], ids) and np.array_equal(again[1], offsets)
    for text, (start, end) in zip(texts, pairwise(offsets.tolist()), strict=True):
        assert np.array_equal(small.encode_array(text, dropout=0.1, seed=7), ids[start:end])
    assert not np.array_equal(small.encode_batch(texts, dropout=0.1, seed=8)[0], ids)
    assert small.decode_batch(ids, offsets) == [t.encode() for t in texts]


def test_documents_that_begin_alike_do_not_drop_alike(small: Tokenizer) -> None:
    firsts = {tuple(small.encode(f"사과나무에 꽃이 피었습니다. {n}", dropout=0.5)[:8]) for n in range(20)}
    assert len(firsts) > 10


def test_specials_stay_whole(small: Tokenizer) -> None:
    end = small.special_tokens["<|endoftext|>"]
    ids = small.encode(f"사과<|endoftext|>{KOREAN}", dropout=1, allowed_special="all")
    assert ids.count(end) == 1
    assert small.decode(ids) == f"사과<|endoftext|>{KOREAN}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": -0.1}, "from 0 to 1, got -0.1"),
        ({"dropout": 1.5}, "from 0 to 1, got 1.5"),
        ({"dropout": float("nan")}, "from 0 to 1, got NaN"),
        ({"dropout": "0.1"}, "must be a number"),
        ({"dropout": 0.1, "seed": -1}, "seed must be"),
        ({"dropout": 0.1, "seed": 1 << 64}, "seed must be"),
        ({"dropout": 0.1, "seed": 0.5}, "seed must be"),
    ],
)
def test_arguments_out_of_bounds(small: Tokenizer, options: dict[str, float], message: str) -> None:
    for encode in (small.encode, small.encode_array, lambda t, **o: small.encode_batch([t], **o)):
        with pytest.raises(ArgumentError, match=message):
            encode("사과", **options)  # type: ignore[operator]


@pytest.fixture
def saved(small: Tokenizer, tmp_path: Path) -> Iterator[Path]:
    small.save(tmp_path / "small.bpe")
    yield tmp_path / "small.bpe"


def test_the_command_line(small: Tokenizer, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["-t", str(saved), "--dropout", "0.3", "--seed", "4"]
    assert main(["encode", KOREAN, *options]) == 0
    ids = [int(word) for word in capsys.readouterr().out.split()]
    assert ids == small.encode(KOREAN, dropout=0.3, seed=4) != small.encode(KOREAN)
    assert main(["encode", KOREAN, "-t", str(saved), "--dropout", "1.1"]) == 2
    assert "must be from 0 to 1, got 1.1" in capsys.readouterr().err
