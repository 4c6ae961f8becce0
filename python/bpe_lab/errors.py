"""Every error that bpe_lab raises on purpose.

    BpeLabError
    ├── ArgumentError      (also ValueError)   an argument is outside its bounds, or arguments contradict each other
    ├── CorpusError        (also ValueError)   the corpus cannot give what was asked: empty, too small, one document
    ├── FileError          (also OSError)      a file cannot be read or written, or would be overwritten
    ├── FormatError        (also ValueError)   a file is not what it claims to be, or is of a newer version
    ├── TextError          (also ValueError)   the text holds what the call does not allow
    ├── TokenError         (also LookupError)  an id that the vocabulary does not hold
    └── UnsupportedError   (also ValueError)   what was asked cannot be done faithfully; the reason is given

A message says what failed, with which value, against which bound; ``hint`` is the next step, where there is one.
Ctrl-C is Python's own ``KeyboardInterrupt``. Defines nothing else.
"""


class BpeLabError(Exception):
    """What failed, and in ``hint`` the next step.

    >>> raise BpeLabError("vocab_size must be at least 256 (one id per byte), got 200", "raise --vocab")
    Traceback (most recent call last):
    bpe_lab.errors.BpeLabError: vocab_size must be at least 256 (one id per byte), got 200
    hint: raise --vocab
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def within(self, context: object) -> "BpeLabError":
        """Return the same error with `context` and a colon before its message: which file, which document."""
        return type(self)(f"{context}: {self.message}", self.hint)

    def __reduce__(self) -> tuple[type["BpeLabError"], tuple[str, str | None]]:
        return type(self), (self.message, self.hint)


class ArgumentError(BpeLabError, ValueError):
    """An argument is outside its bounds, or arguments contradict each other."""


class CorpusError(BpeLabError, ValueError):
    """The corpus cannot give what was asked: empty, too small, one document."""


class FileError(BpeLabError, OSError):
    """A file cannot be read or written, or would be overwritten."""


class FormatError(BpeLabError, ValueError):
    """A file is not what it claims to be, or is of a newer version."""


class TextError(BpeLabError, ValueError):
    """The text holds what the call does not allow: a refused special token, a lone surrogate."""


class TokenError(BpeLabError, LookupError):
    """An id that the vocabulary does not hold."""


class UnsupportedError(BpeLabError, ValueError):
    """What was asked cannot be done faithfully; the message gives the reason."""
