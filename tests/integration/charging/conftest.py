"""An operator's platform and our receiver, both over real HTTP on loopback, with a real database."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from alerts.charging.settings import ChargingSettings
from portal.ocpi.router import router
from stadtfunk.demo.cpo import Cpo, location
from storage.database import Connection, Role, connect
from tests.support.cpo import Services, listening, serving_cpo, serving_receiver, url_of

TOKEN_FOR_OPERATORS = "registration-token-of-the-city"


@dataclass
class Stage:
    """Both sides of the link `stadtwerke`, and a look into the database with the alerts' rights."""

    cpo: Cpo
    settings: ChargingSettings
    services: Services
    connection: Connection

    @property
    def versions_url(self) -> str:
        return f"{self.settings.public_url}/ocpi/versions"

    async def statuses(self) -> list[tuple[str, str, str, str]]:
        """Key, status, raw word and source, in order."""
        cursor = await self.connection.execute(
            "SELECT evse_key, status, raw_status, s.source"
            " FROM evse_status s JOIN evse e ON e.id = s.evse_id ORDER BY s.id"
        )
        return await cursor.fetchall()

    async def contacts(self, source: str = "stadtwerke") -> int:
        cursor = await self.connection.execute("SELECT count(*) FROM evse_contact WHERE source = %s", (source,))
        row = await cursor.fetchone()
        return row[0]

    async def state(self) -> dict:
        cursor = await self.connection.execute("SELECT state FROM charging_link WHERE source = 'stadtwerke'")
        row = await cursor.fetchone()
        return {} if row is None else row[0]


@pytest.fixture
def make_stage(tmp_path, database_settings):
    """Makes the stage: `async with make_stage() as on`. Arguments go to the operator's settings or to its platform."""

    @asynccontextmanager
    async def make(*, cpo: Cpo | None = None, **ocpi):
        platform = cpo or Cpo()
        earlier = datetime.now(UTC) - timedelta(hours=1)
        platform.add(
            [
                location("LS01", ["DE*MZX*ELS01*1", "DE*MZX*ELS01*2"], at=earlier),
                location("LS02", ["DE*MZX*ELS02*1"], at=earlier),
            ]
        )
        listener = listening()
        async with serving_cpo(platform) as running:
            token = tmp_path / "token-a"
            token.write_text(running.token_a + "\n")
            registration = tmp_path / "registration"
            registration.write_text(TOKEN_FOR_OPERATORS + "\n")
            settings = ChargingSettings(
                ocpi={
                    "stadtwerke": {
                        "versions_url": f"{running.base_url}/ocpi/versions",
                        "token_file": token,
                        "registration_token_file": registration,
                        "allow_hosts": ["127.0.0.1"],
                        "timeout_seconds": 5,
                        **ocpi,
                    }
                },
                public_url=url_of(listener),
                state_dir=tmp_path / "state",
            )
            async with (
                serving_receiver(settings, database_settings, listener, routers=[router]) as services,
                await connect(database_settings, role=Role.ALERTS) as connection,
            ):
                yield Stage(running, settings, services, connection)

    return make
