"""A worker's line as a result: nothing of its shape is trusted."""

import json

import pytest

from decoders.javascript import CodecFailure
from decoders.sandbox.results import result_of


def test_failures_name_themselves():
    result = result_of("!memory:InternalError: out of memory: too much")
    assert result.failure is CodecFailure.MEMORY
    assert result.errors == ("InternalError: out of memory: too much",)


@pytest.mark.parametrize(
    "said",
    [
        None,
        5,
        "text",
        True,
        {"data": None},
        {"data": 5},
        {"data": "text"},
        {"warnings": ["w"]},
        {"errors": [], "data": None},
    ],
)
def test_what_is_no_data_is_said_to_be_none(said):
    result = result_of(json.dumps({"form": "TS013", "said": said}))
    assert (result.data, result.failure) == (None, CodecFailure.THREW)
    assert result.errors == ("it returned no data",)


def test_half_characters_become_question_marks():
    result = result_of('{"form":"TS013","said":{"data":{"a\\udc00":"\\ud83dx\\\\ud83d"}}}')
    assert result.data == {"a?": "?x\\ud83d"}
    json.dumps(result.data, ensure_ascii=False).encode()


def test_messages_are_bounded():
    result = result_of(json.dumps({"form": "TS013", "said": {}, "errors": ["x" * 9999] * 99}))
    assert len(result.errors) == 20
    assert {len(error) for error in result.errors} == {500}


def test_deep_results_are_refused():
    deep = "[" * 5000 + "]" * 5000
    assert result_of(f'{{"form":"TS013","said":{{"data":{deep}}}}}').failure is CodecFailure.OVERSIZED


@pytest.mark.parametrize(
    ("normalized", "expected"),
    [
        ({"data": {"a": 1}}, ({"a": 1},)),
        ({"data": [{"a": 1}, 5, None, {"b": 2}]}, ({"a": 1}, {"b": 2})),
        ({"data": None}, ()),
        (5, ()),
        ([], ()),
    ],
)
def test_measurements_are_objects(normalized, expected):
    answer = {"form": "TS013", "said": {"data": {}}, "normalized": normalized}
    assert result_of(json.dumps(answer)).normalized == expected
