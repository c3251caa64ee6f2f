"""One telegram, layer by layer: link layer (EN 13757-4), extended link layer, authentication, transport (EN 13757-7).

Layout of a frame without the CRCs of the radio link:
    L (bytes after it), C, manufacturer u16, number BCD4, version, medium, then one layer after the other, each named by
    its CI byte:
    8C       extended link layer: control, access number
    8D       the same, session u32, CRC u16; session bits 29-31 = encryption (0 none, 1 AES-CTR)
    8E, 8F   like 8C, 8D with the address of the meter that a repeater or converter sends for
    90       authentication and fragmentation: length, control u16, then what the control bits say
    72       long header: number, manufacturer, version, medium, access number, status, configuration u16
    7A       short header: access number, status, configuration u16
    78       no header;  79 compact frame;  A0-B7 the manufacturer's own
Bits 8-12 of the configuration are the security mode; in modes 5 and 7 bits 4-7 count the encrypted blocks of 16 bytes
and mode 7 has one more byte.

A wired frame (68 L L 68 C A CI … checksum 16) holds the same from its CI byte on.
"""

from dataclasses import dataclass

from decoders.errors import DecodeError, RejectReason
from decoders.keys import KeyRing
from decoders.reader import ByteReader
from decoders.wmbus import diehl
from decoders.wmbus.address import Address
from decoders.wmbus.compact import full_frame
from decoders.wmbus.security import (
    BLOCK,
    PROOF,
    decrypt_link_layer,
    decrypt_mode_5,
    decrypt_mode_7,
    has_valid_crc,
    key_for,
)

RECORDS = 0x78
"""The CI byte before plain records."""

_WIRED = 0x68
_MANUFACTURERS_OWN = range(0xA0, 0xB8)
_MAX_LAYERS = 4
_SHORT_HEADER = 0x7A
_MODES = (0, 5, 7)


@dataclass(slots=True)
class Telegram:
    """A telegram whose layers were taken off.

    Attributes:
        address: of the meter: the long header's, else the link layer's.
        control_information: the last CI byte; 78 for records, A0-B7 for the manufacturer's own.
        data: what follows it, plain.
        status: the meter's status byte, 0 without a header.
    """

    address: Address
    control_information: int
    data: bytes
    status: int = 0


def open_telegram(frame: bytes, keys: KeyRing, *, device: str = "") -> Telegram:
    """The content of a frame without CRCs.

    Args:
        keys: of encrypted meters.
        device: the device that sent it, whose name may stand for the meter in the key ring.

    Raises:
        DecodeError: TRUNCATED, INVALID_PAYLOAD, KEY_MISSING or DECRYPTION_FAILED.
    """
    data = ByteReader(frame)
    if frame[:1] == b"\x68" and len(frame) > 5 and frame[3] == _WIRED and frame[1] == frame[2]:
        return _Layers(_wired(data), None, keys, device).open()
    length = data.u8()
    if length > data.remaining:
        raise DecodeError(RejectReason.TRUNCATED, f"telegram of {length} bytes, there are {data.remaining}")
    if length < data.remaining:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"telegram of {length} bytes, there are {data.remaining}")
    data.take(1)
    link = data.take(8)
    address = Address.of_link(link)
    if address.maker == diehl.MAKER and data.peek() == _SHORT_HEADER and not _is_standard(data.peek(4)):
        return Telegram(diehl.address_of(link), RECORDS, diehl.unscrambled(frame))
    return _Layers(data, address, keys, device).open()


def _is_standard(configuration: int) -> bool:
    """True for the high byte of a configuration word that names a security mode of the standard."""
    return configuration & 0x1F in _MODES


def _wired(data: ByteReader) -> ByteReader:
    """The wired frame from its CI byte to its checksum."""
    _, length, _, _ = data.take(4)
    content = data.take(length)
    if data.u8() != sum(content) & 0xFF or data.u8() != 0x16 or data.remaining:
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "wired frame with a wrong checksum or end")
    inner = ByteReader(content)
    inner.take(2)
    return inner


class _Layers:
    """Takes the layers of one telegram off; holds what one layer says and a later one needs."""

    def __init__(self, data: ByteReader, address: Address | None, keys: KeyRing, device: str) -> None:
        self._data = data
        self._address = address
        self._keys = keys
        self._device = device
        self._counter: bytes | None = None
        self._header: tuple[int, int, int] = (0, 0, 0)

    def open(self) -> Telegram:
        for _ in range(_MAX_LAYERS):
            information = self._data.u8()
            if information in (0x8C, 0x8D, 0x8E, 0x8F):
                self._extended_link_layer(information)
            elif information == 0x90:
                self._authentication(ByteReader(self._data.take(self._data.u8())))
            else:
                return self._content(information)
        raise DecodeError(RejectReason.INVALID_PAYLOAD, "telegram with too many layers")

    def _extended_link_layer(self, information: int) -> None:
        data = self._data
        control, _ = data.take(2)
        if information in (0x8E, 0x8F):
            self._address = Address.of_link(data.take(8))
        if information in (0x8C, 0x8E):
            return
        session = data.take(4)
        content = data.rest()
        if has_valid_crc(content):  # not encrypted, or somebody on the way has the key
            self._data = ByteReader(content[2:])
            return
        encryption = session[3] >> 5
        if encryption != 1:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"link layer with a wrong CRC or encryption {encryption}")
        address = self._known_address()
        key = key_for(self._keys, address, self._device)
        self._data = ByteReader(decrypt_link_layer(key, address, control, session, content))

    def _authentication(self, layer: ByteReader) -> None:
        """Remember the message counter, from which mode 7 derives its key."""
        control = layer.u16_le()
        if control & 0x4000:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "telegram in several radio frames")
        if control & 0x2000:
            layer.u8()
        if control & 0x0200:
            layer.u16_le()
        if control & 0x0800:
            self._counter = layer.take(4)

    def _content(self, information: int) -> Telegram:
        if information == 0x72:
            self._address = Address.of_transport(self._data.take(8))
            return self._headed()
        if information == _SHORT_HEADER:
            return self._headed()
        if information == 0x79:
            return Telegram(self._known_address(), RECORDS, full_frame(self._data.rest()))
        if information == RECORDS or information in _MANUFACTURERS_OWN:
            return Telegram(self._known_address(), information, self._data.rest())
        raise DecodeError(RejectReason.INVALID_PAYLOAD, f"layer {information:02x} is none of a meter's values")

    def _headed(self) -> Telegram:
        data, address = self._data, self._known_address()
        access_number, status, configuration = data.u8(), data.u8(), data.u16_le()
        mode, blocks = configuration >> 8 & 0x1F, configuration >> 4 & 0x0F
        if mode == 7:
            data.take(1)
        if mode not in _MODES:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, f"security mode {mode} is not supported")
        plain = data.rest() if mode == 0 else self._decrypted(mode, access_number, blocks)
        return Telegram(address, RECORDS, plain, status)

    def _decrypted(self, mode: int, access_number: int, blocks: int) -> bytes:
        data = self._data
        if data.remaining >= len(PROOF) and data.payload.startswith(PROOF, data.offset):
            return data.rest()  # somebody on the way has the key
        address, counter = self._known_address(), self._counter
        encrypted = data.take(blocks * BLOCK)
        if not encrypted:
            return data.rest()
        key = key_for(self._keys, address, self._device)
        if mode == 5:
            return decrypt_mode_5(key, address, access_number, encrypted) + data.rest()
        if counter is None:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "security mode 7 without a message counter")
        return decrypt_mode_7(key, address, counter, encrypted) + data.rest()

    def _known_address(self) -> Address:
        if self._address is None:
            raise DecodeError(RejectReason.INVALID_PAYLOAD, "wired frame that does not say which meter it is of")
        return self._address
