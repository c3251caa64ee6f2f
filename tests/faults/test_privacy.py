"""Row 40: canaries, secret and personal, go through every path; none of them is in a log, a metric or an answer."""

import asyncio
import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from decoders.errors import RejectReason
from tests.faults.stage import Stage
from tests.support.mosquitto import Mosquitto
from tests.support.service import run_command
from tests.support.traffic import Message, Traffic

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]

SECRETS = {
    "broker password": "Kanarienpasswort-Broker-7d1f",
    "wrong password": "Kanarienpasswort-falsch-1c9e",
    "database password": "Kanarienpasswort-Datenbank-55aa",
    "webhook token": "Kanarientoken-Webhook-aa41-0123",
    "wrong token": "Kanarientoken-falsch-bb52-4567",
    "heartbeat": "kanarienpfad-heartbeat-99e0",
}
PERSONAL = {
    "name of a flat": "Kanarienwohnung Musterstr. 7",
    "tag of a flat": "Kanarienmieter",
    "meter id": "67452301",
    "payload of a meter": "0c06100000000c1410000000",
    "garbage": "kanarienmuell-abc123",
}


async def test_row_40_no_secret_and_no_personal_data_in_logs(stage: MakeStage, tmp_path: Path) -> None:
    """Canaries go through every path, good and bad, at the most talkative level; then everything is searched."""
    broker = Mosquitto(tmp_path / "mosquitto", users={"ingest": SECRETS["broker password"]})
    login = {"username": "ingest", "password": SECRETS["broker password"]}
    on = stage(broker=broker, source=login, login=login, settings=settings(), start=False)
    told: list[str] = []
    async with on:
        on.query("ALTER TABLE payload_household ADD CONSTRAINT not_777 CHECK (f_cnt <> 777)")
        add_secrets(on)
        on.service.start()
        await on.service.failing("broker:wrong")
        await on.until(lambda: "source=city" in on.service.log() and "subscribed" in on.service.log())
        strange = Traffic(on.order, first=10_001_000)
        messages = [personal(strange.good(), **changes) for changes in PERSONAL_CHANGES]
        await on.publish(messages)
        await on.until(lambda: on.count("uplink") >= 3 and on.count("rejected") >= 4)
        told += [await post(on, SECRETS[name], body) for name in ("wrong token", "webhook token") for body in BODIES]
        on.service.reload()
        await asyncio.to_thread(on.server.stop_fast)
        await on.publish(on.traffic.take(50))
        await on.until(lambda: {"outage_spooling", "database_down"} <= set(on.service.log().split()))
        told.append(str(await on.service.readiness()))
        told.append((await on.service.metrics()).text)
        await asyncio.to_thread(on.server.start)
        await on.drained()
        for arguments in (["status"], ["status", "--json"], ["check-config", "--show"]):
            done = await asyncio.to_thread(run_command, [*arguments, "-c", str(on.service.file)], cwd=on.folder)
            assert done.stdout
            told += [done.stdout, done.stderr]
        told.append((await on.service.metrics()).text)
        on.service.terminate()
        assert await on.service.exit_code() == 0
        told.append(on.service.log())
    told.append(on.server.log_file.read_text())
    for event in PATHS:
        assert f" {event}" in on.service.log(), f"the path that logs {event} was not taken"
    assert_kept(on)
    assert leaks([on.service.file.read_text()]) == SECRETS.keys() - {"wrong token"}, "the search finds what is there"
    assert not leaks(told)


PATHS = (
    "disconnected",
    "webhook_refused",
    "heartbeat_withheld",
    "batch_failed",
    "reloaded",
    "outage_spooling",
    "outage_over",
    "database_down",
)
"""Events of the log that show that the canaries went the bad ways, too."""


def leaks(texts: Sequence[str]) -> set[str]:
    """The canaries that are in any of `texts`."""
    return {name for name, form in forms() for text in texts if form.lower() in text.lower()}


def settings() -> dict[str, dict[str, object]]:
    return {
        "logging": {"level": "debug"},
        "heartbeat": {"url": f"https://127.0.0.1:9/{SECRETS['heartbeat']}", "interval_seconds": 5},
    }


def add_secrets(on: Stage) -> None:
    """The rest of the secrets, where the configuration wants them."""
    made = on.service.configuration
    sources = list(made["sources"])  # type: ignore[call-overload]
    wrong = {**sources[0], "name": "wrong", "password": SECRETS["wrong password"]}
    database = {"dsn": f"{made['database']['dsn']} password={SECRETS['database password']}"}  # type: ignore[index]
    webhooks = {"shop": {"format": "chirpstack", "token": SECRETS["webhook token"]}}
    http = {**made["http"], "webhooks": webhooks}  # type: ignore[dict-item]
    on.service.configure({**made, "sources": [*sources, wrong], "database": database, "http": http})


PERSONAL_CHANGES: list[dict[str, object]] = [
    {"profile": "Elvaco CMi4110"},
    {"profile": "Dragino LSE01"},
    {"profile": "Kanarienprofil"},
    {"profile": "Elvaco CMi4110", "f_cnt": 777},
    {"cut": 200},
    {"data": PERSONAL["garbage"]},
    {"f_cnt": PERSONAL["garbage"]},
]


def personal(message: Message, **changes: object) -> Message:
    """An uplink of a meter in somebody's flat, with canaries wherever there is room for text."""
    event = json.loads(message.payload)
    device = event["deviceInfo"]
    device["deviceName"] = PERSONAL["name of a flat"]
    device["tags"] = {"mieter": PERSONAL["tag of a flat"]}
    device["deviceProfileName"] = changes.get("profile", device["deviceProfileName"])
    payload = bytes.fromhex(PERSONAL["meter id"] + PERSONAL["payload of a meter"])
    event["data"] = changes.get("data", base64.b64encode(payload).decode())
    event["fCnt"] = changes.get("f_cnt", event["fCnt"])
    event["object"] = {"garbage": PERSONAL["garbage"]}
    body = json.dumps(event, separators=(",", ":")).encode()
    cut = changes.get("cut")
    return replace(message, payload=body if cut is None else body[: -int(str(cut))])


BODIES = [
    json.dumps({"deviceInfo": PERSONAL["garbage"]}).encode(),
    PERSONAL["garbage"].encode(),
    personal(Traffic(random.Random(1), first=20_000_000).good()).payload,
]


async def post(on: Stage, token: str, body: bytes) -> str:
    """Deliver `body` by webhook; what the answer says."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{on.service.port}/webhooks/shop?event=up"
        answer = await client.post(url, content=body, headers=headers)
    assert answer.status_code == (200 if token == SECRETS["webhook token"] else 401), answer.text
    return answer.text + str(answer.headers)


def forms() -> list[tuple[str, str]]:
    """Every canary with each form in which a log could show it."""
    found = list({**SECRETS, **PERSONAL}.items())
    found += [(name, repr(bytes.fromhex(PERSONAL[name]))[2:-1]) for name in ("meter id", "payload of a meter")]
    whole = bytes.fromhex(PERSONAL["meter id"] + PERSONAL["payload of a meter"])
    return [*found, ("payload of a meter", base64.b64encode(whole).decode())]


def assert_kept(on: Stage) -> None:
    """The canaries did go all the way: they lie in the database, where they belong."""
    kept = on.query("SELECT reason, encode(payload, 'escape') FROM rejected")
    assert {str(reason) for reason, _ in kept} >= {
        RejectReason.NO_DECODER,
        RejectReason.DATABASE_REFUSED,
        RejectReason.MALFORMED,
        RejectReason.INVALID_FIELD,
    }
    assert any(PERSONAL["garbage"] in str(payload) for _, payload in kept)
    assert on.query("SELECT 1 FROM device WHERE name = %s", PERSONAL["name of a flat"])
