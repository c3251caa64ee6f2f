"""From the settings of a channel to its sender."""

from collections.abc import Callable
from datetime import UTC, datetime

from alerts.channels import Sender, Wording
from alerts.channels.email import EmailSender
from alerts.channels.mqtt import MqttSender
from alerts.channels.settings import AppriseSettings, ChannelSettings, EmailSettings, MqttSettings
from alerts.channels.webhook import WebhookSender

Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def make_sender(
    settings: ChannelSettings, *, time_zone: str = "Europe/Berlin", portal_url: str = "", now: Now = _now
) -> Sender:
    """The sender of one channel; reads its secrets.

    Args:
        portal_url: where the portal is, for links in texts.

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
    return WebhookSender(settings, wording, now=now)
