"""The secrets of a configuration: collected so that logs can hide them, read early so that bad files show at start."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, SecretStr

from alerts.channels.settings import AppriseSettings, ChannelSettings, WebhookSettings, WebPushSettings
from config.document import Location
from config.settings import Settings
from decoders.keys import KeyRing

Read = Callable[[], object]


def secret_problems(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Where a secret's file cannot be used, and why; the text never holds the secret."""
    for location, read in _readers(settings):
        try:
            read()
        except OSError as error:
            yield location, f"a file that can be read: {error.strerror or type(error).__name__}"
        except UnicodeDecodeError:
            yield location, "a text file in UTF-8"
        except ValueError as error:
            yield location, str(error)


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret value: those in the settings and those in the files that they name."""
    found = set(_secret_values(settings))
    for _, read in _readers(settings):
        with suppress(OSError, ValueError):
            value = read()
            if isinstance(value, KeyRing):
                continue  # thousands would slow every log line down, and the ring shows none
            if isinstance(value, dict):
                found.update(_secret_values(value))
                continue
            found.update(map(_plain, value if isinstance(value, tuple) else (value,)))
    found.add(str(conninfo_to_dict("" if settings.database.embedded else settings.database.dsn).get("password", "")))
    if settings.database.password_file is not None:
        with suppress(OSError, ValueError):
            found.update(settings.database.password_file.read_text(encoding="utf-8").splitlines()[:1])
    return frozenset(found - {""})


def _readers(settings: Settings) -> Iterator[tuple[Location, Read]]:
    """Every place that reads a secret from a file when asked."""
    for index, source in enumerate(settings.sources):
        yield ("sources", index, "password_file"), source.read_password
    for name, webhook in settings.http.webhooks.items():
        yield ("http", "webhooks", name, "token_file"), webhook.read_token
    for name, operator in settings.charging.ocpi.items():
        yield ("charging", "ocpi", name, "token_file"), operator.read_token
        yield ("charging", "ocpi", name, "registration_token_file"), operator.read_registration_token
    for name, broker in settings.charging.mqtt.items():
        yield ("charging", "mqtt", name, "password_file"), broker.read_password
    for name, sender in settings.charging.webhooks.items():
        yield ("charging", "webhooks", name, "token_file"), sender.read_token
    yield ("portal", "users_file"), settings.portal.read_users
    if settings.portal.oidc is not None:
        yield ("portal", "oidc", "client_secret_file"), settings.portal.oidc.read_client_secret
    for name, channel in settings.alerts.channels.items():
        for key, read in _channel_readers(channel):
            yield ("alerts", "channels", name, key), read
    yield ("heartbeat", "url_file"), settings.heartbeat.read_url
    yield ("meter_keys_file",), settings.read_meter_keys


def _channel_readers(channel: ChannelSettings) -> Iterator[tuple[str, Read]]:
    if isinstance(channel, WebhookSettings):
        yield "url_file", channel.read_url
        yield "secret_file", channel.read_secret
    elif isinstance(channel, AppriseSettings):
        yield "urls_file", channel.read_urls
    elif isinstance(channel, WebPushSettings):
        yield "key_file", lambda: channel.read_key() and None  # a key is never text that a log could hold
    else:
        yield "password_file", channel.read_password


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")


def _secret_values(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secret_values(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secret_values(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secret_values(item)
