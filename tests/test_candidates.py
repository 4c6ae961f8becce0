"""Candidates: byte ends that are true, losses that are found, and a reason where something is missing or broken."""

import io
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import ArgumentError, Tokenizer, UnsupportedError, sample, train
from bpe_lab.compare import (
    Candidate,
    Failed,
    Missing,
    Recipe,
    Texts,
    Trainer,
    examine,
    load_candidate,
    read_texts,
    trained,
)
from bpe_lab.compare.candidates import Ours, round_trip_loss
from bpe_lab.compare.closed import Closed, from_bytes, to_bytes, train_closed
from bpe_lab.compare.counted import Counting, count_documents
from bpe_lab.compare.foreign import as_text, byte_characters, char_starts, ends_from_spans

SENTENCES = [
    "사과나무에 사과가 열렸다.",
    "ㅋㅋㅋ 그래,  그렇게 해 ㅠㅠ\n\n끝",
    "漢字와 한글, café 😀 tail ",
    " 앞에 빈칸",
    "꿹뷁 쌀밥",
]
DOCUMENTS = [text.encode() for text in SENTENCES]
NFD = "한글".encode() + b" \xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"
BROKEN = b"\xed\x95 \xff\xea\xb0\x80\xed"


def check_tiling(documents: Sequence[bytes], ids: Any, ends: Any, offsets: Any) -> None:
    """Ends never fall within a document, and the last one is its length."""
    assert (ids.dtype, ends.dtype, offsets.dtype) == (np.uint32, np.uint64, np.uint64)
    assert len(offsets) == len(documents) + 1 and offsets[0] == 0 and offsets[-1] == len(ids) == len(ends)
    for document, (start, end) in zip(documents, pairwise(offsets.tolist()), strict=True):
        places = ends[start:end].tolist()
        assert places == sorted(places)
        assert places[-1:] == ([len(document)] if places else [])


def cuts(candidate: Candidate, document: bytes) -> list[bytes]:
    """Return the bytes of the document between the ends."""
    _, ends, _ = candidate.encode_ends([document])
    return [document[a:b] for a, b in pairwise([0, *ends.tolist()])]


# ---- ours


@pytest.mark.parametrize("unit", ["byte", "byte-char"])
def test_ours_end_where_their_bytes_end(unit: str) -> None:
    tokenizer = train(texts=SENTENCES, vocab_size=300, unit=unit)
    ours = Ours("ours", tokenizer)
    documents = [*DOCUMENTS, b"", NFD, BROKEN]
    found = examine(ours, documents)
    check_tiling(documents, found.ids, found.ends, found.offsets)
    assert cuts(ours, BROKEN) == tokenizer.tokens(BROKEN)
    assert not ours.lossy and (ours.kind, ours.unit, ours.n_ids) == ("loaded", unit, 300)


def test_published_names_and_their_folder(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BPE_LAB_VOCAB", raising=False)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    missing = load_candidate("gpt2")
    assert isinstance(missing, Missing) and missing.reason == "the vocabulary gpt2 is not on this machine"
    assert "r50k_base.tiktoken" in str(missing.hint)
    found = load_candidate("gpt2", data / "vocab")
    assert isinstance(found, Ours) and found.n_ids == 50257 and found.name == "gpt2"
    monkeypatch.setenv("BPE_LAB_VOCAB", str(data / "vocab"))
    again = load_candidate("file=r50k_base,name=GPT-2")
    assert isinstance(again, Ours) and again.fingerprint == found.fingerprint and again.name == "GPT-2"
    assert found.tokenizer and cuts(found, DOCUMENTS[2]) == found.tokenizer.tokens(DOCUMENTS[2])


# ---- what is missing or broken


def test_what_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SENTENCES[0], encoding="utf-8")
    (tmp_path / "b.model").write_bytes(b"\x0a\x03nothing")
    (tmp_path / "c.json").write_text('{"version": "1.0", "model": {"type": "WordPiece", "vocab": 3}}')
    (tmp_path / "d.tiktoken").write_text("YQ== 0\n")
    (tmp_path / "folder").mkdir()
    for name, kind, part in [
        ("nowhere.bpe", Missing, "does not exist"),
        ("a.txt", Failed, "not a tokenizer file"),
        ("b.model", Failed, ""),
        ("c.json", Failed, ""),
        ("d.tiktoken", Failed, "a rank file does not say how text is cut"),
        ("folder", Failed, "holds no tokenizer"),
    ]:
        found = load_candidate(str(tmp_path / name))
        assert isinstance(found, kind) and part in found.reason and found.reason, found
    with pytest.raises(ArgumentError, match="is a recipe"):
        load_candidate("vocab=8k")


def test_a_name_of_the_hub_is_looked_for_in_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    missing = load_candidate("somebody/korean-bpe")
    assert isinstance(missing, Missing) and "is not on this machine" in missing.reason
    assert str(missing.hint).startswith("where there is a network: hf download somebody/korean-bpe tokenizer.json")
    folder = tmp_path / "models--somebody--korean-bpe" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    train(texts=SENTENCES, vocab_size=300).save(folder / "tokenizer.json")
    found = load_candidate("somebody/korean-bpe")
    assert isinstance(found, Ours) and found.name == "somebody/korean-bpe" and found.n_ids == 300
    assert "does not exist" in load_candidate("somebody/korean.bpe").reason  # type: ignore[union-attr]


def test_a_missing_library_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.model").write_bytes(b"\x0a\x03abc")
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)
    found = load_candidate(str(tmp_path / "m.model"))
    assert isinstance(found, Missing) and "sentencepiece" in found.reason
    assert found.hint == "pip install 'bpe-lab[interop]'"


# ---- tokenizer.json by the library


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Candidate]:
    """A tokenizer of ours, and the same in a tokenizer.json that also composes its text first (as Qwen's does)."""
    ours = train(texts=[d.text for d in sample.documents("ko")], vocab_size=1000)
    path = tmp_path_factory.mktemp("hf") / "tokenizer.json"
    ours.save(path)
    said = json.loads(path.read_text(encoding="utf-8"))
    said["normalizer"] = {"type": "NFC"}
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(UnsupportedError):
        Tokenizer.load(path)
    found = load_candidate(str(path.parent))
    assert not isinstance(found, (Missing, Failed))
    return ours, found


def test_byte_level_ends_are_exact_where_the_text_stays(byte_level: tuple[Tokenizer, Candidate]) -> None:
    ours, theirs = byte_level
    documents = [*DOCUMENTS, b"", b"<|endoftext|>"]
    wanted = Ours("ours", ours).encode_ends(documents)
    found = theirs.encode_ends(documents)
    assert [a.tolist() for a in wanted] == [a.tolist() for a in found]
    examine(theirs, documents)
    assert theirs.loss is None and not theirs.lossy and theirs.unit == "byte"
    assert theirs.vocab()[:-1] == [(id, token) for id, token in ours.vocab() if token != b"<|endoftext|>"]
    assert (theirs.n_ids, theirs.n_tokens) == (ours.n_ids, ours.n_tokens)


def test_a_text_that_is_changed_is_lossy_and_still_tiled(byte_level: tuple[Tokenizer, Candidate]) -> None:
    """The conjoining jamo of NFD 한 (nine bytes) become one syllable; its token has all of them."""
    _, theirs = byte_level
    documents = [NFD, DOCUMENTS[0], BROKEN]
    found = examine(theirs, documents)
    check_tiling(documents, found.ids, found.ends, found.offsets)
    assert theirs.lossy and theirs.loss is not None
    assert theirs.loss.n_documents == 2
    examine(theirs, [NFD])
    assert theirs.loss.before.endswith("\u1112\u1161\u11ab") and theirs.loss.after.endswith("한")
    assert cuts(theirs, NFD) == ["한".encode(), "글".encode(), NFD[-10:]]


def library_candidate(tmp_path: Path, tokenizer: Any) -> Candidate:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    found = load_candidate(str(path))
    assert not isinstance(found, (Missing, Failed)), found
    return found


@pytest.fixture
def llama(tmp_path: Path) -> Candidate:
    """BPE over code points with byte fallback and a space before the text, as Llama 2 has it."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "사", "과", "사과", "▁사과", "▁▁"]
    merges = [("사", "과"), ("▁", "사과"), ("▁", "▁")]
    model = models.BPE({p: i for i, p in enumerate(pieces)}, merges, unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    strip = decoders.Strip(content=" ", left=1, right=0)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), strip])
    return library_candidate(tmp_path, tokenizer)


def test_byte_fallback_ends_within_characters(llama: Candidate) -> None:
    """나 has no piece: its three bytes are three tokens. The space put before the text has no byte in it."""
    document = "사과  나 사과".encode()
    assert cuts(llama, document) == ["사과".encode(), b"  ", b"\xeb", b"\x82", b"\x98", " 사과".encode()]
    found = examine(llama, [document, *DOCUMENTS])
    check_tiling([document, *DOCUMENTS], found.ids, found.ends, found.offsets)
    assert llama.loss is None and llama.unit == "codepoint+byte"
    examine(llama, [BROKEN])
    assert llama.loss is not None


def test_word_pieces_lose_and_say_so(tmp_path: Path) -> None:
    """BERT's way: lower case, no white space, `[UNK]` for a word that cannot be spelled."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    vocab = {p: i for i, p in enumerate(["[UNK]", "사과", "##나무", "a", "##b", "."])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    found = library_candidate(tmp_path, tokenizer)
    document = "사과나무  AB. 배 ".encode()
    assert cuts(found, document) == ["사과".encode(), "나무".encode(), b"  A", b"B", b".", " 배 ".encode()]
    examine(found, [document])
    assert found.loss is not None and found.loss.n_documents == 1
    assert (2, "나무".encode()) in found.vocab() and found.unit == "codepoint"


# ---- SentencePiece


@pytest.fixture(scope="module")
def sentence_piece(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Candidate]:
    spm = pytest.importorskip("sentencepiece", reason="the extra `interop` is not installed")
    lines = [line for d in sample.documents("ko") for line in d.text.split("\n") if line]

    def make(**options: Any) -> Candidate:
        model = io.BytesIO()
        spm.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            vocab_size=2100,
            model_type="bpe",
            minloglevel=2,
            **options,
        )
        path = tmp_path_factory.mktemp("sp") / "tokenizer.model"
        path.write_bytes(model.getvalue())
        found = load_candidate(str(path.parent))
        assert not isinstance(found, (Missing, Failed)), found
        return found

    return make


def test_a_faithful_sentence_piece_model(sentence_piece: Callable[..., Candidate]) -> None:
    """With nothing normalised, no space put before and byte fallback nothing is lost, and tokens are exact bytes."""
    found = sentence_piece(
        byte_fallback=True, normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False
    )
    encoded = examine(found, [*DOCUMENTS, b"", NFD])
    check_tiling([*DOCUMENTS, b"", NFD], encoded.ids, encoded.ends, encoded.offsets)
    assert found.loss is None and found.unit == "codepoint+byte"
    spelled = dict(found.vocab())
    for document in [*DOCUMENTS, NFD]:
        ids, _, _ = found.encode_ends([document])
        assert cuts(found, document) == [spelled[int(i)] for i in ids]


@pytest.mark.parametrize("byte_fallback", [True, False])
def test_a_usual_sentence_piece_model_loses(sentence_piece: Callable[..., Candidate], byte_fallback: bool) -> None:
    """NFKC and runs of white space: lossy; 꿹 is three byte tokens that still lie on its three bytes, or one `<unk>`."""
    found = sentence_piece(byte_fallback=byte_fallback)
    documents = [*DOCUMENTS, b"", NFD, BROKEN, b"a\nb"]
    encoded = examine(found, documents)
    check_tiling(documents, encoded.ids, encoded.ends, encoded.offsets)
    assert found.lossy and found.loss is not None and found.loss.before != found.loss.after
    pieces = cuts(found, "사과  꿹".encode())
    assert pieces[-3:] == [b"\xea", b"\xbf", b"\xb9"] if byte_fallback else pieces[-1].endswith("꿹".encode())


# ---- ends from offsets


@settings(deadline=None)
@given(st.lists(st.sampled_from(["가", "a", " ", "😀", "é", "\udcff", "\udced"]), max_size=12))
def test_where_characters_begin(chars: list[str]) -> None:
    document = "".join(chars).encode("utf-8", "surrogateescape")
    again = document.decode("utf-8", "surrogateescape")
    lengths = [len(char.encode("utf-8", "surrogateescape")) for char in again]
    assert char_starts(document).tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    assert len(as_text(document)) == len(again) and "\udcff" not in as_text(document)


# document, (start, end) in characters and bytes written of each token, ends in bytes
SPANS = [
    ("가나", [(0, 1, "가"), (1, 2, "나")], [3, 6]),
    ("가 나 ", [(0, 1, "가"), (2, 3, "나")], [3, 8]),  # white space goes to what follows, at the end to the last
    ("가나", [(0, 1, b"\xea\xb0"), (0, 2, b"\x80\xeb"), (1, 2, b"\x82\x98")], [2, 4, 6]),  # as HF's byte level
    ("가나", [(0, 1, "가"), (1, 1, b"\xeb"), (1, 1, b"\x82"), (1, 2, b"\x98")], [3, 4, 5, 6]),  # as SentencePiece
    ("A나", [(0, 1, "a"), (1, 2, b"\xeb"), (1, 2, b"\x82"), (1, 2, b"\x98")], [1, 2, 3, 4]),
    (
        "가나",
        [(0, 1, "x"), (0, 1, "y"), (1, 2, "나")],
        [3, 3, 6],
    ),  # what is written is not the text: the first takes all
    ("가", [(0, 0, " "), (0, 1, "가")], [0, 3]),
    ("가나", [(0, 2, "나"), (0, 1, "가")], [6, 6]),  # never falls
]


@pytest.mark.parametrize(("text", "tokens", "ends"), SPANS, ids=[str(i) for i in range(len(SPANS))])
def test_ends_from_offsets(text: str, tokens: list[tuple[int, int, str | bytes]], ends: list[int]) -> None:
    spans = np.array([token[:2] for token in tokens], np.int64)
    written = [t.encode() if isinstance(t, str) else t for *_, t in tokens]
    assert ends_from_spans(text.encode(), spans, written).tolist() == ends


def test_the_table_of_byte_characters_is_the_library_s() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    assert sorted(byte_characters().values()) == sorted(ByteLevel.alphabet())
    split = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str("가 é\n")[0][0]
    assert bytes({c: b for b, c in byte_characters().items()}[c] for c in split) == "가 é\n".encode()


def test_a_loss_shows_its_place() -> None:
    loss = round_trip_loss([b"same", ("가" * 30 + "나다" * 30).encode()], [b"same", ("가" * 30 + "라다" * 30).encode()])
    assert loss is not None and loss.n_documents == 1
    assert loss.before == "가가가가나다나다나다나다" and loss.after == "가가가가라다라다라다라다"
    assert round_trip_loss([b"a"], [b"a"]) is None


# ---- closed vocabularies

TEXT = "사과 배 사과 감\n배 사과 귤"


def naive_words(known: list[str], document: bytes) -> tuple[list[int], list[int]]:
    """Ids and ends by Python's own splitting, where white space is only what both call so."""
    ids, ends, at = [], [], 0
    text = document.decode()
    for word in text.split():
        at = text.index(word, at) + len(word)
        ids.append(known.index(word) + 1 if word in known else 0)
        ends.append(len(text[:at].encode()))
    if document and not ids:
        return [0], [len(document)]
    return ids, ends[:-1] + [len(document)] * bool(ends)


def test_the_commonest_words_by_hand() -> None:
    """사과 stands 3 times, 배 2, 감 and 귤 once; of equals the lower bytes: 감 (EA B0 90) before 귤 (EA B7 A4)."""
    closed = train_closed("w", "word", 4, [TEXT.encode()])
    assert [token.decode() for token in closed.tokens] == ["<unk>", "사과", "배", "감"]
    ids, ends, offsets = closed.encode_ends([TEXT.encode(), b"", "  귤 사과나무\n".encode(), b" \n"])
    assert ids.tolist() == [1, 2, 1, 3, 2, 1, 0, 0, 0, 0]
    assert ends.tolist() == [6, 10, 17, 21, 25, 32, 36, 5, 19, 2]
    assert offsets.tolist() == [0, 7, 7, 9, 10]
    assert closed.decode(ids[:7]).decode() == "사과 배 사과 감 배 사과 <unk>"
    examine(closed, [TEXT.encode()])
    assert closed.loss is not None and closed.lossy
    assert closed.loss.share_eojeol == 1 / 7 and closed.loss.share_chars == 1 / 10  # 귤 of 사과배사과감배사과귤
    assert (closed.loss.before, closed.loss.after, closed.loss.n_documents) == ("귤", "<unk>", 1)


def test_the_commonest_characters_by_hand() -> None:
    """Space 5, 사 3, 과 3, 배 2; line feed, 감 and 귤 once. With 5 ids: <unk>, space, 과 (EA..), 사 (EC..), 배."""
    closed = train_closed("c", "char", 5, [TEXT.encode()])
    assert [token.decode() for token in closed.tokens] == ["<unk>", " ", "과", "사", "배"]
    document = "사과 감\n".encode() + b"\xff"
    ids, ends, _ = closed.encode_ends([document, b"", "배".encode()])
    assert ids.tolist() == [3, 2, 1, 0, 0, 0, 4] and ends.tolist() == [3, 6, 7, 10, 11, 12, 3]
    examine(closed, [TEXT.encode(), "배감배".encode()])
    assert closed.loss is not None
    assert closed.loss.share_chars == 3 / 13 and closed.loss.share_eojeol == 3 / 8
    assert (closed.loss.before, closed.loss.after, closed.loss.n_documents) == ("감", "<unk>", 2)


white_and_words = st.text(st.sampled_from("가나다a. \n\u3000\u00a0"), max_size=12).map(str.encode)


@settings(deadline=None)
@given(st.lists(white_and_words, min_size=1, max_size=6), st.integers(1, 8))
def test_closed_words_are_those_of_a_plain_dictionary(documents: list[bytes], vocab_size: int) -> None:
    closed = train_closed("w", "word", vocab_size, documents)
    known = [token.decode() for token in closed.tokens[1:]]
    counted: dict[str, int] = {}
    for word in b"\n".join(documents).decode().split():
        counted[word] = counted.get(word, 0) + 1
    assert known == sorted(counted, key=lambda w: (-counted[w], w.encode()))[: vocab_size - 1]
    ids, ends, offsets = closed.encode_ends(documents)
    check_tiling(documents, ids, ends, offsets)
    for document, (a, b) in zip(documents, pairwise(offsets.tolist()), strict=True):
        assert (ids[a:b].tolist(), ends[a:b].tolist()) == naive_words(known, document)
    lost = closed.find_loss(documents, ids, offsets)
    words = [w for d in documents for w in d.decode().split()]
    unknown = [w for w in words if w not in known]
    assert lost.share_eojeol == pytest.approx(len(unknown) / max(len(words), 1))
    assert lost.share_chars == pytest.approx(sum(map(len, unknown)) / max(sum(map(len, words)), 1))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8) | white_and_words, min_size=1, max_size=6), st.integers(1, 8))
def test_closed_characters_tile_any_bytes(documents: list[bytes], vocab_size: int) -> None:
    closed = train_closed("c", "char", vocab_size, documents)
    known = [token.decode() for token in closed.tokens[1:]]
    ids, ends, offsets = closed.encode_ends(documents)
    check_tiling(documents, ids, ends, offsets)
    chars = [c for d in documents for c in d.decode("utf-8", "surrogateescape")]
    assert ids.tolist() == [known.index(c) + 1 if c in known else 0 for c in chars]
    lost = closed.find_loss(documents, ids, offsets)
    solid = [c for c in chars if c not in " \n\u3000\u00a0\t\x0b\x0c\r\x85"]
    assert lost.share_chars == pytest.approx(sum(c not in known for c in solid) / max(len(solid), 1))


@pytest.mark.parametrize("unit", ["word", "char"])
def test_a_closed_vocabulary_is_kept_as_bytes(unit: str) -> None:
    closed = train_closed("x", unit, 50, DOCUMENTS)
    back = from_bytes("x", to_bytes(closed))
    assert (back.tokens, back.fingerprint, type(back)) == (closed.tokens, closed.fingerprint, type(closed))
    assert len(closed.kinds()) == closed.n_ids == len(closed.vocab()) and closed.kinds()[0] == 0


def test_what_the_tokens_are(byte_level: tuple[Tokenizer, Candidate]) -> None:
    """Words with the space before them: 6 a whole word, 4 one character, 8 punctuation; `<unk>` is 0."""
    words = train_closed("w", "word", 4, ["사과 사과 사과 귤 귤 .".encode()])
    assert list(words.kinds()) == [0, 6, 4, 8]
    ours, theirs = byte_level
    assert theirs.kinds() == ours.token_kinds()


# ---- trained


def test_what_is_trained_is_what_train_trains() -> None:
    texts = read_texts("sample:ko")
    trainer = Trainer()
    for unit in ("byte", "byte-char"):
        found = trainer.make(Recipe(unit=unit, vocab=500, pattern="cl100k", tie="rustbpe"), texts)
        assert isinstance(found, Ours) and found.kind == "trained" and found.name.startswith(unit)
        wanted = train(texts=texts.documents, vocab_size=500, unit=unit, pattern="cl100k", tie="rustbpe")
        assert found.tokenizer == wanted
    closed = trainer.make(Recipe.parse("unit=word,closed=true,vocab=500"), texts)
    assert isinstance(closed, Closed) and closed.n_ids == 500 and closed.kind == "closed"


def test_a_recipe_that_cannot_be_trained_says_why() -> None:
    found = Trainer().make(Recipe(vocab=200), Texts("t", DOCUMENTS))
    assert isinstance(found, Failed) and "256" in found.reason and found.name == "byte 200"


def test_recipes_that_cut_alike_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Counting] = []

    def count(documents: list[bytes], counting: Counting, threads: int | None) -> Any:
        counted.append(counting)
        return count_documents(documents, counting, threads)

    monkeypatch.setattr(trained, "count_documents", count)
    trainer, texts = Trainer(), Texts("t", DOCUMENTS)
    for typed in ("vocab=260", "vocab=270,unit=byte-char", "vocab=260,pattern=gpt2", "vocab=280,tie=rustbpe"):
        assert isinstance(trainer.make(Recipe.parse(typed), texts), Ours)
    assert counted == [Counting("o200k"), Counting("gpt2")]
    trainer.make(Recipe(vocab=260), Texts("other", DOCUMENTS[:2]))
    assert counted[2:] == [Counting("o200k")]


def test_morphemes_are_those_of_train() -> None:
    pytest.importorskip("mecab", reason="the extra `ko` is not installed")
    texts = Texts("t", [d.text.encode() for d in sample.documents("ko", "news")])
    for at in ("train", "train+infer"):
        found = Trainer().make(Recipe(vocab=600, morphemes="mecab", at=at), texts)
        wanted = train(texts=texts.documents, vocab_size=600, morphemes="mecab", at=at)
        assert isinstance(found, Ours) and found.tokenizer == wanted
        examine(found, texts.documents)
        assert found.loss is None
