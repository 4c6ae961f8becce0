"""What an experiment came to, as plain data: cells of a table, verdicts on claims, points of figures; JSON and back.

folder/NAME/result.json
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bpe_lab.errors import FormatError
from bpe_lab.writing import write_whole
from bpe_lab_model.experiments.spec import Said

Value = dict[str, float | None] | str | None
"""`{"value", "low", "high"}`, a text, or nothing."""

RESULT = "result.json"
SCHEMA = 1


@dataclass(frozen=True)
class Cell:
    """A row of the table: one arm with one tokenizer at one budget."""

    arm: str
    tokenizer: str
    """The recipe, or what it was loaded from."""
    budget: float
    """A multiple of the preset's bytes."""
    budget_bytes: int
    seeds: tuple[int, ...]
    n_diverged: int
    values: Mapping[str, Value]
    """By key of a column: the mean over seeds that did not diverge, with Student's t interval from two on."""


@dataclass(frozen=True)
class Finding:
    """The verdict on a claim."""

    said: Said
    arm: str
    base: str
    column: str
    expected: str
    budget: float
    tokenizer: str
    effect: dict[str, float | None] | None
    """Of arm less base, or of the claim's value, with the wider interval."""
    relative: dict[str, float | None] | None
    """The same as a part of the base."""
    p_holm: float | None
    n_seeds: int
    verdict: str
    """`supported`, `contradicted`, `leans towards`, `leans against`, `not resolved`."""
    seeds_needed: int | None = None
    note: Said | None = None
    what: Said = field(default_factory=dict)
    """What a claim's own value is; empty for a difference of a column."""
    documents_needed: int | None = None
    """About how many scored documents would tell, where it is these that leave the claim open and not the seeds."""


@dataclass(frozen=True)
class Result:
    """An experiment after its runs."""

    name: str
    questions: tuple[int, ...]
    question: Said
    note: Said
    columns: list[dict[str, Any]]
    cells: tuple[Cell, ...]
    findings: tuple[Finding, ...]
    figures: list[dict[str, Any]]
    """In the form that `bpe_lab.report.figures` draws."""
    text: dict[str, Any]
    preset: str
    n_runs: int
    seconds: float
    """Of all training and measuring of its records, one after another."""
    command: str
    machine: dict[str, Any]
    versions: dict[str, str]
    schema: int = SCHEMA

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "Result":
        """Read a result.

        Raises:
            FormatError: it is none, or of a newer schema.
        """
        schema = data.get("schema") if isinstance(data, dict) else None
        if not isinstance(schema, int) or schema > SCHEMA:
            raise FormatError(f"a result of schema {schema}; this version reads up to {SCHEMA}", "update bpe-lab-model")
        try:
            given = {f.name: data[f.name] for f in fields(cls) if f.name in data}
            given["questions"] = tuple(given["questions"])
            given["cells"] = tuple(Cell(**{**cell, "seeds": tuple(cell["seeds"])}) for cell in given["cells"])
            given["findings"] = tuple(Finding(**finding) for finding in given["findings"])
            return cls(**given)
        except (KeyError, TypeError, AttributeError) as e:
            raise FormatError(f"a damaged result: {type(e).__name__} {e}", "run the experiment again") from None


def write(folder: Path, result: Result) -> Path:
    """Write a result whole, over an older one."""
    data = json.dumps(result.to_json(), ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"
    return write_whole(folder / result.name / RESULT, data, force=True)


def read(folder: Path) -> list[Result]:
    """Read every result of a folder of experiments, by name.

    Raises:
        FormatError: one is damaged; the message names the file.
    """
    return [_read(path) for path in sorted(folder.glob(f"*/{RESULT}"))]


def _read(path: Path) -> Result:
    name = f"{path.parent.name}/{path.name}"
    try:
        return Result.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FormatError as e:
        raise FormatError(f"{name}: {e.message}", e.hint) from None
    except ValueError:
        raise FormatError(f"{name} is no JSON", "run the experiment again") from None
