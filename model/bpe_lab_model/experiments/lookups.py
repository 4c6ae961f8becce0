"""An embedding as it is looked up and as a product of one-hot rows with the table: values, gradients, time, memory.

The product is the definition, the lookup its shortcut. Timing runs no training; the model that trains with the product
is the model in all else.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bpe_lab.runs import RunRecord
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.experiments.tasks import Job, Outcome, Say, finish, train_branches
from bpe_lab_model.gpt import GPT

Embed = Callable[[Tensor, Tensor], Tensor]


def lookup(ids: Tensor, table: Tensor) -> Tensor:
    """Return the rows of a table: (..., V) ids and (V, d) to (..., d). Cost: tokens x d."""
    return F.embedding(ids, table)


def one_hot_product(ids: Tensor, table: Tensor) -> Tensor:
    """Return the same by the definition. Cost: 2 tokens x V x d, and tokens x V numbers of memory.

    >>> one_hot_product(torch.tensor([2, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).tolist()
    [[5.0, 6.0], [1.0, 2.0]]
    """
    hot = torch.zeros(*ids.shape, len(table), dtype=table.dtype, device=table.device)  # (..., V)
    return hot.scatter_(-1, ids[..., None], 1.0) @ table  # (..., d)


class OneHotGPT(GPT):
    """The model with the product in place of the lookup."""

    def _tokens(self, inputs: Tensor) -> Tensor:
        return one_hot_product(inputs, self.embedding)  # (B, T, token_width)


def train(job: Job, say: Say) -> Iterator[Outcome]:
    """Train with the product, else as `tasks.train`."""
    candidate = job.candidate()
    model = OneHotGPT(job.config, embedding_keys(candidate, job.config.vocab_size))
    for budget, trainer, trained in train_branches(job, say, model):
        yield finish(job, budget, trainer, trained, candidate)


# -- side by side


def measured(job: Job, say: Say) -> Iterator[Outcome]:
    """Compare both for one size of vocabulary, at the job's width; trains nothing.

    Options: `n_vocab`, `n_tokens` (512), `repeats` (7).
    """
    options = job.options
    n_vocab, n_tokens = int(options["n_vocab"]), int(options.get("n_tokens", 512))
    found = compared(n_vocab, job.config.d_model, n_tokens, int(options.get("repeats", 7)), job.seed, say)
    for budget in job.budgets:
        yield Outcome(budget, "ok", measures=found)


def compared(
    n_vocab: int, width: int, n_tokens: int, repeats: int, seed: int = 0, say: Say = lambda share, bpb: None
) -> dict[str, float]:
    """Return differences, milliseconds (medians of `repeats`, taken in turns) and bytes of both ways.

    Returns:
        `difference` (largest, of values), `gradient_difference` (length of the difference of the tables' gradients, as
        a part of the gradient's), `lookup_ms`, `product_ms` (forward), `lookup_both_ms`, `product_both_ms` (forward
        and backward), `times` and `times_both` (product / lookup), `lookup_kept_bytes`, `product_kept_bytes` (what the
        forward keeps for the backward beside the table), `formula_times` (V), `n_vocab`, `n_tokens`.
    """
    drawn = torch.Generator().manual_seed(seed)
    table = torch.randn(n_vocab, width, generator=drawn).requires_grad_()  # (V, d)
    above = torch.randn(n_tokens, width, generator=drawn)  # (N, d) the gradient that comes from above
    ids = torch.randint(n_vocab, (n_tokens,), generator=drawn)  # (N,)
    ways: dict[str, Embed] = {"lookup": lookup, "product": one_hot_product}
    values = {name: way(ids, table) for name, way in ways.items()}  # (N, d)
    grads = {name: torch.autograd.grad(value, table, above)[0] for name, value in values.items()}  # (V, d)
    ms = _milliseconds(ways, ids, table, above, repeats, say)
    return {
        "difference": float((values["lookup"] - values["product"]).detach().abs().max()),
        "gradient_difference": _apart(grads["product"], grads["lookup"]),
        **{f"{name}_ms": forward for name, (forward, _) in ms.items()},
        **{f"{name}_both_ms": both for name, (_, both) in ms.items()},
        "times": ms["product"][0] / ms["lookup"][0],
        "times_both": ms["product"][1] / ms["lookup"][1],
        **{f"{name}_kept_bytes": kept_bytes(way, ids, table) for name, way in ways.items()},
        "formula_times": n_vocab,
        "n_vocab": n_vocab,
        "n_tokens": n_tokens,
    }


def _apart(a: Tensor, b: Tensor) -> float:
    return float(torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b))


def _milliseconds(
    ways: Mapping[str, Embed], ids: Tensor, table: Tensor, above: Tensor, repeats: int, say: Say
) -> dict[str, tuple[float, float]]:
    """Return the medians of forward, and of forward and backward."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            value = way(ids, table)  # (N, d)
            forward = time.perf_counter() - started
            torch.autograd.grad(value, table, above)
            times[name].append((forward, time.perf_counter() - started))
        say((turn + 1) / (repeats + 1), math.nan)
    # The first turn asks the system for memory.
    columns = {name: list(zip(*rows[1:], strict=True)) for name, rows in times.items()}
    return {name: (1e3 * statistics.median(a), 1e3 * statistics.median(b)) for name, (a, b) in columns.items()}


def kept_bytes(way: Embed, ids: Tensor, table: Tensor) -> int:
    """Return the bytes that a forward keeps for its backward, the table itself left out."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() != table.untyped_storage().data_ptr():
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        way(ids, table)
    return sum(kept.values())


# -- of records

Records = Mapping[tuple[str, float], RunRecord]


def largest_difference(records: Records) -> float | None:
    """Return the largest difference of values over all sizes."""
    return _largest(records, "difference")


def largest_gradient_difference(records: Records) -> float | None:
    """Return the largest difference of gradients over all sizes, as a part of the gradient."""
    return _largest(records, "gradient_difference")


def _largest(records: Records, key: str) -> float | None:
    return max((float(m[key]) for m in _measures(records)), default=None)


def dearer_than_said(records: Records) -> float | None:
    """Return log10 of (measured ratio of forward times / V) at the largest vocabulary: 0 where the formula holds."""
    found = max(_measures(records), key=lambda m: float(m["n_vocab"]), default=None)
    return None if found is None else math.log10(float(found["times"]) / float(found["formula_times"]))


def exponent(records: Records) -> float | None:
    """Return e - 1 of the fit time = c V^e over the product's forward and backward; 0 where time grows as V does."""
    found = [(math.log(m["n_vocab"]), math.log(m["product_both_ms"])) for m in _measures(records)]
    if len({x for x, _ in found}) < 2:
        return None
    slope, _ = statistics.linear_regression(*zip(*found, strict=True))
    return slope - 1


def _measures(records: Records) -> list[Mapping[str, Any]]:
    return [record.measures for record in records.values() if "formula_times" in record.measures]


def points(record: RunRecord) -> list[tuple[float, float, str]]:
    """Return (V, milliseconds of forward and backward, way) of a record; none of one that trained."""
    m = record.measures
    if "formula_times" not in m:
        return []
    return [(float(m["n_vocab"]), float(m[f"{way}_both_ms"]), way) for way in ("lookup", "product")]
