"""bpe-lab: which tokenizer should my model use? Trains, encodes with, measures and compares byte-level BPE."""

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
