"""Asking NVML: what fails is written down, not raised, so that one broken sensor never hides the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from freehold.gpu.facts import Failure

NOT_AVAILABLE = frozenset({2**32 - 1, 2**64 - 1})
"""What NVML hands out for "no value" (NVML_VALUE_NOT_AVAILABLE, as 32 and as 64 bits)."""

GONE = frozenset({"Uninitialized", "DriverNotLoaded", "GpuIsLost", "ResetRequired", "LibRmVersionMismatch"})
"""Errors after which handles are worth nothing: the library must be opened anew."""

REPLACED = "LibRmVersionMismatch"
"""The kernel's driver is another one than the library in this process."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Calls:
    """Wraps an NVML module (``pynvml``, or one that looks like it) for the length of one sample."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.failures: list[Failure] = []

    def ask(self, call: str, *args: Any, gpu: int | None = None, means: Mapping[str, Any] = NOTHING) -> Any:
        """The function's answer; None if it is not supported (no failure) or failed (a failure).

        ``means`` are errors that are answers, such as NotFound for an empty list, and what they mean.
        """
        return self._call(call, *args, gpu=gpu, means=means)[1]

    def do(self, call: str, *args: Any, gpu: int | None = None) -> bool:
        """Whether a function that answers nothing did its work."""
        return self._call(call, *args, gpu=gpu)[0]

    def run(self, call: str, function: Callable[..., Any], *args: Any, gpu: int) -> bool:
        """Whether ``function``, which asks NVML's ``call`` by itself, did its work."""
        return self._tried(call, lambda: function(*args), gpu, NOTHING)[0]

    def _call(self, call: str, *args: Any, gpu: int | None, means: Mapping[str, Any] = NOTHING) -> tuple[bool, Any]:
        return self._tried(call, lambda: getattr(self.module, call)(*args), gpu, means)

    def _tried(
        self, call: str, function: Callable[[], Any], gpu: int | None, means: Mapping[str, Any]
    ) -> tuple[bool, Any]:
        try:
            return True, function()
        except AttributeError:
            pass  # this nvidia-ml-py, or this driver, is older than the function
        except self.module.NVMLError as error:
            if error_name(error) in means:
                return True, means[error_name(error)]
            self.failed(gpu, call, error)
        except (ValueError, TypeError, OSError) as error:
            # An answer that nvidia-ml-py itself cannot digest, such as a name that is no UTF-8.
            self.failures.append(Failure(gpu, call, type(error).__name__))
        return False, None

    def number(self, call: str, *args: Any, gpu: int | None, most: int) -> int | None:
        """A whole number from 0 to ``most``; anything else is garbage, which is a failure and no value."""
        return self.checked(self.ask(call, *args, gpu=gpu), call, gpu=gpu, most=most)

    def checked(self, value: Any, call: str, *, gpu: int | None, most: int) -> int | None:
        """``value`` if it is a whole number from 0 to ``most``."""
        if value is None or value in NOT_AVAILABLE:
            return None
        if isinstance(value, int) and 0 <= value <= most:
            return value
        self.implausible(call, gpu)
        return None

    def implausible(self, call: str, gpu: int | None) -> None:
        """Write down that an answer cannot be true."""
        self.failures.append(Failure(gpu, call, "Implausible"))

    def failed(self, gpu: int | None, call: str, error: Any) -> None:
        """Write down an NVMLError, unless it says that there is nothing to be had."""
        if error.value not in (self.module.NVML_ERROR_NOT_SUPPORTED, self.module.NVML_ERROR_FUNCTION_NOT_FOUND):
            self.failures.append(Failure(gpu, call, error_name(error)))

    @property
    def handles_are_gone(self) -> bool:
        """Whether something failed in the way that only opening the library anew can mend."""
        return any(failure.error in GONE for failure in self.failures)

    @property
    def library_is_old(self) -> bool:
        """Whether the driver is another one than this process's library, which only another process can load."""
        return any(failure.error == REPLACED for failure in self.failures)


def error_name(error: Any) -> str:
    """A stable word for an NVMLError: ``GpuIsLost``, ``Unknown``, or ``Code29`` where nvidia-ml-py has no name."""
    name = type(error).__name__
    return name.removeprefix("NVMLError_") if name.startswith("NVMLError_") else f"Code{error.value}"
