"""A probe's figures to one HTML file that needs nothing else: no network, no server, no second file.

Colours, type, language and theme are those of bpe-lab's report. Words are pairs {"en": …, "ko": …}. Every string of a
model or a tokenizer goes in escaped, as data that no parser runs; a content security policy lets run only the script
whose hash it names. Knows no probe.
"""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpe_lab.report
from bpe_lab.report import palette
from bpe_lab.report.figures import FONT
from bpe_lab.report.page import json_for_script, policy

Word = Mapping[str, str]

_HERE = Path(__file__).parent / "static"
_REPORT = Path(bpe_lab.report.__file__).parent / "static"


def page(title: Word, about: str, lead: Word, body: str, data: Mapping[str, Any], script: str) -> str:
    """Return the page.

    Args:
        title: of the page.
        about: one line of names, the same in both languages.
        lead: what one sees and how to read it.
        body: HTML below that; `both` makes its words.
        data: what the script reads as `data`; `words` of it are what `word` returns.
        script: name of the file under `static/` that draws; it defines `draw()`.
    """
    code = "\n".join([*(_read(_REPORT / name) for name in ("page.js", "tips.js")), _read(_HERE / script)])
    code = f'(() => {{\n"use strict";\n{code}\nstartPage();\ndraw();\n}})();\n'
    values = {
        "policy": policy([code]),
        "title": html.escape(title["ko"]),
        "light": palette.css(palette.LIGHT),
        "dark": palette.css(palette.DARK),
        "font": FONT,
        "styles": _read(_REPORT / "page.css") + _read(_HERE / "probe.css"),
        "head": both(title),
        "about": html.escape(about),
        "lead": both(lead),
        "body": body,
        "data": json_for_script({"title": dict(title), **data}),
        "code": code,
    }
    found = _read(_HERE / "probe.html")
    parts = found.split("{{")
    return parts[0] + "".join(values[name] + rest for name, rest in (part.split("}}", 1) for part in parts[1:]))


def both(word: Word) -> str:
    """Return a word as HTML in both languages, of which the page shows one.

    >>> both({"en": "a & b", "ko": "가"})
    '<span class="l" lang="en">a &amp; b</span><span class="l" lang="ko">가</span>'
    """
    return "".join(f'<span class="l" lang="{lang}">{html.escape(word[lang])}</span>' for lang in ("en", "ko"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
