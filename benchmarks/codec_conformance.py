"""Do codecs say the same here as in Node? `python -m benchmarks.codec_conformance FOLDER`.

FOLDER holds codec files `NAME.js`, each with its examples `NAME.examples.json` in the form of LoRa Alliance TS013.
Every uplink example is decoded in Node, as a program of its own, and in the sandbox; examples that throw in Node or
need a package are left out. Data are compared as JSON; strings that are points in time are compared as such, because a
codec that echoes `recvTime` gives back the form that it got.
"""

import argparse
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from decoders.javascript import Codec, CodecResult

ORACLE = Path(__file__).with_name("codec_oracle.js")
DEFAULT_TIME = "2026-07-14T09:34:16.000Z"
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """One example: where it stands and what both said."""

    place: str
    node: object
    ours: CodecResult
    outcome: str


def main() -> None:
    """Compare all examples, print the differences and the counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.codec_conformance", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="print every difference, not only the first")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    for codec in sorted(chosen.folder.rglob("*.examples.json")):
        counts["codecs"] += 1
        for comparison in compare(codec):
            counts[comparison.outcome] += 1
            if comparison.outcome == "different" and (chosen.all or counts["different"] <= SHOWN):
                show(comparison)
    report(counts)


def compare(examples: Path) -> Iterator[Comparison]:
    """Both answers to each uplink example of one codec."""
    file = examples.with_name(examples.name.replace(".examples.json", ".js"))
    codec = Codec(file.read_text(encoding="utf-8", errors="replace"), name=file.stem)
    inputs = [example["input"] for example in json.loads(examples.read_text(encoding="utf-8"))]
    for read in inputs:
        read["recvTime"] = usable_time(read.get("recvTime"))
        read["fPort"] = int(read.get("fPort") or 1)
    for number, (read, node) in enumerate(zip(inputs, ask_node(file, inputs), strict=False)):
        payload = bytes(byte & 255 for byte in read["bytes"])
        ours = codec.decode(payload, read["fPort"], moment(read["recvTime"]))
        yield Comparison(f"{file.stem}[{number}]", node, ours, outcome(node, ours))


def usable_time(said: object) -> str:
    """The example's time, or one for examples that have none or none that can be read."""
    try:
        moment(str(said))
    except ValueError:
        return DEFAULT_TIME
    return str(said)


def ask_node(file: Path, inputs: list[dict[str, object]]) -> list[dict[str, object]]:
    """Node's answers, as far as it came."""
    done = subprocess.run(
        ["node", str(ORACLE), str(file)],
        input=json.dumps(inputs).encode(),
        capture_output=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "TZ": "UTC"},
        check=False,
    )
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def outcome(node: dict[str, object], ours: CodecResult) -> str:
    """`left out`, `same` or `different`."""
    if "threw" in node:
        return "left out: throws in Node"
    said = node["said"]
    if not isinstance(said, dict | list):
        return "left out: no data in Node"
    members = said if isinstance(said, dict) and said.keys() & {"data", "errors", "warnings"} else {"data": said}
    if members.get("errors"):
        return "same" if ours.errors and ours.failure is None else "different"
    if not isinstance(members.get("data"), dict | list):
        return "left out: no data in Node"
    return "same" if in_one_form(members["data"]) == in_one_form(ours.data) else "different"


def in_one_form(value: object) -> object:
    """`value` with points in time as such."""
    if isinstance(value, dict):
        return {key: in_one_form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [in_one_form(item) for item in value]
    if isinstance(value, str) and len(value) >= 19 and value[10:11] == "T":
        try:
            return moment(value)
        except ValueError:
            return value
    return value


def moment(text: str) -> datetime:
    """A point in time to the millisecond, as JavaScript knows it."""
    read = datetime.fromisoformat(text)
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return aware.replace(microsecond=aware.microsecond // 1000 * 1000)


def show(comparison: Comparison) -> None:
    """One difference."""
    ours = comparison.ours
    print(comparison.place)
    print("   node", json.dumps(comparison.node)[:600])
    print("   ours", json.dumps(ours.data)[:600], *ours.errors, ours.failure or "")


def report(counts: Counter[str]) -> None:
    """The counts, and the share of those that were compared."""
    compared = counts["same"] + counts["different"]
    for name, count in sorted(counts.items()):
        print(f"{name:<28}{count:>7}")
    if compared:
        print(f"{'the same as in Node':<28}{counts['same'] / compared:>8.2%}")


if __name__ == "__main__":
    main()
