"""Vendors' JavaScript codecs decode history, too; one that cannot answer deletes nothing."""

import pytest

from stadtfunk.redecode import Effort
from tests.integration.redecode.city import NOBODY, City, soil

CODEC = """
function decodeUplink(input) {
  var b = input.bytes;
  return {data: {water: (b[0] << 8 | b[1]) / 100 + %s}};
}
"""
MAP = {"readings": [{"kind": "tree_moisture", "fields": {"soil_moisture": "water"}}]}


def write(city: City, source: str) -> None:
    (city.folder / "acme.js").write_text(source)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_codec_makes_readings_of_orphans_and_changes_them(city: City, workers: int) -> None:
    if workers and city.store.timescale:
        pytest.skip("PGlite has one connection")
    city.effort = Effort(workers=workers, chunk=10)
    city.ingest(soil(n, dev_eui=NOBODY) for n in range(12))
    city.codecs, city.mapping = {"acme": MAP}, {"devices": {NOBODY: "acme"}}
    write(city, CODEC % 0)
    assert city.redecode().tally.kinds["tree_moisture"].appear == 12
    write(city, CODEC % 1)
    assert city.redecode(decoder="acme").tally.kinds["tree_moisture"].change == 12
    assert city.values("soil_moisture") == [21.0] * 12
    before = city.contents()
    write(city, "function decodeUplink(input) { throw new Error('no'); }")
    done = city.redecode()
    assert (done.tally.refused, done.tally.left) == ({"codec_error": 12}, 12)
    assert city.contents() == before
