"""Every vector decodes to its hand-checked readings, and those agree with the vendor wherever they should."""

import pytest

from decoders.readings import quantities
from stadtfunk.kit.vectors import differences, same

from .cases import REGISTRY, Case, all_cases

CASES = list(all_cases())

VENDOR_FIELDS = {
    "dragino_lse01": {
        "Bat": "battery_voltage",
        "BatV": "battery_voltage",
        "TempC_DS18B20": "air_temperature",
        "temp_DS18B20": "air_temperature",
        "water_SOIL": "soil_moisture",
        "temp_SOIL": "soil_temperature",
        "conduct_SOIL": "conductivity",
    },
    "milesight_em500_smtc": {
        "battery": "battery_level",
        "temperature": "soil_temperature",
        "moisture": "soil_moisture",
        "electricity": "conductivity",
    },
    "decentlab_dl_trs12": {
        "battery_voltage": "battery_voltage",
        "volumetric_water_content": "soil_moisture",
        "soil_temperature": "soil_temperature",
        "electrical_conductivity": "conductivity",
        "dielectric_permittivity": "permittivity",
    },
    "bosch_tps110": {"occupied": "occupied", "temperature": "device_temperature"},
    "nwave_nps405": {
        "occupied": "occupied",
        "temperature": "device_temperature",
        "battery_voltage": "battery_voltage",
        "previous_state_duration": "previous_duration",
    },
    "elvaco_cmi41xx": {
        "energy": "energy",
        "energy_mwh": "energy",
        "energyAtDueDate": "energy_due_date",
        "volume": "volume",
        "volume_m3": "volume",
        "power": "power",
        "power_kw": "power",
        "flow": "flow",
        "flow_m3h": "flow",
        "flow_temperature": "flow_temperature",
        "supply_temperature": "flow_temperature",
        "forwardTemperature": "flow_temperature",
        "fw_temp_c": "flow_temperature",
        "return_temperature": "return_temperature",
        "returnTemperature": "return_temperature",
        "rt_temp_c": "return_temperature",
        "errorFlags": "error_code",
        "error_flag": "error_code",
    },
}
"""What the vendors call our fields. Their units are ours but for `FACTORS` and the units they name."""

FACTORS = {"volumetric_water_content": 100, "energy_mwh": 1000}
UNITS = {"W": 0.001, "Wh": 0.001}
ROUNDED = 0.005
"""element-parsers' examples round to four digits of m3/m3."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_decodes_to_the_hand_checked_readings(case: Case) -> None:
    assert list(differences(REGISTRY.by_name(case.decoder), case)) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.vendor and case.readings], ids=str)
def test_the_hand_checked_readings_agree_with_the_vendor_but_where_a_note_says_why(case: Case) -> None:
    ours: dict[str, object] = {}
    for entry in case.readings or ():
        if not entry.get("observed_at"):
            ours |= entry["values"]
    theirs = vendor_values(case)
    differing = {
        field
        for field, value in theirs.items()
        if not same(ours.get(field), value, ROUNDED if "element-parsers" in case.source else 1e-9)
    }
    assert differing == set(case.deviates)
    assert case.note or not case.deviates


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_vector_names_its_source(case: Case) -> None:
    assert case.source
    assert (case.readings is None) != (case.error is None)


def vendor_values(case: Case) -> dict[str, float | None]:
    """The vendor's values under our names and in our units."""
    vendor = case.vendor or {}
    values: dict[str, float | None] = {}
    for theirs, ours in VENDOR_FIELDS[case.decoder].items():
        if theirs in vendor:
            value = vendor[theirs]
            value = value["value"] if isinstance(value, dict) else value
            unit = vendor.get(f"{theirs}Unit") or vendor.get(f"{theirs}_unit")
            scale = FACTORS.get(theirs, 1) * UNITS.get(str(unit), 1)
            values[ours] = None if value is None else float(value) * scale
    return values


def test_field_names_of_the_vendors_stand_for_real_fields() -> None:
    for name, fields in VENDOR_FIELDS.items():
        known = {column for kind in REGISTRY.by_name(name).kinds for column in quantities(kind)}
        assert set(fields.values()) <= known
