"""What training runs say about tokenizers: bits per byte with intervals, differences, and how sure they are."""

from bpe_lab.downstream.request import Match, Request, RunProgress, Target

__all__ = ["Match", "Request", "RunProgress", "Target"]
