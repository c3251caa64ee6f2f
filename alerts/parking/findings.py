"""From stories to findings: one case for an occupancy, or for a group of bays, in the words of the alert engine."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from alerts.model import Ended, Finding, Json, Severity, SubjectKind
from alerts.parking.confidence import score
from alerts.parking.inputs import EVER, Bay, Regime, Status
from alerts.parking.story import BayStory, Ticket, TicketKind
from alerts.parking.verdict import Code, Verdict, latest_opening

UNCERTAIN = "data_uncertain"
INFERRED = "inferred"
SINCE_UNCERTAIN = "since_uncertain"
LEGAL_BASIS_ENDS = "legal_basis_ends"

_WEIGHTS = {Code.V1_NO_CHARGE: 3.0, Code.V2_AFTER_CHARGE: 2.0, Code.V3_MAX_STAY: 0.5, Code.V4_IDLE_PLUGGED: 0.5}
_FULL_AGE = timedelta(minutes=60)
_BASIS_WARNING = timedelta(days=60)
_BEFORE = timedelta(hours=3)
EVIDENCE_MOST = 500
"""The latest so many messages, and statuses, are its evidence."""

_Cluster = list[tuple[BayStory, Verdict]]


def priority(code: Code, confidence: int, since: datetime, now: datetime) -> float:
    """Order of the inbox: weight of the code, times confidence, up to double with age."""
    age = max(timedelta(0), min(now - since, _FULL_AGE))
    return _WEIGHTS[code] * confidence / 100 * (1 + age / _FULL_AGE)


def cases(stories: Sequence[BayStory]) -> list[Finding]:
    """The cases of all bays; those of a group that overlap are one case of its station."""
    pairs = [(story, verdict) for story in stories for verdict in story.verdicts if verdict.case.raised]
    found = [_finding(story, verdict) for story, verdict in pairs if not verdict.group]
    bays = Counter(story.bay.group for story in stories)
    groups: dict[str, list[tuple[BayStory, Verdict]]] = {}
    for story, verdict in pairs:
        if verdict.group:
            groups.setdefault(verdict.group, []).append((story, verdict))
    for group, several in groups.items():
        found += _group_findings(several, bays[group])
    return found


def tickets(stories: Sequence[BayStory]) -> list[Finding]:
    """Sensors that need a look."""
    return [_ticket(story.bay, ticket) for story in stories for ticket in story.tickets]


def occurrence(bay: Bay, verdict: Verdict) -> str:
    """Names an occupancy: the bay and the moment of its begin."""
    return f"{bay.key}@{verdict.occupancy.since.isoformat()}"


def _finding(story: BayStory, verdict: Verdict) -> Finding:
    bay, case, first = story.bay, verdict.case, verdict.case.raised[0]
    return Finding(
        subject=bay.key,
        subject_kind=SubjectKind.BAY,
        occurrence=occurrence(bay, verdict),
        code=first.code,
        codes=tuple(case.codes),
        severity=_severity(verdict),
        since=verdict.occupancy.since,
        due_at=first.due_at,
        confidence=score(case.parts),
        notifiable=case.notifiable,
        badges=tuple(_badges(verdict)),
        facts=_facts(bay, verdict),
        evidence=_evidence(story, verdict),
        ended=_ended(verdict),
    )


def _group_findings(pairs: "_Cluster", bays: int) -> Iterator[Finding]:
    """One finding for each time in which cases of the group's bays overlap; the first of them names it."""
    pairs.sort(key=lambda pair: (pair[1].case.raised[0].opened_at, pair[0].bay.key))
    clusters: list[_Cluster] = []
    for story, verdict in pairs:
        if clusters and _reaches(clusters[-1], verdict):
            clusters[-1].append((story, verdict))
        else:
            clusters.append([(story, verdict)])
    for cluster in clusters:
        yield _group_finding(cluster, bays)


def _reaches(cluster: "_Cluster", verdict: Verdict) -> bool:
    opened = verdict.case.raised[0].opened_at
    return any(other.case.ended_at is None or other.case.ended_at > opened for _, other in cluster)


def _group_finding(cluster: "_Cluster", bays: int) -> Finding:
    story, verdict = next((pair for pair in cluster if pair[1].case.open), cluster[0])
    (first_story, first), bay = cluster[0], story.bay
    one = _finding(story, verdict)
    ends = [_ended(other) for _, other in cluster]
    last = max((end for end in ends if end is not None), key=lambda end: end.at, default=None)
    accused = [other.bay.key for other, member in cluster if member.case.open] or [
        other.bay.key for other, _ in cluster
    ]
    facts: dict[str, Json] = {
        **one.facts,
        "group": bay.group,
        "bays": bays,
        "accused": len(accused),
        "candidates": accused,
    }
    return Finding(
        subject=bay.group,
        subject_kind=SubjectKind.STATION,
        occurrence=occurrence(first_story.bay, first),
        code=first.case.raised[0].code,
        codes=tuple(dict.fromkeys(code for _, other in cluster for code in other.case.codes)),
        severity=max((_severity(other) for _, other in cluster), key=list(Severity).index),
        since=first.occupancy.since,
        due_at=first.case.raised[0].due_at,
        confidence=one.confidence,
        notifiable=any(other.case.notifiable for _, other in cluster),
        badges=one.badges,
        facts=facts,
        evidence={other.bay.key: _evidence(other, member) for other, member in cluster},
        ended=None if None in ends else last,
    )


def _ended(verdict: Verdict) -> Ended | None:
    case = verdict.case
    if case.ended_at is None or case.end_reason is None:
        return None
    return Ended(case.ended_at, case.end_reason)


def _severity(verdict: Verdict) -> Severity:
    hint = verdict.sign is not None and verdict.sign.regime is Regime.EV_ONLY
    certain = {Code.V1_NO_CHARGE, Code.V2_AFTER_CHARGE} & set(verdict.case.codes)
    return Severity.WARNING if certain and not hint else Severity.INFO


def _badges(verdict: Verdict) -> Iterator[str]:
    if verdict.uncertain:
        yield UNCERTAIN
    if verdict.occupancy.inferred:
        yield INFERRED
    if verdict.occupancy.since_uncertain:
        yield SINCE_UNCERTAIN
    basis = verdict.sign.legal_basis_until if verdict.sign is not None else None
    if basis is not None and latest_opening(verdict.case) > basis - _BASIS_WARNING:
        yield LEGAL_BASIS_ENDS


def _facts(bay: Bay, verdict: Verdict) -> Mapping[str, Json]:
    sign, occupancy = verdict.sign, verdict.occupancy
    return {
        "bay": bay.key,
        "station": bay.station,
        "evses": serving(bay, occupancy.since, occupancy.closed_at),
        "regime": None if sign is None else sign.regime,
        "sign_version": None if sign is None else sign.version,
        "legal_end": None if verdict.legal_end is None else verdict.legal_end.isoformat(),
        "confidence_parts": [{"reason": part.reason, "change": part.change} for part in verdict.case.parts],
        "occupancy_since": occupancy.since.isoformat(),
        "occupancy_until": None if occupancy.until is None else occupancy.until.isoformat(),
        "since_uncertain": occupancy.since_uncertain,
        "inferred": occupancy.inferred,
        "raised": [
            {"code": one.code, "due_at": one.due_at.isoformat(), "opened_at": one.opened_at.isoformat()}
            for one in verdict.case.raised
        ],
    }


def serving(bay: Bay, since: datetime, until: datetime | None) -> list[Json]:
    """The charge points that served the bay while a vehicle stood there."""
    named = [link.evse for link in bay.served if link.valid.start < (until or EVER.end) and since < link.valid.end]
    return list(dict.fromkeys(named))


def _evidence(story: BayStory, verdict: Verdict) -> Mapping[str, Json]:
    """What a case rests on: messages and statuses from shortly before the arrival on, and every transition."""
    start = verdict.occupancy.since - _BEFORE
    end = verdict.occupancy.closed_at
    return {
        "uplinks": [
            {
                "key": one.uplink,
                "at": one.at.isoformat(),
                "f_cnt": one.f_cnt,
                "occupied": one.occupied,
                "event": one.event,
            }
            for one in story.sightings
            if start <= one.at and (end is None or one.at <= end)
        ][-EVIDENCE_MOST:],
        "statuses": [
            {
                "id": one.id,
                "evse": one.evse,
                "at": one.at.isoformat(),
                "status": one.state,
                "raw": one.raw,
                "source": one.source,
            }
            for one, until in held(story.statuses)
            if (end is None or one.at <= end) and until >= start
        ][-EVIDENCE_MOST:],
        "transitions": [
            {"at": step.at.isoformat(), "state": step.state, "reason": step.reason} for step in verdict.transitions
        ],
    }


def held(statuses: Sequence[Status]) -> Iterator[tuple[Status, datetime]]:
    """Statuses by charge point and time, each with the time up to which it held: that of the next one."""
    for _, several in groupby(statuses, key=lambda one: one.evse):
        times = [(at, list(same)) for at, same in groupby(several, key=lambda one: one.at)]
        ends = [at for at, _ in times[1:]] + [EVER.end]
        for (_, same), end in zip(times, ends, strict=True):
            yield from ((one, end) for one in same)


def _ticket(bay: Bay, ticket: Ticket) -> Finding:
    ended = (
        None if ticket.until is None else Ended(ticket.until, "quiet" if ticket.kind is TicketKind.FLAPPING else "free")
    )
    return Finding(
        subject=bay.key,
        subject_kind=SubjectKind.BAY,
        occurrence=f"{ticket.kind}@{ticket.at.isoformat()}",
        code=f"SENSOR_{ticket.kind.upper()}",
        severity=Severity.INFO,
        since=ticket.at,
        due_at=ticket.at,
        facts={"bay": bay.key, "station": bay.station},
        ended=ended,
    )
