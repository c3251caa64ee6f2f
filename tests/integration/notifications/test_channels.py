"""Every channel against a real counterpart on loopback: web server, mail server, Mosquitto, Apprise."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from datetime import UTC, datetime, timedelta
from time import monotonic

import aiomqtt
import pytest
from aiosmtpd.smtp import AuthResult

from alerts.channels import Later, Outgoing, Refused
from alerts.channels.building import make_sender
from alerts.channels.email import mark
from alerts.channels.settings import AppriseSettings, EmailSettings, MqttSettings
from alerts.channels.testing import send_test
from tests.integration.notifications.outbox_store import SECRET, webhook
from tests.support.certificates import CertificateAuthority
from tests.support.mosquitto import Mosquitto
from tests.support.receivers import Reply, WebReceiver, mail_server

pytestmark = pytest.mark.anyio

PORTAL = "https://portal.stadt.example"
BODY = {
    "number": "2026-000123",
    "event": "opened",
    "rule": "wrong_parking",
    "subject": "MZ-LS01-1",
    "subject_kind": "bay",
    "name": "Bäckergasse 19, Platz 1",
    "district": "Altstadt",
    "code": "V1_NO_CHARGE",
    "severity": "warning",
    "confidence": 80,
    "state": "open",
    "since": "2026-11-24T09:12:00+00:00",
    "facts": {},
}


def message(kind="opened", key="2026-000123/1/c", **given):
    return Outgoing(key, kind, BODY | {"event": kind}, datetime.now(UTC), **given)


async def use(settings, *messages):
    """Send messages through the channel's own sender."""
    sender = make_sender(settings, portal_url=PORTAL)
    try:
        for one in messages:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                await sender.send(one)
    finally:
        await sender.close()


# ---- webhook --------------------------------------------------------------------------------------------------


async def test_a_webhook_is_signed_and_says_its_key(tmp_path):
    async with WebReceiver() as receiver:
        await use(webhook(tmp_path, receiver.url), message())
    [call] = receiver.calls
    assert (call.method, call.path, call.headers["content-type"]) == ("POST", "/hook", "application/json")
    assert call.key == call.headers["webhook-id"] == "2026-000123/1/c"
    signed = f"{call.key}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(call.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert call.json()["data"] == BODY
    assert SECRET.encode() not in call.body


async def test_a_webhook_over_tls_with_a_ca_of_its_own(tmp_path):
    authority = CertificateAuthority(tmp_path / "ca")
    identity = authority.issue("hook")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.cert_file, identity.key_file)
    async with WebReceiver(tls=context) as receiver:
        await use(webhook(tmp_path, receiver.url, tls={"ca_file": authority.ca_file}), message())
        with pytest.raises(Later):
            await use(webhook(tmp_path, receiver.url), message())
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(204), None),
        (Reply(200, size=5_000_000), None),
        (Reply(400), Refused),
        (Reply(404, size=5_000_000), Refused),
        (Reply(408), Later),
        (Reply(425), Later),
        (Reply(429), Later),
        (Reply(500), Later),
        (Reply(302, {"Location": "http://169.254.169.254/latest/meta-data"}), Later),
        (Reply(hang_up=True), Later),
    ],
)
async def test_what_a_web_server_may_answer(tmp_path, reply, error):
    async with WebReceiver(lambda call: reply) as receiver:
        settings = webhook(tmp_path, receiver.url)
        if error is None:
            await use(settings, message())
        else:
            with pytest.raises(error):
                await use(settings, message())
    assert len(receiver.calls) == receiver.connections == 1


async def test_a_web_server_may_say_when_to_come_again(tmp_path):
    async with WebReceiver(lambda call: Reply(429, {"Retry-After": "37"})) as receiver:
        with pytest.raises(Later) as error:
            await use(webhook(tmp_path, receiver.url), message())
    assert error.value.after == 37


async def test_nobody_listens(tmp_path):
    async with WebReceiver() as receiver:
        await receiver.stop()
        with pytest.raises(Later, match="ConnectError"):
            await use(webhook(tmp_path, receiver.url), message())


# ---- e-mail ---------------------------------------------------------------------------------------------------


def email(port, **given):
    values = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "stadtfunk@stadt.example",
    }
    return EmailSettings.model_validate(
        {**values, "recipients": ["leitstelle@stadt.example"], "timeout": "5s", **given}
    )


async def test_a_mail_has_text_html_and_a_link():
    with mail_server() as server:
        await use(email(server.port), message(), message("resolved", key="2026-000123/2/c"))
    first, second = server.mails
    assert first["Subject"] == "[Stadtfunk] Belegt ohne Ladevorgang · Bäckergasse 19, Platz 1 (2026-000123)"
    assert first["To"] == "leitstelle@stadt.example"
    assert first["Auto-Submitted"] == "auto-generated"
    text = first.get_body(("plain",)).get_content()
    page = first.get_body(("html",)).get_content()
    for body in (text, page):
        assert "Bäckergasse 19" in body
        assert f"{PORTAL}/" in body
        assert "2026-000123" in body
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == second["References"], "one conversation"


async def test_a_mail_that_is_sent_again_can_be_recognised():
    with mail_server() as server:
        await use(email(server.port), message(), message())
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Idempotency-Key"] == "2026-000123/1/c"


def server_context(tmp_path):
    authority = CertificateAuthority(tmp_path / "ca")
    identity = authority.issue("mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert_file, identity.key_file)
    return authority, context


async def test_starttls_and_login(tmp_path):
    authority, context = server_context(tmp_path)
    password = tmp_path / "password"
    password.write_text("geheim\n")
    seen = []

    def check(server, session, envelope, mechanism, data):
        seen.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=data.password == b"geheim", handled=False)

    given = {
        "security": "starttls",
        "tls": {"ca_file": authority.ca_file},
        "username": "stadtfunk",
        "password_file": password,
    }
    options = {
        "tls_context": context,
        "require_starttls": True,
        "authenticator": check,
        "auth_required": True,
        "auth_exclude_mechanism": ["LOGIN"],
    }
    with mail_server(**options) as server:
        await use(email(server.port, **given), message())
        assert seen == [(True, b"stadtfunk", b"geheim")]
        password.write_text("falsch")
        with pytest.raises(Later, match="535"):
            await use(email(server.port, **given), message())
    assert len(server.mails) == 1


async def test_tls_from_the_first_byte_and_no_trust_in_strangers(tmp_path):
    authority, context = server_context(tmp_path)
    with mail_server(ssl_context=context) as server:
        await use(email(server.port, security="tls", tls={"ca_file": authority.ca_file}), message())
        with pytest.raises(Later, match="SSLCertVerificationError"):
            await use(email(server.port, security="tls"), message())
    assert len(server.mails) == 1


@pytest.mark.parametrize(
    ("answer", "error"), [("451 try later", Later), ("550 no such text", Refused), ("552 full", Refused)]
)
async def test_what_a_mail_server_may_answer(answer, error):
    with mail_server() as server:
        server.answer = answer
        with pytest.raises(error, match=answer[:3]):
            await use(email(server.port), message())


async def test_who_has_a_mail_does_not_get_it_again():
    with mail_server() as server:
        settings = email(server.port, recipients=["a@x.example", "b@x.example", "c@x.example"])
        server.refuse = {"b@x.example": "450 mailbox busy", "c@x.example": "550 unknown"}
        with pytest.raises(Later) as error:
            await use(settings, message())
        assert error.value.delivered == {mark("a@x.example"), mark("c@x.example")}
        server.refuse = {}
        await use(settings, message(delivered=error.value.delivered))
    assert server.recipients == [["a@x.example"], ["b@x.example"]]


async def test_nobody_takes_the_mail():
    with mail_server() as server:
        server.refuse = {"leitstelle@stadt.example": "550 unknown"}
        with pytest.raises(Refused, match="550"):
            await use(email(server.port), message())


async def test_a_mail_server_that_says_nothing_is_left_at_the_deadline():
    """The thread ends, too: its socket is cut."""
    ended = asyncio.Event()

    async def silent(reader, writer):
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = monotonic()
    with pytest.raises(TimeoutError):
        settings = email(port, timeout="60s")
        sender = make_sender(settings)
        async with asyncio.timeout(0.3):
            await sender.send(message())
    await asyncio.wait_for(ended.wait(), 10)
    assert monotonic() - started < 10
    await sender.close()
    server.close()


# ---- MQTT -----------------------------------------------------------------------------------------------------


def mqtt(broker, **given):
    return MqttSettings.model_validate({"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, **given})


async def heard(broker, topic, count, *, within=10.0):
    """The first messages on `topic`, retained ones included."""
    found = []
    async with asyncio.timeout(within), aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(topic, qos=1)
        async for one in client.messages:
            found.append((str(one.topic), one.payload, one.retain))
            if len(found) == count:
                return found
    return found


async def test_mqtt_tells_what_happened_and_keeps_what_is_open(mosquitto):
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as listener:
        await listener.subscribe("stadtfunk/alerts/#", qos=1)
        await use(mqtt(mosquitto), message())
        events = [await anext(aiter(listener.messages)) for _ in range(2)]
    assert [str(one.topic) for one in events] == [
        "stadtfunk/alerts/events/wrong_parking",
        "stadtfunk/alerts/state/wrong_parking/MZ-LS01-1",
    ]
    assert json.loads(events[0].payload)["data"] == BODY
    [(_, kept, retained)] = await heard(mosquitto, "stadtfunk/alerts/state/#", 1)
    assert retained
    assert json.loads(kept)["number"] == "2026-000123"
    await use(mqtt(mosquitto), message("resolved"))
    with pytest.raises(TimeoutError):
        await heard(mosquitto, "stadtfunk/alerts/state/#", 1, within=0.5)


async def test_mqtt_without_states_and_with_names_that_are_no_topics(mosquitto):
    odd = Outgoing("k", "opened", BODY | {"subject": "a/b+#"}, datetime.now(UTC))
    await use(mqtt(mosquitto, topic="city"), odd)
    [(topic, _, _)] = await heard(mosquitto, "city/state/+/+", 1)
    assert topic == "city/state/wrong_parking/a%2Fb%2B%23"
    await use(mqtt(mosquitto, topic="bare", states=False), message())
    with pytest.raises(TimeoutError):
        await heard(mosquitto, "bare/#", 1, within=0.5)


async def test_mqtt_comes_back_after_the_broker(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    sender = make_sender(mqtt(broker, timeout="2s"))
    try:
        await sender.send(message())
        broker.kill()
        with pytest.raises(Later):
            await sender.send(message())
        broker.start()
        await sender.send(message("updated"))
        [(_, kept, _)] = await heard(broker, "stadtfunk/alerts/state/#", 1)
        assert json.loads(kept)["number"] == "2026-000123"
    finally:
        await sender.close()
        broker.kill()


async def test_mqtt_with_a_wrong_password(start_mosquitto, tmp_path):
    broker = start_mosquitto(users={"alerts": "richtig"})
    password = tmp_path / "password"
    password.write_text("falsch")
    with pytest.raises(Later):
        await use(mqtt(broker, username="alerts", password_file=password), message())
    password.write_text("richtig")
    await use(mqtt(broker, username="alerts", password_file=password), message())


# ---- Apprise --------------------------------------------------------------------------------------------------


def apprise(tmp_path, *urls):
    file = tmp_path / "urls"
    file.write_text("# services\n" + "\n".join(urls))
    return AppriseSettings.model_validate({"kind": "apprise", "urls_file": file, "timeout": "5s"})


async def test_apprise_reaches_each_service_once(tmp_path):
    broken = {"now": True}

    def answer(call):
        return Reply(500) if call.path == "/second" and broken["now"] else Reply(200)

    async with WebReceiver(answer) as receiver:
        base = f"json://127.0.0.1:{receiver.port}"
        settings = apprise(tmp_path, f"{base}/first", f"{base}/second")
        with pytest.raises(Later, match="1 of 2") as error:
            await use(settings, message())
        broken["now"] = False
        await use(settings, message(delivered=error.value.delivered))
    assert [call.path for call in receiver.calls] == ["/first", "/second", "/second"]
    said = receiver.calls[0].json()
    assert said["title"] == "Belegt ohne Ladevorgang · Bäckergasse 19, Platz 1 (2026-000123)"
    assert f"{PORTAL}/" in said["message"]


async def test_apprise_follows_no_redirect(tmp_path):
    async with WebReceiver() as elsewhere:
        reply = Reply(307, {"Location": elsewhere.url})
        async with WebReceiver(lambda call: reply) as receiver:
            with pytest.raises(Later):
                await use(apprise(tmp_path, f"json://127.0.0.1:{receiver.port}/"), message())
    assert elsewhere.connections == 0


def test_apprise_names_the_line_of_a_bad_url_not_the_url(tmp_path):
    with pytest.raises(ValueError, match="URL 2") as error:
        make_sender(apprise(tmp_path, "json://127.0.0.1:9/", "nosuchthing://token-canary@x/"))
    assert "canary" not in str(error.value)


# ---- the test button ------------------------------------------------------------------------------------------


async def test_the_test_button_says_what_came_of_it(tmp_path):
    with mail_server() as server:
        assert (await send_test(email(server.port))).ok
        assert server.mails[0]["Subject"] == "[Stadtfunk] Testnachricht"
    failed = await send_test(email(server.port))
    assert (failed.ok, failed.reason) == (False, "ConnectionRefusedError")


async def test_the_test_button_of_a_channel_that_cannot_be_made(tmp_path):
    settings = webhook(tmp_path, "https://receiver.example/").model_copy(update={"secret_file": tmp_path / "missing"})
    failed = await send_test(settings)
    assert not failed.ok
    assert "No such file" in failed.reason


async def test_the_test_button_does_not_wait_for_ever(tmp_path):
    async with WebReceiver(lambda call: Reply(seconds=30)) as receiver:
        settings = webhook(tmp_path, receiver.url).model_copy(update={"timeout": timedelta(seconds=0.3)})
        assert (await send_test(settings)).reason == "no answer in time"
