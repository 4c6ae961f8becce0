"""Ids equal tiktoken's, with its own rank files and its own patterns."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiktoken
from tests.conftest import FULL
from tests.texts import texts
from tiktoken_ext import openai_public

from bpe_lab import Tokenizer

NAMES = ["r50k_base", "cl100k_base", "o200k_base"]
CORPORA = ["ko_reviews", "ko_docs", "en_docs", "webdocs_ko", "webdocs_en", "webdocs_ja", "webdocs_zh"]
Corpus = Callable[..., bytes]
Published = Callable[[str], Tokenizer]


@pytest.fixture(scope="session")
def theirs(data: Path) -> Callable[[str], tiktoken.Encoding]:
    """Construct tiktoken's encodings from the data folder; nothing is fetched."""
    made: dict[str, tiktoken.Encoding] = {}

    def load(name: str) -> tiktoken.Encoding:
        if name not in made:
            lines = (data / "vocab" / f"{name}.tiktoken").read_bytes().split(b"\n")
            ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in lines if line)}
            pattern = openai_public.r50k_pat_str if name == "r50k_base" else PATTERNS[name]
            made[name] = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        return made[name]

    return load


def _pattern_of(function: Callable[[], dict[str, object]]) -> str:
    """Take the pattern out of a definition of tiktoken's without letting it fetch its ranks."""
    real = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *args, **kwargs: {}
    try:
        return str(function()["pat_str"])
    finally:
        openai_public.load_tiktoken_bpe = real


PATTERNS = {"cl100k_base": _pattern_of(openai_public.cl100k_base), "o200k_base": _pattern_of(openai_public.o200k_base)}


def assert_same(ours: Tokenizer, encoding: tiktoken.Encoding, documents: list[str]) -> None:
    """Compare all documents at once; on a difference name the first one."""
    ids, offsets = ours.encode_batch(documents)
    expected = encoding.encode_ordinary_batch(documents, num_threads=2)
    flat = np.fromiter((i for row in expected for i in row), dtype=np.uint32)
    ends = np.cumsum([0, *map(len, expected)])
    if np.array_equal(ids, flat) and np.array_equal(offsets, ends):
        return
    for i, (document, row) in enumerate(zip(documents, expected, strict=True)):
        assert ids[offsets[i] : offsets[i + 1]].tolist() == row, (i, document)


@pytest.mark.parametrize("name", NAMES)
def test_random_and_adversarial_strings(
    name: str, published: Published, theirs: Callable[[str], tiktoken.Encoding]
) -> None:
    assert_same(published(name), theirs(name), texts(200_000 if FULL else 20_000, seed=20261121))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("corpus_name", CORPORA)
def test_corpora(
    name: str,
    corpus_name: str,
    corpus: Corpus,
    published: Published,
    theirs: Callable[[str], tiktoken.Encoding],
) -> None:
    text = corpus(corpus_name, None if FULL else 400_000).decode()
    lines = text.splitlines(keepends=True)
    documents = ["".join(lines[i : i + 40]) for i in range(0, len(lines), 40)]
    assert_same(published(name), theirs(name), documents)


@pytest.mark.parametrize("name", NAMES)
def test_one_long_text_is_cut_like_many_short_ones(
    name: str, corpus: Corpus, published: Published, theirs: Callable[[str], tiktoken.Encoding]
) -> None:
    text = corpus("webdocs_ko", 1_000_000).decode()
    assert published(name).encode(text) == theirs(name).encode_ordinary(text)


@pytest.mark.parametrize("name", NAMES)
def test_special_tokens_are_those_of_tiktoken(name: str, published: Published) -> None:
    real = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *args, **kwargs: {}
    try:
        definition = openai_public.ENCODING_CONSTRUCTORS[name]()
    finally:
        openai_public.load_tiktoken_bpe = real
    assert published(name).special_tokens == definition["special_tokens"]


def test_named_encodings_have_tiktoken_s_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    from bpe_lab.interop.published import PUBLISHED

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", lambda *args, **kwargs: {})
    monkeypatch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", lambda *args, **kwargs: {})
    for name, constructor in openai_public.ENCODING_CONSTRUCTORS.items():
        assert PUBLISHED[name].special_tokens == constructor()["special_tokens"], name


def test_a_name_is_found_without_network(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import hashlib

    from bpe_lab import FileError

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("BPE_LAB_VOCAB", raising=False)
    with pytest.raises(FileError, match="r50k_base is not on this machine") as e:
        Tokenizer.load("r50k_base")
    assert "BPE_LAB_VOCAB" in str(e.value) and "tiktoken.get_encoding" in str(e.value)
    monkeypatch.setenv("BPE_LAB_VOCAB", str(data / "vocab"))
    found = Tokenizer.load("r50k_base")
    assert found.n_ids == 50_257
    monkeypatch.delenv("BPE_LAB_VOCAB")
    url = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken"
    cached = tmp_path / hashlib.sha1(url.encode()).hexdigest()
    cached.write_bytes((data / "vocab" / "r50k_base.tiktoken").read_bytes())
    assert Tokenizer.load("gpt2") == found
