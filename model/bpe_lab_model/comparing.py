"""What `bpe-lab compare` calls for its loss columns, through the entry point `bpe_lab.downstream`.

A door: it imports torch only when it is asked for something.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpe_lab.downstream import Request
    from bpe_lab.runs import RunRecord


def downstream(request: "Request") -> "list[RunRecord]":
    """Train a model for each tokenizer, seed and budget of `request`, and return the records.

    Runs whose record lies in the request's folder are not done again.

    Raises:
        ArgumentError, CorpusError: what is asked cannot be done. FormatError: a record in the folder is damaged.
        KeyboardInterrupt: on Ctrl-C; the same request goes on where it stopped.
    """
    from bpe_lab_model.grid import plan, run_grid

    return run_grid(plan(request))
