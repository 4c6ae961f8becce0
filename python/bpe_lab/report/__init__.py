"""A comparison as one self-contained HTML page."""

from bpe_lab.report.page import MOST_BYTES, render

__all__ = ["MOST_BYTES", "render"]
