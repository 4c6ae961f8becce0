"""A comparison as one self-contained HTML page."""

from bpe_lab.report.render import MOST_BYTES, render

__all__ = ["MOST_BYTES", "render"]
