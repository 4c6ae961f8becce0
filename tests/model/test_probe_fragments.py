"""The probe of fragments: where it looks, what it hears, and figures known by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bpe_lab
from bpe_lab import sample
from bpe_lab.cli import main
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import ArgumentError, CorpusError
from bpe_lab.shards import ShardSplit, encode_split, write_shards
from bpe_lab_model import checkpoint
from bpe_lab_model.bpb import Layout
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.probes import fragments as probe
from bpe_lab_model.windows import IGNORE, WindowIndex

TEXTS = [d.text[:500] for d in sample.documents("ko")[:30]]
C = 96


def case(unit: str, vocab: int, texts: list[str] = TEXTS, **config: Any) -> tuple[GPT, ShardSplit, Ours]:
    candidate = Ours(unit, bpe_lab.train(texts=TEXTS, vocab_size=vocab, unit=unit))
    split = encode_split(candidate, [text.encode() for text in texts], name="validation")
    shape = {"context_bytes": C, "n_layers": 2, "n_heads": 2, "d_model": 32, **config}
    return GPT(Config(split.vocab_size, **shape)), split, candidate


def states_of(split: ShardSplit, texts: list[str]) -> list[tuple[int, str]]:
    found, _ = probe.broken(Layout.of(split), [text.encode() for text in texts])
    return list(zip(found.place.tolist(), map(chr, found.syllable.tolist()), strict=True))


def test_states_of_bytes_stand_after_each_byte_of_each_syllable() -> None:
    _, split, _ = case("byte", 257, ["a가 ㅋ", "값"])
    assert states_of(split, ["a가 ㅋ", "값"]) == [(1, "가"), (2, "가"), (3, "가"), (1, "값"), (2, "값"), (3, "값")]


def test_states_of_jamo_stand_after_onset_vowel_and_coda() -> None:
    # 가 is two jamo, of one and two bytes; 값 is three of one byte each.
    candidate = Ours("jamo", bpe_lab.train(texts=["a"], vocab_size=400, unit="jamo"))
    split = encode_split(candidate, ["가값".encode()], name="validation")
    assert states_of(split, ["가값"]) == [(1, "가"), (3, "가"), (1, "값"), (2, "값"), (3, "값")]


def test_syllables_that_are_whole_tokens_have_no_states() -> None:
    _, split, _ = case("syllable", 2700, ["나는 밥을 먹고"])
    assert states_of(split, ["나는 밥을 먹고"]) == []


@pytest.mark.parametrize(("unit", "vocab"), [("byte", 257), ("byte", 700), ("jamo", 500), ("jamo:filler", 500)])
def test_states_equal_those_found_a_token_at_a_time(unit: str, vocab: int) -> None:
    _, split, candidate = case(unit, vocab)
    expected = []
    for text in TEXTS:
        _, ends, _ = candidate.encode_ends([text.encode()])
        begin = 0
        spans, at = {}, 0  # byte -> (first byte of its syllable, syllable)
        for char in text:
            n = len(char.encode())
            if "가" <= char <= "힣":
                spans |= {at + k: (at, char) for k in range(n)}
            at += n
        for end in ends.tolist():
            if end > begin and end - 1 in spans:
                start, char = spans[end - 1]
                place = end - start
                if place < 3 or begin > start:
                    expected.append((place, char))
            begin = end
    assert states_of(split, TEXTS) == expected


def test_hooks_hear_what_the_blocks_say_and_leave_nothing_behind() -> None:
    model, split, _ = case("byte", 400)
    slots = np.arange(0, split.n_tokens + split.n_documents, 3)
    found = probe.hidden_states(model, split, slots, max_tokens=300)  # (layers + 1, N, width)
    index = WindowIndex(split, split.eos, C, evaluation=True)
    n_seen = 0
    with torch.no_grad():
        for i in range(len(index)):
            window = index.window(i)
            inputs, targets = index.row(i)
            x = model.eval().embedding[torch.from_numpy(inputs)][None]  # (1, T, d)
            base = int(split.token_offsets[window.document]) + window.document + window.first
            assert model.norm(run_blocks(model, x)[-1]).allclose(model(torch.from_numpy(inputs)[None]), atol=1e-5)
            for layer, states in enumerate(run_blocks(model, x)):
                for t in np.flatnonzero(targets != IGNORE).tolist():
                    if (base + t) % 3 == 0:
                        n_seen += 1
                        assert found[layer, (base + t) // 3].allclose(states[0, t], atol=1e-5)
            if n_seen > 600:
                break
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def run_blocks(model: GPT, x: torch.Tensor) -> list[torch.Tensor]:
    """Return what each block says, the embedding first, from the blocks themselves."""
    from bpe_lab_model.masks import Mask

    angles = model.position.angles(torch.arange(x.shape[1])[None])
    found = [x]
    for block in model.blocks:
        found.append(block(found[-1], angles, Mask(None, True), None))
    return found


def test_looking_up_by_hand() -> None:
    # Training: key 0 has classes 0 0 1, key 1 has 2. Counts + 1 of all: 3 2 2 of 7.
    labels, keys = np.array([0, 0, 1, 2, 0, 2, 1]), np.array([0, 0, 0, 1, 0, 1, 2])
    accuracy, bits = probe.looked_up(labels, keys, np.arange(4), np.array([4, 5, 6]), 3)
    # Test: key 0 says 0 with (2 + 3/7) / 4, key 1 says 2 with (1 + 2/7) / 2, key 2 was never seen and says 0: wrong,
    # with 2/7 for class 1.
    right = [(2 + 3 / 7) / 4, (1 + 2 / 7) / 2, 2 / 7]
    assert accuracy == pytest.approx(2 / 3)
    assert bits == pytest.approx(-np.log2(right).mean())


def test_a_probe_tells_what_is_there_and_nothing_of_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 5, (900,), generator=generator)
    noise = torch.randn(900, 8, generator=generator)
    shown = noise.clone()
    shown[:, :5] += 6 * torch.nn.functional.one_hot(y, 5)
    told, bits = probe.probed(shown[:600], y[:600], shown[600:], y[600:], 5)
    assert told > 0.98 and bits < 0.3
    told, bits = probe.probed(noise[:600], y[:600], noise[600:], y[600:], 5)
    assert told < 0.32 and bits == pytest.approx(np.log2(5), abs=0.15)


def test_the_embedding_of_the_last_byte_knows_what_that_byte_says() -> None:
    # With bytes, layer 0 holds the last byte alone. After all three bytes it knows less than the bytes together, and a
    # syllable that its last byte alone gives away is told.
    model, split, candidate = case("byte", 257, init_std=1.0)
    found = probe.fragments(model, split, candidate, n_syllables=20)
    assert found.n_broken == found.n_syllables == sum("가" <= c <= "힣" for text in TEXTS for c in text)
    rows = {(row.place, row.source): row for row in found.rows}
    assert {place for place, _ in rows} == {1, 2, 3}
    assert {source for _, source in rows} == {"nothing", "bytes", "0", "1", "2"}
    assert rows[3, "bytes"].accuracy == 1 and rows[3, "bytes"].bits < 0.6
    assert rows[1, "nothing"].accuracy <= rows[2, "bytes"].accuracy < 1
    assert rows[3, "nothing"].accuracy < rows[3, "0"].accuracy < 1
    assert found.chance == 1 / 20 and len(found.syllables) == 20
    assert set(found.bits_of_place) == {"outside", "first", "second", "third"}


def test_training_and_test_share_no_document() -> None:
    # The same document many times has one hash, so all of it is on one side, and there is nothing to judge by.
    model, split, candidate = case("byte", 257, [TEXTS[0]] * 6)
    assert probe.fragments(model, split, candidate).rows == ()


def test_no_more_states_are_taken_than_are_told_of() -> None:
    model, split, candidate = case("byte", 257)
    found = probe.fragments(model, split, candidate, n_syllables=20, most_states=60)
    assert {sum(counts) for counts in found.n_states.values()} == {60}
    # Too few to fit or to judge: that is said, and nothing is fitted to them.
    assert probe.fragments(model, split, candidate, n_syllables=20, most_states=1).rows == ()
    with pytest.raises(ArgumentError, match="fewer than 2 syllables, got 1"):
        probe.fragments(model, split, candidate, n_syllables=1)


def test_a_text_without_hangul_is_told_as_such() -> None:
    model, split, candidate = case("byte", 300, ["no syllable here"])
    with pytest.raises(CorpusError, match="no Hangul syllable"):
        probe.fragments(model, split, candidate)


# -- the command


def saved(folder: Path, unit: str, vocab: int) -> None:
    model, _, candidate = case(unit, vocab, n_layers=1, d_model=16)
    texts = ["".join(char for char in text if _in_ks_x_1001(char)).encode() for text in TEXTS]
    shards = write_shards(folder / "shards", candidate, {"train": texts[10:], "validation": texts[:20]})
    about = {"fingerprint": shards.fingerprint, "name": unit}
    checkpoint.save(folder / "run", model, None, {"tokenizer": about}, shards.tokenizer_path)


def _in_ks_x_1001(char: str) -> bool:
    """Tell whether unit `syllable` has an atom for it, where it is Hangul: EUC-KR spells the others in eight bytes."""
    return len(char.encode("euc-kr", "ignore")) in (1, 2)


def test_the_command_prints_every_layer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, "byte", 300)
    words = ["lm", "probe", "fragments", str(tmp_path / "run"), "--shards", str(tmp_path / "shards")]
    assert main([*words, "--syllables", "10"]) == 0
    said = capfd.readouterr().out
    for part in ("cut by the edge of a token", "chance among them: 0.100", "its bytes so far", "layer 1", "2nd byte"):
        assert part in said
    assert main([*words, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["broken"] > 0 and {row["told_from"] for row in found["rows"]} == {"nothing", "bytes", "0", "1"}


def test_the_command_says_where_tokens_are_whole_syllables(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, "syllable", 2700)
    assert main(["lm", "probe", "fragments", str(tmp_path / "run"), "--shards", str(tmp_path / "shards")]) == 0
    said, talk = capfd.readouterr()
    assert "0 of them (0.0 %) cut" in said and "told from" not in said
    assert "there is nothing to probe" in talk and "unit=jamo" in talk
