"""`stadtfunk portal`: hashes of passwords for the configuration, and the tokens of programs."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from portal.scopes import Scope
from portal.user_roles import UserRole
from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from portal.tokens import Tokens
    from storage.database import Connection

Answer = TypeVar("Answer")

MIN_PASSWORD = 12

HASH_EPILOG = examples("stadtfunk portal hash-password", "pass show stadtfunk | stadtfunk portal hash-password")
NEW_EPILOG = examples(
    "stadtfunk portal token new dashboard --scope statistics",
    "stadtfunk portal token new dispatch --scope inbox --role officer --write --days 90",
)
LIST_EPILOG = examples("stadtfunk portal token list", "stadtfunk portal token list --json")
REVOKE_EPILOG = examples("stadtfunk portal token revoke dashboard")

app = typer.Typer(no_args_is_help=True, help="Users and API tokens of the portal.")
token_app = typer.Typer(no_args_is_help=True, help="Tokens of programs that read the portal.")
app.add_typer(token_app, name="token")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The token's name, for the audit log.")]


@app.command("hash-password", epilog=HASH_EPILOG)
def hash_password() -> None:
    """Ask for a password (or read it from standard input) and print its argon2id hash for the configuration."""
    from portal.users import hash_password as hashed

    password = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < MIN_PASSWORD:
        say(text("The password needs at least {count} characters.", count=MIN_PASSWORD))
        raise typer.Exit(ExitCode.FAILURE)
    typer.echo(hashed(password))


@token_app.command("new", epilog=NEW_EPILOG)
def new(
    name: NameArgument,
    scope: Annotated[list[Scope], typer.Option("--scope", "-s", help="Part that the token may read; repeatable.")],
    role: Annotated[UserRole, typer.Option(help="Role in which the program acts.")] = UserRole.VIEWER,
    write: Annotated[bool, typer.Option("--write", help="Let it change things, too; default: reading only.")] = False,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lasts.")] = 90,
    config: ConfigOption = None,
) -> None:
    """Make a token and print it once; only its digest is kept."""
    with reported():
        from portal.tokens import NewToken

        now = datetime.now(UTC)
        scopes = tuple(sorted(one.value for one in scope))
        wanted = NewToken(name=name, role=role, scopes=scopes, writes=write, expires_at=now + timedelta(days=days))
        made = _ask(config, lambda connection, tokens: tokens.create(connection, wanted, now))
    if made is None:
        say(text("There is a token {name} already.", name=name))
        raise typer.Exit(ExitCode.FAILURE)
    typer.echo(made)


@token_app.command("list", epilog=LIST_EPILOG)
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List tokens with scopes, end and last use; never the tokens themselves."""
    with reported():
        found = _ask(config, lambda connection, tokens: tokens.list(connection))
    if as_json:
        import json
        from dataclasses import asdict

        for row in found:
            typer.echo(json.dumps(asdict(row), default=str))
        return
    out = console()
    for row in found:
        rights = f"{','.join(row.scopes)}{' +write' if row.writes else ''}"
        used = "–" if row.last_used_at is None else f"{row.last_used_at:%Y-%m-%d %H:%M}"
        line = f"{row.name:<20} {row.role:<9} {rights:<25} {row.expires_at:%Y-%m-%d} {used}"
        out.print(line, markup=False, soft_wrap=True)


@token_app.command("revoke", epilog=REVOKE_EPILOG)
def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """End a token at once."""
    with reported():
        gone = _ask(config, lambda connection, tokens: tokens.revoke(connection, name))
    if not gone:
        say(text("There is no token {name}.", name=name))
        raise typer.Exit(ExitCode.FAILURE)


def _asked() -> str:
    password: str = typer.prompt(text("Password"), hide_input=True, confirmation_prompt=True)
    return password


def _ask(config: Path | None, question: "Callable[[Connection, Tokens], Awaitable[Answer]]") -> "Answer":
    """The answer of the database to `question`."""
    from portal.tokens import Tokens
    from stadtfunk.database import running
    from storage.database import connect

    settings = load(config)

    async def ask() -> "Answer":
        async with await connect(settings.database, application_name="stadtfunk portal token") as connection:
            return await question(connection, Tokens())

    with running(settings.database):
        return asyncio.run(ask())
