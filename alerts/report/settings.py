"""Settings of the monthly report."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReportSettings(BaseModel):
    """The monthly report about charging bays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authority: str = Field(default="Straßenverkehrsbehörde", max_length=80, description="who publishes the report")
    suppress_below: int = Field(
        default=3, ge=0, le=100, description="public version: smaller numbers of cases of one site are kept secret"
    )
    decimal: Literal["comma", "point"] = Field(
        default="comma", description="decimal sign in CSV files; a German Excel expects the comma"
    )
    patrol_hours: int = Field(default=2, ge=1, le=12, description="hours of a suggested patrol")
    patrol_months: int = Field(
        default=3, ge=1, le=12, description="months that patrols are suggested from, the report's month included"
    )
