"""A small town for tests in a browser: real bays, messages and statuses in a real database, the whole service on it.

Sensors' messages go the service's own way, as ChirpStack posts them; only their times lie in the past, in minutes from
now. What the operator said earlier is written as its source would have written it.
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from alerts.charging.status import EvseState, StatusEvent, evse_key
from alerts.charging.store import record_statuses, sync_bays
from storage.asset_rows import asset_rows
from storage.assets import import_assets
from storage.database import Connection, connect
from storage.settings import DatabaseSettings
from tests.support.mosquitto import free_port
from tests.support.portal import HASH, USERS
from tests.support.service import Service

OPERATOR = "stadtwerke"
TOKEN = "token-of-the-network-server"
LINKED_FOR = timedelta(hours=6)
CHANGE, HEARTBEAT = 1, 2
"""Ports of a Bosch TPS110, whose first bit says occupied."""

STREETS = {
    "LS01-1": ("Binger Str. 19, Platz 1", "Altstadt", 49.9993, 8.2588),
    "LS10-1": ("Goethestr. 7, Platz 1", "Neustadt", 50.0096, 8.2524),
    "LS08-1": ("Fischtorplatz 11, Platz 1", "Altstadt", 49.9997, 8.2771),
}


def assets() -> list[dict[str, object]]:
    """The bays as a city file has them, each with a charge point of its own."""
    return [
        {
            "kind": "bay",
            "key": key,
            "name": name,
            "district": district,
            "latitude": latitude,
            "longitude": longitude,
            "attributes": {"station": key[:4], "bay": 1, "mapping": "FIXED", "evses": [evse_id(key)]},
            "devices": [{"dev_eui": _device(key), "valid_from": "2026-01-01T00:00:00Z"}],
        }
        for key, (name, district, latitude, longitude) in STREETS.items()
    ]


@dataclass
class Town:
    """What the tests let happen, and what they look up."""

    url: str
    service: Service
    connection: Connection
    f_cnt: dict[str, int] = field(default_factory=dict)

    # ---- what happens -------------------------------------------------------------------------------------

    async def is_built(self, *, told: bool = True) -> None:
        """The bays are known, free for hours; the operator was in contact all the time.

        Args:
            told: the charge points' statuses are known, too; False: an operator of the test's own will tell them.
        """
        now = datetime.now(UTC)
        await import_assets(self.connection, asset_rows(assets()))
        await sync_bays(self.connection, now)
        await self.run(
            "INSERT INTO evse_contact (source, first_at, last_at) VALUES (%s, %s, %s)",
            OPERATOR, now - LINKED_FOR, now + timedelta(minutes=10),
        )  # fmt: skip
        for key in STREETS:
            if told:
                await self.says(key, EvseState.IDLE, -300)
            for minute in (-240, -180, -120):
                await self.sees(key, False, minute, port=HEARTBEAT)

    async def parks(self, key: str, minutes_ago: float = 40) -> None:
        """A car stands there since then; the heartbeat after it says so, too.

        The engine, which begins every look with the bays, waits until both are stored: it judges them together.
        """
        async with self.connection.transaction():
            await self.connection.execute("LOCK TABLE asset IN ACCESS EXCLUSIVE MODE")
            await self.sees(key, True, -minutes_ago)
            await self.sees(key, True, -minutes_ago / 2, port=HEARTBEAT)

    async def leaves(self, key: str, minutes_ago: float = 1) -> None:
        """The car drove away; the message of it arrives now."""
        await self.sees(key, False, -minutes_ago)

    async def sees(self, key: str, occupied: bool, minute: float, *, port: int = CHANGE) -> None:
        """A message of the bay's sensor, posted by the network server and stored when this returns."""
        self.f_cnt[key] = self.f_cnt.get(key, 0) + 1
        event = _uplink(_device(key), self.f_cnt[key], port, occupied, datetime.now(UTC) + timedelta(minutes=minute))
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(
                f"http://127.0.0.1:{self.service.port}/webhooks/lora?event=up",
                json=event,
                headers={"Authorization": f"Bearer {TOKEN}"},
            )
        assert answer.status_code == 200, answer.text

    async def says(self, key: str, state: EvseState, minute: float) -> None:
        """A status of the bay's charge point."""
        at = datetime.now(UTC) + timedelta(minutes=minute)
        event = StatusEvent(evse_key(evse_id(key)), at, at, OPERATOR, state, state.value)
        await record_statuses(self.connection, [event])

    # ---- what is known ------------------------------------------------------------------------------------

    async def case(self, key: str) -> Mapping[str, object]:
        """The newest case of a bay; empty while there is none."""
        names = ("number", "state", "outcome", "reason", "assignee", "code")
        rows = await self.rows(
            f"SELECT {', '.join(names)} FROM alert WHERE rule = 'wrong_parking' AND subject = %s ORDER BY id DESC", key
        )
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    async def events(self, number: str) -> list[str]:
        """The kinds of everything that happened to a case."""
        rows = await self.rows(
            "SELECT e.kind FROM alert_event e JOIN alert a ON a.id = e.alert_id WHERE a.number = %s"
            " ORDER BY e.position",
            number,
        )
        return [str(row[0]) for row in rows]

    async def run(self, query: str, *values: object) -> None:
        """One statement."""
        await self.connection.execute(query, values)

    async def rows(self, query: str, *values: object) -> list[Sequence[object]]:
        """The rows of one statement."""
        return await (await self.connection.execute(query, values)).fetchall()


@asynccontextmanager
async def open_town(
    folder: Path,
    database: str,
    *,
    tiles: str | None = None,
    port: int = 0,
    told: bool = True,
    settings: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[Town]:
    """Three bays and the whole service: ingest, engine, outbox and portal in one process."""
    port = port or free_port()
    users = {name: {"password_hash": HASH, "role": role.value} for name, role in USERS.items()}
    sections: dict[str, Mapping[str, object]] = {
        "http": {"webhooks": {"lora": {"format": "chirpstack", "token": TOKEN}}},
        "portal": {"enabled": True, "port": port, "users": users, "map": {"tiles": tiles}},
        "alerts": {"rules": {"wrong_parking": {"kind": "wrong_parking"}}},
        **(settings or {}),
    }
    async with (
        await connect(DatabaseSettings(dsn=database)) as connection,
        Service(folder / "service", database, [], settings=sections) as service,
    ):
        await service.ready()
        town = Town(f"http://127.0.0.1:{port}", service, connection)
        await town.is_built(told=told)
        yield town


def evse_id(key: str) -> str:
    """The charge point of a bay."""
    return f"DE*MZX*E{key[:4]}*1"


def _device(key: str) -> str:
    return f"0004a30b00f1{list(STREETS).index(key) + 1:04x}"


def _uplink(dev_eui: str, f_cnt: int, port: int, occupied: bool, at: datetime) -> dict[str, object]:
    """What ChirpStack posts of a Bosch TPS110."""
    time = at.isoformat(timespec="microseconds")
    return {
        "deduplicationId": f"{f_cnt:08x}-{dev_eui[:4]}-4b8d-9386-{dev_eui[4:]}",
        "time": time,
        "deviceInfo": {
            "tenantName": "Stadt Mainz",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97",
            "applicationName": "Ladeplaetze",
            "deviceProfileName": "Bosch TPS110",
            "deviceName": f"Ladebucht {dev_eui[-2:]}",
            "devEui": dev_eui,
        },
        "devAddr": f"0100{dev_eui[-4:]}",
        "dr": 2,
        "fCnt": f_cnt,
        "fPort": port,
        "data": base64.b64encode(bytes([occupied])).decode(),
        "rxInfo": [{"gatewayId": "7276ff0039060001", "nsTime": time, "rssi": -101, "snr": 3.5}],
        "txInfo": {
            "frequency": 868100000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 10, "codeRate": "CR_4_5"}},
        },
    }
