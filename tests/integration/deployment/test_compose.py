"""`docker-compose.yml` as compose itself reads it: hardened, limited, pinned, closed, each secret with its readers."""

import re
from pathlib import Path

import pytest

from stadtfunk.deployment.parts import LOGINS, Account
from stadtfunk.deployment.state import prepare
from tests.integration.deployment.shipped import FILES, PROFILES, ROOT, compose
from tests.unit.deployment.test_secrets import NOW

JOBS = {"secrets", "setup", "city-assets"}
"""They do one thing and end."""

READERS = {
    "alertmanager-on-call": {"alertmanager"},
    "alertmanager-smtp": {"alertmanager"},
    "alertmanager-watchdog": {"alertmanager"},
    "ca.pem": {"ingest", "mosquitto", "city", "chirpstack"},
    "chirpstack-chirpstack.toml": {"chirpstack"},
    "chirpstack-database": {"chirpstack-database"},
    "chirpstack-region_eu868.toml": {"chirpstack"},
    "database-admin": {"database", "setup"},
    "database-engine": {"engine", "setup"},
    "database-grafana": {"grafana", "setup"},
    "database-ingest": {"ingest", "setup"},
    "database-portal": {"portal", "setup", "city-assets"},
    "grafana-admin": {"grafana"},
    "grafana-secret-key": {"grafana"},
    "mosquitto-passwords": {"mosquitto"},
    "mosquitto.key": {"mosquitto"},
    "mosquitto.pem": {"mosquitto"},
    "mosquitto_sub": {"mosquitto"},
    "mqtt-ingest": {"ingest"},
    "mqtt-simulator": {"city"},
    "portal-users.yaml": {"portal"},
    "proxy.pem": {"proxy"},
}


@pytest.fixture(scope="module")
def everything():
    return compose(*PROFILES)


@pytest.fixture(scope="module")
def services(everything):
    return everything["services"]


def test_profiles_add_to_what_always_runs():
    always = set(compose()["services"])
    assert always == {
        "alertmanager", "database", "engine", "grafana", "ingest", "mosquitto", "portal", "prometheus", "proxy",
        "setup",
    }  # fmt: skip
    assert set(compose("demo")["services"]) - always == {"city", "city-assets"}
    assert set(compose("chirpstack")["services"]) - always == {
        "chirpstack", "chirpstack-database", "chirpstack-redis",
    }  # fmt: skip


def test_every_container_is_hardened_and_limited(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= limits.keys(), name
        assert service["restart"] == ("no" if name in JOBS else "unless-stopped"), name


def test_nobody_is_root_but_the_one_that_gives_the_secrets_away(services):
    roots = {name for name, service in services.items() if service["user"].split(":")[0] == "0"}
    assert roots == {"secrets"}
    assert services["secrets"]["network_mode"] == "none"
    assert sorted(services["secrets"]["cap_add"]) == ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
    assert {name for name, service in services.items() if service.get("cap_add")} == {"secrets"}


def test_every_container_that_stays_tells_its_health(services):
    for name, service in services.items():
        check = service["healthcheck"]
        assert check.get("disable", False) is (name in JOBS), name
        if name not in JOBS:
            assert check["test"][0] == "CMD", name  # no shell, and not every image has one


def test_versions_are_exact(services):
    images = {service["image"] for service in services.values()}
    exact = re.compile(r"([a-z0-9./-]+:v?\d+\.\d+\.\d+|postgres:\d+\.\d+)(-[a-z0-9]+)?(@sha256:[0-9a-f]{64})?")
    assert [image for image in images if exact.fullmatch(image) is None] == []
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"stadtfunk:{version[1]}" in images
    assert f"ARG VERSION={version[1]}" in (ROOT / "Dockerfile").read_text()


def test_only_the_proxy_publishes_ports_and_the_network_server_only_on_loopback(services):
    published = {
        name: {(port.get("host_ip", ""), port["published"], port["target"]) for port in service["ports"]}
        for name, service in services.items()
        if service.get("ports")
    }
    assert published == {
        "proxy": {
            ("", "80", 8080), ("", "443", 8443), ("", "3000", 3000), ("", "8883", 8883), ("127.0.0.1", "8090", 8090),
        }
    }  # fmt: skip


def test_only_who_must_speak_to_the_world_can(everything, services):
    internal = {name for name, network in everything["networks"].items() if network.get("internal")}
    outside = {name for name, service in services.items() if set(service.get("networks", {})) - internal}
    assert outside == {"proxy", "ingest", "engine", "portal", "alertmanager"}
    # the database is reached by its clients alone, and the pages' proxy is not one of them
    in_database = {name for name, service in services.items() if "database" in service.get("networks", {})}
    assert in_database == {"database", "setup", "city-assets", "ingest", "engine", "portal", "grafana"}


def test_every_secret_is_a_file_that_is_made_and_has_its_readers_alone(everything, services, tmp_path):
    mounted = {
        name: {
            service for service, what in services.items() if name in {one["source"] for one in what.get("secrets", ())}
        }
        for name in everything["secrets"]
    }
    assert mounted == READERS
    prepare(tmp_path, hosts=["localhost"], now=NOW)
    made = {file.name for file in tmp_path.iterdir()}
    assert {Path(secret["file"]).name for secret in everything["secrets"].values()} <= made


def test_every_reader_runs_as_the_account_that_may_read(services):
    ours = ("setup", "ingest", "engine", "portal", "city", "city-assets")
    accounts = dict.fromkeys(ours, Account.STADTFUNK) | {
        "alertmanager": Account.NOBODY,
        "chirpstack": Account.NOBODY,
        "chirpstack-database": Account.POSTGRES,
        "database": Account.POSTGRES,
        "grafana": Account.GRAFANA,
        "mosquitto": Account.MOSQUITTO,
        "proxy": Account.HAPROXY,
    }
    assert {name: int(services[name]["user"].split(":")[0]) for name in accounts} == accounts


def test_no_secret_stands_in_the_file_or_in_the_environment(services):
    for name, service in services.items():
        for key, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", key):
                assert str(value).startswith(("/run/secrets/", "true", "false")), f"{name}: {key}"


def test_every_mounted_file_is_in_the_repository_and_read_only(services):
    for name, service in services.items():
        for mount in service.get("volumes", ()):
            if mount["type"] == "bind" and name != "secrets":
                source = Path(mount["source"])
                assert mount["read_only"] is True, f"{name}: {source}"
                assert source == Path("/dev/null") or source.exists(), f"{name}: {source}"


def test_volumes_are_those_that_somebody_uses(everything, services):
    used = {
        mount["source"]
        for service in services.values()
        for mount in service.get("volumes", ())
        if mount["type"] == "volume"
    }
    assert used == set(everything["volumes"])


def test_each_service_logs_in_as_itself(services):
    known = {login.service: login.name for login in LOGINS}
    for service in ("ingest", "engine", "portal"):
        environment = services[service]["environment"]
        assert environment["STADTFUNK_DATABASE__DSN"] == f"postgresql://{known[service]}@database/stadtfunk"
        assert environment["STADTFUNK_DATABASE__PASSWORD_FILE"] == f"/run/secrets/database-{service}"
        assert services[service]["command"] == ["stadtfunk", "run"]
        assert environment["STADTFUNK_ONLY"] == service
    rules = (FILES / "postgres" / "pg_hba.conf").read_text()
    assert all(
        re.search(rf"^host +stadtfunk +{name} +samenet +scram-sha-256$", rules, re.MULTILINE) for name in known.values()
    )


def test_a_city_changes_names_ports_and_files_by_its_environment():
    changed = compose(
        environment={
            "STADTFUNK_HOST": "stadtfunk.example.org",
            "STADTFUNK_URL": "https://stadtfunk.example.org",
            "STADTFUNK_HTTPS_PORT": "8443",
            "STADTFUNK_STATE": "/srv/stadtfunk",
            "STADTFUNK_WEB_SUBNET": "10.9.8.0/28",
        }
    )
    portal = changed["services"]["portal"]["environment"]
    engine = changed["services"]["engine"]["environment"]
    assert engine["STADTFUNK_PORTAL__PUBLIC_URL"] == portal["STADTFUNK_PORTAL__PUBLIC_URL"]  # links in messages
    assert portal["STADTFUNK_PORTAL__PUBLIC_URL"] == "https://stadtfunk.example.org"
    assert portal["STADTFUNK_PORTAL__TRUSTED_PROXIES"] == "[10.9.8.0/28]"
    assert changed["networks"]["web"]["ipam"]["config"] == [{"subnet": "10.9.8.0/28"}]
    assert changed["secrets"]["proxy.pem"]["file"] == "/srv/stadtfunk/proxy.pem"
    assert "8443" in {port["published"] for port in changed["services"]["proxy"]["ports"]}


def spoken_to(services):
    """Whom each service reaches by name, as its configuration says."""
    text = {name: (ROOT / "config" / path).read_text() for name, path in {
        "proxy": "deployment/proxy/haproxy.cfg",
        "prometheus": "prometheus/prometheus.yml",
        "grafana": "grafana/provisioning/datasources/stadtfunk.yaml",
        "chirpstack": "deployment/chirpstack/chirpstack.toml",
        "ingest": "deployment/stadtfunk/stadtfunk.yaml",
    }.items()}  # fmt: skip
    known = "|".join(sorted(services, key=len, reverse=True))
    named = {
        name: set(
            re.findall(rf"(?:server \w+ |[\"@/]|url: |host: )({known})(?=[:/\n])", content.replace("/run/secrets", ""))
        )
        - {name}
        for name, content in text.items()
    }
    for name, service in services.items():
        named.setdefault(name, set()).update(re.findall(rf"@({known})/", str(service.get("environment"))))
        named[name].update(re.findall(rf"--host ({known}) ", " ".join(service.get("command") or ())))
    return {name: others for name, others in named.items() if others}


def test_everybody_reaches_those_whom_the_configuration_names(services):
    found = spoken_to(services)
    assert found == {
        "proxy": {"portal", "ingest", "grafana", "chirpstack", "mosquitto"},
        "prometheus": {"ingest", "engine", "portal", "alertmanager"},
        "grafana": {"database", "prometheus"},
        "chirpstack": {"chirpstack-database", "chirpstack-redis", "mosquitto"},
        "ingest": {"mosquitto", "database"},
        "engine": {"database"},
        "portal": {"database"},
        "setup": {"database"},
        "city-assets": {"database"},
        "city": {"mosquitto"},
    }
    for name, others in found.items():
        for other in others:
            assert set(services[name]["networks"]) & set(services[other]["networks"]), f"{name} cannot reach {other}"


def test_grafana_logs_in_as_itself_and_serves_the_dashboards(services):
    [login] = [one for one in LOGINS if one.service == "grafana"]
    source = (ROOT / "config/grafana/provisioning/datasources/stadtfunk.yaml").read_text()
    assert f"user: {login.name}\n" in source
    assert f"$__file{{/run/secrets/{login.secret}}}" in source
    targets = {mount["target"] for mount in services["grafana"]["volumes"]}
    provider = (ROOT / "config/grafana/provisioning/dashboards/stadtfunk.yaml").read_text()
    [path] = re.findall(r"path: (\S+)", provider)
    assert path in targets
    assert services["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_secrets_that_alertmanager_names_are_mounted(services):
    named = set(re.findall(r"/run/secrets/([\w-]+)", (ROOT / "config/alertmanager/alertmanager.yml").read_text()))
    assert named == {one["source"] for one in services["alertmanager"]["secrets"]}
