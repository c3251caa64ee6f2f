"""Betrieb: does the program itself run well. Metrics of all its processes, and what the database says of itself.

Stages of an uplink in order: taken from brokers, decoded, committed; then what waits (spool, outbox), what was refused,
the engine, the portal, and the processes. Every counter begins at zero, so that a graph of zeros is good news and an
empty one means that nobody is asked.
"""

from typing import Final

from dashboards.looks import BLUE, GREEN, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, prom, row, sql

_UNASKED: Final = "Keine Metriken: läuft Prometheus, und erreicht es die Dienste?"
_WINDOW: Final = "[$__rate_interval]"
_OURS: Final = "and on (job, instance) stadtfunk_build_info"
"""Of metrics that every program has, those of our processes."""
_YES: Final = {"1": ("ja", GREEN), "0": ("nein", RED)}


def build() -> Dashboard:
    """What the operator of the service looks at."""
    return dashboard(
        "stadtfunk-betrieb",
        "Betrieb",
        description="Annahme, Verarbeitung, Datenbank, Meldungen, Portal und Prozesse von Stadtfunk.",
        tags=("betrieb",),
        links=("stadtfunk-ueberblick", "stadtfunk-funknetz"),
        since="now-6h",
        rows=(
            row("Jetzt", *_numbers()),
            row("Annahme", _received(), _stored(), _frames(), _sources(), _links()),
            row("Verarbeitung", _rejected(), _outcomes(), _decode(), _batches(), _commit(), _lag()),
            row("Wenn die Datenbank fehlt", _waiting(), _spool(), _spool_moves()),
            row("Datenbank", _database(), _maintenance(), _upkeep(), _retention()),
            row("Meldungen", _engine(), _rules(), _rule_failures(), _latency(), _outbox(), _deliveries()),
            row("Portal", _requests(), _answers(), _logins()),
            row("Prozesse", _checks(), _cpu(), _memory(), _loop(), _files(), _disk(), _certificates()),
        ),
    )


def _number(title: str, expression: str, *, description: str, look: Look, unit: str = "none") -> Panel:
    return prom(
        title,
        {title: expression},
        view=View.STAT,
        unit=unit,
        description=description,
        look=look,
        empty=_UNASKED,
        width=4,
    )


def _graph(title: str, description: str, unit: str, look: Look | None = None, width: int = 12, **by: str) -> Panel:
    """A graph of one expression for each legend in `by`; underscores in a legend are spaces."""
    queries = {legend.replace("_", " "): expression for legend, expression in by.items()}
    return _series(title, description, unit, queries, look, width=width)


def _series(
    title: str,
    description: str,
    unit: str,
    queries: dict[str, str],
    look: Look | None = None,
    *,
    width: int = 12,
    empty: str = _UNASKED,
) -> Panel:
    return prom(title, queries, unit=unit, description=description, look=look or Look(low=0), empty=empty, width=width)


def _quantiles(metric: str, *shares: float, by: str = "") -> dict[str, str]:
    """Legend → expression of a histogram's quantiles."""
    labels = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    rates = f"sum by ({labels}) (rate({metric}_bucket{_WINDOW}))"
    return {f"{legend}p{share * 100:.0f}": f"histogram_quantile({share}, {rates})" for share in shares}


def _numbers() -> list[Panel]:
    return [
        _number(
            "Prozesse",
            "count(stadtfunk_build_info)",
            description="Prozesse von Stadtfunk, die Prometheus erreicht: einer, oder je einer für Annahme, Meldungen "
            "und "
            "Portal. Weniger als sonst: `docker compose ps` oder `systemctl status`.",
            look=Look(thresholds=((None, RED), (1, GREEN))),
        ),
        _number(
            "Datenbank erreichbar",
            "min(stadtfunk_database_up)",
            description="Ob die Datenbank Stapel annimmt. Nein: es geht nichts verloren, der Zwischenspeicher füllt "
            "sich.",
            look=Look(states=_YES),
        ),
        _number(
            "Älteste ungespeicherte Nachricht",
            "max(stadtfunk_unstored_oldest_seconds)",
            description="Wie lange die älteste Nachricht schon auf die Datenbank wartet. Über einer Minute: siehe "
            "unten.",
            look=Look(thresholds=((None, GREEN), (60, YELLOW), (600, RED)), decimals=1),
            unit="s",
        ),
        _number(
            "Abgewiesen (1 h)",
            "sum(increase(stadtfunk_rejected_messages_total[1h]))",
            description="Nachrichten, die niemand lesen konnte; sie liegen im Rohzustand bereit. Gründe stehen unten, "
            "`stadtfunk rejected list` zeigt sie.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (100, RED)), decimals=0),
        ),
        _number(
            "Bis zur Datenbank (p95)",
            _quantiles("stadtfunk_commit_lag_seconds", 0.95)["p95"],
            description="Vom Netzwerkserver bis zum Commit, 95 von 100 Telegrammen sind schneller.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (10, RED)), decimals=2),
            unit="s",
        ),
        _number(
            "Verlustbehaftete Quellen",
            "sum(stadtfunk_source_lossy)",
            description="Quellen, deren Nachrichten vor der Ankunft verloren gehen können. `stadtfunk status` nennt "
            "die "
            "Ursache und die Zeile, die zu ändern ist.",
            look=Look(thresholds=((None, GREEN), (1, ORANGE))),
        ),
    ]


def _received() -> Panel:
    return _series(
        "Empfangene Nachrichten",
        "Nachrichten je Sekunde und Quelle, Wiederholungen mitgezählt. Null bei einer Quelle: Verbindung und Abo "
        "prüfen.",
        "suffix: /s",
        {"{{source}}": f"sum by (source) (rate(stadtfunk_received_messages_total{_WINDOW}))"},
    )


def _stored() -> Panel:
    return _graph(
        "Gespeichert",
        "Was davon neu in der Datenbank ist. Viele Doppelte nach einem Neustart sind richtig: sie kommen noch einmal, "
        "und zählen nicht.",
        "suffix: /s",
        Telegramme=f"sum(rate(stadtfunk_stored_uplinks_total{_WINDOW}))",
        Messwerte=f"sum(rate(stadtfunk_stored_readings_total{_WINDOW}))",
        Ereignisse=f"sum(rate(stadtfunk_stored_events_total{_WINDOW}))",
        Doppelte=f"sum(rate(stadtfunk_duplicate_uplinks_total{_WINDOW}))",
    )


def _frames() -> Panel:
    return _graph(
        "Fehlende Telegramme",
        "Lücken in den Zählern der Geräte; meist Funkverluste. Ein Sprung zugleich mit einer Störung zeigt, was der "
        "Broker "
        "verlor. Nachgereichte kamen verspätet doch.",
        "suffix: /s",
        Fehlend=f"sum(rate(stadtfunk_missing_frames_total{_WINDOW}))",
        Nachgereicht=f"sum(rate(stadtfunk_missing_frames_filled_total{_WINDOW}))",
    )


def _sources() -> Panel:
    return prom(
        "Quellen",
        {
            "{{source}} verbunden": "min by (source) (stadtfunk_source_connected)",
            "{{source}} abonniert": "min by (source) (stadtfunk_source_subscribed)",
            "{{source}} liest": "1 - max by (source) (stadtfunk_source_paused)",
        },
        view=View.STATE_TIMELINE,
        unit="none",
        look=Look(states=_YES),
        description="Verbindung und Abo je Quelle, und ob gelesen wird; angehalten wird, wenn der Speicher voll ist.",
        empty=_UNASKED,
    )


def _links() -> Panel:
    return _graph(
        "Störungen an den Quellen",
        "Je Stunde. Verlorene Sitzung: der Broker hat vergessen, was er für uns aufhob. QoS 0: dafür steht niemand "
        "ein.",
        "none",
        width=24,
        Neue_Verbindungen="sum(increase(stadtfunk_source_reconnects_total[1h]))",
        Verlorene_Sitzungen="sum(increase(stadtfunk_source_sessions_lost_total[1h]))",
        Unlesbare_Verbindungen="sum(increase(stadtfunk_source_malformed_total[1h]))",
        Mit_QoS_0="sum(increase(stadtfunk_source_qos0_messages_total[1h]))",
        Vom_Datenbankfehler_isoliert="sum(increase(stadtfunk_quarantined_rows_total[1h]))",
    )


def _rejected() -> Panel:
    return _series(
        "Abgewiesen nach Grund (je Stunde)",
        "Warum Nachrichten nicht gelesen wurden. `no_decoder`: Zuordnung fehlt; `truncated`, `unknown_port`: falscher "
        "Decoder oder neue Firmware; `key_missing`: Schlüssel nachtragen. Danach `stadtfunk rejected retry`.",
        "none",
        {"{{reason}}": "sum by (reason) (increase(stadtfunk_rejected_messages_total[1h])) > 0"},
        Look(low=0, decimals=0),
        empty="Nichts abgewiesen",
    )


def _outcomes() -> Panel:
    return _series(
        "Telegramme je Decoder und Ausgang",
        "Welcher Decoder wie viel verarbeitet, und womit es endet. Wächst `failed` bei einem: neue Firmware der "
        "Geräte.",
        "suffix: /s",
        {
            "{{decoder}} {{outcome}}": f"sum by (decoder, outcome) (rate(stadtfunk_decoded_uplinks_total{_WINDOW}))",
        },
        Look(stacked=True, low=0),
    )


def _decode() -> Panel:
    return _series(
        "Zeit zum Lesen und Dekodieren",
        "Je Nachricht, als Mittel ihres Stapels. Über 1 ms: ein Decoder ist teuer, meist ein Codec des Herstellers.",
        "s",
        _quantiles("stadtfunk_decode_seconds", 0.5, 0.95, 0.99),
    )


def _batches() -> Panel:
    return _series(
        "Nachrichten je Stapel",
        "Stapel wachsen mit der Last, das ist der Sinn. Dauerhaft über 1.000: die Datenbank ist der Engpass.",
        "none",
        _quantiles("stadtfunk_batch_messages", 0.5, 0.95),
    )


def _commit() -> Panel:
    return _series(
        "Zeit zum Schreiben eines Stapels",
        "Schreiben und Commit. Plötzlich länger: Platte, Sperren oder eine große Abfrage; siehe Datenbank.",
        "s",
        _quantiles("stadtfunk_commit_seconds", 0.5, 0.95, 0.99),
    )


def _lag() -> Panel:
    return _series(
        "Vom Netzwerkserver bis zur Datenbank",
        "Verzug lebender Telegramme; nachgeholte zählen nicht. Wächst er ohne Last: Uhren vergleichen.",
        "s",
        _quantiles("stadtfunk_commit_lag_seconds", 0.5, 0.95, 0.99),
    )


def _waiting() -> Panel:
    return _graph(
        "Älteste wartende Nachricht",
        "Im Speicher oder im Zwischenspeicher. Steigt die Linie stetig, nimmt die Datenbank nichts an.",
        "s",
        width=8,
        Noch_nicht_gespeichert="max(stadtfunk_unstored_oldest_seconds)",
        Im_Zwischenspeicher="max(stadtfunk_spool_oldest_seconds)",
    )


def _spool() -> Panel:
    return _graph(
        "Zwischenspeicher auf der Platte",
        "An der Grenze wird nicht mehr gelesen; dann muss der Broker aufheben. Platz: `spool.max_bytes`.",
        "bytes",
        width=8,
        Belegt="sum(stadtfunk_spool_bytes)",
        Grenze="sum(stadtfunk_spool_limit_bytes)",
    )


def _spool_moves() -> Panel:
    return _graph(
        "Hinein und heraus",
        "Hinein, solange die Datenbank fehlt; heraus, wenn sie wieder da ist. Wiederholt: Versuche, die misslangen.",
        "suffix: /s",
        width=8,
        Hinein=f"sum(rate(stadtfunk_spooled_messages_total{_WINDOW}))",
        Heraus=f"sum(rate(stadtfunk_drained_messages_total{_WINDOW}))",
        Wiederholt=f"sum(rate(stadtfunk_commit_retries_total{_WINDOW}))",
    )


def _database() -> Panel:
    return sql(
        "Datenbank",
        "SELECT bytes, connections, commits, rollbacks, deadlocks, 100 * cache_hits AS cache_hits, version\n"
        "FROM stadtfunk.v_database",
        columns={
            "bytes": NUMBER,
            "connections": NUMBER,
            "commits": NUMBER,
            "rollbacks": NUMBER,
            "deadlocks": NUMBER,
            "cache_hits": NUMBER,
            "version": TEXT,
        },
        view=View.TABLE,
        unit="none",
        look=Look(
            decimals=1,
            column_titles={
                "bytes": "Größe",
                "connections": "Verbindungen",
                "commits": "Commits",
                "rollbacks": "Abbrüche",
                "deadlocks": "Verklemmungen",
                "cache_hits": "Aus dem Cache",
                "version": "Version",
            },
            column_units={
                "bytes": "bytes",
                "connections": "short",
                "commits": "short",
                "rollbacks": "short",
                "deadlocks": "short",
                "cache_hits": "percent",
            },
        ),
        description="Wie der Server seine Datenbank zählt, seit der letzten Rücksetzung. Unter 95 % aus dem Cache: "
        "mehr "
        "Speicher für PostgreSQL (`shared_buffers`).",
        empty="Die Datenbank antwortet nicht",
        of_server=True,
        height=4,
    )


def _maintenance() -> Panel:
    return _graph(
        "Pflege der Datenbank",
        "Verdichten, Löschen, Auswerten, einmal je Minute. Wächst der Rückstand über zehn Minuten, zeigen Dashboards "
        "veraltete Stunden.",
        "s",
        Rückstand_der_Auswertung="time() - min(stadtfunk_rollups_fresh_timestamp_seconds)",
        Seit_dem_letzten_Durchlauf="time() - min(stadtfunk_maintenance_last_success_timestamp_seconds)",
        Dauer_im_Mittel="sum(stadtfunk_maintenance_seconds_sum) / sum(stadtfunk_maintenance_seconds_count)",
    )


def _upkeep() -> Panel:
    return sql(
        "Ausgewertet bis",
        "SELECT name, at FROM stadtfunk.v_upkeep ORDER BY at, name",
        columns={"name": TEXT, "at": TIME},
        view=View.TABLE,
        unit="none",
        look=Look(column_titles={"name": "Was", "at": "Zuletzt gepflegt"}),
        description="Wann die Pflege jede Art von Messwerten, das Funknetz (`radio`) und das Löschen zuletzt "
        "erledigte.",
        empty="Die Pflege lief noch nie",
    )


def _retention() -> Panel:
    return sql(
        "Gelöscht nach Fristen",
        "SELECT time, table_name, deleted, cutoff FROM stadtfunk.v_retention WHERE $__timeFilter(time)\n"
        "ORDER BY time DESC, table_name LIMIT 200",
        columns={"time": TIME, "table_name": TEXT, "deleted": NUMBER, "cutoff": TIME},
        view=View.TABLE,
        unit="none",
        look=Look(
            column_titles={"time": "Wann", "table_name": "Tabelle", "deleted": "Zeilen", "cutoff": "Älter als"},
            column_units={"deleted": "short"},
        ),
        description="Nachweis der Löschfristen: was wann gelöscht wurde. Rohdaten von Haushalten nach 14 Tagen.",
        empty="Nichts war fällig",
        empty_is_normal=True,
    )


def _engine() -> Panel:
    return _graph(
        "Regeln ausgewertet",
        "Seit der letzten vollen Runde, und wie viele Prozesse auswerten (genau einer, weitere stehen bereit).",
        "none",
        Sekunden_seit_der_letzten_Runde="time() - max(stadtfunk_alert_engine_last_round_timestamp_seconds)",
        Auswertende_Prozesse="sum(stadtfunk_alert_engine_active)",
        Offene_Meldungen="sum(stadtfunk_alerts_open)",
    )


def _rules() -> Panel:
    return _series(
        "Zeit je Regel (p95)",
        "Auswerten und Abgleichen einer Regel. Sekunden sind zu viel: Zeitfenster der Regel verkürzen.",
        "s",
        _quantiles("stadtfunk_alert_rule_seconds", 0.95, by="rule"),
    )


def _rule_failures() -> Panel:
    return _series(
        "Misslungene Auswertungen (je Stunde)",
        "Die Regel wird erneut versucht; das Log nennt die Ursache. Dauerhaft über 0: Meldungen fehlen.",
        "none",
        {"{{rule}}": "sum by (rule) (increase(stadtfunk_alert_rule_failures_total[1h]))"},
        Look(low=0, thresholds=((None, GREEN), (1, RED)), decimals=0),
    )


def _latency() -> Panel:
    return _series(
        "Von der Ursache bis zur Meldung",
        "Zeit, bis eine erfüllte Regel als Meldung gespeichert ist; Nachrichten folgen sofort.",
        "s",
        _quantiles("stadtfunk_alert_latency_seconds", 0.5, 0.95),
    )


def _outbox() -> Panel:
    return _series(
        "Nachrichten im Postausgang",
        "Was noch zu senden ist. `held` wartet auf den Dienstbeginn; wächst `pending`, ist der Kanal gestört.",
        "none",
        {
            "{{channel}} {{state}}": "sum by (channel, state) (stadtfunk_notifications_waiting)",
            "{{channel}} überfällig (s)": "max by (channel) (stadtfunk_notifications_overdue_seconds)",
        },
    )


def _deliveries() -> Panel:
    return _series(
        "Versand (je Stunde)",
        "Versuche je Kanal: gesendet, später noch einmal, aufgegeben. Aufgegebenes steht mit Grund im Postausgang.",
        "none",
        {"{{channel}} {{result}}": "sum by (channel, result) (increase(stadtfunk_notifications_total[1h]))"},
        Look(low=0, decimals=0),
    )


def _requests() -> Panel:
    return _series(
        "Anfragen",
        "Anfragen an das Portal je Sekunde nach Ausgang. 5xx: ein Fehler von uns, das Log nennt ihn.",
        "suffix: /s",
        {"{{status}}": f"sum by (status) (rate(stadtfunk_portal_answer_seconds_count{_WINDOW}))"},
        width=8,
    )


def _answers() -> Panel:
    return _series(
        "Zeit bis zur Antwort",
        "Bis eine Antwort des Portals beginnt. Über 0,5 s im p95 merken es die Leute auf der Straße.",
        "s",
        _quantiles("stadtfunk_portal_answer_seconds", 0.5, 0.95),
        Look(low=0, thresholds=((None, GREEN), (0.5, ORANGE))),
        width=8,
    )


def _logins() -> Panel:
    return _series(
        "Anmeldungen (je Stunde)",
        "Viele misslungene oder gebremste sind ein Angriff: Adresse im Log des Proxys suchen und sperren.",
        "none",
        {"{{outcome}}": "sum by (outcome) (increase(stadtfunk_portal_logins_total[1h]))"},
        Look(low=0, decimals=0),
        width=8,
    )


def _checks() -> Panel:
    return prom(
        "Prüfungen der Bereitschaft",
        {"{{check}} {{source}}": "min by (check, source) (stadtfunk_check_up)"},
        view=View.STATE_TIMELINE,
        unit="none",
        look=Look(states=_YES),
        description="Was `/readyz` prüft. Warum eine Prüfung nicht besteht, sagen `/readyz` und `stadtfunk status`.",
        empty=_UNASKED,
        width=24,
    )


def _cpu() -> Panel:
    return _series(
        "Rechenzeit",
        "Anteil eines Kerns je Prozess. Ein Prozess kann nicht mehr als einen nutzen: dann Teile getrennt laufen "
        "lassen.",
        "percentunit",
        {"{{job}}": f"rate(process_cpu_seconds_total{_WINDOW}) {_OURS}"},
    )


def _memory() -> Panel:
    return _series(
        "Arbeitsspeicher",
        "Belegter Speicher je Prozess. Er bleibt auch bei langem Ausfall der Datenbank beschränkt.",
        "bytes",
        {"{{job}}": f"process_resident_memory_bytes {_OURS}"},
    )


def _loop() -> Panel:
    return _series(
        "Verzug der Ereignisschleife",
        "Wie spät ein Zeitgeber feuert. Über 100 ms: etwas blockiert den Prozess, Nachrichten und Anfragen warten.",
        "s",
        _quantiles("stadtfunk_event_loop_lag_seconds", 0.5, 0.99),
        Look(low=0, thresholds=((None, GREEN), (0.1, ORANGE), (1, RED))),
    )


def _files() -> Panel:
    return _series(
        "Offene Dateien",
        "Dateien und Verbindungen je Prozess. Stetiges Wachsen ist ein Leck: neu starten und melden.",
        "none",
        {"{{job}}": f"process_open_fds {_OURS}"},
    )


def _disk() -> Panel:
    return _series(
        "Freier Platz",
        "Anteil freien Platzes, wo Zwischenspeicher und eingebaute Datenbank liegen. Unter 20 %: Platz schaffen.",
        "percentunit",
        {"{{folder}}": "min by (folder) (stadtfunk_disk_free_bytes / stadtfunk_disk_size_bytes)"},
        Look(low=0, high=1, thresholds=((None, RED), (0.1, YELLOW), (0.2, GREEN))),
    )


def _certificates() -> Panel:
    return _series(
        "Zertifikate gültig (Tage)",
        "Wie lange Zertifikate und Sperrlisten der Einstellungen noch gelten. Unter 14 Tagen: erneuern.",
        "none",
        {"{{setting}}": "min by (setting) (stadtfunk_certificate_expiry_timestamp_seconds - time()) / 86400"},
        Look(thresholds=((None, RED), (14, YELLOW), (30, BLUE)), decimals=0),
    )
