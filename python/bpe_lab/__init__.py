"""bpe-lab: which tokenizer should my model use? Trains, encodes with, measures and compares byte-level BPE."""

from typing import TYPE_CHECKING

from bpe_lab import on_demand
from bpe_lab._core import PieceCounts, StreamDecoder, __version__
from bpe_lab.errors import (
    ArgumentError,
    BpeLabError,
    CorpusError,
    FileError,
    FormatError,
    TextError,
    TokenError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from bpe_lab.extending import extend, learn_more
    from bpe_lab.tokenizer import Step, Tokenizer
    from bpe_lab.training import Progress, count_pieces, learn, train

__all__ = [
    "ArgumentError",
    "BpeLabError",
    "CorpusError",
    "FileError",
    "FormatError",
    "PieceCounts",
    "Progress",
    "Step",
    "StreamDecoder",
    "TextError",
    "TokenError",
    "Tokenizer",
    "UnsupportedError",
    "__version__",
    "count_pieces",
    "extend",
    "learn",
    "learn_more",
    "train",
]

__dir__ = on_demand.names(__all__)
__getattr__ = on_demand.attributes(
    __name__,
    {
        "extend": "extending",
        "learn_more": "extending",
        "Step": "tokenizer",
        "Tokenizer": "tokenizer",
        "Progress": "training",
        "count_pieces": "training",
        "learn": "training",
        "train": "training",
    },
)
