"""Settings of the database: what is refused, and that nothing secret shows."""

import pytest
from pydantic import BaseModel, ValidationError

from storage.database import conninfo, describe
from storage.settings import DatabaseSettings, RetentionSettings, Timeouts


@pytest.mark.parametrize("model", [DatabaseSettings, RetentionSettings, Timeouts])
def test_every_setting_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_embedded_server_is_the_default() -> None:
    assert DatabaseSettings().embedded
    assert not DatabaseSettings(dsn="postgresql://city@db/stadtfunk").embedded


def test_timeouts_are_those_of_the_design() -> None:
    limits = Timeouts()
    assert (limits.connect, limits.statement, limits.lock, limits.idle_in_transaction) == (5, 10, 3, 15)
    assert (limits.tcp_user, limits.keepalive_idle, limits.keepalive_interval, limits.keepalive_count) == (5, 5, 2, 3)
    assert limits.outer == 20


@pytest.mark.parametrize(
    "values",
    [
        {"dsn": "postgresql://host/x?nonsense=1"},
        {"dsn": "just words"},
        {"sslmode": "maybe"},
        {"timeouts": {"connect": 0}},
        {"unknown": 1},
    ],
)
def test_nonsense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DatabaseSettings.model_validate(values)


def test_a_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(ValidationError) as refused:
        DatabaseSettings.model_validate({"dsn": "postgresql://me:hunter2@host/x?nonsense=1"})
    assert "hunter2" not in str(refused.value)


def test_a_password_shows_in_no_representation() -> None:
    settings = DatabaseSettings(dsn="postgresql://me:hunter2@host/x")
    assert "hunter2" not in repr(settings) + str(settings) + describe(settings)


def test_tls_options_and_password_file_reach_the_connection_string(tmp_path) -> None:
    (tmp_path / "password").write_text("secret word\n")
    settings = DatabaseSettings(
        dsn="host=db", sslmode="verify-full", sslrootcert=tmp_path / "ca.pem", password_file=tmp_path / "password"
    )
    assert conninfo(settings) == f"host=db sslmode=verify-full sslrootcert={tmp_path}/ca.pem password='secret word'"


@pytest.mark.parametrize("values", [{"payload_household": 32}, {"payload_household": None}, {"rejected": 0}])
def test_personal_payloads_cannot_be_kept_for_long(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RetentionSettings.model_validate(values)
