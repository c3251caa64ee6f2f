"""Small pieces of MQTT 5: joined PUBACKs, and what the broker's reason codes say in words."""

import sys
from array import array
from collections.abc import Sequence

import mqtt5

from ingest.mqtt.errors import LinkError, LinkLost, LinkRefused

PUBACK_WORD = 0x4002
"""First two bytes of a PUBACK without reason code: packet type and remaining length."""
FAILURE = 0x80
"""Reason codes from here on say no. The codec's enums only compare by `value`, whatever its stubs say."""

ReasonCode = mqtt5.ConnAckReasonCode | mqtt5.SubAckReasonCode | mqtt5.PubAckReasonCode | mqtt5.DisconnectReasonCode


def pubacks(packet_ids: Sequence[int]) -> bytes:
    """The PUBACKs of these messages, joined: each is four bytes, so all of them are one array of 16-bit words."""
    words = array("H", (PUBACK_WORD, 0)) * len(packet_ids)
    words[1::2] = array("H", packet_ids)
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()


def farewell(packet: mqtt5.DisconnectPacket, client_id: str) -> LinkError:
    """The error that a DISCONNECT from the broker means."""
    if packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER:
        return LinkRefused(f"another client has taken over our session: is client_id {client_id!r} used twice?")
    return LinkLost(f"the broker closed the connection: {words(packet)}")


def words(packet: mqtt5.ConnAckPacket | mqtt5.PubAckPacket | mqtt5.DisconnectPacket) -> str:
    """Reason code and the broker's own words, which are cut because they are not ours."""
    reason = reason_name(packet.reason_code)
    return reason if not packet.reason_str else f"{reason} ({packet.reason_str[:100]})"


def reason_name(code: ReasonCode) -> str:
    """The code's name in small letters."""
    return code.name.lower().replace("_", " ")
