"""Source settings: defaults that follow from one another, and what is refused with a sentence."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from ingest.settings import CanarySettings, SourceSettings, TlsSettings


def test_defaults_follow_the_format() -> None:
    city, tts = SourceSettings(name="city"), SourceSettings(name="tts", format="thethings", tls=TlsSettings())
    assert (city.resolved_transport, tts.resolved_transport) == ("mqtt5", "paho")
    assert (city.port, tts.port) == (1883, 8883)
    assert (city.client_id, tts.client_id) == ("stadtfunk-city", "stadtfunk-tts")
    assert city.topics[0] == "application/+/device/+/event/+"
    assert tts.topics[0] == "v3/+/devices/+/up"
    assert (city.speaks_mqtt5, tts.speaks_mqtt5) == (True, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "Stadt Mainz"}, "pattern"),
        ({"host": ""}, "at least 1"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"topics": []}, "at least 1"),
        ({"topics": ["a/#/b"]}, "at the end only"),
        ({"topics": ["a+/b"]}, "stand alone"),
        ({"topics": ["$share/g/a"]}, "shared_group"),
        ({"topics": [""]}, "1 to 65535 bytes"),
        ({"shared_group": "a/b"}, "pattern"),
        ({"qos": 2}, "0 or 1"),
        ({"password": "x"}, "needs a username"),
        ({"username": "u", "password": "x", "password_file": "y"}, "give one of them"),
        ({"format": "thethings", "transport": "mqtt5"}, "3.1.1 only"),
        ({"tls": {"cert_file": "a"}}, "belong together"),
        ({"tls": {"crl_file": "a"}}, "needs ca_file"),
        ({"canary": {"topic": "a/+"}}, "without + and #"),
        ({"receive_maximum": 0}, "greater than or equal to 1"),
        ({"keepalive": 0}, "greater than or equal to 1"),
        ({"colour": "blue"}, "Extra inputs"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("+", r"\+")):
        SourceSettings.model_validate({"name": "city", **options})


def test_no_secret_shows_in_settings_or_in_their_errors() -> None:
    settings = SourceSettings(name="city", username="u", password="hunter2")
    assert "hunter2" not in repr(settings) + settings.model_dump_json()
    assert settings.read_password() == "hunter2"
    with pytest.raises(ValidationError) as error:
        SourceSettings(name="city", password="hunter2")
    assert "hunter2" not in str(error.value)


def test_a_password_file_loses_its_line_end_only(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    settings = SourceSettings(name="city", username="u", password_file=secret)
    secret.write_text(" with spaces \r\n")
    assert settings.read_password() == " with spaces "
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(OSError, match="not UTF-8"):
        settings.read_password()
    secret.unlink()
    with pytest.raises(OSError, match="secret"):
        settings.read_password()


@pytest.mark.parametrize("model", [SourceSettings, TlsSettings, CanarySettings])
def test_every_field_is_described_and_frozen(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
