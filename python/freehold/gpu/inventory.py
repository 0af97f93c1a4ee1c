"""The GPUs of this machine as a list: what a bill of materials, a preflight and `freehold status` ask for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from freehold.gpu.facts import Failure, Gpu
from freehold.gpu.nvml import Nvml


@dataclass(frozen=True)
class Entry:
    """One GPU. None is "it did not say"; ``lost`` means that it is counted but cannot be reached."""

    index: int
    uuid: str | None
    name: str | None
    serial: str | None
    pci_bus_id: str | None
    pci_device_id: int | None
    memory_total_bytes: int | None
    ecc_enabled: bool | None
    mig_enabled: bool | None
    lost: bool


@dataclass(frozen=True)
class Inventory:
    """``available`` is False where NVML did not answer; ``failures`` says why."""

    available: bool
    simulated: bool
    driver_version: str | None
    gpus: tuple[Entry, ...]
    failures: tuple[Failure, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, as ``json`` takes them."""
        return asdict(self)


def read_inventory(module: Any = None) -> Inventory:
    """Open NVML, look, close it. ``module`` stands in for nvidia-ml-py."""
    nvml = Nvml(module)
    try:
        sample = nvml.sample()
    finally:
        nvml.close()
    return Inventory(
        available=sample.answered,
        simulated=sample.simulated,
        driver_version=sample.driver_version,
        gpus=tuple(_entry(gpu) for gpu in sample.gpus),
        failures=sample.failures,
    )


def _entry(gpu: Gpu) -> Entry:
    identity, reading = gpu.identity, gpu.reading
    return Entry(
        index=identity.index,
        uuid=identity.uuid,
        name=identity.name,
        serial=identity.serial,
        pci_bus_id=identity.pci_bus_id,
        pci_device_id=identity.pci_device_id,
        memory_total_bytes=reading.memory_total_bytes if reading else None,
        ecc_enabled=reading.ecc_enabled if reading else None,
        mig_enabled=reading.mig_enabled if reading else None,
        lost=reading is None,
    )
