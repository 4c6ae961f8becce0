"""What training runs on: device, number format, threads, ranks, and what the machine is, for records.

bf16 is taken only where it pays: on GPUs that compute in it, and on CPUs with AMX when a short product confirms it. On
a CPU with AVX-512 but no AMX bf16 ran at 0.4 times fp32, on AVX2 at 0.1. Names no host and no path.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from bpe_lab.errors import ArgumentError, UnsupportedError

Precision = Literal["auto", "fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "bf16")

_LEAST_GAIN = 1.3
"""bf16 must be this much faster in a bare product: around it stand casts, which cost some of the gain."""

_PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "RTX 4090": 165e12}
"""Dense bf16 with fp32 sums, from the makers' data sheets; by a part of the name that CUDA gives."""


def device(name: str | None = None) -> torch.device:
    """Return the device called `name`; by default this rank's GPU where there is one, else the CPU.

    Raises:
        UnsupportedError: a GPU is asked for that is not there.
    """
    if name is None:
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(name)
    except RuntimeError:
        raise ArgumentError(f"no device is called {name!r}", "cpu, cuda or cuda:1") from None
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise UnsupportedError(
            "there is no GPU that this torch can use", "take --device cpu, or install torch for CUDA"
        )
    return chosen


def dtype(on: torch.device, precision: Precision = "auto") -> torch.dtype:
    """Return the format that products are computed in; weights, sums and the loss stay fp32 in any case.

    Raises:
        ArgumentError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ArgumentError(f"no precision is called {precision!r}", f"one of {', '.join(PRECISIONS)}")
    if precision == "auto":
        return torch.bfloat16 if _bf16_pays(on.type) else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


@contextmanager
def autocast(on: torch.device, of: torch.dtype) -> Iterator[None]:
    """Compute the products of a forward pass in `of`.

    On a GPU those that stay fp32, the head's, may round what they multiply to TF32: it holds bf16 hidden states exactly
    and weights to 2^-11, and sums stay fp32. Scoring never comes here.
    """
    if of == torch.float32:
        yield
        return
    before = torch.get_float32_matmul_precision()
    if on.type == "cuda":
        torch.set_float32_matmul_precision("high")
    try:
        with torch.autocast(on.type, dtype=of):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


@cache
def _bf16_pays(kind: str) -> bool:
    if kind == "cuda":
        # False: not where bf16 is only emulated (before compute capability 8.0).
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return kind == "cpu" and "amx" in isa() and bf16_gain() >= _LEAST_GAIN


@cache
def bf16_gain() -> float:
    """Return how many times faster a product in bf16 is than in fp32 on this CPU: about 0.1 s, once a process."""
    return _seconds_of_product(torch.float32) / _seconds_of_product(torch.bfloat16)


def _seconds_of_product(of: torch.dtype, n: int = 768) -> float:
    """Return the least seconds of five products of (n, n) matrices, after one that builds what torch keeps."""
    a, b = torch.ones(n, n, dtype=of), torch.ones(n, n, dtype=of)
    taken = []
    for _ in range(6):
        started = time.perf_counter()
        torch.mm(a, b)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


@cache
def isa() -> str:
    """Return the widest instructions of this CPU that matter here: `amx`, `avx512`, `avx2`, else the architecture."""
    flags = _cpu_info("flags").split()
    if {"amx_tile", "amx_bf16"} <= set(flags):
        return "amx"
    # torch's own answer: it also knows the systems that have no /proc.
    return torch.backends.cpu.get_cpu_capability().lower().replace("default", platform.machine())


def _cpu_info(key: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


def peak_flops(on: torch.device, of: torch.dtype) -> tuple[float, str]:
    """Return the FLOP/s that MFU is a share of, and where the number is from: `data sheet` or `measured`.

    A GPU whose data sheet is not at hand and any CPU are measured by a product of matrices: such a share says how near
    to plain products training comes on this machine, and cannot be set beside one from a data sheet.
    """
    if on.type == "cuda" and of == torch.bfloat16:
        name = torch.cuda.get_device_name(on)
        for part, flops in _PEAK_FLOPS.items():
            if part in name:
                return flops, "data sheet"
    return _measured_peak(on.type, of, torch.get_num_threads()), "measured"


@cache
def _measured_peak(kind: str, of: torch.dtype, _n_threads: int) -> float:
    """Return FLOP/s of a product: 2 n^3 operations in the least time seen."""
    if kind == "cpu":
        return 2 * 768**3 / _seconds_of_product(of)
    n = 8192
    a = torch.ones(n, n, dtype=of, device=kind)
    starts, ends = ([_event() for _ in range(6)] for _ in range(2))
    for start, end in zip(starts, ends, strict=True):
        start.record()
        torch.mm(a, a)
        end.record()
    torch.cuda.synchronize()
    milliseconds = [s.elapsed_time(e) for s, e in zip(starts[1:], ends[1:], strict=True)]
    return float(2 * n**3 / (min(milliseconds) / 1000))


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def peak_memory_bytes(on: torch.device) -> int:
    """Return the most memory held so far: of the GPU by torch, else of the process; 0 where the system tells none."""
    if on.type == "cuda":
        return torch.cuda.max_memory_allocated(on)
    from bpe_lab.cli.terminal import peak_memory_bytes as of_process

    return of_process() or 0


def machine(on: torch.device | None = None) -> dict[str, Any]:
    """Return what a record says of the machine; neither its name nor where anything lies on it."""
    on = on or device()
    found: dict[str, Any] = {
        "cpu": _cpu_info("model name") or platform.processor() or platform.machine(),
        "isa": isa(),
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "system": platform.system(),
        "torch": torch.__version__,
        "device": on.type,
    }
    if on.type == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(on), "cuda": torch.version.cuda}
    return found


@dataclass(frozen=True)
class World:
    """The processes that train one model together, each with its part of every step."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return self.rank == 0

    def add_up(self, tensor: torch.Tensor) -> torch.Tensor:
        """Replace `tensor` by its sum over the ranks, and return it."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Wait for the other ranks."""
        if self.size > 1:
            dist.barrier()


ALONE = World()


@contextmanager
def joined() -> Iterator[World]:
    """Join the processes that torchrun started: NCCL between GPUs, gloo between CPUs; without torchrun be alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    on = device()
    if on.type == "cuda":
        torch.cuda.set_device(on)
    dist.init_process_group("nccl" if on.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
