"""Verdicts of results inside Markdown pages that people write: what stands between two comments is made of records.

    <!-- verdicts: NAME -->
    (made anew by `fill`, one line a claim)
    <!-- /verdicts -->

All around them is left as it is. Judges nothing (`verdicts`), draws nothing (`page`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.errors import FileError, FormatError
from bpe_lab.writing import write_whole
from bpe_lab_model.experiments import tables

if TYPE_CHECKING:
    from bpe_lab_model.experiments.results import Result

_BLOCK = re.compile(r"(?ms)^<!-- verdicts: ([\w-]+) -->\n(.*?)^<!-- /verdicts -->$")
_COMMENT = re.compile(r"(?m)^<!-- /?verdicts.*$")


def blocks(text: str) -> dict[str, str]:
    r"""Return what stands in each block of a page, by the experiment's name.

    >>> blocks("One.\n<!-- verdicts: batch -->\n- two\n<!-- /verdicts -->\n")
    {'batch': '- two\n'}
    """
    return {name: inside for name, inside in _BLOCK.findall(text)}


def filled(text: str, results: "Mapping[str, Result]", lang: str = "en") -> str:
    """Return a page with every block made anew whose result is given; the others stay.

    Raises:
        FormatError: a block has no end, or no beginning.
    """
    if len(_COMMENT.findall(text)) != 2 * len(_BLOCK.findall(text)):
        raise FormatError(
            "a block of verdicts has no end or no beginning", "<!-- verdicts: NAME -->, <!-- /verdicts -->"
        )

    def made(block: re.Match[str]) -> str:
        name = block[1]
        inside = tables.verdicts(results[name], lang) if name in results else block[2]
        return f"<!-- verdicts: {name} -->\n{inside}<!-- /verdicts -->"

    return _BLOCK.sub(made, text)


def language(path: Path) -> str:
    """Return the language of a page by its name.

    >>> language(Path("questions.ko.md")), language(Path("questions.md"))
    ('ko', 'en')
    """
    return "ko" if path.name.endswith(".ko.md") else "en"


def fill(path: Path, results: "Mapping[str, Result]") -> Path:
    """Make the blocks of a page anew.

    Raises:
        FileError: it cannot be read or written. FormatError: as `filled`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror or e}", "name a page that is there") from e
    return write_whole(path, filled(text, results, language(path)).encode(), force=True)
