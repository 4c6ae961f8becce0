"""Experiments about positions: which scheme, how far it reads on, and whether it is added or set beside."""

from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_BPB = {"en": "bits per byte", "ko": "바이트당 비트"}
_BYTES = {"en": "bytes of training text", "ko": "학습한 글의 바이트"}
_PLACE = {"en": "place in the text, in training lengths", "ko": "글에서의 자리(학습 길이의 배수)"}

_SCHEMES = ("rope", "learned", "sinusoidal", "alibi", "relative", "none")

POSITIONS = Experiment(
    name="positions",
    questions=(20,),
    question={
        "en": "Learned, fixed, rotary or relative positions: which are best, and which carry over to longer text?",
        "ko": "학습, 고정, 회전, 상대 위치 가운데 어느 것이 가장 낫고, 어느 것이 더 긴 글에서도 통하는가?",
    },
    claims=(
        Claim(
            {
                "en": "Rotary positions carry over to longer text without trouble: reading on to four times the "
                "training length beats starting anew in windows of that length",
                "ko": "회전 위치는 더 긴 글에서도 문제없이 통한다. 학습 길이의 네 배까지 이어 읽는 편이 학습 길이의 "
                "창으로 나누어 읽는 것보다 낫다",
            },
            value="placing:rope_far",
            what={
                "en": "bits per byte that reading on costs beside windows, from two to four lengths",
                "ko": "학습 길이의 2~4배를 이어 읽을 때 창으로 나눠 읽을 때보다 더 드는 바이트당 비트",
            },
            among=("rope",),
            expected="lower",
        ),
        Claim(
            {
                "en": "A bias by distance (ALiBi) carries over to longer text better than rotary positions",
                "ko": "거리에 따라 점수를 깎는 방식(ALiBi)은 회전 위치보다 긴 글에 더 잘 통한다",
            },
            arm="alibi",
            base="rope",
            column="excess.far",
        ),
        Claim(
            {
                "en": "With more data learned positions win over rotary ones",
                "ko": "자료가 많으면 학습하는 위치가 회전 위치를 이긴다",
            },
            arm="learned",
            base="rope",
        ),
        Claim(
            {
                "en": "Learned positions lag behind rotary ones less, the more text is trained on",
                "ko": "학습하는 글이 많을수록 학습하는 위치는 회전 위치에 덜 뒤진다",
            },
            value="placing:learned_catching_up",
            what={
                "en": "how the lag behind rope changes from the smallest to the largest budget, bits per byte",
                "ko": "가장 적은 예산에서 가장 많은 예산으로 갈 때 rope에 뒤진 폭의 변화(바이트당 비트)",
            },
            among=("learned", "rope"),
            expected="lower",
        ),
        Claim(
            {
                "en": "Without positions a model predicts worse",
                "ko": "위치 정보가 없으면 예측이 나빠진다",
            },
            arm="none",
            base="rope",
            expected="higher",
        ),
    ),
    arms=tuple(Arm(scheme, model={"position": scheme}, measures=("placing:by_position",)) for scheme in _SCHEMES),
    columns=(
        Column("bpb", _BPB, better="lower"),
        Column("n_parameters", {"en": "parameters", "ko": "파라미터"}, ",d"),
        Column("n_positions", {"en": "of them positions", "ko": "그중 위치"}, ",d"),
        Column(
            "reach", {"en": "reads on to, in training lengths", "ko": "이어 읽을 수 있는 길이(배)"}, ".1f", "higher"
        ),
        Column("read.next", {"en": "bits per byte at 1-2 lengths", "ko": "1-2배 자리의 바이트당 비트"}, better="lower"),
        Column("read.far", {"en": "at 2-4 lengths", "ko": "2-4배 자리"}, better="lower"),
        Column("excess.next", {"en": "beside windows, 1-2", "ko": "창과의 차이, 1-2배"}, "+.4f", "lower"),
        Column("excess.far", {"en": "beside windows, 2-4", "ko": "창과의 차이, 2-4배"}, "+.4f", "lower"),
        Column("bytes_per_s", {"en": "bytes/s", "ko": "초당 바이트"}, ",.0f", "higher"),
    ),
    figures=(
        Figure(
            "line",
            {"en": "Loss by place: trained to 1, read on to 4", "ko": "자리별 손실: 1까지 학습하고 4까지 읽기"},
            "place",
            "bpb",
            _PLACE,
            _BPB,
            "arm",
            points="placing:read_points",
        ),
        Figure(
            "line",
            {"en": "What reading on costs beside windows", "ko": "창으로 나눌 때와 견준 이어 읽기의 손해"},
            "place",
            "excess",
            _PLACE,
            {"en": "bits per byte more", "ko": "더 드는 바이트당 비트"},
            "arm",
            points="placing:excess_points",
        ),
        Figure(
            "line",
            {"en": "Loss by training text", "ko": "학습량별 손실"},
            "budget",
            "bpb",
            _BYTES,
            _BPB,
            "arm",
            x_log=True,
        ),
    ),
    budgets=(0.25, 0.5, 1.0),
    screen=3,
    minutes=8.0,
    note={
        "en": "Long texts are pieces of validation documents, four times the context; where no document is that long, "
        "documents of a domain are joined. A learned table has a place for each byte of the context, so it reads on "
        "as far as that many tokens reach and ends there; places beyond those met in training are as they were drawn.",
        "ko": "긴 글은 검증 문서에서 문맥의 네 배 길이로 잘라 낸 것이고, 그만큼 긴 문서가 없으면 같은 갈래의 문서를 "
        "이어 붙인다. 학습하는 위치 표는 문맥의 바이트 수만큼 자리가 있어서 토큰이 그 수에 이르면 끝난다. 학습에서 "
        "만나지 않은 자리는 처음 뽑힌 값 그대로이다.",
    },
)

ADD_OR_CONCAT = Experiment(
    name="add-or-concat",
    questions=(18,),
    question={
        "en": "Why are position vectors added and not put beside the token's, and what would that cost?",
        "ko": "위치 벡터를 왜 토큰 벡터 옆에 붙이지 않고 더하는가? 붙이면 무엇이 더 드는가?",
    },
    claims=(
        Claim(
            {
                "en": "Putting positions beside tokens doubles the model",
                "ko": "위치를 토큰 옆에 붙이면 모델이 두 배가 된다",
            },
            value="placing:doubling",
            what={
                "en": "parameters over twice those with positions added, less 1",
                "ko": "더할 때 매개변수의 두 배에 견준 비율에서 1을 뺀 값",
            },
            expected="same",
            margin=0.1,
            exact=True,
        ),
        Claim(
            {
                "en": "Side by side in the same width, token and position leave each other alone: the loss is lower",
                "ko": "같은 폭을 나누어 나란히 두면 토큰과 위치가 서로 방해하지 않아 손실이 낮아진다",
            },
            arm="concat-split",
            base="added",
            budget=1.0,
        ),
        Claim(
            {
                "en": "Side by side at full width each, the loss is lower than with adding, on the same text",
                "ko": "저마다 온 폭으로 나란히 두면 같은 글을 학습했을 때 더하기보다 손실이 낮다",
            },
            arm="concat-wide",
            base="added",
            budget=1.0,
        ),
        Claim(
            {
                "en": "At equal arithmetic too, side by side at full width beats adding",
                "ko": "같은 연산량으로 견주어도 저마다 온 폭으로 나란히 두는 쪽이 더하기보다 낫다",
            },
            value="placing:wide_at_equal_flops",
            what={
                "en": "bits per byte less those of adding, at equal FLOPs",
                "ko": "같은 연산량에서 더할 때와의 바이트당 비트 차이",
            },
            among=("concat-wide", "added"),
            expected="lower",
        ),
    ),
    arms=(
        Arm("added", model={"position": "learned"}),
        Arm("concat-split", model={"position": "concat-split"}),
        Arm("concat-wide", model={"position": "concat-wide"}, budgets=(0.5, 1.0)),
    ),
    columns=(
        Column("bpb", _BPB, better="lower"),
        Column("n_parameters", {"en": "parameters", "ko": "파라미터"}, ",d", "lower"),
        Column("n_block", {"en": "of them blocks", "ko": "그중 블록"}, ",d"),
        Column("n_positions", {"en": "of them positions", "ko": "그중 위치"}, ",d"),
        Column("flops_per_byte", {"en": "FLOPs per byte", "ko": "바이트당 FLOPs"}, ",.0f", "lower"),
        Column("memory_bytes", {"en": "peak memory", "ko": "최대 메모리"}, "bytes", "lower"),
        Column("bytes_per_s", {"en": "bytes/s", "ko": "초당 바이트"}, ",.0f", "higher"),
    ),
    figures=(
        Figure(
            "scatter",
            {"en": "Loss by arithmetic, a dot a seed", "ko": "연산량별 손실(점 하나가 시드 하나)"},
            "flops",
            "bpb",
            {"en": "FLOPs of training", "ko": "학습 FLOPs"},
            _BPB,
            "arm",
            x_log=True,
        ),
        Figure(
            "bar",
            {"en": "Parameters", "ko": "파라미터 수"},
            "arm",
            "n_parameters",
            {"en": "arm", "ko": "조건"},
            {"en": "parameters", "ko": "파라미터"},
        ),
    ),
    budgets=(0.5, 1.0, 2.0),
    minutes=7.0,
    note={
        "en": "concat-split gives half of the width to the token and half to the position; concat-wide gives each the "
        "whole width, so that the trunk is twice as wide and its blocks hold four times the parameters.",
        "ko": "concat-split은 폭의 절반을 토큰에, 절반을 위치에 준다. concat-wide는 둘 다 온 폭을 주므로 본체의 폭이 "
        "두 배, 블록의 파라미터가 네 배가 된다.",
    },
)

ROWS: tuple[Experiment, ...] = (POSITIONS, ADD_OR_CONCAT)
"""In the order in which they are listed."""
