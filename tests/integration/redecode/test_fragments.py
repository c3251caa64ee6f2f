"""Telegrams in parts: decoded again as one, wherever chunks cut them, with the outcomes that the pipeline gives."""

import asyncio
from functools import partial

from decoders.mapping import DeviceMapping
from decoders.uplink import Uplink
from ingest.assembly import whole_sets
from stadtfunk.decoding import registry
from stadtfunk.redecode import Effort
from storage.database import Role, connect
from storage.fragments import Span
from storage.writer import Writer
from tests.integration.redecode.city import BRIDGE, END, START, City, telegram


def story() -> list[Uplink]:
    """Two complete sets, one of them over a chunk's edge, and one that lacks its end."""
    return [*telegram(1, 4000, 0, 1), *telegram(2, 5000, 2, 4, 5), *telegram(3, 6000, 7, 8)[:1]]


def assemble(city: City) -> None:
    """As the pipeline does after a commit."""

    async def scenario() -> None:
        writer = Writer(partial(connect, city.store.settings, role=Role.INGEST), pipelined=not city.store.timescale)
        try:
            mapping = DeviceMapping(city.settings.mapping, registry(city.settings))
            for records in await whole_sets(writer, mapping, {BRIDGE: Span(START, END)}):
                await writer.write(records, redecode=True)
        finally:
            await writer.close()

    asyncio.run(scenario())


def outcomes(city: City) -> list[str]:
    return [row["outcome"] for row in city.contents()["uplink"]]


def test_the_pipelines_result_is_no_difference(city: City) -> None:
    city.ingest(story())
    assemble(city)
    assert city.values("energy", "heat_meter") == [4000.0, 5000.0]
    for chunk in (1, 2, 3, 100):
        city.effort = Effort(workers=0, chunk=chunk)
        assert not city.redecode(dry_run=True).tally.changes_something


def test_a_new_version_decodes_whole_telegrams(city: City) -> None:
    city.ingest(story())
    assemble(city)
    city.decoders(VERSION=2, ENERGY=1000)
    for chunk in (1, 100):
        city.effort = Effort(workers=0, chunk=chunk)
        done = city.redecode()
        assert done.tally.kinds["heat_meter"].change == 2
        assert city.values("energy", "heat_meter") == [4.0, 5.0]
        assert done.run is not None
        city.undo(done.run.id)


def test_telegrams_of_an_orphan_become_readings(city: City) -> None:
    city.ingest(story())
    assemble(city)
    expected = outcomes(city)
    city.store.wipe()
    city.decoders(PROFILE="other")
    city.ingest(story())
    assert city.values("energy", "heat_meter") == []
    city.mapping = {"devices": {BRIDGE: "test_parts"}}
    city.effort = Effort(workers=0, chunk=3)
    city.redecode()
    assert city.values("energy", "heat_meter") == [4000.0, 5000.0]
    assert outcomes(city) == expected == ["decoded"] * 5 + ["fragment"]
