"""What people counters say: a reading for each line, totals that are whole, and nobody counted twice in one uplink."""

import pytest

from decoders.decoder import Decoder
from decoders.errors import DecodeError
from decoders.readings import PeopleCount, QualityFlag, Reading
from tests.support.for_each import for_each

from .cases import REGISTRY, Case, all_cases, cases, uplink

COUNTERS = [decoder for decoder in REGISTRY.decoders if decoder.kinds[0] is PeopleCount]
every_counter = pytest.mark.parametrize("decoder", COUNTERS, ids=lambda decoder: decoder.name)


def test_the_people_counters_are_there() -> None:
    assert {decoder.vendor for decoder in COUNTERS} >= {"Parametric", "Milesight", "IMBuildings", "Terabee"}


@for_each(case for case in all_cases() if case.readings)
def test_no_two_readings_of_one_uplink_have_one_key(case: Case) -> None:
    """The database would keep the first and drop the other, silently."""
    readings = decoded(REGISTRY.by_name(case.decoder), case)
    keys = [(one.kind, one.subject, one.channel, one.observed_at) for one in readings]
    assert len(keys) == len(set(keys))


@every_counter
def test_counts_are_whole_and_not_negative(decoder: Decoder) -> None:
    fields = ("entered", "exited", "entered_period", "exited_period", "present", "present_peak")
    counted = [getattr(one, field) for one in counts(decoder) for field in fields]
    assert any(counted) or decoder.name == "milesight_vs330"
    assert all(type(number) is int and number >= 0 for number in counted if number is not None)


def test_faults_are_shown_by_vectors_of_those_who_report_them() -> None:
    reporting = {
        decoder.name for decoder in COUNTERS if any(QualityFlag.SENSOR_FAULT in one.flags for one in counts(decoder))
    }
    terabee = {"terabee_pc_l_xl", "terabee_tb_pcm", "terabee_tb_poc"}
    assert reporting >= terabee | {"milesight_vs13x", "milesight_vs330", "milesight_vs350"}


def test_lines_have_channels_of_their_own() -> None:
    lines = {one.channel for one in counts(REGISTRY.by_name("milesight_vs13x")) if one.entered is not None}
    assert lines >= {1, 2, 3, 4}
    inputs = {one.channel for one in counts(REGISTRY.by_name("xter_connect"))}
    assert inputs == {0, 1, 2, 3}


def counts(decoder: Decoder) -> list[PeopleCount]:
    readings = [one for case in cases(decoder.name) for one in decoded(decoder, case)]
    return [one for one in readings if isinstance(one, PeopleCount)]


def decoded(decoder: Decoder, case: Case) -> tuple[Reading, ...]:
    try:
        return decoder.decode(uplink(case.payload, case.f_port)).readings
    except DecodeError:
        return ()
