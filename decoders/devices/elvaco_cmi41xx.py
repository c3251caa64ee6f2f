"""Elvaco CMi4110, 4111, 4130, 4140, 4160 and 4170: LoRaWAN modules in district-heating meters.

Layout, any port: byte 0 is the message format, the rest plain M-Bus records (EN 13757-3: DIF, VIF, data;
little-endian), without header, checksum or encryption. Units come from each record's VIF.

    module (meter)                    values   records                                     JSON
    4110 (Landis+Gyr UH50, UC50)      BCD      00 01 03 04 3F 40 41 46 47 48 49 4A         02
    4111 (Landis+Gyr T230, T330)      integer  05 06 08 09 0A 0B 0C 0D                     07
    4130 (Itron CF Echo II, CF55)     integer  0F 10 12 13 14                              11
    4140 (Kamstrup MULTICAL x03)      integer  15 16 18 19 1A 1B 1C 1D 3B 3C 4D 4E 4F      17
    4160 (Diehl SHARKY 775)           integer  1E 1F 21 22 23 3D 3E                        20
    4170 (Engelmann SensoStar)        integer  24 25 27 28 29 2C 2D 50                     26
    all                                        FA clock (once a day: the meter's time)

Beside standard records:
    8x.. FF 02   cooling energy;  8x.. FF 03   energy counted in the wrong mounting position (no reading)
    07 FF A0 s   power and flow: flow temperature and return temperature i16 / 100 Cel, flow i16 * 10^(m-6) m3/h,
                 power i16 * 10^(n-3) W with n = bits 6-4 and m = bits 2-0 of s. The manuals call the words unsigned
                 and give three powers of ten for the flow; signs and this power are those of the plain records.
    06 FF 21     alarm u16, meter number u32;  07 FF 21   error flags u32, meter number u32
    0D FF 21 E9  status byte, meter number BCD, manufacturer u16, version, medium
    84 01, 8C 01 storage 2: energy at the due date or of the previous month
Daily redundant formats may send midnight's energy as a second plain energy record; Heat Intelligence (1B) cooling.
Simple billing (0B) sends the previous month with the error bits set (`B4 01`); it is valid as long as the energy is.

JSON: `{"E": energy, "U": unit, "ID": meter number}`; E may be text, and null in error state.

Errors: no contact to the meter is `0E 00`, `{ }` or records in error state (function bits 11 of the DIF): None with
METER_ERROR. Invalid BCD and "not available" become None with SENSOR_FAULT. `error_code` holds the meter's flags as
sent; what they mean differs by meter:
    UH50 (u16)      bits 0-9 = F0-F9, 10 dirt, 11 memory pre-warning
    T330 (u32)      low byte: F0-F7
    Kamstrup (u32)  0 supply, 1 battery, 2 alarm, 3-7 temperatures, 8-11 flow V1, 12-15 inputs, 16-17 V1, ...
    SHARKY (u8)     08 C-1, 04 E-8, 28 E-4, 50 E-1, 70 E-7, 84 E-9, B0 E-3, D0 E-6, F0 leakage, 10 E-5

Source: Elvaco manuals CMi4110 v1.5, CMi4111 v1.4, CMi4130 v1.1, CMi4140 v1.1, CMi4160 v1.4.
"""

import json
import re
from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.heat import HeatTelegram
from decoders.mbus.header import Function, Header
from decoders.mbus.records import Record, records
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag, Reading
from decoders.uplink import Uplink

_RECORD_FORMATS = frozenset(
    bytes.fromhex(
        "00010304 3f4041 464748494a"  # CMi4110
        "0506 08090a0b0c0d"  # CMi4111
        "0f10 121314"  # CMi4130
        "1516 18191a1b1c1d 3b3c 4d4e4f"  # CMi4140
        "1e1f 212223 3d3e"  # CMi4160
        "2425 272829 2c2d 50"  # CMi4170
        "fa"  # clock
    )
)
_JSON_FORMATS = frozenset(bytes.fromhex("02 07 11 17 20 26"))
_SIMPLE_BILLING = 0x0B
_NO_CONTACT = 0x0E
_SECOND_ENERGY = {
    **dict.fromkeys((0x03, 0x08, 0x12, 0x18, 0x21, 0x27), "energy_due_date"),
    0x1B: "cooling_energy",
}

_LONGEST_JSON = 250
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_KWH: dict[str, tuple[int, int]] = {
    "wh": (1, 1000),
    "kwh": (1, 1),
    "mwh": (1000, 1),
    "gwh": (1_000_000, 1),
    "j": (1, 3_600_000),
    "kj": (1, 3600),
    "mj": (1000, 3600),
    "gj": (1_000_000, 3600),
    "cal": (1163, 1_000_000_000),
    "kcal": (1163, 1_000_000),
    "mcal": (1163, 1000),
    "gcal": (1163, 1),
}
"""Units of the JSON formats, folded in case: kWh = value * first / second."""


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    message_format = data.u8()
    if message_format in _RECORD_FORMATS:
        telegram = _read_records(message_format, data)
    elif message_format in _JSON_FORMATS:
        telegram = _read_json(data)
    elif message_format == _NO_CONTACT and data.rest() == b"\0":
        telegram = HeatTelegram(flags=QualityFlag.METER_ERROR)
    else:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"no message format {message_format:02x}")
    if not (telegram.values or telegram.subject or telegram.flags):
        data.warn("no record that stands for a field")
        return []
    return [telegram.reading(uplink)]


def _read_records(message_format: int, data: ByteReader) -> HeatTelegram:
    telegram = HeatTelegram()
    data.peek()  # a format without any record is truncated
    for record in records(data):
        measure = record.header.vif.measure
        if measure is Measure.ENERGY:
            _take_energy(message_format, record, telegram)
        elif measure is Measure.MANUFACTURER_SPECIFIC:
            for plain in _unpack(record):
                telegram.add(plain)
        else:
            telegram.add(record)
    return telegram


def _take_energy(message_format: int, record: Record, telegram: HeatTelegram) -> None:
    """Put an energy where its header says, or where the message format says more."""
    header = record.header
    if header.current and "energy" in telegram.values and message_format in _SECOND_ENERGY:
        telegram.put(_SECOND_ENERGY[message_format], record)
    elif _is_due_date(header):
        if message_format == _SIMPLE_BILLING and telegram.values.get("energy") is not None:
            record = record._replace(header=header._replace(function=Function.INSTANTANEOUS))
        telegram.put("energy_due_date", record)
    else:
        telegram.add(record)


def _is_due_date(header: Header) -> bool:
    """An energy of storage 2, the total of the meter itself and no peak."""
    return (
        header.storage == 2
        and header.function in (Function.INSTANTANEOUS, Function.ERROR)
        and not (header.tariff or header.subunit or header.modifiers or header.manufacturer)
    )


def _unpack(record: Record) -> Sequence[Record]:
    """A packed record written out as plain ones, in error state if it is; nothing for one that is not known."""
    header, value = record.header, record.data
    match tuple(header.manufacturer), len(value):
        case (0xA0, scale), 8:
            pairs = _power_flow(scale, value)
        case (0x21,), 6:
            pairs = ((b"\x02\xfd\x17", value[:2]), (b"\x04\x78", value[2:]))
        case (0x21,), 8:
            pairs = ((b"\x04\xfd\x17", value[:4]), (b"\x04\x78", value[4:]))
        case (0x21,), 9:
            pairs = ((b"\x01\xfd\x17", value[:1]), (b"\x07\x79", value[1:]))
        case _:
            return ()
    error_bits = header.raw[0] & 0x30
    plain = b"".join(bytes((head[0] | error_bits,)) + head[1:] + part for head, part in pairs)
    return tuple(records(ByteReader(plain)))


def _power_flow(scale: int, value: bytes) -> tuple[tuple[bytes, bytes], ...]:
    flow, power = 0x38 | scale & 0x07, 0x28 | scale >> 4 & 0x07
    return (
        (b"\x02\x59", value[:2]),
        (b"\x02\x5d", value[2:4]),
        (bytes((0x02, flow)), value[4:6]),
        (bytes((0x02, power)), value[6:]),
    )


def _read_json(data: ByteReader) -> HeatTelegram:
    text = data.rest()
    if len(text) > _LONGEST_JSON:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"JSON of {len(text)} bytes")
    try:
        document = json.loads(text.rstrip(b"\0").decode("ascii"))
    except ValueError:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "JSON format without JSON") from None
    if not isinstance(document, dict):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "JSON format without an object")
    energy = _kilowatt_hours(document.get("E"), document.get("U"))
    telegram = HeatTelegram({"energy": energy}, subject=_meter_number(document.get("ID")))
    if energy is None:
        telegram.flags = QualityFlag.METER_ERROR
    return telegram


def _kilowatt_hours(energy: object, unit: object) -> float | None:
    """The energy of a JSON message; None when the meter gave none."""
    if energy is None:
        return None
    scale = _KWH.get(str(unit).casefold())
    if isinstance(energy, str) and _NUMBER.fullmatch(energy):
        energy = float(energy) if "." in energy else int(energy)
    if scale is None or isinstance(energy, bool) or not isinstance(energy, (int, float)):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "energy is no number of a known unit")
    return energy * scale[0] / scale[1]


def _meter_number(number: object) -> str:
    """The meter number of a JSON message, 8 digits; empty when the meter gave none."""
    if number is None:
        return ""
    digits = str(number)
    if isinstance(number, bool) or not re.fullmatch(r"\d{1,12}", digits, re.ASCII):
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "meter number is no number")
    return digits.zfill(8)


DECODER = Decoder(
    name="elvaco_cmi41xx",
    version=1,
    vendor="Elvaco",
    model="CMi4110/4111/4130/4140/4160/4170",
    function=decode,
    kinds=(HeatMeter,),
    source="Elvaco manuals CMi4110 v1.5, CMi4111 v1.4, CMi4130 v1.1, CMi4140 v1.1, CMi4160 v1.4",
    profiles=tuple(
        prefix + module
        for module in ("CMi4110", "CMi4111", "CMi4130", "CMi4140", "CMi4160", "CMi4170", "CMi41xx")
        for prefix in ("", "Elvaco ", "elvaco/")
    ),
)
