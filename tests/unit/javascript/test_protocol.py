"""The conversation with a worker, without a worker: batches, deaths, short answers, quarantine."""

import json

import pytest

from decoders.javascript import CodecCall, CodecFailure, CodecSource, SandboxError
from decoders.sandbox.protocol import BATCH, LENGTH, MOST_CODECS, Conversation, Died, Loaded
from decoders.sandbox.quarantine import PATIENCE, Quarantine
from tests.unit.javascript.files import AT

GOOD = CodecSource("good", "function decodeUplink() {}")
BAD = CodecSource("bad", "for (;;);")


def call(codec: CodecSource = GOOD, payload: bytes = b"\x01\x02") -> CodecCall:
    return CodecCall(codec, payload, 7, AT)


def read(request: bytes) -> dict:
    assert LENGTH.unpack(request[: LENGTH.size])[0] == len(request) - LENGTH.size
    return json.loads(request[LENGTH.size :])


def line(value: object) -> str:
    return json.dumps({"form": "TS013", "said": {"data": {"value": value}}})


def talk(calls, reply, loaded=None, quarantine=None):
    """The results, and the requests that were made; `reply` answers each."""
    requests = []
    conversation = Conversation(calls, loaded or Loaded(), quarantine or Quarantine())
    answer = None
    while (request := conversation.request(answer)) is not None:
        requests.append(read(request))
        answer = reply(requests[-1])
    return conversation.results, requests


def echo(request: dict) -> bytes:
    return "\n".join(line(json.loads(row[1])) for row in request["calls"]).encode()


def test_a_call_is_a_row_and_its_codec_travels_once():
    loaded = Loaded()
    results, [request] = talk([call(), call(payload=b"")], echo, loaded)
    assert request["load"] == {"1": [GOOD.source, False]}
    assert request["calls"] == [[1, "[1, 2]", 7, 1784021656500.0, "{}"], [1, "[]", 7, 1784021656500.0, "{}"]]
    assert [result.data for result in results] == [{"value": [1, 2]}, {"value": []}]
    _, [again] = talk([call()], echo, loaded)
    assert again["load"] == {}


def test_nothing_to_ask_is_nothing_said():
    assert talk([], echo) == ([], [])


def test_large_batches_are_divided_and_keep_their_order():
    calls = [call(payload=bytes([number % 256, number // 256])) for number in range(2 * BATCH + 3)]
    results, requests = talk(calls, echo)
    assert [len(request["calls"]) for request in requests] == [BATCH, BATCH, 3]
    assert [result.data["value"] for result in results] == [list(each.payload) for each in calls]


def test_the_dead_workers_call_is_named_and_all_others_are_asked_again():
    replies = iter([Died(1), None])
    calls = [call(payload=b"a"), call(BAD), call(payload=b"c")]
    results, requests = talk(calls, lambda request: next(replies) or echo(request))
    assert [result.failure for result in results] == [None, CodecFailure.KILLED, None]
    assert results[2].data == {"value": [ord("c")]}
    assert requests[1]["load"]  # the new worker knows nothing
    assert len(requests[1]["calls"]) == 2


def test_an_answer_may_end_early():
    results, requests = talk(
        [call(payload=bytes([n])) for n in range(5)], lambda request: echo(request).split(b"\n")[0]
    )
    assert [result.data["value"] for result in results] == [[0], [1], [2], [3], [4]]
    assert [len(request["calls"]) for request in requests] == [5, 4, 3, 2, 1]


def test_who_overruns_too_often_is_asked_no_more():
    def reply(request):
        return b"!overrun:InternalError: interrupted" if len(request["load"]) else b"!overrun:again"

    quarantine = Quarantine(lambda: 0.0)
    results, requests = talk([call(BAD)] * 9, reply, quarantine=quarantine)
    assert len(requests) == PATIENCE
    assert [result.failure for result in results] == [CodecFailure.OVERRUN] * PATIENCE + [CodecFailure.QUARANTINED] * 4
    assert quarantine.names == ("bad",)
    [good, bad], _ = talk([call(), call(BAD)], echo, quarantine=quarantine)
    assert (good.failure, bad.failure) == (None, CodecFailure.QUARANTINED)


def test_being_killed_counts_as_overrunning():
    quarantine = Quarantine(lambda: 0.0)
    results, requests = talk([call(BAD)] * 7, lambda request: Died(0), quarantine=quarantine)
    assert len(requests) == PATIENCE
    assert [result.failure for result in results[-2:]] == [CodecFailure.QUARANTINED] * 2


def test_workers_that_die_without_a_call_are_given_up():
    with pytest.raises(SandboxError):
        talk([call()], lambda request: Died(None))


@pytest.mark.parametrize("answer", [b"", b"{}\n{}\n{}"])
def test_nonsense_is_not_taken_for_an_answer(answer):
    with pytest.raises(SandboxError):
        talk([call()], lambda request: answer)


def test_what_is_no_codec_is_not_sent():
    files = CodecSource("files", "import fs from 'fs';")
    long = CodecSource("long", "x" * (2 << 20))
    results, requests = talk([call(files), call(long)], echo)
    assert requests == []
    assert [result.failure for result in results] == [CodecFailure.NOT_LOADED] * 2


def test_codecs_that_nobody_asks_for_are_dropped():
    loaded = Loaded()
    calls = [call(CodecSource("c", f"// {number}")) for number in range(MOST_CODECS + 10)]
    _, requests = talk(calls, echo, loaded)
    assert [number for request in requests for number in request["drop"]] == list(range(1, 11))
    assert len(loaded.numbers) == MOST_CODECS
