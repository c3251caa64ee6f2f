"""The digest: open alerts by priority, ends that somebody waits for; what nobody knew of and is over only counts."""

from datetime import UTC, datetime

from alerts.digest import MOST, Held, digest

AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def held(number, *, alert=None, state="open", told=False, priority=1.0, reason=""):
    body = {"number": f"2026-{alert or number:06}", "code": "V1_NO_CHARGE", "since": "2026-11-23T22:10:00+00:00"}
    is_open = state not in ("resolved", "withdrawn")
    return Held(number, alert or number, body, state, priority, is_open, reason, told, AT)


def numbers(entries):
    return [entry["number"] for entry in entries]


def test_open_alerts_the_most_urgent_first():
    body = digest([held(1), held(2, priority=3.0), held(3, state="acknowledged", priority=2.0)])
    assert numbers(body["open"]) == ["2026-000002", "2026-000003", "2026-000001"]
    assert [one["state"] for one in body["open"]] == ["open", "acknowledged", "open"]
    assert (body["open_count"], body["settled_count"], body["came_and_went"]) == (3, 0, 0)


def test_what_came_and_went_overnight_is_counted_only():
    body = digest([held(1), held(2, alert=9, state="resolved"), held(3, alert=9, state="resolved")])
    assert body["came_and_went"] == 1
    assert body["settled"] == []


def test_nothing_is_said_when_all_has_settled_that_nobody_knew_of():
    assert digest([held(1, state="resolved"), held(2, state="withdrawn")]) is None


def test_ends_of_what_the_channel_knew_are_told():
    body = digest([held(1, state="resolved", told=True, reason="drove_away")])
    assert (numbers(body["settled"]), body["settled"][0]["reason"]) == (["2026-000001"], "drove_away")


def test_an_alert_with_several_messages_is_one_entry():
    body = digest([held(1, alert=5), held(2, alert=5), held(3, alert=5)])
    assert (len(body["open"]), body["open_count"]) == (1, 1)


def test_a_bad_night_stays_readable():
    body = digest([held(number) for number in range(1, 501)])
    assert (len(body["open"]), body["open_count"]) == (MOST, 500)
