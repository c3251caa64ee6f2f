"""What the facts of a visit to a broker mean, and the line to change where."""

import re
from collections.abc import Sequence

from ingest.mqtt.canary import canary_topic
from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import SourceSettings
from stadtfunk.doctor.broker_visit import ABSENT_TOPIC, VERSION_TOPIC, CanaryFate, Granted, Visit, visit
from stadtfunk.doctor.findings import Finding, Findings, Sentence, Subject, said
from stadtfunk.doctor.presented import Hindered, Obstacle
from stadtfunk.doctor.times import clock_of_network_server

_SHARED_IS_SAFE = (2, 0, 12)
_VERSION = re.compile(r"\bmosquitto version (\d+)\.(\d+)\.(\d+)", re.IGNORECASE)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


async def check(source: SourceSettings, *, listen: float) -> Sequence[Finding]:
    """Everything about one source's broker."""
    return judge(source, await visit(source, listen=listen))


def judge(source: SourceSettings, found: Visit) -> list[Finding]:
    """The findings that follow from a visit."""
    notes = Findings(Subject.BROKER, source.name)
    where = f"{source.host}:{source.port}"
    if found.hindered is not None:
        _judge_hindrance(notes, where, found.hindered)
        return notes.found
    if found.refused is not None:
        notes.wrong(
            "login",
            said("{where} does not let us in: {error}.", where=where, error=found.refused),
            said(
                "Compare `username` and password of the source with the broker's users; a broker without MQTT 5 needs "
                "`transport: paho`."
            ),
        )
        return notes.found
    if found.foreign_session:
        notes.wrong(
            "client_id",
            said("{where} gives every client of this login the same session.", where=where),
            said(
                "Remove `use_username_as_clientid` from mosquitto.conf, or give the service a login that nobody else "
                "uses; the check went no further, so as not to take its messages."
            ),
        )
        return notes.found
    _judge_login(notes, source, where)
    if found.granted is not None:
        _judge_granted(notes, source, found.granted)
    _judge_session(notes, found)
    _judge_subscription(notes, source, found)
    _judge_canary(notes, source, found)
    _judge_status(notes, source, found)
    _judge_heard(notes, source, found)
    return notes.found


def _judge_hindrance(notes: Findings, where: str, hindered: Hindered) -> None:
    what = {
        Obstacle.UNREACHABLE: said("{where} cannot be reached: {error}.", where=where, error=hindered.detail),
        Obstacle.OUR_FILES: said("Our files for TLS cannot be used: {error}.", error=hindered.detail),
    }.get(hindered.obstacle) or said("TLS with {where} fails: {error}.", where=where, error=hindered.detail)
    check = "reachable" if hindered.obstacle is Obstacle.UNREACHABLE else "tls"
    notes.wrong(check, what, mend_of(hindered.obstacle))


def mend_of(obstacle: Obstacle) -> Sentence:
    """What removes an obstacle of a connection."""
    match obstacle:
        case Obstacle.UNREACHABLE:
            return said("Check host and port in the settings, the firewall between, and whether the server runs.")
        case Obstacle.EXPIRED:
            return said("Renew the server's certificate and restart the server; and look at both clocks.")
        case Obstacle.NAME:
            return said("Use the name that the certificate carries, or have one made for this name.")
        case Obstacle.ISSUER:
            return said("Name the CA that signed the server's certificate in the settings (`ca_file`, `sslrootcert`).")
        case Obstacle.REVOKED:
            return said("The certificate was revoked: give the server a new one.")
        case Obstacle.OUR_FILES:
            return said("Check the files that the section `tls` names: PEM, readable, the key without a password.")
        case Obstacle.TLS:
            return said("Check that this port speaks TLS 1.2 or newer, and whether it asks for a client certificate.")


def _judge_login(notes: Findings, source: SourceSettings, where: str) -> None:
    version = "5" if source.speaks_mqtt5 else "3.1.1"
    if source.tls is None and source.host not in _LOOPBACK:
        notes.warn(
            "tls",
            said("{where} is spoken to without TLS: everybody between reads and forges.", where=where),
            said("Give the broker a TLS listener, and the source a section `tls` with `ca_file`."),
        )
    if source.username is None and source.tls is None:
        notes.warn(
            "anonymous",
            said("{where} lets anybody in: everybody who reaches it can forge uplinks.", where=where),
            said("In mosquitto.conf: `allow_anonymous false` and a `password_file`; give the source its `username`."),
        )
    how = "TLS" if source.tls is not None else "TCP"
    notes.well(
        "login", said("{where} has let us in: MQTT {version} over {how}.", where=where, version=version, how=how)
    )


def _judge_granted(notes: Findings, source: SourceSettings, granted: Granted) -> None:
    if granted.max_qos < source.qos:
        notes.wrong(
            "qos",
            said("The broker allows QoS {qos} at most, and keeps nothing while we are away.", qos=granted.max_qos),
            said("Remove `max_qos` from the listener in mosquitto.conf."),
        )
    if granted.session_seconds < source.session_expiry:
        notes.warn(
            "session_expiry",
            said(
                "The broker keeps our session for {kept} s, {wanted} s were asked for.",
                kept=granted.session_seconds,
                wanted=source.session_expiry,
            ),
            said(
                "Raise the broker's limit (Mosquitto: `persistent_client_expiration 14d`), or lower `session_expiry`."
            ),
        )
    if source.shared_group is not None and not granted.shared:
        notes.wrong(
            "shared",
            said("The broker has no shared subscriptions."),
            said("Remove `shared_group` from the source."),
        )
    notes.well(
        "granted",
        said(
            "Granted: session {session} s, QoS up to {qos}, {maximum} messages in flight, packets of {packet}.",
            session=granted.session_seconds,
            qos=granted.max_qos,
            maximum=granted.receive_maximum,
            packet=f"{granted.max_packet_bytes} B" if granted.max_packet_bytes else "256 MB",
        ),
    )


def _judge_session(notes: Findings, found: Visit) -> None:
    if found.session_kept is None:
        return
    if found.session_kept:
        notes.well("session", said("The broker keeps a session while its client is away."))
        return
    notes.wrong(
        "session",
        said("The broker forgets a session as soon as its client is away: what comes meanwhile is lost."),
        said(
            "In mosquitto.conf: `persistence true` and `persistent_client_expiration 14d`; elsewhere allow lasting "
            "sessions for this login."
        ),
    )


def _judge_subscription(notes: Findings, source: SourceSettings, found: Visit) -> None:
    if found.refused_filters:
        refused = "; ".join(f"{topic}: {reason}" for topic, reason in found.refused_filters.items())
        notes.wrong(
            "subscription",
            said("The broker refuses subscriptions: {refused}.", refused=refused),
            said("Let `{user}` read these topics in the broker's access list.", user=source.username or "anonymous"),
        )
    elif found.lost is None:
        notes.well("subscription", said("The broker grants {count} subscriptions.", count=len(source.topics)))
    else:
        notes.wrong(
            "connection",
            said("The connection ended while we looked: {error}.", error=found.lost),
            said("Look for the reason in the broker's log, and run `stadtfunk doctor` again."),
        )


def _judge_canary(notes: Findings, source: SourceSettings, found: Visit) -> None:
    topic = canary_topic(source.model_copy(update={"shared_group": None}))
    if found.canary is CanaryFate.NONE or topic is None:
        return
    user = source.username or "(anonymous)"
    if found.canary is CanaryFate.CAME_BACK:
        came_at = found.heard.canary_qos if found.heard is not None else None
        if came_at == 0 and source.qos == 1 and (found.granted is None or found.granted.max_qos > 0):
            notes.wrong(
                "qos",
                said("What is published at QoS 1 comes back at QoS 0: the broker lowers our subscription."),
                said("Remove `max_qos` from the listener in mosquitto.conf, or what limits this login elsewhere."),
            )
        else:
            notes.well("canary", said("A canary on {topic} came back: messages reach us.", topic=topic))
        return
    if found.canary is CanaryFate.CUT:
        notes.wrong(
            "canary",
            said("The broker ended the connection instead of taking a canary on {topic}.", topic=topic),
            said(
                "In the broker's ACL file, below `user {user}`: `topic write {topic}`; a listener with `max_qos 0` "
                "does so, too: remove that line.",
                user=user,
                topic=topic,
            ),
        )
        return
    if found.canary is CanaryFate.MISSING:
        what = said(
            "A canary on {topic} did not come back within {seconds} s: uplinks may be denied, too.",
            topic=topic,
            seconds=f"{source.canary.timeout_seconds:g}",
        )
    else:
        what = said("The canary could not be published on {topic}: {error}.", topic=topic, error=found.canary_error)
    notes.wrong(
        "canary",
        what,
        said(
            "In the broker's ACL file, below `user {user}`: `topic read {filter}` and `topic write {topic}`.",
            user=user,
            filter=source.topics[0],
            topic=topic,
        ),
    )


def _judge_status(notes: Findings, source: SourceSettings, found: Visit) -> None:
    status = found.heard.status if found.heard is not None else {}
    if not status:
        if source.format != "thethings" and found.lost is None:
            notes.warn(
                "status",
                said("The broker does not tell whether it drops messages ($SYS)."),
                said(
                    "In Mosquitto's ACL file, below `user {user}`: `topic read $SYS/broker/#`; other brokers: watch "
                    "their own metrics.",
                    user=source.username or "(anonymous)",
                ),
            )
        return
    _judge_version(notes, source, status.get(VERSION_TOPIC, ""))
    dropped = _number(status.get(BROKER_DROPPED_TOPIC))
    if dropped:
        notes.warn(
            "queue",
            said("The broker has dropped {count} messages since its start: a queue was full.", count=dropped),
            said(
                "In mosquitto.conf: `max_queued_messages 200000` (default 1000 per client) and `max_queued_bytes "
                "536870912`; remove sessions that nobody reads ({absent} clients are away), then restart it.",
                absent=_number(status.get(ABSENT_TOPIC)),
            ),
        )
    elif BROKER_DROPPED_TOPIC in status:
        notes.well("queue", said("The broker has dropped nothing since its start."))


def _judge_version(notes: Findings, source: SourceSettings, text: str) -> None:
    match = _VERSION.search(text)
    if match is None:
        return
    version = (int(match[1]), int(match[2]), int(match[3]))
    shown = ".".join(map(str, version))
    if source.shared_group is not None and version < _SHARED_IS_SAFE:
        notes.wrong(
            "version",
            said("Mosquitto {version} loses messages of shared subscriptions.", version=shown),
            said("Remove `shared_group` from the source, or upgrade to Mosquitto 2.0.13 or newer."),
        )
    else:
        notes.well("version", said("It is Mosquitto {version}.", version=shown))


def _judge_heard(notes: Findings, source: SourceSettings, found: Visit) -> None:
    heard = found.heard
    if heard is None or not found.listened:
        return
    seconds = f"{found.listened:g}"
    if heard.uplinks_qos0:
        notes.wrong(
            "uplink_qos",
            said("{count} uplinks came at QoS 0 within {seconds} s.", count=heard.uplinks_qos0, seconds=seconds),
            mend_of_qos0(source),
        )
    if heard.gateway_qos0:
        notes.warn(
            "gateway_qos",
            said(
                "{count} gateway messages came at QoS 0 within {seconds} s.", count=heard.gateway_qos0, seconds=seconds
            ),
            said("In chirpstack-mqtt-forwarder.toml, under `[mqtt]`: `qos = 1`."),
        )
    if not heard.messages:
        notes.warn(
            "silence",
            said("Nothing came within {seconds} s.", seconds=seconds),
            said("See whether the network server publishes, and listen longer: `stadtfunk doctor --listen 120`."),
        )
    elif not heard.uplinks_qos0:
        notes.well(
            "uplink_qos", said("{count} messages came within {seconds} s.", count=heard.messages, seconds=seconds)
        )
    if heard.lag_seconds is not None:
        notes.found += clock_of_network_server(heard.lag_seconds, about=source.name)


def mend_of_qos0(source: SourceSettings) -> Sentence:
    """What makes uplinks come at QoS 1."""
    if source.format == "thethings":
        return said(
            "The Things Stack publishes at QoS 0 only: add its webhook, which retries, or replay its storage export "
            "after an outage."
        )
    if source.qos == 0:
        return said("Set `qos: 1` in the source's settings.")
    return said("In chirpstack.toml, under `[integration.mqtt]`: `qos = 1`; then restart ChirpStack.")


def _number(text: str | None) -> int:
    return int(text[:20]) if text is not None and text.isdigit() else 0
