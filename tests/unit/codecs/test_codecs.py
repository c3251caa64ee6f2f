"""Codec files as decoders: dropped or configured, changed, broken, missing; a broken one costs only itself."""

import pytest

from decoders import codecs
from decoders.codec_settings import CodecSettings
from decoders.codecs import MAX_FILE_BYTES, CodecFolder
from decoders.javascript import CodecFailure, CodecResult
from decoders.readings import ParkingBay
from decoders.registry import Registry, RegistryError

BAY = {"kind": "parking_bay", "fields": {"occupied": "occupied"}}


@pytest.fixture
def tried(monkeypatch):
    """An engine of paper: a source that says `broken` does not load. Gives the names that were tried."""
    names = []

    class PaperCodec:
        def __init__(self, source, *, name="codec"):
            self.source, self.name = source, name

        def decode(self, payload, f_port, received_at, variables=None):
            names.append(self.name)
            if "broken" in self.source:
                return CodecResult(errors=("SyntaxError: line 3",), failure=CodecFailure.NOT_LOADED)
            return CodecResult(errors=("empty payload",))

    monkeypatch.setattr(codecs, "Codec", PaperCodec)
    return names


@pytest.fixture
def folder(tmp_path, tried):
    (tmp_path / "acme.js").write_text("function decodeUplink() {}")
    return tmp_path


def load(folder, previous=None, **settings):
    """The registry with codecs configured as `settings` say."""
    named = {name: CodecSettings.model_validate(one) for name, one in settings.items()}
    return Registry.load(codecs=CodecFolder(folder, named), previous=previous)


def test_a_dropped_file_is_a_decoder_called_like_it(folder):
    (folder / "ACME Probe-3.js").write_text("function decodeUplink() {}")
    (folder / "_library.js").write_text("broken")
    (folder / "README.md").write_text("broken")
    found = load(folder)
    assert {"acme", "acme_probe_3"} <= set(found.entries)
    assert found.problems == ()
    assert [kind.kind for kind in found.by_name("acme").kinds] == ["tree_moisture", "device_health"]


def test_a_configured_file_is_the_decoder_of_its_entry_alone(folder):
    entry = {"file": "acme.js", "vendor": "ACME", "model": "P", "version": 3, "profiles": ["ACME P"], "f_ports": [2]}
    found = load(folder, acme_probe={**entry, "readings": [BAY]})
    decoder = found.by_name("acme_probe")
    assert "acme" not in found.entries
    assert (decoder.vendor, decoder.model, decoder.version, decoder.f_ports) == ("ACME", "P", 3, (2,))
    assert (decoder.kinds, found.profiles["acme p"].decoder) == ((ParkingBay,), decoder)
    assert found.entries["acme_probe"].path == folder / "acme.js"


def test_one_file_may_be_several_decoders(folder):
    found = load(folder, one={"file": "acme.js"}, two={"file": "acme.js", "variables": {"depth": "30"}})
    assert found.file_hash("one") != found.file_hash("two")


def test_a_missing_file_is_a_mistake_in_the_configuration(folder):
    with pytest.raises(RegistryError) as caught:
        load(folder, acme={}, other={}, third={"file": "none.js"})
    assert caught.value.problems == (
        f"codecs.other: expected a codec file {folder / 'other.js'}: there is none",
        f"codecs.third: expected a codec file {folder / 'none.js'}: there is none",
    )


def test_without_a_folder_there_are_no_codecs(tmp_path, tried):
    assert load(tmp_path / "nowhere").problems == ()
    assert load(None).problems == ()


def test_a_broken_file_costs_only_itself(folder):
    (folder / "bad.js").write_text("broken")
    found = load(folder)
    assert "acme" in found.entries
    assert "bad" not in found.entries
    [problem] = found.problems
    assert str(problem) == f"{folder / 'bad.js'}: SyntaxError: line 3"


def test_a_file_that_breaks_keeps_its_old_version_and_comes_back(folder):
    first = load(folder, acme={})
    for damage in (lambda: (folder / "acme.js").write_text("broken"), lambda: (folder / "acme.js").unlink()):
        damage()
        second = load(folder, first, acme={})
        assert second.by_name("acme") is first.by_name("acme")
        assert second.problems[0].kept
    (folder / "acme.js").write_text("function decodeUplink() { return 1 }")
    third = load(folder, second, acme={})
    assert third.problems == ()
    assert third.file_hash("acme") != first.file_hash("acme")


def test_what_has_not_changed_is_not_tried_again(folder, tried):
    first = load(folder, acme={})
    assert tried == ["acme"]
    load(folder, first, acme={})
    assert tried == ["acme"]
    load(folder, first, acme={"version": 2})
    assert tried == ["acme", "acme"]


def test_a_name_that_is_taken_is_left_out(folder):
    (folder / "dragino_lse01.js").write_text("function decodeUplink() {}")
    found = load(folder)
    assert found.by_name("dragino_lse01").codec is None
    assert "claimed" in str(found.problems[0])


def test_any_bytes_are_read_but_not_too_many(folder):
    (folder / "latin.js").write_bytes("// Größe\n".encode("latin-1"))
    (folder / "large.js").write_bytes(b"/" * (MAX_FILE_BYTES + 1))
    found = load(folder)
    assert "latin" in found.entries
    assert "has more than" in str(found.problems[0])
