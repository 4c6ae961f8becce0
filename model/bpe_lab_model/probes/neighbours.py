"""Which tokens lie near which in the embedding table, from the start of a training to its end.

    cos(a, b) = a.b / (|a| |b|);   a word of several tokens is the mean of their rows

A cosine says nothing by itself: narrow tables have large ones by chance, trained tables have one common direction, and
common tokens lie together. So beside each stands the range of random words of the same make: as many tokens, as common,
as many of them shared. `atlas` draws the commonest tokens on two axes that are the same at every stage. Trains nothing.
"""

import contextlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bpe_lab import hangul
from bpe_lab.errors import ArgumentError
from bpe_lab_model import checkpoint
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT
from bpe_lab_model.objectives import extra_ids, extra_names
from bpe_lab_model.stages import checkpoints

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.shards import Shards

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SHARES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Of the bytes of a training: where it is looked at."""
N_RANDOM = 2000
"""Random pairs behind each range."""
_LEAST_RANKS = 20
"""At least so many ranks does a random token come from."""
_FAR = 1.5
"""A checkpoint further than this factor from the share that was wanted does not stand for it."""


class Choice(NamedTuple):
    """A checkpoint, and the share of the training for which it stands."""

    share: float
    """Wanted."""
    n_bytes: int
    """Seen."""
    folder: Path | None
    """None: the start, which no checkpoint holds."""


@dataclass(frozen=True)
class Stage:
    """The embedding table at one place of the training."""

    share: float
    """Of the training that was planned, as it is: bytes seen / all."""
    n_bytes: int
    table: Floats = field(repr=False)
    """(V, token_width)."""


class Word(NamedTuple):
    """A word as the tokenizer cuts it."""

    text: str
    """As it was asked for."""
    spelling: str
    """As it was encoded: with a space before it, where that takes no more tokens."""
    ids: tuple[int, ...]


class Range(NamedTuple):
    """Cosines of random pairs."""

    mean: float
    low: float
    """2.5 of 100 are below."""
    high: float
    """2.5 of 100 are above."""


# Stages of a run.


def chosen(run: Path, shares: Sequence[float] = SHARES) -> tuple[list[Choice], int]:
    """Return the checkpoints nearest to the shares, each once and oldest first, and the bytes of the whole training.

    Share 0 is the start, which a run that went on from another model has not. Nearest by ratio: 3 % lies between 1 and
    9 %. Of a single checkpoint there is itself; of one that does not say what it has seen (`lm finetune`) that alone,
    and 0 bytes.

    Raises:
        FileError: there is no checkpoint.
    """
    folders = checkpoints(run)
    last = checkpoint.load(folders[-1])
    seen = [int(folder.name) if folder.name.isdigit() else n_bytes(last) for folder in folders]
    total = int(last.state.get("schedule", {}).get("total_bytes", 0)) or seen[-1]
    if not total:
        return [Choice(1.0, 0, folders[-1])], 0
    starts = 0.0 in shares and not continued(run)
    found: dict[Path | None, Choice] = {None: Choice(0.0, 0, None)} if starts else {}
    for share in (share for share in shares if share > 0):
        n, folder = min(zip(seen, folders, strict=True), key=lambda one: _off(one[0], share * total))
        held = found.get(folder)
        if held is None or _off(n, share * total) < _off(n, held.share * total):
            found[folder] = Choice(share, n, folder)
    return sorted(found.values(), key=lambda choice: choice.n_bytes), total


def continued(folder: Path) -> dict[str, str]:
    """Return from what a run, or that of one of its checkpoints, went on (`lm train --from`): `came_from`, `new_rows`.

    Empty where it began by itself.
    """
    for run in (folder, folder.resolve().parent.parent):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            record = json.loads((run / "run.run.json").read_text(encoding="utf-8"))
            known = record.get("training") or {}
            return {name: str(known[name]) for name in ("came_from", "new_rows") if known.get(name)}
    return {}


def n_bytes(loaded: checkpoint.Checkpoint) -> int:
    """Return the bytes that a checkpoint has seen; 0 where its state does not tell."""
    return int(loaded.state.get("progress", {}).get("bytes", 0))


def missing(choices: Iterable[Choice], total: int, shares: Sequence[float] = SHARES) -> list[float]:
    """Return the shares for which no checkpoint stands."""
    found = list(choices)
    near = [c.share for c in found if not c.share or _off(c.n_bytes, c.share * total) <= math.log(_FAR)]
    return [share for share in shares if share not in near]


def _off(n: int, wanted: float) -> float:
    return abs(math.log(max(n, 1) / max(wanted, 1)))


def stages(choices: Iterable[Choice], total: int, start: GPT) -> list[Stage]:
    """Read the tables; that of the start is `start`'s."""
    found = []
    for share, seen, folder in choices:
        model = start if folder is None else checkpoint.load(folder).model
        table = model.embedding.detach()[: model.config.vocab_size].float().cpu().numpy().copy()  # (V, d)
        found.append(Stage(seen / total if total else share, seen, table))
    return found


def at_start(loaded: checkpoint.Checkpoint, candidate: "Candidate") -> GPT:
    """Return the model as it was before its first step: its parameters follow from configuration and tokens.

    A run on the shards of another library's tokenizer had no spellings at hand, so its rows start from their numbers.
    """
    config = loaded.config
    if loaded.tokenizer_path is None:
        return GPT(config).eval()
    objective = str(loaded.state.get("settings", {}).get("objective", "clm"))
    keys = embedding_keys(candidate, config.vocab_size - extra_ids(objective))
    return GPT(config, keys + [b"s:" + name.encode() for name in extra_names(objective)]).eval()


# Tokens and words.


def pool(candidate: "Candidate", counts: Ints | None = None) -> Ints:
    """Return the ids that take part, commonest first.

    With counts those that the text holds; without them all tokens that text can become, single symbols last and the
    others in the order of their merges, which is about that of their counts.
    """
    kinds = candidate.kinds()
    spelled = {id: data for id, data in candidate.vocab() if kinds[id]}
    if counts is not None:
        return np.array(sorted((i for i in spelled if counts[i]), key=lambda i: (-counts[i], i)), np.int64)
    return np.array(sorted(spelled, key=lambda i: (len(spelled[i]) == 1, i)), np.int64)


def counted(shards: "Shards", n_rows: int) -> Ints:
    """Return how often each id stands in the training text: (n_rows,)."""
    return np.bincount(np.asarray(shards.split("train").ids, np.int64), minlength=n_rows)


def word(text: str, candidate: "Candidate") -> Word:
    """Return a word as it stands in a sentence, a space before it; bare where that takes fewer tokens.

    Raises:
        ArgumentError: it is empty.
    """
    if not text.strip():
        raise ArgumentError("a word is empty", "--words 사과,바나나,자동차")
    found = [Word(text, spelling, _encoded(spelling, candidate)) for spelling in (f" {text.strip()}", text.strip())]
    return min(found, key=lambda one: len(one.ids))


def _encoded(text: str, candidate: "Candidate") -> tuple[int, ...]:
    ids, _, _ = candidate.encode_ends([text.encode()])
    return tuple(int(id) for id in ids)


def spelling(id: int, candidate: "Candidate") -> bytes:
    """Return the bytes of a token alone."""
    tokenizer = candidate.tokenizer
    return tokenizer.token_bytes(id) if tokenizer else candidate.decode([id])


# Cosines.


def centred(stage: Stage, tokens: Ints) -> Stage:
    """Return a stage without what its tokens have in common: the mean of their rows is taken off each."""
    return replace(stage, table=stage.table - stage.table[tokens].mean(0))


def cosine(a: Floats, b: Floats) -> float:
    """Return the cosine of two vectors; 0 where one of them has no direction.

    >>> cosine(np.array([1, 0], np.float32), np.array([1, 1], np.float32)).__round__(4)
    0.7071
    """
    return float(unit(a[None])[0] @ unit(b[None])[0])


def unit(rows: Floats) -> Floats:
    """Return the rows with length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    found: Floats = (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return found


def vector(table: Floats, ids: Sequence[int]) -> Floats:
    """Return the mean of the rows: (d,)."""
    found: Floats = table[list(ids)].mean(0)
    return found


def random_range(table: Floats, tokens: Ints, a: Sequence[int], b: Sequence[int], seed: int = 0) -> Range:
    """Return the cosines of random pairs made as (a, b): each of their tokens exchanged for one about as common.

    Common tokens lie together whatever they mean, so words of common tokens do too; and what a and b share is shared
    after the exchange, so the chance that comes from sharing is in the range. As common: of rank r / 2 to 2 r + 20.

    Args:
        table: (V, d).
        tokens: ids to draw from, commonest first (`pool`).
        a: tokens of a word.
        b: of the other.
        seed: the same words are drawn at every stage.

    Raises:
        ArgumentError: there are fewer tokens than twice those that the pair has.
    """
    different = list(dict.fromkeys((*a, *b)))
    _check_enough(tokens, len(different))
    rank = {int(id): at for at, id in enumerate(tokens)}
    ranks = np.array([rank.get(id, len(tokens) - 1) for id in different])
    low = np.minimum(ranks // 2, len(tokens) - 2 * len(different))
    high = np.minimum(2 * ranks + _LEAST_RANKS, len(tokens))
    drawn = tokens[_drawn(low, np.maximum(high, low + 2 * len(different)), seed)]  # (N, n)
    place = {id: at for at, id in enumerate(different)}
    return _range(*(table[drawn[:, [place[id] for id in side]]].mean(1) for side in (a, b)))


def random_tokens(table: Floats, tokens: Ints, seed: int = 0) -> Range:
    """Return the cosines of random pairs of tokens, whatever they are."""
    _check_enough(tokens, 2)
    drawn = tokens[_drawn(np.zeros(2, np.int64), np.full(2, len(tokens)), seed)]  # (N, 2)
    return _range(table[drawn[:, 0]], table[drawn[:, 1]])


def _check_enough(tokens: Ints, n: int) -> None:
    if len(tokens) < 2 * n:
        raise ArgumentError(f"random pairs of {n} tokens need at least {2 * n} to draw from, got {len(tokens)}")


def _drawn(low: Ints, high: Ints, seed: int) -> Ints:
    """Return `N_RANDOM` rows of different ranks, each from its `low` to below its `high`: (N_RANDOM, n)."""
    draws = np.random.default_rng(seed)
    found = draws.integers(low, high, (N_RANDOM, len(low)))
    for at in range(1, len(low)):  # a column at a time: whole rows of many tokens would hardly ever differ
        while len(twice := np.flatnonzero((found[:, :at] == found[:, at : at + 1]).any(1))):
            found[twice, at] = draws.integers(low[at], high[at], len(twice))
    return found


def _range(a: Floats, b: Floats) -> Range:
    found = (unit(a) * unit(b)).sum(1)
    low, high = np.quantile(found, (0.025, 0.975))
    return Range(float(found.mean()), float(low), float(high))


def nearest(table: Floats, tokens: Ints, ids: Sequence[int], n: int) -> list[tuple[int, float]]:
    """Return the `n` tokens nearest to a word, its own left out, with their cosines: the nearest first."""
    others = tokens[~np.isin(tokens, list(ids))]
    cosines = unit(table[others]) @ unit(vector(table, ids)[None])[0]
    order = np.argsort(-cosines, kind="stable")[:n]
    return [(int(others[at]), float(cosines[at])) for at in order]


# The map.


@dataclass(frozen=True)
class Atlas:
    """Tokens and words on two axes, the same ones at every stage."""

    ids: tuple[int, ...]
    points: NDArray[np.float64] = field(repr=False)
    """(stages, tokens and then words, 2)."""
    shown: tuple[float, ...]
    """Of each stage: how much of the spread of its tokens the two axes show."""
    common: tuple[float, ...]
    """Of each stage: length of the mean of the directions; 0 where they go everywhere, 1 where all are one."""
    neighbours: NDArray[np.int64] = field(repr=False)
    """(stages, tokens and then words, n): places of the nearest among the tokens."""


def atlas(found: Sequence[Stage], ids: Ints, words: Sequence[Word] = (), n_neighbours: int = 5) -> Atlas:
    """Project the directions of tokens on the two axes along which they spread most, over all stages together.

    Directions, since cosines know no lengths; each stage around its own mean, else the first axis would be the way
    that all of them go together.
    """
    units = np.stack([_directions(stage.table, ids, words) for stage in found]).astype(np.float64)  # (S, n, d)
    tokens = units[:, : len(ids)]
    means = tokens.mean(1, keepdims=True)  # (S, 1, d)
    centred = tokens - means
    _, vectors = np.linalg.eigh(np.einsum("snd,sne->de", centred, centred))
    axes = vectors[:, ::-1][:, :2]  # (d, 2)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])  # an axis has no sign of its own: this one is fixed
    points = (units - means) @ axes  # (S, n, 2)
    spread = (centred**2).sum((1, 2))
    shown = (points[:, : len(ids)] ** 2).sum((1, 2)) / np.where(spread > 0, spread, 1)
    own = _own(ids, words)
    near = np.stack([_near(stage, own, n_neighbours) for stage in units])
    lengths = np.linalg.norm(means[:, 0], axis=1)
    return Atlas(tuple(map(int, ids)), points, tuple(map(float, shown)), tuple(map(float, lengths)), near)


def _directions(table: Floats, ids: Ints, words: Sequence[Word]) -> Floats:
    """Return rows of length 1: (tokens and words, d)."""
    return unit(np.concatenate([table[ids], *(vector(table, word.ids)[None] for word in words)]))


def _own(ids: Ints, words: Sequence[Word]) -> NDArray[np.bool_]:
    """Tell which tokens each is made of: (tokens and words, tokens)."""
    of_words = [np.isin(ids, word.ids)[None] for word in words]
    return np.concatenate([np.eye(len(ids), dtype=bool), *of_words])


def _near(units: NDArray[np.float64], own: NDArray[np.bool_], n: int) -> Ints:
    """Return the places of the nearest tokens of each, its own left out: (all, n)."""
    cosines = np.where(own, -np.inf, units @ units[: own.shape[1]].T)  # (all, tokens)
    found: Ints = np.argsort(-cosines, axis=1, kind="stable")[:, :n]
    return found


GROUPS = ("hangul", "latin", "other", "signs", "pieces")
"""What a token is made of: Hangul, Latin letters, other letters, no letters, a piece of a character."""


def group(data: bytes) -> str:
    """Return which of `GROUPS` a token belongs to.

    >>> group(" 사과".encode()), group(b"the"), group(b"\\xec\\x82"), group(b", "), group("學".encode())
    ('hangul', 'latin', 'pieces', 'signs', 'other')
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "pieces"
    if any(hangul.kind(char) != "none" for char in text):
        return "hangul"
    letters = [char for char in text if char.isalpha()]
    if not letters:
        return "signs"
    return "latin" if any(char <= "\u024f" for char in letters) else "other"
