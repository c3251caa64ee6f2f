"""From the settings of a channel to its sender."""

from collections.abc import Callable
from datetime import UTC, datetime

from alerts.channels import Sender, Wording
from alerts.channels.email import EmailSender
from alerts.channels.mqtt import MqttSender
from alerts.channels.settings import AppriseSettings, ChannelSettings, EmailSettings, MqttSettings, WebPushSettings
from alerts.channels.subscriptions import Connect, Subscriptions
from alerts.channels.webhook import WebhookSender
from alerts.channels.webpush import WebPushSender

Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def make_sender(
    settings: ChannelSettings,
    *,
    time_zone: str = "Europe/Berlin",
    portal_url: str = "",
    connect: Connect | None = None,
    now: Now = _now,
) -> Sender:
    """The sender of one channel; reads its secrets.

    Args:
        portal_url: where the portal is, for links in texts.
        connect: opens a connection in the alerts' role; `webpush` needs it.

    Raises:
        OSError, ValueError: a file of the channel cannot be used.
        ModuleNotFoundError: its package is not installed.
    """
    wording = Wording(settings.language, time_zone, portal_url)
    if isinstance(settings, EmailSettings):
        return EmailSender(settings, wording, now=now)
    if isinstance(settings, MqttSettings):
        return MqttSender(settings, wording, now=now)
    if isinstance(settings, AppriseSettings):
        from alerts.channels.apprise import AppriseSender

        return AppriseSender(settings, wording, now=now)
    if isinstance(settings, WebPushSettings):
        if connect is None:
            raise ValueError("webpush needs the database")
        return WebPushSender(settings, wording, Subscriptions(connect), now=now)
    return WebhookSender(settings, wording, now=now)
