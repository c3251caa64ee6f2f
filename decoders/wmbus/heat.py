"""From a wireless M-Bus telegram to one `HeatMeter` reading, whoever brought the telegram."""

from datetime import datetime, timedelta

from decoders.errors import DecodeError, RejectReason
from decoders.heat import HeatTelegram
from decoders.mbus.header import Function, Header
from decoders.mbus.records import Record
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag
from decoders.uplink import EARLIEST, Uplink
from decoders.wmbus.address import COOLING_MEDIA, HEAT_MEDIA, Address, Medium
from decoders.wmbus.manufacturers import standard_records
from decoders.wmbus.telegram import RECORDS, Telegram

KAMSTRUP = "KAM"
KAMSTRUP_INFO = (b"\x22", b"\x21")
"""Kamstrup's own records of info bits, of newer and older meters."""

_PERMANENT_ERROR, _TEMPORARY_ERROR = 0x08, 0x10
_CLOCK_AHEAD = timedelta(minutes=10)


def heat_reading(
    uplink: Uplink, telegram: Telegram, data: ByteReader, heard_at: datetime | None = None
) -> list[HeatMeter]:
    """The telegram of a heat or cold meter as a reading of that meter; empty when it holds no value of one.

    Args:
        data: takes the warnings.
        heard_at: when the bridge heard the telegram, by its own clock; None when it does not say.

    Raises:
        DecodeError: WRONG_MEDIUM for other meters; TRUNCATED, INVALID_PAYLOAD.
    """
    if telegram.control_information == RECORDS and telegram.address.medium != Medium.RADIO_CONVERTER:
        _refuse_other_media(telegram.address)
    found = standard_records(telegram)
    address = _meter(telegram.address, found)
    _refuse_other_media(address)
    collected = _collected(found, address)
    if telegram.status & (_PERMANENT_ERROR | _TEMPORARY_ERROR):
        collected.flags |= QualityFlag.METER_ERROR
    if not (collected.values or collected.flags):
        data.warn("no record that stands for a field")
        return []
    observed_at = None
    if heard_at is not None:
        if EARLIEST <= heard_at <= uplink.ns_time + _CLOCK_AHEAD:
            observed_at = heard_at
        else:
            collected.flags |= QualityFlag.CLOCK
    reading = HeatMeter.of(
        uplink, collected.values, subject=address.name, flags=collected.flags, observed_at=observed_at
    )
    return [reading]


def _refuse_other_media(address: Address) -> None:
    if address.medium not in HEAT_MEDIA | COOLING_MEDIA:
        raise DecodeError(RejectReason.WRONG_MEDIUM, f"medium {address.medium:02x} is none of heat or cold")


def _collected(found: list[Record], address: Address) -> HeatTelegram:
    """The fields that the records stand for."""
    collected = HeatTelegram(subject=address.name)
    for record in found:
        header = record.header
        if address.maker == KAMSTRUP and header.manufacturer in KAMSTRUP_INFO and not header.storage:
            collected.put("error_code", record)
        elif header.data_field and not _says_who_or_when_it_failed(header):
            collected.add(record)
    if address.medium in COOLING_MEDIA and "energy" in collected.values:
        collected.values["cooling_energy"] = collected.values.pop("energy")
    return collected


def _says_who_or_when_it_failed(header: Header) -> bool:
    """True for other numbers than the address, and for the code and time of the last error: it may be long over."""
    if header.function is Function.ERROR:
        return header.vif.measure in (Measure.ERROR_FLAGS, Measure.DATE_TIME)
    return header.vif.measure in (Measure.FABRICATION_NUMBER, Measure.IDENTIFICATION)


def _meter(address: Address, found: list[Record]) -> Address:
    """The meter itself: of a radio converter's telegram the one that its identification record names."""
    if address.medium != Medium.RADIO_CONVERTER:
        return address
    for record in found:
        if record.header.vif.measure is Measure.IDENTIFICATION and len(record.data) == 8:
            return Address.of_transport(record.data)
    return address
