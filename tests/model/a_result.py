"""A result of an experiment with everything that one may have, for the tests of what people see of it."""

from dataclasses import replace
from typing import Any

from bpe_lab_model.experiments.results import Cell, Finding, Result

ARMS = ("rope", "learned", "alibi", "none")
BUDGETS = ((0.25, 50_000), (1.0, 200_000))


def _said(en: str, ko: str) -> dict[str, str]:
    return {"en": en, "ko": ko}


def estimate(value: float, spread: float | None = None) -> dict[str, float | None]:
    low, high = (None, None) if spread is None else (value - spread, value + spread)
    return {"value": value, "low": low, "high": high}


def finding(**changes: Any) -> Finding:
    base = Finding(
        said=_said("Positions are needed: without them the loss is higher.", "위치 정보가 없으면 손실이 커진다."),
        arm="rope",
        base="none",
        column="bpb",
        expected="lower",
        budget=1.0,
        tokenizer="",
        effect={"value": -0.0312, "low": -0.0402, "high": -0.0222},
        relative={"value": -0.0130, "low": -0.0167, "high": -0.0093},
        p_holm=0.0031,
        n_seeds=5,
        verdict="supported",
    )
    return replace(base, **changes)


FINDINGS = (
    finding(),
    finding(
        said=_said("Learned positions win with more data.", "자료가 많으면 학습하는 위치가 이긴다."),
        arm="learned",
        base="rope",
        effect={"value": 0.05, "low": 0.04, "high": 0.06},
        relative={"value": 0.02, "low": 0.016, "high": 0.024},
        verdict="contradicted",
        p_holm=0.0001,
    ),
    finding(
        said=_said("Rotary positions carry over to longer text.", "회전 위치는 더 긴 글에서도 그대로 통한다."),
        arm="",
        base="",
        column="bpb",
        effect={"value": 0.004, "low": -0.02, "high": 0.028},
        relative=None,
        n_seeds=3,
        p_holm=0.7,
        verdict="not resolved",
        seeds_needed=40,
    ),
    finding(
        said=_said("Rotary positions cost no parameters.", "회전 위치는 파라미터를 더하지 않는다."),
        arm="rope",
        column="n_parameters",
        expected="same",
        effect=estimate(0.0),
        relative=estimate(0.0),
        p_holm=None,
        n_seeds=1,
    ),
    finding(
        said=_said("A rate of 1 is stable.", "학습률 1에서도 안정하다."),
        effect=None,
        relative=None,
        p_holm=None,
        verdict="leans against",
        n_seeds=2,
        note=_said("rope diverged in every seed", "rope 쪽은 모든 시드에서 발산했다"),
    ),
)


def _cell(i: int, arm: str, multiple: float, n_bytes: int) -> Cell:
    bpb = 2.45 + 0.04 * i - 0.2 * multiple
    values = {
        "bpb": estimate(bpb, 0.02),
        "n_parameters": estimate(229_000 + 33_000 * (arm == "learned")),
        "memory_bytes": estimate(310_000_000 + i),
        "beyond": None if arm == "learned" else estimate(bpb + 0.1 * i, 0.03),
        "status": "ok",
    }
    if arm == "none" and multiple < 1:
        values = {"bpb": None, "status": "diverged"}
    n_diverged = 5 if arm == "none" and multiple < 1 else 1 if arm == "alibi" else 0
    return Cell(arm, "unit=byte,vocab=2048", multiple, n_bytes, tuple(range(5)), n_diverged, values)


def _column(key: str, en: str, ko: str, form: str = ".4f", better: str = "") -> dict[str, Any]:
    return {"key": key, "title": _said(en, ko), "form": form, "better": better}


def _figures() -> list[dict[str, Any]]:
    places = (0.25, 0.5, 1.0, 2.0, 4.0)
    line = [
        {"x": x, "y": 2.2 + 0.05 * i * x, "series": arm, "low": 2.18 + 0.05 * i * x, "high": 2.22 + 0.05 * i * x}
        for i, arm in enumerate(ARMS)
        for x in places
        if arm != "learned" or x <= 2
    ]
    bar = [{"x": arm, "y": 2.25 + 0.04 * i, "series": "", "low": 2.2, "high": 2.5} for i, arm in enumerate(ARMS)]
    budgets = [{"x": n, "y": 2.4 - 0.2 * m, "series": arm} for arm in ARMS for m, n in BUDGETS]
    bpb = {"title": _said("bits per byte", "바이트당 비트")}
    place = {"title": _said("place, in training lengths", "위치(학습 길이의 배수)"), "type": "quantitative"}
    return [
        {"kind": "line", "title": _said("Loss by position", "위치별 손실"), "x": place, "y": bpb, "rows": line},
        {"kind": "bar", "title": _said("Loss", "손실"), "x": {"title": _said("arm", "조건")}, "y": bpb, "rows": bar},
        {
            "kind": "line",
            "title": _said("Loss by training text", "학습량별 손실"),
            "x": {"title": _said("bytes", "바이트"), "type": "log"},
            "y": bpb,
            "rows": budgets,
        },
        {"kind": "bar", "title": _said("Nothing", "없음"), "x": {"title": "x"}, "y": {"title": "y"}, "rows": []},
    ]


def result(**changes: Any) -> Result:
    """Return the result."""
    made = Result(
        name="positions",
        questions=(20, 24),
        question=_said(
            "Learned, fixed, rotary or relative positions: which carry over to longer text?",
            "학습, 고정, 회전, 상대 위치 가운데 무엇이 더 긴 글에서도 통하는가?",
        ),
        note=_said("Learned positions end <at> the context.", "학습하는 위치는 문맥 길이에서 끝난다."),
        columns=[
            _column("bpb", "bits per byte", "바이트당 비트", better="lower"),
            _column("beyond", "beyond the context", "문맥 너머", better="lower"),
            _column("n_parameters", "parameters", "파라미터", ",d"),
            _column("memory_bytes", "memory", "메모리", "bytes", "lower"),
            _column("excess", "beside windows", "창과의 차이", "+.4f"),
            _column("status", "how it ended", "끝난 모양", ""),
        ],
        cells=tuple(_cell(i, arm, m, n) for i, arm in enumerate(ARMS) for m, n in BUDGETS),
        findings=FINDINGS,
        figures=_figures(),
        text={
            "name": "ko_docs",
            "train_bytes": 3_900_000,
            "validation_bytes": 60_000,
            "train_sha256": "a" * 64,
            "domains": ["docs", "reviews"],
        },
        preset="study",
        n_runs=22,
        seconds=391.0,
        command="bpe-lab lm experiments run positions --corpus ko_docs.txt",
        machine={"cpu": "Xeon", "threads": 2},
        versions={"bpe_lab": "0.1.0", "torch": "2.13.0"},
    )
    return replace(made, **changes)
