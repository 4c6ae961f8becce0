"""Tokenizers to and from files of other makers, and published ones by name. One file a format.

The formats themselves are read and written in the core; here are paths, names and what lies beside a file.
"""

from bpe_lab.interop.files import load, save

__all__ = ["load", "save"]
