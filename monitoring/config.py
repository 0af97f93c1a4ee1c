"""Every figure that rules and alerts compare with: value, unit, why it is that, where it is from, since when.

Which alert keeps which others quiet stands in :mod:`monitoring.inhibitions` and is handed on here.
"""

from __future__ import annotations

from freehold.report.verdict import OLD_CHECK_SECONDS
from monitoring.inhibitions import INHIBITIONS
from monitoring.model import Threshold as T  # noqa: N817  a table reads better with a short head

__all__ = ["INHIBITIONS"]

H200, OURS, SEEN = "H200 facts of the design, 2026-11", "our own choice", "2026-11"
NVML, CHECKS = "nvml.h, R580", "python/freehold/sovereignty"

# How long something must hold before somebody is told.
AT_ONCE = T("0s", "", "one look says it all", OURS, SEEN)
FOUR_SCRAPES = T("1m", "", "a scrape or two may get lost: nobody is woken by that", OURS, SEEN)
BRIEF = T("2m", "", "a restart by the supervisor is over by then", OURS, SEEN)
COLD_START = T("5m", "", "a 70B model on 8 GPUs takes 215 s to start", "vllm#19824", SEEN)
A_WHILE = T("5m", "", "a burst is no fault", OURS, SEEN)
THREE_ROUNDS = T("15m", "", "three rounds of a five minutes' timer", "roles/drift, roles/sovereignty_checks", SEEN)
LASTING = T("30m", "", "it does harm only when it lasts", OURS, SEEN)
AN_HOUR = T("1h", "", "it is about the day, not about the minute", OURS, SEEN)

# GPUs.
GPU_CELSIUS = T(
    85,
    "degrees Celsius",
    "Hopper boards are said to slow down from about 87 on; compare nvidia-smi -q -d TEMPERATURE",
    OURS,
    SEEN,
)
HBM_CELSIUS = T(
    93,
    "degrees Celsius",
    "HBM is said to be slowed down from about 95 on; compare nvidia-smi -q -d TEMPERATURE",
    OURS,
    SEEN,
)
THERMAL_BIT = T(64, "bit", "NVML's hardware thermal slowdown, 0x40", NVML, SEEN)
BRAKE_BIT = T(128, "bit", "NVML's hardware power brake, 0x80; a software power cap, 0x04, is normal", NVML, SEEN)
POWER_RATIO = T(
    1.05, "of the limit", "the limit is kept on average; 5 % is the counter's noise", "arXiv 2312.02741", SEEN
)
XID_CRITICAL = T(
    "48|64|74|79|95|109|110|119|120|136|140|143|155|156|158",
    "Xid",
    "drain and reset, quarantine, or power-cycle: nothing mends itself",
    H200,
    SEEN,
)
XID_APPLICATION = T("13|31|32|94", "Xid", "a fault of one program, as long as it does not repeat", H200, SEEN)
XID_LOGGED = T("43", "Xid", "a program ended its own channel: for the log only", H200, SEEN)
XID_WINDOW = T("15m", "", "long enough to be seen, short enough to clear", OURS, SEEN)
XID_REPEATS = T(3, "in a day", "from the third on it is the GPU", H200, SEEN)
FABRIC_COMPLETED = T(3, "NVML's state", "2 is in progress, and nvidia-smi looks fine meanwhile", NVML, SEEN)
NVLINK_CRC = T(100, "errors a second", "CRC errors matter from this rate on", "DCGM, dcgm_gpu_hardware_limits.h", SEEN)
NVLINK_REPLAYS = T(0, "in an hour", "a replay or recovery is a failure to DCGM", "DCGM, health checks of NVLink", SEEN)
DOUBLE_BITS = T(0, "errors", "one is enough: the GPU wants a reset", H200, SEEN)
RECOVERY_NONE = T(0, "NVML's action", "0 asks for nothing", NVML, SEEN)

# Engines.
QUEUE_TIMES = T(1, "times those at work", "from here on waiting takes longer than the answer", OURS, SEEN)
KV_CACHE = T(0.95, "of the cache", "vLLM throws requests out of a full cache and begins them anew", "vLLM 0.32", SEEN)
FIRST_TOKEN_SECONDS = T(5, "s", "people turn away; the histogram tells nothing beyond 10", OURS, SEEN)

# The gateway and its books.
FAILED_RATIO = T(0.05, "of the requests", "one in twenty is seen by everybody", OURS, SEEN)
LOST_ROWS = T(0, "rows", "each is a request without a record", "python/freehold/ledger/writer.py", SEEN)
PENDING_ROWS = T(10000, "rows", "half of what is kept in memory before rows are lost", "MOST_PENDING", SEEN)
FOLLOWER_SECONDS = T(60, "s", "half a lease: soon nothing may leave", "LEASE_SECONDS is 120", SEEN)
FOLLOWER_BEHIND = T(0, "changes", "a revoked key that is still let in", "docs/keys.md", SEEN)
CUT_ANSWERS = T(5, "in 15 minutes", "one restart of an engine cuts a few", OURS, SEEN)
RESTING = T(0, "replicas", "all that are known should answer", "python/freehold/gateway/routing", SEEN)
CLOCK_REFUSALS = T(0, "in 15 minutes", "a clock that is right refuses nobody", "python/freehold/ledger/clock.py", SEEN)

# What leaves.
NEAR_CAP = T(0.9, "of the cap", "time to look before requests are refused", OURS, SEEN)
OVER_CAP = T(1, "of the cap", "the valve lets nothing by; if it did, it is broken", "docs/gateway.md", SEEN)
IN_DOUBT = T(0, "in an hour", "money that counts as spent and perhaps is not", "decision 22", SEEN)
OPEN_WINDOW = T("30m", "", "nothing was reserved for so long, so nothing is on its way", OURS, SEEN)

# Energy.
JOULES_TIMES = T(2, "times yesterday's", "the same load takes the same energy, within a factor", OURS, SEEN)
LIKE_LOAD = T(0.5, "of yesterday's tokens", "less load makes each token dearer by itself", OURS, SEEN)
IDLE_RATIO = T(0.05, "of the time", "health checks keep GPUs a little busy", OURS, SEEN)

# Certificates: for 90 days each, renewed daily from the last 30 on.
CERTIFICATE_WARNING = T(14 * 86400, "s", "renewal has failed for two weeks", "python/freehold/keys/clock.py", SEEN)
CERTIFICATE_CRITICAL = T(3 * 86400, "s", "a weekend", OURS, SEEN)

# Drift and sovereignty.
DRIFT_ITEMS = T(0, "items", "what differs is somebody's hand", "roles/drift", SEEN)
DRIFT_STALE = T(900, "s", "three rounds of a five minutes' timer", "roles/drift", SEEN)
SOVEREIGNTY_STALE = T(OLD_CHECK_SECONDS, "s", "three rounds of a five minutes' timer", "roles/sovereignty_checks", SEEN)
WEIGHTS_STALE = T(2 * 86400, "s", "read once a day, and reading takes hours", "roles/sovereignty_checks", SEEN)

# The machine.
DISK_HOURS = T(24, "h", "a day to act", OURS, SEEN)
DISK_ROOM = T(0.4, "of the disk", "a half-empty disk fills in days, not hours", "kubernetes-mixin's node alerts", SEEN)
DISK_FULL = T(0.05, "of the disk", "root's own reserve on ext4 begins there", "mke2fs(8)", SEEN)
INODES_FULL = T(0.05, "of the inodes", "as for bytes", OURS, SEEN)
MEMORY_SHORT = T(0.05, "of the memory", "then the kernel begins to kill", OURS, SEEN)
MEMORY_KILLS = T(0, "in 15 minutes", "the kernel killed something for memory", OURS, SEEN)
CLOCK_SECONDS = T(2, "s", "a scrape takes less; leases and certificates bear more", OURS, SEEN)
EDAC_CORRECTED = T(100, "in a day", "single ones are cosmic rays, many are a module", OURS, SEEN)
EDAC_UNCORRECTED = T(0, "in a day", "each may have been served to somebody", OURS, SEEN)
RAID_FAILED = T(0, "disks", "the next one takes the data", OURS, SEEN)
RESTARTS = T(2, "in 30 minutes", "two may be a converge; systemd gives up after five in ten", "roles' units", SEEN)

# Monitoring itself.
SLOW_SCRAPE = T(5, "s", "half of the time that a scrape may take", "roles/prometheus", SEEN)
RULE_FAILURES = T(0, "in 5 minutes", "a rule that fails is an alert that is blind", OURS, SEEN)
STORAGE_FAILURES = T(0, "in 15 minutes", "what is not written is not known tomorrow", OURS, SEEN)
HISTORY_FULL = T(0.95, "of the size", "history is cut by size, not by age", "roles/prometheus", SEEN)
DROPPED = T(0, "in 5 minutes", "an alert that nobody gets", OURS, SEEN)
FAILED_MESSAGES = T(
    0, "in 15 minutes", "a warning is tried for five minutes at a time, and a beat each minute", OURS, SEEN
)
SWITCH_WAITING = T(0, "messages", "the second path is shut", "roles/dead_mans_switch", SEEN)
BEHIND_SECONDS = T(300, "s", "the log keeps two hours: time enough to act", "Prometheus 2.42, remote write", SEEN)
