"""`check-config`: what it says about good configurations, and that it shows no secret."""

import pytest
import yaml
from typer.testing import CliRunner

from stadtfunk.cli import app


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")

    def check(text, *options, environment=None):
        file = tmp_path / "stadtfunk.yaml"
        file.write_text(text)
        return CliRunner().invoke(app, ["check-config", "--config", str(file), *options], env=environment)

    return check


def test_a_good_configuration(check):
    result = check("sources: [{name: city}]\n")
    assert (result.exit_code, result.output) == (0, "The configuration is fine.\n")


def test_german_is_the_default(check):
    result = check("sources: [{name: city}]\n", environment={"STADTFUNK_LANG": "", "LANG": "C", "LC_ALL": ""})
    assert result.output == "Die Konfiguration ist in Ordnung.\n"
    result = check("http: {prot: 1}\n", environment={"STADTFUNK_LANG": "de"})
    assert result.exit_code == 2
    assert "unbekannter Schlüssel; gemeint war `port`?" in result.stderr


def test_warnings_name_the_setting(check):
    result = check("sources: [{name: city, qos: 0}]\nhttp: {host: 0.0.0.0}\n")
    assert result.exit_code == 0
    assert "Warning: http.host: metrics and readiness are open" in result.output
    assert "Warning: sources.city.qos: 0 loses every message" in result.output


def test_nothing_to_receive_is_a_warning_here(check):
    assert "nothing will arrive" in check("http: {port: 1}\n").output


def test_show_prints_what_is_in_effect_and_no_secret(check):
    result = check(
        "sources: [{name: city, username: u, password: canary-1}]\n"
        "database: 'postgresql://u:canary-2@h/d'\n"
        "http: {webhooks: {ttn: {token: canary-3-canary-3}}}\n"
        "heartbeat: {url: 'https://hook.example/canary-4'}\n",
        "--show",
    )
    assert result.exit_code == 0
    assert "canary-" not in result.output
    shown = yaml.safe_load(result.output.rpartition("The configuration")[0])
    assert shown["sources"][0]["host"] == "localhost"
    assert shown["database"]["dsn"] == "postgresql://***@h/d"


def test_unknown_decoders_in_the_mapping_are_problems(check):
    result = check("mapping: {devices: {a84041000181bcd5: dragino_lse02}, default: nothing}\n")
    assert result.exit_code == 2
    assert "no decoder 'dragino_lse02'" in result.stderr
    assert "no decoder 'nothing'" in result.stderr


def test_a_private_decoder_that_does_not_load_is_a_warning_with_file_and_reason(check, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "broken.py").write_text("DECODER = 1 / 0\n")
    result = check("decoder_folders: [mine]\n")
    assert result.exit_code == 0
    assert f"Warning: decoder left out: {folder / 'broken.py'}: does not import: ZeroDivisionError" in result.output


def test_a_device_profile_that_another_has_is_not_told_as_a_decoder_left_out(check, tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "mine.py").write_text(
        "from decoders.decoder import Decoder\nfrom decoders.readings import DeviceHealth\n"
        "DECODER = Decoder('mine', 1, '', '', lambda *_: [], (DeviceHealth,), 'here', profiles=('LSE01',))\n"
    )
    result = check("decoder_folders: [mine]\nmapping: {default: mine}\n")
    assert result.exit_code == 0
    said = f"device profile not taken, its decoder is used: {folder / 'mine.py'}: device profile 'lse01' is claimed"
    assert f"Warning: {said}" in result.output
    assert "left out" not in result.output
    monkeypatch.setenv("STADTFUNK_LANG", "de")
    assert "Geräteprofil nicht übernommen, der Decoder wird verwendet" in check("decoder_folders: [mine]\n").output


def test_a_mapping_to_a_decoder_that_does_not_load_is_a_problem(check, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "broken.py").write_text("DECODER = 1 / 0\n")
    result = check("decoder_folders: [mine]\nmapping: {default: broken}\n")
    assert result.exit_code == 2
    assert "no decoder 'broken'; left out:" in result.stderr
    assert "ZeroDivisionError" in result.stderr


def test_a_private_folder_that_is_not_there_is_a_problem(check, tmp_path):
    result = check("decoder_folders: [mine]\n")
    assert result.exit_code == 2
    assert f"{tmp_path / 'mine'}: no such folder" in result.stderr
