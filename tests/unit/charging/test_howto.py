"""The page about charge points: every configuration and message in it is read by the program."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from alerts.charging.messages import read_message
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from alerts.charging.status import EvseState
from config.load import load_settings
from storage.asset_rows import asset_rows
from tests.support.certificates import CertificateAuthority

PAGE = (Path(__file__).parents[3] / "docs/howto/charging-points.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def secrets(tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("stadtwerke-token-a", "depot", "depot-token"):
        (folder / name).write_text("a-token-of-the-example\n")
    identity = CertificateAuthority(tmp_path).issue("city")
    (folder / "mobilithek.pem").write_bytes(identity.cert_file.read_bytes())
    (folder / "mobilithek.key").write_bytes(identity.key_file.read_bytes())
    return tmp_path


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if one.startswith("charging:")])
def test_its_configurations_are_accepted(secrets, block):
    file = secrets / "stadtfunk.yaml"
    file.write_text(block)
    charging = load_settings(file, {}).charging
    assert charging.names
    for feed in charging.datex2.values():
        feed.tls.context()


def test_its_bay_is_one():
    [block] = [one for one in blocks("yaml") if one.startswith("- kind")]
    [row] = asset_rows(yaml.safe_load(block))
    assert row.attributes["evses"] == ["DE*XXX*ELS01*1"]


def test_its_message_is_read():
    [block] = blocks("json")
    [status] = read_message(block.encode(), source="depot", received_at=datetime.now(UTC)).statuses
    assert status.status is EvseState.IN_USE
    assert json.loads(block).keys() == {"evse_id", "status", "ts"}


def test_its_settings_and_metrics_exist():
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    metrics = ChargingMetrics(registry)
    metrics.contact("a", datetime.now(UTC))
    named = set(re.findall(r"`(stadtfunk_charging_\w+)`", PAGE))
    known = {family.name for family in registry.collect()}
    assert {name.removesuffix("_total") for name in named} <= known
    fields = set(ChargingSettings.model_fields) | {
        field for section in ("ocpi", "datex2", "mqtt", "webhooks") for field in _fields(section)
    }
    told = set(re.findall(r"`(\w+_(?:file|hosts|token|ids|url|dir))`", PAGE))
    assert told <= fields


def _fields(section):
    model = ChargingSettings.model_fields[section].annotation.__args__[1]
    return model.model_fields
