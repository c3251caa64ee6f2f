"""Parse → decode: what one delivery becomes before it is stored. Pure but for the decoders it was given.

`Preparation` is immutable; a reload of decoders and mapping makes a new one and swaps it in between two batches.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from decoders.decoder import Decoder
from decoders.errors import DecodeError, Rejected, RejectReason, defect_at
from decoders.events import DeviceEvent, DeviceEventKind
from decoders.javascript import CodecResult
from decoders.mapping import Choice, DeviceMapping, ShadowMapping
from decoders.readings import DeviceHealth, whole_second
from decoders.uplink import NOT_DECODABLE, Privacy, Uplink
from decoders.vendor_codec import VendorCodec
from ingest.delivery import Delivery
from ingest.formats import Parser
from ingest.formats.guards import MAX_PAYLOAD
from storage.batch import DecoderKey, Outcome, Record

log = logging.getLogger(__name__)

KEPT_OF_REFUSED = MAX_PAYLOAD + 1
"""Bytes that are kept of an oversized message: so many that another try refuses it for the same reason."""

_NOT_DECODABLE = NOT_DECODABLE.value


class Waiting(NamedTuple):
    """An uplink that a vendor's codec has to decode before its record is complete."""

    record: Record
    uplink: Uplink
    decoder: Decoder
    codec: VendorCodec


class Preparation:
    """Turns deliveries into records.

    Args:
        parsers: by source name.
        mapping: which device is decoded by which decoder.
    """

    def __init__(self, parsers: Mapping[str, Parser], mapping: DeviceMapping) -> None:
        self._parsers = parsers
        self._mapping = mapping
        self._known: dict[str, tuple[DecoderKey, Privacy]] = {}

    @property
    def shadows(self) -> ShadowMapping | None:
        """Which decoders are compared with the live ones."""
        return self._mapping.shadows

    @property
    def mapping(self) -> DeviceMapping:
        """Which device is decoded by which decoder."""
        return self._mapping

    def prepare(self, delivery: Delivery, waiting: list[Waiting] | None = None) -> Record:
        """The record of `delivery`, whatever it holds; a bad message becomes a record with a reason.

        Args:
            waiting: takes the uplinks of vendors' codecs, for `complete`; without it they are run here and now.
        """
        record = Record(delivery.source, delivery.topic, delivery.payload, delivery.received_at)
        try:
            self._prepare(record, delivery, waiting)
        except Exception as defect:  # noqa: BLE001  (a defect of ours costs nothing but its message, which is kept raw)
            _set_aside(record, defect)
        return record

    def _prepare(self, record: Record, delivery: Delivery, waiting: list[Waiting] | None) -> None:
        try:
            event = self._parsers[delivery.source](delivery)
        except Rejected as refusal:
            record.reason, record.detail = refusal.reason, refusal.detail
            record.message = delivery.payload[:KEPT_OF_REFUSED]
            return
        record.event = event
        if isinstance(event, Uplink):
            self._decode(record, event, waiting)
        elif isinstance(event, DeviceEvent):
            self._note(record, event)

    def _note(self, record: Record, event: DeviceEvent) -> None:
        if event.kind is DeviceEventKind.CANARY:
            record.event = None  # our own message: it has proved the way and leaves no trace
        elif event.kind is DeviceEventKind.STATUS:
            record.readings = (_health(event),)

    def _decode(self, record: Record, uplink: Uplink, waiting: list[Waiting] | None) -> None:
        if uplink.flags.value & _NOT_DECODABLE:
            record.outcome = Outcome.NOT_DECODABLE
            return
        choice = self._mapping.resolve(uplink)
        if choice is None:
            record.outcome, record.reason = Outcome.ORPHAN, RejectReason.NO_DECODER
            record.detail = "no mapping names a decoder for this device"
            return
        record.decoder, record.privacy = self._known.get(choice.decoder.name) or self._learn(choice)
        decoder = choice.decoder
        if waiting is not None and decoder.codec is not None and decoder.takes(uplink.f_port):
            waiting.append(Waiting(record, uplink, decoder, decoder.codec))
            return
        try:
            decoded = decoder.decode(uplink)
        except DecodeError as refusal:
            _refuse(record, refusal)
            return
        record.outcome = Outcome.DECODED if decoded.fragment is None else Outcome.FRAGMENT
        record.readings = decoded.readings
        assembly = decoder.assembly
        if assembly is not None and (decoded.fragment is not None or uplink.f_port in assembly.context_ports):
            record.assembly = assembly

    def _learn(self, choice: Choice) -> tuple[DecoderKey, Privacy]:
        self._known[choice.decoder.name] = found = (
            decoder_key(choice.decoder, choice.file_hash),
            privacy_of(choice.decoder),
        )
        return found


def complete(waiting: Waiting, result: CodecResult) -> None:
    """Finish the record of an uplink with what its codec answered."""
    record, uplink, decoder, _ = waiting
    try:
        record.readings = decoder.understand(result, uplink).readings
        record.outcome = Outcome.DECODED
    except DecodeError as refusal:
        _refuse(record, refusal)
    except Exception as defect:  # noqa: BLE001  (as in `prepare`)
        _set_aside(record, defect)


def _set_aside(record: Record, defect: Exception) -> None:
    """Keep the message raw and nothing else of it: how far we came before the defect is not known."""
    place = defect_at(defect)
    log.error("message_set_aside source=%s defect=%r", record.source, place)
    record.event, record.readings, record.decoder, record.assembly = None, (), None, None
    record.reason, record.detail = RejectReason.INTERNAL_ERROR, place


def _refuse(record: Record, refusal: DecodeError) -> None:
    record.outcome, record.reason, record.detail = Outcome.FAILED, refusal.reason, refusal.detail
    if refusal.reason is RejectReason.UNMAPPED:
        record.privacy = Privacy.HOUSEHOLD  # what it measures nobody has said yet, as with an orphan


def decoder_key(decoder: Decoder, file_hash: str) -> DecoderKey:
    """What the rows that a decoder makes remember of it."""
    return DecoderKey(decoder.name, decoder.version, file_hash)


def privacy_of(decoder: Decoder) -> Privacy:
    """The strictest class among the kinds that the decoder can return."""
    household = any(kind.privacy is Privacy.HOUSEHOLD for kind in decoder.kinds)
    return Privacy.HOUSEHOLD if household else Privacy.PUBLIC


def _health(event: DeviceEvent) -> DeviceHealth:
    """The reading in a network server's status event."""
    level, margin, external = (event.detail.get(key) for key in ("battery_level", "margin", "external_power"))
    return DeviceHealth(
        device=event.dev_eui,
        observed_at=whole_second(event.occurred_at),
        battery_level=level if isinstance(level, (int, float)) and 0 <= level <= 100 else None,
        link_margin=margin if isinstance(margin, (int, float)) and -32 <= margin <= 31 else None,
        external_power=external if isinstance(external, bool) else None,
    )
