"""What is allowed in the settings but cannot work is told."""

import pytest

from alerts.charging.settings import ChargingSettings
from config.settings import Settings
from portal.site_settings import PortalSettings

OPERATOR = {"versions_url": "https://cpo.example/ocpi/versions", "token_file": "token"}


def warnings(charging, **portal):
    settings = Settings(charging=ChargingSettings.model_validate(charging), portal=PortalSettings(**portal))
    return [one for one in settings.warnings if "charging" in one]


@pytest.mark.parametrize(
    ("charging", "portal", "told"),
    [
        ({}, {}, ""),
        ({"mqtt": {"depot": {}}}, {}, ""),
        ({"webhooks": {"depot": {"token_file": "token"}}}, {}, "portal.enabled: "),
        ({"public_url": "https://a.example", "ocpi": {"cpo": OPERATOR}}, {}, "portal.enabled: "),
        (
            {"public_url": "https://a.example", "ocpi": {"cpo": OPERATOR}},
            {"enabled": True, "public_url": "https://b.example"},
            "portal.public_url: ",
        ),
        (
            {"public_url": "https://a.example", "ocpi": {"cpo": OPERATOR}},
            {"enabled": True, "public_url": "https://a.example"},
            "",
        ),
    ],
)
def test_what_cannot_work_is_told(charging, portal, told):
    found = warnings(charging, **portal)
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)


def test_hosts_of_an_operator():
    charging = ChargingSettings(
        public_url="https://a.example/", ocpi={"cpo": {**OPERATOR, "also_hosts": ["api.cpo.example"]}}
    )
    assert charging.public_url == "https://a.example"
    assert charging.ocpi["cpo"].hosts == {"cpo.example", "api.cpo.example"}


@pytest.mark.parametrize("content", ["", "short", "x" * 65, "with space in it!", "ümlaut-0123456789"])
def test_tokens_that_are_none_are_refused(tmp_path, content):
    file = tmp_path / "token"
    file.write_text(content)
    charging = ChargingSettings(webhooks={"depot": {"token_file": file}})
    with pytest.raises(ValueError, match="expected a token"):
        charging.webhooks["depot"].read_token()
