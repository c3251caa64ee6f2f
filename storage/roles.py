"""The database roles and what each may do: least privilege, per table and view, the same on both databases."""

from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from decoders.readings import Reading
from storage.database import Connection, Role
from storage.grants import CORE, Grant, kind_grants, view_grants
from storage.refusal import MigrationRefused
from storage.rollup_parts import relation
from storage.statements import load

_QUERIES = load("roles")


async def create_roles(connection: Connection) -> None:
    """Make the roles that are missing and let this login take them. Roles belong to the whole server.

    Raises:
        MigrationRefused: this login may not create roles.
    """
    for role in Role:
        row = await (await connection.execute(_QUERIES["role_state"], {"role": role.value})).fetchone()
        assert row is not None
        exists, member = row
        try:
            if not exists:
                await _create(connection, role)
            if not member:
                await connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role.value)))
        except psycopg.errors.InsufficientPrivilege:
            raise MigrationRefused(_instructions()) from None


async def grant(connection: Connection, kinds: Sequence[type[Reading]]) -> None:
    """Give each role exactly its rights, taking back what an earlier version gave."""
    async with connection.transaction():
        for role in Role:
            if role is not Role.OWNER:
                await _revoke(connection, role)
        relations = {row[0] for row in await (await connection.execute(_QUERIES["relations"])).fetchall()}
        derived = (grant for kind in kinds for grant in kind_grants(kind, relations))
        for one in (*CORE, *view_grants(relations), *derived):
            for name in one.relations:
                await _grant(connection, one, name)


async def _revoke(connection: Connection, role: Role) -> None:
    name = sql.Identifier(role.value)
    await connection.execute(sql.SQL(_QUERIES["revoke_all"]).format(role=name))
    await connection.execute(sql.SQL(_QUERIES["grant_usage"]).format(role=name))


async def _grant(connection: Connection, one: Grant, name: str) -> None:
    await connection.execute(
        sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(one.privileges), relation(name), sql.Identifier(one.role.value))
    )


async def _create(connection: Connection, role: Role) -> None:
    """The owner can log in, because TimescaleDB runs a table's policies as its owner; without a password nobody can."""
    option = sql.SQL("LOGIN" if role is Role.OWNER else "NOLOGIN")
    # Another database of this server may be migrated at the same time.
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        await connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role.value), option))


def _instructions() -> str:
    statements = " ".join(f"CREATE ROLE {role.value}{' LOGIN' if role is Role.OWNER else ''};" for role in Role)
    return (
        "this login may not create the roles of Stadtfunk: let an administrator run "
        f"`{statements}` and grant them to this login, or set database.use_roles to false"
    )
