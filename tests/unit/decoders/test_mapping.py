"""Which decoder a device has: explicit DevEUI > tag > device profile > default."""

import logging

import pytest
from pydantic import ValidationError

from decoders.mapping import DeviceMapping, MappingError
from decoders.settings import MappingSettings

from .cases import REGISTRY, uplink

EUI = "70b3d57ed0000001"


def chosen(settings: dict[str, object], **fields: object) -> tuple[str, str] | None:
    mapping = DeviceMapping(MappingSettings.model_validate(settings), REGISTRY)
    choice = mapping.resolve(uplink(b"", 1, **fields))
    assert choice == mapping.resolve(uplink(b"", 1, **fields))  # the cached answer is the same
    return None if choice is None else (choice.decoder.name, choice.why)


ALL_LEVELS: dict[str, object] = {
    "devices": {"70-B3-D5-7E-D0-00-00-01": "nwave_nps405"},
    "tags": {"kind=tree": "dragino_lse01"},
    "profiles": {"Bosch TPS110": "decentlab_dl_trs12"},
    "default": "elvaco_cmi41xx",
}
OTHER = {"dev_eui": "70b3d57ed0000002"}


@pytest.mark.parametrize(
    ("fields", "choice"),
    [
        ({"tags": {"kind": "tree"}, "device_profile": "Bosch TPS110"}, ("nwave_nps405", f"device {EUI}")),
        (OTHER | {"tags": {"kind": "tree"}, "device_profile": "Bosch TPS110"}, ("dragino_lse01", "tag kind=tree")),
        (
            OTHER | {"tags": {"kind": "bay"}, "device_profile": "BOSCH tps110"},
            ("decentlab_dl_trs12", "device profile bosch tps110"),
        ),
        (
            OTHER | {"device_profile": "milesight EM500-SMTC"},
            ("milesight_em500_smtc", "device profile milesight em500-smtc (decoder)"),
        ),
        (OTHER | {"device_profile": "unheard of"}, ("elvaco_cmi41xx", "default")),
    ],
)
def test_the_higher_level_wins_and_says_why(fields: dict[str, object], choice: tuple[str, str]) -> None:
    assert chosen(ALL_LEVELS, **fields) == choice


def test_without_a_claim_the_device_is_an_orphan() -> None:
    assert chosen({}, device_profile="unheard of") is None
    assert chosen({}) is None


def test_the_decoders_own_profiles_need_no_configuration() -> None:
    assert chosen({}, device_profile="Bosch TPS110 EU") == (
        "bosch_tps110",
        "device profile bosch tps110 eu (decoder)",
    )


def test_a_choice_carries_the_hash_of_the_decoders_file() -> None:
    choice = DeviceMapping(MappingSettings(), REGISTRY).resolve(uplink(b"", 1, device_profile="LSE01"))
    assert choice is not None
    assert choice.file_hash == REGISTRY.file_hash("dragino_lse01")


def test_a_device_without_dev_eui_is_mapped_by_application_and_id() -> None:
    settings = {"devices": {"parking/bay-7": "nwave_nps405"}}
    assert chosen(settings, dev_eui="parking/bay-7") == ("nwave_nps405", "device parking/bay-7")


def test_two_tags_of_one_device_that_name_two_decoders_make_an_orphan(caplog: pytest.LogCaptureFixture) -> None:
    settings = {"tags": {"kind=tree": "dragino_lse01", "maker=nwave": "nwave_nps405", "city=mainz": "dragino_lse01"}}
    with caplog.at_level(logging.ERROR):
        assert chosen(settings, tags={"kind": "tree", "maker": "nwave"}) is None
    assert caplog.text.count("mapping_conflict") == 1
    assert chosen(settings, tags={"kind": "tree", "city": "mainz"}) == ("dragino_lse01", "tag kind=tree")


def test_the_same_profile_with_other_tags_is_another_question() -> None:
    mapping = DeviceMapping(MappingSettings(tags={"kind=tree": "dragino_lse01"}), REGISTRY)
    tree = mapping.resolve(uplink(b"", 1, tags={"kind": "tree"}))
    bay = mapping.resolve(uplink(b"", 1, tags={"kind": "bay"}))
    assert tree is not None
    assert bay is None


def test_the_cache_is_bounded() -> None:
    mapping = DeviceMapping(MappingSettings(), REGISTRY)
    for number in range(10_000):
        mapping.resolve(uplink(b"", 1, device_profile=f"profile {number}"))
    assert len(mapping._cache) <= 4096
    assert mapping.resolve(uplink(b"", 1, device_profile="LSE01")) is not None


def test_unknown_decoders_are_told_all_at_once_with_the_known_ones() -> None:
    settings = MappingSettings(
        devices={EUI: "nothing_1"}, tags={"a=b": "nothing_2"}, profiles={"X": "nothing_3"}, default="nothing_4"
    )
    with pytest.raises(MappingError) as refusal:
        DeviceMapping(settings, REGISTRY)
    assert [problem.split(";")[0] for problem in refusal.value.problems] == [
        f"device {EUI}: no decoder 'nothing_1'",
        "tag a=b: no decoder 'nothing_2'",
        "device profile x: no decoder 'nothing_3'",
        "default: no decoder 'nothing_4'",
    ]
    assert "dragino_lse01" in refusal.value.problems[0]


def test_two_spellings_of_one_claim_and_malformed_keys_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as refusal:
        MappingSettings(
            devices={EUI: "a", EUI.upper(): "b", "70b3": "c"},
            profiles={"Meter": "a", "METER": "b"},
        )
    text = str(refusal.value)
    assert f"'{EUI}' and '{EUI.upper()}' are the same" in text
    assert "'70b3': expected a DevEUI of 16 hex digits" in text
    assert "'Meter' and 'METER' are the same" in text


@pytest.mark.parametrize("settings", [{"tags": {"kind": "a"}}, {"tags": {"=x": "a"}}, {"nonsense": 1}])
def test_other_mistakes_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MappingSettings.model_validate(settings)
