"""The portal as a process: alone or beside everything, its commands, and what a wrong configuration says."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx2
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.mosquitto import free_port
from tests.support.portal import HASH, PASSWORD
from tests.support.service import Service, run_command

pytestmark = pytest.mark.anyio

WEBHOOKS = {"webhooks": {"ttn": {"token": "canary-token-0123456789"}}}


def section(port, **changes):
    return {"enabled": True, "port": port, "users": {"olga": {"password_hash": HASH, "role": "officer"}}} | changes


@asynccontextmanager
async def visitor(port):
    headers = {"Accept": "text/html"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=headers) as client:
        yield client


async def page(client, path="/login", within=10.0):
    async with asyncio.timeout(within):
        while True:
            try:
                return await client.get(path)
            except httpx2.TransportError:
                await asyncio.sleep(0.05)


async def log_in(client):
    token = (await page(client)).text.split('name="csrf-token" content="')[1].split('"')[0]
    sent = {"username": "olga", "password": PASSWORD, "csrf_token": token, "next": "/account"}
    return await client.post("/login", data=sent)


async def test_alone_it_has_pages_health_and_an_orderly_end(tmp_path, database):
    port = free_port()
    async with Service(tmp_path / "portal", database, [], settings={"portal": section(port)}, only="portal") as service:
        await service.ready()
        async with visitor(port) as client:
            answer = await log_in(client)
            assert (answer.status_code, answer.headers["location"]) == (303, "/account")
            assert "olga" in (await client.get("/account")).text
            assert (await client.get("/metrics")).status_code == 404  # metrics are on the operator's port alone
        assert "server" not in answer.headers
        service.terminate()
        assert await service.exit_code() == 0
        assert PASSWORD not in service.log()
        assert HASH not in service.log()
        assert not (service.folder / "spool.sqlite").exists()


async def test_beside_everything_it_is_on_its_own_port(tmp_path, database):
    port = free_port()
    settings = {"portal": section(port), "http": WEBHOOKS}
    async with Service(tmp_path / "all", database, [], settings=settings) as service:
        await service.ready()
        async with visitor(port) as client:
            assert (await log_in(client)).status_code == 303
        async with visitor(service.port) as client:
            assert (await client.get("/login")).status_code == 404
        service.terminate()
        assert await service.exit_code() == 0


async def test_ingest_alone_leaves_it_out(tmp_path, database):
    port = free_port()
    settings = {"portal": section(port), "http": WEBHOOKS}
    async with Service(tmp_path / "ingest", database, [], settings=settings, only="ingest") as service:
        await service.ready()
        async with visitor(port) as client:
            with pytest.raises(httpx2.TransportError):
                await client.get("/login")


async def test_it_answers_in_plain_words_while_the_database_is_away(tmp_path, database):
    port = free_port()
    async with Service(tmp_path / "portal", database, [], settings={"portal": section(port)}, only="portal") as service:
        await service.ready()
        async with visitor(port) as client:
            await log_in(client)
            name = conninfo_to_dict(database)["dbname"]
            with psycopg.connect(database, dbname="postgres", autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
                away = await client.get("/account")
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert away.status_code == 503
            assert "Die Datenbank antwortet nicht" in away.text
            async with asyncio.timeout(10):
                while (await client.get("/account")).status_code != 200:
                    await asyncio.sleep(0.1)


async def test_a_taken_port_is_said_at_once(tmp_path, database):
    port = free_port()
    async with Service(tmp_path / "one", database, [], settings={"portal": section(port)}, only="portal") as service:
        await service.ready()
        other = Service(tmp_path / "two", database, [], settings={"portal": section(port)}, only="portal")
        other.start()
        assert await other.exit_code() == 1
        assert "cannot start" in other.log()


def test_hash_password_reads_a_pipe_and_refuses_short_ones(tmp_path):
    short = run_command(["portal", "hash-password"], cwd=tmp_path)
    assert short.returncode == 1
    assert "at least 12 characters" in short.stderr


def test_tokens_are_made_listed_and_revoked(tmp_path, database):
    environment = {"STADTFUNK_DATABASE__DSN": database}

    def command(*arguments):
        return run_command(["portal", "token", *arguments], cwd=tmp_path, environment=environment)

    made = command("new", "dashboard", "--scope", "statistics", "--days", "30")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    assert token.startswith("stadtfunk_")
    assert command("new", "dashboard", "--scope", "inbox").returncode == 1
    [row] = [json.loads(line) for line in command("list", "--json").stdout.splitlines()]
    assert (row["name"], row["role"], row["scopes"], row["writes"]) == ("dashboard", "viewer", ["statistics"], False)
    assert token not in command("list").stdout
    assert "dashboard" in command("list").stdout
    assert command("revoke", "dashboard").returncode == 0
    assert command("revoke", "dashboard").returncode == 1
    assert command("list", "--json").stdout == ""


def test_wrong_users_are_found_by_check_config(tmp_path):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text("portal:\n  enabled: true\n  users_file: users.yaml\n", encoding="utf-8")
    (tmp_path / "users.yaml").write_text("anna: {password_hash: in-the-clear}\n", encoding="utf-8")
    done = run_command(["check-config", "-c", str(file)], cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "anna.password_hash" in done.stderr
    assert "in-the-clear" not in done.stderr + done.stdout
