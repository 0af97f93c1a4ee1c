"""The machines below: disk, memory, certificates, and what differs from the last converge."""

from __future__ import annotations

from freehold.report.model import Panel, Query, Row, Unit
from freehold.report.panels.shared import NODE

_DISKS = f'{{{NODE}, fstype!~"tmpfs|ramfs|squashfs|autofs"}}'

MACHINE = Row(
    "Machines",
    (
        Panel(
            id="health-disk",
            title="Disk in use",
            about="By node and mount point; memory file systems are left out.",
            kind="series",
            unit=Unit.RATIO,
            queries=(
                Query(
                    f"1 - max by (node, mountpoint) (node_filesystem_avail_bytes{_DISKS} / "
                    f"node_filesystem_size_bytes{_DISKS})",
                    "{{node}} {{mountpoint}}",
                ),
            ),
            decimals=0,
            links=(
                "FreeholdDiskFilling",
                "FreeholdDiskFull",
            ),
        ),
        Panel(
            id="health-memory",
            title="Memory in use",
            about="Of the machine, what the kernel could free not counted.",
            kind="series",
            unit=Unit.RATIO,
            queries=(
                Query(
                    f"1 - max by (node) (node_memory_MemAvailable_bytes{{{NODE}}} / "
                    f"node_memory_MemTotal_bytes{{{NODE}}})",
                    "{{node}}",
                ),
            ),
            decimals=0,
            links=("FreeholdMemoryShort",),
        ),
        Panel(
            id="health-drift",
            title="Differences from the last converge",
            about="Things that are not as they were left, by node and kind. Somebody changed them by hand, or they "
            "broke.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(Query(f"max by (node, kind) (freehold_drift_items{{{NODE}}})", "Things"),),
            decimals=0,
            may_be_zero="A node that nobody touched differs in nothing.",
            links=("FreeholdDrift",),
        ),
        Panel(
            id="health-drift-age",
            title="Since a node compared itself",
            about="Time since the last comparison with the last converge.",
            kind="series",
            unit=Unit.TIME_AGO,
            queries=(
                Query(f"time() - max by (node) (freehold_drift_checked_timestamp_seconds{{{NODE}}})", "{{node}}"),
            ),
            decimals=0,
            links=("FreeholdDriftProbeStale",),
        ),
        Panel(
            id="health-certificates",
            title="Certificates, time left",
            about="Until the first certificate of each door ends, as a TLS connection to it showed.",
            kind="table",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    f'min by (node, instance) (probe_ssl_earliest_cert_expiry{{probe="certificate", {NODE}}}) - time()',
                    "Left",
                ),
            ),
            decimals=0,
            links=(
                "FreeholdCertificateEndsSoon",
                "FreeholdCertificateEnds",
            ),
        ),
        Panel(
            id="health-doors",
            title="Doors that answer",
            about="The gateways' doors, tried from the monitor over the mesh.",
            kind="table",
            unit=Unit.NUMBER,
            queries=(
                Query(f'min by (node, instance) (probe_success{{probe="gateway", {NODE}}})', "Answers, 1 is yes"),
                Query(
                    f'max by (node, instance) (probe_duration_seconds{{probe="gateway", {NODE}}})',
                    "Took",
                    unit=Unit.SECONDS,
                ),
            ),
            links=("FreeholdEndpointDown",),
        ),
    ),
)
