"""Encoding and decoding from Python: exact for every input, honest about what it refuses, safe to share."""

import copy
import functools
import itertools
import json
import multiprocessing
import operator
import pickle
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import oracle
from tests.conftest import FULL, VECTORS
from tests.texts import byte_strings, texts

from bpe_lab import ArgumentError, PieceCounts, TextError, TokenError, Tokenizer, learn, sample, train

MANY = 1_000_000 if FULL else 20_000


@pytest.fixture(scope="module", params=["byte", "byte-char"])
def unit(request: pytest.FixtureRequest) -> Tokenizer:
    """A tokenizer of each unit."""
    return train(texts=[d.text for d in sample.documents("ko")], vocab_size=1500, unit=request.param)


# ---- exactness


def test_any_bytes_come_back(unit: Tokenizer) -> None:
    documents = byte_strings(MANY, seed=7)
    ids, offsets = unit.encode_batch(documents)
    assert unit.decode_batch(ids, offsets) == documents


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_come_back_one_by_one(small: Tokenizer, data: bytes) -> None:
    ids = small.encode(data)
    assert small.decode_bytes(ids) == data
    assert small.count(data) == len(ids)
    assert b"".join(small.tokens(data)) == data


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k", "none", r"\w+|\s", r"\S+(?=\s)|\s+"])
def test_every_pattern_loses_nothing(pattern: str) -> None:
    tokenizer = train(texts=texts(50, seed=3), vocab_size=400, pattern=pattern)
    documents = byte_strings(MANY // 20, seed=8)
    ids, offsets = tokenizer.encode_batch(documents)
    assert tokenizer.decode_batch(ids, offsets) == documents


def test_ids_are_the_oracle_s() -> None:
    counts = {"사과나무".encode(): 2, "사과".encode(): 5, "사람".encode(): 3, "나무".encode(): 4}
    learned = oracle.train(counts, 275, oracle.gpt2_byte_order())
    tokenizer = train(
        texts=[p for p, n in counts.items() for _ in range(n)], vocab_size=275, special_tokens=(), pattern="none"
    )
    assert tokenizer._core.merges() == [pair for pair, _, _ in learned]
    for text in ("사과나무", "나무사람", "사", "과나", "abc", "", "\u1100"):
        assert tokenizer.encode(text) == oracle.encode(text.encode(), learned, oracle.gpt2_byte_order())


def test_steps_are_bounded(small: Tokenizer) -> None:
    assert len(small.steps("가" * 300)) == 1
    with pytest.raises(ArgumentError, match="a piece of 3000 bytes has too many steps"):
        small.steps("가" * 1000)


def test_worked_example_by_hand() -> None:
    """tests/vectors/merges_by_hand.json: trainer and steps give what was worked out on paper."""
    vector = json.loads((VECTORS / "merges_by_hand.json").read_text(encoding="utf-8"))
    counts = PieceCounts()
    for piece, weight in vector["pieces"]:
        counts.add(piece.encode(), weight)
    for tie in ("hf", "rustbpe"):
        merges = vector[f"steps_{tie}"]
        tokenizer, learned = learn(counts, 256 + len(merges), pattern="none", tie=tie, special_tokens=())
        rows = [(bytes.fromhex(m["left"]), bytes.fromhex(m["right"]), m["count"], m["n_tokens"]) for m in merges]
        assert learned.trace(100) == rows
        assert learned.n_tokens_before == vector["n_tokens_before"]
        if tie == "hf":
            for text, states in vector["states"].items():
                steps = [[s.rank, " ".join(t.hex() for t in s.tokens)] for s in tokenizer.steps(text)[0]]
                assert steps == states


# ---- batches, arrays, spans


def test_batches_are_the_documents_one_by_one(small: Tokenizer) -> None:
    documents = texts(2000, seed=5)
    expected = [small.encode(d) for d in documents]
    for threads in (1, 2, 5, None):
        ids, offsets = small.encode_batch(documents, threads=threads)
        assert ids.dtype == np.uint32 and offsets.dtype == np.uint64
        assert [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)] == expected
    mixed = [documents[0], documents[1].encode(), bytearray(documents[2].encode()), memoryview(documents[3].encode())]
    ids, offsets = small.encode_batch(mixed)
    assert ids.tolist() == functools.reduce(operator.iadd, expected[:4], [])


def test_batches_of_nothing(small: Tokenizer) -> None:
    ids, offsets = small.encode_batch([])
    assert (ids.tolist(), offsets.tolist()) == ([], [0])
    ids, offsets = small.encode_batch(["", "a", ""])
    assert (len(ids), offsets.tolist()) == (1, [0, 0, 1, 1])
    assert small.encode("") == [] and small.decode([]) == "" and small.spans("") == []


def test_one_large_document_uses_the_same_ids_on_any_threads(small: Tokenizer) -> None:
    text = "".join(d.text for d in sample.documents()) * 12
    one, _ = small.encode_batch([text], threads=1)
    two, _ = small.encode_batch([text], threads=2)
    assert np.array_equal(one, two) and np.array_equal(one, small.encode_array(text))


def test_spans_tile_the_text(small: Tokenizer) -> None:
    for text in texts(300, seed=9):
        data = text.encode()
        spans = small.spans(text)
        assert [data[a:b] for a, b in spans] == small.tokens(text)
        for (a, b), (c, d) in zip(small.spans(text, "chars"), spans, strict=True):
            covered = text[a:b].encode()
            assert data[c:d] in covered and len(text[a:b]) >= 1
            assert len(text[:a].encode()) <= c < d <= len(text[:b].encode())


def test_spans_of_a_cut_character() -> None:
    tokenizer = train(texts=["x"], vocab_size=257)
    assert tokenizer.spans("사a") == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert tokenizer.spans("사a", "chars") == [(0, 1), (0, 1), (0, 1), (1, 2)]


# ---- decoding


@given(st.lists(st.integers(0, 599), max_size=60), st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_streams_give_whole_characters(small: Tokenizer, ids: list[int], step: int) -> None:
    stream = small.stream()
    parts = [stream.push(ids[i : i + step]) for i in range(0, len(ids), step)]
    rest = stream.finish()
    assert "".join(parts) + rest == small.decode(ids)


def test_streams_never_break_a_character(small: Tokenizer) -> None:
    stream = small.stream()
    ids = [i for b in "🍎가".encode() for i in small.encode(bytes([b]))]
    assert [stream.push([i]) for i in ids] == ["", "", "", "🍎", "", "", "가"]
    assert stream.finish() == ""
    stream.push(ids[:2])
    assert stream.finish() == "\ufffd"


@pytest.mark.parametrize("ids", [[600], [0, 10**6], [2**32], [-1], ["a"], [1.5]])
def test_unknown_ids(small: Tokenizer, ids: list[int]) -> None:
    with pytest.raises(TokenError) as e:
        small.decode(ids)
    assert str(ids[-1]) in str(e.value)


@pytest.mark.parametrize("offsets", [[], [1], [0, 5], [0, 2, 1], [1, 2]])
def test_offsets_that_do_not_fit(small: Tokenizer, offsets: list[int]) -> None:
    with pytest.raises(ArgumentError, match="offsets"):
        small.decode_batch(np.array([1, 2, 3], np.uint32), np.array(offsets, np.uint64))


def test_ids_come_in_any_form(small: Tokenizer) -> None:
    ids = small.encode("사과나무")
    forms = [
        tuple(ids),
        np.array(ids),
        np.array(ids, np.uint16),
        np.array(ids, np.uint32),
        np.repeat(ids, 2)[::2],
        iter(ids),
    ]
    for form in forms:
        assert small.decode(form) == "사과나무"  # type: ignore[arg-type]


# ---- special tokens and surrogates


def test_special_tokens_are_text_unless_asked(small: Tokenizer) -> None:
    text = "a<|endoftext|>b"
    end = small.special_tokens["<|endoftext|>"]
    assert end not in small.encode(text) and small.decode(small.encode(text)) == text
    assert small.encode(text, allowed_special="all").count(end) == 1
    assert small.encode(text, allowed_special={"<|endoftext|>"}).count(end) == 1
    assert small.decode(small.encode(text, allowed_special="all")) == text
    with pytest.raises(TextError, match="endoftext"):
        small.encode(text, disallowed_special="all")
    assert small.encode(text, allowed_special="all", disallowed_special="all").count(end) == 1
    with pytest.raises(ArgumentError, match="no special token"):
        small.encode(text, allowed_special={"<|nothing|>"})
    ids, _ = small.encode_batch([text], allowed_special="all")
    assert end in ids


def test_the_longest_special_token_wins() -> None:
    tokenizer = train(texts=["x"], vocab_size=260, special_tokens=["<a>", "<a><b>", "<b>"])
    specials = tokenizer.special_tokens
    ids = tokenizer.encode("<a><b><b><a>", allowed_special="all")
    assert ids == [specials["<a><b>"], specials["<b>"], specials["<a>"]]


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "x\udc80"])
def test_lone_surrogates(small: Tokenizer, text: str) -> None:
    for call in (small.encode, small.encode_array, small.count, lambda t: small.encode_batch(["ok", t])):
        with pytest.raises(TextError, match="surrogate") as e:
            call(text)
        assert "replace" in str(e.value)
    assert small.decode(small.encode(text, errors="replace")) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )
    assert small.encode_batch([text], errors="replace")[0].tolist() == small.encode(text, errors="replace")


def test_a_surrogate_pair_is_a_character_when_replaced(small: Tokenizer) -> None:
    assert small.decode(small.encode("\ud83c\udf4e", errors="replace")) == "🍎"


@pytest.mark.parametrize("text", [None, 5, ["a"], {"a": 1}])
def test_what_is_no_text(small: Tokenizer, text: object) -> None:
    with pytest.raises(ArgumentError, match="str or bytes"):
        small.encode(text)  # type: ignore[arg-type]


def test_a_string_is_no_batch(small: Tokenizer) -> None:
    with pytest.raises(ArgumentError, match="list of texts"):
        small.encode_batch("text")
    with pytest.raises(ArgumentError, match="threads"):
        small.encode_batch(["text"], threads=0)
    with pytest.raises(ArgumentError, match="document 1"):
        small.encode_batch(["text", 5])  # type: ignore[list-item]


# ---- habits


def test_repr_tells_and_html_escapes() -> None:
    tokenizer = train(texts=["<script>alert(1)</script>"] * 4, vocab_size=300)
    assert repr(tokenizer).startswith("<Tokenizer 2") and "o200k" in repr(tokenizer)
    assert "<script>" not in tokenizer.show("<script>alert(1)</script>")._repr_html_()
    assert "⟨사:1/3⟩" in tokenizer._repr_html_()


def test_equality_ignores_provenance_and_nothing_else() -> None:
    one = train(texts=["ab", "ab"], vocab_size=258)
    other = train(texts=["ab"] * 7, vocab_size=258)
    assert one == other and hash(one) == hash(other) and one.provenance != other.provenance
    assert one != train(texts=["ab"] * 7, vocab_size=258, pattern="gpt2")
    assert one != "one"


def test_pickles_are_small_stable_and_exact(small: Tokenizer) -> None:
    first, second = pickle.dumps(small), pickle.dumps(small)
    assert first == second and len(first) < 30_000
    back = pickle.loads(first)
    assert back == small and back.encode("사과나무") == small.encode("사과나무")
    assert pickle.dumps(back) == first
    assert copy.deepcopy(small) == small


def _child(tokenizer: Tokenizer, text: str, queue: "multiprocessing.Queue[list[int]]") -> None:
    queue.put(tokenizer.encode_batch([text] * 4, threads=2)[0].tolist())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_safe_in_other_processes(small: Tokenizer, method: str) -> None:
    expected = small.encode_batch(["사과나무"] * 4, threads=2)[0].tolist()
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_child, args=(small, "사과나무", queue))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join()


def test_safe_with_threads(small: Tokenizer) -> None:
    documents = texts(300, seed=11)
    expected = [small.encode(d) for d in documents]
    wrong: list[int] = []

    def work() -> None:
        for i, document in enumerate(documents):
            if small.encode(document) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_gil_is_released(small: Tokenizer) -> None:
    """Another Python thread runs on while a large text is encoded."""
    text = "".join(d.text for d in sample.documents()) * 60
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    small.count(text)
    ended = time.perf_counter()
    done.set()
    thread.join()
    assert sum(started < t < ended for t in ticks) >= 3


def test_vocab_and_lookup(small: Tokenizer) -> None:
    vocab = small.vocab()
    assert [i for i, _ in vocab] == list(range(600)) and len(small) == 600
    for i, token in vocab:
        assert small.token_bytes(i) == token and small.token_id(token) == i
    assert small.token_id("없는 토큰") is None
    with pytest.raises(TokenError):
        small.token_bytes(600)


@pytest.mark.parametrize(
    "what",
    [
        "a" * 2_000_000,
        " " * 2_000_000,
        "\n" * 2_000_000,
        "가" * 700_000,
        "1" * 2_000_000,
        "\u0301" * 1_000_000,
        "'" * 2_000_000,
        " " * 1_000_000 + "x",
    ],
)
def test_long_runs_take_linear_time(small: Tokenizer, published: Callable[[str], Tokenizer], what: str) -> None:
    for tokenizer in (small, published("o200k_base")):
        started = time.perf_counter()
        ids = tokenizer.encode_array(what)
        seconds = time.perf_counter() - started
        assert tokenizer.decode(ids) == what
        assert seconds < 200e-9 * len(what.encode()) * 4  # four times the bound for 16 MB: a busy machine


def test_a_regex_that_explodes_is_an_error_and_loses_nothing() -> None:
    from bpe_lab import BpeLabError

    tokenizer = train(texts=["ab"], vocab_size=257, pattern=r"(?=(a+)+$)b|x", special_tokens=())
    try:
        assert tokenizer.decode(tokenizer.encode("a" * 5000 + "c")) == "a" * 5000 + "c"
    except BpeLabError as e:
        assert "limit" in str(e)
