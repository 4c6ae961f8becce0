"""Experiments about text that is longer than the context."""

from bpe_lab_model.experiments.columns import BPB
from bpe_lab_model.experiments.spec import Arm, Claim, Column, Experiment, Figure

_MEASURES = ("truncating:tails",)

_COLUMNS = (
    BPB,
    Column("tail.full", {"en": "whole text", "ko": "전체"}, better="lower"),
    Column("tail.left", {"en": "crop left", "ko": "앞을 자름"}, better="lower"),
    Column("tail.rolling", {"en": "rolling cache", "ko": "캐시를 밀어냄"}, better="lower"),
    Column("tail.right", {"en": "crop right", "ko": "뒤를 자름"}, better="lower"),
    Column("tail.chunked", {"en": "chunks of training", "ko": "학습할 때의 조각"}, better="lower"),
    Column("tail.alone", {"en": "nothing before", "ko": "앞 문맥 없음"}, better="lower"),
)

_CLAIMS = (
    Claim(
        {
            "en": "Rotary positions carry over to longer text without trouble: four contexts read whole serve the end "
            "better than the last context alone",
            "ko": "회전 위치(RoPE)는 긴 글에도 문제없이 통한다: 문맥 네 배 길이를 다 읽는 쪽이 마지막 문맥만 읽는 "
            "쪽보다 끝부분을 더 잘 맞힌다",
        },
        value="truncating:rope_full_less_left",
        what={
            "en": "the whole text less the last context, bits per byte",
            "ko": "글 전체를 읽을 때에서 마지막 문맥만 읽을 때를 뺀 바이트당 비트",
        },
        among=("rope",),
        expected="lower",
    ),
    Claim(
        {
            "en": "Linear biases (ALiBi) carry over to longer text: the whole text serves better than the last context",
            "ko": "ALiBi는 긴 글에도 통한다: 전체를 읽는 쪽이 마지막 문맥만 읽는 쪽보다 낫다",
        },
        value="truncating:alibi_full_less_left",
        what={
            "en": "the whole text less the last context, bits per byte",
            "ko": "글 전체를 읽을 때에서 마지막 문맥만 읽을 때를 뺀 바이트당 비트",
        },
        among=("alibi",),
        expected="lower",
    ),
    Claim(
        {
            "en": "Without positions longer text does no harm: the whole text serves better than the last context",
            "ko": "위치 정보가 없으면 글이 길어져도 탈이 없다: 전체를 읽는 쪽이 마지막 문맥만 읽는 쪽보다 낫다",
        },
        value="truncating:none_full_less_left",
        what={
            "en": "the whole text less the last context, bits per byte",
            "ko": "글 전체를 읽을 때에서 마지막 문맥만 읽을 때를 뺀 바이트당 비트",
        },
        among=("none",),
        expected="lower",
    ),
    Claim(
        {
            "en": "A rolling cache (rope) is as good as reading the last context anew, within 0.02 bits per byte",
            "ko": "캐시를 밀어내며 읽어도(rope) 마지막 문맥을 새로 읽는 것과 바이트당 0.02비트 안에서 같다",
        },
        value="truncating:rope_rolling_less_left",
        what={
            "en": "rolling cache less the last context, bits per byte",
            "ko": "캐시를 밀어낼 때에서 마지막 문맥만 읽을 때를 뺀 바이트당 비트",
        },
        among=("rope",),
        expected="same",
        margin=0.02,
    ),
    Claim(
        {
            "en": "Which end is cut matters (rope): the end of a text costs more after its beginning than after what "
            "stands right before it",
            "ko": "어느 쪽을 자르느냐가 중요하다(rope): 글의 끝부분은 바로 앞 대신 글의 첫머리를 읽었을 때 더 비싸다",
        },
        value="truncating:rope_right_less_left",
        what={
            "en": "the beginning less the last context, bits per byte",
            "ko": "첫머리를 읽을 때에서 마지막 문맥을 읽을 때를 뺀 바이트당 비트",
        },
        among=("rope",),
        expected="higher",
    ),
    Claim(
        {
            "en": "Cutting text into chunks in training and cutting it at inference come to the same (rope), within "
            "0.02 bits per byte",
            "ko": "학습할 때 글을 조각내는 것과 추론할 때 글을 자르는 것은 바이트당 0.02비트 안에서 같다(rope)",
        },
        value="truncating:rope_chunked_less_left",
        what={
            "en": "training chunks less the last context, bits per byte",
            "ko": "학습 조각으로 나눌 때에서 마지막 문맥만 읽을 때를 뺀 바이트당 비트",
        },
        among=("rope",),
        expected="same",
        margin=0.02,
    ),
)

ROWS: tuple[Experiment, ...] = (
    Experiment(
        "truncation",
        (21, 20),
        {
            "en": "Text longer than the context is chunked in training and cut at inference: do the two differ, and "
            "what is lost?",
            "ko": "문맥보다 긴 글은 학습할 때 조각내고 추론할 때 자른다. 둘은 다른가, 그리고 무엇을 잃는가?",
        },
        _CLAIMS,
        tuple(
            Arm(position, model={"position": position}, measures=_MEASURES)
            for position in ("rope", "alibi", "learned", "none")
        ),
        _COLUMNS,
        (
            Figure(
                "grouped-bar",
                {
                    "en": "The last C/4 bytes of texts of 4 C bytes, by what was read before them",
                    "ko": "문맥 C의 네 배인 글의 마지막 C/4바이트: 그 앞에 무엇을 읽었는가에 따라",
                },
                "way",
                "bits",
                {"en": "read before the tail", "ko": "끝부분 앞에 읽은 것"},
                {"en": "bits per byte of the tail", "ko": "끝부분의 바이트당 비트"},
                series="arm",
                points="truncating:points",
            ),
        ),
        confirm=5,
        minutes=3.0,
        smoke={"tail_documents": 3, "rolling_tokens": 64},
        note={
            "en": "Every way scores the same tokens. Learned positions end at the context, so the whole text and the "
            "rolling cache have no figure there. Documents shorter than four contexts are joined with others of their "
            "domain, a newline between.",
            "ko": "모든 방식은 같은 토큰을 채점한다. 학습된 위치는 문맥 길이에서 끝나므로 전체와 캐시 방식에는 값이 "
            "없다. 문맥 네 배보다 짧은 문서는 같은 분야의 다른 문서와 줄바꿈으로 이어 붙인다.",
        },
    ),
)
