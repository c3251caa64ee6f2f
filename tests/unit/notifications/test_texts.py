"""What people read: the suspicion in plain words, where and since when; never more than the facts."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts import phrases
from alerts.channels import Outgoing, Wording
from alerts.model import AlertState, EventKind
from alerts.parking.verdict import Code, EndReason
from alerts.texts import CASE_PATH, INBOX_PATH, html, moment, plain, write
from portal.inbox.router import routes

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
GERMAN = Wording("de", "Europe/Berlin", "https://portal.stadt.example")
ENGLISH = Wording("en")
BODY = {
    "number": "2026-000123",
    "event": "opened",
    "rule": "wrong_parking",
    "subject": "MZ-LS01-1",
    "subject_kind": "bay",
    "name": "Binger Str. 19, Platz 1",
    "district": "Altstadt",
    "code": "V1_NO_CHARGE",
    "severity": "warning",
    "confidence": 80,
    "state": "open",
    "since": "2026-11-24T09:12:00+00:00",
    "facts": {"station": "LS01", "secret_of_the_rule": "not for mails"},
}


def told(kind="opened", body=None, wording=GERMAN):
    return write(Outgoing("k", kind, BODY if body is None else body, NOW), wording, NOW)


def test_a_case_says_what_where_since_when_and_how_sure():
    text = told()
    assert text.subject == "Belegt ohne Ladevorgang · Binger Str. 19, Platz 1 (2026-000123)"
    assert dict(text.lines) == {
        "Ort": "Binger Str. 19, Platz 1",
        "Betrifft": "MZ-LS01-1",
        "Stadtteil": "Altstadt",
        "Seit": "heute 10:12",
        "Ladesäule": "LS01",
        "Sicherheit": "hoch (80)",
        "Stand": "offen",
        "Vorgang": "2026-000123",
    }
    assert text.link.startswith("https://portal.stadt.example/")
    assert text.link.endswith("2026-000123")
    assert "kein Nachweis" in text.footer


def test_an_end_says_why():
    text = told("resolved", BODY | {"state": "resolved", "reason": "drove_away"})
    assert text.subject.startswith("Erledigt: Belegt ohne Ladevorgang")
    assert ("Grund", "weggefahren") in text.lines


def test_english_and_without_a_portal():
    text = told(wording=ENGLISH)
    assert text.subject == "Occupied without charging · Binger Str. 19, Platz 1 (2026-000123)"
    assert text.link == ""


def test_nothing_but_known_facts_is_told():
    for text in (told(), told("updated")):
        assert "not for mails" not in plain(text) + html(text, "de")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOW - timedelta(minutes=18), "heute 10:12"),
        (NOW - timedelta(hours=11, minutes=20), "gestern 23:10"),
        (datetime(2026, 11, 23, 23, 5, tzinfo=UTC), "heute 00:05"),
        (datetime(2026, 11, 20, 22, 10, tzinfo=UTC), "Fr 20.11. 23:10"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "So 25.10. 02:30"),  # the first of two
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "Mi 01.07. 14:00"),
    ],
)
def test_times_are_local_and_said_as_people_do(at, expected):
    assert moment(at.isoformat(), GERMAN, NOW) == expected


@pytest.mark.parametrize("value", [None, "", 5, "soon", {}])
def test_what_is_no_time_is_left_out(value):
    assert moment(value, GERMAN, NOW) == ""


def test_a_digest_says_what_is_open_since_when_and_what_settled():
    entry = {name: BODY[name] for name in ("number", "name", "code", "since")}
    body = {
        "open": [entry | {"state": "acknowledged", "since": "2026-11-23T22:10:00+00:00"}],
        "open_count": 3,
        "settled": [entry | {"state": "resolved", "reason": "charging_started"}],
        "settled_count": 1,
        "came_and_went": 2,
    }
    text = told("digest", body)
    assert text.subject == "3 offen bei Schichtbeginn, 1 inzwischen erledigt"
    assert text.items == (
        "Belegt ohne Ladevorgang · Binger Str. 19, Platz 1 · offen seit gestern 23:10 · übernommen · 2026-000123",
        "… und 2 weitere",
        "Belegt ohne Ladevorgang · Binger Str. 19, Platz 1 · erledigt (Ladevorgang begonnen) · 2026-000123",
        "2 weitere sind gekommen und haben sich von selbst erledigt.",
    )


def test_a_summary_names_some_and_counts_the_others():
    one = {"code": "DEVICE_SILENT", "event": "opened", "since": BODY["since"]}
    entries = [one | {"subject": "a1"}, one | {"subject": "b2"}]
    text = told("summary", {"entries": entries, "count": 5000, "group": "silent/"})
    assert text.subject == "5000 Meldungen: Gerät meldet sich nicht"
    assert text.items[-1] == "… und 4998 weitere"


@pytest.mark.parametrize("kind", [*EventKind, "summary", "digest", "test", "else"])
@pytest.mark.parametrize("body", [{}, dict.fromkeys(BODY), {key: [] for key in BODY}, dict.fromkeys(BODY, 7)])
def test_bodies_of_any_shape_can_be_written(kind, body):
    text = told(kind, body)
    assert plain(text)
    assert html(text, "de")


def test_names_break_neither_lines_nor_pages():
    text = told(body=BODY | {"name": "A\r\nBcc: x@y.example", "district": "<script>alert(1)</script>"})
    assert "\n" not in text.subject
    assert "\r" not in text.subject
    page = html(text, "de")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (phrases.CODES, [*Code]),
        (phrases.REASONS, [*EndReason]),
        (phrases.STATES, [*AlertState]),
        (phrases.EVENTS, [kind for kind in EventKind if kind.value in phrases.EVENTS]),
    ],
)
def test_every_word_of_the_engine_has_a_phrase(words, known):
    assert known
    assert [word for word in known if word not in words] == []


def test_nobody_is_accused():
    said = " ".join(phrase.de.lower() for phrase in phrases.CODES.values())
    assert "falschparker" not in said
    assert "verbrenner" not in said


def test_links_lead_to_pages_of_the_portal():
    assert told().link == f"{GERMAN.portal_url}/inbox/cases/2026-000123"
    assert told("digest", {"open": [], "open_count": 1}).link == f"{GERMAN.portal_url}/inbox"
    paths = {route.path for route in routes.routes}
    assert {INBOX_PATH, f"{CASE_PATH}{{number}}"} <= paths
