"""The metrics door: exporters listen on loopback; this lets the monitor and the control host in, by certificate."""
