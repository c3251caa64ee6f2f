"""amqtt as a process: `python -m stadtfunk.demo.amqtt_broker CONFIGURATION` (JSON: bind, users, password_file).

Only for demos on machines without Mosquitto: it speaks MQTT 3.1.1 and forgets its sessions when it ends.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from amqtt.broker import Broker
from pwdlib.hashers.argon2 import Argon2Hasher

from stadtfunk.demo.broker import RIGHTS


async def serve(bind: str, password_file: Path) -> None:
    """Run the broker until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": bind}},
            "plugins": {
                "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(password_file)},
                "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {
                    "acl": {name: list(rights.read) for name, rights in RIGHTS.items()},
                    "publish_acl": {name: list(rights.write) for name, rights in RIGHTS.items()},
                },
                "amqtt.plugins.sys.broker.BrokerSysPlugin": {"sys_interval": 5},
            },
        }
    )
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """Entry point of the process."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.umask(0o077)
    settings = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    password_file = Path(settings["password_file"])
    hasher = Argon2Hasher(time_cost=1, memory_cost=8192, parallelism=1)
    users = [f"{name}:{hasher.hash(password)}\n" for name, password in settings["users"].items()]
    password_file.write_text("".join(users), encoding="ascii")
    asyncio.run(serve(settings["bind"], password_file))


if __name__ == "__main__":
    main()
