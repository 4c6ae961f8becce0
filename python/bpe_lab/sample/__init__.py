"""The embedded sample: texts written for bpe-lab, shipped with it, so that everything can be tried offline.

A demonstration and no evidence: 200 KB tell nothing about a tokenizer for a real model. Each document carries its id,
language and register (`news`, `chat`, `recipe`, …). What the files are called is where that comes from:
`ko/chat-03.txt` is document `chat-03`, language `ko`, register `chat`.
"""

from bpe_lab.sample.documents import NOTICE, SampleDocument, SentencePair, documents, parallel

__all__ = ["NOTICE", "SampleDocument", "SentencePair", "documents", "parallel"]
