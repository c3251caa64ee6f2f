"""Every poisonous message is refused with the reason and the path that the corpus names, and never with its content."""

import json

import pytest

from decoders.errors import Rejected, RejectReason
from ingest.formats import parser_for
from tests.events.corpus import Poison, example, poison
from tests.support.for_each import for_each
from tests.unit.formats.support import TREE, TTS_TREE, outcome

CASES = poison()
SECRET = "S3CRET"


@for_each(CASES, name=lambda case: case.name)
def test_poison_is_refused_with_its_reason(case: Poison):
    with pytest.raises(Rejected) as caught:
        parser_for(case.wire_format)(case.delivery)
    assert caught.value.reason == case.reason
    assert caught.value.detail.startswith(f"{case.field}:" if case.field else "")
    assert len(caught.value.detail) < 200
    assert "\n" not in caught.value.detail


def test_every_reason_of_a_parser_is_covered():
    assert {case.reason for case in CASES} == {
        RejectReason.OVERSIZED,
        RejectReason.TOO_DEEP,
        RejectReason.MALFORMED,
        RejectReason.INVALID_FIELD,
        RejectReason.UNKNOWN_TOPIC,
        RejectReason.IDENTITY_MISMATCH,
    }


@pytest.mark.parametrize("file", [TREE, TTS_TREE, "chirpstack/gateway/stats/concentratord_gps_dutycycle.json"])
def test_no_detail_tells_a_value(file: str):
    """A secret in place of any value, as text, as a number or as a key, is never repeated."""
    delivery = example(file)
    refused = 0
    for poisoned in variants(json.loads(delivery.payload), [SECRET, {SECRET: [SECRET]}, 4738291047382910473829]):
        result = outcome(delivery._replace(payload=json.dumps(poisoned).encode()))
        if isinstance(result, Rejected):
            refused += 1
            assert SECRET not in result.detail
            assert "4738291" not in result.detail
            assert result.__cause__ is None
            assert result.__suppress_context__ or result.__context__ is None
    assert refused > 20


def variants(value: object, replacements: list[object]) -> list[object]:
    """`value` with each of its parts in turn replaced by each of the replacements."""
    found = list(replacements)
    if isinstance(value, dict):
        found += [value | {key: part} for key in value for part in variants(value[key], replacements)]
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += [[*value[:index], part, *value[index + 1 :]] for part in variants(item, replacements)]
    return found
