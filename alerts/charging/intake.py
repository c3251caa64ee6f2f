"""What every source does with what it learned: store it and the contact together, count it.

Together, because a contact claims that the statuses before it are known.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerts.charging.exchange import ErrorKind
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.status import StatusEvent
from alerts.charging.store import EvseRow, merge_link, record_contact, record_evses, record_statuses
from storage.database import Connection

logger = logging.getLogger(__name__)

SHOWN_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Learned:
    """What one exchange with a source told.

    Attributes:
        contact_at: when the operator was in contact: a push's arrival, or the start of a poll, since what happens
            while an answer is on its way is not in it. None: it proves no contact (a broker's retained message).
        problems: objects that could not be read, one sentence each.
        link: what is kept of the link's state.
        create: EVSEs that nobody knew become known.
    """

    source: str
    statuses: Sequence[StatusEvent] = ()
    contact_at: datetime | None = None
    evses: Sequence[EvseRow] = ()
    problems: Sequence[str] = ()
    link: Mapping[str, object] = field(default_factory=dict)
    create: bool = True


async def take(connection: Connection, learned: Learned, metrics: ChargingMetrics) -> int:
    """Store it in one transaction; returns how many statuses were new."""
    async with connection.transaction():
        await record_evses(connection, learned.source, learned.evses)
        stored = await record_statuses(connection, learned.statuses, create=learned.create)
        if learned.contact_at is not None:
            await record_contact(connection, learned.source, learned.contact_at)
        if learned.link:
            await merge_link(connection, learned.source, learned.link)
    metrics.stored(learned.source, stored)
    if learned.contact_at is not None:
        metrics.contact(learned.source, learned.contact_at)
    tell(learned.source, learned.problems, metrics)
    return stored


def tell(source: str, problems: Sequence[str], metrics: ChargingMetrics) -> None:
    """Count what could not be read, and log the first of it by name."""
    if not problems:
        return
    metrics.failed(source, ErrorKind.OBJECT, len(problems))
    for problem in problems[:SHOWN_PROBLEMS]:
        logger.warning("charging_object_refused source=%s reason=%r", source, problem)
    if len(problems) > SHOWN_PROBLEMS:
        logger.warning("charging_objects_refused source=%s count=%d", source, len(problems))
