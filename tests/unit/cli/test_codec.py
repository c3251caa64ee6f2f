"""`codec run` and `codec check`: results, errors and differences, as JSON and for people."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from decoders import javascript
from decoders.javascript import SandboxError
from stadtfunk.cli import app

CODEC = """
function decodeUplink(input) {
  console.log("called");
  if (input.bytes.length === 0) throw new Error("empty");
  if (input.fPort !== 2) return { errors: ["unknown port"] };
  return { data: { bytes: input.bytes, at: input.recvTime, v: input.variables }, warnings: ["young"] };
}
function normalizeUplink(input) {
  return { data: { battery: input.data.bytes[0] } };
}
"""


@pytest.fixture
def codec(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    file = tmp_path / "acme.js"
    file.write_text(CODEC, encoding="utf-8")

    def codec(command, *given):
        return CliRunner().invoke(app, ["codec", command, str(file), *given])

    codec.file = file
    return codec


def test_run_prints_an_object_for_each_payload(codec):
    options = ["--json", "--port", "2", "--received-at", "2026-06-01T12:00:00+02:00", "--variable", "a=b=c"]
    result = codec("run", *options, "01 02", "0x03")
    assert result.exit_code == 0
    first, second = map(json.loads, result.output.splitlines())
    assert first == {
        "data": {"bytes": [1, 2], "at": "2026-06-01T10:00:00.000Z", "v": {"a": "b=c"}},
        "normalized": [{"battery": 1}],
        "warnings": ["young"],
        "errors": [],
        "failure": None,
        "console": ["called"],
    }
    assert second["data"]["bytes"] == [3]


def test_run_says_what_went_wrong_and_fails(codec):
    result = codec("run", "--json", "--port", "2", "")
    assert result.exit_code == 1
    assert json.loads(result.output)["failure"] == "threw"
    assert json.loads(result.output)["errors"] == ["Error: empty (line 4)"]
    assert json.loads(codec("run", "--json", "--port", "3", "01").output)["failure"] is None


def test_run_for_people(codec):
    result = codec("run", "--port", "2", "05")
    assert '"bytes": [' in result.output
    assert 'Normalised: {"battery": 5}' in result.output
    assert "Console: called" in result.output
    assert "Warning: young" in result.output
    assert "Error: threw: Error: empty (line 4)" in codec("run", "--port", "2", "").output
    assert "Error: unknown port" in codec("run", "--port", "3", "01").output


@pytest.mark.parametrize(
    "given",
    [["--port", "2", "xy"], ["--port", "2", "--variable", "a", "01"], ["--port", "2", "--received-at", "noon", "01"]],
)
def test_wrong_use_is_told(codec, given):
    assert codec("run", *given).exit_code == 2


def test_check_needs_examples(codec):
    result = codec("check")
    assert result.exit_code == 1
    codec.file.with_name("examples.json").write_text('[{"type": "uplink"}]')
    result = codec("check")
    assert result.exit_code == 1
    assert "KeyError" in result.output


def test_check_names_every_difference(codec):
    good = {
        "input": {"bytes": [1], "fPort": 2, "recvTime": "2026-06-01T10:00:00Z"},
        "output": {"data": {"bytes": [1], "at": "2026-06-01T10:00:00.000Z", "v": {}}, "warnings": ["young"]},
    }
    failing = {"input": {"bytes": "01", "fPort": 3}, "output": {"errors": ["unknown port"]}}
    wrong = {
        "description": "wrong",
        "input": {"bytes": "02", "fPort": 2, "recvTime": "2026-06-01T10:00:00Z"},
        "output": {"data": {"bytes": [3], "at": "2026-06-01T10:00:00.000Z", "v": {}}},
    }
    downlink = {"type": "downlink-encode", "input": {"data": {}}, "output": {"bytes": [1]}}
    beside = codec.file.with_name("acme.examples.json")
    beside.write_text(json.dumps([good, failing, downlink]))
    result = codec("check")
    assert (result.exit_code, result.output.strip().endswith("2 of 2 examples are decoded as they say")) == (0, True)
    beside.write_text(json.dumps([good, wrong]))
    result = codec("check")
    assert result.exit_code == 1
    assert "data.bytes: expected [3], found [2]" in result.output
    assert "1 of 2" in result.output


def test_shipped_codecs_pass_their_examples(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    shipped = sorted((Path(__file__).resolve().parents[3] / "config" / "codecs").glob("*.js"))
    result = CliRunner().invoke(app, ["codec", "check", *map(str, shipped)])
    assert result.exit_code == 0, result.output
    assert result.output.count("decoded as they say") == len(shipped) > 0


def test_a_missing_engine_is_told(codec, monkeypatch):
    def fail(calls):
        raise SandboxError("there is no engine")

    monkeypatch.setattr(javascript, "run_codecs", fail)
    result = codec("run", "--port", "2", "01")
    assert result.exit_code == 1
    assert "there is no engine" in result.output
