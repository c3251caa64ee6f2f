"""Mistakes in `codecs:` are told with their key and what was expected, all at once."""

import pytest

from config.load import load_settings
from config.problems import ConfigurationError


def problems(tmp_path, text):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file, {})
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_every_mistake_is_told_at_once(tmp_path):
    found = problems(
        tmp_path,
        """
codecs:
  ACME-Probe: {file: acme.js}
  acme_probe:
    version: 0
    f_ports: [300]
    readings:
      - kind: tree_moistur
        fields: {soil_moisture: m}
      - kind: tree_moisture
        channel: -1
        flags: {WET: x}
        fields:
          soil_moistur: m
          soil_temperature: {path: t, unit: dS/m}
          conductivity: {path: "a[*]"}
      - kind: parking_bay
        fields:
          occupied: {path: s, values: {busy: maybe}}
          event: {path: s, values: {a: change, b: moved}}
      - kind: tree_moisture
        each: "["
        fields:
          soil_moisture: {path: m, unit: "%", divide: 100}
          conductivity: {path: m, divide: 0}
      - kind: device_health
        fields: {}
""",
    )
    told = "\n".join(found.values())
    assert "codecs.ACME-Probe" in told
    for key, expectation in {
        "codecs.acme_probe.version": "at least 1",
        "codecs.acme_probe.f_ports[0]": "at most 255",
        "codecs.acme_probe.readings[0]": "expected one of tree_moisture",
        "codecs.acme_probe.readings[1].fields.conductivity.path": "[*] belongs into `each`",
        "codecs.acme_probe.readings[2]": "values: busy: expected true or false",
        "codecs.acme_probe.readings[3].each": "expected a path such as",
        "codecs.acme_probe.readings[3].fields.soil_moisture": "either unit, or multiply",
        "codecs.acme_probe.readings[3].fields.conductivity": "a number other than 0",
        "codecs.acme_probe.readings[4].fields": "at least 1",
    }.items():
        assert expectation in found[key], key
    assert "values: b: expected change or heartbeat or startup" in found["codecs.acme_probe.readings[2]"]


def test_names_and_units_of_a_kind_are_known(tmp_path):
    found = problems(
        tmp_path,
        """
codecs:
  acme_probe:
    readings:
      - kind: tree_moisture
        flags: {WET: x}
        fields:
          soil_moistur: m
          soil_temperature: {path: t, unit: dS/m}
""",
    )["codecs.acme_probe.readings[0]"]
    assert "fields.soil_moistur: no field of tree_moisture; did you mean soil_moisture?" in found
    assert "fields.soil_temperature.unit: expected one of Cel, °C" in found
    assert "flags.WET: no such flag; expected one of SENSOR_FAULT" in found


def test_the_short_forms(tmp_path):
    file = tmp_path / "stadtfunk.yaml"
    file.write_text(
        """
codecs:
  acme_probe:
  other_probe:
    readings:
      - {kind: parking_bay, channel: n, fields: {occupied: {path: s, values: {on: true, off: false, 1: true}}}}
"""
    )
    settings = load_settings(file, {})
    assert settings.codecs["acme_probe"].readings == ()
    [reading] = settings.codecs["other_probe"].readings
    assert reading.channel == "n"
    assert reading.fields["occupied"].values == {"on": True, "off": False, "1": True}
    assert settings.codec_folder().folder == tmp_path / "codecs"
