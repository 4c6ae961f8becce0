"""Generation: the cache changes nothing, healing reproduces what a model knows by heart, whole characters stream."""

import math
import random
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from bpe_lab import Tokenizer, train
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.generate import Generation, Options, Speaker, generate
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.healing import Healer, merged, split_tail
from bpe_lab_model.positions import POSITIONS
from bpe_lab_model.sampling import GREEDY, Sampling

TEXTS = [
    "오늘 날씨가 정말 좋습니다. 어제는 비가 왔습니다.\n",
    "배송이 빠르고 포장이 꼼꼼해서 좋았습니다!  다시 살게요 ㅋㅋㅋ\n",
    "값이 3,500원이라 비싸지만 맛있습니다.\n\n  漢字도 조금 있습니다. I don't know.\n",
    "친구와 함께 갔는데 직원분들이 친절했습니다. 각각 나눠서 계산했어요.",
]
UNITS = ("byte", "byte-char", "syllable", "jamo", "jamo:filler", "jamo-char", "jamo:compat:nfd-alias")
TABLES = ("learned", "concat-split", "concat-wide")


def tokenizer_of(unit: str, vocab_size: int = 700) -> Tokenizer:
    size = vocab_size + (2350 if unit == "syllable" else 0)
    return train(texts=TEXTS * 3, vocab_size=size, unit=unit, special_tokens=["<|endoftext|>"])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokenizer_of("byte", 400)


def small(tokenizer: Tokenizer, context_bytes: int = 512, **values: object) -> GPT:
    """A model that knows nothing, with weights large enough for its text to depend on what it read."""
    shape = {"n_layers": 2, "n_heads": 2, "d_model": 32, "init_std": 0.25, **values}
    config = Config(vocab_size=tokenizer.n_ids, context_bytes=context_bytes, **shape)  # type: ignore[arg-type]
    return GPT(config, embedding_keys(tokenizer, tokenizer.n_ids))


class ByHeart(nn.Module):
    """Stands for a model that knows some texts by heart: after the beginning of some it is sure that theirs are the next
    tokens, after anything else it knows nothing. Hidden states are logits."""

    def __init__(self, speaker_ids: list[list[int]], n_ids: int, eos: int, context_bytes: int = 4096) -> None:
        super().__init__()
        self.config = SimpleNamespace(vocab_size=n_ids, context_bytes=context_bytes, mask="causal", position="rope")
        self.embedding = nn.Parameter(torch.zeros(1))
        self.position = None
        self._next: dict[tuple[int, ...], set[int]] = {}
        for ids in speaker_ids:
            for n in range(len(ids)):
                self._next.setdefault((eos, *ids[:n]), set()).add(ids[n])

    def forward(self, inputs: Tensor, cache: SimpleNamespace | None = None) -> Tensor:
        before = getattr(cache, "seen", []) if cache is not None else []
        out = torch.zeros(*inputs.shape, self.config.vocab_size)
        for row, ids in enumerate(inputs.tolist()):
            for at in range(len(ids)):
                out[row, at, list(self._next.get((*before, *ids[: at + 1]), ()))] = 20.0
        if cache is not None:
            cache.seen = before + inputs[0].tolist()
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden


def by_heart(tokenizer: Tokenizer, texts: list[str]) -> Speaker:
    eos = tokenizer.special_tokens["<|endoftext|>"]
    rows = [[*tokenizer.encode(text), eos] for text in texts]
    return Speaker(ByHeart(rows, tokenizer.n_ids, eos), tokenizer)  # type: ignore[arg-type]


def said(generation: Generation) -> str:
    return generation.opening + "".join(step.text for step in generation)


# The cache.


@pytest.mark.parametrize("position", POSITIONS)
def test_the_cache_changes_nothing(tokenizer: Tokenizer, position: str) -> None:
    model = small(tokenizer, position=position)
    options = {"n_tokens": 110, "n_bytes": None, "temperature": 0.0}
    texts = [generate(model, tokenizer, "오늘 날씨가", cache=cache, **options) for cache in (True, False)]  # type: ignore[arg-type]
    for cached, plain in zip(*texts, strict=True):
        assert cached.id == plain.id
        for a, b in zip(cached.candidates, plain.candidates, strict=True):
            assert a.model == pytest.approx(b.model, rel=1e-4)
    assert texts[0].ids == texts[1].ids and texts[0].n_new_tokens == 110
    assert len(set(texts[0].ids)) > 5


@pytest.mark.parametrize("beyond", ["left", "rolling"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_cache_beyond_the_context(tokenizer: Tokenizer, beyond: str, n_layers: int) -> None:
    """`left` reads anew, so it is the same with a cache. A cache that rolls keeps what deeper layers made of what left,
    which one layer of relative positions cannot have: keys and values are of a token alone there."""
    model = small(tokenizer, context_bytes=64, n_layers=n_layers)
    texts = [
        generate(model, tokenizer, "오늘", n_bytes=300, cache=c, beyond=beyond, temperature=0.0) for c in (True, False)
    ]  # type: ignore[arg-type]
    ids = [[step.id for step in text] for text in texts]
    assert len(texts[0].new_bytes) >= 300
    if beyond == "left" or n_layers == 1:
        assert ids[0] == ids[1]


def test_a_seed_gives_the_same_text(tokenizer: Tokenizer) -> None:
    model = small(tokenizer)
    first, again, other = (said(generate(model, tokenizer, "배송이", seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


# The prompt's boundary.


@pytest.mark.parametrize("unit", UNITS)
def test_a_text_known_by_heart_comes_back_from_every_byte(unit: str) -> None:
    tokenizer = tokenizer_of(unit)
    speaker = by_heart(tokenizer, TEXTS[:3])
    for text in TEXTS[:3]:
        data = text.encode()
        for cut in range(3, len(data), 1 if unit == "byte" else 4):
            generation = speaker.generate(data[:cut], Options(sampling=GREEDY))
            steps = list(generation)
            assert generation.data == data, (unit, cut)
            assert generation.ids == [*tokenizer.encode(text), speaker.eos]
            assert generation.opening + "".join(step.text for step in steps) == text
            assert min(step.probability for step in steps) > 0.99


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_what_comes_begins_with_the_prompt(unit: str, temperature: float) -> None:
    tokenizer = tokenizer_of(unit)
    speaker = Speaker(small(tokenizer, n_layers=1), tokenizer)
    prompts = [
        text.encode()[:cut] for text in (TEXTS[2], "가나각 나가ㄱ") for cut in range(1, 19, 1 if temperature else 3)
    ]
    for seed, prompt in enumerate(prompts):
        options = Options(n_bytes=None, n_tokens=4, sampling=Sampling(temperature), seed=seed)
        generation = speaker.generate(prompt, options)
        text = said(generation)
        assert generation.data.startswith(prompt), (unit, prompt)
        assert text.startswith(split_tail(prompt)[0].decode())


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_text_is_cut_into_is_among_the_covers(unit: str) -> None:
    tokenizer = tokenizer_of(unit)
    healer = Healer(Ours("t", tokenizer))
    for text in TEXTS:
        ids, data = tokenizer.encode(text), text.encode()
        for cut in range(1, len(data), 2):
            covers, _ = healer.covers(data[:cut])
            ways = [(*cover.before, id) for cover in covers for id in cover.tokens.tolist()]
            assert len(set(ways)) == len(ways)
            assert any(c.before == ids[: len(c.before)] and ids[len(c.before)] in c.tokens for c in covers), cut


_ODD = list("가각나한국어  \n\n\t.,!'1234abAB漢ㅋㅋㅠ😀é")


@pytest.mark.parametrize("unit", ["byte", "syllable", "jamo", "jamo:filler"])
@pytest.mark.parametrize("pattern", ["o200k", "gpt2", "none"])
def test_covers_of_any_text(unit: str, pattern: str) -> None:
    """Spaces before newlines, emoji that break off, digits and letters side by side: a piece is cut as in the whole."""
    chance = random.Random(f"{unit} {pattern}")
    odd = ["".join(chance.choices(_ODD, k=12)) for _ in range(200)]
    size = 700 + (2350 if unit == "syllable" else 0)
    tokenizer = train(texts=TEXTS + odd, vocab_size=size, unit=unit, pattern=pattern)
    healer = Healer(Ours("t", tokenizer))
    for _ in range(60):
        data = "".join(chance.choices(_ODD, k=chance.randint(2, 14))).encode()
        cut, ids = chance.randint(1, len(data) - 1), tokenizer.encode(data)
        covers, _ = healer.covers(data[:cut])
        assert any(c.before == ids[: len(c.before)] and ids[len(c.before)] in c.tokens for c in covers), (data, cut)


def test_covers_worked_out_by_hand() -> None:
    """Merges ab, abc, so `ab` is spelled by: abc or ab in one; a, then what begins with b. After a no b follows in a
    text, and the model is asked all the same."""
    tokenizer = train(texts=["abc", "abc", "bd"], vocab_size=259, special_tokens=["<|endoftext|>"], pattern="none")
    a, b, c = (tokenizer.token_id(x) for x in "abc")
    assert a is not None and b is not None and c is not None
    assert [tokenizer.token_bytes(id) for id in (256, 257)] == [b"ab", b"abc"]
    covers, rest = Healer(Ours("t", tokenizer)).covers(b"ab")
    assert [(cover.before, cover.tokens.tolist(), cover.n_symbols) for cover in covers] == [
        ([], [256, 257], 2),
        ([a], [b], 1),
    ]
    assert not rest.data and not rest.is_open
    assert merged([a, b, c, a, b], {(a, b): (0, 256), (256, c): (1, 257)}) == [257, 256]


def test_the_probability_of_a_cover_is_that_of_its_tokens(tokenizer: Tokenizer) -> None:
    speaker = Speaker(small(tokenizer), tokenizer)
    prompt = "오늘 날씨가 정말 좋습".encode()
    covers, _ = speaker.healer.covers(prompt)
    assert len(covers) > 1
    expected = []
    for cover in covers:
        for id in cover.tokens.tolist():
            row = [speaker.eos, *cover.before, id]
            table = speaker.model.logits(speaker.model(torch.tensor([row])))[0, :-1].detach().double().log_softmax(-1)
            expected.append(sum(float(table[at, next]) for at, next in enumerate(row[1:])))
    step = next(iter(speaker.generate(prompt, Options(n_candidates=3))))
    total = math.log(sum(map(math.exp, expected)))
    heaviest = sorted((math.exp(score - total) for score in expected), reverse=True)[:3]
    assert [choice.model for choice in step.candidates] == pytest.approx(heaviest, rel=1e-3)


def test_a_space_at_the_end_of_the_prompt_belongs_to_the_next_word() -> None:
    tokenizer = tokenizer_of("byte")
    speaker = by_heart(tokenizer, TEXTS[:1])
    healed = speaker.generate("오늘 ", Options(sampling=GREEDY))
    assert next(iter(healed)).n_prompt_symbols == 1
    assert said(speaker.generate("오늘 ", Options(sampling=GREEDY))) == TEXTS[0]
    as_it_stands = speaker.generate("오늘 ", Options(sampling=GREEDY, heal=False))
    assert as_it_stands.ids == tokenizer.encode("오늘 ")
    assert said(as_it_stands) != TEXTS[0]


def test_a_coda_does_not_change_the_prompt() -> None:
    """각 and 가 begin with the same onset and vowel: what is known is 각, and the prompt is 가."""
    tokenizer = train(texts=["각", "가 나"] * 5, vocab_size=326, unit="jamo", special_tokens=["<|endoftext|>"])
    speaker = by_heart(tokenizer, ["각", "가"])
    assert said(speaker.generate("가", Options(sampling=GREEDY))) == "가"
    without = speaker.generate("가", Options(sampling=GREEDY, heal=False))
    assert without.opening == ""


# Characters as they come.


class Scripted(ByHeart):
    """Says given ids whatever it reads."""

    def __init__(self, script: list[int], n_ids: int, eos: int) -> None:
        super().__init__([], n_ids, eos)
        self._script = iter(script)

    def forward(self, inputs: Tensor, cache: SimpleNamespace | None = None) -> Tensor:
        out = torch.zeros(*inputs.shape, self.config.vocab_size)
        out[0, -1, next(self._script)] = 50.0
        return out


def streamed(tokenizer: Tokenizer, ids: list[int], **options: object) -> Iterator[str]:
    model = Scripted(ids, tokenizer.n_ids, tokenizer.special_tokens["<|endoftext|>"])
    return (step.text for step in Speaker(model, tokenizer).generate("", Options(sampling=GREEDY, **options)))  # type: ignore[arg-type]


def bytes_of(tokenizer: Tokenizer, text: bytes) -> list[int]:
    return tokenizer.encode(text, dropout=1.0)


def test_characters_come_whole(tokenizer: Tokenizer) -> None:
    ids = bytes_of(tokenizer, "가a漢".encode())
    assert list(streamed(tokenizer, ids, n_bytes=7)) == ["", "", "가", "a", "", "", "漢"]


def test_a_character_that_broke_off(tokenizer: Tokenizer) -> None:
    eos = tokenizer.special_tokens["<|endoftext|>"]
    ids = bytes_of(tokenizer, b"\xea\xb0a\xea")
    # a follows where a third byte had to: now it is known that the first two are no character
    assert list(streamed(tokenizer, [*ids, eos])) == ["", "", "\ufffda", "", "\ufffd"]
    # stopped by the bound, not by the model: what is not whole is left out
    assert list(streamed(tokenizer, ids, n_bytes=4)) == ["", "", "\ufffda", ""]


def test_a_syllable_waits_for_its_coda() -> None:
    tokenizer = train(texts=["각 가"], vocab_size=324, unit="jamo", special_tokens=["<|endoftext|>"])
    eos = tokenizer.special_tokens["<|endoftext|>"]
    ids = bytes_of(tokenizer, "각가".encode())
    assert list(streamed(tokenizer, [*ids, eos])) == ["", "", "각", "", "", "가"]
    assert list(streamed(tokenizer, ids, n_bytes=None, n_tokens=5)) == ["", "", "각", "", "가"]


def test_the_end_of_text_ends_or_begins_anew(tokenizer: Tokenizer) -> None:
    eos = tokenizer.special_tokens["<|endoftext|>"]
    script = [tokenizer.encode("a")[0], eos, tokenizer.encode("b")[0]]
    assert list(streamed(tokenizer, script)) == ["a", ""]
    assert list(streamed(tokenizer, script, n_bytes=2, stops=False)) == ["a", "", "b"]


def test_only_what_text_is_made_of_is_said() -> None:
    tokenizer = train(texts=TEXTS, vocab_size=300, special_tokens=["<|endoftext|>", "<|pad|>"])
    speaker = Speaker(small(tokenizer), tokenizer)
    assert int((~speaker.sayable).sum()) == 1
    assert not speaker.sayable[tokenizer.special_tokens["<|pad|>"]]


# The end of the context.


@pytest.mark.parametrize("position", TABLES)
def test_learned_positions_do_not_roll(tokenizer: Tokenizer, position: str) -> None:
    speaker = Speaker(small(tokenizer, 64, position=position), tokenizer)
    message = rf"a text of 106 bytes goes beyond the 64 for which this model learned positions \({position}\)"
    with pytest.raises(ArgumentError, match=message) as caught:
        speaker.generate("오늘", Options(n_bytes=100))
    assert "--truncate left" in str(caught.value.hint)
    text = speaker.generate("오늘", Options(n_bytes=200, beyond="left", stops=False))
    list(text)
    assert len(text.new_bytes) >= 200
    with pytest.raises(ArgumentError, match="goes beyond the 64"):
        list(speaker.generate("오늘", Options(n_bytes=None, n_tokens=400, seed=1, stops=False)))


def test_the_end_is_cropped_or_the_text_ends(tokenizer: Tokenizer) -> None:
    speaker = Speaker(small(tokenizer, 64), tokenizer)
    prompt = "가" * 30
    cropped = speaker.generate(prompt, Options(n_bytes=20, beyond="right"))
    assert cropped.prompt == ("가" * 14).encode()  # 64 - 20 = 44 bytes hold 14 syllables
    with pytest.raises(ArgumentError, match="the prompt has 90 bytes, the model's context 64"):
        speaker.generate(prompt, Options(beyond="stop"))
    short = speaker.generate("가", Options(beyond="stop", stops=False))
    list(short)
    assert 64 <= len(short.data) < 64 + 30
    for beyond in ("rolling", "left"):
        long = speaker.generate(prompt, Options(n_bytes=100, beyond=beyond, stops=False))  # type: ignore[arg-type]
        list(long)
        assert long.data.startswith(prompt.encode()) and len(long.new_bytes) >= 100


def test_what_is_seen_fits_the_context(tokenizer: Tokenizer) -> None:
    """As windows have it: tokens that begin within C bytes, after the one before them."""
    speaker = Speaker(small(tokenizer, 48), tokenizer)
    for beyond in ("rolling", "left"):
        text = speaker.generate("오늘 날씨가 정말 좋습니다", Options(n_bytes=300, beyond=beyond))  # type: ignore[arg-type]
        for _ in text:
            seen = text._context
            assert seen.n_bytes < 48 or text.finished
            assert len(seen._tokens) == len(seen._sizes) <= 49


def test_bad_values(tokenizer: Tokenizer) -> None:
    model = small(tokenizer)
    for options, message in [
        ({"n_bytes": 0}, "n_bytes must be at least 1, got 0"),
        ({"n_bytes": None}, "neither n_bytes nor n_tokens"),
        ({"n_tokens": -1}, "n_tokens must be at least 1, got -1"),
        ({"beyond": "up"}, "beyond must be one of rolling, left, right, stop, got 'up'"),
        ({"seed": -1}, "seed must be from 0"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            Options(**options)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="the model has 400 tokens, the tokenizer 350"):
        Speaker(model, tokenizer_of("byte", 350))
    with pytest.raises(ArgumentError, match="sees both ways"):
        Speaker(small(tokenizer, mask="two-way"), tokenizer)


def test_a_tokenizer_without_end_of_text() -> None:
    tokenizer = train(texts=TEXTS, vocab_size=300, special_tokens=[])
    model = GPT(Config(vocab_size=301, n_layers=1, n_heads=2, d_model=16))
    speaker = Speaker(model, tokenizer)
    assert speaker.eos == 300
    assert said(speaker.generate("오늘", Options(n_bytes=20))).startswith("오늘")


def test_a_model_that_learned_two_texts_says_them() -> None:
    """The whole way, with a real model: a few seconds of training on two texts, then a prompt of every ninth byte."""
    tokenizer = tokenizer_of("byte", 500)
    torch.manual_seed(0)
    shape = {"n_layers": 2, "n_heads": 2, "d_model": 64}
    n = tokenizer.n_ids
    model = GPT(Config(vocab_size=n, context_bytes=256, **shape), embedding_keys(tokenizer, n))  # type: ignore[arg-type]
    eos = tokenizer.special_tokens["<|endoftext|>"]
    rows = [torch.tensor([[eos, *tokenizer.encode(text), eos]]) for text in TEXTS[:2]]
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(30):
        for row in rows:
            logits = model.logits(model(row[:, :-1]))[0]
            nn.functional.cross_entropy(logits, row[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad()
    speaker = Speaker(model, tokenizer)
    for text in TEXTS[:2]:
        for cut in range(4, len(text.encode()), 9):
            generation = speaker.generate(text.encode()[:cut], Options(sampling=GREEDY))
            assert said(generation) == text and generation.ended


def test_steps_are_lazy(tokenizer: Tokenizer) -> None:
    text = generate(small(tokenizer), tokenizer, "오늘", n_bytes=10_000)
    assert len(list(islice(text, 3))) == 3 and text.n_new_tokens == 3
