"""The secret file of meter keys: what it takes, what it refuses, and that nothing of it is ever shown."""

from pathlib import Path

import pytest

from decoders.keys import KeyRing, load_keys

KEY = "000102030405060708090a0b0c0d0e0f"
OTHER = "ffeeddccbbaa99887766554433221100"


def written(folder: Path, text: str, name: str = "keys.yaml", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_yaml_knows_meters_and_devices_however_they_are_written(tmp_path: Path) -> None:
    text = f"# ours\nKAM-00309924: {KEY}\n00309925: '{OTHER}'\n70:B3:D5:7E:D0:00:00:01: {OTHER.upper()}\n"
    ring = load_keys(written(tmp_path, text.replace("70:B3:D5:7E:D0:00:00:01", "'70:B3:D5:7E:D0:00:00:01'")))
    assert len(ring) == 3
    assert ring.find("KAM00309924", "00309924") == bytes.fromhex(KEY)
    assert ring.find("KAM00309925", "00309925") == bytes.fromhex(OTHER)
    assert ring.find("70b3d57ed0000001") == bytes.fromhex(OTHER)
    assert ring.find("00309924") is None


def test_a_table_may_have_a_heading_and_semicolons(tmp_path: Path) -> None:
    commas = load_keys(written(tmp_path, f"meter,key\n00309924,{KEY}\n\n# spare\n00309925,{OTHER}\n", "a.csv"))
    semicolons = load_keys(written(tmp_path, f"00309924;{KEY};cellar\n00309925;{OTHER};attic\n", "b.csv"))
    for ring in (commas, semicolons):
        assert ring.find("00309924") == bytes.fromhex(KEY)
        assert ring.find("00309925") == bytes.fromhex(OTHER)


def test_an_empty_file_is_an_empty_ring(tmp_path: Path) -> None:
    assert len(load_keys(written(tmp_path, "# none yet\n"))) == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"00309924: {KEY[:-2]}", "line 1: a key of 32 hex digits"),
        (f"00309924: {KEY}\n309924: {OTHER}", "line 2: a meter number"),
        (f"KAM00309924: {KEY}\nkam-00309924: {OTHER}", "line 2: one key"),
        ("00309924: [1]", "line 1: YAML"),
        (f"- {KEY}", "line 1: YAML"),
        (f"a: b\n c: {KEY}", "line 2: YAML"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number_and_without_its_content(
    text: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=problem) as refusal:
        load_keys(written(tmp_path, text))
    assert not any(secret[:8] in str(refusal.value) for secret in (KEY, OTHER, "00309924"))
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_table_with_one_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: two columns"):
        load_keys(written(tmp_path, f"meter,key\n{KEY}\n", "keys.csv"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode 0600"):
        load_keys(written(tmp_path, f"00309924: {KEY}", mode=mode))


def test_a_ring_shows_no_key() -> None:
    ring = KeyRing({"00309924": bytes.fromhex(KEY)})
    assert repr(ring) == str(ring) == "<KeyRing of 1 keys>"
