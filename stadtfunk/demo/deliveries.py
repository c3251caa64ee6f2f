"""From receptions to events: which frames the network server publishes, when, with which gateways' copies.

Copies that arrive within the collection window are one event. A gateway that was cut from the network server sends
what it kept afterwards: frames that nobody else delivered become late events as long as no newer frame of the device
has arrived; everything else the network server drops and writes a log event, as ChirpStack does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stadtfunk.demo.clock import SECOND
from stadtfunk.demo.device import Flags, Frames, Integers
from stadtfunk.demo.outages import Outage, OutageKind
from stadtfunk.demo.radio import Receptions
from stadtfunk.demo.settings import FaultSettings, NetworkSettings

_LATENCY = (8_000_000, 90_000_000)
_PROCESSING = (3_000_000, 15_000_000)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A frame's copy that the network server did not publish; `repeats` tells a retransmission from an old counter."""

    frame: int
    at: int
    repeats: bool


@dataclass(slots=True)
class Deliveries:
    """Published events, one row each.

    Attributes:
        frame: row of the frame.
        identity: number of the deduplication id; equal in a redelivery of the same event.
        published_at: nanoseconds.
        first, last: the event's rows in `receptions`, `last` not included, in random order as in ChirpStack.
        receptions: copies of the frames.
        ns_time: when each copy reached the network server.
        dropped: copies that became log events.
    """

    frame: Integers
    identity: Integers
    published_at: Integers
    first: Integers
    last: Integers
    receptions: Receptions
    ns_time: Integers
    dropped: list[Dropped]

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def join(cls, parts: Sequence["Deliveries"], frames: Sequence[int]) -> "Deliveries":
        """One table of several; `frames` is the first frame of each."""
        events = _begins([len(part) for part in parts])
        copies = _begins([len(part.receptions) for part in parts])
        return cls(
            frame=np.concatenate([part.frame + begin for part, begin in zip(parts, frames, strict=True)]),
            identity=np.concatenate([part.identity + begin for part, begin in zip(parts, events, strict=True)]),
            published_at=np.concatenate([part.published_at for part in parts]),
            first=np.concatenate([part.first + begin for part, begin in zip(parts, copies, strict=True)]),
            last=np.concatenate([part.last + begin for part, begin in zip(parts, copies, strict=True)]),
            receptions=Receptions.join([part.receptions for part in parts], frames),
            ns_time=np.concatenate([part.ns_time for part in parts]),
            dropped=[
                Dropped(one.frame + begin, one.at, one.repeats)
                for part, begin in zip(parts, frames, strict=True)
                for one in part.dropped
            ],
        )


def _begins(lengths: Sequence[int]) -> list[int]:
    """Where each of several tables begins in the joined one."""
    return [sum(lengths[:number]) for number in range(len(lengths))]


def deliver(
    frames: Frames,
    receptions: Receptions,
    outages: Sequence[Outage],
    unchecked: Flags,
    settings: tuple[FaultSettings, NetworkSettings],
    rng: np.random.Generator,
) -> Deliveries:
    """The events of a day; `unchecked` marks frames of devices whose counter is not checked."""
    faults, network = settings
    ns_time = frames.sent_at[receptions.frame] + rng.integers(*_LATENCY, len(receptions))
    held = _release_kept(frames, receptions, ns_time, outages, faults.late_uplinks_per_second)
    late, dropped = _judge_late(frames, receptions, ns_time, held)
    deliveries = _collect(receptions, ns_time | 1, np.flatnonzero(~held), late, rng)
    deliveries.dropped = dropped
    deliveries.published_at += network.collection_window_ms * 1_000_000
    _publish_again(deliveries, unchecked, faults, rng)
    return deliveries


def _collect(
    receptions: Receptions, ns_time: Integers, in_time: Integers, late: Integers, rng: np.random.Generator
) -> Deliveries:
    """One event for all copies of a frame that came in time, and one for each late copy.

    `ns_time` is odd, so that its fraction of a second always needs all nine digits.
    """
    published, event_of = np.unique(receptions.frame[in_time], return_inverse=True)
    rows = np.concatenate([in_time, late])
    event = np.concatenate([event_of, len(published) + np.arange(len(late))])
    order = np.lexsort((rng.random(len(rows)), event))
    rows, event = rows[order], event[order]
    frame = np.concatenate([published, receptions.frame[late]])
    last = np.cumsum(np.bincount(event, minlength=len(frame)))
    first = np.concatenate([[0], last])[:-1]
    earliest = np.minimum.reduceat(ns_time[rows], first) if len(frame) else ns_time[rows]
    return Deliveries(
        frame=frame,
        identity=np.arange(len(frame)),
        published_at=earliest + rng.integers(*_PROCESSING, len(frame)),
        first=first,
        last=last,
        receptions=receptions.select(rows),
        ns_time=ns_time[rows],
        dropped=[],
    )


def _release_kept(
    frames: Frames, receptions: Receptions, ns_time: Integers, outages: Sequence[Outage], per_second: float
) -> Flags:
    """Mark the copies that cut-off gateways keep and set the time at which they arrive instead, in `ns_time`."""
    held = np.zeros(len(receptions), dtype=bool)
    sent_at = frames.sent_at[receptions.frame]
    for outage in outages:
        if outage.kind is OutageKind.BACKHAUL:
            kept = np.flatnonzero(
                (receptions.gateway == outage.gateway) & (sent_at >= outage.began) & (sent_at < outage.ended)
            )
            kept = kept[np.argsort(sent_at[kept], kind="stable")]
            ns_time[kept] = outage.ended + (np.arange(len(kept)) * (SECOND / per_second)).astype(np.int64)
            held[kept] = True
    return held


def _judge_late(
    frames: Frames, receptions: Receptions, ns_time: Integers, held: Flags
) -> tuple[Integers, list[Dropped]]:
    """Kept copies that still become events, and those that are dropped because a newer frame came first."""
    arrived = np.zeros(len(frames), dtype=bool)
    arrived[receptions.frame[~held]] = True
    newest: dict[int, list[int]] = {}
    for row in np.flatnonzero(arrived & np.isin(frames.device, frames.device[receptions.frame[held]])).tolist():
        newest.setdefault(int(frames.device[row]), []).append(row)
    accepted: list[int] = []
    dropped: list[Dropped] = []
    kept = np.flatnonzero(held)
    for copy in kept[np.argsort(ns_time[kept], kind="stable")].tolist():
        frame, at = int(receptions.frame[copy]), int(ns_time[copy])
        known = newest.setdefault(int(frames.device[frame]), [])
        latest = max((row for row in known if frames.sent_at[row] < at), default=-1)
        if frame > latest:
            accepted.append(copy)
            known.append(frame)
        else:
            dropped.append(Dropped(frame, at, frame == latest))
    return np.array(accepted, dtype=np.int64), dropped


def _publish_again(deliveries: Deliveries, unchecked: Flags, faults: FaultSettings, rng: np.random.Generator) -> None:
    """Redeliveries of the same event, and second events of a frame of which a gateway's copy came too late."""
    events = len(deliveries)
    again = np.flatnonzero(rng.random(events) < faults.redelivery_probability)
    copies = deliveries.last - deliveries.first
    second = np.flatnonzero(
        (rng.random(events) < faults.second_event_probability) & unchecked[deliveries.frame] & (copies > 1)
    )
    delay = rng.integers(SECOND, 5 * SECOND, len(second))
    deliveries.last[second] -= 1
    moved = deliveries.last[second]
    deliveries.ns_time[moved] = (deliveries.ns_time[moved] + delay) | 1
    pause = rng.integers(SECOND // 20, 30 * SECOND, len(again))
    deliveries.published_at = np.concatenate(
        [
            deliveries.published_at,
            deliveries.published_at[again] + pause,
            deliveries.published_at[second] + delay,
        ]
    )
    deliveries.first = np.concatenate([deliveries.first, deliveries.first[again], moved])
    deliveries.last = np.concatenate([deliveries.last, deliveries.last[again], moved + 1])
    deliveries.identity = np.concatenate(
        [deliveries.identity, deliveries.identity[again], events + np.arange(len(second))]
    )
    deliveries.frame = np.concatenate([deliveries.frame, deliveries.frame[again], deliveries.frame[second]])
