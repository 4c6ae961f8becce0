"""`bpe-lab lm`: the commands that the companion model adds. Nothing here imports torch before a command runs."""

from bpe_lab_model.cli.app import add_to

__all__ = ["add_to"]
