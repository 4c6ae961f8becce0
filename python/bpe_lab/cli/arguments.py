"""What may be typed: the parser, its option blocks, and the small values (sizes, counts, special tokens).

What is typed becomes what is meant in each command's own `plan_…`; nothing here reads a file or imports the core.
"""

import argparse
import difflib
import os
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from bpe_lab.cli.exits import MEANINGS
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import ArgumentError

Run = Callable[[argparse.Namespace, Terminal], int]
COMMANDS = (
    "train",
    "count",
    "merge-counts",
    "encode",
    "decode",
    "inspect",
    "vocab",
    "export",
    "import",
    "shards",
    "compare",
    "report",
    "cache",
    "completion",
)
"""What there is; a test holds it against the parser."""

_ELSEWHERE = {
    "lm": "lm is the companion language model, a package of its own: pip install bpe-lab-model"
    " (from a clone: pip install ./model)"
}
"""What another package adds."""

Commands = Any
"""argparse's subparsers action; its type is private."""

PATTERNS = ("o200k", "cl100k", "llama3", "gpt2", "none")
UNITS = ("byte", "byte-char", "syllable", "jamo", "jamo-char")
TIES = ("hf", "rustbpe")
ANALYSERS = ("mecab", "kiwi")
DEFAULT_VOCABULARY = 32_000
DEFAULT_SPECIAL = "<|endoftext|>"


class Parser(argparse.ArgumentParser):
    """argparse that raises instead of exiting, and takes positionals wherever they stand between options."""

    spread: str | None = None
    """The positional that words between and after options belong to."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        if found := re.match(r"argument COMMAND: invalid choice: '([^']*)'", message):
            near = difflib.get_close_matches(found[1], self._commands(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
            raise ArgumentError(f"there is no command {found[1]!r}", _ELSEWHERE.get(found[1], hint))
        raise ArgumentError(message, f"see {self.prog} --help")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; what is left over is given to `spread` or is an error here, where the command is known."""
        known, extra = super().parse_known_args(args, namespace)
        unknown = [word for word in extra if word.startswith("-") and word != "-"]
        if unknown or (extra and self.spread is None):
            self._refuse((unknown or extra)[0])
        if extra:
            getattr(known, str(self.spread)).extend(extra)
        return known, []

    def _commands(self) -> list[str]:
        """Return the names of the commands right below this parser."""
        below = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return [str(name) for action in below for name in action.choices]

    def _refuse(self, word: str) -> NoReturn:
        options = [option for action in self._actions for option in action.option_strings]
        near = difflib.get_close_matches(word.split("=")[0], options, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        if word.startswith("-") and self.spread == "text":
            hint += " (for a text that begins with -, write -- before it)"
        raise ArgumentError(f"{self.prog} does not know {word!r}", hint)


def add_command(
    commands: Commands,
    name: str,
    run: Run,
    words: str,
    summary: str,
    example: str,
    *,
    more: str = "",
    spread: str | None = None,
) -> Parser:
    """Add a command with its help and its example. `words` are its positionals, as the usage line shows them."""
    parser: Parser = commands.add_parser(
        name,
        help=summary,
        usage=" ".join(part for part in (commands._prog_prefix, name, words, "[OPTION ...]") if part),
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}.{' ' + more if more else ''}", 80),
        epilog=epilog(example),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.spread = spread
    parser.set_defaults(run=run)
    return parser


def epilog(example: str) -> str:
    """Return the foot of a help page: example, then exit codes."""
    indented = "\n".join(f"  {line}" for line in example.splitlines())
    codes = "\n".join(f"  {code:3}  {meaning}" for code, meaning in MEANINGS.items())
    return f"example{'s' if example.count(chr(10)) else ''}:\n{indented}\n\nexit codes:\n{codes}"


def add_talk(parser: Parser) -> None:
    """Add the options that every command has; last, so that they stand last in its help."""
    group = parser.add_argument_group("talk")
    group.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour; auto means on a terminal, unless NO_COLOR is set",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="no talk on standard error but warnings and errors")
    group.add_argument("--debug", action="store_true", help="errors with a traceback")


def add_json(parser: Parser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object (with its schema version) instead")


def add_force(parser: argparse._ActionsContainer) -> None:
    """Add `--force`."""
    parser.add_argument("--force", action="store_true", help="overwrite files that exist")


def add_pattern(parser: argparse._ActionsContainer, help_text: str) -> None:
    """Add `--pattern` and `--regex`, of which one may be given."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--pattern", type=pattern_name, metavar="NAME", help=f"{help_text}: {', '.join(PATTERNS)}")
    group.add_argument("--regex", metavar="REGEX", help="cut text by your own regular expression instead")


def add_tokenizer(parser: Parser) -> None:
    """Add `-t` and what loading a tokenizer may need."""
    group = parser.add_argument_group("tokenizer")
    group.add_argument(
        "-t",
        "--tokenizer",
        metavar="FILE|NAME",
        help="a file of bpe-lab, a tokenizer.json or its folder, a .tiktoken file, or a name such as o200k_base",
    )
    add_pattern(group, "how text is cut, for a .tiktoken file of no known name")


def add_corpus(parser: Parser) -> None:
    """Add the options that say what of the sources is text, and how it is cut."""
    group = parser.add_argument_group("text")
    add_pattern(group, "how text is cut into pieces (default o200k)")
    add_documents(group)
    group.add_argument(
        "--sample",
        metavar="PART",
        help="take whole documents by their hash: 0.1 for a tenth of them, 100MB for as many as fill that",
    )
    add_hold_out(group, "leave out this share of the documents, those that bpe-lab shards --hold-out takes")
    group.add_argument(
        "--morphemes",
        choices=ANALYSERS,
        help="no merge crosses the edge of a morpheme that this analyser finds (pip install 'bpe-lab[ko]')",
    )
    group.add_argument("--sample-seed", type=size, default=0, metavar="N", help="another seed takes other documents")
    add_threads(group)


def add_hold_out(group: argparse._ActionsContainer, help_text: str) -> None:
    """Add `--hold-out`."""
    group.add_argument("--hold-out", metavar="SHARE", help=f"{help_text}: 10%%; the same ones in every command")


def add_documents(group: argparse._ActionsContainer) -> None:
    """Add `--documents` and `--field`."""
    group.add_argument(
        "--documents",
        default="file",
        metavar="HOW",
        help="what a document is: file (default), line, blank-line, separator:STR, prefix:STR",
    )
    group.add_argument("--field", default="text", help="the field of a .jsonl row that holds its text (default text)")


def add_threads(group: argparse._ActionsContainer) -> None:
    """Add `--threads`."""
    group.add_argument(
        "--threads", type=positive, metavar="N", help="default: all processors; the result does not depend on it"
    )


# -- what is typed as one word


def positive(text: str) -> int:
    """Read a whole number from 1."""
    value = size(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return value


MOST = 2**63 - 1
"""No number on the command line is larger."""

_SIZE = re.compile(r"([0-9][0-9_,]*)(?:\.([0-9]+))?\s*([kmg]i?)?", re.ASCII | re.IGNORECASE)
_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def size(text: str) -> int:
    """Read a whole number, with k, M, G for thousands and Ki, Mi, Gi for 1024s.

    >>> size("32k"), size("32Ki"), size("1.5k"), size("32,000")
    (32000, 32768, 1500, 32000)
    """
    if re.fullmatch(r"-[0-9]+", text.strip()):
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"not a number: {text!r} (write 32000, 32k or 32Ki)")
    whole, decimals, suffix = (part or "" for part in found.groups())
    scaled = int(re.sub("[_,]", "", whole) + decimals) * _FACTORS[suffix.lower()]
    unit: int = 10 ** len(decimals)
    value, rest = divmod(scaled, unit)
    if rest:
        raise argparse.ArgumentTypeError(f"not a whole number: {text!r}")
    if value > MOST:
        raise argparse.ArgumentTypeError(f"must be at most {MOST}, got {text}")
    return value


def vocabulary(text: str) -> int | str:
    """Read a size, or by how much a vocabulary grows.

    >>> vocabulary("32k"), vocabulary("+8k")
    (32000, '+8000')
    """
    return f"+{size(text[1:])}" if text.startswith("+") else size(text)


def probability(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r} (write 0.1)") from None
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return value


def pattern_name(text: str) -> str:
    """Read the name of a pattern."""
    if text.removesuffix("+superword") not in PATTERNS or text == "none+superword":
        raise argparse.ArgumentTypeError(
            f"no pattern is called {text!r}; one of {', '.join(PATTERNS)} (a regular expression goes to --regex)"
        )
    return text


def limit(text: str) -> int | None:
    """Read a number of rows, or `all`."""
    return None if text == "all" else positive(text)


def special_id(text: str) -> tuple[str, int]:
    """Read `TOKEN=ID`."""
    token, equals, number = text.rpartition("=")
    if not equals or not token or not number.isdigit():
        raise argparse.ArgumentTypeError(f"must be TOKEN=ID, as in '<|endoftext|>=100257', got {text!r}")
    return token, int(number)


def chosen_pattern(args: argparse.Namespace) -> str | None:
    """Return what `--pattern` or `--regex` said."""
    found: str | None = args.pattern if args.regex is None else _utf8("--regex", args.regex)
    return found


def special_tokens(given: Sequence[str], without_default: bool) -> tuple[str, ...]:
    """Return the special tokens in order: the default one unless it is not wanted, then those given, each once."""
    default = [] if without_default else [DEFAULT_SPECIAL]
    return tuple(dict.fromkeys([*default, *(_utf8("--special", text) for text in given)]))


def _utf8(option: str, text: str) -> str:
    """Return `text` if it is text; the shell may hand over any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise ArgumentError(f"{option} is no UTF-8: {os.fsencode(text)!r}", "give it as UTF-8 text") from e
    return text


def unit(text: str) -> str:
    """Read a unit with its options; return its canonical name.

    >>> unit("syllable:ksx1001")
    'syllable'
    """
    from bpe_lab import _core

    try:
        return _core.Unit.named(text).name
    except ArgumentError as e:
        raise argparse.ArgumentTypeError(f"{e.message} ({e.hint})" if e.hint else e.message) from e
