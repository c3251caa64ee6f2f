"""The generic rules on stored history, on both databases: what they find, and that they take it back."""

from datetime import timedelta

import pytest

from alerts.learning import learn
from alerts.model import SubjectKind
from alerts.policy import Policy
from alerts.reconcile import reconcile
from alerts.rules.registry import KINDS, make
from decoders.readings import DeviceHealth, TreeMoisture
from storage.database import Role
from tests.integration.alerts.engine_radio import every, gateway_heard, hear, refused
from tests.integration.alerts.engine_store import MINUTE, NOW, alerts, kinds

HOUR = 60 * MINUTE


def rule(kind, **settings):
    return make(kind, KINDS[kind].settings(kind=kind, **settings))


def evaluate(store, one, now=NOW, since=None):
    """What a rule finds, in the engine's own role."""
    return store.run(lambda c: one.evaluate(c, now, since=since), role=Role.ALERTS)


def turn(store, one, now=NOW):
    """One turn of a rule, as the engine takes it."""

    async def take(connection):
        async with connection.transaction():
            findings = await one.evaluate(connection, now)
            return findings, await reconcile(connection, findings, now, policy=Policy())

    return store.run(take, role=Role.ALERTS)[0]


def learned(store, now=NOW):
    return store.run(lambda c: learn(c, now, since=timedelta(days=14)), role=Role.ALERTS)


def test_intervals_are_learned_from_the_gaps_of_each_device(store):
    hear(store, "a1", *every(10 * MINUTE, NOW - 5 * HOUR, NOW))
    hear(store, "b2", *every(HOUR, NOW - 20 * HOUR, NOW))
    hear(store, "c3", NOW - HOUR, NOW)
    burst = [at + timedelta(seconds=part / 4) for at in every(6 * HOUR, NOW - 60 * HOUR, NOW) for part in range(3)]
    hear(store, "d4", *burst)
    assert learned(store) == 3
    rows = store.execute("SELECT d.dev_eui, i.seconds FROM device_interval AS i JOIN device AS d ON d.id = i.device_id")
    found = {row["dev_eui"]: row["seconds"] for row in rows}
    assert (found["a1"], found["b2"]) == (600, 3600)
    assert found["d4"] == pytest.approx(6 * 3600, abs=2)


def test_a_device_is_silent_after_its_own_intervals(store):
    hear(store, "a1", *every(10 * MINUTE, NOW - 10 * HOUR, NOW - 2 * HOUR + MINUTE))
    hear(store, "b2", *every(HOUR, NOW - 30 * HOUR, NOW - HOUR))
    learned(store)
    one = rule("device_silent")
    findings = turn(store, one)
    [found] = findings.findings
    assert (found.subject, found.due_at - found.since) == ("a1", HOUR), "four of its intervals, but an hour at least"
    assert findings.next_due == NOW - 2 * HOUR + 4 * HOUR, "the hourly one would be silent after four hours"

    hear(store, "a1", NOW + MINUTE)
    turn(store, one, NOW + 2 * MINUTE)
    [alert] = alerts(store)
    assert (alert["state"], alert["reason"], alert["closed_at"]) == ("resolved", "heard_again", NOW + MINUTE)


def test_late_uplinks_take_a_silence_back(store):
    hear(store, "a1", *every(10 * MINUTE, NOW - 10 * HOUR, NOW - 2 * HOUR + MINUTE))
    learned(store)
    one = rule("device_silent")
    turn(store, one)
    hear(store, "a1", *every(10 * MINUTE, NOW - 2 * HOUR, NOW))
    turn(store, one, NOW + MINUTE)
    [alert] = alerts(store)
    assert (alert["state"], alert["reason"]) == ("withdrawn", "history_changed")


def test_a_late_uplink_that_does_not_end_a_silence_moves_its_begin(store):
    hear(store, "a1", *every(10 * MINUTE, NOW - 10 * HOUR, NOW - 4 * HOUR + MINUTE))
    learned(store)
    one = rule("device_silent")
    turn(store, one)
    hear(store, "a1", NOW - 210 * MINUTE)
    turn(store, one, NOW + MINUTE)
    [alert] = alerts(store)
    assert (alert["since"], alert["state"]) == (NOW - 210 * MINUTE, "open")
    assert kinds(store) == ["opened", "updated"]


def test_devices_of_other_profiles_are_not_judged(store):
    hear(store, "a1", NOW - 30 * HOUR, profile="tree")
    hear(store, "b2", NOW - 30 * HOUR, profile="bay")
    assert {one.subject for one in evaluate(store, rule("device_silent", profiles=("bay",))).findings} == {"b2"}
    assert {one.subject for one in evaluate(store, rule("device_silent", sources=("other",))).findings} == set()
    assert evaluate(store, rule("device_silent", unlearned=None)).findings == ()


def test_a_clock_that_is_years_ahead_hides_no_silence(store):
    hear(store, "a1", NOW - 30 * HOUR)
    store.execute("UPDATE device_state SET last_ns_time = last_ns_time + interval '10 years'")
    store.execute("UPDATE uplink SET ns_time = ns_time + interval '10 years'") if not store.timescale else None
    one = rule("device_silent")
    for minute in range(3):
        turn(store, one, NOW + minute * MINUTE)
    [alert] = alerts(store)
    assert alert["state"] == "open"
    assert kinds(store) == ["opened"]


def test_a_silent_gateway_and_the_devices_behind_it_are_one_group(store):
    for number in range(5):
        hear(store, f"{number:x}", *every(10 * MINUTE, NOW - 10 * HOUR, NOW - 2 * HOUR + MINUTE))
    hear(store, "f1", *every(10 * MINUTE, NOW - 10 * HOUR, NOW - 2 * HOUR + MINUTE), gateway="00b2")
    gateway_heard(store, "00a1", NOW - 2 * HOUR)
    gateway_heard(store, "00b2", NOW)
    learned(store)
    turn(store, rule("gateway_silent"))
    turn(store, rule("device_silent"))
    rows = alerts(store)
    assert [row["subject_kind"] for row in rows].count(SubjectKind.GATEWAY) == 1
    grouped = [row for row in rows if row["group_key"] == "gateway/00a1"]
    assert len(grouped) == 6
    assert [row["subject"] for row in rows if row["notifiable"]] == ["00a1", "f1"]
    assert all(row["badges"] == ["behind_silent_gateway"] for row in grouped if row["subject_kind"] == "device")

    gateway_heard(store, "00a1", NOW + MINUTE)
    turn(store, rule("gateway_silent"), NOW + 2 * MINUTE)
    turn(store, rule("device_silent"), NOW + 2 * MINUTE)
    assert [row["state"] for row in alerts(store) if row["subject"] == "00a1"] == ["resolved"]
    assert all(row["notifiable"] for row in alerts(store)), "it is back and they are still silent: now they are told"


def tree(device, at, **values):
    return TreeMoisture(device=device, observed_at=at, **values)


FROST = {"reading": "tree_moisture", "quantity": "soil_temperature", "below": 0, "clear": 2, "dwell": "20m"}


def test_a_threshold_needs_its_dwell_and_its_hysteresis(store):
    series = [(-60, 3.0), (-50, -1.0), (-40, 1.0), (-30, -2.0)]
    store.add([tree("a1", NOW + at * MINUTE, soil_temperature=value) for at, value in series])
    store.add([tree("b2", NOW - 10 * MINUTE, soil_temperature=-5.0)])
    one = rule("threshold", **FROST)
    findings = turn(store, one)
    [found] = findings.findings
    assert (found.subject, found.since, found.due_at) == ("a1", NOW - 50 * MINUTE, NOW - 30 * MINUTE)
    assert found.facts["last_value"] == -2.0
    assert findings.next_due == NOW + 10 * MINUTE

    store.add([tree("a1", NOW + MINUTE, soil_temperature=1.5)])
    turn(store, one, NOW + 2 * MINUTE)
    assert alerts(store)[0]["state"] == "open"
    store.add([tree("a1", NOW + 3 * MINUTE, soil_temperature=2.5)])
    turn(store, one, NOW + 20 * MINUTE)
    first, second = alerts(store)
    assert (first["state"], first["closed_at"]) == ("resolved", NOW + 3 * MINUTE)
    assert (second["subject"], second["state"]) == ("b2", "open")


def test_a_threshold_alert_outlives_its_window_and_knows_probes_apart(store):
    store.add([tree("a1", NOW, soil_temperature=-3.0, channel=1), tree("a1", NOW, soil_temperature=9.0)])
    one = rule("threshold", **FROST | {"dwell": 0})
    turn(store, one, NOW + MINUTE)
    turn(store, one, NOW + 40 * HOUR)
    turn(store, one, NOW + 200 * 24 * HOUR)
    [alert] = alerts(store)
    assert (alert["subject"], alert["state"]) == ("a1/1", "open")
    store.add([tree("a1", NOW + 200 * 24 * HOUR, soil_temperature=5.0, channel=1)])
    turn(store, one, NOW + 200 * 24 * HOUR + MINUTE)
    assert alerts(store)[0]["state"] == "resolved"
    assert kinds(store) == ["opened", "resolved"]


def test_history_gives_what_steps_would_have_given(store):
    series = [-1.0, -1.0, -1.0, 3.0, 1.0, -4.0, -4.0, -4.0, 1.0, 4.0, 4.0]
    readings = [tree("a1", NOW + number * 10 * MINUTE, soil_temperature=value) for number, value in enumerate(series)]
    one = rule("threshold", **FROST)
    for number, reading in enumerate(readings):
        store.add([reading])
        turn(store, one, NOW + number * 10 * MINUTE + MINUTE)
    end = NOW + 120 * MINUTE
    whole = evaluate(store, one, end, since=NOW - MINUTE).findings
    stepped = [(row["since"], row["closed_at"], row["due_at"]) for row in alerts(store)]
    assert [(one.since, one.ended.at, one.due_at) for one in whole] == stepped
    assert len(stepped) == 2


def test_values_that_are_not_trusted_do_not_count(store):
    store.add([tree("a1", NOW, soil_temperature=-30.0, flags=2)])
    assert evaluate(store, rule("threshold", **FROST | {"dwell": 0}), NOW + MINUTE).findings == ()


def test_a_battery_is_low_by_level_voltage_or_its_own_word(store):
    health = [
        DeviceHealth(device="a1", observed_at=NOW - 13 * HOUR, battery_level=15.0),
        DeviceHealth(device="b2", observed_at=NOW - 13 * HOUR, battery_voltage=2.9),
        DeviceHealth(device="c3", observed_at=NOW - 13 * HOUR, battery_low=True),
        DeviceHealth(device="d4", observed_at=NOW - 13 * HOUR, battery_level=25.0),
    ]
    store.add(health)
    one = rule("battery_low", voltage=3.0)
    assert {found.subject for found in turn(store, one).findings} == {"a1", "b2", "c3"}
    store.add([DeviceHealth(device="a1", observed_at=NOW, battery_level=25.0)])
    turn(store, one, NOW + MINUTE)
    assert [row["state"] for row in alerts(store)] == ["open"] * 3, "25 % is not yet good again"
    store.add([DeviceHealth(device="a1", observed_at=NOW + MINUTE, battery_level=100.0)])
    turn(store, one, NOW + 2 * MINUTE)
    assert {row["subject"]: row["state"] for row in alerts(store)} == {"a1": "resolved", "b2": "open", "c3": "open"}


@pytest.mark.parametrize("of", ["source", "decoder"])
def test_refusals_are_judged_by_their_share(store, of):
    hear(store, "a1", *every(MINUTE, NOW - 3 * HOUR, NOW + 3 * HOUR))
    store.execute("INSERT INTO decoder_version (name, version) VALUES ('acme', 1) ON CONFLICT DO NOTHING")
    store.execute("UPDATE uplink SET decoder_id = (SELECT max(id) FROM decoder_version)")
    one = rule("reject_rate", of=of, at_least=10)
    assert turn(store, one).findings == ()
    refused(store, 30, NOW + 2 * MINUTE)
    refused(store, 5, NOW + 3 * MINUTE, reason="no_frame")
    [found] = turn(store, one, NOW + 6 * MINUTE).findings
    assert (found.subject, found.subject_kind) == ({"source": "city", "decoder": "acme"}[of], of)
    assert found.facts["reasons"] == {"truncated": 30, "no_frame": 5}
    assert found.facts["share"] == pytest.approx(35 / 95, abs=0.02)
    turn(store, one, NOW + 20 * MINUTE)
    turn(store, one, NOW + 66 * MINUTE)
    [alert] = alerts(store)
    assert (alert["state"], alert["reason"]) == ("resolved", "back_to_normal")


@pytest.mark.parametrize("kind", ["device_silent", "gateway_silent"])
def test_silences_of_history_are_found_without_alerts(store, kind):
    times = [*every(10 * MINUTE, NOW - 10 * HOUR, NOW - 6 * HOUR), *every(10 * MINUTE, NOW - 3 * HOUR, NOW)]
    hear(store, "a1", *times)
    gateway_heard(store, "00a1", *times)
    learned(store)
    [found] = evaluate(store, rule(kind), since=NOW - 9 * HOUR).findings
    assert (found.since, found.ended.at) == (times[23], times[24])
    assert alerts(store) == []
