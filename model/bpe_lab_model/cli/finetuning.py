"""`bpe-lab lm finetune`: what a model can be tuned to. `classify` is here, `instruct` in a file of its own.

Prints what `classify.tune` came to, one row a tokenizer or checkpoint. Imports torch only to run.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, duration, number
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, FileError
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
from bpe_lab_model.cli.instructing import add_instruct

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab_model.classify import Arm, Classifier, Outcome
    from bpe_lab_model.gpt import Config
    from bpe_lab_model.labelled import Labelled

_CLASSIFY = """\
bpe-lab lm finetune classify
bpe-lab lm finetune classify --from run/ --encoder --epochs 5 -o classifier/
bpe-lab lm finetune classify --data labels.tsv -t unit=byte,vocab=2k unit=jamo,vocab=2k
bpe-lab lm finetune classify --from classifier/ --predict texts.txt"""

_DEFAULT_TOKENIZER = "unit=byte,vocab=2048"
_SHOWN_CONFUSIONS = 5


def add_to(commands: arguments.Commands) -> None:
    """Add `finetune` with its tasks."""
    parser = commands.add_parser(
        "finetune",
        help="tune a model to a task, and say how well it does it",
        description="Tune a model to a task, and say how well it does it.",
        epilog=arguments.epilog(_CLASSIFY.splitlines()[0]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    tasks = parser.add_subparsers(dest="task", metavar="TASK", title="tasks", required=True)
    _add_classify(tasks)
    add_instruct(tasks)
    for task in tasks.choices.values():
        arguments.add_talk(task)


def _add_classify(tasks: arguments.Commands) -> None:
    parser = arguments.add_command(
        tasks,
        "classify",
        run_classify,
        "[--data FILE] [--from RUN ...] [-t TOKENIZER ...]",
        "tell texts apart by their labels: accuracy, and what it costs",
        _CLASSIFY,
        more="A linear layer over labels is put on the model and all of it is trained. Some texts of each label are "
        "held out; which ones depends on their content alone, so every tokenizer is asked about the same. A text "
        "longer than the context is several windows, whose answers are averaged.",
    )
    add = parser.add_argument_group("texts").add_argument
    add("--data", metavar="FILE", help="lines of: label TAB text (default: the Korean sample and its registers)")
    add("--test", metavar="FILE", help="measure on these lines; by default a part of the data is held out")
    add("--hold-out", metavar="SHARE", help="how much of each label (default 20%%)")
    add("--predict", metavar="FILE", help="train nothing: label each line of a file by what -o saved (--from)")
    add = parser.add_argument_group("model").add_argument
    add("--from", dest="starts", nargs="+", default=[], metavar="RUN", help="go on from trained models")
    add("-t", "--tokenizer", dest="tokenizers", nargs="+", default=[], metavar="TOKENIZER",
        help=f"start from scratch: files, names, or recipes, trained on the texts that are not held out "
        f"(default {_DEFAULT_TOKENIZER})")  # fmt: skip
    add("--preset", metavar="NAME", help="shape of a model from scratch (default demo)")
    add("--encoder", action="store_true", help="each token sees all others, and their mean is read; not the last alone")
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=above_zero, default=10, metavar="N", help="how often to read the texts (default 10)")
    add("--seeds", type=arguments.positive, default=3, metavar="N", help="models to train (default 3)")
    add("--lr", type=above_zero, default=1e-3, metavar="RATE", help="highest learning rate (default 0.001)")
    add("--batch-bytes", type=arguments.positive, default=2048, metavar="BYTES", help="text of a step (default 2048)")
    arguments.add_threads(parser)
    add_lora(parser)
    add = parser.add_argument_group("result").add_argument
    add(
        "-o", "--out", metavar="FOLDER", help="save the first seed's model, of several rows each in a folder of its own"
    )
    arguments.add_force(parser)
    arguments.add_json(parser)


def run_classify(args: argparse.Namespace, terminal: Terminal) -> int:
    """Tune and measure; or label the lines of a file."""
    _check(args)
    if args.predict:
        return _predict(args, terminal)
    train, test = _texts(args)
    terminal.say(
        f"{train.name}: {number(len(train), 'text')} to train on, {number(len(test), 'text')} held out, "
        f"{number(len(train.kinds), 'label')}"
        + (f"; {number(train.n_repeated, 'repeated line')} left out" if train.n_repeated else "")
    )
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    works = [(_name(args, arm, way), (arm, way)) for arm in _arms(args, train) for way in ways(args)]
    outcomes, diverged = each(works, lambda work: _outcome(args, *work, train, test, terminal), terminal)
    if args.json:
        terminal.put_json("lm finetune classify", _as_json(train, test, outcomes, diverged))
        return Exit.OK
    for line in _lines(outcomes, diverged):
        terminal.put(line)
    if not args.data:
        terminal.warn("the embedded sample is a demonstration and no evidence", "--data labels.tsv")
    return Exit.OK


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant, before torch is loaded."""
    check_lora(args)
    if args.ranks and not args.starts:
        raise ArgumentError("--lora leaves the model as it is, so it needs one that has learned", "--from run/")
    if args.starts and args.preset:
        raise ArgumentError("--preset is the shape of a model from scratch, --from has one", "give one of them")
    if args.test and (args.hold_out or not args.data):
        raise ArgumentError(
            "--test goes with --data, and nothing is held out then", "give --data, leave --hold-out out"
        )
    if args.predict and (len(args.starts) != 1 or args.data or args.tokenizers):
        raise ArgumentError("--predict takes one tuned model and nothing to train on", "--from FOLDER --predict FILE")
    args.starts, args.tokenizers = list(dict.fromkeys(args.starts)), list(dict.fromkeys(args.tokenizers))
    if args.out:
        check_out(Path(args.out), args.force, several=_n_models(args) > 1)


def _n_models(args: argparse.Namespace) -> int:
    """Return how many models are saved: one for each start or tokenizer and each way to tune it."""
    return max(1, len(args.starts) + len(args.tokenizers)) * n_ways(args)


def _texts(args: argparse.Namespace) -> "tuple[Labelled, Labelled]":
    from bpe_lab_model.labelled import check_apart, divide, read_labelled, registers

    data = read_labelled(args.data) if args.data else registers()
    if args.test:
        test = read_labelled(args.test)
        check_apart(data, test)
        return data, test
    from bpe_lab.holdout import parse_share

    return divide(data, parse_share(args.hold_out or "20%"))


def _arms(args: argparse.Namespace, train: "Labelled") -> "Iterator[Arm]":
    """Yield checkpoints, then tokenizers to start from scratch with."""
    given = [_from_checkpoint(path) for path in args.starts]
    for arm in given:
        check_ranks(ways(args), arm.start)  # type: ignore[arg-type]  # of a checkpoint it is a model
    words = args.tokenizers or ([] if args.starts else [_DEFAULT_TOKENIZER])
    given += [_from_scratch(word, args.preset or "demo", train, args.threads) for word in words]
    yield from given


def _from_checkpoint(path: str) -> "Arm":
    from bpe_lab.compare.candidates import Ours
    from bpe_lab.tokenizer import Tokenizer
    from bpe_lab_model import checkpoint
    from bpe_lab_model.classify import Arm

    saved = checkpoint.load(path)
    if saved.tokenizer_path is None:
        raise ArgumentError(
            f"{path} holds no copy of its tokenizer: it is another library's", "take a model of a bpe-lab tokenizer"
        )
    return Arm(path, Ours(path, Tokenizer.load(saved.tokenizer_path)), saved.model, path)


def _from_scratch(word: str, preset: str, train: "Labelled", threads: int | None) -> "Arm":
    from bpe_lab_model.classify import Arm

    candidate = _candidate(word, train, threads)
    return Arm(candidate.name, candidate, _shape(preset))


def _candidate(word: str, train: "Labelled", threads: int | None) -> "Candidate":
    """Load a tokenizer, or train a recipe on the texts that are not held out."""
    from bpe_lab.compare.candidates import Failed, Missing, load_candidate
    from bpe_lab.compare.recipe import Recipe, parse_tokenizer
    from bpe_lab.compare.texts import Texts
    from bpe_lab.compare.trained import Trainer

    spec = parse_tokenizer(word)
    if isinstance(spec, Recipe):
        found = Trainer(threads=threads).make(spec, Texts(train.name, list(train.texts)))
    else:
        found = load_candidate(spec)
    if isinstance(found, (Missing, Failed)):
        raise BpeLabError(f"{found.name}: {found.reason}", found.hint)
    return found


def _shape(preset: str) -> "Config":
    """Return a preset's configuration; the tokenizer fills in how many tokens there are."""
    from bpe_lab_model import presets

    config: Config = presets.preset(preset).config(1)
    return config


def _name(args: argparse.Namespace, arm: "Arm", way: Way) -> str:
    return f"{arm.name}, {way.name}" if args.ranks else arm.name


def _outcome(
    args: argparse.Namespace, arm: "Arm", way: Way, train: "Labelled", test: "Labelled", terminal: Terminal
) -> "Outcome":
    from bpe_lab_model import classify

    arm = replace(arm, name=_name(args, arm, way))
    plan = classify.Plan(args.encoder, args.epochs, args.seeds, way.lr, args.batch_bytes, adapters=way.adapters)
    watch = watcher(arm.name, "nats a window", "left of this seed", terminal)
    outcome, model = classify.tune(arm, train, test, plan, watch)
    terminal.say(f"{arm.name}: {number(args.seeds, 'model')} in {duration(outcome.seconds)}")
    if args.out:
        _save(args, arm, model, terminal)
    return outcome


def _save(args: argparse.Namespace, arm: "Arm", model: "Classifier", terminal: Terminal) -> None:
    import tempfile

    from bpe_lab_model import classify

    folder = Path(args.out)
    if _n_models(args) > 1:
        folder.mkdir(parents=True, exist_ok=True)
        folder /= arm.name.strip("/").replace("/", "-").replace(",", "").replace(" ", "-")
    ours = arm.candidate.tokenizer
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "tokenizer.bpe" if ours else None
        if ours and copy:
            ours.save(copy)
        classify.save(folder, model, arm, copy, force=args.force)
    terminal.wrote([folder])


def _predict(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print `label TAB probability TAB text` for each line of a file."""
    from bpe_lab_model import checkpoint, classify

    model = classify.classifier_of(checkpoint.load(args.starts[0]))
    arm = _from_checkpoint(args.starts[0])
    try:
        texts = [line for line in Path(args.predict).read_bytes().splitlines() if line.strip()]
    except OSError as e:
        raise FileError(f"cannot read {args.predict}: {e.strerror}", "check the spelling") from e
    if not texts:
        raise CorpusError(f"{args.predict} holds no line to label", "give a text a line")
    found = classify.label(model, arm.candidate, texts)
    if args.json:
        rows = [{"label": label, "probability": round(p, 6)} for label, p in found]
        terminal.put_json("lm finetune classify", {"predicted": rows})
        return Exit.OK
    for (label, p), text in zip(found, texts, strict=True):
        terminal.put(f"{label}\t{p:.3f}\t{text.decode(errors='replace')}")
    return Exit.OK


# -- what is printed


def _lines(outcomes: "Sequence[Outcome]", diverged: Sequence[str]) -> Iterator[str]:
    """Yield a table of the answers and one of what tuning took, and what is taken for what."""
    first = outcomes[0]
    answers = (">accuracy", ">95 %", ">majority", ">MFLOPs/text", ">ms/text", ">tokens/text", "reads", "model")
    yield from table.lines(answers, [_row(outcome) for outcome in outcomes])
    yield from diverged
    yield ""
    yield from table.lines((*COST, "model"), [(*cost_of(o.tuned[0]), o.arm) for o in outcomes])
    yield ""
    for outcome in outcomes:
        yield from _confusions(outcome, outcome.arm if len(outcomes) > 1 else "")
    if len(outcomes) == 1 and first.said.shape[0] * len(first.truth) and len(first.labels) <= 20:
        yield ""
        yield from _matrix(first)


def _row(o: "Outcome") -> tuple[str, ...]:
    low, high = o.interval
    return (
        f"{o.accuracy:.1%}",
        f"{low:.0%}-{high:.0%}",
        f"{o.majority_accuracy:.1%}",
        f"{o.flops_per_text / 1e6:,.0f}",
        f"{o.seconds_per_text * 1e3:.1f}",
        f"{o.n_tokens / len(o.truth):,.0f}",
        o.pooling,
        o.arm if o.came_from != "scratch" else f"{o.arm}, from scratch",
    )


def _confusions(o: "Outcome", name: str) -> Iterator[str]:
    """Yield which labels are most often taken for which."""
    counts = o.confusion
    pairs = [
        (int(counts[a, b]), a, b) for a in range(len(counts)) for b in range(len(counts)) if a != b and counts[a, b]
    ]
    told = ", ".join(
        f"{o.labels[a]} for {o.labels[b]} {n}" for n, a, b in sorted(pairs, reverse=True)[:_SHOWN_CONFUSIONS]
    )
    total = number(o.said.size, "answer")
    yield f"{name}{': ' if name else ''}taken for another, of {total} ({number(len(o.said), 'seed')}): {told or 'none'}"


def _matrix(o: "Outcome") -> Iterator[str]:
    """Yield how often each label was taken for each; labels may be wide characters, so they stand at the end."""
    header = (*(f">{i + 1}" for i in range(len(o.labels))), "  is (rows) - was said to be (columns)")
    rows = [(*row, f"  {i + 1} {o.labels[i]}") for i, row in enumerate(o.confusion.tolist())]
    yield from table.lines(header, rows)


def _as_json(
    train: "Labelled", test: "Labelled", outcomes: "Sequence[Outcome]", diverged: Sequence[str]
) -> dict[str, Any]:
    return {
        "data": train.name,
        "n_train": len(train),
        "n_test": len(test),
        "labels": list(train.kinds),
        "rows": [
            {
                "name": o.arm,
                "from": o.came_from,
                "reads": o.pooling,
                "accuracy": o.accuracy,
                "interval": list(o.interval),
                "by_seed": o.accuracies,
                "majority_accuracy": o.majority_accuracy,
                "majority": o.labels[o.majority],
                "confusion": o.confusion.tolist(),
                "label_nats": [] if o.label_nats is None else o.label_nats.mean(1).tolist(),
                **cost_json(o.tuned[0]),
                "flops_per_text": o.flops_per_text,
                "ms_per_text": round(o.seconds_per_text * 1e3, 3),
                "tokens_per_text": o.n_tokens / len(o.truth),
                "training_seconds": round(o.seconds, 3),
            }
            for o in outcomes
        ],
        "diverged": list(diverged),
    }
