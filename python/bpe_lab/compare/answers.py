"""The nine questions of Korean, answered in sentences built from the figures. Invents nothing.

The questions are those of docs/korean.md; what is sure and what is not is judged in `wording`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bpe_lab.compare import studies
from bpe_lab.compare.plan import Both, both
from bpe_lab.compare.run import Result
from bpe_lab.compare.wording import (
    LM_COMMAND,
    MATERIAL,
    VERDICTS,
    Case,
    count,
    figure_of,
    joined,
    listed,
    number,
    percent,
    signed,
    verdict,
)
from bpe_lab.metrics import METRICS, Estimate


@dataclass(frozen=True)
class Answer:
    """What is said to a question, and what it rests on."""

    says: Both
    figures: list[dict[str, Any]]
    needs_model: Both | None = None
    """What of the question a language model's loss would answer."""


_NOT_MEASURED = both("This was not measured in this comparison.", "이번 비교에서는 재지 않았다.")


# -- the nine questions


def hangul_in_vocabulary(case: Case) -> Answer:
    """Answer 1: is Hangul in the vocabulary, and how much of it."""
    names = ("vocab_with_hangul", "vocab_atomic_syllables", "vocab_atomic_ksx1001")
    held = [[value for _, value in [*case.values(name)]] for name in names]
    rows = case.values(names[0])
    if not rows:
        return Answer(_NOT_MEASURED, [])
    told = [
        (r.entry.name, r.n_tokens, *(f"{case_value.value:,.0f}" for case_value in values))
        for (r, _), *values in zip(rows, *held, strict=True)
    ]
    whole = [(r, Estimate(1 - v.value, _not(v.high), _not(v.low))) for r, v in case.values("broken_syllables")]
    counted = both(
        "Tokens that hold a Hangul syllable / modern syllables that are a token of their own (of 11,172) / those among KS X "
        "1001's 2,350; counts of the vocabulary, so without an interval: "
        + "; ".join(f"{name}: {h} of {n:,} / {a} / {k}" for name, n, h, a, k in told)
        + ".",
        "한글 음절이 든 토큰 / 홀로 토큰인 현대 음절(11,172자 중) / 그 가운데 KS X 1001(2,350자). 어휘를 센 값이라 구간이 없다. "
        + "; ".join(f"{name}: {n:,}개 중 {h} / {a} / {k}" for name, n, h, a, k in told)
        + ".",
    )
    used = both(
        f"Of the syllables in the held-out text, this share lies whole within a token: {listed(whole, percent)}.",
        f"떼어 둔 글의 음절 가운데 한 토큰 안에 온전히 든 비율: {listed(whole, percent)}.",
    )
    figures = [row for name in names for row in figure_of(name, case.values(name))]
    return Answer(joined(counted, used if whole else None, _absent(case)), figures)


def _not(x: float | None) -> float | None:
    return None if x is None else 1 - x


def _absent(case: Case) -> Both | None:
    names = ", ".join(result.entry.name for result in case.absent())
    if not names:
        return None
    return both(
        f"Not on this machine, so not counted: {names}; their rows say how to get them.",
        f"이 기계에 없어 세지 못한 것: {names}. 구하는 법은 표의 해당 행에 있다.",
    )


def unseen_words(case: Case) -> Answer:
    """Answer 2: into what an unseen word is cut, and how often a syllable is broken."""
    fertility, broken = case.values("band_fertility_unseen"), case.values("broken_syllables")
    if not fertility:
        return Answer(_NOT_MEASURED, [])
    inside, bytes_in = case.values("band_broken_unseen"), case.values("band_fallback_unseen")
    says = joined(
        both(
            f"An eojeol that the training text does not hold becomes so many tokens: {listed(fertility, number)}. "
            f"Of its syllables, cut inside: {listed(inside, percent)}. "
            f"Of such eojeol, with a token below a character (bytes or jamo): {listed(bytes_in, percent)}.",
            f"학습 글에 없던 어절이 잘리는 토큰 수: {listed(fertility, number)}. "
            f"그 음절 가운데 안이 잘린 비율: {listed(inside, percent)}. "
            f"글자보다 작은 토큰(바이트나 자모)이 든 어절의 비율: {listed(bytes_in, percent)}.",
        ),
        _least_broken(case, broken),
    )
    return Answer(says, figure_of("band_fertility_unseen", fertility) + figure_of("broken_syllables", broken))


def _least_broken(case: Case, broken: "list[tuple[Result, Estimate]]") -> Both | None:
    """Say which of ours breaks fewest syllables, and whether the next one differs from it."""
    ours = sorted((pair for pair in broken if pair[0].kind == "trained"), key=lambda pair: pair[1].value)
    if len(ours) < 2:
        return None
    (best, least), (second, _), (worst, most) = ours[0], ours[1], ours[-1]
    gap = case.results.difference(second, best, "broken_syllables")
    told = VERDICTS["clear" if gap and gap.clear_of_zero else "unresolved"]
    return both(
        f"Over the whole text {best.entry.name} breaks fewest syllables, {percent(least)}, and {worst.entry.name} most, "
        f"{percent(most)}; the lead over {second.entry.name}: {told['en']}.",
        f"글 전체에서 음절을 가장 덜 자르는 것: {best.entry.name} {percent(least)}, 가장 많이 자르는 것: {worst.entry.name} "
        f"{percent(most)}. 다음으로 적은 것({second.entry.name})과의 차이: {told['ko']}.",
    )


def premium(case: Case) -> Answer:
    """Answer 3: is Korean cut finer than English."""
    rows = case.values("premium")
    if not rows:
        return Answer(_NOT_MEASURED, [])
    finer = [pair for pair in rows if _side(pair[1], 1.0) > 0]
    coarser = [pair for pair in rows if _side(pair[1], 1.0) < 0]
    open_ = [pair for pair in rows if _side(pair[1], 1.0) == 0]
    raw = next((case.results.value(result, "byte_premium") for result, _ in rows), None)
    says = joined(
        _group(
            finer,
            "Finer, by this many tokens for one of the same sentences in English: {}.",
            "더 잘게 잘린다. 같은 문장에 드는 토큰이 영어의 몇 배인가: {}.",
        ),
        _group(coarser, "No, Korean takes fewer tokens by: {}.", "한국어 토큰이 더 적은 것: {}."),
        _group(open_, "Not resolved on these sentences: {}.", "이 문장들로는 가릴 수 없는 것: {}."),
        raw
        and both(f"In bytes Korean is {number(raw)} times English.", f"바이트로는 한국어가 영어의 {number(raw)}배다."),
        _mix_sentence(case),
        _absent(case),
    )
    return Answer(says, figure_of("premium", rows))


def _side(value: Estimate, of: float) -> int:
    """Return 1 where the interval lies above `of`, -1 below, 0 where it holds it or is not known."""
    if value.low is None or value.high is None:
        return 0
    return (value.low > of) - (value.high < of)


def _group(rows: "list[tuple[Result, Estimate]]", en: str, ko: str) -> Both | None:
    told = listed(rows, number)
    return both(en.format(told), ko.format(told)) if rows else None


def _mix_sentence(case: Case) -> Both | None:
    shown = case.facts.get(studies.MIX, {}).get("shown", ())
    found = [(entry, value) for entry, result in shown if (value := case.results.value(result, "premium"))]
    if len(found) < 2:
        return None
    (low, a), (high, b) = (pick(found, key=lambda pair: float(pair[0].x)) for pick in (min, max))
    apart = (
        _side(a, b.high if b.high is not None else b.value) > 0
        or _side(b, a.high if a.high is not None else a.value) > 0
    )
    en = "so the mix of the training text decides it" if apart else "and the intervals overlap: not resolved"
    ko = "학습 글의 혼합이 이를 정한다" if apart else "구간이 겹쳐 가릴 수 없다"
    return both(
        f"With {low.x:g} % Korean in training it is {number(a)}, with {high.x:g} % {number(b)}: {en}.",
        f"학습 글에 한국어가 {low.x:g} %면 {number(a)}배, {high.x:g} %면 {number(b)}배: {ko}.",
    )


def whole_words(case: Case) -> Answer:
    """Answer 4: does a whole word as one token pay."""
    ladder = case.ladder()
    needs = both("whether it pays in a model's loss", "모델의 손실에서도 이득인지")
    if len(ladder) < 2:
        return Answer(_NOT_MEASURED, [], needs)
    small, large = ladder[0], ladder[-1]
    fewer = case.results.relative(large, small, "tokens_per_byte")
    ones = [(r, v) for r in (small, large) if (v := case.results.value(r, "one_token_eojeol"))]
    room = [(r, v) for r in (small, large) if (v := case.results.value(r, "context_eojeol_p50"))]
    says = joined(
        both(
            f"In length: from {small.entry.name} to {large.entry.name}, eojeol that are one token go "
            f"{' -> '.join(percent(v) for _, v in ones)}, and the tokens of the text change by "
            f"{signed(fewer) if fewer else '?'} ({VERDICTS[verdict(fewer)]['en']}).",
            f"길이({small.entry.name} → {large.entry.name}): 한 토큰인 어절은 {' → '.join(percent(v) for _, v in ones)}, "
            f"글의 토큰 수는 {signed(fewer) if fewer else '?'} ({VERDICTS[verdict(fewer)]['ko']}).",
        ),
        _band_gain(case, small, large),
        (
            room
            and both(
                f"In context: 1,024 tokens hold {' -> '.join(number(v, 0) for _, v in room)} eojeol (median).",
                f"문맥: 1,024토큰에 드는 어절은 {' → '.join(number(v, 0) for _, v in room)}(중앙값).",
            )
        )
        or None,
        _superword_gain(case),
    )
    return Answer(says, figure_of("one_token_eojeol", ones) + figure_of("context_eojeol_p50", room), needs)


def _band_gain(case: Case, small: Result, large: Result) -> Both | None:
    """Say where the tokens are saved: among common eojeol, or among unseen ones."""
    gains = [case.results.relative(large, small, f"band_fertility_{band}") for band in ("top1k", "unseen")]
    if None in gains:
        return None
    common, unseen = (signed(gain) for gain in gains if gain)
    return both(
        f"Tokens per eojeol change by {common} among the commonest 1,000 and by {unseen} among those unseen in training.",
        f"어절당 토큰 수의 변화: 가장 흔한 1,000개에서 {common}, 학습 글에 없던 것에서 {unseen}.",
    )


def _superword_gain(case: Case) -> Both | None:
    """Say what tokens over several words save, beside the same recipe without."""
    pairs = _with_and_without(case, "superword=")
    told = [(r, d) for r, other in pairs if (d := case.results.relative(r, other, "tokens_per_byte"))]
    if not told:
        return None
    return both(
        "Tokens over several words (superwords) change the tokens of the text by: "
        + "; ".join(f"{r.entry.name} {signed(d)}, {VERDICTS[verdict(d)]['en']}" for r, d in told)
        + ".",
        "여러 어절에 걸치는 토큰(superword)을 쓸 때 글의 토큰 수 변화: "
        + "; ".join(f"{r.entry.name} {signed(d)}, {VERDICTS[verdict(d)]['ko']}" for r, d in told)
        + ".",
    )


def _with_and_without(case: Case, key: str) -> list[tuple[Result, Result]]:
    """Return each measured recipe that has a key, with the recipe that lacks nothing but that."""
    measured = {result.entry.recipe: result for result in case.results.all if result.measured}
    found = []
    for recipe, result in measured.items():
        bare = ",".join(part for part in recipe.split(",") if not part.startswith(key))
        if bare != recipe and bare in measured:
            found.append((result, measured[bare]))
    return found


def enough_text(case: Case) -> Answer:
    """Answer 5: how much text is enough, and which sample of it."""
    facts = case.facts.get(studies.SAMPLES)
    if not facts:
        return Answer(_NOT_MEASURED, [])
    rows, enough = facts["rows"], facts["enough"]
    size = f"{case.plan.train.n_bytes:,}"
    told = "; ".join(
        f"{row['sample']:g} %: {signed(Estimate(**row['most_more']))}, {100 * row['recovered']['value']:.0f} %"
        for row in rows
        if row["sample"] < 100
    )
    first = (
        both(
            f"The smallest sample whose {studies.N_DRAWS} draws all stay within {100 * studies.WITHIN:g} % of the full text is {enough:g} %.",
            f"{studies.N_DRAWS}번 뽑은 것이 모두 전체와 {100 * studies.WITHIN:g} % 안에 드는 가장 작은 표본은 {enough:g} %다.",
        )
        if enough < 100
        else both(
            f"No sample below the whole stays within {100 * studies.WITHIN:g} % of it: {size} bytes are not enough, and more text would help.",
            f"전체보다 작은 표본은 어느 것도 {100 * studies.WITHIN:g} % 안에 들지 않는다. {size}바이트로는 모자라고, 글이 더 있으면 더 나아진다.",
        )
    )
    rest = both(
        f"Tokens above the full text in the worst draw, and share of the full vocabulary recovered: {told}.",
        f"가장 나쁜 표본이 전체보다 더 쓰는 토큰, 전체 어휘 가운데 얻은 몫: {told}.",
    )
    return Answer(joined(first, rest, _which_sample(rows)), [])


def _which_sample(rows: list[dict[str, Any]]) -> Both | None:
    """Say how far the draws of one size lie apart."""
    spread = [(row["sample"], row["tokens_per_byte"]) for row in rows if row["draws"] > 1]
    if not spread:
        return None
    percent_, band = max(spread, key=lambda pair: pair[1]["high"] / pair[1]["low"])
    apart = Estimate(band["high"] / band["low"] - 1)
    matters = apart.value >= MATERIAL
    return both(
        f"Which documents are drawn {'matters' if matters else 'hardly matters'}: draws of one size differ by up to {percent(apart)} (at {percent_:g} %).",
        f"어느 문서를 뽑느냐는 {'차이를 낸다' if matters else '거의 차이를 내지 않는다'}: 같은 크기의 표본끼리 최대 {percent(apart)} 차이({percent_:g} %에서).",
    )


def inside_a_syllable(case: Case) -> Answer:
    """Answer 6: can a fragment carry information. Only a model can tell; how often it could is known."""
    rows = case.values("broken_syllables")
    needs = both("how many bits a model spends inside a syllable", "모델이 음절 안에서 몇 비트를 쓰는지")
    says = both(
        "Only a language model's loss can tell. It could spend bits inside a syllable only where a token's edge lies in one, "
        f"and that is so for this share of syllables: {listed(rows, percent)}.",
        "언어 모델의 손실만이 답할 수 있다. 음절 안에서 비트를 쓰려면 토큰 경계가 음절 안에 있어야 하는데, 그런 음절의 비율은 "
        f"{listed(rows, percent)}.",
    )
    return Answer(says, figure_of("broken_syllables", rows), needs)


def safety_net(case: Case) -> Answer:
    """Answer 7: how often single characters and bytes are used, and what `<unk>` would lose."""
    rows = case.values("fallback_chars")
    words = case.values("fallback_eojeol")
    if not rows:
        return Answer(_NOT_MEASURED, [])
    unk = [(r, v, w) for r in case.results.all if (v := r.given.get("unk_eojeol")) and (w := r.given.get("unk_chars"))]
    lost = "; ".join(f"{r.entry.name}: {percent(v)} / {percent(w)}" for r, v, w in unk)
    says = joined(
        both(
            f"Characters written with a token below a character: {listed(rows, percent)}; eojeol that hold one: {listed(words, percent)}.",
            f"글자보다 작은 토큰으로 적힌 글자: {listed(rows, percent)}. 그런 글자가 든 어절: {listed(words, percent)}.",
        ),
        both(
            f"Without that net, <unk> would lose of the eojeol / of the characters: {lost}. So there is a point in it.",
            f"이 안전망이 없으면 <unk>로 잃는 어절 / 글자: {lost}. 그러니 둘 이유가 있다.",
        )
        if any(v.value > 0 for _, v, _ in unk)
        else both(
            f"On this text closed vocabularies lose nothing: {lost}.",
            f"이 글에서는 닫힌 어휘도 잃는 것이 없다: {lost}.",
        )
        if unk
        else None,
    )
    return Answer(says, figure_of("fallback_chars", rows) + figure_of("fallback_eojeol", words))


def cut_differently(case: Case) -> Answer:
    """Answer 8: is the same word cut differently by tokenizers trained on other text."""
    facts = case.facts.get(studies.TRAIN_SETS)
    if not facts or "alike" not in facts:
        return Answer(_NOT_MEASURED, [])
    left, right = facts["names"]
    words = ", ".join(word.decode("utf-8", "replace") for word, _ in facts["differently"][:5])
    share: Estimate = facts["alike"]
    yes = share.high is not None and share.high < 1
    examples = both(f"The commonest that differ: {words}.", f"다르게 잘린 가장 흔한 어절: {words}.") if words else None
    return Answer(
        joined(
            both(
                f"{'Yes' if yes else 'Not resolved'}: trained on {left} and on {right}, {percent(share)} of the eojeol of the held-out text are "
                f"cut alike; the vocabularies share {100 * facts['shared']:.0f} % of the tokens that either has.",
                f"{'그렇다' if yes else '가릴 수 없다'}: {left} 글과 {right} 글로 따로 학습하면 떼어 둔 글에서 똑같이 잘리는 어절은 {percent(share)}. "
                f"두 어휘 중 어느 쪽에든 있는 토큰 가운데 {100 * facts['shared']:.0f} %가 양쪽에 다 있다.",
            ),
            examples,
        ),
        [],
    )


def other_scripts(case: Case) -> Answer:
    """Answer 9: what becomes of Hanja and other scripts."""
    hanja, hangul = case.values("tokens_per_char_hanja"), case.values("tokens_per_char_hangul")
    if not hanja:
        return Answer(_NOT_MEASURED, [])
    fallback, atoms = case.values("fallback_hanja"), case.values("vocab_atomic_ideographs")
    old = case.values("old_hangul")
    dearer = [r.entry.name for r, v in hanja if (h := dict(_by_id(hangul)).get(r.id)) and _above(v, h)]
    says = joined(
        both(
            f"Tokens a Hanja: {listed(hanja, number)}; of Hanja, written with bytes: {listed(fallback, percent)}; "
            f"ideographs that are a token: {listed(atoms, count)}.",
            f"한자 한 자의 토큰 수: {listed(hanja, number)}. 바이트로 적힌 한자: {listed(fallback, percent)}. 토큰인 한자 수: {listed(atoms, count)}.",
        ),
        both(
            f"Surely dearer than a Hangul syllable in: {', '.join(dearer)}.",
            f"한글 음절보다 분명히 비싼 것: {', '.join(dearer)}.",
        )
        if dearer
        else both(
            "Whether a Hanja is dearer than a Hangul syllable is not resolved.",
            "한자가 한글 음절보다 비싼지는 가릴 수 없다.",
        ),
        both(
            f"Tokens a syllable of old Hangul: {listed(old, number)}.",
            f"옛한글 한 음절의 토큰 수: {listed(old, number)}.",
        )
        if old
        else None,
        _others_sentence(case),
    )
    return Answer(says, figure_of("tokens_per_char_hanja", hanja) + figure_of("fallback_hanja", fallback))


def _by_id(rows: "list[tuple[Result, Estimate]]") -> list[tuple[str, Estimate]]:
    return [(result.id, value) for result, value in rows]


def _above(a: Estimate, b: Estimate) -> bool:
    """Tell whether `a`'s interval lies wholly above `b`'s."""
    return a.low is not None and b.high is not None and a.low > b.high


def _others_sentence(case: Case) -> Both | None:
    found = [(script, case.values(f"tokens_per_char_{script}")) for script in ("latin", "digits", "kana")]
    told = [(METRICS[f"tokens_per_char_{s}"].title, listed(rows[:1], number)) for s, rows in found if rows]
    if not told:
        return None
    return both(
        "Others, by the first unit: " + "; ".join(f"{title['en']} {value}" for title, value in told) + ".",
        "그 밖(첫 단위 기준): " + "; ".join(f"{title['ko']} {value}" for title, value in told) + ".",
    )


QUESTIONS: tuple[tuple[Both, Callable[[Case], Answer]], ...] = (
    (
        both(
            "Is Hangul in the vocabulary at all, and how much of it?", "어휘에 한글이 들어 있는가, 얼마나 들어 있는가?"
        ),
        hangul_in_vocabulary,
    ),
    (
        both(
            "Into what is an unseen Hangul word cut, and how often is a syllable itself broken?",
            "처음 보는 한글 낱말은 무엇으로 잘리는가, 음절 자체는 얼마나 자주 깨지는가?",
        ),
        unseen_words,
    ),
    (both("Is Korean cut finer than English?", "한국어는 영어보다 잘게 잘리는가?"), premium),
    (
        both(
            "Does a whole word as one token pay: in length, in context, in loss?",
            "낱말 하나를 통째로 한 토큰으로 두면 이득인가: 길이, 문맥, 손실에서?",
        ),
        whole_words,
    ),
    (
        both(
            "How much text, and which sample of it, is enough to train a vocabulary?",
            "어휘를 학습하려면 글이 얼마나, 어떤 표본이 있어야 하는가?",
        ),
        enough_text,
    ),
    (
        both(
            "Can a fragment smaller than a character carry information?", "글자보다 작은 조각이 정보를 담을 수 있는가?"
        ),
        inside_a_syllable,
    ),
    (
        both(
            "Is there a point in single characters and bytes in the vocabulary?",
            "어휘에 낱글자와 바이트를 둘 까닭이 있는가?",
        ),
        safety_net,
    ),
    (
        both(
            "Is the same word cut differently by tokenizers trained on other text?",
            "다른 글로 학습한 토크나이저는 같은 낱말을 다르게 자르는가?",
        ),
        cut_differently,
    ),
    (both("What becomes of Hanja and other scripts?", "한자와 다른 문자는 어떻게 되는가?"), other_scripts),
)
"""The nine questions, in order."""


def answers(case: Case) -> list[dict[str, Any]]:
    """Return the questions with their answers, as the JSON of a comparison has them."""
    command = LM_COMMAND.format(lang=case.plan.lang)
    found = []
    for n, (question, answer) in enumerate(QUESTIONS, 1):
        given = answer(case)
        needs = given.needs_model and {"what": given.needs_model, "command": command}
        found.append({"n": n, "question": question, "answer": given.says, "figures": given.figures, "needs": needs})
    return found
