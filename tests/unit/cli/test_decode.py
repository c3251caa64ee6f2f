"""`decode`: readings, warnings and reasons, as JSON and for people."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from decoders.decoder import Assembly, Decoder, Fragment, Joined
from decoders.errors import DecodeError, RejectReason
from decoders.readings import DeviceHealth, HeatMeter, QualityFlag, TreeMoisture
from decoders.registry import Entry, Registry
from stadtfunk.cli import app


def two_probes(uplink, data):
    if data.remaining < 2:
        raise DecodeError(RejectReason.TRUNCATED, "two bytes are needed")
    first, second = data.u8(), data.u8()
    return [
        TreeMoisture.of(uplink, soil_moisture=first / 2),
        TreeMoisture.of(uplink, channel=1, soil_moisture=None, flags=QualityFlag.SENSOR_FAULT | QualityFlag.HISTORY),
        HeatMeter.of(uplink, subject="4711", energy=float(second)),
    ]


def halves(uplink, data):
    """The first byte says which half of a level this is; both together are one payload of two bytes."""
    if data.remaining == 2:
        return [DeviceHealth.of(uplink, battery_level=float(data.u8() + data.u8()))]
    return Fragment("level", data.u8(), 2)


def join(uplinks):
    if len(uplinks) == 2:
        yield Joined(replace(uplinks[1], payload=b"".join(one.payload for one in uplinks)), tuple(uplinks))


HALVES = Decoder(
    "test_halves", 1, "test", "halves", halves, (DeviceHealth,), "made up", assembly=Assembly(join, timedelta(hours=1))
)
TEST = Decoder("test_probe", 1, "test", "probe", two_probes, (TreeMoisture, HeatMeter), "made up", f_ports=(5,))


@pytest.fixture
def decode(monkeypatch, tmp_path):
    registry = Registry({one.name: Entry(one, tmp_path, "abc") for one in (TEST, HALVES)})
    monkeypatch.setattr(Registry, "load", classmethod(lambda cls, *folders, **options: registry))
    monkeypatch.setenv("STADTFUNK_LANG", "en")

    def decode(*payloads, decoder="test_probe", port="5", options=("--json",)):
        return CliRunner().invoke(app, ["decode", "--decoder", decoder, "--port", port, *options, *payloads])

    return decode


def test_the_json_form(decode):
    result = decode("50 02", options=("--json", "--at", "2026-06-01T12:00:00+02:00"))
    assert result.exit_code == 0
    at = "2026-06-01T10:00:00+00:00"
    assert json.loads(result.output) == {
        "readings": [
            {"kind": "tree_moisture", "channel": 0, "observed_at": at, "values": {"soil_moisture": 40.0}, "flags": []},
            {
                "kind": "tree_moisture",
                "channel": 1,
                "observed_at": at,
                "values": {"soil_moisture": None},
                "flags": ["SENSOR_FAULT", "HISTORY"],
            },
            {
                "kind": "heat_meter",
                "subject": "4711",
                "channel": 0,
                "observed_at": at,
                "values": {"energy": 2.0},
                "flags": [],
            },
        ],
        "warnings": [],
        "error": None,
    }


def test_a_refused_payload_gives_its_reason_and_exit_code_1(decode):
    result = decode("50")
    assert result.exit_code == 1
    assert json.loads(result.output) == {
        "readings": [],
        "warnings": [],
        "error": {"reason": "truncated", "detail": "two bytes are needed"},
    }


def test_an_unknown_port_is_a_reason(decode):
    result = decode("5002", port="6")
    assert (result.exit_code, json.loads(result.output)["error"]["reason"]) == (1, "unknown_port")


def test_unread_bytes_are_a_warning(decode):
    assert json.loads(decode("5002ff").output)["warnings"] == ["1 byte(s) at the end were not read"]


def test_several_payloads_give_a_line_each_and_one_refusal_counts(decode):
    result = decode("50:02", "0x5002", "50-02", "")
    assert result.exit_code == 1
    assert [json.loads(line)["error"] is None for line in result.output.splitlines()] == [True, True, True, False]


def test_without_a_time_it_is_now(decode):
    before = datetime.now(UTC).replace(microsecond=0)
    at = datetime.fromisoformat(json.loads(decode("5002").output)["readings"][0]["observed_at"])
    assert before <= at <= datetime.now(UTC)


def test_for_people_it_is_a_table_with_titles_and_units(decode):
    result = decode("5002", options=())
    assert result.exit_code == 0
    assert "Baumfeuchte" in result.output
    assert "Bodenfeuchte  40.0  %{vol}" in result.output
    assert "SENSOR_FAULT" in result.output
    assert "Refused: truncated: two bytes are needed" in decode("50", options=()).output


def test_an_unknown_decoder_is_answered_with_the_nearest(decode):
    result = decode("00", decoder="test_prob")
    assert result.exit_code == 2
    assert "known: test_probe" in result.stderr


@pytest.mark.parametrize("payload", ["5", "xyz", "50 0"])
def test_what_is_no_hex_is_refused(decode, payload):
    result = decode(payload)
    assert result.exit_code == 2
    assert "is no hex string" in result.stderr


def test_what_is_no_time_is_refused(decode):
    assert decode("5002", options=("--at", "yesterday")).exit_code == 2


def test_explain_adds_every_byte_with_what_it_gives(decode):
    found = json.loads(decode("5002ff", options=("--json", "--explain")).output)
    assert found["bytes"] == [
        {"offset": 0, "hex": "50", "gives": ["soil_moisture[0]"], "steers": False, "unread": False},
        {"offset": 1, "hex": "02", "gives": ["energy"], "steers": False, "unread": False},
        {"offset": 2, "hex": "ff", "gives": [], "steers": False, "unread": True},
    ]
    assert found["error"] is None


def test_explain_of_a_refused_payload_has_its_bytes_and_the_reason(decode):
    found = json.loads(decode("50", options=("--json", "--explain")).output)
    assert found["bytes"] == [{"offset": 0, "hex": "50", "gives": [], "steers": False, "unread": False}]
    assert found["error"]["reason"] == "truncated"


def test_explain_for_people_shows_the_payload_and_a_legend(decode):
    result = decode("5002ff", options=("--explain",))
    assert "   0  50 02 ff" in result.output
    assert "energy            1  2.0 kWh" in result.output
    assert "not read          2" in result.output


def test_parts_of_one_message_are_put_together_at_the_last(decode):
    first, second = map(json.loads, decode("01", "02", decoder="test_halves").output.splitlines())
    assert (first["readings"], first["warnings"]) == ([], ["part 2 of 2: the rest comes in other uplinks"])
    assert second["readings"][0]["values"] == {"battery_level": 3.0}
    assert second["warnings"] == []
    assert "Put together from 2 parts." in decode("01", "02", decoder="test_halves", options=()).output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--decoder", "test_probe", "--port", "5"],
        ["--decoder", "test_probe", "00"],
        ["--port", "5", "00"],
        ["--dev-eui", "70b3d57ed0000001", "00"],
        ["--dev-eui", "70b3d57ed0000001", "--port", "5"],
        ["--dev-eui", "not-one"],
    ],
)
def test_payloads_need_decoder_and_port_and_a_device_needs_neither(decode, arguments):
    result = CliRunner().invoke(app, ["decode", *arguments])
    assert result.exit_code == 2, result.output


def test_every_payload_may_have_a_port_of_its_own(decode):
    first, second = map(json.loads, decode("5002", "5002", options=("--json", "--port", "6")).output.splitlines())
    assert (first["error"], second["error"]["reason"]) == (None, "unknown_port")
    assert decode("5002", "5002", "5002", options=("--port", "6")).exit_code == 2
