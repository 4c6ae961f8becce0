"""What decoding costs and gives: tokens and bytes a second, memory of the cache, share of broken characters.

Many texts side by side for shares, one alone for speed. Says nothing to anyone (`generate` does).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from bpe_lab.compare.candidates import Candidate
from bpe_lab.tokenizer import Tokenizer
from bpe_lab_model.cache import Cache
from bpe_lab_model.cost import KB
from bpe_lab_model.generate import Speaker
from bpe_lab_model.gpt import GPT
from bpe_lab_model.quality import broken_characters, stray_jamo
from bpe_lab_model.sampling import PLAINLY, Sampling, choose

N_SIDE_BY_SIDE = 32


@dataclass(frozen=True)
class Sampled:
    """Texts made side by side, without their prompts."""

    ids: list[list[int]]
    texts: list[bytes]
    ended: list[bool]
    """Whether the model ended the text, or else the bound."""

    def invalid_utf8(self) -> tuple[int, int]:
        """Return broken characters and characters of all texts (`quality.broken_characters`)."""
        counts = [broken_characters(text, not ended) for text, ended in zip(self.texts, self.ended, strict=True)]
        return sum(n for n, _ in counts), sum(n for _, n in counts)


@torch.inference_mode()
def sample_batch(
    speaker: Speaker,
    prompts: Sequence[bytes],
    n_tokens: int,
    sampling: Sampling = PLAINLY,
    seed: int = 0,
    seconds: float = float("inf"),
) -> Sampled:
    """Go on with prompts side by side, `n_tokens` each at most and not beyond the context.

    Each row reads its prompt token by token as if it had said it, so that rows of any length share positions and need
    no padding. Nothing is healed. Stops early after `seconds`.
    """
    rows = [[speaker.eos, *speaker.encode(prompt)] for prompt in prompts]
    n_read = [len(row) for row in rows]
    ended = [False] * len(rows)
    generator, cache = torch.Generator().manual_seed(seed), Cache()
    started = time.perf_counter()
    for at in range(min(max(n_read) + n_tokens, speaker.context_bytes) - 1):
        inputs = torch.tensor([[row[min(at, len(row) - 1)]] for row in rows], device=speaker.device)  # (B, 1)
        logits = speaker.model.logits(speaker.model(inputs, cache=cache)[:, -1])  # (B, V)
        ids = choose(logits.masked_fill(~speaker.sayable, -torch.inf), sampling, generator)[0].tolist()
        for place, (row, id) in enumerate(zip(rows, ids, strict=True)):
            if len(row) == at + 1 and not ended[place] and at + 1 < n_read[place] + n_tokens:
                ended[place] = id == speaker.eos
                row += [] if ended[place] else [id]
        if all(ended) or time.perf_counter() - started > seconds:
            break
    new = [row[n:] for row, n in zip(rows, n_read, strict=True)]
    return Sampled(new, [speaker.candidate.decode(ids) for ids in new], ended)


@torch.inference_mode()
def decoding_figures(
    model: GPT,
    source: Candidate | Tokenizer,
    prompts: Sequence[bytes],
    *,
    n_bytes: int | None = None,
    n_tokens: int = 64,
    seed: int = 0,
) -> dict[str, float]:
    """Return what `RunRecord.decoding` holds. Equal calls give equal figures, speeds apart; the model's mode is kept.

    - `tokens_per_s`, `bytes_per_s`: the prompts, read token by token with a cache and a draw after each, one alone.
      Of given text, so that tokenizers are compared on the same and not on what an unready model says.
    - `bytes_per_token` of that text, end of text left out.
    - `cache_bytes_per_kb`: bytes of keys and values that 1,000 bytes of it take, measured.
    - `invalid_utf8`: broken characters / characters that the model says after nothing, at temperature 1.
    - `stray_jamo`: conjoining jamo / characters, the same.
    - `sampled_characters`: how many there were. Shares have a standard error of about sqrt(p / n).

    Args:
        model: the model.
        source: its tokenizer.
        prompts: some documents, best of held-out text.
        n_bytes: of the prompts that are read, about; by default as many as the context has.
        n_tokens: of each of 32 texts that are said, at most.
        seed: of the draws.
    """
    was_training = model.training
    try:
        speaker = Speaker(model, source)
        found = _speed(speaker, prompts, n_bytes or model.config.context_bytes, seed)
        made = sample_batch(speaker, [b""] * N_SIDE_BY_SIDE, min(n_tokens, speaker.context_bytes - 1), seed=seed)
    finally:
        model.train(was_training)
    n_broken, n_chars = made.invalid_utf8()
    n_stray = sum(stray_jamo(text.decode(errors="replace")) for text in made.texts)
    shares = {"invalid_utf8": n_broken / max(n_chars, 1), "stray_jamo": n_stray / max(n_chars, 1)}
    return found | shares | {"sampled_characters": float(n_chars)}


def _speed(speaker: Speaker, prompts: Sequence[bytes], least_bytes: int, seed: int) -> dict[str, float]:
    """Read texts token by token until they have `least_bytes`, each to its end or the context's."""
    generator = torch.Generator().manual_seed(seed)
    n_steps, n_tokens, n_bytes, cache_bytes, spent = 0, 0, 0, 0, 0.0
    speaker.model(torch.tensor([[speaker.eos]], device=speaker.device))  # the first call of a kernel costs more
    for prompt in prompts:
        ids = [speaker.eos, *speaker.encode(prompt)][: speaker.context_bytes + 1]
        cache = Cache()
        started = time.perf_counter()
        for id in ids:
            token = torch.tensor([[id]], device=speaker.device)  # (1, 1)
            hidden = speaker.model(token, cache=cache)  # (1, 1, d)
            choose(speaker.model.logits(hidden[:, -1]), PLAINLY, generator)[0].tolist()
        spent += time.perf_counter() - started
        n_steps += len(ids)
        n_tokens += len(ids) - 1
        n_bytes += len(speaker.candidate.decode(ids[1:]))
        cache_bytes += cache.size_bytes
        if n_bytes >= least_bytes:
            break
    if not n_bytes:
        return {}
    return {
        "tokens_per_s": n_steps / spent,
        "bytes_per_s": n_steps / spent * n_bytes / n_tokens,
        "bytes_per_token": n_bytes / n_tokens,
        "cache_bytes_per_kb": cache_bytes / n_steps * n_tokens / n_bytes * KB,
    }
