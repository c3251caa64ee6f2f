"""A rule tried on history in portions says what one look at everything says, and holds no more than a portion."""

from datetime import timedelta
from random import Random

import pytest

from alerts.charging.status import EvseState
from alerts.model import Finding
from alerts.rules import streets
from alerts.settings import AlertSettings
from alerts.trial import trial
from decoders.readings import DeviceHealth, TreeMoisture
from storage.database import Connection, Role
from tests.integration.alerts.engine_radio import every, gateway_heard, hear, refused
from tests.integration.alerts.engine_store import NOW
from tests.integration.parking.street import Street, at
from tests.integration.storage.conftest import plain_store
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


@pytest.fixture(scope="module")
def city(postgres, migrated_template):
    """Three days of twelve devices, four bays at two stations, a gateway and refused messages."""
    chance = Random(3)
    with plain_store(postgres, migrated_template) as store:
        for number in range(12):
            device = f"d{number:02}"
            times = [one for one in every(HOUR, NOW - 72 * HOUR, NOW) if chance.random() < 0.6]
            hear(store, device, *times)
            store.add(
                TreeMoisture(device=device, observed_at=one, soil_temperature=chance.uniform(-4, 3)) for one in times
            )
            store.add(
                DeviceHealth(device=device, observed_at=one, battery_level=chance.uniform(5, 50)) for one in times
            )
        gateway_heard(store, "00a1", *(one for one in every(HOUR, NOW - 72 * HOUR, NOW) if chance.random() < 0.5))
        refused(store, 60, NOW - 20 * HOUR)
        _park(Street(store), chance)
        yield store


def _park(street: Street, chance: Random) -> None:
    for number in range(4):
        key, evse = f"LS0{number // 2}-{number}", f"E{number}"
        device = street.bay(key, station=f"LS0{number // 2}", evses=[evse], mapping="FIXED")
        street.point(evse, -80 * 60, EvseState.IDLE)
        minute, occupied = -75.0 * 60, False
        while minute < -120:
            street.sees(device, minute, occupied)
            occupied = not occupied
            minute += chance.choice((3, 3, 4, 90, 500))
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-100 * 60), at(0))


def tried(store: Store, rule: str) -> list[list[Finding]]:
    """What a trial tells, part by part."""

    async def ask(connection: Connection) -> list[list[Finding]]:
        told = trial(connection, rule, SETTINGS, since=SINCE, until=UNTIL)
        return [list(part.findings) async for part in told]

    return store.run(ask, role=Role.ALERTS)


@pytest.mark.parametrize("rule", RULES)
def test_portions_say_what_one_look_says(city: Store, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = tried(city, rule)
    assert whole, "there is something to find"
    monkeypatch.setattr("alerts.rules.devices.DEVICE_DAYS", 9)
    monkeypatch.setattr("alerts.rules.parking_past.BAY_DAYS", 3)
    parts = tried(city, rule)
    assert _sorted(one for part in parts for one in part) == _sorted(whole)
    if rule in ("frost", "batteries", "silent", "parking", "sensors"):
        assert len(parts) > 1
        assert max(map(len, parts)) < len(whole), "memory holds a part"
        subjects = [{one.subject.partition("/")[0] for one in part} for part in parts]
        assert sum(map(len, subjects)) == len(set().union(*subjects)), "each subject is in one of them"


def _sorted(found) -> list[Finding]:
    return sorted(found, key=lambda one: (one.subject, one.occurrence, one.code))


def test_bays_of_a_station_are_never_parted() -> None:
    from alerts.parking.inputs import Bay
    from alerts.parking.loading import Site

    sites = [Site(Bay(f"B{n}", f"S{n // 3}", ()), "", ()) for n in range(9)] + [Site(Bay("X", "", ()), "", ())] * 2
    parts = list(streets.portions(sites, 2))
    assert [len(part) for part in parts] == [2, 3, 3, 3]
