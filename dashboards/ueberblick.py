"""Stadtüberblick: is anything the matter, where, and which dashboard knows more."""

from typing import Final

from dashboards.looks import GREEN, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, number, row, sql
from dashboards.queries import chosen
from dashboards.variables import DISTRICT
from dashboards.words import (
    ALERT_CODES,
    ALERT_STATES,
    ASSET_KINDS,
    ASSET_STATES,
    SEVERITIES,
    counted,
    said,
    texts,
)

_IN_DISTRICT: Final = chosen("district", "district")
_OTHERS: Final = ("baeume", "fernwaerme", "parken", "funknetz", "betrieb")
_NAMED: Final = "coalesce(nullif(asset_name, ''), asset_key, subject)"


def build() -> Dashboard:
    """The first page of an operator's day."""
    return dashboard(
        "stadtfunk-ueberblick",
        "Stadtüberblick",
        description="Was in der Stadt auffällt: Objekte nach Zustand, offene Meldungen, Funkverkehr und Verluste.",
        tags=("überblick",),
        variables=(DISTRICT,),
        links=tuple(f"stadtfunk-{name}" for name in _OTHERS),
        rows=(
            row("Jetzt", *_numbers()),
            row("Wo", _map(), _states()),
            row("Meldungen", _open_alerts(), _alerts_by_day()),
            row("Funk", _uplinks(), _loss()),
        ),
    )


def _count(title: str, query: str, *, description: str, look: Look, unit: str = "none") -> Panel:
    return number(title, query, description=description, look=look, empty="Noch nichts erfasst", unit=unit)


def _numbers() -> list[Panel]:
    alerts = f"SELECT count(*) AS value FROM stadtfunk.v_alert WHERE closed_at IS NULL AND {_IN_DISTRICT}"
    assets = f"FROM stadtfunk.v_asset_state WHERE {_IN_DISTRICT}"
    return [
        _count(
            "Dringende Meldungen",
            f"{alerts} AND severity = 'critical'",
            description="Offene Meldungen, die sofort jemanden brauchen. Über 0: Tabelle unten, dann Portal.",
            look=Look(thresholds=((None, GREEN), (1, RED))),
        ),
        _count(
            "Warnungen",
            f"{alerts} AND severity = 'warning'",
            description="Offene Meldungen für die Dienstzeit: Falschparken, stumme Geräte, schwache Batterien.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (20, ORANGE))),
        ),
        _count(
            "Objekte in Ordnung",
            f"SELECT 100.0 * count(*) FILTER (WHERE state = 'ok') / nullif(count(*), 0) AS value {assets}"
            " AND state <> 'unbound'",
            description="Anteil der Objekte mit Gerät, die sich melden und an denen nichts auffällt.",
            look=Look(thresholds=((None, RED), (80, ORANGE), (95, GREEN)), decimals=1),
            unit="percent",
        ),
        _count(
            "Stumme Objekte",
            f"SELECT count(*) FILTER (WHERE state IN ('silent', 'never')) AS value {assets}",
            description="Objekte, deren Gerät länger schweigt, als es darf, oder sich nie meldete. "
            "Viele in einem Stadtteil: Gateway prüfen, siehe Funknetz.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (20, RED))),
        ),
        _count(
            "Gateways ohne Kontakt",
            "SELECT count(*) FILTER (WHERE state <> 'online') AS value FROM stadtfunk.v_network_gateway",
            description="Gateways, die der Netzwerkserver nicht erreicht oder die seit 15 Minuten schweigen.",
            look=Look(thresholds=((None, GREEN), (1, RED))),
        ),
        _count(
            "Letzte Nachricht",
            "SELECT extract(epoch FROM max(last_reading_at)) * 1000 AS value FROM stadtfunk.v_asset_state",
            description="Wann zuletzt irgendein Objekt zu hören war. Länger her: siehe Betrieb.",
            look=Look(),
            unit="dateTimeFromNow",
        ),
    ]


def _map() -> Panel:
    return sql(
        "Objekte nach Zustand",
        f"SELECT {said('kind', ASSET_KINDS)} AS art, key, CASE WHEN name = '' THEN key ELSE name END AS name,\n"
        "    district, state, last_reading_at, open_alerts, latitude, longitude\n"
        f"FROM stadtfunk.v_asset_state\nWHERE latitude IS NOT NULL AND longitude IS NOT NULL AND {_IN_DISTRICT}",
        columns={
            "art": TEXT,
            "key": TEXT,
            "name": TEXT,
            "district": TEXT,
            "state": TEXT,
            "last_reading_at": TIME,
            "open_alerts": NUMBER,
            "latitude": NUMBER,
            "longitude": NUMBER,
        },
        view=View.GEOMAP,
        unit="none",
        look=Look(
            states=ASSET_STATES,
            colour_by="state",
            column_titles={
                "art": "Art",
                "key": "Kennung",
                "name": "Name",
                "district": "Stadtteil",
                "state": "Zustand",
                "last_reading_at": "Zuletzt gehört",
                "open_alerts": "Offene Meldungen",
            },
        ),
        description="Bäume, Stellplätze, Ladesäulen und Gateways nach dem Schlimmsten, was für sie gilt. Wärmezähler "
        "fehlen: Sie gehören Kunden.",
        empty="Keine Objekte mit Koordinaten: `stadtfunk assets import`",
        width=16,
    )


def _states() -> Panel:
    counts = counted("state", texts(ASSET_STATES))
    return sql(
        "Zustände nach Art",
        f"SELECT {said('kind', ASSET_KINDS)} AS art,\n    {counts}\n"
        f"FROM stadtfunk.v_asset_state WHERE {_IN_DISTRICT} GROUP BY 1 ORDER BY 1",
        columns={"art": TEXT} | dict.fromkeys(texts(ASSET_STATES).values(), NUMBER),
        view=View.BARCHART,
        unit="none",
        look=Look(
            category="art",
            stacked=True,
            horizontal=True,
            column_colours=dict(ASSET_STATES.values()),
        ),
        description="Wie viele Objekte jeder Art in welchem Zustand sind.",
        empty="Keine Objekte: `stadtfunk assets import`",
        width=8,
        height=14,
    )


def _open_alerts() -> Panel:
    return sql(
        "Offene Meldungen",
        f"SELECT severity, since, {said('code', ALERT_CODES)} AS code, {_NAMED} AS place, district, state, number\n"
        f"FROM stadtfunk.v_alert WHERE closed_at IS NULL AND {_IN_DISTRICT}\n"
        "ORDER BY priority DESC, since LIMIT 200",
        columns={
            "severity": TEXT,
            "since": TIME,
            "code": TEXT,
            "place": TEXT,
            "district": TEXT,
            "state": TEXT,
            "number": TEXT,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            states={**SEVERITIES, **ALERT_STATES},
            coloured=("severity",),
            column_titles={
                "severity": "Stufe",
                "since": "Seit",
                "code": "Meldung",
                "place": "Wo",
                "district": "Stadtteil",
                "state": "Stand",
                "number": "Vorgang",
            },
        ),
        description="Was offen ist, das Wichtigste zuerst. Bearbeitet wird im Portal unter der Nummer des Vorgangs.",
        empty="Keine offenen Meldungen",
        width=16,
        height=10,
    )


def _alerts_by_day() -> Panel:
    counts = counted("severity", texts(SEVERITIES))
    return sql(
        "Neue Meldungen",
        f"SELECT date_bin(interval '$__interval', opened_at, timestamptz '2001-01-01') AS time,\n    {counts}\n"
        f"FROM stadtfunk.v_alert WHERE $__timeFilter(opened_at) AND {_IN_DISTRICT} GROUP BY 1 ORDER BY 1",
        columns={"time": TIME} | dict.fromkeys(texts(SEVERITIES).values(), NUMBER),
        unit="none",
        look=Look(
            bars=True,
            stacked=True,
            low=0,
            column_colours=dict(SEVERITIES.values()),
        ),
        description="Wann Meldungen aufkamen. Eine Spitze quer durch die Arten ist meist ein Ausfall im Netz.",
        empty="Keine Meldungen in diesem Zeitraum",
        empty_is_normal=True,
        interval="1h",
        width=8,
        height=10,
    )


def _uplinks() -> Panel:
    return sql(
        "Nachrichten je Stunde",
        'SELECT time, sum(frames) AS "Nachrichten" FROM stadtfunk.v_radio_hourly\n'
        "WHERE $__timeFilter(time) GROUP BY time ORDER BY time",
        columns={"time": TIME, "Nachrichten": NUMBER},
        unit="short",
        look=Look(bars=True, low=0),
        description="Alle Funknachrichten der Stadt. Ein Einbruch auf null ist ein Ausfall: siehe Betrieb.",
        empty="Keine Nachrichten in diesem Zeitraum",
    )


def _loss() -> Panel:
    return sql(
        "Verlust auf der Funkstrecke",
        'SELECT time, 100.0 * sum(lost) / nullif(sum(frames) + sum(lost), 0) AS "Verlust"\n'
        "FROM stadtfunk.v_radio_hourly WHERE $__timeFilter(time) GROUP BY time ORDER BY time",
        columns={"time": TIME, "Verlust": NUMBER},
        unit="percent",
        look=Look(thresholds=((None, GREEN), (5, YELLOW), (10, RED)), low=0, decimals=1),
        description="Nachrichten, die nach dem Zähler der Geräte fehlen. Über 10 %: Gateways und Datenraten im Funk"
        "netz ansehen.",
        empty="Keine Nachrichten in diesem Zeitraum",
    )
