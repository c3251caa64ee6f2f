"""Order, filters and shifts of the inbox, and what an entry says of its place."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from alerts.calendar import Calendar
from alerts.channels.settings import DAY, SHIFTS
from alerts.model import AlertState
from portal.inbox.entries import Entry
from portal.inbox.filters import Filter, Shifts, Since, Tab, Whose
from portal.inbox.live import Changes

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday, 10:00 in Mainz


def entry(number="1", *, minutes=30, codes=("V1_NO_CHARGE",), confidence=80, state="open", **given):
    since = NOW - timedelta(minutes=minutes)
    values = {
        "number": number,
        "subject": "MZ-LS01-1",
        "code": codes[0],
        "codes": codes,
        "confidence": confidence,
        "state": AlertState(state),
        "badges": (),
        "outcome": "",
        "reason": "",
        "assignee": "",
        "notifiable": True,
        "since": since,
        "opened_at": since + timedelta(minutes=12),
        "updated_at": since,
        "closed_at": None,
        "district": "Altstadt",
        "facts": {},
        "name": "Binger Str. 19, Platz 1",
        "latitude": None,
        "longitude": None,
        "attributes": {},
        "points": (),
        "position": 1,
        "state_at": None,
    }
    return Entry(**(values | given))


def order(*entries, user="olga", began=NOW, **chosen):
    return [one.number for one in Filter(**chosen).apply(entries, user=user, shift_began=began, now=NOW)]


def test_confidence_kind_and_age_make_the_order():
    sure = entry("sure", minutes=20)
    vague = entry("vague", minutes=20, confidence=45)
    after = entry("after", minutes=20, codes=("V2_AFTER_CHARGE",))
    old = entry("old", minutes=60)
    ancient = entry("ancient", minutes=600)
    assert order(vague, after, sure, old, ancient) == ["ancient", "old", "sure", "after", "vague"]


def test_only_exceeded_stays_have_a_tab_of_their_own():
    stay = entry("stay", codes=("V3_MAX_STAY",))
    both = entry("both", codes=("V3_MAX_STAY", "V2_AFTER_CHARGE"))
    counted = entry("counted", codes=("V3_MAX_STAY",), minutes=300, notifiable=False)
    assert order(stay, both, counted) == ["both"]
    assert order(stay, both, counted, tab=Tab.STAY) == ["stay", "counted"]
    assert both.what == "Belegt ohne Ladevorgang, Laden beendet"


def test_filters():
    new = entry("new", minutes=20)
    mine = entry("mine", state="dispatched", assignee="olga", district="Neustadt")
    theirs = entry("theirs", state="acknowledged", assignee="oskar", minutes=25)
    everything = (new, mine, theirs)
    assert order(*everything, whose=Whose.NEW) == ["new"]
    assert set(order(*everything, whose=Whose.TAKEN)) == {"mine", "theirs"}
    assert order(*everything, whose=Whose.MINE) == ["mine"]
    assert order(*everything, district="Neustadt") == ["mine"]
    began = NOW - timedelta(minutes=14)
    assert set(order(*everything, since=Since.THIS_SHIFT, began=began)) == {"new", "theirs"}
    assert order(*everything, since=Since.BEFORE, began=began) == ["mine"]


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-24T09:00", "2026-11-24T06:00"),  # Tuesday, since 7 in Mainz
        ("2026-11-24T23:30", "2026-11-24T06:00"),  # at night the last shift counts
        ("2026-11-29T12:00", "2026-11-28T07:00"),  # on Sunday Saturday's
        ("2026-07-01T10:00", "2026-07-01T05:00"),  # in summer an hour earlier
    ],
)
def test_when_the_shift_began(now, began):
    shifts = Shifts(SHIFTS[DAY], Calendar())
    assert shifts.began(datetime.fromisoformat(now + "+00:00")) == datetime.fromisoformat(began + "+00:00")


def test_choices_of_a_url_and_back():
    chosen = Filter.of({"ansicht": "parkdauer", "bezirk": "Neu stadt", "stand": "meine", "schicht": "quatsch"})
    assert chosen == Filter(Tab.STAY, "Neu stadt", Whose.MINE, Since.ALL)
    assert chosen.url(stand="") == "/inbox?ansicht=parkdauer&bezirk=Neu+stadt"
    assert Filter.of({}).url() == "/inbox"
    assert chosen.url(ansicht=Tab.OPEN, bezirk="", stand="") == "/inbox"


def test_where_it_is():
    assert (entry().street, entry().bay) == ("Binger Str. 19", "1")
    facts = {"accused": 1, "bays": 2, "bay": "MZ-LS01-2", "candidates": ["MZ-LS01-2", "MZ-LS01-1"]}
    group = entry(facts=facts, name="Binger Str. 19")
    assert (group.street, group.bay, group.group) == ("Binger Str. 19", "2", (1, 2))
    assert entry(facts=facts | {"accused": 2}, name="Binger Str. 19").bay == "1, 2"
    assert entry(attributes={"bay": 7}).bay == "7"


def test_readers_wake_at_a_change_and_hear_of_none_they_know():
    async def scenario():
        changes = Changes()
        readers = [asyncio.create_task(changes.after(0, 5)) for _ in range(3)]
        async with asyncio.timeout(5):
            while changes.readers < 3:
                await asyncio.sleep(0)
        changes.announce()
        assert await asyncio.gather(*readers) == [1, 1, 1]
        assert changes.readers == 0
        assert await changes.after(0, 5) == 1
        assert await changes.after(1, 0.001) == 1

    asyncio.run(scenario())
