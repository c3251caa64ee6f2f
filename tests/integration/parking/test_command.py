"""`stadtfunk alerts test` for wrong parking: a day of a street tried with other timers, and nothing is changed."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from alerts.charging.status import EvseState
from stadtfunk.cli import app

from .street import Street, at

KIND = {"kind": "wrong_parking", "signs": [{"regime": "EV_CHARGING", "max_stay_minutes": None}]}


@pytest.fixture
def day(street: Street) -> Street:
    """Three bays: one is blocked for 40 minutes, one charges and stays for 25 more, one is left after 8 minutes."""
    for number in (1, 2, 3):
        device, evse = street.bay(f"LS0{number}-1", station=f"LS0{number}", evses=[f"DEE{number}"]), f"DEE{number}"
        street.sees(device, -60, False, heartbeat=True)
        street.point(evse, -120, EvseState.IDLE)
        street.sees(device, 0, True)
        if number == 2:
            street.point(evse, 3, EvseState.IN_USE)
            street.point(evse, 50, EvseState.IDLE)
        for minute in range(60, {1: 40, 2: 75, 3: 8}[number], 60):
            street.sees(device, minute, True, heartbeat=True)
        street.sees(device, {1: 40, 2: 75, 3: 8}[number], False)
    street.linked(-120, 180)
    return street


@pytest.fixture
def tried(day: Street, tmp_path, monkeypatch):
    """What a rule would have raised on that day, by bay, and the table for people."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")

    def run(*flags: str, **timers: str):
        file = tmp_path / "stadtfunk.yaml"
        rules = {"parking": KIND | ({"timers": timers} if timers else {})}
        file.write_text(yaml.safe_dump({"database": {"dsn": day.store.settings.dsn}, "alerts": {"rules": rules}}))
        span = ("--from", at(-30).isoformat(), "--to", at(180).isoformat())
        result = CliRunner().invoke(app, ["alerts", "test", "parking", *span, *flags, "-c", str(file)])
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_what_a_rule_would_have_raised(day: Street, tried) -> None:
    found = {one["subject"]: one for one in map(json.loads, tried("--json").splitlines())}
    assert {subject: (one["code"], one["reason"]) for subject, one in found.items()} == {
        "LS01-1": ("V1_NO_CHARGE", "drove_away"),
        "LS02-1": ("V2_AFTER_CHARGE", "drove_away"),
    }
    assert (found["LS01-1"]["since"], found["LS01-1"]["due_at"]) == (at(0).isoformat(), at(10).isoformat())
    assert "2 alert(s) would have been raised." in tried()
    for table in ("alert", "alert_event", "notification", "rule_checkpoint"):
        assert day.store.execute(f"SELECT count(*) AS n FROM {table}") == [{"n": 0}]


def test_other_timers_are_tried_before_they_are_used(tried) -> None:
    patient = [json.loads(line) for line in tried("--json", grace="45m", after_charge="30m").splitlines()]
    assert patient == []
    strict = [json.loads(line)["subject"] for line in tried("--json", grace="4m").splitlines()]
    assert sorted(strict) == ["LS01-1", "LS02-1", "LS03-1"]
