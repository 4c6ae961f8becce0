"""Tokens a second of the companion model beside a plain loop, in interleaved pairs, so that a busy machine slows both.

    python benches/lm_speed.py [--pairs 7] [--steps 4] [--threads 2] [--precision fp32|bf16] [--compile] [--cpu-time]

Shape: 4 layers, width 256, context 256 tokens, vocabulary 8,192, batch 16; learned positions, LayerNorm, GELU, tied
head on both sides. The plain side is benches/plain_loop.py, float32 and eager whatever the options. First it is
checked that both have the same loss at equal weights, and after two steps. Each side is a process of its own, since the
trainer sets how malloc works (bpe_lab_model.memory). With `--cpu-time --threads 1` the ratio is of CPU time, which
other processes disturb least; it leaves out what a second thread changes. Expected without AMX, float32, eager: a
median ratio of at least 1.25 on an idle machine.
"""

import argparse
import json
import statistics
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch
from plain_loop import BATCH, CONTEXT, N_HEADS, N_LAYERS, VOCABULARY, WIDTH, Loop
from torch import Tensor, nn

from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.memory import keep_freed
from bpe_lab_model.optim import adamw
from bpe_lab_model.windows import Batch


class Ours:
    """The companion model with its optimiser; `step` is one update."""

    def __init__(self, plain: Loop, precision: str, compiled: bool) -> None:
        config = Config(
            VOCABULARY, CONTEXT - 1, N_LAYERS, N_HEADS, WIDTH, position="learned", norm="layernorm", bias=False
        )
        self.model = GPT(config)
        with torch.no_grad():
            for mine, other in zip(self.model.parameters(), plain.model.parameters(), strict=True):
                mine.copy_(other)  # both name the same matrices in the same order
        self.optimizer = adamw(self.model, lr=6e-4)
        self.dtype = torch.bfloat16 if precision == "bf16" else None
        if compiled:
            self.model.compile()

    def step(self, inputs: Tensor, targets: Tensor) -> float:
        """Return the mean loss before the update, in nats."""
        with torch.autocast("cpu", self.dtype, enabled=self.dtype is not None):
            loss = self.model.loss(Batch(inputs, targets)) / targets.numel()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())


def batches(n: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Return inputs and targets (B, T) of ids whose frequencies fall as those of words do (Zipf)."""
    g = torch.Generator().manual_seed(seed)
    weights = 1 / torch.arange(1, VOCABULARY + 1)  # (V,)
    ids = torch.multinomial(weights, n * BATCH * (CONTEXT + 1), True, generator=g).view(n, BATCH, CONTEXT + 1)
    return [(rows[:, :-1].contiguous(), rows[:, 1:].contiguous()) for rows in ids]


class Side:
    """A process that trains one of the two models when told to."""

    def __init__(self, is_ours: bool, args: argparse.Namespace) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, is_ours, args), daemon=True)
        self._process.start()

    def train(self, n: int, seed: int) -> tuple[list[float], float]:
        """Take `n` steps; return their losses and the seconds they took."""
        self._connection.send((n, seed))
        losses, seconds = self._connection.recv()
        return losses, seconds

    def end(self) -> None:
        """Let the process end."""
        self._connection.send(None)


def _serve(connection: Connection, is_ours: bool, args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    side = plain = Loop()
    if is_ours:
        keep_freed()
        side = Ours(plain, args.precision, args.compile)
    clock = time.process_time if args.cpu_time else time.perf_counter
    for n, seed in iter(connection.recv, None):
        data = batches(n, seed)
        started = clock()
        losses = [side.step(*batch) for batch in data]
        connection.send((losses, clock() - started))


def check_agreement(plain: Side, ours: Side, tolerance: float) -> float:
    """Raise where the losses differ; return the greatest difference in nats. The first step has equal weights."""
    losses = [side.train(3, seed=0)[0] for side in (plain, ours)]
    difference = max(abs(a - b) for a, b in zip(*losses, strict=True))
    if difference > tolerance:
        raise SystemExit(f"the losses differ by up to {difference:.2e} nats: these are not the same model")
    return difference


def main() -> None:
    """Check, measure in pairs, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="interleaved pairs (7)")
    parser.add_argument("--steps", type=int, default=4, help="updates of 4,096 tokens on each side of a pair (4)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of our side")
    parser.add_argument("--compile", action="store_true", help="torch.compile our side")
    parser.add_argument("--cpu-time", action="store_true", help="CPU time in place of the clock")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    plain, ours = Side(False, args), Side(True, args)
    difference = check_agreement(plain, ours, 1e-3 if args.precision == "fp32" else 5e-2)
    n_tokens = args.steps * BATCH * CONTEXT
    pairs = []
    for i in range(args.pairs):
        order = (plain, ours) if i % 2 == 0 else (ours, plain)
        seconds = {side: side.train(args.steps, seed=1 + i)[1] for side in order}
        other, mine = n_tokens / seconds[plain], n_tokens / seconds[ours]
        pairs.append((other, mine))
        if not args.json:
            print(f"pair {i + 1}: plain {other:7,.0f} tok/s   ours {mine:7,.0f}   ratio {mine / other:.2f}", flush=True)
    for side in (plain, ours):
        side.end()
    ratio = statistics.median(mine / other for other, mine in pairs)
    result = vars(args) | {
        "median_ratio": ratio,
        "pairs_tokens_per_s": pairs,
        "loss_difference_nats": difference,
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    print(json.dumps(result) if args.json else f"median ratio {ratio:.2f}; losses differ by {difference:.1e} nats")


if __name__ == "__main__":
    main()
