"""Funknetz: which gateway hears what, what gets lost where, how much reserve the links have, who fell silent.

Hours that are over and whole days come from sums that maintenance stores (`storage/radio.py`), short ranges of load and
data rates from the frames themselves. Bands are those of the network's key figures: loss 3 and 10 %, reserve 10 and
3 dB, frames at spreading factor 12 10 and 25 %, gateways per frame 2 and 1.2.
"""

from collections.abc import Mapping
from typing import Final

from dashboards.looks import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Look, View
from dashboards.panels import NUMBER, TEXT, TIME, Dashboard, Panel, dashboard, number, row, sql
from dashboards.queries import ColumnType, chosen, grouped, ranged
from dashboards.variables import DISTRICT, Variable, device
from dashboards.words import ASSET_KINDS, said
from storage.buckets import ZONE

_LOSS: Final = Look(thresholds=((None, GREEN), (3, YELLOW), (10, RED)), low=0, decimals=1)
_RESERVE: Final = ((None, RED), (3, YELLOW), (10, GREEN))
_STATES: Final = {"online": ("Verbunden", GREEN), "offline": ("Ohne Kontakt", RED), "never": ("Nie gehört", GREY)}
_GATEWAY: Final = Variable(
    "gateway",
    "Gateway",
    "SELECT gateway_name AS __text, gateway_id AS __value FROM stadtfunk.v_network_gateway ORDER BY 1",
)
_CHOSEN_GATEWAY: Final = chosen("gateway", "gateway_id")
_IN_DISTRICT: Final = chosen("district", "district")
_KIND: Final = said("asset_kind", {**ASSET_KINDS, "": "Ohne Objekt"})
_DAYS: Final = f"time >= date_trunc('day', $__timeFrom()::timestamptz, '{ZONE}') AND time <= $__timeTo()"
"""Whole days, the one included in which the range begins."""
_MINUTES: Final = "(extract(epoch FROM interval '$__interval') / 60)"
_MINUTES_OF_HOURS: Final = f"greatest(60, {_MINUTES})"
"""The step that a graph takes; where it reads hours, no step is shorter than one."""
_DEVICE: Final = "coalesce(nullif(asset_name, ''), nullif(device_name, ''), dev_eui)"
_NO_REPORTS: Final = "Keine Statistik: der Netzwerkserver schickt keine Ereignisse der Gateways"
_NO_HOURS: Final = "Noch keine volle Stunde ausgewertet"


def build() -> Dashboard:
    """What the network's operator looks at."""
    return dashboard(
        "stadtfunk-funknetz",
        "Funknetz",
        description="Gateways, Verluste, Reserven, Abdeckung und stumme Geräte. Zähler von Haushalten nur in Summen.",
        tags=("funknetz",),
        variables=(DISTRICT, _GATEWAY, device("v_network_device")),
        links=("stadtfunk-ueberblick", "stadtfunk-betrieb", "stadtfunk-kind-device-health"),
        since="now-7d",
        alerts_about=("gateway",),
        rows=(
            row("Jetzt", *_numbers()),
            row("Gateways", _gateways(), _load(), _occupancy(), _heard_share(), _presence(), _checksums()),
            row("Verluste", _loss(), _populations(), _weakest()),
            row("Datenraten und Reserven", _data_rates(), _margins(), _margin_classes()),
            row("Abdeckung", _coverage(), _gateway_map()),
            row("Stumme Geräte", _silent()),
            row("Ein Gerät", _device_margins(), _device_days(), collapsed=True),
        ),
    )


def _number(title: str, query: str, *, description: str, look: Look, unit: str = "none", empty: str = "–") -> Panel:
    return number(title, query, description=description, look=look, empty=empty, unit=unit)


def _numbers() -> list[Panel]:
    hours = "FROM stadtfunk.v_radio_hourly WHERE $__timeFilter(time)"
    return [
        _number(
            "Gateways ohne Kontakt",
            "SELECT count(*) FILTER (WHERE state <> 'online') AS value FROM stadtfunk.v_network_gateway",
            description="Gateways, die der Netzwerkserver nicht erreicht oder die seit 15 Minuten schweigen. "
            "Über 0: Strom und Anbindung prüfen, siehe Tabelle.",
            look=Look(thresholds=((None, GREEN), (1, RED))),
        ),
        _number(
            "Geräte gehört (24 h)",
            "SELECT sum(heard_in_a_day)::bigint AS value FROM stadtfunk.v_network_contact",
            description="Geräte mit mindestens einem Telegramm in den letzten 24 Stunden, Zähler mitgezählt.",
            look=Look(thresholds=((None, BLUE),)),
            empty="Noch keine Geräte",
        ),
        _number(
            "Stumme Geräte",
            "SELECT sum(silent)::bigint AS value FROM stadtfunk.v_network_contact",
            description="Geräte, die länger schweigen als drei ihrer üblichen Abstände (mindestens 1 Stunde, höchstens "
            "3 Tage). Viele zugleich: erst die Gateways ansehen.",
            look=Look(thresholds=((None, GREEN), (1, YELLOW), (20, RED))),
            empty="Noch keine Geräte",
        ),
        _number(
            "Verlust",
            f"SELECT 100.0 * sum(lost) / nullif(sum(frames + lost), 0) AS value {hours}",
            description="Anteil der Telegramme, die laut Zählern der Geräte fehlen. Neue Anmeldungen und "
            "zurückgesetzte Zähler gelten nicht als Verlust; wer ganz schweigt, fehlt hier "
            "und steht unter den stummen Geräten.",
            look=_LOSS,
            unit="percent",
            empty=_NO_HOURS,
        ),
        _number(
            "Anteil SF12",
            "SELECT 100.0 * sum(frames) FILTER (WHERE spreading_factor = 12) / nullif(sum(frames), 0) AS value\n"
            + hours,
            description="Telegramme mit der langsamsten Datenrate. Über 25 %: Sendezeit wird knapp, "
            "es fehlen Gateways.",
            look=Look(thresholds=((None, GREEN), (10, YELLOW), (25, RED)), decimals=1),
            unit="percent",
            empty=_NO_HOURS,
        ),
        _number(
            "Gateways je Telegramm",
            f"SELECT sum(receptions)::numeric / nullif(sum(frames), 0) AS value {hours}",
            description="Wie viele Gateways ein Telegramm im Mittel hören. Unter 1,2 hängt fast jedes an nur einem.",
            look=Look(thresholds=((None, RED), (1.2, YELLOW), (2, GREEN)), decimals=1),
            empty=_NO_HOURS,
        ),
    ]


def _table(
    title: str,
    query: str,
    columns: Mapping[str, tuple[str, ColumnType]],
    *,
    description: str,
    look: Look,
    empty: str,
    empty_is_normal: bool = False,
    width: int = 24,
    height: int = 10,
) -> Panel:
    """A table; `columns` are name → (title, type)."""
    titles = {name: text for name, (text, _) in columns.items()}
    values = {name: getattr(look, name) for name in look.__dataclass_fields__}
    return sql(
        title,
        query,
        columns={name: kind for name, (_, kind) in columns.items()},
        view=View.TABLE,
        unit="none",
        description=description,
        look=Look(**{**values, "column_titles": titles}),
        empty=empty,
        empty_is_normal=empty_is_normal,
        width=width,
        height=height,
    )


def _gateways() -> Panel:
    return _table(
        "Gateways",
        "SELECT g.gateway_name, g.state, g.last_seen_at, h.frames, h.airtime, d.heard, d.alone, d.only_here\n"
        "FROM stadtfunk.v_network_gateway AS g\n"
        "LEFT JOIN (\n"
        "    SELECT gateway_id, sum(frames)::bigint AS frames,\n"
        "        100 * sum(airtime) / 8 / nullif($__unixEpochTo() - $__unixEpochFrom(), 0) AS airtime\n"
        "    FROM stadtfunk.v_radio_gateway_hourly WHERE $__timeFilter(time) GROUP BY gateway_id\n"
        ") AS h USING (gateway_id)\n"
        "LEFT JOIN (\n"
        "    SELECT gateway_id, 100 * sum(frames) / nullif(sum(device_frames), 0) AS heard,\n"
        "        100 * sum(alone) / nullif(sum(frames), 0) AS alone, max(only_here) AS only_here\n"
        f"    FROM stadtfunk.v_radio_gateway_daily WHERE {_DAYS} GROUP BY gateway_id\n"
        ") AS d USING (gateway_id)\n"
        f"WHERE {_CHOSEN_GATEWAY.replace('gateway_id', 'g.gateway_id')}\nORDER BY g.state, g.gateway_name",
        {
            "gateway_name": ("Gateway", TEXT),
            "state": ("Zustand", TEXT),
            "last_seen_at": ("Zuletzt gehört", TIME),
            "frames": ("Telegramme", NUMBER),
            "airtime": ("Belegung", NUMBER),
            "heard": ("Gehört", NUMBER),
            "alone": ("Allein gehört", NUMBER),
            "only_here": ("Geräte nur hier", NUMBER),
        },
        description="„Gehört“: Anteil an den Telegrammen der Geräte, die das Gateway am selben Tag überhaupt hört. "
        "„Geräte nur hier“: so viele fallen aus, wenn dieses Gateway ausfällt (stärkster Tag). "
        "„Belegung“: Sendezeit, auf acht Kanäle verteilt.",
        look=Look(
            states=_STATES,
            coloured=("state",),
            decimals=1,
            column_units={
                "frames": "short",
                "airtime": "percent",
                "heard": "percent",
                "alone": "percent",
                "only_here": "short",
            },
        ),
        empty="Noch kein Gateway gehört",
    )


def _load() -> Panel:
    step = grouped("time")
    return sql(
        "Telegramme je Minute",
        ranged(
            raw=f"SELECT r.time, g.gateway_name AS metric, r.frames / {_MINUTES} AS value\nFROM (\n"
            f"    SELECT {step} AS time, gateway, count(*) AS frames FROM stadtfunk.v_network_reception\n"
            "    WHERE $__timeFilter(time) GROUP BY 1, 2\n"
            f") AS r JOIN stadtfunk.v_network_gateway AS g USING (gateway) WHERE {_CHOSEN_GATEWAY}",
            hourly=f"SELECT {step} AS time, gateway_name AS metric, sum(frames) / {_MINUTES_OF_HOURS} AS value\n"
            f"FROM stadtfunk.v_radio_gateway_hourly WHERE $__timeFilter(time) AND {_CHOSEN_GATEWAY} GROUP BY 1, 2",
        ),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="none",
        look=Look(low=0, decimals=1),
        description="Was jedes Gateway hört. Fällt eines gegen die anderen ab, ist seine Antenne oder sein Standort "
        "gestört; fallen alle, liegt es am Netzwerkserver.",
        interval="5m",
    )


def _occupancy() -> Panel:
    return sql(
        "Belegung der Kanäle",
        f"SELECT {grouped('time')} AS time, gateway_name AS metric,\n"
        f"    100 * sum(airtime) / 8 / (60 * {_MINUTES_OF_HOURS}) AS value\n"
        f"FROM stadtfunk.v_radio_gateway_hourly WHERE $__timeFilter(time) AND {_CHOSEN_GATEWAY}\n"
        "GROUP BY 1, 2 ORDER BY 1",
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="percent",
        look=Look(thresholds=((None, GREEN), (5, YELLOW), (10, RED)), low=0, decimals=2),
        description="Sendezeit der gehörten Telegramme je Stunde, auf acht Kanäle verteilt. Ab etwa 10 % stören sich "
        "Telegramme merklich: Datenraten und Sendeabstände prüfen.",
        empty=_NO_HOURS,
        interval="1h",
    )


def _heard_share() -> Panel:
    return sql(
        "Gehörter Anteil je Gateway",
        "SELECT time, gateway_name AS metric, 100 * sum(frames) / nullif(sum(device_frames), 0) AS value\n"
        f"FROM stadtfunk.v_radio_gateway_daily WHERE {_DAYS} AND {_CHOSEN_GATEWAY}\nGROUP BY 1, 2 ORDER BY 1",
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="percent",
        look=Look(low=0, high=100, decimals=1),
        description="Je Tag: Anteil, den ein Gateway von den Telegrammen hört, die irgendwer von seinen Geräten hörte."
        " Kein Verlust des Netzes, sondern ein Maß des Gateways gegen seine früheren Tage: sinkt es, wird es taub.",
        empty=_NO_HOURS,
    )


def _presence() -> Panel:
    what = f"WHERE $__timeFilter(time) AND {_CHOSEN_GATEWAY} GROUP BY 1, 2"
    begin = f"SELECT {grouped('time')} AS time, gateway_name AS metric, 1 AS value"
    return sql(
        "Statistik gemeldet",
        ranged(
            raw=f"{begin}\nFROM stadtfunk.v_network_gateway_stats {what}",
            hourly=f"{begin}\nFROM stadtfunk.v_radio_report_hourly {what}",
        ),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        view=View.STATE_TIMELINE,
        unit="none",
        look=Look(states={"1": ("Gemeldet", GREEN)}),
        description="Wann Gateways ihre Statistik schickten. Lücken sind Zeiten ohne Strom oder Anbindung.",
        empty=_NO_REPORTS,
        interval="1h",
    )


def _checksums() -> Panel:
    what = f"WHERE $__timeFilter(time) AND {_CHOSEN_GATEWAY} GROUP BY 1, 2"
    begin = (
        f"SELECT {grouped('time')} AS time, gateway_name AS metric,\n"
        "    100.0 * sum(rx_received - rx_received_ok) / nullif(sum(rx_received), 0) AS value"
    )
    return sql(
        "Fehlerhafte Empfänge",
        ranged(
            raw=f"{begin}\nFROM stadtfunk.v_network_gateway_stats {what}",
            hourly=f"{begin}\nFROM stadtfunk.v_radio_report_hourly {what}",
        ),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="percent",
        look=Look(low=0, decimals=1),
        description="Empfänge mit falscher Prüfsumme. Ein Anstieg an einem Gateway: Störer in der Nähe oder Antenne.",
        empty=_NO_REPORTS,
        interval="1h",
    )


def _loss() -> Panel:
    return sql(
        "Verlust je Quelle",
        f"SELECT {grouped('time')} AS time, source AS metric,\n"
        "    100.0 * sum(lost) / nullif(sum(frames + lost), 0) AS value\n"
        "FROM stadtfunk.v_radio_hourly WHERE $__timeFilter(time) GROUP BY 1, 2 ORDER BY 1",
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="percent",
        look=_LOSS,
        description="Fehlende Telegramme aller Geräte, in der Stunde, in der die Lücke auffiel. Ein Sprung einer "
        "ganzen Quelle deutet auf Broker oder Netzwerkserver, ein langsamer Anstieg auf den Funk.",
        empty=_NO_HOURS,
        interval="1h",
    )


def _populations() -> Panel:
    return _table(
        "Verlust nach Art",
        f"SELECT {_KIND} AS art, max(devices)::bigint AS devices, sum(frames)::bigint AS frames,\n"
        "    100 * sum(lost) / nullif(sum(frames + lost), 0) AS loss, 100 * sum(single) / sum(frames) AS single,\n"
        "    100 * sum(slow) / sum(frames) AS slow, max(red)::bigint AS red\n"
        "FROM (\n"
        "    SELECT time, asset_kind, sum(devices) AS devices, sum(frames) AS frames, sum(lost) AS lost,\n"
        "        sum(single) AS single, sum(slow) AS slow, sum(red) AS red\n"
        f"    FROM stadtfunk.v_radio_population_daily WHERE {_DAYS} AND {_IN_DISTRICT} GROUP BY 1, 2\n"
        ") AS p GROUP BY 1 ORDER BY 1",
        {
            "art": ("Art", TEXT),
            "devices": ("Geräte", NUMBER),
            "frames": ("Telegramme", NUMBER),
            "loss": ("Verlust", NUMBER),
            "single": ("Nur ein Gateway", NUMBER),
            "slow": ("SF12", NUMBER),
            "red": ("Unter 3 dB", NUMBER),
        },
        description="Zähler in Kellern verlieren mehr als Bäume. „Unter 3 dB“: Geräte, deren Reserve in einem Zehntel "
        "der Telegramme darunter lag (stärkster Tag). Gruppen von weniger als fünf Haushalten fehlen.",
        look=Look(
            decimals=1,
            column_units={
                "devices": "short",
                "frames": "short",
                "loss": "percent",
                "single": "percent",
                "slow": "percent",
                "red": "short",
            },
        ),
        empty=_NO_HOURS,
        width=12,
        height=8,
    )


def _weakest() -> Panel:
    return _table(
        "Schwächste Geräte",
        f"SELECT name, dev_eui, district, frames, loss, low, high, gateways, slow, margin\nFROM (\n"
        f"    SELECT {_DEVICE} AS name, dev_eui, district, sum(frames)::bigint AS frames,\n"
        "        100.0 * sum(lost) / sum(frames + lost) AS loss,\n"
        "        sum(lost)::double precision / sum(frames + lost) AS p, sum(frames + lost)::double precision AS n,\n"
        "        sum(receptions)::numeric / sum(frames) AS gateways, 100.0 * sum(slow) / sum(frames) AS slow,\n"
        "        percentile_cont(0.5) WITHIN GROUP (ORDER BY margin_p10) AS margin\n"
        f"    FROM stadtfunk.v_radio_device_daily WHERE {_DAYS} AND {_IN_DISTRICT}\n"
        "    GROUP BY 1, 2, 3 HAVING sum(frames + lost) >= 50\n"
        ") AS d\n"
        "CROSS JOIN LATERAL (\n"
        "    SELECT 100 * (p + 1.92 / n - w) / (1 + 3.84 / n) AS low,\n"
        "        100 * (p + 1.92 / n + w) / (1 + 3.84 / n) AS high\n"
        "    FROM (SELECT 1.96 * sqrt(p * (1 - p) / n + 0.96 / n ^ 2) AS w) AS z\n"
        ") AS wilson\nORDER BY loss DESC, margin LIMIT 100",
        {
            "name": ("Gerät", TEXT),
            "dev_eui": ("DevEUI", TEXT),
            "district": ("Stadtteil", TEXT),
            "frames": ("Telegramme", NUMBER),
            "loss": ("Verlust", NUMBER),
            "low": ("von", NUMBER),
            "high": ("bis", NUMBER),
            "gateways": ("Gateways", NUMBER),
            "slow": ("SF12", NUMBER),
            "margin": ("Reserve p10", NUMBER),
        },
        description="Geräte der Stadt nach Verlust, ab 50 Telegrammen; „von–bis“ ist der 95-%-Bereich (Wilson). "
        "„Reserve p10“: Abstand des besten Gateways zur Demodulationsgrenze, den neun von zehn Telegrammen übertreffen "
        "(Median der Tage). Unter 3 dB: Antenne, Standort oder ein weiteres Gateway.",
        look=Look(
            thresholds=((None, GREEN), (3, YELLOW), (10, RED)),
            coloured=("loss",),
            decimals=1,
            column_units={
                "frames": "short",
                "loss": "percent",
                "low": "percent",
                "high": "percent",
                "slow": "percent",
                "margin": "dB",
            },
            column_links={"name": ("Dieses Gerät", "/d/stadtfunk-funknetz?var-device=${__data.fields.DevEUI}")},
        ),
        empty="Noch kein Gerät mit 50 Telegrammen",
        empty_is_normal=True,
    )


def _data_rates() -> Panel:
    begin = f"SELECT {grouped('time')} AS time, coalesce('SF' || spreading_factor, 'andere') AS metric,"
    what = "WHERE $__timeFilter(time) GROUP BY 1, 2"
    return sql(
        "Datenraten (Telegramme je Minute)",
        ranged(
            raw=f"{begin} count(*) / {_MINUTES} AS value\nFROM stadtfunk.v_network_frame {what}",
            hourly=f"{begin} sum(frames) / {_MINUTES_OF_HOURS} AS value\nFROM stadtfunk.v_radio_hourly {what}",
        ),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="none",
        look=Look(stacked=True, low=0, decimals=1),
        description="Telegramme nach Spreizfaktor. SF7 ist schnell, SF12 belegt den Kanal vierundzwanzigmal so lange. "
        "Wandert das Gewicht nach oben, ist ein Gateway schwächer geworden.",
        interval="5m",
    )


def _margins() -> Panel:
    return sql(
        "Reserve des besten Gateways",
        'SELECT time, min(margin) FILTER (WHERE below >= 0.1 * total) AS "p10",\n'
        '    min(margin) FILTER (WHERE below >= 0.5 * total) AS "Median"\n'
        "FROM (\n"
        "    SELECT time, margin, sum(frames) OVER (PARTITION BY time ORDER BY margin) AS below,\n"
        "        sum(frames) OVER (PARTITION BY time) AS total\n"
        "    FROM (\n"
        f"        SELECT {grouped('time')} AS time, margin, sum(frames) AS frames\n"
        "        FROM stadtfunk.v_radio_margin_hourly WHERE $__timeFilter(time) GROUP BY 1, 2\n"
        "    ) AS m\n"
        ") AS c GROUP BY 1 ORDER BY 1",
        columns={"time": TIME, "p10": NUMBER, "Median": NUMBER},
        unit="dB",
        look=Look(thresholds=_RESERVE),
        description="Wie weit das beste Gateway über der Grenze liegt, an der ein Telegramm noch zu verstehen ist. "
        "Unter 3 dB im p10 gehen Telegramme bei jedem parkenden Auto verloren.",
        empty=_NO_HOURS,
        interval="1h",
    )


def _margin_classes() -> Panel:
    return sql(
        "Verteilung der Reserve",
        "SELECT class, 100 * frames / sum(frames) OVER () AS share\nFROM (\n"
        "    SELECT width_bucket(margin::integer, array[0, 3, 6, 10, 15, 20]) AS place, sum(frames) AS frames\n"
        "    FROM stadtfunk.v_radio_margin_hourly WHERE $__timeFilter(time) GROUP BY 1\n"
        ") AS m\n"
        "JOIN (VALUES (0, 'unter 0'), (1, '0–3'), (2, '3–6'), (3, '6–10'), (4, '10–15'), (5, '15–20'), (6, 'ab 20'))\n"
        "    AS c (place, class) USING (place)\nORDER BY place",
        columns={"class": TEXT, "share": NUMBER},
        view=View.BARCHART,
        unit="percent",
        look=Look(category="class", decimals=1, low=0, column_titles={"class": "Reserve (dB)", "share": "Anteil"}),
        description="Anteil der Telegramme nach Reserve in dB. Was links von 3 dB liegt, fällt als Erstes aus.",
        empty=_NO_HOURS,
    )


def _coverage() -> Panel:
    return sql(
        "Abdeckung der letzten 30 Tage",
        f"SELECT {_KIND} AS art, latitude, longitude, devices, margin,\n"
        "    100.0 * lost / nullif(frames + lost, 0) AS loss\nFROM stadtfunk.v_radio_cell ORDER BY margin DESC",
        columns={
            "art": TEXT,
            "latitude": NUMBER,
            "longitude": NUMBER,
            "devices": NUMBER,
            "margin": NUMBER,
            "loss": NUMBER,
        },
        view=View.GEOMAP,
        unit="dB",
        look=Look(
            thresholds=_RESERVE,
            colour_by="margin",
            size_by="devices",
            decimals=1,
            column_titles={
                "art": "Art",
                "devices": "Geräte",
                "loss": "Verlust",
                "latitude": "Breite",
                "longitude": "Länge",
            },
            column_units={"devices": "short", "loss": "percent", "latitude": "none", "longitude": "none"},
        ),
        description="Felder von etwa 250 m mit dem Median der Reserve ihrer Geräte, Bäume, "
        "Stellplätze und Keller getrennt. Rot unter 3 dB: hier fehlt ein Gateway. Felder mit weniger "
        "als fünf Haushalten fehlen.",
        empty="Noch kein Gerät mit Ort und Empfang",
        width=14,
    )


def _gateway_map() -> Panel:
    return sql(
        "Orte der Gateways",
        "SELECT gateway_name, state, last_seen_at, latitude, longitude FROM stadtfunk.v_network_gateway\n"
        f"WHERE latitude IS NOT NULL AND longitude IS NOT NULL AND {_CHOSEN_GATEWAY}",
        columns={"gateway_name": TEXT, "state": TEXT, "last_seen_at": TIME, "latitude": NUMBER, "longitude": NUMBER},
        view=View.GEOMAP,
        unit="none",
        look=Look(
            states=_STATES,
            colour_by="state",
            column_titles={
                "gateway_name": "Gateway",
                "last_seen_at": "Zuletzt gehört",
                "latitude": "Breite",
                "longitude": "Länge",
            },
        ),
        description="Wo die Gateways stehen, soweit der Netzwerkserver es weiß.",
        empty="Kein Gateway hat einen Ort: im Netzwerkserver eintragen",
        width=10,
    )


def _silent() -> Panel:
    return _table(
        "Stumme Geräte der Stadt",
        f"SELECT {_DEVICE} AS name, dev_eui, profile, district, last_seen_at, silent_seconds, interval_seconds,\n"
        "    silent_seconds / nullif(interval_seconds, 0) AS missed\n"
        f"FROM stadtfunk.v_network_device WHERE silent_seconds > limit_seconds AND {_IN_DISTRICT}\n"
        "ORDER BY silent_seconds / limit_seconds DESC LIMIT 200",
        {
            "name": ("Gerät", TEXT),
            "dev_eui": ("DevEUI", TEXT),
            "profile": ("Profil", TEXT),
            "district": ("Stadtteil", TEXT),
            "last_seen_at": ("Zuletzt gehört", TIME),
            "silent_seconds": ("Stumm seit", NUMBER),
            "interval_seconds": ("Üblicher Abstand", NUMBER),
            "missed": ("Abstände", NUMBER),
        },
        description="Geräte der Stadt, die länger schweigen als ihr gelernter Abstand erwarten lässt. Erst prüfen, ob "
        "ein Gateway fehlt; dann Batterie, dann vor Ort.",
        look=Look(decimals=1, column_units={"silent_seconds": "s", "interval_seconds": "s", "missed": "none"}),
        empty="Kein Gerät der Stadt ist stumm",
        empty_is_normal=True,
    )


def _device_margins() -> Panel:
    devices = "(${device:sqlstring})"
    daily = (
        "SELECT time, gateway_name AS metric, sum(margin * frames) / sum(frames) AS value\n"
        f"FROM stadtfunk.v_radio_link_daily WHERE {_DAYS} AND {_CHOSEN_GATEWAY} AND margin IS NOT NULL AND "
    )
    return sql(
        "Reserve je Gateway",
        ranged(
            raw=f"SELECT {grouped('time')} AS time, gateway_name AS metric, avg(margin) AS value\n"
            f"FROM stadtfunk.v_device_reception WHERE $__timeFilter(time) AND {_CHOSEN_GATEWAY}\n"
            f"    AND dev_eui IN {devices} AND '*' NOT IN {devices} GROUP BY 1, 2\n"
            f"UNION ALL\n{daily} '*' IN {devices} GROUP BY 1, 2",
            hourly=f"{daily} {chosen('device', 'dev_eui')} GROUP BY 1, 2",
        ),
        columns={"time": TIME, "metric": TEXT, "value": NUMBER},
        unit="dB",
        look=Look(thresholds=_RESERVE),
        description="Empfang der oben gewählten Geräte an jedem Gateway, über der Demodulationsgrenze.",
        empty="Die gewählten Geräte hörte in diesem Zeitraum niemand",
        interval="10m",
    )


def _device_days() -> Panel:
    return sql(
        "Telegramme je Tag",
        'SELECT time, sum(frames)::bigint AS "Gehört", sum(lost)::bigint AS "Fehlend"\n'
        f"FROM stadtfunk.v_radio_device_daily WHERE {_DAYS} AND {chosen('device', 'dev_eui')} AND {_IN_DISTRICT}\n"
        "GROUP BY 1 ORDER BY 1",
        columns={"time": TIME, "Gehört": NUMBER, "Fehlend": NUMBER},
        unit="none",
        look=Look(bars=True, stacked=True, low=0, column_colours={"Gehört": GREEN, "Fehlend": ORANGE}),
        description="Gehörte und laut Zähler fehlende Telegramme der gewählten Geräte der Stadt.",
        empty=_NO_HOURS,
    )
