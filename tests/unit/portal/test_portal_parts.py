"""The small parts of the portal: redirects, addresses, times, users, settings."""

import asyncio
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from portal.client_address import client_address
from portal.redirects import safe_path
from portal.site_settings import MapSettings, OidcSettings, PortalSettings
from portal.times import clock, day, duration, moment
from portal.user_roles import UserRole
from portal.users import Accounts, User, hash_password
from tests.support.portal import CHEAP, HASH, PASSWORD, portal_settings


@pytest.mark.parametrize("path", ["/", "/inbox", "/inbox/4711?tab=v3&x=%20", "/login?next=/inbox", "/a//b"])
def test_paths_of_the_portal_are_kept(path):
    assert safe_path(path) == path


OUTSIDE = ["//evil", "/\\evil", "\\\\evil", "https://evil", "javascript:1", "/a\\b", "///evil"]
MALFORMED = ["", "inbox", "/\tx", "/x\r\nSet-Cookie: a", "/ü", " /inbox"]


@pytest.mark.parametrize("path", OUTSIDE + MALFORMED)
def test_everything_else_is_not(path):
    assert safe_path(path, default="/start") == "/start"


def request(peer, *forwarded):
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return Request({"type": "http", "client": (peer, 1), "headers": headers})


PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("203.0.113.5",), "192.0.2.1"),
        ("10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("1.2.3.4, 203.0.113.5, 10.0.0.2",), "203.0.113.5"),
        ("10.0.0.1", ("1.2.3.4", "203.0.113.5"), "203.0.113.5"),
        ("10.0.0.1", ("nonsense",), "nonsense"),
        ("10.0.0.1", ("10.0.0.9",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
    ],
)
def test_the_address_behind_our_proxies(peer, forwarded, expected):
    assert client_address(request(peer, *forwarded), PROXIES) == expected


def test_times_are_those_of_berlin():
    at = datetime(2026, 7, 1, 22, 5, tzinfo=UTC)
    assert (clock(at), day(at), moment(at)) == ("00:05", "02.07.2026", "02.07.2026 00:05")


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0, "0 min"), (-3, "0 min"), (59.9, "59 min"), (60, "1 h 00 min"), (125, "2 h 05 min"), (3000, "2 d 2 h")],
)
def test_durations(minutes, expected):
    assert duration(timedelta(minutes=minutes)) == expected


def test_a_password_proves_its_user_only():
    accounts = Accounts(portal_settings().users, hasher=CHEAP)

    async def tries():
        assert await accounts.login("olga", PASSWORD) == User("olga", UserRole.OFFICER)
        assert await accounts.login("olga", PASSWORD + "x") is None
        assert await accounts.login("nobody", PASSWORD) is None
        assert await accounts.login("nobody", "nobody's password") is None

    asyncio.run(tries())


def test_an_unknown_user_costs_one_proof_like_a_known_one(monkeypatch):
    accounts = Accounts(portal_settings().users, hasher=CHEAP)
    proofs = []
    monkeypatch.setattr(accounts, "_verify", lambda proof, password: bool(proofs.append(proof)))
    asyncio.run(accounts.login("olga", "x"))
    asyncio.run(accounts.login("nobody", "x"))
    assert len(proofs) == 2


def test_a_hash_can_be_configured():
    users = {"olga": {"password_hash": hash_password("a long enough password"), "role": "officer"}}
    assert PortalSettings.model_validate({"users": users}).users["olga"].role is UserRole.OFFICER


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"users": {"olga": {"password_hash": "geheim"}}}, "hash-password"),
        ({"users": {"Olga!": {"password_hash": HASH}}}, "pattern"),
        ({"users": {"olga": {"password_hash": HASH, "role": "chef"}}}, "officer"),
        ({"public_url": "http://portal.example.org"}, "https://"),
        ({"public_url": "https://portal.example.org/stadtfunk"}, "host name of its own"),
        ({"public_url": "ftp://x"}, "https://"),
        ({"idle_hours": 11}, "idle_hours"),
        ({"oidc": {"issuer": "https://id.example.org", "client_id": "x", "client_secret": "y"}}, "public_url"),
        ({"map": {"tiles": "https://tiles.example.org/{z}/{x}.png"}}, "{y}"),
        ({"map": {"tiles": "https://a.example.org; script-src *//{z}/{x}/{y}"}}, "one host"),
        ({"map": {"tiles": "data:image/png,{z}{x}{y}"}}, "https://"),
    ],
)
def test_wrong_settings_say_what_was_expected(section, says):
    with pytest.raises(ValidationError) as error:
        PortalSettings.model_validate(section)
    assert says in str(error.value)
    assert "geheim" not in str(error.value)


def test_an_identity_provider_needs_https_and_one_secret():
    good = {"issuer": "https://id.example.org", "client_id": "x", "client_secret": "y"}
    assert OidcSettings.model_validate(good)
    assert OidcSettings.model_validate(good | {"issuer": "http://localhost:8080/realm"})
    for wrong in ({"issuer": "http://id.example.org"}, {"client_secret": None}, {"scopes": ["profile"]}):
        with pytest.raises(ValidationError):
            OidcSettings.model_validate(good | wrong)


def test_users_come_from_a_file_too(tmp_path):
    file = tmp_path / "users.yaml"
    file.write_text(f"anna:\n  password_hash: '{HASH}'\n  role: operator\n", encoding="utf-8")
    users = portal_settings(users_file=file).read_users()
    assert users["anna"].role is UserRole.OPERATOR
    assert users["olga"].role is UserRole.OFFICER


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("- a\n", "YAML file of users"),
        (": :", "YAML file of users"),
        ("anna: {password_hash: secret-in-the-clear}", "anna.password_hash"),
        (f"olga: {{password_hash: '{HASH}'}}", "olga stands in the configuration"),
    ],
)
def test_a_wrong_users_file_is_told_without_its_secrets(tmp_path, content, says):
    file = tmp_path / "users.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        portal_settings(users_file=file).read_users()
    assert says in str(error.value)
    assert "secret-in-the-clear" not in str(error.value)


def test_the_origin_of_the_tiles_is_what_the_policy_needs():
    assert MapSettings(tiles="https://t.example.org:8443/a/{z}/{x}/{y}.png").origin == "https://t.example.org:8443"
    assert MapSettings(tiles=None).origin is None
