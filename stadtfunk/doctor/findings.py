"""What a check found: whether it is well, what is wrong, and what mends it, as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from stadtfunk.messages import translated


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and can hurt some day."""
    PROBLEM = "problem"
    """It does not work, or data can be lost."""


class Subject(StrEnum):
    """What findings are about, in the order in which they are shown."""

    CONFIGURATION = "configuration"
    SOFTWARE = "software"
    SERVICE = "service"
    BROKER = "broker"
    DATABASE = "database"
    SPOOL = "spool"
    DISK = "disk"
    FILES = "files"
    CERTIFICATES = "certificates"
    CLOCK = "clock"
    CHARGING = "charging"
    PORTAL = "portal"


@dataclass(frozen=True, slots=True)
class Sentence:
    """An English template and what fills it; the catalogue has its German form."""

    template: str
    details: Mapping[str, object]

    def __str__(self) -> str:
        """In English, for programs."""
        return self.template.format_map(self.details)

    @property
    def shown(self) -> str:
        """In the user's language, sentences among the details, too."""
        details = {name: one.shown if isinstance(one, Sentence) else one for name, one in self.details.items()}
        return translated(self.template).format_map(details)


def said(template: str, /, **details: object) -> Sentence:
    """A sentence; `template` is a literal, so that a test can look for its German form."""
    return Sentence(template, details)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        check: the closed word of what was looked at, such as `queue`.
        about: which of several: the name of a source, the key of a setting; empty where there is one only.
        mend: what to do; None where all is well.
    """

    subject: Subject
    check: str
    level: Level
    what: Sentence
    mend: Sentence | None = None
    about: str = ""

    def as_object(self) -> dict[str, str]:
        """Plain JSON values, in English."""
        mend = "" if self.mend is None else str(self.mend)
        return {
            "subject": self.subject,
            "check": self.check,
            "about": self.about,
            "level": self.level,
            "what": str(self.what),
            "mend": mend,
        }


@dataclass(slots=True)
class Findings:
    """Collects what one check finds; a list that is written in three words."""

    subject: Subject
    about: str = ""
    found: list[Finding] = field(default_factory=list)

    def well(self, check: str, what: Sentence) -> None:
        """It is as it should be."""
        self.found.append(Finding(self.subject, check, Level.OK, what, None, self.about))

    def warn(self, check: str, what: Sentence, mend: Sentence) -> None:
        """It works, and can hurt some day."""
        self.found.append(Finding(self.subject, check, Level.WARNING, what, mend, self.about))

    def wrong(self, check: str, what: Sentence, mend: Sentence) -> None:
        """It does not work, or data can be lost."""
        self.found.append(Finding(self.subject, check, Level.PROBLEM, what, mend, self.about))


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among `findings`; well when there are none."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.PROBLEM, Level.WARNING) if level in levels), Level.OK)
