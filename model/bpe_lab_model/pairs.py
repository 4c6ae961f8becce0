"""Pairs of a prompt and its answer: read, checked, and divided into what is trained on and what is held out.

A line is a JSON object with both, by the names `prompt` and `answer` or `instruction` and `output`, or others that are
given. By default the sentences of the embedded sample with the kind of text they are from. Knows no tokenizer and no
model.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bpe_lab import holdout
from bpe_lab.errors import CorpusError, FileError, FormatError

NAMES = ((("prompt",), "answer"), (("instruction",), "output"))
"""Fields that are looked for where none are named."""

BETWEEN = "\n"
"""Stands between a prompt and its answer, and belongs to the prompt: a model asked with it goes on with the answer."""

_KINDS = {
    "chat": "채팅",
    "dialogue": "대화",
    "essay": "수필",
    "formal": "공문",
    "letter": "편지",
    "news": "뉴스",
    "recipe": "조리법",
    "tech": "기술",
}
_QUESTION = "다음은 어떤 글에서 왔을까? "


@dataclass(frozen=True)
class Pairs:
    """Prompts and their answers, in order."""

    name: str
    prompts: tuple[bytes, ...] = field(repr=False)
    """With what stands between them and their answers."""
    answers: tuple[bytes, ...] = field(repr=False)
    """None is empty. No two pairs are equal."""
    n_repeated: int = 0
    """Lines left out because a line before them said the same."""

    def __len__(self) -> int:
        return len(self.prompts)

    def take(self, places: Iterable[int]) -> "Pairs":
        """Return some of them."""
        chosen = sorted(places)
        return Pairs(self.name, tuple(self.prompts[i] for i in chosen), tuple(self.answers[i] for i in chosen))

    def within(self, n_bytes: int) -> "Pairs":
        """Return those that are at most `n_bytes` long, so that a model sees the whole prompt before its answer."""
        return self.take(i for i in range(len(self)) if len(self.prompts[i]) + len(self.answers[i]) <= n_bytes)


def sample_pairs(between: str = BETWEEN) -> Pairs:
    """Return the embedded sample's Korean sentences as questions, each answered by the kind of text it is from.

    >>> pairs = sample_pairs()
    >>> print(pairs.prompts[1].decode() + pairs.answers[1].decode())
    다음은 어떤 글에서 왔을까? 야 나 오늘 지하철에서 졸다가 종점까지 갔어ㅋㅋㅋ
    채팅
    """
    from bpe_lab import sample

    found = [(f"{_QUESTION}{pair.ko}{between}".encode(), _KINDS[pair.register].encode()) for pair in sample.parallel()]
    unique = list(dict.fromkeys(found))
    prompts, answers = zip(*unique, strict=True)
    return Pairs("kinds of the sample's sentences", prompts, answers, len(found) - len(unique))


def read_pairs(
    path: str | os.PathLike[str],
    prompt: Sequence[str] | None = None,
    answer: str | None = None,
    between: str = BETWEEN,
) -> Pairs:
    """Read a file of JSON lines; a pair that repeats one before it is left out and counted.

    Args:
        path: lines that are empty are passed over.
        prompt: fields that a prompt is made of, joined by line breaks; those that are empty in a line are left out
            (`instruction`, `input`). By default what `NAMES` says, as the first line has it.
        answer: the field with the answer.
        between: put behind each prompt.

    Raises:
        FileError: it cannot be read. CorpusError: it holds nothing.
        FormatError: a line is no JSON object, or lacks a field; the message names the line.
    """
    place = Path(path)
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except OSError as e:
        raise FileError(f"cannot read {place}: {e.strerror}", "check the spelling") from e
    except UnicodeDecodeError:
        raise FormatError(f"{place.name} is no UTF-8", "write the file as UTF-8") from None
    rows = [(number, _object(line, f"{place.name}, line {number}")) for number, line in enumerate(lines, 1) if line]
    if not rows:
        raise CorpusError(f"{place.name} is empty", "give lines such as " + _EXAMPLE)
    names, wanted = _names(rows[0][1], prompt, answer, place.name)
    found = [_pair(row, names, wanted, between, f"{place.name}, line {number}") for number, row in rows]
    prompts, answers = zip(*dict.fromkeys(found), strict=True)
    return Pairs(place.name, prompts, answers, len(found) - len(prompts))


_EXAMPLE = '{"prompt": "한국의 수도는?", "answer": "서울"}'


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FormatError(f"{where} is no JSON object", "a line is such as " + _EXAMPLE)
    return found


def _names(
    first: dict[str, Any], prompt: Sequence[str] | None, answer: str | None, file: str
) -> tuple[tuple[str, ...], str]:
    """Return the fields of prompt and answer: those named, and for others what the first line has."""
    for prompts, wanted in NAMES:
        names = (tuple(prompt or prompts), answer or wanted)
        if names[1] in first and names[0][0] in first:
            return names
    raise FormatError(
        f"{file} has the fields {', '.join(first) or 'of an empty object'}: which is the prompt, and which the answer?",
        "name them: --prompt-field question --answer-field reply",
    )


def _pair(row: dict[str, Any], names: Sequence[str], answer: str, between: str, where: str) -> tuple[bytes, bytes]:
    parts = [_text(row, name, where, needed=i == 0) for i, name in enumerate(names)]
    prompt = "\n".join(part for part in parts if part) + between
    return _bytes(prompt, where), _bytes(_text(row, answer, where, needed=True), where)


def _text(row: dict[str, Any], name: str, where: str, *, needed: bool) -> str:
    value = row.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise FormatError(f"{where}: {name!r} is {_said(row, name)}", "each line has a text there")
    return value


def _said(row: dict[str, Any], name: str) -> str:
    if name not in row:
        return "missing"
    return "empty" if isinstance(row[name], str) else f"no text but {json.dumps(row[name])[:40]}"


def _bytes(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise FormatError(f"{where} holds a lone surrogate, which is no character", "write it as UTF-8") from None


def divide_pairs(pairs: Pairs, share: float) -> tuple[Pairs, Pairs]:
    """Return what to train on and what is held out: about `share` of the prompts, at least one on each side.

    Which prompts is decided by their content alone, and all pairs of one prompt go to one side.

    Raises:
        ArgumentError: a share that is not between 0 and 1. CorpusError: there are not two different prompts.
    """
    share = holdout.parse_share(share)
    hashes = list(holdout.split_hashes(pairs.prompts))
    kinds = sorted(set(hashes))
    if len(kinds) < 2:
        raise CorpusError(
            f"{pairs.name} has {len(kinds)} different prompt: it cannot be both trained on and held out",
            "give at least two",
        )
    held = set(kinds[: holdout.n_held_out(len(kinds), share)])
    is_held = [value in held for value in hashes]
    return pairs.take(i for i, out in enumerate(is_held) if not out), pairs.take(
        i for i, out in enumerate(is_held) if out
    )


def check_apart(train: Pairs, test: Pairs) -> None:
    """Refuse a test of its own that asks what the training asks.

    Raises:
        CorpusError: with how many prompts and the first of them.
    """
    holdout.check_apart(train.prompts, test.prompts, (train.name, test.name), "prompts")
