"""An installation for ingest alone has no FastAPI and no templates: it runs, and says what a portal would need."""

import subprocess
import sys

import pytest

MISSING = (
    "apprise", "argon2", "authlib", "fastapi", "fpdf", "holidays", "jinja2", "joserfc", "python_multipart", "xstatic",
)  # fmt: skip


def run_without_extra(code):
    blocked = f"import sys\nfor name in {MISSING!r}:\n    sys.modules[name] = None\n"
    return subprocess.run([sys.executable, "-c", blocked + code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("module", ["stadtfunk.app", "stadtfunk.cli", "config.load", "portal.app"])
def test_the_service_needs_none_of_it(module):
    done = run_without_extra(f"import {module}\n")
    assert done.returncode == 0, done.stderr


def test_an_enabled_portal_names_what_is_missing():
    done = run_without_extra(
        "from config.settings import Settings\n"
        "from stadtfunk.portal_part import PortalNotInstalled, PortalPart\n"
        "try:\n"
        "    PortalPart(Settings.model_validate({'portal': {'enabled': True}}))\n"
        "except PortalNotInstalled as error:\n"
        "    print('missing', error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("missing ")
