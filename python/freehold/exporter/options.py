"""The exporter's defaults, apart from its code so that the command's help costs nothing."""

DEFAULT_LISTEN = "127.0.0.1:9400"
"""Loopback, and the port of dcgm-exporter."""

DEFAULT_INTERVAL = 5.0
"""Seconds. NVML's own utilisation and power are averages over up to a second; dashboards look at minutes."""
