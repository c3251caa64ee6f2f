"""A TCP proxy that breaks connections on command, for fault tests. Standard library only.

Put it between Stadtfunk and a server (MQTT broker, PostgreSQL, HTTP receiver), let the client
connect to ``proxy.port`` and switch faults on and off while traffic runs::

    async with ChaosProxy(("127.0.0.1", 1883)) as proxy:   # listens on 127.0.0.1, free port
        client = connect("127.0.0.1", proxy.port)

        proxy.latency = 0.2        # seconds added to every chunk, in both directions
        proxy.blackhole = True     # keep connections open, pass nothing (a silent partition)
        proxy.blackhole = False    # what was held back now flows
        proxy.slice = 7            # deliver in pieces of 7 bytes
        proxy.cut_after = 4096     # reset once a connection has sent 4096 bytes to the server
        proxy.reset()              # RST on every open connection, now
        await proxy.down()         # refuse connections and reset the open ones
        await proxy.up()           # listen again, on the same port

Typical uses: ``reset()`` at a random moment during COMMIT (ambiguous commit), ``blackhole`` for
deadlines and keepalives, ``latency`` for back-pressure, ``down()``/``up()`` for an outage.

What to know:

- Faults apply to all connections of one proxy; use one proxy per connection to break them apart.
- ``cut_after`` counts the bytes of each connection from its start; set it before connecting. When
  it strikes, every connection of the proxy is reset, not only that one.
- ``latency`` delays chunk by chunk (up to 64 KiB), so it also limits throughput.
- When one side closes, the other is aborted: half-closed connections are not imitated.
- Use ``sslmode=disable`` or plain MQTT when the position of a cut matters; TLS hides it.
- A black hole is not a cut cable: the kernel still acknowledges packets, so ``tcp_user_timeout``
  and TCP keepalives do not fire. For those, take a network namespace and set its link down.
"""

import asyncio
import contextlib
import socket
import struct

CHUNK = 65536


class ChaosProxy:
    """Forwards TCP connections to `upstream` and injects the faults that are switched on."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.port = 0
        self.latency = 0.0
        self.blackhole = False
        self.cut_after: int | None = None
        self.slice: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "ChaosProxy":
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listens on 127.0.0.1; the first call chooses a free port, later calls keep it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Stops listening and resets every open connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Sends RST on every open connection, to the client and to the server."""
        for writer in tuple(self._writers):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, up_writer}
        try:
            await asyncio.gather(
                self._pump(reader, up_writer, to_server=True),
                self._pump(up_reader, writer, to_server=False),
            )
        except OSError:
            pass
        finally:
            for side in (writer, up_writer):
                self._writers.discard(side)
                side.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, to_server: bool) -> None:
        sent = 0
        while data := await source.read(CHUNK):
            while self.blackhole and not target.is_closing():
                await asyncio.sleep(0.02)
            if self.latency:
                await asyncio.sleep(self.latency)
            if to_server and self.cut_after is not None and sent + len(data) >= self.cut_after:
                target.write(data[: max(0, self.cut_after - sent)])
                await target.drain()
                self.reset()
                return
            step = self.slice or len(data)
            for start in range(0, len(data), step):
                target.write(data[start : start + step])
                await target.drain()
            sent += len(data)
        target.transport.abort()
