"""The words of messages, in German and English side by side, so that neither can be forgotten.

Always a suspicion in plain words: "Belegt ohne Ladevorgang", never "Falschparker". No plates, no names.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Phrase(NamedTuple):
    """One sentence in both languages; `{…}` are filled in."""

    de: str
    en: str

    def say(self, language: str, **details: object) -> str:
        """The sentence in `language`, German unless that is `en`."""
        return (self.en if language == "en" else self.de).format_map(details)


CODES: Final[Mapping[str, Phrase]] = {
    "V1_NO_CHARGE": Phrase("Belegt ohne Ladevorgang", "Occupied without charging"),
    "V2_AFTER_CHARGE": Phrase("Belegt ohne Ladevorgang, Laden beendet", "Occupied after charging ended"),
    "V3_MAX_STAY": Phrase("Höchstparkdauer überschritten", "Longer than the maximum stay"),
    "V4_IDLE_PLUGGED": Phrase("Angeschlossen, es fließt kein Strom", "Plugged in without energy flow"),
    "SENSOR_FLAPPING": Phrase("Sensor wechselt ständig", "Sensor changes all the time"),
    "SENSOR_STUCK": Phrase("Sensor hängt vermutlich", "Sensor is probably stuck"),
    "DEVICE_SILENT": Phrase("Gerät meldet sich nicht", "Device is silent"),
    "GATEWAY_SILENT": Phrase("Gateway meldet sich nicht", "Gateway is silent"),
    "BATTERY_LOW": Phrase("Batterie schwach", "Battery low"),
    "TOO_HIGH": Phrase("Messwert zu hoch", "Value too high"),
    "TOO_LOW": Phrase("Messwert zu niedrig", "Value too low"),
    "REJECT_RATE": Phrase("Viele Nachrichten nicht lesbar", "Many messages cannot be read"),
}

REASONS: Final[Mapping[str, Phrase]] = {
    "drove_away": Phrase("weggefahren", "drove away"),
    "charging_started": Phrase("Ladevorgang begonnen", "charging began"),
    "station_down": Phrase("Säule gestört", "station out of order"),
    "new_vehicle": Phrase("anderes Fahrzeug", "another vehicle"),
    "out_of_service": Phrase("außer Betrieb", "out of service"),
    "history_changed": Phrase("spätere Daten widersprechen", "later data contradict it"),
    "disproved": Phrase("durch spätere Daten widerlegt", "disproved by later data"),
    "cause_gone": Phrase("Ursache besteht nicht mehr", "the cause is gone"),
    "cause_is_back": Phrase("Ursache besteht wieder", "the cause is back"),
    "superseded": Phrase("durch einen neuen Fall abgelöst", "replaced by a new case"),
    "heard_again": Phrase("meldet sich wieder", "heard again"),
    "back_to_normal": Phrase("wieder im üblichen Bereich", "back to normal"),
    "quiet": Phrase("Sensor wieder ruhig", "the sensor is quiet again"),
    "free": Phrase("wieder frei", "free again"),
}

EVENTS: Final[Mapping[str, Phrase]] = {
    "opened": Phrase("Neu", "New"),
    "updated": Phrase("Geändert", "Changed"),
    "reopened": Phrase("Wieder offen", "Open again"),
    "escalated": Phrase("Noch nicht übernommen", "Not taken on yet"),
    "renotified": Phrase("Erinnerung", "Reminder"),
    "resolved": Phrase("Erledigt", "Settled"),
    "withdrawn": Phrase("Zurückgezogen", "Withdrawn"),
    "closed": Phrase("Abgeschlossen", "Closed"),
}

STATES: Final[Mapping[str, Phrase]] = {
    "open": Phrase("offen", "open"),
    "acknowledged": Phrase("übernommen", "taken on"),
    "dispatched": Phrase("Streife unterwegs", "patrol on its way"),
    "on_site": Phrase("Streife vor Ort", "patrol on site"),
    "resolved": Phrase("erledigt", "settled"),
    "withdrawn": Phrase("zurückgezogen", "withdrawn"),
}

PLACE: Final = Phrase("Ort", "Place")
DISTRICT: Final = Phrase("Stadtteil", "District")
SUBJECT: Final = Phrase("Betrifft", "About")
CASE: Final = Phrase("Vorgang", "Case")
SINCE: Final = Phrase("Seit", "Since")
STATE: Final = Phrase("Stand", "State")
REASON: Final = Phrase("Grund", "Reason")
CONFIDENCE: Final = Phrase("Sicherheit", "Confidence")
STATION: Final = Phrase("Ladesäule", "Charging station")
LINK: Final = Phrase("Vorgang öffnen", "Open the case")
INBOX: Final = Phrase("Posteingang öffnen", "Open the inbox")
FOOTER: Final = Phrase(
    "Automatische Nachricht. Hinweis aus Sensordaten, kein Nachweis; entschieden wird vor Ort.",
    "Automatic message. A hint from sensor data, no proof; what counts is decided on site.",
)

HIGH: Final = Phrase("hoch ({value})", "high ({value})")
MEDIUM: Final = Phrase("mittel ({value})", "medium ({value})")
LOW: Final = Phrase("niedrig ({value})", "low ({value})")

TODAY: Final = Phrase("heute {time}", "today {time}")
YESTERDAY: Final = Phrase("gestern {time}", "yesterday {time}")
WEEKDAYS: Final = Phrase("Mo Di Mi Do Fr Sa So", "Mon Tue Wed Thu Fri Sat Sun")
DAY: Final = Phrase("{weekday} {day:02d}.{month:02d}. {time}", "{weekday} {day:02d}/{month:02d} {time}")

SUMMARY_SUBJECT: Final = Phrase("{count} Meldungen: {what}", "{count} messages: {what}")
SUMMARY_LEAD: Final = Phrase(
    "In kurzer Zeit ist viel geschehen; {count} Meldungen in einer.", "Much happened in a short time: {count} in one."
)
DIGEST_OPEN: Final = Phrase("{count} offen bei Schichtbeginn", "{count} open at the begin of the shift")
DIGEST_SETTLED: Final = Phrase("{count} inzwischen erledigt", "{count} settled meanwhile")
DIGEST_LEAD: Final = Phrase("Seit der letzten Schicht:", "Since the last shift:")
CAME_AND_WENT: Final = Phrase(
    "{count} weitere sind gekommen und haben sich von selbst erledigt.", "{count} more came and settled by themselves."
)
OPEN_SINCE: Final = Phrase("offen seit {since}", "open since {since}")
MORE: Final = Phrase("… und {count} weitere", "… and {count} more")
TEST_SUBJECT: Final = Phrase("Testnachricht", "Test message")
TEST_LEAD: Final = Phrase(
    "Dies ist eine Testnachricht von Stadtfunk. Kommt sie an, ist der Kanal richtig eingerichtet.",
    "This is a test message of Stadtfunk. If it arrives, the channel is set up properly.",
)
