"""Every sentence that a comparison can say, in English and in Korean; figures go where braces stand.

Which one is said is decided in `answers` and `choice`. No Korean particle hangs on a name or a number.
"""

from bpe_lab.compare.plan import Both, both


def say(key: str, **figures: object) -> Both:
    """Return a sentence with its figures; one that is text in both languages goes into each in its own.

    >>> say("absent", names="gpt2")["ko"]
    '이 기계에 없어 세지 못한 것: gpt2. 구하는 법은 표의 해당 행에 있다.'
    """
    return {
        lang: text.format(**{name: x[lang] if isinstance(x, dict) else x for name, x in figures.items()})
        for lang, text in PHRASES[key].items()
    }


def language(code: str) -> Both:
    """Return what a language is called.

    >>> language("ko")["en"], language("fi")["ko"]
    ('Korean', 'fi')
    """
    return LANGUAGES.get(code, both(code))


def joined(*parts: Both | None) -> Both:
    """Return sentences one after another, in both languages."""
    there = [part for part in parts if part]
    return {lang: " ".join(part[lang] for part in there) for lang in ("en", "ko")}


VERDICTS = {
    "clear": both("a sure difference", "확실한 차이"),
    "small": both("a sure difference, too small to matter", "확실하지만 무시할 만한 차이"),
    "unresolved": both("not resolved on this text", "이 글로는 가릴 수 없음"),
}
"""What is said of a difference."""

LANGUAGES = {
    "ko": both("Korean", "한국어"),
    "en": both("English", "영어"),
    "ja": both("Japanese", "일본어"),
    "zh": both("Chinese", "중국어"),
}
"""Names of languages in sentences; others stand as they are given."""

TEXTS = {
    "colloquial": both("colloquial", "구어"),
    "written": both("written", "문어"),
}
"""Names of the embedded sample's training sets; those of the user's stand as they are given."""


def text_name(name: str) -> Both:
    """Return what a training set is called."""
    return TEXTS.get(name, both(name))


DOMAINS = {
    "chat": both("chat", "채팅"),
    "dialogue": both("dialogue", "대화"),
    "essay": both("essay", "수필"),
    "formal": both("formal", "격식문"),
    "hanja": both("with Hanja", "한자 혼용"),
    "letter": both("letter", "편지"),
    "news": both("news", "기사"),
    "old": both("old Hangul", "옛글"),
    "recipe": both("recipe", "조리법"),
    "tech": both("technical", "기술"),
}
"""Names of the embedded sample's registers; domains of the user's stand as they are given."""


def domain_name(name: str) -> Both:
    """Return what a kind of text is called."""
    return DOMAINS.get(name, both(name))


QUESTIONS = (
    both("Is Hangul in the vocabulary at all, and how much of it?", "어휘에 한글이 들어 있는가, 얼마나 들어 있는가?"),
    both(
        "Into what is an unseen Hangul word cut, and how often is a syllable itself broken?",
        "처음 보는 한글 낱말은 무엇으로 잘리는가, 음절 자체는 얼마나 자주 깨지는가?",
    ),
    both("Is Korean cut finer than English?", "한국어는 영어보다 잘게 잘리는가?"),
    both(
        "Does a whole word as one token pay: in length, in context, in loss?",
        "낱말 하나를 통째로 한 토큰으로 두면 이득인가: 길이, 문맥, 손실에서?",
    ),
    both(
        "How much text, and which sample of it, is enough to train a vocabulary?",
        "어휘를 학습하려면 글이 얼마나, 어떤 표본이 있어야 하는가?",
    ),
    both(
        "Can a fragment smaller than a character carry information?",
        "글자보다 작은 조각이 정보를 담을 수 있는가?",
    ),
    both(
        "Is there a point in single characters and bytes in the vocabulary?",
        "어휘에 낱글자와 바이트를 둘 까닭이 있는가?",
    ),
    both(
        "Is the same word cut differently by tokenizers trained on other text?",
        "다른 글로 학습한 토크나이저는 같은 낱말을 다르게 자르는가?",
    ),
    both("What becomes of Hanja and other scripts?", "한자와 다른 문자는 어떻게 되는가?"),
)
"""The nine questions, in order."""

PHRASES: dict[str, Both] = {
    "not-measured": both("This was not measured in this comparison.", "이번 비교에서는 재지 않았다."),
    "measured-with": both(
        "This was not measured in this comparison; what it takes: {what}.",
        "이번 비교에서는 재지 않았다. 재려면: {what}.",
    ),
    "two-sizes": both("one unit in two sizes", "한 단위를 두 가지 크기로"),
    "absent": both(
        "Not on this machine, so not counted: {names}; their rows say how to get them.",
        "이 기계에 없어 세지 못한 것: {names}. 구하는 법은 표의 해당 행에 있다.",
    ),
    # 1
    "none-without-hangul": both(
        "Yes, in every vocabulary here.",
        "그렇다. 여기 있는 어휘 모두에 들어 있다.",
    ),
    "some-without-hangul": both(
        "Not in every vocabulary here; without one token that holds a whole Hangul syllable: {names}.",
        "모두는 아니다. 온전한 한글 음절이 든 토큰이 하나도 없는 것: {names}.",
    ),
    "hangul": both(
        "Tokens that hold a Hangul syllable: {tokens}. Syllables that are a token of their own, of 11,172 (of KS X"
        " 1001's 2,350): {atoms}. These are counts of the vocabulary and have no interval.",
        "한글 음절이 든 토큰 수: {tokens}. 홀로 한 토큰인 음절, 11,172자 중(KS X 1001의 2,350자 중): {atoms}."
        " 어휘를 센 값이라 구간이 없다.",
    ),
    "whole-syllables": both(
        "Syllables of the held-out text that lie whole within one token: {whole}.",
        "떼어 둔 글의 음절 가운데 한 토큰 안에 온전히 든 것: {whole}.",
    ),
    # 2
    "unseen": both(
        "Tokens for an eojeol that the training text does not hold: {fertility}. Of its syllables, cut inside:"
        " {broken}. Of such eojeol, written with some token below a character: {fallback}.",
        "학습 글에 없던 어절 하나의 토큰 수: {fertility}. 그 음절 가운데 안이 잘린 것: {broken}."
        " 그런 어절 가운데 글자보다 작은 토큰이 쓰인 것: {fallback}.",
    ),
    "no-syllables": both("no value, for it has none", "값 없음(음절이 없다)"),
    "below-a-syllable": both(
        "What lies below a syllable is jamo in {jamo}; bytes in {bytes}.",
        "음절보다 작은 조각이 자모인 것: {jamo}. 바이트인 것: {bytes}.",
    ),
    "below-are-bytes": both(
        "What lies below a syllable is bytes in all of them.",
        "음절보다 작은 조각은 모두 바이트다.",
    ),
    "least-broken": both(
        "Over the whole text {best} breaks the fewest syllables, {least}, and {worst} the most, {most}. Between the"
        " first and the second, {second}: {verdict}.",
        "글 전체에서 음절을 가장 덜 자르는 것: {best}, {least}. 가장 많이 자르는 것: {worst}, {most}."
        " 첫째와 둘째({second}) 사이: {verdict}.",
    ),
    # 3
    "finer": both(
        "Finer, in more tokens than the same sentences in {other}; times theirs: {rows}.",
        "더 잘게 잘린다. 같은 뜻의 {other} 문장과 견준 토큰 배수: {rows}.",
    ),
    "coarser": both(
        "Not finer, in fewer tokens than the same sentences in {other}; times theirs: {rows}.",
        "더 잘게 잘리지 않고 토큰이 오히려 적다. 같은 뜻의 {other} 문장과 견준 토큰 배수: {rows}.",
    ),
    "as-fine": both(
        "Not resolved on these sentences; tokens, times those in {other}: {rows}.",
        "이 문장들로는 가릴 수 없는 것({other} 문장과 견준 토큰 배수): {rows}.",
    ),
    "raw-bytes": both(
        "In bytes the sentences are {bytes} times as long as in {other}.",
        "바이트로 재면 {other} 문장의 {bytes}배다.",
    ),
    "mix-decides": both(
        "It hangs on the mix of the training text: where {low} % of it is {first}, {a} times the tokens; where {high} %"
        " is, {b} times.",
        "학습 글을 어떻게 섞었는지에 달려 있다. {first} 비율이 {low} %일 때 {a}배, {high} %일 때 {b}배.",
    ),
    "mix-open": both(
        "Whether it hangs on the mix of the training text is not resolved: where {low} % of it is {first}, {a} times"
        " the tokens; where {high} % is, {b} times.",
        "학습 글을 어떻게 섞었는지에 달려 있는지는 가릴 수 없다. {first} 비율이 {low} %일 때 {a}배,"
        " {high} %일 때 {b}배.",
    ),
    # 4
    "longer-tokens": both(
        "In length: from {small} to {large}, the share of eojeol that are one token goes {ones}, and the tokens of the"
        " text change by {gap} ({verdict}).",
        "길이({small} → {large}): 한 토큰인 어절 {ones}, 글의 토큰 수 변화 {gap}({verdict}).",
    ),
    "band-gain": both(
        "Tokens per eojeol change by {common} among the 1,000 commonest, by {unseen} among those unseen in training.",
        "어절당 토큰 수 변화: 가장 흔한 1,000개에서 {common}, 학습 글에 없던 어절에서 {unseen}.",
    ),
    "context": both(
        "In context: 1,024 tokens hold {room} eojeol (median).",
        "문맥: 1,024토큰에 드는 어절 {room}(중앙값).",
    ),
    "superwords": both(
        "Tokens over several words (superwords) change the tokens of the text, beside the same recipe without them:"
        " {rows}.",
        "여러 어절에 걸친 토큰(superword)을 더하면 글의 토큰 수 변화: {rows}.",
    ),
    "loss-of-words": both("whether it pays in a model's loss", "모델의 손실에서도 이득인지"),
    "loss-of-sizes": both(
        "In loss: from {small} to {large}, the bits per byte of a model change by {gap} ({verdict}).",
        "손실({small} → {large}): 모델의 바이트당 비트 변화 {gap}({verdict}).",
    ),
    "loss-of-superwords": both(
        "In loss, beside the same recipe without superwords, bits per byte change: {rows}.",
        "superword를 뺀 같은 레시피와 견준 모델의 바이트당 비트 변화: {rows}.",
    ),
    "loss-two-sizes": both(
        "whether it pays in loss: no two sizes of one unit had a model",
        "손실에서도 이득인지: 한 단위의 두 크기를 모델로 견주지 않았다",
    ),
    # 5
    "enough": both(
        "The smallest sample whose {n} draws all stay within {within} % of the full text: {sample} %.",
        "{n}번 뽑은 것이 모두 전체와 {within} % 안에 드는 가장 작은 표본: {sample} %.",
    ),
    "not-enough": both(
        "No smaller sample that was tried stays within {within} % of the whole: more text than these {size} bytes may"
        " still help.",
        "시험한 더 작은 표본은 어느 것도 전체와 {within} % 안에 들지 않는다."
        " 이 {size}바이트보다 글이 더 있으면 나아질 수 있다.",
    ),
    "samples": both(
        "How many more tokens the worst draw of a size needs than the full text ({base}), and how much of the full"
        " vocabulary the draws find again: {rows}.",
        "표본 크기마다({base}), 가장 나쁜 표본이 전체보다 더 쓰는 토큰과 전체 어휘 가운데 되찾은 비율: {rows}.",
    ),
    "draws-matter": both(
        "Which documents are drawn matters: draws of one size lie up to {apart} apart (at {sample} %).",
        "어느 문서를 뽑느냐가 차이를 낸다. 같은 크기의 표본끼리 최대 {apart} 차이({sample} %에서).",
    ),
    "draws-alike": both(
        "Which documents are drawn hardly matters: draws of one size lie at most {apart} apart (at {sample} %).",
        "어느 문서를 뽑느냐는 거의 상관없다. 같은 크기의 표본끼리 많아야 {apart} 차이({sample} %에서).",
    ),
    # 6
    "inside": both(
        "Only a language model's loss can tell. It can spend bits inside a syllable only where a token's edge lies"
        " in one. Syllables of which that is so: {rows}.",
        "언어 모델의 손실만이 답할 수 있다. 음절 안에서 비트를 쓰려면 토큰 경계가 음절 안에 있어야 한다."
        " 그런 음절: {rows}.",
    ),
    "loss-inside": both("how many bits a model spends inside a syllable", "모델이 음절 안에서 몇 비트를 쓰는지"),
    "carries": both(
        "Yes, by these models ({verdict}): tokens that begin inside a syllable cost bits, so they tell something"
        " that the tokens before them do not. Bits inside a syllable, over all syllables: {rows}.",
        "이 모델들로 보면 그렇다({verdict}). 음절 안에서 시작하는 토큰에 비트가 드는데, 앞 토큰이 말하지 않은 것을"
        " 담고 있다는 뜻이다. 음절 하나당 그 안에서 쓴 비트(모든 음절에 대해): {rows}.",
    ),
    "carries-open": both(
        "Not resolved by these models ({verdict}). Bits inside a syllable, over all syllables: {rows}.",
        "이 모델들로는 가릴 수 없다({verdict}). 음절 하나당 그 안에서 쓴 비트(모든 음절에 대해): {rows}.",
    ),
    "carries-where": both("The interval is clear of 0 for: {names}.", "구간이 0보다 위인 것: {names}."),
    "inside-cut": both(
        "Syllables that a token's edge lies in: {rows}.",
        "토큰 경계가 안에 든 음절: {rows}.",
    ),
    "inside-total": both(
        "Whether cutting syllables costs in all is told by bits per byte: {rows}.",
        "음절을 자르는 것이 전체로 손해인지는 바이트당 비트가 말한다: {rows}.",
    ),
    # loss
    "is-base": both("the base", "기준"),
    "loss-resolved": both("resolved, {n} seeds", "가려짐, 시드 {n}개"),
    "loss-leans": both("leans, {n} seeds", "기움, 시드 {n}개"),
    "seeds": both("{n} seeds", "시드 {n}개"),
    "one-seed": both("one seed", "시드 1개"),
    "loss-needs-seeds": both("not resolved, about {n} seeds needed", "가릴 수 없음, 시드가 {n}개쯤 있어야 함"),
    "loss-needs-documents": both(
        "not resolved, about {n} held-out documents needed", "가릴 수 없음, 떼어 둔 문서가 {n}건쯤 있어야 함"
    ),
    "loss-needs-many": both("not resolved, over 1,000 seeds needed", "가릴 수 없음, 시드가 1,000개 넘게 있어야 함"),
    "loss-one-seed": both("not resolved, one seed tells no spread", "가릴 수 없음, 시드 하나로는 편차를 모름"),
    "outside": both("outside", "범위 밖"),
    "arm-diverged": both("training diverged, so not ranked: {note}", "학습이 발산해 순위에서 뺌: {note}"),
    "arm-lossy": both("does not give the text back, so not ranked: {note}", "글이 되돌아오지 않아 순위에서 뺌: {note}"),
    "loss-rests-on": both(
        "Models of the preset {preset}: {arms} tokenizers, {seeds} each, {bytes} bytes of training ({epochs}"
        " passes over the text), scored on {documents} held-out documents.",
        "{preset} 프리셋의 모델: 토크나이저 {arms}개, 저마다 {seeds}, 학습 {bytes}바이트(글을 {epochs}번 훑음),"
        " 떼어 둔 문서 {documents}건에서 잼.",
    ),
    "loss-proves-nothing": both(
        "It proves nothing: the text and the models are far too small. It shows what would be measured.",
        "이것으로 증명되는 것은 없다. 글도 모델도 너무 작다. 무엇을 재는지 보여 줄 뿐이다.",
    ),
    "one-budget": both(
        "One budget crowns nobody: what leads at a small one may fall behind at a larger.",
        "학습량이 한 가지뿐이면 우열을 정할 수 없다. 적게 학습할 때 앞선 것이 더 학습하면 뒤질 수 있다.",
    ),
    "loss-target": both(
        "Memory while decoding is given for {layers} layers of d {d} at {bytes} bytes a number.",
        "디코딩 메모리는 {layers}층, d {d}, 수 하나에 {bytes}바이트인 모델을 두고 셈한 것이다.",
    ),
    "loss-band": both(
        "Held-out bits per byte at the end of each budget; lower is better. Bands are 95 % intervals; tokenizers are"
        " compared in pairs, so bands that overlap may still differ.",
        "학습량마다 끝에서 잰, 떼어 둔 글의 바이트당 비트. 낮을수록 좋다. 띠는 95 % 구간이며, 짝지어 견주므로"
        " 띠가 겹쳐도 다를 수 있다.",
    ),
    "loss-point": both(
        "Held-out bits per byte; lower is better. Bars are 95 % intervals. One budget gives points, not lines.",
        "떼어 둔 글의 바이트당 비트. 낮을수록 좋다. 막대는 95 % 구간. 학습량이 하나라 선이 아니라 점이다.",
    ),
    "scatter": both(
        "Each point is a tokenizer. Spearman's rank correlation over {n} of them: {rho}.",
        "점 하나가 토크나이저 하나다. {n}개의 스피어먼 순위 상관: {rho}.",
    ),
    "too-few-arms": both(
        "Rank correlation of counts with the loss: too few tokenizers, {n} of the {least} that it takes.",
        "세어서 얻은 지표와 손실의 순위 상관: 토크나이저가 모자라다({n}개, {least}개부터).",
    ),
    # 7
    "safety-net": both(
        "Characters written with a token below a character: {chars}. Eojeol that hold one: {eojeol}.",
        "글자보다 작은 토큰으로 적힌 글자: {chars}. 그런 글자가 든 어절: {eojeol}.",
    ),
    "unk-loses": both(
        "There is a point: vocabularies without them write <unk> and lose, of the eojeol (of the characters), {rows}.",
        "까닭이 있다. 이것이 없는 어휘가 <unk>로 잃는 어절(글자): {rows}.",
    ),
    "unk-loses-nothing": both(
        "On this text closed vocabularies lose nothing: {rows}.",
        "이 글에서는 닫힌 어휘도 잃는 것이 없다: {rows}.",
    ),
    # 8
    "cut-differently": both(
        "Yes. Trained on {left} and on {right}, of the held-out eojeol cut alike: {share}. Tokens of either vocabulary"
        " that both have: {shared} %.",
        "그렇다. {left}, {right} 두 글로 따로 학습했을 때 떼어 둔 글에서 똑같이 잘리는 어절: {share}."
        " 두 어휘를 합친 것 가운데 양쪽에 다 있는 토큰: {shared} %.",
    ),
    "cut-alike": both(
        "Not resolved. Trained on {left} and on {right}, of the held-out eojeol cut alike: {share}. Tokens of either"
        " vocabulary that both have: {shared} %.",
        "가릴 수 없다. {left}, {right} 두 글로 따로 학습했을 때 떼어 둔 글에서 똑같이 잘리는 어절: {share}."
        " 두 어휘를 합친 것 가운데 양쪽에 다 있는 토큰: {shared} %.",
    ),
    "differing-words": both("The commonest that differ: {words}.", "다르게 잘린 가장 흔한 어절: {words}."),
    # 9
    "hanja": both(
        "Tokens for a Hanja: {tokens}. Hanja written with bytes: {fallback}. Ideographs that are a token: {atoms}.",
        "한자 한 자의 토큰 수: {tokens}. 바이트로 적힌 한자: {fallback}. 한 토큰인 한자의 수: {atoms}.",
    ),
    "no-hanja": both("The held-out text holds no Hanja.", "떼어 둔 글에는 한자가 없다."),
    "everywhere": both("every tokenizer here", "여기 있는 토크나이저 모두"),
    "hanja-dearer": both(
        "Surely dearer than a Hangul syllable in {names}.",
        "한글 음절보다 분명히 비싼 것: {names}.",
    ),
    "hanja-open": both(
        "Whether a Hanja is dearer than a Hangul syllable is not resolved.",
        "한자가 한글 음절보다 비싼지는 가릴 수 없다.",
    ),
    "old-hangul": both("Tokens for a syllable of old Hangul: {rows}.", "옛한글 한 음절의 토큰 수: {rows}."),
    "other-scripts": both("Tokens for a character of other scripts: {rows}.", "다른 문자 한 자의 토큰 수: {rows}."),
    # what to choose
    "choose-shortest": both(
        "Choose {best}: of those trained here at one size, the fewest tokens on the held-out text. The next, {second},"
        " needs {gap} tokens ({verdict}).",
        "고를 것: {best}. 여기서 같은 크기로 학습한 것 가운데 떼어 둔 글에 드는 토큰이 가장 적다."
        " 그다음인 {second}: 토큰이 {gap} 든다({verdict}).",
    ),
    "choose-nothing": both(
        "What to choose this cannot tell: that takes two recipes of one vocabulary size.",
        "무엇을 고를지는 이 비교로 알 수 없다. 어휘 크기가 같은 레시피가 둘은 있어야 한다.",
    ),
    "choose-none": both(
        "This text does not tell {best} from {second}, which needs {gap} tokens. Choose by what else you need.",
        "이 글로는 {best}, {second} 가운데 무엇이 나은지 가릴 수 없다(뒤쪽에 토큰이 {gap} 든다)."
        " 필요한 다른 점을 보고 고른다.",
    ),
    "choose-sparing": both(
        "Choose {chosen}: about as few tokens as {other} ({gap}), and fewer syllables cut inside: {cut} against"
        " {other_cut} ({verdict}).",
        "고를 것: {chosen}. 토큰 수는 {other} 쪽과 비슷하고({gap}) 음절을 덜 자른다."
        " 잘린 음절 {cut}, {other} 쪽은 {other_cut}({verdict}).",
    ),
    "unit-effect": both(
        "The most that a recipe costs at one size: {worst} needs {gap} tokens than {best} ({verdict}).",
        "크기가 같을 때 레시피에 따라 가장 크게 벌어지는 차이: {worst} 쪽이 {best} 쪽보다 토큰이 {gap} 든다"
        "({verdict}).",
    ),
    "size-effect": both(
        "A larger vocabulary: {large} needs {gap} tokens than {small} ({verdict}).",
        "어휘를 키우면: {large} 쪽이 {small} 쪽보다 토큰이 {gap} 든다({verdict}).",
    ),
    "dearest": both(
        "Of the tokenizers loaded, {name} charges most: {value} times as many tokens for {first} as for {second}.",
        "불러온 토크나이저 가운데 가장 비싼 것: {name}."
        " 같은 뜻의 {first} 문장에 {second} 문장의 {value}배 토큰이 든다.",
    ),
    "few-documents": both(
        "Measured on {n} documents, too few for intervals (they take {least}): no difference above is resolved.",
        "문서 {n}건으로 쟀다. 구간을 내기에는 적어({least}건부터) 위의 어떤 차이도 가릴 수 없다.",
    ),
    "loss-below": both(
        "In loss, {best} lies below {base} in {work} of training: {bpb} bits per byte, {gap} ({verdict}).",
        "손실: 학습 {work}에서 {best} 쪽이 {base} 쪽보다 낮다. 바이트당 {bpb}비트, 차이 {gap}({verdict}).",
    ),
    "loss-none-below": both(
        "In loss, none lies below {base} in {work} of training: {bpb} bits per byte; the nearest, {second}, has"
        " {gap} ({verdict}).",
        "손실: 학습 {work}에서 {base} 쪽보다 낮은 것이 없다. 바이트당 {bpb}비트, 가장 가까운 {second} 쪽과의"
        " 차이 {gap}({verdict}).",
    ),
    "loss-open": both(
        "In loss, {work} of training do not tell {a} ({bpb} bits per byte) from {b}: {gap} ({verdict}).",
        "손실: 학습 {work}로는 {a}(바이트당 {bpb}비트), {b} 가운데 어느 쪽이 낮은지 알 수 없다: {gap}({verdict}).",
    ),
    "work-bytes": both("{n} bytes", "{n}바이트"),
    "work-flops": both("{n} FLOPs", "연산 {n} FLOPs"),
    "loss-tied": both("It is not told from: {names}.", "그것과 가려지지 않는 것: {names}."),
    "loss-alone": both(
        "In loss, {name} stands alone: {bpb} bits per byte, and nothing to set beside it.",
        "손실: {name} 하나뿐이라 견줄 것이 없다. 바이트당 {bpb}비트.",
    ),
    "loss-flips": both(
        "The order changes with the budget: {names}.",
        "학습량에 따라 순서가 바뀌는 것: {names}.",
    ),
    "loss-none": both(
        "In loss nothing is ranked: every tokenizer diverged or loses text.",
        "손실로 순위를 매길 것이 없다. 모두 발산했거나 글을 잃는다.",
    ),
    "model-open": both(
        "Whether fewer tokens make a better model no count can tell; a language model can: {command}",
        "토큰이 적으면 모델도 나아지는지는 세어서는 알 수 없고, 언어 모델로 재야 한다: {command}",
    ),
}
"""Sentences by key."""
