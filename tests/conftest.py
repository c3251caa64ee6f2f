"""Shared fixtures: a private PostgreSQL, a private Mosquitto and a TimescaleDB, each started only when asked for."""

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.timescale",
    "tests.support.mosquitto",
]
