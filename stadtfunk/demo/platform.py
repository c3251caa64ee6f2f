"""The charge-point operator's platform as a process: OCPI over HTTP on loopback, fed by the simulated cars."""

import asyncio
import signal
from datetime import datetime

from portal.server import bind, serve
from portal.settings import HttpSettings
from stadtfunk.demo.charge_points import LiveOperator
from stadtfunk.demo.cpo import Cpo
from stadtfunk.demo.settings import DemoSettings

HOST = "127.0.0.1"


async def serve_operator(settings: DemoSettings, *, begins_at: datetime, port: int, token: str) -> int:
    """Answer and push until told to end, or until the parent process is gone; the exit code."""
    listener = bind(HttpSettings(host=HOST, port=port))
    cpo = Cpo(base_url=f"http://{HOST}:{port}", token_a=token)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    operator = LiveOperator(settings, cpo, begins_at=begins_at, stop=stop)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(cpo.app, listener))
        await operator.run()
        serving.cancel()
    return 0
