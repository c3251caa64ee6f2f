"""Three days of a small city, the same in every database: for tests that compare two ways to judge it."""

from datetime import timedelta
from random import Random

from alerts.charging.status import EvseState
from alerts.settings import AlertSettings
from decoders.readings import DeviceHealth, Reading, TreeMoisture
from tests.integration.alerts.engine_radio import every, gateway_heard, hear, refused
from tests.integration.alerts.engine_store import NOW
from tests.integration.parking.street import Street, at
from tests.support.store import Store

HOUR = timedelta(hours=1)
SINCE, UNTIL = NOW - 60 * HOUR, NOW
FROST = {"kind": "threshold", "reading": "tree_moisture", "quantity": "soil_temperature", "below": 0, "dwell": "30m"}
RULES = {
    "frost": FROST,
    "batteries": {"kind": "battery_low", "dwell": "3h"},
    "silent": {"kind": "device_silent", "unlearned": "5h"},
    "gateways": {"kind": "gateway_silent", "after": "3h"},
    "refusals": {"kind": "reject_rate"},
    "parking": {"kind": "wrong_parking"},
    "sensors": {"kind": "bay_sensor", "timers": {"stuck": "6h"}},
}
SETTINGS = AlertSettings.model_validate({"rules": RULES})


def fill(store: Store) -> None:
    """Fourteen devices, four bays at two stations, a gateway and refused messages."""
    chance = Random(3)
    readings: list[Reading] = []
    for number in range(12):
        device = f"d{number:02}"
        times = [one for one in every(HOUR, NOW - 72 * HOUR, NOW) if chance.random() < 0.6]
        hear(store, device, *times)
        for one in times:
            readings.append(TreeMoisture(device=device, observed_at=one, soil_temperature=chance.uniform(-4, 3)))
            readings.append(DeviceHealth(device=device, observed_at=one, battery_level=chance.uniform(5, 50)))
    store.add(readings)
    for number in (12, 13):  # one was silent for a while, one still is
        hear(store, f"d{number}", *every(HOUR, NOW - 72 * HOUR, NOW - 50 * HOUR), *[NOW - HOUR] * (number == 12))
    gateway_heard(store, "00a1", *(one for one in every(HOUR, NOW - 72 * HOUR, NOW) if chance.random() < 0.5))
    refused(store, 60, NOW - 20 * HOUR)
    _park(Street(store), chance)


def _park(street: Street, chance: Random) -> None:
    for number in range(4):
        key, evse = f"LS0{number // 2}-{number}", f"E{number}"
        device = street.bay(key, station=f"LS0{number // 2}", evses=[evse], mapping="FIXED")
        street.point(evse, -80 * 60, EvseState.IDLE)
        minute, occupied = -75.0 * 60, False
        while minute < -120:
            street.sees(device, minute, occupied)
            occupied = not occupied
            minute += chance.choice((3, 3, 4, 200, 900))
        street.sees(device, -100, number < 2)
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-100 * 60), at(0))
