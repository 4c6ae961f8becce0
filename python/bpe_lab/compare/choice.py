"""What to choose, and how sure that is: the summary of a comparison.

Compares only what is alike: our lossless tokenizers of one size on one text. Chooses the fewest tokens; among those that
need as few, the one that breaks the fewest syllables.
"""

from typing import Any

from bpe_lab.compare import studies
from bpe_lab.compare.plan import Both, both
from bpe_lab.compare.run import Result
from bpe_lab.compare.wording import LM_COMMAND, VERDICTS, Case, number, percent, signed, verdict
from bpe_lab.metrics import Estimate

NEAR = 0.01
"""A tokenizer that needs at most this part more tokens than the shortest needs as few."""

Line = tuple[Both, str]
"""A sentence, and its strength: `clear`, `leans`, `unresolved` or `needs-model`."""

_STRENGTH = {"clear": "clear", "small": "leans", "unresolved": "unresolved"}


def summary(case: Case) -> list[dict[str, Any]]:
    """Return what to choose and how sure that is, then what is open."""
    lines = (_choice(case), _spread(case), _size_effect(case), _premium(case), _needs_model(case))
    return [says | {"strength": strength} for says, strength in (line for line in lines if line)]


def comparable(case: Case) -> "list[tuple[Result, Estimate]]":
    """Return our lossless tokenizers of the largest size that most units have, the fewest tokens first."""
    study = case.plan.study(studies.MAIN)
    ours = [pair for pair in (case.results.of(study) if study else ()) if _is_ours(pair[1])]
    sizes = [entry.x for entry, _ in ours if isinstance(entry.x, int | float)]
    if not sizes:
        return []
    common = max(set(sizes), key=lambda size: (sizes.count(size), size))
    alike = case.values("tokens_per_byte", [(entry, result) for entry, result in ours if entry.x == common])
    return sorted(alike, key=lambda pair: pair[1].value)


def _is_ours(result: Result) -> bool:
    return result.measured and result.status == "ok" and result.kind == "trained"


def _choice(case: Case) -> Line | None:
    ranked = comparable(case)
    if len(ranked) < 2:
        return None
    best, second = ranked[0][0], ranked[1][0]
    gaps = {r.id: case.results.relative(r, best, "tokens_per_byte") for r, _ in ranked[1:]}
    near = [best, *(r for r, _ in ranked[1:] if _as_few(gaps[r.id]))]
    chosen = min(near, key=lambda result: _broken(case, result))
    line = (
        _spares(case, chosen, best, gaps[chosen.id]) if chosen is not best else _shortest(best, second, gaps[second.id])
    )
    return line[0], "leans" if case.plan.notice and line[1] == "clear" else line[1]


def _as_few(gap: Estimate | None) -> bool:
    return gap is not None and (gap.value <= NEAR or verdict(gap) == "unresolved")


def _broken(case: Case, result: Result) -> float:
    value = case.results.value(result, "broken_syllables")
    return value.value if value else float("inf")


def _shortest(best: Result, second: Result, gap: Estimate | None) -> Line:
    """Choose what needs the fewest tokens; where the next one may need as few, say that this text does not tell."""
    word = verdict(gap)
    told = signed(gap) if gap else "?"
    if word == "unresolved":
        return both(
            f"This text does not tell {best.entry.name} from {second.entry.name}: {told} tokens. Choose by other needs.",
            f"이 글로는 {best.entry.name}, {second.entry.name} 가운데 무엇이 나은지 가릴 수 없다(토큰 {told}). 다른 사정으로 고른다.",
        ), word
    return both(
        f"Choose {best.entry.name}: the fewest tokens on the held-out text; the next, {second.entry.name}, needs {told} "
        f"({VERDICTS[word]['en']}).",
        f"고를 것: {best.entry.name}. 떼어 둔 글에서 토큰이 가장 적다. 다음은 {second.entry.name}, 토큰 {told}({VERDICTS[word]['ko']}).",
    ), _STRENGTH[word]


def _spares(case: Case, chosen: Result, best: Result, gap: Estimate | None) -> Line:
    """Choose what needs as few tokens as the shortest and breaks fewer syllables."""
    fewer = case.results.difference(chosen, best, "broken_syllables")
    sure = bool(fewer and fewer.clear_of_zero)
    cut = [case.results.value(result, "broken_syllables") for result in (chosen, best)]
    told = " / ".join(percent(value) if value else "?" for value in cut)
    tokens, word = signed(gap) if gap else "?", VERDICTS["clear" if sure else "unresolved"]
    return both(
        f"Choose {chosen.entry.name}: it needs as few tokens as the shortest, {best.entry.name} ({tokens}), and breaks fewer "
        f"syllables ({told}; {word['en']}).",
        f"고를 것: {chosen.entry.name}. 토큰이 가장 적은 것({best.entry.name})과 비슷하고({tokens}) 음절을 덜 자른다({told}; {word['ko']}).",
    ), "clear" if sure else "unresolved"


def _spread(case: Case) -> Line | None:
    """Say how far the units lie apart at one size, the shortest beside the longest."""
    ranked = comparable(case)
    if len(ranked) < 2:
        return None
    best, worst = ranked[0][0], ranked[-1][0]
    gap = case.results.relative(worst, best, "tokens_per_byte")
    word = verdict(gap)
    told = signed(gap) if gap else "?"
    return both(
        f"At one size the choice of unit moves the tokens of the text by up to {told} ({best.entry.name} to "
        f"{worst.entry.name}): {VERDICTS[word]['en']}.",
        f"크기가 같을 때 단위에 따른 토큰 수 차이는 최대 {told}({best.entry.name} → {worst.entry.name}): {VERDICTS[word]['ko']}.",
    ), _STRENGTH[word]


def _size_effect(case: Case) -> Line | None:
    """Say what a larger vocabulary brings, next to what the unit does."""
    ladder = case.ladder()
    if len(ladder) < 2:
        return None
    small, large = ladder[0], ladder[-1]
    gap = case.results.relative(large, small, "tokens_per_byte")
    word = verdict(gap)
    told = signed(gap) if gap else "?"
    return both(
        f"A larger vocabulary, {small.entry.name} to {large.entry.name}, changes the tokens of the text by {told}: "
        f"{VERDICTS[word]['en']}.",
        f"어휘를 키우면({small.entry.name} → {large.entry.name}) 글의 토큰 수는 {told}: {VERDICTS[word]['ko']}.",
    ), _STRENGTH[word]


def _premium(case: Case) -> Line | None:
    """Say what the dearest published tokenizer here charges, if it surely does."""
    loaded = [(r, v) for r, v in case.values("premium") if r.kind == "loaded" and v.low is not None and v.low > 1]
    if not loaded or case.plan.languages is None:
        return None
    result, value = max(loaded, key=lambda pair: pair[1].value)
    first, second = case.plan.languages
    return both(
        f"{result.entry.name} needs {number(value)} times as many tokens for {first} as for {second}.",
        f"같은 문장에 {result.entry.name} 토크나이저가 쓰는 토큰은 {first} 쪽이 {second} 쪽의 {number(value)}배.",
    ), "clear"


def _needs_model(case: Case) -> Line:
    command = LM_COMMAND.format(lang=case.plan.lang)
    return both(
        f"Whether shorter text makes a better model, no count can tell: {command}",
        f"글이 짧아지면 모델도 나아지는지는 세어서 알 수 없다: {command}",
    ), "needs-model"
