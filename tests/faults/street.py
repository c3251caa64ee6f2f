"""Charging bays on a fault's stage: sensors that speak over MQTT, and an operator that is always in contact."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from psycopg.types.json import Jsonb

from alerts.charging.status import EvseState, StatusEvent
from alerts.charging.store import record_contact, record_statuses
from storage.database import Role, connect
from storage.settings import DatabaseSettings
from tests.faults.stage import Stage
from tests.support.sender import publish
from tests.support.traffic import APPLICATION, Message

HEARTBEAT_FREE, HEARTBEAT_TAKEN = "00d3d800590b", "01d3d800590b"
FREE, TAKEN = "00", "b5"
CONTACT_EVERY = timedelta(seconds=60)
RULES = {
    "parking": {
        "kind": "wrong_parking",
        "signs": [{"regime": "EV_CHARGING", "max_stay_minutes": None}],
    }
}
"""Always reserved, no parking disc: what is raised does not depend on the hour of the test."""


def ago(**span: float) -> datetime:
    """So long before now."""
    return datetime.now(UTC) - timedelta(**span)


class Street:
    """Bays with an NPS405 each; what their sensors say is told with the network server's time."""

    def __init__(self, on: Stage) -> None:
        self._on = on
        self._counters: dict[str, int] = {}
        self._database = DatabaseSettings(dsn=on.dsn)

    def bay(self, number: int) -> str:
        """A bay with a charge point of its own; gives the sensor's DevEUI."""
        device, evse = f"a81758fffe{number:06x}", f"DEMZXELS{number:02}"
        self._on.query("INSERT INTO device (dev_eui) VALUES (%s) RETURNING id", device)
        attributes = Jsonb({"station": f"LS{number:02}", "evses": [evse], "mapping": "FIXED"})
        self._on.query(
            "WITH bay AS (INSERT INTO asset (kind, key, attributes) VALUES ('bay', %s, %s) RETURNING id)"
            " INSERT INTO asset_device (asset_id, device_id)"
            " SELECT bay.id, device.id FROM bay, device WHERE dev_eui = %s",
            f"LS{number:02}-1",
            attributes,
            device,
        )
        return device

    def says(self, device: str, at: datetime, payload: str) -> Message:
        """An uplink as ChirpStack publishes it."""
        self._counters[device] = f_cnt = self._counters.get(device, 0) + 1
        time, number = at.isoformat(timespec="microseconds"), str(uuid4())
        event = {
            "deduplicationId": number,
            "time": time,
            "deviceInfo": {
                "applicationId": APPLICATION,
                "applicationName": "Ladeplaetze",
                "deviceProfileName": "Nwave NPS405",
                "devEui": device,
            },
            "devAddr": f"02{device[-6:]}",
            "dr": 5,
            "fCnt": f_cnt,
            "fPort": 1 if len(payload) == 2 else 2,
            "data": base64.b64encode(bytes.fromhex(payload)).decode(),
            "rxInfo": [{"gatewayId": "7276ff002e060501", "nsTime": time, "rssi": -90, "snr": 7.0}],
            "txInfo": {"frequency": 868100000},
        }
        return Message(number, f"application/{APPLICATION}/device/{device}/event/up", json.dumps(event).encode())

    def stay(self, device: str, arrived: datetime, left: datetime | None = None) -> list[Message]:
        """Free for an hour, then a car, confirmed by heartbeats, until it leaves."""
        found = [self.says(device, arrived - timedelta(minutes=minutes), HEARTBEAT_FREE) for minutes in (65, 5)]
        found.append(self.says(device, arrived, TAKEN))
        end = left or arrived + timedelta(minutes=1)
        confirmed = range(60, int((end - arrived).total_seconds() // 60), 60)
        found += [self.says(device, arrived + timedelta(minutes=minutes), HEARTBEAT_TAKEN) for minutes in confirmed]
        return found if left is None else [*found, self.says(device, left, FREE)]

    async def publish(self, messages: Sequence[Message], *, times: int = 1) -> None:
        """Each message so many times, one after the other."""
        copies = [message for message in messages for _ in range(times)]
        await publish(copies, self._on.broker.port, set())

    async def points(self, said: Mapping[str, Sequence[tuple[datetime, EvseState]]]) -> None:
        """What charge points said, by their ids."""
        events = [StatusEvent(evse, at, at, "cpo", state) for evse, told in said.items() for at, state in told]
        async with await connect(self._database, role=Role.ALERTS) as connection:
            await record_statuses(connection, events)

    async def in_contact(self, since: datetime, until: datetime | None = None) -> None:
        """The operator was in contact from `since` on, until now."""
        end, at = until or datetime.now(UTC), since
        async with await connect(self._database, role=Role.ALERTS) as connection:
            while at < end:
                await record_contact(connection, "cpo", at)
                at += CONTACT_EVERY
            await record_contact(connection, "cpo", end)

    def alerts(self) -> list[tuple[object, ...]]:
        """Subject, state and origin of every alert."""
        return self._on.query("SELECT subject, state, backfilled FROM alert ORDER BY subject, since")

    def transitions(self) -> list[tuple[object, ...]]:
        """What happened to alerts that were not over when they were found."""
        return self._on.query(
            "SELECT a.subject, e.kind FROM alert_event AS e JOIN alert AS a ON a.id = e.alert_id"
            " WHERE NOT a.backfilled ORDER BY a.subject, e.position"
        )
