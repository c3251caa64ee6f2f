"""The logins of the services in the database: each may take its own roles and nothing else."""

from pathlib import Path

from psycopg import sql

from stadtfunk.deployment.parts import LOGINS, Login
from storage.database import SEARCH_PATH, Connection


async def create_logins(connection: Connection, secrets: Path) -> list[str]:
    """Make missing logins and give every one its password and rights; gives their names. Run after `migrate`.

    Args:
        connection: of an administrator.
        secrets: folder of the passwords; only their SCRAM verifiers reach the server and its log.

    Raises:
        OSError: a password's file cannot be read.
    """
    for login in LOGINS:
        password = (secrets / login.secret).read_text(encoding="utf-8").strip()
        async with connection.transaction():
            await _create(connection, login, password)
    return [login.name for login in LOGINS]


async def _create(connection: Connection, login: Login, password: str) -> None:
    name = sql.Identifier(login.name)
    row = await (await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login.name,))).fetchone()
    if row is None:
        await connection.execute(sql.SQL("CREATE ROLE {}").format(name))
    verifier = connection.pgconn.encrypt_password(password.encode(), login.name.encode(), b"scram-sha-256")
    inherits = sql.SQL("NOINHERIT" if login.takes else "INHERIT")
    await connection.execute(
        sql.SQL(
            "ALTER ROLE {} LOGIN {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}"
        ).format(name, inherits, sql.Literal(verifier.decode()))
    )
    await _take_back(connection, login)
    for role in login.roles:
        await connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role.value), name))
    if not login.takes:
        await _restrain(connection, name)


async def _take_back(connection: Connection, login: Login) -> None:
    """Roles of an earlier version."""
    cursor = await connection.execute(
        "SELECT r.rolname FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid "
        "JOIN pg_roles AS l ON l.oid = m.member WHERE l.rolname = %s",
        (login.name,),
    )
    for (role,) in await cursor.fetchall():
        if role not in login.roles:
            await connection.execute(
                sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), sql.Identifier(login.name))
            )


async def _restrain(connection: Connection, name: sql.Identifier) -> None:
    """What Stadtfunk sets at every connection, for a program that sets nothing: it reads views, and not for long."""
    values = {
        "search_path": SEARCH_PATH,
        "default_transaction_read_only": "on",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "30s",
        "jit": "off",
    }
    for setting, value in values.items():
        if setting == "search_path":
            parts = sql.SQL(", ").join(sql.Identifier(part.strip()) for part in value.split(","))
            await connection.execute(sql.SQL("ALTER ROLE {} SET search_path = {}").format(name, parts))
            continue
        statement = sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        await connection.execute(statement)
