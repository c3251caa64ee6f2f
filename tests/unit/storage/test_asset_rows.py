"""Assets from city files and CSV: every problem at once, each with its row."""

import io

import pytest

from storage.asset_rows import AssetKind, AssetRowsInvalid, asset_rows, asset_rows_from_csv


def test_every_problem_is_told_with_its_row() -> None:
    with pytest.raises(AssetRowsInvalid) as refused:
        asset_rows(
            [
                {"kind": "tree", "key": "B-1"},
                {"kind": "bush", "key": ""},
                {"kind": "tree", "key": "B-1"},
                {"kind": "bay", "key": "1", "latitude": 50.0},
                {"kind": "bay", "key": "2", "latitude": 95, "longitude": 8},
                {"kind": "bay", "key": "3", "devices": [{"dev_eui": "xyz"}]},
                {"kind": "bay", "key": "4", "devices": [{"dev_eui": "a" * 16, "valid_from": "2026-01-01T00:00:00"}]},
                {"kind": "bay", "key": "5", "colour": "red"},
            ]
        )
    problems = refused.value.problems
    assert [problem.split(":")[0] for problem in problems] == [
        "asset 2", "asset 2", "asset 3", "asset 4", "asset 5", "asset 6", "asset 7", "asset 8",
    ]  # fmt: skip
    assert problems[2] == "asset 3: tree B-1 is there twice"
    assert "timezone" in problems[6]


def test_a_binding_that_ends_before_it_begins_is_refused() -> None:
    binding = {"dev_eui": "a" * 16, "valid_from": "2026-02-01T00:00:00Z", "valid_to": "2026-01-01T00:00:00Z"}
    with pytest.raises(AssetRowsInvalid, match="valid_to must be after valid_from"):
        asset_rows([{"kind": "tree", "key": "B-1", "devices": [binding]}])


@pytest.mark.parametrize("separator", [",", ";"])
def test_cells_of_a_csv_find_their_places(separator: str) -> None:
    lines = [
        "key,name,latitude,longitude,species,dev_eui,valid_from,channel",
        "B-1,Linde,50.0,8.2,Tilia,%s,2026-03-01T00:00Z,1" % ("A" * 16),
    ]
    text = "\n".join(lines).replace(",", separator)
    [row] = asset_rows_from_csv(io.StringIO(text), kind=AssetKind.TREE)
    assert (row.kind, row.key, row.name, row.latitude) == (AssetKind.TREE, "B-1", "Linde", 50.0)
    assert row.attributes == {"species": "Tilia"}
    assert (row.devices[0].dev_eui, row.devices[0].channel) == ("a" * 16, 1)


def test_empty_cells_are_absent() -> None:
    [row] = asset_rows_from_csv(io.StringIO("kind,key,latitude,longitude,dev_eui,species\ntree,B-1,,,,\n"))
    assert (row.latitude, row.devices, row.attributes) == (None, (), {})


def test_an_empty_file_has_no_rows() -> None:
    assert asset_rows_from_csv(io.StringIO("")) == []
