"""Settings of this room: which device is decoded by which decoder."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_DEV_EUI = re.compile(r"[0-9a-f]{16}")


def normal_dev_eui(text: str) -> str:
    """A DevEUI as 16 lower-case hex digits; `application/device_id` (a TTS device without one) stays as it is.

    Raises:
        ValueError: it is neither.
    """
    if "/" in text:
        return text
    plain = re.sub(r"[-: ]", "", text).lower()
    if not _DEV_EUI.fullmatch(plain):
        raise ValueError("expected a DevEUI of 16 hex digits, or application/device_id")
    return plain


def _key_value(text: str) -> str:
    key, equals, _ = text.partition("=")
    if not key or not equals:
        raise ValueError("expected key=value")
    return text


class _Levels(BaseModel):
    """Names a decoder by DevEUI, tag or device profile."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: dict[str, str] = Field(default_factory=dict, description="DevEUI: decoder")
    tags: dict[Annotated[str, AfterValidator(_key_value)], str] = Field(
        default_factory=dict, description="key=value: decoder"
    )
    profiles: dict[str, str] = Field(default_factory=dict, description="device profile: decoder")

    @model_validator(mode="after")
    def _one_claim_each(self) -> Self:
        """Spellings of one DevEUI or profile must not name two entries; every such problem is told at once."""
        problems: list[str] = []
        seen: dict[str, str] = {}
        for written in self.devices:
            try:
                plain = normal_dev_eui(written)
            except ValueError as error:
                problems.append(f"devices: {written!r}: {error}")
                continue
            _claim(seen, f"devices: {plain}", written, problems)
        for written in self.profiles:
            _claim(seen, f"profiles: {written.casefold()}", written, problems)
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ShadowSettings(_Levels):
    """Names a decoder that decodes beside the live one and stores nothing: its differences are counted.

    A DevEUI goes before a tag, a tag before a device profile, that before the live decoder's name.
    """

    decoders: dict[str, str] = Field(default_factory=dict, description="live decoder: decoder beside it")
    share: float = Field(default=1.0, gt=0, le=1, description="share of the uplinks that are decoded twice")


class MappingSettings(_Levels):
    """Names a decoder for devices. A DevEUI goes before a tag, a tag before a device profile, that before the default.

    Device profile names are compared without regard to case. Most decoders know the usual profile names of their
    devices, so that this is often empty.
    """

    default: str | None = Field(default=None, description="decoder of devices that nothing else names")
    shadow: ShadowSettings = Field(
        default_factory=ShadowSettings, description="decoders that are compared with the live ones"
    )


def _claim(seen: dict[str, str], key: str, written: str, problems: list[str]) -> None:
    first = seen.setdefault(key, written)
    if first != written:
        problems.append(f"{key.partition(':')[0]}: {first!r} and {written!r} are the same")
