# ruff: noqa: E501 - a row of the table stands on one line
"""The one table of metrics: what each is called, its formula, unit, direction and source.

`compare`, the report and docs/metrics.md read names, titles and units from here. A metric that reads `counts` is a ratio
of sums of columns of `bpe_lab._core.Measure`; how the others are computed stands in the modules beside this one. No
numbers of any tokenizer stand here, and nothing of how tables look.
"""

from dataclasses import dataclass
from typing import Literal

Reads = Literal["counts", "documents", "windows", "words", "ids", "vocabulary", "pair", "several", "given"]
"""What a metric is computed from.

`counts`: a ratio of sums of columns; `documents`: a percentile of that ratio over documents; `windows`: a percentile over
windows of 1,024 tokens; `words`: per word type; `ids`: how often each id was emitted; `vocabulary`: the tokens themselves;
`pair`: two measurements of texts that match document by document; `several`: one number a language; `given`: measured
elsewhere (time, memory, a gold standard).
"""

SCRIPTS = ("hangul", "hanja", "latin", "digits", "kana", "punctuation", "other")
"""Scripts in the order of tables, as `Script::name` of the core calls them."""

BANDS = ("top1k", "1k_10k", "10k_100k", "rarer", "unseen")
"""Frequency bands of an eojeol in the training text, commonest first."""

KINDS = ("fragment", "jamo_fragment", "one_char", "part_word", "whole_word", "several_words", "other")
"""What a token is, smallest first; docs/words.md defines each."""

Title = tuple[str, str]

_SCRIPT_TITLES: dict[str, Title] = {
    "hangul": ("Hangul", "한글"),
    "hanja": ("Hanja", "한자"),
    "latin": ("Latin", "로마자"),
    "digits": ("digits", "숫자"),
    "kana": ("kana", "가나"),
    "punctuation": ("punctuation and symbols", "문장 부호와 기호"),
    "other": ("other", "그 밖"),
}

_BAND_TITLES: dict[str, Title] = {
    "top1k": ("top 1,000", "상위 1천"),
    "1k_10k": ("1,001 to 10,000", "1천~1만 위"),
    "10k_100k": ("10,001 to 100,000", "1만~10만 위"),
    "rarer": ("rarer", "10만 위 밖"),
    "unseen": ("unseen in training", "학습 글에 없음"),
}

_KIND_TITLES: dict[str, Title] = {
    "fragment": ("less than a character (bytes)", "글자보다 작음(바이트)"),
    "jamo_fragment": ("less than a syllable (jamo)", "음절보다 작음(자모)"),
    "one_char": ("one character", "한 글자"),
    "part_word": ("part of a word", "어절의 일부"),
    "whole_word": ("a whole word", "어절 하나"),
    "several_words": ("several words", "여러 어절"),
    "other": ("only white space or punctuation", "공백·문장 부호뿐"),
}


@dataclass(frozen=True)
class Metric:
    """One line of the table."""

    name: str
    title_en: str
    title_ko: str
    unit: str
    better: Literal["lower", "higher"] | None
    """Which way a tokenizer wants it, all else equal; None where neither is better as such."""
    formula: str
    source: str
    """Where the definition comes from; `bpe-lab` where it is this project's own."""
    group: str
    reads: Reads = "counts"
    numerator: tuple[str, ...] = ()
    """Columns whose sums are added; for `windows` the column, for `ids` and `vocabulary` the quantity."""
    denominator: tuple[str, ...] = ()
    argument: float = 0.0
    """The percentile, or the order of an entropy."""

    @property
    def title(self) -> dict[str, str]:
        """Title by language."""
        return {"en": self.title_en, "ko": self.title_ko}


def _compression() -> list[Metric]:
    rows: list[tuple[str, Title, str, Literal["lower", "higher"], str, str, str, str]] = [
        ("bytes_per_token", ("bytes per token", "토큰당 바이트"), "bytes/token", "higher", "B/T", "field", "bytes", "tokens"),
        ("tokens_per_byte", ("tokens per byte", "바이트당 토큰"), "tokens/byte", "lower", "T/B", "field", "tokens", "bytes"),
        ("chars_per_token", ("characters per token", "토큰당 글자"), "characters/token", "higher", "C/T", "field", "chars", "tokens"),
        ("tokens_per_char", ("tokens per character", "글자당 토큰"), "tokens/character", "lower", "T/C", "arXiv 2505.24689", "tokens", "chars"),
        ("fertility", ("tokens per eojeol (fertility)", "어절당 토큰"), "tokens/eojeol", "lower", "T/W", "Rust et al. 2021 (ACL)", "tokens", "eojeol"),
        ("tokens_per_syllable", ("tokens per syllable", "음절당 토큰"), "tokens/syllable", "lower", "T/S", "bpe-lab", "tokens", "syllables"),
    ]  # fmt: skip
    metrics = []
    for name, (en, ko), unit, better, formula, source, top, below in rows:
        metrics.append(Metric(name, en, ko, unit, better, formula, source, "compression", "counts", (top,), (below,)))
        for p in (50, 95, 99):
            metrics.append(
                Metric(
                    f"{name}_p{p}", f"{en}, p{p} of documents", f"{ko}, 문서의 p{p}", unit, better,
                    f"p{p} over documents of {formula}", source, "documents", "documents", (top,), (below,), p,
                )
            )  # fmt: skip
    return metrics


def _words() -> list[Metric]:
    strr = "mean over word types of the share of the type's occurrences that are one token"
    return [
        Metric("one_token_eojeol", "eojeol that are one token", "한 토큰인 어절", "share", "higher", "W_1/W", "bpe-lab",
               "words", "counts", ("eojeol_one_token",), ("eojeol",)),
        Metric("pcw", "eojeol cut into two or more (PCW)", "둘 이상으로 잘린 어절(PCW)", "share", "lower", "1 - W_1/W",
               "Rust et al. 2021 (ACL)", "words", "counts", ("eojeol_cut",), ("eojeol",)),
        Metric("strr", "word types that are one token (STRR)", "한 토큰인 어절 종류(STRR)", "share", "higher", strr,
               "arXiv 2510.09947", "words", "words"),
    ]  # fmt: skip


def _whole_characters() -> list[Metric]:
    rows: list[tuple[str, Title, str, str, str, str]] = [
        ("broken_syllables", ("syllables cut by a token's edge", "토큰 경계가 자른 음절"), "S_cut/S", "broken_syllables", "syllables", "broken"),
        ("broken_chars", ("characters cut by a token's edge", "토큰 경계가 자른 글자"), "C_cut/C", "broken_chars", "chars", "broken"),
        ("broken_conjoining", ("syllables of conjoining jamo cut by a token's edge", "토큰 경계가 자른 첫가끝 음절"), "J_cut/J", "broken_conjoining", "conjoining", "broken"),
        ("fallback_chars", ("characters with a token smaller than a character", "글자보다 작은 토큰이 쓰인 글자"), "C_f/C", "fallback_chars", "chars", "fallback"),
        ("fallback_syllables", ("syllables with a token smaller than a syllable", "음절보다 작은 토큰이 쓰인 음절"), "S_f/S", "fallback_syllables", "syllables", "fallback"),
        ("fallback_eojeol", ("eojeol with a token smaller than a character", "글자보다 작은 토큰이 쓰인 어절"), "W_f/W", "fallback_eojeol", "eojeol", "fallback"),
        ("base_symbol_tokens", ("tokens that are one base symbol below a character", "글자보다 작은 기본 기호 하나인 토큰"), "T_base/T", "tokens_base", "tokens", "fallback"),
    ]  # fmt: skip
    return [
        Metric(name, en, ko, "share", "lower", formula, "bpe-lab", group, "counts", (top,), (below,))
        for name, (en, ko), formula, top, below, group in rows
    ]


def _kinds() -> list[Metric]:
    metrics = []
    for kind in KINDS:
        en, ko = _KIND_TITLES[kind]
        better: Literal["lower"] | None = "lower" if "fragment" in kind else None
        top = (f"emitted_{kind}",)
        metrics.append(
            Metric(f"emitted_{kind}", f"emitted tokens: {en}", f"쓰인 토큰: {ko}", "share", better, f"T_{kind}/T",
                   "bpe-lab", "kinds", "counts", top, ("tokens",))
        )  # fmt: skip
    for kind in KINDS:
        en, ko = _KIND_TITLES[kind]
        better = "lower" if "fragment" in kind else None
        metrics.append(
            Metric(f"vocab_{kind}", f"vocabulary: {en}", f"어휘: {ko}", "share", better, f"V_{kind}/V",
                   "bpe-lab", "kinds", "vocabulary", (f"kind_{kind}",), ("tokens",))
        )  # fmt: skip
    return metrics


def _scripts() -> list[Metric]:
    metrics = []
    for script in SCRIPTS:
        en, ko = _SCRIPT_TITLES[script]
        rows: list[tuple[str, str, str, str, Literal["lower", "higher"] | None, str, str, str]] = [
            ("tokens_per_char", "tokens per character", "글자당 토큰", "tokens/character", "lower", "T_s/C_s", "tokens", "chars"),
            ("bytes_per_token", "bytes per token", "토큰당 바이트", "bytes/token", "higher", "B_s/T_s", "bytes", "tokens"),
            ("broken", "characters cut", "잘린 글자", "share", "lower", "cut_s/C_s", "broken", "chars"),
            ("fallback", "characters with a token smaller than a character", "글자보다 작은 토큰이 쓰인 글자", "share", "lower", "f_s/C_s", "fallback", "chars"),
            ("base_tokens", "tokens that are one base symbol", "기본 기호 하나인 토큰", "share", "lower", "T_base,s/T_s", "base", "tokens"),
        ]  # fmt: skip
        for name, title_en, title_ko, unit, better, formula, top, below in rows:
            columns = (f"{top}_{script}",), (f"{below}_{script}",)
            metrics.append(
                Metric(f"{name}_{script}", f"{en}: {title_en}", f"{ko}: {title_ko}", unit, better, formula, "bpe-lab",
                       "scripts", "counts", *columns)
            )  # fmt: skip
        metrics.append(
            Metric(f"char_share_{script}", f"{en}: share of characters", f"{ko}: 글자 비율", "share", None, "C_s/C", "bpe-lab",
                   "scripts", "counts", (f"chars_{script}",), ("chars",))
        )  # fmt: skip
        metrics.append(
            Metric(f"vocab_script_{script}", f"{en}: share of the vocabulary", f"{ko}: 어휘 비율", "share", None, "V_s/V", "bpe-lab",
                   "scripts", "vocabulary", (f"script_{script}",), ("tokens",))
        )  # fmt: skip
    return metrics


def _bands() -> list[Metric]:
    metrics = []
    for band in BANDS:
        en, ko = _BAND_TITLES[band]
        rows: list[tuple[str, str, str, str, Literal["lower", "higher"] | None, str, str, str]] = [
            ("band_share", "share of eojeol", "어절 비율", "share", None, "W_b/W", "eojeol_{}", "eojeol"),
            ("band_fertility", "tokens per eojeol", "어절당 토큰", "tokens/eojeol", "lower", "T_b/W_b", "tokens_{}", "eojeol_{}"),
            ("band_one_token", "eojeol that are one token", "한 토큰인 어절", "share", "higher", "W_1,b/W_b", "one_token_{}", "eojeol_{}"),
            ("band_broken", "syllables cut", "잘린 음절", "share", "lower", "S_cut,b/S_b", "broken_syllables_{}", "syllables_{}"),
            ("band_fallback", "eojeol with a token smaller than a character", "글자보다 작은 토큰이 쓰인 어절", "share", "lower", "W_f,b/W_b", "fallback_{}", "eojeol_{}"),
        ]  # fmt: skip
        for name, title_en, title_ko, unit, better, formula, top, below in rows:
            metrics.append(
                Metric(f"{name}_{band}", f"{en}: {title_en}", f"{ko}: {title_ko}", unit, better, formula, "bpe-lab",
                       "bands", "counts", (top.format(band),), (below.format(band),))
            )  # fmt: skip
    return metrics


def _context() -> list[Metric]:
    rows = [("bytes", "bytes", "바이트"), ("syllables", "syllables", "음절"), ("eojeol", "eojeol", "어절")]
    return [
        Metric(
            f"context_{what}_p{p}", f"{en} in 1,024 tokens, {en_p}", f"1,024토큰에 들어가는 {ko}, {ko_p}", f"{what}/1,024 tokens",
            "higher", f"p{p} over windows of 1,024 tokens", "bpe-lab", "context", "windows", (what,), (), p,
        )
        for what, en, ko in rows
        for p, en_p, ko_p in ((50, "median", "중앙값"), (5, "5th percentile", "하위 5%"))
    ]  # fmt: skip


def _distribution() -> list[Metric]:
    metrics = []
    for name, order in (("1", 1.0), ("2_5", 2.5), ("3", 3.0)):
        for size, en, ko in (
            ("declared", "whole vocabulary", "전체 어휘"),
            ("observed", "tokens that occur", "쓰인 토큰"),
        ):
            suffix = "" if size == "declared" else "_observed"
            metrics.append(
                Metric(f"renyi_{name}{suffix}", f"Rényi efficiency, a = {order:g}, over the {en}", f"레니 효율, a = {order:g}, {ko} 기준",
                       "share", "higher", f"H_{order:g}/log2 |V {size}|", "Zouhar et al. 2023 (ACL)", "distribution", "ids",
                       ("renyi", size), (), order)
            )  # fmt: skip
    rows: list[tuple[str, Title, Literal["lower", "higher"] | None, str, str]] = [
        ("vocab_used", ("vocabulary that occurs", "쓰인 어휘"), "higher", "V_used/V", "field"),
        ("vocab_unused", ("vocabulary that never occurs", "쓰이지 않은 어휘"), "lower", "1 - V_used/V", "field"),
        ("vocab_rare", ("vocabulary that occurs 1 to 9 times", "1~9번만 쓰인 어휘"), "lower", "V_1..9/V", "bpe-lab"),
        ("vocab_intermediate", ("vocabulary that only makes longer tokens", "더 긴 토큰의 재료로만 쓰인 어휘"), "lower", "V_mid/V", "arXiv 2409.04599"),
        ("vocab_ios_90", ("vocabulary with IoS of 0.9 or more", "IoS가 0.9 이상인 어휘"), "lower", "V(max IoS >= 0.9)/V", "arXiv 2409.04599"),
    ]  # fmt: skip
    for name, (en, ko), better, formula, source in rows:
        metrics.append(Metric(name, en, ko, "share", better, formula, source, "vocabulary", "ids", (name,)))
    return metrics


def _anatomy() -> list[Metric]:
    rows: list[tuple[str, Title, str]] = [
        ("vocab_with_hangul", ("tokens with Hangul", "한글이 든 토큰"), "with_hangul"),
        ("vocab_one_syllable", ("exactly one syllable", "음절 하나뿐인 토큰"), "one_syllable"),
        ("vocab_space_syllable", ("space and one syllable", "공백과 음절 하나"), "space_syllable"),
        ("vocab_several_syllables", ("several syllables", "음절이 둘 이상인 토큰"), "several_syllables"),
        ("vocab_hangul_mixed", ("one syllable with something else", "음절 하나와 다른 것이 섞인 토큰"), "hangul_mixed"),
        ("vocab_jamo_bearing", ("tokens with jamo letters", "낱자모가 든 토큰"), "jamo_bearing"),
        ("vocab_code_point_fragments", ("code-point fragments", "글자 조각(바이트)"), "code_point_fragments"),
        ("vocab_jamo_fragments", ("jamo fragments", "자모 조각"), "jamo_fragments"),
        ("vocab_atomic_syllables", ("syllables that are a token, of 11,172", "토큰인 음절(11,172자 중)"), "atomic_syllables"),
        ("vocab_atomic_ksx1001", ("syllables that are a token, of KS X 1001's 2,350", "토큰인 음절(KS X 1001 2,350자 중)"), "atomic_ksx1001"),
        ("vocab_atomic_ideographs", ("ideographs that are a token", "토큰인 한자"), "atomic_ideographs"),
    ]  # fmt: skip
    metrics = [
        Metric(name, en, ko, "tokens", None, f"count of {what}", "bpe-lab", "anatomy", "vocabulary", (what,))
        for name, (en, ko), what in rows
    ]
    by_quantity = {metric.numerator[0]: metric for metric in metrics}
    for what in ("code_point_fragments", "jamo_fragments"):
        titles = by_quantity[what]
        metrics.append(
            Metric(f"vocab_{what}_share", f"{titles.title_en}, share", f"{titles.title_ko} 비율", "share", "lower",
                   f"V_{what}/V", "arXiv 2505.24689", "anatomy", "vocabulary", (what,), ("tokens",))
        )  # fmt: skip
    return metrics


def _pairs() -> list[Metric]:
    rows: list[tuple[str, Title, str, Literal["lower", "higher"] | None, str, str, str, str]] = [
        ("premium", ("tokens, times the other language's", "다른 언어 대비 토큰 배수"), "ratio", "lower", "T_a/T_b", "Petrov et al. 2023 (NeurIPS)", "premium", "tokens"),
        ("byte_premium", ("bytes, times the other language's", "다른 언어 대비 바이트 배수"), "ratio", None, "B_a/B_b", "Arnett et al. 2024", "premium", "bytes"),
        ("nfd", ("tokens when the text is NFD", "NFD일 때 토큰 배수"), "ratio", "lower", "T(NFD)/T", "bpe-lab", "robustness", "tokens"),
        ("no_spaces", ("tokens without spaces", "띄어쓰기가 없을 때 토큰 배수"), "ratio", "lower", "T(no spaces)/T", "bpe-lab", "robustness", "tokens"),
        ("typo", ("tokens with typing errors", "오타가 있을 때 토큰 배수"), "ratio", "lower", "T(typo)/T", "bpe-lab", "robustness", "tokens"),
        ("laugh", ("tokens with longer ㅋㅋ and ㅠㅠ", "ㅋㅋ·ㅠㅠ가 길어질 때 토큰 배수"), "ratio", "lower", "T(long runs)/T", "bpe-lab", "robustness", "tokens"),
    ]  # fmt: skip
    metrics = [
        Metric(name, en, ko, unit, better, formula, source, group, "pair", (column,), (column,))
        for name, (en, ko), unit, better, formula, source, group, column in rows
    ]
    old = "T/J on text in old Hangul, J = syllables of conjoining jamo"
    metrics.append(
        Metric("old_hangul", "tokens per syllable of old Hangul", "옛한글 음절당 토큰", "tokens/syllable", "lower", old, "bpe-lab",
               "robustness", "given")
    )  # fmt: skip
    gini = "sum |c_i - c_j| / (2 n^2 mean)"
    metrics.append(
        Metric("gini", "Gini coefficient of tokens over languages", "언어별 토큰 수의 지니 계수", "0 to 1", "lower", gini,
               "arXiv 2305.13707", "premium", "several")
    )  # fmt: skip
    return metrics


def _given() -> list[Metric]:
    """Return what other parts measure and tables show beside the rest."""
    rows: list[tuple[str, Title, str, Literal["lower", "higher"], str, str, str]] = [
        ("morpheme_precision", ("morpheme edges: precision", "형태소 경계: 정밀도"), "share", "higher", "TP/(TP+FP)", "KLUE-DP", "morphology"),
        ("morpheme_recall", ("morpheme edges: recall", "형태소 경계: 재현율"), "share", "higher", "TP/(TP+FN)", "KLUE-DP", "morphology"),
        ("morpheme_f1", ("morpheme edges: F1", "형태소 경계: F1"), "share", "higher", "2PR/(P+R)", "KLUE-DP", "morphology"),
        ("morpheme_ceiling", ("morpheme edges: the unit's ceiling of recall", "형태소 경계: 단위의 재현율 상한"), "share", "higher", "edges the unit can have/edges", "KLUE-DP", "morphology"),
        ("train_mb_per_s", ("training speed", "학습 속도"), "MB/s", "higher", "bytes/seconds", "measured", "cost"),
        ("encode_mb_per_s", ("encoding speed", "인코딩 속도"), "MB/s", "higher", "bytes/seconds", "measured", "cost"),
        ("peak_memory_mb", ("peak memory", "최대 메모리"), "MB", "lower", "high-water mark", "measured", "cost"),
        ("unk_eojeol", ("eojeol lost to <unk>", "<unk>로 잃는 어절"), "share", "lower", "W_unk/W", "bpe-lab", "closed"),
        ("unk_chars", ("characters lost to <unk>", "<unk>로 잃는 글자"), "share", "lower", "C_unk/C", "bpe-lab", "closed"),
    ]  # fmt: skip
    return [
        Metric(name, en, ko, unit, better, formula, source, group, "given")
        for name, (en, ko), unit, better, formula, source, group in rows
    ]


def _losses() -> list[Metric]:
    """Return what a language model that was trained on a tokenizer's tokens comes to; docs/compare.md has the table."""
    rows: list[tuple[str, Title, str, Literal["lower", "higher"] | None, str, str]] = [
        ("bits_per_byte", ("bits per byte of a model", "모델의 바이트당 비트"), "bits/byte", "lower", "sum of nats/(ln 2 * B)", "field"),
        ("bpb_difference", ("bits per byte, less the base's", "바이트당 비트, 기준과의 차"), "bits/byte", "lower", "mean over seeds of BPB - BPB(base)", "bpe-lab"),
        ("bpb_p", ("p of the difference, Holm", "차이의 p, 홀름 보정"), "p", None, "larger of paired t and bootstrap, corrected", "Holm 1979"),
        ("bits_inside_syllable", ("bits inside a syllable", "음절 하나 안에서 쓴 비트"), "bits/syllable", None, "bits of tokens that begin at byte 2 or 3 of a syllable/syllables", "bpe-lab"),
        ("nats_per_token", ("nats per token: not comparable", "토큰당 nat: 견줄 수 없음"), "nats/token", None, "sum of nats/T", "field"),
        ("loss_ids", ("ids of the vocabulary, V", "어휘의 id 수 V"), "ids", None, "V", "field"),
        ("train_tokens", ("tokens seen in training", "학습 때 본 토큰"), "tokens", None, "T_train", "field"),
        ("train_bytes", ("bytes seen in training", "학습 때 본 바이트"), "bytes", None, "B_train", "field"),
        ("tokens_per_window", ("tokens in a window of C bytes, mean", "C바이트 창에 든 토큰, 평균"), "tokens", "lower", "C T_train/B_train", "bpe-lab"),
        ("parameters_block", ("parameters of the trunk, N_block", "몸통의 매개변수 N_block"), "count", None, "N_block", "field"),
        ("parameters_embedding", ("parameters of the embedding, N_embed", "임베딩의 매개변수 N_embed"), "count", None, "N_embed", "field"),
        ("parameters_positions", ("parameters of positions", "위치의 매개변수"), "count", None, "N_pos", "field"),
        ("train_flops", ("FLOPs of training", "학습 FLOPs"), "FLOPs", "lower", "T_train (6 (N_block + V_pad d) + 6 L d T)", "arXiv 2001.08361"),
        ("train_seconds", ("seconds of training", "학습 시간(초)"), "s", "lower", "without probing and scoring", "measured"),
        ("train_tokens_per_s", ("tokens a second", "초당 토큰"), "tokens/s", None, "T_train/seconds", "measured"),
        ("train_bytes_per_s", ("bytes a second", "초당 바이트"), "bytes/s", "higher", "B_train/seconds", "measured"),
        ("train_memory_mb", ("peak memory of training", "학습 최대 메모리"), "MB", "lower", "high-water mark", "measured"),
        ("learning_rate", ("learning rate, as probed", "탐색한 학습률"), "1/step", None, "lowest BPB of those probed", "bpe-lab"),
        ("decode_bytes_per_s", ("bytes generated a second", "초당 생성 바이트"), "bytes/s", "higher", "bytes/seconds, one stream", "measured"),
        ("invalid_utf8", ("generated characters that are no UTF-8", "생성한 글자 가운데 깨진 UTF-8"), "share", "lower", "invalid/characters", "bpe-lab"),
        ("cache_mb_per_kb", ("memory per KB of text while decoding", "디코딩 때 글 1KB의 메모리"), "MB/KB", "lower", "2 L d b * 1000 T/B at the target size", "bpe-lab"),
        ("cache_measured_mb_per_kb", ("the same, measured on this model", "같은 값, 이 모델에서 잰 것"), "MB/KB", "lower", "bytes of keys and values/KB", "measured"),
    ]  # fmt: skip
    return [
        Metric(name, en, ko, unit, better, formula, source, "loss", "given")
        for name, (en, ko), unit, better, formula, source in rows
    ]


def _table() -> dict[str, Metric]:
    parts = (_compression, _words, _whole_characters, _kinds, _scripts, _bands, _context, _distribution, _anatomy, _pairs, _given, _losses)  # fmt: skip
    metrics = [metric for part in parts for metric in part()]
    return {metric.name: metric for metric in metrics}


METRICS: dict[str, Metric] = _table()
"""Every metric by name, in the order of tables."""
