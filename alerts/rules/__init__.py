"""What every rule is: settings in, findings out.

A rule loads what it needs set-wise and hands it to a pure function of history and `now`. The engine evaluates it and
reconciles its findings in one transaction, so checkpoints that a rule writes are true to what was stored. What a rule
keeps in memory is valid only while every evaluation was committed: after a failure the engine makes all rules anew.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from alerts.model import Findings
from storage.database import Connection


class Rule(Protocol):
    """One configured rule."""

    @property
    def name(self) -> str:
        """Its name in the configuration, and `alert.rule`."""
        ...

    @property
    def version(self) -> str:
        """A digest of kind and parameters, kept with every alert."""
        ...

    @property
    def wakes(self) -> frozenset[str]:
        """Reading kinds, and tables such as `evse_status`, whose new rows may change its result at once."""
        ...

    @property
    def pace(self) -> timedelta:
        """At least this much lies between two evaluations that new data ask for; timers are not held up by it."""
        ...

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """What is true at `now`; may look at a part of its subjects only, and says at which.

        Args:
            since: for `alerts test`: all episodes that ended after `since` or go on, from history alone, without a
                look at alerts or checkpoints, writing nothing.
        """
        ...


@runtime_checkable
class Portioned(Protocol):
    """A rule, or the second one of its name, that can tell history a portion of its subjects at a time."""

    name: str

    def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """What `evaluate(connection, until, since=since)` gives, in parts: each subject is in one of them."""
        ...
