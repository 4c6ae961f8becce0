"""What may stand in attention's place in a block: SSD, the mixer of Mamba-2, and an LSTM. Both carry a state.

    h[t] = a[t] h[t-1] + B[t] x[t]^T        a state of N x P numbers a head, a[t] between 0 and 1
    y[t] = C[t] h[t]                        SSD: Dao and Gu 2024 (arXiv 2405.21060), one group

A state is as large after a million tokens as after one, so a new token costs the same wherever it stands, and what is
not in the state is forgotten. `recurrent` is that formula token by token: the slow twin, and what decoding runs.
`chunked` gives the same as products of matrices: inside a chunk of Q tokens each pair is a masked product as in
attention, between chunks the states alone are carried on. Its cost per token is constant: Q (N + inner) + 2 N inner.

Mixers are called as `gpt.Attention` is. They look back only, and know order by themselves: no angles. Segments are read
as runs: a state begins anew where the segment changes, also where an earlier one comes back.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from bpe_lab_model.norms import RMSNorm

if TYPE_CHECKING:
    from bpe_lab_model.cache import Layer
    from bpe_lab_model.gpt import Angles, Config
    from bpe_lab_model.masks import Mask

MIXERS = ("attention", "ssd", "lstm")

CHUNK = 64
"""Q: tokens of a chunk. At width 64 a step takes the least time with 32 to 64 on a CPU."""

EXPAND = 2
"""The inner width of SSD over the trunk's, as in the paper."""

TAPS = 4
"""Tokens that the convolution before SSD sees, its own included, as in the paper."""

_LARGEST_STATE = 128
_STEPS, _DECAYS = (0.001, 0.1), (1.0, 16.0)
"""Where the heads' step sizes and decay rates start, from the first to the last: the paper's ranges, spread evenly
instead of drawn, since a draw for four heads may leave all a short memory. They reach back 1,000 tokens to 1."""


def state_width(config: "Config") -> int:
    """Return N: numbers that an SSD head keeps for each channel; by default the trunk's width, at most 128."""
    return config.d_state or min(config.width, _LARGEST_STATE)


def parameters(config: "Config") -> int:
    """Return how many numbers the mixer of one block learns (docs/model.md has them by hand)."""
    width, bias = config.width, config.bias
    if config.mixer == "lstm":
        return 8 * width**2 + 8 * width
    if config.mixer == "attention":
        return 4 * width**2 + 4 * width * bias
    inner, mixed, H = EXPAND * width, EXPAND * width + 2 * state_width(config), config.n_heads
    into = (width + bias) * (inner + mixed + H)
    return into + TAPS * mixed + 3 * H + inner + (inner + bias) * width


def matching_inner_width(config: "Config", inner: int, n_matrices: int) -> int:
    """Return the MLP's width with which a block has as many parameters as attention with an MLP of `inner` has.

    Half a column of the MLP is the error: below 1 % of a block from width 32 on.

    Args:
        config: what the mixer is.
        inner: the MLP's width beside attention.
        n_matrices: of the MLP: 2, or 3 where it is gated.
    """
    attention = 4 * config.width * (config.width + config.bias)
    spare = attention + n_matrices * config.width * inner - parameters(config)
    return max(1, round(spare / (n_matrices * config.width)))


class SSD(nn.Module):
    """Each head writes tokens into a state that fades, and reads it: what, how much and how fast says the token."""

    def __init__(self, config: "Config") -> None:
        super().__init__()
        width, H = config.width, config.n_heads
        self.inner, self.n_state, self.n_heads = EXPAND * width, state_width(config), H
        self.mixed = self.inner + 2 * self.n_state
        self.into = nn.Linear(width, self.inner + self.mixed + H, config.bias)
        self.taps = nn.Parameter(torch.empty(self.mixed, TAPS))
        self.decay = nn.Parameter(torch.linspace(*_DECAYS, H).log())  # A = -exp(decay)
        steps = torch.linspace(math.log(_STEPS[0]), math.log(_STEPS[1]), H).exp()  # (H,)
        self.step = nn.Parameter(steps.expm1().log())  # softplus gives the steps back
        self.skip = nn.Parameter(torch.ones(H))
        self.norm = RMSNorm(self.inner)
        self.out = nn.Linear(self.inner, width, config.bias)
        self.dropout = nn.Dropout(config.dropout_residual)

    def forward(self, x: Tensor, angles: "Angles | None", mask: "Mask", memory: "Layer | None") -> Tensor:
        """Return what is added to the residual: (B, T, width)."""
        B, T, _ = x.shape
        tail, state = (None, None) if memory is None or memory.state is None else memory.state
        gate, mixed, step = torch.split(self.into(x), [self.inner, self.mixed, self.n_heads], -1)
        mixed, tail = convolved(mixed, self.taps, mask.runs, tail)  # (B, T, mixed)
        value, write, read = torch.split(F.silu(mixed), [self.inner, self.n_state, self.n_state], -1)
        value = value.view(B, T, self.n_heads, -1)  # (B, T, H, P)
        step = F.softplus(step.float() + self.step)  # (B, T, H)
        scan = recurrent if T == 1 else chunked
        y, state = scan(value * step[..., None], -step * self.decay.exp(), write, read, mask.runs, state)
        if memory is not None:
            memory.state = (tail, state)
        y = (y + self.skip[:, None] * value).flatten(2)  # (B, T, inner)
        return self.dropout(self.out(self.norm(y * F.silu(gate))))  # type: ignore[no-any-return]  # (B, T, width)


def convolved(x: Tensor, taps: Tensor, runs: Tensor | None, tail: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the sum of the last tokens of the run, each channel by its own taps, (B, T, C), and the next call's tail.

    Args:
        x: (B, T, C).
        taps: (C, TAPS), the last one for the token itself.
        runs: (B, T), `masks.Mask.runs`.
        tail: (B, TAPS - 1, C), the tokens before; zeros by default.
    """
    B, T, C = x.shape
    padded = torch.cat((x.new_zeros(B, TAPS - 1, C) if tail is None else tail, x), 1)  # (B, T + TAPS - 1, C)
    parts = [padded[:, k : k + T] * taps[:, k] for k in range(TAPS)]  # (B, T, C) each
    tail = padded[:, T:]
    if runs is not None:
        of = F.pad(runs, (TAPS - 1, 0))  # (B, T + TAPS - 1); the tail is of run 0
        parts = [part * (of[:, k : k + T] == runs)[..., None] for k, part in enumerate(parts)]
        tail = tail * (of[:, T:] == of[:, -1:])[..., None]
    return sum(parts[1:], parts[0]), tail


def recurrent(
    x: Tensor, log_decay: Tensor, write: Tensor, read: Tensor, runs: Tensor | None, state: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return y (B, T, H, P) and the last state (B, N, H, P), token by token.

    Args:
        x: (B, T, H, P), times its step.
        log_decay: (B, T, H), 0 or below: log a.
        write: (B, T, N), B in the formula.
        read: (B, T, N), C in the formula.
        runs: (B, T), from 0, rising by 1 where a segment begins: there the state is forgotten; None: nowhere.
        state: (B, N, H, P), of run 0; zeros by default.
    """
    B, T, H, P = x.shape
    h = x.new_zeros(B, write.shape[2], H, P) if state is None else state  # (B, N, H, P)
    run, ys = x.new_zeros(B, dtype=torch.long), []
    for t in range(T):
        if runs is not None:
            h = h * (runs[:, t] == run)[:, None, None, None]
            run = runs[:, t]
        h = h * log_decay[:, t, None, :, None].exp() + write[:, t, :, None, None] * x[:, t, None]  # (B, N, H, P)
        ys.append(read[:, t, None] @ h.flatten(2))  # (B, 1, H P)
    return torch.cat(ys, 1).view(B, T, H, P), h


def chunked(
    x: Tensor, log_decay: Tensor, write: Tensor, read: Tensor, runs: Tensor | None, state: Tensor | None,
    chunk: int = CHUNK,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return what `recurrent` returns, as products of matrices over chunks of `chunk` tokens."""
    B, T, H, P = x.shape
    Q = min(chunk, T)
    n, filling = -(-T // Q), -T % Q
    if filling:  # what is filled in writes nothing and lets nothing fade
        x, log_decay = F.pad(x, (0, 0, 0, 0, 0, filling)), F.pad(log_decay, (0, 0, 0, filling))
        write, read = F.pad(write, (0, 0, 0, filling)), F.pad(read, (0, 0, 0, filling))
    x = x.reshape(B, n, Q, H, P)
    write, read = write.reshape(B, n, Q, -1), read.reshape(B, n, Q, -1)  # (B, n, Q, N)
    faded = log_decay.reshape(B, n, Q, H).cumsum(2)  # (B, n, Q, H): from the chunk's beginning on
    seen, to_end, from_before, through = _within_runs(runs, n, Q, x.device)

    by_head = faded.transpose(2, 3)  # (B, n, H, Q)
    between = (by_head[..., :, None] - by_head[..., None, :]).masked_fill(~seen, -math.inf).exp()  # (B, n, H, Q, Q)
    met = (read @ write.transpose(2, 3))[:, :, None] * between  # (B, n, H, Q, Q)
    y = (met @ x.transpose(2, 3)).transpose(2, 3)  # (B, n, Q, H, P)

    left = (faded[:, :, -1:] - faded).exp() * to_end  # (B, n, Q, H)
    own = (write.transpose(2, 3) @ (x * left[..., None]).flatten(3)).view(B, n, -1, H, P)  # (B, n, N, H, P)
    kept = faded[:, :, -1].exp() * through  # (B, n, H)
    h = own.new_zeros(own.shape[:1] + own.shape[2:]) if state is None else state  # (B, N, H, P)
    before = []
    # Not own[:, c]: the backward of each such pick fills a tensor as large as all, which is quadratic in the chunks.
    for kept_here, own_here in zip(kept.unbind(1), own.unbind(1), strict=True):
        before.append(h)
        h = h * kept_here[:, None, :, None] + own_here  # (B, N, H, P)
    carried = (read @ torch.stack(before, 1).flatten(3)).view(B, n, Q, H, P)
    y = y + carried * (faded.exp() * from_before)[..., None]  # (B, n, Q, H, P)
    return y.reshape(B, n * Q, H, P)[:, :T], h


def _within_runs(
    runs: Tensor | None, n: int, Q: int, device: torch.device
) -> tuple[Tensor, Tensor | int, Tensor | int, Tensor | int]:
    """Return what stays in one run: pairs of a chunk, token to end, last state to token, last state to next."""
    seen = torch.ones(Q, Q, dtype=torch.bool, device=device).tril()  # (Q, Q)
    if runs is None:
        return seen, 1, 1, 1
    of = torch.cat((runs, runs[:, -1:].expand(-1, n * Q - runs.shape[1])), 1).view(-1, n, Q)  # (B, n, Q)
    last = of[:, :, -1]  # (B, n)
    previous = F.pad(last[:, :-1], (1, 0))  # (B, n): the state given is of run 0
    seen = seen & (of[:, :, None, :, None] == of[:, :, None, None])  # (B, n, 1, Q, Q)
    to_end, from_before = of == last[..., None], of == previous[..., None]  # (B, n, Q) each
    return seen, to_end[..., None], from_before[..., None], (last == previous)[..., None]


class LSTM(nn.Module):
    """torch's LSTM, one layer, as wide as the trunk: gates say what of the state is kept, changed and shown."""

    def __init__(self, config: "Config") -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.width, config.width, batch_first=True)
        self.dropout = nn.Dropout(config.dropout_residual)

    def forward(self, x: Tensor, angles: "Angles | None", mask: "Mask", memory: "Layer | None") -> Tensor:
        """Return what is added to the residual: (B, T, width)."""
        before = None if memory is None else memory.state
        y, after = self.lstm(x, before) if mask.runs is None else self._by_runs(x, mask.runs, before)
        if memory is not None:
            memory.state = after
        return self.dropout(y)  # type: ignore[no-any-return]  # (B, T, width)

    def _by_runs(
        self, x: Tensor, runs: Tensor, before: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run each run as a row of its own: (B, T, width), and the states at the ends of the rows, (1, B, width)."""
        B, T, width = x.shape
        begins = torch.ones_like(runs, dtype=torch.bool)
        begins[:, 1:] = runs[:, 1:] != runs[:, :-1]  # (B, T)
        starts = begins.flatten().nonzero()[:, 0]  # (R,)
        lengths = [*starts.diff().tolist(), B * T - int(starts[-1])]
        states = x.new_zeros(2, 1, len(lengths), width)  # h and c of each run
        goes_on = (runs.flatten()[starts] == 0).nonzero()[:, 0]
        if before is not None:
            for state, old in zip(states, before, strict=True):
                state[0, goes_on] = old[0, starts[goes_on] // T]
        rows = pack_sequence(list(torch.split(x.flatten(0, 1), lengths)), enforce_sorted=False)
        ys, (h, c) = self.lstm(rows, (states[0], states[1]))
        padded, _ = pad_packed_sequence(ys, batch_first=True)  # (R, longest, width)
        y = torch.cat([row[:n] for row, n in zip(padded, lengths, strict=True)]).view(B, T, width)
        last = begins.sum(1).cumsum(0) - 1  # (B,): each row's last run
        return y, (h[:, last], c[:, last])
