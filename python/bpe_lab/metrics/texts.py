"""The texts that some metrics need: parallel lines as premiums count them, and changed texts for robustness."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from bpe_lab import _core

TYPO_RATE = 0.1
"""Share of the syllables in which a finger slips."""


def premium_documents(lines: Iterable[bytes]) -> list[bytes]:
    """Return each line as a document: one space before it and no line ending, as premiums are published.

    FLORES-200 ko/en by this convention: r50k 5.07, cl100k 2.38; without the space 5.04 and 2.37.
    """
    return [b" " + line.rstrip(b"\r\n") for line in lines]


def as_nfd(documents: Sequence[bytes]) -> list[bytes]:
    """Return documents as NFD writes their Hangul; other scripts stay."""
    return _core.hangul_to_nfd(list(documents))


def without_spaces(documents: Sequence[bytes]) -> list[bytes]:
    """Return documents without U+0020; other white space stays."""
    return _core.without_spaces(list(documents))


def with_typos(documents: Sequence[bytes], rate: float = TYPO_RATE, seed: int = 0) -> list[bytes]:
    """Return documents in which, in a share `rate` of the syllables, one jamo slipped to a neighbouring key.

    The keyboard is the Korean two-set one; onset, vowel or coda slips one key to the left or to the right. The same
    seed gives the same text on every machine.
    """
    return _core.with_typos(list(documents), rate, seed)


def with_longer_runs(documents: Sequence[bytes]) -> list[bytes]:
    """Return documents whose runs of n >= 2 of ㅋ, ㅎ, ㅠ or ㅜ are 2n + 1 long."""
    return _core.lengthen_runs(list(documents))


TRANSFORMS: Mapping[str, Callable[[Sequence[bytes]], list[bytes]]] = {
    "nfd": as_nfd,
    "no_spaces": without_spaces,
    "typo": with_typos,
    "laugh": with_longer_runs,
}
"""Metric of robustness -> what it does to the documents. `paired(changed, plain, name)` gives the metric."""

OLD_HANGUL: tuple[str, ...] = (
    "나랏말ᄊᆞ미 듕귁에 달아 문ᄍᆞᆼ와로 서르 ᄉᆞᄆᆞᆺ디 아니ᄒᆞᆯᄊᆡ",
    "이런 젼ᄎᆞ로 어린 ᄇᆡᆨ셩이 니르고져 호ᇙ 배 이셔도",
    "ᄆᆞᄎᆞᆷ내 제 ᄠᅳ들 시러 펴디 몯ᄒᆞᇙ 노미 하니라",
    "내 이ᄅᆞᆯ 윙ᄒᆞ야 어엿비 너겨 새로 스믈여듧 ᄍᆞᆼᄅᆞᆯ ᄆᆡᇰᄀᆞ노니",
    "사ᄅᆞᆷ마다 ᄒᆡᅇᅧ 수ᄫᅵ 니겨 날로 ᄡᅮ메 뼌한킈 ᄒᆞ고져 ᄒᆞᇙ ᄯᆞᄅᆞ미니라",
    "불휘 기픈 남ᄀᆞᆫ ᄇᆞᄅᆞ매 아니 뮐ᄊᆡ 곶 됴코 여름 하ᄂᆞ니",
    "ᄉᆡ미 기픈 므른 ᄀᆞᄆᆞ래 아니 그츨ᄊᆡ 내히 이러 바ᄅᆞ래 가ᄂᆞ니",
)
"""Old Hangul as it is typed today: the preface of Hunminjeongeum Eonhae (1459) and Yongbieocheonga 2 (1447), tone marks
left out. Syllables with a precomposed form use it; the others are conjoining jamo, which no normal form composes."""
