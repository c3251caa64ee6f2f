"""What the operator knows: history as it would have arrived, and a platform that tells the same live."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from stadtfunk.demo.charge_points import LiveOperator, past, past_as_json
from stadtfunk.demo.clock import MINUTE, nanoseconds
from stadtfunk.demo.cpo import Cpo, Pushed
from stadtfunk.demo.parking import EvseState
from stadtfunk.demo.places import city_assets
from stadtfunk.demo.settings import DemoSettings, ParkingSettings
from tests.unit.demo.support import SUMMER, at

POINTS = sum(len(one.attributes["evses"]) for one in city_assets() if one.kind == "charging_station")
START, END = at(2026, 7, 3), at(2026, 7, 10)


def city(**parking: object) -> DemoSettings:
    return DemoSettings(installed_on=SUMMER, parking=ParkingSettings(**parking), started_at=(END,))


def test_every_charge_point_is_known_from_the_begin():
    found = past(city(), START, END)
    first = found.statuses[:POINTS]
    assert len({one.status.evse_id for one in first}) == POINTS
    assert all(one.received_at == nanoseconds(START) for one in first)


def test_statuses_arrive_after_they_are_true_and_never_while_the_link_is_down():
    found = past(city(lost_push_probability=0.2), START, END)
    later = found.statuses[POINTS:]
    assert all(one.status.at < one.received_at for one in later)
    assert [one.received_at for one in later] == sorted(one.received_at for one in later)
    assert all(any(span.began <= one.received_at <= span.ended for span in found.contacts) for one in later)


def test_a_lost_push_is_found_by_the_next_poll_unless_another_status_replaced_it():
    found = past(city(lost_push_probability=1.0).model_copy(update={"started_at": ()}), START, END)
    later = found.statuses[POINTS:]
    assert later
    assert all(one.received_at % MINUTE == 0 for one in later)
    everything = past(city(lost_push_probability=0.0).model_copy(update={"started_at": ()}), START, END)
    missed = {(one.status.evse_id, one.status.at) for one in everything.statuses} - {
        (one.status.evse_id, one.status.at) for one in found.statuses
    }
    assert len(missed) < len(later) / 5


def test_contacts_leave_the_outages_out():
    found = past(city(link_outages_per_day=3.0), START, END)
    assert len(found.contacts) > 5
    assert all(before.ended < after.began for before, after in pairwise(found.contacts))
    assert (found.contacts[0].began, found.contacts[-1].ended) == (nanoseconds(START), nanoseconds(END))


def test_statuses_agree_with_the_cars():
    found = past(city(lost_push_probability=0, link_outages_per_day=0, fault_share=0), START, END)
    sessions = {stay.plugged_at for stay in found.stays if stay.plugged_at}
    charging = [one.status.at for one in found.statuses[POINTS:] if one.status.state is EvseState.CHARGING]
    assert charging
    assert set(charging) <= sessions


def test_json_is_plain():
    found = past_as_json(city(), END - timedelta(hours=6), END)
    assert {one["bay"] for one in found["stays"]} <= {f"MZ-LS{n:02}-{place}" for n in range(1, 12) for place in (1, 2)}
    assert datetime.fromisoformat(found["contacts"][-1][1]) == END


def test_the_platform_knows_the_present_and_pushes_what_comes():
    begins_at = datetime.now(UTC) - timedelta(hours=3)
    settings = DemoSettings(parking=ParkingSettings(lost_push_probability=0, link_outages_per_day=0))
    pushed: list[tuple[str, dict]] = []

    class Noting(Cpo):
        async def push(self, method, path, body=None):
            pushed.append((path[1], body))
            return Pushed(200, 1000)

    async def run() -> Cpo:
        cpo, stop = Noting(), asyncio.Event()
        operator = LiveOperator(settings, cpo, begins_at=begins_at, stop=stop)
        before = words(cpo)
        running = asyncio.create_task(operator.run())
        expected = past(settings, begins_at, datetime.now(UTC)).statuses[POINTS:]
        async with asyncio.timeout(20):
            while len(pushed) < len(expected) and expected:
                await asyncio.sleep(0.02)
        stop.set()
        await running
        assert len(pushed) >= len(expected)
        known = {one.status.evse_id: one.status.state.value for one in past(settings, begins_at, begins_at).statuses}
        assert {evse: word for evse, word in before.items() if evse in known} == known
        return cpo

    cpo = asyncio.run(run())
    assert len(words(cpo)) == POINTS


def words(cpo: Cpo) -> dict[str, str]:
    return {evse["evse_id"]: evse["status"] for place in cpo.locations.values() for evse in place["evses"]}
