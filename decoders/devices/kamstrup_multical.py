"""Kamstrup MULTICAL 403, 603 and 803 with the LoRaWAN module HC-003-55 (and the same application layer elsewhere).

Layout, little-endian, port 1 plain, ports 4 (short header) and 6 (long header) encrypted:
    78   no header;  7A short header: access number, status, configuration u16
    72   long header: number BCD4, manufacturer, version, medium, access number, status, configuration u16
    then M-Bus records (EN 13757-3).
Configuration bits 8-12 = 10 and low byte FF: security profile D. Two bytes of extension and a message counter u32
follow the header, then AES-128-CCM data with a tag of 8 bytes; the key of each message is derived from the meter's key,
the number and the counter. A short header does not say which meter it is: it needs the long header of an earlier uplink
(sent at installation), which the pipeline looks up.

Records: values with storage number 1 are of the time `446D` beside them, and a profile (VIFE 13) leads from them back
in hours, days or months: one reading per time. `04 FF22` and `52 FF25` are info bits, `error_code` as sent.
Without fields here: E8 and E9 (`04 FF07`, `FF08`), least and largest values, pulse inputs, configuration.

Info bits of MULTICAL: 0 supply, 1 battery, 2 alarm, 3-7 temperatures, 8-11 flow V1, 12-15 inputs, 16-17 V1, ...

Errors: "not available" and invalid BCD become None with SENSOR_FAULT; a time that is invalid or not credible gives
CLOCK and the uplink's time. The meter's time is UTC or local, as configured; it is taken for UTC. A profile without its
base value or time is refused.

Source: Actility device catalog, driver for Kamstrup (published examples); EN 13757-3 annex F, EN 13757-7.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from decoders.decoder import Assembly, DecodeFunction, Decoder, Fragment, Joined
from decoders.errors import DecodeError, RejectReason
from decoders.heat_log import HeatLog
from decoders.keys import NO_KEYS, KeyRing
from decoders.mbus.records import records
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag, Reading
from decoders.uplink import Uplink
from decoders.wmbus.address import COOLING_MEDIA, HEAT_MEDIA, Address
from decoders.wmbus.security import decrypt_profile_d, key_for

_NO_HEADER, _SHORT, _LONG = 0x78, 0x7A, 0x72
_LONG_PORT = 6
_ADDRESS = slice(1, 9)
_PROFILE_D, _WHOLE_PAYLOAD = 10, 0xFF
_EXTENSION = b"\x10\x01"
_ERRORS = 0x18
"""Status bits of a permanent and a temporary error."""
_INFO = {b"\x22": "error_code", b"\x25": "error_code"}


def bind(keys: KeyRing) -> DecodeFunction:
    """The decoder's function for meters with these keys."""

    def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading] | Fragment:
        layer = data.u8()
        address = Address.of_transport(data.take(8)) if layer == _LONG else None
        if layer == _NO_HEADER:
            return _readings(uplink, data, data)
        if layer not in (_SHORT, _LONG):
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no layer {layer:02x}")
        _, status, configuration = data.u8(), data.u8(), data.u16_le()
        if address is not None and address.medium not in HEAT_MEDIA | COOLING_MEDIA:
            raise DecodeError(RejectReason.WRONG_MEDIUM, f"medium {address.medium:02x} is none of heat or cold")
        if not configuration >> 8 & 0x1F:
            return _readings(uplink, data, data, address, status)
        counter, encrypted = _encrypted(data, configuration)
        if address is None:
            return _without_address(keys)
        key = key_for(keys, address, uplink.dev_eui)
        plain = ByteReader(decrypt_profile_d(key, address, counter, encrypted))
        return _readings(uplink, plain, data, address, status)

    return decode


def _encrypted(data: ByteReader, configuration: int) -> tuple[bytes, bytes]:
    """Message counter and encrypted bytes of a payload in security profile D."""
    mode = configuration >> 8 & 0x1F
    if mode != _PROFILE_D or configuration & 0xFF != _WHOLE_PAYLOAD:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"encryption {configuration:04x} is not supported")
    if data.take(2) != _EXTENSION:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "security profile D with an unknown extension")
    return data.take(4), data.rest()


def _without_address(keys: KeyRing) -> Fragment:
    if not len(keys):
        raise DecodeError(RejectReason.KEY_MISSING, "encrypted, and there is no meter_keys_file")
    return Fragment("long header", 0, 0)


def _readings(
    uplink: Uplink, plain: ByteReader, data: ByteReader, address: Address | None = None, status: int = 0
) -> list[HeatMeter]:
    plain.peek()  # a payload without any record is truncated
    log = HeatLog(uplink, data, _INFO, subject="" if address is None else address.name)
    if status & _ERRORS:
        log.flags |= QualityFlag.METER_ERROR
    found = log.readings(list(records(plain)))
    if address is None or address.medium not in COOLING_MEDIA:
        return found
    return [_as_cooling(reading) for reading in found]


def _as_cooling(reading: HeatMeter) -> HeatMeter:
    return reading.model_copy(update={"energy": None, "cooling_energy": reading.energy})


def join(uplinks: Sequence[Uplink]) -> Iterator[Joined]:
    """Encrypted payloads with a short header, each with the address of the last long header before it, or the next."""
    headers = [uplink for uplink in uplinks if uplink.payload[:1] == b"\x72" and len(uplink.payload) > _ADDRESS.stop]
    for uplink in uplinks:
        if uplink.payload[:1] != b"\x7a" or not _is_encrypted(uplink.payload):
            continue
        before = [header for header in headers if header.ns_time <= uplink.ns_time]
        if nearest := (before[-1:] or headers[:1]):
            payload = b"\x72" + nearest[0].payload[_ADDRESS] + uplink.payload[1:]
            yield Joined(replace(uplink, f_port=_LONG_PORT, payload=payload), (uplink,))


def _is_encrypted(short: bytes) -> bool:
    return len(short) > 4 and bool(short[4] & 0x1F)


DECODER = Decoder(
    name="kamstrup_multical",
    version=1,
    vendor="Kamstrup",
    model="MULTICAL 403/603/803 with HC-003-55",
    function=bind(NO_KEYS),
    kinds=(HeatMeter,),
    source="Actility device catalog, driver for Kamstrup (published examples); EN 13757-3, EN 13757-7",
    profiles=("Kamstrup MULTICAL", "MULTICAL 403", "MULTICAL 603", "MULTICAL 803", "Kamstrup HC-003-55"),
    bind=bind,
    assembly=Assembly(join, timedelta(0), context_ports=(_LONG_PORT,)),
)
