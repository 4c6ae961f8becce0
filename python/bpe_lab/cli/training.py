"""`bpe-lab train`: sources to a tokenizer file, saying how it went."""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, counting
from bpe_lab.cli.exits import Exit, StrictVocabularyError
from bpe_lab.cli.terminal import Terminal, duration, peak_memory_bytes
from bpe_lab.errors import ArgumentError, FileError, UnsupportedError

if TYPE_CHECKING:
    from bpe_lab import PieceCounts, Tokenizer
    from bpe_lab._core import Learned
    from bpe_lab.cli.progress import Watch

_N_BYTES = 256
_MOST_IDS = 1 << 21
"""The core's limit; checked here too, because the core sees the number only after the counting."""


@dataclass(frozen=True)
class Learning:
    """What is learned from the counts."""

    vocab_size: int
    """In all."""
    unit: str
    tie: str
    min_frequency: int
    max_token_bytes: int | None
    special_tokens: tuple[str, ...]
    at: str
    superword: str | None
    base: "Tokenizer | None" = None
    """Which grows; unit, order of ties and special tokens are its."""


@dataclass(frozen=True)
class TrainPlan:
    """What `train` is to do, checked: nothing here can fail for a reason that was known before the work."""

    counting: counting.CountPlan
    learning: Learning
    out: str
    force: bool
    strict: bool
    n_traced: int
    json: bool


def add_to(commands: arguments.Commands) -> None:
    """Add `train`."""
    parser = arguments.add_command(
        commands,
        "train",
        run_train,
        "SOURCE ...",
        "train a tokenizer on text or on count files",
        'bpe-lab train corpus.txt --vocab 32000\nbpe-lab train "news/*.jsonl.gz" --unit byte-char -o ko.bpe --trace 20'
        "\nbpe-lab train --extend base.json --vocab +8000 ko.txt -o more.json",
        more="Files, folders, globs or - for standard input; .txt, .jsonl, .gz, .zst. Count files are recognised.",
        spread="sources",
    )
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="text or count files; - is standard input")
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="NAME.json or a folder: Hugging Face; NAME.tiktoken; else bpe-lab's own file"
    )
    arguments.add_force(parser)
    _learning_options(parser)
    arguments.add_corpus(parser)
    group = parser.add_argument_group("what is said")
    group.add_argument("--trace", type=arguments.positive, default=0, metavar="N", help="print the first N merges")
    arguments.add_json(parser)


def _learning_options(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("vocabulary")
    add = group.add_argument
    add(
        "--vocab",
        type=arguments.vocabulary,
        default=None,
        metavar="N",
        help="ids in all, bytes and special tokens included: 32000 (default), 32k, 32Ki; +8000: that many more than "
        "--extend has",
    )
    add(
        "--extend",
        metavar="FILE|NAME",
        help="learn on behind this tokenizer's merges: its ids stay as they are, new ones come after the last",
    )
    add("--strict-vocab", action="store_true", help="an error, and no file, if the merges run out before --vocab")
    add(
        "--unit",
        type=arguments.unit,
        default=None,
        metavar="UNIT",
        help="what text is made of: byte; byte-char (no token cuts a character in its middle); "
        "syllable, syllable:all or syllable:seen=K; jamo or jamo-char, with :filler, :compat, :nfd-alias "
        "(default byte)",
    )
    add("--tie", choices=arguments.TIES, help="which of equally frequent pairs merges first (default hf)")
    add("--min-frequency", type=arguments.positive, default=1, metavar="N", help="a pair rarer than this never merges")
    add("--max-token-bytes", type=arguments.positive, metavar="N", help="no token is longer")
    add(
        "--at",
        choices=("train", "train+infer"),
        default="train",
        help="with --morphemes: train+infer has the analyser asked again whenever the tokenizer encodes",
    )
    add(
        "--superword",
        metavar="T[:K]",
        help="from T ids on (6k) learn across pieces, up to the end of the sentence or line; tokens have at most K "
        "spaces (default 4)",
    )
    add(
        "--special",
        action="append",
        default=[],
        metavar="TOKEN",
        help=f"a special token beside {arguments.DEFAULT_SPECIAL}; may be given several times",
    )
    add("--no-special", action="store_true", help=f"leave out {arguments.DEFAULT_SPECIAL}")
    add(
        "--counts",
        action="append",
        default=[],
        metavar="FILE",
        help="a text file of lines piece<TAB>count, as a source",
    )


def plan_train(args: argparse.Namespace) -> TrainPlan:
    """Return what is meant by what was typed.

    Raises:
        ArgumentError, FileError, CorpusError: before any text is read.
    """
    from bpe_lab.cli import output

    learning = _learning(args)
    if learning.base is None:
        _check_vocabulary(learning)
    count_plan = counting.plan_count(args, args.counts)
    if learning.base is not None:
        count_plan = _cut_by(learning.base, count_plan)
    _check_at(args, count_plan)
    out = args.out or _default_out(args, learning)
    output.stdout_is_json(out, args.json)
    if out == output.STDOUT and args.trace:
        raise ArgumentError("--trace and -o - both want standard output", "give -o a file name")
    output.check_tokenizer(out, args.force, count_plan.inputs)
    return TrainPlan(count_plan, learning, out, args.force, args.strict_vocab, args.trace, args.json)


def _learning(args: argparse.Namespace) -> Learning:
    """Return what is to be learned: a vocabulary of its own, or more behind another's.

    Raises:
        ArgumentError: `--vocab +N` without `--extend`, or an option that says what the tokenizer that grows says.
    """
    if args.extend is not None:
        return _growing(args)
    wanted = arguments.DEFAULT_VOCABULARY if args.vocab is None else args.vocab
    if isinstance(wanted, str):
        raise ArgumentError(f"--vocab {wanted} is by how much a tokenizer grows", "say which one: --extend base.json")
    return Learning(
        wanted,
        args.unit or "byte",
        args.tie or "hf",
        args.min_frequency,
        args.max_token_bytes,
        arguments.special_tokens(args.special, args.no_special),
        args.at,
        _superword(args),
    )


def _growing(args: argparse.Namespace) -> Learning:
    from bpe_lab.cli.loading import load
    from bpe_lab.extending import growing_pattern, n_new_tokens, same_unit

    typed = {
        "--tie": args.tie is not None,
        "--special": bool(args.special),
        "--no-special": args.no_special,
        "--superword": args.superword is not None,
        "--morphemes": args.morphemes is not None,
        "--at": args.at != "train",
    }
    if given := [option for option, is_given in typed.items() if is_given]:
        raise ArgumentError(f"{given[0]} does not go with --extend", f"leave out {given[0]}")
    if args.vocab is None:
        raise ArgumentError("--extend needs to know how far", "--vocab +8000 adds 8,000 ids")
    base = load(args.extend, arguments.chosen_pattern(args) if _has_no_pattern(args.extend) else None)
    growing_pattern(base)
    same_unit(base, args.unit)
    size = base.n_tokens + n_new_tokens(base, args.vocab)
    specials = tuple(base.special_tokens)
    return Learning(size, base.unit, "hf", args.min_frequency, args.max_token_bytes, specials, "train", None, base)


def _has_no_pattern(name: str) -> bool:
    """Tell whether this is a rank file of no known name: what is typed says how it cuts."""
    from bpe_lab import _core
    from bpe_lab.interop.published import PUBLISHED

    path = Path(name)
    if name in PUBLISHED or not path.is_file() or path.name.removesuffix(".tiktoken") in PUBLISHED:
        return False
    with path.open("rb") as f:
        return _core.detect_format(f.read(1 << 16)) == "tiktoken"


def _cut_by(base: "Tokenizer", plan: counting.CountPlan) -> counting.CountPlan:
    """Return the plan with the pattern of the tokenizer that grows.

    Raises:
        ArgumentError: another one was typed.
    """
    from bpe_lab.training import recorded_form

    if plan.pattern is not None and recorded_form(plan.pattern) != recorded_form(base.pattern):
        raise ArgumentError(
            f"the tokenizer that grows cuts with pattern {base.pattern!r}, not {plan.pattern!r}",
            "leave the pattern out",
        )
    return replace(plan, pattern=base.pattern)


def _default_out(args: argparse.Namespace, learning: Learning) -> str:
    if learning.base is None:
        return default_out([*args.sources, *args.counts][0], learning.vocab_size)
    return default_out(args.extend, learning.vocab_size)


def _superword(args: argparse.Namespace) -> str | None:
    """Return the one text of what `--superword` said, checked against the pattern."""
    from bpe_lab.superwords import Superwords
    from bpe_lab.tokenizer import pattern_from

    if args.superword is None:
        return None
    superwords = Superwords.parse(args.superword)
    if (pattern := arguments.chosen_pattern(args)) is not None:
        pattern_from(pattern).superword()
    return str(superwords)


def _check_vocabulary(learning: Learning) -> None:
    n_special = len(learning.special_tokens)
    n_base = _n_base(learning.unit)
    least = n_base + n_special
    if learning.vocab_size < least:
        what = "bytes" if n_base == _N_BYTES else f"base symbols of unit {learning.unit}"
        raise ArgumentError(
            f"--vocab must be at least {least} ({n_base} {what} and {n_special} special), got {learning.vocab_size}"
        )
    if learning.vocab_size > _MOST_IDS:
        raise ArgumentError(f"--vocab must be at most {_MOST_IDS}, got {learning.vocab_size}")
    if "" in learning.special_tokens:
        raise ArgumentError("a special token is empty")
    if learning.superword is not None:
        from bpe_lab.superwords import Superwords

        Superwords.parse(learning.superword).check(learning.vocab_size, least, learning.unit)


def _n_base(unit: str) -> int:
    if unit in ("byte", "byte-char"):
        return _N_BYTES
    from bpe_lab import _core

    return _core.Unit.named(unit).n_base


def _check_at(args: argparse.Namespace, plan: counting.CountPlan) -> None:
    """Refuse what cannot be meant, before the counting; counts in files may bring their analyser themselves."""
    from bpe_lab.cli.output import format_of

    if args.at == "train":
        return
    if args.morphemes is None and not plan.count_files:
        raise ArgumentError(f"--at {args.at} is about morphemes", "say which analyser finds them: --morphemes mecab")
    if args.out and format_of(args.out) != "native":
        raise ArgumentError(
            f"{args.out} is of a format that cannot say that an analyser cuts the text (--at {args.at})",
            "name bpe-lab's own file, such as ko.bpe, or leave out --at",
        )


def default_out(source: str, vocab_size: int) -> str:
    """Return the file name for a first source: `data/news.jsonl.gz` and 32000 give `news-32000.bpe`."""
    if source == "-":
        return f"stdin-{vocab_size}.bpe"
    name = Path(source).name or Path(source).resolve().name
    for suffix in (".gz", ".zst", ".txt", ".jsonl", ".tsv", ".counts", ".json", ".bpe", ".tiktoken"):
        name = name.removesuffix(suffix)
    kept = "".join(c for c in name if c not in "*?[]").strip(".-_ ")
    return f"{kept or 'corpus'}-{vocab_size}.bpe"


def run_train(args: argparse.Namespace, terminal: Terminal) -> int:
    """Count, learn, save, tell."""
    from bpe_lab.cli.interrupts import at_once
    from bpe_lab.cli.progress import watching

    plan = plan_train(args)
    started = time.monotonic()
    with at_once(terminal), watching(terminal) as watch:
        counts = counting.gather(plan.counting, watch, terminal)
        counted = time.monotonic()
        tokenizer, learned = _learn(plan, counts, watch)
    finished = time.monotonic()
    shortage = _shortage(plan, learned, tokenizer)
    terminal.say(counting.told(counts, counted - started))
    terminal.say(_told(plan, learned, counts, finished - counted))
    if shortage:
        terminal.warn(*shortage)
    paths = _save(plan, tokenizer, terminal)
    if plan.json:
        report = _report(plan, tokenizer, learned, counts)
        report |= {"reason": shortage[0] if shortage else None, "files": [str(p) for p in paths]}
        terminal.put_json("train", report | {"seconds": round(finished - started, 3)})
    elif plan.n_traced:
        _put_trace(plan, learned, terminal)
    return Exit.OK


def _learn(plan: TrainPlan, counts: "PieceCounts", watch: "Watch | None") -> "tuple[Tokenizer, Learned]":
    from bpe_lab import learn, learn_more

    what = plan.learning
    if what.base is not None:
        limits = {"min_frequency": what.min_frequency, "max_token_bytes": what.max_token_bytes}
        return learn_more(what.base, counts, what.vocab_size, **limits, progress=watch)  # type: ignore[arg-type]
    return learn(
        counts,
        what.vocab_size,
        pattern=plan.counting.pattern,
        unit=what.unit,
        tie=what.tie,
        min_frequency=what.min_frequency,
        max_token_bytes=what.max_token_bytes,
        special_tokens=what.special_tokens,
        at=what.at,
        superword=what.superword,
        progress=watch,
    )


def _shortage(plan: TrainPlan, learned: "Learned", tokenizer: "Tokenizer") -> tuple[str, str] | None:
    """Return message and hint where the merges ran out; raise it under `--strict-vocab`."""
    from bpe_lab.training import short_vocabulary

    n_tokens, wanted = tokenizer.n_tokens, plan.learning.vocab_size
    if n_tokens >= wanted:
        return None
    message, hint = short_vocabulary(
        learned, n_tokens, wanted, plan.learning.min_frequency, plan.learning.max_token_bytes
    )
    if plan.strict:
        raise StrictVocabularyError(message, f"{hint}; or leave out --strict-vocab")
    return message, hint


def _told(plan: TrainPlan, learned: "Learned", counts: "PieceCounts", seconds: float) -> str:
    per_token = counts.total_bytes / max(1, learned.n_tokens)
    across = f", {learned.superwords[0]:,} of them across pieces," if learned.superwords else ""
    behind = f" behind those of {plan.learning.base.n_tokens:,} tokens" if plan.learning.base else ""
    return (
        f"learned {learned.n_merges:,} merges{across}{behind} in {duration(seconds)}: "
        f"{learned.n_tokens_before:,} -> {learned.n_tokens:,} tokens, {per_token:.2f} bytes a token"
    )


def _save(plan: TrainPlan, tokenizer: "Tokenizer", terminal: Terminal) -> list[Path]:
    """Save; where the wanted format cannot hold the tokenizer, keep the work in bpe-lab's own file."""
    from bpe_lab.cli.output import save_tokenizer

    about = f"{tokenizer.n_tokens:,} tokens"
    try:
        return save_tokenizer(tokenizer, plan.out, terminal, force=plan.force, about=about)
    except (UnsupportedError, FileError) as e:
        rescue = _free_name(Path(plan.out))
        save_tokenizer(tokenizer, str(rescue), terminal, force=False, form="native", about=about)
        raise type(e)(f"{e.message}; the tokenizer was kept as {rescue} instead of {plan.out}", e.hint) from e


def _free_name(out: Path) -> Path:
    """Return a name beside `out` for bpe-lab's own file, one that is free."""
    names = (out.with_name(f"{out.stem}{n}.bpe") for n in ("", *(f"-{i}" for i in range(2, 10_000))))
    return next(name for name in names if not name.exists())


def _put_trace(plan: TrainPlan, learned: "Learned", terminal: Terminal) -> None:
    from bpe_lab.cli.table import lines, quoted
    from bpe_lab.visible import visible

    rows = (
        (
            rank,
            f"{count:,}",
            f"{n_left:,}",
            f"{a.hex(' ').upper()} + {b.hex(' ').upper()}",
            f"{quoted(visible(a))} + {quoted(visible(b))}",
        )
        for rank, (a, b, count, n_left) in enumerate(learned.trace(plan.n_traced))
    )
    for line in lines((">rank", ">count", ">tokens left", "pair as bytes", "pair as text"), rows):
        terminal.put(line)


def _report(plan: TrainPlan, tokenizer: "Tokenizer", learned: "Learned", counts: "PieceCounts") -> dict[str, Any]:
    from bpe_lab.visible import text_or_none

    report: dict[str, Any] = {
        "tokens": tokenizer.n_tokens,
        "tokens_wanted": plan.learning.vocab_size,
        "tokens_before": plan.learning.base.n_tokens if plan.learning.base else None,
        "merges": learned.n_merges,
        "superwords": learned.superwords[0] if learned.superwords else None,
        "stop": learned.stop[0],
        "pieces": {"distinct": len(counts), "total": counts.total_weight, "bytes": counts.total_bytes},
        "tokens_in_corpus": {"before": learned.n_tokens_before, "after": learned.n_tokens},
        "fingerprint": tokenizer.fingerprint,
        "peak_memory_bytes": peak_memory_bytes(),
    }
    if plan.n_traced:
        report["trace"] = [
            {
                "rank": rank,
                "pair": [a.hex(), b.hex()],
                "text": [text_or_none(a), text_or_none(b)],
                "count": count,
                "tokens_left": left,
            }
            for rank, (a, b, count, left) in enumerate(learned.trace(plan.n_traced))
        ]
    return report
