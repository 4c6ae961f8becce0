"""The counter of the core once more, slow and by definition: docs/metrics.md and docs/words.md as sets and loops.

Believe it by reading. Every question is asked of the whole document again, so a document of n bytes takes n^2 steps.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass

import regex

WHITE = {*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}

# Strongest last: Hangul's letters before its symbols, then digits, ideographs, kana, Latin, punctuation.
CLASSES = [
    ("hangul", r"(?V1)[\p{Hangul}--[\p{P}\p{S}]]"),
    ("digits", r"\p{Nd}"),
    ("hanja", r"\p{Han}"),
    ("kana", r"[\p{Hiragana}\p{Katakana}\u30FC]"),
    ("latin", r"\p{Latin}"),
    ("punctuation", r"[\p{P}\p{S}]"),
]


@dataclass(frozen=True)
class Char:
    start: int
    end: int
    text: str | None
    """None for a byte that is no UTF-8."""

    @property
    def white(self) -> bool:
        return self.text is not None and ord(self.text) in WHITE

    @property
    def syllable(self) -> bool:
        return self.text is not None and "가" <= self.text <= "힣"

    @property
    def script(self) -> str:
        if self.text is None:
            return "other"
        return next((name for name, pattern in CLASSES if regex.fullmatch(pattern, self.text)), "other")

    @property
    def strength(self) -> int:
        return 0 if self.white else 1 if self.script == "punctuation" else 2

    @property
    def jamo(self) -> str:
        """L, V or T for a conjoining jamo, else something else."""
        name = unicodedata.name(self.text, "") if self.text else ""
        if "CHOSEONG" in name and "HALFWIDTH" not in name:
            return "L"
        if "JUNGSEONG" in name:
            return "V"
        return "T" if "JONGSEONG" in name else "-"


def characters(text: bytes) -> list[Char]:
    found, at = [], 0
    while at < len(text):
        for length in (1, 2, 3, 4):
            try:
                c = text[at : at + length].decode()
            except UnicodeDecodeError:
                continue
            if len(c) == 1:
                found.append(Char(at, at + length, c))
                at += length
                break
        else:
            found.append(Char(at, at + 1, None))
            at += 1
    return found


def eojeol(chars: list[Char]) -> list[tuple[int, int]]:
    """Maximal runs of characters that are no white space."""
    spans: list[tuple[int, int]] = []
    for c in chars:
        if c.white:
            continue
        if spans and spans[-1][1] == c.start:
            spans[-1] = (spans[-1][0], c.end)
        else:
            spans.append((c.start, c.end))
    return spans


def count(
    text: bytes, ids: list[int], ends: list[int], kinds: bytes, is_jamo: bool, bands: dict[bytes, str] | None
) -> Counter[str]:
    """Return all columns of one document."""
    chars = characters(text)
    words = eojeol(chars)
    tokens = list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []
    n: Counter[str] = Counter(bytes=len(text), chars=len(chars), tokens=len(tokens), eojeol=len(words))

    def cut(start: int, end: int) -> bool:
        return any(start < e < end for e in ends)

    def inside(c: Char) -> bool:
        return any(c.start <= s < e <= c.end and (s, e) != (c.start, c.end) for s, e in tokens)

    fallback = {c.start: c.text is None or inside(c) for c in chars}
    for c in chars:
        broken = cut(c.start, c.end)
        n["broken_chars"] += broken
        n["fallback_chars"] += fallback[c.start]
        n["syllables"] += c.syllable
        n["broken_syllables"] += c.syllable and broken
        n["fallback_syllables"] += c.syllable and fallback[c.start]
        n[f"chars_{c.script}"] += 1
        n[f"bytes_{c.script}"] += c.end - c.start
        n[f"broken_{c.script}"] += broken
        n[f"fallback_{c.script}"] += fallback[c.start]

    shape = "".join(c.jamo for c in chars)
    for m in regex.finditer("L+V+T*", shape):
        n["conjoining"] += 1
        n["broken_conjoining"] += cut(chars[m.start()].start, chars[m.end() - 1].end)

    owner: Counter[int] = Counter()
    for at, (start, end) in enumerate(tokens):
        touched = [c for c in chars if c.start < end and c.end > start and start < end]
        kind = emitted_kind(touched, start, end, words, is_jamo)
        n[f"emitted_{kind}"] += 1
        strongest = max((c.strength for c in touched), default=0)
        script = next((c.script for c in touched if c.strength == strongest), "other") if strongest else "other"
        n[f"tokens_{script}"] += 1
        one_byte = end - start == 1 and kind == "fragment"
        base = kinds[ids[at]] in (1, 9) if kinds else one_byte
        n["tokens_base"] += base
        n[f"base_{script}"] += base
        dark = [c for c in touched if not c.white]
        word = None
        if dark:
            word = next(i for i, (a, b) in enumerate(words) if a <= dark[0].start < b)
        elif end > start and text[end - 1 : end] == b" ":
            word = next((i for i, (a, _) in enumerate(words) if a == end), None)
        if word is None:
            n["tokens_outside"] += 1
        else:
            owner[word] += 1

    for i, (start, end) in enumerate(words):
        with_space = start - (text[max(start - 1, 0) : start] == b" ")
        one = not cut(with_space, end)
        inner = [c for c in chars if start <= c.start < end]
        falls = any(fallback[c.start] for c in inner)
        n["eojeol_one_token"] += one
        n["eojeol_cut"] += not one
        n["fallback_eojeol"] += falls
        if bands is not None:
            band = bands.get(text[start:end], "unseen")
            n[f"eojeol_{band}"] += 1
            n[f"tokens_{band}"] += owner[i]
            n[f"one_token_{band}"] += one
            n[f"syllables_{band}"] += sum(c.syllable for c in inner)
            n[f"broken_syllables_{band}"] += sum(c.syllable and cut(c.start, c.end) for c in inner)
            n[f"fallback_{band}"] += falls
    return n


def emitted_kind(touched: list[Char], start: int, end: int, words: list[tuple[int, int]], is_jamo: bool) -> str:
    """What a token is where it stands, from the characters that it holds whole or in part."""
    if start == end:
        return "empty"
    partial = [c for c in touched if c.text is None or c.start < start or c.end > end]
    if partial:
        return "jamo_fragment" if is_jamo and all(c.syllable for c in partial) else "fragment"
    if all(c.strength < 2 for c in touched):
        return "other"
    if sum(not c.white for c in touched) == 1:
        return "one_char"
    touched_words = [(a, b) for a, b in words if a < end and b > start]
    if len(touched_words) > 1:
        return "several_words"
    a, b = touched_words[0]
    return "whole_word" if start <= a and b <= end else "part_word"


def words(documents: list[tuple[bytes, list[int]]]) -> dict[bytes, list[int]]:
    """Return every word type's occurrences and occurrences as one token, by first occurrence."""
    types: dict[bytes, list[int]] = {}
    for text, ends in documents:
        for start, end in eojeol(characters(text)):
            with_space = start - (text[max(start - 1, 0) : start] == b" ")
            row = types.setdefault(text[start:end], [0, 0])
            row[0] += 1
            row[1] += not any(with_space < e < end for e in ends)
    return types


def bands_of(documents: list[bytes]) -> dict[bytes, str]:
    """Return the frequency band of every eojeol of a training text."""
    counts = Counter(text[a:b] for text in documents for a, b in eojeol(characters(text)))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    names = [(1_000, "top1k"), (10_000, "1k_10k"), (100_000, "10k_100k"), (10**9, "rarer")]
    return {word: next(name for end, name in names if rank < end) for rank, word in enumerate(ranked)}


ROWS = ("ㅂㅈㄷㄱㅅ", "ㅁㄴㅇㄹㅎ", "ㅋㅌㅊㅍ", "ㅛㅕㅑㅐㅔ", "ㅗㅓㅏㅣ", "ㅠㅜㅡ")
ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def slips(letters: str, letter: str) -> list[str]:
    """The letters on the keys to the left and to the right that `letters` holds."""
    row = next((row for row in ROWS if letter in row), "")
    at = row.find(letter)
    beside = [row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)] if row else []
    return [b for b in beside if b in letters]


def with_typos(text: str, rate: float, seed: int, document: int) -> str:
    mask = 2**64 - 1
    state = seed ^ (document * 0x9E3779B97F4A7C15 & mask)

    def draw() -> int:
        nonlocal state
        state = state + 0x9E3779B97F4A7C15 & mask
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return z ^ z >> 31

    out = []
    for c in text:
        if "가" <= c <= "힣" and draw() >> 32 < int(rate * 2**32):
            onset, rest = divmod(ord(c) - 0xAC00, 588)
            vowel, coda = divmod(rest, 28)
            options = [(ONSETS.index(x), vowel, coda) for x in slips(ONSETS, ONSETS[onset])]
            options += [(onset, VOWELS.index(x), coda) for x in slips(VOWELS, VOWELS[vowel])]
            options += [(onset, vowel, CODAS.index(x)) for x in slips(CODAS, CODAS[coda])] if coda else []
            chosen = draw()
            if options:
                onset, vowel, coda = options[chosen % len(options)]
                c = chr(0xAC00 + onset * 588 + vowel * 28 + coda)
        out.append(c)
    return "".join(out)
