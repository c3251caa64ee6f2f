"""`MigrationRefused`: the one error of everything that shapes the schema."""


class MigrationRefused(Exception):
    """The database is not what this version can bring forward; the message says what to do."""
