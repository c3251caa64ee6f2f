"""Hostile codecs in a running service: they cost their own uplinks, which are kept raw, and nobody else anything."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import httpx2

from tests.integration.codecs.city import WEBHOOK, rows, send
from tests.support.service import Service

ADVERSARIAL = Path(__file__).parents[2] / "codecs" / "adversarial"
LSE01 = "ce2900f107a5099b6e2890"
HOSTILE = ("endless", "throwing_getter", "native_search", "huge_result", "odd_values")
PROFILES = {name: name for name in HOSTILE}
REASONS = "SELECT reason, count(*) FROM rejected GROUP BY 1"


def service(folder: Path, database: str) -> Service:
    """A city that has dropped hostile files into its folder."""
    made = Service(folder, database, [], settings=WEBHOOK | {"mapping": {"profiles": PROFILES}})
    (folder / "codecs").mkdir()
    for name in HOSTILE:
        shutil.copy(ADVERSARIAL / f"{name}.js", folder / "codecs")
    return made


def test_each_costs_its_own_uplinks(tmp_path: Path, database: str) -> None:
    async def scenario() -> None:
        async with service(tmp_path / "city", database) as made:
            await made.ready()
            for f_cnt in range(8):
                await send(made, f_cnt, "0102", profile="endless", dev_eui=f"{1:016x}")
            for f_cnt, name in enumerate(HOSTILE[1:], 100):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(send(made, f_cnt, "0102", profile=name, dev_eui=f"{f_cnt:016x}"))
                    tasks.create_task(send(made, f_cnt, LSE01, profile="LSE01", dev_eui=f"{1000 + f_cnt:016x}"))
            found = Counter(dict(rows(database, REASONS)))
            assert (found["codec_overrun"], found["codec_quarantined"], found["codec_killed"]) == (5, 3, 1)
            assert sum(found.values()) == 12
            assert rows(database, "SELECT count(*) FROM tree_moisture") == [(4,)]
            assert rows(database, "SELECT count(*) FROM uplink") == [(16,)]
            metrics = await made.metrics()
            assert metrics.value("codec_quarantined", codec="endless") == 1
            assert "codec_quarantined" in made.log()
            made.terminate()
            assert await made.exit_code() == 0

    asyncio.run(scenario())


def test_a_codec_that_hangs_does_not_hold_up_the_end_and_loses_nothing(tmp_path: Path, database: str) -> None:
    async def scenario() -> None:
        async with service(tmp_path / "city", database) as made:
            await made.ready()
            posts = [asyncio.ensure_future(send(made, f_cnt, "0102", profile="native_search")) for f_cnt in range(4)]
            await received(made, 4)
            made.terminate()
            assert await made.exit_code() == 0
            answers = await asyncio.gather(*posts, return_exceptions=True)
            accepted = sum(answer is None for answer in answers)
            assert all(answer is None or isinstance(answer, httpx2.HTTPError) for answer in answers)
            made.start()
            await made.ready()
            await drained(made)
            [(stored,)] = rows(database, "SELECT count(*) FROM uplink")
            assert stored >= accepted
            made.terminate()
            assert await made.exit_code() == 0

    async def received(made: Service, count: int) -> None:
        async with asyncio.timeout(30):
            while (await made.metrics())["received_messages_total"] < count:
                await asyncio.sleep(0.01)

    async def drained(made: Service) -> None:
        async with asyncio.timeout(60):
            while (await made.metrics())["spool_messages"]:
                await asyncio.sleep(0.05)

    asyncio.run(scenario())
