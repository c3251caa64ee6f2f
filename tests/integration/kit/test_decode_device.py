"""`decode --dev-eui`: a device's stored uplinks decoded now, why by this decoder, and what is stored beside it."""

import base64
import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typer.testing import CliRunner

from decoders.registry import Registry
from stadtfunk.cli import app

TREE, METER, ORPHAN = "a84041000181bcd5", "94193a0a0b000001", "a84041000181bcd6"
LSE01 = "ce2900f107a5099b6e2890"
ELVACO = "000c06384612000c14059753000b2d5201000b3b5706000a5a05030a5e05010c7889478268046d3231542302fd170000"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
VERSION = Registry.load().by_name("dragino_lse01").version


def stored(dev_eui, f_cnt, payload, port=2):
    """A line of The Things Stack's storage export."""
    at = (NOON + timedelta(minutes=20 * f_cnt)).isoformat().replace("+00:00", "Z")
    uplink = {
        "f_port": port,
        "f_cnt": f_cnt,
        "frm_payload": base64.b64encode(bytes.fromhex(payload)).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "g1"}, "rssi": -100, "snr": 5}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}}, "frequency": "868100000"},
        "received_at": at,
    }
    ids = {"device_id": f"d-{dev_eui[-1]}", "application_ids": {"application_id": "a"}, "dev_eui": dev_eui.upper()}
    return json.dumps({"result": {"end_device_ids": ids, "received_at": at, "uplink_message": uplink}})


LINES = [
    *(stored(TREE, f_cnt, LSE01) for f_cnt in (1, 2, 3)),
    stored(TREE, 4, LSE01[:8]),
    stored(METER, 1, ELVACO),
    stored(ORPHAN, 1, LSE01),
]


@pytest.fixture
def decode(tmp_path, database, monkeypatch):
    """Runs `decode --dev-eui` on a database that holds `LINES`; gives exit code, JSON lines and standard error."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    dump = tmp_path / "export.ndjson"
    dump.write_text("\n\n".join(LINES))
    content = {
        "sources": [{"name": "city", "format": "thethings"}],
        "database": {"dsn": database},
        "mapping": {"devices": {TREE: "dragino_lse01", METER: "elvaco_cmi41xx"}},
    }
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(json.dumps(content))
    done = CliRunner().invoke(app, ["replay", str(dump), "--config", str(file)])
    assert done.exit_code == 0, done.output

    def decode(dev_eui, *options, dsn=database, as_json=True):
        file.write_text(json.dumps(content | {"database": {"dsn": dsn}}))
        form = ["--json"] if as_json else []
        result = CliRunner().invoke(app, ["decode", "--dev-eui", dev_eui, *options, *form, "--config", str(file)])
        lines = [json.loads(line) for line in result.stdout.splitlines()] if as_json else result.stdout
        return result.exit_code, lines, result.stderr

    return decode


def execute(dsn, statement):
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement).rowcount


def test_the_latest_uplinks_with_choice_and_what_is_stored(decode):
    code, lines, _ = decode(TREE, "--last", "3")
    assert code == 1  # the latest is refused
    assert [line["uplink"]["f_cnt"] for line in lines] == [2, 3, 4]
    second = lines[0]
    assert second["chosen"] == {"decoder": "dragino_lse01", "version": VERSION, "why": f"device {TREE}"}
    assert second["uplink"]["hex"] == LSE01
    assert second["uplink"] | {"ns_time": "", "hex": ""} == {
        "ns_time": "",
        "f_cnt": 2,
        "f_port": 2,
        "hex": "",
        "source": "city",
        "outcome": "decoded",
        "decoder": "dragino_lse01",
        "version": VERSION,
    }
    assert second["differences"] == []
    assert [one["kind"] for one in second["stored"]] == ["tree_moisture", "device_health"]
    assert [one["values"] for one in second["stored"]] == [one["values"] for one in second["readings"]]
    assert second["readings"][0]["values"]["soil_moisture"] == 19.57
    assert lines[-1]["error"]["reason"] == "truncated"


def test_what_differs_from_what_is_stored_is_marked(decode, database):
    assert execute(database, "UPDATE stadtfunk.tree_moisture SET soil_moisture = 1 WHERE uplink_f_cnt = 1") == 1
    assert execute(database, "DELETE FROM stadtfunk.device_health WHERE uplink_f_cnt = 2") == 1
    assert execute(database, "UPDATE stadtfunk.device_health SET channel = 3 WHERE uplink_f_cnt = 3") == 1
    _, (first, second, third, _), _ = decode(TREE)
    [changed] = first["differences"]
    assert (changed["field"], changed["stored"], changed["now"]) == ("soil_moisture", 1.0, 19.57)
    assert [(one["kind"], one["change"]) for one in second["differences"]] == [("device_health", "appears")]
    assert {(one["channel"], one["change"]) for one in third["differences"]} == {(0, "appears"), (3, "vanishes")}
    _, shown, _ = decode(TREE, as_json=False)
    assert f"Decoder dragino_lse01, version {VERSION}, chosen by: device {TREE}" in shown
    assert "stored: 1.0" in shown
    assert "not stored" in shown
    assert "stored, but not given now: device_health 3 2026-06-01T13:00:00+00:00" in shown


def test_what_another_uplink_brought_already_does_not_appear(decode, database):
    """As a datalog's repeat of a live reading: the first one that came is stored."""
    owner = "uplink_f_cnt = 3, uplink_ns_time = uplink_ns_time + interval '20 minutes'"
    assert execute(database, f"UPDATE stadtfunk.device_health SET {owner} WHERE uplink_f_cnt = 2") == 1
    _, (_, second, third, _), _ = decode(TREE)
    assert second["differences"] == []
    assert [one["change"] for one in third["differences"]] == ["vanishes"]


def test_explain_maps_the_bytes_of_stored_payloads(decode):
    _, lines, _ = decode(TREE, "--explain")
    assert lines[0]["bytes"][4] == {
        "offset": 4,
        "hex": "07",
        "gives": ["soil_moisture"],
        "steers": True,
        "unread": False,
    }


def test_another_decoder_may_be_tried(decode):
    _, lines, _ = decode(TREE, "--decoder", "elvaco_cmi41xx", "--last", "2")
    assert lines[0]["chosen"]["why"] == "--decoder"
    assert {one["change"] for one in lines[0]["differences"]} <= {"appears", "vanishes"}


def test_a_household_is_shown_on_demand_only(decode):
    code, [withheld], _ = decode(METER)
    assert code == 0
    assert (withheld["readings"], withheld["stored"], withheld["uplink"]["hex"]) == ([], [], None)
    assert "--household" in withheld["warnings"][0]
    assert "124638" not in json.dumps(withheld)
    _, shown, _ = decode(METER, as_json=False)
    assert ELVACO not in shown
    _, [revealed], _ = decode(METER, "--household")
    assert revealed["uplink"]["hex"] == ELVACO
    assert revealed["readings"][0]["kind"] == revealed["stored"][0]["kind"] == "heat_meter"
    assert revealed["differences"] == []


def test_a_login_without_the_role_sees_no_payload(decode, database, postgres):
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA stadtfunk TO stranger")
    dsn = make_conninfo(postgres.tcp_dsn(name), user="stranger")
    for options in ((), ("--household",)):
        code, lines, said = decode(METER, *options, dsn=dsn)
        assert (code, lines) == (4, [])
        assert "refuses us" in said


def test_an_orphan_shows_its_payload_and_what_is_missing(decode):
    code, [line], _ = decode(ORPHAN, "--household")
    assert code == 1
    assert (line["chosen"], line["error"]["reason"]) == (None, "no_decoder")
    assert (line["uplink"]["hex"], line["uplink"]["outcome"]) == (LSE01, "orphan")
    _, shown, _ = decode(ORPHAN, as_json=False)
    assert "No mapping names a decoder for this device" in shown


def test_a_device_that_is_not_there(decode):
    code, lines, said = decode("0000000000000001")
    assert (code, lines) == (1, [])
    assert "No uplink of 0000000000000001 is stored." in said
