"""A database full of the demo city's past, by the way of the pipeline: what tests and charts of dashboards look at."""

import asyncio
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, LiteralString

from alerts.charging.store import sync_bays
from alerts.model import Ended, Finding, Findings, Severity, SubjectKind
from alerts.policy import Policy
from alerts.reconcile import reconcile
from config.settings import Settings
from ingest.replay import ReplayFile
from stadtfunk import app
from stadtfunk.demo.assets import assets
from stadtfunk.demo.charge_points import past_as_json
from stadtfunk.demo.history import history
from stadtfunk.demo.settings import DemoSettings
from stadtfunk.demo_past import BayPast, play_cases, store_charging
from storage.asset_rows import asset_rows
from storage.assets import import_assets
from storage.database import Connection, Role, connect
from storage.maintenance import run_maintenance
from storage.settings import DatabaseSettings, RetentionSettings

SOURCE: Final = "mainz"
OPERATOR: Final = "stadtwerke"
_RULES: Final = ("wrong_parking", "bay_sensor", "gateway_silent", "device_silent", "battery_low")
_SILENT_FOR: Final = timedelta(hours=3)
_NEVER_HEARD: Final = {
    "kind": "tree",
    "key": "MZ-B-99999",
    "name": "Baum mit stummem Sensor",
    "district": "Altstadt",
    "latitude": 49.9985,
    "longitude": 8.2735,
    "attributes": {"species": "Ahorn", "standing_year": 2, "soil": "tree substrate"},
    "devices": [{"dev_eui": "a8404100000fffff"}],
}


def fill(database: DatabaseSettings, city: DemoSettings, *, begin: datetime, end: datetime) -> None:
    """Assets, uplinks, statuses of charge points, alerts and rollups of [begin, end); the database is migrated."""
    asyncio.run(_fill(_settings(database), city, begin, end))


def _settings(database: DatabaseSettings) -> Settings:
    return Settings.model_validate(
        {
            "sources": [{"name": SOURCE, "format": "chirpstack", "host": "127.0.0.1"}],
            "database": database.model_dump(),
            "alerts": {"rules": {rule: {"kind": rule} for rule in _RULES}},
        }
    )


async def _fill(settings: Settings, city: DemoSettings, begin: datetime, end: datetime) -> None:
    connection = await connect(settings.database, role=Role.PORTAL)
    async with connection:
        await import_assets(connection, asset_rows([*assets(city), _NEVER_HEARD]))
        await sync_bays(connection, begin)
    lines = io.BytesIO(b"".join(history(city, begin, end)))
    await app.replay(settings, ReplayFile(SOURCE, lines, fallback=end))
    async with await connect(settings.database, role=Role.ALERTS) as connection:
        past = BayPast.read(past_as_json(city, begin, end))  # type: ignore[arg-type]  # plain JSON values
        await store_charging(connection, past, source=OPERATOR)
        await play_cases(connection, settings, past, since=begin, now=end)
        await _fall_silent(connection, end)
    async with await connect(settings.database, role=Role.MAINTENANCE) as connection:
        await run_maintenance(connection, RetentionSettings(), now=end)


async def _fall_silent(connection: Connection, end: datetime) -> None:
    """A gateway, and of each kind of asset a device, are silent now, and a bay's was yesterday. A case is open."""
    devices = await _rows(
        connection,
        "SELECT DISTINCT ON (a.kind) d.dev_eui, a.kind FROM asset AS a JOIN asset_device AS b ON b.asset_id = a.id"
        " JOIN device AS d ON d.id = b.device_id ORDER BY a.kind, a.key",
    )
    gateways = await _rows(connection, "SELECT key, kind FROM asset WHERE kind = 'gateway' ORDER BY key LIMIT 1")
    found = [_silent("DEVICE_SILENT", SubjectKind.DEVICE, key, end) for key, _ in devices]
    found += [
        _silent("DEVICE_SILENT", SubjectKind.DEVICE, key, end - timedelta(days=1), ended=end - timedelta(hours=20))
        for key, kind in devices
        if kind == "bay"
    ]
    dead = [_silent("GATEWAY_SILENT", SubjectKind.GATEWAY, key, end) for key, _ in gateways]
    bays = await _rows(connection, "SELECT key, kind FROM asset WHERE kind = 'bay' ORDER BY key DESC LIMIT 1")
    case = [_silent("V1_NO_CHARGE", SubjectKind.BAY, key, end) for key, _ in bays]
    for rule, findings in (("device_silent", found), ("gateway_silent", dead), ("wrong_parking", case)):
        subjects = frozenset(one.subject for one in findings)
        told = Findings(rule, "demo", tuple(findings), subjects, end - timedelta(days=2), explains_ends=True)
        await reconcile(connection, told, end, policy=Policy())


def _silent(code: str, kind: SubjectKind, subject: str, now: datetime, *, ended: datetime | None = None) -> Finding:
    since = now - _SILENT_FOR
    return Finding(
        subject=subject,
        subject_kind=kind,
        occurrence=since.isoformat(),
        code=code,
        severity=Severity.WARNING if kind is SubjectKind.DEVICE else Severity.CRITICAL,
        since=since,
        due_at=since + timedelta(hours=2),
        notifiable=False,
        ended=Ended(ended, "heard_again") if ended else None,
    )


async def _rows(connection: Connection, query: LiteralString) -> Sequence[tuple[str, str]]:
    cursor = await connection.execute(query)
    found: list[tuple[str, str]] = await cursor.fetchall()
    return found
