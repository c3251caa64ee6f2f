"""What people read of a device's history is in their language; what programs read is the same everywhere."""

import pytest

from decoders.uplink import Privacy
from stadtfunk.kit.history import DecodedAgain, WhyNot
from stadtfunk.kit.screen import why_not
from stadtfunk.messages import catalogue
from storage.batch import Outcome
from storage.stored_uplinks import StoredUplink
from tests.unit.codecs.paper import uplink


@pytest.mark.parametrize("reason", WhyNot)
def test_why_an_uplink_has_no_answer_is_told_in_german(monkeypatch, reason):
    monkeypatch.setenv("STADTFUNK_LANG", "de")
    assert why_not(reason) in catalogue().values()
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    assert why_not(reason) in catalogue()


def test_programs_read_the_same_in_every_language(monkeypatch):
    stored = StoredUplink(uplink(1), 2, Privacy.HOUSEHOLD, Outcome.ORPHAN, "", 0, ())
    monkeypatch.setenv("STADTFUNK_LANG", "de")
    found = DecodedAgain(stored, None, why_not=WhyNot.NO_DECODER).as_object(None)
    assert found["warnings"] == ["no mapping names a decoder for this device"]
