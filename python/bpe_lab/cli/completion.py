"""`bpe-lab completion`: the script that teaches a shell to complete the program's words. shtab writes it."""

import argparse

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import UnsupportedError


def add_to(commands: arguments.Commands) -> None:
    """Add `completion`."""
    parser = arguments.add_command(
        commands,
        "completion",
        run_completion,
        "bash|zsh",
        "print a completion script for a shell",
        "bpe-lab completion bash > ~/.local/share/bash-completion/completions/bpe-lab\n"
        "bpe-lab completion zsh > ~/.zfunc/_bpe-lab",
    )
    parser.add_argument("shell", choices=("bash", "zsh"))


def run_completion(args: argparse.Namespace, terminal: Terminal) -> int:
    """Print the script."""
    try:
        import shtab
    except ImportError as e:
        raise UnsupportedError("completion needs the package shtab", "pip install 'bpe-lab[completion]'") from e
    from bpe_lab.cli.app import build_parser

    terminal.put(shtab.complete(build_parser(["completion"]), args.shell))
    return Exit.OK
