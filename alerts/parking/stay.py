"""How long a car may stay by its parking disc (StVO section 13(2) no. 2), and which sign holds when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from alerts.calendar import Calendar
from alerts.parking.inputs import Regime, Sign
from alerts.spans import Span

_HALF_HOUR = timedelta(minutes=30)
_LOOK_AHEAD = timedelta(days=8)


def legal_end(sign: Sign, arrival: datetime, calendar: Calendar) -> datetime | None:
    """When the longest stay ends: the disc's time plus the longest stay; None without a parking disc.

    The disc is set to the next half-hour mark strictly after the arrival, in wall time; before the sign's hours it is
    set to their start. The duration is absolute. An arrival outside all hours of the next week has no end.
    """
    if sign.max_stay is None:
        return None
    windows = calendar.spans(sign.stay_hours, Span(arrival, arrival + _LOOK_AHEAD))
    if not windows:
        return None
    start = windows[0].start
    disc = _next_half_hour(arrival, calendar) if start <= arrival else start
    return disc + sign.max_stay


def sign_at(signs: Sequence[Sign], at: datetime) -> Sign | None:
    """The sign that holds at `at`; the later one where two do."""
    found = None
    for sign in signs:
        if sign.valid is None or sign.valid.covers(at):
            found = sign
    return found


def in_force(signs: Sequence[Sign], regime: Regime, within: Span) -> list[tuple[Span, Sign]]:
    """The times in which a sign of `regime` holds, each with its sign; another regime is another accusation."""
    breaks = {within.start, within.end}
    for sign in signs:
        breaks |= {at for at in sign.valid or () if within.start < at < within.end}
    spans = [Span(start, end) for start, end in pairwise(sorted(breaks))]
    found = [(span, sign_at(signs, span.start)) for span in spans]
    return [(span, sign) for span, sign in found if sign is not None and sign.regime is regime]


def _next_half_hour(at: datetime, calendar: Calendar) -> datetime:
    """The next half-hour mark of the wall clock; marks are half hours of UTC, too, in every zone of Europe."""
    local = at.astimezone(calendar.zone)
    past = timedelta(minutes=local.minute % 30, seconds=local.second, microseconds=local.microsecond)
    return (at - past + _HALF_HOUR).astimezone(UTC)
