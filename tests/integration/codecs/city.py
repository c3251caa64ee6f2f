"""A network server that posts uplinks to a running service, and what the database then holds."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import psycopg

from tests.support.service import Service

TOKEN = "canary-token-0123456789"
WEBHOOK = {"http": {"webhooks": {"city": {"token": TOKEN, "format": "chirpstack"}}}}
DEV_EUI = "70b3d57ed0061a2b"


def event(
    f_cnt: int, payload: str, *, profile: str, name: str = "", dev_eui: str = DEV_EUI, ago: timedelta = timedelta(0)
) -> dict[str, object]:
    """What ChirpStack posts for an uplink; a device without a name is called like its profile."""
    at = (datetime.now(UTC) - ago).isoformat()
    device = {"applicationName": "city", "deviceProfileName": profile, "devEui": dev_eui, "deviceName": name or profile}
    return {
        "deduplicationId": f"00000000-0000-4000-8000-{f_cnt:012d}",
        "time": at,
        "deviceInfo": {**device, "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97"},
        "devAddr": "01f3c2a7",
        "fCnt": f_cnt,
        "fPort": 2,
        "data": base64.b64encode(bytes.fromhex(payload)).decode(),
        "rxInfo": [{"gatewayId": "7276ff002e0605d1", "nsTime": at, "rssi": -97, "snr": 7.25}],
        "txInfo": {"frequency": 868100000},
    }


async def send(service: Service, f_cnt: int, payload: str, *, profile: str, dev_eui: str = DEV_EUI) -> None:
    """Post one uplink; returns when it is committed or spooled."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = event(f_cnt, payload, profile=profile, dev_eui=dev_eui)
        answer = await client.post("/webhooks/city?event=up", headers=headers, json=body)
        assert answer.status_code == 200, answer.text


def rows(dsn: str, query: str) -> Sequence[tuple[Any, ...]]:
    """What a query over Stadtfunk's tables gives."""
    with psycopg.connect(dsn, options="-c search_path=stadtfunk,public") as connection:
        return connection.execute(query.encode()).fetchall()
