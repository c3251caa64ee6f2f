"""What every kind of rule can be told in the configuration."""

import hashlib
import json
from collections.abc import Set
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from alerts.calendar import ALWAYS, Hours
from alerts.durations import Duration
from alerts.model import Severity


class RuleSettings(BaseModel):
    """Settings that all rules share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    NOT_JUDGING: ClassVar[frozenset[str]] = frozenset({"enabled", "hours", "escalate_after", "repeat_after"})

    kind: str = Field(description="what sort of rule it is")
    enabled: bool = Field(default=True, description="false: not evaluated; its open alerts stay as they are")
    hours: tuple[Hours, ...] = Field(
        default=ALWAYS,
        description="when people are told; alerts of other hours are told when these begin; default: always",
    )
    escalate_after: Duration | None = Field(
        default=None, description="tell the escalation channels when nobody acknowledged in so much time of `hours`"
    )
    repeat_after: Duration | None = Field(
        default=None, description="tell again when so much time of `hours` passed and nobody acknowledged"
    )

    @property
    def version(self) -> str:
        """A short digest of what its judgement depends on."""
        judging = self.model_dump(exclude=set(self.NOT_JUDGING))
        return hashlib.sha256(json.dumps(judging, sort_keys=True, default=_written).encode()).hexdigest()[:12]


class GradedSettings(RuleSettings):
    """Settings of rules whose alerts are all equally urgent."""

    severity: Severity = Field(default=Severity.WARNING, description="how urgent its alerts are")


def _written(value: object) -> object:
    """What JSON has no form for; sets in an order that is the same in every process."""
    return sorted(map(str, value)) if isinstance(value, Set) else str(value)
