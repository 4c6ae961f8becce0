"""From what is asked to a plan, and what a language means where nothing is said: texts, recipes, sizes, studies.

`plan_of(Wishes("ko"))` is what `bpe-lab compare --lang ko` runs: the embedded sample, offline. Reads no file.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bpe_lab import sample
from bpe_lab.compare import studies
from bpe_lab.compare.plan import EVAL, GOLD, OLD_HANGUL, SENTENCES, Both, Plan, Study, both, parallel, variant
from bpe_lab.compare.recipe import Recipe, parse_tokenizer
from bpe_lab.compare.texts import ParallelTexts, Texts, largest_mix, sample_pairs, split, without
from bpe_lab.errors import ArgumentError
from bpe_lab.metrics import OLD_HANGUL as lines_of_old_hangul
from bpe_lab.metrics import TRANSFORMS
from bpe_lab.metrics.gold import Gold

PUBLISHED = ("gpt2", "cl100k_base", "o200k_base")
"""The GPT family, smallest first; `gpt2` is r50k_base."""

BASE_UNIT = "byte"
"""What the studies of text train: the unit is not their question."""

HELD_BACK = 5
"""Of every five documents of the embedded sample the first is measured on, never trained on: a fifth or more."""

REGISTERS = {"colloquial": ("chat", "dialogue", "letter"), "written": ("essay", "formal", "news", "recipe", "tech")}
"""Two ways of writing Korean: the embedded sample's training sets."""


@dataclass(frozen=True)
class Preset:
    """The choices of one language."""

    units: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    more: tuple[str, ...] = ()
    """Recipes and tokenizers beside units x sizes."""
    percents: tuple[float, ...] = ()
    mixes: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    """Recipes that language models are trained for, out of those above: units at one size, and one unit at another."""


_KO_UNITS = ("byte", "byte-char", "syllable", "jamo", "jamo-char", "jamo:filler:nfd-alias")
_KO_MIXES = ("ko:1/en:99", "ko:10/en:90", "ko:50/en:50", "ko:90/en:10")


def _downstream(units: Sequence[str], size: int, larger: int) -> tuple[str, ...]:
    """Return units at one size, and the first of them at a larger one: does a larger vocabulary pay in loss?"""
    return (*(f"unit={unit},vocab={size}" for unit in units), f"unit={units[0]},vocab={larger}")


PRESETS: Mapping[str, Preset] = {
    "ko": Preset(
        _KO_UNITS,
        (8_000, 16_000, 32_000),
        (
            "unit=byte,vocab=32000,superword=24k:4,name=byte superwords",
            "unit=jamo,vocab=32000,superword=24k:4,name=jamo superwords",
        ),
        downstream=_downstream(("byte", "byte-char", "syllable", "jamo"), 8_000, 32_000),
    ),
    "": Preset(
        ("byte", "byte-char"),
        (8_000, 16_000, 32_000),
        downstream=_downstream(("byte", "byte-char"), 8_000, 32_000),
    ),
}
"""For texts of the user's; `""` stands for any language without a line of its own."""

SAMPLE_PRESETS: Mapping[str, Preset] = {
    "ko": Preset(
        _KO_UNITS,
        (1_024, 2_048, 4_096),
        (
            "unit=byte,vocab=4096,superword=3k:4,name=byte superwords",
            "unit=jamo,vocab=4096,superword=3k:4,name=jamo superwords",
        ),
        (3, 10, 30, 100),
        _KO_MIXES,
        _downstream(("byte", "byte-char", "jamo"), 2_048, 4_096),
    ),
    "en": Preset(
        ("byte", "byte-char"),
        (512, 1_024, 2_048),
        (),
        (30, 100),
        downstream=_downstream(("byte", "byte-char"), 1_024, 2_048),
    ),
}
"""For the embedded sample. The syllable unit needs 2,606 ids: its rows below say so."""

NOTICE = both(
    "The embedded sample was written for bpe-lab: a demonstration and no evidence. Its intervals tell how sure a figure"
    " is about texts like these 200 KB, not about yours: give your own with --corpus.",
    "내장 표본은 bpe-lab을 위해 쓴 글로, 시연일 뿐 근거가 아니다. 구간은 이 200KB와 같은 글에 대한 것이지"
    " 여러분의 글에 대한 것이 아니다. 자기 글은 --corpus로 준다.",
)

_SHOWN_PAIRS = ("p002", "p007", "p048", "p003", "p252")
_MORE_SENTENCES = (
    ("laugh", "아 진짜 웃겨ㅋㅋㅋㅋㅋㅋ 눈물 나ㅠㅠㅠㅠ"),
    ("typo", "어제 밤세 과재하느라 한숨도 못잤어"),
    ("hanja", "大韓民國은 民主共和國이다."),
    ("old", "나랏말ᄊᆞ미 中國에 달아"),
    ("rare", "뷁과 꿻이라는 글자는 쓸 일이 드물다."),
)


def preset(lang: str, embedded: bool) -> Preset:
    """Return the choices for a language.

    Raises:
        ArgumentError: the embedded sample has no such language.
    """
    if not embedded:
        return PRESETS.get(lang, PRESETS[""])
    if lang not in SAMPLE_PRESETS:
        raise ArgumentError(
            f"the embedded sample has no {lang!r}; it has {', '.join(SAMPLE_PRESETS)}", "give a text with --corpus FILE"
        )
    return SAMPLE_PRESETS[lang]


# -- the embedded sample


def sample_texts(lang: str) -> tuple[Texts, Texts]:
    """Return what is trained on (the language's documents that are not held back, and all others) and measured on."""
    train, held = _held_back(sample.documents(lang))
    others = [document.text.encode() for document in sample.documents() if document.lang != lang]
    return Texts("sample (train)", train + others), Texts(f"sample:{lang} (held out)", held)


def sample_model_text(lang: str) -> Texts:
    """Return what models are trained on: the language's documents that are not held back, without the others."""
    return Texts(f"sample:{lang} (train)", _held_back(sample.documents(lang))[0])


def sample_domains(lang: str, held: Texts) -> tuple[str, ...] | None:
    """Return the register of each held document; None where all are of one."""
    registers = {document.text.encode(): document.register for document in sample.documents(lang)}
    found = tuple(registers.get(document, "") for document in held.documents)
    return found if len(set(found)) > 1 else None


def _held_back(documents: Iterable[sample.SampleDocument]) -> tuple[list[bytes], list[bytes]]:
    """Return documents to train on, and the first of every five to measure on; of each register that has so many."""
    train: list[bytes] = []
    held: list[bytes] = []
    seen: Counter[str] = Counter()
    every = list(documents)
    sizes = Counter(document.register for document in every)
    for document in every:
        group = document.register if sizes[document.register] >= HELD_BACK else ""
        seen[group] += 1
        back = seen[group] % HELD_BACK == 1
        (held if back else train).append(document.text.encode())
    return train, held


def sample_sources() -> dict[str, Texts]:
    """Return what `ko` and `en` mean in a mix: the embedded sample without the Korean that is held back."""
    english = [document.text.encode() for document in sample.documents("en")]
    return {"ko": Texts("ko", _held_back(sample.documents("ko"))[0]), "en": Texts("en", english)}


def sample_registers(registers: Sequence[str], name: str) -> tuple[Texts, Texts]:
    """Return the Korean documents of some registers, to train on and held back."""
    train, held = _held_back(d for d in sample.documents("ko") if d.register in registers)
    return Texts(name, train), Texts(f"{name} (held out)", held)


def sample_sentences(lang: str) -> list[tuple[str, str]]:
    """Return (id, sentence) for the token explorer: pairs of the sample, and what is hard."""
    if lang != "ko":
        return [(id, pair.en) for id in _SHOWN_PAIRS for pair in sample.parallel() if pair.id == id]
    pairs = {pair.id: pair for pair in sample.parallel()}
    found = [(f"{id}-{lang}", getattr(pairs[id], lang)) for id in _SHOWN_PAIRS for lang in ("ko", "en")]
    return [*found, *_MORE_SENTENCES]


# -- what is asked


@dataclass(frozen=True)
class Wishes:
    """What was asked for. None means what the language's preset says."""

    lang: str = "ko"
    corpus: Texts | None = None
    """What to train on; None is the embedded sample."""
    held_out: Texts | None = None
    """What to measure on; None takes a tenth of the corpus by content hash."""
    domains: tuple[str, ...] | None = None
    """The kind of text of each document of `held_out`; None where there is one kind."""
    pairs: ParallelTexts | None = None
    tokenizers: tuple[str, ...] | None = None
    """Recipes and tokenizers instead of units x sizes; then only those studies run that are asked for too."""
    gold: Gold | None = None
    """Sentences with their morphemes."""
    train_sets: Mapping[str, Texts] | None = None
    percents: tuple[float, ...] | None = None
    mixes: tuple[str, ...] | None = None
    sources: Mapping[str, Texts] = field(default_factory=dict)
    """What names in recipes and mixes mean, beside the corpus under the name of its language, or without a corpus the
    languages of the embedded sample."""
    command: str | None = None
    seed: int = 0
    threads: int | None = None

    @property
    def embedded(self) -> bool:
        """Whether the embedded sample is the corpus."""
        return self.corpus is None


def plan_of(wishes: Wishes) -> Plan:
    """Return the plan that wishes make with the preset of their language.

    Raises:
        ArgumentError: the embedded sample has no such language. CorpusError: the corpus cannot be split.
    """
    chosen = _chosen(wishes)
    train, held_out = _train_and_held_out(wishes)
    pairs = wishes.pairs or (sample_pairs() if wishes.embedded else None)
    languages = _languages(wishes.lang, pairs)
    sets = _train_sets(wishes)
    named = sample_sources() if wishes.embedded else {wishes.lang: train}
    sources = {**named, **{name: train for name, (train, _) in sets.items()}, **wishes.sources}
    _check_mixes(chosen.mixes, wishes.lang, sources)
    texts = _measured_texts(wishes.lang, held_out, pairs, languages, sets)
    if wishes.gold:
        texts[GOLD] = Texts("gold morphemes", wishes.gold.documents)
    return Plan(
        wishes.lang,
        _title(wishes),
        train,
        texts,
        tuple(_studies(chosen, wishes, sources, tuple(sets), languages)),
        sources,
        languages,
        wishes.gold,
        NOTICE if wishes.embedded else None,
        chosen.downstream,
        sample_model_text(wishes.lang) if wishes.embedded else None,
        _domains(wishes, held_out),
        wishes.command or f"bpe-lab compare --lang {wishes.lang}",
        wishes.seed,
        wishes.threads,
    )


def _domains(wishes: Wishes, held_out: Texts) -> tuple[str, ...] | None:
    if wishes.held_out is not None:
        return wishes.domains
    return sample_domains(wishes.lang, held_out) if wishes.embedded else None


def _chosen(wishes: Wishes) -> Preset:
    """Return the preset with the wishes in it."""
    found = preset(wishes.lang, wishes.embedded)
    if wishes.tokenizers is not None:
        found = Preset(more=wishes.tokenizers)
    percents = found.percents if wishes.percents is None else wishes.percents
    return replace(found, percents=percents, mixes=found.mixes if wishes.mixes is None else wishes.mixes)


def _check_mixes(mixes: Sequence[str], lang: str, sources: Mapping[str, Texts]) -> None:
    """Refuse mixes that name no text, or in which no part is of the language asked about.

    Raises:
        ArgumentError: the mix, the name, and what there is.
    """
    for text in mixes:
        names = [name for name, _ in Recipe.parse(f"mix={text}").mix]
        if unknown := [name for name in names if name not in sources]:
            raise ArgumentError(
                f"--mix {text}: nothing is called {unknown[0]!r}; there are: {', '.join(sorted(sources))}",
                f"say which text it is: --source {unknown[0]}=FILE",
            )
        if lang not in names:
            raise ArgumentError(f"--mix {text} has no part called {lang!r}, whose share the figure is about")


def _title(wishes: Wishes) -> Both:
    en, ko = {"ko": ("Korean", "한국어"), "en": ("English", "영어")}.get(wishes.lang, (wishes.lang, wishes.lang))
    sample_en, sample_ko = (" (embedded sample)", "(내장 표본)") if wishes.embedded else ("", "")
    return both(f"Tokenizers for {en}{sample_en}", f"{ko} 토크나이저 비교{sample_ko}")


# -- texts


def _train_and_held_out(wishes: Wishes) -> tuple[Texts, Texts]:
    if wishes.corpus is None:
        train, held_out = sample_texts(wishes.lang)
        return train, wishes.held_out or held_out
    if wishes.held_out is None:
        return split(wishes.corpus)
    return without(wishes.corpus, wishes.held_out), wishes.held_out


def _languages(lang: str, pairs: ParallelTexts | None) -> tuple[str, ...] | None:
    """Return the languages of the parallel text, the one asked about first."""
    if pairs is None:
        return None
    return tuple(sorted(pairs.languages, key=lambda language: language != lang))


def _train_sets(wishes: Wishes) -> dict[str, tuple[Texts, Texts]]:
    """Return each training set as (to train on, held back from it)."""
    if wishes.train_sets is not None:
        return {name: split(text) for name, text in wishes.train_sets.items()}
    if wishes.embedded and wishes.tokenizers is None and wishes.lang == "ko":
        return {name: sample_registers(registers, name) for name, registers in REGISTERS.items()}
    return {}


def _measured_texts(
    lang: str,
    held_out: Texts,
    pairs: ParallelTexts | None,
    languages: tuple[str, ...] | None,
    sets: Mapping[str, tuple[Texts, Texts]],
) -> dict[str, Texts]:
    """Return all that is measured on, by name."""
    texts = {EVAL: held_out, SENTENCES: Texts("sentences", [text.encode() for _, text in sample_sentences(lang)])}
    if pairs and languages:
        texts |= {parallel(language): pairs.texts(language) for language in languages}
    if lang == "ko":
        changed = {name: change(held_out.documents) for name, change in TRANSFORMS.items()}
        texts |= {variant(name): Texts(f"{held_out.name}, {name}", documents) for name, documents in changed.items()}
        texts[OLD_HANGUL] = Texts("old Hangul", [line.encode() for line in lines_of_old_hangul])
    if sets:
        texts |= {studies.held(name): held for name, (_, held) in sets.items()}
        together = Texts("held out", [document for _, held in sets.values() for document in held.documents])
        texts[studies.TOGETHER] = together
    return texts


# -- studies


def _studies(
    chosen: Preset,
    wishes: Wishes,
    sources: Mapping[str, Texts],
    sets: tuple[str, ...],
    languages: tuple[str, ...] | None,
) -> Iterator[Study]:
    """Yield the main study, then those of text as far as there are texts for them."""
    more = chosen.more
    if wishes.tokenizers is None:
        more += (*(_with_morphemes(max(chosen.sizes)) if wishes.gold else ()), *PUBLISHED)
    yield studies.main(chosen.units, chosen.sizes, more, languages)
    base = _base(chosen)
    if chosen.sizes:
        yield studies.closed(max(chosen.sizes))
    if chosen.percents:
        yield studies.samples(base, chosen.percents)
    if chosen.mixes and languages:
        yield studies.mix(base, chosen.mixes, size_of_all(chosen.mixes, sources), languages)
    if len(sets) > 1:
        yield studies.train_sets(base, sets, min(sources[name].n_bytes for name in sets))


def _with_morphemes(size: int) -> Iterator[str]:
    """Yield the recipes whose merges cross no morpheme, worth their minutes where a gold standard judges them."""
    for unit in ("byte", "jamo"):
        for at in ("train", "train+infer"):
            yield f"unit={unit},vocab={size},morphemes=mecab,at={at}"


def _base(chosen: Preset) -> str:
    """Return the recipe that the studies of text train: the first given, else bytes."""
    recipes = [text for text in chosen.more if isinstance(parse_tokenizer(text), Recipe)]
    if chosen.sizes or not recipes:
        return f"unit={BASE_UNIT},vocab={max(chosen.sizes, default=8_000)}"
    return recipes[0]


def size_of_all(mixes: Sequence[str], sources: Mapping[str, Texts]) -> int | None:
    """Return the bytes that every mixture can have; None where a source is read later."""
    shares = [Recipe.parse(f"mix={mix}").mix for mix in mixes]
    if any(name not in sources for parts in shares for name, _ in parts):
        return None
    return min(largest_mix(sources, parts) for parts in shares)
