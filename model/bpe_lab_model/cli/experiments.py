"""`bpe-lab lm experiments list|run|report`: the study questions, each an experiment with a verdict.

What an experiment is stands in `bpe_lab_model.experiments`; here are its options, its progress and what is printed.
"""

import argparse
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, comparing, downstream
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, duration, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab_model.experiments.corpora import Corpus
    from bpe_lab_model.experiments.results import Result
    from bpe_lab_model.experiments.runner import Order
    from bpe_lab_model.experiments.spec import Experiment

FOLDER = "experiments"
"""Where everything goes where no folder is named."""

_EXAMPLE = """\
bpe-lab lm experiments list
bpe-lab lm experiments run init
bpe-lab lm experiments run batch norm --domain talk=talk.txt:line docs=docs.txt --seeds 5
bpe-lab lm experiments report"""


def add_to(commands: arguments.Commands) -> None:
    """Add `experiments` with its commands."""
    parser = commands.add_parser(
        "experiments",
        prog="bpe-lab lm experiments",
        help="the questions of people who study language models, each an experiment with a verdict",
        description="Questions, claims and what comes out of them. Each run starts from the claim as a hypothesis.",
        epilog=arguments.epilog(_EXAMPLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = parser.add_subparsers(dest="experiments_command", metavar="COMMAND", title="commands", required=True)
    _add_list(inner)
    _add_run(inner)
    _add_report(inner)
    for command in inner.choices.values():
        arguments.add_talk(command)


def _add_list(commands: arguments.Commands) -> None:
    parser = arguments.add_command(
        commands, "list", run_list, "", "say which experiments there are", "bpe-lab lm experiments list --speak ko"
    )
    _add_language(parser)
    arguments.add_json(parser)


def _add_run(commands: arguments.Commands) -> None:
    parser = arguments.add_command(
        commands,
        "run",
        run_experiments,
        "NAME...",
        "run experiments, and judge their claims",
        "bpe-lab lm experiments run init\nbpe-lab lm experiments run all --corpus ko.txt --documents line",
        more="Each run is kept when it is done: the same command goes on where it stopped. Without --corpus the"
        " embedded sample is used, which proves nothing.",
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="names of the list, or all")
    text = parser.add_argument_group("text")
    text.add_argument("--lang", default="ko", help="of the embedded sample (default ko)")
    text.add_argument("--corpus", nargs="+", metavar="FILE", help="train on these instead of the embedded sample")
    text.add_argument(
        "--domain", nargs="+", metavar="NAME=FILE", help="corpus files by domain; FILE:line cuts this one by line"
    )
    arguments.add_documents(text)
    arguments.add_threads(text)
    group = parser.add_argument_group("what is trained")
    group.add_argument(
        "--preset",
        default="study",
        metavar="NAME",
        help=f"{', '.join(downstream.MODEL_PRESETS)}, smoke (study)",
    )
    group.add_argument(
        "--seeds",
        type=arguments.positive,
        metavar="N",
        help="of the arms that decide a claim: below 5 a verdict leans at most (default: the experiment's)",
    )
    group.add_argument(
        "--tokenizers", nargs="+", default=[], metavar="RECIPE|FILE|NAME", help="instead of the experiment's"
    )
    group.add_argument(
        "--jobs", type=arguments.positive, metavar="N", help="runs side by side (default: a processor each)"
    )
    group.add_argument("--no-cache", action="store_true", help="do everything anew")
    group = parser.add_argument_group("output")
    group.add_argument("--out", default=FOLDER, metavar="FOLDER", help=f"keep records there (default {FOLDER})")
    _add_language(group)
    arguments.add_json(parser)


def _add_report(commands: arguments.Commands) -> None:
    parser = arguments.add_command(
        commands,
        "report",
        run_report,
        "",
        "write one page with every experiment that was run",
        "bpe-lab lm experiments report -o study.html\n"
        "bpe-lab lm experiments report --svg docs/study --docs docs/questions.md docs/questions.ko.md",
    )
    parser.add_argument("--out", default=FOLDER, metavar="FOLDER", help=f"where the records lie (default {FOLDER})")
    parser.add_argument("-o", "--output", metavar="FILE", help="the page (default: report.html in that folder)")
    parser.add_argument("--svg", metavar="FOLDER", help="also write every figure and its data there, for documents")
    parser.add_argument(
        "--docs",
        nargs="+",
        default=[],
        metavar="FILE.md",
        help="also put verdicts into these pages, between <!-- verdicts: NAME --> and <!-- /verdicts -->;"
        " one in Korean is called FILE.ko.md",
    )
    _add_language(parser)
    arguments.add_force(parser)


def _add_language(group: Any) -> None:
    group.add_argument("--speak", choices=("en", "ko"), default="en", help="language of what is printed (default en)")


# -- list


def run_list(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the table of experiments."""
    from bpe_lab_model.experiments.table import experiments

    rows = experiments().values()
    if args.json:
        terminal.put_json("lm experiments list", {"experiments": [_about(row) for row in rows]})
        return Exit.OK
    from bpe_lab_model.experiments.tables import listing

    listing(list(rows), terminal, args.speak)
    return Exit.OK


def _about(row: "Experiment") -> dict[str, Any]:
    return {
        "name": row.name,
        "questions": list(row.questions),
        "question": row.question,
        "claims": [claim.said for claim in row.claims],
        "arms": [arm.name for arm in row.arms],
        "figures": [figure.title for figure in row.figures],
        "minutes": row.minutes,
    }


# -- run


def run_experiments(args: argparse.Namespace, terminal: Terminal) -> int:
    """Run experiments one after another, and print each result when it is there."""
    from bpe_lab_model.experiments import runner

    orders = list(_orders(args))
    found = []
    for order in orders:
        with downstream.watching_runs(terminal) as progress:
            result = _run(runner, order, progress, terminal)
        found.append(result)
        if not args.json:
            from bpe_lab_model.experiments import tables

            tables.show(result, terminal, args.speak)
            terminal.say(f"{order.row.name}: {number(result.n_runs, 'run')}, {duration(result.seconds)} of training")
    if args.json:
        terminal.put_json("lm experiments run", {"results": [result.to_json() for result in found]})
    return Exit.OK


def _run(runner: Any, order: "Order", progress: Any, terminal: Terminal) -> "Result":
    from dataclasses import replace

    with downstream.resumable(order.place, terminal, kept=order.resume):
        return runner.run(replace(order, progress=progress))  # type: ignore[no-any-return]


def _orders(args: argparse.Namespace) -> "Iterator[Order]":
    """Yield what is to be run; everything is checked before anything is."""
    from bpe_lab.compare.cache import Cache
    from bpe_lab_model import devices
    from bpe_lab_model.experiments.runner import Order
    from bpe_lab_model.experiments.table import experiment, experiments
    from bpe_lab_model.grid import n_processors
    from bpe_lab_model.presets import preset

    names = list(experiments()) if "all" in args.names else args.names
    rows = [experiment(name) for name in dict.fromkeys(names)]
    chosen = preset(args.preset)
    corpus = _corpus(args)
    there = args.threads or n_processors()
    n_jobs = args.jobs or (there if devices.device().type == "cpu" else 1)
    cache = Cache(None) if args.no_cache else Cache.of_user()
    for row in rows:
        yield Order(
            row,
            chosen,
            corpus,
            Path(args.out),
            tuple(args.tokenizers),
            args.seeds,
            n_jobs,
            max(1, there // n_jobs),
            not args.no_cache,
            shlex.join(_typed(args, row.name)),
            cache,
        )


def _corpus(args: argparse.Namespace) -> "Corpus":
    """Read the text."""
    from bpe_lab.compare.texts import read_texts
    from bpe_lab_model.cli.comparing import domains
    from bpe_lab_model.experiments import corpora

    if args.domain and args.corpus:
        raise ArgumentError("--domain names the files of the corpus itself", "leave out --corpus")
    if args.domain:
        texts, name_of = domains(args)
        return corpora.of_documents(texts.name, texts, name_of)
    if args.corpus:
        texts = read_texts(args.corpus, args.documents, args.field)
        return corpora.of_documents(texts.name, texts)
    return corpora.of_sample(args.lang)


def _typed(args: argparse.Namespace, name: str) -> Iterator[str]:
    """Yield the command that runs one experiment again; files by name, so that no folder is told."""
    yield from ("bpe-lab", "lm", "experiments", "run", name)
    if args.domain:
        yield from (
            "--domain",
            *(f"{part.split('=', 1)[0]}={Path(part.split('=', 1)[1]).name}" for part in args.domain),
        )
    elif args.corpus:
        yield from ("--corpus", *map(comparing.named, args.corpus))
    elif args.lang != "ko":
        yield from ("--lang", args.lang)
    if args.documents != "file":
        yield from ("--documents", args.documents)
    if args.preset != "study":
        yield from ("--preset", args.preset)
    if args.seeds:
        yield from ("--seeds", str(args.seeds))
    if args.tokenizers:
        yield from ("--tokenizers", *map(comparing.named, args.tokenizers))
    if args.out != FOLDER:
        yield from ("--out", Path(args.out).name)


# -- report


def run_report(args: argparse.Namespace, terminal: Terminal) -> int:
    """Write the page of everything that was run."""
    from bpe_lab_model.experiments import documents, page, results
    from bpe_lab_model.experiments.table import experiments

    folder = Path(args.out)
    order = list(experiments())
    found = sorted(
        results.read(folder), key=lambda result: order.index(result.name) if result.name in order else len(order)
    )
    if not found:
        raise ArgumentError(f"{folder} holds no results", "bpe-lab lm experiments run NAME")
    path = Path(args.output) if args.output else folder / "report.html"
    page.write_page(found, path, args.force or not args.output, args.speak)
    terminal.say(f"{number(len(found), 'experiment')}: {path.resolve()}")
    if args.svg:
        for written in page.write_figures(found, Path(args.svg)):
            terminal.say(f"wrote {written}")
    by_name = {result.name: result for result in found}
    for name in args.docs:
        terminal.say(f"wrote {documents.fill(Path(name), by_name, Path(args.svg) if args.svg else None)}")
    return Exit.OK
