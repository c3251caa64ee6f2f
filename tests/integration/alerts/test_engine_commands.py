"""`stadtfunk alerts`: list, show, test and silences against a database."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app
from storage.settings import DatabaseSettings
from tests.integration.alerts.engine_radio import every, gateway_heard
from tests.integration.alerts.engine_store import MINUTE, NOW, ended, finding, findings, settle
from tests.support.store import Store


@pytest.fixture
def store(database_settings: DatabaseSettings) -> Store:
    return Store(database_settings, timescale=False)


@pytest.fixture
def ask(database_settings, tmp_path, monkeypatch):
    """Run a command on the database with one rule; its output, and the exit code."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    config = tmp_path / "stadtfunk.yaml"
    config.write_text(
        f"database: {{dsn: {json.dumps(database_settings.dsn)}}}\n"
        "alerts: {rules: {gateways: {kind: gateway_silent, after: 30m}}}\n"
    )

    def run(*arguments: str, code: int = 0):
        result = CliRunner().invoke(app, ["alerts", *arguments, "-c", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_open_alerts_are_listed_and_ended_ones_on_demand(store, ask):
    assert "No alert is open." in ask("list")
    settle(store, findings(finding("a1"), finding("b2")))
    settle(store, findings(finding("a1"), ended(finding("b2"), NOW)), NOW + MINUTE)
    assert "2026-000001" in ask("list")
    assert [json.loads(line)["subject"] for line in ask("list", "--json").splitlines()] == ["a1"]
    assert len(ask("list", "--all", "--json", "--rule", "silent").splitlines()) == 2
    assert ask("list", "--all", "--json", "--rule", "other") == ""


def test_an_alert_is_shown_with_its_log_and_tampering_is_told(store, ask):
    settle(store, findings(finding("a1")))
    settle(store, findings(ended(finding("a1"), NOW)), NOW + MINUTE)
    lines = [json.loads(line) for line in ask("show", "2026-000001", "--json").splitlines()]
    assert [line["kind"] for line in lines[1:]] == ["opened", "resolved"]
    assert "heard_again" in ask("show", "2026-000001")
    assert "no alert 2026-9" in ask("show", "2026-9", code=1)
    store.execute("UPDATE alert_event SET at = at - interval '1 hour' WHERE position = 1")
    assert "changed afterwards" in ask("show", "2026-000001", code=1)


def test_a_rule_is_tried_on_history_and_changes_nothing(store, ask):
    times = [*every(10 * MINUTE, NOW - 600 * MINUTE, NOW - 300 * MINUTE), NOW - 200 * MINUTE]
    gateway_heard(store, "00a1", *times)
    span = ("--from", (NOW - 500 * MINUTE).isoformat(), "--to", NOW.isoformat())
    found = [json.loads(line) for line in ask("test", "gateways", *span, "--json").splitlines()]
    assert [(one["subject"], one["ended_at"] is None) for one in found] == [("00a1", False), ("00a1", True)]
    assert "2 alert(s) would have been raised." in ask("test", "gateways", *span)
    assert store.execute("SELECT count(*) AS n FROM alert") == [{"n": 0}]
    assert "is none of gateways" in ask("test", "other", *span, code=2)


def test_silences_begin_are_listed_and_end(store, ask):
    assert "Silence 1 until" in ask("silence", "--subject", "B-4711", "--for", "4h", "--comment", "roadworks")
    [one] = [json.loads(line) for line in ask("silences", "--json").splitlines()]
    lasts = datetime.fromisoformat(one["ends_at"]) - datetime.fromisoformat(one["starts_at"])
    assert (one["subject"], one["rule"], lasts) == ("B-4711", None, timedelta(hours=4))
    assert "roadworks" in ask("silences")
    assert "is over" in ask("unsilence", "1")
    assert "no silence 1" in ask("unsilence", "1", code=1)
    assert "duration" in ask("silence", "--for", "soon", code=2)
    assert store.execute("SELECT ends_at <= now() AS over FROM silence") == [{"over": True}]
    assert datetime.fromisoformat(one["starts_at"]) <= datetime.now(UTC)
