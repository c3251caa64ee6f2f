"""A TimescaleDB for tests: PGlite in a Node process."""
