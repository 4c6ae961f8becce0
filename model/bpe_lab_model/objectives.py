"""What a model learns from the tokens of a window: the next token, hidden tokens, or the text behind a damaged one.

| objective | what the model reads | what it is to say |
|---|---|---|
| `clm` | the tokens, one place later | each token |
| `mlm` | the tokens, 15 % of them hidden (BERT, arXiv 1810.04805) | the hidden ones; needs a two-way mask |
| `seq2seq:spans` | spans of about 3 tokens, 15 % in all, as one mark each (T5, arXiv 1910.10683) | the whole text |
| `seq2seq:delete` | 15 % of the tokens are gone | the whole text |
| `seq2seq:shuffle` | each token within 3 places of its own (Lample et al., arXiv 1711.00043) | the whole text |

Only `clm` gives bits per byte. Arrays of numpy in, arrays out; knows no documents, no torch and no model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bpe_lab.errors import ArgumentError
from bpe_lab_model.rows import IGNORE, Ints

OBJECTIVES = ("clm", "mlm", "seq2seq:spans", "seq2seq:delete", "seq2seq:shuffle")
DAMAGED_SHARE = 0.15
SPAN_TOKENS = 3
"""Mean length of a span."""
SHUFFLE_TOKENS = 3
"""No token goes further from its place."""

_EXTRA_NAMES = {
    "clm": (),
    "mlm": ("<mask>",),
    "seq2seq:spans": ("<sep>", "<mark>"),
    "seq2seq:delete": ("<sep>",),
    "seq2seq:shuffle": ("<sep>",),
}


class Row(NamedTuple):
    """What one row of a batch is made of."""

    inputs: Ints
    targets: Ints
    """IGNORE where nothing is scored."""
    prefix: int = 0
    """How many inputs, from the first on, see each other both ways."""


def canonical(objective: str) -> str:
    """Return the full name of an objective.

    >>> canonical("seq2seq")
    'seq2seq:spans'

    Raises:
        ArgumentError: there is none of this name.
    """
    name = "seq2seq:spans" if objective == "seq2seq" else objective
    if name not in OBJECTIVES:
        raise ArgumentError(f"there is no objective {objective!r}", f"one of {', '.join(OBJECTIVES)}")
    return name


def extra_names(objective: str) -> tuple[str, ...]:
    """Return what the ids stand for that an objective needs beyond the vocabulary, in the order of the ids."""
    return _EXTRA_NAMES[canonical(objective)]


def extra_ids(objective: str) -> int:
    """Return how many ids an objective needs beyond the vocabulary: by so many rows the model must be larger.

    >>> extra_ids("clm"), extra_ids("mlm"), extra_ids("seq2seq:spans")
    (0, 1, 2)
    """
    return len(extra_names(objective))


def longest_row(objective: str, context_bytes: int) -> int:
    """Return the most inputs that a window of `context_bytes` can become where no token is without bytes."""
    return 2 * context_bytes + 2 if canonical(objective).startswith("seq2seq") else context_bytes + 1


def draws_of(seed: int, epoch: int, content_hash: int, k: int) -> np.random.Generator:
    """Return what is random in the k-th window of a document: the same wherever and whenever it is met."""
    return np.random.default_rng([seed, epoch, content_hash, k])


@dataclass(frozen=True)
class Objective:
    """Makes rows of the tokens of windows.

    >>> objective = Objective("mlm", vocab_size=100)
    >>> objective.row(np.array([99, 7, 8]), np.array([7, 8, 99]), eos=99, draws=np.random.default_rng(0))
    Row(inputs=array([  7, 100,  99]), targets=array([-100,    8, -100]), prefix=0)
    """

    name: str
    """One of OBJECTIVES."""
    vocab_size: int
    """Ids of the shards; the objective's own follow."""

    def row(self, before: Ints, tokens: Ints, eos: int, draws: np.random.Generator) -> Row:
        """Return the row of a window.

        Args:
            before: the token before each of `tokens`.
            tokens: those of the window, the end of text included where the document ends.
            eos: the id of that; it is never damaged.
            draws: all that is random.
        """
        if self.name == "clm":
            return Row(before, tokens)
        n = len(tokens) - int(len(tokens) > 0 and tokens[-1] == eos)
        if self.name == "mlm":
            return self._masked(tokens, n, draws)
        damage = {"spans": self._marked_spans, "delete": _thinned, "shuffle": _shuffled}[self.name.partition(":")[2]]
        return self._restored(damage(tokens[:n], draws), tokens)

    def _masked(self, tokens: Ints, n: int, draws: np.random.Generator) -> Row:
        """Hide some of the first `n` tokens: 8 of 10 as the mask, 1 as any token, 1 as itself."""
        inputs, targets = tokens.copy(), np.full_like(tokens, IGNORE)
        hidden = draws.choice(n, n_damaged(n), replace=False)
        targets[hidden] = tokens[hidden]
        lot = draws.random(len(hidden))
        inputs[hidden[lot < 0.8]] = self.vocab_size
        others = hidden[(lot >= 0.8) & (lot < 0.9)]
        inputs[others] = draws.integers(0, self.vocab_size, len(others))
        return Row(inputs, targets)

    def _restored(self, source: Ints, tokens: Ints) -> Row:
        """Put the damaged text and a separator before the text; only the text is scored."""
        inputs = np.concatenate([source, [self.vocab_size], tokens[:-1]])
        targets = np.concatenate([np.full(len(source), IGNORE), tokens])
        return Row(inputs, targets, len(source) + 1)

    def _marked_spans(self, tokens: Ints, draws: np.random.Generator) -> Ints:
        """Put one mark in place of each span; no two touch. One mark does for all: their order tells them apart."""
        n_lost = n_damaged(len(tokens))
        if not n_lost:
            return tokens
        n_spans = max(1, round(n_lost / SPAN_TOKENS))
        cuts = 1 + np.sort(draws.choice(n_lost - 1, n_spans - 1, replace=False))
        lengths = np.diff([0, *cuts, n_lost])
        before = np.sort(draws.choice(len(tokens) - n_lost + 1, n_spans, replace=False))  # tokens kept before each span
        starts = before + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        source, is_kept = tokens.copy(), np.ones(len(tokens), bool)
        for start, length in zip(starts, lengths, strict=True):
            is_kept[start + 1 : start + length] = False
        source[starts] = self.vocab_size + 1
        found: Ints = source[is_kept]
        return found

    def n_targets(self, n_tokens: Ints, ends: Ints) -> Ints:
        """Return how many targets windows of so many tokens have; `ends` is 1 where the end of text is one of them."""
        if self.name != "mlm":
            return n_tokens
        return np.array([n_damaged(n) for n in (n_tokens - ends).tolist()], np.int64)


def n_damaged(n: int) -> int:
    """Return how many of `n` tokens are damaged: the share, at least one."""
    return min(n, max(1, round(DAMAGED_SHARE * n)))


def _thinned(tokens: Ints, draws: np.random.Generator) -> Ints:
    return np.delete(tokens, draws.choice(len(tokens), n_damaged(len(tokens)), replace=False))


def _shuffled(tokens: Ints, draws: np.random.Generator) -> Ints:
    return tokens[np.argsort(np.arange(len(tokens)) + (SHUFFLE_TOKENS + 1) * draws.random(len(tokens)))]
