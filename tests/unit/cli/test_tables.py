"""A table of the configuration is a decoder for every command: checked, listed, tested, used."""

import json

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app

TABLE = """
http: {webhooks: {ttn: {format: thethings, token: a-token-of-a-test}}}
tables:
  acme_t3:
    vendor: Acme
    model: T3
    version: 7
    source: data sheet
    profiles: [Acme T3]
    f_ports: [2]
    readings:
      - kind: tree_moisture
        fields: {soil_moisture: {offset: 0, divide: 100, faults: {0xFFFF: sensor_fault}}}
"""
VECTORS = [
    ("wet", "0fa0", {"soil_moisture": 40.0}, []),
    ("dry", "03e8", {"soil_moisture": 10.0}, []),
    ("fault", "ffff", {"soil_moisture": None}, ["SENSOR_FAULT"]),
]


@pytest.fixture
def stadtfunk(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(TABLE)

    def stadtfunk(*command, edit=("", "")):
        file.write_text(TABLE.replace(*edit) if edit[0] else TABLE)
        return CliRunner().invoke(app, [*command, "-c", str(file)])

    return stadtfunk


def test_it_decodes(stadtfunk):
    result = stadtfunk("decode", "--decoder", "acme_t3", "--port", "2", "--json", "0fa0")
    assert result.exit_code == 0
    assert json.loads(result.output)["readings"][0]["values"] == {"soil_moisture": 40.0}


def test_it_is_listed(stadtfunk):
    result = stadtfunk("decoder", "list", "--json")
    [listed] = [one for one in map(json.loads, result.output.splitlines()) if one["name"] == "acme_t3"]
    assert (listed["version"], listed["kinds"], listed["source"]) == (7, ["tree_moisture"], "data sheet")


def test_it_is_tested_with_vectors_beside_the_configuration(stadtfunk, tmp_path):
    vectors = [
        {
            "name": name,
            "f_port": 2,
            "hex": payload,
            "source": "by hand",
            "readings": [{"kind": "tree_moisture", "subject": "", "channel": 0, "values": values, "flags": flags}],
        }
        for name, payload, values, flags in VECTORS
    ]
    short = {"name": "short", "f_port": 2, "hex": "0f", "error": "truncated", "source": "by hand"}
    file = tmp_path / "acme_t3.vectors.json"
    file.write_text(json.dumps([*vectors, short]))
    assert stadtfunk("decoder", "test", "acme_t3").exit_code == 0
    file.write_text(json.dumps([{**vectors[0], "hex": "0fa1"}, *vectors[1:], short]))
    assert stadtfunk("decoder", "test", "acme_t3").exit_code == 1


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("soil_moisture:", "soil_moist:"), "fields.soil_moist: tree_moisture has no such field; did you mean"),
        (("offset: 0", "offset: 242"), "soil_moisture.offset: expected a number below 242, found 242"),
        (("0xFFFF", "0x1FFFF"), "soil_moisture.faults: expected raw numbers from 0 to 65535"),
        (("acme_t3:", "Acme T3:"), "tables.Acme T3: expected a text of the form"),
        (("acme_t3:", "dragino_lse01:"), "name 'dragino_lse01' is claimed by"),
        (("[Acme T3]", "[LSE01]"), "device profile 'lse01' is claimed by"),
        (("f_ports: [2]", "f_ports: [0]"), "f_ports[0]: expected a number of at least 1"),
        (("version: 7", "sise: 7"), "tables.acme_t3.sise: unknown key; did you mean `size`?"),
    ],
)
def test_a_mistake_is_refused_with_key_and_expectation(stadtfunk, edit, said):
    result = stadtfunk("check-config", edit=edit)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_as_it_is_it_is_fine(stadtfunk):
    result = stadtfunk("check-config")
    assert (result.exit_code, result.output.strip()) == (0, "The configuration is fine.")
