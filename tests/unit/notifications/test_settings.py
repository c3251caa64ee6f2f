"""Channels that could not work, or would be unsafe, are refused with a reason and without their secrets."""

import pytest
from pydantic import TypeAdapter, ValidationError

from alerts.channels.settings import ChannelSettings
from alerts.settings import AlertSettings

ADAPTER = TypeAdapter(ChannelSettings)
MAIL = {"kind": "email", "host": "mail.stadt.example", "sender": "a@stadt.example", "recipients": ["b@stadt.example"]}
HOOK = {"kind": "webhook", "url": "https://hook.example/canary", "secret_file": "/run/secrets/hook"}


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_mail_port_follows_from_the_security(security, port):
    assert ADAPTER.validate_python(MAIL | {"security": security}).port == port


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (MAIL | {"recipients": []}, "at least 1"),
        (MAIL | {"recipients": ["nobody"]}, "e-mail address"),
        (MAIL | {"sender": "a@b.example\r\nBcc: c@d.example"}, "e-mail address"),
        (MAIL | {"subject_prefix": "a\nb"}, "one line"),
        (MAIL | {"username": "a"}, "belong together"),
        (MAIL | {"username": "a", "password_file": "/p", "security": "none"}, "starttls or tls"),
        (HOOK | {"url": "http://hook.example/canary"}, "https"),
        (HOOK | {"url": "canary"}, "https"),
        (HOOK | {"url_file": "/run/url"}, "one of them"),
        ({"kind": "webhook", "secret_file": "/s"}, "one of them"),
        ({"kind": "mqtt", "host": "broker.example"}, "needs tls"),
        ({"kind": "mqtt", "grouped": True}, "every message"),
        ({"kind": "mqtt", "topic": "a/#"}, "pattern"),
        ({"kind": "mqtt", "topic": "$SYS/x"}, "pattern"),
        ({"kind": "pigeon"}, "kind"),
        (MAIL | {"timeout": "0s"}, "greater"),
    ],
)
def test_what_is_refused(values, reason):
    with pytest.raises(ValidationError, match=reason) as error:
        ADAPTER.validate_python(values)
    assert "canary" not in str(error.value)


def test_people_are_told_in_working_hours_and_machines_always():
    channels = {"mail": MAIL, "hook": HOOK, "bus": {"kind": "mqtt"}, "night": MAIL | {"shift": "always"}}
    policy = AlertSettings.model_validate({"channels": channels}).policy()
    assert {one.name: bool(one.shift) for one in policy.channels} == {
        "mail": True,
        "hook": False,
        "bus": False,
        "night": False,
    }
    assert {one.name: one.grouped for one in policy.channels}["bus"] is False


def test_a_shift_of_ones_own_and_one_that_is_missing():
    hours = {"from": "06:00", "to": "14:00"}
    AlertSettings.model_validate({"shifts": {"early": [hours]}, "channels": {"mail": MAIL | {"shift": "early"}}})
    with pytest.raises(ValidationError, match="day, always, late"):
        AlertSettings.model_validate({"shifts": {"late": [hours]}, "channels": {"mail": MAIL | {"shift": "early"}}})


def test_a_disabled_channel_is_not_told():
    assert AlertSettings.model_validate({"channels": {"mail": MAIL | {"enabled": False}}}).policy().channels == ()


def test_secrets_must_be_long_enough(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("short")
    with pytest.raises(ValueError, match="fewer than 32"):
        ADAPTER.validate_python(HOOK | {"secret_file": secret}).read_secret()
