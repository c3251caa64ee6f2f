"""`decoder`: begin one in a private folder, prove it, list all, with exit codes that a script can rely on."""

import json

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app

DEVICE = '''"""Acme S100.

Layout: a byte, level in %.

Source: sheet.
"""

from decoders.decoder import Decoder
from decoders.readings import DeviceHealth


def decode(uplink, data):
    return [DeviceHealth.of(uplink, battery_level=float(data.u8()))]


DECODER = Decoder("acme_s100", 3, "Acme", "S100", decode, (DeviceHealth,), "sheet", ("Acme S100",), (2,))
'''
LEVEL = {"f_port": 2, "source": "sheet"}
VECTORS = [
    *(
        LEVEL
        | {"name": hex_, "hex": hex_, "readings": [{"kind": "device_health", "values": {"battery_level": float(n)}}]}
        for n, hex_ in enumerate(("00", "01", "02"))
    ),
    LEVEL | {"name": "empty", "hex": "", "error": "truncated"},
]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "acme_s100.py").write_text(DEVICE)
    (folder / "acme_s100.vectors.json").write_text(json.dumps(VECTORS))
    return folder


@pytest.fixture
def decoder(monkeypatch, tmp_path):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    monkeypatch.delenv("STADTFUNK_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def decoder(*arguments):
        return CliRunner().invoke(app, ["decoder", *map(str, arguments)])

    return decoder


def test_a_proved_decoder_passes(decoder, folder):
    result = decoder("test", "acme_s100", "--strict", "--folder", folder)
    assert result.exit_code == 0, result.output
    assert "acme_s100 3  (private folder)" in result.output
    assert "Decoders: 1, failed: 0." in result.output


def test_the_folder_may_stand_in_the_configuration(decoder, folder, tmp_path):
    (tmp_path / "stadtfunk.yaml").write_text("decoder_folders: [mine]\n")
    assert decoder("test", "acme_s100").exit_code == 0
    assert decoder("test", "acme_s100", "--folder", folder).exit_code == 0


def test_what_fails_is_told_and_is_exit_code_1(decoder, folder):
    (folder / "acme_s100.vectors.json").write_text(json.dumps(VECTORS[1:]))
    result = decoder("test", "acme_s100", "--folder", folder)
    assert result.exit_code == 1
    assert "fewer than three vectors: 1 with readings to be added" in result.output
    assert "failed: 1." in result.output


def test_a_note_fails_only_when_strict(decoder, folder):
    file = folder / "acme_s100.py"
    file.write_text(DEVICE.replace("(2,)", "(2, 3)"))
    assert decoder("test", "acme_s100", "--folder", folder).exit_code == 0
    result = decoder("test", "acme_s100", "--folder", folder, "--strict")
    assert result.exit_code == 1
    assert "no vector shows port 3" in result.output


def test_as_json_it_is_a_line_for_each_decoder(decoder, folder):
    result = decoder("test", "acme_s100", "nwave_nps405", "--json", "--folder", folder)
    found = [json.loads(line) for line in result.output.splitlines()]
    assert [one["decoder"] for one in found] == ["acme_s100", "nwave_nps405"]
    assert all(one["passed"] and one["microseconds_per_decode"] > 0 for one in found)
    assert {check["name"] for check in found[0]["checks"]} >= {"vectors", "truncation", "random payloads", "coverage"}


def test_an_unknown_name_is_answered_with_the_nearest_and_with_what_is_not_used(decoder, folder):
    (folder / "acme_s200.py").write_text("import nothing_of_this_name")
    result = decoder("test", "acme_s10", "--folder", folder)
    assert result.exit_code == 2
    assert "known: acme_s100" in result.stderr
    assert "acme_s200.py: does not import: ModuleNotFoundError" in result.stderr


def test_a_broken_file_is_told_and_fails_a_test_of_all_but_not_the_list(decoder, folder, monkeypatch):
    (folder / "broken.py").write_text("def")
    monkeypatch.setattr("decoders.registry.BUILT_IN", folder.parent / "none")
    (folder.parent / "none").mkdir()
    result = decoder("test", "--folder", folder)
    assert result.exit_code == 1
    assert "failed: 0." in result.output
    assert "broken.py" in result.stderr
    result = decoder("list", "--folder", folder)
    assert result.exit_code == 0
    assert "broken.py" in result.stderr


def test_the_list(decoder, folder):
    result = decoder("list", "--search", "acme", "--json", "--folder", folder)
    assert result.exit_code == 0
    [found] = [json.loads(line) for line in result.stdout.splitlines()]
    expected = {
        "name": "acme_s100",
        "vendor": "Acme",
        "model": "S100",
        "version": 3,
        "kinds": ["device_health"],
        "quantities": {"device_health": {"battery_level": "%"}},
        "ports": [2],
        "profiles": ["Acme S100"],
        "vectors": 4,
        "refused_vectors": 1,
        "source": "sheet",
        "origin": "private folder",
        "file": str(folder / "acme_s100.py"),
        "problem": "",
    }
    assert expected.items() <= found.items()


def test_the_list_for_people(decoder, folder):
    result = decoder("list", "--search", "ACME", "--folder", folder)
    assert result.output.splitlines() == [
        "acme_s100  Acme S100: version 3, private folder, ports 2, vectors 4",
        "    device_health: battery_level",
        "    sheet",
    ]


def test_new_writes_both_files_and_says_what_is_next(decoder, tmp_path):
    result = decoder("new", "Acme", "S200", "--folder", "begun", "--port", "7", "--kind", "parking_bay", "01 02")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "begun").iterdir()) == ["acme_s200.py", "acme_s200.vectors.json"]
    assert "1. Write the layout: begun/acme_s200.py" in result.output
    assert "stadtfunk decode --decoder acme_s200 --port 7 --folder begun --explain 0102" in result.output
    assert "decoder_folders: [" in result.output
    assert "ParkingBay" in (tmp_path / "begun" / "acme_s200.py").read_text()
    assert decoder("test", "acme_s200", "--folder", "begun").exit_code == 1


def test_new_in_the_configured_folder_needs_no_option(decoder, folder, tmp_path):
    (tmp_path / "stadtfunk.yaml").write_text("decoder_folders: [mine]\n")
    result = decoder("new", "Acme", "S200")
    assert result.exit_code == 0, result.output
    assert "--folder" not in result.output
    assert (folder / "acme_s200.py").exists()


def test_new_overwrites_nothing_and_takes_no_name_twice(decoder, folder):
    before = (folder / "acme_s100.py").read_text()
    result = decoder("new", "Acme", "S100", "--folder", folder)
    assert result.exit_code == 1
    assert "Nothing is overwritten" in result.stderr
    assert (folder / "acme_s100.py").read_text() == before
    result = decoder("new", "Nwave", "NPS405", "--folder", folder)
    assert result.exit_code == 1
    assert "There is a decoder nwave_nps405 already" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Acme", "S200"), "names no folder"),
        (("Acme", "+", "--folder", "x"), "letters or digits"),
        (("Acme", "S200", "--kind", "moisture", "--folder", "x"), "tree_moisture"),
        (("Acme", "S200", "0", "--folder", "x"), "no hex string"),
    ],
)
def test_new_tells_what_is_wrong_with_its_arguments(decoder, tmp_path, arguments, told):
    result = decoder("new", *arguments)
    assert result.exit_code == 2, result.output
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


CITY = """
tables:
  acme_table:
    source: sheet
    size: 1
    readings: [{kind: device_health, fields: {battery_level: {offset: 0, size: 1}}}]
codecs:
  acme_codec:
    readings: [{kind: device_health, fields: {battery_level: level}}]
"""
CODEC = """
function decodeUplink(input) {
  if (input.bytes.length < 1) return { errors: ["too short"] };
  return { data: { level: input.bytes[0] } };
}
"""


def test_tables_and_codecs_are_proved_and_explained_alike(decoder, tmp_path):
    (tmp_path / "stadtfunk.yaml").write_text(CITY)
    codecs = tmp_path / "codecs"
    codecs.mkdir()
    (codecs / "acme_codec.js").write_text(CODEC)
    (tmp_path / "acme_table.vectors.json").write_text(json.dumps(VECTORS))
    refused = [*VECTORS[:3], VECTORS[3] | {"error": "codec_error"}]
    (codecs / "acme_codec.vectors.json").write_text(json.dumps(refused))
    result = decoder("test", "acme_table", "acme_codec", "--json", "--strict")
    found = {one["decoder"]: one for one in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 0, result.output
    for one in found.values():
        statuses = {check["name"]: check["status"] for check in one["checks"]}
        assert statuses.pop("file") == statuses.pop("code") == "skipped"
        assert set(statuses.values()) == {"passed"}
    for name in found:
        explained = CliRunner().invoke(app, ["decode", "-d", name, "-p", "2", "--explain", "--json", "07"])
        assert json.loads(explained.stdout)["bytes"][0]["gives"] == ["battery_level"]
