"""Experiments about what stood far before."""

from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_TOKENIZERS = {"BPE": "unit=byte,vocab=2048", "bytes": "unit=byte,vocab=257"}
_POSITIONS = ("rope", "alibi", "learned", "none")

_START = {"init_std": 0.1, "table_std": 0.02}
"""A trunk of width 64 that starts with GPT-2's 0.02 needs twice the text to find out the game."""

_TRAINING = {"lr": 4e-3, "bytes_per_step": 512}

_CLAIMS = (
    Claim(
        {
            "en": "Cut finely, a model forgets sooner: with bytes it finds fewer values within the context than with "
            "BPE (rope)",
            "ko": "잘게 자르면 더 빨리 잊는다: 바이트 단위는 문맥 안에서 BPE보다 값을 덜 찾아낸다(rope)",
        },
        "bytes, rope",
        "BPE, rope",
        "recall_within",
        "lower",
    ),
    Claim(
        {
            "en": "A bias for what is near forgets what is far: within the context ALiBi finds fewer values than rope "
            "(BPE)",
            "ko": "가까운 것을 편들면 먼 것을 잊는다: ALiBi는 문맥 안에서 rope보다 값을 덜 찾아낸다(BPE)",
        },
        "BPE, alibi",
        "BPE, rope",
        "recall_within",
        "lower",
    ),
    Claim(
        {
            "en": "Rotary positions carry over without trouble: beyond the training context rope finds more than "
            "learned positions, which see the last context alone and can only guess (BPE)",
            "ko": "회전 위치는 긴 글에도 문제없이 통한다: 학습 문맥 밖에서 rope는, 마지막 문맥만 보고 찍을 수밖에 없는 "
            "학습된 위치보다 더 찾아낸다(BPE)",
        },
        "BPE, rope",
        "BPE, learned",
        "recall_beyond",
        "higher",
    ),
)

_COLUMNS = (
    Column("bpb", {"en": "BPB of lines", "ko": "줄의 BPB"}, better="lower"),
    Column("recall_near", {"en": "right at 64 bytes", "ko": "64바이트 앞"}, ".3f", "higher"),
    Column("recall_within", {"en": "right within C", "ko": "문맥 안"}, ".3f", "higher"),
    Column("recall_beyond", {"en": "right beyond C", "ko": "문맥 밖"}, ".3f", "higher"),
    Column("recall_of_rivals", {"en": "right among four facts", "ko": "사실 넷 가운데"}, ".3f", "higher"),
    Column("recall_exact", {"en": "exact within C", "ko": "문맥 안, 정확히"}, ".3f", "higher"),
    Column("recall_bits", {"en": "bits of the answer", "ko": "답의 비트"}, ".2f", "lower"),
)

ROWS: tuple[Experiment, ...] = (
    Experiment(
        "recall",
        (30, 9),
        {
            "en": "Does a model hold on to what stood far before?",
            "ko": "모델은 멀리 앞에 나온 것을 기억하는가?",
        },
        _CLAIMS,
        tuple(
            Arm(
                f"{name}, {position}",
                tokenizer=tokenizer,
                model={"position": position, **_START},
                training=_TRAINING,
                probes=False,
                task="remembering:learn",
                measures=("remembering:recalled",),
            )
            for name, tokenizer in _TOKENIZERS.items()
            for position in _POSITIONS
        ),
        _COLUMNS,
        (
            Figure(
                "line",
                {
                    "en": "A value is asked for again: share of right answers among ten",
                    "ko": "앞에 나온 값을 다시 묻기: 열 가지 중 맞힌 비율",
                },
                "distance",
                "right",
                {"en": "bytes back", "ko": "몇 바이트 앞"},
                {"en": "share right (chance 0.1)", "ko": "맞힌 비율(우연은 0.1)"},
                series="arm",
                points="remembering:points",
                x_log=True,
            ),
        ),
        budgets=(2.0,),
        confirm=5,
        minutes=7.0,
        smoke={"distances": (16, 32, 128), "questions": 4},
        note={
            "en": "A game of its own: documents of lines such as 물=7 between lines of words. Right: the likeliest of "
            "the ten digits; chance is 0.1, and 3.32 bits. Among four facts, who says any of the four has 0.325. "
            "Bits per byte are those of such lines. Learned positions see the last context alone. The learning rate is "
            "the same for all arms.",
            "ko": "따로 만든 놀이다: 낱말 줄 사이에 물=7 같은 줄이 있다. 열 숫자 가운데 가장 그럴듯한 것이 답이면 맞힌 "
            "것이고, 우연은 0.1, 3.32비트다. 사실 넷 가운데에서는 아무 값이나 말해도 0.325다. BPB는 이런 줄의 값이다. "
            "학습된 위치는 마지막 문맥만 본다. 학습률은 모두 같다.",
        },
    ),
)
