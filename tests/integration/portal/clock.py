"""A clock that tests move, and a look into the database."""

from datetime import UTC, datetime

import psycopg

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


class Clock:
    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now


def rows(settings, query):
    with psycopg.connect(settings.dsn, options="-c search_path=stadtfunk") as connection:
        return connection.execute(query).fetchall()
