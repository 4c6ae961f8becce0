"""A value with its interval. No statistics: what computes the ends stands in `measurement` and `pairs`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value between its low and its high end; the ends are None where no interval is known."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Return what the JSON of a comparison holds; a value that is no number becomes None."""
        return {"value": _finite(self.value), "low": _finite(self.low), "high": _finite(self.high)}

    @property
    def clear_of_zero(self) -> bool:
        """Whether the interval is known and does not hold 0: what a difference must pass to be called clear."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def _finite(x: float | None) -> float | None:
    return x if x is not None and x == x and abs(x) != float("inf") else None
