"""Entries of a device's datalog: samples that arrive later, each with a time of the device's own clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from decoders.reader import ByteReader
from decoders.readings import QualityFlag, Reading
from decoders.uplink import EARLIEST, Uplink

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far a device's clock may be from the uplink's time before its times are doubted."""
_CLOCK_LIMIT = timedelta(days=1)


class Logged(NamedTuple):
    """When a sample was taken, and what is known about that."""

    at: datetime
    flags: QualityFlag


def logged_at(uplink: Uplink, data: ByteReader, unix_time: int) -> Logged | None:
    """The time of a datalog entry, with the flag HISTORY; None when it is not credible.

    A time before 2015 or more than a day after the uplink has no meaning: the entry is to be dropped, with a warning.
    One that is more than ten minutes after the uplink is kept with CLOCK.
    """
    at = datetime.fromtimestamp(unix_time, UTC)
    ahead = at - uplink.observed_at
    if at < EARLIEST or ahead > _CLOCK_LIMIT:
        data.warn("datalog entry without a credible time")
        return None
    return Logged(at, QualityFlag.HISTORY | QualityFlag.CLOCK if ahead > CLOCK_TOLERANCE else QualityFlag.HISTORY)


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
    """A datalog entry as a reading of its own time; none when that is not credible (see `logged_at`)."""
    moment = logged_at(uplink, data, unix_time)
    if moment is None:
        return []
    return [kind.of(uplink, measured, observed_at=moment.at, flags=flags | moment.flags, channel=channel)]
