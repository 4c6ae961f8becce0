"""`bpe-lab export` and `import`: a tokenizer from one format to another, or a refusal that says why."""

import argparse
from typing import TYPE_CHECKING

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab import Tokenizer

_FORMATS = ("hf", "tiktoken", "native")


def add_to(commands: arguments.Commands) -> None:
    """Add `export` and `import`."""
    export = arguments.add_command(
        commands,
        "export",
        run_export,
        "TOKENIZER -o OUT",
        "write a tokenizer in another format",
        "bpe-lab export ko.bpe -o ko-hf/            # tokenizer.json, for Hugging Face\n"
        "bpe-lab export ko.bpe -o ko.tiktoken       # a rank file, and the lines that load it",
        more="What a format cannot hold faithfully is refused with the reason.",
    )
    export.add_argument("tokenizer", metavar="TOKENIZER", help="a file of any format, or a published name")
    _output_options(export)
    arguments.add_pattern(export, "for a .tiktoken file of no known name")
    export.set_defaults(special=[])
    import_ = arguments.add_command(
        commands,
        "import",
        run_import,
        "FILE -o OUT",
        "turn a tokenizer made elsewhere into bpe-lab's own file",
        "bpe-lab import tokenizer.json -o other.bpe\n"
        "bpe-lab import mine.tiktoken --pattern o200k --special '<|end|>=50000' -o mine.bpe",
    )
    import_.add_argument(
        "tokenizer", metavar="FILE", help="tokenizer.json or its folder, .tiktoken, or a published name"
    )
    _output_options(import_)
    arguments.add_pattern(import_, "how text is cut, for a .tiktoken file of no known name")
    import_.add_argument(
        "--special",
        type=arguments.special_id,
        action="append",
        default=[],
        metavar="TOKEN=ID",
        help="a special token of a .tiktoken file; may be given several times",
    )


def _output_options(parser: arguments.Parser) -> None:
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="where to; - is standard output")
    parser.add_argument(
        "--format", choices=_FORMATS, help="default: NAME.json or a folder hf, NAME.tiktoken, else native"
    )
    arguments.add_force(parser)
    arguments.add_json(parser)


def run_export(args: argparse.Namespace, terminal: Terminal) -> int:
    """Load and save in the format that the output's name says."""
    return _convert("export", args, args.format, terminal)


def run_import(args: argparse.Namespace, terminal: Terminal) -> int:
    """Load and save as bpe-lab's own file unless told otherwise."""
    return _convert("import", args, args.format, terminal)


def _convert(command: str, args: argparse.Namespace, form: str | None, terminal: Terminal) -> int:
    from bpe_lab.cli import output
    from bpe_lab.cli.loading import about, load, summary

    output.stdout_is_json(args.out, args.json)
    output.check_tokenizer(args.out, args.force, form=form)
    specials = _specials(args.special)
    tokenizer: Tokenizer = load(args.tokenizer, arguments.chosen_pattern(args), specials)
    paths = output.save_tokenizer(tokenizer, args.out, terminal, force=args.force, form=form, about=summary(tokenizer))
    if args.json:
        values = {"tokenizer": about(tokenizer), "format": form or output.format_of(args.out)}
        terminal.put_json(command, values | {"files": [str(p) for p in paths]})
    return Exit.OK


def _specials(given: list[tuple[str, int]]) -> dict[str, int] | None:
    if len({token for token, _ in given}) < len(given) or len({id for _, id in given}) < len(given):
        raise ArgumentError("two --special have the same token or the same id")
    return dict(given) or None
