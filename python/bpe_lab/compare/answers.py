"""The nine questions of Korean, answered from the figures. Decides what is said; how it is said stands in `phrases`.

The questions are those of docs/korean.md; what is sure and what is not is judged in `wording`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bpe_lab.compare import loss, studies
from bpe_lab.compare.phrases import QUESTIONS, VERDICTS, joined, language, say, text_name
from bpe_lab.compare.plan import Both
from bpe_lab.compare.run import Result
from bpe_lab.compare.wording import (
    LM_COMMAND,
    MATERIAL,
    Case,
    Row,
    arrow,
    count,
    figures_of,
    listed,
    number,
    percent,
    side,
    signed,
    telling,
    verdict,
)
from bpe_lab.downstream import Cell
from bpe_lab.downstream.pairing import SEEDS_TO_CLAIM
from bpe_lab.metrics import METRICS, Estimate


@dataclass(frozen=True)
class Answer:
    """What is said to a question, and what it rests on."""

    says: Both
    figures: list[dict[str, Any]]
    needs_model: Both | None = None
    """What of the question a language model's loss would answer."""
    loss: Both | None = None
    """What a language model's loss says to it."""


def _not_measured(needs_model: Both | None = None, what: str | Both | None = None) -> Answer:
    """Say that there is no figure, and which option or recipes would give one."""
    return Answer(say("measured-with", what=what) if what else say("not-measured"), [], needs_model)


def _absent(case: Case) -> Both | None:
    names = [result.entry.name for result in case.absent()]
    return say("absent", names=", ".join(names)) if names else None


# -- 1: Hangul in the vocabulary


def hangul_in_vocabulary(case: Case) -> Answer:
    """Is Hangul in the vocabulary, and how much of it."""
    names = ("vocab_with_hangul", "vocab_atomic_syllables", "vocab_atomic_ksx1001")
    rows, atoms, standard = map(case.values, names)
    if not rows:
        return _not_measured()
    without = [result.entry.name for result, value in rows if not value.value]
    of_2350 = {result.id: value for result, value in standard}
    told = "; ".join(
        f"{r.entry.name}: {count(v)} ({count(of_2350[r.id])})" for r, v in telling(atoms) if r.id in of_2350
    )
    whole = [(r, Estimate(1 - v.value, _rest(v.high), _rest(v.low))) for r, v in case.values("broken_syllables")]
    says = joined(
        say("some-without-hangul", names=", ".join(without)) if without else say("none-without-hangul"),
        say("hangul", tokens=listed(rows, count), atoms=told),
        say("whole-syllables", whole=listed(whole, percent)) if whole else None,
        _absent(case),
    )
    return Answer(says, figures_of(case, *names[:2]))


def _rest(x: float | None) -> float | None:
    return None if x is None else 1 - x


# -- 2: unseen words


def unseen_words(case: Case) -> Answer:
    """Into what is an unseen word cut, and how often is a syllable broken."""
    names = ("band_fertility_unseen", "band_broken_unseen", "band_fallback_unseen")
    fertility, broken, fallback = map(case.values, names)
    if not fertility:
        return _not_measured()
    unseen = say(
        "unseen",
        fertility=listed(fertility, number),
        broken=listed(broken, percent) or say("no-syllables"),
        fallback=listed(fallback, percent),
    )
    return Answer(joined(unseen, _below(case), _least_broken(case)), figures_of(case, names[0], "broken_syllables"))


def _below(case: Case) -> Both | None:
    """Say of which tokenizers the pieces below a syllable are jamo, and of which bytes."""
    bytes_ = {result.id: value.value for result, value in case.values("emitted_fragment")}
    jamo = {result.id: value.value for result, value in case.values("emitted_jamo_fragment")}
    named = {r.id: r.entry.name for _, r in case.units() if jamo.get(r.id, 0) + bytes_.get(r.id, 0)}
    of_jamo = [name for id, name in named.items() if jamo.get(id, 0) > bytes_.get(id, 0)]
    of_bytes = [name for name in named.values() if name not in of_jamo]
    if not of_jamo:
        return say("below-are-bytes") if of_bytes else None
    return say("below-a-syllable", jamo=", ".join(of_jamo), bytes=", ".join(of_bytes) or "-")


def _least_broken(case: Case) -> Both | None:
    """Say which of ours breaks fewest syllables, and whether the next one surely breaks more."""
    ours = sorted(case.trained("broken_syllables"), key=lambda row: row[1].value)
    if len(ours) < 2:
        return None
    (best, least), (second, _), (worst, most) = ours[0], ours[1], ours[-1]
    gap = case.results.difference(second, best, "broken_syllables")
    return say(
        "least-broken",
        best=best.entry.name,
        least=percent(least),
        worst=worst.entry.name,
        most=percent(most),
        second=second.entry.name,
        verdict=VERDICTS["clear" if gap and gap.clear_of_zero else "unresolved"],
    )


# -- 3: the premium


def premium(case: Case) -> Answer:
    """Is Korean cut finer than English."""
    rows = case.values("premium")
    if not rows or case.plan.languages is None:
        return _not_measured(what="--parallel x.ko x.en")
    other = language(case.plan.languages[1])
    sides = {"finer": 1, "coarser": -1, "as-fine": 0}
    grouped = {key: [row for row in rows if side(row[1], 1.0) == where] for key, where in sides.items()}
    raw = case.results.value(rows[0][0], "byte_premium")
    says = joined(
        *(say(key, rows=listed(found, number), other=other) for key, found in grouped.items() if found),
        say("raw-bytes", bytes=number(raw), other=other) if raw else None,
        _mix(case),
        _absent(case),
    )
    return Answer(says, figures_of(case, "premium"))


def _mix(case: Case) -> Both | None:
    """Say what the least and the largest share of the language in training make of the premium."""
    shown = case.facts.get(studies.MIX, {}).get("shown", ())
    found = [(entry, value) for entry, result in shown if (value := case.results.value(result, "premium"))]
    if len(found) < 2:
        return None
    (low, a), (high, b) = (pick(found, key=lambda pair: float(pair[0].x)) for pick in (min, max))
    key = "mix-decides" if _apart(a, b) else "mix-open"
    first = language(case.plan.languages[0]) if case.plan.languages else ""
    return say(key, low=f"{low.x:g}", a=number(a), high=f"{high.x:g}", b=number(b), first=first)


def _apart(a: Estimate, b: Estimate) -> bool:
    """Tell whether two intervals have nothing in common."""
    if None in (a.low, a.high, b.low, b.high):
        return False
    return bool(a.low > b.high or b.low > a.high)  # type: ignore[operator]


# -- 4: whole words


def whole_words(case: Case) -> Answer:
    """Does a whole word as one token pay."""
    ladder, of_loss = case.ladder(), _loss_of_words(case)
    needs = None if of_loss else say("loss-two-sizes" if case.models else "loss-of-words")
    if len(ladder) < 2:
        several = _superwords(case)
        return Answer(several, [], needs, of_loss) if several else _not_measured(needs, say("two-sizes"))
    ends = [ladder[0], ladder[-1]]
    says = joined(_length(case, *ends), _band_gain(case, *ends), _room(case, ends), _superwords(case))
    figures = figures_of(case, "one_token_eojeol", "context_eojeol_p50", among=ends)
    return Answer(says, figures, needs, of_loss)


def _loss_of_words(case: Case) -> Both | None:
    """Say what two sizes of one unit, and superwords, do to a model's loss; None where no such pair has a model."""
    parts = [_loss_of_sizes(case), _loss_of_superwords(case)]
    return joined(*parts) if any(parts) else None


def _loss_of_sizes(case: Case) -> Both | None:
    arms = [result for result, cell in case.models.cells() if cell.bpb] if case.models else []
    for unit in dict.fromkeys(result.entry.series for result in arms):
        sizes = sorted((r for r in arms if r.entry.series == unit and r.entry.x), key=lambda r: float(r.entry.x))
        if case.models and len(sizes) > 1 and (gap := case.models.difference(sizes[-1], sizes[0])):
            small, large = sizes[0].entry.name, sizes[-1].entry.name
            told = {"gap": signed(gap.relative), "verdict": loss.told(gap)}
            return say("loss-of-sizes", small=small, large=large, **told)
    return None


def _loss_of_superwords(case: Case) -> Both | None:
    pairs = _with_and_without(case, "superword=") if case.models else []
    gaps = [(r, case.models.difference(r, bare)) for r, bare in pairs if case.models]
    told = {
        lang: "; ".join(f"{r.entry.name}: {signed(gap.relative)}, {loss.told(gap)[lang]}" for r, gap in gaps if gap)
        for lang in ("en", "ko")
    }
    return say("loss-of-superwords", rows=told) if told["en"] else None


def _length(case: Case, small: Result, large: Result) -> Both:
    gap = case.results.relative(large, small, "tokens_per_byte")
    return say(
        "longer-tokens",
        small=small.entry.name,
        large=large.entry.name,
        ones=arrow(case, "one_token_eojeol", (small, large), percent),
        gap=signed(gap),
        verdict=VERDICTS[verdict(gap)],
    )


def _band_gain(case: Case, small: Result, large: Result) -> Both | None:
    """Say where the tokens are saved: among common eojeol, or among unseen ones."""
    common, unseen = (case.results.relative(large, small, f"band_fertility_{band}") for band in ("top1k", "unseen"))
    return say("band-gain", common=signed(common), unseen=signed(unseen)) if common and unseen else None


def _room(case: Case, ends: list[Result]) -> Both | None:
    told = arrow(case, "context_eojeol_p50", ends, lambda value: number(value, 0))
    return say("context", room=told) if told else None


def _superwords(case: Case) -> Both | None:
    """Say what tokens over several words save, beside the same recipe without them."""
    gaps = [(r, case.results.relative(r, bare, "tokens_per_byte")) for r, bare in _with_and_without(case, "superword=")]
    told = {
        lang: "; ".join(f"{r.entry.name}: {signed(gap)}, {VERDICTS[verdict(gap)][lang]}" for r, gap in gaps if gap)
        for lang in ("en", "ko")
    }
    return say("superwords", rows=told) if told["en"] else None


def _with_and_without(case: Case, key: str) -> list[tuple[Result, Result]]:
    """Return each measured recipe that has a key, with the recipe that lacks nothing but that."""
    measured = {result.entry.recipe: result for result in case.results.all if result.measured}
    bare = {recipe: ",".join(p for p in recipe.split(",") if not p.startswith((key, "name="))) for recipe in measured}
    return [(measured[r], measured[b]) for r, b in bare.items() if key in r and b in measured]


# -- 5: how much text


def enough_text(case: Case) -> Answer:
    """How much text is enough, and which sample of it."""
    facts = case.facts.get(studies.SAMPLES)
    if not facts:
        return _not_measured(what="--samples 1%,3%,10%,30%,100%")
    rows, within = facts["rows"], f"{100 * studies.WITHIN:g}"
    told = "; ".join(
        f"{row['sample']:g} % → {signed(Estimate(**row['most_more']))}, {100 * row['recovered']['value']:.0f} %"
        for row in rows
        if row["sample"] < 100
    )
    first = (
        say("enough", n=studies.N_DRAWS, within=within, sample=f"{facts['enough']:g}")
        if facts["enough"] < 100
        else say("not-enough", within=within, size=f"{case.plan.train.n_bytes:,}")
    )
    return Answer(joined(first, say("samples", rows=told, base=facts["base"]), _draws(rows)), [])


def _draws(rows: list[dict[str, Any]]) -> Both | None:
    """Say how far the draws of one size lie apart."""
    bands = [(row["tokens_per_byte"], row["sample"]) for row in rows if row["draws"] > 1]
    if not bands:
        return None
    apart, sample = max((band["high"] / band["low"] - 1, sample) for band, sample in bands)
    key = "draws-matter" if apart >= MATERIAL else "draws-alike"
    return say(key, apart=percent(Estimate(apart)), sample=f"{sample:g}")


# -- 6: inside a syllable


def inside_a_syllable(case: Case) -> Answer:
    """Can a fragment carry information. Only a model can tell; how often it could is known."""
    if of_loss := _loss_inside(case):
        return of_loss
    rows, needs = case.values("broken_syllables"), say("loss-inside")
    if not rows:
        return _not_measured(needs)
    return Answer(say("inside", rows=listed(rows, percent)), figures_of(case, "broken_syllables"), needs)


def _loss_inside(case: Case) -> Answer | None:
    """Say how many bits a model spends inside a syllable, and whether that is surely more than none."""
    models = case.models
    if models is None:
        return None
    cells = [(r, cell, inside) for r, cell in models.cells() if cell.bpb and (inside := loss.inside_a_syllable(cell))]
    if not cells:
        return None
    sure = [result.entry.name for result, _, inside in cells if side(inside, 0.0) > 0]
    rows = "; ".join(f"{result.entry.name}: {number(inside)}" for result, _, inside in cells)
    totals = {
        lang: "; ".join(
            f"{r.entry.name}: {number(cell.bpb, 3)}{_beside(models, cell, lang)}" for r, cell, _ in cells if cell.bpb
        )
        for lang in ("en", "ko")
    }
    cut = [(r, value) for r, _, _ in cells if (value := case.results.value(r, "broken_syllables"))]
    of_loss = joined(
        say("carries" if sure else "carries-open", rows=rows, verdict=_of_seeds(sure, cells[0][1])),
        say("carries-where", names=", ".join(sure)) if 0 < len(sure) < len(cells) else None,
        say("inside-total", rows=totals),
    )
    says = say("inside-cut", rows="; ".join(f"{r.entry.name}: {percent(value)}" for r, value in cut))
    return Answer(says, loss.figures_of(models, "bits_inside_syllable", "bits_per_byte"), None, of_loss)


def _of_seeds(sure: list[str], cell: Cell) -> Both:
    """Return how sure an interval over seeds makes it."""
    n = len(cell.seeds)
    if not sure:
        return say("loss-one-seed") if n < 2 else say("seeds", n=n)
    return say("loss-resolved" if n >= SEEDS_TO_CLAIM else "loss-leans", n=n)


def _beside(models: loss.Models, cell: Cell, lang: str) -> str:
    """Return how sure the difference to the base is; empty for the base."""
    told = loss.told(cell.difference) if cell.difference else say("is-base")
    return f" ({told[lang]})"


# -- 7: the safety net


def safety_net(case: Case) -> Answer:
    """How often are single characters and bytes used, and what would `<unk>` lose."""
    names = ("fallback_chars", "fallback_eojeol")
    chars, eojeol = map(case.values, names)
    if not chars:
        return _not_measured()
    net = say("safety-net", chars=listed(chars, percent), eojeol=listed(eojeol, percent))
    return Answer(joined(net, _unknown(case)), figures_of(case, *names))


def _unknown(case: Case) -> Both | None:
    """Say what closed vocabularies lose."""
    lost = [(r, [case.results.value(r, name) for name in ("unk_eojeol", "unk_chars")]) for r in case.closed()]
    told = "; ".join(f"{r.entry.name}: {percent(e)} ({percent(c)})" for r, (e, c) in lost if e and c)
    if not told:
        return None
    return say("unk-loses" if any(e and e.value > 0 for _, (e, _) in lost) else "unk-loses-nothing", rows=told)


# -- 8: other training text


def cut_differently(case: Case) -> Answer:
    """Is the same word cut differently by tokenizers trained on other text."""
    facts = case.facts.get(studies.TRAIN_SETS)
    if not facts or "alike" not in facts:
        return _not_measured(what="--train-sets a.txt b.txt")
    left, right = map(text_name, facts["names"])
    share: Estimate = facts["alike"]
    words = ", ".join(word.word.strip() for word in facts["different"][:5])
    key = "cut-differently" if side(share, 1.0) < 0 else "cut-alike"
    says = joined(
        say(key, left=left, right=right, share=percent(share), shared=f"{100 * facts['shared']:.0f}"),
        say("differing-words", words=words) if words else None,
    )
    return Answer(says, [])


# -- 9: other scripts


def other_scripts(case: Case) -> Answer:
    """What becomes of Hanja and other scripts."""
    names = ("tokens_per_char_hanja", "fallback_hanja", "vocab_atomic_ideographs")
    tokens, fallback, atoms = map(case.values, names)
    old, others = case.values("old_hangul"), _others(case)
    if not tokens and not old and not others:
        return _not_measured()
    figures = {"tokens": listed(tokens, number), "fallback": listed(fallback, percent), "atoms": listed(atoms, count)}
    says = joined(
        say("hanja", **figures) if tokens else say("no-hanja"),
        _dearer(case, tokens) if tokens else None,
        say("old-hangul", rows=listed(old, number)) if old else None,
        others,
    )
    return Answer(says, figures_of(case, *names[:2]))


def _dearer(case: Case, hanja: list[Row]) -> Both:
    """Say where a Hanja surely takes more tokens than a Hangul syllable."""
    names = []
    for result, value in hanja:
        hangul = case.results.value(result, "tokens_per_char_hangul")
        if hangul and value.low is not None and hangul.high is not None and value.low > hangul.high:
            names.append(result.entry.name)
    if not names:
        return say("hanja-open")
    return say("hanja-dearer", names=say("everywhere") if len(names) == len(hanja) else ", ".join(names))


def _others(case: Case) -> Both | None:
    """Say what other scripts cost, by the first tokenizer: what they cost depends little on the unit."""
    found = [(script, case.values(f"tokens_per_char_{script}")[:1]) for script in ("latin", "digits", "kana")]
    told = {
        lang: "; ".join(
            f"{_script_title(script, lang)} {number(value)} ({result.entry.name})"
            for script, rows in found
            for result, value in rows
        )
        for lang in ("en", "ko")
    }
    return say("other-scripts", rows=told) if told["en"] else None


def _script_title(script: str, lang: str) -> str:
    return METRICS[f"tokens_per_char_{script}"].title[lang].partition(":")[0]


ANSWERS: tuple[Callable[[Case], Answer], ...] = (
    hangul_in_vocabulary,
    unseen_words,
    premium,
    whole_words,
    enough_text,
    inside_a_syllable,
    safety_net,
    cut_differently,
    other_scripts,
)
"""What answers each of `phrases.QUESTIONS`."""


def answers(case: Case) -> list[dict[str, Any]]:
    """Return the questions with their answers, as the JSON of a comparison has them."""
    command = LM_COMMAND.format(lang=case.plan.lang)
    found = []
    for n, (question, answer) in enumerate(zip(QUESTIONS, ANSWERS, strict=True), 1):
        given = answer(case)
        needs = {"what": given.needs_model, "command": command} if given.needs_model else None
        says = joined(given.says, given.loss)
        found.append({"n": n, "question": question, "answer": says, "figures": given.figures, "needs": needs})
        found[-1]["loss"] = given.loss
    return found
