"""What the city owns, and which device measures it when: import, list, bind, swap.

All functions work in one transaction on a connection in autocommit and change nothing when they raise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from storage.asset_rows import AssetKind, AssetRow, Binding
from storage.database import Connection
from storage.statements import load

_QUERIES = load("assets")


class AssetError(Exception):
    """An asset or binding that cannot be as asked; the message says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed; `bindings` counts those that are new or have a new end."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bindings: int = 0


@dataclass(frozen=True, slots=True)
class ListedAsset:
    """An asset with the devices that are bound to it now, and when one of them was last heard."""

    kind: AssetKind
    key: str
    name: str
    district: str
    latitude: float | None
    longitude: float | None
    attributes: Mapping[str, object]
    devices: Sequence[str]
    last_received_at: datetime | None


async def import_assets(connection: Connection, rows: Iterable[AssetRow]) -> Imported:
    """Add and update assets with their bindings; nothing is deleted, and the same import again changes nothing.

    Raises:
        AssetError: a binding would claim readings that another asset has.
    """
    counts = {"created": 0, "updated": 0, "unchanged": 0}
    bindings: list[tuple[AssetRow, int, Binding]] = []
    async with connection.transaction():
        for row in rows:
            asset_id, what = await _upsert(connection, row)
            counts[what] += 1
            bindings += [(row, asset_id, binding) for binding in row.devices]
        added = await _import_bindings(connection, bindings)
    return Imported(**counts, bindings=added)


async def list_assets(
    connection: Connection,
    *,
    at: datetime,
    kind: AssetKind | None = None,
    district: str | None = None,
    search: str | None = None,
    limit: int = 1000,
) -> list[ListedAsset]:
    """Assets by kind and key; `search` finds words in key and name."""
    values = {"at": at, "kind": kind, "district": district, "search": search, "limit": limit}
    cursor = await connection.execute(_QUERIES["list_assets"], values)
    return [ListedAsset(AssetKind(row[0]), *row[1:]) for row in await cursor.fetchall()]


async def bind(connection: Connection, kind: AssetKind, key: str, binding: Binding, *, note: str = "") -> int:
    """Say that a device measures the asset for a time; returns the binding's id.

    Raises:
        AssetError: there is no such asset, or another one has the device at that time.
    """
    async with connection.transaction():
        asset_id = await _find_asset(connection, kind, key)
        return await _insert(connection, f"{kind} {key}", await _values(connection, asset_id, binding, note))


async def swap(
    connection: Connection,
    kind: AssetKind,
    key: str,
    *,
    new_dev_eui: str,
    at: datetime,
    old_dev_eui: str | None = None,
    note: str = "",
) -> int:
    """Replace the asset's device at a moment; returns the new binding's id. Readings before stay with the old one.

    Args:
        old_dev_eui: needed only when several devices measure the asset.

    Raises:
        AssetError: there is no such asset, not one device to replace, or the new one is in use.
    """
    async with connection.transaction():
        asset_id = await _find_asset(connection, kind, key)
        cursor = await connection.execute(_QUERIES["find_bindings_at"], {"asset_id": asset_id, "at": at})
        current = [row for row in await cursor.fetchall() if old_dev_eui in (None, row[1])]
        if len({row[1] for row in current}) != 1:
            raise AssetError(f"{kind} {key} has {_devices(current)} at that time: say which device to replace")
        for binding_id, *_ in current:
            await connection.execute(_QUERIES["end_binding"], {"id": binding_id, "at": at})
        # A meter's own number goes with the old meter; a probe's place in the ground stays.
        new = Binding(dev_eui=new_dev_eui, valid_from=at, channel=current[0][3] if len(current) == 1 else None)
        return await _insert(connection, f"{kind} {key}", await _values(connection, asset_id, new, note))


def _devices(bindings: Sequence[Sequence[Any]]) -> str:
    return ", ".join(sorted({row[1] for row in bindings})) or "no device"


async def _upsert(connection: Connection, row: AssetRow) -> tuple[int, str]:
    values = {
        **row.model_dump(exclude={"devices", "geometry", "attributes"}),
        "geometry": None if row.geometry is None else Jsonb(row.geometry),
        "attributes": Jsonb(row.attributes),
    }
    found = await (await connection.execute(_QUERIES["upsert_asset"], values)).fetchone()
    assert found is not None
    asset_id, changed, created = found
    return asset_id, "created" if created else "updated" if changed else "unchanged"


async def _import_bindings(connection: Connection, bindings: Sequence[tuple[AssetRow, int, Binding]]) -> int:
    """First the ends of bindings that are there, then the new ones, so that a swap in a file never overlaps."""
    new = []
    ended = 0
    for row, asset_id, binding in bindings:
        values = await _values(connection, asset_id, binding)
        known = await (await connection.execute(_QUERIES["find_binding"], values)).fetchone()
        if known is None:
            new.append((f"{row.kind} {row.key}", values))
        elif known[1]:
            await connection.execute(_QUERIES["end_binding"], {"id": known[0], "at": binding.valid_to})
            ended += 1
    for asset, values in new:
        await _insert(connection, asset, values)
    return ended + len(new)


async def _find_asset(connection: Connection, kind: AssetKind, key: str) -> int:
    row = await (await connection.execute(_QUERIES["find_asset"], {"kind": kind, "key": key})).fetchone()
    if row is None:
        raise AssetError(f"there is no {kind} {key}")
    return int(row[0])


async def _values(connection: Connection, asset_id: int, binding: Binding, note: str = "") -> dict[str, object]:
    """The binding as parameters; its device is made known when nobody heard it yet."""
    await connection.execute(_QUERIES["ensure_device"], {"dev_eui": binding.dev_eui})
    row = await (await connection.execute(_QUERIES["find_device"], {"dev_eui": binding.dev_eui})).fetchone()
    assert row is not None
    return {**binding.model_dump(), "asset_id": asset_id, "device_id": row[0], "note": note}


async def _insert(connection: Connection, asset: str, values: Mapping[str, object]) -> int:
    conflict = await (await connection.execute(_QUERIES["find_conflict"], values)).fetchone()
    if conflict is not None:
        kind, key, since, until = conflict
        raise AssetError(
            f"{asset}: device {values['dev_eui']} measures {kind} {key} from {since or 'ever'} to {until or 'ever'}"
        )
    try:
        row = await (await connection.execute(_QUERIES["insert_binding"], values)).fetchone()
    except psycopg.errors.ExclusionViolation:  # somebody else was faster
        raise AssetError(f"{asset}: device {values['dev_eui']} measures another asset at that time") from None
    assert row is not None
    return int(row[0])
