"""The report in a real browser: headless Chromium, by selenium. Skipped with the reason where there is none.

One browser for all; tests leave the page as they found it, or load it anew.
"""

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser import PHONE, Browser, started
from tests.conftest import FULL, VECTORS

import bpe_lab
from bpe_lab import Tokenizer, sample
from bpe_lab.interop.browser import browser_tables
from bpe_lab.report import render
from report_fixture import comparison as rich_comparison

pytest.importorskip("vl_convert", reason="vl-convert-python is not installed")

SMALL = json.loads((VECTORS / "comparison.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("report")
    pages = {}
    for name, comparison in (("small", SMALL), ("rich", rich_comparison())):
        pages[name] = folder / f"{name}.html"
        pages[name].write_text(render(comparison), encoding="utf-8")
    yield from started(pages)


@pytest.fixture
def small(browser: Browser) -> Browser:
    return browser.open("small")


@pytest.mark.parametrize("name", ["small", "rich"])
def test_the_page_says_nothing_asks_for_nothing_and_draws_every_chart(browser: Browser, name: str) -> None:
    browser.complaints()
    browser.requests()
    browser.open(name)
    assert browser.complaints() == []
    assert {url for url in browser.requests() if not url.startswith("data:")} == {browser.pages[name].as_uri()}
    n_charts = browser.js("return document.querySelectorAll('[data-chart]').length")
    drawn = browser.js(
        "return [...document.querySelectorAll('[data-chart] svg')].map((s) =>"
        " [s.getBoundingClientRect().width, s.querySelectorAll('.mark-symbol path, .mark-rect path').length])"
    )
    assert len(drawn) == n_charts > 0
    assert all(width > 250 and n_marks > 0 for width, n_marks in drawn), drawn


def test_the_policy_forbids_what_a_script_might_try(small: Browser) -> None:
    tried = """
        const done = arguments[0];
        const outcome = { eval: "ran", fetch: "went" };
        // Later, for what the driver itself runs may use eval.
        setTimeout(() => {
          try { new Function("return 1")() } catch { outcome.eval = "refused" }
          const inline = document.createElement("script");
          inline.textContent = "window.pwned = 9";
          document.body.append(inline);
          outcome.pwned = window.pwned ?? null;
          fetch("http://127.0.0.1:9/").catch(() => { outcome.fetch = "refused" }).finally(() => done(outcome));
        });
    """
    assert small.driver.execute_async_script(tried) == {"eval": "refused", "fetch": "refused", "pwned": None}
    small.complaints()
    assert small.requests() is not None


def test_hostile_strings_are_inert(small: Browser) -> None:
    small.click("#tables details:nth-of-type(2) summary")
    for lang in ("en", "ko"):
        small.click(f'[data-set-lang="{lang}"]')
        small.drawn()
        for _ in SMALL["explorer"]["sentences"]:
            small.click(".picker button:last-child")
    assert small.js("return window.pwned ?? null") is None
    assert small.js("return document.querySelectorAll('img, iframe, b b').length") == 0
    assert "<script>window.pwned=1</script>" in small.texts("h1")[0]


def test_tables_sort_by_click(small: Browser) -> None:
    column = "#table-main thead th:nth-child(3)"
    names = "#table-main tbody tr th"
    given = small.texts(names)
    small.click(f"{column} button")
    assert small.js(f"return document.querySelector('{column}').ariaSort") == "ascending"
    sorted_up = [name.split("\n")[0].split(" ")[0] for name in small.texts(names)]
    assert sorted_up == ["jamo", "byte", "word,", "r50k_base", "syllable"], "unranked rows stay below"
    small.click(f"{column} button")
    assert small.js(f"return document.querySelector('{column}').ariaSort") == "descending"
    assert [name.split(" ")[0] for name in small.texts(names)][:2] == ["byte", "jamo"]
    assert sorted(small.texts(names)) == sorted(given)
    assert small.js("return document.querySelectorAll('#table-main [aria-sort]:not([aria-sort=none])').length") == 1


def test_tables_sort_by_keyboard(small: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    small.click("#tables details:nth-of-type(2) summary")
    small.js("document.querySelector('#table-cut-differently thead th:nth-child(1) button').focus()")
    small.press(Keys.TAB)
    small.press(Keys.ENTER)
    assert small.texts("#table-cut-differently tbody td:nth-child(2)") == ["37", "412", "1,390"]
    small.press(Keys.SPACE)
    assert small.texts("#table-cut-differently tbody td:nth-child(2)") == ["1,390", "412", "37"]


def test_the_language_switches_everywhere(small: Browser) -> None:
    assert small.js("return document.documentElement.lang") == "ko"
    assert small.texts("#questions-head") == ["질문과 답"]
    small.click('[data-set-lang="en"]')
    small.drawn()
    assert small.js("return document.documentElement.lang") == "en"
    assert small.texts("#questions-head") == ["The questions, answered"]
    assert small.js("return document.title").startswith("Which tokenizer?")
    assert small.js("return document.querySelector('[data-chart]').ariaLabel").startswith("Chart: Compression.")
    assert "tokens per byte" in small.texts("[data-chart]")[0] or "tokens per byte" in small.js(
        "return document.querySelector('[data-chart] svg').textContent"
    )
    assert "tokens" in small.texts(".cut-count")[0]
    shown = small.js(
        "return [...document.querySelectorAll('.l')].filter((e) => e.lang === 'ko' && e.offsetParent !== null).length"
    )
    assert shown == 0
    assert small.js("return document.querySelector('[data-set-lang=en]').ariaPressed") == "true"


def test_the_theme_follows_the_system_and_the_switch(browser: Browser) -> None:
    def ground() -> str:
        found: str = browser.js("return getComputedStyle(document.body).backgroundColor")
        return found

    browser.open("small", scheme="dark")
    dark, stroke = ground(), "return getComputedStyle(document.querySelector('[data-chart] .mark-line path')).stroke"
    line = browser.js(stroke)
    browser.click("#theme")
    assert ground() == "rgb(252, 251, 248)" != dark
    assert browser.js(stroke) != line, "charts follow"
    assert browser.js("return document.getElementById('theme').ariaPressed") == "false"
    browser.click("#theme")
    assert ground() == dark


def test_a_phone_needs_no_sideways_scrolling(browser: Browser) -> None:
    for name in ("small", "rich"):
        browser.open(name, width=PHONE)
        for lang in ("ko", "en"):
            browser.click(f'[data-set-lang="{lang}"]')
            browser.drawn()
            browser.js("for (const d of document.querySelectorAll('details')) d.open = true")
            assert browser.js("return document.documentElement.scrollWidth") <= PHONE, (name, lang)


def test_the_explorer_shows_cuts_inside_characters(small: Browser) -> None:
    first, second = ([box.replace(" ", "") for box in small.texts(f".cut:nth-child({i}) .token")] for i in (1, 2))
    # byte: 사 is cut after its second byte; jamo: after its onset, and a token without bytes stands behind the space.
    assert first == ["사⟨1–2/3⟩", "⟨3/3⟩", "과", "나무", "␣아래에", "서", "␣만나자", "."]
    assert second == ["사⟨ㅅ⟩", "⟨ㅏ⟩", "과나무", "␣", "␛", "아래에", "서␣만나자."]
    assert small.texts(".cut-count") == ["토큰 8개 · 잘린 글자 1개", "토큰 7개 · 최소 · 잘린 글자 1개"]
    small.click(".picker button:last-child")
    assert small.texts(".chosen") == [SMALL["explorer"]["sentences"][1]["text"]]
    assert len(small.texts(".cut:nth-child(1) .token")) == len(SMALL["explorer"]["sentences"][1]["text"])
    small.click(".picker button:last-child")
    assert "U+2028" in "".join(small.texts(".cut:nth-child(1) .token"))
    assert "U+202E" in "".join(small.texts(".cut:nth-child(1) .token"))


def test_tokens_are_explored_by_keyboard_and_by_pointer(small: Browser) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    small.js("document.querySelector('.tokens').focus()")
    small.press(Keys.ARROW_RIGHT)
    small.press(Keys.ARROW_RIGHT)
    assert small.js("return document.querySelector('.token.active').textContent") == "⟨3/3⟩"
    assert "AC" in small.texts("#tip")[0] and "2–3" in small.texts("#tip")[0]
    assert small.js("return [...document.querySelectorAll('.token.same')].map((e) => e.textContent)") == ["⟨ㅏ⟩"]
    assert "AC" in small.js("return document.getElementById('said').textContent")
    small.press(Keys.TAB)
    assert small.js("return document.getElementById('tip').hidden")
    box = small.js("return document.querySelector('.cut:nth-child(2) .token')")
    ActionChains(small.driver).move_to_element(box).perform()
    assert "EC" in small.texts("#tip")[0]


def test_a_chart_tells_values_under_the_pointer(small: Browser) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    mark = small.js("return document.querySelector('.mark-symbol path')")
    small.js("arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })", mark)
    time.sleep(0.1)  # the scroll's own event hides a tip
    ActionChains(small.driver).move_to_element(mark).perform()
    small.until("return !document.getElementById('tip').hidden")
    told = small.texts("#tip")[0]
    assert "4,096" in told and "0.360" in told and "0.355 – 0.365" in told


def test_a_legend_brings_a_series_forward(small: Browser) -> None:
    def faded() -> list[str]:
        found: list[str] = small.js(
            "return [...document.querySelectorAll('[data-chart=\"0\"] .mark-line path')].map((p) => p.getAttribute('opacity'))"
        )
        return found

    assert len(set(faded())) == 1
    small.click('[data-legend="0"] button:nth-child(2)')
    assert len(set(faded())) == 2
    assert small.js("return document.querySelector('[data-legend=\"0\"] button:nth-child(2)').ariaPressed") == "true"
    small.click('[data-legend="0"] button:nth-child(2)')
    assert len(set(faded())) == 1


def test_the_keyboard_reaches_everything_and_is_held_nowhere(small: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    small.js("document.activeElement.blur(); scrollTo(0, 0)")
    small.press(Keys.TAB)
    assert small.js("return document.activeElement.className") == "skip"
    outline = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"
    style, width = small.js(outline)
    assert style != "none" and width >= 2
    seen = []
    for _ in range(150):
        small.press(Keys.TAB)
        at = small.js("return document.activeElement.tagName + '.' + document.activeElement.className")
        if at.startswith("BODY"):
            break
        seen.append(at)
    else:
        raise AssertionError("150 steps do not lead out of the page")
    assert {"BUTTON.theme", "SELECT.", "DIV.tokens", "SUMMARY."} <= set(seen)


def test_hangul_has_glyphs(small: Browser) -> None:
    drawn = small.js(
        """
        const picture = (char) => {
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 48;
          const pen = canvas.getContext("2d");
          pen.font = "40px " + getComputedStyle(document.body).fontFamily;
          pen.fillText(char, 2, 40);
          return canvas.toDataURL();
        };
        return [..."가힣뷁ㅋ\\u{10fffd}\\u{10fffc}"].map(picture);
        """
    )
    if drawn[0] == drawn[1]:
        pytest.skip("no Korean font here (Debian: apt install fonts-noto-cjk)")
    assert len(set(drawn[:4])) == 4 and not set(drawn[:4]) & set(drawn[4:])


def test_print_is_light_and_shows_the_tables(browser: Browser) -> None:
    browser.open("small", scheme="dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    ink = browser.js("return getComputedStyle(document.documentElement).getPropertyValue('--ink')")
    bar = browser.js("return getComputedStyle(document.querySelector('.bar')).display")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
    assert (ink, bar) == ("#1b1d21", "none")


NASTY = [
    "", " ", "  ", "\n", "\r\n\r\n  x", "a", "사과나무", "ㅋㅋㅋㅋ ㅠㅠ", "각가깍 뷁쀍쓩", "　전각　빈칸\u00a0\u2003x", "I'LL don'T we'ſ it'S 'ſ",
    "x'ſy 사과's 사과'LL이", "1234567 １２３ ٣٤٥ ⅷ²½", "한자 漢字 かな カナ", "📚👨\u200d👩\u200d👧🇰🇷", "e\u0301 \u0301x ᄒ\u1161ᆫ ㄱㅏ \u11a7", "a\u0300b\u0345C\u0345D",
    "Ǆǅǆ ʰˀ ªº ⓐ Ⅷ", "/a//b\n/\r\n c!\n\n!!\n", "\t\ttab\x0b\x0c\x85\u2028\u2029end ", "\u200b\ufeff\u00ad\u202e", "\ud7b0\ud7cb \ua960 \uffa1ￂ", "\U0001e900\U0001e922 \U00010d50",
    "\u1c89\u1c8a \ua7cb \U000105c0 \U00016d40", "\U0010ffff\ue000\ufdd0", "<|endoftext|>", "a" * 40, "가" * 40, "ㅋ" * 33, " " * 20 + "x", "A" * 10 + "b" * 10 + "가나", "CamelCaseWORDlower한글ABCdef",
]  # fmt: skip


def strings(seed: int, n: int) -> list[str]:
    """Return strings of characters that patterns and units treat apart."""
    rng = random.Random(seed)
    alphabet = [c for text in NASTY for c in text] + [chr(rng.randrange(0xAC00, 0xD7A4)) for _ in range(60)]
    wild = [chr(c) for c in (rng.randrange(0x20, 0x30000) for _ in range(300)) if not 0xD800 <= c < 0xE000]
    return NASTY + ["".join(rng.choices(alphabet + wild, k=rng.randrange(1, 30))) for _ in range(n - len(NASTY))]


CODERS = [(unit, "o200k") for unit in ("byte", "byte-char", "syllable", "syllable:seen=3", "jamo", "jamo:filler", "jamo:filler:compat", "jamo-char:compat")]  # fmt: skip
CODERS += [("byte", pattern) for pattern in ("gpt2", "cl100k", "llama3", "none")]


@pytest.fixture(scope="module")
def coders(browser: Browser) -> list[tuple[str, str, Tokenizer]]:
    """Tokenizers of every unit and pattern, and a page that can type with them, in the same order."""
    texts = [d.text for d in sample.documents()]
    made = []
    for unit, pattern in CODERS:
        n = 5000 if unit.startswith("syllable") else 1500
        made.append((unit, pattern, bpe_lab.train(texts=texts, vocab_size=n, unit=unit, pattern=pattern)))
    comparison = {
        "schema": 1,
        "kind": "comparison",
        "made_by": SMALL["made_by"],
        "explorer": {"sentences": SMALL["explorer"]["sentences"]},
    }
    comparison["candidates"] = [{"id": f"c{i}", "name": f"{u} {p}", "unit": u} for i, (u, p, _) in enumerate(made)]
    comparison["explorer"]["typing"] = {f"c{i}": browser_tables(t) for i, (_, _, t) in enumerate(made)}
    comparison["explorer"]["candidates"] = list(comparison["explorer"]["typing"])
    browser.pages["typing"] = browser.pages["small"].with_name("typing.html")
    browser.pages["typing"].write_text(render(comparison), encoding="utf-8")
    return made


@pytest.mark.parametrize("place", range(len(CODERS)), ids=["-".join(c) for c in CODERS])
def test_typed_text_is_cut_as_the_core_cuts_it(browser: Browser, coders: list[Any], place: int) -> None:
    if place == 0:
        browser.open("typing")
    texts = strings(place, 3000 if FULL else 300)
    found = browser.js("return arguments[0].map((text) => bpeLab.ends(arguments[1], text))", texts, place)
    tokenizer = coders[place][2]
    for text, ends in zip(texts, found, strict=True):
        assert ends == [end for _, end in tokenizer.spans(text)], text
    assert any(len(ends) < len(text.encode()) for text, ends in zip(texts, found, strict=True)), "something merges"


def test_typing_shows_what_is_typed(browser: Browser, coders: list[Any]) -> None:
    browser.open("typing")
    browser.js("const s = document.getElementById('sentence'); s.value = 'own'; s.dispatchEvent(new Event('change'))")
    browser.js("document.querySelector('.typed').select()")
    browser.press("뷁 사과")
    assert len(browser.texts(".cut")) == len(coders)
    for i, (_, _, tokenizer) in enumerate(coders):
        n_tokens = browser.js(
            "return document.querySelectorAll('.cuts > .cut')[arguments[0]].querySelectorAll('.token').length", i
        )
        assert n_tokens == len(tokenizer.spans("뷁 사과"))
    browser.js(
        "const t = document.querySelector('.typed'); t.value = '가'.repeat(5000); t.dispatchEvent(new Event('input'))"
    )
    assert "1000" in browser.texts(".remark")[0]
    assert browser.complaints() == []


def test_no_typing_where_unicode_tables_differ() -> None:
    comparison = rich_comparison()
    assert '"pattern":"o200k"' in render(comparison)
    for tables in comparison["explorer"]["typing"].values():
        tables["unicode"] = "15.0.0"
    assert '"pattern":"o200k"' not in render(comparison)
