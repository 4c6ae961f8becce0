"""`bpe-lab lm probe neighbours`: do words come near each other in training? Measures nothing itself."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, number
from bpe_lab.errors import ArgumentError
from bpe_lab.visible import visible
from bpe_lab_model.cli.probes import opening

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab_model.checkpoint import Checkpoint
    from bpe_lab_model.probes.neighbours import Choice, Ints, Range, Stage, Word

_EXAMPLE = """\
bpe-lab lm probe neighbours run/ --words 사과,바나나,자동차
bpe-lab lm probe neighbours run/ --shards shards/ --html map.html"""

_MOST_WORDS = 12
_N_MAP = 500


@dataclass(frozen=True)
class Found:
    """What is shown."""

    stages: "list[Stage]"
    words: "list[Word]"
    tokens: "Ints"
    """Those that take part, commonest first."""
    random: "list[Range]"
    """Of single tokens, a stage each."""
    cosines: "dict[tuple[int, int], list[tuple[float, Range]]]"
    """Of each pair of words, a stage each, beside random pairs of the same make."""
    near: list[list[list[tuple[int, float]]]]
    """Of each stage and word the nearest tokens."""


def add_to(commands: arguments.Commands) -> None:
    """Add `neighbours`."""
    parser = arguments.add_command(
        commands,
        "neighbours",
        run_neighbours,
        "RUN --words WORD,WORD,...",
        "which tokens come near which, from the start of the training to its end",
        _EXAMPLE,
        more="Looks at 0, 1, 3, 10, 30 and 100 % of the training, as far as the run kept checkpoints; the start is "
        "made anew. Each cosine stands beside those of random pairs.",
    )
    opening.add_checkpoint(parser)
    add = parser.add_argument_group("what to look at").add_argument
    add("--words", default="", metavar="WORD,...", help="words to follow; one of several tokens is their mean")
    add("--nearest", type=arguments.positive, default=5, metavar="N", help="neighbours of each word (5)")
    add("--shards", metavar="SHARDS", help="count tokens here: those that the text never has are left out")
    add("--centre", action="store_true", help="first take off the direction that all tokens have in common")
    add("--seed", type=arguments.size, default=0, metavar="N", help="of the random pairs (0)")
    group = parser.add_argument_group("map")
    group.add_argument("--html", metavar="FILE", help="write a page: the commonest tokens on two axes, stage by stage")
    group.add_argument(
        "--tokens", type=arguments.positive, metavar="N", help=f"how many it shows, beside --words ({_N_MAP})"
    )
    arguments.add_force(group)
    arguments.add_json(parser)


def run_neighbours(args: argparse.Namespace, terminal: Terminal) -> int:
    """Measure, and print or draw."""
    from bpe_lab.cli.output import check_file
    from bpe_lab.shards import Shards
    from bpe_lab_model.probes import neighbours as probe

    texts = _texts(args)
    if args.html:
        check_file(args.html, args.force)
    loaded, candidate = opening.opened(args)
    counts = None
    if args.shards:
        counts = probe.counted(Shards.open(args.shards).require(loaded.fingerprint), loaded.config.vocab_size)
    choices, total = probe.chosen(Path(args.checkpoint))
    found = probe.stages(choices, total, probe.at_start(loaded, candidate))
    words = [probe.word(text, candidate) for text in texts]
    tokens = probe.pool(candidate, counts)
    if args.centre:
        found = [probe.centred(stage, tokens) for stage in found]
    measured = _measured(found, words, tokens, args.nearest, args.seed)
    _tell(args, terminal, loaded, choices, total)
    if args.html:
        _draw(args, terminal, measured, candidate, counts)
    if args.json:
        terminal.put_json("lm probe neighbours", _as_json(args, measured, candidate, counts is not None))
        return Exit.OK
    for line in _lines(measured, candidate):
        terminal.put(line)
    return Exit.OK


def _texts(args: argparse.Namespace) -> list[str]:
    """Return the words that were asked for.

    Raises:
        ArgumentError: there is nothing to show, or too much.
    """
    found = list(dict.fromkeys(text.strip() for text in args.words.split(",") if text.strip()))
    if any("\udc80" <= char <= "\udcff" for text in found for char in text):
        raise ArgumentError("a word is no UTF-8", "write it in the terminal's encoding, UTF-8")
    if not found and not args.html:
        raise ArgumentError(
            "which words? none was given", "--words 사과,바나나,자동차, or a map of all: --html map.html"
        )
    if args.tokens and not args.html:
        raise ArgumentError("--tokens says how many the map shows, and none is drawn", "--html map.html")
    if len(found) > _MOST_WORDS:
        raise ArgumentError(f"at most {_MOST_WORDS} words, got {len(found)}", "ask about fewer at a time")
    return found


def _measured(found: "list[Stage]", words: "list[Word]", tokens: "Ints", n: int, seed: int) -> Found:
    from bpe_lab_model.probes import neighbours as probe

    pairs = list(combinations(range(len(words)), 2))
    return Found(
        found,
        words,
        tokens,
        [probe.random_tokens(stage.table, tokens, seed) for stage in found],
        {
            (a, b): [
                (
                    probe.cosine(*(probe.vector(stage.table, words[at].ids) for at in (a, b))),
                    probe.random_range(stage.table, tokens, words[a].ids, words[b].ids, seed),
                )
                for stage in found
            ]
            for a, b in pairs
        },
        [[probe.nearest(stage.table, tokens, word.ids, n) for word in words] for stage in found],
    )


def _tell(
    args: argparse.Namespace, terminal: Terminal, loaded: "Checkpoint", choices: "Sequence[Choice]", total: int
) -> None:
    """Say which stages there are, and how to get those that are not."""
    from bpe_lab_model.cli.probes.retraining import command
    from bpe_lab_model.probes import neighbours as probe

    if args.shards is None:
        terminal.say("without --shards, tokens that the training text never had are among neighbours and random pairs")
    if not total:
        terminal.say(f"{args.checkpoint} does not say how it was trained, so it is shown as it is and alone")
        return
    before = probe.continued(Path(args.checkpoint))
    if missing := [share for share in probe.missing(choices, total) if share or not before]:
        shares = ", ".join(f"{100 * share:g}" for share in missing)
        again = command(loaded, args.shards or "SHARDS", "NEW-RUN", max(1, total // 100), before)
        terminal.warn(f"no checkpoint near {shares} % of {total:,} bytes", f"this keeps them: {again}")


# What is shown.


def _lines(found: Found, candidate: "Candidate") -> Iterator[str]:
    yield opening.about(candidate)
    for word in found.words:
        yield _cut(word, candidate)
    if found.cosines:
        yield ""
        yield from _cosine_lines(found)
    if found.words:
        yield ""
        yield from _near_lines(found, candidate)


def _cut(word: "Word", candidate: "Candidate") -> str:
    names = " ".join(_name(id, candidate) for id in word.ids)
    return f"{word.text}: {names}{f'  (mean of {len(word.ids)} tokens)' if len(word.ids) > 1 else ''}"


def _cosine_lines(found: Found) -> Iterator[str]:
    """Yield a row a pair, a column a stage; random pairs of single tokens stand below."""
    rows = [
        [f"{_title(found.words[a])} · {_title(found.words[b])}", *(_starred(*at) for at in of_pair)]
        for (a, b), of_pair in found.cosines.items()
    ]
    for name, part in (("random tokens: mean", "mean"), ("2.5 % are below", "low"), ("2.5 % are above", "high")):
        rows.append([name, *(f"{getattr(random, part):.3f} " for random in found.random)])
    yield from table.lines(["cosine", *(f">{_share(stage.share)}" for stage in found.stages)], rows)
    yield "* beyond 95 % of random pairs of as many and as common tokens    ~ a word of several: the mean of their rows"


def _title(word: "Word") -> str:
    text = visible(word.text.encode())
    return f"{text}~" if len(word.ids) > 1 else text


def _starred(cosine: float, random: "Range") -> str:
    return f"{cosine:.3f}{' ' if random.low <= cosine <= random.high else '*'}"


def _near_lines(found: Found, candidate: "Candidate") -> Iterator[str]:
    for place, word in enumerate(found.words):
        rows = [
            (_share(stage.share), "  ".join(f"{_name(id, candidate)} {cos:.2f}" for id, cos in near[place]))
            for stage, near in zip(found.stages, found.near, strict=True)
        ]
        yield from table.lines((">training", f"nearest to {_title(word)}"), rows)


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"


def _name(id: int, candidate: "Candidate") -> str:
    from bpe_lab.visible import visible
    from bpe_lab_model.probes.neighbours import spelling

    return f'"{visible(spelling(id, candidate))}"'


def _as_json(args: argparse.Namespace, found: Found, candidate: "Candidate", counted: bool) -> dict[str, Any]:
    def stage(at: int) -> dict[str, Any]:
        return {
            "share": found.stages[at].share,
            "bytes": found.stages[at].n_bytes,
            "random": found.random[at]._asdict(),
            "cosines": [
                {
                    "words": [found.words[a].text, found.words[b].text],
                    "cosine": of_pair[at][0],
                    "random": of_pair[at][1]._asdict(),
                }
                for (a, b), of_pair in found.cosines.items()
            ],
            "nearest": {
                word.text: [{"id": id, "token": _name(id, candidate)[1:-1], "cosine": cos} for id, cos in near]
                for word, near in zip(found.words, found.near[at], strict=True)
            },
        }

    return {
        "checkpoint": args.checkpoint,
        "tokenizer": opening.about(candidate),
        "n_tokens": len(found.tokens),
        "only_tokens_of_the_text": counted,
        "centred": args.centre,
        "words": [
            {
                "word": word.text,
                "spelling": word.spelling,
                "ids": list(word.ids),
                "tokens": [_name(id, candidate)[1:-1] for id in word.ids],
                "is_mean": len(word.ids) > 1,
            }
            for word in found.words
        ],
        "stages": [stage(at) for at in range(len(found.stages))],
    }


def _draw(
    args: argparse.Namespace, terminal: Terminal, found: Found, candidate: "Candidate", counts: "Ints | None"
) -> None:
    from bpe_lab.writing import write_whole
    from bpe_lab_model.probes import neighbours as probe
    from bpe_lab_model.probes import neighbours_page

    ids = found.tokens[: args.tokens or _N_MAP]
    atlas = probe.atlas(found.stages, ids, found.words)
    spellings = [probe.spelling(int(id), candidate) for id in ids]
    data = neighbours_page.data(
        atlas, found.stages, spellings, None if counts is None else [int(counts[id]) for id in ids], found.words
    )
    data["cosines"] = [
        [{"a": a, "b": b, "cosine": pair[at][0], **pair[at][1]._asdict()} for (a, b), pair in found.cosines.items()]
        for at in range(len(found.stages))
    ]
    data["random"] = [random._asdict() for random in found.random]
    about = f"{args.checkpoint}, {opening.about(candidate)}, {number(len(ids), 'token')}"
    terminal.wrote([write_whole(args.html, neighbours_page.page(data, about).encode(), args.force)])
