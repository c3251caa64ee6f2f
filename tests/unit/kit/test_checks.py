"""`examine`: a good decoder passes, and for every flaw the check that is there for it fails and says why."""

import json
from dataclasses import replace

import pytest

from decoders.decoder import Decoder
from decoders.readings import DeviceHealth, TreeMoisture
from decoders.registry import Registry
from stadtfunk.kit.checks import MOST_PROBLEMS, Status, examine, silent_bytes, speed, undemonstrated
from stadtfunk.kit.vectors import read_vectors

from .devices import WORDS, configured

MOIST = [{"kind": "tree_moisture", "values": {"soil_moisture": 27.0, "soil_temperature": 25.5}}]
VECTORS = [
    {"name": "one", "f_port": 2, "hex": "0a8c00ff0000", "source": "s", "readings": MOIST, "silent": {"5": "spare"}},
    {"name": "two", "f_port": 2, "hex": "0a8c00ff0000", "source": "s", "readings": MOIST, "silent": {"5": "spare"}},
    {"name": "three", "f_port": 2, "hex": "0a8c00ff0000", "source": "s", "readings": MOIST, "silent": {"5": "spare"}},
    {"name": "cut", "f_port": 2, "hex": "0a8c", "source": "s", "error": "truncated"},
]


@pytest.fixture
def entry(tmp_path):
    def entry(decoder=WORDS, vectors=VECTORS):
        (tmp_path / f"{decoder.name}.vectors.json").write_text(json.dumps(vectors))
        return configured(decoder, tmp_path)

    return entry


def statuses(report):
    return {check.name: check.status for check in report.checks}


def problems(report, name):
    [check] = [check for check in report.checks if check.name == name]
    assert check.status in (Status.FAILED, Status.NOTE)
    return " ".join(check.problems)


def test_a_good_decoder_passes_and_what_does_not_apply_is_skipped(entry):
    report = examine(entry())
    assert statuses(report) == {
        "file": Status.SKIPPED,
        "code": Status.SKIPPED,
        "vectors": Status.PASSED,
        "truncation": Status.PASSED,
        "random payloads": Status.PASSED,
        "coverage": Status.PASSED,
        "shown by vectors": Status.PASSED,
    }
    assert report.passed(strict=True)
    assert report.vectors == 4
    assert report.microseconds > 0


def test_a_built_in_decoder_has_its_file_checked(entry):
    report = examine(Registry.load().entries["nwave_nps405"])
    assert statuses(report)["file"] == statuses(report)["code"] == statuses(report)["vectors"] == Status.PASSED
    assert report.passed()


def test_without_vectors_nothing_is_called_passed_that_was_not_looked_at(entry):
    report = examine(entry(vectors=[]))
    assert "no vectors" in problems(report, "vectors")
    assert statuses(report)["truncation"] == statuses(report)["coverage"] == Status.SKIPPED
    assert report.microseconds is None
    assert not report.passed()


def test_where_the_repository_is_not_installed_the_vectors_are_skipped_and_the_rest_is_done(monkeypatch, tmp_path):
    monkeypatch.setattr("stadtfunk.kit.vectors._REPOSITORY", tmp_path)
    report = examine(Registry.load().entries["nwave_nps405"])
    assert statuses(report)["vectors"] == statuses(report)["truncation"] == Status.SKIPPED
    assert statuses(report)["random payloads"] == Status.PASSED
    assert report.passed(strict=True)
    assert "repository only" in report.checks[2].detail


def test_vectors_that_cannot_be_read_are_a_failure(entry):
    report = examine(entry(vectors=[{"name": "x"}]))
    assert "hex: Field required" in problems(report, "vectors")
    assert not report.passed()


def test_missing_vectors_are_told(entry):
    told = problems(examine(entry(vectors=VECTORS[:2])), "vectors")
    assert "1 with readings to be added" in told
    assert "no error vector" in told


def test_a_wrong_value_is_told(entry):
    wrong = VECTORS[0] | {"readings": [MOIST[0] | {"values": {"soil_moisture": 1.0}}]}
    assert "one: reading 0 (tree_moisture): soil_moisture is 27.0, expected 1.0" in problems(
        examine(entry(vectors=[wrong, *VECTORS[1:]])), "vectors"
    )


def test_a_silent_byte_is_a_note_that_fails_when_strict(entry):
    vectors = [{name: value for name, value in one.items() if name != "silent"} for one in VECTORS]
    report = examine(entry(vectors=vectors))
    assert "port 2, byte 5 of one and 2 more" in problems(report, "coverage")
    assert report.passed()
    assert not report.passed(strict=True)


def test_kinds_and_ports_without_a_vector_are_a_note(entry):
    decoder = replace(WORDS, kinds=(TreeMoisture, DeviceHealth), f_ports=(2, 3))
    told = problems(examine(entry(decoder)), "shown by vectors")
    assert "device_health" in told
    assert "port 3" in told


def _index_error(uplink, data):
    return [TreeMoisture.of(uplink, soil_moisture=float(uplink.payload[3]))]


def _state(uplink, data, seen=[]):  # noqa: B006  (the flaw that has to be found)
    seen.append(1)
    return [TreeMoisture.of(uplink, soil_moisture=float(len(seen) % 100))]


@pytest.mark.parametrize(
    ("function", "told"), [(_index_error, "IndexError: index out of range at test_checks.py"), (_state, "same twice")]
)
def test_a_defect_is_found_by_random_payloads_and_told_with_its_place(entry, function, told):
    broken = Decoder("broken", 1, "v", "m", function, (TreeMoisture,), "s")
    report = examine(entry(broken, vectors=[]))
    [check] = [check for check in report.checks if check.name == "random payloads"]
    assert told in check.problems[0]
    assert len(check.problems) == MOST_PROBLEMS + 1
    assert check.problems[-1] == "and more"


def test_a_defect_is_told_where_a_vector_meets_it(entry):
    broken = Decoder("broken", 1, "v", "m", _index_error, (TreeMoisture,), "s")
    short = {"name": "short", "f_port": 2, "hex": "00", "source": "s", "readings": MOIST}
    told = problems(examine(entry(broken, vectors=[short])), "vectors")
    assert "short: refused as decoder_error (IndexError: index out of range at test_checks.py:" in told


def test_the_report_as_json(entry):
    found = json.loads(json.dumps(examine(entry(vectors=[])).as_object()))
    assert (found["decoder"], found["passed"], found["microseconds_per_decode"]) == ("words", False, None)
    assert found["checks"][2]["status"] == "failed"


def test_the_parts_alone(entry, tmp_path):
    entry()
    vectors = read_vectors(tmp_path / "words.vectors.json", "words")
    assert list(silent_bytes(WORDS, vectors)) == []
    assert list(undemonstrated(WORDS, vectors)) == []
    assert speed(WORDS, vectors[3:]) is None
