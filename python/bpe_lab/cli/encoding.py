"""`bpe-lab encode` and `decode`: bytes to ids and back, exactly, through pipes."""

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bpe_lab.cli import arguments, idstream
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin, number
from bpe_lab.errors import ArgumentError, FileError

if TYPE_CHECKING:
    from bpe_lab import Tokenizer
    from bpe_lab.cli.idstream import Batches, Ids


@dataclass(frozen=True)
class EncodePlan:
    """What `encode` is to do."""

    texts: tuple[bytes, ...]
    """Documents typed as arguments; none where files are read."""
    paths: tuple[Path, ...]
    form: str
    """`text`, `json`, `npy`, `u16` or `u32`."""
    out: str


def add_to(commands: arguments.Commands) -> None:
    """Add `encode` and `decode`."""
    _add_encode(commands)
    _add_decode(commands)


def _add_encode(commands: arguments.Commands) -> None:
    parser = arguments.add_command(
        commands,
        "encode",
        run_encode,
        "[TEXT ...] -t TOKENIZER",
        "turn text into token ids",
        'bpe-lab encode "사과나무" -t ko.bpe\nbpe-lab encode -t ko.bpe < a.txt | bpe-lab decode -t ko.bpe\n'
        "bpe-lab encode --in corpus.txt --documents line -t ko.bpe --raw u16 ids.bin",
        more="Without TEXT and --in, standard input is read. Any bytes encode.",
        spread="text",
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="each is one document")
    _input_option(parser, "a file, folder or glob to encode instead; may be given several times")
    arguments.add_tokenizer(parser)
    group = parser.add_argument_group("text")
    arguments.add_documents(group)
    group.add_argument(
        "--allow-special", action="store_true", help="special tokens in the text become their ids (else plain text)"
    )
    arguments.add_threads(group)
    _dropout_options(parser)
    group = parser.add_argument_group("ids", "without any of these, a line of ids for each document")
    forms = group.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="one JSON object with the ids of each document")
    forms.add_argument("--npy", metavar="OUT", help="one uint32 array")
    forms.add_argument("--raw", nargs=2, metavar=("u16|u32", "OUT"), help="numbers without a header, for memory maps")
    group.add_argument("-o", "--out", default="-", metavar="OUT", help="where text or JSON goes (default -)")
    group.add_argument("--offsets", metavar="OUT", help="also an .npy of where each document's ids begin")
    arguments.add_force(group)


def _dropout_options(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("dropout", "one text cut in many ways, for training models (BPE-dropout)")
    group.add_argument(
        "--dropout",
        type=arguments.probability,
        default=0.0,
        metavar="P",
        help="leave out each merge with this probability at each step: 0 (default) to 1; the ids decode all the same",
    )
    group.add_argument(
        "--seed", type=arguments.size, default=0, metavar="N", help="another seed drops others (default 0)"
    )


def _input_option(parser: arguments.Parser, help_text: str) -> None:
    parser.add_argument("--in", dest="input", action="append", default=[], metavar="FILE", help=help_text)


def plan_encode(args: argparse.Namespace, n_ids: int) -> EncodePlan:
    """Return what is meant by what was typed.

    Raises:
        ArgumentError, FileError: before any text is read.
    """
    from bpe_lab.cli.output import check_file
    from bpe_lab.corpus import find_files
    from bpe_lab.documents import cuts_for

    if args.text and args.input:
        raise ArgumentError("both a text and --in were given", "give one of them")
    cuts_for(args.documents)
    paths = () if args.text else tuple(find_files(args.input or ["-"]))
    form, out = _form(args)
    if form in idstream.RAW_KINDS or args.raw:
        idstream.check_raw(form, n_ids)
    check_file(out, args.force, [p for p in paths if p != Path("-")])
    if args.offsets:
        check_file(args.offsets, args.force)
        if args.offsets == out:
            raise ArgumentError("ids and --offsets go to the same place", "give them two names")
    return EncodePlan(tuple(map(os.fsencode, args.text)), paths, form, out)


def _form(args: argparse.Namespace) -> tuple[str, str]:
    """Return how ids are written, and where."""
    elsewhere = args.npy or (args.raw and args.raw[1])
    if elsewhere and args.out != "-":
        raise ArgumentError("-o is for ids as text or JSON", "--npy and --raw name their file themselves")
    if args.npy:
        return "npy", args.npy
    if args.raw:
        return args.raw[0], args.raw[1]
    return "json" if args.json else "text", args.out


def run_encode(args: argparse.Namespace, terminal: Terminal) -> int:
    """Encode and write ids."""
    from bpe_lab.cli.interrupts import at_once
    from bpe_lab.cli.loading import chosen_tokenizer
    from bpe_lab.cli.output import open_whole

    tokenizer = chosen_tokenizer(args)
    plan = plan_encode(args, tokenizer.n_ids)
    if plan.paths == (Path("-"),):
        binary_stdin(terminal)
    tally = _Tally(keeps_offsets=bool(args.offsets))
    batches = tally.through(_encoded(tokenizer, plan, args))
    binary = None if plan.form in ("text", "json") else f"{plan.form} ids"
    with at_once(terminal), open_whole(plan.out, terminal, force=args.force, binary=binary) as out:
        _write(plan, out, batches, tokenizer)
    if args.offsets:
        with open_whole(args.offsets, terminal, force=args.force, binary="offsets") as out:
            tally.write_offsets(out)
    if plan.out != "-":
        terminal.say(f"{number(tally.n_documents, 'document')}, {number(tally.n_ids, 'token')}")
    return Exit.OK


def _write(plan: EncodePlan, out: IO[bytes], batches: "Batches", tokenizer: "Tokenizer") -> None:
    if plan.form == "text":
        idstream.write_text(out, batches)
    elif plan.form == "json":
        idstream.write_json(out, batches, {"tokenizer": {"fingerprint": tokenizer.fingerprint}})
    elif plan.form == "npy":
        idstream.write_npy(out, batches)
    else:
        idstream.write_raw(out, batches, plan.form)


def _encoded(tokenizer: "Tokenizer", plan: EncodePlan, args: argparse.Namespace) -> "Batches":
    from bpe_lab.documents import batches, documents

    texts = iter(plan.texts) if plan.texts else documents(plan.paths, args.documents, args.field)
    allowed = tuple(tokenizer.special_tokens) if args.allow_special else ()
    for batch in batches(texts):
        yield tokenizer.encode_batch(
            batch, threads=args.threads, allowed_special=allowed, dropout=args.dropout, seed=args.seed
        )


class _Tally:
    """Counts what passes through, and keeps where documents begin if that is wanted."""

    def __init__(self, keeps_offsets: bool) -> None:
        self.n_documents = 0
        self.n_ids = 0
        self._offsets: list[Ids] | None = [] if keeps_offsets else None

    def through(self, batches: "Batches") -> "Batches":
        """Yield the same batches."""
        for ids, offsets in batches:
            if self._offsets is not None:
                self._offsets.append(offsets[:-1] + offsets.dtype.type(self.n_ids))
            self.n_documents += len(offsets) - 1
            self.n_ids += len(ids)
            yield ids, offsets

    def write_offsets(self, out: IO[bytes]) -> None:
        """Write uint64[n_documents + 1]."""
        import numpy as np

        all_offsets = np.concatenate([*(self._offsets or []), np.array([self.n_ids], np.uint64)])
        np.lib.format.write_array(out, all_offsets.astype(np.uint64), allow_pickle=False)


def _add_decode(commands: arguments.Commands) -> None:
    parser = arguments.add_command(
        commands,
        "decode",
        run_decode,
        "[ID ...] -t TOKENIZER",
        "turn token ids back into the bytes they came from",
        "bpe-lab decode 1042 77 -t ko.bpe\nbpe-lab decode --in ids.npy -t ko.bpe > text.txt\n"
        "bpe-lab decode --raw u16 ids.bin -t ko.bpe -o text.txt",
        more="Ids as text, JSON or .npy are told apart by looking; raw ids need --raw.",
        spread="ids",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="without any, and without a file, standard input is read")
    _input_option(parser, "a file of ids: text, JSON or .npy; - is standard input; may be given several times")
    parser.add_argument("--raw", nargs=2, metavar=("u16|u32", "FILE"), help="a file of raw ids; - is standard input")
    parser.add_argument("-o", "--out", default="-", metavar="OUT", help="where the bytes go (default -)")
    arguments.add_force(parser)
    arguments.add_tokenizer(parser)


def run_decode(args: argparse.Namespace, terminal: Terminal) -> int:
    """Read ids and write bytes."""
    from bpe_lab.cli.interrupts import at_once
    from bpe_lab.cli.loading import chosen_tokenizer
    from bpe_lab.cli.output import check_file, open_whole

    tokenizer = chosen_tokenizer(args)
    if bool(args.ids) + bool(args.input) + bool(args.raw) > 1:
        raise ArgumentError("ids were given in more than one way", "give ids, or --in, or --raw")
    if args.raw:
        idstream.check_raw(args.raw[0], 0)
    check_file(args.out, args.force, map(Path, args.input))
    with at_once(terminal), open_whole(args.out, terminal, force=args.force) as out:
        decoder = tokenizer.stream()
        for ids in _ids(args, terminal):
            out.write(decoder.read(ids))
        out.write(decoder.end())
    return Exit.OK


def _ids(args: argparse.Namespace, terminal: Terminal) -> "Iterator[Ids]":
    """Yield all ids in the order they were given, in parts."""
    if args.ids:
        yield idstream.from_words([word for given in args.ids for word in given.split()], "the arguments")
        return
    for path in [args.raw[1]] if args.raw else args.input or ["-"]:
        with ExitStack() as stack:
            stream = binary_stdin(terminal) if path == "-" else stack.enter_context(_opened(path))
            name = idstream.name_of(path)
            yield from idstream.read_raw(stream, args.raw[0], name) if args.raw else idstream.read_any(stream, name)


def _opened(path: str) -> IO[bytes]:
    try:
        return Path(path).open("rb")
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror}", "check the spelling") from e
