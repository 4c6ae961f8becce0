"""Bits per byte: the right figure by hand, and each published bug put back to see that it is caught."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

import bpe_lab
from bpe_lab import sample
from bpe_lab.compare.candidates import Candidate, Ours
from bpe_lab.compare.closed import train_closed
from bpe_lab.compare.foreign import HuggingFace, SentencePiece
from bpe_lab.errors import BpeLabError, CorpusError, UnsupportedError
from bpe_lab.runs import Scored, bootstrap_bpb
from bpe_lab.shards import ShardSplit, encode_split
from bpe_lab_model import bpb
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.loss import token_nats

CONTEXT = 64
IGNORE = -100

KOREAN = [d.text.encode() for d in sample.documents("ko")]
ENGLISH = [d.text.encode() for d in sample.documents("en")]
TEXTS = [
    "나는 밥을 먹고 잤다ㅋㅋ.".encode(),
    b"",
    "값".encode(),
    KOREAN[0][:700].decode(errors="ignore").encode(),
    b"The shop opens at nine. " * 6,
    KOREAN[1][:300].decode(errors="ignore").encode(),
    "가".encode() + b"\xea\xb0" + "각".encode(),
    KOREAN[2][:CONTEXT],
]
"""Shorter than a stride, empty, several windows long, not quite text, and exactly one context."""


@dataclass
class Case:
    """A tokenizer, its tokens of TEXTS, and a model of random weights, large enough that what it sees matters."""

    candidate: Ours
    split: ShardSplit
    model: GPT

    def score(self, **given: Any) -> Scored:
        options = {"candidate": self.candidate, "context_bytes": CONTEXT, **given}
        return bpb.score(self.model, self.split, self.split.eos, **options)


def case(unit: str, vocab: int, texts: Sequence[bytes] = TEXTS, **config: Any) -> Case:
    tokenizer = bpe_lab.train(texts=[d.decode() for d in KOREAN[:12] + ENGLISH[:4]], vocab_size=vocab, unit=unit)
    candidate = Ours(unit, tokenizer)
    split = encode_split(candidate, texts, name="validation")
    return Case(candidate, split, random_model(split.vocab_size, **config))


def random_model(vocab_size: int, **config: Any) -> GPT:
    shape = {"context_bytes": CONTEXT, "n_layers": 2, "n_heads": 2, "d_model": 32, "init_std": 0.3}
    return GPT(Config(vocab_size=vocab_size, **{**shape, **config}))


@pytest.fixture(scope="module")
def byte_case() -> Case:
    return case("byte", 400)


@pytest.fixture(scope="module", params=["byte", "byte-char", "jamo", "jamo:filler", "syllable"])
def any_case(request: pytest.FixtureRequest) -> Case:
    return case(request.param, 2800 if request.param == "syllable" else 500)


def documents_of(split: ShardSplit) -> Iterator[tuple[list[int], list[int], int]]:
    """Yield ids, first bytes and length in bytes of each document, EOS included in the first two."""
    for a, b, low, high in zip(
        split.token_offsets[:-1], split.token_offsets[1:], split.byte_offsets[:-1], split.byte_offsets[1:], strict=True
    ):
        n_bytes = int(high) - int(low)
        ends = split.ends[int(a) : int(b)].tolist()
        yield [*split.ids[int(a) : int(b)].tolist(), split.eos], [*[0, *ends][: len(ends)], n_bytes], n_bytes


def by_hand(model: GPT, split: ShardSplit, context: int = CONTEXT, stride: int | None = None) -> list[list[float]]:
    """Return the nats of every token by document: one window, one row at a time, log-softmax in fp64. The slow twin."""
    stride = stride or context // 2
    found = []
    for ids, starts, n_bytes in documents_of(split):
        nats: dict[int, float] = {}
        for s in range(0, n_bytes + 1, stride):
            is_last = s + context >= n_bytes
            row = [i for i in range(len(ids)) if s <= starts[i] and (starts[i] < s + context or is_last)]
            if row:
                inputs = [split.eos if i == 0 else ids[i - 1] for i in row]
                with torch.no_grad():
                    p = model.eval().logits(model(torch.tensor([inputs])))[0].double().log_softmax(-1)  # (T, V)
                nats.update({i: -float(p[k, ids[i]]) for k, i in enumerate(row) if i not in nats})
            if is_last:
                break
        found.append([nats[i] for i in range(len(ids))])
    return found


def bits_per_byte(nats: Sequence[Sequence[float]], n_bytes: int) -> float:
    return math.fsum(x for document in nats for x in document) / math.log(2) / n_bytes


# -- the right figure


def test_score_equals_the_slow_twin_token_by_token(any_case: Case) -> None:
    right = by_hand(any_case.model, any_case.split)
    fast = bpb.losses(any_case.model, any_case.split, any_case.split.eos, CONTEXT)
    assert fast == pytest.approx([x for document in right for x in document], abs=2e-5)
    scored = any_case.score()
    assert scored.bpb == pytest.approx(bits_per_byte(right, sum(map(len, TEXTS))), abs=1e-6)
    assert scored.bytes == tuple(map(len, TEXTS))
    assert scored.tokens == tuple(map(len, right))
    assert scored.nats == pytest.approx([math.fsum(document) for document in right], abs=1e-3)


def test_a_worked_example() -> None:
    """Three tokens and EOS of a model that gives each of 256 ids the same: 4 x 8 bits over 5 bytes, 6.4 bits per byte."""
    made = encode_split(Ours("x", bpe_lab.train(texts=["x"], vocab_size=257)), [b"a b c"], name="validation")
    tokens = {"ids": np.array([7, 8, 9], np.uint16), "ends": np.array([1, 3, 5], np.uint32)}
    split = replace(made, **tokens, token_offsets=np.array([0, 3], np.uint64), eos=255)
    model = random_model(256)
    with torch.no_grad():
        model.head_weight.zero_()
    scored = bpb.score(model, split, 255, context_bytes=CONTEXT)
    assert scored.bpb == pytest.approx(6.4, abs=1e-6)
    assert scored.nats_per_token == pytest.approx(8 * math.log(2), abs=1e-6)


def test_the_example_of_the_docs() -> None:
    """docs/protocol.md: 17 bits for 밥을 먹다 and 8 for ok, EOS of 1 and 3 bits among them."""
    scored = Scored(nats=(17 * math.log(2), 8 * math.log(2)), bytes=(len("밥을 먹다".encode()), 2), tokens=(5, 2))
    assert scored.bpb == pytest.approx(25 / 15)
    assert np.mean([17 / 13, 8 / 2]) == pytest.approx(2.654, abs=1e-3)
    assert bpb.uniform_bpb(4096, 7, 15) == pytest.approx(5.6)
    assert sum(len(bytes([b]).decode("utf-8", "replace").encode()) for b in "밥을 먹다".encode()) == 37


def test_a_uniform_model_gives_log2_v_times_tokens_over_bytes(any_case: Case) -> None:
    model = random_model(any_case.split.vocab_size, tied=False)
    with torch.no_grad():
        model.head_weight.zero_()
    scored = bpb.score(model, any_case.split, any_case.split.eos, context_bytes=CONTEXT)
    n_tokens = any_case.split.n_tokens + any_case.split.n_documents
    assert sum(scored.tokens) == n_tokens
    right = math.log2(any_case.split.vocab_size) * n_tokens / sum(map(len, TEXTS))
    assert scored.bpb == pytest.approx(right, abs=1e-6)
    assert bpb.uniform_bpb(any_case.split.vocab_size, n_tokens, sum(map(len, TEXTS))) == pytest.approx(right)


def test_permuting_ids_changes_nothing(byte_case: Case) -> None:
    split, model = byte_case.split, byte_case.model
    to = torch.randperm(split.vocab_size, generator=torch.Generator().manual_seed(1))
    permuted = random_model(split.vocab_size)
    permuted.load_state_dict(model.state_dict())
    with torch.no_grad():
        permuted.embedding[to] = model.embedding[: split.vocab_size]
    other = replace(split, ids=to.numpy()[split.ids.astype(np.int64)].astype(np.uint16), eos=int(to[split.eos]))
    again = bpb.score(permuted, other, other.eos, context_bytes=CONTEXT)
    assert again.bpb == pytest.approx(byte_case.score().bpb, abs=1e-6)
    assert bpb.score(model, other, other.eos, context_bytes=CONTEXT).bpb != pytest.approx(again.bpb, abs=1e-2)


def test_batches_and_the_order_of_documents_change_nothing(any_case: Case) -> None:
    scored = any_case.score()
    for max_tokens in (1, 100, 100_000):
        assert any_case.score(max_tokens=max_tokens).bpb == pytest.approx(scored.bpb, abs=1e-6)
    turned = encode_split(any_case.candidate, TEXTS[::-1], name="validation")
    again = bpb.score(any_case.model, turned, turned.eos, context_bytes=CONTEXT)
    assert again.bpb == pytest.approx(scored.bpb, abs=1e-6)
    assert again.nats == pytest.approx(scored.nats[::-1], abs=1e-3)


def test_a_document_that_fits_is_scored_in_one_pass(any_case: Case) -> None:
    """With C of the longest document no window slides: equal to one pass over each document."""
    context = max(map(len, TEXTS))
    model = random_model(any_case.split.vocab_size, context_bytes=context)
    with torch.no_grad():
        rows = [torch.tensor(ids) for ids, _, _ in documents_of(any_case.split)]
        hidden = [model.eval()(torch.cat([row[-1:], row[:-1]])[None])[0] for row in rows]
        nats = [
            F.cross_entropy(model.logits(h).double(), row, reduction="none")
            for h, row in zip(hidden, rows, strict=True)
        ]
    for stride in (None, context, context // 3):
        scored = bpb.score(model, any_case.split, any_case.split.eos, context_bytes=context, stride_bytes=stride)
        assert scored.nats == pytest.approx([float(x.sum()) for x in nats], abs=1e-3)


@pytest.mark.parametrize("stride", [1, 7, 32, 63, 64])
def test_every_stride_scores_every_token_once(byte_case: Case, stride: int) -> None:
    texts = [TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[4], TEXTS[6]]
    split = encode_split(byte_case.candidate, texts, name="validation")
    right = by_hand(byte_case.model, split, stride=stride)
    scored = bpb.score(byte_case.model, split, split.eos, context_bytes=CONTEXT, stride_bytes=stride)
    assert scored.nats == pytest.approx([math.fsum(document) for document in right], abs=1e-3)


def test_scoring_leaves_the_model_as_it_was(byte_case: Case) -> None:
    model = random_model(byte_case.split.vocab_size, dropout_residual=0.5).train()
    first, again = (bpb.score(model, byte_case.split, byte_case.split.eos, context_bytes=CONTEXT).bpb for _ in range(2))
    assert first == again
    assert model.training


# -- where the nats are spent


def test_parts_sum_to_the_whole(any_case: Case) -> None:
    domains = ["chat", "chat", "news", "news", "en", "news", "chat", "news"]
    split = encode_split(any_case.candidate, TEXTS, name="validation", domains=domains)
    scored = bpb.score(any_case.model, split, split.eos, candidate=any_case.candidate, context_bytes=CONTEXT)
    nats, n_bytes, n_tokens = math.fsum(scored.nats), sum(scored.bytes), sum(scored.tokens)
    assert scored.domains == ("chat", "news", "en")
    assert [scored.domains[i] for i in scored.domain_of] == domains
    assert math.fsum(x for *_, x in scored.by_position) == pytest.approx(nats, rel=1e-12)
    assert sum(n for _, n, _ in scored.by_position) == n_bytes
    assert math.fsum(x for _, x in scored.by_syllable.values()) == pytest.approx(nats, rel=1e-12)
    assert sum(n for n, _ in scored.by_syllable.values()) == n_bytes
    assert math.fsum(x for *_, x in scored.by_class.values()) == pytest.approx(nats, rel=1e-12)
    assert sum(n for n, *_ in scored.by_class.values()) == n_tokens
    assert sum(n for _, n, _ in scored.by_class.values()) == n_bytes
    assert scored.by_class["end_of_text"][:2] == (len(TEXTS), 0)


def test_parts_are_those_of_a_loop_over_tokens(any_case: Case) -> None:
    positions: dict[int, float] = {}
    places = dict.fromkeys(bpb.SYLLABLE_PLACES, 0.0)
    classes: dict[str, float] = {}
    kinds = any_case.candidate.kinds()
    nats = by_hand(any_case.model, any_case.split)
    for text, (ids, starts, n_bytes), found in zip(TEXTS, documents_of(any_case.split), nats, strict=True):
        inside = [*slow_places(text), 0]
        for i, (id, start) in enumerate(zip(ids, starts, strict=True)):
            at = max((b for b in bpb.POSITION_BINS if b <= min(start, max(n_bytes - 1, 0))), default=0)
            positions[at] = positions.get(at, 0.0) + found[i]
            places[bpb.SYLLABLE_PLACES[inside[start]]] += found[i]
            name = "end_of_text" if i == len(ids) - 1 else bpb.CLASSES[kinds[id]]
            classes[name] = classes.get(name, 0.0) + found[i]
    scored = any_case.score()
    assert {at: x for at, _, x in scored.by_position} == pytest.approx(positions, rel=1e-5)
    assert {place: x for place, (_, x) in scored.by_syllable.items()} == pytest.approx(places, rel=1e-5)
    assert {name: x for name, (*_, x) in scored.by_class.items()} == pytest.approx(classes, rel=1e-5)


def slow_places(text: bytes) -> list[int]:
    """Return which byte of a syllable each byte is, a character at a time."""
    found = []
    for char in text.decode("utf-8", "surrogateescape"):
        size = len(char.encode("utf-8", "surrogateescape"))
        found += [1, 2, 3] if "가" <= char <= "힣" else [0] * size
    return found


PIECES = ["가", "힣", "값", "a", " ", "ㅋ", "漢", "\ud7a4", "\ud7fb", "한", "\uabff", "é", "😀"]
BYTES = [p.encode() for p in PIECES] + [bytes([b]) for b in b"\xea\xb0\x80\xed\x9e\xa3\xe3\xff"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(BYTES)).map(b"".join), min_size=1, max_size=5))
def test_places_in_syllables_equal_the_slow_twin(documents: list[bytes]) -> None:
    assert bpb.places_in_syllables(documents).tolist() == [p for d in documents for p in slow_places(d)]


def test_a_jamo_owns_its_byte_of_the_syllable() -> None:
    """값 in base symbols: ㄱ owns byte 1, ㅏ byte 2, ㅄ byte 3; 가 has no coda, so ㅏ owns bytes 2 and 3.

    The tokenizer is all base symbols (its merges need pairs seen twice), so 값가 is ㄱ ㅏ ㅄ ㄱ ㅏ and EOS.
    """
    tokenizer = bpe_lab.train(texts=["x"], vocab_size=324, unit="jamo")
    candidate = Ours("jamo", tokenizer)
    split = encode_split(candidate, ["값가".encode()], name="validation")
    assert split.ends.tolist() == [1, 2, 3, 4, 6]
    model = random_model(split.vocab_size)
    nats = bpb.losses(model, split, split.eos, CONTEXT)
    scored = bpb.score(model, split, split.eos, candidate=candidate, context_bytes=CONTEXT)
    assert {place: n for place, (n, _) in scored.by_syllable.items()} == dict(outside=0, first=2, second=2, third=2)
    right = dict(outside=nats[5], first=nats[0] + nats[3], second=nats[1] + nats[4], third=nats[2])
    assert {place: x for place, (_, x) in scored.by_syllable.items()} == pytest.approx(right, rel=1e-12)
    inside = (nats[1] + nats[2] + nats[4]) / math.log(2) / 2
    assert scored.bits_inside_syllable == pytest.approx(inside, rel=1e-12)


def test_whole_syllables_leave_nothing_inside() -> None:
    """Where every syllable is an atom no token begins inside one."""
    made = case("syllable:all", 12000, TEXTS[:6], d_model=8)
    assert made.score().bits_inside_syllable == 0


# -- tokenizers of other makers


def sentence_piece() -> Candidate:
    """A model over code points with byte fallback that changes no text."""
    spm = pytest.importorskip("sentencepiece", reason="the extra `interop` is not installed")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([line for d in KOREAN for line in d.decode().split("\n") if line]),
        model_writer=model,
        vocab_size=2100,
        model_type="bpe",
        minloglevel=2,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
    )
    return SentencePiece("sp", model.getvalue())


def hugging_face() -> Candidate:
    """Byte-level BPE whose pre-tokenizer is none of ours, so that the library itself runs."""
    hf = pytest.importorskip("tokenizers", reason="the extra `interop` is not installed")
    tokenizer = hf.Tokenizer(hf.models.BPE())
    digits, level = (
        hf.pre_tokenizers.Digits(individual_digits=True),
        hf.pre_tokenizers.ByteLevel(add_prefix_space=False),
    )
    tokenizer.pre_tokenizer = hf.pre_tokenizers.Sequence([digits, level])
    tokenizer.decoder = hf.decoders.ByteLevel()
    trainer = hf.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=hf.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([d.decode() for d in KOREAN[:10]], trainer)
    return HuggingFace("hf", tokenizer.to_str().encode())


@pytest.mark.parametrize("make", [sentence_piece, hugging_face])
def test_tokenizers_of_other_makers_are_scored_alike(make: Callable[[], Candidate]) -> None:
    candidate, texts = make(), [t for i, t in enumerate(TEXTS) if i != 6]
    split = encode_split(candidate, texts, name="validation")
    assert split.eos == candidate.n_ids, "the model's own end of text"
    model = random_model(split.vocab_size)
    scored = bpb.score(model, split, split.eos, candidate=candidate, context_bytes=CONTEXT)
    right = by_hand(model, split)
    assert scored.bpb == pytest.approx(bits_per_byte(right, sum(map(len, texts))), abs=1e-6)
    assert sum(n for n, _ in scored.by_syllable.values()) == sum(map(len, texts))
    assert math.fsum(x for *_, x in scored.by_class.values()) == pytest.approx(math.fsum(scored.nats))


def test_a_published_vocabulary_is_scored(published: Callable[[str], bpe_lab.Tokenizer]) -> None:
    candidate = Ours("r50k_base", published("r50k_base"))
    split = encode_split(candidate, TEXTS, name="validation")
    scored = bpb.score(random_model(50257, d_model=8), split, split.eos, candidate=candidate, context_bytes=CONTEXT)
    assert scored.bpb > 0 and sum(n for _, n, _ in scored.by_class.values()) == sum(map(len, TEXTS))


def test_a_closed_vocabulary_has_no_text_to_place_tokens_in() -> None:
    """What became `<unk>` is lost, so nothing is said of syllables; that the arm is lossy the shards say."""
    candidate = train_closed("char", "char", 60, KOREAN[:3])
    split = encode_split(candidate, TEXTS, name="validation")
    assert candidate.lossy
    scored = bpb.score(random_model(split.vocab_size), split, split.eos, candidate=candidate, context_bytes=CONTEXT)
    assert scored.by_syllable == {} and scored.bytes == tuple(map(len, TEXTS))


# -- published bugs, each put back


def decoded_size(tokenizer: bpe_lab.Tokenizer, ids: Any) -> int:
    """Count bytes as nanochat did: each id decoded alone to text; what is no character becomes U+FFFD of three bytes."""
    return sum(len(tokenizer.decode_bytes([int(id)]).decode("utf-8", "replace").encode()) for id in ids)


def test_bytes_counted_by_decoding_ids_are_caught() -> None:
    """A byte model on Korean looks 2.6 times better; on English it does not."""
    tokenizer = bpe_lab.train(texts=["x"], vocab_size=257)
    factors = {}
    for name, documents in (("ko", KOREAN[:4]), ("en", ENGLISH[:4])):
        split = encode_split(Ours("bytes", tokenizer), documents, name="validation")
        factors[name] = decoded_size(tokenizer, split.ids) / split.n_bytes
    assert 2.4 < factors["ko"] < 2.8
    assert factors["en"] == pytest.approx(1, abs=0.05)
    texts = KOREAN[:2]
    made = Ours("bytes", tokenizer)
    split = encode_split(made, texts, name="validation")
    sizes = [decoded_size(tokenizer, ids[:-1]) for ids, *_ in documents_of(split)]
    buggy = replace(split, byte_offsets=np.cumsum([0, *sizes]).astype(np.uint64))
    with pytest.raises(CorpusError, match="tokens of document 0 have"):
        bpb.score(random_model(257), buggy, split.eos, context_bytes=CONTEXT)


def test_an_average_of_batches_is_caught(byte_case: Case) -> None:
    """Mean of the documents' own BPB, and of pairs of them: two numbers, neither of which is the right one."""
    scored = byte_case.score()
    per_document = [x / math.log(2) / n for x, n in zip(scored.nats, scored.bytes, strict=True) if n]
    pairs = [sum(scored.nats[i : i + 2]) / math.log(2) / sum(scored.bytes[i : i + 2]) for i in range(0, 8, 2)]
    right = bits_per_byte(by_hand(byte_case.model, byte_case.split), sum(map(len, TEXTS)))
    assert scored.bpb == pytest.approx(right, abs=1e-6)
    for buggy in (per_document, pairs):
        assert abs(np.mean(buggy) / right - 1) > 1e-3


def without(columns: str) -> Any:
    """Return a `gather` of windows in which some targets are not scored, or all of them are."""
    from bpe_lab_model.rows import WindowIndex

    gather = WindowIndex.gather

    def buggy(self: WindowIndex, windows: Any) -> Any:
        inputs, targets = gather(self, windows)
        if columns == "eos":
            targets[targets == self.eos] = IGNORE
        if columns == "overlap":
            inputs, targets = gather(self, replace(windows, skip=np.zeros_like(windows.skip)))
        if columns == "padding":
            targets[:, windows.n_tokens.min() :] = self.eos
        if columns == "past a stride":
            targets[:, self.stride_bytes :] = IGNORE
        return inputs, targets

    return buggy


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        ("eos", "8 tokens were not scored and 0 more than once"),
        ("overlap", "0 tokens were not scored and [0-9]+ more than once"),
        ("padding", "tokens were not scored and|more than once|out of bounds"),
        ("past a stride", "[0-9]+ tokens were not scored"),
    ],
)
def test_tokens_left_out_or_counted_twice_are_caught(
    byte_case: Case, monkeypatch: pytest.MonkeyPatch, bug: str, said: str
) -> None:
    monkeypatch.setattr("bpe_lab_model.rows.WindowIndex.gather", without(bug))
    with pytest.raises((BpeLabError, IndexError), match=said):
        byte_case.score(max_tokens=400)


def test_a_dropped_last_window_is_caught(byte_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows that do not fill the context are dropped, as `range(0, n - context, stride)` does: short documents go too."""
    from bpe_lab_model.rows import WindowIndex

    groups = WindowIndex.groups

    def buggy(self: WindowIndex, max_tokens: int = 8192) -> Iterator[Any]:
        for numbers, windows in groups(self, max_tokens):
            last = windows.last > np.diff(self.split.token_offsets.astype(np.int64))[windows.document]
            kept = np.flatnonzero(~last)
            if len(kept):
                yield numbers[kept], windows.take(kept)

    monkeypatch.setattr(WindowIndex, "groups", buggy)
    with pytest.raises(BpeLabError, match="tokens were not scored and 0 more than once"):
        byte_case.score()


def test_joined_documents_are_caught(byte_case: Case) -> None:
    """Documents one after another in one row see each other: other nats than each alone."""
    scored = byte_case.score(context_bytes=4096)
    rows = [ids for ids, _, _ in documents_of(byte_case.split)]
    stream = torch.tensor([byte_case.split.eos, *[id for row in rows for id in row]])
    with torch.no_grad():
        hidden = byte_case.model.eval()(stream[None, :-1])[0]
        nats = F.cross_entropy(byte_case.model.logits(hidden).double(), stream[1:], reduction="none")
    joined = [float(part.sum()) for part in nats.split([len(row) for row in rows])]
    right = [math.fsum(row) for row in by_hand(byte_case.model, byte_case.split, context=4096)]
    assert scored.nats == pytest.approx(right, rel=1e-6)
    assert joined[0] == pytest.approx(right[0], rel=1e-6), "the first has nothing before it"
    assert min(abs(a - b) for a, b in zip(joined[1:], right[1:], strict=True)) > 0.1


@pytest.fixture
def states() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states and a head as bf16 holds them, so that fp64 over the same numbers is exact."""
    g = torch.Generator().manual_seed(0)
    hidden = torch.randn(256, 256, generator=g).bfloat16()
    weight = (torch.randn(4096, 256, generator=g) * 0.1).bfloat16()
    return hidden, weight, torch.randint(0, 4096, (256,), generator=g)


def exact(states: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    hidden, weight, targets = states
    return F.cross_entropy(hidden.double() @ weight.double().t(), targets, reduction="none")


def test_bf16_logits_are_caught(states: Any, byte_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """bf16 logits are up to 0.05 nats off a token; ours stay in fp32 also for bf16 states."""
    hidden, weight, targets = states
    assert float((token_nats(hidden, weight, targets, 4096) - exact(states)).abs().max()) < 1e-5
    assert float((F.cross_entropy(hidden @ weight.t(), targets, reduction="none") - exact(states)).abs().max()) > 0.03

    def buggy(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, n_vocab: int) -> torch.Tensor:
        logits = hidden.bfloat16() @ weight[:n_vocab].bfloat16().t()
        return F.cross_entropy(logits, targets, reduction="none")

    right = [x for row in by_hand(byte_case.model, byte_case.split) for x in row]
    monkeypatch.setattr(bpb, "token_nats", buggy)
    wrong = bpb.losses(byte_case.model, byte_case.split, byte_case.split.eos, CONTEXT)
    assert np.abs(wrong - right).max() > 1e-2


@pytest.mark.skipif(not hasattr(F, "linear_cross_entropy"), reason="this torch has no linear_cross_entropy")
def test_linear_cross_entropy_is_not_used(states: Any) -> None:
    """torch 2.13 on bf16 states is hundredths of a nat off the mean; fp32 states are fine. Ours is exact for both."""
    if not torch.__version__.startswith("2.13."):
        pytest.skip(f"torch {torch.__version__}: measured for 2.13")
    hidden, weight, targets = states
    right = float(exact(states).mean())
    assert float(token_nats(hidden, weight, targets, 4096).double().mean()) == pytest.approx(right, abs=1e-6)
    assert abs(float(F.linear_cross_entropy(hidden, weight, targets)) - right) > 0.01


# -- what is refused


def test_errors_say_what_to_do(byte_case: Case) -> None:
    eos = byte_case.split.eos
    empty = encode_split(byte_case.candidate, [b"", b""], name="validation")
    with pytest.raises(CorpusError, match="no text to score"):
        bpb.score(byte_case.model, empty, eos, context_bytes=CONTEXT)
    with pytest.raises(UnsupportedError, match="two-way"):
        bpb.score(random_model(byte_case.split.vocab_size, mask="two-way"), byte_case.split, eos, context_bytes=CONTEXT)
    with pytest.raises(CorpusError, match="not those of the split"):
        byte_case.score(documents=TEXTS[::-1])
    broken = random_model(byte_case.split.vocab_size)
    with torch.no_grad():
        broken.head_weight.fill_(math.nan)
    with pytest.raises(BpeLabError, match="no finite loss"):
        bpb.score(broken, byte_case.split, eos, context_bytes=CONTEXT)


# -- the interval


def test_the_interval_holds_the_figure_and_is_drawn_alike() -> None:
    scored = Scored(nats=(10.0, 30.0, 5.0, 90.0), bytes=(4, 12, 3, 30), tokens=(3, 9, 2, 20))
    found = bootstrap_bpb(scored, seed=3)
    assert found.value == scored.bpb
    assert found.low is not None and found.high is not None and found.low < found.value < found.high
    half = replace(scored, nats=tuple(x / 2 for x in scored.nats))
    assert bootstrap_bpb(half, seed=3).low == pytest.approx(found.low / 2)
    assert bootstrap_bpb(Scored(nats=(1.0,), bytes=(2,), tokens=(1,))).low is None


def test_the_interval_of_documents_alike_is_a_point() -> None:
    """Documents of one BPB each give it in every resample: a ratio of sums, no mean of ratios."""
    scored = Scored(nats=(8.0, 80.0, 2.0), bytes=(4, 40, 1), tokens=(1, 1, 1))
    found = bootstrap_bpb(scored)
    assert found.low == pytest.approx(2 / math.log(2))
    assert found.high == pytest.approx(2 / math.log(2))
