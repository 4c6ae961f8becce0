"""Morpheme edges: the reader, the alignment, the scores; worked out by hand, and on KLUE-DP."""

import doctest
from pathlib import Path

import numpy as np
import pytest

from bpe_lab import Tokenizer
from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError
from bpe_lab.metrics import gold as gold_module
from bpe_lab.metrics import morphology as morphology_module
from bpe_lab.metrics.gold import Gold, GoldWord, align, read_gold
from bpe_lab.metrics.morphology import COLUMNS, SCORES, BoundaryScore, morphology

SENTENCE = [
    GoldWord("눈물을", ("눈물", "을")),
    GoldWord("흘린", ("흘리", "ㄴ")),
    GoldWord("아이를", ("아이", "를")),
    GoldWord("봤다.", ("보", "았", "다", ".")),
]
"""눈물을 0-9, 흘린 10-16, 아이를 17-26, 봤다. 27-34. Gold: 6; 15 (리|ㄴ); 23; 30 and 33, and 보|았 lost. Six edges."""


def ends_of(*tokens: str) -> tuple[np.ndarray, np.ndarray]:
    ends = np.cumsum([len(t.encode()) for t in tokens]).astype(np.uint64)
    return ends, np.array([0, len(tokens)], dtype=np.uint64)


def test_gold_edges_by_hand() -> None:
    gold = Gold.of([SENTENCE])
    assert gold.documents == ["눈물을 흘린 아이를 봤다.".encode()]
    assert gold.edges.tolist() == [6, 15, 23, 30, 33]
    assert (gold.n_lost.tolist(), gold.n_edges, gold.offsets.tolist()) == ([1], 6, [0, 5])


def test_scores_by_hand() -> None:
    """눈|물을| 흘린| 아이|를| 봤|다.: predicted inside words 3, 23, 30; right 23 and 30. P 2/3, R 2/6, F1 4/9."""
    score = morphology(Gold.of([SENTENCE]), *ends_of("눈", "물을", " 흘린", " 아이", "를", " 봤", "다."))
    assert (score.precision, score.recall, score.f1) == (2 / 3, 2 / 6, 4 / 9)
    assert (score.ceiling, score.value("f1_ceiling")) == (4 / 6, 8 / 10)
    assert (score.value("tokens_per_eojeol"), score.value("recall_inside")) == (7 / 4, 0.0)
    counted = dict(zip(COLUMNS, score.counts[0].tolist(), strict=True))
    assert counted == {
        "n_eojeol": 4,
        "n_gold_character": 4,
        "n_gold_inside": 1,
        "n_predicted": 3,
        "n_predicted_inside": 0,
        "n_predicted_broken": 0,
        "n_right": 2,
        "n_right_inside": 0,
        "n_gold_lost": 1,
        "n_tokens": 7,
        "n_bytes": 34,
    }


@pytest.mark.parametrize(
    ("is_jamo", "precision", "recall", "inside", "broken", "ceiling"),
    [(False, 0.0, 0.0, 0.0, 1.0, 4 / 6), (True, 1 / 2, 1 / 6, 1.0, 0.0, 5 / 6)],
)
def test_an_end_inside_a_syllable(
    is_jamo: bool, precision: float, recall: float, inside: float, broken: float, ceiling: float
) -> None:
    """Ends at 15 (리|ㄴ of 흘린) and 28 (ㅂ|ㅘㅆ of 봤): jamo edges, of which one is gold; to bytes two broken ends."""
    ends, offsets = np.array([15, 28, 34], dtype=np.uint64), np.array([0, 3], dtype=np.uint64)
    score = morphology(Gold.of([SENTENCE]), ends, offsets, is_jamo)
    assert (score.precision, score.recall) == (precision, recall)
    assert (score.value("recall_inside"), score.value("broken_share"), score.ceiling) == (inside, broken, ceiling)


def test_counts_add_up_and_the_interval_covers() -> None:
    """Twenty sentences cut well, twenty not at all: P is 1 whatever is drawn, R lies between the two kinds."""
    gold = Gold.of([SENTENCE] * 40)
    well = ["눈물", "을", " 흘린", " 아이", "를", " 봤", "다", "."]
    ends = [ends_of(*well)[0] if i % 2 else np.array([34], dtype=np.uint64) for i in range(40)]
    offsets = np.cumsum([0, *map(len, ends)]).astype(np.uint64)
    score = morphology(gold, np.concatenate(ends), offsets)
    assert (score.precision, score.recall) == (1.0, 4 / 6 / 2)
    recall = score.interval("recall", seed=1)
    assert recall.low is not None and recall.high is not None
    assert 0.15 < recall.low < recall.value < recall.high < 0.5
    assert score.interval("recall", seed=1) == recall
    assert len({score.interval("recall", seed=seed, n_resamples=9).low for seed in range(9)}) > 1
    precision = score.interval("precision")
    assert (precision.low, precision.high) == (1.0, 1.0)
    halves = [BoundaryScore(score.counts[part], False) for part in (slice(0, 7), slice(7, 40))]
    assert halves[0].totals.tolist() == (score.totals - halves[1].totals).tolist()


def test_a_difference_is_paired() -> None:
    """The same sentences, cut well by one and not at all by the other: R differs by 4/6 in every resample."""
    gold = Gold.of([SENTENCE] * 5)
    well = ends_of("눈물", "을", " 흘린", " 아이", "를", " 봤", "다", ".")[0]
    first = morphology(gold, np.tile(well, 5), np.arange(6, dtype=np.uint64) * 8)
    second = morphology(gold, np.full(5, 34, dtype=np.uint64), np.arange(6, dtype=np.uint64))
    gap = first.difference(second, "recall", n_resamples=20)
    assert (gap.value, gap.low, gap.high) == (4 / 6, 4 / 6, 4 / 6)
    with pytest.raises(ArgumentError, match="scores of 5 and 2 sentences cannot be paired"):
        first.difference(BoundaryScore(second.counts[:2], False), "recall")


def test_nothing_to_divide_by() -> None:
    one = Gold.of([[GoldWord("일찍", ("일찍",))]])
    score = morphology(one, *ends_of("일찍"))
    assert all(np.isnan(score.value(name)) for name in ("precision", "recall", "f1", "ceiling"))
    with pytest.raises(ArgumentError, match="unknown score 'f2'"):
        score.value("f2")
    assert all(isinstance(score.value(name), float) for name in SCORES)


def test_ends_that_do_not_fit() -> None:
    gold, numbers = Gold.of([SENTENCE]), lambda *n: np.array(n, dtype=np.uint64)
    for ends, offsets in (
        (numbers(3, 2), numbers(0, 2)),
        (numbers(3), numbers(0, 2)),
        (numbers(3), numbers(0)),
        (numbers(3), numbers(1, 0)),
        (numbers(3), numbers()),
    ):
        with pytest.raises(ArgumentError, match="token ends of 1 documents"):
            morphology(gold, ends, offsets)


def test_a_real_tokenizer_reaches_no_further_than_its_ceiling(small: Tokenizer) -> None:
    gold = Gold.of([SENTENCE, SENTENCE[:2]])
    spans = [small.spans(document) for document in gold.documents]
    ends = np.array([end for found in spans for _, end in found], dtype=np.uint64)
    score = morphology(gold, ends, np.cumsum([0, *map(len, spans)]).astype(np.uint64))
    assert 0 < score.recall <= score.ceiling == 5 / 8
    assert score.total("n_tokens") == len(ends)


# -- files


def test_own_format(tmp_path: Path) -> None:
    path = tmp_path / "gold.tsv"
    path.write_text(
        "## two sentences\n눈물을\t눈물+을\r\n봤다.\t보+았+다+.\n\n\nC++은\tC\\+\\++은\n#1은\t#1+은\n", encoding="utf-8"
    )
    gold = read_gold(path)
    assert gold.sentences == (
        (GoldWord("눈물을", ("눈물", "을")), GoldWord("봤다.", ("보", "았", "다", "."))),
        (GoldWord("C++은", ("C++", "은")), GoldWord("#1은", ("#1", "은"))),
    )
    assert gold.edges.tolist() == [6, 13, 16, 3, 9]


def test_klue_format_compressed(tmp_path: Path) -> None:
    import gzip
    import lzma

    text = "## 칼럼명 : INDEX\tWORD_FORM\n## 0\t공정한 수사\n1\t공정한\t공정 하 ㄴ\tNNG+XSA+ETM\t2\tVP_MOD\n2\t수사\t수사\tNNG\t0\tNP\n\n"
    for name, pack in (("a.tsv.xz", lzma.compress), ("a.tsv.gz", gzip.compress), ("a.tsv", bytes)):
        (tmp_path / name).write_bytes(pack(text.encode()))
        gold = read_gold(tmp_path / name)
        assert gold.sentences == ((GoldWord("공정한", ("공정", "하", "ㄴ")), GoldWord("수사", ("수사",))),)
        assert gold.edges.tolist() == [6, 8]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", CorpusError, "holds no word"),
        ("눈물을 눈물+을\n".encode(), FormatError, "line 1: no row: '눈물을 눈물\\+을'"),
        ("눈물을\t눈물+을\n물\t\n".encode(), FormatError, "line 2: no row"),
        ("눈 물\t눈+물\n".encode(), FormatError, "line 1: no row"),
        ("먹었다\t먹/VV+었/EP+다/EF\n".encode(), FormatError, "has tags in its morphemes: 먹/VV"),
        ("1\t가\t가\tNNG\t0\tNP\n2\t나\n".encode(), FormatError, "line 2: no row of KLUE-DP"),
        (b"\xff\t\xff\n", FormatError, "no UTF-8 at byte 0"),
    ],
)
def test_refused_files(tmp_path: Path, data: bytes, error: type[Exception], message: str) -> None:
    path = tmp_path / "gold.tsv"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        read_gold(path)


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "cut.xz").write_bytes(b"\xfd7zXZ\x00 and then nothing")
    for name in ("missing.tsv", "cut.xz"):
        with pytest.raises(FileError, match=f"cannot read .*{name}"):
            read_gold(tmp_path / name)
    with pytest.raises(ArgumentError, match="'' is no eojeol"):
        Gold.of([[GoldWord("", ("가",))]])


# -- KLUE-DP


def test_ceilings_on_klue(data: Path) -> None:
    """28,749 edges: at most 85.5 % for byte-wise units and 93.8 % for jamo, measured elsewhere, within 0.7."""
    gold = read_gold(data / "klue" / "klue-dp-v1.1_dev.tsv.xz")
    assert (len(gold.sentences), gold.n_edges) == (2000, 28_749)
    none = np.array([len(document) for document in gold.documents], dtype=np.uint64)
    offsets = np.arange(2001, dtype=np.uint64)
    ceilings = [100 * morphology(gold, none, offsets, is_jamo).ceiling for is_jamo in (False, True)]
    assert ceilings == [pytest.approx(85.5, abs=0.7), pytest.approx(93.8, abs=0.7)]


def test_a_perfect_cut_of_klue_reaches_the_ceiling(data: Path) -> None:
    gold = read_gold(data / "klue" / "klue-dp-v1.1_dev.tsv.xz")
    score = morphology(gold, gold.edges, gold.offsets, is_jamo=True)
    assert (score.precision, score.recall, score.value("recall_inside")) == (1.0, score.ceiling, 1.0)
    as_bytes = morphology(gold, gold.edges, gold.offsets)
    assert as_bytes.recall == as_bytes.ceiling and as_bytes.value("broken_share") == 1 - as_bytes.precision > 0


def test_examples() -> None:
    for module in (gold_module, morphology_module):
        results = doctest.testmod(module)
        assert results.attempted >= 3 and results.failed == 0
    assert align("사과", ["사과"]) == []
