"""`lm finetune instruct`: a model learns to answer prompts, and is scored on prompts that it never saw.

Prints what `instruct.tune` came to, a row a way to tune. Imports torch only to run.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, number
from bpe_lab.errors import ArgumentError
from bpe_lab_model.cli.adapting import (
    COST,
    Way,
    above_zero,
    add_lora,
    check_lora,
    check_out,
    check_ranks,
    cost_json,
    cost_of,
    each,
    n_ways,
    watcher,
    ways,
)

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab_model.checkpoint import Checkpoint
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.instruct import Outcome
    from bpe_lab_model.pairs import Pairs

_INSTRUCT = """\
bpe-lab lm finetune instruct run/ --data pairs.jsonl -o answers/
bpe-lab lm finetune instruct run/ --data pairs.jsonl --lora 2 8
bpe-lab lm sample answers/ $'한국의 수도는?\\n'"""

_SHOWN = 3

_LR = 2e-3
"""Of a model that does not say with which learning rate it was trained."""

Tuned = tuple[Way, "Outcome"]


def add_instruct(tasks: arguments.Commands) -> None:
    """Add `instruct` to the tasks of `finetune`."""
    parser = arguments.add_command(
        tasks,
        "instruct",
        run_instruct,
        "RUN [--data FILE]",
        "answer prompts: bits per byte and exact match of answers, before and after",
        _INSTRUCT,
        more="A line of the data is a JSON object with a prompt and its answer. The loss is on answers and their ends "
        "alone. Some prompts are held out; which ones depends on their content alone.",
    )
    parser.add_argument("checkpoint", metavar="RUN", help="a trained model (lm train --objective clm)")
    add = parser.add_argument_group("pairs").add_argument
    add("--data", metavar="FILE", help="JSON lines (default: the sample's sentences and the kinds of text they are of)")
    add("--prompt-field", nargs="+", metavar="NAME", help="fields of the prompt (default prompt, or instruction)")
    add("--answer-field", metavar="NAME", help="field of the answer (default answer, or output)")
    add("--between", metavar="TEXT", default=r"\n", help=r"stands between prompt and answer (default \n)")
    add("--test", metavar="FILE", help="measure on these lines; by default a part of the data is held out")
    add("--hold-out", metavar="SHARE", help="how many of the prompts (default 20%%)")
    add("--exact", type=arguments.positive, default=100, metavar="N", help="prompts to decode an answer of (100)")
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=above_zero, default=5, metavar="N", help="how often to read the pairs (default 5)")
    add("--lr", type=above_zero, metavar="RATE", help="highest learning rate (default: half of the model's own)")
    add("--batch-bytes", type=arguments.positive, default=1024, metavar="BYTES", help="text of a step (default 1024)")
    add("--seed", type=arguments.size, default=0, metavar="N", help="order of the pairs, start of adapters (0)")
    arguments.add_threads(parser)
    add_lora(parser)
    add = parser.add_argument_group("result").add_argument
    add("-o", "--out", metavar="FOLDER", help="save the tuned model; of several each in a folder of its own")
    arguments.add_force(parser)
    arguments.add_json(parser)
    parser.set_defaults(tokenizer=None)


def run_instruct(args: argparse.Namespace, terminal: Terminal) -> int:
    """Tune in each way, and measure."""
    _check(args)
    train, test = _pairs(args)
    terminal.say(
        f"{train.name}: {number(len(train), 'pair')} to train on, {number(len(test), 'pair')} held out"
        + (f"; {number(train.n_repeated, 'repeated line')} left out" if train.n_repeated else "")
    )
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    start, candidate = _start(args)
    args.lr = args.lr or start.state.get("settings", {}).get("lr", _LR) / 2
    check_ranks(ways(args), start.model)
    found, diverged = each(
        [(way.name, way) for way in ways(args)],
        lambda way: (way, _tuned(args, way, start, candidate, train, test, terminal)),
        terminal,
    )
    if found[0][1].n_too_long:
        n, context = found[0][1].n_too_long, start.config.context_bytes
        terminal.warn(f"{number(n, 'pair')} left out: the model sees {context} bytes", "a model with more --context")
    if args.json:
        terminal.put_json("lm finetune instruct", _as_json(args, train, found, diverged))
        return Exit.OK
    for line in _lines(found, diverged, test):
        terminal.put(line)
    if not args.data:
        terminal.warn("the embedded sample is a demonstration and no evidence", "--data pairs.jsonl")
    return Exit.OK


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is loaded."""
    check_lora(args)
    if args.test and (args.hold_out or not args.data):
        raise ArgumentError(
            "--test goes with --data, and nothing is held out then", "give --data, leave --hold-out out"
        )
    if (args.prompt_field or args.answer_field) and not args.data:
        raise ArgumentError("--prompt-field and --answer-field name fields of --data", "--data pairs.jsonl")
    if args.out:
        check_out(Path(args.out), args.force, several=n_ways(args) > 1)


def _pairs(args: argparse.Namespace) -> "tuple[Pairs, Pairs]":
    from bpe_lab.holdout import parse_share
    from bpe_lab_model.pairs import check_apart, divide_pairs, read_pairs, sample_pairs

    if any("\udc80" <= char <= "\udcff" for char in args.between):
        raise ArgumentError("--between is no UTF-8", r"it is text, \n and \t among it")
    between = args.between.replace(r"\n", "\n").replace(r"\t", "\t")
    if not args.data:
        data = sample_pairs(between)
    else:
        data = read_pairs(args.data, args.prompt_field, args.answer_field, between)
    if args.test:
        test = read_pairs(args.test, args.prompt_field, args.answer_field, between)
        check_apart(data, test)
        return data, test
    train, test = divide_pairs(data, parse_share(args.hold_out or "20%"))
    return train, test


def _start(args: argparse.Namespace) -> "tuple[Checkpoint, Candidate]":
    from bpe_lab_model import checkpoint, devices
    from bpe_lab_model.cli.evaluating import needed_candidate

    start = checkpoint.load(args.checkpoint, devices.device(None))
    return start, needed_candidate(args, start)


def _tuned(
    args: argparse.Namespace,
    way: Way,
    start: "Checkpoint",
    candidate: "Candidate",
    train: "Pairs",
    test: "Pairs",
    terminal: Terminal,
) -> "Outcome":
    from bpe_lab_model import instruct
    from bpe_lab_model.tuning import Effort

    effort = Effort(
        args.epochs, way.lr, args.batch_bytes, seed=args.seed, adapters=way.adapters, evaluate_every=args.epochs / 5
    )
    watch = watcher(way.name, "nats a token of the answers", "left", terminal)
    outcome, model = instruct.tune(
        start.model, candidate, train, test, effort, most_exact=args.exact, shown=_SHOWN, report=watch
    )
    if args.out:
        _save(args, way, start, model, train, terminal)
    return outcome


def _save(
    args: argparse.Namespace, way: Way, start: "Checkpoint", model: "GPT", train: "Pairs", terminal: Terminal
) -> None:
    from bpe_lab_model import instruct

    folder = Path(args.out)
    if n_ways(args) > 1:
        folder.mkdir(parents=True, exist_ok=True)
        folder /= way.name.replace(" ", "-").lower()
    about = {"data": train.name, "way": way.name, "lr": way.lr, "epochs": args.epochs, "between": args.between}
    instruct.save(folder, model, start.fingerprint, start.tokenizer_path, about, force=args.force)
    terminal.wrote([folder])


# -- what is printed


def _lines(found: Sequence[Tuned], diverged: Sequence[str], test: "Pairs") -> Iterator[str]:
    """Yield the table, the bits by bytes seen, and how some prompts are answered."""
    columns = (">answer BPB", ">before", ">exact", ">before", *COST, ">lr", "tuned")
    yield from table.lines(columns, [_row(way, outcome) for way, outcome in found])
    yield from diverged
    yield ""
    yield from _curves(found)
    yield ""
    yield from _answers(found, test)


def _row(way: Way, o: "Outcome") -> tuple[str, ...]:
    before, after = o.before, o.after
    exact = (f"{after.exact:.1%}", f"{before.exact:.1%}")
    return (f"{after.bpb:.4f}", f"{before.bpb:.4f}", *exact, *cost_of(o.tuned), f"{way.lr:.2g}", way.name)


def _curves(found: Sequence[Tuned]) -> Iterator[str]:
    """Yield bits per byte of the held-out answers against bytes seen; all ways see the same bytes."""
    names = [f">{way.name}" for way, _ in found]
    rows = [
        (amount(at), *(f"{outcome.by_epoch[i][1]:.4f}" for _, outcome in found), "")
        for i, (at, _) in enumerate(found[0][1].by_epoch)
    ]
    yield from table.lines((">bytes seen", *names, "answer BPB"), rows)


def _answers(found: Sequence[Tuned], test: "Pairs") -> Iterator[str]:
    """Yield some held-out prompts with their answers, and what was said before and after."""
    first = found[0][1]
    kept = test.within(first.context_bytes - 1)
    for i, (before, after) in enumerate(zip(first.before.said, first.after.said, strict=True)):
        yield _one_line(kept.prompts[i].decode(errors="replace"))
        yield f"  answer: {_one_line(kept.answers[i].decode(errors='replace'))}"
        yield f"  before: {_one_line(before)}"
        yield f"  after:  {_one_line(after)}"


def _one_line(text: str) -> str:
    return text.rstrip("\n").replace("\n", "⏎")


def _as_json(
    args: argparse.Namespace, train: "Pairs", found: Sequence[Tuned], diverged: Sequence[str]
) -> dict[str, Any]:
    first = found[0][1]
    return {
        "data": train.name,
        "from": args.checkpoint,
        "n_train": first.n_train,
        "n_test": first.n_test,
        "n_too_long": first.n_too_long,
        "seed": args.seed,
        "rows": [
            {
                "name": way.name,
                "lr": way.lr,
                "answer_bpb": o.after.bpb,
                "answer_bpb_before": o.before.bpb,
                "exact": o.after.exact,
                "exact_before": o.before.exact,
                "by_bytes": [list(point) for point in o.by_epoch],
                **cost_json(o.tuned),
            }
            for way, o in found
        ],
        "diverged": list(diverged),
    }
