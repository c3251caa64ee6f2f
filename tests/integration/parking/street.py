"""Bays, their sensors' messages and their charge points' statuses, written as ingest and the charging sources write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zlib import crc32

from psycopg.types.json import Jsonb

from alerts.charging.status import EvseState, StatusEvent
from alerts.charging.store import record_contact, record_statuses
from alerts.model import Findings
from alerts.rules.wrong_parking import WrongParking
from decoders.readings import BayEvent, ParkingBay, QualityFlag
from storage.database import Connection, Role
from tests.support.store import Store

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


@dataclass
class Street:
    """What happens is told in minutes from noon."""

    store: Store
    f_cnt: dict[str, int] = field(default_factory=dict)

    def bay(self, key: str, *, station: str, evses: Sequence[str], mapping: str = "FIXED", **attributes: object) -> str:
        """A bay with a sensor of its own; gives the sensor's DevEUI."""
        device = f"{crc32(key.encode()):016x}"
        values = {"station": station, "evses": list(evses), "mapping": mapping, **attributes}
        self.store.execute("INSERT INTO device (dev_eui) VALUES (%s)", device)
        self.store.execute(
            "INSERT INTO asset (kind, key, district, attributes) VALUES ('bay', %s, 'Altstadt', %s)", key, Jsonb(values)
        )
        self.store.execute(
            "INSERT INTO asset_device (asset_id, device_id) SELECT a.id, d.id FROM asset a, device d"
            " WHERE a.key = %s AND d.dev_eui = %s",
            key,
            device,
        )
        return device

    def sees(
        self, device: str, minute: float, occupied: bool | None, *, heartbeat: bool = False, f_cnt: int | None = None
    ) -> None:
        """A message of a bay's sensor; with `f_cnt` one that came later than those after it."""
        event = BayEvent.HEARTBEAT if heartbeat else BayEvent.STARTUP if occupied is None else BayEvent.CHANGE
        self.f_cnt[device] = self.f_cnt.get(device, 0) + 1 if f_cnt is None else f_cnt
        reading = ParkingBay(
            device=device, observed_at=at(minute), occupied=occupied, event=event, flags=QualityFlag(0)
        )
        self.store.add([reading])
        self.store.execute(
            "UPDATE parking_bay SET uplink_f_cnt = %s WHERE observed_at = %s AND device_id ="
            " (SELECT id FROM device WHERE dev_eui = %s)",
            self.f_cnt[device],
            at(minute),
            device,
        )
        self.store.execute(
            "INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc,"
            " frequency, outcome, data_rate, dev_addr, received_at)"
            " SELECT id, %s, %s, 1, 1, 0, 1, 0, 868100000, 'decoded', 'SF9', '01020304', %s FROM device"
            " WHERE dev_eui = %s",
            at(minute),
            self.f_cnt[device],
            at(minute),
            device,
        )

        self.store.execute(
            "INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt,"
            " session_uplinks, uplinks, last_ns_time, last_received_at, outcome)"
            " SELECT id, 1, %s, 1, 1, 1, 1, %s, %s, 'decoded' FROM device WHERE dev_eui = %s"
            " ON CONFLICT (device_id) DO UPDATE SET uplinks = device_state.uplinks + 1",
            *[at(minute)] * 3,
            device,
        )

    def point(self, evse: str, minute: float, state: EvseState, *, source: str = "cpo") -> None:
        """A status of a charge point."""
        event = StatusEvent(evse, at(minute), at(minute), source, state)

        async def record(connection: Connection) -> None:
            await record_statuses(connection, [event])

        self.store.run(record)

    def linked(self, first: int, last: int, *, source: str = "cpo") -> None:
        """A contact with the operator each minute."""

        async def record(connection: Connection) -> None:
            for minute in range(first, last + 1):
                await record_contact(connection, source, at(minute))

        self.store.run(record)

    def evaluate(self, rule: WrongParking, minute: float) -> Findings:
        """What the rule finds, in the engine's role."""

        async def look(connection: Connection) -> Findings:
            return await rule.evaluate(connection, at(minute))

        return self.store.run(look, role=Role.ALERTS)
