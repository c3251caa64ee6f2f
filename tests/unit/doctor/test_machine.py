"""Disks, the spool, modes of files, certificates, packages, and whoever answers over the network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from ingest.settings import SourceSettings
from stadtfunk.doctor import (
    certificates,
    charging,
    disk,
    files,
    portal,
    service,
    software,
    spool,
)
from stadtfunk.doctor.findings import Level
from stadtfunk.doctor.presented import Server
from stadtfunk.doctor.sizes import size
from stadtfunk.doctor.spool import SpoolFacts
from storage.spool import RESERVE, Spool, SpooledMessage, SpoolSettings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GIB = 1 << 30


def levels(found):
    """The level of each finding by its check."""
    return {one.check: one.level for one in found}


def mend(found, check):
    [one] = [one for one in found if one.check == check]
    return str(one.mend)


@pytest.mark.parametrize(
    ("free", "reserved", "expected"),
    [
        (50 * GIB, GIB, {"room": Level.OK}),
        (5 * GIB, GIB, {"nearly_full": Level.WARNING}),
        (GIB, GIB, {"reserved": Level.WARNING}),
        (RESERVE, GIB, {"full": Level.PROBLEM}),
    ],
)
def test_a_disk(free, reserved, expected):
    assert levels(disk.judge("spool", Path("var"), free=free, total=100 * GIB, reserved=reserved)) == expected


def spooled(number):
    return SpooledMessage(0, "city", "topic", b"x" * 100, NOW - timedelta(minutes=10 - number), 1, retain=False)


def test_a_spool_is_looked_at_without_its_lock(tmp_path):
    settings = SpoolSettings(path=tmp_path / "spool.sqlite")
    assert levels(spool.judge(settings, spool.look(settings), now=NOW)) == {"empty": Level.OK}
    assert not settings.path.exists()
    held = Spool(settings)
    try:
        held.append([spooled(0), spooled(1)])
        seen = spool.look(settings)
        assert (seen.messages, seen.oldest) == (2, NOW - timedelta(minutes=10))
        [found] = [one for one in spool.judge(settings, seen, now=NOW) if one.check == "waiting"]
        assert "the oldest for 10 min" in str(found.what)
    finally:
        held.close()


def test_a_spool_that_is_nearly_full_damaged_or_closed_to_us(tmp_path):
    settings = SpoolSettings(path=tmp_path / "spool.sqlite", max_bytes=1 << 20)

    def judged(seen):
        return levels(spool.judge(settings, seen, now=NOW))

    assert judged(SpoolFacts(writable=True, messages=5, bytes=1_000_000)) == {"full": Level.PROBLEM}
    assert judged(SpoolFacts(writable=False)) == {"writable": Level.PROBLEM}
    settings.path.write_bytes(b"no database" * 100)
    assert judged(spool.look(settings)) == {"readable": Level.PROBLEM}


@pytest.mark.parametrize(
    ("mode", "group", "level"),
    [
        (0o600, 7, None),
        (0o640, 1000, None),
        (0o640, 0, None),
        (0o640, 7, Level.WARNING),
        (0o660, 7, Level.PROBLEM),
        (0o644, 1000, Level.PROBLEM),
        (0o602, 1000, Level.PROBLEM),
    ],
)
def test_modes(mode, group, level):
    secret = files.Guarded("password_file", Path("secret"))
    found = files.judge(secret, mode=mode, group=group, our_group=1000)
    assert levels(found) == ({} if level is None else {"modes": level})


async def test_a_secrets_file_that_everybody_may_read(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("a password of the broker")
    settings = Settings(sources=(SourceSettings(name="city", username="u", password_file=secret),))
    secret.chmod(0o644)
    [found] = await files.check(settings)
    assert (found.level, found.about) == (Level.PROBLEM, "sources.city.password_file")
    assert str(found.mend) == f"`chmod 0600 {secret}`"
    secret.chmod(0o600)
    assert levels(await files.check(settings)) == {"modes": Level.OK}


async def test_a_configuration_is_a_secret_when_secrets_stand_in_it(tmp_path):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text("password: correct-horse-battery")
    file.chmod(0o644)
    settings = Settings(sources=(SourceSettings(name="city", username="u", password="correct-horse-battery"),))
    assert [one.about for one in await files.check(settings.read_from(file))] == ["configuration"]
    file.write_text("nothing secret")
    assert await files.check(settings.read_from(file)) == []


@pytest.mark.parametrize(
    ("days", "check", "level"),
    [(90, "valid", Level.OK), (29, "expires", Level.WARNING), (-1, "expired", Level.PROBLEM)],
)
def test_a_certificate(days, check, level):
    end = NOW + timedelta(days=days)
    [found] = certificates.judge("sources.city", "broker:8883", end, NOW)
    assert (found.check, found.level) == (check, level)


async def test_a_certificates_file_that_is_none(tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    settings = Settings(sources=(SourceSettings(name="city", host="127.0.0.1", port=1, tls={"ca_file": broken}),))
    assert levels(await certificates.check(settings, now=NOW)) == {"readable": Level.PROBLEM}


def test_whose_certificates_are_looked_at():
    settings = Settings.model_validate(
        {
            "sources": [{"name": "city", "host": "broker", "tls": {"server_name": "mosquitto"}}],
            "database": {"dsn": "postgresql://u@db:5433/x"},
            "portal": {"enabled": True, "public_url": "https://city.example"},
        }
    )
    assert dict(certificates.presenting(settings)) == {
        "sources.city": Server("broker", 8883, "mosquitto"),
        "database": Server("db", 5433, "db", postgres=True),
        "portal.public_url": Server("city.example", 443, "city.example"),
    }


def word(ready=True, checks=(), **metrics):
    found = {(f"stadtfunk_source_{name}", "city"): value for name, value in metrics.items() if name != "spool_messages"}
    return service.Word(ready, checks, found | {("stadtfunk_spool_messages", ""): metrics.get("spool_messages", 0.0)})


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (word(), {"ready": Level.OK}),
        (word(False, [{"name": "database", "ok": False, "detail": "away"}]), {"ready": Level.PROBLEM}),
        (word(qos0_messages_total=3.0, lossy=1.0), {"ready": Level.OK, "qos0": Level.PROBLEM}),
        (word(sessions_lost_total=1.0), {"ready": Level.OK, "session_lost": Level.PROBLEM}),
        (word(lossy=1.0), {"ready": Level.OK, "lossy": Level.PROBLEM}),
        (word(spool_messages=5.0), {"ready": Level.OK, "spool": Level.WARNING}),
    ],
)
def test_the_services_word(seen, expected):
    settings = Settings(sources=(SourceSettings(name="city"),))
    assert levels(service.judge(settings, seen)) == expected


async def test_a_service_that_does_not_answer():
    assert levels(await service.check(Settings(http={"port": 1}))) == {"reachable": Level.WARNING}


async def test_charge_points_are_asked_by_guarded_requests(tmp_path):
    settings = Settings.model_validate(
        {
            "charging": {
                "public_url": "https://city.example",
                "ocpi": {"cpo": {"versions_url": "http://127.0.0.1:1/versions?token=hidden-key", "token_file": "t"}},
                "mqtt": {"broker": {"host": "127.0.0.1", "port": 1}},
            }
        }
    )
    found = await charging.check(settings)
    assert [one.level for one in found] == [Level.PROBLEM, Level.PROBLEM]
    assert "only https is called" in str(found[0].what)
    assert "hidden-key" not in str([one.as_object() for one in found])


async def test_a_portal_without_users():
    assert levels(await portal.check(Settings(portal={"enabled": True}))) == {"users": Level.PROBLEM}
    assert list(await portal.check(Settings())) == []


async def test_packages_that_are_missing_are_named_with_their_extra(monkeypatch):
    monkeypatch.setattr(software, "find_spec", lambda _: None)
    found = await software.check(Settings(portal={"enabled": True}))
    assert "stadtfunk[portal]" in str(found[0].mend)
    assert "stadtfunk[demo]" in str([str(one.mend) for one in found])


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 B"), (1536, "1.5 KiB"), (200 << 20, "200 MiB"), (3 * GIB, "3.0 GiB")]
)
def test_sizes(count, shown):
    assert size(count) == shown
