"""`bpe-lab lm probe`: what a trained model holds, read off its checkpoints. Each probe is a module of `cli.probes`.

Holds the list and nothing else: a probe never changes a model, and trains none beyond a layer of its own.
"""

import argparse
import importlib
from importlib.util import find_spec

from bpe_lab.cli import arguments

_PROBES = ("neighbours", "superposition", "attention", "fragments", "recall")
"""Modules of `cli.probes`, each with `add_to(commands)`, in the order of `bpe-lab lm probe --help`."""

_EXAMPLE = "bpe-lab lm probe neighbours run/ --words 사과,바나나,자동차"


def add_to(commands: arguments.Commands) -> None:
    """Add `probe` with its probes."""
    parser = commands.add_parser(
        "probe",
        help="look into a trained model: its embedding, its attention, what it remembers",
        description="Look into a trained model. A probe reads checkpoints and changes none.",
        epilog=arguments.epilog(_EXAMPLE),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    probes = parser.add_subparsers(dest="probe", metavar="PROBE", title="probes", required=True)
    for name in _PROBES:
        if find_spec(f"bpe_lab_model.cli.probes.{name}"):
            importlib.import_module(f"bpe_lab_model.cli.probes.{name}").add_to(probes)
    for probe in probes.choices.values():
        arguments.add_talk(probe)
