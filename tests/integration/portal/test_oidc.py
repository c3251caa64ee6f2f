"""Login at an identity provider that signs real tokens over real HTTP, and everything that must not get in."""

from time import time

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from portal.oidc import Attempts, role_of, user_of
from portal.site_settings import OidcSettings
from portal.user_roles import UserRole
from tests.integration.portal.clock import rows
from tests.support.openid import CLIENT_ID, CLIENT_SECRET, new_key, open_provider
from tests.support.portal import open_portal, portal_settings

pytestmark = pytest.mark.anyio

ROLES = {"verkehr-aussendienst": "officer", "it-betrieb": "operator"}


def settings_for(provider, **changes):
    oidc = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "roles": ROLES}
    return portal_settings(public_url="http://127.0.0.1:8081", oidc=oidc | changes)


async def at_provider(browser, wanted="/account"):
    """Leave for the provider, log in there, and where it sends the browser back to."""
    leaving = await browser.get("/login/oidc", params={"next": wanted})
    assert leaving.status_code == 303, leaving.text
    async with httpx2.AsyncClient(trust_env=False) as elsewhere:
        answer = await elsewhere.get(leaving.headers["location"])
    assert answer.status_code == 302
    return answer.headers["location"]


async def test_the_way_to_the_provider_and_back(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        browser = portal.browser()
        assert "Mit Stadtkonto anmelden" in (await browser.get("/login")).text
        back = await at_provider(browser)
        assert back.startswith("http://127.0.0.1:8081/login/oidc/callback?")
        assert len(provider.asked["nonce"]) > 20
        answer = await browser.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        account = await browser.get("/account")
        assert "anna.amt" in account.text
        assert "Verkehrsbehörde" in account.text
        found = rows(database_settings, "SELECT username, role, origin FROM portal_session")
        assert found == [("anna.amt", "officer", "oidc")]
        assert rows(database_settings, "SELECT action, username FROM audit_log") == [("login", "anna.amt")]


async def test_a_way_back_can_be_used_once_and_by_its_browser_only(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        browser, thief = portal.browser(), portal.browser()
        back = await at_provider(browser)
        assert (await thief.get(back)).status_code == 403
        assert (await browser.get(back)).status_code == 403  # used up by the thief's try
        back = await at_provider(browser)
        assert (await browser.get(back)).status_code == 303
        assert (await browser.get(back)).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "another"},
        {"nonce": ""},
        {"iss": "http://127.0.0.1:1/realm"},
        {"aud": "another-client"},
        {"aud": []},
        {"exp": int(time()) - 3600},
        {"iat": int(time()) + 3600},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_this_login_gets_nobody_in(database_settings, changes):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        provider.changes = changes
        browser = portal.browser()
        answer = await browser.get(await at_provider(browser))
        assert answer.status_code == 403
        assert "nicht bestätigt" in answer.text
        assert rows(database_settings, "SELECT count(*) FROM portal_session") == [(0,)]
        assert rows(database_settings, "SELECT action FROM audit_log") == [("login_failed",)]


async def test_a_forged_signature_gets_nobody_in(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        provider.signing_key = new_key("first")  # the id of the known key, and another key
        browser = portal.browser()
        assert (await browser.get(await at_provider(browser))).status_code == 403
        provider.signing_key = new_key("unknown")
        assert (await browser.get(await at_provider(browser))).status_code == 403


async def test_neither_unsigned_nor_secretly_signed_tokens_get_in(database_settings, monkeypatch):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        browser = portal.browser()
        claims = {"iss": provider.issuer, "sub": "1", "aud": CLIENT_ID, "iat": int(time()), "exp": int(time()) + 300}
        claims |= provider.claims
        secret = OctKey.import_key(CLIENT_SECRET * 2)
        for forge in (
            lambda nonce: jwt.encode({"alg": "HS256"}, claims | {"nonce": nonce}, secret),
            lambda nonce: jwt.encode({"alg": "none"}, claims | {"nonce": nonce}, secret, algorithms=["none"]),
            lambda nonce: "no.token.at-all",
        ):
            monkeypatch.setattr(provider, "id_token", forge)
            answer = await browser.get(await at_provider(browser))
            assert answer.status_code == 403
            assert "nicht bestätigt" in answer.text


async def test_a_wrong_secret_is_no_login(database_settings):
    async with open_provider() as provider:
        settings = settings_for(provider, client_secret="wrong")
        async with open_portal(database_settings, settings=settings) as portal:
            browser = portal.browser()
            assert (await browser.get(await at_provider(browser))).status_code == 403


async def test_somebody_without_a_group_of_ours_is_told_so(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        provider.claims["groups"] = ["stadt"]
        browser = portal.browser()
        answer = await browser.get(await at_provider(browser))
        assert answer.status_code == 403
        assert "keinen Zugang zu Stadtfunk" in answer.text


async def test_a_provider_that_is_away_is_said_in_plain_words_and_comes_back(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        provider.down = True
        browser = portal.browser()
        answer = await browser.get("/login/oidc")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        provider.down = False
        assert (await browser.get(await at_provider(browser))).status_code == 303


async def test_new_keys_of_the_provider_are_fetched(database_settings, monkeypatch):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        browser = portal.browser()
        assert (await browser.get(await at_provider(browser))).status_code == 303
        provider.signing_key = new_key("second")
        provider.published = [provider.signing_key]
        assert (await browser.get(await at_provider(browser))).status_code == 403  # asked for a moment ago
        monkeypatch.setattr("portal.oidc_provider.monotonic", lambda: 1e9)
        assert (await browser.get(await at_provider(browser))).status_code == 303


async def test_no_login_elsewhere_leads_out_of_the_portal(database_settings):
    async with open_provider() as provider, open_portal(database_settings, settings=settings_for(provider)) as portal:
        browser = portal.browser()
        answer = await browser.get(await at_provider(browser, wanted="https://evil.example/"))
        assert answer.headers["location"] == "/"


async def test_without_a_provider_there_is_no_such_route(database_settings):
    async with open_portal(database_settings) as portal:
        assert (await portal.browser().get("/login/oidc")).status_code == 404
        assert "Stadtkonto" not in (await portal.browser().get("/login")).text


def test_an_attempt_lasts_ten_minutes_and_there_are_never_too_many():
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    state, attempt = attempts.begin("/")
    now[0] = 601
    assert attempts.take(state, attempt.browser) is None
    first, kept = attempts.begin("/")
    for _ in range(1000):
        attempts.begin("/")
    assert attempts.take(first, kept.browser) is None


OIDC = OidcSettings(issuer="https://id.example.org", client_id="x", client_secret="y", roles=ROLES)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"preferred_username": "Anna", "groups": ["it-betrieb"]}, ("anna", UserRole.OPERATOR)),
        ({"preferred_username": "Anna", "groups": "it-betrieb"}, ("anna", UserRole.OPERATOR)),
        ({"preferred_username": "Anna", "groups": ["it-betrieb", "verkehr-aussendienst"]}, ("anna", UserRole.OFFICER)),
        ({"preferred_username": "Anna", "groups": {"it-betrieb": True}}, None),
        ({"preferred_username": "Anna"}, None),
        ({"preferred_username": "  ", "groups": ["it-betrieb"]}, None),
        ({"preferred_username": "a\nb", "groups": ["it-betrieb"]}, None),
        ({"preferred_username": 5, "groups": ["it-betrieb"]}, None),
        ({"preferred_username": "x" * 65, "groups": ["it-betrieb"]}, None),
    ],
)
def test_the_user_of_claims(claims, expected):
    user = user_of(claims, OIDC)
    assert (user and (user.name, user.role)) == expected


def test_groups_may_lie_in_objects():
    nested = OIDC.model_copy(update={"roles_claim": "realm_access.roles"})
    claims = {"preferred_username": "Anna", "realm_access": {"roles": ["it-betrieb"]}}
    assert user_of(claims, nested).role is UserRole.OPERATOR
    flat = {"preferred_username": "Anna", "realm_access.roles": ["it-betrieb"]}
    assert user_of(flat, nested).role is UserRole.OPERATOR
    assert role_of(frozenset(), {}) is None
