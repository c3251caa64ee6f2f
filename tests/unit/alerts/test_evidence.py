"""A protocol proves itself: whatever is changed, left out or added shows, and erasing a name does not."""

import copy
import json

import pytest

from alerts.events import commitment
from alerts.evidence import FORMAT, VERSION, Flaw, _hash_of, content_hash, verify

CASE = {
    "number": "2026-000001",
    "subject": "MZ-LS01-1",
    "outcome": "ERMAHNUNG",
    "rule": "falschparken",
    "rule_version": "3f1c",
    "code": "V1_NO_CHARGE",
    "codes": ["V1_NO_CHARGE"],
    "severity": "warning",
    "confidence": 80,
    "group": "",
    "notifiable": True,
    "badges": [],
    "since": "2026-11-24T08:35:00.000000+00:00",
    "due_at": "2026-11-24T08:46:30.000000+00:00",
    "closed_at": "2026-11-24T09:05:00.000000+00:00",
    "facts": {"bay": "MZ-LS01-1", "legal_end": None},
    "evidence": {"uplinks": [{"f_cnt": 872, "occupied": True}]},
}


def chained(*events, case=CASE):
    rows, previous = [], ""
    for position, (kind, actor, detail) in enumerate(events, start=1):
        row = {
            "position": position,
            "at": f"2026-11-24T09:{position:02}:00.000000+00:00",
            "kind": kind,
            "actor": actor,
            "actor_salt": "s" if actor else "",
            "actor_commitment": commitment("s", actor),
            "reason": "",
            "detail": detail,
            "previous_hash": previous,
        }
        previous = row["hash"] = _hash_of(row)
        rows.append(row)
    return {
        "format": FORMAT,
        "version": VERSION,
        "number": case["number"],
        "case": {**case, "content_digest": content_hash(case)},
        "events": rows,
        "head": previous,
    }


@pytest.fixture
def document():
    seal = {"content": content_hash(CASE)}
    return chained(
        ("opened", "", {"number": CASE["number"], "subject": CASE["subject"], **seal}),
        ("acknowledged", "olga", {}),
        ("note", "olga", {"note": "steht quer"}),
        ("closed", "olga", {"outcome": "ERMAHNUNG", **seal}),
    )


def flaws(document, **given):
    return {flaw for flaw, _ in verify(document, **given).flaws}


def test_a_document_as_it_was_exported_is_sound(document):
    found = verify(json.loads(json.dumps(document)), head=document["head"])
    assert found.sound
    assert (found.number, found.events, found.sealed_at, found.erased) == ("2026-000001", 4, 4, 0)


def test_an_erased_name_leaves_it_sound(document):
    for event in document["events"]:
        event["actor"] = event["actor_salt"] = ""
    found = verify(document)
    assert (found.sound, found.erased) == (True, 3)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "2026-11-24T09:02:01.000000+00:00"),
        ("kind", "dispatched"),
        ("reason", "x"),
        ("detail", {"note": "steht richtig"}),
        ("actor_commitment", "0" * 64),
    ],
)
def test_a_changed_event_shows(document, field, value):
    document["events"][2][field] = value
    assert Flaw.HASH in flaws(document)


def test_another_name_shows(document):
    document["events"][1]["actor"] = "oskar"
    assert flaws(document) == {Flaw.NAME}


def test_a_missing_event_shows(document):
    del document["events"][2]
    assert {Flaw.ORDER, Flaw.LINK} <= flaws(document)


def test_an_event_cut_off_at_the_end_shows(document):
    del document["events"][-1]
    assert Flaw.HEAD in flaws(document)


def test_a_document_made_anew_as_a_whole_shows_against_the_printed_head(document):
    made = chained(("opened", "", {"content": content_hash(CASE)}), ("closed", "olga", {"outcome": "ERMAHNUNG"}))
    assert verify(made).sound
    assert flaws(made, head=document["head"]) == {Flaw.OTHER_HEAD}


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["facts"].update(bay="MZ-LS01-2"),
        lambda case: case["evidence"]["uplinks"].clear(),
        lambda case: case.update(confidence=95),
        lambda case: case.update(since="2026-11-24T08:30:00.000000+00:00"),
    ],
)
def test_changed_content_shows_even_with_a_digest_to_match(document, change):
    case = document["case"] = copy.deepcopy(document["case"])
    change(case)
    assert flaws(document) == {Flaw.CONTENT}
    case["content_digest"] = content_hash(case)
    assert flaws(document) == {Flaw.CONTENT}


@pytest.mark.parametrize(("name", "value"), [("number", "2026-000002"), ("subject", "MZ-LS01-2")])
def test_events_of_another_case_show(document, name, value):
    document["case"] = {**document["case"], name: value}
    document["number"] = document["case"]["number"]
    assert flaws(document) == {Flaw.OTHER_CASE}


@pytest.mark.parametrize("outcome", ["BERECHTIGT", ""])
def test_another_outcome_shows(document, outcome):
    document["case"] = {**document["case"], "outcome": outcome}
    assert flaws(document) == {Flaw.OUTCOME}


def test_an_outcome_that_nobody_gave_shows():
    made = chained(("opened", "", {"content": content_hash(CASE)}))
    assert flaws(made) == {Flaw.OUTCOME}


def test_an_undone_close_leaves_no_outcome():
    case = {**CASE, "outcome": "", "closed_at": None}
    seal = {"content": content_hash(case)}
    said = ("closed", "olga", {"outcome": "ERMAHNUNG"}), ("reopened", "olga", {"outcome": "ERMAHNUNG"})
    assert verify(chained(("opened", "", seal), *said, case=case)).sound


def test_while_a_case_goes_on_its_content_may_be_newer_than_its_last_event():
    case = {**CASE, "closed_at": None, "outcome": ""}
    newer = {**case, "confidence": 90}
    document = chained(("opened", "", {"content": content_hash(case)}), case=newer)
    found = verify(document)
    assert (found.sound, found.sealed_at) == (True, None)


@pytest.mark.parametrize(
    "broken",
    [None, [], {}, {"format": FORMAT}, {"format": FORMAT, "version": 2}, {"format": FORMAT, "version": 1, "case": {}}],
)
def test_what_is_no_protocol_is_said_to_be_none(broken):
    assert flaws(broken) == {Flaw.FORMAT}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("events", 0, "position"), "1"),
        (("events", 0, "at"), "gestern"),
        (("events", 0, "at"), "2026-11-24T09:00:00"),
        (("events", 0, "detail"), []),
        (("events", 0), 7),
        (("events",), {}),
        (("case", "since"), None),
        (("case", "number"), "2026-000002"),
        (("head",), None),
    ],
)
def test_odd_forms_are_refused_and_never_an_error(document, where, value):
    *path, last = where
    target = document
    for step in path:
        target = target[step]
    target[last] = value
    assert flaws(document) == {Flaw.FORMAT}
