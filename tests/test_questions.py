"""The pages of questions: both have all of them, the same commands, figures and numbers; what they lead to is there."""

import re
from pathlib import Path

import pytest

from bpe_lab.cli.app import build_parser
from questions_pages import PAGES, ROOT, STUDY, commands, links, numbers, programs, sections, text

OTHER_PROGRAMS = {"cd", "printf"}


def without_blocks(page: str) -> str:
    return re.sub(r"(?ms)^<!-- verdicts: .*?^<!-- /verdicts -->$", "", page)


@pytest.mark.parametrize("lang", PAGES)
def test_all_34_questions_stand_there_in_order(lang: str) -> None:
    assert list(sections(text(lang))) == list(range(1, 35))


@pytest.mark.parametrize("lang", PAGES)
def test_every_answer_has_a_command_and_a_verdict(lang: str) -> None:
    for n, below in sections(text(lang)).items():
        assert commands(below), n
        assert re.search({"en": r"\*\*Verdict", "ko": "판정:"}[lang], below) or "<!-- verdicts: " in below, n


def test_both_pages_have_the_same_commands() -> None:
    assert commands(text("en")) == commands(text("ko"))


def test_both_pages_lead_to_the_same_files() -> None:
    in_english = [link.replace(".ko.", ".") for link in links(text("ko"))]
    assert in_english == [link.replace(".ko.", ".") for link in links(text("en"))]


def test_both_pages_tell_the_same_numbers() -> None:
    english, korean = (sections(without_blocks(text(lang))) for lang in ("en", "ko"))
    for n in english:
        assert numbers(english[n]) == numbers(korean[n]), n


@pytest.mark.parametrize("lang", PAGES)
def test_what_a_page_leads_to_is_there(lang: str) -> None:
    missing = [link for link in links(text(lang)) if not (PAGES[lang].parent / link).exists()]
    assert not missing


def test_every_command_of_bpe_lab_parses_and_every_script_is_there() -> None:
    for words in programs(text("en")):
        if words[0] == "bpe-lab" and words[1] != "lm":  # for lm see tests/model
            assert build_parser(words[1:]).parse_args(words[1:]).command == words[1]
        elif words[0] == "python":
            script = next(word for word in words[1:] if "/" in word)
            assert (ROOT / script).is_file(), script
        else:
            assert words[0] in OTHER_PROGRAMS | {"bpe-lab"}, words


@pytest.mark.parametrize("path", sorted(STUDY.glob("*.json")), ids=lambda path: path.stem)
def test_no_record_tells_a_machine_s_folders(path: Path) -> None:
    assert not re.search(r'"[^"]*/(home|root|tmp|mnt|work|Users)/|"[A-Z]:\\', path.read_text(encoding="utf-8"))


def test_no_record_or_figure_lies_there_unused() -> None:
    used = {link.removeprefix("study/") for lang in PAGES for link in links(text(lang))}
    named = {f"{name}.json" for name in re.findall(r"<!-- verdicts: ([\w-]+) -->", text("en"))}
    assert {path.name for path in STUDY.iterdir()} <= used | named
