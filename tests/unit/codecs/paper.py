"""Codecs, uplinks and a pool of paper: what the sandbox answers is what a test says."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from decoders.codec_readings import CodecReadings
from decoders.codec_settings import ReadingSettings
from decoders.decoder import Decoder
from decoders.javascript import CodecCall, CodecFailure, CodecResult, CodecSource
from decoders.mapping import DeviceMapping
from decoders.normalised import NormalisedReadings
from decoders.registry import Entry, Registry
from decoders.settings import MappingSettings
from decoders.uplink import Uplink
from decoders.vendor_codec import VendorCodec
from ingest.delivery import Delivery
from ingest.preparation import Preparation

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SOIL = {"kind": "tree_moisture", "fields": {"soil_moisture": "m"}}
HEAT = {"kind": "heat_meter", "fields": {"energy": "m"}}
Answer = Callable[[CodecCall], CodecResult]


def vendor_codec(*readings: dict[str, object], name: str = "acme_probe", source: str = "") -> VendorCodec:
    """A codec with a map, or with the normalised vocabulary without one."""
    found = (
        CodecReadings([ReadingSettings.model_validate(one) for one in readings]) if readings else NormalisedReadings()
    )
    return VendorCodec(CodecSource(name, source), found, variables={}, normalised=not readings)


def decoder(*readings: dict[str, object], name: str = "acme_probe", f_ports: tuple[int, ...] = ()) -> Decoder:
    """The decoder of such a codec."""
    codec = vendor_codec(*readings, name=name)
    return Decoder(name, 1, "", "", codec.decode, codec.kinds, "paper", profiles=(name,), f_ports=f_ports, codec=codec)


def registry(*decoders: Decoder) -> Registry:
    """A registry of nothing else."""
    entries = {one.name: Entry(one, Path(f"{one.name}.js"), "0" * 12) for one in decoders}
    return Registry(entries, {profile: entries[one.name] for one in decoders for profile in one.profiles})


def uplink(number: int, *, profile: str = "acme_probe", f_port: int = 2) -> Uplink:
    payload = number.to_bytes(2, "big")
    return Uplink("city", f"{number:016x}", 1, f_port, payload, ns_time=AT, received_at=AT, device_profile=profile)


def delivery(number: int, profile: str = "acme_probe") -> Delivery:
    return Delivery("city", f"{profile}/{number}", b"raw", AT, qos=1, epoch=1, packet_id=number)


def parse(one: Delivery) -> Uplink:
    profile, _, number = one.topic.partition("/")
    return uplink(int(number), profile=profile)


def preparation(*decoders: Decoder) -> Preparation:
    return Preparation({"city": parse}, DeviceMapping(MappingSettings(), registry(*decoders)))


def echo(call: CodecCall) -> CodecResult:
    """The payload's number as the measured value."""
    return CodecResult({"m": int.from_bytes(call.payload, "big")})


def failing(failure: CodecFailure) -> Answer:
    return lambda call: CodecResult(errors=("boom",), failure=failure)


class PaperPool:
    """Answers like the sandbox; waits for `gate` where one is given."""

    def __init__(self, answer: Answer = echo, gate: asyncio.Event | None = None) -> None:
        self.answer = answer
        self.gate = gate
        self.requests: list[int] = []
        self.closed = False

    async def run(self, calls: Sequence[CodecCall]) -> list[CodecResult]:
        self.requests.append(len(calls))
        if self.gate is not None:
            await self.gate.wait()
        return [self.answer(call) for call in calls]

    async def close(self) -> None:
        self.closed = True
