"""What is asked of figures, by hand; and adding them up changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.statistics.calendar import CELLS
from alerts.statistics.figures import BayFigures, CaseFigures, Frames, Record, added_bays, added_cases
from alerts.statistics.measures import heat_map, level, quantile, reaction, share


def cells(**by_cell: float) -> tuple[float, ...]:
    row = [0.0] * CELLS
    for cell, value in by_cell.items():
        row[int(cell.removeprefix("c"))] = value
    return tuple(row)


def test_rates_are_per_day_on_which_the_hour_was_watched() -> None:
    cases = CaseFigures(hits=cells(c34=3, c35=3))
    bays = BayFigures(bays=2, watched=cells(c34=8, c35=0.6), watched_days=cells(c34=4))
    found = heat_map(cases, bays)
    assert found.rates[34] == pytest.approx(3 / 4)  # two bays, eight bay hours: four days
    assert found.rates[35] is None  # 18 minutes say nothing
    assert found.rates[0] is None
    assert (found.cases[34], found.days[34], found.most) == (3, 4, 0.75)


@pytest.mark.parametrize(("rate", "expected"), [(None, 0), (0.0, 0), (0.01, 1), (0.5, 3), (0.51, 4), (1.0, 6)])
def test_levels_of_colour(rate: float | None, expected: int) -> None:
    assert level(rate, 1.0, 6) == expected


def test_quantiles() -> None:
    assert quantile({}, 0.5) is None
    assert quantile({4: 1}, 0.9) == 4
    assert quantile({1: 1, 2: 1, 3: 1, 10: 1}, 0.5) == 2.5
    assert quantile({0: 9, 60: 1}, 0.9) == pytest.approx(6.0)
    assert reaction({5: 3}) == (3, 5, 5)


def test_shares_of_nothing_are_unknown() -> None:
    assert [share(part, whole) for part, whole in ((0, 0), (3, 4), (0, 4))] == [None, 0.75, 0]


minutes = st.dictionaries(st.integers(0, 300), st.integers(1, 5), max_size=6)
case_figures = st.builds(
    CaseFigures,
    cases=st.integers(0, 50),
    codes=st.dictionaries(st.sampled_from(["V1_NO_CHARGE", "V3_MAX_STAY"]), st.integers(1, 9)),
    taken=minutes,
    hits=st.lists(st.integers(0, 9).map(float), min_size=CELLS, max_size=CELLS).map(tuple),
    records=st.dictionaries(
        st.sampled_from(["aa", "bb"]), st.builds(Record, confirmed=st.integers(0, 9), false=st.integers(0, 9))
    ),
)


@settings(deadline=None)
@given(case_figures, case_figures, case_figures)
def test_figures_add_up_in_any_order_and_through_their_kept_form(
    first: CaseFigures, second: CaseFigures, third: CaseFigures
) -> None:
    at_once = added_cases([first, second, third])
    kept = CaseFigures.model_validate_json(added_cases([first, second]).model_dump_json())
    assert added_cases([third, kept]) == at_once


def test_medians_are_those_of_all_cases_together() -> None:
    both = added_cases([CaseFigures(taken={1: 1, 2: 1}), CaseFigures(taken={9: 1})])
    assert reaction(both.taken).median == 2


def test_bays_of_sites_add_up_and_those_of_months_do_not() -> None:
    one = BayFigures(
        bays=2, watched=cells(c0=8), watched_days=cells(c0=4), judged=10, free=Frames(received=1, missing=2)
    )
    sites, months = added_bays([one, one]), added_bays([one, one], months=True)
    assert (sites.bays, sites.watched[0], sites.watched_days[0]) == (4, 16, 4)
    assert (months.bays, months.watched[0], months.watched_days[0]) == (2, 16, 8)
    assert sites.judged == months.judged == 20
    assert sites.free == Frames(received=2, missing=4)
    assert added_bays([]) == BayFigures()
