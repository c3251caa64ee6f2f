"""How a broker is reached, the same for whom we tell and for what charge points say."""

import pytest
from pydantic import TypeAdapter, ValidationError

from alerts.channels.settings import ChannelSettings
from alerts.charging.settings import MqttSettings
from alerts.connection_settings import CertificateSettings

CHANNEL = TypeAdapter(ChannelSettings)


def channel(**values):
    return CHANNEL.validate_python({"kind": "mqtt", **values})


@pytest.mark.parametrize("made", [channel, MqttSettings])
def test_the_port_follows_from_tls(made):
    assert made().port == 1883
    assert made(host="broker.example", tls={}).port == 8883
    assert made(port=1234, tls={}).port == 1234


@pytest.mark.parametrize("made", [channel, MqttSettings])
def test_a_password_is_read_from_its_file(made, tmp_path):
    file = tmp_path / "password"
    file.write_text("not to be shown\n")
    assert made().read_password() is None
    read = made(username="stadtfunk", password_file=file).read_password()
    assert read.get_secret_value() == "not to be shown"
    assert "shown" not in repr(read)


def test_only_a_source_of_charge_points_shows_a_certificate():
    ours = {"cert_file": "own.pem", "key_file": "own.key"}
    assert MqttSettings(tls=ours).tls == CertificateSettings(**ours)
    with pytest.raises(ValidationError, match="belong together"):
        MqttSettings(tls={"cert_file": "own.pem"})
    with pytest.raises(ValidationError, match="not permitted"):
        channel(tls=ours)


@pytest.mark.parametrize("missing", ["ca_file", "cert_file"])
def test_the_error_of_a_missing_file_names_it(tmp_path, missing):
    files = {"ca_file": None, "cert_file": tmp_path / "key.pem", "key_file": tmp_path / "key.pem"}
    (tmp_path / "key.pem").touch()
    with pytest.raises(FileNotFoundError, match=r"gone\.pem"):
        CertificateSettings(**files | {missing: tmp_path / "gone.pem"}).context()
