"""What status publications of different feeds say, and what is odd in them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.charging.datex2 import PointStatus, read_evse_ids, read_statuses
from alerts.charging.datex2_feed import statuses_of
from alerts.charging.status import EvseState

PUBLISHED = "2026-11-24T06:10:00Z"


def at(minute, second=0):
    return datetime(2026, 11, 24, 6, minute, second, tzinfo=UTC)


def point(
    own="DE*MZX*ELS01*1", word="charging", *, updated="2026-11-24T06:09:30Z", key="aegiElectricChargingPointStatus"
):
    found = {"status": {"value": word}}
    if own:
        found["reference"] = {"idG": own}
    if updated:
        found["lastUpdated"] = updated
    return {key: found}


def message(*points, station="ST-1", site="SITE-1", payload_as_list=True, published=PUBLISHED):
    stations = [{"reference": {"idG": station}, "refillPointStatus": list(points)}]
    publication = {
        "publicationTime": published,
        "energyInfrastructureSiteStatus": [
            {"reference": {"idG": site}, "lastUpdated": published, "energyInfrastructureStationStatus": stations}
        ],
    }
    payload = {"aegiEnergyInfrastructureStatusPublication": publication}
    return {"messageContainer": {"payload": [payload] if payload_as_list else payload}}


def test_points_with_their_times():
    found = read_statuses(message(point(), point("DE*MZX*ELS01*2", "available")))
    assert found.points == (
        PointStatus("DE*MZX*ELS01*1", at(9, 30), "charging"),
        PointStatus("DE*MZX*ELS01*2", at(9, 30), "available"),
    )
    assert found.problems == ()


def test_the_other_name_of_a_point_is_known():
    assert len(read_statuses(message(point(key="aegiRefillPointStatus"))).points) == 1


def test_without_a_time_of_its_own_the_publications_counts():
    [found] = read_statuses(message(point(updated=None))).points
    assert found.at == at(10)
    [found] = read_statuses(message(point(updated=None), published=None)).points
    assert found.at is None


def test_a_payload_alone_stands_for_a_list():
    assert len(read_statuses(message(point(), payload_as_list=False)).points) == 1


def test_a_point_without_id_has_its_stations_where_that_is_one_point():
    [found] = read_statuses(message(point(own=None))).points
    assert found.id == "ST-1"
    [found] = read_statuses(message(point(own=None), station="")).points
    assert found.id == "SITE-1"


@pytest.mark.parametrize("own", [None, "ST-1", "SITE-1"])
def test_several_points_under_a_stations_id_are_told_and_not_mixed(own):
    found = read_statuses(message(point(own=own), point(own=own, word="available"), point("DE*MZX*ELS01*2")))
    assert [one.id for one in found.points] == ["DE*MZX*ELS01*2"]
    assert len(found.problems) == 2
    assert "ST-1" in found.problems[0]


def test_a_point_without_status_or_of_an_unknown_form_is_told():
    found = read_statuses(message({"aegiSomething": {}}, {"aegiRefillPointStatus": {"reference": {"idG": "A"}}}))
    assert found.points == ()
    assert len(found.problems) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            [
                "messageContainer", "payload", "aegiEnergyInfrastructureStatusPublication", "reference", "idG",
                "energyInfrastructureSiteStatus", "energyInfrastructureStationStatus", "refillPointStatus",
                "aegiRefillPointStatus", "status", "value", "lastUpdated", "publicationTime",
            ]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@given(json_values)
def test_no_content_fails(content):
    read_statuses(content)
    read_statuses({"messageContainer": {"payload": {"aegiEnergyInfrastructureStatusPublication": content}}})
    read_evse_ids(content)


def test_static_data_translate_the_feeds_own_ids():
    static = {
        "messageContainer": {
            "payload": {
                "sites": [
                    {
                        "aegiElectricChargingPoint": {
                            "idG": "uuid-1",
                            "connector": [{"a": 1}],
                            "externalIdentifier": [
                                {"typeOfIdentifier": {"extendedValueG": "other"}, "identifier": "x"},
                                {"typeOfIdentifier": {"extendedValueG": "evseId"}, "identifier": "DE*MZX*ELS01*1"},
                            ],
                        }
                    },
                    {"aegiRefillPoint": [{"idG": "uuid-2"}]},
                ]
            }
        }
    }
    assert read_evse_ids(static) == {"uuid-1": "DE*MZX*ELS01*1"}


def test_ids_are_translated_where_they_can_be():
    points = [
        PointStatus("uuid-1", at(1), "charging"),
        PointStatus("de-mzx-els01-2", None, "weird"),
        PointStatus("-", None, "x"),
    ]
    found = statuses_of(points, {"uuid-1": "DE*MZX*ELS01*1"}, source="afir", received_at=at(5))
    assert [(one.evse_key, one.at, one.status, one.raw_status) for one in found] == [
        ("DEMZXELS011", at(1), EvseState.IN_USE, "charging"),
        ("DEMZXELS012", at(5), EvseState.UNKNOWN, "weird"),
    ]
