"""Neighbours in the embedding table: cosines by hand, ranges of random pairs, stages of a run, the map and its page."""

import hashlib
import json
import math
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small
import torch

from bpe_lab.cli import main
from bpe_lab.cli.app import build_parser
from bpe_lab.cli.exits import Exit
from bpe_lab_model import checkpoint
from bpe_lab_model.cli.probes.retraining import command
from bpe_lab_model.probes import neighbours as probe

RANDOM = np.random.default_rng(7).standard_normal((200, 16)).astype(np.float32)
EVERY = np.arange(200)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards and a run of ten steps, a checkpoint each."""
    folder = tmp_path_factory.mktemp("neighbours")
    torch.set_num_threads(1)
    of = small.shards(folder / "shards")
    trainer = small.trainer(of, folder / "run", save_every_bytes=600)
    torch.save(trainer.model.embedding.detach(), folder / "start.pt")
    trainer.run()
    return folder


@pytest.fixture
def run(place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(place)

    def call(*words: object, code: int = 0) -> tuple[str, str]:
        capfd.readouterr()
        assert main(["lm", "probe", "neighbours", *map(str, words)]) == code
        return capfd.readouterr()

    return call


# Cosines.


def test_cosines_by_hand() -> None:
    """(3, 4) and (4, 3) both have length 5: cosine 24/25. A row of zeros has no direction."""
    table = np.array([[3, 4], [4, 3], [-6, -8], [0, 0]], np.float32)
    assert probe.cosine(table[0], table[1]) == pytest.approx(0.96)
    assert probe.cosine(table[0], table[2]) == pytest.approx(-1)
    assert probe.cosine(table[0], table[3]) == 0
    assert probe.vector(table, [0, 1]).tolist() == [3.5, 3.5]


def test_nearest_is_what_a_loop_over_all_tokens_finds() -> None:
    for ids in ([3], [5, 9], [5, 5, 1]):
        word = RANDOM[ids].mean(0)
        slow = sorted(
            (
                (float(r @ word / math.sqrt(float(r @ r) * float(word @ word))), i)
                for i, r in enumerate(RANDOM)
                if i not in ids
            ),
            reverse=True,
        )[:4]
        fast = probe.nearest(RANDOM, EVERY, ids, 4)
        assert [i for i, _ in fast] == [i for _, i in slow]
        assert [c for _, c in fast] == pytest.approx([c for c, _ in slow], abs=1e-6)


def test_random_pairs_are_centred_and_as_wide_as_the_table_is_narrow() -> None:
    """Cosines of random directions in d dimensions have mean 0 and deviation 1 / sqrt(d): here 1/4."""
    found = probe.random_tokens(RANDOM, EVERY)
    assert abs(found.mean) < 0.03
    assert found.low == pytest.approx(-1.96 / 4, abs=0.06) and found.high == pytest.approx(1.96 / 4, abs=0.06)


def test_a_shared_token_is_in_the_range_too() -> None:
    """Two words of two tokens that share one: the cosine of (x + a) with (x + b) is about 1/2 by chance alone."""
    assert probe.random_range(RANDOM, EVERY, [0, 1], [0, 2]).mean == pytest.approx(0.5, abs=0.03)
    assert abs(probe.random_range(RANDOM, EVERY, [0, 1], [2, 3]).mean) < 0.03
    same = probe.random_range(RANDOM, EVERY, [0, 1], [1, 0])
    assert same.low == pytest.approx(1, abs=1e-5)


def test_random_words_are_as_common_as_those_asked_about() -> None:
    """Here the 50 commonest tokens lie together: so do their random pairs, and those of rare tokens do not."""
    table = RANDOM.copy()
    table[:50] += 5
    common, rare = (probe.random_range(table, EVERY, [a], [b]) for a, b in ((3, 9), (150, 190)))
    assert common.low > 0.8 and rare.high < 0.6
    assert abs(probe.random_tokens(table, EVERY).mean) < 0.15 < common.mean


def test_random_words_never_draw_a_token_twice() -> None:
    drawn = probe._drawn(np.array([0, 1, 0]), np.array([3, 3, 3]), seed=0)
    assert (np.sort(drawn, 1) == [0, 1, 2]).all() and len({tuple(row) for row in drawn.tolist()}) == 4
    with pytest.raises(probe.ArgumentError, match="need at least 8 to draw from, got 7"):
        probe.random_range(RANDOM, np.arange(7), [0, 1], [2, 3])
    assert probe.random_range(RANDOM, np.arange(8), [0, 1], [2, 199]).high < 1


def test_random_words_of_many_tokens_are_drawn_soon() -> None:
    """A row of 200 different ranks out of 400 comes once in 10^30: rows drawn whole would never be done."""
    drawn = probe._drawn(np.zeros(200, np.int64), np.full(200, 400), 0)
    assert all(len(set(row)) == 200 for row in drawn[:50].tolist())


def test_a_centred_stage_has_nothing_in_common() -> None:
    stage = probe.centred(probe.Stage(1.0, 10, RANDOM + 5), EVERY[:100])
    assert np.abs(stage.table[:100].mean(0)).max() < 1e-5 < 0.1 < np.abs(stage.table[100:].mean(0)).max()


# The stages of a run.


def test_the_start_is_made_anew_bit_for_bit(place: Path) -> None:
    loaded = checkpoint.load(place / "run")
    model = probe.at_start(loaded, small.Shards.open(place / "shards").load_candidate())
    assert torch.equal(model.embedding, torch.load(place / "start.pt"))
    assert not torch.equal(model.embedding, loaded.model.embedding)


def test_checkpoints_nearest_by_ratio(place: Path) -> None:
    """Of 6,000 bytes in steps of about 600: 1, 3 and 10 % are all nearest to the first, and 10 % is its best name."""
    choices, total = probe.chosen(place / "run")
    assert total == 6000 and [choice.share for choice in choices] == [0.0, 0.1, 0.3, 1.0]
    assert choices[0].folder is None and [c.n_bytes for c in choices[1:]] == sorted(c.n_bytes for c in choices[1:])
    for choice in choices[1:]:
        assert abs(math.log(choice.n_bytes / (choice.share * total))) < math.log(1.5)
    assert probe.missing(choices, total) == [0.01, 0.03]
    alone, _ = probe.chosen(choices[1].folder or place)
    assert [choice.n_bytes for choice in alone] == [0, choices[1].n_bytes]


def test_a_run_that_went_on_from_another_has_no_start(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run", symlinks=True)
    (tmp_path / "run" / "run.run.json").write_text('{"training": {"came_from": "other"}}', encoding="utf-8")
    choices, _ = probe.chosen(tmp_path / "run")
    assert choices[0].folder is not None and probe.continued(choices[0].folder)
    assert not probe.continued(place / "run")


def test_the_command_that_keeps_checkpoints_parses_and_names_what_is_unusual(place: Path) -> None:
    words = shlex.split(command(checkpoint.load(place / "run"), "shards", "new", 60))
    args = build_parser(words[1:]).parse_args(words[1:])
    assert (args.save_every_bytes, args.total_bytes, args.d_model, args.lr) == (60, 6000, 16, 1e-2)
    assert args.preset is None and args.position is None and args.dropout == 0.1


def test_the_command_of_a_run_that_went_on_goes_on_too(place: Path) -> None:
    before = {"came_from": "other", "new_rows": "mean"}
    words = shlex.split(command(checkpoint.load(place / "run"), "shards", "new", 60, before))
    args = build_parser(words[1:]).parse_args(words[1:])
    assert (args.came_from, args.new_rows, args.total_bytes, args.lr) == ("other", "mean", 6000, 1e-2)
    assert args.d_model is None and args.head is None  # which --from refuses


def test_a_model_that_says_nothing_of_its_training_is_shown_alone(run: Any, place: Path, tmp_path: Path) -> None:
    """As `lm finetune` saves one: there was `0 %` twice, and `no checkpoint near 3 % of 1 bytes`."""
    loaded = checkpoint.load(place / "run")
    about = {"tokenizer": loaded.state["tokenizer"]}
    checkpoint.save(tmp_path / "tuned", loaded.model, None, about, loaded.tokenizer_path)
    said, talk = run(str(tmp_path / "tuned"), "--words", "오늘,친구")
    assert "shown as it is and alone" in talk and "no checkpoint near" not in talk
    assert "100 %" in said and "  0 %" not in said


def test_words_stand_after_a_space_where_that_is_no_longer(place: Path) -> None:
    candidate = small.Shards.open(place / "shards").load_candidate()
    found = probe.word(" 오늘 ", candidate)
    assert candidate.decode(found.ids) == found.spelling.encode() and found.spelling.strip() == "오늘"
    bare, spaced = (len(candidate.encode_ends([text.encode()])[0]) for text in ("오늘", " 오늘"))
    assert len(found.ids) == min(bare, spaced) and (found.spelling[0] == " ") == (spaced <= bare)


def test_counts_leave_out_what_the_text_never_has(place: Path) -> None:
    shards = small.Shards.open(place / "shards")
    counts = probe.counted(shards, shards.vocab_size)
    assert counts.sum() == shards.split("train").n_tokens
    ids = probe.pool(shards.load_candidate(), counts)
    assert (counts[ids] > 0).all() and (np.diff(counts[ids]) <= 0).all()
    without = probe.pool(shards.load_candidate())
    assert set(ids) < set(without) and shards.eos not in without


# The map.


def test_the_map_of_points_on_a_plane_is_that_plane() -> None:
    """Directions within two of 16 dimensions: the two axes show all of their spread, and distances are kept."""
    flat = np.zeros((50, 16), np.float32)
    angles = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    flat[:, 3], flat[:, 8] = np.cos(angles), 2 * np.sin(angles)
    stage = probe.Stage(0.0, 0, flat)
    found = probe.atlas([stage, stage], np.arange(50))
    assert found.shown == pytest.approx((1, 1)) and (found.points[0] == found.points[1]).all()
    units = probe.unit(flat)
    true, drawn = (np.linalg.norm(p[:, None] - p, axis=-1) for p in (units, found.points[0]))
    assert np.allclose(true, drawn, atol=1e-5)


def test_the_map_is_a_projection_on_the_same_axes_at_every_stage() -> None:
    words = [probe.Word("a b", " a b", (3, 4))]
    found = probe.atlas([probe.Stage(0.0, 0, RANDOM), probe.Stage(1.0, 9, RANDOM * 2 + 1)], EVERY[:60], words, 3)
    assert found.points.shape == (2, 61, 2) and found.neighbours.shape == (2, 61, 3)
    assert found.common[0] < 0.3 < found.common[1]  # what was added to all rows is the common direction
    for at, table in enumerate((RANDOM, RANDOM * 2 + 1)):
        units = np.concatenate([probe.unit(table[:60]), probe.unit(table[[3, 4]].mean(0)[None])])
        flat, true = (np.linalg.norm(p[:, None] - p, axis=-1) for p in (found.points[at], units))
        assert (flat <= true + 1e-6).all()
        assert not {3, 4} & set(found.neighbours[at, 60].tolist())  # not the tokens that a word is made of
        for place in (0, 17):
            assert [i for i, _ in probe.nearest(table, EVERY[:60], [place], 3)] == found.neighbours[at, place].tolist()


def test_groups() -> None:
    rows = {
        " 사과": "hangul",
        "ㅋㅋ": "hangul",
        "the": "latin",
        "é": "latin",
        "\n": "signs",
        "3.": "signs",
        "學": "other",
    }
    assert {text: probe.group(text.encode()) for text in rows} == rows
    assert probe.group("사".encode()[:2]) == "pieces"


# The command.


def test_it_prints_cosines_beside_random_pairs(run: Any) -> None:
    said, talk = run("run", "--words", "오늘,친구,선생님", "--shards", "shards")
    assert "오늘" in said and "random tokens: mean" in said and "nearest to" in said
    assert "no checkpoint near 1, 3 % of 6,000 bytes" in talk
    hint = re.search(r"this keeps them: (.*)", talk)
    assert hint and build_parser(["lm"]).parse_args(shlex.split(hint[1])[1:]).save_every_bytes == 60


def test_json_says_what_the_tables_hold(run: Any, place: Path) -> None:
    said, _ = run("run", "--words", "오늘,친구", "--json", "-q", "--shards", "shards")
    data = json.loads(said)
    assert data["stages"][0]["bytes"] == 0 and data["only_tokens_of_the_text"]
    ids = [word["ids"] for word in data["words"]]
    table = torch.load(place / "start.pt").numpy()
    expected = probe.cosine(*(probe.vector(table, its) for its in ids))
    (pair,) = data["stages"][0]["cosines"]
    assert pair["cosine"] == pytest.approx(expected, abs=1e-6) and pair["random"]["low"] < pair["random"]["high"]
    assert all(word["is_mean"] == (len(word["ids"]) > 1) for word in data["words"])
    centred = json.loads(run("run", "--words", "오늘,친구", "--json", "-q", "--centre")[0])
    assert centred["stages"][0]["cosines"][0]["cosine"] != pair["cosine"]


def test_a_probe_changes_nothing(run: Any, place: Path) -> None:
    def digest() -> str:
        files = sorted(path for path in (place / "run").rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    before = digest()
    run("run", "--words", "오늘,친구", "--json", "-q")
    assert digest() == before


def test_the_page_needs_nothing_beside_it(run: Any, tmp_path: Path) -> None:
    page = tmp_path / "map.html"
    run("run", "--html", page, "--words", "오늘,</script><b>", "--tokens", 50, "-q", "--json")
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text) and "default-src 'none'" in text
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    found = json.loads(data)
    assert len(found["tokens"]) == 50 and len(found["stages"]) == len(found["random"]) == 4
    assert found["asked"][1]["text"] == "</script><b>" and text.count("</script>") == 2
    assert {len(stage["xy"]) for stage in found["stages"]} == {52}
    for words in found["words"].values():
        assert set(words) == {"en", "ko"}
    run("run", "--html", page, "-q", "--json", code=Exit.INPUT)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run"], Exit.USAGE, "which words? none was given"),
        (["run", "--words", ",".join(map(str, range(13)))], Exit.USAGE, "at most 12 words, got 13"),
        (["run", "--words", "오늘,친구", "--tokens", "9"], Exit.USAGE, "none is drawn"),
        (["run", "--words", "오늘,\udced\udca0"], Exit.USAGE, "a word is no UTF-8"),
        (["nowhere", "--words", "오늘,친구"], Exit.INPUT, "holds no checkpoint"),
    ],
)
def test_what_it_refuses(run: Any, words: list[str], code: int, message: str) -> None:
    assert message in run(*words, code=code)[1]
