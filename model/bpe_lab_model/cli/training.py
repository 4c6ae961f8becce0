"""`bpe-lab lm train`: shards to a trained model, its checkpoints, its log and its record. Imports torch only to run."""

import argparse
import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, duration, number
from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, FileError

if TYPE_CHECKING:
    from bpe_lab.runs import RunRecord, Scored
    from bpe_lab.shards import Shards
    from bpe_lab.tokenizer import Tokenizer
    from bpe_lab_model.checkpoint import Checkpoint
    from bpe_lab_model.gpt import GPT, Config
    from bpe_lab_model.progress import Progress
    from bpe_lab_model.training import Settings, Trained, Trainer

_EXAMPLE = """\
bpe-lab lm train shards/ -o run/
bpe-lab lm train shards/ -o run/ --resume
bpe-lab lm train more-shards/ -o run2/ --from run/ --new-rows mean
torchrun --nproc-per-node 8 -m bpe_lab lm train shards/ -o run/ --preset gpu-m"""

_PRESET = "cpu-nano"
"""Where none is typed."""
_SMALL_BYTES = 1_000_000
"""Less text than this shows how training works and nothing about tokenizers."""

_BENCH_SKIPS = 0.4
"""Part of the benchmark's steps that are not timed: the first ones build and compile."""

_CHOICES = {
    "position": ("learned", "rope", "sinusoidal", "alibi", "relative", "none", "concat-split", "concat-wide"),
    "norm": ("layernorm", "rmsnorm", "dyt", "none"),
    "feed_forward": ("gelu", "swiglu", "none"),
    "mixer": ("attention", "ssd", "lstm"),
}
"""Named here so that --help needs no torch; a test holds them against the model's."""

_NEW_ROWS = ("mean", "byte-keyed", "normal")
"""Likewise."""


def add_to(commands: arguments.Commands) -> None:
    """Add `train`."""
    parser = arguments.add_command(
        commands,
        "train",
        run_train,
        "SHARDS -o RUN",
        "train a model on shards",
        _EXAMPLE,
        more="RUN becomes a folder with checkpoints, log.jsonl and a record of the run. What is not given is the "
        "preset's, with --resume the checkpoint's.",
    )
    parser.add_argument("shards", metavar="SHARDS", help="a folder that bpe-lab shards wrote")
    parser.add_argument("-o", "--out", metavar="RUN", help="the folder of the run")
    _add_continuing(parser)
    _add_model(parser)
    _add_training(parser)
    _add_running(parser)
    arguments.add_json(parser)


def _add_continuing(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("continued pre-training").add_argument
    add("--from", dest="came_from", metavar="RUN", help="begin with this model's weights: a run or one of its steps/")
    add("--tokenizer", metavar="FILE", help="that of the shards, where they hold no copy")
    add(
        "--new-rows",
        choices=_NEW_ROWS,
        help="where the tokenizer has grown (bpe-lab train --extend), how rows of new tokens begin: mean of the rows "
        "of the tokens they are made of (default), from the hash of their bytes, or at random",
    )


def _add_model(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("model").add_argument
    add("--preset", metavar="NAME", help="demo, study, cpu-nano (default), cpu-tiny, gpu-s, gpu-m")
    add("--layers", dest="n_layers", type=arguments.positive, metavar="N")
    add("--heads", dest="n_heads", type=arguments.positive, metavar="N")
    add("--width", dest="d_model", type=arguments.positive, metavar="N", help="numbers per token")
    add("--context", dest="context_bytes", type=n_bytes, metavar="BYTES", help="text that a window spans: 1KB, 1024")
    add("--position", choices=_CHOICES["position"], help="how order is known")
    add("--norm", choices=_CHOICES["norm"])
    add("--feed-forward", choices=_CHOICES["feed_forward"])
    add("--mixer", choices=_CHOICES["mixer"], help="what lets tokens see others; ssd and lstm want --position none")
    add("--head", choices=("tied", "free"), help="whether the embedding is the head too")
    add("--dropout", type=arguments.probability, metavar="P", help="of embeddings, attention and residuals alike")


def _add_training(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("training").add_argument
    add("--bytes", dest="total_bytes", type=n_bytes, metavar="BYTES", help="text to train on in all: 1MB; or")
    add("--epochs", type=_above_zero, metavar="N", help="how often to read the shards")
    add("--batch-bytes", dest="bytes_per_step", type=n_bytes, metavar="BYTES", help="text of a step")
    add("--stride", dest="stride_bytes", type=n_bytes, metavar="BYTES", help="from window to window (the context)")
    add("--lr", type=_above_zero, metavar="RATE", help="highest learning rate")
    add("--schedule", choices=("wsd", "cosine", "constant"), help="how the learning rate goes, by bytes seen")
    add("--warmup", dest="warmup_share", type=arguments.probability, metavar="PART", help="of the bytes (0.05)")
    add("--decay", dest="decay_share", type=arguments.probability, metavar="PART", help="of the bytes, with wsd (0.25)")
    add("--decay-shape", choices=("linear", "1-sqrt"))
    add("--weight-decay", type=_zero_or_more, metavar="X", help="of the blocks' matrices (0.1)")
    add("--clip", type=_zero_or_more, metavar="X", help="longest gradient (1); 0 clips nothing")
    add("--seed", type=arguments.size, metavar="N", help="fixes start, order of the text, and dropout (0)")
    add("--objective", metavar="NAME", help="clm (default), mlm, seq2seq:spans, seq2seq:delete, seq2seq:shuffle")
    add("--pack", action="store_true", default=None, help="short documents share a row, without seeing each other")


def _add_running(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("running").add_argument
    add("--precision", choices=("auto", "fp32", "bf16"), help="auto takes bf16 where it is faster: GPUs, CPUs with AMX")
    add("--compile", action="store_true", default=None, help="torch.compile: worth its minute in long runs")
    add("--device", metavar="NAME", help="cpu, cuda, cuda:1 (default: a GPU where there is one)")
    add("--threads", type=arguments.positive, metavar="N", help="default: all processors; it decides how sums round")
    add("--max-tokens", type=arguments.positive, metavar="N", help="of a batch; less takes less memory (8192)")
    add("--eval-every", dest="eval_every_bytes", type=n_bytes, metavar="BYTES", help="score the validation text")
    add("--save-every", dest="save_every_bytes", type=n_bytes, metavar="BYTES", help="keep a checkpoint")
    add("--keep-last", type=arguments.positive, metavar="N", help="how many checkpoints stay (all)")
    add("--resume", action="store_true", help="go on from the latest checkpoint")
    add("--force", action="store_true", help="begin anew where a run is already")
    add("--bench", type=arguments.positive, metavar="STEPS", help="time so many steps, and write nothing")


def n_bytes(text: str) -> int:
    """Read an amount of bytes: 1MB, 1MiB, 1024, 16k.

    >>> n_bytes("1MB"), n_bytes("1KiB"), n_bytes("512")
    (1000000, 1024, 512)
    """
    value = arguments.size(re.sub(r"\s*b$", "", text, flags=re.IGNORECASE))
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return value


def _zero_or_more(text: str) -> float:
    if (value := _finite(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {text}")
    return value


def _above_zero(text: str) -> float:
    if (value := _finite(text)) <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text}")
    return value


def run_train(args: argparse.Namespace, terminal: Terminal) -> int:
    """Train, score, record, tell."""
    from bpe_lab.shards import Shards
    from bpe_lab_model import devices

    _check(args)
    with devices.joined() as world:
        if not world.is_first:
            terminal.quiet = True
        shards = Shards.open_checked(args.shards)
        trainer = _trainer(args, shards, world)
        _tell(trainer, terminal)
        if args.bench:
            return _bench(args, trainer, terminal)
        trained = _train(args, trainer, terminal)
        if not world.is_first:
            return Exit.OK
        return _finish(args, trainer, trained, terminal)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant before torch is loaded and shards are read."""
    if not args.out and not args.bench:
        raise ArgumentError("lm train needs the folder of the run", "-o run/")
    if args.total_bytes and args.epochs:
        raise ArgumentError("--bytes and --epochs both say how much to train on", "give one of them")
    if args.resume and (args.force or args.bench):
        raise ArgumentError("--resume goes with neither --force nor --bench", "leave one of them out")
    _check_continuing(args)
    if args.bench or not args.out:
        return
    from bpe_lab_model.checkpoint import newest

    run = Path(args.out)
    if run.exists() and not run.is_dir():
        raise FileError(f"{run} is a file, and a run is a folder", "give another name with -o")
    there, logged = newest(run) is not None, (run / "log.jsonl").exists()
    if there and not (args.resume or args.force):
        raise FileError(f"{run} holds a run already", "go on with --resume, or begin anew with --force")
    if logged and not (there or args.force):
        raise FileError(f"{run} holds the log of a run that saved no checkpoint", "begin anew with --force")
    if args.resume and not there:
        raise FileError(f"{run} holds no checkpoint to go on from", "leave out --resume to begin")


def _check_continuing(args: argparse.Namespace) -> None:
    """Refuse what does not go with `--from`, and what needs it."""
    if args.came_from is None:
        if given := [o for o, value in (("--new-rows", args.new_rows), ("--tokenizer", args.tokenizer)) if value]:
            raise ArgumentError(f"{given[0]} is about going on from a checkpoint", "name it: --from RUN")
        return
    if args.resume:
        raise ArgumentError(
            "--resume goes on with a run, --from begins one with a model's weights", "leave one of them out"
        )
    shape = ("preset", "n_layers", "n_heads", "d_model", "context_bytes", "position", "norm", "feed_forward", "head")
    if typed := [name for name in shape if getattr(args, name) is not None]:
        raise ArgumentError(
            f"the model is the checkpoint's, so its {typed[0]} is too", "leave out options of the model"
        )


def _trainer(args: argparse.Namespace, shards: "Shards", world: Any) -> "Trainer":
    """Return what trains: anew, or from the checkpoint."""
    import torch

    from bpe_lab_model.checkpoint import load, make_place
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.training import Trainer, refuse_other_tokenizer, settings_from

    if args.threads:
        torch.set_num_threads(args.threads)
    run = Path(args.out) if args.out and not args.bench else None
    saved = load(run) if args.resume and run else None
    if saved:
        refuse_other_tokenizer(saved, shards)
        settings = _changed(settings_from(saved.state), args, shards)
        model = GPT(_config(args, saved.config))
    elif args.came_from:
        model, settings = _continued(args, shards)
    else:
        config, settings = _planned(args, shards)
        model = _fresh(config, shards, settings.objective)
    evaluate = _evaluate(shards) if settings.eval_every_bytes and settings.objective == "clm" else None
    trainer = Trainer(model, shards, settings, run, evaluate=evaluate, device=args.device, world=world)
    if saved:
        trainer.resume(saved)
    if run and world.is_first:
        make_place(run)
        if args.force:
            _clear(run)
    return trainer


def _continued(args: argparse.Namespace, shards: "Shards") -> "tuple[GPT, Settings]":
    """Return a checkpoint's model, grown where the tokenizer has, and its settings for one reading of the shards.

    Raises:
        FormatError: the shards are of a tokenizer that is no extension of the checkpoint's.
    """
    from bpe_lab_model.checkpoint import load
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.presets import preset
    from bpe_lab_model.training import settings_from

    saved = load(args.came_from)
    named = _named_tokenizer(args, shards)
    # A tuned model does not say how it was trained, so what is usual stands for it.
    known = settings_from(saved.state) if "settings" in saved.state else preset(_PRESET).settings()
    settings = _changed(known, args, shards, total_bytes=shards.split("train").n_bytes)
    if args.bench:
        settings = replace(settings, total_bytes=args.bench * settings.bytes_per_step)
    model = saved.model if saved.fingerprint == shards.fingerprint else _grown(args, saved, shards, named)
    if args.dropout is not None:
        same = GPT(_config(args, model.config))
        same.load_state_dict(model.state_dict())
        model = same
    return model, settings


def _named_tokenizer(args: argparse.Namespace, shards: "Shards") -> "Tokenizer | None":
    """Return what --tokenizer names, None without it.

    Raises:
        ArgumentError: it is not the shards', whether or not it is needed to know what is new in them.
    """
    from bpe_lab.tokenizer import Tokenizer

    if not args.tokenizer:
        return None
    named = Tokenizer.load(args.tokenizer)
    if named.fingerprint != shards.fingerprint:
        raise ArgumentError(f"{args.tokenizer} is not the tokenizer of {args.shards}", "leave out --tokenizer")
    return named


def _grown(args: argparse.Namespace, saved: "Checkpoint", shards: "Shards", named: "Tokenizer | None") -> "GPT":
    """Return the checkpoint's model with rows for the tokens that are new in the shards' tokenizer."""
    from bpe_lab.tokenizer import Tokenizer
    from bpe_lab_model.growing import grown

    if saved.tokenizer_path is None:
        raise FileError(
            f"{saved.folder} holds no copy of its tokenizer, so nothing tells whether the shards' extends it",
            "give shards of the tokenizer that it was trained with",
        )
    old = Tokenizer.load(saved.tokenizer_path)
    new = named or shards.load_candidate().tokenizer
    if new is None:
        raise ArgumentError(
            f"{args.shards} are of another library's tokenizer, which cannot have grown from the checkpoint's",
            "give shards of the checkpoint's tokenizer, or of one grown from it",
        )
    return grown(saved.model, old, new, args.new_rows or "mean", args.seed)


def _planned(args: argparse.Namespace, shards: "Shards") -> "tuple[Config, Settings]":
    """Return model and settings of the preset, changed by what was typed."""
    from bpe_lab_model.presets import preset

    chosen = preset(args.preset or _PRESET)
    config = _config(args, chosen.config(shards.vocab_size))
    settings = _changed(chosen.settings(), args, shards)
    if args.bench:
        settings = replace(settings, total_bytes=args.bench * settings.bytes_per_step)
    return _for_objective(replace(config, seed=settings.seed), settings)


def _for_objective(config: "Config", settings: "Settings") -> "tuple[Config, Settings]":
    """Give the model what an objective needs: ids of its own, sight of both sides, room for the damaged text."""
    from bpe_lab_model.objectives import canonical, extra_ids, longest_row

    objective = canonical(settings.objective)
    if objective == "clm":
        return config, settings
    windows, longest = settings.context_bytes or config.context_bytes, longest_row(objective, config.context_bytes)
    mask = "two-way" if objective == "mlm" else "prefix"
    vocab_size = config.vocab_size + extra_ids(objective)
    config = replace(config, vocab_size=vocab_size, mask=mask, context_bytes=longest - 1)
    return config, replace(settings, objective=objective, context_bytes=windows)


def _config(args: argparse.Namespace, config: "Config") -> "Config":
    """Return the configuration with what was typed."""
    names = ("n_layers", "n_heads", "d_model", "context_bytes", "position", "norm", "feed_forward", "mixer")
    typed = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.head is not None:
        typed["tied"] = args.head == "tied"
    if args.dropout is not None:
        typed |= dict.fromkeys(("dropout_embedding", "dropout_attention", "dropout_residual"), args.dropout)
    return replace(config, **typed)


def _changed(settings: "Settings", args: argparse.Namespace, shards: "Shards", **usual: Any) -> "Settings":
    """Return the settings with what was typed, and where nothing was with `usual`."""
    names = {f.name for f in fields(settings)} - {"context_bytes"}  # --context is the model's
    typed = {name: value for name, value in vars(args).items() if name in names and value is not None}
    if args.epochs:
        typed["total_bytes"] = round(args.epochs * shards.split("train").n_bytes)
    return replace(settings, **{**usual, **typed})


def _fresh(config: "Config", shards: "Shards", objective: str) -> "GPT":
    """Return a model whose rows start from the tokens' bytes; from their numbers where the tokenizer is not at hand."""
    from bpe_lab_model.embedding import embedding_keys
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.objectives import extra_names

    if shards.tokenizer_path is None:
        return GPT(config)
    keys = embedding_keys(shards.load_candidate(), shards.vocab_size)
    return GPT(config, keys + [b"s:" + name.encode() for name in extra_names(objective)])


def _clear(run: Path) -> None:
    """Take away what a run wrote: nothing else that stands in the folder."""
    import shutil

    for name in ("latest", "log.jsonl", "run.run.json"):
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / "steps", ignore_errors=True)


def _evaluate(shards: "Shards") -> Any:
    """Return what scores a model in the midst of training."""
    split = shards.split("validation")

    def evaluate(model: "GPT") -> float:
        from bpe_lab_model.bpb import score

        return score(model, split, shards.eos, context_bytes=model.config.context_bytes).bpb

    return evaluate


def _tell(trainer: "Trainer", terminal: Terminal) -> None:
    """Say what will be trained, on what, where."""
    from bpe_lab_model.cost import parameters

    config, settings = trainer.model.config, trainer.settings
    counted, n_text = parameters(config), trainer.shards.split("train").n_bytes
    terminal.say(
        f"{number(config.n_layers, 'layer')} of width {config.d_model}: {counted['block']:,} parameters, and "
        f"{counted['total'] - counted['block']:,} for {config.vocab_size:,} tokens and positions; "
        f"{str(trainer.dtype).removeprefix('torch.')} on {trainer.device.type}"
    )
    epochs = trainer.schedule.total_bytes / n_text
    often = f", read {epochs:.3g} times" if epochs > 1 else f" of {amount(n_text)}"
    text, step = n_text if epochs > 1 else trainer.schedule.total_bytes, amount(settings.bytes_per_step)
    terminal.say(f"{amount(text)} of text{often}, {step} a step, learning rate {settings.lr:g}")
    if n_text < _SMALL_BYTES and trainer.world.is_first:
        terminal.warn(f"{amount(n_text)} of text show how training works, and prove nothing about a tokenizer")


def _train(args: argparse.Namespace, trainer: "Trainer", terminal: Terminal) -> "Trained":
    """Run; on Ctrl-C say how to go on, where something was saved."""
    from bpe_lab_model.checkpoint import newest
    from bpe_lab_model.progress import watching

    try:
        with watching(terminal) as watch:
            trainer.report = watch
            return trainer.run()
    except BaseException as e:
        latest = newest(Path(args.out))
        if not isinstance(e, Exception) and latest and trainer.world.is_first:
            terminal.written.append(latest)
            terminal.say(f"to go on: bpe-lab lm train {args.shards} -o {args.out} --resume")
        raise


def _finish(args: argparse.Namespace, trainer: "Trainer", trained: "Trained", terminal: Terminal) -> int:
    """Score, record, tell; a run that diverged is an error, with a record that says so."""
    from bpe_lab.runs import write_record
    from bpe_lab_model.recording import record

    run = Path(args.out)
    scored = _score(trainer, terminal) if trained.status == "ok" else None
    came_from = {"came_from": args.came_from, "new_rows": args.new_rows or "mean"} if args.came_from else None
    preset = args.preset or ("continued" if args.came_from else _PRESET)
    made = record(trainer, trained, scored, preset=preset, training=came_from)
    run.mkdir(parents=True, exist_ok=True)
    path = write_record(run, "run", made)
    if trained.status == "diverged":
        raise BpeLabError(trained.note, trained.hint)
    if args.json:
        terminal.put_json("lm train", _report(made, run, path))
        return Exit.OK
    for line in _told(args, made, path):
        terminal.put(line)
    return Exit.OK


def _score(trainer: "Trainer", terminal: Terminal) -> "Scored | None":
    """Score the validation text, where there is some."""
    from bpe_lab_model.bpb import score

    shards = trainer.shards
    if trainer.settings.objective != "clm":
        return None
    try:
        split = shards.split("validation")
    except CorpusError as e:
        terminal.warn(f"no bits per byte: {e.message}", e.hint)
        return None
    terminal.say(f"scoring {amount(split.n_bytes)} of validation text")
    candidate = shards.load_candidate() if shards.tokenizer_path else None  # for the parts by syllable and by class
    context_bytes = trainer.model.config.context_bytes
    return score(trainer.model, split, shards.eos, candidate=candidate, context_bytes=context_bytes)


def _told(args: argparse.Namespace, made: "RunRecord", path: Path) -> list[str]:
    """Return the result in lines, and what comes next."""
    often = f" ({made.corpus['epochs']:.3g} epochs)" if made.corpus["epochs"] > 1 else ""
    speed = f"{made.tokens / made.seconds:,.0f} tokens/s, {amount(made.bytes / made.seconds)}/s"
    lines = [
        f"trained on {amount(made.bytes)}{often}, {number(made.tokens, 'token')}, in {duration(made.seconds)}: "
        f"{speed}, peak {amount(made.memory_bytes)}"
    ]
    if made.scored:
        lines.append(f"validation: {made.scored.bpb:.4f} bits per byte over {amount(sum(made.scored.bytes))}")
    run = args.out
    return [
        *lines,
        f"{run}: checkpoints in steps/ (latest leads to the last), log.jsonl, record in {path.name}",
        f"next: bpe-lab lm eval {run} {args.shards}   bits per byte in detail",
        f"      bpe-lab lm sample {run}   text from it",
    ]


def _report(made: "RunRecord", run: Path, path: Path) -> dict[str, Any]:
    return {
        "run": str(run),
        "record": str(path),
        "status": made.status,
        "bytes": made.bytes,
        "epochs": made.corpus["epochs"],
        "tokens": made.tokens,
        "steps": made.training["steps"],
        "flops": made.flops,
        "seconds": round(made.seconds, 3),
        "peak_memory_bytes": made.memory_bytes,
        "bpb": made.scored.bpb if made.scored else None,
        "machine": dict(made.machine),
    }


def _bench(args: argparse.Namespace, trainer: "Trainer", terminal: Terminal) -> int:
    """Time steps, and write nothing. The first ones, which build and compile, do not count."""
    from bpe_lab_model import devices

    rows: list[Progress] = []
    trainer.report = rows.append
    trained = trainer.run()
    timed = rows[int(len(rows) * _BENCH_SKIPS) :]
    if len(timed) < 2:
        raise ArgumentError(f"{len(rows)} steps are too few to time", "--bench 20")
    first, last = timed[0], timed[-1]
    seconds = last.seconds - first.seconds
    peak, source = devices.peak_flops(trainer.device, trainer.dtype)
    found: dict[str, Any] = {
        "steps": len(timed) - 1,
        "tokens_per_s": (last.tokens - first.tokens) / seconds,
        "bytes_per_s": (last.bytes - first.bytes) / seconds,
        "flops_per_s": (last.flops - first.flops) / seconds,
        "mfu": (last.flops - first.flops) / seconds / (peak * trainer.world.size),
        "peak_flops": peak,
        "peak_flops_from": source,
        "peak_memory_bytes": trained.memory_bytes,
        "precision": str(trainer.dtype).removeprefix("torch."),
        "machine": devices.machine(trainer.device),
    }
    if not trainer.world.is_first:
        return Exit.OK
    if args.json:
        terminal.put_json("lm train", {"bench": found})
        return Exit.OK
    terminal.put(
        f"{number(found['steps'], 'step')}: {found['tokens_per_s']:,.0f} tokens/s, {amount(found['bytes_per_s'])}/s, "
        f"MFU {found['mfu']:.1%} of {peak / 1e12:.3g} TFLOP/s ({source}), peak {amount(trained.memory_bytes)}"
    )
    return Exit.OK
