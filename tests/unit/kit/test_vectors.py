"""Vector files: what is read, where they lie, and a clear word about every mistake in one."""

import json

import pytest

from decoders.errors import RejectReason
from decoders.registry import BUILT_IN, Entry, Origin
from stadtfunk.kit.expectations import differences
from stadtfunk.kit.vectors import VectorError, read_vectors, vector_file, vectors_of

from .devices import WORDS, configured

READINGS = [{"kind": "tree_moisture", "values": {"soil_moisture": 27.0, "soil_temperature": 25.5}}]
GOOD = {"name": "good", "f_port": 2, "hex": "0a8c 00ff 00 00", "source": "sheet", "readings": READINGS}


@pytest.fixture
def read(tmp_path):
    def read(*entries):
        file = tmp_path / "words.vectors.json"
        file.write_text(entries[0] if isinstance(entries[0], str) else json.dumps(entries))
        return read_vectors(file, "words")

    return read


def changed(**values):
    return {name: value for name, value in (GOOD | values).items() if value is not None}


def test_a_vector_that_fits_has_no_differences(read):
    [case] = read(GOOD)
    assert case.payload == bytes.fromhex("0a8c00ff0000")
    assert list(differences(WORDS, case)) == []


def test_there_are_none_without_a_file(tmp_path):
    assert read_vectors(tmp_path / "none.json", "words") == []


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{", "words.vectors.json: Expecting"),
        ('{"name": "x"}', "expected a list of vectors"),
        ("[1]", "vector 1: expected an object"),
        (changed(hex="0a8"), r"vector 1 \(good\): hex"),
        (changed(hex=5), "expected a text of hex digits"),
        (changed(f_port=300), "f_port"),
        (changed(surprise=1), "surprise: Extra inputs"),
        (changed(error="truncated"), "readings and error exclude each other"),
        (changed(readings=None, error="no_reason"), "error: Input should be"),
        (changed(silent={"six": "x"}), "expected an offset or a range"),
        (changed(silent={"4-6": "x"}), "expected offsets below 6"),
        (changed(name=None), "without a name.*name: Field required"),
    ],
)
def test_a_mistake_is_told_with_file_vector_and_key(read, entry, told):
    with pytest.raises(VectorError, match=told):
        read(entry)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"readings": [READINGS[0] | {"kind": "heat_meter"}]}, "kind 'heat_meter' is none of the decoder's"),
        ({"readings": [READINGS[0] | {"flags": ["BROKEN"]}]}, "unknown flag BROKEN"),
        ({"readings": [READINGS[0] | {"value": {}}]}, "unknown key value"),
        ({"readings": [READINGS[0] | {"values": {"moisture": 1.0}}]}, "moisture"),
        ({"readings": [READINGS[0] | {"values": {"soil_moisture": 27.1, "soil_temperature": 25.5}}]}, "is 27.0, exp"),
        ({"readings": [READINGS[0] | {"flags": ["CLOCK"]}]}, "flags is no flag, expected CLOCK"),
        ({"readings": []}, "gives tree_moisture, expected no reading"),
        ({"readings": None, "error": "truncated"}, "expected a refusal as truncated"),
        ({"hex": "0a8c"}, r"refused as truncated \(.*\), expected readings"),
        ({"hex": "0a8c00ff0900", "readings": None, "error": "truncated"}, "refused as invalid_payload"),
    ],
)
def test_what_differs_is_told(read, values, told):
    [case] = read(changed(**values))
    assert told.replace("\\", "").split("(.*")[0] in " ".join(differences(WORDS, case))


def test_a_refusal_that_is_expected_is_no_difference(read):
    [case] = read(changed(hex="0a8c", readings=None, error="truncated"))
    assert case.error is RejectReason.TRUNCATED
    assert list(differences(WORDS, case)) == []


def test_what_is_to_do_is_remembered_and_not_compared(read):
    [case] = read(changed(hex="TODO", readings="TODO", source="TODO"))
    assert case.todo == ("hex", "source", "readings")
    assert (case.readings, case.error, case.payload) == (None, None, b"")


def test_silent_bytes_are_offsets_and_ranges(read):
    [case] = read(changed(silent={"1-3": "tag", "5": "reserved"}))
    assert case.silent_bytes == {1, 2, 3, 5}


def test_where_vectors_lie(tmp_path):
    ours = vector_file(Entry(WORDS, BUILT_IN / "words.py", "", Origin.BUILT_IN))
    assert ours.parts[-3:] == ("tests", "vectors", "words.json")
    private = Entry(WORDS, tmp_path / "mine.py", "", Origin.FOLDER)
    assert vector_file(private) == tmp_path / "words.vectors.json"
    assert vector_file(configured(WORDS, tmp_path)) == tmp_path / "words.vectors.json"


def test_the_vectors_of_an_entry(tmp_path):
    (tmp_path / "words.vectors.json").write_text(json.dumps([GOOD]))
    assert [case.name for case in vectors_of(configured(WORDS, tmp_path))] == ["good"]
