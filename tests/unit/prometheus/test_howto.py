"""The how-to names files and secrets as they are, and Alertmanager knows the alerts that it inhibits."""

import re

import yaml

from tests.unit.prometheus.rules import ROOT, alerts

HOWTO = (ROOT / "docs" / "howto" / "monitoring.md").read_text(encoding="utf-8")
ALERTMANAGER = (ROOT / "config" / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")


def test_files_are_there():
    found = re.findall(r"`(config/[\w./*-]+)`", HOWTO)
    assert len(found) >= 5
    assert [path for path in found if not list(ROOT.glob(path))] == []


def test_every_secret_is_told():
    secrets = set(re.findall(r"/run/secrets/[\w-]+", ALERTMANAGER))
    assert secrets == set(re.findall(r"/run/secrets/[\w-]+", HOWTO))


def test_the_base_of_runbooks_stands_where_the_how_to_says():
    template = (ROOT / "config" / "alertmanager" / "templates" / "stadtfunk.tmpl").read_text(encoding="utf-8")
    assert re.findall(r'define "([^"]+)"', template)[0] == "stadtfunk.docs"


def test_receivers_of_routes_and_inhibited_alerts_exist():
    found = yaml.safe_load(ALERTMANAGER)
    receivers = {receiver["name"] for receiver in found["receivers"]}
    assert {route["receiver"] for route in (found["route"], *found["route"]["routes"])} == receivers
    for rule in found["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            name, operator, value = re.fullmatch(r'(\w+) (=~?) "?([^"]+)"?', matcher).groups()
            for pattern in value.split("|") if name == "alertname" else ():
                assert any(re.fullmatch(pattern if operator == "=~" else re.escape(pattern), one) for one in alerts())
