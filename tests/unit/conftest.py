"""Marks the unit tests that take their time: `make unit` leaves them out and stays a matter of seconds.

They need no service either, but search many cases (Hypothesis, all decoders with random payloads), run a week of the
simulated city, wait for worker processes to be killed, or draw a whole report. `make test` runs them all.
"""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
SLOW = (
    "charging/test_merge.py",
    "cli/test_decoder.py",
    "decoders/test_collection.py",
    "demo/test_charge_points.py",
    "demo/test_history.py",
    "demo/test_parking.py",
    "demo/test_stream.py",
    "formats/test_fuzz.py",
    "javascript/test_adversarial.py",
    "javascript/test_leaks.py",
    "javascript/test_modules.py",
    "javascript/test_pool.py",
    "kit/test_checks.py",
    "kit/test_scaffold.py",
    "parking/test_group_properties.py",
    "parking/test_properties.py",
    "portal/test_without_extra.py",
    "report/test_pdf.py",
    "statistics/test_intervals.py",
    "statistics/test_measures.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `SLOW` files."""
    for item in items:
        if _HERE in item.path.parents and item.path.relative_to(_HERE).as_posix() in SLOW:
            item.add_marker(pytest.mark.slow)
