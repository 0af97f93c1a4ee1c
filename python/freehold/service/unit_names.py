"""Which systemd units of a node are Freehold's: patterns as ``systemctl`` takes them, in the one place that says so.

What runs where this cannot be imported (playbooks, roles, the program that a support bundle sends to a node) holds the
same words, and tests/repo/test_unit_names.py compares them.
"""

from __future__ import annotations

PACKAGED = ("prometheus*.service", "victoria*.service", "grafana*.service")
"""Programs of Debian's or the owner's packages that run under units of ours, in the sandbox of all services."""

NETWORK = ("fh-*",)
"""The wall and the tunnel. They are no services: nothing restarts them together with those."""

SERVICES = ("freehold-*", *PACKAGED)
"""What serves, watches or is started by a timer."""

EVERY = (*SERVICES, *NETWORK)

SANDBOXED = ("freehold-*.service", *PACKAGED)
"""What the sandbox's drop-in applies to."""

RESTARTED = ("freehold-*.socket", *SANDBOXED)
"""What begins anew after a converge that was cut off."""
