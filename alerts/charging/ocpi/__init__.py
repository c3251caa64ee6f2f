"""OCPI 2.2.1, tolerant of 2.3.0: the Locations module and what it needs.

Sessions are never taken: they are personal data.
"""
