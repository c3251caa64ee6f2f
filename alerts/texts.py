"""From the facts of a message to words for people: a subject, a few labelled lines, items of a list, a link. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from urllib.parse import quote
from zoneinfo import ZoneInfo

from alerts import phrases
from alerts.channels import Outgoing, Wording
from alerts.model import Json
from alerts.phrases import Phrase

INBOX_PATH = "/inbox"
CASE_PATH = "/inbox/cases/"
"""Where the portal shows them; a test compares."""
_HIGH, _MEDIUM = 70, 40
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Text:
    """What people read.

    Attributes:
        subject: one line.
        lead: a sentence before everything else; may be empty.
        lines: labels and values.
        items: entries of a list.
        link: where to go on; empty without a portal. `link_label` says what it opens.
    """

    subject: str
    lead: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    items: tuple[str, ...] = ()
    link: str = ""
    link_label: str = ""
    footer: str = ""


def write(message: Outgoing, wording: Wording, now: datetime) -> Text:
    """The words of a message; an unknown code or reason is shown as it is, a missing fact left out."""
    scribe = _Scribe(wording, now)
    if message.kind == "summary":
        return scribe.summary(message.body)
    if message.kind == "digest":
        return scribe.digest(message.body)
    if message.kind == "test":
        return scribe.test()
    return scribe.case(message.kind, message.body)


def plain(text: Text) -> str:
    """As plain text."""
    parts = [[text.lead] if text.lead else [], [f"{label}: {value}" for label, value in text.lines]]
    parts += [[f"- {item}" for item in text.items], [f"{text.link_label}: {text.link}"] if text.link else []]
    parts += [[text.footer] if text.footer else []]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def html(text: Text, language: str) -> str:
    """As a small HTML page without anything that is loaded from elsewhere."""
    rows = "".join(
        f'<tr><th align="left" style="padding:2px 12px 2px 0">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in text.lines
    )
    parts = [
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f"<title>{escape(text.subject)}</title></head>"
        '<body style="font-family:sans-serif;font-size:16px;line-height:1.4">',
        f'<h1 style="font-size:20px">{escape(text.subject)}</h1>',
        f"<p>{escape(text.lead)}</p>" if text.lead else "",
        f"<table>{rows}</table>" if rows else "",
        f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in text.items)}</ul>" if text.items else "",
        f'<p><a href="{escape(text.link)}">{escape(text.link_label)}</a></p>' if text.link else "",
        f'<p style="color:#595959;font-size:14px">{escape(text.footer)}</p>' if text.footer else "",
        "</body></html>",
    ]
    return "".join(parts) + "\n"


def moment(value: Json, wording: Wording, now: datetime) -> str:
    """A time as people say it: `heute 09:12`, `gestern 23:10`, `Fr 20.11. 23:10`; empty when it is none."""
    try:
        at = datetime.fromisoformat(str(value)).astimezone(ZoneInfo(wording.time_zone))
    except ValueError:
        return ""
    clock, language = f"{at:%H:%M}", wording.language
    today = now.astimezone(at.tzinfo).date()
    if at.date() == today:
        return phrases.TODAY.say(language, time=clock)
    if at.date() == today - _ONE_DAY:
        return phrases.YESTERDAY.say(language, time=clock)
    weekday = phrases.WEEKDAYS.say(language).split()[at.weekday()]
    return phrases.DAY.say(language, weekday=weekday, day=at.day, month=at.month, time=clock)


@dataclass(frozen=True, slots=True)
class _Scribe:
    """Writes in one language at one moment."""

    wording: Wording
    now: datetime

    def case(self, kind: str, body: Mapping[str, Json]) -> Text:
        """One event of one alert."""
        what = " · ".join(part for part in (self._code(body), _place(body)) if part)
        prefix = "" if kind == "opened" else f"{self._known(phrases.EVENTS, kind)}: "
        number = _text(body.get("number"))
        return Text(
            subject=_one_line(f"{prefix}{what}{f' ({number})' if number else ''}"),
            lines=tuple((label, value) for label, value in self._lines(kind, body) if value),
            link=self._link(number),
            link_label=self._say(phrases.LINK),
            footer=self._say(phrases.FOOTER) if body.get("subject_kind") in ("bay", "station") else "",
        )

    def summary(self, body: Mapping[str, Json]) -> Text:
        """Many events at once."""
        entries, count = _entries(body.get("entries")), _number(body.get("count"))
        codes = list(dict.fromkeys(self._code(one) for one in entries))
        return Text(
            subject=_one_line(self._say(phrases.SUMMARY_SUBJECT, count=count, what=", ".join(codes[:3]))),
            lead=self._say(phrases.SUMMARY_LEAD, count=count),
            items=self._items(entries, count, events=True),
            link=self._link(""),
            link_label=self._say(phrases.INBOX),
        )

    def digest(self, body: Mapping[str, Json]) -> Text:
        """What is open at the begin of a shift."""
        opened, settled = _entries(body.get("open")), _entries(body.get("settled"))
        counts = [_number(body.get(f"{name}_count")) for name in ("open", "settled")]
        told = zip((phrases.DIGEST_OPEN, phrases.DIGEST_SETTLED), counts, strict=True)
        gone = _number(body.get("came_and_went"))
        return Text(
            subject=", ".join(self._say(phrase, count=count) for phrase, count in told if count),
            lead=self._say(phrases.DIGEST_LEAD),
            items=(
                *self._items(opened, counts[0]),
                *self._items(settled, counts[1]),
                *([self._say(phrases.CAME_AND_WENT, count=gone)] if gone else ()),
            ),
            link=self._link(""),
            link_label=self._say(phrases.INBOX),
        )

    def test(self) -> Text:
        """Of the test button."""
        return Text(self._say(phrases.TEST_SUBJECT), self._say(phrases.TEST_LEAD))

    def _lines(self, kind: str, body: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
        facts = body.get("facts")
        facts = facts if isinstance(facts, Mapping) else {}
        yield self._say(phrases.PLACE), _text(facts.get("street")) or _text(body.get("name"))
        yield self._say(phrases.SUBJECT), _text(body.get("subject"))
        yield self._say(phrases.DISTRICT), _text(body.get("district"))
        yield self._say(phrases.SINCE), moment(body.get("since"), self.wording, self.now)
        yield self._say(phrases.STATION), _text(facts.get("station"))
        yield self._say(phrases.CONFIDENCE), self._confidence(body)
        yield self._say(phrases.STATE), self._known(phrases.STATES, _text(body.get("state")))
        if kind in ("resolved", "withdrawn"):
            yield self._say(phrases.REASON), self._known(phrases.REASONS, _text(body.get("reason")))
        yield self._say(phrases.CASE), _text(body.get("number"))

    def _items(self, entries: Sequence[Mapping[str, Json]], count: int, *, events: bool = False) -> tuple[str, ...]:
        rest = count - len(entries)
        more = [self._say(phrases.MORE, count=rest)] if rest > 0 else []
        return (*(self._item(one, events=events) for one in entries), *more)

    def _item(self, one: Mapping[str, Json], *, events: bool) -> str:
        since = moment(one.get("since"), self.wording, self.now)
        state = _text(one.get("state"))
        if events:
            told = [self._known(phrases.EVENTS, _text(one.get("event"))), f"{self._say(phrases.SINCE)} {since}"]
        elif state in ("resolved", "withdrawn"):
            ended = self._known(phrases.STATES, state)
            reason = self._known(phrases.REASONS, _text(one.get("reason")))
            told = [f"{ended} ({reason})" if reason else ended]
        else:
            told = [self._say(phrases.OPEN_SINCE, since=since)]
            told += [self._known(phrases.STATES, state)] if state != "open" else []
        parts = [self._code(one), _place(one), *told, _text(one.get("number"))]
        return " · ".join(part for part in parts if part)

    def _code(self, body: Mapping[str, Json]) -> str:
        return self._known(phrases.CODES, _text(body.get("code")))

    def _confidence(self, body: Mapping[str, Json]) -> str:
        value = body.get("confidence")
        if body.get("subject_kind") not in ("bay", "station") or not isinstance(value, int):
            return ""
        band = phrases.HIGH if value >= _HIGH else phrases.MEDIUM if value >= _MEDIUM else phrases.LOW
        return self._say(band, value=value)

    def _link(self, number: str) -> str:
        base = self.wording.portal_url
        path = f"{CASE_PATH}{quote(number, safe='')}" if number else INBOX_PATH
        return f"{base}{path}" if base else ""

    def _known(self, words: Mapping[str, Phrase], word: str) -> str:
        return words[word].say(self.wording.language) if word in words else word

    def _say(self, phrase: Phrase, **details: object) -> str:
        return phrase.say(self.wording.language, **details)


def _place(body: Mapping[str, Json]) -> str:
    return _text(body.get("name")) or _text(body.get("asset")) or _text(body.get("subject"))


def _one_line(text: str) -> str:
    """Names come from networks and city files; in a subject they shall not break lines."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _text(value: Json) -> str:
    return _one_line(value) if isinstance(value, str) else ""


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _entries(value: Json) -> list[Mapping[str, Json]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []
