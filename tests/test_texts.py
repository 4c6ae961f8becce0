"""Texts: what is read, how it is drawn and split, and that a data set gives what the plain file does."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import ArgumentError, BpeLabError, CorpusError, sample
from bpe_lab.compare import Recipe, Texts, read_texts, split
from bpe_lab.compare.dataset import read_rows
from bpe_lab.compare.texts import (
    draw,
    language_of,
    largest_mix,
    mix,
    read_parallel,
    sample_pairs,
    training_text,
    without,
)

KOREAN = "# 사과\n사과나무에 사과가 열렸다.\n# 배\n배는 아직 푸르다.\n\n끝.\n"

documents = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=40)


# ---- reading


@pytest.mark.parametrize(
    ("how", "n_documents"), [("file", 1), ("line", 6), ("blank-line", 2), ("prefix:# ", 2), ("separator:.\\n", 3)]
)
def test_documents_of_a_file(tmp_path: Path, how: str, n_documents: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text(KOREAN, encoding="utf-8")
    texts = read_texts(path, how)
    assert (texts.name, texts.n_documents) == ("a.txt", n_documents)
    assert b"".join(texts.documents) == KOREAN.encode() and texts.n_bytes == len(KOREAN.encode())
    assert texts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_key_tells_where_documents_end_and_the_checksum_does_not() -> None:
    whole, halves = Texts("a", [b"ab"]), Texts("b", [b"a", b"b"])
    assert whole.sha256 == halves.sha256 and whole.content_key != halves.content_key
    assert whole.content_key == Texts("c", [b"ab"]).content_key


def test_several_sources_and_the_sample(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "하나"}\n{"text": "둘"}\n', encoding="utf-8")
    (tmp_path / "b.txt").write_text("셋", encoding="utf-8")
    texts = read_texts([str(tmp_path), "sample:en"])
    assert texts.documents[0] == sample.documents("en")[0].text.encode()
    assert [d.decode() for d in texts.documents[-3:]] == ["하나", "둘", "셋"]


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("sample:kr", "the embedded sample has no 'kr'"),
        ("nowhere.txt", "does not exist"),
        ("dataset:", "names no data"),
    ],
)
def test_what_cannot_be_read(source: str, part: str) -> None:
    with pytest.raises(BpeLabError, match=part):
        read_texts(source)


def test_an_empty_file_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(CorpusError, match="holds no text"):
        read_texts(tmp_path / "a.txt")


# ---- data sets


@pytest.fixture
def quiet_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the extra `data` is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.usefixtures("quiet_datasets")
@pytest.mark.parametrize("how", ["file", "line", "prefix:# "])
def test_a_data_set_of_rows_is_the_plain_file(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.jsonl"
    rows = [KOREAN, "ㅋㅋㅋ 그래\n", "old: ᄒᆞᆫ글, 한 (NFD)"]
    path.write_text("".join(json.dumps({"body": row}) + "\n" for row in rows), encoding="utf-8")
    by_library = read_texts(f"dataset:json?data_files={path}&split=train&field=body", how)
    assert by_library.documents == read_texts(path, how, "body").documents


@pytest.mark.usefixtures("quiet_datasets")
def test_a_data_set_of_whole_texts_is_the_plain_file(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text(KOREAN + path.name, encoding="utf-8")
    query = "&".join(f"data_files={path}" for path in paths)
    by_library = read_texts(f"dataset:text?{query}&sample_by=document", "prefix:# ")
    assert by_library.documents == read_texts(paths, "prefix:# ").documents
    assert (
        list(read_rows(f"dataset:text?{query}&keep_linebreaks=true&take=3")) == read_texts(paths, "line").documents[:3]
    )


@pytest.mark.usefixtures("quiet_datasets")
def test_what_is_wrong_with_a_data_set(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "가"}\n', encoding="utf-8")
    for source, part in [
        (f"dataset:json?data_files={path}", "row 1: no text in 'text' \\(the row has: body\\)"),
        (f"dataset:json?data_file={path}", "no key 'data_file'; there are: .*data_files"),
        (f"dataset:json?data_files={path}x", "cannot read dataset:json"),
        (f"dataset:json?data_files={path}&take=0", "take must be a whole number from 1, got '0'"),
        (f"dataset:text?data_files={path}&keep_linebreaks=1", "keep_linebreaks must be true or false, got '1'"),
        (f"dataset:json?data_files={path}&split=a&split=b", "split stands twice"),
    ]:
        with pytest.raises(BpeLabError, match=part):
            read_texts(source)


# ---- parallel text


def test_parallel_files(tmp_path: Path) -> None:
    (tmp_path / "kor_Hang.dev").write_bytes("하나\r\n둘\n".encode())
    (tmp_path / "kor_Hang.devtest").write_bytes("셋".encode())
    (tmp_path / "eng_Latn.all").write_bytes(b"one\ntwo\nthree\n")
    korean = f"{tmp_path}/kor_Hang.dev+{tmp_path}/kor_Hang.devtest"
    found = read_parallel([korean, f"{tmp_path}/eng_Latn.all"])
    assert found.languages == ("ko", "en") and found.n_lines == 3
    assert found.texts("ko").documents == [" 하나".encode(), " 둘".encode(), " 셋".encode()]
    with pytest.raises(CorpusError, match=r"kor_Hang.dev has 2, .*eng_Latn.all has 3"):
        read_parallel([f"{tmp_path}/kor_Hang.dev", f"{tmp_path}/eng_Latn.all"])
    with pytest.raises(ArgumentError, match="needs a language of its own, got ko, ko"):
        read_parallel([f"{tmp_path}/kor_Hang.dev", f"{tmp_path}/kor_Hang.devtest"])
    with pytest.raises(ArgumentError, match="two sources or more, got 1"):
        read_parallel([korean])


def test_the_sample_is_parallel_text() -> None:
    assert read_parallel(["sample"]) == sample_pairs()
    assert sample_pairs().n_lines == len(sample.parallel())


@pytest.mark.parametrize(
    ("name", "lang"),
    [("x/zho_Hans.dev", "zh"), ("jpn_Jpan.dev", "ja"), ("a.ko.txt", "ko"), ("news.en", "en"), ("x", "x")],
)
def test_the_language_that_a_name_tells(name: str, lang: str) -> None:
    assert language_of(name) == lang


def test_flores_is_line_aligned(data: Path) -> None:
    both = [f"{data}/flores/{lang}.dev+{data}/flores/{lang}.devtest" for lang in ("kor_Hang", "eng_Latn")]
    found = read_parallel(both)
    assert found.languages == ("ko", "en") and found.n_lines == 997 + 1012


# ---- splits and draws


@settings(deadline=None)
@given(documents, st.floats(0.01, 0.99), st.integers(0, 3))
def test_a_split_loses_nothing_and_shares_nothing(texts: list[bytes], share: float, seed: int) -> None:
    if len(set(texts)) < 2:
        with pytest.raises(CorpusError, match="one document"):
            split(Texts("t", texts), share, seed)
        return
    train, held = split(Texts("t", texts), share, seed)
    assert train.documents and held.documents
    assert not set(train.documents) & set(held.documents)
    assert sorted(train.documents + held.documents) == sorted(texts)


def test_a_split_is_stable_and_about_as_large_as_asked() -> None:
    """More documents, or another order, move none; of 2,000 documents 10 % are 200, give or take four times 13."""
    texts = [f"문서 {i}".encode() for i in range(2000)]
    _, held = split(Texts("all", texts), 0.1)
    assert abs(held.n_documents - 200) < 4 * 13.4  # standard deviation of 2,000 draws at .1: sqrt(180)
    _, fewer = split(Texts("half", texts[1000:][::-1]), 0.1)
    assert set(fewer.documents) == set(held.documents) & set(texts[1000:])


@settings(deadline=None)
@given(documents, st.integers(1, 100), st.integers(0, 3))
def test_a_draw_is_the_lowest_hashes_that_fill_it(texts: list[bytes], percent: int, seed: int) -> None:
    """The slow twin takes documents in the order of the hash until they are enough, equal ones together."""
    drawn = draw(Texts("t", texts), f"{percent}%", seed).documents
    keyed = {d: hashlib.blake2b(d, digest_size=8, key=f"sample {seed}".encode()).digest() for d in texts}
    order = sorted(keyed, key=lambda d: int.from_bytes(keyed[d], "little"))
    wanted: list[bytes] = []
    for document in order:
        if sum(map(len, wanted)) * 100 < percent * sum(map(len, texts)):
            wanted += [document] * texts.count(document)
    assert sorted(drawn) == sorted(wanted)


def test_draws_of_one_seed_lie_in_each_other_and_of_another_do_not() -> None:
    texts = read_texts("sample:ko")
    sizes = ["1%", "3%", "10%", "30%", "100%"]
    drawn = [set(draw(texts, size, 1).documents) for size in sizes]
    assert all(a < b for a, b in pairwise(drawn))
    assert draw(texts, "10%", 1).n_bytes == pytest.approx(texts.n_bytes / 10, abs=4000)
    assert set(draw(texts, "10%", 2).documents) != set(draw(texts, "10%", 1).documents)
    with pytest.raises(CorpusError, match="a sample of 1000000000 bytes of sample:ko, which has"):
        draw(texts, "1GB")


def test_a_mix_has_its_shares_by_bytes() -> None:
    sources = {lang: read_texts(f"sample:{lang}") for lang in ("ko", "en")}
    longest = {lang: max(map(len, texts.documents)) for lang, texts in sources.items()}
    found = mix(sources, {"ko": 60, "en": 40}, 30_000, seed=3)
    n_korean = sum(len(d) for d in found.documents if d in set(sources["ko"].documents))
    assert 0 <= n_korean - 18_000 < longest["ko"]
    assert 0 <= found.n_bytes - n_korean - 12_000 < longest["en"]
    assert mix(sources, [("en", 4), ("ko", 6)], 30_000, seed=3).documents == found.documents
    less = mix(sources, {"ko": 10, "en": 90}, 10_000, seed=3)
    assert set(less.documents) & set(sources["ko"].documents) < set(found.documents)


def test_a_mix_that_cannot_be() -> None:
    sources = {"ko": Texts("ko", [b"a" * 60]), "en": Texts("en", [b"b" * 30])}
    assert largest_mix(sources, {"ko": 1, "en": 1}) == 60  # English has 30 bytes, half of 60
    with pytest.raises(CorpusError, match="needs 31 bytes of en, which has 30") as caught:
        mix(sources, {"ko": 1, "en": 1}, 62)
    assert "size=60" in str(caught.value.hint)
    with pytest.raises(ArgumentError, match="names 'fr', which is no source; there are: ko, en"):
        mix(sources, {"fr": 1})


def test_nothing_measured_on_is_trained_on() -> None:
    left = without(Texts("t", [b"a", b"b", b"a", b"c"]), Texts("e", [b"a"]))
    assert left.documents == [b"b", b"c"]


def test_the_text_that_a_recipe_says(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(KOREAN, encoding="utf-8")
    common = read_texts("sample:ko")
    assert training_text(Recipe(), common) is common
    own = training_text(Recipe(train=(str(tmp_path / "a.txt"),), documents="line"), common)
    assert own.n_documents == 6
    mixed = training_text(Recipe.parse("mix=ko:1/en:1,size=20kB,seed=5"), common, {"ko": common})
    assert (
        mixed.documents == mix({"ko": common, "en": read_texts("sample:en")}, {"ko": 1, "en": 1}, 20_000, 5).documents
    )
    sampled = training_text(Recipe.parse("sample=10%,seed=2"), common)
    assert sampled.documents == draw(common, "10%", 2).documents
