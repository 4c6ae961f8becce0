"""Experiments about the embedding table: where it starts, and what a lookup is."""

from typing import Any

from bpe_lab_model.experiments.columns import BPB, LR
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

# -- init


def _starting(name: str, init: str, std: float | None = None, **more: Any) -> Arm:
    return Arm(name, model={"init": init, "table_std": std, **more}, measures=("geometry:table",))


_INIT = Experiment(
    name="init",
    questions=(15,),
    question={
        "en": "Why do embeddings start at random numbers and not at 0 or 1? Do scattered points find order sooner?",
        "ko": "임베딩은 왜 0이나 1이 아니라 난수로 시작하는가? 흩어진 점들이 더 빨리 질서를 찾는가?",
    },
    claims=(
        Claim(
            {
                "en": "A table of zeros that is the head too never moves",
                "ko": "출력층을 겸하는 임베딩 표를 0으로 시작하면 영영 움직이지 않는다",
            },
            value="geometry:rank_of_zeros",
            what={"en": "rank of the table at the end", "ko": "학습이 끝났을 때 표의 계수(rank)"},
            among=("zeros",),
            expected="same",
            margin=0.0,
            exact=True,
        ),
        Claim(
            {
                "en": "Zeros learn nothing under a head of their own either",
                "ko": "출력층이 따로 있어도 0으로 시작하면 아무것도 배우지 못한다",
            },
            value="geometry:rank_of_zeros_under_a_head",
            what={"en": "rank of the table at the end", "ko": "학습이 끝났을 때 표의 계수(rank)"},
            among=("zeros, own head",),
            expected="same",
            margin=0.0,
            exact=True,
        ),
        Claim(
            {
                "en": "Under a head of its own, a random table gets sooner to the loss at which zeros end",
                "ko": "출력층이 따로 있을 때, 난수 표는 0으로 시작한 표의 최종 손실에 더 빨리 이른다",
            },
            value="geometry:random_before_zeros",
            what={
                "en": "doublings of text saved on the way to the loss at which zeros end",
                "ko": "0으로 시작한 표가 끝에 이르는 손실까지 아낀 텍스트(두 배 몇 번)",
            },
            among=(
                "zeros, own head",
                "normal 0.02, own head",
            ),
            expected="higher",
        ),
        Claim(
            {
                "en": "A random table gets sooner to the loss at which a table of ones ends",
                "ko": "난수 표는 1로 시작한 표의 최종 손실에 더 빨리 이른다",
            },
            value="geometry:random_before_ones",
            what={
                "en": "doublings of text saved on the way to the loss at which ones end",
                "ko": "1로 시작한 표가 끝에 이르는 손실까지 아낀 텍스트(두 배 몇 번)",
            },
            among=(
                "ones",
                "normal 0.02",
            ),
            expected="higher",
        ),
        Claim(
            {
                "en": "Rows that start alike stay alike: a table of ones spreads over fewer directions",
                "ko": "똑같이 시작한 행은 끝까지 비슷하다. 곧 1로 시작한 표는 더 적은 방향으로만 퍼진다",
            },
            arm="ones",
            base="normal 0.02",
            column="table.effective",
        ),
        Claim(
            {
                "en": "How far the points are scattered does not matter: std 0.2 ends as 0.02 does (1 %)",
                "ko": "얼마나 넓게 흩뿌리는지는 중요하지 않다. 곧 표준편차 0.2와 0.02의 결과가 같다(1 % 이내)",
            },
            arm="normal 0.2",
            base="normal 0.02",
            expected="same",
        ),
        Claim(
            {
                "en": "Rows made of the rows of a token's bytes give a head start over random ones",
                "ko": "토큰을 이루는 바이트의 행으로 만든 시작점은 난수보다 낫다",
            },
            arm="mean-of-bytes",
            base="byte-keyed",
        ),
    ),
    arms=(
        _starting("normal 0.002", "normal", 0.002),
        _starting("normal 0.02", "normal", 0.02),
        _starting("normal 0.2", "normal", 0.2),
        _starting("normal 1", "normal", 1.0),
        _starting("zeros", "zeros"),
        _starting("ones", "constant", 1.0),
        _starting("byte-keyed", "byte-keyed", 0.02),
        _starting("mean-of-bytes", "mean-of-bytes", 0.02),
        _starting("normal 0.02, own head", "normal", 0.02, tied=False),
        _starting("zeros, own head", "zeros", tied=False),
    ),
    budgets=(0.25, 0.5, 1.0),
    minutes=9.0,
    columns=(
        BPB,
        Column(
            "table_start.effective", {"en": "effective rank at the start", "ko": "시작할 때 유효 계수(rank)"}, ".1f"
        ),
        Column("table.effective", {"en": "effective rank", "ko": "유효 계수(rank)"}, ".1f"),
        Column("table.rank", {"en": "rank", "ko": "계수(rank)"}, ".0f"),
        Column("table.shared", {"en": "shared by all rows", "ko": "모든 행이 공유하는 몫"}, ".1%"),
        Column(
            "until_zeros",
            {
                "en": "bytes until the loss at which zeros (own head) end",
                "ko": "0(별도 출력층)의 최종 손실까지의 바이트",
            },
            "bytes",
            "lower",
            value="geometry:bytes_until_zeros",
        ),
        LR,
    ),
    figures=(
        Figure(
            "line",
            {"en": "Loss against training text", "ko": "학습한 텍스트에 따른 손실"},
            x="budget",
            y="bpb",
            x_title={"en": "bytes of training", "ko": "학습한 바이트"},
            y_title={"en": "validation BPB", "ko": "검증 BPB"},
            series="arm",
            x_log=True,
        ),
        Figure(
            "line",
            {"en": "Over how many directions the rows spread", "ko": "행들이 퍼진 방향의 수"},
            x="bytes",
            y="effective rank",
            x_title={"en": "bytes of training", "ko": "학습한 바이트"},
            y_title={"en": "effective rank", "ko": "유효 계수(rank)"},
            series="arm",
            points="geometry:points",
        ),
    ),
    note={
        "en": "Only the table starts otherwise; the trunk is the same in all arms. It is the head too, but for the two"
        " arms with a head of their own. Ranks are of the table less its mean row; rank at 0 bytes is the start.",
        "ko": "임베딩 표의 시작만 다르고 나머지 모델은 모든 조건에서 같다. 따로 적은 두 조건 말고는 이 표가 출력층도"
        " 겸한다. 계수는 평균 행을 뺀 표에서 잰 값이며, 0바이트의 값이 시작점이다.",
    },
)

# -- lookup

_VOCABULARIES = (1_024, 4_096, 16_384, 65_536)

_LOOKUP = Experiment(
    name="lookup",
    questions=(17,),
    question={
        "en": "An embedding is a one-hot vector times a linear layer: equal? how much dearer? does it learn alike?",
        "ko": "임베딩은 원-핫 벡터에 선형층을 곱한 것과 같은가? 얼마나 더 비싼가? 똑같이 학습되는가?",
    },
    claims=(
        Claim(
            {
                "en": "A lookup gives the values of the product, bit for bit",
                "ko": "조회한 값은 곱한 값과 비트까지 같다",
            },
            value="lookups:largest_difference",
            what={"en": "largest difference of a value", "ko": "값의 가장 큰 차이"},
            expected="same",
            margin=0.0,
            exact=True,
        ),
        Claim(
            {"en": "Their gradients are equal but for rounding", "ko": "기울기도 반올림 오차 말고는 같다"},
            value="lookups:largest_gradient_difference",
            what={
                "en": "largest difference of a gradient, as a part of it",
                "ko": "기울기의 가장 큰 차이(기울기에 대한 비율)",
            },
            expected="same",
            margin=1e-5,
            exact=True,
        ),
        Claim(
            {"en": "A model learns alike with both (0.1 %)", "ko": "어느 쪽을 쓰든 모델은 똑같이 배운다(0.1 % 이내)"},
            arm="trained with the product",
            base="trained with the lookup",
            expected="same",
            margin=0.001,
        ),
        Claim(
            {
                "en": "The product is V times as dear: tokens x V x d against tokens x d (within a factor of 2)",
                "ko": "곱은 V배 비싸다. 곧 비용이 토큰 × d가 아니라 토큰 × V × d이다(두 배 오차 이내)",
            },
            value="lookups:dearer_than_said",
            what={"en": "log10 of the measured ratio of times over V", "ko": "측정한 시간 비율을 V로 나눈 값의 log10"},
            expected="same",
            margin=0.301,
        ),
        Claim(
            {
                "en": "The time of the product grows in proportion to V (exponent 1, within 0.2)",
                "ko": "곱의 시간은 V에 비례하여 는다(지수 1, 오차 0.2 이내)",
            },
            value="lookups:exponent",
            what={"en": "exponent of time against V, less 1", "ko": "V에 대한 시간의 지수에서 1을 뺀 값"},
            expected="same",
            margin=0.2,
        ),
    ),
    arms=(
        *(
            Arm(f"V {n:,}", task="lookups:measured", probes=False, options={"n_vocab": n, "n_tokens": 512})
            for n in _VOCABULARIES
        ),
        Arm("trained with the lookup"),
        Arm("trained with the product", task="lookups:train"),
    ),
    budgets=(0.25,),
    columns=(
        Column("lookup_ms", {"en": "lookup, ms", "ko": "조회(ms)"}, ".3f"),
        Column("product_ms", {"en": "product, ms", "ko": "곱(ms)"}, ".2f"),
        Column("times", {"en": "times as long", "ko": "시간 비"}, ",.0f"),
        Column("formula_times", {"en": "by the formula", "ko": "공식대로라면"}, ",.0f"),
        Column("lookup_both_ms", {"en": "lookup and backward, ms", "ko": "조회와 역전파(ms)"}, ".2f"),
        Column("product_both_ms", {"en": "product and backward, ms", "ko": "곱과 역전파(ms)"}, ".2f"),
        Column("lookup_kept_bytes", {"en": "lookup keeps", "ko": "조회가 남기는 메모리"}, "bytes"),
        Column("product_kept_bytes", {"en": "product keeps", "ko": "곱이 남기는 메모리"}, "bytes"),
        Column("gradient_difference", {"en": "gradients differ by", "ko": "기울기 차이"}, ".1e"),
        BPB,
        Column("bytes_per_s", {"en": "training bytes/s", "ko": "학습 바이트/초"}, ",.0f", "higher"),
    ),
    figures=(
        Figure(
            "line",
            {
                "en": "Time of 512 tokens, forward and backward, by vocabulary",
                "ko": "어휘 크기별로 토큰 512개를 순전파·역전파하는 시간",
            },
            x="V",
            y="ms",
            x_title={"en": "vocabulary", "ko": "어휘 크기"},
            y_title={"en": "milliseconds", "ko": "밀리초"},
            series="way",
            points="lookups:points",
            x_log=True,
            y_log=True,
        ),
    ),
    screen=5,
    minutes=1.0,
    smoke={"n_vocab": 128, "n_tokens": 16, "repeats": 3},
    note={
        "en": "Times are medians on one thread at the preset's width. The backward of a lookup writes a gradient of"
        " V x d numbers too, so it costs more than tokens x d. The two arms that train share all else.",
        "ko": "시간은 스레드 하나에서 프리셋의 너비로 잰 중앙값이다. 조회의 역전파도 V × d개의 기울기를 쓰므로"
        " 토큰 × d보다 비싸다. 학습하는 두 조건은 나머지가 모두 같다.",
    },
)

ROWS: tuple[Experiment, ...] = (_INIT, _LOOKUP)
