"""Why a message could not become readings: a closed set of reasons and the errors that carry them.

The type of an error says what to do. `Rejected` (and its child `DecodeError`): keep the message raw with
its reason and acknowledge it. Everything else is a defect of the decoder and is kept as `DECODER_ERROR`.
"""

from enum import StrEnum


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
