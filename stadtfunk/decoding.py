"""The decoders of one installation: built-in ones, those of private folders and packages, and those that the
configuration defines. The one place that puts them together, for the service and for every command.
"""

from dataclasses import replace

from config.settings import Settings
from decoders.keys import KeyRing
from decoders.registry import Registry, RegistryError


def registry(settings: Settings) -> Registry:
    """Every decoder that `settings` make available.

    Raises:
        RegistryError: with every problem.
    """
    return _with_keys(Registry.load(*settings.decoder_folders), _keys(settings))


def _keys(settings: Settings) -> KeyRing:
    try:
        return settings.read_meter_keys()
    except (OSError, ValueError) as error:
        raise RegistryError([f"meter_keys_file: {error}"]) from None


def _with_keys(registry: Registry, keys: KeyRing) -> Registry:
    """The same decoders, those for encrypted meters with the keys."""
    entries = {name: replace(entry, decoder=entry.decoder.bound(keys)) for name, entry in registry.entries.items()}
    profiles = {profile: entries[entry.decoder.name] for profile, entry in registry.profiles.items()}
    return replace(registry, entries=entries, profiles=profiles)
