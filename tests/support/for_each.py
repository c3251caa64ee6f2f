"""Many small cases in one test that names every case that fails: a test each costs pytest a hundred times the check.

@for_each(CASES)
def test_something(case):
    assert case.holds
"""

import traceback
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")


def for_each(cases: Iterable[T], name: Callable[[T], str] = str) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Make a check of one case a test of all of them, which goes on after a failure and tells each with its name.

    Raises:
        ValueError: there is no case, so that nothing would be tested.
    """
    listed = list(cases)
    if not listed:
        raise ValueError("no cases")

    def decorate(check: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            failures = [failure for case in listed for failure in _failures(check, case, name)]
            if failures:
                counted = f"{len(failures)} of {len(listed)} cases fail"
                pytest.fail("\n\n".join([counted, *failures]), pytrace=False)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate


def _failures(check: Callable[[T], None], case: T, name: Callable[[T], str]) -> Iterable[str]:
    try:
        check(case)
    except (Exception, pytest.fail.Exception) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = "".join(traceback.format_exception_only(error)).rstrip()
        yield f"{name(case)}: {what}\n    at {place.filename}:{place.lineno}"
