"""A test of many cases is as strong as one test for each: it names all that fail, and refuses to test nothing."""

import pytest

from tests.support.for_each import for_each


@for_each(["even", "ok"])
def test_cases_that_hold_pass(case):
    assert len(case) % 2 == 0


def test_every_failing_case_is_named_with_what_failed():
    @for_each([2, 3, 4, 0], name="number {}".format)
    def check(number):
        assert 12 // number % 2 == 0

    with pytest.raises(pytest.fail.Exception) as failed:
        check()
    told = str(failed.value)
    assert told.startswith("2 of 4 cases fail")
    assert "number 4: AssertionError" in told
    assert "number 0: ZeroDivisionError" in told
    assert "test_for_each.py:" in told


def test_no_cases_are_an_error():
    with pytest.raises(ValueError, match="no cases"):
        for_each([])
