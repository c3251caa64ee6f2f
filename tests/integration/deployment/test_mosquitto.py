"""The shipped broker: TLS alone, known users alone, each with its topics, and a queue that outlives a restart."""

import asyncio
import os
import socket
import subprocess
from contextlib import asynccontextmanager, suppress

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from config.load import load_settings
from tests.integration.deployment.shipped import FILES, ROOT, compose, rewritten
from tests.support.mosquitto import mosquitto_program
from tests.support.publisher import Publisher
from tests.unit.deployment.test_secrets import GATEWAY

pytestmark = pytest.mark.anyio

UPLINK = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/a84041000181bcd5/event/up"
CANARY = "application/canary/device/canary/event/canary"
COMMAND = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/a84041000181bcd5/command/down"
OWN, OTHER = f"eu868/gateway/{GATEWAY}", "eu868/gateway/0016c001f1000000"

MAY_WRITE = {
    "stadtfunk": {CANARY},
    "chirpstack": {UPLINK, CANARY, f"{OWN}/command/down", f"{OTHER}/command/down"},
    "simulator": {UPLINK, CANARY, f"{OWN}/event/stats", f"{OTHER}/event/stats", f"{OWN}/state/conn"},
    "monitor": set(),
    GATEWAY: {f"{OWN}/event/stats", f"{OWN}/state/conn"},
}
TOPICS = sorted({COMMAND, "gateway/x/event/stats", "else"}.union(*MAY_WRITE.values()))


@asynccontextmanager
async def subscriber(broker, trust, user, *filters):
    access = broker.login(user)
    async with Client(
        "localhost", broker.port, tls_context=trust, clean_session=False, identifier=f"test-{user}", **access
    ) as client:
        for one in filters:
            await client.subscribe(one, qos=1)
        yield client


@pytest.mark.parametrize("user", MAY_WRITE)
async def test_everybody_writes_the_own_topics_and_no_other(broker, trust, user):
    async with Publisher(broker.port, host="localhost", tls=trust, **broker.login(user)) as publisher:
        await publisher.publish_all([(topic, b"{}") for topic in TOPICS])
    assert {topic for topic, _ in publisher.acknowledged} == MAY_WRITE[user]
    assert {topic for topic, _ in publisher.refused} == set(TOPICS) - MAY_WRITE[user]


async def test_stadtfunk_reads_what_it_subscribes_to_and_no_commands(broker, trust):
    filters = load_settings(FILES / "stadtfunk" / "stadtfunk.yaml", {}).sources[0].topics
    wanted = [UPLINK, f"{OWN}/event/stats", f"{OWN}/state/conn"]
    async with subscriber(broker, trust, "stadtfunk", *filters, "application/#", "eu868/#") as client:
        for user, topics in (("chirpstack", [f"{OWN}/command/down"]), ("simulator", wanted)):
            async with Publisher(broker.port, host="localhost", tls=trust, **broker.login(user)) as publisher:
                await publisher.publish_all([(topic, user.encode()) for topic in topics])
        found = set()
        async with asyncio.timeout(20):
            async for message in client.messages:
                found.add(str(message.topic))
                if found == set(wanted):
                    break
    assert not any("command" in topic for topic in found)


@pytest.mark.parametrize("access", [{}, {"username": "stadtfunk", "password": "wrong"}, {"username": "nobody"}])
async def test_strangers_are_refused(broker, trust, access):
    with pytest.raises(MqttError):
        async with Client("localhost", broker.port, tls_context=trust, protocol=ProtocolVersion.V5, **access):
            pass


def test_nothing_is_said_in_plain_text(broker):
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test"
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain:
        plain.sendall(connect)
        with suppress(ConnectionError):
            assert not plain.recv(64).startswith(b"\x20")  # a CONNACK


async def test_what_is_queued_for_an_absent_stadtfunk_outlives_a_restart(broker, trust):
    async with subscriber(broker, trust, "stadtfunk", "application/+/device/+/event/+"):
        pass
    async with Publisher(broker.port, host="localhost", tls=trust, **broker.login("chirpstack")) as publisher:
        await publisher.publish_all([(UPLINK, b"%d" % number) for number in range(300)])
    assert len(publisher.acknowledged) == 300
    broker.stop()
    broker.start()
    found = []
    async with asyncio.timeout(30), subscriber(broker, trust, "stadtfunk") as client:
        async for message in client.messages:
            found.append(bytes(message.payload))
            if found[-1] == b"299":
                break
    assert [b"%d" % number for number in range(300)] == [one for one in found if one.isdigit()]


def test_the_health_check_of_the_container_tells_a_living_broker_from_a_dead_one(broker, state, tmp_path):
    service = compose()["services"]["mosquitto"]
    assert service["environment"]["XDG_CONFIG_HOME"] == "/run/secrets"
    options = rewritten(
        state / "mosquitto_sub",
        {"-h mosquitto\n": "-h localhost\n", "-p 8883\n": f"-p {broker.port}\n", "/run/secrets/": f"{state}/"},
    )
    (tmp_path / "mosquitto_sub").write_text(options)
    program, *arguments = [word.replace("$$", "$") for word in service["healthcheck"]["test"][1:]]
    command = [mosquitto_program(program), *arguments]
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    healthy = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert healthy.returncode == 0, healthy.stderr
    assert healthy.stdout.endswith(b"seconds\n")
    broker.stop()
    try:
        assert subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode != 0
    finally:
        broker.start()


def test_the_how_to_recommends_what_is_shipped():
    shipped = (FILES / "mosquitto" / "mosquitto.conf").read_text().splitlines()
    text = (ROOT / "docs" / "howto" / "connect-chirpstack.md").read_text()
    told = text.split("```\npersistence", 1)[1].split("```")[0].splitlines()
    options = [f"persistence{told[0]}", *(line for line in told[1:] if line and not line.startswith("acl_file"))]
    assert [option for option in options if option not in shipped] == []
