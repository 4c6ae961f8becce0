"""How evenly tokens are used: entropies, and which part of a vocabulary occurs at all. Counts in, numbers out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RARE = 10
"""A token that occurs, but fewer times than this, is rare. Depends on the size of the text: compare on one text."""


def renyi_entropy(counts: "NDArray[np.uint64] | Sequence[int]", order: float) -> float:
    """Return the Rényi entropy of order `order` in bits: `log2(sum p^a)/(1 - a)`; Shannon's for a = 1.

    Between 0 (one token only) and log2 of the number of tokens that occur. Zouhar et al. 2023.

    >>> renyi_entropy([1, 1, 1, 1], 2.5)
    2.0
    """
    import numpy as np

    kept = np.asarray(counts, dtype=np.float64)
    p = kept[kept > 0] / kept.sum()
    if p.size == 0:
        return float("nan")
    if order == 1:
        return float(-(p * np.log2(p)).sum())
    return float(np.log2((p**order).sum()) / (1 - order))


def renyi_efficiency(counts: "NDArray[np.uint64] | Sequence[int]", order: float, n_tokens: int) -> float:
    """Return the Rényi entropy over log2 of `n_tokens`; 0 to 1, 1 where all tokens occur equally often.

    With the whole vocabulary as `n_tokens` a token that never occurs costs; with those that occur it does not. The
    authors' scorer takes the latter and a = 3. It has known counter-examples: never rank by it alone.
    """
    import numpy as np

    return renyi_entropy(counts, order) / float(np.log2(n_tokens)) if n_tokens > 1 else float("nan")


def gini(amounts: "Sequence[float]") -> float:
    """Return the Gini coefficient `sum |c_i - c_j| / (2 n^2 mean)` over all ordered pairs: 0 equal, below 1.

    Of the tokens that several languages need for the same text, it says how unequally a tokenizer treats them.

    >>> gini([1, 3])
    0.25
    """
    import numpy as np

    c = np.asarray(amounts, dtype=np.float64)
    return float(np.abs(c[:, None] - c[None, :]).sum() / (2 * len(c) ** 2 * c.mean())) if len(c) else float("nan")


def occurrences_while_merging(
    counts: "NDArray[np.uint64]", merges: "NDArray[np.uint32]"
) -> "tuple[NDArray[np.uint64], NDArray[np.float64]]":
    """Return how often each token stood in the text at any time of the merging, and its greatest IoS.

    `merges` has one row (left, right, result) a merge, in order. A token's occurrences are those emitted plus those
    that later merges used up. IoS ("intersection over self", PickyBPE, arXiv 2409.04599) of a part x in a merge is
    f(xy)/f(x): 1 where x never stands without y. It is taken here over the measured text, not over the training text.
    Where several merges give one token, all its occurrences are given to the first.
    """
    import numpy as np

    total = counts.astype(np.uint64).tolist()
    rows = merges.tolist()
    seen: set[int] = set()
    made = []
    for left, right, result in rows:
        if result not in seen:
            seen.add(result)
            made.append((left, right, result))
    for left, right, result in reversed(made):
        total[left] += total[result]
        total[right] += total[result]
    ios = [0.0] * len(total)
    for left, right, result in made:
        for part in (left, right):
            if total[part]:
                ios[part] = max(ios[part], min(1.0, total[result] / total[part]))
    return np.asarray(total, dtype=np.uint64), np.asarray(ios)
