"""From a finding to an SMTP inbox: told at once in the shift, held at night, told in the morning, told of the end."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.channels.building import make_sender
from alerts.model import Ended, Finding, Findings, Severity, SubjectKind
from alerts.reconcile import reconcile
from alerts.settings import AlertSettings
from storage.database import Role, connect
from tests.integration.notifications.outbox_store import Desk, until
from tests.support.receivers import mail_server

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 22, 10, tzinfo=UTC)  # 23:10 in Mainz
MORNING = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


def case(at: datetime, *, ended: datetime | None = None, bay: str = "MZ-LS01-1") -> Findings:
    one = Finding(
        subject=bay,
        subject_kind=SubjectKind.BAY,
        occurrence=f"{bay}@{at.isoformat()}",
        code="V1_NO_CHARGE",
        severity=Severity.WARNING,
        since=at,
        due_at=at + timedelta(minutes=10),
        confidence=80,
        facts={"station": "LS01"},
        ended=None if ended is None else Ended(ended, "drove_away"),
    )
    return Findings("wrong_parking", "1", (one,), frozenset({bay}), at - timedelta(days=30), True)


class Office:
    """The engine's and the outbox's side, at a time that the test chooses."""

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk = desk
        desk.execute(
            "INSERT INTO asset (kind, key, name, district) VALUES ('bay', 'MZ-LS01-1', 'Binger Str. 19', 'Altstadt')"
        )
        mail = {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "a@stadt.example"}
        self.settings = AlertSettings.model_validate({"channels": {"post": mail | {"recipients": ["b@stadt.example"]}}})

    async def judge(self, found: Findings, now: datetime) -> None:
        async with await connect(self.desk.settings, role=Role.ALERTS) as connection:
            await reconcile(connection, found, now, policy=self.settings.policy())

    async def send(self, now: datetime, expected: dict[str, str]) -> None:
        channel = self.settings.channels["post"]
        sender = make_sender(channel, now=lambda: now)
        async with self.desk.sending({"post": (channel, sender)}, now=lambda: now):
            await until(lambda: self.desk.states() == expected)


async def test_a_case_of_the_day(desk: Desk) -> None:
    with mail_server() as server:
        office = Office(desk, server.port)
        await office.judge(case(NOON), NOON + timedelta(minutes=11))
        await office.send(NOON + timedelta(minutes=11), {"2026-000001/1/post": "sent"})
        left = NOON + timedelta(minutes=25)
        await office.judge(case(NOON, ended=left), left + timedelta(minutes=1))
        await office.send(left + timedelta(minutes=1), {"2026-000001/1/post": "sent", "2026-000001/2/post": "sent"})
    assert [mail["Subject"] for mail in server.mails] == [
        "[Stadtfunk] Belegt ohne Ladevorgang · Binger Str. 19 (2026-000001)",
        "[Stadtfunk] Erledigt: Belegt ohne Ladevorgang · Binger Str. 19 (2026-000001)",
    ]
    text = server.mails[1].get_body(("plain",)).get_content()
    assert "Grund: weggefahren" in text
    assert "Seit: heute 12:00" in text


async def test_a_case_of_the_night(desk: Desk) -> None:
    with mail_server() as server:
        office = Office(desk, server.port)
        await office.judge(case(NIGHT), NIGHT + timedelta(minutes=11))
        await office.send(NIGHT + timedelta(minutes=12), {"2026-000001/1/post": "held"})
        assert server.mails == []
        [row] = desk.rows()
        assert row["due_at"] == MORNING
        await office.send(MORNING, {"2026-000001/1/post": "sent", "digest/post/1": "sent"})
    [mail] = server.mails
    assert mail["Subject"] == "[Stadtfunk] 1 offen bei Schichtbeginn"
    text = mail.get_body(("plain",)).get_content()
    assert "Belegt ohne Ladevorgang · Binger Str. 19 · offen seit gestern 23:10 · 2026-000001" in text


async def test_a_case_that_came_and_went_in_the_night(desk: Desk) -> None:
    with mail_server() as server:
        office = Office(desk, server.port)
        await office.judge(case(NIGHT), NIGHT + timedelta(minutes=11))
        left = NIGHT + timedelta(hours=1)
        await office.judge(case(NIGHT, ended=left), left)
        await office.send(MORNING, {"2026-000001/1/post": "sent", "2026-000001/2/post": "sent"})
    assert server.mails == [], "nobody is woken, and nobody is told of what is over"


async def test_what_was_told_in_the_evening_and_ended_in_the_night_is_in_the_digest(desk: Desk) -> None:
    evening = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)  # 21:00 in Mainz
    with mail_server() as server:
        office = Office(desk, server.port)
        await office.judge(case(evening), evening + timedelta(minutes=11))
        await office.send(evening + timedelta(minutes=11), {"2026-000001/1/post": "sent"})
        await office.judge(case(evening, ended=NIGHT), NIGHT)
        expected = {"2026-000001/1/post": "sent", "2026-000001/2/post": "sent", "digest/post/2": "sent"}
        await office.send(MORNING, expected)
    assert server.mails[1]["Subject"] == "[Stadtfunk] 1 inzwischen erledigt"
    assert "erledigt (weggefahren)" in server.mails[1].get_body(("plain",)).get_content()


async def test_what_the_channel_never_heard_of_does_not_end_for_it(desk: Desk) -> None:
    """Backfilled: opened and closed at event time, and nobody is told of either."""
    with mail_server() as server:
        office = Office(desk, server.port)
        await office.judge(case(NOON), NOON + timedelta(hours=3))
        await office.judge(case(NOON, ended=NOON + timedelta(hours=4)), NOON + timedelta(hours=5))
        await office.send(NOON + timedelta(hours=6), {})
    assert server.mails == []
