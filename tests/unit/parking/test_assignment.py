"""Which charge point serves a bay, and which sensor watches it, is known for each moment: a swap mixes nothing."""

from dataclasses import replace

from alerts.charging.status import EvseState
from alerts.parking.findings import cases
from alerts.parking.inputs import EVER, Link, Sighting
from alerts.parking.verdict import BayState, Code
from alerts.spans import Span
from decoders.readings import BayEvent

from .timeline import Timeline, free_before, group_stories


def served(*parts: tuple[str, float | None, float | None], shared: bool = False) -> Timeline:
    """A car at minute 0 at a bay that one point served after another; every point is idle, all are in contact."""
    car = Timeline(evses=(parts[-1][0],)).sees(-60, False, heartbeat=True).linked(-120, 600).sees(0, True)
    for evse, start, end in parts:
        span = Span(EVER.start if start is None else car.at(start), EVER.end if end is None else car.at(end))
        car.links.append(Link(evse, span, shared))
        car.point(-120, EvseState.IDLE, evse=evse)
    return car


def test_until_the_swap_the_old_point_counts_and_then_the_new_one():
    car = served(("OLD", None, 30), ("NEW", 30, None))
    car.point(2, EvseState.IN_USE, evse="OLD").point(29, EvseState.IDLE, evse="OLD")
    car.point(35, EvseState.IN_USE, evse="OLD")
    assert car.story(28).state is BayState.CHARGING
    [raised] = car.verdict(60).case.raised
    assert (raised.code, raised.due_at) == (Code.V2_AFTER_CHARGE, car.at(44)), (
        "what the old one did later is not its own"
    )


def test_what_the_new_point_did_before_the_swap_says_nothing():
    car = served(("OLD", None, 30), ("NEW", 30, None))
    car.point(1, EvseState.IN_USE, evse="NEW").point(29, EvseState.IDLE, evse="NEW")
    [raised] = car.verdict(60).case.raised
    assert (raised.code, raised.due_at) == (Code.V1_NO_CHARGE, car.at(10))


def test_a_case_names_the_points_that_served_the_bay_meanwhile():
    car = served(("OLDEST", None, -30), ("OLD", -30, 5), ("NEW", 5, None)).sees(50, False)
    [case] = cases([car.story(60)])
    assert case.facts["evses"] == ["OLD", "NEW"]


def test_between_two_points_nobody_is_accused():
    car = served(("OLD", None, 4), ("NEW", 40, None))
    assert car.story(30).state is BayState.UNDETERMINED
    assert car.codes(45) == []
    [raised] = car.verdict(60).case.raised
    assert raised.due_at == car.at(46), "four minutes at the old one, six at the new one"


def test_a_bay_that_joined_a_group_is_accused_as_one_of_it_from_then_on():
    """At first each bay has a point; from minute 15 on they share both. The second car charges at the first's point."""
    first, second = (
        Timeline(key=f"LS09-{number}", evses=("A", "B"), group="LS09").sees(-60, False, heartbeat=True)
        for number in (1, 2)
    )
    joins = first.at(15)
    for bay, own in ((first, "A"), (second, "B")):
        bay.links = [Link(own, Span(EVER.start, joins))]
        bay.links += [Link(evse, Span(joins, EVER.end), shared=True) for evse in "AB"]
    first.point(-120, EvseState.IDLE, evse="A").point(-120, EvseState.IDLE, evse="B").linked(-120, 600)
    first.sees(0, True)
    second.sees(16, True)
    first.point(18, EvseState.IN_USE, evse="A").point(40, EvseState.IDLE, evse="A")
    [case] = cases(group_stories([first, second], 30))
    assert (case.subject, case.due_at) == ("LS09-1", first.at(10)), "opened at minute 11.5, when it was alone"
    assert case.ended is None
    found = {one.subject: one.code for one in cases(group_stories([first, second], 60))}
    assert found == {"LS09-1": Code.V1_NO_CHARGE, "LS09": Code.V2_AFTER_CHARGE}


def test_a_sensor_that_was_taken_away_knows_nothing_any_more():
    car = free_before(Timeline()).sees(0, True)
    car.sightings = [one._replace(until=car.at(4)) for one in car.sightings]
    assert car.codes(130) == []
    assert car.story(60).state is BayState.UNDETERMINED
    car.sightings.append(Sighting(car.at(40), True, BayEvent.HEARTBEAT, 1, "new"))
    [raised] = car.verdict(60).case.raised
    assert (raised.due_at, len(car.story(60).verdicts)) == (car.at(46), 1), "the vehicle is the same"


def test_two_points_at_once_are_told_apart_only_while_there_are_two():
    both = Timeline(evses=("A", "B")).sees(-60, False, heartbeat=True).linked(-120, 600).sees(0, True)
    both.links = [Link("A", EVER), Link("B", Span(EVER.start, both.at(20)))]
    for evse in "AB":
        both.point(-120, EvseState.IDLE, evse=evse)
    both.point(2, EvseState.IN_USE, evse="B")
    assert both.codes(19) == []
    [raised] = both.verdict(60).case.raised
    assert raised.due_at >= both.at(20), "the point at which it charged is gone"
    assert replace(both, links=[]).codes(60) == []
