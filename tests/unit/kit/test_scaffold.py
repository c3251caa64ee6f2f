"""A new decoder's files import, lint, and fail their tests with what is to do; nothing is overwritten."""

import subprocess
import sys
from pathlib import Path

import pytest

from decoders.readings import KINDS, TreeMoisture
from decoders.registry import BUILT_IN, Origin, Registry
from stadtfunk.kit.checks import Status, examine
from stadtfunk.kit.scaffold import NewDecoder, in_repository, place, write
from stadtfunk.kit.vectors import vectors_of

PYPROJECT = BUILT_IN.parents[1] / "pyproject.toml"


def new(kind=TreeMoisture, model="S-100", payloads=()):
    return NewDecoder("Größe & Co", model, kind, 2, payloads)


@pytest.fixture
def written(tmp_path):
    def written(decoder):
        write(decoder, place(decoder.name, tmp_path))
        registry = Registry.load(tmp_path)
        assert registry.problems == ()
        return registry.entries[decoder.name]

    return written


@pytest.mark.parametrize(
    ("vendor", "model", "name"),
    [
        ("Acme", "S100", "acme_s100"),
        ("Größe & Co", "S-100/LB", "groesse_co_s_100_lb"),
        ("ÉTÉ", " x ", "ete_x"),
    ],
)
def test_names(vendor, model, name):
    assert NewDecoder(vendor, model, TreeMoisture, 2).name == name


def test_a_name_needs_letters_or_digits():
    with pytest.raises(ValueError, match="letters or digits"):
        _ = NewDecoder("Acme", "--", TreeMoisture, 2).name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_for_every_kind_it_imports_and_tells_what_is_to_do(written, kind):
    entry = written(new(kind))
    assert entry.origin is Origin.FOLDER
    assert entry.decoder.profiles == ()  # written into the folder of a running service, it must not be live
    report = examine(entry)
    checks = {check.name: check for check in report.checks}
    assert checks["file"].status is Status.FAILED
    assert all("TODO" in problem for problem in checks["file"].problems)
    assert checks["code"].status is checks["random payloads"].status is Status.PASSED
    assert "payload_1: to do: hex, readings, source" in checks["vectors"].problems
    assert not report.passed()


@pytest.mark.skipif(not PYPROJECT.exists(), reason="the rules of ruff are in the repository")
def test_they_lint_for_every_kind(tmp_path):
    for kind in KINDS:
        decoder = new(kind, model=kind.kind)
        write(decoder, place(decoder.name, tmp_path))
    for command in (["check"], ["format", "--check"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--config", str(PYPROJECT), str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_recorded_payloads_become_vectors_and_the_first_is_cut_short(written):
    entry = written(new(payloads=[bytes.fromhex("0102030405ff"), b"\x00"]))
    vectors = vectors_of(entry)
    assert [case.payload.hex() for case in vectors] == ["0102030405ff", "00", "0102030405"]
    assert [case.error is not None for case in vectors] == [False, False, True]
    assert entry.decoder.f_ports == (2,)


@pytest.mark.parametrize("suffix", [".py", ".vectors.json"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, suffix):
    there = tmp_path / f"groesse_co_s_100{suffix}"
    there.write_text("mine")
    with pytest.raises(FileExistsError, match=there.name):
        write(new(), place(new().name, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [there.name]
    assert there.read_text() == "mine"


def test_the_repository_has_places_of_its_own(tmp_path):
    where = place("acme_s100", None)
    assert where.file == BUILT_IN / "acme_s100.py"
    assert where.vectors.parts[-3:] == ("tests", "vectors", "acme_s100.json")
    assert in_repository(BUILT_IN)
    assert not in_repository(tmp_path)
