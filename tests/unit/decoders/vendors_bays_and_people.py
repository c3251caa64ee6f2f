"""What vendors of parking sensors and people counters call our fields; `@n` is the channel of a reading."""

_NWAVE = {"occupied": "occupied", "temperature": "device_temperature", "battery_voltage": "battery_voltage"}
_LIBELIUM = {
    "parking_slot_status": "occupied",
    "temperature": "device_temperature",
    "battery_state": "battery_low",
}
_FLOW = {"count_in": "entered", "count_out": "exited", "cmd.value.software_version": "firmware"}
_PASSAGE = {
    "total_in": "entered",
    "total_out": "exited",
    "period_in": "entered_period",
    "period_out": "exited_period",
    "battery": "battery_level",
    "battery_main": "battery_level",
    "battery_node": "battery_level@1",
    "temperature": "device_temperature",
}
_LINES = {
    f"line_{line}{dot}{theirs}": f"{ours}@{line}"
    for line in range(1, 5)
    for dot in "._"
    for theirs, ours in (
        ("total_in", "entered"),
        ("total_out", "exited"),
        ("period_in", "entered_period"),
        ("period_out", "exited_period"),
    )
}
_AREAS = {
    f"region_{area}{theirs}": f"{ours}@{10 + area}"
    for area in range(1, 17)
    for theirs, ours in (("_count", "present"), ("_avg_dwell", "dwell_average"), ("_max_dwell", "dwell_longest"))
}
_WAYS = {
    f"{start}_to_{end}": f"{'entered' if start <= end else 'exited'}_period@2{min(i, j)}{max(i, j)}"
    for i, start in enumerate("abcd", start=1)
    for j, end in enumerate("abcd", start=1)
}

FIELDS = {
    "nwave_nps310": _NWAVE,
    "nwave_ncc405": _NWAVE | {"counter_value": "vehicles"},
    "pni_placepod": {
        "parking_status": "occupied",
        "vehicle_count": "vehicles",
        "battery": "battery_voltage",
        "temperature": "device_temperature",
    },
    "libelium_smart_parking": _LIBELIUM,
    "libelium_smart_parking_v3": _LIBELIUM,
    "tekzitel_tekzipark": {"occupied": "occupied", "Temperature": "device_temperature", "Obstruction": "blocked"},
    "parametric_pcr2": {
        "left_to_right": "entered_period",
        "LTR": "entered_period",
        "right_to_left": "exited_period",
        "RTL": "exited_period",
        "left_to_right_sum": "entered",
        "LTR_SUM": "entered",
        "right_to_left_sum": "exited",
        "RTL_SUM": "exited",
        "cpu_temp": "device_temperature",
        "TEMP": "device_temperature",
        "Firmware": "firmware",
        "solar_battery": "battery_level",
    },
    "imbuildings_people_counter": {
        "counter_a": "entered_period",
        "counter_b": "exited_period",
        "total_counter_a": "entered",
        "total_counter_b": "exited",
        "battery_voltage": "battery_voltage",
    },
    "terabee_pc_l_xl": _FLOW,
    "terabee_tb_pcm": _FLOW,
    "terabee_tb_poc": {"zone_global": "present"} | {f"zone_{zone}": f"present@{zone + 1}" for zone in range(8)},
    "terabee_lm_xl": {"batteryVoltage": "battery_voltage"},
    "xter_connect": {f"pio{number}": f"entered_period@{number}".removesuffix("@0") for number in range(4)},
    "milesight_vs121": {
        "people_count_all": "present",
        "people_count_max": "present_peak",
        "people_in": "entered_period",
        "people_out": "exited_period",
        "firmware_version": "firmware",
    }
    | {f"region_{area}": f"occupied@{10 + area}" for area in range(1, 17)}
    | _AREAS
    | _WAYS,
    "milesight_vs132": {
        "total_counter_in": "entered",
        "total_counter_out": "exited",
        "periodic_counter_in": "entered_period",
        "periodic_counter_out": "exited_period",
        "firmware_version": "firmware",
    },
    "milesight_vs13x": _LINES | _AREAS,
    "milesight_vs330": {"battery": "battery_level"},
    "milesight_vs350": _PASSAGE,
}

FACTORS = {"batteryVoltage": 0.001}
