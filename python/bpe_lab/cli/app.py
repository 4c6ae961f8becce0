"""The door of the program: parses, runs one command, turns every ending into an exit code and a clean message."""

import argparse
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from signal import SIGINT, SIGTERM

from bpe_lab.cli.arguments import Commands, Parser, add_talk, epilog
from bpe_lab.cli.exits import Exit, exit_for
from bpe_lab.cli.interrupts import ENDINGS, Terminated, hear_sigterm
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import BpeLabError

_EXAMPLE = """\
bpe-lab compare --lang ko
bpe-lab train corpus.txt --vocab 32000 -o ko.bpe
bpe-lab inspect "사과나무" -t ko.bpe"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with `argv` (the process's own by default) and return its exit code."""
    terminal = Terminal(owns_process=argv is None)
    try:
        _open_streams()
        if terminal.owns_process:
            hear_sigterm()
        code = _run(argv, terminal)
        sys.stdout.flush()
        return code
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else Exit.OK
    except BaseException as e:
        return _ending(e, terminal)


def _run(argv: Sequence[str] | None, terminal: Terminal) -> int:
    words = sys.argv[1:] if argv is None else argv
    parser = build_parser(words)
    args = parser.parse_args(words)
    if args.command is None:
        print(parser.format_help(), file=sys.stderr)
        return Exit.USAGE
    terminal.color, terminal.quiet, terminal.debug = args.color, args.quiet, args.debug
    code: int = args.run(args, terminal)
    return code


def build_parser(argv: Sequence[str] | None = None) -> Parser:
    """Return the parser of the program; given `argv`, also with what other packages add, where that may be wanted."""
    from bpe_lab.cli import plugins

    parser = Parser(
        prog="bpe-lab",
        description="Which tokenizer should my model use? Byte-level BPE, trained, encoded and looked at.",
        epilog=epilog(_EXAMPLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    if named := plugins.named(argv or ()):
        named.load()(commands, whole=True)  # and nothing else: that saves 0.1 s
        return parser
    _add_own(commands)
    if argv is not None:
        plugins.add_to(commands, argv)
    return parser


def _add_own(commands: Commands) -> None:
    # Here and not above: Ctrl-C during these imports then ends as it does everywhere.
    from bpe_lab.cli import (
        caching,
        comparing,
        completion,
        counting,
        encoding,
        exchange,
        inspecting,
        reporting,
        sharding,
        training,
        vocabulary,
    )

    everything = (
        training,
        counting,
        encoding,
        inspecting,
        vocabulary,
        exchange,
        sharding,
        comparing,
        reporting,
        caching,
        completion,
    )
    for module in everything:
        module.add_to(commands)
    for command in commands.choices.values():
        add_talk(command)


class _Version(argparse.Action):
    """Prints the version; loads the core only then."""

    def __call__(self, *_: object) -> None:
        from bpe_lab import __version__

        print(f"bpe-lab {__version__}")
        raise SystemExit(0)


def _open_streams() -> None:
    """Put the empty device where a stream was closed, and let a terminal get escapes for what it cannot show."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123 (open as long as the process)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _ending(error: BaseException, terminal: Terminal) -> int:
    """Say how it ended, and return the exit code."""
    if isinstance(error, BrokenPipeError):
        _settle_stdout()
        return Exit.OK
    if isinstance(error, (KeyboardInterrupt, Terminated)):
        return _ended_from_outside(SIGTERM if isinstance(error, Terminated) else SIGINT, terminal)
    if _hides_interrupt(error):
        return _ended_from_outside(SIGINT, terminal)
    if terminal.debug:
        traceback.print_exception(error)
    if isinstance(error, BpeLabError):
        terminal.fail(error.message, error.hint)
        return exit_for(error)
    if isinstance(error, OSError):
        return _system_failed(error, terminal)
    if isinstance(error, MemoryError):
        terminal.fail("out of memory", "take less text at a time")
        return Exit.INPUT
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    terminal.fail(f"something inside bpe-lab went wrong: {reason}", "run it again with --debug and report what it says")
    return Exit.INTERNAL


def _hides_interrupt(error: BaseException) -> bool:
    """Tell whether a library wrapped Ctrl-C into an error of its own, as numpy does while it is imported."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt) or "KeyboardInterrupt" in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _ended_from_outside(number: signal.Signals, terminal: Terminal) -> int:
    word, code = ENDINGS[number]
    print(terminal.last_words(word), file=sys.stderr, flush=True)
    _settle_stdout()
    if terminal.owns_process:
        # CPython remembers a KeyboardInterrupt that came inside exec of a string (dataclasses are made so, on import)
        # and, though it was handled, would end the process by the signal instead of the code.
        os._exit(code)
    return code


def _system_failed(error: OSError, terminal: Terminal) -> int:
    where = f"{error.filename}: " if error.filename else ""
    terminal.fail(f"{where}{error.strerror or error}")
    _settle_stdout()
    return Exit.INPUT


def _settle_stdout() -> None:
    """Flush standard output; where it cannot take what is left, point it nowhere, or Python's last flush fails."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
