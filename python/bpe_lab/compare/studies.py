"""The studies: lists of recipes, and small functions that turn their measurements into figures and tables.

`main`, `closed`, `samples`, `mix`, `train_sets`. None trains or measures: `run` does that for all of them alike.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from statistics import fmean
from typing import Any

from bpe_lab.compare import tables
from bpe_lab.compare.phrases import language, text_name
from bpe_lab.compare.plan import (
    EVAL,
    GOLD,
    OLD_HANGUL,
    SENTENCES,
    Both,
    Entry,
    Plan,
    Shown,
    Study,
    both,
    parallel,
    variant,
)
from bpe_lab.compare.recipe import parse_tokenizer, short
from bpe_lab.compare.run import Result, Results, sure
from bpe_lab.metrics import BANDS, KINDS, METRICS, SCRIPTS, TRANSFORMS, CutAlike, Estimate, cut_alike

MAIN, CLOSED, SAMPLES, MIX, TRAIN_SETS = "main", "closed", "samples", "mix", "train-sets"

WITHIN = 0.005
"""A sample is enough from where on every draw needs at most this part more tokens than the full text."""

N_DRAWS = 3
"""Samples of each size."""

N_SHOWN = 10
"""Eojeol that are listed as cut differently."""

_TOKENIZER = both("tokenizer", "토크나이저")
_NONE = both("", "")


# -- main: units x vocabulary sizes, and whatever is loaded


def main(units: Sequence[str], sizes: Sequence[int], others: Iterable[str], languages: tuple[str, ...] | None) -> Study:
    """Return the main study: every unit at every size, then other recipes and tokenizers as they are given."""
    entries = [Entry(f"unit={unit},vocab={n}", f"{unit} {n:,}", unit, n) for unit, n in product(units, sizes)]
    on = (EVAL, *(parallel(lang) for lang in languages or ()), *map(variant, TRANSFORMS), OLD_HANGUL)
    return Study(MAIN, (*entries, *map(entry_of, others)), show_main, on, (SENTENCES, GOLD))


def entry_of(text: str) -> Entry:
    """Return the entry of a recipe or of a tokenizer that is loaded."""
    spec = parse_tokenizer(text)
    vocab = getattr(spec, "vocab", None)
    if vocab is None:
        return Entry(text, spec.title, spec.title, "")
    rest = spec.title.replace(f" {short(vocab)}", "", 1)
    unit, _, options = rest.partition(" ")
    name = " ".join(filter(None, (unit, f"{vocab:,}", options)))
    return Entry(text, name if rest != spec.title else rest, rest, vocab)


MAIN_COLUMNS = (
    "tokens_per_byte",
    "bytes_per_token",
    "fertility",
    "tokens_per_syllable",
    "one_token_eojeol",
    "broken_syllables",
    "premium",
    "gini",
    "renyi_2_5",
    tables.LOSS,
)
_FALLBACK = ("fallback_chars", "fallback_syllables", "fallback_eojeol", "base_symbol_tokens")
_CONTEXT = tuple(f"context_{what}_p{p}" for what in ("bytes", "syllables", "eojeol") for p in (50, 5))
_ANATOMY = (
    "vocab_one_syllable",
    "vocab_space_syllable",
    "vocab_several_syllables",
    "vocab_hangul_mixed",
    "vocab_jamo_bearing",
    "vocab_jamo_fragments",
    "vocab_code_point_fragments",
)
_VOCABULARY = (
    "vocab_with_hangul",
    "vocab_atomic_syllables",
    "vocab_atomic_ksx1001",
    "vocab_atomic_ideographs",
    *_ANATOMY,
    "vocab_used",
    "vocab_rare",
    "vocab_intermediate",
)
_MORPHOLOGY = ("morpheme_precision", "morpheme_recall", "morpheme_f1", "morpheme_ceiling")
_SCRIPTS = tuple(
    f"{what}_{script}" for script in SCRIPTS for what in ("tokens_per_char", "bytes_per_token", "broken", "fallback")
)
_BANDS = tuple(
    f"{what}_{band}" for band in BANDS for what in ("band_fertility", "band_one_token", "band_broken", "band_fallback")
)
_TABLES: tuple[tuple[str, Both, tuple[str, ...]], ...] = (
    ("main", both("Main table", "주요 표"), MAIN_COLUMNS),
    ("byte-fallback", both("Byte fallback", "바이트로 내려간 몫"), _FALLBACK),
    ("scripts", both("Scripts", "문자별"), _SCRIPTS),
    ("bands", both("By frequency of the eojeol", "어절 빈도별"), _BANDS),
    ("context", both("What fits into 1,024 tokens", "1,024토큰에 들어가는 양"), _CONTEXT),
    ("vocabulary", both("What the vocabulary holds", "어휘에 든 것"), _VOCABULARY),
    ("morphology", both("Morpheme edges", "형태소 경계"), _MORPHOLOGY),
)


def show_main(results: Results, study: Study, plan: Plan) -> Shown:
    """Return the figures and tables of the main study."""
    every = [result for _, result in results.of(study)]
    measured = [result for result in every if result.measured]
    found = [
        tables.metric_table(id, title, results, every if id == MAIN else measured, names)
        for id, title, names in _TABLES
    ]
    few = [result for _, result in largest(results, study)]
    return Shown(tuple(_main_figures(results, study, few)), (*(t for t in found if len(t["columns"]) > 1), cost(every)))


def largest(results: Results, study: Study) -> list[tuple[Entry, Result]]:
    """Return the measured tokenizer of each series that has the largest vocabulary."""
    best: dict[str, tuple[Entry, Result]] = {}
    for entry, result in results.of(study):
        if result.measured and (entry.series not in best or _size(entry) > _size(best[entry.series][0])):
            best[entry.series] = entry, result
    return list(best.values())


def _size(entry: Entry) -> float:
    return entry.x if isinstance(entry.x, int | float) else 0


def _main_figures(results: Results, study: Study, few: list[Result]) -> Iterable[tables.Row]:
    yield _compression(results, study)
    if any(results.value(r, "premium") for r in few):
        yield _bars(
            results,
            few,
            "premium",
            "premium",
            both("Tokens, times those of the other language", "같은 뜻의 글에 드는 토큰 배수"),
            both(
                "The same sentences in both languages; 1 is equal. The dashed line is the same ratio in bytes.",
                "같은 뜻의 문장을 두 언어로. 1이면 같다. 점선은 바이트로 잰 배수.",
            ),
            **_byte_line(results, few),
        )
    yield _grouped(
        results,
        few,
        "anatomy",
        "stacked-bar",
        _ANATOMY,
        both("Hangul in the vocabulary", "어휘 속 한글"),
        both("Tokens of the vocabulary that hold Hangul or pieces of it.", "한글이나 그 조각이 든 어휘의 토큰 수."),
        both("tokens", "토큰"),
        ",d",
    )
    yield _grouped(
        results,
        few,
        "token-kinds",
        "stacked-bar",
        [f"emitted_{kind}" for kind in KINDS],
        both("What a token is, in the text", "글에 쓰인 토큰은 무엇인가"),
        both("Share of the tokens of the held-out text.", "떼어 둔 글의 토큰 가운데 차지하는 비율."),
        both("share of tokens", "토큰 비율"),
        ".1%",
    )
    yield _bars(
        results,
        few,
        "broken-syllables",
        "broken_syllables",
        both("Syllables cut by a token's edge", "토큰 경계가 자른 음절"),
        both("Share of the held-out text's syllables.", "떼어 둔 글의 음절 가운데 차지하는 비율."),
    )
    yield _grouped(
        results,
        few,
        "robustness",
        "grouped-bar",
        tuple(TRANSFORMS),
        both("The same text, written otherwise", "같은 글을 달리 적으면"),
        both("Tokens, times those of the text as it was; 1 is unmoved.", "원래 글과 견준 토큰 배수. 1이면 그대로다."),
        both("tokens, times", "토큰 배수"),
    )
    yield _grouped(
        results,
        few,
        "bands",
        "grouped-bar",
        [f"band_fertility_{band}" for band in BANDS],
        both("Common and rare eojeol", "흔한 어절과 드문 어절"),
        both("By rank of the eojeol in the training text.", "학습 글에서 어절이 몇 번째로 흔한지에 따라."),
        both("tokens per eojeol", "어절당 토큰"),
    )
    if any(results.value(r, "morpheme_recall") for r in few):
        yield _morphology(results, few)


def _compression(results: Results, study: Study) -> tables.Row:
    rows = [
        tables.point(_size(entry) or result.n_ids, results.value(result, "tokens_per_byte"), entry.series)
        for entry, result in results.of(study)
        if result.measured
    ]
    return tables.figure(
        "compression",
        "line",
        both("Compression by vocabulary size", "어휘 크기에 따른 압축"),
        both(
            "Tokens per byte of held-out text; lower is shorter. Bars are 95 % intervals over documents.",
            "떼어 둔 글의 바이트당 토큰. 낮을수록 짧다. 막대는 문서에 대한 95 % 구간.",
        ),
        tables.axis(both("ids in the vocabulary", "어휘의 id 수"), "log"),
        tables.metric_axis("tokens_per_byte"),
        both("unit", "단위"),
        rows,
    )


def _byte_line(results: Results, few: list[Result]) -> dict[str, Any]:
    value = next((v for r in few if (v := results.value(r, "byte_premium"))), None)
    return {"reference": [{"y": value.value, "label": both("raw bytes", "바이트 그대로")}]} if value else {}


def _bars(
    results: Results, few: list[Result], id: str, name: str, title: Both, caption: Both, **more: Any
) -> tables.Row:
    rows = [tables.point(result.entry.name, results.value(result, name)) for result in few]
    return tables.figure(
        id,
        "bar",
        title,
        caption,
        tables.axis(_TOKENIZER, "nominal"),
        tables.metric_axis(name),
        _NONE,
        rows,
        **more,
    )


def _grouped(
    results: Results,
    few: list[Result],
    id: str,
    kind: str,
    names: Sequence[str],
    title: Both,
    caption: Both,
    y: Both,
    form: str | None = None,
) -> tables.Row:
    rows = [
        tables.point(result.entry.name, results.value(result, name), _short_title(name))
        for result in few
        for name in names
    ]
    axes = tables.axis(_TOKENIZER, "nominal"), tables.axis(y, format=form)
    return tables.figure(id, kind, title, caption, *axes, _NONE, rows)


def _short_title(name: str) -> Both:
    """Return a metric's title without the group that the figure's own title says."""
    title = METRICS[name].title
    if name.startswith("band_"):
        return {lang: text.rpartition(": ")[0] for lang, text in title.items()}
    return {lang: text.rpartition(": ")[2] for lang, text in title.items()}


def _morphology(results: Results, few: list[Result]) -> tables.Row:
    rows = []
    for result in few:
        limit = results.value(result, "morpheme_ceiling")
        more = {"limit": limit.value} if limit else {}
        rows.append(tables.point(result.entry.name, results.value(result, "morpheme_recall"), **more))
    return tables.figure(
        "morphology",
        "bar",
        both("Morpheme edges found, and the most a unit could find", "찾은 형태소 경계와 단위의 상한"),
        both(
            "Share of the gold standard's morpheme edges; the tick is the most that the unit could reach.",
            "정답 형태소 경계 가운데 찾은 비율. 눈금은 그 단위로 이를 수 있는 최대치.",
        ),
        tables.axis(_TOKENIZER, "nominal"),
        tables.metric_axis("morpheme_recall"),
        _NONE,
        rows,
    )


def cost(results: Iterable[Result]) -> tables.Row:
    """Return the table of what the work cost here; cached work cost nothing, so its cell is empty."""
    columns = [
        tables.NAME,
        tables.column("make_seconds", both("to train or load", "학습 또는 읽기"), "s", "lower"),
        tables.column("encode_mb_per_s", both("encoding", "인코딩"), "MB/s", "higher"),
    ]
    rows = [
        {
            "name": result.entry.name,
            "candidate": result.id,
            "make_seconds": round(result.cost.make_seconds, 3),
            "encode_mb_per_s": result.cost.encode_mb_per_s and round(result.cost.encode_mb_per_s, 2),
        }
        for result in results
        if result.cost
    ]
    return tables.table("cost", both("Cost on this machine, this time", "이 기계에서 이번에 든 비용"), columns, rows)


# -- closed vocabularies: what is lost without bytes


def closed(vocab: int) -> Study:
    """Return the study of vocabularies with `<unk>`."""
    entries = [
        Entry(f"unit={unit},closed=true,vocab={vocab}", f"{unit} {vocab:,} <unk>", unit, vocab)
        for unit in ("word", "char")
    ]
    return Study(CLOSED, tuple(entries), show_closed)


def show_closed(results: Results, study: Study, plan: Plan) -> Shown:
    """Return what each closed vocabulary loses."""
    every = [result for _, result in results.of(study)]
    title = both("Closed vocabularies: what <unk> loses", "닫힌 어휘: <unk>로 잃는 것")
    return Shown(tables=(tables.metric_table("closed", title, results, every, ("unk_eojeol", "unk_chars")),))


# -- samples: how much text is enough


def samples(base: str, percents: Sequence[float]) -> Study:
    """Return the study of samples of the training text: three draws each, and the whole."""
    entries = []
    for percent, draw in product(sorted(set(percents) | {100.0}), range(N_DRAWS)):
        part = f",sample={percent:g}%,seed={draw}" if percent < 100 else ""
        entries.append(Entry(f"{base}{part}", f"{percent:g} % #{draw + 1}" if part else "100 %", base, percent))
    return Study(SAMPLES, tuple({entry.recipe: entry for entry in entries}.values()), show_samples)


def show_samples(results: Results, study: Study, plan: Plan) -> Shown:
    """Return tokens per byte and share of the full vocabulary, with the band of the draws."""
    draws: dict[float, list[Result]] = {}
    for entry, result in results.of(study):
        if result.measured:
            draws.setdefault(float(entry.x), []).append(result)
    full = draws.get(100.0, [None])[0]
    if full is None:
        return Shown()
    rows = [_sample_row(results, percent, found, full) for percent, found in sorted(draws.items())]
    base = entry_of(study.entries[0].series).name
    enough = next((row["sample"] for row in rows if row["most_more"]["value"] <= WITHIN), 100.0)
    return Shown(
        (_samples_figure(rows, "tokens_per_byte"),),
        (_samples_table(rows),),
        {"rows": rows, "enough": enough, "base": base},
    )


def _sample_row(results: Results, percent: float, draws: list[Result], full: Result) -> tables.Row:
    more = [results.relative(draw, full, "tokens_per_byte") or Estimate(float("nan")) for draw in draws]
    values = [value.value for draw in draws if (value := results.value(draw, "tokens_per_byte"))]
    shares = [share_recovered(draw.tokens, full.tokens) for draw in draws]
    worst = max(more, key=lambda estimate: estimate.value) if draws[0] is not full else Estimate(0.0)
    return {
        "sample": percent,
        "draws": len(draws),
        "tokens_per_byte": _band(values),
        "most_more": worst.to_json(),
        "recovered": _band(shares),
        "short_of": max(full.n_ids - draw.n_ids for draw in draws),
    }


def share_recovered(part: frozenset[bytes], full: frozenset[bytes]) -> float:
    """Return the share of `full`'s tokens of two bytes or more that `part` has too; single bytes are in all.

    >>> share_recovered(frozenset({b"a", b"ab"}), frozenset({b"a", b"ab", b"bc"}))
    0.5
    """
    learned = {token for token in full if len(token) > 1}
    return len(learned & part) / max(1, len(learned))


def _band(values: Sequence[float]) -> tables.Row:
    """Return the mean of draws between the lowest and the highest; one draw has no band."""
    low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
    return {"value": fmean(values), "low": low, "high": high}


def _samples_figure(rows: Sequence[tables.Row], key: str) -> tables.Row:
    points = [
        {"x": row["sample"], "series": "", "y": row[key]["value"]}
        | {end: row[key]["value"] if row[key][end] is None else row[key][end] for end in ("low", "high")}
        for row in rows
    ]
    return tables.figure(
        SAMPLES,
        "band",
        both("How much text is enough", "글이 얼마나 있어야 하나"),
        both(
            "Mean of three draws; the band reaches from the lowest to the highest.",
            "세 번 뽑은 평균. 띠는 가장 낮은 것에서 가장 높은 것까지.",
        ),
        tables.axis(both("percent of the training text", "학습 글의 몫(%)"), "log"),
        tables.metric_axis(key),
        _NONE,
        points,
    )


def _samples_table(rows: Sequence[tables.Row]) -> tables.Row:
    columns = [
        tables.column("sample", both("sample", "표본"), "%"),
        tables.column("draws", both("draws", "횟수")),
        tables.column(
            "tokens_per_byte",
            both("tokens per byte: mean, band of draws", "바이트당 토큰: 평균, 뽑은 것의 폭"),
            "tokens/byte",
            "lower",
        ),
        tables.column(
            "most_more", both("most above the whole, of the draws", "전체보다 가장 많은 것"), "share", "lower"
        ),
        tables.column(
            "recovered", both("share of the whole's vocabulary", "전체 어휘 가운데 얻은 몫"), "share", "higher"
        ),
        tables.column("short_of", both("tokens short of the whole", "전체보다 모자란 토큰"), "ids", "lower"),
    ]
    return tables.table(SAMPLES, both("Samples of the training text", "학습 글의 표본"), columns, rows)


# -- mix: the premium against the share of a language in training


def mix(base: str, mixes: Sequence[str], size: int | None, languages: tuple[str, ...]) -> Study:
    """Return the study of mixtures, `ko:1/en:99` each; x is the percent of the first language of `languages`."""
    limit = f",size={size}" if size else ""
    entries = [
        Entry(f"{base},mix={shares}{limit}", shares, base, round(100 * _share(shares, languages[0]), 3))
        for shares in mixes
    ]
    return Study(MIX, tuple(entries), show_mix, tuple(map(parallel, languages[:2])))


def _of_language(plan: Plan, en: str, ko: str) -> Both:
    names = language((plan.languages or ("",))[0])
    return both(en.format(names["en"]), ko.format(names["ko"]))


def _share(shares: str, lang: str) -> float:
    parts = {name: float(share) for name, _, share in (part.rpartition(":") for part in shares.split("/"))}
    return parts.get(lang, 0.0) / sum(parts.values())


def show_mix(results: Results, study: Study, plan: Plan) -> Shown:
    """Return the premium of every mixture."""
    shown = [(entry, result) for entry, result in results.of(study) if result.measured]
    points = [tables.point(entry.x, results.value(result, "premium"), "") for entry, result in shown]
    rows = [
        {"mix": entry.name, "percent": entry.x, "premium": tables.estimate(results.value(result, "premium"))}
        for entry, result in shown
    ]
    rows += [{"mix": e.name, "percent": e.x, "premium": None, "note": r.note} for e, r in results.of(study) if r.note]
    columns = [
        tables.column("mix", both("mix, shares of bytes", "혼합, 바이트 비율")),
        tables.column("percent", _of_language(plan, "share of {}", "{} 비율"), "%"),
        tables.metric_column("premium"),
    ]
    title = both(
        "Tokens, times the other language's, by the mix of the training text", "학습 글의 혼합에 따른 토큰 배수"
    )
    drawn = tables.figure(
        MIX,
        "line",
        title,
        both(
            "Each mix has the same number of bytes, in whole documents.",
            "혼합마다 바이트 수가 같고, 문서를 통째로 뽑는다.",
        ),
        tables.axis(_of_language(plan, "percent of {} in training", "학습 글의 {} 비율(%)")),
        tables.metric_axis("premium"),
        _NONE,
        points,
        **_byte_line(results, [result for _, result in shown]),
    )
    return Shown((drawn,), (tables.table(MIX, title, columns, rows),), {"shown": shown})


# -- train sets: the same word, cut by tokenizers trained on other text


def train_sets(base: str, names: Sequence[str], size: int | None) -> Study:
    """Return the study of training sets; each is a source of that name, and `held:NAME` the text held back from it."""
    limit = f",size={size}" if size else ""
    entries = [Entry(f"{base},mix={name}:1{limit}", name, name, name) for name in names]
    return Study(TRAIN_SETS, tuple(entries), show_train_sets, tuple(map(held, names)), (TOGETHER,))


TOGETHER = "held"
"""All that is held back from the training sets: what their cuts are compared on."""


def held(name: str) -> str:
    """Return the name of the text that is held back from a training set."""
    return f"held:{name}"


def show_train_sets(results: Results, study: Study, plan: Plan) -> Shown:
    """Return trained on x measured on, what two vocabularies share, and the words that are cut differently."""
    shown = [(entry, result) for entry, result in results.of(study) if result.measured]
    places = [held(entry.name) for entry, _ in shown if held(entry.name) in plan.texts]
    crossed = _crossed(results, shown, places)
    if len(shown) < 2:
        return Shown(tables=(_crossed_table(crossed, places),))
    (left, a), (right, b) = shown[:2]
    together = plan.texts[TOGETHER].documents
    found = cut_alike(together, a.cuts[TOGETHER], b.cuts[TOGETHER], top=N_SHOWN, seed=plan.seed)
    facts = {
        "shared": shared_vocabulary(a.tokens, b.tokens),
        "names": (left.name, right.name),
        "alike": sure(found.share, len(together)),
        "different": found.different,
    }
    return Shown(
        (_crossed_figure(crossed, places),),
        (_crossed_table(crossed, places), _differently(found, left.name, right.name)),
        facts,
    )


def _crossed(results: Results, shown: Sequence[tuple[Entry, Result]], places: Sequence[str]) -> list[tables.Row]:
    return [
        {"trained": text_name(entry.name)}
        | {place: tables.estimate(results.on(result, place, "tokens_per_byte")) for place in places}
        for entry, result in shown
    ]


def _crossed_table(crossed: Sequence[tables.Row], places: Sequence[str]) -> tables.Row:
    columns = [tables.column("trained", both("trained on", "학습한 글"))]
    for place in places:
        name = text_name(place.partition(":")[2])
        title = both(f"tokens per byte on {name['en']}", f"바이트당 토큰: {name['ko']}")
        columns.append(tables.column(place, title, "tokens/byte", "lower"))
    return tables.table(TRAIN_SETS, both("Trained on, measured on", "학습한 글과 잰 글"), columns, crossed)


def _crossed_figure(crossed: Sequence[tables.Row], places: Sequence[str]) -> tables.Row:
    points = [
        {
            "x": row["trained"],
            "y": row[place]["value"],
            "low": row[place]["low"],
            "high": row[place]["high"],
            "series": text_name(place.partition(":")[2]),
        }
        for row in crossed
        for place in places
    ]
    return tables.figure(
        TRAIN_SETS,
        "grouped-bar",
        both("Trained on one text, measured on another", "학습한 글과 다른 글에서 재면"),
        both(
            "Tokens per byte of text held back from each set; lower is shorter.",
            "묶음마다 떼어 둔 글의 바이트당 토큰. 낮을수록 짧다.",
        ),
        tables.axis(both("trained on", "학습한 글"), "nominal"),
        tables.metric_axis("tokens_per_byte"),
        both("measured on", "잰 글"),
        points,
    )


def shared_vocabulary(left: frozenset[bytes], right: frozenset[bytes]) -> float:
    """Return the tokens of two bytes or more that both have, as a share of those that either has.

    >>> shared_vocabulary(frozenset({b"a", b"ab", b"abc"}), frozenset({b"a", b"ab", b"ba"}))
    0.3333333333333333
    """
    learned = [{token for token in tokens if len(token) > 1} for tokens in (left, right)]
    return len(learned[0] & learned[1]) / max(1, len(learned[0] | learned[1]))


def _differently(found: CutAlike, left: str, right: str) -> tables.Row:
    columns = [
        tables.column("eojeol", both("eojeol", "어절")),
        tables.column("n", both("times in the text", "글에 나온 횟수"), "count"),
        tables.column("left", text_name(left)),
        tables.column("right", text_name(right)),
    ]
    rows = [
        {"eojeol": word.word.strip(), "n": word.count, "left": "|".join(word.a), "right": "|".join(word.b)}
        for word in found.different
    ]
    title = both("The commonest eojeol that are cut differently", "다르게 잘린 가장 흔한 어절")
    return tables.table("cut-differently", title, columns, rows)
