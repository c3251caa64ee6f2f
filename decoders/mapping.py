"""`DeviceMapping`: which decoder a device has, and why. Explicit DevEUI > tag > device profile > default."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from decoders.decoder import Decoder
from decoders.registry import Entry, Registry
from decoders.settings import MappingSettings, ShadowSettings, normal_dev_eui
from decoders.uplink import Uplink

_log = logging.getLogger(__name__)

_CACHE_SIZE = 4096
"""Distinct combinations of device profile and mapped tags: a city has dozens."""


class MappingError(Exception):
    """A mapping that cannot be used.

    Attributes:
        problems: one line each, as `key: what is wrong`.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Choice(NamedTuple):
    """The decoder of an uplink, the level of the mapping that chose it, and the hash of the decoder's file."""

    decoder: Decoder
    why: str
    file_hash: str


class DeviceMapping:
    """The settings resolved against a registry. Immutable but for its cache; a reload makes a new one.

    Attributes:
        shadows: which decoders decode beside the live ones; None when none does.

    Raises:
        MappingError: names of decoders that the registry does not know, all at once.
    """

    def __init__(self, settings: MappingSettings, registry: Registry) -> None:
        problems: list[str] = []

        def choices(level: str, claims: Mapping[str, str]) -> dict[str, Choice]:
            """Named decoders as choices; an unknown name becomes a problem."""
            named: dict[str, Choice] = {}
            for key, name in claims.items():
                if name in registry.entries:
                    named[key] = _choice(registry.entries[name], f"{level} {key}".rstrip())
                else:
                    problems.append(f"{level} {key}".rstrip() + f": no decoder {name!r}; {_instead(name, registry)}")
            return named

        self._devices = choices("device", {normal_dev_eui(key): name for key, name in settings.devices.items()})
        self._tags = choices("tag", settings.tags)
        own = {key: _choice(entry, f"device profile {key} (decoder)") for key, entry in registry.profiles.items()}
        mapped = choices("device profile", {key.casefold(): name for key, name in settings.profiles.items()})
        self._profiles = own | mapped
        self._default = choices("default", {"": settings.default} if settings.default else {}).get("")
        self.shadows = _shadows(settings.shadow, registry, problems)
        if problems:
            raise MappingError(problems)
        self._tag_keys = tuple(dict.fromkeys(tag.partition("=")[0] for tag in settings.tags))
        self._cache: dict[tuple[str | None, ...], Choice | None] = {}

    def resolve(self, uplink: Uplink) -> Choice | None:
        """The decoder of this uplink's device, None for an orphan."""
        explicit = self._devices.get(uplink.dev_eui)
        if explicit is not None:
            return explicit
        tags = uplink.tags
        key = (uplink.device_profile, *[tags.get(name) for name in self._tag_keys])
        try:
            return self._cache[key]
        except KeyError:
            choice = self._by_tag_or_profile(uplink)
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[key] = choice
        return choice

    def _by_tag_or_profile(self, uplink: Uplink) -> Choice | None:
        tags = [f"{key}={uplink.tags[key]}" for key in self._tag_keys if key in uplink.tags]
        claims = [self._tags[tag] for tag in tags if tag in self._tags]
        if len({claim.decoder.name for claim in claims}) > 1:
            # Only the network server knows which tags a device has: this cannot be refused at start.
            names = " and ".join(f"{claim.why} ({claim.decoder.name})" for claim in claims)
            _log.error("mapping_conflict dev_eui=%s claims=%r", uplink.dev_eui, names)
            return None
        if claims:
            return claims[0]
        return self._profiles.get(uplink.device_profile.casefold(), self._default)


class ShadowMapping:
    """Which decoder decodes a device beside its live one.

    Raises:
        MappingError: names of decoders that the registry does not know.
    """

    def __init__(self, settings: ShadowSettings, registry: Registry) -> None:
        unclaimed = replace(registry, profiles={})  # what a decoder claims for itself makes it no shadow
        levels = MappingSettings(devices=settings.devices, tags=settings.tags, profiles=settings.profiles)
        problems = [
            f"decoder {name}: no decoder {name!r}; {_instead(name, registry)}"
            for name in (*settings.decoders, *settings.decoders.values())
            if name not in registry.entries
        ]
        try:
            self._devices = DeviceMapping(levels, unclaimed)
        except MappingError as error:
            problems += error.problems
        if problems:
            raise MappingError([f"shadow {problem}" for problem in problems])
        self._decoders = {
            live: _choice(registry.entries[shadow], f"decoder {live}") for live, shadow in settings.decoders.items()
        }
        self.share = settings.share

    def resolve(self, uplink: Uplink, live: str) -> Choice | None:
        """The decoder beside the one called `live`; None where there is none, or it is the same."""
        choice = self._devices.resolve(uplink) or self._decoders.get(live)
        return None if choice is None or choice.decoder.name == live else choice


def _shadows(settings: ShadowSettings, registry: Registry, problems: list[str]) -> ShadowMapping | None:
    """The shadows, None without any; what is wrong joins `problems`."""
    if not (settings.decoders or settings.devices or settings.tags or settings.profiles):
        return None
    try:
        return ShadowMapping(settings, registry)
    except MappingError as error:
        problems.extend(error.problems)
        return None


def _instead(name: str, registry: Registry) -> str:
    """What there is instead of the decoder `name`: its broken file where one is called like it, else the known ones."""
    left_out = [str(problem) for problem in registry.problems]
    own = [problem for problem in left_out if name in problem]
    if own:
        return f"left out: {'; '.join(own)}"
    known = f"known: {', '.join(sorted(registry.entries))}"
    return f"{known}; left out: {'; '.join(left_out)}" if left_out else known


def _choice(entry: Entry, why: str) -> Choice:
    return Choice(entry.decoder, why, entry.file_hash)
