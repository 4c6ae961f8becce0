"""kiwipiepy as an analyser: 0.1 to 0.2 MB/s a core and about 500 MB of memory.

Its morphemes may share syllables: 간다 is 가 at 간 and ㄴ다 at 간다. Those that overlap are one span here.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bpe_lab.morphemes.surface import Span

PACKAGES = ("kiwipiepy", "kiwipiepy_model")


def make() -> Callable[[list[str]], Iterable[list[Span]]]:
    """Return what analyses texts, several at a time on threads of its own.

    Raises:
        ImportError: kiwipiepy is not installed.
    """
    from kiwipiepy import Kiwi

    kiwi = Kiwi()

    def analyse(texts: list[str]) -> Iterator[list[Span]]:
        # One text needs no thread; lists come back in order.
        results = [kiwi.tokenize(texts[0])] if len(texts) == 1 else kiwi.tokenize(texts)
        for tokens in results:
            yield list(spans_of(tokens))

    return analyse


def spans_of(tokens: Iterable[Any]) -> Iterator[Span]:
    """Yield the morphemes (`form`, `start`, `len`, by start), those that share a character together."""
    start, end, forms = 0, 0, list[str]()
    for token in tokens:
        if forms and token.start >= end:
            yield Span(start, end, tuple(forms))
            forms.clear()
        if not forms:
            start, end = token.start, token.start
        forms.append(token.form)
        end = max(end, token.start + token.len)
    if forms:
        yield Span(start, end, tuple(forms))
