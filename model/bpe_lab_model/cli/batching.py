"""`bpe-lab lm batch`: what a model is shown, as text: inputs, and below each of them what it is to say there.

Reads a few windows from the beginning of the text. Trains nothing, and needs no torch.
"""

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.objectives import Row
    from bpe_lab_model.rows import Windows

NOT_SCORED = "·"
SPACE = "␣"
END_OF_TEXT = "<eos>"
_PIPED_CELLS = 100
_MOST_BYTES = 1_000_000
"""Of files no more is encoded: a batch is a look at the text."""

_MEANINGS = {
    "clm": "each target is the next input",
    "mlm": "a hidden token is its own target; inputs see each other both ways",
    "seq2seq": "up to <sep> the damaged text, which sees itself both ways; behind it the text to restore",
}


def add_to(commands: arguments.Commands) -> None:
    """Add `batch`."""
    parser = arguments.add_command(
        commands,
        "batch",
        run_batch,
        "SHARDS | FILE ... [-t TOKENIZER]",
        "show what a model is trained on: inputs above targets, token by token",
        "bpe-lab lm batch shards/\nbpe-lab lm batch ko.txt -t ko.bpe --objective mlm --context 64 --stride 32",
        more=f"{NOT_SCORED} is a target that is not scored, {SPACE} a space inside a token.",
        spread="sources",
    )
    parser.add_argument("sources", nargs="*", metavar="SHARDS|FILE", help="a folder that bpe-lab shards wrote, or text")
    arguments.add_tokenizer(parser)
    arguments.add_documents(parser.add_argument_group("text"))
    group = parser.add_argument_group("batch")
    group.add_argument(
        "--objective",
        default="clm",
        metavar="WHAT",
        help="clm (the next token, default), mlm (hidden tokens), seq2seq or seq2seq:spans|delete|shuffle",
    )
    group.add_argument(
        "--context", type=arguments.positive, default=64, metavar="BYTES", help="of text in a row (default 64)"
    )
    group.add_argument(
        "--stride", type=arguments.positive, metavar="BYTES", help="from row to row (default: the context)"
    )
    group.add_argument("--batch", type=arguments.positive, default=2, metavar="N", help="rows (default 2)")
    group.add_argument(
        "--seed", type=arguments.size, default=0, metavar="N", help="another seed damages other places (default 0)"
    )
    arguments.add_json(parser)


@dataclass(frozen=True)
class ShownRow:
    """A row as text."""

    document: int
    span: tuple[int, int]
    """Bytes of the document that its tokens own."""
    row: "Row"
    inputs: list[str]
    targets: list[str]


def run_batch(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print rows."""
    from bpe_lab_model.objectives import Objective, canonical, extra_names
    from bpe_lab_model.rows import WindowIndex

    name = canonical(args.objective)
    split, candidate = opened(args, terminal)
    index = WindowIndex(split, context_bytes=args.context, stride_bytes=args.stride)
    shower = _Shower(index, candidate, Objective(name, split.vocab_size), args.seed)
    rows = [shower.shown(i) for i in range(min(args.batch, len(index)))]
    if args.json:
        extra = {word: split.vocab_size + i for i, word in enumerate(extra_names(name))}
        about = {"objective": name, "context_bytes": index.context_bytes, "stride_bytes": index.stride_bytes}
        about |= {"seed": args.seed, "vocab_size": split.vocab_size, "extra_ids": extra, "eos": split.eos}
        terminal.put_json("lm batch", about | {"rows": list(map(_json, rows))})
        return Exit.OK
    width = shutil.get_terminal_size((_PIPED_CELLS, 24)).columns
    for row in rows:
        for line in _lines(row, width):
            terminal.put(line)
    terminal.put(_summary(rows, name))
    return Exit.OK


def opened(args: argparse.Namespace, terminal: Terminal) -> "tuple[ShardSplit, Candidate]":
    """Return the text as tokens and what made them.

    Raises:
        BpeLabError: there is nothing to read, no tokenizer, or the shards are another tokenizer's.
    """
    from bpe_lab.cli.sharding import chosen_candidate
    from bpe_lab.compare.texts import stream
    from bpe_lab.shards import MANIFEST, Shards, encode_split

    if not args.sources:
        raise ArgumentError("nothing to show", "name a folder of shards, or text and -t TOKENIZER")
    if (Path(args.sources[0]) / MANIFEST).is_file():
        if len(args.sources) > 1:
            raise ArgumentError("a batch is of one folder of shards", "name one")
        shards = Shards.open_checked(args.sources[0])
        candidate = chosen_candidate(args) if args.tokenizer else shards.load_candidate()
        return shards.require(candidate.fingerprint).split("train"), candidate
    candidate = chosen_candidate(args)
    if "-" in args.sources:
        binary_stdin(terminal)
    documents = stream(args.sources, args.documents, args.field)
    return encode_split(candidate, list(_first(documents, args.batch))), candidate


def _first(documents: Iterator[bytes], n: int) -> Iterator[bytes]:
    """Yield as much as a batch of `n` rows can need."""
    n_bytes = 0
    for document in islice(documents, n):
        yield document[:_MOST_BYTES]
        n_bytes += len(document)
        if n_bytes >= _MOST_BYTES:
            return


class _Shower:
    """Makes rows and says what stands in them."""

    def __init__(self, index: Any, candidate: "Candidate", objective: Any, seed: int) -> None:
        self._index = index
        self._candidate = candidate
        self._objective = objective
        self._seed = seed
        self._alone: dict[int, bytes] | None = None

    def shown(self, i: int) -> ShownRow:
        """Return the i-th row."""
        import numpy as np

        numbers = np.array([self._index.number(i)])
        windows = self._index.windows(numbers)
        inputs, targets = self._index.gather(windows)
        labels, span = self._labels(windows)
        # The same damage once more, to places of the window instead of ids: so each token is shown as it stands there.
        n = len(labels) - 1
        before, places = np.arange(n), np.arange(1, n + 1)
        row = self._damaged(self._objective, inputs[0], targets[0], self._index.eos, numbers)
        end = n if targets[0, -1] == self._index.eos else -1
        where = self._damaged(type(self._objective)(self._objective.name, n + 1), before, places, end, numbers)
        known = dict(enumerate([*inputs[0, :1].tolist(), *targets[0].tolist()]))
        return ShownRow(
            int(windows.document[0]),
            span,
            row,
            [
                labels[at] if known.get(at) == id else self._label(id)
                for id, at in zip(row.inputs.tolist(), where.inputs.tolist(), strict=True)
            ],
            [NOT_SCORED if at < 0 else labels[at] for at in where.targets.tolist()],
        )

    def _damaged(self, objective: Any, inputs: Any, targets: Any, eos: int, numbers: Any) -> "Row":
        from bpe_lab_model.objectives import draws_of

        document, k = (int(part[0]) for part in self._index.places(numbers))
        draws = draws_of(self._seed, 0, int(self._index.split.hashes[document]), k)
        row: Row = objective.row(inputs, targets, eos, draws)
        return row

    def _labels(self, windows: "Windows") -> tuple[list[str], tuple[int, int]]:
        """Return how the token before the window and each of its own are shown, and the bytes of those."""
        from bpe_lab.show import tokens_at

        split, d = self._index.split, int(windows.document[0])
        base, stop = int(split.token_offsets[d]), int(split.token_offsets[d + 1])
        first, last = max(0, int(windows.first[0]) - 1), min(int(windows.last[0]), stop - base)
        ids, ends = split.ids[base:stop].tolist()[:last], split.ends[base:stop].tolist()[:last]
        starts = [0, *ends][:last]
        text = self._candidate.decode_batch(split.ids[base:stop].astype("u4"), _offsets(stop - base))[0]
        if len(text) == int(split.byte_offsets[d + 1] - split.byte_offsets[d]):
            spans = list(zip(starts, ends, strict=True))[first:]
            shown = tokens_at(text, ids[first:], spans, is_jamo=self._candidate.is_jamo)
            labels = [str(token).replace(" ", SPACE) for token in shown]
        else:  # text was lost: where a token lies in what came back is not known
            labels = list(map(self._label, ids[first:]))
        if windows.first[0] == 0:
            labels = [END_OF_TEXT, *labels]
        if windows.last[0] > stop - base:
            labels.append(END_OF_TEXT)
        own = starts[int(windows.first[0]) : last]
        return labels, (own[0] if own else 0, ends[last - 1] if last else 0)

    def _label(self, id: int) -> str:
        """Return how a token is shown that stands nowhere in the window."""
        from bpe_lab.visible import visible
        from bpe_lab_model.objectives import extra_names

        if id >= self._objective.vocab_size:
            return str(extra_names(self._objective.name)[id - self._objective.vocab_size])
        if id == self._index.eos:
            return END_OF_TEXT
        self._alone = self._alone or dict(self._candidate.vocab())
        return visible(self._alone.get(id, b"")).replace(" ", SPACE) or f"<{id}>"


def _offsets(n: int) -> Any:
    import numpy as np

    return np.array([0, n], np.uint64)


def _lines(row: ShownRow, width: int) -> Iterator[str]:
    """Yield a row's title, then inputs above targets in stretches that fit the width."""
    from rich.cells import cell_len

    start, end = row.span
    prefix = f", {row.row.prefix} see each other both ways" if row.row.prefix else ""
    yield f"document {row.document}, bytes {start:,}-{end:,}: {number(len(row.inputs), 'input')}{prefix}"
    widths = [max(cell_len(a), cell_len(b)) for a, b in zip(row.inputs, row.targets, strict=True)]
    for start, end in _stretches(widths, width - _INDENT):
        for name, words in (("input", row.inputs), ("target", row.targets)):
            cells = [w + " " * (n - cell_len(w)) for w, n in zip(words[start:end], widths[start:end], strict=True)]
            yield f"  {name:<{_INDENT - 2}}{'  '.join(cells)}".rstrip()
        yield ""


_INDENT = len("  target  ")


def _stretches(widths: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Yield where the columns of each line begin and end; two cells lie between columns."""
    start = used = 0
    for i, cells in enumerate(widths):
        if i > start and used + cells > width:
            yield start, i
            start, used = i, 0
        used += cells + 2
    yield start, len(widths)


def _summary(rows: Sequence[ShownRow], objective: str) -> str:
    longest = max(len(row.inputs) for row in rows)
    n_scored = sum(target != NOT_SCORED for row in rows for target in row.targets)
    return (
        f"{objective}: {number(len(rows), 'row')}, padded to {longest} inputs; {number(n_scored, 'target')} scored; "
        f"{_MEANINGS[objective.partition(':')[0]]}"
    )


def _json(row: ShownRow) -> dict[str, Any]:
    from bpe_lab_model.rows import IGNORE

    def cells(ids: Sequence[int], texts: Sequence[str]) -> list[dict[str, Any] | None]:
        return [None if id == IGNORE else {"id": id, "text": text} for id, text in zip(ids, texts, strict=True)]

    return {
        "document": row.document,
        "bytes": list(row.span),
        "prefix": row.row.prefix,
        "inputs": cells(row.row.inputs.tolist(), row.inputs),
        "targets": cells(row.row.targets.tolist(), row.targets),
    }
