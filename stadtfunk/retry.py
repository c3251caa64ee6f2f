"""Another try for rejected messages: after a new decoder or a mapping, what was refused may be understood."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import CollectorRegistry

from config.settings import Settings
from decoders.errors import RejectReason
from ingest.assembly import Assembler, place_of, refused_sets
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
    assembler = Assembler()
    writer = Writer(
        partial(connect, settings.database, role=Role.INGEST, application_name="stadtfunk retry"),
        deadline=settings.database.timeouts.outer,
    )
    connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk retry")
    try:
        async for messages in find_all(connection, selection):
            done.still["unknown_source"] += sum(message.source not in known for message in messages)
            found = await _prepared(prepare, codecs, [message for message in messages if message.source in known], done)
            found |= await _whole(prepare, writer, messages, done)
            if not found:
                continue
            records = [record for several in found.values() for record in several]
            result = await writer.write(records, redecode=True)
            done.result.add(result)
            if result.quarantined:  # which one is not told: the whole chunk stays open, the next try is harmless
                done.still[RejectReason.DATABASE_REFUSED] += len(found)
            else:
                done.resolved += await resolve(connection, list(found))
            assembler.note(records)
        while assembler.due:
            done.result.add((await assembler.run(writer, prepare.mapping))[1])
    finally:
        await codecs.close()
        await writer.close()
        await connection.close()
    return done


async def _prepared(
    preparation: Preparation, codecs: CodecLane, messages: list[RejectedMessage], done: Retried
) -> dict[int, list[Record]]:
    """Records by message id of what is understood now; the rest is counted, and not written again."""
    received = [message for message in messages if place_of(message.topic) is None]
    deliveries = [Delivery(one.source, one.topic, one.payload, one.received_at) for one in received]
    records = await prepare_all(preparation, codecs, deliveries)
    return _understood({message.id: [record] for message, record in zip(received, records, strict=True)}, done)


async def _whole(
    preparation: Preparation, writer: Writer, messages: list[RejectedMessage], done: Retried
) -> dict[int, list[Record]]:
    """The same of payloads that were made whole from several uplinks; one whose parts are gone counts as `gone`."""
    refused = {message.topic: message.id for message in messages if place_of(message.topic) is not None}
    sets = await refused_sets(writer, preparation.mapping, refused)
    done.still["gone"] += len(refused.keys() - sets.keys())
    return _understood({refused[topic]: records for topic, records in sets.items() if topic in refused}, done)


def _understood(found: dict[int, list[Record]], done: Retried) -> dict[int, list[Record]]:
    for records in found.values():
        if (reason := records[-1].reason) is not None:
            done.still[reason] += 1
    return {number: records for number, records in found.items() if records[-1].reason is None}
