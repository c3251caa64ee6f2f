"""The checked-in dashboards: what the generator writes, readable by the SDK, complete, and linked to what exists."""

import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import dataquery_from_json
from grafana_foundation_sdk.models.dashboard import AnnotationTarget, Dashboard

from dashboards.files import FOLDER, texts
from dashboards.queries import POSTGRES_TYPE, POSTGRES_UID, PROMETHEUS_UID
from decoders.readings import KINDS
from tests.support.panels import documents, panels

DOCUMENTS = documents()
BUILT = ("ueberblick", "baeume", "fernwaerme", "parken", "funknetz", "betrieb")


def as_json(model: object) -> Any:
    return json.loads(json.dumps(model, cls=JSONEncoder))


def test_the_files_are_what_make_dashboards_writes() -> None:
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    written = texts()
    assert found.keys() == written.keys()
    differing = [name for name, text in written.items() if found[name] != text]
    assert not differing, "run `make dashboards`"


def test_every_question_of_an_operator_and_every_kind_has_its_dashboard() -> None:
    kinds = [f"kind-{kind.kind.replace('_', '-')}" for kind in KINDS]
    assert DOCUMENTS.keys() == {f"stadtfunk-{name}" for name in (*BUILT, *kinds)}


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_the_sdks_models_read_and_write_it_unchanged(uid: str) -> None:
    """An annotation's target is a query; the SDK's model of it knows that of Grafana's own annotations alone."""
    register_default_plugins()
    document = json.loads((FOLDER / f"{uid}.json").read_text(encoding="utf-8"))
    again = as_json(Dashboard.from_json(document))
    for annotation, read in zip(document["annotations"]["list"], again["annotations"]["list"], strict=True):
        target = annotation["target"]
        assert as_json(dataquery_from_json(target, POSTGRES_TYPE)) == target
        assert read["target"] == as_json(AnnotationTarget.from_json(target))
        assert read["target"].items() <= target.items()
        read["target"] = target
    assert again == document


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_panel_explains_itself(uid: str) -> None:
    for panel in panels(DOCUMENTS[uid]):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"].strip(), panel["id"]
        assert len(panel["description"]) >= 20, panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"].strip(), panel["title"]
        assert panel["targets"], panel["title"]


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_panels_have_ids_of_their_own_and_lie_side_by_side(uid: str) -> None:
    document = DOCUMENTS[uid]
    every = [*document["panels"], *(p for row in document["panels"] if row["type"] == "row" for p in row["panels"])]
    ids = [panel["id"] for panel in every]
    assert len(ids) == len(set(ids))
    shown = [panel["gridPos"] for panel in document["panels"]]
    covered = [
        (x, y) for at in shown for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(covered) == len(set(covered))
    assert all(at["x"] + at["w"] <= 24 for at in shown)


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_every_link_leads_to_a_dashboard(uid: str) -> None:
    text = json.dumps(DOCUMENTS[uid])
    assert set(re.findall(r"/d/([\w-]+)", text)) <= DOCUMENTS.keys()
    tags = {tag for link in DOCUMENTS[uid]["links"] for tag in link["tags"]}
    assert all(any(tag in document["tags"] for document in DOCUMENTS.values()) for tag in tags)
    assert any(link["type"] == "dashboards" for link in DOCUMENTS[uid]["links"])


@pytest.mark.parametrize("uid", DOCUMENTS)
def test_data_sources_are_those_that_are_provisioned(uid: str) -> None:
    provisioned = (FOLDER.parent / "provisioning" / "datasources" / "stadtfunk.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"uid: (\S+)", provisioned))
    used = set(re.findall(r'"uid": "(stadtfunk-(?:db|prometheus))"', json.dumps(DOCUMENTS[uid])))
    assert used <= named == {POSTGRES_UID, PROMETHEUS_UID}


def test_titles_and_uids_are_taken_once() -> None:
    assert len({document["title"] for document in DOCUMENTS.values()}) == len(list(FOLDER.glob("*.json")))
    assert all(len(uid) <= 40 for uid in DOCUMENTS)


def test_queries_read_views_of_our_schema_by_their_full_names() -> None:
    for uid, document in DOCUMENTS.items():
        for panel in panels(document):
            for target in panel["targets"]:
                relations = re.findall(r"\b(?:FROM|JOIN)\s+(?!LATERAL)([\w.]+)", target.get("rawSql", ""))
                bare = {name for name in relations if "." not in name}
                assert all(name.startswith("stadtfunk.") for name in relations if "." in name), (uid, panel["title"])
                assert not {name for name in bare if name.startswith(("v_", "public_"))}, (uid, panel["title"])
