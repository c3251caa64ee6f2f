"""The fault suite: short runs by default; `STADTFUNK_FAULTS=all` adds the long ones with the full numbers.

At the end the seed and the measured values are printed. `STADTFUNK_SEED=<number>` repeats a run.
"""

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.faults.stage import Measure, Size, Stage
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import TEMPLATE, PostgresServer, private_server
from tests.support.traffic import Traffic

SEED = int(os.environ.get("STADTFUNK_SEED") or random.SystemRandom().randrange(10**6))
_FOLDER = Path(__file__).parent
_numbers = count(1)
_measured: list[tuple[str, str, str, str]] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long runs out unless they are asked for."""
    mine = [item for item in items if _FOLDER in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.faults)
    if os.environ.get("STADTFUNK_FAULTS") == "all" or "long" in str(config.getoption("markexpr")):
        return
    left_out = [item for item in mine if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed, and what was measured beside what is promised."""
    terminalreporter.section("faults")
    terminalreporter.line(f"seed {SEED} (repeat with STADTFUNK_SEED={SEED})")
    for row, what, value, target in _measured:
        terminalreporter.line(f"row {row:<4} {what:<60} {value:>10}   target {target}")


@pytest.fixture(params=["short", pytest.param("long", marks=pytest.mark.long)])
def size(request: pytest.FixtureRequest) -> Size:
    """The size of the run; a test that asks for it runs in both."""
    return Size(long=request.param == "long")


@pytest.fixture
def order(request: pytest.FixtureRequest) -> random.Random:
    """The test's own randomness, from the run's seed and the test's name."""
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Notes a measured value for the summary."""
    where = "long" if request.node.get_closest_marker("long") else "short"

    def note(row: str, what: str, value: float, target: str) -> None:
        _measured.append((row, f"{what} ({where})", f"{value:.6g}", target))

    return note


@pytest.fixture(scope="session")
def fragile_server() -> Iterator[PostgresServer]:
    """A durable server that may be stopped and killed; a test that does so starts it again."""
    with private_server() as server:
        asyncio.run(migrate(DatabaseSettings(dsn=server.create_database(TEMPLATE))))
        yield server


@pytest.fixture
def database(fragile_server: PostgresServer) -> Iterator[str]:
    """DSN of a fresh, migrated database on this suite's own server."""
    if fragile_server.pid is None:
        fragile_server.start()
    name = f"fault_{next(_numbers)}"
    yield fragile_server.create_database(name, template=TEMPLATE)
    if fragile_server.pid is not None:
        fragile_server.drop_database(name)


@pytest.fixture
def stage(
    fragile_server: PostgresServer,
    database: str,
    tmp_path: Path,
    order: random.Random,
    size: Size,
    measure: Measure,
) -> Iterator[Callable[..., Stage]]:
    """Makes the stage of a test: `async with stage() as on: …`.

    Arguments: `broker`, options of mosquitto.conf; `source` and `settings` of the service; `traffic`, arguments of
    `Traffic`; further ones are attributes of `Stage`.
    """
    name = str(conninfo_to_dict(database)["dbname"])
    brokers: list[Mosquitto] = []

    def make(
        *,
        broker: dict[str, object] | Mosquitto | None = None,
        traffic: dict[str, object] | None = None,
        **attributes: object,
    ) -> Stage:
        made = broker if isinstance(broker, Mosquitto) else Mosquitto(tmp_path / "mosquitto", options=broker)
        brokers.append(made)
        if not made.running:
            made.start()
        return Stage(
            broker=made,
            server=fragile_server,
            database=name,
            folder=tmp_path,
            traffic=Traffic(order, **(traffic or {})),  # type: ignore[arg-type]
            order=order,
            size=size,
            measure=measure,
            **attributes,  # type: ignore[arg-type]
        )

    yield make
    for one in brokers:
        one.stop()
