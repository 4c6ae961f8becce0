"""Experiments about what stood far before."""

from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_TOKENIZERS = {"BPE": "unit=byte,vocab=2048", "bytes": "unit=byte,vocab=257"}
_POSITIONS = ("rope", "alibi", "learned", "none")

_TRAINING = {"lr": 3e-3, "bytes_per_step": 512}

_CLAIMS = (
    Claim(
        {
            "en": "cut finely, a model forgets sooner: with bytes fewer values are found within the context than with "
            "BPE (rope)",
            "ko": "잘게 자르면 더 빨리 잊는다: 문맥 안에서 바이트 단위는 BPE보다 값을 덜 찾아낸다(rope)",
        },
        "bytes, rope",
        "BPE, rope",
        "recall_within",
        "lower",
    ),
    Claim(
        {
            "en": "what stood far before is forgotten: beyond the context fewer values are found than within (BPE, "
            "alibi against rope: a bias for what is near forgets more)",
            "ko": "ALiBi처럼 가까운 것을 편드는 위치는 더 잊는다: 문맥 안에서 rope보다 값을 덜 찾아낸다(BPE)",
        },
        "BPE, alibi",
        "BPE, rope",
        "recall_within",
        "lower",
    ),
    Claim(
        {
            "en": "rotary positions carry over: beyond the training context they find as many values as ALiBi or more",
            "ko": "회전 위치는 긴 글에도 통한다: 학습 문맥 밖에서도 ALiBi만큼, 또는 그보다 더 찾아낸다",
        },
        "BPE, rope",
        "BPE, alibi",
        "recall_beyond",
        "higher",
    ),
)

_COLUMNS = (
    Column("bpb", {"en": "BPB of lines", "ko": "줄의 BPB"}, better="lower"),
    Column("recall_near", {"en": "right at 64 bytes", "ko": "64바이트 앞"}, ".3f", "higher"),
    Column("recall_within", {"en": "right within C", "ko": "문맥 안"}, ".3f", "higher"),
    Column("recall_beyond", {"en": "right beyond C", "ko": "문맥 밖"}, ".3f", "higher"),
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
                model={"position": position},
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
        budgets=(4.0,),
        confirm=3,
        minutes=5.0,
        smoke={"distances": (16, 128), "questions": 4},
        note={
            "en": "A game of its own: documents of lines such as 물=7, in which keys come again. Chance is 0.1 and 3.32 "
            "bits. Bits per byte are those of such lines. Learned positions see the last context alone, so beyond it "
            "they guess.",
            "ko": "따로 만든 놀이다: 물=7 같은 줄이 이어지고 열쇠가 다시 나온다. 우연은 0.1, 3.32비트다. BPB는 이런 줄의 "
            "값이다. 학습된 위치는 마지막 문맥만 보므로 그 밖의 것은 찍을 수밖에 없다.",
        },
    ),
)
