"""Back-off of logins: after some failures each further try has to wait longer, by user and address, address and user.

The pair of user and address is the strict one, so that an attacker elsewhere cannot lock an officer out; a user alone
waits at most `USER.longest`. Kept in memory: a restart forgives, a second process has counts of its own.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final

MAX_ENTRIES: Final = 10_000
FORGIVE_AFTER: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many failures are free, and how long the longest wait is, in seconds."""

    free: int
    longest: float

    def wait(self, failures: int) -> float:
        """Seconds between the last of `failures` and the next try: 1, 2, 4 … up to `longest`."""
        over = failures - self.free
        return 0.0 if over < 0 else min(self.longest, 2.0 ** min(over, 30))


PAIR: Final = Policy(free=5, longest=900)
ADDRESS: Final = Policy(free=30, longest=300)
USER: Final = Policy(free=50, longest=30)


@dataclass(slots=True)
class _Count:
    failures: int
    last: float


class LoginLimiter:
    """Counts failed logins.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """Seconds until the next try is allowed; 0: now."""
        now = self._clock()
        return max(self._remaining(key, policy, now) for key, policy in _keys(name, address))

    def failed(self, name: str, address: str) -> None:
        """Count a try as failed: before its proof, so that many at once count, too; `succeeded` takes it back."""
        now = self._clock()
        for key, _ in _keys(name, address):
            count = self._living(key, now)
            count = _Count(1 if count is None else count.failures + 1, now)
            self._counts[key] = count
            self._counts.move_to_end(key)
        while len(self._counts) > MAX_ENTRIES:
            self._counts.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forgive the pair; take the try back from the address and the user, whose other failures stay."""
        for key, policy in _keys(name, address):
            count = self._counts.get(key)
            if policy is PAIR or (count is not None and count.failures <= 1):
                self._counts.pop(key, None)
            elif count is not None:
                count.failures -= 1

    def _remaining(self, key: tuple[str, ...], policy: Policy, now: float) -> float:
        count = self._living(key, now)
        return 0.0 if count is None else max(0.0, count.last + policy.wait(count.failures) - now)

    def _living(self, key: tuple[str, ...], now: float) -> _Count | None:
        count = self._counts.get(key)
        return None if count is None or now - count.last > FORGIVE_AFTER else count


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, ...], Policy], ...]:
    network = _network(address)
    return (("pair", name, network), PAIR), (("address", network), ADDRESS), (("user", name), USER)


def _network(address: str) -> str:
    """An IPv6 subscriber has 2^64 addresses: the /64 counts as one."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(IPv6Address(int(known) >> 64 << 64))
    return str(known)
