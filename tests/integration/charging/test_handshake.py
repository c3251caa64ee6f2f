"""The handshake in both directions, with the independent operator; tokens are kept as the specification and we want."""

import stat

import httpx2
import pytest

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.ocpi.credentials import Handshake
from alerts.charging.ocpi.tokens import TokenFiles
from stadtfunk.demo.cpo import Cpo
from tests.integration.charging.conftest import TOKEN_FOR_OPERATORS

pytestmark = pytest.mark.anyio

ROLES = [{"country_code": "DE", "party_id": "MZX", "role": "CPO"}]


def handshake(on) -> Handshake:
    return Handshake("stadtwerke", on.settings, TokenFiles(on.settings.state_dir))


async def register(on):
    return await handshake(on).register(on.connection, on.services.clock())


@pytest.mark.parametrize("raw", [False, True])
async def test_we_register_with_an_operator(make_stage, raw):
    async with make_stage(cpo=Cpo(raw_tokens=raw), raw_token=raw) as on:
        link = await register(on)
        assert link.version == "2.2.1"
        assert link.locations_url == f"{on.cpo.base_url}/ocpi/2.2.1/locations"
        assert [(role.country_code, role.party_id, role.role) for role in link.roles] == [("DE", "MZX", "CPO")]
        assert on.cpo.partner is not None
        assert on.cpo.partner.receiver_url == f"{on.settings.public_url}/ocpi/2.2.1/locations"
        assert on.cpo.partner.roles[0]["role"] == "NSP"
        assert on.cpo.violations == []


async def test_tokens_lie_in_a_private_file_and_as_digests_only(make_stage):
    async with make_stage() as on:
        await register(on)
        file = on.settings.state_dir / "stadtwerke.token"
        assert file.read_text() == on.cpo.issued
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        kept = str(await on.state())
        assert on.cpo.issued not in kept
        assert on.cpo.partner.token not in kept
        assert "pending" not in kept


async def test_token_a_is_dropped_after_the_handshake(make_stage):
    async with make_stage() as on:
        await register(on)
        on.cpo.requests.clear()
        link, token = await handshake(on).link(on.connection)
        assert token.get_secret_value() == on.cpo.issued != on.cpo.token_a
        pages = [page async for page in handshake(on).client.locations(link.locations_url, token, link.operator)]
        assert len(pages[0]) == 2


async def test_tokens_are_renewed_in_both_directions(make_stage):
    async with make_stage() as on:
        await register(on)
        before = (on.cpo.issued, on.cpo.partner.token)
        await register(on)
        assert not {on.cpo.issued, on.cpo.partner.token} & set(before)
        assert (await on.cpo.change("LS01-1", "CHARGING")).status == 404, "known partner, location not pushed yet"
        on.cpo.faults.push_token = before[1]
        assert (await on.cpo.change("LS01-1", "CHARGING")).status == 401, "the old token opens nothing"


async def test_an_operator_registers_with_us(make_stage):
    async with make_stage(token_file=None) as on:
        done = await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)
        assert (done.status, done.code) == (200, 1000)
        _, token = await handshake(on).link(on.connection)
        assert token.get_secret_value() == on.cpo.issued
        assert (await on.cpo.push("PUT", ("LS01",))).status == 201
        assert on.cpo.violations == []


async def test_an_operator_renews_and_unregisters(make_stage):
    async with make_stage(token_file=None) as on:
        await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)
        old = on.cpo.partner.token
        assert (await on.cpo.renew()).code == 1000
        assert (await on.cpo.push("PUT", ("LS01",))).status == 201
        on.cpo.faults.push_token = old
        assert (await on.cpo.push("PUT", ("LS01",))).status == 401
        assert (await on.cpo.unregister()).code == 1000
        assert await handshake(on).link(on.connection) is None
        on.cpo.faults.push_token = ""
        assert (await on.cpo.push("PUT", ("LS01",))).status == 401
        assert not (on.settings.state_dir / "stadtwerke.token").exists()


async def test_registering_twice_and_changing_what_is_not_there_is_405(make_stage):
    async with make_stage(token_file=None) as on:
        await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)
        assert (await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)).status == 405
    async with make_stage(token_file=None) as on:
        for method in ("PUT", "DELETE"):
            assert (await call(on, method, "2.2.1/credentials", json={})).status_code == 405


async def call(on, method, path, *, token=TOKEN_FOR_OPERATORS, **options):
    headers = {"Authorization": f"Token {token}"} if token else {}
    headers |= options.pop("headers", {})
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.request(method, f"{on.settings.public_url}/ocpi/{path}", headers=headers, **options)


@pytest.mark.parametrize(
    ("fault", "code"), [({"unversioned": True}, 3002), ({"no_endpoints": True}, 3003), ({"slow_seconds": 3.0}, 3001)]
)
async def test_a_handshake_that_cannot_be_finished_says_why(make_stage, fault, code):
    async with make_stage(token_file=None, timeout_seconds=0.5) as on:
        for name, value in fault.items():
            setattr(on.cpo.faults, name, value)
        done = await on.cpo.register_with(on.versions_url, TOKEN_FOR_OPERATORS)
        assert (done.status, done.code) == (200, code)
        assert await on.state() == {}


async def test_an_operator_may_not_send_us_to_another_host(make_stage):
    async with make_stage(token_file=None) as on:
        body = {
            "token": "x" * 20,
            "url": "http://169.254.169.254/ocpi",
            "roles": [{"country_code": "DE", "party_id": "MZX", "role": "CPO"}],
        }
        answer = await call(on, "POST", "2.2.1/credentials", json=body)
        assert (answer.status_code, answer.json()["status_code"]) == (200, 3001)


@pytest.mark.parametrize("missing", ["token", "url", "roles"])
async def test_incomplete_credentials_are_2001(make_stage, missing):
    async with make_stage(token_file=None) as on:
        body = {
            "token": "x" * 20,
            "url": on.cpo.base_url,
            "roles": [{"country_code": "DE", "party_id": "MZX", "role": "CPO"}],
        }
        del body[missing]
        answer = await call(on, "POST", "2.2.1/credentials", json=body)
        assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)


async def test_token_a_opens_versions_and_credentials_only(make_stage):
    async with make_stage() as on:
        assert (await call(on, "GET", "versions")).status_code == 200
        assert (await call(on, "GET", "2.2.1")).status_code == 200
        assert (await call(on, "GET", "2.2.1/credentials")).status_code == 200
        assert (await call(on, "GET", "2.2.1/locations/DE/MZX/LS01")).status_code == 401
        assert (await call(on, "GET", "2.1.1")).status_code == 404


@pytest.mark.parametrize("token", ["", "wrong", "d3Jvbmc=", "x" * 500])
async def test_an_unknown_token_is_401_everywhere(make_stage, token):
    async with make_stage() as on:
        for path in ("versions", "2.2.1", "2.2.1/credentials", "2.2.1/locations/DE/MZX/LS01"):
            answer = await call(on, "GET", path, token=token)
            assert (answer.status_code, answer.json()["status_code"]) == (401, 2000)


async def test_both_versions_are_offered(make_stage):
    async with make_stage() as on:
        listed = (await call(on, "GET", "versions")).json()["data"]
        assert [one["version"] for one in listed] == ["2.2.1", "2.3.0"]
        details = (await call(on, "GET", "2.3.0")).json()["data"]
        assert {(one["identifier"], one["role"]) for one in details["endpoints"]} >= {("locations", "RECEIVER")}


async def test_a_failed_registration_leaves_nothing_behind(make_stage):
    async with make_stage() as on:
        on.cpo.token_a = "another"
        with pytest.raises(SourceError) as refused:
            await register(on)
        assert refused.value.kind is ErrorKind.UNAUTHORISED
        assert await on.state() == {}
        assert not on.settings.state_dir.exists()


async def test_a_lost_token_is_no_reason_to_go_on_with_an_old_one(make_stage):
    """The operator takes token A no more; somebody has to ask for a new one."""
    async with make_stage() as on:
        await register(on)
        (on.settings.state_dir / "stadtwerke.token").unlink()
        with pytest.raises(SourceError) as refused:
            await register(on)
        assert refused.value.kind is ErrorKind.UNAUTHORISED
