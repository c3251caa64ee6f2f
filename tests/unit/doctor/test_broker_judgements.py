"""What a visit to a broker means, and the line that mends it."""

import ssl
from datetime import UTC, datetime

import pytest

from ingest.settings import SourceSettings
from stadtfunk.doctor import (
    broker,
)
from stadtfunk.doctor.broker_visit import CanaryFate, Granted, Visit
from stadtfunk.doctor.ear import Heard
from stadtfunk.doctor.findings import Level
from stadtfunk.doctor.presented import Hindered, Obstacle, Server, ends_at, hindrance

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GIB = 1 << 30


def levels(found):
    """The level of each finding by its check."""
    return {one.check: one.level for one in found}


def mend(found, check):
    [one] = [one for one in found if one.check == check]
    return str(one.mend)


SOURCE = SourceSettings(name="city", host="broker.example", tls={}, username="stadtfunk", password="secret-secret")
GRANTED = Granted(SOURCE.session_expiry, 20, 2, None, retained=True, shared=True)
STATUS = {"$SYS/broker/version": "mosquitto version 2.0.11", "$SYS/broker/publish/messages/dropped": "0"}


def visit(**facts):
    heard = Heard(status=STATUS, canary_qos=1)
    return Visit(**({"granted": GRANTED, "session_kept": True, "canary": CanaryFate.CAME_BACK, "heard": heard} | facts))


def test_a_visit_without_any_fault():
    assert set(levels(broker.judge(SOURCE, visit())).values()) == {Level.OK}


@pytest.mark.parametrize("obstacle", Obstacle)
def test_every_obstacle_has_something_that_removes_it(obstacle):
    [found] = broker.judge(SOURCE, Visit(hindered=Hindered(obstacle, "why")))
    assert (found.level, "why" in str(found.what), bool(found.mend)) == (Level.PROBLEM, True, True)


def test_a_short_session_a_lowered_qos_and_a_missing_session():
    granted = Granted(60, 20, 0, 100_000, retained=True, shared=False)
    shared = SOURCE.model_copy(update={"shared_group": "workers"})
    found = broker.judge(shared, visit(granted=granted, session_kept=False))
    assert {check for check, level in levels(found).items() if level is not Level.OK} == {
        "qos",
        "session_expiry",
        "shared",
        "session",
        "version",
    }
    assert "persistence true" in mend(found, "session")


@pytest.mark.parametrize(("version", "level"), [("2.0.11", Level.PROBLEM), ("2.0.12", Level.OK), ("2.1.0", Level.OK)])
def test_shared_subscriptions_want_a_mosquitto_that_keeps_them(version, level):
    shared = SOURCE.model_copy(update={"shared_group": "workers"})
    heard = Heard(status=STATUS | {"$SYS/broker/version": f"mosquitto version {version}"}, canary_qos=1)
    assert levels(broker.judge(shared, visit(heard=heard)))["version"] is level
    assert levels(broker.judge(SOURCE, visit(heard=heard)))["version"] is Level.OK


def test_the_queue_is_told_with_the_number_of_absent_clients():
    status = STATUS | {"$SYS/broker/publish/messages/dropped": "17", "$SYS/broker/clients/disconnected": "3"}
    found = broker.judge(SOURCE, visit(heard=Heard(status=status, canary_qos=1)))
    assert "3 clients are away" in mend(found, "queue")


def test_what_was_heard_while_listening():
    def judged(source=SOURCE, **heard):
        facts = Heard(status=STATUS, canary_qos=1, **heard)
        return broker.judge(source, visit(heard=facts, listened=5.0))

    assert levels(judged())["silence"] is Level.WARNING
    assert levels(judged(messages=5, lag_seconds=0.2))["network_server"] is Level.OK
    assert levels(judged(messages=5))["uplink_qos"] is Level.OK
    assert "chirpstack.toml" in mend(judged(messages=5, uplinks_qos0=5), "uplink_qos")
    assert "qos: 1" in mend(judged(SOURCE.model_copy(update={"qos": 0}), messages=5, uplinks_qos0=5), "uplink_qos")
    thethings = SOURCE.model_copy(update={"format": "thethings"})
    assert "webhook" in mend(judged(thethings, messages=1, uplinks_qos0=1), "uplink_qos")
    assert levels(judged(messages=5, gateway_qos0=5))["gateway_qos"] is Level.WARNING


def test_a_broker_without_tls_on_another_machine():
    plain = SOURCE.model_copy(update={"tls": None})
    assert levels(broker.judge(plain, visit()))["tls"] is Level.WARNING


def test_a_connection_that_was_lost_meanwhile_and_refused_filters():
    assert levels(broker.judge(SOURCE, visit(lost="gone")))["connection"] is Level.PROBLEM
    found = broker.judge(SOURCE, visit(refused_filters={"application/#": "not authorized"}))
    assert levels(found)["subscription"] is Level.PROBLEM


async def test_a_server_that_is_not_there_and_files_that_are_not_there(tmp_path):
    server = Server("127.0.0.1", 1, "localhost")
    assert (await hindrance(server, None)).obstacle is Obstacle.UNREACHABLE
    assert await ends_at(server) is None

    def context():
        raise FileNotFoundError(2, "No such file or directory", "ca.pem")

    assert (await hindrance(server, context)) == Hindered(Obstacle.OUR_FILES, "ca.pem: No such file or directory")
    assert (await hindrance(server, ssl.create_default_context)).obstacle is Obstacle.UNREACHABLE
