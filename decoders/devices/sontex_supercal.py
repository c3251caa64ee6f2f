"""Sontex Supercal 739, 749, 789 (7x9) and Supercal 5 with a LoRaWAN module.

Layout, port 2: plain M-Bus records (EN 13757-3), little-endian, without header, checksum or encryption:

    04 05..07, 0E, 0F   energy                              84 10 06            cooling energy (tariff 1)
    04 13, 14           volume                              82 0A 6C            set day; E1 F1 = not set
    0C 78               meter number, BCD8                  84 0A 06, 84 0A 14  energy and volume at the set day
    04 6D               the meter's clock                   84 1A 06            cooling energy at the set day
    02 FF 2C            errors u16, see below               84 40, 84 80 40     pulse inputs 1 and 2 (no reading)
    02 59, 02 5D        supply and return temperature       84 4A, 84 8A 40     pulse inputs at the set day
    02 3B               flow                                03 2C               power, 24 bits

Errors: 0-1 sensor 1 or its reference, 2-3 sensor 2 or its reference, 4 converter late, 5 and 6 temperature 1 and 2 out
of range, 7 flow saturated, 8-13 protocol, 15 device disabled. Temperatures and what is computed from them are kept as
sent; any of bits 0-7 and 15 raises METER_ERROR.

The vendor's published example ends in a power of 83,230.72 kW and a cooling energy of 255 kWh: a format test.

Source: Sontex 7x9 and Supercal 5 drivers of actility/device-catalog; element-parsers sontext_7x9_heat (real telegrams).
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
from decoders.heat import HeatTelegram
from decoders.mbus.header import Function, Header
from decoders.mbus.records import Record, records
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader
from decoders.readings import HeatMeter, QualityFlag, Reading
from decoders.uplink import Uplink

_DETAILED_ERRORS = b"\x2c"
"""What follows the VIF `FF` of the error word."""
_SET_DAY = 20
"""Storage number of the values at the set day."""
_COOLING = 1
"""Tariff register that counts cooling energy."""
_METER_FAULTS = 0x80FF


def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
    data.peek()
    telegram = HeatTelegram()
    for record in records(data):
        _take(record, telegram)
    return [telegram.reading(uplink)]


def _take(record: Record, telegram: HeatTelegram) -> None:
    header = record.header
    if header.manufacturer == _DETAILED_ERRORS:
        _take_errors(record, telegram)
    elif header.vif.measure is Measure.ENERGY and _is_total(header):
        name = _energy(header)
        if name is not None:
            telegram.put(name, record)
    else:
        telegram.add(record)


def _take_errors(record: Record, telegram: HeatTelegram) -> None:
    code = int.from_bytes(record.data, "little")
    telegram.values["error_code"] = code
    if code & _METER_FAULTS or record.header.function is Function.ERROR:
        telegram.flags |= QualityFlag.METER_ERROR


def _is_total(header: Header) -> bool:
    """A sum that the meter itself keeps: no maximum and no pulse input."""
    return header.function in (Function.INSTANTANEOUS, Function.ERROR) and not (header.subunit or header.modifiers)


def _energy(header: Header) -> str | None:
    match header.storage, header.tariff:
        case 0, 0:
            return "energy"
        case 0, tariff if tariff == _COOLING:
            return "cooling_energy"
        case storage, 0 if storage == _SET_DAY:
            return "energy_due_date"
    return None


DECODER = Decoder(
    name="sontex_supercal",
    version=1,
    vendor="Sontex",
    model="Supercal 739/749/789, Supercal 5",
    function=decode,
    kinds=(HeatMeter,),
    source="actility/device-catalog sontex 7x9 and sc5; element-parsers sontext_7x9_heat",
    profiles=("Sontex Supercal", "Sontex 7x9", "Sontex Supercal 739", "Sontex Supercal 749", "Sontex Supercal 5"),
    f_ports=(2,),
)
