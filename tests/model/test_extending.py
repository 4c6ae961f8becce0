"""Models that grow with their tokenizer: rows, what is refused, the command, and the experiments about texts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import TEXTS, lm_train, model, shards, trainer

import bpe_lab
from bpe_lab import ArgumentError, FormatError, Tokenizer, extend
from bpe_lab.compare.candidates import Ours
from bpe_lab.runs import RunRecord, read_records
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model import checkpoint
from bpe_lab_model.checkpoint import load
from bpe_lab_model.cli.training import _NEW_ROWS
from bpe_lab_model.embedding import embedding_keys, rows
from bpe_lab_model.experiments import extending, tasks, texts
from bpe_lab_model.experiments.rows.texts import DOMAIN, EXTEND, ROWS, SIZE
from bpe_lab_model.experiments.spec import found
from bpe_lab_model.experiments.tasks import Job
from bpe_lab_model.gpt import GPT
from bpe_lab_model.growing import NEW_ROWS, check_extension, grown, spelled_by
from bpe_lab_model.presets import PRESETS, preset

pytestmark = pytest.mark.usefixtures("plugged")

MORE = ["바나나와 포도를 바구니에 담았다. 바나나가 무겁다.", "포도나무 아래 바구니가 있다."]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("old") / "small")


@pytest.fixture(scope="module")
def new(old: Shards, tmp_path_factory: pytest.TempPathFactory) -> Shards:
    """The same text with 24 tokens more."""
    base = old.load_candidate().tokenizer
    assert base is not None
    more = Ours("more", extend(base, texts=MORE, vocab_size="+24"))
    folder = tmp_path_factory.mktemp("new") / "small"
    return write_shards(folder, more, {"train": TEXTS[2:], "validation": TEXTS[:2]})


def tokenizer(of: Shards) -> Tokenizer:
    found = of.load_candidate().tokenizer
    assert found is not None
    return found


# ---- rows


def test_the_new_rows_named_are_those_there_are() -> None:
    assert _NEW_ROWS == NEW_ROWS


def test_what_a_new_token_is_made_of(old: Shards, new: Shards) -> None:
    parts = spelled_by(tokenizer(old), tokenizer(new))
    assert sorted(parts) == list(range(320, 344))
    for id, spelled in parts.items():
        assert max(spelled) < 320 and len(spelled) > 1
        assert b"".join(tokenizer(old).token_bytes(part) for part in spelled) == tokenizer(new).token_bytes(id)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("how", NEW_ROWS)
def test_old_rows_stay_and_new_ones_start_as_said(how: Any, tied: bool, old: Shards, new: Shards) -> None:
    small = model(old, tied=tied)
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.add_(0.01 * torch.arange(parameter.numel()).view_as(parameter).sin())
    before = {name: p.clone() for name, p in small.state_dict().items()}
    more = grown(small, tokenizer(old), tokenizer(new), how)
    assert more.config.vocab_size == 344
    tables = ["embedding"] + ([] if tied else ["head"])
    for name, parameter in more.state_dict().items():
        if name not in tables:
            assert torch.equal(parameter, before[name])
            continue
        known, made = before[name], parameter[320:344]
        assert torch.equal(parameter[:320], known[:320]) and not parameter[344:].any()
        if how == "mean":
            for id, parts in spelled_by(tokenizer(old), tokenizer(new)).items():
                assert torch.allclose(parameter[id], sum(known[part] for part in parts) / len(parts), atol=1e-6)
        elif how == "byte-keyed":
            keys = embedding_keys(tokenizer(new), 344)[320:]
            expected = rows([b"head:" * (name == "head") + key for key in keys], 16, 0)
            assert np.array_equal(made.numpy(), expected)
        else:
            # 24 x 16 numbers: their deviation is within 5 standard errors, 5 / sqrt(2 x 384) = 0.18 of it.
            assert made.std().item() == pytest.approx(known[:320].std().item(), rel=0.18)
    assert all(torch.equal(before[name], p) for name, p in small.state_dict().items())


def test_old_text_of_old_tokens_is_predicted_as_before_but_for_new_tokens_in_the_softmax(
    old: Shards, new: Shards
) -> None:
    small = model(old)
    more = grown(small, tokenizer(old), tokenizer(new))
    ids = torch.tensor([[5, 9, 40, 300, 7]])
    small.eval(), more.eval()
    assert torch.allclose(small(ids), more(ids), atol=1e-6)
    assert torch.allclose(small.logits(small(ids)), more.logits(more(ids))[..., :320], atol=1e-6)


def test_an_end_of_text_of_the_model_s_own_moves_behind_the_new_rows(old: Shards, new: Shards) -> None:
    """Without special tokens the tokenizer has 318 ids, and the model one row more."""
    base = bpe_lab.train(texts=[t.decode() for t in TEXTS[:4]], vocab_size=318, special_tokens=())
    more = extend(base, texts=MORE, vocab_size="+5")
    small = GPT(model(old).config.__class__(vocab_size=319, n_layers=1, n_heads=2, d_model=16))
    bigger = grown(small, base, more)
    assert bigger.config.vocab_size == 324
    assert torch.equal(bigger.embedding[323], small.embedding[318])
    assert torch.equal(bigger.embedding[:318], small.embedding[:318])


# ---- refusals


def test_what_is_no_extension_is_named(old: Shards, new: Shards) -> None:
    base, more = tokenizer(old), tokenizer(new)
    check_extension(base, more)
    check_extension(base, base)
    other = bpe_lab.train(texts=["완전히 다른 글"] * 2, vocab_size=320)
    reference, theirs = dict(base.vocab()), dict(other.vocab())
    first = next(id for id in sorted(reference) if reference[id] != theirs.get(id))
    rows = [
        (other, f"id {first} was"),
        (bpe_lab.train(texts=["가나"], vocab_size=300, pattern="gpt2"), "pattern gpt2 in place of o200k"),
        (bpe_lab.train(texts=["가나"], vocab_size=300, unit="byte-char"), "unit byte-char in place of byte"),
    ]
    for wrong, message in rows:
        with pytest.raises(FormatError, match=message):
            check_extension(base, wrong)
    with pytest.raises(FormatError, match="id 320 was"):
        check_extension(more, base)
    with pytest.raises(ArgumentError, match="new_rows must be one of"):
        grown(model(old), base, more, "zeros")  # type: ignore[arg-type]


# ---- the command


@pytest.fixture(scope="module")
def run(old: Shards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "base"
    trainer(old, folder, shape={"tied": True}).run()
    return folder


def test_training_goes_on_from_a_checkpoint(
    run: Path, old: Shards, new: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--bytes", "1200", "--threads", "1"]
    code, _, err = lm_train(capsys, new.folder, "-o", tmp_path / "more", "--from", run, "--new-rows", "normal", *short)
    assert code == 0, err
    saved = load(tmp_path / "more")
    assert saved.config.vocab_size == 344 and saved.fingerprint == new.fingerprint
    assert (saved.config.d_model, saved.state["settings"]["lr"]) == (16, 1e-2)
    (record,) = read_records(tmp_path / "more")
    assert record.training["new_rows"] == "normal" and record.training["came_from"] == str(run)
    # The first loss is far below that of a model that knows nothing: 344 tokens are 8.4 bits each.
    code, _, err = lm_train(capsys, old.folder, "-o", tmp_path / "same", "--from", run, *short)
    assert code == 0, err
    assert load(tmp_path / "same").config == load(run).config
    code, _, err = lm_train(capsys, new.folder, "-o", tmp_path / "more", "--resume", "--threads", "1")
    assert code == 0, err


def test_training_goes_on_from_a_tuned_model(
    run: Path, old: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`lm finetune` saves no settings of a training: those that are usual stand for them."""
    base = load(run)
    about = {"fingerprint": base.fingerprint, "vocab_size": base.config.vocab_size}
    checkpoint.save(tmp_path / "tuned", base.model, None, {"tokenizer": about}, base.tokenizer_path)
    typed = ["--from", tmp_path / "tuned", "--epochs", "0.5", "--batch-bytes", "100", "--threads", "1"]
    code, _, err = lm_train(capsys, old.folder, "-o", tmp_path / "more", *typed)
    assert code == 0, err
    assert load(tmp_path / "more").state["settings"]["lr"] == preset("cpu-nano").settings().lr


def test_a_tokenizer_is_the_shards_even_where_none_is_needed(
    run: Path, old: Shards, new: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["--from", run, "--tokenizer", new.tokenizer_path]
    code, _, err = lm_train(capsys, old.folder, "-o", tmp_path / "x", *typed)
    assert code == 2 and "is not the tokenizer of" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--from RUN --resume", "--from begins one"),
        ("--new-rows mean", "--from RUN"),
        ("--from RUN --layers 2", "the model is the checkpoint's"),
        ("--from RUN --tokenizer OLD", "is not the tokenizer of"),
        ("--from nowhere", "holds no checkpoint"),
    ],
)
def test_what_does_not_go_together(
    words: str, message: str, run: Path, old: Shards, new: Shards, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"RUN": run, "OLD": old.tokenizer_path}
    typed = [names.get(word, word) for word in words.split()]
    code, _, err = lm_train(capsys, new.folder, "-o", tmp_path / "x", *typed)
    assert code not in (0, 1) and message in err, err
    assert not (tmp_path / "x" / "steps").exists()


def test_shards_of_another_tokenizer_are_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shards(tmp_path / "other", vocab=300)
    code, _, err = lm_train(capsys, other.folder, "-o", tmp_path / "x", "--from", run)
    assert code not in (0, 1) and "not an extension: id" in err and "--extend" in err


# ---- the rows of the table


def test_rows_name_functions_and_arms_that_are_there() -> None:
    for row in ROWS:
        names = [arm.name for arm in row.arms]
        assert len(set(names)) == len(names)
        for arm in row.arms:
            assert all(callable(found(name)) for name in (arm.task, *arm.measures))
        for claim in row.claims:
            assert callable(found(claim.value)) if claim.value else {claim.arm, claim.base} <= set(names)
    assert [arm.name for arm in DOMAIN.arms] == [texts.domain_arm(t, m) for t in "12" for m in "12"]
    made = {texts.size_arm(t, v) for t in ("small", "medium", "large") for v in texts.SIZES_OF_VOCABULARY}
    assert {arm.name for arm in SIZE.arms} == made
    assert {extending.KEPT, extending.GROWN} <= {arm.name for row in ROWS for arm in row.arms if row.name == "extend"}


def record(**given: Any) -> Any:
    """Return a record that holds figures and nothing else."""
    made = RunRecord.__new__(RunRecord)
    values: dict[str, Any] = {"measures": {}, "training": {}, "model": {}, "decoding": {}, "scored": None, **given}
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


def test_after_which_text_a_grown_vocabulary_is_ahead() -> None:
    """Behind by 0.2 at 0.25 and ahead by 0.2 at 1: on a logarithmic scale it crosses in the middle, at 0.5."""

    def records(*gaps: float) -> Any:
        budgets = (0.0625, 0.25, 1.0)
        kept = {(extending.KEPT, b): record(measures={"new": 3.0}) for b in budgets}
        more = {(extending.GROWN, b): record(measures={"new": 3 + gap}) for b, gap in zip(budgets, gaps, strict=True)}
        return kept | more

    assert extending.crossing(records(0.4, 0.2, -0.2)) == pytest.approx(-0.5)
    assert extending.crossing(records(0.4, 0.3, 0.1)) == pytest.approx(1.0)
    assert extending.crossing(records(-0.4, -0.3, -0.1)) == pytest.approx(0.0625 - 1)
    assert extending.crossing(records(-0.4, 0.2, -0.2)) == pytest.approx(-0.5)
    assert extending.crossing({}) is None


def test_what_costs_more_a_foreign_model_or_a_foreign_tokenizer() -> None:
    """Home 2.0; a foreign tokenizer 2.1, a foreign model 3.0: on both domains alike, so 1.0 less 0.1."""
    records: Any = {}
    for tok in "12":
        for mod in "12":
            # A model scored on its own domain has its own tokenizer or not; on the other it is foreign itself.
            own = 2.0 if tok == mod else 2.1
            records[texts.domain_arm(tok, mod), 1.0] = record(measures={"own": own, "other": 3.0})
    assert texts.model_more_than_tokenizer(records) == pytest.approx(0.9)
    assert texts.tokenizer_costs(records) == pytest.approx(0.1)
    del records[texts.domain_arm("1", "2"), 1.0]
    assert texts.model_more_than_tokenizer(records) is None


def scored(bpb: float) -> Any:
    from bpe_lab.runs import Scored

    return Scored((bpb * np.log(2),), (1,), (1,))


def test_trunks_at_equal_flops_and_at_equal_bytes() -> None:
    """The small trunk's loss falls from 4 to 2 as FLOPs go from 1 to 16; the large one has 3 at 4 FLOPs and 2.5 at 8.

    At 8 FLOPs the small one has 4 x 2^(-3/4) = 2.378, so the large one is 0.122 behind.
    """
    records: Any = {}
    for vocabulary in texts.SIZES_OF_VOCABULARY:
        for budget, flops, bpb in ((1.0, 1.0, 4.0), (4.0, 16.0, 2.0)):
            records[texts.size_arm("small", vocabulary), budget] = record(flops=flops, scored=scored(bpb))
        for budget, flops, bpb in ((0.5, 4.0, 3.0), (1.0, 8.0, 2.5)):
            records[texts.size_arm("large", vocabulary), budget] = record(flops=flops, scored=scored(bpb))
    assert texts.larger_at_equal_flops(records) == pytest.approx(2.5 - 4 * 2**-0.75)
    assert texts.vocabulary_turns_with_size(records) == pytest.approx(0.0)
    records[texts.size_arm("large", 4096), 1.0] = record(flops=8.0, scored=scored(2.2))
    assert texts.vocabulary_turns_with_size(records) == pytest.approx(0.3)


# ---- what jobs run


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job of the smallest size, whose text is of two domains."""
    base = Ours("base", bpe_lab.train(texts=[t.decode() for t in TEXTS[:6]], vocab_size=320))
    domains: dict[Any, Any] = {"train": ["docs"] * 6 + ["talk"] * 4, "validation": ["docs", "talk"]}
    sides: dict[Any, Any] = {"train": TEXTS[2:12], "validation": TEXTS[:2]}
    of = write_shards(tmp_path / "shards", base, sides, domains=domains)
    preset = PRESETS["smoke"].but(bytes_an_arm=1_500, bytes_per_step=500)
    config = preset.config(of.vocab_size, 0)
    names = ("docs", "talk")
    return Job("extend", EXTEND.arms[1], preset, 0, 1e-2, (750, 1500), of.folder, config, tmp_path / "job", {}, names)


def test_a_job_goes_on_with_a_grown_vocabulary(job: Job) -> None:
    shares: list[float] = []
    options = {"new_rows": "mean", "new_tokens": 12, "before": 1.0}
    outcomes = list(extending.go_on(replace(job, options=options), lambda share, bpb: shares.append(share)))
    assert [outcome.budget for outcome in outcomes] == [750, 1500] and shares == sorted(shares)
    for outcome in outcomes:
        m = outcome.measures
        assert outcome.status == "ok" and m["tokens"] == 332
        assert all(0 < m[name] < 12 for name in ("old", "new", "old_before", "new_before"))
    kept = list(extending.go_on(replace(job, options={**options, "new_rows": "kept"}), lambda share, bpb: None))
    assert kept[0].measures["tokens"] == 320
    # All arms go on from the same model, and a vocabulary that is kept says of old text what that model said.
    assert kept[0].measures["old_before"] != outcomes[0].measures["old_before"]


def test_divergence_on_the_first_domain_is_a_result(job: Job) -> None:
    arm = replace(job.arm, training={"clip": 0.0})
    wild = replace(job, lr=1e30, arm=arm, options={"new_rows": "mean", "new_tokens": 12, "before": 1.0})
    outcomes = list(extending.go_on(wild, lambda share, bpb: None))
    assert [(o.budget, o.status, o.scored) for o in outcomes] == [(750, "diverged", None), (1500, "diverged", None)]
    assert all(outcome.note.startswith("on the first domain: ") for outcome in outcomes)


def test_what_is_measured_on_two_domains(job: Job) -> None:
    arm = replace(DOMAIN.arms[0], text="1")
    (*_, outcome) = tasks.train(replace(job, arm=arm, options={"sample_bytes": 12}), lambda share, bpb: None)
    m, s = outcome.measures, outcome.scored
    assert s is not None and m["own"] == m["by_domain"]["docs"] and m["other"] == m["by_domain"]["talk"]
    weighted = sum(bpb * n for bpb, n in zip((m["own"], m["other"]), s.bytes, strict=True)) / sum(s.bytes)
    assert weighted == pytest.approx(s.bpb)
    assert m["tokens"] == 320 and 0 <= m["whole_words"] < 1 and 0 < m["used"] <= 1
    assert m["tokens_per_kb"] == pytest.approx(1000 * (sum(s.tokens) - 2) / sum(s.bytes))
    assert isinstance(m["sample"], str)
