"""Do tokens end where morphemes end? Precision, recall and F1 beside the ceilings, and what it costs in tokens.

    python benches/morphology.py --train FILE [FILE ...] [--train-bytes 1e7] [--vocab 8k] [--gold FILE]
        [--units byte,jamo] [--morphemes mecab] [--resamples 1000] [--json]

Trains a tokenizer for each unit, without morphemes and with those of an analyser at `train` and at `train+infer`, and
scores each on gold morphemes: KLUE-DP of BPE_LAB_DATA by default, or any file `surface<TAB>m1+m2`. What this build
cannot do has a row that says so. Intervals are of resampled sentences.

The second table has differences to the first candidate over the same resamples: whether one is better at all.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bpe_lab import BpeLabError, Tokenizer, train
from bpe_lab.cli.arguments import size
from bpe_lab.metrics.gold import Gold, read_gold
from bpe_lab.metrics.morphology import BoundaryScore, morphology

SHOWN = ("precision", "recall", "f1", "recall_inside", "broken_share", "tokens_per_eojeol")


@dataclass(frozen=True)
class Candidate:
    """What is trained, and what came of it: a score or a reason."""

    unit: str
    morphemes: str | None
    at: str | None
    score: BoundaryScore | None
    note: str

    @property
    def name(self) -> str:
        return self.unit + (f" + {self.morphemes} at {self.at}" if self.morphemes else "")


def main() -> None:
    args = arguments()
    gold = read_gold(args.gold or klue())
    sizes = f"{len(gold.sentences):,} sentences, {gold.n_edges:,} edges, {int(gold.n_lost.sum()):,} lost"
    print(f"gold: {sizes}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "train.txt"
        text.write_bytes(beginning(args.train, args.train_bytes))
        found = list(candidates(args, text, gold))
    if args.json:
        print(json.dumps([row(c, args.resamples) for c in found], ensure_ascii=False, indent=1))
    else:
        table(found, args.resamples)
        differences(found, args.resamples)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="+", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--train-bytes", type=float, default=1e7, metavar="N", help="take so much of each (default 1e7)"
    )
    parser.add_argument("--vocab", type=size, default=8000)
    parser.add_argument("--gold", type=Path)
    parser.add_argument("--units", default="byte,jamo")
    parser.add_argument("--morphemes", default="mecab", help="analysers, commas between them; empty for none")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def klue() -> Path:
    folder = os.environ.get("BPE_LAB_DATA")
    if not folder:
        sys.exit("no gold morphemes: name a file with --gold, or set BPE_LAB_DATA")
    return Path(folder) / "klue" / "klue-dp-v1.1_dev.tsv.xz"


def beginning(files: list[Path], n_bytes: float) -> bytes:
    """Return the first lines of each file, up to so many bytes of each."""
    parts = []
    for path in files:
        with path.open("rb") as file:
            part = file.read(int(n_bytes))
        parts.append(part if len(part) < n_bytes else part[: part.rfind(b"\n") + 1])
    return b"".join(parts)


def candidates(args: argparse.Namespace, text: Path, gold: Gold) -> Iterator[Candidate]:
    ways = [(None, None)]
    ways += [(name, at) for name in args.morphemes.split(",") if name for at in ("train", "train+infer")]
    for unit in args.units.split(","):
        for morphemes, at in ways:
            options = {"morphemes": morphemes, "at": at} if morphemes else {}
            try:
                tokenizer = train(text, args.vocab, unit=unit, documents="line", **options)
                yield Candidate(unit, morphemes, at, scored(tokenizer, gold), "")
            except (BpeLabError, TypeError) as e:
                yield Candidate(unit, morphemes, at, None, str(e).splitlines()[0])


def scored(tokenizer: Tokenizer, gold: Gold) -> BoundaryScore:
    """Encode every sentence whole and score where its tokens end."""
    ends = [[end for _, end in tokenizer.spans(document)] for document in gold.documents]
    offsets = np.cumsum([0, *map(len, ends)]).astype(np.uint64)
    flat = np.array([end for found in ends for end in found], dtype=np.uint64)
    return morphology(gold, flat, offsets, is_jamo=tokenizer.unit.startswith("jamo"))


def row(candidate: Candidate, n_resamples: int) -> dict[str, object]:
    score = candidate.score
    shown: dict[str, object] = {"name": candidate.name, "note": candidate.note}
    if score:
        shown |= {name: score.interval(name, n_resamples=n_resamples).to_json() for name in SHOWN}
        shown |= {name: score.value(name) for name in ("ceiling", "f1_ceiling")}
        shown |= {"n_tokens": score.total("n_tokens"), "n_edges": score.n_edges}
    return shown


def table(found: list[Candidate], n_resamples: int) -> None:
    head = ["precision", "recall", "ceiling", "F1", "ceiling", "inside", "broken", "tokens"]
    print(f"{'':<28}" + "".join(f"{name:>10}" for name in head) + "   95 % of F1")
    base = next((c.score.total("n_tokens") for c in found if c.score), 0)
    for candidate in found:
        score = candidate.score
        if score is None:
            print(f"{candidate.name:<28}  {candidate.note}")
            continue
        names = ("precision", "recall", "ceiling", "f1", "f1_ceiling", "recall_inside", "broken_share")
        values = "".join(f"{score.value(name):>10.3f}" for name in names)
        f1 = score.interval("f1", n_resamples=n_resamples)
        more = 100 * (score.total("n_tokens") / base - 1)
        print(f"{candidate.name:<28}{values}{score.total('n_tokens'):>10,}   {f1.low:.3f}-{f1.high:.3f}  {more:+.1f} %")


def differences(found: list[Candidate], n_resamples: int) -> None:
    """Print each candidate's F1 less the first one's, with the interval of the difference."""
    scored = [c for c in found if c.score]
    for candidate in scored[1:]:
        assert candidate.score and scored[0].score
        gap = candidate.score.difference(scored[0].score, "f1", n_resamples=n_resamples)
        print(f"F1 of {candidate.name} less {scored[0].name}: {gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})")


if __name__ == "__main__":
    main()
