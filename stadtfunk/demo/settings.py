"""Settings of the simulated city: every number of its behaviour is a field here, with the calibrated default.

The defaults make a city like Mainz with demonstration values; none of them is a promise about coverage,
watering or consumption. The same settings always give the same messages.
"""

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DemoModel(BaseModel):
    """The common base: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RadioSettings(DemoModel):
    """Path loss (Hata, city), shadowing, demodulation and the network server's choice of data rate."""

    frequency_mhz: float = 868.0
    device_height_m: float = 1.0
    least_distance_m: float = 50.0
    transmit_power_dbm: float = 14.0
    gateway_antenna_gain_db: float = 2.0
    device_antenna_loss_db: float = 1.0
    link_shadowing_db: float = Field(8.0, description="standard deviation, fixed for each device and gateway")
    packet_fading_db: float = Field(4.5, description="standard deviation, drawn for each packet")
    noise_dbm: float = Field(-117.0, description="125 kHz with a noise figure of 6 dB")
    highest_snr_db: float = 12.0
    demodulation_loss_db: float = 2.0
    collision_probability: float = 0.01
    adr_bonus_db: float = Field(3.0, description="by how much the best of 20 packets exceeds the median")
    adr_margin_db: float = 10.0
    tree_loss_db: float = 6.0
    bay_loss_db: float = 12.0
    car_loss_db: tuple[float, float] = Field((15.0, 25.0), description="added while a car covers the sensor")
    staged_car_loss_db: float = Field(3.0, description="the same for cars of scenes, so that people see what they do")
    meter_losses_db: tuple[float, ...] = Field((15.0, 22.0, 28.0, 34.0), description="basements, equally likely")


class WeatherSettings(DemoModel):
    """Daily mean temperature with persistence, diurnal swing, rain."""

    mean_c: float = 11.0
    annual_swing_c: float = 9.5
    warming_begins_day: int = Field(112, description="day of the year on which the annual wave passes its mean")
    persistence: float = 0.75
    anomaly_c: float = Field(3.2, description="standard deviation of the daily anomaly")
    diurnal_swing_c: float = 4.0
    warmest_hour: int = 15
    wet_day_probability: float = 0.42
    wet_day_mm: float = 4.0
    wet_day_shape: float = Field(0.7, description="shape of the gamma distribution of a wet day's rain")
    longest_rain_hours: int = 8
    latitude: float = 50.0


class SoilClass(DemoModel):
    """van Genuchten parameters (Carsel and Parrish 1988): water contents as fractions, `alpha` in 1/cm."""

    residual: float
    saturated: float
    alpha: float
    n: float


SOILS = {
    "loamy sand": SoilClass(residual=0.057, saturated=0.41, alpha=0.124, n=2.28),
    "sandy loam": SoilClass(residual=0.065, saturated=0.41, alpha=0.075, n=1.89),
    "loam": SoilClass(residual=0.078, saturated=0.43, alpha=0.036, n=1.56),
    "silt loam": SoilClass(residual=0.067, saturated=0.45, alpha=0.020, n=1.41),
    "tree substrate": SoilClass(residual=0.03, saturated=0.38, alpha=0.08, n=1.45),
}


class TreeSettings(DemoModel):
    """Trees, their probes, the water balance of their soil and its watering."""

    trees: int = Field(300, ge=0, description="trees of the city; as many probes stand at two thirds of them")
    deep_share: float = Field(1 / 6, ge=0, le=1 / 3, description="trees with three probes, at 30, 60 and 90 cm")
    depths_cm: tuple[int, int, int] = (30, 60, 90)
    layers_mm: tuple[float, float, float] = (450.0, 300.0, 250.0)
    root_uptake: tuple[float, float, float] = (0.5, 0.3, 0.2)
    soil_temperature_days: tuple[float, float, float] = Field((1.5, 5.0, 12.0), description="time constants")
    soils: dict[str, SoilClass] = Field(default_factory=lambda: dict(SOILS))
    field_capacity_kpa: float = 6.3
    wilting_point_kpa: float = 1500.0
    stress_below_nfk: float = Field(0.5, description="share of usable water below which roots take up less")
    crop_coefficients: tuple[float, ...] = Field(
        (0.15, 0.15, 0.2, 0.3, 0.45, 0.6, 0.7, 0.65, 0.5, 0.3, 0.2, 0.15), min_length=12, max_length=12
    )
    rain_share: tuple[float, float] = Field((0.5, 0.9), description="share of the rain that reaches the roots")
    drainage_per_hour: float = 0.15
    watered_until_year: int = Field(8, description="standing year up to which crews water a tree")
    watering_mm: float = Field(67.0, description="100 l on 1.5 m2")
    watering_below_nfk: float = 0.35
    watering_probability: float = Field(0.4, description="for a dry young tree, on each day of the season")
    season_months: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10)
    uplinks_per_day_in_season: int = 24
    uplinks_per_day_in_winter: int = 8
    moisture_noise: float = Field(0.01, description="relative standard deviation of a water content reading")
    lag_minutes: float = 30.0
    ice_share: float = Field(0.65, description="share of the water that a probe no longer sees in frozen soil")
    stuck_share: float = Field(0.01, description="probes that repeat one value for ever")
    read_failure_probability: float = Field(0.002, description="per uplink of a probe that reports such failures")


class BuildingType(DemoModel):
    """One class of buildings: `loss_kw_per_k` is the heat demand per kelvin below the heating limit."""

    share: float
    loss_kw_per_k: float
    hot_water_kw: float


class HeatSettings(DemoModel):
    """Heat meters: demand, temperatures and what goes wrong with substations and meters."""

    meters: int = Field(3000, ge=0)
    uplinks_per_day: int = 24
    buildings: dict[str, BuildingType] = Field(
        default_factory=lambda: {
            "EFH": BuildingType(share=0.55, loss_kw_per_k=0.2, hot_water_kw=0.4),
            "MFH": BuildingType(share=0.40, loss_kw_per_k=1.6, hot_water_kw=4.0),
            "large": BuildingType(share=0.05, loss_kw_per_k=13.0, hot_water_kw=20.0),
        }
    )
    size_spread: float = Field(0.25, description="standard deviation of the log of a building's size in its class")
    heating_limit_c: float = 16.0
    night_setback: float = 0.15
    night_hours: tuple[int, ...] = (22, 23, 0, 1, 2, 3, 4)
    hot_water_peaks: tuple[int, int] = (7, 19)
    supply_base_c: float = 75.0
    supply_slope: float = 1.75
    supply_slope_below_c: float = 10.0
    supply_highest_c: float = 110.0
    return_c: tuple[float, float] = (45.0, 51.0)
    heat_capacity: float = Field(1.143, description="kWh per m3 and K at about 60 degrees")
    power_noise: float = 0.08
    high_return_share: float = 0.06
    high_return_k: float = 15.0
    bypass_share: float = 0.01
    reverse_share: float = 0.005
    stuck_share: float = 0.003
    exchanges_per_meter_month: float = 1 / 400
    no_contact_probability: float = Field(0.002, description="per meter and day: some hours of error-state records")


class ParkingSettings(DemoModel):
    """Arrivals, stays and charging at the charging bays (a thinned non-homogeneous Poisson process)."""

    bays: int = Field(21, ge=0, description="bays of the city file in use; with `scale` below 1 fewer of them")
    arrivals_per_day: float = 2.5
    hourly_weights: tuple[float, ...] = Field(
        (0.15,) * 6 + (0.4, 0.9, 1.6, 1.6, 1.2, 1.2, 1.6, 1.6, 1.1, 1.0, 1.2, 1.6, 1.6, 1.5, 1.0, 0.6, 0.4, 0.25),
        min_length=24,
        max_length=24,
    )
    saturday_factor: float = 1.2
    sunday_factor: float = 0.7
    charging_share: float = 0.70
    unplugged_share: float = Field(0.06, description="electric cars that do not plug in")
    short_stop_share: float = 0.12
    combustion_share: float = 0.08
    delivery_share: float = 0.04
    plug_lag_median_min: float = 2.5
    plug_lag_spread: float = 0.7
    charge_median_h: float = 2.2
    charge_spread: float = 0.6
    stays_plugged_share: float = 0.75
    stays_plugged_mean_h: float = 1.1
    unplugs_and_stays_share: float = 0.03
    unplugs_and_stays_mean_h: float = Field(0.33, description="fitted to 0.4 such stays over 15 min a day")
    unplugged_median_h: float = 1.0
    unplugged_spread: float = 0.9
    short_stop_min: tuple[float, float] = (2.0, 10.0)
    combustion_median_min: float = 45.0
    combustion_spread: float = 0.8
    delivery_min: tuple[float, float] = (2.0, 18.0)
    backend_delay_s: tuple[float, float] = (5.0, 60.0)
    lost_push_probability: float = 0.01
    fault_share: float = Field(0.015, description="share of the time in which a charge point is out of order")
    fault_mean_h: float = 6.0
    link_outages_per_day: float = Field(0.1, description="outages of the charge-point operator's link")
    link_outage_mean_min: float = 40.0
    heartbeat_minutes: int = 60
    flapping_per_bay_day: float = 1 / 60
    flapping_changes: int = 6


class FaultSettings(DemoModel):
    """Faults of the network and of single devices; 0 switches one off."""

    gateway_outages_per_month: float = 1.0
    gateway_outage_hours: tuple[float, float] = (2.0, 8.0)
    backhaul_outages_per_month: float = Field(0.7, description="the gateway keeps the uplinks and sends them late")
    backhaul_outage_hours: tuple[float, float] = (0.5, 6.0)
    late_uplinks_per_second: float = 50.0
    redelivery_probability: float = Field(5e-4, description="the same event is published twice")
    second_event_probability: float = Field(0.01, description="late gateway copy of a device without counter check")
    abp_share: float = Field(0.05, description="trees without over-the-air activation and without counter check")
    abp_resets_per_month: float = 1.0
    rejoins_per_month: float = 1 / 6
    gps_fault_probability: float = Field(0.01, description="per gateway and day: nonsense times from its receiver")
    clock_fault_probability: float = Field(0.01, description="per gateway and day: its clock is 35 minutes ahead")
    unsynced_after_outage: float = Field(0.3, description="statistics of 2012 after a restart without network time")
    garbage_probability: float = Field(1e-4, description="random or truncated payloads")
    mac_only_probability: float = 5e-4


class NetworkSettings(DemoModel):
    """What the network server and the gateways publish beside uplinks."""

    tenant_name: str = "Stadt Mainz"
    region: str = "eu868"
    stats_seconds: int = Field(30, description="interval of gateway statistics in the live stream")
    history_stats_seconds: int = Field(240, description="the same in the history: below the 5 minutes of `offline`")
    status_per_day: bool = True
    confirmed_share: float = Field(0.05, description="heat meters that send confirmed uplinks")
    foreign_packets_per_minute: float = Field(2.0, description="other people's devices, in gateway statistics only")
    collection_window_ms: int = Field(200, description="time in which copies of a frame are merged")


class DemoSettings(DemoModel):
    """The whole simulated city."""

    seed: int = Field(7, ge=0)
    scale: float = Field(1.0, gt=0, le=20, description="multiplies trees and meters; below 1 the bays too")
    installed_on: date = Field(date(2026, 1, 1), description="the simulation starts here, whatever is asked for")
    without_gateways: tuple[str, ...] = Field((), description="names of gateways to leave out: white spots appear")
    started_at: tuple[datetime, ...] = Field((), description="when the demo was started; scenes are played around it")
    burst_minutes: float = Field(8.0, ge=0, description="the live stream starts with at least these last minutes")
    radio: RadioSettings = RadioSettings()
    weather: WeatherSettings = WeatherSettings()
    trees: TreeSettings = Field(default_factory=TreeSettings)
    heat: HeatSettings = Field(default_factory=HeatSettings)
    parking: ParkingSettings = ParkingSettings()
    faults: FaultSettings = FaultSettings()
    network: NetworkSettings = NetworkSettings()

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        parking = self.parking
        stays = (
            parking.charging_share,
            parking.unplugged_share,
            parking.short_stop_share,
            parking.combustion_share,
            parking.delivery_share,
        )
        buildings = [building.share for building in self.heat.buildings.values()]
        for name, shares in (("parking shares", stays), ("heat.buildings shares", buildings)):
            if abs(sum(shares) - 1) > 1e-6:
                raise ValueError(f"{name}: expected a sum of 1, got {sum(shares):.3f}")
        return self


WHITE_SPOTS = ("Laubenheim", "Ebersheim Wasserturm", "Drais", "Marienborn")
"""Gateways whose absence makes coverage gaps visible: `without_gateways=WHITE_SPOTS`."""
