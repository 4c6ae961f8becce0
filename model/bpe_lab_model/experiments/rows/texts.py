"""Experiments about texts: what a vocabulary is learned from, how long its tokens are, and what it is used on."""

from bpe_lab_model.experiments.columns import BPB
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_TOKENS = Column("tokens", {"en": "tokens in the vocabulary", "ko": "어휘의 토큰 수"}, ",.0f")
_PER_KB = Column("tokens_per_kb", {"en": "tokens per KB of text", "ko": "글 1KB의 토큰 수"}, ".0f", "lower")
_USED = Column("used", {"en": "share of the vocabulary used", "ko": "쓰인 어휘의 비율"}, ".1%", "higher")
_SPEED = Column("bytes_per_s", {"en": "bytes/s in training", "ko": "학습 속도(바이트/초)"}, ",.0f", "higher")
_FLOPS = Column("flops_per_byte", {"en": "FLOPs per byte", "ko": "바이트당 FLOPs"}, ".3g")
_PARAMETERS = Column("n_parameters", {"en": "parameters", "ko": "매개변수"}, ",.0f")

_SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)


def _share(part: float) -> str:
    return f"{part:.0%} of the text"


VOCABULARY_SAMPLE = Experiment(
    name="vocabulary-sample",
    questions=(4,),
    question={
        "en": "How much text does a vocabulary need? Is a sample enough?",
        "ko": "어휘를 만들려면 글이 얼마나 있어야 하는가? 표본이면 충분한가?",
    },
    claims=(
        Claim(
            {
                "en": "A vocabulary learned from a tenth of the text is as good as one from all of it",
                "ko": "글의 10분의 1로 만든 어휘는 전체로 만든 어휘만큼 좋다",
            },
            arm=_share(0.1),
            base=_share(1.0),
            expected="same",
        ),
        Claim(
            {
                "en": "A vocabulary learned from a hundredth of the text is worse than one from all of it",
                "ko": "글의 100분의 1로 만든 어휘는 전체로 만든 어휘보다 나쁘다",
            },
            arm=_share(0.01),
            base=_share(1.0),
            expected="higher",
        ),
        Claim(
            {
                "en": "A vocabulary learned from a hundredth of the text cuts text finer than one from all of it",
                "ko": "글의 100분의 1로 만든 어휘는 전체로 만든 어휘보다 글을 잘게 자른다",
            },
            arm=_share(0.01),
            base=_share(1.0),
            column="tokens_per_kb",
            expected="higher",
            exact=True,
        ),
    ),
    arms=tuple(
        Arm(_share(part), tokenizer_share=part, measures=("texts:vocabulary",), text_share=4.0) for part in _SHARES
    ),
    columns=(_TOKENS, _PER_KB, _USED, BPB),
    figures=(
        Figure(
            "line",
            {"en": "Bits per byte by the text that the vocabulary saw", "ko": "어휘가 본 글의 양과 BPB"},
            "arm",
            "bpb",
            {"en": "text that the vocabulary was learned from", "ko": "어휘를 만든 글"},
            {"en": "BPB", "ko": "BPB"},
        ),
    ),
    minutes=6.0,
    note={
        "en": "Only the tokenizer learns from a sample; every model trains on the same text.",
        "ko": "표본을 쓰는 것은 토크나이저뿐이며, 모델은 모두 같은 글로 학습한다.",
    },
)

_BYTES, _FINE, _PIECES, _WORDS, _SUPER = "single bytes", "512 tokens", "2,048 tokens", "8,192 tokens", "superwords"

WHOLE_WORDS = Experiment(
    name="whole-words",
    questions=(8,),
    question={
        "en": "Does a whole word as one token help: length, memory, speed, loss? Does cutting too finely hurt?",
        "ko": "낱말 전체를 한 토큰으로 두면 길이, 메모리, 속도, 손실에 도움이 되는가? 너무 잘게 자르면 해로운가?",
    },
    claims=(
        Claim(
            {
                "en": "Cutting text into single bytes gives a higher loss than pieces of words",
                "ko": "글을 바이트 하나하나로 자르면 낱말 조각으로 자를 때보다 손실이 크다",
            },
            arm=_BYTES,
            base=_PIECES,
            expected="higher",
        ),
        Claim(
            {
                "en": "More whole words in the vocabulary (8,192 tokens against 2,048) lower the loss",
                "ko": "어휘에 낱말이 통째로 더 많으면(2,048개 대신 8,192개) 손실이 줄어든다",
            },
            arm=_WORDS,
            base=_PIECES,
        ),
        Claim(
            {
                "en": "More whole words in the vocabulary make training faster, counted in bytes of text",
                "ko": "어휘에 낱말이 통째로 더 많으면 글의 바이트로 센 학습 속도가 빨라진다",
            },
            arm=_WORDS,
            base=_PIECES,
            column="bytes_per_s",
            expected="higher",
        ),
        Claim(
            {
                "en": "Tokens that span several words (superwords) lower the loss",
                "ko": "여러 낱말에 걸친 토큰(슈퍼워드)은 손실을 줄인다",
            },
            arm=_SUPER,
            base=_PIECES,
        ),
        Claim(
            {
                "en": "More whole words take less memory for the same context",
                "ko": "낱말이 통째로 더 많으면 같은 문맥에 드는 메모리가 적다",
            },
            arm=_WORDS,
            base=_PIECES,
            column="cache_kb",
            exact=True,
        ),
    ),
    arms=(
        Arm(_BYTES, "unit=byte,vocab=257", measures=("texts:vocabulary",)),
        Arm(_FINE, "unit=byte,vocab=512", measures=("texts:vocabulary",)),
        Arm(_PIECES, "unit=byte,vocab=2048", measures=("texts:vocabulary",)),
        Arm(_WORDS, "unit=byte,vocab=8192", measures=("texts:vocabulary",)),
        Arm(_SUPER, "unit=byte,vocab=2048,superword=1024:4", measures=("texts:vocabulary",)),
    ),
    columns=(
        _TOKENS,
        Column("whole_words", {"en": "words that are one token", "ko": "한 토큰인 어절"}, ".1%"),
        _PER_KB,
        Column("cache_kb", {"en": "memory per KB of context, KB", "ko": "문맥 1KB당 메모리(KB)"}, ".0f", "lower"),
        _SPEED,
        _PARAMETERS,
        BPB,
    ),
    figures=(
        Figure(
            "scatter",
            {"en": "Words that are one token, and the loss", "ko": "한 토큰인 어절의 비율과 손실"},
            "whole_words",
            "bpb",
            {"en": "share of words that are one token", "ko": "한 토큰인 어절의 비율"},
            {"en": "BPB", "ko": "BPB"},
            series="arm",
        ),
        Figure(
            "bar",
            {"en": "Speed of training", "ko": "학습 속도"},
            "arm",
            "bytes_per_s",
            {"en": "vocabulary", "ko": "어휘"},
            {"en": "bytes/s", "ko": "바이트/초"},
        ),
    ),
    minutes=6.0,
    note={
        "en": "All arms read the same bytes with the same trunk; a larger vocabulary adds rows to the table.",
        "ko": "모든 조건은 같은 본체로 같은 바이트를 읽으며, 어휘가 크면 임베딩 표의 행이 늘어난다.",
    },
)

_TRUNKS = {
    "small": {"n_layers": 1, "d_model": 32},
    "medium": {"n_layers": 2, "d_model": 64},
    "large": {"n_layers": 3, "d_model": 96},
}
_TRUNK_BUDGETS = {"small": (0.5, 1.0, 2.0, 4.0), "medium": (0.25, 0.5, 1.0), "large": (0.25, 0.5, 1.0)}
_VOCABULARIES = (512, 4096)


def _size(trunk: str, vocabulary: int) -> str:
    return f"{trunk}, {vocabulary} tokens"


_ENDS = tuple(_size(trunk, vocabulary) for vocabulary in _VOCABULARIES for trunk in ("small", "large"))

SIZE = Experiment(
    name="size",
    questions=(27,),
    question={
        "en": "Are more parameters always better, and does the better tokenizer change with the size of the model?",
        "ko": "매개변수는 많을수록 언제나 좋은가? 모델이 커지면 더 나은 토크나이저도 달라지는가?",
    },
    claims=(
        Claim(
            {
                "en": "After the same text a larger trunk has a lower loss (512 tokens)",
                "ko": "같은 글을 읽으면 큰 본체의 손실이 더 작다(512 토큰)",
            },
            arm=_size("large", 512),
            base=_size("small", 512),
            budget=1.0,
        ),
        Claim(
            {
                "en": "After the same text a larger trunk has a lower loss (4,096 tokens)",
                "ko": "같은 글을 읽으면 큰 본체의 손실이 더 작다(4,096 토큰)",
            },
            arm=_size("large", 4096),
            base=_size("small", 4096),
            budget=1.0,
        ),
        Claim(
            {
                "en": "A larger trunk has a lower loss for the same FLOPs too",
                "ko": "같은 FLOPs를 들여도 큰 본체의 손실이 더 작다",
            },
            value="texts:larger_at_equal_flops",
            what={
                "en": "large less small trunk at equal FLOPs, bits per byte",
                "ko": "같은 FLOPs에서 큰 본체에서 작은 본체를 뺀 바이트당 비트",
            },
            among=_ENDS,
        ),
        Claim(
            {
                "en": "A larger trunk gains more from the larger vocabulary than a small one does",
                "ko": "큰 본체는 작은 본체보다 큰 어휘에서 얻는 것이 더 많다",
            },
            value="texts:vocabulary_turns_with_size",
            what={
                "en": "what the large vocabulary gains in the large trunk beyond the small one, bits per byte",
                "ko": "큰 어휘가 작은 본체보다 큰 본체에서 더 얻는 이득(바이트당 비트)",
            },
            among=_ENDS,
            expected="higher",
        ),
    ),
    arms=tuple(
        Arm(
            _size(trunk, vocabulary),
            f"unit=byte,vocab={vocabulary}",
            model=_TRUNKS[trunk],
            budgets=_TRUNK_BUDGETS[trunk],
        )
        for vocabulary in _VOCABULARIES
        for trunk in _TRUNKS
    ),
    columns=(_PARAMETERS, _FLOPS, _SPEED, BPB),
    figures=(
        Figure(
            "line",
            {"en": "Loss by text read", "ko": "읽은 글의 양과 손실"},
            "budget",
            "bpb",
            {"en": "bytes of text", "ko": "읽은 바이트"},
            {"en": "BPB", "ko": "BPB"},
            series="arm",
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "Loss by work", "ko": "계산량과 손실"},
            "flops",
            "bpb",
            {"en": "FLOPs of training", "ko": "학습 FLOPs"},
            {"en": "BPB", "ko": "BPB"},
            series="arm",
            points="texts:by_work",
            x_log=True,
        ),
    ),
    budgets=(0.25, 0.5, 1.0),
    minutes=8.0,
    note={
        "en": "At equal FLOPs the small trunk reads more text. Losses between budgets are read off on log scales.",
        "ko": "같은 FLOPs에서는 작은 본체가 글을 더 많이 읽는다. 예산 사이의 손실은 로그 눈금에서 읽는다.",
    },
)

DOMAIN = Experiment(
    name="domain",
    questions=(26,),
    question={
        "en": "A model of prose and a model of code differ in character: in what, the tokenizer or the model?",
        "ko": "산문 모델과 코드 모델은 성격이 다르다. 그 차이는 토크나이저에서 오는가, 모델에서 오는가?",
    },
    claims=(
        Claim(
            {
                "en": "A model pays when its tokenizer comes from the other domain",
                "ko": "다른 분야의 토크나이저를 쓰면 모델의 손실이 커진다",
            },
            value="texts:tokenizer_costs",
            what={
                "en": "the other domain's tokenizer, bits per byte",
                "ko": "다른 분야 토크나이저의 비용(바이트당 비트)",
            },
            expected="higher",
        ),
        Claim(
            {
                "en": "Training the model on the other domain costs more than taking that domain's tokenizer",
                "ko": "모델을 다른 분야의 글로 학습하는 것이 다른 분야의 토크나이저를 쓰는 것보다 손실이 크다",
            },
            value="texts:model_more_than_tokenizer",
            what={
                "en": "the other domain's model less its tokenizer, bits per byte",
                "ko": "다른 분야 모델의 비용에서 토크나이저의 비용을 뺀 값(바이트당 비트)",
            },
            expected="higher",
        ),
    ),
    arms=tuple(
        Arm(
            f"tokenizer {tokenizer}, model {model}",
            text=model,
            tokenizer_text=tokenizer,
            measures=("texts:domains", "texts:vocabulary"),
        )
        for tokenizer in "12"
        for model in "12"
    ),
    columns=(
        Column("own", {"en": "BPB on the model's domain", "ko": "모델이 배운 분야의 BPB"}, better="lower"),
        Column("other", {"en": "BPB on the other domain", "ko": "다른 분야의 BPB"}, better="lower"),
        _PER_KB,
        Column("sample", {"en": "what it writes", "ko": "모델이 쓴 글"}, "s"),
    ),
    figures=(
        Figure(
            "bar",
            {"en": "On the domain that the model was trained on", "ko": "모델이 배운 분야에서"},
            "arm",
            "own",
            {"en": "tokenizer and model", "ko": "토크나이저와 모델"},
            {"en": "BPB", "ko": "BPB"},
        ),
        Figure(
            "bar",
            {"en": "On the other domain", "ko": "다른 분야에서"},
            "arm",
            "other",
            {"en": "tokenizer and model", "ko": "토크나이저와 모델"},
            {"en": "BPB", "ko": "BPB"},
        ),
    ),
    minutes=4.0,
    smoke={"sample_bytes": 20},
    note={
        "en": "1 and 2 are the domains of the text in the order in which they were given. Where there are more than "
        "two, the other domain is all that the model was not trained on.",
        "ko": "1과 2는 글의 분야를 주어진 순서대로 부른 것이다. 분야가 셋 이상이면 다른 분야는 모델이 배우지 않은 것 "
        "모두이다.",
    },
)

_NEW_ROWS = {"kept": "kept", "mean": "grown, mean", "byte-keyed": "grown, byte-keyed", "normal": "grown, normal"}

EXTEND = Experiment(
    name="extend",
    questions=(33,),
    question={
        "en": "Pre-training goes on in another domain: should the vocabulary grow with it?",
        "ko": "다른 분야의 글로 사전학습을 이어 갈 때 어휘도 함께 늘려야 하는가?",
    },
    claims=(
        Claim(
            {
                "en": "With a grown vocabulary the loss on the new domain is lower",
                "ko": "어휘를 늘리면 새 분야의 손실이 더 작다",
            },
            arm=_NEW_ROWS["mean"],
            base=_NEW_ROWS["kept"],
            column="new",
        ),
        Claim(
            {
                "en": "A grown vocabulary is ahead on the new domain before one budget of its text was read",
                "ko": "새 분야의 글을 예산 하나만큼 읽기 전에 늘린 어휘가 앞선다",
            },
            value="extending:crossing",
            what={"en": "budgets read until it is ahead, less 1", "ko": "앞설 때까지 읽은 예산의 수에서 1을 뺀 값"},
            among=(_NEW_ROWS["kept"], _NEW_ROWS["mean"]),
        ),
        Claim(
            {
                "en": "New rows that start as the mean of the old tokens' rows do better early than rows at random",
                "ko": "새 행을 옛 토큰 행의 평균으로 시작하면 무작위로 시작할 때보다 처음에 더 낫다",
            },
            arm=_NEW_ROWS["mean"],
            base=_NEW_ROWS["normal"],
            column="new",
            budget=0.125,
        ),
        Claim(
            {
                "en": "A grown vocabulary forgets more of the old domain",
                "ko": "어휘를 늘리면 옛 분야를 더 많이 잊는다",
            },
            arm=_NEW_ROWS["mean"],
            base=_NEW_ROWS["kept"],
            column="old",
            expected="higher",
        ),
    ),
    arms=tuple(
        Arm(
            name,
            tokenizer_text="1",
            text_share=8.0,
            task="extending:go_on",
            measures=("extending:both_domains",),
            options={"new_rows": new_rows, "before": 1.0, "new_tokens": 2048},
        )
        for new_rows, name in _NEW_ROWS.items()
    ),
    columns=(
        _TOKENS,
        Column("new_before", {"en": "new domain before, BPB", "ko": "시작할 때 새 분야 BPB"}, better="lower"),
        Column("new", {"en": "new domain, BPB", "ko": "새 분야 BPB"}, better="lower"),
        Column("old_before", {"en": "old domain before, BPB", "ko": "시작할 때 옛 분야 BPB"}, better="lower"),
        Column("old", {"en": "old domain, BPB", "ko": "옛 분야 BPB"}, better="lower"),
        _SPEED,
    ),
    figures=(
        Figure(
            "line",
            {"en": "The new domain", "ko": "새 분야"},
            "budget",
            "new",
            {"en": "bytes of the new domain read", "ko": "새 분야에서 읽은 바이트"},
            {"en": "BPB", "ko": "BPB"},
            series="arm",
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "The old domain", "ko": "옛 분야"},
            "budget",
            "old",
            {"en": "bytes of the new domain read", "ko": "새 분야에서 읽은 바이트"},
            {"en": "BPB", "ko": "BPB"},
            series="arm",
            x_log=True,
        ),
    ),
    budgets=(0.125, 0.25, 0.5, 1.0),
    minutes=4.0,
    smoke={"new_tokens": 64},
    note={
        "en": "Every arm begins with the same model of the first domain. New tokens are learned on the second domain's "
        "text. The second claim's value is the multiple of the budget after which the grown vocabulary stays ahead, "
        "less 1; twice the largest where it never is.",
        "ko": "모든 조건은 첫 분야의 같은 모델에서 시작하고, 새 토큰은 둘째 분야의 글에서 배운다. 둘째 주장의 값은 "
        "늘린 어휘가 계속 앞서기 시작하는 예산의 배수에서 1을 뺀 것이며, 끝내 앞서지 못하면 가장 큰 예산의 두 배다.",
    },
)

ROWS: tuple[Experiment, ...] = (VOCABULARY_SAMPLE, WHOLE_WORDS, SIZE, DOMAIN, EXTEND)
