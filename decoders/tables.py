"""Field tables as decoders: what the configuration writes about a device, compiled once.

    acme_probe:
      source: data sheet, rev. 2
      readings:
        - kind: tree_moisture
          fields: {soil_moisture: {offset: 2, divide: 100, faults: {0xFFFF: sensor_fault}}}

Such a decoder keeps the rules of every other: it is pure, reads within the payload, and refuses what it cannot read.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from decoders.decoder import Decoder
from decoders.discovery import Entry, Origin, content_hash
from decoders.table_items import item_function
from decoders.table_places import place_function
from decoders.table_settings import TableFormat, TableSettings


def entries(tables: Mapping[str, TableSettings], file: Path) -> list[Entry]:
    """The tables of a configuration file as decoders, each with the hash of its own definition."""
    return [
        Entry(decoder(name, table), file, definition_hash(table), Origin.CONFIGURED) for name, table in tables.items()
    ]


def decoder(name: str, table: TableSettings) -> Decoder:
    """One table as a decoder."""
    function = item_function(table) if table.format is TableFormat.CAYENNE_LPP else place_function(table)
    return Decoder(
        name=name,
        version=table.version,
        vendor=table.vendor,
        model=table.model,
        function=function,
        kinds=tuple(dict.fromkeys(reading.model for reading in table.readings)),
        source=table.source,
        profiles=table.profiles,
        f_ports=table.f_ports,
    )


def definition_hash(table: TableSettings) -> str:
    """What tells two states of a table apart, whatever order its keys stand in."""
    return content_hash(json.dumps(table.model_dump(mode="json"), sort_keys=True).encode())
