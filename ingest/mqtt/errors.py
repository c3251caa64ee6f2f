"""The errors with which a connection to a broker ends; their type says whether to ask again soon."""

import ssl


class LinkError(ConnectionError):
    """The connection could not be made, was lost, or the broker did not answer on it."""


class LinkLost(LinkError):
    """The connection ended, through the network, the broker or a missing answer to a ping."""


class LinkRefused(LinkError):
    """The broker, or a check of ours, said no; asking again at once will not help."""


class MalformedStream(LinkError):
    """The broker sent what is not MQTT."""


def closed_unasked(*, tls: bool) -> LinkLost:
    """The broker closed the connection before it had answered our CONNECT."""
    hint = ": does it require a client certificate?" if tls else ""
    return LinkLost(f"the broker closed the connection before it had accepted it{hint}")


def as_link_error(error: OSError, where: str) -> LinkError:
    """What `error` means for a connection to `where` (host and port), in words for the operator."""
    if isinstance(error, LinkError):
        return error
    if isinstance(error, ssl.SSLError):
        return LinkRefused(f"TLS with {where}: {getattr(error, 'verify_message', '') or error.reason or error}")
    if isinstance(error, TimeoutError):
        return LinkError(f"no answer from {where} in time")
    if error.filename is not None:
        return LinkRefused(f"{error.filename}: {error.strerror}")
    return LinkError(f"{where}: {error.strerror or error}")
