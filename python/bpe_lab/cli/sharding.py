"""`bpe-lab shards`: text to token shards, which `bpe-lab lm` trains on and scores. Reads twice, encodes once."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, binary_stdin, duration, number
from bpe_lab.errors import ArgumentError, CorpusError, FormatError, UnsupportedError

if TYPE_CHECKING:
    from bpe_lab.cli.progress import Watch
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.corpus import ReadFrom
    from bpe_lab.shards import Labelled, Shards

_STDIN = "-"


@dataclass(frozen=True)
class ShardPlan:
    """Which text goes where."""

    domains: tuple[tuple[str, tuple[str, ...]], ...]
    """(name, sources); the name is empty where nothing was said about domains."""
    eval_sources: tuple[str, ...]
    hold_out: float | None
    documents: str
    field: str
    out: str
    force: bool
    threads: int | None


def add_to(commands: arguments.Commands) -> None:
    """Add `shards`."""
    parser = arguments.add_command(
        commands,
        "shards",
        run_shards,
        "SOURCE ... -t TOKENIZER -o FOLDER",
        "turn text into token shards, for training a language model on them",
        "bpe-lab shards corpus.txt -t ko.bpe -o shards/ --documents line --hold-out 10%\n"
        "bpe-lab shards --domain news=news/ --domain chat=chat.jsonl -t ko.bpe -o shards/ --hold-out 5%",
        more="What is held out is for validation: a tokenizer trained with the same --hold-out has not seen it.",
        spread="sources",
    )
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="files, folders, globs, sample:ko; - is standard input"
    )
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="the folder to write")
    arguments.add_force(parser)
    arguments.add_tokenizer(parser)
    group = parser.add_argument_group("text")
    arguments.add_documents(group)
    arguments.add_hold_out(group, "put this share of the documents into validation")
    group.add_argument(
        "--eval",
        nargs="+",
        default=[],
        metavar="FILE",
        help="validate on these instead, and train on no copy of them",
    )
    group.add_argument(
        "--domain",
        action="append",
        default=[],
        type=domain,
        metavar="NAME=FILE",
        help="a source under a name, so that bits per byte are told by domain; may be given several times",
    )
    arguments.add_threads(group)
    arguments.add_json(parser)


def domain(text: str) -> tuple[str, str]:
    """Read `NAME=FILE`.

    >>> domain("chat=chat.jsonl")
    ('chat', 'chat.jsonl')
    """
    name, equals, source = text.partition("=")
    if not (equals and name and source):
        raise argparse.ArgumentTypeError(f"must be NAME=FILE, as in chat=chat.jsonl, got {text!r}")
    return name, source


def plan_shards(args: argparse.Namespace) -> ShardPlan:
    """Return what is meant by what was typed.

    Raises:
        ArgumentError, FileError: before any text is read.
    """
    from bpe_lab.documents import cuts_for
    from bpe_lab.holdout import parse_share
    from bpe_lab.shards import check_target

    named: dict[str, list[str]] = {"": list(args.sources)} if args.sources else {}
    for name, source in args.domain:
        named.setdefault(name, []).append(source)
    if not named:
        raise ArgumentError("nothing to read", "name files, folders or globs, or - for standard input")
    if args.eval and args.hold_out is not None:
        raise ArgumentError("--eval and --hold-out both say what to validate on", "give one of them")
    if sum(sources.count(_STDIN) for sources in (*named.values(), args.eval)) > 1:
        raise ArgumentError("standard input can be read once", "give - once")
    share = None if args.hold_out is None else parse_share(args.hold_out)
    cuts_for(args.documents)
    check_target(args.out, args.force)
    domains = tuple((name, tuple(sources)) for name, sources in named.items())
    return ShardPlan(domains, tuple(args.eval), share, args.documents, args.field, args.out, args.force, args.threads)


def run_shards(args: argparse.Namespace, terminal: Terminal) -> int:
    """Encode and write."""
    from bpe_lab.cli.progress import watching
    from bpe_lab.corpus import ReadFrom
    from bpe_lab.shards import write_labelled

    plan = plan_shards(args)
    candidate = chosen_candidate(args)
    if any(_STDIN in sources for _, sources in plan.domains):
        binary_stdin(terminal)
    started, read = time.monotonic(), ReadFrom()
    with watching(terminal) as watch:
        written = write_labelled(
            plan.out,
            candidate,
            Labelling(plan, read).documents(),
            force=plan.force,
            threads=plan.threads,
            source=_source(plan),
            progress=_progress(plan, watch, read, started),
        )
    _tell(written, Path(plan.out), time.monotonic() - started, terminal)
    if args.json:
        terminal.put_json("shards", {"folder": plan.out, "manifest": written.manifest})
    return Exit.OK


def chosen_candidate(args: argparse.Namespace) -> "Candidate":
    """Load what `-t` names, other libraries' tokenizers included.

    Raises:
        BpeLabError: there is no `-t`, or it cannot be loaded.
    """
    from bpe_lab.cli.loading import chosen_tokenizer
    from bpe_lab.compare.candidates import Failed, Missing, Ours, load_candidate

    try:
        return Ours(Path(args.tokenizer or "").name, chosen_tokenizer(args))
    except (UnsupportedError, FormatError):
        found = load_candidate(args.tokenizer)
        if isinstance(found, (Missing, Failed)):
            raise
        return found


class Labelling:
    """Says of each document where it goes, and sees to it that no side stays empty."""

    def __init__(self, plan: ShardPlan, read: "ReadFrom | None" = None) -> None:
        self._plan = plan
        self._read = read

    def documents(self) -> "Iterator[Labelled]":
        """Yield the documents of all sources.

        Raises:
            CorpusError: the text is one document, or what was to be held out came out as nothing or everything.
        """
        from bpe_lab.shards import Labelled

        seen: set[int] = set()
        for document, value in self._hashed(self._plan.eval_sources):
            seen.add(value)
            yield Labelled(document, "validation")
        border, sides = self._border(), [0, 0]
        for name, sources in self._plan.domains:
            for document, value in self._hashed(sources):
                held_out = value < border
                sides[held_out] += 1
                if value not in seen:
                    yield Labelled(document, "validation" if held_out else "train", name)
        if self._plan.hold_out is not None and not all(sides):
            raise CorpusError(
                f"{self._plan.hold_out:.6g} of the documents were to be held out: that took {sides[1]} of {sum(sides)}",
                "say what a document is with --documents, or write the text to a file first",
            )

    def _border(self) -> int:
        """Return the hash below which a document is held out: 0 holds out none."""
        from bpe_lab import holdout

        plan = self._plan
        if plan.hold_out is None:
            return 0
        every = [source for _, sources in plan.domains for source in sources]
        if _STDIN in every:
            return holdout.wanted_border(plan.hold_out)
        hashes = holdout.split_hashes(self._stream(tuple(every), None))
        return holdout.border(hashes, plan.hold_out, "the text", "give a text to validate on with --eval")

    def _hashed(self, sources: tuple[str, ...]) -> Iterator[tuple[bytes, int]]:
        from bpe_lab.holdout import split_hashes

        if not sources:
            return
        for document in self._stream(sources, self._read):
            yield document, next(split_hashes([document]))

    def _stream(self, sources: tuple[str, ...], read: "ReadFrom | None") -> Iterator[bytes]:
        from bpe_lab.compare.texts import stream

        return stream(sources, self._plan.documents, self._plan.field, read)


def _progress(
    plan: ShardPlan, watch: "Watch | None", read: "ReadFrom", started: float
) -> Callable[[int, int], object] | None:
    """Return what tells bytes on disk, of all that will be read."""
    from bpe_lab.corpus import find_files, size_bytes
    from bpe_lab.training import Progress

    if watch is None:
        return None
    every = [source for sources in (plan.eval_sources, *(s for _, s in plan.domains)) for source in sources]
    files = [source for source in every if not source.startswith(("sample:", "dataset:"))]
    total = size_bytes(find_files(files)) if files == every else None
    tell = watch
    return lambda _bytes, _documents: tell(Progress("encode", read.n_bytes, total, 0, 0, 0, time.monotonic() - started))


def _source(plan: ShardPlan) -> dict[str, Any]:
    """Return what the manifest says of the text: names without folders."""
    return {
        "domains": {name: [_short(source) for source in sources] for name, sources in plan.domains},
        "eval": [_short(source) for source in plan.eval_sources],
        "documents": plan.documents,
        "hold_out": plan.hold_out,
    }


def _short(source: str) -> str:
    return source if source.startswith(("sample:", "dataset:")) else Path(source).name or source


def _tell(written: "Shards", out: Path, seconds: float, terminal: Terminal) -> None:
    """Say what was written."""
    size = sum(about["bytes"] for about in written.manifest["files"].values())
    for split, about in written.manifest["splits"].items():
        if about["n_documents"]:
            per_token = about["n_bytes"] / max(1, about["n_tokens"])
            terminal.say(
                f"{split}: {number(about['n_documents'], 'document')}, {amount(about['n_bytes'])}, "
                f"{number(about['n_tokens'], 'token')}, {per_token:.2f} bytes a token"
            )
    if not written.manifest["splits"]["validation"]["n_documents"]:
        terminal.say("no validation: without --hold-out or --eval there is nothing to score a model on")
    if written.lossy:
        loss = written.manifest["loss"] or {"n_documents": 0}
        terminal.warn(
            f"{written.name} does not bring back {number(loss['n_documents'], 'document')} as written",
            "its bits per byte are not comparable: it is marked lossy",
        )
    terminal.written.append(out)
    terminal.say(f"wrote {out} ({amount(size)} in {duration(seconds)})")
