"""How the report counts, and where its numbers come from: sentences that stand in every version of it."""

from collections.abc import Iterator

from alerts.report.content import Report
from alerts.report.words import number


def method(report: Report) -> Iterator[str]:
    """How it is counted."""
    yield (
        "**Verdachtsfall.** Ein Sensor meldet den Platz als belegt, und am zugehörigen Ladepunkt läuft über die "
        "Wartezeit hinaus kein Ladevorgang; oder die Höchstparkdauer ist überschritten. Der Sensor erkennt weder "
        "Antrieb noch Kennzeichen: Was vorliegt, stellt erst die Einsatzkraft vor Ort fest. Fälle, die spätere "
        "Daten nicht stützen, zieht das System zurück; sie zählen nicht."
    )
    yield (
        "**Zuordnung.** Ein Fall gehört zu Tag und Stunde, in denen die Regel erfüllt war, in der Ortszeit der "
        "Stadt. An Tagen der Zeitumstellung zählt jede Stunde so, wie sie war: Die doppelte Stunde im Herbst sind "
        "zwei Stunden eines Tages, die fehlende im Frühjahr wurde nicht beobachtet."
    )
    yield (
        "**Verlorene Ladezeit.** Wer nie geladen hat, blockiert den Platz von der Ankunft an; wer nach dem Laden "
        "stehen bleibt, ab dem Ende der zugestandenen Zeit. Sie endet mit dem Wegfahren, dem Beginn eines "
        "Ladevorgangs oder dem Abschluss des Falls. Fehlalarme, Ausnahmen, gestörte Säulen und reine Parkdauer "
        "zählen nicht."
    )
    yield (
        "**Verfügbarkeit.** 1 − (belegt ohne Ladevorgang oder Säule gestört) / gesamte Zeit, in der Platz und "
        "Ladepunkt bekannt waren; die Wartezeit nach der Ankunft zählt als belegt ohne Ladevorgang. Ein belegter "
        "Platz vor einer gestörten Säule zählt einmal."
    )
    yield (
        "**Von selbst erledigt** sind Fälle, die mit dem Wegfahren, einem Ladevorgang oder einem neuen Fahrzeug "
        "endeten, ohne dass jemand sie abgeschlossen hat."
    )
    yield (
        "**Zustellung.** Aus den Lücken der Rahmenzähler. Fehlende Meldungen zählen zum Zustand davor, wenn die "
        "nächste die Änderung selbst meldet, sonst zu dem, den die nächste meldet."
    )
    if report.public:
        yield (
            f"**Geheimhaltung.** Zahlen einzelner Stationen unter {number(report.settings.suppress_below)} Fällen "
            "werden nicht gezeigt. Wäre eine einzige davon aus der Summe zu errechnen, wird eine weitere geheim "
            "gehalten."
        )
    if report.kept:
        yield (
            "**Aufbewahrung.** Die Einzelfälle dieses Monats sind gelöscht; der Bericht beruht auf den Summen, "
            "die davon aufgehoben wurden."
        )


def sources(report: Report) -> Iterator[str]:
    """Where the numbers come from."""
    yield (
        f"Meldungen der Bodensensoren an {number(report.bays.bays)} Ladeplätzen (LoRaWAN); Zustände der "
        "Ladepunkte, wie ihre Betreiber sie melden (OCPI, DATEX II, MQTT oder Webhook); Bearbeitung der Fälle im "
        "Posteingang der Behörde."
    )
    yield (
        "Es werden keine Kennzeichen, Fotos oder Namen von Fahrerinnen und Fahrern verarbeitet. Namen von "
        "Beschäftigten gehen in keine Zahl ein."
    )
