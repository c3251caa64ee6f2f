"""How fast messages go out: the pause before the next attempt, and the most messages of a channel in a minute."""

from collections.abc import Callable
from datetime import timedelta
from random import random
from time import monotonic
from typing import Final

_JITTER: Final = 0.25
_BURST_SECONDS: Final = 10.0
"""After a pause so many seconds' worth of messages may go out at once."""


def pause(attempts: int, *, first: timedelta, longest: timedelta, draw: Callable[[], float] = random) -> timedelta:
    """The pause after the `attempts`-th failure: doubling from `first` to `longest`, a quarter up or down by chance."""
    doubled = first * 2.0 ** min(attempts - 1, 32) if attempts > 0 else first
    return min(doubled, longest) * (1 + _JITTER * (2 * draw() - 1))


class Pace:
    """Lets at most `per_minute` messages pass in a minute, and none while the receiver wants to be left alone.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._gap = 60.0 / per_minute
        self._burst = max(self._gap, _BURST_SECONDS)
        self._clock = clock
        self._next = clock() - self._burst
        self._blocked_until = clock()

    def wait(self) -> float:
        """Seconds until the next message may pass; 0 when it may now."""
        now = self._clock()
        return max(0.0, self._next - now, self._blocked_until - now)

    def spend(self) -> None:
        """One message passes now."""
        self._next = max(self._next, self._clock() - self._burst) + self._gap

    def rest(self, seconds: float) -> None:
        """The receiver asked for so much time without messages."""
        self._blocked_until = max(self._blocked_until, self._clock() + seconds)
