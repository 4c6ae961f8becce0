"""Experiments about how one trains: the size of a step, dropout."""

from bpe_lab_model.experiments.columns import LR, SPEED
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure, Said

_BPB = Column("bpb", {"en": "validation BPB", "ko": "검증 BPB"}, better="lower")
_SEEN = Column("seen_bpb", {"en": "training BPB", "ko": "학습 BPB"})
_GAP = Column("seen_gap", {"en": "gap", "ko": "둘의 차이"}, "+.4f")
_STEPS = Column("steps", {"en": "updates", "ko": "갱신 횟수"}, ",.0f")

# -- batch

_SIZES = (512, 1_024, 2_048, 4_096, 8_192, 16_384)
_SMALL, _USUAL, _LARGE = (f"{n:,} bytes" for n in (_SIZES[0], _SIZES[1], _SIZES[-1]))

_BATCH = Experiment(
    name="batch",
    questions=(14,),
    question={
        "en": "Parallel work gives the same result whatever the batch; why does the batch size change training?",
        "ko": "병렬 작업은 보통 배치를 어떻게 나누든 결과가 같은데, 왜 학습에서는 배치 크기에 따라 결과가 달라지는가?",
    },
    claims=(
        Claim(
            {
                "en": "One step cut into eight parts has the same gradient",
                "ko": "한 스텝을 여덟 조각으로 나누어 계산해도 기울기는 같다",
            },
            value="batches:largest_cut_difference",
            what={
                "en": "largest difference of a gradient, as a part of it",
                "ko": "기울기의 가장 큰 차이(기울기에 대한 비율)",
            },
            expected="same",
            margin=1e-5,
            exact=True,
        ),
        Claim(
            {
                "en": "The size of the batch makes no difference to the result (1 %)",
                "ko": "배치 크기는 결과에 영향을 주지 않는다(1 % 이내)",
            },
            arm=_LARGE,
            base=_USUAL,
            expected="same",
            margin=0.01,
        ),
        Claim(
            {
                "en": "Small batches zig-zag: gradients of successive steps point less the same way",
                "ko": "작은 배치는 지그재그로 움직인다. 곧 이어지는 두 스텝의 기울기 방향이 덜 비슷하다",
            },
            arm=_SMALL,
            base=_LARGE,
            column="cosine",
        ),
        Claim(
            {
                "en": "The noise of small batches helps to generalise: validation text lies less above training text",
                "ko": "작은 배치의 잡음은 일반화를 돕는다. 곧 학습 텍스트와 검증 텍스트의 BPB 차이가 작다",
            },
            arm=_SMALL,
            base=_LARGE,
            column="seen_gap",
        ),
        Claim(
            {
                "en": "Large batches may miss the best: at equal bytes they end at a higher loss",
                "ko": "큰 배치는 최적점을 놓치기 쉽다. 곧 같은 바이트를 읽고도 손실이 더 높다",
            },
            arm=_LARGE,
            base=_SMALL,
            expected="higher",
        ),
        Claim(
            {
                "en": "Large batches are more efficient: more bytes a second",
                "ko": "큰 배치가 더 효율적이다. 곧 초당 더 많은 바이트를 처리한다",
            },
            arm=_LARGE,
            base=_SMALL,
            column="bytes_per_s",
            expected="higher",
        ),
    ),
    arms=tuple(
        Arm(
            f"{n:,} bytes",
            training={"bytes_per_step": n},
            text_share=0.25,
            task="batches:train",
            measures=("batches:seen",),
        )
        for n in _SIZES
    ),
    columns=(
        Column("bytes_per_update", {"en": "bytes an update", "ko": "갱신당 바이트"}, ",.0f"),
        _STEPS,
        LR,
        _BPB,
        _SEEN,
        _GAP,
        Column("cosine", {"en": "cosine of successive gradients", "ko": "이어지는 기울기의 코사인"}, ".3f"),
        Column("cosine_of_noise", {"en": "the same by noise alone", "ko": "잡음만 있을 때의 코사인"}, ".3f"),
        Column("noise_bytes", {"en": "gradient-noise scale, bytes", "ko": "기울기 잡음 척도(바이트)"}, ",.0f"),
        SPEED,
    ),
    figures=(
        Figure(
            "line",
            {"en": "Loss by size of the step, at equal bytes", "ko": "같은 바이트를 읽었을 때 스텝 크기별 손실"},
            x="bytes_per_update",
            y="bpb",
            x_title={"en": "bytes an update", "ko": "갱신당 바이트"},
            y_title={"en": "validation BPB", "ko": "검증 BPB"},
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "Cosine of successive gradients", "ko": "이어지는 두 기울기의 코사인"},
            x="bytes_per_update",
            y="cosine",
            x_title={"en": "bytes an update", "ko": "갱신당 바이트"},
            y_title={"en": "cosine", "ko": "코사인"},
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "Gap between validation and training text", "ko": "검증 텍스트와 학습 텍스트의 차이"},
            x="bytes_per_update",
            y="seen_gap",
            x_title={"en": "bytes an update", "ko": "갱신당 바이트"},
            y_title={"en": "BPB", "ko": "BPB"},
            x_log=True,
        ),
    ),
    screen=3,
    minutes=7.0,
    smoke={"n_gradients": 4, "rows_to_cut": 8},
    note={
        "en": "Each arm reads a quarter of the text four times, since nothing can be learned by heart from text that is"
        " read once; its learning rate is probed. Formulas: docs/experiments-training.md.",
        "ko": "한 번만 읽은 텍스트는 외울 수 없으므로 모든 조건은 텍스트의 4분의 1을 네 번 읽는다. 학습률은 조건마다"
        " 따로 골랐다. 공식은 docs/experiments-training.md에 있다.",
    },
)

# -- dropout

_ONE, _FOUR, _SIXTEEN = 0.2, 0.8, 3.2
"""Budgets: a text of 0.2 is read once, four times, sixteen times."""


def _dropping(name: str, **rates: float) -> Arm:
    model = {f"dropout_{place}": rate for place, rate in rates.items()}
    return Arm(name, model=model, text_share=_ONE, measures=("batches:seen",))


_PLACES = ("embedding", "attention", "residual")


def _everywhere(rate: float) -> Arm:
    return _dropping(f"{rate} everywhere", **dict.fromkeys(_PLACES, rate))


def _claim(said: Said, arm: str, expected: str, budget: float, column: str = "bpb") -> Claim:
    return Claim(said, arm=arm, base="none", column=column, expected=expected, budget=budget)  # type: ignore[arg-type]


_BPE = "BPE-dropout 0.1"

_DROPOUT = Experiment(
    name="dropout",
    questions=(25,),
    question={"en": "What does dropout do, and when?", "ko": "드롭아웃은 무엇을 하고, 언제 도움이 되는가?"},
    claims=(
        _claim(
            {"en": "At one epoch dropout can only hurt", "ko": "텍스트를 한 번만 읽을 때 드롭아웃은 해롭기만 하다"},
            "0.1 everywhere",
            "higher",
            _ONE,
        ),
        _claim(
            {
                "en": "Where a text is read sixteen times, dropout of 0.1 helps",
                "ko": "같은 텍스트를 열여섯 번 읽을 때는 드롭아웃 0.1이 도움이 된다",
            },
            "0.1 everywhere",
            "lower",
            _SIXTEEN,
        ),
        _claim(
            {
                "en": "Dropout of 0.2 keeps the model from learning by heart: a smaller gap after sixteen epochs",
                "ko": "드롭아웃 0.2는 모델이 텍스트를 외우지 못하게 한다. 곧 16에폭 뒤 학습·검증 BPB 차이가 작다",
            },
            "0.2 everywhere",
            "lower",
            _SIXTEEN,
            "seen_gap",
        ),
        _claim(
            {"en": "At one epoch BPE-dropout hurts", "ko": "한 번만 읽을 때 BPE 드롭아웃은 해롭다"},
            _BPE,
            "higher",
            _ONE,
        ),
        _claim(
            {
                "en": "Where a text is read sixteen times, BPE-dropout helps",
                "ko": "같은 텍스트를 열여섯 번 읽을 때는 BPE 드롭아웃이 도움이 된다",
            },
            _BPE,
            "lower",
            _SIXTEEN,
        ),
    ),
    arms=(
        Arm("none", text_share=_ONE, measures=("batches:seen",)),
        _everywhere(0.1),
        _everywhere(0.2),
        *(_dropping(f"{rate} on {place}", **{place: rate}) for place in _PLACES for rate in (0.1, 0.2)),
        Arm(_BPE, text_share=_ONE, task="dropping:train", measures=("batches:seen",), options={"dropout": 0.1}),
    ),
    budgets=(_ONE, _FOUR, _SIXTEEN),
    minutes=8.0,
    columns=(
        Column("epochs", {"en": "epochs", "ko": "에폭"}, ".0f"),
        LR,
        _BPB,
        _SEEN,
        _GAP,
        Column("tokens_per_kb", {"en": "tokens a KB", "ko": "KB당 토큰"}, ".0f"),
        SPEED,
    ),
    figures=(
        Figure(
            "line",
            {"en": "Validation loss by how often a text is read", "ko": "텍스트를 읽은 횟수에 따른 검증 손실"},
            x="epochs",
            y="bpb",
            x_title={"en": "epochs over the same text", "ko": "같은 텍스트를 읽은 횟수(에폭)"},
            y_title={"en": "validation BPB", "ko": "검증 BPB"},
            series="arm",
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "Gap between validation and training text", "ko": "검증 텍스트와 학습 텍스트의 차이"},
            x="epochs",
            y="seen_gap",
            x_title={"en": "epochs over the same text", "ko": "같은 텍스트를 읽은 횟수(에폭)"},
            y_title={"en": "BPB", "ko": "BPB"},
            series="arm",
            x_log=True,
        ),
    ),
    note={
        "en": "All arms read the same fifth of the text, once, four and sixteen times: three budgets of one trunk. The"
        " learning rate is the one that is best for one epoch. Training text is scored without dropout, and all scored"
        " text is cut without dropout of merges.",
        "ko": "모든 조건이 텍스트의 같은 5분의 1을 한 번, 네 번, 열여섯 번 읽는다(한 줄기에서 갈라진 세 예산). 학습률은"
        " 1에폭에서 가장 좋은 값이다. 학습 텍스트도 드롭아웃 없이 채점하며, 채점하는 텍스트는 늘 병합을 빠뜨리지 않고"
        " 자른다.",
    },
)

ROWS: tuple[Experiment, ...] = (_BATCH, _DROPOUT)
