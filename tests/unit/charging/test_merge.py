"""What arrives of a location and what is known become one, whatever came first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.charging.ocpi.merge import find_evse, merged, patched_location, whole, with_evse
from alerts.charging.ocpi.models import Invalid, read_evse, read_location, read_time, write_time

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def at(minutes):
    return START + timedelta(minutes=minutes)


def evse(uid, status="AVAILABLE", minutes=0.0):
    return read_evse({"uid": uid, "status": status, "last_updated": write_time(at(minutes)), "connectors": []})


def location(minutes, *evses, **fields):
    data = {"country_code": "DE", "party_id": "MZX", "id": "LS01", "last_updated": write_time(at(minutes)), **fields}
    return read_location({**data, "evses": [one.data for one in evses]})


def statuses(one):
    return {evse.uid: evse.status for evse in one.evses}


def test_a_newer_location_replaces_an_older_one():
    known = location(0, evse("1"), name="old")
    arrived = location(5, evse("1", "CHARGING", 5), name="new")
    for now in (merged(known, arrived), merged(arrived, known)):
        assert (now.data["name"], statuses(now), now.last_updated) == ("new", {"1": "CHARGING"}, at(5))


def test_an_older_whole_never_takes_back_a_newer_part():
    known = with_evse(location(0, evse("1"), evse("2")), evse("1", "CHARGING", 10))
    now = merged(known, location(5, evse("1", "AVAILABLE", 0), evse("2", "OUTOFORDER", 4)))
    assert statuses(now) == {"1": "CHARGING", "2": "OUTOFORDER"}
    assert now.last_updated == at(10)


def test_an_evse_that_a_newer_location_lacks_is_gone():
    assert statuses(merged(location(0, evse("1"), evse("2")), location(5, evse("1", minutes=5)))) == {"1": "AVAILABLE"}


def test_ids_ignore_case():
    known = location(0, evse("ls-1"))
    assert len(with_evse(known, evse("LS-1", "CHARGING", 1)).evses) == 1
    assert find_evse(known, "LS-1") is not None


words = st.sampled_from(["AVAILABLE", "CHARGING", "OUTOFORDER"])


@given(st.lists(st.tuples(st.sampled_from("123"), words), min_size=1, max_size=12), st.randoms())
def test_any_order_of_pushes_gives_the_newest_of_each(changes, order):
    pushes = [evse(uid, word, minutes=number) for number, (uid, word) in enumerate(changes, 1)]
    shuffled = list(pushes)
    order.shuffle(shuffled)
    start = location(0, evse("1"), evse("2"), evse("3"))
    straight, mixed = start, start
    for one in pushes:
        straight = with_evse(straight, one)
    for one in shuffled:
        mixed = with_evse(mixed, one)
    assert statuses(straight) == statuses(mixed)
    assert read_location(whole(mixed)) == replace(mixed, data=read_location(whole(mixed)).data)


def test_a_patch_changes_named_fields_only():
    now = patched_location(location(0, evse("1"), name="a", city="Mainz"), {"name": "b", "id": "evil"}, at(1))
    assert (now.data["name"], now.data["city"], now.id, statuses(now)) == ("b", "Mainz", "LS01", {"1": "AVAILABLE"})
    assert patched_location(now, {"name": "c"}, at(0)) is now, "older"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T06:00:00Z", START),
        ("2026-11-24T06:00:00", START),
        ("2026-11-24T06:00:00.123456789Z", START + timedelta(microseconds=123456)),
        ("2026-11-24T06:00:00.5", START + timedelta(milliseconds=500)),
        ("2026-11-24T07:00:00+01:00", START),
    ],
)
def test_times_as_operators_write_them(text, expected):
    assert read_time(text, "t") == expected


@pytest.mark.parametrize(
    "value", [None, 7, "", "2026-11-24", "24.11.2026 06:00", "2026-13-24T06:00:00Z", "0001-01-01T00:00:00+05:00"]
)
def test_what_is_no_time(value):
    with pytest.raises(Invalid):
        read_time(value, "t")


def test_times_survive_being_written():
    precise = START + timedelta(microseconds=1)
    assert read_time(write_time(precise), "t") == precise


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


@given(json_values)
def test_no_object_fails_otherwise(value):
    for read in (read_location, read_evse):
        with pytest.raises(Invalid):
            read(value)
