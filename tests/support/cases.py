"""Cases of wrong parking for tests of pages: bays of the city's shape, charge points, and findings reconciled as the
engine does it.

    streets = Streets(database_settings)
    number = streets.open("MZ-LS01-1", minutes=25)
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from alerts.charging.status import EvseState, StatusEvent, evse_key
from alerts.charging.store import record_contact, record_statuses, sync_bays
from alerts.model import AlertState, Disproof, Ended, Finding, Findings, Severity, SubjectKind
from alerts.parking.verdict import Code
from alerts.policy import Policy
from alerts.reconcile import reconcile
from storage.database import Role, connect
from storage.settings import DatabaseSettings

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RULE = "ladeplaetze"
VERSION = "3f1c9a2b7d04"
BAYS = {
    "MZ-LS01-1": ("Binger Str. 19, Platz 1", "Altstadt", 49.999315, 8.258803),
    "MZ-LS01-2": ("Binger Str. 19, Platz 2", "Altstadt", 49.999315, 8.258887),
    "MZ-LS02-1": ("Balthasar-Maler-Platz, Platz 1", "Altstadt", 50.003045, 8.265876),
    "MZ-LS03-1": ("Kaiser-Friedrich-Str. 1, Platz 1", "Altstadt", 50.004920, 8.269085),
    "MZ-LS11-1": ("Frauenlobplatz, Platz 1", "Neustadt", 50.010600, 8.262500),
    "MZ-LS12-2": ("Sömmerringplatz, Platz 2", "Neustadt", 50.008900, 8.257100),
}


def evse_of(bay: str) -> str:
    """The charge point of a bay."""
    _, station, number = bay.split("-")
    return f"DE*MZX*E{station}*{number}"


class Streets:
    """The bays of the tests, all charge points free, no case open."""

    def __init__(
        self,
        settings: DatabaseSettings,
        *,
        now: datetime = NOW,
        bays: Mapping[str, tuple] = BAYS,
        policy: Policy | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.policy = policy or Policy()
        self._open: dict[str, Finding] = {}
        asyncio.run(self.build(bays))

    async def build(self, bays: Mapping[str, tuple]) -> None:
        async with await connect(self.settings) as connection:
            for key, (name, district, latitude, longitude) in bays.items():
                station, number = key.split("-")[1:]
                attributes = {"station": station, "bay": int(number), "mapping": "FIXED", "evses": [evse_of(key)]}
                await connection.execute(
                    "INSERT INTO asset (kind, key, name, district, latitude, longitude, attributes)"
                    " VALUES ('bay', %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    (key, name, district, latitude, longitude, Jsonb(attributes)),
                )
            early = self.now - timedelta(days=1)
            await sync_bays(connection, early)
            free = [
                StatusEvent(evse_key(evse_of(key)), early, early, "ocpi", EvseState.IDLE, "AVAILABLE") for key in bays
            ]
            await record_statuses(connection, free)
            await record_contact(connection, "ocpi", self.now)

    def finding(self, bay: str, *, minutes: float = 25, code: Code = Code.V1_NO_CHARGE, **given: object) -> Finding:
        """What the rule says of a vehicle that came `minutes` ago."""
        since = self.now - timedelta(minutes=minutes)
        due = since + timedelta(minutes=11, seconds=30)
        parts = [{"reason": "single_sighting", "change": -20}]
        values = {
            "subject": bay,
            "subject_kind": SubjectKind.BAY,
            "occurrence": f"{bay}@{since.isoformat()}",
            "code": code.value,
            "codes": (code.value,),
            "severity": Severity.WARNING if code is not Code.V3_MAX_STAY else Severity.INFO,
            "since": since,
            "due_at": due,
            "confidence": 80,
            "facts": {
                "bay": bay,
                "station": bay.split("-")[1],
                "evses": [evse_key(evse_of(bay))],
                "regime": "EV_CHARGING",
                "sign_version": "VAO 2017-114",
                "legal_end": (since + timedelta(hours=2)).isoformat(),
                "confidence_parts": parts,
                "occupancy_since": since.isoformat(),
                "since_uncertain": False,
                "inferred": False,
            },
            "evidence": self._evidence(bay, since),
        }
        return Finding(**(values | given))

    def open(self, bay: str, **given: object) -> str:
        """Open a case; its number."""
        return asyncio.run(self.open_now(bay, **given))

    async def open_now(self, bay: str, **given: object) -> str:
        finding = self.finding(bay, **given)
        self._open[bay] = finding
        await self._settle(finding)
        async with await connect(self.settings) as connection:
            row = await (
                await connection.execute(
                    "SELECT number FROM alert WHERE subject = %s AND occurrence = %s", (bay, finding.occurrence)
                )
            ).fetchone()
        return row[0]

    def leave(self, bay: str, **given: object) -> None:
        """The vehicle drives away, so that its case ends by itself."""
        asyncio.run(self.leave_now(bay, **given))

    async def leave_now(
        self, bay: str, *, at: datetime | None = None, reason: str = "drove_away", withdrawn: bool = False
    ) -> None:
        at = at or self.now
        state = AlertState.WITHDRAWN if withdrawn else AlertState.RESOLVED
        finding = self._open.pop(bay)
        values = {name: getattr(finding, name) for name in Finding.__slots__} | {"ended": Ended(at, reason, state)}
        await self._settle(Finding(**values), now=at)

    async def disprove_now(self, number: str, *, at: datetime | None = None) -> None:
        """Later data show that a case that ended by itself never was."""
        async with await connect(self.settings, role=Role.ALERTS) as connection:
            query = "SELECT subject, occurrence, content_digest FROM alert WHERE number = %s"
            row = await (await connection.execute(query, (number,))).fetchone()
            gone = Disproof(*row, {"statuses": [2]})
            found = Findings(RULE, VERSION, (), frozenset(), self.now, True, disproved=(gone,))
            await reconcile(connection, found, at or self.now, policy=self.policy)

    async def _settle(self, finding: Finding, *, now: datetime | None = None) -> None:
        start = self.now - timedelta(days=30)
        found = Findings(RULE, VERSION, (finding,), frozenset({finding.subject}), start, explains_ends=True)
        async with await connect(self.settings, role=Role.ALERTS) as connection:
            await reconcile(connection, found, now or self.now, policy=self.policy)

    def _evidence(self, bay: str, since: datetime) -> dict:
        due = since + timedelta(minutes=10)
        before = since - timedelta(hours=2)
        return {
            "uplinks": [
                _uplink(1, before, 870, occupied=False, event="heartbeat"),
                _uplink(1, since, 872, occupied=True, event="change"),
            ],
            "statuses": [
                {
                    "id": 1,
                    "evse": evse_key(evse_of(bay)),
                    "at": before.isoformat(),
                    "status": "IDLE",
                    "raw": "AVAILABLE",
                    "source": "ocpi",
                }
            ],
            "transitions": [
                {"at": since.isoformat(), "state": "ARRIVED", "reason": ""},
                {"at": due.isoformat(), "state": "SUSPECT", "reason": "V1_NO_CHARGE"},
                {"at": (due + timedelta(seconds=90)).isoformat(), "state": "VIOLATION", "reason": "V1_NO_CHARGE"},
            ],
        }


def _uplink(device: int, at: datetime, f_cnt: int, *, occupied: bool, event: str) -> dict:
    return {
        "key": f"{device}/{at.isoformat()}/{f_cnt}",
        "at": at.isoformat(),
        "f_cnt": f_cnt,
        "occupied": occupied,
        "event": event,
    }
