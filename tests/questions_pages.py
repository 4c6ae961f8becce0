"""What stands in docs/questions.md and its Korean twin: headings, commands, figures. Runs nothing."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
STUDY = ROOT / "docs" / "study"
PAGES = {"en": ROOT / "docs" / "questions.md", "ko": ROOT / "docs" / "questions.ko.md"}
NOT_YET = {"en": "No run on real text is kept yet.\n", "ko": "실제 글로 돌린 기록이 아직 없습니다.\n"}
"""What a block of verdicts says as long as it has no record."""


def text(lang: str) -> str:
    return PAGES[lang].read_text(encoding="utf-8")


def sections(page: str) -> dict[int, str]:
    """Return what stands below each question, by its number."""
    parts = re.split(r"(?m)^## (\d+)\. .*$", page)
    return {int(n): re.split(r"(?m)^# ", below)[0] for n, below in zip(parts[1::2], parts[2::2], strict=True)}


def commands(page: str) -> list[str]:
    """Return every line that one is to type, in order."""
    shown = "\n".join(re.findall(r"(?ms)^```console\n(.*?)^```$", page)).replace("\\\n", " ")
    return [line.strip() for line in shown.splitlines() if line.strip()]


def programs(page: str) -> Iterator[list[str]]:
    """Yield the words of each program that is called: a line may call several."""
    for line in commands(page):
        for call in line.split(" && "):
            yield shlex.split(call.split(" > ")[0])


def links(page: str) -> list[str]:
    """Return the files that the page shows or leads to, in order, without those of the web."""
    return [to.split("#")[0] for to in re.findall(r"\]\(([^)]+)\)", page) if "://" not in to and not to.startswith("#")]


def numbers(prose: str) -> list[str]:
    """Return the numbers of an answer, sorted: both languages tell the same."""
    return sorted(re.findall(r"\d[\d,]*\.\d+", prose))
