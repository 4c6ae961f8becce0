"""Random and adversarial texts: whatever has tripped a tokenizer before, in random order."""

import random

FRAGMENTS = [
    *"aZzé", "ß", "ı", "İ", "ſ", "ǅ", "ʰ", "ª", "Ω", "д", "א", "ا", "अ", "ก", "一", "龥", "漢", "㐀", "𠀀",
    "가", "힣", "사과", "한국어", "ㅋ", "ㅋㅋㅋ", "ㅠㅠ", "ㄱㅏ", "\u1112\u119e\u11ab", "\u1100\u1161", "ﾡ",
    "e\u0301", "\u0301", "\u0300\u0301", "\u20dd", "\u0903", "\u093f", "a\u0308\u0323",
    *"0159", "²", "½", "Ⅷ", "٣", "𝟗", "一二", "123", "1234", "1234567",
    *"'.,!?-_/\\|@#$%^&*()[]{}<>~`+=:;\"", "…", "“", "”", "·", "※", "￦", "€", "→", "──", "//", "/\n", "!\n", "...\n\n",
    "'s", "'S", "'t", "'re", "'VE", "'ll", "'LL", "'d", "'m", "'ſ", "'ſt", "'K", "'x", "''s", "’s",
    " ", "  ", "   ", "\t", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", " \n", "\n ", "\t\t", "\x0b", "\x0c", "\x1c", "\x85",
    "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000", "\u200b", "\ufeff", "\u2060",
    "🍎", "👩‍💻", "🏳️‍🌈", "🇰🇷", "❤️", "👍🏽", "\U000e0067", "\x00", "\x01", "\x1b", "\x7f", "\ufffd", "\ue000", "\U0010ffff", "\u0378",
    "word", "Word", "WORD", "camelCase", "HTTPServer", "snake_case", "it's", "don't", "WE'RE", "x'y", "a1b2",
    "<|endoftext|>", "https://example.org/a?b=c", "사과나무", "되었습니다", "했다", "2026년", "10%p",
]  # fmt: skip
"""Class representatives: letters of every case class, marks, digits, white space, line ends, emoji, odd code points."""

BAD_BYTES = [b"\x80", b"\xbf", b"\xc0", b"\xc3", b"\xe3", b"\xe3\x81", b"\xed\xa0\x80", b"\xf0\x9f", b"\xf5", b"\xff"]
"""Bytes that are no UTF-8: stray tails, cut characters, a surrogate, bytes that never occur."""


def texts(n: int, seed: int, longest: int = 24) -> list[str]:
    """Return `n` random strings of 0 to `longest` fragments."""
    rng = random.Random(seed)
    return ["".join(rng.choices(FRAGMENTS, k=rng.randint(0, longest))) for _ in range(n)]


def byte_strings(n: int, seed: int, longest: int = 24) -> list[bytes]:
    """Return `n` random byte strings in which valid text and bad bytes mix."""
    rng = random.Random(seed)
    pool = [f.encode() for f in FRAGMENTS] + BAD_BYTES * 4
    return [b"".join(rng.choices(pool, k=rng.randint(0, longest))) for _ in range(n)]
