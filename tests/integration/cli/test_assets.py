"""`assets`: from a register's CSV and a city file to bindings and an exchange, on a fresh database."""

import json

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app

OLD, NEW = "a84041000181bcd5", "a84041000181bcd6"
CSV = (
    "\ufeffkey;name;district;latitude;longitude;species;dev_eui\n"
    f"B-1;Linde;Mitte;49.99;8.27;Tilia;{OLD}\n"
    "B-2;Ahorn;Nord;50.0;8.2;Acer;\n"
)
CITY = (
    "assets:\n  - {kind: bay, key: LS01-1, name: Bucht 1, district: Mitte, devices: [{dev_eui: '0011223344556677'}]}\n"
)


@pytest.fixture
def assets(tmp_path, database, monkeypatch):
    """Runs `stadtfunk assets …`; `FILE` stands for a file `name` with `content`."""
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    monkeypatch.setenv("STADTFUNK_DATABASE__DSN", database)
    monkeypatch.chdir(tmp_path)

    def assets(*words, name="trees.csv", content=CSV):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return CliRunner().invoke(app, ["assets", *(name if word == "FILE" else word for word in words)])

    return assets


def listed(assets, *options):
    result = assets("list", "--json", *options)
    assert result.exit_code == 0
    return {asset["key"]: asset for asset in map(json.loads, result.stdout.splitlines())}


def test_a_register_is_imported_once(assets):
    first = assets("import", "FILE", "--kind", "tree")
    assert first.output == "Assets: 2 new, 0 changed, 0 as before; 1 bindings new or ended.\n"
    again = assets("import", "FILE", "--kind", "tree")
    assert again.output == "Assets: 0 new, 0 changed, 2 as before; 0 bindings new or ended.\n"
    found = listed(assets)
    assert found.keys() == {"B-1", "B-2"}
    assert (found["B-1"]["devices"], found["B-1"]["attributes"]) == ([OLD], {"species": "Tilia"})
    assert listed(assets, "--district", "Nord").keys() == {"B-2"}
    assert listed(assets, "--kind", "bay") == {}
    table = assets("list").stdout
    assert "Linde" in table
    assert OLD in table


@pytest.mark.parametrize(
    ("name", "content"),
    [("city.yaml", CITY), ("city.json", json.dumps({"assets": [{"kind": "bay", "key": "LS01-1"}]}))],
)
def test_a_city_file_is_imported(assets, name, content):
    assert assets("import", "FILE", name=name, content=content).exit_code == 0
    assert listed(assets)["LS01-1"]["kind"] == "bay"


def test_the_configured_city_file_is_the_default(assets, monkeypatch):
    assert assets("import").exit_code == 2
    monkeypatch.setenv("STADTFUNK_CITY", "trees.yaml")
    assert assets("import", name="trees.yaml", content=CITY).exit_code == 0
    assert listed(assets)["LS01-1"]["devices"] == ["0011223344556677"]


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        ("x.csv", "kind,key,latitude\ntree,B-1,95\nshrub,B-2,\n", ["row 1: latitude", "row 2: kind"]),
        ("x.yaml", "assets: [{kind: tree}]\n", ["asset 1: key"]),
        ("x.yaml", "trees: []\n", ["expected a city file with a list `assets`"]),
        ("x.yaml", "a: [\n", ["x.yaml: while parsing"]),
        ("x.json", "{", ["x.json: "]),
    ],
)
def test_every_problem_of_a_file_is_told_and_nothing_imported(assets, name, content, problems):
    result = assets("import", "FILE", name=name, content=content)
    assert result.exit_code == 1
    for problem in problems:
        assert problem in result.stderr
    assert listed(assets) == {}


def test_bind_and_swap(assets):
    assets("import", "FILE", "--kind", "tree")
    taken = assets("bind", "tree", "B-2", OLD)
    assert taken.exit_code == 1
    assert f"device {OLD} measures tree B-1" in taken.stderr
    assert assets("bind", "tree", "B-2", NEW, "--channel", "0", "--from", "2026-01-01").exit_code == 0
    assert listed(assets)["B-2"]["devices"] == [NEW]
    third = NEW[:-1] + "7"
    swapped = assets("swap", "tree", "B-2", third.upper(), "--at", "2026-06-01T09:30+02:00", "--note", "battery")
    assert swapped.output == f"{third.upper()} measures tree B-2 from 2026-06-01T07:30:00+00:00 on.\n"
    assert listed(assets)["B-2"]["devices"] == [third]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["bind", "shrub", "B-1", NEW], 2, "shrub is none of"),
        (["bind", "tree", "B-9", NEW], 1, "there is no tree B-9"),
        (["bind", "tree", "B-1", "xyz"], 2, "dev_eui"),
        (["bind", "tree", "B-1", NEW, "--from", "yesterday"], 2, "no ISO 8601 time"),
        (["bind", "tree", "B-1", NEW, "--from", "2026-02-01", "--to", "2026-01-01"], 2, "valid_to must be after"),
        (["swap", "tree", "B-2", NEW], 1, "has no device at that time"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(assets, words, code, message):
    assets("import", "FILE", "--kind", "tree")
    result = assets(*words)
    assert result.exit_code == code
    assert message in result.stderr


def test_bays_get_their_charge_points(assets):
    city = {
        "assets": [
            {"kind": "bay", "key": "LS01-1", "attributes": {"mapping": "FIXED", "evses": ["DE*XXX*ELS01*1"]}},
            {"kind": "bay", "key": "LS01-2", "attributes": {"mapping": "GROUP", "evses": ["DE*XXX*ELS01*2"]}},
        ]
    }
    first = assets("import", "FILE", name="city.json", content=json.dumps(city))
    assert first.output.endswith("Charge points of bays: 2 new, 0 ended.\n")
    again = assets("import", "FILE", name="city.json", content=json.dumps(city))
    assert "Charge points" not in again.output
    city["assets"][0]["attributes"]["evses"] = ["DE*XXX*ELS01*3"]
    changed = assets("import", "FILE", name="city.json", content=json.dumps(city))
    assert changed.output.endswith("Charge points of bays: 1 new, 1 ended.\n")
