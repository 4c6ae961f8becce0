"""Pre-training goes on in another domain, with the vocabulary as it was or grown.

What does the old domain lose, what does the new one gain, and after how many bytes does a grown vocabulary pay?

Everything begins alike: a model of the first domain with a tokenizer of its text. Then the second domain's text is
read. The learning rate is that of the row; rows of new tokens start as `growing` says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bpe_lab.runs import RunRecord
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model import bpb
from bpe_lab_model.experiments.tasks import Finished, Job, Outcome, Say, finish, new_model, train_branches
from bpe_lab_model.experiments.texts import bpb_of
from bpe_lab_model.experiments.values import value_of
from bpe_lab_model.gpt import GPT
from bpe_lab_model.growing import grown
from bpe_lab_model.loss import DivergedError
from bpe_lab_model.training import Trained

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate

KEPT, GROWN = "kept", "grown, mean"
"""Arms that the crossing is between."""


def go_on(job: Job, say: Say) -> Iterator[Outcome]:
    """Pre-train on the first domain, then read the second one, with a branch a budget.

    Options: `new_rows` (`kept` for the vocabulary as it was), `new_tokens` to learn on the second domain's text, and
    `before`: bytes of pre-training as a multiple of `bytes_an_arm`. Where that diverges, every budget has.
    """
    old = job.candidate()
    first, second = _texts(job, old, "train")
    model, trained = _pretrained(job, old, first, lambda share, loss: say(share / 2, loss))
    candidate, model = _continued(job, old, model, second)
    shards = _shards(job, "second", candidate, second)
    scored = _scored(job, model, shards) if trained.status == "ok" else None
    if scored is None:
        note = f"on the first domain: {trained.note or 'no finite loss'}"
        yield from (Outcome(budget, "diverged", trained, note=note) for budget in job.budgets)
        return
    at_start = {f"{name}_before": value for name, value in scored.items()}
    changed = replace(job, config=model.config)
    for budget, trainer, trained in train_branches(changed, lambda s, loss: say(0.5 + s / 2, loss), model, shards):
        extra = {**at_start, "tokens": candidate.n_tokens}
        yield finish(changed, budget, trainer, trained, candidate, extra)


def _texts(job: Job, candidate: "Candidate", side: Any) -> tuple[list[bytes], list[bytes]]:
    """Return the documents of the first domain and those of the others."""
    split = Shards.open(job.shards).split(side)
    first: list[bytes] = []
    others: list[bytes] = []
    for number, document in enumerate(bpb.documents_of(split, candidate)):
        is_first = split.domains[int(split.domain_of[number])] == job.domains[0]
        (first if is_first else others).append(document)
    return first, others


def _pretrained(job: Job, candidate: "Candidate", first: list[bytes], say: Say) -> tuple[GPT, Trained]:
    """Return a model of the first domain, and how its training went."""
    budget = max(round(float(job.options.get("before", 1.0)) * job.preset.bytes_an_arm), job.budgets[0])
    before = replace(job, budgets=(budget,))
    shards = _shards(job, "first", candidate, first)
    ((_, trainer, trained),) = train_branches(before, say, new_model(job, candidate), shards)
    return trainer.model, trained


def _continued(job: Job, old: "Candidate", model: GPT, second: list[bytes]) -> "tuple[Candidate, GPT]":
    """Return the tokenizer and the model that go on."""
    from bpe_lab import extend
    from bpe_lab.compare.candidates import Ours

    new_rows = job.options["new_rows"]
    if new_rows == "kept" or old.tokenizer is None:
        return old, model
    more = extend(old.tokenizer, texts=second, vocab_size=f"+{int(job.options.get('new_tokens', 2048))}", threads=1)
    return Ours(f"{old.name} grown", more), grown(model, old.tokenizer, more, new_rows)


def _shards(job: Job, name: str, candidate: "Candidate", train: list[bytes]) -> Shards:
    """Write a training text, and the validation text of all domains, as tokens of a tokenizer."""
    split = Shards.open(job.shards).split("validation")
    sides: dict[Any, list[bytes]] = {"train": train, "validation": list(bpb.documents_of(split, job.candidate()))}
    kinds = [split.domains[int(number)] for number in split.domain_of]
    domains: dict[Any, list[str]] = {"train": [name] * len(train), "validation": kinds}
    job.folder.mkdir(parents=True, exist_ok=True)
    return write_shards(job.folder / name, candidate, sides, domains=domains, force=True, threads=1)


def _scored(job: Job, model: GPT, shards: Shards) -> dict[str, Any] | None:
    """Return bits per byte of both sides before the second domain's text is read; None where the model diverged."""
    context = model.config.context_bytes
    try:
        scored = bpb.score(model, shards.split("validation"), shards.eos, context_bytes=context)
    except DivergedError:
        return None
    return _sides(scored, job)


def _sides(scored: Any, job: Job) -> dict[str, Any]:
    first = job.domains[0]
    return {"old": bpb_of(scored, {first}), "new": bpb_of(scored, set(scored.domains) - {first})}


def both_domains(done: Finished) -> dict[str, Any]:
    """Return bits per byte of the first domain, `old`, and of the others, `new`."""
    return _sides(done.scored, done.job)


def crossing(records: Mapping[tuple[str, float], RunRecord]) -> float | None:
    """Return after which part of the text the grown vocabulary is ahead on the new domain and stays so, less 1.

    In multiples of the preset's bytes, between two budgets on a logarithmic scale; where it never is, twice the largest
    budget. So below 0 means: before one multiple was read.
    """
    budgets = sorted(budget for arm, budget in records if arm == KEPT and (GROWN, budget) in records)
    gaps = []
    for budget in budgets:
        kept, more = (value_of(records[arm, budget], "new") for arm in (KEPT, GROWN))
        if kept is None or more is None:
            return None
        gaps.append(more - kept)
    if not gaps:
        return None
    if gaps[-1] >= 0:
        return 2 * budgets[-1] - 1
    ahead_from = next(i for i in range(len(gaps)) if all(gap < 0 for gap in gaps[i:]))
    if ahead_from == 0:
        return budgets[0] - 1
    behind, ahead = gaps[ahead_from - 1], gaps[ahead_from]
    share = behind / (behind - ahead)
    low, high = budgets[ahead_from - 1], budgets[ahead_from]
    return float(low * (high / low) ** share) - 1
