"""Which of three clocks to believe, by one rule for every network server (DESIGN decision 1).

The network server's time anchors every key, because it is the same in every redelivery. The event's own time comes
from gateways and GPS receivers that may believe it is 1980; it is kept, and flagged where it is not credible.
"""

from datetime import UTC, datetime, timedelta

from decoders.uplink import EARLIEST, LATEST

TOLERANCE = timedelta(minutes=10)


def utc(time: datetime | None) -> datetime | None:
    """`time` in UTC; None when absent, or so close to the end of the calendar that no other zone can show it."""
    if time is None or time.tzinfo is UTC:
        return time
    return time.astimezone(UTC) if 1 < time.year < 9999 else None


def event_clock(time: datetime | None) -> datetime | None:
    """An event's own time in UTC; None for what is no time: absent, or a year such as 1 that stands for "not set"."""
    return utc(time) if time is not None and 1970 <= time.year < 9999 else None


def credible(time: datetime | None) -> datetime | None:
    """`time` in UTC if a network server's clock can say so, else None."""
    time = utc(time)
    return time if time is not None and EARLIEST <= time < LATEST else None


def anchor(event_time: datetime | None, server_time: datetime | None, received_at: datetime) -> tuple[datetime, bool]:
    """The network-server time of an uplink, and whether its event time is not credible.

    Args:
        event_time: the event's own time in UTC, None when absent.
        server_time: the latest credible time that the network server gave the receptions, None without one.
        received_at: when the message reached us first.
    """
    reference = received_at if server_time is None else server_time
    if event_time is None:
        return reference, False
    doubtful = not -TOLERANCE <= event_time - reference <= TOLERANCE
    if server_time is None and EARLIEST <= event_time < LATEST:
        return event_time, doubtful
    return reference, doubtful
