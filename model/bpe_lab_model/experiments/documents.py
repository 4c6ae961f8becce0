"""Verdicts and figures of results in Markdown pages that people write, between two comments.

    <!-- verdicts: NAME -->
    (made anew by `fill`: a line a claim, what was run, and the figures)
    <!-- /verdicts -->

All around them is left as it is. Judges nothing (`verdicts`), draws nothing (`page`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bpe_lab.errors import FileError, FormatError
from bpe_lab.writing import write_whole
from bpe_lab_model.experiments import page, tables

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


def filled(text: str, results: "Mapping[str, Result]", lang: str = "en", figures: str | None = None) -> str:
    """Return a page with every block made anew whose result is given; the others stay.

    Args:
        text: the page.
        results: by name.
        lang: of the page.
        figures: the folder of the figures as the page links to it; without it there are none.

    Raises:
        FormatError: a block has no end, or no beginning.
    """
    if len(_COMMENT.findall(text)) != 2 * len(_BLOCK.findall(text)):
        raise FormatError(
            "a block of verdicts has no end or no beginning", "write <!-- verdicts: NAME --> and <!-- /verdicts -->"
        )

    def made(block: re.Match[str]) -> str:
        name = block[1]
        inside = "".join(_inside(results[name], lang, figures)) if name in results else block[2]
        return f"<!-- verdicts: {name} -->\n{inside}<!-- /verdicts -->"

    return _BLOCK.sub(made, text)


def _inside(result: "Result", lang: str, folder: str | None) -> Iterator[str]:
    yield tables.verdicts(result, lang)
    if folder is None:
        return
    for i, figure in enumerate(result.figures):
        if figure["rows"]:
            yield f"\n![{figure['title'][lang]}]({folder}/{page.figure_name(result.name, i, lang)})\n"


def language(path: Path) -> str:
    """Return the language of a page by its name.

    >>> language(Path("questions.ko.md")), language(Path("questions.md"))
    ('ko', 'en')
    """
    return "ko" if path.name.endswith(".ko.md") else "en"


def fill(path: Path, results: "Mapping[str, Result]", figures: Path | None = None) -> Path:
    """Make the blocks of a page anew.

    Args:
        path: the page; its name tells its language.
        results: by name.
        figures: the folder that `page.write_figures` wrote to.

    Raises:
        FileError: it cannot be read or written. FormatError: as `filled`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise FileError(f"cannot read {path}: {e.strerror or e}", "name a page that is there") from e
    folder = None if figures is None else Path(os.path.relpath(figures, path.parent)).as_posix()
    return write_whole(path, filled(text, results, language(path), folder).encode(), force=True)
