"""The checkpoint that a probe reads: its arguments, and how it is opened. Adds no command."""

import argparse
from typing import TYPE_CHECKING, NamedTuple

from bpe_lab.cli import arguments

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab_model.checkpoint import Checkpoint


class Opened(NamedTuple):
    """A checkpoint and the tokenizer it was trained with; the model is in evaluation, so without dropout."""

    loaded: "Checkpoint"
    candidate: "Candidate"


def add_checkpoint(parser: arguments.Parser, *, needed: bool = True) -> None:
    """Add the checkpoint as a positional, and `-t` for a tokenizer that it does not bring."""
    parser.add_argument(
        "checkpoint",
        nargs=None if needed else "?",
        metavar="RUN",
        help="the folder of a run, or of one of its checkpoints",
    )
    arguments.add_tokenizer(parser)


def about(candidate: "Candidate") -> str:
    """Return a tokenizer in a few words; a checkpoint keeps no name of it."""
    return f"tokenizer of unit {candidate.unit}, {candidate.n_tokens:,} tokens ({candidate.fingerprint[:8]})"


def opened(args: argparse.Namespace) -> Opened:
    """Read `args.checkpoint` (of a run the latest) with its tokenizer.

    Raises:
        FileError, FormatError: there is none, or it is damaged. ArgumentError: its tokenizer has to be named with -t.
    """
    from bpe_lab_model import checkpoint
    from bpe_lab_model.cli.evaluating import needed_candidate

    loaded = checkpoint.load(args.checkpoint)
    loaded.model.eval()
    return Opened(loaded, needed_candidate(args, loaded))
