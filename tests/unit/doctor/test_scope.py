"""A part that runs alone is judged by what it uses: it has no secrets, networks and folders of the others."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from stadtfunk.cli import app
from stadtfunk.doctor import certificates, charging, configuration, examination, files, software
from stadtfunk.doctor.findings import Level, Subject
from stadtfunk.part import Part
from stadtfunk.scope import USED, Scope

OF_EVERY_PART = set(Subject) - {Subject.BROKER, Subject.SPOOL, Subject.DISK, Subject.PORTAL}
CITY = {
    "sources": [{"name": "city", "host": "127.0.0.1", "port": 1, "tls": {"ca_file": "broker.pem"}}],
    "database": {"dsn": "host=127.0.0.1 port=1"},
    "http": {"host": "0.0.0.0", "webhooks": {"tts": {"token_file": "tts"}}},
    "mapping": {"profiles": {"Crown": "no_such_decoder"}},
    "alerts": {"channels": {"chat": {"kind": "apprise", "urls_file": "chat"}}},
    "charging": {
        "public_url": "https://city.example",
        "ocpi": {"cpo": {"versions_url": "http://127.0.0.1:1/", "token_file": "cpo", "tls": {"ca_file": "cpo.pem"}}},
        "mqtt": {"meters": {"host": "127.0.0.1", "port": 1, "tls": {"ca_file": "meters.pem"}}},
    },
    "portal": {"users_file": "users.yaml"},
}


@pytest.fixture
def city(tmp_path, monkeypatch):
    """Settings of all three parts, and their files, which everybody may read and which hold no certificates."""
    monkeypatch.chdir(tmp_path)
    for name in ("tts", "chat", "cpo", "users.yaml", "broker.pem", "cpo.pem", "meters.pem"):
        (tmp_path / name).write_text("a line that is long enough")
        (tmp_path / name).chmod(0o644)
    return Settings.model_validate(CITY)


def about(found):
    return {one.about for one in found}


def test_every_setting_belongs_to_a_part():
    named = {key.partition(".")[0] for used in USED.values() for key in used}
    assert named == Settings.model_fields.keys()
    assert set(USED) == set(Part)


@pytest.mark.parametrize(
    ("only", "key", "used"),
    [
        (None, "anything", True),
        (Part.INGEST, "sources.city.tls.ca_file", True),
        (Part.ENGINE, "sources.city.tls.ca_file", False),
        (Part.PORTAL, "portal", True),
        (Part.PORTAL, "portal.users: nobody can log in", True),
        (Part.PORTAL, "charging.ocpi.cpo", True),
        (Part.PORTAL, "charging.mqtt.meters", False),
        (Part.INGEST, "codecs", True),
        (Part.INGEST, "http.hosts", False),
    ],
)
def test_a_key_stands_for_everything_below_it(only, key, used):
    assert Scope(only).uses(key) is used


@pytest.mark.parametrize(
    ("only", "subjects"),
    [
        (Part.INGEST, OF_EVERY_PART | {Subject.BROKER, Subject.SPOOL, Subject.DISK}),
        (Part.ENGINE, OF_EVERY_PART),
        (Part.PORTAL, OF_EVERY_PART | {Subject.PORTAL}),
    ],
)
def test_subjects(city, only, subjects):
    assert {check.subject for check in examination.checks(city, scope=Scope(only))} == subjects


@pytest.mark.parametrize(
    ("only", "secrets", "authorities", "operators"),
    [
        (Part.INGEST, {"http.webhooks.tts.token_file"}, {"sources.city.tls.ca_file"}, set()),
        (
            Part.ENGINE,
            {"alerts.channels.chat.urls_file", "charging.ocpi.cpo.token_file"},
            {"charging.ocpi.cpo.tls.ca_file", "charging.mqtt.meters.tls.ca_file"},
            {"charging.ocpi.cpo", "charging.mqtt.meters"},
        ),
        (
            Part.PORTAL,
            {"charging.ocpi.cpo.token_file", "portal.users_file"},
            {"charging.ocpi.cpo.tls.ca_file"},
            {"charging.ocpi.cpo"},
        ),
    ],
)
async def test_files_certificates_and_operators(city, only, secrets, authorities, operators):
    scope = Scope(only)
    assert about(await files.check(city, scope)) == secrets
    assert about(await certificates.check(city, scope, now=datetime.now(UTC))) == authorities
    assert about(await charging.check(city, scope)) == operators


async def test_each_defect_is_told_where_it_matters(city, monkeypatch):
    monkeypatch.setattr(software, "find_spec", lambda _: None)

    async def bad(only):
        found = [*await configuration.check(city, Scope(only)), *await software.check(city, Scope(only))]
        return {str(one.what).partition(" ")[0].rstrip(":") for one in found if one.level is not Level.OK}

    unguarded = "http.host"
    assert await bad(Part.INGEST) == {unguarded, "decoders"}
    assert await bad(Part.ENGINE) == {unguarded, "alerts.channels.chat"}
    assert await bad(Part.PORTAL) == {unguarded, "portal.enabled"}


def test_a_container_says_which_part_it_is(city, tmp_path, monkeypatch):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(json.dumps({"sources": CITY["sources"], "http": {"port": 1}}))

    def subjects(*options):
        result = CliRunner().invoke(app, ["doctor", "--json", "-c", str(file), *options])
        return {one["subject"] for one in json.loads(result.stdout)["findings"]}

    assert "broker" in subjects()
    monkeypatch.setenv("STADTFUNK_ONLY", "engine")
    assert "broker" not in subjects()
    assert "broker" in subjects("--only", "ingest")
