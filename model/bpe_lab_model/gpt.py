"""The companion model: a decoder-only transformer in one file, to be read in one sitting.

    tokens -> embedding -> [norm -> attention -> + ; norm -> MLP -> +] x layers -> norm -> head

What is rare stands elsewhere: position schemes in `positions`, norms in `norms`, what may take attention's place in
`mixers`, where rows start in `embedding`. It trains nothing, reads no text, and knows tokens by number only.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bpe_lab.errors import ArgumentError, BpeLabError, FormatError
from bpe_lab_model.cache import Cache as Cache
from bpe_lab_model.cache import Layer
from bpe_lab_model.embedding import INITS
from bpe_lab_model.loss import summed_nats
from bpe_lab_model.masks import Mask, mask, prefix_keys, runs
from bpe_lab_model.mixers import LSTM, MIXERS, SSD, matching_inner_width
from bpe_lab_model.norms import NORMS, norm
from bpe_lab_model.positions import IN_ATTENTION, POSITIONS, Learned, check_rows, count, rotate, scheme
from bpe_lab_model.start import start

if TYPE_CHECKING:
    from bpe_lab_model.windows import Batch

Angles = tuple[Tensor, Tensor]

CHOICES = {
    "position": POSITIONS,
    "norm": NORMS,
    "feed_forward": ("gelu", "swiglu", "none"),
    "mixer": MIXERS,
    "mask": ("causal", "two-way", "prefix"),
    "init": INITS,
}


@dataclass(frozen=True)
class Config:
    """What decides a model's shape and its start. Equal configurations and keys give equal models."""

    vocab_size: int
    """Tokens, end of text included."""
    context_bytes: int = 1024
    """Bytes of text a window spans; it has at most one token more than that."""
    n_layers: int = 4
    n_heads: int = 4
    d_model: int = 256
    """Width of the trunk; of half of it with `concat-wide`."""
    d_ff: int | None = None
    """Width inside the MLP. None is 4 widths, 8/3 for swiglu, and beside other mixers than attention what makes the
    block equally large: so that all have as many parameters."""
    position: str = "rope"
    norm: str = "rmsnorm"
    feed_forward: str = "gelu"
    tied: bool = True
    """Whether the head is the embedding table."""
    bias: bool = False
    mask: str = "causal"
    dropout_embedding: float = 0.0
    dropout_attention: float = 0.0
    dropout_residual: float = 0.0
    init: str = "byte-keyed"
    """How embedding rows start (`embedding.rows`)."""
    init_std: float = 0.02
    table_std: float | None = None
    """Of embedding rows alone; None is `init_std`."""
    seed: int = 0
    mixer: str = "attention"
    """What lets tokens see others; `ssd` and `lstm` carry a state and are causal (`mixers`)."""
    d_state: int | None = None
    """Numbers that an SSD head keeps for each channel; None is the width, at most 128."""
    residual: bool = True
    """Whether blocks add to what they read; else they replace it."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ArgumentError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("vocab_size", "context_bytes", "n_layers", "n_heads", "d_model"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("dropout_embedding", "dropout_attention", "dropout_residual"):
            if not 0 <= getattr(self, name) < 1:
                raise ArgumentError(f"{name} must be from 0 to below 1, got {getattr(self, name)}", "0.1 is usual")
        step = 2 * self.n_heads
        if self.width % step:
            raise ArgumentError(
                f"the width must be a multiple of 2 x n_heads = {step}, got {self.width}",
                f"take {-(-self.width // step) * step}, or other heads",
            )
        if self.mixer != "attention" and self.mask != "causal":
            raise ArgumentError(f"mixer={self.mixer} looks back only, got mask={self.mask}", "take mask=causal")
        if self.mixer != "attention" and self.position in IN_ATTENTION:
            said = f"position={self.position} acts in attention, which mixer={self.mixer} has none of"
            raise ArgumentError(said, "take position=none: a state knows order by itself")

    @property
    def width(self) -> int:
        """Numbers per token in the trunk."""
        return self.d_model * (2 if self.position == "concat-wide" else 1)

    @property
    def token_width(self) -> int:
        """Numbers per row of the embedding table."""
        return self.d_model // 2 if self.position == "concat-split" else self.d_model

    @property
    def inner_width(self) -> int:
        """Numbers per token inside the MLP."""
        if self.d_ff or self.feed_forward == "none":
            return self.d_ff or 0
        is_gated = self.feed_forward == "swiglu"
        inner = max(1, round(self.width / 12)) * 32 if is_gated else 4 * self.width
        return inner if self.mixer == "attention" else matching_inner_width(self, inner, 2 + is_gated)

    @property
    def vocab_rows(self) -> int:
        """Rows of the embedding table: the vocabulary rounded up to 64, which matrix products like."""
        return -(-self.vocab_size // 64) * 64

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Config":
        """Read what `to_json` wrote.

        Raises:
            FormatError: it is no JSON object, or holds a field that this version does not know.
        """
        try:
            values: dict[str, Any] = dict(json.loads(text))
            unknown = sorted(set(values) - {field.name for field in fields(cls)})
            if unknown:
                raise FormatError(f"the configuration holds {', '.join(unknown)}", "a newer bpe-lab-model may read it")
            return cls(**values)
        except (ValueError, TypeError) as e:
            if isinstance(e, BpeLabError):
                raise
            raise FormatError(f"not the configuration of a model: {e}") from e


class GPT(nn.Module):
    """Tokens to hidden states; `logits` and `loss` go on from there.

    Args:
        config: see `Config`.
        token_bytes: what each row starts from (`embedding.embedding_keys`); None takes the row's number.

    >>> model = GPT(Config(vocab_size=300, n_layers=2, n_heads=2, d_model=32))
    >>> model.logits(model(torch.tensor([[1, 2, 3]]))).shape
    torch.Size([1, 3, 300])
    """

    def __init__(self, config: Config, token_bytes: Sequence[bytes] | None = None) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(config.vocab_rows, config.token_width))
        self.position = scheme(
            config.position,
            n_rows=config.context_bytes + 1,
            d_model=config.d_model,
            n_heads=config.n_heads,
            head=config.width // config.n_heads,
            causal=config.mask == "causal",
        )
        self.dropout = nn.Dropout(config.dropout_embedding)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = norm(config.norm, config.width, config.bias)
        self.head = None if config.tied else nn.Parameter(torch.empty(config.vocab_rows, config.width))
        start(self, token_bytes or [b"row:%d" % id for id in range(config.vocab_size)])

    @property
    def head_weight(self) -> Tensor:
        """What hidden states are multiplied by: (vocab_rows, d); rows from vocab_size on are padding."""
        return self.embedding if self.head is None else self.head

    def forward(
        self,
        inputs: Tensor,
        *,
        positions: Tensor | None = None,
        segments: Tensor | None = None,
        prefix: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tensor:
        """Return hidden states after the last norm: (B, T, d), d the width of the head.

        Args:
            inputs: (B, T) ids.
            positions: (1|B, T); by default counted from 0, or on from the cache.
            segments: (B, T), equal where tokens of a row belong together. Attention stays inside a segment and
                positions begin anew in each. A two-way model needs it where rows are padded.
            prefix: mask "prefix" only: how many positions at the beginning of each row all of it sees, (B,); or for
                rows of several segments which positions those are, (B, S) bool, S with those in the cache.
            cache: what earlier calls saw; these tokens come after it, and are added to it.

        Raises:
            ArgumentError: a position beyond a learned table, an id beyond the vocabulary, a mask that cannot be.
        """
        places = self._places(inputs, positions, segments, cache)  # (1|B, T)
        sight = self._mask(places, segments, prefix, cache)
        angles = self.position.angles(places)
        x = self.dropout(self.position.embed(self._tokens(inputs), places))  # (B, T, width)
        for layer, block in enumerate(self.blocks):
            x = block(x, angles, sight, None if cache is None else cache.layer(layer))  # (B, T, width)
        hidden: Tensor = self.norm(x)[..., : self.head_weight.shape[1]]  # (B, T, d)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the logits of hidden states (..., d), in float32: (..., vocab_size)."""
        return hidden.float() @ self.head_weight[: self.config.vocab_size].float().t()

    def loss(self, batch: "Batch") -> Tensor:
        """Return the sum of nats over the targets that are scored: a float64 scalar."""
        hidden = self(batch.inputs, positions=batch.positions, segments=batch.segments, prefix=batch.prefix)
        return summed_nats(hidden.flatten(0, 1), self.head_weight, batch.targets.flatten(), self.config.vocab_size)

    def _places(self, inputs: Tensor, given: Tensor | None, segments: Tensor | None, cache: Cache | None) -> Tensor:
        """Return the position of each token, checked where there is a table: (1|B, T)."""
        T, n_rows = inputs.shape[1], self.config.context_bytes + 1
        last, last_segment = (None, None) if cache is None else cache.last
        places = count(T, segments, last, last_segment).to(inputs.device) if given is None else given  # (1|B, T)
        if isinstance(self.position, Learned) and (given is not None or last is not None or n_rows < T):
            check_rows(places, n_rows)
        return places

    def _mask(self, places: Tensor, segments: Tensor | None, prefix: Tensor | None, cache: Cache | None) -> Mask:
        """Return who sees whom; lists the new tokens in the cache."""
        kind = self.config.mask
        if self.config.mixer != "attention":
            prefix_keys(kind, prefix, 0, 0, 0)
            return Mask(None, True, runs(segments, None if cache is None else cache.advance(places, segments)))
        if cache is None:
            n_dropped, keys, key_segments = 0, places, segments
        elif kind == "two-way":
            raise ArgumentError("a two-way model has no cache: each new token changes what all others are")
        else:
            n_dropped, (keys, key_segments) = cache.n_dropped, cache.extend(places, segments)
        in_prefix = prefix_keys(kind, prefix, places.shape[1], keys.shape[1], n_dropped)  # (B, S)
        pair = None if segments is None or key_segments is None else (segments, key_segments)
        return mask(kind, places, keys, pair, in_prefix, self.position.bias(places, keys))

    def _tokens(self, inputs: Tensor) -> Tensor:
        n = self.config.vocab_size
        if inputs.is_cpu and not torch.compiler.is_compiling() and inputs.numel() and int(inputs.max()) >= n:
            raise ArgumentError(
                f"ids must be below {n}, got {int(inputs.max())}", "take the tokenizer that the model was made for"
            )
        return F.embedding(inputs, self.embedding)  # (B, T, token_width)


class Block(nn.Module):
    """Attention, then MLP, each on a normed copy and added back. What takes attention's place goes by its name."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        mixer = {"attention": Attention, "ssd": SSD, "lstm": LSTM}[config.mixer]
        self.residual = config.residual
        self.norm_1 = norm(config.norm, config.width, config.bias)
        self.attention = mixer(config)
        has_mlp = config.feed_forward != "none"
        self.norm_2 = norm(config.norm, config.width, config.bias) if has_mlp else None
        self.mlp = MLP(config) if has_mlp else None

    def forward(self, x: Tensor, angles: Angles | None, mask: Mask, memory: Layer | None) -> Tensor:
        """Return what goes to the next block: (B, T, width)."""
        seen: Tensor = self.attention(self.norm_1(x), angles, mask, memory)  # (B, T, width)
        x = x + seen if self.residual else seen  # (B, T, width)
        if self.mlp is None or self.norm_2 is None:
            return x
        bent: Tensor = self.mlp(self.norm_2(x))  # (B, T, width)
        return x + bent if self.residual else bent  # (B, T, width)


class Attention(nn.Module):
    """Each token takes a mean of the values of those it sees, weighted by how its query meets their keys."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.qkv = nn.Linear(config.width, 3 * config.width, config.bias)
        self.out = nn.Linear(config.width, config.width, config.bias)
        self.dropout_weights = config.dropout_attention
        self.dropout = nn.Dropout(config.dropout_residual)

    def forward(self, x: Tensor, angles: Angles | None, mask: Mask, memory: Layer | None) -> Tensor:
        """Return what is added to the residual: (B, T, width)."""
        B, T, width = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.n_heads, -1).unbind(2)  # (B, T, H, head) each
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)  # (B, T, H, head) each
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # (B, H, T, head) each
        if memory is not None:
            k, v = memory.append(k, v)  # (B, H, S, head) each
        dropout = self.dropout_weights if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask.bias, dropout, mask.is_causal)  # (B, H, T, head)
        y = y.transpose(1, 2).reshape(B, T, width)  # (B, T, width)
        return self.dropout(self.out(y))  # type: ignore[no-any-return]  # (B, T, width)


class MLP(nn.Module):
    """Each token by itself: up, bend, down. SwiGLU: one half of `up` is the gate of the other (arXiv 2002.05202)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.is_gated = config.feed_forward == "swiglu"
        self.up = nn.Linear(config.width, config.inner_width * (1 + self.is_gated), config.bias)
        self.down = nn.Linear(config.inner_width, config.width, config.bias)
        self.dropout = nn.Dropout(config.dropout_residual)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to the residual: (B, T, width)."""
        x = self.up(x)  # (B, T, inner) or (B, T, 2 inner)
        if self.is_gated:
            gate, x = x.chunk(2, -1)  # (B, T, inner) each
            x = F.silu(gate) * x  # (B, T, inner)
        else:
            x = F.gelu(x)  # (B, T, inner)
        return self.dropout(self.down(x))  # type: ignore[no-any-return]  # (B, T, width)
