"""Rows 34-36 and 38: receivers that fail, a kill between send and mark, a storm, and URLs that must not be called."""

import asyncio
import json
from asyncio.selector_events import BaseSelectorEventLoop
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from alerts.channels import Later, Outgoing, Wording
from alerts.channels.webhook import WebhookSender
from alerts.model import Ended, Finding, Findings, Severity, SubjectKind
from alerts.notify import Channel
from alerts.policy import Policy
from alerts.reconcile import reconcile
from storage.database import Role, connect
from storage.settings import DatabaseSettings
from tests.faults.stage import Stage
from tests.integration.notifications.outbox_store import SECRET, Desk, until, webhook
from tests.support.receivers import Call, Reply, WebReceiver
from tests.support.service import quantile

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]


def channels(folder, *, concurrency: int = 2, **receivers: WebReceiver) -> dict[str, object]:
    """The `alerts` section with one webhook for each receiver."""
    secret = folder / "secret"
    secret.write_text(SECRET)
    one = {
        "kind": "webhook",
        "secret_file": str(secret),
        "allow_hosts": ["127.0.0.1"],
        "per_minute": 60_000,
        "concurrency": concurrency,
        "timeout": "1s",
        "retry": {"first": "0.2s", "longest": "1s"},
    }
    return {"channels": {name: {**one, "url": receiver.url} for name, receiver in receivers.items()}}


@asynccontextmanager
async def several(count: int) -> AsyncIterator[list[WebReceiver]]:
    receivers = [WebReceiver() for _ in range(count)]
    for one in receivers:
        await one.start()
    try:
        yield receivers
    finally:
        for one in receivers:
            await one.stop()


async def test_row_34_targets_that_fail(stage: MakeStage, tmp_path) -> None:
    """Down, slow, 500, 429 for a while, then well; 400 for good. The ingest does not notice."""
    async with several(5) as (down, slow, broken, busy, refusing):
        well = {"now": False}
        first_of_busy: list[float] = []

        def paced(call: Call) -> Reply:
            first_of_busy.append(monotonic())
            return Reply() if well["now"] else Reply(429, {"Retry-After": "1"})

        await down.stop()
        slow.answer = lambda call: Reply(seconds=0.0 if well["now"] else 30.0)
        broken.answer = lambda call: Reply(204 if well["now"] else 500)
        busy.answer = paced
        refusing.answer = lambda call: Reply(400)
        section = channels(tmp_path, down=down, slow=slow, broken=broken, busy=busy, refusing=refusing)
        async with stage(settings={"alerts": section}) as on:
            desk = Desk(on.dsn)
            before = await on.service.metrics()
            async with on.sending(rate=20):
                await asyncio.sleep(on.size.pick(4, 60))
            quiet = await on.service.metrics()
            count = int(on.size.pick(10, 200))
            for channel in section["channels"]:
                # in a thread: receivers that cannot answer meanwhile would be sent the same again
                names = [f"{channel}-{number}" for number in range(count)]
                await asyncio.to_thread(desk.add, *names, channel=channel)
            async with on.sending(rate=20):
                await asyncio.sleep(on.size.pick(4, 60))
                troubled = await on.service.metrics()
            failing = {"down", "slow", "broken", "busy"}
            assert not [row for row in desk.rows() if row["channel"] in failing and row["state"] != "pending"]
            await until(lambda: {r["state"] for r in desk.rows() if r["channel"] == "refusing"} == {"dead"})
            assert Counter(refusing.keys) == Counter({f"refusing-{number}": 1 for number in range(count)})

            well["now"] = True
            await down.start()
            await until(lambda: not [r for r in desk.rows() if r["state"] == "pending"], within=on.size.pick(60, 300))
            await on.settle()
            lag = [quantile(0.99, *pair, "commit_lag_seconds") for pair in ((before, quiet), (quiet, troubled))]
            on.measure("34", "p99 of the ingest, quiet, upper bound of the bucket, s", lag[0], "")
            on.measure("34", "p99 of the ingest, targets failing, same", lag[1], "the same bucket")
            assert not on.size.long or lag[1] <= lag[0]
            metrics = await on.service.metrics()
            assert metrics.value("notifications_total", channel="refusing", result="dead") == count
            assert metrics.value("notifications_total", result="sent") == 4 * count
        for name, receiver in {"down": down, "broken": broken, "busy": busy, "slow": slow}.items():
            assert set(receiver.keys) == {f"{name}-{number}" for number in range(count)}, f"{name}: all delivered"
        on.measure("34", "messages delivered after recovery, percent", 100, "100")


async def test_row_35_killed_between_send_and_mark(stage: MakeStage, tmp_path) -> None:
    """Each round dies after one send; the message comes once more, under the same key.

    With several messages under way at the same time, each of them may have been sent when the process dies.
    """
    async with several(1) as [receiver]:
        section = channels(tmp_path, concurrency=1, hook=receiver)
        async with stage(settings={"alerts": section}, start=False) as on:
            desk = Desk(on.dsn)
            rounds = int(on.size.pick(2, 20))
            desk.add(*(f"m{number}" for number in range(rounds + 3)), channel="hook")
            for _ in range(rounds):
                on.service.start(fault="after_send")
                assert await on.service.exit_code() == 137
                desk.execute(
                    "UPDATE notification SET try_at = 'epoch' WHERE state = 'pending'"
                )  # leases are not the topic
            on.service.start()
            await on.service.ready()
            await until(lambda: set(desk.states().values()) == {"sent"})
            await on.settle()
        calls = Counter(receiver.keys)
        misses = [f"m{number}" for number in range(rounds + 3) if f"m{number}" not in calls]
        twice = sum(calls.values()) - len(calls)
        on.measure("35", "messages missing", len(misses), "0")
        on.measure("35", f"duplicates after {rounds} kills", twice, f"<= {rounds}, same key")
        assert misses == []
        assert 1 <= twice <= rounds


async def test_row_35_a_lease_brings_it_back_without_help(stage: MakeStage, tmp_path) -> None:
    async with several(1) as [receiver]:
        section = channels(tmp_path, hook=receiver)
        async with stage(settings={"alerts": section}, start=False) as on:
            desk = Desk(on.dsn)
            desk.add("m", channel="hook")
            on.service.start(fault="after_send")
            assert await on.service.exit_code() == 137
            assert desk.states() == {"m": "pending"}
            on.service.start()
            await on.service.ready()
            await until(lambda: desk.states() == {"m": "sent"}, within=60)
            await on.settle()
        assert receiver.keys == ["m", "m"]


async def test_row_36_a_storm_is_one_message_a_minute(database: str, size, measure) -> None:
    """5,000 devices fall silent at once, are heard and fall silent again, a step every ten seconds."""
    start = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    count, steps = 5000, int(size.pick(3, 18))
    policy = Policy(channels=(Channel("mail"), Channel("machine", grouped=False)))
    async with await connect(DatabaseSettings(dsn=database), role=Role.ALERTS) as connection:
        for step in range(steps):
            now = start + step * timedelta(seconds=10)
            found = tuple(silent(f"{number:016x}", now, step) for number in range(count))
            done = await reconcile(connection, storm(found, start), now, policy=policy)
            assert done.steps
    desk = Desk(database)
    told = desk.execute(
        "SELECT date_bin('1 minute', due_at, %s) AS minute, count(*) FROM notification"
        " WHERE channel = 'mail' AND state = 'pending' GROUP BY 1",
        start,
    )
    measure("36", "most messages of one group in a minute", max(row["count"] for row in told), "<= 1")
    assert told
    assert max(row["count"] for row in told) == 1
    [summary] = desk.execute("SELECT body FROM notification WHERE kind = 'summary' ORDER BY id LIMIT 1")
    assert summary["body"]["count"] == count
    assert len(json.dumps(summary["body"])) < 100_000
    [each] = desk.execute("SELECT count(*) FROM notification WHERE channel = 'machine' AND kind = 'opened'")
    assert each["count"] == count * ((steps + 1) // 2), "machines get every message"


def silent(device: str, now: datetime, step: int) -> Finding:
    """A silence of a device that began in this step, or one that began in the step before and ends now."""
    since = now - timedelta(seconds=10 * (step % 2))
    return Finding(
        subject=device,
        subject_kind=SubjectKind.DEVICE,
        occurrence=since.isoformat(),
        code="DEVICE_SILENT",
        severity=Severity.WARNING,
        since=since,
        due_at=since,
        ended=Ended(now, "heard_again") if step % 2 else None,
    )


def storm(found: tuple[Finding, ...], start: datetime) -> Findings:
    subjects = frozenset(one.subject for one in found)
    return Findings("silent", "1", found, subjects, start - timedelta(days=1), True)


# ---- row 38 ---------------------------------------------------------------------------------------------------

FORBIDDEN = [
    "https://127.0.0.1:{port}/", "https://127.8.8.8:{port}/", "https://localhost:{port}/", "https://LOCALHOST:{port}/",
    "https://0.0.0.0:{port}/", "https://[::1]:{port}/", "https://[::]:{port}/", "https://[::ffff:127.0.0.1]:{port}/",
    "https://[::ffff:7f00:1]:{port}/", "https://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", "https://[64:ff9b::7f00:1]:{port}/",
    "https://[2002:7f00:1::]:{port}/", "https://2130706433:{port}/", "https://0x7f000001:{port}/",
    "https://0177.0.0.1:{port}/", "https://127.1:{port}/", "https://127.0.1:{port}/", "https://10.0.0.1/",
    "https://10.255.255.255/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
    "https://100.64.0.1/", "https://100.127.255.254/", "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://[fc00::1]/", "https://224.0.0.1/",
    "https://239.255.255.250/", "https://[ff02::1]/", "https://255.255.255.255/", "https://240.0.0.1/",
    "https://192.0.2.1/", "https://198.18.0.1/", "https://[2001:db8::1]/", "https://user:pass@127.0.0.1:{port}/",
    "https://public.example@127.0.0.1:{port}/", "https://127.0.0.1.:{port}/", "https://[::ffff:169.254.169.254]/",
]  # fmt: skip
REFUSED_AT_START = [
    "http://hook.example/", "http://127.0.0.1:{port}/", "ftp://hook.example/", "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/", "https:///nohost", "//hook.example/", "unix:///run/x.sock", "", "hook.example",
]  # fmt: skip


class Answers:
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def sender(tmp_path, url: str, *, resolve=None, allow: tuple[str, ...] = (), timeout: str = "5s") -> WebhookSender:
    settings = webhook(tmp_path, url, allow_hosts=list(allow), timeout=timeout)
    return WebhookSender(settings, Wording(), now=lambda: datetime.now(UTC), resolve=resolve)


def note() -> Outgoing:
    return Outgoing("2026-000001/1/hook", "opened", {}, datetime.now(UTC))


@pytest.fixture
async def bait() -> AsyncIterator[WebReceiver]:
    """Listens where nobody may call."""
    async with WebReceiver() as receiver:
        yield receiver


def test_row_38_the_table_has_forty_urls() -> None:
    assert len(FORBIDDEN) == len(set(FORBIDDEN)) == 40


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_row_38_forbidden_addresses_get_no_connection(tmp_path, bait: WebReceiver, url: str, opened) -> None:
    with pytest.raises(Later) as error:
        await sender(tmp_path, url.format(port=bait.port)).send(note())
    assert bait.connections == 0
    assert opened == []
    assert "127" not in str(error.value)


@pytest.mark.parametrize("url", REFUSED_AT_START)
async def test_row_38_other_urls_are_refused_before_anything_starts(tmp_path, bait: WebReceiver, url: str) -> None:
    with pytest.raises(ValueError, match=r"https|url") as error:
        sender(tmp_path, url.format(port=bait.port))
    assert "passwd" not in str(error.value)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Addresses to which a connection was tried; none is really opened but to loopback."""
    tried: list[object] = []
    connect_to = BaseSelectorEventLoop.sock_connect

    async def watched(loop, sock, address):
        tried.append(address)
        if address[0] not in ("127.0.0.1", "::1"):
            raise OSError("not in a test")
        return await connect_to(loop, sock, address)

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", watched)
    return tried


async def test_row_38_the_watch_on_connections_sees_them(tmp_path, bait: WebReceiver, opened) -> None:
    await sender(tmp_path, bait.url, allow=("127.0.0.1",)).send(note())
    assert opened == [("127.0.0.1", bait.port)]
    assert bait.connections == 1


async def test_row_38_a_name_that_changes_its_answer(tmp_path, bait: WebReceiver, opened) -> None:
    """Public when checked, private when asked again: the connection goes to what was checked, and nobody asks again."""
    rebinding = Answers(["93.184.215.14"], ["127.0.0.1"])
    with pytest.raises((Later, TimeoutError)):
        async with asyncio.timeout(5):
            await sender(tmp_path, f"https://hook.example:{bait.port}/", resolve=rebinding).send(note())
    assert rebinding.asked == 1
    assert bait.connections == 0
    assert [address[0] for address in opened] in ([], ["93.184.215.14"])


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:10.0.0.1"], []])
async def test_row_38_a_name_that_points_inside(tmp_path, bait: WebReceiver, opened, answer) -> None:
    with pytest.raises(Later, match="not allowed"):
        await sender(tmp_path, f"https://hook.example:{bait.port}/", resolve=Answers(answer)).send(note())
    assert (bait.connections, opened) == (0, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_row_38_redirects_are_not_followed(tmp_path, bait: WebReceiver, status: int) -> None:
    there = Reply(status, {"Location": bait.url})
    async with WebReceiver(lambda call: there) as receiver:
        with pytest.raises(Later, match=str(status)):
            await sender(tmp_path, receiver.url, allow=("127.0.0.1",)).send(note())
    assert bait.connections == 0


async def test_row_38_a_huge_answer_is_not_read(tmp_path) -> None:
    async with WebReceiver(lambda call: Reply(200, size=2_000_000_000)) as receiver:
        started = monotonic()
        await sender(tmp_path, receiver.url, allow=("127.0.0.1",)).send(note())
        assert monotonic() - started < 5


async def test_row_38_an_answer_that_never_comes(tmp_path) -> None:
    async with WebReceiver(lambda call: Reply(seconds=60)) as receiver:
        with pytest.raises((Later, TimeoutError)):
            await sender(tmp_path, receiver.url, allow=("127.0.0.1",), timeout="0.3s").send(note())
