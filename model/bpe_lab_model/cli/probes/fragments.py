"""`bpe-lab lm probe fragments`: what a model knows of a syllable of which it has read a part. Prints what
`probes.fragments` measured."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, number
from bpe_lab_model.cli.probes import opening

if TYPE_CHECKING:
    from bpe_lab_model.probes.fragments import Found

_EXAMPLE = """\
bpe-lab lm probe fragments run/ --shards shards/
bpe-lab lm probe fragments run/ --shards shards/ --split train --syllables 200"""

_AFTER = {
    1: "after the 1st byte (jamo: the onset)",
    2: "after the 2nd byte (jamo: onset and vowel, the coda to come)",
    3: "after the whole of a broken syllable: a control, its bytes say all",
}

_SOURCES = {"nothing": "nothing: the commonest", "bytes": "its bytes so far, looked up", "0": "layer 0: the embedding"}


def add_to(commands: arguments.Commands) -> None:
    """Add `fragments`."""
    parser = arguments.add_command(
        commands,
        "fragments",
        run_fragments,
        "RUN --shards SHARDS",
        "whether a piece of a syllable carries information about the whole",
        _EXAMPLE,
        more="A linear probe tells the syllable from the hidden state inside it, layer by layer, beside what its bytes "
        "say. It is fitted on two thirds of the documents and judged by the others.",
    )
    opening.add_checkpoint(parser)
    add = parser.add_argument_group("text").add_argument
    add("--shards", required=True, metavar="SHARDS", help="a folder that bpe-lab shards wrote with its tokenizer")
    add("--split", choices=("validation", "train"), default="validation", help="of the shards (validation)")
    add = parser.add_argument_group("probe").add_argument
    add(
        "--syllables",
        type=arguments.positive,
        default=64,
        metavar="N",
        help="tell the N commonest broken syllables apart (64)",
    )
    add("--states", type=arguments.positive, default=20_000, metavar="N", help="of each kind at most (20000)")
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run_fragments(args: argparse.Namespace, terminal: Terminal) -> int:
    """Measure and print."""
    import torch

    from bpe_lab.shards import Shards
    from bpe_lab_model.probes.fragments import fragments

    if args.threads:
        torch.set_num_threads(args.threads)
    loaded, candidate = opening.opened(args)
    split = Shards.open(args.shards).require(loaded.fingerprint).split(args.split)
    found = fragments(loaded.model, split, candidate, n_syllables=args.syllables, most_states=args.states)
    if args.json:
        terminal.put_json("lm probe fragments", _as_json(args, found))
        return Exit.OK
    for line in _lines(found):
        terminal.put(line)
    if not found.rows:
        terminal.warn(*_too_few(found))
    return Exit.OK


def _lines(found: "Found") -> Iterator[str]:
    share = 100 * found.n_broken / found.n_syllables
    yield (
        f"{number(found.n_syllables, 'syllable')}, "
        f"{found.n_broken:,} of them ({share:.1f} %) cut by the edge of a token"
    )
    yield from _spent(found)
    if not found.rows:
        return
    yield f"the probe tells {number(len(found.syllables), 'syllable')} apart: {found.syllables}"
    yield f"chance among them: {found.chance:.3f}"
    for place in sorted({row.place for row in found.rows}):
        n_train, n_test = found.n_states[place]
        yield ""
        yield f"{_AFTER[place]}: {n_train:,} states to fit, {n_test:,} to test"
        yield from table.lines(
            (">right", ">bits still missing", "told from"),
            [
                (f"{row.accuracy:.3f}", f"{row.bits:.2f}", _SOURCES.get(row.source, f"layer {row.source}"))
                for row in found.rows
                if row.place == place
            ],
        )


def _spent(found: "Found") -> Iterator[str]:
    parts = [f"{name} {found.bits_of_place[name]:.2f}" for name in ("first", "second", "third")]
    yield f"the model's own bits a syllable, by the byte where a token begins: {', '.join(parts)}"


def _too_few(found: "Found") -> tuple[str, str]:
    if not found.n_broken:
        return (
            "every token ends where a syllable ends: no state stands inside one, so there is nothing to probe",
            "take a tokenizer with fragments: unit=byte of a small vocabulary, or unit=jamo",
        )
    return (
        f"{number(found.n_broken, 'broken syllable')} give too few states of the commonest syllables to fit a probe",
        "give more text (--split train), or a tokenizer that breaks more syllables",
    )


def _as_json(args: argparse.Namespace, found: "Found") -> dict[str, Any]:
    return {
        "checkpoint": args.checkpoint,
        "shards": args.shards,
        "split": args.split,
        "syllables": found.n_syllables,
        "broken": found.n_broken,
        "told_apart": found.syllables,
        "chance": found.chance if found.rows else None,
        "bits_a_syllable": found.bits_of_place,
        "states": {str(place): {"fit": a, "test": b} for place, (a, b) in found.n_states.items()},
        "rows": [
            {"bytes_read": row.place, "told_from": row.source, "accuracy": row.accuracy, "bits_missing": row.bits}
            for row in found.rows
        ],
    }
