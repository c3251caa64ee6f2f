"""What promtool says about the shipped configuration and rules: valid, and each alert fires when it should.

The Debian package `prometheus` has the program; without it these tests fail, they are not left out.
"""

import shutil
import subprocess

import pytest

from tests.support.prometheus import prometheus_program
from tests.unit.prometheus.rules import FILES, PROMETHEUS, TESTS


def promtool(*arguments):
    command = [prometheus_program("promtool"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_configuration_and_its_rules_are_valid():
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(FILES)} rule files found" in done.stdout


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should(file):
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_rules_has_its_tests():
    assert {file.stem for file in FILES} == {file.stem.partition("-")[0] for file in TESTS}


def test_a_wrong_rule_would_be_seen(tmp_path):
    """That promtool reads the rules which are shipped: with another threshold the same tests fail."""
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    rules = tmp_path / "prometheus" / "rules" / "portal.yml"
    text = rules.read_text(encoding="utf-8")
    assert "[10m])) > 50" in text
    rules.write_text(text.replace("[10m])) > 50", "[10m])) > 500"), encoding="utf-8")
    done = promtool("test", "rules", tmp_path / "prometheus" / "tests" / "portal.yml")
    assert done.returncode == 1
    assert "LoginAttempts" in done.stderr + done.stdout
