"""Texts with labels: read, checked, and divided label by label into what is trained on and what is held out.

A line is `label TAB text`. By default the Korean sample with its registers. Knows no tokenizer and no model.
"""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bpe_lab import holdout
from bpe_lab.errors import CorpusError, FileError, FormatError


@dataclass(frozen=True)
class Labelled:
    """Texts and their labels, in order."""

    name: str
    texts: tuple[bytes, ...] = field(repr=False)
    """No two are equal."""
    labels: tuple[str, ...] = field(repr=False)
    n_repeated: int = 0
    """Lines left out because a line before them said the same."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The labels there are, in alphabetical order."""
        return tuple(sorted(set(self.labels)))

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, places: Iterable[int]) -> "Labelled":
        """Return some of them."""
        chosen = sorted(places)
        return Labelled(self.name, tuple(self.texts[i] for i in chosen), tuple(self.labels[i] for i in chosen))


def registers(lang: str = "ko") -> Labelled:
    """Return the embedded sample's documents with their registers: news, chat, recipe, and so on."""
    from bpe_lab import sample

    documents = sample.documents(lang)
    texts, labels = tuple(d.text.encode() for d in documents), tuple(d.register for d in documents)
    return Labelled(f"registers of sample:{lang}", texts, labels)


def read_labelled(path: str | os.PathLike[str]) -> Labelled:
    """Read a file of lines `label TAB text`; a line that repeats one before it is left out and counted.

    Raises:
        FileError: it cannot be read. CorpusError: it holds nothing.
        FormatError: a line has no TAB, no label or no text, or another label for the text of a line before it; the
            message names the line.
    """
    place = Path(path)
    try:
        lines = place.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    except OSError as e:
        raise FileError(f"cannot read {place}: {e.strerror}", "check the spelling") from e
    seen: dict[bytes, tuple[int, str]] = {}
    for number, line in enumerate(lines, 1):
        label, text = _parted(line, f"{place.name}, line {number}")
        before = seen.setdefault(text, (number, label))
        if before[1] != label:
            raise FormatError(
                f"{place.name}, line {number}: the text of line {before[0]} again, there {before[1]!r}, here {label!r}",
                "a text has one label; take one of the lines away",
            )
    if not seen:
        raise CorpusError(f"{place.name} is empty", "give lines of: label TAB text")
    labels = tuple(label for _, label in seen.values())
    return Labelled(place.name, tuple(seen), labels, len(lines) - len(seen))


def _parted(line: bytes, where: str) -> tuple[str, bytes]:
    label, tab, text = line.partition(b"\t")
    if not tab:
        raise FormatError(f"{where} has no TAB", "a line is: label TAB text")
    if not label.strip() or not text.strip():
        raise FormatError(f"{where} has no {'text' if label.strip() else 'label'}", "a line is: label TAB text")
    try:
        return label.decode().strip(), text
    except UnicodeDecodeError:
        raise FormatError(f"{where}: the label is no UTF-8", "write the file as UTF-8") from None


def divide(data: Labelled, share: float) -> tuple[Labelled, Labelled]:
    """Return what to train on and what is held out: of each label about `share`, at least one text on each side.

    Which texts is decided by their content alone (`holdout.split_hashes`), not by their order.

    Raises:
        ArgumentError: a share that is not between 0 and 1.
        CorpusError: there is one label only, or one that only one text has.
    """
    share = holdout.parse_share(share)
    _check_kinds(data)
    by_label: dict[str, list[tuple[int, int]]] = {}
    for i, value in enumerate(holdout.split_hashes(data.texts)):
        by_label.setdefault(data.labels[i], []).append((value, i))
    held = {i for group in by_label.values() for _, i in sorted(group)[: holdout.n_held_out(len(group), share)]}
    return data.take(set(range(len(data))) - held), data.take(held)


def _check_kinds(data: Labelled) -> None:
    counts = Counter(data.labels)
    if len(counts) < 2:
        raise CorpusError(
            f"{data.name} has one label, {data.labels[0]!r}: there is nothing to tell apart", "give texts of several"
        )
    once = sorted(label for label, n in counts.items() if n < 2)
    if once:
        raise CorpusError(
            f"{data.name} has one text of {', '.join(map(repr, once))}: it cannot be both trained on and held out",
            "give at least two texts of each label, or take the label away",
        )


def check_apart(train: Labelled, test: Labelled) -> None:
    """Refuse a test of its own that holds a text, or lacks the labels, of the training.

    Raises:
        CorpusError: with how many and the first of them.
    """
    if len(train.kinds) < 2:
        _check_kinds(train)
    holdout.check_apart(train.texts, test.texts, (train.name, test.name), "texts")
    unknown = sorted(set(test.labels) - set(train.labels))
    if unknown:
        raise CorpusError(
            f"{test.name} has labels that {train.name} does not: {', '.join(map(repr, unknown))}",
            "give texts of them to train on",
        )
