"""Tokens a second of the companion model beside a plain loop, in interleaved pairs, so that a busy machine slows both.

    python benches/lm_speed.py [--pairs 7] [--steps 4] [--threads 2] [--precision fp32|bf16] [--compile] [--json]

Shape: 4 layers, width 256, context 256 tokens, vocabulary 8,192, batch 16; learned positions, LayerNorm, GELU, tied
head on both sides. The plain side is benches/plain_loop.py, float32 and eager whatever the options. First it is checked
that both have the same loss at equal weights, before and after steps. Expected without AMX, float32, eager: a median
ratio of at least 1.25.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from plain_loop import BATCH, CONTEXT, N_HEADS, N_LAYERS, VOCABULARY, WIDTH, Loop
from torch import Tensor, nn

from bpe_lab_model.gpt import GPT, Config
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


def check_agreement(plain: Loop, ours: Ours, data: list[tuple[Tensor, Tensor]], tolerance: float) -> list[float]:
    """Raise where the losses differ; return the differences, of which the first is at equal weights."""
    differences = [abs(plain.step(*batch) - ours.step(*batch)) for batch in data]
    if max(differences) > tolerance:
        raise SystemExit(f"the losses differ by up to {max(differences):.2e} nats: these are not the same model")
    return differences


def tokens_per_s(step: Callable[[Tensor, Tensor], float], data: list[tuple[Tensor, Tensor]]) -> float:
    """Return tokens trained on per second."""
    started = time.perf_counter()
    for batch in data:
        step(*batch)
    return sum(inputs.numel() for inputs, _ in data) / (time.perf_counter() - started)


def main() -> None:
    """Check, measure in pairs, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7, help="interleaved pairs (7)")
    parser.add_argument("--steps", type=int, default=4, help="updates of 4,096 tokens on each side of a pair (4)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of our side")
    parser.add_argument("--compile", action="store_true", help="torch.compile our side")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    plain = Loop()
    ours = Ours(plain, args.precision, args.compile)
    differences = check_agreement(plain, ours, batches(3), 1e-3 if args.precision == "fp32" else 5e-2)
    data = batches(args.steps, seed=1)
    pairs = []
    for i in range(args.pairs):
        order = (plain, ours) if i % 2 == 0 else (ours, plain)
        speeds = {side: tokens_per_s(side.step, data) for side in order}
        pairs.append((speeds[plain], speeds[ours]))
        other, mine = pairs[-1]
        if not args.json:
            print(f"pair {i + 1}: plain {other:7,.0f} tok/s   ours {mine:7,.0f}   ratio {mine / other:.2f}")
    ratio = statistics.median(mine / other for other, mine in pairs)
    result = vars(args) | {
        "median_ratio": ratio,
        "pairs_tokens_per_s": pairs,
        "loss_differences_nats": differences,
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }
    print(
        json.dumps(result) if args.json else f"median ratio {ratio:.2f}; losses differ by {max(differences):.1e} nats"
    )


if __name__ == "__main__":
    main()
