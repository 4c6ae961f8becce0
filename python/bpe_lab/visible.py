r"""Bytes made visible, exactly: what can be printed as it is, everything else escaped.

| what | shown as |
|---|---|
| a printable character | itself |
| newline, tab, carriage return, backslash | `\n`, `\t`, `\r`, `\\` |
| another ASCII control | `\x1B` |
| another character that does not print (a joiner, a no-break space, a direction mark) | `\u200D` |
| a byte that belongs to no whole character | `\xEC` |

So two different byte strings never look the same. Knows nothing of tokens.
"""

_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = "\udc80", "\udcff"


def visible(data: bytes) -> str:
    r"""Return `data` as one printable line.

    >>> print(visible("사과\n".encode()[1:]))
    \x82\xAC과\n
    """
    return "".join(map(_shown, data.decode("utf-8", "surrogateescape")))


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if char.isprintable():
        return char
    code = ord(char)
    if _FIRST_ESCAPED_BYTE <= char <= _LAST_ESCAPED_BYTE:
        return f"\\x{code - 0xDC00:02X}"
    if code < 0x80:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def text_or_none(data: bytes) -> str | None:
    """Return the text of `data`, None where it is no UTF-8. What JSON gets."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
