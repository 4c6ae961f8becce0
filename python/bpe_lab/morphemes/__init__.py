"""Morphemes: where words may be cut, from analysers of Korean that are installed beside bpe-lab (extra `ko`).

An analyser turns a text into edges; training and encoding know edges and no analyser. What an edge is stands in
docs/algorithm.md.
"""

from bpe_lab.morphemes.analyser import NAMES, Analyser, installed, load

__all__ = ["NAMES", "Analyser", "installed", "load"]
