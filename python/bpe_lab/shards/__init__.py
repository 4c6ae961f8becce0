"""Token shards: a text as ids and byte ends on disk, for training and scoring a language model (docs/shards.md)."""

from bpe_lab.shards.reading import FORMAT, MANIFEST, SPLITS, TOKENIZER, Shards, ShardSplit, Split
from bpe_lab.shards.writing import (
    Labelled,
    check_target,
    encode_split,
    end_of_text,
    write_labelled,
    write_shards,
)

__all__ = [
    "FORMAT",
    "MANIFEST",
    "SPLITS",
    "TOKENIZER",
    "Labelled",
    "ShardSplit",
    "Shards",
    "Split",
    "check_target",
    "encode_split",
    "end_of_text",
    "write_labelled",
    "write_shards",
]
