"""What a model has seen, kept while it decodes: keys and values or states, positions and segments. Computes nothing."""

import torch
from torch import Tensor

from bpe_lab.errors import ArgumentError

State = tuple[Tensor, Tensor]
"""What a mixer of `mixers` carries on."""


class Cache:
    """Keys and values of the tokens seen, so that a new token costs one row of attention instead of all.

    Memory: 2 x layers x width numbers a token (`cost.cache_bytes_per_token`), allocated `chunk` tokens at a time.
    Mixers that carry a state keep that instead, which does not grow (`cost.state_bytes`).
    """

    def __init__(self, chunk: int = 256) -> None:
        self.length = 0
        self.n_dropped = 0
        """Tokens let go by `crop_left`."""
        self._chunk, self._first = chunk, 0
        self._states: dict[int, State] = {}
        """By layer, of mixers that have one."""
        self._layers: list[Tensor] = []
        """Of each layer (2, B, H, capacity, head); live from `_first` for `length`."""
        self._positions: Tensor | None = None
        """(1|B, length); of the last token alone beside states."""
        self._segments: Tensor | None = None
        """(B, length) or (B, 1) likewise, where there are any."""

    @property
    def last(self) -> tuple[Tensor | None, Tensor | None]:
        """Position (1|B, 1) and segment (B, 1) of the last token."""
        if not self.length:
            return None, None
        return tuple(None if x is None else x[:, -1:] for x in (self._positions, self._segments))  # type: ignore[return-value]

    @property
    def size_bytes(self) -> int:
        """Bytes of the keys and values, or the states, that are held."""
        states = [part for state in self._states.values() for part in state]
        return sum(x.numel() * x.element_size() for x in [*states, *(x[..., : self.length, :] for x in self._layers)])

    def layer(self, index: int) -> "Layer":
        """Return what one layer sees of the cache."""
        return Layer(self, index)

    def advance(self, positions: Tensor, segments: Tensor | None) -> Tensor | None:
        """Count tokens whose layers keep a state; return the segment of the token before them, (B, 1).

        Of positions and segments the last are enough, so that a token costs the same however many came before.
        """
        self._check(segments)
        before = self.last[1]
        self._positions, self._segments = positions[:, -1:], None if segments is None else segments[:, -1:]
        self.length += positions.shape[1]
        return before

    def extend(self, positions: Tensor, segments: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Make room for tokens that each layer will append; return positions (1|B, S) and segments (B, S) of all."""
        self._check(segments)
        self._positions = _joined(self._positions, positions)  # (1|B, S)
        self._segments = None if segments is None else _joined(self._segments, segments)  # (B, S)
        end = self._first + self.length + positions.shape[1]
        if self._layers and end > self._layers[0].shape[3]:
            self._layers = [self._moved(layer, positions.shape[1]) for layer in self._layers]
            self._first = 0
        self.length += positions.shape[1]
        return self._positions, self._segments

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values, (B, H, T, head) each; return all of them, (B, H, S, head) each."""
        B, H, T, head = keys.shape
        if layer == len(self._layers):
            self._layers.append(keys.new_empty(2, B, H, self._first + self.length + self._chunk, head))
        end = self._first + self.length
        room = self._layers[layer]
        room[0, :, :, end - T : end] = keys
        room[1, :, :, end - T : end] = values
        live = room[..., self._first : end, :]  # (2, B, H, S, head)
        return live[0], live[1]

    def crop_left(self, n: int) -> None:
        """Let the `n` oldest tokens go: a rolling cache. Later tokens keep what they learned of them.

        Right for positions that act in attention (RoPE, ALiBi, relative, none); learned ones end at the context. A
        state lets nothing go, except when it is emptied: there old tokens only fade.
        """
        n = min(n, self.length)
        self.n_dropped += n
        self.length -= n
        if self._states:
            self._states = self._states if self.length else {}
            return
        self._first += n
        self._positions, self._segments = (None if x is None else x[:, n:] for x in (self._positions, self._segments))

    def _check(self, segments: Tensor | None) -> None:
        if self.length and (segments is None) != (self._segments is None):
            raise ArgumentError("segments must be given in all calls with one cache, or in none")

    def _moved(self, layer: Tensor, n_new: int) -> Tensor:
        """Return a larger room that begins with what is live: (2, B, H, capacity, head)."""
        live = layer[..., self._first : self._first + self.length, :]
        room = layer.new_empty(*layer.shape[:3], self.length + n_new + self._chunk, layer.shape[4])
        room[..., : self.length, :] = live
        return room


class Layer:
    """One layer's part of a cache: attention appends to it, other mixers replace their state."""

    def __init__(self, cache: Cache, index: int) -> None:
        self._cache, self._index = cache, index

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values, (B, H, T, head) each; return all of them, (B, H, S, head) each."""
        return self._cache.append(self._index, keys, values)

    @property
    def state(self) -> State | None:
        """What the layer left at the token before; None at the beginning."""
        return self._cache._states.get(self._index)

    @state.setter
    def state(self, new: State) -> None:
        self._cache._states[self._index] = new


def _joined(old: Tensor | None, new: Tensor) -> Tensor:
    """Return the old beside the new, of as many rows as the greater: (1|B, S)."""
    if old is None:
        return new
    n_rows = max(len(old), len(new))
    return torch.cat((old.expand(n_rows, -1), new.expand(n_rows, -1)), 1)
