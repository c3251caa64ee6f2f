"""Notes hold no licence plates, and what only looks a little like one passes."""

import pytest

from alerts.plates import holds_plate


@pytest.mark.parametrize(
    "text",
    [
        "MZ-AB 123",
        "Fahrzeug MZ-AB123 ohne Kabel",
        "steht da: mz-ab 123",
        "MZ AB 123",
        "MZ–AB 123E",
        "MZ - AB - 123",
        "MZ‑AB 123H",
        "MZ_AB_123",
        "MZ:AB 123".replace(":", "/"),
        "MZ.AB.123",
        "MZAB123",
        "MZAB 1234E",
        "B-A 1",
        "TÜ-X 7",
        "\uff2d\uff3a\uff0d\uff21\uff22\u3000\uff11\uff12\uff13",
        "(WI-AA 999)",
        "WI-AA 999.",
        "Y-123456",
        "THW-81234",
        "MZ-AB\n123",
    ],
)
def test_plates_are_found(text: str) -> None:
    assert holds_plate(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fahrer war am Kabel, lädt jetzt",
        "Binger Str. 19, Platz 1",
        "Säule LS08-1 ohne Anzeige",
        "Säule LS08 defekt, EVSE 12 gesperrt",
        "DE*MZX*ELS01*1",
        "DE*MZX*E12*1",
        "Mo-Fr 7-22 Uhr",
        "z.B. 12 Minuten, d.h. 10 zu lang",
        "um 14:05 Uhr, noch 20 min",
        "Vorgang 2026-000123",
        "BKat 55a, 55 EUR",
        "an der A 60, L 419",
        "55116 Mainz",
        "Halteverbot 10-18 Uhr",
        "kommt um ca 10 wieder",
    ],
)
def test_other_texts_pass(text: str) -> None:
    assert not holds_plate(text)
