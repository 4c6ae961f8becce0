"""Files: exact round trips, the same ids in the libraries they are written for, and refusals that give the reason."""

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import tiktoken
import tokenizers
from tests.conftest import FULL
from tests.texts import texts

from bpe_lab import ArgumentError, BpeLabError, FileError, FormatError, Tokenizer, UnsupportedError, sample, train

MANY = 100_000 if FULL else 10_000


@pytest.fixture(scope="module", params=["byte", "byte-char"])
def korean(request: pytest.FixtureRequest) -> Tokenizer:
    """4,000 ids of the Korean sample, in each unit."""
    return train(texts=[d.text for d in sample.documents("ko")], vocab_size=4000, unit=request.param)


# ---- own format


def test_the_own_file_keeps_everything(korean: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "ko.bpe"
    assert korean.save(path) == [path]
    back = Tokenizer.load(path)
    assert back == korean and back.provenance == korean.provenance and repr(back) == repr(korean)
    assert path.read_bytes() == back._core.to_native()
    assert path.stat().st_size < 40 * korean.n_ids


def test_the_own_file_is_text_that_can_be_diffed(korean: Tokenizer) -> None:
    lines = korean._core.to_native().decode().splitlines()
    assert lines[0].startswith("bpe-lab tokenizer 1")
    assert lines[-1].startswith("sha256 ")
    assert sum("\t" in line for line in lines) == korean.n_merges


def test_published_vocabularies_round_trip(published: Callable[[str], Tokenizer], tmp_path: Path) -> None:
    for name in ("r50k_base", "cl100k_base", "o200k_base"):
        tokenizer = published(name)
        tokenizer.save(tmp_path / f"{name}.bpe")
        back = Tokenizer.load(tmp_path / f"{name}.bpe")
        assert back == tokenizer and back.rule == "ranks"
        tokenizer.save(tmp_path / f"{name}.tiktoken")
        assert Tokenizer.load(tmp_path / f"{name}.tiktoken") == tokenizer


@pytest.fixture(scope="module")
def tiny() -> Tokenizer:
    return train(texts=["사과나무 사과 ab"] * 2, vocab_size=262, special_tokens=["<s>"])


def test_truncated_anywhere_is_refused(tiny: Tokenizer) -> None:
    from bpe_lab import _core

    data = tiny._core.to_native()
    for n in range(len(data)):
        with pytest.raises(BpeLabError):
            _core.Tokenizer.from_native(data[:n])


def test_a_changed_byte_is_refused(tiny: Tokenizer) -> None:
    from bpe_lab import _core

    data = bytearray(tiny._core.to_native())
    for i in range(len(data)):
        data[i] ^= 1
        with pytest.raises(FormatError):
            _core.Tokenizer.from_native(bytes(data))
        data[i] ^= 1


def test_a_newer_file_names_its_version(tiny: Tokenizer, tmp_path: Path) -> None:
    data = tiny._core.to_native().replace(b"bpe-lab tokenizer 1", b"bpe-lab tokenizer 7", 1)
    (tmp_path / "new.bpe").write_bytes(data)
    with pytest.raises(FormatError, match=r"new\.bpe.*7"):
        Tokenizer.load(tmp_path / "new.bpe")


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 100, b"hello\n", b"{}", b"[1]", b'{"model": {}}', b"\xff\xfe", b"YQ== 0\n", b"PK\x03\x04"]
)
def test_what_is_no_tokenizer(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(BpeLabError) as e:
        Tokenizer.load(tmp_path / "x.bin")
    assert "x.bin" in str(e.value) or isinstance(e.value, ArgumentError)


def test_nothing_is_overwritten_and_nothing_half_written(
    tiny: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.bpe"
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="exists already"):
        tiny.save(path)
    with monkeypatch.context() as patch:

        def full(fd: int) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="No space left"):
            tiny.save(path, force=True)
    assert path.read_bytes() == b"mine" and [p.name for p in tmp_path.iterdir()] == ["t.bpe"]
    tiny.save(path, force=True)
    assert Tokenizer.load(path) == tiny
    with pytest.raises(FileError, match="does not exist"):
        tiny.save(tmp_path / "no" / "t.bpe")


def test_links_stay_links_and_devices_are_refused(tiny: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "real.bpe").write_bytes(b"old")
    (tmp_path / "link.bpe").symlink_to("real.bpe")
    tiny.save(tmp_path / "link.bpe", force=True)
    assert (tmp_path / "link.bpe").is_symlink() and Tokenizer.load(tmp_path / "real.bpe") == tiny
    with pytest.raises(FileError, match="no plain file"):
        tiny.save("/dev/null", force=True)
    with pytest.raises(FileError, match="cannot make the folder"):
        tiny.save(tmp_path / "no" / "hf", format="hf")


# ---- Hugging Face


def hf(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(tokenizer._core.to_huggingface().decode())


@pytest.mark.parametrize("pattern", ["gpt2", "cl100k", "o200k", "none"])
def test_hugging_face_gives_the_same_ids(pattern: str) -> None:
    ours = train(texts=[d.text for d in sample.documents()], vocab_size=3000, pattern=pattern)
    theirs = hf(ours)
    documents = texts(MANY if pattern != "none" else MANY // 10, seed=13)
    ids, offsets = ours.encode_batch(documents)
    for i, row in enumerate(theirs.encode_batch(documents, add_special_tokens=False)):
        mine = ids[offsets[i] : offsets[i + 1]].tolist()
        if "<|endoftext|>" in documents[i]:
            mine = ours.encode(documents[i], allowed_special="all")
        assert mine == row.ids, documents[i]
        if i % 50 == 0:
            assert theirs.decode(row.ids, skip_special_tokens=False) == ours.decode(mine)


def test_published_vocabularies_in_hugging_face(published: Callable[[str], Tokenizer]) -> None:
    for name in ("cl100k_base", "o200k_base") if FULL else ("cl100k_base",):
        ours = published(name)
        theirs = hf(ours)
        documents = [t for t in texts(MANY // 5, seed=14) if "<|endoftext|>" not in t]
        ids, offsets = ours.encode_batch(documents)
        for i, row in enumerate(theirs.encode_batch(documents, add_special_tokens=False)):
            assert ids[offsets[i] : offsets[i + 1]].tolist() == row.ids, documents[i]
        for text, id in ours.special_tokens.items():
            assert theirs.token_to_id(text) == id


def test_hugging_face_files_come_back(korean: Tokenizer, tmp_path: Path) -> None:
    written = korean.save(tmp_path / "hf", format="hf")
    assert sorted(p.name for p in written) == ["tokenizer.json", "tokenizer_config.json"]
    back = Tokenizer.load(tmp_path / "hf")
    documents = texts(2000, seed=15)
    assert back.encode_batch(documents)[0].tolist() == korean.encode_batch(documents)[0].tolist()
    assert back.special_tokens == korean.special_tokens and back.pattern == korean.pattern


def test_auto_tokenizer_gives_the_same_ids(korean: Tokenizer, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    korean.save(tmp_path, format="hf")
    auto = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    for text in texts(1000, seed=16):
        if "<|endoftext|>" not in text:
            assert auto(text, add_special_tokens=False)["input_ids"] == korean.encode(text), text
    assert auto.eos_token == "<|endoftext|>"
    assert auto.decode(korean.encode("사과나무에 사과가 열렸다 .")) == "사과나무에 사과가 열렸다 ."


def test_a_tokenizer_trained_by_hugging_face_loads(tmp_path: Path) -> None:
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=2000,
        show_progress=False,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    theirs.train_from_iterator([d.text for d in sample.documents()], trainer)
    theirs.save(str(tmp_path / "theirs.json"))
    ours = Tokenizer.load(tmp_path / "theirs.json")
    assert ours.rule == "pairs" and ours.pattern == "gpt2" and ours.special_tokens == {"<s>": 0, "</s>": 1}
    documents = texts(MANY, seed=17)
    ids, offsets = ours.encode_batch(documents)
    for i, row in enumerate(theirs.encode_batch(documents)):
        assert ids[offsets[i] : offsets[i + 1]].tolist() == row.ids, documents[i]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("normalizer", lambda d: d.update(normalizer={"type": "NFC"})),
        ("model", lambda d: d.update(model={"type": "Unigram", "vocab": [], "unk_id": 0})),
        ("dropout", lambda d: d["model"].update(dropout=0.1)),
        ("pre_tokenizer|pre-tokenizer", lambda d: d.update(pre_tokenizer={"type": "Whitespace"})),
        ("prefix", lambda d: d["model"].update(continuing_subword_prefix="##")),
        (
            "post_processor|post-processor",
            lambda d: d.update(post_processor={"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]}),
        ),
    ],
)
def test_what_would_not_be_reproduced_is_refused(
    part: str, change: Callable[[dict[str, object]], None], korean: Tokenizer, tmp_path: Path
) -> None:
    definition = json.loads(korean._core.to_huggingface())
    change(definition)
    (tmp_path / "x.json").write_text(json.dumps(definition))
    with pytest.raises(UnsupportedError, match=part):
        Tokenizer.load(tmp_path / "x.json")


def test_broken_hugging_face_files(tiny: Tokenizer) -> None:
    from bpe_lab import _core

    whole = tiny._core.to_huggingface()
    for n in range(len(whole.rstrip())):
        with pytest.raises(BpeLabError):
            _core.Tokenizer.from_huggingface(whole[:n])
    definition = json.loads(whole)
    for key in ("model", "pre_tokenizer"):
        with pytest.raises(BpeLabError):
            _core.Tokenizer.from_huggingface(json.dumps({k: v for k, v in definition.items() if k != key}).encode())
    for change in (
        lambda m: m["vocab"].pop("!"),
        lambda m: m["vocab"].update({"!": 5}),
        lambda m: m["vocab"].update({"!": 10**12}),
        lambda m: m["vocab"].update({"!": -1}),
        lambda m: m["vocab"].update({"!": "a"}),
        lambda m: m["merges"].append(["zz", "qq"]),
        lambda m: m["merges"].append("no space"),
        lambda m: m["merges"].append(["a"]),
        lambda m: m.pop("merges"),
        lambda m: m.pop("vocab"),
    ):
        broken = json.loads(whole)
        change(broken["model"])
        with pytest.raises(BpeLabError):
            _core.Tokenizer.from_huggingface(json.dumps(broken).encode())


# ---- tiktoken


def test_tiktoken_gives_the_same_ids(tmp_path: Path) -> None:
    for pattern in ("gpt2", "cl100k", "o200k"):
        ours = train(texts=[d.text for d in sample.documents()], vocab_size=3000, pattern=pattern)
        ranks, module = ours.save(tmp_path / f"ko-{pattern}.tiktoken")
        spec = importlib.util.spec_from_file_location(module.stem, module)
        assert spec and spec.loader
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        theirs = made.encoding
        assert isinstance(theirs, tiktoken.Encoding)
        documents = texts(MANY // 3, seed=18)
        ids, offsets = ours.encode_batch(documents)
        for i, row in enumerate(theirs.encode_ordinary_batch(documents)):
            assert ids[offsets[i] : offsets[i + 1]].tolist() == row, documents[i]
        assert theirs.encode("a<|endoftext|>", allowed_special="all")[-1] == ours.special_tokens["<|endoftext|>"]
        back = Tokenizer.load(ranks, pattern=pattern, special_tokens=ours.special_tokens)
        assert back.encode_batch(documents)[0].tolist() == ids.tolist()


def test_a_rank_file_of_no_known_name_needs_a_pattern(korean: Tokenizer, tmp_path: Path) -> None:
    korean.save(tmp_path / "mine.tiktoken")
    with pytest.raises(ArgumentError, match="mine") as e:
        Tokenizer.load(tmp_path / "mine.tiktoken")
    assert "pattern=" in str(e.value)
    with pytest.raises(ArgumentError, match="for rank files"):
        korean.save(tmp_path / "mine.bpe")
        Tokenizer.load(tmp_path / "mine.bpe", pattern="gpt2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-40], "byte"),
        (lambda lines: [*lines, lines[0]], "twice|given"),
        (lambda lines: [*lines, b"//// 5"], "given|rank|id"),
        (lambda lines: [*lines, b"????? 99999"], "base64"),
        (lambda lines: [*lines, b"YWE="], "line"),
        (lambda lines: [*lines, b"YWE= x"], "rank"),
        (lambda lines: [*lines, b"YWE= 99999999999"], "rank|id"),
    ],
)
def test_broken_rank_files(change: Callable[[list[bytes]], list[bytes]], message: str, tmp_path: Path) -> None:
    tokenizer = train(texts=["ab"], vocab_size=257, special_tokens=())
    lines = tokenizer._core.to_tiktoken().splitlines()
    lines = lines[:200] if message == "byte" else change(lines)
    (tmp_path / "x.tiktoken").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(BpeLabError, match=message):
        Tokenizer.load(tmp_path / "x.tiktoken", pattern="gpt2")


def test_names_that_are_no_files(tiny: Tokenizer, tmp_path: Path) -> None:
    for name in ("", "a\0b"):
        with pytest.raises(ArgumentError, match="no file name"):
            Tokenizer.load(name)
        with pytest.raises(ArgumentError, match="no file name"):
            tiny.save(name)
    with pytest.raises(FileError, match="too long"):
        Tokenizer.load("x" * 5000)
    written = tiny.save(f"{tmp_path}/new/")
    assert sorted(p.name for p in written) == ["tokenizer.json", "tokenizer_config.json"]
    (tmp_path / "noise.tiktoken").write_bytes(b"\xff\x00 no ranks")
    with pytest.raises(FormatError, match="not a tokenizer file"):
        Tokenizer.load(tmp_path / "noise.tiktoken", pattern="o200k")


def test_what_ranks_cannot_say_is_refused() -> None:
    """Two merges that give one token: listed pairs tell them apart, ranks do not."""
    definition = json.loads(train(texts=["x"], vocab_size=256, special_tokens=())._core.to_huggingface())
    vocab = definition["model"]["vocab"]
    for token in ("ab", "bc", "abc"):
        vocab[token] = len(vocab)
    definition["model"]["merges"] = [["a", "b"], ["b", "c"], ["a", "bc"]]
    from bpe_lab import _core

    odd = Tokenizer(_core.Tokenizer.from_huggingface(json.dumps(definition).encode()))
    assert odd.encode("abc") == [vocab["ab"], vocab["c"]]
    with pytest.raises(UnsupportedError, match="abc"):
        odd._core.to_tiktoken()
