"""Which URLs may be called, and that the call goes to the address that was checked, under the name that was meant."""

import asyncio
import datetime
import gzip
import ssl
from ipaddress import ip_address

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.outgoing import MAX_RESPONSE_BYTES, Forbidden, Request, TooLarge, call, is_public, send

FORBIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.8.8",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001:db8::1", "2002:7f00:1::", "2002:c0a8:101::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1",
    "9.9.9.9",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
]


def resolving(*addresses):
    async def resolve(host, port):
        return list(addresses)

    return resolve


class Recorder(httpx2.AsyncBaseTransport):
    def __init__(self, status=200, body=b"ok"):
        self.requests = []
        self._response = (status, body)

    async def handle_async_request(self, request):
        self.requests.append(request)
        status, body = self._response
        return httpx2.Response(status, stream=httpx2.ByteStream(body), headers={"Location": "http://127.0.0.1/"})


def called(url, *addresses, transport=None, **options):
    recorder = transport or Recorder()
    status = asyncio.run(call(url, seconds=5, resolve=resolving(*addresses), transport=recorder, **options))
    return status, recorder.requests


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_forbidden_address_is_ever_connected_to(address):
    recorder = Recorder()
    with pytest.raises(Forbidden):
        called("https://hook.example/x", address, transport=recorder)
    assert recorder.requests == []


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address):
    assert is_public(ip_address(address))
    assert called("https://hook.example/x", address)[0] == 200


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    with pytest.raises(Forbidden):
        called("https://hook.example/x", "1.1.1.1", "10.0.0.1")


@pytest.mark.parametrize("url", ["http://hook.example/", "ftp://hook.example/", "file:///etc/passwd", "https:///x"])
def test_only_https_with_a_host_is_called(url):
    with pytest.raises(Forbidden):
        called(url, "1.1.1.1")


def test_a_host_allowed_by_name_may_be_private_and_plain():
    status, [request] = called("http://monitor.intern/ping", "10.0.0.9", allow_hosts=("monitor.intern",))
    assert status == 200
    assert (request.url.host, request.headers["host"]) == ("10.0.0.9", "monitor.intern")


def test_the_name_is_resolved_once_and_the_checked_address_is_called():
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    async def rebinding(host, port):
        return next(answers)

    recorder = Recorder()
    asyncio.run(call("https://hook.example:8443/a?b=c", seconds=5, resolve=rebinding, transport=recorder))
    [request] = recorder.requests
    assert str(request.url) == "https://1.1.1.1:8443/a?b=c"
    assert request.headers["host"] == "hook.example:8443"
    assert request.extensions["sni_hostname"] == "hook.example"
    assert next(answers) == ["127.0.0.1"], "the second answer was never asked for"


def test_a_redirect_is_not_followed():
    status, requests = called("https://hook.example/", "1.1.1.1", transport=Recorder(302))
    assert (status, len(requests)) == (302, 1)


def test_a_huge_answer_is_left_at_the_cap():
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 8192
            yield b" " * 8192

    class Endless(Recorder):
        async def handle_async_request(self, request):
            return httpx2.Response(200, content=endless())

    assert called("https://hook.example/", "1.1.1.1", transport=Endless())[0] == 200
    assert sent <= MAX_RESPONSE_BYTES + 2 * 8192


def test_everything_together_has_one_deadline():
    async def never(host, port):
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(call("https://hook.example/", seconds=0.01, resolve=never))


def test_the_certificate_must_be_that_of_the_name(tmp_path):
    """A real TLS server on loopback: its certificate is checked against the name, though an address is called."""
    server_context, client_context = certificate_for("hook.example", tmp_path)

    async def scenario(host):
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context)
        port = server.sockets[0].getsockname()[1]
        transport = httpx2.AsyncHTTPTransport(verify=client_context)
        async with server:
            url = f"https://{host}:{port}/"
            return await call(url, seconds=10, allow_hosts=(host,), resolve=resolving("127.0.0.1"), transport=transport)

    assert asyncio.run(scenario("hook.example")) == 200
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        asyncio.run(scenario("other.example"))


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


def certificate_for(name, folder):
    """A self-signed certificate as a server context and a client context that trusts it alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "cert.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def sent(request, transport):
    return asyncio.run(send(request, resolve=resolving("1.1.1.1"), transport=transport))


def test_a_request_carries_method_headers_and_body_and_returns_the_answer():
    recorder = Recorder(201, b'{"ok": true}')
    request = Request(
        "https://hook.example/a", 5, method="POST", headers={"X-Id": "7", "Host": "evil.example"}, content=b"hello"
    )
    answer = sent(request, recorder)
    [seen] = recorder.requests
    assert (seen.method, seen.headers["x-id"], seen.content) == ("POST", "7", b"hello")
    assert seen.headers["host"] == "hook.example", "nobody chooses another one"
    assert (answer.status, answer.body, answer.headers["location"]) == (201, b'{"ok": true}', "http://127.0.0.1/")


def test_an_answer_over_the_cap_is_an_error_where_it_is_needed_whole():
    assert sent(Request("https://hook.example/", 5, max_bytes=3), Recorder(200, b"abc")).body == b"abc"
    with pytest.raises(TooLarge):
        sent(Request("https://hook.example/", 5, max_bytes=3), Recorder(200, b"abcd"))


def test_the_cap_counts_unpacked_bytes():
    class Packed(Recorder):
        async def handle_async_request(self, request):
            body = gzip.compress(b" " * 1_000_000)
            return httpx2.Response(200, stream=httpx2.ByteStream(body), headers={"Content-Encoding": "gzip"})

    with pytest.raises(TooLarge):
        sent(Request("https://hook.example/", 5, max_bytes=10_000), Packed())
    assert len(sent(Request("https://hook.example/", 5, max_bytes=1_000_000), Packed()).body) == 1_000_000
