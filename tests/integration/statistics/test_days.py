"""Days that are counted once and kept: their sum is what counting the month anew gives, whatever changes afterwards.

The last days of March 2026: the clocks change on the 29th, and nothing of it is later than now.
"""

from datetime import datetime
from random import Random

import pytest

from alerts.charging.status import EvseState
from alerts.charging.store import sync_bays
from alerts.retention import expire_cases
from alerts.spans import Span
from alerts.statistics.calendar import Month
from alerts.statistics.figures import BayFigures
from alerts.statistics.loading import Asking, month_figures
from alerts.statistics.messages import counted
from alerts.statistics.sites import load_sites
from storage.database import Connection, Role
from storage.settings import RetentionSettings
from tests.integration.parking.street import Street, at
from tests.integration.statistics.test_loading import BERLIN

ASKING = Asking(BERLIN)
MARCH = Month(2026, 3)
AGO = 240 * 1440
NOW = at(3 * 1440 + 60 - AGO)

EVSES = ["A1", "B1", "B2"]
SAID = """
WITH said AS (
    SELECT d.id, s.* FROM unnest(%s::text[], %s::timestamptz[], %s::bigint[], %s::boolean[], %s::text[])
        AS s (device, at, f_cnt, occupied, event)
    JOIN device AS d ON d.dev_eui = s.device
), frames AS (
    INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency,
        outcome, data_rate, dev_addr, received_at)
    SELECT id, at, f_cnt, 1, 1, 0, 1, 0, 868100000, 'decoded', 'SF9', '01020304', at FROM said
)
INSERT INTO parking_bay (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, occupied, event)
SELECT id, '', 0, at, 0, at, f_cnt, occupied, event FROM said
"""
TOLD = """
INSERT INTO evse_status (evse_id, at, received_at, source, status)
SELECT e.id, t.at, t.at, 'cpo', t.status FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) AS t (evse, at, status)
JOIN evse AS e ON e.evse_key = t.evse
"""


def then(minute: float) -> datetime:
    """Minutes from noon of 29 March."""
    return at(minute - AGO)


@pytest.fixture
def week(street: Street) -> Street:
    """Three bays, of which two share their points, for six days with losses and outages."""
    chance, said, told = Random(7), [], []
    sensors = [
        street.bay("S1-1", station="S1", evses=["A1"]),
        street.bay("S2-1", station="S2", evses=["B1", "B2"], mapping="GROUP"),
        street.bay("S2-2", station="S2", evses=["B1", "B2"], mapping="GROUP"),
    ]
    states, f_cnt = dict.fromkeys(sensors, False), dict.fromkeys(sensors, 0)
    for minute in range(-3 * 1440, 3 * 1440, 60):
        for sensor in sensors:
            if chance.random() < 0.15:
                f_cnt[sensor] += chance.choice((1, 1, 4))  # nobody heard them
                continue
            change = chance.random() < 0.3
            states[sensor] ^= change
            f_cnt[sensor] += 1
            event = "change" if change else "heartbeat"
            said.append((sensor, then(minute + chance.randint(0, 50)), f_cnt[sensor], states[sensor], event))
        speak = [evse for evse in EVSES if chance.random() < 0.2]
        told += [(evse, then(minute), chance.choice(("IDLE", "IN_USE", "DOWN"))) for evse in speak]
    street.store.execute(SAID, *map(list, zip(*said, strict=True)))
    street.store.execute(
        "INSERT INTO evse (evse_key, evse_id, source) SELECT e, e, 'cpo' FROM unnest(%s::text[]) AS e", EVSES
    )
    street.store.execute(TOLD, *map(list, zip(*told, strict=True)))
    starts = [then(minute) for minute in range(-3 * 1440, 3 * 1440, 900)]
    street.store.execute(
        "INSERT INTO evse_contact (source, first_at, last_at)"
        " SELECT 'cpo', s, s + interval '10 hours' FROM unnest(%s::timestamptz[]) AS s",
        starts,
    )
    street.store.execute("DELETE FROM parking_touched")
    return street


def loaded(street: Street) -> dict[str, BayFigures]:
    """As the portal gets them."""
    found = street.store.run(lambda c: month_figures(c, MARCH, NOW, ASKING), role=Role.PORTAL)
    return {site.key: site.bays for site in found.sites}


def anew(street: Street) -> dict[str, BayFigures]:
    """Counted from all messages of the month at once."""
    whole = MARCH.span(BERLIN)

    async def count(connection: Connection) -> dict[str, BayFigures]:
        sites = await load_sites(connection, whole)
        span = Span(whole.start, min(NOW, whole.end))
        return await counted(connection, sites, span, BERLIN, ASKING.timers, heard_from=whole.start)

    return street.store.run(count, role=Role.PORTAL)


def same(found: dict[str, BayFigures], expected: dict[str, BayFigures]) -> None:
    assert found.keys() == expected.keys()
    for key, one in found.items():
        for name, value in one.model_dump().items():
            assert value == pytest.approx(expected[key].model_dump()[name]), f"{key} {name}"


def keep(street: Street) -> None:
    retention = RetentionSettings()
    street.store.execute("DELETE FROM maintenance_task")
    street.store.run(lambda c: expire_cases(c, retention, now=NOW, asking=ASKING), role=Role.MAINTENANCE)


def kept(street: Street) -> list[tuple[str, str]]:
    rows = street.store.execute("SELECT day::text, site FROM parking_day ORDER BY day, site")
    return [(row["day"], row["site"]) for row in rows]


def test_days_that_are_over_are_kept_and_change_nothing(week: Street) -> None:
    expected = anew(week)
    same(loaded(week), expected)
    keep(week)
    days = [f"2026-03-{day}" for day in range(26, 32)]  # the first of April is not over
    assert kept(week) == [(day, site) for day in days for site in ("S1", "S2")]
    same(loaded(week), expected)
    week.store.execute("DELETE FROM parking_bay")
    assert loaded(week)["S1"].occupied > 0, "nobody counts the messages of these days again"


def test_what_comes_late_is_counted_at_once_and_kept_again(week: Street) -> None:
    keep(week)
    [sensor] = week.store.execute("SELECT dev_eui FROM device ORDER BY id LIMIT 1")
    week.f_cnt[sensor["dev_eui"]] = 5000
    week.sees(sensor["dev_eui"], -1000 - AGO, True)
    week.store.execute(
        "INSERT INTO rollup_touched (kind, hour) VALUES ('parking_bay', date_trunc('hour', %s))", then(-1000)
    )
    same(loaded(week), anew(week))
    keep(week)
    assert week.store.execute("SELECT count(*) AS n FROM parking_touched") == [{"n": 0}]
    assert len(kept(week)) == 12
    same(loaded(week), anew(week))


def test_a_late_status_counts_until_the_next_one(week: Street) -> None:
    keep(week)
    week.point("A1", -1440 - AGO, EvseState.DOWN)
    same(loaded(week), anew(week))


def test_a_swap_changes_the_days_of_its_site_alone(week: Street) -> None:
    keep(week)
    week.store.run(lambda c: sync_bays(c, then(-5000)))
    keep(week)
    week.store.execute("UPDATE asset SET attributes = attributes || '{\"evses\": [\"A9\"]}' WHERE key = 'S1-1'")
    week.store.run(lambda c: sync_bays(c, then(-600)))
    week.point("A9", -600 - AGO, EvseState.IN_USE)
    week.store.execute("UPDATE parking_day SET occupied = 1000 WHERE site = 'S2' AND day = '2026-03-27'")
    found, expected = loaded(week), anew(week)
    same({"S1": found["S1"]}, {"S1": expected["S1"]})
    assert found["S1"].judged > 0, "the old point is asked nothing after the swap, and the new one nothing before"
    assert found["S2"].occupied > 900, "its days are not counted again"
    keep(week)
    same({"S1": loaded(week)["S1"]}, {"S1": expected["S1"]})
