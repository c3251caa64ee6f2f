"""The deployment's secrets: made once, completed when something is missing, renewed in time, owned by their readers."""

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from stadtfunk.deployment.certificates import RENEW_BEFORE, SERVER_LASTS, Authority
from stadtfunk.deployment.mosquitto import fits, line_of, password_file
from stadtfunk.deployment.parts import BROKER_USERS, SECRETS, Account
from stadtfunk.deployment.state import prepare

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOSTS = ("stadtfunk.example.org", "192.0.2.7")
GATEWAY = "0016c001f153a14c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("deployment") / "state"
    prepare(path, hosts=HOSTS, now=NOW, gateways=[GATEWAY])
    return path


@pytest.fixture
def copy(folder, tmp_path):
    """A folder of its own for a test that changes it."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def content(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_every_secret_is_there_random_and_ours_alone(folder):
    values = [(folder / one.name).read_text().strip() for one in SECRETS]
    assert len(set(values)) == len(values)
    assert all(len(value) >= 40 for value in values)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert {name for name, mode in modes.items() if mode != 0o600} == {"ca.pem"}


def test_a_second_run_changes_nothing(copy):
    before = content(copy)
    assert prepare(copy, hosts=HOSTS, now=NOW + timedelta(days=1)) == []
    assert content(copy) == before


def test_what_is_missing_is_made_and_what_follows_from_it_follows(copy):
    before = content(copy)
    (copy / "mqtt-chirpstack").unlink()
    made = prepare(copy, hosts=HOSTS, now=NOW)
    assert set(made) == {
        "mqtt-chirpstack", "mosquitto-passwords", "chirpstack-chirpstack.toml", "chirpstack-region_eu868.toml",
    }  # fmt: skip
    after = content(copy)
    assert {name for name in before if before[name] != after[name]} == set(made)


def test_a_further_gateway_joins_and_the_earlier_one_keeps_its_password(copy):
    prepare(copy, hosts=HOSTS, now=NOW, gateways=["0016c001f153a14d"])
    lines = (copy / "mosquitto-passwords").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == [*BROKER_USERS, GATEWAY, "0016c001f153a14d"]
    for gateway, line in zip((GATEWAY, "0016c001f153a14d"), lines[-2:], strict=True):
        assert fits(line, (copy / f"mqtt-gateway-{gateway}").read_text().strip())


@pytest.mark.parametrize(("name", "names"), [("mosquitto.pem", {"mosquitto", HOSTS[0]}), ("proxy.pem", {HOSTS[0]})])
def test_certificates_are_signed_for_the_names_under_which_the_servers_are_reached(folder, name, names):
    found = certificate(folder / name)
    found.verify_directly_issued_by(certificate(folder / "ca.pem"))
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(alternatives.get_values_for_type(x509.DNSName)) == names
    assert [str(one) for one in alternatives.get_values_for_type(x509.IPAddress)] == [HOSTS[1]]
    assert found.not_valid_after_utc == NOW + SERVER_LASTS


@pytest.mark.parametrize(
    ("later", "hosts", "renewed"),
    [
        (SERVER_LASTS - RENEW_BEFORE - timedelta(seconds=1), HOSTS, []),
        (SERVER_LASTS - RENEW_BEFORE + timedelta(seconds=1), HOSTS, ["mosquitto.key", "mosquitto.pem", "proxy.pem"]),
        (timedelta(0), ("other.example.org",), ["mosquitto.key", "mosquitto.pem", "proxy.pem"]),
    ],
)
def test_certificates_are_renewed_before_they_end_or_when_the_machine_is_called_otherwise(copy, later, hosts, renewed):
    assert prepare(copy, hosts=hosts, now=NOW + later) == renewed


def test_a_certificate_of_the_operators_own_stays(copy):
    pair = Authority.new(NOW).issue(["elsewhere.example.org"], NOW - timedelta(days=390))
    own = x509.load_pem_x509_certificate(pair.certificate)
    (copy / "proxy.pem").write_bytes(pair.certificate + pair.key)
    assert prepare(copy, hosts=HOSTS, now=NOW) == []
    assert certificate(copy / "proxy.pem") == own


def test_users_that_an_operator_added_stay(copy):
    users = copy / "portal-users.yaml"
    users.write_text(users.read_text() + "anna: {password_hash: x, role: officer}\n")
    broker = copy / "mosquitto-passwords"
    broker.write_text(broker.read_text() + line_of("anna", "her own") + "\n")
    before = content(copy)
    assert prepare(copy, hosts=HOSTS, now=NOW) == []
    assert content(copy) == before


def test_lines_of_the_brokers_users_fit_their_password_alone():
    line = line_of("anna", "right")
    assert fits(line, "right")
    assert not fits(line, "wrong")
    assert not any(fits(broken, "right") for broken in ("", "anna:", "anna:$6$x$y", "anna:$7$a$b$c", line[:-6]))
    again = password_file({"anna": "right", "bert": "new"}, f"{line}\n")
    assert again.startswith(f"{line}\nbert:$7$101$")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_belong_to_their_readers(tmp_path):
    prepare(tmp_path, hosts=HOSTS, now=NOW, own=True)
    found = {file.name: (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode))
             for file in tmp_path.iterdir()}  # fmt: skip
    ours = Account.STADTFUNK
    assert found["database-ingest"] == (ours, ours, 0o400)
    assert found["database-admin"] == (Account.POSTGRES, ours, 0o440)
    assert found["database-grafana"] == (Account.GRAFANA, ours, 0o440)
    assert found["mosquitto-passwords"] == (Account.MOSQUITTO, Account.MOSQUITTO, 0o400)
    assert found["proxy.pem"] == (Account.HAPROXY, Account.HAPROXY, 0o400)
    assert found["chirpstack-chirpstack.toml"] == (Account.NOBODY, Account.NOBODY, 0o400)
    assert found["ca.key"] == found["portal-admin"] == (0, 0, 0o600)
