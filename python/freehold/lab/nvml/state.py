"""The file that says what the simulated GPUs show: lines of ``key=value``, the last one of a key counts.

=======================  ==============================================================================================
key                      meaning (default: an idle H200)
=======================  ==============================================================================================
gpus                     how many (8, at most 32)
seed                     from what UUIDs and serial numbers are made (the host's name)
clock                    seconds; stands in for CLOCK_BOOTTIME, so that a test holds the time
driver_version           also cuda_version
xid.N                    GPU:CODE, an Xid event; N grows
process.N                GPU:PID:MIB[:C|G|M[:SM[:GI]]], a process: percent of the multiprocessors (the GPU's
                         utilisation), GPU instance; 999999999 MIB: the driver does not say how much
mig.N                    GPU:GI:CI:PROFILE:MIB:USED, a MIG device, there while the GPU's mig is 1
error.FUNCTION           the NVML code that the function returns; ``error`` is that of all functions
crash.FUNCTION           1: the function ends the process by SIGSEGV
hang_ms.FUNCTION         how long the function hangs, until the line goes; ``hang_ms`` is that of all (at most 600,000)
delay_us                 how late each call is (at most 999,999)
-----------------------  ----------------------------------------------------------------------------------------------
name                     the rest is said of all GPUs, or as ``gpu3.name`` of one; the five above may be, too
power                    watts; ``power@SECONDS`` from that moment of CLOCK_BOOTTIME on
energy, energy_epoch     joules counted before, and since when power is counted (0, 0: since boot)
power_limit              watts; also power_limit_default, _min, _max
temperature              degrees Celsius; also memory_temperature, temperature_limit
utilisation              percent; also memory_utilisation, encoder_utilisation, decoder_utilisation
memory_used              MiB; also memory_total, memory_reserved
sm_clock                 MHz; also memory_clock, video_clock
throttle_reasons         the bit field, such as 0x40
violationN               nanoseconds throttled for NVML's policy N
ecc, ecc_pending         0 or 1; counts: ecc_sbe_volatile, ecc_dbe_volatile, ecc_sbe_aggregate, ecc_dbe_aggregate
remapped_correctable     rows; also remapped_uncorrectable, remapped_pending, remapped_failure
nvlink, nvlinkN          0 is down, of all links or one; errors as nvlinkN.replay, .recovery, .crc_flit, .crc_data, .ecc
nvlink_tx, nvlink_rx     KiB through all links
pcie_tx, pcie_rx         KB/s; also pcie_generation, pcie_width, pcie_replay
recovery_action          NVML's number, 0 is none
fabric_state             3 is completed; also fabric_status, fabric_health_mask, fabric_health_summary
mig, mig_pending         0 or 1; 1 takes utilisation away, as MIG does
lost                     1: the GPU fell off the bus
=======================  ==============================================================================================

A value that is no number makes the functions that need it return "Unknown Error"; without the file it is "Driver Not
Loaded".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

STATE_PATH = Path("/etc/freehold-simulation/nvml.state")
STATE_VARIABLE = "NVML_SIMULATION_STATE"

HEADER = "# What the simulated GPUs of this machine show. Read at every NVML call.\n"
POWER = re.compile(r"(?:gpu\d+\.)?power")
IDLE_WATTS = "74.58"  # the library's own default: an idle H200, nvidia-smi of driver 550.90.12


def initial_state(gpus: int, seed: str = "") -> str:
    """Healthy, idle GPUs. Without a ``seed`` their UUIDs come from the name of the host that reads the state."""
    return HEADER + f"gpus={gpus}\n" + (f"seed={seed}\n" if seed else "")


def boot_clock() -> float:
    """The clock of the energy counter, in seconds; one for all containers of a machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def change(text: str, changes: Mapping[str, object], now: float) -> str:
    """``text`` with the keys of ``changes`` set; None takes a key away.

    A change of power is appended with its moment, because the energy counter is the integral of what the file says.
    """
    text = text if text.endswith("\n") else text + "\n"
    for key, value in changes.items():
        text = _with_power(text, key, value, now) if POWER.fullmatch(key) else _with_value(text, key, value)
    return text


def _with_value(text: str, key: str, value: object) -> str:
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() != key]
    return "\n".join(kept if value is None else [*kept, f"{key}={value}"]) + "\n"


def _with_power(text: str, key: str, value: object, now: float) -> str:
    history = [line for line in text.splitlines() if _is_power(line, key)]
    if key != "power" and not history:
        # From now on the GPU has a history of its own; until now it shared that of all.
        text += "".join(f"{key}{line[5:]}\n" for line in text.splitlines() if _is_power(line, "power"))
        if f"\n{key}=" not in text:
            text += f"{key}={IDLE_WATTS}\n"
    return text + f"{key}@{now:.6f}={IDLE_WATTS if value is None else value}\n"


def _is_power(line: str, key: str) -> bool:
    return line.startswith((f"{key}=", f"{key}@"))


def change_file(path: Path, changes: Mapping[str, object], clock: Callable[[], float] = boot_clock) -> None:
    """Like :func:`change`, in place: a reader sees the old text or the new one, never half of either."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(change(path.read_text(encoding="utf-8"), changes, clock()), encoding="utf-8")
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
