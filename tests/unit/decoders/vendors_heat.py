"""What vendors of heat meters call our fields; see `test_vectors`."""

FIELDS = {
    "zenner_zelsius": {
        "day_value": "energy",
        "day_value_ch0": "energy",
        "current_value": "energy",
        "energy": "energy",
        "cooling": "cooling_energy",
        "volume": "volume",
        "key_value": "energy_due_date",
        "monthly_value_ch0": "energy_due_date",
        "battery_voltage_mV": "battery_voltage",
        "firmware_version": "firmware",
    },
    "sontex_supercal": {
        "heat_energy": "energy",
        "0_0_0_energy_Wh": "energy",
        "energyTotalizerTariff0": "energy",
        "volume": "volume",
        "volumeTotalizerTariff0": "volume",
        "0_0_0_volume_m³": "volume",
        "energy_totalizer_cooling": "cooling_energy",
        "energyTotalizerTariff1": "cooling_energy",
        "energy_totalizer_heating_at_target_day": "energy_due_date",
        "20_0_0_energy_Wh": "energy_due_date",
        "high_temperature": "flow_temperature",
        "0_0_0_supply_temperature_°C": "flow_temperature",
        "low_temperature": "return_temperature",
        "0_0_0_return_temperature_°C": "return_temperature",
        "flow": "flow",
        "0_0_0_flow_m³/h": "flow",
        "power": "power",
        "0_0_0_power_W": "power",
    },
    "axioma_qalcosonic_e3": {},
}
FACTORS = {
    "battery_voltage_mV": 0.001,
    "0_0_0_energy_Wh": 0.001,
    "20_0_0_energy_Wh": 0.001,
    "0_0_0_power_W": 0.001,
}
