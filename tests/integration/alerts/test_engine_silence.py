"""Devices that lose half of their frames are no dead devices: simulated arrivals, learned in the database."""

from datetime import timedelta
from itertools import pairwise
from random import Random

from alerts.learning import learn
from alerts.rules.device_silent import DeviceSilent, DeviceSilentSettings
from storage.database import Role
from tests.integration.alerts.engine_store import NOW
from tests.support.store import Store

HOUR = timedelta(hours=1)
DEVICES = 100
LEARNED_FROM = 7 * 24
JUDGED = 60 * 24
SETTINGS = DeviceSilentSettings(kind="device_silent")


def arrivals(chance: Random, delivery: float, hours: int) -> list[int]:
    """In which hours a device that sends hourly was heard."""
    return [hour for hour in range(hours) if chance.random() < delivery]


def hear_some(store: Store, heard: dict[str, list[int]]) -> None:
    """Uplinks of devices in the hours before `NOW`; each frame has its own counter."""
    store.execute("INSERT INTO source (name) VALUES ('city') ON CONFLICT DO NOTHING")
    store.execute("INSERT INTO device (dev_eui) SELECT unnest(%s::text[])", list(heard))
    rows = [(dev_eui, hour) for dev_eui, hours in heard.items() for hour in hours]
    store.execute(
        "INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency,"
        " outcome, data_rate, dev_addr, received_at)"
        " SELECT d.id, t.at, h.hour, s.id, 1, 0, 0, 0, 0, 'decoded', '', '', t.at"
        " FROM unnest(%s::text[], %s::int[]) AS h (dev_eui, hour)"
        " JOIN device AS d USING (dev_eui) CROSS JOIN source AS s"
        " CROSS JOIN LATERAL (SELECT %s::timestamptz + h.hour * interval '1 hour' AS at) AS t",
        [row[0] for row in rows], [row[1] for row in rows], NOW - LEARNED_FROM * HOUR,
    )  # fmt: skip
    store.execute(
        "INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt, session_uplinks,"
        " last_ns_time, last_received_at, outcome)"
        " SELECT device_id, min(source_id), min(ns_time), 0, 0, 1, max(ns_time), max(ns_time), 'decoded'"
        " FROM uplink GROUP BY device_id"
    )


def limits(store: Store) -> dict[str, timedelta]:
    """After how long each device counts as silent: what the rule itself says, a month after all of them fell silent."""
    store.run(lambda c: learn(c, NOW, since=LEARNED_FROM * HOUR), role=Role.ALERTS)
    rule = DeviceSilent("silent", SETTINGS)
    findings = store.run(lambda c: rule.evaluate(c, NOW + timedelta(days=30)), role=Role.ALERTS).findings
    return {one.subject: one.due_at - one.since for one in findings}


def false_alarms(chance: Random, delivery: float, limit: timedelta) -> int:
    """How often a device that lives would have been called silent in the time judged."""
    heard = [0, *arrivals(chance, delivery, JUDGED), JUDGED]
    return sum((after - before) * HOUR >= limit for before, after in pairwise(heard))


def test_a_bay_under_a_car_is_not_called_silent(store: Store) -> None:
    chance = Random(7)
    delivery = {f"{number:04x}": chance.uniform(0.47, 0.53) for number in range(DEVICES)}
    hear_some(store, {device: arrivals(chance, share, LEARNED_FROM) for device, share in delivery.items()})
    found = limits(store)
    assert found.keys() == delivery.keys()
    alarms = sum(false_alarms(chance, delivery[device], limit) for device, limit in found.items())
    assert alarms / (DEVICES * JUDGED / 24) * 1000 <= 0.5, "per thousand devices and day"
    assert max(found.values()) <= 48 * HOUR, "and one that is dead is found"


def test_a_device_that_is_heard_well_is_missed_soon_and_one_that_hardly_is_late(store: Store) -> None:
    chance = Random(7)
    hours = {
        "good": arrivals(chance, 0.99, LEARNED_FROM),
        "weak": arrivals(chance, 0.1, LEARNED_FROM),
        "hardly": [0, 90, LEARNED_FROM - 1],
        "new": [LEARNED_FROM - 2, LEARNED_FROM - 1],
    }
    hear_some(store, hours)
    found = limits(store)
    assert 4 * HOUR <= found["good"] <= 8 * HOUR
    assert 5 * 24 * HOUR <= found["weak"] <= SETTINGS.at_most
    assert (found["hardly"], found["new"]) == (SETTINGS.at_most, SETTINGS.unlearned)
