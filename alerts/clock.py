"""A clock for timers: never goes back, whatever happens to the host's.

It follows the host's clock. When that is set back, this one runs at half speed until both agree, so that no alert that
is due is taken back and no timer stands still.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SteadyClock:
    """Call it for the time.

    Args:
        wall: the host's clock.
        monotonic: seconds that only grow.
    """

    def __init__(
        self, wall: Callable[[], datetime] = lambda: datetime.now(UTC), monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._time = wall()
        self._asked_at = monotonic()

    def __call__(self) -> datetime:
        """The time in UTC, later than or equal to every time before."""
        elapsed = timedelta(seconds=self._monotonic() - self._asked_at)
        wall = self._wall()
        self._asked_at = self._monotonic()
        self._time = max(wall, self._time + elapsed / 2)
        return self._time
