"""A vocabulary that grows: old ids stay, new merges are those of the obvious twin, every format holds the result."""

import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import FULL
from tests.texts import texts

from bpe_lab import (
    ArgumentError,
    BpeLabError,
    CorpusError,
    Tokenizer,
    UnsupportedError,
    count_pieces,
    extend,
    learn_more,
    sample,
    train,
)
from bpe_lab.cli import main
from bpe_lab.tokenizer import pattern_from

ENGLISH = [d.text for d in sample.documents("en")]
KOREAN = [d.text for d in sample.documents("ko", "news")]
SPECIALS = ["<|endoftext|>", "<|사용자|>"]


@pytest.fixture(scope="module")
def base() -> Tokenizer:
    """500 tokens of English, special ones at 498 and 499."""
    return train(texts=ENGLISH, vocab_size=500, special_tokens=SPECIALS)


@pytest.fixture(scope="module")
def grown(base: Tokenizer) -> Tokenizer:
    """The same with 300 tokens of Korean."""
    return extend(base, texts=KOREAN, vocab_size="+300")


def pieces(text: str, pattern: str) -> Iterable[bytes]:
    """Cut a text as the pattern does."""
    data = text.encode()
    ends = pattern_from(pattern).split(data)
    return [data[start:end] for start, end in pairwise([0, *ends.tolist()])]


def twin(base: Tokenizer, documents: Iterable[str], n_new: int) -> list[tuple[int, int, int]]:
    """Learn more by the definition: each piece as the base encodes it, then count all pairs anew before each merge.

    No pair is merged that spells a token there is. Ties go to the smallest ids. A piece encodes as in a text of its own,
    since these patterns cut a piece of theirs no further.
    """
    counts = Counter(piece for document in documents for piece in pieces(document, base.pattern))
    words = [(base.encode(piece), n) for piece, n in counts.items()]
    spellings = dict(base.vocab())
    merges = []
    for result in range(base.n_ids, base.n_ids + n_new):
        pairs: Counter[tuple[int, int]] = Counter()
        for ids, n in words:
            for pair in pairwise(ids):
                pairs[pair] += n
        known = set(spellings.values())
        allowed = [(-n, pair) for pair, n in pairs.items() if spellings[pair[0]] + spellings[pair[1]] not in known]
        if not allowed:
            break
        left, right = min(allowed)[1]
        spellings[result] = spellings[left] + spellings[right]
        merges.append((left, right, result))
        words = [(joined(ids, left, right, result), n) for ids, n in words]
    return merges


def joined(ids: list[int], left: int, right: int, result: int) -> list[int]:
    """Put `result` where the two stand side by side, from left to right."""
    out: list[int] = []
    for id in ids:
        if out and (out[-1], id) == (left, right):
            out[-1] = result
        else:
            out.append(id)
    return out


def test_the_twin_by_hand() -> None:
    """In GPT-2's order a, b, c are 64, 65, 66. The base has ab = 256 and an end of text, 257. `cab` 3 times is c ab, `abc`
    twice is ab c: (66, 256) stands 3 times, (256, 66) twice, so cab is 258 and abc 259."""
    base = train(texts=["ab"], vocab_size=258, pattern="none")
    documents = ["cab"] * 3 + ["abc"] * 2
    assert twin(base, documents, 9) == [(66, 256, 258), (256, 66, 259)]
    more = extend(base, texts=documents, vocab_size="+2")
    assert [more.token_bytes(id) for id in (256, 257, 258, 259)] == [b"ab", b"<|endoftext|>", b"cab", b"abc"]


letters = st.text("aab c가나", max_size=14)


@settings(max_examples=400 if FULL else 60, deadline=None)
@given(st.lists(letters, max_size=4), st.lists(letters, min_size=1, max_size=6), st.integers(0, 12), st.integers(1, 20))
def test_it_learns_what_the_twin_learns(old: list[str], new: list[str], n_old: int, n_new: int) -> None:
    base = train(texts=[*old, "a"], vocab_size=257 + n_old, pattern="none")
    if not "".join(new):
        return
    more = extend(base, texts=new, vocab_size=f"+{n_new}")
    table = more.merge_table().tolist()
    assert table[: base.n_merges] == base.merge_table().tolist()
    assert [tuple(row) for row in table[base.n_merges :]] == twin(base, new, n_new)
    for text in [*old, *new]:
        assert more.decode(more.encode(text)) == text


def test_it_learns_what_the_twin_learns_on_real_text(base: Tokenizer) -> None:
    more = extend(base, texts=KOREAN[:3], vocab_size="+25")
    assert [tuple(row) for row in more.merge_table().tolist()[base.n_merges :]] == twin(base, KOREAN[:3], 25)


def test_old_ids_stay_and_new_ones_follow(base: Tokenizer, grown: Tokenizer) -> None:
    assert (base.n_ids, grown.n_ids, grown.n_tokens) == (500, 800, 800)
    assert dict(grown.vocab()[:500]) == dict(base.vocab())
    assert grown.special_tokens == base.special_tokens == {SPECIALS[0]: 498, SPECIALS[1]: 499}
    assert [id for id, _ in grown.vocab()] == list(range(800))
    spellings = [spelling for _, spelling in grown.vocab()]
    assert len(set(spellings)) == 800
    assert (grown.pattern, grown.unit, grown.rule) == (base.pattern, base.unit, base.rule)


def test_text_without_a_new_merge_keeps_its_ids(base: Tokenizer, grown: Tokenizer) -> None:
    changed = 0
    for text in [*ENGLISH, *KOREAN, *texts(400, seed=4)]:
        ids = grown.encode(text)
        assert grown.decode(ids) == text and base.decode(base.encode(text)) == text
        assert grown.decode(base.encode(text)) == text
        if max(ids, default=0) < base.n_ids:
            assert ids == base.encode(text)
        changed += ids != base.encode(text)
    assert changed > 100
    said = "그리고<|endoftext|>the end"
    ids = grown.encode(said, allowed_special="all")
    assert 498 in ids and grown.decode(ids) == said
    assert grown.encode("the end of it") == base.encode("the end of it")


def test_fewer_tokens_for_the_new_text(base: Tokenizer, grown: Tokenizer) -> None:
    text = "".join(KOREAN)
    assert len(grown.encode(text)) < 0.7 * len(base.encode(text))


def test_the_same_whatever_the_threads(base: Tokenizer, tmp_path: Path) -> None:
    for number, text in enumerate(KOREAN):
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    files = sorted(tmp_path.glob("*.txt"))
    one = extend(base, files, "+200", threads=1)
    assert extend(base, files[::-1], "+200", threads=3)._core.to_native() == one._core.to_native()
    counts = count_pieces(files, pattern=base.pattern)
    again, learned = learn_more(base, counts, 700)
    assert again == one and (learned.n_merges, learned.n_ids, learned.stop[0]) == (200, 700, "full")
    assert learned.n_tokens == len(one.encode_batch([f.read_text(encoding="utf-8") for f in files])[0])
    assert learned.n_tokens_before == len(base.encode_batch([f.read_text(encoding="utf-8") for f in files])[0])
    left, right, count, n_left = learned.trace(1)[0]
    assert left + right == one.token_bytes(500) and n_left == learned.n_tokens_before - count


def test_it_grows_twice(grown: Tokenizer) -> None:
    twice = extend(grown, texts=[d.text for d in sample.documents("code")], vocab_size=900)
    assert twice.n_tokens == 900 and dict(twice.vocab()[:800]) == dict(grown.vocab())
    books = twice.provenance["extends"]
    assert books["fingerprint"] == grown.fingerprint
    assert books["provenance"]["extends"]["tokens"] == 500


# ---- formats


def test_the_own_file_holds_it(grown: Tokenizer, tmp_path: Path) -> None:
    grown.save(tmp_path / "more.bpe")
    back = Tokenizer.load(tmp_path / "more.bpe")
    assert back == grown and back.provenance == grown.provenance


def test_hugging_face_gives_the_same_ids(base: Tokenizer, grown: Tokenizer, tmp_path: Path) -> None:
    grown.save(tmp_path / "more.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "more.json"))
    for text in [*KOREAN, *ENGLISH[:5], *texts(300, seed=8)]:
        assert theirs.encode(text.replace("<|endoftext|>", "")).ids == grown.encode(text.replace("<|endoftext|>", ""))
    assert theirs.encode("끝<|endoftext|>the").ids == grown.encode("끝<|endoftext|>the", allowed_special="all")
    assert Tokenizer.load(tmp_path / "more.json") == grown


def test_tiktoken_gives_the_same_ids(grown: Tokenizer, tmp_path: Path) -> None:
    _, module = sorted(grown.save(tmp_path / "more.tiktoken"), key=lambda path: path.suffix == ".py")
    spec = importlib.util.spec_from_file_location("more", module)
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for text in [*KOREAN, *texts(300, seed=9)]:
        assert made.encoding.encode(text, disallowed_special=()) == grown.encode(text)
    said = "끝<|endoftext|>the"
    assert made.encoding.encode(said, allowed_special="all") == grown.encode(said, allowed_special="all")


@pytest.mark.parametrize("unit", ["byte-char", "syllable", "jamo", "jamo-char:filler"])
def test_every_unit_grows(unit: str) -> None:
    base = train(texts=ENGLISH[:4], vocab_size=2900, unit=unit)
    more = extend(base, texts=KOREAN, vocab_size="+60")
    assert more.n_ids == base.n_ids + 60 and more.unit == unit
    assert dict(more.vocab()[: base.n_tokens]) == dict(base.vocab())
    for text in [*KOREAN, *texts(200, seed=1)]:
        assert more.decode(more.encode(text)) == text


def test_a_file_of_hugging_face_grows(base: Tokenizer, tmp_path: Path) -> None:
    base.save(tmp_path / "base.json")
    more = extend(tmp_path / "base.json", texts=KOREAN, vocab_size="+50")
    assert more == extend(base, texts=KOREAN, vocab_size="+50")


@pytest.mark.parametrize("name", ["r50k_base", pytest.param("o200k_base", marks=pytest.mark.full)])
def test_published_ranks_grow(name: str, published: Callable[[str], Tokenizer]) -> None:
    """What tiktoken makes of a piece that is no token is merged by ranks: the new list must be too."""
    base = published(name)
    more = extend(base, texts=KOREAN, vocab_size="+400")
    assert more.rule == "ranks" and more.n_ids == base.n_ids + 400
    assert more.special_tokens == base.special_tokens
    known = base.n_ids
    for text in [*KOREAN, *ENGLISH[:3], *texts(300, seed=2)]:
        old, new = base.encode(text), more.encode(text)
        assert more.decode(new) == text
        if max(new, default=0) < known:
            assert new == old
        # Taking new tokens apart gives the old ids back: new merges stand behind all old ones.
        assert [i for id in new for i in ([id] if id < known else base.encode(more.token_bytes(id)))] == old or any(
            len(list(pieces(more.token_bytes(id).decode(errors="replace"), base.pattern))) > 1
            for id in new
            if id >= known
        )


# ---- errors


def test_what_cannot_grow_says_why(base: Tokenizer, tmp_path: Path) -> None:
    superwords = train(texts=KOREAN, vocab_size=400, superword="350:2")
    other_pattern = count_pieces(_file(tmp_path, KOREAN[0]), pattern="gpt2")
    rows: list[tuple[Callable[[], object], type[BpeLabError], str]] = [
        (lambda: extend(base, texts=KOREAN, vocab_size="+0"), ArgumentError, "would not grow: got +0"),
        (lambda: extend(base, texts=KOREAN, vocab_size=500), ArgumentError, "got 500, and there are 500"),
        (lambda: extend(base, texts=KOREAN, vocab_size="+many"), ArgumentError, "must be +N or a number"),
        (lambda: extend(base, texts=KOREAN, vocab_size="+3000000"), ArgumentError, "at most 2097152"),
        (lambda: extend(base, vocab_size="+5"), ArgumentError, "either a source"),
        (lambda: extend(base, texts=[""], vocab_size="+5"), CorpusError, "no pieces"),
        (lambda: extend(base, other_pattern, "+5"), ArgumentError, "cut with pattern 'gpt2'"),
        (lambda: extend(superwords, texts=KOREAN, vocab_size="+5"), UnsupportedError, "superwords"),
        (lambda: extend(base, texts=["라라"], vocab_size="+99", strict_vocab=True), CorpusError, "instead of 599"),
        (lambda: extend(base, texts=KOREAN, vocab_size="+5", min_frequency=0), ArgumentError, "min_frequency"),
    ]
    for call, kind, message in rows:
        with pytest.raises(kind, match=message.replace("+", r"\+")):
            call()


def _file(folder: Path, text: str) -> Path:
    path = folder / "ko.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_merges_that_run_out_are_said(base: Tokenizer) -> None:
    """라 is 3 bytes, so 라라 makes 라 of two merges and 라라 of a third, and then there is no pair."""
    assert extend(base, texts=["라라"], vocab_size="+99").n_tokens == 503


# ---- the command


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def test_the_command(base: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base.save(tmp_path / "base.json")
    text, out = _file(tmp_path, KOREAN[0]), tmp_path / "more.json"
    code, data, talk = call(
        capsys, "train", "--extend", tmp_path / "base.json", "--vocab", "+40", text, "-o", out, "--json"
    )
    assert code == 0, talk
    report = json.loads(data)
    assert (report["tokens"], report["tokens_before"], report["merges"], report["reason"]) == (540, 500, 40, None)
    assert "learned 40 merges behind those of 500 tokens" in talk
    assert Tokenizer.load(out) == extend(base, texts=[KOREAN[0]], vocab_size="+40")
    code, _, talk = call(
        capsys, "train", "--extend", out, "--vocab", "600", text, "-o", tmp_path / "x.bpe", "--trace", "2"
    )
    assert code == 0 and Tokenizer.load(tmp_path / "x.bpe").n_tokens == 600
    code, _, talk = call(capsys, "train", "--extend", out, "--vocab", "+99k", text, "-o", tmp_path / "y.bpe")
    assert code == 0 and "instead of 99540" in talk


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--vocab +5", "say which one: --extend"),
        ("--extend base.json", "--vocab +8000"),
        ("--extend base.json --vocab 400", "got 400, and there are 500"),
        ("--extend base.json --vocab +5 --unit jamo", "of unit byte, not jamo"),
        ("--extend base.json --vocab +5 --pattern gpt2", "cuts with pattern 'o200k', not 'gpt2'"),
        ("--extend base.json --vocab +5 --special <x>", "--special does not go with --extend"),
        ("--extend base.json --vocab +5 --superword 300", "--superword does not go with --extend"),
        ("--extend base.json --vocab +5 --morphemes mecab", "--morphemes does not go with --extend"),
        ("--extend no.json --vocab +5", "no.json does not exist"),
        ("--vocab +x", "not a number"),
    ],
)
def test_what_is_typed_wrongly(
    words: str,
    message: str,
    base: Tokenizer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    base.save("base.json")
    _file(tmp_path, KOREAN[0])
    code, _, talk = call(capsys, "train", "ko.txt", *words.split())
    assert code not in (0, 1) and message in talk, talk
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".bpe") == []
