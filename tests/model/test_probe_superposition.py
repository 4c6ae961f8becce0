"""Two vectors in one: the exact expectation, probes against a slow twin, and matrices that act as glasses by design."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import small
import torch

from bpe_lab.cli import main
from bpe_lab.cli.exits import Exit
from bpe_lab.errors import UnsupportedError
from bpe_lab_model import checkpoint
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.probes import superposition as probe


def model(**config: object) -> GPT:
    shape = {"vocab_size": 300, "context_bytes": 64, "n_layers": 1, "n_heads": 2, "d_model": 32, "position": "learned"}
    return GPT(Config(**{**shape, **config})).eval()  # type: ignore[arg-type]


def test_the_expected_cosine_is_exact() -> None:
    """d = 1: always 1. On a circle 2/pi, on a sphere 1/2 (Archimedes), in four dimensions 4/(3 pi)."""
    exact = {1: 1.0, 2: 2 / math.pi, 3: 0.5, 4: 4 / (3 * math.pi)}
    assert {d: probe.expected_cosine(d) for d in exact} == pytest.approx(exact)
    assert round(probe.expected_cosine(768), 4) == 0.0288
    assert probe.expected_cosine(10**6) == pytest.approx(math.sqrt(2 / (math.pi * 10**6)), rel=1e-5)
    with pytest.raises(ValueError, match="at least 1 dimension, got 0"):
        probe.expected_cosine(0)


@pytest.mark.parametrize("d", probe.WIDTHS)
def test_random_vectors_come_to_it(d: int) -> None:
    found = probe.between(probe.directions(d, 400))
    assert found.mean == pytest.approx(probe.expected_cosine(d), rel=0.02)
    assert found.n_pairs == 400 * 399 / 2 and found.mean < found.largest <= 1


def test_cosines_between_rows_by_hand() -> None:
    """(1,0), (0,1), (1,1): cosines 0, 1/sqrt 2, 1/sqrt 2. Signs are dropped."""
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    assert probe.between(rows) == pytest.approx((math.sqrt(2) / 3, math.sqrt(0.5), 3))
    assert probe.between(rows[:1], rows[1:]) == pytest.approx((math.sqrt(0.5) / 2, math.sqrt(0.5), 2))


# The probe.


def slow_accuracy(x: np.ndarray, labels: np.ndarray, n_test: int) -> float:
    """Fisher's rule a vector at a time: the class whose mean is nearest, measured by the covariance inside classes."""
    told, its = x[:-n_test], labels[:-n_test]
    means = {c: told[its == c].mean(0) for c in sorted(set(its))}
    inside = np.array([row - means[c] for row, c in zip(told, its, strict=True)])
    inverse = np.linalg.inv(inside.T @ inside / len(told))
    right = 0
    for row, label in zip(x[-n_test:], labels[-n_test:], strict=True):
        distances = {c: (row - m) @ inverse @ (row - m) for c, m in means.items()}
        right += min(distances, key=lambda c: distances[c]) == label
    return right / n_test


def test_the_probe_is_its_slow_twin() -> None:
    draws = np.random.default_rng(1)
    labels = draws.integers(0, 6, 400)
    x = draws.standard_normal((6, 5))[labels] + 0.8 * draws.standard_normal((400, 5))
    fast, slow = probe.accuracy(torch.tensor(x), torch.tensor(labels), 100), slow_accuracy(x, labels, 100)
    assert fast == pytest.approx(slow, abs=0.011) and 0.4 < slow < 0.98


def test_labels_that_mean_nothing_are_told_by_chance() -> None:
    draws = torch.Generator().manual_seed(0)
    x, labels = torch.randn(4000, 8, generator=draws).double(), torch.randint(10, (4000,), generator=draws)
    assert probe.accuracy(x, labels, 1000) == pytest.approx(0.1, abs=0.04)


def test_more_dimensions_keep_token_and_position_apart() -> None:
    by_width = {d: next(probe.random_reads(d, (0.0,), 64, 32)) for d in (2, 8, 64)}
    assert by_width[2].token < 0.3 < by_width[8].token < 0.95 < by_width[64].token
    assert by_width[2].position < 0.4 and by_width[64].position > 0.95
    one = by_width[2]
    assert (one.n_tokens, one.n_positions, one.n_train + one.n_test) == (64, 32, 64 * 32)


def test_pairs_are_asked_that_were_not_learned() -> None:
    tokens, positions = probe.pairs(20, 10)
    assert len({*zip(tokens.tolist(), positions.tolist(), strict=True)}) == 200 == len(tokens)


def added(d: int = 32) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    tokens, positions = probe.pairs(64, 32)
    x = probe.directions(d, 64, name="token")[tokens] + probe.directions(d, 32, name="position")[positions]
    return x, tokens, positions


def test_without_noise_a_square_matrix_hides_nothing() -> None:
    x, tokens, positions = added()
    before = probe.read(x, tokens, positions, 0.0, "sum")
    after = probe.read(x @ probe.directions(32, 32, name="matrix"), tokens, positions, 0.0, "W")
    assert after.token == pytest.approx(before.token, abs=0.01) and after.position == pytest.approx(
        before.position, abs=0.01
    )


def test_a_matrix_that_drops_positions_is_seen_through() -> None:
    """Glasses by design: tokens live in the first 16 dimensions, positions in the others; the matrix passes the first."""
    tokens, positions = probe.pairs(64, 32)
    token_rows, position_rows = probe.directions(16, 64, name="token"), probe.directions(16, 32, name="position")
    x = torch.cat((token_rows[tokens], position_rows[positions]), 1)
    passes = torch.diag(torch.tensor([1.0] * 16 + [0.0] * 16))
    found = probe.read(x @ passes, tokens, positions, 0.1, "W")
    assert found.token > 0.95 and found.position < 0.1  # chance: 1 of 32
    dims = torch.diag(torch.tensor([1.0] * 16 + [0.02] * 16))
    clear, noisy = (probe.read(x @ dims, tokens, positions, noise, "W").position for noise in (0.0, 0.5))
    assert clear > 0.95 and noisy < 0.2  # turned down, and drowned by noise


# Of a model.


@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
def test_rows_add_up_to_what_the_model_reads(position: str) -> None:
    of = model(position=position)
    tokens, positions = probe.rows(of, [3, 7, 11], 40)
    places = torch.tensor([[0, 5, 39]])
    embedded = of.position.embed(of.embedding[[3, 7, 11]][None], places)[0]
    assert torch.allclose(tokens + positions[places[0]], embedded, atol=1e-6)


def test_what_is_read_behind_the_matrices_is_what_attention_makes() -> None:
    of = model()
    x = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    found = dict(probe._places(of, x, by_head=True))
    assert list(found) == ["sum", *(w + h for w in ("W_q", "W_k", "W_v") for h in ("", " head 1", " head 2"))]
    normed = of.blocks[0].norm_1(x)
    for at, name in enumerate(("W_q", "W_k", "W_v")):
        weight = of.blocks[0].attention.qkv.weight[32 * at : 32 * (at + 1)]
        assert torch.allclose(found[name], normed @ weight.T, atol=1e-6)
        assert torch.equal(found[f"{name} head 2"], found[name][:, 16:])


@pytest.mark.parametrize("position", ["rope", "alibi", "relative", "none", "concat-split", "concat-wide"])
def test_models_that_add_nothing_are_told_so(position: str) -> None:
    with pytest.raises(UnsupportedError, match=f"adds no position vectors.*position={position}"):
        list(probe.model_reads(model(position=position), [1, 2], 8))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("superposition")
    of = small.shards(folder / "shards")
    for position in ("learned", "rope"):
        about = {"fingerprint": of.fingerprint, "vocab_size": of.vocab_size}
        made = small.model(of, position=position, dropout_residual=0.0)
        checkpoint.save(folder / position, made, None, {"tokenizer": about}, of.tokenizer_path)
    return folder


def test_the_command(place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "WIDTHS", (2, 3))
    words = ["lm", "probe", "superposition"]
    sizes = ["--tokens", "40", "--positions", "20"]
    assert main([*words, *sizes]) == 0
    said = capfd.readouterr().out
    assert "expected mean" in said and "0.6366" in said and "0.5000" in said
    assert "chance: token 2.5 %, position 5 %; learned from 640 vectors, asked about 160 others" in said
    assert main([*words, str(place / "learned"), *sizes, "--json", "-q"]) == 0
    data = json.loads(capfd.readouterr().out)
    start, trained = data["models"]
    assert start["reads"] == trained["reads"]  # this one was never trained
    assert {one["place"] for one in trained["reads"]} == {"sum", "W_q", "W_k", "W_v"}
    assert main([*words, str(place / "learned"), *sizes, "--shards", str(place / "shards"), "--by-head"]) == 0
    assert "W_v head 2" in capfd.readouterr().out
    for more, message in (
        (["--by-head"], "--by-head is about a model"),
        (["--shards", str(place / "shards")], "--shards is about a model"),
        (["--tokens", "1"], "tokens are told apart from 2 on, got 1"),
        (["--positions", "1"], "positions are told apart from 2 on, got 1"),
    ):
        assert main([*words, *more]) == Exit.USAGE
        assert message in capfd.readouterr().err
    assert main([*words, str(place / "rope"), *sizes]) == Exit.UNSUPPORTED
    assert "with position=rope it turns queries and keys" in capfd.readouterr().err
