"""Who calls: the operator that holds the token. Tokens are known as digests; an unknown one costs the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest

from alerts.charging.ocpi.credentials import Link
from alerts.charging.ocpi.tokens import digest, presented
from alerts.charging.settings import OcpiSettings
from portal.ocpi.envelope import Code, Fault


@dataclass(frozen=True, slots=True)
class Caller:
    """An operator.

    Attributes:
        token: as it was presented.
        partner: it holds the token of a handshake; False for the one that a handshake begins with.
        link: what was agreed on; None before the handshake is finished.
    """

    source: str
    token: str
    partner: bool
    link: Link | None

    @property
    def registered(self) -> Link:
        """The link.

        Raises:
            Fault: there is none yet; no module is open before.
        """
        if not self.partner or self.link is None:
            raise unauthorised()
        return self.link


class Callers:
    """Knows the operators of the configuration.

    Raises:
        OSError, ValueError: a token's file cannot be used.
    """

    def __init__(self, operators: Mapping[str, OcpiSettings]) -> None:
        self._registration = {}
        for source, settings in operators.items():
            token = settings.read_registration_token()
            self._registration[source] = "" if token is None else digest(token.get_secret_value())

    def identify(self, authorization: str, states: Mapping[str, Mapping[str, object]]) -> Caller:
        """The operator behind an `Authorization` header.

        Args:
            states: what is stored of the links, by source.

        Raises:
            Fault: 401.
        """
        found: Caller | None = None
        for token in presented(authorization):
            given = digest(token)
            for source, registration in self._registration.items():
                state = states.get(source, {})
                link = Link.of(state)
                ours = (link.issued if link is not None else "", str(state.get("pending") or ""))
                partner = any([compare_digest(given, one) for one in ours])  # noqa: C419 - the same time for all
                if partner or compare_digest(given, registration):
                    found = found or Caller(source, token, partner, link)
        if found is None:
            raise unauthorised()
        return found


def unauthorised() -> Fault:
    """The token is missing, unknown, or does not open this."""
    return Fault(401, Code.CLIENT, "Invalid or missing token")
