"""`check-config` tells mistakes with codecs at their key."""

from typer.testing import CliRunner

from stadtfunk.cli import app


def test_a_missing_codec_file_is_told_at_its_entry(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "stadtfunk.yaml"
    file.write_text("codecs:\n  acme_probe:\n")
    done = CliRunner().invoke(app, ["check-config", "-c", str(file)])
    assert done.exit_code == 2
    said = done.output.replace("\n", "")
    assert "codecs.acme_probe: expected a codec file" in said
    assert "there is none" in said
