"""docs/howto/add-a-decoder.md, followed from start to end beside a running service: it ends with readings."""

import asyncio
from datetime import timedelta
from pathlib import Path
from time import monotonic

import httpx2
import psycopg

from tests.integration.codecs.city import DEV_EUI, event
from tests.integration.kit.page import Command, File, steps
from tests.support.service import Service

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "add-a-decoder.md"
PAYLOADS = ("0bb8000a8c09f6", "0bb80004d2ffec", "0bae01ffff7fff", "0ba40003e80000", "0b9a000fa00bb8")
TOKEN = "canary-token-0123456789"
SETTINGS = {"http": {"webhooks": {"city": {"token": TOKEN, "format": "chirpstack"}}}}
MOST_UPLINKS = 500
WITHIN = 60.0


def spoken(f_cnt: int, payload: str) -> dict[str, object]:
    """What the page's device says; it speaks once a minute."""
    return event(f_cnt, payload, profile="Acme S100", name="Linde 17", ago=timedelta(minutes=MOST_UPLINKS - f_cnt))


async def send(service: Service, f_cnt: int, payload: str) -> None:
    """Be the network server."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = await client.post("/webhooks/city?event=up", headers=headers, json=spoken(f_cnt, payload))
        assert answer.status_code == 200, answer.text


def moistures(dsn: str) -> list[float | None]:
    """What is stored of the device, in the order of arrival."""
    query = """
        SELECT r.soil_moisture FROM stadtfunk.tree_moisture r JOIN stadtfunk.device d ON d.id = r.device_id
        WHERE d.dev_eui = %s ORDER BY r.uplink_f_cnt
    """
    with psycopg.connect(dsn) as connection:
        return [value for (value,) in connection.execute(query, (DEV_EUI,)).fetchall()]


async def until_live(service: Service, dsn: str) -> None:
    """The device speaks again and again, until a reading of it is stored."""
    deadline = monotonic() + WITHIN
    for f_cnt in range(len(PAYLOADS), MOST_UPLINKS):
        await send(service, f_cnt, PAYLOADS[0])
        if moistures(dsn):
            return
        assert monotonic() < deadline, f"no reading within {WITHIN:.0f} s\n{service.log()[-2000:]}"
        await asyncio.sleep(0.2)


def test_the_page_leads_from_payloads_to_stored_readings(tmp_path: Path, database: str) -> None:
    async def scenario() -> None:
        async with Service(tmp_path / "city", database, [], settings=SETTINGS) as service:
            await service.ready()
            for f_cnt, payload in enumerate(PAYLOADS):
                await send(service, f_cnt, payload)
            await follow(service)
            assert moistures(database)[:5] == [27.0, 12.34, None, 10.0, 40.0]
            service.terminate()
            assert await service.exit_code() == 0

    async def follow(service: Service) -> None:
        for step in steps(PAGE):
            if isinstance(step, File):
                step.write(service.folder, add=step.path == service.file.name)
            else:
                if "--last 1" in step.line:
                    await until_live(service, database)
                await asyncio.to_thread(step.run, service.folder, {})

    asyncio.run(scenario())


def test_the_page_has_what_this_follows() -> None:
    found = list(steps(PAGE))
    commands = [step.line for step in found if isinstance(step, Command)]
    assert [step.path for step in found if isinstance(step, File)] == [
        "stadtfunk.yaml",
        "decoders/acme_s100.py",
        "decoders/acme_s100.vectors.json",
        "stadtfunk.yaml",
    ]
    for beginning in ("devices", "decode", "decoder new", "decoder test", "check-config", "rejected retry"):
        assert any(line.startswith(f"stadtfunk {beginning}") for line in commands), beginning
