"""The TLS context of a connection to a broker: both sides prove who they are, nothing below TLS 1.2 is spoken."""

import socket
import ssl

from ingest.settings import TlsSettings


def client_context(tls: TlsSettings) -> ssl.SSLContext:
    """The context that `tls` describes.

    Raises:
        OSError: a file is missing or is not what its setting says (`ssl.SSLError` is one).
    """
    for path in (tls.ca_file, tls.crl_file, tls.cert_file, tls.key_file):
        if path is not None:
            path.open("rb").close()  # its error names the file, those below do not
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.server_name = tls.server_name
    if tls.ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(tls.ca_file)
    if tls.crl_file is not None:
        context.load_verify_locations(tls.crl_file)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    if tls.cert_file is not None:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


class _NamedContext(ssl.SSLContext):
    """Checks the broker's certificate against `server_name`, for a library that only knows the host (paho)."""

    server_name: str | None = None

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        return super().wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=self.server_name or server_hostname,
            session=session,
        )
