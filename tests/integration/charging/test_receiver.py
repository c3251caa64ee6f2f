"""The Locations receiver, pushed to by the independent operator over real HTTP."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from alerts.charging.metrics import ChargingMetrics
from alerts.charging.settings import ChargingSettings
from stadtfunk.demo.cpo import location, written
from tests.integration.charging.conftest import TOKEN_FOR_OPERATORS
from tests.support.portal import open_portal

pytestmark = pytest.mark.anyio

KEY = "DEMZXELS011"
NOW = datetime.now(UTC)


@pytest.fixture
def make_partner(make_stage):
    """The stage with an operator that has registered and pushed its first location."""

    @asynccontextmanager
    async def make(**options):
        async with make_stage(**options) as on:
            await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)
            assert (await on.cpo.push("PUT", ("LS01",))).status == 201
            yield on

    return make


async def send(on, method, path, *, body=None, content=None, headers=None):
    url = f"{on.settings.public_url}/ocpi/2.2.1/locations/{path}"
    sent = {"Authorization": f"Token {on.cpo.partner.token}", **(headers or {})}
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.request(method, url, headers=sent, json=body, content=content)


def codes(answer):
    return answer.status_code, answer.json()["status_code"]


async def test_a_location_gives_its_charge_points_and_their_statuses(make_partner):
    async with make_partner() as on:
        assert await on.statuses() == [
            ("DEMZXELS011", "IDLE", "AVAILABLE", "stadtwerke"),
            ("DEMZXELS012", "IDLE", "AVAILABLE", "stadtwerke"),
        ]
        assert (await on.cpo.push("PUT", ("LS01",))).status == 200, "the second time it is known"
        assert len(await on.statuses()) == 2


async def test_a_pushed_status_is_stored_with_both_times_and_a_contact(make_partner):
    async with make_partner() as on:
        at = datetime.now(UTC) - timedelta(seconds=7)
        on.cpo.set_status("LS01-1", "AVAILABLE", at - timedelta(seconds=60))
        await on.cpo.push("PUT", ("LS01",))
        assert (await on.cpo.change("LS01-1", "CHARGING", at)).code == 1000
        cursor = await on.connection.execute(
            "SELECT status, at, received_at - at < '60 s' FROM evse_status ORDER BY id DESC LIMIT 1"
        )
        status, stored, soon = await cursor.fetchone()
        assert (status, soon) == ("IN_USE", True)
        assert abs(stored - at) < timedelta(milliseconds=1)
        assert await on.contacts() >= 1


async def test_what_was_pushed_can_be_read_back(make_partner):
    async with make_partner() as on:
        known = await on.cpo.read_back("LS01")
        assert {**known, "last_updated": ""} == {**on.cpo.locations["LS01"], "last_updated": ""}
        assert (await on.cpo.read_back("ls01", "ls01-2"))["evse_id"] == "DE*MZX*ELS01*2", "ids ignore case"
        assert (await on.cpo.read_back("LS01", "LS01-1", "1"))["standard"] == "IEC_62196_T2"
        for path in (("LS99",), ("LS01", "X"), ("LS01", "LS01-1", "9")):
            assert await on.cpo.read_back(*path) is None
        assert on.cpo.violations == []


async def test_unknown_objects_are_404_so_that_the_operator_puts_them(make_partner):
    async with make_partner() as on:
        patch = {"status": "CHARGING", "last_updated": written(NOW)}
        for path in (("LS02", "LS02-1"), ("LS01", "LS01-9"), ("LS01", "LS01-1", "9"), ("LS02",)):
            assert await on.cpo.push("PATCH", path, patch) == (await on.cpo.push("PATCH", path, patch))
            assert codes(await send(on, "PATCH", "/".join(("DE/MZX", *path)), body=patch)) == (404, 2003)
        assert (await on.cpo.push("PUT", ("LS02",))).status == 201
        assert (await on.cpo.change("LS02-1", "CHARGING")).code == 1000


async def test_a_patch_needs_its_time(make_partner):
    async with make_partner() as on:
        for path in ("LS01", "LS01/LS01-1", "LS01/LS01-1/1"):
            assert codes(await send(on, "PATCH", f"DE/MZX/{path}", body={"status": "CHARGING"})) == (200, 2001)
        body = {"status": "CHARGING", "last_updated": "yesterday"}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01/LS01-1", body=body)) == (200, 2001)


async def test_an_older_update_changes_nothing(make_partner):
    async with make_partner() as on:
        await on.cpo.change("LS01-1", "CHARGING", NOW)
        old = {"status": "OUTOFORDER", "last_updated": written(NOW - timedelta(hours=1))}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01/LS01-1", body=old)) == (200, 1000)
        assert (await on.statuses())[-1][1] == "IN_USE"
        assert (await on.cpo.read_back("LS01", "LS01-1"))["status"] == "CHARGING"


async def test_a_time_far_ahead_silences_no_later_update(make_partner):
    async with make_partner() as on:
        ahead = {"status": "AVAILABLE", "last_updated": written(NOW + timedelta(days=400))}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01/LS01-1", body=ahead)) == (200, 1000)
        later = {"status": "CHARGING", "last_updated": written(datetime.now(UTC) + timedelta(seconds=1))}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01/LS01-1", body=later)) == (200, 1000)
        assert (await on.statuses())[-1][:2] == ("DEMZXELS011", "IN_USE")


async def test_an_update_of_a_part_moves_the_whole_forward(make_partner):
    async with make_partner() as on:
        at = written(NOW + timedelta(seconds=1))
        patch = {"max_amperage": 16, "last_updated": at}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01/LS01-1/1", body=patch)) == (200, 1000)
        known = await on.cpo.read_back("LS01")
        times = [known["last_updated"], known["evses"][-1]["last_updated"]]
        assert known["evses"][-1]["connectors"][0]["max_amperage"] == 16
        assert all(datetime.fromisoformat(one) >= NOW for one in times)


async def test_evses_and_connectors_can_be_put(make_partner):
    async with make_partner() as on:
        evse = {**on.cpo.locations["LS01"]["evses"][0], "uid": "LS01-3", "evse_id": "DE*MZX*ELS01*3"}
        assert codes(await send(on, "PUT", "DE/MZX/LS01/LS01-3", body=evse)) == (201, 1000)
        connector = {**evse["connectors"][0], "id": "2"}
        assert codes(await send(on, "PUT", "DE/MZX/LS01/LS01-3/2", body=connector)) == (201, 1000)
        assert codes(await send(on, "PUT", "DE/MZX/LS01/LS01-3/2", body=connector)) == (200, 1000)
        assert ("DEMZXELS013", "IDLE", "AVAILABLE", "stadtwerke") in await on.statuses()
        assert len((await on.cpo.read_back("LS01", "LS01-3"))["connectors"]) == 2
        assert codes(await send(on, "PUT", "DE/MZX/LS77/LS01-3", body=evse)) == (404, 2003)


@pytest.mark.parametrize("word", ["REMOVED", "PLANNED"])
async def test_a_removed_charge_point_is_out_of_service(make_partner, word):
    async with make_partner() as on:
        await on.cpo.change("LS01-1", word)
        assert (await on.statuses())[-1][:3] == (KEY, "OUT_OF_SERVICE", word)


async def test_an_open_enumeration_never_fails(make_partner):
    async with make_partner() as on:
        assert (await on.cpo.change("LS01-1", "DREAMING")).code == 1000
        assert (await on.statuses())[-1][:3] == (KEY, "UNKNOWN", "DREAMING")


async def test_other_ids_in_url_and_body_are_2001(make_partner):
    async with make_partner() as on:
        whole = on.cpo.locations["LS01"]
        for path, body in (
            ("LS02", whole),
            ("LS01/LS01-9", whole["evses"][0]),
            ("LS01/LS01-1/7", whole["evses"][0]["connectors"][0]),
        ):
            assert codes(await send(on, "PUT", f"DE/MZX/{path}", body=body)) == (200, 2001)


async def test_another_party_is_404(make_partner):
    async with make_partner() as on:
        stranger = location("LS01", ["DE*ABC*E1"], party=("DE", "ABC"))
        assert codes(await send(on, "PUT", "DE/ABC/LS01", body=stranger)) == (404, 2000)
        assert codes(await send(on, "GET", "DE/ABC/LS01")) == (404, 2000)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b"[" * 100_000])
async def test_what_is_no_json_object_is_400(make_partner, content):
    async with make_partner() as on:
        assert codes(await send(on, "PUT", "DE/MZX/LS01", content=content)) == (400, 2000)


@pytest.mark.parametrize("missing", ["country_code", "party_id", "id", "last_updated"])
async def test_a_location_without_identity_or_time_is_2001(make_partner, missing):
    async with make_partner() as on:
        body = {key: value for key, value in on.cpo.locations["LS01"].items() if key != missing}
        assert codes(await send(on, "PUT", "DE/MZX/LS01", body=body)) == (200, 2001)


async def test_the_specifications_own_faulty_examples_and_2_3_0_are_taken(make_partner):
    async with make_partner() as on:
        body = location("LS03", ["DE*MZX*ELS03*1"])
        evse = body["evses"][0]
        evse |= {"physical_reference": 3, "floor_level": -1, "parking": [{"parking_id": "P1", "evse_position": "LEFT"}]}
        del evse["connectors"][0]["format"]
        body |= {
            "help_phone": "+49",
            "parking_places": [{"id": "P1", "time_limit": 120}],
            "last_updated": "2026-11-24T06:00:00",
        }
        assert codes(await send(on, "PUT", "DE/MZX/LS03", body=body)) == (201, 1000)
        assert (await on.cpo.read_back("LS03", "LS03-1"))["physical_reference"] == 3


async def test_an_evse_that_cannot_be_read_does_not_hurt_its_neighbour(make_partner):
    async with make_partner() as on:
        body = location("LS03", ["DE*MZX*ELS03*1", "DE*MZX*ELS03*2"])
        del body["evses"][0]["status"]
        answer = await send(on, "PUT", "DE/MZX/LS03", body=body)
        assert codes(answer) == (201, 1000)
        assert "LS03-1" in answer.json()["status_message"]
        assert {row[0] for row in await on.statuses()} >= {"DEMZXELS032"}


async def test_a_nul_in_a_text_is_refused_and_not_an_error_of_ours(make_partner):
    async with make_partner() as on:
        body = {**on.cpo.locations["LS01"], "name": "a\0b"}
        assert codes(await send(on, "PUT", "DE/MZX/LS01", body=body)) == (200, 2001)


async def test_a_patched_location_keeps_what_was_not_named(make_partner):
    async with make_partner() as on:
        patch = {"name": "Neuer Name", "last_updated": written(NOW + timedelta(seconds=1))}
        assert codes(await send(on, "PATCH", "DE/MZX/LS01", body=patch)) == (200, 1000)
        known = await on.cpo.read_back("LS01")
        assert (known["name"], known["city"], len(known["evses"])) == ("Neuer Name", "Mainz", 2)


async def test_an_id_from_the_configuration_stands_for_a_uid(make_partner):
    async with make_partner(evse_ids={"LS01-1": "DE*MZX*E777"}) as on:
        assert {row[0] for row in await on.statuses()} == {"DEMZXE777", "DEMZXELS012"}


async def test_pushes_with_a_wrong_token_are_401_and_change_nothing(make_partner):
    async with make_partner() as on:
        before = await on.statuses()
        on.cpo.faults.push_token = "wrong"
        assert (await on.cpo.change("LS01-1", "CHARGING")).status == 401
        assert await on.statuses() == before


async def test_many_pushes_at_once_lose_nothing(make_partner):
    async with make_partner() as on:
        start = datetime.now(UTC) - timedelta(minutes=1)
        for number in range(20):
            words = ("CHARGING", "AVAILABLE")
            await asyncio.gather(
                *(on.cpo.change(f"LS01-{bay}", words[number % 2], start + timedelta(seconds=number)) for bay in (1, 2))
            )
        rows = [row[:2] for row in await on.statuses()]
        for key in ("DEMZXELS011", "DEMZXELS012"):
            assert [state for one, state in rows if one == key][1:] == ["IN_USE", "IDLE"] * 10


async def test_the_portal_itself_mounts_it_beside_its_pages(tmp_path, database_settings):
    token = tmp_path / "token"
    token.write_text(TOKEN_FOR_OPERATORS)
    settings = ChargingSettings(
        ocpi={"stadtwerke": {"versions_url": "https://cpo.example/ocpi/versions", "registration_token_file": token}},
        webhooks={"depot": {"token_file": token}},
        public_url="https://stadtfunk.example",
        state_dir=tmp_path,
    )
    parts = {ChargingSettings: settings, ChargingMetrics: ChargingMetrics(CollectorRegistry())}
    async with open_portal(database_settings, parts=parts) as portal:
        browser = portal.browser()
        refused = await browser.get("/ocpi/versions")
        assert (refused.status_code, refused.json()["status_code"]) == (401, 2000)
        opened = await browser.get("/ocpi/versions", headers={"Authorization": f"Token {TOKEN_FOR_OPERATORS}"})
        assert opened.json()["data"][0]["url"] == "https://stadtfunk.example/ocpi/2.2.1"
        bearer = {"Authorization": f"Bearer {TOKEN_FOR_OPERATORS}"}
        posted = await browser.post(
            "/charging/depot", json={"evse_id": "DE*MZX*E1", "status": "Available"}, headers=bearer
        )
        assert posted.json() == {"read": 1, "changed": 1, "refused": []}
    async with open_portal(database_settings, parts={ChargingSettings: ChargingSettings()}) as portal:
        assert (await portal.browser().get("/ocpi/versions")).status_code == 404
