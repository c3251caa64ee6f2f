"""TLS to the database against Debian's PostgreSQL, with a certificate authority of our own."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from storage.database import connect
from storage.failures import Retryable
from storage.migrate import migrate, migrations
from storage.settings import DatabaseSettings
from tests.support.postgres import DEBIAN_PROGRAMS, DebianServer, open_folder, running

PASSWORD = "correct horse"

pytestmark = pytest.mark.skipif(not DEBIAN_PROGRAMS.exists(), reason="Debian's package postgresql is not installed")


@dataclass(frozen=True)
class Authority:
    """A certificate authority that signs what tests need."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        path = self.folder / f"{self.name}.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def sign(self, common_name: str, *, address: str | None = None) -> tuple[Path, Path]:
        """A certificate and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(common_name, key.public_key(), issuer=self.certificate.subject)
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        files = (self.folder / f"{common_name}.pem", self.folder / f"{common_name}.key")
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        files[1].chmod(0o600)
        return files


def authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, key.public_key(), issuer=subject)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return Authority(folder, name, key, builder.sign(key, hashes.SHA256()))


def _builder(name: str, key: ec.EllipticCurvePublicKey, *, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


@dataclass(frozen=True)
class Site:
    """The server with our authority, and one that it has nothing to do with."""

    server: DebianServer
    ours: Authority
    foreign: Authority
    password_file: Path

    def settings(self, host: str = "127.0.0.1", **options: object) -> DatabaseSettings:
        dsn = f"host={host} port={self.server.port} dbname=stadtfunk user=stadtfunk_service"
        if host != "127.0.0.1":
            dsn += " hostaddr=127.0.0.1"
        values = {"sslmode": "verify-full", "sslrootcert": self.ours.file, "password_file": self.password_file}
        return DatabaseSettings.model_validate({"dsn": dsn, **values, **options})


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_folder() as folder:
        ours, foreign = authority(folder, "ours"), authority(folder, "foreign")
        certificate, key = ours.sign("server", address="127.0.0.1")
        password_file = folder / "password"
        password_file.write_text(PASSWORD + "\n")
        server = DebianServer(folder / "data", certificate=certificate, key=key, authority=ours.file)
        with running(server):
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute(f"CREATE ROLE stadtfunk_service SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
                connection.execute("CREATE ROLE stadtfunk_certificate LOGIN")
            yield Site(server, ours, foreign, password_file)


def tls_version(settings: DatabaseSettings) -> str:
    async def ask() -> str:
        async with await connect(settings) as connection:
            row = await (
                await connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            ).fetchone()
            return str(row[0] if row else "")

    return asyncio.run(ask())


def test_verify_full_with_our_authority_is_encrypted(site: Site) -> None:
    assert tls_version(site.settings()) == "TLSv1.3"


def test_the_whole_schema_is_made_on_debians_version(site: Site) -> None:
    assert len(asyncio.run(migrate(site.settings())).migrations) == len(migrations())


def test_another_authority_is_refused(site: Site) -> None:
    with pytest.raises(Retryable, match="certificate verify failed"):
        tls_version(site.settings(sslrootcert=site.foreign.file))


def test_another_host_name_is_refused(site: Site) -> None:
    with pytest.raises(Retryable, match="does not match host name"):
        tls_version(site.settings(host="database.example"))


def test_no_tls_is_refused_by_the_server(site: Site) -> None:
    with pytest.raises(Retryable, match="no encryption"):
        tls_version(site.settings(sslmode="disable", sslrootcert=None))


def test_a_client_certificate_logs_in_without_password(site: Site) -> None:
    certificate, key = site.ours.sign("stadtfunk_certificate")
    dsn = f"host=127.0.0.1 port={site.server.port} dbname=stadtfunk user=stadtfunk_certificate"
    assert tls_version(site.settings(dsn=dsn, sslcert=certificate, sslkey=key, password_file=None)) == "TLSv1.3"
    stranger, its_key = site.foreign.sign("stadtfunk_certificate")
    with pytest.raises(Retryable):
        tls_version(site.settings(dsn=dsn, sslcert=stranger, sslkey=its_key, password_file=None))


def test_a_wrong_password_is_refused_without_being_told(site: Site, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("hunter2")
    with pytest.raises(Retryable, match="password authentication failed") as refused:
        tls_version(site.settings(password_file=wrong))
    assert "hunter2" not in str(refused.value)
