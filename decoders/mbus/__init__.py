"""M-Bus application layer records (EN 13757-3): what heat meters send, by wire, radio and LoRaWAN modules."""
