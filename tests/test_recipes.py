"""The recipe grammar: what is read, what is refused and how, and one canonical text for equal recipes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpe_lab import ArgumentError
from bpe_lab.compare import Loaded, Recipe, parse_tokenizer

# typed, canonical
SAME = [
    ("unit=byte,vocab=32k", ""),
    ("vocab=8k", "vocab=8000"),
    ("vocab=8Ki", "vocab=8192"),
    ("vocab=8_192", "vocab=8192"),
    ("vocab=1.5k", "vocab=1500"),
    (" vocab = 8k , unit = jamo ", "unit=jamo,vocab=8000"),
    ("unit=syllable:ksx1001", "unit=syllable"),
    ("unit=syllable:seen=05", "unit=syllable:seen=5"),
    ("unit=jamo:nfd-alias:filler", "unit=jamo:filler:nfd-alias"),
    ("unit=jamo-char:compat", "unit=jamo-char:compat"),
    ("superword=6k:4", "superword=6000"),
    ("superword=6k:2", "superword=6000:2"),
    ("morphemes=kiwi,at=train", "morphemes=kiwi"),
    ("at=train+infer,morphemes=mecab", "at=train+infer,morphemes=mecab"),
    ("unit=word,closed=true", "closed=true,unit=word"),
    ("train=a.txt+b.txt+a.txt", "train=a.txt+b.txt"),
    ("mix=ko:10/en:90", "mix=en:9/ko:1"),
    ("mix=ko:0.5/en:99.5,size=2MB", "mix=en:199/ko:1,size=2000000"),
    ("mix=ko:50%/en:50%", "mix=en:1/ko:1"),
    ("mix=ko:100/en:0", "mix=ko:1"),
    ("sample=10%", "sample=10%"),
    ("sample=0.1", "sample=10%"),
    ("sample=0.50%", "sample=0.5%"),
    ("sample=100%", ""),
    ("sample=100kB,seed=2", "sample=100000B,seed=2"),
    ("min-frequency=2,max-token-bytes=16", "max_token_bytes=16,min_frequency=2"),
    ("documents=prefix:# ,train=x.md", '{"documents":"prefix:# ","train":["x.md"]}'),
    ("pattern=cl100k,tie=rustbpe,name=한국어 8k", "name=한국어 8k,pattern=cl100k,tie=rustbpe"),
    ('{"unit": "jamo", "vocab": "8k"}', "unit=jamo,vocab=8000"),
    ('{"mix": {"ko": 10, "en": 90}}', "mix=en:9/ko:1"),
    ('{"train": ["a,b.txt", "c+d.txt"]}', '{"train":["a,b.txt","c+d.txt"]}'),
    ('{"pattern": "\\\\p{L}{1,3}|."}', '{"pattern":"\\\\p{L}{1,3}|."}'),
    ('{"documents": "prefix:# ", "vocab": 300}', '{"documents":"prefix:# ","vocab":300}'),
    ('{"mix": {"a/b": 1, "c": 1}}', '{"mix":{"a/b":1,"c":1}}'),
]


@pytest.mark.parametrize(("typed", "canonical"), SAME, ids=[typed for typed, _ in SAME])
def test_canonical_text(typed: str, canonical: str) -> None:
    recipe = Recipe.parse(typed)
    assert recipe.canonical() == canonical
    assert Recipe.parse(canonical) == recipe


# typed, a part of the message, the hint or a part of it
REFUSED = [
    ("unti=byte", "no key 'unti'", "did you mean unit?"),
    ("unit=jam", "there is no unit 'jam'", "did you mean jamo?"),
    ("unit=jamo:fill", "jamo has no option 'fill'; there are: filler, compat, nfd-alias", "did you mean filler?"),
    ("unit=byte:filler", "byte has no option 'filler'; it has none", None),
    ("unit=syllable:al", "syllable has one option of", "did you mean all?"),
    ("unit=syllable:seen=0", "syllable has one option of", None),
    ("vocab=viel", "vocab=viel in a recipe: a whole number is needed", "8Ki (8,192)"),
    ("vocab=0", "must be at least 1", None),
    ("vocab=1.2345k", "no whole number", None),
    ("vocab=-1", "a whole number is needed", None),
    ("vocab=9999999999999G", "no whole number below 2^63", None),
    ("vocab=8k,vocab=9k", "vocab stands twice", None),
    ("vocab", "'vocab' in a recipe is no key=value", "JSON"),
    ("vocab=", "'vocab=' in a recipe is no key=value", "JSON"),
    ("morphemes=meacb", "one of mecab, kiwi", "did you mean mecab?"),
    ("at=infer,morphemes=kiwi", "one of train, train+infer", "did you mean train+infer?"),
    ("at=train+infer", "needs an analyser", "morphemes=mecab"),
    ("closed=ture,unit=word", "one of true, false", "did you mean true?"),
    ("unit=word", "unit=word with closed=false", "unit=word,closed=true"),
    ("unit=jamo,closed=true", "unit=jamo with closed=true", "unit=word,closed=true"),
    ("unit=char,closed=true,tie=rustbpe", "a closed vocabulary has no tie", "leave out tie=rustbpe"),
    ("superword=9k,vocab=8k", "superword=9000 must be below vocab=8000", "begin earlier"),
    ("superword=6k:0", "must be at least 1", None),
    ("tie=hff", "one of hf, rustbpe", "did you mean hf?"),
    ("mix=ko:viel", "'viel' is no share", "mix=ko:10/en:90"),
    ("mix=ko:0/en:0", "all shares are 0", None),
    ("mix=ko:1/ko:2", "a source stands twice", None),
    ("mix=ko", "sources with shares are needed", "mix=ko:10/en:90"),
    ("size=2MB", "the size of a mix, and there is none", "add mix="),
    ("sample=0%", "above 0% and up to 100%", "10%"),
    ("sample=101%", "above 0% and up to 100%", "10%"),
    ("sample=some", "no part of a text", "10%"),
    ("train=a.txt++b.txt", "files or folders are needed", "a.txt+b.txt"),
    ("seed=-1", "a whole number is needed", None),
    ('{"unit": 5}', "text is needed", None),
    ('{"vocab": true}', "a whole number is needed", None),
    ('{"unit": "jamo"', "must be JSON", None),
    ('{"unit": "byte", "unit": "jamo"}', "unit stands twice", None),
    ('{"train": {"a": 1}}', "files or folders are needed", None),
]


@pytest.mark.parametrize(("typed", "message", "hint"), REFUSED, ids=[typed for typed, *_ in REFUSED])
def test_what_is_refused_and_how(typed: str, message: str, hint: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        Recipe.parse(typed)
    assert message in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


names = st.text(min_size=1, max_size=8)
recipes = st.builds(
    Recipe,
    unit=st.sampled_from(["byte", "byte-char", "syllable", "syllable:all", "syllable:seen=3", "jamo:filler:compat"]),
    vocab=st.integers(300, 1 << 40),
    pattern=names,
    superword=st.none() | st.builds("{}:{}".format, st.integers(1, 299), st.integers(1, 9)),
    morphemes=st.sampled_from(["mecab", "kiwi"]),
    at=st.sampled_from(["train", "train+infer"]),
    train=st.lists(names, max_size=3).map(tuple),
    documents=st.none() | names,
    mix=st.dictionaries(names, st.integers(1, 10**6), min_size=1, max_size=3).map(lambda d: tuple(d.items())),
    size=st.none() | st.integers(1, 1 << 40),
    sample=st.none()
    | st.decimals("0.000001", "100", places=6).map("{}%".format)
    | st.integers(1, 10**12).map("{}B".format),
    seed=st.integers(0, 9),
    tie=st.sampled_from(["hf", "rustbpe"]),
    min_frequency=st.integers(1, 9),
    max_token_bytes=st.none() | st.integers(1, 99),
    name=st.none() | names,
)


@settings(deadline=None)
@given(recipes)
def test_the_canonical_text_is_read_back(recipe: Recipe) -> None:
    assert Recipe.parse(recipe.canonical()) == recipe


@settings(deadline=None)
@given(recipes)
def test_the_same_in_json_is_the_same(recipe: Recipe) -> None:
    said = {key: value for key, value in vars(recipe).items() if value not in (None, ())}
    said["mix"] = dict(recipe.mix)
    assert Recipe.parse(json.dumps(said)).canonical() == recipe.canonical()


@settings(deadline=None)
@given(recipes, st.permutations(["unit", "vocab", "tie", "seed"]))
def test_the_order_of_keys_does_not_matter(recipe: Recipe, order: list[str]) -> None:
    typed = ",".join(f"{key}={getattr(recipe, key)}" for key in order)
    assert Recipe.parse(typed).digest() == Recipe.parse(",".join(reversed(typed.split(",")))).digest()


def test_the_name_changes_no_result_and_all_else_does() -> None:
    plain = Recipe.parse("unit=jamo,vocab=8k")
    assert plain.replace(name="x").digest() == plain.digest()
    others = ["unit=byte", "vocab=9k", "tie=rustbpe", "sample=1%", "seed=1", "train=a", "pattern=none", "superword=1k"]
    digests = {Recipe.parse(f"vocab=8k,{other}" if "vocab" not in other else other).digest() for other in others}
    assert len(digests | {plain.digest()}) == len(others) + 1


TITLES = [
    ("vocab=8k", "byte 8k"),
    ("unit=jamo:filler,vocab=8192,superword=6k", "jamo:filler 8192 superword=6000"),
    ("unit=word,closed=true,vocab=8k", "word 8k closed"),
    ("unit=jamo,name=mine", "mine"),
]


@pytest.mark.parametrize(("typed", "title"), TITLES)
def test_titles(typed: str, title: str) -> None:
    assert Recipe.parse(typed).title == title


LOADED = [
    ("o200k_base", Loaded("o200k_base")),
    ("folder/tokenizer.json", Loaded("folder/tokenizer.json")),
    ("file=my.tiktoken,pattern=o200k,name=mine", Loaded("my.tiktoken", "o200k", "mine")),
    ('{"file": "a,b.bpe"}', Loaded("a,b.bpe")),
    ("vocab=8k", Recipe(vocab=8000)),
    ("./odd=name.bpe", Loaded("./odd=name.bpe")),
]


@pytest.mark.parametrize(("typed", "meant"), LOADED)
def test_a_tokenizer_is_a_recipe_or_something_to_load(typed: str, meant: Recipe | Loaded) -> None:
    assert parse_tokenizer(typed) == meant
    assert parse_tokenizer(meant.canonical()) == meant


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("jamo", "unit=jamo,vocab=8k"),
        ("jamo:filler", "unit=jamo:filler,vocab=8k"),
        (" ", "name a file"),
        ("fiel=x", ""),
    ],
)
def test_what_is_neither(typed: str, hint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_tokenizer(typed)
    assert hint in (caught.value.hint or "")


def test_only_some_keys_go_with_a_file() -> None:
    with pytest.raises(ArgumentError, match="no key 'vocab'; there are: file, pattern, name"):
        parse_tokenizer("file=a.bpe,vocab=8k")
