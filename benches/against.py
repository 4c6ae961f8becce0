"""Speed beside the peers: the answers first, then everyone in one run, then ratios.

    python benches/against.py [train] [encode] [worst] [load] [units]

Needs BPE_LAB_DATA and the packages of the extra `bench`. Training is timed as whole processes from file to saved
tokenizer, encoding inside one process on one core with documents of about 2 KB that no instance has seen before.
Everyone takes turns in the same order in every round, and the table gives medians. Ratios are what to trust.
"""

import argparse
import base64
import json
import lzma
import os
import platform
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

VOCAB_SIZE = 32_000
ROUNDS = 5
SLICE_BYTES = 6_000_000
DOCUMENT_BYTES = 2_000

# ---------------------------------------------------------------- training: one process each

TRAINERS = {
    "bpe-lab": """
import bpe_lab
bpe_lab.train(FILES, V, pattern="gpt2", special_tokens=()).save(OUT, format="native", force=True)
""",
    "gigatoken": """
import gigatoken, json
source = gigatoken.TextFileSource(FILES)
vocab, merges = gigatoken.train_bpe(source, V, [])
json.dump([[a.hex(), b.hex()] for a, b in merges], open(OUT, "w"))
""",
    "rustbpe": """
import rustbpe, json
t = rustbpe.Tokenizer()
t.train_from_iterator((open(f, encoding="utf-8", newline="").read() for f in FILES), V, pattern=PATTERN)
json.dump([list(b) for b, _ in t.get_mergeable_ranks()], open(OUT, "w"))
""",
    "tokenizers": """
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
t = Tokenizer(models.BPE())
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
t.train(FILES, trainers.BpeTrainer(vocab_size=V, show_progress=False, initial_alphabet=alphabet))
t.save(OUT)
""",
}


# The system's own count of the process's peak memory. (rusage would count the parent's before exec.)
PEAK = """
print("\\npeak", next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def run_trainer(name: str, files: list[str], out: str) -> tuple[float, float]:
    """Train in a process of its own; return wall seconds and its peak memory in MB."""
    from bpe_lab import _core

    pattern = _core.Pattern.named("gpt2").tiktoken_regex
    code = f"FILES = {files!r}\nOUT = {out!r}\nV = {VOCAB_SIZE}\nPATTERN = {pattern!r}\n" + TRAINERS[name]
    started = time.perf_counter()
    process = subprocess.run([sys.executable, "-c", code + PEAK], capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{name} failed: {process.stderr[-500:]}")
    return seconds, int(process.stdout.split()[-1]) / 1024


def check_training(files: list[str], folder: Path) -> None:
    """Our merges, documents a line as Hugging Face reads files, must be Hugging Face's."""
    import bpe_lab

    out = str(folder / "hf.json")
    run_trainer("tokenizers", files, out)
    expected = [tuple(m) for m in json.loads(Path(out).read_text())["model"]["merges"]]
    ours = bpe_lab.train(files, VOCAB_SIZE, pattern="gpt2", documents="line", special_tokens=())
    mine = [tuple(m) for m in json.loads(ours._core.to_huggingface())["model"]["merges"]]
    if mine != expected:
        at = next(i for i, (a, b) in enumerate(zip(mine, expected, strict=False)) if a != b)
        raise SystemExit(f"merges differ from tokenizers' at {at}: {mine[at]} and {expected[at]}")
    print(f"checked: all {len(mine)} merges equal those of tokenizers")


def bench_training(corpora: dict[str, Path], folder: Path, rounds: int) -> None:
    """Train on Korean and on English, everyone in turn."""
    for label, names in {"ko_reviews + ko_docs": ["ko_reviews", "ko_docs"], "en_docs": ["en_docs"]}.items():
        files = [str(corpora[name]) for name in names]
        size = sum(Path(f).stat().st_size for f in files) / 1e6
        print(f"\n## train {VOCAB_SIZE}, GPT-2 pattern, {label} ({size:.0f} MB)")
        check_training(files, folder)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in TRAINERS}
        for _ in range(rounds):
            for name in TRAINERS:
                rows[name].append(run_trainer(name, files, str(folder / "out")))
        ours = statistics.median(s for s, _ in rows["bpe-lab"])
        print("| trainer | seconds | peak MB | times bpe-lab's time |\n|---|---|---|---|")
        for name, measured in rows.items():
            seconds = statistics.median(s for s, _ in measured)
            ratio = statistics.median(s / b for (s, _), (b, _) in zip(measured, rows["bpe-lab"], strict=True))
            print(f"| {name} | {seconds:.2f} | {statistics.median(m for _, m in measured):.0f} | {ratio:.2f} |")
        assert ours > 0


# ---------------------------------------------------------------- encoding: one process, one core

Encode = Callable[[list[str]], object]


def encoders(vocab: Path) -> dict[str, Encode]:
    """Load o200k in every library; each encodes a list of documents on one thread."""
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import fastokens
    import gigatoken
    import tiktoken

    from bpe_lab import Tokenizer

    path = vocab / "o200k_base.tiktoken"
    ours = Tokenizer.load(path)
    pattern = ours._core.pattern.tiktoken_regex
    assert pattern
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in path.read_bytes().splitlines())}
    theirs = tiktoken.Encoding("o200k_base", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    giga = gigatoken.Tokenizer.from_tiktoken(path)
    fast = fastokens.Tokenizer.from_tiktoken(str(path), encoding="o200k_base")
    return {
        "bpe-lab": lambda documents: ours.encode_batch(documents, threads=1)[0],
        "tiktoken": lambda documents: [i for d in documents for i in theirs.encode_ordinary(d)],
        "gigatoken": lambda documents: giga.encode_batch(documents, parallel=False),
        "fastokens": lambda documents: fast.encode_batch_flat(documents),
    }


def documents_of(text: str) -> list[str]:
    """Cut text into documents of about 2 KB at line ends."""
    documents, lines, size = [], [], 0
    for line in text.splitlines(keepends=True):
        lines.append(line)
        size += len(line.encode())
        if size >= DOCUMENT_BYTES:
            documents.append("".join(lines))
            lines, size = [], 0
    return [*documents, "".join(lines)] if lines else documents


def python_sources(n_bytes: int) -> str:
    """Read the standard library's sources: code that is on every machine."""
    parts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts or "test" in path.parts:
            continue
        try:
            parts.append(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, OSError):
            continue
        size += len(parts[-1])
        if size > n_bytes:
            break
    return "".join(parts)


def flat(ids: object) -> np.ndarray:
    """Bring what an encoder gives into one array."""
    if hasattr(ids, "layout"):
        import awkward

        return np.asarray(awkward.flatten(ids))
    if isinstance(ids, tuple):
        return np.frombuffer(ids[0], np.uint32)
    return np.asarray(ids)


def bench_encoding(corpora: dict[str, Path], vocab: Path, rounds: int) -> None:
    """Encode slices that nobody has seen; the first slice is the cold one."""
    every_core = _one_core()
    everyone = encoders(vocab)
    texts = {name: corpora[name].read_text(encoding="utf-8") for name in ("ko_reviews", "ko_docs", "en_docs")}
    texts["python"] = python_sources(SLICE_BYTES * (rounds + 1))
    for label, text in texts.items():
        documents = documents_of(text)
        per_slice = len(documents) * SLICE_BYTES // len(text.encode())
        slices = [documents[i : i + per_slice] for i in range(0, len(documents), per_slice)][: rounds + 1]
        expected = flat(everyone["tiktoken"](slices[0][:500]))
        for name, encode in everyone.items():
            if not np.array_equal(flat(encode(slices[0][:500])), expected):
                raise SystemExit(f"{name} does not give tiktoken's ids on {label}")
        speed: dict[str, list[float]] = {name: [] for name in everyone}
        for part in slices[1:]:
            size = sum(len(d.encode()) for d in part) / 1e6
            for name, encode in everyone.items():
                started = time.perf_counter()
                encode(part)
                speed[name].append(size / (time.perf_counter() - started))
        print(f"\n## encode o200k, one core, fresh slices of {SLICE_BYTES / 1e6:.0f} MB: {label} (ids checked)")
        print("| encoder | MB/s | times tiktoken |\n|---|---|---|")
        for name, values in speed.items():
            ratio = statistics.median(a / b for a, b in zip(values, speed["tiktoken"], strict=True))
            print(f"| {name} | {statistics.median(values):.1f} | {ratio:.1f} |")
    if every_core:
        os.sched_setaffinity(0, every_core)


def _one_core() -> set[int]:
    """Keep this process on one core, whatever threads a library starts; return the cores it had (Linux)."""
    if not hasattr(os, "sched_setaffinity"):
        return set()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    return cores


UNITS = (
    "byte",
    "byte-char",
    "syllable",
    "syllable:all",
    "syllable:seen=5",
    "jamo",
    "jamo:filler",
    "jamo:compat:nfd-alias",
    "jamo-char",
    "jamo-char:filler",
)


def bench_units(corpora: dict[str, Path], rounds: int) -> None:
    """Train and encode with every unit beside `byte`: round trips first, then ratios of the best of all rounds."""
    from bpe_lab import Tokenizer, count_pieces, learn

    every_core = _one_core()
    for label, path in corpora.items():
        with tempfile.TemporaryDirectory() as name:
            part = Path(name) / "part.txt"
            text = path.read_text(encoding="utf-8")
            part.write_text(text[: len(text) // 4], encoding="utf-8")
            counts = count_pieces(part)
        documents = documents_of(text[len(text) // 4 : len(text) // 2])
        training = {unit: [0.0] * rounds for unit in UNITS}
        encoding = {unit: [0.0] * rounds for unit in UNITS}
        n_tokens: dict[str, int] = {}
        for turn in range(rounds):
            for unit in UNITS:
                started = time.process_time()
                tokenizer: Tokenizer = learn(counts, VOCAB_SIZE, unit=unit)[0]
                training[unit][turn] = time.process_time() - started
                started = time.process_time()
                ids, offsets = tokenizer.encode_batch(documents, threads=1)
                encoding[unit][turn] = time.process_time() - started
                n_tokens[unit] = len(ids)
                if tokenizer.decode_batch(ids, offsets) != [d.encode() for d in documents]:
                    raise SystemExit(f"unit {unit} does not give {label} back")
        print(f"\n## units, {VOCAB_SIZE} ids, o200k pattern, one core: {label} (round trips checked)")
        print("| unit | tokens | training, times byte's time | encoding, times byte's speed |\n|---|---|---|---|")
        for unit in UNITS:
            train_ratio = min(training[unit]) / min(training["byte"])
            speed_ratio = min(encoding["byte"]) / min(encoding[unit])
            print(f"| {unit} | {n_tokens[unit]} | {train_ratio:.2f} | {speed_ratio:.2f} |")
    if every_core:
        os.sched_setaffinity(0, every_core)


def bench_worst(vocab: Path) -> None:
    """Encode one 16 MB piece of each kind that others choke on."""
    from bpe_lab import Tokenizer

    tokenizer = Tokenizer.load(vocab / "o200k_base.tiktoken")
    n = 16_000_000
    rng = np.random.default_rng(0)
    kinds: dict[str, bytes] = {
        "a's": b"a" * n,
        "spaces": b" " * n,
        "newlines": b"\n" * n,
        "random letters": rng.integers(97, 123, n, dtype=np.uint8).tobytes(),
        "random bytes": rng.integers(128, 256, n, dtype=np.uint8).tobytes(),
        "random Hangul": "".join(map(chr, rng.integers(0xAC00, 0xD7A4, n // 3))).encode(),
        "punctuation": b"-" * n,
    }
    print("\n## one piece of 16 MB, o200k, one core (decoding gives the piece back)")
    print("| piece | ns/byte |\n|---|---|")
    for label, data in kinds.items():
        started = time.perf_counter()
        ids, _ = tokenizer.encode_batch([data], threads=1)
        seconds = time.perf_counter() - started
        assert tokenizer.decode_bytes(ids) == data
        print(f"| {label} | {seconds / len(data) * 1e9:.0f} |")


def bench_load(vocab: Path) -> None:
    """Load o200k from its rank file."""
    from bpe_lab import Tokenizer

    seconds = []
    for _ in range(9):
        started = time.perf_counter()
        Tokenizer.load(vocab / "o200k_base.tiktoken")
        seconds.append(time.perf_counter() - started)
    print(f"\n## load o200k from its rank file: {statistics.median(seconds) * 1000:.0f} ms (median of 9)")


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="train, encode, worst, load, units; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    if "BPE_LAB_DATA" not in os.environ:
        raise SystemExit("set BPE_LAB_DATA to the folder of corpora and vocabularies")
    data = Path(os.environ["BPE_LAB_DATA"])
    parts = arguments.parts or ["load", "worst", "encode", "train", "units"]
    print(f"# {' '.join(sys.argv[1:]) or 'all'}, Python {platform.python_version()}, {processor()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpora = {}
        for corpus in ("ko_reviews", "ko_docs", "en_docs"):
            corpora[corpus] = folder / f"{corpus}.txt"
            corpora[corpus].write_bytes(lzma.decompress((data / "corpora" / f"{corpus}.txt.xz").read_bytes()))
        if "load" in parts:
            bench_load(data / "vocab")
        if "worst" in parts:
            bench_worst(data / "vocab")
        if "encode" in parts:
            bench_encoding(corpora, data / "vocab", arguments.rounds)
        if "units" in parts:
            bench_units(corpora, arguments.rounds)
        if "train" in parts:
            bench_training(corpora, folder, arguments.rounds)
    print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def processor() -> str:
    """Name the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main()
