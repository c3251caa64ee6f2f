"""The operators' dashboards as code: what a module here describes becomes a file in config/grafana/dashboards.

A development tool like `benchmarks`: it is not shipped, and may read what every room knows about itself.
`python -m dashboards` (`make dashboards`) writes the files.
"""
