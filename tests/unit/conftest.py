"""Marks the unit tests that take their time: `make unit` leaves them out and stays a matter of seconds.

They need no service either, but search many cases (Hypothesis, all decoders with random payloads), run the simulated
city, have a worker process compile hundreds of codecs, or draw a whole report. `make test` runs them all.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.testing

_HERE = Path(__file__).parent
SLOW = {
    "charging/test_merge.py",
    "cli/test_decoder.py",
    "cli/test_tables.py::test_it_is_tested_with_vectors_beside_the_configuration",
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
    "parking/test_group_properties.py",
    "parking/test_properties.py",
    "portal/test_without_extra.py",
    "report/test_pdf.py",
    "statistics/test_intervals.py",
    "statistics/test_measures.py",
}
"""Files, or tests as `file::name`."""


@pytest.fixture(scope="session", autouse=True)
def built_command_line() -> Iterator[None]:
    """Typer's runner builds the whole command line for every call; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.testing._get_command))
        yield


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark what `SLOW` names, and every test that searches with Hypothesis."""
    for item in items:
        if _HERE in item.path.parents and (_named(item) or getattr(item.obj, "is_hypothesis_test", False)):
            item.add_marker(pytest.mark.slow)


def _named(item: pytest.Function) -> bool:
    file = item.path.relative_to(_HERE).as_posix()
    return file in SLOW or f"{file}::{item.name.partition('[')[0]}" in SLOW
