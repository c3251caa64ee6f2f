"""The dead-man's switch: while every check passes, a URL of the operator's is called; silence is the alarm.

A call that fails is logged and repeated at the next interval; it never disturbs the ingest.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import httpx2

from alerts.outgoing import Forbidden, call
from config.settings import HeartbeatSettings
from portal.health import Health

logger = logging.getLogger(__name__)

Call = Callable[[str], Awaitable[int]]


async def beat(settings: HeartbeatSettings, health: Health, *, send: Call | None = None) -> None:
    """Call the URL once every interval while all is well, until cancelled; returns at once without a URL.

    Raises:
        OSError, ValueError: the file of the URL cannot be used; `check-config` tells that earlier.
    """
    secret = settings.read_url()
    if secret is None:
        return

    async def send_checked(url: str) -> int:
        return await call(url, seconds=settings.timeout_seconds, allow_hosts=settings.allow_hosts)

    while True:
        await beat_once(secret.get_secret_value(), health, send or send_checked)
        await asyncio.sleep(settings.interval_seconds)


async def beat_once(url: str, health: Health, send: Call) -> bool:
    """One call if every check passes; True when the receiver took it. Logs reasons, never the URL."""
    failing = [check.name for check in health.checks() if not check.ok]
    if failing:
        logger.warning("heartbeat_withheld reasons=%s", ",".join(failing))
        return False
    try:
        status = await send(url)
    except (Forbidden, OSError, TimeoutError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        reason = str(error) if isinstance(error, Forbidden) else type(error).__name__
        logger.warning("heartbeat_failed reason=%r", reason)
        return False
    if not 200 <= status < 300:
        logger.warning("heartbeat_failed status=%d", status)
        return False
    logger.debug("heartbeat_sent status=%d", status)
    return True
