"""Each hand-written scanner cuts exactly where its regex does, by another engine: Python's `regex`."""

import sys
import unicodedata
from collections.abc import Callable

import numpy as np
import pytest
import regex
from tests.conftest import FULL
from tests.texts import byte_strings, texts

from bpe_lab import ArgumentError, BpeLabError, _core

NAMED = [name for name in _core.PATTERN_NAMES if name != "none"]
CORPORA = ["ko_reviews", "ko_docs", "en_docs", "webdocs_ko", "webdocs_en", "webdocs_ja", "webdocs_zh"]


def ends_of(pattern: _core.Pattern, text: str) -> list[int]:
    return pattern.split(text.encode()).tolist()


def twin(name: str) -> "regex.Pattern[str]":
    text = _core.Pattern.named(name).tiktoken_regex
    assert text
    return regex.compile(text, regex.V0)


def expected_ends(compiled: "regex.Pattern[str]", text: str) -> list[int]:
    """Cut by the regex; what it does not match would be a piece of its own, but the named ones match everything."""
    ends, at = [], 0
    for match in compiled.finditer(text):
        at += len(match[0].encode())
        ends.append(at)
    assert at == len(text.encode())
    return ends


@pytest.mark.parametrize("name", NAMED)
def test_random_strings(name: str) -> None:
    pattern, compiled = _core.Pattern.named(name), twin(name)
    for text in texts(1_000_000 if FULL else 15_000, seed=len(name), longest=12 if FULL else 24):
        assert ends_of(pattern, text) == expected_ends(compiled, text), text


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("corpus_name", CORPORA)
def test_corpora(name: str, corpus_name: str, corpus: Callable[..., bytes]) -> None:
    text = corpus(corpus_name, None if FULL else 300_000).decode()
    assert ends_of(_core.Pattern.named(name), text) == expected_ends(twin(name), text)


@pytest.mark.parametrize("name", NAMED)
def test_every_code_point_that_all_versions_know(name: str) -> None:
    """Every code point between letters, digits and spaces; those assigned after our Unicode version are counted."""
    pattern, compiled = _core.Pattern.named(name), twin(name)
    n_newer = 0
    for c in range(sys.maxunicode + 1):
        if 0xD800 <= c <= 0xDFFF or unicodedata.category(chr(c)) == "Cn":
            n_newer += unicodedata.category(chr(c)) == "Cn"
            continue
        text = f"a{chr(c)}b {chr(c)}{chr(c)}1{chr(c)} "
        if pattern.split(text.encode()).tolist() != expected_ends(compiled, text):
            raise AssertionError(f"{name} cuts U+{c:04X} otherwise than its regex")
    assert n_newer > 0


@pytest.mark.parametrize("name", NAMED)
def test_bad_bytes_are_each_one_other_character(name: str) -> None:
    """Each bad byte cuts as U+FFFD would."""
    pattern, compiled = _core.Pattern.named(name), twin(name)
    for data in byte_strings(200_000 if FULL else 5_000, seed=21):
        text = data.decode("utf-8", "surrogateescape")
        widths = [1 if "\udc80" <= c <= "\udcff" else len(c.encode()) for c in text]
        shown = "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)
        ends = np.cumsum(widths)
        cuts, at = [], 0
        for match in compiled.finditer(shown):
            at += len(match[0])
            cuts.append(int(ends[at - 1]))
        assert pattern.split(data).tolist() == cuts, data


def test_a_user_s_regex_loses_nothing() -> None:
    pattern = _core.Pattern.regex(r"\d+")
    assert ends_of(pattern, "ab12cd3") == [2, 4, 6, 7]
    assert ends_of(_core.Pattern.regex(r"x*"), "axxb") == [1, 3, 4]
    assert ends_of(_core.Pattern.named("none"), "a b") == [3]


def test_a_known_regex_gets_its_scanner() -> None:
    for name in NAMED:
        for text in (_core.Pattern.named(name).tiktoken_regex, _core.Pattern.named(name).hf_regex):
            assert text and _core.Pattern.regex(text).name is not None
    assert _core.Pattern.regex(r"\w+").name is None


@pytest.mark.parametrize("text", ["(", "[a-", r"\p{Foo}", "*"])
def test_what_is_no_regex(text: str) -> None:
    with pytest.raises(ArgumentError, match="regex"):
        _core.Pattern.regex(text)


def test_a_regex_beyond_its_limit_says_so() -> None:
    pattern = _core.Pattern.regex(r"(?:(?=(a+)+b)x|(a|aa)+$(?<=b))")
    with pytest.raises(BpeLabError, match="limit"):
        pattern.split(b"a" * 60)
