"""Public names whose modules are imported when they are first asked for (PEP 562): a command needs few of them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package.

    Args:
        package: its dotted name.
        homes: public name -> the module below it that defines the name.

    Example:
        >>> attributes("bpe_lab", {"train": "training"})("train").__module__
        'bpe_lab.training'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return get


def names(public: list[str]) -> Callable[[], list[str]]:
    """Return the `__dir__` of a package: its public names, imported or not."""
    return lambda: sorted(public)
