"""Charge points: what their operators say of them, from every kind of source."""
