"""Superwords: two stages of training, the pattern that goes with them, and the same ids everywhere."""

import importlib.util
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import regex
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import oracle
from tests.conftest import FULL
from tests.texts import byte_strings, texts

from bpe_lab import ArgumentError, PieceCounts, Tokenizer, UnsupportedError, _core, count_pieces, sample, train
from bpe_lab.cli import main
from bpe_lab.counts import load_counts, merge_counts, save_counts
from bpe_lab.superwords import Superwords
from bpe_lab.training import learn

NAMES = _core.SUPERWORD_PATTERN_NAMES
ENDERS = ".!?…。！？"
KOREAN = [d.text for d in sample.documents("ko")]


# ---- the oracle: pieces by Python's regex, walls by looking, training and encoding by definition


def superpieces(text: str, base: str) -> list[str]:
    """Join the pieces of `base` up to a wall."""
    compiled = regex.compile(_core.Pattern.named(base).tiktoken_regex or "", regex.V0)
    out, joined = [], ""
    for match in compiled.finditer(text):
        joined += match[0]
        after = text[match.end() : match.end() + 1]
        line_ends = joined[-1] == "\n" or (joined[-1] == "\r" and after != "\n")
        if line_ends or (joined[-1] in ENDERS and regex.match(r"\s", after)):
            out.append(joined)
            joined = ""
    return [*out, joined] if joined else out


def train_two_stages(
    pieces: dict[bytes, int], wholes: dict[bytes, int], first: int, n_ids: int, max_spaces: int
) -> list[tuple[oracle.Pair, int, int]]:
    """Learn up to `first` ids from pieces, then on from wholes."""
    order = oracle.gpt2_byte_order()
    learned = oracle.train(pieces, first, order)
    spelling = {i: bytes([b]) for i, b in enumerate(order)}
    for (a, b), result, _ in learned:
        spelling[result] = spelling[a] + spelling[b]
    words = [(oracle.encode(whole, learned, order), weight) for whole, weight in wholes.items()]
    while len(spelling) < n_ids:
        pairs: Counter[oracle.Pair] = Counter()
        for ids, weight in words:
            for a, b in pairwise(ids):
                if (spelling[a] + spelling[b]).count(b" ") <= max_spaces:
                    pairs[a, b] += weight
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        joined = spelling[best[0]] + spelling[best[1]]
        known = [i for i, s in spelling.items() if s == joined]
        result = known[0] if known else len(spelling)
        spelling[result] = joined
        words = [(oracle.merge(ids, best, result), weight) for ids, weight in words]
        learned.append((best, result, pairs[best]))
    return learned


SENTENCES = st.lists(
    st.lists(st.sampled_from(["가", "나", "가나", "집에", "a", "ab", "1"]), min_size=1, max_size=7).map(" ".join),
    min_size=1,
    max_size=6,
).map(lambda sentences: ". ".join(sentences) + ".\n")


@given(st.lists(SENTENCES, min_size=1, max_size=3), st.integers(0, 14), st.integers(0, 14), st.integers(1, 3))
@settings(max_examples=300 if FULL else 60, deadline=None)
def test_merges_and_ids_are_the_oracle_s(documents: list[str], n_first: int, n_second: int, max_spaces: int) -> None:
    pieces: Counter[bytes] = Counter()
    wholes: Counter[bytes] = Counter()
    compiled = regex.compile(_core.Pattern.named("o200k").tiktoken_regex or "", regex.V0)
    for document in documents:
        pieces.update(m[0].encode() for m in compiled.finditer(document))
        wholes.update(s.encode() for s in superpieces(document, "o200k"))
    first, n_ids = 256 + n_first, 256 + n_first + n_second
    expected = train_two_stages(pieces, wholes, first, n_ids, max_spaces)
    options = {"superword": f"{first}:{max_spaces}", "special_tokens": ()}
    tokenizer = train(texts=documents, vocab_size=n_ids, **options)  # type: ignore[arg-type]
    assert tokenizer._core.merges() == [pair for pair, _, _ in expected]
    for document in documents:
        parts = [oracle.encode(s.encode(), expected, oracle.gpt2_byte_order()) for s in superpieces(document, "o200k")]
        assert tokenizer.encode(document) == [i for part in parts for i in part]


@pytest.mark.parametrize("name", NAMES)
def test_superpieces_are_pieces_up_to_a_wall(name: str) -> None:
    pattern, base = _core.Pattern.named(name), name.removesuffix("+superword")
    assert _core.Pattern.named(base).superword().name == name
    for text in [*texts(100_000 if FULL else 4_000, seed=5), *KOREAN[:20]]:
        ends, at = [], 0
        for part in superpieces(text, base):
            at += len(part.encode())
            ends.append(at)
        assert pattern.split(text.encode()).tolist() == ends, text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("corpus_name", ["ko_docs", "webdocs_zh", "en_docs"])
def test_superpieces_of_corpora_are_those_of_the_regex(
    name: str, corpus_name: str, corpus: Callable[..., bytes]
) -> None:
    text = corpus(corpus_name, 2_000_000 if FULL else 60_000).decode()
    compiled = regex.compile(_core.Pattern.named(name).tiktoken_regex or "", regex.V0)
    ends, at = [], 0
    for match in compiled.finditer(text):
        at += len(match[0].encode())
        ends.append(at)
    assert _core.Pattern.named(name).split(text.encode()).tolist() == ends


# ---- counts


def test_both_tables_add_up_whatever_the_split(tmp_path: Path) -> None:
    for i, text in enumerate(KOREAN):
        (tmp_path / f"{i:03}.txt").write_text(text, encoding="utf-8")
    files = sorted(tmp_path.glob("*.txt"))
    whole = count_pieces(files, superword=True, threads=1)
    assert whole.header["superwords"] == "o200k+superword"
    expected = Counter(s.encode() for text in KOREAN for s in superpieces(text, "o200k"))
    assert whole.superpieces is not None and dict(whole.superpieces.items()) == dict(expected)
    assert whole.n_superpieces == len(expected) and whole.superpieces.total_bytes == whole.total_bytes
    assert whole.items() == count_pieces(files).items()
    save_counts(count_pieces(files[:40], superword=True), tmp_path / "a.counts")
    save_counts(count_pieces(files[40:], superword=True, threads=3), tmp_path / "b.counts")
    parts = merge_counts([tmp_path / "b.counts", tmp_path / "a.counts"])
    whole.set_header("corpus", ""), parts.set_header("corpus", "")
    assert parts.to_bytes() == whole.to_bytes() == PieceCounts.from_bytes(whole.to_bytes()).to_bytes()
    save_counts(count_pieces(files[:1]), tmp_path / "plain.counts")
    with pytest.raises(ArgumentError, match=r"plain\.counts: counts with superpieces and counts without"):
        merge_counts([tmp_path / "a.counts", tmp_path / "plain.counts"])


def test_counts_and_texts_give_the_same_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "ko.txt").write_text("".join(KOREAN), encoding="utf-8")
    options = {"vocab_size": 1500, "superword": "1k:3"}
    from_text = train(tmp_path / "ko.txt", **options)  # type: ignore[arg-type]
    from_counts = train(count_pieces(tmp_path / "ko.txt", superword=True), **options)  # type: ignore[arg-type]
    in_memory = train(texts=["".join(KOREAN)], threads=3, **options)  # type: ignore[arg-type]
    assert from_text == from_counts == in_memory
    assert from_text.pattern == "o200k+superword"
    assert from_text.provenance["options"]["superword"] == "1000:3"


# ---- the tokenizer


@pytest.fixture(scope="module", params=["byte", "byte-char"])
def korean(request: pytest.FixtureRequest) -> Tokenizer:
    return train(texts=KOREAN, vocab_size=4000, unit=request.param, superword="3k")


def test_stage_one_is_the_smaller_vocabulary(korean: Tokenizer) -> None:
    plain = train(texts=KOREAN, vocab_size=3000, unit=korean.unit)
    merges = korean._core.merges()
    assert merges[: plain.n_merges] == plain._core.merges() and len(merges) == plain.n_merges + 1000
    second = [token for i, token in korean.vocab() if 256 + plain.n_merges <= i < 3999]
    assert len(second) == 1000 and max(token.count(b" ") for token in second) <= 4
    assert sum(b" " in token[1:] for token in second) > 100 > sum(b" " in token[1:] for _, token in plain.vocab())


def test_the_encoder_ends_where_training_ended() -> None:
    counts = count_pieces_of(KOREAN)
    tokenizer, learned = learn(counts, 4000, superword="3k:4")
    assert learned.superwords is not None and learned.superwords[0] == 1000
    assert sum(map(tokenizer.count, KOREAN)) == learned.n_tokens < learned.superwords[1]
    at_once, learned = learn(counts, 3000, superword="3k:4")
    assert learned.superwords is not None and sum(map(at_once.count, KOREAN)) == learned.n_tokens
    assert learned.superwords == (0, learned.n_tokens)


def count_pieces_of(documents: list[str]) -> PieceCounts:
    counter = _core.Counter(_core.Pattern.named("o200k"), "file", 2, superword=True)
    for document in documents:
        counter.push(document.encode())
        counter.end_of_file()
    return counter.finish()


def test_superwords_take_fewer_tokens() -> None:
    """On documents that were not trained on. How many fewer depends on the text; that it is fewer does not."""
    held_out, training = KOREAN[::7], [text for i, text in enumerate(KOREAN) if i % 7]
    plain, superword = train(texts=training, vocab_size=6000), train(texts=training, vocab_size=6000, superword="4k")
    assert sum(map(superword.count, held_out)) < 0.99 * sum(map(plain.count, held_out))


def test_any_bytes_come_back(korean: Tokenizer) -> None:
    for data in byte_strings(20_000 if FULL else 2_000, seed=9):
        assert korean.decode_bytes(korean.encode(data)) == data
    long = ("비가 오면 우산을 쓴다 " * 40_000).encode()
    assert korean.decode_bytes(korean.encode_array(long)) == long


def test_one_document_on_many_threads(korean: Tokenizer) -> None:
    text = "".join(KOREAN) * 3
    alone = korean.encode_array(text)
    for threads in (1, 2, 5):
        assert korean.encode_batch([text], threads=threads)[0].tolist() == alone.tolist()


def test_the_own_file_holds_it(korean: Tokenizer, tmp_path: Path) -> None:
    korean.save(tmp_path / "ko.bpe")
    assert b'"name": "o200k+superword"' in (tmp_path / "ko.bpe").read_bytes()
    back = Tokenizer.load(tmp_path / "ko.bpe")
    assert back == korean and back.encode(KOREAN[0]) == korean.encode(KOREAN[0])


# ---- the same ids in the libraries


@pytest.mark.parametrize("base", ["gpt2", "cl100k", "llama3", "o200k"])
def test_hugging_face_gives_the_same_ids(base: str, tmp_path: Path) -> None:
    ours = train(texts=[d.text for d in sample.documents()], vocab_size=3000, pattern=base, superword="2k")
    data = ours._core.to_huggingface()
    theirs = tokenizers.Tokenizer.from_str(data.decode())
    for text in [*texts(40_000 if FULL else 4_000, seed=31), *KOREAN, "".join(KOREAN)]:
        assert theirs.encode(text).ids == ours.encode(text, allowed_special="all"), text
    back = _core.Tokenizer.from_huggingface(data)
    assert back.pattern.hf_regex == ours._core.pattern.hf_regex
    assert back.encode("".join(KOREAN), (), ()) == ours.encode("".join(KOREAN))


@pytest.mark.parametrize("base", ["gpt2", "cl100k", "o200k"])
def test_tiktoken_gives_the_same_ids(base: str, tmp_path: Path) -> None:
    ours = train(texts=[d.text for d in sample.documents()], vocab_size=3000, pattern=base, superword="2k")
    ranks, source = ours.save(tmp_path / "sw.tiktoken")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for text in [*texts(40_000 if FULL else 4_000, seed=32), *KOREAN, "".join(KOREAN)]:
        assert module.encoding.encode(text, allowed_special="all") == ours.encode(text, allowed_special="all"), text
    back = Tokenizer.load(ranks, pattern=ours.pattern, special_tokens=ours.special_tokens)
    assert back.rule == "ranks" and back.encode(KOREAN[0]) == ours.encode(KOREAN[0])


# ---- what is refused


@pytest.mark.parametrize(
    ("text", "first", "max_spaces"),
    [("6k", 6000, 4), ("6k:2", 6000, 2), ("6Ki:1", 6144, 1), ("700", 700, 4), (700, 700, 4), (" 6k:4 ", 6000, 4)],
)
def test_what_is_typed(text: str, first: int, max_spaces: int) -> None:
    assert Superwords.parse(text) == (first, max_spaces)
    assert Superwords.parse(str(Superwords.parse(text))) == (first, max_spaces)


@pytest.mark.parametrize("text", ["", "k", "6k:", "6k:0", "-6k", "6k:-1", "6.5", "6k:4:4", "x:4", True])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ArgumentError, match="superword"):
        Superwords.parse(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"superword": "301"}, "300 ids.*got 301"),
        ({"superword": "256"}, "at 257 ids .*unit byte.* or more, got 256"),
        ({"superword": "290", "unit": "jamo"}, "at least 324 for unit jamo"),
        ({"superword": "280", "pattern": "none"}, "pattern none has no superpieces"),
        ({"superword": "280", "pattern": r"\w+|\W+"}, "a regex of one's own has no superpieces"),
    ],
)
def test_arguments_out_of_bounds(options: dict[str, str], message: str) -> None:
    with pytest.raises((ArgumentError, UnsupportedError), match=message):
        train(texts=["사과"], vocab_size=300, **options)  # type: ignore[arg-type]


def test_counts_without_superpieces_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("비가 온다. 우산을 쓴다.")
    counts = count_pieces(tmp_path / "a.txt")
    with pytest.raises(ArgumentError, match="these counts hold none") as e:
        train(counts, 300, superword="280")
    assert "--superword" in str(e.value.hint)
    counts = count_pieces(tmp_path / "a.txt", superword=True)
    counts.set_header("superwords", "o200k+superword2")
    with pytest.raises(ArgumentError, match=r"were cut with pattern 'o200k\+superword2'"):
        train(counts, 300, superword="280")


# ---- the command line


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    half = len(KOREAN) // 2
    Path("a.txt").write_text("".join(KOREAN[:half]), encoding="utf-8")
    Path("b.txt").write_text("".join(KOREAN[half:]), encoding="utf-8")
    assert main(["count", "a.txt", "--superword", "-o", "a.counts"]) == 0
    assert "distinct superpieces" in capsys.readouterr().err
    assert main(["count", "b.txt", "--superword", "-o", "b.counts", "--json"]) == 0
    assert '"superpieces"' in capsys.readouterr().out
    assert main(["merge-counts", "a.counts", "b.counts", "-o", "all.counts"]) == 0
    options = ["--vocab", "1500", "--superword", "1k:4"]
    assert main(["train", "all.counts", *options, "-o", "counts.bpe"]) == 0
    assert "500 of them across pieces" in capsys.readouterr().err
    assert main(["train", "a.txt", "b.txt", *options, "-o", "text.bpe"]) == 0
    assert main(["train", "a.txt", "b.counts", *options, "-o", "both.bpe"]) == 0
    trained = [Tokenizer.load(name) for name in ("counts.bpe", "text.bpe", "both.bpe")]
    assert trained[0] == trained[1] == trained[2]
    assert load_counts("all.counts").n_superpieces
    capsys.readouterr()
    for wrong, message in [
        (["train", "a.txt", "--vocab", "1k", "--superword", "2k"], "at 1000 ids (the vocabulary) or fewer, got 2000"),
        (["train", "a.txt", "--superword", "x"], "superword must be T or T:K"),
        (["train", "a.txt", "--pattern", "none", "--superword", "1k"], "pattern none has no superpieces"),
        (["count", "a.txt", "--superword", "--tsv", "-o", "x"], "--tsv holds no superpieces"),
    ]:
        assert main(wrong) in (2, 4)
        assert message in capsys.readouterr().err
    assert main(["count", "a.txt", "-o", "plain.counts"]) == 0
    capsys.readouterr()
    assert main(["train", "b.txt", "plain.counts", *options]) == 2
    assert "these counts hold none" in capsys.readouterr().err
