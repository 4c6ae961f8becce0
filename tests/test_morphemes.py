"""Morphemes: edges are those of the surface, no merge and no token crosses one, and what is encoded decodes."""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests import oracle
from tests.conftest import FULL

from bpe_lab import (
    ArgumentError,
    PieceCounts,
    TextError,
    Tokenizer,
    UnsupportedError,
    _core,
    count_pieces,
    learn,
    train,
)
from bpe_lab.cli.app import main
from bpe_lab.counts import load_counts, merge_counts, save_counts
from bpe_lab.morphemes import analyser as analysers
from bpe_lab.morphemes import kiwi, mecab
from bpe_lab.morphemes.analyser import MAX_CHARS, Analyser
from bpe_lab.morphemes.surface import Place, Span, byte_edges, places_inside

TEXT = "나는 학교에 간다. 너는 집에 갔다.\n우리는 학교에서 책을 읽었다. 사과나무에 사과가 열렸다.\n"
PARTICLES = ("에서", "은", "는", "이", "가", "을", "를", "에")


def particles(texts: list[str]) -> Iterator[list[Span]]:
    """Analyse by a rule that a reader can follow: a word that ends in a particle is two morphemes, 간다 is 가 + ㄴ다."""
    for text in texts:
        spans, at = [], 0
        for word in text.split(" "):
            end = at + len(word)
            found = next((p for p in PARTICLES if word.endswith(p) and word != p), "")
            if word.startswith("간다"):
                spans.append(Span(at, at + 2, ("가", "\u11ab다")))
            elif found:
                spans += [Span(at, end - len(found), (word,)), Span(end - len(found), end, (found,))]
            at = end + 1
        yield spans


def fake(version: str = "fake 1") -> Analyser:
    return Analyser("mecab", version, particles)


@pytest.fixture
def with_fake(monkeypatch: pytest.MonkeyPatch) -> Analyser:
    """Put the rule in the place of mecab."""
    made = fake()
    for place in ("bpe_lab.morphemes.load", "bpe_lab.morphemes.guided.load"):
        monkeypatch.setattr(place, lambda name: made)
    monkeypatch.setattr("bpe_lab.morphemes.installed", lambda name: made.version)
    return made


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both analysers look as if they were not installed."""
    for backend in (mecab, kiwi):
        monkeypatch.setattr(backend, "PACKAGES", ("no-such-analyser",))
    analysers._load.cache_clear()


def real(name: str) -> Analyser:
    try:
        return analysers.load(name)
    except UnsupportedError as e:
        pytest.skip(f"{e.message} ({e.hint})")


def cut(text: str, edges: list[int]) -> list[bytes]:
    data = text.encode()
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]


# ---- what analysers say, as edges


@pytest.mark.parametrize(
    ("surface", "forms", "places"),
    [
        ("간다", ["가", "\u11ab다"], {(0, 2)}),  # ㄱㅏ + ㄴㄷㅏ: before the coda of 간
        ("합니다", ["하", "\u11b8니다"], {(0, 2)}),
        ("그건", ["그거", "\u11ab"], {(1, 2)}),
        ("했", ["하", "었"], set()),  # ㅎㅏㅇㅓㅆ is not ㅎㅐㅆ: fused
        ("갔", ["가", "었"], set()),  # 가 is the beginning of 갔, but ㅆ is not 었
        ("뭘까", ["뭐", "이", "\u11af까"], set()),  # 까 alone is no morpheme
        ("걸은", ["걷", "은"], {(1, 0)}),  # 걷 has changed, 은 has not
        ("학교에서", ["학교", "에서"], {(2, 0)}),
        ("봐도", ["보", "아도"], set()),
        ("엌", ["어", "\u11bf"], {(0, 2)}),
        ("각", ["\u1100", "\u1161", "\u11a8"], {(0, 1), (0, 2)}),
        ("é가", ["é", "가"], {(1, 0)}),  # é has two letters when decomposed
    ],
)
def test_places_inside_by_hand(surface: str, forms: list[str], places: set[tuple[int, int]]) -> None:
    assert places_inside(surface, forms) == {Place(*p) for p in places}


def test_edges_by_hand() -> None:
    """나 0-2, 는 3-5, space 6, 간 7-9, 다 10-12, full stop 13."""
    spans = [Span(0, 1, ("나",)), Span(1, 2, ("는",)), Span(3, 5, ("가", "\u11ab다")), Span(5, 6, (".",))]
    assert byte_edges("나는 간다.", spans) == [3, 9, 13]
    # Never beside white space of any kind, and none for a span that is the whole text.
    assert byte_edges("나\u3000는\u00a0가", [Span(0, 1, ("",)), Span(2, 3, ("",)), Span(4, 5, ("",))]) == []
    assert byte_edges("나무", [Span(0, 2, ("나무",))]) == []


def test_overlapping_morphemes_are_one_span() -> None:
    class Token:
        def __init__(self, form: str, start: int, n: int) -> None:
            self.form, self.start, self.len = form, start, n

    tokens = [("이", 0, 1), ("이", 1, 0), ("가", 1, 1), ("\u11ab다", 1, 2), (".", 3, 1)]
    assert list(kiwi.spans_of([Token(*t) for t in tokens])) == [
        Span(0, 1, ("이",)),
        Span(1, 1, ("이",)),
        Span(1, 3, ("가", "\u11ab다")),
        Span(3, 4, (".",)),
    ]


def test_mecab_features_by_hand() -> None:
    assert mecab._span(0, 3, "합니다", "VV+EC,*,F,합니다,Inflect,VV,EC,하/VV/*+ᄇ니다/EC/*") == Span(
        0, 3, ("하", "ᆸ니다")
    )
    assert mecab._span(0, 2, "사과", "NNG,*,F,사과,*,*,*,*") == Span(0, 2, ("사과",))


def test_what_the_analyser_gets_to_see() -> None:
    seen: list[str] = []

    def letters(texts: list[str]) -> Iterator[list[Span]]:
        for text in texts:
            seen.append(text)
            yield [Span(i, i + 1, (c,)) for i, c in enumerate(text)]

    analyser = Analyser("letters", "1", letters)
    # Runs of UTF-8, lines, no NUL, nothing without Hangul; places count in bytes of the whole.
    data = "나는".encode() + b"\xff\xea" + "너는".encode() + b"\0" + "우리\r\nabc\n나는".encode()
    edges = analyser.edges(data)
    assert sorted(seen) == ["나는", "너는", "우리\r"]
    assert [data[e : e + 3].decode() for e in edges] == ["는", "는", "리", "는"]
    assert analyser.edges(data) == edges and len(seen) == 3  # known by now
    long = "가나 " * MAX_CHARS
    assert analyser.edges(long) == [7 * i + 3 for i in range(MAX_CHARS)]
    assert max(map(len, seen)) <= MAX_CHARS and all(s.endswith(" ") for s in seen[3:])
    analyser.edges("가" * (2 * MAX_CHARS + 1))
    assert sorted(map(len, seen))[-1] == MAX_CHARS


@given(st.binary(max_size=40) | st.text("가각a\n \r😀é\u1100\u1161\0", max_size=30).map(str.encode))
@settings(max_examples=500 if FULL else 100, deadline=None)
def test_parts_are_the_text_where_they_claim_to_be(data: bytes) -> None:
    for offset, part in analysers._parts(data):
        assert data[offset : offset + len(part.encode())] == part.encode()


# ---- training


def recount(counts: PieceCounts, n_ids: int) -> list[tuple[tuple[int, int], int, int]]:
    """Learn by the oracle from pieces cut apart at their marks, between characters."""
    parts: dict[bytes, int] = {}
    for piece, marks, weight in counts.records():
        between = [m for m in marks if piece[m] & 0xC0 != 0x80]
        for a, b in zip([0, *between], [*between, len(piece)], strict=True):
            parts[piece[a:b]] = parts.get(piece[a:b], 0) + weight
    return oracle.train(parts, n_ids, oracle.gpt2_byte_order())


@given(
    st.dictionaries(
        st.tuples(st.text("가각나 a", min_size=1, max_size=6).map(str.encode), st.integers(0, 2**18)),
        st.integers(1, 5),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=300 if FULL else 60, deadline=None)
def test_no_merge_crosses_a_mark(pieces: dict[tuple[bytes, int], int]) -> None:
    counts = PieceCounts()
    for (piece, seed), weight in pieces.items():
        counts.add(piece, weight, [i for i in range(1, len(piece)) if seed >> i & 1])
    tokenizer, learned = learn(counts, 280, pattern="none", special_tokens=())
    want = recount(counts, 280)
    assert tokenizer._core.merges() == [pair for pair, _, _ in want]
    assert [row[2] for row in learned.trace(99)] == [count for _, _, count in want]
    assert PieceCounts.from_bytes(counts.to_bytes()).records() == counts.records()
    assert PieceCounts.from_bytes(counts.to_tsv()).records() == counts.records()


def test_counts_carry_marks_and_add_up(with_fake: Analyser, tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text(TEXT * 3, encoding="utf-8")
    counts = count_pieces(tmp_path / "all.txt", morphemes="mecab")
    marks = {piece.decode(): marks for piece, marks, _ in counts.records()}
    assert marks[" 학교에"] == [7] and marks[" 학교에서"] == [7] and marks[" 간다"] == [3] and marks[" 갔다"] == []
    assert counts.header["morphemes"] == "mecab fake 1" and counts.has_marks
    whole = counts.to_bytes()
    parts = []
    for i, block in enumerate([TEXT, TEXT * 2]):
        (tmp_path / f"{i}.txt").write_text(block, encoding="utf-8")
        path = tmp_path / f"{i}.counts"
        save_counts(count_pieces(tmp_path / f"{i}.txt", morphemes="mecab"), path)
        parts.append(path)
    added = merge_counts(parts)
    assert added.records() == counts.records() and load_counts(parts[0]).has_marks
    # The same text without an analyser has no marks and the bytes of the same pieces.
    plain = count_pieces(tmp_path / "all.txt")
    assert not plain.has_marks and plain.total_weight == counts.total_weight
    assert count_pieces(tmp_path / "all.txt", morphemes="mecab").to_bytes() == whole


def test_blocks_do_not_show(with_fake: Analyser) -> None:
    from bpe_lab.morphemes.counting import MorphemeCounter

    def counted(step: int) -> list[tuple[bytes, list[int], int]]:
        core = _core.MarkedCounter(_core.Pattern.named("o200k"), "line", with_fake.described)
        counter = MorphemeCounter(with_fake, core)
        data = (TEXT * 2).encode()
        for start in range(0, len(data), step):
            counter.push(data[start : start + step])
        counter.end_of_file()
        assert counter.n_waiting == 0
        return counter.finish().records()

    assert counted(1) == counted(7) == counted(10**6)


def test_train_only_needs_no_analyser_to_encode(with_fake: Analyser, tmp_path: Path) -> None:
    tokenizer = train(texts=[TEXT], vocab_size=330, morphemes="mecab")
    assert tokenizer.analyser is None
    assert tokenizer.provenance["morphemes"] == {"analyser": "mecab fake 1", "at": "train"}
    # No token was learned across an edge: 학교 and 에 stay two, though no analyser is asked any more.
    assert " 학교에".encode() not in dict(tokenizer.vocab()).values()
    assert tokenizer.tokens(" 학교에") == [" 학교".encode(), "에".encode()]
    assert [p.name for p in tokenizer.save(tmp_path / "x.json")] == ["x.json"]
    plain = train(texts=[TEXT], vocab_size=330)
    assert " 학교에".encode() in dict(plain.vocab()).values() and plain.analyser is None
    assert b'"morphemes"' not in plain._core.to_native()


# ---- encoding


@pytest.fixture
def guided(with_fake: Analyser) -> Tokenizer:
    """A tokenizer that would merge across edges if it were not kept from it: its merges come from other counts."""
    counts = count_of(TEXT)
    counts.set_header("morphemes", "mecab fake 1")
    return learn(counts, 400, at="train+infer")[0]


def count_of(text: str) -> PieceCounts:
    counter = _core.Counter(_core.Pattern.named("o200k"), "file", 1)
    counter.push(text.encode())
    return counter.finish()


def test_train_and_infer(guided: Tokenizer, tmp_path: Path) -> None:
    text = "나는 학교에 간다"
    tokens = guided.tokens(text)
    assert tokens == ["나".encode(), "는".encode(), " 학교".encode(), "에".encode(), " 간다".encode()]
    assert guided.decode(guided.encode(text)) == text
    assert guided.encode_array(text).tolist() == guided.encode(text)
    assert guided.count(text) == len(tokens)
    assert guided.spans(text) == [(0, 3), (3, 6), (6, 13), (13, 16), (16, 23)]
    ids, offsets = guided.encode_batch([text, "", "집에"], threads=2)
    assert offsets.tolist() == [0, 5, 5, len(ids)] and ids[:5].tolist() == guided.encode(text)
    assert guided.decode_batch(ids, offsets) == [text.encode(), b"", "집에".encode()]
    assert guided.stream().push(guided.encode(text)) == text
    assert [states[-1].tokens for states in guided.steps(text)] == [[token] for token in tokens]
    guided.save(tmp_path / "x.bpe")
    loaded = Tokenizer.load(tmp_path / "x.bpe")
    assert loaded == guided and loaded.analyser == ("mecab", "fake 1") and loaded.encode(text) == guided.encode(text)
    assert loaded != learn(count_of(TEXT), 400)[0]


def test_the_core_s_batch_with_ends(guided: Tokenizer) -> None:
    ids, ends, offsets = guided._core.encode_batch_ends([" 학교에", "a"], (), (), 1)
    assert (ends.tolist(), offsets.tolist()) == ([7, 10, 1], [0, 2, 3]) and len(ids) == 3


def test_specials_and_bad_texts(guided: Tokenizer) -> None:
    ids = guided.encode("학교에<|endoftext|>집에", allowed_special="all")
    assert guided.special_tokens["<|endoftext|>"] in ids and guided.decode(ids) == "학교에<|endoftext|>집에"
    with pytest.raises(TextError, match="stands in the text at byte 9"):
        guided.encode("학교에<|endoftext|>", disallowed_special="all")
    with pytest.raises(TextError, match="lone surrogate"):
        guided.encode("학교에\ud800")
    with pytest.raises(TextError, match="document 1: the text holds a lone surrogate"):
        guided.encode_batch(["학교", "에\ud800"])
    with pytest.raises(ArgumentError, match="must be str or bytes, got int"):
        guided.encode(5)  # type: ignore[arg-type]
    assert (
        guided.decode_bytes(guided.encode(b"\xff\xed\x95 \xed\x95\x99\xea\xb5\x90"))
        == b"\xff\xed\x95 \xed\x95\x99\xea\xb5\x90"
    )


@given(st.text("나는학교에간다가 a.😀\n", max_size=30), st.integers(0, 2**64 - 1), st.sampled_from(["o200k", "none"]))
@example("학교에 간다", 2**64 - 1, "none")
@settings(max_examples=400 if FULL else 100, deadline=None)
def test_no_token_crosses_an_edge(text: str, seed: int, pattern: str) -> None:
    """Any offsets may be edges; those between characters are kept, the others do no harm."""
    counts = PieceCounts()
    for piece in (" 학교에", "나는", " 간다", "학교에서는 나는 간다"):
        counts.add(piece.encode(), 3)
    core = learn(counts, 330, pattern=pattern)[0]._core
    data = text.encode()
    edges = [i for i in range(len(data) + 1) if seed >> (i % 64) & 1]
    ids = core.encode_edges(data, np.array(edges, np.uint64), (), ())
    ends = {0, *core.byte_ends(ids).tolist()}
    starts = [0]
    for char in text:
        starts.append(starts[-1] + len(char.encode()))
    assert core.decode_bytes(ids) == data
    assert set(edges) & set(starts) <= ends
    if not edges:
        assert ids.tolist() == core.encode(data, (), ())


def test_another_version_warns_once(guided: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = fake("fake 2")
    monkeypatch.setattr("bpe_lab.morphemes.guided.load", lambda name: newer)
    with pytest.warns(UserWarning, match="trained with fake 1, and fake 2 may cut words elsewhere"):
        guided.encode("학교에")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guided.encode("학교에")


def test_exports_are_refused_with_the_reason(guided: Tokenizer, tmp_path: Path) -> None:
    for name in ("x.json", "x.tiktoken"):
        with pytest.raises(UnsupportedError, match=r"morphemes that mecab \(fake 1\) finds") as e:
            guided.save(tmp_path / name)
        assert "--at train" in (e.value.hint or "")


def test_without_the_package(guided: Tokenizer, without_packages: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoding says what to install; decoding needs nothing."""
    ids = guided.encode("학교에")
    monkeypatch.setattr("bpe_lab.morphemes.guided.load", analysers.load)
    loaded = Tokenizer(_core.Tokenizer.from_native(guided._core.to_native()))
    for encode in (loaded.encode, loaded.count, loaded.tokens, lambda t: loaded.encode_batch([t])):
        with pytest.raises(UnsupportedError, match="need the package no-such-analyser") as e:
            encode("학교에")
        assert e.value.hint == "pip install 'bpe-lab[ko]', or pip install no-such-analyser"
    assert loaded.decode(ids) == "학교에"


def test_arguments_that_cannot_be_meant(with_fake: Analyser) -> None:
    with pytest.raises(ArgumentError, match="needs the analyser that cut the pieces, and they were not cut"):
        train(texts=[TEXT], vocab_size=300, at="train+infer")
    with pytest.raises(ArgumentError, match="unknown at 'infer'"):
        train(texts=[TEXT], vocab_size=300, morphemes="mecab", at="infer")
    with pytest.raises(ArgumentError, match="counted without an analyser, not by mecab"):
        train(count_of(TEXT), 300, morphemes="mecab")
    with pytest.raises(ArgumentError, match="unknown analyser 'okt'"):
        analysers.load("okt")
    both = count_of(TEXT)
    both.set_header("morphemes", "kiwi 1\nmecab 1")
    with pytest.raises(ArgumentError, match="cut by several analysers"):
        learn(both, 300, at="train+infer")


# ---- the command line


def test_commands(with_fake: Analyser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus, out, counts = tmp_path / "a.txt", tmp_path / "a.bpe", tmp_path / "a.counts"
    corpus.write_text(TEXT, encoding="utf-8")
    assert main(["count", str(corpus), "--morphemes", "mecab", "-o", str(counts)]) == 0
    assert main(["train", str(counts), "--vocab", "320", "--at", "train+infer", "-o", str(out)]) == 0
    assert Tokenizer.load(out).analyser == ("mecab", "fake 1")
    again = ["train", str(corpus), "--vocab", "320", "--morphemes", "mecab", "--at", "train+infer", "-o", str(out)]
    assert main([*again, "--force"]) == 0
    capsys.readouterr()
    assert main(["encode", "학교에", "-t", str(out), "--json"]) == 0
    ids = json.loads(capsys.readouterr().out)["documents"][0]
    assert ids == Tokenizer.load(out).encode("학교에")
    assert main(["inspect", " 학교에", "-t", str(out)]) == 0
    assert " 학교|에" in capsys.readouterr().out
    assert main(["export", str(out), "-o", str(tmp_path / "a.json")]) == 4
    assert "train with --at train" in capsys.readouterr().err


def test_commands_that_cannot_be_meant(
    without_packages: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "a.txt"
    corpus.write_text(TEXT, encoding="utf-8")
    rows = [
        (["--morphemes", "mecab"], 4, "pip install no-such-analyser"),
        (["--at", "train+infer"], 2, "--at train+infer is about morphemes"),
        (["--morphemes", "okt"], 2, "invalid choice"),
    ]
    for options, code, part in rows:
        assert main(["train", str(corpus), "--vocab", "300", "-o", str(tmp_path / "x.bpe"), *options]) == code
        assert part in capsys.readouterr().err
    assert not (tmp_path / "x.bpe").exists()


# ---- the real ones


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("mecab", {"학교에서": ["학교", "에서"], "먹었습니다": ["먹", "었", "습니다"], "했다": ["했", "다"]}),
        ("kiwi", {"학교에서": ["학교", "에서"], "먹었습니다": ["먹", "었", "습니다"], "했다": ["했", "다"]}),
    ],
)
def test_real_analysers_cut_the_surface(name: str, rows: dict[str, list[str]]) -> None:
    analyser = real(name)
    for word, want in rows.items():
        assert [part.decode() for part in cut(word, analyser.edges(word))] == want
    # 간다: 가 + ㄴ다, cut before the coda, the third of 간's bytes.
    assert analyser.edges("나는 학교에 간다.")[:3] == [3, 13, 19]


@pytest.mark.parametrize("name", ["mecab", "kiwi"])
def test_real_analysers_stand_anything(name: str) -> None:
    analyser = real(name)
    text = "ㅋㅋㅋ 학교에\t😀😀간다 𠮷野家에서 \u1112\u1161\u11ab글 é가\r\n\0나는 http://a.b/?c=d 3,000원"
    for data in (text.encode(), b"\xff\xed" + text.encode() + b"\xea\xb0", ("가" * 9000).encode(), b"", b"\n\n"):
        edges = analyser.edges(data)
        assert edges == sorted(set(edges)) and all(0 < e < len(data) for e in edges)
        assert analyser.edges(data) == edges
    tokenizer = train(texts=[text, TEXT], vocab_size=360, morphemes=name, at="train+infer")
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", ["mecab", "kiwi"])
def test_real_analysers_on_a_corpus(name: str, corpus: Callable[..., bytes]) -> None:
    """Every edge lies inside a word, a token ends at each between characters, and the text comes back."""
    real(name)
    text = corpus("ko_reviews", (1 << 20) if FULL else (1 << 14))
    tokenizer = train(texts=[text], vocab_size=700, morphemes=name, at="train+infer", documents="line")
    edges = analysers.load(name).edges(text)
    ends = set(tokenizer._core.byte_ends(tokenizer.encode(text)).tolist())
    assert tokenizer.decode_bytes(tokenizer.encode(text)) == text
    assert {e for e in edges if text[e] & 0xC0 != 0x80} <= ends
    assert len(edges) > len(text) / 20


@pytest.mark.parametrize("name", ["mecab", pytest.param("kiwi", marks=pytest.mark.full)])  # kiwi loads for seconds
def test_a_fork_may_analyse(name: str) -> None:
    real(name)
    code = (
        "import os; from bpe_lab.morphemes import load\n"
        f"load({name!r}).edges('나는 간다\\n너는 간다')\n"
        "pid = os.fork()\n"
        f"edges = load({name!r}).edges('우리는 간다\\n너희는 간다')\n"
        "if pid == 0: os._exit(0 if edges else 1)\n"
        "raise SystemExit(os.waitpid(pid, 0)[1])"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
