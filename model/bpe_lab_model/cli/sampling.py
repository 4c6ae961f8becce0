"""`bpe-lab lm sample`: text of a checkpoint as it comes, its choices, and what a run's checkpoints say.

Loads, prints and measures; texts are made by `generate`. Imports torch only to run.
"""

import argparse
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, binary_stdin, number
from bpe_lab.errors import ArgumentError

if TYPE_CHECKING:
    from bpe_lab_model.generate import Generation, Options, Speaker, Step
    from bpe_lab_model.stages import Stage

_EXAMPLE = """\
bpe-lab lm sample run/ "오늘 날씨가"
bpe-lab lm sample run/ "오늘 날씨가" --show --tokens 10
bpe-lab lm sample run/ "오늘 날씨가" --compare
bpe-lab lm sample run/ --report --shards shards/"""

_BAR_CELLS = 20
_PIPE_CELLS = 100
"""Width of tables that go into a pipe."""
_END = "⟨end of text⟩"


def add_to(commands: arguments.Commands) -> None:
    """Add `sample`."""
    parser = arguments.add_command(
        commands,
        "sample",
        run_sample,
        "CHECKPOINT [PROMPT]",
        "let a model go on with a text",
        _EXAMPLE,
        more="The text begins with PROMPT, byte for byte, and is printed as its characters become whole. - reads the "
        "prompt from standard input.",
        spread="prompt",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="the folder of a run, or of one of its checkpoints")
    parser.add_argument("prompt", nargs="*", metavar="PROMPT")
    _add_length(parser)
    _add_choosing(parser)
    _add_views(parser)
    arguments.add_tokenizer(parser)
    arguments.add_json(parser)


def _add_length(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("text").add_argument
    add("--bytes", dest="n_bytes", type=arguments.positive, metavar="N", help="stop after so many bytes (300)")
    add("--tokens", dest="n_tokens", type=arguments.positive, metavar="N", help="stop after so many tokens")
    add("--samples", type=arguments.positive, metavar="N", help="texts, each with the next seed (1; --report: 3)")
    add("--no-stop", action="store_true", help="begin a new document where the model ends one")
    add(
        "--truncate",
        choices=("rolling", "left", "right", "stop"),
        help="at the end of the context: let the oldest tokens go (rolling), read the last half anew (left), crop the "
        "end of the prompt and stop (right), stop; default: rolling, left with learned positions",
    )


def _add_choosing(parser: arguments.Parser) -> None:
    add = parser.add_argument_group("choosing").add_argument
    add("--temperature", type=_number, default=0.8, metavar="T", help="below 1 surer, above 1 wilder (0.8)")
    add("--top-k", type=arguments.positive, metavar="K", help="choose among the K heaviest")
    add("--top-p", type=_number, metavar="P", help="choose among the fewest that together weigh P")
    add("--greedy", action="store_true", help="always the heaviest")
    add("--seed", type=arguments.size, default=0, metavar="N", help="equal seeds give equal texts (0)")
    add("--no-heal", action="store_true", help="keep a token's end where the prompt ends")
    add("--no-cache", action="store_true", help="read everything again for each token: the same text, slower")


def _add_views(parser: arguments.Parser) -> None:
    group = parser.add_argument_group("looking closer")
    add = group.add_argument
    add("--show", nargs="?", const=5, type=arguments.positive, metavar="N", help="the N (5) best choices of each step")
    add("--compare", action="store_true", help="greedy beside sampled")
    add("--report", action="store_true", help="what each checkpoint of a run says, with measures")
    add("--shards", metavar="SHARDS", help="with --report: score the held-out text, look for copies of the other")
    add("--corpus", nargs="+", metavar="FILE", help="with --report: the training text, to look for copies")
    add("--html", metavar="FILE", help="with --report: write a page too")
    arguments.add_documents(group)
    arguments.add_force(group)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r} (write 0.8)") from None


def run_sample(args: argparse.Namespace, terminal: Terminal) -> int:
    """Say something, in the way that was asked for."""
    views = [f"--{name}" for name in ("show", "compare", "report") if getattr(args, name)]
    if len(views) > 1:
        raise ArgumentError(f"{' and '.join(views)} are different views", "take one at a time")
    if not args.report and (args.shards or args.corpus or args.html):
        raise ArgumentError("--shards, --corpus and --html belong to --report", "add --report, or leave them out")
    prompt = _prompt(args, terminal)
    if args.report:
        return _report(args, terminal, prompt)
    speaker = _speaker(args)
    if args.compare:
        return _compare(args, terminal, speaker, prompt)
    return _say(args, terminal, speaker, prompt)


def _prompt(args: argparse.Namespace, terminal: Terminal) -> bytes:
    if len(args.prompt) > 1:
        raise ArgumentError(
            f"one prompt was expected, got {len(args.prompt)}", "quote it: lm sample run/ '안녕 하세요'"
        )
    if args.prompt == ["-"]:
        return binary_stdin(terminal).read()
    return os.fsencode(args.prompt[0]) if args.prompt else b""


def _speaker(args: argparse.Namespace) -> "Speaker":
    from bpe_lab_model import checkpoint, devices
    from bpe_lab_model.cli.evaluating import needed_candidate
    from bpe_lab_model.generate import Speaker

    loaded = checkpoint.load(args.checkpoint, devices.device(None))
    return Speaker(loaded.model, needed_candidate(args, loaded))


def _options(args: argparse.Namespace, position: str, **changes: Any) -> "Options":
    from bpe_lab_model.generate import Options
    from bpe_lab_model.sampling import Sampling

    is_table = position in ("learned", "concat-split", "concat-wide")
    values: dict[str, Any] = {
        "n_bytes": args.n_bytes or (None if args.n_tokens else 300),
        "n_tokens": args.n_tokens,
        "sampling": Sampling(0.0 if args.greedy else args.temperature, args.top_k, args.top_p),
        "seed": args.seed,
        "cache": not args.no_cache,
        "beyond": args.truncate or ("left" if is_table else "rolling"),
        "heal": not args.no_heal,
        "stops": not args.no_stop,
        "n_candidates": args.show or 5,
    }
    return Options(**(values | changes))


# Text as it comes.


def _say(args: argparse.Namespace, terminal: Terminal, speaker: "Speaker", prompt: bytes) -> int:
    terminal.pours = True
    found = []
    n_samples = args.samples or 1
    for n in range(n_samples):
        options = _options(args, speaker.model.config.position, seed=args.seed + n)
        generation = speaker.generate(prompt, options)
        started = time.perf_counter()
        if args.json:
            found.append(_as_json(generation, speaker, list(generation), args.seed + n, time.perf_counter() - started))
            continue
        if n_samples > 1:
            terminal.put(f"{'' if n == 0 else chr(10)}-- seed {args.seed + n}")
        if args.show:
            for line in _choices(generation, speaker, terminal):
                terminal.put(line)
        else:
            _stream(generation, terminal)
        terminal.say(_facts(generation, speaker, time.perf_counter() - started))
    if args.json:
        terminal.put_json("lm sample", {"checkpoint": args.checkpoint, "samples": found})
    return Exit.OK


def _stream(generation: "Generation", terminal: Terminal) -> None:
    """Print characters as they come; the prompt stands out where there is colour."""
    is_terminal, coloured = sys.stdout.isatty(), terminal.coloured(sys.stdout)
    opening = _harmless(generation.opening) if is_terminal else generation.opening
    print(f"\x1b[1m{opening}\x1b[0m" if coloured and opening else opening, end="", flush=True)
    text = ""
    for step in generation:
        text = step.text
        print(_harmless(text) if is_terminal else text, end="", flush=True)
        if generation.ended and not generation.finished:
            print(f"\n{_END}\n", end="")
    print(flush=True)


def _harmless(text: str) -> str:
    """Return text with control characters escaped: a model may say what moves a terminal's cursor."""
    from bpe_lab.visible import visible

    is_control = {char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\t"}
    return "".join(visible(char.encode()) if char in is_control else char for char in text)


def _facts(generation: "Generation", speaker: "Speaker", seconds: float) -> str:
    from bpe_lab_model.quality import broken_characters

    n_bytes = len(generation.new_bytes)
    n_broken, n_chars = broken_characters(generation.new_bytes, not generation.ended)
    seconds = max(seconds, 1e-9)
    facts = [
        f"{number(generation.n_new_tokens, 'token')}, {number(n_bytes, 'byte')}",
        f"{generation.n_new_tokens / seconds:,.0f} tokens/s, {amount(n_bytes / seconds)}/s",
        f"{n_broken} of {number(n_chars, 'character')} broken",
    ]
    if generation.cache_bytes:
        facts.insert(2, f"cache {amount(generation.cache_bytes)}")
    return ", ".join(facts) + ("; the model ended the text" if generation.ended else "")


# Choices.


def _choices(generation: "Generation", speaker: "Speaker", terminal: Terminal) -> Iterator[str]:
    """Yield for each step the best choices with a bar, the one taken after `>`."""
    coloured = terminal.coloured(sys.stdout)
    unit = "symbol" if speaker.candidate.is_jamo else "byte"
    tail = generation.opening
    for n, step in enumerate(generation, 1):
        n_spelled = step.n_prompt_symbols
        end = number(n_spelled, unit)
        healed = f"  (each also spells the prompt's end, this one its last {end})" if n_spelled else ""
        yield f"{n:>3}  {_last_cells(tail, 40)}▏{healed}"
        rows = list(step.candidates)
        if step.id not in {choice.id for choice in rows}:
            rows.append(step.taken)
        width = max(_cells(_name(speaker, choice.id)) for choice in rows)
        for choice in rows:
            name = _padded(_name(speaker, choice.id), width)
            taken = choice.id == step.id
            mark = ">" if taken else " "
            line = f"  {mark}  {name}  {_percent(choice.model)} {_bar(choice.model)}  {_percent(choice.drawn)}"
            yield f"\x1b[1m{line}\x1b[0m" if taken and coloured else line
        tail += step.text
    yield "     (model's probability, then that of the draw)"


def _name(speaker: "Speaker", id: int) -> str:
    from bpe_lab.visible import visible

    if id == speaker.eos:
        return _END
    tokenizer = speaker.candidate.tokenizer
    data = tokenizer.token_bytes(id) if tokenizer else speaker.candidate.decode([id])
    return f'"{visible(data)}"'


def _percent(share: float) -> str:
    return f"{100 * share:5.1f} %"


def _bar(share: float) -> str:
    """Return a bar of at most `_BAR_CELLS` cells, to an eighth of one."""
    eighths = round(share * _BAR_CELLS * 8)
    bar = "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8]
    return bar.strip().ljust(_BAR_CELLS)


def _cells(text: str) -> int:
    from rich.cells import cell_len

    n_cells: int = cell_len(text)
    return n_cells


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _last_cells(text: str, width: int) -> str:
    """Return the end of a text, on one line of at most `width` cells."""
    from bpe_lab.visible import visible

    shown = visible(text.encode())
    if _cells(shown) <= width:
        return shown
    while _cells(shown) > width - 1:
        shown = shown[1:]
    return "…" + shown


def _first_cells(text: str, width: int) -> str:
    shown = text
    if _cells(shown) <= width:
        return shown
    while _cells(shown) > width - 1:
        shown = shown[:-1]
    return shown + "…"


# Greedy beside sampled.


def _compare(args: argparse.Namespace, terminal: Terminal, speaker: "Speaker", prompt: bytes) -> int:
    from bpe_lab_model.quality import distinct_2
    from bpe_lab_model.sampling import GREEDY, Sampling

    if args.greedy:
        raise ArgumentError("--compare sets greedy beside sampled", "leave --greedy out")
    position = speaker.model.config.position
    sampled = Sampling(args.temperature, args.top_k, args.top_p)
    columns = []
    for title, sampling in (("greedy", GREEDY), (_title(sampled, args.seed), sampled)):
        generation = speaker.generate(prompt, _options(args, position, sampling=sampling))
        started = time.perf_counter()
        steps = list(generation)
        text = generation.opening + "".join(step.text for step in steps)
        measured = distinct_2([generation.new_bytes.decode(errors="replace")])
        found = _as_json(generation, speaker, steps, args.seed, time.perf_counter() - started)
        columns.append({"title": title, "text": text, "distinct_2": measured, "sample": found})
    if args.json:
        terminal.put_json("lm sample", {"checkpoint": args.checkpoint, "compare": columns})
        return Exit.OK
    for line in side_by_side(columns, _width()):
        terminal.put(line)
    return Exit.OK


def _title(sampling: Any, seed: int) -> str:
    values = {"temperature": sampling.temperature, "top-k": sampling.top_k, "top-p": sampling.top_p, "seed": seed}
    return ", ".join(f"{name} {value:g}" for name, value in values.items() if value is not None)


def side_by_side(columns: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    """Yield lines of two texts beside each other, each folded at its column's width in cells."""
    room = max((width - 3) // 2, 10)
    distinct = ["-" if c["distinct_2"] is None else f"{c['distinct_2']:.2f}" for c in columns]
    texts = [[*folded_cells(c["text"], room), "", f"distinct-2 {d}"] for c, d in zip(columns, distinct, strict=True)]
    heads = [[_first_cells(c["title"], room), "─" * room] for c in columns]
    for left, right in zip_longest(heads[0] + texts[0], heads[1] + texts[1], fillvalue=""):
        yield f"{_padded(left, room)} │ {right}".rstrip()


def folded_cells(text: str, width: int) -> list[str]:
    r"""Return lines of at most `width` cells, cut between characters: Hangul takes two.

    >>> folded_cells("오늘 날씨\n끝", 5)
    ['오늘 ', '날씨', '끝']
    """
    lines = [""]
    for char in _harmless(text).replace("\t", " "):
        if char == "\n":
            lines.append("")
        elif _cells(lines[-1] + char) > width:
            lines.append(char)
        else:
            lines[-1] += char
    return lines


def _width() -> int:
    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return shutil.get_terminal_size().columns if is_known else _PIPE_CELLS


# A run's checkpoints.


def _report(args: argparse.Namespace, terminal: Terminal, prompt: bytes) -> int:
    from bpe_lab.cli.output import check_file
    from bpe_lab_model import checkpoint, stages
    from bpe_lab_model.cli.evaluating import needed_candidate

    if args.html:
        check_file(args.html, args.force)
    folders = stages.checkpoints(Path(args.checkpoint))
    newest = checkpoint.load(folders[-1])
    candidate = needed_candidate(args, newest)
    shards = _shards(args, newest.fingerprint)
    options = _options(args, newest.config.position)
    held_out = shards.split("validation") if shards else None
    found = []
    for stage in stages.stages(
        folders, lambda loaded: needed_candidate(args, loaded), prompt, options, args.samples or 3, held_out
    ):
        found.append(stage)
        terminal.say(f"{stage.checkpoint}: {number(stage.n_chars, 'character')}")
    others = _some_of(stages.documents_of(held_out, candidate)) if held_out else []
    copied = None
    if shards or args.corpus:
        found, copied = stages.with_copies(found, _training_text(args, shards, candidate), others)
    return _put_report(args, terminal, found, copied, prompt)


def _shards(args: argparse.Namespace, fingerprint: str) -> Any:
    from bpe_lab.shards import Shards

    return Shards.open_checked(args.shards).require(fingerprint) if args.shards else None


def _training_text(args: argparse.Namespace, shards: Any, candidate: Any) -> Iterator[str]:
    from bpe_lab.documents import documents
    from bpe_lab_model.stages import documents_of

    if args.corpus:
        for data in documents([Path(file) for file in args.corpus], args.documents, args.field):
            yield data.decode(errors="replace")
    else:
        yield from documents_of(shards.split("train"), candidate)


def _some_of(texts: Iterator[str], n_chars: int = 20_000) -> list[str]:
    """Return the first texts, about `n_chars` of them."""
    found: list[str] = []
    for text in texts:
        found.append(text)
        n_chars -= len(text)
        if n_chars <= 0:
            break
    return found


def _put_report(
    args: argparse.Namespace, terminal: Terminal, found: "Sequence[Stage]", copied: float | None, prompt: bytes
) -> int:
    from bpe_lab.cli import table
    from bpe_lab.writing import write_whole
    from bpe_lab_model import stages

    if args.html:
        page = stages.page(found, f"What {args.checkpoint} says", copied)
        terminal.wrote([write_whole(args.html, page.encode(), args.force)])
    if args.json:
        values = {"checkpoint": args.checkpoint, "stages": [stage.to_json() for stage in found]}
        terminal.put_json("lm sample", values | {"held_out_copied": copied})
        return Exit.OK
    after = f' after "{_last_cells(prompt.decode(errors="replace"), 30)}"' if prompt else ""
    header = [f">{name}" for name, _ in stages.COLUMNS]
    rows = [[cell(stage) for _, cell in stages.COLUMNS] for stage in found]
    room = max(_width() - sum(max(map(len, column)) + 2 for column in zip(header, *rows, strict=True)), 20)
    texts = [_first_cells(_one_line(stage), room) for stage in found]
    shown = [[*row, text] for row, text in zip(rows, texts, strict=True)]
    for line in table.lines([*header, f"what it says{after}"], shown):
        terminal.put(line)
    if copied is not None:
        terminal.put(f"\nOf held-out text, which no model wrote, {stages.percent(copied)} stands in the training text.")
    return Exit.OK


def _one_line(stage: "Stage") -> str:
    from bpe_lab.visible import visible
    from bpe_lab_model.stages import END

    return f" {END} ".join(visible(text.strip().encode()) for text in stage.texts[0])


def _as_json(
    generation: "Generation", speaker: "Speaker", steps: "Sequence[Step]", seed: int, seconds: float
) -> dict[str, Any]:
    from bpe_lab_model.quality import broken_characters

    n_broken, n_chars = broken_characters(generation.new_bytes, not generation.ended)

    def named(choice: Any) -> dict[str, Any]:
        name = _name(speaker, choice.id)
        return {"id": choice.id, "token": name, "model": choice.model, "drawn": choice.drawn}

    return {
        "seed": seed,
        "text": generation.opening + "".join(step.text for step in steps),
        "prompt": generation.opening,
        "bytes": generation.data.hex(),
        "n_new_tokens": generation.n_new_tokens,
        "n_new_bytes": len(generation.new_bytes),
        "n_broken_chars": n_broken,
        "n_chars": n_chars,
        "ended": generation.ended,
        "seconds": seconds,
        "cache_bytes": generation.cache_bytes,
        "steps": [
            {
                **named(step.taken),
                "text": step.text,
                "n_prompt_symbols": step.n_prompt_symbols,
                "candidates": [named(choice) for choice in step.candidates],
            }
            for step in steps
        ],
    }
