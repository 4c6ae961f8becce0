"""Rows drawn from names: shared by vocabularies, normal, fast, and different where they must be."""

import time

import numpy as np
import pytest
import torch

import bpe_lab
from bpe_lab import Tokenizer
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError
from bpe_lab_model.embedding import END_OF_TEXT, INITS, embedding_keys, hashes, normal, rows
from bpe_lab_model.gpt import GPT, Config

TEXT = "강물은 흐르고 우리는 강가를 걷는다. 강아지도 함께 걷는다. The river flows and we walk along it.\n" * 20


@pytest.fixture(scope="module")
def tokenizers() -> list[Tokenizer]:
    return [
        bpe_lab.train(texts=[TEXT], vocab_size=n, unit=unit)
        for n, unit in ((300, "byte"), (340, "byte"), (380, "jamo:filler"))
    ]


def keys_of(tokenizer: Tokenizer) -> list[bytes]:
    return embedding_keys(tokenizer, tokenizer.n_ids)


def test_two_vocabularies_share_the_rows_of_the_tokens_they_share(tokenizers: list[Tokenizer]) -> None:
    small, large = (keys_of(t) for t in tokenizers[:2])
    shared = [(small.index(key), large.index(key)) for key in set(small) & set(large)]
    assert len(shared) == 300  # the larger one goes on from the smaller: 256 bytes, 43 merges, the end of text
    assert any(i != j for i, j in shared)  # ids differ: the end of text comes last
    for init in ("byte-keyed", "mean-of-bytes"):
        a, b = rows(small, 24, 7, init), rows(large, 24, 7, init)
        for i, j in shared:
            assert (a[i] == b[j]).all()
        assert init != "byte-keyed" or len({row.tobytes() for row in b}) == len(large)
    by_number = [rows(keys, 24, 7, "normal") for keys in (small, large)]
    assert (by_number[0] == by_number[1][:300]).all()


def test_models_of_two_vocabularies_have_the_same_trunk(tokenizers: list[Tokenizer]) -> None:
    models = [GPT(Config(t.n_ids, 64, 2, 2, 32, position="learned", tied=False), keys_of(t)) for t in tokenizers[:2]]
    small, large = (dict(model.named_parameters()) for model in models)
    assert small.keys() == large.keys()
    for name in small.keys() - {"embedding", "head"}:
        assert torch.equal(small[name], large[name]), name
    for name in ("embedding", "head"):
        assert torch.equal(small[name][:256], large[name][:256])
        assert not small[name][300:].any()  # padding
    assert not torch.equal(small["embedding"][:256], small["head"][:256])


def test_another_seed_is_another_model_and_the_same_seed_the_same() -> None:
    a, b, c = (GPT(Config(300, 64, 1, 2, 32, seed=seed)).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a if "norm" not in name)


def test_the_global_generator_decides_nothing() -> None:
    torch.manual_seed(0)
    a = GPT(Config(300, 64, 1, 2, 32)).state_dict()
    torch.manual_seed(1)
    b = GPT(Config(300, 64, 1, 2, 32)).state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_keys_of_jamo_are_distinct_also_where_tokens_spell_the_same(tokenizers: list[Tokenizer]) -> None:
    tokenizer = tokenizers[2]
    spellings = [spelling for _, spelling in tokenizer.vocab()]
    assert len(set(spellings)) < len(spellings)  # else the test says nothing
    keys = keys_of(tokenizer)
    assert len(set(keys)) == len(keys) == tokenizer.n_ids


def test_the_end_of_text_has_one_key_everywhere(tokenizers: list[Tokenizer]) -> None:
    own = keys_of(tokenizers[0])[tokenizers[0].special_tokens[END_OF_TEXT]]
    bare = bpe_lab.train(texts=[TEXT], vocab_size=300, special_tokens=[])
    assert END_OF_TEXT not in bare.special_tokens
    added = embedding_keys(bare, bare.n_ids + 1)
    assert added[-1] == own == b"s:<|endoftext|>"
    assert len(embedding_keys(bare, bare.n_ids)) == bare.n_ids
    spelled = b"t:<|endoftext|>"  # a token of text that spells the name is another token
    assert spelled != own
    for n in (bare.n_ids - 1, bare.n_ids + 2):
        with pytest.raises(ArgumentError, match=f"got {n}"):
            embedding_keys(bare, n)


def test_a_candidate_gives_the_keys_of_its_tokenizer(tokenizers: list[Tokenizer]) -> None:
    for tokenizer in tokenizers:
        assert embedding_keys(Ours("x", tokenizer), tokenizer.n_ids) == keys_of(tokenizer)


def naive_row(key: bytes, width: int, seed: int, std: float) -> list[float]:
    """One row by the formulas: splitmix64 on Python's integers, Box-Muller in float64."""
    import hashlib
    import math

    salt = seed.to_bytes(16, "little")
    state = int.from_bytes(hashlib.blake2b(key, digest_size=8, salt=salt).digest(), "little")
    row: list[float] = []
    for j in range(1, (width + 1) // 2 + 1):
        z = (state + j * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        z ^= z >> 31
        u, v = ((z >> 40) + 0.5) / 2**24, (z % 2**24) / 2**24
        radius = std * math.sqrt(-2 * math.log(u))
        row += [radius * math.cos(2 * math.pi * v), radius * math.sin(2 * math.pi * v)]
    return row[:width]


@pytest.mark.parametrize("width", [1, 2, 7, 64])
def test_rows_equal_the_formulas(width: int) -> None:
    keys = [b"t:" + "강물".encode(), b"t:a", b""]
    got = rows(keys, width, 3, std=0.02)
    for key, row in zip(keys, got, strict=True):
        np.testing.assert_allclose(row, naive_row(key, width, 3, 0.02), atol=1e-7)


def test_numbers_are_normal_and_independent() -> None:
    x = normal(hashes([b"%d" % i for i in range(4000)], 0), 64, 1.0).astype(np.float64)
    n = x.size
    assert abs(x.mean()) < 5 / np.sqrt(n)
    assert abs(x.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 5 * np.sqrt(96 / n)
    within, across = np.corrcoef(x.T) - np.eye(64), np.corrcoef(x[:500]) - np.eye(500)
    assert abs(within).max() < 5 / np.sqrt(4000) and abs(across).max() < 6 / np.sqrt(64)


@pytest.mark.parametrize("init", INITS)
def test_each_start_is_what_it_says(init: str) -> None:
    keys = [b"t:a", b"t:b", b"t:ab", b"s:<|endoftext|>", b"t:"]
    table = rows(keys, 2000, 0, init, std=0.05)
    assert table.shape == (5, 2000) and table.dtype == np.float32
    if init == "zeros":
        assert not table.any()
    elif init == "constant":
        assert (table == np.float32(0.05)).all()
    else:
        assert table.std(1) == pytest.approx([0.05] * 5, rel=0.1)
    if init == "mean-of-bytes":
        np.testing.assert_allclose(table[2], (table[0] + table[1]) / np.sqrt(2), atol=1e-7)
        assert (table[:2] == rows(keys[:2], 2000, 0, std=0.05)).all()
    if init == "byte-keyed":
        assert abs(np.corrcoef(table) - np.eye(5)).max() < 0.12


def test_200_000_rows_take_about_a_second() -> None:
    """Told at 1/10 of the size: 20,000 rows of 256 in 0.1 s on one idle core; five times that is allowed."""
    keys = [b"t:%d" % i for i in range(20_000)]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        rows(keys, 256, 0)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5


def test_wrong_number_of_keys_is_said() -> None:
    with pytest.raises(ArgumentError, match="300, got 299"):
        GPT(Config(300, 64, 1, 2, 32), [b"t:%d" % i for i in range(299)])
