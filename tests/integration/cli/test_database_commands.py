"""The commands that need a database, as an operator uses them: migrate, replay, status, rejected."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app

LSE01 = bytes.fromhex("ce2900f107a5099b6e2890")
MAPPED, UNMAPPED = "a84041000181bcd5", "a84041000181bcd6"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def stored(dev_eui, f_cnt, payload=LSE01):
    """A line of The Things Stack's storage export."""
    at = (NOON + timedelta(minutes=20 * f_cnt)).isoformat().replace("+00:00", "Z")
    uplink = {
        "f_port": 2,
        "f_cnt": f_cnt,
        "frm_payload": base64.b64encode(payload).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "g1"}, "rssi": -100, "snr": 5}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}}, "frequency": "868100000"},
        "received_at": at,
    }
    ids = {
        "device_id": f"tree-{dev_eui[-1]}",
        "application_ids": {"application_id": "trees"},
        "dev_eui": dev_eui.upper(),
    }
    return json.dumps({"result": {"end_device_ids": ids, "received_at": at, "uplink_message": uplink}})


LINES = [stored(MAPPED, 1), stored(MAPPED, 2), stored(UNMAPPED, 1), stored(MAPPED, 3, LSE01[:4]), '{"canary-garbage":']


@pytest.fixture
def city(tmp_path, database, monkeypatch):
    """Runs commands on a configuration for the fresh database; `mapping` replaces the mapping."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    dump = tmp_path / "export.ndjson"
    dump.write_text("\n\n".join(LINES))
    mapping = {"devices": {MAPPED: "dragino_lse01"}}

    def command(*arguments, mapping=mapping):
        file = tmp_path / "stadtfunk.yaml"
        content = {
            "sources": [{"name": "trees", "format": "thethings"}],
            "database": {"dsn": database},
            "mapping": mapping,
            "http": {"port": 1},
        }
        file.write_text(json.dumps(content))
        words = [str(dump) if word == "DUMP" else word for word in arguments]
        return CliRunner().invoke(app, [*words, "--config", str(file)])

    return command


def status(city):
    return json.loads(city("status", "--json").stdout)


def rejected(city, *options):
    return [json.loads(line) for line in city("rejected", "list", "--json", *options).stdout.splitlines()]


def test_migrate_is_harmless_when_repeated(city):
    result = city("migrate")
    assert result.exit_code == 0
    assert result.output == "The database is up to date (PostgreSQL).\n"


def test_a_database_without_tables_says_what_to_do(city, empty_database, monkeypatch):
    monkeypatch.setenv("STADTFUNK_DATABASE__DSN", empty_database)
    for command in (["status"], ["rejected", "list"]):
        result = city(*command)
        assert result.exit_code == 4
        assert "stadtfunk migrate" in result.output


def test_replay_stores_once_and_status_counts(city):
    first = json.loads(city("replay", "DUMP", "--json").stdout)
    assert (first["messages"], first["uplinks"], first["duplicates"]) == (5, 4, 0)
    assert first["readings"]["tree_moisture"] == 2
    assert sum(first["rejected"].values()) == 3
    again = json.loads(city("replay", "DUMP", "--json").stdout)
    assert (again["uplinks"], again["duplicates"], again["readings"], again["rejected"]) == (0, 4, {}, {})
    found = status(city)
    assert found["service"] == {"url": "http://127.0.0.1:1", "reachable": False}
    assert found["kinds"]["tree_moisture"] == {"rows": 2, "latest": "2026-06-01T12:40:00+00:00"}
    assert found["kinds"]["heat_meter"] == {"rows": 0, "latest": None}
    assert found["devices"]["devices"] == 2
    assert found["devices"]["uplinks"] == 4
    assert found["sources"]["trees"]["devices"] == 2
    assert sum(found["rejected"].values()) == 3


def test_replay_for_people(city):
    result = city("replay", "DUMP")
    assert result.exit_code == 0
    assert "Messages read: 5." in result.output
    assert "New uplinks: 4, stored before: 0." in result.output
    assert "  new readings of tree_moisture: 2" in result.output
    assert "  refused as no_decoder: 1" in result.output


def test_replay_wants_a_known_source(city):
    result = city("replay", "DUMP", "--source", "nowhere")
    assert result.exit_code == 2
    assert "configured: trees" in result.stderr


def test_rejected_messages_are_listed_by_reason_without_their_payload(city):
    city("replay", "DUMP")
    assert sorted(message["reason"] for message in rejected(city)) == ["malformed", "no_decoder", "truncated"]
    [message] = rejected(city, "--reason", "malformed")
    assert message["payload"] == f"{len(LINES[-1])} bytes"
    assert rejected(city, "--source", "nowhere") == []
    table = city("rejected", "list").stdout
    assert "no_decoder" in table
    assert "canary-garbage" not in table


def test_the_raw_message_is_shown_on_demand_only(city):
    city("replay", "DUMP")
    [message] = rejected(city, "--reason", "malformed")
    number = str(message["id"])
    assert "canary-garbage" not in city("rejected", "show", number).output
    assert "canary-garbage" in city("rejected", "show", number, "--payload").output
    missing = city("rejected", "show", "999999")
    assert missing.exit_code == 1
    assert "There is no rejected message 999999." in missing.stderr


def test_retry_stores_what_is_understood_now_and_resolves_it(city):
    city("replay", "DUMP")
    unchanged = city("rejected", "retry")
    assert "Understood now and stored: 0." in unchanged.output
    assert "still refused as no_decoder: 1" in unchanged.output
    result = city("rejected", "retry", mapping={"default": "dragino_lse01"})
    assert result.exit_code == 0
    assert "Understood now and stored: 1." in result.output
    assert "no_decoder" not in result.output
    assert sorted(message["reason"] for message in rejected(city)) == ["malformed", "truncated"]
    found = status(city)
    assert found["kinds"]["tree_moisture"]["rows"] == 3
    assert found["devices"]["uplinks"] == 4
    assert "Understood now and stored: 0." in city("rejected", "retry", mapping={"default": "dragino_lse01"}).output


def test_retry_takes_only_what_is_selected(city):
    city("replay", "DUMP")
    result = city("rejected", "retry", "--reason", "truncated", mapping={"default": "dragino_lse01"})
    assert "still refused as truncated: 1" in result.output
    assert {message["reason"] for message in rejected(city)} == {"malformed", "no_decoder", "truncated"}


def devices(city, *options):
    return [json.loads(line) for line in city("devices", "--json", *options).stdout.splitlines()]


def test_devices_are_listed_and_found(city):
    city("replay", "DUMP")
    found = {device["dev_eui"]: device for device in devices(city)}
    assert found.keys() == {MAPPED, UNMAPPED}
    assert (found[MAPPED]["uplinks"], found[MAPPED]["missing_frames"], found[MAPPED]["outcome"]) == (3, 0, "failed")
    assert [device["dev_eui"] for device in devices(city, "--orphans")] == [UNMAPPED]
    assert [device["dev_eui"] for device in devices(city, "--search", MAPPED.upper()[4:])] == [MAPPED]
    assert devices(city, "--search", "nothing like it") == []
    assert len(devices(city, "--limit", "1")) == 1
    assert devices(city, "--silent", "1000000") == []
    assert UNMAPPED in city("devices").stdout
