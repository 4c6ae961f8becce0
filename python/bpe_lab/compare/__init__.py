"""Tokenizers side by side: recipes, candidates, the texts they are trained and measured on, and what is kept of it."""

from bpe_lab.compare.candidates import Candidate, Encoded, Failed, Loss, Missing, examine, load_candidate
from bpe_lab.compare.recipe import Loaded, Recipe, parse_tokenizer
from bpe_lab.compare.texts import ParallelTexts, Texts, read_texts, split
from bpe_lab.compare.trained import Trainer, train_candidates

__all__ = [
    "Candidate",
    "Encoded",
    "Failed",
    "Loaded",
    "Loss",
    "Missing",
    "ParallelTexts",
    "Recipe",
    "Texts",
    "Trainer",
    "examine",
    "load_candidate",
    "parse_tokenizer",
    "read_texts",
    "split",
    "train_candidates",
]
