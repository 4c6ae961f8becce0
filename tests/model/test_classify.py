"""Fine-tuning to classify: labelled files, windows with a label, padding, accuracy, saved models, and the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import bpe_lab
from bpe_lab.cli import main
from bpe_lab.cli.terminal import Terminal
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, FormatError
from bpe_lab.shards import encode_split
from bpe_lab_model import checkpoint, classify, cost
from bpe_lab_model.classify import Arm, Classifier, LabelIndex, Outcome, Plan
from bpe_lab_model.cli.adapting import each
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.labelled import Labelled, check_apart, divide, read_labelled, registers
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.rows import IGNORE
from bpe_lab_model.windows import Batch

GOOD = ["밥이 맛있고 따뜻하다", "국물이 시원하고 좋다", "친절하고 깨끗하다", "또 오고 싶은 집이다", "양이 많고 싸다"]
BAD = ["너무 짜서 못 먹겠다", "한 시간을 기다렸다", "자리가 좁고 시끄럽다", "값이 비싸고 불친절하다", "다시는 안 간다"]
REVIEWS = Labelled("reviews", tuple(t.encode() for t in GOOD + BAD), ("good",) * 5 + ("bad",) * 5)
SMALL = Config(vocab_size=1, context_bytes=32, n_layers=1, n_heads=2, d_model=16)


@pytest.fixture(scope="module")
def candidate() -> Ours:
    return Ours("byte 300", bpe_lab.train(texts=GOOD + BAD, vocab_size=300))


def made(candidate: Ours, mask: str = "causal", **changes: Any) -> Classifier:
    """A classifier whose layer over labels says something."""
    torch.manual_seed(1)
    model = Classifier(Config(**{**vars(SMALL), "vocab_size": 300, "mask": mask, **changes}), ("a", "b", "c"))
    torch.nn.init.normal_(model.classes.weight)
    return model.eval()


# -- labelled texts


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", CorpusError, "l.tsv is empty"),
        ("좋음\t맛있다\n나쁨 맛없다\n".encode(), FormatError, "line 2 has no TAB"),
        ("좋음\t맛있다\n\t맛없다\n".encode(), FormatError, "line 2 has no label"),
        ("좋음\t \n".encode(), FormatError, "line 1 has no text"),
        ("좋음\t맛있다\n\n".encode(), FormatError, "line 2 has no TAB"),
        (b"\xff\tabc\n", FormatError, "line 1: the label is no UTF-8"),
        (
            "좋음\t맛있다\n나쁨\t맛있다\n".encode(),
            FormatError,
            "line 2: the text of line 1 again, there '좋음', here '나쁨'",
        ),
    ],
)
def test_what_is_no_labelled_file(tmp_path: Path, content: bytes, error: type[BpeLabError], said: str) -> None:
    path = tmp_path / "l.tsv"
    path.write_bytes(content)
    with pytest.raises(error, match=said) as raised:
        read_labelled(path)
    assert raised.value.hint


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "l.tsv"
    path.write_bytes("\ufeff좋음\t맛\t있다\r\n나쁨\t맛없다\n좋음\t맛\t있다\n".encode())
    data = read_labelled(path)
    assert (data.texts, data.labels, data.n_repeated) == (("맛\t있다".encode(), "맛없다".encode()), ("좋음", "나쁨"), 1)


@pytest.mark.parametrize(
    ("labels", "said"),
    [(("a",) * 10, "has one label, 'a'"), (("a",) * 9 + ("b",), "has one text of 'b'")],
)
def test_what_cannot_be_divided(labels: tuple[str, ...], said: str) -> None:
    with pytest.raises(CorpusError, match=said):
        divide(Labelled("x", REVIEWS.texts, labels), 0.2)


@settings(max_examples=50, deadline=None)
@given(
    texts=st.lists(st.binary(min_size=1, max_size=8), min_size=4, max_size=40, unique=True),
    share=st.floats(0.01, 0.99),
    order=st.randoms(use_true_random=False),
)
def test_each_label_is_on_both_sides_and_order_changes_nothing(texts: list[bytes], share: float, order: Any) -> None:
    labels = ["a" if i % 2 else "b" for i in range(len(texts))]
    train, test = divide(Labelled("x", tuple(texts), tuple(labels)), share)
    assert train.kinds == test.kinds == ("a", "b")
    assert sorted(train.texts + test.texts) == sorted(texts)
    rows = list(zip(texts, labels, strict=True))
    order.shuffle(rows)
    shuffled = divide(Labelled("x", *map(tuple, zip(*rows, strict=True))), share)  # type: ignore[arg-type]
    assert set(shuffled[1].texts) == set(test.texts)
    for kind in "ab":
        n, held = labels.count(kind), test.labels.count(kind)
        assert held == min(max(1, round(share * n)), n - 1)


def test_a_test_of_its_own_shares_no_text_and_no_new_label() -> None:
    train, test = divide(REVIEWS, 0.2)
    check_apart(train, test)
    with pytest.raises(CorpusError, match="2 texts are both in reviews and in reviews"):
        check_apart(REVIEWS, test)
    with pytest.raises(CorpusError, match="labels that reviews does not: 'c'"):
        check_apart(train, Labelled("t", (b"new",), ("c",)))


def test_the_sample_has_its_registers() -> None:
    data = registers()
    assert len(data) == len(set(data.texts)) and len(data.kinds) == 10 and "news" in data.kinds


# -- windows and the model


@pytest.mark.parametrize("context", [1, 7, 20, 1000])
def test_windows_carry_the_label_at_their_last_place(candidate: Ours, context: int) -> None:
    """The slow twin walks the tokens: a window holds those that begin in its bytes, and the last has the label."""
    split = encode_split(candidate, REVIEWS.texts, domains=REVIEWS.labels)
    index = LabelIndex(split, split.eos, context)
    expected = []
    for text, label in zip(REVIEWS.texts, REVIEWS.labels, strict=True):
        ids, ends, _ = candidate.encode_ends([text])
        begins = [0, *ends.tolist()]
        whole = [split.eos, *ids.tolist()]  # inputs: each token's target is the next
        for start in range(0, len(text), context):
            inside = [
                i
                for i, begin in enumerate(begins)
                if start <= begin < start + context or (begin == len(text) and start + context >= len(text))
            ]
            if inside:
                expected.append(([whole[i] for i in inside], split.domains.index(label)))
    found = []
    for i in range(len(index)):
        inputs, targets = index.row(i)
        assert (targets[:-1] == IGNORE).all()
        found.append((inputs.tolist(), int(targets[-1])))
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("mask", ["causal", "two-way"])
@pytest.mark.parametrize("position", ["rope", "learned", "alibi"])
def test_padding_changes_nothing(candidate: Ours, mask: str, position: str) -> None:
    model = made(candidate, mask, position=position)
    split = encode_split(candidate, REVIEWS.texts, domains=REVIEWS.labels)
    index = LabelIndex(split, split.eos, 32)
    with torch.no_grad():
        padded = {}
        for numbers, windows in index.groups():
            inputs, targets = map(torch.from_numpy, index.gather(windows))
            assert (targets[:, -1] == IGNORE).any(), "some rows are padded"
            padded |= dict(zip(numbers.tolist(), model.classify(Batch(inputs, targets)), strict=True))
        for i in range(len(index)):
            inputs, targets = (torch.from_numpy(part)[None] for part in index.row(i))
            torch.testing.assert_close(
                padded[index.number(i)], model.classify(Batch(inputs, targets))[0], atol=1e-5, rtol=0
            )


def test_a_decoder_reads_the_last_place_and_an_encoder_the_mean(candidate: Ours) -> None:
    inputs, targets = torch.tensor([[5, 6, 7]]), torch.tensor([[IGNORE, IGNORE, 1]])
    for mask, pool in (("causal", lambda h: h[:, -1]), ("two-way", lambda h: h.mean(1))):
        model = made(candidate, mask)
        with torch.no_grad():
            expected = model.classes(pool(model(inputs))).log_softmax(-1)
            torch.testing.assert_close(model.classify(Batch(inputs, targets)), expected)
            torch.testing.assert_close(model.loss(Batch(inputs, targets)), -expected[0, 1].double())


def test_a_fresh_layer_finds_all_labels_equally_likely(candidate: Ours) -> None:
    model = Classifier(Config(**{**vars(SMALL), "vocab_size": 300}), ("a", "b", "c", "d"))
    batch = Batch(torch.tensor([[5, 6]]), torch.tensor([[IGNORE, 2]]))
    assert float(model.loss(batch).detach()) == pytest.approx(np.log(4))


def test_predictions_weigh_windows_by_their_bytes(candidate: Ours) -> None:
    model = made(candidate)
    text = "한 시간을 기다렸다가 그냥 나왔다".encode()  # 46 bytes: windows of 32 bytes and of 14
    split = encode_split(candidate, [text])
    index = LabelIndex(split, split.eos, 32)
    n = index.bytes_of().tolist()
    assert n == [32, 14]
    with torch.no_grad():
        rows = [
            model.classify(Batch(*(torch.from_numpy(part)[None] for part in index.row(i))))[0].numpy() for i in (0, 1)
        ]
    expected = (n[0] * rows[0] + n[1] * rows[1]) / len(text)
    np.testing.assert_allclose(classify.predict(model, split)[0], expected, atol=1e-5)


def test_flops_by_hand(candidate: Ours) -> None:
    """One layer of width 16, forward: 2 FLOPs a parameter and token, 2 L d T for attention, the head left out.

    Block: attention 4 x 16^2 = 1,024, MLP 8 x 16^2 = 2,048, three norms of 16: 3,120. Ten tokens:
    10 x (2 x 3,120 + 2 x 16 x 10) = 65,600; three labels: 2 x 16 x 3 = 96.
    """
    assert cost.parameters(made(candidate).config)["block"] == 3120
    assert made(candidate).flops(10) == 65_600 + 96


def test_an_untied_head_is_not_trained(candidate: Ours) -> None:
    tied, free = made(candidate), made(candidate, tied=False)
    assert free.n_trainable == tied.n_trainable and free.head is not None and not free.head.requires_grad


# -- accuracy


def outcome(truth: list[int], said: list[list[int]], majority: int = 0) -> Outcome:
    return Outcome(
        "x", "scratch", "decoder", ("a", "b"), np.array(truth), np.array(said), majority, 9, 1, 1, 1.0, 1.0, 1.0
    )


def test_accuracy_by_hand() -> None:
    o = outcome([0, 0, 0, 1], [[0, 0, 1, 1], [0, 0, 0, 0]])
    assert o.accuracies == [0.75, 0.75] and o.majority_accuracy == 0.75
    assert o.confusion.tolist() == [[5, 1], [1, 1]]
    # Seeds agree, so the interval over texts is the wider: Wilson, p = 3/4, n = 4, z^2 = 3.8415:
    # (0.75 + 0.4802 -+ 1.96 sqrt(0.1875/4 + 3.8415/64)) / 1.9604 = 0.3006, 0.9544.
    assert o.interval == (pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4))


def test_seeds_that_differ_widen_the_interval() -> None:
    # Shares 1 and 0.5: 0.75 -+ 12.706 x 0.3536 / sqrt(2), beyond 0 and 1.
    assert outcome([0, 0, 0, 1], [[0, 0, 0, 1], [0, 1, 1, 1]]).interval == (0.0, 1.0)
    assert classify.over_seeds([0.7]) == (0.7, 0.7)


def test_learns_what_a_word_tells(candidate: Ours) -> None:
    """Each text ends with a word of its label: a model that can learn gets all held-out texts right."""
    words = {"good": "추천", "bad": "비추"}
    texts = [
        f"{text} {i} {words[label]}" for i in range(5) for text, label in zip(GOOD + BAD, REVIEWS.labels, strict=True)
    ]
    data = Labelled("marked", tuple(t.encode() for t in texts), REVIEWS.labels * 5)
    train, test = divide(data, 0.25)
    for encoder in (False, True):
        arm = Arm("byte", candidate, Config(**{**vars(SMALL), "context_bytes": 64}))
        found, _ = classify.tune(arm, train, test, Plan(encoder, epochs=12, n_seeds=1, lr=1e-2, bytes_per_step=256))
        assert found.accuracy == 1 and found.majority_accuracy == 0.5 and found.interval[0] > 0.7
    again, _ = classify.tune(arm, train, test, Plan(True, epochs=1, n_seeds=2, lr=1e-2, bytes_per_step=256))
    twice, _ = classify.tune(arm, train, test, Plan(True, epochs=1, n_seeds=2, lr=1e-2, bytes_per_step=256))
    assert (again.said == twice.said).all()


def test_goes_on_from_a_model_and_not_from_one_of_another_vocabulary(candidate: Ours) -> None:
    train, test = divide(REVIEWS, 0.2)
    plan = Plan(epochs=1, n_seeds=1, lr=1e-9, bytes_per_step=256)
    trunk = GPT(Config(**{**vars(SMALL), "vocab_size": 300, "seed": 7}))
    _, model = classify.tune(Arm("x", candidate, trunk, "run/"), train, test, plan)
    torch.testing.assert_close(model.embedding, trunk.embedding, atol=1e-5, rtol=0)
    with pytest.raises(ArgumentError, match="300 ids, the checkpoint 290"):
        classify.tune(Arm("x", candidate, GPT(Config(**{**vars(SMALL), "vocab_size": 290}))), train, test, plan)
    relative = GPT(Config(**{**vars(SMALL), "vocab_size": 300, "position": "relative"}))
    with pytest.raises(ArgumentError, match="relative positions of one direction"):
        classify.tune(Arm("x", candidate, relative, "run/"), train, test, Plan(encoder=True))


def test_a_last_step_that_diverges_is_told(candidate: Ours) -> None:
    """One step in all: its loss is a number, and the model that it leaves is none."""
    train, test = divide(REVIEWS, 0.2)
    arm = Arm("byte", candidate, SMALL)
    with pytest.raises(DivergedError, match="diverged"):
        classify.tune(arm, train, test, Plan(epochs=1, n_seeds=1, lr=1e30, bytes_per_step=4096))


# -- the command


def test_a_saved_model_says_the_same(candidate: Ours, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = made(candidate)
    candidate.tokenizer.save(tmp_path / "t.bpe")  # type: ignore[union-attr]
    classify.save(tmp_path / "c", model, Arm("x", candidate, SMALL), tmp_path / "t.bpe")
    back = classify.classifier_of(checkpoint.load(tmp_path / "c"))
    split = encode_split(candidate, REVIEWS.texts)
    assert (classify.predict(back, split) == classify.predict(model, split)).all() and back.labels == ("a", "b", "c")
    (tmp_path / "texts.txt").write_text("\n".join(GOOD) + "\n", encoding="utf-8")
    assert (
        main(["lm", "finetune", "classify", "--from", str(tmp_path / "c"), "--predict", str(tmp_path / "texts.txt")])
        == 0
    )
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert [row[2] for row in rows] == GOOD
    assert [row[0] for row in rows] == [label for label, _ in classify.label(model, candidate, REVIEWS.texts[:5])]
    (tmp_path / "none.txt").write_text("\n", encoding="utf-8")
    argv = ["lm", "finetune", "classify", "--from", str(tmp_path / "c"), "--predict", str(tmp_path / "none.txt")]
    assert main(argv) == 3 and "none.txt holds no line" in capfd.readouterr().err


def test_a_model_that_was_not_tuned_classifies_nothing(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "plain", GPT(SMALL), None, {})
    with pytest.raises(FormatError, match="classifies nothing"):
        classify.classifier_of(checkpoint.load(tmp_path / "plain"))


def test_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = [f"{label}\t{text} {i}" for i in range(2) for text, label in zip(GOOD + BAD, REVIEWS.labels, strict=True)]
    (tmp_path / "l.tsv").write_text("\n".join(rows), encoding="utf-8")
    argv = ["lm", "finetune", "classify", "--data", str(tmp_path / "l.tsv"), "--epochs", "1", "--seeds", "1", "-t"]
    argv += ["unit=byte,vocab=280", "unit=jamo,vocab=400", "unit=byte,vocab=280"]
    assert main([*argv, "-o", str(tmp_path / "out")]) == 0
    said = capfd.readouterr()
    assert "16 texts to train on, 4 texts held out, 2 labels" in said.err
    assert "byte 280, from scratch" in said.out and "jamo 400, from scratch" in said.out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"byte-280", "jamo-400"}
    again = ["lm", "finetune", "classify", "--data", str(tmp_path / "l.tsv"), "--epochs", "1", "--seeds", "1", "--json"]
    assert main([*again, "--from", str(tmp_path / "out" / "byte-280"), "--encoder"]) == 0
    report = json.loads(capfd.readouterr().out)
    (row,) = report["rows"]
    assert (report["command"], report["n_test"], row["reads"]) == ("lm finetune classify", 4, "encoder")
    assert sum(map(sum, row["confusion"])) == 4 and row["interval"][0] <= row["accuracy"] <= row["interval"][1]
    diverging = [*again, "--from", str(tmp_path / "out" / "byte-280"), "--lora", "1", "--lora-lr", "1e30"]
    diverging += ["--batch-bytes", "64"]
    assert main(diverging) == 0, "full tuning is shown without the adapters that diverge"
    said = capfd.readouterr()
    report = json.loads(said.out)
    assert [row["name"][-6:] for row in report["rows"]] == [", full"] and "LoRA 1: " in report["diverged"][0]
    assert "warning: " in said.err and "smaller --lr" in said.err
    assert main([*diverging, "--no-full"]) == 3 and "error: " in capfd.readouterr().err


def test_models_of_one_name_are_all_tuned() -> None:
    assert each([("byte 300", 1), ("byte 300", 2)], lambda work: work, Terminal()) == ([1, 2], [])


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["--from", "x", "--preset", "demo"], 2, "give one of them"),
        (["--test", "x.tsv"], 2, "--test goes with --data"),
        (["--predict", "x"], 2, "--predict takes one tuned model"),
        (["--data", "nowhere.tsv"], 3, "cannot read nowhere.tsv"),
        (["--from", "nowhere"], 3, "nowhere holds no checkpoint"),
        (["--hold-out", "2"], 2, "between 0 and 1"),
        (["--preset", "vast"], 2, "no preset is called 'vast'"),
        (["--lr", "0"], 2, "must be above 0"),
        (["-t", "nowhere.bpe"], 3, "nowhere.bpe"),
        (["-t", "nowhere.bpe", "-o", "no/such/folder"], 3, "no/such does not exist"),
    ],
)
def test_refused(argv: list[str], code: int, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "finetune", "classify", *argv]) == code
    talk = capfd.readouterr().err
    assert said in talk and "hint: " in talk and "Traceback" not in talk
