"""What vendors of wireless M-Bus gateways and meters call our fields; see `test_vectors`."""

FIELDS = {
    "lobaro_wmbus": {"Vbat": "battery_voltage", "Temp": "device_temperature"},
    "kamstrup_multical": {},  # one value per time: test_kamstrup compares them
}
