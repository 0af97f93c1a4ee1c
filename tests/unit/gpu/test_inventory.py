"""The list of GPUs, read once through the simulated library."""

from __future__ import annotations

import json

from tests.unit.nvml.simulation import Simulation

from freehold.gpu.inventory import read_inventory


def test_the_inventory_names_every_gpu(gpus: Simulation) -> None:
    gpus.set(mig=1)
    inventory = read_inventory()
    assert (inventory.available, inventory.simulated, len(inventory.gpus)) == (True, True, 8)
    first = inventory.gpus[0]
    assert (first.name, first.pci_device_id, first.pci_bus_id) == (
        "NVIDIA H200 (simulated)",
        0x233510DE,
        "00000000:1B:00.0",
    )
    assert (first.ecc_enabled, first.mig_enabled, first.lost) == (True, True, False)
    assert len({gpu.uuid for gpu in inventory.gpus}) == 8


def test_a_lost_gpu_is_counted_and_marked(gpus: Simulation) -> None:
    gpus.set(gpu6__lost=1)
    assert [gpu.lost for gpu in read_inventory().gpus] == [False] * 6 + [True, False]


def test_no_driver_is_not_available_with_the_reason(gpus: Simulation) -> None:
    gpus.path.unlink()
    inventory = read_inventory()
    assert (inventory.available, inventory.gpus) == (False, ())
    assert inventory.failures[0].error == "DriverNotLoaded"


def test_it_is_plain_json(gpus: Simulation) -> None:
    del gpus
    assert len(json.loads(json.dumps(read_inventory().as_json()))["gpus"]) == 8
