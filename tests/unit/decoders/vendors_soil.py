"""What the vendors of soil probes call our fields: `field`, or `field@channel` for all channels but the first."""

_DRAGINO = {
    "BatV": "battery_voltage",
    "BAT": "battery_voltage",
    "FIRMWARE_VERSION": "firmware",
    "temp_DS18B20": "air_temperature",
    "water_SOIL": "soil_moisture",
    "temp_SOIL": "soil_temperature",
    "conduct_SOIL": "conductivity",
    "Soil_dielectric_constant": "permittivity",
}
_DRAGINO_PROBE = ("water_SOIL", "temp_SOIL", "conduct_SOIL", "Soil_dielectric_constant")
_DECENTLAB = {
    "battery_voltage": "battery_voltage",
    "volumetric_water_content": "soil_moisture",
    "soil_temperature": "soil_temperature",
    "electrical_conductivity": "conductivity",
    "dielectric_permittivity": "permittivity",
    "water_potential": "soil_tension",
}

FIELDS = {
    "dragino_lse01": _DRAGINO | {"Bat": "battery_voltage", "TempC_DS18B20": "air_temperature"},
    "dragino_se01_lb": _DRAGINO,
    "dragino_se02_lb": _DRAGINO | {f"{name}2": f"{_DRAGINO[name]}@1" for name in _DRAGINO_PROBE},
    "dragino_se0x_lb": _DRAGINO
    | {
        f"{name}{number}": _DRAGINO[name] + (f"@{number - 1}" if number > 1 else "")
        for name in _DRAGINO_PROBE
        for number in range(1, 5)
    },
    "milesight_em500_smtc": {
        "battery": "battery_level",
        "temperature": "soil_temperature",
        "moisture": "soil_moisture",
        "humidity": "soil_moisture",
        "electricity": "conductivity",
        "ec": "conductivity",
    },
    "decentlab_dl_trs11": _DECENTLAB,
    "decentlab_dl_trs12": _DECENTLAB,
    "decentlab_dl_trs21": _DECENTLAB,
    "decentlab_dl_5tm": _DECENTLAB,
    "decentlab_dl_smtp": {
        "battery_voltage": "battery_voltage",
        **{
            f"{theirs}_at_depth_{depth}": ours + (f"@{depth}" if depth else "")
            for theirs, ours in (("soil_moisture", "moisture_index"), ("soil_temperature", "soil_temperature"))
            for depth in range(8)
        },
    },
    "sensefarm_cube02": {
        "voltage 0": "battery_voltage",
        **{
            f"{theirs} {index}": ours + (f"@{index}" if index else "")
            for theirs, ours in (
                ("resistance", "resistance"),
                ("soil_moisture", "reported_tension"),
                ("temperature", "soil_temperature"),
            )
            for index in range(2)
        },
    },
    "sensecap_s210x": {
        "battery": "battery_level",
        "softwareVersion": "firmware",
        "measurement 4097": "air_temperature",
        "measurement 4098": "air_humidity",
        "measurement 4102": "soil_temperature",
        "measurement 4103": "soil_moisture",
        "measurement 4108": "conductivity",
    },
    "tektelic_agri": {
        "battery_voltage": "battery_voltage",
        "rem_batt_capacity": "battery_level",
        "ambient_temperature": "air_temperature",
        "ambient_relative_humidity": "air_humidity",
        "relative_humidity": "air_humidity",
        "mcu_temperature": "device_temperature",
        "input1_frequency_to_moisture": "moisture_by_mass",
        "Input2_voltage_to_temp": "soil_temperature",
        "watermark1_tension": "soil_tension@1",
        "watermark2_tension": "soil_tension@2",
        "Input3_voltage_to_temp": "soil_temperature@3",
        "Input3_temperature": "soil_temperature@3",
        "Input4_voltage_to_temp": "soil_temperature@4",
        "Input4_temperature": "soil_temperature@4",
    },
}

FACTORS = {
    "volumetric_water_content": 100,
    "water_potential": -1,
    "resistance 0": 0.001,
    "resistance 1": 0.001,
    "measurement 4108": 1000,
    "input1_frequency_to_moisture": 100,
}
"""From their units to ours."""
