"""`bpe-lab count` and `merge-counts`: text to count files, and count files added up. `train` begins here too."""

import argparse
import time
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, binary_stdin, duration, number
from bpe_lab.errors import ArgumentError, BpeLabError

if TYPE_CHECKING:
    from bpe_lab import PieceCounts
    from bpe_lab.cli.progress import Watch

_STDIN = Path("-")


@dataclass(frozen=True)
class CountPlan:
    """Which text is counted how, and which count files are added."""

    texts: tuple[Path, ...]
    count_files: tuple[Path, ...]
    pattern: str | None
    """None where the count files may decide."""
    documents: str
    field: str
    sample: str | None
    sample_seed: int
    hold_out: str | None
    threads: int | None
    morphemes: str | None
    superword: bool
    """Whether superpieces are counted too."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that is read."""
        return tuple(p for p in (*self.texts, *self.count_files) if p != _STDIN)


def add_to(commands: arguments.Commands) -> None:
    """Add `count` and `merge-counts`."""
    count = arguments.add_command(
        commands,
        "count",
        run_count,
        "SOURCE ... -o OUT",
        "count the pieces of text, for training later or elsewhere",
        "bpe-lab count part-1.txt -o part-1.counts\nbpe-lab count part-1.txt --tsv -o - | head",
        more="A count file is a sum: counts of parts add up to the counts of the whole.",
        spread="sources",
    )
    count.add_argument("sources", nargs="*", metavar="SOURCE", help="files, folders, globs; - is standard input")
    _output_options(count)
    count.add_argument(
        "--superword", action="store_true", help="count superpieces too, for train --superword; takes more memory"
    )
    arguments.add_corpus(count)
    merge = arguments.add_command(
        commands,
        "merge-counts",
        run_merge,
        "FILE ... -o OUT",
        "add up count files",
        "bpe-lab merge-counts part-*.counts -o all.counts\nbpe-lab train all.counts --vocab 32000",
        spread="sources",
    )
    merge.add_argument("sources", nargs="*", metavar="FILE", help="count files, or lines piece<TAB>count")
    _output_options(merge)


def _output_options(parser: arguments.Parser) -> None:
    parser.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="the count file to write; - is standard output"
    )
    parser.add_argument("--tsv", action="store_true", help="write lines piece<TAB>count instead of bpe-lab's own form")
    arguments.add_force(parser)
    arguments.add_json(parser)


def plan_count(args: argparse.Namespace, count_files: Sequence[str] = ()) -> CountPlan:
    """Return what is meant: sources resolved to files, count files told from text.

    Raises:
        ArgumentError, FileError, CorpusError: before any text is read.
    """
    from bpe_lab.corpus import find_files
    from bpe_lab.counts import is_count_file
    from bpe_lab.documents import cuts_for
    from bpe_lab.holdout import parse_share
    from bpe_lab.morphemes import installed
    from bpe_lab.tokenizer import pattern_from
    from bpe_lab.training import Sampling, refuse_both

    if not args.sources and not count_files:
        raise ArgumentError("nothing to read", "name files, folders or globs, or - for standard input")
    paths = find_files(args.sources) if args.sources else []
    counted = [p for p in paths if p != _STDIN and is_count_file(p)]
    texts = tuple(p for p in paths if p not in counted)
    if (counted or count_files) and not texts:
        _refuse_for_counts(args)
    pattern = arguments.chosen_pattern(args)
    if pattern is not None:
        pattern_from(pattern)
    Sampling.parse(args.sample, args.sample_seed)
    if args.hold_out is not None:
        parse_share(args.hold_out)
    if args.morphemes:
        refuse_both(args.morphemes, bool(args.superword))
        installed(args.morphemes)
    cuts_for(args.documents)
    return CountPlan(
        texts,
        (*counted, *map(Path, count_files)),
        pattern,
        args.documents,
        args.field,
        args.sample,
        args.sample_seed,
        args.hold_out,
        args.threads,
        args.morphemes,
        bool(args.superword),
    )


def _refuse_for_counts(args: argparse.Namespace) -> None:
    """Refuse what only text can follow where all sources are counts."""
    typed = {
        "--sample": args.sample is not None,
        "--hold-out": args.hold_out is not None,
        "--documents": args.documents != "file",
        "--morphemes": args.morphemes is not None,
    }
    if given := [option for option, is_given in typed.items() if is_given]:
        raise ArgumentError(
            f"{given[0]} is for text, and all sources are counts", f"give {given[0]} to bpe-lab count, or train on text"
        )


def gather(plan: CountPlan, watch: "Watch | None", terminal: Terminal) -> "PieceCounts":
    """Count the texts and add the count files."""
    from bpe_lab.counts import merge_counts
    from bpe_lab.superwords import check_counted
    from bpe_lab.training import HOLD_OUT, count_pieces

    loaded = merge_counts(plan.count_files)
    if plan.superword and plan.count_files:
        check_counted(loaded, None)
    if not plan.texts:
        return loaded
    if plan.hold_out and plan.count_files and HOLD_OUT not in loaded.header:
        raise ArgumentError(
            "the count files hold what --hold-out is to leave out", "count them again, with --hold-out too"
        )
    if _STDIN in plan.texts:
        binary_stdin(terminal)
    if marked := [path for path in plan.texts if path != _STDIN and _has_mark(path)]:
        names = ", ".join(map(str, marked[:3])) + (", …" if len(marked) > 3 else "")
        terminal.say(f"{number(len(marked), 'file')} with a byte order mark in front, kept as text: {names}")
    counts = count_pieces(
        plan.texts,
        pattern=plan.pattern or loaded.header.get("pattern") or "o200k",
        documents=plan.documents,
        field=plan.field,
        sample=plan.sample,
        sample_seed=plan.sample_seed,
        hold_out=plan.hold_out,
        threads=plan.threads,
        morphemes=plan.morphemes,
        superword=plan.superword or loaded.n_superpieces is not None,
        progress=watch,
    )
    if plan.count_files:
        counts.absorb(loaded)
    return counts


def _has_mark(path: Path) -> bool:
    """Tell whether a file begins with UTF-8's byte order mark. A file that cannot be read tells later."""
    from bpe_lab.corpus import read_blocks

    try:
        if path.suffix in (".gz", ".zst"):
            return next(read_blocks(path)).data.startswith(BOM_UTF8)
        with path.open("rb") as f:
            return f.read(len(BOM_UTF8)) == BOM_UTF8
    except (OSError, StopIteration, BpeLabError):
        return False


def told(counts: "PieceCounts", seconds: float) -> str:
    """Return in words what was counted."""
    n_bytes = counts.total_bytes
    speed = f" ({amount(n_bytes / seconds)}/s)" if seconds > 0.05 else ""
    return (
        f"counted {amount(n_bytes)} of text in {duration(seconds)}{speed}: "
        f"{counts.total_weight:,} pieces, {len(counts):,} distinct"
        f"{'' if counts.n_superpieces is None else f'; {counts.n_superpieces:,} distinct superpieces'}"
    )


def run_count(args: argparse.Namespace, terminal: Terminal) -> int:
    """Count text and write the counts."""
    from bpe_lab.cli import output
    from bpe_lab.cli.interrupts import at_once
    from bpe_lab.cli.progress import watching

    plan = plan_count(args)
    if plan.count_files:
        raise ArgumentError(f"{plan.count_files[0]} is a count file already", "add count files up with merge-counts")
    if args.superword and args.tsv:
        raise ArgumentError("--tsv holds no superpieces", "leave out --tsv, or --superword")
    output.stdout_is_json(args.out, args.json)
    output.check_file(args.out, args.force, plan.inputs)
    started = time.monotonic()
    with at_once(terminal), watching(terminal) as watch:
        counts = gather(plan, watch, terminal)
    terminal.say(told(counts, time.monotonic() - started))
    return _finish("count", counts, args, terminal)


def run_merge(args: argparse.Namespace, terminal: Terminal) -> int:
    """Add up count files and write the sum."""
    from bpe_lab.cli import output
    from bpe_lab.cli.interrupts import at_once
    from bpe_lab.counts import merge_counts

    if not args.sources:
        raise ArgumentError("nothing to add up", "name count files")
    output.stdout_is_json(args.out, args.json)
    output.check_file(args.out, args.force, map(Path, args.sources))
    with at_once(terminal):
        counts = merge_counts(args.sources)
    terminal.say(
        f"added up {number(len(args.sources), 'file')}: {counts.total_weight:,} pieces, {len(counts):,} distinct"
    )
    return _finish("merge-counts", counts, args, terminal)


def _finish(command: str, counts: "PieceCounts", args: argparse.Namespace, terminal: Terminal) -> int:
    from bpe_lab.cli.output import open_whole

    with open_whole(args.out, terminal, force=args.force, binary=None if args.tsv else "a count file") as f:
        f.write(counts.to_tsv() if args.tsv else counts.to_bytes())
    if args.json:
        values = {"pieces": {"distinct": len(counts), "total": counts.total_weight, "bytes": counts.total_bytes}}
        if (superpieces := counts.superpieces) is not None:
            values["superpieces"] = {"distinct": len(superpieces), "total": superpieces.total_weight}
        terminal.put_json(command, {"file": args.out, **values})
    return Exit.OK
