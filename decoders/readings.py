"""Reading kinds: one frozen pydantic model = one table. The models are the single source of columns, units,
rollups, panels and APIs. Adding a field adds a column; adding a kind adds a table.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from decoders.quantities import Nature, Quantity
from decoders.reading import QualityFlag, Reading, quantities, whole_second
from decoders.uplink import Privacy

__all__ = [
    "KINDS",
    "BayEvent",
    "DeviceHealth",
    "HeatMeter",
    "ParkingBay",
    "PeopleCount",
    "QualityFlag",
    "Reading",
    "TreeCrown",
    "TreeMoisture",
    "quantities",
    "whole_second",
]


class BayEvent(StrEnum):
    """Why a parking sensor spoke; only a change or a heartbeat is a sighting."""

    CHANGE = "change"
    HEARTBEAT = "heartbeat"
    STARTUP = "startup"


class TreeMoisture(Reading):
    """Soil at a tree: one reading per probe (channel 0 = the uppermost)."""

    kind = "tree_moisture"
    title = "Baumfeuchte"

    soil_moisture: Annotated[
        float | None, Quantity("%{vol}", "volumetric water content of the soil", "Bodenfeuchte", low=-10, high=100)
    ] = None
    soil_tension: Annotated[
        float | None, Quantity("kPa", "soil water tension (positive)", "Saugspannung", low=0, high=100_000)
    ] = None
    soil_temperature: Annotated[
        float | None, Quantity("Cel", "soil temperature at the probe", "Bodentemperatur", low=-40, high=80)
    ] = None
    conductivity: Annotated[
        float | None, Quantity("uS/cm", "electrical conductivity of the soil", "Leitfähigkeit", low=0, high=30_000)
    ] = None
    permittivity: Annotated[
        float | None, Quantity("1", "relative dielectric permittivity", "Permittivität", low=0, high=100)
    ] = None
    air_temperature: Annotated[
        float | None, Quantity("Cel", "temperature of an external probe", "Außenfühler", low=-55, high=125)
    ] = None
    air_humidity: Annotated[
        float | None, Quantity("%", "relative humidity of the air", "Luftfeuchte", low=0, high=100)
    ] = None
    moisture_by_mass: Annotated[
        float | None, Quantity("%{mass}", "gravimetric water content of the soil", "Massenfeuchte", low=0, high=200)
    ] = None
    moisture_index: Annotated[
        float | None,
        Quantity("1", "moisture on the probe's own scale, not calibrated to a soil", "Feuchteindex", low=-10, high=200),
    ] = None
    resistance: Annotated[
        float | None,
        Quantity("kOhm", "resistance that the tension was computed from", "Widerstand", low=0, high=100_000),
    ] = None
    reported_tension: Annotated[
        float | None,
        Quantity(
            "kPa",
            "tension as the device says, where ours is corrected for temperature",
            "Saugspannung laut Gerät",
            low=0,
            high=100_000,
        ),
    ] = None


class TreeCrown(Reading):
    """A sensor in the crown: how well the tree itself is supplied with water.

    The index is a quantity of its own and has no conversion to a soil's tension or moisture.
    """

    kind = "tree_crown"
    title = "Baumkrone"

    stress_index: Annotated[
        float | None,
        Quantity(
            "%",
            "how well the tree is supplied with water, as the maker rates it: 100 is best",
            "Stressindex",
            low=0,
            high=100,
        ),
    ] = None
    resistance: Annotated[
        float | None,
        Quantity("kOhm", "electrical resistance of the sapwood", "Holzwiderstand", low=0, high=100_000),
    ] = None
    crown_temperature: Annotated[
        float | None, Quantity("Cel", "temperature at the sensor", "Kronentemperatur", low=-55, high=85)
    ] = None
    air_humidity: Annotated[
        float | None, Quantity("%", "relative humidity of the air in the crown", "Luftfeuchte", low=0, high=100)
    ] = None
    light: Annotated[
        float | None, Quantity("%", "light at the sensor, of its full scale", "Licht", low=0, high=100)
    ] = None


class HeatMeter(Reading):
    """A heat meter's registers at one time; `subject` is the meter's own serial number."""

    kind = "heat_meter"
    title = "Wärmezähler"
    privacy = Privacy.HOUSEHOLD

    energy: Annotated[
        float | None, Quantity("kWh", "accumulated heat energy", "Wärmemenge", Nature.COUNTER, low=0, high=1e9)
    ] = None
    volume: Annotated[
        float | None,
        Quantity("m3", "accumulated volume of the heat carrier", "Volumen", Nature.COUNTER, low=0, high=1e9),
    ] = None
    power: Annotated[float | None, Quantity("kW", "thermal power", "Leistung", low=-100_000, high=100_000)] = None
    flow: Annotated[float | None, Quantity("m3/h", "volume flow", "Durchfluss", low=-10_000, high=10_000)] = None
    flow_temperature: Annotated[
        float | None, Quantity("Cel", "supply (flow) temperature", "Vorlauf", low=-20, high=200)
    ] = None
    return_temperature: Annotated[
        float | None, Quantity("Cel", "return temperature", "Rücklauf", low=-20, high=200)
    ] = None
    temperature_difference: Annotated[
        float | None, Quantity("K", "supply minus return temperature", "Spreizung", low=-200, high=200)
    ] = None
    cooling_energy: Annotated[
        float | None, Quantity("kWh", "accumulated cooling energy", "Kältemenge", Nature.COUNTER, low=0, high=1e9)
    ] = None
    energy_tariff_1: Annotated[
        float | None,
        Quantity("kWh", "accumulated energy of tariff register 1", "Tarif 1", Nature.COUNTER, low=0, high=1e9),
    ] = None
    energy_tariff_2: Annotated[
        float | None,
        Quantity("kWh", "accumulated energy of tariff register 2", "Tarif 2", Nature.COUNTER, low=0, high=1e9),
    ] = None
    energy_tariff_3: Annotated[
        float | None,
        Quantity("kWh", "accumulated energy of tariff register 3", "Tarif 3", Nature.COUNTER, low=0, high=1e9),
    ] = None
    energy_due_date: Annotated[
        float | None,
        Quantity(
            "kWh",
            "energy at the last due date or midnight (storage 1)",
            "Stichtagswert",
            Nature.COUNTER,
            low=0,
            high=1e9,
        ),
    ] = None
    error_code: Annotated[
        int | None, Quantity("", "the meter's own error or info bits, as sent", "Fehlercode", Nature.STATE)
    ] = None
    meter_time: Annotated[datetime | None, Quantity("", "the meter's own clock", "Zählerzeit", Nature.STATE)] = None


class ParkingBay(Reading):
    """One parking bay, or the way to several: occupied or not, and why the sensor spoke.

    A sighting is a state with the event change or heartbeat. `occupied` is None where the sensor spoke without having
    looked: after a start, or with a fault; what it repeats in an error report has no event.
    """

    kind = "parking_bay"
    title = "Stellplatz"

    occupied: Annotated[bool | None, Quantity("", "a vehicle stands over the sensor", "Belegt", Nature.STATE)] = None
    event: Annotated[
        BayEvent | None, Quantity("", "why the sensor spoke: change, heartbeat or startup", "Anlass", Nature.STATE)
    ] = None
    previous_duration: Annotated[
        float | None,
        Quantity(
            "min", "how long the previous state lasted, as the sensor says", "Dauer zuvor", low=0, high=10_000_000
        ),
    ] = None
    blocked: Annotated[
        bool | None,
        Quantity(
            "", "something lies on the sensor: snow, leaves, water; its state is doubtful", "Verdeckt", Nature.STATE
        ),
    ] = None
    vehicles: Annotated[
        int | None, Quantity("{vehicle}", "vehicles counted since start", "Fahrzeuge", Nature.COUNTER, low=0)
    ] = None


class PeopleCount(Reading):
    """People who passed a counting line, since start (counters) and in the reporting period, or are in an area now.

    `channel` is the line or area of the device. What a counter sends beside a fault (stopped, covered, warming up) is
    kept as it is, with the flag: totals only stand still.
    """

    kind = "people_count"
    title = "Personenzählung"

    entered: Annotated[
        int | None,
        Quantity("{person}", "people counted in direction A since start", "Eintritte", Nature.COUNTER, low=0),
    ] = None
    exited: Annotated[
        int | None,
        Quantity("{person}", "people counted in direction B since start", "Austritte", Nature.COUNTER, low=0),
    ] = None
    entered_period: Annotated[
        int | None, Quantity("{person}", "people in direction A in the reporting period", "Eintritte je Periode", low=0)
    ] = None
    exited_period: Annotated[
        int | None, Quantity("{person}", "people in direction B in the reporting period", "Austritte je Periode", low=0)
    ] = None
    present: Annotated[int | None, Quantity("{person}", "people in the area now", "Anwesende", low=0)] = None
    present_peak: Annotated[
        int | None,
        Quantity("{person}", "most people in the area at once in the reporting period", "Höchststand", low=0),
    ] = None
    occupied: Annotated[bool | None, Quantity("", "somebody is in the area", "Belegt", Nature.STATE)] = None
    dwell_average: Annotated[
        float | None, Quantity("s", "how long people stay in the area on average", "Verweildauer", low=0, high=1e6)
    ] = None
    dwell_longest: Annotated[
        float | None, Quantity("s", "longest stay in the area", "Längste Verweildauer", low=0, high=1e6)
    ] = None


class DeviceHealth(Reading):
    """The device itself: battery, link margin, temperature inside, firmware."""

    kind = "device_health"
    title = "Gerätezustand"

    battery_voltage: Annotated[float | None, Quantity("V", "battery voltage", "Batteriespannung", low=0, high=60)] = (
        None
    )
    battery_level: Annotated[float | None, Quantity("%", "battery level", "Batteriestand", low=0, high=100)] = None
    battery_low: Annotated[
        bool | None, Quantity("", "the device asks for a new battery", "Batterie schwach", Nature.STATE)
    ] = None
    external_power: Annotated[
        bool | None, Quantity("", "the device runs on external power", "Netzbetrieb", Nature.STATE)
    ] = None
    link_margin: Annotated[
        float | None,
        Quantity("dB", "demodulation margin of the last downlink status answer", "Funkreserve", low=-32, high=31),
    ] = None
    device_temperature: Annotated[
        float | None, Quantity("Cel", "temperature inside the device", "Gerätetemperatur", low=-60, high=120)
    ] = None
    firmware: Annotated[str | None, Quantity("", "firmware version", "Firmware", Nature.STATE)] = None
    reset_cause: Annotated[str | None, Quantity("", "why the device restarted", "Neustartgrund", Nature.STATE)] = None


KINDS: tuple[type[Reading], ...] = (TreeMoisture, TreeCrown, HeatMeter, ParkingBay, PeopleCount, DeviceHealth)
