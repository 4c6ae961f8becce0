"""Reads the embedded sample. Knows nothing of tokenizers."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

NOTICE = "embedded sample: a demonstration and no evidence"
"""Every output that uses the sample says this."""


@dataclass(frozen=True)
class SampleDocument:
    """One document: its id (unique within a language), language (`ko`, `en`, `code`), register and text."""

    id: str
    lang: str
    register: str
    text: str


@dataclass(frozen=True)
class SentencePair:
    """A Korean sentence and its English translation."""

    id: str
    register: str
    ko: str
    en: str


@cache
def _all_documents() -> tuple[SampleDocument, ...]:
    found = []
    for lang in ("ko", "en", "code"):
        folder = resources.files("bpe_lab.sample") / lang
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            name = entry.name.removesuffix(".txt")
            found.append(SampleDocument(name, lang, name.rpartition("-")[0], entry.read_text(encoding="utf-8")))
    return tuple(found)


def documents(lang: str | None = None, register: str | None = None) -> list[SampleDocument]:
    """Return the sample's documents, of one language or register or of all, by language and id.

    >>> documents("ko", "chat")[0].id
    'chat-01'
    """
    return [d for d in _all_documents() if lang in (None, d.lang) and register in (None, d.register)]


@cache
def parallel() -> tuple[SentencePair, ...]:
    """Return the sentences that stand in Korean and in English, line by line.

    >>> parallel()[0].id
    'p001'
    """
    text = (resources.files("bpe_lab.sample") / "parallel.tsv").read_text(encoding="utf-8")
    return tuple(SentencePair(*line.split("\t")) for line in text.splitlines())
