"""The deployment's services for real, with the environment that compose gives them.

They run on the shipped broker over TLS, on a PostgreSQL with the shipped settings and access rules, behind the shipped
proxy. Only what a container's network and file system would give is changed: addresses, ports and folders.
"""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from stadtfunk.deployment.parts import LOGINS
from storage.database import Role
from tests.integration.deployment.shipped import FILES, ROOT, Program, compose, program, rewritten
from tests.support.mosquitto import free_port, mosquitto_program
from tests.support.postgres import PostgresServer, open_folder, running
from tests.support.publisher import Publisher
from tests.support.traffic import Traffic

pytestmark = pytest.mark.anyio

CLAIMED = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
FRONTENDS = {8080: "plain", 8443: "pages", 3000: "dashboards", 8090: "network_server", 8883: "mqtt"}
STADTFUNK = [sys.executable, "-c", "from stadtfunk.cli import main; main()"]


class ShippedPostgres(PostgresServer):
    """The embedded server with the shipped settings and access rules; TimescaleDB's library is not there."""

    def configuration(self):
        shipped = (FILES / "postgres" / "postgresql.conf").read_text().splitlines()
        left_out = ("hba_file", "listen_addresses", "shared_preload_libraries")
        assert all(any(line.startswith(name) for line in shipped) for name in left_out)
        own = [line for line in shipped if not line.startswith(left_out)]
        return "\n".join([super().configuration(), *own, ""])

    def access_rules(self):
        rules = (FILES / "postgres" / "pg_hba.conf").read_text()
        return f"local all all peer map=stadtfunk\n{rules}"


@dataclass
class Deployment:
    """What runs, and how the services of the compose file find it here."""

    state: Path
    folder: Path
    database: PostgresServer
    broker_port: int
    services: dict

    def environment(self, service, **more):
        """The service's environment as compose gives it, with this machine's addresses."""
        found = {
            key: str(value)
            .replace("/run/secrets/", f"{self.state}/")
            .replace("@database/", f"@127.0.0.1:{self.database.port}/")
            for key, value in self.services[service]["environment"].items()
        }
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "STADTFUNK_LANG": "en",
            "STADTFUNK_CONFIG": str(FILES / "stadtfunk" / "stadtfunk.yaml"),
            "STADTFUNK_HTTP__HOST": "127.0.0.1",
            "STADTFUNK_PORTAL__HOST": "127.0.0.1",
            "STADTFUNK_SPOOL__PATH": str(self.folder / "spool.sqlite"),
            "STADTFUNK_CHARGING__STATE_DIR": str(self.folder / "charging"),
            "STADTFUNK_SOURCES__CITY__HOST": "localhost",
            "STADTFUNK_SOURCES__CITY__PORT": str(self.broker_port),
            **found,
            **{key: str(value) for key, value in more.items()},
        }

    def command(self, service, *arguments):
        """Run one command of Stadtfunk in the service's environment."""
        done = subprocess.run(
            [*STADTFUNK, *map(str, arguments)],
            env=self.environment(service), cwd=self.folder, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
        return done.stdout.decode()

    def start(self, service, http, **more):
        """The long-running command of the service, as a program that listens at `http`."""
        name, *arguments = self.services[service]["command"]
        assert name == "stadtfunk"
        return Started(
            [*STADTFUNK, *arguments], self.folder / f"{service}.log", self.environment(service, **more), http
        )

    def dsn(self, login, password=None):
        return make_conninfo(
            host="127.0.0.1", port=self.database.port, dbname="stadtfunk", user=login.name,
            password=password or (self.state / login.secret).read_text().strip(),
        )  # fmt: skip


class Started(Program):
    """One of Stadtfunk's processes."""

    def __init__(self, command, log_file, environment, *ports):
        super().__init__(
            ["/usr/bin/env", "-i", *(f"{k}={v}" for k, v in environment.items()), *command], log_file, *ports
        )
        self.url = f"http://127.0.0.1:{ports[0]}"


@pytest.fixture(scope="module")
def deployment(state, broker, tmp_path_factory):
    """Everything set up by the set-up service's own commands."""
    with open_folder() as folder, running(ShippedPostgres(folder / "data", durable=False)) as server:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            secret = (state / "database-admin").read_text().strip()
            connection.execute(psycopg.sql.SQL("ALTER ROLE postgres PASSWORD {}").format(psycopg.sql.Literal(secret)))
        work = tmp_path_factory.mktemp("services")
        found = Deployment(state, work, server, broker.port, compose("demo")["services"])
        for command in found.services["setup"]["command"][-1].splitlines():
            if command.startswith("stadtfunk "):
                found.command("setup", *command.replace("/run/secrets", str(state)).split()[1:])
        found.command("setup", "assets", "import", ROOT / "config" / "cities" / "mainz.yaml")
        yield found


@pytest.fixture(scope="module")
def ports():
    """Free ports of the services by name."""
    return {name: free_port() for name in ("ingest", "engine", "portal", "pages")}


@pytest.fixture(scope="module")
def ingest(deployment, ports):
    with deployment.start("ingest", ports["ingest"], STADTFUNK_HTTP__PORT=ports["ingest"]) as service:
        yield service


@pytest.fixture(scope="module")
def portal(deployment, ports):
    more = {
        "STADTFUNK_HTTP__PORT": ports["portal"],
        "STADTFUNK_PORTAL__PORT": ports["pages"],
        "STADTFUNK_PORTAL__TRUSTED_PROXIES": "[127.0.0.1/32]",
    }
    with deployment.start("portal", ports["portal"], **more) as service:
        yield service


@pytest.fixture(scope="module")
def proxy(deployment, ports, broker, ingest, portal, tmp_path_factory):
    """Debian's HAProxy with the shipped configuration; its frontends' ports by what they are for."""
    folder = tmp_path_factory.mktemp("proxy")
    fronts = {port: free_port() for port in FRONTENDS}
    changes = {
        "/run/secrets/": f"{deployment.state}/",
        **{f"bind :{port}": f"bind 127.0.0.1:{here}" for port, here in fronts.items()},
        "127.0.0.1:8404": f"127.0.0.1:{free_port()}",
        " portal:8081": f" 127.0.0.1:{ports['pages']}",
        " ingest:8080": f" 127.0.0.1:{ports['ingest']}",
        " mosquitto:8883": f" 127.0.0.1:{broker.port}",
    }
    file = folder / "haproxy.cfg"
    file.write_text(rewritten(FILES / "proxy" / "haproxy.cfg", changes))
    command = [program("haproxy"), "-W", "-db", "-f", str(file)]
    with Program(command, folder / "haproxy.log", *fronts.values()):
        yield {FRONTENDS[port]: here for port, here in fronts.items()}


async def until_ready(service):
    async with asyncio.timeout(60), httpx2.AsyncClient(trust_env=False) as client:
        while (await client.get(f"{service.url}/readyz")).status_code != 200:
            await asyncio.sleep(0.1)


def test_every_service_accepts_the_shipped_configuration(deployment):
    for service in ("ingest", "engine", "portal"):
        assert "0 problem" not in deployment.command(service, "check-config")


def test_setting_up_again_changes_nothing(deployment):
    assert "Applied migration" not in deployment.command("setup", "migrate")
    deployment.command("setup", "deployment", "logins", deployment.state)
    again = deployment.command("setup", "assets", "import", ROOT / "config" / "cities" / "mainz.yaml")
    assert again.startswith("Assets: 0 new, 0 changed")


@pytest.mark.parametrize(
    "line",
    [
        "ingest status", "ingest devices", "ingest rejected list", "ingest rejected retry", "ingest redecode --list",
        "engine alerts list", "setup portal token list", "setup status",
    ],
)  # fmt: skip
def test_commands_of_runbooks_have_the_rights_of_the_service_that_they_run_in(deployment, line):
    service, *command = line.split()
    assert "permission denied" not in deployment.command(service, *command)


async def test_uplinks_of_a_network_server_outside_come_through_the_proxy_and_are_stored(
    deployment, broker, trust, ingest, proxy
):
    await until_ready(ingest)
    traffic = Traffic(random.Random(5), devices=20, poison_share=0)
    messages = traffic.take(50)
    async with Publisher(proxy["mqtt"], host="localhost", tls=trust, **broker.login("chirpstack")) as publisher:
        await publisher.publish_all([(one.topic, one.payload) for one in messages])
    assert len(publisher.acknowledged) == len(messages)
    with closing(psycopg.connect(deployment.database.dsn, autocommit=True)) as connection:
        async with asyncio.timeout(30):
            while connection.execute("SELECT count(*) FROM stadtfunk.uplink").fetchone() != (len(messages),):
                await asyncio.sleep(0.1)
        users = connection.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'stadtfunk ingest%'"
        ).fetchall()
    assert users == [("stadtfunk_ingest_login",)]


@pytest.mark.parametrize(
    ("part", "subjects"),
    [
        ("ingest", {"broker", "spool", "disk", "certificates"}),
        ("engine", set()),
        ("portal", {"portal"}),
    ],
)
async def test_the_doctor_finds_nothing_wrong_with_what_a_service_uses(
    deployment, ports, ingest, portal, part, subjects
):
    """In no container but `ingest` are the broker's password and network."""
    environment = deployment.environment(part, STADTFUNK_HTTP__PORT=ports[part])
    for service in (ingest, portal):
        await until_ready(service)
    done = await asyncio.to_thread(
        subprocess.run, [*STADTFUNK, "doctor", "--json"],
        env=environment, cwd=deployment.folder, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()
    found = {one["subject"] for one in json.loads(done.stdout)["findings"]}
    assert found - {"clock"} == {"configuration", "software", "service", "database", "files", *subjects}


async def test_engine_and_portal_get_ready_with_their_own_logins(deployment, ports, portal):
    await until_ready(portal)
    with deployment.start("engine", ports["engine"], STADTFUNK_HTTP__PORT=ports["engine"]) as engine:
        await until_ready(engine)


async def test_the_portal_is_reached_over_tls_and_logs_the_first_user_in(deployment, trust, proxy, portal):
    base = f"https://localhost:{proxy['pages']}"
    async with httpx2.AsyncClient(verify=trust, trust_env=False, headers=CLAIMED) as client:
        page = await client.get(f"{base}/login")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"]
        [token] = re.findall(r'name="csrf-token" content="([^"]+)"', page.text)
        form = {"username": "admin", "password": (deployment.state / "portal-admin").read_text().strip()}
        answer = await client.post(f"{base}/login", data=form, headers={"X-CSRF-Token": token})
        assert answer.status_code == 303
        assert "/audit" in (await client.get(f"{base}/account")).text
        assert (await client.get(f"{base}/metrics")).status_code != 200
        assert (await client.get(f"{base}/readyz")).status_code != 200
    with closing(psycopg.connect(deployment.database.dsn)) as connection:
        noted = connection.execute("SELECT DISTINCT detail::text FROM stadtfunk.audit_log").fetchall()
    assert any("127.0.0.1" in detail for (detail,) in noted)
    assert not any("203.0.113.9" in detail for (detail,) in noted)  # an address that the visitor only claimed


async def test_pages_without_tls_are_sent_to_tls(proxy):
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://localhost:{proxy['plain']}/inbox?x=1", headers={"Host": "city.example"})
    assert (answer.status_code, answer.headers["location"]) == (301, "https://city.example/inbox?x=1")


async def test_webhooks_reach_the_ingest(trust, proxy, ingest):
    async with httpx2.AsyncClient(verify=trust, trust_env=False) as client:
        answer = await client.post(f"https://localhost:{proxy['pages']}/webhooks/nobody", json={})
        direct = await client.post(f"{ingest.url}/webhooks/nobody", json={})
    assert (answer.status_code, answer.text) == (direct.status_code, direct.text)


async def test_a_service_that_is_not_there_is_said_so(trust, proxy):
    async with httpx2.AsyncClient(verify=trust, trust_env=False) as client:
        for front in ("dashboards", "network_server"):
            assert (await client.get(f"https://localhost:{proxy[front]}/")).status_code == 503


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: login.service)
def test_a_login_has_its_roles_and_nothing_else(deployment, login):
    with psycopg.connect(deployment.dsn(login), autocommit=True) as connection:
        for role in Role:
            if role in login.roles:
                connection.execute(f"SET ROLE {role}")
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SET ROLE {role}")
            connection.execute("RESET ROLE")
        attributes = connection.execute(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles "
            "WHERE rolname = current_user"
        ).fetchone()
        assert attributes == (False,)
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (x int)")
        if login.takes:  # without its role it may not even look
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT FROM stadtfunk.device")


def test_passwords_are_asked_for_and_kept_as_verifiers(deployment):
    for login in LOGINS:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(deployment.dsn(login, password="wrong")).close()
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            psycopg.connect(deployment.dsn(login), dbname="postgres").close()
    with closing(psycopg.connect(deployment.database.dsn)) as connection:
        kept = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname ~ '_login$'").fetchall()
    assert len(kept) == len(LOGINS)
    assert all(password.startswith("SCRAM-SHA-256$") for (password,) in kept)


def test_dashboards_read_views_and_change_nothing(deployment):
    [grafana] = [login for login in LOGINS if login.service == "grafana"]
    with psycopg.connect(deployment.dsn(grafana), autocommit=True) as connection:
        connection.execute("SELECT FROM v_gateway")  # found by the search path
        for statement in ("SELECT FROM device", "SELECT FROM payload_public", "SELECT FROM heat_meter"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TEMPORARY TABLE mine (x int)")
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)


def test_the_simulated_city_is_imported_and_speaks(deployment, broker, tmp_path):
    """Both commands as compose gives them, of a very small city."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, call in (("python", '"$@"'), ("stadtfunk", '-m stadtfunk "$@"')):
        (programs / name).write_text(f"#!/bin/sh\nexec {sys.executable} {call}\n")
        (programs / name).chmod(0o755)
    changes = {"/tmp/": f"{tmp_path}/", "/run/secrets/": f"{deployment.state}/", "--host mosquitto": "--host localhost",
               "--port 8883": f"--port {broker.port}", "$$": "$"}  # fmt: skip

    def shell(service):
        script = deployment.services[service]["command"][-1]
        for old, new in changes.items():
            script = script.replace(old, new)
        environment = deployment.environment(service, SCALE="0.02", DAYS="0")
        return ["sh", "-ec", script], environment | {"PATH": f"{programs}:{os.environ['PATH']}"}

    command, environment = shell("city-assets")
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Assets: " in done.stdout
    command, environment = shell("city")
    with (tmp_path / "city.log").open("wb") as log:
        city = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path)
    try:
        address = broker.login("stadtfunk")
        heard = subprocess.run(
            [mosquitto_program("mosquitto_sub"), "-h", "localhost", "-p", str(broker.port), "-t",
             "application/+/device/+/event/up", "-C", "3", "-W", "90", "-F", "%t",
             "--cafile", deployment.state / "ca.pem", "-u", address["username"], "-P", address["password"]],
            capture_output=True, timeout=100, check=False,
        )  # fmt: skip
    finally:
        city.terminate()
        city.wait(20)
    assert len(heard.stdout.split()) == 3, (tmp_path / "city.log").read_text()
