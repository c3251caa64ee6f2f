"""The doctor's visits to real brokers: one that is right, and each with something wrong in its configuration."""

import asyncio
from datetime import UTC, datetime

import pytest

from config.settings import Settings
from ingest.mqtt.canary import canary_topic
from ingest.settings import SourceSettings
from stadtfunk.doctor.broker import check
from stadtfunk.doctor.broker_visit import visit
from stadtfunk.doctor.certificates import check as check_certificates
from stadtfunk.doctor.certificates import presenting
from stadtfunk.doctor.findings import Level
from tests.integration.mqtt.harness import FLAVOURS, Running, numbered
from tests.support.certificates import CertificateAuthority
from tests.support.mosquitto import BrokerTls, Mosquitto
from tests.support.publisher import Publisher

USER, PASSWORD = "stadtfunk", "correct horse battery"
FILTER = "application/+/device/+/event/+"
CANARY = "application/canary/device/canary/event/canary"
RIGHTS = [f"user {USER}", f"topic read {FILTER}", "topic read $SYS/broker/#", f"topic write {CANARY}"]
ALL = [*RIGHTS, "user ns", "topic #"]
SETTINGS = {"persistent_client_expiration": "14d"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


def source(broker, **options):
    given = {
        "name": "city",
        "host": "127.0.0.1",
        "port": broker.port,
        "username": USER,
        "password": PASSWORD,
        "topics": [FILTER],
        "canary": {"timeout_seconds": 3},
    }
    return SourceSettings.model_validate(given | options)


class WithListener(Mosquitto):
    """Has one more option of its listener, which stands below it."""

    line = ""

    def _write_configuration(self):
        file = super()._write_configuration()
        file.write_text(f"{file.read_text()}{self.line}\n")
        return file


class Lowering(WithListener):
    line = "max_qos 0"


class OneSession(WithListener):
    line = "use_username_as_clientid true"


async def bad(settings, *, listen=0.0):
    """What is not well, by check, in English."""
    found = await check(settings, listen=listen)
    return {one.check: f"{one.level}: {one.what} → {one.mend}" for one in found if one.level is not Level.OK}


async def well(settings):
    return {one.check for one in await check(settings, listen=0) if one.level is Level.OK}


@pytest.mark.parametrize("options", [{}, {"transport": "paho"}], ids=["mqtt5", "3.1.1"])
async def test_all_is_well_with_a_broker_that_is_set_up_right(start_mosquitto, authority, options):
    server = authority.issue("broker")
    tls = BrokerTls(authority.ca_file, server.cert_file, server.key_file)
    broker = start_mosquitto(users={USER: PASSWORD}, acl=RIGHTS, tls=tls, options=SETTINGS)
    settings = source(broker, tls={"ca_file": str(authority.ca_file)}, **options)
    assert await bad(settings) == {}
    assert await well(settings) >= {"login", "session", "subscription", "canary", "version", "queue"}


@pytest.mark.parametrize("options", [{}, {"transport": "paho"}], ids=["mqtt5", "3.1.1"])
async def test_the_services_session_and_what_it_waits_for_are_not_touched(start_mosquitto, options):
    broker = start_mosquitto(users={USER: PASSWORD, "ns": PASSWORD}, acl=ALL)
    settings = source(broker, **options)
    async with Running(settings) as service:
        await service.subscribed()
        await bad(settings)
        assert (service.state.epoch, service.state.connected) == (1, True)
        await service.close()
    async with Publisher(broker.port, username="ns", password=PASSWORD) as publisher:
        await publisher.publish_all(numbered(20))
    await bad(settings, listen=0.2)
    absent = await visit(settings)
    assert absent.heard.status["$SYS/broker/clients/disconnected"] in ("0", "1")  # the service's, none of the doctor's
    async with Running(settings) as service:
        assert len(await service.take(20)) == 20


async def test_a_queue_that_was_too_short_is_told_with_the_line_to_change(start_mosquitto):
    broker = start_mosquitto(
        users={USER: PASSWORD, "ns": PASSWORD},
        acl=ALL,
        options={"max_queued_messages": 100},
    )
    settings = source(broker)
    async with Running(settings) as service:
        await service.subscribed()
        await service.close()
    async with Publisher(broker.port, username="ns", password=PASSWORD) as publisher:
        await publisher.publish_all(numbered(400))
    async with asyncio.timeout(15):
        while "queue" not in (found := await bad(settings)):
            await asyncio.sleep(0.2)
    assert "has dropped" in found["queue"]
    assert "max_queued_messages 200000" in found["queue"]


async def test_a_broker_that_lets_anybody_in(start_mosquitto):
    found = await bad(source(start_mosquitto(), username=None, password=None))
    assert list(found) == ["anonymous"]
    assert "allow_anonymous false" in found["anonymous"]


@pytest.mark.parametrize(("options", "check"), [({}, "qos"), ({"transport": "paho"}, "canary")], ids=["mqtt5", "3.1.1"])
async def test_a_listener_that_lowers_the_qos(tmp_path, options, check):
    with Lowering(tmp_path / "broker", users={USER: PASSWORD}, acl=RIGHTS) as broker:
        found = await bad(source(broker, **options))
    assert list(found) == [check]
    assert "max_qos" in found[check]


async def test_an_access_list_that_denies_what_it_grants(start_mosquitto):
    broker = start_mosquitto(users={USER: PASSWORD}, acl=[f"user {USER}", f"topic write {CANARY}"])
    found = await bad(source(broker, canary={"timeout_seconds": 0.5}))
    assert "did not come back" in found["canary"]
    assert f"`topic read {FILTER}`" in found["canary"]
    assert "topic read $SYS/broker/#" in found["status"]


async def test_an_access_list_that_forbids_the_canary(start_mosquitto):
    broker = start_mosquitto(users={USER: PASSWORD}, acl=[f"user {USER}", f"topic read {FILTER}"])
    settings = source(broker, canary={"timeout_seconds": 0.5})
    assert f"`topic write {canary_topic(settings)}`" in (await bad(settings))["canary"]


async def test_a_wrong_password_is_told_and_not_shown(start_mosquitto):
    found = await bad(source(start_mosquitto(users={USER: "another"}), password="hunter2-hunter2"))
    assert list(found) == ["login"]
    assert "hunter2" not in found["login"]


@pytest.mark.parametrize(
    ("issued", "trusted", "words"),
    [
        ({"expired": True}, True, "Renew"),
        ({"host": "elsewhere.example"}, True, "name that the certificate carries"),
        ({}, False, "Name the CA"),
    ],
    ids=["expired", "other name", "other CA"],
)
async def test_a_certificate_that_is_wrong(start_mosquitto, authority, tmp_path, issued, trusted, words):
    server = authority.issue("wrong", **issued)
    trust = authority if trusted else CertificateAuthority(tmp_path / "other")
    tls = BrokerTls(authority.ca_file, server.cert_file, server.key_file)
    broker = start_mosquitto(users={USER: PASSWORD}, acl=RIGHTS, tls=tls)
    settings = source(broker, tls={"ca_file": str(trust.ca_file)})
    found = await bad(settings)
    assert list(found) == ["tls"]
    assert words in found["tls"]


async def test_the_end_of_a_presented_certificate_is_seen_even_when_it_is_over(start_mosquitto, authority):
    server = authority.issue("over", expired=True)
    broker = start_mosquitto(tls=BrokerTls(authority.ca_file, server.cert_file, server.key_file))
    settings = Settings(sources=(source(broker, tls={"ca_file": str(authority.ca_file)}),))
    assert [setting for setting, _ in presenting(settings)] == ["sources.city"]
    found = {one.about: one.check for one in await check_certificates(settings, now=datetime.now(UTC))}
    assert found["sources.city"] == "expired"


async def test_nobody_listens():
    found = await bad(SourceSettings(name="city", host="127.0.0.1", port=1))
    assert list(found) == ["reachable"]


async def test_uplinks_at_qos_0_are_heard_and_the_line_is_named(start_mosquitto):
    broker = start_mosquitto(users={USER: PASSWORD, "ns": PASSWORD}, acl=ALL)
    settings = source(broker)

    async def publish():
        async with Publisher(broker.port, username="ns", password=PASSWORD) as publisher:
            while True:
                await publisher.publish_all([("application/a/device/0004a30b001a2b3c/event/up", b"{}")], qos=0)
                await asyncio.sleep(0.05)

    publishing = asyncio.create_task(publish())
    try:
        async with asyncio.timeout(20):
            while "uplink_qos" not in (found := await bad(settings, listen=0.5)):
                pass
    finally:
        publishing.cancel()
    assert "qos = 1" in found["uplink_qos"]
    assert "chirpstack.toml" in found["uplink_qos"]


async def test_a_broker_that_gives_every_client_one_session_is_left_alone(tmp_path):
    with OneSession(tmp_path / "broker", users={USER: PASSWORD, "ns": PASSWORD}, acl=ALL) as broker:
        settings = source(broker)
        async with Running(settings) as service:
            await service.subscribed()
            await service.close()
        async with Publisher(broker.port, username="ns", password=PASSWORD) as publisher:
            await publisher.publish_all(numbered(20))
        assert list(await bad(settings)) == ["client_id"]
        async with Running(settings) as service:
            assert len(await service.take(20)) == 20


@pytest.mark.parametrize("transport", ["mqtt5", "paho"])
async def test_a_shared_group_is_not_joined(start_mosquitto, transport):
    broker = start_mosquitto(users={USER: PASSWORD, "ns": PASSWORD}, acl=ALL)
    settings = source(broker, transport=transport, shared_group="workers")
    flavour = FLAVOURS["mqtt5" if transport == "mqtt5" else "paho-3.1.1"]
    assert flavour.transport == transport
    async with Running(settings) as service:
        await service.subscribed()
        looking = asyncio.create_task(visit(settings, listen=1.0))
        async with Publisher(broker.port, username="ns", password=PASSWORD) as publisher:
            await publisher.publish_all(numbered(10))
        assert len(await service.take(10)) == 10
        await looking
    assert "version" in await bad(settings) or "version" in await well(settings)
