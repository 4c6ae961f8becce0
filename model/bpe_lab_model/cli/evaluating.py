"""`bpe-lab lm eval`: bits per byte of a checkpoint, overall and by domain, position, syllable and class of token.

Prints what `bpb.score` counted. Trains nothing, and compares no two models: that is `lm compare`.
"""

import argparse
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpe_lab.cli import arguments
from bpe_lab.cli.exits import Exit
from bpe_lab.cli.terminal import Terminal, amount, number
from bpe_lab.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    from bpe_lab.compare.candidates import Candidate
    from bpe_lab.metrics import Estimate
    from bpe_lab.runs import Scored
    from bpe_lab.shards import ShardSplit
    from bpe_lab_model.checkpoint import Checkpoint


@dataclass(frozen=True)
class Evaluated:
    """What is printed."""

    scored: "Scored"
    checkpoint: str
    tokenizer: str
    text: str
    context_bytes: int
    stride_bytes: int
    vocab_size: int
    n_chars: int | None
    """Characters of the text; None where it is not valid UTF-8, or unknown."""
    lossy: bool

    @property
    def bits_per_char(self) -> float | None:
        """Bits per code point."""
        bits = self.scored.bpb * sum(self.scored.bytes)
        return bits / self.n_chars if self.n_chars else None

    @property
    def uniform_bpb(self) -> float:
        """What a model that knows nothing has."""
        from bpe_lab_model.bpb import uniform_bpb

        return uniform_bpb(self.vocab_size, sum(self.scored.tokens), sum(self.scored.bytes))


def add_to(commands: arguments.Commands) -> None:
    """Add `eval`."""
    parser = arguments.add_command(
        commands,
        "eval",
        run_eval,
        "CHECKPOINT [SHARDS | --corpus FILE ...]",
        "bits per byte of a checkpoint on held-out text",
        "bpe-lab lm eval run/ shards/\nbpe-lab lm eval run/ --corpus news.txt chat.txt --documents line\n"
        "bpe-lab lm eval run/ shards/ --json",
        more="Every token is scored once, each document on its own; docs/protocol.md has the formula and the traps.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="the folder of a run, or of one of its checkpoints")
    parser.add_argument("shards", nargs="?", metavar="SHARDS", help="a folder that bpe-lab shards wrote")
    group = parser.add_argument_group("text")
    group.add_argument("--corpus", nargs="+", metavar="FILE", help="score these instead; each file is a domain")
    group.add_argument(
        "--split", choices=("validation", "train"), default="validation", help="of the shards (default validation)"
    )
    arguments.add_documents(group)
    group = parser.add_argument_group("scoring")
    group.add_argument("--context", type=arguments.positive, metavar="BYTES", help="default: that of the training")
    group.add_argument(
        "--stride",
        type=stride,
        default="50%",
        metavar="BYTES|SHARE",
        help="how far a window moves: 128, or 50%% of the context (default); less is slower and a little better",
    )
    group.add_argument(
        "--max-tokens", type=arguments.positive, default=8192, metavar="N", help="of a batch (default 8192)"
    )
    group.add_argument("--seed", type=arguments.size, default=0, metavar="N", help="of the bootstrap (default 0)")
    arguments.add_threads(group)
    arguments.add_tokenizer(parser)
    arguments.add_json(parser)


def stride(text: str) -> str:
    """Read bytes, or a share of the context.

    >>> stride("50%"), stride("128")
    ('50%', '128')
    """
    if re.fullmatch(r"[0-9]{1,3}%", text):
        if not 0 < int(text[:-1]) <= 100:
            raise argparse.ArgumentTypeError(f"must be above 0% and up to 100%, got {text}")
        return text
    return str(arguments.positive(text))


def stride_bytes(text: str, context_bytes: int) -> int:
    """Return how many bytes a window moves.

    >>> stride_bytes("50%", 512), stride_bytes("128", 512)
    (256, 128)
    """
    return max(1, context_bytes * int(text[:-1]) // 100) if text.endswith("%") else int(text)


# -- the run


def run_eval(args: argparse.Namespace, terminal: Terminal) -> int:
    """Score and print."""
    found = evaluate(args)
    if args.json:
        terminal.put_json("lm eval", _as_json(found, args.seed))
        return Exit.OK
    dim = "\x1b[2m{}\x1b[0m" if terminal.coloured(_stdout()) else "{}"
    for line in _lines(found, args.seed, dim.format):
        terminal.put(line)
    if found.lossy:
        terminal.warn("the tokenizer loses text, so its figure is not comparable", "compare lossless tokenizers")
    return Exit.OK


def _stdout() -> Any:
    import sys

    return sys.stdout


def evaluate(args: argparse.Namespace) -> Evaluated:
    """Load, check that all of it belongs together, and score.

    Raises:
        ArgumentError: no text, or two. FormatError: shards or tokenizer are not those of the model.
        CorpusError: the split is empty.
    """
    if bool(args.shards) == bool(args.corpus):
        raise ArgumentError(
            "which text? give one of SHARDS and --corpus", "bpe-lab lm eval RUN/ SHARDS/, or --corpus FILE ..."
        )
    import torch

    from bpe_lab_model import bpb, checkpoint

    if args.threads:
        torch.set_num_threads(args.threads)
    loaded = checkpoint.load(args.checkpoint)
    context = args.context or loaded.config.context_bytes
    step = stride_bytes(args.stride, context)
    split, candidate, lossy, name = _from_shards(args, loaded) if args.shards else _from_files(args, loaded)
    documents = None if candidate is None else bpb.decoded(split, candidate)
    scored = bpb.score(
        loaded.model,
        split,
        split.eos,
        candidate=candidate,
        context_bytes=context,
        stride_bytes=step,
        max_tokens=args.max_tokens,
        documents=documents,
    )
    text = f"{args.shards or ', '.join(args.corpus)}{f' ({args.split})' if args.shards else ''}"
    n_chars = _n_chars(documents)
    size = loaded.config.vocab_size
    return Evaluated(scored, args.checkpoint, name, text, context, step, size, n_chars, lossy)


def _from_shards(args: argparse.Namespace, loaded: "Checkpoint") -> "tuple[ShardSplit, Candidate | None, bool, str]":
    from bpe_lab.shards import Shards

    if Path(args.shards).is_file():
        raise ArgumentError(
            f"{args.shards} is a file and no folder of shards", f"--corpus {args.shards} scores its text"
        )
    shards = Shards.open_checked(args.shards).require(loaded.fingerprint)
    candidate = _candidate(args, loaded)
    if candidate is None and shards.tokenizer_path is not None:
        candidate = shards.load_candidate()
    return shards.split(args.split), candidate, shards.lossy, shards.name


def _from_files(args: argparse.Namespace, loaded: "Checkpoint") -> "tuple[ShardSplit, Candidate | None, bool, str]":
    import numpy as np

    from bpe_lab.compare.texts import read_texts
    from bpe_lab.shards import encode_split

    candidate = needed_candidate(args, loaded)
    texts = [read_texts(file, args.documents, args.field) for file in args.corpus]
    documents = [document for text in texts for document in text.documents]
    domains = [text.name for text in texts for _ in text.documents]
    split = encode_split(candidate, documents, name="validation", domains=domains, threads=args.threads)
    ids = np.asarray(split.ids, np.uint32)
    lossy = candidate.lossy or candidate.find_loss(documents, ids, split.token_offsets) is not None
    return split, candidate, lossy, candidate.name


def _candidate(args: argparse.Namespace, loaded: "Checkpoint") -> "Candidate | None":
    """Return the tokenizer of `-t`, or that of the checkpoint; None where neither is there.

    Raises:
        FormatError: it is not the one that the model was trained with.
    """
    from bpe_lab.compare.candidates import Failed, Missing, Ours, load_candidate
    from bpe_lab.compare.recipe import Loaded
    from bpe_lab.tokenizer import Tokenizer

    if args.tokenizer is None:
        path = loaded.tokenizer_path
        return None if path is None else Ours(_name(loaded), Tokenizer.load(path))
    found = load_candidate(Loaded(args.tokenizer, pattern=arguments.chosen_pattern(args)))
    if isinstance(found, (Missing, Failed)):
        raise FormatError(f"cannot load {args.tokenizer}: {found.reason}", found.hint)
    if found.fingerprint != loaded.fingerprint:
        raise FormatError(
            f"{args.tokenizer} ({found.fingerprint[:12]}) is not the tokenizer of this model "
            f"({loaded.fingerprint[:12]})",
            "leave -t out: the checkpoint brings its own",
        )
    return found


def needed_candidate(args: argparse.Namespace, loaded: "Checkpoint") -> "Candidate":
    """Return the tokenizer of `-t`, or that of the checkpoint.

    Raises:
        ArgumentError: there is neither. FormatError: it is not the one that the model was trained with.
    """
    found = _candidate(args, loaded)
    if found is None:
        raise ArgumentError("the checkpoint holds no tokenizer: it is another library's", "name it with -t")
    return found


def _name(loaded: "Checkpoint") -> str:
    return str(loaded.state.get("tokenizer", {}).get("name", "the checkpoint's tokenizer"))


def _n_chars(documents: Sequence[bytes] | None) -> int | None:
    from bpe_lab import hangul

    if documents is None:
        return None
    counts = [hangul.count(document) for document in documents]
    return None if any(c.n_invalid_bytes for c in counts) else sum(c.n_chars for c in counts)


# -- what is shown


def _lines(found: Evaluated, seed: int, dim: Callable[[str], str]) -> Iterator[str]:
    scored = found.scored
    yield (
        f"{found.checkpoint} on {found.text}: {number(len(scored.nats), 'document')}, {amount(sum(scored.bytes))}, "
        f"{number(sum(scored.tokens), 'token')} by {found.tokenizer}"
    )
    yield (
        f"windows of {found.context_bytes} bytes, moved by {found.stride_bytes}; "
        "every token and every end of text scored once"
    )
    yield ""
    yield from _overall(found, seed, dim)
    for title, header, rows in _parts(scored, seed):
        if rows:
            yield from ("", title)
            yield from _table(header, rows)


def _overall(found: Evaluated, seed: int, dim: Callable[[str], str]) -> Iterator[str]:
    from bpe_lab.runs import bootstrap_bpb

    scored = found.scored
    yield _figure("bits per byte", scored.bpb, f"{_interval(bootstrap_bpb(scored, seed))} 95 % over documents")
    yield _figure("knowing nothing", found.uniform_bpb, "a model that gives every token the same probability")
    if found.bits_per_char is not None:
        yield _figure("bits per character", found.bits_per_char, "the same bits over code points")
    inside = scored.bits_inside_syllable
    if not math.isnan(inside):
        yield _figure("inside a syllable", inside, "bits per syllable of tokens that begin at its second or third byte")
    yield dim(_figure("nats per token", scored.nats_per_token, "what training prints; says nothing between tokenizers"))


def _figure(name: str, value: float, meaning: str) -> str:
    return f"{name:<19}{value:8.4f}  {meaning}".rstrip()


def _interval(found: "Estimate") -> str:
    return "no interval:" if found.low is None or found.high is None else f"{found.low:.4f} to {found.high:.4f},"


Rows = list[tuple[str, ...]]


def _parts(scored: "Scored", seed: int) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    """Yield title, header and rows of each breakdown."""
    bits = scored.bpb * sum(scored.bytes)
    yield (
        "by domain: bits over bytes of its documents, 95 % over documents",
        (">documents", ">bytes", ">bits/byte", ">low", ">high", ">of bits", "domain"),
        [_domain_row(name, part, seed, bits) for name, part in domains_of(scored)],
    )
    yield (
        "by position in the document: bits of the tokens that begin there, over the bytes of text there",
        (">bytes", ">bits/byte", ">of bits", "at byte"),
        [
            (f"{n:,}", _ratio(_bits(nats), n), _share(_bits(nats), bits), place)
            for place, (_, n, nats) in zip(_bins(scored), scored.by_position, strict=True)
        ],
    )
    yield (
        "by byte of the syllable: bits of the tokens that begin there, over the bytes of text there",
        (">bytes", ">bits/byte", ">of bits", "byte"),
        [
            (f"{n:,.0f}", _ratio(_bits(nats), n), _share(_bits(nats), bits), place)
            for place, (n, nats) in scored.by_syllable.items()
        ],
    )
    yield (
        "by class of token: bits over the bytes that tokens of the class have (docs/words.md)",
        (">tokens", ">bytes", ">bits/byte", ">bits/token", ">of bits", "class"),
        [
            (
                f"{n:,.0f}",
                f"{size:,.0f}",
                _ratio(_bits(nats), size),
                _ratio(_bits(nats), n),
                _share(_bits(nats), bits),
                c,
            )
            for c, (n, size, nats) in scored.by_class.items()
        ],
    )


def _bins(scored: "Scored") -> list[str]:
    """Return the bins of `by_position` in words: `0 to 15`, and `256 on` for the last."""
    starts = [at for at, *_ in scored.by_position]
    return [*(f"{at:,} to {end - 1:,}" for at, end in pairwise(starts)), *(f"{at:,} on" for at in starts[-1:])]


def domains_of(scored: "Scored") -> "list[tuple[str, Scored]]":
    """Return each domain with the sums of its documents alone, without breakdowns."""
    from bpe_lab.runs import Scored

    found = []
    for i, name in enumerate(scored.domains):
        at = [d for d, domain in enumerate(scored.domain_of) if domain == i]
        sizes, tokens = (tuple(part[d] for d in at) for part in (scored.bytes, scored.tokens))
        if sum(sizes):
            found.append((name, Scored(tuple(scored.nats[d] for d in at), sizes, tokens)))
    return found


def _domain_row(name: str, part: "Scored", seed: int, bits: float) -> tuple[str, ...]:
    from bpe_lab.runs import bootstrap_bpb

    found = bootstrap_bpb(part, seed)
    ends = tuple("-" if end is None else f"{end:.4f}" for end in (found.low, found.high))
    size = sum(part.bytes)
    return (f"{len(part.nats):,}", f"{size:,}", f"{part.bpb:.4f}", *ends, _share(part.bpb * size, bits), name)


def _bits(nats: float) -> float:
    return nats / math.log(2)


def _ratio(bits: float, n: float) -> str:
    return f"{bits / n:.4f}" if n else "-"


def _share(bits: float, of: float) -> str:
    return f"{100 * bits / of:.1f} %" if of else "-"


def _table(header: Sequence[str], rows: Rows) -> Iterator[str]:
    from bpe_lab.cli import table

    return table.lines(header, rows)


def _as_json(found: Evaluated, seed: int) -> dict[str, Any]:
    from bpe_lab.runs import bootstrap_bpb

    scored = found.scored
    inside = scored.bits_inside_syllable
    return {
        "checkpoint": found.checkpoint,
        "tokenizer": found.tokenizer,
        "text": found.text,
        "lossy": found.lossy,
        "context_bytes": found.context_bytes,
        "stride_bytes": found.stride_bytes,
        "documents": len(scored.nats),
        "bytes": sum(scored.bytes),
        "tokens": sum(scored.tokens),
        "nats": math.fsum(scored.nats),
        "bits_per_byte": bootstrap_bpb(scored, seed).to_json(),
        "uniform_bits_per_byte": found.uniform_bpb,
        "bits_per_char": found.bits_per_char,
        "bits_inside_syllable": None if math.isnan(inside) else inside,
        "nats_per_token": scored.nats_per_token,
        "by_domain": {
            name: {
                "documents": len(part.nats),
                "bytes": sum(part.bytes),
                "nats": math.fsum(part.nats),
                "bits_per_byte": bootstrap_bpb(part, seed).to_json(),
            }
            for name, part in domains_of(scored)
        },
        "by_position": [{"from_byte": at, "bytes": n, "nats": nats} for at, n, nats in scored.by_position],
        "by_syllable": {place: {"bytes": n, "nats": nats} for place, (n, nats) in scored.by_syllable.items()},
        "by_class": {
            name: {"tokens": n, "bytes": size, "nats": nats} for name, (n, size, nats) in scored.by_class.items()
        },
    }
