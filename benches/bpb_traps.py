"""Puts each published bug of bits per byte back and prints by what factor it is wrong: the table of docs/protocol.md.

    BPE_LAB_DATA=... OMP_NUM_THREADS=2 python benches/bpb_traps.py [TRAIN_BYTES]

For each corpus: tokenizers of 257 (bytes alone), 1,000 and 4,000 ids, trained on 4 MB less the held-out documents; for
each of them a model of 2 layers, width 128, context 512 bytes, trained once over TRAIN_BYTES (400,000) of those; scored
on about 100 KB held out. A factor below 1 makes the model look better than it is. Ratios, so they need no idle machine.
"""

import lzma
import math
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

import bpe_lab
from bpe_lab.compare.candidates import Ours
from bpe_lab.compare.texts import Texts, draw, read_texts, split
from bpe_lab.runs import Scored
from bpe_lab.shards import Shards, ShardSplit, write_shards
from bpe_lab_model import bpb
from bpe_lab_model.embedding import embedding_keys
from bpe_lab_model.gpt import GPT, Config
from bpe_lab_model.rows import IGNORE, WindowIndex
from bpe_lab_model.training import Settings, Trainer

CORPORA = {"ko_reviews": "line", "ko_docs": "prefix:# ", "en_docs": "prefix:# "}
SIZES = (257, 1000, 4000)
CONTEXT = 512
ROWS = 16
"""Rows of a batch, where a bug depends on batches."""


def main() -> None:
    data = os.environ.get("BPE_LAB_DATA")
    if not data:
        sys.exit(__doc__)
    n_bytes = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    columns: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for corpus, how in CORPORA.items():
            path = Path(folder) / f"{corpus}.txt"
            path.write_bytes(lzma.decompress((Path(data) / "corpora" / f"{corpus}.txt.xz").read_bytes()))
            train, held_out = split(draw(read_texts(path, how), "4000000B"), 0.025)
            for n_ids in SIZES:
                found = factors(train, held_out, n_ids, n_bytes, Path(folder))
                columns[f"{corpus} {n_ids:,}"] = found
                print(
                    corpus, n_ids, {bug: round(value, 4) for bug, value in found.items()}, file=sys.stderr, flush=True
                )
    print_table(columns)


def print_table(columns: dict[str, dict[str, float]]) -> None:
    """Print a row a bug and a column an arm."""
    print(f"| | {' | '.join(columns)} |")
    print(f"|---|{'---|' * len(columns)}")
    for bug in next(iter(columns.values())):
        print(f"| {bug} | {' | '.join(f'{column[bug]:.4g}' for column in columns.values())} |")


def factors(train: Texts, held_out: Texts, n_ids: int, n_bytes: int, folder: Path) -> dict[str, float]:
    """Train one arm and return BPB as it is, and each bug's BPB over it."""
    tokenizer = bpe_lab.train(texts=[d.decode() for d in train.documents], vocab_size=n_ids)
    part = draw(train, f"{n_bytes}B")
    texts = {"train": part.documents, "validation": held_out.documents}
    shards = write_shards(folder / "shards", Ours(str(n_ids), tokenizer), texts, force=True)  # type: ignore[arg-type]
    model = trained(shards, tokenizer)
    made = shards.split("validation")
    scored = bpb.score(model, made, shards.eos, context_bytes=CONTEXT)
    return {"BPB": scored.bpb} | {name: bug(model, made, scored) / scored.bpb for name, bug in BUGS.items()}


def trained(shards: Shards, tokenizer: bpe_lab.Tokenizer) -> GPT:
    """Return a model that read the training text once."""
    config = Config(vocab_size=shards.vocab_size, context_bytes=CONTEXT, n_layers=2, n_heads=4, d_model=128)
    model = GPT(config, embedding_keys(tokenizer, shards.vocab_size))
    total = shards.split("train").n_bytes
    Trainer(model, shards, Settings(total_bytes=total, lr=3e-3, bytes_per_step=4096)).run()
    return model


# -- the bugs: model, documents, what is right -> bits per byte


def _bits(nats: float, n_bytes: float) -> float:
    return nats / math.log(2) / n_bytes


def decoded_bytes(_: GPT, made: ShardSplit, right: Scored) -> float:
    """Bytes are those of each id decoded alone; half a character is U+FFFD, three bytes."""
    tokenizer = Shards.open(made.folder).load_candidate().tokenizer if made.folder else None
    assert tokenizer is not None
    alone = {id: tokenizer.decode_bytes([id]).decode("utf-8", "replace") for id in set(made.ids.tolist())}
    return _bits(math.fsum(right.nats), sum(len(alone[id].encode()) for id in made.ids.tolist()))


def mean_of_documents(_: GPT, made: ShardSplit, right: Scored) -> float:
    """Each document's BPB counts the same."""
    return float(np.mean([_bits(x, n) for x, n in zip(right.nats, right.bytes, strict=True) if n]))


def mean_of_batches(_: GPT, made: ShardSplit, right: Scored) -> float:
    """Each batch's BPB counts the same, whatever is in it."""
    starts = range(0, len(right.nats), ROWS)
    return float(np.mean([_bits(sum(right.nats[i : i + ROWS]), sum(right.bytes[i : i + ROWS])) for i in starts]))


def no_eos(model: GPT, made: ShardSplit, right: Scored) -> float:
    """The end of text is not predicted."""
    nats = bpb.losses(model, made, made.eos, CONTEXT)
    ends = bpb.Layout.of(made).slots[1:] - 1
    return _bits(math.fsum(right.nats) - float(nats[ends].sum()), sum(right.bytes))


def full_windows_only(model: GPT, made: ShardSplit, right: Scored) -> float:
    """Windows that the document does not fill are dropped; its bytes are counted."""
    index = WindowIndex(made, made.eos, CONTEXT, CONTEXT, evaluation=True)
    nats, layout = bpb.losses(model, made, made.eos, CONTEXT, CONTEXT), bpb.Layout.of(made)
    windows = [index.window(i) for i in range(len(index))]
    n_slots = np.diff(layout.slots)
    full = [w for w in windows if w.last < n_slots[w.document]]
    sums = (nats[layout.slots[w.document] + w.first :][: w.last - w.first].sum() for w in full)
    return _bits(float(sum(sums)), made.n_bytes)


def overlap_twice(model: GPT, made: ShardSplit, right: Scored) -> float:
    """Windows overlap by half and every target of every window counts."""
    index = WindowIndex(made, made.eos, CONTEXT, evaluation=True)
    total = 0.0
    with torch.inference_mode():
        for _, windows in index.groups():
            inputs, targets = map(torch.from_numpy, index.gather(replace(windows, skip=np.zeros_like(windows.skip))))
            total += nats_of(model, inputs, targets)
    return _bits(total, made.n_bytes)


def padding(model: GPT, made: ShardSplit, right: Scored) -> float:
    """Rows are padded with EOS, and EOS after EOS counts as predicted; batches of 16 rows in the order of documents."""
    index = WindowIndex(made, made.eos, CONTEXT, CONTEXT, evaluation=True)
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(index), ROWS):
            inputs, targets = index.gather(index.windows(np.arange(start, min(start + ROWS, len(index)))))
            total += nats_of(model, *map(torch.from_numpy, (inputs, np.where(targets == IGNORE, made.eos, targets))))
    return _bits(total, made.n_bytes)


def joined(model: GPT, made: ShardSplit, right: Scored) -> float:
    """Documents stand one after another, EOS between, and attention goes across."""
    layout = bpb.Layout.of(made)
    of = np.repeat(made.byte_offsets[:-1].astype(np.int64), np.diff(layout.slots))
    ends = (of + layout.starts + layout.widths)[:-1]
    one = replace(
        made,
        ids=bpb._ids(made, made.eos, layout)[:-1].astype(made.ids.dtype),
        ends=ends.astype(np.uint32),
        token_offsets=np.array([0, len(ends)], np.uint64),
        byte_offsets=np.array([0, made.n_bytes], np.uint64),
        hashes=made.hashes[:1],
        domain_of=made.domain_of[:1],
    )
    return _bits(float(bpb.losses(model, one, made.eos, CONTEXT).sum()), made.n_bytes)


def bf16_logits(model: GPT, made: ShardSplit, right: Scored) -> float:
    """Logits are rounded to bf16 before the softmax."""
    exact = bpb.token_nats

    def rounded(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, n_vocab: int) -> torch.Tensor:
        logits = hidden.bfloat16() @ weight[:n_vocab].bfloat16().t()
        return F.cross_entropy(logits, targets, reduction="none")

    bpb.token_nats = rounded
    try:
        return _bits(float(bpb.losses(model, made, made.eos, CONTEXT).sum()), made.n_bytes)
    finally:
        bpb.token_nats = exact


def no_overlap(model: GPT, made: ShardSplit, right: Scored) -> float:
    """No bug: a stride of C, where tokens at the beginning of a window see little."""
    return _bits(float(bpb.losses(model, made, made.eos, CONTEXT, CONTEXT).sum()), made.n_bytes)


def nats_of(model: GPT, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the sum of nats over the targets that are not ignored."""
    logits = model.eval().logits(model(inputs)).flatten(0, 1)
    return float(F.cross_entropy(logits, targets.flatten(), ignore_index=IGNORE, reduction="none").double().sum())


BUGS: dict[str, Callable[[GPT, ShardSplit, Scored], float]] = {
    "bytes by decoding ids one by one": decoded_bytes,
    "mean of the documents' BPB": mean_of_documents,
    "mean of the BPB of batches of 16": mean_of_batches,
    "EOS not scored": no_eos,
    "last partial window dropped": full_windows_only,
    "overlap scored twice": overlap_twice,
    "padding scored": padding,
    "documents joined": joined,
    "bf16 logits": bf16_logits,
    "(no bug) stride C instead of C/2": no_overlap,
}


if __name__ == "__main__":
    main()
