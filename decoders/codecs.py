"""The vendor codecs of an installation: JavaScript files in one folder, and what the configuration says about them.

A file that no entry names is a decoder, too, called like the file: normalised results need no entry. A file that does
not load costs only itself and keeps its old version; an entry without its file is a mistake in the configuration.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from decoders.codec_readings import CodecReadings
from decoders.codec_settings import CodecSettings
from decoders.decoder import Decoder
from decoders.discovery import Entry, Find, Finds, Origin, content_hash
from decoders.javascript import Codec, CodecFailure, CodecSource, SandboxError
from decoders.normalised import NormalisedReadings
from decoders.vendor_codec import ResultMap, VendorCodec

MAX_FILE_BYTES = 2 << 20

_A_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CodecFolder:
    """Where codecs lie and what is configured for them.

    Attributes:
        folder: None when there is none; then no codec can be configured.
        codecs: by decoder name.
    """

    folder: Path | None = None
    codecs: Mapping[str, CodecSettings] = field(default_factory=dict)

    def files(self) -> Iterator[Path]:
        """Every codec file that is there."""
        if self.folder is not None:
            yield from sorted(path for path in self.folder.glob("*.js") if not path.name.startswith(("_", ".")))

    def finds(self, before: Finds) -> Iterator[Find]:
        """Every codec, configured or dropped into the folder.

        Args:
            before: what an earlier load found. A codec that has not changed since is not tried again; one that is
                broken now has the decoder that it had.
        """
        named: set[Path] = set()
        for name, settings in self.codecs.items():
            path = (self.folder or Path()) / (settings.file or f"{name}.js")
            named.add(path)
            yield _find(f"codecs.{name}", name, path, settings, before)
        for path in self.files():
            if path not in named:
                yield _find(str(path), _name_of(path), path, CodecSettings(), before)


NO_CODECS = CodecFolder()


def _find(where: str, name: str, path: Path, settings: CodecSettings, before: Finds) -> Find:
    earlier = before.get(where)
    kept = () if earlier is None else earlier.entries
    try:
        source = _read(path)
    except ValueError as error:
        origin = Origin.CODEC if kept or where == str(path) else Origin.CONFIGURED
        return Find(where, origin, kept, f"expected a codec file {path}: {error}")
    digest = content_hash(_definition(source, settings))
    if earlier is not None and earlier.content_hash == digest and not earlier.broken:
        return earlier
    broken = _defect(source, name)
    if broken:
        return Find(where, Origin.CODEC, kept, broken if where == str(path) else f"{path}: {broken}", digest)
    decoder = _decoder(name, path, source, settings)
    return Find(where, Origin.CODEC, (Entry(decoder, path, digest, Origin.CODEC),), "", digest)


def _read(path: Path) -> str:
    """The file's text.

    Raises:
        ValueError: why there is none.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ValueError("there is none") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it has more than {MAX_FILE_BYTES} bytes")
    return content.decode("utf-8", "replace")  # vendors' files have comments in any encoding


def _definition(source: str, settings: CodecSettings) -> bytes:
    """What a decoder is made of: the file and its settings."""
    return f"{json.dumps(settings.model_dump(mode='json'), sort_keys=True)}\n{source}".encode("utf-8", "replace")


def _defect(source: str, name: str) -> str:
    """Why the file is no codec, empty when it is one."""
    try:
        result = Codec(source, name=name).decode(b"", 1, _A_TIME)
    except (SandboxError, OSError) as error:
        return str(error)
    if result.failure is not CodecFailure.NOT_LOADED:
        return ""  # what it says about an empty payload does not matter
    return "; ".join(result.errors) or "does not load"


def _decoder(name: str, path: Path, source: str, settings: CodecSettings) -> Decoder:
    readings: ResultMap = CodecReadings(settings.readings) if settings.readings else NormalisedReadings()
    codec = VendorCodec(
        CodecSource(name, source), readings, variables=settings.variables, normalised=not settings.readings
    )
    return Decoder(
        name=name,
        version=settings.version,
        vendor=settings.vendor,
        model=settings.model,
        function=codec.decode,
        kinds=codec.kinds,
        source=path.name,
        profiles=settings.profiles,
        f_ports=settings.f_ports,
        codec=codec,
    )


def _name_of(path: Path) -> str:
    """The decoder's name of a file without an entry: `ACME Probe-3.js` is acme_probe_3."""
    return re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_") or "codec"
