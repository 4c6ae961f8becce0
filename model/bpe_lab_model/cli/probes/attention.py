"""`bpe-lab lm probe attention`: a text shaded by who is looked at, and how far each head looks. Measures nothing."""

import argparse
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments, table
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, binary_stdin, number
from bpe_lab.errors import ArgumentError
from bpe_lab_model.cli.probes import opening
from bpe_lab_model.cli.training import n_bytes

if TYPE_CHECKING:
    from rich.text import Text
    from torch import Tensor

    from bpe_lab_model.gpt import GPT
    from bpe_lab_model.probes.attention import Reach, Row

_EXAMPLE = """\
bpe-lab lm probe attention run/ "사과와 바나나를 먹었다"
bpe-lab lm probe attention run/ "사과와 바나나를 먹었다" --layer 1 --head 2 --of all --html attention.html
bpe-lab lm probe attention run/ "사과와 바나나를 먹었다" --shards shards/ --json"""

_SHADES = ("#f4f5f9", "#dde7fb", "#c2d5fb", "#a3c0fb", "#80a7fa", "#5c8df6")
_START = "⟨start⟩"
_SEPARATOR = "⟨separator⟩"
_REACH_BYTES = 20_000
"""Of held-out text that how far heads look is measured over."""
_MOST_WEIGHTS = 3_000_000
"""A page holds a byte for each."""
_MOST_AT_ONCE = 100_000_000
"""Weights of a text in all layers and heads, 4 bytes each and some copies."""


@dataclass(frozen=True)
class View:
    """A head, or all heads of a layer together."""

    layer: int
    """From 1, as it is told."""
    head: int | None
    """None: the mean of the layer's heads."""
    weights: "Tensor"
    """(T, T)"""

    @property
    def title(self) -> str:
        """What stands over it."""
        return f"layer {self.layer}" if self.head is None else f"layer {self.layer} head {self.head}"


def add_to(commands: arguments.Commands) -> None:
    """Add `attention`."""
    parser = arguments.add_command(
        commands,
        "attention",
        run_attention,
        "RUN TEXT",
        "who is looked at, and how far back each head looks",
        _EXAMPLE,
        more="Shades the tokens of TEXT by how much the last one looks at them: without a choice each layer's heads "
        "together, with --layer each of its heads. - reads the text from standard input.",
        spread="text",
    )
    opening.add_checkpoint(parser)
    parser.add_argument("text", nargs="*", metavar="TEXT")
    add = parser.add_argument_group("what to look at").add_argument
    add("--layer", type=arguments.positive, metavar="N", help="this layer, counted from 1")
    add("--head", type=arguments.positive, metavar="N", help="this head, counted from 1")
    add("--of", default="last", metavar="PLACE,...", help="who looks: last (default), all, or places, 1 is the first")
    add("--shards", metavar="SHARDS", help="measure how far heads look over the held-out text, not over TEXT")
    add("--bytes", dest="most_bytes", type=n_bytes, metavar="BYTES", help="so much of them (20k)")
    add("--html", metavar="FILE", help="write a page: every token, layer and head to click through")
    arguments.add_force(parser)
    arguments.add_threads(parser)
    arguments.add_json(parser)


def run_attention(args: argparse.Namespace, terminal: Terminal) -> int:
    """Look, and show."""
    import torch

    from bpe_lab.cli.output import check_file
    from bpe_lab.shards import Shards, end_of_text
    from bpe_lab_model.objectives import extra_ids
    from bpe_lab_model.probes import attention as probe

    if args.most_bytes and not args.shards:
        raise ArgumentError("--bytes says how much of --shards is read, and none are given", "--shards SHARDS/")
    text = _text(args, terminal)
    if args.html:
        check_file(args.html, args.force)
    if args.threads:
        torch.set_num_threads(args.threads)
    loaded, candidate = opening.opened(args)
    model = loaded.model
    n_rows = model.config.vocab_size - extra_ids(str(loaded.state.get("settings", {}).get("objective", "clm")))
    row = probe.row(text, candidate, model, end_of_text(candidate)[0], n_rows)
    if len(text) > model.config.context_bytes:
        terminal.warn(f"{len(text):,} bytes are more than the {model.config.context_bytes:,} the model was trained on")
    _check_size(model, row)
    weights = probe.weights(model, row)  # (L, H, T, T)
    places = _places(args.of, row)
    views = _views(args, weights)
    rows = [row]
    if args.shards:
        split = Shards.open(args.shards).require(loaded.fingerprint).split("validation")
        rows = probe.rows_of(split, model, n_rows, args.most_bytes or _REACH_BYTES)
    reach = probe.reach(model, rows)
    names = _names(text, row, candidate)
    about = f"{model.config.position} positions, {opening.about(candidate)}"
    if args.html:
        _draw(args, terminal, names, row, weights, reach, about)
    if args.json:
        terminal.put_json(
            "lm probe attention", _as_json(args, model, opening.about(candidate), names, row, views, places, reach)
        )
        return Exit.OK
    for place in places:
        _show(terminal, views, names, row, place)
    for line in _reach_lines(reach, about, args.shards):
        terminal.put(line)
    return Exit.OK


def _check_size(model: "GPT", row: "Row") -> None:
    """Refuse a text whose weights would fill the memory: a number for each pair of tokens, layer and head.

    Raises:
        ArgumentError: with how many tokens may be looked at.
    """
    of_pair, n = model.config.n_layers * model.config.n_heads, len(row.ids)
    if of_pair * n * n > _MOST_AT_ONCE:
        most = math.isqrt(_MOST_AT_ONCE // of_pair)
        raise ArgumentError(f"the text has {n:,} tokens, at most {most:,} are looked at", "take a shorter text")


def _text(args: argparse.Namespace, terminal: Terminal) -> bytes:
    if len(args.text) != 1:
        raise ArgumentError(
            f"one text was expected, got {len(args.text)}", 'quote it: lm probe attention run/ "사과를 먹었다"'
        )
    found = binary_stdin(terminal).read() if args.text == ["-"] else os.fsencode(args.text[0])
    if not found:
        raise ArgumentError("the text is empty", 'lm probe attention run/ "사과를 먹었다"')
    return found


def _places(of: str, row: "Row") -> list[int]:
    """Return the places in the row of the tokens that look.

    Raises:
        ArgumentError: there is no such token.
    """
    of_text = [place for place, start in enumerate(row.starts.tolist()) if start >= 0]
    if of in ("last", "all"):
        return of_text[-1:] if of == "last" else of_text
    found = []
    for part in of.split(","):
        if not part.strip().isdigit() or not 1 <= int(part) <= len(of_text):
            raise ArgumentError(f"--of must be last, all, or places from 1 to {len(of_text)}, got {part!r}", "--of 1,3")
        found.append(of_text[int(part) - 1])
    return found


def _views(args: argparse.Namespace, weights: "Tensor") -> list[View]:
    """Return what is shown.

    Raises:
        ArgumentError: there is no such layer or head.
    """
    n_layers, n_heads = weights.shape[:2]
    for name, value, most in (("layer", args.layer, n_layers), ("head", args.head, n_heads)):
        if value is not None and value > most:
            raise ArgumentError(f"--{name} must be from 1 to {most} for this model, got {value}")
    layers = [args.layer] if args.layer else range(1, n_layers + 1)
    if args.layer is None and args.head is None:
        return [View(layer, None, weights[layer - 1].mean(0)) for layer in layers]
    heads = [args.head] if args.head else range(1, n_heads + 1)
    return [View(layer, head, weights[layer - 1, head - 1]) for layer in layers for head in heads]


def _names(text: bytes, row: "Row", candidate: Any) -> list[str]:
    """Return what each token of the row is called; one that cuts a character shows the part that it holds."""
    from bpe_lab.visible import visible

    tokenizer = candidate.tokenizer
    own = [str(token) for token in tokenizer.show(text).tokens] if tokenizer else []
    named, found = iter(own), []
    for start, size in zip(row.starts.tolist(), row.n_bytes.tolist(), strict=True):
        if start < 0:
            found.append(_START if row.prefix is None else _SEPARATOR)
        else:
            found.append(next(named, visible(text[start : start + size])))
    return found


# What is shown.


def _show(terminal: Terminal, views: list[View], names: list[str], row: "Row", place: int) -> None:
    console = terminal.console()
    if terminal.coloured(sys.stdout) and console.color_system in ("256", "truecolor"):
        for view in views:
            terminal.put(f'{view.title}, seen from "{names[place]}"')
            console.print(shaded(view, names, place), soft_wrap=True)
    else:
        for line in _table(views, names, place):
            terminal.put(line)
    terminal.put("")


def shaded(view: View, names: list[str], place: int) -> "Text":
    """Return the tokens on grounds as dark as the look at them, by the root of the share; the one that looks bold."""
    from rich.text import Text

    shares = view.weights[place].tolist()
    most = max(shares)
    text = Text()
    for at, (name, share) in enumerate(zip(names, shares, strict=True)):
        if share == 0 and at > place:
            text.append(name, style="dim")
            continue
        shade = _SHADES[round((share / most) ** 0.5 * (len(_SHADES) - 1))]
        text.append(name, style=f"#000000 on {shade}{' bold underline' if at == place else ''}")
    return text


def _table(views: list[View], names: list[str], place: int) -> Iterator[str]:
    rows = [
        (at, f'"{name}"', *(f"{100 * float(view.weights[place, at]):.1f} %" for view in views))
        for at, name in enumerate(names)
        if any(float(view.weights[place, at]) > 0 for view in views)
    ]
    return table.lines((">", f'seen from "{names[place]}"', *(f">{view.title}" for view in views)), rows)


def _reach_lines(reach: "Reach", about: str, shards: str | None) -> Iterator[str]:
    over = f"the held-out text of {shards}" if shards else "the text"
    yield f"how far heads look back, in bytes: {about}"
    size = f"{number(reach.n_bytes, 'byte')}, {number(reach.n_tokens, 'token')}"
    yield f"over {over}: {size}; evenly {reach.evenly:.1f} bytes"
    n_layers, n_heads = reach.bytes_back.shape
    rows = [
        (
            layer + 1,
            head + 1,
            f"{reach.bytes_back[layer, head]:.1f}",
            f"{100 * reach.on_itself[layer, head]:.1f} %",
            f"{100 * reach.on_start[layer, head]:.1f} %",
        )
        for layer in range(n_layers)
        for head in range(n_heads)
    ]
    yield from table.lines((">layer", ">head", ">bytes back", ">on itself", ">on start"), rows)


def _as_json(
    args: argparse.Namespace, model: "GPT", tokenizer: str, names: list[str], row: "Row", views: list[View],
    places: list[int], reach: "Reach",
) -> dict[str, Any]:  # fmt: skip
    return {
        "checkpoint": args.checkpoint,
        "tokenizer": tokenizer,
        "position": model.config.position,
        "mask": model.config.mask,
        "tokens": [
            {"id": id, "token": name, "start": start if start >= 0 else None, "bytes": size}
            for id, name, start, size in zip(row.ids, names, row.starts.tolist(), row.n_bytes.tolist(), strict=True)
        ],
        "looks": [
            {"layer": view.layer, "head": view.head, "of": place, "weights": view.weights[place].tolist()}
            for view in views
            for place in places
        ],
        "reach": {"over": args.shards or "text", **reach.to_json()},
    }


def _draw(
    args: argparse.Namespace, terminal: Terminal, names: list[str], row: "Row", weights: "Tensor", reach: "Reach",
    about: str,
) -> None:  # fmt: skip
    from bpe_lab.writing import write_whole
    from bpe_lab_model.probes import attention_page

    if weights.numel() > _MOST_WEIGHTS:
        raise ArgumentError(
            f"a page holds {_MOST_WEIGHTS:,} weights, this text has {weights.numel():,} in all heads",
            "take a shorter text",
        )
    is_text = [start >= 0 for start in row.starts.tolist()]
    page = attention_page.page(names, is_text, weights, reach, f"{args.checkpoint}, {about}")
    terminal.wrote([write_whole(args.html, page.encode(), args.force)])
