"""Payloads that need several uplinks: made whole from stored uplinks, and stored like everything else.

Fragments are stored as they come, in any order, from live sources, replays and the spool. After each commit the devices
that a batch had fragments of are looked at: what is complete now is decoded as one, and its readings and the outcome of
its parts are written in one transaction. Nothing is remembered that the database does not know, so a crash between the
two commits costs nothing: `find_waiting` finds such sets again. Twice the same set gives the same rows.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from decoders.decoder import Assembled, Decoder
from decoders.mapping import DeviceMapping
from decoders.uplink import Uplink
from ingest.preparation import decoder_key, privacy_of
from storage.batch import Outcome, Record, WriteResult
from storage.database import Connection
from storage.fragments import Span, find_context, find_fragments
from storage.writer import Writer

log = logging.getLogger(__name__)

CONTEXT_WAIT = timedelta(days=14)
"""How long a fragment may wait for the uplink that explains it."""

LONGEST_SET = timedelta(hours=6)
"""How long before its last part a refused set is looked for."""

TOPIC = "assembled"
"""Begins the topic of a set that is whole and was refused: it stands in `rejected` in place of a message."""


class Assembler:
    """Knows which devices have to be looked at, until that is done."""

    def __init__(self) -> None:
        self._due: dict[str, Span] = {}

    @property
    def due(self) -> bool:
        """Something has to be looked at."""
        return bool(self._due)

    def note(self, records: Iterable[Record]) -> None:
        """A batch was committed: its fragments, and what explains others, may have completed something."""
        for record in records:
            if record.assembly is not None and isinstance(record.event, Uplink):
                uplink, assembly = record.event, record.assembly
                reach = assembly.window if record.outcome is Outcome.FRAGMENT else CONTEXT_WAIT
                self.look_at({uplink.dev_eui: Span(uplink.ns_time - reach, uplink.ns_time + reach)})

    def look_at(self, spans: Mapping[str, Span]) -> None:
        """Look at these devices with the next `run`."""
        for dev_eui, span in spans.items():
            known = self._due.get(dev_eui)
            self._due[dev_eui] = span if known is None else known | span

    async def run(self, writer: Writer, mapping: DeviceMapping) -> tuple[list[Record], WriteResult]:
        """Make whole and store what is complete; what is due stays so until it is committed.

        Raises:
            Retryable, Fatal: as the writer.
        """
        due = dict(self._due)
        records = [record for records in await whole_sets(writer, mapping, due) for record in records]
        result = await writer.write(records, redecode=True) if records else WriteResult()
        for dev_eui, span in due.items():
            if self._due.get(dev_eui) == span:
                del self._due[dev_eui]
        return records, result


async def whole_sets(
    writer: Writer,
    mapping: DeviceMapping,
    spans: Mapping[str, Span],
    outcomes: Sequence[Outcome] = (Outcome.FRAGMENT,),
) -> list[list[Record]]:
    """Every complete set in these spans as records of its parts; the last part's holds the readings or the reason.

    Raises:
        Retryable, Fatal: as the writer.
    """
    found = await writer.read(partial(find_fragments, spans=spans, outcomes=outcomes))
    sets: list[list[Record]] = []
    for _, group in groupby(found, key=lambda uplink: uplink.dev_eui):
        uplinks = list(group)
        choice = mapping.resolve(uplinks[-1])
        if choice is None or choice.decoder.assembly is None:
            continue
        if ports := choice.decoder.assembly.context_ports:
            uplinks += await writer.read(partial(_context, uplinks=uplinks, ports=ports))
        assembled = choice.decoder.assemble(uplinks)
        sets += [list(_records(one, choice.decoder, choice.file_hash)) for one in assembled]
    return sets


async def _context(connection: Connection, *, uplinks: Sequence[Uplink], ports: Sequence[int]) -> list[Uplink]:
    """What explains these uplinks of one device and is not among them."""
    known = {(uplink.ns_time, uplink.f_cnt) for uplink in uplinks}
    found = await find_context(connection, uplinks[-1].dev_eui, ports, uplinks[-1].ns_time)
    return [uplink for uplink in found if (uplink.ns_time, uplink.f_cnt) not in known]


def _records(assembled: Assembled, decoder: Decoder, file_hash: str) -> Iterator[Record]:
    key, privacy = decoder_key(decoder, file_hash), privacy_of(decoder)
    outcome = Outcome.FAILED if assembled.decoded is None else Outcome.DECODED
    *parts, last = assembled.joined.parts
    for part in parts:
        yield Record(part.source, "", b"", part.received_at, part, outcome, (), key, privacy)
    record = Record(last.source, topic(last), b"", last.received_at, last, outcome, (), key, privacy)
    if assembled.decoded is not None:
        record.readings = assembled.decoded.readings
    elif assembled.error is not None:
        record.reason, record.detail = assembled.error.reason, assembled.error.detail
    yield record


async def refused_sets(writer: Writer, mapping: DeviceMapping, topics: Iterable[str]) -> dict[str, list[Record]]:
    """The sets that stand in `rejected` under these topics, made whole again, by topic; without those that are gone.

    Raises:
        Retryable, Fatal: as the writer.
    """
    spans: dict[str, Span] = {}
    for device, at in filter(None, map(place_of, topics)):
        span = Span(at - LONGEST_SET, at)
        spans[device] = spans[device] | span if device in spans else span
    sets = await whole_sets(writer, mapping, spans, (Outcome.FRAGMENT, Outcome.FAILED))
    return {records[-1].topic: records for records in sets}


def place_of(text: str) -> tuple[str, datetime] | None:
    """Device and time of the last part in what `topic` gave; None for the topic of a message."""
    beginning, _, rest = text.partition("/")
    device, _, key = rest.rpartition("/")[0].rpartition("/")
    return (device, datetime.fromisoformat(key)) if beginning == TOPIC and device else None


def topic(last: Uplink) -> str:
    """What stands for the set in `rejected`: its device and the key of its last part."""
    return f"{TOPIC}/{last.dev_eui}/{last.ns_time.isoformat()}/{last.f_cnt}"
