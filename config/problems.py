"""What is wrong with a configuration, as data: where, which key, what was expected, what was found.

All problems are collected before anything is said, so that one run tells everything. Texts are English templates;
whoever shows them may translate `template` and fill in `details`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

MESSAGES: Final = {
    # kinds of pydantic, under its own names
    "missing": "expected a value: {description}",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a smaller whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected a text; put it in quotes",
    "string_pattern_mismatch": "expected a text of the form {pattern}",
    "string_too_short": "expected a text of at least {min_length} characters",
    "string_too_long": "expected a text of at most {max_length} characters",
    "literal_error": "expected {expected}",
    "enum": "expected {expected}",
    "greater_than": "expected a number above {gt}",
    "greater_than_equal": "expected a number of at least {ge}",
    "less_than": "expected a number below {lt}",
    "less_than_equal": "expected a number of at most {le}",
    "union_tag_invalid": "expected {discriminator} to be one of {expected_tags}",
    "union_tag_not_found": "expected a value: {discriminator}",
    "time_parsing": "expected a time of day such as 07:30, in quotes",
    "time_delta_parsing": "expected a duration such as 30s, 10m, 2h or 7d",
    "time_delta_type": "expected a duration such as 30s, 10m, 2h or 7d",
    "dict_type": "expected a section with keys of its own",
    "model_type": "expected a section with keys of its own",
    "model_attributes_type": "expected a section with keys of its own",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "too_short": "expected at least {min_length} entries",
    "too_long": "expected at most {max_length} entries",
    "path_type": "expected a path",
    "value_error": "{error}",
    # our own
    "unknown_key": "unknown key; expected one of {known}",
    "similar_key": "unknown key; did you mean `{suggestion}`?",
    "unknown_variable": "unknown setting; did you mean `{suggestion}`?",
    "unknown_entry": "expected the number or the name of an entry; known names: {known}",
    "yaml": "expected valid YAML: {error}",
    "duplicate_key": "expected each key once; it stands in line {first} already",
    "not_a_section": "expected sections with keys, such as `sources:` and `database:`",
    "utf8": "expected a text file in UTF-8",
    "too_large": "expected a file of at most {limit} bytes",
    "too_complex": "expected at most {limit} values, nested at most {depth} deep",
    "unreadable": "expected a file that can be read: {error}",
    "nothing_to_receive": "expected at least one source, or one of http.webhooks",
    "other": "{error}",
}
"""Every text of a problem by its kind, as templates."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a file with its line (0 when unknown), or an environment variable."""

    name: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Attributes:
        key: dotted path of the setting, empty for the file as such.
        kind: key of `MESSAGES`.
        details: what fills the template.
        found: the value as written; empty when it is secret, too large or not there.
    """

    origin: Origin
    key: str
    kind: str
    details: Mapping[str, str] = field(default_factory=dict)
    found: str = ""

    @property
    def template(self) -> str:
        """The English template of the message; `details` fills it."""
        return MESSAGES[self.kind]

    @property
    def place(self) -> str:
        """File, line and key."""
        return f"{self.origin}: {self.key}" if self.key else str(self.origin)

    def __str__(self) -> str:
        found = f", found {self.found}" if self.found else ""
        return f"{self.place}: {self.template.format_map(self.details)}{found}"


class ConfigurationError(Exception):
    """The configuration is refused; holds every problem in order of file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(
            sorted(problems, key=lambda problem: (problem.origin.name, problem.origin.line, problem.key))
        )
        super().__init__("\n".join(map(str, self.problems)))


def unknown_key(origin: Origin, key: str, known: Sequence[str]) -> Problem:
    """An unknown key, with the nearest known one where one is near. The value is never shown: it may be a secret."""
    nearest = nearest_name(key.rpartition(".")[2], known)
    if nearest is not None:
        return Problem(origin, key, "similar_key", {"suggestion": nearest})
    return Problem(origin, key, "unknown_key", {"known": ", ".join(sorted(known))})


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that somebody who wrote `name` most likely meant."""
    matches = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return matches[0] if matches else None
