"""Problems of a settings model with the key of each, so that one look at the configuration shows all of them.

A validator that raises `ValueError` names its own model only; these errors name the keys below it.
"""

from collections.abc import Iterable

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Told = tuple[tuple[str | int, ...], str]
"""A key below the model, and what is wrong with it."""


def refused(model: str, told: Iterable[Told], beside: ValidationError | None = None) -> ValidationError:
    """The problems as one error, together with those that pydantic has found itself."""
    found = [] if beside is None else [_again(error) for error in beside.errors(include_url=False)]
    ours = [
        InitErrorDetails(type=PydanticCustomError("value_error", "{error}", {"error": text}), loc=key, input=None)
        for key, text in told
    ]
    return ValidationError.from_exception_data(model, [*found, *ours])


def _again(error: ErrorDetails) -> InitErrorDetails:
    """An error as it is, in the form in which it can be raised."""
    context = error.get("ctx", {})
    if error["type"] in ("value_error", "assertion_error"):
        kind = PydanticCustomError("value_error", "{error}", {"error": str(context.get("error", error["msg"]))})
        return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])
    return InitErrorDetails(type=error["type"], loc=error["loc"], input=error["input"], ctx=context)
