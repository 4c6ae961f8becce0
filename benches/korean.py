"""Writes the texts of docs/korean.md, so that its commands can be copied. Measures nothing: `bpe-lab compare` does.

    BPE_LAB_DATA=... python benches/korean.py texts

Most are .jsonl, a document a row, for the corpora differ in what a document is. Documents are taken whole, and every
run writes the same bytes.

| file | what |
|---|---|
| ko_mixed.jsonl | the first 1 MB each of web documentation, technical documentation and film reviews |
| webdocs_ko.jsonl, ko_docs.jsonl, ko_reviews.jsonl | 4 MB of each, drawn by content hash |
| ko.jsonl, en.jsonl | 4 MB of Korean and of English technical documentation, named as a mix names languages |
| docs_10mb.jsonl | 10 MB of technical documentation |
| flores_ko.jsonl | the 1,012 sentences of FLORES-200 devtest, a sentence a document |
| ko_docs.txt, ko_reviews.txt | the whole corpora, decompressed |
"""

import json
import lzma
import os
import sys
from bisect import bisect_left
from itertools import accumulate
from pathlib import Path

from bpe_lab.compare.texts import Texts, draw, read_texts

DOCUMENTS = {"ko_docs": "prefix:# ", "en_docs": "prefix:# ", "webdocs_ko": "prefix:## ", "ko_reviews": "line"}
"""What a document of each corpus is."""

MIXED = ("webdocs_ko", "ko_docs", "ko_reviews")

FIRST_BYTES, DRAWN_BYTES = 1_000_000, 4_000_000


def main() -> None:
    data = os.environ.get("BPE_LAB_DATA")
    if not data or len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in prepared(Path(data), folder).items():
        write(folder / name, texts)
    for name in ("en_docs", "webdocs_ko"):
        (folder / f"{name}.txt").unlink()


def prepared(data: Path, folder: Path) -> dict[str, Texts]:
    """Return the texts by the name of their file; leaves the decompressed corpora in `folder`."""
    corpora = {name: corpus(data, folder, name) for name in DOCUMENTS}
    drawn = {name: draw(texts, f"{DRAWN_BYTES}B") for name, texts in corpora.items()}
    return {
        "ko_mixed.jsonl": mixed(corpora),
        **{f"{name}.jsonl": drawn[name] for name in MIXED},
        "ko.jsonl": drawn["ko_docs"],
        "en.jsonl": drawn["en_docs"],
        "docs_10mb.jsonl": draw(corpora["ko_docs"], "10000000B", seed=1),
        "flores_ko.jsonl": read_texts([data / "flores" / "kor_Hang.devtest"], "line"),
    }


def mixed(corpora: dict[str, Texts]) -> Texts:
    """Return the text that units are compared on: the first documents of each corpus."""
    return Texts("mixed", [document for name in MIXED for document in first(corpora[name], FIRST_BYTES)])


def first(texts: Texts, n_bytes: int) -> list[bytes]:
    """Return the first documents, up to the one that reaches so many bytes."""
    taken = list(accumulate(map(len, texts.documents)))
    return texts.documents[: bisect_left(taken, n_bytes) + 1]


def corpus(data: Path, folder: Path, name: str) -> Texts:
    """Decompress a corpus and cut it into its documents."""
    path = folder / f"{name}.txt"
    path.write_bytes(lzma.decompress((data / "corpora" / f"{name}.txt.xz").read_bytes()))
    return read_texts([path], DOCUMENTS[name])


def write(path: Path, texts: Texts) -> None:
    rows = (json.dumps({"text": document.decode()}, ensure_ascii=False) for document in texts.documents)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    print(f"{path}: {texts.n_documents:,} documents, {texts.n_bytes:,} bytes, sha256 {texts.sha256[:12]}")


if __name__ == "__main__":
    main()
