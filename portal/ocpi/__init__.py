"""OCPI towards operators of charge points: versions, credentials, and the Locations module as receiver."""
