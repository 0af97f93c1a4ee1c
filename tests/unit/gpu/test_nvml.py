"""The reader, over the simulated library: what it says, and what it does when GPUs, driver or calls fail."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml  # type: ignore[import-untyped]
import pytest
from tests.unit.gpu.conftest import Clock
from tests.unit.nvml.simulation import Simulation

from freehold.gpu.facts import Failure, Reading
from freehold.gpu.nvml import REOPEN_AFTER_SECONDS, Nvml


def _reading(reader: Nvml, gpu: int = 0) -> Reading:
    reading = reader.sample().gpus[gpu].reading
    assert reading is not None
    return reading


def test_eight_healthy_gpus_and_no_failure(reader: Nvml) -> None:
    sample = reader.sample()
    assert (len(sample.gpus), sample.failures, sample.answered, sample.simulated) == (8, (), True, True)
    assert sample.driver_version == "580.95.05-simulated"
    assert sample.gpus[0].identity.pci_device_id == 0x233510DE
    assert _reading(reader).memory_total_bytes == 143771 * 2**20


def test_every_value_of_a_reading_is_filled(reader: Nvml) -> None:
    empty = [name for name, value in vars(_reading(reader)).items() if value is None or None in _tuple(value)]
    assert empty == []


def _tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def test_units(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(power=321.5, power_limit=650, nvlink5=0, violation1=77, recovery_action=4, throttle_reasons=0x40)
    reading = _reading(reader)
    assert (reading.power_watts, reading.power_limit_watts) == (321.5, 650.0)
    assert reading.nvlinks_active == (True,) * 5 + (False,) + (True,) * 12
    assert reading.violation_nanoseconds == (0, 77, 0, 0, 0, 0)
    assert (reading.recovery_action, reading.throttle_reasons) == (4, 0x40)


def test_a_failing_call_costs_one_value_and_is_counted(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(gpu2__error__nvmlDeviceGetTemperature=999)
    sample = reader.sample()
    assert sample.failures == (Failure(2, "nvmlDeviceGetTemperature", "Unknown"),)
    broken = sample.gpus[2].reading
    assert broken is not None
    assert (broken.power_watts, broken.temperature_celsius) == (74.58, None)


def test_a_failing_field_costs_one_value_and_is_counted(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(gpu2__memory_temperature="warm")
    sample = reader.sample()
    assert sample.failures == (Failure(2, "nvmlDeviceGetFieldValues:memory_temperature_celsius", "Unknown"),)


@pytest.mark.parametrize(
    ("key", "garbage", "value"),
    [
        ("temperature", 4000, "temperature_celsius"),
        ("memory_temperature", 4000, "memory_temperature_celsius"),
        ("utilisation", 255, "utilisation_percent"),
        ("power_limit", 4_000_000, "power_limit_watts"),
        ("memory_used", 999_999, "memory_used_bytes"),
        ("sm_clock", 1_000_000, "sm_clock_mhz"),
    ],
)
def test_garbage_is_no_value_but_a_failure(reader: Nvml, gpus: Simulation, key: str, garbage: int, value: str) -> None:
    gpus.set(**{key: garbage})
    sample = reader.sample()
    assert {getattr(gpu.reading, value) for gpu in sample.gpus} == {None}
    assert {failure.error for failure in sample.failures} == {"Implausible"}
    assert len(sample.failures) == 8


def test_a_name_that_is_no_utf8_is_a_failure(reader: Nvml, gpus: Simulation) -> None:
    with gpus.path.open("ab") as file:
        file.write(b"gpu1.name=\xff\xfe\n")
    sample = reader.sample()
    assert sample.failures == (Failure(1, "nvmlDeviceGetName", "UnicodeDecodeError"),)
    assert sample.gpus[1].identity.name is None


def test_a_lost_gpu_keeps_its_names_and_its_last_xid(reader: Nvml, gpus: Simulation) -> None:
    before = reader.sample().gpus[3].identity
    gpus.set(gpu3__lost=1, xid__1="3:79")
    lost = reader.sample().gpus[3]
    assert (lost.identity, lost.reading, lost.last_xid) == (before, None, 79)
    assert reader.sample().gpus[4].reading is not None


def test_a_lost_gpu_is_tried_again_but_not_each_time(reader: Nvml, gpus: Simulation, clock: Clock) -> None:
    reader.sample()
    gpus.set(gpu3__lost=1)
    clock.now = REOPEN_AFTER_SECONDS
    assert [reader.sample().gpus[3].reading for _ in range(2)] == [None, None]
    gpus.set(gpu3__lost=None)
    assert reader.sample().gpus[3].reading is None
    clock.now = 2 * REOPEN_AFTER_SECONDS
    assert reader.sample().gpus[3].reading is not None


def test_a_gpu_lost_from_the_start_has_an_index_only(reader: Nvml, gpus: Simulation, clock: Clock) -> None:
    gpus.set(gpu5__lost=1)
    lost = reader.sample().gpus[5]
    assert (lost.identity.index, lost.identity.uuid, lost.reading) == (5, None, None)
    gpus.set(gpu5__lost=None)
    assert reader.sample().gpus[5].reading is None
    clock.now = REOPEN_AFTER_SECONDS
    assert reader.sample().gpus[5].reading is not None


def test_gpus_that_vanish_and_appear_are_followed_at_once(reader: Nvml, gpus: Simulation) -> None:
    seen = []
    for count in (8, 7, 9):
        gpus.set(gpus=count)
        sample = reader.sample()
        seen.append((len(sample.gpus), all(gpu.reading for gpu in sample.gpus)))
    assert seen == [(8, True), (7, True), (9, True)]


def test_a_driver_that_goes_and_comes_is_followed_at_once(reader: Nvml, gpus: Simulation) -> None:
    reader.sample()
    text = gpus.path.read_text()
    gpus.path.unlink()
    gone = reader.sample()
    assert (gone.answered, gone.gpus, gone.failures[0].error) == (False, (), "DriverNotLoaded")
    assert not reader.sample().answered
    gpus.path.write_text(text)
    assert reader.sample().answered


def test_the_last_of_several_xids_is_kept(reader: Nvml, gpus: Simulation) -> None:
    assert reader.sample().gpus[1].last_xid == 0
    gpus.set(xid__1="1:13", xid__2="1:94")
    assert [gpu.last_xid for gpu in reader.sample().gpus[:3]] == [0, 94, 0]
    assert reader.sample().gpus[1].last_xid == 94


def test_without_events_there_is_no_xid(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(error__nvmlEventSetCreate=pynvml.NVML_ERROR_NOT_SUPPORTED)
    assert reader.sample().gpus[0].last_xid is None


def test_links_are_asked_one_by_one_where_the_driver_lacks_the_field(
    reader: Nvml, gpus: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus.set(gpu2__nvlink11=0)
    by_field = _reading(reader, 2).nvlinks_active
    monkeypatch.setattr(pynvml, "NVML_FI_DEV_NVLINK_GET_STATE", 307)
    assert _reading(reader, 2).nvlinks_active == by_field == (True,) * 11 + (False,) + (True,) * 6


def test_a_link_state_that_cannot_be_read_is_no_state(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(nvlink3="torn")
    assert _reading(reader).nvlinks_active is None


def test_mig_and_ecc_modes(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(mig=1, ecc=0)
    reading = _reading(reader)
    assert (reading.mig_enabled, reading.ecc_enabled) == (True, False)


def test_every_function_failing_is_not_answered(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(error=999)
    sample = reader.sample()
    assert (sample.answered, sample.gpus) == (False, ())
    assert sample.failures == (Failure(None, "nvmlInit", "Unknown"),)


class Module(SimpleNamespace):
    """As much of nvidia-ml-py as a machine without GPUs needs."""

    NVMLError = pynvml.NVMLError
    NVML_ERROR_NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED
    NVML_ERROR_FUNCTION_NOT_FOUND = pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    nvmlEventTypeXidCriticalError = 8  # noqa: N815  NVML's name


def _module(driver: str) -> Module:
    return Module(nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 0, nvmlSystemGetDriverVersion=lambda: driver)


@pytest.mark.parametrize(("driver", "simulated"), [("580.95.05", False), ("580.95.05-simulated", True)])
def test_the_drivers_version_tells_a_simulation(driver: str, simulated: bool) -> None:  # noqa: FBT001
    assert Nvml(_module(driver)).sample().simulated is simulated


def test_the_librarys_mark_tells_a_simulation() -> None:
    module = _module("580.95.05")
    module.nvmlLib = SimpleNamespace(freehold_simulation=b"")
    assert Nvml(module).sample().simulated
