"""The figures of docs/korean.md on the real data: premiums, vocabularies, units, morphemes. No figure of a model."""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from bpe_lab import Tokenizer, train
from bpe_lab.metrics import premium_documents, vocabulary_anatomy
from bpe_lab.metrics.gold import Gold, read_gold
from bpe_lab.metrics.morphology import BoundaryScore, morphology
from bpe_lab.metrics.texts import as_nfd

SIZES = (2_048, 4_096, 8_192)
PREPARING = Path(__file__).parents[1] / "benches" / "korean.py"


def n_tokens(tokenizer: Tokenizer, documents: list[bytes]) -> int:
    return len(tokenizer.encode_batch_ends(documents)[0])


# -- published vocabularies


@pytest.fixture(scope="module")
def flores(data: Path) -> dict[str, list[bytes]]:
    """FLORES-200 dev and devtest as premiums are published: a line a document, one space before it."""
    folder = data / "flores"
    return {
        lang: premium_documents(b"".join((folder / f"{lang}.{part}").read_bytes() for part in ("dev", "devtest")).splitlines())
        for lang in ("kor_Hang", "eng_Latn")
    }  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), [("r50k_base", "5.07"), ("cl100k_base", "2.38"), ("o200k_base", "1.47")])
def test_premiums_to_the_printed_digit(
    flores: dict[str, list[bytes]], published: Callable[[str], Tokenizer], name: str, expected: str
) -> None:
    korean, english = (n_tokens(published(name), flores[lang]) for lang in ("kor_Hang", "eng_Latn"))
    assert f"{korean / english:.2f}" == expected


def test_premium_of_bytes(flores: dict[str, list[bytes]]) -> None:
    assert [len(lines) for lines in flores.values()] == [2009, 2009]
    korean, english = (sum(map(len, lines)) for lines in flores.values())
    assert f"{korean / english:.2f}" == "1.20"


@pytest.mark.parametrize(
    ("name", "with_hangul", "one", "space_and_one", "several", "ksx1001"),
    [
        ("r50k_base", 0, 0, 0, 0, 0),
        ("cl100k_base", 281, 129, 90, 62, 129),
        ("o200k_base", 2_352, 677, 443, 1_219, 677),
    ],
)
def test_hangul_in_published_vocabularies(
    published: Callable[[str], Tokenizer],
    name: str,
    with_hangul: int,
    one: int,
    space_and_one: int,
    several: int,
    ksx1001: int,
) -> None:
    tokenizer = published(name)
    found = vocabulary_anatomy(tokenizer.vocab(), tokenizer.token_kinds())
    assert (found["with_hangul"], found["one_syllable"]) == (with_hangul, one)
    assert (found["space_syllable"], found["several_syllables"]) == (space_and_one, several)
    assert found["hangul_mixed"] == with_hangul - one - space_and_one - several
    assert (found["atomic_syllables"], found["atomic_ksx1001"]) == (one, ksx1001)


# -- units


@pytest.fixture(scope="module")
def preparing() -> ModuleType:
    """The script that prepares the texts of docs/korean.md."""
    spec = importlib.util.spec_from_file_location("korean_texts", PREPARING)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mixed(data: Path, preparing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The first 1 MB each of web documentation, technical documentation and film reviews, by whole documents."""
    folder = tmp_path_factory.mktemp("corpora")
    documents = preparing.mixed({name: preparing.corpus(data, folder, name) for name in preparing.MIXED}).documents
    assert sum(map(len, documents)) == 3_003_826
    return [document.decode() for document in documents]


@pytest.fixture(scope="module")
def trained(mixed: list[str]) -> Callable[[str, int], Tokenizer]:
    return cache(lambda unit, size: train(texts=mixed, vocab_size=size, unit=unit, pattern="o200k"))


@pytest.fixture(scope="module")
def devtest(data: Path) -> list[bytes]:
    return (data / "flores" / "kor_Hang.devtest").read_bytes().splitlines(keepends=True)


def more(unit: str, size: int, trained: Callable[[str, int], Tokenizer], documents: list[bytes]) -> float:
    """Percent of tokens more than `byte` of the same size."""
    found, base = (n_tokens(trained(u, size), documents) for u in (unit, "byte"))
    return 100 * (found / base - 1)


@pytest.mark.parametrize("size", SIZES)
def test_units_by_tokens(trained: Callable[[str, int], Tokenizer], devtest: list[bytes], size: int) -> None:
    """On the mixed text only: docs/korean.md says how far other texts lie apart."""
    assert abs(more("byte-char", size, trained, devtest)) <= 0.5
    assert -2.5 <= more("jamo", size, trained, devtest) <= -0.3


def test_syllables_come_near_with_the_size(trained: Callable[[str, int], Tokenizer], devtest: list[bytes]) -> None:
    at_4096, at_8192 = (more("syllable", size, trained, devtest) for size in SIZES[1:])
    assert at_4096 > at_8192 > 0 and at_8192 < 0.5 * at_4096


@pytest.mark.parametrize("size", SIZES)
def test_code_point_fragments_by_unit(trained: Callable[[str, int], Tokenizer], size: int) -> None:
    found = {}
    for unit in ("byte", "byte-char", "jamo"):
        tokenizer = trained(unit, size)
        found[unit] = vocabulary_anatomy(tokenizer.vocab(), tokenizer.token_kinds())
    fragments = [anatomy["code_point_fragments"] for anatomy in found.values()]
    assert fragments == sorted(fragments, reverse=True) and len(set(fragments)) == 3
    assert [bool(anatomy["jamo_fragments"]) for anatomy in found.values()] == [False, False, True]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("byte", 5, 11),
        ("byte-char", 5, 11),
        ("jamo", 5, 11),
        ("jamo:nfd-alias", 1, 1.5),
        ("jamo:filler:nfd-alias", 1, 1.5),
    ],
)
def test_what_nfd_costs(
    trained: Callable[[str, int], Tokenizer], devtest: list[bytes], size: int, unit: str, low: float, high: float
) -> None:
    tokenizer, decomposed = trained(unit, size), as_nfd(devtest)
    assert low < n_tokens(tokenizer, decomposed) / n_tokens(tokenizer, devtest) <= high
    ids = tokenizer.encode_batch_ends(decomposed[:50])[0]
    assert tokenizer.decode_bytes(ids.tolist()) == b"".join(decomposed[:50])


# -- morphemes


@pytest.fixture(scope="module")
def klue(data: Path) -> Gold:
    return read_gold(data / "klue" / "klue-dp-v1.1_dev.tsv.xz")


def scored(tokenizer: Tokenizer, gold: Gold) -> BoundaryScore:
    _, ends, offsets = tokenizer.encode_batch_ends(gold.documents)
    return morphology(gold, ends, offsets, is_jamo=tokenizer.unit.startswith("jamo"))


def test_morpheme_edges_beside_the_ceilings(trained: Callable[[str, int], Tokenizer], klue: Gold) -> None:
    byte, jamo = (scored(trained(unit, 8_192), klue) for unit in ("byte", "jamo"))
    assert [100 * byte.ceiling, 100 * jamo.ceiling] == [pytest.approx(85.5, abs=0.7), pytest.approx(93.8, abs=0.7)]
    assert all(0.5 < score.f1 < 0.6 for score in (byte, jamo))
    assert 0.02 < jamo.value("recall_inside") < 0.1 and byte.value("recall_inside") == 0
    gap = jamo.difference(byte, "f1", n_resamples=300)
    assert gap.high is not None and gap.high < 0, "jamo alone does not pay"


@pytest.mark.full
@pytest.mark.parametrize("unit", ["byte", "jamo"])
def test_morphemes_pay_and_cost_tokens(data: Path, mixed: list[str], klue: Gold, unit: str) -> None:
    """With mecab's edges: F1 higher at train, higher still at train+infer, for 3 to 10 % more tokens."""
    pytest.importorskip("mecab")
    plain = scored(train(texts=mixed, vocab_size=8_000, unit=unit), klue)
    guided = [
        scored(train(texts=mixed, vocab_size=8_000, unit=unit, morphemes="mecab", at=at), klue)
        for at in ("train", "train+infer")
    ]
    assert plain.f1 + 0.08 < guided[0].f1 < guided[1].f1 < guided[1].value("f1_ceiling")
    cost = [score.total("n_tokens") / plain.total("n_tokens") for score in guided]
    assert all(1.02 < more <= 1.12 for more in cost)
