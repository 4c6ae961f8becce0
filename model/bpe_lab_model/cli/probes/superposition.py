"""`bpe-lab lm probe superposition`: are token and position told apart after they are added? Measures nothing."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import ArgumentError
from bpe_lab_model.cli.probes import opening

if TYPE_CHECKING:
    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.probes.superposition import Cosines, Read

_EXAMPLE = """\
bpe-lab lm probe superposition
bpe-lab lm probe superposition run/ --by-head"""


def add_to(commands: arguments.Commands) -> None:
    """Add `superposition`."""
    parser = arguments.add_command(
        commands,
        "superposition",
        run_superposition,
        "[RUN]",
        "can token and position be told apart after they are added",
        _EXAMPLE,
        more="Random vectors first: how nearly orthogonal they are, and how well a linear probe reads token and "
        "position from their sum. With a run the same of its tables, before and after W_q, W_k and W_v of its first "
        "block, beside its start.",
    )
    opening.add_checkpoint(parser, needed=False)
    add = parser.add_argument_group("probe").add_argument
    add("--by-head", action="store_true", help="read each head of W_q, W_k and W_v alone too")
    add("--tokens", type=arguments.positive, metavar="N", help="tokens to tell apart (256)")
    add("--positions", type=arguments.positive, metavar="N", help="positions to tell apart (128)")
    add("--shards", metavar="SHARDS", help="take the commonest tokens of this text, not the first merged")
    add("--seed", type=arguments.size, default=0, metavar="N", help="of random tables, pairs and noise (0)")
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run_superposition(args: argparse.Namespace, terminal: Terminal) -> int:
    """Measure and print."""
    import torch

    from bpe_lab_model.probes import superposition as probe

    if args.threads:
        torch.set_num_threads(args.threads)
    models = _models(args)
    n_tokens, most_positions = args.tokens or probe.N_TOKENS, args.positions or probe.N_POSITIONS
    cosines = [(d, probe.between(probe.directions(d, seed=args.seed))) for d in probe.WIDTHS]
    terminal.say("reading sums of random vectors")
    reads = [(d, list(probe.random_reads(d, probe.NOISES, n_tokens, most_positions, args.seed))) for d in probe.WIDTHS]
    measured = []
    for name, model, ids in models:
        terminal.say(f"reading the sums of the model: {name}")
        n_positions = min(most_positions, model.config.context_bytes + 1)
        chosen = ids[:n_tokens]
        token_rows, position_rows = probe.rows(model, chosen, n_positions)
        found = list(probe.model_reads(model, chosen, n_positions, by_head=args.by_head, seed=args.seed))
        measured.append((name, model, (token_rows, position_rows), probe.between(token_rows, position_rows), found))
    if args.json:
        terminal.put_json("lm probe superposition", _as_json(args, cosines, reads, measured))
        return Exit.OK
    for line in _lines(args, cosines, reads, measured):
        terminal.put(line)
    return Exit.OK


def _models(args: argparse.Namespace) -> "list[tuple[str, GPT, list[int]]]":
    """Return the model at its start and as it is, with the ids that take part; none without a run.

    Raises:
        ArgumentError: options of a run without one. UnsupportedError: it adds no positions.
    """
    if args.checkpoint is None:
        given = (("--by-head", args.by_head), ("--shards", args.shards), ("-t", args.tokenizer))
        if typed := [name for name, value in given if value]:
            raise ArgumentError(f"{typed[0]} is about a model, and none was given", f"name a run: run/ {typed[0]} ...")
        return []
    from bpe_lab.shards import Shards
    from bpe_lab_model.probes import neighbours, superposition

    loaded, candidate = opening.opened(args)
    superposition.check_adds(loaded.model)
    counts = None
    if args.shards:
        counts = neighbours.counted(Shards.open(args.shards).require(loaded.fingerprint), loaded.config.vocab_size)
    ids = neighbours.pool(candidate, counts).tolist()
    trained = ("trained", loaded.model, ids)
    if neighbours.continued(Path(args.checkpoint)):
        return [trained]
    return [("start", neighbours.at_start(loaded, candidate), ids), trained]


Measured = list[tuple[str, Any, tuple[Any, Any], "Cosines", "list[Read]"]]


def _lines(
    args: argparse.Namespace, cosines: "list[tuple[int, Cosines]]", reads: "list[tuple[int, list[Read]]]",
    measured: Measured,
) -> Iterator[str]:  # fmt: skip
    from bpe_lab_model.probes.superposition import N_VECTORS, expected_cosine

    yield f"|cos| of {N_VECTORS:,} random vectors, all {cosines[0][1].n_pairs:,} pairs"
    header = (">dimensions", ">expected mean", ">mean", ">largest")
    rows = [(d, f"{expected_cosine(d):.4f}", f"{c.mean:.4f}", f"{c.largest:.4f}") for d, c in cosines]
    yield from table.lines(header, rows)
    yield ""
    yield "random token + random position: token | position told by a linear probe, with noise added to the sum"
    yield from _reads([(f"{d}", found) for d, found in reads], ">dimensions")
    for name, model, tables, found, told in measured:
        yield ""
        expected = expected_cosine(model.config.token_width)
        yield (
            f"{args.checkpoint}, {name}: {model.config.position} positions, width {model.config.token_width}; "
            f"rows of length {_length(tables[0]):.3f} (tokens) and {_length(tables[1]):.3f} (positions)"
        )
        yield (
            f"|cos| of token rows with position rows: mean {found.mean:.4f} (random: {expected:.4f}), "
            f"largest {found.largest:.4f}"
        )
        by_place: dict[str, list[Read]] = {}
        for one in told:
            by_place.setdefault(one.place, []).append(one)
        yield from _reads(list(by_place.items()), "read at")
    yield ""
    one = (measured[-1][-1] if measured else reads[-1][1])[0]
    yield (
        f"chance: token {100 / one.n_tokens:.2g} %, position {100 / one.n_positions:.2g} %; learned from "
        f"{one.n_train:,} vectors, asked about {one.n_test:,} others; noise 1: as much noise as signal where it is read"
    )


def _reads(found: "Sequence[tuple[str, list[Read]]]", title: str) -> Iterator[str]:
    noises = [one.noise for one in found[0][1]]
    rows = [(name, *(f"{_percent(one.token)} | {_percent(one.position)}" for one in reads)) for name, reads in found]
    yield from table.lines([title, *(f">noise {noise:g}" if noise else ">no noise" for noise in noises)], rows)


def _percent(share: float) -> str:
    return f"{100 * share:5.1f}"


def _length(rows: Any) -> float:
    return float(rows.norm(dim=1).mean())


def _as_json(
    args: argparse.Namespace, cosines: "list[tuple[int, Cosines]]", reads: "list[tuple[int, list[Read]]]",
    measured: Measured,
) -> dict[str, Any]:  # fmt: skip
    from bpe_lab_model.probes.superposition import expected_cosine

    return {
        "checkpoint": args.checkpoint,
        "seed": args.seed,
        "random": [
            {
                "dimensions": d,
                "expected_mean": expected_cosine(d),
                **found._asdict(),
                "reads": [asdict(one) for one in told],
            }
            for (d, found), (_, told) in zip(cosines, reads, strict=True)
        ],
        "models": [
            {
                "stage": name,
                "position": model.config.position,
                "width": model.config.token_width,
                "token_length": _length(tables[0]),
                "position_length": _length(tables[1]),
                "cosines": found._asdict() | {"expected_mean": expected_cosine(model.config.token_width)},
                "reads": [asdict(one) for one in told],
            }
            for name, model, tables, found, told in measured
        ],
    }
