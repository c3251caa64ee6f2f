"""What the how-to about bay sensors tells people to write is understood as it stands there."""

import re
import textwrap
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from alerts.parking.signs import signs_of
from alerts.settings import AlertSettings
from storage.asset_rows import asset_rows

ROOT = Path(__file__).parents[3]
HOWTO = ROOT / "docs" / "howto" / "bay-sensors.md"
BERLIN = ZoneInfo("Europe/Berlin")


def blocks() -> list:
    found = re.findall(r"^( *)```yaml\n(.*?)^ *```$", HOWTO.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(textwrap.dedent(text)) for _, text in found]


def test_the_rule_of_the_how_to_is_a_rule():
    [rules, _] = blocks()
    rule = AlertSettings.model_validate(rules["alerts"]).rules["wrong_parking"]
    assert rule.timers.heartbeat.total_seconds() == 3600


def test_the_bay_of_the_how_to_is_a_bay():
    [_, bays] = blocks()
    [bay] = asset_rows(bays)
    [sign] = signs_of(bay.attributes, (), BERLIN)
    assert sign.version.startswith("Anordnung")


def test_every_bay_of_the_city_files_has_a_sign_to_fill_in():
    for name, count in (("mainz.yaml", 21), ("example.yaml", 1)):
        city = yaml.safe_load((ROOT / "config" / "cities" / name).read_text(encoding="utf-8"))
        bays = [row for row in asset_rows(city["assets"]) if row.kind == "bay"]
        assert len(bays) == count
        photos = {bay.attributes["signs"][0]["photo"] for bay in bays}
        assert len(photos) == count
        for bay in bays:
            [sign] = signs_of(bay.attributes, (), BERLIN)
            assert (sign.regime, sign.max_stay.total_seconds()) == ("EV_CHARGING", 7200)
            assert sign.legal_basis_until is not None
