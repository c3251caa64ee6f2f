"""Stories of the city's bays, straight from the database; what the rules about bays have in common."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerts.calendar import Calendar
from alerts.model import Disproof, Finding
from alerts.parking.disproof import Told, disproved
from alerts.parking.loading import Print, Site, load_histories, load_sites, sites_print
from alerts.parking.settings import ParkingSettings
from alerts.parking.signs import SignSettings
from alerts.parking.story import BayStory, Rulebook, tell
from storage.database import Connection


class Teller:
    """Loads histories and tells stories for one rule.

    Args:
        rule: whose open alerts must be covered by the histories, and whose outcomes say how good a sensor is.
        signs: what stands at bays that say nothing of their own.
    """

    def __init__(
        self, rule: str, settings: ParkingSettings, calendar: Calendar, *, signs: Sequence[SignSettings]
    ) -> None:
        self._rule = rule
        self._signs = signs
        self._rules = Rulebook(settings, calendar)
        self._print: Print | None = None
        self.sites: dict[str, Site] = {}

    async def renew(self, connection: Connection) -> bool:
        """Read the bays again when one was added or edited; True then."""
        known = await sites_print(connection)
        if known == self._print:
            return False
        self.sites = await load_sites(connection, self._signs, self._rules.calendar.zone)
        self._print = known
        return True

    async def stories(
        self, connection: Connection, sites: Sequence[Site], windows: Mapping[str, datetime], now: datetime
    ) -> list[BayStory]:
        """The stories of bays, each told from its window on; bays of a group must come together."""
        if not sites:
            return []
        settings = self._rules.settings
        histories = await load_histories(connection, sites, windows, now, rule=self._rule, settings=settings)
        return tell([site.bay for site in sites], histories, self._rules, now)

    async def disproved(
        self, connection: Connection, told: Told, found: Sequence[Finding], *, version: str
    ) -> list[Disproof]:
        """The cases, of the rule's version, that what is told disproves; `found`: all that it says."""
        rules = self._rules
        lateness, zone = rules.settings.timers.lateness, rules.calendar.zone
        return await disproved(connection, told, found, rule=self._rule, version=version, lateness=lateness, zone=zone)
