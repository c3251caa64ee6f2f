"""Every vector decodes to its hand-checked readings, and those agree with the vendor wherever they should."""

from decoders.readings import quantities
from stadtfunk.kit.expectations import differences, same
from tests.support.for_each import for_each

from . import vendors_bays_and_people, vendors_heat, vendors_soil, vendors_wmbus
from .cases import REGISTRY, Case, all_cases

CASES = list(all_cases())

VENDOR_FIELDS = {
    **vendors_soil.FIELDS,
    **vendors_bays_and_people.FIELDS,
    **vendors_heat.FIELDS,
    **vendors_wmbus.FIELDS,
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

FACTORS = vendors_soil.FACTORS | vendors_bays_and_people.FACTORS | vendors_heat.FACTORS | {"energy_mwh": 1000}
UNITS = {"W": 0.001, "Wh": 0.001, "MWh": 1000}
ROUNDED = 0.005
"""element-parsers' examples round to four digits of m3/m3."""


@for_each(CASES)
def test_decodes_to_the_hand_checked_readings(case: Case) -> None:
    assert list(differences(REGISTRY.by_name(case.decoder), case)) == []


@for_each(case for case in CASES if case.vendor and case.readings)
def test_the_hand_checked_readings_agree_with_the_vendor_but_where_a_note_says_why(case: Case) -> None:
    ours: dict[str, object] = {}
    for entry in case.readings or ():
        if not entry.get("observed_at"):
            channel = f"@{entry['channel']}" if entry["channel"] else ""
            ours |= {name + channel: value for name, value in entry["values"].items()}
    theirs = vendor_values(case)
    differing = {
        field
        for field, value in theirs.items()
        if not same(ours.get(field), value, ROUNDED if "element-parsers" in case.source else 1e-9)
    }
    assert differing == set(case.deviates)
    assert case.note or not case.deviates


@for_each(CASES)
def test_every_vector_names_its_source(case: Case) -> None:
    assert case.source
    assert (case.readings is None) != (case.error is None)


def vendor_values(case: Case) -> dict[str, float | str | None]:
    """The vendor's values under our names and in our units."""
    vendor = flattened(case.vendor or {})
    values: dict[str, float | str | None] = {}
    for theirs, ours in VENDOR_FIELDS[case.decoder].items():
        if theirs in vendor:
            value = vendor[theirs]
            value = value["value"] if isinstance(value, dict) else value
            unit = vendor.get(f"{theirs}.unit") or vendor.get(f"{theirs}Unit") or vendor.get(f"{theirs}_unit")
            scale = FACTORS.get(theirs, 1) * UNITS.get(str(unit), 1)
            known = value if ours == "firmware" else number(value)
            values[ours] = known * scale if isinstance(known, float) else known
    return values


def number(value: object) -> float | str | None:
    """A number, also where the vendor writes it as text; other texts (versions) as they are."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return value


def flattened(vendor: dict[str, object]) -> dict[str, object]:
    """Values that a vendor nests in objects as `object.value`, and those of lists of messages under their names."""
    flat = dict(vendor)
    for name, value in vendor.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": part for inner, part in flattened(value).items()}
    for message in [*vendor.get("messages", ()), *vendor.get("readings", ())]:
        if "measurementId" in message:
            flat[f"measurement {message['measurementId']}"] = message["measurementValue"]
        elif "index" in message:
            flat[f"{message['name']} {message['index']}"] = message["value"]
        else:
            flat |= message
    return flat


def test_field_names_of_the_vendors_stand_for_real_fields() -> None:
    for name, fields in VENDOR_FIELDS.items():
        known = {column for kind in REGISTRY.by_name(name).kinds for column in quantities(kind)}
        assert {field.partition("@")[0] for field in fields.values()} <= known
