"""Until when the certificates and revocation lists are good that the settings name.

Our own certificate (and what stands with it in its file) is good until the first of them ends; a file of authorities
until the last of them ends, since a bundle may keep some that are over.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from pydantic import BaseModel

from stadtfunk.named_files import named_files

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
    found = ((key, key.rpartition(".")[2], path) for key, path in named_files(settings))
    return tuple(CertificateFile(*one) for one in found if one[1] in OWN | AUTHORITIES | REVOCATIONS)


@lru_cache(maxsize=128)
def _expires_at(path: Path, kind: str, _changed: int) -> datetime | None:
    """Read again only when the file has changed: it is asked at every scrape."""
    content = path.read_bytes()
    if kind in REVOCATIONS:
        return x509.load_pem_x509_crl(content).next_update_utc
    ends = [one.not_valid_after_utc for one in x509.load_pem_x509_certificates(content)]
    return min(ends) if kind in OWN else max(ends)
