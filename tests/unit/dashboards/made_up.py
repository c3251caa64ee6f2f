"""A reading kind that no engineer has added yet, with a quantity of every nature."""

from typing import Annotated

from decoders.quantities import Nature, Quantity
from decoders.readings import Reading


class RiverGauge(Reading):
    """How high a brook stands at a bridge."""

    kind = "river_gauge"
    title = "Pegel"

    level: Annotated[float | None, Quantity("m", "water level above the gauge's zero", "Wasserstand", low=-1)] = None
    rain: Annotated[
        float | None, Quantity("mm", "rain since the start of the sensor", "Regen", Nature.COUNTER, low=0)
    ] = None
    gate_open: Annotated[bool | None, Quantity("", "the sluice gate is open", "Wehr offen", Nature.STATE)] = None
    trend: Annotated[str | None, Quantity("", "rising, falling or steady", "Tendenz", Nature.STATE)] = None
