"""A trained model for a tokenizer that has grown: old rows stay, new ones start from what the old ones know.

Ids of the old tokenizer are the same in the new one (`bpe_lab.extend`), so the trunk and all old rows are taken over as
they are; a token of several old ones had no row. Trains nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError, FormatError
from bpe_lab.tokenizer import Tokenizer
from bpe_lab_model.embedding import Floats, embedding_keys, hashes, normal, rows
from bpe_lab_model.gpt import GPT

NewRows = Literal["mean", "byte-keyed", "normal"]
NEW_ROWS: tuple[NewRows, ...] = get_args(NewRows)
"""`mean`: of the rows of the old tokens that spell the new one. `byte-keyed`: from the hash of its bytes, as a new
model would. `normal`: drawn with the standard deviation of the old table."""


def check_extension(old: Tokenizer, new: Tokenizer) -> None:
    """Refuse a tokenizer that does more or less than to have merges behind those of `old`.

    Raises:
        FormatError: the first id that differs is named, or what else does.
    """
    hint = "grow the checkpoint's tokenizer: bpe-lab train --extend BASE --vocab +8000 TEXT"
    for what in ("unit", "pattern", "rule"):
        if getattr(old, what) != getattr(new, what):
            raise FormatError(f"not an extension: {what} {getattr(new, what)} in place of {getattr(old, what)}", hint)
    was, now = dict(old.vocab()), dict(new.vocab())
    specials = [set(tokenizer.special_tokens.values()) for tokenizer in (old, new)]
    for id in sorted(was):
        if was[id] != now.get(id) or len({id in ids for ids in specials}) > 1:
            raise FormatError(f"not an extension: id {id} was {was[id]!r} and is {now.get(id)!r}", hint)
    if early := sorted(id for id in now if id < old.n_ids and id not in was):
        raise FormatError(f"not an extension: id {early[0]} was free and is {now[early[0]]!r}", hint)
    n_merges = old.n_merges
    if not np.array_equal(new.merge_table()[:n_merges], old.merge_table()):
        raise FormatError("not an extension: its first merges are others, so old text is cut in another way", hint)


def spelled_by(old: Tokenizer, new: Tokenizer) -> dict[int, list[int]]:
    """Return the old ids that each new id was merged from, in their order.

    Where ranks rule, no merges are listed: there they are what `old` encodes the token's bytes to.

    >>> from bpe_lab import extend, train
    >>> old = train(texts=["ab"], vocab_size=257, special_tokens=())
    >>> new = extend(old, texts=["cab cab"], vocab_size="+1")
    >>> [[old.token_bytes(id) for id in ids] for ids in spelled_by(old, new).values()]
    [[b'c', b'ab']]
    """
    if new.rule == "ranks":
        return {id: old.encode(spelling) for id, spelling in new.vocab() if id >= old.n_ids}
    found: dict[int, list[int]] = {}
    for left, right, result in new.merge_table()[old.n_merges :].tolist():
        found[result] = [part for side in (left, right) for part in found.get(side, [side])]
    return found


@torch.no_grad()
def grown(model: GPT, old: Tokenizer, new: Tokenizer, new_rows: NewRows = "mean", seed: int | None = None) -> GPT:
    """Return a model for `new` with the weights of `model`, which was trained with `old`.

    Rows behind the tokenizer's, as an end of text of the model's own, move behind the new ones. A head of its own gets
    its new rows in the same way as the table.

    Args:
        model: stays as it is.
        old: its tokenizer.
        new: the same with more merges, or the same.
        new_rows: how rows of new tokens start.
        seed: of rows that are drawn; by default the model's.

    Raises:
        FormatError: `new` is no extension of `old`. ArgumentError: the model is of another tokenizer.
    """
    check_extension(old, new)
    if new_rows not in NEW_ROWS:
        raise ArgumentError(f"new_rows must be one of {', '.join(NEW_ROWS)}, got {new_rows!r}")
    n_behind = model.config.vocab_size - old.n_ids
    if n_behind < 0:
        raise ArgumentError(
            f"the model has {model.config.vocab_size:,} rows, its tokenizer {old.n_ids:,} ids",
            "take the tokenizer that the model was trained with",
        )
    config = replace(model.config, vocab_size=new.n_ids + n_behind)
    bigger = GPT(config)
    weights = model.state_dict()
    for name in {"embedding", "head"} & weights.keys():
        weights[name] = _table(weights[name], name, old, new, n_behind, config.vocab_rows, new_rows, _draw(model, seed))
    bigger.load_state_dict(weights)
    return bigger.to(model.embedding.device)


def _draw(model: GPT, seed: int | None) -> tuple[int, float]:
    """Return the seed of drawn rows, and the deviation of byte-keyed ones."""
    return model.config.seed if seed is None else seed, model.config.init_std


def _table(
    table: Tensor,
    name: str,
    old: Tokenizer,
    new: Tokenizer,
    n_behind: int,
    n_rows: int,
    new_rows: NewRows,
    draw: tuple[int, float],
) -> Tensor:
    """Return old rows, new rows, rows behind the tokenizer's, and zeros as padding: (n_rows, d)."""
    bigger = table.new_zeros(n_rows, table.shape[1])  # (n_rows, d)
    bigger[: old.n_ids] = table[: old.n_ids]
    bigger[new.n_ids : new.n_ids + n_behind] = table[old.n_ids : old.n_ids + n_behind]
    if new.n_ids > old.n_ids:
        known = table[: old.n_ids].float().cpu().numpy()  # (n_old, d)
        made = _new_rows(known, name, old, new, new_rows, draw)  # (n_new, d)
        bigger[old.n_ids : new.n_ids] = torch.from_numpy(made).to(table)
    return bigger


def _new_rows(
    known: Floats, name: str, old: Tokenizer, new: Tokenizer, new_rows: NewRows, draw: tuple[int, float]
) -> Floats:
    """Return the rows of the new ids: (n_new, d)."""
    seed, std = draw
    width, prefix = known.shape[1], b"head:" if name == "head" else b""
    if new_rows == "mean":
        parts = spelled_by(old, new)
        return np.stack([known[parts[id]].mean(0) for id in range(old.n_ids, new.n_ids)]).astype(np.float32)
    keys: Sequence[bytes] = [prefix + key for key in embedding_keys(new, new.n_ids)[old.n_ids :]]
    if new_rows == "byte-keyed":
        return rows(keys, width, seed, std=std)
    return normal(hashes([b"new:" + key for key in keys], seed), width, float(known.std()))
