"""`bpe-lab lm sample`: what is printed, as it is promised."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from bpe_lab import train
from bpe_lab.cli import main
from bpe_lab.compare.candidates import Ours
from bpe_lab.errors import FileError
from bpe_lab.shards import write_shards
from bpe_lab_model import checkpoint
from bpe_lab_model.cli.sampling import _bar, _harmless, folded_cells, side_by_side
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.stages import checkpoints

TEXTS = [
    "오늘 날씨가 정말 좋습니다. 어제는 비가 왔습니다.\n",
    "배송이 빠르고 포장이 꼼꼼해서 좋았습니다!  다시 살게요 ㅋㅋㅋ\n",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two checkpoints of models that learned nothing, and its shards beside it."""
    place = tmp_path_factory.mktemp("run")
    tokenizer = train(texts=TEXTS, vocab_size=400, special_tokens=["<|endoftext|>"])
    tokenizer.save(place / "tokenizer.bpe")
    n = tokenizer.n_ids
    for n_bytes in (1000, 2000):
        shape = {"n_layers": 1, "n_heads": 2, "d_model": 32, "init_std": 0.25, "context_bytes": 128}
        model = GPT(Config(vocab_size=n, seed=n_bytes, **shape), embedding_keys(tokenizer, n))  # type: ignore[arg-type]
        state = {
            "progress": {"bytes": n_bytes, "validation_bpb": 2.5},
            "tokenizer": {"fingerprint": tokenizer.fingerprint, "vocab_size": n, "eos": n - 1},
        }
        (place / "steps").mkdir(exist_ok=True)
        checkpoint.save(place / "steps" / f"{n_bytes:012d}", model, None, state, place / "tokenizer.bpe")
    (place / "latest").symlink_to("steps/000000002000", target_is_directory=True)
    documents = [text.encode() for text in TEXTS]
    write_shards(place / "shards", Ours("ko", tokenizer), {"train": documents[:1], "validation": documents[1:]})
    return place


def out(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert main(["lm", "sample", *map(str, words)]) == code
    return capsys.readouterr().out


def test_the_text_begins_with_the_prompt_and_is_the_same_again(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (run, "오늘 날씨", "--bytes", 60, "-q")
    first = out(capsys, *words)
    assert first.startswith("오늘 날씨") and first == out(capsys, *words)
    assert first == out(capsys, *words, "--no-cache")
    assert first != out(capsys, *words, "--seed", 1)
    several = out(capsys, *words, "--samples", 2)
    assert several.startswith(f"-- seed 0\n{first}\n-- seed 1\n오늘 날씨")


def test_it_is_the_same_text_as_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (run, "오늘 날씨", "--tokens", 12, "-q")
    shown, data = out(capsys, *words), json.loads(out(capsys, *words, "--json"))
    (sample,) = data["samples"]
    assert sample["text"] + "\n" == shown and sample["n_new_tokens"] == len(sample["steps"]) == 12
    assert sample["text"] == "오늘 날씨" + "".join(step["text"] for step in sample["steps"])
    assert bytes.fromhex(sample["bytes"]).startswith("오늘 날씨".encode())
    assert sample["steps"][0]["n_prompt_symbols"] > 0


def test_choices_are_shown_with_the_one_taken(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = out(capsys, run, "오늘", "--tokens", 5, "--show", 3, "-q")
    lines = shown.splitlines()
    assert sum(line.startswith("  >") for line in lines) == 5
    assert "오늘▏  (each also spells the prompt's end, this one its last" in lines[0]
    # Under one head all shares end in the same cell, whatever width the tokens have.
    block = lines[1 : next(n for n, line in enumerate(lines) if line.startswith("  2  "))]
    assert len({cell_len(line[: line.index("%")]) for line in block}) == 1
    greedy = out(capsys, run, "오늘", "--tokens", 5, "--show", 3, "-q", "--greedy").splitlines()
    heads = [n for n, line in enumerate(greedy) if "▏" in line and not line.startswith(("  >", "     "))]
    assert all(greedy[n + 1].startswith("  >") and "100.0 %" in greedy[n + 1] for n in heads[:5])


def test_greedy_beside_sampled(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = out(capsys, run, "오늘", "--compare", "--bytes", 60, "-q", "--no-stop")
    lines = shown.splitlines()
    assert lines[0].split("│")[0].strip() == "greedy" and "temperature 0.8, seed 0" in lines[0]
    assert len({cell_len(line.split("│")[0]) for line in lines}) == 1
    assert lines[2].count("오늘") == 2
    data = json.loads(out(capsys, run, "오늘", "--compare", "--bytes", 60, "--json"))
    assert [column["title"] for column in data["compare"]] == ["greedy", "temperature 0.8, seed 0"]


def test_a_run_tells_its_stages(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "stages.html"
    words = (run, "--report", "--bytes", 80, "--samples", 2, "--shards", run / "shards", "-q")
    lines = out(capsys, *words, "--html", page).splitlines()
    assert lines[0].split() == [
        "bytes",
        "seen",
        "BPB",
        "invalid",
        "UTF-8",
        "distinct-2",
        "copied",
        "what",
        "it",
        "says",
    ]
    assert [line.split()[0] for line in lines[1:3]] == ["1,000", "2,000"]
    assert lines[-1].endswith("0.0 % stands in the training text.")
    assert "<table>" in page.read_text(encoding="utf-8")
    data = json.loads(out(capsys, *words, "--json"))
    for stage in data["stages"]:
        assert len(stage["texts"]) == 2 and 0 < stage["invalid_utf8"] < 1 and stage["copied"] == 0
        assert stage["bpb"] != 2.5  # scored, since there are shards; the state's own says 2.5
    noted = json.loads(out(capsys, run, "--report", "--bytes", 20, "--json", "-q"))
    assert [stage["bpb"] for stage in noted["stages"]] == [2.5, 2.5] and noted["held_out_copied"] is None
    assert noted["stages"][0]["copied"] is None


def test_what_a_text_copies_is_found_in_a_corpus(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the model says is put into the corpus, between other words: then all of it is copied."""
    words = (run, "--report", "--bytes", 90, "--samples", 1, "--greedy", "-q", "--json")
    texts = [t for stage in json.loads(out(capsys, *words))["stages"] for d in stage["texts"] for t in d]
    corpus = tmp_path / "corpus.txt"
    corpus.write_bytes("앞".encode() + "뒤".join(texts).encode())
    found = json.loads(out(capsys, *words, "--corpus", corpus))
    assert {stage["copied"] for stage in found["stages"]} <= {1.0, None}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b"], "one prompt was expected, got 2"),
        (["--show", "--compare"], "--show and --compare are different views"),
        (["--html", "x.html"], "belong to --report"),
        (["--compare", "--greedy"], "--compare sets greedy beside sampled"),
        (["--temperature", "-1"], "temperature must be a number from 0, got -1.0"),
        (["--top-p", "0"], "top_p must be above 0"),
        (["가" * 50, "--truncate", "stop"], "the prompt has 150 bytes, the model's context 128"),
    ],
)
def test_what_is_wrong_is_said(run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lm", "sample", str(run), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_checkpoints(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no checkpoint"):
        checkpoints(tmp_path)


def test_bars_and_folds() -> None:
    assert [_bar(share).rstrip() for share in (0, 0.001, 0.05, 0.5, 1)] == ["", "", "█", "█" * 10, "█" * 20]
    assert _bar(0.025).rstrip() == "▌" and len(_bar(0.3)) == 20
    assert folded_cells("오늘 날씨가\t좋다", 6) == ["오늘 ", "날씨가", " 좋다"]
    columns = [
        {"title": "greedy", "text": "가나다라마바사아자차카", "distinct_2": None},
        {"title": "temperature 1, seed 0", "text": "x\ny", "distinct_2": 1.0},
    ]
    assert list(side_by_side(columns, 43)) == [
        "greedy               │ temperature 1, seed…",
        "──────────────────── │ ────────────────────",
        "가나다라마바사아자차 │ x",
        "카                   │ y",
        "                     │",
        "distinct-2 -         │ distinct-2 1.00",
    ]


def test_a_terminal_is_left_in_peace() -> None:
    assert _harmless("가\x1b[2J\x07나\n\t\x85") == "가\\x1B[2J\\x07나\n\t\\u0085"
