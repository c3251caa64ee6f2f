"""`KeyRing`: the AES keys of encrypted meters, read from a secret file and never shown.

The file has one line a meter, as YAML or (`*.csv`) as comma- or semicolon-separated values:

    KAM78152801: 000102030405060708090a0b0c0d0e0f      # manufacturer and number as printed on the meter
    78152801: 000102030405060708090a0b0c0d0e0f         # the number alone: whatever the manufacturer
    70b3d57ed0000001: 000102030405060708090a0b0c0d0e0f  # the DevEUI of a LoRaWAN module
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

_NAME = re.compile(r"(?:[A-Z]{3})?[0-9A-F]{8}|[0-9A-F]{16}")
_KEY = re.compile(r"[0-9a-fA-F]{32}")
_OTHERS_MAY = 0o077


class KeyRing:
    """Keys of 16 bytes by the name of the meter or device. Immutable; its text form shows how many it holds.

    Args:
        keys: by name as `key_name` writes it.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, bytes] = MappingProxyType({})) -> None:
        self._keys = dict(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)} keys>"

    def find(self, *names: str) -> bytes | None:
        """The key of the first of `names` that has one: `KAM78152801`, `78152801` or a DevEUI."""
        for name in names:
            key = self._keys.get(name.upper())
            if key is not None:
                return key
        return None


NO_KEYS = KeyRing()


def load_keys(path: Path) -> KeyRing:
    """The key ring in the file at `path`.

    Raises:
        OSError: the file cannot be read.
        ValueError: what is wrong and in which line; the text holds neither a name nor a key.
    """
    if path.stat().st_mode & _OTHERS_MAY:
        raise ValueError("a file that nobody but its owner can read (mode 0600)")
    text = path.read_text(encoding="utf-8")
    keys: dict[str, bytes] = {}
    for line, written, key in _rows(text) if path.suffix == ".csv" else _pairs(text):
        name = key_name(written)
        if not _NAME.fullmatch(name):
            raise ValueError(f"line {line}: a meter number of 8 digits, with its manufacturer or not, or a DevEUI")
        if not _KEY.fullmatch(key):
            raise ValueError(f"line {line}: a key of 32 hex digits")
        if name in keys:
            raise ValueError(f"line {line}: one key for each meter; this one has another above")
        keys[name] = bytes.fromhex(key)
    return KeyRing(keys)


def key_name(written: str) -> str:
    """A meter or device name without the separators that people write."""
    return re.sub(r"[-: .]", "", written).upper()


def _rows(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, name and key of a table; its heading is skipped."""
    separator = ";" if ";" in text else ","
    for line, row in enumerate(csv.reader(text.splitlines(), delimiter=separator), start=1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        if len(row) < 2:
            raise ValueError(f"line {line}: two columns, meter and key")
        if line == 1 and not _KEY.fullmatch(row[1].strip()):
            continue
        yield line, row[0].strip(), row[1].strip()


def _pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, name and key of a YAML mapping; everything is text, so that 00309924 stays what it is."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise ValueError(f"line {line}: YAML, one `meter: key` a line") from None
    if document is None:
        return
    if not isinstance(document, yaml.MappingNode):
        raise ValueError("line 1: YAML, one `meter: key` a line")
    for name, key in document.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode) or not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"line {line}: YAML, one `meter: key` a line")
        yield line, name.value, key.value
