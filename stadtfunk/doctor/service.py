"""What the running service says of itself over HTTP: readiness, sources that lose messages, the spool."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2

from config.settings import Settings
from stadtfunk.doctor.broker import mend_of_qos0
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.status import HTTP_SECONDS, Samples, base_url, samples


@dataclass(frozen=True, slots=True)
class Word:
    """The service's word; `metrics` are its samples by name and label."""

    ready: bool
    checks: Sequence[Mapping[str, object]]
    metrics: Samples


async def check(settings: Settings) -> Sequence[Finding]:
    """Readiness and losses of the service that listens where these settings say."""
    url = base_url(settings.http)
    word = await ask(url)
    return _unreachable(url) if word is None else judge(settings, word)


async def ask(url: str) -> Word | None:
    """The word of the service at `url`; None when nobody, or somebody else, answers there."""
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=HTTP_SECONDS, trust_env=False) as client:
            metrics = samples((await client.get("/metrics")).text)
            readiness = (await client.get("/readyz")).json()
    except (httpx2.HTTPError, ValueError, socket.gaierror):
        return None
    if not isinstance(readiness, dict) or not any(name == "stadtfunk_build_info" for name, _ in metrics):
        return None
    found = readiness.get("checks")
    return Word(readiness.get("ready") is True, found if isinstance(found, list) else [], metrics)


def _unreachable(url: str) -> list[Finding]:
    notes = Findings(Subject.SERVICE)
    notes.warn(
        "reachable",
        said("The service does not answer at {url}.", url=url),
        said("If it should run, look at `systemctl status 'stadtfunk-*'` or `docker compose ps`, and at its log."),
    )
    return notes.found


def judge(settings: Settings, word: Word) -> list[Finding]:
    """The findings that follow from the service's word."""
    notes = Findings(Subject.SERVICE)
    failing = [one for one in word.checks if one.get("ok") is not True]
    for one in failing:
        notes.wrong(
            "ready",
            said("Not ready: {name}: {detail}.", name=one.get("name"), detail=one.get("detail") or "-"),
            said("The lines below about the same part say what to mend; the service goes on by itself then."),
        )
    if word.ready and not failing:
        notes.well("ready", said("The service is ready."))
    for source in settings.sources:
        notes.found += _losses(settings, word, source.name)
    waiting = word.metrics.get(("stadtfunk_spool_messages", ""), 0.0)
    if waiting:
        notes.warn(
            "spool",
            said("{count} messages wait in the spool for the database.", count=f"{waiting:.0f}"),
            said("They are stored by themselves as soon as the database takes them: see the lines about it."),
        )
    return notes.found


def _losses(settings: Settings, word: Word, name: str) -> list[Finding]:
    notes = Findings(Subject.SERVICE, name)
    [source] = [source for source in settings.sources if source.name == name]

    def value(metric: str) -> float:
        return word.metrics.get((f"stadtfunk_source_{metric}", name), 0.0)

    if value("qos0_messages_total"):
        notes.wrong(
            "qos0",
            said("{count} messages came at QoS 0 since the start.", count=f"{value('qos0_messages_total'):.0f}"),
            mend_of_qos0(source),
        )
    if value("sessions_lost_total"):
        notes.wrong(
            "session_lost",
            said(
                "The broker has forgotten our session {count} times, and what it had queued.",
                count=f"{value('sessions_lost_total'):.0f}",
            ),
            said(
                "In mosquitto.conf: `persistence true`, `autosave_interval 30` and `persistent_client_expiration 14d`; "
                "and only one client with this `client_id`."
            ),
        )
    if value("lossy") and not notes.found:
        notes.wrong(
            "lossy",
            said("The service says that this source loses messages."),
            said("`stadtfunk status` shows its sentence about it; see the lines about the broker, too."),
        )
    return notes.found
