"""Bays that share charge points when messages get lost, and what the points themselves say of cars before them."""

from alerts.charging.status import EvseState
from alerts.parking.confidence import Doubt
from alerts.parking.findings import cases
from alerts.parking.verdict import BayState, Code, EndReason

from .test_doubtful import group
from .timeline import group_stories


def test_a_departure_that_nobody_heard_and_a_new_cars_session():
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(2, True)
    first.point(4, EvseState.IN_USE, evse="A")
    assert [case.facts["candidates"] for case in cases(group_stories(bays, 60))] == [["LS09-1"]]
    for minute in (60, 120):
        second.sees(minute, True, heartbeat=True)
    first.point(125, EvseState.IN_USE, evse="B")
    first.sees(130, True, heartbeat=True, lost=2)
    before, after = group_stories(bays, 140)[0].verdicts
    assert before.case.codes == [Code.V1_NO_CHARGE]
    assert (before.case.ended_at, before.case.end_reason) == (first.at(125), EndReason.NEW_VEHICLE)
    assert (before.occupancy.until, after.occupancy.since) == (first.at(0), first.at(125))
    assert after.occupancy.inferred
    assert after.state is BayState.CHARGING
    [case] = cases(group_stories(bays, 140))
    assert case.ended.reason == EndReason.NEW_VEHICLE


def test_without_a_silence_of_its_sensor_the_car_plugged_in_late():
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(2, True)
    first.point(4, EvseState.IN_USE, evse="A")
    for minute in (60, 120):
        first.sees(minute, True, heartbeat=True)
        second.sees(minute, True, heartbeat=True)
    first.point(125, EvseState.IN_USE, evse="B")
    [only] = group_stories(bays, 140)[0].verdicts
    assert only.case.end_reason is EndReason.CHARGING_STARTED


def test_where_two_sensors_were_silent_nobody_can_say_who_left():
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(20, True)
    first.point(125, EvseState.IN_USE, evse="B")
    for bay in bays:
        bay.sees(130, True, heartbeat=True, lost=2)
    assert not any(one.occupancy.inferred for story in group_stories(bays, 160) for one in story.verdicts)


def test_a_car_that_charged_and_left_unheard_is_not_the_next_ones_excuse():
    """Its session ended at minute 60; frames are missing after that, and at minute 200 another one begins."""
    first, second = bays = group(2)
    first.sees(0, True)
    first.point(4, EvseState.IN_USE, evse="A").point(60, EvseState.IDLE, evse="A")
    second.sees(190, False, heartbeat=True)
    for minute in (70, 130):
        first.sees(minute, True, heartbeat=True)
    first.point(200, EvseState.IN_USE, evse="A")
    first.sees(205, True, heartbeat=True, lost=1)
    gone, new = group_stories(bays, 220)[0].verdicts
    assert (gone.occupancy.until, gone.case.end_reason) == (first.at(130), EndReason.NEW_VEHICLE)
    assert new.occupancy.since == first.at(200)


def test_an_arrival_that_nobody_heard_gets_the_session_that_began_before_its_first_message():
    """The second car's arrival was lost; it has charged since minute 30, and its heartbeat comes at minute 40."""
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(-20, False, heartbeat=True)
    first.point(30, EvseState.IN_USE, evse="A")
    second.sees(40, True, heartbeat=True, lost=1)
    stories = group_stories(bays, 70)
    assert stories[1].state is BayState.CHARGING
    [case] = cases(stories)
    assert (case.facts["candidates"], case.ended) == (["LS09-1"], None)


def test_several_arrivals_that_a_session_fits_are_all_candidates():
    first, second = bays = group(2)
    first.sees(0, True)
    second.sees(2, True)
    first.point(4, EvseState.IN_USE, evse="A")
    [case] = cases(group_stories(bays, 40))
    assert {"reason": Doubt.AMBIGUOUS, "change": -20} in case.facts["confidence_parts"]


def test_as_many_blocked_points_as_accused_cars_speak_against_them():
    def parts(*blocked: str) -> list[str]:
        first, second = bays = group(2)
        for evse in blocked:
            first.point(-100, EvseState.IDLE, evse=evse, raw="BLOCKED")
        first.sees(0, True)
        second.sees(0, True)
        [case] = cases(group_stories(bays, 40))
        return [one["reason"] for one in case.facts["confidence_parts"]]

    assert Doubt.BLOCKED in parts("A", "B")
    assert Doubt.BLOCKED not in parts("A"), "one of two cars"
    assert Doubt.BLOCKED not in parts()
