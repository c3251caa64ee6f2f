"""A case of the statistics with everything at its plainest."""

from alerts.statistics.cases import CaseRow

TUESDAY_10 = 24 + 10

_PLAIN = CaseRow(
    site="S1",
    sensor="aa",
    code="V1_NO_CHARGE",
    codes=("V1_NO_CHARGE",),
    state="resolved",
    outcome="",
    reason="drove_away",
    told=True,
    live=True,
    cell=TUESDAY_10,
    day=6,
    lost_from=0.0,
    lost_to=3600.0,
    lasted=1800.0,
    taken=None,
    arrived=None,
)


def case(**given: object) -> CaseRow:
    return _PLAIN._replace(**given)
