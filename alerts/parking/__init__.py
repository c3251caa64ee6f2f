"""Wrong parking at charging stations: a bay's history in, what happened in it and what to accuse out. Pure.

The same history gives the same result in whatever order it arrived; nothing is remembered between two evaluations.
"""
