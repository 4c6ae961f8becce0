r"""Bytes made visible, exactly: what can be seen as it is, everything else escaped.

| what | shown as |
|---|---|
| a character that one sees | itself |
| newline, tab, carriage return, backslash | `\n`, `\t`, `\r`, `\\` |
| another ASCII control | `\x1B` |
| what does not print or is blank (a joiner, a no-break space, a direction mark, a Hangul filler) | `\u200D` |
| a combining mark without a base before it, or with one that has its own character (e + U+0301 is no é) | `\u0301` |
| a run of conjoining jamo, which terminals draw on top of each other | `⟨ㅎㅏ-ㄴ⟩`: a coda after `-` |
| a byte that belongs to no whole character | `\xEC` |

So two different byte strings never look the same. Knows nothing of tokens.
"""

import unicodedata

_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = "\udc80", "\udcff"

OPEN, CLOSE = "⟨", "⟩"
"""Brackets around what is a note on the text and not its characters."""

_ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_CODAS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"

_JAMO = {chr(0x1100 + n): letter for n, letter in enumerate(_ONSETS)}
_JAMO |= {chr(0x1161 + n): chr(0x314F + n) for n in range(21)}
_JAMO |= {chr(0x11A8 + n): "-" + letter for n, letter in enumerate(_CODAS)}

# Printable to Python, and yet blank, or drawn into the character before: fillers, old vowels and codas, selectors.
_UNSEEN = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0", OPEN, CLOSE}
_UNSEEN |= set(map(chr, [*range(0x1176, 0x11A8), *range(0x11C3, 0x1200), *range(0xD7B0, 0xD800)]))
_UNSEEN |= set(map(chr, [*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))


def visible(data: bytes) -> str:
    r"""Return `data` as one printable line.

    >>> print(visible("사과\n".encode()[1:]))
    \x82\xAC과\n
    >>> print(visible("\u1112\u1161\u11ab글".encode()))
    ⟨ㅎㅏ-ㄴ⟩글
    """
    parts: list[str] = []
    base = ""
    for char in data.decode("utf-8", "surrogateescape"):
        shown = _JAMO.get(char) or _shown(char, base)
        if char in _JAMO and base in _JAMO:
            parts[-1] = parts[-1].removesuffix(CLOSE) + shown + CLOSE
        else:
            parts.append(f"{OPEN}{shown}{CLOSE}" if char in _JAMO else shown)
        base = "" if shown != char and char not in _JAMO else char
    return "".join(parts)


def _shown(char: str, base: str) -> str:
    """Return what stands for `char` after `base`, the character before it where that one stands for itself."""
    if char in _NAMED:
        return _NAMED[char]
    if char.isprintable() and char not in _UNSEEN and not _is_lost_mark(char, base):
        return char
    code = ord(char)
    if _FIRST_ESCAPED_BYTE <= char <= _LAST_ESCAPED_BYTE:
        return f"\\x{code - 0xDC00:02X}"
    if code < 0x80:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _is_lost_mark(char: str, base: str) -> bool:
    """Tell a mark that would go unseen: nothing to stand on, or it would look like one composed character."""
    if char.isascii() or unicodedata.category(char) not in ("Mn", "Me"):
        return False
    return base in ("", " ") or base in _JAMO or len(unicodedata.normalize("NFC", base + char)) == 1


def text_or_none(data: bytes) -> str | None:
    """Return the text of `data`, None where it is no UTF-8. What JSON gets."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
