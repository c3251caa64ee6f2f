"""The test button of a channel: one message, sent at once, not through the outbox."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from alerts.channels import Later, Outgoing, Refused
from alerts.channels.building import make_sender
from alerts.channels.settings import ChannelSettings
from alerts.channels.subscriptions import Connect


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of a test; `reason` is short and has no secret."""

    ok: bool
    reason: str = ""


async def send_test(
    settings: ChannelSettings, *, time_zone: str = "Europe/Berlin", portal_url: str = "", connect: Connect | None = None
) -> TestResult:
    """Send one test message through the channel and say what came of it; never raises for what the channel does.

    Args:
        connect: opens a connection in the alerts' role; `webpush` needs it.
    """
    try:
        sender = make_sender(settings, time_zone=time_zone, portal_url=portal_url, connect=connect)
    except OSError as error:
        return TestResult(False, f"a file cannot be read: {error.strerror or type(error).__name__}")
    except (ValueError, ModuleNotFoundError) as error:
        return TestResult(False, str(error))
    now = datetime.now(UTC)
    message = Outgoing(f"test/{token_hex(8)}", "test", {"at": now.isoformat()}, now)
    try:
        async with asyncio.timeout(settings.timeout.total_seconds()):
            await sender.send(message)
    except TimeoutError:
        return TestResult(False, "no answer in time")
    except (Later, Refused) as error:
        return TestResult(False, str(error))
    finally:
        await sender.close()
    return TestResult(True)
