"""`bpe-lab demo`: trains on part of the embedded sample and shows what comes out. A demonstration and no evidence.

Every fifth document of each kind is held back and only measured, for nobody should judge a tokenizer by its own
training text. The sample is far too small to tell anything about a tokenizer for a real model.
"""

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bpe_lab import Tokenizer

_UNITS = ("byte", "byte-char")
_LANGUAGES = {"ko": "Korean", "en": "English", "code": "code"}
_HELD_BACK = 5
_DEFAULT_VOCABULARY = 4_000
_SHOWN_PAIRS = ("p007", "p048", "p252")


@dataclass(frozen=True)
class Measured:
    """How much of one language's held-back text one tokenizer needs."""

    lang: str
    how: str
    """The unit, or `raw bytes`."""
    n_bytes: int
    n_words: int
    """Runs without white space; in Korean, eojeol."""
    n_tokens: int

    @property
    def bytes_per_token(self) -> float:
        """Higher is shorter."""
        return self.n_bytes / self.n_tokens

    @property
    def tokens_per_word(self) -> float:
        """Lower is shorter."""
        return self.n_tokens / self.n_words


def add_to(commands: arguments.Commands) -> None:
    """Add `demo`."""
    parser = arguments.add_command(
        commands,
        "demo",
        run_demo,
        "",
        "train on the embedded sample and show what comes out",
        "bpe-lab demo\nbpe-lab demo --vocab 8k",
        more="Needs no files and no network. A demonstration and no evidence: the sample is tiny.",
    )
    parser.add_argument("--vocab", type=arguments.size, default=_DEFAULT_VOCABULARY, metavar="N", help="default 4000")
    arguments.add_json(parser)


def run_demo(args: argparse.Namespace, terminal: Terminal) -> int:
    """Train with both units, measure on what was held back, show some sentences."""
    trained, held_back = _parts()
    started = time.monotonic()
    tokenizers = {unit: _train(trained, unit, args.vocab) for unit in _UNITS}
    seconds = time.monotonic() - started
    measured = [m for lang in _LANGUAGES for m in _measure(lang, held_back[lang], tokenizers)]
    if args.json:
        terminal.put_json("demo", _json(args.vocab, measured))
        return Exit.OK
    _show(terminal, tokenizers, measured, f"{amount(sum(len(t.encode()) for t in trained))} of text", seconds)
    return Exit.OK


def _show(
    terminal: Terminal, tokenizers: "dict[str, Tokenizer]", measured: list[Measured], trained_on: str, seconds: float
) -> None:
    from bpe_lab import sample

    console = terminal.console()
    n_tokens = next(iter(tokenizers.values())).n_tokens
    console.print(f"[bold]bpe-lab demo[/bold] - {sample.NOTICE}\n", highlight=False)
    console.print(
        f"Trained two tokenizers of {n_tokens:,} tokens on {trained_on} in {duration(seconds)}, and measured\n"
        "them on every fifth document, held back from training. A word is a run without\n"
        "white space; in Korean, an eojeol.\n"
    )
    console.print(_table(measured))
    console.print("Sentences, token by token; a byte that is a part of a character looks like \\xEC.\n")
    for line in _views(tokenizers, console):
        console.print(line, soft_wrap=True)
    console.print(f"[dim]{sample.NOTICE}[/dim]")


def _parts() -> tuple[list[str], dict[str, list[str]]]:
    """Return the texts to train on, and for each language those to measure on."""
    from bpe_lab import sample

    trained: list[str] = []
    held_back: dict[str, list[str]] = {}
    for lang in _LANGUAGES:
        texts = [document.text for document in sample.documents(lang)]
        held_back[lang] = texts[_HELD_BACK - 1 :: _HELD_BACK]
        trained += [text for i, text in enumerate(texts) if i % _HELD_BACK != _HELD_BACK - 1]
    return trained, held_back


def _train(texts: list[str], unit: str, vocab_size: int) -> "Tokenizer":
    from bpe_lab import train

    return train(texts=texts, vocab_size=vocab_size, unit=unit)


def _measure(lang: str, texts: list[str], tokenizers: "dict[str, Tokenizer]") -> Iterator[Measured]:
    n_bytes = sum(len(text.encode()) for text in texts)
    n_words = sum(len(re.findall(r"\S+", text)) for text in texts)
    yield Measured(lang, "raw bytes", n_bytes, n_words, n_bytes)
    for unit, tokenizer in tokenizers.items():
        yield Measured(lang, f"unit {unit}", n_bytes, n_words, sum(tokenizer.count(text) for text in texts))


def _table(measured: list[Measured]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("text")
    table.add_column("tokens of")
    for name in ("bytes", "tokens", "bytes/token", "tokens/word"):
        table.add_column(name, justify="right")
    for m in measured:
        raw = m.how == "raw bytes"
        table.add_row(
            _LANGUAGES[m.lang] if raw else "",
            m.how,
            f"{m.n_bytes:,}" if raw else "",
            f"{m.n_tokens:,}",
            f"{m.bytes_per_token:.2f}",
            f"{m.tokens_per_word:.2f}",
            style="dim" if raw else None,
            end_section=m.how == f"unit {_UNITS[-1]}",
        )
    return table


def _views(tokenizers: "dict[str, Tokenizer]", console: "Console") -> "Iterator[Text]":
    """Yield the sentences, and under each its tokens by every tokenizer."""
    from rich.text import Text

    from bpe_lab import sample

    for pair in (pair for pair in sample.parallel() if pair.id in _SHOWN_PAIRS):
        for text in (pair.ko, pair.en):
            yield Text(text, style="bold")
            for unit, tokenizer in tokenizers.items():
                yield from _view(unit, tokenizer.tokens(text), console)
            yield Text()


def _view(unit: str, tokens: list[bytes], console: "Console") -> "Iterator[Text]":
    """Yield the tokens of one sentence in lines that fit, the unit and their number before them."""
    from rich.text import Text

    from bpe_lab.cli.tokenview import SEPARATOR, coloured, separated, wrapped

    label = f"  {unit:<{max(map(len, _UNITS))}} {len(tokens):>3}  "
    gap = 0 if console.color_system else len(SEPARATOR)
    for start, line in wrapped(tokens, min(console.width, 80) - len(label), gap):
        before = " " * len(label) if start else label
        if console.color_system:
            yield Text(before) + coloured(line, console.color_system, first=start)
        else:
            goes_on = SEPARATOR if start + len(line) < len(tokens) else ""
            yield Text(before + separated(line) + goes_on)


def _json(vocab_size: int, measured: list[Measured]) -> dict[str, Any]:
    from bpe_lab import sample

    rows = [
        {
            "text": m.lang,
            "tokens_of": m.how,
            "bytes": m.n_bytes,
            "words": m.n_words,
            "tokens": m.n_tokens,
            "bytes_per_token": round(m.bytes_per_token, 4),
            "tokens_per_word": round(m.tokens_per_word, 4),
        }
        for m in measured
    ]
    return {"notice": sample.NOTICE, "vocab_size": vocab_size, "rows": rows}
