"""Everything secret of one deployment in one folder: made once, kept for ever, completed when something is missing.

Nothing that exists is replaced, but two kinds: certificates of our own CA are renewed before they end, and files that
hold secrets of other files (Mosquitto's users, ChirpStack's configuration) follow those. What an operator put in the
place of a certificate stays.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template

import yaml
from cryptography import x509

from portal.user_roles import UserRole
from stadtfunk.deployment.certificates import Authority, Pair, needs_renewal
from stadtfunk.deployment.files import Folder
from stadtfunk.deployment.mosquitto import password_file
from stadtfunk.deployment.parts import BROKER_USERS, SECRETS, TO_FILL, Account

CA_FILE, CA_KEY = "ca.pem", "ca.key"
BROKER_NAME = "mosquitto"
ADMINISTRATOR = "admin"
GATEWAY_ID = re.compile(r"[0-9a-f]{16}")

_MONITOR_OPTIONS = """\
-h {broker}
-p 8883
--cafile /run/secrets/ca.pem
-u monitor
-P {password}
"""


def prepare(
    path: Path, *, hosts: Sequence[str], now: datetime, gateways: Sequence[str] = (), own: bool = False
) -> list[str]:
    """Complete the folder; gives the names of the files that were made or changed.

    Args:
        hosts: names and addresses under which people and gateways reach this machine.
        gateways: ids of gateways that get a login at the broker; those of earlier runs keep theirs.
        own: give each file to the account that reads it; needs root.
    """
    folder = Folder(path, own)
    values = {one.name: folder.random(one.name, one.owner, shared=one.shared) for one in SECRETS}
    for name, owner in TO_FILL.items():
        folder.write(name, folder.read(name) or b"\n", owner)
    _certificates(folder, hosts, now)
    _broker(folder, values, gateways)
    _portal(folder, values)
    _chirpstack(folder, values)
    return folder.written


def _certificates(folder: Folder, hosts: Sequence[str], now: datetime) -> None:
    if folder.has(CA_KEY):
        authority = Authority(Pair(folder.read(CA_FILE), folder.read(CA_KEY)))
    else:
        authority = Authority.new(now)
        folder.write(CA_KEY, authority.pair.key, Account.ROOT)
    folder.write(CA_FILE, authority.pair.certificate, Account.ROOT, public=True)
    # the broker is reached under its name inside, and through the proxy from outside
    if _due(folder, "mosquitto.pem", authority, [BROKER_NAME, *hosts], now):
        pair = authority.issue([BROKER_NAME, *hosts], now)
        folder.write("mosquitto.key", pair.key, Account.MOSQUITTO)
        folder.write("mosquitto.pem", pair.certificate, Account.MOSQUITTO)
    if _due(folder, "proxy.pem", authority, hosts, now):
        pair = authority.issue(hosts, now)
        folder.write("proxy.pem", pair.certificate + pair.key, Account.HAPROXY)


def _due(folder: Folder, name: str, authority: Authority, names: Sequence[str], now: datetime) -> bool:
    if not folder.has(name):
        return True
    certificate = x509.load_pem_x509_certificate(folder.read(name))
    return authority.signed(certificate) and needs_renewal(certificate, names, now)


def _broker(folder: Folder, values: dict[str, str], gateways: Sequence[str]) -> None:
    passwords = {user: values[secret] for user, secret in BROKER_USERS.items()}
    for gateway in gateways:
        passwords[gateway] = folder.random(f"mqtt-gateway-{gateway}", Account.ROOT)
    known = folder.read("mosquitto-passwords").decode()
    folder.write("mosquitto-passwords", password_file(passwords, known).encode(), Account.MOSQUITTO)
    options = _MONITOR_OPTIONS.format(broker=BROKER_NAME, password=values["mqtt-monitor"])
    folder.write("mosquitto_sub", options.encode(), Account.MOSQUITTO)


def _portal(folder: Folder, values: dict[str, str]) -> None:
    """The first user; more are the operator's to add."""
    if folder.has("portal-users.yaml"):
        return
    from portal.users import hash_password

    users = {ADMINISTRATOR: {"password_hash": hash_password(values["portal-admin"]), "role": UserRole.OPERATOR.value}}
    folder.write("portal-users.yaml", yaml.safe_dump(users).encode(), Account.STADTFUNK)


def _chirpstack(folder: Folder, values: dict[str, str]) -> None:
    """ChirpStack reads secrets from its configuration alone, so that is a secret, too."""
    placed = {
        "mqtt_password": values["mqtt-chirpstack"],
        "database_password": values["chirpstack-database"],
        "api_secret": values["chirpstack-api"],
    }
    for name in ("chirpstack.toml", "region_eu868.toml"):
        text = files("config").joinpath("deployment", "chirpstack", name).read_text(encoding="utf-8")
        folder.write(f"chirpstack-{name}", Template(text).substitute(placed).encode(), Account.NOBODY)
