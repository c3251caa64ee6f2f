"""The officer's way through the whole application on a real database: list, case, actions, protocol, live changes."""

import asyncio
import base64
import io
import json
import re
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pypdf import PdfReader

from alerts.evidence import verify
from alerts.model import Severity
from alerts.parking.verdict import Code
from alerts.settings import AlertSettings
from portal.inbox import live
from tests.integration.portal.clock import Clock, rows
from tests.support.cases import NOW, Streets
from tests.support.portal import open_portal

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}


@pytest.fixture
def streets(database_settings):
    return Streets(database_settings)


@pytest.fixture
async def portal(database_settings, streets):
    async with open_portal(database_settings, clock=Clock(NOW)) as found:
        yield found


async def do(browser, number, action, **body):
    return await browser.post(f"/inbox/cases/{number}/{action}", json=body, headers=JSON)


def states(settings):
    return rows(settings, "SELECT number, state, outcome, assignee FROM alert ORDER BY number")


def kinds(settings, number):
    query = (
        "SELECT e.kind, e.actor FROM alert_event e JOIN alert a ON a.id = e.alert_id"
        f" WHERE a.number = '{number}' ORDER BY e.position"
    )
    return rows(settings, query)


async def test_the_list_says_what_an_officer_needs_the_most_urgent_first(streets, portal):
    await streets.open_now("MZ-LS11-1", minutes=15)
    await streets.open_now("MZ-LS02-1", minutes=70, code=Code.V2_AFTER_CHARGE)
    await streets.open_now("MZ-LS01-1", minutes=64)
    await streets.open_now("MZ-LS03-1", minutes=190, code=Code.V3_MAX_STAY, notifiable=False)
    browser = await portal.login("olga")
    page = (await browser.get("/inbox")).text
    places = re.findall(r'data-case="(\S+)"', page)
    assert places == ["2026-000003", "2026-000002", "2026-000001"]
    for text in (
        "Binger Str. 19",
        "Platz 1",
        "Belegt ohne Ladevorgang",
        "08:56",
        "1 h 04 min",
        "frei",
        "hoch",
        "Altstadt",
    ):
        assert text in page
    assert "Falschpark" not in page
    assert "Verbrenner" not in page
    stay = (await browser.get("/inbox?ansicht=parkdauer")).text
    assert re.findall(r'data-case="(\S+)"', stay) == ["2026-000004"]
    assert "nur gezählt" in stay


async def test_district_state_and_shift_narrow_the_list(streets, portal):
    await streets.open_now("MZ-LS11-1", minutes=15)
    await streets.open_now("MZ-LS01-1", minutes=20)
    late = await streets.open_now("MZ-LS02-1", minutes=60 * 10, due_at=NOW - timedelta(hours=9))
    browser = await portal.login("olga")
    await do(browser, "2026-000002", "acknowledge")

    async def shown(**query):
        return set(re.findall(r'data-case="(\S+)"', (await browser.get("/inbox", params=query)).text))

    assert await shown(bezirk="Neustadt") == {"2026-000001"}
    assert await shown(stand="meine") == {"2026-000002"}
    assert await shown(stand="neu") == {"2026-000001", late}
    assert await shown(schicht="davor") == {late}
    assert await shown(schicht="diese") == {"2026-000001", "2026-000002"}
    assert len(await shown(bezirk="'; DROP", ansicht="x", stand="x", schicht="x")) == 0
    assert len(await shown(ansicht="x", stand="x", schicht="x")) == 3


async def test_the_whole_way_of_a_case(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    for action, state in (("acknowledge", "acknowledged"), ("dispatch", "dispatched"), ("on_site", "on_site")):
        answer = await do(browser, number, action, key=f"k-{action}", position=99)
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    answer = await do(browser, number, "close", outcome="VERWARNUNG_ERTEILT", note="Zettel angebracht")
    assert answer.json()["state"] == "resolved"
    assert states(database_settings) == [(number, "resolved", "VERWARNUNG_ERTEILT", "olga")]
    page = (await browser.get(f"/inbox/cases/{number}")).text
    assert "Verwarnung erteilt" in page
    assert "Rückgängig bis 10:10" in page
    assert "Zettel angebracht" in page
    assert number in (await browser.get("/inbox?ansicht=erledigt")).text


async def test_without_scripts_forms_do_the_same(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    page = (await browser.get("/inbox")).text
    form = re.search(r'<form method="post" action="(/inbox/cases/[^"]+/acknowledge)".*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
    assert set(fields) == {"csrf_token", "key", "position"}
    answer = await browser.post(form[1], data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/inbox/cases/{number}")
    again = await browser.post(form[1], data=fields)  # a double tap
    assert again.status_code == 303
    assert kinds(database_settings, number) == [("opened", ""), ("acknowledged", "olga")]


async def test_two_officers_on_one_case_see_each_other(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    olga, oskar = await portal.login("olga"), await portal.login("oskar", address="192.0.2.2")
    answers = await asyncio.gather(
        do(olga, number, "acknowledge", key="olga-1", position=1),
        do(oskar, number, "acknowledge", key="oskar-1", position=1),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    [(_, _, _, winner)] = states(database_settings)
    assert lost.json() == {"error": "acted", "message": f"{winner} war schneller, um 10:00 Uhr: Übernommen."}
    page = await (oskar if winner == "olga" else olga).post(
        f"/inbox/cases/{number}/acknowledge", data={"position": "1"}
    )
    assert page.status_code == 409
    assert "war schneller" in page.text


async def test_an_action_that_is_sent_again_is_carried_out_once(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    answers = await asyncio.gather(*(do(browser, number, "note", key="n1", note="Kabel lose") for _ in range(4)))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert kinds(database_settings, number).count(("note", "olga")) == 1
    other = await portal.login("oskar", address="192.0.2.2")
    assert (await do(other, number, "note", key="n1", note="Kabel fest")).status_code == 200
    assert ("note", "oskar") in kinds(database_settings, number)


async def test_a_close_can_be_undone_for_ten_minutes(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    await do(browser, number, "close", outcome="KEIN_FAHRZEUG")
    portal.services.clock.now = NOW + timedelta(minutes=10)
    answer = await do(browser, number, "undo")
    assert answer.json()["state"] == "open"
    assert states(database_settings) == [(number, "open", "", "olga")]
    await do(browser, number, "close", outcome="ERMAHNUNG")
    portal.services.clock.now += timedelta(minutes=11)
    late = await do(browser, number, "undo")
    assert (late.status_code, late.json()["error"]) == (422, "too_late")


async def test_after_an_undo_the_engine_goes_on_with_the_case(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    await do(browser, number, "close", outcome="KEIN_FAHRZEUG")
    await do(browser, number, "undo")
    await streets.leave_now("MZ-LS01-1", at=NOW + timedelta(minutes=3))
    assert states(database_settings) == [(number, "resolved", "", "olga")]


async def test_a_vehicle_that_leaves_calls_the_patrol_off(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    quiet = await streets.open_now("MZ-LS02-1")
    browser = await portal.login("olga")
    await do(browser, number, "dispatch")
    await do(browser, quiet, "acknowledge")
    await streets.leave_now("MZ-LS01-1")
    await streets.leave_now("MZ-LS02-1")
    page = (await browser.get("/inbox")).text
    assert re.findall(r'data-called-off="(\S+)"', page) == [number]
    assert "Anfahrt abbrechen: Binger Str. 19 Platz 1" in page
    case = (await browser.get(f"/inbox/cases/{number}")).text
    assert "Anfahrt abbrechen" in case
    assert "Weggefahren um 10:00 Uhr" in case
    refused = await do(browser, number, "on_site")
    assert (refused.status_code, refused.json()["message"]) == (
        409,
        "Der Fall hat sich um 10:00 Uhr erledigt: weggefahren.",
    )
    assert (await do(browser, number, "close", outcome="FAHRZEUG_WEG")).status_code == 200
    assert not re.findall(r'data-called-off="(\S+)"', (await browser.get("/inbox")).text)
    assert (number, "resolved", "FAHRZEUG_WEG", "olga") in states(database_settings)


async def test_a_case_that_later_data_disprove_says_so_and_calls_nobody_off(streets, portal):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    await do(browser, number, "dispatch")
    await streets.leave_now("MZ-LS01-1")
    assert "zählt in keiner Auswertung" not in (await browser.get(f"/inbox/cases/{number}")).text
    await streets.disprove_now(number, at=NOW + timedelta(hours=5))
    portal.services.clock.now += timedelta(hours=6)
    case = (await browser.get(f"/inbox/cases/{number}")).text
    assert "Zurückgezogen: durch spätere Daten widerlegt</strong><br>24.11.2026 15:00" in case
    assert "Später eingetroffene Daten zeigen, dass der Verdacht nicht zutraf." in case
    assert "Von selbst erledigt" in case, "what happened stays in the log"
    assert 'class="stop"' not in case
    closed = (await browser.get("/inbox?ansicht=erledigt")).text
    assert re.search(r"Zurückgezogen</span>", closed)
    assert "durch spätere Daten widerlegt" in closed
    exported = (await browser.get(f"/inbox/cases/{number}/protokoll.json")).json()
    assert verify(exported).sound
    assert exported["events"][-1]["reason"] == "disproved"
    await browser.post("/language", data={"language": "en"})
    assert "disproved by later data" in (await browser.get(f"/inbox/cases/{number}")).text


async def test_a_note_with_a_plate_is_stored_nowhere(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    refused = await do(browser, number, "note", note="weißer Wagen mz ab 123".upper())
    assert (refused.status_code, refused.json()["error"]) == (422, "plate")
    page = await browser.post(f"/inbox/cases/{number}/note", data={"note": "MZ-AB 123"})
    assert page.status_code == 422
    assert "Bitte keine Kennzeichen" in page.text
    everything = str(rows(database_settings, "SELECT e::text FROM alert_event e")) + str(
        rows(database_settings, "SELECT a::text FROM audit_log a")
    )
    assert "AB" not in everything.replace("ABER", "")


@pytest.mark.parametrize(("name", "status"), [("oskar", 200), ("otto", 403), ("emma", 403), ("vera", 403)])
async def test_only_officers_act(streets, portal, name, status):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login(name)
    assert (await do(browser, number, "acknowledge")).status_code == status
    assert (await browser.get("/inbox")).status_code == (200 if name in ("oskar", "otto") else 403)


async def test_odd_requests_are_refused_in_words(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    assert (await do(browser, "2026-999999", "acknowledge")).status_code == 404
    assert (await browser.get("/inbox/cases/2026-999999")).status_code == 404
    assert (await do(browser, number, "explode")).status_code == 422
    assert (await do(browser, number, "close", outcome="FALSCHPARKER")).status_code == 422
    assert (await do(browser, number, "close")).json()["error"] == "outcome_missing"
    assert (await do(browser, number, "note", note="x" * 3000)).status_code == 422
    assert (await do(browser, number, "note", note="x", made_at="2026-11-24T09:00:00")).status_code == 422
    broken = await browser.post(
        f"/inbox/cases/{number}/note", content=b"\xff{", headers={**JSON, "Content-Type": "application/json"}
    )
    assert broken.status_code == 422
    browser.csrf_token = "wrong"
    assert (await do(browser, number, "acknowledge")).status_code == 403
    assert states(database_settings) == [(number, "open", "", "")]


async def test_what_waited_on_the_phone_keeps_its_time(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1", minutes=40)
    browser = await portal.login("olga")
    made = NOW - timedelta(minutes=5)
    await do(browser, number, "on_site", key="k", made_at=made.isoformat())
    [(at, detail)] = rows(database_settings, "SELECT at, detail FROM alert_event WHERE kind = 'on_site'")
    assert (at, detail) == (made, {"received_at": "2026-11-24T09:00:00+00:00"})
    assert "nachgetragen 10:00 Uhr" in (await browser.get(f"/inbox/cases/{number}")).text


async def test_the_protocol_proves_itself_and_its_export_is_written_down(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    await do(browser, number, "dispatch", note="Fahre hin – bis gleich")
    await do(browser, number, "close", outcome="ERMAHNUNG")
    answer = await browser.get(f"/inbox/cases/{number}/protokoll.json")
    document = json.loads(answer.content)
    found = verify(document)
    assert (found.flaws, found.events, found.sealed_at) == ([], 3, 3)
    assert document["case"]["evidence"]["uplinks"][1]["f_cnt"] == 872
    pdf = await browser.get(f"/inbox/cases/{number}/protokoll.pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    _can_be_read_aloud(PdfReader(io.BytesIO(pdf.content)), found.head)
    exports = rows(database_settings, "SELECT username, subject, detail FROM audit_log WHERE action = 'case_exported'")
    assert [detail["head"] for _, _, detail in exports] == [found.head, found.head]
    document["case"]["facts"]["bay"] = "MZ-LS01-2"
    assert not verify(document).sound


def _can_be_read_aloud(paper, head):
    text = "\n".join(page.extract_text() for page in paper.pages)
    assert "Fahre hin – bis gleich" in text
    assert head in text
    [document] = paper.trailer["/Root"]["/StructTreeRoot"]["/K"]
    tagged = [element.get_object() for element in document.get_object()["/K"]]
    assert [one["/S"] for one in tagged].count("/H1") == 1
    assert sum(one["/S"] == "/H2" for one in tagged) >= 5
    assert any("Fahre hin – bis gleich" in str(one.get("/Alt", "")) for one in tagged), "a row tells its cells"


async def test_the_protocol_names_who_heard_the_sensor(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    at = (NOW - timedelta(minutes=25)).isoformat()
    await asyncio.to_thread(
        rows_changed,
        database_settings,
        "WITH g AS (INSERT INTO gateway (gateway_id) VALUES ('7276ff0039060001'), ('7276ff0039060002') RETURNING id)"
        " INSERT INTO reception (ns_time, device_id, f_cnt, gateway_id, antenna, rssi, snr)"
        f" SELECT '{at}', 1, 872, id, 0, -90 - id, 4.25 FROM g",
    )
    browser = await portal.login("olga")
    document = json.loads((await browser.get(f"/inbox/cases/{number}/protokoll.json")).content)
    assert [one["rssi"] for one in document["radio"]] == [-91, -92]
    assert document["radio"][0]["key"] == document["case"]["evidence"]["uplinks"][1]["key"]
    assert verify(document).sound
    assert (await browser.get(f"/inbox/cases/{number}/protokoll.pdf")).status_code == 200


async def test_names_can_be_erased_and_the_chain_stays_whole(streets, portal, database_settings):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    await do(browser, number, "acknowledge")
    await asyncio.to_thread(rows_changed, database_settings, "UPDATE alert_event SET actor = '', actor_salt = ''")
    document = json.loads((await browser.get(f"/inbox/cases/{number}/protokoll.json")).content)
    assert (verify(document).sound, verify(document).erased) == (True, 1)
    assert "Name gelöscht" in (await browser.get(f"/inbox/cases/{number}")).text


def rows_changed(settings, query):
    import psycopg

    with psycopg.connect(settings.dsn, options="-c search_path=stadtfunk") as connection:
        connection.execute(query)


async def test_cases_of_other_rules_are_not_in_the_inbox(streets, portal):
    await streets.open_now("MZ-LS01-1", code=Code.V1_NO_CHARGE)
    finding = streets.finding("MZ-LS02-1", codes=("SENSOR_STUCK",), severity=Severity.INFO)
    values = {name: getattr(finding, name) for name in type(finding).__slots__} | {"code": "SENSOR_STUCK"}
    await streets._settle(type(finding)(**values))
    browser = await portal.login("olga")
    assert re.findall(r'data-case="(\S+)"', (await browser.get("/inbox")).text) == ["2026-000001"]
    assert (await browser.get("/inbox/cases/2026-000002")).status_code == 404
    assert [one["number"] for one in (await browser.get("/inbox/cases.json")).json()["cases"]] == ["2026-000001"]


async def test_changes_reach_the_stream_within_a_moment(streets, portal):
    changes = live.Changes()
    listening = asyncio.create_task(live.listen(portal.services, changes))
    reader = live.stream(portal.services, changes)
    try:
        assert "event: hello" in await anext(reader)
        async with asyncio.timeout(20):
            seen = asyncio.ensure_future(anext(reader))
            number = 0
            while not seen.done():  # until the listener is there
                number += 1
                await streets.open_now("MZ-LS01-1", minutes=20 + number)
                await asyncio.wait([seen], timeout=1)
                if not seen.done():
                    await streets.leave_now("MZ-LS01-1")
            assert "event: change" in seen.result()
    finally:
        listening.cancel()
        portal.services.stopping.set()
        await asyncio.gather(listening, return_exceptions=True)
        await reader.aclose()


async def test_the_part_for_refreshing_has_no_page_around_it(streets, portal):
    number = await streets.open_now("MZ-LS01-1")
    browser = await portal.login("olga")
    for url in ("/inbox?teil=liste", f"/inbox/cases/{number}?teil=fall"):
        part = (await browser.get(url)).text
        assert "<html" not in part
        assert "Belegt ohne Ladevorgang" in part
    gone = await portal.browser().get("/inbox?teil=liste", headers={"Accept": "*/*"})
    assert gone.status_code == 401  # a script is not led to the login page


@pytest.fixture
def push_key(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "push.pem"
    path.write_bytes(pem)
    return path


def browser_keys():
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    raw = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {"p256dh": base64.urlsafe_b64encode(raw).decode().rstrip("="), "auth": "A" * 22}


async def test_a_device_is_told_when_somebody_asks_for_it(database_settings, streets, push_key):
    channel = {"kind": "webpush", "key_file": str(push_key), "contact": "leitstelle@stadt.example"}
    alerts = AlertSettings.model_validate({"channels": {"handy": channel}})
    async with open_portal(database_settings, parts={AlertSettings: alerts}, clock=Clock(NOW)) as portal:
        browser = await portal.login("olga")
        [key] = re.findall(r'data-push="(\S+)"', (await browser.get("/inbox")).text)
        assert len(base64.urlsafe_b64decode(key + "=")) == 65
        for number in range(12):
            portal.services.clock.now += timedelta(seconds=1)
            sent = {"endpoint": f"https://push.example/{number}", "keys": browser_keys(), "expirationTime": None}
            assert (await browser.put("/inbox/push", json=sent, headers=JSON)).status_code == 204
        query = "SELECT endpoint, username FROM push_subscription ORDER BY created_at"
        kept = rows(database_settings, query)
        assert kept == [(f"https://push.example/{number}", "olga") for number in range(2, 12)]
        other = await portal.login("oskar", address="192.0.2.2")
        for person, left in ((other, 10), (browser, 9)):
            answer = await person.request(
                "DELETE", "/inbox/push", json={"endpoint": "https://push.example/11"}, headers=JSON
            )
            assert answer.status_code == 204
            assert len(rows(database_settings, query)) == left


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example/1"},
        {"endpoint": "https://user@push.example/1"},
        {"endpoint": "file:///etc/passwd"},
        {"keys": {"p256dh": "AAAA", "auth": "A" * 22}},
        {"keys": {"p256dh": "§", "auth": "A" * 22}},
        {"keys": {}},
    ],
)
async def test_what_is_no_subscription_is_refused(portal, change):
    browser = await portal.login("olga")
    sent = {"endpoint": "https://push.example/1", "keys": browser_keys()} | change
    assert (await browser.put("/inbox/push", json=sent, headers=JSON)).status_code == 422


async def test_without_such_a_channel_nobody_can_subscribe(portal):
    browser = await portal.login("olga")
    assert "data-push=" not in (await browser.get("/inbox")).text
    sent = {"endpoint": "https://push.example/1", "keys": browser_keys()}
    assert (await browser.put("/inbox/push", json=sent, headers=JSON)).status_code == 404
