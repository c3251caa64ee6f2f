"""How long a car may stay by its parking disc (StVO section 13(2) no. 2), and which sign holds when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from alerts.calendar import Calendar
from alerts.parking.inputs import Regime, Sign
from alerts.spans import Span

_HALF_HOUR = timedelta(minutes=30)
_LOOK_AHEAD = timedelta(days=8)


class Stay(NamedTuple):
    """What one span of a sign's hours allows: `window` is the span, `legal_end` the end of the longest stay in it.

    An end at or after the window's own means that nothing is exceeded in it.
    """

    window: Span
    legal_end: datetime


def stays(sign: Sign, arrival: datetime, until: datetime, calendar: Calendar) -> list[Stay]:
    """What the hours from an arrival up to `until` allow, and those that come next; empty without a parking disc.

    The disc is set to the next half-hour mark strictly after the arrival, in wall time. Who stands there before the
    hours begin has set it to their begin, whenever they came: outside of the hours no time runs, and every span of
    hours (the next day, Monday, the day after a holiday) allows the longest stay anew. The duration is absolute.
    """
    if sign.max_stay is None:
        return []
    within = Span(arrival, max(arrival, until) + _LOOK_AHEAD)
    found = [
        Stay(window, (_next_half_hour(arrival, calendar) if window.start <= arrival else window.start) + sign.max_stay)
        for window in calendar.spans(sign.stay_hours, within)
    ]
    return [one for one in found if one.window.start <= until] + [one for one in found if one.window.start > until][:1]


def stay_at(found: Sequence[Stay], at: datetime) -> Stay | None:
    """The one whose hours hold at `at`, or the next; the last one after all of them."""
    return next((one for one in found if at < one.window.end), found[-1] if found else None)


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
