"""Marks the unit tests that take their time: `make unit` leaves them out and stays a matter of seconds.

They need no service either, but search many cases (Hypothesis, all decoders with random payloads), run the simulated
city, have a worker process compile hundreds of codecs, wait for files or threads, or draw a whole report. `make test`
runs them all.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.testing

_HERE = Path(__file__).parent
SLOW = {
    "alerts/test_engine_pure.py::test_versions_are_the_same_in_every_process",
    "charging/test_merge.py",
    "cli/test_cli.py::test_help_imports_nothing_heavy",
    "cli/test_decoder.py",
    "cli/test_tables.py::test_it_is_tested_with_vectors_beside_the_configuration",
    "dashboards/test_files.py",
    "decoders/test_collection.py",
    "decoders/test_tables.py::test_tables_keep_the_rules_of_the_collection",
    "demo/test_charge_points.py",
    "demo/test_gateway_events.py",
    "demo/test_heat.py",
    "demo/test_history.py",
    "demo/test_parking.py",
    "demo/test_radio.py",
    "demo/test_soil.py",
    "demo/test_stream.py",
    "demo/test_trees.py",
    "demo/test_weather.py",
    "demo/test_wire.py",
    "deployment/test_secrets.py",
    "formats/test_fuzz.py",
    "javascript/test_adversarial.py",
    "javascript/test_buffer.py",
    "javascript/test_forms.py",
    "javascript/test_leaks.py",
    "javascript/test_modules.py",
    "javascript/test_pool.py",
    "javascript/test_world.py",
    "kit/test_checks.py",
    "kit/test_scaffold.py",
    "mqtt/test_canary.py",
    "parking/test_group_properties.py",
    "parking/test_properties.py",
    "portal/test_without_extra.py",
    "report/test_content.py",
    "report/test_pdf.py",
    "report/test_table.py",
    "statistics/test_intervals.py",
    "statistics/test_measures.py",
    "storage/test_spool.py",
    "watching/test_watching.py",
}
"""Files, or tests as `file::name`."""


@pytest.fixture(scope="session", autouse=True)
def built_command_line() -> Iterator[None]:
    """Typer's runner builds the whole command line for every call; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.testing._get_command))
        yield


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that are left out as a whole are not even imported."""
    left_out = config.option.markexpr == "not slow" and collection_path.is_relative_to(_HERE)
    return True if left_out and collection_path.relative_to(_HERE).as_posix() in SLOW else None


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark what `SLOW` names, and every test that searches with Hypothesis."""
    for item in items:
        if _HERE in item.path.parents and (_named(item) or getattr(item.obj, "is_hypothesis_test", False)):
            item.add_marker(pytest.mark.slow)


def _named(item: pytest.Function) -> bool:
    file = item.path.relative_to(_HERE).as_posix()
    return file in SLOW or f"{file}::{item.name.partition('[')[0]}" in SLOW
