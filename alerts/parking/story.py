"""The story of bays: their messages, statuses and signs together. The one door of this package."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from alerts.calendar import Calendar
from alerts.charging.status import RECHECK
from alerts.parking.confidence import Judge
from alerts.parking.group import PLUG_IN_LATE, Member, shared_pieces, with_unseen_departures
from alerts.parking.inputs import EVER, Bay, History, Link, Regime, Sighting, Sign, Status
from alerts.parking.machine import Machine, Scene
from alerts.parking.occupancy import Occupancy, Presence, presence
from alerts.parking.points import Contacts, Piece, Point, point, serving
from alerts.parking.settings import ParkingSettings
from alerts.parking.stay import Stay, in_force, sign_at, stays
from alerts.parking.unseen import departed_unseen
from alerts.parking.verdict import BayState, Verdict
from alerts.spans import Span, Spans, common, joined, touching, without


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
    contacts = Contacts(rules.settings.timers, now)
    parts = (_Group(several, histories, rules, contacts, now) for several in groups.values())
    return [story for group in parts for story in group.stories()]


@dataclass(frozen=True, slots=True)
class _Pool:
    """Bays and the charge points that serve them in turn or together: those of a group, or one bay's own.

    Attributes:
        links: by bay.
    """

    links: Mapping[str, Sequence[Link]]

    @property
    def shared(self) -> bool:
        """True when anything has to be told apart: several bays, or several points at a time."""
        spans = sorted(span for several in self.evses().values() for span in several)
        return len(self.links) > 1 or any(later.start < before.end for before, later in pairwise(spans))

    def times(self, key: str) -> Spans:
        """When a bay belongs to it."""
        return joined(link.valid for link in self.links.get(key, ()))

    def evses(self) -> dict[str, Spans]:
        """Its charge points, and when they belong to it."""
        found: dict[str, list[Span]] = {}
        for several in self.links.values():
            for link in several:
                found.setdefault(link.evse, []).append(link.valid)
        return {evse: joined(spans) for evse, spans in found.items()}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What all verdicts on one bay are made of; see `Scene`."""

    presence: Presence
    pieces: Sequence[Piece]
    proven: Spans
    asked: Sequence[datetime]


class _Group:
    """Bays that share their charge points; mostly one bay."""

    def __init__(
        self,
        bays: Sequence[Bay],
        histories: Mapping[str, History],
        rules: Rulebook,
        contacts: Contacts,
        now: datetime,
    ) -> None:
        self._bays = bays
        self._histories = {bay.key: histories.get(bay.key, History()) for bay in bays}
        self._rules = rules
        self._timers = rules.settings.timers
        self._contacts = contacts
        self._now = now
        self._points: dict[str, Point] = {}
        for bay in bays:
            for link in bay.served:
                if link.evse not in self._points:
                    self._points[link.evse] = self._point(link.evse, self._histories[bay.key].contacts)
        self._pools = list(self._pooled())

    def stories(self) -> Iterator[BayStory]:
        present = {bay.key: self._presence(bay) for bay in self._bays}
        for pool in self._pools:
            present |= self._with_unseen_departures(pool, present)
        pieces = self._pieces(present)
        for bay in self._bays:
            yield self._story(bay, present[bay.key], pieces[bay.key])

    def _pooled(self) -> Iterator[_Pool]:
        shared = {bay.key: [link for link in bay.served if link.shared] for bay in self._bays}
        if any(shared.values()):
            yield _Pool({key: links for key, links in shared.items() if links})
        for bay in self._bays:
            own = [link for link in bay.served if not link.shared]
            if own:
                yield _Pool({bay.key: own})

    def _point(self, evse: str, contacts: Spans) -> Point:
        statuses = {one for history in self._histories.values() for one in history.statuses if one.evse == evse}
        return point(statuses, self._contacts.of(contacts), self._timers, self._now)

    def _presence(self, bay: Bay) -> Presence:
        history = self._histories[bay.key]
        served = [(self._points[link.evse], link.valid) for link in bay.served]

        def charged_in(gap: Span) -> bool:
            starts = [
                piece.span.start for one, valid in served for piece in one.pieces if valid.covers(piece.span.start)
            ]
            return any(gap.covers(at) for at in starts)

        return presence(history.sightings, history.frames, self._timers, self._now, charged_in=charged_in)

    def _pieces(self, present: Mapping[str, Presence]) -> dict[str, list[Piece]]:
        """For each bay the status that counts for its vehicle, by the charge points that served it at each moment."""
        result: dict[str, list[Piece]] = {bay.key: [] for bay in self._bays}
        for pool in self._pools:
            if pool.shared:
                points = [serving(self._points[evse], times) for evse, times in pool.evses().items()]
                for key, found in shared_pieces(self._members(pool, present), points, self._timers, self._now).items():
                    result[key] += found
            else:
                [(key, links)] = pool.links.items()
                result[key] += [
                    piece._replace(span=span)
                    for link in links
                    for piece in self._points[link.evse].pieces
                    for span in common([piece.span], [link.valid])
                ]
        return {key: sorted(found) for key, found in result.items()}

    def _members(self, pool: _Pool, present: Mapping[str, Presence]) -> dict[str, Member]:
        return {key: Member(present[key], pool.times(key)) for key in pool.links}

    def _proven(self, bay: Bay) -> Spans:
        """When the statuses of all points that served it were certain."""
        proven: Spans = joined(
            span for link in bay.served for span in common([link.valid], [Span(EVER.start, self._now)])
        )
        for link in bay.served:
            certain = [*common(self._points[link.evse].proven, [link.valid]), *without([EVER], [link.valid])]
            proven = common(proven, joined(certain))
        return proven

    # ---- departures that nobody heard ---------------------------------------------------------------------

    def _with_unseen_departures(self, pool: _Pool, present: Mapping[str, Presence]) -> Mapping[str, Presence]:
        if len(pool.links) > 1:
            points = [serving(self._points[evse], times) for evse, times in pool.evses().items()]
            return with_unseen_departures(self._members(pool, present), points, self._timers, self._now)
        [(key, links)] = pool.links.items()
        sessions = sorted(
            session
            for link in links
            for session in self._points[link.evse].sessions
            if link.valid.covers(session.start)
        )
        split = [part for one in present[key].occupancies for part in self._split(one, present[key], sessions)]
        return {key: replace(present[key], occupancies=split)}

    def _split(self, one: Occupancy, present: Presence, sessions: Sequence[Span]) -> Iterator[Occupancy]:
        """A session that begins late, after frames were missing, is another vehicle's."""
        late = one.since + self._timers.grace + PLUG_IN_LATE
        place = bisect_left(sessions, one.since, key=lambda session: session.start)
        began = sessions[place].start if place < len(sessions) else EVER.end
        unheard = None
        if late < began < one.end(self._now):
            unheard = departed_unseen(present, Span(one.since, one.end(self._now)), began, self._timers)
        if unheard is None:
            yield one
        else:
            since = min(began, unheard.next_heard)
            yield replace(one, until=unheard.last_proof, closed_at=began, left_unseen=True)
            yield replace(one, since=since, since_uncertain=True, inferred=True, told_by=began, came_after=None)

    # ---- one bay ------------------------------------------------------------------------------------------

    def _story(self, bay: Bay, present: Presence, pieces: Sequence[Piece]) -> BayStory:
        statuses = sorted({one for one in self._histories[bay.key].statuses if one.at <= self._now})
        asked = sorted(one.at for one in statuses if one.source == RECHECK)
        seen = _Seen(present, pieces, self._proven(bay), asked)
        verdicts = [self._verdict(bay, one, seen) for one in present.occupancies]
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
            statuses,
            min((time for time in due if time is not None and time > self._now), default=None),
            min((verdict.recheck_at for verdict in verdicts if verdict.recheck_at is not None), default=None),
            verdicts[-1].proven_late_at if verdicts else None,
        )

    def _verdict(self, bay: Bay, one: Occupancy, seen: _Seen) -> Verdict:
        settings, calendar = self._rules.settings, self._rules.calendar
        history = self._histories[bay.key]
        sign = sign_at(bay.signs, one.since)
        whole = Span(one.since, max(one.judged_until(self._now), one.since))
        signed = in_force(bay.signs, sign.regime, whole) if sign is not None else []
        scene = Scene(
            settings,
            Judge(settings, seen.presence, one, self._contacts.of(history.contacts).heard, history.doubts),
            sign,
            pieces=[piece for piece in seen.pieces if piece.span.start <= whole.end and piece.span.end >= whole.start],
            known=touching(seen.presence.known, whole),
            proven=touching(seen.proven, whole),
            reserved=joined(hours for span, held in signed for hours in calendar.spans(held.reservation, span)),
            limited=joined(hours for span, held in signed for hours in calendar.spans(held.stay_hours, span)),
            out_of_service=joined([*bay.out_of_service, *without([whole], [span for span, _ in signed])]),
            others_free=touching(history.points_free, whole),
            asked=seen.asked,
            stays=_stays(sign, whole, calendar),
            end=whole.end,
        )
        verdict = Machine(scene).run()
        opened_at = verdict.case.raised[0].opened_at if verdict.case.raised else one.since
        verdict.group = bay.group if bay.shares(opened_at) else ""
        return verdict

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
