"""Tokens as people see them in a notebook or in print. The command line colours its own."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bpe_lab.visible import visible

if TYPE_CHECKING:
    from bpe_lab.tokenizer import Tokenizer

_EXAMPLE = "사과나무에 사과가 열렸다. An apple tree bore apples."
_COLOURS = ("#ffd7d7", "#d7ecd9", "#d9e4ff", "#fff0c2", "#ecd9f5")


@dataclass(frozen=True)
class TokenView:
    """Tokens of a text, to be printed or shown in a notebook."""

    ids: Sequence[int]
    tokens: Sequence[bytes]

    def __str__(self) -> str:
        """Write the tokens with bars between them."""
        return "|".join(map(visible, self.tokens))

    def _repr_html_(self) -> str:
        """Colour the tokens; the id shows under the pointer."""
        spans = "".join(
            f'<span title="id {i}" style="background:{_COLOURS[n % len(_COLOURS)]};color:#111;white-space:pre-wrap">'
            f"{html.escape(visible(token))}</span>"
            for n, (i, token) in enumerate(zip(self.ids, self.tokens, strict=True))
        )
        return f'<div style="font-family:monospace;line-height:1.7">{spans}</div><small>{len(self.ids)} tokens</small>'


def view(tokenizer: "Tokenizer", text: str | bytes) -> TokenView:
    """Return the tokens of `text` for showing."""
    ids = tokenizer.encode(text)
    return TokenView(ids, [tokenizer.token_bytes(i) for i in ids])


def html_of_tokenizer(tokenizer: "Tokenizer") -> str:
    """Return what a notebook shows for a tokenizer: what it is, and a sentence cut by it."""
    return f"<p>{html.escape(repr(tokenizer))}</p>{view(tokenizer, _EXAMPLE)._repr_html_()}"
