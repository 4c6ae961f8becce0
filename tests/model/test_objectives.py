"""What a model is to say: hidden tokens, damaged texts, and how `lm batch` shows them."""

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import bpe_lab
from bpe_lab.cli.app import main
from bpe_lab.errors import ArgumentError
from bpe_lab_model.cli.batching import NOT_SCORED
from bpe_lab_model.objectives import (
    DAMAGED_SHARE,
    OBJECTIVES,
    SHUFFLE_TOKENS,
    Objective,
    Row,
    canonical,
    extra_ids,
    extra_names,
    longest_row,
    n_damaged,
)
from bpe_lab_model.rows import IGNORE

V, EOS = 50, 49
MASK = SEPARATOR = V
MARK = V + 1


def row_of(name: str, tokens: list[int], seed: int = 0) -> Row:
    before = np.array([EOS, *tokens[:-1]])
    return Objective(name, V).row(before, np.array(tokens), EOS, np.random.default_rng(seed))


texts = st.lists(st.integers(0, EOS - 1), min_size=1, max_size=60)
rows = st.one_of(texts, texts.map(lambda t: [*t, EOS]), st.just([EOS]))


@given(rows, st.integers(0, 5))
def test_the_next_token(tokens: list[int], seed: int) -> None:
    row = row_of("clm", tokens, seed)
    assert row.inputs.tolist() == [EOS, *tokens[:-1]] and row.targets.tolist() == tokens and not row.prefix


@given(rows, st.integers(0, 1000))
def test_hidden_tokens_are_their_own_targets(tokens: list[int], seed: int) -> None:
    inputs, targets, prefix = row_of("mlm", tokens, seed)
    hidden = targets != IGNORE
    n = len(tokens) - (tokens[-1] == EOS)
    assert hidden.sum() == min(n, max(1, round(0.15 * n))) and prefix == 0
    assert (targets[hidden] == np.array(tokens)[hidden]).all() and not hidden[n:].any()
    assert (inputs[~hidden] == np.array(tokens)[~hidden]).all() and inputs.max() <= MASK


def test_of_ten_hidden_tokens_eight_are_masks_one_any_and_one_itself() -> None:
    """1,000 rows of 40 tokens hide 6,000; of those drawn at random 1 in 50 is the token itself. Bounds: five deviations."""
    tokens = list(range(40))
    kinds: Counter[str] = Counter()
    for seed in range(1000):
        inputs, targets, _ = row_of("mlm", tokens, seed)
        for i in np.flatnonzero(targets != IGNORE).tolist():
            kinds["mask" if inputs[i] == MASK else "same" if inputs[i] == tokens[i] else "other"] += 1
    n = 6000
    for kind, share in (("mask", 0.8), ("other", 0.1 * 49 / 50), ("same", 0.1 + 0.1 / 50)):
        assert abs(kinds[kind] / n - share) < 5 * (share * (1 - share) / n) ** 0.5, (kind, kinds[kind] / n)


@given(rows, st.integers(0, 1000), st.sampled_from([n for n in OBJECTIVES if n.startswith("seq2seq")]))
def test_only_the_text_behind_the_separator_is_scored(tokens: list[int], seed: int, name: str) -> None:
    inputs, targets, prefix = row_of(name, tokens, seed)
    assert inputs[prefix - 1] == SEPARATOR and (inputs == SEPARATOR).sum() == 1
    assert (targets[: prefix - 1] == IGNORE).all() and targets[prefix - 1 :].tolist() == tokens
    # The text is fed as it is said: the separator asks for the first token, each token for the next.
    assert inputs[prefix:].tolist() == tokens[:-1]
    assert EOS not in inputs[:prefix] and inputs.max() < V + extra_ids(name)
    assert len(inputs) <= longest_row(name, len(tokens))


def source_of(name: str, tokens: list[int], seed: int) -> list[int]:
    inputs, _, prefix = row_of(name, tokens, seed)
    return inputs[: prefix - 1].tolist()


@given(st.integers(1, EOS), st.integers(0, 1000))
def test_spans(n: int, seed: int) -> None:
    """Tokens are their places here, so what is lost can be read off: marks stand apart, each for a run, 15 % in all."""
    tokens = list(range(n))
    source = source_of("seq2seq:spans", tokens, seed)
    n_lost, n_spans = n_damaged(n), source.count(MARK)
    assert n_spans == max(1, round(n_lost / 3)) and len(source) - n_spans == n - n_lost
    assert all(not (a == MARK and b == MARK) for a, b in pairwise(source))
    at = 0
    for i, token in enumerate(source):
        if token != MARK:
            at += 1
            continue
        following = source[i + 1] if i + 1 < len(source) else None
        end = n if following is None else next(j for j in range(at + 1, n) if tokens[j] == following)
        assert end > at
        at = end
    assert at == n


@given(texts, st.integers(0, 1000))
def test_deleted_tokens(tokens: list[int], seed: int) -> None:
    source = source_of("seq2seq:delete", tokens, seed)
    rest = iter(tokens)
    assert all(token in rest for token in source)
    assert len(source) == len(tokens) - n_damaged(len(tokens))


@given(st.integers(1, 49), st.integers(0, 1000))
def test_shuffled_tokens_stay_near(n: int, seed: int) -> None:
    source = source_of("seq2seq:shuffle", list(range(n)), seed)
    assert sorted(source) == list(range(n))
    assert all(abs(i - token) <= SHUFFLE_TOKENS for i, token in enumerate(source))


def test_shuffling_moves_most_tokens() -> None:
    moved = [i != t for seed in range(200) for i, t in enumerate(source_of("seq2seq:shuffle", list(range(40)), seed))]
    assert 0.5 < sum(moved) / len(moved) < 0.9


@settings(max_examples=30)
@given(rows, st.sampled_from(OBJECTIVES))
def test_the_same_draws_give_the_same_row(tokens: list[int], name: str) -> None:
    one, two = row_of(name, tokens, 7), row_of(name, tokens, 7)
    assert (one.inputs == two.inputs).all() and (one.targets == two.targets).all()


def test_counts_of_targets_need_no_row() -> None:
    for name in OBJECTIVES:
        for n, ends in [(1, 0), (1, 1), (7, 0), (40, 1)]:
            tokens = [*range(n - ends), *[EOS] * ends]
            found = Objective(name, V).n_targets(np.array([n]), np.array([ends]))
            assert found.tolist() == [(row_of(name, tokens).targets != IGNORE).sum()]
    assert n_damaged(0) == 0 and n_damaged(1) == 1 and n_damaged(100) == round(100 * DAMAGED_SHARE)


def test_names_and_their_ids() -> None:
    assert [extra_ids(name) for name in OBJECTIVES] == [0, 1, 2, 1, 1]
    assert canonical("seq2seq") == "seq2seq:spans" and extra_names("seq2seq") == ("<sep>", "<mark>")
    with pytest.raises(ArgumentError, match=r"no objective 'gpt'\nhint: one of clm, mlm, seq2seq:spans"):
        canonical("gpt")


# -- bpe-lab lm batch

SENTENCE = "사과나무에 사과가 열렸다.\n값을 치렀다.\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    bpe_lab.train(texts=[SENTENCE] * 2, vocab_size=290).save("ko.bpe")
    bpe_lab.train(texts=[SENTENCE] * 2, vocab_size=330, unit="jamo").save("jamo.bpe")
    (tmp_path / "ko.txt").write_text(SENTENCE, encoding="utf-8")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(["lm", "batch", *argv]) == 0
    return capsys.readouterr().out


def shown(capsysbinary: pytest.CaptureFixture[bytes], *argv: str) -> Any:
    assert main(["lm", "batch", *argv, "--json"]) == 0
    return json.loads(capsysbinary.readouterr().out)


def test_inputs_stand_above_targets(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wide character takes two cells: 사과나무 (8) stands above 에 (2), so six more follow."""
    assert printed(capsys, "ko.txt", "-t", "ko.bpe", "--context", "16", "--batch", "1") == (
        "document 0, bytes 0-25: 3 inputs\n"
        "  input   <eos>     사과나무  에\n"
        "  target  사과나무  에        ␣사과가\n"
        "\n"
        "clm: 1 row, padded to 3 inputs; 3 targets scored; each target is the next input\n"
    )


def test_a_narrow_terminal_breaks_lines_between_columns(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = printed(capsys, "ko.txt", "-t", "jamo.bpe", "--objective", "mlm", "--batch", "1")
    lines = [line for line in out.splitlines()[:-1] if line.startswith("  ")]
    assert len(lines) > 4 and max(map(cell_len, lines)) <= 40
    assert NOT_SCORED in out and "<mask>" in out


@pytest.mark.parametrize("tokenizer", ["ko.bpe", "jamo.bpe"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_json_says_what_the_rows_hold(
    place: Path, objective: str, tokenizer: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    told = shown(capsysbinary, "ko.txt", "-t", tokenizer, "--objective", objective, "--batch", "9", "--context", "20")
    extra = {told["vocab_size"] + i: name for i, name in enumerate(extra_names(objective))}
    assert {v: k for k, v in told["extra_ids"].items()} == extra and told["objective"] == objective
    loaded = bpe_lab.Tokenizer.load(tokenizer)
    ids: list[int] = []
    for row in told["rows"]:
        assert len(row["inputs"]) == len(row["targets"])
        names = [cell["text"] for cell in row["inputs"] if cell["id"] in extra]
        assert names == [extra[cell["id"]] for cell in row["inputs"] if cell["id"] in extra]
        if objective == "clm":
            assert [c["text"] for c in row["inputs"][1:]] == [c["text"] for c in row["targets"][:-1]]
        if objective == "mlm":
            ids += [c["id"] if t is None else t["id"] for c, t in zip(row["inputs"], row["targets"], strict=True)]
            assert all(c["text"] != "<eos>" or c["id"] == told["eos"] for c in row["inputs"])
        else:
            ids += [t["id"] for t in row["targets"] if t]
    assert ids == [*loaded.encode(SENTENCE), told["eos"]]


def test_damaged_texts_show_tokens_as_they_stand_in_the_text(
    place: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A token that cuts a syllable is shown with the syllable it cuts there, also where it was moved."""
    (place / "cut.txt").write_text("닭값", encoding="utf-8")
    argv = ["cut.txt", "-t", "ko.bpe", "--objective", "seq2seq:shuffle"]
    row = shown(capsysbinary, *argv)["rows"][0]
    moved = sorted(cell["text"] for cell in row["inputs"][: row["prefix"] - 1])
    assert moved == sorted(cell["text"] for cell in row["targets"] if cell and cell["text"] != "<eos>")
    assert any("닭" in text for text in moved)


def test_shards_bring_their_tokenizer(place: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["shards", "ko.txt", "-t", "ko.bpe", "-o", "s", "--documents", "line", "-q"]) == 0
    assert main(["lm", "batch", "s", "-t", "jamo.bpe"]) == 3
    from_shards = shown(capsysbinary, "s")
    from_text = shown(capsysbinary, "ko.txt", "-t", "ko.bpe", "--documents", "line")
    assert from_shards == from_text and len(from_shards["rows"]) == 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "nothing to show"),
        (["ko.txt"], "which tokenizer?"),
        (["ko.txt", "-t", "ko.bpe", "--objective", "bert"], "no objective 'bert'"),
        (["ko.txt", "-t", "ko.bpe", "--stride", "65"], "stride_bytes must be from 1 to the context of 64"),
        (["no.txt", "-t", "ko.bpe"], "no.txt does not exist"),
    ],
)
def test_what_batch_refuses(place: Path, argv: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "batch", *argv]) in (2, 3)
    assert message in capsys.readouterr().err


def test_batch_needs_no_torch(place: Path) -> None:
    code = (
        "import sys; from bpe_lab.cli.app import main\n"
        "assert main(['lm', 'batch', 'ko.txt', '-t', 'ko.bpe', '--objective', 'mlm']) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
