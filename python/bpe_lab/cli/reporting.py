"""`bpe-lab report`: a comparison's JSON as one HTML file."""

import argparse
import json
from pathlib import Path
from typing import Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin
from bpe_lab.errors import FileError, FormatError

_STDIN = "-"


def add_to(commands: arguments.Commands) -> None:
    """Add `report`."""
    parser = arguments.add_command(
        commands,
        "report",
        run_report,
        "COMPARISON.json -o REPORT.html",
        "make a web page of a comparison",
        "bpe-lab report comparison.json -o report.html",
        more="COMPARISON.json is what `bpe-lab compare --json` prints. The page is one file and needs no network. "
        "Making it needs the packages of 'bpe-lab[report]'.",
    )
    parser.add_argument("comparison", metavar="COMPARISON.json", help="what compare --json wrote; - is standard input")
    parser.add_argument("-o", "--out", required=True, metavar="REPORT.html", help="where to; - is standard output")
    arguments.add_force(parser)
    arguments.add_json(parser)


def run_report(args: argparse.Namespace, terminal: Terminal) -> int:
    """Read, render, write."""
    from bpe_lab.cli import output
    from bpe_lab.report import render

    output.stdout_is_json(args.out, args.json)
    sources = [] if args.comparison == _STDIN else [Path(args.comparison)]
    output.check_file(args.out, args.force, sources)
    page = render(_read(args.comparison, terminal)).encode()
    with output.open_whole(args.out, terminal, force=args.force) as f:
        f.write(page)
    if args.json:
        terminal.put_json("report", {"files": [args.out], "bytes": len(page)})
    return Exit.OK


def _read(name: str, terminal: Terminal) -> Any:
    """Return the JSON of a file or of standard input."""
    try:
        data = binary_stdin(terminal).read() if name == _STDIN else Path(name).read_bytes()
    except OSError as e:
        raise FileError(f"cannot read {name}: {e.strerror or e}", "make it with bpe-lab compare --json") from e
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as e:
        raise FormatError(f"{name} is no JSON: {e}", "give the file that `bpe-lab compare --json` wrote") from e
