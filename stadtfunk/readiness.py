"""Whether Stadtfunk is ready, told from the state that its parts keep anyway."""

from collections.abc import Mapping, Sequence

from ingest.delivery import Subscription
from ingest.outage import Outage
from portal.health import Check
from stadtfunk.instance import Instance


class Readiness:
    """`portal.health.Health` of one process.

    Args:
        canaries: by source, whether a canary proves its subscription.
    """

    def __init__(
        self,
        subscriptions: Sequence[Subscription],
        instance: Instance,
        outage: Outage,
        canaries: Mapping[str, bool],
    ) -> None:
        self._subscriptions = subscriptions
        self._instance = instance
        self._outage = outage
        self._canaries = canaries

    def checks(self) -> Sequence[Check]:
        """Brokers, canaries, database, spool; in this order."""
        found = []
        for subscription in self._subscriptions:
            found.append(_broker(subscription))
            if self._canaries.get(subscription.source, False):
                found.append(_canary(subscription))
        return [*found, self._database(), Check("spool", not self._outage.spool_error, self._outage.spool_error)]

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
