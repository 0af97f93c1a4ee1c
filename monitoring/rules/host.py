"""The machine below it all: is it there, and its disks, memory and clock.

Of a disk six hours must be known before its pace counts: a node that has just got its weights would seem to be full
tomorrow.
"""

from __future__ import annotations

from monitoring import config
from monitoring.model import Alert, Subject

# Memory, images and what is no disk; a lab's node lies on an overlay and counts.
DISK = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"'
BY_DISK = "by (node, mountpoint, device)"
ONE = "{{ $labels.node }}: {{ $labels.mountpoint }}"

PRESENCE = (
    Alert(
        "FreeholdNodeDown",
        "critical",
        config.BRIEF,
        """
        freehold:declared_node == 1
          unless on (node) (up{job=~"node|gpu|gateway|runtime"} == 1)
          unless on (node) (probe_success{probe="gateway"} == 1)
        """,
        "{{ $labels.node }} is gone",
        """Found: neither its exporters nor its endpoint answer for [[hold]], or it is no target at all. Expected: a
        declared node answers.""",
    ),
    Alert(
        "FreeholdMetricsDoorShut",
        "warning",
        config.BRIEF,
        """
        freehold:declared_node == 1
          and on (node) (probe_success{probe="gateway"} == 1)
          unless on (node) (up{job=~"node|gpu|gateway|runtime"} == 1)
        """,
        "{{ $labels.node }} serves, and tells nothing",
        "Found: its endpoint answers and none of its exporters does, for [[hold]]. Expected: both.",
    ),
    Alert(
        "FreeholdNodeExporterDown",
        "warning",
        config.A_WHILE,
        'freehold:declared_node == 1 unless on (node) (up{job="node"} == 1)',
        "{{ $labels.node }}: disks, drift and sovereignty are not seen",
        "Found: no answer from its node exporter for [[hold]]. Expected: its page.",
    ),
    Alert(
        "FreeholdServiceRestarting",
        "warning",
        config.AT_ONCE,
        """
        max by (node, instance, job) (
          changes(process_start_time_seconds{job=~"gateway|runtime|prometheus|alertmanager"}[30m]) > [[times]]
          or
          resets(llamacpp:n_decode_total[30m]) > [[times]]
          or
          resets(freehold_gpu_samples_total[30m]) > [[times]]
        )
        """,
        "{{ $labels.node }}: {{ $labels.job }} ({{ $labels.instance }}) starts again and again",
        "Found: {{ $value }} restarts in 30 minutes. Expected: at most [[times]].",
        {"times": config.RESTARTS},
    ),
)

DISKS = (
    Alert(
        "FreeholdDiskFilling",
        "warning",
        config.LASTING,
        f"""
        predict_linear(node_filesystem_avail_bytes{{{DISK}}}[6h], [[hours]] * 3600) < 0
          and
        node_filesystem_avail_bytes{{{DISK}}}
          / node_filesystem_size_bytes{{{DISK}}} < [[room]]
          and
        node_filesystem_avail_bytes{{{DISK}}} offset 6h
        """,
        f"{ONE} is full within a day",
        """Found: at the pace of 6 hours nothing is left in [[hours]] h, and less than [[room]] of the disk is free.
        Expected: room for longer.""",
        {"hours": config.DISK_HOURS, "room": config.DISK_ROOM},
    ),
    Alert(
        "FreeholdDiskFull",
        "critical",
        config.A_WHILE,
        f"""
        min {BY_DISK} (
          node_filesystem_avail_bytes{{{DISK}}}
            / node_filesystem_size_bytes{{{DISK}}}
        ) < [[ratio]]
        """,
        f"{ONE} is full",
        "Found: {{ $value | humanizePercentage }} free for [[hold]]. Expected: at least [[ratio]] of it.",
        {"ratio": config.DISK_FULL},
    ),
    Alert(
        "FreeholdInodesFull",
        "warning",
        config.A_WHILE,
        f"""
        min {BY_DISK} (
          node_filesystem_files_free{{{DISK}}}
            / (node_filesystem_files{{{DISK}}} > 0)
        ) < [[ratio]]
        """,
        f"{ONE} has no room for more files",
        """Found: {{ $value | humanizePercentage }} of the inodes free for [[hold]]. Expected: at least [[ratio]]
        of them.""",
        {"ratio": config.INODES_FULL},
    ),
    Alert(
        "FreeholdDiskReadOnly",
        "critical",
        config.FOUR_SCRAPES,
        f"""
        max {BY_DISK} (
          node_filesystem_readonly{{{DISK}}} == 1
            and min_over_time(node_filesystem_readonly[1d]) == 0
        )
        or
        max {BY_DISK} (node_filesystem_device_error{{{DISK}}} == 1)
        """,
        f"{ONE} cannot be written, or not be read at all",
        """Found: mounted read-only, and writable within a day; or the kernel answers with an error. Expected: writable.
        """,
    ),
    Alert(
        "FreeholdRaidDegraded",
        "critical",
        config.A_WHILE,
        """
        max by (node, device) (node_md_disks{state="failed"}) > [[disks]]
        or
        max by (node, device) (node_md_disks_required)
          - max by (node, device) (node_md_disks{state="active"}) > [[disks]]
        """,
        "{{ $labels.node }}: {{ $labels.device }} lacks a disk",
        "Found: {{ $value }} disks failed or missing for [[hold]]. Expected: [[disks]].",
        {"disks": config.RAID_FAILED},
    ),
)

MEMORY = (
    Alert(
        "FreeholdMemoryShort",
        "warning",
        config.A_WHILE,
        "min by (node) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) < [[ratio]]",
        "{{ $labels.node }}: hardly any memory is left",
        "Found: {{ $value | humanizePercentage }} available for [[hold]]. Expected: at least [[ratio]] of it.",
        {"ratio": config.MEMORY_SHORT},
    ),
    Alert(
        "FreeholdMemoryKill",
        "warning",
        config.AT_ONCE,
        "max by (node) (increase(node_vmstat_oom_kill[15m])) > [[kills]]",
        "{{ $labels.node }}: the kernel killed for memory",
        "Found: {{ $value | humanize }} kills in 15 minutes. Expected: [[kills]].",
        {"kills": config.MEMORY_KILLS},
    ),
    Alert(
        "FreeholdMemoryErrorsMended",
        "warning",
        config.AT_ONCE,
        "sum by (node) (increase(node_edac_correctable_errors_total[1d])) > [[errors]]",
        "{{ $labels.node }}: a memory module goes bad",
        "Found: {{ $value | humanize }} errors that ECC mended in a day. Expected: at most [[errors]].",
        {"errors": config.EDAC_CORRECTED},
    ),
    Alert(
        "FreeholdMemoryErrorsLeft",
        "critical",
        config.AT_ONCE,
        "sum by (node) (increase(node_edac_uncorrectable_errors_total[1d])) > [[errors]]",
        "{{ $labels.node }}: memory errors that ECC could not mend",
        "Found: {{ $value | humanize }} in a day. Expected: [[errors]].",
        {"errors": config.EDAC_UNCORRECTED},
    ),
)

CLOCK = (
    Alert(
        "FreeholdClockSkew",
        "warning",
        config.BRIEF,
        "max by (node) (abs(node_time_seconds - timestamp(node_time_seconds))) > [[seconds]]",
        "{{ $labels.node }}: its clock differs from the monitor's",
        """Found: {{ $value | humanize }} s apart for [[hold]]. Expected: at most [[seconds]] s. One of the two
        is wrong.""",
        {"seconds": config.CLOCK_SECONDS},
    ),
    Alert(
        "FreeholdClockUnsynchronised",
        "warning",
        config.LASTING,
        """
        max by (node) (node_timex_sync_status) == 0
          and max by (node) (max_over_time(node_timex_sync_status[1d])) == 1
        """,
        "{{ $labels.node }}: its clock is not kept right any more",
        """Found: the kernel says that nobody sets the clock, for [[hold]], and within a day somebody did. Expected: a
        time service that works.""",
    ),
    Alert(
        "FreeholdTextfileError",
        "warning",
        config.A_WHILE,
        "max by (node) (node_textfile_scrape_error) == 1",
        "{{ $labels.node }}: a page of drift or sovereignty cannot be read",
        "Found: the node exporter could not read a file of its textfile folder for [[hold]]. Expected: all are read.",
    ),
)

SUBJECT = Subject("host", "The machines.", (), (*PRESENCE, *DISKS, *MEMORY, *CLOCK))
