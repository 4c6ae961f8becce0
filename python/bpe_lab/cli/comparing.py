"""`bpe-lab compare`: tokenizers side by side, on the embedded sample or on your text.

What is typed becomes `presets.Wishes`; the work and its words are in `bpe_lab.compare`.
"""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.cli import arguments, downstream
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdout, duration
from bpe_lab.errors import ArgumentError, UnsupportedError

if TYPE_CHECKING:
    from bpe_lab.compare.output import Comparison
    from bpe_lab.compare.presets import Wishes
    from bpe_lab.compare.run import Progress
    from bpe_lab.compare.texts import Texts

_REPORT_NEEDS = ("jinja2", "vl_convert")
_FILES = {"json": "comparison.json", "csv": "comparison.csv", "markdown": "comparison.md", "report": "report.html"}


@dataclass(frozen=True)
class Outputs:
    """Where what goes."""

    printed: str
    """`terminal`, `json`, `csv` or `markdown`."""
    files: dict[str, str]
    """Form -> path."""
    lang: str


def add_to(commands: arguments.Commands) -> None:
    """Add `compare`."""
    parser = arguments.add_command(
        commands,
        "compare",
        run_compare,
        "",
        "measure tokenizers side by side and say what to choose",
        "bpe-lab compare --lang ko\n"
        "bpe-lab compare --lang ko --corpus ko.txt --documents line --out result/\n"
        "bpe-lab compare --corpus ko.txt --tokenizers unit=jamo,vocab=8k o200k_base mine.json",
        more="Without --corpus the embedded sample is used: a demonstration and no evidence. Where the companion model"
        " is installed, `bpe-lab compare --lang ko` then trains small models for the loss columns, in minutes.",
    )
    _add_texts(parser)
    _add_studies(parser)
    downstream.add_to(parser)
    add_outputs(parser)


def _add_texts(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("text")
    group.add_argument("--lang", default="ko", help="chooses texts, units, sizes and questions (default ko)")
    group.add_argument("--corpus", nargs="+", metavar="FILE", help="train on these instead of the embedded sample")
    group.add_argument("--eval", nargs="+", metavar="FILE", help="measure on these (default: a tenth held back)")
    group.add_argument(
        "--parallel", nargs="+", metavar="FILE", help="line-aligned files, one a language: x.ko x.en; a+b is one text"
    )
    group.add_argument("--source", nargs="+", metavar="NAME=FILE", help="what names in a mix mean: ko=ko.txt en=en.txt")
    group.add_argument("--gold", metavar="FILE", help="KLUE-DP, or lines WORD<TAB>m1+m2: are morphemes cut apart")
    arguments.add_documents(group)
    arguments.add_threads(group)


def _add_studies(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("what is compared")
    group.add_argument(
        "--tokenizers",
        nargs="+",
        metavar="RECIPE|FILE|NAME",
        help="recipes (unit=jamo,vocab=8k), files of any format and published names, instead of units x sizes",
    )
    group.add_argument("--train-sets", nargs="+", metavar="FILE", help="trained on one, measured on the others")
    group.add_argument(
        "--samples", type=percents, metavar="LIST", help="1%%,3%%,10%%,30%%,100%%: how much text is enough"
    )
    group.add_argument(
        "--mix", type=mixes, metavar="LIST", help="ko:1/en:99,ko:50/en:50: tokens beside the other language, by mix"
    )
    group.add_argument("--vocab-dir", metavar="DIR", help="where published vocabularies lie (NAME.tiktoken)")
    group.add_argument("--seed", type=arguments.size, default=0, metavar="N", help="of the bootstrap (default 0)")
    group.add_argument("--no-cache", action="store_true", help="train and measure everything anew, and keep nothing")


def add_outputs(parser: arguments.Parser) -> None:
    """Add what says where the comparison goes."""
    group = parser.add_argument_group("output")
    forms = group.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print JSON (docs/compare.md has its schema) instead")
    forms.add_argument("--csv", action="store_true", help="print a line a tokenizer and metric instead")
    forms.add_argument("--markdown", action="store_true", help="print Markdown instead")
    group.add_argument("--out", metavar="FOLDER", help="also write JSON, CSV, Markdown and the report there")
    group.add_argument("--report", metavar="FILE", help="also write the report, one HTML page")
    group.add_argument(
        "--speak", choices=("en", "ko"), default="en", help="language of tables and answers (default en)"
    )
    arguments.add_force(group)


# -- what is typed as one word


def percents(text: str) -> tuple[float, ...]:
    """Read `1%,3%,100%`.

    >>> percents("1%, 30%")
    (1.0, 30.0)
    """
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?%", part) or not 0 < float(part[:-1]) <= 100:
            raise argparse.ArgumentTypeError(
                f"must be percents above 0% and up to 100%, as in 1%,10%,100%, got {part!r}"
            )
    return tuple(float(part[:-1]) for part in found)


def mixes(text: str) -> tuple[str, ...]:
    """Read `ko:1/en:99,ko:50/en:50`.

    >>> mixes("ko:1/en:99,ko:50/en:50")
    ('ko:1/en:99', 'ko:50/en:50')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


# -- the run


def run_compare(args: argparse.Namespace, terminal: Terminal) -> int:
    """Compare, print, write."""
    from bpe_lab.compare.cache import Cache
    from bpe_lab.compare.output import comparison, measure
    from bpe_lab.compare.presets import plan_of

    outputs = plan_outputs(args, terminal)
    preset = downstream.preset_of(args)
    plan = plan_of(wishes(args))
    cache = Cache(None) if args.no_cache else Cache.of_user()
    with watching(terminal) as progress:
        measured = measure(plan, progress, cache=cache, vocab_dir=args.vocab_dir and Path(args.vocab_dir))
    found, failed = comparison(plan, measured.results, measured.seconds), None
    if outputs.printed == "terminal":
        show(found, outputs, terminal, follows=preset is not None)
    if preset:
        training = downstream.Training(preset, args, cache)
        found, failed = downstream.with_models(plan, measured, found, training, terminal)
        if failed is None and outputs.printed == "terminal":
            show_loss(found, outputs, terminal)
    if outputs.printed != "terminal":
        binary_stdout().write(as_bytes(found, outputs.printed, outputs.lang))
    for form, path in outputs.files.items():
        write(as_bytes(found, form, outputs.lang), path, args.force, terminal)
    if outputs.printed == "terminal":
        _last_line(outputs, terminal, args, found)
    if failed and args.downstream:
        raise failed
    return Exit.OK


def wishes(args: argparse.Namespace) -> "Wishes":
    """Return what is meant by what was typed; reads the texts.

    Raises:
        ArgumentError, FileError, CorpusError: before any training.
    """
    from bpe_lab.compare.presets import Wishes
    from bpe_lab.compare.recipe import Recipe, parse_tokenizer
    from bpe_lab.compare.texts import read_parallel
    from bpe_lab.metrics.gold import read_gold

    for text in args.tokenizers or ():
        parse_tokenizer(text)
    for text in args.mix or ():
        Recipe.parse(f"mix={text}")
    if args.mix and args.corpus and not args.parallel:
        raise ArgumentError(
            "--mix compares two languages and needs --parallel, line-aligned text",
            "--parallel x.ko x.en, and --source ko=ko.txt en=en.txt for what is mixed",
        )
    read = _reader(args.documents, args.field)
    held_out, domains = _held_out(args.eval, read) if args.eval else (None, None)
    return Wishes(
        lang=args.lang,
        corpus=read(args.corpus) if args.corpus else None,
        held_out=held_out,
        domains=domains,
        pairs=read_parallel(args.parallel) if args.parallel else None,
        gold=read_gold(args.gold) if args.gold else None,
        tokenizers=tuple(dict.fromkeys(args.tokenizers)) if args.tokenizers else None,
        train_sets=_train_sets(args.train_sets, read) if args.train_sets else None,
        percents=args.samples,
        mixes=args.mix,
        sources={name: read([file]) for name, file in map(_source, args.source or ())},
        command=shlex.join(_typed(args)),
        seed=args.seed,
        threads=args.threads,
    )


def _reader(documents: str, field: str) -> "Callable[[Sequence[str]], Texts]":
    from bpe_lab.compare.texts import read_texts

    return lambda sources: read_texts(sources, documents, field)


def _held_out(files: Sequence[str], read: "Callable[[Sequence[str]], Texts]") -> "tuple[Texts, tuple[str, ...] | None]":
    """Read what is measured on; of several files each is a kind of text of its own."""
    if len(files) < 2:
        return read(files), None
    from bpe_lab.compare.texts import Texts

    parts = [read([file]) for file in files]
    documents = [document for part in parts for document in part.documents]
    domains = tuple(part.name for part in parts for _ in part.documents)
    return Texts("+".join(part.name for part in parts), documents), domains


def _source(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not (equals and file and re.fullmatch(r"[\w.-]+", name)):
        raise ArgumentError(f"--source must be NAME=FILE, got {text!r}", "as in --source ko=ko.txt en=en.txt")
    return name, file


def _train_sets(files: Sequence[str], read: "Callable[[Sequence[str]], Texts]") -> "dict[str, Texts]":
    """Read training sets, each under a name that a recipe can hold."""
    if len(files) < 2:
        raise ArgumentError(f"--train-sets compares two texts or more, got {len(files)}", "--train-sets a.txt b.txt")
    names = [re.sub(r"[^\w.-]", "-", Path(file).stem) for file in files]
    if len(set(names)) < len(names):
        names = [f"{name}-{i + 1}" for i, name in enumerate(names)]
    return {name: read([file]) for name, file in zip(names, files, strict=True)}


_SAID = (
    "lang",
    "corpus",
    "eval",
    "parallel",
    "source",
    "gold",
    "documents",
    "tokenizers",
    "train_sets",
    "samples",
    "mix",
    "seed",
)
_UNSAID = {"documents": "file", "seed": 0}


def _typed(args: argparse.Namespace) -> Iterator[str]:
    """Yield the command without what only says where output goes; files by name, so that no folder is told."""
    yield from ("bpe-lab", "compare")
    for name in _SAID:
        value = getattr(args, name)
        if value is None or value == _UNSAID.get(name):
            continue
        yield f"--{name.replace('_', '-')}"
        if name in ("samples", "mix"):
            yield ",".join(f"{part:g}%" if isinstance(part, float) else part for part in value)
        else:
            yield from (named(part) for part in (value if isinstance(value, list) else [str(value)]))


def named(word: str) -> str:
    """Return a file's name without its folder (also after NAME=), any other word as it is."""
    name, equals, file = word.rpartition("=")
    return f"{name}{equals}{Path(file).name}" if Path(file).exists() else word


def plan_outputs(args: argparse.Namespace, terminal: Terminal) -> Outputs:
    """Return where what goes, and refuse what cannot be written, before the work.

    Raises:
        ArgumentError, FileError: an output is taken. UnsupportedError: a report was asked for and cannot be made.
    """
    from bpe_lab.cli.output import check_file

    files = {"report": args.report} if args.report else {}
    if args.report:
        _check_report()
    if args.out:
        folder = Path(args.out)
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"--out {args.out} is a file", "name a folder")
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {form: str(folder / name) for form, name in _FILES.items() if form != "report" or _can_report()}
        files = wanted | files
    for path in files.values():
        check_file(path, args.force)
    if args.out and "report" not in files:
        terminal.warn("no report: it needs packages that are not installed", "pip install 'bpe-lab[report]'")
    printed = next((form for form in ("json", "csv", "markdown") if getattr(args, form)), "terminal")
    return Outputs(printed, files, args.speak)


def _can_report() -> bool:
    return all(find_spec(package) for package in _REPORT_NEEDS)


def _check_report() -> None:
    if not _can_report():
        raise UnsupportedError("the report needs packages that are not installed", "pip install 'bpe-lab[report]'")


def as_bytes(found: "Comparison", form: str, lang: str) -> bytes:
    """Return a comparison as `json`, `csv`, `markdown` or `report`."""
    if form == "json":
        return json.dumps(found.to_json(), ensure_ascii=False).encode() + b"\n"
    if form == "report":
        from bpe_lab.report import render

        return render(found.to_json()).encode()
    return (found.to_csv() if form == "csv" else found.to_markdown(lang)).encode()


def write(data: bytes, path: str, force: bool, terminal: Terminal) -> None:
    """Write an output whole."""
    from bpe_lab.cli.output import open_whole

    with open_whole(path, terminal, force=force) as f:
        f.write(data)


# -- what the terminal shows


def show(found: "Comparison", outputs: Outputs, terminal: Terminal, *, follows: bool) -> None:
    """Print what is measured; where the loss `follows`, what needs it is left for later."""
    from bpe_lab.cli import comparison_view

    comparison_view.show(found.to_json(), terminal.console(), outputs.lang, loss_follows=follows)
    sys.stdout.flush()


def show_loss(found: "Comparison", outputs: Outputs, terminal: Terminal, *, answers: bool = True) -> None:
    """Print what models made of it; `answers` that `show` has printed already are not told again."""
    from bpe_lab.cli import comparison_view

    comparison_view.show_loss(found.to_json(), terminal.console(), outputs.lang, answers=answers)


def _last_line(outputs: Outputs, terminal: Terminal, args: argparse.Namespace, found: "Comparison") -> None:
    seconds = found.to_json()["made_by"]["seconds"]
    terminal.say(f"compared in {duration(seconds)}")
    if report := outputs.files.get("report"):
        terminal.say(f"report: {Path(report).resolve()}")
    elif not args.out:
        terminal.say("hint: --out FOLDER keeps this as JSON, CSV, Markdown and a report with charts")
    if not found.to_json()["loss"]["available"] and not args.no_downstream and not args.downstream:
        terminal.say(f"hint: {downstream.how_to_train()}")


def watching(terminal: Terminal) -> "AbstractContextManager[Callable[[Progress], None] | None]":
    """Give what a comparison reports to."""
    from bpe_lab.cli.progress import Jobs, watching_jobs

    def counted(progress: "Progress") -> Jobs:
        return Jobs(progress.n_done, progress.n_jobs, progress.what, not progress.what)

    return watching_jobs(terminal, "tokenizers", counted)
