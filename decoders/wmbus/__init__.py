"""Wireless M-Bus (EN 13757-4 frames, EN 13757-7 transport and security): from a telegram to a meter's records."""
