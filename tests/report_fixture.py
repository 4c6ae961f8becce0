"""A large comparison made up for looking at the report. Its numbers are invented; only the cuts are real.

python tests/report_fixture.py comparison.json
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

from bpe_lab.interop.browser import browser_tables

UNITS = ("byte", "byte-char", "syllable", "jamo", "jamo:filler")
SIZES = (2048, 4096, 8192, 16384, 32768)
TOKENS = {"byte": 0.3160, "byte-char": 0.3168, "syllable": 0.3345, "jamo": 0.3098, "jamo:filler": 0.3151}
SENTENCES = {
    "s1": "사과나무 아래에서 할머니가 옛날이야기를 들려주셨다.",
    "s2": "ㅋㅋㅋㅋ 진짜 웃겨서 눈물 났어 ㅠㅠ 내일 또 보자!",
    "s3": "The quick brown fox jumps over the lazy dog.",
    "s4": "뷁쀍 쏼라쏼라, 훈민정음 訓民正音 서문을 읽었다 📚",
    "s5": "def 합계(값): return sum(값)  # 정수만\n\t끝",
    "s6": "아버지가방에들어가신다",
}
METRICS = {
    "tokens_per_byte": (("tokens per byte", "바이트당 토큰"), "tokens/byte", "lower", "T/B", "compression"),
    "fertility": (("tokens per eojeol", "어절당 토큰"), "tokens/eojeol", "lower", "T/W", "compression"),
    "broken_syllables": (("broken syllables", "깨진 음절"), "share", "lower", "broken / syllables", "utf-8"),
    "strr": (("words that are one token", "한 토큰인 낱말"), "share", "higher", "one-token types / types", "words"),
    "premium": (("Korean premium", "한국어 할증"), "ratio", "lower", "T_ko / T_en", "premium"),
    "byte_fallback": (("byte fallback", "바이트 대체"), "share", "lower", "chars below a character / chars", "utf-8"),
}


def word(en: str, ko: str) -> dict[str, str]:
    return {"en": en, "ko": ko}


def estimate(rng: random.Random, value: float, spread: float = 0.012) -> dict[str, float]:
    half = abs(value) * spread * rng.uniform(0.6, 1.4)
    return {"value": round(value, 5), "low": round(value - half, 5), "high": round(value + half * 1.1, 5)}


def cuts_of(text: str, unit: str, n: int) -> list[int]:
    return [end for _, end in tokenizer(unit, n).spans(text)]


def tokenizer(unit: str, n: int, known: dict[tuple[str, int], Any] = {}) -> Any:  # noqa: B006 (a cache)
    import bpe_lab
    from bpe_lab import sample

    if (unit, n) not in known:
        texts = [document.text for document in sample.documents()]
        known[unit, n] = bpe_lab.train(texts=texts, vocab_size=n, unit=unit)
    return known[unit, n]


def candidates(rng: random.Random) -> list[dict[str, Any]]:
    found = []
    for unit in UNITS:
        for size, factor in ((4096, 1.0), (8192, 0.89), (32768, 0.72)):
            t = TOKENS[unit] * factor
            broken = {"byte": 0.11, "jamo": 0.14, "jamo:filler": 0.14}.get(unit, 0.06) * factor
            values = {
                "tokens_per_byte": estimate(rng, t),
                "fertility": estimate(rng, t * 9.1),
                "broken_syllables": estimate(rng, broken, 0.06),
                "strr": estimate(rng, 0.31 / factor * 0.8, 0.03),
                "premium": estimate(rng, 1.62 * factor + 0.2, 0.02),
                "byte_fallback": estimate(rng, broken * 0.8, 0.08),
            }
            name = f"{unit} {size // 1024}Ki"
            found.append(candidate(name, f"unit={unit},vocab={size // 1024}Ki", unit, size, values))
    for name, size, premium in (("cl100k_base", 100277, 2.38), ("o200k_base", 200019, 1.45)):
        values = {
            "tokens_per_byte": estimate(rng, 0.17 * premium),
            "fertility": estimate(rng, 1.5 * premium),
            "broken_syllables": estimate(rng, 0.08 * premium, 0.05),
            "strr": estimate(rng, 0.25),
            "premium": estimate(rng, premium),
            "byte_fallback": estimate(rng, 0.07 * premium, 0.05),
        }
        found.append({**candidate(name, name, "byte", size, values), "kind": "loaded"})
    note = word(
        "r50k_base is not on this machine; put r50k_base.tiktoken into --vocab-dir",
        "r50k_base가 이 컴퓨터에 없습니다. --vocab-dir에 r50k_base.tiktoken을 넣으세요",
    )
    found.append(
        {
            **candidate("r50k_base", "r50k_base", "byte", 50257, {}),
            "status": "missing",
            "note": note,
            "ranked": False,
            "kind": "loaded",
        }
    )
    note = word("loses 3.2 % of eojeol to <unk>", "어절의 3.2 %를 <unk>로 잃음")
    closed = {"tokens_per_byte": estimate(rng, 0.141)}
    found.append(
        {
            **candidate("word, closed", "unit=word,closed=true", "word", 32768, closed),
            "status": "lossy",
            "note": note,
            "ranked": False,
            "kind": "closed",
        }
    )
    note = word(
        "vocab must be at least 2,606 for unit syllable, got 2,048",
        "unit=syllable에는 어휘가 적어도 2,606개 있어야 하는데 2,048개임",
    )
    found.append(
        {
            **candidate("syllable 2Ki", "unit=syllable,vocab=2Ki", "syllable", 2048, {}),
            "status": "failed",
            "note": note,
            "ranked": False,
        }
    )
    for i, c in enumerate(found):
        c["id"] = f"c{i}"
    return found


def candidate(name: str, recipe: str, unit: str, n_ids: int, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "",
        "name": name,
        "recipe": recipe,
        "kind": "trained",
        "status": "ok",
        "note": None,
        "unit": unit,
        "n_ids": n_ids,
        "values": values,
        "ranked": True,
        "loss": None,
    }


def figure(
    id: str,
    kind: str,
    title: tuple[str, str],
    x: tuple[str, str, str],
    y: tuple[str, str, str | None],
    rows: list[dict[str, Any]],
    series: tuple[str, str] = ("unit", "단위"),
    caption: tuple[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "id": id, "kind": kind, "title": word(*title), "caption": word(*(caption or ("", ""))),
        "x": {"title": word(x[0], x[1]), "type": x[2]},
        "y": {"title": word(y[0], y[1]), "type": "quantitative", "format": y[2]},
        "series_title": word(*series), "rows": rows, **more,
    }  # fmt: skip


def row(rng: random.Random, x: Any, y: float, series: Any = "", spread: float = 0.012, **more: Any) -> dict[str, Any]:
    e = estimate(rng, y, spread)
    return {"x": x, "y": e["value"], "low": e["low"], "high": e["high"], "series": series, **more}


def figures(rng: random.Random) -> list[dict[str, Any]]:
    share = ("share", "비율", ".0%")
    tokens = ("tokens per byte", "바이트당 토큰", ".3f")
    curve = [
        row(
            rng,
            v,
            TOKENS[u] * (1.13 - 0.105 * i + 0.004 * i * i) * (1 + (0.05 - 0.012 * i if u == "syllable" else 0)),
            u,
            0.006,
        )
        for u in UNITS
        for i, v in enumerate(SIZES)
        if (u, v) != ("syllable", 2048)
    ]
    premium = [
        ("r50k_base", 5.07),
        ("cl100k_base", 2.38),
        ("o200k_base", 1.45),
        ("byte 8Ki", 1.31),
        ("byte-char 8Ki", 1.32),
        ("syllable 8Ki", 1.36),
        ("jamo 8Ki", 1.29),
    ]
    kinds = [
        word("several words", "여러 낱말"),
        word("a whole word", "한 낱말"),
        word("part of a word", "낱말의 일부"),
        word("one character", "한 글자"),
        word("below a character", "글자보다 작음"),
    ]
    parts = {
        "byte": (0.02, 0.34, 0.41, 0.15, 0.08),
        "byte-char": (0.02, 0.34, 0.42, 0.17, 0.05),
        "syllable": (0.02, 0.30, 0.39, 0.27, 0.02),
        "jamo": (0.02, 0.36, 0.40, 0.14, 0.08),
        "jamo:filler": (0.02, 0.35, 0.41, 0.15, 0.07),
    }
    anatomy = [
        word("one syllable", "한 음절"),
        word("space + one syllable", "빈칸 + 한 음절"),
        word("several syllables", "여러 음절"),
        word("jamo fragments", "자모 조각"),
        word("byte fragments", "바이트 조각"),
    ]
    shapes = {
        "byte": (0.10, 0.07, 0.43, 0, 0.115),
        "byte-char": (0.11, 0.07, 0.44, 0, 0.071),
        "syllable": (0.57, 0.05, 0.21, 0, 0.03),
        "jamo": (0.09, 0.07, 0.45, 0.047, 0.02),
        "jamo:filler": (0.09, 0.07, 0.45, 0.052, 0.02),
    }
    ways = [
        word("NFD", "NFD"),
        word("no spaces", "띄어쓰기 없음"),
        word("typos", "오타"),
        word("ㅋㅋㅋ runs", "ㅋㅋㅋ 연속"),
        word("old Hangul", "옛한글"),
    ]
    robust = {
        "byte": (5.4, 1.21, 1.09, 1.18, 2.9),
        "byte-char": (7.2, 1.22, 1.09, 1.2, 3.0),
        "syllable": (7.9, 1.2, 1.08, 1.22, 3.1),
        "jamo": (5.6, 1.2, 1.07, 1.15, 2.9),
        "jamo:nfd-alias": (1.38, 1.2, 1.07, 1.15, 2.9),
    }
    bands = [
        word("top 1k", "상위 1천"),
        word("1k–10k", "1천–1만"),
        word("10k–100k", "1만–10만"),
        word("rarer", "더 드묾"),
        word("unseen", "학습에 없음"),
    ]
    return [
        figure("compression", "band", ("Compression against vocabulary", "어휘 크기와 압축"), ("vocabulary size", "어휘 크기", "log"), tokens, curve, caption=("Lower is shorter. The gap of the syllable unit closes as the vocabulary grows.", "낮을수록 짧습니다. 어휘가 커지면 음절 단위의 차이가 줄어듭니다.")),
        figure("premium", "bar", ("The Korean premium", "한국어 할증"), ("tokenizer", "토크나이저", "nominal"), ("Korean tokens for one English token", "영어 토큰 하나당 한국어 토큰", ".2f"), [{**row(rng, n, v, spread=0.02), "series": ""} for n, v in premium], caption=("The dashed line is the premium in bytes.", "점선은 바이트로 잰 할증입니다."), reference=[{"y": 1.2, "label": word("bytes 1.20", "바이트 1.20")}]),
        figure("anatomy", "stacked-bar", ("Anatomy of the vocabulary", "어휘의 해부"), ("unit", "단위", "nominal"), share, [{"x": u, "y": y, "series": k} for u in UNITS for k, y in zip(anatomy, shapes[u], strict=True)], ("token", "토큰")),
        figure("token-kinds", "stacked-bar", ("What a token is", "토큰이란 무엇인가"), ("unit", "단위", "nominal"), ("share of emitted tokens", "나온 토큰 중 비율", ".0%"), [{"x": u, "y": y, "series": k} for u in UNITS for k, y in zip(kinds, parts[u], strict=True)], ("token", "토큰")),
        figure("broken-syllables", "line", ("Broken syllables", "깨진 음절"), ("vocabulary size", "어휘 크기", "log"), share, [row(rng, v, {"byte": 0.16, "byte-char": 0.14, "syllable": 0.03, "jamo": 0.19, "jamo:filler": 0.18}[u] * 0.72**i, u, 0.05) for u in UNITS for i, v in enumerate(SIZES)]),
        figure("robustness", "grouped-bar", ("Robustness", "견고함"), ("change", "변형", "nominal"), ("tokens, times the plain text", "원문 대비 토큰 배수", ".2f"), [row(rng, w, y, u, 0.03) for u, ys in robust.items() for w, y in zip(ways, ys, strict=True)]),
        figure("bands", "line", ("By how common a word is", "낱말의 빈도에 따라"), ("frequency band of the eojeol", "어절 빈도대", "nominal"), ("tokens per eojeol", "어절당 토큰", ".2f"), [row(rng, b, (1.05, 1.6, 2.5, 3.3, 4.4)[i] * (TOKENS[u] / 0.316), u, 0.02) for u in UNITS[:4] for i, b in enumerate(bands)]),
        figure("samples", "band", ("How large a sample is enough", "표본은 얼마나 커야 하나"), ("sample of the training text, %", "학습 글 중 표본, %", "log"), tokens, [row(rng, p, 0.318 + 0.05 / (1 + p) + (0.004 if u == "byte" else 0), u, 0.03 / (1 + p**0.5)) for u in ("byte", "jamo") for p in (1, 3, 10, 30, 100)]),
        figure("mix", "line", ("Premium against the share of Korean", "학습 글의 한국어 비율과 할증"), ("Korean in the training text, %", "학습 글 중 한국어, %", "quantitative"), ("premium", "할증", ".2f"), [row(rng, p, 1.05 + 3.2 / (1 + p / 4) + d, u, 0.02) for u, d in (("byte", 0.05), ("jamo", 0)) for p in (1, 10, 50, 90)]),
        figure("morphology", "grouped-bar", ("Morpheme edges", "형태소 경계"), ("tokenizer", "토크나이저", "nominal"), share, [row(rng, c, y, s, 0.02, limit=limit) for c, ys, limit in (("byte 8k", (0.61, 0.49), 0.855), ("jamo 8k", (0.59, 0.49), 0.938), ("jamo 8k + mecab", (0.78, 0.71), 0.938)) for s, y in zip((word("precision", "정밀도"), word("recall", "재현율")), ys, strict=True)], ("score", "점수")),
        figure("train-sets", "bar", ("Trained on one, measured on another", "학습 글과 측정 글이 다를 때"), ("trained on → measured on", "학습 → 측정", "nominal"), tokens, [row(rng, n, y) for n, y in (("reviews → reviews", 0.291), ("docs → reviews", 0.342), ("reviews → docs", 0.361), ("docs → docs", 0.262))]),
        figure("spread", "scatter", ("Length against broken syllables", "길이와 깨진 음절"), ("tokens per byte", "바이트당 토큰", "quantitative"), ("broken syllables", "깨진 음절", ".0%"), [row(rng, TOKENS[u] * f, 0.05 + 0.4 * (f - 0.6) * TOKENS[u], u, 0.04) for u in UNITS for f in (1, 0.89, 0.72)]),
    ]  # fmt: skip


def tables(rng: random.Random, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = [
        {"key": "candidate", "title": word("tokenizer", "토크나이저"), "unit": None, "better": None},
        {"key": "n_ids", "title": word("ids", "어휘"), "unit": "count", "better": None},
    ]
    keys += [{"key": k, "title": word(*m[0]), "unit": m[1], "better": m[2]} for k, m in METRICS.items()]
    main = {
        "id": "main",
        "title": word("All tokenizers", "모든 토크나이저"),
        "columns": keys,
        "rows": [{"candidate": c["id"], "n_ids": c["n_ids"], **c["values"]} for c in found],
    }
    made = [main]
    for id, en, ko in (
        ("byte-fallback", "Byte fallback", "바이트 대체"),
        ("scripts", "By script", "문자별"),
        ("bands", "By frequency band", "빈도대별"),
        ("context", "What fits into 1,024 tokens", "1,024토큰에 들어가는 글"),
        ("train-sets", "Training sets", "학습 글"),
        ("samples", "Samples", "표본"),
        ("mix", "Mixtures", "혼합"),
        ("closed", "Closed vocabularies", "닫힌 어휘"),
        ("morphology", "Morphology", "형태소"),
        ("vocabulary", "Use of the vocabulary", "어휘의 쓰임"),
    ):
        columns = [{"key": "candidate", "title": word("tokenizer", "토크나이저"), "unit": None, "better": None}]
        columns += [
            {"key": f"k{i}", "title": word(t, k), "unit": u, "better": b}
            for i, (t, k, u, b) in enumerate(
                (
                    ("characters", "글자", "share", "lower"),
                    ("syllables", "음절", "share", "lower"),
                    ("eojeol", "어절", "share", "lower"),
                    ("bytes per token", "토큰당 바이트", "bytes/token", "higher"),
                )
            )
        ]
        rows = [
            {
                "candidate": c["id"],
                **{f"k{i}": estimate(rng, v * rng.uniform(0.5, 1.5)) for i, v in enumerate((0.04, 0.06, 0.11, 3.4))},
            }
            for c in found
            if c["status"] == "ok"
        ]
        made.append({"id": id, "title": word(en, ko), "columns": columns, "rows": rows})
    columns = [
        {"key": "eojeol", "title": word("eojeol", "어절"), "unit": None, "better": None},
        {"key": "count", "title": word("count", "횟수"), "unit": "count", "better": None},
        {"key": "a", "title": word("trained on reviews", "리뷰로 학습"), "unit": None, "better": None},
        {"key": "b", "title": word("trained on documents", "문서로 학습"), "unit": None, "better": None},
    ]
    rows = [
        {"eojeol": e, "count": n, "a": a, "b": b}
        for e, n, a, b in (
            ("것이다", 412, "것|이다", "것이다"),
            ("재밌다", 390, "재밌다", "재|밌|다"),
            ("사용할", 371, "사|용|할", "사용할"),
            ("너무너무", 250, "너무너무", "너무|너무"),
        )
    ]
    made.append(
        {
            "id": "cut-differently",
            "title": word("The commonest eojeol cut differently", "가장 흔한, 다르게 잘린 어절"),
            "columns": columns,
            "rows": rows,
        }
    )
    return made  # fmt: skip


def questions(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = [
        ("Is Hangul in the vocabulary at all, and how much of it?", "한글이 어휘에 있는가, 얼마나 있는가?", "Yes. jamo 8Ki holds 1,204 syllables as tokens of their own, 51 % of KS X 1001’s 2,350; byte 8Ki holds 1,118.", "있습니다. jamo 8Ki에는 음절 1,204개가 한 토큰으로 있어 KS X 1001의 2,350자 중 51 %입니다. byte 8Ki에는 1,118개입니다.", "strr"),
        ("Into what is an unseen Hangul word cut?", "처음 보는 한글 낱말은 무엇으로 잘리는가?", "Into syllables mostly; byte breaks 9.8 % of all syllables into bytes, char-safe 5.3 %.", "대개 음절로 잘립니다. byte는 음절의 9.8 %를, char-safe는 5.3 %를 바이트로 깨뜨립니다.", "broken_syllables"),
        ("Is Korean cut finer than English?", "한국어가 영어보다 잘게 잘리는가?", "Yes: 1.64 Korean tokens for one English token with byte, 1.62 with jamo; 1.20 in bytes.", "그렇습니다. 영어 토큰 하나에 한국어 토큰이 byte는 1.64개, jamo는 1.62개이며 바이트로는 1.20배입니다.", "premium"),
        ("Does a whole word as one token pay?", "낱말을 통째로 한 토큰으로 두면 이로운가?", "In length yes: 5.9 % fewer tokens with superwords. In loss it takes a model to say.", "길이는 줄어듭니다. 초단어로 토큰이 5.9 % 적어집니다. 손실값은 모델이 있어야 알 수 있습니다.", "fertility"),
        ("How much text is enough to train a vocabulary?", "어휘를 학습하는 데 글이 얼마나 필요한가?", "30 % of the sample comes within 0.5 % of all of it.", "표본의 30 %면 전체와 0.5 % 이내입니다.", "tokens_per_byte"),
        ("Can a fragment smaller than a character carry information?", "글자보다 작은 조각이 정보를 지닐 수 있는가?", "Counting cannot say.", "세는 것으로는 알 수 없습니다.", None),
        ("Is there a point in single characters and bytes?", "낱글자와 바이트를 어휘에 둘 까닭이 있는가?", "Yes: 7.8 % of characters need them, and <unk> would lose 3.2 % of eojeol.", "있습니다. 글자의 7.8 %가 필요로 하고, <unk>로는 어절의 3.2 %를 잃습니다.", "byte_fallback"),
        ("Is the same word cut differently after other training?", "학습 글이 다르면 같은 낱말이 다르게 잘리는가?", "31 % of eojeol are.", "어절의 31 %가 그렇습니다.", "fertility"),
        ("What becomes of Hanja and other scripts?", "한자와 다른 문자는 어떻게 되는가?", "Hanja go to bytes: 2.8 tokens a character.", "한자는 바이트로 갑니다. 한 글자에 2.8토큰입니다.", "byte_fallback"),
    ]  # fmt: skip
    made = []
    for n, (en, ko, answer_en, answer_ko, metric) in enumerate(asked, 1):
        shown = [c for c in found if c["name"].endswith(" 8Ki") and c["status"] == "ok"]
        figures = [
            {
                "label": word(c["name"], c["name"]),
                "candidate": c["id"],
                "metric": metric,
                "estimate": c["values"][metric],
            }
            for c in shown
            if metric
        ]
        needs = (
            {
                "what": word("bits that a model spends inside a syllable", "모델이 음절 안에서 쓰는 비트"),
                "command": "bpe-lab lm compare --lang ko",
            }
            if n in (4, 6)
            else None
        )
        made.append(
            {"n": n, "question": word(en, ko), "answer": word(answer_en, answer_ko), "figures": figures, "needs": needs}
        )
    return made


ARMS = ("byte 8Ki", "syllable 8Ki", "jamo 8Ki")


def loss_figures(rng: random.Random) -> list[dict[str, Any]]:
    """Return bits per byte against bytes, FLOPs and seconds, and a scatter plot."""
    axes = {"bytes": ("bytes seen", "본 바이트", 1e6), "flops": ("FLOPs", "FLOPs", 3e12), "seconds": ("s", "초", 60.0)}
    made = [
        {
            "id": f"loss-{name}",
            "kind": "band",
            "section": "loss",
            "title": word(f"Loss by {en}", f"{ko}에 따른 손실"),
            "caption": word("Bands are 95 % intervals.", "띠는 95 % 구간."),
            "x": {"title": word(en, ko), "type": "log", "format": ",.3~s"},
            "y": {"title": word("bits per byte", "바이트당 비트"), "type": "quantitative"},
            "series_title": word("tokenizer", "토크나이저"),
            "rows": [
                row(rng, most * part, (2.3 - 0.03 * i) * part**-0.08, arm, 0.02)
                for i, arm in enumerate(ARMS)
                for part in (0.25, 0.5, 1.0)
            ],
        }
        for name, (en, ko, most) in axes.items()
    ]
    dots = [row(rng, 0.3 + 0.01 * i, 2.2 + 0.02 * i, f"arm {i}", 0.02) for i in range(9)]
    scatter = {"id": "spearman-tokens", "kind": "scatter", "title": word("Loss by tokens", "손실과 토큰"), "rows": dots}
    return [
        *made,
        {**made[0], **scatter, "x": {"title": word("tokens per byte", "바이트당 토큰"), "type": "quantitative"}},
    ]


def loss_table(rng: random.Random, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table of the loss: a base, one that leans, one that diverged; the lowest is not marked as best."""
    by_name = {c["name"]: c["id"] for c in found}
    columns = [
        {"key": "name", "title": word("tokenizer", "토크나이저"), "unit": None, "better": None},
        {"key": "bpb", "title": word("bits per byte", "바이트당 비트"), "unit": "bits/byte", "better": "lower", "unmarked": True},
        {"key": "verdict", "title": word("against the base", "기준과 견주면"), "unit": None, "better": None},
        {"key": "nats", "title": word("nats per token", "토큰당 nat"), "unit": "nats/token", "better": None, "faint": True},
    ]  # fmt: skip
    verdicts = (word("the base", "기준"), word("leans, 3 seeds", "기움, 시드 3개"))
    rows: list[dict[str, Any]] = [
        {
            "name": arm,
            "candidate": by_name[arm],
            "bpb": estimate(rng, 2.3 - 0.03 * i),
            "verdict": verdict,
            "nats": 5.0 + i,
        }
        for i, (arm, verdict) in enumerate(zip(ARMS, verdicts, strict=False))
    ]
    note = word("training diverged, so not ranked: NaN", "학습이 발산해 순위에서 뺌: NaN")
    rows.append({"name": ARMS[2], "candidate": by_name[ARMS[2]], "status": "diverged", "note": note, "ranked": False})
    return {"id": "loss", "section": "loss", "title": word("Loss of a language model", "언어 모델의 손실"), "columns": columns, "rows": rows}  # fmt: skip


def comparison(seed: int = 0) -> dict[str, Any]:
    """Return a comparison with every section filled."""
    rng = random.Random(seed)
    found = candidates(rng)
    shown = [c for c in found if c["name"].endswith((" 4Ki", " 8Ki"))]
    typing = {c["id"]: browser_tables(tokenizer(c["unit"], 5000)) for c in shown if c["n_ids"] > 5000}
    cuts = {
        c["id"]: [cuts_of(t, c["unit"], 3000 if c["n_ids"] < 5000 else 5000) for t in SENTENCES.values()] for c in shown
    }
    return {
        "schema": 1, "kind": "comparison", "lang": "ko",
        "title": word("Which tokenizer for Korean?", "한국어에는 어떤 토크나이저가 좋은가"),
        "made_by": {"bpe_lab": "0.1.0", "command": "bpe-lab compare --lang ko", "seconds": 41.2, "python": "3.11.7", "unicode": "16.0.0"},
        "notice": word("The embedded sample is small: a demonstration and no evidence.", "내장 표본은 작습니다. 시연일 뿐 증거가 아닙니다."),
        "texts": {
            "train": {"name": "sample ko", "bytes": 312_004, "documents": 184, "sha256": "5f" * 32},
            "eval": {"name": "sample ko, held back", "bytes": 78_113, "documents": 46, "sha256": "a1" * 32},
            "parallel": {"name": "sample", "pairs": 300, "languages": ["ko", "en"]},
        },
        "metrics": {k: {"title": word(*m[0]), "unit": m[1], "better": m[2], "formula": m[3], "group": m[4], "source": "KOREAN.md"} for k, m in METRICS.items()},
        "summary": [
            {"en": "Take jamo without a filler: 2.0 % fewer tokens than byte at every size that was measured.", "ko": "filler 없는 jamo를 고르세요. 잰 모든 크기에서 byte보다 토큰이 2.0 % 적습니다.", "strength": "clear"},
            {"en": "Char-safe costs 0.3 % more tokens than byte and halves the broken fragments in the vocabulary.", "ko": "char-safe는 byte보다 토큰이 0.3 % 많지만 어휘의 깨진 조각을 절반으로 줄입니다.", "strength": "leans"},
            {"en": "Between jamo with and without nfd-alias, this text cannot decide.", "ko": "nfd-alias를 쓸지는 이 글로 가릴 수 없습니다.", "strength": "unresolved"},
            {"en": "Whether whole words pay in loss needs a trained model.", "ko": "낱말을 통째로 두는 것이 손실값에서 이로운지는 모델을 학습해야 알 수 있습니다.", "strength": "needs-model"},
        ],
        "questions": questions(found), "candidates": found, "figures": [*figures(rng), *loss_figures(rng)], "tables": [*tables(rng, found), loss_table(rng, found)],
        "explorer": {"sentences": [{"id": i, "text": t, "note": word("NFD and code mixed", "섞인 글") if i == "s5" else None} for i, t in SENTENCES.items()], "cuts": cuts, "typing": {i: t for i, t in typing.items() if t}, "candidates": [c["id"] for c in shown]},
        "loss": {
            "available": True,
            "notice": word("Models of the preset cpu-nano: 3 tokenizers, 3 seeds each.", "cpu-nano 프리셋의 모델: 토크나이저 3개, 시드 3개."),
            "spearman": {"arms": 3, "needed": 8, "available": False},
        },
    }  # fmt: skip


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(comparison(), ensure_ascii=False, indent=1), encoding="utf-8")
