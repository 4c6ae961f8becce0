"""What a tokenizer is made of, in one line: `unit=jamo:filler,vocab=8k,superword=6k:4,train=a.txt+b.txt`.

Commas separate keys, `:` the options of a value; a JSON object says the same where a value holds a comma. Equal recipes
have one canonical text, which names them in a cache. Reads no text and trains nothing.
"""

import dataclasses
import difflib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from typing import Any, NoReturn

from bpe_lab.errors import ArgumentError

MAX_SPACES = 4
"""Spaces that a superword may hold unless the recipe says otherwise."""

_BYTE_UNITS = ("byte", "byte-char")
_JAMO_OPTIONS = ("filler", "compat", "nfd-alias")
_CLOSED_UNITS = ("word", "char")
_UNITS = (*_BYTE_UNITS, "syllable", "jamo", "jamo-char", *_CLOSED_UNITS)
_MORPHEMES = ("mecab", "kiwi")
_AT = ("train", "train+infer")
_TIES = ("hf", "rustbpe")


@dataclass(frozen=True)
class Recipe:
    """A tokenizer that can be trained. Always in canonical form, however it was written.

    >>> Recipe.parse("vocab=8Ki, unit=jamo:nfd-alias:filler").canonical()
    'unit=jamo:filler:nfd-alias,vocab=8192'

    Raises:
        ArgumentError: a value is none of those allowed, or two keys contradict each other.
    """

    unit: str = "byte"
    """The base alphabet with its options; `word` and `char` are closed vocabularies."""
    vocab: int = 32_000
    """Ids in all, specials included."""
    pattern: str = "o200k"
    """How text is cut into pieces: a name, or a regular expression."""
    superword: str | None = None
    """`t` or `t:k`: from t ids on merges may cross pieces, over at most k spaces (4)."""
    morphemes: str | None = None
    """The analyser at whose edges no merge crosses: `mecab` or `kiwi`."""
    at: str = "train"
    """When the analyser is asked: `train`, or `train+infer`."""
    closed: bool = False
    """Whether what the vocabulary lacks becomes `<unk>`; for `word` and `char` always."""
    train: tuple[str, ...] = ()
    """Texts to train on; none means those of the comparison."""
    documents: str | None = None
    """What a document of `train` is; None means as the comparison says."""
    mix: tuple[tuple[str, int], ...] = ()
    """Shares of the bytes of the training text by source, sorted by source, as small whole numbers."""
    size: int | None = None
    """Bytes of the mixed training text; None means as many as the sources can give."""
    sample: str | None = None
    """The part of the training text that is taken, `10%` or a number of bytes `100000B`; None means all."""
    seed: int = 0
    """Which documents a sample or a mix draws."""
    tie: str = "hf"
    """Which of equally frequent pairs merges first."""
    min_frequency: int = 1
    """A pair rarer than this never merges."""
    max_token_bytes: int | None = None
    """No token is longer."""
    name: str | None = None
    """What tables call it; changes no result."""

    def __post_init__(self) -> None:
        for key, read in _READERS.items():
            object.__setattr__(self, key, _read(key, read, getattr(self, key)))
        _check(self)

    @classmethod
    def parse(cls, text: str) -> "Recipe":
        """Read a recipe, `key=value,key=value` or a JSON object.

        Raises:
            ArgumentError: an unknown key or value, with those allowed and the nearest one.
        """
        given = pairs_of(text)
        for key in given:
            if key not in _READERS:
                _refuse("a recipe", "key", key, tuple(_READERS))
        return cls(**given)

    def canonical(self) -> str:
        """Return the one text of this recipe: keys sorted, defaults left out, numbers in full."""
        return text_of(_unlike_default(self))

    def digest(self) -> str:
        """Return the SHA-256 of the canonical text without the name, as hexadecimal digits."""
        return hashlib.sha256(self.replace(name=None).canonical().encode()).hexdigest()

    def replace(self, **changes: Any) -> "Recipe":
        """Return the recipe with other values for some keys."""
        return dataclasses.replace(self, **changes)

    def without_text(self) -> "Recipe":
        """Return the recipe without what chooses the training text, and without its name: what training does."""
        return self.replace(train=(), documents=None, mix=(), size=None, sample=None, seed=0, name=None)

    @property
    def title(self) -> str:
        """What tables call it: its name, or unit, vocabulary and whatever else is no default.

        >>> Recipe.parse("unit=jamo,vocab=8k,morphemes=mecab").title
        'jamo 8k morphemes=mecab'
        """
        if self.name:
            return self.name
        rest = _unlike_default(self.replace(unit="byte", closed=False, vocab=32_000) if not self.closed else self)
        said = [f"{key}={_word(value)}" for key, value in rest.items() if key not in ("unit", "vocab", "closed")]
        return " ".join([self.unit, short(self.vocab), *(["closed"] if self.closed else []), *said])


@dataclass(frozen=True)
class Loaded:
    """A tokenizer that exists: `file=mine.tiktoken,pattern=o200k,name=mine`, or just the file or published name."""

    file: str
    pattern: str | None = None
    """For a rank file of no known name."""
    name: str | None = None

    def canonical(self) -> str:
        """Return the one text that says this."""
        given = {key: value for key, value in sorted(vars(self).items()) if value is not None}
        return text_of(given)

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or self.file


def parse_tokenizer(text: str) -> Recipe | Loaded:
    """Read what `--tokenizers` takes: a recipe, a file or folder, or a published name.

    >>> parse_tokenizer("o200k_base").title, parse_tokenizer("unit=jamo,vocab=8k").title
    ('o200k_base', 'jamo 8k')

    Raises:
        ArgumentError: it is meant as a recipe and is none.
    """
    if not text.strip():
        raise ArgumentError("a tokenizer is empty", "name a file, a published vocabulary, or write a recipe")
    if text.partition(":")[0] in _UNITS:
        raise ArgumentError(f"{text!r} is a unit and no tokenizer", f"as a recipe: unit={text},vocab=8k")
    if not (text.lstrip().startswith("{") or re.match(r"\s*[\w-]+\s*=", text)):
        return Loaded(text)
    given = pairs_of(text)
    if "file" not in given:
        return Recipe.parse(text)
    for key, value in given.items():
        if key not in ("file", "pattern", "name"):
            _refuse("a tokenizer that is loaded", "key", key, ("file", "pattern", "name"))
        if not isinstance(value, str) or not value:
            raise ArgumentError(f"{key} must be text, got {value!r}")
    return Loaded(**given)


def pairs_of(text: str) -> dict[str, Any]:
    """Return the keys and values of `key=value,key=value` or of a JSON object, unread; `-` in a key is `_`."""
    if text.lstrip().startswith("{"):
        pairs = _json_pairs(text)
    else:
        pairs = [_pair(part) for part in text.split(",") if part.strip()]
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = key.strip().replace("-", "_")
        if name in found:
            raise ArgumentError(f"{name} stands twice in the recipe {text!r}", "say each key once")
        found[name] = value
    return found


def _json_pairs(text: str) -> list[tuple[str, Any]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError as e:
        raise ArgumentError(f"a recipe that begins with {{ must be JSON: {e}", 'as in {"unit": "jamo"}') from e
    return [(key, _tuples(value)) for key, value in pairs]


_VERBATIM = ("documents", "pattern")
"""Keys whose values may end in a space that counts."""


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, (list, tuple)) else value


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals or not key.strip() or not value.strip():
        hint = "a recipe is key=value,key=value; where a value holds a comma, write the recipe as JSON"
        raise ArgumentError(f"{part.strip()!r} in a recipe is no key=value", hint)
    return key, value if key.strip() in _VERBATIM else value.strip()


def text_of(values: Mapping[str, Any]) -> str:
    """Return values as a recipe's text, or as JSON where a value would not survive that."""
    plain = {key: _word(value) for key, value in sorted(values.items())}
    if all(_survives(values[key], word) for key, word in plain.items()):
        return ",".join(f"{key}={word}" for key, word in plain.items())
    given = {key: dict(value) if key == "mix" else value for key, value in values.items()}
    return json.dumps(given, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _survives(value: Any, word: str) -> bool:
    """Tell whether `word` is read back as `value`."""
    parts = [part if isinstance(part, str) else part[0] for part in value] if isinstance(value, tuple) else []
    marks = "/" if parts and not isinstance(value[0], str) else "+"
    return word.isprintable() and word == word.strip() and "," not in word and not any(marks in part for part in parts)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "/".join(f"{n}:{s}" for n, s in value) if isinstance(value[0], tuple) else "+".join(value)
    return str(value)


def _unlike_default(recipe: Recipe) -> dict[str, Any]:
    fields = {field.name: field.default for field in dataclasses.fields(recipe)}
    return {key: getattr(recipe, key) for key in sorted(fields) if getattr(recipe, key) != fields[key]}


def short(n: int) -> str:
    """Return a size as one says it.

    >>> short(8000), short(8192)
    ('8k', '8192')
    """
    return f"{n // 1000}k" if n >= 1000 and n % 1000 == 0 else str(n)


# What each key takes. A reader gets what was typed, or a value that is read already, and returns the one form of it.


def _read(key: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except _Unreadable as e:
        raise ArgumentError(f"{key}={_shown(value)} in a recipe: {e.reason}", e.hint) from None


def _shown(value: Any) -> str:
    return _word(value) if isinstance(value, (str, int)) else repr(value)


class _Unreadable(Exception):
    """Why a value cannot be read."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def nearest(word: str, allowed: tuple[str, ...]) -> str | None:
    """Return `did you mean …?` for the nearest of `allowed`, None where none is near."""
    near = difflib.get_close_matches(word, allowed, n=1)
    return f"did you mean {near[0]}?" if near else None


def _refuse(where: str, what: str, word: str, allowed: tuple[str, ...]) -> NoReturn:
    message = f"{where} has no {what} {word!r}; there are: {', '.join(allowed)}"
    raise ArgumentError(message, nearest(word, allowed))


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise _Unreadable(f"one of {', '.join(allowed)}", nearest(str(value), allowed))
        return value

    return read


def _maybe(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _Unreadable("text is needed")
    return value


def _unit(value: Any) -> str:
    base, *options = _text(value).split(":")
    if base not in _UNITS:
        raise _Unreadable(f"there is no unit {base!r}; there are: {', '.join(_UNITS)}", nearest(base, _UNITS))
    if base == "syllable":
        return _syllable(options)
    allowed = _JAMO_OPTIONS if base.startswith("jamo") else ()
    for option in options:
        if option not in allowed:
            there = f"there are: {', '.join(allowed)}" if allowed else "it has none"
            raise _Unreadable(f"{base} has no option {option!r}; {there}", nearest(option, allowed))
    return ":".join([base, *(option for option in allowed if option in options)])


def _syllable(options: list[str]) -> str:
    """Return `syllable` with its one choice of atoms; KS X 1001's 2,350 are the default and need no word."""
    if options in ([], ["ksx1001"]):
        return "syllable"
    seen = re.fullmatch(r"seen=0*([1-9][0-9]*)", options[0])
    if len(options) > 1 or not (seen or options == ["all"]):
        allowed = ("ksx1001", "all", "seen=K")
        raise _Unreadable(f"syllable has one option of: {', '.join(allowed)}", nearest(options[0], allowed))
    return f"syllable:seen={seen[1]}" if seen else "syllable:all"


_FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_NUMBER = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kmg]i?|)(b?)", re.ASCII | re.IGNORECASE)


def _number(value: Any, bytes_too: bool = False) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
        return value
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found or (found[3] and not bytes_too):
        raise _Unreadable("a whole number is needed", "write 8000, 8k (8,000) or 8Ki (8,192)")
    scaled = Decimal(found[1].replace("_", "")) * _FACTORS[found[2].lower()]
    if scaled != int(scaled) or scaled >= 1 << 63:
        raise _Unreadable("no whole number below 2^63")
    return int(scaled)


def _from(least: int, bytes_too: bool = False) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        n = _number(value, bytes_too)
        if n < least:
            raise _Unreadable(f"must be at least {least}")
        return n

    return read


def _flag(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise _Unreadable("one of true, false", nearest(str(value), ("true", "false")))


def _superword(value: Any) -> str:
    """Return `t`, or `t:k` where k is not 4."""
    start, colon, spaces = str(value).partition(":")
    n_ids, n_spaces = _from(1)(start), _from(1)(spaces) if colon else MAX_SPACES
    return str(n_ids) if n_spaces == MAX_SPACES else f"{n_ids}:{n_spaces}"


def _sources(value: Any) -> tuple[str, ...]:
    parts = tuple(value.split("+")) if isinstance(value, str) else value
    if not isinstance(parts, (tuple, list)) or not all(isinstance(part, str) and part for part in parts):
        raise _Unreadable("files or folders are needed", "join several with +, as in train=a.txt+b.txt")
    return tuple(dict.fromkeys(parts))


def _mix(value: Any) -> tuple[tuple[str, int], ...]:
    parts = [part.rpartition(":")[::2] for part in value.split("/")] if isinstance(value, str) else value
    if not isinstance(parts, (tuple, list)) or not all(isinstance(p, tuple) and len(p) == 2 and p[0] for p in parts):
        raise _Unreadable("sources with shares are needed", "as in mix=ko:10/en:90")
    shares = [(str(name), _share(share)) for name, share in parts]
    if len({name for name, _ in shares}) < len(shares):
        raise _Unreadable("a source stands twice")
    if shares and not any(share for _, share in shares):
        raise _Unreadable("all shares are 0")
    scale = 10 ** max((-int(share.as_tuple().exponent) for _, share in shares), default=0)
    whole = [(name, int(share * scale)) for name, share in shares if share]
    divisor = gcd(*(share for _, share in whole))
    return tuple(sorted((name, share // divisor) for name, share in whole))


def _share(value: Any) -> Decimal:
    text = str(value).removesuffix("%").strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text, re.ASCII):
        raise _Unreadable(f"{value!r} is no share", "as in mix=ko:10/en:90")
    share = Decimal(text).normalize()
    return share if int(share.as_tuple().exponent) < 0 else Decimal(int(share))


def _sample(value: Any) -> str | None:
    """Return `10%` or `100000B`; None for all."""
    hint = "10% (or 0.1) takes a tenth of the bytes in whole documents, 100kB takes documents until 100,000 bytes"
    text = str(value).strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?%?", text, re.ASCII):
        percent = Decimal(text.removesuffix("%")) * (1 if text.endswith("%") else 100)
        if not 0 < percent <= 100:
            raise _Unreadable("a sample is above 0% and up to 100%", hint)
        return None if percent == 100 else f"{_plain(percent)}%"
    if re.search(r"b$", text, re.IGNORECASE):
        return f"{_from(1, bytes_too=True)(text)}B"
    raise _Unreadable("no part of a text", hint)


def _plain(value: Decimal) -> str:
    """Return a number without exponent and without needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


_READERS: dict[str, Callable[[Any], Any]] = {
    "unit": _unit,
    "vocab": _from(1),
    "pattern": _text,
    "superword": _maybe(_superword),
    "morphemes": _maybe(_one_of(*_MORPHEMES)),
    "at": _one_of(*_AT),
    "closed": _flag,
    "train": _sources,
    "documents": _maybe(_text),
    "mix": _mix,
    "size": _maybe(_from(1, bytes_too=True)),
    "sample": _maybe(_sample),
    "seed": _from(0),
    "tie": _one_of(*_TIES),
    "min_frequency": _from(1),
    "max_token_bytes": _maybe(_from(1)),
    "name": _maybe(_text),
}
"""Every key of a recipe and what reads its value."""

_NOT_CLOSED = ("pattern", "superword", "morphemes", "tie", "min_frequency", "max_token_bytes")


def _check(recipe: Recipe) -> None:
    """Refuse keys that contradict each other."""
    if recipe.closed != (recipe.unit in _CLOSED_UNITS):
        raise ArgumentError(
            f"unit={recipe.unit} with closed={_word(recipe.closed)} is no recipe",
            "closed vocabularies are unit=word,closed=true and unit=char,closed=true",
        )
    given = _unlike_default(recipe)
    if recipe.closed and (odd := [key for key in _NOT_CLOSED if key in given]):
        raise ArgumentError(f"a closed vocabulary has no {odd[0]}", f"leave out {odd[0]}={_shown(given[odd[0]])}")
    if recipe.at != "train" and recipe.morphemes is None:
        raise ArgumentError(f"at={recipe.at} needs an analyser", "add morphemes=mecab or morphemes=kiwi")
    if recipe.superword and int(recipe.superword.partition(":")[0]) >= recipe.vocab:
        start = recipe.superword.partition(":")[0]
        raise ArgumentError(f"superword={start} must be below vocab={recipe.vocab}", "begin earlier, or raise vocab")
    if recipe.size is not None and not recipe.mix:
        raise ArgumentError(f"size={recipe.size} is the size of a mix, and there is none", "add mix=ko:10/en:90")
