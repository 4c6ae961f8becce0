"""What a vocabulary is made of: tokens with Hangul, atomic syllables, fragments, kinds, scripts. Reads no text."""

from collections.abc import Sequence
from functools import cache

from bpe_lab import _core


@cache
def ksx1001_syllables() -> str:
    """Return the 2,350 syllables of KS X 1001 in their order, which is that of code points: the atoms of `syllable`."""
    return _core.Unit.named("syllable").atoms


def kinds_of(vocab: Sequence[tuple[int, bytes]], n_ids: int) -> bytes:
    """Return what each token is by its bytes, one number an id (docs/words.md); ids that are not in `vocab` are 0.

    For tokenizers of other makers. `Tokenizer.token_kinds` tells jamo from bytes too. Leave special tokens out.

    >>> list(kinds_of([(0, b"a"), (1, b"\\xea"), (2, " 사과".encode())], 4))
    [4, 1, 6, 0]

    Raises:
        TokenError: an id of `vocab` is not below `n_ids`.
    """
    return _core.kinds_of(list(vocab), n_ids)


def vocabulary_anatomy(vocab: Sequence[tuple[int, bytes]], kinds: bytes) -> dict[str, int]:
    """Return what the vocabulary is made of, in tokens; tokens of kind 0 (holes, specials) are left out.

    Keys: `tokens`, `with_hangul` (= `one_syllable` + `space_syllable` + `several_syllables` + `hangul_mixed`),
    `jamo_bearing`, `code_point_fragments`, `jamo_fragments`, `atomic_syllables`, `atomic_ksx1001`, `atomic_ideographs`,
    `kind_*` (their sum without `kind_base` is `tokens`) and `script_*` (their sum is `tokens` less code-point
    fragments).
    """
    return _core.vocabulary_anatomy(list(vocab), kinds, ksx1001_syllables())
