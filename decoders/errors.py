"""Why a message could not become readings: a closed set of reasons and the errors that carry them.

The type of an error says what to do. `Rejected` (and its child `DecodeError`): keep the message raw with
its reason and acknowledge it. Everything else is a defect: a decoder's is kept as `DECODER_ERROR`, our own as
`INTERNAL_ERROR`.
"""

from enum import StrEnum
from pathlib import Path
from traceback import extract_tb

_PROGRAM = Path(__file__).parents[1]
_ROOMS = ("alerts", "config", "decoders", "ingest", "portal", "stadtfunk", "storage")


class RejectReason(StrEnum):
    """Every reason for which a message is kept in `rejected`: the same word in table, metric, log and test."""

    # the message as such
    OVERSIZED = "oversized"
    TOO_DEEP = "too_deep"
    MALFORMED = "malformed"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_TOPIC = "unknown_topic"
    IDENTITY_MISMATCH = "identity_mismatch"
    # from uplink to readings
    NO_DECODER = "no_decoder"
    UNKNOWN_PORT = "unknown_port"
    TRUNCATED = "truncated"
    INVALID_PAYLOAD = "invalid_payload"
    WRONG_MEDIUM = "wrong_medium"
    KEY_MISSING = "key_missing"
    DECRYPTION_FAILED = "decryption_failed"
    DECODER_ERROR = "decoder_error"
    # at a vendor's codec
    CODEC_ERROR = "codec_error"
    CODEC_NOT_LOADED = "codec_not_loaded"
    CODEC_OVERRUN = "codec_overrun"
    CODEC_KILLED = "codec_killed"
    CODEC_MEMORY = "codec_memory"
    CODEC_OVERSIZED = "codec_oversized"
    CODEC_QUARANTINED = "codec_quarantined"
    CODEC_UNAVAILABLE = "codec_unavailable"
    UNMAPPED = "unmapped"
    # at the database
    DATABASE_REFUSED = "database_refused"
    # anywhere
    INTERNAL_ERROR = "internal_error"
    """A defect of ours, met by this message: kept raw until a version without it tries again."""


class Rejected(Exception):
    """A message that is kept raw with a reason; its neighbours are not touched.

    Args:
        reason: the closed reason.
        detail: one line for an engineer; never holds a payload, a secret or a meter id.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class DecodeError(Rejected):
    """A payload that a decoder understands to be wrong; the only error a decoder may raise."""


def defect_at(error: BaseException) -> str:
    """Type and place of a defect, as `TypeError at storage/rows.py:88`; its text may hold a value of the message."""
    for frame in reversed(extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(_PROGRAM) and (place := file.relative_to(_PROGRAM)).parts[0] in _ROOMS:
            return f"{type(error).__name__} at {place.as_posix()}:{frame.lineno}"
    return type(error).__name__
