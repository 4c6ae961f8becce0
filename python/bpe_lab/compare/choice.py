"""What to choose, and how sure that is: the summary of a comparison.

Compares only what is alike: our lossless tokenizers of one size on one text. Chooses the fewest tokens; among those
that need as few, the one that breaks the fewest syllables.
"""

from typing import Any

from bpe_lab.compare import loss, studies
from bpe_lab.compare.loss import Models
from bpe_lab.compare.phrases import VERDICTS, joined, language, say
from bpe_lab.compare.plan import EVAL, Both, both
from bpe_lab.compare.run import MIN_DOCUMENTS, Result
from bpe_lab.compare.wording import LM_COMMAND, Case, Row, more, number, percent, side, signed, verdict
from bpe_lab.downstream import Losses, Standing
from bpe_lab.metrics import Estimate
from bpe_lab.runs import Arm

NEAR = 0.01
"""A tokenizer that needs at most this part more tokens than the shortest needs as few."""

Line = tuple[Both, str]
"""A sentence, and its strength: `clear`, `leans`, `unresolved` or `needs-model`."""

_STRENGTH = {"clear": "clear", "small": "leans", "unresolved": "unresolved"}


def summary(case: Case) -> list[dict[str, Any]]:
    """Return what to choose and how sure that is, then what is open."""
    effects = _unit_effect(case), _size_effect(case)
    of_loss = _loss(case, case.models) if case.models else _model_open(case)
    lines = (_choice(case), *effects, _few_documents(case), _dearest(case), of_loss)
    told: list[dict[str, Any]] = [says | {"strength": strength} for says, strength in (line for line in lines if line)]
    if case.models:
        told[-1]["loss"] = True
    return told


def comparable(case: Case) -> list[Row]:
    """Return our lossless tokenizers of the largest size that most units have, the fewest tokens first."""
    study = case.plan.study(studies.MAIN)
    ours = [(entry, result) for entry, result in (case.results.of(study) if study else ()) if _is_ours(result)]
    sizes = [entry.x for entry, _ in ours if isinstance(entry.x, int | float)]
    if not sizes:
        return []
    common = max(set(sizes), key=lambda size: (sizes.count(size), size))
    alike = case.values("tokens_per_byte", [result for entry, result in ours if entry.x == common])
    return sorted(alike, key=lambda row: row[1].value)


def _is_ours(result: Result) -> bool:
    return result.measured and result.status == "ok" and result.kind == "trained"


def _choice(case: Case) -> Line:
    ranked = [result for result, _ in comparable(case)]
    if len(ranked) < 2:
        return say("choose-nothing"), "unresolved"
    best, second = ranked[:2]
    gaps = {result.id: case.results.relative(result, best, "tokens_per_byte") for result in ranked[1:]}
    near = [best, *(result for result in ranked[1:] if _as_few(gaps[result.id]))]
    chosen = min(near, key=lambda result: _broken(case, result))
    other = best if chosen is not best else second
    line = _sparing(case, chosen, other) if other in near else None
    says, strength = line or _shortest(best, second, gaps[second.id])
    return says, "leans" if case.plan.notice and strength == "clear" else strength


def _as_few(gap: Estimate | None) -> bool:
    return gap is not None and (gap.value <= NEAR or verdict(gap) == "unresolved")


def _broken(case: Case, result: Result) -> float:
    value = case.results.value(result, "broken_syllables")
    return value.value if value else float("inf")


def _shortest(best: Result, second: Result, gap: Estimate | None) -> Line:
    """Choose what needs the fewest tokens; where the next one may need as few, say that this text does not tell."""
    word = verdict(gap)
    key = "choose-none" if word == "unresolved" else "choose-shortest"
    told = say(key, best=best.entry.name, second=second.entry.name, gap=_gap(gap), verdict=VERDICTS[word])
    return told, _STRENGTH[word]


def _gap(gap: Estimate | None) -> Both:
    return more(gap) if gap else both("?")


def _sparing(case: Case, chosen: Result, other: Result) -> Line | None:
    """Choose what needs about as few tokens and surely breaks fewer syllables; None where that is not sure."""
    fewer = case.results.difference(chosen, other, "broken_syllables")
    if not fewer or not fewer.clear_of_zero or fewer.value > 0:
        return None
    cut, other_cut = (percent(value) for _, value in case.values("broken_syllables", (chosen, other)))
    gap = signed(case.results.relative(chosen, other, "tokens_per_byte"))
    figures = {"gap": gap, "cut": cut, "other_cut": other_cut, "verdict": VERDICTS["clear"]}
    return say("choose-sparing", chosen=chosen.entry.name, other=other.entry.name, **figures), "clear"


def _unit_effect(case: Case) -> Line | None:
    """Say how far the units lie apart at one size, the shortest beside the longest."""
    ranked = [result for result, _ in comparable(case)]
    if len(ranked) < 2:
        return None
    return _effect(case, "unit-effect", ranked[-1], ranked[0], best=ranked[0].entry.name, worst=ranked[-1].entry.name)


def _size_effect(case: Case) -> Line | None:
    """Say what a larger vocabulary brings, next to what the unit does."""
    ladder = case.ladder()
    if len(ladder) < 2:
        return None
    small, large = ladder[0], ladder[-1]
    return _effect(case, "size-effect", large, small, small=small.entry.name, large=large.entry.name)


def _effect(case: Case, key: str, result: Result, other: Result, **names: str) -> Line:
    gap = case.results.relative(result, other, "tokens_per_byte")
    word = verdict(gap)
    return say(key, gap=_gap(gap), verdict=VERDICTS[word], **names), _STRENGTH[word]


def _few_documents(case: Case) -> Line | None:
    """Say that there are no intervals, where it is so: a large difference that is not resolved looks odd otherwise."""
    n = case.plan.texts[EVAL].n_documents
    if n >= MIN_DOCUMENTS or len(comparable(case)) < 2:
        return None
    return say("few-documents", n=n, least=MIN_DOCUMENTS), "unresolved"


def _dearest(case: Case) -> Line | None:
    """Say what the dearest tokenizer that was loaded charges, if it surely charges more."""
    loaded = [row for row in case.values("premium") if row[0].kind == "loaded" and side(row[1], 1.0) > 0]
    if not loaded or case.plan.languages is None:
        return None
    result, value = max(loaded, key=lambda row: row[1].value)
    first, second = map(language, case.plan.languages[:2])
    return say("dearest", name=result.entry.name, value=number(value), first=first, second=second), "clear"


_STRENGTH_OF_LOSS = {"resolved": "clear", "leans": "leans", "unresolved": "unresolved"}


def _loss(case: Case, models: Models) -> Line:
    """Say what the lowest loss is beside the base, no more surely than budgets and text allow."""
    losses = models.losses
    ranked = losses.standings()
    if not ranked or losses.base is None:
        return say("loss-none"), "unresolved"
    if len(ranked) < 2:
        return say("loss-alone", name=models.name(ranked[0].arm), bpb=number(ranked[0].bpb, 3)), "unresolved"
    gap = next(standing.difference for standing in ranked if standing.difference)
    flips = _flips(models)
    lines = [*_standing(models, ranked), flips, say("one-budget") if len(losses.budgets) == 1 else None]
    strength = _STRENGTH_OF_LOSS[gap.verdict]
    capped = case.plan.notice or flips or len(losses.budgets) == 1
    return joined(*lines), "leans" if capped and strength == "clear" else strength


def _standing(models: Models, ranked: list[Standing]) -> list[Both | None]:
    """Return what is said of the lowest beside the base, or of the base beside the next where it is lowest itself."""
    losses = models.losses
    best, second = ranked[:2]
    base = next(standing for standing in ranked if standing.arm == losses.base)
    other = second if best is base else best
    gap = other.difference
    assert gap is not None, "all but the base have a difference"
    facts: dict[str, object] = {"work": _work(losses), "bpb": number(best.bpb, 3)}
    facts |= {"gap": signed(gap.relative), "verdict": loss.told(gap)}
    if gap.verdict == "unresolved":
        return [
            say("loss-open", a=models.name(best.arm), b=models.name((second if best is base else base).arm), **facts)
        ]
    if best is base:
        return [say("loss-none-below", base=models.name(base.arm), second=models.name(second.arm), **facts)]
    tied = _tied(models, [standing.arm for standing in ranked if standing not in (best, base)], best.arm)
    return [say("loss-below", best=models.name(best.arm), base=models.name(base.arm), **facts), tied]


def _work(losses: Losses) -> Both:
    """Return what was held equal: bytes, or FLOPs where runs are read off at equal FLOPs."""
    level = losses.level
    return say("work-flops", n=f"{level.work:.2g}") if level else say("work-bytes", n=f"{losses.budget:,}")


def _tied(models: Models, others: list[Arm], best: Arm) -> Both | None:
    """Name the others that are not told from the lowest at the largest budget."""
    gaps = [(arm, models.losses.pair(best, arm)) for arm in others]
    names = [models.name(arm) for arm, gap in gaps if gap is None or gap.verdict == "unresolved"]
    return say("loss-tied", names=", ".join(names)) if names else None


def _flips(models: Models) -> Both | None:
    """Name those that lie above the base at one budget and below it at another."""
    names = [models.name(s.arm) for s in models.losses.standings() if models.losses.trend(s.arm) == "flips"]
    return say("loss-flips", names=", ".join(names)) if names else None


def _model_open(case: Case) -> Line:
    return say("model-open", command=LM_COMMAND.format(lang=case.plan.lang)), "needs-model"
