"""Until when the certificates and revocation lists are good that the settings name.

Our own certificate (and what stands with it in its file) is good until the first of them ends; a file of authorities
until the last of them ends, since a bundle may keep some that are over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from pydantic import BaseModel

OWN = frozenset({"cert_file", "sslcert"})
AUTHORITIES = frozenset({"ca_file", "sslrootcert"})
REVOCATIONS = frozenset({"crl_file"})


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """One file that ends some day.

    Attributes:
        setting: the key that names it, such as `sources.city.tls.cert_file`.
        kind: the last word of the key.
    """

    setting: str
    kind: str
    path: Path

    def expires_at(self) -> datetime | None:
        """When it ends; None for a revocation list without an end.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no PEM file of its kind.
        """
        return _expires_at(self.path, self.kind, self.path.stat().st_mtime_ns)


def certificate_files(settings: BaseModel) -> tuple[CertificateFile, ...]:
    """Every certificate file that `settings` name, in the order of the keys."""
    return tuple(_found(settings, ""))


def _found(value: object, key: str) -> Iterator[CertificateFile]:
    kind = key.rpartition(".")[2]
    if isinstance(value, Path):
        if kind in OWN | AUTHORITIES | REVOCATIONS:
            yield CertificateFile(key, kind, value)
        return
    for name, below in _children(value):
        yield from _found(below, f"{key}.{name}" if key else name)


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        yield from ((str(name), below) for name, below in value.items())
    elif isinstance(value, tuple):
        yield from ((str(getattr(below, "name", number)), below) for number, below in enumerate(value))


@lru_cache(maxsize=128)
def _expires_at(path: Path, kind: str, _changed: int) -> datetime | None:
    """Read again only when the file has changed: it is asked at every scrape."""
    content = path.read_bytes()
    if kind in REVOCATIONS:
        return x509.load_pem_x509_crl(content).next_update_utc
    ends = [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content)]
    return min(ends) if kind in OWN else max(ends)
