"""Runs every check beside the others, each with a time limit; whatever happens to one, the others are told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from config.settings import Settings
from decoders.errors import defect_at
from stadtfunk.doctor import (
    broker,
    certificates,
    charging,
    clock,
    configuration,
    database,
    disk,
    files,
    portal,
    service,
    software,
    spool,
)
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.scope import EVERYTHING, Scope

CHECK_SECONDS = 30.0
"""For one check. Everything inside has shorter limits; this is for what nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its subject, what it is about, and how it is done. It raises nothing that it foresees."""

    subject: Subject
    run: Callable[[], Awaitable[Sequence[Finding]]]
    about: str = ""
    seconds: float = CHECK_SECONDS


def checks(settings: Settings, *, scope: Scope = EVERYTHING, listen: float = 0.0) -> list[Check]:
    """Every check that these settings ask for.

    Args:
        scope: which of them are looked at.
        listen: seconds for which each broker is listened to, to see at which QoS uplinks come.
    """
    patience = CHECK_SECONDS + listen
    sources = [
        Check(
            Subject.BROKER,
            partial(broker.check, source, listen=listen),
            source.name,
            patience + source.canary.timeout_seconds,
        )
        for source in settings.sources
        if scope.uses(f"sources.{source.name}")
    ]
    spool_and_disk = [
        Check(Subject.SPOOL, partial(spool.check, settings)),
        Check(Subject.DISK, partial(disk.check, settings)),
    ]
    return [
        Check(Subject.CONFIGURATION, partial(configuration.check, settings, scope)),
        Check(Subject.SOFTWARE, partial(software.check, settings, scope)),
        Check(Subject.SERVICE, partial(service.check, settings)),
        *sources,
        Check(Subject.DATABASE, partial(database.check, settings), seconds=2 * CHECK_SECONDS),
        *(spool_and_disk if scope.uses("spool") else ()),
        Check(Subject.FILES, partial(files.check, settings, scope)),
        Check(Subject.CERTIFICATES, partial(certificates.check, settings, scope, now=datetime.now(UTC))),
        Check(Subject.CLOCK, clock.check),
        Check(Subject.CHARGING, partial(charging.check, settings, scope)),
        *([Check(Subject.PORTAL, partial(portal.check, settings))] if scope.uses("portal") else ()),
    ]


async def examine(all_checks: Iterable[Check]) -> list[Finding]:
    """The findings of all checks in the order of their subjects."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_one(check)) for check in all_checks]
    order = list(Subject)
    found = [finding for task in running for finding in task.result()]
    return sorted(found, key=lambda finding: order.index(finding.subject))


async def _one(check: Check) -> Sequence[Finding]:
    notes = Findings(check.subject, check.about)
    try:
        async with asyncio.timeout(check.seconds):
            return await check.run()
    except TimeoutError:
        notes.wrong(
            "examination",
            said("The check was not done within {seconds} s.", seconds=f"{check.seconds:g}"),
            said("See whether machine and network are overloaded, and run `stadtfunk doctor` again."),
        )
    except Exception as error:  # noqa: BLE001 - a defect of one check must not hide what the others found
        notes.wrong(
            "examination",
            said("The check itself failed at {place}.", place=defect_at(error)),
            said("Please report this place as a defect of Stadtfunk; the other lines stand."),
        )
    return notes.found
