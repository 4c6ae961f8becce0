"""The program `bpe-lab`: what is typed, what is meant, what is shown. All work is done by the library beneath.

Data goes to standard output, talk and progress to standard error. Nothing heavy is imported before a command runs.
"""

from bpe_lab.cli.app import main

__all__ = ["main"]
