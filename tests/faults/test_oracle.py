"""The oracle must fail when it should: losses, duplicates, inventions and changes are planted, and found."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from decoders.mapping import DeviceMapping
from decoders.registry import Registry
from decoders.settings import MappingSettings
from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for
from ingest.preparation import Preparation
from storage.database import Role, connect
from storage.settings import DatabaseSettings
from storage.writer import Writer
from tests.support import oracle
from tests.support.oracle import Account, Content, Entry, Quarantined, balance
from tests.support.traffic import Traffic

pytestmark = pytest.mark.anyio


@pytest.fixture
def sent() -> dict[str, Content]:
    """Three poisonous messages and six good ones."""
    traffic = Traffic(random.Random(1))
    for _ in range(6):
        traffic.good()
    for _ in range(3):
        traffic.poison()
    return oracle.expected(traffic)


def outcome(sent: dict[str, Content], entries: list[Entry]) -> dict[str, set[str]]:
    """What a balance finds wrong when everything that was sent was acknowledged."""
    account = balance(sent, sent, entries)
    found = {name: set(getattr(account, name)) for name in ("lost", "duplicate", "invented", "changed")}
    assert account.clean is not any(found.values())
    return {name: ids for name, ids in found.items() if ids}


def test_everything_stored_once_is_clean(sent: dict[str, Content]) -> None:
    assert outcome(sent, list(sent.items())) == {}


@pytest.mark.parametrize("victim", [0, 4, 8], ids=["quarantined", "first good", "last good"])
def test_a_loss_is_found(sent: dict[str, Content], victim: int) -> None:
    name = list(sent)[victim]
    assert outcome(sent, [entry for entry in sent.items() if entry[0] != name]) == {"lost": {name}}


def test_what_was_not_acknowledged_may_be_missing_or_there(sent: dict[str, Content]) -> None:
    _missing, *others = sent
    assert balance(others, sent, list(sent.items())).clean
    assert balance(others, sent, [(other, sent[other]) for other in others]).clean


def test_a_duplicate_is_found(sent: dict[str, Content]) -> None:
    for name in sent:
        assert outcome(sent, [*sent.items(), (name, sent[name])]) == {"duplicate": {name}}


def test_an_invention_is_found(sent: dict[str, Content]) -> None:
    entry = ("ffffffff-4401-4b8d-9386-a5c902f9202d", next(reversed(sent.values())))
    assert outcome(sent, [*sent.items(), entry]) == {"invented": {entry[0]}}


def changes(content: Content) -> Iterator[Content]:
    if isinstance(content, Quarantined):
        yield Quarantined("another reason")
        return
    yield Quarantined("malformed")
    yield replace(content, f_cnt=content.f_cnt + 1)
    yield replace(content, dev_eui="0" * 16)
    yield replace(content, payloads=())
    yield replace(content, payloads=content.payloads * 2)
    yield replace(content, payloads=(b"other",))
    yield replace(content, receptions=content.receptions - 1)
    yield replace(content, moisture=())
    yield replace(content, moisture=(0.0,))


def test_a_change_is_found(sent: dict[str, Content]) -> None:
    for name, content in sent.items():
        for other in changes(content):
            assert outcome(sent, list((sent | {name: other}).items())) == {"changed": {name}}


# ---- and in a database

Plant = Callable[[psycopg.Connection], object]
GOOD = "00000003-4401-4b8d-9386-a5c902f9202d"


@pytest.fixture
async def stored(database: str) -> Traffic:
    """Traffic, stored as the service does it."""
    preparation = Preparation(
        {"city": parser_for(WireFormat.CHIRPSTACK)}, DeviceMapping(MappingSettings(), Registry.load())
    )
    traffic = Traffic(random.Random(1))
    messages = [traffic.good() for _ in range(6)] + [traffic.poison() for _ in range(3)]
    writer = Writer(lambda: connect(DatabaseSettings(dsn=database), role=Role.INGEST))
    now = datetime.now(UTC)
    await writer.write([preparation.prepare(Delivery("city", one.topic, one.payload, now)) for one in messages])
    await writer.close()
    return traffic


def planted(database: str, traffic: Traffic, plant: Plant) -> Account:
    with psycopg.connect(database, options="-c search_path=stadtfunk") as connection:
        plant(connection)
    return oracle.audit(database, traffic, oracle.expected(traffic))


async def test_a_stored_batch_is_clean(database: str, stored: Traffic) -> None:
    account = oracle.audit(database, stored, oracle.expected(stored))
    assert account.clean, str(account)
    assert (account.stored, account.quarantined) == (6, 3)
    assert oracle.count(database) == 9


async def test_a_deleted_uplink_is_lost_and_its_leavings_are_invented(database: str, stored: Traffic) -> None:
    account = planted(
        database, stored, lambda sql: sql.execute("DELETE FROM uplink WHERE deduplication_id = %s", (GOOD,))
    )
    assert account.lost == {GOOD}
    assert account.invented == {"no uplink"}
    assert GOOD in str(account)


async def test_a_deleted_quarantine_row_is_lost(database: str, stored: Traffic) -> None:
    topic = next(iter(stored.poisons))
    account = planted(database, stored, lambda sql: sql.execute("DELETE FROM rejected WHERE topic = %s", (topic,)))
    assert account.lost == {topic}


async def test_a_second_row_is_a_duplicate(database: str, stored: Traffic) -> None:
    account = planted(
        database,
        stored,
        lambda sql: sql.execute(
            "CREATE TEMP TABLE copy AS SELECT * FROM uplink WHERE deduplication_id = %s;"
            "UPDATE copy SET ns_time = ns_time + interval '1 minute'; INSERT INTO uplink SELECT * FROM copy".replace(
                "%s", f"'{GOOD}'"
            )
        ),
    )
    assert account.duplicate == {GOOD}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payload_public SET payload = '\\x00' WHERE device_id = %s",
        "INSERT INTO payload_public SELECT * FROM payload_public WHERE device_id = %s",
        "DELETE FROM tree_moisture WHERE device_id = %s",
        "UPDATE tree_moisture SET soil_moisture = 1 WHERE device_id = %s",
        "DELETE FROM reception WHERE device_id = %s",
        "UPDATE uplink SET f_cnt = 5 WHERE device_id = %s; UPDATE payload_public SET f_cnt = 5 WHERE device_id = %s",
    ],
)
async def test_a_changed_row_is_found(database: str, stored: Traffic, statement: str) -> None:
    def change(sql: psycopg.Connection) -> None:
        [device] = sql.execute("SELECT device_id FROM uplink WHERE deduplication_id = %s", (GOOD,)).fetchone() or [0]
        sql.execute(statement.replace("%s", str(device)))  # type: ignore[call-overload]

    account = planted(database, stored, change)
    assert GOOD in account.changed, str(account)


async def test_a_good_message_in_quarantine_is_a_change(database: str, stored: Traffic) -> None:
    message = stored.again(3)

    def quarantine(sql: psycopg.Connection) -> None:
        sql.execute("DELETE FROM uplink WHERE deduplication_id = %s", (GOOD,))
        sql.execute(
            "INSERT INTO rejected (digest, received_at, source, topic, payload, reason, detail, last_seen_at)"
            " VALUES ('x', now(), 'city', %s, %s, 'database_refused', '', now())",
            (message.topic, message.payload),
        )

    account = planted(database, stored, quarantine)
    assert not account.lost
    assert account.changed == {GOOD}
