"""The story of bays: their messages, statuses and signs together. The one door of this package."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from alerts.calendar import Calendar
from alerts.charging.status import RECHECK
from alerts.parking.confidence import Judge
from alerts.parking.group import shared_pieces
from alerts.parking.inputs import Bay, History, Regime, Sighting, Sign, Status
from alerts.parking.machine import Machine, Scene
from alerts.parking.occupancy import Occupancy, Presence, presence
from alerts.parking.points import Piece, Point, point
from alerts.parking.settings import ParkingSettings
from alerts.parking.stay import Stay, in_force, sign_at, stays
from alerts.parking.verdict import BayState, Verdict
from alerts.spans import Span, Spans, common, joined, without

_PLUG_IN_LATE = timedelta(minutes=5)
_HEARTBEAT_TOLERANCE = timedelta(minutes=10)


class TicketKind(StrEnum):
    """What is wrong with a sensor."""

    FLAPPING = "flapping"
    STUCK = "stuck"


class Ticket(NamedTuple):
    """Work for whoever looks after the sensors; `until` is None while it lasts."""

    kind: TicketKind
    at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class BayStory:
    """What happened in one bay up to now.

    Attributes:
        state, since: where it is, and since when.
        verdicts: one for each occupancy, in order.
        sightings, statuses: what it was told from.
        next_due: the earliest time at which something changes without new data.
        recheck_at: since when a case waits for its charge point to be asked again.
        proven_late_at: when a case was due that may be open since this look alone.
    """

    bay: Bay
    state: BayState
    since: datetime | None
    verdicts: Sequence[Verdict]
    tickets: Sequence[Ticket]
    sightings: Sequence[Sighting]
    statuses: Sequence[Status]
    next_due: datetime | None
    recheck_at: datetime | None
    proven_late_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What bays are judged by."""

    settings: ParkingSettings
    calendar: Calendar


def tell(bays: Sequence[Bay], histories: Mapping[str, History], rules: Rulebook, now: datetime) -> list[BayStory]:
    """The stories of bays; those of one group must come together.

    Args:
        histories: by the bays' keys; a bay without one has no story but FREE.
    """
    groups: dict[str, list[Bay]] = {}
    for bay in bays:
        groups.setdefault(bay.group or f"\0{bay.key}", []).append(bay)
    return [story for several in groups.values() for story in _Group(several, histories, rules, now).stories()]


class _Group:
    """Bays that share their charge points; mostly one bay."""

    def __init__(self, bays: Sequence[Bay], histories: Mapping[str, History], rules: Rulebook, now: datetime) -> None:
        self._bays = bays
        self._histories = {bay.key: histories.get(bay.key, History()) for bay in bays}
        self._rules = rules
        self._timers = rules.settings.timers
        self._now = now
        self._points = {evse: self._point(evse) for bay in bays for evse in bay.evses}

    def stories(self) -> Iterator[BayStory]:
        present = {bay.key: self._presence(bay) for bay in self._bays}
        grouped = any(bay.group for bay in self._bays)
        if not grouped:
            present = {bay.key: self._with_unseen_departures(bay, present[bay.key]) for bay in self._bays}
        pieces = self._pieces(present, shared=grouped or len(self._points) > 1)
        for bay in self._bays:
            yield self._story(bay, present[bay.key], pieces[bay.key])

    def _point(self, evse: str) -> Point:
        statuses = {one for history in self._histories.values() for one in history.statuses if one.evse == evse}
        contacts = next(iter(self._histories.values())).contacts
        return point(sorted(statuses), _until(contacts, self._now), self._timers, self._now)

    def _presence(self, bay: Bay) -> Presence:
        history = self._histories[bay.key]
        points = [self._points[evse] for evse in bay.evses]

        def charged_in(gap: Span) -> bool:
            return any(gap.start <= piece.span.start < gap.end for one in points for piece in one.pieces)

        return presence(history.sightings, history.frames, self._timers, self._now, charged_in=charged_in)

    def _pieces(self, present: Mapping[str, Presence], *, shared: bool) -> dict[str, list[Piece]]:
        if shared:
            occupancies = {key: one.occupancies for key, one in present.items()}
            return shared_pieces(occupancies, list(self._points.values()), self._timers, self._now)
        return {bay.key: list(self._points[bay.evses[0]].pieces) if bay.evses else [] for bay in self._bays}

    def _proven(self, bay: Bay) -> Spans:
        proven: Spans = [Span(datetime.min.replace(tzinfo=self._now.tzinfo), self._now)]
        for evse in bay.evses:
            proven = common(proven, self._points[evse].proven)
        return proven if bay.evses else ()

    # ---- departures that nobody heard ---------------------------------------------------------------------

    def _with_unseen_departures(self, bay: Bay, present: Presence) -> Presence:
        """A session that begins late, after frames were missing, is another vehicle's."""
        sessions = [span for evse in bay.evses for span in self._points[evse].sessions]
        split = [part for one in present.occupancies for part in self._split(one, present, sessions)]
        return replace(present, occupancies=split)

    def _split(self, one: Occupancy, present: Presence, sessions: Sequence[Span]) -> Iterator[Occupancy]:
        late = one.since + self._timers.grace + _PLUG_IN_LATE
        inside = [span.start for span in sessions if one.since <= span.start < one.end(self._now)]
        if inside and inside[0] > late:
            unseen = self._unheard(one, present, inside[0])
            if unseen is not None:
                last_proof, next_heard = unseen
                yield replace(one, until=last_proof, closed_at=inside[0], left_unseen=True)
                yield replace(one, since=min(inside[0], next_heard), since_uncertain=True, inferred=True)
                return
        yield one

    def _unheard(self, one: Occupancy, present: Presence, session: datetime) -> tuple[datetime, datetime] | None:
        """The last message before frames went missing, and the next after it; None when none are."""
        heard = [sighting for sighting in present.sightings if one.since <= sighting.at <= one.end(self._now)]
        for before, after in pairwise(heard):
            silent = after.at - before.at > self._timers.heartbeat + _HEARTBEAT_TOLERANCE
            if before.at < session and (silent or after.at in present.missing):
                return before.at, after.at
        if heard and session - heard[-1].at > self._timers.heartbeat + _HEARTBEAT_TOLERANCE:
            return heard[-1].at, session
        return None

    # ---- one bay ------------------------------------------------------------------------------------------

    def _story(self, bay: Bay, present: Presence, pieces: Sequence[Piece]) -> BayStory:
        verdicts = [self._verdict(bay, one, present, pieces) for one in present.occupancies]
        state, since = BayState.FREE, None
        if verdicts and verdicts[-1].transitions:
            state, since = verdicts[-1].state, verdicts[-1].transitions[-1].at
        due = [present.pending, *(verdict.next_due for verdict in verdicts)]
        return BayStory(
            bay,
            state,
            since,
            verdicts,
            list(self._tickets(present, verdicts)),
            present.sightings,
            sorted({one for one in self._histories[bay.key].statuses if one.at <= self._now}),
            min((time for time in due if time is not None and time > self._now), default=None),
            min((verdict.recheck_at for verdict in verdicts if verdict.recheck_at is not None), default=None),
            verdicts[-1].proven_late_at if verdicts else None,
        )

    def _verdict(self, bay: Bay, one: Occupancy, present: Presence, pieces: Sequence[Piece]) -> Verdict:
        settings, calendar = self._rules.settings, self._rules.calendar
        history = self._histories[bay.key]
        end = one.closed_at if one.left_unseen and one.closed_at is not None else one.end(self._now)
        sign = sign_at(bay.signs, one.since)
        whole = Span(one.since, max(end, one.since))
        signed = in_force(bay.signs, sign.regime, whole) if sign is not None else []
        scene = Scene(
            settings,
            Judge(settings, present, one, _until(history.contacts, self._now), history.doubts),
            sign,
            pieces,
            present.known,
            self._proven(bay),
            joined(hours for span, held in signed for hours in calendar.spans(held.reservation, span)),
            joined(hours for span, held in signed for hours in calendar.spans(held.stay_hours, span)),
            joined([*bay.out_of_service, *without([whole], [span for span, _ in signed])]),
            history.points_free,
            sorted(status.at for status in history.statuses if status.source == RECHECK and status.at <= self._now),
            _stays(sign, whole, calendar),
            whole.end,
        )
        return Machine(scene).run()

    def _tickets(self, present: Presence, verdicts: Sequence[Verdict]) -> Iterator[Ticket]:
        count, within = self._rules.settings.flapping_changes, self._timers.flapping
        quick = [
            last
            for first, last in zip(present.changes, present.changes[count - 1 :], strict=False)
            if last - first <= within
        ]
        if quick:
            over = quick[-1] + within
            yield Ticket(TicketKind.FLAPPING, quick[0], over if over <= self._now else None)
        for verdict in verdicts:
            one = verdict.occupancy
            charged = any(step.state is BayState.CHARGING for step in verdict.transitions)
            if one.end(self._now) - one.since > self._timers.stuck and not charged:
                yield Ticket(TicketKind.STUCK, one.since + self._timers.stuck, one.until)


def _stays(sign: Sign | None, whole: Span, calendar: Calendar) -> Sequence[Stay]:
    if sign is None or sign.regime is Regime.NONE:
        return ()
    return stays(sign, whole.start, whole.end, calendar)


def _until(contacts: Spans, now: datetime) -> list[Span]:
    """Contacts up to now: a later one proves nothing yet."""
    return [Span(one.start, min(one.end, now)) for one in contacts if one.start <= now]
