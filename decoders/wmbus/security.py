"""Decryption of meter telegrams: OMS security modes 5 and 7, the extended link layer, and Kamstrup's profile D.

Every function either returns plain data that prove themselves or raises DECRYPTION_FAILED; keys and payloads never
stand in an error.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.cmac import CMAC

from decoders.errors import DecodeError, RejectReason
from decoders.keys import KeyRing
from decoders.wmbus.address import Address
from decoders.wmbus.crc import crc16

BLOCK = 16
PROOF = b"\x2f\x2f"
"""What encrypted data begin with once they are plain (modes 5 and 7)."""

_ENCRYPTION_BY_METER = b"\x00"
_PADDING = b"\x07" * 7
_TAG = 8


def key_for(keys: KeyRing, address: Address, device: str = "") -> bytes:
    """The meter's key: by its full name, its number, or the device that sends for it.

    Raises:
        DecodeError: KEY_MISSING.
    """
    key = keys.find(address.name, address.number, device)
    if key is None:
        raise DecodeError(RejectReason.KEY_MISSING, "encrypted, and meter_keys_file has no key for this meter")
    return key


def decrypt_mode_5(key: bytes, address: Address, access_number: int, data: bytes) -> bytes:
    """AES-128-CBC; the initial vector is address and access number. `data` are whole blocks."""
    return _proved(_cbc(key, address.link_field + bytes((access_number,)) * 8, data))


def decrypt_mode_7(key: bytes, address: Address, counter: bytes, data: bytes) -> bytes:
    """AES-128-CBC with a key that is derived for this message counter (four bytes as sent)."""
    return _proved(_cbc(derived_key(key, address, counter), bytes(BLOCK), data))


def derived_key(key: bytes, address: Address, counter: bytes) -> bytes:
    """The key of one message: CMAC over purpose, counter and meter number."""
    mac = CMAC(AES128(key))
    mac.update(_ENCRYPTION_BY_METER + counter + address.identification + _PADDING)
    return mac.finalize()


def decrypt_link_layer(key: bytes, address: Address, control: int, session: bytes, data: bytes) -> bytes:
    """AES-128-CTR of the extended link layer; the data begin with their own CRC, which is taken off."""
    start = address.link_field + bytes((control,)) + session + b"\0\0\0"
    cipher = Cipher(AES128(key), CTR(start)).decryptor()
    plain = cipher.update(data) + cipher.finalize()
    if not has_valid_crc(plain):
        raise _failed()
    return plain[2:]


def has_valid_crc(data: bytes) -> bool:
    """True when the first two bytes are the CRC of the others."""
    return len(data) > 2 and crc16(data[2:]) == int.from_bytes(data[:2], "little")


def decrypt_profile_d(key: bytes, address: Address, counter: bytes, data: bytes) -> bytes:
    """AES-128-CCM with a derived key; the tag of 8 bytes stands at the end."""
    nonce = address.link_field + b"\0" + counter
    try:
        return AESCCM(derived_key(key, address, counter), tag_length=_TAG).decrypt(nonce, data, None)
    except InvalidTag:
        raise _failed() from None


def _cbc(key: bytes, start: bytes, data: bytes) -> bytes:
    cipher = Cipher(AES128(key), CBC(start)).decryptor()
    return cipher.update(data) + cipher.finalize()


def _proved(plain: bytes) -> bytes:
    if not plain.startswith(PROOF):
        raise _failed()
    return plain


def _failed() -> DecodeError:
    return DecodeError(RejectReason.DECRYPTION_FAILED, "the key in meter_keys_file does not open this telegram")
