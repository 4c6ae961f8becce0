"""Experiments about the parts of a block: norms, residual paths, the MLP, positions, heads."""

from typing import Any

from bpe_lab_model.experiments.columns import BPB, LR, N_BLOCK, SPEED
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure, Said

_NORMS = {"LayerNorm": "layernorm", "RMSNorm": "rmsnorm", "DyT": "dyt", "none": "none"}

_BEARS = (
    Column(
        "highest_stable_lr",
        {"en": "highest stable learning rate of six", "ko": "여섯 중 안정적인 가장 높은 학습률"},
        ".2g",
        "higher",
    ),
    Column("diverged_share", {"en": "rates that diverge", "ko": "발산한 학습률의 비율"}, ".0%", "lower"),
    Column("diverged", {"en": "seeds that diverge", "ko": "발산한 시드의 비율"}, ".0%", "lower"),
)
"""What `parting:train` finds."""

_FEW_TRIALS: dict[str, Any] = {"factors": (1.0, 64.0), "trial_bytes": 2_000}

_BITS: Said = {"en": "bits per byte", "ko": "바이트당 비트"}

_NORM = Experiment(
    "norm",
    (24,),
    {
        "en": "What does normalisation do, and is a learned tanh (DyT) in its place better?",
        "ko": "정규화는 무엇을 하는가? 정규화 대신 학습하는 tanh(DyT)를 쓰면 더 나은가?",
    },
    (
        Claim(
            {
                "en": "Without normalisation, with DyT, the loss is lower than with RMSNorm",
                "ko": "정규화 없이 DyT를 쓰면 RMSNorm보다 손실이 낮다",
            },
            "DyT",
            "RMSNorm",
        ),
        Claim(
            {
                "en": "DyT gains with little text and loses with more (against RMSNorm)",
                "ko": "DyT는 글이 적을 때 이득이고 많아지면 손해다(RMSNorm과 견주어)",
            },
            expected="higher",
            value="parting:sign_turns",
            what={
                "en": "what DyT gains at the smallest budget less what it gains at the largest, bits per byte",
                "ko": "가장 적은 예산에서 DyT가 얻는 이득에서 가장 많은 예산의 이득을 뺀 값(바이트당 비트)",
            },
            among=("DyT", "RMSNorm"),
        ),
        Claim(
            {
                "en": "With neither norm nor DyT the loss is higher than with RMSNorm",
                "ko": "정규화도 DyT도 없으면 RMSNorm보다 손실이 높다",
            },
            "none",
            "RMSNorm",
            expected="higher",
        ),
        Claim(
            {
                "en": "LayerNorm and RMSNorm give the same loss within 1 %",
                "ko": "LayerNorm과 RMSNorm의 손실은 1% 안에서 같다",
            },
            "LayerNorm",
            "RMSNorm",
            expected="same",
        ),
    ),
    tuple(Arm(name, model={"norm": norm}, task="parting:train") for name, norm in _NORMS.items()),
    (BPB, *_BEARS, LR, SPEED),
    (
        Figure(
            "line",
            {"en": "BPB by norm and bytes of training", "ko": "정규화와 학습량에 따른 BPB"},
            "budget",
            "bpb",
            {"en": "bytes of training", "ko": "학습한 바이트"},
            _BITS,
            series="arm",
            x_log=True,
        ),
    ),
    budgets=(0.5, 1.0, 2.0),
    minutes=5.0,
    smoke=_FEW_TRIALS,
    note={
        "en": "Two layers: norms matter more in deep models. The sign of DyT's effect turns with the data. When a rate "
        "diverges is said at parts.",
        "ko": "두 층짜리 모델이다. 정규화는 깊은 모델에서 더 중요하다. DyT의 효과는 데이터에 따라 부호가 바뀐다. "
        "학습률이 언제 발산한 것인지는 parts에 적혀 있다.",
    },
)

_PARTS: dict[str, dict[str, Any]] = {
    "whole, 4 heads": {},
    "no residual": {"residual": False},
    "no feed-forward": {"feed_forward": "none"},
    "no positions": {"position": "none"},
    "no norm": {"norm": "none"},
    "1 head": {"n_heads": 1},
    "2 heads": {"n_heads": 2},
    "8 heads": {"n_heads": 8},
}
_WHOLE = "whole, 4 heads"


def _worse(arm: str, en: str, ko: str) -> Claim:
    return Claim({"en": f"{en}: the loss is higher", "ko": f"{ko} 손실이 높아진다"}, arm, _WHOLE, expected="higher")


def _frailer(arm: str, en: str, ko: str) -> Claim:
    said = {"en": f"{en}, only lower learning rates are stable", "ko": f"{ko} 더 낮은 학습률에서만 안정적이다"}
    return Claim(said, arm, _WHOLE, "highest_stable_lr", "lower")


_STABLE = Experiment(
    "parts",
    (24,),
    {
        "en": "What does each part of a block do: residual paths, feed-forward, positions, normalisation, the number "
        "of heads?",
        "ko": "블록의 각 부분은 무엇을 하는가: 잔차 연결, 피드포워드, 위치, 정규화, 헤드의 수?",
    },
    (
        _worse("no residual", "Without residual paths", "잔차 연결이 없으면"),
        _worse("no feed-forward", "Without feed-forward layers", "피드포워드가 없으면"),
        _worse("no positions", "Without positions", "위치 정보가 없으면"),
        _worse("no norm", "Without normalisation", "정규화가 없으면"),
        _frailer("no residual", "Without residual paths", "잔차 연결이 없으면"),
        _frailer("no norm", "Without normalisation", "정규화가 없으면"),
        Claim(
            {
                "en": "More heads are better: 4 have a lower loss than 1",
                "ko": "헤드는 많을수록 좋다: 4개가 1개보다 손실이 낮다",
            },
            _WHOLE,
            "1 head",
        ),
        Claim(
            {
                "en": "More heads are better: 8 have a lower loss than 4",
                "ko": "헤드는 많을수록 좋다: 8개가 4개보다 손실이 낮다",
            },
            "8 heads",
            _WHOLE,
        ),
    ),
    tuple(Arm(name, model=model, task="parting:train") for name, model in _PARTS.items()),
    (
        BPB,
        N_BLOCK,
        *_BEARS,
        LR,
        SPEED,
    ),
    (
        Figure(
            "bar",
            {"en": "BPB without each part", "ko": "각 부분을 뺐을 때의 BPB"},
            "arm",
            "bpb",
            {"en": "what is left out or changed", "ko": "빼거나 바꾼 것"},
            _BITS,
        ),
        Figure(
            "line",
            {
                "en": "What learning rate each bears: training BPB after a short training",
                "ko": "견디는 학습률: 짧게 학습한 뒤의 학습 BPB",
            },
            "lr",
            "bpb",
            {"en": "learning rate", "ko": "학습률"},
            _BITS,
            series="arm",
            points="parting:bpb_by_rate",
            x_log=True,
        ),
    ),
    minutes=9.0,
    smoke=_FEW_TRIALS,
    note={
        "en": "Heads share the width, so their number changes no parameter; without feed-forward there are a third as "
        "many in a block. A rate diverged where the loss is no number or ends above that of a model that knows nothing "
        "(16 KB each, gradients clipped as always); the share is that of all rates of all seeds. Two layers: "
        "residual paths and norms matter more in deep models.",
        "ko": "헤드는 폭을 나누어 가지므로 그 수는 매개변수를 바꾸지 않는다. 피드포워드가 없으면 블록의 매개변수는 "
        "3분의 1이다. 손실이 수가 아니게 되거나, 아무것도 모르는 모델보다 나쁘게 끝나면 발산으로 본다"
        "(각 16 KB, 기울기 자르기는 늘 하던 대로). 비율은 모든 시드의 학습률을 합친 것이다. 두 층짜리 모델이다. "
        "잔차 연결과 정규화는 깊은 모델에서 더 중요하다.",
    },
)

ROWS: tuple[Experiment, ...] = (_NORM, _STABLE)
