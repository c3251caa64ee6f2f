"""What codes, states, outcomes and doubts are called. German; the catalogue has the English forms.

A case is a suspicion: the sensor sees neither the drive nor the plate of a vehicle, and the officer on site decides.
"""

from collections.abc import Mapping
from typing import Final

from alerts.changes import DISPROVED
from alerts.charging.status import EvseState
from alerts.model import AlertState, EventKind
from alerts.parking.confidence import Doubt
from alerts.parking.inputs import Regime
from alerts.parking.verdict import BayState, Code, EndReason
from alerts.wishes import Action, Outcome, Refusal
from decoders.readings import BayEvent
from portal.translation import _

CODES: Final[Mapping[str, str]] = {
    Code.V1_NO_CHARGE: _("Belegt ohne Ladevorgang"),
    Code.V2_AFTER_CHARGE: _("Belegt ohne Ladevorgang, Laden beendet"),
    Code.V3_MAX_STAY: _("Höchstparkdauer überschritten"),
    Code.V4_IDLE_PLUGGED: _("Angeschlossen, es fließt kein Strom"),
}

STATES: Final[Mapping[str, str]] = {
    AlertState.OPEN: _("Neu"),
    AlertState.ACKNOWLEDGED: _("Übernommen"),
    AlertState.DISPATCHED: _("Streife unterwegs"),
    AlertState.ON_SITE: _("Vor Ort"),
    AlertState.RESOLVED: _("Erledigt"),
    AlertState.WITHDRAWN: _("Zurückgezogen"),
}

ACTIONS: Final[Mapping[str, str]] = {
    Action.ACKNOWLEDGE: _("Übernehmen"),
    Action.DISPATCH: _("Streife unterwegs"),
    Action.ON_SITE: _("Vor Ort"),
    Action.NOTE: _("Notiz speichern"),
    Action.CLOSE: _("Abschließen"),
    Action.UNDO: _("Rückgängig machen"),
}

OUTCOMES: Final[Mapping[str, str]] = {
    Outcome.VERWARNUNG_ERTEILT: _("Verwarnung erteilt"),
    Outcome.BUSSGELD_ANZEIGE: _("Bußgeldanzeige"),
    Outcome.ABGESCHLEPPT: _("Abgeschleppt"),
    Outcome.ERMAHNUNG: _("Ermahnung"),
    Outcome.FAHRZEUG_WEG: _("Fahrzeug weg"),
    Outcome.FAHRZEUG_LAEDT_DOCH: _("Fahrzeug lädt doch"),
    Outcome.KEIN_FAHRZEUG: _("Fehlalarm: kein Fahrzeug da"),
    Outcome.SAEULE_DEFEKT: _("Säule defekt"),
    Outcome.BERECHTIGT: _("Berechtigt (Ausnahme)"),
    Outcome.NICHT_ANGEFAHREN: _("Nicht angefahren"),
}

ENDS: Final[Mapping[str, str]] = {
    EndReason.DROVE_AWAY: _("weggefahren"),
    EndReason.CHARGING_STARTED: _("Ladevorgang begonnen"),
    EndReason.STATION_DOWN: _("Säule gestört"),
    EndReason.NEW_VEHICLE: _("anderes Fahrzeug"),
    EndReason.OUT_OF_SERVICE: _("Platz außer Betrieb"),
    "history_changed": _("spätere Daten widersprechen"),
    DISPROVED: _("durch spätere Daten widerlegt"),
    "superseded": _("durch einen neueren Fall ersetzt"),
    "cause_gone": _("Ursache weggefallen"),
}

HAPPENED: Final[Mapping[str, str]] = {
    EventKind.OPENED: _("Fall eröffnet"),
    EventKind.UPDATED: _("Angaben geändert"),
    EventKind.ACKNOWLEDGED: _("Übernommen"),
    EventKind.DISPATCHED: _("Streife unterwegs"),
    EventKind.ON_SITE: _("Vor Ort"),
    EventKind.NOTE: _("Notiz"),
    EventKind.CLOSED: _("Abgeschlossen"),
    EventKind.REOPENED: _("Wieder geöffnet"),
    EventKind.RESOLVED: _("Von selbst erledigt"),
    EventKind.WITHDRAWN: _("Zurückgezogen"),
    EventKind.ESCALATED: _("Eskaliert: niemand hat rechtzeitig übernommen"),
    EventKind.RENOTIFIED: _("Erneut gemeldet"),
}

EVENT_REASONS: Final[Mapping[str, str]] = {
    **ENDS,
    "undone": _("Abschluss zurückgenommen"),
    "cause_is_back": _("Ursache wieder da"),
    "begin_moved": _("Beginn berichtigt"),
    "end_corrected": _("Ende berichtigt"),
}

STATUSES: Final[Mapping[str, str]] = {
    EvseState.IDLE: _("frei"),
    EvseState.IDLE_RESERVED: _("reserviert"),
    EvseState.IN_USE: _("lädt"),
    EvseState.CONNECTED: _("angeschlossen"),
    EvseState.FULL: _("angeschlossen, kein Strom"),
    EvseState.DOWN: _("gestört"),
    EvseState.OUT_OF_SERVICE: _("außer Betrieb"),
    EvseState.UNKNOWN: _("unbekannt"),
}

BAY_STATES: Final[Mapping[str, str]] = {
    BayState.FREE: _("Platz frei"),
    BayState.ARRIVED: _("Fahrzeug angekommen, Karenzzeit läuft"),
    BayState.CHARGING: _("lädt"),
    BayState.POST_CHARGE: _("Laden beendet, Fahrzeug steht noch"),
    BayState.SUSPECT: _("Bedingung erfüllt, Säule wird noch einmal abgefragt"),
    BayState.VIOLATION: _("Fall eröffnet"),
    BayState.EXEMPT: _("Säule gestört: kein Vorwurf möglich"),
    BayState.UNDETERMINED: _("Daten fehlen oder sind veraltet"),
    BayState.DISABLED: _("Regel aus oder Platz außer Betrieb"),
}

DOUBTS: Final[Mapping[str, str]] = {
    Doubt.EVSE_AGED: _("Status der Säule 5 bis 15 Minuten alt"),
    Doubt.SINGLE_SIGHTING: _("bisher nur eine Meldung des Sensors"),
    Doubt.MISSED_FRAMES: _("Meldungen des Sensors fehlen"),
    Doubt.FLAPPING: _("Sensor hat in der letzten Stunde geflattert"),
    Doubt.LEARNING: _("Sensor lernt noch oder wurde neu gestartet"),
    Doubt.BATTERY_LOW: _("Batterie des Sensors schwach"),
    Doubt.AMBIGUOUS: _("Zuordnung von Platz und Ladepunkt nicht eindeutig"),
    Doubt.NEIGHBOUR: _("Nachbarplatz hat sich gleichzeitig geändert"),
    Doubt.BLOCKED: _("Säule meldet „blockiert“"),
    Doubt.SECOND_SENSOR: _("zweiter Sensor bestätigt"),
    Doubt.IMPRECISE: _("frühere Fehlalarme dieses Sensors"),
}

SIGHTINGS: Final[Mapping[str, str]] = {
    BayEvent.CHANGE: _("Wechsel"),
    BayEvent.HEARTBEAT: _("Lebenszeichen"),
    BayEvent.STARTUP: _("Neustart"),
}

BADGES: Final[Mapping[str, str]] = {
    "data_uncertain": _("Daten unsicher"),
    "inferred": _("Ankunft erschlossen"),
    "since_uncertain": _("Beginn ungenau"),
    "legal_basis_ends": _("Rechtsgrundlage läuft aus"),
}

REGIMES: Final[Mapping[str, str]] = {
    Regime.EV_CHARGING: _("Zeichen 314 mit 1010-66 und 1053-54: Elektrofahrzeuge während des Ladevorgangs"),
    Regime.EV_ONLY: _("Zeichen 314 mit 1010-66: Elektrofahrzeuge"),
    Regime.CHARGING_TEXT: _("Zeichen 314 mit 1050-32: Elektrofahrzeuge während des Ladevorgangs (Text)"),
    Regime.NONE: _("nicht ordnungsgemäß beschildert"),
}

REFUSALS: Final[Mapping[str, str]] = {
    Refusal.PLATE: _(
        "Die Notiz enthält etwas, das wie ein Kennzeichen aussieht. Bitte keine Kennzeichen und keine Namen."
    ),
    Refusal.NOTE_MISSING: _("Die Notiz ist leer."),
    Refusal.NOTE_TOO_LONG: _("Die Notiz ist zu lang: höchstens 500 Zeichen."),
    Refusal.OUTCOME_MISSING: _("Bitte wählen Sie ein Ergebnis."),
    Refusal.NOT_CLOSED: _("Der Fall ist nicht abgeschlossen; es gibt nichts zurückzunehmen."),
    Refusal.TOO_LATE: _("Ein Abschluss lässt sich nur zehn Minuten lang zurücknehmen."),
}

HIGH: Final = _("hoch")
MEDIUM: Final = _("mittel")
LOW: Final = _("gering")
_BANDS: Final = ((70, HIGH), (40, MEDIUM))


def confidence(score: int) -> str:
    """The band of a confidence: from 70 on somebody is sent, from 40 on somebody looks."""
    return next((word for least, word in _BANDS if score >= least), LOW)
