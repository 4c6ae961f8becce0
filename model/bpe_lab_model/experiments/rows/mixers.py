"""Experiments about mixers."""

from bpe_lab_model.experiments.spec import Experiment

ROWS: tuple[Experiment, ...] = ()
