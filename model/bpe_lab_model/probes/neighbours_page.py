"""The map of `neighbours` as a page to step through: the same axes at every stage, so that points move."""

from collections.abc import Mapping, Sequence
from typing import Any

from bpe_lab.visible import visible
from bpe_lab_model.probes import page as pages
from bpe_lab_model.probes.neighbours import GROUPS, Atlas, Stage, Word, group

TITLE = {"en": "Where tokens lie, and where they go", "ko": "토큰은 어디에서 어디로 가는가"}
LEAD = {
    "en": "Each dot is one of the commonest tokens, by the direction of its row in the embedding table. Step through "
    "the training: the two axes stay the same, so what moves has learned. Distance on the map is only part of the "
    "truth: the line under it says how much of the spread the two axes show. Point at a dot for its token; a click "
    "gives its nearest neighbours, those in all dimensions.",
    "ko": "점 하나는 자주 쓰이는 토큰 하나이고, 자리는 임베딩 표에서 그 행이 가리키는 방향이다. 학습 단계를 넘겨 보자. "
    "두 축은 모든 단계에서 같으므로, 움직인 점은 무언가를 배운 점이다. 지도 위의 거리는 전부가 아니어서, "
    "두 축이 흩어짐을 얼마나 보여 주는지 아래에 적었다. 점에 마우스를 올리면 토큰이, 누르면 모든 차원에서 가장 가까운 "
    "이웃이 나온다.",
}
_WORDS = {
    "training": {"en": "of the training", "ko": "학습"},
    "bytes": {"en": "{n} bytes read", "ko": "{n}바이트를 읽음"},
    "to": {"en": "{low} to {high}", "ko": "{low} ~ {high}"},
    "start": {"en": "the start", "ko": "시작"},
    "play": {"en": "Play", "ko": "재생"},
    "stop": {"en": "Stop", "ko": "멈춤"},
    "earlier": {"en": "Earlier", "ko": "이전"},
    "later": {"en": "Later", "ko": "다음"},
    "names": {"en": "Names", "ko": "이름 표시"},
    "shown": {"en": "spread that the two axes show", "ko": "두 축이 보여 주는 흩어짐"},
    "common": {"en": "common direction (0 none, 1 all alike)", "ko": "공통 방향 (0 없음, 1 모두 같음)"},
    "random": {"en": "cosines of random tokens, 95 %", "ko": "무작위 토큰 쌍의 코사인, 95 %"},
    "token": {"en": "token", "ko": "토큰"},
    "count": {"en": "times in the text", "ko": "나온 횟수"},
    "nearest": {"en": "nearest", "ko": "가장 가까운 토큰"},
    "pair": {"en": "words", "ko": "낱말"},
    "cosine": {"en": "cosine", "ko": "코사인"},
    "range": {"en": "95 % of random pairs", "ko": "비슷한 무작위 쌍의 95 %"},
    "words": {"en": "Words", "ko": "낱말"},
    "pick": {"en": "Click a dot to see its neighbours.", "ko": "점을 누르면 이웃이 나온다."},
    "neighbours_of": {"en": "Neighbours of", "ko": "이웃:"},
    "beyond": {
        "en": "In bold: beyond 95 % of random pairs of as many and as common tokens. ~ is the mean of several.",
        "ko": "굵은 글씨: 토큰 수와 빈도가 비슷한 무작위 쌍의 95 %를 벗어난다. ~는 여러 토큰의 평균이다.",
    },
    "keys": {
        "en": "Keys: ← → step, Home and End jump, space plays.",
        "ko": "글쇠: ← → 단계, Home·End 처음과 끝, 스페이스 재생.",
    },
    "group_hangul": {"en": "Hangul", "ko": "한글"},
    "group_latin": {"en": "Latin letters", "ko": "로마자"},
    "group_other": {"en": "other letters", "ko": "다른 문자"},
    "group_signs": {"en": "digits, signs, spaces", "ko": "숫자·부호·공백"},
    "group_pieces": {"en": "pieces of a character", "ko": "글자의 조각"},
    "group_words": {"en": "words asked for", "ko": "물어본 낱말"},
}

_BODY = """
<section class="map" aria-label="map">
  <div class="steps">
    <button type="button" id="earlier"></button>
    <input type="range" id="stage" min="0" step="1" aria-labelledby="stage-name">
    <button type="button" id="later"></button>
    <button type="button" id="play"></button>
    <label class="switch"><input type="checkbox" id="names" checked> <span id="names-label"></span></label>
  </div>
  <p class="stage-name" id="stage-name" aria-live="polite"></p>
  <div class="map-grid">
    <div>
      <svg id="plot" viewBox="0 0 900 700" role="img"></svg>
      <p class="groups" id="groups"></p>
      <p class="remark" id="remark"></p>
      <p class="remark" id="keys"></p>
    </div>
    <aside>
      <div id="pairs"></div>
      <div id="near"></div>
    </aside>
  </div>
</section>
"""


def data(
    atlas: Atlas, stages: Sequence[Stage], spellings: Sequence[bytes], counts: Sequence[int] | None,
    words: Sequence[Word],
) -> dict[str, Any]:  # fmt: skip
    """Return what the page reads; `cosines` and `random` of each stage are added by the caller."""
    tokens = [
        {"text": visible(spelling), "group": GROUPS.index(group(spelling))}
        | ({} if counts is None else {"count": counts[at]})
        for at, spelling in enumerate(spellings)
    ]
    return {
        "words": _WORDS,
        "tokens": tokens,
        "asked": [{"text": word.text, "n": len(word.ids)} for word in words],
        "groups": GROUPS,
        "stages": [
            {
                "share": stage.share,
                "bytes": stage.n_bytes,
                "shown": atlas.shown[at],
                "common": atlas.common[at],
                "xy": [[round(float(x), 4), round(float(y), 4)] for x, y in atlas.points[at]],
                "near": atlas.neighbours[at].tolist(),
            }
            for at, stage in enumerate(stages)
        ],
    }


def page(data: Mapping[str, Any], about: str) -> str:
    """Return the page."""
    return pages.page(TITLE, about, LEAD, _BODY, data, "neighbours.js")
