"""The comparison of a chunk, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from decoders.readings import KINDS, HeatMeter, QualityFlag, Reading, TreeMoisture
from storage.arrays import micros, moment
from storage.batch import Outcome
from storage.redecode_compare import Again, Comparison, content_columns, content_of, row_columns
from storage.redecode_count import count
from storage.redecode_tally import MAX_EXAMPLES, Tally, total

AT = datetime(2026, 6, 1, 6, tzinfo=UTC)
MINUTE = 60_000_000


def again(f_cnt: int, *readings: Reading, was: Outcome = Outcome.DECODED, outcome: Outcome = Outcome.DECODED) -> Again:
    at = micros(AT) + f_cnt * MINUTE
    return Again(1, at, f_cnt, at, at, was, outcome, 7, readings, in_household=False, is_household=False)


def tree(minute: int, moisture: float | None, **more) -> TreeMoisture:
    return TreeMoisture(device="a" * 16, observed_at=AT + timedelta(minutes=minute), soil_moisture=moisture, **more)


def row(reading: Reading, f_cnt: int) -> tuple:
    """What the database holds of it."""
    key = (1, reading.subject, reading.channel, micros(reading.observed_at))
    return (*key, micros(AT) + f_cnt * MINUTE, f_cnt, *content_of(type(reading))(reading.__dict__))


def compare(rows, *uplinks: Again) -> Comparison:
    comparison = Comparison({TreeMoisture: rows})
    comparison.meet(uplinks)
    return comparison


def summary(comparison: Comparison) -> tuple[int, int, int]:
    found = comparison.changes()
    return tuple(sum(len(getattr(one, name)) for one in found) for name in ("appeared", "changed", "vanished"))


def test_equal_rows_are_no_change() -> None:
    comparison = compare([row(tree(0, 20.0), 0)], again(0, tree(0, 20.0)))
    assert summary(comparison) == (0, 0, 0)
    assert comparison.uplinks(comparison.changes()) == []


@pytest.mark.parametrize(
    ("stored", "new", "expected"),
    [
        ([], [tree(0, 20.0)], (1, 0, 0)),
        ([tree(0, 20.0)], [], (0, 0, 1)),
        ([tree(0, 20.0)], [tree(0, 20.5)], (0, 1, 0)),
        ([tree(0, None)], [tree(0, 20.5)], (0, 1, 0)),
        ([tree(0, 20.0)], [tree(0, 20.0, flags=QualityFlag.FROZEN)], (0, 1, 0)),
        ([tree(0, 20.0)], [tree(0, 20.0, channel=1)], (1, 0, 1)),
        ([tree(0, 20.0)], [tree(0, 20.0, subject="x")], (1, 0, 1)),
        ([tree(0, 20.0)], [tree(1, 20.0)], (1, 0, 1)),
    ],
)
def test_what_appears_changes_and_vanishes(stored, new, expected) -> None:
    comparison = compare([row(one, 0) for one in stored], again(0, *new))
    assert summary(comparison) == expected
    assert [one.f_cnt for one in comparison.uplinks(comparison.changes())] == [0]


def test_rows_of_uplinks_that_were_not_met_stay() -> None:
    assert summary(compare([row(tree(0, 20.0), 5)], again(0))) == (0, 0, 0)


def test_an_outcome_alone_changes_the_uplink() -> None:
    comparison = compare([], again(0, was=Outcome.ORPHAN))
    assert [one.f_cnt for one in comparison.uplinks(comparison.changes())] == [0]


def test_the_first_of_two_uplinks_keeps_the_row() -> None:
    """The later one repeats it with another value, as history."""
    repeated = tree(0, 25.0, flags=QualityFlag.HISTORY)
    comparison = compare([row(tree(0, 20.0), 0)], again(0, tree(0, 20.0)), again(1, repeated))
    assert summary(comparison) == (0, 0, 0)
    assert comparison.lags == {7: MINUTE}


def test_a_row_goes_to_another_uplink_that_yields_it() -> None:
    comparison = compare([row(tree(0, 20.0), 0)], again(0), again(1, tree(0, 20.0)))
    [one] = comparison.changes()
    [(old, (owner, _))] = one.changed.values()
    assert (old[5], owner.f_cnt, one.vanished) == (0, 1, {})
    assert [one.f_cnt for one in comparison.uplinks([one])] == [0, 1]
    tally = Tally()
    count(tally, [one], {})
    assert (tally.kinds["tree_moisture"].moved, tally.kinds["tree_moisture"].change) == (1, 0)


def test_of_two_new_readings_with_one_key_the_first_counts() -> None:
    comparison = compare([], again(0, tree(0, 20.0)), again(1, tree(0, 30.0)))
    [one] = comparison.changes()
    [(_, reading)] = one.appeared.values()
    assert reading.soil_moisture == 20.0


def test_an_unknown_key_that_another_uplink_has_stored_is_no_change() -> None:
    comparison = compare([], again(1, tree(0, 30.0)))
    comparison.know(TreeMoisture, row(tree(0, 20.0), 0))
    assert summary(comparison) == (0, 0, 0)


def test_an_unknown_key_that_its_own_uplink_has_stored_is_compared() -> None:
    comparison = compare([], again(1, tree(0, 30.0)))
    comparison.know(TreeMoisture, row(tree(0, 20.0), 1))
    assert summary(comparison) == (0, 1, 0)


def test_an_unclaimed_row_is_saved_by_a_claim() -> None:
    comparison = compare([row(tree(0, 20.0), 0)], again(0))
    [(kind, rows)] = comparison.unclaimed()
    [key] = rows
    comparison.claim(kind, key, (again(9), tree(0, 20.0)))
    assert summary(comparison) == (0, 1, 0)


def test_payloads_in_the_table_of_the_other_class() -> None:
    one, refused = again(0), again(1, outcome=Outcome.FAILED)
    one.is_household = refused.is_household = True
    assert compare([], one, refused).misplaced() == [one]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_content_agree_for_every_kind(kind: type[Reading]) -> None:
    reading = kind(device="a" * 16, observed_at=AT)
    assert len(content_of(kind)(reading.__dict__)) == len(content_columns(kind)) == len(row_columns(kind)) - 6


def test_a_quantity_that_is_a_time_is_compared_as_an_integer() -> None:
    reading = HeatMeter(device="a" * 16, observed_at=AT, meter_time=AT)
    place = content_columns(HeatMeter).index("meter_time")
    assert content_of(HeatMeter)(reading.__dict__)[place] == micros(AT)
    assert moment(micros(AT)) == AT


def test_counts_per_field_with_examples_and_without_households() -> None:
    rows = [row(tree(n, 20.0 + n, soil_temperature=1.0), n) for n in range(5)]
    new = [again(n, tree(n, 30.0 + n, conductivity=5.0, flags=QualityFlag.FROZEN)) for n in range(5)]
    tally = Tally()
    count(tally, compare(rows, *new).changes(), {1: "a" * 16})
    fields = tally.kinds["tree_moisture"].fields
    assert {name: tuple(one.counts().values()) for name, one in fields.items()} == {
        "flags": (0, 0, 5), "soil_moisture": (0, 0, 5), "soil_temperature": (0, 5, 0), "conductivity": (5, 0, 0),
    }  # fmt: skip
    assert len(fields["soil_moisture"].examples) == MAX_EXAMPLES
    example = fields["flags"].examples[0]
    assert (example.device, example.observed_at, example.old, example.new) == ("a" * 16, AT, "-", "FROZEN")

    meter = HeatMeter(device="a" * 16, observed_at=AT, energy=5.0, meter_time=AT)
    comparison = Comparison({})
    comparison.meet([again(0, meter)])
    household = Tally()
    count(household, comparison.changes(), {1: "a" * 16})
    examples = household.kinds["heat_meter"].fields
    assert examples["energy"].examples[0].device == ""
    assert examples["meter_time"].examples[0].new == AT


def test_counts_survive_as_json_and_add_up() -> None:
    tally = Tally(uplinks=3, left=1, outcomes=2, resolved=1, archived=4, archived_uplinks=2)
    tally.refused.update({"truncated": 2})
    tally.of("tree_moisture").change = 2
    tally.of("tree_moisture").of("soil_moisture").change = 2
    again_ = Tally.from_counts(tally.counts())
    assert again_ == tally
    assert Tally.from_counts({}) == Tally()
    double = total([tally, again_])
    assert double.counts()["kinds"]["tree_moisture"]["fields"]["soil_moisture"]["change"] == 4
    assert (double.refused, double.uplinks, double.changes_something) == ({"truncated": 4}, 6, True)
