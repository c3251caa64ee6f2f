"""What soil decoders find odd but decode: an engineer sees it, and a good frame is free of it."""

import pytest

from .cases import REGISTRY, cases, uplink

HEAD = "b006b80001"
ODD = {
    "blocks of another device": ("decentlab_dl_trs11", 1, "0210d50007463f810b0c79beef", "blocks of another Decentlab"),
    "status of another model": ("dragino_se01_lb", 5, "f1010601ff0ce4", "status of model f1, expected 26"),
    "datalog without a clock": ("dragino_se01_lb", 3, "08ca07140118400000003c", "without a credible time"),
    "old cube": ("sensefarm_cube02", 2, "300dac0841ac0000", "no protocol version"),
    "unknown record": ("sensefarm_cube02", 2, f"{HEAD}0841a00000f800", "unknown record at offset 10"),
    "no checksum": ("sensecap_s210x", 2, "0106107c4700000000", "checksum is wrong"),
    "another product": (
        "sensecap_s210x",
        1,
        "010510e80300000106107c4700001179",
        "measurement 4101 is not of a soil probe",
    ),
    "unknown data id": ("sensecap_s210x", 1, "010a000000000001061000000000" + "0000", "data 10 is not of a soil probe"),
    "unknown key": ("tektelic_agri", 10, "0b6700ad7f7f00", "unknown entry at offset 4"),
    "short processor temperature": ("tektelic_agri", 10, "0c6700", "processor temperature of one byte"),
}
CLEAN = {
    *(("decentlab_dl_trs11", "example_1"), ("dragino_se01_lb", "datalog"), ("dragino_se02_lb", "device_status")),
    *(("sensefarm_cube02", "cube02_1"), ("sensecap_s210x", "gen1_telemetry"), ("tektelic_agri", "gen1_all_metrics")),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_is_said(case: str) -> None:
    decoder, f_port, payload, warning = ODD[case]
    decoded = REGISTRY.by_name(decoder).decode(uplink(bytes.fromhex(payload), f_port))
    assert any(warning in one for one in decoded.warnings)


@pytest.mark.parametrize(("decoder", "name"), sorted(CLEAN))
def test_a_good_frame_warns_of_nothing_and_is_read_to_its_end(decoder: str, name: str) -> None:
    [case] = [case for case in cases(decoder) if case.name == name]
    decoded = REGISTRY.by_name(decoder).decode(uplink(case.payload, case.f_port))
    assert (decoded.warnings, decoded.unread) == ((), 0)
