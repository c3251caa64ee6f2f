"""Messages to any service that Apprise knows: Matrix, Teams, SMS gateways and many others, by URLs of the operator.

Apprise opens its connections itself, so the guard of outgoing requests does not see them; its URLs come from the
operator's file alone, and redirects are not followed.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from alerts import texts
from alerts.channels import Later, Outgoing, Wording
from alerts.channels.settings import AppriseSettings
from alerts.channels.threads import Threads

if TYPE_CHECKING:  # an optional package, loaded when such a channel is configured
    from apprise import Apprise

_KINDS = {"resolved": "success", "withdrawn": "success", "closed": "success", "escalated": "failure", "test": "info"}


class AppriseSender:
    """Sends messages to every URL of one channel; those that took it stay out of later attempts.

    Raises:
        ValueError: a URL is none that Apprise knows; tells which line, not the URL.
        ModuleNotFoundError: Apprise is not installed.
    """

    def __init__(self, settings: AppriseSettings, wording: Wording, *, now: Callable[[], datetime]) -> None:
        logging.getLogger("apprise").setLevel(logging.ERROR)  # its warnings quote what services answer
        urls = [url.get_secret_value() for url in settings.read_urls()]
        self._targets = {_mark(url): _target(url, index) for index, url in enumerate(urls, start=1)}
        self._seconds = settings.timeout.total_seconds()
        self._wording = wording
        self._now = now
        self._threads = Threads("apprise", settings.concurrency)

    async def send(self, message: Outgoing) -> None:
        """See `Sender`."""
        text = texts.write(message, self._wording, self._now())
        done, failed = set(message.delivered), 0
        for mark, target in self._targets.items():
            if mark in done:
                continue
            if await self._threads.run(partial(self._notify, target, message.kind, text), abort=_nothing):
                done.add(mark)
            else:
                failed += 1
        if failed:
            raise Later(f"{failed} of {len(self._targets)} services did not take it", delivered=frozenset(done))

    async def close(self) -> None:
        """Threads end with what they are doing."""

    def _notify(self, target: "Apprise", kind: str, text: texts.Text) -> bool:
        from apprise import NotifyFormat, NotifyType

        result = target.notify(
            body=texts.plain(text),
            title=text.subject,
            notify_type=NotifyType(_KINDS.get(kind, "warning")),
            body_format=NotifyFormat.TEXT,
            timeout=self._seconds,
        )
        return bool(result)


def _target(url: str, line: int) -> "Apprise":
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(app_id="Stadtfunk", app_desc="Stadtfunk", app_url="", async_mode=False, http_redirects=False)
    target = Apprise(asset=asset)
    if not target.add(url):
        raise ValueError(f"URL {line} is none that Apprise knows")
    return target


def _mark(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _nothing() -> None:
    """Apprise has its own deadline; its thread ends with it."""
