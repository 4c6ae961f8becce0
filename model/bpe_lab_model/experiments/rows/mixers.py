"""Experiments about mixers."""

from bpe_lab_model.experiments.columns import N_BLOCK
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_TOKENIZERS = {"bytes": "unit=byte,vocab=257", "BPE": "unit=byte,vocab=8k"}
_MIXERS = {
    "attention": {},
    "ssd": {"mixer": "ssd", "position": "none"},
    "lstm": {"mixer": "lstm", "position": "none"},
}

_STEP_BYTES = 4096
"""The longest context of `study`: so that every context gives as many updates."""

_CLAIMS = (
    Claim(
        {
            "en": "Attention's cost grows exponentially with the length of the text: an exponential fits its times "
            "better than a power does (bytes)",
            "ko": "어텐션의 비용은 글 길이에 따라 지수적으로 커진다: 잰 시간에 거듭제곱보다 지수 곡선이 더 잘 맞는다"
            "(바이트)",
        },
        expected="higher",
        value="mixing:exponential_fits",
        what={
            "en": "error of the power less that of the exponential, in log seconds",
            "ko": "거듭제곱의 오차에서 지수 곡선의 오차를 뺀 값(로그 초)",
        },
        among=("attention, bytes",),
    ),
    Claim(
        {
            "en": "Attention's time grows with a higher power of the length than an SSM's (bytes)",
            "ko": "어텐션의 시간은 SSM보다 글 길이의 더 높은 거듭제곱으로 커진다(바이트)",
        },
        "attention, bytes",
        "ssd, bytes",
        "exponent",
        "higher",
    ),
    Claim(
        {
            "en": "An SSM trains faster on long text than attention (16 KB, bytes)",
            "ko": "긴 글에서는 SSM이 어텐션보다 빨리 학습한다(16 KB, 바이트)",
        },
        "ssd, bytes",
        "attention, bytes",
        "train_bytes_per_s_longest",
        "higher",
    ),
    Claim(
        {
            "en": "An SSM trains faster on long text than attention (16 KB, BPE)",
            "ko": "긴 글에서는 SSM이 어텐션보다 빨리 학습한다(16 KB, BPE)",
        },
        "ssd, BPE",
        "attention, BPE",
        "train_bytes_per_s_longest",
        "higher",
    ),
    Claim(
        {
            "en": "After long text an SSM answers faster than attention (16 KB, bytes)",
            "ko": "긴 글 뒤에서는 SSM이 어텐션보다 빨리 답한다(16 KB, 바이트)",
        },
        "ssd, bytes",
        "attention, bytes",
        "decode_bytes_per_s_longest",
        "higher",
    ),
    Claim(
        {
            "en": "Attention has a lower loss than an SSM (4 KB of context, BPE)",
            "ko": "어텐션이 SSM보다 손실이 낮다(문맥 4 KB, BPE)",
        },
        "attention, BPE",
        "ssd, BPE",
        "bpb_longest",
        "lower",
    ),
    Claim(
        {
            "en": "Attention has a lower loss than an LSTM (4 KB of context, BPE)",
            "ko": "어텐션이 LSTM보다 손실이 낮다(문맥 4 KB, BPE)",
        },
        "attention, BPE",
        "lstm, BPE",
        "bpb_longest",
        "lower",
    ),
)

_COLUMNS = (
    Column("bpb", {"en": "BPB, 0.5 KB of context", "ko": "BPB, 문맥 0.5 KB"}, better="lower"),
    Column("bpb_longest", {"en": "BPB, 4 KB", "ko": "BPB, 4 KB"}, better="lower"),
    N_BLOCK,
    Column("exponent", {"en": "exponent of training time", "ko": "학습 시간의 지수"}, ".2f", "lower"),
    Column("decode_exponent", {"en": "exponent of a token's time", "ko": "토큰당 생성 시간의 지수"}, ".2f", "lower"),
    Column(
        "train_bytes_per_s_longest",
        {"en": "training at 16 KB, bytes/s", "ko": "16 KB 학습, 바이트/초"},
        ",.0f",
        "higher",
    ),
    Column(
        "decode_bytes_per_s_longest",
        {"en": "answering at 16 KB, bytes/s", "ko": "16 KB 뒤 생성, 바이트/초"},
        ",.0f",
        "higher",
    ),
    Column(
        "train_bytes_per_byte_longest",
        {"en": "kept per byte in training", "ko": "학습 중 바이트당 메모리"},
        "bytes",
        "lower",
    ),
    Column(
        "cache_bytes_per_kb_longest", {"en": "cache per KB at 16 KB", "ko": "16 KB에서 KB당 캐시"}, "bytes", "lower"
    ),
    Column("flops_per_byte", {"en": "FLOPs/byte", "ko": "바이트당 FLOPs"}, ",.0f", "lower"),
)

_LENGTH = {"en": "length of the text, bytes", "ko": "글의 길이, 바이트"}

ROWS: tuple[Experiment, ...] = (
    Experiment(
        "mixer",
        (34,),
        {
            "en": "RNNs before, SSMs after: is attention's cost exponential, and who wins on long text in time, memory "
            "and loss?",
            "ko": "RNN이 앞서 있었고 SSM이 뒤를 이었다. 어텐션의 비용은 지수적인가? 긴 글에서는 시간, 메모리, 손실 "
            "면에서 무엇이 나은가?",
        },
        _CLAIMS,
        tuple(
            Arm(
                f"{mixer}, {name}",
                tokenizer=tokenizer,
                model=model,
                training={"bytes_per_step": _STEP_BYTES},
                task="mixing:contexts",
                measures=("mixing:lengths",),
            )
            for name, tokenizer in _TOKENIZERS.items()
            for mixer, model in _MIXERS.items()
        ),
        _COLUMNS,
        (
            Figure(
                "line",
                {"en": "Training time per byte by length of the text", "ko": "글 길이에 따른 바이트당 학습 시간"},
                "length",
                "seconds",
                _LENGTH,
                {"en": "microseconds a byte", "ko": "바이트당 마이크로초"},
                series="arm",
                points="mixing:seconds_by_length",
                x_log=True,
                y_log=True,
            ),
            Figure(
                "line",
                {"en": "Time to answer a byte after so much text", "ko": "앞글의 길이에 따른 바이트당 생성 시간"},
                "length",
                "wait",
                _LENGTH,
                {"en": "milliseconds a byte", "ko": "바이트당 밀리초"},
                series="arm",
                points="mixing:waits_by_length",
                x_log=True,
                y_log=True,
            ),
            Figure(
                "line",
                {"en": "BPB by context, each trained at it", "ko": "문맥 길이별 BPB(각 문맥으로 학습)"},
                "context",
                "bpb",
                {"en": "context, bytes", "ko": "문맥, 바이트"},
                {"en": "bits per byte", "ko": "바이트당 비트"},
                series="arm",
                points="mixing:bpb_by_context",
                x_log=True,
            ),
        ),
        confirm=3,
        minutes=10.0,
        smoke={"contexts": (1, 2), "lengths": (64, 256), "repeats": 1, "decoded": 2},
        note={
            "en": "Equal parameters of the trunk within 1 %, equal bytes, equal updates; the learning rate is probed "
            "at the shortest context. Attention has rotary positions, the others none. At preset study the text is too "
            "short for good models: what is said is who learns faster from 200 KB. BPE has at most 8,000 tokens, "
            "fewer where the text gives fewer. Seconds are the processor's, of code without kernels "
            "of its own.",
            "ko": "몸통의 매개변수는 1% 안에서 같고, 본 바이트와 갱신 횟수도 같다. 학습률은 가장 짧은 문맥에서 고른다. "
            "어텐션은 회전 위치를 쓰고 나머지는 위치를 쓰지 않는다. 프리셋 study의 글은 좋은 모델을 만들기에 짧으므로, "
            "200 KB에서 누가 더 빨리 배우는지만 말해 준다. BPE 어휘는 최대 8,000개이고 글이 모자라면 더 적다. "
            "시간은 전용 커널 없이 잰 프로세서 시간이다.",
        },
    ),
)
