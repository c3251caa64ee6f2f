"""The oracle: accounts for every message that the broker acknowledged, by comparing it with what the database holds.

    lost       = acknowledged by the broker − stored − quarantined
    duplicate  = stored more than once
    invented   = stored but never sent
    changed    = stored with other content than sent, or quarantined although good, or with another reason

`balance` is the pure account; `audit` reads the database and makes it.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg

from decoders.errors import RejectReason
from tests.support.traffic import Traffic, good_id

SHOWN = 5


@dataclass(frozen=True, slots=True)
class StoredUplink:
    """Everything of an uplink that its message says, as its rows say it."""

    dev_eui: str
    f_cnt: int
    ns_time: datetime
    payloads: tuple[bytes, ...]
    receptions: int
    moisture: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message that is kept raw with its reason."""

    reason: str


Content = StoredUplink | Quarantined
Entry = tuple[str, Content]


@dataclass(frozen=True, slots=True)
class Account:
    """The outcome; every set holds message ids."""

    acknowledged: int
    stored: int
    quarantined: int
    lost: frozenset[str] = field(default_factory=frozenset)
    duplicate: frozenset[str] = field(default_factory=frozenset)
    invented: frozenset[str] = field(default_factory=frozenset)
    changed: frozenset[str] = field(default_factory=frozenset)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.duplicate or self.invented or self.changed)

    def __str__(self) -> str:
        wrong = {name: getattr(self, name) for name in ("lost", "duplicate", "invented", "changed")}
        told = [f"{name} {len(ids)}: {', '.join(sorted(ids)[:SHOWN])}" for name, ids in wrong.items() if ids]
        counts = f"acknowledged {self.acknowledged}, stored {self.stored}, quarantined {self.quarantined}"
        return "; ".join([counts, *told])


def balance(acknowledged: Collection[str], sent: Mapping[str, Content], entries: Iterable[Entry]) -> Account:
    """The account of messages by id.

    Args:
        acknowledged: what the broker took responsibility for.
        sent: what each message that was sent must be in the database, acknowledged or not.
        entries: what the database holds; one for each uplink and each quarantined message.
    """
    found = list(entries)
    times = Counter(name for name, _ in found)
    return Account(
        acknowledged=len(acknowledged),
        stored=sum(isinstance(content, StoredUplink) for _, content in found),
        quarantined=sum(isinstance(content, Quarantined) for _, content in found),
        lost=frozenset(name for name in acknowledged if name not in times),
        duplicate=frozenset(name for name, copies in times.items() if copies > 1),
        invented=frozenset(name for name in times if name not in sent),
        changed=frozenset(name for name, content in found if name in sent and content != sent[name]),
    )


def audit(dsn: str, traffic: Traffic, acknowledged: Collection[str]) -> Account:
    """The account of `traffic` in the database at `dsn`."""
    return balance(acknowledged, expected(traffic), stored(dsn, traffic.poisons))


def expected(traffic: Traffic) -> dict[str, Content]:
    """What each message of `traffic` must be in the database."""
    found: dict[str, Content] = {topic: Quarantined(reason) for topic, reason in dict(traffic.poisons).items()}
    for number in traffic.numbers:
        content = content_of(traffic.again(number).payload)
        found[good_id(number)] = replace(content, moisture=()) if number in traffic.misfits else content
    return found


def content_of(payload: bytes) -> StoredUplink:
    """What an LSE01's ChirpStack uplink must be in the database, read from the message itself."""
    event = json.loads(payload)
    data = base64.b64decode(event["data"])
    return StoredUplink(
        dev_eui=event["deviceInfo"]["devEui"],
        f_cnt=event["fCnt"],
        ns_time=max(datetime.fromisoformat(one["nsTime"]) for one in event["rxInfo"]),
        payloads=(data,),
        receptions=len(event["rxInfo"]),
        moisture=(int.from_bytes(data[4:6], "big") / 100,),
    )


def stored(dsn: str, poisons: Mapping[str, RejectReason]) -> list[Entry]:
    """Every uplink with its rows, every payload without an uplink, and every quarantined message."""
    with psycopg.connect(dsn, options="-c search_path=stadtfunk") as connection:
        uplinks = connection.execute(_UPLINKS).fetchall()
        rejected = connection.execute("SELECT topic, payload, reason FROM rejected").fetchall()
    found: list[Entry] = [
        (name, StoredUplink(dev_eui, f_cnt, ns_time, tuple(payloads), receptions, tuple(moisture)))
        for name, dev_eui, f_cnt, ns_time, payloads, receptions, moisture in uplinks
    ]
    found += [(_id_of(topic, payload, poisons), Quarantined(reason)) for topic, payload, reason in rejected]
    return found


def count(dsn: str) -> int:
    """How many messages are stored or quarantined; cheap, to wait for the end of a drain."""
    with psycopg.connect(dsn, options="-c search_path=stadtfunk") as connection:
        row = connection.execute("SELECT (SELECT count(*) FROM uplink) + (SELECT count(*) FROM rejected)").fetchone()
    assert row is not None
    return int(row[0])


def _id_of(topic: str, payload: bytes, poisons: Mapping[str, RejectReason]) -> str:
    """A quarantined message's id; a good one that should not be there is known by its deduplication id."""
    if topic in poisons:
        return topic
    good = _DEDUPLICATION_ID.search(payload)
    return good[1].decode() if good else topic


_DEDUPLICATION_ID = re.compile(rb'"deduplicationId":"([0-9a-f-]{36})"')

_UPLINKS = """
WITH payload AS (
    SELECT device_id, ns_time, f_cnt, array_agg(payload) AS payloads
    FROM (SELECT * FROM payload_public UNION ALL SELECT * FROM payload_household) AS both_classes
    GROUP BY device_id, ns_time, f_cnt
),
heard AS (SELECT device_id, ns_time, count(*) AS receptions FROM reception GROUP BY device_id, ns_time),
reading AS (
    SELECT device_id, uplink_ns_time AS ns_time, uplink_f_cnt AS f_cnt, array_agg(soil_moisture) AS moisture
    FROM tree_moisture GROUP BY device_id, uplink_ns_time, uplink_f_cnt
)
SELECT
    coalesce(u.deduplication_id::text, 'no uplink'), coalesce(d.dev_eui, ''), f_cnt, ns_time,
    coalesce(payloads, '{}'), coalesce(receptions, 0), coalesce(moisture, '{}')
FROM uplink AS u
JOIN device AS d ON d.id = u.device_id
FULL JOIN payload USING (device_id, ns_time, f_cnt)
FULL JOIN reading USING (device_id, ns_time, f_cnt)
LEFT JOIN heard USING (device_id, ns_time)
"""
