"""What training runs say about tokenizers: bits per byte with intervals, differences, and how sure they are."""

from bpe_lab.downstream.losses import Cell, Level, Losses, Standing, summarise
from bpe_lab.downstream.pairing import Difference
from bpe_lab.downstream.ranks import Correlation
from bpe_lab.downstream.request import Match, Request, RunProgress, Target

__all__ = [
    "Cell",
    "Correlation",
    "Difference",
    "Level",
    "Losses",
    "Match",
    "Request",
    "RunProgress",
    "Standing",
    "Target",
    "summarise",
]
