"""`bpe-lab lm probe recall`: does a model hold on to what stood far before? Prints what `probes.recall` measured."""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, number
from bpe_lab.errors import ArgumentError, FileError
from bpe_lab_model.cli.probes import opening

if TYPE_CHECKING:
    from bpe_lab_model.checkpoint import Checkpoint
    from bpe_lab_model.probes.recall import Recall

_EXAMPLE = """\
bpe-lab lm probe recall run/
bpe-lab lm probe recall run/ --distances 64,256,1024 --between news.txt"""


def add_to(commands: arguments.Commands) -> None:
    """Add `recall`."""
    parser = arguments.add_command(
        commands,
        "recall",
        run_recall,
        "RUN",
        "whether a value that was given far before is said again",
        _EXAMPLE,
        more="A line such as 물=7 is asked for again after lines of words, or after text of a file. A model of plain "
        "text never learned this game: bpe-lab lm experiments run recall trains models for it.",
    )
    opening.add_checkpoint(parser)
    add = parser.add_argument_group("questions").add_argument
    add(
        "--distances",
        type=_distances,
        default="64,128,256,512,1024,2048,4096",
        metavar="BYTES,...",
        help="from the value to where it is asked for (64 to 4096, doubling)",
    )
    add("--questions", type=arguments.positive, default=40, metavar="N", help="at each distance (40)")
    add("--between", metavar="FILE", help="put stretches of this text between; by default lines of words")
    add("--rivals", type=arguments.size, default=0, metavar="N", help="facts about other keys between (0)")
    add("--seed", type=arguments.size, default=0, metavar="N", help="of keys, values and what is between (0)")
    arguments.add_threads(parser)
    arguments.add_json(parser)


def _distances(text: str) -> list[int]:
    """Read `64,1k`.

    >>> _distances("64,1k")
    [64, 1000]
    """
    return sorted({arguments.positive(part) for part in text.split(",")})


def run_recall(args: argparse.Namespace, terminal: Terminal) -> int:
    """Ask and print."""
    import torch

    from bpe_lab.shards import end_of_text
    from bpe_lab_model.probes.recall import curve, reader

    if args.between and args.rivals:
        raise ArgumentError("--rivals are lines among lines of words, and --between takes their place", "give one")
    between = _text(args.between) if args.between else ""
    if args.threads:
        torch.set_num_threads(args.threads)
    loaded, candidate = opening.opened(args)
    eos, _ = end_of_text(candidate)
    found = curve(
        reader(loaded.model, candidate),
        candidate,
        eos,
        args.distances,
        args.questions,
        seed=args.seed,
        between=between,
        rivals=args.rivals,
        progress=lambda distance: terminal.say(f"asked at {distance:,} bytes"),
    )
    if args.json:
        terminal.put_json("lm probe recall", _as_json(args, loaded, found))
        return Exit.OK
    for line in _lines(args, loaded, found):
        terminal.put(line)
    return Exit.OK


def _text(file: str) -> str:
    """Return the text of a file.

    Raises:
        FileError: it cannot be read, is no UTF-8, or is empty.
    """
    try:
        found = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is no UTF-8"
        raise FileError(f"cannot read {file}: {reason}", "give a file of plain text") from e
    if not found:
        raise FileError(f"{file} is empty", "give a file of plain text")
    return found


def _lines(args: argparse.Namespace, loaded: "Checkpoint", found: "Sequence[tuple[int, Recall]]") -> Iterator[str]:
    from bpe_lab_model.probes.recall import CHANCE, VALUES

    config = loaded.config
    yield (
        f"{number(args.questions, 'question')} at each distance; positions {config.position}, "
        f"trained on contexts of {config.context_bytes:,} bytes"
    )
    yield ""
    rows = [
        (
            f"{recall.distance:,}",
            f"{recall.exact:.3f}",
            f"{recall.choice:.3f}",
            f"{recall.bits:.2f}",
            _beyond(loaded, recall.distance),
        )
        for _, recall in found
    ]
    yield from table.lines((">bytes back", ">exact match", ">best of ten", ">bits of the answer", ""), rows)
    yield ""
    n, guess = args.questions, math.log2(len(VALUES))
    noise = 1.96 * math.sqrt(CHANCE * (1 - CHANCE) / n)
    yield f"chance: best of ten {CHANCE:.3f}, with {number(n, 'question')} up to {CHANCE + noise:.3f}; {guess:.2f} bits"


def _beyond(loaded: "Checkpoint", distance: int) -> str:
    from bpe_lab_model.positions import Learned

    if distance < loaded.config.context_bytes:
        return ""
    is_learned = isinstance(loaded.model.position, Learned)
    return "beyond the context: it is cut off" if is_learned else "beyond the context"


def _as_json(args: argparse.Namespace, loaded: "Checkpoint", found: "Sequence[tuple[int, Recall]]") -> dict[str, Any]:
    from bpe_lab_model.probes.recall import CHANCE

    return {
        "checkpoint": args.checkpoint,
        "position": loaded.config.position,
        "context_bytes": loaded.config.context_bytes,
        "between": args.between,
        "rivals": args.rivals,
        "questions": args.questions,
        "chance": CHANCE,
        "distances": [
            {
                "bytes": recall.distance,
                "exact_match": recall.exact,
                "best_of_ten": recall.choice,
                "bits": recall.bits,
            }
            for _, recall in found
        ],
    }
