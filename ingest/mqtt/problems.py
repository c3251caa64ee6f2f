"""What the operator should know about a source: one sentence per kind of problem, kept in its `LinkState`."""

import logging
from enum import StrEnum

from ingest.delivery import LinkState

logger = logging.getLogger(__name__)


class Problem(StrEnum):
    """Every kind of problem of a source; each has at most one sentence at a time."""

    SUBSCRIPTION_REFUSED = "subscription_refused"
    CANARY_MISSING = "canary_missing"
    SILENT = "silent"
    QOS0 = "qos0"
    QOS0_WHILE_PAUSED = "qos0_while_paused"
    GATEWAY_QOS0 = "gateway_qos0"
    BROKER_DROPS = "broker_drops"
    SESSION_LOST = "session_lost"
    SHORT_SESSION = "short_session"
    SETTING = "setting"


LOSSY = frozenset(
    {Problem.QOS0, Problem.QOS0_WHILE_PAUSED, Problem.BROKER_DROPS, Problem.SESSION_LOST, Problem.SHORT_SESSION}
)
"""Problems that mean: uplinks of this source can be lost, or were."""


class Problems:
    """The open problems of one source; writes `problems` and `lossy` of its state, and logs each change once."""

    def __init__(self, source: str, state: LinkState) -> None:
        self._source = source
        self._state = state
        self._open: dict[Problem, str] = {}

    def __contains__(self, problem: Problem) -> bool:
        return problem in self._open

    def report(self, problem: Problem, sentence: str) -> None:
        """Open a problem, or renew its sentence."""
        if problem not in self._open:
            logger.warning("problem_found source=%s problem=%s sentence=%r", self._source, problem, sentence)
        self._open[problem] = sentence
        self._publish()

    def solved(self, problem: Problem) -> None:
        """Close a problem; nothing happens when it is not open."""
        if self._open.pop(problem, None) is not None:
            logger.info("problem_solved source=%s problem=%s", self._source, problem)
            self._publish()

    def _publish(self) -> None:
        self._state.problems[:] = self._open.values()
        self._state.lossy = not LOSSY.isdisjoint(self._open)
