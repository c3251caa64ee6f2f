"""The whole program with an operator: one process, and portal and engine as two, polls, pushes, and an orderly end."""

import asyncio

import pytest

from stadtfunk.demo.cpo import Cpo, location
from storage.database import Role, connect
from tests.support.cpo import serving_cpo
from tests.support.mosquitto import free_port
from tests.support.service import Service

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 30.0


def sections(tmp_path, cpo, portal):
    token = tmp_path / "token-a"
    token.write_text(cpo.token_a)
    return {
        "charging": {
            "public_url": f"http://127.0.0.1:{portal}",
            "state_dir": str(tmp_path / "state"),
            "ocpi": {
                "stadtwerke": {
                    "versions_url": f"{cpo.base_url}/ocpi/versions",
                    "token_file": str(token),
                    "allow_hosts": ["127.0.0.1"],
                    "poll_seconds": 60,
                }
            },
        },
        "portal": {"enabled": True, "port": portal},
    }


async def statuses(database_settings):
    async with await connect(database_settings, role=Role.ALERTS) as connection:
        cursor = await connection.execute("SELECT status, source FROM evse_status ORDER BY id")
        return await cursor.fetchall()


async def until(condition):
    async with asyncio.timeout(WAIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("parts", [[""], ["portal", "engine"]], ids=["one process", "two processes"])
async def test_a_configured_operator_is_registered_polled_and_pushes(tmp_path, database, database_settings, parts):
    cpo, portal = Cpo(), free_port()
    cpo.add([location("LS01", ["DE*MZX*ELS01*1"])])
    async with serving_cpo(cpo):
        given = sections(tmp_path, cpo, portal)
        services = []
        for part in parts:
            settings = (
                {**given, "http": {"webhooks": {"ttn": {"token": "canary-token-0123456789"}}}} if not part else given
            )
            services.append(Service(tmp_path / (part or "all"), database, [], settings=settings, only=part))
        try:
            for service in services:
                service.start()
                await service.ready()

            async def polled():
                return await statuses(database_settings) == [("IDLE", "stadtwerke")]

            async def pushed():
                return (await cpo.change("LS01-1", "CHARGING")).code == 1000

            await until(polled)
            await until(pushed)
            assert ("IN_USE", "stadtwerke") in await statuses(database_settings)
            assert cpo.violations == []
            metrics = [await service.metrics() for service in services]
            counted = [one.value("charging_contacts_total", source="stadtwerke") for one in metrics]
            assert sum(counted) >= 2
            for service in services:
                service.terminate()
                assert await service.exit_code() == 0
                assert cpo.token_a not in service.log()
                assert cpo.issued not in service.log()
        finally:
            for service in services:
                service.kill()
