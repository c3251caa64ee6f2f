"""What the portal asks of the rest of the program, as protocols: it is handed objects and imports no pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must work for Stadtfunk to be ready.

    Attributes:
        name: a closed word such as `broker`, `canary`, `database`, `spool`, with the source where there are several.
        ok: it works now.
        detail: one sentence for the operator; holds no secret.
    """

    name: str
    ok: bool
    detail: str = ""


class Health(Protocol):
    """The program's own view of its health."""

    def checks(self) -> Sequence[Check]:
        """Every check in a fixed order; cheap, reads state and does no I/O."""


class Unavailable(Exception):
    """The delivery can be neither committed nor spooled now; the sender shall come again.

    Args:
        reason: one word for log and answer.
        retry_after: seconds that the sender should wait.
    """

    def __init__(self, reason: str, *, retry_after: int = 30) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class DeliverySink(Protocol):
    """The pipeline's entrance for messages that arrive over HTTP."""

    async def submit(self, source: str, topic: str, payload: bytes, received_at: datetime) -> None:
        """Take one message and return when it is committed or durably spooled.

        Raises:
            Unavailable: neither is possible now; nothing was kept.
        """
