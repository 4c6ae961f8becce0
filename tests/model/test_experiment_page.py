"""What people see of an experiment: sentences, the terminal, Markdown, the page, figures for documents."""

import doctest
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from a_result import FINDINGS, estimate, finding, result
from tests.browser import Browser, started

from bpe_lab.cli.terminal import Terminal
from bpe_lab.errors import FileError
from bpe_lab_model.experiments import page, tables, telling
from bpe_lab_model.experiments.results import Result
from bpe_lab_model.experiments.table import experiments

needs_report = pytest.mark.usefixtures("report_packages")


@pytest.fixture
def report_packages() -> None:
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")


# -- sentences


@pytest.mark.parametrize("module", [telling, page], ids=lambda m: m.__name__)
def test_examples_in_docstrings(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried and not failed


@pytest.mark.parametrize(
    ("of", "en", "ko"),
    [
        (
            FINDINGS[0],
            "Bits per byte at 200 kB: rope 0.0312 lower than none [0.0222, 0.0402] (−1.3 % [−1.7, −0.9]). "
            "5 seeds, p = 0.003.",
            "바이트당 비트(200 kB 학습): rope 쪽이 none보다 0.0312 낮다 [0.0222, 0.0402] (−1.3 % [−1.7, −0.9]). "
            "시드 5개, p = 0.003.",
        ),
        (
            finding(effect={"value": -0.003, "low": -0.02, "high": 0.014}, relative=None, verdict="not resolved"),
            "Bits per byte at 200 kB: rope − none = −0.0030 [−0.0200, +0.0140]. 5 seeds, p = 0.003.",
            "바이트당 비트(200 kB 학습): rope − none = −0.0030 [−0.0200, +0.0140]. 시드 5개, p = 0.003.",
        ),
        (
            FINDINGS[2],
            "Measured: +0.0040 [−0.0200, +0.0280]; the claim expects it below 0. 3 seeds, p = 0.700; "
            "about 40 seeds would tell.",
            "잰 값: +0.0040 [−0.0200, +0.0280]; 주장대로라면 0보다 작다. 시드 3개, p = 0.700; "
            "시드가 40개쯤 있어야 가려진다.",
        ),
        (
            FINDINGS[3],
            "Parameters at 200 kB: rope − none = 0 (0.0 %); the claim expects no difference. "
            "It follows from arithmetic.",
            "파라미터(200 kB 학습): rope − none = 0 (0.0 %); 주장대로라면 차이가 없다. 계산으로 정해지는 값이다.",
        ),
        (
            FINDINGS[4],
            "There is no figure to judge it by. 2 seeds. rope diverged in every seed.",
            "판정할 값이 없다. 시드 2개. rope 쪽은 모든 시드에서 발산했다.",
        ),
        (
            finding(column="excess", relative=estimate(-9.0)),
            "Beside windows at 200 kB: rope 0.0312 lower than none [0.0222, 0.0402]. 5 seeds, p = 0.003.",
            "창과의 차이(200 kB 학습): rope 쪽이 none보다 0.0312 낮다 [0.0222, 0.0402]. 시드 5개, p = 0.003.",
        ),
        (
            finding(effect=estimate(-0.05, 0.1), relative=None, verdict="not resolved", documents_needed=1364),
            "Bits per byte at 200 kB: rope − none = −0.0500 [−0.1500, +0.0500]. 5 seeds, p = 0.003; "
            "about 1,364 scored documents would tell.",
            "바이트당 비트(200 kB 학습): rope − none = −0.0500 [−0.1500, +0.0500]. 시드 5개, p = 0.003; "
            "채점할 문서가 1,364건쯤 있어야 가려진다.",
        ),
        (
            finding(effect=estimate(-0.1), relative=None, n_seeds=1, p_holm=None, verdict="not resolved"),
            "Bits per byte at 200 kB: rope 0.1000 lower than none. 1 seed.",
            "바이트당 비트(200 kB 학습): rope 쪽이 none보다 0.1000 낮다. 시드 1개.",
        ),
        (
            finding(column="memory_bytes", effect=estimate(1_250_000.0, 250_000.0), relative=None, tokenizer="jamo"),
            "jamo, memory at 200 kB: rope 1.25 MB higher than none [1 MB, 1.5 MB]. 5 seeds, p = 0.003.",
            "jamo, 메모리(200 kB 학습): rope 쪽이 none보다 1.25 MB 높다 [1 MB, 1.5 MB]. 시드 5개, p = 0.003.",
        ),
    ],
    ids=["clear", "open", "a value", "arithmetic", "diverged", "a difference", "documents", "one seed", "bytes"],
)
def test_a_verdict_as_a_sentence(of: Any, en: str, ko: str) -> None:
    told = telling.sentence(of, result())
    assert {lang: text.replace("\u00a0", " ") for lang, text in told.items()} == {"en": en, "ko": ko}


def test_a_difference_of_shares_is_in_points() -> None:
    of = replace(FINDINGS[0], effect={"value": -0.06, "low": -0.105, "high": -0.015}, arm="MLM", base="CLM")
    assert telling._difference(of, ".1%", "en") == "MLM 6.0 points lower than CLM [1.5, 10.5]"
    assert telling._difference(of, ".1%", "ko") == "MLM 쪽이 CLM보다 6.0%p 낮다 [1.5, 10.5]"


def test_one_budget_is_not_named() -> None:
    one = result(cells=tuple(cell for cell in result().cells if cell.budget == 1.0))
    assert "200 kB" not in telling.sentence(FINDINGS[0], one)["en"]


def test_the_table_has_a_column_of_what_differs_alone() -> None:
    assert [c["key"] for c in telling.table(result())["columns"]][:3] == ["arm", "budget_bytes", "n_seeds"]
    cells = tuple(replace(cell, tokenizer=f"unit={i}") for i, cell in enumerate(result().cells) if cell.budget == 1)
    assert [c["key"] for c in telling.table(result(cells=cells))["columns"]][:3] == ["arm", "recipe", "n_seeds"]


# -- the terminal


def printed(monkeypatch: pytest.MonkeyPatch, width: int, lang: str = "en", of: Result | None = None) -> str:
    """Return what stands on a terminal of so many columns."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width, no_color=True, color_system=None, highlight=False)
    monkeypatch.setattr(Terminal, "console", lambda self, stream=None: console)
    tables.show(of or result(), Terminal(), lang)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_nothing_stands_out_of_the_terminal_and_no_number_is_cut(
    monkeypatch: pytest.MonkeyPatch, width: int, lang: str
) -> None:
    from rich.cells import cell_len

    text = printed(monkeypatch, width, lang)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "2.4000" in text and "…" not in text
    assert "\x1b" not in text and "\u00a0" not in text


def test_every_column_has_room_on_a_wide_terminal_and_the_others_are_named_on_a_narrow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide, narrow = (printed(monkeypatch, width) for width in (140, 60))
    assert "No room" not in wide and "2.4000 [2.3800, 2.4200]" in wide and "310 MB" in wide
    assert re.search(r"No room for: .*memory, .*how it ended\.", " ".join(narrow.split()))


def test_divergence_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, 100)
    assert "none, 50 kB: 5/5 seeds diverged" in text and "alibi, 200 kB: 1/5 seeds diverged" in text


def test_a_result_of_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, 80, of=result(cells=(), findings=(), figures=[], note={}, text={}, command=""))
    assert "Learned, fixed, rotary" in text


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_list_fits_a_hundred_columns_and_names_every_experiment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lang: str
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", "160")
    rows = list(experiments().values())
    tables.listing(rows, Terminal(), lang)
    lines = capsys.readouterr().out.splitlines()
    assert max(cell_len(line.rstrip()) for line in lines[:-1]) <= 100
    names = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert {row.name for row in rows} <= names


def test_markdown_escapes_what_it_must_and_has_a_row_a_cell() -> None:
    text = tables.markdown(result())
    assert "\\<at\\>" in text and "<at>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(result().cells)
    assert {line.count(" | ") for line in rows} == {len(telling.table(result())["columns"]) - 1}


# -- the page


def hostile() -> Result:
    bad = "</script><img src=x onerror=alert(1)>"
    found = result(
        name="hostile",
        question={"en": bad, "ko": bad},
        findings=(finding(said={"en": bad, "ko": bad}, arm=bad),),
        command=f"bpe-lab {bad}",
    )
    figure = {**found.figures[0], "title": {"en": bad, "ko": bad}}
    return replace(found, figures=[figure])


@pytest.fixture(scope="module")
def html() -> str:
    pytest.importorskip("jinja2", reason="jinja2 is not installed")
    pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")
    return page.render([result(), hostile()], "ko")


def test_the_page_fetches_nothing_and_runs_its_own_scripts_alone(html: str) -> None:
    assert "default-src 'none'; script-src 'sha256-" in unescape(html)
    bare = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert len(bare) < 100_000 and not re.search(r'(src|href)="(?!#|data:)', bare)
    assert len(re.findall("<script[ >]", html)) == 3
    assert "<img" not in bare and "onerror=alert(1)&gt;" in html


def test_the_page_says_every_claim_in_both_languages_with_its_evidence(html: str) -> None:
    for one in FINDINGS:
        for lang in ("en", "ko"):
            assert one.said[lang] in html
            assert telling.sentence(one, result())[lang].replace("<", "&lt;").split("[")[0] in html
    for verdict in {one.verdict for one in FINDINGS}:
        assert telling.VERDICTS[verdict]["ko"] in html
    assert 'data-lang="ko"' in html


def test_the_page_has_every_figure_with_points_and_every_cell(html: str) -> None:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    assert block is not None
    charts = json.loads(block[1])["charts"]
    assert len(charts) == 3 + 1
    assert [int(i) for i in re.findall(r'data-chart="(\d+)"', html)] == [0, 1, 2, 3]
    assert html.count("310 MB") >= 7 and "5/5 seeds diverged" in html
    assert "bpe-lab lm experiments run positions --corpus ko_docs.txt" in html and "a" * 64 in html


@needs_report
def test_a_page_of_nothing_is_a_page() -> None:
    assert "<main" in page.render([]) and "<main" in page.render([result(figures=[], cells=(), findings=())])


@needs_report
def test_a_page_that_is_there_is_kept(tmp_path: Path) -> None:
    path = page.write_page([result()], tmp_path / "study.html")
    before = path.read_bytes()
    with pytest.raises(FileError, match="exists already"):
        page.write_page([], path)
    assert path.read_bytes() == before
    page.write_page([], path, force=True)
    assert path.read_bytes() != before


# -- figures


def test_bars_that_would_not_begin_at_zero_are_points_and_others_stay_bars() -> None:
    close = page.prepared(result().figures[1], result())
    assert close["from_zero"] is False and close["y"]["format"] == ".3f"
    rows = [{"x": "a", "y": 100.0}, {"x": "b", "y": 900.0}]
    assert page.prepared({**result().figures[1], "rows": rows}, result())["from_zero"] is True


def test_large_numbers_across_are_short_and_series_that_are_numbers_have_names() -> None:
    budgets = page.prepared(result().figures[2], result())
    assert budgets["x"]["format"] == ",.3~s"
    assert "format" not in page.prepared(result().figures[0], result())["x"]
    rows = [{"x": "a", "y": 1.0, "series": 50_000.0}]
    assert page.prepared({**result().figures[1], "rows": rows}, result())["rows"][0]["series"] == "50,000"


def test_arms_stand_in_the_order_of_the_table() -> None:
    figure = result().figures[0]
    drawn = page.prepared({**figure, "rows": figure["rows"][::-1]}, result())
    assert list(dict.fromkeys(row["series"] for row in drawn["rows"])) == ["rope", "learned", "alibi", "none"]
    assert [row["x"] for row in drawn["rows"][:5]] == [0.25, 0.5, 1.0, 2.0, 4.0]
    bars = page.prepared({**result().figures[1], "rows": result().figures[1]["rows"][::-1]}, result())
    assert [row["x"] for row in bars["rows"]] == ["rope", "learned", "alibi", "none"]


@needs_report
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_figure_for_documents_stands_alone(lang: str) -> None:
    drawn = page.svg(result(), 0, lang)
    assert drawn.startswith("<svg") and "var(--" not in drawn and "<image" not in drawn
    assert result().figures[0]["title"][lang] in drawn
    assert all(f">{name}<" in drawn for name in ("rope", "learned", "alibi", "none"))  # the legend


@needs_report
def test_an_interval_that_reaches_below_zero_ends_at_the_foot_of_a_logarithmic_axis() -> None:
    of = result()
    rows = [
        {"x": 512.0, "y": 300.0, "series": "rope", "low": 250.0, "high": 350.0},
        {"x": 4096.0, "y": 0.38, "series": "rope", "low": -0.03, "high": 0.79},
    ]
    figure = {**of.figures[0], "rows": rows, "y": {**of.figures[0]["y"], "type": "log"}}
    drawn = page.svg(replace(of, figures=[figure]), 0)
    assert "NaN" not in drawn
    assert page.prepared(figure, of)["y"]["format"] == ".3f"  # 0.38 beside 300 is not 0


def test_what_is_nearly_nothing_is_a_power_of_ten() -> None:
    of = finding(base="", column="", effect={"value": 3.1e-7, "low": None, "high": None}, what={"en": "apart"})
    assert telling.sentence(replace(of, verdict="supported"), result())["en"].startswith("Apart: +3e−07;")


def test_a_slim_figure_keeps_what_it_says() -> None:
    drawn = '<svg a="1"><g font-family="F" aria-label="x y" d="M0.123456,2"><text>0.00051</text></g></svg>'
    assert page._slim(drawn) == '<svg font-family="F" a="1"><g d="M0.123,2"><text>0.00051</text></g></svg>'


@needs_report
def test_figures_and_records_are_written_by_the_experiments_name(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    written = page.write_figures([result()], folder)
    assert sorted(path.name for path in written) == [
        "positions-2.ko.svg", "positions-2.svg", "positions-3.ko.svg", "positions-3.svg",
        "positions.json", "positions.ko.svg", "positions.svg",
    ]  # fmt: skip
    assert Result.from_json(json.loads((folder / "positions.json").read_text(encoding="utf-8"))) == result()


# -- in a browser


@pytest.fixture(scope="module")
def browser(html: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = tmp_path_factory.mktemp("page") / "study.html"
    path.write_text(html, encoding="utf-8")
    yield from started({"study": path})


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_draws_every_chart_asks_for_nothing_and_fits(browser: Browser, width: int, scheme: str) -> None:
    browser.complaints()
    browser.requests()
    browser.open("study", width, scheme)
    assert browser.complaints() == []
    assert {url for url in browser.requests() if not url.startswith("data:")} == {browser.pages["study"].as_uri()}
    assert browser.js("return document.querySelectorAll('[data-chart] svg').length") == 4
    assert browser.js("return document.documentElement.scrollWidth") <= width


def test_the_other_language_and_the_order_of_a_table(browser: Browser) -> None:
    browser.open("study").click("[data-set-lang=en]")
    browser.drawn()
    assert "supported" in browser.texts(".verdict .strength")[0]
    assert browser.js("return document.querySelector('[data-chart=\"0\"]').getAttribute('aria-label')").startswith(
        "Chart"
    )
    browser.js("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    browser.click("#table-positions th:nth-child(4) button")
    assert browser.texts("#table-positions tbody th")[0].startswith("rope")
    assert browser.texts("#table-positions tbody td:nth-child(4)")[0].startswith("2.2500")


# -- the page of docs


def test_the_row_in_the_docs_is_one_that_runs_could_take() -> None:
    text = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.S)[0]
    names: dict[str, Any] = {}
    exec(code, names)
    (row,) = names["ROWS"]
    assert row.decisive == {"tied", "own head"} == {arm.name for arm in row.arms}
    assert all(claim.column in {column.key for column in row.columns} for claim in row.claims)


def test_every_verdict_is_explained_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert all(verdict in text for verdict in telling.VERDICTS)
    assert telling.VERDICTS.keys() == telling.MEANINGS.keys() == page.SIGNS.keys()
