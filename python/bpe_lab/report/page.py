"""A comparison's JSON to one HTML file that needs nothing else: no network, no server, no second file.

Security: Jinja2 escapes every string of the comparison; the data for the page's scripts stands in a block that no
parser runs, with `<`, `>`, `&` and the line separators escaped; a content security policy lets run only the scripts
whose hashes it names, without `eval`, and forbids every connection.
"""

import base64
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.errors import UnsupportedError
from bpe_lab.report import classes, figures, palette, reading, sections, values
from bpe_lab.report.words import WORDS, counted

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MOST_BYTES = 2_000_000
"""A report is no larger where leaving tokenizers out of the explorer's typing can help it, the largest first."""

CHARTS_AND_TABLES = ("page.js", "tips.js", "charts.js", "tables.js")
"""Scripts of a page that has no explorer."""

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "templates"
_SCRIPTS = (*CHARTS_AND_TABLES, "cutting.js", "encoding.js", "explorer.js")
_NUMBER_AND_SIGN = re.compile(r"(?<=\d) (?=%)")
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(comparison: dict[str, Any]) -> str:
    """Return the page.

    Takes about two seconds, most of them to bundle the chart library.

    Args:
        comparison: what `bpe-lab compare --json` writes (docs/report.md has the schema).

    Raises:
        FormatError: `comparison` is none, is of a newer schema, or has parts of another shape.
        UnsupportedError: the packages of `pip install 'bpe-lab[report]'` are missing.
    """
    checked = reading.checked(comparison)
    charting = library()
    checked["explorer"]["typing"] = {
        name: tables
        for name, tables in checked["explorer"]["typing"].items()
        if tables.get("unicode") == classes.unicode_version()  # or the page would cut new letters in another way
    }
    page = _page(checked, charting)
    while len(page.encode()) > MOST_BYTES and checked["explorer"]["typing"]:
        typing = checked["explorer"]["typing"]
        del typing[max(typing, key=lambda name: len(typing[name]["merges"]))]
        page = _page(checked, charting)
    return page


@functools.cache
def library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, bundled once a process (1.5 s)."""
    try:
        import jinja2  # noqa: F401 (told here, before the work)
        import vl_convert
    except ImportError as e:
        raise UnsupportedError(f"a report needs the package {e.name}", "pip install 'bpe-lab[report]'") from e
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def _page(comparison: dict[str, Any], library: str) -> str:
    return document(
        _TEMPLATES / "report.html.j2",
        "ko" if comparison.get("lang") == "ko" else "en",
        comparison["title"] or "bpe-lab",
        _data(comparison),
        [library, own_script(_SCRIPTS)],
        c=comparison,
        questions=sections.questions(comparison),
        charts=sections.charts(comparison),
        tables=sections.tables(comparison),
        explorer=sections.explorer(comparison),
        facts=sections.facts(comparison),
        loss=sections.loss(comparison),
        strengths=sections.STRENGTHS,
    )


def document(template: Path, lang: str, title: Any, data: dict[str, Any], scripts: Sequence[str], **parts: Any) -> str:
    """Return a page of one file: a template's blocks in the frame of `frame.html.j2`.

    Args:
        template: extends the frame; may import `parts.html.j2`.
        lang: the language that is shown first.
        title: a word.
        data: what the scripts read beside the title; `words` are those of the template too.
        scripts: see `library` and `own_script`; nothing else runs.
        parts: what the template shows.
    """
    from bpe_lab import __version__

    checked = [_script(code) for code in scripts]
    return (
        _environment(template.parent)
        .get_template(template.name)
        .render(
            lang=lang,
            title={language: values.in_language(title, language) for language in values.LANGUAGES},
            version=__version__,
            policy=policy(checked),
            scripts=checked,
            styles=_raw(_text_of("static/page.css")),
            light=_raw(palette.css(palette.LIGHT)),
            dark=_raw(palette.css(palette.DARK)),
            font=_raw(figures.FONT),
            data=_raw(json_for_script({"title": title, "words": WORDS, **data})),
            w=data.get("words", WORDS),
            **parts,
        )
    )


def _data(comparison: dict[str, Any]) -> dict[str, Any]:
    """Return what the page's own script reads."""
    return {
        "charts": sections.specs(comparison),
        "explorer": sections.explorer(comparison),
        "classes": classes.code_point_classes() if comparison["explorer"]["typing"] else {},
    }


def json_for_script(value: Any) -> str:
    r"""Return JSON that may stand inside a `script` element whatever its strings hold.

    >>> json_for_script({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escaped in _UNSAFE.items():
        text = text.replace(char, escaped)
    return text.encode("utf-8", "backslashreplace").decode()


def own_script(names: Sequence[str] = CHARTS_AND_TABLES) -> str:
    """Return a page's own script: files of `static` in one scope that nothing outside reaches."""
    parts = "\n".join(_text_of(f"static/{name}") for name in names)
    return f'(() => {{\n"use strict";\n{parts}\nstart();\n}})();\n'


def _script(code: str) -> "Markup":
    if "</script" in code.lower() or "<!--" in code:
        raise UnsupportedError("a bundled script ends its own element", "report this with the version of vl-convert")
    return _raw(code)


def policy(scripts: Sequence[str]) -> str:
    """Return the content security policy of a page that runs these scripts and nothing else, and loads nothing."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _environment(folder: Path) -> "Environment":
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["t"] = _in_both
    environment.filters["shown"] = values.shown
    environment.filters["counted"] = counted
    environment.filters["filled"] = lambda word, **figures: {
        lang: text.format(**figures) for lang, text in word.items()
    }
    return environment


def _in_both(word: Any) -> "Markup":
    """Return a word as HTML: plain text as it is, two languages as two spans of which the page shows one."""
    from markupsafe import Markup, escape

    texts = {lang: _NUMBER_AND_SIGN.sub("\u00a0", values.in_language(word, lang)) for lang in values.LANGUAGES}
    if len(set(texts.values())) == 1:
        return escape(texts["en"])
    span = Markup('<span class="l" lang="{}">{}</span>')
    return Markup("").join(span.format(lang, text) for lang, text in texts.items())


def _raw(text: str) -> "Markup":
    """Return text that is ours and goes into the page as it is."""
    from markupsafe import Markup

    return Markup(text)


def _text_of(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
