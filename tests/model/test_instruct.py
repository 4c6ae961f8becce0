"""Fine-tuning on pairs: files, what is scored and what is not, answers asked for, saved models, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import bpe_lab
from bpe_lab.cli import main
from bpe_lab.cli.terminal import amount
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError, CorpusError, FormatError
from bpe_lab.shards import encode_split
from bpe_lab_model import bpb, checkpoint, instruct
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.generate import Speaker
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.instruct import AnswerIndex
from bpe_lab_model.lora import LoRA
from bpe_lab_model.pairs import Pairs, check_apart, divide_pairs, read_pairs, sample_pairs
from bpe_lab_model.rows import IGNORE
from bpe_lab_model.tuning import Effort
from bpe_lab_model.windows import Batch

ASKED = {"봄": "꽃이 핀다", "여름": "비가 온다", "가을": "잎이 진다", "겨울": "눈이 온다"}
PAIRS = Pairs("seasons", tuple(f"{k}에는?\n".encode() for k in ASKED), tuple(v.encode() for v in ASKED.values()))


@pytest.fixture(scope="module")
def candidate() -> Ours:
    return Ours("byte 300", bpe_lab.train(texts=[f"{k}에는? {v}" for k, v in ASKED.items()], vocab_size=300))


def made(candidate: Ours, **changes: object) -> GPT:
    shape = {"vocab_size": 300, "context_bytes": 64, "n_layers": 1, "n_heads": 2, "d_model": 16, **changes}
    return GPT(Config(**shape), embedding_keys(candidate, 300))  # type: ignore[arg-type]


def written(candidate: Ours, pairs: Pairs = PAIRS) -> AnswerIndex:
    split = encode_split(candidate, instruct._flat(pairs))
    return AnswerIndex(split, split.eos, 64)


def batch_of(index: AnswerIndex) -> Batch:
    ((_, windows),) = index.groups()
    return Batch(*map(torch.from_numpy, index.gather(windows)))


# -- pairs


def lines(path: Path, *rows: object) -> Path:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def test_reads_both_namings_and_named_fields(tmp_path: Path) -> None:
    expected = (("봄에는?\n".encode(),), ("꽃이 핀다".encode(),))
    for names, row in (
        ({}, {"prompt": "봄에는?", "answer": "꽃이 핀다"}),
        ({}, {"instruction": "봄에는?", "output": "꽃이 핀다", "id": 3}),
        ({"prompt": ["q"], "answer": "a"}, {"q": "봄에는?", "a": "꽃이 핀다"}),
    ):
        found = read_pairs(lines(tmp_path / "p.jsonl", row, row), **names)
        assert (found.prompts, found.answers, found.n_repeated) == (*expected, 1)
    two = {"instruction": "이어서 써라.", "input": "봄에는", "output": "꽃이 핀다"}
    bare = {"instruction": "인사해라.", "input": "", "output": "안녕하세요"}
    found = read_pairs(lines(tmp_path / "p.jsonl", two, bare), ["instruction", "input"], between=" => ")
    assert [p.decode() for p in found.prompts] == ["이어서 써라.\n봄에는 => ", "인사해라. => "]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 2 is no JSON object"),
        ('["봄"]', "line 2 is no JSON object"),
        ({"prompt": "봄에는?"}, "line 2: 'answer' is missing"),
        ({"prompt": " ", "answer": "꽃"}, "line 2: 'prompt' is empty"),
        ({"prompt": "봄", "answer": 3}, "line 2: 'answer' is no text but 3"),
        ('{"prompt": "\\ud800", "answer": "꽃"}', "line 2 holds a lone surrogate"),
    ],
)
def test_what_is_no_pair(tmp_path: Path, row: object, said: str) -> None:
    path = lines(tmp_path / "p.jsonl", {"prompt": "봄에는?", "answer": "꽃이 핀다"}, row)
    with pytest.raises(FormatError, match=said) as raised:
        read_pairs(path)
    assert raised.value.hint


def test_what_is_no_file_of_pairs(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is empty"):
        read_pairs(lines(tmp_path / "p.jsonl", ""))
    with pytest.raises(FormatError, match="has the fields q, a: which is the prompt"):
        read_pairs(lines(tmp_path / "p.jsonl", {"q": "봄", "a": "꽃"}))
    (tmp_path / "p.jsonl").write_bytes(b'{"prompt": "\xff"}')
    with pytest.raises(FormatError, match="is no UTF-8"):
        read_pairs(tmp_path / "p.jsonl")


def test_pairs_of_one_prompt_go_to_one_side() -> None:
    prompts = tuple(f"{i // 2}번은?\n".encode() for i in range(40))
    pairs = Pairs("x", prompts, tuple(f"답 {i}".encode() for i in range(40)))
    train, test = divide_pairs(pairs, 0.25)
    assert (len(train), len(test)) == (30, 10) and not set(train.prompts) & set(test.prompts)
    back = Pairs("x", pairs.prompts[::-1], pairs.answers[::-1])
    assert set(divide_pairs(back, 0.25)[1].prompts) == set(test.prompts)
    check_apart(train, test)
    with pytest.raises(CorpusError, match="1 prompts are both in x and in x"):
        check_apart(pairs, test.take([0]))
    with pytest.raises(CorpusError, match="has 1 different prompt"):
        divide_pairs(Pairs("x", prompts[:2], pairs.answers[:2]), 0.5)


def test_the_sample_asks_for_kinds_of_text() -> None:
    pairs = sample_pairs()
    assert len(pairs) > 250 and {"채팅".encode(), "조리법".encode()} < set(pairs.answers)


# -- what is scored


def test_only_answers_and_their_ends_are_targets(candidate: Ours) -> None:
    """The slow twin encodes prompt and answer apart and puts them behind each other."""
    index = written(candidate)
    expected = []
    for prompt, answer in zip(PAIRS.prompts, PAIRS.answers, strict=True):
        p, a = (candidate.encode_ends([text])[0].tolist() for text in (prompt, answer))
        expected.append(([index.eos, *p, *a], [*[IGNORE] * len(p), *a, index.eos]))
    found = [tuple(part.tolist() for part in index.row(i)) for i in range(len(index))]
    assert found == expected
    assert index.bytes_of().tolist() == [len(p + a) for p, a in zip(PAIRS.prompts, PAIRS.answers, strict=True)]


def test_prompts_as_targets_give_no_gradient(candidate: Ours) -> None:
    """In an untied head a row of logits gets its gradient from the places that are scored alone.

    Over the scored places, the gradient of row v sums p(v) - [target = v] times the hidden state; so it is that of the
    same hidden states with the answer's places alone, and changing which tokens stand as the prompts' targets changes
    nothing.
    """
    model, batch = made(candidate, tied=False), batch_of(written(candidate))
    scored = batch.targets != IGNORE
    assert not scored.all(1).any() and scored.any(1).all()
    model.loss(batch).backward()  # type: ignore[no-untyped-call]
    found = model.head.grad.clone()  # type: ignore[union-attr]
    hidden = model(batch.inputs)[scored].detach()
    head = model.head.detach().clone().requires_grad_()  # type: ignore[union-attr]
    torch.nn.functional.cross_entropy(hidden @ head[:300].t(), batch.targets[scored], reduction="sum").backward()
    torch.testing.assert_close(found[:300], head.grad[:300], atol=1e-4, rtol=1e-4)  # type: ignore[index]
    prompts_too = replace(batch, targets=torch.where(scored, batch.targets, batch.inputs))
    model.zero_grad()
    model.loss(prompts_too).backward()  # type: ignore[no-untyped-call]
    assert (model.head.grad - found).abs().max() > 0.1  # type: ignore[union-attr]


def test_a_row_that_only_prompts_would_ask_for_is_only_pushed_down(candidate: Ours) -> None:
    """Its target never stands in an answer, so no place says `more of it`: the bias of its logit falls by p alone."""
    model, index = made(candidate, tied=False), written(candidate)
    batch = batch_of(index)
    asked, said = set(batch.inputs.unique().tolist()), set(batch.targets.unique().tolist())
    (row, *_) = sorted(asked - said - {index.eos})
    hidden = model(batch.inputs)
    logits = model.logits(hidden)
    logits.retain_grad()
    nats = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORE, reduction="sum"
    )
    nats.backward()
    torch.testing.assert_close(nats.detach().double(), model.loss(batch).detach(), atol=1e-3, rtol=1e-5)
    places = batch.targets == IGNORE
    assert not logits.grad[places].any() and (logits.grad[~places][:, row] > 0).all()  # type: ignore[index]


def test_scores_are_those_of_the_answers(candidate: Ours) -> None:
    """The twin: log-softmax at the scored places of each row; bytes of the answers alone."""
    model, index = made(candidate).eval(), written(candidate)
    split = encode_split(candidate, instruct._flat(PAIRS))
    scored = instruct.answer_scores(model, split)
    for i in range(len(index)):
        inputs, targets = (torch.from_numpy(part) for part in index.row(i))
        with torch.no_grad():
            logs = model.logits(model(inputs[None])[0]).log_softmax(-1)
        at = targets != IGNORE
        assert scored.nats[i] == pytest.approx(-float(logs[at, targets[at]].sum()), abs=1e-4)
        assert (scored.bytes[i], scored.tokens[i]) == (len(PAIRS.answers[i]), int(at.sum()))
    joined, n_prompt = instruct.paired(split)
    assert np.sum(bpb.losses(model, joined, split.eos, 64)) > sum(scored.nats) and (n_prompt > 0).all()


# -- tuning


@pytest.fixture(scope="module")
def tuned(candidate: Ours) -> tuple[instruct.Outcome, GPT]:
    """A model that has learned the seasons by heart: what it is asked is what it was taught."""
    effort = Effort(epochs=80, lr=2e-2, bytes_per_step=128, evaluate_every=20)
    return instruct.tune(made(candidate), candidate, PAIRS, PAIRS, effort, shown=2)


def test_learns_to_answer(candidate: Ours, tuned: tuple[instruct.Outcome, GPT]) -> None:
    outcome, model = tuned
    assert (outcome.before.exact, outcome.after.exact) == (0, 1) and outcome.after.bpb < 0.5 < 2 < outcome.before.bpb
    assert outcome.after.said == tuple(ASKED.values())[:2]
    n_bytes = sum(map(len, PAIRS.prompts + PAIRS.answers))
    assert [n for n, _ in outcome.by_epoch] == sorted({n for n, _ in outcome.by_epoch})
    assert outcome.by_epoch[0] == (0, outcome.before.bpb) and outcome.by_epoch[-1][1] == outcome.after.bpb
    assert outcome.tuned.bytes >= 80 * n_bytes and len(outcome.by_epoch) >= 4
    speaker = Speaker(model, candidate)
    assert instruct.answers_exactly(speaker, PAIRS.prompts[0], PAIRS.answers[0])[0]
    beginning = PAIRS.answers[0][:-3]
    assert instruct.answers_exactly(speaker, PAIRS.prompts[0], beginning) == (False, beginning + PAIRS.answers[0][-3:])


def test_adapters_learn_too_and_the_start_stays(candidate: Ours) -> None:
    start = made(candidate)
    before = {name: p.clone() for name, p in start.state_dict().items()}
    effort = Effort(epochs=10, lr=3e-2, bytes_per_step=128, adapters=LoRA(4))
    outcome, model = instruct.tune(start, candidate, PAIRS, PAIRS, effort)
    assert outcome.after.bpb < outcome.before.bpb and outcome.tuned.n_trainable < outcome.tuned.n_parameters
    assert all(torch.equal(p, before[name]) for name, p in start.state_dict().items())
    assert set(model.state_dict()) == set(before) and torch.equal(model.embedding, start.embedding)


def test_long_pairs_are_left_out_and_told(candidate: Ours) -> None:
    long = Pairs("x", (*PAIRS.prompts, b"a" * 60), (*PAIRS.answers, b"bcde"))
    effort = Effort(epochs=1, bytes_per_step=128)
    assert instruct.tune(made(candidate), candidate, long, PAIRS, effort)[0].n_too_long == 1
    with pytest.raises(CorpusError, match="no pair on one side that is shorter than the model's 16 bytes"):
        instruct.tune(made(candidate, context_bytes=16), candidate, PAIRS, PAIRS, effort)
    with pytest.raises(ArgumentError, match="'two-way' does not go on"):
        instruct.tune(made(candidate, mask="two-way"), candidate, PAIRS, PAIRS, effort)


# -- the command


@pytest.fixture
def start(candidate: Ours, tmp_path: Path) -> Path:
    """A checkpoint of a model that has learned nothing."""
    candidate.tokenizer.save(tmp_path / "t.bpe")  # type: ignore[union-attr]
    state = {"tokenizer": {"fingerprint": candidate.fingerprint, "vocab_size": 300}}
    return checkpoint.save(tmp_path / "run", made(candidate), None, state, tmp_path / "t.bpe")


def test_command(start: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = lines(tmp_path / "p.jsonl", *({"prompt": f"{k}에는?", "answer": v} for k, v in ASKED.items()))
    argv = ["lm", "finetune", "instruct", str(start), "--data", str(data), "--epochs", "1", "--batch-bytes", "64"]
    assert main([*argv, "--lora", "2", "-o", str(tmp_path / "out")]) == 0
    said = capfd.readouterr()
    assert "3 pairs to train on, 1 pair held out" in said.err
    assert "answer BPB" in said.out and "LoRA 2" in said.out and "bytes seen" in said.out and "before:" in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"full", "lora-2"}
    n_bytes = sum(file.stat().st_size for file in (tmp_path / "out" / "full").iterdir())
    assert f"wrote {tmp_path / 'out' / 'full'} ({amount(n_bytes)})" in said.err
    asked = ["lm", "sample", str(tmp_path / "out" / "lora-2"), "봄에는?\n", "--greedy", "--bytes", "9"]
    assert main(asked) == 0
    capfd.readouterr()
    assert main([*argv, "--json", "--lora", "2", "--no-full", "--lora-layers", "attention"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["rows"]
    # qkv: 16 + 48, out: 16 + 16, rank 2; two numbers of 4 bytes for each
    assert (row["name"], row["trainable_parameters"], row["optimizer_bytes"]) == ("LoRA 2", 192, 1536)
    assert main([*argv, "--lora", "2", "--lora-lr", "1e30"]) == 0, "full tuning is shown without what diverges"
    said = capfd.readouterr()
    assert "LoRA 2: " in said.out and "warning: LoRA 2: " in said.err and "smaller --lr" in said.err


def test_what_the_result_would_replace_is_looked_at_first(
    start: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With --force a checkpoint is replaced; a run, the data, and a folder with more in it stand."""
    data = lines(tmp_path / "p.jsonl", {"prompt": "봄에는?", "answer": "비"}, {"prompt": "겨울에는?", "answer": "눈"})
    argv = ["lm", "finetune", "instruct", str(start), "--data", str(data), "--epochs", "1", "--force", "-o"]
    (start / "notes").write_text("mine")
    for more in ([], ["--lora", "2"]):
        for out in (start, data):
            assert main([*argv, str(out), *more]) == 3
            talk = capfd.readouterr().err
            assert "hint: choose another name" in talk and "answer BPB" not in talk
    assert (start / "notes").is_file() and data.is_file()
    for _ in range(2):
        assert main([*argv, str(tmp_path / "one")]) == 0
        assert main([*argv, str(tmp_path / "two"), "--lora", "2"]) == 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--test", "x.jsonl"], 2, "--test goes with --data"),
        (["--answer-field", "a"], 2, "name fields of --data"),
        (["--lora-lr", "0.1"], 2, "--lora-lr goes with --lora"),
        (["--no-full"], 2, "--no-full goes with --lora"),
        (["--lora", "17"], 2, "must be at most 16"),
        (["--lora", "0"], 2, "must be at least 1"),
        (["--between", "\udcff"], 2, "--between is no UTF-8"),
        (["--data", "nowhere.jsonl"], 3, "cannot read nowhere.jsonl"),
        (["--hold-out", "2"], 2, "between 0 and 1"),
    ],
)
def test_refused(more: list[str], code: int, said: str, start: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "finetune", "instruct", str(start), *more]) == code
    talk = capfd.readouterr().err
    assert said in talk and "hint: " in talk and "Traceback" not in talk
