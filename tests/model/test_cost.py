"""Parameters and FLOPs against a count by hand, and against the tensors themselves."""

import itertools

import pytest

from bpe_lab_model.cost import cache_bytes_per_kb, cache_bytes_per_token, flops_per_token, parameters
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.norms import NORMS
from bpe_lab_model.positions import POSITIONS


def test_by_hand() -> None:
    # cpu-tiny's shape: 4 layers, width 256, C = 1,024, V = 8,000, RMSNorm, GELU, tied, no biases, learned positions.
    #   a block: qkv 256 x 768 = 196,608; out 256 x 256 = 65,536; up and down 2 x 256 x 1,024 = 524,288;
    #            two norms of 256 = 512                                           -> 786,944
    #   blocks: 4 x 786,944 + last norm 256                                        = 3,148,032
    #   embedding: 8,000 is 125 x 64, no padding: 8,000 x 256                      = 2,048,000
    #   positions: 1,025 x 256                                                     =   262,400
    config = Config(8000, position="learned")
    want = {"block": 3_148_032, "embedding": 2_048_000, "positions": 262_400, "head": 0, "total": 5_458_432}
    assert parameters(config) == want
    # FLOPs a token at T = 500: 6 (3,148,032 + 8,000 x 256) + 6 x 4 x 256 x 500 = 31,176,192 + 3,072,000
    assert flops_per_token(config, 500) == 34_248_192
    assert flops_per_token(config, 500, training=False) == 34_248_192 / 3
    # Keys and values: 2 x 4 x 256 x 4 bytes = 8,192 a token; at 250 tokens per 1,000 bytes 2,048,000 bytes.
    assert cache_bytes_per_token(config) == 8192
    assert cache_bytes_per_kb(config, 250) == 2_048_000
    assert cache_bytes_per_kb(config, 250, dtype_bytes=2) == 1_024_000


def test_by_hand_with_everything_on() -> None:
    # V = 1,000 is padded to 1,024. Width 32, inner 96 (8/3 of 32 is 85.3; multiples of 32: 96), 2 layers, 2 heads, biases.
    #   a block: qkv 32 x 96 + 96 = 3,168; out 32 x 32 + 32 = 1,056; up 32 x 192 + 192 = 6,336; down 96 x 32 + 32 = 3,104;
    #            two LayerNorms 2 x 64 = 128                                       -> 13,792
    #   blocks: 2 x 13,792 + 64 = 27,648; embedding 1,024 x 32 = 32,768; head the same; distances 129 x 2 = 258
    config = Config(
        1000, 100, 2, 2, 32, position="relative", norm="layernorm", feed_forward="swiglu", tied=False, bias=True
    )
    assert parameters(config) == {
        "block": 27_648, "embedding": 32_768, "positions": 258, "head": 32_768, "total": 93_442,
    }  # fmt: skip
    # 6 (27,648 + 1,024 x 32) + 6 x 2 x 32 x 10: the table is looked up, only the head is multiplied
    assert flops_per_token(config, 10) == 6 * (27_648 + 32_768) + 3840


def test_concatenated_positions() -> None:
    # d = 32, C = 100, V = 64. Split: tokens 64 x 16, positions 101 x 16, trunk of 32.
    # Wide: tokens 64 x 32, positions 101 x 32, trunk of 64: a block has four times the matrices, 12 x 64^2.
    split = parameters(Config(64, 100, 1, 2, 32, position="concat-split", norm="none"))
    wide = parameters(Config(64, 100, 1, 2, 32, position="concat-wide", norm="none"))
    assert split == {"block": 12_288, "embedding": 1024, "positions": 1616, "head": 0, "total": 14_928}
    assert wide == {"block": 49_152, "embedding": 2048, "positions": 3232, "head": 0, "total": 54_432}
    free = parameters(Config(64, 100, 1, 2, 32, position="concat-wide", norm="none", tied=False))
    assert free["head"] == 64 * 64


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_counts_equal_the_tensors(position: str, norm: str) -> None:
    for feed_forward, tied, bias, mask in itertools.product(
        ("gelu", "swiglu"), (True, False), (True, False), ("causal", "prefix")
    ):
        config = Config(
            70, 20, 2, 2, 16, position=position, norm=norm, feed_forward=feed_forward, tied=tied, bias=bias, mask=mask
        )
        sizes = {name: parameter.numel() for name, parameter in GPT(config).named_parameters()}
        got = parameters(config)
        assert got["total"] == sum(sizes.values())
        assert got["embedding"] == sizes["embedding"] and got["head"] == sizes.get("head", 0)
        assert got["positions"] == sum(n for name, n in sizes.items() if name.startswith("position."))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("position", ["rope", "concat-split", "concat-wide"])
def test_flops_of_the_forward_equal_what_torch_counts(position: str, tied: bool) -> None:
    """torch counts two FLOPs a multiplication and addition in each matrix product; attention's too, written out."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    config = Config(128, 64, 2, 2, 32, position=position, norm="none", tied=tied, mask="two-way")
    model, T = GPT(config), 48
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model.logits(model(torch.zeros(3, T, dtype=torch.long)))
    assert counter.get_total_flops() == flops_per_token(config, T, training=False) * 3 * T
