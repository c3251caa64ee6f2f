"""Figures about charging bays: how often, how long, how sure, how fast. Nothing in here knows who did what.

Cases and the bays' own hours are counted per site and local month (`cases`, `bays`), added up as one likes (`figures`),
and say what people ask for (`measures`, `patrol`). All of it is pure but `loading`; numbers that came from few days or
few cases carry their bounds.
"""
