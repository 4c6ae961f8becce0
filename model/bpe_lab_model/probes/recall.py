"""Does a model hold on to what stood far before? A line `물=7` is asked for again many bytes later.

    물=7            the fact
    하늘 구름 바람    lines of words, or other text, until the distance is reached
    산=3            and, where rivals are asked for, facts about other keys
    ...
    물=             the question; the answer is 7

Keys are Korean words of one syllable, values digits. A digit is one token wherever tokens are made of bytes, so an
answer is one choice among all tokens, and among the ten digits a guess is right 1 time in 10. The distance is from the
digit to where it is asked for, in bytes of text, the same for every tokenizer. Questions are drawn from a seed, so all
models answer the same.

`lesson` makes text of such lines for a model to learn the game from; a model that never saw it may not know that it is
one. Trains nothing.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError, UnsupportedError
from bpe_lab_model import bpb
from bpe_lab_model.cache import Cache
from bpe_lab_model.positions import Learned

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab_model.gpt import GPT

KEYS = tuple("물불산강별달꽃눈집문책밥옷손발벌")
"""Words that every child knows: water, fire, mountain, river, star, moon, flower, eye, house, door, book, rice,
clothes, hand, foot, bee."""
VALUES = "0123456789"
CHANCE = 1 / len(VALUES)
DISTANCES = (64, 128, 256, 512, 1024, 2048, 4096)
N_QUESTIONS = 40
WORDS = (
    "하늘",
    "바다",
    "나무",
    "구름",
    "바람",
    "노래",
    "아침",
    "저녁",
    "마을",
    "언덕",
    "시냇물",
    "들판",
    "골목",
    "다리",
    "우산",
    "모자",
)
"""What lines between are made of: sky, sea, tree, cloud, wind, song, morning, evening, and so on."""
LESSON_KEYS = (1, 1, 2, 3, 4)
"""How many keys a document of a lesson has; each has one value there."""
LESSON_FACTS = (1.0, 1.0, 1.0, 0.5, 0.5, 0.2, 0.05)
"""How many lines of a document are facts: the rarer, the farther apart."""
READ_TOKENS = 256
"""Tokens that are read at a time: a bound on memory, since some position schemes make a number for each pair."""


def line(key: str, value: str = "") -> str:
    """Return a fact, or without a value the question.

    >>> line("물", "7"), line("물")
    ('물=7\\n', '물=')
    """
    return f"{key}={value}\n" if value else f"{key}="


@dataclass(frozen=True)
class Question:
    """A text that ends where the value must come."""

    text: str
    answer: str
    distance: int
    """Bytes from the answer's place in the fact to the place where it must come."""


def filler(draw: random.Random) -> str:
    """Return a line of three words, without a value."""
    return " ".join(draw.choices(WORDS, k=3)) + "\n"


def questions(distance: int, n: int = N_QUESTIONS, seed: int = 0, between: str = "", rivals: int = 0) -> list[Question]:
    """Return questions about a fact that stands `distance` bytes back, or up to a line more.

    Args:
        distance: bytes; at least a line.
        n: how many.
        seed: another one draws other keys, values and lines.
        between: text of which a random stretch stands between each time; by default lines of words.
        rivals: facts about so many other keys among those lines, as far as they fit: then a model that says the one
            value it saw is no longer right.

    Raises:
        ArgumentError: less than a line fits between, or `between` is shorter than the distance.

    >>> questions(64, 1, rivals=2)[0].text.count("=")
    4
    """
    least = len(line(KEYS[0], VALUES[0]).encode())
    if distance < least:
        raise ArgumentError(f"a distance must be at least a line of {least} bytes, got {distance}")
    if between and len(between.encode()) < distance:
        raise ArgumentError(
            f"the text between has {len(between.encode()):,} bytes, a distance {distance:,}", "give a longer text"
        )
    if not 0 <= rivals < len(KEYS):
        raise ArgumentError(f"rivals must be from 0 to {len(KEYS) - 1}, got {rivals}")
    draw = random.Random(f"{seed} {distance}")
    return [_question(draw, distance, between, rivals) for _ in range(n)]


def _question(draw: random.Random, distance: int, between: str, rivals: int) -> Question:
    key, answer = draw.choice(KEYS), draw.choice(VALUES)
    fact, asked = line(key, answer), line(key)
    # From the answer to the end of its line is one byte of answer and one of newline; then what is between; then `물=`.
    room = distance - 2 - len(asked.encode())
    middle = _stretch(draw, between, room) if between else _lines(draw, key, room, rivals)
    return Question(fact + middle + asked, answer, len(f"{answer}\n{middle}{asked}".encode()))


def _lines(draw: random.Random, key: str, n_bytes: int, rivals: int) -> str:
    """Return lines of words, and facts of other keys among them, of `n_bytes` bytes or up to a line more."""
    others = draw.sample([other for other in KEYS if other != key], rivals)
    facts = [line(other, draw.choice(VALUES)) for other in others]
    parts = facts[: max(0, n_bytes) // len(line(KEYS[0], VALUES[0]).encode())]
    n = sum(len(part.encode()) for part in parts)
    while n < n_bytes:
        parts.append(filler(draw))
        n += len(parts[-1].encode())
    draw.shuffle(parts)
    return "".join(parts)


def _stretch(draw: random.Random, text: str, n_bytes: int) -> str:
    """Return characters of a text from a random place on, of `n_bytes` bytes or up to two less, the last a newline."""
    data = text.encode()
    start = draw.randrange(max(1, len(data) - n_bytes))
    return data[start : start + max(0, n_bytes - 1)].decode(errors="ignore") + "\n"


def lesson(n_bytes: int, context_bytes: int, seed: int = 0) -> Iterator[str]:
    """Yield documents of lines to learn from, of an eighth, a quarter, half, or all of the context, `n_bytes` in all.

    In each a few keys have a value, and come again in random order between lines of words, in some documents often, in
    others rarely. From its second time on a value can be known. Most documents are short and most have one key, which
    makes the game easy to find out.
    """
    draw = random.Random(f"lesson {seed}")
    left = n_bytes
    while left > 0:
        size = max(48, context_bytes // draw.choice((1, 1, 2, 2, 4, 4, 8, 8)))
        keys, share = draw.sample(KEYS, draw.choice(LESSON_KEYS)), draw.choice(LESSON_FACTS)
        values = {key: draw.choice(VALUES) for key in keys}
        text = _document(draw, values, share, size)
        left -= len(text.encode())
        yield text


def _document(draw: random.Random, values: dict[str, str], share: float, n_bytes: int) -> str:
    """Return a document of at most `n_bytes` bytes that begins with every fact and ends with one."""
    text = "".join(line(key, value) for key, value in values.items())
    last = line(*draw.choice(list(values.items())))
    left = n_bytes - len((text + last).encode())
    while True:
        more = line(*draw.choice(list(values.items()))) if draw.random() < share else filler(draw)
        left -= len(more.encode())
        if left < 0:
            return text + last
        text += more


# -- answers


@dataclass(frozen=True)
class Recall:
    """How the questions of a distance were answered."""

    distance: int
    """Mean over the questions, in bytes."""
    exact: float
    """Share whose answer is the likeliest of all tokens."""
    choice: float
    """Share whose answer is the likeliest of the ten values; 0.1 by chance."""
    bits: float
    """Of the answer, which is one byte: -log2 of its probability; log2(10) = 3.32 for a guess among the ten."""
    n: int


Read = Callable[[list[list[int]]], Tensor]
"""Rows of tokens, the end of text before each -> logits of the next one: (N, V)."""


def recall(read: Read, candidate: "Candidate", eos: int, asked: Sequence[Question]) -> Recall:
    """Ask, and return how it went.

    Raises:
        UnsupportedError: a digit is not one token by itself. ArgumentError: nothing is asked.
    """
    if not asked:
        raise ArgumentError("no question is asked", "give at least one")
    values = _value_ids(candidate)
    rows = [[eos, *_ids(candidate, question.text)] for question in asked]
    said = read(rows).double().log_softmax(-1).cpu()  # (N, V)
    right = torch.tensor([values[VALUES.index(question.answer)] for question in asked])  # (N,)
    of_ten = torch.tensor(values)[said[:, values].argmax(1)]  # (N,)
    bits = -said[torch.arange(len(right)), right] / math.log(2)  # (N,)
    return Recall(
        round(sum(question.distance for question in asked) / len(asked)),
        float((said.argmax(1) == right).double().mean()),
        float((of_ten == right).double().mean()),
        float(bits.mean()),
        len(asked),
    )


def _ids(candidate: "Candidate", text: str) -> list[int]:
    found: list[int] = candidate.encode_ends([text.encode()], 1)[0].tolist()
    return found


def _value_ids(candidate: "Candidate") -> list[int]:
    found = [_ids(candidate, value) for value in VALUES]
    if any(len(ids) != 1 for ids in found):
        raise UnsupportedError("a digit is not one token of this tokenizer", "ask one whose tokens are made of bytes")
    return [ids[0] for ids in found]


def reader(model: "GPT", candidate: "Candidate", rows_at_a_time: int = 16) -> Read:
    """Return how a model reads: all of a text, however long; with learned positions its last C bytes.

    What is longer than the context stands at positions that training never had.
    """

    def read(rows: list[list[int]]) -> Tensor:
        if isinstance(model.position, Learned):
            rows = [_last(row, model.config.context_bytes, candidate) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found: list[Tensor | None] = [None] * len(rows)
        with bpb.scoring(model):
            for start in range(0, len(order), rows_at_a_time):
                chosen = order[start : start + rows_at_a_time]
                for i, logits in zip(chosen, _last_logits(model, [rows[i] for i in chosen]), strict=True):
                    found[i] = logits
        return torch.stack([logits for logits in found if logits is not None])  # (N, V)

    return read


def _last(row: list[int], n_bytes: int, candidate: "Candidate") -> list[int]:
    """Return the tokens that begin in the last `n_bytes` bytes, and the one before them, at most `n_bytes` in all."""
    import numpy as np

    ids = np.asarray(row[1:], np.uint32)
    text = candidate.decode(ids)
    ends = [0, *candidate.encode_ends([text], 1)[1].tolist()]
    first = next(i for i, begin in enumerate(ends) if begin >= len(text) - n_bytes)
    return row[first:][-(n_bytes + 1) :]


def _last_logits(model: "GPT", rows: list[list[int]]) -> Iterator[Tensor]:
    """Yield the logits (V,) after each row, read in stretches through a cache. Padding comes behind: none sees it."""
    T = max(map(len, rows))
    inputs = torch.zeros(len(rows), T, dtype=torch.int64)  # (B, T)
    for i, row in enumerate(rows):
        inputs[i, : len(row)] = torch.tensor(row)
    inputs = inputs.to(model.embedding.device)
    ends = [len(row) - 1 for row in rows]
    hidden: dict[int, Tensor] = {}
    cache = Cache()
    for start in range(0, T, READ_TOKENS):
        states = model(inputs[:, start : start + READ_TOKENS], cache=cache)  # (B, n, d)
        hidden |= {i: states[i, end - start] for i, end in enumerate(ends) if 0 <= end - start < states.shape[1]}
    for i in range(len(rows)):
        yield model.logits(hidden[i])  # (V,)


def curve(
    read: Read,
    candidate: "Candidate",
    eos: int,
    distances: Sequence[int] = DISTANCES,
    n: int = N_QUESTIONS,
    seed: int = 0,
    between: str = "",
    rivals: int = 0,
    progress: Callable[[int], Any] | None = None,
) -> list[tuple[int, Recall]]:
    """Return how well is recalled at each distance, shortest first; see `questions`."""
    found = []
    for distance in sorted(distances):
        found.append((distance, recall(read, candidate, eos, questions(distance, n, seed, between, rivals))))
        if progress:
            progress(distance)
    return found
