"""Who may talk to whom: TLS in both directions, passwords, and subscriptions that the broker refuses."""

import json
import os
from base64 import b64encode
from collections.abc import Callable
from hashlib import pbkdf2_hmac
from pathlib import Path

import pytest

from ingest.mqtt.backoff import Backoff
from ingest.mqtt.tls import client_context
from ingest.settings import SourceSettings, TlsSettings
from tests.integration.mqtt.harness import FILTER, UP, Flavour, Running, numbered, numbers
from tests.support.certificates import CertificateAuthority, Identity
from tests.support.mosquitto import BrokerTls, Mosquitto
from tests.support.publisher import Publisher

pytestmark = pytest.mark.anyio

StartMosquitto = Callable[..., Mosquitto]

ONCE = Backoff(first=600, base=600, ceiling=600)
"""One attempt is enough to see a refusal."""


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    """A CA that nobody here trusts, with the same name."""
    return CertificateAuthority(tmp_path_factory.mktemp("stranger"))


def serve(start: StartMosquitto, server: Identity, ca: CertificateAuthority, **options: object) -> Mosquitto:
    tls = BrokerTls(ca.ca_file, server.cert_file, server.key_file, require_certificate=True, crl_file=ca.crl_file)
    return start(tls=tls, **options)


def client(ca: CertificateAuthority, ours: Identity | None, **more: object) -> dict[str, object]:
    """TLS settings of the client."""
    certificate = {"cert_file": ours.cert_file, "key_file": ours.key_file} if ours is not None else {}
    return {"tls": {"ca_file": ca.ca_file, **certificate, **more}}


def publisher(broker: Mosquitto, ca: CertificateAuthority, ours: Identity) -> Publisher:
    files = TlsSettings(ca_file=ca.ca_file, cert_file=ours.cert_file, key_file=ours.key_file)
    return Publisher(broker.port, tls=client_context(files))


async def refusal(settings: SourceSettings) -> str:
    """Why one attempt to connect ended."""
    async with Running(settings, ONCE) as running:
        await running.until(lambda: bool(running.state.last_error))
        assert not running.state.connected
        return running.state.last_error


async def test_both_sides_show_certificates(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, flavour: Flavour
) -> None:
    broker = serve(start_mosquitto, ca.issue("server"), ca)
    ours = ca.issue("ingest")
    tls = client(ca, ours, crl_file=ca.crl_file)
    async with Running(flavour.settings(broker.port, **tls)) as running, publisher(broker, ca, ours) as sender:
        await running.subscribed()
        await sender.publish_all(numbered(300, size=1500))
        assert numbers(await running.handle(300)) == list(range(300))
        assert running.state.epoch == 1


async def test_tls_survives_a_pause_in_the_middle_of_decrypted_data(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, transport: Flavour
) -> None:
    broker = serve(start_mosquitto, ca.issue("server"), ca, options={"max_inflight_messages": 0})
    ours = ca.issue("ingest")
    settings = transport.settings(broker.port, max_buffered_messages=20, max_batch=7, **client(ca, ours))
    async with Running(settings) as running, publisher(broker, ca, ours) as sender:
        await running.subscribed()
        await sender.publish_all(numbered(500, size=100))
        await running.until(lambda: running.state.paused)
        assert numbers(await running.handle(500)) == list(range(500))


async def test_a_broker_with_a_certificate_of_a_stranger_is_refused(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, stranger: CertificateAuthority, transport: Flavour
) -> None:
    broker = serve(start_mosquitto, stranger.issue("server"), ca)
    assert "TLS" in await refusal(transport.settings(broker.port, **client(ca, ca.issue("ingest"))))


async def test_a_broker_with_an_expired_certificate_is_refused(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, transport: Flavour
) -> None:
    broker = serve(start_mosquitto, ca.issue("old-server", expired=True), ca)
    assert "expired" in await refusal(transport.settings(broker.port, **client(ca, ca.issue("ingest"))))


async def test_a_broker_with_a_revoked_certificate_is_refused(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, transport: Flavour
) -> None:
    server = ca.issue("revoked-server")
    ca.revoke(server)
    broker = serve(start_mosquitto, server, ca)
    tls = client(ca, ca.issue("ingest"), crl_file=ca.crl_file)
    assert "revoked" in await refusal(transport.settings(broker.port, **tls))


async def test_a_broker_with_another_name_is_refused_unless_that_name_is_configured(
    start_mosquitto: StartMosquitto, ca: CertificateAuthority, transport: Flavour
) -> None:
    broker = serve(start_mosquitto, ca.issue("named-server", host="broker.example"), ca)
    ours = ca.issue("ingest")
    assert "TLS" in await refusal(transport.settings(broker.port, **client(ca, ours)))
    tls = client(ca, ours, server_name="broker.example")
    async with Running(transport.settings(broker.port, **tls)) as running:
        await running.subscribed()


@pytest.mark.parametrize("shown", ["none", "of a stranger", "expired", "revoked"])
async def test_a_client_without_a_good_certificate_is_refused(
    start_mosquitto: StartMosquitto,
    ca: CertificateAuthority,
    stranger: CertificateAuthority,
    transport: Flavour,
    shown: str,
) -> None:
    revoked = ca.issue("revoked-client")
    ca.revoke(revoked)
    ours = {
        "none": None,
        "of a stranger": stranger.issue("client"),
        "expired": ca.issue("old-client", expired=True),
        "revoked": revoked,
    }[shown]
    broker = serve(start_mosquitto, ca.issue("server"), ca, options={"log_type": "all"})
    said = await refusal(transport.settings(broker.port, **client(ca, ours)))
    assert "TLS" in said or "does it require a client certificate?" in said
    assert "New client connected" not in broker.log()


async def test_a_missing_file_is_named(transport: Flavour, tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    assert str(missing) in await refusal(transport.settings(1883, tls={"ca_file": missing}))


async def test_a_password_from_a_file_is_read_at_every_connection(
    start_mosquitto: StartMosquitto, flavour: Flavour, tmp_path: Path
) -> None:
    broker = start_mosquitto(users={"ingest": "right pass"})
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    settings = flavour.settings(broker.port, username="ingest", password_file=secret)
    async with Running(settings) as running:
        await running.until(lambda: "refused" in running.state.last_error)
        secret.write_text("right pass\n")
        await running.subscribed()


async def test_a_wrong_or_missing_password_is_refused_and_never_shown(
    start_mosquitto: StartMosquitto, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    broker = start_mosquitto(users={"ingest": "right"})
    wrong = await refusal(flavour.settings(broker.port, username="ingest", password="wrong-but-secret"))
    missing = await refusal(flavour.settings(broker.port))
    assert "refused the connection: not authorized" in wrong
    assert "refused" in missing
    assert "wrong-but-secret" not in wrong + caplog.text


async def test_a_refused_subscription_is_an_error_that_heals(
    start_mosquitto: StartMosquitto, flavour: Flavour, tmp_path: Path
) -> None:
    """Mosquitto's dynamic security plugin refuses in the SUBACK, unlike an ACL file."""
    rules = DynamicSecurity(tmp_path / "dynamic-security.json", "ingest", "secret")
    rules.write(subscribe=[UP])
    broker = start_mosquitto(options=rules.options)
    other = "application/other/#"
    settings = flavour.settings(broker.port, username="ingest", password="secret", topics=[UP, other])
    async with Running(settings) as running:
        await running.until(lambda: bool(running.state.last_error))
        assert running.state.connected
        assert not running.state.ready
        assert other in running.state.last_error
        assert UP not in running.state.last_error
        assert [other in sentence and "ingest" in sentence for sentence in running.state.problems] == [True]
        await running.subscription.publish(UP, b"0")
        assert (await running.handle(1))[0].topic == UP  # the granted filter delivers meanwhile
        rules.write(subscribe=[UP, other])
        broker.restart()
        await running.subscribed()
        assert running.state.problems == []
        assert running.state.last_error == ""


async def test_a_refused_subscription_is_not_asked_for_in_a_busy_loop(
    start_mosquitto: StartMosquitto, transport: Flavour, tmp_path: Path
) -> None:
    rules = DynamicSecurity(tmp_path / "dynamic-security.json", "ingest", "secret")
    rules.write(subscribe=[])
    broker = start_mosquitto(options=rules.options | {"log_type": "all"})
    settings = transport.settings(broker.port, username="ingest", password="secret")
    async with Running(settings, Backoff()) as running:
        await running.until(lambda: FILTER in running.state.last_error)
        await running.round_trip()
        assert broker.log().count("Received SUBSCRIBE") == 1


class DynamicSecurity:
    """A file for Mosquitto's dynamic security plugin: one user, who may publish everything."""

    def __init__(self, path: Path, user: str, password: str) -> None:
        self._path = path
        self._user = user
        self._salt = os.urandom(12)
        self._hash = pbkdf2_hmac("sha512", password.encode(), self._salt, 101)

    @property
    def options(self) -> dict[str, object]:
        plugin = next(Path("/usr").glob("lib*/**/mosquitto_dynamic_security.so"))
        return {"plugin": plugin, "plugin_opt_config_file": self._path}

    def write(self, *, subscribe: list[str]) -> None:
        acls = [{"acltype": "subscribeLiteral", "topic": topic, "allow": True} for topic in subscribe]
        acls += [
            {"acltype": kind, "topic": "#", "allow": True} for kind in ("publishClientSend", "publishClientReceive")
        ]
        user = {
            "username": self._user,
            "salt": b64encode(self._salt).decode(),
            "password": b64encode(self._hash).decode(),
            "iterations": 101,
            "roles": [{"rolename": "ingest"}],
        }
        access = {"publishClientSend": False, "publishClientReceive": False, "subscribe": False, "unsubscribe": True}
        self._path.write_text(
            json.dumps(
                {
                    "defaultACLAccess": access,
                    "clients": [user],
                    "groups": [],
                    "roles": [{"rolename": "ingest", "acls": acls}],
                }
            )
        )
