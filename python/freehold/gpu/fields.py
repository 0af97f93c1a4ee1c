"""Many of NVML's numbered values in one call, in an array that is laid out once for each GPU."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import Array, Structure, byref, c_int
from typing import Any

from freehold.gpu.calls import NOT_AVAILABLE, Calls

CALL = "nvmlDeviceGetFieldValues"

MOST = 2**64 - 1
FieldId = int | tuple[int, int]
"""A field's number, or its number and scope (such as a link)."""

TYPES = {
    "NVML_VALUE_TYPE_DOUBLE": "dVal",
    "NVML_VALUE_TYPE_UNSIGNED_INT": "uiVal",
    "NVML_VALUE_TYPE_UNSIGNED_LONG": "ulVal",
    "NVML_VALUE_TYPE_UNSIGNED_LONG_LONG": "ullVal",
    "NVML_VALUE_TYPE_SIGNED_LONG_LONG": "sllVal",
    "NVML_VALUE_TYPE_SIGNED_INT": "siVal",
    "NVML_VALUE_TYPE_UNSIGNED_SHORT": "usVal",
}


class Fields:
    """``wanted`` names the fields of one GPU.

    nvidia-ml-py builds its array anew at each call, which was half of what a sample cost without call delays.
    """

    def __init__(self, module: Any, wanted: Mapping[str, FieldId]) -> None:
        self._module = module
        self._names = tuple(wanted)
        self._members = {getattr(module, kind): member for kind, member in TYPES.items()}
        # An older driver calls a field that it does not know an invalid argument.
        self._unsupported = (module.NVML_ERROR_NOT_SUPPORTED, module.NVML_ERROR_INVALID_ARGUMENT)
        self._values = _array(module, list(wanted.values()))

    def read(self, calls: Calls, handle: Any, gpu: int) -> dict[str, int] | None:
        """The values by their names, without those that the GPU does not say; None where the call failed."""
        if not calls.run(CALL, self._ask, handle, gpu=gpu):
            return None
        found: dict[str, int] = {}
        for name, field in zip(self._names, self._values, strict=True):
            status = field.nvmlReturn
            if status == 0:
                value = self._number(field)
                if value is None:
                    calls.implausible(f"{CALL}:{name}", gpu)
                elif value not in NOT_AVAILABLE:
                    found[name] = value
            elif status not in self._unsupported:
                calls.failed(gpu, f"{CALL}:{name}", self._module.NVMLError(status))
        return found

    def _number(self, field: Any) -> int | None:
        """None for what is no amount: a type that nobody knows, a number below zero or none at all."""
        member = self._members.get(field.valueType)
        value = -1 if member is None else getattr(field.value, member)
        return int(value) if 0 <= value <= MOST else None

    def _ask(self, handle: Any) -> None:
        library = self._module.nvmlLib
        status = getattr(library, CALL)(handle, c_int(len(self._names)), byref(self._values))
        if status != self._module.NVML_SUCCESS:
            raise self._module.NVMLError(status)


def _array(module: Any, wanted: list[FieldId]) -> Array[Any]:
    # nvidia-ml-py's own layout, without its slow attribute access.
    kind: Any = type("FieldValue", (Structure,), {"_fields_": module.c_nvmlFieldValue_t._fields_})
    values: Array[Any] = (kind * len(wanted))()
    for value, field in zip(values, wanted, strict=True):
        value.fieldId, value.scopeId = field if isinstance(field, tuple) else (field, 0)
    return values
