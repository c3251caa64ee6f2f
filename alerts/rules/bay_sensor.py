"""The rule `bay_sensor`: sensors in bays that flap or seem to be stuck, as work for whoever looks after them."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from alerts.calendar import Calendar
from alerts.model import Findings
from alerts.parking.findings import tickets
from alerts.parking.settings import ParkingSettings
from alerts.parking.telling import Teller
from alerts.rules.settings import RuleSettings
from storage.database import Connection

_RECENT = timedelta(days=4)


class BaySensorSettings(RuleSettings, ParkingSettings):
    """Sensors in bays that need a look; the timers are those of wrong parking."""

    kind: Literal["bay_sensor"] = Field(description="`bay_sensor`: a bay's sensor flaps or seems to be stuck")


class BaySensor:
    """One configured rule of this kind."""

    wakes = frozenset({"parking_bay"})
    pace = timedelta(seconds=30)

    def __init__(self, name: str, settings: BaySensorSettings, calendar: Calendar) -> None:
        self.name = name
        self.version = settings.version
        self._teller = Teller(name, settings, calendar, signs=())

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """Tickets of all bays."""
        await self._teller.renew(connection)
        start = since or now - _RECENT
        stories = await self._teller.since(connection, start, now)
        found = tuple(one for one in tickets(stories) if one.ended is None or one.ended.at >= start)
        return Findings(self.name, self.version, found, frozenset(self._teller.sites), start)
