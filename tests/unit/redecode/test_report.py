"""What the command prints."""

import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from stadtfunk.cli import app
from stadtfunk.redecode import Redecoded
from stadtfunk.redecode_report import as_object, run_as_object, sentence, show, show_runs
from storage.redecode import Part, Refusal, Run, RunRefused, RunState, Selection
from storage.redecode_tally import Example, Tally

AT = datetime(2026, 6, 1, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")


def tally() -> Tally:
    found = Tally(uplinks=10, outcomes=3, left=1, resolved=2)
    found.refused.update({"decoder_error": 1})
    kind = found.of("tree_moisture")
    kind.change, kind.moved = 3, 1
    field = kind.of("soil_temperature")
    field.change = 3
    field.examples.append(Example("a" * 16, AT, 12.5, 13.0))
    field.examples.append(Example("", AT, None, 13.0))
    return found


def run(state: RunState = RunState.DONE) -> Run:
    decoders = {"dragino_lse01": {"version": 2, "file_hash": "abc"}}
    part = Part(0, 1, AT, tally())
    return Run(7, Selection(AT, AT.replace(day=2), "dragino_lse01"), decoders, state, AT, AT, (part,))


def test_people_see_counts_and_examples_with_unit(capsys) -> None:
    show(Redecoded(run(), tally(), continued=True), dry_run=False)
    printed = capsys.readouterr().out
    for part in (
        "re-decoding 7 was continued",
        "Uplinks decoded again: 10.",
        "tree_moisture: 0 appear, 0 vanish, 3 change",
        "1 are another uplink's now",
        "aaaaaaaaaaaaaaaa 2026-06-01 06:00:00  12.5 → 13.0 Cel",
        "- → 13.0 Cel",
        "refused as decoder_error: 1",
        "left as they are",
        "resolved: 2",
        "stadtfunk redecode --undo 7",
    ):
        assert part in printed


def test_a_dry_run_says_so(capsys) -> None:
    show(Redecoded(None, Tally(uplinks=5)), dry_run=True)
    printed = capsys.readouterr().out
    assert "Nothing changes." in printed
    assert "dry run" in printed
    assert "--undo" not in printed


def test_programs_get_the_same() -> None:
    found = json.loads(json.dumps(as_object(Redecoded(run(), tally()), dry_run=False)))
    assert (found["run"], found["uplinks"], found["refused"]) == (7, 10, {"decoder_error": 1})
    field = found["kinds"]["tree_moisture"]["fields"]["soil_temperature"]
    assert (field["change"], field["unit"]) == (3, "Cel")
    assert field["examples"][0] == {"device": "a" * 16, "observed_at": AT.isoformat(), "old": 12.5, "new": 13.0}
    assert json.loads(json.dumps(run_as_object(run())))["state"] == "done"


def test_the_list_of_runs(capsys) -> None:
    show_runs([run(), run(RunState.UNDONE)])
    show_runs([])
    printed = capsys.readouterr().out
    assert "undone" in printed
    assert "dragino_lse01" in printed
    assert "Nothing was decoded again so far." in printed


def test_every_refusal_has_a_sentence_of_its_own() -> None:
    details = {"run": 7, "later": 8, "name": "x", "known": "y", "device": "z"}
    said = {sentence(RunRefused(reason, **details)) for reason in Refusal}
    assert len(said) == len(Refusal)
    assert not [one for one in said if "{" in one]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--since", "30d", "--list"],
        ["--since", "30d", "--resume"],
        ["--since", "30d", "--undo", "7"],
        ["--since", "nonsense"],
        ["--since", "2026-06-02", "--until", "2026-06-01"],
        ["--since", "30d", "--device", "nonsense"],
        ["--since", "30d", "--chunk", "0"],
    ],
)
def test_a_wrong_command_line_exits_with_2(arguments, tmp_path) -> None:
    assert CliRunner().invoke(app, ["redecode", *arguments]).exit_code == 2
