"""ChirpStack's configuration: loses nothing on its side, publishes where Stadtfunk listens, and is closed."""

import tomllib
from fnmatch import fnmatch

import pytest

from config.load import load_settings
from ingest.settings import DEFAULT_TOPICS
from tests.integration.deployment.shipped import FILES, compose


@pytest.fixture(scope="module")
def configuration(state):
    """As ChirpStack reads it: every file of the folder, one after the other, in whatever order."""
    parts = [(state / f"chirpstack-{name}").read_text() for name in ("chirpstack.toml", "region_eu868.toml")]
    found = [tomllib.loads("".join(order)) for order in (parts, parts[::-1])]
    assert found[0] == found[1]
    return found[0]


def test_events_and_frames_travel_at_qos_1_over_tls_and_sessions_last(configuration):
    [region] = configuration["regions"]
    for link in (configuration["integration"]["mqtt"], region["gateway"]["backend"]["mqtt"]):
        assert link["qos"] == 1
        assert link["clean_session"] is False
        assert link["session_expiry_interval"] == "24h"  # which MQTT 5 wants besides
        assert link["client_id"]
        assert len(link["client_id"]) <= 23  # more is not promised to work
        assert link["server"] == "ssl://mosquitto:8883"
        assert link["ca_cert"] == "/run/secrets/ca.pem"


def test_it_publishes_where_stadtfunk_listens(configuration):
    source = load_settings(FILES / "stadtfunk" / "stadtfunk.yaml", {}).sources[0]
    assert source.format == "chirpstack"
    assert source.topics == DEFAULT_TOPICS["chirpstack"]
    integration = configuration["integration"]["mqtt"]
    names = {"{{application_id}}": "A", "{{dev_eui}}": "D", "{{event}}": "up"}
    topic = integration["event_topic"]
    for name, value in names.items():
        assert name in topic
        topic = topic.replace(name, value)
    prefix = configuration["regions"][0]["gateway"]["backend"]["mqtt"]["topic_prefix"]
    for wanted in (topic, f"{prefix}/gateway/G/event/stats", f"{prefix}/gateway/G/state/conn"):
        levels = wanted.count("/")
        assert any(
            filter_.count("/") == levels and fnmatch(wanted, filter_.replace("+", "*")) for filter_ in source.topics
        ), wanted


def test_the_region_is_enabled_and_has_the_channels_of_eu868(configuration):
    [region] = configuration["regions"]
    assert configuration["network"]["enabled_regions"] == [region["id"]] == ["eu868"]
    extra = region["network"]["extra_channels"]
    assert [channel["frequency"] for channel in extra] == [867_100_000 + 200_000 * number for number in range(5)]
    assert all(channel["data_rates"] == [0, 1, 2, 3, 4, 5] for channel in extra)


def test_its_secrets_are_random_and_its_servers_are_those_of_the_compose_file(configuration, state):
    password = (state / "chirpstack-database").read_text().strip()
    assert configuration["postgresql"]["dsn"].startswith(f"postgresql://chirpstack:{password}@chirpstack-database/")
    assert configuration["redis"]["servers"] == ["redis://chirpstack-redis/"]
    assert configuration["api"]["secret"] == (state / "chirpstack-api").read_text().strip()
    services = compose("chirpstack")["services"]
    assert {"chirpstack-database", "chirpstack-redis", "mosquitto"} == set(services["chirpstack"]["depends_on"])
    mounted = {one["target"] for one in services["chirpstack"]["secrets"]}
    assert {"/etc/chirpstack/chirpstack.toml", "/etc/chirpstack/region_eu868.toml", "/run/secrets/ca.pem"} == mounted
