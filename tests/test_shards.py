"""Token shards: the format, what is refused, that nothing is left half-written, and what is held out."""

import errno
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bpe_lab
from bpe_lab import _core, holdout
from bpe_lab.cli.app import main
from bpe_lab.compare.candidates import Loss, Ours, load_candidate
from bpe_lab.compare.closed import ClosedCharacters
from bpe_lab.compare.texts import Texts, read_texts, split
from bpe_lab.errors import ArgumentError, CorpusError, FileError, FormatError
from bpe_lab.shards import Labelled, Shards, encode_split, write_labelled, write_shards, writing

KO = ["사과나무에 사과가 열렸다.\n".encode(), "값을 치렀다.\n".encode(), b"", b"An apple.\n", "닭이 울었다.".encode()]


@pytest.fixture(scope="module")
def candidate(small: bpe_lab.Tokenizer) -> Ours:
    return Ours("small", small)


@pytest.fixture
def folder(tmp_path: Path, candidate: Ours) -> Path:
    write_shards(tmp_path / "s", candidate, {"train": KO, "validation": KO[:2]})
    return tmp_path / "s"


class Fake:
    """A candidate whose every answer is chosen."""

    name, kind, unit, is_jamo, tokenizer, loss, lossy = "fake", "loaded", "byte", False, None, None, False
    fingerprint = "f" * 64

    def __init__(self, n_ids: int = 300, lost: bool = False, id: int = 1, most_bytes: int = 10**9) -> None:
        self.n_ids = self.n_tokens = n_ids
        self.lost, self.id, self.most_bytes = lost, id, most_bytes
        self.n_called = 0

    def encode_ends(self, documents: Sequence[bytes], threads: int | None = None) -> Any:
        """Return one token a document, which covers `most_bytes` of it at most."""
        self.n_called += 1
        lengths = [min(len(d), self.most_bytes) for d in documents]
        ids = np.full(len(documents), self.id, np.uint32)
        return ids, np.array(lengths, np.uint64), np.arange(len(documents) + 1, dtype=np.uint64)

    def find_loss(self, documents: Sequence[bytes], ids: Any, offsets: Any) -> Loss | None:
        return Loss(1, "before", "after") if self.lost else None


# -- the format


def test_every_byte_of_a_small_folder(tmp_path: Path) -> None:
    """Worked out by hand: without merges `a` is id 64 and `b` 65 (GPT-2's order begins with `!`, 33, as id 0)."""
    candidate = Ours("bytes", bpe_lab.train(texts=["x"], vocab_size=257))
    opened = write_shards(tmp_path / "s", candidate, {"train": [b"ab", b"", b"b"]}, domains={"train": ["x", "y", "x"]})
    stored = {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir()}
    assert stored["train.ids.u16"] == bytes([64, 0, 65, 0, 65, 0])
    assert stored["train.ends.u32"] == bytes([1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0])
    assert stored["train.token_offsets.u64"] == b"".join(n.to_bytes(8, "little") for n in (0, 2, 2, 3))
    assert stored["train.byte_offsets.u64"] == b"".join(n.to_bytes(8, "little") for n in (0, 2, 2, 3))
    assert stored["train.domain_of.u16"] == bytes([0, 0, 1, 0, 0, 0])
    hashes = b"".join(h.to_bytes(8, "little") for h in holdout.split_hashes([b"ab", b"", b"b"]))
    assert stored["train.hashes.u64"] == hashes
    assert stored["validation.token_offsets.u64"] == bytes(8) and stored["validation.ids.u16"] == b""
    assert set(stored) == {*opened.manifest["files"], "manifest.json"}
    assert (opened.eos, opened.vocab_size, opened.manifest["has_own_eos"]) == (256, 257, True)
    assert opened.manifest["splits"]["train"]["domains"]["y"] == {"n_documents": 1, "n_bytes": 0, "n_tokens": 0}
    assert opened.split("train").max_token_bytes == 1


def test_what_went_in_comes_out(folder: Path, candidate: Ours) -> None:
    opened = Shards.open(folder, verify=True)
    side = opened.split("train")
    assert (side.n_documents, side.n_bytes) == (len(KO), sum(map(len, KO)))
    back = candidate.decode_batch(side.ids.astype(np.uint32), side.token_offsets)
    assert back == KO and opened.load_candidate().fingerprint == candidate.fingerprint
    in_memory = encode_split(candidate, KO)
    for name in ("ids", "ends", "token_offsets", "byte_offsets", "hashes", "domain_of"):
        a, b = getattr(side, name), getattr(in_memory, name)
        assert a.dtype == b.dtype and np.array_equal(a, b), name
    assert (in_memory.text_sha256, in_memory.max_token_bytes) == (side.text_sha256, side.max_token_bytes)


def test_a_tokenizer_without_end_of_text_gets_one_more_id(tmp_path: Path) -> None:
    candidate = Ours("bare", bpe_lab.train(texts=["사과"], vocab_size=260, special_tokens=()))
    opened = write_shards(tmp_path / "s", candidate, {"train": KO})
    assert (opened.eos, opened.vocab_size, opened.manifest["has_own_eos"]) == (
        candidate.n_ids,
        candidate.n_ids + 1,
        False,
    )


@pytest.mark.parametrize(("n_ids", "name"), [(65_535, "train.ids.u16"), (65_536, "train.ids.u32")])
def test_ids_take_two_bytes_where_they_fit(tmp_path: Path, n_ids: int, name: str) -> None:
    """With the end of text of its own, 65,535 ids make 65,536 rows, the most that two bytes tell apart."""
    opened = write_shards(tmp_path / "s", Fake(n_ids, id=n_ids - 1), {"train": KO})
    assert name in opened.manifest["files"] and opened.split("train").ids[0] == n_ids - 1
    assert opened.tokenizer_path is None
    with pytest.raises(FileError, match="no copy of the tokenizer"):
        opened.load_candidate()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.binary(max_size=30), st.sampled_from(["train", "validation"]), st.sampled_from("xyz"))))
def test_batches_of_any_size_give_the_same_files(
    tmp_path_factory: pytest.TempPathFactory, candidate: Ours, documents: list[Any]
) -> None:
    if not documents:
        return
    place = tmp_path_factory.mktemp("s")
    labelled = [Labelled(*each) for each in documents]
    whole = write_labelled(place / "whole", candidate, labelled).manifest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BATCH_BYTES", 100)
        parts = write_labelled(place / "parts", candidate, iter(labelled)).manifest
    assert {**whole, "domains": sorted(whole["domains"])} == {**parts, "domains": sorted(parts["domains"])} or (
        # Domains are numbered as their batches come.
        whole["domains"] != parts["domains"]
        and all(whole["files"][f] == parts["files"][f] for f in whole["files"] if "domain_of" not in f)
    )


def test_the_corpus_is_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a document is asked for, at most a batch of those before it waits to be encoded."""
    monkeypatch.setattr(writing, "BATCH_BYTES", 10_000)
    fake = Fake()
    n_given = 0

    def documents() -> Iterator[Labelled]:
        nonlocal n_given
        for _ in range(1000):
            n_given += 1
            # A document counts for its 936 bytes and 64 more, so a batch has ten.
            assert n_given <= 10 * fake.n_called + 10
            yield Labelled(b"x" * 936)

    write_labelled(tmp_path / "s", fake, documents())
    assert fake.n_called == 100


def test_a_loss_is_recorded(tmp_path: Path) -> None:
    opened = write_shards(tmp_path / "s", Fake(lost=True), {"train": KO[:1], "validation": KO[1:2]})
    assert opened.lossy and opened.manifest["loss"] == {"n_documents": 2, "before": "before", "after": "after"}
    closed = ClosedCharacters("char", [b"a", b"b"])
    assert write_shards(tmp_path / "t", closed, {"train": [b"abc", "가".encode()]}).lossy


def test_splits_pickle_as_names(folder: Path, candidate: Ours) -> None:
    side = Shards.open(folder).split("train")
    data = pickle.dumps(side)
    assert len(data) < 500 and np.array_equal(pickle.loads(data).ids, side.ids)
    in_memory = encode_split(candidate, KO)
    assert np.array_equal(pickle.loads(pickle.dumps(in_memory)).ids, in_memory.ids)


# -- what is refused


def test_a_missing_folder_and_one_without_shards(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such folder"):
        Shards.open(tmp_path / "nothing")
    with pytest.raises(FormatError, match=r"manifest\.json is missing"):
        Shards.open(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "no JSON"),
        ("[]", "no manifest of shards"),
        ('{"format": 2}', r"is of format 2; this version reads up to 1\nhint: update bpe-lab"),
    ],
)
def test_manifests_that_are_none(folder: Path, text: str, message: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        Shards.open(folder)


def test_files_that_are_missing_cut_short_or_damaged(folder: Path) -> None:
    path = folder / "train.ids.u16"
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    Shards.open(folder)
    with pytest.raises(FormatError, match=r"train.ids.u16 is not as it was written.*\nhint: write the shards again"):
        Shards.open(folder, verify=True)
    path.write_bytes(data[:-1])
    with pytest.raises(FormatError, match=f"has {len(data) - 1} bytes instead of {len(data)}"):
        Shards.open(folder)
    path.unlink()
    with pytest.raises(FileError, match=r"train.ids.u16 is missing"):
        Shards.open(folder)


def test_shards_of_another_tokenizer(folder: Path, candidate: Ours) -> None:
    opened = Shards.open(folder)
    assert opened.require(candidate.fingerprint) is opened
    with pytest.raises(FormatError, match=f"made by tokenizer small \\({candidate.fingerprint[:12]}\\), not by abc"):
        opened.require("abc")


def test_an_empty_split(tmp_path: Path, candidate: Ours) -> None:
    opened = write_shards(tmp_path / "s", candidate, {"train": KO})
    with pytest.raises(CorpusError, match=r"holds 0 documents of validation\nhint: .*--hold-out 10%"):
        opened.split("validation")
    with pytest.raises(ArgumentError, match="no split 'test'"):
        opened.split("test")  # type: ignore[arg-type]
    with pytest.raises(CorpusError, match="no document to write"):
        write_shards(tmp_path / "t", candidate, {"train": []})
    assert not (tmp_path / "t").exists()


def test_byte_ends_that_do_not_tile_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="tokens of document 1 cover 3 of its 4 bytes"):
        write_shards(tmp_path / "s", Fake(most_bytes=3), {"train": [b"ab", b"abcd"]})
    assert not list(tmp_path.iterdir())


def test_ids_beyond_the_vocabulary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="gave the id 300, and has ids below 300"):
        write_shards(tmp_path / "s", Fake(300, id=300), {"train": KO[:1]})


# -- whole or not at all


def contents(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("at", [0, 5, 9])
def test_a_write_that_fails_leaves_the_old_folder(
    folder: Path, candidate: Ours, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    before, n_calls = contents(folder.parent), 0
    real = writing._Growing.add

    def add(self: Any, numbers: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls > at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, numbers)

    monkeypatch.setattr(writing._Growing, "add", add)
    with pytest.raises(FileError, match=r"No space left on device\nhint: nothing was changed"):
        write_shards(folder, candidate, {"train": KO * 2}, force=True)
    assert contents(folder.parent) == before and sorted(p.name for p in folder.parent.iterdir()) == ["s"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, small: bpe_lab.Tokenizer) -> None:
    """The system itself refuses: no file of the process may pass 20 kB."""
    resource = pytest.importorskip("resource")
    small.save(tmp_path / "t.bpe")
    (tmp_path / "text.txt").write_text("사과나무에 사과가 열렸다.\n" * 5000, encoding="utf-8")
    command = [sys.executable, "-m", "bpe_lab", "shards", "text.txt", "-t", "t.bpe", "-o", "out", "--documents", "line"]
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    done = subprocess.run(command, cwd=tmp_path, preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 3 and "error: cannot write" in done.stderr and "File too large" in done.stderr, (
        done.stderr
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.bpe", "text.txt"]


def test_a_swap_that_fails_puts_the_old_folder_back(
    folder: Path, candidate: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = contents(folder.parent), Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, "broken")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(FileError, match="broken"):
        write_shards(folder, candidate, {"train": KO * 2}, force=True)
    assert contents(folder.parent) == before


def test_nothing_else_is_ever_replaced(folder: Path, candidate: Ours, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"exists already\nhint: .*--force"):
        write_shards(folder, candidate, {"train": KO})
    written = write_shards(folder, candidate, {"train": KO * 3}, force=True)
    assert written.split("train").n_documents == 3 * len(KO)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for place, message in (("mine", "holds other things than shards"), ("file", "is a file")):
        with pytest.raises(FileError, match=message):
            write_shards(tmp_path / place, candidate, {"train": KO}, force=True)
    with pytest.raises(FileError, match="does not exist"):
        write_shards(tmp_path / "no" / "where", candidate, {"train": KO})
    (tmp_path / "empty").mkdir()
    write_shards(tmp_path / "empty", candidate, {"train": KO})


# -- what is held out


def test_split_hashes_are_those_of_the_core() -> None:
    """The same three numbers stand in rust/core/src/ingest/choice.rs."""
    texts = [b"", "한국어\n".encode(), b"a" * 300]
    assert list(holdout.split_hashes(texts))[::2] == [0xFCD8518472F813CE, 0x66B1854F95232A9C]
    assert list(holdout.split_hashes(texts, 7))[1] == 0xCCE05B2D5731E968


@given(st.lists(st.integers(0, 2**64 - 1), max_size=12), st.floats(0.001, 0.999))
def test_the_border_is_the_one_of_all_hashes(hashes: list[int], share: float) -> None:
    """Its twin sorts them all, as `split` once did."""
    distinct = sorted(set(hashes))
    if len(distinct) < 2:
        with pytest.raises(CorpusError, match="is one document"):
            holdout.border(hashes, share)
        return
    found = holdout.border(hashes, share)
    assert found == min(max(int(share * 2**64), distinct[0] + 1), distinct[-1])
    assert distinct[0] < found <= distinct[-1]


def test_the_border_is_known_after_a_few_documents() -> None:
    n_read = 0

    def hashes() -> Iterator[int]:
        nonlocal n_read
        for value in holdout.split_hashes(b"%d" % i for i in range(10_000)):
            n_read += 1
            yield value

    assert holdout.border(hashes(), 0.1) == int(0.1 * 2**64) and n_read < 100


@pytest.mark.parametrize("text", ["0%", "100%", "1", "-5%", "ten", "", "10 %%", "nan"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(ArgumentError, match="must be between 0 and 1"):
        holdout.parse_share(text)


HOWS = ("file", "line", "blank-line", r"separator:\n---\n", "prefix:# ")


@pytest.fixture(scope="module")
def corpus_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Thirty files, with copies among their documents, one of them rows of JSON."""
    place = tmp_path_factory.mktemp("corpus")
    for i in range(30):
        lines = (f"# 문서 {i}-{j % 7}\n배를 타고 {j}번 섬에 갔다.\r\n\n---\n" for j in range(9))
        (place / f"{i:02}.txt").write_bytes("".join(lines).encode())
    rows = ({"text": f"# 줄 {i % 20}\n비가 온다"} for i in range(25))
    (place / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return sorted(place.iterdir())


def counted(documents: Sequence[bytes]) -> list[tuple[bytes, int]]:
    counter = _core.Counter(_core.Pattern.named("o200k"), "file", 1)
    for document in documents:
        counter.push(document)
        counter.end_of_file()
    return counter.finish().items()


@pytest.mark.parametrize("how", HOWS)
def test_every_command_holds_out_the_same(
    corpus_files: list[Path], how: str, tmp_path: Path, small: bpe_lab.Tokenizer, candidate: Ours
) -> None:
    train, held_out = split(read_texts(corpus_files, how), 0.1)
    assert train.documents and held_out.documents
    counts = bpe_lab.count_pieces(corpus_files, documents=how, hold_out="10%", threads=2)
    assert counts.items() == counted(train.documents)
    small.save(tmp_path / "t.bpe")
    argv = ["shards", *map(str, corpus_files), "-t", str(tmp_path / "t.bpe"), "-o", str(tmp_path / "s"), "-q"]
    assert main([*argv, "--documents", how, "--hold-out", "10%"]) == 0
    opened = Shards.open(tmp_path / "s", verify=True)
    for name, texts in (("train", train), ("validation", held_out)):
        side = opened.split(name)  # type: ignore[arg-type]
        assert candidate.decode_batch(side.ids.astype(np.uint32), side.token_offsets) == texts.documents
        assert side.text_sha256 == texts.sha256


def test_analysers_and_samples_see_no_held_out_document(corpus_files: list[Path]) -> None:
    train, _ = split(read_texts(corpus_files, "line"), 0.2)
    marked = _core.MarkedCounter(
        _core.Pattern.named("o200k"), "line", "none", hold_out_below=holdout.wanted_border(0.2)
    )
    for document in read_texts(corpus_files, "line").documents:
        marked.push(document, np.empty(0, np.uint64))
        marked.end_of_file()
    assert marked.finish().items() == counted(train.documents)
    for sample in ("0.5", "3kB"):
        counts = bpe_lab.count_pieces(corpus_files, documents="line", hold_out=0.2, sample=sample)
        kept, here = dict(counted(train.documents)), dict(counts.items())
        assert here and all(n <= kept[piece] for piece, n in here.items())
        assert counts.total_bytes < sum(map(len, train.documents))


def test_training_never_sees_what_is_held_out(tmp_path: Path) -> None:
    """A held-out document is all of a letter that no other has: what was learned cannot know it."""
    documents = [f"{chr(0xAC00 + 28 * i)}{chr(0xAC01 + 28 * i)}\n" * 3 for i in range(200)]
    (tmp_path / "c.txt").write_text("\x00".join(documents) + "\x00", encoding="utf-8")
    how = r"separator:\x00"
    train, held_out = split(read_texts(str(tmp_path / "c.txt"), how))
    tokenizer = bpe_lab.train(tmp_path / "c.txt", 1000, unit="syllable:seen=1", documents=how, hold_out="10%")
    seen = {d.decode()[0] for d in train.documents}
    assert seen <= set(tokenizer.atoms) and not {d.decode()[0] for d in held_out.documents} & set(tokenizer.atoms)
    below = holdout.wanted_border(0.1)
    assert tokenizer.provenance["hold_out"] == f"10%, hash below {below}"
    same = bpe_lab.train(
        texts=[(tmp_path / "c.txt").read_bytes()], vocab_size=1000, unit="syllable:seen=1", documents=how, hold_out=0.1
    )
    assert same == tokenizer


def test_one_document_cannot_be_held_out_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.txt").write_text("한 문서\n두 줄\n", encoding="utf-8")
    for command in (["count", "-o", "-"], ["train", "-o", str(tmp_path / "x.bpe")]):
        assert main([*command, str(tmp_path / "c.txt"), "--hold-out", "10%"]) == 3
        said = capsys.readouterr().err
        assert "the corpus is one document" in said and "hint: say what a document is with --documents" in said
    with pytest.raises(ArgumentError, match="counts cannot be held out of"):
        bpe_lab.train(bpe_lab.count_pieces(tmp_path / "c.txt"), hold_out=0.1)


def test_hold_out_and_count_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.txt").write_text("".join(f"{i} 줄\n" for i in range(100)), encoding="utf-8")
    count = ["count", str(tmp_path / "c.txt"), "--documents", "line", "-q"]
    assert main([*count, "-o", str(tmp_path / "all.counts")]) == 0
    assert main([*count, "-o", str(tmp_path / "some.counts"), "--hold-out", "10%"]) == 0
    train = ["train", str(tmp_path / "c.txt"), "--documents", "line", "--vocab", "300", "--hold-out", "10%", "-q"]
    assert main([*train, str(tmp_path / "all.counts"), "-o", str(tmp_path / "a.bpe")]) == 2
    assert "hold what --hold-out is to leave out" in capsys.readouterr().err
    assert main([*train, str(tmp_path / "some.counts"), "-o", str(tmp_path / "b.bpe")]) == 0
    assert main(["train", str(tmp_path / "all.counts"), "--hold-out", "10%", "-o", str(tmp_path / "c.bpe")]) == 2
    assert "--hold-out is for text" in capsys.readouterr().err


# -- bpe-lab shards


@pytest.fixture
def run(tmp_path: Path, small: bpe_lab.Tokenizer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    small.save(tmp_path / "t.bpe")
    monkeypatch.chdir(tmp_path)
    return lambda *argv: main(["shards", "-t", "t.bpe", "-o", "out", *argv])


def test_domains_and_json(run: Callable[..., int], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("--domain", "한국어=sample:ko", "--domain", "en=sample:en", "--hold-out", "20%", "--json", "-q") == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert (told["command"], told["folder"]) == ("shards", "out")
    opened = Shards.open("out")
    assert opened.manifest == told["manifest"] and opened.domains == ("한국어", "en")
    whole = read_texts(["sample:ko", "sample:en"])
    train, held_out = split(whole, 0.2)
    assert [about["text_sha256"] for about in told["manifest"]["splits"].values()] == [train.sha256, held_out.sha256]
    n_ko = sum(len(d) for d in read_texts("sample:ko").documents)
    splits = told["manifest"]["splits"].values()
    assert sum(about["domains"]["한국어"]["n_bytes"] for about in splits) == n_ko
    assert told["manifest"]["corpus_sha256"] == whole.sha256


def test_a_text_to_validate_on_is_not_trained_on(run: Callable[..., int], tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("하나\n둘\n셋\n")
    (tmp_path / "e.txt").write_text("둘\n넷\n")
    assert run("c.txt", "--eval", "e.txt", "--documents", "line", "-q") == 0
    opened = Shards.open("out")
    sides = [opened.manifest["splits"][name]["text_sha256"] for name in ("train", "validation")]
    texts = [["하나\n", "셋\n"], ["둘\n", "넷\n"]]
    assert sides == [Texts("", [line.encode() for line in side]).sha256 for side in texts]


def test_what_is_said(run: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("하나\n둘\n셋\n")
    assert run("c.txt", "--documents", "line") == 0
    said = capsys.readouterr().err
    assert (
        "train: 3 documents, 15 bytes" in said and "no validation: without --hold-out" in said and "wrote out (" in said
    )
    for argv, message in (
        ([], "nothing to read"),
        (["c.txt"], "out exists already"),
        (["c.txt", "--force", "--hold-out", "10%"], "the text is one document"),
        (["c.txt", "--force", "--hold-out", "10%", "--eval", "c.txt"], "both say what to validate on"),
        (["c.txt", "--force", "--domain", "x"], "must be NAME=FILE"),
        (["-", "--domain", "x=-", "--force"], "standard input can be read once"),
        (["no.txt", "--force"], "no.txt does not exist"),
    ):
        assert run(*argv) in (2, 3), argv
        assert message in capsys.readouterr().err
    assert main(["shards", "c.txt", "-t", "no.bpe", "-o", "other"]) == 3
    assert "no.bpe" in capsys.readouterr().err


def test_standard_input(run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = "".join(f"{i}번째 줄\n" for i in range(300))
    (tmp_path / "c.txt").write_text(lines)
    with (tmp_path / "c.txt").open() as f:
        monkeypatch.setattr(sys, "stdin", f)
        assert run("-", "--documents", "line", "--hold-out", "10%", "-q") == 0
    _, held_out = split(read_texts("c.txt", "line"))
    assert Shards.open("out").split("validation").text_sha256 == held_out.sha256
    with (tmp_path / "c.txt").open() as f:
        monkeypatch.setattr(sys, "stdin", f)
        assert run("-", "--hold-out", "10%", "--force", "-q") == 3
    assert Shards.open("out").split("validation").text_sha256 == held_out.sha256


def test_other_libraries_tokenizers(run: Callable[..., int], tmp_path: Path) -> None:
    spm = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    texts = iter([d.decode() for d in read_texts("sample:ko").documents])
    spm.SentencePieceTrainer.train(sentence_iterator=texts, model_writer=model, vocab_size=2000, minloglevel=2)
    (tmp_path / "ko.model").write_bytes(model.getvalue())
    assert main(["shards", "sample:ko", "-t", "ko.model", "-o", "spm", "--hold-out", "10%", "-q"]) == 0
    opened = Shards.open("spm")
    other = load_candidate("ko.model")
    assert opened.fingerprint == other.fingerprint and opened.tokenizer_path is None  # type: ignore[union-attr]
