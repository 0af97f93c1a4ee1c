"""What no sane driver says neither ends the reader nor becomes a value, a series for good or another GPU's fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest
from tests.unit.gpu.conftest import Clock
from tests.unit.nvml.simulation import Simulation

from freehold.gpu.facts import Failure, Xid
from freehold.gpu.fields import CALL, Fields
from freehold.gpu.nvml import REOPEN_AFTER_SECONDS, Nvml
from freehold.gpu.plausible import EnergyGuard


def _spoilt(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], None]) -> None:
    """Each GPU's last field as ``spoil`` leaves it."""
    ask = Fields._ask

    def asked(self: Fields, handle: Any) -> None:
        ask(self, handle)
        spoil(self._values[-1])

    monkeypatch.setattr(Fields, "_ask", asked)


def _type_of_tomorrow(field: Any) -> None:
    field.valueType = 99


def _below_zero(field: Any) -> None:
    field.valueType, field.value.siVal = pynvml.NVML_VALUE_TYPE_SIGNED_INT, -3


def _no_number(field: Any) -> None:
    field.valueType, field.value.dVal = pynvml.NVML_VALUE_TYPE_DOUBLE, math.nan


def _endless(field: Any) -> None:
    field.valueType, field.value.dVal = pynvml.NVML_VALUE_TYPE_DOUBLE, math.inf


@pytest.mark.parametrize("spoil", [_type_of_tomorrow, _below_zero, _no_number, _endless])
def test_a_field_that_is_no_amount_costs_itself_and_is_counted(
    gpus: Simulation, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], None]
) -> None:
    gpus.set(gpus=1)
    reader = Nvml(clock=lambda: 0.0)
    reader.sample()
    _spoilt(monkeypatch, spoil)
    sample = reader.sample()
    reader.close()
    assert sample.gpus[0].reading is not None
    assert sample.failures == (Failure(0, f"{CALL}:link17", "Implausible"),)


@pytest.mark.parametrize("count", [4_000_000_000, -1, 65])
def test_a_mad_number_of_gpus_is_no_answer(
    reader: Nvml, gpus: Simulation, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    assert reader.sample().answered
    with monkeypatch.context() as mad:
        mad.setattr(pynvml, "nvmlDeviceGetCount", lambda: count)
        sample = reader.sample()
    assert (sample.answered, sample.gpus) == (False, ())
    assert sample.failures == (Failure(None, "nvmlDeviceGetCount", "Implausible"),)
    del gpus
    assert len(reader.sample().gpus) == 8


def test_an_xid_beyond_every_catalogue_is_no_series(reader: Nvml, gpus: Simulation) -> None:
    reader.sample()
    gpus.set(xid__1="1:4000000000", xid__2="1:79")
    sample = reader.sample()
    assert [(one.gpu, one.code) for one in sample.xids] == [(1, 79)]
    assert sample.failures == (Failure(1, "nvmlEventSetWait_v2", "Implausible"),)


def test_an_xid_that_came_just_before_the_library_is_opened_anew_is_counted(
    reader: Nvml, gpus: Simulation, clock: Clock
) -> None:
    """While one GPU is lost, the library is opened anew each half minute: the others' events must not go with it."""
    reader.sample()
    gpus.set(gpu3__lost=1)
    reader.sample()
    gpus.set(xid__1="5:48")
    clock.now = REOPEN_AFTER_SECONDS
    sample = reader.sample()
    assert sample.xids == (Xid(5, sample.gpus[5].identity.uuid, 48, 1),)
    assert sample.gpus[5].last_xid == 48


def _renumbered(monkeypatch: pytest.MonkeyPatch, *order: int) -> None:
    """The GPUs of these numbers are there, in this order: NVML counts what is on the bus."""
    index = pynvml.nvmlDeviceGetIndex
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: len(order))
    monkeypatch.setattr(pynvml, "nvmlDeviceGetUUID", lambda handle: f"GPU-{order[index(handle)]}")


def test_an_xid_stays_with_its_gpu_when_the_numbers_change(
    reader: Nvml, gpus: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        _renumbered(before, 0, 1, 2, 3)
        reader.sample()
        gpus.set(xid__1="2:94")
        assert [gpu.last_xid for gpu in reader.sample().gpus] == [0, 0, 94, 0]
    _renumbered(monkeypatch, 0, 2, 3)
    sample = reader.sample()
    assert [(gpu.identity.uuid, gpu.last_xid) for gpu in sample.gpus] == [("GPU-0", 0), ("GPU-2", 94), ("GPU-3", 0)]


def test_a_gpu_that_is_lost_does_not_take_the_name_of_one_that_is_there(
    reader: Nvml, gpus: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        _renumbered(before, 0, 1, 2, 3)
        reader.sample()
    _renumbered(monkeypatch, 0, 2, 3)
    gpus.set(gpu2__lost=1)  # the one that is the third now cannot be asked for its name
    named = [gpu.identity.uuid for gpu in reader.sample().gpus]
    assert named == ["GPU-0", "GPU-2", None]


def test_one_call_that_never_matched_does_not_end_process_after_process(reader: Nvml, gpus: Simulation) -> None:
    gpus.set(error__nvmlDeviceGetTemperature=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    assert [reader.sample().library_is_old for _ in range(3)] == [False, False, False]
    gpus.set(error__nvmlDeviceGetTemperature=None)
    reader.sample()
    gpus.set(error__nvmlDeviceGetTemperature=pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    assert reader.sample().library_is_old


@pytest.mark.parametrize(
    ("values", "believed"),
    [
        ((100_000, 100_500, 101_000), (1, 1, 1)),
        ((100_000, 10**12, 101_000, 102_000), (1, 0, 1, 1)),  # torn, high
        ((100_000_000, 0, 100_001_000, 100_002_000), (1, 0, 1, 1)),  # torn, low: no increase of all that ever was
        ((100_000_000, 10, 500, 1000), (1, 0, 1, 1)),  # a driver reload
        ((100_000_000, 10, 10**12, 500, 1000), (1, 0, 0, 0, 1)),
        ((10**12, 100_000, 100_500, 101_000), (1, 0, 1, 1)),  # the very first was torn
    ],
)
def test_a_torn_energy_counter_costs_itself(values: tuple[int, ...], believed: tuple[int, ...]) -> None:
    guard = EnergyGuard()
    found = [guard.allows("GPU-0", 5.0 * turn, value) for turn, value in enumerate(values)]
    assert found == [bool(one) for one in believed]
