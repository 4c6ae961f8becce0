"""Runs works side by side, each in a process with one thread, or one after another in this process.

On small models two processes of one thread each train faster than one with two threads, and a result then depends on
no number of processors. A worker is `python -m bpe_lab_model.workers`: pickles go in and out of its pipes, it stands
outside the terminal's group, so that Ctrl-C reaches this process alone, and it ends when its pipe does.
"""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import torch

from bpe_lab.errors import BpeLabError
from bpe_lab_model import memory

TELL_SECONDS = 0.5
"""Between two reports of a worker."""

PATIENCE_SECONDS = 30
"""How long a worker that was asked to stop may take to save."""


class Work(Protocol):
    """What can be carried out in another process: plain data with a name for people."""

    @property
    def name(self) -> str:
        """As in `byte 4,096, seed 2`."""

    def carry_out(self, report: Callable[[float, float], None], tell: Callable[[Any], None]) -> None:
        """Do it: report the share that is done and a loss in bits per byte, and tell each outcome."""


@dataclass
class Standing:
    """How far a work in progress has come."""

    work: Any
    share: float = 0.0
    bpb: float | None = None


Tell = Callable[[Any, Any], None]
"""Called with a work and one of its outcomes."""
Watch = Callable[[Sequence[Standing]], None]


class Crew:
    """Takes works, the first first. One job runs in this process, several in processes that stay until the end."""

    def __init__(self, n_jobs: int, n_threads: int = 1) -> None:
        self.n_jobs = n_jobs
        self.n_threads = n_threads
        self._workers: list[_Worker] = []
        self._heard: queue.Queue[tuple[_Worker, Any]] = queue.Queue()

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.end()

    def run(self, works: Sequence[Work], tell: Tell, watch: Watch) -> None:
        """Carry out every work. Outcomes are told as they come, not in the order of the works.

        Raises:
            BpeLabError: what a work raised; the others are stopped.
            KeyboardInterrupt: after the works in progress have saved their trunks.
        """
        if self.n_jobs == 1:
            self._alone(works, tell, watch)
        else:
            self._together(works, tell, watch)

    def _alone(self, works: Sequence[Work], tell: Tell, watch: Watch) -> None:
        with threads(self.n_threads):
            for work in works:
                standing = Standing(work)

                def report(share: float, bpb: float, standing: Standing = standing) -> None:
                    standing.share, standing.bpb = share, bpb
                    watch([standing])

                watch([standing])
                work.carry_out(report, lambda outcome, work=work: tell(work, outcome))  # type: ignore[misc]

    def _together(self, works: Sequence[Work], tell: Tell, watch: Watch) -> None:
        waiting = deque(works)
        while len(self._workers) < min(self.n_jobs, len(works)):
            self._workers.append(_Worker(self.n_threads, self._heard))
        idle = list(self._workers)
        busy: dict[_Worker, Standing] = {}
        while waiting or busy:
            while waiting and idle:
                worker = idle.pop()
                busy[worker] = Standing(waiting.popleft())
                worker.give(busy[worker].work)
            watch(list(busy.values()))
            try:
                worker, said = self._heard.get(timeout=TELL_SECONDS)
            except queue.Empty:
                continue
            if self._hear(worker, said, busy[worker], tell):
                del busy[worker]
                idle.append(worker)

    def _hear(self, worker: "_Worker", said: Any, standing: Standing, tell: Tell) -> bool:
        """Take in what a worker said; tell whether its work is done."""
        what, *rest = said
        if what == "share":
            standing.share, standing.bpb = rest
        elif what == "outcome":
            tell(standing.work, rest[0])
        elif what == "failed":
            raise rest[0]
        elif what == "ended":
            raise BpeLabError(
                f"the process that trained {standing.work.name} ended with exit code {worker.exit_code()}",
                "it may have run out of memory: fewer --jobs; the same command goes on where it stopped",
            )
        return bool(what == "done")


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let torch use `n` threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Worker:
    """A process that carries works out."""

    def __init__(self, n_threads: int, heard: "queue.Queue[tuple[_Worker, Any]]") -> None:
        places = os.pathsep.join(part or str(Path.cwd()) for part in sys.path)
        environment = os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": str(n_threads)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bpe_lab_model.workers", str(n_threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, args=(heard,), daemon=True)
        self._listener.start()

    def give(self, work: Work) -> None:
        with contextlib.suppress(OSError):  # one that has ended says so on the other pipe
            _send(self._process.stdin, work)

    def _listen(self, heard: "queue.Queue[tuple[_Worker, Any]]") -> None:
        assert self._process.stdout is not None
        try:
            while True:
                heard.put((self, pickle.load(self._process.stdout)))
        except (EOFError, pickle.UnpicklingError, OSError):
            heard.put((self, ("ended",)))

    def ask_to_stop(self) -> None:
        """End its input: it saves what is in work, and ends."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()

    def end(self) -> None:
        """Wait until it has ended; end it where that takes too long."""
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(1)

    def exit_code(self) -> int | None:
        """Return its exit code, once it is there."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(5)
        return None


def _send(pipe: IO[bytes] | None, value: Any) -> None:
    assert pipe is not None
    pickle.dump(value, pipe)
    pipe.flush()


# -- inside a worker


def main(n_threads: int) -> int:
    """Carry out what comes in, until nothing does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between the pickles
    torch.set_num_threads(n_threads)
    memory.keep_freed()
    incoming: queue.Queue[Any] = queue.Queue()
    ended = threading.Event()
    threading.Thread(target=_read, args=(incoming, ended), daemon=True).start()
    try:
        while (work := incoming.get()) is not None:
            _carry_out(work, out, ended)
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    return 0


def _read(incoming: "queue.Queue[Any]", ended: threading.Event) -> None:
    """Put works into the queue; at the end of input, ask what is in work to stop."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError, OSError):
        while True:
            incoming.put(pickle.load(sys.stdin.buffer))
    ended.set()
    incoming.put(None)


def _carry_out(work: Work, out: IO[bytes], ended: threading.Event) -> None:
    told = 0.0

    def report(share: float, bpb: float) -> None:
        nonlocal told
        if ended.is_set():
            raise KeyboardInterrupt
        if time.monotonic() - told >= TELL_SECONDS:
            told = time.monotonic()
            _send(out, ("share", share, bpb))

    try:
        work.carry_out(report, lambda outcome: _send(out, ("outcome", outcome)))
    except BrokenPipeError:
        raise
    except BpeLabError as e:
        _send(out, ("failed", e))
    except Exception as e:
        _send(out, ("failed", BpeLabError(f"training {work.name} failed: {type(e).__name__}: {e}")))
    else:
        _send(out, ("done",))


if __name__ == "__main__":
    # Through the module's own name, so that what is pickled has one.
    from bpe_lab_model import workers

    sys.exit(workers.main(int(sys.argv[1])))
