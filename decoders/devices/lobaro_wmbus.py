"""Lobaro wireless M-Bus bridge (LOB-GW-WMBUS-LW, LW2, HYB): meters in the cellar, heard by radio, sent on by LoRaWAN.

Layout by port:
    1        status: firmware major, minor, patch u8; battery u16 LE mV; temperature i16 LE 0.1 Cel (version 2:
             FFFF = no sensor); from 2.5.0 flags u8 (bit 0: no telegram was heard)
    11..99   a part of a telegram: port = 10 * part + number of parts, the first part is 1; consecutive frame counters
    101, 102 a part of a telegram: flags u8 (bit 0 first part, bit 1 last), bytes; the joined bytes begin with the time
             of reception, u40 BE in seconds since 1970, on port 102 followed by the signal strength
    9        old firmware, one filtered value: status, meter number BCD4, DIF, VIF, 3 bytes of data

The telegram is the radio frame without its CRCs, from the L field on (see `decoders.wmbus.telegram`), mostly encrypted
with a key per meter. A bridge carries many meters: `subject` is the meter, its manufacturer and number. A missing part
loses the telegram; the parts stay raw. Of the signal strength neither size nor sign is published: the telegram is found
by its L field, and what stands between it and the time is skipped.

Refused: telegrams of other meters than heat and cold (WRONG_MEDIUM), of meters without a key (KEY_MISSING). A clock
that was not set shows as a time before 2015 or ahead of ours: CLOCK, and the uplink's time stands.

Source: Lobaro documentation "LoRaWAN communication" of the bridge, firmware 1.x and 2.x; EN 13757-3, -4, -7.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from decoders.decoder import Assembly, DecodeFunction, Decoder, Fragment, Joined
from decoders.errors import DecodeError, RejectReason
from decoders.heat import HeatTelegram
from decoders.keys import NO_KEYS, KeyRing
from decoders.mbus.records import records
from decoders.reader import ByteReader
from decoders.readings import DeviceHealth, HeatMeter, QualityFlag, Reading
from decoders.uplink import Uplink
from decoders.wmbus.heat import heat_reading
from decoders.wmbus.telegram import open_telegram

_STATUS, _FILTERED, _TIMED, _TIMED_WITH_RSSI = 1, 9, 101, 102
_NUMBERED = range(11, 100)
_WHOLE = 11
"""Port of a telegram in one part."""

_FIRST, _LAST = 0x01, 0x02
_NO_TELEGRAM_HEARD = 0x01
_NO_SENSOR = 0xFFFF
_LONGEST_RSSI = 2

WINDOW = timedelta(hours=2)
"""Nine parts at the slowest data rate and one per cent duty cycle take 40 minutes."""


def bind(keys: KeyRing) -> DecodeFunction:
    """The decoder's function for meters with these keys."""

    def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading] | Fragment:
        port = uplink.f_port
        if port == _STATUS:
            return [_status(uplink, data)]
        if port == _FILTERED:
            return [_filtered(uplink, data)]
        if port in (_TIMED, _TIMED_WITH_RSSI):
            return _timed(uplink, data, keys)
        part, parts = _place(port)
        data.peek()  # an empty part is truncated
        if parts == 1:
            return _telegram(uplink, data.rest(), data, keys)
        data.rest()
        return Fragment(f"{uplink.dev_addr}/{uplink.f_cnt - part}", part, parts)

    return decode


def _place(port: int) -> tuple[int, int]:
    """Index of the part, from 0, and number of parts."""
    part, parts = divmod(port, 10)
    if port not in _NUMBERED or not 1 <= part <= parts:
        raise DecodeError(RejectReason.UNKNOWN_PORT, f"port {port} is no part of a telegram")
    return part - 1, parts


def _status(uplink: Uplink, data: ByteReader) -> DeviceHealth:
    version = tuple(data.take(3))
    voltage, temperature = data.u16_le(), data.take(2)
    if data.remaining and data.u8() & _NO_TELEGRAM_HEARD:
        data.warn("no telegram heard since the last status")
    absent = version[0] >= 2 and int.from_bytes(temperature) == _NO_SENSOR
    return DeviceHealth.of(
        uplink,
        firmware=".".join(map(str, version)),
        battery_voltage=voltage / 1000,
        device_temperature=None if absent else int.from_bytes(temperature, "little", signed=True) / 10,
        flags=QualityFlag.NO_SENSOR if absent else QualityFlag(0),
    )


def _filtered(uplink: Uplink, data: ByteReader) -> HeatMeter:
    """One value of one meter: energy, or it is no heat meter's."""
    data.u8()
    number = data.take(4)[::-1].hex()
    telegram = HeatTelegram(subject=number)
    for record in records(data):
        telegram.add(record)
    if not number.isdecimal():
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "meter number is no number")
    if "energy" not in telegram.values:
        raise DecodeError(RejectReason.WRONG_MEDIUM, "filtered value is no energy")
    return HeatMeter.of(uplink, telegram.values, subject=number, flags=telegram.flags)


def _timed(uplink: Uplink, data: ByteReader, keys: KeyRing) -> Sequence[Reading] | Fragment:
    place = data.u8() & (_FIRST | _LAST)
    if place != _FIRST | _LAST:
        data.rest()
        return Fragment(uplink.dev_addr, 0 if place == _FIRST else 1, 0)
    seconds = data.unsigned(5)
    content = data.rest()
    skipped = _bytes_before_telegram(content) if uplink.f_port == _TIMED_WITH_RSSI else 0
    heard_at = datetime.fromtimestamp(min(seconds, 2**32), UTC)
    return _telegram(uplink, content[skipped:], data, keys, heard_at)


def _bytes_before_telegram(content: bytes) -> int:
    """How many bytes of signal strength stand before the L field, which counts all that follow it."""
    for size in range(_LONGEST_RSSI + 1):
        if size < len(content) and content[size] == len(content) - size - 1:
            return size
    raise DecodeError(RejectReason.INVALID_PAYLOAD, "no telegram of the length that is left")


def _telegram(
    uplink: Uplink, frame: bytes, data: ByteReader, keys: KeyRing, heard_at: datetime | None = None
) -> Sequence[Reading]:
    return heat_reading(uplink, open_telegram(frame, keys), data, heard_at)


def join(uplinks: Sequence[Uplink]) -> Iterator[Joined]:
    """Complete telegrams among a bridge's uplinks, which come in order of their times."""
    yield from _join_numbered(uplinks)
    yield from _join_flagged(uplinks)


def _join_numbered(uplinks: Sequence[Uplink]) -> Iterator[Joined]:
    """The port says part and number of parts; the frame counter says which parts belong together."""
    begun: dict[tuple[str, int, int], list[Uplink]] = {}
    for uplink in uplinks:
        part, parts = divmod(uplink.f_port, 10)
        if uplink.f_port not in _NUMBERED or not 1 <= part <= parts or parts == 1:
            continue
        key = (uplink.dev_addr, uplink.f_cnt - part, parts)
        found = begun.setdefault(key, [])
        if _is_repeat(uplink, found):
            continue
        if part == 1:
            found.clear()  # the counter began anew: what was there before belongs to nobody
        if len(found) == part - 1 and _in_time(uplink, found):
            found.append(uplink)
        if len(found) == parts:
            payload = b"".join(one.payload for one in begun.pop(key))
            yield Joined(replace(uplink, f_port=_WHOLE, payload=payload), tuple(found))


def _join_flagged(uplinks: Sequence[Uplink]) -> Iterator[Joined]:
    """First and last part have a bit, the frame counter has no gap between them."""
    begun: dict[tuple[str, int], list[Uplink]] = {}
    for uplink in uplinks:
        if uplink.f_port not in (_TIMED, _TIMED_WITH_RSSI) or not uplink.payload:
            continue
        found = begun.setdefault((uplink.dev_addr, uplink.f_port), [])
        if _is_repeat(uplink, found):
            continue
        place = uplink.payload[0] & (_FIRST | _LAST)
        follows = bool(found) and uplink.f_cnt == found[-1].f_cnt + 1 and _in_time(uplink, found)
        if place & _FIRST or not follows:
            found.clear()
        if place == _FIRST or follows:
            found.append(uplink)
        if place == _LAST and follows:
            payload = bytes((_FIRST | _LAST,)) + b"".join(one.payload[1:] for one in found)
            yield Joined(replace(uplink, payload=payload), tuple(found))
            found.clear()


def _is_repeat(uplink: Uplink, found: Sequence[Uplink]) -> bool:
    """True for a part that is there already: the same frame, delivered much later than its first copy."""
    return any(one.f_cnt == uplink.f_cnt and one.payload == uplink.payload for one in found)


def _in_time(uplink: Uplink, found: Sequence[Uplink]) -> bool:
    return not found or uplink.ns_time - found[0].ns_time <= WINDOW


DECODER = Decoder(
    name="lobaro_wmbus",
    version=1,
    vendor="Lobaro",
    model="wireless M-Bus bridge LOB-GW-WMBUS",
    function=bind(NO_KEYS),
    kinds=(HeatMeter, DeviceHealth),
    source="Lobaro documentation of the wireless M-Bus bridge, firmware 1.x and 2.x; EN 13757-3, -4, -7",
    profiles=("Lobaro wMBus Bridge", "Lobaro wireless M-Bus Bridge", "LOB-GW-WMBUS-LW", "LOB-GW-WMBUS-LW2"),
    bind=bind,
    assembly=Assembly(join, WINDOW),
)
