"""What the portal keeps no longer than it needs: ended logins, keys of actions, browsers of people who are gone.

Run with the other maintenance, with a record of every deletion. Knows the settings only, so that it needs no package of
the portal. The audit log is deleted with the other names (`alerts.retention`).
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from portal.site_settings import PortalSettings
from portal.user_roles import INBOX_READERS
from storage.database import Connection
from storage.retention import Expiry, expire, record_deletion
from storage.statements import load
from storage.turns import hourly

_log = logging.getLogger(__name__)
_QUERIES = load("portal")

ACTION_KEYS: Final = timedelta(days=2)
"""No phone sends an action again after so long."""
OIDC_REMEMBERED: Final = timedelta(days=30)
"""Nobody tells us when the identity provider has lost somebody: so long without a login, and they count as gone."""
_EXPIRIES: Final = (
    Expiry("portal_session", "expires_at", timedelta(0)),
    Expiry("portal_action", "created_at", ACTION_KEYS),
)


async def expire_portal(connection: Connection, settings: PortalSettings, *, now: datetime) -> Mapping[str, int]:
    """One pass, on a connection in autocommit with the role `maintenance`; rows deleted, by table."""
    async with hourly(connection, "portal", now) as due:
        if not due:
            return {}
        deleted = await expire(connection, _EXPIRIES, now=now)
        strangers = await _forget_strangers(connection, settings, now)
        return deleted | ({"push_subscription": strangers} if strangers else {})


async def _forget_strangers(connection: Connection, settings: PortalSettings, now: datetime) -> int:
    """Delete the browsers of people who may not read the inbox any more."""
    try:
        users = settings.read_users()
    except (OSError, ValueError) as error:  # who is gone cannot be said
        _log.warning("push_subscriptions_not_checked error=%s", type(error).__name__)
        return 0
    cutoff = now - OIDC_REMEMBERED
    values = {
        "known": [name for name, user in users.items() if user.role in INBOX_READERS],
        "oidc": settings.oidc is not None,
        "readers": [role.value for role in INBOX_READERS],
        "since": cutoff,
    }
    async with connection.transaction():
        count = (await connection.execute(_QUERIES["forget_strangers"], values)).rowcount
        await record_deletion(connection, "push_subscription", cutoff, count, now)
    return count
