"""Entries of a device's datalog: samples that arrive later, each with a time of the device's own clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from decoders.reader import ByteReader
from decoders.readings import QualityFlag, Reading
from decoders.uplink import Uplink

_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
_CLOCK_TOLERANCE = timedelta(minutes=10)
_CLOCK_LIMIT = timedelta(days=1)


def logged(
    kind: type[Reading],
    uplink: Uplink,
    data: ByteReader,
    measured: Mapping[str, object],
    /,
    *,
    unix_time: int,
    flags: QualityFlag = QualityFlag(0),
    channel: int = 0,
) -> list[Reading]:
    """A datalog entry as a reading of its own time, flagged HISTORY; none when its time is not credible.

    A time before 2015 or more than a day after the uplink has no meaning: the entry is dropped with a warning. One that
    is more than ten minutes after the uplink is kept with CLOCK.
    """
    at = datetime.fromtimestamp(unix_time, UTC)
    ahead = at - uplink.observed_at
    if at < _EARLIEST or ahead > _CLOCK_LIMIT:
        data.warn("datalog entry without a credible time")
        return []
    flags |= QualityFlag.HISTORY
    if ahead > _CLOCK_TOLERANCE:
        flags |= QualityFlag.CLOCK
    return [kind.of(uplink, measured, observed_at=at, flags=flags, channel=channel)]
