"""What the figures are called. German; the catalogue has the English forms."""

from collections.abc import Mapping
from typing import Final

from alerts.parking.verdict import Code
from alerts.statistics.cases import OPEN
from portal.inbox import words as inbox
from portal.translation import _

MONTHS: Final = (
    _("Januar"), _("Februar"), _("März"), _("April"), _("Mai"), _("Juni"), _("Juli"), _("August"), _("September"),
    _("Oktober"), _("November"), _("Dezember"),
)  # fmt: skip
WEEKDAYS: Final = (
    _("Montag"), _("Dienstag"), _("Mittwoch"), _("Donnerstag"), _("Freitag"), _("Samstag"), _("Sonntag"),
)  # fmt: skip
WEEKDAYS_SHORT: Final = (_("Mo"), _("Di"), _("Mi"), _("Do"), _("Fr"), _("Sa"), _("So"))

CODES: Final[Mapping[str, str]] = {
    Code.V1_NO_CHARGE: _("belegt, nie geladen"),
    Code.V2_AFTER_CHARGE: _("nach dem Laden stehen geblieben"),
    Code.V3_MAX_STAY: _("Höchstparkdauer überschritten"),
    Code.V4_IDLE_PLUGGED: _("angeschlossen, es fließt kein Strom"),
}

ENDS: Final[Mapping[str, str]] = {**inbox.OUTCOMES, **inbox.ENDS, OPEN: _("noch offen")}
