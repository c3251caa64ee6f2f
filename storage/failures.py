"""What a database error asks for, decided by SQLSTATE and never by a message text."""

from enum import StrEnum

import psycopg

from decoders.errors import RejectReason


class Action(StrEnum):
    """RETRY: the same batch again. ISOLATE: bisect to the bad row. FATAL: stop and tell the operator."""

    RETRY = "retry"
    ISOLATE = "isolate"
    FATAL = "fatal"


class Retryable(Exception):
    """The database could not take the batch now; it may take the same batch later.

    Attributes:
        answered: the server itself said so (a lock, a full disk) and may take it in a moment; False when the
            connection is gone, so that nobody knows for how long.
    """

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class Fatal(Exception):
    """The database will never take the batch until somebody changes schema, rights or configuration."""


_ISOLATE_CLASSES = ("22", "23")
_ISOLATE_STATES = ("54001",)
_FATAL_CLASSES = ("42", "28", "3D")


def action_for(error: BaseException) -> Action:
    """The action that `error` asks for; unknown states mean RETRY, so that nothing is dropped."""
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _action_without_state(error)
    if state in _ISOLATE_STATES or state.startswith(_ISOLATE_CLASSES):
        return Action.ISOLATE
    if state.startswith(_FATAL_CLASSES):
        return Action.FATAL
    return Action.RETRY


def _action_without_state(error: BaseException) -> Action:
    """The server or the network without a state is a lost connection; all else comes from the data or from a defect."""
    if isinstance(error, psycopg.DataError) or not isinstance(error, (psycopg.Error, OSError)):
        return Action.ISOLATE
    return Action.FATAL if isinstance(error, psycopg.ProgrammingError) else Action.RETRY


_OF_THE_DATA = (psycopg.Error, UnicodeError, OverflowError, ValueError)
"""What the database, or the encoding of a value for it, raises about the data."""


def reason_for(error: BaseException) -> RejectReason:
    """Why a message is kept raw that `error` isolated from its neighbours."""
    return RejectReason.DATABASE_REFUSED if isinstance(error, _OF_THE_DATA) else RejectReason.INTERNAL_ERROR
