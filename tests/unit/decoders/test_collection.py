"""The rules hold for every decoder in `decoders/devices/`, and they catch files that break them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from decoders.registry import Entry, Registry
from stadtfunk.kit import rules
from stadtfunk.kit.checks import silent_bytes, undemonstrated

from .cases import REGISTRY, cases

ENTRIES = [REGISTRY.entries[name] for name in sorted(REGISTRY.entries)]
every_decoder = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.decoder.name)


def test_there_are_decoders() -> None:
    assert len(ENTRIES) >= 6


@every_decoder
def test_is_called_like_its_file(entry: Entry) -> None:
    assert list(rules.naming(entry)) == []


@every_decoder
def test_states_layout_and_source(entry: Entry) -> None:
    assert list(rules.documentation(entry)) == []


@every_decoder
def test_reaches_nothing_outside(entry: Entry) -> None:
    assert list(rules.purity_of_code(entry)) == []


@every_decoder
def test_leaves_nothing_to_do(entry: Entry) -> None:
    assert list(rules.unfinished(entry)) == []


@every_decoder
def test_has_vectors(entry: Entry) -> None:
    assert list(rules.enough_vectors(cases(entry.decoder.name))) == []
    assert list(rules.complete_vectors(cases(entry.decoder.name))) == []


@every_decoder
def test_reads_or_declares_every_byte_of_its_vectors(entry: Entry) -> None:
    assert list(silent_bytes(entry.decoder, cases(entry.decoder.name))) == []


@every_decoder
def test_shows_its_kinds_and_ports_in_vectors(entry: Entry) -> None:
    assert list(undemonstrated(entry.decoder, cases(entry.decoder.name))) == []


@every_decoder
def test_refuses_or_decodes_every_truncation(entry: Entry) -> None:
    assert first_of(rules.truncations(entry.decoder, cases(entry.decoder.name))) is None


@every_decoder
def test_refuses_or_decodes_random_payloads(entry: Entry) -> None:
    problems = rules.random_payloads(entry.decoder, cases(entry.decoder.name), seed=20261124)
    assert first_of(problems) is None


OUTSIDER = '''
"""Layout: one byte. Source: none."""
{imports}
from datetime import datetime
from decoders.decoder import Decoder
from decoders.readings import DeviceHealth, TreeMoisture

STATE = []

def decode(uplink, data):
    {body}

DECODER = Decoder("outsider", 1, "v", "m", decode, (DeviceHealth,), "sheet")
'''

MISTAKES = {
    "index error": ("", "return [DeviceHealth.of(uplink, battery_level=float(uplink.payload[3]))]", "decoder error"),
    "no float": ("", "return [DeviceHealth.of(uplink, battery_level='full')]", "decoder error"),
    "kind": ("", "return [TreeMoisture.of(uplink)]", "does not declare"),
    "flood": ("", "return [DeviceHealth.of(uplink)] * 65", "decoder error"),
    "generator": ("", "yield DeviceHealth.of(uplink)", "decoder error"),
    "state": ("", "STATE.append(1); return [DeviceHealth.of(uplink, battery_level=float(len(STATE)))]", "twice"),
    "clock in 1980": (
        "",
        "return [DeviceHealth.of(uplink, observed_at=datetime(1980, 1, 6).astimezone())]",
        "before 2015",
    ),
    "text": ("", "return [DeviceHealth.of(uplink, firmware=chr(0))]", "printable"),
    "channel": ("", "return [DeviceHealth.of(uplink, channel=70_000)]", "channel"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_outsiders_mistake_is_caught_without_a_test_of_its_own(mistake: str, tmp_path: Path) -> None:
    imports, body, problem = MISTAKES[mistake]
    entry = outsider(tmp_path, imports, body)
    assert problem in str(first_of(rules.random_payloads(entry.decoder, [], seed=1)))


@pytest.mark.parametrize(
    "imports", ["import os", "from time import time", "from storage import batch", "from . import x"]
)
def test_an_outsiders_imports_are_caught(imports: str, tmp_path: Path) -> None:
    path = tmp_path / "outsider.py"
    path.write_text(OUTSIDER.format(imports=imports, body="return []"))
    entry = Entry(ENTRIES[0].decoder, path, "")
    assert first_of(rules.purity_of_code(entry)) is not None


@pytest.mark.parametrize("body", ["return open('/tmp/x')", "return datetime.now()", "print(data); return []"])
def test_an_outsiders_calls_are_caught(body: str, tmp_path: Path) -> None:
    assert first_of(rules.purity_of_code(outsider(tmp_path, "", body))) is not None


def test_an_outsiders_missing_vectors_name_and_docstring_are_caught(tmp_path: Path) -> None:
    entry = outsider(tmp_path, "", "return []")
    assert len(list(rules.enough_vectors(cases("outsider")))) == 2
    renamed = entry.path.rename(tmp_path / "other.py")
    assert first_of(rules.naming(Entry(entry.decoder, renamed, ""))) is not None
    renamed.write_text("'''Nothing.'''")
    assert len(list(rules.documentation(Entry(entry.decoder, renamed, "")))) == 2


def outsider(folder: Path, imports: str, body: str) -> Entry:
    (folder / "outsider.py").write_text(OUTSIDER.format(imports=imports, body=body).lstrip())
    return Registry.load(folder).entries["outsider"]


def first_of(problems: Iterator[str]) -> str | None:
    return next(problems, None)
