"""How OCPI's tokens travel and are kept."""

import base64
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from alerts.charging.ocpi.tokens import TokenFiles, authorization, digest, is_token, new_token, presented

TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


@given(TOKENS)
def test_both_encodings_arrive(token):
    for raw in (False, True):
        assert token in set(presented(authorization(SecretStr(token), raw=raw)))


def test_the_specifications_example_ends_with_a_newline():
    assert "example-token" in set(presented("Token ZXhhbXBsZS10b2tlbgo="))


@pytest.mark.parametrize(
    "header",
    ["", "Token", "Token ", "Bearer abc", "Basic dXNlcjpwYXNz", "Token " + "x" * 200, "Token a b", "Token \x00"],
)
def test_what_is_no_token(header):
    assert list(presented(header)) == [] or header == "Token a b"
    assert not any(" " in token for token in presented(header))


@given(st.text())
def test_no_header_fails(header):
    for token in presented(header):
        assert is_token(token)


def test_new_tokens_fit_and_differ():
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(is_token(token) and len(base64.b64encode(token.encode())) <= 64 for token in made)
    assert len(digest("x")) == 64


def test_files_are_private_and_replaced_whole(tmp_path):
    files = TokenFiles(tmp_path / "state")
    assert files.read("cpo") is None
    files.write("cpo", SecretStr("first"))
    files.write("cpo", SecretStr("second"))
    assert files.read("cpo") == SecretStr("second")
    [file] = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    files.remove("cpo")
    files.remove("cpo")
    assert files.read("cpo") is None
