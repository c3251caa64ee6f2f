"""A DATEX II feed over real HTTPS with client certificates: deltas, cursor, catch-up, and what feeds do wrong."""

import json
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from alerts.charging.sources import ChargingSources
from alerts.charging.status import EvseState
from alerts.charging.store import find_evse, sync_bays
from storage.asset_rows import asset_rows
from storage.assets import import_assets
from storage.database import Role, connect
from tests.support.certificates import CertificateAuthority
from tests.support.cpo import serving

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class Feed:
    """Messages in order; each is given to who has the one before it. Knows nothing of how we read it."""

    def __init__(self):
        self.messages: list[tuple[str, object]] = []
        self.asked: list[str] = []
        self.status = 0
        self.static: object = None

    def publish(self, *points):
        stamp = f"Tue, 24 Nov 2026 06:{len(self.messages):02d}:00 GMT"
        self.messages.append((stamp, message(START + timedelta(minutes=len(self.messages)), points)))

    async def pull(self, request):
        cursor = request.headers.get("if-modified-since", "")
        self.asked.append(cursor)
        if self.status:
            return Response(status_code=self.status)
        stamps = [stamp for stamp, _ in self.messages]
        following = stamps.index(cursor) + 1 if cursor in stamps else 0
        if following >= len(stamps):
            return Response(status_code=304)
        stamp, content = self.messages[following]
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Response(body, media_type="application/json", headers={"Last-Modified": stamp})

    async def reference(self, request):
        return Response(json.dumps(self.static), media_type="application/json")

    @property
    def app(self):
        return Starlette(routes=[Route("/subscription", self.pull), Route("/static", self.reference)])


def message(published, points):
    entries = [
        {"aegiRefillPointStatus": {"reference": {"idG": own}, "status": {"value": word}}} for own, word in points
    ]
    station = {"reference": {"idG": "ST"}, "refillPointStatus": entries}
    site = {"reference": {"idG": "SITE"}, "energyInfrastructureStationStatus": [station]}
    publication = {"publicationTime": published.isoformat(), "energyInfrastructureSiteStatus": [site]}
    return {"messageContainer": {"payload": [{"aegiEnergyInfrastructureStatusPublication": publication}]}}


class Stage:
    def __init__(self, feed, sources, connection, registry):
        self.feed, self.sources, self.connection, self.registry = feed, sources, connection, registry
        [self.source] = sources._polled.values()

    async def rows(self, query):
        return await (await self.connection.execute(query)).fetchall()

    async def statuses(self):
        return await self.rows(
            "SELECT evse_key, status, at FROM evse_status s JOIN evse e ON e.id = s.evse_id ORDER BY s.id"
        )

    async def contacts(self):
        return len(await self.rows("SELECT FROM evse_contact WHERE source = 'afir'"))


@pytest.fixture
def make_feed(tmp_path, database_settings):
    @asynccontextmanager
    async def make(*, with_certificate=True, **options):
        authority = CertificateAuthority(tmp_path)
        server, client = authority.issue("feed"), authority.issue("city")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca_file))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(server.cert_file, server.key_file)
        feed, registry = Feed(), CollectorRegistry()
        connector = partial(connect, database_settings, role=Role.ALERTS)
        async with serving(feed.app, tls=context) as url, await connector() as connection:
            tls = {"ca_file": authority.ca_file}
            if with_certificate:
                tls |= {"cert_file": client.cert_file, "key_file": client.key_file}
            static = {"static_url": f"{url}/static"} if options.pop("static", False) else {}
            settings = ChargingSettings(
                datex2={
                    "afir": {
                        "url": f"{url}/subscription?subscriptionID=7",
                        "tls": tls,
                        "allow_hosts": ["127.0.0.1"],
                        "timeout_seconds": 5,
                        **static,
                        **options,
                    }
                }
            )
            sources = ChargingSources(settings, connector, ChargingMetrics(registry))
            try:
                yield Stage(feed, sources, connection, registry)
            finally:
                await sources.close()

    return make


@pytest.fixture
async def bays(database_settings):
    """Two bays that make their charge points known."""
    rows = [
        {"kind": "bay", "key": f"B{number}", "attributes": {"mapping": "FIXED", "evses": [f"DE*MZX*ELS01*{number}"]}}
        for number in (1, 2)
    ]
    async with await connect(database_settings, role=Role.PORTAL) as connection:
        await import_assets(connection, asset_rows(rows))
        await sync_bays(connection, START)


async def test_the_feed_is_caught_up_with_in_one_poll(make_feed, bays):
    async with make_feed() as on:
        on.feed.publish(("DE*MZX*ELS01*1", "available"), ("DE*MZX*ELS01*2", "available"))
        on.feed.publish(("DE*MZX*ELS01*1", "charging"))
        on.feed.publish(("DE*MZX*ELS01*2", "outOfOrder"))
        await on.source.poll()
        assert await on.statuses() == [
            ("DEMZXELS011", "IDLE", START),
            ("DEMZXELS012", "IDLE", START),
            ("DEMZXELS011", "IN_USE", START + timedelta(minutes=1)),
            ("DEMZXELS012", "DOWN", START + timedelta(minutes=2)),
        ]
        assert await on.contacts() == 1
        assert len(on.feed.asked) == 4, "three messages, and that there is nothing newer"


async def test_the_cursor_is_ours_and_survives(make_feed, bays):
    async with make_feed() as on:
        on.feed.publish(("DE*MZX*ELS01*1", "available"))
        await on.source.poll()
        on.feed.asked.clear()
        await on.source.poll()
        assert on.feed.asked == ["Tue, 24 Nov 2026 06:00:00 GMT"]
        assert (await on.rows("SELECT state ->> 'cursor' FROM charging_link")) == [("Tue, 24 Nov 2026 06:00:00 GMT",)]


async def test_an_unchanged_publication_is_no_change(make_feed, bays):
    async with make_feed() as on:
        for _ in range(3):
            on.feed.publish(("DE*MZX*ELS01*1", "available"), ("DE*MZX*ELS01*2", "charging"))
        await on.source.poll()
        assert len(await on.statuses()) == 2


async def test_only_known_charge_points_of_a_country_are_kept(make_feed, bays):
    async with make_feed() as on:
        on.feed.publish(("DE*XYZ*E1", "available"), ("DE*MZX*ELS01*1", "available"))
        await on.source.poll()
        assert [key for key, *_ in await on.statuses()] == ["DEMZXELS011"]
        assert (await find_evse(on.connection, "DEMZXELS011")).source == "afir", "its contacts are the feed's"
        assert await find_evse(on.connection, "DEXYZE1") is None


async def test_all_of_them_where_that_is_wanted(make_feed):
    async with make_feed(everything=True) as on:
        on.feed.publish(("DE*XYZ*E1", "available"))
        await on.source.poll()
        assert [key for key, *_ in await on.statuses()] == ["DEXYZE1"]


async def test_ids_are_learned_from_the_static_data(make_feed, bays):
    async with make_feed(static=True) as on:
        on.feed.static = {
            "x": [
                {
                    "aegiElectricChargingPoint": {
                        "idG": f"uuid-{number}",
                        "externalIdentifier": {
                            "typeOfIdentifier": {"extendedValueG": "evseId"},
                            "identifier": f"DE*MZX*ELS01*{number}",
                        },
                    }
                }
                for number in (1, 2, 3)
            ]
        }
        on.feed.publish(("uuid-2", "charging"))
        await on.source.poll()
        assert [row[:2] for row in await on.statuses()] == [("DEMZXELS012", "IN_USE")]
        [(ids,)] = await on.rows("SELECT state -> 'ids' FROM charging_link")
        assert set(ids) == {"uuid-1", "uuid-2"}


@pytest.mark.parametrize(("status", "kind"), [(500, "server"), (403, "unauthorised"), (404, "refused")])
async def test_a_feed_that_fails_proves_nothing(make_feed, bays, status, kind):
    async with make_feed() as on:
        on.feed.status = status
        with pytest.raises(SourceError) as failed:
            await on.source.poll()
        assert failed.value.kind is ErrorKind(kind)
        assert await on.contacts() == 0


async def test_a_message_that_is_no_json_is_told_and_not_skipped(make_feed, bays):
    async with make_feed() as on:
        on.feed.messages.append(("Tue, 24 Nov 2026 05:00:00 GMT", b"<xml/>"))
        with pytest.raises(SourceError) as failed:
            await on.source.poll()
        assert failed.value.kind is ErrorKind.MALFORMED
        assert await on.contacts() == 0


async def test_a_feed_without_end_is_left(make_feed, bays):
    async with make_feed(max_messages=3) as on:
        for _ in range(5):
            on.feed.publish(("DE*MZX*ELS01*1", "available"))
        with pytest.raises(SourceError):
            await on.source.poll()
        assert await on.contacts() == 0, "what it said last is old"
        await on.source.poll()
        assert await on.contacts() == 1


async def test_without_our_certificate_nothing_is_answered(make_feed, bays):
    async with make_feed(with_certificate=False) as on:
        with pytest.raises(SourceError) as failed:
            await on.source.poll()
        assert failed.value.kind is ErrorKind.UNREACHABLE
        assert on.feed.asked == []


async def test_asking_again_before_an_alert(make_feed, bays):
    async with make_feed() as on:
        on.feed.publish(("DE*MZX*ELS01*1", "available"))
        await on.source.poll()
        on.feed.publish(("DE*MZX*ELS01*1", "charging"))
        event = await on.sources.recheck("DEMZXELS011")
        assert (event.status, event.source) == (EvseState.IN_USE, "recheck")
        on.feed.status = 500
        event = await on.sources.recheck("DEMZXELS011")
        assert event.status is EvseState.UNKNOWN
