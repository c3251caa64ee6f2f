"""Loading: defaults, file, environment and secret files together, and what each wins against."""

from pathlib import Path

import pytest

import config
from config.document import MAX_BYTES
from config.load import load_settings
from config.problems import ConfigurationError
from config.secrets import secrets_of

NO_ENTRY = "expected the number or the name of an entry; known names: city"
NO_FILE = "expected a file that can be read: there is none"
EXAMPLE = Path(config.__file__).with_name("stadtfunk.example.yaml")


@pytest.fixture
def write(tmp_path):
    def write(text, name="stadtfunk.yaml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def problems(path, environment=None):
    with pytest.raises(ConfigurationError) as refused:
        load_settings(path, environment or {})
    return [str(problem) for problem in refused.value.problems]


def test_without_file_and_environment_the_defaults_hold():
    settings = load_settings(None, {})
    assert settings.database.embedded
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert settings.sources == ()


def test_the_example_is_valid(write):
    for name in ("broker-ca.pem", "database-ca.pem", "broker-password", "ttn-api-key", "database-password"):
        write("canary", f"secrets/{name}")
    write("canary-token-0123456789\n", "secrets/ttn-webhook-token")
    write("https://hook.example/canary-path\n", "secrets/heartbeat-url")
    settings = load_settings(write(EXAMPLE.read_bytes()), {})
    assert [source.name for source in settings.sources] == ["city", "ttn"]
    assert settings.heartbeat.read_url().get_secret_value() == "https://hook.example/canary-path"


def test_the_environment_goes_before_the_file(write):
    file = write("http: {port: 1}\nsources: [{name: city, host: a}, {name: my-ttn, host: b}]\n")
    settings = load_settings(
        file,
        {
            "STADTFUNK_HTTP__PORT": "2",
            "STADTFUNK_SOURCES__CITY__KEEPALIVE": "11",
            "STADTFUNK_SOURCES__MY_TTN__HOST": "c",
            "STADTFUNK_SOURCES__1__QOS": "0",
            "STADTFUNK_LOGGING__FORMAT": "json",
            "STADTFUNK_DATABASE": "postgresql://u@h/d",
        },
    )
    assert settings.http.port == 2
    assert [(source.host, source.keepalive, source.qos) for source in settings.sources] == [("a", 11, 1), ("c", 30, 0)]
    assert settings.logging.format == "json"
    assert settings.database.dsn == "postgresql://u@h/d"


def test_the_environment_alone_is_enough():
    settings = load_settings(
        None,
        {
            "STADTFUNK_SOURCES__0__NAME": "city",
            "STADTFUNK_SOURCES__0__TOPICS": "[application/+/device/+/event/up, a/b]",
            "STADTFUNK_SOURCES__1__NAME": "ttn",
            "STADTFUNK_SOURCES__1__FORMAT": "thethings",
            "STADTFUNK_SOURCES__0__TLS__SERVER_NAME": "broker",
            "STADTFUNK_HTTP__WEBHOOKS__TTN__TOKEN": "0123456789abcdef",
            "STADTFUNK_MAPPING__DEVICES": "{a84041000181bcd5: dragino_lse01}",
        },
    )
    assert [source.name for source in settings.sources] == ["city", "ttn"]
    assert settings.sources[0].topics == ("application/+/device/+/event/up", "a/b")
    assert settings.sources[0].port == 8883
    assert settings.http.webhooks["ttn"].read_token().get_secret_value() == "0123456789abcdef"
    assert settings.mapping.devices == {"a84041000181bcd5": "dragino_lse01"}


def test_an_empty_variable_and_those_of_others_are_not_settings():
    environment = {"STADTFUNK_HTTP__PORT": "", "STADTFUNK_CONFIG": "x", "STADTFUNK_LANG": "en", "STADTFUNK_HOME": "/x"}
    assert load_settings(None, environment) == load_settings(None, {})


def test_a_password_that_looks_like_yaml_stays_a_text():
    settings = load_settings(
        None,
        {
            "STADTFUNK_SOURCES__0__NAME": "city",
            "STADTFUNK_SOURCES__0__USERNAME": "u",
            "STADTFUNK_SOURCES__0__PASSWORD": "[1, 2",
        },
    )
    assert settings.sources[0].read_password() == "[1, 2"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("STADTFUNK_HTTP__PROT", "1", "http.prot: unknown key; did you mean `port`?"),
        ("STADTFUNK_DATABSE", "x", "unknown setting; did you mean `STADTFUNK_DATABASE`?"),
        ("STADTFUNK_HTTP__PORT", "many", "http.port: expected a whole number, found 'many'"),
        ("STADTFUNK_SOURCES__NORTH__HOST", "x", f"sources.north: {NO_ENTRY}"),
        ("STADTFUNK_SOURCES__7__HOST", "x", f"sources.7: {NO_ENTRY}"),
        ("STADTFUNK_SOURCES__CITY__PASSWORD_FILE", "/none", f"sources[0].password_file: {NO_FILE}, found /none"),
        ("STADTFUNK_HTTP__PORT__X", "1", "http.port.x: unknown key; expected one of "),
    ],
)
def test_mistakes_in_the_environment_name_the_variable(write, name, value, problem):
    assert f"{name}: {problem}" in problems(write("sources: [{name: city, username: u}]\n"), {name: value})


def test_relative_paths_are_relative_to_the_file(write, monkeypatch):
    write("canary", "secrets/password")
    file = write(
        "sources: [{name: city, username: u, password_file: secrets/password}]\nspool: {path: spool/s.sqlite}\n"
    )
    monkeypatch.chdir("/")
    settings = load_settings(file, {})
    assert settings.sources[0].read_password() == "canary"
    assert settings.spool.path == file.parent / "spool/s.sqlite"


def test_a_section_without_lines_is_its_defaults_and_an_optional_one_stays_off(write):
    settings = load_settings(write("http:\nlogging:\nsources:\n  - name: city\n    tls:\n"), {})
    assert settings.http == load_settings(None, {}).http
    assert settings.sources[0].tls is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: " + b"[" * 100_000, ": expected at most 20000 values, nested at most 20 deep"),
        (b"- " * 3_000, ": expected at most 20000 values, nested at most 20 deep"),
        (b"x" * (MAX_BYTES + 1), f": expected a file of at most {MAX_BYTES} bytes"),
        (b"city: \xff\xfe\n", ": expected a text file in UTF-8"),
        (b"city: \x00\n", ": expected valid YAML: a character that YAML does not allow"),
        (b"a: " + b"{a: " * 30 + b"1" + b"}" * 30, ": expected at most 20000 values, nested at most 20 deep"),
    ],
    ids=["brackets", "dashes", "large", "utf-16", "nul", "nested"],
)
def test_hostile_files_are_refused(write, content, problem):
    file = write(content)
    assert problems(file) == [f"{file}{problem}"]


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    assert problems(tmp_path / "none.yaml") == [
        f"{tmp_path}/none.yaml: expected a file that can be read: No such file or directory"
    ]


def test_secret_files_are_read_early(write):
    write("short\n", "token")
    write("http://hook.example/canary\n", "url")
    file = write("http:\n  webhooks:\n    ttn:\n      token_file: token\nheartbeat:\n  url_file: url\n")
    [heartbeat, token] = sorted(problems(file), key=len)
    assert "heartbeat.url_file: the heartbeat's URL must begin with https://" in heartbeat
    assert f"{file}:4: http.webhooks.ttn.token_file: the token in" in token
    assert "canary" not in heartbeat + token


def test_all_secrets_are_known_for_the_log(write):
    write("canary-file\n", "password")
    write("canary-token-0123456789", "token")
    write("canary-database\nsecond line\n", "dbpassword")
    file = write(
        "sources:\n"
        "  - {name: a, username: u, password: canary-plain}\n"
        "  - {name: b, username: u, password_file: password}\n"
        "http: {webhooks: {ttn: {token_file: token}, cs: {token: canary-token-plain}}}\n"
        "heartbeat: {url: 'https://hook.example/canary-url'}\n"
        "database: {dsn: 'postgresql://u:canary-dsn@h/d', password_file: dbpassword}\n"
    )
    assert secrets_of(load_settings(file, {})) == {
        "canary-plain",
        "canary-file",
        "canary-token-0123456789",
        "canary-token-plain",
        "https://hook.example/canary-url",
        "canary-dsn",
        "canary-database",
    }


def test_no_secret_is_in_any_representation(write):
    file = write(
        "sources: [{name: a, username: u, password: canary-plain}]\n"
        "http: {webhooks: {cs: {token: canary-token-plain}}}\n"
        "heartbeat: {url: 'https://hook.example/canary-url'}\n"
        "database: 'postgresql://u:canary-dsn@h/d'\n"
    )
    settings = load_settings(file, {})
    assert "canary-" not in repr(settings) + str(settings)


def test_a_key_file_is_read_at_start_and_says_what_is_wrong_with_it_and_no_key(write):
    key = "ca0a17ca0a17ca0a17ca0a17ca0a17ca"
    keys = write(f"'12345678': {key}\n12345679: {key[:-1]}\n", "keys.yaml")
    keys.chmod(0o600)
    file = write("meter_keys_file: keys.yaml\n")
    [wrong] = problems(file)
    assert f"{file}:1: meter_keys_file: line 2: a key of 32 hex digits" in wrong
    keys.chmod(0o644)
    [open_to_others] = problems(file)
    assert "mode 0600" in open_to_others
    assert "ca0a" not in wrong + open_to_others
    keys.write_text(f"'12345678': {key}\n")
    keys.chmod(0o600)
    settings = load_settings(file, {})
    assert settings.read_meter_keys().find("12345678") == bytes.fromhex(key)
    assert "ca0a" not in repr(settings)
