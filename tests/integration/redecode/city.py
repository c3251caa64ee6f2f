"""A small city whose decoders change: what the tests of re-decoding ingest, decode again and look at."""

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from config.settings import Settings
from decoders.mapping import DeviceMapping
from decoders.readings import KINDS
from decoders.uplink import Uplink, UplinkFlag
from ingest.delivery import Delivery
from ingest.preparation import Preparation
from stadtfunk.decoding import registry
from stadtfunk.redecode import Effort, Redecoded, redecode, undo
from storage.database import Role, connect
from storage.redecode import Run, Selection
from storage.writer import Writer
from tests.support.store import Rows, Store

START = datetime(2026, 6, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
END = START + timedelta(days=60)

PROBE = "a" * 16
METER = "b" * 16
NOBODY = "c" * 16
BRIDGE = "f" * 16

DECODERS = '''
from dataclasses import replace
from datetime import timedelta
from decoders.decoder import Assembly, Decoder, Fragment, Joined
from decoders.errors import DecodeError, RejectReason
from decoders.readings import DeviceHealth, HeatMeter, QualityFlag, TreeMoisture

def probe(uplink, data):
    if uplink.f_port == 2:
        return datalog(uplink, data)
    moisture, temperature = data.u16() / 100, data.i16() / 100
    if moisture > WETTEST:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "wetter than water")
    if BROKEN:
        raise ZeroDivisionError
    soil = TreeMoisture.of(uplink, soil_moisture=moisture, soil_temperature=temperature + OFFSET)
    return (soil, DeviceHealth.of(uplink, battery_voltage=3.6)) if HEALTH else (soil,)

def datalog(uplink, data):
    """Samples, the live one first; FORGETS leaves the live one of odd frames out."""
    found = []
    while data.remaining:
        minutes, moisture = data.u16(), data.u16() / 100
        if minutes == 0 and FORGETS and uplink.f_cnt % 2:
            continue
        at = uplink.observed_at - timedelta(minutes=minutes)
        flags = QualityFlag.HISTORY if minutes else QualityFlag(0)
        found.append(TreeMoisture.of(uplink, soil_moisture=moisture + LOGGED, observed_at=at, flags=flags))
    return found

def meter(uplink, data):
    return [HeatMeter.of(uplink, subject=data.take(4).hex(), energy=data.u32() / ENERGY)]

def parts(uplink, data):
    """A telegram in parts: set, index, number of parts, and its piece."""
    if uplink.f_port == 5:
        return meter(uplink, data)
    found = Fragment(str(data.u8()), data.u8(), data.u8())
    data.rest()
    return found

def join(uplinks):
    sets = {}
    for one in uplinks:
        if one.f_port == 4:
            sets.setdefault(one.payload[0], {})[one.payload[1]] = one
    for found in sets.values():
        if len(found) == found[min(found)].payload[2]:
            ordered = [found[index] for index in sorted(found)]
            whole = b"".join(one.payload[3:] for one in ordered)
            yield Joined(replace(ordered[-1], payload=whole, f_port=5), tuple(ordered))

DECODERS = (
    Decoder(name="test_parts", version=VERSION, vendor="Test", model="Parts", function=parts, kinds=(HeatMeter,),
            source="the test", profiles=(PROFILE,), assembly=Assembly(join, timedelta(hours=2))),
    Decoder(name="test_probe", version=VERSION, vendor="Test", model="Probe", function=probe,
            kinds=(TreeMoisture, DeviceHealth), source="the test", profiles=("probe",)),
    Decoder(name="test_meter", version=VERSION, vendor="Test", model="Meter", function=meter,
            kinds=(HeatMeter,), source="the test", profiles=("meter",)),
)
'''

DEFAULTS: dict[str, object] = {
    "VERSION": 1, "OFFSET": 0, "HEALTH": True, "WETTEST": 100, "BROKEN": False, "FORGETS": False, "LOGGED": 0,
    "ENERGY": 1, "PROFILE": "parts",
}  # fmt: skip

TABLES = {
    **{kind.kind: f"SELECT * FROM {kind.kind} ORDER BY device_id, subject, channel, observed_at" for kind in KINDS},
    "uplink": "SELECT device_id, ns_time, f_cnt, decoder_id, outcome FROM uplink ORDER BY 1, 2, 3",
    "device_state": "SELECT device_id, outcome FROM device_state ORDER BY device_id",
    "rejected": "SELECT id, reason, dev_eui, resolved_at IS NULL AS open FROM rejected ORDER BY id",
}


@dataclass
class City:
    """A database, decoder files in a folder, and a mapping."""

    store: Store
    folder: Path
    mapping: dict[str, Any] = field(default_factory=dict)
    codecs: dict[str, Any] = field(default_factory=dict)
    effort: Effort = field(default_factory=lambda: Effort(workers=0, chunk=10))

    def decoders(self, **differences: object) -> None:
        """Write the decoders; by default version 1 of them."""
        values = DEFAULTS | differences
        head = "\n".join(f"{name} = {value!r}" for name, value in values.items())
        (self.folder / "decoders_of_the_test.py").write_text(f"{head}\n{DECODERS}")

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "database": self.store.settings.model_dump(),
                "decoder_folders": [self.folder],
                "mapping": self.mapping,
                "codecs_folder": self.folder,
                "codecs": self.codecs,
                "retention": {"readings_household": None},
            }
        )

    def ingest(self, uplinks: Iterable[Uplink]) -> None:
        """Store uplinks as the service does, one transaction each, so that the first of two wins."""
        mapping = DeviceMapping(self.settings.mapping, registry(self.settings))
        batch = list(uplinks)
        preparation = Preparation({"city": lambda delivery: batch[int(delivery.topic)]}, mapping)
        records = [
            preparation.prepare(Delivery("city", str(n), one.payload, one.received_at)) for n, one in enumerate(batch)
        ]

        async def scenario() -> None:
            writer = Writer(partial(connect, self.store.settings, role=Role.INGEST), pipelined=not self.store.timescale)
            try:
                for start in range(0, len(records), 500):
                    await writer.write(records[start : start + 500])
            finally:
                await writer.close()

        asyncio.run(scenario())

    def redecode(self, *, dry_run: bool = False, **selected: Any) -> Redecoded:
        selection = Selection(**{"since": START - 400 * HOUR, "until": END} | selected)
        return asyncio.run(redecode(self.settings, selection, dry_run=dry_run, effort=self.effort))

    def undo(self, run: int) -> Run:
        return asyncio.run(undo(self.settings, run))

    def contents(self) -> dict[str, Rows]:
        """Everything that a run may change; readings with every column."""
        return {name: self.store.execute(query) for name, query in TABLES.items()}

    def values(self, column: str, kind: str = "tree_moisture") -> list[Any]:
        found = self.store.execute(f"SELECT {column} FROM {kind} ORDER BY device_id, subject, channel, observed_at")
        return [row[column] for row in found]

    def rollups(self) -> dict[str, Rows]:
        return {
            f"{kind.kind}_{width}": self.store.execute(
                f"SELECT * FROM {kind.kind}_{width} ORDER BY device_id, subject, channel, bucket"
            )
            for kind in KINDS
            for width in ("hourly", "daily")
        }


def uplink(f_cnt: int, payload: bytes, *, dev_eui: str = PROBE, at: datetime | None = None, port: int = 1) -> Uplink:
    """Frame number `f_cnt`, one each 20 minutes."""
    time = START + f_cnt * 20 * MINUTE if at is None else at
    profile = {PROBE: "probe", METER: "meter", BRIDGE: "parts"}.get(dev_eui, "nobody's")
    return Uplink(
        "city", dev_eui, f_cnt, port, payload, ns_time=time, received_at=time + timedelta(seconds=1),
        event_time=time, device_profile=profile, dev_addr="01020304", frequency=868_100_000,
    )  # fmt: skip


def soil(f_cnt: int, moisture: float = 20.0, temperature: float = 12.5, *, dev_eui: str = PROBE) -> Uplink:
    payload = struct.pack(">Hh", round(moisture * 100), round(temperature * 100))
    return uplink(f_cnt, payload, dev_eui=dev_eui)


def energy(f_cnt: int, value: int, *, subject: str = "64313374") -> Uplink:
    return uplink(f_cnt, bytes.fromhex(subject) + struct.pack(">I", value), dev_eui=METER)


def log(f_cnt: int, *samples: tuple[int, float]) -> Uplink:
    """A datalog: (minutes ago, moisture), the live sample first."""
    return uplink(f_cnt, b"".join(struct.pack(">HH", ago, round(value * 100)) for ago, value in samples), port=2)


def telegram(number: int, value: int, *f_cnts: int) -> list[Uplink]:
    """A meter's telegram in as many parts as there are frames."""
    whole = bytes.fromhex("64313374") + struct.pack(">I", value)
    pieces = [whole[:3], whole[3:]] if len(f_cnts) == 2 else [whole[:3], whole[3:5], whole[5:]]
    return [
        uplink(f_cnt, bytes([number, index, len(f_cnts)]) + piece, dev_eui=BRIDGE, port=4)
        for index, (f_cnt, piece) in enumerate(zip(f_cnts, pieces, strict=True))
    ]


def encrypted(one: Uplink) -> Uplink:
    return replace(one, flags=UplinkFlag.ENCRYPTED)
