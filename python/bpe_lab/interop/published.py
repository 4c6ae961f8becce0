"""OpenAI's published vocabularies by name: where their files lie on this machine. Never touches the network."""

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bpe_lab.errors import FileError, FormatError

VOCAB_VARIABLE = "BPE_LAB_VOCAB"
"""The environment variable that names a folder of rank files, `NAME.tiktoken`."""

_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@dataclass(frozen=True)
class Published:
    """A published encoding: its rank file's name and SHA-256, its pattern and its special tokens."""

    ranks: str
    sha256: str
    pattern: str
    special_tokens: dict[str, int] = field(default_factory=dict)


_R50K = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
_P50K = "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
_CL100K = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_O200K = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_END = "<|endoftext|>"
_FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
_HARMONY = {
    "<|startoftext|>": 199998,
    _END: 199999,
    "<|return|>": 200002,
    "<|constrain|>": 200003,
    "<|channel|>": 200005,
    "<|start|>": 200006,
    "<|end|>": 200007,
    "<|message|>": 200008,
    "<|call|>": 200012,
} | {f"<|reserved_{i}|>": i for i in (200000, 200001, 200004, 200009, 200010, 200011, *range(200013, 201088))}
_HARMONY |= {"<|endofprompt|>": 200018}

PUBLISHED = {
    "gpt2": Published("r50k_base", _R50K, "gpt2", {_END: 50256}),
    "r50k_base": Published("r50k_base", _R50K, "gpt2", {_END: 50256}),
    "p50k_base": Published("p50k_base", _P50K, "gpt2", {_END: 50256}),
    "p50k_edit": Published(
        "p50k_base", _P50K, "gpt2", {_END: 50256} | dict(zip(_FIM, range(50281, 50284), strict=True))
    ),
    "cl100k_base": Published(
        "cl100k_base",
        _CL100K,
        "cl100k",
        {_END: 100257} | dict(zip(_FIM, range(100258, 100261), strict=True)) | {"<|endofprompt|>": 100276},
    ),
    "o200k_base": Published("o200k_base", _O200K, "o200k", {_END: 199999, "<|endofprompt|>": 200018}),
    "o200k_harmony": Published("o200k_base", _O200K, "o200k", _HARMONY),
}
"""Facts of tiktoken 0.14 (`tiktoken_ext/openai_public.py`)."""


def find_ranks(name: str, folder: Path | None = None) -> bytes:
    """Return the bytes of the rank file of the encoding called `name`.

    Looks for `NAME.tiktoken` in `folder`, in the folder `BPE_LAB_VOCAB`, then in tiktoken's own cache.

    Raises:
        FileError: it is in neither; the hint says how to get it.
        FormatError: the file found is not the published one.
    """
    published = PUBLISHED[name]
    for path in _places(published, folder):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() != published.sha256:
            raise FormatError(f"{path} is not the published {published.ranks}: its SHA-256 differs", "fetch it again")
        return data
    raise FileError(
        f"the vocabulary {name} is not on this machine",
        f"put {published.ranks}.tiktoken into a folder and point {VOCAB_VARIABLE} at it, or where there is a network "
        f"run once: python -c \"import tiktoken; tiktoken.get_encoding('{published.ranks}')\"",
    )


def _places(published: Published, folder: Path | None) -> list[Path]:
    places = [] if folder is None else [folder / f"{published.ranks}.tiktoken"]
    if named := os.environ.get(VOCAB_VARIABLE):
        places.append(Path(named) / f"{published.ranks}.tiktoken")
    if cache := _tiktoken_cache():
        url = _URL.format(published.ranks)
        places.append(cache / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest())
    return places


def _tiktoken_cache() -> Path | None:
    """Return the folder in which tiktoken keeps what it has fetched; None where caching is switched off."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"
