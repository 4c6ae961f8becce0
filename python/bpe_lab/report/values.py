"""Numbers and words as the page shows them. Knows no HTML and no chart.

A word is a string or `{"en": …, "ko": …}`; a value is a number, None, or an estimate `{"value", "low", "high"}`.
"""

import math
from collections.abc import Iterable
from typing import Any

LANGUAGES = ("en", "ko")

_SHARES = ("share", "fraction", "proportion")
_COUNTS = ("count", "tokens", "ids", "n", "bytes", "documents", "syllables")
_NONE = "–"


def in_language(word: Any, lang: str) -> str:
    """Return a word in one language; a plain string is the same in all.

    >>> in_language({"en": "syllable", "ko": "음절"}, "ko"), in_language("jamo 8k", "ko")
    ('음절', 'jamo 8k')
    """
    if is_word(word):
        return str(word.get(lang) or word.get("en") or word.get("ko") or "")
    return "" if word is None else str(word)


def is_word(value: Any) -> bool:
    """Tell whether `value` is text in two languages."""
    return isinstance(value, dict) and bool(value) and set(value) <= set(LANGUAGES)


def is_estimate(value: Any) -> bool:
    """Tell whether `value` is a number with an interval."""
    return isinstance(value, dict) and "value" in value


def is_number(value: Any) -> bool:
    """Tell whether `value` is a finite number; True and False are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def point(value: Any) -> float | None:
    """Return the number itself of a value, None where there is none."""
    found = value["value"] if is_estimate(value) else value
    return found if is_number(found) else None


def ends(value: Any) -> tuple[float, float] | None:
    """Return the interval of an estimate, None where there is none."""
    if is_estimate(value) and is_number(value.get("low")) and is_number(value.get("high")):
        return value["low"], value["high"]
    return None


def form_of(unit: str | None, values: Iterable[Any], given: str | None = None) -> str:
    """Return the format (Python's, which is d3's too) in which all of `values` are shown.

    `given` wins; shares become percent; whole numbers stay whole; the rest gets the decimals that leave the largest
    of them three digits.

    >>> [form_of("share", [0.12]), form_of("share", [0.0012]), form_of("tokens/byte", [0.3]), form_of(None, [2048])]
    ['.1%', '.2%', '.3f', ',d']
    """
    numbers = [number for value in values for number in (point(value), *(ends(value) or ())) if number is not None]
    if given and _usable(given, numbers):
        return given
    if unit == "%":
        return "g" if not numbers or not all(float(number).is_integer() for number in numbers) else ",d"
    if unit in _SHARES:
        return f".{_share_decimals(numbers)}%"
    whole = all(float(number).is_integer() for number in numbers)
    if numbers and whole and (unit in _COUNTS or max(map(abs, numbers)) >= 10):
        return ",d"
    largest = max(map(abs, numbers), default=1.0)
    decimals = 3 if largest == 0 else min(max(2 - math.floor(math.log10(largest)), 0), 6)
    return f",.{decimals}f" if largest >= 1000 else f".{decimals}f"


def shown(value: Any, form: str) -> str:
    """Return the number of a value in `form`, with a true minus; a dash where there is none.

    >>> shown({"value": -0.0147, "low": None, "high": None}, ".1%"), shown(None, ".3f"), shown(2048, ",d")
    ('−1.5\xa0%', '–', '2,048')
    """
    number = point(value)
    if number is None:
        return _NONE
    text = format(round(number) if form.endswith("d") else number, form)
    return text.replace("-", "−").replace("%", "\u00a0%")


def interval_shown(value: Any, form: str) -> str:
    """Return the interval of an estimate, empty where there is none.

    >>> interval_shown({"value": 0.312, "low": 0.309, "high": 0.315}, ".3f")
    '0.309 – 0.315'
    """
    bounds = ends(value)
    if bounds is None:
        return ""
    low, high = (shown(bound, _finer(form, bounds)) for bound in bounds)
    low = low.removesuffix("\u00a0%")
    return f"{low} – {high}" if "−" not in low + high else f"{low} … {high}"


def _finer(form: str, bounds: tuple[float, float]) -> str:
    """Return `form` for the ends of an interval: whole numbers would hide where the ends lie between them."""
    return ",.0f" if form.endswith("d") and not all(float(bound).is_integer() for bound in bounds) else form


def _share_decimals(numbers: list[float]) -> int:
    """Return how many decimals percents need so that the largest still says something: 12.3 %, 0.12 %, 0.012 %."""
    largest = max(map(abs, numbers), default=1.0)
    return 1 if largest >= 0.01 or largest == 0 else min(1 - math.floor(math.log10(100 * largest)), 4)


def _usable(form: str, numbers: list[float]) -> bool:
    """Tell whether Python can format with `form`, so that a strange one costs its digits and not the report."""
    try:
        for number in numbers or [1.0]:
            format(round(number) if form.endswith("d") else number, form)
    except (ValueError, TypeError):
        return False
    return form[-1:] in "defg%"
