"""An uplink as queries read it: one list of columns, from which the `Uplink` is made that a decoder takes."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from decoders.uplink import Uplink, UplinkFlag


class UplinkRow(NamedTuple):
    """The columns, in the order in which statements name them."""

    dev_eui: str
    name: str
    profile: str
    application: str
    tags: Mapping[str, str]
    source: str
    f_cnt: int
    f_port: int
    flags: int
    dev_addr: str
    data_rate: str
    frequency: int
    ns_time: datetime
    event_time: datetime | None
    received_at: datetime
    payload: bytes

    def uplink(self) -> Uplink:
        """The uplink, without the receptions, which no decoder looks at."""
        return Uplink(
            source=self.source,
            dev_eui=self.dev_eui,
            f_cnt=self.f_cnt,
            f_port=self.f_port,
            payload=self.payload,
            ns_time=self.ns_time,
            received_at=self.received_at,
            dev_addr=self.dev_addr,
            data_rate=self.data_rate,
            frequency=self.frequency,
            event_time=self.event_time,
            flags=UplinkFlag(self.flags),
            device_name=self.name,
            device_profile=self.profile,
            application=self.application,
            tags=self.tags,
        )
