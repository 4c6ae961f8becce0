"""`bpe-lab lm compare`: tokenizers by the loss of language models, with everything else that `bpe-lab compare` says.

Texts, recipes, measurements, outputs and report are those of `bpe-lab compare`; what is added is the grid of runs:
its size, what is held equal, its budget, and a plan of it before anything is trained (`--dry-run`).
"""

import argparse
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, comparing, downstream
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, binary_stdout, duration, number
from bpe_lab.errors import ArgumentError, BpeLabError

if TYPE_CHECKING:
    from bpe_lab.compare.output import Comparison, Measured
    from bpe_lab.compare.plan import Plan
    from bpe_lab.compare.presets import Wishes
    from bpe_lab.compare.texts import Texts
    from bpe_lab.downstream import Request, Target
    from bpe_lab_model.grid import Grid

_EXAMPLE = """\
bpe-lab lm compare --lang ko
bpe-lab lm compare --corpus ko.txt --documents line --preset cpu-nano --dry-run
bpe-lab lm compare --domain chat=chat.txt:line docs=docs.txt:blank-line --preset cpu-tiny"""

UNITS = {"ko": ("byte", "byte-char", "jamo", "syllable"), "": ("byte", "byte-char")}
"""What is compared where no tokenizer is named; `""` stands for any language without a line of its own."""

_SYLLABLE_FROM = 4_000
"""The syllable unit has 2,606 ids before its first merge: below this it would hold next to none."""

_DTYPES = {"fp32": 4, "fp16": 2, "bf16": 2, "fp8": 1}

_DOMAIN = re.compile(
    r"(?P<name>[\w.-]+)=(?P<file>.+?)(?::(?P<how>file|line|blank-line|separator:.*|prefix:.*))?", re.DOTALL
)


def add_to(commands: arguments.Commands) -> None:
    """Add `compare`."""
    parser = arguments.add_command(
        commands,
        "compare",
        run_compare,
        "",
        "train a small model on each tokenizer, and compare bits per byte",
        _EXAMPLE,
        more="Each run is kept when it is done: the same command goes on where it stopped. Without --corpus the"
        " embedded sample is used, which proves nothing.",
    )
    _add_texts(parser)
    _add_grid(parser)
    comparing.add_outputs(parser)
    parser.set_defaults(parallel=None, source=None, gold=None, train_sets=None, samples=None, mix=None)


def _add_texts(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("text")
    group.add_argument("--lang", default="ko", help="chooses texts, units and questions (default ko)")
    group.add_argument("--corpus", nargs="+", metavar="FILE", help="train on these instead of the embedded sample")
    group.add_argument(
        "--domain",
        nargs="+",
        metavar="NAME=FILE",
        help="corpus files whose losses are shown apart; FILE:line cuts this one as --documents line would",
    )
    group.add_argument("--eval", nargs="+", metavar="FILE", help="score these (default: a tenth held back)")
    arguments.add_documents(group)
    arguments.add_threads(group)


def _add_grid(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("what is trained").add_argument
    add(
        "--tokenizers",
        nargs="+",
        metavar="RECIPE|FILE|NAME",
        help="recipes (unit=jamo,vocab=8k), files of any format, published names (default: the language's units, one of"
        " them in two sizes)",
    )
    add(
        "--preset",
        default=None,
        metavar="NAME",
        help=f"size of model and text: {', '.join(downstream.MODEL_PRESETS)} (default: demo, with a corpus cpu-nano)",
    )
    add("--seeds", type=int, metavar="N", help="3 to screen, 5 to claim, 10 for a headline (default: the preset's)")
    add("--budgets", type=budgets, default=(), metavar="LIST", help="multiples of the preset's bytes: 1,2,4")
    add("--match", choices=("bytes", "flops", "params"), default="bytes", help="what is held equal (default bytes)")
    add("--target-layers", type=arguments.positive, default=32, metavar="N", help="the large model asked about (32)")
    add("--target-width", type=arguments.positive, default=4096, metavar="N", help="its width (4096)")
    add("--target-dtype", choices=tuple(_DTYPES), default="bf16", help="the type of its cache (bf16)")
    add("--runs", metavar="FOLDER", help="where runs are kept (default: OUT/runs, else the cache)")
    add(
        "--jobs", type=arguments.positive, metavar="N", help="runs side by side (default: a processor each; 1 on a GPU)"
    )
    add("--dry-run", action="store_true", help="say what would be trained and how long it takes, and train nothing")
    add("--vocab-dir", metavar="DIR", help="where published vocabularies lie (NAME.tiktoken)")
    add("--seed", type=arguments.size, default=0, metavar="N", help="of the bootstrap (default 0)")
    add("--no-cache", action="store_true", help="do everything anew")


def budgets(text: str) -> tuple[float, ...]:
    """Read `1,2,4`.

    >>> budgets("0.5, 1")
    (0.5, 1.0)
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers, as in 1,2,4, got {text!r}") from None
    if not all(0 < number < 1e6 for number in found):
        raise argparse.ArgumentTypeError(f"must be numbers above 0, as in 1,2,4, got {text!r}")
    return found


# -- the run


def run_compare(args: argparse.Namespace, terminal: Terminal) -> int:
    """Measure, train, compare, print, write."""
    from bpe_lab.compare.cache import Cache
    from bpe_lab.compare.output import measure
    from bpe_lab.compare.presets import plan_of

    _check(args)
    outputs = comparing.plan_outputs(args, terminal)
    plan = plan_of(wishes(args))
    cache = Cache(None) if args.no_cache else Cache.of_user()
    with comparing.watching(terminal) as progress:
        measured = measure(plan, progress, cache=cache, vocab_dir=args.vocab_dir and Path(args.vocab_dir))
    with _folder(args, plan, cache) as folder:
        request = _request(args, plan, measured, folder)
        if args.dry_run:
            return _dry_run(request, args, terminal)
        found = _trained(args, plan, measured, request, terminal)
    _give(found, outputs, terminal, args)
    return Exit.OK


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before texts are read and torch is loaded."""
    from bpe_lab_model.presets import check_match, preset

    if args.domain and (args.corpus or args.eval):
        raise ArgumentError("--domain names the files of the corpus itself", "leave out --corpus and --eval")
    args.preset = args.preset or ("cpu-nano" if args.corpus or args.domain else "demo")
    chosen = preset(args.preset)
    check_match(args.match, chosen.budget_bytes(args.budgets))
    if args.seeds is not None and args.seeds < 1:
        raise ArgumentError(
            f"--seeds must be at least 1, got {args.seeds}", "3 to screen, 5 to claim, 10 for a headline"
        )
    if args.tokenizers and len(set(args.tokenizers)) < 2:
        raise ArgumentError("a loss is compared between two tokenizers or more, got 1", "name more with --tokenizers")
    args.tokenizers = args.tokenizers or default_tokenizers(args.lang, chosen.sizes)


def default_tokenizers(lang: str, sizes: Sequence[int]) -> list[str]:
    """Return the language's units at the preset's sizes; of one size the first unit at twice that, too.

    Whether a whole word as one token pays takes two sizes of a unit.

    >>> default_tokenizers("ko", (2_048,))
    ['unit=byte,vocab=2048', 'unit=byte-char,vocab=2048', 'unit=jamo,vocab=2048', 'unit=byte,vocab=4096']
    """
    units = UNITS.get(lang, UNITS[""])
    pairs = [(unit, size) for size in sizes for unit in units if unit != "syllable" or size >= _SYLLABLE_FROM]
    pairs += [(units[0], 2 * sizes[0])] if len(sizes) == 1 else []
    return [f"unit={unit},vocab={size}" for unit, size in pairs]


def wishes(args: argparse.Namespace) -> "Wishes":
    """Return what is compared on which text; reads the texts.

    Raises:
        ArgumentError, FileError, CorpusError: before anything is trained.
    """
    found = replace(comparing.wishes(args), command=shlex.join(_typed(args)))
    if not args.domain:
        return found
    from bpe_lab.compare.texts import split

    corpus, name_of = domains(args)
    _, held_out = split(corpus)
    names = tuple(name_of[document] for document in held_out.documents)
    return replace(found, corpus=corpus, held_out=held_out, domains=names if len(set(names)) > 1 else None)


def domains(args: argparse.Namespace) -> "tuple[Texts, dict[bytes, str]]":
    """Return the corpus of all domains, and the domain of each document: of equal ones the first one's."""
    from bpe_lab.compare.texts import Texts, read_texts

    documents: list[bytes] = []
    name_of: dict[bytes, str] = {}
    for text in args.domain:
        name, file, how = _domain(text)
        for document in read_texts(file, how or args.documents, args.field).documents:
            documents.append(document)
            name_of.setdefault(document, name)
    return Texts("+".join(_domain(text)[0] for text in args.domain), documents), name_of


def _domain(text: str) -> tuple[str, str, str | None]:
    """Read `NAME=FILE` or `NAME=FILE:HOW`."""
    found = _DOMAIN.fullmatch(text)
    if not found:
        raise ArgumentError(f"--domain must be NAME=FILE or NAME=FILE:HOW, got {text!r}", "--domain chat=chat.txt:line")
    name, file = text.split("=", 1)
    return (name, file, None) if Path(file).exists() else (found["name"], found["file"], found["how"])


_SAID = {
    "lang": None,
    "corpus": None,
    "domain": None,
    "eval": None,
    "documents": "file",
    "tokenizers": None,
    "preset": None,
    "seeds": None,
    "budgets": (),
    "match": "bytes",
    "target_layers": 32,
    "target_width": 4096,
    "target_dtype": "bf16",
    "seed": 0,
}
"""What decides a result, with what goes unsaid."""


def _typed(args: argparse.Namespace) -> Iterator[str]:
    """Yield the command without what only says where output goes; files by name, so that no folder is told."""
    yield from ("bpe-lab", "lm", "compare")
    for name, unsaid in _SAID.items():
        value = getattr(args, name)
        if value is None or value == unsaid:
            continue
        yield f"--{name.replace('_', '-')}"
        if name == "budgets":
            yield ",".join(f"{number:g}" for number in value)
        elif name == "domain":
            for each, file, how in map(_domain, value):
                yield f"{each}={Path(file).name}{f':{how}' if how else ''}"
        else:
            yield from (comparing.named(part) for part in (value if isinstance(value, list) else [str(value)]))


@contextmanager
def _folder(args: argparse.Namespace, plan: "Plan", cache: Any) -> Iterator[Path]:
    """Give the folder of the runs."""
    from bpe_lab.compare.downstream import run_folder
    from bpe_lab_model.comparing import downstream as train

    if args.runs:
        folder = Path(args.runs)
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"--runs {args.runs} is a file", "name a folder")
        yield folder
        return
    with run_folder(plan, args.preset, train, args.out and Path(args.out), cache) as folder:
        yield folder


def _target(args: argparse.Namespace) -> "Target":
    from bpe_lab.downstream import Target

    return Target(args.target_layers, args.target_width, _DTYPES[args.target_dtype])


def _request(args: argparse.Namespace, plan: "Plan", measured: "Measured", folder: Path) -> "Request":
    """Return what is asked of the grid: every tokenizer that loses nothing.

    Raises:
        BpeLabError: one that was asked for is missing or failed, and fewer than two are left.
    """
    from bpe_lab.compare.downstream import Wanted, arms, request

    chosen = arms(plan, measured.results)
    if len(chosen) < 2:
        left_out = [result for result in measured.results.all if result.status != "ok"]
        why = "".join(f"; {r.entry.name}: {r.note['en']}" for r in left_out if r.note)
        raise BpeLabError(
            f"a loss is compared between two lossless tokenizers or more, here are {len(chosen)}{why}",
            "name more with --tokenizers",
        )
    wanted = Wanted(
        args.preset,
        folder,
        match=args.match,
        seeds=args.seeds,
        budgets=args.budgets,
        target=_target(args),
        resume=not args.no_cache,
        threads=args.threads,
    )
    return request(plan, chosen, measured.make, wanted)


def _trained(
    args: argparse.Namespace, plan: "Plan", measured: "Measured", request: "Request", terminal: Terminal
) -> "Comparison":
    """Do the runs that are not there, and put everything together."""
    from bpe_lab.compare.downstream import summarised
    from bpe_lab.compare.output import comparison
    from bpe_lab_model.grid import plan as planned
    from bpe_lab_model.grid import run_grid

    started = time.monotonic()
    with downstream.watching_runs(terminal) as progress:
        grid = planned(replace(request, progress=progress))
        for line in told(grid):
            terminal.say(line)
        with downstream.resumable(grid.folder, terminal, kept=not args.no_cache):
            records = run_grid(grid, args.jobs)
    models = summarised(plan, measured.results, records, target=_target(args))
    return comparison(plan, measured.results, measured.seconds + time.monotonic() - started, models)


def told(grid: "Grid") -> Iterator[str]:
    """Yield what is about to be trained, in a few lines."""
    seen = ", ".join(amount(n) for n in grid.budgets)
    epochs = f" ({grid.epochs:.1f} epochs)" if grid.epochs > 1 else ""
    n_runs = sum(1 for _ in grid.runs())
    yield (
        f"{number(n_runs, 'run')}: {number(len(grid.arms), 'tokenizer')} x {number(len(grid.seeds), 'seed')} x"
        f" {number(len(grid.budgets), 'budget')} of {seen}{epochs}; trained on {amount(grid.train.n_bytes)}, scored on"
        f" {amount(grid.validation.n_bytes)} in {number(grid.validation.n_documents, 'document')}"
    )
    if grid.request.match == "params":
        for arm in grid.arms:
            yield f"{arm.arm.name}: width {arm.config.d_model}, MLP {arm.config.inner_width}"


def _give(found: "Comparison", outputs: comparing.Outputs, terminal: Terminal, args: argparse.Namespace) -> None:
    """Print and write what was found, as `bpe-lab compare` does."""
    if outputs.printed == "terminal":
        comparing.show(found, outputs, terminal, follows=False)
        comparing.show_loss(found, outputs, terminal, answers=False)
    else:
        binary_stdout().write(comparing.as_bytes(found, outputs.printed, outputs.lang))
    for form, path in outputs.files.items():
        comparing.write(comparing.as_bytes(found, form, outputs.lang), path, args.force, terminal)
    if outputs.printed == "terminal":
        terminal.say(f"compared in {duration(found.to_json()['made_by']['seconds'])}")
        if report := outputs.files.get("report"):
            terminal.say(f"report: {Path(report).resolve()}")


# -- the plan alone


def _dry_run(request: "Request", args: argparse.Namespace, terminal: Terminal) -> int:
    """Print what would be trained, and about how long it takes here."""
    from bpe_lab.cli.table import lines
    from bpe_lab_model.estimating import estimate
    from bpe_lab_model.grid import plan as planned

    grid = planned(request)
    for line in told(grid):
        terminal.say(line)
    terminal.say("training for some seconds to tell how fast this machine is")
    found = estimate(grid, args.jobs)
    if args.json:
        terminal.put_json("lm compare", {"dry_run": found})
        return Exit.OK
    header = (">tokens/KB", ">T", ">tokens a seed", ">block", ">embedding", ">FLOPs", ">time", "tokenizer")
    for line in lines(header, map(_row, found["arms"])):
        terminal.put(line)
    terminal.put(
        f"about {duration(found['seconds'])} with {number(found['jobs'], 'run')} side by side"
        f" ({found['flops']:.2g} FLOPs at {found['flops_per_s'] / 1e9:.0f} GFLOP/s)"
    )
    return Exit.OK


def _row(arm: dict[str, Any]) -> tuple[str, ...]:
    """Return an arm as a row of the plan."""
    lossy = " (loses text: not trained)" if arm["status"] == "lossy" else ""
    return (
        f"{arm['tokens_per_kb']:.0f}",
        f"{arm['tokens_per_window']:.0f}",
        f"{arm['tokens_a_seed']:,}",
        f"{arm['n_block']:,}",
        f"{arm['n_embedding']:,}",
        f"{arm['flops']:.2g}",
        duration(arm["seconds"]),
        f"{arm['name']}, {arm['n_ids']:,} ids{lossy}",
    )
