"""How long certificates last: those in our files, and those that brokers, database and portal present."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from config.settings import Settings
from stadtfunk.certificates import CertificateFile, certificate_files
from stadtfunk.doctor.database import tls_server
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.doctor.presented import Server, ends_at
from stadtfunk.scope import EVERYTHING, Scope

WARN_BEFORE = timedelta(days=30)


async def check(settings: Settings, scope: Scope = EVERYTHING, *, now: datetime) -> Sequence[Finding]:
    """The days that are left of every certificate."""
    files = (file for file in certificate_files(settings) if scope.uses(file.setting))
    found = [finding for file in files for finding in _of_file(file, now)]
    servers = {setting: server for setting, server in presenting(settings) if scope.uses(setting)}
    async with asyncio.TaskGroup() as tasks:
        asked = {setting: tasks.create_task(ends_at(server)) for setting, server in servers.items()}
    for setting, answer in asked.items():
        end = answer.result()
        if end is not None:
            found += judge(setting, servers[setting].where, end, now)
    return found


def presenting(settings: Settings) -> Iterator[tuple[str, Server]]:
    """The servers that show a certificate, by the setting that names them."""
    for source in settings.sources:
        if source.tls is not None:
            yield f"sources.{source.name}", Server(source.host, source.port, source.tls.server_name or source.host)
    database = tls_server(settings.database)
    if database is not None and settings.database.sslmode != "disable":
        yield "database", Server(*database, database[0], postgres=True)
    public = urlsplit(settings.portal.public_url or "")
    if settings.portal.enabled and public.scheme == "https" and public.hostname:
        yield "portal.public_url", Server(public.hostname, public.port or 443, public.hostname)


def _of_file(file: CertificateFile, now: datetime) -> list[Finding]:
    try:
        end = file.expires_at()
    except (OSError, ValueError) as error:
        notes = Findings(Subject.CERTIFICATES, file.setting)
        notes.wrong(
            "readable",
            said("{path} cannot be read as a certificate: {error}.", path=file.path, error=type(error).__name__),
            said("It must be a PEM file (`-----BEGIN …`) that this user may read."),
        )
        return notes.found
    return [] if end is None else judge(file.setting, str(file.path), end, now)


def judge(setting: str, where: str, end: datetime, now: datetime) -> list[Finding]:
    """The finding about one certificate.

    Args:
        where: the file, or the server that presents it.
    """
    notes = Findings(Subject.CERTIFICATES, setting)
    days = (end - now) // timedelta(days=1)
    mend = said("Renew it; certificates of the deployment's own CA: `stadtfunk deployment secrets` renews them.")
    if end <= now:
        notes.wrong("expired", said("{where} has ended on {day}.", where=where, day=f"{end:%Y-%m-%d}"), mend)
    elif end - now < WARN_BEFORE:
        notes.warn("expires", said("{where} ends in {days} days.", where=where, days=days), mend)
    else:
        notes.well("valid", said("{where} is good for {days} days.", where=where, days=days))
    return notes.found
