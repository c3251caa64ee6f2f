"""Frames of real heat meters, read by wire: our records against those that libmbus prints for them."""

import json
from datetime import date, datetime
from math import isclose
from pathlib import Path

import pytest

from decoders.mbus.header import Function
from decoders.mbus.records import MANUFACTURER_DATA, Record, records
from decoders.mbus.vif import Measure
from decoders.reader import ByteReader

FRAMES = json.loads((Path(__file__).parent / "frames.json").read_text())

BEFORE_RECORDS = 4 + 3 + 12
"""Start, lengths, start; control, address, CI 72; long header. Checksum and stop follow the records."""

OURS_PER_THEIRS = {"Wh": 0.001, "W": 0.001}
QUANTITIES = {
    "Energy": Measure.ENERGY,
    "Volume": Measure.VOLUME,
    "Power": Measure.POWER,
    "Volume flow": Measure.VOLUME_FLOW,
    "Flow temperature": Measure.FLOW_TEMPERATURE,
    "Return temperature": Measure.RETURN_TEMPERATURE,
    "Temperature difference": Measure.TEMPERATURE_DIFFERENCE,
    "On time": Measure.ON_TIME,
    "Operating time": Measure.OPERATING_TIME,
    "Time point (date & time)": Measure.DATE_TIME,
    "Time point (date)": Measure.DATE,
    "Fabrication No": Measure.FABRICATION_NUMBER,
    "(Enhanced) Identification": Measure.IDENTIFICATION,
    "Error flags": Measure.ERROR_FLAGS,
    "Medium": Measure.DEVICE_TYPE,
    "Firmware version": Measure.FIRMWARE_VERSION,
    "Software version": Measure.SOFTWARE_VERSION,
    "Customer location": Measure.CUSTOMER_LOCATION,
    "H.C.A.": Measure.HEAT_COST_UNITS,
    "Manufacturer specific": Measure.MANUFACTURER_SPECIFIC,
}


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame["name"])
def test_frame_gives_the_records_that_libmbus_prints(frame: dict) -> None:
    data = bytes.fromhex(frame["frame"])[BEFORE_RECORDS:-2]
    found = list(records(ByteReader(data)))
    assert len(found) == len(frame["records"])
    for record, theirs in zip(found, frame["records"], strict=True):
        if "manufacturer_data" in theirs:
            assert record == Record(MANUFACTURER_DATA, None, bytes.fromhex(theirs["manufacturer_data"]))
        else:
            assert describe(record) == describe_theirs(theirs)
            assert same_value(record, theirs), (record, theirs)


def describe(record: Record) -> tuple[object, ...]:
    header = record.header
    return header.vif.measure, header.function, header.storage, header.tariff, header.subunit


def describe_theirs(theirs: dict) -> tuple[object, ...]:
    function = Function[theirs["function"].upper()]
    return QUANTITIES[theirs["quantity"]], function, theirs["storage"], theirs["tariff"], theirs["subunit"]


def same_value(record: Record, theirs: dict) -> bool:
    value = record.value
    if record.header.function is Function.ERROR and value is None:
        return True  # invalid BCD digits, of which libmbus makes a number
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}" == theirs["value"]
    if isinstance(value, date):
        return value.isoformat() == theirs["value"]
    assert isinstance(value, (int, float))
    printed = float(theirs["value"]) * OURS_PER_THEIRS.get(theirs["unit"], 1)
    return isclose(value, printed, rel_tol=1e-6, abs_tol=1e-6)
