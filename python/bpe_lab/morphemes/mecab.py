"""python-mecab-ko as an analyser: about 0.6 MB/s and 110 MB of memory.

Its morphemes are stretches of the text, so cuts are those of the surface. A stretch that it calls inflected tells its
morphemes too, which may meet inside a syllable.
"""

from collections.abc import Callable, Iterable, Iterator

from bpe_lab.morphemes.surface import Span

PACKAGES = ("python-mecab-ko", "python-mecab-ko-dic")

_ONSETS, _CODAS = "ᄀᄁᄂᄃᄅᄆᄇᄉᄊᄋᄌᄎᄏᄐᄑᄒ", "ᆨᆩᆫᆮᆯᆷᆸᆺᆻᆼᆽᆾᆿᇀᇁᇂ"
_CODA_OF = dict(zip(_ONSETS, _CODAS, strict=True))


def make() -> Callable[[list[str]], Iterable[list[Span]]]:
    """Return what analyses texts.

    Raises:
        ImportError: python-mecab-ko is not installed.
    """
    from mecab import MeCab
    from mecab.utils import create_lattice

    # `MeCab.parse` makes an object of every feature, which takes longer than the analysis.
    tagger = MeCab()._tagger

    def analyse(texts: list[str]) -> Iterator[list[Span]]:
        for text in texts:
            lattice = create_lattice(text)
            tagger.parse(lattice)
            yield [_span(start, end, node.surface, node.feature) for (start, end), node in lattice]

    return analyse


def _span(start: int, end: int, surface: str, feature: str) -> Span:
    """Return a stretch; `feature` ends in `Inflect,VV,EF,가/VV/*+ᆫ다/EF/*` where it holds several morphemes."""
    fields = feature.split(",")
    if len(fields) < 8 or fields[4] != "Inflect":
        return Span(start, end, (surface,))
    return Span(start, end, tuple(_form(part) for part in fields[7].split("+")))


def _form(part: str) -> str:
    """Return the form in `form/TAG/meaning`; a consonant alone in front is a coda, which the dictionary writes ᄇ."""
    form = part.split("/", 1)[0]
    return _CODA_OF.get(form[:1], form[:1]) + form[1:]
