"""The shipped configurations of Prometheus and Alertmanager, with their real programs: from a metric to a phone.

Addresses are replaced by loopback's and waiting times by short ones (promtool proves each rule's own `for`); matchers,
routes, inhibitions, templates and expressions are those that are shipped.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiosmtpd.controller import Controller

from tests.support.alertmanager import Alertmanager, Mailbox, WebServer, wait_until
from tests.support.mosquitto import HOST, free_port
from tests.support.prometheus import Prometheus, prometheus_program

CONFIG = Path(__file__).parents[3] / "config"
ALERTMANAGER = CONFIG / "alertmanager" / "alertmanager.yml"
PROMETHEUS = CONFIG / "prometheus" / "prometheus.yml"
TROUBLE = """
stadtfunk_check_up{check="database",source=""} 0
stadtfunk_unstored_oldest_seconds 5000
stadtfunk_source_lossy{source="city"} 1
stadtfunk_source_connected{source="city"} 1
stadtfunk_source_subscribed{source="city"} 1
"""


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    """Both: the service that is scraped and the receiver of webhooks."""
    with WebServer() as server:
        server.pages["/metrics"] = TROUBLE
        yield server


@dataclass
class Watched:
    """Everything that runs."""

    web: WebServer
    mailbox: Mailbox
    prometheus: Prometheus
    alertmanager: Alertmanager


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, web: WebServer) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    mailbox = Mailbox()
    with ExitStack() as stack:
        mail = Controller(mailbox, hostname=HOST, port=free_port())
        mail.start()
        stack.callback(mail.stop)
        alertmanager = stack.enter_context(Alertmanager(folder / "alertmanager", told_here(folder, web, mail.port)))
        configuration = quick(folder / "prometheus", web.target, alertmanager.port)
        # What fires before Prometheus knows its Alertmanager is sent again only after this time.
        again = ["--rules.alert.resend-delay=1s"]
        server = Prometheus(folder / "prometheus", configuration, arguments=again)
        yield Watched(web, mailbox, stack.enter_context(server), alertmanager)


def told_here(folder: Path, web: WebServer, mail_port: int) -> dict:
    """The shipped configuration with receivers on loopback, and without its waiting."""
    shutil.copytree(CONFIG / "alertmanager", folder / "alertmanager")
    found = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    found["global"] |= {"smtp_smarthost": f"{HOST}:{mail_port}", "smtp_require_tls": False}
    for name in ("smtp_auth_username", "smtp_auth_password_file"):
        del found["global"][name]
    for route in (found["route"], *found["route"]["routes"]):
        route |= {"group_wait": "1s", "group_interval": "1s"}
        route.pop("active_time_intervals", None)
    token = folder / "token"
    token.write_text("secret-of-the-receiver")
    for receiver in found["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = f"http://{web.target}/{receiver['name']}"
            webhook["http_config"]["authorization"]["credentials_file"] = str(token)
    return found


def quick(folder: Path, target: str, alertmanager_port: int) -> dict:
    """The shipped configuration that scrapes `target` as the ingest; nobody is there as engine and portal."""
    rules = folder / "rules"
    rules.mkdir(parents=True)
    for file in (CONFIG / "prometheus" / "rules").glob("*.yml"):
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))
        for rule in (rule for group in groups["groups"] for rule in group["rules"] if "alert" in rule):
            rule["for"] = "1s"
        (rules / file.name).write_text(yaml.safe_dump(groups))
    found = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))
    found["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    found["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"{HOST}:{alertmanager_port}"]}]
    for job in found["scrape_configs"]:
        job["static_configs"] = [{"targets": [target if job["job_name"] == "ingest" else f"{HOST}:{free_port()}"]}]
    return found


def test_a_page_reaches_the_phone_and_its_consequences_do_not(watched):
    wait_until(
        lambda: {"DatabaseDown", "ServiceDown"} <= watched.web.alerts("/on-call"),
        f"both pages: {watched.web.posted}",
    )
    wait_until(lambda: "UnstoredMessagesOld" in watched.alertmanager.alerts(), "the consequence in the Alertmanager")
    [consequence] = watched.alertmanager.alerts()["UnstoredMessagesOld"]
    [cause] = watched.alertmanager.alerts()["DatabaseDown"]
    assert consequence["status"]["state"] == "suppressed"
    assert consequence["status"]["inhibitedBy"] == [cause["fingerprint"]]
    assert "UnstoredMessagesOld" not in watched.web.alerts("/on-call")
    assert {token for token, _ in watched.web.posted["/on-call"]} == {"Bearer secret-of-the-receiver"}


def test_who_is_down_is_told_for_each_service(watched):
    wait_until(lambda: len(watched.alertmanager.alerts().get("ServiceDown", [])) == 2, "both services")
    assert {one["labels"]["job"] for one in watched.alertmanager.alerts()["ServiceDown"]} == {"engine", "portal"}


def test_the_watchdog_calls_and_nothing_else_does_there(watched):
    wait_until(lambda: watched.web.alerts("/watchdog"), "the dead-man's switch")
    assert watched.web.alerts("/watchdog") == {"Watchdog"}
    assert "Watchdog" not in watched.web.alerts("/on-call")


def test_a_ticket_is_a_mail_in_german_that_says_what_to_do(watched):
    def mails(address):
        found = [one for one in watched.mailbox.messages if address in one["To"]]
        return [(one["Subject"], one.get_body(("plain",)).get_content()) for one in found]

    def tickets():
        return [text for _, text in mails("stadtfunk-betrieb@example.org") if "SourceLossy" in text]

    wait_until(tickets, "a mail about the ticket")
    assert "Quelle city kann Uplinks verlieren" in tickets()[0]
    assert "Was tun: docs/runbooks/source-lossy.md" in tickets()[0]
    assert "SourceLossy" not in watched.web.alerts("/on-call")
    wait_until(
        lambda: ("1 offen: ingest erreicht die Datenbank nicht") in dict(mails("bereitschaft@example.org")),
        "a mail about the page",
    )


def test_what_is_over_is_told_and_its_consequence_then_stands_alone(watched):
    wait_until(lambda: "DatabaseDown" in watched.web.alerts("/on-call"), "the page")
    watched.web.pages["/metrics"] = TROUBLE.replace('source=""} 0', 'source=""} 1')
    wait_until(lambda: "DatabaseDown" in watched.web.alerts("/on-call", "resolved"), "the all-clear")
    wait_until(lambda: "UnstoredMessagesOld" in watched.web.alerts("/on-call"), "what is still wrong")


def test_amtool_finds_nothing_to_complain_about():
    done = subprocess.run(
        [prometheus_program("amtool"), "check-config", str(ALERTMANAGER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, "watchdog"),
        ({"alertname": "DatabaseDown", "severity": "page"}, "on-call"),
        ({"alertname": "SourceLossy", "severity": "ticket"}, "tickets"),
        ({"alertname": "SomebodyElses"}, "tickets"),
    ],
)
def test_routes(labels, receiver):
    pairs = [f"{name}={value}" for name, value in labels.items()]
    command = [prometheus_program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}", *pairs]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == receiver


def test_secrets_are_files():
    text = ALERTMANAGER.read_text(encoding="utf-8")
    for line in text.splitlines():
        word = line.strip().partition(":")[0]
        assert not (("password" in word or "credentials" in word) and not word.endswith("_file")), line
