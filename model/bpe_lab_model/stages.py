"""What the checkpoints of a run say, one after the other: when does text start to be any good?

For each its text, bits per byte, and the measures of `quality` over several samples. Trains and prints nothing.
"""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.errors import FileError
from bpe_lab_model import bpb, checkpoint
from bpe_lab_model.generate import Options, Speaker
from bpe_lab_model.quality import Copies, broken_characters, distinct_2, stray_jamo

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import ShardSplit


@dataclass(frozen=True)
class Stage:
    """A checkpoint, and what it says."""

    checkpoint: str
    n_bytes: int | None
    """Seen in training; None where its state does not tell."""
    bpb: float | None
    """Of held-out text."""
    texts: list[list[str]]
    """Of each sample its documents, without the prompt; the last one stopped by the bound."""
    n_chars: int
    invalid_utf8: float | None
    """Broken characters / characters, of all samples; None where there is no character."""
    stray_jamo: float | None
    distinct_2: float | None
    copied: float | None = None
    """Strings of 20 characters that stand in the training text / all of them."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def checkpoints(run: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first; of a single checkpoint itself.

    Raises:
        FileError: there is none.
    """
    found = sorted(path.parent for path in (run / checkpoint.STEPS).glob(f"[0-9]*/{checkpoint.STATE}"))
    if not found and (run / checkpoint.STATE).is_file():
        return [run]
    if not found:
        raise FileError(f"{run} holds no checkpoint", "give the folder of a run; --save-every keeps several")
    return found


def stages(
    folders: Iterable[Path],
    candidate_of: "Callable[[checkpoint.Checkpoint], Candidate]",
    prompt: bytes,
    options: Options,
    n_samples: int,
    held_out: "ShardSplit | None" = None,
) -> Iterator[Stage]:
    """Yield what each checkpoint says, `n_samples` times; the seeds are the same for all.

    Args:
        folders: as `checkpoints` gives them.
        candidate_of: gives a checkpoint's tokenizer.
        prompt: what all samples begin with.
        options: of the samples; a sample goes on after an end of text until its bound.
        n_samples: how many; measures are over all of them.
        held_out: scored for bits per byte; without it those that training noted are given.
    """
    for folder in folders:
        loaded = checkpoint.load(folder)
        candidate = candidate_of(loaded)
        speaker = Speaker(loaded.model, candidate)
        texts: list[list[str]] = []
        n_broken = n_chars = 0
        for n in range(n_samples):
            documents = _documents(speaker, prompt, replace(options, seed=options.seed + n, stops=False))
            counts = [broken_characters(data, at == len(documents) - 1) for at, data in enumerate(documents)]
            n_broken += sum(broken for broken, _ in counts)
            n_chars += sum(chars for _, chars in counts)
            texts.append([data.decode(errors="replace") for data in documents])
        said = [text for documents in texts for text in documents]
        progress = loaded.state.get("progress", {})
        bpb = progress.get("validation_bpb") if held_out is None else _scored(speaker, held_out)
        shares = [n / n_chars if n_chars else None for n in (n_broken, sum(map(stray_jamo, said)))]
        yield Stage(str(folder), progress.get("bytes"), bpb, texts, n_chars, shares[0], shares[1], distinct_2(said))


def _documents(speaker: Speaker, prompt: bytes, options: Options) -> list[bytes]:
    """Return the documents of one sample, without the prompt."""
    generation = speaker.generate(prompt, options)
    edges = [len(generation.prompt)]
    for step in generation:
        if step.id == speaker.eos:
            edges.append(len(generation.data))
    edges.append(len(generation.data))
    return [generation.data[start:end] for start, end in pairwise(edges)]


def _scored(speaker: Speaker, held_out: "ShardSplit") -> float:
    from bpe_lab_model.bpb import score

    return score(speaker.model, held_out, held_out.eos, context_bytes=speaker.context_bytes).bpb


def with_copies(
    found: Sequence[Stage], training: Iterable[str], others: Sequence[str] = ()
) -> tuple[list[Stage], float | None]:
    """Return the stages with the share of their strings that stand in the training text, and that of `others`.

    Reads the training text once. `others` is held-out text: what a share means without a model.
    """
    copies = Copies([text for stage in found for documents in stage.texts for text in documents] + list(others))
    copies.look(training)

    def share(texts: Sequence[str]) -> float | None:
        sizes = [max(len(text) - copies.n_chars + 1, 0) for text in texts]
        shares = [copies.share(text) or 0.0 for text in texts]
        total = sum(sizes)
        return sum(size * part for size, part in zip(sizes, shares, strict=True)) / total if total else None

    return [replace(stage, copied=share([t for d in stage.texts for t in d])) for stage in found], share(others)


def documents_of(split: "ShardSplit", candidate: "Candidate", at_a_time: int = 4096) -> Iterator[str]:
    """Yield the documents of a split as text, decoded some thousand at a time."""
    for data in bpb.documents_of(split, candidate, at_a_time):
        yield data.decode(errors="replace")


END = "⟨end⟩"
"""Stands between the documents of a sample."""


def page(found: Sequence[Stage], title: str, held_out_copied: float | None) -> str:
    """Return a page with a table of the stages and their whole texts; it needs nothing beside it."""
    head = "".join(f"<th>{name}</th>" for name, _ in COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{cell(stage)}</td>' for _, cell in COLUMNS)}<td class=text>{_paragraphs(stage)}</td></tr>"
        for stage in found
    )
    note = "" if held_out_copied is None else f"<p>Of held-out text {percent(held_out_copied)} is copied.</p>"
    return _PAGE.format(title=html.escape(title), head=head, rows=rows, note=note)


def _paragraphs(stage: Stage) -> str:
    samples = (f"<i> {END} </i>".join(html.escape(text) for text in documents) for documents in stage.texts)
    return "".join(f"<p>{sample}</p>" for sample in samples)


def percent(share: float | None) -> str:
    """Return a share as a percentage; - where there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


COLUMNS: tuple[tuple[str, Callable[[Stage], str]], ...] = (
    ("bytes seen", lambda stage: "-" if stage.n_bytes is None else f"{stage.n_bytes:,}"),
    ("BPB", lambda stage: "-" if stage.bpb is None else f"{stage.bpb:.3f}"),
    ("invalid UTF-8", lambda stage: percent(stage.invalid_utf8)),
    ("distinct-2", lambda stage: "-" if stage.distinct_2 is None else f"{stage.distinct_2:.2f}"),
    ("copied", lambda stage: percent(stage.copied)),
)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; max-width: 75rem; color: #1a1a1a; background: #fff }}
table {{ border-collapse: collapse }} td, th {{ padding: .4rem .8rem; vertical-align: top; text-align: right }}
tr + tr {{ border-top: 1px solid #ddd }} .text {{ text-align: left; white-space: pre-wrap; word-break: break-word }}
.text p {{ margin: 0 0 .6rem }} i {{ color: #767676 }}
@media (prefers-color-scheme: dark) {{ body {{ color: #eee; background: #161616 }} tr + tr {{ border-color: #444 }} }}
</style>
<h1>{title}</h1>
<table><tr>{head}<th class=text>what it says</th></tr>{rows}</table>{note}
<p>BPB: bits per byte of held-out text. Invalid UTF-8: broken characters / characters. Distinct-2: distinct pairs of
neighbouring eojeol / pairs. Copied: strings of 20 characters that stand in the training text / all.</p>
</html>
"""
