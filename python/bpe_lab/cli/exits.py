"""What the program's exit codes mean, and which error gives which. The table stands in every `--help`."""

from enum import IntEnum

from bpe_lab.errors import ArgumentError, BpeLabError, CorpusError, UnsupportedError


class Exit(IntEnum):
    """The exit codes; part of the interface, so a code never changes its meaning."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    UNSUPPORTED = 4
    STRICT_VOCABULARY = 5
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "done (also when the reader of a pipe went away)",
    Exit.INTERNAL: "an error inside bpe-lab: please report it",
    Exit.USAGE: "an argument is wrong, missing or contradicts another",
    Exit.INPUT: "a file, corpus, text or id is wrong, or cannot be read or written",
    Exit.UNSUPPORTED: "it cannot be done faithfully, or needs a package that is missing",
    Exit.STRICT_VOCABULARY: "--strict-vocab, and the merges ran out before --vocab",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
    Exit.TERMINATED: "terminated from outside (SIGTERM)",
}
"""One line for each code."""


class StrictVocabularyError(CorpusError):
    """`--strict-vocab` was given and the merges ran out first."""


def exit_for(error: BpeLabError) -> Exit:
    """Return the exit code that `error` ends the program with."""
    if isinstance(error, ArgumentError):
        return Exit.USAGE
    if isinstance(error, UnsupportedError):
        return Exit.UNSUPPORTED
    return Exit.STRICT_VOCABULARY if isinstance(error, StrictVocabularyError) else Exit.INPUT
