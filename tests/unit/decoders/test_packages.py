"""Decoders of installed packages: real distributions on the path, with an entry point of every form."""

import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from decoders.registry import Origin, Registry

from .cases import uplink

MODULE = """
from decoders.decoder import Decoder
from decoders.readings import DeviceHealth

def decode(uplink, data):
    return [DeviceHealth.of(uplink, battery_level=float(data.u8()))]

DECODER = Decoder("acme_probe", 1, "Acme", "Probe", decode, (DeviceHealth,), "sheet", profiles=("Acme Probe",))
"""

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution `acme-decoders 1.2` with a module of the given text and entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install(source: str, *points: str) -> Path:
        module = tmp_path / "acme_decoders.py"
        module.write_text(source)
        metadata = tmp_path / "acme_decoders-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-decoders\nVersion: 1.2\n")
        (metadata / "RECORD").write_text("acme_decoders.py,,\n")
        (metadata / "entry_points.txt").write_text("\n".join(("[stadtfunk.decoders]", *points)))
        return module

    yield install
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_an_entry_point_names_a_decoder(install: Install) -> None:
    module = install(MODULE, "probe = acme_decoders:DECODER")
    registry = Registry.load()
    entry = registry.entries["acme_probe"]
    assert entry.origin is Origin.PACKAGE
    assert entry.path == module
    assert entry.file_hash == sha256(module.read_bytes()).hexdigest()[:12]
    assert registry.profiles["acme probe"] is entry
    assert registry.problems == ()
    assert entry.decoder.decode(uplink(b"\x32", 1)).readings[0].battery_level == 50.0


TWO = "from dataclasses import replace\nDECODERS = (DECODER, replace(DECODER, name='acme_two', profiles=()))\n"


@pytest.mark.parametrize("value", ["acme_decoders:DECODERS", "acme_decoders"], ids=["sequence", "module"])
def test_an_entry_point_names_a_sequence_or_a_module(value: str, install: Install) -> None:
    install(MODULE + TWO, f"all = {value}")
    assert {"acme_probe", "acme_two"} <= set(Registry.load().entries)


def test_a_module_with_one_decoder(install: Install) -> None:
    install(MODULE, "all = acme_decoders")
    assert "acme_probe" in Registry.load().entries


def test_a_broken_entry_point_is_left_out_and_its_neighbour_is_not(install: Install) -> None:
    install(
        MODULE + "NUMBER = 7\n",
        "good = acme_decoders:DECODER",
        "lost = acme_decoders:NOTHING",
        "missing = acme_nothing",
        "number = acme_decoders:NUMBER",
    )
    registry = Registry.load()
    assert "acme_probe" in registry.entries
    told = {problem.where.split()[2]: problem for problem in registry.problems}
    assert told.keys() == {"lost", "missing", "number"}
    assert told["lost"].where == "entry point lost = acme_decoders:NOTHING of acme-decoders 1.2"
    assert told["lost"].reason.startswith("does not import: AttributeError")
    assert told["missing"].reason == "does not import: ModuleNotFoundError: No module named 'acme_nothing'"
    assert told["number"].reason == "defines neither DECODER nor DECODERS"


def test_a_package_that_cannot_be_imported_stops_nothing(install: Install) -> None:
    install("raise SystemExit('no licence')", "probe = acme_decoders:DECODER")
    registry = Registry.load()
    assert "dragino_lse01" in registry.entries
    assert [problem.reason for problem in registry.problems] == ["does not import: SystemExit: no licence"]


def test_a_private_file_goes_before_a_package(install: Install, tmp_path: Path) -> None:
    install(MODULE, "probe = acme_decoders:DECODER")
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "acme_probe.py").write_text(MODULE)
    registry = Registry.load(folder)
    assert registry.entries["acme_probe"].origin is Origin.FOLDER
    assert [problem.where.split()[:2] for problem in registry.problems] == [["entry", "point"]]
