"""Experiments about what a model is trained to do, and about tuning it afterwards."""

from bpe_lab_model.experiments.columns import BPB
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_UNDERSTAND = "understanding:understand"
_SMOKE = {
    "snippet_bytes": 32,
    "n_train": 16,
    "n_judge": 8,
    "n_test": 24,
    "tune_epochs": 1,
    "restored_bytes": 300,
    "n_samples": 2,
    "sample_bytes": 20,
}
_MLM = {"objective": "mlm"}
_SEQ2SEQ = {"objective": "seq2seq:spans"}
_TWO_WAY = {"mask": "two-way"}
_PREFIX = {"mask": "prefix"}
_LEARNED = ("understanding:restored", "understanding:continued")

_ACCURACY = Column("accuracy", {"en": "accuracy", "ko": "정확도"}, ".1%", "higher")
_LABEL_BITS = Column("label_bits", {"en": "bits a label", "ko": "레이블당 비트"}, ".3f", "lower")
_CHANCE = Column("chance", {"en": "chance", "ko": "찍었을 때"}, ".1%")
_RATE = Column("tune_lr", {"en": "tuning rate", "ko": "미세 조정 학습률"}, ".2g")
_TASK = {
    "en": "The task: which domain a snippet of 32 bytes is from, as many snippets of each; chance stands beside it. "
    "The learning rate of the tuning is chosen for each run on other snippets of the training text.",
    "ko": "과제는 32바이트짜리 토막글이 어느 영역에서 왔는지 맞히는 것이다. 영역마다 토막글 수가 같고, "
    "찍었을 때의 정확도를 함께 보인다. 미세 조정의 학습률은 실행마다 학습 글의 다른 토막글로 고른다.",
}

OBJECTIVE = Experiment(
    name="objective",
    questions=(11, 12),
    question={
        "en": "CLM for generation, MLM for understanding, Seq2Seq for rewriting: how much of that shows at small size?",
        "ko": "생성은 CLM, 이해는 MLM, 바꿔 쓰기는 Seq2Seq라는데, 작은 모델에서 얼마나 드러나는가?",
    },
    claims=(
        Claim(
            {
                "en": "MLM understands better than CLM: it tells domains apart more often after fine-tuning",
                "ko": "이해는 MLM이 CLM보다 낫다. 미세 조정하면 글의 영역을 더 자주 맞힌다",
            },
            "MLM", "CLM", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "CLM generates better than MLM: more of the words that it makes exist",
                "ko": "생성은 CLM이 MLM보다 낫다. 실제로 있는 어절을 더 많이 만든다",
            },
            "CLM", "MLM", "sample.known_words", "higher",
        ),
        Claim(
            {
                "en": "MLM restores hidden text better than CLM, which sees one side of it only",
                "ko": "가려진 글은 한쪽만 보는 CLM보다 MLM이 더 잘 되살린다",
            },
            "MLM", "CLM", "restored", "higher",
        ),
        Claim(
            {
                "en": "Seq2Seq turns damaged text into the text better than MLM does",
                "ko": "훼손된 글을 원래 글로 바꾸는 일은 Seq2Seq가 MLM보다 잘한다",
            },
            "Seq2Seq", "MLM", "restored", "higher",
        ),
    ),
    arms=(
        Arm("CLM", task=_UNDERSTAND, measures=_LEARNED),
        Arm("MLM", task=_UNDERSTAND, measures=_LEARNED, training=_MLM, model=_TWO_WAY),
        Arm("Seq2Seq", task=_UNDERSTAND, measures=_LEARNED, training=_SEQ2SEQ, model=_PREFIX),
    ),
    columns=(
        _ACCURACY,
        _LABEL_BITS,
        _CHANCE,
        Column("restored", {"en": "hidden bytes restored", "ko": "되살린 가려진 바이트"}, ".1%", "higher"),
        Column("sample.known_words", {"en": "words that exist", "ko": "실제로 있는 어절"}, ".1%", "higher"),
        Column("sample.invalid_utf8", {"en": "broken characters", "ko": "깨진 글자"}, ".2%", "lower"),
        Column("sample.distinct_2", {"en": "distinct pairs", "ko": "서로 다른 어절 쌍"}, ".1%", "higher"),
        Column("sample.copied", {"en": "copied", "ko": "베낀 비율"}, ".1%", "lower"),
        BPB,
        Column("seconds", {"en": "seconds", "ko": "초"}, ".1f", "lower"),
        Column("sample.first", {"en": "a sample", "ko": "생성 예"}, "s"),
    ),
    figures=(
        Figure(
            "bar", {"en": "Domains told apart after fine-tuning", "ko": "미세 조정 뒤 영역을 맞힌 비율"},
            "arm", "accuracy",
            {"en": "objective", "ko": "학습 목표"}, {"en": "accuracy", "ko": "정확도"},
        ),
        Figure(
            "bar", {"en": "Hidden bytes restored", "ko": "되살린 가려진 바이트"},
            "arm", "restored",
            {"en": "objective", "ko": "학습 목표"}, {"en": "share of hidden bytes", "ko": "가려진 바이트 중 비율"},
        ),
        Figure(
            "bar", {"en": "Words of continuations that exist", "ko": "이어 쓴 글에서 실제로 있는 어절"},
            "arm", "sample.known_words",
            {"en": "objective", "ko": "학습 목표"}, {"en": "share of words", "ko": "어절 중 비율"},
        ),
    ),
    minutes=4.0,
    smoke=_SMOKE,
    note={
        "en": f"{_TASK['en']} All objectives read equal bytes; MLM is asked for 15 % of them only. BPB exists for CLM "
        "alone. Each model continues text in the way in which it reads: MLM fills a mask behind the text, Seq2Seq goes "
        "on behind a prompt that ends in a mark. Hidden are the same 15 % of tokens for all: CLM sees what stands "
        "before them, MLM and Seq2Seq both sides.",
        "ko": f"{_TASK['ko']} 세 목표가 읽는 바이트는 같지만 MLM은 그중 15%만 맞힌다. BPB는 CLM에만 있다. "
        "이어 쓰기는 모델마다 글을 읽는 방식대로 한다. MLM은 글 뒤의 마스크를 채우고, Seq2Seq는 표식으로 끝나는 "
        "글머리의 뒤를 잇는다. 가리는 토큰 15%는 모두 같다. CLM은 그 앞만 보고, MLM과 Seq2Seq는 양쪽을 본다.",
    },
)  # fmt: skip

ENCODER_DECODER = Experiment(
    name="encoder-decoder",
    questions=(32,),
    question={
        "en": "Encoder or decoder: which classifies better, and at what cost? What does fine-tuning add to "
        "pre-training?",
        "ko": "인코더와 디코더 중 어느 쪽이 글을 더 잘 분류하고, 비용은 얼마인가? "
        "미세 조정은 사전 학습에 무엇을 더하는가?",
    },
    claims=(
        Claim(
            {
                "en": "An encoder (MLM, two-way) classifies better than a decoder (CLM, causal)",
                "ko": "분류는 인코더(MLM, 양방향)가 디코더(CLM, 단방향)보다 잘한다",
            },
            "MLM, two-way", "CLM, causal", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "A decoder classifies better after pre-training than without",
                "ko": "디코더는 사전 학습을 하면 하지 않았을 때보다 잘 분류한다",
            },
            "CLM, causal", "untrained, causal", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "An encoder classifies better after pre-training than without",
                "ko": "인코더는 사전 학습을 하면 하지 않았을 때보다 잘 분류한다",
            },
            "MLM, two-way", "untrained, two-way", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "It is seeing both ways that helps: a decoder that is tuned two-way classifies better",
                "ko": "양쪽을 보는 것이 도움이 된다. 디코더도 양방향으로 미세 조정하면 더 잘 분류한다",
            },
            "CLM, then two-way", "CLM, causal", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "An encoder costs more for each text, since every place sees all others",
                "ko": "인코더는 모든 자리가 서로를 보므로 글 하나에 드는 계산이 더 많다",
            },
            "MLM, two-way", "CLM, causal", "mflops_per_text", "higher",
        ),
    ),
    arms=(
        Arm("CLM, causal", task=_UNDERSTAND),
        Arm("MLM, two-way", task=_UNDERSTAND, training=_MLM, model=_TWO_WAY),
        Arm("CLM, then two-way", task=_UNDERSTAND, options={"reads": "encoder"}),
        Arm("untrained, causal", task="understanding:understand_untrained", probes=False),
        Arm("untrained, two-way", task="understanding:understand_untrained", probes=False, model=_TWO_WAY),
    ),
    columns=(
        _ACCURACY,
        _LABEL_BITS,
        _CHANCE,
        Column("mflops_per_text", {"en": "MFLOPs a text", "ko": "글당 MFLOPs"}, ".3f", "lower"),
        Column("ms_per_text", {"en": "ms a text", "ko": "글당 ms"}, ".2f", "lower"),
        Column("seconds", {"en": "seconds of pre-training", "ko": "사전 학습 초"}, ".1f", "lower"),
        Column("tune_seconds", {"en": "seconds of tuning", "ko": "미세 조정 초"}, ".1f", "lower"),
        _RATE,
        BPB,
    ),
    figures=(
        Figure(
            "bar", {"en": "Domains told apart", "ko": "영역을 맞힌 비율"},
            "arm", "accuracy",
            {"en": "model", "ko": "모델"}, {"en": "accuracy", "ko": "정확도"},
        ),
        Figure(
            "scatter", {"en": "Accuracy against cost", "ko": "정확도와 비용"},
            "mflops_per_text", "accuracy",
            {"en": "MFLOPs a text", "ko": "글당 MFLOPs"}, {"en": "accuracy", "ko": "정확도"},
            series="arm",
        ),
    ),
    minutes=4.0,
    smoke=_SMOKE,
    note={
        "en": f"{_TASK['en']} A decoder is read at the last place of a text, an encoder as the mean of all places. "
        "Accuracy before tuning is chance, since the layer over labels is new: what tuning adds is the distance.",
        "ko": f"{_TASK['ko']} 디코더는 글의 마지막 자리를, 인코더는 모든 자리의 평균을 읽는다. "
        "레이블 층은 새로 얹은 것이어서 미세 조정 전의 정확도는 찍었을 때와 같다. 그 차이가 미세 조정이 더한 몫이다.",
    },
)  # fmt: skip

LORA = Experiment(
    name="lora",
    questions=(32,),
    question={
        "en": "LoRA: what does tuning a few adapters lose against tuning all of a model, and what does it save?",
        "ko": "LoRA: 모델 전체 대신 작은 어댑터만 미세 조정하면 무엇을 잃고 무엇을 아끼는가?",
    },
    claims=(
        Claim(
            {
                "en": "LoRA of rank 4 classifies as well as full tuning (within 2 %)",
                "ko": "랭크 4의 LoRA는 전체 미세 조정만큼 잘 분류한다(2% 이내)",
            },
            "LoRA 4", "full", "accuracy", "same", margin=0.02,
        ),
        Claim(
            {
                "en": "A higher rank classifies better: 16 against 1",
                "ko": "랭크가 높을수록 잘 분류한다(16과 1)",
            },
            "LoRA 16", "LoRA 1", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "Adapters add to what a layer over labels does alone",
                "ko": "어댑터를 더하면 레이블 층만 학습할 때보다 잘 분류한다",
            },
            "LoRA 4", "layer alone", "accuracy", "higher",
        ),
        Claim(
            {
                "en": "LoRA takes less time than full tuning",
                "ko": "LoRA는 전체 미세 조정보다 시간이 덜 든다",
            },
            "LoRA 4", "full", "tune_seconds", "lower",
        ),
    ),
    arms=(
        Arm("full", task=_UNDERSTAND),
        Arm("LoRA 1", task=_UNDERSTAND, options={"rank": 1}),
        Arm("LoRA 4", task=_UNDERSTAND, options={"rank": 4}),
        Arm("LoRA 16", task=_UNDERSTAND, options={"rank": 16}),
        Arm("layer alone", task=_UNDERSTAND, options={"frozen": True, "tune_lr": 0.1}),
    ),
    columns=(
        _ACCURACY,
        _LABEL_BITS,
        _CHANCE,
        Column("n_trainable", {"en": "trained parameters", "ko": "학습한 매개변수"}, ",.0f", "lower"),
        Column("trained_share", {"en": "of all", "ko": "전체 대비"}, ".1%", "lower"),
        Column("optimizer_bytes", {"en": "optimizer", "ko": "옵티마이저"}, "bytes", "lower"),
        Column("tune_memory_bytes", {"en": "memory of tuning", "ko": "미세 조정 메모리"}, "bytes", "lower"),
        Column("tune_seconds", {"en": "seconds of tuning", "ko": "미세 조정 초"}, ".1f", "lower"),
        _RATE,
        BPB,
    ),
    figures=(
        Figure(
            "scatter", {"en": "Accuracy against trained parameters", "ko": "학습한 매개변수와 정확도"},
            "n_trainable", "accuracy",
            {"en": "trained parameters", "ko": "학습한 매개변수"}, {"en": "accuracy", "ko": "정확도"},
            series="arm", x_log=True,
        ),
        Figure(
            "bar", {"en": "State of the optimizer", "ko": "옵티마이저의 상태"},
            "arm", "optimizer_bytes",
            {"en": "tuned", "ko": "미세 조정한 것"}, {"en": "bytes", "ko": "바이트"},
        ),
    ),
    minutes=5.0,
    smoke=_SMOKE,
    note={
        "en": f"{_TASK['en']} All go on from the same model of each seed. Memory is the peak while tuning less what "
        "was held before, activations included.",
        "ko": f"{_TASK['ko']} 시드마다 같은 모델에서 출발한다. 메모리는 미세 조정 중의 최댓값에서 "
        "그 전에 쓰던 양을 뺀 것이며, 활성값도 들어 있다.",
    },
)  # fmt: skip

ROWS: tuple[Experiment, ...] = (OBJECTIVE, ENCODER_DECODER, LORA)
