"""Decoders are found by walking a folder; every mistake in it is told at once, and nothing half-loaded is used."""

from hashlib import sha256
from pathlib import Path

import pytest

from decoders.mapping import DeviceMapping, MappingError
from decoders.registry import BUILT_IN, Entry, Origin, Registry, RegistryError
from decoders.settings import MappingSettings

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
    entries = Registry.load().entries
    files = {entry.path for entry in entries.values()}
    assert files == set(BUILT_IN.glob("[a-z]*.py"))
    assert {"dragino_lse01", "elvaco_cmi41xx", "bosch_tps110"} <= entries.keys()


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


def test_an_outsiders_mistakes_are_told_with_their_files_and_cost_nobody_else_anything(tmp_path: Path) -> None:
    first = device(tmp_path, "acme_one", profiles=("Meter A",))
    second = device(tmp_path, "acme_one", file="other")
    for name, content in {
        "broken": "import nothing_of_this_name",
        "syntax": "def",
        "ending": "raise SystemExit",
        "stopping": "class Stop(BaseException): pass\nraise Stop",
        "empty": "",
        "wrong": "DECODERS = ('no decoder',)",
    }.items():
        (tmp_path / f"{name}.py").write_text(content)
    device(tmp_path, "good")
    registry = Registry.load(tmp_path)
    assert {"acme_one", "good", "dragino_lse01"} <= set(registry.entries)
    assert registry.entries["acme_one"].path == first
    told = {Path(problem.where).stem: problem.reason for problem in registry.problems}
    assert told.keys() == {"broken", "syntax", "ending", "stopping", "empty", "wrong", "other"}
    assert told["broken"].startswith("does not import: ModuleNotFoundError: No module named 'nothing_of_this_name'")
    assert told["syntax"].startswith("does not import: SyntaxError")
    assert told["ending"].startswith("does not import: SystemExit")
    assert told["stopping"].startswith("does not import: Stop")
    assert told["empty"] == told["wrong"] == "defines neither DECODER nor DECODERS"
    assert f"name 'acme_one' is claimed by {first}, too" in told[second.stem]


MISTAKES = {
    "name='Acme One'": "a name is lower-case letters",
    "version=0": "a version is a whole number from 1, not 0",
    "version='1'": "a version is a whole number from 1, not '1'",
    "function=None": "its function cannot be called",
    "kinds=()": "kinds is a tuple of reading kinds",
    "kinds=(str,)": "kinds is a tuple of reading kinds",
    "profiles=('Acme')": "profiles is a tuple of texts",
    "f_ports=2": "f_ports is a tuple of ports",
    "f_ports=(256,)": "f_ports is a tuple of ports",
    "source=None": "vendor, model and source are texts",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_outsiders_decoder_is_looked_over_before_it_is_used(mistake: str, tmp_path: Path) -> None:
    path = device(tmp_path, "acme_one")
    path.write_text(path.read_text() + f"from dataclasses import replace\nDECODER = replace(DECODER, {mistake})\n")
    [problem] = Registry.load(tmp_path).problems
    assert MISTAKES[mistake] in problem.reason


def test_a_built_in_decoder_goes_before_an_outsider_of_its_name(tmp_path: Path) -> None:
    device(tmp_path, "dragino_lse01", file="ours")
    registry = Registry.load(tmp_path)
    assert registry.entries["dragino_lse01"].origin is Origin.BUILT_IN
    [problem] = registry.problems
    assert (
        f"name 'dragino_lse01' is claimed by {BUILT_IN / 'dragino_lse01.py'}, too; the built-in one has it"
        in problem.reason
    )


def test_an_outsider_that_claims_a_taken_profile_is_there_for_the_mapping_without_it(tmp_path: Path) -> None:
    device(tmp_path, "ours", profiles=("LSE01", "Ours"))
    registry = Registry.load(tmp_path)
    assert registry.profiles["lse01"].decoder.name == "dragino_lse01"
    assert registry.profiles["ours"].decoder.name == "ours"
    [problem] = registry.problems
    assert "device profile 'lse01' is claimed by" in problem.reason
    assert "mapping.profiles can say otherwise" in problem.reason
    mapped = DeviceMapping(MappingSettings(profiles={"LSE01": "ours"}), registry)
    choice = mapped.resolve(uplink(b"", 1, device_profile="LSE01"))
    assert choice is not None
    assert choice.decoder.name == "ours"


def test_a_mapping_to_a_broken_file_is_refused_and_says_why(tmp_path: Path) -> None:
    path = device(tmp_path, "ours")
    path.write_text("import nothing_of_this_name")
    with pytest.raises(MappingError) as refusal:
        DeviceMapping(MappingSettings(default="ours"), Registry.load(tmp_path))
    assert f"default: no decoder 'ours'; left out: {path}: does not import: ModuleNotFoundError" in str(refusal.value)


def test_folders_that_are_not_there_and_mistakes_of_the_configuration_are_errors(tmp_path: Path) -> None:
    ours = Entry(Registry.load().by_name("dragino_lse01"), tmp_path / "stadtfunk.yaml", "")
    with pytest.raises(RegistryError) as refusal:
        Registry.load(tmp_path / "missing", configured=[ours])
    text = "\n".join(refusal.value.problems)
    assert f"{tmp_path / 'missing'}: no such folder" in text
    assert f"{ours.path}: name 'dragino_lse01' is claimed by {BUILT_IN / 'dragino_lse01.py'}, too" in text


def test_a_configured_decoder_goes_before_a_private_file(tmp_path: Path) -> None:
    device(tmp_path, "acme_one")
    configured = Entry(Registry.load(tmp_path).by_name("acme_one"), Path("stadtfunk.yaml"), "abc")
    registry = Registry.load(tmp_path, configured=[configured])
    assert registry.entries["acme_one"].path == Path("stadtfunk.yaml")
    assert len(registry.problems) == 1


def test_a_broken_file_keeps_the_decoders_it_had_and_the_others_are_renewed(tmp_path: Path) -> None:
    one, two = device(tmp_path, "acme_one", level=1.0), device(tmp_path, "acme_two", level=1.0)
    old = Registry.load(tmp_path)
    one.write_text("DECODER = ")
    device(tmp_path, "acme_two", level=2.0)
    new = Registry.load(tmp_path, previous=old)
    assert new.entries["acme_one"] == old.entries["acme_one"]
    assert new.by_name("acme_two").decode(uplink(b"", 1)).readings[0].battery_level == 2.0
    assert [(problem.where, problem.kept) for problem in new.problems] == [(str(one), True)]
    two.write_text("DECODER = ")
    third = Registry.load(tmp_path, previous=new)
    assert {"acme_one", "acme_two"} <= set(third.entries)
    device(tmp_path, "acme_one", level=3.0)
    fourth = Registry.load(tmp_path, previous=third)
    assert fourth.by_name("acme_one").decode(uplink(b"", 1)).readings[0].battery_level == 3.0
    assert [problem.where for problem in fourth.problems] == [str(two)]


def test_a_file_that_was_removed_is_gone_though_it_was_there_before(tmp_path: Path) -> None:
    path = device(tmp_path, "acme_one")
    old = Registry.load(tmp_path)
    path.unlink()
    assert "acme_one" not in Registry.load(tmp_path, previous=old).entries


def test_unchanged_files_are_not_executed_again(tmp_path: Path) -> None:
    device(tmp_path, "acme_one")
    old = Registry.load(tmp_path)
    new = Registry.load(tmp_path, previous=old)
    assert all(new.entries[name] is old.entries[name] for name in old.entries)


def test_a_lost_claim_is_told_again_though_its_file_has_not_changed(tmp_path: Path) -> None:
    device(tmp_path, "acme_one")
    device(tmp_path, "acme_one", file="other")
    old = Registry.load(tmp_path)
    assert Registry.load(tmp_path, previous=old).problems == old.problems


def test_an_outsider_may_use_dataclasses_with_annotations_as_texts(tmp_path: Path) -> None:
    path = device(tmp_path, "acme_one")
    top = "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
    path.write_text(top + path.read_text() + "@dataclass\nclass Row:\n    size: int = field(default=0)\n")
    assert Registry.load(tmp_path).problems == ()


def test_a_decoders_own_profiles_may_repeat_in_another_spelling(tmp_path: Path) -> None:
    device(tmp_path, "acme_one", profiles=("ACME One", "acme one"))
    assert "acme one" in Registry.load(tmp_path).profiles


def test_a_registry_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Registry.load().entries["x"] = None
