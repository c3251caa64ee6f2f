"""Codecs that overran too often in a row: they are not run for a while, and longer each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from decoders.sandbox.calls import CodecSource

PATIENCE = 5
"""Calls in a row that overrun before a codec is no longer run."""
FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0


@dataclass(slots=True)
class _Record:
    name: str
    overruns: int = 0
    wait: float = 0.0
    until: float = 0.0


class Quarantine:
    """Who may run. Pure: it is told what happened, and the clock is given.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def allows(self, codec: CodecSource) -> bool:
        """Whether `codec` may run now; after its wait it may show that it has become better."""
        record = self._records.get(codec.digest)
        return record is None or record.overruns < PATIENCE or self._clock() >= record.until

    def overran(self, codec: CodecSource) -> None:
        """`codec` used up its time, or its worker had to be killed."""
        record = self._records.setdefault(codec.digest, _Record(codec.name))
        record.overruns += 1
        if record.overruns >= PATIENCE:
            record.wait = min(record.wait * 2 or FIRST_WAIT, LONGEST_WAIT)
            record.until = self._clock() + record.wait

    def answered(self, codec: CodecSource) -> None:
        """`codec` kept its time: everything is forgiven."""
        if self._records:
            self._records.pop(codec.digest, None)

    @property
    def names(self) -> tuple[str, ...]:
        """The codecs that are not run at present."""
        now = self._clock()
        return tuple(record.name for record in self._records.values() if record.until > now)
