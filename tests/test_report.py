"""The report without a browser: what is read, what is refused, what is escaped, how numbers and colours come out."""

import copy
import doctest
import itertools
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import VECTORS

import bpe_lab
from bpe_lab.cli import main
from bpe_lab.errors import FormatError, UnsupportedError
from bpe_lab.interop.browser import browser_tables
from bpe_lab.report import MOST_BYTES, figures, palette, reading, render, sections, values, words
from bpe_lab.report import page as page_module
from report_fixture import comparison as rich_comparison

pytest.importorskip("jinja2", reason="jinja2 is not installed")
vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")

SMALL = json.loads((VECTORS / "comparison.json").read_text(encoding="utf-8"))
SVG = "http://www.w3.org/2000/svg"


@pytest.fixture
def small() -> dict[str, Any]:
    return copy.deepcopy(SMALL)


@pytest.fixture(scope="module")
def page() -> str:
    return render(SMALL)


class Tags(HTMLParser):
    """The elements of a page, as a parser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._skipped = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped = tag in ("script", "style")
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.text += data


@pytest.mark.parametrize("module", [figures, palette, page_module, values, words], ids=lambda m: m.__name__)
def test_examples_in_docstrings(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried and not failed


def test_the_page_is_whole_and_small_and_fetches_nothing(page: str) -> None:
    assert len(page.encode()) <= MOST_BYTES
    tags = Tags(page)
    fetching = [
        (tag, name, value)
        for tag, attributes in tags.found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
        and not (value or "").startswith(("#", "data:"))
    ]
    assert fetching == []
    assert not re.search(r"@import|url\(", page[: page.index("</style>")])


def test_the_policy_lets_run_only_scripts_of_the_page_and_connects_nowhere(page: str) -> None:
    policy = next(a["content"] for tag, a in Tags(page).found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("'sha256-") == 2
    assert "unsafe-eval" not in policy and "http" not in policy and "connect-src" not in policy


def test_hostile_strings_make_no_element(page: str) -> None:
    tags = Tags(page)
    assert sum(tag == "script" for tag, _ in tags.found) == 3  # data, library, own
    assert not any(
        tag in ("img", "iframe", "i") and "class" not in a and "left" not in str(a)
        for tag, a in tags.found
        if tag != "i"
    )
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    assert "<script>window.pwned=1</script>" in tags.text
    assert "<script>window.pwned" not in page


def test_data_for_scripts_cannot_end_its_block(page: str) -> None:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert block is not None
    assert not re.search("[<>&\u2028\u2029]", block[1])
    data = json.loads(block[1])
    assert [s["text"] for s in data["explorer"]["sentences"]] == [s["text"] for s in SMALL["explorer"]["sentences"]]
    assert data["charts"] == json.loads(json.dumps(sections.specs(reading.checked(SMALL))))


def test_every_section_and_table_is_there(page: str) -> None:
    ids = [attributes["id"] for _, attributes in Tags(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"summary", "questions", "charts", "explorer", "tables", "about", "table-main", "chart-premium"} <= set(ids)


@pytest.mark.parametrize("lang", ["ko", "en", "ja", None])
def test_the_language_follows_the_data(small: dict[str, Any], lang: str | None) -> None:
    small["lang"] = lang
    attributes = next(a for tag, a in Tags(render(small)).found if tag == "html")
    assert attributes["lang"] == ("ko" if lang == "ko" else "en")


def test_a_comparison_of_nothing_is_a_page() -> None:
    page = render({"schema": 1, "kind": "comparison"})
    ids = {attributes.get("id") for _, attributes in Tags(page).found}
    assert "about" in ids and "explorer" not in ids and "charts" not in ids


@pytest.mark.parametrize(
    ("path", "value", "words_of_error"),
    [
        ((), [], "no comparison"),
        (("kind",), "run", "no comparison"),
        (("schema",), 2, "schema 2"),
        (("figures",), {}, "figures must be a list"),
        (("figures", 0, "rows"), None, None),
        (("figures", 0, "rows"), [1], r"figures\[0\]\.rows must be a list of objects"),
        (("figures", 0, "kind"), "pie", "'pie'"),
        (("tables", 0, "columns"), 3, r"tables\[0\]\.columns"),
        (("candidates", 1), {"name": "x"}, r"candidates\[1\] has no 'id'"),
        (("explorer", "cuts", "c1"), [[1]], "one list for each of the 4 sentences"),
        (("explorer", "cuts", "c1", 0, -1), 37, "does not tile"),
        (("explorer", "cuts", "c1", 0, 0), 35, "does not tile"),
        (("explorer", "cuts", "c1", 0, 0), True, "does not tile"),
        (("made_by",), "me", "made_by must be an object"),
    ],
)
def test_what_is_no_comparison_is_refused(
    small: Any, path: tuple[Any, ...], value: Any, words_of_error: str | None
) -> None:
    made = _with(small, path, value)
    if words_of_error is None:
        render(made)
        return
    with pytest.raises(FormatError, match=words_of_error):
        render(made)


def _with(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    node = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return tree


def test_numbers_that_are_not_finite_are_gaps(small: dict[str, Any]) -> None:
    small["figures"][0]["rows"][0]["y"] = float("nan")
    small["tables"][0]["rows"][0]["tokens_per_byte"] = float("inf")
    page = render(small)
    assert "NaN" not in re.findall(r'id="data">(.*?)</script>', page, re.S)[0]


@pytest.mark.parametrize("name", [f["id"] for f in SMALL["figures"]])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_kind_of_figure_compiles_and_draws(name: str, lang: str) -> None:
    figure = next(f for f in reading.checked(SMALL)["figures"] if f["id"] == name)
    spec = figures.localised(figures.spec(figure), lang)
    svg = vl_convert.vegalite_to_svg({**spec, "width": 400})
    assert SVG in svg
    n_marks = len(re.findall(r'aria-roledescription="(?:point|bar|line mark)"', svg))
    assert n_marks >= len(figures.rows(figure)) or figure["kind"] in ("line", "band")
    assert not values.is_word(spec) and '"ko"' not in json.dumps(spec)


def test_a_figure_has_a_table_with_all_its_rows() -> None:
    figure = next(f for f in SMALL["figures"] if f["id"] == "compression")
    table = figures.alternative(figure)
    assert table["columns"] == [figure["x"]["title"], "byte", "jamo", "</script><b>"]
    assert table["rows"][0] == [
        "4,096",
        {"shown": "0.360", "interval": "0.355 – 0.365"},
        {"shown": "0.350", "interval": "0.345 – 0.355"},
        {"shown": "0.400", "interval": "0.395 – 0.405"},
    ]
    assert figures.description(figure)["en"].endswith(
        "Highest: </script><b>, 4,096, 0.400. Lowest: jamo, 8,192, 0.310."
    )


def test_best_values_are_marked_among_ranked_rows_only() -> None:
    main = sections.tables(reading.checked(SMALL))[0]
    length = [row["cells"][2] for row in main["rows"]]
    assert [cell["best"] for cell in length] == [False, True, False, False, False]
    assert [cell["word"] for cell in length] == ["0.316", "0.310", None, "0.141", None]
    assert [row["status"] for row in main["rows"]] == [None, None, "missing", "lossy", "failed"]
    assert main["loss"] == "bpe-lab lm compare --lang ko"


def test_a_loss_that_is_there_asks_for_no_command(small: dict[str, Any]) -> None:
    small["loss"] = {"available": True}
    assert sections.tables(reading.checked(small))[0]["loss"] is None


def test_strips_name_tokenizers_where_labels_repeat(small: dict[str, Any]) -> None:
    for figure in small["questions"][0]["figures"]:
        figure["label"] = {"en": "broken syllables", "ko": "깨진 음절"}
    strip = sections.questions(reading.checked(small))[0]["strips"][0]
    assert [row["label"] for row in strip["rows"]] == ["jamo 8k", SMALL["candidates"][0]["name"]]


def test_a_row_without_values_says_why_in_one_cell(page: str) -> None:
    assert page.count('<td class="reason" colspan="4">') == 2


def test_strips_hold_every_interval() -> None:
    strip = sections.questions(reading.checked(SMALL))[0]["strips"][0]
    # 0.092..0.136 with 8 % of room on each side: 0.08848..0.13952; (0.114 - 0.08848) / 0.05104 = 50 %
    assert strip["rows"][0]["whisker"] == (50.0, 43.1)
    assert (strip["low"], strip["high"]) == ("8.8\u00a0%", "14.0\u00a0%")


@pytest.mark.parametrize(
    ("value", "form", "shown", "interval"),
    [
        ({"value": 2.378, "low": 2.331, "high": 2.42}, ".2f", "2.38", "2.33 – 2.42"),
        ({"value": -0.02, "low": -0.03, "high": 0.01}, ".1%", "−2.0\u00a0%", "−3.0 … 1.0\u00a0%"),
        ({"value": 17, "low": 16.5, "high": 18}, ",d", "17", "16 – 18"),
        ({"value": None, "low": 1, "high": 2}, ".2f", "–", "1.00 – 2.00"),
        (True, ".2f", "–", ""),
        (1234567, ",d", "1,234,567", ""),
    ],
)
def test_numbers(value: Any, form: str, shown: str, interval: str) -> None:
    assert (values.shown(value, form), values.interval_shown(value, form)) == (shown, interval)


@pytest.mark.parametrize("bad", [".3q", "%d", "", "{}", ".3s", "__class__"])
def test_a_strange_format_costs_its_digits_and_not_the_report(bad: str) -> None:
    assert values.form_of("tokens/byte", [0.3], bad) == ".3f"


def test_words_are_in_both_languages() -> None:
    for key, word in words.WORDS.items():
        assert set(word) == {"en", "ko"} and word["en"] and word["ko"], key
        assert (
            re.findall(r"\{\w+\}", word["ko"]) == re.findall(r"\{\w+\}", word["en"].partition("|")[0])
            or "title" in word["en"]
        )


def luminances(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def contrast(a: str, b: str) -> float:
    low, high = sorted(sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), luminances(c), strict=True)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


# Machado et al. 2009, severity 1.0.
SIGHTS = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
OKLAB = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip


def times(matrix: list[list[float]], vector: list[float]) -> list[float]:
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def seen(colour: str, sight: str) -> list[float]:
    light = [min(max(p, 0), 1) for p in times(SIGHTS[sight], luminances(colour))]
    return times(OKLAB, [p ** (1 / 3) for p in times(LMS, light)])


@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_colours_can_be_read_and_told_apart(theme: dict[str, str]) -> None:
    for name in ("ink", "soft", "faint", "accent", "warn", "cut"):
        for ground in ("paper", "raised", "sunk"):
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
    for ground in ("t1", "t2", "t3", "t4"):
        assert contrast(theme["ink"], theme[ground]) >= 7, ground
    assert contrast(theme["warn"], theme["warn-wash"]) >= 4.5
    series = [theme[f"s{i}"] for i in range(1, palette.SERIES + 1)]
    for colour in series:
        assert contrast(colour, theme["paper"]) >= 3, colour
    for sight, (a, b) in itertools.product(SIGHTS, itertools.combinations(series, 2)):
        distance = sum((p - q) ** 2 for p, q in zip(seen(a, sight), seen(b, sight), strict=True)) ** 0.5
        assert distance >= 0.08, (sight, a, b)


def test_a_large_comparison_stays_in_its_bounds() -> None:
    page = render(rich_comparison())
    assert len(page.encode()) <= MOST_BYTES


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = str(VECTORS / "comparison.json"), tmp_path / "report.html"
    assert main(["report", source, "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == out.stat().st_size
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["report", source, "-o", str(out)]) != 0
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"), [("{", "is no JSON"), ("[" * 100_000, "is no JSON"), ('{"kind": "x"}', "no comparison")]
)
def test_the_command_refuses_what_it_cannot_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, told: str
) -> None:
    source = tmp_path / "c.json"
    source.write_text(content)
    assert main(["report", str(source), "-o", str(tmp_path / "r.html")]) != 0
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    page_module.library.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UnsupportedError, match="vl_convert") as e:
        render(SMALL)
    assert e.value.hint == "pip install 'bpe-lab[report]'"


def test_tables_for_the_page_worked_out_by_hand() -> None:
    # 가나가나 is EA B0 80 EB 82 98 twice; every pair but (98, EA) stands twice, and of these hf takes the one whose ids
    # are smallest. In GPT-2's order B0 is 108, EA 166, EB 167, 80 222, 82 224: so (B0, 80) is first; then (EA, that),
    # which is 가; then (EB, 82).
    tables = browser_tables(bpe_lab.train(texts=["가나가나"], vocab_size=259, pattern="gpt2", special_tokens=()))
    assert tables is not None
    assert (tables["pattern"], tables["unit"], tables["atoms"]) == ("gpt2", "byte", "")
    assert tables["merges"] == [0xB0, 0x80, 0xEA, 256, 0xEB, 0x82]


@pytest.mark.parametrize(
    "options",
    [{"pattern": r"\S+|\s+"}, {"pattern": "gpt2", "vocab_size": 256, "special_tokens": ()}],
    ids=["a regex of one's own", "nothing merges"],
)
def test_no_tables_where_the_page_could_not_follow(options: dict[str, Any]) -> None:
    assert browser_tables(bpe_lab.train(texts=["가나가나"], **{"vocab_size": 258, **options})) is None


def test_no_tables_of_a_tokenizer_of_ranks(data: Path) -> None:
    assert browser_tables(bpe_lab.Tokenizer.load(data / "vocab" / "r50k_base.tiktoken")) is None


@pytest.mark.parametrize("tables", [None, {}, {"pattern": "o200k", "unit": "byte", "atoms": "", "merges": [1, 2, 3]}])
def test_tables_of_another_shape_are_refused(small: dict[str, Any], tables: Any) -> None:
    small["explorer"]["typing"] = {"c1": tables}
    with pytest.raises(FormatError, match=r"explorer\.typing\['c1'\]"):
        render(small)


# -- the loss


@pytest.fixture(scope="module")
def rich() -> dict[str, Any]:
    return rich_comparison()


def test_the_loss_has_a_section_of_its_own(rich: dict[str, Any]) -> None:
    page = render(rich)
    loss = page[page.index('<section id="loss"') : page.index('<section id="explorer"')]
    charts = page[page.index('<section id="charts"') : page.index('<section id="loss"')]
    tables = page[page.index('<section id="tables"') :]
    assert [anchor in loss for anchor in ("chart-loss-bytes", "chart-spearman-tokens", "table-loss")] == [True] * 3
    assert "chart-loss" not in charts and "table-loss" not in tables and "chart-compression" not in loss
    for word in (
        "cpu-nano 프리셋의 모델",
        "Models of the preset cpu-nano",
        "3 of the 8",
        "토크나이저가 모자랍니다(3개",
    ):
        assert word in loss
    assert '<a href="#loss">' in page


def test_every_chart_is_drawn_where_its_table_stands(rich: dict[str, Any]) -> None:
    """The script draws figure n into place n, whichever section that place is in."""
    page = render(rich)
    places = [int(n) for n in re.findall(r'data-chart="(\d+)"', page)]
    assert sorted(places) == list(range(len(rich["figures"])))
    for index, figure in enumerate(rich["figures"]):
        before = page[: page.index(f'data-chart="{index}"')]
        assert figure["title"]["en"] in before[before.rindex("<figure") :]


def test_no_arm_is_marked_best_and_one_that_diverged_says_so(rich: dict[str, Any]) -> None:
    page = render(rich)
    table = page[page.index('id="table-loss"') :]
    table = table[: table.index("</table>")]
    assert "(best)" not in Tags(table).text and 'class="badge diverged"' in table and "NaN" in table
    assert 'class="number faint"' in table and table.count("lower is better") == 1
    main = page[page.index('id="table-main"') :]
    assert "best" in main[: main.index("</table>")], "elsewhere it is"


def test_without_a_loss_the_command_and_the_package_are_named(small: dict[str, Any]) -> None:
    column = {
        "key": "bits_per_byte",
        "title": {"en": "bits per byte", "ko": "바이트당 비트"},
        "unit": None,
        "better": None,
    }
    table = {"id": "loss", "section": "loss", "title": "x", "columns": [column], "rows": [{"name": "a"}]}
    small["tables"] = [table]
    small["loss"] = {"available": False, "command": "bpe-lab lm compare", "install": "pip install bpe-lab-model"}
    page = render(small)
    assert "<code>bpe-lab lm compare</code>" in page and "<code>pip install bpe-lab-model</code>" in page
    small["tables"], small["figures"] = [], []
    assert '<section id="loss"' not in render(small)
