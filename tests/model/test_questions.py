"""The pages of questions beside the records: commands of lm parse, experiments exist, verdicts are what was found."""

import json
from pathlib import Path

import pytest
from a_result import result

from bpe_lab.cli.app import build_parser
from bpe_lab.errors import FormatError
from bpe_lab_model.experiments import documents
from bpe_lab_model.experiments.results import Result
from bpe_lab_model.experiments.table import experiments
from questions_pages import NOT_YET, PAGES, STUDY, commands, links, programs, sections, text

RECORDS = sorted(path for path in STUDY.glob("*.json") if not path.name.startswith("probe-"))


def record(name: str) -> Result:
    return Result.from_json(json.loads((STUDY / f"{name}.json").read_text(encoding="utf-8")))


def calls(*beginning: str) -> list[list[str]]:
    """Return the commands of the page that begin so."""
    return [words for words in programs(text("en")) if tuple(words[: len(beginning)]) == beginning]


def test_every_command_of_lm_parses() -> None:
    for words in calls("bpe-lab", "lm"):
        assert build_parser(words[1:]).parse_args(words[1:]).command == "lm", words


def test_every_experiment_of_the_table_is_run_where_its_question_is_answered() -> None:
    below = sections(text("en"))
    for name, row in experiments().items():
        answered = [n for n in row.questions if any(f" run {name} " in line for line in commands(below[n]))]
        assert answered, name
        assert any(name in documents.blocks(below[n]) for n in answered), name


def test_every_experiment_named_exists() -> None:
    named = {words[4] for words in calls("bpe-lab", "lm", "experiments", "run")}
    assert named - {"all"} <= set(experiments())
    assert set(documents.blocks(text("en"))) == named - {"all"}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_of_a_real_run(path: Path) -> None:
    found = record(path.stem)
    assert (found.preset, found.name) == ("study", path.stem)
    assert found.text["domains"] == ["docs", "reviews"]
    assert found.findings and all(cell.seeds for cell in found.cells)
    assert found.command in text("en")


@pytest.mark.parametrize("lang", PAGES)
def test_verdicts_are_those_of_the_records(lang: str) -> None:
    page, results = text(lang), {path.stem: record(path.stem) for path in RECORDS}
    assert documents.filled(page, results, lang, "study") == page
    for name, inside in documents.blocks(page).items():
        assert name in results or inside == NOT_YET[lang], name


@pytest.mark.parametrize("lang", PAGES)
def test_every_figure_of_a_record_is_shown_once(lang: str) -> None:
    shown = [link for link in links(text(lang)) if link.endswith(".svg")]
    assert len(shown) == len(set(shown)) == sum(bool(f["rows"]) for path in RECORDS for f in record(path.stem).figures)


# -- pages that verdicts are put into


def test_only_blocks_with_a_result_are_made_anew() -> None:
    page = "# A\n<!-- verdicts: positions -->\nold\n<!-- /verdicts -->\nB\n<!-- verdicts: batch -->\nmine\n<!-- /verdicts -->\n"
    made = documents.filled(page, {"positions": result()}, "en", "study")
    assert documents.blocks(made)["batch"] == "mine\n"
    assert made.startswith("# A\n<!-- verdicts: positions -->\n- **supported**: ") and "old" not in made
    assert "![Loss by position](study/positions.svg)" in made and "study/positions-4.svg" not in made
    assert documents.filled(made, {"positions": result()}, "en", "study") == made


def test_a_korean_page_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "q.ko.md"
    path.parent.mkdir()
    path.write_text("<!-- verdicts: positions -->\n<!-- /verdicts -->\n", encoding="utf-8")
    documents.fill(path, {"positions": result()}, path.parent / "study")
    made = path.read_text(encoding="utf-8")
    assert "- **뒷받침됨**: 위치 정보가" in made and "](study/positions.ko.svg)" in made


@pytest.mark.parametrize("page", ["<!-- verdicts: batch -->\n", "<!-- /verdicts -->\n"])
def test_half_a_block_is_an_error(page: str) -> None:
    with pytest.raises(FormatError, match="no end or no beginning"):
        documents.filled(page, {})
