"""Asking NVML: what fails is written down, not raised, so that one broken sensor never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from freehold.gpu.facts import Failure

NOT_AVAILABLE = frozenset({2**32 - 1, 2**64 - 1})
"""What NVML hands out for "no value" (NVML_VALUE_NOT_AVAILABLE, as 32 and as 64 bits)."""

GONE = frozenset({"Uninitialized", "DriverNotLoaded", "GpuIsLost", "ResetRequired", "LibRmVersionMismatch"})
"""Errors after which handles are worth nothing: the library must be opened anew."""

FieldId = int | tuple[int, int]
"""A field's number, or its number and scope (such as a link)."""


class Calls:
    """Wraps an NVML module (``pynvml``, or one that looks like it) for the length of one sample."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.failures: list[Failure] = []

    def ask(self, call: str, *args: Any, gpu: int | None = None) -> Any:
        """The function's answer; None if it is not supported (no failure) or failed (a failure)."""
        return self._call(call, *args, gpu=gpu)[1]

    def do(self, call: str, *args: Any, gpu: int | None = None) -> bool:
        """Whether a function that answers nothing did its work."""
        return self._call(call, *args, gpu=gpu)[0]

    def _call(self, call: str, *args: Any, gpu: int | None) -> tuple[bool, Any]:
        try:
            return True, getattr(self.module, call)(*args)
        except AttributeError:
            pass  # this nvidia-ml-py is older than the function
        except self.module.NVMLError as error:
            self._failed(gpu, call, error)
        except (ValueError, TypeError, OSError) as error:
            # An answer that nvidia-ml-py itself cannot digest, such as a name that is no UTF-8.
            self.failures.append(Failure(gpu, call, type(error).__name__))
        return False, None

    def number(self, call: str, *args: Any, gpu: int, most: int) -> int | None:
        """A whole number from 0 to ``most``; anything else is garbage, which is a failure and no value."""
        return self.checked(self.ask(call, *args, gpu=gpu), call, gpu=gpu, most=most)

    def checked(self, value: Any, call: str, *, gpu: int, most: int) -> int | None:
        """``value`` if it is a whole number from 0 to ``most``."""
        if value is None or value in NOT_AVAILABLE:
            return None
        if isinstance(value, int) and 0 <= value <= most:
            return value
        self.failures.append(Failure(gpu, call, "Implausible"))
        return None

    def fields(self, handle: Any, wanted: Mapping[str, FieldId], *, gpu: int) -> dict[str, int]:
        """Several of NVML's numbered fields in one call, by the names given to them; without a value it is left out."""
        call = "nvmlDeviceGetFieldValues"
        answer = self.ask(call, handle, list(wanted.values()), gpu=gpu)
        found: dict[str, int] = {}
        for name, field in zip(wanted, answer or (), strict=False):
            if field.nvmlReturn == self.module.NVML_SUCCESS:
                value = _field_value(self.module, field)
                if value not in NOT_AVAILABLE:
                    found[name] = value
            elif field.nvmlReturn not in self._unsupported_field:
                self._failed(gpu, f"{call}:{name}", self.module.NVMLError(field.nvmlReturn))
        return found

    @property
    def _unsupported_field(self) -> tuple[int, ...]:
        # An older driver calls a field that it does not know an invalid argument.
        module = self.module
        return (module.NVML_ERROR_NOT_SUPPORTED, module.NVML_ERROR_INVALID_ARGUMENT)

    def _failed(self, gpu: int | None, call: str, error: Any) -> None:
        if error.value not in (self.module.NVML_ERROR_NOT_SUPPORTED, self.module.NVML_ERROR_FUNCTION_NOT_FOUND):
            self.failures.append(Failure(gpu, call, error_name(error)))

    @property
    def handles_are_gone(self) -> bool:
        """Whether something failed in the way that only opening the library anew can mend."""
        return any(failure.error in GONE for failure in self.failures)


def error_name(error: Any) -> str:
    """A stable word for an NVMLError: ``GpuIsLost``, ``Unknown``, or ``Code29`` where nvidia-ml-py has no name."""
    name = type(error).__name__
    return name.removeprefix("NVMLError_") if name.startswith("NVMLError_") else f"Code{error.value}"


def _field_value(module: Any, field: Any) -> int:
    members: dict[int, Callable[[Any], Any]] = {
        module.NVML_VALUE_TYPE_DOUBLE: lambda value: value.dVal,
        module.NVML_VALUE_TYPE_UNSIGNED_INT: lambda value: value.uiVal,
        module.NVML_VALUE_TYPE_UNSIGNED_LONG: lambda value: value.ulVal,
        module.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: lambda value: value.ullVal,
        module.NVML_VALUE_TYPE_SIGNED_LONG_LONG: lambda value: value.sllVal,
        module.NVML_VALUE_TYPE_SIGNED_INT: lambda value: value.siVal,
        module.NVML_VALUE_TYPE_UNSIGNED_SHORT: lambda value: value.usVal,
    }
    return int(members[field.valueType](field.value))
