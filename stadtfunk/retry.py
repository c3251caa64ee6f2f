"""Another try for rejected messages: after a new decoder or a mapping, what was refused may be understood."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry

from config.settings import Settings
from decoders.errors import RejectReason
from ingest.codecs import CodecLane, prepare_all
from ingest.delivery import Delivery
from ingest.metrics import Metrics
from ingest.preparation import Preparation
from stadtfunk.app import parsers, preparation
from storage.batch import Record, WriteResult
from storage.database import Role, connect
from storage.rejected import RejectedMessage, Selection, find_all, resolve
from storage.writer import Writer


@dataclass(slots=True)
class Retried:
    """What a retry did: messages now stored, and why the others are still refused."""

    resolved: int = 0
    still: Counter[str] = field(default_factory=Counter)
    result: WriteResult = field(default_factory=WriteResult)


async def retry(settings: Settings, selection: Selection) -> Retried:
    """Parse and decode the selected messages again; store and resolve what is understood now.

    A message whose source is not configured any more counts as `unknown_source`.

    Raises:
        RegistryError, MappingError: the decoders or the mapping cannot be used.
        Retryable, Fatal: the database is away or refuses us; what was resolved stays so.
    """
    prepare = preparation(settings)
    known = parsers(settings)
    codecs = CodecLane(Metrics(CollectorRegistry()))
    done = Retried()
    writer = Writer(
        partial(connect, settings.database, role=Role.INGEST, application_name="stadtfunk retry"),
        deadline=settings.database.timeouts.outer,
    )
    connection = await connect(settings.database, application_name="stadtfunk retry")
    try:
        async for messages in find_all(connection, selection):
            done.still["unknown_source"] += sum(message.source not in known for message in messages)
            records = await _prepared(
                prepare, codecs, [message for message in messages if message.source in known], done
            )
            if not records:
                continue
            result = await writer.write(list(records.values()), redecode=True)
            done.result.add(result)
            if result.quarantined:  # which one is not told: the whole chunk stays open, the next try is harmless
                done.still[RejectReason.DATABASE_REFUSED] += len(records)
            else:
                done.resolved += await resolve(connection, list(records))
    finally:
        await codecs.close()
        await writer.close()
        await connection.close()
    return done


async def _prepared(
    preparation: Preparation, codecs: CodecLane, messages: list[RejectedMessage], done: Retried
) -> dict[int, Record]:
    """Records by message id of what is understood now; the rest is counted, and not written again."""
    deliveries = [Delivery(one.source, one.topic, one.payload, one.received_at) for one in messages]
    records, _ = await prepare_all(preparation, codecs, deliveries)
    understood = {}
    for message, record in zip(messages, records, strict=True):
        if record.reason is None:
            understood[message.id] = record
        else:
            done.still[record.reason] += 1
    return understood
