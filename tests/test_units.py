"""Units: base symbols, what may merge, and that nothing is lost."""

import doctest
import os
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import ArgumentError, BpeLabError, Tokenizer, UnsupportedError, _core, sample, train

FULL = os.environ.get("BPE_LAB_FULL") == "1"
CASES = int(os.environ.get("BPE_LAB_CASES", "1000000" if FULL else "40"))

UNITS = ["byte-char", "syllable", "syllable:seen=3", "jamo", "jamo:filler:compat", "jamo:nfd-alias"]
UNITS += ["jamo-char:filler:compat:nfd-alias"]
if FULL:
    options = [f + c + a for f in ("", ":filler") for c in ("", ":compat") for a in ("", ":nfd-alias")]
    every = ["byte", "syllable:all", *(base + option for base in ("jamo", "jamo-char") for option in options)]
    UNITS += [name for name in every if name not in UNITS]

SYLLABLES = [chr(c) for c in range(0xAC00, 0xD7A4)]


def texts() -> list[str]:
    return [d.text for d in sample.documents("ko")]


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def rich_texts() -> st.SearchStrategy[bytes]:
    """Bytes rich in what a unit may stumble over."""

    def letters(first: int, last: int) -> st.SearchStrategy[bytes]:
        return st.integers(first, last).map(lambda c: chr(c).encode())

    part = st.one_of(
        letters(0xAC00, 0xD7A3),
        letters(0x1100, 0x1112),
        letters(0x1161, 0x1175),
        letters(0x11A7, 0x11C2),
        letters(0x1100, 0x11FF),
        letters(0x3130, 0x318E),
        letters(0xA960, 0xA97C),
        letters(0xD7B0, 0xD7FB),
        letters(0xFFA0, 0xFFDC),
        st.sampled_from(["사과", nfd("한글"), " ", "ㅋㅋ", "漢字", " a", "\n", "🍎", "'s", "<|endoftext|>"]).map(
            str.encode
        ),
        st.binary(min_size=1, max_size=3),
        st.just("한".encode()[:2]),
    )
    return st.lists(part, max_size=12).map(b"".join)


@pytest.fixture(scope="module", params=UNITS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """A small tokenizer of each unit, some NFD text in its training."""
    name = request.param
    n_base = 11_428 if name == "syllable:all" else 2_606 if name == "syllable" else 900
    training = texts()[:40]
    return train(texts=[*training, nfd(training[0])], vocab_size=n_base + 600, unit=name)


def check(tokenizer: Tokenizer, documents: list[bytes]) -> None:
    ids, ends, offsets = tokenizer.encode_batch_ends(documents, allowed_special="all", threads=2)
    assert tokenizer.decode_batch(ids, offsets) == documents
    for document, (start, end) in zip(documents, pairwise(offsets.tolist()), strict=True):
        bounds = [0, *ends[start:end].tolist()]
        assert bounds[-1] == len(document)
        assert all(a < b for a, b in pairwise(bounds)), "no token of a text is empty"
        stream = tokenizer.stream()
        text = "".join(stream.push([i]) for i in ids[start:end].tolist()) + stream.finish()
        assert text == document.decode(errors="replace")


def test_ks_x_1001_is_what_euc_kr_writes() -> None:
    expected = ""
    for c in SYLLABLES:
        try:
            encoded = c.encode("euc_kr")
        except UnicodeEncodeError:
            continue
        # The codec composes the others from jamo of row 4, in eight bytes.
        expected += c if len(encoded) == 2 else ""
    assert len(expected) == 2_350
    assert _core.Unit.named("syllable").atoms == expected
    assert _core.Unit.named("syllable:all").atoms == "".join(SYLLABLES)
    assert _core.Unit.named("jamo:compat").atoms == "".join(map(chr, range(0x3131, 0x3164)))


@pytest.mark.parametrize("name", UNITS)
def test_names_are_canonical(name: str) -> None:
    assert _core.Unit.named(name).name == name
    assert train(texts=["가나다"] * 3, vocab_size=12_000, unit=name).unit == name


def test_any_bytes_come_back(tokenizer: Tokenizer) -> None:
    @settings(max_examples=min(CASES, 2000), deadline=None)
    @given(st.lists(rich_texts(), max_size=4))
    def run(documents: list[bytes]) -> None:
        check(tokenizer, documents)

    run()


@pytest.mark.full
def test_a_million_random_strings_come_back(tokenizer: Tokenizer) -> None:
    """10^6 strings of bytes, of Hangul in every form, and of both."""
    import numpy as np

    rng = np.random.default_rng(4)
    parts = [c.encode() for c in SYLLABLES[::7]] + [nfd(c).encode() for c in SYLLABLES[::11]]
    parts += [chr(c).encode() for c in [*range(0x1100, 0x1200), *range(0x3130, 0x3190), *range(0xFFA0, 0xFFE0)]]
    parts += [bytes([b]) for b in range(256)] * 4
    for _ in range(20):
        numbers = rng.integers(0, len(parts), (CASES // 20, 8))
        documents = [b"".join(parts[i] for i in row) for row in numbers.tolist()]
        ids, ends, offsets = tokenizer.encode_batch_ends(documents)
        assert tokenizer.decode_batch(ids, offsets) == documents
        lasts = ends[offsets[1:][np.diff(offsets) > 0].astype(np.int64) - 1]
        assert lasts.tolist() == [len(d) for d in documents if d]


def test_hangul_in_every_form_comes_back(tokenizer: Tokenizer) -> None:
    every = "".join(SYLLABLES)
    check(
        tokenizer,
        [
            every.encode(),
            nfd(every).encode(),
            "".join(nfd(c) + c for c in SYLLABLES[::3]).encode(),
            "나랏〮말〯ᄊᆞ미〮 듕귁에〮달아〮".encode(),
            "ㅋㅋㅋ ㅠㅠ ㄱㅏ ㅎㅏㄴㄱㅡㄹ".encode(),
            "ﾡﾢﾣ ﾤￂￃ".encode(),
            "\u115f\u1160\u11a7\u1100\u1161\u11a7\u11a8".encode(),
            "한글".encode()[1:] + b"\xff\xfe" + "각".encode()[:2],
        ],
    )


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "llama3", "o200k", "none", r"[가-하]|\p{L}", "(?s:.)", r"\s+"])
@pytest.mark.parametrize("name", ["syllable:seen=2", "jamo", "jamo:filler", "jamo-char:nfd-alias"])
def test_every_pattern_is_exact_or_refused(name: str, pattern: str) -> None:
    text = ["사과 각각 " + nfd("한글") + "가나다 " + nfd("값") + "'s밭"] * 3
    if name.endswith("nfd-alias") and pattern not in _core.PATTERN_NAMES:
        with pytest.raises(UnsupportedError, match="needs a named pattern"):
            train(texts=text, vocab_size=500, unit=name, pattern=pattern)
        return
    tokenizer = train(texts=text, vocab_size=500, unit=name, pattern=pattern)

    @settings(max_examples=min(CASES, 100), deadline=None)
    @given(rich_texts())
    def run(document: bytes) -> None:
        check(tokenizer, [document])

    run()


def test_large_documents_on_many_threads(tokenizer: Tokenizer) -> None:
    text = ("\n".join(texts()[:40]) + "\n" + nfd(texts()[0])).encode() * 20
    ids, ends, offsets = tokenizer.encode_batch_ends([text, b"", text[:1000]], threads=4)
    one = tokenizer.encode_batch_ends([text, b"", text[:1000]], threads=1)
    assert [a.tolist() for a in (ids, ends, offsets)] == [a.tolist() for a in one]
    assert tokenizer.decode_batch(ids, offsets)[0] == text
    assert tokenizer.spans(text[:1000])[-1][1] == 1000


def test_spans_of_jamo_by_hand() -> None:
    """각가: ㄱ ㅏ ㄱ have a byte each, then ㄱ has one and ㅏ without a coda two."""
    tokenizer = train(texts=["a"], vocab_size=324, unit="jamo")
    assert tokenizer.spans("각가b") == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (6, 7)]
    assert tokenizer.spans("각가b", "chars") == [(0, 1), (0, 1), (0, 1), (1, 2), (1, 2), (2, 3)]
    assert tokenizer.tokens("가") == ["가".encode()[:1], "가".encode()[1:]]
    filler = train(texts=["a"], vocab_size=325, unit="jamo:filler")
    assert filler.spans("각가") == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)]
    # E and the first onset share its three bytes; the closer has the last one of the run.
    alias = train(texts=["a"], vocab_size=326, unit="jamo:nfd-alias")
    assert alias.spans(nfd("가") + "나") == [(0, 1), (1, 3), (3, 5), (5, 6), (6, 7), (7, 9)]
    # E stands before a space: it has the space's byte, the space the first one of the onset.
    assert alias.spans(" " + nfd("가")) == [(0, 1), (1, 2), (2, 4), (4, 7)]


def test_tokens_alone_are_conjoining_letters() -> None:
    tokenizer = train(texts=["한국 한국"], vocab_size=400, unit="jamo")
    onset, vowel, coda = tokenizer.encode("밭")
    assert [tokenizer.token_bytes(i).decode() for i in (onset, vowel, coda)] == ["\u1107", "\u1161", "\u11c0"]
    first = tokenizer.steps("한국")[0][0]
    assert [t.decode() for t in first.tokens] == list(nfd("한국"))
    assert tokenizer.steps("한국")[0][-1].tokens == ["한국".encode()]
    assert dict(tokenizer.vocab())[onset] == "\u1107".encode()
    assert str(tokenizer.show("밭")) == "⟨밭:ㅂ⟩|⟨밭:ㅏ⟩|⟨밭:ㅌ⟩"


def test_bytes_are_read_in_parts(tokenizer: Tokenizer) -> None:
    """What `bpe-lab decode` does with long input: parts end anywhere, also between the jamo of a syllable."""
    data = ("각가 " + nfd("한글") + "가ㅋ").encode() + b"\xff"
    stream = tokenizer.stream()
    parts = [stream.read([i]) for i in tokenizer.encode(data)]
    assert b"".join([*parts, stream.end()]) == data
    assert stream.read(tokenizer.encode("각")) + stream.end() == "각".encode()


def test_the_page_s_examples() -> None:
    page = Path(__file__).parent.parent / "docs" / "units.md"
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").attempted > 5


def test_streams_wait_for_a_coda() -> None:
    for name, expected in [("jamo", ["", "", "각", "", "", "가"]), ("jamo:filler", ["", "", "각", "", "", "가", ""])]:
        tokenizer = train(texts=["a"], vocab_size=400, unit=name)
        stream = tokenizer.stream()
        assert [stream.push([i]) for i in tokenizer.encode("각가")] + [stream.finish()] == expected


def test_files_keep_the_unit(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "ko.bpe"
    tokenizer.save(path)
    back = Tokenizer.load(path)
    assert back == tokenizer and back.unit == tokenizer.unit and back.atoms == tokenizer.atoms
    text = "각각 " + nfd("한글") + " ㅋㅋ"
    assert back.encode(text) == tokenizer.encode(text)
    back.save(tmp_path / "again.bpe")
    assert (tmp_path / "again.bpe").read_bytes() == path.read_bytes()


def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    seen = train(texts=["사과 사과 배"], vocab_size=270, unit="syllable:seen=2")
    seen.save(tmp_path / "seen.bpe")
    text = (tmp_path / "seen.bpe").read_text(encoding="utf-8")
    assert '"atoms": "과사"' in text and "\n258\t사\t과\n" in text
    jamo = train(texts=["각", "각", "갈"], vocab_size=330, unit="jamo:filler")
    jamo.save(tmp_path / "jamo.bpe")
    # ㄱ + ㅏ first, then their coda ㄱ.
    assert "\n324\t\\{ᄀ}\t\\{ᅡ}\n325\t\\{ᄀ}\\{ᅡ}\t\\{ᆨ}\n" in (tmp_path / "jamo.bpe").read_text(encoding="utf-8")


def test_exchange_formats_refuse_with_the_reason(tmp_path: Path) -> None:
    for name in ("syllable:seen=1", "jamo:filler"):
        tokenizer = train(texts=["사과"], vocab_size=400, unit=name)
        for path in ("out.json", "out.tiktoken"):
            with pytest.raises(UnsupportedError, match="base symbols other than bytes") as e:
                tokenizer.save(tmp_path / path)
            assert "byte-char" in (e.value.hint or "")


def test_too_small_vocabularies_say_both_numbers() -> None:
    for name, least in [("byte", 257), ("syllable", 2_607), ("syllable:all", 11_429), ("jamo:filler", 325)]:
        with pytest.raises(ArgumentError, match=f"at least {least} .* got 256"):
            train(texts=["사과"], vocab_size=256, unit=name)
        assert train(texts=["사과"], vocab_size=least, unit=name).n_ids == least


@pytest.mark.parametrize("name", ["", "syllables", "byte:x", "jamo:compat:filler", "syllable:seen=0", "jamo:alias"])
def test_wrong_names_are_told(name: str) -> None:
    with pytest.raises(BpeLabError) as e:
        train(texts=["사과"], unit=name)
    assert e.value.hint or "no options" in str(e.value)


def test_seen_counts_precomposed_syllables() -> None:
    tokenizer = train(texts=["가나가 다" + nfd("나나나")], vocab_size=300, unit="syllable:seen=2")
    assert (tokenizer.atoms, tokenizer.n_base) == ("가", 257)


@pytest.mark.parametrize("name", ["byte-char", "syllable", "jamo-char:filler:compat"])
def test_char_safe_tokens(name: str) -> None:
    """Every token is whole characters or the beginning of one."""
    tokenizer = train(texts=texts(), vocab_size=4_000, unit=name)
    tails = set()
    for text in texts()[:30]:
        ends = [end for _, end in tokenizer.spans(text)]
        starts = [0, *ends]
        chars = {len(text[:i].encode()) for i in range(len(text) + 1)}
        for start, end in pairwise(starts):
            # A token that begins inside a character is a single base symbol: nothing merges with a tail.
            if start not in chars and end - start > 1:
                tails.add((start, end))
    assert not tails


def test_length_in_symbols() -> None:
    """(B - n_syllables + n_codas) / B without filler, B with it."""
    text = "\n".join(texts())
    n_bytes = len(text.encode())
    syllables = [c for c in text if "가" <= c <= "힣"]
    n_codas = sum((ord(c) - 0xAC00) % 28 > 0 for c in syllables)
    plain, filler = (_core.Unit.named(name) for name in ("jamo", "jamo:filler"))
    assert len(plain.symbols(text.encode())) == n_bytes - len(syllables) + n_codas
    assert len(filler.symbols(text.encode())) == n_bytes
    assert 0.8 < len(plain.symbols(text.encode())) / n_bytes < 0.9


def nfd_ratio(training: list[str], held_out: str, vocab_size: int, unit: str) -> float:
    tokenizer = train(texts=training, vocab_size=vocab_size, unit=unit)
    return tokenizer.count(nfd(held_out)) / tokenizer.count(held_out)


def test_nfd_costs_little_with_the_alias() -> None:
    """Half of the sample against the other half at 4,096 ids: 4.5 times the tokens without the alias, 1.37 with it."""
    training, held_out = texts()[::2], "\n".join(texts()[1::2])
    assert nfd_ratio(training, held_out, 4_096, "jamo") > 4
    for unit in ("jamo:nfd-alias", "jamo:filler:nfd-alias"):
        assert 1.2 < nfd_ratio(training, held_out, 4_096, unit) < 1.45


@pytest.mark.parametrize("vocab_size", [2_048, 4_096, 8_192])
def test_nfd_of_running_text(corpus: Callable[..., bytes], vocab_size: int) -> None:
    """2 MB of ko_docs: more than 5 times the tokens without the alias, at most 1.5 with it."""
    training = [corpus("ko_docs", 2_000_000).decode()]
    held_out = corpus("ko_docs", 300_000, 5_000_000).decode()
    assert nfd_ratio(training, held_out, vocab_size, "jamo") > 5
    for unit in ("jamo:nfd-alias", "jamo:filler:nfd-alias"):
        assert nfd_ratio(training, held_out, vocab_size, unit) <= 1.5
