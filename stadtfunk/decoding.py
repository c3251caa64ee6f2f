"""The decoders of one installation: built-in ones, those of private folders and packages, and those that the
configuration defines. The one place that puts them together, for the service and for every command.
"""

from config.settings import Settings
from decoders.registry import Registry


def registry(settings: Settings) -> Registry:
    """Every decoder that `settings` make available.

    Raises:
        RegistryError: with every problem.
    """
    return Registry.load(*settings.decoder_folders)
