"""Attention made again: rows sum to 1, the future is zero, weights x values is what the model gave; reach by hand."""

import base64
import json
import math
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch
from torch import Tensor

from bpe_lab.cli import main
from bpe_lab.cli.exits import Exit
from bpe_lab_model import checkpoint
from bpe_lab_model.cli.probes.attention import View, shaded
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.positions import POSITIONS
from bpe_lab_model.probes import attention as probe

IDS = torch.randint(300, (2, 12), generator=torch.Generator().manual_seed(0))
SEGMENTS = torch.tensor([[0] * 5 + [1] * 7, [0] * 9 + [1] * 3])


def model(position: str = "learned", mask: str = "causal") -> GPT:
    """Return a model far from its start, so that attention is not even."""
    shape = {"context_bytes": 64, "n_layers": 2, "n_heads": 2, "d_model": 16, "bias": True, "init_std": 0.4}
    made = GPT(Config(vocab_size=300, position=position, mask=mask, **shape))  # type: ignore[arg-type]
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name != "embedding" and parameter.dim() == 2:
                parameter.copy_(0.4 * torch.randn(parameter.shape, generator=draws))
    return made.eval()


def given(kind: str) -> tuple[str, dict[str, Tensor], Tensor]:
    """Return a mask's name, what the model is told, and who may see whom: (B, T, T)."""
    causal = torch.ones(2, 12, 12, dtype=torch.bool).tril()
    same = SEGMENTS[:, :, None] == SEGMENTS[:, None]
    source = (torch.arange(12) < torch.tensor([4, 7])[:, None])[:, None]
    return {
        "causal": ("causal", {}, causal),
        "causal, segments": ("causal", {"segments": SEGMENTS}, causal & same),
        "two-way": ("two-way", {}, torch.ones_like(causal)),
        "two-way, segments": ("two-way", {"segments": SEGMENTS}, same),
        "prefix, none": ("prefix", {}, causal),
        "prefix": ("prefix", {"prefix": torch.tensor([4, 7])}, causal | source),
    }[kind]


KINDS = ["causal", "causal, segments", "two-way", "two-way, segments", "prefix, none", "prefix"]


@pytest.mark.parametrize(("position", "kind"), list(product(POSITIONS, KINDS)))
def test_weights_are_those_of_the_model(position: str, kind: str) -> None:
    """In every layer and head: rows sum to 1, hidden tokens have 0, and weights x values is what attention added."""
    mask, told, seen = given(kind)
    of = model(position, mask)
    found = probe.looks(of, IDS, **told)
    assert len(found) == 2
    for block, look in zip(of.blocks, found, strict=True):
        assert look.weights.shape == (2, 2, 12, 12)
        assert torch.allclose(look.weights.sum(-1), torch.ones(2, 2, 12), atol=1e-6)
        assert (look.weights[~seen[:, None].expand_as(look.weights)] == 0).all()
        y = (look.weights @ look.values).transpose(1, 2).reshape(2, 12, -1)
        assert torch.allclose(block.attention.out(y), look.added, atol=1e-5)
    assert (found[0].weights - 1 / 12).abs().max() > 0.2  # not even, or the test would pass for any weights


def test_the_model_goes_on_as_before() -> None:
    of = model("rope")
    before = of(IDS)
    probe.looks(of, IDS)
    assert torch.equal(of(IDS), before)
    assert not any(block.attention._forward_hooks for block in of.blocks)


def test_what_comes_later_changes_no_earlier_look() -> None:
    of, other = model("rope"), IDS.clone()
    other[:, 8:] = (other[:, 8:] + 1) % 300
    for a, b in zip(probe.looks(of, IDS), probe.looks(of, other), strict=True):
        assert torch.equal(a.weights[:, :, :8], b.weights[:, :, :8])
        assert not torch.equal(a.weights[:, :, 8:], b.weights[:, :, 8:])


# Reach.


def test_reach_by_hand() -> None:
    """`start`, a token of 3 bytes and one of 6.

    The first looks at start and itself with 1/2 each: 0 bytes back. The second gives .2, .4, .4: over the text
    (.4 x 3 + .4 x 0) / .8 = 1.5 bytes back. By bytes: (3 x 0 + 6 x 1.5) / 9 = 1; on start (3 x .5 + 6 x .2) / 9 = .3;
    on itself (3 x .5 + 6 x .4) / 9 = 13/30. Evenly: 0 and (3 + 0) / 2, so (6 x 1.5) / 9 = 1.
    """
    weights = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.4, 0.4]]]])
    row = probe.Row([0, 1, 2], np.array([-1, 0, 3]), np.array([0, 3, 6]), None)
    far, evenly, on_start, on_itself = probe._sums(weights, row, causal=True)
    assert [float(part) / 9 for part in (far[0, 0], evenly, on_start[0, 0], on_itself[0, 0])] == pytest.approx(
        [1, 1, 0.3, 13 / 30]
    )


def test_even_heads_reach_evenly(place: Path) -> None:
    """Without queries all logits are 0: each token looks at all it sees, start included, alike."""
    of = checkpoint.load(place / "causal").model.eval()
    with torch.no_grad():
        of.blocks[0].attention.qkv.weight[:16] = 0
    candidate = small.Shards.open(place / "shards").load_candidate()
    found = probe.reach(of, [probe.row("사과와 바나나".encode(), candidate, of, 0, 320)])
    assert found.bytes_back == pytest.approx(np.full((1, 2), found.evenly))


# Texts.


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attention")
    of = small.shards(folder / "shards")
    n = of.vocab_size
    for mask, objective, extra in (("causal", "clm", 0), ("two-way", "mlm", 1), ("prefix", "seq2seq:spans", 2)):
        about = {"fingerprint": of.fingerprint, "vocab_size": n}
        made = small.model(of, mask=mask, vocab_size=n + extra, init_std=0.3)
        state = {"tokenizer": about, "settings": {"objective": objective}}
        checkpoint.save(folder / mask, made, None, state, of.tokenizer_path)
    return folder


TEXT = "사과와 바나나를 먹었다"


def test_rows_of_a_text_and_of_shards_agree(place: Path) -> None:
    """A window of shards is the row of its text, as far as the text lies within the context."""
    shards = small.Shards.open(place / "shards")
    candidate, of = shards.load_candidate(), checkpoint.load(place / "causal").model
    split = shards.split("validation")
    rows = probe.rows_of(split, of, shards.vocab_size, 10**6)
    assert len(rows) == split.n_documents == 2
    for row, text in zip(rows, small.TEXTS[:2], strict=True):
        whole = probe.row(text, candidate, of, shards.eos, shards.vocab_size)
        n = len(row.ids)
        assert row.ids == whole.ids[:n] and row.ids[0] == shards.eos
        assert row.starts.tolist() == whole.starts[:n].tolist() and row.n_bytes.tolist() == whole.n_bytes[:n].tolist()
        assert row.starts[-1] < of.config.context_bytes <= row.starts[-1] + row.n_bytes[-1]
    assert len(probe.rows_of(split, of, shards.vocab_size, 1)) == 1


def shown(capfd: pytest.CaptureFixture[str], *words: object, code: int = 0) -> tuple[str, str]:
    capfd.readouterr()
    assert main(["lm", "probe", "attention", *map(str, words)]) == code
    return capfd.readouterr()


@pytest.mark.parametrize("mask", ["causal", "two-way", "prefix"])
def test_json_has_whole_rows(place: Path, capfd: pytest.CaptureFixture[str], mask: str) -> None:
    said = shown(capfd, place / mask, TEXT, "--layer", 1, "--of", "all", "--json", "-q")[0]
    data = json.loads(said)
    tokens = data["tokens"]
    real = [token for token in tokens if token["start"] is not None]
    assert sum(token["bytes"] for token in real) == len(TEXT.encode()) and data["mask"] == mask
    assert len(tokens) - len(real) == (mask != "two-way")
    assert (tokens[0]["token"] == "⟨start⟩") == (mask == "causal")
    assert len(data["looks"]) == 2 * len(real)
    for look in data["looks"]:
        assert math.fsum(look["weights"]) == pytest.approx(1, abs=1e-5)
        future = look["weights"][look["of"] + 1 :]
        assert (set(future) <= {0.0}) == (mask == "causal" or not future)
    assert np.shape(data["reach"]["bytes_back"]) == (1, 2)


def test_the_table_of_a_pipe(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = shown(capfd, place / "causal", TEXT, "--shards", place / "shards")[0]
    assert "\x1b" not in said and 'seen from "다"' in said and "⟨start⟩" in said
    shares = [float(found) for found in re.findall(r'^ *\d+  ".*" +([0-9.]+) %$', said, re.M)]
    assert len(shares) > 3 and sum(shares) == pytest.approx(100, abs=0.06 * len(shares))
    assert re.search(r"over the held-out text of .*: [0-9,]+ bytes, [0-9,]+ tokens; evenly [0-9.]+ bytes", said)
    by_head = shown(capfd, place / "causal", TEXT, "--head", 2, "--of", "1,3")[0]
    assert by_head.count("layer 1 head 2") == 2 == by_head.count("seen from")


def test_colour_where_it_is_wanted(
    place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    said = shown(capfd, place / "causal", TEXT, "--color", "always")[0]
    assert "\x1b[" in said and "layer 1, seen from" in said
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(capfd, place / "causal", TEXT)[0]
    assert "\x1b" not in shown(capfd, place / "causal", TEXT, "--color", "never")[0]


def test_shades_grow_with_the_share() -> None:
    """Roots of .04, .16, .8 over the root of .8, times 5 and rounded: 1, 2 and 5. The future is dim, without a ground."""
    weights = torch.zeros(4, 4)
    weights[2, :3] = torch.tensor([0.04, 0.16, 0.80])
    found = shaded(View(1, 1, weights), ["가", "나", "다", "라"], 2)
    styles = [str(span.style) for span in found.spans]
    assert ["#dde7fb" in styles[0], "#c2d5fb" in styles[1], "#5c8df6" in styles[2]] == [True] * 3
    assert "bold" in styles[2] and styles[3] == "dim" and found.plain == "가나다라"


def test_the_page_needs_nothing_beside_it(place: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "attention.html"
    shown(capfd, place / "causal", "</script> 사과", "--html", page, "--json", "-q")
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text and not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert text.count("</script>") == 2
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    found = json.loads(data)
    n = len(found["tokens"])
    packed = np.frombuffer(base64.b64decode(found["weights"]), np.uint8).reshape(1, 2, n, n) / 255
    assert (packed**2).sum(-1) == pytest.approx(np.ones((1, 2, n)), abs=0.05)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([TEXT, "--layer", 2], "--layer must be from 1 to 1 for this model, got 2"),
        ([TEXT, "--head", 3], "--head must be from 1 to 2 for this model, got 3"),
        ([TEXT, "--of", "first"], "--of must be last, all, or places from 1 to"),
        ([TEXT, "--of", "99"], "got '99'"),
        (["사과", "배"], "one text was expected, got 2"),
        ([TEXT, "--bytes", "5k"], "how much of --shards"),
        ([""], "the text is empty"),
        (["가" * 12_000], "tokens, at most 7,071 are looked at"),
    ],
)
def test_what_it_refuses(place: Path, capfd: pytest.CaptureFixture[str], words: list[Any], message: str) -> None:
    assert message in shown(capfd, place / "causal", *words, code=Exit.USAGE)[1]
