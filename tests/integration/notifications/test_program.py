"""Channels in the program: the test command, a reload while messages go out, channels that cannot be made."""

import asyncio

import pytest
import yaml
from prometheus_client import CollectorRegistry

from config.problems import ConfigurationError
from config.settings import Settings
from stadtfunk.outbox_part import OutboxPart
from tests.integration.notifications.outbox_store import SECRET, Desk, until
from tests.support.receivers import Reply, WebReceiver, mail_server
from tests.support.service import run_command

pytestmark = pytest.mark.anyio


def configured(desk, tmp_path, **receivers):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    one = {"kind": "webhook", "secret_file": secret, "allow_hosts": ["127.0.0.1"], "per_minute": 6000}
    channels = {name: {**one, "url": receiver.url} for name, receiver in receivers.items()}
    return Settings.model_validate({"database": desk.dsn, "alerts": {"channels": channels}})


async def test_a_reload_settles_what_is_under_way_and_takes_new_channels(desk: Desk, tmp_path):
    async with WebReceiver(lambda call: Reply(seconds=0.5)) as first, WebReceiver() as second:
        part = OutboxPart(configured(desk, tmp_path, old=first), CollectorRegistry())
        desk.add("a", channel="old")
        desk.add("b", channel="new")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(part.run())
            await until(lambda: first.calls)
            part.use(configured(desk, tmp_path, old=first, new=second))
            await until(lambda: desk.states() == {"a": "sent", "b": "sent"})
            running.cancel()
    assert (first.keys, second.keys) == (["a"], ["b"])


async def test_the_end_of_the_program_settles_what_is_under_way(desk: Desk, tmp_path):
    async with WebReceiver(lambda call: Reply(seconds=0.4)) as receiver:
        part = OutboxPart(configured(desk, tmp_path, hook=receiver), CollectorRegistry())
        desk.add("a", channel="hook")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(part.run())
            await until(lambda: receiver.calls)
            running.cancel()
    assert desk.states() == {"a": "sent"}


def test_channels_that_cannot_be_made_are_named(desk: Desk, tmp_path):
    urls = tmp_path / "urls"
    urls.write_text("nosuchthing://canary\n")
    channels = {
        "chat": {"kind": "apprise", "urls_file": urls},
        "hook": {"kind": "webhook", "url": "https://hook.example/", "secret_file": tmp_path / "missing"},
    }
    settings = Settings.model_validate({"alerts": {"channels": channels}})
    with pytest.raises(ConfigurationError) as error:
        OutboxPart(settings, CollectorRegistry())
    told = str(error.value)
    assert "alerts.channels.chat" in told
    assert "alerts.channels.hook" in told
    assert "canary" not in told


def test_the_command_tells_what_came_of_a_test_message(tmp_path):
    def written(port):
        mail = {"kind": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "a@stadt.example"}
        file = tmp_path / "stadtfunk.yaml"
        file.write_text(yaml.safe_dump({"alerts": {"channels": {"post": mail | {"recipients": ["b@stadt.example"]}}}}))
        return ["alerts", "test-channel", "post", "-c", str(file)]

    with mail_server() as server:
        done = run_command(written(server.port), cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "The channel post took the test message.\n"), done.stderr
        assert len(server.mails) == 1
        unknown = run_command([*written(server.port)[:2], "fax", *written(server.port)[3:]], cwd=tmp_path)
    assert (unknown.returncode, unknown.stderr) == (1, "There is no channel fax; configured: post\n")
    failed = run_command(written(server.port), cwd=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr == "The test message of post did not arrive: ConnectionRefusedError\n"
