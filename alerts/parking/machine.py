"""The state machine of one occupancy: walks through time piece by piece, in each of which nothing is new.

Grace accrues only in proven idle time: the vehicle is known to be there, its charge point is known to be idle between
two contacts, and the reservation holds. So no outage of data can raise a case by itself. Every step depends on what is
known at its time alone, never on `now`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from alerts.charging.status import EvseState
from alerts.parking.confidence import Judge, score
from alerts.parking.inputs import Regime, Sign
from alerts.parking.points import Piece
from alerts.parking.settings import ParkingSettings
from alerts.parking.stay import Stay, stay_at
from alerts.parking.verdict import BayState, Code, EndReason, Raised, Transition, Verdict, latest_opening
from alerts.spans import ZERO, Span, Spans, covering, edges


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that one occupancy is judged by.

    Attributes:
        pieces: the status that counts for this vehicle, in order.
        known, proven: when occupancy and status are known.
        reserved, limited: when reservation and longest stay hold.
        out_of_service: when nothing is accused.
        others_free: when another charge point of the station was free.
        asked: when the operator was asked again, in order.
        stays: how long it may stay in each span of the sign's hours, in order.
        end: up to when it is judged; `left` says whether the vehicle was gone then.
    """

    settings: ParkingSettings
    judge: Judge
    sign: Sign | None
    pieces: Sequence[Piece]
    known: Spans
    proven: Spans
    reserved: Spans
    limited: Spans
    out_of_service: Spans
    others_free: Spans
    asked: Sequence[datetime]
    stays: Sequence[Stay]
    end: datetime


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time in which nothing changes, and what holds in it."""

    span: Span
    piece: Piece
    present: bool
    known: bool
    proven: bool
    reserved: bool
    limited: bool
    disabled: bool

    @property
    def eligible(self) -> bool:
        """True when proven idle time accrues."""
        return self.present and self.known and self.proven and self.reserved and self.piece.state.idle


_UNKNOWN = EvseState.UNKNOWN


class Machine:
    """One occupancy's way through its states."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._timers = scene.settings.timers
        self._verdict = Verdict(scene.judge.occupancy, scene.sign, BayState.ARRIVED)
        self._idle = ZERO
        self._idle_outside = ZERO
        self._grace = self._timers.grace
        self._after = ZERO
        self._charged = False
        self._session_since: datetime | None = None
        self._healthy_since: datetime | None = None
        self._exempt = False
        self._extended = False
        self._full_since: datetime | None = None
        self._due: dict[Code, datetime] = {}

    def run(self) -> Verdict:
        """The verdict at the scene's end."""
        self._enter(BayState.ARRIVED, self._scene.judge.occupancy.since, "occupied")
        for moment in self._moments():
            self._pass(moment)
        self._leave()
        self._look_ahead()
        self._verdict.legal_end = self._counted_end()
        return self._verdict

    # ---- what holds when ----------------------------------------------------------------------------------

    def _moments(self) -> Iterator[_Moment]:
        scene, since = self._scene, self._scene.judge.occupancy.since
        times, whole = {since, scene.end}, Span(since, scene.end)
        pieces = [piece.span for piece in scene.pieces]
        spans = (pieces, scene.known, scene.proven, scene.reserved, scene.limited, scene.out_of_service)
        doubts = (scene.judge.doubts.learning, scene.judge.doubts.battery_low, scene.judge.doubts.second_sensor)
        for several in (*spans, *doubts, scene.judge.occupancy.gaps, scene.others_free):
            times.update(edges(several))
        times.update(one.at for one in scene.judge.presence.heard(whole))
        for stay in scene.stays:
            times.add(stay.legal_end + self._timers.stay_tolerance)
            times.add(stay.legal_end + scene.settings.overstay_alert)
        for start, end in pairwise(sorted(time for time in times if since <= time <= scene.end)):
            yield self._moment(Span(start, end))

    def _moment(self, span: Span) -> _Moment:
        scene, at = self._scene, span.start
        piece = next((piece for piece in scene.pieces if piece.span.covers(at)), Piece(span, _UNKNOWN))
        return _Moment(
            span,
            piece,
            present=not covering(scene.judge.occupancy.gaps, at),
            known=covering(scene.known, at),
            proven=covering(scene.proven, at),
            reserved=covering(scene.reserved, at),
            limited=covering(scene.limited, at),
            disabled=covering(scene.out_of_service, at) or scene.sign is None or scene.sign.regime is Regime.NONE,
        )

    # ---- one moment ---------------------------------------------------------------------------------------

    def _pass(self, moment: _Moment) -> None:
        at, state = moment.span.start, moment.piece.state
        self._verdict.uncertain = False
        if moment.disabled or state is EvseState.OUT_OF_SERVICE:
            self._stop(at, BayState.DISABLED, EndReason.OUT_OF_SERVICE)
        elif state is EvseState.DOWN:
            self._healthy_since = None
            self._exempt = True
            self._stop(at, BayState.EXEMPT, EndReason.STATION_DOWN)
        elif not moment.known or state is _UNKNOWN:
            self._healthy_since = None
            self._end_session(at)
            self._verdict.uncertain = self._verdict.case.open
            self._enter(BayState.UNDETERMINED, at, "data_stale" if not moment.known else "station_unknown")
        else:
            self._judge(moment)
            if self._verdict.case.open and latest_opening(self._verdict.case) < at:
                self._verdict.case.parts = self._scene.judge.parts(at, moment.piece)

    def _judge(self, moment: _Moment) -> None:
        if self._exempt and not self._recovered(moment):
            return
        if moment.piece.state.charging:
            self._charge(moment)
        else:
            self._end_session(moment.span.start)
            self._wait(moment)
        self._overstay(moment)
        self._open_due(moment)

    def _recovered(self, moment: _Moment) -> bool:
        """Whether the charge point works again for long enough; then the grace begins anew."""
        start = moment.span.start
        self._healthy_since = self._healthy_since or start
        over = self._healthy_since + self._timers.exempt_hold
        if moment.piece.state.charging:
            over = start
        if over >= moment.span.end:
            self._enter(BayState.EXEMPT, start, "station_recovering")
            return False
        self._exempt = False
        self._idle = self._after = ZERO
        self._charged = False
        self._due.clear()
        self._enter(BayState.ARRIVED, max(over, start), "station_recovered")
        if over > start:
            self._judge(replace(moment, span=Span(over, moment.span.end)))
            return False
        return True

    def _charge(self, moment: _Moment) -> None:
        start, end = moment.span
        self._session_since = self._session_since or start
        self._full_since = (self._full_since or start) if moment.piece.state is EvseState.FULL else None
        if self._full_since is not None and end - self._full_since >= self._timers.idle_plugged:
            self._fulfil(Code.V4_IDLE_PLUGGED, self._full_since + self._timers.idle_plugged)
        proven_at = max(start, self._session_since + self._timers.session)
        if proven_at <= end:
            self._charged = True
            self._after = ZERO
            self._idle = ZERO
            for code in (Code.V1_NO_CHARGE, Code.V2_AFTER_CHARGE):
                self._due.pop(code, None)
            if self._verdict.case.open and Code.V3_MAX_STAY not in self._verdict.case.codes:
                self._close(proven_at, EndReason.CHARGING_STARTED)
        if not self._verdict.case.open:
            self._enter(BayState.CHARGING, start, "session_started")

    def _end_session(self, at: datetime) -> None:
        if self._session_since is not None and not self._verdict.case.open:
            flick = at - self._session_since < self._timers.session
            self._enter(BayState.POST_CHARGE if self._charged else BayState.ARRIVED, at, "flick" if flick else "ended")
        self._session_since = self._full_since = None

    def _wait(self, moment: _Moment) -> None:
        """Idle or plugged in: let the timers run."""
        if moment.piece.state is EvseState.CONNECTED and not self._extended and not self._charged:
            self._extended = True
            self._grace += self._timers.preparing
        self._enter(self._waiting(), moment.span.start, "waiting")
        if moment.eligible:
            self._accrue(moment.span)
        elif moment.present and moment.known and moment.proven and moment.piece.state.idle:
            self._count_outside(moment.span)

    def _count_outside(self, span: Span) -> None:
        """What would be a violation inside the hours is counted."""
        code, limit = Code.V1_NO_CHARGE, self._grace - self._idle
        if self._charged:
            code, limit = Code.V2_AFTER_CHARGE, self._timers.after_charge - self._after
        missing = limit - self._idle_outside
        self._idle_outside += span.length
        if missing <= span.length:
            self._verdict.counted.setdefault(code, span.start + max(missing, ZERO))

    def _waiting(self) -> BayState:
        if self._verdict.case.open:
            return BayState.VIOLATION
        if self._due:
            return BayState.SUSPECT
        return BayState.POST_CHARGE if self._charged else BayState.ARRIVED

    def _accrue(self, span: Span) -> None:
        if self._charged:
            missing = self._timers.after_charge - self._after
            self._after += span.length
            code = Code.V2_AFTER_CHARGE
        else:
            missing = self._grace - self._idle
            self._idle += span.length
            code = Code.V1_NO_CHARGE
        if ZERO <= missing <= span.length:
            self._fulfil(code, span.start + missing)

    def _overstay(self, moment: _Moment) -> None:
        if not moment.present:
            return
        overdue, stay = (
            self._overdue(moment, self._timers.stay_tolerance),
            stay_at(self._scene.stays, moment.span.start),
        )
        due_at = self._due.get(Code.V3_MAX_STAY)
        if due_at is not None and (not overdue or stay is None or due_at < stay.window.start):
            del self._due[Code.V3_MAX_STAY]  # its hours ended before the case opened, and the next ones begin anew
        if not overdue:
            return
        self._fulfil(Code.V3_MAX_STAY, moment.span.start)
        if self._verdict.case.open:
            self._verdict.case.notifiable |= self._told(Code.V3_MAX_STAY, moment)

    def _overdue(self, moment: _Moment, more: timedelta) -> bool:
        """Whether the longest stay is exceeded by `more` within the hours that hold now."""
        stay = stay_at(self._scene.stays, moment.span.start)
        return stay is not None and moment.limited and moment.span.start >= stay.legal_end + more

    def _counted_end(self) -> datetime | None:
        """The end of the longest stay: the one that was exceeded, else that of the hours that hold or come next."""
        raised = [one.due_at for one in self._verdict.case.raised if one.code is Code.V3_MAX_STAY]
        stay = stay_at(self._scene.stays, raised[0] if raised else self._scene.end)
        return None if stay is None else stay.legal_end

    # ---- cases --------------------------------------------------------------------------------------------

    def _fulfil(self, code: Code, at: datetime) -> None:
        """The rule is fulfilled; once for each code, and for a repeated one after a pause."""
        if code is Code.V4_IDLE_PLUGGED and not self._scene.settings.alert_idle_plugged:
            self._verdict.counted.setdefault(code, at)
            return
        case = self._verdict.case
        if code in self._due or (case.open and code in case.codes):
            return
        last = max((one.opened_at for one in case.raised if one.code is code), default=None)
        if last is not None:
            at = max(at, last + self._timers.renotify)
        self._due[code] = at
        if not case.open:
            self._enter(BayState.SUSPECT, at, code)

    def _open_due(self, moment: _Moment) -> None:
        for code, due_at in sorted(self._due.items(), key=lambda item: item[1]):
            opens_at = max(due_at + self._timers.lateness, self._answered_at(due_at), moment.span.start)
            if opens_at < moment.span.end and self._still_true(code, moment):
                self._open(code, due_at, opens_at, moment)

    def _answered_at(self, due_at: datetime) -> datetime:
        """When the operator was asked about a case, which does not open before; `due_at` without such a question."""
        return next((at for at in self._scene.asked if due_at <= at <= self._ask_until(due_at)), due_at)

    def _ask_until(self, due_at: datetime) -> datetime:
        """A later question is about something else: no proof that a case is due comes later than that."""
        return due_at + self._timers.lateness + self._timers.evse_stale

    def _still_true(self, code: Code, moment: _Moment) -> bool:
        if code is Code.V3_MAX_STAY:
            return moment.present and self._overdue(moment, self._timers.stay_tolerance)
        if code is Code.V4_IDLE_PLUGGED:
            return moment.piece.state is EvseState.FULL
        return moment.reserved and moment.present and moment.piece.state.idle

    def _open(self, code: Code, due_at: datetime, at: datetime, moment: _Moment) -> None:
        judge, case = self._scene.judge, self._verdict.case
        parts = judge.parts(at, moment.piece)
        if judge.flapped(at) or score(parts) < self._scene.settings.least_confidence:
            return
        del self._due[code]
        case.raised.append(Raised(code, due_at, at))
        case.ended_at = case.end_reason = None
        case.parts = parts
        case.notifiable |= self._told(code, moment)
        self._enter(BayState.VIOLATION, at, code)

    def _told(self, code: Code, moment: _Moment) -> bool:
        """Whether a code is told and not only counted."""
        if code is not Code.V3_MAX_STAY:
            return True
        return self._overdue(moment, self._scene.settings.overstay_alert) or not covering(
            self._scene.others_free, moment.span.start
        )

    def _stop(self, at: datetime, state: BayState, reason: EndReason) -> None:
        self._end_session(at)
        self._due.clear()
        self._idle = self._after = ZERO
        if self._verdict.case.open:
            self._close(at, reason)
        self._enter(state, at, reason)

    def _close(self, at: datetime, reason: EndReason) -> None:
        self._verdict.case.ended_at, self._verdict.case.end_reason = at, reason

    def _leave(self) -> None:
        occupancy, case = self._scene.judge.occupancy, self._verdict.case
        if occupancy.closed_at is None:
            return
        self._verdict.uncertain = False
        self._due.clear()
        reason = EndReason.NEW_VEHICLE if occupancy.left_unseen else EndReason.DROVE_AWAY
        if case.open:
            self._close(occupancy.closed_at, reason)
        self._enter(BayState.FREE, occupancy.until or occupancy.closed_at, reason)

    # ---- what comes next ----------------------------------------------------------------------------------

    def _enter(self, state: BayState, at: datetime, reason: str) -> None:
        if not self._verdict.transitions or self._verdict.state is not state:
            self._verdict.state = state
            self._verdict.transitions.append(Transition(at, state, reason))

    def _look_ahead(self) -> None:
        """When to look again without new data, and when the charge point must be asked again."""
        if self._verdict.state is BayState.FREE:
            return
        now = self._scene.end
        times: list[datetime] = []
        if self._due:
            self._verdict.recheck_at = min(self._due.values())
            times += [due_at + self._timers.lateness for due_at in self._due.values()]
        elif self._verdict.case.open:
            due_at = self._verdict.case.raised[-1].due_at
            self._verdict.proven_late_at = due_at if now <= self._ask_until(due_at) else None
        for stay in self._scene.stays:
            times.append(stay.legal_end + self._timers.stay_tolerance)
            times.append(stay.legal_end + self._scene.settings.overstay_alert)
        remaining = self._timers.after_charge - self._after if self._charged else self._grace - self._idle
        times += [now + remaining, *(span.end for span in self._scene.known)]
        times += [span.start for span in self._scene.out_of_service]
        if self._session_since is not None:
            times.append(self._session_since + self._timers.session)
        if self._full_since is not None:
            times.append(self._full_since + self._timers.idle_plugged)
        if self._healthy_since is not None:
            times.append(self._healthy_since + self._timers.exempt_hold)
        if not self._verdict.case.open:  # hours and signs may let the timers run again
            times.append(now + self._timers.session)
        self._verdict.next_due = min((time for time in times if time > now), default=None)
