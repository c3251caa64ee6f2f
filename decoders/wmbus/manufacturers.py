"""What some makers send instead of standard records, written out as standard ones.

Techem (CI A1 and A2, media 43), byte by byte from the CI byte:
    0 state, 1-2 date of the previous period's end, 3-5 energy at it, 6 ?, 7-9 energy since then; kWh, u24 little-endian
Qundis radio converters and meters (record `0D FF 5F`, at least 28 bytes):
    9 VIF of the values, 12-15 value now, 16-17 due date, 18-21 value at it, 22-23 end of month, 24-27 value at it; the
    values BCD, the dates of type G; FFFF for what has not happened yet
"""

from collections.abc import Sequence

from decoders.errors import DecodeError, RejectReason
from decoders.mbus.records import Record, records
from decoders.reader import ByteReader
from decoders.wmbus.address import Medium
from decoders.wmbus.telegram import RECORDS, Telegram

_TECHEM, _TECHEM_COMPACT, _TECHEM_HEAT = "TCH", (0xA1, 0xA2), 0x43
_QUNDIS_EXTENSION = b"\x5f"
_QUNDIS_LENGTH = 28


def standard_records(telegram: Telegram) -> list[Record]:
    """The telegram's records; what is the maker's own is written out where it is known.

    Raises:
        DecodeError: TRUNCATED, or INVALID_PAYLOAD for what the standard reserves or a maker's own content that is
            not known.
    """
    if telegram.control_information != RECORDS:
        return _techem(telegram)
    found: list[Record] = []
    for record in records(ByteReader(telegram.data)):
        found.append(record)
        if record.header.manufacturer == _QUNDIS_EXTENSION and len(record.data) >= _QUNDIS_LENGTH:
            found += _qundis(record.data)
    return found


def _techem(telegram: Telegram) -> list[Record]:
    address = telegram.address
    if address.maker != _TECHEM or telegram.control_information not in _TECHEM_COMPACT:
        raise DecodeError(
            RejectReason.INVALID_PAYLOAD, f"content {telegram.control_information:02x} of a maker is not known"
        )
    if address.medium != _TECHEM_HEAT:
        raise DecodeError(RejectReason.WRONG_MEDIUM, f"medium {address.medium:02x} is none of heat or cold")
    telegram.address = address._replace(medium=Medium.HEAT_OUTLET)
    data = ByteReader(telegram.data)
    data.take(3)
    before = data.unsigned(3, "little")
    data.take(1)
    total = before + data.unsigned(3, "little")
    return _written(b"\x04\x06" + total.to_bytes(4, "little"), b"\x44\x06" + before.to_bytes(4, "little"))


def _qundis(data: bytes) -> Sequence[Record]:
    vif = data[9:10]
    return _written(b"\x0c" + vif + data[12:16], b"\x4c" + vif + data[18:22], b"\x42\x6c" + data[16:18])


def _written(*plain: bytes) -> list[Record]:
    return list(records(ByteReader(b"".join(plain))))
