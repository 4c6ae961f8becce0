"""The attention of a text as a page to click through: every token, layer and head. Measures nothing."""

import base64
from collections.abc import Sequence

import torch
from torch import Tensor

from bpe_lab_model.probes import page as pages
from bpe_lab_model.probes.attention import Reach

TITLE = {"en": "Who looks at whom", "ko": "누가 누구를 보는가"}
LEAD = {
    "en": "The framed token looks; the darker another one, the more it is looked at. Click a token to look from there, "
    "and a square below to take one head. In a square each row is a token that looks, each column one that is looked "
    "at: above the diagonal lies the future, which a causal model leaves empty.",
    "ko": "테두리를 두른 토큰이 보는 쪽이고, 짙을수록 많이 보는 토큰이다. 토큰을 누르면 그 토큰이 보는 쪽이 되고, "
    "아래 네모를 누르면 헤드 하나만 볼 수 있다. 네모에서 가로줄은 보는 토큰, 세로줄은 보이는 토큰이다. "
    "대각선 위쪽은 미래여서 인과 모형에서는 비어 있다.",
}
_WORDS = {
    "layer": {"en": "layer {n}", "ko": "{n}층"},
    "head": {"en": "head {n}", "ko": "헤드 {n}"},
    "mean": {"en": "all heads", "ko": "헤드 전체"},
    "token": {"en": "token", "ko": "토큰"},
    "share": {"en": "looked at", "ko": "보는 정도"},
    "reach": {"en": "{n} bytes back", "ko": "{n}바이트 앞"},
    "on_start": {"en": "{n} % on the start", "ko": "시작 표시에 {n} %"},
    "evenly": {
        "en": "A head that looked at all alike would reach {n} bytes back.",
        "ko": "모두를 고르게 보는 헤드라면 평균 {n}바이트 앞을 본다.",
    },
    "keys": {
        "en": "Keys: ← → another token, ↑ ↓ another head.",
        "ko": "글쇠: ← → 다른 토큰, ↑ ↓ 다른 헤드.",
    },
}
_BODY = """
<section class="looks" aria-label="attention">
  <p class="stage-name" id="view-name" aria-live="polite"></p>
  <p class="looked" id="text"></p>
  <p class="remark" id="evenly"></p>
  <p class="remark" id="keys"></p>
  <div class="heads" id="heads"></div>
</section>
"""


def page(names: Sequence[str], is_text: Sequence[bool], weights: Tensor, reach: Reach, about: str) -> str:
    """Return the page of one text.

    Args:
        names: of its tokens.
        is_text: whether each stands for text.
        weights: (L, H, T, T); a byte each goes into the page, its root to 1/255.
        reach: of the same model, over any text.
        about: model and tokenizer in one line.
    """
    packed = (weights.clamp(0, 1).sqrt() * 255).round().to(torch.uint8).contiguous().numpy().tobytes()
    data = {
        "words": _WORDS,
        "tokens": [{"text": name, "is_text": real} for name, real in zip(names, is_text, strict=True)],
        "n_layers": weights.shape[0],
        "n_heads": weights.shape[1],
        "weights": base64.b64encode(packed).decode(),
        "reach": reach.to_json(),
    }
    return pages.page(TITLE, about, LEAD, _BODY, data, "attention.js")
