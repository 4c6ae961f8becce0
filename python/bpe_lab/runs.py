"""RunRecord: what one training run of a language model did, as JSON. Between the companion model and `compare`.

A record holds raw counts (bytes, tokens, FLOPs, seconds, nats) and what decides them (seed, hashes, versions); tables
are made of records, never the other way. Trains nothing, imports no torch.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.errors import FormatError

if TYPE_CHECKING:
    from bpe_lab.metrics import Estimate

SCHEMA = 1


@dataclass(frozen=True)
class Arm:
    """The tokenizer of a run."""

    name: str
    recipe: str
    """Canonical recipe, path or published name: what `compare` calls the candidate."""
    fingerprint: str
    unit: str
    n_ids: int
    """Ids of the tokenizer; the model has one more where the tokenizer has no end of text."""


@dataclass(frozen=True)
class Point:
    """A moment of training."""

    bytes: int
    tokens: int
    flops: float
    seconds: float
    train_nats: float
    """Sum over the tokens scored since the last point."""
    train_bytes: int
    """Bytes of the text those tokens stand for."""
    lr: float
    validation_bpb: float | None = None


@dataclass(frozen=True)
class Scored:
    """Nats over validation documents. Sums, so that any ratio and any bootstrap can be made of them."""

    nats: tuple[float, ...]
    """By document, end of text included."""
    bytes: tuple[int, ...]
    """By document, from the manifest, never from ids."""
    tokens: tuple[int, ...]
    """Scored tokens by document, end of text included."""
    domains: tuple[str, ...] = ()
    """Names of domains; empty where there is one."""
    domain_of: tuple[int, ...] = ()
    """By document, the index of its domain."""
    by_position: tuple[tuple[int, int, float], ...] = ()
    """(first byte of the bin in its document, bytes, nats). The bytes are the text's, so equal for all tokenizers; a
    token belongs where its first byte lies, an end of text to the last byte."""
    by_syllable: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """`outside`, `first`, `second`, `third` byte of a syllable -> (bytes, nats). The bytes are the text's, so `first`
    counts the syllables; a token belongs where its first byte lies, an end of text outside."""
    by_class: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """Class of token (docs/words.md) -> (tokens, bytes, nats)."""

    @property
    def bpb(self) -> float:
        """Bits per byte: sum of nats / (ln 2 x sum of bytes)."""
        return math.fsum(self.nats) / (math.log(2) * sum(self.bytes))

    @property
    def nats_per_token(self) -> float:
        """Mean loss: what a training loop prints. Not comparable between tokenizers."""
        return math.fsum(self.nats) / sum(self.tokens)

    @property
    def bits_inside_syllable(self) -> float:
        """Bits of tokens that begin at the second or third byte of a syllable, per syllable; not a number without one.

        0 where no token begins inside a syllable: then what a syllable costs is paid at its first byte or before it.
        """
        n_syllables = self.by_syllable.get("first", (0.0, 0.0))[0]
        inside = sum(self.by_syllable[place][1] for place in ("second", "third") if place in self.by_syllable)
        return inside / math.log(2) / n_syllables if n_syllables else math.nan


@dataclass(frozen=True)
class RunRecord:
    """One run: an arm, a seed, a budget."""

    arm: Arm
    seed: int
    preset: str
    match: str
    """`bytes`, `flops` or `params`: what was held equal."""
    budget_bytes: int
    """Bytes that training was to see: where this run's learning rate reached its end."""
    corpus: Mapping[str, Any]
    """`train_sha256`, `validation_sha256`, `train_bytes`, `validation_bytes`, `epochs`."""
    model: Mapping[str, Any]
    """The model's configuration, and `n_block`, `n_embedding`, `n_positions` parameters."""
    training: Mapping[str, Any]
    """`lr`, `lr_factor`, `probed` (factor -> BPB), `bytes_per_step`, `context_bytes`, `schedule`, `steps`."""
    bytes: int
    """Seen in training."""
    tokens: int
    """Seen in training."""
    flops: float
    seconds: float
    """Of training alone: neither of probing nor of scoring."""
    memory_bytes: int
    """Peak while training: of the device, or of the process on a CPU."""
    curve: tuple[Point, ...]
    scored: Scored | None
    """None where the run diverged."""
    decoding: Mapping[str, float] = field(default_factory=dict)
    """`bytes_per_s`, `tokens_per_s`, `invalid_utf8` (share of characters), `cache_bytes_per_kb` (measured), ..."""
    status: str = "ok"
    """`ok`, `diverged` or `lossy`."""
    note: str = ""
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    experiment: str = ""
    """The study question's experiment; empty for runs that compare tokenizers."""
    label: str = ""
    """The experiment's arm."""
    measures: Mapping[str, Any] = field(default_factory=dict)
    """What else was measured on the trained model, by name: numbers, lists, mappings."""
    schema: int = SCHEMA

    @property
    def key(self) -> str:
        """SHA-256 over what decides the run: equal keys give equal runs on one machine; who resumes skips them."""
        return key_of(
            self.arm.fingerprint,
            self.seed,
            self.preset,
            self.match,
            self.budget_bytes,
            self.corpus,
            self.model,
            self.training,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads: plain JSON values; a number that is not finite becomes None."""
        found: dict[str, Any] = _plain(self)
        return found

    @classmethod
    def from_json(cls, data: Any) -> "RunRecord":
        """Read a record.

        Raises:
            FormatError: it is none, or of a newer schema.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(schema, int) or schema > SCHEMA:
            raise FormatError(f"a run record of schema {schema}; this version reads up to {SCHEMA}", "update bpe-lab")
        try:
            given = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            given["arm"] = Arm(**given["arm"])
            given["curve"] = tuple(_point(point) for point in given["curve"])
            given["scored"] = _scored(given["scored"])
            found = cls(**given)
            _check_numbers(found)
            return found
        except (KeyError, TypeError, AttributeError, ValueError) as e:
            raise FormatError(f"a damaged run record: {type(e).__name__} {e}", "train this run again") from None


def _check_numbers(record: RunRecord) -> None:
    """Refuse what is no number where tables count with one.

    Raises:
        TypeError: it names the field.
    """
    numbers = ("seed", "budget_bytes", "bytes", "tokens", "flops", "seconds", "memory_bytes")
    for holder, names in ((record, numbers), *((point, ("bytes", "seconds", "train_nats")) for point in record.curve)):
        for name in names:
            if not isinstance(getattr(holder, name), (int, float)):
                raise TypeError(f"{name} is no number: {getattr(holder, name)!r}")


def _point(data: Any) -> Point:
    """Return a moment of training; the loss of one that was no number (the run diverged) is none again."""
    return Point(**{**data, "train_nats": math.nan if data["train_nats"] is None else data["train_nats"]})


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses, mappings, lists, text, finite numbers; those of numpy as Python's.

    Raises:
        TypeError: it is none of these.
    """
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    raise TypeError(f"a run record cannot hold {type(value).__name__}: {value!r}")


def _scored(data: Any) -> Scored | None:
    if data is None:
        return None
    lengths = {len(data[name]) for name in ("nats", "bytes", "tokens")}
    if len(lengths) > 1 or not all(isinstance(x, (int, float)) and math.isfinite(x) for x in data["nats"]):
        raise ValueError(f"scored nats, bytes and tokens must be numbers of as many documents, got {sorted(lengths)}")
    listed = {f.name: data[f.name] for f in fields(Scored) if f.name in data}
    for name in ("nats", "bytes", "tokens", "domains", "domain_of"):
        listed[name] = tuple(listed.get(name, ()))
    listed["by_position"] = tuple(tuple(row) for row in listed.get("by_position", ()))
    for name in ("by_syllable", "by_class"):
        listed[name] = {key: tuple(value) for key, value in listed.get(name, {}).items()}
    return Scored(**listed)


def bootstrap_bpb(scored: Scored, seed: int = 0, n_resamples: int = 1000, level: float = 0.95) -> "Estimate":
    """Return BPB with its interval over documents: what other documents of the kind would have given.

    Percentiles of ratios of sums over resampled documents; above 2,048 documents blocks of neighbours are drawn. It
    says nothing about another seed of training. One document gives no interval.

    >>> bootstrap_bpb(Scored(nats=(6.0, 9.0), bytes=(4, 4), tokens=(3, 3))).value  # (6 + 9) / (ln 2 x 8)
    2.7050532016668063
    """
    import numpy as np

    from bpe_lab.metrics import Estimate, resampling

    if len(scored.nats) < 2:
        return Estimate(scored.bpb)
    bits, n_bytes = np.asarray(scored.nats) / math.log(2), np.asarray(scored.bytes, np.float64)
    return Estimate(scored.bpb, *resampling.ratio_interval(bits, n_bytes, seed, n_resamples, level))


def key_of(*parts: Any) -> str:
    """Return a SHA-256 over JSON values, independent of the order of keys.

    >>> key_of({"a": 1, "b": (2, 3)}) == key_of({"b": [2, 3], "a": 1})
    True
    """
    text = json.dumps(_plain(parts), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_records(folder: str | os.PathLike[str]) -> list[RunRecord]:
    """Read every record of a folder (`*.run.json`), by name.

    Raises:
        FormatError: one is damaged; the message names the file.
    """
    return list(_read(sorted(Path(folder).glob("*.run.json"))))


def _read(paths: Iterable[Path]) -> Iterable[RunRecord]:
    for path in paths:
        try:
            yield RunRecord.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FormatError as e:
            raise FormatError(f"{path.name}: {e.message}", e.hint) from None
        except ValueError:
            raise FormatError(f"{path.name} is no JSON", "train this run again, or take the file away") from None


def write_record(folder: str | os.PathLike[str], name: str, record: RunRecord) -> Path:
    """Write a record whole to `folder/NAME.run.json`, over an older one."""
    from bpe_lab.writing import write_whole

    data = json.dumps(record.to_json(), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return write_whole(Path(folder) / f"{name}.run.json", data, force=True)
