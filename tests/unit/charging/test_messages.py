"""Status messages as JSON: what is read, what is told, what is no message."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.messages import read_message
from alerts.charging.status import EvseState, StatusEvent

NOW = datetime(2026, 11, 24, 6, 12, tzinfo=UTC)
AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def read(content, **options):
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_message(payload, source="depot", received_at=NOW, **options)


def entry(**changes):
    return {"evse_id": "DE*MZX*ELS01*1", "status": "Charging", "ts": "2026-11-24T06:00:00Z", **changes}


def test_one_message():
    assert read(entry()).statuses == (StatusEvent("DEMZXELS011", AT, NOW, "depot", EvseState.IN_USE, "Charging"),)


@pytest.mark.parametrize(
    "ts",
    [
        "2026-11-24T06:00:00Z", "2026-11-24T06:00:00", "2026-11-24T07:00:00+01:00", "2026-11-24 06:00:00.000Z",
        AT.timestamp(), AT.timestamp() * 1000, int(AT.timestamp()),
    ],
)  # fmt: skip
def test_times_in_every_form(ts):
    [status] = read(entry(ts=ts)).statuses
    assert status.at == AT


def test_without_a_time_the_arrival_counts():
    content = entry()
    del content["ts"]
    assert read(content).statuses[0].at == NOW
    assert read(entry(ts=None)).statuses[0].at == NOW


def test_a_list_gives_what_can_be_read_and_tells_the_rest():
    found = read(
        [
            entry(),
            entry(evse_id=7),
            5,
            entry(status=""),
            entry(ts="0001-01-01T00:00:00+05:00"),
            entry(evse_id="A*2", status="Faulted"),
        ]
    )
    assert [one.evse_key for one in found.statuses] == ["DEMZXELS011", "A2"]
    assert [problem.partition(":")[0] for problem in found.problems] == ["object 2", "object 3", "object 4", "object 5"]


def test_a_sign_of_life_has_no_status():
    assert read({"ts": "2026-11-24T06:00:00Z"}) == read({}) == read([])


def test_ids_of_the_configuration_and_ocpp_states():
    [status] = read(
        entry(evse_id="CP-7", status="Occupied", charging_state="SuspendedEV"), evse_ids={"CP-7": "DE*MZX*E7"}
    ).statuses
    assert (status.evse_key, status.status, status.raw_status) == ("DEMZXE7", EvseState.FULL, "Occupied/SuspendedEV")


def test_what_else_is_in_a_message_is_not_kept():
    [status] = read(entry(id_token="04AABBCC", driver="Somebody")).statuses
    assert "04AABBCC" not in repr(status) and "Somebody" not in repr(status)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"7", b'"text"', b"null", b"\xff\xfe", b"[" * 100_000, b"[1]" + b" " * 5 + b"x"]
)
def test_what_is_no_message(payload):
    with pytest.raises(SourceError) as refused:
        read(payload)
    assert refused.value.kind is ErrorKind.MALFORMED


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["evse_id", "status", "ts", "charging_state"]), x),
    )
)
def test_any_json_is_read_or_refused(content):
    try:
        found = read(content)
    except SourceError:
        return
    for status in found.statuses:
        assert "\0" not in status.raw_status and status.at.utcoffset() == timedelta(0)


def test_offsets_are_understood():
    local = AT.astimezone(timezone(timedelta(hours=-5)))
    assert read(entry(ts=local.isoformat())).statuses[0].at == AT
