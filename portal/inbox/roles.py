"""Who sees cases and who acts on them."""

from typing import Final

from portal.auth import require
from portal.user_roles import INBOX_READERS, UserRole

READING: Final = INBOX_READERS
ACTING: Final = frozenset({UserRole.OFFICER})
SCOPE: Final = "inbox"
READING_SCOPE: Final = require(*READING, scope=SCOPE)
ACTING_SCOPE: Final = require(*ACTING, scope=SCOPE)
