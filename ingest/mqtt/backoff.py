"""How long to wait before the next attempt to connect."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """The first retry comes fast, the later ones after 1 to 30 s, ever longer; all with jitter.

    Jitter spreads many clients of one restarted broker. A connection that lasted starts the row anew, one that worked
    for a moment lets it grow to `brief` only, because its broker may be restarting again and again; one that was
    refused has no fast retry. Seconds throughout.
    """

    first: float = 0.2
    base: float = 1.0
    ceiling: float = 30.0
    settled: float = 10.0
    brief: float = 4.0
    uniform: Callable[[float, float], float] = random.uniform
    _attempt: int = field(default=0, init=False)

    def next(self, *, lasted: float = 0.0, refused: bool = False) -> float:
        """The wait after a connection that lasted `lasted` seconds (0 when there was none)."""
        if lasted >= self.settled:
            self._attempt = 0
        if self._attempt == 0 and not refused:
            self._attempt = 1
            return self.uniform(self.first / 2, self.first)
        worked = lasted > 0 and not refused
        self._attempt = min(max(self._attempt, 1), 2) if worked else max(self._attempt, 1)
        longest = min(self.ceiling, self.brief if worked else self.ceiling, self.base * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 30)
        return self.uniform(min(self.base, longest), longest)
