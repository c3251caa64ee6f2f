"""Whether Stadtfunk is ready, told from the state that its parts keep anyway."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ingest.delivery import Subscription
from ingest.outage import Outage
from portal.health import Check
from stadtfunk.instance import Instance


class Checked(Protocol):
    """A part that can say whether it works."""

    def checks(self) -> Sequence[Check]:
        """What must work for the part to be ready; cheap, no I/O."""


class Readiness:
    """`portal.health.Health` of one process.

    Args:
        canaries: by source, whether a canary proves its subscription.
        parts: what else runs in this process.
        defects: how often a defect of ours was met and contained.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        instance: Instance,
        outage: Outage,
        canaries: Mapping[str, bool],
        parts: Sequence[Checked] = (),
        *,
        defects: Callable[[], int] = int,
    ) -> None:
        self._subscriptions = subscriptions
        self._instance = instance
        self._outage = outage
        self._canaries = canaries
        self._parts = parts
        self._defects = defects

    def checks(self) -> Sequence[Check]:
        """Brokers, canaries, database, spool, other parts; in this order."""
        found = []
        for subscription in self._subscriptions:
            found.append(_broker(subscription))
            if self._canaries.get(subscription.source, False):
                found.append(_canary(subscription))
        found += [self._database(), Check("spool", not self._outage.spool_error, self._outage.spool_error)]
        found += [check for part in self._parts for check in part.checks()]
        return found if not self._defects() else [*found, self._contained()]

    def _contained(self) -> Check:
        """Defects of ours make nobody unready, since nothing waits for them; the operator shall see them."""
        detail = f"{self._defects()} internal errors since the start, nothing is lost: the log names their places"
        return Check("defects", ok=True, detail=detail)

    def _database(self) -> Check:
        if self._outage.spooling:
            return Check("database", ok=False, detail="away; messages go to the spool")
        return Check("database", self._instance.up, self._instance.detail)


def _broker(subscription: Subscription) -> Check:
    state = subscription.state
    ok = state.connected and state.subscribed
    detail = "; ".join(state.problems) if ok else state.last_error or "not connected yet"
    return Check(f"broker:{subscription.source}", ok, detail)


def _canary(subscription: Subscription) -> Check:
    proved = subscription.state.canary
    detail = "no canary has come back yet" if proved is None else "; ".join(subscription.state.problems)
    return Check(f"canary:{subscription.source}", proved is True, "" if proved else detail)
