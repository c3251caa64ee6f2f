"""Sources of charge points are replaced while the engine runs: on SIGHUP, all or nothing."""

import asyncio
import json
import logging
from datetime import UTC, datetime

import aiomqtt
import pytest
from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.sources import ChargingSources
from config.settings import Settings
from stadtfunk.engine_part import EnginePart
from storage.database import Role, connect

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 30.0


async def until(condition):
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_other_sources_take_over_and_broken_settings_leave_the_old_ones(
    mosquitto, database_settings, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("alerts.charging.sources.STAND_BY_SECONDS", 0.1)
    caplog.set_level(logging.INFO)

    def settings(station: str, **more) -> Settings:
        source = {"host": mosquitto.host, "port": mosquitto.port, "topic": f"charging/{station}/status"}
        charging = {"mqtt": {station: source}, **more}
        return Settings.model_validate({"database": database_settings.model_dump(), "charging": charging})

    broken = {"feed": {"url": "https://feed.example/", "tls": {"ca_file": str(tmp_path / "missing.pem")}}}
    written = settings("ls01")
    registry = CollectorRegistry()
    part = EnginePart(written, registry, ChargingMetrics(registry), reread=lambda: written)

    async def heard(station: str, status: str = "Available") -> None:
        """Send a status until it is stored: nobody is told when a source is subscribed."""

        async def stored() -> bool:
            message = {"evse_id": f"DE*MZX*E{station}", "status": status, "ts": datetime.now(UTC).isoformat()}
            await client.publish(f"charging/{station}/status", json.dumps(message), qos=1)
            cursor = await connection.execute("SELECT source, raw_status FROM evse_status")
            return (station, status) in await cursor.fetchall()

        await until(stored)

    async with (
        aiomqtt.Client(mosquitto.host, mosquitto.port) as client,
        await connect(database_settings, role=Role.ALERTS) as connection,
        asyncio.TaskGroup() as tasks,
    ):
        running = tasks.create_task(part.run())
        await heard("ls01")
        written = settings("ls02")
        part.ask()
        await heard("ls02")

        written = settings("ls03", datex2=broken)
        part.ask()
        await until(lambda: _logged(caplog, "reload_failed"))
        assert "missing.pem" in caplog.text
        await heard("ls02", "Charging")
        written = settings("ls03")
        part.ask()
        await heard("ls03")
        running.cancel()
    assert caplog.text.count("charging_sources_reloaded") == 2


async def _logged(caplog, event: str) -> bool:
    return event in caplog.text


async def test_an_operator_is_asked_by_the_sources_in_use(database_settings, monkeypatch):
    """The engine keeps one object to ask; it asks the sources of the newest settings."""
    asked = []

    async def recheck(self, evse_key):
        asked.append(list(self._polled))

    monkeypatch.setattr(ChargingSources, "recheck", recheck)

    def settings(*names: str) -> Settings:
        feeds = {name: {"url": f"https://{name}.example/"} for name in names}
        return Settings.model_validate({"database": database_settings.model_dump(), "charging": {"datex2": feeds}})

    registry = CollectorRegistry()
    part = EnginePart(settings("a"), registry, ChargingMetrics(registry))
    await part._charging.recheck("E1")
    part.use(settings("a", "b"))
    await part._charging.recheck("E1")
    assert asked == [["a"], ["a", "b"]]
