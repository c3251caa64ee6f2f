"""Speed of the main job, measured on real parts; `make bench` runs it."""
