"""The simulated city as a program: `python -m stadtfunk.demo history | live | assets | parking | operator`."""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stadtfunk.demo.assets import assets
from stadtfunk.demo.charge_points import past_as_json
from stadtfunk.demo.history import history
from stadtfunk.demo.live import BrokerAccess, LiveCity
from stadtfunk.demo.settings import WHITE_SPOTS, DemoSettings

PASSWORD_VARIABLE = "STADTFUNK_DEMO_PASSWORD"  # noqa: S105 - the name of the variable, not a password


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        settings = DemoSettings(
            seed=options.seed,
            scale=options.scale,
            without_gateways=WHITE_SPOTS if options.white_spots else (),
            started_at=tuple(options.started),
        )
        return int(options.run(settings, options))
    except BrokenPipeError:  # the reader has gone: nobody wants the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as error:
        sys.stderr.write(f"stadtfunk.demo: {error}\n")
        return 2


def _history(settings: DemoSettings, options: argparse.Namespace) -> int:
    start = options.end - timedelta(days=options.days)
    installed = datetime.combine(settings.installed_on, datetime.min.time(), UTC)
    gc.set_threshold(200_000, 50, 50)  # half a million short-lived messages and no cycles among them
    for block in history(settings, max(start, installed), options.end, leave_burst=not options.complete):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
    return 0


def _live(settings: DemoSettings, options: argparse.Namespace) -> int:
    password = os.environ.get(PASSWORD_VARIABLE)
    if options.password_file is not None:
        password = options.password_file.read_text(encoding="utf-8").strip()
    access = BrokerAccess(options.host, options.port, options.user, password, options.ca_file)
    asyncio.run(_live_until_told(settings, access, options))
    return 0


async def _live_until_told(settings: DemoSettings, access: BrokerAccess, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await LiveCity(settings, access, begins_at=options.end, speed=options.speed, stop=stop).run()


def _assets(settings: DemoSettings, _: argparse.Namespace) -> int:
    json.dump({"assets": assets(settings)}, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")
    return 0


def _parking(settings: DemoSettings, options: argparse.Namespace) -> int:
    start = options.end - timedelta(days=options.days)
    installed = datetime.combine(settings.installed_on, datetime.min.time(), UTC)
    json.dump(past_as_json(settings, max(start, installed), options.end), sys.stdout)
    return 0


def _operator(settings: DemoSettings, options: argparse.Namespace) -> int:
    from stadtfunk.demo.platform import serve_operator

    token = options.token_file.read_text(encoding="utf-8").strip()
    return asyncio.run(serve_operator(settings, begins_at=options.end, port=options.port, token=token))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stadtfunk.demo", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--seed", type=int, default=DemoSettings().seed, help="another number, another city")
    common.add_argument("--scale", type=float, default=1.0, help="multiplies trees and meters")
    common.add_argument(
        "--started",
        type=_moment,
        action="append",
        default=[],
        help="when the demo was started (ISO time, repeatable): more cars come around it",
    )
    common.add_argument("--white-spots", action="store_true", help="leave out four gateways")

    past = commands.add_parser("history", parents=[common], help="write a replay file to standard output")
    past.add_argument("--days", type=float, default=7.0)
    past.add_argument("--end", type=_moment, default=datetime.now(UTC), help="ISO time, by default now")
    past.add_argument("--complete", action="store_true", help="up to END, not only to where a live stream takes over")
    past.set_defaults(run=_history)

    now = commands.add_parser("live", parents=[common], help="publish over MQTT until SIGTERM or Ctrl-C")
    now.add_argument("--host", default="127.0.0.1")
    now.add_argument("--port", type=int, default=1883)
    now.add_argument("--ca-file", type=Path, help="speak TLS to a broker whose certificate this CA signed")
    now.add_argument("--user")
    now.add_argument("--password-file", type=Path, help=f"else the variable {PASSWORD_VARIABLE}")
    now.add_argument("--end", type=_moment, default=datetime.now(UTC), help="the END of the history before it")
    now.add_argument("--speed", type=float, default=1.0, help="times real time; above 1 the city runs ahead of it")
    now.set_defaults(run=_live)

    bays = commands.add_parser("parking", parents=[common], help="write what happened on the bays as JSON")
    bays.add_argument("--days", type=float, default=7.0)
    bays.add_argument("--end", type=_moment, default=datetime.now(UTC), help="ISO time, by default now")
    bays.set_defaults(run=_parking)

    points = commands.add_parser("operator", parents=[common], help="a charge-point operator's OCPI platform")
    points.add_argument("--port", type=int, required=True)
    points.add_argument("--token-file", type=Path, required=True, help="what partners register with")
    points.add_argument("--end", type=_moment, default=datetime.now(UTC), help="the END of the history before it")
    points.set_defaults(run=_operator)

    things = commands.add_parser("assets", parents=[common], help="write all assets as a city file in JSON")
    things.set_defaults(run=_assets)
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
