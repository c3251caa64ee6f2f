"""A device that its network server names finds its decoder without configuration: ChirpStack, The Things Stack."""

import pytest

from decoders.decoder import Decoder
from decoders.mapping import DeviceMapping
from decoders.settings import MappingSettings
from tests.events.corpus import example
from tests.unit.formats.support import TTS_TREE
from tests.unit.formats.support import uplink as parsed

from .cases import REGISTRY, uplink

MAPPING = DeviceMapping(MappingSettings(), REGISTRY)
NAMED = {
    # ChirpStack's device profile templates
    "DL-TRS21": "decentlab_dl_trs21",
    "SenseCAP S2105": "sensecap_s210x",
    # brand and model of The Things Stack's device repository
    "decentlab/dl-smtp": "decentlab_dl_smtp",
    "dragino/se01-lb": "dragino_se01_lb",
    "sensecap/sensecaps2104-soil-moisture-temp": "sensecap_s210x",
    "tektelic/t00059xx-kiwi": "tektelic_agri",
    "elvaco/cmi4111": "elvaco_cmi41xx",
    "bosch/tps110-0292": "bosch_tps110",
    "nwave/nps405sm": "nwave_nps405",
    "milesight-iot/vs121": "milesight_vs121",
    "parametric/pcr2-od": "parametric_pcr2",
    "terabee/people-flow-counting-l-xl": "terabee_pc_l_xl",
}


@pytest.mark.parametrize("profile", NAMED)
def test_the_network_servers_names_choose_the_decoder(profile: str) -> None:
    choice = MAPPING.resolve(uplink(b"", 1, device_profile=profile))
    assert choice is not None
    assert choice.decoder.name == NAMED[profile]


def test_an_uplink_of_the_things_stack_finds_its_decoder_and_decodes() -> None:
    message = parsed(example(TTS_TREE))
    choice = MAPPING.resolve(message)
    assert choice is not None
    assert [reading.kind for reading in choice.decoder.decode(message).readings] == ["tree_moisture", "device_health"]


@pytest.mark.parametrize("decoder", REGISTRY.decoders, ids=lambda decoder: decoder.name)
def test_a_decoders_names_are_as_people_write_them(decoder: Decoder) -> None:
    for profile in decoder.profiles:
        assert profile == " ".join(profile.split())
        assert profile.count("/") <= 1
    assert len({profile.casefold() for profile in decoder.profiles}) == len(decoder.profiles)
