"""Whether people can log in: the users, and the city's identity provider."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from config.settings import Settings
from stadtfunk.doctor.charging import Endpoint, reach
from stadtfunk.doctor.findings import Finding, Findings, Subject, said


async def check(settings: Settings) -> Sequence[Finding]:
    """Everything about the portal that the settings cannot tell alone."""
    portal = settings.portal
    if not portal.enabled:
        return ()
    notes = Findings(Subject.PORTAL)
    users = portal.read_users()
    if users or portal.oidc is not None:
        notes.well("users", said("{count} users can log in with a password.", count=len(users)))
    else:
        notes.wrong(
            "users",
            said("Nobody can log in to the portal."),
            said("`stadtfunk portal hash-password` makes what `portal.users` needs."),
        )
    if portal.oidc is not None:
        url = f"{portal.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
        host = urlsplit(url).hostname or ""
        notes.found += await reach(Endpoint("portal.oidc", url, "GET", (host,)), Subject.PORTAL)
    return notes.found
