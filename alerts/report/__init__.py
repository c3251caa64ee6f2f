"""The monthly report about charging bays: what it says (`content`), as a PDF (`pdf`), as a table for Excel (`table`).

The public version keeps small numbers of single sites to itself. No version says anything about who did the work.
"""
