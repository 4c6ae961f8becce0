"""What tests share: where real data lies, what a long run is, and small tokenizers to work with."""

import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import bpe_lab
from bpe_lab import Tokenizer, sample

FULL = os.environ.get("BPE_LAB_FULL") == "1"
"""Set by `make test-full`: run the long versions."""

VECTORS = Path(__file__).parent / "vectors"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the long tests of a short run."""
    if not FULL:
        skip = pytest.mark.skip(reason="long: runs in `make test-full`")
        for item in items:
            if "full" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real corpora and vocabularies."""
    folder = os.environ.get("BPE_LAB_DATA")
    if not folder:
        pytest.skip("BPE_LAB_DATA is not set: no real corpora here")
    return Path(folder)


@pytest.fixture(scope="session")
def corpus(data: Path) -> Callable[..., bytes]:
    """Read a corpus by name: all of it, or a part."""
    texts: dict[str, bytes] = {}

    def read(name: str, n_bytes: int | None = None, start: int = 0) -> bytes:
        if name not in texts:
            texts[name] = lzma.decompress((data / "corpora" / f"{name}.txt.xz").read_bytes())
        part = texts[name][start : None if n_bytes is None else start + n_bytes]
        return part.decode(errors="ignore").encode()

    return read


@pytest.fixture(scope="session")
def published(data: Path) -> Callable[[str], Tokenizer]:
    """Load a published vocabulary from the data folder."""
    loaded: dict[str, Tokenizer] = {}

    def load(name: str) -> Tokenizer:
        if name not in loaded:
            loaded[name] = Tokenizer.load(data / "vocab" / f"{name}.tiktoken")
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def small() -> Tokenizer:
    """A tokenizer of 600 ids, trained on the Korean and English sample."""
    texts = [d.text for d in sample.documents("ko") + sample.documents("en")]
    return bpe_lab.train(texts=texts, vocab_size=600)
