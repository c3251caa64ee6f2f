"""ChirpStack's two encodings. No message says which one it has: JSON starts with a brace, protobuf never does."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from decoders.errors import Rejected, RejectReason
from ingest.formats.guards import convert, read_json

T = TypeVar("T")
FromProtobuf = Callable[[bytes], dict[str, object]]


class MessageType(Generic[T]):
    """One type of message, read from either encoding into the same model.

    Args:
        model: what the message must be.
        from_protobuf: makes plain values named as in the JSON of a protobuf payload; None where the schema is gone.
    """

    __slots__ = ("_decode", "_from_protobuf", "_model")

    def __init__(self, model: type[T], from_protobuf: FromProtobuf | None) -> None:
        self._model = model
        self._decode = msgspec.json.Decoder(model).decode
        self._from_protobuf = from_protobuf

    def read(self, payload: bytes) -> T:
        """The message that `payload` is.

        Raises:
            Rejected: with the reason, and the path of a wrong field.
        """
        if payload[:1] == b"{" or payload.lstrip(b" \t\r\n")[:1] == b"{":
            return read_json(self._decode, payload)
        if not payload:
            raise Rejected(RejectReason.MALFORMED, "empty payload")
        if self._from_protobuf is None:
            raise Rejected(RejectReason.MALFORMED, "not JSON, and this event has no protobuf form")
        return convert(self._from_protobuf(payload), self._model)
