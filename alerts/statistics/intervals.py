"""Bounds of what few observations can say: exact intervals of a share (Beta) and of a rate (Gamma).

Clopper and Pearson (1934) for shares, Garwood (1936) for counts: never too narrow, whatever the truth. Counts are
whole numbers, so both follow from sums of the binomial and Poisson distributions; no special function is needed.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

_STEPS: Final = 60
"""Halvings: more than a double can tell apart."""


class Bounds(NamedTuple):
    """From `low` to `high`."""

    low: float
    high: float


@lru_cache(maxsize=4096)
def share_bounds(hits: int, misses: int, *, confidence: float = 0.95) -> Bounds:
    """The interval of a share of which `hits` of `hits + misses` are known; 0 to 1 without any."""
    tail = (1 - confidence) / 2
    total = hits + misses
    low = 0.0 if hits == 0 else _root(lambda p: _binomial_at_least(hits, total, p) - tail, 0.0, 1.0)
    high = 1.0 if misses == 0 else _root(lambda p: tail - _binomial_at_least(misses, total, 1 - p), 0.0, 1.0)
    return Bounds(low, high)


@lru_cache(maxsize=4096)
def count_lower_bound(count: int, *, confidence: float = 0.9) -> float:
    """What the expectation behind `count` events is at least, one-sided: the Gamma(count) quantile."""
    if count == 0:
        return 0.0
    return _root(lambda mean: _poisson_at_least(count, mean) - (1 - confidence), 0.0, float(count))


def rate_lower_bound(count: int, exposure: float, *, confidence: float = 0.9) -> float:
    """What the rate per unit of exposure is at least; 0 where nothing was observed."""
    return count_lower_bound(count, confidence=confidence) / exposure if exposure > 0 else 0.0


def _binomial_at_least(least: int, total: int, share: float) -> float:
    """The chance of `least` or more hits in `total` trials."""
    if share <= 0 or share >= 1:
        return float(share >= 1)
    logs = (
        math.lgamma(total + 1)
        - math.lgamma(hits + 1)
        - math.lgamma(total - hits + 1)
        + hits * math.log(share)
        + (total - hits) * math.log1p(-share)
        for hits in range(least, total + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def _poisson_at_least(least: int, mean: float) -> float:
    """The chance of `least` or more events where `mean` are expected."""
    if mean <= 0:
        return 0.0
    logs = (events * math.log(mean) - mean - math.lgamma(events + 1) for events in range(least))
    return max(0.0, 1 - math.fsum(map(math.exp, logs)))


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function is zero."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
