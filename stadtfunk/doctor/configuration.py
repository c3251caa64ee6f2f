"""What the settings allow although it can lose data, and decoders and mapping that do not fit."""

import asyncio
from collections.abc import Sequence

from config.problems import ConfigurationError
from config.settings import Settings
from stadtfunk.commands.check_config import check_mapping
from stadtfunk.decoding import registry
from stadtfunk.doctor.findings import Finding, Findings, Sentence, Subject, said
from stadtfunk.scope import EVERYTHING, Scope


async def check(settings: Settings, scope: Scope = EVERYTHING) -> Sequence[Finding]:
    """Warnings of the settings, decoders, mapping; that they load was proved before."""
    notes = Findings(Subject.CONFIGURATION)
    mend = said("What it means stands in docs/configuration.md; `stadtfunk check-config` says whether it is gone.")
    for warning in filter(scope.uses, settings.warnings):
        notes.warn("settings", said("{error}", error=warning), mend)
    if scope.uses("mapping") and not await _judge_intake(notes, settings):
        return notes.found
    notes.well("settings", said("The configuration {file} loads.", file=settings.file or "(environment)"))
    return notes.found


def refused(error: ConfigurationError) -> list[Finding]:
    """A finding for each problem of a configuration that is refused."""
    notes = Findings(Subject.CONFIGURATION)
    for problem in error.problems:
        what = Sentence(
            "{place}: {problem}.", {"place": problem.place, "problem": Sentence(problem.template, problem.details)}
        )
        notes.wrong("settings", what, said("Change it; docs/configuration.md has every setting."))
    return notes.found


async def _judge_intake(notes: Findings, settings: Settings) -> bool:
    """Sources, decoders and mapping; whether the mapping fits."""
    if not settings.sources and not settings.http.webhooks:
        notes.warn(
            "sources", said("There is no source and no webhook, nothing will arrive."), said("Add one to `sources`.")
        )
    try:
        await asyncio.to_thread(check_mapping, settings)
        left_out = (await asyncio.to_thread(registry, settings)).problems
    except ConfigurationError as error:
        notes.found += refused(error)
        return False
    for line in left_out:
        notes.warn(
            "decoders",
            said("Decoder left out: {problem}.", problem=line),
            said("`stadtfunk decoder test` says what is wrong with it."),
        )
    return True
