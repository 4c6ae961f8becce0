"""The text of experiments: what is trained on and scored, its domains, and each arm's part of it as tokens.

Tokenizers learn from training text alone. Shards are written once for all arms that share tokenizer and text, and taken
away at the end. Trains no model.
"""

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bpe_lab import sample
from bpe_lab.compare.cache import Cache
from bpe_lab.compare.candidates import Candidate, Failed, Missing, load_candidate
from bpe_lab.compare.presets import sample_model_text, sample_texts
from bpe_lab.compare.recipe import Recipe, parse_tokenizer
from bpe_lab.compare.texts import Texts, draw, split
from bpe_lab.compare.trained import Trainer as TokenizerTrainer
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError
from bpe_lab.runs import key_of
from bpe_lab.shards import Shards, write_shards
from bpe_lab_model import probing, recording
from bpe_lab_model.experiments.spec import Arm
from bpe_lab_model.grid import POOL, drawn
from bpe_lab_model.presets import Preset


@dataclass(frozen=True)
class Corpus:
    """Documents to train on and to score, with the name of each one's domain."""

    name: str
    train: Texts
    validation: Texts
    domains: tuple[str, ...]
    """In the order in which arms call them `1` and `2`."""
    domain_of: Mapping[bytes, str] = field(repr=False)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What a record says of the text."""
        texts = recording.texts(self.train, self.validation)
        return {"name": self.name, **texts, "domains": list(self.domains)}

    def part(self, which: str) -> Texts:
        """Return the training text of a domain, `1` or `2`, or all of it for an empty name.

        Raises:
            CorpusError: there is no such domain.
        """
        if not which:
            return self.train
        number = int(which)
        if number > len(self.domains):
            raise CorpusError(
                f"this experiment needs {number} domains, the text {self.name} has {len(self.domains)}",
                "give them with --domain talk=talk.txt:line docs=docs.txt",
            )
        name = self.domains[number - 1]
        return Texts(f"{name} (train)", [d for d in self.train.documents if self.domain_of[d] == name])


def of_sample(lang: str) -> Corpus:
    """Return the embedded sample of a language; its registers are the domains, the largest first."""
    train, (_, validation) = sample_model_text(lang), sample_texts(lang)
    domain_of = {document.text.encode(): document.register for document in sample.documents(lang)}
    sizes: Counter[str] = Counter()
    for document in train.documents:
        sizes[domain_of[document]] += len(document)
    return Corpus(f"sample:{lang}", train, validation, tuple(name for name, _ in sizes.most_common()), domain_of)


def of_documents(name: str, texts: Texts, domain_of: Mapping[bytes, str] | None = None) -> Corpus:
    """Return documents with a tenth of them, by content hash, held back to be scored.

    Raises:
        CorpusError: they are too few to be parted.
    """
    names = domain_of or dict.fromkeys(texts.documents, name)
    try:
        train, validation = split(texts)
    except CorpusError as e:
        raise CorpusError(e.message, "say what a document is with --documents, or give more text") from None
    return Corpus(name, train, validation, tuple(dict.fromkeys(names.values())), names)


class Shelf:
    """Tokenizers and shards of a corpus, each made once.

    Raises (all methods):
        ArgumentError: a tokenizer is missing, failed, or loses text.
    """

    def __init__(self, corpus: Corpus, preset: Preset, folder: Path, cache: Cache, threads: int | None = None) -> None:
        self.corpus, self.preset, self.folder = corpus, preset, folder
        self._trainer = TokenizerTrainer(cache, threads)
        self._candidates: dict[tuple[str, str, float], Candidate] = {}
        self._written: dict[str, Path] = {}
        self._texts: dict[tuple[str, int, bool], tuple[Texts, Texts]] = {}

    def candidate(self, arm: Arm) -> Candidate:
        """Return the arm's tokenizer, trained on its part of the training text, or loaded."""
        key = (arm.tokenizer, arm.tokenizer_text, arm.tokenizer_share)
        if key not in self._candidates:
            self._candidates[key] = self._made(arm)
        return self._candidates[key]

    def _made(self, arm: Arm) -> Candidate:
        spec = parse_tokenizer(arm.tokenizer)
        if isinstance(spec, Recipe):
            texts = self.corpus.part(arm.tokenizer_text)
            if arm.tokenizer_share < 1:
                texts = draw(texts, f"{100 * arm.tokenizer_share:g}%")
            found = self._trainer.make(spec, texts)
        else:
            found = load_candidate(spec)
        if isinstance(found, (Missing, Failed)):
            raise ArgumentError(f"there is no tokenizer {arm.tokenizer}: {found.reason}", found.hint)
        if found.lossy:
            raise ArgumentError(f"{arm.tokenizer} loses text: bits per byte would say nothing", "take another")
        return found

    def texts(self, arm: Arm, largest: int, probe: bool) -> tuple[Texts, Texts]:
        """Return what an arm trains on and what it is scored on; for a trial, text held back from training."""
        limit = POOL * largest
        if arm.text_share is not None:
            limit = round(arm.text_share * self.preset.bytes_an_arm)
        key = (arm.text, limit, probe)
        if key not in self._texts:
            train = _several(self.corpus.part(arm.text), limit)
            if probe:
                self._texts[key] = probing.hold_back(train, self.preset.probing_bytes)
            else:
                validation, _ = drawn(self.corpus.validation, self.preset.validation_bytes, None)
                self._texts[key] = train, validation
        return self._texts[key]

    def shards(self, arm: Arm, largest: int, probe: bool = False) -> Path:
        """Return the folder of an arm's shards."""
        candidate = self.candidate(arm)
        train, validation = self.texts(arm, largest, probe)
        key = key_of(candidate.fingerprint, train.content_key, validation.content_key)[:16]
        if key not in self._written:
            folder = self.folder / key
            try:
                Shards.open(folder)
            except BpeLabError:
                folder.parent.mkdir(parents=True, exist_ok=True)
                sides = {"train": train, "validation": validation}
                texts = {side: found.documents for side, found in sides.items()}
                labels = {side: [self.corpus.domain_of[d] for d in found] for side, found in texts.items()}
                write_shards(folder, candidate, texts, domains=labels, force=True)  # type: ignore[arg-type]
            self._written[key] = folder
        return self._written[key]

    def tidy(self) -> None:
        """Take the shards away: they are made again in seconds."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _several(texts: Texts, n_bytes: int) -> Texts:
    """Return a draw of `n_bytes`, or as much more as it takes to hold two different documents: one to hold back."""
    found, _ = drawn(texts, n_bytes, None)
    if len(set(found.documents)) > 1 or found.n_bytes == texts.n_bytes:
        return found
    return _several(texts, 2 * n_bytes)
