"""Cases that ended by themselves and that late data disprove: withdrawn in an event of their own, told to nobody.

And when there is any doubt they stay as they are.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from alerts.calendar import Calendar
from alerts.cases import act
from alerts.charging.status import EvseState, StatusEvent
from alerts.charging.store import record_statuses
from alerts.evidence import document, verify
from alerts.rules.parking_past import ParkingPast
from alerts.statistics.calendar import Month
from alerts.statistics.figures import CaseFigures
from alerts.statistics.loading import Asking, month_figures
from alerts.wishes import Action, Outcome, Wish
from storage.database import Connection, Role
from tests.integration.parking.street import Street, at
from tests.integration.parking.test_late_data import DAY, WEEK, arrive_late, late, live, turn, work_off

Late = Callable[[Street, str], None]


@pytest.fixture
def bay(street: Street) -> str:
    """A bay in which a car stood for an hour a week ago, without charging, as it seemed; its case is known."""
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.point("E1", -30 * DAY, EvseState.IDLE)
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-30 * DAY), at(120))
    street.sees(device, -8 * DAY, False, heartbeat=True, f_cnt=10)
    street.sees(device, -WEEK, True, f_cnt=20)
    street.sees(device, -WEEK + 60, False, f_cnt=30)
    street.sees(device, -60, False, heartbeat=True, f_cnt=40)
    arrive_late(street, -WEEK, -WEEK + 60)
    work_off(street, 0)
    assert standing(street) == [("resolved", "drove_away", at(-WEEK + 60.5))]
    return device


def standing(street: Street) -> list[tuple[str, str, datetime]]:
    rows = street.store.execute("SELECT state, reason, closed_at FROM alert ORDER BY since")
    return [(row["state"], row["reason"], row["closed_at"]) for row in rows]


WITHDRAWN = [("withdrawn", "disproved", at(-WEEK + 60.5))]
STANDS = [("resolved", "drove_away", at(-WEEK + 60.5))]


def drove_away_at_once(street: Street, device: str) -> None:
    """Two messages that the network held back: one car left after four minutes, another one came before the end."""
    street.sees(device, -WEEK + 4, False, f_cnt=21)
    street.sees(device, -WEEK + 55, True, f_cnt=29)
    arrive_late(street, -WEEK, -WEEK + 55)


def charged(street: Street, device: str) -> None:
    """Two pushes of the operator that did not arrive; nothing but the log of the statuses says that they are late."""
    street.point("E1", -WEEK + 3, EvseState.IN_USE)
    street.point("E1", -WEEK + 58, EvseState.IDLE)
    log_statuses(street, -WEEK, -WEEK + 60)


def decoded_otherwise(street: Street, device: str) -> None:
    """What was taken for an arrival was a restart."""
    street.store.execute("UPDATE parking_bay SET event = 'startup' WHERE observed_at = %s", at(-WEEK))
    arrive_late(street, -WEEK)


def log_statuses(street: Street, *minutes: float) -> None:
    """As the log says it, whatever the clock of this machine says."""
    street.store.execute("DELETE FROM late_reading WHERE kind = 'evse_status'")
    hours = "SELECT 'evse_status', date_trunc('hour', t), e.id FROM unnest(%s::timestamptz[]) AS t, evse AS e"
    street.store.execute(
        f"INSERT INTO late_reading (kind, hour, evse_id) {hours} WHERE e.evse_key = 'E1'", [at(one) for one in minutes]
    )


@pytest.mark.parametrize("come", [drove_away_at_once, charged, decoded_otherwise])
def test_later_data_take_it_back_once_and_nobody_is_told(street: Street, bay: str, come: Late) -> None:
    come(street, bay)
    work_off(street, 1)
    assert standing(street) == WITHDRAWN
    events = street.store.execute("SELECT kind, reason, at, detail FROM alert_event ORDER BY position")
    assert [(row["kind"], row["reason"]) for row in events] == [
        ("opened", ""),
        ("resolved", "drove_away"),
        ("withdrawn", "disproved"),
    ]
    assert events[-1]["at"] == at(1)
    assert (events[-1]["detail"]["ended"], bool(events[-1]["detail"]["by"])) == ("drove_away", True)
    assert street.store.execute("SELECT count(*) AS n FROM notification") == [{"n": 0}]
    before = street.store.execute("SELECT * FROM alert")
    come_again = "INSERT INTO late_reading (kind, hour) SELECT 'parking_bay', date_trunc('hour', %s::timestamptz)"
    street.store.execute(come_again, at(-WEEK))
    work_off(street, 5)
    assert street.store.execute("SELECT * FROM alert") == before
    assert len(street.store.execute("SELECT id FROM alert_event")) == 3


def test_its_protocol_proves_itself(street: Street, bay: str) -> None:
    drove_away_at_once(street, bay)
    work_off(street, 1)

    async def read(connection: Connection) -> object:
        [number] = await (await connection.execute("SELECT number FROM alert")).fetchall()
        return await document(connection, number[0], at=at(2))

    found = verify(street.store.run(read, role=Role.PORTAL))
    assert (found.sound, found.events, found.sealed_at) == (True, 3, 3)


def test_it_counts_no_more(street: Street, bay: str) -> None:
    assert figures(street).cases == 1
    assert sum(figures(street).hits) == 1
    charged(street, bay)
    work_off(street, 1)
    now = figures(street)
    assert (now.cases, now.withdrawn, sum(now.hits), sum(now.lost), now.ends, now.days) == (0, 1, 0, 0, {}, {})
    view = street.store.execute("SELECT state, blocked_from FROM v_parking_case")
    assert view == [{"state": "withdrawn", "blocked_from": None}]


def figures(street: Street) -> CaseFigures:
    async def count(connection: Connection) -> CaseFigures:
        found = await month_figures(connection, Month(2026, 11), at(2), Asking(Calendar().zone))
        [site] = found.sites
        return site.cases

    return street.store.run(count, role=Role.PORTAL)


def test_it_stands_again_when_still_later_data_prove_it(street: Street, bay: str) -> None:
    drove_away_at_once(street, bay)
    work_off(street, 1)
    street.store.execute("DELETE FROM parking_bay WHERE observed_at IN (%s, %s)", at(-WEEK + 4), at(-WEEK + 55))
    arrive_late(street, -WEEK)
    work_off(street, 2)
    assert standing(street) == STANDS
    assert figures(street).cases == 1


def test_what_seemed_one_car_becomes_the_two_that_it_was(street: Street, bay: str) -> None:
    """Its case ends where the first one left, and no longer hides the second one's."""
    street.sees(bay, -WEEK + 15, False, f_cnt=21)
    street.sees(bay, -WEEK + 25, True, f_cnt=22)
    arrive_late(street, -WEEK, -WEEK + 25)
    work_off(street, 1)
    assert standing(street) == [("resolved", "drove_away", at(-WEEK + end)) for end in (15.5, 60.5)]


class TestItStays:
    """Of a person, of other settings, or what is known may not be all."""

    def test_with_what_a_person_found(self, street: Street, bay: str) -> None:
        async def close(connection: Connection) -> None:
            [number] = await (await connection.execute("SELECT number FROM alert")).fetchall()
            wish = Wish(action=Action.CLOSE, actor="olga", outcome=Outcome.ERMAHNUNG)
            await act(connection, number[0], wish, now=at(0.5))

        street.store.run(close, role=Role.PORTAL)
        charged(street, bay)
        self._unchanged(street)

    @pytest.mark.parametrize(
        "happens",
        [
            "UPDATE alert SET rule_version = 'older'",
            "DELETE FROM parking_bay WHERE uplink_f_cnt = 20",
            "DELETE FROM parking_bay WHERE uplink_f_cnt <= 30",
            "DELETE FROM evse_status WHERE id = (SELECT min(id) FROM evse_status)",
            "DELETE FROM evse_contact",
            "UPDATE evse_contact SET first_at = last_at - interval '2 days'",
            'UPDATE asset SET attributes = attributes || \'{"evses": ["E2"]}\', updated_at = now()',
            'UPDATE asset SET attributes = attributes || \'{"signs": [{"regime": "NONE"}]}\', updated_at = now()',
            "DELETE FROM asset_device",
            "UPDATE asset_device SET valid_to = now() - interval '400 days'",
            "INSERT INTO parking_month (month, site, figures, taken_at) VALUES ('2026-11-01', 'LS01', '{}', now())",
            "UPDATE alert SET content_digest = 'other', evidence = '{}'",
        ],
    )
    def test_in_doubt(self, street: Street, bay: str, happens: str) -> None:
        charged(street, bay)
        street.store.execute(happens)
        self._unchanged(street)
        street.store.execute("DELETE FROM parking_month")

    def test_without_its_bay(self, street: Street, bay: str) -> None:
        charged(street, bay)
        street.store.execute("UPDATE asset SET kind = 'meter'")
        self._unchanged(street)

    def test_where_nothing_is_new(self, street: Street, bay: str) -> None:
        """A setting that is not the rule's own, such as holidays, or a rule that is written otherwise now."""
        arrive_late(street, -WEEK)
        street.store.execute('UPDATE asset SET attributes = attributes || \'{"signs": [{"regime": "NONE"}]}\'')
        self._unchanged(street)

    def _unchanged(self, street: Street) -> None:
        before = street.store.execute("SELECT * FROM alert")
        work_off(street, 1)
        assert street.store.execute("SELECT * FROM alert") == before


def test_a_live_look_sees_it_as_well(street: Street) -> None:
    """Late by minutes: no log says so, and the history of the last hours is told again anyway."""
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.point("E1", -120, EvseState.IDLE)
    street.linked(-120, 120)
    street.sees(device, -300, False, heartbeat=True, f_cnt=1)
    street.sees(device, -60, False, heartbeat=True, f_cnt=2)
    looking = live()
    street.sees(device, 0, True, f_cnt=10)
    turn(street, looking, 12)
    street.sees(device, 30, False, f_cnt=20)
    turn(street, looking, 32)
    told = street.store.execute("SELECT count(*) AS n FROM notification")
    assert standing(street) == [("resolved", "drove_away", at(30.5))]
    updated = street.store.execute("SELECT updated_at FROM alert")
    street.sees(device, 4, False, f_cnt=11)
    street.sees(device, 26, True, f_cnt=19)
    turn(street, looking, 35)
    assert standing(street) == [("withdrawn", "disproved", at(30.5))]
    assert street.store.execute("SELECT count(*) AS n FROM notification") == told
    assert street.store.execute("SELECT updated_at FROM alert") == updated, "nobody is called off once more"
    turn(street, live(), 36)
    assert len(street.store.execute("SELECT id FROM alert_event")) == 3


def test_a_withdrawn_case_teaches_nothing(street: Street, bay: str) -> None:
    """Whatever somebody said of it afterwards: it was no work of the sensor."""
    charged(street, bay)
    work_off(street, 1)
    street.store.execute("UPDATE alert SET outcome = 'KEIN_FAHRZEUG'")
    street.sees(bay, 0, True, f_cnt=50)
    [found] = street.evaluate(live(), 20).findings
    assert "imprecise" not in {part["reason"] for part in found.facts["confidence_parts"]}
    assert not figures(street).records


EVENTS: dict[str, Late] = {
    "arrival": lambda street, device: street.sees(device, -WEEK, True, f_cnt=20),
    "left": lambda street, device: street.sees(device, -WEEK + 25, False, f_cnt=21),
    "came": lambda street, device: street.sees(device, -WEEK + 40, True, f_cnt=29),
    "session": lambda street, device: street.point("E1", -WEEK + 43, EvseState.IN_USE),
}


@pytest.mark.parametrize("order", list(permutations(EVENTS))[::4], ids="-".join)
def test_in_whatever_order_it_arrives_what_stands_is_what_the_whole_history_says(
    street: Street, order: tuple[str, ...]
) -> None:
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.point("E1", -30 * DAY, EvseState.IDLE)
    street.store.execute("INSERT INTO evse_contact VALUES ('cpo', %s, %s)", at(-30 * DAY), at(120))
    street.sees(device, -8 * DAY, False, heartbeat=True, f_cnt=10)
    street.sees(device, -WEEK + 120, False, f_cnt=30)
    for name in order:
        EVENTS[name](street, device)
        street.store.execute("DELETE FROM late_reading")
        arrive_late(street, -WEEK, -WEEK + 60, -WEEK + 120)
        work_off(street, 1)

    async def replay(connection: Connection) -> list[tuple[str, datetime]]:
        past: ParkingPast = late()
        parts = [part async for part in past.history(connection, at(-8 * DAY), at(1))]
        return [(one.occurrence, one.ended.at) for part in parts for one in part.findings if one.ended]

    whole = street.store.run(replay, role=Role.ALERTS)
    rows = street.store.execute("SELECT occurrence, closed_at FROM alert WHERE state = 'resolved' ORDER BY since")
    assert [(row["occurrence"], row["closed_at"]) for row in rows] == whole
    assert [end for _, end in whole] == [at(-WEEK + 25.5)]


class TestTheLogOfLateStatuses:
    """Says of which hours a charge point told something new, up to its next status."""

    def _hours(self, street: Street) -> list[int]:
        rows = street.store.execute(
            "SELECT extract(epoch FROM now() - hour)::integer / 3600 AS age FROM late_reading"
            " WHERE kind = 'evse_status' AND evse_id IS NOT NULL ORDER BY hour DESC"
        )
        return [row["age"] for row in rows]

    def _says(self, street: Street, age: float, state: EvseState, *, source: str = "cpo") -> None:
        """A status of so many hours ago, received now."""
        now = datetime.now(UTC)
        event = StatusEvent("E1", now - timedelta(hours=age), now, source, state)

        async def record(connection: Connection) -> None:
            await record_statuses(connection, [event])

        street.store.run(record, role=Role.ALERTS)

    def test_nothing_of_what_is_said_first_and_of_what_is_new(self, street: Street) -> None:
        self._says(street, 500, EvseState.IDLE)
        self._says(street, 2, EvseState.IN_USE)
        assert self._hours(street) == []

    def test_of_a_late_one_up_to_what_a_live_look_reads(self, street: Street) -> None:
        self._says(street, 500, EvseState.IDLE)
        self._says(street, 9.5, EvseState.IN_USE)
        assert (self._hours(street)[0], self._hours(street)[-1]) in ((3, 9), (3, 10))

    def test_of_a_late_one_up_to_the_next_one(self, street: Street) -> None:
        self._says(street, 500, EvseState.IDLE)
        self._says(street, 20, EvseState.IDLE_RESERVED)
        street.store.execute("DELETE FROM late_reading")
        self._says(street, 22.5, EvseState.IN_USE, source="mobilithek")  # a source's own are never older
        assert 3 <= len(self._hours(street)) <= 4
        assert self._hours(street)[0] in (20, 21)

    def test_not_for_ever(self, street: Street) -> None:
        self._says(street, 900, EvseState.IDLE)
        self._says(street, 700, EvseState.IN_USE)
        assert 14 * 24 - 4 <= len(self._hours(street)) <= 14 * 24
