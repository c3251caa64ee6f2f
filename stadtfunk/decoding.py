"""The decoders of one installation: built-in ones, those of private folders and packages, and those that the
configuration defines. The one place that puts them together, for the service and for every command.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from decoders.keys import KeyRing
from decoders.registry import LeftOut, Registry, RegistryError
from decoders.tables import entries

log = logging.getLogger(__name__)


def registry(settings: Settings, *, previous: Registry | None = None) -> Registry:
    """Every decoder that `settings` make available.

    Args:
        previous: the registry in use; a private file that is broken now keeps the decoders that it has there.

    Raises:
        RegistryError: with every problem.
    """
    tables = entries(settings.tables, settings.file or Path("environment"))
    folders, codecs = settings.decoder_folders, settings.codec_folder()
    return _with_keys(Registry.load(*folders, configured=tables, codecs=codecs, previous=previous), _keys(settings))


def sources(settings: Settings) -> Iterator[Path]:
    """The files that the decoders come from and that may change while the service runs."""
    for file in (settings.file, settings.meter_keys_file):
        if file is not None:
            yield file
    for folder in settings.decoder_folders:
        yield from sorted(folder.glob("*.py"))
    yield from settings.codec_folder().files()


def log_left_out(problems: Iterable[LeftOut]) -> None:
    """What outsiders offered and is not used, a line each."""
    for problem in problems:
        if problem.claim:
            log.warning("device_profile_not_taken file=%r reason=%r", problem.where, problem.reason)
        else:
            log.warning("decoder_left_out file=%r reason=%r old_kept=%s", problem.where, problem.reason, problem.kept)


def _keys(settings: Settings) -> KeyRing:
    try:
        return settings.read_meter_keys()
    except (OSError, ValueError) as error:
        raise RegistryError([f"meter_keys_file: {error}"]) from None


def _with_keys(registry: Registry, keys: KeyRing) -> Registry:
    """The same decoders, those for encrypted meters with the keys."""
    bound = {name: replace(entry, decoder=entry.decoder.bound(keys)) for name, entry in registry.entries.items()}
    profiles = {profile: bound[entry.decoder.name] for profile, entry in registry.profiles.items()}
    return replace(registry, entries=bound, profiles=profiles)
