"""Decoders are found by walking a folder; every mistake in it is told at once, and nothing half-loaded is used."""

from hashlib import sha256
from pathlib import Path

import pytest

from decoders.registry import BUILT_IN, Registry, RegistryError

from .cases import uplink

DEVICE = """
from decoders.decoder import Decoder
from decoders.readings import DeviceHealth

def decode(uplink, data):
    return [DeviceHealth.of(uplink, battery_level={level})]

DECODER = Decoder("{name}", 1, "v", "m", decode, (DeviceHealth,), "sheet", profiles={profiles})
"""


def device(folder: Path, name: str, *, file: str = "", profiles: tuple[str, ...] = (), level: float = 1.0) -> Path:
    path = folder / f"{file or name}.py"
    path.write_text(DEVICE.format(name=name, profiles=profiles, level=level))
    return path


def test_the_built_in_devices_are_there() -> None:
    names = [decoder.name for decoder in Registry.load().decoders]
    assert names == sorted(path.stem for path in BUILT_IN.glob("[a-z]*.py"))
    assert {"dragino_lse01", "elvaco_cmi41xx", "bosch_tps110"} <= set(names)


def test_a_private_folder_adds_devices(tmp_path: Path) -> None:
    path = device(tmp_path, "acme_one", profiles=("ACME One",))
    registry = Registry.load(tmp_path)
    assert registry.by_name("acme_one").name == "acme_one"
    assert registry.profiles["acme one"].path == path
    assert registry.file_hash("acme_one") == sha256(path.read_bytes()).hexdigest()[:12]
    assert "acme_one" not in Registry.load().entries


def test_a_file_may_define_several_decoders_and_underscores_are_no_devices(tmp_path: Path) -> None:
    path = device(tmp_path, "acme_one")
    two = "from dataclasses import replace\nDECODERS = (DECODER, replace(DECODER, name='acme_two'))\n"
    path.write_text(path.read_text() + two)
    (tmp_path / "_draft.py").write_text("raise RuntimeError")
    assert {"acme_one", "acme_two"} <= set(Registry.load(tmp_path).entries)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Registry.load().by_name("nothing")


def test_a_reload_sees_changed_files_and_leaves_the_old_registry_alone(tmp_path: Path) -> None:
    device(tmp_path, "acme_one", level=1.0)
    old = Registry.load(tmp_path)
    device(tmp_path, "acme_one", level=2.0)
    new = Registry.load(tmp_path)
    message = uplink(b"", 1)
    assert old.by_name("acme_one").decode(message).readings[0].battery_level == 1.0
    assert new.by_name("acme_one").decode(message).readings[0].battery_level == 2.0
    assert old.file_hash("acme_one") != new.file_hash("acme_one")


def test_every_problem_is_told_at_once_with_its_file(tmp_path: Path) -> None:
    first = device(tmp_path, "acme_one", profiles=("Meter A",))
    second = device(tmp_path, "acme_one", file="other", profiles=("meter a",))
    third = device(tmp_path, "dragino_lse01")
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    (tmp_path / "syntax.py").write_text("def")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "wrong.py").write_text("DECODERS = ('no decoder',)")
    with pytest.raises(RegistryError) as refusal:
        Registry.load(tmp_path, tmp_path / "missing")
    text = "\n".join(refusal.value.problems)
    assert f"name 'acme_one' is claimed by {first} and by {second}" in text
    assert f"device profile 'meter a' is claimed by {first} and by {second}" in text
    assert f"name 'dragino_lse01' is claimed by {BUILT_IN / 'dragino_lse01.py'} and by {third}" in text
    assert f"{tmp_path / 'broken.py'}: does not import: ModuleNotFoundError" in text
    assert f"{tmp_path / 'syntax.py'}: does not import: SyntaxError" in text
    assert f"{tmp_path / 'empty.py'}: defines neither DECODER nor DECODERS" in text
    assert f"{tmp_path / 'wrong.py'}: defines neither DECODER nor DECODERS" in text
    assert f"{tmp_path / 'missing'}: no such folder" in text


def test_a_decoders_own_profiles_may_repeat_in_another_spelling(tmp_path: Path) -> None:
    device(tmp_path, "acme_one", profiles=("ACME One", "acme one"))
    assert "acme one" in Registry.load(tmp_path).profiles


def test_a_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Registry.load().entries["x"] = None
