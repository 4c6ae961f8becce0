"""Training: the merges are the right ones, and the same whatever the threads, chunks, files and order."""

import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import rustbpe
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import oracle
from tests.conftest import FULL
from tokenizers import Tokenizer as HfTokenizer
from tokenizers import models, pre_tokenizers, trainers

import bpe_lab
from bpe_lab import ArgumentError, CorpusError, FileError, PieceCounts, Tokenizer, _core, sample, train
from bpe_lab.counts import is_count_file, load_counts, merge_counts, save_counts

Corpus = Callable[..., bytes]
GPT2_ORDER = oracle.gpt2_byte_order()


def counts_of(pieces: dict[bytes, int]) -> PieceCounts:
    counts = PieceCounts()
    for piece, weight in pieces.items():
        counts.add(piece, weight)
    return counts


def merges_of(tokenizer: Tokenizer) -> list[tuple[bytes, bytes]]:
    """Read the merges out of the native file: left and right as bytes."""
    spelling = dict(tokenizer.vocab())
    return [(spelling[a], spelling[b]) for a, b in tokenizer._core.merges()]


# ---- against the oracle


@given(
    st.dictionaries(
        st.lists(
            st.sampled_from([b"a", b"b", "가".encode(), "각".encode(), b" ", b"\xea", b"\x00"]), min_size=1, max_size=9
        ).map(b"".join),
        st.integers(1, 5) | st.just(2**33),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["byte", "byte-char"]),
    st.sampled_from(["hf", "rustbpe"]),
)
@settings(max_examples=400 if FULL else 80, deadline=None)
def test_merges_are_the_oracle_s(pieces: dict[bytes, int], unit: str, tie: str) -> None:
    order = GPT2_ORDER if tie == "hf" else list(range(256))
    learned = _core.train(counts_of(pieces), 270, unit, tie, 1, None, None)
    if tie == "rustbpe" and learned.n_merges != learned.n_ids - 256:
        return
    expected = oracle.train(pieces, 270, order, char_safe=unit == "byte-char")
    spelling = [bytes([b]) for b in order]
    rows = []
    for (a, b), result, count in expected:
        rows.append((spelling[a], spelling[b], count))
        if result == len(spelling):
            spelling.append(spelling[a] + spelling[b])
    assert [(a, b, count) for a, b, count, _ in learned.trace(1000)] == rows


# ---- against the libraries whose rules these are


def hf_merges(texts: list[str], vocab_size: int) -> list[tuple[str, str]]:
    theirs = HfTokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    theirs.train_from_iterator(texts, trainer)
    return [tuple(m) for m in json.loads(theirs.to_str())["model"]["merges"]]


def gpt2_characters() -> dict[str, int]:
    codes = [b if b in GPT2_ORDER[:188] else 256 + GPT2_ORDER.index(b) - 188 for b in range(256)]
    return {chr(c): b for b, c in enumerate(codes)}


def in_bytes(merges: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    table = gpt2_characters()
    return [(bytes(table[c] for c in a), bytes(table[c] for c in b)) for a, b in merges]


@pytest.mark.parametrize("name", ["ko_reviews", "ko_docs", "en_docs"])
@pytest.mark.parametrize("documents", ["line", "file"])
def test_merges_are_hugging_face_s(name: str, documents: str, corpus: Corpus) -> None:
    text = corpus(name, None if FULL else 1_500_000)
    vocab_size = 32_000 if FULL else 6_000
    ours = train(texts=[text], vocab_size=vocab_size, pattern="gpt2", documents=documents, tie="hf", special_tokens=())
    texts = [text.decode()] if documents == "file" else text.decode().splitlines(keepends=True)
    if documents == "line":
        texts = [line for part in texts for line in [part]]
        texts = [line + "\n" for line in text.decode().split("\n")[:-1]] + [text.decode().split("\n")[-1]]
    assert merges_of(ours) == in_bytes(hf_merges(texts, vocab_size))


@pytest.mark.parametrize("name", ["ko_docs", "en_docs"])
def test_merges_are_rustbpe_s(name: str, corpus: Corpus) -> None:
    text = corpus(name, None if FULL else 1_500_000)
    vocab_size = 32_000 if FULL else 4_000
    ours = train(texts=[text], vocab_size=vocab_size, pattern="gpt2", tie="rustbpe", special_tokens=())
    theirs = rustbpe.Tokenizer()
    theirs.train_from_iterator(iter([text.decode()]), vocab_size, pattern=_core.Pattern.named("gpt2").tiktoken_regex)
    expected = [bytes(token) for token, _ in theirs.get_mergeable_ranks()][256:]
    assert [a + b for a, b in merges_of(ours)] == expected


# ---- the same whatever the way


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus")
    for d in sample.documents("ko"):
        (path / f"{d.id}.txt").write_text(d.text, encoding="utf-8")
    return path


def test_threads_order_and_compression_do_not_show(folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.iterdir())
    expected = train(files, 1500, threads=1)._core.to_native()
    shuffled = random.Random(1).sample(files, len(files))
    assert train(shuffled, 1500, threads=16)._core.to_native() == expected
    assert train([str(folder)], 1500, threads=2)._core.to_native() == expected
    assert train(str(folder / "*.txt"), 1500)._core.to_native() == expected


def test_kinds_of_files_give_the_same_counts(folder: Path, tmp_path: Path) -> None:
    texts = [p.read_bytes() for p in sorted(folder.iterdir())]
    expected = bpe_lab.count_pieces(folder).items()
    rows = "".join(json.dumps({"body": t.decode(), "n": 1}, ensure_ascii=False) + "\n" for t in texts)
    (tmp_path / "a.jsonl").write_text(rows, encoding="utf-8")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    compressor = zstandard.ZstdCompressor()
    half = len(rows.encode()) // 2
    frames = compressor.compress(rows.encode()[:half]) + compressor.compress(rows.encode()[half:])
    (tmp_path / "a.jsonl.zst").write_bytes(frames)
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst"):
        assert bpe_lab.count_pieces(tmp_path / name, field="body").items() == expected, name


def test_shards_add_up(folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.iterdir())
    for i in range(3):
        save_counts(bpe_lab.count_pieces(files[i::3]), tmp_path / f"{i}.counts")
    total = merge_counts(tmp_path / f"{i}.counts" for i in (2, 0, 1))
    assert total.items() == bpe_lab.count_pieces(files).items()
    assert _core.train(total, 900, "byte", "hf", 1, None, None).trace(9999) == _core.train(
        bpe_lab.count_pieces(files), 900, "byte", "hf", 1, None, None
    ).trace(9999)


def test_counts_of_another_pattern_do_not_mix(folder: Path, tmp_path: Path) -> None:
    for pattern in ("gpt2", "o200k"):
        save_counts(bpe_lab.count_pieces(folder, pattern=pattern), tmp_path / pattern)
    with pytest.raises(ArgumentError, match=r"gpt2.*o200k|o200k.*gpt2"):
        merge_counts([tmp_path / "gpt2", tmp_path / "o200k"])
    with pytest.raises(ArgumentError, match="cut with pattern"):
        train(load_counts(tmp_path / "gpt2"), 300, pattern="o200k")


def test_counts_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("사과\t5\n나무\t3\n\\t\\x41\t1\n사과\t2\n", encoding="utf-8")
    counts = load_counts(tmp_path / "words.tsv")
    assert dict(counts.items()) == {"사과".encode(): 7, "나무".encode(): 3, b"\tA": 1}
    (tmp_path / "bad.tsv").write_text("사과\t5\n나무 3\n", encoding="utf-8")
    with pytest.raises(bpe_lab.FormatError, match="line 2"):
        load_counts(tmp_path / "bad.tsv")


def test_documents_bound_pieces(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\n\nb\n\nc")
    by_file = dict(bpe_lab.count_pieces(tmp_path / "a.txt").items())
    by_line = dict(bpe_lab.count_pieces(tmp_path / "a.txt", documents="line").items())
    assert b"\n\n" in by_file and b"\n\n" not in by_line
    assert by_line[b"\n"] == 4
    with pytest.raises(ArgumentError, match="documents"):
        bpe_lab.count_pieces(tmp_path / "a.txt", documents="chapter")


def test_crlf_and_bom_stay(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    pieces = dict(bpe_lab.count_pieces(tmp_path / "a.txt").items())
    assert sum(len(p) * w for p, w in pieces.items()) == 9
    assert any(b"\xef\xbb\xbf" in p for p in pieces) and any(b"\r\n" in p for p in pieces)


# ---- samples


def test_a_sample_takes_the_same_documents_whatever_the_order(folder: Path) -> None:
    files = sorted(folder.iterdir())
    some = bpe_lab.count_pieces(files, sample=0.3)
    again = bpe_lab.count_pieces(files[::-1], sample="0.3", threads=1)
    other = bpe_lab.count_pieces(files, sample=0.3, sample_seed=1)
    everything = bpe_lab.count_pieces(files)
    assert some.items() == again.items() != other.items()
    assert 0.1 < some.total_bytes / everything.total_bytes < 0.5
    assert bpe_lab.count_pieces(files, sample=1.0).items() == everything.items()


def test_a_sample_by_size_fills_up_to_it(folder: Path) -> None:
    files = sorted(folder.iterdir())
    some = bpe_lab.count_pieces(files, sample="50kB")
    assert some.items() == bpe_lab.count_pieces(files[::-1], sample="50kB", threads=1).items()
    assert 47_000 <= some.total_bytes <= 53_000


@pytest.mark.parametrize("text", ["0", "1.5", "-1", "abc", "10XB", "nan", "1..2"])
def test_samples_out_of_range(text: str, folder: Path) -> None:
    with pytest.raises(ArgumentError, match="sample must be"):
        bpe_lab.count_pieces(folder, sample=text)


def test_a_sample_of_one_document_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("하나\n둘\n")
    with pytest.raises(CorpusError, match="needs at least 2") as e:
        bpe_lab.count_pieces(tmp_path / "a.txt", sample=0.5)
    assert "--documents" in str(e.value)


# ---- options and what they refuse


def test_vocab_size_counts_everything() -> None:
    tokenizer = train(texts=["사과나무 " * 3], vocab_size=262, special_tokens=["<a>", "<b>"])
    assert tokenizer.n_ids == tokenizer.n_tokens == 262
    assert tokenizer.special_tokens == {"<a>": 260, "<b>": 261}


def test_merges_may_run_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert train(texts=["ab"], vocab_size=1000).n_ids == 256 + 1 + 1
    with pytest.raises(CorpusError, match="258 tokens instead of 1000: no pair is left"):
        train(texts=["ab"], vocab_size=1000, strict_vocab=True)
    with pytest.raises(CorpusError, match="stands 1 times, below the least frequency of 2"):
        train(texts=["ab"], vocab_size=1000, min_frequency=2, strict_vocab=True)


def test_texts_are_a_list_of_texts() -> None:
    for texts in ("abc", b"abc"):
        with pytest.raises(ArgumentError, match="list of texts"):
            train(texts=texts, vocab_size=300)
    with pytest.raises(ArgumentError, match="str or bytes"):
        train(texts=[3, b"ab"], vocab_size=300)  # type: ignore[list-item]


def test_a_damaged_count_file_is_never_text(tmp_path: Path) -> None:
    counts = PieceCounts()
    counts.add(b"ab", 3)
    data = bytearray(counts.to_bytes())
    data[0] ^= 1
    (tmp_path / "flipped").write_bytes(data)
    (tmp_path / "cut.counts").write_bytes(data[:1])
    for name in ("flipped", "cut.counts"):
        with pytest.raises(bpe_lab.FormatError, match="looks like a count file"):
            is_count_file(tmp_path / name)


def test_max_token_bytes() -> None:
    with pytest.raises(CorpusError, match="at most 4 bytes"):
        train(texts=["abcdefgh " * 9], vocab_size=4000, max_token_bytes=4, strict_vocab=True)
    tokenizer = train(texts=["abcdefgh " * 9], vocab_size=400, max_token_bytes=4)
    assert max(len(token) for i, token in tokenizer.vocab() if i < 256 + tokenizer.n_merges) == 4


def test_char_safe_tokens_are_characters_or_their_beginning() -> None:
    texts = [d.text for d in sample.documents("ko")]
    for _, token in train(texts=texts, vocab_size=2000, unit="byte-char").vocab():
        assert len(token) == 1 or oracle.whole_or_prefix(token), token
    assert any(
        len(token) > 1 and not oracle.whole_or_prefix(token) for _, token in train(texts=texts, vocab_size=2000).vocab()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 200}, "256.*200"),
        ({"vocab_size": -5}, "vocab_size"),
        ({"vocab_size": 2**70}, "vocab_size"),
        ({"vocab_size": "32k"}, "whole number"),
        ({"min_frequency": -1}, "min_frequency"),
        ({"sample_seed": -1}, "sample_seed"),
        ({"special_tokens": "abc"}, "list of texts"),
        ({"special_tokens": [5]}, "must be str"),
        ({"vocab_size": 3_000_000}, "2097152"),
        ({"unit": "bytes"}, "unknown unit"),
        ({"tie": "minbpe"}, "unknown tie"),
        ({"pattern": "gpt4"}, "unknown pattern"),
        ({"pattern": "(unclosed"}, "regex"),
        ({"min_frequency": 0}, "min_frequency"),
        ({"max_token_bytes": 0}, "max_token_bytes"),
        ({"threads": 0}, "threads"),
        ({"special_tokens": [""]}, "special"),
        ({"documents": ""}, "documents"),
    ],
)
def test_arguments_out_of_bounds(options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        train(texts=["사과"], **{"vocab_size": 300, **options})  # type: ignore[arg-type]


def test_corpora_that_hold_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    for source, error, message in [
        (tmp_path / "empty.txt", CorpusError, "empty"),
        (tmp_path / "sub", CorpusError, "holds no"),
        (tmp_path / "nowhere.txt", FileError, "does not exist"),
        (tmp_path / "*.csv", FileError, "does not exist"),
    ]:
        with pytest.raises(error, match=message):
            train(source, 300)
    (tmp_path / "one.txt").write_bytes(b"x")
    assert train(tmp_path / "one.txt", 300).n_ids == 257


def test_damaged_inputs_name_the_file(tmp_path: Path) -> None:
    whole = gzip.compress(b"text " * 1000)
    (tmp_path / "cut.txt.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.txt.zst").write_bytes(zstandard.compress(b"text " * 1000)[:20])
    (tmp_path / "no.txt.zst").write_bytes(b"no zstd at all")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n{"body": "b"}\n')
    (tmp_path / "half.jsonl").write_text('{"text": "a"}\n{"text": "b\n')
    for name in ("cut.txt.gz", "cut.txt.zst", "no.txt.zst"):
        with pytest.raises(FileError, match=name):
            train(tmp_path / name, 300)
    for name in ("rows.jsonl", "half.jsonl"):
        with pytest.raises(CorpusError, match=f"{name}, line 2"):
            train(tmp_path / name, 300)


def test_an_unreadable_file_in_a_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "c.txt").mkdir()
    assert train(tmp_path, 300).n_ids == 257  # a folder is no file, whatever its name
    (tmp_path / "b.txt").symlink_to(tmp_path / "nothing")
    with pytest.raises(FileError, match=r"b\.txt: it is a link to nothing"):
        train(tmp_path, 300)
    (tmp_path / "b.txt").unlink()
    os.mkfifo(tmp_path / "d.txt")
    with pytest.raises(FileError, match=r"d\.txt: it is no plain file"):
        train(tmp_path, 300)


@pytest.mark.parametrize("text", [b"a" * 16_000_000, bytes(range(256)) * 4000, b"\x00" * 1_000_000, b"\xff" * 100_000])
def test_one_enormous_piece(text: bytes) -> None:
    started = time.monotonic()
    tokenizer = train(texts=[text], vocab_size=300)
    assert tokenizer.decode_bytes(tokenizer.encode_array(text)) == text
    assert time.monotonic() - started < 30


def test_progress_is_told_and_may_stop_the_work(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(d.text for d in sample.documents()) * 20, encoding="utf-8")
    stages = set()

    def stop(progress: bpe_lab.Progress) -> None:
        stages.add(progress.stage)
        if progress.stage == "merge":
            raise RuntimeError("enough")

    rng = random.Random(0)
    counts = counts_of({rng.randbytes(40): 1 for _ in range(100_000)})
    with pytest.raises(RuntimeError, match="enough"):
        train(counts, 30_000, progress=stop)
    train(tmp_path / "a.txt", 300, progress=lambda p: stages.add(p.stage))
    assert stages == {"count", "merge"}


def test_weights_beyond_32_bits_are_counted() -> None:
    counts = counts_of({b"ab": 2**40, b"cd": 2**40 + 1})
    learned = _core.train(counts, 257, "byte", "hf", 1, None, None)
    assert learned.trace(1) == [(b"c", b"d", 2**40 + 1, 2 * 2**40 + 2**40 + 1)]
    with pytest.raises(bpe_lab.BpeLabError, match=r"overflow|2\^64|64"):
        counts_of({b"ab": 2**63}).absorb(counts_of({b"ab": 2**63}))


def test_provenance_is_in_the_file(folder: Path) -> None:
    provenance = train(folder, 400, sample=0.5, documents="line").provenance
    assert provenance["documents"] == "line"
    assert provenance["sample"] == "0.5, seed 0"
    assert len(provenance["corpus"]) == 138
    assert {"name", "bytes", "sha256"} == set(provenance["corpus"][0])
    assert provenance["options"]["vocab_size"] == 400


def test_stdin(folder: Path) -> None:
    code = "import sys, bpe_lab; sys.stdout.buffer.write(bpe_lab.train('-', 400)._core.identity())"
    text = (folder / "news-01.txt").read_bytes()
    out = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, check=True).stdout
    assert out == train(folder / "news-01.txt", 400)._core.identity()
    code = "import bpe_lab; bpe_lab.train('-', 400, sample='1MB')"
    failed = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True)
    assert b"two passes" in failed.stderr
