"""Times and durations as people in Mainz read them."""

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

BERLIN: Final = ZoneInfo("Europe/Berlin")


def clock(at: datetime) -> str:
    """`14:05`."""
    return at.astimezone(BERLIN).strftime("%H:%M")


def day(at: datetime) -> str:
    """`24.11.2026`."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y")


def moment(at: datetime) -> str:
    """`24.11.2026 14:05`."""
    return at.astimezone(BERLIN).strftime("%d.%m.%Y %H:%M")


def duration(length: timedelta) -> str:
    """`45 min`, `2 h 05 min`, `3 d 4 h`: the two largest parts, rounded down."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
