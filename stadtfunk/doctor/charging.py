"""Whether the sources of charge points answer, asked by the same guarded requests as everything that leaves us."""

import asyncio
import ssl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from alerts.charging.exchange import SERVER_ERROR, SourceError, ask
from alerts.connection_settings import CertificateSettings
from alerts.outgoing import Request
from config.settings import Settings
from stadtfunk.doctor.broker import mend_of
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.doctor.presented import Server, hindrance
from stadtfunk.scope import EVERYTHING, Scope

ASK_SECONDS = 8.0
_ENOUGH = 1 << 20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL that should answer; `setting` names it, since the URL may hold a subscription's key."""

    setting: str
    url: str
    method: str
    allow_hosts: Collection[str] = ()
    tls: CertificateSettings | None = None


async def check(settings: Settings, scope: Scope = EVERYTHING) -> Sequence[Finding]:
    """Every operator, feed and broker of charge points."""
    asking = [reach(one, Subject.CHARGING) for one in endpoints(settings) if scope.uses(one.setting)]
    asking += [_broker(settings, name) for name in settings.charging.mqtt if scope.uses(f"charging.mqtt.{name}")]
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one) for one in asking]
    return [finding for task in asked for finding in task.result()]


def endpoints(settings: Settings) -> Iterator[Endpoint]:
    """What is asked; a feed only for its head, because it may be large."""
    for name, operator in settings.charging.ocpi.items():
        key = f"charging.ocpi.{name}"
        yield Endpoint(key, operator.versions_url, "GET", operator.allow_hosts, operator.tls)
    for name, feed in settings.charging.datex2.items():
        yield Endpoint(f"charging.datex2.{name}", feed.url, "HEAD", feed.allow_hosts, feed.tls)


async def reach(endpoint: Endpoint, subject: Subject) -> list[Finding]:
    """Whether it answers; that it wants a token first is an answer, too."""
    notes = Findings(subject, endpoint.setting)
    try:
        tls = None if endpoint.tls is None else _context(endpoint.tls)
        request = Request(
            endpoint.url,
            ASK_SECONDS,
            method=endpoint.method,
            max_bytes=_ENOUGH,
            allow_hosts=endpoint.allow_hosts,
            tls=tls,
        )
        status = (await ask(request)).status
    except SourceError as error:
        notes.wrong(
            "reachable",
            said("{setting} does not answer: {error}.", setting=endpoint.setting, error=error),
            said("Check its URL, the firewall, and `allow_hosts` where it is in the own network; or ask its operator."),
        )
        return notes.found
    except OSError as error:
        notes.wrong(
            "files",
            said(
                "{setting}: its files for TLS cannot be used: {error}.",
                setting=endpoint.setting,
                error=error.strerror or error,
            ),
            said("Check the files of its section `tls`: PEM, readable, the key without a password."),
        )
        return notes.found
    if status >= SERVER_ERROR:
        notes.warn(
            "reachable",
            said("{setting} answers with status {status}.", setting=endpoint.setting, status=status),
            said("Something is wrong there: try again later, or ask its operator."),
        )
    else:
        notes.well("reachable", said("{setting} answers.", setting=endpoint.setting))
    return notes.found


async def _broker(settings: Settings, name: str) -> list[Finding]:
    broker = settings.charging.mqtt[name]
    notes = Findings(Subject.CHARGING, f"charging.mqtt.{name}")
    server = Server(broker.host, broker.port, broker.host)
    hindered = await hindrance(server, None if broker.tls is None else broker.tls.context)
    if hindered is None:
        notes.well("reachable", said("{setting} answers.", setting=notes.about))
    else:
        notes.wrong(
            "reachable",
            said("{setting} does not answer: {error}.", setting=notes.about, error=hindered.detail),
            mend_of(hindered.obstacle),
        )
    return notes.found


def _context(tls: CertificateSettings) -> ssl.SSLContext | None:
    return tls.context() if tls != CertificateSettings() else None
