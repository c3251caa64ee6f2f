"""A rule tried on history in portions says what one look at everything says, and holds no more than a portion."""

import pytest

from alerts.model import Finding
from alerts.rules import streets
from alerts.trial import trial
from storage.database import Connection, Role
from tests.integration.alerts.engine_city import RULES, SETTINGS, SINCE, UNTIL, fill
from tests.integration.storage.conftest import plain_store
from tests.support.store import Store


@pytest.fixture(scope="module")
def city(postgres, migrated_template):
    with plain_store(postgres, migrated_template) as store:
        fill(store)
        yield store


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
