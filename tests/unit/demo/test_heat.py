"""Heat meters through the day: demand, registers, and each fault that a utility has to find."""

from itertools import pairwise

import numpy as np
import pytest

from decoders.readings import HeatMeter, QualityFlag
from decoders.registry import Registry
from decoders.uplink import Uplink
from stadtfunk.demo.city import CityDay, DemoCity
from stadtfunk.demo.clock import HOUR, day_number, day_of, moment
from stadtfunk.demo.device import Floats
from stadtfunk.demo.heat import HeatMeters, hot_water_profile, supply_temperature
from stadtfunk.demo.meters import connect
from stadtfunk.demo.settings import DemoSettings, HeatSettings
from stadtfunk.demo.weather import DayWeather
from tests.unit.demo.support import SOUND_METERS, SUMMER, WINTER, one_day, perfect, settings

REGISTRY = Registry.load()


def steady(outside: float) -> DayWeather:
    return DayWeather(np.full(24, outside), np.full(24, outside), np.zeros(24), 0.0)


def heat_readings(city: DemoCity, city_day: CityDay) -> dict[int, list[HeatMeter]]:
    """All readings of the day's heat frames by device, lost ones included."""
    found: dict[int, list[HeatMeter]] = {}
    frames = city_day.frames
    for device, sent_at, port, payload in zip(
        frames.device.tolist(), frames.sent_at.tolist(), frames.f_port.tolist(), frames.payload, strict=True
    ):
        profile = city.devices[device].profile
        if profile.startswith("Elvaco"):
            at = moment(sent_at)
            uplink = Uplink("test", city.devices[device].dev_eui, 0, port, payload, ns_time=at, received_at=at)
            decoded = REGISTRY.profiles[profile.casefold()].decoder.decode(uplink)
            found.setdefault(device, []).extend(r for r in decoded.readings if isinstance(r, HeatMeter))
    return found


def days_of(of: DemoSettings, count: int) -> tuple[DemoCity, list[dict[int, list[HeatMeter]]]]:
    city = DemoCity(of)
    days = city.days(day_number(of.installed_on))
    return city, [heat_readings(city, next(days)) for _ in range(count)]


def operation_of(outside: float, building: str) -> tuple[Floats, Floats]:
    """Power and flow (hours) of the mean building of a class."""
    of = DemoSettings(scale=0.05, heat=HeatSettings(**SOUND_METERS, size_spread=0.0, return_c=(48.0, 48.0)))
    meters, stations = connect(of)
    operation = HeatMeters(of, meters, stations).operation(day_of(20_500), steady(outside))
    row = [meter.building for meter in meters].index(building)
    return operation.power[row], operation.flow[row]


def test_a_house_of_many_flats_at_zero_degrees():
    """29.6 kW with mean hot water by day; at 92.5 degrees supply and 48 return 0.58 m3/h."""
    power, flow = operation_of(0.0, "MFH")
    day_hours = [hour for hour in range(24) if day_of(20_500).local_hours[hour] in range(5, 22)]
    heating = (
        power[day_hours] - 4.0 * hot_water_profile(HeatSettings())[np.array(day_of(20_500).local_hours)[day_hours]]
    )
    assert heating + 4.0 == pytest.approx(29.6)
    assert flow / power == pytest.approx(0.59 / 29.6, rel=0.02)
    assert 0.55 < 29.6 * (flow / power)[0] < 0.62


def test_nights_are_set_back_and_hot_water_peaks_twice():
    power, _ = operation_of(0.0, "EFH")
    local = day_of(20_500).local_hours
    assert power[local.index(2)] < 0.9 * power[local.index(12)]
    profile = hot_water_profile(HeatSettings())
    assert profile.mean() == pytest.approx(1)
    assert sorted(np.argsort(profile)[-2:].tolist()) == [7, 19]


def test_no_heating_above_the_limit():
    power, _ = operation_of(20.0, "MFH")
    assert power.mean() == pytest.approx(4.0)


@pytest.mark.parametrize(("outside", "supply"), [(15, 75), (10, 75), (0, 92.5), (-10, 110), (-20, 110)])
def test_supply_temperature(outside, supply):
    assert supply_temperature(HeatSettings(), np.array([outside])) == pytest.approx([supply])


def test_every_meter_sends_hourly():
    of = settings()
    frames = one_day(of, payloads=False).frames
    heat = [device.profile.startswith("Elvaco") for device in DemoCity(of).devices]
    counts = np.bincount(frames.device, minlength=len(heat))[heat]
    assert set(counts.tolist()) == {24}
    gaps = np.diff(frames.sent_at[frames.device == np.flatnonzero(heat)[0]]) / HOUR
    assert gaps == pytest.approx(np.ones(23), abs=0.001)


def test_registers_go_on_and_agree_with_each_other():
    city, days = days_of(perfect(WINTER, scale=0.03), 3)
    buildings = {
        asset.probes[0].dev_eui: asset.attributes["building"] for asset in city.assets() if asset.kind == "meter"
    }
    for device in list(days[0])[::20]:
        readings = [reading for day in days for reading in day[device]]
        energy = [reading.energy for reading in readings]
        volume = [reading.volume for reading in readings]
        assert energy == sorted(energy)
        assert volume == sorted(volume)
        spread = np.mean([reading.flow_temperature - reading.return_temperature for reading in readings])
        drawn = volume[-1] - volume[0]
        step = 100 if buildings[city.devices[device].dev_eui] == "large" else 1
        assert energy[-1] - energy[0] == pytest.approx(1.143 * drawn * spread, rel=0.06, abs=2 * step)


def faulty(**changes: float) -> DemoSettings:
    return perfect(SUMMER, scale=0.01, heat=HeatSettings(**{**SOUND_METERS, **changes}))


def test_an_exchanged_meter_has_another_number_and_begins_at_zero():
    _, days = days_of(faulty(exchanges_per_meter_month=6.0), 6)
    exchanges = 0
    for device in days[0]:
        readings = [reading for day in days for reading in day[device]]
        for before, after in pairwise(readings):
            if before.subject != after.subject:
                exchanges += 1
                assert before.energy > 100 > after.energy
            else:
                assert after.energy >= before.energy
    assert exchanges > 5


def test_a_stuck_counter_stands_while_heat_flows():
    _, [day] = days_of(faulty(stuck_share=1.0), 1)
    for readings in day.values():
        assert len({reading.energy for reading in readings}) == 1
        assert all(reading.power > 0 for reading in readings)


def test_reverse_flow_at_night_is_negative():
    _, [day] = days_of(faulty(reverse_share=1.0), 1)
    for readings in day.values():
        backwards = [reading for reading in readings if reading.flow < 0]
        assert len(backwards) == 3
        assert all(reading.flow == pytest.approx(-0.018) and reading.power == 0 for reading in backwards)


def test_a_bypass_shows_as_flow_without_cooling():
    _, [sound] = days_of(faulty(), 1)
    _, [leaking] = days_of(faulty(bypass_share=1.0), 1)
    for readings in leaking.values():
        spread = [reading.flow_temperature - reading.return_temperature for reading in readings]
        assert np.mean(spread) < 8
    flows = [np.mean([r.flow for readings in day.values() for r in readings]) for day in (sound, leaking)]
    assert flows[1] > 3 * flows[0]


def test_a_high_return_is_fifteen_kelvin_higher():
    _, [day] = days_of(faulty(high_return_share=1.0), 1)
    for readings in day.values():
        assert 58 < np.mean([reading.return_temperature for reading in readings]) < 68


def test_some_hours_without_contact_give_no_values():
    _, [day] = days_of(faulty(no_contact_probability=1.0), 1)
    for readings in day.values():
        silent = [reading for reading in readings if reading.flags & QualityFlag.METER_ERROR]
        assert 3 <= len(silent) <= 5
        assert all(reading.energy is None for reading in silent)
