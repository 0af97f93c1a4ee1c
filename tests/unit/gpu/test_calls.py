"""A failing call is written down, an unsupported one is not, and garbage never becomes a value (module made up)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml  # type: ignore[import-untyped]
import pytest

from freehold.gpu.calls import Calls, error_name
from freehold.gpu.facts import Failure


def _calls(**functions: Any) -> Calls:
    return Calls(
        SimpleNamespace(
            NVMLError=pynvml.NVMLError,
            NVML_ERROR_NOT_SUPPORTED=pynvml.NVML_ERROR_NOT_SUPPORTED,
            NVML_ERROR_FUNCTION_NOT_FOUND=pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
            **functions,
        )
    )


def _raises(error: Exception) -> Any:
    def call(*_: Any) -> None:
        raise error

    return call


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND])
def test_not_supported_is_no_value_and_no_failure(code: int) -> None:
    calls = _calls(fan=_raises(pynvml.NVMLError(code)))
    assert (calls.ask("fan", gpu=0), calls.failures) == (None, [])


def test_a_function_that_nvidia_ml_py_lacks_is_not_supported() -> None:
    calls = _calls()
    assert (calls.ask("nvmlOfTomorrow"), calls.do("nvmlOfTomorrow"), calls.failures) == (None, False, [])


def test_a_failure_names_the_gpu_the_call_and_the_error() -> None:
    calls = _calls(power=_raises(pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)))
    assert calls.ask("power", gpu=3) is None
    assert calls.failures == [Failure(3, "power", "GpuIsLost")]
    assert calls.handles_are_gone


def test_an_answer_that_cannot_be_decoded_is_a_failure() -> None:
    calls = _calls(name=b"\xff".decode)
    assert calls.ask("name", gpu=1) is None
    assert calls.failures == [Failure(1, "name", "UnicodeDecodeError")]
    assert not calls.handles_are_gone


@pytest.mark.parametrize("garbage", [101, -1, "hot", 3.5])
def test_an_implausible_number_is_a_failure(garbage: Any) -> None:
    calls = _calls(utilisation=lambda: garbage)
    assert calls.number("utilisation", gpu=0, most=100) is None
    assert calls.failures == [Failure(0, "utilisation", "Implausible")]


@pytest.mark.parametrize("nothing", [2**32 - 1, 2**64 - 1, None])
def test_nvmls_own_word_for_no_value_is_no_failure(nothing: Any) -> None:
    calls = _calls(power=lambda: nothing)
    assert (calls.number("power", gpu=0, most=2**63), calls.failures) == (None, [])


def test_an_error_without_a_name_keeps_its_number() -> None:
    assert error_name(pynvml.NVMLError(4711)) == "Code4711"
