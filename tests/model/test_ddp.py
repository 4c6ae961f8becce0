"""Several processes train the model that one would have trained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small import shards, trainer, weights

from bpe_lab.shards import Shards
from bpe_lab_model.checkpoint import load

RANK = """
import sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
from small import trainer
from bpe_lab.shards import Shards
from bpe_lab_model import devices
with devices.joined() as world:
    one = trainer(Shards.open(sys.argv[2]), Path(sys.argv[3]), world=world, max_tokens=200, device="cpu",
                  shape={"dropout_residual": 0.0})
    one.run()
    torch.save([p.detach() for p in one.model.parameters()], Path(sys.argv[3]).with_name(f"rank{world.rank}.pt"))
"""


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return shards(tmp_path_factory.mktemp("shards") / "small")


def launch(n: int, *words: str) -> None:
    """Start n processes as torchrun does, and wait for them."""
    here = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, *words],
            env={**here, "RANK": str(r), "LOCAL_RANK": str(r), "WORLD_SIZE": str(n)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for r in range(n)
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def _free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_two_processes_equal_one(text: Shards, tmp_path: Path) -> None:
    alone = trainer(text, tmp_path / "alone", shape={"dropout_residual": 0.0})
    alone.run()
    launch(2, "-c", RANK, str(Path(__file__).parent), str(text.folder), str(tmp_path / "both"))
    logs = [(tmp_path / run / "log.jsonl").read_text().splitlines() for run in ("alone", "both")]
    rows = [[json.loads(line) for line in log] for log in logs]
    for name in ("bytes", "tokens", "flops", "lr"):
        assert [row[name] for row in rows[0]] == [row[name] for row in rows[1]], name
    nats = [[row["step_nats"] for row in run] for run in rows]
    assert nats[1] == pytest.approx(nats[0], rel=1e-5)
    first, second = (torch.load(tmp_path / f"rank{r}.pt") for r in (0, 1))
    for a, b, c in zip(alone.model.parameters(), first, second, strict=True):
        assert torch.equal(b, c)
        torch.testing.assert_close(a, b, rtol=1e-3, atol=2e-5)
    saved = load(tmp_path / "both")
    assert saved.state["world"] == 2
    assert weights(alone).keys() == _moments(saved, alone)


def _moments(saved: object, like: object) -> set[str]:
    """Return the names of what a checkpoint brings back."""
    like.resume(saved)  # type: ignore[attr-defined]
    return set(weights(like))  # type: ignore[arg-type]
