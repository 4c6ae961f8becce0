"""Every word of the page's own, in both languages. What a comparison says comes with the comparison."""

WORDS: dict[str, dict[str, str]] = {
    "skip": {"en": "Skip to the content", "ko": "본문으로 건너뛰기"},
    "contents": {"en": "Contents", "ko": "차례"},
    "summary": {"en": "Summary", "ko": "요약"},
    "summary_head": {"en": "What to choose, and how sure", "ko": "무엇을 고를 것인가, 얼마나 확실한가"},
    "questions": {"en": "Questions", "ko": "질문"},
    "questions_head": {"en": "The questions, answered", "ko": "질문과 답"},
    "charts": {"en": "Charts", "ko": "차트"},
    "charts_head": {"en": "The figures, drawn", "ko": "그림으로 보기"},
    "loss_section": {"en": "Loss", "ko": "손실"},
    "loss_head": {"en": "What a language model makes of it", "ko": "언어 모델로 재면"},
    "loss_few": {
        "en": "Rank correlation of counts with the loss: too few tokenizers, {n} of the {least} that it takes.",
        "ko": "세어서 얻은 지표와 손실의 순위 상관: 토크나이저가 모자랍니다({n}개, {least}개부터).",
    },
    "loss_install": {"en": "It takes the companion model:", "ko": "동반 모델이 있어야 합니다:"},
    "explorer": {"en": "Explorer", "ko": "토큰 탐색기"},
    "explorer_head": {"en": "See how each tokenizer cuts", "ko": "토크나이저마다 어떻게 자르는가"},
    "tables": {"en": "Tables", "ko": "표"},
    "tables_head": {"en": "Every number", "ko": "모든 수치"},
    "about": {"en": "About", "ko": "이 보고서"},
    "about_head": {"en": "How this was made", "ko": "어떻게 만들었나"},
    "language": {"en": "Language", "ko": "언어"},
    "theme": {"en": "Colours", "ko": "화면 색"},
    "theme_light": {"en": "Light", "ko": "밝게"},
    "theme_dark": {"en": "Dark", "ko": "어둡게"},
    "clear": {"en": "clear", "ko": "분명함"},
    "leans": {"en": "leans", "ko": "기움"},
    "unresolved": {"en": "unresolved", "ko": "가리지 못함"},
    "needs-model": {"en": "needs a model", "ko": "모델 필요"},
    "clear_means": {
        "en": "the interval of the difference lies on one side",
        "ko": "차이의 구간이 한쪽에만 있음",
    },
    "leans_means": {
        "en": "most of the evidence points one way, not all",
        "ko": "대체로 한쪽을 가리키나 전부는 아님",
    },
    "unresolved_means": {"en": "the interval holds both answers", "ko": "구간이 두 답을 모두 포함함"},
    "needs-model_means": {
        "en": "counting cannot answer it; a trained language model can",
        "ko": "세는 것으로는 알 수 없고 학습한 언어 모델이 있어야 함",
    },
    "answer": {"en": "Answer", "ko": "답"},
    "interval": {"en": "95 % interval", "ko": "95 % 구간"},
    "interval_note": {
        "en": "Dots are values, lines their 95 % intervals; each strip has its own scale.",
        "ko": "점은 값, 선은 95 % 구간이며 눈금은 묶음마다 다릅니다.",
    },
    "needs": {"en": "Still open", "ko": "아직 남은 것"},
    "run_this": {"en": "It would be answered by", "ko": "다음 명령이 답합니다"},
    "as_table": {"en": "Show as a table", "ko": "표로 보기"},
    "series": {"en": "series", "ko": "계열"},
    "limit": {"en": "ceiling", "ko": "상한"},
    "legend_hint": {
        "en": "Choose a name in a legend to bring it forward.",
        "ko": "범례에서 이름을 고르면 그것만 두드러집니다.",
    },
    "chart_of": {"en": "Chart: {title}. {y}, {n} series.", "ko": "차트: {title}. {y}, 계열 {n}개."},
    "highest": {"en": "Highest: {where}, {y}.", "ko": "가장 높은 값: {where}, {y}."},
    "lowest": {"en": "Lowest: {where}, {y}.", "ko": "가장 낮은 값: {where}, {y}."},
    "no_script": {
        "en": "Charts and the explorer need JavaScript; every number also stands in the tables.",
        "ko": "차트와 토큰 탐색기에는 자바스크립트가 필요합니다. 모든 수치는 표에도 있습니다.",
    },
    "sentence": {"en": "Sentence", "ko": "문장"},
    "previous": {"en": "Previous", "ko": "이전"},
    "next": {"en": "Next", "ko": "다음"},
    "type_own": {"en": "Type your own", "ko": "직접 입력"},
    "type_here": {"en": "Your text", "ko": "입력할 글"},
    "type_note": {
        "en": "Encoded in this page, by the same merges and the same rules; nothing leaves it. Only tokenizers that "
        "the page can follow exactly are shown.",
        "ko": "이 페이지 안에서 같은 병합과 같은 규칙으로 인코딩하며, 입력은 밖으로 나가지 않습니다. 정확히 재현할 수 "
        "있는 토크나이저만 보입니다.",
    },
    "type_limit": {"en": "The first {n} characters are shown.", "ko": "앞의 {n}자만 보입니다."},
    "n_tokens": {"en": "{n} token|{n} tokens", "ko": "토큰 {n}개"},
    "token": {"en": "token", "ko": "토큰"},
    "bytes": {"en": "bytes", "ko": "바이트"},
    "n_bytes": {"en": "{n} byte|{n} bytes", "ko": "{n}바이트"},
    "n_characters": {"en": "{n} character|{n} characters", "ko": "글자 {n}개"},
    "n_cut": {"en": "{n} character cut|{n} characters cut", "ko": "잘린 글자 {n}개"},
    "cut_means": {
        "en": "사⟨1/3⟩ marks a cut inside a character: the first of its three bytes, or its onset by name.",
        "ko": "사⟨1/3⟩은 글자 안에서 잘렸다는 표시입니다. 세 바이트 중 첫째라는 뜻이며, "
        "자모 단위에서는 자모를 적습니다.",
    },
    "explorer_keys": {
        "en": "Hover over a token for its bytes, or enter a row and use the arrow keys.",
        "ko": "토큰에 마우스를 올리면 바이트가 보입니다. 키보드로는 줄을 고른 뒤 화살표를 쓰세요.",
    },
    "empty_token": {"en": "no bytes of its own", "ko": "자기 바이트 없음"},
    "space": {"en": "space", "ko": "빈칸"},
    "shortest": {"en": "fewest", "ko": "최소"},
    "sort_by": {"en": "sort", "ko": "정렬"},
    "better_lower": {"en": "lower is better", "ko": "낮을수록 좋음"},
    "better_higher": {"en": "higher is better", "ko": "높을수록 좋음"},
    "best": {"en": "best", "ko": "최고"},
    "not_ranked": {"en": "not ranked", "ko": "순위 제외"},
    "missing": {"en": "not on this machine", "ko": "이 컴퓨터에 없음"},
    "failed": {"en": "failed", "ko": "실패"},
    "lossy": {"en": "loses text", "ko": "손실 있음"},
    "diverged": {"en": "diverged", "ko": "발산"},
    "loss": {"en": "loss", "ko": "손실값"},
    "loss_needs": {
        "en": "There is no loss here: it takes a trained model. To get it, run",
        "ko": "손실값은 학습한 모델이 있어야 나옵니다. 다음 명령으로 얻습니다.",
    },
    "row_count": {"en": "{n} row|{n} rows", "ko": "{n}행"},
    "made_with": {"en": "Made with", "ko": "만든 도구"},
    "command": {"en": "Command", "ko": "명령"},
    "took": {"en": "Time", "ko": "걸린 시간"},
    "seconds": {"en": "{n} second|{n} seconds", "ko": "{n}초"},
    "unicode": {"en": "Unicode tables", "ko": "유니코드 표"},
    "text_train": {"en": "Trained on", "ko": "학습 글"},
    "text_eval": {"en": "Measured on", "ko": "측정 글"},
    "text_parallel": {"en": "Parallel text", "ko": "병렬 글"},
    "n_documents": {"en": "{n} document|{n} documents", "ko": "문서 {n}개"},
    "n_pairs": {"en": "{n} pair of lines|{n} pairs of lines", "ko": "줄 쌍 {n}개"},
    "n_tokenizers": {"en": "{n} tokenizer|{n} tokenizers", "ko": "토크나이저 {n}개"},
    "how_to_read": {"en": "How to read it", "ko": "읽는 법"},
    "reading": {
        "en": "Intervals are 95 % bootstrap intervals over documents: they say how much the value would move with "
        "other documents of the same kind, and nothing about other kinds of text. Two values whose intervals do not "
        "overlap differ; two that do may still differ, since differences are tested in pairs on the same documents.",
        "ko": "구간은 문서를 다시 뽑는 부트스트랩으로 얻은 95 % 구간입니다. 같은 종류의 다른 문서에서 값이 얼마나 "
        "움직일지를 말할 뿐, 다른 종류의 글에 대해서는 아무것도 말하지 않습니다. 구간이 겹치지 않으면 두 값은 "
        "다릅니다. 겹쳐도 다를 수 있는데, 차이는 같은 문서 위에서 짝지어 따지기 때문입니다.",
    },
    "definitions": {"en": "Metrics", "ko": "지표"},
    "metric": {"en": "Metric", "ko": "지표"},
    "formula": {"en": "Formula", "ko": "식"},
    "unit": {"en": "Unit", "ko": "단위"},
    "direction": {"en": "Better", "ko": "방향"},
    "source": {"en": "Source", "ko": "출처"},
    "recipes": {"en": "Tokenizers", "ko": "토크나이저"},
    "recipe": {"en": "Recipe", "ko": "레시피"},
    "vocabulary": {"en": "Vocabulary", "ko": "어휘 크기"},
    "name": {"en": "Name", "ko": "이름"},
    "back_to_top": {"en": "Back to the top", "ko": "맨 위로"},
}


def counted(word: dict[str, str], n: str) -> dict[str, str]:
    """Return a word about `n` things; English has a form for one before the bar.

    >>> counted({"en": "{n} row|{n} rows", "ko": "{n}행"}, "1")
    {'en': '1 row', 'ko': '1행'}
    """
    one, _, many = word["en"].partition("|")
    return {"en": (one if n == "1" or not many else many).replace("{n}", n), "ko": word["ko"].replace("{n}", n)}
