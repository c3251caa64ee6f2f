"""Every word of every standard means what the table of the domain sheet says; any other word is UNKNOWN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.charging.status import EvseState, evse_key, state_of

WORDS = {
    "OCPI 2.2.1 and 2.3.0": {
        "AVAILABLE": "IDLE", "BLOCKED": "IDLE", "CHARGING": "IN_USE", "RESERVED": "IDLE_RESERVED",
        "INOPERATIVE": "DOWN", "OUTOFORDER": "DOWN", "PLANNED": "OUT_OF_SERVICE", "REMOVED": "OUT_OF_SERVICE",
        "UNKNOWN": "UNKNOWN",
    },
    "OCPP 1.6": {
        "Available": "IDLE", "Charging": "IN_USE", "SuspendedEVSE": "IN_USE", "SuspendedEV": "FULL",
        "Preparing": "CONNECTED", "Finishing": "CONNECTED", "Reserved": "IDLE_RESERVED", "Unavailable": "DOWN",
        "Faulted": "DOWN",
    },
    "OCPP 2.0.1": {
        "Available": "IDLE", "Occupied": "IN_USE", "Reserved": "IDLE_RESERVED", "Unavailable": "DOWN",
        "Faulted": "DOWN",
    },
    "DATEX II": {
        "available": "IDLE", "blocked": "IDLE", "charging": "IN_USE", "occupied": "IN_USE",
        "reserved": "IDLE_RESERVED", "faulted": "DOWN", "inoperative": "DOWN", "outOfOrder": "DOWN",
        "outOfStock": "DOWN", "unavailable": "DOWN", "planned": "OUT_OF_SERVICE", "removed": "OUT_OF_SERVICE",
        "unknown": "UNKNOWN",
    },
    "OICP 2.x": {
        "Available": "IDLE", "Occupied": "IN_USE", "Reserved": "IDLE_RESERVED", "OutOfService": "DOWN",
        "EvseNotFound": "OUT_OF_SERVICE", "Unknown": "UNKNOWN",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("standard", "word", "state"), [(name, *pair) for name, words in WORDS.items() for pair in words.items()]
)
def test_every_word_of_the_standards(standard, word, state):
    assert state_of(word) is EvseState(state)


@pytest.mark.parametrize(
    ("charging_state", "state"),
    [
        ("Charging", "IN_USE"),
        ("SuspendedEVSE", "IN_USE"),
        ("SuspendedEV", "FULL"),
        ("EVConnected", "CONNECTED"),
        ("", "IN_USE"),
        ("Dreaming", "IN_USE"),
    ],
)
def test_ocpp_says_beside_occupied_what_the_vehicle_does(charging_state, state):
    assert state_of("Occupied", charging_state=charging_state) is EvseState(state)


def test_a_charging_state_never_changes_another_status():
    assert state_of("Faulted", charging_state="Charging") is EvseState.DOWN


@pytest.mark.parametrize("word", [None, 7, True, [], {}, "", "  ", "AVAILABEL", "COMING_SOON"])
def test_what_nobody_knows_is_unknown(word):
    assert state_of(word) is EvseState.UNKNOWN


@given(st.one_of(st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_no_word_fails(word):
    assert isinstance(state_of(word, charging_state=word), EvseState)


@pytest.mark.parametrize("state", [state for state in EvseState if state is not EvseState.OUT_OF_SERVICE])
def test_our_own_words_mean_themselves(state):
    assert state_of(state.value) is state


@pytest.mark.parametrize("written", ["DE*MZX*E00801", "de-mzx-e00801", "DE MZX E 00801", "DEMZXE00801"])
def test_ids_are_compared_without_separators_in_upper_case(written):
    assert evse_key(written) == "DEMZXE00801"
