"""docs/howto/vendor-codec.md and shadow.md, followed beside a running service: a file, a few lines, then readings."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import httpx2

from tests.integration.codecs.city import WEBHOOK, rows, send
from tests.integration.kit.page import Command, File, steps
from tests.support.service import Service

HOWTO = Path(__file__).parents[3] / "docs" / "howto"
PAYLOAD = "0bb80a8c04d2ffff"
SOIL = "SELECT r.channel, r.soil_moisture, r.flags FROM tree_moisture r ORDER BY r.uplink_f_cnt, r.channel"
WITHIN = 60.0


async def follow(page: Path, service: Service) -> None:
    """Write the page's files into the service's folder and run its commands there."""
    for step in steps(page):
        if isinstance(step, File):
            step.write(service.folder, add=step.path == service.file.name)
        else:
            await asyncio.to_thread(step.run, service.folder, {})


async def again_until(condition: Callable[[], Awaitable[bool]], speak: Callable[[int], Awaitable[None]], log) -> None:
    """The device speaks again and again, until what it says has arrived where it should."""
    deadline = monotonic() + WITHIN
    for f_cnt in range(100, 10_000):
        await speak(f_cnt)
        if await condition():
            return
        assert monotonic() < deadline, f"not within {WITHIN:.0f} s\n{log()[-2000:]}"
        await asyncio.sleep(0.2)


def test_a_file_and_a_few_lines_make_a_sensor_live(tmp_path: Path, database: str) -> None:
    async def scenario() -> None:
        async with Service(tmp_path / "city", database, [], settings=WEBHOOK) as service:
            await service.ready()
            await send(service, 1, PAYLOAD, profile="Acme S200")
            assert rows(database, SOIL) == []
            await follow(HOWTO / "vendor-codec.md", service)
            assert rows(database, SOIL) == [(0, 27.0, 0), (1, 12.34, 0), (2, None, 1)]
            assert rows(database, "SELECT battery_voltage FROM device_health") == [(3.0,)]
            used = rows(database, "SELECT name, version, length(file_hash) FROM decoder_version")
            assert used == [("acme_s200", 1, 12)]
            await again_until(live, lambda f_cnt: send(service, f_cnt, PAYLOAD, profile="Acme S200"), service.log)
            metrics = await service.metrics()
            assert metrics.value("codec_calls_total", codec="acme_s200", outcome="ok") >= 1
            service.terminate()
            assert await service.exit_code() == 0

    async def live() -> bool:
        """The running service, not only the command, has decoded."""
        return len(rows(database, SOIL)) > 3

    asyncio.run(scenario())


def test_the_page_has_what_this_follows() -> None:
    found = list(steps(HOWTO / "vendor-codec.md"))
    assert [step.path for step in found if isinstance(step, File)] == ["codecs/acme_s200.js", "stadtfunk.yaml"]
    commands = [step.line for step in found if isinstance(step, Command)]
    for beginning in ("codec run", "check-config", "decode", "rejected retry"):
        assert any(line.startswith(f"stadtfunk {beginning}") for line in commands), beginning


VENDOR = """
function decodeUplink(input) {
  var b = input.bytes;
  return {data: {water: ((b[4] << 8 | b[5]) / 100).toFixed(1), temperature: ((b[6] << 8 | b[7]) / 100).toFixed(2)}};
}
"""
MAP = {"kind": "tree_moisture", "fields": {"soil_moisture": "water", "soil_temperature": "temperature"}}
LSE01 = "ce2900f107a5099b6e2890"


def test_a_shadow_is_counted_and_stores_nothing(tmp_path: Path, database: str) -> None:
    async def scenario() -> None:
        settings = WEBHOOK | {"codecs": {"dragino_vendor": {"readings": [MAP]}}}
        service = Service(tmp_path / "city", database, [], settings=settings)
        (service.folder / "codecs").mkdir()
        (service.folder / "codecs" / "dragino_vendor.js").write_text(VENDOR)
        async with service:
            await service.ready()
            await follow(HOWTO / "shadow.md", service)

            async def compared() -> bool:
                return bool(await differences(service))

            await again_until(compared, lambda f_cnt: send(service, f_cnt, LSE01, profile="LSE01"), service.log)
            metrics = await service.metrics()
            labels = {"decoder": "dragino_lse01", "shadow": "dragino_vendor", "kind": "tree_moisture"}
            assert metrics.value("shadow_fields_total", **labels, field="soil_moisture", result="differ") >= 1
            assert metrics.value("shadow_fields_total", **labels, field="soil_temperature", result="agree") >= 1
            found = await differences(service)
            [moisture] = [one for one in found if one["field"] == "soil_moisture"][:1]
            assert (moisture["live"], moisture["beside"]) == (19.57, 19.6)
            assert "shadow_difference" in service.log()
            assert {name for (name,) in rows(database, "SELECT name FROM decoder_version")} == {"dragino_lse01"}
            service.terminate()
            assert await service.exit_code() == 0

    async def differences(service: Service) -> list[dict[str, object]]:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            answer = await client.get(f"http://127.0.0.1:{service.port}/shadow")
            found: list[dict[str, object]] = answer.json()["differences"]
            return found

    asyncio.run(scenario())
