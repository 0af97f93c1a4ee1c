"""What is asked how often, MIG, processes and the counter that must be plausible, over the simulated library."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest
from tests.unit.gpu.conftest import Clock
from tests.unit.nvml.simulation import Simulation

from freehold.gpu.facts import Failure, Process, Xid
from freehold.gpu.nvml import Nvml
from freehold.gpu.processes import profile_of
from freehold.gpu.reading import RARE, SLOW


@pytest.fixture
def asked(library: Any, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts nvidia-ml-py's functions; the batch of fields is asked without it and is not counted."""
    del library
    counted: Counter[str] = Counter()

    def counting(name: str, function: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            counted[name] += 1
            return function(*args, **named)

        return call

    for name in dir(pynvml):
        if name.startswith(("nvmlDeviceGet", "nvmlEventSetWait")):
            monkeypatch.setattr(pynvml, name, counting(name, getattr(pynvml, name)))
    return counted


def test_a_sample_between_slow_passes_asks_three_things_of_a_gpu(reader: Nvml, asked: Counter[str]) -> None:
    assert reader.sample().slow
    asked.clear()
    assert not reader.sample().slow
    of_gpus = {name for name, times in asked.items() if times == 8}
    assert of_gpus == {
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetUtilizationRates",
    }
    assert asked.total() - 8 * 3 == 2  # how many GPUs there are, and whether an event came


def test_each_part_is_asked_at_its_own_pace(reader: Nvml, asked: Counter[str]) -> None:
    samples = [reader.sample() for _ in range(2 * RARE)]
    assert [number for number, sample in enumerate(samples) if sample.slow] == list(range(0, 2 * RARE, SLOW))
    assert asked["nvmlDeviceGetTemperature"] == 8 * 2 * RARE
    assert asked["nvmlDeviceGetComputeRunningProcesses"] == 8 * 2 * RARE // SLOW
    assert asked["nvmlDeviceGetMigMode"] == 8 * 2


def test_what_fails_at_the_slow_pace_is_forgotten_not_kept(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(process__1="0:10:5")
    reader.sample()
    gpus.set(error__nvmlDeviceGetMemoryInfo_v2=999, error__nvmlDeviceGetComputeRunningProcesses_v3=999)
    for _ in range(SLOW):
        sample = reader.sample()
    first = sample.gpus[0]
    assert first.reading is not None
    assert (first.reading.memory_used_bytes, first.processes) == (None, None)


def test_processes_of_all_kinds_once_each(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(process__1="0:10:5:C:40", process__2="0:10:3:G:0", process__3="0:11:2:M:7", process__4="1:12:999999999")
    sample = reader.sample()
    assert sample.gpus[0].processes == (Process(10, 5 << 20, 40), Process(11, 2 << 20, 7))
    assert sample.gpus[1].processes == (Process(12, None, None),)
    assert sample.gpus[2].processes == ()
    assert sample.failures == ()


@pytest.mark.parametrize(
    ("code", "failures"), [(pynvml.NVML_ERROR_NO_PERMISSION, 0), (pynvml.NVML_ERROR_NOT_FOUND, 0), (999, 1)]
)
def test_activity_that_cannot_be_had_leaves_the_processes(
    reader: Nvml, gpus: Simulation, code: int, failures: int
) -> None:
    gpus.set(process__1="0:10:5:C:40", process__2="0:11:5:C:40", error__nvmlDeviceGetProcessUtilization=code)
    sample = reader.sample()
    assert len(sample.failures) == failures
    weights = {one.sm_percent for one in sample.gpus[0].processes or ()}
    assert weights == ({0} if code == pynvml.NVML_ERROR_NOT_FOUND else {None})


def test_implausible_activity_is_a_failure_and_no_weight(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(process__1="0:10:5:C:400", process__2="0:11:5:C:40")
    sample = reader.sample()
    assert [one.sm_percent for one in sample.gpus[0].processes or ()] == [0, 40]
    assert sample.failures == (Failure(0, "nvmlDeviceGetProcessUtilization", "Implausible"),)


def test_mig_instances_have_memory_and_processes_and_the_gpu_no_utilisation(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(gpu2__mig=1, mig__1="2:1:0:3g.71gb:71000:500", mig__2="2:1:1:1c.3g.71gb:71000:500")
    gpus.set(mig__3="2:9:0:1g.18gb:17900:200", process__1="2:10:300:C:0:1", process__2="2:11:100:C:0:9")
    sample = reader.sample()
    gpu = sample.gpus[2]
    found = [(one.number, one.profile, one.reading.memory_used_bytes) for one in gpu.instances]
    assert found == [(1, "3g.71gb", 500 << 20), (9, "1g.18gb", 200 << 20)]  # two compute instances share one memory
    assert gpu.processes == (Process(10, 300 << 20, instance=1), Process(11, 100 << 20, instance=9))
    assert gpu.reading is not None
    assert (gpu.reading.utilisation_percent, gpu.reading.power_watts) == (None, 74.58)
    assert (sample.failures, sample.gpus[1].instances) == ((), ())


def test_mig_that_is_switched_on_later_is_followed(reader: Nvml, gpus: Simulation) -> None:
    reader.sample()
    gpus.set(gpu2__mig=1, mig__1="2:1:0:7g.141gb:140000:0")
    seen = [len(reader.sample().gpus[2].instances) for _ in range(RARE)]
    assert (seen[0], seen[-1]) == (0, 1)


def test_processes_of_an_instance_that_cannot_be_had_are_not_half_a_list(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(gpu0__mig=1, mig__1="0:1:0:3g.71gb:71000:0", process__1="0:10:300:C:0:1")
    gpus.set(gpu0__error__nvmlDeviceGetComputeRunningProcesses_v3=999)
    assert reader.sample().gpus[0].processes is None


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("NVIDIA H200 MIG 1g.18gb", "1g.18gb"),
        ("NVIDIA H200 MIG 1c.3g.71gb", "3g.71gb"),
        ("X MIG 1g.18gb+me", "1g.18gb+me"),
    ],
)
def test_a_profile_is_written_as_dcgm_writes_it(name: str, profile: str) -> None:
    assert profile_of(name) == profile


def _energy(reader: Nvml) -> int | None:
    reading = reader.sample().gpus[0].reading
    assert reading is not None
    return reading.energy_millijoules


def test_a_torn_energy_counter_costs_itself(reader: Nvml, gpus: Simulation, clock: Clock) -> None:
    seen: list[int | None] = []
    for at, joules in enumerate((100_000, 10**9, 101_000, 102_000)):
        clock.now = 5.0 * at
        gpus.set(energy=joules, energy_epoch=gpus.now)
        seen.append(_energy(reader))
    assert seen == [100_000_000, None, 101_000_000, 102_000_000]


def test_a_counter_that_begins_anew_is_believed_at_its_second_value(
    reader: Nvml, gpus: Simulation, clock: Clock
) -> None:
    gpus.set(energy=100_000, energy_epoch=gpus.now)
    assert _energy(reader) == 100_000_000
    clock.now = 5.0
    gpus.set(energy=10)
    assert _energy(reader) is None
    clock.now = 10.0
    gpus.set(energy=20)
    assert _energy(reader) == 20_000


def test_xids_are_counted_by_gpu_and_code(reader: Nvml, gpus: Simulation) -> None:
    assert reader.sample().xids == ()
    gpus.set(xid__1="1:13", xid__2="1:94", xid__3="0:13", xid__4="1:13")
    found = reader.sample()
    uuids = [gpu.identity.uuid for gpu in found.gpus]
    assert found.xids == (Xid(0, uuids[0], 13, 1), Xid(1, uuids[1], 13, 2), Xid(1, uuids[1], 94, 1))
    gpus.set(gpu1__lost=1)
    assert reader.sample().xids == found.xids


def test_a_driver_that_was_replaced_is_told_from_one_that_never_matched(reader: Nvml, gpus: Simulation) -> None:
    mismatch = {"error": pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH}
    gpus.set(**mismatch)
    before = reader.sample()
    assert (before.answered, before.library_is_old, before.failures[0].error) == (False, False, "LibRmVersionMismatch")
    gpus.set(error=None)
    assert reader.sample().answered
    gpus.set(**mismatch)
    assert reader.sample().library_is_old


def test_a_count_that_fails_while_the_library_is_opened_shows_gpus_as_lost(
    reader: Nvml, gpus: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    del gpus
    answers = iter([8, pynvml.NVMLError(pynvml.NVML_ERROR_UNKNOWN)] * 2)

    def count() -> int:
        answer = next(answers, 8)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", count)
    first = reader.sample()
    assert [gpu.reading for gpu in first.gpus] == [None] * len(first.gpus)
    assert Failure(None, "nvmlDeviceGetCount", "Unknown") in first.failures


def test_a_mad_number_of_mig_devices_is_no_number(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(gpu0__mig=1, mig__1="0:1:0:3g.71gb:71000:0", mig_devices_max=4_000_000_000)
    sample = reader.sample()
    assert sample.gpus[0].instances == ()
    assert Failure(0, "nvmlDeviceGetMaxMigDeviceCount", "Implausible") in sample.failures
