"""Encoders: what each simulated device sends, byte for byte as its maker documents it. One file per device family."""
